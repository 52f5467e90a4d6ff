//! Options of `ehlo digest`.

use crate::cli::digest::{Digest, DigestTask};
use crate::cli::options::command_line::CommandLineArgs;
use crate::cli::options::usage_error::UsageError;
use crate::cli::options::{mail, value};
use crate::config::Places;
use std::path::PathBuf;

/// Mail a summary of the runs recorded with --digest.
///
/// The mail lists the runs recorded by `ehlo run --digest NAME`: failures first, with the end of their output, then
/// the rest. Start this from cron or a timer, once a day or once a week. A digest is deleted once its mail is sent or
/// queued. If there is nothing to report, no mail is sent.
#[derive(Debug, clap::Args)]
#[group(skip)]
pub struct Args {
    /// Name of the digest.
    #[arg(
        value_name = "NAME",
        help_heading = "Arguments",
        value_parser = value::digest,
        required_unless_present = "list"
    )]
    name: Option<String>,

    /// Send a mail even if there is nothing to report.
    #[arg(long)]
    always: bool,

    /// List all digests and the number of runs in each.
    #[arg(long)]
    list: bool,

    /// State directory [default: `$EHLO_STATE_DIR`, else ~/.local/state/ehlo, or /var/lib/ehlo for root].
    #[arg(long, value_name = "DIR")]
    state_dir: Option<PathBuf>,

    #[command(flatten)]
    mail: mail::Args,
}

impl Args {
    pub fn plan(self, typed: &CommandLineArgs<'_>, places: &Places) -> Result<Digest, UsageError> {
        let task = match self.name {
            Some(name) if !self.list => DigestTask::Mail {
                name,
                always: self.always,
                mail: Box::new(self.mail.plan(typed, places)?),
            },
            _ => only_the_list(typed)?,
        };
        Ok(Digest {
            state: self.state_dir,
            task,
        })
    }
}

fn only_the_list(typed: &CommandLineArgs<'_>) -> Result<DigestTask, UsageError> {
    match typed.other_than(&["list", "state_dir"]) {
        None => Ok(DigestTask::List),
        Some(option) => Err(UsageError::usage(format!(
            "{option} cannot be combined with --list, which sends no mail"
        ))),
    }
}
