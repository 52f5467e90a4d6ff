//! DKIM keys: made, published, used and refused. `tests/interop/dkim.rs` verifies the signatures.

use crate::dns::Authority;
use crate::program::{Ehlo, Run};
use crate::receiver::Receiver;
use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt as _;
use std::path::PathBuf;
use tempfile::TempDir;

/// A directory with keys and a configuration.
struct Keys(TempDir);

impl Keys {
    fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn text_of(&self, name: &str) -> String {
        self.path(name).to_str().unwrap().to_owned()
    }

    /// A new key, as `--dkim-key` names it.
    fn key(&self, selector: &str) -> String {
        let path = self.text_of(&format!("{selector}.pem"));
        let new = [
            "dkim",
            "new",
            selector,
            "--domain",
            "crepes.fr",
            "--ed25519",
            "--out",
        ];
        Ehlo::new().args(new).args([&path]).run().exits(0);
        format!("{path};selector={selector}")
    }

    /// The text of the record of a key.
    fn record(&self, selector: &str) -> String {
        let path = self.text_of(&format!("{selector}.pem"));
        let run = Ehlo::new().args(["dkim", "record", &path]).run();
        run.exits(0).complains(0);
        run.stdout.trim_end().to_owned()
    }

    /// A configuration, for `--config`.
    fn config(&self, text: &str) -> String {
        let text = text.replace("$DIR", self.0.path().to_str().unwrap());
        fs::write(self.path("config.toml"), text).unwrap();
        let mode = Permissions::from_mode(0o600);
        fs::set_permissions(self.path("config.toml"), mode).unwrap();
        self.text_of("config.toml")
    }
}

/// Prints a message of alice@crepes.fr.
fn print(arguments: &[&str]) -> Run {
    let message = [
        "--print",
        "-f",
        "alice@crepes.fr",
        "-b",
        "hi",
        "bob@hamburger.edu",
    ];
    Ehlo::new().args(message).args(arguments).run()
}

/// Domain and selector of each signature of a message.
fn signatures(message: &str) -> Vec<String> {
    let fields = message.split("DKIM-Signature: ").skip(1);
    let tag = |field: &str, name: &str| {
        let value = field.split(name).nth(1).unwrap();
        value.split(';').next().unwrap().to_owned()
    };
    fields
        .map(|field| format!("{} {}", tag(field, " d="), tag(field, " s=")))
        .collect()
}

#[test]
fn a_new_key_is_private_and_never_replaced() {
    let keys = Keys::new();
    let key = keys.key("s2026");
    let (path, _) = key.split_once(';').unwrap();
    let mode = fs::metadata(path).unwrap().permissions().mode();
    assert_eq!(mode & 0o7777, 0o600);
    let before = fs::read(path).unwrap();
    let again = [
        "dkim",
        "new",
        "s2026",
        "--domain",
        "crepes.fr",
        "--ed25519",
        "--out",
        path,
    ];
    let run = Ehlo::new().args(again).run();
    run.exits(73).complains(1).says(&["it exists already"]);
    assert_eq!(fs::read(path).unwrap(), before);
    let record = keys.record("s2026");
    assert!(record.starts_with("v=DKIM1; k=ed25519; p="), "{record}");
    let zone = Ehlo::new().args(["dkim", "record", "--zone", path]).run();
    zone.exits(0);
    let right = format!("s2026._domainkey IN TXT ( \"{record}\" )\n");
    assert_eq!(zone.stdout, right);
}

#[test]
fn without_openssl_no_rsa_key_is_made_and_no_file_is_left() {
    let keys = Keys::new();
    let new = ["dkim", "new", "s", "--domain", "crepes.fr", "--out"];
    let ehlo = Ehlo::new().args(new).args([keys.path("s.pem")]);
    let run = ehlo.env("PATH", "/nonexistent").run();
    run.exits(70).complains(1).says(&["openssl", "--ed25519"]);
    assert!(!keys.path("s.pem").exists());
}

#[test]
fn keys_of_the_configuration_sign_for_their_domain_and_those_below() {
    let keys = Keys::new();
    let (_, other) = (keys.key("a"), keys.key("b"));
    keys.key("c");
    let config = keys.config(
        "[dkim]\n\"crepes.fr\" = [\"a:$DIR/a.pem\", \"b:$DIR/b.pem\"]\n\"Cr\u{ea}pes.Example\" = \"c:$DIR/c.pem\"\n\
         [profile.p]\ndkim = \"off\"\n[profile.q]\ndkim-key = \"$DIR/c.pem;selector=q\"\n",
    );
    let signed = |arguments: &[&str]| {
        let run = print(&[&["--config", &config], arguments].concat());
        run.exits(0);
        assert_eq!(run.stderr, "");
        signatures(&run.stdout)
    };
    assert_eq!(signed(&[]), ["crepes.fr a", "crepes.fr b"]);
    assert!(signed(&["--dkim", "off"]).is_empty());
    assert!(signed(&["--profile", "p"]).is_empty());
    assert_eq!(signed(&["--profile", "q"]), ["crepes.fr q"]);
    assert_eq!(signed(&["--profile", "p", "--dkim", "auto"]).len(), 2);
    assert_eq!(signed(&["--dkim-key", &other]), ["crepes.fr b"]);
    let of = |from: &str| {
        let arguments = [
            "--print",
            "--config",
            &config,
            "-f",
            from,
            "-b",
            "hi",
            "bob@hamburger.edu",
        ];
        let run = Ehlo::new().args(arguments).run();
        run.exits(0);
        signatures(&run.stdout)
    };
    assert_eq!(of("a@mail.CREPES.fr").len(), 2);
    assert_eq!(of("a@cr\u{ea}pes.example"), ["xn--crpes-isa.example c"]);
    assert!(of("a@badcrepes.fr").is_empty() && of("a@example.org").is_empty());
}

#[test]
fn a_message_that_must_be_signed_is_not_sent_without_a_key() {
    let (keys, server) = (Keys::new(), Receiver::start(&["--json"]));
    let relay = server.relay();
    let send = |arguments: &[&str]| {
        let message = [
            "-q",
            "-r",
            &relay,
            "-f",
            "alice@crepes.fr",
            "-b",
            "hi",
            "bob@hamburger.edu",
        ];
        Ehlo::new().args(message).args(arguments).run()
    };
    let key = keys.key("s");
    send(&["--dkim", "require"])
        .exits(65)
        .complains(1)
        .says(&["no DKIM key for crepes.fr"]);
    let missing = format!("{};selector=s", keys.text_of("missing.pem"));
    send(&["--dkim-key", &missing]).exits(66).complains(1);
    let (path, _) = key.split_once(';').unwrap();
    fs::set_permissions(path, Permissions::from_mode(0o640)).unwrap();
    if !rustix::process::geteuid().is_root() {
        send(&["--dkim-key", &key]).exits(78).complains(1);
    }
    fs::set_permissions(path, Permissions::from_mode(0o644)).unwrap();
    let remedy = format!("run: chmod 600 {path}");
    send(&["--dkim-key", &key])
        .exits(78)
        .complains(1)
        .says(&[&remedy]);
    for wrong in ["x", "x;selector=a b", "x;selector=s;domain=a b"] {
        send(&["--dkim-key", wrong]).exits(64).complains(1);
    }
    assert!(server.stop().events("message").is_empty());
}

#[test]
fn a_file_that_is_not_a_key_is_named_as_such_before_its_mode() {
    let keys = Keys::new();
    for (text, words) in [
        ("rubbish", "not a PEM file"),
        (
            "-----BEGIN CERTIFICATE-----\n",
            "public key or a certificate",
        ),
        ("-----BEGIN ENCRYPTED PRIVATE KEY-----\n", "openssl pkey"),
        ("-----BEGIN PRIVATE KEY-----\nhunter2\n", "END line"),
        (
            "-----BEGIN PRIVATE KEY-----\nhunter2\n-----END PRIVATE KEY-----\n",
            "is damaged",
        ),
    ] {
        fs::write(keys.path("file"), text).unwrap();
        let run = print(&[
            "--dkim-key",
            &format!("{};selector=s", keys.text_of("file")),
        ]);
        run.exits(78).complains(1).says(&[words]);
        assert!(
            !run.stderr.contains("hunter2") && !run.stderr.contains("chmod"),
            "{run:#?}"
        );
    }
}

#[test]
fn the_check_of_the_configuration_reads_the_keys() {
    let keys = Keys::new();
    keys.key("a");
    let check = |text: &str| {
        let config = keys.config(text);
        Ehlo::new()
            .args(["config", "check", "--config", &config])
            .run()
    };
    check("[dkim]\n\"crepes.fr\" = \"a:$DIR/a.pem\"\n").exits(0);
    for (text, words) in [
        ("[dkim]\n\"crepes.fr\" = \"a:$DIR/b.pem\"\n", "(line 2)"),
        (
            "[dkim]\n\"crepes.fr\" = \"a.pem\"\n",
            "expected SELECTOR:FILE",
        ),
        (
            "[dkim]\n\"crepes.fr\" = \"a b:/x\"\n",
            "expected a selector",
        ),
        (
            "[dkim]\n\"crepes.fr\" = \"a:x\"\n",
            "expected an absolute path",
        ),
        ("[dkim]\n\"*.fr\" = \"a:/x\"\n", "expected a domain"),
        (
            "[dkim]\n\"crepes.fr\" = 7\n",
            "expected a string or an array of strings",
        ),
        (
            "[profile.p]\ndkim-key = \"$DIR/b.pem;selector=s\"\n",
            "No such file",
        ),
        (
            "[profile.p]\ndkim-key = \"$DIR/a.pem\"\n",
            "the selector is missing",
        ),
        ("[profile.p]\ndkim = \"yes\"\n", "require"),
    ] {
        let run = check(text);
        run.exits(78).complains(1).says(&[words]);
    }
}

#[test]
fn keys_are_compared_with_their_records() {
    let keys = Keys::new();
    for selector in ["a", "b", "c", "d", "e", "f"] {
        keys.key(selector);
    }
    let record = |selector: &str| keys.record(selector).replace("; ", ";");
    let dns = Authority::serve(&[
        format!("a._domainkey.crepes.fr TXT {}", record("a")),
        format!("b._domainkey.crepes.fr TXT {}", record("a")),
        "c._domainkey.crepes.fr TXT v=DKIM1;k=ed25519;p=".to_owned(),
        format!("d._domainkey.example.org TXT {};t=y", record("d")),
        "e._domainkey.example.net TXT SERVFAIL".to_owned(),
        format!(
            "f._domainkey.example.com TXT {} {}",
            &record("f")[..30],
            &record("f")[30..]
        ),
    ]);
    let config = keys.config(
        "[dkim]\n\"crepes.fr\" = [\"a:$DIR/a.pem\", \"b:$DIR/b.pem\", \"c:$DIR/c.pem\", \"d:$DIR/d.pem\"]\n\
         \"example.org\" = \"d:$DIR/d.pem\"\n\"example.net\" = \"e:$DIR/e.pem\"\n\
         [profile.p]\nfrom = \"bob@example.com\"\ndkim-key = \"$DIR/f.pem;selector=f\"\n",
    );
    let check = |domain: &str| {
        let resolver = dns.address.to_string();
        let arguments = [
            "dkim", "check", "--config", &config, "--dns", &resolver, domain,
        ];
        Ehlo::new().args(arguments).run()
    };
    let run = check("crepes.fr");
    run.exits(2).complains(0);
    let lines: Vec<&str> = run.stdout.lines().collect();
    for (line, words) in lines.iter().zip([
        "a._domainkey.crepes.fr: ok, ed25519-sha256, ",
        "b._domainkey.crepes.fr: the record has another public key than the file",
        "c._domainkey.crepes.fr: the record is revoked",
        "d._domainkey.crepes.fr: there is no record for the key ",
    ]) {
        assert!(line.starts_with(words), "{run:#?}");
    }
    assert_eq!(lines.len(), 4);
    let run = check("example.org");
    run.exits(1);
    assert!(run.stdout.contains("t=y"), "{run:#?}");
    check("example.net").exits(3);
    let run = check("example.com");
    run.exits(0);
    assert!(
        run.stdout.starts_with("f._domainkey.example.com: ok"),
        "{run:#?}"
    );
    check("example.fr").exits(78).complains(1);
}

#[test]
fn jobs_and_sendmail_use_the_keys_of_profile_and_configuration() {
    let keys = Keys::new();
    for selector in ["a", "b"] {
        keys.key(selector);
    }
    let server = Receiver::start(&["--print"]);
    let config = keys.config(&format!(
        "default = \"p\"\n[sendmail]\ndomain = \"crepes.fr\"\n[dkim]\n\"crepes.fr\" = \"a:$DIR/a.pem\"\n\
         [queue]\ndir = \"$DIR/queue\"\n[profile.p]\nrelay = \"{}\"\ntls = \"off\"\nfrom = \"alice@crepes.fr\"\n\
         [profile.q]\ninherit = \"p\"\ndkim-key = \"$DIR/b.pem;selector=q\"\n",
        server.relay()
    ));
    let run = |arguments: &[&str]| {
        let ehlo = Ehlo::new().env("EHLO_CONFIG", &config).args(arguments);
        ehlo.input("Subject: x\n\nhi\n").run().exits(0);
    };
    let to = ["--to", "bob@hamburger.edu", "-s", "x"];
    let key = format!("{};selector=z", keys.text_of("b.pem"));
    run(&[&["notify", "hi"], &to[..]].concat());
    run(&[&["notify", "hi", "--profile", "q"], &to[..]].concat());
    run(&[&["notify", "hi", "--dkim-key", &key], &to[..]].concat());
    run(&[&["notify", "hi", "--dkim", "off"], &to[..]].concat());
    run(&[
        "sendmail",
        "-odi",
        "-f",
        "alice@crepes.fr",
        "bob@hamburger.edu",
    ]);
    let printed = server.stop().stdout;
    let signed = ["crepes.fr a", "crepes.fr q", "crepes.fr z", "crepes.fr a"];
    assert_eq!(signatures(&printed), signed, "{printed}");
}

#[test]
fn a_notification_that_cannot_be_signed_is_a_dead_letter() {
    let keys = Keys::new();
    let config = keys.config("[dkim]\n\"crepes.fr\" = \"a:$DIR/missing.pem\"\n");
    let home = tempfile::tempdir().unwrap();
    let arguments = [
        "notify",
        "hi",
        "-f",
        "alice@crepes.fr",
        "--to",
        "bob@hamburger.edu",
        "-s",
        "x",
    ];
    let ehlo = Ehlo::new()
        .env("EHLO_CONFIG", &config)
        .env("HOME", home.path());
    let run = ehlo.args(arguments).args(["-r", "127.0.0.1:1"]).run();
    run.exits(66)
        .says(&["missing.pem: No such file", "dead.letter"]);
    let letter = fs::read_to_string(home.path().join("dead.letter")).unwrap();
    assert!(
        letter.contains("hi") && !letter.contains("DKIM"),
        "{letter}"
    );
}

#[test]
fn a_dialogue_refuses_a_message_that_cannot_be_signed_for_now() {
    let keys = Keys::new();
    let config = keys
        .config("[queue]\ndir = \"$DIR/queue\"\n[dkim]\n\"crepes.fr\" = \"a:$DIR/missing.pem\"\n");
    let dialogue = "EHLO x\r\nMAIL FROM:<alice@crepes.fr>\r\nRCPT TO:<bob@hamburger.edu>\r\nDATA\r\n\
                    From: alice@crepes.fr\r\n\r\nhi\r\n.\r\nQUIT\r\n";
    let ehlo = Ehlo::new().env("EHLO_CONFIG", &config);
    let run = ehlo.args(["sendmail", "-bs", "-odq"]).input(dialogue).run();
    run.exits(0);
    assert!(run.stdout.contains("\n451 4.3.0 "), "{run:#?}");
}
