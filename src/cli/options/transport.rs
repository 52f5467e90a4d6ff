//! Options of a transport: route, session, TLS and login, for messages and for sessions without one.

use crate::cli::options::usage_error::UsageError;
use crate::cli::options::value::HostPort;
use crate::cli::options::{auth, extensions, oauth, policy, route, testing, tls, value};
use crate::client::policy::{PolicyMode, PolicyOptions};
use crate::client::session;
use crate::client::session::{EarlyStop, Protocol, TlsDemand};
use crate::client::transport::Transport;
use crate::client::wire::tls::Trust;
use clap::ValueEnum;
use std::num::NonZeroU64;
use std::time::Duration;

// The options of the transport of a message; the queue stores these and no others.
#[derive(Debug, clap::Args)]
#[group(skip)]
pub(crate) struct TransportArgs {
    #[command(flatten)]
    pub(crate) route: route::Args,
    #[command(flatten)]
    session: SessionArgs,
    #[command(flatten)]
    tls: tls::Args,
    #[command(flatten)]
    auth: auth::Args,
    #[arg(skip)]
    pub(crate) rare: RareArgs,
}

/// Options that are rarely used, for which clap builds arguments only if one is there, or may be: in a profile, in help
/// and in errors.
#[derive(Debug, Default, clap::Args)]
#[group(skip)]
pub(crate) struct RareArgs {
    #[command(flatten)]
    policy: policy::Args,
    #[command(flatten)]
    oauth: oauth::Args,
    #[command(flatten)]
    pub(crate) extensions: extensions::Args,
    #[command(flatten)]
    pub(crate) testing: testing::Args,
}

// The options of the transport of a command that sends messages of its own. They are parsed again together with those
// of the profile.
#[derive(Debug, clap::Args)]
#[group(skip)]
pub(crate) struct CommonTransportArgs {
    #[command(flatten)]
    _route: route::Args,
    #[command(flatten)]
    _session: SessionArgs,
    #[command(flatten)]
    _tls: tls::Args,
    #[command(flatten)]
    _auth: auth::Args,
}

impl TransportArgs {
    pub(crate) fn transport(self) -> Result<Transport, UsageError> {
        let RareArgs {
            policy,
            oauth,
            extensions,
            testing,
        } = self.rare;
        let mut auth = self.auth;
        oauth.apply(&mut auth)?;
        let mut options = self.session.options();
        if testing.is_lmtp() {
            options.protocol = Protocol::Lmtp;
        }
        let contrary = self.tls.replaces_policies();
        let mut transport = transport(self.route, options, self.tls, auth)?;
        transport.policy = policy.options(&transport.route, contrary)?;
        extensions.apply(&mut transport.session)?;
        testing.apply(&mut transport.session)?;
        let stop = transport.session.testing.stop;
        if stop.is_some_and(EarlyStop::is_before_mail) && !transport.policy.is_required() {
            // No message is sent.
            transport.policy.sts = PolicyMode::Off;
        }
        check_relay_options(&transport, &extensions)?;
        Ok(transport)
    }
}

/// Options under the heading "Session".
#[derive(Clone, Debug, clap::Args)]
#[group(skip)]
#[command(next_help_heading = "Session")]
pub struct SessionArgs {
    /// Client name for EHLO [default: the full name of this host].
    ///
    /// If the host has no fully qualified name, its address in brackets is used. --ehlo is the same.
    #[arg(long, visible_alias = "ehlo", value_name = "NAME", value_parser = value::helo)]
    helo: Option<String>,

    /// Send commands in groups if the server supports PIPELINING.
    ///
    /// `off` sends them one by one. `eager` sends a message of up to 64 KiB together with MAIL and RCPT, if the server
    /// supports CHUNKING as well. This saves a round trip for the first messages on a connection. If the server closes
    /// the connection before it answers MAIL, the result is uncertain.
    #[arg(long, value_name = "WHEN", value_enum, default_value_t = Pipelining::Auto)]
    pipelining: Pipelining,

    /// Use BDAT instead of DATA if the server supports CHUNKING.
    ///
    /// `off` always uses DATA.
    #[arg(long, value_name = "WHEN", value_enum, default_value_t = Switch::Auto)]
    chunking: Switch,

    /// Time limit for each step, as in 30s.
    ///
    /// It replaces the defaults: 30 seconds to connect, 10 minutes for the reply to the end of data, 5 minutes
    /// otherwise (RFC 5321).
    #[arg(long, value_name = "TIME", value_parser = value::duration)]
    timeout: Option<Duration>,

    /// Maximum transfer rate in bytes per second, as in 500K or 2M.
    #[arg(long, value_name = "BYTES", value_parser = value::size)]
    limit_rate: Option<NonZeroU64>,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum Pipelining {
    Auto,
    Eager,
    Off,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum Switch {
    Auto,
    Off,
}

impl SessionArgs {
    pub(crate) fn options(self) -> session::Options {
        session::Options {
            helo: self.helo,
            no_pipelining: matches!(self.pipelining, Pipelining::Off),
            eager: matches!(self.pipelining, Pipelining::Eager),
            no_chunking: matches!(self.chunking, Switch::Off),
            timeout: self.timeout,
            rate: self.limit_rate,
            ..session::Options::default()
        }
    }
}

/// Options of a session with a named server that carries no message.
#[derive(Clone, Debug, clap::Args)]
#[group(skip)]
pub struct ProbeTransportArgs {
    /// Port: a number, or smtp, submission or submissions [default: 25, and 465 with --tls implicit].
    #[arg(short, long, value_parser = value::port)]
    port: Option<u16>,

    /// Client name for EHLO [default: the full name of this host].
    #[arg(long, visible_alias = "ehlo", value_name = "NAME", value_parser = value::helo)]
    helo: Option<String>,

    /// Time limit for each step, as in 5s.
    #[arg(long, value_name = "TIME", value_parser = value::duration, default_value = "30s")]
    pub timeout: Duration,

    #[command(flatten)]
    reach: route::Reach,
    #[command(flatten)]
    tls: tls::Args,
    #[command(flatten)]
    auth: auth::Args,
    #[command(flatten)]
    oauth: oauth::Args,
}

impl ProbeTransportArgs {
    pub fn transport(self, host: HostPort, protocol: Protocol) -> Result<Transport, UsageError> {
        let session = session::Options {
            helo: self.helo,
            timeout: Some(self.timeout),
            protocol,
            ..session::Options::default()
        };
        let route = route::Args::to(host, self.port, self.reach);
        let mut auth = self.auth;
        self.oauth.apply(&mut auth)?;
        transport(route, session, self.tls, auth)
    }
}

/// Accepts and reports any certificate, unless a password is sent to the server.
pub fn report_certificate(transport: &mut Transport) {
    if transport.credentials.is_none() && transport.tls.trust == Trust::Verified {
        transport.tls.trust = Trust::Reported;
    }
}

/// Checks the options that require a server named with --relay: --lmtp and --require-tls.
fn check_relay_options(
    transport: &Transport,
    extensions: &extensions::Args,
) -> Result<(), UsageError> {
    if transport.route.relay.is_some() {
        return if extensions.demands_tls() {
            check_privacy(transport)
        } else {
            Ok(())
        };
    }
    if let (Some(proxy), None) = (&transport.route.proxy, transport.route.dns) {
        return Err(UsageError::usage(format!(
            "--proxy {proxy} requires --relay or --dns: MX lookups do not pass through the proxy; name the server, \
             or the resolver to use"
        ))
        .about("--proxy"));
    }
    if transport.session.protocol == Protocol::Lmtp {
        return Err(UsageError::usage(
            "--lmtp requires --relay: LMTP is not used between mail exchangers (RFC 2033)",
        )
        .about("--lmtp"));
    }
    if extensions.demands_tls() && transport.policy == PolicyOptions::default() {
        return Err(UsageError::usage(
            "--require-tls requires --relay, or a policy of the recipient's domain that verifies its MX hosts; name \
             the server, allow DANE or MTA-STS, or use --require-tls=?",
        )
        .about("--require-tls"));
    }
    Ok(())
}

fn check_privacy(transport: &Transport) -> Result<(), UsageError> {
    let other = match (transport.session.tls, transport.tls.trust) {
        (TlsDemand::Off, _) => "--tls off, the default for a Unix socket",
        (TlsDemand::Opportunistic, _) => "--pipe without --tls-name",
        (_, Trust::Any) => "--insecure",
        _ => return Ok(()),
    };
    Err(UsageError::usage(format!(
        "--require-tls conflicts with {other}; omit one of them"
    ))
    .about("--require-tls"))
}

/// Route, session, encryption and login, including their dependencies.
pub(crate) fn transport(
    route: route::Args,
    mut session: session::Options,
    mut tls: tls::Args,
    auth: auth::Args,
) -> Result<Transport, UsageError> {
    if route.is_implicit() {
        tls.use_implicit("smtps:// in --relay")?;
    }
    let default_port = match session.protocol {
        // RFC 2033 §5: LMTP must not be used on the SMTP port.
        Protocol::Lmtp => testing::LMTP_PORT,
        Protocol::Smtp => tls.default_port(),
    };
    let route = route.options(&session, default_port)?;
    let (encryption, tls) = tls.options(&route)?;
    session.tls = encryption;
    let mut credentials = auth.options(&mut session)?;
    if let Some((credentials, relay)) = credentials.as_mut().zip(route.relay.as_ref()) {
        credentials.port = (!relay.host.is_local()).then_some(relay.port);
    }
    Ok(Transport {
        profile: None,
        route,
        session,
        tls,
        policy: PolicyOptions::default(),
        credentials,
    })
}
