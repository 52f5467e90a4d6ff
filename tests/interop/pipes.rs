//! Servers that are commands: Postfix's sendmail and Exim speak SMTP on their standard input and output.

use crate::parts;
use crate::postfix::Postfix;
use crate::run::{Ran, ehlo};
use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::Command;
use tempfile::TempDir;

const EXIM: [&str; 2] = ["/usr/sbin/exim4", "/opt/exim4/usr/sbin/exim4"];

const CONFIGURATION: &str = "\
primary_hostname = mx.exim.test
keep_environment =
queue_only = true
host_lookup =
acl_smtp_rcpt = accept
begin acl
accept:
  accept
";

/// Exim by this option, with a spool of its own; `None` where there is none.
pub fn exim(directory: &TempDir, option: &str) -> Option<String> {
    let Some(program) = EXIM.into_iter().find(|program| Path::new(program).exists()) else {
        parts::skip("Exim is neither installed nor unpacked in /opt/exim4");
        return None;
    };
    if !parts::is_root() {
        return None;
    }
    let root = directory.path();
    fs::set_permissions(root, Permissions::from_mode(0o755)).unwrap();
    fs::create_dir(root.join("spool")).unwrap();
    let chown = Command::new("chown")
        .args(["Debian-exim", "spool"])
        .current_dir(root)
        .status();
    assert!(chown.unwrap().success());
    let place = root.display();
    let own = format!("spool_directory = {place}/spool\nlog_file_path = {place}/spool/%slog\n");
    fs::write(root.join("conf"), own + CONFIGURATION).unwrap();
    Some(format!("{program} -C {place}/conf {option} 2>/dev/null"))
}

fn send(directory: &TempDir, command: &str, arguments: &[&str]) -> Ran {
    let way = [
        "--pipe",
        command,
        "--helo",
        "client.test",
        "-f",
        "alice@sender.test",
    ];
    let what = ["-s", "hi", "-b", "text", "bob@example.test"];
    ehlo(directory.path(), &[&way[..], arguments, &what].concat())
}

#[test]
fn exim_tries_it_as_if_from_an_address_and_keeps_nothing() {
    let directory = tempfile::tempdir().unwrap();
    let Some(command) = exim(&directory, "-bh 192.0.2.1") else {
        return;
    };
    for tls in [&[][..], &["--tls", "starttls", "-k"]] {
        send(&directory, &command, tls)
            .ends_with(0)
            .shows("250-mx.exim.test Hello client.test [192.0.2.1]\n")
            .shows(
                "*** output of the command: **** SMTP testing session as if from host 192.0.2.1\n",
            )
            .shows("*** the command exited with status 0\n")
            .shows("bob@example.test... Sent (");
    }
    let input = directory.path().join("spool/input");
    assert!(fs::read_dir(input).map_or(true, |mut files| files.next().is_none()));
}

#[test]
fn exim_takes_it_into_its_queue_and_says_its_name() {
    let directory = tempfile::tempdir().unwrap();
    let Some(command) = exim(&directory, "-bs") else {
        return;
    };
    let run = send(&directory, &command, &["-v"]);
    run.ends_with(0);
    let text = run.text();
    let (_, id) = text.split_once(", queue id ").expect("no queue id");
    let header = format!("spool/input/{}-H", id.trim_end());
    assert!(directory.path().join(header).exists(), "{text}");
}

#[test]
fn postfix_takes_it_by_its_sendmail() {
    // What comes by sendmail is picked up.
    let pickup = "pickup unix n - n 60 1 pickup\n";
    let home = tempfile::tempdir().unwrap();
    let Some(postfix) = Postfix::start_in(home, "", pickup) else {
        return;
    };
    let directory = tempfile::tempdir().unwrap();
    let place = postfix.path("etc");
    let command = format!("MAIL_CONFIG={} /usr/sbin/sendmail -bs", place.display());
    send(&directory, &command, &["--summary"])
        .ends_with(0)
        .shows("*** the command exited with status 0\n")
        .shows(" bytes queued as ");
    let message = postfix.receive("bob");
    assert!(message.ends_with(b"\n\ntext\n"));
}
