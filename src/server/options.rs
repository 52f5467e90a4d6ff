//! Options of the server: where it listens, its limits and its behavior.

use crate::server::auth::Auth;
use crate::server::fault_plan::FaultPlan;
use crate::server::limiter::Grace;
use crate::server::listener::Listen;
use crate::server::offers::OfferList;
use crate::server::tls::ServerTls;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

/// Default duration of an injected hang.
const HANG: Duration = Duration::from_secs(5 * 60);

#[derive(Debug)]
pub struct ServerOptions {
    /// The addresses and paths to listen on; at least one.
    pub listen: Vec<Listen>,
    /// True if addresses that other machines can reach are permitted.
    pub allow_remote: bool,
    /// Number of accepted messages after which the server ends; `None`: no limit.
    pub count: Option<u64>,
    /// Time after which the server ends; `None`: no limit.
    pub time_limit: Option<Duration>,
    /// The name of the server: printable ASCII without spaces.
    pub name: String,
    /// The software shown in the greeting.
    pub software: &'static str,
    pub limits: SessionLimits,
    pub behavior: ServerBehavior,
    pub grace: Grace,
}

impl ServerOptions {
    /// Listens on `listen` under the name `localhost`, for any number of messages.
    pub fn new(listen: SocketAddr) -> ServerOptions {
        ServerOptions {
            listen: vec![Listen::Tcp(listen)],
            allow_remote: false,
            count: None,
            time_limit: None,
            name: "localhost".to_owned(),
            software: "ehlo sink",
            limits: SessionLimits::default(),
            behavior: ServerBehavior::default(),
            grace: Grace::default(),
        }
    }
}

/// The behavior of a server: offers, requirements and injected faults.
#[derive(Debug)]
pub struct ServerBehavior {
    /// True: LMTP (RFC 2033); false: SMTP.
    pub lmtp: bool,
    /// True if each connection starts with a header of the PROXY protocol.
    pub proxy_protocol: bool,
    pub offers: OfferList,
    /// `None`: TLS is not offered.
    pub tls: Option<ServerTls>,
    /// True if MAIL requires TLS.
    pub require_tls: bool,
    /// `None`: AUTH is not offered.
    pub auth: Option<Auth>,
    /// True if MAIL requires a login.
    pub require_auth: bool,
    /// Shared with others who change them while the server runs.
    pub faults: Arc<FaultPlan>,
    /// Duration of an injected hang or flood.
    pub hang_time: Duration,
}

impl Default for ServerBehavior {
    fn default() -> ServerBehavior {
        ServerBehavior {
            lmtp: false,
            proxy_protocol: false,
            offers: OfferList::default(),
            tls: None,
            require_tls: false,
            auth: None,
            require_auth: false,
            faults: Arc::default(),
            hang_time: HANG,
        }
    }
}

/// Limits on clients; beyond them, a command is refused or the connection closed.
#[derive(Debug, Clone)]
pub struct SessionLimits {
    /// The longest message, announced as SIZE. Default 256 MiB.
    pub max_message_bytes: u64,
    /// The recipients of one message. Default 1000.
    pub max_recipients: usize,
    /// The connections at one time. Default 256.
    pub max_connections: usize,
    /// The longest command line with its line end. Default 2048; over 64 KiB counts as 64 KiB.
    pub max_line_bytes: usize,
    /// The commands of one connection that are unknown, malformed or out of order. Default 20.
    pub max_errors: u32,
    /// Time limit for a whole command, or for more of a message. A whole message may take twelve times as
    /// long. Default 5 minutes (RFC 5321 §4.5.3.2.7).
    pub idle: Duration,
}

impl Default for SessionLimits {
    fn default() -> SessionLimits {
        SessionLimits {
            max_message_bytes: 256 * 1024 * 1024,
            max_recipients: 1000,
            max_connections: 256,
            max_line_bytes: 2048,
            max_errors: 20,
            idle: Duration::from_secs(5 * 60),
        }
    }
}

/// The name and software shown in the greeting.
#[derive(Debug, Clone, Copy)]
pub struct Introduction<'a> {
    /// Its name: printable ASCII without spaces.
    pub name: &'a str,
    /// The text after the name in the greeting.
    pub what: &'a str,
}
