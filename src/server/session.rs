//! The session of one connection, a function for each verb.

pub(crate) mod faults;

mod login;
mod message;
mod opening;

use crate::server::session::faults as mischief;
use crate::smtp::extension::Extension;
use crate::smtp::stage::Stage;
use std::borrow::Cow;
use std::convert::Infallible;
use std::io;
use std::net::SocketAddr;

use crate::server::command;
use crate::server::command::Command;
use crate::server::connection::{Channel, ReceivedLine, Transmission};
use crate::server::end::SessionEnding;
use crate::server::events::{ServerEvent, ServerObserver};
use crate::server::limiter::ConnectionLimiter;
use crate::server::offers::Offer;
use crate::server::reply;
use crate::server::reply::Refusal;
use crate::server::session::message::ReceivedTransaction;
use crate::server::{Introduction, Manner, MessageStore, SinkLimits};
use crate::system::text::reason;

/// Maximum length of a line of AUTH, with its line end (RFC 4954 §4).
const LONGEST_OF_AUTH: usize = 12_288 + 2;

/// The data shared by all sessions.
#[derive(Clone, Copy)]
pub struct ServerContext<'a> {
    pub introduction: Introduction<'a>,
    pub limits: &'a SinkLimits,
    pub manner: &'a Manner,
    pub store: &'a dyn MessageStore,
    pub gate: &'a ConnectionLimiter,
    pub witness: &'a dyn ServerObserver,
}

#[derive(Clone, Copy)]
pub struct Client {
    /// The number of the connection.
    pub number: u64,
    /// `None`: a unix socket, or unknown.
    pub from: Option<SocketAddr>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CloseMode {
    /// After the peer has read the last reply.
    Polite,
    Abrupt,
}

pub struct ServerSession<'a, P> {
    house: ServerContext<'a>,
    visitor: Client,
    channel: Channel<P>,
    /// The name given by the peer; `None`: before EHLO, HELO or LHLO.
    helo: Option<String>,
    /// The user that has logged in.
    user: Option<String>,
    /// True if AUTH was sent. A line that is not a command may then be a password sent without an exchange.
    has_seen_auth: bool,
    transaction: Option<ReceivedTransaction<'a>>,
    /// True if the greeting was a refusal, so that only QUIT is accepted (RFC 5321 §3.1).
    is_refused: bool,
    reproaches: u32,
}

type CommandResult = Result<(), SessionEnding>;

/// The reply, or the reason why none is sent.
type PendingReply = Result<Cow<'static, str>, SessionEnding>;

impl<'a, P: Transmission> ServerSession<'a, P> {
    pub fn new(house: ServerContext<'a>, peer: P, visitor: Client) -> ServerSession<'a, P> {
        let limits = house.limits;
        let longest = match house.manner.auth {
            Some(_) => limits.max_line_bytes.max(LONGEST_OF_AUTH),
            None => limits.max_line_bytes,
        };
        ServerSession {
            house,
            visitor,
            channel: Channel::new(peer, longest, limits.idle),
            helo: None,
            user: None,
            has_seen_auth: false,
            transaction: None,
            is_refused: false,
            reproaches: 0,
        }
    }

    /// Runs the session until one side ends it.
    pub fn converse(mut self) -> CloseMode {
        let Err(end) = self.talk();
        let end = self.reason(end);
        if let Some(words) = end.last_words() {
            self.say_aloud(words);
        }
        let parting = match end {
            SessionEnding::Reset => {
                let _ = self.channel.flush();
                self.channel.reset();
                CloseMode::Abrupt
            }
            SessionEnding::Dropped => {
                let _ = self.channel.flush();
                CloseMode::Abrupt
            }
            _ => {
                self.channel.end();
                CloseMode::Polite
            }
        };
        self.saw(&ServerEvent::Closed {
            reason: end.reason(),
        });
        parting
    }

    // The input also ends when the server shuts down.
    fn reason(&self, end: SessionEnding) -> SessionEnding {
        match end {
            SessionEnding::Gone if self.house.gate.is_over() => SessionEnding::Full,
            _ => end,
        }
    }

    fn talk(&mut self) -> Result<Infallible, SessionEnding> {
        self.check_gate()?;
        self.open()?;
        loop {
            let offers = &self.house.manner.offers;
            let command = match self.channel.line()? {
                ReceivedLine::Whole(line) => {
                    let command = command::parse(line, offers);
                    let is_unknown = matches!(&command, Err(refusal) if *refusal == reply::UNKNOWN);
                    let shown = if is_unknown && self.has_seen_auth {
                        mischief::STARS
                    } else {
                        mischief::without_secret(line)
                    };
                    self.has_seen_auth |= mischief::is_login(line);
                    let witness = self.house.witness;
                    witness.saw(self.visitor.number, &ServerEvent::Command { line: shown });
                    command
                }
                ReceivedLine::TooLong => Err(reply::LINE_TOO_LONG),
            };
            match command {
                Ok(command) => self.obey(command)?,
                Err(refusal) => self.answer(refusal)?,
            }
        }
    }

    fn obey(&mut self, command: Command) -> CommandResult {
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

    /// Sends a regular reply, and counts errors of the peer.
    fn answer(&mut self, reply: &str) -> CommandResult {
        if reply::is_reproach(reply) {
            self.reproaches += 1;
        }
        if self.reproaches > self.house.limits.max_reproaches {
            return Err(SessionEnding::Reproached);
        }
        self.say_aloud(reply);
        Ok(())
    }

    fn say_aloud(&mut self, reply: &str) {
        let has_enhanced = self.house.manner.offers.has(Extension::EnhancedStatusCodes);
        let reply = if has_enhanced {
            Cow::Borrowed(reply)
        } else {
            Cow::Owned(reply::without_enhanced(reply))
        };
        self.saw(&ServerEvent::Reply { text: &reply });
        self.channel.say(&reply);
    }

    fn saw(&self, seen: &ServerEvent<'_>) {
        self.house.witness.saw(self.visitor.number, seen);
    }

    fn has_trouble(&self, error: Option<&io::Error>) {
        if let Some(error) = error {
            let why = &reason(error);
            self.saw(&ServerEvent::Trouble { why });
        }
    }

    fn check_gate(&self) -> CommandResult {
        if self.house.gate.is_over() {
            return Err(SessionEnding::Full);
        }
        Ok(())
    }

    fn ehlo(&mut self, name: String) -> CommandResult {
        if self.house.manner.lmtp {
            return self.answer(reply::LHLO_HERE);
        }
        self.hello(name)
    }

    fn lhlo(&mut self, name: String) -> CommandResult {
        if !self.house.manner.lmtp {
            return self.answer(reply::UNKNOWN);
        }
        self.hello(name)
    }

    fn hello(&mut self, name: String) -> CommandResult {
        self.step(Stage::Ehlo, |session| {
            session.meet(name);
            Ok(session.offers().into())
        })
    }

    fn helo(&mut self, name: String) -> CommandResult {
        if self.house.manner.lmtp {
            return self.answer(reply::LHLO_HERE);
        }
        self.step(Stage::Helo, |session| {
            session.meet(name);
            Ok(format!("250 {}", session.house.introduction.name).into())
        })
    }

    // RFC 5321 §4.1.4: a greeting also ends the transaction.
    fn meet(&mut self, name: String) {
        self.helo = Some(name);
        self.transaction = None;
    }

    /// The reply to EHLO.
    fn offers(&self) -> String {
        let name = self.house.introduction.name.to_owned();
        let offers = self.house.manner.offers.iter();
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
        let ServerContext { manner, limits, .. } = self.house;
        let is_secured = self.channel.is_secured();
        match offer.extension() {
            Some(Extension::Size) if offer.size().is_none() => {
                Some(format!("SIZE {}", limits.max_message_bytes))
            }
            Some(Extension::Starttls) if is_secured || manner.tls.is_none() => None,
            // RFC 8689 §2: only if the session is encrypted.
            Some(Extension::RequireTls) if !is_secured => None,
            Some(Extension::Auth) => self.mechanisms(),
            _ => Some(offer.to_string()),
        }
    }

    /// Checks that TLS and a login have preceded, if they are required.
    fn check_demands(&self) -> Result<(), Refusal> {
        let manner = self.house.manner;
        if manner.require_tls && !self.channel.is_secured() {
            return Err(reply::TLS_FIRST);
        }
        if manner.require_auth && self.user.is_none() {
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
