//! Connections on which a TLS handshake may begin: each is used for one `ClientHello`.

use crate::client::events::Silent;
use crate::client::peer::PeerAddress;
use crate::client::session::{Protocol, TlsDemand, own_name};
use crate::client::wire;
use crate::client::wire::{ConnectFailure, Deadline, Early, Terms, Wire, WireError};
use crate::probe::scan::answer::{Answer, AnswerReader, Extent};
use crate::probe::scan::hello::Hello;
use crate::smtp::reply::{Class, Reply, ReplyReader};
use std::collections::VecDeque;
use std::time::Duration;

/// The server that is scanned, and how TLS begins there.
#[derive(Clone, Copy)]
pub struct Target<'t> {
    pub peer: &'t PeerAddress,
    /// The name for SNI.
    pub name: &'t str,
    pub terms: Terms<'t>,
    pub protocol: Protocol,
    pub tls: TlsDemand,
    /// The name for EHLO. `None`: the name of this host.
    pub helo: Option<&'t str>,
    /// Time limit of each step.
    pub limit: Duration,
}

/// Reason for which TLS cannot begin.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum OpenError {
    /// No connection, or the server accepts no more for the moment.
    Busy(String),
    /// The server does not offer STARTTLS, or refuses it.
    NoTls(String),
}

impl OpenError {
    pub fn why(&self) -> &str {
        match self {
            Self::Busy(why) | Self::NoTls(why) => why,
        }
    }
}

impl Target<'_> {
    /// A connection, after the reply to STARTTLS.
    pub fn open(&self) -> Result<Wire, OpenError> {
        let connected = wire::connect(
            self.peer.clone(),
            &mut VecDeque::new(),
            self.terms,
            &mut Silent,
        );
        let mut wire = match connected {
            Ok(connection) => connection.wire,
            Err(ConnectFailure::Failed { why, .. }) => return Err(OpenError::Busy(why)),
            Err(ConnectFailure::OutputFailed) => {
                return Err(OpenError::Busy("interrupted".to_owned()));
            }
        };
        if self.tls != TlsDemand::Implicit {
            self.start_tls(&mut wire)?;
        }
        Ok(wire)
    }

    fn start_tls(&self, wire: &mut Wire) -> Result<(), OpenError> {
        let greeting = self.reply(wire)?;
        expect(&greeting, "the connection")?;
        let helo = self.helo.map_or_else(|| own_name(wire), str::to_owned);
        let verb = match self.protocol {
            Protocol::Smtp => "EHLO",
            Protocol::Lmtp => "LHLO",
        };
        let offers = self.command(wire, &format!("{verb} {helo}"))?;
        expect(&offers, verb)?;
        let is_offered = offers
            .lines
            .iter()
            .skip(1)
            .any(|line| line.trim().eq_ignore_ascii_case("STARTTLS"));
        if !is_offered {
            return Err(OpenError::NoTls("STARTTLS is not offered".to_owned()));
        }
        expect(&self.command(wire, "STARTTLS")?, "STARTTLS")?;
        // RFC 3207 §4.2, CVE-2011-0411.
        match wire.early() {
            Early::Quiet => Ok(()),
            Early::Bytes(_) => Err(OpenError::NoTls(WireError::Injected.to_string())),
            Early::Closed => Err(OpenError::Busy(WireError::Closed.to_string())),
            Early::Broken(error) => Err(OpenError::Busy(error.to_string())),
        }
    }

    fn command(&self, wire: &mut Wire, line: &str) -> Result<Reply, OpenError> {
        wire.outbox.extend_from_slice(line.as_bytes());
        wire.outbox.extend_from_slice(b"\r\n");
        wire.flush(self.limit)
            .map_err(|error| OpenError::Busy(error.to_string()))?;
        self.reply(wire)
    }

    fn reply(&self, wire: &mut Wire) -> Result<Reply, OpenError> {
        let deadline = Deadline::after(self.limit);
        let mut reader = ReplyReader::default();
        loop {
            let line = wire
                .line(deadline)
                .map_err(|error| OpenError::Busy(error.to_string()))?;
            let reply = reader
                .add(line)
                .map_err(|error| OpenError::NoTls(error.to_string()))?;
            if let Some(reply) = reply {
                return Ok(reply);
            }
        }
    }

    /// Sends a `ClientHello` and reads the answer. The connection is closed afterwards.
    pub fn ask(&self, mut wire: Wire, hello: &Hello, extent: Extent) -> Answer {
        let deadline = Deadline::after(self.limit);
        let encoded = hello.encode(self.name);
        wire.outbox = encoded.record();
        // The server may have answered and closed the connection before all was written.
        let _ = wire.flush(self.limit);
        let mut reader = AnswerReader::new(encoded, extent);
        loop {
            let mut octets = Vec::new();
            match wire.receive(&mut octets, deadline) {
                Ok(true) => {
                    if let Some(answer) = reader.add(&octets) {
                        return answer;
                    }
                }
                Ok(false) | Err(WireError::Closed) => return reader.end(),
                Err(error @ WireError::Timeout(_)) => return Answer::Silent(error.to_string()),
                Err(error) => return Answer::Unknown(error.to_string()),
            }
        }
    }
}

fn expect(reply: &Reply, what: &str) -> Result<(), OpenError> {
    let words = || format!("{what} was refused: {}", reply.whole());
    match reply.class() {
        Class::Success => Ok(()),
        Class::Transient => Err(OpenError::Busy(words())),
        _ => Err(OpenError::NoTls(words())),
    }
}
