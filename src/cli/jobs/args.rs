//! Options of `ehlo jobs`.

use crate::cli::jobs::{JobsOptions, JobsTask};
use crate::cli::options::command_line::CommandLineArgs;
use crate::cli::options::usage_error::UsageError;
use crate::cli::options::{mail, value};
use crate::config::Places;
use std::path::PathBuf;

/// Show recorded jobs, and report those that did not run.
///
/// A job is recorded by `ehlo run` with --name, --expect-every or options of alerts. A job that has not run for 90
/// days, in addition to the expected interval, is forgotten.
#[derive(Debug, clap::Args)]
#[command(arg_required_else_help = true)]
pub struct Args {
    #[command(subcommand)]
    command: JobsCommand,
}

#[derive(Debug, clap::Subcommand)]
enum JobsCommand {
    /// List all jobs with their last run, its result and the time by which the next one is expected.
    List {
        /// Print one JSON object per line.
        #[arg(long)]
        json: bool,
        #[command(flatten)]
        state: StateArgs,
    },
    /// Show a job.
    Show {
        /// Name of the job.
        #[arg(value_name = "NAME", value_parser = value::line)]
        name: String,
        /// Print a JSON object.
        #[arg(long)]
        json: bool,
        #[command(flatten)]
        state: StateArgs,
    },
    /// Forget jobs and their history: the next failure is mailed, and no run is expected.
    Forget {
        /// Name of the job.
        #[arg(value_name = "NAME", required = true, value_parser = value::line)]
        names: Vec<String>,
        #[command(flatten)]
        state: StateArgs,
    },
    /// Mail once for each job that did not run within the time of --expect-every and --grace.
    ///
    /// Start this from cron or a timer. If the mail can be neither sent nor queued, the next check tries again.
    Check(Box<CheckArgs>),
}

#[derive(Debug, clap::Args)]
#[group(skip)]
struct StateArgs {
    /// State directory [default: `$EHLO_STATE_DIR`, else ~/.local/state/ehlo, or /var/lib/ehlo for root].
    #[arg(long, value_name = "DIR")]
    state_dir: Option<PathBuf>,
}

#[derive(Debug, clap::Args)]
#[group(skip)]
struct CheckArgs {
    #[command(flatten)]
    state: StateArgs,
    #[command(flatten)]
    mail: mail::Args,
}

impl Args {
    pub fn plan(
        self,
        typed: &CommandLineArgs<'_>,
        places: &Places,
    ) -> Result<JobsOptions, UsageError> {
        let (state, task) = match self.command {
            JobsCommand::List { json, state } => (state, JobsTask::List { json }),
            JobsCommand::Show { name, json, state } => (state, JobsTask::Show { name, json }),
            JobsCommand::Forget { names, state } => (state, JobsTask::Forget(names)),
            JobsCommand::Check(check) => {
                let mail = check.mail.plan(typed, places)?;
                (check.state, JobsTask::Check(Box::new(mail)))
            }
        };
        Ok(JobsOptions {
            state: state.state_dir,
            task,
        })
    }
}
