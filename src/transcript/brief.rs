//! Nothing but the lines about servers at the end.

use crate::client::events::{Event, Observer};
use crate::transcript::lines::{Tone, TranscriptWriter};
use crate::transcript::{Transcript, summary};
use std::io::{self, Write};

/// A transcript that shows summaries and nothing else.
pub struct Brief<W>(TranscriptWriter<W>);

impl<W: Write> Brief<W> {
    /// On `out`.
    pub fn new(out: W) -> Self {
        Self(TranscriptWriter::new(out))
    }
}

impl<W: Write> Observer for Brief<W> {
    fn happened(&mut self, what: Event<'_>) {
        if let Event::Summary(summary) = what {
            self.0
                .say(Tone::Plain, &format!("{}\n", summary::line(summary)));
        }
    }

    fn refuses(&self) -> bool {
        self.failure().is_some()
    }
}

impl<W: Write> Transcript for Brief<W> {
    fn failure(&self) -> Option<&io::Error> {
        self.0.failure()
    }
}
