//! The cron daemon, and the jobs of crontabs.

use crate::cron::crontab;
use crate::cron::crontab::CrontabKind;
use crate::cron::doctor::HostSystem;
use crate::cron::doctor::host::{is_program, read_file};
use crate::cron::doctor::options::CheckStep;
use crate::probe::Finding;
use crate::system::text::{shown, shown_path};
use std::path::Path;

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
pub fn check(host: &HostSystem, jobs: &[CrontabLine]) -> Vec<Finding> {
    let mut findings = vec![daemon(host, jobs.len())];
    let mut quiet: Vec<&str> = jobs
        .iter()
        .filter(|job| job.user == host.login && job.mailto.as_deref() == Some(""))
        .map(|job| job.location.as_str())
        .collect();
    quiet.dedup();
    findings.extend(quiet.into_iter().map(|location| {
        let location = shown(location);
        let found =
            format!("MAILTO is empty in {location}: the output of the jobs below it is discarded");
        Finding::warning(CheckStep::Cron, found)
            .with_remedy(format!("remove MAILTO= from {location}"))
    }));
    findings.extend(not_in_path(host, jobs));
    findings.extend(without_program(host, jobs));
    findings
}

/// Reports crontabs with jobs that call `ehlo` without a path if cron does not find it.
fn not_in_path(host: &HostSystem, jobs: &[CrontabLine]) -> Vec<Finding> {
    let own = jobs.iter().filter(|job| job.user == host.login);
    let affected = own.filter(|job| calls_by_name(&job.command) && !is_on_path(host, job, "ehlo"));
    let mut locations: Vec<(&str, &str)> = affected
        .map(|job| (job.location.as_str(), job.path.as_deref().unwrap_or(PATH)))
        .collect();
    locations.dedup();
    let findings = locations.into_iter().map(|(location, path)| {
        let (location, path) = (shown(location), shown(path));
        let found = format!("jobs in {location} run ehlo, which is not in their PATH ({path})");
        let directory = shown_path(host.program.parent().unwrap_or(Path::new("/usr/local/bin")));
        Finding::warning(CheckStep::Cron, found)
            .with_remedy(format!("add the line PATH={directory}:{path} above them"))
    });
    findings.collect()
}

/// Reports jobs whose program cron does not find.
fn without_program(host: &HostSystem, jobs: &[CrontabLine]) -> Vec<Finding> {
    let own = jobs.iter().filter(|job| job.user == host.login);
    let findings = own.filter_map(|job| {
        let program = job
            .program
            .as_deref()
            .filter(|program| *program != "ehlo")?;
        let location = shown(&job.location);
        let (what, remedy) = if program.contains('/') {
            if is_program(&host.at(program)) {
                return None;
            }
            let program = shown(program);
            let what =
                format!("a job in {location} runs {program}, which is not an executable file");
            (what, format!("correct the path in {location}"))
        } else {
            if is_on_path(host, job, program) {
                return None;
            }
            let (program, path) = (shown(program), shown(job.path.as_deref().unwrap_or(PATH)));
            let what =
                format!("a job in {location} runs {program}, which is not in its PATH ({path})");
            (
                what,
                format!("write the full path of {program} in {location}"),
            )
        };
        Some(Finding::warning(CheckStep::Cron, what).with_remedy(remedy))
    });
    findings.collect()
}

/// True if cron finds this program for a job. On Debian, `pam_env` gives it the PATH of /etc/environment.
fn is_on_path(host: &HostSystem, job: &CrontabLine, program: &str) -> bool {
    let environment = read_file(&host.at("/etc/environment")).unwrap_or_default();
    let pam_path = environment
        .lines()
        .filter_map(|line| line.strip_prefix("PATH="))
        .map(|value| value.trim_matches(['"', '\'']));
    let paths: Vec<&str> = match &job.path {
        Some(path) => vec![path],
        None => pam_path.chain([PATH]).collect(),
    };
    let directories = paths.iter().flat_map(|path| path.split(':'));
    let mut programs = directories.map(|directory| host.at(directory).join(program));
    programs.any(|path| is_program(&path))
}

/// True if a shell command runs `ehlo` without a path, and does not change PATH.
fn calls_by_name(command: &str) -> bool {
    let starts_command = |word: &&str| {
        let is_before_command = ["exec", "nice", "then", "do", "else", "!", "{", "time"];
        !is_before_command.contains(word) && !word.contains('=')
    };
    let mut simple = command.split(['|', ';', '&', '(', '`', '\n']);
    !command.contains("PATH=")
        && simple.any(|simple| simple.split_whitespace().find(starts_command) == Some("ehlo"))
}

fn daemon(host: &HostSystem, jobs: usize) -> Finding {
    let jobs = crate::system::figures::counted(jobs as u64, "readable job");
    if let Some(name) = running(host) {
        return Finding::ok(CheckStep::Cron, format!("{name} is running, with {jobs}"));
    }
    if host.has("/run/systemd/generator/cron.target.wants") {
        return Finding::ok(CheckStep::Cron, format!("systemd-cron, with {jobs}"));
    }
    let remedy = if host.has("/run/systemd/system") {
        "systemctl enable --now cron (or crond, depending on the system)"
    } else {
        "start cron (or crond, depending on the system)"
    };
    Finding::warning(CheckStep::Cron, "no cron daemon is running").with_remedy(remedy)
}

/// The name of the daemon, if it runs.
fn running(host: &HostSystem) -> Option<String> {
    let processes = host.files("/proc").into_iter();
    let mut names = processes.filter_map(|path| {
        let number = path.file_name()?.to_str()?;
        number.parse::<u32>().ok()?;
        read_file(&path.join("comm"))
    });
    let name = names.find(|name| DAEMONS.contains(&name.trim()))?;
    Some(name.trim().to_owned())
}

/// A line of a crontab that runs something.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CrontabLine {
    /// Displayed name of the crontab.
    pub location: String,
    /// The user that runs it.
    pub user: String,
    /// MAILTO above it. `None`: not set. Empty: no mail is sent.
    pub mailto: Option<String>,
    /// PATH above it. `None`: the default of cron.
    pub path: Option<String>,
    /// The text for the shell.
    pub command: String,
    /// The program, if the command is a simple one.
    pub program: Option<String>,
}

/// All readable crontabs: the user's own, and those of the system.
pub fn crontab_lines(host: &HostSystem) -> Vec<CrontabLine> {
    let own = host
        .ask("crontab", &["-l"])
        .filter(|output| output.succeeded)
        .map_or(Vec::new(), |output| {
            let location = format!("the crontab of {}", host.login);
            lines_of(&output.text, &location, CrontabKind::User(&host.login))
        });
    let system = std::iter::once(host.at("/etc/crontab")).chain(host.files("/etc/cron.d"));
    let system = system.filter(|path| is_read(path)).flat_map(|path| {
        let text = read_file(&path).unwrap_or_default();
        lines_of(&text, &path.to_string_lossy(), CrontabKind::System)
    });
    own.into_iter().chain(system).collect()
}

/// cron skips files with a dot in their name, as package managers leave them.
fn is_read(path: &Path) -> bool {
    let name = path.file_name().and_then(|name| name.to_str());
    name.is_some_and(|name| !name.contains(['.', '~', '#']))
}

fn lines_of(text: &str, location: &str, kind: CrontabKind<'_>) -> Vec<CrontabLine> {
    let entries = crontab::entries(text, kind).into_iter();
    let lines = entries.map(|entry| CrontabLine {
        location: location.to_owned(),
        user: entry.user.to_owned(),
        mailto: entry.mailto.map(str::to_owned),
        path: entry.path.map(str::to_owned),
        command: entry.command.to_owned(),
        program: entry.program(),
    });
    lines.collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cron::doctor::host::tests::TestHost;
    use crate::probe::Status;

    fn job(mailto: Option<&str>) -> CrontabLine {
        CrontabLine {
            location: "the crontab of ann".to_owned(),
            user: "ann".to_owned(),
            mailto: mailto.map(str::to_owned),
            path: None,
            command: "x".to_owned(),
            program: None,
        }
    }

    #[test]
    fn cron_daemon_is_found_by_its_process_name() {
        let test_host = TestHost::new();
        test_host.file("/proc/1/comm", "init\n");
        test_host.file("/proc/self/comm", "cron\n");
        assert_eq!(check(&test_host.host, &[])[0].status, Status::Warning);
        test_host.file("/proc/27/comm", "crond\n");
        let finding = &check(&test_host.host, &[job(None)])[0];
        assert_eq!(finding.status, Status::Ok);
        assert_eq!(finding.text, "crond is running, with 1 readable job");
    }

    #[test]
    fn ehlo_without_a_path_is_found_in_shell_commands() {
        for command in [
            "ehlo run -- x",
            "disk-check | ehlo notify -E",
            "x && ehlo digest y",
            "cd /; LANG=C exec ehlo run -- x",
            "echo $(ehlo --version)",
        ] {
            assert!(calls_by_name(command), "{command}");
        }
        for command in [
            "/usr/local/bin/ehlo run -- x",
            "echo ehlo",
            "backup --to ehlo",
            "PATH=/opt/bin:$PATH ehlo run -- x",
            "ehlo-backup",
        ] {
            assert!(!calls_by_name(command), "{command}");
        }
    }

    #[test]
    fn ehlo_outside_of_crons_path_is_reported_once() {
        let mut test_host = TestHost::new();
        test_host.host.program = "/usr/local/bin/ehlo".into();
        std::fs::remove_file(test_host.host.at("/usr/bin/ehlo")).unwrap();
        test_host.program("/usr/local/bin/ehlo", "");
        let calling = |path: Option<&str>| CrontabLine {
            command: "ehlo run -- x".to_owned(),
            path: path.map(str::to_owned),
            ..job(None)
        };
        let jobs = [calling(None), calling(None)];
        let found = &check(&test_host.host, &jobs)[1..];
        assert_eq!(found.len(), 1);
        assert_eq!(
            found[0].text,
            "jobs in the crontab of ann run ehlo, which is not in their PATH (/usr/bin:/bin)"
        );
        let remedy = found[0].remedy_text();
        assert_eq!(
            remedy,
            Some("add the line PATH=/usr/local/bin:/usr/bin:/bin above them")
        );
        let set = check(&test_host.host, &[calling(Some("/usr/local/bin:/bin"))]);
        assert_eq!(set.len(), 1);
        test_host.file("/etc/environment", "PATH=\"/usr/local/bin:/usr/bin\"\n");
        assert_eq!(check(&test_host.host, &jobs).len(), 1);
        assert_eq!(check(&test_host.host, &[calling(Some("/bin"))]).len(), 2);
        test_host.program("/bin/ehlo", "");
        assert_eq!(check(&test_host.host, &[calling(Some("/bin"))]).len(), 1);
    }

    #[test]
    fn program_that_cron_does_not_find_is_reported() {
        let test_host = TestHost::new();
        test_host.program("/opt/bin/backup", "");
        let found = |program: &str, path: Option<&str>| {
            let job = CrontabLine {
                program: Some(program.to_owned()),
                path: path.map(str::to_owned),
                ..job(None)
            };
            check(&test_host.host, &[job])[1..].to_vec()
        };
        assert_eq!(found("/opt/bin/backup", None), []);
        assert_eq!(found("backup", Some("/bin:/opt/bin")), []);
        assert_eq!(
            found("backup", None)[0].text,
            "a job in the crontab of ann runs backup, which is not in its PATH (/usr/bin:/bin)"
        );
        let missing = &found("/opt/backup", None)[0];
        assert_eq!(
            (missing.text.as_str(), missing.remedy_text()),
            (
                "a job in the crontab of ann runs /opt/backup, which is not an executable file",
                Some("correct the path in the crontab of ann")
            )
        );
    }

    #[test]
    fn empty_mailto_is_reported() {
        let test_host = TestHost::new();
        let quiet = check(&test_host.host, &[job(Some("")), job(Some("")), job(None)]);
        assert_eq!(quiet.len(), 2);
        assert_eq!(quiet[1].status, Status::Warning);
        assert!(quiet[1].text.contains("the crontab of ann"));
    }

    #[test]
    fn own_and_system_crontabs_are_read() {
        let test_host = TestHost::new();
        test_host.script("/usr/bin/crontab", "#!/bin/sh\necho '@daily own'\n");
        test_host.file("/etc/crontab", "0 1 * * * root first\n");
        test_host.file("/etc/cron.d/pkg", "0 1 * * * root second\n");
        test_host.file("/etc/cron.d/pkg.dpkg-old", "0 1 * * * root never\n");
        let commands: Vec<String> = crontab_lines(&test_host.host)
            .into_iter()
            .map(|job| job.command)
            .collect();
        assert_eq!(commands, ["own", "first", "second"]);
    }

    #[test]
    fn incomplete_crontab_line_is_ignored() {
        assert_eq!(
            lines_of("* * *\n0 1 * * *\n@daily\n", "c", CrontabKind::User("a")),
            []
        );
    }
}
