//! `ehlo merge`: a message to each row of a list, with a journal that makes a run resumable.

pub(crate) mod args;

mod check;
mod inspect;
mod journal;
mod letter;
mod queue;
mod report;
mod row;
mod run;
mod schedule;
mod worker;

pub(crate) use args::MergeArgs;
pub(crate) use run::run;

use crate::cli::options::value::Rate;
use crate::client::mail_log::LogOptions;
use crate::client::transport::Transport;
use crate::mail::merge::{MergeList, MergeTemplate};
use crate::queue::QueueUse;
use journal::ListDescription;
use letter::LetterContext;
use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

/// The tasks of `ehlo merge`.
#[derive(Debug)]
pub enum Merge {
    Run(Box<MergeOptions>),
    /// Count the rows of a journal; true: as JSON.
    Status(PathBuf, bool),
    /// Print the rows of a journal that were not accepted.
    Failed(PathBuf),
}

impl Merge {
    /// The mail log of a run that sends messages.
    pub(crate) fn log(&self) -> Option<&LogOptions> {
        match self {
            Self::Run(options) => Some(&options.log),
            Self::Status(..) | Self::Failed(_) => None,
        }
    }
}

/// Options of a merge.
pub struct MergeOptions {
    list: MergeList,
    description: ListDescription,
    template: MergeTemplate,
    context: LetterContext,
    journal: PathBuf,
    transport: Transport,
    /// Fallback transports, tried in order on temporary failure.
    fallbacks: Vec<Transport>,
    rate: Option<Rate>,
    per_domain: Option<Rate>,
    connections: usize,
    /// The first pause after a temporary error.
    back_off: Duration,
    /// Number of attempts for a row.
    tries: u32,
    /// Number of failed rows in a row that ends the run.
    stop_after: u32,
    /// The queue for rows that are still deferred after all attempts. `None`: they are left for the next run.
    queueing: Option<QueueUse>,
    rows: RowSelection,
    show: Show,
    json: bool,
    log: LogOptions,
}

impl fmt::Debug for MergeOptions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MergeOptions")
            .field("list", &self.list)
            .finish_non_exhaustive()
    }
}

/// The rows of the list that are sent.
#[derive(Debug)]
struct RowSelection {
    /// Maximum number of rows.
    limit: Option<u64>,
    /// Only the rows with these IDs; empty: all.
    only: Vec<String>,
    retry: Vec<Retry>,
    changed: Option<ChangedRows>,
}

/// A status of rows that are sent again.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
enum Retry {
    Refused,
    Uncertain,
}

/// Treatment of rows that were sent and have changed since.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
enum ChangedRows {
    Skip,
    Send,
}

/// The use of the messages.
#[derive(Debug)]
enum Show {
    Send,
    Check,
    /// Print the message of the row with this number or ID.
    Preview(String),
}
