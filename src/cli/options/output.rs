//! Output: transcript, colors, progress.

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

    /// Also show the message as it is transmitted.
    #[arg(long, conflicts_with = "quiet")]
    show_data: bool,

    /// Show a progress bar for large messages on standard error.
    ///
    /// `auto` shows it on a terminal, after one second.
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

    /// Append a JSON line for each session with its TLS policy and result to this file.
    ///
    /// The terms are those of SMTP TLS Reporting (RFC 8460), so that a report for the recipient's domain can be made
    /// from the lines. The default is `tlsrpt` in `[log]` of the configuration.
    #[arg(long, value_name = "FILE")]
    tlsrpt_log: Option<PathBuf>,
}

impl LogArgs {
    /// The log of the configuration, with the file that the option names.
    pub fn options(self, configured: LogOptions) -> LogOptions {
        // A process in the background has another current directory.
        let file = self.log.map(|file| absolute(&file).unwrap_or(file));
        let reports = self.tlsrpt_log;
        let reports = reports.map(|file| absolute(&file).unwrap_or(file));
        LogOptions {
            file: file.or(configured.file),
            tls_reports: reports.or(configured.tls_reports),
            ..configured
        }
    }
}

/// Options of the output of a session with or without a message.
#[derive(Debug, clap::Args)]
#[group(skip)]
#[command(next_help_heading = "Output")]
pub struct OutputArgs {
    /// Show only failures, on standard error.
    #[arg(short, long, conflicts_with_all = ["json", "transcript", "verbose", "hex", "timing"])]
    quiet: bool,

    /// Show the session only from its first error on.
    ///
    /// Nothing is shown before the error: a reply of 400 or higher, a failed connection or an untrusted certificate. If
    /// all goes well, there is no output.
    #[arg(long, conflicts_with = "quiet")]
    quiet_until_error: bool,

    /// Also show DNS lookups, each host tried, and encoding decisions.
    #[arg(short, long)]
    verbose: bool,

    /// Format of the session on standard output.
    ///
    /// stevens: like `mail -v` in Stevens's TCP/IP Illustrated; swaks: like swaks(1); json: one JSON object per
    /// line, see ehlo-json(5); none: no output.
    #[arg(long, value_name = "FORMAT", value_enum, default_value_t = Style::Stevens)]
    transcript: Style,

    /// Show a hex dump of all traffic except secrets.
    #[arg(long, conflicts_with = "json")]
    hex: bool,

    /// Show the seconds since the start before each line.
    ///
    /// JSON has them as `elapsed_ms` even without this option.
    #[arg(long)]
    timing: bool,

    /// End with one line per server that shows the duration of each step.
    ///
    /// With --quiet or --transcript none, it is the only output.
    #[arg(long)]
    summary: bool,

    /// Use colors; `auto` uses them on a terminal unless `NO_COLOR` is set.
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
            from_error: self.quiet_until_error,
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
            Format::None if self.quiet_until_error => ("--quiet-until-error", "none"),
            _ => return Ok(()),
        };
        Err(contradiction(option, other))
    }
}

fn contradiction(option: &str, format: &str) -> UsageError {
    let text = format!("{option} has no effect with --transcript {format}; omit one of them");
    UsageError::usage(text).about(option)
}
