//! The mail log as pflogsumm and logwatch read it.

use crate::parts;
use crate::run::{Start, ehlo, ehlo_with};
use std::fs;
use std::net::TcpListener;
use std::os::unix::net::UnixDatagram;
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

/// The system log has a fixed path, which is replaced in a mount namespace of the test's own.
#[test]
fn syslog_gets_the_lines_of_a_delivery() {
    let namespace = &mut Command::new("unshare");
    if !parts::is_root() || !parts::works(namespace.args(["-m", "true"]), "unshare with namespaces")
    {
        return;
    }
    let home = tempfile::tempdir().unwrap();
    let devices = home.path().join("dev");
    fs::create_dir(&devices).unwrap();
    let log = UnixDatagram::bind(devices.join("log")).unwrap();
    let config = home.path().join("config.toml");
    fs::write(&config, "[log]\nsyslog = true\n").unwrap();
    let script = "for device in null urandom; do
            : >\"$1/$device\" && mount --bind \"/dev/$device\" \"$1/$device\" || exit 99
        done
        mount --rbind \"$1\" /dev || exit 99
        shift
        exec \"$@\"";
    let ehlo = env!("CARGO_BIN_EXE_ehlo");
    let sent = Command::new("unshare")
        .args(["-m", "sh", "-c", script, "sh"])
        .arg(&devices)
        .args([
            ehlo,
            "-q",
            "-f",
            "alice@crepes.fr",
            "-b",
            "hi",
            "--pipe",
            "exit 3",
            "bob@example.org",
        ])
        .env_clear()
        .env("PATH", "/usr/sbin:/usr/bin:/sbin:/bin")
        .env("EHLO_CONFIG", &config)
        .output()
        .unwrap();
    assert_eq!(sent.status.code(), Some(75), "{sent:?}");
    log.set_nonblocking(true).unwrap();
    let mut lines = Vec::new();
    let mut line = [0; 2000];
    while let Ok(count) = log.recv(&mut line) {
        lines.push(String::from_utf8_lossy(&line[..count]).into_owned());
    }
    let has = |start: &str, text: &str| {
        lines
            .iter()
            .any(|line| line.starts_with(start) && line.contains(text))
    };
    assert!(
        has("<22>ehlo/pickup[", "from=<alice@crepes.fr>"),
        "{lines:#?}"
    );
    assert!(
        has("<22>ehlo/smtp[", "to=<bob@example.org>, relay=pipe, "),
        "{lines:#?}"
    );
    assert!(has("<22>ehlo/smtp[", "status=deferred ("), "{lines:#?}");
    assert!(has("<22>ehlo/qmgr[", ": removed"), "{lines:#?}");
}
