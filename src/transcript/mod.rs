//! Transcripts: what a person or a program sees of a delivery, line by line, as it happens.

mod json;
mod stevens;
mod tls;

pub use json::Json;
pub use stevens::Stevens;
pub use tls::fields as certificate_fields;

use std::io::{self, Write};

/// How a transcript looks.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Format {
    /// As `mail -v` showed it in TCP/IP Illustrated, chapter 28.
    #[default]
    Stevens,
    /// One JSON object a line.
    Json,
    /// Nothing.
    None,
}

/// What to show.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Options {
    /// How.
    pub format: Format,
    /// Every host and address considered, and how each part was encoded.
    pub verbose: bool,
    /// A bar on stderr for what takes long.
    pub progress: bool,
}

/// An output that goes on in silence when nobody reads it any more, and remembers when it could not
/// be written for another reason.
pub(crate) struct Lines<W> {
    out: W,
    state: State,
}

enum State {
    Open,
    /// The reader went away; that is its right.
    Unread,
    Failed(io::Error),
}

impl<W: Write> Lines<W> {
    pub(crate) fn new(out: W) -> Self {
        Self {
            out,
            state: State::Open,
        }
    }

    /// Writes a piece in one go.
    pub(crate) fn put(&mut self, text: &str) {
        if !matches!(self.state, State::Open) {
            return;
        }
        let written = self
            .out
            .write_all(text.as_bytes())
            .and_then(|()| self.out.flush());
        self.state = match written {
            Ok(()) => State::Open,
            Err(error) if error.kind() == io::ErrorKind::BrokenPipe => State::Unread,
            Err(error) => State::Failed(error),
        };
    }

    pub(crate) fn failure(&self) -> Option<&io::Error> {
        match &self.state {
            State::Failed(error) => Some(error),
            State::Open | State::Unread => None,
        }
    }
}
