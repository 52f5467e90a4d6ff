//! A command that is run, and whose end is mailed.

use crate::cli::options::command_line::CommandLineArgs;
use crate::cli::options::usage_error::UsageError;
use crate::cli::options::{mail, value};
use crate::config::Places;
use crate::cron::job;
use crate::cron::job::{CommandSpec, Template};
use crate::cron::job::{DigestUse, Job, LockOptions};
use clap::ValueEnum;
use std::ffi::OsString;
use std::num::NonZeroU64;
use std::path::PathBuf;
use std::time::Duration;

/// Run a command, and mail what happened.
///
/// The mail says what ran and how it ended, and has what it wrote: all of it, or the beginning and the end with
/// the whole log attached. Without --when, only a failure is mailed: an exit status other than 0, a signal, a
/// timeout. Signals are handed on to the command, and its exit status is ours.
#[derive(Debug, clap::Args)]
#[group(skip)]
#[command(mut_arg("subject", |arg| arg
    .value_name("TEMPLATE")
    .help("The subject, with {host} {command} {status} {duration} {name} {user} [default: '[{host}] {status}: \
           {name} after {duration}']")))]
pub struct Args {
    /// The command and its arguments.
    #[arg(
        value_name = "CMD",
        required = true,
        trailing_var_arg = true,
        help_heading = "Arguments"
    )]
    command: Vec<OsString>,

    /// When a mail is sent.
    ///
    /// When the command failed; when it failed or wrote anything, as cron does; always; or on a change: when it
    /// ended or wrote something else than the one that was mailed last [default: failure, and always with --digest].
    #[arg(long, value_name = "WHEN", value_enum)]
    when: Option<ReportChoice>,

    /// What the job is called, and remembered by [default: the name of the program or script].
    ///
    /// That is `backup` for `nice -n 19 sh /opt/backup`, and for `sh -c 'cd /srv && ./backup'`; it is `sh` if that
    /// starts several programs. Without a name, jobs with different command lines are different jobs, but for times
    /// and dates in them.
    #[arg(long, value_name = "NAME", value_parser = name)]
    name: Option<String>,

    /// Tell the command to end after this time, like 30m or 1h.
    ///
    /// It gets TERM, with all that it has started.
    #[arg(long, value_name = "TIME", value_parser = value::limit)]
    timeout: Option<Duration>,

    /// Kill it when it goes on for this long after that [default: 10s].
    #[arg(long, value_name = "TIME", value_parser = value::limit, requires = "timeout")]
    kill_after: Option<Duration>,

    /// Do not run it while somebody else holds this lock: a name, or a file with a slash in its path.
    ///
    /// Then the exit status is 75, and a mail says who holds it.
    #[arg(long, value_name = "NAME|PATH", value_parser = lock)]
    lock: Option<PathBuf>,

    /// Wait for the lock for so long.
    #[arg(long, value_name = "TIME", value_parser = value::limit, requires = "lock")]
    lock_wait: Option<Duration>,

    /// Tell nobody when the lock is held.
    #[arg(long, requires = "lock")]
    lock_quiet: bool,

    /// Let what it writes be seen here, too.
    #[arg(long)]
    tee: bool,

    /// Begin the lines of stderr with "! " in the mail.
    ///
    /// The two streams are read separately then, and lines of both that are written within a moment may change places.
    #[arg(long)]
    mark_stderr: bool,

    /// Attach the log: when the text has not all of it, always or never.
    #[arg(long, value_name = "WHEN", value_enum, default_value_t = AttachChoice::Auto)]
    log: AttachChoice,

    /// Keep no more of the compressed log than this; of a longer one, the middle is missing.
    ///
    /// In the mail, the log is a third larger. When the server refuses the mail because of its size or content, it
    /// is sent without the log and says so; when a later run of the queue is refused, the sender gets a report.
    #[arg(long, value_name = "SIZE", value_parser = value::size, default_value = "5M")]
    log_limit: NonZeroU64,

    /// Show the colours of the output, in HTML beside the text.
    #[arg(long)]
    html: bool,

    /// Exit with 0, however the command ends.
    #[arg(long)]
    exit_zero: bool,

    #[command(flatten)]
    alert: mail::AlertArgs,

    /// Put it down in this digest instead of mailing it; `ehlo digest NAME` mails what is in it.
    ///
    /// With a time like 07:00, the first run that ends behind that time of day mails it.
    #[arg(
        long,
        value_name = "NAME[@HH:MM]",
        value_parser = gathering,
        conflicts_with_all = ["dedupe", "every", "recovered"],
        help_heading = "Alerts"
    )]
    digest: Option<DigestUse>,

    #[command(flatten)]
    mail: mail::Args,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum ReportChoice {
    Failure,
    Output,
    Always,
    Change,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum AttachChoice {
    Auto,
    Always,
    Never,
}

impl Args {
    /// The job that is meant.
    pub fn plan(self, typed: &CommandLineArgs<'_>, places: &Places) -> Result<Job, UsageError> {
        let when = self.when.unwrap_or(match self.digest {
            Some(_) => ReportChoice::Always,
            None => ReportChoice::Failure,
        });
        if let (ReportChoice::Change, Some(_)) = (when, &self.digest) {
            return Err(UsageError::usage(
                "--when change and --digest: a digest has every run; leave one of them out",
            ));
        }
        let mut alert = self.alert.plan();
        alert.rules.change = matches!(when, ReportChoice::Change);
        let mut mail = self.mail.plan(typed, places)?;
        let subject = subject(mail.head.subject.take(), typed)?;
        let named = self.name.is_some();
        let name = self.name.unwrap_or_else(|| job::job_name(&self.command));
        let lock = self.lock.map(|name| LockOptions {
            name,
            wait: self.lock_wait.unwrap_or_default(),
            quiet: self.lock_quiet,
        });
        Ok(Job {
            named,
            spec: CommandSpec {
                name,
                command: self.command,
                timeout: self.timeout,
                kill_after: self.kill_after.unwrap_or(Duration::from_secs(10)),
                log_limit: self.log_limit.get(),
                mark_stderr: self.mark_stderr,
            },
            when: when.into(),
            alert,
            digest: self.digest,
            mail,
            subject,
            attach: self.log.into(),
            html: self.html,
            tee: self.tee,
            exit_zero: self.exit_zero,
            lock,
        })
    }
}

/// What stands on the command line must be a template; that of a profile may have been written for
/// other mails.
fn subject(
    given: Option<String>,
    typed: &CommandLineArgs<'_>,
) -> Result<Option<Template>, UsageError> {
    let template = given.map(|text| Template::parse(&text)).transpose();
    match template {
        Err(why) if typed.has("subject") => Err(UsageError::usage(format!("--subject: {why}"))),
        template => Ok(template.unwrap_or_default()),
    }
}

fn name(text: &str) -> Result<String, String> {
    if text.trim().is_empty() {
        return Err("it wants a name".to_owned());
    }
    value::line(text)
}

fn lock(text: &str) -> Result<PathBuf, String> {
    match text {
        "" | "." | ".." => Err("it wants a name, or a file".to_owned()),
        name => Ok(PathBuf::from(name)),
    }
}

/// `NAME`, or `NAME@HH:MM`.
fn gathering(text: &str) -> Result<DigestUse, String> {
    let Some((name, time)) = text.split_once('@') else {
        let name = value::digest(text)?;
        return Ok(DigestUse { name, at: None });
    };
    let name = value::digest(name)?;
    let at = minute(time).ok_or_else(|| {
        format!(
            "\"{time}\" is not a time of day; write it with hours and minutes, like {name}@07:00"
        )
    })?;
    Ok(DigestUse { name, at: Some(at) })
}

/// A time of day, in minutes since midnight.
fn minute(text: &str) -> Option<u16> {
    let number = |digits: &str| match digits.len() {
        1 | 2 if digits.bytes().all(|byte| byte.is_ascii_digit()) => digits.parse().ok(),
        _ => None,
    };
    let parts = text.split_once(':');
    let numbers = parts.and_then(|(hour, minute)| number(hour).zip(number(minute)));
    match numbers {
        Some((hour @ 0..24, minute @ 0..60)) => Some(60 * hour + minute),
        _ => None,
    }
}

impl From<ReportChoice> for job::ReportOn {
    fn from(when: ReportChoice) -> Self {
        match when {
            ReportChoice::Failure => Self::Failure,
            ReportChoice::Output => Self::Output,
            ReportChoice::Always | ReportChoice::Change => Self::Always,
        }
    }
}

impl From<AttachChoice> for job::AttachLog {
    fn from(attach: AttachChoice) -> Self {
        match attach {
            AttachChoice::Auto => Self::Auto,
            AttachChoice::Always => Self::Always,
            AttachChoice::Never => Self::Never,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn digest_option_has_a_name_and_an_optional_time() {
        let read = |text| gathering(text).map(|all| (all.name, all.at));
        assert_eq!(read("nightly"), Ok(("nightly".to_owned(), None)));
        let wrong = |text| gathering(text).unwrap_err();
        assert!(
            wrong("daily@7").contains("like daily@07:00"),
            "{}",
            wrong("daily@7")
        );
        assert!(wrong("dai/ly").contains("dai/ly"), "{}", wrong("dai/ly"));
        assert_eq!(read("nightly@7:05"), Ok(("nightly".to_owned(), Some(425))));
        assert_eq!(read("n@23:59"), Ok(("n".to_owned(), Some(1439))));
        for bad in [
            "",
            "@07:00",
            "a@b",
            "a/b",
            ".",
            "-a",
            "a@b@07:00",
            "n@24:00",
            "n@07:60",
            "n@:",
            "n@7:+5",
            "n@007:00",
        ] {
            assert!(read(bad).is_err(), "{bad}");
        }
    }
}
