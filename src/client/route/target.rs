//! Parsing of server names.

use crate::client::peer::ProxyProtocol;
use crate::client::route::{Endpoint, Host, Proxy};
use crate::system::host::is_host_name;
use crate::system::text::{forbidden, percent_decoded, shown};
use std::net::IpAddr;
use std::path::PathBuf;

/// A host with an optional port.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HostPort {
    pub host: Host,
    /// The port, if one was given.
    pub port: Option<u16>,
    /// True if a URL demands TLS from the first byte.
    pub is_implicit: bool,
}

impl HostPort {
    /// The host, with this port unless another was given.
    pub fn place(self, port: u16) -> Endpoint {
        Endpoint {
            host: self.host,
            port: self.port.unwrap_or(port),
        }
    }
}

/// Parses `HOST`, `HOST:PORT`, `[IPv6]`, `[IPv6]:PORT` or `IPv6`.
pub fn target(text: &str) -> Result<HostPort, String> {
    if let Ok(ip) = text.parse::<IpAddr>() {
        return Ok(HostPort {
            host: Host::Address(ip),
            port: None,
            is_implicit: false,
        });
    }
    let (host, port) = match text.strip_prefix('[').and_then(|rest| rest.split_once(']')) {
        Some((ip, "")) => (ip, None),
        Some((ip, rest)) => (
            ip,
            Some(rest.strip_prefix(':').ok_or("missing colon after ]")?),
        ),
        None => match text.split_once(':') {
            Some((host, port)) => (host, Some(port)),
            None => (text, None),
        },
    };
    let port = port.map(self::port).transpose()?;
    let ip = host.strip_prefix("IPv6:").unwrap_or(host).parse::<IpAddr>();
    let host = match ip {
        Ok(ip) => Host::Address(ip),
        Err(_) => Host::Relay(host_name(host)?),
    };
    Ok(HostPort {
        host,
        port,
        is_implicit: false,
    })
}

/// Parses the forms of [`server`], or a URL: `smtp://`, `smtps://`, `submission://` or `submissions://`.
pub fn relay(text: &str) -> Result<HostPort, String> {
    let url = text.split_once("://").and_then(|(scheme, rest)| {
        let mut schemes = SERVICES.into_iter().filter(|(name, _)| *name != "lmtp");
        let scheme = schemes.find(|(name, _)| scheme.eq_ignore_ascii_case(name))?;
        Some((scheme, rest))
    });
    let Some(((scheme, port), rest)) = url else {
        return server(text);
    };
    let host = rest.strip_suffix('/').unwrap_or(rest);
    if host.contains('@') {
        return Err("a URL may not have a user; name it with --user".to_owned());
    }
    if host.contains(['/', '?', '#']) {
        return Err(
            "a URL of a server ends after host and port; --helo sets the name in EHLO".to_owned(),
        );
    }
    let mut relay = target(host)?;
    relay.is_implicit = port == 465;
    if scheme != "smtp" {
        relay.port = relay.port.or(Some(port));
    }
    Ok(relay)
}

/// Parses the forms of [`target`], or a unix socket: an absolute path, or `unix:` and any path.
pub fn server(text: &str) -> Result<HostPort, String> {
    let path = match text.strip_prefix("unix:") {
        Some("") => return Err("expected a path after unix:".to_owned()),
        Some(path) => path,
        None if text.starts_with('/') => text,
        None if text.contains("://") => {
            let (scheme, rest) = text.split_once("://").unwrap_or_default();
            return Err(without_scheme(scheme, rest));
        }
        None if text.contains('/') => {
            return Err("the path of a Unix socket must begin with / or unix:".to_owned());
        }
        None => return target(text),
    };
    Ok(HostPort {
        host: Host::Unix(PathBuf::from(path)),
        port: None,
        is_implicit: false,
    })
}

/// Parses the URL of a proxy: `socks5://` or `http://`, an optional user, a host and an optional port.
pub fn proxy(text: &str) -> Result<Proxy, String> {
    let expected = "expected socks5://[USER@]HOST[:PORT] or http://[USER@]HOST[:PORT]";
    let (scheme, rest) = text.split_once("://").ok_or(expected)?;
    let (protocol, default_port) = match scheme.to_ascii_lowercase().as_str() {
        // curl writes socks5h if the proxy resolves names, which is the only mode here.
        "socks5" | "socks5h" | "socks" => (ProxyProtocol::Socks5, 1080),
        "http" => (ProxyProtocol::Http, 3128),
        _ => return Err(expected.to_owned()),
    };
    let rest = rest.strip_suffix('/').unwrap_or(rest);
    let (user, host) = match rest.rsplit_once('@') {
        Some((user, host)) => (Some(proxy_user(user)?), host),
        None => (None, rest),
    };
    let HostPort { host, port, .. } = target(host).map_err(|_| expected)?;
    Ok(Proxy {
        protocol,
        host,
        port: port.unwrap_or(default_port),
        user,
        password_file: None,
    })
}

fn proxy_user(text: &str) -> Result<String, String> {
    if text.contains(':') {
        return Err(
            "the URL must not contain a password; use --proxy-password-file, or an entry in ~/.netrc".to_owned(),
        );
    }
    let user = percent_decoded(text.as_bytes());
    let is_valid = !user.is_empty() && forbidden(&user).is_none() && !user.contains(':');
    is_valid.then_some(user).ok_or_else(|| {
        "the user name in the URL is empty or contains an invalid character".to_owned()
    })
}

/// Parses a command that acts as the server.
pub fn command(line: &str) -> Result<HostPort, String> {
    if line.trim().is_empty() {
        return Err("expected a command".to_owned());
    }
    Ok(HostPort {
        host: Host::Pipe(line.to_owned()),
        port: None,
        is_implicit: false,
    })
}

/// Converts a host name to ASCII, without a trailing dot.
pub fn host_name(text: &str) -> Result<String, String> {
    let name = text.strip_suffix('.').unwrap_or(text);
    let ascii = if name.is_ascii() {
        Some(name.to_owned())
    } else {
        idna::domain_to_ascii_strict(name).ok()
    };
    // Names with underscores occur in private networks.
    let last_is_number = |name: &str| {
        let last = name.rsplit('.').next().unwrap_or_default();
        last.bytes().all(|byte| byte.is_ascii_digit())
    };
    ascii
        .filter(|name| is_host_name(&name.replace('_', "x")) && !last_is_number(name))
        .ok_or_else(|| "expected HOST, HOST:PORT or [IPv6]:PORT".to_owned())
}

/// Mail services by their names in the IANA registry, and `smtps`, the common name of port 465.
const SERVICES: [(&str, u16); 5] = [
    ("smtp", 25),
    ("submission", 587),
    ("submissions", 465),
    ("smtps", 465),
    ("lmtp", 24),
];

/// Parses a port: 1 to 65535, or the name of a service.
pub fn port(text: &str) -> Result<u16, String> {
    let service = SERVICES.iter().find(|(name, _)| *name == text);
    match (service, text.parse()) {
        (Some((_, port)), _) => Ok(*port),
        (None, Ok(port)) if port > 0 => Ok(port),
        _ => Err("expected a port: 1 to 65535, smtp, submission or submissions".to_owned()),
    }
}

/// Suggests the form to use instead of a URL.
fn without_scheme(scheme: &str, rest: &str) -> String {
    let host = rest.split('/').next().unwrap_or_default();
    let host = shown(host.rsplit('@').next().unwrap_or_default());
    let has_port = host.rsplit(']').next().is_some_and(|end| end.contains(':'));
    let is_implicit = ["smtps", "submissions"].contains(&scheme);
    let port = if is_implicit && !has_port { ":465" } else { "" };
    format!("expected a server without a scheme: {host}{port}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn urls_are_refused_with_the_server_that_they_name() {
        for (url, right) in [
            ("smtp://mail.example.org", ": mail.example.org"),
            ("smtp://mail.example.org:587/", ": mail.example.org:587"),
            (
                "smtps://u:hunter2@mail.example.org",
                ": mail.example.org:465",
            ),
            ("submissions://[2001:db8::1]", ": [2001:db8::1]:465"),
        ] {
            let said = server(url).unwrap_err();
            assert!(said.ends_with(right) && !said.contains("hunter2"), "{said}");
        }
    }

    #[test]
    fn a_relay_may_be_a_url() {
        for (url, host, port, is_implicit) in [
            ("smtp://mail.example.org", "mail.example.org", None, false),
            (
                "SMTP://mail.example.org:587/",
                "mail.example.org",
                Some(587),
                false,
            ),
            (
                "submission://mail.example.org",
                "mail.example.org",
                Some(587),
                false,
            ),
            (
                "smtps://mail.example.org",
                "mail.example.org",
                Some(465),
                true,
            ),
            (
                "smtps://mail.example.org:2465",
                "mail.example.org",
                Some(2465),
                true,
            ),
        ] {
            let right = HostPort {
                host: Host::Relay(host.to_owned()),
                port,
                is_implicit,
            };
            assert_eq!(relay(url), Ok(right), "{url}");
        }
        for (bad, words) in [
            ("smtp://u:hunter2@mail.example.org", "--user"),
            ("smtp://mail.example.org/client.example", "--helo"),
            ("http://mail.example.org", "without a scheme"),
            ("smtp://", "HOST"),
        ] {
            let error = relay(bad).unwrap_err();
            assert!(
                error.contains(words) && !error.contains("hunter2"),
                "{error}"
            );
        }
    }

    #[test]
    fn ports_have_the_names_of_their_services() {
        for (text, right) in [("25", 25), ("submission", 587), ("submissions", 465)] {
            assert_eq!(port(text), Ok(right));
        }
        assert_eq!(
            target("mail.example.org:submission").unwrap().port,
            Some(587)
        );
        for bad in ["", "0", "65536", "http", "-1"] {
            assert!(port(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn targets_are_names_and_addresses_with_and_without_port() {
        let host = |name: &str| Host::Relay(name.to_owned());
        let ip = |ip: &str| Host::Address(ip.parse().unwrap());
        for (text, host, port) in [
            ("mail.example.org", host("mail.example.org"), None),
            ("mail.example.org.:587", host("mail.example.org"), Some(587)),
            ("localhost:2525", host("localhost"), Some(2525)),
            ("bücher.example:25", host("xn--bcher-kva.example"), Some(25)),
            ("192.0.2.7", ip("192.0.2.7"), None),
            ("192.0.2.7:25", ip("192.0.2.7"), Some(25)),
            ("[192.0.2.7]:25", ip("192.0.2.7"), Some(25)),
            ("[2001:db8::1]:25", ip("2001:db8::1"), Some(25)),
            ("2001:db8::1", ip("2001:db8::1"), None),
        ] {
            let right = HostPort {
                host,
                port,
                is_implicit: false,
            };
            assert_eq!(target(text), Ok(right), "{text}");
        }
        for bad in [
            "", "a b", "a:0", "a:65536", "a:x", "[::1", "[::1]25", "a\r\nb", "a/b", ":25", "1.2.3",
        ] {
            assert!(target(bad).is_err(), "{bad:?}");
        }
    }

    #[test]
    fn a_server_may_be_a_unix_socket() {
        for (text, path) in [
            ("/run/x.sock", "/run/x.sock"),
            ("unix:/run/x.sock", "/run/x.sock"),
            ("unix:x:25", "x:25"),
        ] {
            let host = Host::Unix(PathBuf::from(path));
            let right = HostPort {
                host,
                port: None,
                is_implicit: false,
            };
            assert_eq!(server(text), Ok(right), "{text}");
        }
        assert_eq!(server("localhost:25"), target("localhost:25"));
        for bad in ["unix:", "x/y", "./x", ""] {
            assert!(server(bad).is_err(), "{bad:?}");
        }
    }
}
