//! A connection to a mailbox: lines, octets and TLS, with limits, masked secrets and events.

use crate::client::events::{Event, Observer};
use crate::client::session::auth::{Bindings, Mask};
use crate::client::session::tell;
use crate::client::wire::tls::TlsServer;
use crate::client::wire::{Deadline, Early, TlsError, Wire, WireError};
use crate::mailbox::error::MailboxError;
use crate::smtp::stage::Stage;
use crate::system::stop::Registered;
use crate::system::text::printable;
use std::cell::RefCell;
use std::time::{Duration, Instant};
use zeroize::Zeroize as _;

/// Maximum number of characters of a server's text in an error.
const EXCERPT: usize = 80;

/// Maximum number of octets of a line that an observer is shown.
const SHOWN: usize = 2000;

/// Octets of a transfer that must arrive within the time limit of a step.
const PORTION: u64 = 64 * 1024;

/// Time limits of a session.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// For each step: a command and its whole reply, or 64 KiB of a transfer.
    pub step: Duration,
    /// For the whole run; `None`: unlimited.
    pub end: Option<Instant>,
}

impl Limits {
    /// This time, or what is left for the run if that is shorter.
    pub fn shortened(&self, time: Duration) -> Duration {
        let left = self
            .end
            .map(|end| end.saturating_duration_since(Instant::now()));
        left.map_or(time, |left| left.min(time))
    }

    /// The deadline of a step that begins now.
    ///
    /// # Errors
    /// The deadline of the run has passed.
    fn deadline(&self) -> Result<Deadline, MailboxError> {
        let left = self
            .end
            .map(|end| end.saturating_duration_since(Instant::now()));
        match left {
            Some(Duration::ZERO) => Err(MailboxError::Deadline),
            Some(left) => Ok(Deadline::after(left.min(self.step))),
            None => Ok(Deadline::after(self.step)),
        }
    }
}

/// An observer of several sessions, which are used one at a time.
pub struct SharedObserver<'o>(RefCell<&'o mut dyn Observer>);

impl<'o> SharedObserver<'o> {
    pub fn new(observer: &'o mut dyn Observer) -> Self {
        Self(RefCell::new(observer))
    }

    /// Lends the observer.
    pub fn lend<T>(&self, to: impl FnOnce(&mut dyn Observer) -> T) -> T {
        to(&mut **self.0.borrow_mut())
    }

    fn tell(&self, event: Event<'_>) {
        self.0.borrow_mut().on_event(event);
    }
}

/// The connection of a session.
pub struct Channel<'a> {
    wire: Wire,
    observer: &'a SharedObserver<'a>,
    mask: Mask,
    limits: Limits,
    /// The deadline of the current step.
    deadline: Deadline,
    /// Octets of the current portion of a transfer.
    portion: u64,
    /// The step in words, for errors of the connection: `in reply to SELECT`.
    step: String,
    /// Ends the session when the program is interrupted.
    _stop: Option<Registered>,
    /// Of the TLS connection; `None`: no TLS.
    bindings: Option<Bindings>,
}

impl<'a> Channel<'a> {
    pub fn new(
        mut wire: Wire,
        mask: Mask,
        limits: Limits,
        observer: &'a SharedObserver<'a>,
    ) -> Self {
        let stop = observer.lend(|observer| observer.stop());
        Self {
            _stop: stop.and_then(|stop| Some(stop.register(wire.duplicate()?))),
            wire,
            observer,
            mask,
            deadline: limits.deadline().unwrap_or(Deadline::after(Duration::ZERO)),
            limits,
            portion: 0,
            step: "after the connection".to_owned(),
            bindings: None,
        }
    }

    /// True after a TLS handshake.
    pub fn is_encrypted(&self) -> bool {
        self.bindings.is_some()
    }

    pub fn bindings(&self) -> Bindings {
        self.bindings.clone().unwrap_or_default()
    }

    /// Begins a step, whose time limit begins now, and names it for errors.
    pub fn begin(&mut self, command: &str) -> Result<(), MailboxError> {
        self.step = format!("in reply to {command}");
        self.extend()
    }

    /// Begins the time limit of the step again, because the server has done a part of it.
    pub fn extend(&mut self) -> Result<(), MailboxError> {
        self.portion = 0;
        self.deadline = self.limits.deadline()?;
        Ok(())
    }

    /// Sends a line without secrets.
    pub fn send(&mut self, line: &str, stage: Stage) -> Result<(), MailboxError> {
        self.send_masked(line.as_bytes(), line, stage)
    }

    /// Sends a line, which observers see as `shown`. It is wiped from memory.
    pub fn send_masked(
        &mut self,
        line: &[u8],
        shown: &str,
        stage: Stage,
    ) -> Result<(), MailboxError> {
        // Growing would leave a copy of a secret in memory.
        let mut whole = Vec::with_capacity(line.len() + 2);
        whole.extend_from_slice(line);
        whole.extend_from_slice(b"\r\n");
        self.observer.tell(Event::Sent { line: shown, stage });
        let limit = self.left()?;
        self.wire.outbox = whole;
        let flushed = self.wire.flush(limit);
        self.wire.outbox.resize(self.wire.outbox.capacity(), 0);
        self.wire.outbox.zeroize();
        self.wire.outbox.clear();
        flushed.map_err(|error| self.failed(error))
    }

    /// Reads a line of at most `most` octets, without its line end, and reports it.
    pub fn line(&mut self, most: usize) -> Result<Vec<u8>, MailboxError> {
        let line = self.quiet_line(most)?;
        self.show(&line);
        Ok(line)
    }

    /// Reports a line of the server.
    pub fn show(&mut self, line: &[u8]) {
        let shown = self.mask.apply(printable(&line[..line.len().min(SHOWN)]));
        let shown = if line.len() > SHOWN {
            format!("{shown}... ({} bytes)", line.len())
        } else {
            shown
        };
        self.observer.tell(Event::Line(&shown));
    }

    /// Reads a line of at most `most` octets, without its line end.
    pub fn quiet_line(&mut self, most: usize) -> Result<Vec<u8>, MailboxError> {
        let mut line = Vec::new();
        loop {
            let heard = self.wire.heard(self.deadline);
            let heard = heard.map_err(|error| failed(&self.step, self.limits, error))?;
            let end = memchr::memchr(b'\n', heard);
            let count = end.map_or(heard.len(), |at| at + 1);
            if line.len() + count > most + 2 {
                return Err(MailboxError::Protocol(format!(
                    "sent a line of more than {most} bytes"
                )));
            }
            line.extend_from_slice(&heard[..count]);
            self.consume(count)?;
            if end.is_some() {
                line.truncate(crate::client::wire::without_end(&line).len());
                return Ok(line);
            }
        }
    }

    /// Returns octets that have arrived, at most `most`; waits until there are some. They remain unread until
    /// [`Self::consume`].
    pub fn heard(&mut self, most: u64) -> Result<&[u8], MailboxError> {
        let heard = self.wire.heard(self.deadline);
        let heard = heard.map_err(|error| failed(&self.step, self.limits, error))?;
        let count = usize::try_from(most).map_or(heard.len(), |most| most.min(heard.len()));
        Ok(&heard[..count])
    }

    /// Removes octets that were returned by [`Self::heard`].
    pub fn consume(&mut self, count: usize) -> Result<(), MailboxError> {
        let taken = self.wire.bytes(count, self.deadline).map(drop);
        taken.map_err(|error| self.failed(error))
    }

    /// Removes octets of a message. Each 64 KiB have a time limit of their own.
    pub fn consume_transferred(&mut self, count: usize) -> Result<(), MailboxError> {
        self.consume(count)?;
        self.portion += count as u64;
        if self.portion >= PORTION {
            self.extend()?;
        }
        Ok(())
    }

    /// The time that is left for the step.
    fn left(&self) -> Result<Duration, MailboxError> {
        let timeout = || self.failed(WireError::Timeout(self.deadline.whole()));
        self.deadline.left().ok_or_else(timeout)
    }

    /// Runs the TLS handshake. Octets that were received in clear before it were injected by an attacker
    /// (CVE-2011-0411, and CVE-2021-33515 for IMAP). `command`: the command for TLS; `None`: TLS from the first byte.
    pub fn secure(
        &mut self,
        server: TlsServer<'_>,
        command: Option<&str>,
    ) -> Result<(), MailboxError> {
        if let Some(command) = command {
            self.check_quiet(command)?;
        }
        self.extend()?;
        let limit = self.left()?;
        let secured = match self.wire.secure(server, limit) {
            Ok(secured) => secured,
            Err(error) => {
                if let TlsError::Certificate { why, chain, .. } = &error {
                    let name = server.name();
                    self.observer.tell(Event::Distrusted { name, why, chain });
                }
                return Err(MailboxError::Tls(error));
            }
        };
        self.observer.lend(|observer| tell(&secured, observer));
        self.bindings = Some(Bindings {
            exporter: secured.exporter,
            end_point: secured.end_point,
        });
        Ok(())
    }

    fn check_quiet(&mut self, command: &str) -> Result<(), MailboxError> {
        match self.wire.early() {
            Early::Quiet => Ok(()),
            Early::Closed => Err(self.failed(WireError::Closed)),
            Early::Broken(error) => Err(self.failed(error)),
            Early::Bytes(bytes) => {
                let words: String = printable(bytes).chars().take(EXCERPT).collect();
                let words = self.mask.apply(words);
                Err(MailboxError::Protocol(format!(
                    "sent \"{words}\" in plaintext after its reply to {command}"
                )))
            }
        }
    }

    /// The beginning of a server's line for an error text: printable, secrets masked.
    pub fn excerpt(&self, bytes: &[u8]) -> String {
        let text = self.mask.apply(printable(&bytes[..bytes.len().min(SHOWN)]));
        text.chars().take(EXCERPT).collect()
    }

    /// The text of a reply for an error text.
    pub fn words(&self, text: &str) -> String {
        let text = self.mask.apply(crate::system::text::shown(text));
        text.chars().take(4 * EXCERPT).collect()
    }

    fn failed(&self, error: WireError) -> MailboxError {
        failed(&self.step, self.limits, error)
    }
}

impl Drop for Channel<'_> {
    fn drop(&mut self) {
        self.observer.tell(Event::Closed);
    }
}

fn failed(step: &str, limits: Limits, error: WireError) -> MailboxError {
    match error {
        WireError::Timeout(_) | WireError::Closed if limits.deadline().is_err() => {
            MailboxError::Deadline
        }
        error => MailboxError::Wire(step.to_owned(), error),
    }
}
