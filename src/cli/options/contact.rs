//! How a server is spoken to that gets no mail.

use crate::cli::options::usage_error::UsageError;
use crate::cli::options::value;
use crate::cli::options::value::HostPort;
use crate::cli::options::{auth, route, tls};
use crate::client::session;
use crate::client::session::Protocol;
use crate::client::transport::Transport;
use crate::client::wire::tls::Trust;
use std::time::Duration;

/// What stands beside the name of the server.
#[derive(Debug, clap::Args)]
#[group(skip)]
pub struct Args {
    /// The port, by number or as smtp, submission or submissions [default: 25, and 465 with --tls implicit].
    #[arg(short, long, value_parser = value::port)]
    port: Option<u16>,

    /// Our name in EHLO [default: this host's full name].
    #[arg(long, visible_alias = "ehlo", value_name = "NAME", value_parser = value::helo)]
    helo: Option<String>,

    /// The time limit for every step, like 5s.
    #[arg(long, value_name = "TIME", value_parser = value::duration, default_value = "30s")]
    pub timeout: Duration,

    #[command(flatten)]
    reach: route::Reach,
    #[command(flatten)]
    tls: tls::Args,
    #[command(flatten)]
    auth: auth::Args,
}

impl Args {
    /// The way to that server.
    pub fn transport(self, host: HostPort, protocol: Protocol) -> Result<Transport, UsageError> {
        let session = session::Options {
            helo: self.helo,
            timeout: Some(self.timeout),
            protocol,
            ..session::Options::default()
        };
        let route = route::Args::to(host, self.port, self.reach);
        crate::cli::options::transport::transport(route, session, self.tls, self.auth)
    }
}

/// What is only looked at may be anything; a password goes to the right server only.
pub fn trust_for_a_look(transport: &mut Transport) {
    if transport.credentials.is_none() && transport.tls.trust == Trust::Verified {
        transport.tls.trust = Trust::Reported;
    }
}
