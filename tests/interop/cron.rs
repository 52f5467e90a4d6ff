//! Jobs of a real cron, in the environment that it gives them, and who hears of them through a real Postfix.

use crate::parts;
use crate::postfix::Postfix;
use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use tempfile::TempDir;

const CRON: &str = "/usr/sbin/cron";

/// What cron sees instead of this host's: its tables, and where it notes that the host has started. All jobs
/// are for that moment.
const NAMESPACE: &str = "mount --make-rprivate / && mount -t tmpfs none /var/spool/cron && \
    mkdir /var/spool/cron/crontabs && mount -t tmpfs none /etc/cron.d && mount -t tmpfs none /run && \
    cp \"$1/table\" /etc/cron.d/table && mount -o bind \"$1/empty\" /etc/crontab && exec cron -f";

/// A running cron that knows these jobs and no other.
struct Cron(Child);

impl Cron {
    /// Starts it; `None` where that is not possible, with the reason printed.
    fn start(home: &Path, table: &str) -> Option<Self> {
        let namespace = &mut Command::new("unshare");
        let has_all = parts::has(CRON)
            && parts::is_root()
            && parts::works(namespace.args(["-m", "true"]), "unshare with namespaces");
        if !has_all {
            return None;
        }
        fs::write(home.join("empty"), "").unwrap();
        fs::write(home.join("table"), table).unwrap();
        let cron = Command::new("unshare")
            .args(["-m", "sh", "-c", NAMESPACE, "sh"])
            .arg(home)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn();
        Some(Self(cron.unwrap()))
    }
}

impl Drop for Cron {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

const JOBS: [(&str, &str); 7] = [
    ("silent", "true"),
    ("chatty", "echo all is well"),
    ("failing", "sh -c 'echo no space >&2; exit 3'"),
    ("noisy", "sh -c 'seq 1 60000; exit 1'"),
    ("binary", "sh -c 'head -c 3 /dev/zero; exit 1'"),
    ("endless", "--timeout 300ms -- yes"),
    ("killed", "sh -c 'kill -KILL $$'"),
];

/// The field Subject of a message, and the message.
fn by_subject(message: &[u8]) -> (String, String) {
    let text = String::from_utf8_lossy(message).into_owned();
    let subject = text.lines().find_map(|line| line.strip_prefix("Subject: "));
    let subject = subject.and_then(|subject| subject.split_once("] "));
    let (_, subject) = subject.expect("a subject without a host");
    let (subject, _) = subject.split_once(" after").unwrap_or((subject, ""));
    (subject.to_owned(), text)
}

#[test]
fn jobs_of_cron_that_fail_are_mailed_and_the_others_are_not() {
    let home = TempDir::new().unwrap();
    let Some(postfix) = Postfix::start() else {
        return;
    };
    let queue = home.path().join("queue");
    let run = format!(
        "{} run --config /dev/null -r {} --helo client.test --queue-dir {} --state-dir {}",
        env!("CARGO_BIN_EXE_ehlo"),
        postfix.relay(),
        queue.display(),
        home.path().join("state").display()
    );
    let line = |(name, job): &(&str, &str)| format!("@reboot root {run} --name {name} {job}\n");
    let jobs: String = JOBS.iter().map(line).collect();
    let state = home.path().join("state");
    let table = format!(
        "MAILTO=bob@example.test\nMAILFROM=cron@sender.test\nEHLO_STATE_DIR={}\n{jobs}",
        state.display()
    );
    let Some(_cron) = Cron::start(home.path(), &table) else {
        return;
    };
    let mails: BTreeMap<String, String> = (0..5)
        .map(|_| by_subject(&postfix.receive("bob")))
        .collect();
    let subjects: Vec<&str> = mails.keys().map(String::as_str).collect();
    assert_eq!(
        subjects,
        [
            "FAILED(1): binary",
            "FAILED(1): noisy",
            "FAILED(3): failing",
            "KILLED(SIGKILL): killed",
            "TIMEOUT: endless"
        ]
    );
    assert!(mails["FAILED(3): failing"].ends_with("\n\nno space\n"));
    assert!(mails["FAILED(1): noisy"].contains("filename=noisy.log.gz"));
    let binary = &mails["FAILED(1): binary"];
    assert!(binary.contains("\\x00\\x00\\x00"), "{binary}");
}
