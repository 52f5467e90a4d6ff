//! What became of every recipient, and the exit status that they make together.

use crate::address::Address;
use crate::exit::Exit;
use crate::peer::Peer;
use crate::route::RouteError;
use crate::session::{Answer, Class, Failure, Reply, Stage, Unfit, Unmet};
use crate::wire::{TlsError, WireError};
use std::fmt;

/// How it ended for one recipient.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// A server took the message.
    Accepted,
    /// No, for good.
    Refused,
    /// No, for now.
    Deferred,
    /// The connection was lost between the end of data and its reply.
    Uncertain,
    /// Nobody was asked.
    Skipped,
}

impl Verdict {
    /// The word in JSON.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Accepted => "accepted",
            Self::Refused => "refused",
            Self::Deferred => "deferred",
            Self::Uncertain => "uncertain",
            Self::Skipped => "skipped",
        }
    }

    /// The word behind `recipient...`, as sendmail had it.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Accepted => "Sent",
            Self::Refused => "Refused",
            Self::Deferred => "Deferred",
            Self::Uncertain => "Uncertain",
            Self::Skipped => "Not sent",
        }
    }
}

/// What the verdict goes back to; decides the exit status among equal verdicts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cause {
    /// The server's words.
    Server,
    /// The domain does not exist or takes no mail.
    Domain,
    /// No connection, or none any more; no answer from the DNS.
    Network,
    /// The server broke the protocol.
    Protocol,
    /// A demand on encryption or authentication was not met.
    Policy,
    /// The message could not be read to its end.
    Message,
    /// Nobody would have seen what happens: the output cannot be written.
    Output,
}

/// A server that was asked: its name and its address.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Server {
    /// Its name, its address in brackets, or the path of its socket.
    pub host: String,
    /// Where it was reached.
    pub address: Peer,
}

impl fmt::Display for Server {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let host = &self.host;
        match &self.address {
            Peer::Tcp(address) => {
                let (ip, port) = (format!("[{}]", address.ip()), address.port());
                if *host == ip {
                    write!(f, "{ip}:{port}")
                } else {
                    write!(f, "{host} {ip}:{port}")
                }
            }
            path @ Peer::Unix(_) if *host == path.to_string() => f.write_str(host),
            path @ Peer::Unix(_) => write!(f, "{host} [{path}]"),
        }
    }
}

/// What became of one recipient.
#[derive(Clone, Debug)]
pub struct Fate {
    /// Who.
    pub recipient: Address,
    /// How it ended.
    pub verdict: Verdict,
    /// What that goes back to.
    pub cause: Cause,
    /// The last server that was asked.
    pub server: Option<Server>,
    /// The stage that decided.
    pub stage: Option<Stage>,
    /// The server's words.
    pub reply: Option<Reply>,
    /// The enhanced status code, the server's or the one that fits.
    pub enhanced: Option<String>,
    /// What happened, in a sentence that names the recipient; empty when accepted.
    pub sentence: String,
}

impl Fate {
    /// Before anything was tried.
    #[must_use]
    pub fn unasked(recipient: &Address) -> Self {
        Self {
            recipient: recipient.clone(),
            verdict: Verdict::Skipped,
            cause: Cause::Network,
            server: None,
            stage: None,
            reply: None,
            enhanced: None,
            sentence: format!("<{recipient}> was not tried"),
        }
    }

    /// The reply, or what happened, without the recipient where that goes without saying.
    #[must_use]
    pub fn words(&self) -> String {
        match &self.reply {
            Some(reply) if self.verdict == Verdict::Accepted => reply.text(),
            Some(reply) => reply.whole(),
            None => {
                let name = format!("<{}>: ", self.recipient);
                let sentence = self.sentence.as_str();
                sentence.strip_prefix(&name).unwrap_or(sentence).to_owned()
            }
        }
    }

    fn of(recipient: &Address, verdict: Verdict, cause: Cause, sentence: String) -> Self {
        Self {
            verdict,
            cause,
            sentence,
            ..Self::unasked(recipient)
        }
    }

    /// The output cannot be written, so nothing was begun.
    #[must_use]
    pub fn unseen(recipient: &Address) -> Self {
        let sentence = format!("<{recipient}>: nothing was sent");
        Self::of(recipient, Verdict::Skipped, Cause::Output, sentence)
    }

    /// There is no way to the domain.
    #[must_use]
    pub fn unreachable(recipient: &Address, error: &RouteError) -> Self {
        let sentence = format!("<{recipient}>: {error}");
        if error.may_pass() {
            Self::of(recipient, Verdict::Deferred, Cause::Network, sentence)
        } else if matches!(error, RouteError::Loop(_)) {
            Self::of(recipient, Verdict::Refused, Cause::Server, sentence)
        } else {
            Self::of(recipient, Verdict::Refused, Cause::Domain, sentence)
        }
    }

    /// No connection came about.
    #[must_use]
    pub fn unconnected(recipient: &Address, server: Server, why: &str) -> Self {
        let sentence = format!("cannot connect to {server} for <{recipient}>: {why}");
        Self {
            server: Some(server),
            ..Self::of(recipient, Verdict::Deferred, Cause::Network, sentence)
        }
    }

    /// The session ended with an answer, or with a failure in its place.
    #[must_use]
    pub fn answered(
        recipient: &Address,
        server: &Server,
        answer: Option<&Answer>,
        failure: Option<&Failure>,
    ) -> Self {
        let fate = match answer {
            Some(Answer::Accepted(reply)) => Self::accepted(recipient, reply),
            Some(Answer::Said(stage, reply)) => Self::said(recipient, server, *stage, reply),
            Some(Answer::Unfit(unfit)) => Self::unfit(recipient, server, *unfit),
            Some(Answer::Unmet(unmet)) => Self::unmet(recipient, server, unmet),
            Some(Answer::InDoubt) => Self::failed(recipient, server, failure, true),
            None => Self::failed(recipient, server, failure, false),
        };
        Self {
            server: Some(server.clone()),
            ..fate
        }
    }

    fn accepted(recipient: &Address, reply: &Reply) -> Self {
        Self {
            reply: Some(reply.clone()),
            enhanced: reply.enhanced().map(str::to_owned),
            ..Self::of(recipient, Verdict::Accepted, Cause::Server, String::new())
        }
    }

    fn said(recipient: &Address, server: &Server, stage: Stage, reply: &Reply) -> Self {
        let words = format!("{} (in reply to {})", reply.whole(), stage.words());
        let (verdict, sentence) = if stage == Stage::Auth && reply.class() == Class::ForGood {
            let words = reply.whole();
            return Self {
                stage: Some(stage),
                reply: Some(reply.clone()),
                enhanced: reply.enhanced().map(str::to_owned),
                ..Self::of(
                    recipient,
                    Verdict::Refused,
                    Cause::Policy,
                    format!(
                        "{server} refused the login: {words} (in reply to AUTH); <{recipient}> did not \
                         get the message"
                    ),
                )
            };
        } else if reply.class() == Class::ForGood {
            let sentence = format!("{server} refused <{recipient}>: {words}");
            (Verdict::Refused, sentence)
        } else {
            let sentence = format!("{server} deferred <{recipient}>: {words}; try again later");
            (Verdict::Deferred, sentence)
        };
        Self {
            stage: Some(stage),
            reply: Some(reply.clone()),
            enhanced: reply.enhanced().map(str::to_owned),
            ..Self::of(recipient, verdict, Cause::Server, sentence)
        }
    }

    fn unfit(recipient: &Address, server: &Server, unfit: Unfit) -> Self {
        let enhanced = unfit.enhanced();
        let why = match unfit {
            Unfit::TooLarge { size, limit } => {
                format!("the message has {size} octets, and the server's limit is {limit}")
            }
            Unfit::NeedsUtf8 => "an address or header field is not ASCII, and the server does not \
                                 offer SMTPUTF8"
                .to_owned(),
            Unfit::NeedsEightBit => "the message has octets above 127, and the server does not \
                                     offer 8BITMIME; encode it as quoted-printable or base64"
                .to_owned(),
        };
        let sentence = format!("{server} cannot take this for <{recipient}>: {why} ({enhanced})");
        Self {
            stage: Some(Stage::Mail),
            enhanced: Some(enhanced.to_owned()),
            ..Self::of(recipient, Verdict::Refused, Cause::Server, sentence)
        }
    }

    /// What we ask for is not there now; the server may be mended, or another may have it.
    fn unmet(recipient: &Address, server: &Server, unmet: &Unmet) -> Self {
        let what = match unmet {
            Unmet::NoStarttls => format!(
                "{server} does not offer STARTTLS, and nothing is to be sent without it (--tls)"
            ),
            Unmet::StarttlsRefused(reply) => {
                format!("{server} refused STARTTLS: {}", reply.whole())
            }
            Unmet::PasswordInClear => format!(
                "there is no encryption with {server}, so the password stays here; \
                 --allow-cleartext-password would send it in clear"
            ),
            Unmet::NoAuth => {
                format!("{server} does not offer AUTH, so nobody can log in; leave --user out")
            }
            Unmet::NoMechanism(offered) => format!(
                "{server} offers AUTH only as {offered}, and none of it fits what is at hand \
                 (--auth, --oauth-token-command)"
            ),
            Unmet::Auth(why) => format!("cannot log in at {server}: {why}"),
        };
        let sentence = format!("{what}; <{recipient}> did not get the message");
        Self {
            stage: Some(unmet.stage()),
            ..Self::of(recipient, Verdict::Deferred, Cause::Policy, sentence)
        }
    }

    fn without_tls(recipient: &Address, server: &Server, error: &TlsError) -> Self {
        let (cause, what, advice) = match error {
            TlsError::Certificate(why) => (
                Cause::Policy,
                format!("the certificate of {server} {why}"),
                "; --ca-file FILE trusts another CA, and -k (--insecure) any certificate",
            ),
            TlsError::Incompatible(why) => {
                (Cause::Policy, format!("no TLS with {server}: {why}"), "")
            }
            TlsError::Wire(WireError::Closed) => {
                let what = format!("{server} closed the connection during the TLS handshake");
                (Cause::Policy, what, "")
            }
            TlsError::Wire(error) => (
                Cause::Network,
                format!("the TLS handshake with {server} failed: {error}"),
                "",
            ),
        };
        let sentence = format!("{what}; <{recipient}> did not get the message{advice}");
        Self {
            stage: Some(Stage::Tls),
            ..Self::of(recipient, Verdict::Deferred, cause, sentence)
        }
    }

    fn failed(
        recipient: &Address,
        server: &Server,
        failure: Option<&Failure>,
        in_doubt: bool,
    ) -> Self {
        let verdict = if in_doubt {
            Verdict::Uncertain
        } else {
            Verdict::Deferred
        };
        let end = if in_doubt {
            format!("<{recipient}> may have got the message, and sent again it may arrive twice")
        } else {
            format!("<{recipient}> did not get the message; try again later")
        };
        match failure {
            Some(Failure::Wire(stage, error)) => {
                let sentence = format!("{}; {end}", lost(server, *stage, error));
                Self {
                    stage: Some(*stage),
                    ..Self::of(recipient, verdict, Cause::Network, sentence)
                }
            }
            Some(Failure::Protocol(stage, what)) => {
                let at = stage.words();
                let sentence = format!("{server} broke the protocol: {what} (at {at}); {end}");
                Self {
                    stage: Some(*stage),
                    ..Self::of(recipient, verdict, Cause::Protocol, sentence)
                }
            }
            Some(Failure::Tls(error)) => Self::without_tls(recipient, server, error),
            Some(Failure::Message(error)) => {
                let sentence = format!("<{recipient}>: {error}");
                Self::of(recipient, Verdict::Skipped, Cause::Message, sentence)
            }
            None => Self::unasked(recipient),
        }
    }
}

/// What happened to the connection, and when.
fn lost(server: &Server, stage: Stage, error: &WireError) -> String {
    let when = match stage {
        Stage::Banner => "waiting for the greeting of",
        _ => "talking to",
    };
    let at = match stage {
        Stage::Banner => String::new(),
        Stage::Body | Stage::Dot => format!(" while sending {}", stage.words()),
        _ => format!(" while sending {} or waiting for its reply", stage.words()),
    };
    match error {
        WireError::Closed => format!(
            "lost connection with {server}{}",
            match stage {
                Stage::Banner => " before its greeting",
                _ => &at,
            }
        ),
        other => format!("{when} {server}{at}: {other}"),
    }
}

/// What became of all of them.
#[derive(Clone, Debug)]
pub struct Report {
    /// One for each recipient, in the order of the envelope.
    pub fates: Vec<Fate>,
}

impl Report {
    /// Before anything was tried.
    #[must_use]
    pub fn unasked(recipients: &[Address]) -> Self {
        Self {
            fates: recipients.iter().map(Fate::unasked).collect(),
        }
    }

    /// Places of those whom another server may still take: nothing was tried for them, or it came to
    /// nothing for now.
    #[must_use]
    pub fn open(&self) -> Vec<usize> {
        let is_open = |fate: &Fate| match fate.verdict {
            Verdict::Deferred => true,
            Verdict::Skipped => fate.cause == Cause::Network,
            _ => false,
        };
        (0..self.fates.len())
            .filter(|&place| is_open(&self.fates[place]))
            .collect()
    }

    /// The exit status: the one table of cli.md.
    #[must_use]
    pub fn exit(&self) -> Exit {
        let fates = &self.fates;
        let any = |verdict| fates.iter().any(|fate| fate.verdict == verdict);
        let all_by = |cause| fates.iter().all(|fate| fate.cause == cause);
        let held: Vec<&Fate> = fates
            .iter()
            .filter(|fate| matches!(fate.verdict, Verdict::Deferred | Verdict::Uncertain))
            .collect();
        let by_policy = all_by(Cause::Policy);
        let by_protocol = !held.is_empty() && held.iter().all(|f| f.cause == Cause::Protocol);
        if fates.iter().all(|fate| fate.verdict == Verdict::Accepted) {
            Exit::Ok
        } else if any(Verdict::Accepted) {
            Exit::Partly
        } else if fates.iter().any(|fate| fate.cause == Cause::Output) {
            Exit::Io
        } else if fates.iter().any(|fate| fate.cause == Cause::Message) {
            Exit::NoInput
        } else if by_protocol {
            Exit::Protocol
        } else if by_policy {
            Exit::Policy
        } else if any(Verdict::Uncertain) {
            // 75 would say that trying again is safe.
            Exit::Partly
        } else if !held.is_empty() || any(Verdict::Skipped) {
            Exit::Temporary
        } else if all_by(Cause::Domain) {
            Exit::NoHost
        } else {
            Exit::Refused
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn exit(fates: &[(Verdict, Cause)]) -> u8 {
        let recipient = Address::parse("a@x.org").unwrap();
        let fates = fates
            .iter()
            .map(|&(verdict, cause)| Fate::of(&recipient, verdict, cause, String::new()))
            .collect();
        Report { fates }.exit().code()
    }

    #[test]
    fn every_set_of_verdicts_has_its_status() {
        use Cause::{Domain, Message, Network, Policy, Protocol, Server};
        use Verdict::{Accepted, Deferred, Refused, Skipped, Uncertain};
        for (fates, code) in [
            (vec![(Accepted, Server), (Accepted, Server)], 0),
            (vec![(Accepted, Server), (Refused, Server)], 79),
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
            (vec![(Skipped, Message)], 66),
            (vec![(Deferred, Policy), (Refused, Policy)], 77),
            (vec![(Deferred, Policy), (Deferred, Network)], 75),
            (vec![(Accepted, Server), (Deferred, Policy)], 79),
        ] {
            assert_eq!(exit(&fates), code, "{fates:?}");
        }
    }
}
