//! The process that delivers queued mail.

use crate::cron::doctor::HostSystem;
use crate::cron::doctor::cron::CrontabLine;
use crate::cron::doctor::host::read_file;
use crate::cron::doctor::options::CheckStep;
use crate::probe::Finding;
use crate::queue;
use crate::queue::QueueUse;
use crate::queue::store::RunnerRole;
use std::path::PathBuf;

/// Directories of scripts that cron runs as root.
const DIRECTORIES: [&str; 4] = [
    "/etc/cron.hourly",
    "/etc/cron.daily",
    "/etc/cron.weekly",
    "/etc/cron.monthly",
];

/// The units that `ehlo queue systemd` prints.
const TIMER: &str = "ehlo-queue.timer";
const WATCH: &str = "ehlo-queue-watch.service";

/// Looks for a process that runs the queue: a watcher, a timer, a job of cron.
pub fn check(host: &HostSystem, queueing: &QueueUse, jobs: &[CrontabLine]) -> Finding {
    let units = Units::of(host);
    if is_watched(queueing) {
        return Finding::ok(CheckStep::Runner, "ehlo queue run --watch is running");
    }
    if let Some(finding) = units.enabled(host) {
        return finding;
    }
    if let Some(location) = by_cron(host, jobs) {
        return Finding::ok(CheckStep::Runner, format!("ehlo queue run in {location}"));
    }
    let finding = Finding::warning(
        CheckStep::Runner,
        "no queue runner: deferred mail waits until the next message is sent",
    );
    if units.is_running {
        return finding
            .with_remedy("ehlo queue systemd prints a timer, and explains how to start it");
    }
    finding.with_command("(crontab -l; ehlo queue cron) | crontab -")
}

fn is_watched(queueing: &QueueUse) -> bool {
    let store = queue::open(queueing.queue.location.as_ref(), false);
    store.is_ok_and(|store| store.is_locked(RunnerRole::Watcher))
}

/// The job of this user that runs the queue.
fn by_cron(host: &HostSystem, jobs: &[CrontabLine]) -> Option<String> {
    let job = jobs
        .iter()
        .find(|job| job.user == host.login && runs_the_queue(&job.command));
    if let Some(job) = job {
        return Some(job.location.clone());
    }
    let mut scripts = DIRECTORIES
        .iter()
        .flat_map(|directory| host.files(directory))
        .filter(|_| host.login == "root");
    let script = scripts.find(|path| read_file(path).is_some_and(|text| any_line_does(&text)))?;
    Some(script.to_string_lossy().into_owned())
}

fn any_line_does(text: &str) -> bool {
    let lines = text.lines().map(str::trim);
    let mut lines = lines.filter(|line| !line.starts_with('#'));
    lines.any(runs_the_queue)
}

/// True for `ehlo queue run`, or for `sendmail -q` if sendmail is ehlo.
fn runs_the_queue(command: &str) -> bool {
    let words: Vec<&str> = command.split_whitespace().collect();
    let is =
        |word: &str, name: &str| word.trim_matches(['\'', '"']).rsplit('/').next() == Some(name);
    let by_name = |at: &[&str]| is(at[0], "ehlo") && at[1] == "queue" && at[2] == "run";
    let by_flag = |at: &[&str]| is(at[0], "sendmail") && at[1].starts_with("-q");
    words.windows(3).any(by_name) || words.windows(2).any(by_flag)
}

/// The systemd units that concern the queue.
struct Units {
    /// True if this host was booted with systemd.
    is_running: bool,
    /// Directory of the units; its `*.wants` directories list the enabled ones.
    directory: PathBuf,
    ctl: &'static str,
    target: &'static str,
    is_root: bool,
}

impl Units {
    fn of(host: &HostSystem) -> Self {
        let is_root = host.login == "root";
        let directory = match &host.home {
            Some(home) if !is_root => home.join(".config/systemd/user"),
            _ => host.at("/etc/systemd/system"),
        };
        Self {
            is_running: host.has("/run/systemd/system"),
            directory,
            ctl: if is_root {
                "systemctl"
            } else {
                "systemctl --user"
            },
            target: if is_root { "multi-user" } else { "default" },
            is_root,
        }
    }

    /// The enabled unit, and its state.
    fn enabled(&self, host: &HostSystem) -> Option<Finding> {
        if !self.is_running {
            return None;
        }
        let lists_of_jobs = |target: &str, unit: &str| {
            let link = self.directory.join(format!("{target}.target.wants/{unit}"));
            link.symlink_metadata().is_ok()
        };
        let unit = match () {
            () if lists_of_jobs("timers", TIMER) => TIMER,
            () if lists_of_jobs(self.target, WATCH) => WATCH,
            () => return None,
        };
        // A user's manager cannot be queried without its bus, which cron jobs do not have.
        let output = self
            .is_root
            .then(|| host.ask("systemctl", &["is-active", unit]));
        if output.flatten().is_some_and(|output| !output.succeeded) {
            let found = format!("{unit} is enabled, but not running");
            let remedy = format!("{} start {unit}", self.ctl);
            return Some(Finding::warning(CheckStep::Runner, found).with_command(remedy));
        }
        if !self.is_root && !host.has(&format!("/var/lib/systemd/linger/{}", host.login)) {
            let found = format!("{unit} is enabled, but runs only while you are logged in");
            return Some(
                Finding::warning(CheckStep::Runner, found).with_command("loginctl enable-linger"),
            );
        }
        Some(Finding::ok(CheckStep::Runner, format!("{unit} is enabled")))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cron::doctor::host::tests::TestHost;
    use crate::probe::Status;

    fn enabled(test_host: &TestHost) -> Option<Finding> {
        Units::of(&test_host.host).enabled(&test_host.host)
    }

    fn of_root() -> TestHost {
        let mut test_host = TestHost::new();
        test_host.host.login = "root".to_owned();
        test_host.file("/run/systemd/system/x", "");
        test_host
    }

    #[test]
    fn enabled_and_active_timer_is_ok() {
        let test_host = of_root();
        assert_eq!(enabled(&test_host), None);
        test_host.file(
            "/etc/systemd/system/timers.target.wants/ehlo-queue.timer",
            "",
        );
        assert_eq!(enabled(&test_host).unwrap().status, Status::Ok);
        test_host.script("/usr/bin/systemctl", "#!/bin/sh\necho inactive; exit 3\n");
        let finding = enabled(&test_host).unwrap();
        assert_eq!(finding.status, Status::Warning);
        assert_eq!(
            finding.remedy_text(),
            Some("systemctl start ehlo-queue.timer")
        );
    }

    #[test]
    fn units_are_ignored_without_systemd() {
        let mut test_host = TestHost::new();
        test_host.host.login = "root".to_owned();
        test_host.file(
            "/etc/systemd/system/timers.target.wants/ehlo-queue.timer",
            "",
        );
        assert_eq!(enabled(&test_host), None);
    }

    #[test]
    fn units_of_a_user_require_linger() {
        let test_host = TestHost::new();
        test_host.file("/run/systemd/system/x", "");
        test_host.file(
            "/home/ann/.config/systemd/user/default.target.wants/ehlo-queue-watch.service",
            "",
        );
        let finding = enabled(&test_host).unwrap();
        assert_eq!(finding.remedy_text(), Some("loginctl enable-linger"));
        test_host.file("/var/lib/systemd/linger/ann", "");
        assert_eq!(enabled(&test_host).unwrap().status, Status::Ok);
    }

    #[test]
    fn only_jobs_of_this_user_count_as_queue_runner() {
        let test_host = TestHost::new();
        let job = |user: &str, command: &str| CrontabLine {
            location: "there".to_owned(),
            user: user.to_owned(),
            mailto: None,
            path: None,
            command: command.to_owned(),
            program: None,
        };
        let found = |job: CrontabLine| by_cron(&test_host.host, &[job]);
        assert!(found(job("ann", "/usr/bin/ehlo queue run --queue-dir /q")).is_some());
        assert!(found(job("ann", "sendmail -q")).is_some());
        assert_eq!(found(job("bob", "/usr/bin/ehlo queue run")), None);
        assert_eq!(found(job("ann", "ehlo queue list; run")), None);
    }

    #[test]
    fn system_script_runs_the_queue_of_root() {
        let mut test_host = TestHost::new();
        let script = "/etc/cron.hourly/mail";
        test_host.file(script, "#!/bin/sh\nexec ehlo queue run\n");
        assert_eq!(by_cron(&test_host.host, &[]), None);
        test_host.host.login = "root".to_owned();
        assert!(by_cron(&test_host.host, &[]).unwrap().ends_with(script));
        test_host.file(script, "#!/bin/sh\n# ehlo queue run\n");
        assert_eq!(by_cron(&test_host.host, &[]), None);
    }
}
