//! Transcripts: output about a delivery, line by line, as it happens.

pub(crate) mod dump;
mod from_error;
mod json;
mod lines;
mod stevens;
mod summary;
pub(crate) mod swaks;
mod text;

pub use json::{Json, certificate_fields};
pub use stevens::Stevens;
pub use summary::{Stopwatch, SummaryLines};
pub use swaks::Swaks;

use crate::client::events::Observer;
use crate::client::outcome::DeliveryReport;
use crate::system::exit::Exit;
use from_error::FromError;
use std::fmt;
use std::io::{self, Write};

/// Format of a transcript.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Format {
    /// The format of `mail -v` in TCP/IP Illustrated, chapter 28.
    #[default]
    Stevens,
    /// The format of swaks.
    Swaks,
    /// One JSON object a line.
    Json,
    None,
}

/// Use of colours.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Color {
    /// If the output supports them and they are not disabled; the caller that opens the output decides.
    Auto,
    Always,
    #[default]
    Never,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct TranscriptOptions {
    pub format: Format,
    /// Shows nothing before the first error.
    pub from_error: bool,
    /// Shows every host and address considered, and the encoding of each part.
    pub verbose: bool,
    /// Shows the message, as it goes over the wire.
    pub data: bool,
    /// Shows octets instead of lines.
    pub hex: bool,
    /// Shows the time before each line.
    pub timing: bool,
    /// Shows a line for each server at the end.
    pub summary: bool,
    pub color: Color,
    /// A progress bar on stderr.
    pub progress: bool,
}

impl TranscriptOptions {
    /// The default transcript, with all details.
    pub fn verbose() -> Self {
        Self {
            verbose: true,
            ..Self::default()
        }
    }
}

/// One of several messages.
#[derive(Clone, Debug)]
pub struct NumberedMessage {
    /// Its number, from 1.
    pub number: usize,
    pub of: usize,
    /// Its file, or its mbox and its number there; empty for a message that is repeated.
    pub name: String,
}

impl fmt::Display for NumberedMessage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "message {} of {}", self.number, self.of)?;
        if self.name.is_empty() {
            return Ok(());
        }
        write!(f, " ({})", self.name)
    }
}

/// An [`Observer`] that shows the events.
pub trait Transcript: Observer {
    /// The error of a failed write. A closed pipe is not a failure.
    fn failure(&self) -> Option<&io::Error>;

    /// Adds the results to the transcript, in formats that include them.
    fn result(&mut self, _report: &DeliveryReport, _exit: Exit) {}

    /// Begins one of several messages.
    fn begin(&mut self, _message: &NumberedMessage) {}

    /// Adds the result of several messages: their number, the number that failed, and the exit status.
    fn total(&mut self, _messages: usize, _failed: usize, _exit: Exit) {}
}

/// A transcript on `out`. Times are relative to this call. `None`: nothing is shown.
pub fn open<'o>(
    options: TranscriptOptions,
    out: impl Write + 'o,
) -> Option<Box<dyn Transcript + 'o>> {
    if options.from_error {
        return FromError::open(options, out).map(|shown| Box::new(shown) as _);
    }
    open_whole(options, out)
}

/// A transcript from the beginning.
fn open_whole<'o>(
    options: TranscriptOptions,
    out: impl Write + 'o,
) -> Option<Box<dyn Transcript + 'o>> {
    match options.format {
        Format::Stevens => Some(Box::new(Stevens::new(out, options))),
        Format::Swaks => Some(Box::new(Swaks::new(out, options))),
        Format::Json => Some(Box::new(Json::new(out, options))),
        Format::None if options.summary => Some(Box::new(SummaryLines::new(out))),
        Format::None => None,
    }
}
