//! Deviations for testing: a PROXY header before the greeting, and early ends.

use crate::client::events::{ClosedBy, ConnectionClose, Event};
use crate::client::session::Step;
use crate::client::session::run::{Opening, SessionLoop};
use crate::client::session::{CommandLine, Output, Proxy, SessionFailure};
use crate::client::wire::Deadline;
use crate::smtp::stage::Stage;
use zeroize::Zeroizing;

impl SessionLoop<'_, '_> {
    /// Sends the PROXY header, before anything else and outside TLS.
    pub(super) fn send_proxy_header(&mut self, proxy: &Proxy) -> Result<(), SessionFailure> {
        let header = proxy.header(self.wire.ends());
        let encoded = header.encode();
        self.wire.outbox.extend_from_slice(&encoded);
        self.observer.on_event(Event::Sent {
            line: &header.to_string(),
            stage: Stage::Proxy,
        });
        if self.interests.octets {
            self.observer.on_event(Event::Octets {
                from: ClosedBy::Client,
                bytes: &encoded,
            });
        }
        let written = self.wire.flush(self.limit(Step::Banner));
        written.map_err(|error| SessionFailure::Wire(Step::Banner, error))
    }

    /// Sends the last commands without waiting for their replies.
    pub(super) fn send_and_drop(&mut self, items: &[Output]) -> Result<Opening, SessionFailure> {
        if self.gather(items)?.is_some() {
            return Ok(Opening::Over);
        }
        let written = self.wire.flush(self.limit(Step::Body));
        self.wipe();
        let step = self.dialogue.awaited();
        written.map_err(|error| SessionFailure::Wire(step, error))?;
        self.observer
            .on_event(Event::Parting(ConnectionClose::Dropped));
        Ok(Opening::Over)
    }

    /// Sends QUIT out of sequence, and reports replies that arrive soon.
    pub(super) fn quit_out_of_sequence(&mut self) {
        self.put(&CommandLine {
            step: Step::Quit,
            wire: Zeroizing::new(b"QUIT".to_vec()),
            shown: "QUIT".to_owned(),
            hides: false,
        });
        let limit = self.limit(Step::Quit);
        if self.wire.flush(limit).is_ok() {
            let deadline = Deadline::after(limit);
            while self.reply_by(deadline, Step::Quit).is_ok() {}
        }
    }
}
