//! Units of systemd: what a mail says of one that failed, and what becomes of it when it works again. The
//! tools of systemd are scripts.

use crate::executable::write_script;
use crate::program::Ehlo;
use crate::server::{Server, Talk};
use std::fs;
use std::path::Path;
use tempfile::TempDir;

const ID: &str = "0123456789abcdef0123456789abcdef";

/// A directory with scripts in the place of systemctl and journalctl.
struct Systemd {
    home: TempDir,
}

impl Systemd {
    fn new() -> Self {
        let home = tempfile::tempdir().unwrap();
        let systemd = Self { home };
        systemd.tool(
            "journalctl",
            "echo '2026-11-23 backup[7]: No space left'; echo \"($*)\"",
        );
        systemd.result("exit-code", 3);
        systemd
    }

    fn tool(&self, name: &str, script: &str) {
        let path = self.home.path().join(name);
        write_script(&path, format!("#!/bin/sh\n{script}\n"));
    }

    /// How the unit ended.
    fn result(&self, result: &str, status: i32) {
        let show = format!(
            "case \"$*\" in *show*)\n\
             echo 'Description=Nightly backup'; echo Result={result}\n\
             echo ExecMainStatus={status}; echo InvocationID={ID};;\n\
             *) echo \"Active: $*\"; exit 3;; esac"
        );
        self.tool("systemctl", &show);
    }

    /// The verb, by way of this port, without a queue.
    fn ehlo(&self, port: u16, words: &[&str]) -> Ehlo {
        let relay = format!("127.0.0.1:{port}");
        Ehlo::new()
            .env("PATH", self.home.path())
            .env("EHLO_STATE_DIR", self.home.path().join("state"))
            .args(["unit", "--no-queue", "--helo", "me.example", "-r", &relay])
            .args(["-f", "alice@crepes.fr", "--to", "bob@hamburger.edu"])
            .args(words)
    }

    /// The mail that this makes.
    #[track_caller]
    fn mail(&self, words: &[&str]) -> String {
        let server = Server::start(Talk::take);
        self.ehlo(server.port, words).run().exits(0).is_silent();
        readable(&server.finish().stored())
    }

    /// This makes no mail.
    #[track_caller]
    fn is_silent(&self, words: &[&str]) {
        let server = Server::untouched();
        self.ehlo(server.port, words).run().exits(0).is_silent();
        server.finish();
    }
}

/// Without what the encoding adds.
fn readable(stored: &[u8]) -> String {
    let text = String::from_utf8(stored.to_vec()).unwrap();
    text.replace("\r\n", "\n")
        .replace("=\n", "")
        .replace("=3D", "=")
}

#[track_caller]
fn value<'m>(mail: &'m str, name: &str) -> &'m str {
    let found = mail.lines().find_map(|line| line.strip_prefix(name));
    found.unwrap_or_else(|| panic!("no {name} in {mail}"))
}

#[test]
fn a_unit_that_failed_is_mailed_with_its_state_and_its_journal() {
    let mail = Systemd::new().mail(&["--lines", "7", "backup"]);
    assert!(
        value(&mail, "Subject: ").ends_with("] FAILED(exit-code 3): backup.service"),
        "{mail}"
    );
    for words in [
        "\nList-Id: <backup-service.ehlo.",
        "\nbackup.service (Nightly backup) on ",
        "\nActive: --no-pager status --full --lines=0 -- backup.service\n",
        "backup[7]: No space left\n",
        &format!("--lines 7 _SYSTEMD_INVOCATION_ID={ID} + INVOCATION_ID={ID})\n"),
    ] {
        assert!(mail.contains(words), "{words:?} is not in {mail}");
    }
}

#[test]
fn a_unit_of_the_user_is_asked_for_at_the_users_manager() {
    let mail = Systemd::new().mail(&["--user-unit", "a@b-1.service"]);
    assert!(
        mail.contains("\nActive: --user --no-pager status "),
        "{mail}"
    );
    assert!(
        mail.contains(&format!(" + USER_INVOCATION_ID={ID})\n")),
        "{mail}"
    );
}

#[test]
fn the_same_failure_is_held_back_and_its_end_is_told_in_the_same_thread() {
    let systemd = Systemd::new();
    let rules = ["--dedupe", "6h", "--recovered", "backup"];
    let first = systemd.mail(&rules);
    systemd.is_silent(&rules);
    systemd.result("success", 0);
    let end = systemd.mail(&rules);
    let subject = value(&end, "Subject: ");
    assert!(
        subject.contains("] RECOVERED: backup.service after 2 failures in "),
        "{end}"
    );
    let id = value(&first, "Message-ID: ");
    assert_eq!(value(&end, "In-Reply-To: "), id);
    assert_eq!(value(&end, "References: "), id);
    systemd.is_silent(&rules);
}

#[test]
fn without_systemd_a_mail_goes_out_all_the_same() {
    let systemd = Systemd::new();
    for tool in ["systemctl", "journalctl"] {
        fs::remove_file(systemd.home.path().join(tool)).unwrap();
    }
    let mail = systemd.mail(&["backup"]);
    for words in [
        "] UNKNOWN: backup.service\n",
        "(systemctl was not found)",
        "(journalctl was not found)",
    ] {
        assert!(mail.contains(words), "{words:?} is not in {mail}");
    }
}

#[test]
fn what_systemd_says_to_those_that_it_starts_wins() {
    let (systemd, server) = (Systemd::new(), Server::start(Talk::take));
    systemd.result("success", 0);
    let ehlo = systemd.ehlo(server.port, &["backup"]);
    let ehlo = ehlo.env("MONITOR_UNIT", "backup.service");
    let ehlo = ehlo.env("MONITOR_SERVICE_RESULT", "signal");
    let ehlo = ehlo.env("MONITOR_EXIT_STATUS", "TERM");
    ehlo.run().exits(0).is_silent();
    let mail = readable(&server.finish().stored());
    assert!(
        mail.contains("] FAILED(signal TERM): backup.service\n"),
        "{mail}"
    );
}

#[test]
fn what_is_no_unit_is_refused() {
    let server = Server::untouched();
    for name in ["", "a b", "../x", "a\nb.service", "é.service"] {
        let run = Systemd::new().ehlo(server.port, &["--", name]).run();
        run.exits(64).complains(1).says(&["not the name of a unit"]);
    }
    server.finish();
}

#[test]
fn where_nothing_can_be_remembered_it_is_mailed_with_a_warning() {
    let (systemd, server) = (Systemd::new(), Server::start(Talk::take));
    let nowhere = Path::new("/dev/null");
    let ehlo = systemd.ehlo(server.port, &["--dedupe", "6h", "backup"]);
    let run = ehlo.env("EHLO_STATE_DIR", nowhere).run();
    run.exits(0).complains(1).says(&["warning: ", "/dev/null"]);
    server.finish();
}
