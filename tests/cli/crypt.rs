//! Faults of the programs that sign and encrypt: nothing is sent, and never a byte of plain text.
//! `tests/interop/crypt.rs` has the programs themselves.

use crate::program::{Ehlo, Run};
use crate::receiver::Receiver;
use std::fs;
use std::io::ErrorKind;
use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

const MARKER: &str = "plain text";

/// What a program in place of gpg or openssl does, and what is reported.
struct Fault {
    name: &'static str,
    script: &'static str,
    exit: i32,
    words: &'static str,
}

const fn fault(name: &'static str, script: &'static str, exit: i32, words: &'static str) -> Fault {
    Fault {
        name,
        script,
        exit,
        words,
    }
}

const ARMOR: &str = "armor() { echo '-----BEGIN PGP MESSAGE-----'; base64; echo '-----END PGP MESSAGE-----'; }\n\
    say() { echo \"[GNUPG:] $*\" >&2; }\n\
    case \"$*\" in *--list-keys*|*--show-keys*) exit 2 ;; esac\n";

const ENCRYPT_PGP: [Fault; 25] = [
    fault(
        "fails at once",
        "echo 'gpg: broken' >&2; exit 2",
        69,
        "gpg: broken (exit status 2)",
    ),
    fault(
        "fails at its end",
        "armor; say END_ENCRYPTION; exit 1",
        69,
        "exit status 1",
    ),
    fault("is killed before its output", "kill -9 $$", 69, "signal 9"),
    fault(
        "is killed after its output",
        "armor; say END_ENCRYPTION; kill -9 $$",
        69,
        "signal 9",
    ),
    fault(
        "hangs before its output",
        "exec sleep 600",
        69,
        "did nothing for 1 seconds",
    ),
    fault(
        "hangs after its output",
        "armor; say END_ENCRYPTION; exec sleep 600",
        69,
        "did nothing for 1 seconds",
    ),
    fault(
        "encrypts nothing",
        "cat >/dev/null; say END_ENCRYPTION",
        69,
        "--encrypt pgp: gpg failed",
    ),
    fault(
        "does not report success",
        "armor",
        69,
        "--encrypt pgp: gpg failed",
    ),
    fault(
        "passes the text on",
        "cat; say END_ENCRYPTION",
        69,
        "not in the form",
    ),
    fault(
        "passes the text on after a line",
        "echo x; cat; say END_ENCRYPTION",
        69,
        "not in the form",
    ),
    fault(
        "reads nothing",
        "exec <&-; echo '-----BEGIN PGP MESSAGE-----'; say END_ENCRYPTION",
        69,
        "did not read the whole message",
    ),
    fault(
        "truncates its output and reports success",
        "armor | head -c 5000; cat >/dev/null; say END_ENCRYPTION",
        69,
        "--encrypt pgp: gpg failed",
    ),
    fault(
        "ends after a line and reports success",
        "echo '-----BEGIN PGP MESSAGE-----'; cat >/dev/null; say END_ENCRYPTION",
        69,
        "--encrypt pgp: gpg failed",
    ),
    fault(
        "writes the text after the encrypted message",
        "tee copy | armor; cat copy; say END_ENCRYPTION",
        69,
        "--encrypt pgp: gpg failed",
    ),
    fault(
        "leaves a process that keeps its output open",
        "(sleep 5; cat) & exit 2",
        69,
        "gpg failed: exit status 2",
    ),
    fault(
        "makes a detached signature instead",
        "cat >/dev/null; echo '-----BEGIN PGP SIGNATURE-----'; echo '-----END PGP SIGNATURE-----'; say END_ENCRYPTION",
        69,
        "not in the form",
    ),
    fault(
        "writes endless messages",
        "cat >/dev/null; yes '[GNUPG:] END_ENCRYPTION' | head -c 3000000 >&2; exit 0",
        69,
        "--encrypt pgp: gpg failed",
    ),
    fault("cannot be run", "", 69, "cannot run gpg"),
    fault(
        "has no key",
        "cat >/dev/null; say 'INV_RECP 1 <bob@hamburger.edu>'; exit 2",
        65,
        "there is no key for <bob@hamburger.edu>; give it with --encrypt-key FILE",
    ),
    fault(
        "does not trust a key",
        "say 'INV_RECP 10 <bob@hamburger.edu>'; exit 2",
        65,
        "is not trusted for <bob@hamburger.edu>",
    ),
    fault(
        "has two keys",
        "say 'INV_RECP 2 <bob@hamburger.edu>'; exit 2",
        65,
        "several keys for <bob@hamburger.edu>",
    ),
    fault(
        "has a revoked key",
        "say 'INV_RECP 4 <bob@hamburger.edu>'; exit 2",
        65,
        "revoked for <bob@hamburger.edu>",
    ),
    fault(
        "has an expired key",
        "say 'INV_RECP 5 <bob@hamburger.edu>'; exit 2",
        65,
        "expired for <bob@hamburger.edu>",
    ),
    fault(
        "has a key but for one of three",
        "say 'INV_RECP 1 <d@hamburger.edu>'; armor; exit 2",
        65,
        "there is no key for <d@hamburger.edu>",
    ),
    fault(
        "has a key and reports none",
        "say 'INV_RECP 1 <d@hamburger.edu>'; armor; say END_ENCRYPTION; exit 2",
        65,
        "<d@hamburger.edu>",
    ),
];

const SIGN_PGP: [Fault; 10] = [
    fault(
        "has no key",
        "cat >/dev/null; say 'INV_SGNR 9 <alice@crepes.fr>'; say 'FAILURE sign 17'; exit 2",
        78,
        "<alice@crepes.fr>; name a key with --sign-key",
    ),
    fault(
        "cannot ask for a passphrase",
        "say 'FAILURE sign 83918950'; echo 'gpg: signing failed: Inappropriate ioctl for device' >&2; exit 2",
        78,
        "Inappropriate ioctl for device",
    ),
    fault("fails at once", "exit 2", 69, "exit status 2"),
    fault(
        "signs nothing",
        "cat >/dev/null; say SIG_CREATED D 22 8 00 1 AA",
        69,
        "--sign pgp: gpg failed",
    ),
    fault(
        "passes the text on",
        "cat; say SIG_CREATED D 22 8 00 1 AA",
        69,
        "--sign pgp: gpg failed",
    ),
    fault(
        "truncates the signature and reports success",
        "cat >/dev/null; echo '-----BEGIN PGP SIGNATURE-----'; echo iHUE; say SIG_CREATED D 22 8 00 1 AA",
        69,
        "--sign pgp: gpg failed",
    ),
    fault(
        "signs without end",
        "cat >/dev/null; echo '-----BEGIN PGP SIGNATURE-----'; exec yes",
        69,
        "--sign pgp: gpg failed: its output is too long",
    ),
    fault("is killed", "cat >/dev/null; kill -9 $$", 69, "signal 9"),
    fault("hangs", "exec sleep 600", 69, "did nothing for 1 seconds"),
    fault("cannot be run", "", 69, "cannot run gpg"),
];

const BOTH_PGP: [Fault; 3] = [
    fault(
        "does not sign",
        "armor; say END_ENCRYPTION",
        69,
        "gpg failed",
    ),
    fault(
        "has no key to sign with",
        "say 'INV_SGNR 9 <alice@crepes.fr>'; exit 2",
        78,
        "<alice@crepes.fr>",
    ),
    fault(
        "cannot ask for a passphrase",
        "cat >/dev/null; say 'FAILURE sign-encrypt 83886179'; exit 2",
        78,
        "--sign pgp",
    ),
];

/// `mark` prints the beginning of an encrypted structure of CMS.
const CMS: &str = "mark() { printf '\\060\\200\\006\\011\\052\\206\\110\\206\\367\\015\\001\\007\\003\\240\\200\\060\\200'; }\n";

const ENCRYPT_SMIME: [Fault; 12] = [
    fault(
        "fails at once",
        "echo broken >&2; exit 1",
        69,
        "openssl failed: broken (exit status 1)",
    ),
    fault("is killed", "mark; kill -9 $$", 69, "signal 9"),
    fault("hangs", "exec sleep 600", 69, "did nothing for 1 seconds"),
    fault(
        "encrypts nothing",
        "cat >/dev/null",
        69,
        "--encrypt smime: openssl failed",
    ),
    fault(
        "truncates its output and reports success",
        "mark; cat >/dev/null",
        69,
        "--encrypt smime: openssl failed",
    ),
    fault(
        "writes the text after the beginning",
        "mark; cat",
        69,
        "--encrypt smime: openssl failed",
    ),
    fault(
        "cannot be executed",
        "exec /dev/null",
        69,
        "--encrypt smime: openssl failed",
    ),
    fault("passes the text on", "cat", 69, "not in the form"),
    fault(
        "passes the text on after an octet",
        "printf 0; cat",
        69,
        "not in the form",
    ),
    fault(
        "reads nothing",
        "exec <&-; mark; printf x",
        69,
        "did not read the whole message",
    ),
    fault(
        "fails at its end",
        "mark; cat >/dev/null; exit 1",
        69,
        "exit status 1",
    ),
    fault("cannot be run", "", 69, "cannot run openssl"),
];

/// The signature and the encryption run at the same time.
const BOTH_SMIME: [Fault; 12] = [
    fault("does not sign", "sign() { exit 1; }", 69, SIGN_FAILED),
    fault(
        "fails at the end of the signature",
        "sign() { cat >/dev/null; echo broken >&2; exit 1; }",
        69,
        "--sign smime: openssl failed: broken",
    ),
    fault(
        "is killed while it signs",
        "sign() { head -c 9000 >/dev/null; kill -9 $$; }",
        69,
        SIGN_FAILED,
    ),
    fault(
        "hangs while it signs",
        "sign() { exec sleep 600; }",
        69,
        "--sign smime: openssl did nothing for 1 seconds",
    ),
    fault(
        "signs nothing",
        "sign() { cat >/dev/null; }",
        69,
        SIGN_FAILED,
    ),
    fault(
        "truncates the signature and reports success",
        "sign() { cat >/dev/null; printf '0\\202\\004\\000abc'; }",
        69,
        SIGN_FAILED,
    ),
    fault(
        "encrypts a part, and reports success",
        "encrypt() { mark; cat >/dev/null; }",
        69,
        "--encrypt smime: openssl failed",
    ),
    fault(
        "passes the text on instead of a signature",
        "sign() { cat; }",
        69,
        SIGN_FAILED,
    ),
    fault(
        "signs a part",
        "sign() { exec <&-; printf 0x; }",
        69,
        "--sign smime: openssl failed: it did not read the whole message",
    ),
    fault(
        "does not encrypt",
        "encrypt() { exit 1; }",
        69,
        "--encrypt smime: openssl failed",
    ),
    fault(
        "is killed while it encrypts",
        "encrypt() { mark; head -c 9000 >/dev/null; kill -9 $$; }",
        69,
        "--encrypt smime: openssl failed: signal 9",
    ),
    fault(
        "hangs while it encrypts",
        "encrypt() { exec sleep 600; }",
        69,
        "--encrypt smime: openssl did nothing for 1 seconds",
    ),
];

/// Runs the function `sign` or `encrypt`. A fault replaces one of them.
const BOTH_CMS: &str = "\
    mark() { printf '\\060\\200\\006\\011\\052\\206\\110\\206\\367\\015\\001\\007\\003\\240\\200\\060\\200'; }\n\
    sign() { cat >/dev/null; printf '0\\000'; }\n\
    encrypt() { mark; cat >/dev/null; head -c 10 /dev/zero; }\n";

const SIGN_FAILED: &str = "--sign smime: openssl failed";

/// Runs a command with a program in place of gpg and openssl.
fn run(fault: &Fault, prelude: &str, arguments: &[&str]) -> Run {
    let ehlo = Ehlo::new();
    let end = if prelude == BOTH_CMS {
        "case \"$*\" in *-sign*) sign ;; *) encrypt ;; esac"
    } else {
        ""
    };
    let text = format!("#!/bin/sh\n{prelude}{}\n{end}\n", fault.script);
    for name in ["gpg", "openssl"] {
        if !fault.script.is_empty() {
            ehlo.script(name, &text);
        }
    }
    let path = if fault.script.is_empty() {
        "/nonexistent".to_owned()
    } else {
        format!("{}:/usr/bin:/bin", ehlo.path("").display())
    };
    let idle = if fault.name.starts_with("hangs") {
        "1"
    } else {
        "300"
    };
    // More than a pipe holds.
    let body = format!("{MARKER}\n").repeat(20_000);
    ehlo.args(arguments)
        .env("PATH", path)
        .env("EHLO_CRYPT_IDLE", idle)
        .input(body)
        .run()
}

fn is_empty(server: &Receiver) -> bool {
    fs::read(server.path("mbox")).unwrap_or_default().is_empty()
}

fn nothing_is_sent(faults: &[Fault], prelude: &str, options: &[&str]) {
    // A server that is not even connected to gets no plain text.
    let server = TcpListener::bind("127.0.0.1:0").unwrap();
    server.set_nonblocking(true).unwrap();
    let relay = server.local_addr().unwrap().to_string();
    let letter = [
        "--relay",
        &relay,
        "-f",
        "alice@crepes.fr",
        "-s",
        "hi",
        "a@hamburger.edu",
        "bob@hamburger.edu",
        "d@hamburger.edu",
    ];
    for fault in faults {
        let run = run(fault, prelude, &[&letter[..], options].concat());
        assert_eq!(run.exit, Some(fault.exit), "{}: {}", fault.name, run.stderr);
        assert!(
            run.stderr.contains(fault.words),
            "{}: {}",
            fault.name,
            run.stderr
        );
        assert_eq!(run.stdout, "", "{}", fault.name);
        assert!(
            !run.stderr.contains(MARKER),
            "{}: {}",
            fault.name,
            run.stderr
        );
        let connection = server.accept().map(|_| ());
        assert_eq!(
            connection.unwrap_err().kind(),
            ErrorKind::WouldBlock,
            "{}",
            fault.name
        );
    }
}

#[test]
fn nothing_is_sent_if_openpgp_encryption_fails() {
    nothing_is_sent(&ENCRYPT_PGP, ARMOR, &["--encrypt", "pgp"]);
}

#[test]
fn nothing_is_sent_if_an_openpgp_signature_fails() {
    nothing_is_sent(&SIGN_PGP, ARMOR, &["--sign", "pgp"]);
    nothing_is_sent(&BOTH_PGP, ARMOR, &["--sign", "pgp", "--encrypt", "pgp"]);
}

#[test]
fn nothing_is_sent_if_smime_encryption_fails() {
    let directory = tempfile::tempdir().unwrap();
    let mut options = vec!["--encrypt".to_owned(), "smime".to_owned()];
    for name in ["a", "bob", "d"] {
        let path = directory.path().join(format!("{name}.crt"));
        fs::write(&path, certificate(&format!("{name}@hamburger.edu"), 4096)).unwrap();
        options.extend(["--encrypt-key".to_owned(), path.display().to_string()]);
    }
    let options: Vec<&str> = options.iter().map(String::as_str).collect();
    nothing_is_sent(&ENCRYPT_SMIME, CMS, &options);
    let key = directory.path().join("alice.pem");
    fs::write(&key, signing_key("alice@crepes.fr")).unwrap();
    fs::set_permissions(&key, fs::Permissions::from_mode(0o600)).unwrap();
    let sign = ["--sign", "smime", "--sign-key", key.to_str().unwrap()];
    nothing_is_sent(&BOTH_SMIME, BOTH_CMS, &[&options[..], &sign].concat());
    // The certificates are not checked, and the exit status is 0.
    let unchecked = [fault(
        "checks nothing",
        "case $1 in verify) exit 0 ;; esac; mark; cat >/dev/null; head -c 10 /dev/zero",
        65,
        "a.crt cannot be checked by openssl: its output is incomplete, for <a@hamburger.edu>",
    )];
    let ca = ["--smime-ca", options[3]];
    nothing_is_sent(&unchecked, CMS, &[&options[..], &ca].concat());
    // One of the three has none.
    let missing = [fault(
        "is not run",
        "cat",
        65,
        "there is no certificate for <d@hamburger.edu>",
    )];
    nothing_is_sent(&missing, "", &options[..6]);
    // One has expired.
    let path = directory.path().join("old.crt");
    fs::write(&path, certificate("d@hamburger.edu", 2020)).unwrap();
    let expired = [fault(
        "is not run",
        "cat",
        65,
        "has expired, for <d@hamburger.edu>",
    )];
    let old = ["--encrypt-key", path.to_str().unwrap()];
    nothing_is_sent(&expired, "", &[&options[..6], &old].concat());
}

/// A certificate for an address until the beginning of a year, in PEM.
fn certificate(address: &str, year: i32) -> String {
    let key = rcgen::KeyPair::generate().unwrap();
    let mut parameters = rcgen::CertificateParams::default();
    parameters.not_after = rcgen::date_time_ymd(year, 1, 1);
    let name = rcgen::SanType::Rfc822Name(address.try_into().unwrap());
    parameters.subject_alt_names.push(name);
    parameters.self_signed(&key).unwrap().pem()
}

/// A key with its certificate for an address, in PEM.
fn signing_key(address: &str) -> String {
    let key = rcgen::KeyPair::generate().unwrap();
    let mut parameters = rcgen::CertificateParams::default();
    let name = rcgen::SanType::Rfc822Name(address.try_into().unwrap());
    parameters.subject_alt_names.push(name);
    let certificate = parameters.self_signed(&key).unwrap();
    key.serialize_pem() + &certificate.pem()
}

#[test]
fn message_that_cannot_be_stored_encrypted_is_not_sent() {
    let server = Receiver::start(&["--mbox", "mbox"]);
    // Beyond a mebibyte, it needs a temporary file.
    let script =
        format!("#!/bin/sh\n{ARMOR}head -c 3000000 /dev/zero | armor\nsay END_ENCRYPTION\n");
    let letter = [
        "--relay",
        &server.relay(),
        "-f",
        "alice@crepes.fr",
        "--encrypt",
        "pgp",
        "bob@hamburger.edu",
    ];
    // A directory that does not exist, and a file that must not grow: as on a full disk.
    let limited = [
        "-c",
        "ulimit -f 2100; exec \"$0\" \"$@\"",
        env!("CARGO_BIN_EXE_ehlo"),
    ];
    let text = format!("{MARKER}\n").repeat(200_000);
    for (is_limited, input) in [(false, MARKER), (true, MARKER), (true, &text)] {
        let ehlo = if is_limited {
            Ehlo::through("/bin/sh").args(limited)
        } else {
            Ehlo::new().env("TMPDIR", "/nonexistent")
        };
        let path = ehlo.script("gpg", &script);
        let directory = path.parent().unwrap().display().to_string();
        let (run, home) = ehlo
            .args(letter)
            .env("PATH", format!("{directory}:/usr/bin:/bin"))
            .input(input)
            .run_in_home();
        let what = if input == MARKER {
            "the encrypted message"
        } else {
            "standard input"
        };
        run.exits(75)
            .says(&[&format!("cannot keep {what} in a temporary file")]);
        assert!(is_empty(&server));
        assert_eq!(files_with(MARKER, home.path()), Vec::<PathBuf>::new());
    }
}

#[test]
fn message_without_a_form_of_7_bit_is_not_sent() {
    let server = Receiver::start(&["--mbox", "mbox"]);
    let signed = "Content-Type: multipart/signed; boundary=s; protocol=\"application/pgp-signature\"\n\n\
        --s\nContent-Type: text/plain; charset=utf-8\nContent-Transfer-Encoding: 8bit\n\nplain text \u{fc}\n\
        --s\nContent-Type: application/pgp-signature\n\nx\n--s--\n";
    let message = format!(
        "From: alice@crepes.fr\nTo: bob@hamburger.edu\nMIME-Version: 1.0\n\
         Content-Type: multipart/mixed; boundary=m\n\n--m\n{signed}\n--m--\n"
    );
    for options in [
        ["--sign", "pgp"],
        ["--encrypt", "pgp"],
        ["--encrypt", "smime"],
    ] {
        let ehlo = Ehlo::new();
        let path = ehlo.file("message.eml", &message);
        let run = ehlo
            .args([
                "--relay",
                &server.relay(),
                "--message",
                path.to_str().unwrap(),
            ])
            .args(options)
            .run();
        run.exits(65)
            .says(&[&options.join(" "), "must not be changed"]);
        assert!(is_empty(&server));
    }
}

#[test]
fn options_without_the_one_that_they_belong_to_are_refused() {
    for options in [
        &["--encrypt-key", "k"][..],
        &["--hide-subject"],
        &["--wkd"],
        &["--sign-key", "0xA"],
        &["--wkd", "--encrypt", "smime"],
    ] {
        let run = Ehlo::new()
            .args(["--print", "-b", "x", "bob@hamburger.edu"])
            .args(options)
            .run();
        run.exits(64).complains(1).says(&["requires"]);
    }
}

/// The files below a directory that have a text.
fn files_with(text: &str, directory: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(directory).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(files_with(text, &path));
        } else if String::from_utf8_lossy(&fs::read(&path).unwrap()).contains(text) {
            found.push(path);
        }
    }
    found
}

const NO_KEY: Fault = fault(
    "has no key",
    "say 'INV_RECP 1 <bob@hamburger.edu>'; exit 2",
    65,
    "",
);

/// Runs a command whose mail cannot be encrypted, and looks for its text.
fn text_is_nowhere(ehlo: Ehlo, exit: i32) {
    let gpg = format!("#!/bin/sh\n{ARMOR}{}\n", NO_KEY.script);
    ehlo.script("gpg", gpg);
    let home = ehlo.path("");
    let path = format!("{}:/usr/bin:/bin", home.display());
    let (run, home) = ehlo
        .env("PATH", path)
        .input(format!("{MARKER}\n").repeat(20_000))
        .run_in_home();
    run.exits(exit).says(&[
        "was not saved, because it cannot be encrypted",
        "are not shown",
    ]);
    for text in [MARKER, "secret subject"] {
        assert!(!run.stderr.contains(text), "{}", run.stderr);
        assert_eq!(
            files_with(text, home.path()),
            Vec::<PathBuf>::new(),
            "{text}"
        );
    }
    assert_eq!(run.stdout, "");
}

#[test]
fn mail_of_a_job_that_cannot_be_encrypted_is_neither_shown_nor_saved() {
    let to = [
        "--to",
        "bob@hamburger.edu",
        "-s",
        "secret subject",
        "--no-queue",
    ];
    let encrypt = ["--encrypt", "pgp"];
    text_is_nowhere(Ehlo::new().args(["notify"]).args(to).args(encrypt), 65);
    let job = [
        "--when",
        "always",
        "--",
        "sh",
        "-c",
        "yes plain\\ text | head -n 20000",
    ];
    text_is_nowhere(
        Ehlo::new().args(["run"]).args(to).args(encrypt).args(job),
        65,
    );
    // The configuration cannot be used, and would encrypt.
    for config in [
        "default = \"p\"\n[profile.p]\nencrypt = \"pgp\"\nrelay = \"mail.example\"\n[queue]\ngive-up = \"x\"\n",
        "default = \"p\"\n[profile.p]\n \"encrypt\"=\"pgp\"\nrelay = \"mail\n",
    ] {
        let ehlo = Ehlo::new();
        let path = ehlo.private("config.toml", config);
        text_is_nowhere(ehlo.args(["notify"]).args(to).env("EHLO_CONFIG", path), 78);
    }
}

/// Copies the files without a name that the program has open, and encrypts nothing.
const SPY: &str = "number=0\n\
    for fd in /proc/$PPID/fd/*; do\n\
        case $(readlink $fd) in *'(deleted)') number=$((number + 1)); cat $fd >\"$SPY/$number\" ;; esac\n\
    done\n\
    armor; say END_ENCRYPTION; say SIG_CREATED D 22 8 00 1 AA\n";

#[test]
fn temporary_files_of_messages_that_are_encrypted_have_no_text() {
    let text = format!("{MARKER} \nFrom here\n").repeat(150_000);
    let to = [
        "-f",
        "alice@crepes.fr",
        "bob@hamburger.edu",
        "--encrypt",
        "pgp",
    ];
    let ready = format!("From: alice@crepes.fr\nTo: bob@hamburger.edu\nSubject: hi\n\n{text}");
    let session = format!(
        "EHLO x\r\nMAIL FROM:<alice@crepes.fr>\r\nRCPT TO:<bob@hamburger.edu>\r\nDATA\r\n{}.\r\nQUIT\r\n",
        ready.replace('\n', "\r\n")
    );
    let config = "default = \"p\"\n[profile.p]\nfrom = \"alice@crepes.fr\"\nrelay = \"127.0.0.1:1\"\nencrypt = \"pgp\"\n";
    let job = "i=0; while [ $i -lt 40000 ]; do echo plain\\ text $i; i=$((i + 1)); done";
    let cases: [(&str, &[&str], &str); 7] = [
        ("", &["--print"], &text),
        ("", &["--print", "-b", "x", "-a", "-;name=log.txt"], &text),
        ("", &["--print", "--message", "-"], &ready),
        (
            "run",
            &["--no-queue", "--when", "always", "--", "sh", "-c", job],
            "",
        ),
        ("notify", &["--no-queue"], &text),
        ("sendmail", &["-bs"], &session),
        (
            "sendmail",
            &["-f", "alice@crepes.fr", "bob@hamburger.edu"],
            &ready,
        ),
    ];
    for (command, options, input) in cases {
        let ehlo = Ehlo::new();
        ehlo.script("gpg", format!("#!/bin/sh\n{ARMOR}{SPY}"));
        let config = ehlo.private("config.toml", config);
        let spied = ehlo.path("spied");
        fs::create_dir(&spied).unwrap();
        let path = format!("{}:/usr/bin:/bin", ehlo.path("").display());
        let ehlo = match command {
            "" => ehlo.args(to),
            "sendmail" => ehlo.args(["sendmail"]).env("EHLO_CONFIG", config),
            command => ehlo.args([
                command,
                "--to",
                "bob@hamburger.edu",
                "--relay",
                "127.0.0.1:1",
                "-s",
                "hi",
                "--encrypt",
                "pgp",
            ]),
        };
        let (run, home) = ehlo
            .args(options)
            .env("PATH", path)
            .env("SPY", &spied)
            .input(input)
            .run_in_home();
        let place = format!("{command} {options:?}: {}", run.stderr);
        let files: Vec<PathBuf> = fs::read_dir(&spied)
            .unwrap()
            .map(|entry| entry.unwrap().path())
            .collect();
        let sizes: Vec<u64> = files
            .iter()
            .map(|file| file.metadata().unwrap().len())
            .collect();
        assert!(
            sizes.iter().any(|size| *size > 20_000),
            "{place}: {sizes:?}"
        );
        for file in &files {
            let octets = fs::read(file).unwrap();
            assert!(
                !String::from_utf8_lossy(&octets).contains("plain"),
                "{place}"
            );
            // The format of gzip has the text in it.
            assert!(!octets.starts_with(&[0x1f, 0x8b]), "{place}");
        }
        assert_eq!(
            files_with(MARKER, home.path()),
            Vec::<PathBuf>::new(),
            "{place}"
        );
    }
}
