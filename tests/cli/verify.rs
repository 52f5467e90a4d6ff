//! `ehlo verify`: messages signed by this program, whole and changed, with a DNS server of the test.

use crate::dns::Authority;
use crate::program::{Ehlo, MEMORY_KIB, Run};
use serde_json::Value;
use std::fs;
use std::io::Write as _;
use tempfile::TempDir;

/// A key of crepes.fr under the selector s1, and its record.
pub struct Key {
    dir: TempDir,
    record: String,
}

impl Key {
    pub fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("s1.pem");
        let path = path.to_str().unwrap();
        let new = [
            "dkim",
            "new",
            "s1",
            "--domain",
            "crepes.fr",
            "--ed25519",
            "--out",
            path,
        ];
        Ehlo::new().args(new).run().exits(0);
        let run = Ehlo::new().args(["dkim", "record", path]).run();
        let record = run.stdout.trim_end().to_owned();
        Self { dir, record }
    }

    pub fn option(&self) -> String {
        format!("{};selector=s1", self.dir.path().join("s1.pem").display())
    }

    /// A signed message of alice@crepes.fr.
    pub fn message(&self, options: &[&str]) -> String {
        let key = self.option();
        let args = [
            "--print",
            "--dkim-key",
            &key,
            "-f",
            "alice@crepes.fr",
            "bob@hamburger.edu",
        ];
        let run = Ehlo::new().args(args).args(options).run();
        run.exits(0);
        run.stdout
    }

    pub fn dns(&self, policy: &str) -> Authority {
        Authority::serve(&[
            format!("s1._domainkey.crepes.fr TXT \"{}\"", self.record),
            format!("_dmarc.crepes.fr TXT \"{policy}\""),
            "crepes.fr TXT \"v=spf1 ip4:192.0.2.7 -all\"".to_owned(),
            "mail.crepes.fr TXT \"v=spf1 ip4:192.0.2.8 -all\"".to_owned(),
            "example.net TXT \"v=spf1 +all\"".to_owned(),
            "crepes.fr MX 10 mx.crepes.fr".to_owned(),
        ])
    }
}

const REJECT: &str = "v=DMARC1; p=reject";

fn verify(dns: &Authority, message: &str, options: &[&str]) -> Run {
    let address = dns.address.to_string();
    let args = [
        "verify",
        "--dns",
        &address,
        "--authserv-id",
        "mx.example.org",
    ];
    Ehlo::new().args(args).args(options).input(message).run()
}

fn has(run: &Run, text: &str) {
    assert!(run.stdout.contains(text), "{text:?} is not in {run:#?}");
}

#[test]
fn a_signed_message_passes() {
    let key = Key::new();
    let message = key.message(&["-b", "hi"]);
    let run = verify(&key.dns(REJECT), &message, &[]);
    run.exits(0).complains(0);
    has(
        &run,
        "Authentication-Results: mx.example.org;\n    dkim=pass header.d=crepes.fr header.s=s1 header.a=ed25519-sha256",
    );
    has(&run, "    dmarc=pass (p=reject) header.from=crepes.fr\n");
    has(
        &run,
        "dkim   pass: signature of crepes.fr with selector s1, aligned with From: Ed25519\n",
    );
    has(
        &run,
        "dmarc  pass for crepes.fr: signed by crepes.fr; the policy of crepes.fr is reject\n",
    );
}

#[test]
fn results_are_one_object() {
    let key = Key::new();
    let message = key.message(&["-b", "hi"]);
    let client = [
        "--json",
        "--from-ip",
        "192.0.2.7",
        "--envelope-from",
        "alice@crepes.fr",
    ];
    let run = verify(&key.dns(REJECT), &message, &client);
    run.exits(0).complains(0);
    assert_eq!(run.stdout.lines().count(), 1, "{run:#?}");
    let report: Value = serde_json::from_str(&run.stdout).unwrap();
    crate::schema::check_message(&report);
    let signature = &report["dkim"][0];
    assert_eq!(signature["result"], "pass", "{report:#}");
    assert_eq!(signature["algorithm"], "ed25519-sha256", "{report:#}");
    assert_eq!(report["spf"]["result"], "pass", "{report:#}");
    assert_eq!(report["spf"]["identity"], "mailfrom", "{report:#}");
    assert_eq!(report["dmarc"]["domain"], "crepes.fr", "{report:#}");
    assert_eq!(report["dmarc"]["policy"], "reject", "{report:#}");
    assert_eq!(report["exit"], 0, "{report:#}");
    // A message without an author, an unreadable signature, and no client.
    let broken = format!(
        "DKIM-Signature: v=1; a=\n{}",
        message.replace("From:", "X-From:")
    );
    let run = verify(&key.dns(REJECT), &broken, &["--json"]);
    run.exits(77);
    let report: Value = serde_json::from_str(&run.stdout).unwrap();
    crate::schema::check_message(&report);
    assert!(
        report["dmarc"]["domain"].is_null() && report["spf"].is_null(),
        "{report:#}"
    );
    assert_eq!(report["dkim"][0]["result"], "permerror", "{report:#}");
    assert_eq!(report["dmarc"]["result"], "permerror", "{report:#}");
    assert_eq!(report["exit"], 77, "{report:#}");
}

#[test]
fn line_ends_of_files_do_not_matter() {
    let key = Key::new();
    let message = key.message(&["-b", "one\n\ntwo\n"]);
    let dns = key.dns(REJECT);
    let unix = message.replace("\r\n", "\n");
    verify(&dns, &unix, &[]).exits(0);
    verify(&dns, &unix.replace('\n', "\r\n"), &[]).exits(0);
    verify(
        &dns,
        &format!("From alice@crepes.fr Mon Jan  1 00:00:00 2026\n{unix}"),
        &[],
    )
    .exits(0);
}

#[test]
fn what_was_changed_is_named() {
    let key = Key::new();
    let message = key.message(&["-b", "hello", "-s", "greeting"]);
    let dns = key.dns(REJECT);
    for (from, to, why) in [
        ("hello", "hallo", "the body was changed after it was signed"),
        ("greeting", "Greeting", "a signed header field was changed"),
        (
            "From: ",
            "Reply-To: eve@example.net\nFrom: ",
            "a signed header field was changed",
        ),
        ("s=s1", "s=s2", "there is no key at s2._domainkey.crepes.fr"),
        ("a=ed25519", "a=rsa", "the key is of another kind"),
        (
            "ed25519-sha256",
            "rsa-sha1",
            "the algorithm rsa-sha1 is not accepted",
        ),
        ("v=1; ", "", "it has no v="),
    ] {
        let changed = message.replacen(from, to, 1);
        assert_ne!(changed, message);
        let run = verify(&dns, &changed, &[]);
        run.exits(77);
        has(&run, why);
        has(&run, "dmarc=fail (p=reject) header.from=crepes.fr");
    }
}

#[test]
fn spf_counts_if_its_domain_is_aligned() {
    let key = Key::new();
    let message = "From: alice@crepes.fr\r\n\r\nhi\r\n";
    for (policy, options, exit, text) in [
        (
            REJECT,
            &[
                "--from-ip",
                "192.0.2.7",
                "--envelope-from",
                "bounce@crepes.fr",
            ][..],
            0,
            "spf=pass smtp.mailfrom=crepes.fr;",
        ),
        (
            REJECT,
            &[
                "--from-ip",
                "192.0.2.9",
                "--envelope-from",
                "bounce@crepes.fr",
            ],
            77,
            "spf=fail smtp.mailfrom=crepes.fr;",
        ),
        (
            REJECT,
            &[
                "--from-ip",
                "192.0.2.8",
                "--envelope-from",
                "",
                "--helo",
                "mail.crepes.fr",
            ],
            0,
            "spf=pass smtp.helo=mail.crepes.fr;",
        ),
        (
            "v=DMARC1; p=reject; aspf=s",
            &[
                "--from-ip",
                "192.0.2.8",
                "--envelope-from",
                "a@mail.crepes.fr",
            ],
            77,
            "not aligned with From",
        ),
        (
            REJECT,
            &[
                "--from-ip",
                "192.0.2.7",
                "--envelope-from",
                "eve@example.net",
            ],
            77,
            "spf=pass smtp.mailfrom=example.net;",
        ),
    ] {
        let run = verify(&key.dns(policy), message, options);
        run.exits(exit);
        has(&run, text);
    }
    let with_path = format!("Return-Path: <bounce@crepes.fr>\n{message}");
    verify(&key.dns(REJECT), &with_path, &["--from-ip", "192.0.2.7"]).exits(0);
}

#[test]
fn messages_without_one_author_do_not_pass() {
    let key = Key::new();
    let dns = key.dns(REJECT);
    for (header, why) in [
        ("Subject: x\r\n", "the message has no From"),
        (
            "From: a@crepes.fr\r\nFrom: b@example.net\r\n",
            "the message has more than one From",
        ),
        (
            "From: a@crepes.fr, b@example.net\r\n",
            "the addresses in From have several domains",
        ),
        ("From: alice\r\n", "From cannot be parsed"),
        ("From: \u{1b}[31m@crepes.fr>\r\n", "From cannot be parsed"),
    ] {
        let run = verify(&dns, &format!("{header}\r\nhi\r\n"), &[]);
        run.exits(77);
        has(&run, "dmarc=permerror");
        has(&run, why);
        assert!(!run.stdout.contains('\u{1b}'), "{run:#?}");
    }
}

#[test]
fn a_dns_that_does_not_answer_is_temporary() {
    let key = Key::new();
    let message = key.message(&["-b", "hi"]);
    let dns = Authority::serve(&[
        "s1._domainkey.crepes.fr TXT SERVFAIL".to_owned(),
        format!("_dmarc.crepes.fr TXT \"{REJECT}\""),
    ]);
    let run = verify(&dns, &message, &[]);
    run.exits(75);
    has(&run, "dkim=temperror");
    let dns = Authority::serve(&["_dmarc.crepes.fr TXT SERVFAIL"]);
    verify(&dns, &message, &[]).exits(75);
}

#[test]
fn arc_is_reported() {
    let key = Key::new();
    let message = key.message(&["-b", "hi"]);
    let sets = "ARC-Seal: i=2; a=rsa-sha256; d=example.net; s=x; cv=pass; b=AAAA\r\n\
                ARC-Seal: i=1; a=rsa-sha256; d=example.org; s=x; cv=none; b=AAAA\r\n";
    let run = verify(&key.dns(REJECT), &format!("{sets}{message}"), &[]);
    run.exits(0);
    has(
        &run,
        "2 sets were added on the way, the last one by example.net with cv=pass",
    );
}

#[test]
fn a_large_message_is_not_kept_in_memory() {
    let key = Key::new();
    let attachment = key.dir.path().join("large");
    let mut file = fs::File::create(&attachment).unwrap();
    for number in 0..40_000 {
        file.write_all(&[u8::try_from(number % 251).unwrap(); 1000])
            .unwrap();
    }
    let message = key.message(&["-b", "hi", "-a", attachment.to_str().unwrap()]);
    let path = key.dir.path().join("message.eml");
    fs::write(&path, message).unwrap();
    let address = key.dns(REJECT);
    let resolver = address.address.to_string();
    let run = Ehlo::new()
        .args(["verify", "--dns", &resolver, path.to_str().unwrap()])
        .run();
    run.exits(0);
    assert!(run.peak_kib < MEMORY_KIB, "{} KiB", run.peak_kib);
}
