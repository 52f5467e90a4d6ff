//! The messages of a server in a handshake. `None` from a function: the message is invalid.

use crate::client::wire::tls::Suite;
use crate::probe::scan::names::{Group, Scheme, Version};

/// Maximum number of certificates of a chain.
const MAX_CHAIN: usize = 32;

/// The random value of a `ServerHello` that requests another `ClientHello` (RFC 8446 §4.1.3).
const RETRY: [u8; 32] = [
    0xcf, 0x21, 0xad, 0x74, 0xe5, 0x9a, 0x61, 0x11, 0xbe, 0x1d, 0x8c, 0x02, 0x1e, 0x65, 0xb8, 0x91,
    0xc2, 0xa2, 0x11, 0x16, 0x7a, 0xbb, 0x8c, 0x5e, 0x07, 0x9e, 0x09, 0xe2, 0xc8, 0xa8, 0x33, 0x9c,
];

/// Reads numbers and vectors from a message.
pub struct Reader<'m> {
    rest: &'m [u8],
}

impl<'m> Reader<'m> {
    pub fn new(message: &'m [u8]) -> Self {
        Self { rest: message }
    }

    fn take(&mut self, count: usize) -> Option<&'m [u8]> {
        let (taken, rest) = self.rest.split_at_checked(count)?;
        self.rest = rest;
        Some(taken)
    }

    /// A number of up to four octets.
    fn number(&mut self, width: usize) -> Option<usize> {
        let octets = self.take(width)?;
        Some(
            octets
                .iter()
                .fold(0, |sum, octet| sum << 8 | usize::from(*octet)),
        )
    }

    fn u16(&mut self) -> Option<u16> {
        u16::try_from(self.number(2)?).ok()
    }

    /// A vector with a length of this many octets.
    fn vector(&mut self, width: usize) -> Option<&'m [u8]> {
        let length = self.number(width)?;
        self.take(length)
    }

    /// The extensions: number and content of each.
    fn extensions(&mut self) -> Option<Vec<(u16, &'m [u8])>> {
        let mut inside = Reader::new(self.vector(2)?);
        let mut all = Vec::new();
        while !inside.rest.is_empty() {
            all.push((inside.u16()?, inside.vector(2)?));
        }
        Some(all)
    }
}

/// A `ServerHello`, or a `HelloRetryRequest`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ServerHello {
    /// `None`: an unknown version.
    pub version: Option<Version>,
    pub suite: Suite,
    /// True if the server can find the session again by an identifier.
    pub has_session: bool,
    /// True if the compression of RFC 3749 was chosen.
    pub compresses: bool,
    /// Numbers of the extensions.
    pub extensions: Vec<u16>,
    /// The group of TLS 1.3 and the server's key; the key is empty in a `HelloRetryRequest`.
    pub share: Option<(Group, Vec<u8>)>,
    pub protocol: Option<String>,
    /// True if it asks for another `ClientHello`, with a key for the group.
    pub is_retry: bool,
}

impl ServerHello {
    pub fn read(reader: &mut Reader<'_>) -> Option<Self> {
        let legacy = reader.u16()?;
        let is_retry = reader.take(32)? == RETRY;
        let session = reader.vector(1)?;
        let suite = Suite(reader.u16()?);
        let compression = reader.number(1)?;
        let extensions = match reader.rest {
            [] => Vec::new(),
            _ => reader.extensions()?,
        };
        let mut hello = Self {
            version: Version::of(legacy),
            suite,
            has_session: !session.is_empty(),
            compresses: compression != 0,
            extensions: extensions.iter().map(|(number, _)| *number).collect(),
            share: None,
            protocol: None,
            is_retry,
        };
        for (number, content) in extensions {
            hello.extension(number, &mut Reader::new(content))?;
        }
        Some(hello)
    }

    fn extension(&mut self, number: u16, content: &mut Reader<'_>) -> Option<()> {
        match number {
            16 => self.protocol = Some(name(content)?),
            43 => self.version = Version::of(content.u16()?),
            51 => {
                let group = Group(content.u16()?);
                let key = if self.is_retry {
                    &[]
                } else {
                    content.vector(2)?
                };
                self.share = Some((group, key.to_vec()));
            }
            _ => {}
        }
        Some(())
    }

    pub fn has_extension(&self, number: u16) -> bool {
        self.extensions.contains(&number)
    }
}

/// The only entry of a list of protocols (RFC 7301 §3.1).
fn name(content: &mut Reader<'_>) -> Option<String> {
    let mut list = Reader::new(content.vector(2)?);
    Some(String::from_utf8_lossy(list.vector(1)?).into_owned())
}

/// `EncryptedExtensions`: the protocol chosen by ALPN.
///
/// # Errors
/// The message is invalid.
pub fn protocol(reader: &mut Reader<'_>) -> Result<Option<String>, ()> {
    let all = reader.extensions().ok_or(())?;
    let found = all.into_iter().find(|(number, _)| *number == 16);
    let name = found.map(|(_, content)| name(&mut Reader::new(content)).ok_or(()));
    name.transpose()
}

/// Certificate before TLS 1.3.
pub fn certificates(reader: &mut Reader<'_>) -> Option<Vec<Vec<u8>>> {
    let mut list = Reader::new(reader.vector(3)?);
    let mut chain = Vec::new();
    while !list.rest.is_empty() && chain.len() < MAX_CHAIN {
        chain.push(list.vector(3)?.to_vec());
    }
    Some(chain)
}

/// Certificate of TLS 1.3: the chain, and the OCSP response of the first certificate.
#[allow(clippy::type_complexity)]
pub fn certificates_of_tls13(reader: &mut Reader<'_>) -> Option<(Vec<Vec<u8>>, Option<Vec<u8>>)> {
    reader.vector(1)?;
    let mut list = Reader::new(reader.vector(3)?);
    let (mut chain, mut response) = (Vec::new(), None);
    while !list.rest.is_empty() && chain.len() < MAX_CHAIN {
        chain.push(list.vector(3)?.to_vec());
        let status = list
            .extensions()?
            .into_iter()
            .find(|(number, _)| *number == 5);
        if let (Some((_, content)), 1) = (status, chain.len()) {
            response = Some(staple(&mut Reader::new(content))?);
        }
    }
    Some((chain, response))
}

/// `CertificateStatus`: the OCSP response in DER.
pub fn staple(reader: &mut Reader<'_>) -> Option<Vec<u8>> {
    (reader.number(1)? == 1).then_some(())?;
    Some(reader.vector(3)?.to_vec())
}

/// `CertificateVerify`: the algorithm.
pub fn scheme(reader: &mut Reader<'_>) -> Option<Scheme> {
    reader.u16().map(Scheme)
}

/// The contents of `ServerKeyExchange`.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct KeyExchange {
    pub group: Option<Group>,
    pub prime_bits: Option<usize>,
    pub scheme: Option<Scheme>,
}

/// `ServerKeyExchange`. Signatures name their algorithm since TLS 1.2.
pub fn parameters(reader: &mut Reader<'_>, suite: Suite, is_12: bool) -> Option<KeyExchange> {
    let mut found = KeyExchange::default();
    if suite.has_hint() {
        reader.vector(2)?;
    }
    if suite.is_ecdhe() {
        // named_curve; others are not offered.
        (reader.number(1)? == 3).then_some(())?;
        found.group = Some(Group(reader.u16()?));
        reader.vector(1)?;
    } else if suite.is_dhe() {
        found.prime_bits = Some(bits(reader.vector(2)?));
        reader.vector(2)?;
        reader.vector(2)?;
    }
    if is_12 && suite.is_signed() {
        found.scheme = Some(Scheme(reader.u16()?));
    }
    Some(found)
}

/// Bits of a number without its leading zeros.
fn bits(number: &[u8]) -> usize {
    let zeros = number.iter().take_while(|octet| **octet == 0).count();
    let rest = &number[zeros..];
    let unused = rest
        .first()
        .map_or(0, |octet| octet.leading_zeros() as usize);
    rest.len() * 8 - unused
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bits_of_a_prime_are_counted_without_leading_zeros() {
        assert_eq!(bits(&[]), 0);
        assert_eq!(bits(&[0, 0]), 0);
        assert_eq!(bits(&[0, 1, 0]), 9);
        assert_eq!(bits(&[0xff; 128]), 1024);
    }

    #[test]
    fn truncated_messages_are_invalid() {
        let mut hello = vec![3, 3];
        hello.extend([7; 32]);
        hello.extend([0, 0xc0, 0x2f, 0, 0, 4, 0, 23, 0, 0]);
        let read = ServerHello::read(&mut Reader::new(&hello)).unwrap();
        assert_eq!(read.version, Some(Version::Tls12));
        assert!(read.has_extension(23) && !read.has_session);
        // Without extensions it is complete; other lengths are not.
        for length in (0..hello.len()).filter(|length| *length != 38) {
            let cut = Reader::new(&hello[..length]).rest;
            assert!(
                ServerHello::read(&mut Reader::new(cut)).is_none(),
                "{length}"
            );
        }
    }

    #[test]
    fn chain_is_bounded() {
        let mut list = Vec::new();
        for _ in 0..100 {
            list.extend([0, 0, 1, 0x30]);
        }
        let mut message = vec![0, 1, 0x90];
        message.extend(list);
        assert_eq!(
            certificates(&mut Reader::new(&message)).unwrap().len(),
            MAX_CHAIN
        );
    }
}
