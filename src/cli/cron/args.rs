//! Options of `ehlo cron`.

use crate::cli::cron::{CronChange, CronOptions, CronTask, JobSelection, NewJob};
use crate::cli::options::usage_error::UsageError;
use crate::cli::options::value;
use crate::cli::run;
use crate::system::text::shown;
use std::ffi::OsString;
use std::path::{Path, PathBuf};

/// Run cron jobs through `ehlo run`.
///
/// The command of a job is put after `ehlo run --name JOB --`, which mails its result. The rest of the crontab stays as
/// it is.
#[derive(Debug, clap::Args)]
#[command(arg_required_else_help = true)]
pub struct Args {
    #[command(subcommand)]
    command: CronCommand,
}

#[derive(Debug, clap::Subcommand)]
enum CronCommand {
    /// List the jobs, or print the crontab that `install` would write.
    Show(Box<ChangeArgs>),
    /// Run jobs through `ehlo run`, or add a job.
    Install(Box<ChangeArgs>),
    /// Remove `ehlo run` from jobs.
    ///
    /// A job that `install` has added is not removed.
    Remove {
        #[command(flatten)]
        jobs: JobArgs,

        /// Remove the systemd units of the jobs instead.
        #[arg(long, conflicts_with_all = ["all", "file"])]
        units: bool,
    },
}

#[derive(Debug, clap::Args)]
#[group(skip)]
struct JobArgs {
    /// Name or line number of a job, as `ehlo cron show` lists them.
    #[arg(value_name = "JOB", help_heading = "Arguments")]
    jobs: Vec<String>,

    /// All jobs of the crontab.
    #[arg(long, conflicts_with = "jobs")]
    all: bool,

    /// A crontab file [default: your own, as crontab(1) prints it].
    ///
    /// The lines of /etc/crontab and of files in /etc/cron.d have a user after the time.
    #[arg(long, value_name = "FILE")]
    file: Option<PathBuf>,
}

#[derive(Debug, clap::Args)]
#[group(skip)]
struct ChangeArgs {
    #[command(flatten)]
    jobs: JobArgs,

    /// Name of the job [default: the name of its program].
    #[arg(long, value_name = "NAME", value_parser = name)]
    name: Option<String>,

    /// Option of `ehlo run` for these jobs, as in --with=--recovered; repeatable.
    #[arg(long, value_name = "OPTION", allow_hyphen_values = true)]
    with: Vec<String>,

    /// Add a job with this time, as '15 3 * * *' or @daily.
    #[arg(long, value_name = "TIME", value_parser = schedule, requires = "command", conflicts_with_all = ["jobs", "all"])]
    schedule: Option<String>,

    /// User of the job that is added to a system crontab, or that units run [default: root].
    #[arg(long, value_name = "USER", value_parser = name, requires = "schedule")]
    user: Option<String>,

    /// Print or write systemd units instead of crontab lines: a service and a timer.
    ///
    /// They are files in /etc/systemd/system, or in ~/.config/systemd/user for a user. Units of jobs in the crontab
    /// are only printed.
    #[arg(long)]
    units: bool,

    /// Command of the job that is added, and its arguments.
    #[arg(
        value_name = "CMD",
        help_heading = "Arguments",
        last = true,
        requires = "schedule"
    )]
    command: Vec<OsString>,
}

impl Args {
    pub fn plan(self) -> Result<CronOptions, UsageError> {
        match self.command {
            CronCommand::Show(change) => {
                let jobs = &change.jobs;
                if jobs.jobs.is_empty() && !jobs.all && change.schedule.is_none() {
                    if change.name.is_some() || !change.with.is_empty() || change.units {
                        return Err(no_job("show"));
                    }
                    return Ok(change.jobs.options(CronTask::List));
                }
                let task = if change.units {
                    CronTask::PrintUnits
                } else {
                    CronTask::Print
                };
                let (jobs, change) = change.plan("show")?;
                Ok(jobs.options(task(change)))
            }
            CronCommand::Install(change) => {
                if change.units && change.schedule.is_none() {
                    return Err(UsageError::usage(
                        "--units: the job would run by cron and by systemd; print its units with ehlo cron show \
                         --units, and remove its line from the crontab when they are installed",
                    ));
                }
                let task = if change.units {
                    CronTask::InstallUnits
                } else {
                    CronTask::Install
                };
                let (jobs, change) = change.plan("install")?;
                Ok(jobs.options(task(change)))
            }
            CronCommand::Remove { jobs, units: true } => match jobs.jobs.as_slice() {
                [] => Err(UsageError::usage("--units expects the names of jobs")),
                names => {
                    let task = CronTask::RemoveUnits(names.to_vec());
                    Ok(jobs.options(task))
                }
            },
            CronCommand::Remove { mut jobs, .. } => {
                let selection = jobs.selection("remove")?;
                Ok(jobs.options(CronTask::Remove(selection)))
            }
        }
    }
}

impl JobArgs {
    fn selection(&mut self, verb: &str) -> Result<JobSelection, UsageError> {
        match (self.all, self.jobs.is_empty()) {
            (true, _) => Ok(JobSelection::All),
            (false, false) => Ok(JobSelection::These(std::mem::take(&mut self.jobs))),
            (false, true) => Err(no_job(verb)),
        }
    }

    fn options(self, task: CronTask) -> CronOptions {
        CronOptions {
            file: self.file,
            task,
        }
    }
}

impl ChangeArgs {
    fn plan(mut self, verb: &str) -> Result<(JobArgs, CronChange), UsageError> {
        check_options(&self.with)?;
        if self.user.is_some() && self.jobs.file.is_none() && !self.units {
            return Err(UsageError::usage(
                "--user is for a system crontab or for units; add --file or --units",
            ));
        }
        let (name, options) = (self.name, self.with);
        if let Some(schedule) = self.schedule {
            let job = NewJob {
                schedule,
                user: self.user,
                command: words(&self.command)?,
            };
            let change = CronChange {
                jobs: JobSelection::New(job),
                name,
                options,
            };
            return Ok((self.jobs, change));
        }
        let jobs = self.jobs.selection(verb)?;
        let is_one = matches!(&jobs, JobSelection::These(jobs) if jobs.len() == 1);
        if name.is_some() && !is_one {
            return Err(UsageError::usage("--name is for one job"));
        }
        let change = CronChange {
            jobs,
            name,
            options,
        };
        Ok((self.jobs, change))
    }
}

fn no_job(verb: &str) -> UsageError {
    UsageError::usage(format!(
        "ehlo cron {verb} expects a job, --all, or --schedule with a command; ehlo cron show lists the jobs"
    ))
}

/// Checks that `ehlo run` accepts these options.
fn check_options(options: &[String]) -> Result<(), UsageError> {
    let words = ["ehlo run"]
        .into_iter()
        .chain(options.iter().map(String::as_str));
    let command = <run::Args as clap::Args>::augment_args(clap::Command::new("ehlo run"));
    let parsed = command.try_get_matches_from(words.chain(["--name=x", "--", "true"]));
    parsed.map(drop).map_err(|error| {
        let text = error.to_string();
        let first = text.lines().next().unwrap_or_default();
        let first = first.strip_prefix("error: ").unwrap_or(first);
        UsageError::usage(format!("--with: {}", shown(first)))
    })
}

/// The words of a command. The program is an absolute path, or is searched for in PATH.
fn words(command: &[OsString]) -> Result<Vec<String>, UsageError> {
    let mut words = Vec::with_capacity(command.len());
    for word in command {
        let text = word.to_str().filter(|text| !text.contains(['\n', '\r']));
        let text = text.ok_or_else(|| {
            let word = shown(&word.to_string_lossy());
            UsageError::usage(format!(
                "{word}: a crontab cannot have a word that has a line break or is not UTF-8"
            ))
        })?;
        words.push(text.to_owned());
    }
    if let Some(program) = words.first_mut() {
        *program = full_path(program)?;
    }
    Ok(words)
}

fn full_path(program: &str) -> Result<String, UsageError> {
    let missing = || {
        let program = shown(program);
        UsageError::usage(format!(
            "{program} is not an executable file{}",
            if program.contains('/') {
                ""
            } else {
                " of your PATH"
            }
        ))
    };
    let is_program = |path: &Path| {
        rustix::fs::access(path, rustix::fs::Access::EXEC_OK).is_ok() && path.is_file()
    };
    let found = if program.contains('/') {
        std::path::absolute(program)
            .ok()
            .filter(|path| is_program(path))
    } else {
        let path = std::env::var_os("PATH").unwrap_or_default();
        let mut places = std::env::split_paths(&path).map(|directory| directory.join(program));
        places.find(|path| path.is_absolute() && is_program(path))
    };
    let found = found.and_then(|path| path.to_str().map(str::to_owned));
    found.ok_or_else(missing)
}

fn name(text: &str) -> Result<String, String> {
    value::line(text).and_then(|name| match name.trim() {
        "" => Err("it is empty".to_owned()),
        _ => Ok(name),
    })
}

/// Five time fields, or a word such as `@daily` (crontab(5)).
fn schedule(text: &str) -> Result<String, String> {
    const WORDS: [&str; 8] = [
        "@reboot",
        "@yearly",
        "@annually",
        "@monthly",
        "@weekly",
        "@daily",
        "@midnight",
        "@hourly",
    ];
    const NAMES: [&str; 19] = [
        "jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec", "sun",
        "mon", "tue", "wed", "thu", "fri", "sat",
    ];
    let fields: Vec<&str> = text.split_whitespace().collect();
    let is_field = |field: &&str| {
        let mut parts = field.split([',', '-', '/']);
        parts.all(|part| {
            let is_number = !part.is_empty()
                && part.len() <= 2
                && part.bytes().all(|octet| octet.is_ascii_digit());
            part == "*" || is_number || NAMES.contains(&part.to_ascii_lowercase().as_str())
        })
    };
    match fields.as_slice() {
        [word] if WORDS.contains(word) => Ok(text.trim().to_owned()),
        [_, _, _, _, _] if fields.iter().all(is_field) => Ok(fields.join(" ")),
        _ => Err(format!(
            "expected minute, hour, day, month and weekday, as '15 3 * * *', or one of {}",
            WORDS.join(", ")
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn schedules_of_crontab_are_accepted() {
        for text in [
            "15 3 * * *",
            "*/5 8-18 1,15 jan-mar Mon-Fri",
            "@daily",
            " 0  0 * * 7 ",
        ] {
            assert!(schedule(text).is_ok(), "{text}");
        }
        for text in [
            "",
            "@often",
            "15 3 * *",
            "15 3 * * * x",
            "a b c d e",
            "* * * * ,",
        ] {
            assert!(schedule(text).is_err(), "{text}");
        }
    }

    #[test]
    fn options_are_those_of_run() {
        assert!(check_options(&["--recovered".to_owned(), "--to=a@x.org".to_owned()]).is_ok());
        let error = check_options(&["--recoverd".to_owned()]).unwrap_err();
        assert!(
            error
                .text
                .starts_with("--with: unexpected argument '--recoverd'"),
            "{}",
            error.text
        );
    }
}
