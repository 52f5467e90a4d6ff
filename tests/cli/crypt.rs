//! Faults of the programs that sign and encrypt: nothing is sent, and never a byte of plain text.
//! `tests/interop/crypt.rs` has the programs themselves.

use crate::program::{Ehlo, Run};
use crate::receiver::Receiver;
use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt as _;

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

const ENCRYPT_PGP: [Fault; 19] = [
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

const SIGN_PGP: [Fault; 8] = [
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

const ENCRYPT_SMIME: [Fault; 8] = [
    fault(
        "fails at once",
        "echo broken >&2; exit 1",
        69,
        "openssl failed: broken (exit status 1)",
    ),
    fault("is killed", "printf 0; kill -9 $$", 69, "signal 9"),
    fault("hangs", "exec sleep 600", 69, "did nothing for 1 seconds"),
    fault(
        "encrypts nothing",
        "cat >/dev/null",
        69,
        "--encrypt smime: openssl failed",
    ),
    fault("passes the text on", "cat", 69, "not in the form"),
    fault(
        "reads nothing",
        "exec <&-; printf 0x",
        69,
        "did not read the whole message",
    ),
    fault(
        "fails at its end",
        "printf 0; cat >/dev/null; exit 1",
        69,
        "exit status 1",
    ),
    fault("cannot be run", "", 69, "cannot run openssl"),
];

/// Runs a command with a program in place of gpg and openssl.
fn run(fault: &Fault, prelude: &str, arguments: &[&str]) -> Run {
    let ehlo = Ehlo::new();
    let text = format!("#!/bin/sh\n{prelude}{}\n", fault.script);
    for name in ["gpg", "openssl"] {
        if !fault.script.is_empty() {
            let path = ehlo.file(name, &text);
            fs::set_permissions(&path, Permissions::from_mode(0o755)).unwrap();
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
    let server = Receiver::start(&["--mbox", "mbox"]);
    let relay = server.relay();
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
        assert!(is_empty(&server), "{}", fault.name);
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
        fs::write(&path, certificate(&format!("{name}@hamburger.edu"))).unwrap();
        options.extend(["--encrypt-key".to_owned(), path.display().to_string()]);
    }
    let options: Vec<&str> = options.iter().map(String::as_str).collect();
    nothing_is_sent(&ENCRYPT_SMIME, "", &options);
    // One of the three has none.
    let missing = [fault(
        "is not run",
        "cat",
        65,
        "there is no certificate for <d@hamburger.edu>",
    )];
    nothing_is_sent(&missing, "", &options[..6]);
}

/// A certificate for an address, in PEM.
fn certificate(address: &str) -> String {
    let key = rcgen::KeyPair::generate().unwrap();
    let mut parameters = rcgen::CertificateParams::default();
    let name = rcgen::SanType::Rfc822Name(address.try_into().unwrap());
    parameters.subject_alt_names.push(name);
    parameters.self_signed(&key).unwrap().pem()
}

#[test]
fn message_that_cannot_be_stored_encrypted_is_not_sent() {
    let server = Receiver::start(&["--mbox", "mbox"]);
    let ehlo = Ehlo::new();
    // Beyond a mebibyte, it needs a temporary file.
    let script =
        format!("#!/bin/sh\n{ARMOR}head -c 3000000 /dev/zero | armor\nsay END_ENCRYPTION\n");
    let path = ehlo.file("gpg", script);
    fs::set_permissions(&path, Permissions::from_mode(0o755)).unwrap();
    let run = ehlo
        .args([
            "--relay",
            &server.relay(),
            "-f",
            "alice@crepes.fr",
            "-b",
            MARKER,
            "--encrypt",
            "pgp",
            "bob@hamburger.edu",
        ])
        .env(
            "PATH",
            format!("{}:/usr/bin:/bin", path.parent().unwrap().display()),
        )
        .env("TMPDIR", "/nonexistent")
        .run();
    run.exits(75)
        .says(&["cannot keep the encrypted message in a temporary file"]);
    assert!(is_empty(&server));
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

#[test]
fn job_that_cannot_be_encrypted_shows_no_text() {
    let fault = fault(
        "has no key",
        "say 'INV_RECP 1 <bob@hamburger.edu>'; exit 2",
        65,
        "",
    );
    let arguments = [
        "notify",
        "--to",
        "bob@hamburger.edu",
        "-s",
        "secret subject",
        "--encrypt",
        "pgp",
        "--no-queue",
    ];
    let run = run(&fault, ARMOR, &arguments);
    run.exits(65).says(&[
        "there is no key for <bob@hamburger.edu>",
        "dead.letter",
        "are not shown",
    ]);
    assert!(
        !run.stderr.contains(MARKER) && !run.stderr.contains("secret subject"),
        "{}",
        run.stderr
    );
}
