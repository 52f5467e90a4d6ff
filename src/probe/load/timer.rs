//! The time of each step of a message.

use crate::probe::load::Phase;
use crate::probe::load::record::Times;
use crate::smtp::stage::Stage;
use std::time::Instant;

/// Measures one message after the other.
pub struct PhaseTimer {
    times: Times,
    /// Time of the first step of the message.
    began: Instant,
    /// Time of the connection attempt, then of the connection, then of implicit TLS.
    connection: Option<Instant>,
    /// Times at which commands were sent, by phase.
    sent: [Option<Instant>; Phase::COUNT],
    /// Time of the last reply about the message.
    last: Option<Instant>,
    /// True after a connection was established for this message.
    pub is_connected: bool,
}

impl PhaseTimer {
    pub fn new() -> Self {
        Self {
            times: [None; Phase::COUNT],
            began: Instant::now(),
            connection: None,
            sent: [None; Phase::COUNT],
            last: None,
            is_connected: false,
        }
    }

    /// Begins a message.
    pub fn begin(&mut self) -> Instant {
        *self = Self::new();
        self.began
    }

    /// The times of the message, which was due at this time. Without a due time, there is no response time. Times of
    /// the whole message are those of one that was `accepted`.
    pub fn finish(&mut self, due: Option<Instant>, accepted: bool) -> Times {
        if let Some(last) = self.last.filter(|_| accepted) {
            let mail = self.sent[Phase::Mail as usize];
            self.times[Phase::Message as usize] = mail.map(|mail| last - mail);
            self.times[Phase::Service as usize] = Some(last - self.began);
            self.times[Phase::Response as usize] = due.map(|due| last - due);
        }
        self.times
    }

    /// The connection is being established.
    pub fn connecting(&mut self) {
        self.connection.get_or_insert_with(Instant::now);
    }

    pub fn connected(&mut self) {
        let now = Instant::now();
        let since = self.connection.replace(now).unwrap_or(self.began);
        self.times[Phase::Connect as usize] = Some(now - since);
        self.is_connected = true;
    }

    /// The TLS handshake is complete.
    pub fn secured(&mut self) {
        let now = Instant::now();
        let starttls = self.sent[Phase::Tls as usize];
        let since = starttls.or(self.connection.replace(now));
        self.times[Phase::Tls as usize] = since.map(|since| now - since);
    }

    /// A command was sent.
    pub fn sent(&mut self, stage: Stage) {
        let now = Instant::now();
        let Some(phase) = phase(stage) else { return };
        let sent = &mut self.sent[phase as usize];
        match phase {
            // A login and a message in several chunks begin with their first command.
            Phase::Auth | Phase::Dot if sent.is_some() => {}
            _ => *sent = Some(now),
        }
    }

    /// A reply arrived.
    pub fn received(&mut self, stage: Stage, code: u16) {
        let now = Instant::now();
        if stage != Stage::Quit {
            self.last = Some(now);
        }
        if stage == Stage::Banner {
            let since = self.connection.unwrap_or(self.began);
            self.times[Phase::Banner as usize] = Some(now - since);
        }
        let Some(phase) = phase(stage) else { return };
        let Some(sent) = self.sent[phase as usize] else {
            return;
        };
        let time = &mut self.times[phase as usize];
        match phase {
            // The handshake follows.
            Phase::Tls => {}
            Phase::Auth if code == 334 => {}
            Phase::Ehlo => *time = Some(time.unwrap_or_default() + (now - sent)),
            _ => *time = Some(now - sent),
        }
    }
}

/// The phase that a command belongs to.
fn phase(stage: Stage) -> Option<Phase> {
    Some(match stage {
        Stage::Ehlo | Stage::Lhlo | Stage::Helo => Phase::Ehlo,
        Stage::Starttls => Phase::Tls,
        Stage::Auth => Phase::Auth,
        Stage::Mail => Phase::Mail,
        Stage::Rcpt => Phase::Rcpt,
        Stage::Data => Phase::Data,
        Stage::Dot | Stage::Bdat => Phase::Dot,
        Stage::Quit => Phase::Quit,
        _ => return None,
    })
}
