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

#[test]
fn installed_job_of_cron_is_mailed_with_what_its_command_printed() {
    let home = TempDir::new().unwrap();
    let Some(postfix) = Postfix::start() else {
        return;
    };
    let config = home.path().join("config.toml");
    let profile = format!(
        "default = \"x\"\n[profile.x]\nrelay = \"{}\"\nhelo = \"client.test\"\n",
        postfix.relay()
    );
    fs::write(&config, profile).unwrap();
    let directory = home.path().join("cron.d");
    fs::create_dir(&directory).unwrap();
    let file = directory.join("jobs");
    let table = format!(
        "MAILTO=bob@example.test\nMAILFROM=cron@sender.test\nEHLO_STATE_DIR={0}/state\nEHLO_CONFIG={0}/config.toml\n\
         @reboot root read text; echo \"50\\% of $text\" | tr o 0; exit 3%tomatoes\n",
        home.path().display()
    );
    fs::write(&file, table).unwrap();
    let installed = Command::new(env!("CARGO_BIN_EXE_ehlo"))
        .args(["cron", "install", "--name", "half", "5", "--file"])
        .arg(&file)
        .status();
    assert!(installed.unwrap().success());
    let table = fs::read_to_string(&file).unwrap();
    let Some(_cron) = Cron::start(home.path(), &table) else {
        return;
    };
    let (subject, text) = by_subject(&postfix.receive("bob"));
    assert_eq!(subject, "FAILED(3): half");
    assert!(text.ends_with("\n\n50% 0f t0mat0es\n"), "{text}");
}

#[test]
fn crontab_of_the_user_is_changed_by_crontab() {
    let namespace = &mut Command::new("unshare");
    let has_all = parts::has("/usr/bin/crontab")
        && parts::is_root()
        && parts::works(namespace.args(["-m", "true"]), "unshare with namespaces");
    if !has_all {
        return;
    }
    let script = "mount --make-rprivate / && mount -t tmpfs none /var/spool/cron && \
        mkdir /var/spool/cron/crontabs && \"$1\" cron show && \
        \"$1\" cron install --schedule @daily -- true >/dev/null && crontab -l && \
        \"$1\" cron remove --all >/dev/null && crontab -l";
    let output = Command::new("unshare")
        .args(["-m", "sh", "-c", script, "sh", env!("CARGO_BIN_EXE_ehlo")])
        .output()
        .unwrap();
    let text = String::from_utf8_lossy(&output.stdout);
    let lines: Vec<&str> = text.lines().filter(|line| !line.starts_with('#')).collect();
    let [wrapped, plain] = lines[..] else {
        panic!("{output:?}");
    };
    assert!(
        wrapped.ends_with("/ehlo run --name true -- /usr/bin/true"),
        "{wrapped}"
    );
    assert_eq!(plain, "@daily /usr/bin/true");
}
