//! The jobs of cron: their users, the recipients of their mail, and their commands.

use crate::cron::doctor::HostSystem;
use std::path::Path;

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
pub fn found(host: &HostSystem) -> Vec<CrontabLine> {
    let own = host.ask("crontab", &["-l"]).filter(|said| said.is_well);
    let own = own.map_or(Vec::new(), |said| {
        let place = format!("the crontab of {}", host.login);
        jobs(&said.text, &place, CrontabOwner::Of(&host.login))
    });
    let system = std::iter::once(host.at("/etc/crontab")).chain(host.files("/etc/cron.d"));
    let system = system.filter(|path| is_read(path)).flat_map(|path| {
        let text = host.read(&path).unwrap_or_default();
        jobs(&text, &path.to_string_lossy(), CrontabOwner::System)
    });
    own.into_iter().chain(system).collect()
}

/// cron skips files with a dot in their name, as package managers leave them.
fn is_read(path: &Path) -> bool {
    let name = path.file_name().and_then(|name| name.to_str());
    name.is_some_and(|name| !name.contains(['.', '~', '#']))
}

fn jobs(text: &str, place: &str, kind: CrontabOwner<'_>) -> Vec<CrontabLine> {
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
        if let Some((user, command)) = job(line, kind) {
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
fn job<'l>(line: &'l str, kind: CrontabOwner<'l>) -> Option<(&'l str, &'l str)> {
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
    use crate::cron::doctor::surroundings::tests::Made;

    #[test]
    fn a_job_has_the_mailto_that_stands_above_it() {
        let text = "# nobody\n0 3 * * * backup --all\nMAILTO = \"ops@example.org\"\n\
                    PATH=/bin\n@daily clean\nMAILTO=\n*/5 * * * * poll\n";
        let jobs = jobs(text, "here", CrontabOwner::Of("ann"));
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
        let jobs = jobs(
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
        let commands: Vec<String> = found(&made.host)
            .into_iter()
            .map(|job| job.command)
            .collect();
        assert_eq!(commands, ["own", "first", "second"]);
    }

    #[test]
    fn half_a_line_is_no_job() {
        assert_eq!(
            jobs("* * *\n0 1 * * *\n@daily\n", "c", CrontabOwner::Of("a")),
            []
        );
    }
}
