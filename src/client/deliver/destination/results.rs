//! The results of recipients: of a session, or of a host that was not reached.

use crate::client::deliver::destination::host_state::shut;
use crate::client::deliver::destination::{CurrentHost, Delivery, SessionSettlement};
use crate::client::deliver::policies::under_policy;
use crate::client::deliver::pool::IdleConnection;
use crate::client::events::Event;
use crate::client::outcome;
use crate::client::outcome::{Cause, ContactedServer, RecipientResult, RecipientStatus};
use crate::client::policy::PolicyFailure;
use crate::client::route::{Host, RouteError};
use crate::client::session::{RecipientReply, SessionFailure, SessionResult};
use crate::client::tls_report;
use crate::mail::envelope::RecipientIndex;
use crate::smtp::reply::Class;

impl Delivery<'_, '_> {
    /// Records that a host is not used for these recipients.
    pub(super) fn not_allowed(
        &mut self,
        host: &Host,
        recipients: &[RecipientIndex],
        failure: &PolicyFailure,
    ) {
        self.observer.on_event(Event::Note(&failure.to_string()));
        tls_report::excluded(failure, || self.session_ends(host, recipients));
        for &recipient in recipients {
            let to = &self.outgoing.envelope.recipients[recipient];
            self.record(recipient, RecipientResult::not_allowed(to, failure));
        }
    }

    /// Records the results of a session, and keeps it open if it can carry another message. `carried` is the
    /// number of messages before this one.
    pub(super) fn settle(
        &mut self,
        current: &mut CurrentHost<'_>,
        server: ContactedServer,
        ended: SessionResult,
        pending: &[RecipientIndex],
        carried: u32,
    ) -> SessionSettlement {
        match shut(&ended) {
            _ if ended.interrupted => {}
            Some(why) => current.shut = Some(why),
            None => current.answered = true,
        }
        let failure = ended.failure.as_ref();
        let went_well = failure.is_none() && ended.refusal.is_none();
        let mut settled = SessionSettlement::default();
        let mut is_begun = false;
        for (answer, &recipient) in ended.answers.iter().zip(pending) {
            if answer.is_none() && went_well {
                settled.left.push(recipient);
                continue;
            }
            let to = &self.outgoing.envelope.recipients[recipient];
            if answer.is_none() && ended.interrupted {
                self.results[recipient] = RecipientResult::output_failed(to);
                continue;
            }
            let result = RecipientResult::answered(to, &server, answer.as_ref(), failure);
            let result = under_policy(result, &current.policy, answer.as_ref());
            is_begun |= matches!(
                result.verdict,
                RecipientStatus::Accepted | RecipientStatus::Uncertain
            );
            self.record(recipient, result);
            if may_try_another(answer.as_ref(), failure) {
                settled.open.push(recipient);
            }
        }
        // Once a recipient has the message, or may have it, no other host is tried for it in this run.
        let is_partial = settled.open.len() < pending.len();
        if is_begun || is_partial && self.transport.session.all_recipients {
            settled.open.clear();
        }
        self.keep(ended.rest.map(|session| IdleConnection {
            host: current.host.clone(),
            port: current.port,
            server,
            policy: current.policy.clone(),
            session,
            carried: carried + 1,
        }));
        settled
    }

    /// Records a result. A result that is about the host alone does not replace a better one: with one
    /// exchanger unreachable, another one that accepts no mail at all must not make the failure
    /// permanent (RFC 5321 §5.1).
    fn record(&mut self, recipient: RecipientIndex, result: RecipientResult) {
        let before = &mut self.results[recipient];
        if !(result.is_about_host() && before.hope() > result.hope()) {
            *before = result;
        }
    }

    /// Defers recipients because another delivery has just found the host down.
    pub(super) fn not_tried(&mut self, pending: &[RecipientIndex], host: &Host, why: &str) {
        let note = format!("skipping {host}: {why}");
        self.observer.on_event(Event::Note(&note));
        for &recipient in pending {
            let to = &self.outgoing.envelope.recipients[recipient];
            self.record(
                recipient,
                RecipientResult::host_down(to, &host.to_string(), why),
            );
        }
    }

    /// Skips a host without an address. A missing address counts only if no server was reached; a failed
    /// lookup counts if no other result is temporary.
    pub(super) fn no_address(
        &mut self,
        pending: &[RecipientIndex],
        error: &RouteError,
        tried: bool,
    ) {
        let note = format!("{error}");
        self.observer.on_event(Event::Note(&note));
        for &recipient in pending {
            let is_deferred = self.results[recipient].verdict == RecipientStatus::Deferred;
            if !is_deferred && (error.may_pass() || !tried) {
                let to = &self.outgoing.envelope.recipients[recipient];
                self.record(recipient, RecipientResult::unreachable(to, error));
            }
        }
    }

    pub(super) fn connect_failed(
        &mut self,
        pending: &[RecipientIndex],
        server: &ContactedServer,
        why: (Cause, &str),
    ) {
        for &recipient in pending {
            let to = &self.outgoing.envelope.recipients[recipient];
            self.record(
                recipient,
                RecipientResult::connect_failed(to, server.clone(), why),
            );
        }
    }

    pub(super) fn output_failed(&mut self, pending: &[RecipientIndex]) {
        for &recipient in pending {
            let to = &self.outgoing.envelope.recipients[recipient];
            self.results[recipient] = RecipientResult::output_failed(to);
        }
    }

    pub(super) fn names(&self, recipients: &[RecipientIndex]) -> Vec<String> {
        let all = &self.outgoing.envelope.recipients;
        recipients
            .iter()
            .map(|&recipient| all[recipient].to_string())
            .collect()
    }

    pub fn settled(&mut self, recipients: &[RecipientIndex]) {
        for &recipient in recipients {
            if self.outgoing.item.is_some() {
                self.results[recipient].postpone(self.transport.router.has_relay());
            }
            let result = &self.results[recipient];
            let words = result.words();
            let queue_id = match result.verdict {
                RecipientStatus::Accepted => outcome::queue_id(&words),
                _ => None,
            };
            self.observer.on_event(Event::Settled {
                recipient: &result.recipient.to_string(),
                status: result.verdict,
                words: &words,
                queue_id,
            });
        }
    }
}

/// True if the next host may give another result: this host was down, failed temporarily or refused the
/// session, but did not reject the sender, recipient or message permanently.
fn may_try_another(answer: Option<&RecipientReply>, failure: Option<&SessionFailure>) -> bool {
    match answer {
        // A fault of the message or the log concerns every host.
        None => !matches!(
            failure,
            Some(SessionFailure::Message(_) | SessionFailure::Ledger(_))
        ),
        Some(RecipientReply::Replied(stage, reply)) => {
            stage.stage().is_introduction() || reply.class() == Class::Transient
        }
        Some(RecipientReply::Unmet(_) | RecipientReply::TooMany(_)) => true,
        Some(
            RecipientReply::Accepted(_)
            | RecipientReply::Unsuitable(_)
            | RecipientReply::Withheld
            | RecipientReply::Uncertain
            | RecipientReply::Stopped(_),
        ) => false,
    }
}
