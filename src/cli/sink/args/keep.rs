//! What becomes of the messages, and what is told of them.

use crate::cli::sink::options::Keep;
use std::path::PathBuf;

/// Options under the heading "Messages".
#[derive(Debug, clap::Args)]
#[group(skip)]
#[command(next_help_heading = "Messages")]
pub struct Args {
    /// Put each message into this Maildir, which is made if need be.
    #[arg(long, value_name = "DIR", conflicts_with_all = ["mbox", "print"])]
    maildir: Option<PathBuf>,

    /// Append each message to this file (mboxrd), which is made if need be.
    #[arg(long, value_name = "FILE", conflicts_with = "print")]
    mbox: Option<PathBuf>,

    /// Write each message to stdout.
    #[arg(long)]
    print: bool,

    /// Tell on stdout all that happens, one JSON object a line.
    #[arg(long, conflicts_with = "print")]
    pub json: bool,
}

impl Args {
    /// What is meant.
    pub fn plan(self) -> Keep {
        match (self.maildir, self.mbox) {
            (Some(directory), _) => Keep::Maildir(directory),
            (None, Some(file)) => Keep::Mbox(file),
            (None, None) if self.print => Keep::Print,
            (None, None) => Keep::Nothing,
        }
    }
}
