//! The route: the server, and how it is reached.

use crate::cli::options::usage_error::UsageError;
use crate::cli::options::value;
use crate::cli::options::value::HostPort;
use crate::client::route::{AddressFamily, ConnectTo, Host, Proxy, RouteOptions};
use crate::client::session;
use crate::client::wire::tls::TlsOptions;
use crate::system::exit::Exit;
use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;

/// Options under the heading "Route".
#[derive(Debug, clap::Args)]
#[group(skip)]
#[command(next_help_heading = "Route")]
pub struct Args {
    /// Send everything through this server; skip the MX lookup.
    ///
    /// Write an IPv6 address with a port in brackets, as in `[2001:db8::1]:25`. A path starting with / or unix:
    /// is a Unix socket. --server is the same. The URLs
    /// `smtp://HOST[:PORT]` and `smtps://HOST[:PORT]` are accepted, too.
    #[arg(short, long, visible_alias = "server", value_name = "HOST[:PORT]|PATH", value_parser = value::relay)]
    relay: Option<HostPort>,

    /// Port: a number, or smtp, submission or submissions [default: 25, and 465 with --tls implicit].
    #[arg(short, long, value_parser = value::port)]
    port: Option<u16>,

    /// Send everything through this command, which speaks SMTP on standard input and output.
    ///
    /// It is run by the shell, as in --pipe 'exim -bh 192.0.2.1' or 'sendmail -bs', and its standard error is
    /// passed through. It is killed if it does not exit within a few seconds after QUIT. For queued messages,
    /// it is run for each attempt.
    #[arg(long, value_name = "CMD", value_parser = value::command,
          conflicts_with_all = ["relay", "port", "bind", "ipv4", "ipv6", "dns", "connect_to", "proxy"])]
    pipe: Option<HostPort>,

    #[command(flatten)]
    reach: Reach,

    // --port of the command line replaces the port in --relay of a profile.
    #[arg(skip)]
    pub port_wins: bool,
}

/// Options of the connections of a command that sends nothing and has no relay.
#[derive(Clone, Debug, clap::Args)]
#[group(skip)]
pub struct DirectRouteArgs {
    /// Use IPv4 only.
    #[arg(short = '4', long = "ipv4", conflicts_with = "ipv6")]
    ipv4: bool,

    /// Use IPv6 only.
    #[arg(short = '6', long = "ipv6")]
    ipv6: bool,

    /// Local address to connect from.
    #[arg(long, value_name = "IP")]
    bind: Option<IpAddr>,

    /// Use this DNS resolver instead of those in /etc/resolv.conf.
    #[arg(long, value_name = "IP[:PORT]", value_parser = value::target)]
    dns: Option<HostPort>,

    /// Trust the CAs in this file (PEM) instead of those of the system.
    #[arg(long, value_name = "FILE")]
    ca_file: Option<PathBuf>,
}

impl DirectRouteArgs {
    pub fn options(self) -> Result<(RouteOptions, TlsOptions), UsageError> {
        let family = match (self.ipv4, self.ipv6, self.bind) {
            (true, ..) => AddressFamily::V4,
            (_, true, _) => AddressFamily::V6,
            (_, _, Some(ip)) => AddressFamily::of(ip),
            _ => AddressFamily::Any,
        };
        let route = RouteOptions {
            family,
            bind: self.bind,
            dns: self.dns.map(resolver).transpose()?,
            ..RouteOptions::direct()
        };
        let tls = TlsOptions {
            ca_file: self.ca_file,
            ..TlsOptions::default()
        };
        Ok((route, tls))
    }
}

/// Options of the connection, for all servers.
#[derive(Clone, Debug, clap::Args)]
#[group(skip)]
#[command(next_help_heading = "Route")]
pub struct Reach {
    /// Use IPv4 only.
    #[arg(short = '4', long = "ipv4", conflicts_with = "ipv6")]
    ipv4: bool,

    /// Use IPv6 only.
    #[arg(short = '6', long = "ipv6")]
    ipv6: bool,

    /// Local address to connect from.
    ///
    /// Only servers of the same address family (IPv4 or IPv6) are tried.
    #[arg(long, value_name = "IP")]
    bind: Option<IpAddr>,

    /// Open the connection to this host instead of the server.
    ///
    /// The original name is still used for everything else (TLS, authentication). Useful with tunnels or for
    /// servers not yet in the DNS. The port defaults to the original one. A path starting with / or unix: is a
    /// Unix socket.
    #[arg(long, value_name = "HOST[:PORT]|PATH", value_parser = value::server)]
    connect_to: Option<HostPort>,

    /// Use this DNS resolver instead of those in /etc/resolv.conf.
    #[arg(long, value_name = "IP[:PORT]", value_parser = value::target)]
    dns: Option<HostPort>,

    /// Open connections through this proxy; `none` for a direct connection.
    ///
    /// The proxy is `socks5://[USER@]HOST[:PORT]` or `http://[USER@]HOST[:PORT]`, with port 1080 or 3128 by default.
    /// It resolves the names of servers; an HTTP proxy must allow CONNECT to their port. MX records are looked up
    /// without the proxy, so that either --relay or --dns is required. User and password are sent to the proxy
    /// without encryption. --bind, -4 and -6 apply to the connection to the proxy. A Unix socket is connected to
    /// directly.
    #[arg(long, value_name = "URL", value_parser = proxy)]
    proxy: Option<ProxyArg>,

    /// File with the password for the user in --proxy.
    ///
    /// The file must not be accessible to others. Without this option, the password is searched for in ~/.netrc and
    /// the desktop's keyring, under the name of the proxy, and prompted for if a terminal is available.
    #[arg(long, value_name = "FILE")]
    proxy_password_file: Option<PathBuf>,
}

/// The value of --proxy.
#[derive(Clone, Debug)]
pub enum ProxyArg {
    None,
    Use(Box<Proxy>),
    /// An error, reported without the URL, which may contain a password.
    Invalid(String),
}

#[allow(clippy::unnecessary_wraps)]
pub fn proxy(text: &str) -> Result<ProxyArg, String> {
    Ok(match text {
        "none" => ProxyArg::None,
        _ => match value::proxy(text) {
            Ok(proxy) => ProxyArg::Use(Box::new(proxy)),
            Err(why) => ProxyArg::Invalid(why),
        },
    })
}

impl Reach {
    /// The proxy with its password file.
    fn proxy(&mut self) -> Result<Option<Proxy>, UsageError> {
        ProxyArg::with_file(self.proxy.take(), self.proxy_password_file.take())
    }
}

impl ProxyArg {
    /// The proxy with its password file.
    pub fn with_file(
        proxy: Option<Self>,
        file: Option<PathBuf>,
    ) -> Result<Option<Proxy>, UsageError> {
        match proxy {
            Some(Self::Use(proxy)) if file.is_none() || proxy.user.is_some() => Ok(Some(Proxy {
                password_file: file,
                ..*proxy
            })),
            None | Some(Self::None) if file.is_none() => Ok(None),
            Some(Self::Invalid(why)) => Err(UsageError::of_value(Exit::Usage, "--proxy", why)),
            _ => Err(UsageError::usage(
                "--proxy-password-file requires a user in --proxy, as in socks5://USER@HOST",
            )
            .about("--proxy-password-file")),
        }
    }
}

impl Args {
    /// The route to this server.
    pub fn to(host: HostPort, port: Option<u16>, reach: Reach) -> Self {
        Self {
            relay: Some(host),
            pipe: None,
            port,
            reach,
            port_wins: false,
        }
    }

    /// True if the server is named by an option, and not looked up.
    pub fn names_server(&self) -> bool {
        self.relay.is_some() || self.pipe.is_some()
    }

    /// True if the URL of the relay demands TLS from the first byte.
    pub fn is_implicit(&self) -> bool {
        self.relay.as_ref().is_some_and(|relay| relay.is_implicit)
    }

    pub fn options(
        mut self,
        session: &session::Options,
        default_port: u16,
    ) -> Result<RouteOptions, UsageError> {
        self.relay = self.pipe.take().or(self.relay);
        if self.port_wins
            && let Some(relay) = &mut self.relay
        {
            relay.port = None;
        }
        let family = self.family()?;
        self.check_target(family)?;
        let port = self.port(default_port)?;
        let proxy = self.reach.proxy()?;
        Ok(RouteOptions {
            relay: self.relay.map(|relay| relay.place(port)),
            port,
            family,
            bind: self.reach.bind,
            connect_to: self.reach.connect_to.map(|target| ConnectTo {
                host: target.host,
                port: target.port,
            }),
            proxy,
            dns: self.reach.dns.map(resolver).transpose()?,
            own_names: session.helo.iter().cloned().collect(),
        })
    }

    /// The port of --port, which must agree with that of --relay; else the default.
    fn port(&self, default_port: u16) -> Result<u16, UsageError> {
        let Some((relay, port)) = self.relay.as_ref().zip(self.port) else {
            return Ok(self.port.unwrap_or(default_port));
        };
        match (&relay.host, relay.port) {
            (Host::Unix(_), _) => Err(UsageError::usage(format!(
                "--port {port} has no effect with the Unix socket {}; omit it",
                relay.host
            ))
            .about("--port")),
            (_, Some(one)) if one != port => Err(UsageError::usage(format!(
                "--port {port} conflicts with the port {one} in --relay; omit one of them"
            ))
            .about("--port")),
            _ => Ok(port),
        }
    }

    /// The family of --bind, -4 and -6, which must agree.
    fn family(&self) -> Result<AddressFamily, UsageError> {
        let (wanted, option) = match (self.reach.ipv4, self.reach.ipv6) {
            (true, _) => (AddressFamily::V4, "-4"),
            (_, true) => (AddressFamily::V6, "-6"),
            _ => (AddressFamily::Any, ""),
        };
        match self.reach.bind {
            None => Ok(wanted),
            Some(ip) if wanted.has(ip) => Ok(AddressFamily::of(ip)),
            Some(ip) => Err(contradiction(&format!("--bind {ip}"), option)),
        }
    }

    /// Checks that the target of connections and their source have the same family.
    fn check_target(&self, family: AddressFamily) -> Result<(), UsageError> {
        let named = |option: &str, target: &Option<HostPort>| {
            let host = target.as_ref().map(|target| target.host.clone());
            host.map(|host| (format!("{option} {host}"), host))
        };
        let relay = named("--relay", &self.relay);
        let connect_to = named("--connect-to", &self.reach.connect_to);
        if let (Some((relay, Host::Unix(_))), Some((connect_to, _))) = (&relay, &connect_to) {
            return Err(contradiction(relay, connect_to));
        }
        let Some((target, host)) = connect_to.or(relay) else {
            return Ok(());
        };
        let fits = match host {
            Host::Unix(_) | Host::Pipe(_) => self.reach.bind.is_none(),
            // The proxy chooses the family.
            Host::Address(ip) => family.has(ip) || self.reach.proxy.is_some(),
            Host::Relay(_) | Host::Exchanger(_) => true,
        };
        if fits {
            return Ok(());
        }
        let option = if self.reach.ipv4 { "-4" } else { "-6" };
        let source = self.reach.bind.map(|ip| format!("--bind {ip}"));
        Err(contradiction(source.as_deref().unwrap_or(option), &target))
    }
}

fn contradiction(one: &str, other: &str) -> UsageError {
    UsageError::usage(format!("{one} conflicts with {other}; omit one of them"))
        .about(one.split(' ').next().unwrap_or(one))
}

/// The resolver of `--dns`.
pub(crate) fn resolver(target: HostPort) -> Result<SocketAddr, UsageError> {
    match target.host {
        Host::Address(ip) => Ok(SocketAddr::new(ip, target.port.unwrap_or(53))),
        other => Err(UsageError::usage(format!(
            "--dns {other}: expected the IP address of a resolver"
        ))
        .about("--dns")),
    }
}
