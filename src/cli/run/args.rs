//! Options of `ehlo run`.

use crate::cli::options::command_line::CommandLineArgs;
use crate::cli::options::usage_error::UsageError;
use crate::cli::options::{alert, mail, value};
use crate::client::http::Url;
use crate::config::Places;
use crate::cron::alert::Expectation;
use crate::cron::job;
use crate::cron::job::{CommandSpec, DigestUse, Job, LockOptions, Template};
use clap::ValueEnum;
use std::ffi::OsString;
use std::num::NonZeroU64;
use std::path::PathBuf;
use std::time::Duration;

/// Run a command and mail the result.
///
/// The mail reports the command, its result and its output: in full, or the beginning and the end with the
/// complete log attached. Without --when, only failures are mailed: an exit status other than 0, a signal, or a
/// timeout. Signals are forwarded to the command, and its exit status is returned.
#[derive(Debug, clap::Args)]
#[group(skip)]
#[command(mut_arg("subject", |arg| arg
    .value_name("TEMPLATE")
    .help("Subject, in which {host} {command} {status} {duration} {name} {user} are replaced [default: \
           '[{host}] {status}: {name} after {duration}']")))]
pub struct Args {
    /// The command and its arguments.
    #[arg(
        value_name = "CMD",
        required = true,
        trailing_var_arg = true,
        help_heading = "Arguments"
    )]
    command: Vec<OsString>,

    /// When to send a mail [default: failure, or always with --digest].
    #[arg(long, value_name = "WHEN", value_enum)]
    when: Option<ReportChoice>,

    /// Job name, also used to remember its state [default: the name of the program or script].
    ///
    /// The default is `backup` for `nice -n 19 sh /opt/backup` and for `sh -c 'cd /srv && ./backup'`, but `sh` if
    /// the shell starts several programs. Without --name, each distinct command line is a separate job, ignoring
    /// times and dates.
    #[arg(long, value_name = "NAME", value_parser = name)]
    name: Option<String>,

    /// Time limit for the command, like 30m or 1h.
    ///
    /// When it expires, the command and its children receive SIGTERM.
    #[arg(long, value_name = "TIME", value_parser = value::limit)]
    timeout: Option<Duration>,

    /// Send SIGKILL if it is still running this long after SIGTERM [default: 10s].
    #[arg(long, value_name = "TIME", value_parser = value::limit, requires = "timeout")]
    kill_after: Option<Duration>,

    /// Do not start the command while this lock is held: a name, or a path with a slash.
    ///
    /// In this case the exit status is 75, and a mail names the process that holds the lock.
    #[arg(long, value_name = "NAME|PATH", value_parser = lock)]
    lock: Option<PathBuf>,

    /// Maximum time to wait for the lock.
    #[arg(long, value_name = "TIME", value_parser = value::limit, requires = "lock")]
    lock_wait: Option<Duration>,

    /// Do not report that the lock is held.
    #[arg(long, requires = "lock")]
    lock_quiet: bool,

    /// Also print the output.
    #[arg(long)]
    tee: bool,

    /// Mark lines from stderr with "! " in the mail.
    ///
    /// The two streams are then read separately, and lines written to both at nearly the same time may be reordered.
    #[arg(long)]
    mark_stderr: bool,

    /// When to attach the log: if the mail does not contain all of it (auto), always, or never.
    #[arg(long, value_name = "WHEN", value_enum, default_value_t = AttachChoice::Auto)]
    log: AttachChoice,

    /// Maximum size of the compressed log; the middle of longer logs is dropped.
    ///
    /// In the mail, the log is a third larger. If the server refuses the mail because of its size or content, the mail
    /// is sent with a note instead of the log. If it is refused during a later queue run, it is returned to the sender.
    #[arg(long, value_name = "SIZE", value_parser = value::size, default_value = "5M")]
    log_limit: NonZeroU64,

    /// Keep the colors of the output, in an additional HTML version.
    #[arg(long)]
    html: bool,

    /// Tell a monitoring service like healthchecks.io when the command starts and how it ends.
    ///
    /// URL/start is requested at the start, in parallel to the command; URL when it has succeeded; and URL/fail, with
    /// its exit status as the text of a POST request, when it has failed. Each request is abandoned after 10 seconds.
    /// If one fails, a warning is printed, and nothing else changes.
    #[arg(long, value_name = "URL")]
    ping: Option<Url>,

    /// Expect the next run to end within this time, like 1d or 2h.
    ///
    /// If it does not, `ehlo jobs check` mails that, once.
    #[arg(long, value_name = "TIME", value_parser = value::wait, help_heading = "Alerts")]
    expect_every: Option<Duration>,

    /// Additional time before a missing run is reported [default: a tenth of --expect-every].
    #[arg(long, value_name = "TIME", value_parser = value::wait, requires = "expect_every", help_heading = "Alerts")]
    grace: Option<Duration>,

    /// Exit with status 0 even if the command fails.
    #[arg(long)]
    exit_zero: bool,

    #[command(flatten)]
    alert: alert::AlertArgs,

    /// Record the run in this digest instead of mailing it; `ehlo digest NAME` mails the digest.
    ///
    /// With a time like 07:00, the first run to finish after that time mails the digest.
    #[arg(
        long,
        value_name = "NAME[@HH:MM]",
        value_parser = gathering,
        conflicts_with_all = ["dedupe", "every", "recovered", "recovered_after"],
        help_heading = "Alerts"
    )]
    digest: Option<DigestUse>,

    #[command(flatten)]
    mail: mail::Args,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum ReportChoice {
    /// The command failed.
    Failure,
    /// It failed or produced output, as with cron.
    Output,
    /// After every run.
    Always,
    /// The result or the output differs from the last run that was mailed.
    Change,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum AttachChoice {
    Auto,
    Always,
    Never,
}

impl Args {
    pub fn plan(self, typed: &CommandLineArgs<'_>, places: &Places) -> Result<Job, UsageError> {
        let when = self.when.unwrap_or(match self.digest {
            Some(_) => ReportChoice::Always,
            None => ReportChoice::Failure,
        });
        if let (ReportChoice::Change, Some(_)) = (when, &self.digest) {
            return Err(UsageError::usage(
                "--when change cannot be combined with --digest, which records every run; omit one of them",
            ));
        }
        let mut mail = self.mail.plan(typed, places)?;
        let mut alert = self.alert.plan();
        // A digest has every run.
        if self.digest.is_none() {
            alert.rules = alert.rules.or(&mail.rules);
        }
        alert.rules.change = matches!(when, ReportChoice::Change);
        let subject = subject(mail.head.subject.take(), typed)?;
        let named = self.name.is_some();
        let name = self.name.unwrap_or_else(|| job::job_name(&self.command));
        let lock = self.lock.map(|name| LockOptions {
            name,
            wait: self.lock_wait.unwrap_or_default(),
            quiet: self.lock_quiet,
        });
        let expected = self.expect_every.map(|every| Expectation {
            every,
            grace: self.grace.unwrap_or(every / 10),
        });
        Ok(Job {
            expected,
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
            ping: self.ping,
            lock,
        })
    }
}

/// Parses the subject as a template. An invalid one is an error only on the command line: that of a profile may
/// have been written for other mails.
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
        return Err("expected a name".to_owned());
    }
    value::line(text)
}

fn lock(text: &str) -> Result<PathBuf, String> {
    match text {
        "" | "." | ".." => Err("expected a name or a file".to_owned()),
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
        format!("\"{time}\" is not a time of day; use hours and minutes, like {name}@07:00")
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
