//! Checks cron itself: the daemon, and the mail of its jobs.

use crate::cron::doctor::jobs::CrontabLine;
use crate::cron::doctor::options::CheckStep;
use crate::cron::doctor::surroundings::is_program;
use crate::cron::doctor::{CheckResult, HostSystem};
use crate::system::text::shown;
use std::path::Path;

/// Names of daemons that run crontabs.
const DAEMONS: [&str; 6] = [
    "cron",
    "crond",
    "fcron",
    "dcron",
    "bcron-sched",
    "supercronic",
];

/// Search path of cron if the crontab does not set PATH (`_PATH_DEFPATH`).
const PATH: &str = "/usr/bin:/bin";

/// Looks for the daemon, and for jobs with an empty MAILTO, which discards their output.
pub fn look(host: &HostSystem, jobs: &[CrontabLine]) -> Vec<CheckResult> {
    let mut findings = vec![daemon(host, jobs.len())];
    let mut quiet: Vec<&str> = jobs
        .iter()
        .filter(|job| job.user == host.login && job.mailto.as_deref() == Some(""))
        .map(|job| job.place.as_str())
        .collect();
    quiet.dedup();
    findings.extend(quiet.into_iter().map(|place| {
        let place = shown(place);
        let found = format!("MAILTO is empty in {place}: nobody hears of the jobs below it");
        CheckResult::warning(CheckStep::Cron, found)
            .mended_by(format!("take MAILTO= out of {place}"))
    }));
    findings.extend(not_found(host, jobs));
    findings
}

/// The places of jobs that call `ehlo` by its bare name, which cron does not find.
fn not_found(host: &HostSystem, jobs: &[CrontabLine]) -> Vec<CheckResult> {
    let own = jobs.iter().filter(|job| job.user == host.login);
    let lost = own.filter(|job| calls_bare(&job.command) && !is_on_path(host, job));
    let mut places: Vec<(&str, &str)> = lost
        .map(|job| (job.place.as_str(), job.path.as_deref().unwrap_or(PATH)))
        .collect();
    places.dedup();
    let findings = places.into_iter().map(|(place, path)| {
        let (place, path) = (shown(place), shown(path));
        let found = format!("jobs in {place} call ehlo, which is not in their PATH, {path}");
        let directory = host.program.parent().unwrap_or(Path::new("/usr/local/bin"));
        let directory = shown(&directory.to_string_lossy());
        CheckResult::warning(CheckStep::Cron, found)
            .mended_by(format!("write PATH={directory}:{path} above them"))
    });
    findings.collect()
}

/// True if cron finds `ehlo` for this job. On Debian, `pam_env` gives it the PATH of /etc/environment.
fn is_on_path(host: &HostSystem, job: &CrontabLine) -> bool {
    let environment = host.read(&host.at("/etc/environment")).unwrap_or_default();
    let of_pam = environment
        .lines()
        .filter_map(|line| line.strip_prefix("PATH="));
    let of_pam = of_pam.map(|value| value.trim_matches(['"', '\'']));
    let paths: Vec<&str> = match &job.path {
        Some(path) => vec![path],
        None => of_pam.chain([PATH]).collect(),
    };
    let directories = paths.iter().flat_map(|path| path.split(':'));
    let mut programs = directories.map(|directory| host.at(directory).join("ehlo"));
    programs.any(|path| is_program(&path))
}

/// True if a shell command runs `ehlo` by its bare name and does not change PATH itself.
fn calls_bare(command: &str) -> bool {
    let starts_command = |word: &&str| {
        let is_before_command = ["exec", "nice", "then", "do", "else", "!", "{", "time"];
        !is_before_command.contains(word) && !word.contains('=')
    };
    let mut simple = command.split(['|', ';', '&', '(', '`', '\n']);
    !command.contains("PATH=")
        && simple.any(|simple| simple.split_whitespace().find(starts_command) == Some("ehlo"))
}

fn daemon(host: &HostSystem, jobs: usize) -> CheckResult {
    let jobs = crate::system::figures::counted(jobs as u64, "job");
    if let Some(name) = running(host) {
        return CheckResult::ok(
            CheckStep::Cron,
            format!("{name} runs, with {jobs} that can be seen"),
        );
    }
    if host.has("/run/systemd/generator/cron.target.wants") {
        return CheckResult::ok(
            CheckStep::Cron,
            format!("systemd-cron, with {jobs} that can be seen"),
        );
    }
    let mend = if host.has("/run/systemd/system") {
        "systemctl enable --now cron (or crond, as the system calls it)"
    } else {
        "start cron (or crond, as the system calls it)"
    };
    CheckResult::warning(CheckStep::Cron, "no cron runs on this host").mended_by(mend)
}

/// The name of the daemon, if it runs.
fn running(host: &HostSystem) -> Option<String> {
    let processes = host.files("/proc").into_iter();
    let mut names = processes.filter_map(|path| {
        let number = path.file_name()?.to_str()?;
        number.parse::<u32>().ok()?;
        host.read(&path.join("comm"))
    });
    let name = names.find(|name| DAEMONS.contains(&name.trim()))?;
    Some(name.trim().to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cron::doctor::surroundings::tests::Made;
    use crate::system::exit::Health;

    fn job(mailto: Option<&str>) -> CrontabLine {
        CrontabLine {
            place: "the crontab of ann".to_owned(),
            user: "ann".to_owned(),
            mailto: mailto.map(str::to_owned),
            path: None,
            command: "x".to_owned(),
        }
    }

    #[test]
    fn a_daemon_is_seen_among_the_processes() {
        let made = Made::new();
        made.file("/proc/1/comm", "init\n");
        made.file("/proc/self/comm", "cron\n");
        assert_eq!(look(&made.host, &[])[0].health, Health::Warning);
        made.file("/proc/27/comm", "crond\n");
        let finding = &look(&made.host, &[job(None)])[0];
        assert_eq!(finding.health, Health::Ok);
        assert_eq!(finding.found, "crond runs, with 1 job that can be seen");
    }

    #[test]
    fn bare_ehlo_is_recognised_where_a_shell_would_run_it() {
        for command in [
            "ehlo run -- x",
            "disk-check | ehlo notify -E",
            "x && ehlo digest y",
            "cd /; LANG=C exec ehlo run -- x",
            "echo $(ehlo --version)",
        ] {
            assert!(calls_bare(command), "{command}");
        }
        for command in [
            "/usr/local/bin/ehlo run -- x",
            "echo ehlo",
            "backup --to ehlo",
            "PATH=/opt/bin:$PATH ehlo run -- x",
            "ehlo-backup",
        ] {
            assert!(!calls_bare(command), "{command}");
        }
    }

    #[test]
    fn bare_ehlo_outside_of_crons_path_is_reported_once_with_the_line_that_corrects_it() {
        let mut made = Made::new();
        made.host.program = "/usr/local/bin/ehlo".into();
        std::fs::remove_file(made.host.at("/usr/bin/ehlo")).unwrap();
        made.program("/usr/local/bin/ehlo", "");
        let calling = |path: Option<&str>| CrontabLine {
            command: "ehlo run -- x".to_owned(),
            path: path.map(str::to_owned),
            ..job(None)
        };
        let jobs = [calling(None), calling(None)];
        let found = &look(&made.host, &jobs)[1..];
        assert_eq!(found.len(), 1);
        assert_eq!(
            found[0].found,
            "jobs in the crontab of ann call ehlo, which is not in their PATH, /usr/bin:/bin"
        );
        let mend = found[0].mend.as_deref();
        assert_eq!(
            mend,
            Some("write PATH=/usr/local/bin:/usr/bin:/bin above them")
        );
        let set = look(&made.host, &[calling(Some("/usr/local/bin:/bin"))]);
        assert_eq!(set.len(), 1);
        made.file("/etc/environment", "PATH=\"/usr/local/bin:/usr/bin\"\n");
        assert_eq!(look(&made.host, &jobs).len(), 1);
        assert_eq!(look(&made.host, &[calling(Some("/bin"))]).len(), 2);
        made.program("/bin/ehlo", "");
        assert_eq!(look(&made.host, &[calling(Some("/bin"))]).len(), 1);
    }

    #[test]
    fn an_empty_mailto_keeps_jobs_quiet() {
        let made = Made::new();
        let quiet = look(&made.host, &[job(Some("")), job(Some("")), job(None)]);
        assert_eq!(quiet.len(), 2);
        assert_eq!(quiet[1].health, Health::Warning);
        assert!(quiet[1].found.contains("the crontab of ann"));
    }
}
