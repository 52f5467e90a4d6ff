//! The cron daemon, and the jobs of crontabs.

use crate::cron::doctor::host::is_program;
use crate::cron::doctor::options::CheckStep;
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

/// A line of a crontab that runs something.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CrontabLine {
    /// Displayed name of the crontab.
    pub place: String,
    /// The user that runs it.
    pub user: String,
    /// MAILTO above it. `None`: not set. Empty: no mail is sent.
    pub mailto: Option<String>,
    /// PATH above it. `None`: the default of cron.
    pub path: Option<String>,
    /// The rest of the line.
    pub command: String,
}

/// The owner of a crontab.
#[derive(Clone, Copy)]
enum CrontabOwner<'a> {
    /// One of this user, as `crontab -l` prints it.
    Of(&'a str),
    /// One of the system, with a user in each line.
    System,
}

/// All readable crontabs: the user's own, and those of the system.
pub fn crontab_lines(host: &HostSystem) -> Vec<CrontabLine> {
    let own = host.ask("crontab", &["-l"]).filter(|said| said.is_well);
    let own = own.map_or(Vec::new(), |said| {
        let place = format!("the crontab of {}", host.login);
        parse_crontab(&said.text, &place, CrontabOwner::Of(&host.login))
    });
    let system = std::iter::once(host.at("/etc/crontab")).chain(host.files("/etc/cron.d"));
    let system = system.filter(|path| is_read(path)).flat_map(|path| {
        let text = host.read(&path).unwrap_or_default();
        parse_crontab(&text, &path.to_string_lossy(), CrontabOwner::System)
    });
    own.into_iter().chain(system).collect()
}

/// cron skips files with a dot in their name, as package managers leave them.
fn is_read(path: &Path) -> bool {
    let name = path.file_name().and_then(|name| name.to_str());
    name.is_some_and(|name| !name.contains(['.', '~', '#']))
}

fn parse_crontab(text: &str, place: &str, kind: CrontabOwner<'_>) -> Vec<CrontabLine> {
    let (mut mailto, mut path) = (None, None);
    let mut jobs = Vec::new();
    for line in text.lines().map(str::trim) {
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        if let Some((name, value)) = setting(line) {
            match name {
                "MAILTO" => mailto = Some(value.to_owned()),
                "PATH" => path = Some(value.to_owned()),
                _ => {}
            }
            continue;
        }
        if let Some((user, command)) = split_line(line, kind) {
            jobs.push(CrontabLine {
                place: place.to_owned(),
                user: user.to_owned(),
                mailto: mailto.clone(),
                path: path.clone(),
                command: command.to_owned(),
            });
        }
    }
    jobs
}

/// `NAME=VALUE`, with blanks around the sign and quotes around the value, or without.
fn setting(line: &str) -> Option<(&str, &str)> {
    let (name, value) = line.split_once('=')?;
    let name = name.trim();
    let is_name = |c: char| c.is_ascii_alphanumeric() || c == '_';
    if name.starts_with(|c: char| c.is_ascii_digit()) || !name.chars().all(is_name) {
        return None;
    }
    let value = value.trim();
    let quoted = |quote| value.strip_prefix(quote)?.strip_suffix(quote);
    Some((name, quoted('"').or(quoted('\'')).unwrap_or(value)))
}

/// The user and the command after the time fields.
fn split_line<'l>(line: &'l str, kind: CrontabOwner<'l>) -> Option<(&'l str, &'l str)> {
    let times = if line.starts_with('@') { 1 } else { 5 };
    let mut rest = line;
    for _ in 0..times {
        rest = behind_word(rest)?;
    }
    match kind {
        CrontabOwner::Of(user) => Some((user, rest)),
        CrontabOwner::System => {
            let user = rest.split_whitespace().next()?;
            Some((user, behind_word(rest)?))
        }
    }
}

fn behind_word(text: &str) -> Option<&str> {
    let end = text.find(char::is_whitespace)?;
    let rest = text[end..].trim_start();
    (!rest.is_empty()).then_some(rest)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cron::doctor::host::tests::Made;
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

    #[test]
    fn a_job_has_the_mailto_that_stands_above_it() {
        let text = "# nobody\n0 3 * * * backup --all\nMAILTO = \"ops@example.org\"\n\
                    PATH=/bin\n@daily clean\nMAILTO=\n*/5 * * * * poll\n";
        let jobs = parse_crontab(text, "here", CrontabOwner::Of("ann"));
        let seen: Vec<(Option<&str>, &str)> = jobs
            .iter()
            .map(|job| (job.mailto.as_deref(), job.command.as_str()))
            .collect();
        assert_eq!(
            seen,
            [
                (None, "backup --all"),
                (Some("ops@example.org"), "clean"),
                (Some(""), "poll"),
            ]
        );
        assert!(jobs.iter().all(|job| job.user == "ann"));
        let paths: Vec<Option<&str>> = jobs.iter().map(|job| job.path.as_deref()).collect();
        assert_eq!(paths, [None, Some("/bin"), Some("/bin")]);
    }

    #[test]
    fn a_crontab_of_the_system_names_the_user() {
        let jobs = parse_crontab(
            "17 * * * *\troot  cd / && run\n@reboot bob x=1 y\n",
            "c",
            CrontabOwner::System,
        );
        let seen: Vec<(&str, &str)> = jobs
            .iter()
            .map(|job| (job.user.as_str(), job.command.as_str()))
            .collect();
        assert_eq!(seen, [("root", "cd / && run"), ("bob", "x=1 y")]);
    }

    #[test]
    fn the_users_own_and_the_systems_are_read_and_leftovers_are_not() {
        let made = Made::new();
        made.script("/usr/bin/crontab", "#!/bin/sh\necho '@daily own'\n");
        made.file("/etc/crontab", "0 1 * * * root first\n");
        made.file("/etc/cron.d/pkg", "0 1 * * * root second\n");
        made.file("/etc/cron.d/pkg.dpkg-old", "0 1 * * * root never\n");
        let commands: Vec<String> = crontab_lines(&made.host)
            .into_iter()
            .map(|job| job.command)
            .collect();
        assert_eq!(commands, ["own", "first", "second"]);
    }

    #[test]
    fn half_a_line_is_no_job() {
        assert_eq!(
            parse_crontab("* * *\n0 1 * * *\n@daily\n", "c", CrontabOwner::Of("a")),
            []
        );
    }
}
