//! Shows only the summary line of each server.

use crate::client::events::{Event, Observer};
use crate::transcript::lines::{Tone, TranscriptWriter};
use crate::transcript::{Transcript, summary};
use std::io::{self, Write};

/// A transcript of summary lines only.
pub struct Brief<W>(TranscriptWriter<W>);

impl<W: Write> Brief<W> {
    pub fn new(out: W) -> Self {
        Self(TranscriptWriter::new(out))
    }
}

impl<W: Write> Observer for Brief<W> {
    fn on_event(&mut self, what: Event<'_>) {
        if let Event::Summary(summary) = what {
            self.0
                .say(Tone::Plain, &format!("{}\n", summary::line(summary)));
        }
    }

    fn is_closed(&self) -> bool {
        self.failure().is_some()
    }
}

impl<W: Write> Transcript for Brief<W> {
    fn failure(&self) -> Option<&io::Error> {
        self.0.failure()
    }
}
