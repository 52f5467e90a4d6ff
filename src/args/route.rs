//! Where the message goes.

use super::Wrong;
use super::value::{self, Target};
use crate::route::{Family, Host, Options};
use crate::session;
use std::net::SocketAddr;

/// Options under the heading "Route".
#[derive(Debug, clap::Args)]
#[group(skip)]
#[command(next_help_heading = "Route")]
pub struct Args {
    /// Hand everything to this server; no MX lookup.
    ///
    /// An IPv6 address with a port wants brackets, as in `[2001:db8::1]:25`. --server is the same.
    #[arg(short, long, visible_alias = "server", value_name = "HOST[:PORT]", value_parser = value::target)]
    relay: Option<Target>,

    /// The port [default: 25].
    #[arg(short, long, value_parser = value::port)]
    port: Option<u16>,

    /// Use IPv4 only.
    #[arg(short = '4', long = "ipv4", conflicts_with = "ipv6")]
    ipv4: bool,

    /// Use IPv6 only.
    #[arg(short = '6', long = "ipv6")]
    ipv6: bool,

    /// Ask this resolver instead of those in /etc/resolv.conf.
    #[arg(long, value_name = "IP[:PORT]", value_parser = value::target)]
    dns: Option<Target>,

    /// --port was said later than the port of --relay, which is that of a profile.
    #[arg(skip)]
    pub port_wins: bool,
}

impl Args {
    /// The way that is meant.
    pub fn options(mut self, session: &session::Options) -> Result<Options, Wrong> {
        if self.port_wins
            && let Some(relay) = &mut self.relay
        {
            relay.port = None;
        }
        let relay_port = self.relay.as_ref().and_then(|relay| relay.port);
        if let (Some(one), Some(other)) = (relay_port, self.port)
            && one != other
        {
            return Err(Wrong::usage(format!(
                "--port {other} contradicts the port {one} of --relay; give one of them"
            )));
        }
        let port = self.port.unwrap_or(25);
        Ok(Options {
            relay: self.relay.map(|relay| relay.place(port)),
            port,
            family: match (self.ipv4, self.ipv6) {
                (true, _) => Family::V4,
                (_, true) => Family::V6,
                _ => Family::Any,
            },
            dns: self.dns.map(resolver).transpose()?,
            own_names: session.helo.iter().cloned().collect(),
        })
    }
}

fn resolver(target: Target) -> Result<SocketAddr, Wrong> {
    match target.host {
        Host::Address(ip) => Ok(SocketAddr::new(ip, target.port.unwrap_or(53))),
        Host::Relay(name) | Host::Exchanger(name) => Err(Wrong::usage(format!(
            "--dns {name}: it wants the resolver's IP address, because without it no name can be looked up"
        ))),
    }
}
