//! The end of a session that affects all recipients alike, before the message was sent.

use crate::client::outcome::{Cause, ContactedServer, RecipientStatus, exit_of};
use crate::client::peer::PeerAddress;
use crate::client::session::{RecipientReply, SessionFailure, SessionResult, Step, Unmet};
use crate::client::status::{Hint, with_hint};
use crate::client::wire::{TlsError, WireError};
use crate::smtp::reply::{Class, Reply};
use crate::smtp::stage::Stage;
use crate::system::exit::Exit;

/// The end of a session, and its consequence for all pending recipients.
#[derive(Clone, Debug)]
pub struct SessionEnd {
    pub verdict: RecipientStatus,
    pub cause: Cause,
    pub stage: Option<Stage>,
    /// The reply that ended the session, if there is one.
    pub reply: Option<Reply>,
    /// A sentence with the server's name.
    pub words: String,
    pub hint: Option<Hint>,
}

impl SessionEnd {
    /// The end of a session without recipients; `None` if it succeeded.
    pub fn of(server: &ContactedServer, ended: &SessionResult) -> Option<Self> {
        match (&ended.refusal, &ended.failure) {
            (Some(RecipientReply::Unmet(unmet)), _) => Some(Self::unmet(server, unmet)),
            (Some(RecipientReply::Replied(step, reply)), _) => {
                Some(Self::replied(server, *step, reply))
            }
            (_, Some(failure)) => Self::failed(server, failure),
            _ => None,
        }
    }

    /// The words with the hint.
    pub fn explanation(&self) -> String {
        with_hint(&self.words, self.hint)
    }

    /// The exit status for this end alone.
    pub fn exit(&self) -> Exit {
        exit_of(self.verdict, self.cause)
    }

    /// The server does not meet a requirement that applies before any message. A retry does not help, unless
    /// the reply was 4yz.
    pub(super) fn unmet(server: &ContactedServer, unmet: &Unmet) -> Self {
        let words = match unmet {
            Unmet::NoStarttls => format!("{server} does not offer STARTTLS, which --tls requires"),
            Unmet::StarttlsRefused(reply) => {
                format!("{server} refused STARTTLS: {}", reply.whole())
            }
            Unmet::PasswordInClear => format!(
                "the connection to {server} has no verified TLS, so the password was not sent (override \
                 with --allow-cleartext-password; for a command, give --tls-name)"
            ),
            Unmet::NoAuth => {
                format!(
                    "{server} does not offer AUTH, so a login is not possible; try port 587 or 465, or \
                         omit --user"
                )
            }
            Unmet::NoMechanism(offered) => format!(
                "no usable AUTH mechanism: {server} offers {offered}; check --auth, --oauth and \
                 --oauth-token-command"
            ),
            Unmet::Auth(why) => format!("cannot log in to {server}: {why}"),
            Unmet::Request(lack) => {
                format!("cannot use {}: {server} {}", lack.option, lack.why)
            }
        };
        let may_pass =
            matches!(unmet, Unmet::StarttlsRefused(reply) if reply.class() == Class::Transient);
        let (verdict, cause, hint) = if may_pass {
            (
                RecipientStatus::Deferred,
                Cause::Server,
                Some(Hint::TryAgain),
            )
        } else {
            (RecipientStatus::Refused, Cause::Policy, None)
        };
        Self {
            verdict,
            cause,
            stage: Some(unmet.step().stage()),
            reply: None,
            words,
            hint,
        }
    }

    /// The server refused the session as a whole.
    pub(super) fn replied(server: &ContactedServer, step: Step, reply: &Reply) -> Self {
        let is_for_good = reply.class() == Class::Permanent;
        let (what, hint) = match (step, is_for_good) {
            // Some servers send this to a client that they recognize by its address or certificate. It cannot
            // be a reply to a second login: a session has one AUTH that succeeds, and only 235 is success.
            (Step::Auth, true) if reply.code == 503 => {
                ("does not expect authentication", Some(Hint::NoLogin))
            }
            // Microsoft's, also for a valid token.
            (Step::Auth, true) if reply.enhanced() == Some("5.7.139") => {
                ("rejected the login", Some(Hint::SmtpLoginDisabled))
            }
            (Step::Auth, true) => ("rejected the login", None),
            (_, true) => ("permanently refused the session", None),
            _ => ("is temporarily unavailable", None),
        };
        let words = reply.whole();
        Self {
            verdict: if is_for_good {
                RecipientStatus::Refused
            } else {
                RecipientStatus::Deferred
            },
            cause: if is_for_good && step == Step::Auth {
                Cause::Policy
            } else {
                Cause::Server
            },
            stage: Some(step.stage()),
            reply: Some(reply.clone()),
            words: format!("{server} {what}: {words} (in reply to {})", step.words()),
            hint,
        }
    }

    /// `None` if neither the server nor the network failed.
    pub(super) fn failed(server: &ContactedServer, failure: &SessionFailure) -> Option<Self> {
        let (step, cause, words, hint) = match failure {
            SessionFailure::Message(_) | SessionFailure::Ledger(_) => return None,
            SessionFailure::Wire(step, WireError::Unwelcome(why)) => {
                let words = format!("no TLS with {server}: {why}");
                (*step, Cause::Policy, words, None)
            }
            SessionFailure::Wire(Step::Banner, error @ WireError::Timeout(_)) => {
                let words = lost(server, Step::Banner, error);
                let hint = Some(Hint::ImplicitTls);
                (Step::Banner, Cause::Network, words, hint)
            }
            SessionFailure::Wire(step, error) => {
                let words = lost(server, *step, error);
                (*step, Cause::Network, words, Some(Hint::TryAgain))
            }
            SessionFailure::Protocol(step, what) => {
                let words = format!(
                    "{server} violated the protocol: {what} (at {})",
                    step.words()
                );
                (*step, Cause::Protocol, words, Some(Hint::TryAgain))
            }
            SessionFailure::Tls(error) => {
                let (cause, words, hint) = without_tls(server, error);
                (Step::Tls, cause, words, hint)
            }
        };
        Some(Self {
            // A requirement that is not met now will not be met by a retry.
            verdict: if cause == Cause::Policy {
                RecipientStatus::Refused
            } else {
                RecipientStatus::Deferred
            },
            cause,
            stage: Some(step.stage()),
            reply: None,
            words,
            hint,
        })
    }
}

fn without_tls(server: &ContactedServer, error: &TlsError) -> (Cause, String, Option<Hint>) {
    match error {
        TlsError::Certificate { why, hint, .. } => {
            let words = format!("the certificate of {server} {why}");
            (Cause::Policy, words, *hint)
        }
        TlsError::Incompatible(why) => {
            let words = format!("no TLS with {server}: {why}");
            (Cause::Policy, words, None)
        }
        TlsError::Wire(WireError::Closed) => {
            let words = format!("{server} closed the connection during the TLS handshake");
            (Cause::Network, words, Some(Hint::TryAgain))
        }
        TlsError::Wire(error) => {
            let words = format!("the TLS handshake with {server} failed: {error}");
            (Cause::Network, words, Some(Hint::TryAgain))
        }
    }
}

/// The error of the connection, with the step.
fn lost(server: &ContactedServer, step: Step, error: &WireError) -> String {
    let when = match step {
        Step::Banner => "waiting for the greeting of",
        _ => "talking to",
    };
    let at = match step {
        Step::Banner => String::new(),
        Step::Body | Step::Dot => format!(" while sending {}", step.words()),
        _ => format!(" while sending {} or waiting for its reply", step.words()),
    };
    match error {
        // The command that acts as the server did not start.
        WireError::Io(why)
            if step == Step::Banner && matches!(server.address, PeerAddress::Pipe(_)) =>
        {
            format!("cannot connect to {server}: {why}")
        }
        WireError::Closed => format!(
            "lost connection with {server}{}",
            match step {
                Step::Banner => " before its greeting",
                _ => &at,
            }
        ),
        other => format!("{when} {server}{at}: {other}"),
    }
}
