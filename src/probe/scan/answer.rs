//! The answer of a server to a `ClientHello`: its records and messages, up to where the client would go on. The
//! octets come from anyone; all of them are bounded.

use crate::probe::scan::hello::EncodedHello;
use crate::probe::scan::messages::{
    Reader, ServerHello, certificates, certificates_of_tls13, parameters, protocol, scheme, staple,
};
use crate::probe::scan::names::{Alert, Group, Scheme, Version};
use crate::probe::scan::secrets::ServerKeys;
use crate::system::text::printable;
use ring::agreement::{EphemeralPrivateKey, UnparsedPublicKey, agree_ephemeral};

/// Maximum length of the answer, in octets. Long chains have some ten thousand.
const MAX_ANSWER: usize = 256 * 1024;

/// Maximum length of a record: 2^14 octets and what encryption adds (RFC 5246 §6.2.3).
const MAX_RECORD: usize = (1 << 14) + 2048;

/// Length of an alert in TLS 1.3: level, description, content type, tag.
const ENCRYPTED_ALERT: usize = 2 + 1 + 16;

/// What a server answered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Answer {
    Accepted(Box<ServerFlight>),
    /// It ended the handshake. `None`: without an alert.
    Refused(Option<Alert>),
    /// Something else, for this reason.
    Unknown(String),
    /// Nothing within the time limit.
    Silent(String),
}

/// The first messages of a server.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ServerFlight {
    pub hello: ServerHello,
    /// The group of an elliptic curve, or that of TLS 1.3.
    pub group: Option<Group>,
    /// Bits of the prime for Diffie-Hellman.
    pub prime_bits: Option<usize>,
    /// The algorithm of the server's signature in the handshake.
    pub scheme: Option<Scheme>,
    /// The certificates in DER, the server's own first.
    pub chain: Vec<Vec<u8>>,
    /// The OCSP response, if it is stapled.
    pub staple: Option<Vec<u8>>,
    /// The protocol chosen by ALPN.
    pub protocol: Option<String>,
    /// True if the server requests a client certificate.
    pub requests_certificate: bool,
}

/// The header and the content of a record.
type Record = ([u8; 5], Vec<u8>);

/// How much of the answer is needed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Extent {
    Hello,
    /// Up to the signature of the server, or the end of its messages.
    Flight,
}

/// Reads an answer as its octets arrive.
pub struct AnswerReader {
    extent: Extent,
    /// Unread octets of records.
    octets: Vec<u8>,
    /// Unread octets of handshake messages.
    messages: Vec<u8>,
    total: usize,
    client_hello: Vec<u8>,
    key: Option<EphemeralPrivateKey>,
    keys: Option<ServerKeys>,
    flight: Option<ServerFlight>,
}

impl AnswerReader {
    pub fn new(hello: EncodedHello, extent: Extent) -> Self {
        Self {
            extent,
            octets: Vec::new(),
            messages: Vec::new(),
            total: 0,
            client_hello: hello.message,
            key: hello.key,
            keys: None,
            flight: None,
        }
    }

    /// Adds octets. Returns the answer when it is complete.
    pub fn add(&mut self, octets: &[u8]) -> Option<Answer> {
        self.total += octets.len();
        self.octets.extend_from_slice(octets);
        loop {
            match self.next_record() {
                Ok(Some((header, content))) => {
                    if let Some(answer) = self.record(header, content) {
                        return Some(answer);
                    }
                }
                Ok(None) if self.total > MAX_ANSWER => {
                    let why = format!("sent more than {MAX_ANSWER} bytes in a handshake");
                    return Some(Answer::Unknown(why));
                }
                Ok(None) => return None,
                Err(why) => return Some(Answer::Unknown(why)),
            }
        }
    }

    /// The answer when nothing follows, because the connection was closed.
    pub fn end(&mut self) -> Answer {
        match self.flight.take() {
            Some(flight) => Answer::Accepted(Box::new(flight)),
            None if self.octets.is_empty() => Answer::Refused(None),
            None => Answer::Unknown(not_tls(&self.octets)),
        }
    }

    /// The next complete record.
    fn next_record(&mut self) -> Result<Option<Record>, String> {
        let Some(&kind) = self.octets.first() else {
            return Ok(None);
        };
        let is_version = self.octets.get(1).is_none_or(|major| *major == 3);
        if !(20..=23).contains(&kind) || !is_version {
            // A line of text may come in pieces.
            let is_whole = self.octets.len() > 128 || self.octets.contains(&b'\n');
            return if is_whole || !kind.is_ascii_graphic() {
                Err(not_tls(&self.octets))
            } else {
                Ok(None)
            };
        }
        let Some(&header) = self.octets.first_chunk::<5>() else {
            return Ok(None);
        };
        let length = usize::from(u16::from_be_bytes([header[3], header[4]]));
        if length > MAX_RECORD {
            return Err(format!("sent a TLS record of {length} bytes"));
        }
        if self.octets.len() < 5 + length {
            return Ok(None);
        }
        let content = self.octets[5..5 + length].to_vec();
        self.octets.drain(..5 + length);
        Ok(Some((header, content)))
    }

    fn record(&mut self, header: [u8; 5], content: Vec<u8>) -> Option<Answer> {
        match header[0] {
            20 => None,
            21 => alert(&content),
            22 => self.handshake(&content),
            _ => self.encrypted(header, content),
        }
    }

    fn encrypted(&mut self, header: [u8; 5], content: Vec<u8>) -> Option<Answer> {
        let Some(keys) = &mut self.keys else {
            // Without keys, an alert is known by its length.
            return match self.flight.take() {
                Some(_) if content.len() == ENCRYPTED_ALERT => Some(Answer::Refused(None)),
                Some(flight) => Some(Answer::Accepted(Box::new(flight))),
                None => Some(Answer::Unknown(
                    "sent encrypted data without a handshake".to_owned(),
                )),
            };
        };
        match keys.open(header, content) {
            Some((21, content)) => alert(&content),
            Some((22, content)) => self.handshake(&content),
            _ => Some(Answer::Unknown(
                "sent a record that cannot be decrypted".to_owned(),
            )),
        }
    }

    fn handshake(&mut self, content: &[u8]) -> Option<Answer> {
        self.messages.extend_from_slice(content);
        loop {
            let &[kind, a, b, c] = self.messages.first_chunk::<4>()?;
            let length = usize::from(a) << 16 | usize::from(b) << 8 | usize::from(c);
            if length > MAX_ANSWER {
                return Some(Answer::Unknown(format!(
                    "sent a TLS message of {length} bytes"
                )));
            }
            if self.messages.len() < 4 + length {
                return None;
            }
            let message: Vec<u8> = self.messages.drain(..4 + length).collect();
            match self.message(kind, &message) {
                Some(true) => return Some(self.end()),
                Some(false) => {}
                None => {
                    let why = format!("sent an invalid TLS message of type {kind}");
                    return Some(Answer::Unknown(why));
                }
            }
        }
    }

    /// Returns true when no more is needed; `None` if the message is invalid.
    fn message(&mut self, kind: u8, message: &[u8]) -> Option<bool> {
        let mut reader = Reader::new(&message[4..]);
        let Some(flight) = &mut self.flight else {
            return if kind == 2 {
                self.server_hello(message)
            } else {
                None
            };
        };
        let is_13 = flight.hello.version == Some(Version::Tls13);
        match kind {
            8 => flight.protocol = protocol(&mut reader).ok()?,
            11 if is_13 => (flight.chain, flight.staple) = certificates_of_tls13(&mut reader)?,
            11 => flight.chain = certificates(&mut reader)?,
            12 => {
                let is_12 = flight.hello.version == Some(Version::Tls12);
                let found = parameters(&mut reader, flight.hello.suite, is_12)?;
                flight.group = found.group;
                flight.prime_bits = found.prime_bits;
                flight.scheme = found.scheme;
            }
            13 => flight.requests_certificate = true,
            15 => flight.scheme = Some(scheme(&mut reader)?),
            22 => flight.staple = Some(staple(&mut reader)?),
            _ => {}
        }
        // ServerHelloDone; CertificateVerify and Finished of TLS 1.3.
        Some(matches!(kind, 14 | 15 | 20))
    }

    fn server_hello(&mut self, message: &[u8]) -> Option<bool> {
        let hello = ServerHello::read(&mut Reader::new(&message[4..]))?;
        let group = hello.share.as_ref().map(|(group, _)| *group);
        let is_13 = hello.version == Some(Version::Tls13);
        if is_13 && self.extent == Extent::Flight {
            self.keys = self.derive(&hello, message);
        }
        let is_enough = self.extent == Extent::Hello || hello.is_retry;
        self.flight = Some(ServerFlight {
            protocol: hello.protocol.clone(),
            hello,
            group,
            ..ServerFlight::default()
        });
        Some(is_enough)
    }

    fn derive(&mut self, hello: &ServerHello, message: &[u8]) -> Option<ServerKeys> {
        let (_, public) = hello.share.as_ref()?;
        let key = self.key.take()?;
        let public = UnparsedPublicKey::new(key.algorithm(), public);
        let transcript = [&self.client_hello, message].concat();
        agree_ephemeral(key, &public, |shared| {
            ServerKeys::derive(hello.suite, shared, &transcript)
        })
        .ok()?
    }
}

/// `None`: a warning, such as `unrecognized_name`, which does not end a handshake.
fn alert(content: &[u8]) -> Option<Answer> {
    let &[level, description] = content else {
        return Some(Answer::Unknown("sent an invalid alert".to_owned()));
    };
    let alert = Alert(description);
    let is_end = level == 2 || alert == Alert::CLOSE_NOTIFY;
    is_end.then_some(Answer::Refused(Some(alert)))
}

fn not_tls(octets: &[u8]) -> String {
    let start = &octets[..octets.len().min(60)];
    let end = start
        .iter()
        .position(|octet| matches!(octet, b'\r' | b'\n'));
    format!(
        "sent \"{}\" instead of TLS",
        printable(&start[..end.unwrap_or(start.len())])
    )
}
