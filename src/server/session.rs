//! One connection's conversation, a function for each verb.

pub(crate) mod faults;

mod login;
mod message;
mod opening;

use crate::server::session::faults as mischief;
use std::borrow::Cow;
use std::convert::Infallible;
use std::io;
use std::net::SocketAddr;

use crate::server::command;
use crate::server::command::Command;
use crate::server::connection::{Channel, Line, Peer};
use crate::server::end::End;
use crate::server::events::{Seen, Witness};
use crate::server::limiter::Gate;
use crate::server::offers::{Keyword, Offer};
use crate::server::reply;
use crate::server::reply::Refusal;
use crate::server::session::message::Transaction;
use crate::server::stage::Stage;
use crate::server::{Introduction, Limits, Manner, Store};
use crate::system::text::reason;

/// The longest line of AUTH, with its line end (RFC 4954 §4).
const LONGEST_OF_AUTH: usize = 12_288 + 2;

/// What is the same for all conversations.
#[derive(Clone, Copy)]
pub struct House<'a> {
    pub introduction: Introduction<'a>,
    pub limits: &'a Limits,
    pub manner: &'a Manner,
    pub store: &'a dyn Store,
    pub gate: &'a Gate,
    pub witness: &'a dyn Witness,
}

/// Who has come.
#[derive(Clone, Copy)]
pub struct Visitor {
    /// Which connection it is.
    pub number: u64,
    /// Where from, if it can be said.
    pub from: Option<SocketAddr>,
}

/// How the connection is to be closed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Parting {
    /// When the peer has read our last words.
    Polite,
    /// At once.
    Abrupt,
}

/// A conversation.
pub struct Session<'a, P> {
    house: House<'a>,
    visitor: Visitor,
    channel: Channel<P>,
    /// What the peer called itself; `None` before EHLO, HELO or LHLO.
    helo: Option<String>,
    /// Who has logged in.
    user: Option<String>,
    /// AUTH was said, so that a line that is no command may be a password for an exchange that is none.
    has_seen_auth: bool,
    transaction: Option<Transaction<'a>>,
    /// The greeting was a refusal, and nothing but QUIT is obeyed (RFC 5321 §3.1).
    is_refused: bool,
    reproaches: u32,
}

type Turn = Result<(), End>;

/// What is said, or why nothing is.
type Due = Result<Cow<'static, str>, End>;

impl<'a, P: Peer> Session<'a, P> {
    pub fn new(house: House<'a>, peer: P, visitor: Visitor) -> Session<'a, P> {
        let limits = house.limits;
        let longest = match house.manner.auth {
            Some(_) => limits.max_line_bytes.max(LONGEST_OF_AUTH),
            None => limits.max_line_bytes,
        };
        Session {
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

    /// Talks until one side has had enough.
    pub fn converse(mut self) -> Parting {
        let Err(end) = self.talk();
        let end = self.reason(end);
        if let Some(words) = end.last_words() {
            self.say_aloud(words);
        }
        let parting = match end {
            End::Reset => {
                let _ = self.channel.flush();
                self.channel.reset();
                Parting::Abrupt
            }
            End::Dropped => {
                let _ = self.channel.flush();
                Parting::Abrupt
            }
            _ => {
                self.channel.end();
                Parting::Polite
            }
        };
        self.saw(&Seen::Closed {
            reason: end.reason(),
        });
        parting
    }

    // When everybody is sent home the input ends, too.
    fn reason(&self, end: End) -> End {
        match end {
            End::Gone if self.house.gate.is_over() => End::Full,
            _ => end,
        }
    }

    fn talk(&mut self) -> Result<Infallible, End> {
        self.check_gate()?;
        self.open()?;
        loop {
            let offers = &self.house.manner.offers;
            let command = match self.channel.line()? {
                Line::Whole(line) => {
                    let command = command::parse(line, offers);
                    let is_unknown = matches!(&command, Err(refusal) if *refusal == reply::UNKNOWN);
                    let shown = if is_unknown && self.has_seen_auth {
                        mischief::STARS
                    } else {
                        mischief::without_secret(line)
                    };
                    self.has_seen_auth |= mischief::is_login(line);
                    let witness = self.house.witness;
                    witness.saw(self.visitor.number, &Seen::Command { line: shown });
                    command
                }
                Line::TooLong => Err(reply::LINE_TOO_LONG),
            };
            match command {
                Ok(command) => self.obey(command)?,
                Err(refusal) => self.answer(refusal)?,
            }
        }
    }

    fn obey(&mut self, command: Command) -> Turn {
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
                Err(End::Quit)
            }
        }
    }

    /// Says a reply of ours.
    fn answer(&mut self, reply: &str) -> Turn {
        if reply::is_reproach(reply) {
            self.reproaches += 1;
        }
        if self.reproaches > self.house.limits.max_reproaches {
            return Err(End::Reproached);
        }
        self.say_aloud(reply);
        Ok(())
    }

    fn say_aloud(&mut self, reply: &str) {
        let has_enhanced = self.house.manner.offers.has(Keyword::EnhancedStatusCodes);
        let reply = if has_enhanced {
            Cow::Borrowed(reply)
        } else {
            Cow::Owned(reply::without_enhanced(reply))
        };
        self.saw(&Seen::Reply { text: &reply });
        self.channel.say(&reply);
    }

    fn saw(&self, seen: &Seen<'_>) {
        self.house.witness.saw(self.visitor.number, seen);
    }

    fn has_trouble(&self, error: Option<&io::Error>) {
        if let Some(error) = error {
            let why = &reason(error);
            self.saw(&Seen::Trouble { why });
        }
    }

    fn check_gate(&self) -> Turn {
        if self.house.gate.is_over() {
            return Err(End::Full);
        }
        Ok(())
    }

    fn ehlo(&mut self, name: String) -> Turn {
        if self.house.manner.lmtp {
            return self.answer(reply::LHLO_HERE);
        }
        self.hello(name)
    }

    fn lhlo(&mut self, name: String) -> Turn {
        if !self.house.manner.lmtp {
            return self.answer(reply::UNKNOWN);
        }
        self.hello(name)
    }

    fn hello(&mut self, name: String) -> Turn {
        self.step(Stage::Ehlo, |session| {
            session.meet(name);
            Ok(session.offers().into())
        })
    }

    fn helo(&mut self, name: String) -> Turn {
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

    /// What an offer says here and now.
    fn offer(&self, offer: &Offer) -> Option<String> {
        let House { manner, limits, .. } = self.house;
        let is_secured = self.channel.is_secured();
        match offer.keyword() {
            Some(Keyword::Size) if offer.size().is_none() => {
                Some(format!("SIZE {}", limits.max_message_bytes))
            }
            Some(Keyword::StartTls) if is_secured || manner.tls.is_none() => None,
            // RFC 8689 §2: only where the session is encrypted.
            Some(Keyword::RequireTls) if !is_secured => None,
            Some(Keyword::Auth) => self.mechanisms(),
            _ => Some(offer.to_string()),
        }
    }

    /// What must come first, if it has not.
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

    fn rset(&mut self) -> Turn {
        self.step(Stage::Rset, |session| {
            session.transaction = None;
            Ok(reply::OK.into())
        })
    }
}

#[cfg(test)]
mod tests;
