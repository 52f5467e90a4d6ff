//! Errors of a run, by kind.

use crate::client::session::{RecipientReply, SessionFailure, SessionResult, Unmet, Unsuitable};
use crate::client::wire::{TlsError, WireError};
use crate::smtp::reply::Reply;
use crate::smtp::stage::Stage;
use crate::system::text::beginning;
use std::collections::BTreeMap;
use std::collections::btree_map::Entry;

/// Octets of a reply that are kept.
const MAX_TEXT: usize = 500;

/// Maximum number of errors that are told apart.
const MAX_KINDS: usize = 100;

/// The kind of an error.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum ErrorKind {
    /// The server replied with 4yz or 5yz.
    Reply,
    /// There was no connection.
    Connect,
    /// There was no reply, or nothing could be written, within the time limit.
    Timeout,
    /// The server closed the connection.
    Closed,
    /// The TLS handshake failed, or the certificate is not valid.
    Tls,
    /// The server violated the protocol.
    Protocol,
    /// The server lacks what the session demands: STARTTLS, AUTH, SIZE, 8BITMIME.
    Unmet,
    /// An error of this host.
    Local,
}

impl ErrorKind {
    /// Its name in JSON.
    pub fn name(self) -> &'static str {
        match self {
            Self::Reply => "reply",
            Self::Connect => "connect",
            Self::Timeout => "timeout",
            Self::Closed => "closed",
            Self::Tls => "tls",
            Self::Protocol => "protocol",
            Self::Unmet => "unmet",
            Self::Local => "local",
        }
    }
}

/// An error of one message.
#[derive(Debug, PartialEq, Eq)]
pub struct LoadError {
    kind: ErrorKind,
    stage: Stage,
    /// The reply code; 0: there is none.
    code: u16,
    /// The reply or the reason.
    text: String,
}

/// An error, and how often it occurred.
#[derive(Clone, Debug)]
pub struct ErrorCount {
    pub kind: ErrorKind,
    pub stage: Stage,
    /// The reply code; `None`: there is none.
    pub code: Option<u16>,
    /// The first reply, or the reason.
    pub text: String,
    pub count: u64,
}

impl LoadError {
    pub fn connect(text: String) -> Self {
        Self {
            kind: ErrorKind::Connect,
            stage: Stage::Connect,
            code: 0,
            text,
        }
    }

    fn replied(stage: Stage, reply: &Reply) -> Self {
        Self {
            kind: ErrorKind::Reply,
            stage,
            code: reply.code,
            text: beginning(&reply.whole(), MAX_TEXT).to_owned(),
        }
    }

    /// The error of a session that did not do what it was asked to; `None`: it did, for all recipients.
    pub fn of(result: &SessionResult) -> Option<Self> {
        let is_done = |answer: &Option<RecipientReply>| {
            matches!(
                answer,
                Some(RecipientReply::Accepted(_) | RecipientReply::Stopped(_))
            )
        };
        let answer = result.answers.iter().find(|answer| !is_done(answer))?;
        Some(match answer {
            Some(RecipientReply::Replied(step, reply)) => Self::replied(step.stage(), reply),
            Some(RecipientReply::TooMany(reply)) => Self::replied(Stage::Rcpt, reply),
            Some(RecipientReply::Unsuitable(why)) => Self::unsuitable(*why),
            Some(RecipientReply::Unmet(unmet)) => Self::unmet(unmet),
            _ => Self::failed(result.failure.as_ref()),
        })
    }

    fn unsuitable(why: Unsuitable) -> Self {
        let text = match why {
            Unsuitable::TooLarge { limit, .. } => format!("larger than SIZE {limit}"),
            Unsuitable::NeedsUtf8 => "SMTPUTF8 is not offered".to_owned(),
            Unsuitable::NeedsEightBit => "8BITMIME is not offered".to_owned(),
        };
        Self {
            kind: ErrorKind::Unmet,
            stage: Stage::Mail,
            code: 0,
            text,
        }
    }

    fn unmet(unmet: &Unmet) -> Self {
        let text = match unmet {
            Unmet::StarttlsRefused(reply) => return Self::replied(Stage::Starttls, reply),
            Unmet::NoStarttls => "STARTTLS is not offered".to_owned(),
            Unmet::PasswordInClear => "the password is not sent without TLS".to_owned(),
            Unmet::NoAuth => "AUTH is not offered".to_owned(),
            Unmet::NoMechanism(offered) => format!("AUTH offers only {offered}"),
            Unmet::Auth(why) => why.clone(),
            Unmet::Request(lack) => format!("{}: the server {}", lack.option, lack.why),
        };
        Self {
            kind: ErrorKind::Unmet,
            stage: unmet.step().stage(),
            code: 0,
            text,
        }
    }

    fn failed(failure: Option<&SessionFailure>) -> Self {
        let Some(failure) = failure else {
            return Self {
                kind: ErrorKind::Closed,
                stage: Stage::Mail,
                code: 0,
                text: "the session ended".to_owned(),
            };
        };
        let kind = match failure {
            SessionFailure::Wire(_, error) | SessionFailure::Tls(TlsError::Wire(error)) => {
                match error {
                    WireError::Timeout(_) => ErrorKind::Timeout,
                    WireError::Closed => ErrorKind::Closed,
                    WireError::Unwelcome(_) => ErrorKind::Tls,
                    WireError::LongLine | WireError::Injected => ErrorKind::Protocol,
                    WireError::Io(_) => ErrorKind::Local,
                }
            }
            SessionFailure::Tls(_) => ErrorKind::Tls,
            SessionFailure::Protocol(..) => ErrorKind::Protocol,
            SessionFailure::Message(_) | SessionFailure::Ledger(_) => ErrorKind::Local,
        };
        Self {
            kind,
            stage: failure.step().stage(),
            code: 0,
            text: failure.to_string(),
        }
    }

    /// True if the server replied with 4yz or 5yz.
    pub fn is_reply(&self) -> bool {
        self.kind == ErrorKind::Reply
    }

    /// True if there was no connection, or the server does not want another one now.
    pub fn is_about_connections(&self) -> bool {
        let is_early = matches!(self.stage, Stage::Connect | Stage::Banner);
        is_early || self.code == 421
    }
}

/// Counts errors by kind, stage, code and, without a reply, reason.
#[derive(Debug, Default)]
pub struct ErrorTable {
    counts: BTreeMap<(ErrorKind, Stage, u16, String), ErrorCount>,
    /// Errors that are not told apart.
    pub others: u64,
}

impl ErrorTable {
    pub fn add(&mut self, error: LoadError) {
        let LoadError {
            kind,
            stage,
            code,
            text,
        } = error;
        let class = (code > 0).then_some(code);
        self.add_count(ErrorCount {
            kind,
            stage,
            code: class,
            text,
            count: 1,
        });
    }

    fn add_count(&mut self, more: ErrorCount) {
        let reason = match more.code {
            Some(_) => String::new(),
            None => more.text.clone(),
        };
        let is_full = self.counts.len() >= MAX_KINDS;
        let key = (more.kind, more.stage, more.code.unwrap_or_default(), reason);
        match self.counts.entry(key) {
            Entry::Occupied(mut known) => known.get_mut().count += more.count,
            Entry::Vacant(_) if is_full => self.others += more.count,
            Entry::Vacant(free) => {
                free.insert(more);
            }
        }
    }

    pub fn merge(&mut self, other: Self) {
        self.others += other.others;
        for count in other.counts.into_values() {
            self.add_count(count);
        }
    }

    /// The most frequent first.
    pub fn into_counts(self) -> Vec<ErrorCount> {
        let mut all: Vec<ErrorCount> = self.counts.into_values().collect();
        all.sort_by_key(|error| std::cmp::Reverse(error.count));
        all
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reply(code: u16, text: &str) -> LoadError {
        let lines = vec![text.to_owned()];
        LoadError::replied(Stage::Mail, &Reply { code, lines })
    }

    #[test]
    fn replies_are_told_apart_by_code_and_their_number_is_bounded() {
        let mut table = ErrorTable::default();
        table.add(reply(450, "4.2.1 slow down, 17 messages"));
        table.add(reply(450, "4.2.1 slow down, 18 messages"));
        table.add(reply(421, "bye"));
        for number in 0..200 {
            table.add(LoadError::connect(format!("reason {number}")));
        }
        assert_eq!(table.others, 102);
        let counts = table.into_counts();
        assert_eq!(counts.len(), MAX_KINDS);
        assert_eq!((counts[0].count, counts[0].code), (2, Some(450)));
        assert!(counts[0].text.ends_with("17 messages"));
    }
}
