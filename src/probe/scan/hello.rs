//! `ClientHello` messages (RFC 8446 §4.1.2, RFC 5246 §7.4.1.2, RFC 6101 §5.6.1).

use crate::client::wire::tls::Suite;
use crate::probe::scan::names::{Group, Scheme, Version};
use ring::agreement::{ECDH_P256, ECDH_P384, EphemeralPrivateKey, X25519};
use ring::rand::SystemRandom;
use std::net::IpAddr;

/// A `ClientHello`. It offers one version.
#[derive(Clone, Debug)]
pub struct Hello {
    pub version: Version,
    /// In the order of preference.
    pub suites: Vec<Suite>,
    pub groups: Vec<Group>,
    /// Only for TLS 1.2 and later.
    pub schemes: Vec<Scheme>,
    /// The group for which TLS 1.3 gets a key. `None`: no key, so that the server names the group that it
    /// prefers (RFC 8446 §4.2.8).
    pub share: Option<Group>,
    /// Protocols for ALPN. Empty: the extension is not sent.
    pub protocols: Vec<&'static str>,
    /// Offers to compress (RFC 3749); not in TLS 1.3.
    pub deflate: bool,
}

/// A message that is ready to be sent, and the key of its share.
pub struct EncodedHello {
    /// The handshake message, without a record header.
    pub message: Vec<u8>,
    pub key: Option<EphemeralPrivateKey>,
    /// Version in the header of its record.
    record_version: u16,
}

/// Groups for which this program can make a key.
pub const OWN_GROUPS: [Group; 3] = [Group::X25519, Group::SECP256R1, Group::SECP384R1];

impl Hello {
    /// Everything that a version can offer, with these suites.
    pub fn of(version: Version, suites: Vec<Suite>) -> Self {
        let (groups, schemes) = match version {
            Version::Tls13 => (Group::of_tls13(), Scheme::of_tls13()),
            Version::Tls12 => (Group::before_tls13(), Scheme::of_tls12()),
            _ => (Group::before_tls13(), Vec::new()),
        };
        Self {
            version,
            suites,
            groups,
            schemes,
            share: None,
            protocols: Vec::new(),
            deflate: false,
        }
    }

    /// The message. `server`: the name for SNI, which is left out if it is an address (RFC 6066 §3).
    pub fn encode(&self, server: &str) -> EncodedHello {
        let (key, share) = self.share.and_then(own_share).unzip();
        let mut body = Vec::with_capacity(2048);
        body.extend(
            self.version
                .number()
                .min(Version::Tls12.number())
                .to_be_bytes(),
        );
        body.extend(std::iter::repeat_with(|| fastrand::u8(..)).take(32));
        // A session ID makes TLS 1.3 look like a resumption, as middleboxes expect (RFC 8446 §D.4).
        let session: Vec<u8> = match self.version {
            Version::Tls13 => std::iter::repeat_with(|| fastrand::u8(..))
                .take(32)
                .collect(),
            _ => Vec::new(),
        };
        vector(&mut body, 1, &session);
        vector(
            &mut body,
            2,
            &numbers(self.sent_suites().map(|suite| suite.0)),
        );
        vector(&mut body, 1, if self.deflate { &[1, 0] } else { &[0] });
        if self.version != Version::Ssl3 {
            vector(
                &mut body,
                2,
                &self.extensions(server, &share.unwrap_or_default()),
            );
        }
        let mut message = vec![1];
        vector(&mut message, 3, &body);
        EncodedHello {
            message,
            key,
            record_version: self.version.number().min(Version::Tls10.number()),
        }
    }

    /// `SSLv3` has no extensions, and says by a suite that it knows RFC 5746.
    fn sent_suites(&self) -> impl Iterator<Item = Suite> {
        let signal = (self.version == Version::Ssl3).then_some(Suite::EMPTY_RENEGOTIATION_INFO);
        self.suites.iter().copied().chain(signal)
    }

    fn extensions(&self, server: &str, share: &[u8]) -> Vec<u8> {
        let mut all = Vec::new();
        if server.parse::<IpAddr>().is_err() && server.contains('.') {
            let mut name = vec![0];
            vector(&mut name, 2, server.trim_end_matches('.').as_bytes());
            extension(&mut all, 0, &in_vector(2, &name));
        }
        // OCSP, no responders, no extensions.
        extension(&mut all, 5, &[1, 0, 0, 0, 0]);
        if !self.groups.is_empty() {
            let groups = numbers(self.groups.iter().map(|group| group.0));
            extension(&mut all, 10, &in_vector(2, &groups));
        }
        if !self.schemes.is_empty() {
            let schemes = numbers(self.schemes.iter().map(|scheme| scheme.0));
            extension(&mut all, 13, &in_vector(2, &schemes));
        }
        if !self.protocols.is_empty() {
            let mut names = Vec::new();
            for protocol in &self.protocols {
                vector(&mut names, 1, protocol.as_bytes());
            }
            extension(&mut all, 16, &in_vector(2, &names));
        }
        if self.version == Version::Tls13 {
            extension(&mut all, 43, &[2, 3, 4]);
            extension(&mut all, 45, &[1, 1]);
            extension(&mut all, 51, &in_vector(2, share));
        } else {
            // Points without compression; encrypt-then-MAC, extended master secret, tickets, RFC 5746.
            extension(&mut all, 11, &[1, 0]);
            for empty in [22, 23, 35] {
                extension(&mut all, empty, &[]);
            }
            extension(&mut all, 0xff01, &[0]);
        }
        all
    }
}

impl EncodedHello {
    /// The octets to send.
    pub fn record(&self) -> Vec<u8> {
        let mut record = vec![22];
        record.extend(self.record_version.to_be_bytes());
        vector(&mut record, 2, &self.message);
        record
    }
}

/// A key for a group, and the entry of the extension `key_share`.
fn own_share(group: Group) -> Option<(EphemeralPrivateKey, Vec<u8>)> {
    let algorithm = match group {
        Group::X25519 => &X25519,
        Group::SECP256R1 => &ECDH_P256,
        Group::SECP384R1 => &ECDH_P384,
        _ => return None,
    };
    let key = EphemeralPrivateKey::generate(algorithm, &SystemRandom::new()).ok()?;
    let public = key.compute_public_key().ok()?;
    let mut entry = group.0.to_be_bytes().to_vec();
    vector(&mut entry, 2, public.as_ref());
    Some((key, entry))
}

fn numbers(all: impl Iterator<Item = u16>) -> Vec<u8> {
    all.flat_map(u16::to_be_bytes).collect()
}

fn extension(all: &mut Vec<u8>, number: u16, content: &[u8]) {
    all.extend(number.to_be_bytes());
    vector(all, 2, content);
}

fn in_vector(width: usize, content: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(content.len() + width);
    vector(&mut out, width, content);
    out
}

/// Appends a length of this many octets, and the content.
pub fn vector(out: &mut Vec<u8>, width: usize, content: &[u8]) {
    let length = content.len().to_be_bytes();
    out.extend(&length[length.len() - width..]);
    out.extend(content);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn record_and_message_have_their_lengths() {
        for version in Version::ALL {
            let hello = Hello::of(version, Suite::all().collect()).encode("mx.example.org");
            let record = hello.record();
            let length = |at: usize| usize::from(record[at]) << 8 | usize::from(record[at + 1]);
            assert_eq!(record[0], 22);
            assert_eq!(length(3), record.len() - 5);
            assert_eq!(length(7), record.len() - 9);
            let is_named = record.windows(14).any(|part| part == b"mx.example.org");
            assert_eq!(is_named, version != Version::Ssl3);
        }
    }

    #[test]
    fn address_is_not_sent_as_a_name() {
        let hello = Hello::of(Version::Tls12, vec![Suite(0xc02f)]);
        for address in ["192.0.2.7", "2001:db8::7", "localhost"] {
            let record = hello.encode(address).record();
            let name = address.as_bytes();
            assert!(
                !record.windows(name.len()).any(|part| part == name),
                "{address}"
            );
        }
    }

    #[test]
    fn key_is_made_for_the_share() {
        let mut hello = Hello::of(Version::Tls13, vec![Suite(0x1301)]);
        assert!(hello.encode("mx.example.org").key.is_none());
        for group in OWN_GROUPS {
            hello.share = Some(group);
            assert!(hello.encode("mx.example.org").key.is_some());
        }
    }
}
