//! Faults around gpg and openssl themselves: output that ends at a random octet, keys that are replaced while they are used,
//! subkeys, several keys, spellings of an address, limits. Never a byte of plain text leaves.

use crate::crypt::{LETTER, World, large_for_carol, ways};
use crate::executable::write_script;
use crate::receiver::Receiver;
use crate::run::Ran;
use std::fs;
use std::process::{Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

const TEXT: &str = "secret text";

fn mbox(server: &Receiver) -> String {
    fs::read_to_string(server.path("mbox")).unwrap_or_default()
}

/// Puts a script in the place of gpg and openssl, and returns a PATH with it. `$real` is the program.
fn instead(world: &World, script: &str) -> String {
    let _ = fs::create_dir(world.path("bin"));
    for name in ["gpg", "openssl"] {
        let text = format!("#!/bin/sh\nreal=/usr/bin/{name}\n{script}\n");
        write_script(&world.path("bin").join(name), text);
    }
    format!("{}:/usr/bin:/bin", world.path("bin").display())
}

/// The output is cut at a random octet, and the exit status is 0: a signature or a message that is not whole is not sent.
#[test]
fn output_that_is_cut_at_any_octet_is_not_sent() {
    let Some(world) = World::new(1) else { return };
    let ways = ways();
    let seed = std::env::var("EHLO_SEED").map_or(1, |seed| seed.parse().unwrap());
    let count = std::env::var("EHLO_CRYPT").map_or(3, |count| count.parse::<usize>().unwrap());
    let mut random = fastrand::Rng::with_seed(seed);
    for number in 0..count * ways.len() {
        let way = &ways[number % ways.len()];
        // A signature has some hundred octets, a message in the form of CMS at least so many.
        let octets = random.usize(0..220);
        let script = format!(
            "case \"$*\" in *--list-keys*|*--show-keys*|verify*) exec $real \"$@\" ;; esac\n\
             $real \"$@\" | head -c {octets}\ncat >/dev/null\nexit 0"
        );
        let path = instead(&world, &script);
        let server = Receiver::start(&["--mbox", "mbox"]);
        let relay = server.relay();
        let more = ["--cc", "carol@hamburger.edu", "--relay", &relay];
        let options = [&LETTER[..], way.options, &more].concat();
        let ran = world.ehlo_with(&options, None, &[("PATH", &path)]);
        let place = format!("{:?}, {octets}: {}", way.options, ran.stderr);
        assert_eq!(ran.code, 69, "{place}");
        assert!(mbox(&server).is_empty(), "{place}");
    }
}

/// A key file is replaced after it was checked: the message is for the key that was checked.
#[test]
fn key_that_is_replaced_after_its_check_is_not_used() {
    let Some(world) = World::new(1) else { return };
    let script = format!(
        "$real \"$@\"; status=$?\n\
         case \"$*\" in *--show-keys*|verify*) cp {0}/eve.asc {0}/key.asc; cp {0}/eve.crt {0}/key.crt ;; esac\n\
         exit $status",
        world.directory.path().display()
    );
    let path = instead(&world, &script);
    world.succeeds(
        "gpg -a --export bob@hamburger.edu >bob.asc; cp carol.asc eve.asc; cp alice.crt eve.crt",
    );
    for (options, decrypt) in [
        (
            &["--encrypt", "pgp", "--encrypt-key", "key.asc"][..],
            "gpg --batch --status-fd 2 -d outer.eml 2>&1 >/dev/null | grep ENC_TO >listed; \
             test $(wc -l <listed) = 1; gpg --with-colons -k bob@hamburger.edu | grep $(cut -d' ' -f3 listed)",
        ),
        (
            &[
                "--encrypt",
                "smime",
                "--encrypt-key",
                "key.crt",
                "--smime-ca",
                "ca.crt",
            ],
            "openssl cms -decrypt -in outer.eml -recip bob.crt -inkey bob.key | grep 'secret text'",
        ),
    ] {
        world.succeeds("cp bob.asc key.asc; cp bob.crt key.crt");
        let print = [&LETTER[..], options, &["--print"]].concat();
        let mut ran = world.ehlo_with(&print, None, &[("PATH", &path)]);
        ran.ends_with(0).hides(TEXT);
        fs::write(world.path("outer.eml"), std::mem::take(&mut ran.stdout)).unwrap();
        world.succeeds("cmp key.asc eve.asc && cmp key.crt eve.crt");
        world.succeeds(decrypt);
    }
}

/// Keys whose encryption subkey has expired, whose user ID is revoked, two keys for one address of which one has expired, a
/// secret key, and an address with an IDN.
const ODD_KEYS: &str = "\
q() { gpg --batch -q --pinentry-mode loopback --passphrase '' \"$@\"; }
old() { q --faked-system-time 20200101T000000 \"$@\"; }
key() { gpg --list-keys --with-colons \"$1\" | awk -F: '/^fpr/{print $10;exit}'; }
old --quick-gen-key 'Sub <sub@hamburger.edu>' ed25519 sign,cert never
old --quick-add-key $(key sub@hamburger.edu) cv25519 encr 1d
q --quick-gen-key 'Uid <kept@hamburger.edu>' future-default default never
q --quick-add-uid $(key kept@hamburger.edu) 'Uid <gone@hamburger.edu>'
q --quick-revoke-uid $(key kept@hamburger.edu) 'Uid <gone@hamburger.edu>'
old --quick-gen-key 'Two <two@hamburger.edu>' future-default default 1d
q --quick-gen-key 'Two again <two@hamburger.edu>' future-default default never
q --quick-gen-key 'Jürgen <j@bücher.example>' future-default default never
q --quick-gen-key 'Sign <sign@hamburger.edu>' ed25519 sign never
for name in sub gone sign j@b; do gpg -a --export $name >$name.asc; done
gpg -a --export-secret-keys kept@hamburger.edu >secret.asc
mkdir directory.asc; : >empty.asc
printf 'subjectAltName=email:j@xn--bcher-kva.example\\nkeyUsage=keyEncipherment\\n' >idn.ext
openssl req -newkey rsa:2048 -nodes -keyout idn.key -out idn.csr -subj /CN=idn
openssl x509 -req -in idn.csr -CA ca.crt -CAkey ca.key -CAcreateserial -out idn.crt -days 30 -extfile idn.ext
cat alice.crt bob.crt >alice_first.crt
head -c 300 bob.crt >cut.crt
head -c 5000000 /dev/zero >huge.asc
";

#[test]
#[expect(clippy::too_many_lines, reason = "a table of cases")]
fn odd_keys_and_spellings_of_addresses_never_send_plain_text() {
    let Some(world) = World::new(1) else { return };
    world.succeeds(ODD_KEYS);
    let server = Receiver::start(&["--mbox", "mbox"]);
    let relay = server.relay();
    // The recipient, the method, key files, the exit status, and words of the error.
    let cases: [(&str, &str, &[&str], i32, &str); 24] = [
        ("sub@hamburger.edu", "pgp", &[], 65, "<sub@hamburger.edu>"),
        (
            "sub@hamburger.edu",
            "pgp",
            &["sub.asc"],
            65,
            "cannot encrypt",
        ),
        (
            "sign@hamburger.edu",
            "pgp",
            &["sign.asc"],
            65,
            "cannot encrypt",
        ),
        ("gone@hamburger.edu", "pgp", &[], 65, "<gone@hamburger.edu>"),
        (
            "gone@hamburger.edu",
            "pgp",
            &["gone.asc"],
            65,
            "<gone@hamburger.edu>",
        ),
        (
            "kept@hamburger.edu",
            "pgp",
            &["secret.asc"],
            65,
            "secret.asc: it contains no OpenPGP key",
        ),
        ("two@hamburger.edu", "pgp", &[], 0, ""),
        ("BOB@Hamburger.EDU", "pgp", &[], 0, ""),
        ("Carol@HAMBURGER.edu", "pgp", &["carol.asc"], 0, ""),
        (
            "bob+tag@hamburger.edu",
            "pgp",
            &[],
            65,
            "<bob+tag@hamburger.edu>",
        ),
        (
            "bob+tag@hamburger.edu",
            "pgp",
            &["carol.asc"],
            65,
            "<bob+tag@hamburger.edu>",
        ),
        ("j@b\u{fc}cher.example", "pgp", &["j@b.asc"], 0, ""),
        ("j@xn--bcher-kva.example", "pgp", &["j@b.asc"], 0, ""),
        (
            "bob@hamburger.edu",
            "pgp",
            &["directory.asc"],
            66,
            "directory.asc",
        ),
        (
            "bob@hamburger.edu",
            "pgp",
            &["empty.asc"],
            65,
            "empty.asc: it contains no OpenPGP key",
        ),
        (
            "bob@hamburger.edu",
            "pgp",
            &["bob.crt"],
            65,
            "bob.crt: it contains no OpenPGP key",
        ),
        ("bob@hamburger.edu", "pgp", &["huge.asc"], 66, "too large"),
        ("BOB@Hamburger.EDU", "smime", &["bob.crt"], 0, ""),
        (
            "bob+tag@hamburger.edu",
            "smime",
            &["bob.crt"],
            65,
            "<bob+tag@hamburger.edu>",
        ),
        ("j@b\u{fc}cher.example", "smime", &["idn.crt"], 0, ""),
        (
            "bob@hamburger.edu",
            "smime",
            &["alice_first.crt"],
            65,
            "<bob@hamburger.edu>",
        ),
        (
            "bob@hamburger.edu",
            "smime",
            &["carol.asc"],
            65,
            "no PEM certificate",
        ),
        ("bob@hamburger.edu", "smime", &["cut.crt"], 65, "cut.crt"),
        (
            "bob@hamburger.edu",
            "smime",
            &["directory.asc"],
            66,
            "directory.asc",
        ),
    ];
    for (recipient, method, files, exit, words) in cases {
        let mut options = vec!["--relay", &relay, "-f", "alice@crepes.fr", "-b", TEXT];
        options.extend(["--encrypt", method, recipient]);
        for file in files {
            options.extend(["--encrypt-key", file]);
        }
        let ran = world.ehlo(&options, None);
        let place = format!("{recipient} {method} {files:?}: {}", ran.stderr);
        assert_eq!(ran.code, exit, "{place}");
        assert!(ran.stderr.contains(words), "{place}");
        let sent = mbox(&server);
        assert_eq!(sent.is_empty(), exit != 0, "{place}");
        assert!(!sent.contains(TEXT), "{place}");
        fs::write(server.path("mbox"), "").unwrap();
    }
}

/// With too few descriptors, without a directory for temporary files, or without space in it, nothing is sent.
#[test]
fn limits_of_the_system_never_send_plain_text() {
    let Some(world) = World::new(1) else { return };
    world.succeeds("head -c 3000000 /dev/urandom >large.bin");
    let server = Receiver::start(&["--mbox", "mbox"]);
    let relay = server.relay();
    let ways = ways();
    for way in ways.iter().filter(|way| way.options.contains(&"--encrypt")) {
        let mut codes = Vec::new();
        for limit in [
            "-n 4", "-n 6", "-n 8", "-n 10", "-n 12", "-f 100", "-f 0", "-v 9000",
        ] {
            let more = large_for_carol(&relay);
            let options = [&LETTER[..], way.options, &more].concat();
            let output = Command::new("/bin/sh")
                .args(["-c", &format!("ulimit {limit}; exec \"$0\" \"$@\"")])
                .arg(env!("CARGO_BIN_EXE_ehlo"))
                .args(&options)
                .current_dir(world.directory.path())
                .env_clear()
                .env("PATH", "/usr/bin:/bin")
                .env("GNUPGHOME", world.path("g"))
                .env("EHLO_CONFIG", "/dev/null")
                .env("TMPDIR", world.directory.path())
                .output()
                .unwrap();
            let said = String::from_utf8_lossy(&output.stderr);
            let place = format!("{limit} {:?}: {said}", way.options);
            assert!(
                !said.contains(TEXT) && !said.contains("panicked"),
                "{place}"
            );
            let sent = mbox(&server);
            assert!(!sent.contains(TEXT), "{place}");
            assert_eq!(sent.is_empty(), output.status.code() != Some(0), "{place}");
            codes.push(output.status.code());
            fs::write(server.path("mbox"), "").unwrap();
        }
        let failed = codes.iter().filter(|code| **code != Some(0)).count();
        assert!(failed >= 4, "{codes:?}");
    }
}

/// SIGTERM while the program runs: nothing was sent, and the program has ended too.
#[test]
fn signal_while_a_message_is_encrypted_sends_nothing() {
    let Some(world) = World::new(1) else { return };
    let server = Receiver::start(&["--mbox", "mbox"]);
    let relay = server.relay();
    let started = world.path("started");
    let script = format!(
        "case \"$*\" in *--show-keys*|*--list-keys*) exec $real \"$@\" ;; esac\n\
         echo $$ >{0}.new; mv {0}.new {0}; exec sleep 600",
        started.display()
    );
    let path = instead(&world, &script);
    for method in ["pgp", "smime"] {
        let key = if method == "pgp" {
            "carol.asc;for=bob@hamburger.edu"
        } else {
            "bob.crt"
        };
        let _ = fs::remove_file(&started);
        let mut child = Command::new(env!("CARGO_BIN_EXE_ehlo"))
            .args(LETTER)
            .args(["--relay", &relay, "--encrypt", method, "--encrypt-key", key])
            .current_dir(world.directory.path())
            .env_clear()
            .env("PATH", &path)
            .env("GNUPGHOME", world.path("g"))
            .env("EHLO_CONFIG", "/dev/null")
            .env("TMPDIR", world.directory.path())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let deadline = Instant::now() + Duration::from_secs(20);
        while !started.exists() && Instant::now() < deadline {
            thread::yield_now();
        }
        let pid = fs::read_to_string(&started).unwrap();
        let killed = Command::new("/bin/kill")
            .arg(child.id().to_string())
            .status();
        assert!(killed.unwrap().success());
        assert!(!child.wait().unwrap().success());
        assert!(mbox(&server).is_empty());
        let _ = Command::new("/bin/kill").args(["-9", pid.trim()]).status();
    }
}

/// An encrypted key, and no terminal: the program is not waited for, and nothing is sent.
#[test]
fn passphrase_without_a_terminal_sends_nothing() {
    let Some(world) = World::new(1) else { return };
    world.succeeds(
        "gpg --batch --yes --pinentry-mode loopback --passphrase secret --quick-gen-key 'Locked <locked@crepes.fr>' ed25519 sign never\n\
         openssl pkey -in alice.key -aes256 -passout pass:secret -out locked.key; cat locked.key alice.crt >locked.pem\n\
         openssl pkcs8 -topk8 -in alice.key -passout pass:secret -out p8.key; cat p8.key alice.crt >p8.pem\n\
         chmod 600 locked.pem p8.pem; gpgconf --kill gpg-agent",
    );
    let server = Receiver::start(&["--mbox", "mbox"]);
    let relay = server.relay();
    let check = |ran: Ran| {
        ran.ends_with(78);
        assert!(mbox(&server).is_empty());
        assert!(!ran.stderr.contains(TEXT), "{}", ran.stderr);
    };
    for encrypt in [&[][..], &["--encrypt", "pgp"]] {
        for (method, key) in [
            ("pgp", "locked@crepes.fr"),
            ("smime", "locked.pem"),
            ("smime", "p8.pem"),
        ] {
            let sign = ["--sign", method, "--sign-key", key, "--relay", &relay];
            check(world.ehlo(&[&LETTER[..], &sign, encrypt].concat(), None));
        }
    }
}
