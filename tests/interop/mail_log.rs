//! The mail log as pflogsumm and logwatch read it.

use crate::parts;
use crate::run::{Start, ehlo, ehlo_with};
use std::fs;
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

const PFLOGSUMM: &str = "/usr/sbin/pflogsumm";
const LOGWATCH: &str = "/usr/share/logwatch/scripts/services/postfix";

/// Writes a log: two recipients accepted, one refused, and one message deferred in the queue.
fn write_log(home: &Path) -> PathBuf {
    let script = home.join("mx.sh");
    // A server as a command: it accepts everybody but carol.
    let server = "echo '220 mx ESMTP'\nwhile read -r line; do\n  case $line in\n    RCPT*carol*) echo '550 \
                  5.1.1 no such user' ;;\n    DATA*) echo '354 go on'; while read -r text; do case $text in \
                  .?) break ;; esac; done; echo '250 2.0.0 ok' ;;\n    QUIT*) echo '221 bye'; exit ;;\n    *) \
                  echo '250 ok' ;;\n  esac\ndone\n";
    fs::write(&script, server).unwrap();
    let pipe = format!("sh {}", script.display());
    let log = home.join("mail.log");
    let log_option = format!("--log={}", log.display());
    let send = ["-q", &log_option, "-f", "alice@crepes.fr", "-b", "hi"];
    let to_all = ["bob@example.org", "dave@example.org", "carol@example.org"];
    let arguments = [&send[..], &["--pipe", &pipe], &to_all].concat();
    ehlo(home, &arguments).ends_with(79);
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let relay = listener.local_addr().unwrap().to_string();
    drop(listener);
    let queue = home.join("queue").display().to_string();
    let kept = [
        "--queue",
        "--queue-dir",
        &queue,
        "-r",
        &relay,
        "bob@example.org",
    ];
    ehlo(home, &[&send[..], &kept].concat()).ends_with(0);
    let start = Start {
        variables: &[("EHLO_CONFIG", "/dev/null")],
        ..Start::default()
    };
    let run = ["queue", "run", "--now", "--queue-dir", &queue, &log_option];
    ehlo_with(home, &run, &start).ends_with(0);
    log
}

/// The report without spaces at the beginning of its lines.
fn report(command: &mut Command) -> Vec<String> {
    let output = command.stderr(Stdio::inherit()).output().unwrap();
    assert!(output.status.success(), "{output:?}");
    let text = String::from_utf8(output.stdout).unwrap();
    let lines = text.lines().map(|line| line.split_whitespace());
    lines
        .map(|words| words.collect::<Vec<_>>().join(" "))
        .collect()
}

#[test]
fn pflogsumm_counts_messages_and_recipients() {
    if !parts::has(PFLOGSUMM) {
        return;
    }
    let home = tempfile::tempdir().unwrap();
    let log = write_log(home.path());
    let mut command = Command::new(PFLOGSUMM);
    let report = report(command.args(["--syslog-name", "ehlo"]).arg(&log));
    for line in [
        "2 received",
        "2 delivered",
        "1 deferred (2 deferrals)",
        "1 bounced",
    ] {
        assert!(
            report.iter().any(|found| found == line),
            "{line}: {report:#?}"
        );
    }
    for word in ["alice@crepes.fr", "bob@example.org", "dave@example.org"] {
        assert!(
            report.iter().any(|found| found.contains(word)),
            "{report:#?}"
        );
    }
}

#[test]
fn logwatch_knows_every_line() {
    if !parts::has(LOGWATCH) {
        return;
    }
    let home = tempfile::tempdir().unwrap();
    let log = fs::File::open(write_log(home.path())).unwrap();
    let mut command = Command::new("perl");
    let report = report(
        command
            .args([LOGWATCH, "--syslog_name", "ehlo", "--detail", "10"])
            .stdin(log),
    );
    let has = |part: &str| report.iter().any(|found| found.contains(part));
    assert!(has("2 Sent via SMTP"), "{report:#?}");
    assert!(has("1 Deferred"), "{report:#?}");
    assert!(has("Bounced (remote)"), "{report:#?}");
    assert!(!has("Unmatched"), "{report:#?}");
}
