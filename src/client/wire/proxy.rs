//! The dialogue with a proxy, which connects to the server and resolves its name: SOCKS 5 (RFC 1928) with user and
//! password (RFC 1929), and the CONNECT method of HTTP (RFC 9110 §9.3.6) with Basic authentication (RFC 7617).

use crate::client::peer::{ProxiedPeer, ProxyProtocol};
use crate::client::wire::{Deadline, Wire, WireError, seconds};
use crate::system::secret::{Login, Proof};
use crate::system::text::{printable, reason};
use base64::prelude::{BASE64_STANDARD, Engine};
use std::io;
use std::net::IpAddr;
use std::time::Duration;
use zeroize::{Zeroize, Zeroizing};

/// Maximum number of header lines in a reply to CONNECT.
const MAX_HEADER_LINES: usize = 200;

/// Maximum number of octets of a reply that an error shows.
const MAX_SHOWN: usize = 100;

/// The reason why a proxy gives no connection.
#[derive(Debug, thiserror::Error)]
enum ProxyError {
    #[error("{}", wire_text(.0))]
    Wire(#[from] WireError),
    #[error("the proxy refused it: {0}")]
    Refused(String),
    #[error("the proxy requires a login; name a user, as in --proxy {0}://USER@HOST:PORT")]
    LoginRequired(&'static str),
    #[error("the proxy rejected the user or the password{0}")]
    LoginRejected(String),
    #[error("the proxy accepts no login by user and password")]
    NoPassword,
    #[error("user and password for a SOCKS proxy have 1 to 255 bytes each")]
    CredentialLength,
    #[error("the host name has more than 255 bytes")]
    NameLength,
    #[error("it is not a proxy for {0}: it answered {1}")]
    OtherProtocol(&'static str, String),
}

fn wire_text(error: &WireError) -> String {
    match error {
        WireError::Timeout(limit) => format!("no answer from the proxy within {}", seconds(*limit)),
        WireError::Closed => "the proxy closed the connection".to_owned(),
        other => format!("the proxy sent an invalid answer: {other}"),
    }
}

/// The connection to a server, over one to its proxy. The proxy has the time limit of an attempt once more, because it
/// connects to the server.
pub fn through(
    connected: io::Result<Wire>,
    server: &ProxiedPeer,
    login: Option<&Login>,
    limit: Duration,
) -> io::Result<Wire> {
    let mut wire = connected.map_err(|error| {
        let why = format!("cannot connect to the proxy: {}", reason(&error));
        io::Error::new(error.kind(), why)
    })?;
    let mut dialogue = ProxyDialogue {
        wire: &mut wire,
        deadline: Deadline::after(limit),
        login,
    };
    let opened = match server.protocol {
        ProxyProtocol::Socks5 => dialogue.socks(server),
        ProxyProtocol::Http => dialogue.http(server),
    };
    opened.map_err(io::Error::other)?;
    Ok(wire)
}

/// True if a proxy gives no connection to this user, which another attempt does not change.
pub fn is_login_refused(error: &io::Error) -> bool {
    let inner = error.get_ref().and_then(|inner| inner.downcast_ref());
    matches!(
        inner,
        Some(
            ProxyError::LoginRequired(_)
                | ProxyError::LoginRejected(_)
                | ProxyError::NoPassword
                | ProxyError::CredentialLength
        )
    )
}

struct ProxyDialogue<'a> {
    wire: &'a mut Wire,
    deadline: Deadline,
    login: Option<&'a Login>,
}

/// RFC 1928 §3, §6.
const SOCKS_VERSION: u8 = 5;
const NO_LOGIN: u8 = 0;
const USER_AND_PASSWORD: u8 = 2;
const NO_METHOD: u8 = 0xff;
const IPV4: u8 = 1;
const NAME: u8 = 3;
const IPV6: u8 = 4;

impl ProxyDialogue<'_> {
    fn socks(&mut self, server: &ProxiedPeer) -> Result<(), ProxyError> {
        let methods: &[u8] = match self.login {
            Some(_) => &[NO_LOGIN, USER_AND_PASSWORD],
            None => &[NO_LOGIN],
        };
        self.send(&[SOCKS_VERSION, u8::try_from(methods.len()).unwrap_or(0)]);
        self.send(methods);
        self.flush()?;
        self.expect_socks()?;
        match (self.byte()?, self.login) {
            (NO_LOGIN, _) => {}
            (USER_AND_PASSWORD, Some(login)) => self.socks_login(login)?,
            (NO_METHOD, None) => {
                return Err(ProxyError::LoginRequired("socks5"));
            }
            (NO_METHOD, Some(_)) => return Err(ProxyError::NoPassword),
            (other, _) => {
                let answer = format!("with method {other}, which was not offered");
                return Err(ProxyError::OtherProtocol("SOCKS 5", answer));
            }
        }
        self.send(&[SOCKS_VERSION, 1, 0]);
        self.send(&socks_address(&server.host)?);
        self.send(&server.port.to_be_bytes());
        self.flush()?;
        self.socks_reply()
    }

    /// RFC 1929 §2.
    fn socks_login(&mut self, login: &Login) -> Result<(), ProxyError> {
        let (user, password) = parts(login);
        for part in [user, password] {
            if !(1..=255).contains(&part.len()) {
                return Err(ProxyError::CredentialLength);
            }
        }
        // Capacity for all, so that no copy of the password is left behind.
        self.wire.outbox.reserve_exact(513);
        self.send(&[1]);
        for part in [user, password] {
            self.send(&[u8::try_from(part.len()).unwrap_or(0)]);
            self.send(part);
        }
        self.flush()?;
        let [_, status] = self.array()?;
        match status {
            0 => Ok(()),
            _ => Err(ProxyError::LoginRejected(String::new())),
        }
    }

    /// RFC 1928 §6. The address that the proxy uses is read and ignored.
    fn socks_reply(&mut self) -> Result<(), ProxyError> {
        self.expect_socks()?;
        let [code, _, kind] = self.array()?;
        if code != 0 {
            return Err(ProxyError::Refused(refusal(code)));
        }
        let length = match kind {
            IPV4 => 4,
            IPV6 => 16,
            NAME => usize::from(self.byte()?),
            other => {
                let answer = format!("with an address of type {other}");
                return Err(ProxyError::OtherProtocol("SOCKS 5", answer));
            }
        };
        self.wire.bytes(length + 2, self.deadline)?;
        Ok(())
    }

    fn expect_socks(&mut self) -> Result<(), ProxyError> {
        let heard = self.wire.heard(self.deadline)?;
        if heard[0] != SOCKS_VERSION {
            return Err(ProxyError::OtherProtocol("SOCKS 5", quoted(heard)));
        }
        self.byte()?;
        Ok(())
    }

    fn http(&mut self, server: &ProxiedPeer) -> Result<(), ProxyError> {
        let target = server.target();
        let line = format!("CONNECT {target} HTTP/1.1\r\nHost: {target}\r\n");
        let basic = self.login.map(basic);
        let basic = basic.as_ref().map_or("", |basic| basic.as_str());
        self.wire
            .outbox
            .reserve_exact(line.len() + basic.len() + 100);
        self.send(line.as_bytes());
        if !basic.is_empty() {
            self.send(b"Proxy-Authorization: Basic ");
            self.send(basic.as_bytes());
            self.send(b"\r\n");
        }
        self.send(b"\r\n");
        self.flush()?;
        loop {
            let status = self.http_status()?;
            self.skip_header()?;
            let text = status.text;
            match status.code {
                100..=199 => {}
                200..=299 => return Ok(()),
                407 if self.login.is_none() => return Err(ProxyError::LoginRequired("http")),
                // tinyproxy answers a wrong password with 401.
                401 | 407 => return Err(ProxyError::LoginRejected(format!(": {text}"))),
                _ => return Err(ProxyError::Refused(text)),
            }
        }
    }

    /// RFC 9112 §4.
    fn http_status(&mut self) -> Result<HttpStatus, ProxyError> {
        let line = self.wire.line(self.deadline)?;
        let rest = line.strip_prefix(b"HTTP/1.");
        let rest = rest.and_then(|rest| rest.get(1..)?.strip_prefix(b" "));
        let digits = rest.and_then(|rest| std::str::from_utf8(rest.get(..3)?).ok());
        match (rest, digits.and_then(|digits| digits.parse().ok())) {
            (Some(text), Some(code)) => Ok(HttpStatus {
                code,
                text: printable(shortened(text)),
            }),
            _ => Err(ProxyError::OtherProtocol("HTTP", quoted(line))),
        }
    }

    /// Skips the header fields and the empty line after them.
    fn skip_header(&mut self) -> Result<(), ProxyError> {
        for _ in 0..MAX_HEADER_LINES {
            if self.wire.line(self.deadline)?.is_empty() {
                return Ok(());
            }
        }
        let answer = format!("with more than {MAX_HEADER_LINES} header lines");
        Err(ProxyError::OtherProtocol("HTTP", answer))
    }

    /// Adds to the outbox.
    fn send(&mut self, bytes: &[u8]) {
        self.wire.outbox.extend_from_slice(bytes);
    }

    /// Sends the outbox, and wipes it: it may have contained a password.
    fn flush(&mut self) -> Result<(), ProxyError> {
        let left = self.deadline.left();
        let left = left.ok_or(WireError::Timeout(self.deadline.whole()))?;
        let flushed = self.wire.flush(left);
        self.wire.outbox.zeroize();
        Ok(flushed?)
    }

    fn byte(&mut self) -> Result<u8, ProxyError> {
        let [byte] = self.array()?;
        Ok(byte)
    }

    fn array<const N: usize>(&mut self) -> Result<[u8; N], ProxyError> {
        let bytes = self.wire.bytes(N, self.deadline)?;
        let mut array = [0; N];
        array.copy_from_slice(bytes);
        Ok(array)
    }
}

struct HttpStatus {
    code: u16,
    /// The code and the reason, printable.
    text: String,
}

/// The address of a server: a name is sent as it is, because the proxy resolves it.
fn socks_address(host: &str) -> Result<Vec<u8>, ProxyError> {
    let mut bytes = Vec::with_capacity(host.len() + 2);
    match host.parse() {
        Ok(IpAddr::V4(ip)) => {
            bytes.push(IPV4);
            bytes.extend(ip.octets());
        }
        Ok(IpAddr::V6(ip)) => {
            bytes.push(IPV6);
            bytes.extend(ip.octets());
        }
        Err(_) => {
            let length = u8::try_from(host.len()).map_err(|_| ProxyError::NameLength)?;
            bytes.extend([NAME, length]);
            bytes.extend_from_slice(host.as_bytes());
        }
    }
    Ok(bytes)
}

/// The meaning of a reply code (RFC 1928 §6).
fn refusal(code: u8) -> String {
    let words = match code {
        1 => "general failure",
        2 => "not allowed by its rules",
        3 => "network unreachable",
        4 => "host unreachable",
        5 => "connection refused",
        6 => "time to live expired",
        7 => "command not supported",
        8 => "address type not supported",
        other => return format!("code {other}"),
    };
    words.to_owned()
}

/// User and password.
fn parts(login: &Login) -> (&[u8], &[u8]) {
    let user = login.user.as_deref().unwrap_or_default().as_bytes();
    match &login.proof {
        Proof::Password(secret) | Proof::Token(secret) => (user, secret.expose()),
        Proof::Elsewhere => (user, b""),
    }
}

/// `user:password` in base64 (RFC 7617 §2).
fn basic(login: &Login) -> Zeroizing<String> {
    let (user, password) = parts(login);
    let mut plain = Zeroizing::new(Vec::with_capacity(user.len() + password.len() + 1));
    plain.extend_from_slice(user);
    plain.push(b':');
    plain.extend_from_slice(password);
    let mut text = Zeroizing::new(String::with_capacity(plain.len().div_ceil(3) * 4));
    BASE64_STANDARD.encode_string(&*plain, &mut text);
    text
}

fn shortened(bytes: &[u8]) -> &[u8] {
    &bytes[..bytes.len().min(MAX_SHOWN)]
}

/// The first line of an answer, in quotation marks.
fn quoted(bytes: &[u8]) -> String {
    let line = bytes.split(|byte| b"\r\n".contains(byte)).next();
    format!("\"{}\"", printable(shortened(line.unwrap_or_default())))
}

#[cfg(test)]
mod tests;
