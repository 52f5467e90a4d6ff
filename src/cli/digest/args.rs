//! Mailing what jobs gathered.

use crate::cli::digest::{Digest, DigestTask};
use crate::cli::options::command_line::CommandLineArgs;
use crate::cli::options::usage_error::UsageError;
use crate::cli::options::{mail, value};
use crate::config::Places;
use std::path::PathBuf;

/// Mail what `ehlo run --digest NAME` gathered.
///
/// One mail says what ran: failures first, with the end of what they printed, then the rest. It is for cron
/// or a timer, once a day or a week. What was gathered goes away when the mail is safe. Where nothing was,
/// nothing is mailed.
#[derive(Debug, clap::Args)]
#[group(skip)]
pub struct Args {
    /// Which.
    #[arg(
        value_name = "NAME",
        help_heading = "Arguments",
        value_parser = value::digest,
        required_unless_present = "list"
    )]
    name: Option<String>,

    /// Mail also that there is nothing to say.
    #[arg(long)]
    always: bool,

    /// Show which digests there are, and how many runs are in them.
    #[arg(long)]
    list: bool,

    /// What was gathered is here [default: `$EHLO_STATE_DIR`, else ~/.local/state/ehlo, and for root
    /// /var/lib/ehlo].
    #[arg(long, value_name = "DIR")]
    state_dir: Option<PathBuf>,

    #[command(flatten)]
    mail: mail::Args,
}

impl Args {
    /// The digest that is meant.
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
            "{option} does not go together with --list, which mails nothing"
        ))),
    }
}
