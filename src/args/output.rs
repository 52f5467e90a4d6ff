//! What is seen of it.

use crate::transcript::{Format, Options};
use clap::ValueEnum;
use std::io::IsTerminal as _;

/// Options under the heading "Output".
#[derive(Debug, clap::Args)]
#[group(skip)]
#[command(next_help_heading = "Output")]
pub struct Args {
    /// Show only what failed, on stderr.
    #[arg(short, long, conflicts_with_all = ["json", "transcript", "verbose"])]
    quiet: bool,

    /// Show every host considered and how each part was encoded.
    #[arg(short, long)]
    verbose: bool,

    /// How the conversation is shown on stdout.
    ///
    /// As `mail -v` did in TCP/IP Illustrated (stevens), as one JSON object a line (json), or not at all
    /// (none).
    #[arg(long, value_name = "FORMAT", value_enum, default_value_t = Look::Stevens)]
    transcript: Look,

    /// Show how far a large message is, on stderr.
    ///
    /// `auto` shows it on a terminal, after a second.
    #[arg(long, value_name = "WHEN", value_enum, default_value_t = Show::Auto)]
    progress: Show,

    /// The same as --transcript json.
    #[arg(long, conflicts_with = "transcript")]
    json: bool,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum Look {
    Stevens,
    Json,
    None,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum Show {
    Auto,
    Always,
    Never,
}

impl Args {
    /// The output that is meant.
    pub fn options(&self) -> Options {
        let format = match self.transcript {
            _ if self.quiet => Format::None,
            _ if self.json => Format::Json,
            Look::Stevens => Format::Stevens,
            Look::Json => Format::Json,
            Look::None => Format::None,
        };
        Options {
            format,
            verbose: self.verbose,
            progress: match self.progress {
                Show::Always => true,
                Show::Never => false,
                Show::Auto => !self.quiet && std::io::stderr().is_terminal(),
            },
        }
    }
}
