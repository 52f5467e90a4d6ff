//! The queue.

use crate::cli::options::auth;
use clap::ValueEnum;
use std::path::PathBuf;

/// Options under the heading "Queue".
#[derive(Debug, Default, clap::Args)]
#[group(skip)]
#[command(next_help_heading = "Queue")]
pub struct Args {
    /// Keep what cannot be sent now, and try it again.
    ///
    /// The message is safe on disk before it is tried. Whatever the server takes later, or nobody answers,
    /// stays in the queue until `ehlo queue run` has delivered it.
    #[arg(long)]
    pub queue: bool,

    /// Keep the message, and let `ehlo queue run` send it.
    #[arg(long, conflicts_with = "queue")]
    pub queue_only: bool,

    /// The queue [default: ~/.local/state/ehlo/queue, and /var/spool/ehlo for root].
    #[arg(long, value_name = "DIR")]
    pub queue_dir: Option<PathBuf>,

    /// What becomes of those who may have got it already.
    ///
    /// The connection was lost behind the end of the message, and before the reply. `retry` sends it again,
    /// so that it may arrive twice; `hold` waits for `ehlo queue release`.
    #[arg(long, value_name = "HOW", value_enum)]
    pub on_uncertain: Option<Uncertain>,

    /// A shell command that is told of what was given up.
    ///
    /// It gets one JSON object on its standard input. After 60 seconds it is killed, with all that it has
    /// started.
    #[arg(long, value_name = "CMD", value_parser = auth::command)]
    pub on_failure: Option<String>,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
pub enum Uncertain {
    Retry,
    Hold,
}
