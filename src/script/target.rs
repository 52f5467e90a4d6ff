//! Where `connect` goes.

use crate::route::{Host, Place};
use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;

/// The port where none is named.
const SMTP: u16 = 25;

/// What is wanted.
pub const EXPECTED: &str = "HOST, HOST:PORT, unix:PATH or pipe:COMMAND";

/// `HOST`, `HOST:PORT`, an address, `[IPv6]:PORT`, `unix:PATH`, a path that begins with `/`, or `pipe:COMMAND`.
///
/// # Errors
/// It is none of these.
pub fn parse(text: &str) -> Result<Place, String> {
    let shown = crate::text::shown(text);
    place(text).ok_or_else(|| format!("expected {EXPECTED}, not \"{shown}\""))
}

fn place(text: &str) -> Option<Place> {
    let place = |host, port| Some(Place { host, port });
    if let Some(line) = text.strip_prefix("pipe:") {
        if line.trim().is_empty() {
            return None;
        }
        return place(Host::Pipe(line.to_owned()), SMTP);
    }
    let path = text.strip_prefix("unix:");
    if let Some(path) = path.or(Some(text).filter(|text| text.starts_with('/'))) {
        if path.is_empty() {
            return None;
        }
        return place(Host::Unix(PathBuf::from(path)), SMTP);
    }
    if let Ok(address) = text.parse::<SocketAddr>() {
        return place(Host::Address(address.ip()), address.port());
    }
    let bare = text
        .strip_prefix('[')
        .and_then(|text| text.strip_suffix(']'));
    if let Ok(ip) = bare.unwrap_or(text).parse::<IpAddr>() {
        return place(Host::Address(ip), SMTP);
    }
    let (name, port) = match text.split_once(':') {
        Some((name, port)) => (name, port.parse().ok().filter(|&port| port > 0)?),
        None => (text, SMTP),
    };
    let is_host = crate::host::is_host_name(&name.replace('_', "x"));
    is_host.then(|| Place {
        host: Host::Relay(name.to_owned()),
        port,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_target_is_a_host_an_address_or_a_socket() {
        let shown = |text| place(text).map(|place| (place.host.to_string(), place.port));
        let right = |host: &str, port| Some((host.to_owned(), port));
        assert_eq!(shown("mx.example.org"), right("mx.example.org", 25));
        assert_eq!(shown("mx.example.org:587"), right("mx.example.org", 587));
        assert_eq!(shown("127.0.0.1:2525"), right("[127.0.0.1]", 2525));
        assert_eq!(shown("[2001:db8::1]:26"), right("[2001:db8::1]", 26));
        assert_eq!(shown("2001:db8::1"), right("[2001:db8::1]", 25));
        assert_eq!(shown("unix:lmtp"), right("lmtp", 25));
        assert_eq!(shown("pipe:exim -bh ::1"), right("exim -bh ::1", 25));
        for wrong in [
            "", "unix:", "pipe: ", "a b", "mx:", "mx:0", "mx:99999", "mx:25:26",
        ] {
            assert_eq!(shown(wrong), None, "{wrong}");
        }
    }
}
