//! The session of one connection, a function for each verb.

pub(crate) mod faults;

mod message;
mod opening;

use crate::server::command;
use crate::server::command::Command;
use crate::server::connection::{Connection, ReceivedLine, SessionEnding};
use crate::server::events::{ServerEvent, ServerObserver};
use crate::server::limiter::ConnectionLimiter;
use crate::server::offers::Offer;
use crate::server::options::{Introduction, ServerBehavior, SessionLimits};
use crate::server::reply;
use crate::server::reply::Refusal;
use crate::server::session::message::ReceivedTransaction;
use crate::server::store::MessageStore;
use crate::server::stream::{ByteStream, within};
use crate::smtp::extension::Extension;
use crate::smtp::stage::Stage;
use crate::system::text::reason;
use std::borrow::Cow;
use std::convert::Infallible;
use std::io;
use std::net::SocketAddr;

/// Maximum length of a line of AUTH, with its line end (RFC 4954 §4).
const MAX_AUTH_LINE: usize = 12_288 + 2;

/// The data shared by all sessions.
#[derive(Clone, Copy)]
pub struct ServerContext<'a> {
    pub introduction: Introduction<'a>,
    pub limits: &'a SessionLimits,
    pub behavior: &'a ServerBehavior,
    pub store: &'a dyn MessageStore,
    pub limiter: &'a ConnectionLimiter,
    pub observer: &'a dyn ServerObserver,
}

#[derive(Clone, Copy)]
pub struct Client {
    pub number: u64,
    /// `None`: a unix socket, or unknown.
    pub from: Option<SocketAddr>,
    /// User ID of the client process; `None`: not a unix socket, or unknown.
    pub uid: Option<u32>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CloseMode {
    /// After the client has read the last reply.
    Polite,
    Abrupt,
}

pub struct ServerSession<'a, P> {
    context: ServerContext<'a>,
    client: Client,
    connection: Connection<P>,
    /// The name given by the client; `None`: before EHLO, HELO or LHLO.
    helo: Option<String>,
    user: Option<String>,
    /// True if AUTH was sent. A line that is not a command may then be a password sent without an exchange.
    has_seen_auth: bool,
    transaction: Option<ReceivedTransaction<'a>>,
    /// True if the greeting was a refusal, so that only QUIT is accepted (RFC 5321 §3.1).
    is_refused: bool,
    errors: u32,
}

/// Runs one session over any byte stream, and returns when one side ends it.
/// `uid` is the user ID of the client process, if it is known.
pub fn serve_one(
    (mut peer, uid): (impl ByteStream, Option<u32>),
    introduction: Introduction<'_>,
    (limits, behavior): (&SessionLimits, &ServerBehavior),
    store: &dyn MessageStore,
) {
    let _permit = match store.admit(uid) {
        Ok(permit) => permit,
        Err(refusal) => {
            let line = format!("{}\r\n", refusal.reply());
            let _ = peer.send(line.as_bytes(), within(limits.idle));
            return;
        }
    };
    let limiter = ConnectionLimiter::new(None, 1, None);
    let context = ServerContext {
        introduction,
        limits,
        behavior,
        store,
        limiter: &limiter,
        observer: &(),
    };
    let client = Client {
        number: 1,
        from: None,
        uid,
    };
    ServerSession::new(context, peer, client).run();
}

/// True for the first line of an HTTP request.
fn is_http(line: &[u8]) -> bool {
    let methods: [&[u8]; 9] = [
        b"GET ",
        b"POST ",
        b"PUT ",
        b"HEAD ",
        b"DELETE ",
        b"OPTIONS ",
        b"PATCH ",
        b"CONNECT ",
        b"TRACE ",
    ];
    methods.iter().any(|method| line.starts_with(method))
}

type CommandResult = Result<(), SessionEnding>;

/// The reply, or the reason why none is sent.
type PendingReply = Result<Cow<'static, str>, SessionEnding>;

impl<'a, P: ByteStream> ServerSession<'a, P> {
    pub fn new(context: ServerContext<'a>, peer: P, client: Client) -> ServerSession<'a, P> {
        let limits = context.limits;
        let longest = match context.behavior.auth {
            Some(_) => limits.max_line_bytes.max(MAX_AUTH_LINE),
            None => limits.max_line_bytes,
        };
        ServerSession {
            context,
            client,
            connection: Connection::new(peer, longest, limits.idle),
            helo: None,
            user: None,
            has_seen_auth: false,
            transaction: None,
            is_refused: false,
            errors: 0,
        }
    }

    /// Runs the session until one side ends it.
    pub fn run(mut self) -> CloseMode {
        let Err(end) = self.run_commands();
        let end = self.reason(end);
        if let Some(words) = end.final_reply() {
            self.send_reply(words);
        }
        let close_mode = match end {
            SessionEnding::Reset => {
                let _ = self.connection.flush();
                self.connection.reset();
                CloseMode::Abrupt
            }
            SessionEnding::Dropped => {
                let _ = self.connection.flush();
                CloseMode::Abrupt
            }
            _ => {
                self.connection.end();
                CloseMode::Polite
            }
        };
        self.on_event(&ServerEvent::Closed {
            reason: end.reason(),
        });
        close_mode
    }

    // The input also ends when the server shuts down.
    fn reason(&self, end: SessionEnding) -> SessionEnding {
        match end {
            SessionEnding::PeerClosed if self.context.limiter.is_ending() => SessionEnding::Full,
            _ => end,
        }
    }

    fn run_commands(&mut self) -> Result<Infallible, SessionEnding> {
        self.check_open()?;
        self.open()?;
        loop {
            let offers = &self.context.behavior.offers;
            let command = match self.connection.line()? {
                ReceivedLine::Whole(line) => {
                    let command = command::parse(line, offers);
                    let is_unknown = matches!(&command, Err(refusal) if *refusal == reply::UNKNOWN);
                    // A page in a browser can make it send SMTP commands in the body of an HTTP request.
                    if is_unknown && is_http(line) {
                        return Err(SessionEnding::NotSmtp);
                    }
                    let shown = if is_unknown && self.has_seen_auth {
                        faults::MASK
                    } else {
                        faults::without_secret(line)
                    };
                    self.has_seen_auth |= faults::is_login(line);
                    let observer = self.context.observer;
                    observer.on_event(self.client.number, &ServerEvent::Command { line: shown });
                    command
                }
                ReceivedLine::TooLong => Err(reply::LINE_TOO_LONG),
            };
            match command {
                Ok(command) => self.execute(command)?,
                Err(refusal) => self.answer(refusal)?,
            }
        }
    }

    fn execute(&mut self, command: Command) -> CommandResult {
        if self.is_refused && command != Command::Quit {
            return self.answer(reply::NO_SERVICE);
        }
        match command {
            Command::Ehlo(name) => self.ehlo(name),
            Command::Helo(name) => self.helo(name),
            Command::Lhlo(name) => self.lhlo(name),
            Command::StartTls => self.start_tls(),
            Command::Auth(login) => self.auth(&login),
            Command::Xclient(attributes) => self.xclient(&attributes),
            Command::Mail(mail) => self.mail(mail),
            Command::Rcpt(rcpt) => self.rcpt(rcpt),
            Command::Data => self.data(),
            Command::Bdat(chunk) => self.bdat(chunk),
            Command::Rset => self.rset(),
            Command::Noop => self.step(Stage::Noop, |_| Ok(reply::OK.into())),
            Command::Vrfy => self.step(Stage::Vrfy, |_| Ok(reply::CANNOT_VERIFY.into())),
            Command::Help => self.answer(reply::HELP),
            Command::Quit => {
                self.step(Stage::Quit, |_| Ok(reply::BYE.into()))?;
                Err(SessionEnding::Quit)
            }
        }
    }

    /// Sends a regular reply, and counts errors of the client.
    fn answer(&mut self, reply: &str) -> CommandResult {
        if reply::counts_as_error(reply) {
            self.errors += 1;
        }
        if self.errors > self.context.limits.max_errors {
            return Err(SessionEnding::TooManyErrors);
        }
        self.send_reply(reply);
        Ok(())
    }

    fn send_reply(&mut self, reply: &str) {
        let has_enhanced = self
            .context
            .behavior
            .offers
            .has(Extension::EnhancedStatusCodes);
        let reply = if has_enhanced {
            Cow::Borrowed(reply)
        } else {
            Cow::Owned(reply::without_enhanced(reply))
        };
        self.on_event(&ServerEvent::Reply { text: &reply });
        self.connection.queue_reply(&reply);
    }

    fn on_event(&self, event: &ServerEvent<'_>) {
        self.context.observer.on_event(self.client.number, event);
    }

    fn report_failure(&self, error: Option<&io::Error>) {
        if let Some(error) = error {
            let why = &reason(error);
            self.on_event(&ServerEvent::Failed { why });
        }
    }

    fn check_open(&self) -> CommandResult {
        if self.context.limiter.is_ending() {
            return Err(SessionEnding::Full);
        }
        Ok(())
    }

    fn ehlo(&mut self, name: String) -> CommandResult {
        if self.context.behavior.lmtp {
            return self.answer(reply::LHLO_REQUIRED);
        }
        self.hello(name)
    }

    fn lhlo(&mut self, name: String) -> CommandResult {
        if !self.context.behavior.lmtp {
            return self.answer(reply::UNKNOWN);
        }
        self.hello(name)
    }

    fn hello(&mut self, name: String) -> CommandResult {
        self.step(Stage::Ehlo, |session| {
            session.set_helo(name);
            Ok(session.offers().into())
        })
    }

    fn helo(&mut self, name: String) -> CommandResult {
        if self.context.behavior.lmtp {
            return self.answer(reply::LHLO_REQUIRED);
        }
        self.step(Stage::Helo, |session| {
            session.set_helo(name);
            Ok(format!("250 {}", session.context.introduction.name).into())
        })
    }

    // RFC 5321 §4.1.4: a greeting also ends the transaction.
    fn set_helo(&mut self, name: String) {
        self.helo = Some(name);
        self.transaction = None;
    }

    /// The reply to EHLO.
    fn offers(&self) -> String {
        let name = self.context.introduction.name.to_owned();
        let offers = self.context.behavior.offers.iter();
        let offers = offers.filter_map(|offer| self.offer(offer));
        let lines: Vec<String> = std::iter::once(name).chain(offers).collect();
        let last = lines.len() - 1;
        let lines = lines.iter().enumerate().map(|(place, line)| {
            let mark = if place == last { ' ' } else { '-' };
            format!("250{mark}{line}")
        });
        lines.collect::<Vec<_>>().join("\r\n")
    }

    /// The text of an offer in the current state; `None`: not offered.
    fn offer(&self, offer: &Offer) -> Option<String> {
        let ServerContext {
            behavior, limits, ..
        } = self.context;
        let is_secured = self.connection.is_secured();
        match offer.extension() {
            Some(Extension::Size) if offer.size().is_none() => {
                Some(format!("SIZE {}", limits.max_message_bytes))
            }
            Some(Extension::Starttls) if is_secured || behavior.tls.is_none() => None,
            // RFC 8689 §2: only if the session is encrypted.
            Some(Extension::RequireTls) if !is_secured => None,
            Some(Extension::Auth) => self.mechanisms(),
            _ => Some(offer.to_string()),
        }
    }

    /// Checks that TLS and a login have preceded, if they are required.
    fn check_requirements(&self) -> Result<(), Refusal> {
        let behavior = self.context.behavior;
        if behavior.require_tls && !self.connection.is_secured() {
            return Err(reply::TLS_FIRST);
        }
        if behavior.require_auth && self.user.is_none() {
            return Err(reply::AUTH_FIRST);
        }
        Ok(())
    }

    fn rset(&mut self) -> CommandResult {
        self.step(Stage::Rset, |session| {
            session.transaction = None;
            Ok(reply::OK.into())
        })
    }
}

#[cfg(test)]
mod tests;
