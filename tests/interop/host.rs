//! A whole host under a real systemd: fifty cron jobs of five users, PHP, sudo and at send their mail by the packages of
//! ehlo, and, on the same host, by Postfix, to the same relay with the same password.

use crate::package::packages;
use crate::parts;
use crate::receiver::Receiver;
use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::process::Command;

/// Envelope and subject of each message, and how many there are.
type Mail = BTreeMap<(String, Vec<String>, String), usize>;

/// The messages that the relay got, and what was said on the host.
fn mail_of_a_host(mta: &str, packages: &Path) -> (Mail, String) {
    let users = [("users", "relay:secret-of-the-relay\n")];
    let receiver = Receiver::with_files(
        &users,
        &[
            "--require-auth",
            "--auth-in-clear",
            "--auth",
            "users",
            "--maildir",
            "mail",
        ],
    );
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/interop/host.sh");
    let run = Command::new("sh")
        .arg(script)
        .arg(mta)
        .arg(packages)
        .arg(receiver.relay())
        .arg(receiver.path(""))
        .env_clear()
        .env("PATH", "/usr/sbin:/usr/bin:/sbin:/bin")
        .output()
        .unwrap();
    let file = |name: &str| fs::read_to_string(receiver.path(name)).unwrap_or_default();
    let said = file("said");
    let context = format!(
        "{mta}: {run:?}\n{said}\n{}\n{}\n{}",
        file(&format!("{mta}.prepared")),
        file(&format!("{mta}.console")),
        file("journal")
    );
    let mut mail = Mail::new();
    for entry in fs::read_dir(receiver.path("mail/new")).unwrap() {
        let text = fs::read_to_string(entry.unwrap().path()).unwrap();
        let of = |name: &str| {
            let lines = text.lines().take_while(|line| !line.is_empty());
            let values = lines
                .filter_map(|line| line.strip_prefix(name))
                .map(str::to_owned);
            values.collect::<Vec<String>>()
        };
        let mut recipients = of("Delivered-To: ");
        recipients.sort();
        let key = (
            of("Return-Path: ").concat(),
            recipients,
            of("Subject: ").concat(),
        );
        *mail.entry(key).or_default() += 1;
    }
    assert_eq!(mail.values().sum::<usize>(), 44, "{mail:#?}\n{context}");
    (mail, said)
}

#[test]
fn mail_of_fifty_jobs_php_sudo_and_at_is_that_of_a_host_with_postfix() {
    if !crate::package::all_are_there() {
        return;
    }
    for program in [
        "/lib/systemd/systemd",
        "/usr/sbin/cron",
        "/usr/sbin/atd",
        "/usr/bin/php",
        "/usr/bin/sudo",
    ] {
        if !parts::has(program) {
            return;
        }
    }
    let namespaces = &mut Command::new("unshare");
    if !parts::works(
        namespaces.args(["-m", "-p", "-f", "-C", "-u", "-i", "true"]),
        "unshare with namespaces",
    ) {
        return;
    }
    let packages = packages();
    let (ours, said) = mail_of_a_host("ehlo", packages);
    // Secrets, mail of others, forged senders, items of a queue, units that have failed.
    for words in ["REVEALED", "LISTED", "FORGED", "items/", "loaded failed"] {
        assert!(!said.contains(words), "{words}: {said}");
    }
    for words in [
        "bool(true)\n",
        "may not send from user2@crepes.fr",
        "active\nactive\nactive\nqueues run\n",
        "The queue is empty.\n",
    ] {
        assert!(said.contains(words), "{words}: {said}");
    }
    if !parts::has("/usr/sbin/postfix") {
        return;
    }
    let (theirs, said) = mail_of_a_host("postfix", packages);
    assert!(said.contains("Mail queue is empty"), "{said}");
    assert_eq!(ours, theirs);
}
