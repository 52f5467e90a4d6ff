//! Output: transcript, colours, progress.

use crate::cli::options::usage_error::UsageError;
use crate::client::mail_log::LogOptions;
use crate::transcript::{Color, Format, TranscriptOptions};
use clap::ValueEnum;
use std::io::IsTerminal as _;
use std::path::{PathBuf, absolute};

/// Options under the heading "Output".
#[derive(Debug, clap::Args)]
#[group(skip)]
#[command(next_help_heading = "Output")]
pub struct Args {
    #[command(flatten)]
    session: OutputArgs,

    /// Show the message, too, as it goes over the wire.
    #[arg(long, conflicts_with = "quiet")]
    show_data: bool,

    /// Show how far a large message is, on stderr.
    ///
    /// `auto` shows it on a terminal, after a second.
    #[arg(long, value_name = "WHEN", value_enum, default_value_t = Show::Auto)]
    progress: Show,
}

/// The option for the mail log.
#[derive(Debug, Default, clap::Args)]
#[group(skip)]
#[command(next_help_heading = "Output")]
pub struct LogArgs {
    /// Append a line for each recipient and attempt to this file.
    ///
    /// The lines have the form that Postfix writes, so that pflogsumm and logwatch can read them. They contain
    /// addresses, but no subject and no secret. The default is `file` in `[log]` of the configuration. If the
    /// file cannot be written, there is a warning, and the delivery continues.
    #[arg(long, value_name = "FILE")]
    log: Option<PathBuf>,
}

impl LogArgs {
    /// The log of the configuration, with the file that the option names.
    pub fn options(self, configured: LogOptions) -> LogOptions {
        // A process in the background has another current directory.
        let file = self.log.map(|file| absolute(&file).unwrap_or(file));
        LogOptions {
            file: file.or(configured.file),
            ..configured
        }
    }
}

/// Options of the output of a session with or without a message.
#[derive(Debug, clap::Args)]
#[group(skip)]
#[command(next_help_heading = "Output")]
pub struct OutputArgs {
    /// Show only what failed, on stderr.
    #[arg(short, long, conflicts_with_all = ["json", "transcript", "verbose", "hex", "timing"])]
    quiet: bool,

    /// Show every host considered and how each part was encoded.
    #[arg(short, long)]
    verbose: bool,

    /// How the conversation is shown on stdout.
    ///
    /// As `mail -v` did in TCP/IP Illustrated (stevens), as the tool of that name does (swaks), as one JSON
    /// object a line (json, see ehlo-json(5)), or not at all (none).
    #[arg(long, value_name = "FORMAT", value_enum, default_value_t = Style::Stevens)]
    transcript: Style,

    /// Show every octet that is sent and received, but for secrets, instead of lines.
    #[arg(long, conflicts_with = "json")]
    hex: bool,

    /// Show the seconds since the start before each line.
    ///
    /// JSON has them as `elapsed_ms` without it.
    #[arg(long)]
    timing: bool,

    /// At the end, show how long each step took, in one line for each server.
    ///
    /// With --quiet, or --transcript none, that line is all that is shown.
    #[arg(long)]
    summary: bool,

    /// Colours on stdout; `auto` uses them on a terminal where `NO_COLOR` is not set.
    #[arg(long, value_name = "WHEN", value_enum, default_value_t = Show::Auto)]
    color: Show,

    /// The same as --transcript json.
    #[arg(long, conflicts_with = "transcript")]
    json: bool,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum Style {
    Stevens,
    Swaks,
    Json,
    None,
}

#[derive(Clone, Copy, Debug, PartialEq, ValueEnum)]
enum Show {
    Auto,
    Always,
    Never,
}

impl Args {
    pub fn options(&self) -> Result<TranscriptOptions, UsageError> {
        let options = self.session.options()?;
        if self.show_data && options.format == Format::None {
            return Err(contradiction("--show-data", "none"));
        }
        Ok(TranscriptOptions {
            data: self.show_data,
            progress: match self.progress {
                Show::Always => true,
                Show::Never => false,
                Show::Auto => !self.session.quiet && std::io::stderr().is_terminal(),
            },
            ..options
        })
    }
}

impl OutputArgs {
    pub fn options(&self) -> Result<TranscriptOptions, UsageError> {
        let format = self.format();
        self.check(format)?;
        Ok(TranscriptOptions {
            format,
            verbose: self.verbose,
            data: false,
            hex: self.hex,
            timing: self.timing,
            summary: self.summary,
            color: match self.color {
                Show::Auto => Color::Auto,
                Show::Always => Color::Always,
                Show::Never => Color::Never,
            },
            progress: false,
        })
    }

    fn format(&self) -> Format {
        match self.transcript {
            _ if self.quiet => Format::None,
            _ if self.json => Format::Json,
            Style::Stevens => Format::Stevens,
            Style::Swaks => Format::Swaks,
            Style::Json => Format::Json,
            Style::None => Format::None,
        }
    }

    /// Refuses options that have no effect on this format.
    fn check(&self, format: Format) -> Result<(), UsageError> {
        let (option, other) = match format {
            Format::Json if self.hex => ("--hex", "json"),
            Format::None if self.hex => ("--hex", "none"),
            Format::None if self.timing => ("--timing", "none"),
            _ => return Ok(()),
        };
        Err(contradiction(option, other))
    }
}

fn contradiction(option: &str, format: &str) -> UsageError {
    let text = format!("{option} means nothing with --transcript {format}; leave one of them out");
    UsageError::usage(text).about(option)
}
