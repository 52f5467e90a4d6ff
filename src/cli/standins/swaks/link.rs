//! The connection as it was requested: server, port, address family, local address.

use crate::cli::standins::swaks::given::Given;
use crate::cli::standins::swaks::mx;
use crate::cli::standins::swaks::mx::looks_like_ipv4;
use crate::cli::standins::swaks::octets::is_true;
use crate::cli::standins::swaks::options::Key;
use crate::cli::standins::swaks::printer::Stop;
use crate::client::route::AddressFamily;
use std::fs;

/// What is connected to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum LinkKind {
    Inet,
    /// A unix socket.
    Unix(String),
    /// A command.
    Pipe(String),
}

/// The protocol of the session.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Protocol {
    Smtp,
    Esmtp,
    Lmtp,
}

impl Protocol {
    pub fn name(self) -> &'static str {
        match self {
            Self::Smtp => "smtp",
            Self::Esmtp => "esmtp",
            Self::Lmtp => "lmtp",
        }
    }
}

/// A value of `--protocol`.
#[derive(Clone, Copy, Debug)]
pub struct ProtocolOption {
    pub protocol: Protocol,
    pub has_auth: bool,
    pub has_starttls: bool,
    pub has_tls_on_connect: bool,
}

impl ProtocolOption {
    pub fn read(given: &mut Given) -> Result<Self, Stop> {
        let name = given.take(Key::Protocol)?.unwrap_or_default();
        let name = name.to_ascii_lowercase();
        let name = if is_true(&name) { &name } else { "esmtp" };
        let (protocol, rest) = match name {
            "ssmtp" | "ssmtpa" => (Protocol::Esmtp, "c"),
            "smtps" => (Protocol::Smtp, "c"),
            "smtp" => (Protocol::Smtp, ""),
            _ => match (name.strip_prefix("esmtp"), name.strip_prefix("lmtp")) {
                (Some(rest @ ("" | "a" | "s" | "sa")), _) => (Protocol::Esmtp, rest),
                (_, Some(rest @ ("" | "a" | "s" | "sa"))) => (Protocol::Lmtp, rest),
                _ => {
                    let error = format!("Unknown protocol {name} specified, exiting");
                    return Err(given.printer.stop(1, &error));
                }
            },
        };
        Ok(Self {
            protocol,
            has_auth: rest.ends_with('a') || name == "ssmtpa",
            has_starttls: rest.starts_with('s'),
            has_tls_on_connect: rest == "c",
        })
    }
}

/// The options of the connection that are needed before the recipients are known.
#[derive(Clone, Debug)]
pub struct Place {
    pub kind: LinkKind,
    /// The argument of `--server`.
    server: Option<String>,
}

impl Place {
    pub fn read(given: &mut Given) -> Result<Self, Stop> {
        let server = given.take(Key::Server)?;
        let socket = given.take(Key::Socket)?;
        let pipe = given.take(Key::Pipe)?;
        let chosen = [&server, &socket, &pipe];
        if chosen.iter().filter(|one| one.is_some()).count() > 1 {
            let error = "Multiple transport types specified, exiting";
            return Err(given.printer.stop(1, error));
        }
        let kind = match (socket.filter(|one| is_true(one)), pipe) {
            (Some(path), _) => LinkKind::Unix(path),
            (None, Some(command)) if is_true(&command) => LinkKind::Pipe(command),
            _ => LinkKind::Inet,
        };
        Ok(Self { kind, server })
    }

    /// The server and its port, if there is one, by these options alone.
    pub fn server(&self, given: &mut Given) -> Result<(String, String), Stop> {
        let port = given.take(Key::Port)?.unwrap_or_default();
        Ok(server_and_port(
            self.server.as_deref().unwrap_or_default(),
            port,
        ))
    }
}

/// The connection as it was requested.
#[derive(Clone, Debug)]
pub struct Link {
    pub kind: LinkKind,
    /// Host name or address; empty for other kinds.
    pub server: String,
    /// Mail exchangers to try after it.
    pub other_servers: Vec<String>,
    /// Digits; empty until the default is known.
    pub port: String,
    pub local_interface: String,
    pub local_port: String,
    pub family: AddressFamily,
    pub copy_routing: Option<String>,
    /// Time limit of each step, in seconds; 0: none.
    pub timeout: u64,
}

impl Link {
    /// The local address and port, by options.
    pub fn local(given: &mut Given) -> Result<(String, String), Stop> {
        let interface = given.take(Key::LocalInterface)?.unwrap_or_default();
        let port = given.take(Key::LocalPort)?.unwrap_or_default();
        let (interface, port) = server_and_port(&interface, port);
        let port = if is_true(&port) {
            number(port, given)?
        } else {
            port
        };
        Ok((interface, port))
    }

    /// Decides family and server; asks the DNS if no server was named.
    pub fn complete(
        &mut self,
        recipient: &str,
        tries_all_mx: bool,
        given: &mut Given,
    ) -> Result<(), Stop> {
        if self.kind != LinkKind::Inet {
            return Ok(());
        }
        self.family = match (given.flag(Key::Ipv4), given.flag(Key::Ipv6)) {
            (true, true) => {
                let error = "Options -4 and -6 are mutually exclusive, cannot proceed";
                return Err(given.printer.stop(1, error));
            }
            (true, false) => AddressFamily::V4,
            (false, true) => AddressFamily::V6,
            (false, false) => AddressFamily::Any,
        };
        self.copy_routing = given.take_true(Key::CopyRouting)?;
        if !is_true(&self.server) {
            let address = self.copy_routing.as_deref().unwrap_or(recipient);
            let mut servers = mx::servers(address, self.family);
            self.server = servers.remove(0);
            self.other_servers = servers;
            if !tries_all_mx {
                self.other_servers.clear();
            }
        }
        match self.conflict() {
            Some(error) => Err(given.printer.stop(1, error)),
            None => Ok(()),
        }
    }

    fn conflict(&self) -> Option<&'static str> {
        let is_v6 = |text: &str| text.contains(':');
        let (server, local) = (self.server.as_str(), self.local_interface.as_str());
        match self.family {
            AddressFamily::V4 if is_v6(server) => {
                Some("Option -4 is set but server appears to be ipv6, cannot proceed")
            }
            AddressFamily::V4 if is_v6(local) => {
                Some("Option -4 is set but local-interface appears to be ipv6, cannot proceed")
            }
            AddressFamily::V6 if looks_like_ipv4(server) => {
                Some("Option -6 is set but server appears to be ipv4, cannot proceed")
            }
            AddressFamily::V6 if looks_like_ipv4(local) => {
                Some("Option -6 is set but local-interface appears to be ipv4, cannot proceed")
            }
            _ if is_v6(server) && looks_like_ipv4(local) => {
                Some("server is ipv6 but local-interface is ipv4, cannot proceed")
            }
            _ if looks_like_ipv4(server) && is_v6(local) => {
                Some("server is ipv4 but local-interface is ipv6, cannot proceed")
            }
            _ => None,
        }
    }

    /// Decides the port: the given one, or that of the service.
    pub fn decide_port(
        &mut self,
        protocol: Protocol,
        is_tls_on_connect: bool,
        given: &mut Given,
    ) -> Result<(), Stop> {
        let port = std::mem::take(&mut self.port);
        self.port = if is_true(&port) {
            number(port, given)?
        } else {
            let (service, default) = match protocol {
                Protocol::Lmtp => ("lmtp", "24"),
                _ if is_tls_on_connect => ("smtps", "465"),
                _ => ("smtp", "25"),
            };
            service_port(service).unwrap_or_else(|| default.to_owned())
        };
        Ok(())
    }
}

/// Parses `H`, `H:P`, `[H]`, `[H]:P`, `H/P`, `[H]/P`, for which IPv6 addresses need brackets or the slash. The port
/// of the option for it comes first.
fn server_and_port(server: &str, port: String) -> (String, String) {
    let (host, own_port) = divided(server);
    let port = if port.is_empty() {
        own_port.to_owned()
    } else {
        port
    };
    (host.to_owned(), port)
}

fn divided(server: &str) -> (&str, &str) {
    let in_brackets = |text: &str| !text.is_empty() && !text.contains(']');
    let is_word = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_';
    if let Some((host, port)) = server
        .strip_prefix('[')
        .and_then(|rest| rest.split_once("]:"))
        .filter(|(host, _)| in_brackets(host))
    {
        return (host, port);
    }
    if let Some((host, port)) = server.split_once(':')
        && !host.is_empty()
        && !port.is_empty()
        && !port.contains(':')
    {
        return (host, port);
    }
    if let Some((host, port)) = server.split_once('/')
        && !port.is_empty()
        && port.bytes().all(is_word)
    {
        let host = host.strip_prefix('[').unwrap_or(host);
        let host = host.strip_suffix(']').unwrap_or(host);
        if !host.contains(']') {
            return (host, port);
        }
    }
    let whole = server
        .strip_prefix('[')
        .and_then(|rest| rest.strip_suffix(']'));
    match whole.filter(|host| in_brackets(host)) {
        Some(host) => (host, ""),
        None => (server, ""),
    }
}

/// The number of a port, which may be the name of a service.
fn number(port: String, given: &mut Given) -> Result<String, Stop> {
    if port.bytes().all(|byte| byte.is_ascii_digit()) {
        return Ok(port);
    }
    service_port(&port).ok_or_else(|| {
        let error = format!("unable to resolve service name {port} into a port, exiting");
        given.printer.stop(1, &error)
    })
}

/// The TCP port of a service in /etc/services.
fn service_port(service: &str) -> Option<String> {
    let text = fs::read("/etc/services").ok()?;
    let text = String::from_utf8_lossy(&text);
    text.lines().find_map(|line| {
        let line = line.split('#').next().unwrap_or_default();
        let words: Vec<&str> = line.split_whitespace().collect();
        let (name, port, aliases) = match words.as_slice() {
            [name, port, aliases @ ..] => (*name, *port, aliases),
            _ => return None,
        };
        let port = port.strip_suffix("/tcp")?;
        let is_it = name == service || aliases.contains(&service);
        is_it.then(|| port.to_owned())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn servers_are_written_in_many_ways() {
        let cases = [
            ("mx", ("mx", "")),
            ("mx:26", ("mx", "26")),
            ("[mx]", ("mx", "")),
            ("[2001:db8::1]:26", ("2001:db8::1", "26")),
            ("2001:db8::1/26", ("2001:db8::1", "26")),
            ("[2001:db8::1]/smtp", ("2001:db8::1", "smtp")),
            ("2001:db8::1", ("2001:db8::1", "")),
            ("[mx]:", ("mx", "")),
            ("mx/2-6", ("mx/2-6", "")),
        ];
        for (text, expected) in cases {
            assert_eq!(divided(text), expected, "{text}");
        }
        let (_, port) = server_and_port("mx:26", "27".to_owned());
        assert_eq!(port, "27");
    }
}
