//! A transcript that begins with the first error.

use crate::client::events::{ConnectionClose, Event, Interests, Observer};
use crate::client::outcome::DeliveryReport;
use crate::client::status::RecipientStatus;
use crate::system::exit::Exit;
use crate::system::stop::Stop;
use crate::transcript::{NumberedMessage, Transcript, TranscriptOptions, open_whole};
use std::cell::Cell;
use std::io::{self, Write};
use std::rc::Rc;
use std::sync::Arc;

/// Another transcript, whose output before the first error is discarded.
pub struct FromError<'o> {
    inner: Box<dyn Transcript + 'o>,
    is_shown: Rc<Cell<bool>>,
}

/// Discards what is written until it is to be shown.
struct Gate<W> {
    out: W,
    is_shown: Rc<Cell<bool>>,
}

impl<W: Write> Write for Gate<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if self.is_shown.get() {
            return self.out.write(bytes);
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.out.flush()
    }
}

impl<'o> FromError<'o> {
    /// `None`: nothing is shown.
    pub fn open(options: TranscriptOptions, out: impl Write + 'o) -> Option<Self> {
        let is_shown = Rc::new(Cell::new(false));
        let gate = Gate {
            out,
            is_shown: is_shown.clone(),
        };
        let inner = open_whole(options, gate)?;
        Some(Self { inner, is_shown })
    }

    fn show_if(&self, is_error: bool) {
        if is_error {
            self.is_shown.set(true);
        }
    }
}

impl Observer for FromError<'_> {
    fn on_event(&mut self, what: Event<'_>) {
        self.show_if(is_error(&what));
        self.inner.on_event(what);
    }

    fn is_closed(&self) -> bool {
        self.inner.is_closed()
    }

    fn stop(&self) -> Option<Arc<Stop>> {
        self.inner.stop()
    }

    fn interests(&self) -> Interests {
        self.inner.interests()
    }
}

impl Transcript for FromError<'_> {
    fn failure(&self) -> Option<&io::Error> {
        self.inner.failure()
    }

    fn result(&mut self, report: &DeliveryReport, exit: Exit) {
        self.show_if(exit != Exit::Ok);
        self.inner.result(report, exit);
    }

    fn begin(&mut self, message: &NumberedMessage) {
        self.inner.begin(message);
    }

    fn total(&mut self, messages: usize, failed: usize, exit: Exit) {
        self.show_if(exit != Exit::Ok);
        self.inner.total(messages, failed, exit);
    }
}

fn is_error(what: &Event<'_>) -> bool {
    match what {
        // A line is shown on arrival, before its reply is complete.
        Event::Line(line) => {
            let code = line.get(..3).and_then(|code| code.parse::<u16>().ok());
            code.is_some_and(|code| code >= 400)
        }
        Event::Received { code, .. } => *code >= 400,
        Event::NotConnected { .. }
        | Event::Distrusted { .. }
        | Event::Failed { .. }
        | Event::Parting(ConnectionClose::HungUp)
        | Event::Fallback { error: Some(_), .. } => true,
        Event::Settled { status, .. } => !status.is_done() && *status != RecipientStatus::Skipped,
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::smtp::stage::Stage;
    use crate::transcript::open;

    fn shown(events: &[Event<'_>]) -> String {
        let mut out = Vec::new();
        let options = TranscriptOptions {
            from_error: true,
            ..TranscriptOptions::default()
        };
        let mut transcript = open(options, &mut out).unwrap();
        for event in events {
            transcript.on_event(*event);
        }
        drop(transcript);
        String::from_utf8(out).unwrap()
    }

    fn sent(line: &str) -> Event<'_> {
        Event::Sent {
            line,
            stage: Stage::Mail,
        }
    }

    #[test]
    fn output_begins_with_the_first_error() {
        let good = [sent("MAIL"), Event::Line("250 ok"), sent("QUIT")];
        assert_eq!(shown(&good), "");
        let bad = [
            sent("MAIL"),
            Event::Line("550-no"),
            Event::Line("550 more"),
            sent("QUIT"),
        ];
        let text = shown(&bad);
        assert!(
            text.starts_with("550-no") || text.starts_with("<<< 550-no"),
            "{text}"
        );
        assert!(!text.contains("MAIL") && text.contains("QUIT"), "{text}");
    }
}
