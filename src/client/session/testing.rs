//! Deviations from a normal session, for testing servers.

use crate::client::session::Step;
use crate::smtp::proxy::{ProxyHeader, ProxyVersion};
use crate::smtp::stage::Stage;
use std::net::SocketAddr;
use std::time::Duration;

/// Deviations from a normal session; none by default.
#[derive(Clone, Debug, Default)]
pub struct TestOptions {
    /// The point at which the session ends early.
    pub stop: Option<EarlyStop>,
    /// Time limit for the greeting, if it is shorter than that of other steps.
    pub greeting_limit: Option<Duration>,
    /// Greets with HELO, without EHLO before it.
    pub only_helo: bool,
    /// Lines added to the EHLO reply as if the server had sent them.
    pub forced: Vec<String>,
    /// PROXY header to send before the greeting.
    pub proxy: Option<Proxy>,
    /// Attributes for XCLIENT, one entry for each command.
    pub xclient: Vec<String>,
    /// Attributes for XFORWARD, one entry for each command.
    pub xforward: Vec<String>,
    /// Parameters added to MAIL unchecked.
    pub mail_parameters: Vec<String>,
    /// Parameters added to each RCPT unchecked.
    pub rcpt_parameters: Vec<String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct EarlyStop {
    /// One of [`STOP_POINTS`].
    pub after: Stage,
    pub method: StopMethod,
}

impl EarlyStop {
    /// True if the session ends before MAIL.
    pub fn is_before_mail(self) -> bool {
        let mail = STOP_POINTS.iter().position(|point| *point == Stage::Mail);
        STOP_POINTS.iter().position(|point| *point == self.after) < mail
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StopMethod {
    Quit,
    /// Closes the connection without QUIT, after the reply.
    Drop,
    /// Closes the connection without QUIT, before the reply.
    DropUnread,
}

/// The points at which a session can end early. Preliminary steps belong to the next point: EHLO inside TLS to
/// [`Stage::Xclient`], EHLO after XCLIENT to [`Stage::Auth`], XFORWARD and RSET to [`Stage::Mail`].
pub const STOP_POINTS: [Stage; 11] = [
    Stage::Connect,
    Stage::Proxy,
    Stage::Banner,
    Stage::Ehlo,
    Stage::Starttls,
    Stage::Xclient,
    Stage::Auth,
    Stage::Mail,
    Stage::Rcpt,
    Stage::Data,
    Stage::Dot,
];

/// The server's state that EHLO follows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum HelloAfter {
    Banner,
    /// STARTTLS, after which everything is discarded.
    Tls,
    /// The last XCLIENT.
    Xclient,
}

/// The stop point that a step belongs to; `None`: it may occur at any time.
pub(super) fn stop_point(step: Step, hello: HelloAfter) -> Option<Stage> {
    Some(match step {
        Step::Banner => Stage::Banner,
        Step::Ehlo | Step::Lhlo | Step::Helo => match hello {
            HelloAfter::Banner => Stage::Ehlo,
            HelloAfter::Tls => Stage::Xclient,
            HelloAfter::Xclient => Stage::Auth,
        },
        Step::Starttls | Step::Tls => Stage::Starttls,
        Step::Xclient => Stage::Xclient,
        Step::Auth => Stage::Auth,
        Step::Xforward | Step::Rset | Step::Mail | Step::Asked(_) => Stage::Mail,
        Step::Rcpt(_) => Stage::Rcpt,
        Step::Data => Stage::Data,
        Step::Bdat { .. } | Step::Body | Step::Dot | Step::DotFor(_) => Stage::Dot,
        Step::Quit => return None,
    })
}

/// The header of the PROXY protocol that is sent before the greeting.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Proxy {
    pub version: ProxyVersion,
    pub ends: ProxyEnds,
}

/// Addresses in a PROXY header.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ProxyEnds {
    /// No addresses: `UNKNOWN` in version 1, LOCAL in version 2.
    Unknown,
    /// The addresses of the connection itself.
    Own,
    /// The given addresses, both of the same family.
    Given {
        source: SocketAddr,
        destination: SocketAddr,
    },
}

impl Proxy {
    /// The header for a connection with these addresses; `None`: without addresses.
    pub(super) fn header(&self, own: Option<(SocketAddr, SocketAddr)>) -> ProxyHeader {
        ProxyHeader {
            version: self.version,
            ends: match self.ends {
                ProxyEnds::Unknown => None,
                ProxyEnds::Own => own,
                ProxyEnds::Given {
                    source,
                    destination,
                } => Some((source, destination)),
            },
        }
    }
}
