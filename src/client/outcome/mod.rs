//! Results for each recipient, and the exit status derived from them.

mod ending;
mod queue_id;

pub use crate::client::status::{Cause, RecipientStatus};
pub use ending::SessionEnd;
pub use queue_id::queue_id;

use crate::client::peer::PeerAddress;
use crate::client::policy::PolicyFailure;
use crate::client::route::RouteError;
use crate::client::session::{
    EarlyStop, RecipientReply, SessionFailure, Step, StopMethod, Unsuitable,
};
use crate::client::status::{Hint, with_hint};
use crate::mail::address::Address;
use crate::mail::envelope::RecipientIndex;
use crate::smtp::reply::{Class, Reply};
use crate::smtp::stage::Stage;
use crate::system::exit::Exit;
use crate::system::text::reason;
use std::fmt;

/// The name and the address of a server that was contacted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ContactedServer {
    /// Its name, its address in brackets, or the path of its socket.
    pub host: String,
    pub address: PeerAddress,
}

impl fmt::Display for ContactedServer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let host = &self.host;
        match &self.address {
            PeerAddress::Tcp(address) => {
                let (ip, port) = (format!("[{}]", address.ip()), address.port());
                if *host == ip {
                    write!(f, "{ip}:{port}")
                } else {
                    write!(f, "{host} {ip}:{port}")
                }
            }
            PeerAddress::Proxied(peer) if host.trim_matches(['[', ']']) == peer.host => {
                write!(f, "{}", self.address)
            }
            local if *host == local.to_string() => f.write_str(host),
            local => write!(f, "{host} [{local}]"),
        }
    }
}

/// The enhanced status code of a result without a reply, if a person must log in first (RFC 4954 §6).
pub const LOGIN_REQUIRED: &str = "4.7.0";

/// Result for one recipient.
#[derive(Clone, Debug)]
pub struct RecipientResult {
    pub recipient: Address,
    pub verdict: RecipientStatus,
    pub cause: Cause,
    /// The last server that was contacted.
    pub server: Option<ContactedServer>,
    /// The decisive stage.
    pub stage: Option<Stage>,
    pub reply: Option<Reply>,
    /// The enhanced status code, from the server or chosen by this program.
    pub enhanced: Option<String>,
    /// Empty when accepted.
    pub(in crate::client) sentence: Sentence,
    /// The remedy, if there is one.
    pub hint: Option<Hint>,
}

impl RecipientResult {
    /// True if the result is the intended one: accepted, queued, or stopped as requested.
    pub fn is_success(&self) -> bool {
        is_success(self.verdict, self.cause)
    }

    /// True if the message was not sent because another recipient was refused.
    pub fn is_withheld(&self) -> bool {
        self.verdict == RecipientStatus::Skipped && self.cause == Cause::Server
    }

    /// True if the result is about the host, so that another host may give a better one.
    pub fn is_about_host(&self) -> bool {
        let is_host = match self.cause {
            Cause::Domain | Cause::Network | Cause::Known | Cause::Protocol => true,
            Cause::Policy => self.reply.is_none(),
            Cause::Server => self.stage.is_none_or(Stage::is_introduction),
            Cause::Message | Cause::Stopped | Cause::Output => false,
        };
        is_host
            && matches!(
                self.verdict,
                RecipientStatus::Deferred | RecipientStatus::Refused
            )
    }

    /// The prospect of another attempt: 0 none, 1 after a change, 2 later.
    pub fn hope(&self) -> u8 {
        match (self.verdict, self.cause) {
            (RecipientStatus::Deferred, Cause::Protocol)
            | (RecipientStatus::Refused, Cause::Policy) => 1,
            (RecipientStatus::Deferred, _) => 2,
            _ => 0,
        }
    }

    /// Makes a refusal temporary if it concerns this host and not the message or its recipients, because it
    /// can be corrected: a wrong password, a wrong relay name, or a relay that does not accept this client.
    pub fn postpone(&mut self, by_relay: bool) {
        let is_ours = match self.cause {
            Cause::Policy => true,
            Cause::Domain => by_relay,
            _ => by_relay && self.stage.is_some_and(Stage::is_introduction),
        };
        if self.verdict == RecipientStatus::Refused && is_ours {
            self.verdict = RecipientStatus::Deferred;
        }
    }

    /// The initial result, before any attempt.
    pub fn not_attempted(recipient: &Address) -> Self {
        Self {
            recipient: recipient.clone(),
            verdict: RecipientStatus::Skipped,
            cause: Cause::Network,
            server: None,
            stage: None,
            reply: None,
            enhanced: None,
            sentence: Sentence::Whole(format!("<{recipient}> was not attempted")),
            hint: None,
        }
    }

    /// The reply or the error, without the leading recipient.
    pub fn words(&self) -> String {
        match &self.reply {
            Some(reply) if self.verdict == RecipientStatus::Accepted => reply.text(),
            Some(reply) => reply.whole(),
            None => with_hint(self.error(), self.hint),
        }
    }

    /// The error, without the leading recipient; empty when accepted.
    pub fn error(&self) -> &str {
        let (Sentence::About(text) | Sentence::Whole(text)) = &self.sentence;
        text
    }

    /// The error in a sentence that names the recipient; empty when accepted.
    pub fn sentence(&self) -> String {
        match &self.sentence {
            Sentence::About(text) => format!("<{}>: {text}", self.recipient),
            Sentence::Whole(text) => text.clone(),
        }
    }

    /// The queue ID from the server's reply; `None` if the reply has none that is recognized.
    pub fn queue_id(&self) -> Option<String> {
        let reply = self.reply.as_ref();
        let reply = reply.filter(|_| self.verdict == RecipientStatus::Accepted)?;
        queue_id(&reply.text()).map(str::to_owned)
    }

    /// The sentence with the hint; empty when accepted.
    pub fn explanation(&self) -> String {
        with_hint(&self.sentence(), self.hint)
    }

    /// The explanation for a message that is tried again without the user.
    pub fn lasting_reason(&self) -> String {
        with_hint(
            &self.sentence(),
            self.hint.filter(|hint| *hint != Hint::TryAgain),
        )
    }

    fn of(
        recipient: &Address,
        verdict: RecipientStatus,
        cause: Cause,
        sentence: impl Into<Sentence>,
    ) -> Self {
        Self {
            verdict,
            cause,
            sentence: sentence.into(),
            ..Self::not_attempted(recipient)
        }
    }

    /// The output cannot be written, or the program was interrupted.
    pub fn output_failed(recipient: &Address) -> Self {
        let sentence = Sentence::About("nothing was sent".to_owned());
        Self::of(recipient, RecipientStatus::Skipped, Cause::Output, sentence)
    }

    /// No route to the domain was found.
    pub fn unreachable(recipient: &Address, error: &RouteError) -> Self {
        let sentence = Sentence::About(error.to_string());
        let (verdict, cause) = if error.may_pass() {
            (RecipientStatus::Deferred, Cause::Network)
        } else if matches!(error, RouteError::Loop(_)) {
            (RecipientStatus::Refused, Cause::Server)
        } else {
            (RecipientStatus::Refused, Cause::Domain)
        };
        Self {
            hint: error.hint(),
            ..Self::of(recipient, verdict, cause, sentence)
        }
    }

    /// A TLS policy excludes a host.
    pub fn not_allowed(recipient: &Address, failure: &PolicyFailure) -> Self {
        let sentence = Sentence::About(failure.to_string());
        if failure.may_pass() {
            let (verdict, cause) = (RecipientStatus::Deferred, Cause::Network);
            return Self {
                enhanced: Some("4.7.5".to_owned()),
                hint: Some(failure.hint()),
                ..Self::of(recipient, verdict, cause, sentence)
            };
        }
        Self {
            enhanced: Some("5.7.5".to_owned()),
            ..Self::of(recipient, RecipientStatus::Refused, Cause::Policy, sentence)
        }
    }

    /// No connection could be established. The cause is the network, or the login at a proxy.
    pub fn connect_failed(
        recipient: &Address,
        server: ContactedServer,
        (cause, why): (Cause, &str),
    ) -> Self {
        let sentence = format!("cannot connect to {server} for <{recipient}>: {why}");
        let verdict = if cause == Cause::Policy {
            RecipientStatus::Refused
        } else {
            RecipientStatus::Deferred
        };
        Self {
            server: Some(server),
            ..Self::of(recipient, verdict, cause, sentence)
        }
    }

    /// Another delivery has just found the host down.
    pub fn host_down(recipient: &Address, host: &str, why: &str) -> Self {
        let sentence = Sentence::About(format!(
            "{host} was not tried, because it was down less than 5 minutes ago: {why}"
        ));
        Self::of(recipient, RecipientStatus::Deferred, Cause::Known, sentence)
    }

    /// The transport cannot be used: its profile or its password is missing.
    pub fn no_transport(recipient: &Address, why: &str) -> Self {
        let sentence = Sentence::About(why.to_owned());
        Self::of(
            recipient,
            RecipientStatus::Deferred,
            Cause::Network,
            sentence,
        )
    }

    /// The session ended with an answer for the recipient, or with an error.
    pub fn answered(
        recipient: &Address,
        server: &ContactedServer,
        answer: Option<&RecipientReply>,
        failure: Option<&SessionFailure>,
    ) -> Self {
        let result = match answer {
            Some(RecipientReply::Accepted(reply)) => Self::accepted(recipient, reply),
            Some(RecipientReply::Replied(step, reply)) => {
                Self::replied(recipient, server, *step, reply)
            }
            Some(RecipientReply::TooMany(reply)) => Self::too_many(recipient, server, reply),
            Some(RecipientReply::Withheld) => Self::withheld(recipient, server),
            Some(RecipientReply::Unsuitable(unsuitable)) => {
                Self::unsuitable(recipient, server, *unsuitable)
            }
            Some(RecipientReply::Unmet(unmet)) => {
                Self::ended(recipient, SessionEnd::unmet(server, unmet))
            }
            Some(RecipientReply::Uncertain) => Self::failed(recipient, server, failure, true),
            Some(RecipientReply::Stopped(stop)) => Self::stopped(recipient, *stop),
            None => Self::failed(recipient, server, failure, false),
        };
        Self {
            server: Some(server.clone()),
            ..result
        }
    }

    /// The session ended early, as requested.
    fn stopped(recipient: &Address, stop: EarlyStop) -> Self {
        let option = match stop.method {
            StopMethod::Quit => "--quit-after",
            StopMethod::Drop => "--drop-after",
            StopMethod::DropUnread => "--drop-after-send",
        };
        let point = stop.after.name();
        let sentence = Sentence::About(format!("stopped after {option} {point}"));
        Self::of(
            recipient,
            RecipientStatus::Skipped,
            Cause::Stopped,
            sentence,
        )
    }

    fn accepted(recipient: &Address, reply: &Reply) -> Self {
        Self {
            reply: Some(reply.clone()),
            enhanced: reply.enhanced().map(str::to_owned),
            ..Self::of(
                recipient,
                RecipientStatus::Accepted,
                Cause::Server,
                String::new(),
            )
        }
    }

    fn replied(recipient: &Address, server: &ContactedServer, step: Step, reply: &Reply) -> Self {
        if step == Step::Auth && reply.class() == Class::Permanent {
            return Self::ended(recipient, SessionEnd::replied(server, step, reply));
        }
        let words = format!("{} (in reply to {})", reply.whole(), step.words());
        let (verdict, hint, sentence) = if reply.class() == Class::Permanent {
            let sentence = format!("{server} refused <{recipient}>: {words}");
            (RecipientStatus::Refused, None, sentence)
        } else {
            let sentence = format!("{server} deferred <{recipient}>: {words}");
            (RecipientStatus::Deferred, Some(Hint::TryAgain), sentence)
        };
        Self {
            hint,
            stage: Some(step.stage()),
            reply: Some(reply.clone()),
            enhanced: reply.enhanced().map(str::to_owned),
            ..Self::of(recipient, verdict, Cause::Server, sentence)
        }
    }

    /// Uses the enhanced code of 452, because a report must not call the result permanent.
    fn too_many(recipient: &Address, server: &ContactedServer, reply: &Reply) -> Self {
        let words = reply.whole();
        let sentence = format!("{server} deferred <{recipient}>: {words} (in reply to RCPT TO)");
        Self {
            hint: Some(Hint::TryAgain),
            stage: Some(Stage::Rcpt),
            reply: Some(reply.clone()),
            enhanced: Some("4.5.3".to_owned()),
            ..Self::of(
                recipient,
                RecipientStatus::Deferred,
                Cause::Server,
                sentence,
            )
        }
    }

    fn withheld(recipient: &Address, server: &ContactedServer) -> Self {
        let why = format!("nothing was sent to {server}, because it refused another recipient");
        let sentence = Sentence::About(why);
        Self::of(recipient, RecipientStatus::Skipped, Cause::Server, sentence)
    }

    fn unsuitable(recipient: &Address, server: &ContactedServer, unsuitable: Unsuitable) -> Self {
        let enhanced = unsuitable.enhanced();
        let why = match unsuitable {
            Unsuitable::TooLarge { size, limit } => {
                format!("the message size of {size} bytes exceeds the server's limit of {limit}")
            }
            Unsuitable::NeedsUtf8 => {
                "an address or header field is not ASCII, and the server does not \
                                 offer SMTPUTF8"
                    .to_owned()
            }
            Unsuitable::NeedsEightBit => {
                "the message has 8-bit data in a part that must not be re-encoded (such as a signed part), \
                 and the server does not offer 8BITMIME"
                    .to_owned()
            }
        };
        let sentence =
            format!("{server} cannot accept the message for <{recipient}>: {why} ({enhanced})");
        Self {
            stage: Some(Stage::Mail),
            enhanced: Some(enhanced.to_owned()),
            ..Self::of(recipient, RecipientStatus::Refused, Cause::Server, sentence)
        }
    }

    /// The session ended without an answer for this recipient.
    fn ended(recipient: &Address, ending: SessionEnd) -> Self {
        let sentence = format!(
            "{}; <{recipient}> did not receive the message",
            ending.words
        );
        Self {
            hint: ending.hint,
            stage: ending.stage,
            enhanced: ending
                .reply
                .as_ref()
                .and_then(|reply| reply.enhanced().map(str::to_owned)),
            reply: ending.reply,
            ..Self::of(recipient, ending.verdict, ending.cause, sentence)
        }
    }

    /// The end of data was sent, and its reply was not awaited.
    fn unread(recipient: &Address) -> Self {
        let sentence = format!(
            "<{recipient}> may have received the message: its end was sent, but the reply was not read \
             (--drop-after-send dot)"
        );
        Self::of(
            recipient,
            RecipientStatus::Uncertain,
            Cause::Stopped,
            sentence,
        )
    }

    fn failed(
        recipient: &Address,
        server: &ContactedServer,
        failure: Option<&SessionFailure>,
        in_doubt: bool,
    ) -> Self {
        let Some(failure) = failure else {
            return if in_doubt {
                Self::unread(recipient)
            } else {
                Self::not_attempted(recipient)
            };
        };
        if let SessionFailure::Message(error) = failure {
            let sentence = Sentence::About(reason(error));
            return Self::of(
                recipient,
                RecipientStatus::Skipped,
                Cause::Message,
                sentence,
            );
        }
        if let SessionFailure::Ledger(error) = failure {
            let sentence = Sentence::About(format!(
                "cannot record that the message is about to be sent: {}; it was not sent",
                reason(error)
            ));
            return Self::of(
                recipient,
                RecipientStatus::Deferred,
                Cause::Network,
                sentence,
            );
        }
        let Some(ending) = SessionEnd::failed(server, failure) else {
            return Self::not_attempted(recipient);
        };
        if !in_doubt {
            return Self::ended(recipient, ending);
        }
        let sentence = format!(
            "{}; <{recipient}> may have received the message; if it is sent again, it may arrive twice",
            ending.words
        );
        Self {
            stage: ending.stage,
            ..Self::of(
                recipient,
                RecipientStatus::Uncertain,
                ending.cause,
                sentence,
            )
        }
    }
}

/// An error in a sentence without a full stop.
#[derive(Clone, Debug)]
pub(in crate::client) enum Sentence {
    /// It follows the recipient: `<ann@example.org>: ...`.
    About(String),
    /// The recipient is a part of it.
    Whole(String),
}

impl From<String> for Sentence {
    fn from(whole: String) -> Self {
        Self::Whole(whole)
    }
}

/// Results for all recipients.
#[derive(Clone, Debug)]
pub struct DeliveryReport {
    /// One for each recipient, in the order of the envelope.
    pub results: Vec<RecipientResult>,
}

impl DeliveryReport {
    /// The initial results, before any attempt.
    pub fn not_attempted(recipients: &[Address]) -> Self {
        Self {
            results: recipients
                .iter()
                .map(RecipientResult::not_attempted)
                .collect(),
        }
    }

    /// Indices of the recipients that another server may still accept: no attempt was made for them, the
    /// failure is temporary, the server did not meet a requirement for TLS or authentication, or it does not
    /// accept this client.
    pub fn open(&self) -> Vec<RecipientIndex> {
        let is_open = |result: &RecipientResult| match result.verdict {
            RecipientStatus::Deferred => true,
            RecipientStatus::Skipped => result.cause == Cause::Network,
            // Another server may meet the requirement. A rejected login is not tried there.
            RecipientStatus::Refused => match result.cause {
                Cause::Policy => result.reply.is_none(),
                Cause::Server => result.stage.is_some_and(Stage::is_introduction),
                _ => false,
            },
            _ => false,
        };
        let results = self.results.iter().enumerate();
        results
            .filter(|(_, result)| is_open(result))
            .map(|(index, _)| RecipientIndex(index))
            .collect()
    }

    /// Defers these recipients because the transport cannot be used.
    pub fn no_transport(&mut self, recipients: &[RecipientIndex], why: &str) {
        for &recipient in recipients {
            let result = &mut self.results[recipient];
            *result = RecipientResult::no_transport(&result.recipient, why);
        }
    }

    /// A person must log in before anything can be sent.
    pub fn no_login(&mut self, recipients: &[RecipientIndex], why: &str) {
        self.no_transport(recipients, why);
        for &recipient in recipients {
            self.results[recipient].enhanced = Some(LOGIN_REQUIRED.to_owned());
        }
    }

    /// Marks the recipients that may be accepted later as queued.
    pub fn keep(&mut self) {
        for result in &mut self.results {
            if matches!(
                result.verdict,
                RecipientStatus::Deferred | RecipientStatus::Skipped
            ) {
                result.verdict = RecipientStatus::Queued;
                result.hint.take_if(|hint| *hint == Hint::TryAgain);
            }
        }
    }

    pub fn exit(&self) -> Exit {
        let mut endings = Endings::default();
        endings.add(self);
        endings.exit()
    }
}

/// The different ends of deliveries, from which their combined exit status is made.
#[derive(Debug, Default)]
pub struct Endings(Vec<(RecipientStatus, Cause)>);

impl Endings {
    /// Adds the results of a message.
    pub fn add(&mut self, report: &DeliveryReport) {
        for result in &report.results {
            self.add_end(result.verdict, result.cause);
        }
    }

    /// Adds a message that was not sent.
    pub fn add_unsent(&mut self, cause: Cause) {
        self.add_end(RecipientStatus::Skipped, cause);
    }

    fn add_end(&mut self, verdict: RecipientStatus, cause: Cause) {
        if !self.0.contains(&(verdict, cause)) {
            self.0.push((verdict, cause));
        }
    }

    pub fn exit(&self) -> Exit {
        exit(&self.0)
    }
}

fn is_success(verdict: RecipientStatus, cause: Cause) -> bool {
    verdict.is_done() || verdict == RecipientStatus::Skipped && cause == Cause::Stopped
}

/// The exit status of one end alone.
pub fn exit_of(verdict: RecipientStatus, cause: Cause) -> Exit {
    exit(&[(verdict, cause)])
}

/// The combined exit status, by the table in ehlo(1). It is part of the result of a delivery, as transcripts
/// show it.
fn exit(ends: &[(RecipientStatus, Cause)]) -> Exit {
    let any = |wanted| ends.iter().any(|&(verdict, _)| verdict == wanted);
    let any_by = |wanted| ends.iter().any(|&(_, cause)| cause == wanted);
    let all_by = |wanted| ends.iter().all(|&(_, cause)| cause == wanted);
    let is_held = |verdict| {
        matches!(
            verdict,
            RecipientStatus::Deferred | RecipientStatus::Uncertain
        )
    };
    let held: Vec<Cause> = ends
        .iter()
        .filter(|&&(verdict, _)| is_held(verdict))
        .map(|&(_, cause)| cause)
        .collect();
    let by_protocol = !held.is_empty() && held.iter().all(|&cause| cause == Cause::Protocol);
    let is_success = |&(verdict, cause): &(RecipientStatus, Cause)| is_success(verdict, cause);
    if ends.iter().all(is_success) {
        Exit::Ok
    } else if ends.iter().any(is_success) {
        Exit::Partial
    } else if any_by(Cause::Output) {
        Exit::Io
    } else if any_by(Cause::Message) {
        Exit::NoInput
    } else if by_protocol {
        Exit::Protocol
    } else if any(RecipientStatus::Uncertain) {
        // EX_TEMPFAIL (75) would mean that a retry is safe.
        Exit::Partial
    } else if all_by(Cause::Policy) {
        Exit::Policy
    } else if !held.is_empty() || any(RecipientStatus::Skipped) {
        Exit::Temporary
    } else if all_by(Cause::Domain) {
        Exit::NoHost
    } else {
        Exit::Refused
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_set_of_verdicts_has_its_status() {
        use Cause::{Domain, Message, Network, Policy, Protocol, Server, Stopped};
        use RecipientStatus::{Accepted, Deferred, Queued, Refused, Skipped, Uncertain};
        for (results, code) in [
            (vec![(Accepted, Server), (Accepted, Server)], 0),
            (vec![(Accepted, Server), (Refused, Server)], 79),
            (vec![(Accepted, Server), (Queued, Network)], 0),
            (vec![(Queued, Network), (Refused, Server)], 79),
            (vec![(Accepted, Server), (Deferred, Network)], 79),
            (vec![(Refused, Server), (Refused, Server)], 69),
            (vec![(Refused, Domain), (Refused, Domain)], 68),
            (vec![(Refused, Domain), (Refused, Server)], 69),
            (vec![(Refused, Server), (Deferred, Server)], 75),
            (vec![(Deferred, Network)], 75),
            (vec![(Deferred, Protocol)], 76),
            (vec![(Deferred, Protocol), (Refused, Server)], 76),
            (vec![(Deferred, Protocol), (Deferred, Network)], 75),
            (vec![(Uncertain, Network)], 79),
            (vec![(Uncertain, Protocol)], 76),
            (vec![(Skipped, Stopped), (Accepted, Server)], 0),
            (vec![(Skipped, Stopped), (Refused, Server)], 79),
            (vec![(Uncertain, Stopped)], 79),
            (vec![(Skipped, Message)], 66),
            (vec![(Refused, Policy), (Refused, Policy)], 77),
            (vec![(Refused, Policy), (Deferred, Network)], 75),
            (vec![(Accepted, Server), (Refused, Policy)], 79),
        ] {
            assert_eq!(exit(&results).code(), code, "{results:?}");
        }
    }
}
