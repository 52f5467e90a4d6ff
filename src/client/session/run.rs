//! The one loop that drives a dialogue over a wire. All data sent and received passes here, above TLS and
//! below the dialogue, so that all of it is observed.

pub(crate) mod send;

mod reply;
mod transfer;

pub use transfer::{Carried, WRITE_SIZE};

use crate::client::events as observer;
use crate::client::events::{ConnectionClose, Event, Interests, Observer};
use crate::client::session::Step;
use crate::client::session::TransactionIndex;
use crate::client::session::auth::Mask;
use crate::client::session::run::reply::excerpt;
use crate::client::session::{
    Action, Dialogue, RecipientReply, ServerState, SessionContext, SessionFailure, SessionResult,
    TlsDemand, Transaction, Unmet, WireEvent,
};
use crate::client::wire::tls::TlsServer;
use crate::client::wire::{Early, TlsError, TlsResult, Wire, WireError};
use crate::smtp::blocks::Nothing;
use crate::smtp::reply::Reply;
use crate::smtp::stage::Stage;
use crate::system::stop::Registered;
use std::net::IpAddr;
use std::time::Duration;

/// Runs one session over a wire and returns the result for every recipient. The wire is closed afterwards,
/// unless the session is to become idle and can.
pub fn run(
    wire: Wire,
    transaction: &Transaction<'_>,
    context: &SessionContext<'_>,
    observer: &mut dyn Observer,
) -> SessionResult {
    let options = context.options;
    let helo = options.helo.clone().unwrap_or_else(|| own_name(&wire));
    let dialogue = Dialogue::new(transaction, helo, options.clone(), context.login);
    let mask = Mask::of(context.login);
    SessionLoop::new((wire, mask), dialogue, (transaction, context), observer)
        .hold(WireEvent::Started)
}

/// Runs another transaction in an idle session.
pub fn resume(
    rest: IdleSession,
    transaction: &Transaction<'_>,
    context: &SessionContext<'_>,
    observer: &mut dyn Observer,
) -> SessionResult {
    let dialogue = Dialogue::resumed(transaction, rest.server);
    let ends = (rest.wire, rest.mask);
    SessionLoop::new(ends, dialogue, (transaction, context), observer).hold(WireEvent::Resumed)
}

/// A session between two transactions.
pub struct IdleSession {
    pub(crate) wire: Wire,
    pub(crate) mask: Mask,
    pub(crate) server: ServerState,
}

impl std::fmt::Debug for IdleSession {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Rest").finish_non_exhaustive()
    }
}

impl IdleSession {
    pub fn quit(self, context: &SessionContext<'_>, observer: &mut dyn Observer) {
        resume(
            self,
            &Transaction::new(None, Vec::new(), &Nothing),
            context,
            observer,
        );
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Opening {
    Over,
    Resting,
}

/// Masks secrets that the server has repeated in its reply.
fn masked(answer: RecipientReply, mask: &Mask) -> RecipientReply {
    match answer {
        RecipientReply::Accepted(reply) => RecipientReply::Accepted(mask.reply(reply)),
        RecipientReply::Replied(step, reply) => RecipientReply::Replied(step, mask.reply(reply)),
        RecipientReply::TooMany(reply) => RecipientReply::TooMany(mask.reply(reply)),
        RecipientReply::Unmet(Unmet::StarttlsRefused(reply)) => {
            RecipientReply::Unmet(Unmet::StarttlsRefused(mask.reply(reply)))
        }
        RecipientReply::Unmet(Unmet::NoMechanism(offered)) => {
            RecipientReply::Unmet(Unmet::NoMechanism(mask.apply(offered)))
        }
        RecipientReply::Unmet(Unmet::Auth(why)) => {
            RecipientReply::Unmet(Unmet::Auth(mask.apply(why)))
        }
        other => other,
    }
}

fn masked_failure(failure: SessionFailure, mask: &Mask) -> SessionFailure {
    match failure {
        SessionFailure::Protocol(step, what) => SessionFailure::Protocol(step, mask.apply(what)),
        other => other,
    }
}

/// RFC 5321 §4.1.4: the qualified name of this host, else the local address of the connection.
pub fn own_name(wire: &Wire) -> String {
    crate::system::host::fqdn().unwrap_or_else(|| match wire.local_ip() {
        Some(IpAddr::V6(ip)) => format!("[IPv6:{ip}]"),
        Some(IpAddr::V4(ip)) => format!("[{ip}]"),
        None => "localhost".to_owned(),
    })
}

struct SessionLoop<'a, 'w> {
    wire: Wire,
    transaction: &'a Transaction<'a>,
    context: &'a SessionContext<'a>,
    dialogue: Dialogue<'a>,
    /// Secrets to hide, even in the server's replies.
    mask: Mask,
    observer: &'w mut dyn Observer,
    /// Optional events that the observer requested.
    interests: Interests,
    /// True if the outbox contains a secret that must be wiped.
    holds_secret: bool,
    /// Interrupts the session, except while the result is uncertain.
    stop: Option<Registered>,
    /// True if an end of data was sent and its reply is outstanding.
    in_doubt: bool,
    /// Chunks in the outbox.
    gathered: u32,
    /// Chunks that were sent and have no reply yet.
    owed: u32,
    /// Code of the reply to QUIT.
    quit_code: Option<u16>,
    /// Recipients of the end of data, as logged.
    ending: Vec<TransactionIndex>,
    /// The reply to it, until it is logged.
    end_reply: Option<Reply>,
    /// Offset in the outbox of the end of a message.
    end_at: Option<usize>,
    /// True after a TLS handshake.
    is_encrypted: bool,
    /// True as long as this transaction has only used commands that were sent with the end of the one before.
    is_untouched: bool,
}

/// Reports a TLS handshake.
pub fn tell(secured: &TlsResult, observer: &mut dyn Observer) {
    if std::env::var_os("SSLKEYLOGFILE").is_some() {
        let note = "the session keys are written to SSLKEYLOGFILE; anyone who has them can decrypt the session";
        observer.on_event(Event::Note(note));
    }
    if let Some(why) = &secured.unsaved {
        let note = format!("--save-certs: cannot write the certificates: {why}");
        observer.on_event(Event::Note(&note));
    }
    observer.on_event(Event::Secured(observer::TlsSummary {
        version: secured.version,
        cipher: secured.cipher,
        group: secured.group,
        resumed: secured.resumed,
        name: &secured.name,
        verified: secured.judgement.is_good(),
        judgement: &secured.judgement.words(),
        policy: secured.policy,
        chain: &secured.chain,
        own: secured.own.as_deref(),
    }));
}

impl<'a, 'w> SessionLoop<'a, 'w> {
    fn new(
        (mut wire, mask): (Wire, Mask),
        dialogue: Dialogue<'a>,
        (transaction, context): (&'a Transaction<'a>, &'a SessionContext<'a>),
        observer: &'w mut dyn Observer,
    ) -> Self {
        Self {
            transaction,
            context,
            dialogue,
            mask,
            interests: observer.interests(),
            stop: observer
                .stop()
                .and_then(|stop| Some(stop.register(wire.duplicate()?))),
            wire,
            observer,
            holds_secret: false,
            in_doubt: false,
            gathered: 0,
            owed: 0,
            quit_code: None,
            ending: Vec::new(),
            end_reply: None,
            end_at: None,
            is_encrypted: false,
            is_untouched: false,
        }
    }
}

impl SessionLoop<'_, '_> {
    /// Runs the session from the first event until it ends or becomes idle.
    fn hold(mut self, first: WireEvent) -> SessionResult {
        let (failure, rests) = match self.converse(first) {
            Ok(Opening::Resting) => (None, true),
            Ok(Opening::Over) => (None, false),
            Err(failure) => (Some(failure), false),
        };
        if failure.is_some() && self.in_doubt {
            self.dialogue.mark_uncertain();
        }
        let is_stopped = self.stop.take().is_some_and(|stop| stop.is_closed());
        let interrupted = is_stopped && failure.is_some() && !self.in_doubt;
        if !rests {
            self.send_end_of_data(failure.as_ref().filter(|_| !interrupted));
        }
        let mask = self.mask;
        let masked = |answer: RecipientReply| masked(answer, &mask);
        let refusal = self.dialogue.refusal().cloned().map(masked);
        let server = rests.then(|| self.dialogue.take_server_state());
        let replies = self.dialogue.take_replies().into_iter();
        let replies = replies.map(|reply| mask.reply(reply)).collect();
        let answers = self.dialogue.into_answers().into_iter();
        SessionResult {
            answers: answers.map(|answer| answer.map(masked)).collect(),
            failure: failure.map(|failure| masked_failure(failure, &mask)),
            interrupted,
            refusal,
            replies,
            rest: server.map(|server| IdleSession {
                wire: self.wire,
                mask,
                server,
            }),
            is_encrypted: self.is_encrypted,
        }
    }

    fn converse(&mut self, first: WireEvent) -> Result<Opening, SessionFailure> {
        let testing = &self.context.options.testing;
        let ends_before = testing.stop.is_some_and(|stop| stop.after < Stage::Proxy);
        if let (WireEvent::Started, Some(proxy), false) = (&first, testing.proxy, ends_before) {
            self.send_proxy_header(&proxy)?;
        }
        let mut event = first;
        loop {
            let action = self.dialogue.step(event);
            self.in_doubt &= self.dialogue.awaits_end();
            self.write_down();
            if let Some(stop) = &mut self.stop
                && !self.in_doubt
            {
                stop.resume();
            }
            event = match action {
                Action::Read => WireEvent::Replied(self.reply()?),
                Action::Send(items) if self.dialogue.is_quitting() => {
                    return self.farewell(&items).map(|()| Opening::Over);
                }
                Action::Send(items) => self.send_items(&items)?,
                Action::Sent(items) => {
                    self.is_untouched = true;
                    self.report_sent(&items);
                    WireEvent::Replied(self.reply()?)
                }
                Action::Secure => self.secure()?,
                Action::Rest => return self.rest(),
                Action::Finish => return self.check_the_end().map(|()| Opening::Over),
                Action::Drop => {
                    // The last message of a TLS handshake may be unsent.
                    let _ = self.wire.flush(self.limit(Step::Tls));
                    self.observer
                        .on_event(Event::Parting(ConnectionClose::Dropped));
                    return Ok(Opening::Over);
                }
                Action::SendAndDrop(items) => return self.send_and_drop(&items),
                Action::QuitOutOfSequence => {
                    self.quit_out_of_sequence();
                    return Ok(Opening::Over);
                }
                Action::Abort(step, what) => return Err(SessionFailure::Protocol(step, what)),
            };
        }
    }

    /// A session is not kept if the server sent unsolicited data or closed the connection.
    fn rest(&mut self) -> Result<Opening, SessionFailure> {
        match self.wire.early() {
            Early::Quiet => Ok(Opening::Resting),
            Early::Closed | Early::Broken(_) => Ok(Opening::Over),
            // Replies to the commands of the next transaction.
            Early::Bytes(_) if self.dialogue.is_ahead() => Ok(Opening::Resting),
            Early::Bytes(bytes) if bytes.starts_with(b"421") => Ok(Opening::Over),
            Early::Bytes(bytes) => {
                let words = excerpt(&self.mask, bytes);
                Err(self.out_of_step(&words))
            }
        }
    }

    /// Logs the reply to the end of data before anything else is sent.
    fn write_down(&mut self) {
        let Some((reply, log)) = self.end_reply.take().zip(self.transaction.log) else {
            return;
        };
        let all = std::mem::take(&mut self.ending).into_iter();
        let (accepted, others): (Vec<TransactionIndex>, Vec<TransactionIndex>) =
            all.partition(|&recipient| self.dialogue.is_accepted(recipient));
        if !accepted.is_empty() {
            log.taken(&accepted, &self.mask.reply(reply));
        }
        // If each recipient has its own reply, the replies for the others are still outstanding.
        if self.in_doubt {
            self.ending = others;
        }
    }

    /// Runs the TLS handshake. Data that arrived in clear after the reply to STARTTLS was injected by an
    /// attacker (CVE-2011-0411).
    fn secure(&mut self) -> Result<WireEvent, SessionFailure> {
        if self.context.options.tls != TlsDemand::Implicit {
            match self.wire.early() {
                Early::Quiet => {}
                Early::Closed => {
                    return Err(SessionFailure::Tls(TlsError::Wire(WireError::Closed)));
                }
                Early::Broken(error) => return Err(SessionFailure::Tls(TlsError::Wire(error))),
                Early::Bytes(bytes) => {
                    let words = excerpt(&self.mask, bytes);
                    let what = format!("sent \"{words}\" in plaintext after its reply to STARTTLS");
                    return Err(SessionFailure::Protocol(Step::Tls, what));
                }
            }
        }
        let limit = self.limit(Step::Tls);
        let server = TlsServer {
            tls: self.context.tls,
            host: self.context.host,
            check: self.context.check,
        };
        let secured = self.wire.secure(server, limit);
        let secured = match secured {
            Ok(secured) => secured,
            Err(error) => {
                if let TlsError::Certificate { why, chain, .. } = &error {
                    self.observer.on_event(Event::Distrusted {
                        name: server.name(),
                        why,
                        chain,
                    });
                }
                return Err(SessionFailure::Tls(error));
            }
        };
        self.is_encrypted = true;
        tell(&secured, self.observer);
        Ok(WireEvent::Secured(self.context.privacy(secured)))
    }

    fn limit(&self, step: Step) -> Duration {
        let options = self.context.options;
        let own = step.timeout();
        let own = match options.patience {
            Some(patience) if !step.ends_message() => own.min(patience),
            _ => own,
        };
        let limit = match options.timeout {
            Some(timeout) if step == Step::Quit => timeout.min(own),
            Some(timeout) => timeout,
            None => own,
        };
        match options.testing.greeting_limit {
            Some(greeting) if step == Step::Banner => limit.min(greeting),
            _ => limit,
        }
    }
}
