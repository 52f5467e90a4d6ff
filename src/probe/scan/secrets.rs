//! The keys with which a server of TLS 1.3 encrypts its part of the handshake (RFC 8446 §7). They are used to
//! read it; nothing is sent with them.

use crate::client::wire::tls::Suite;
use crate::probe::scan::hello::vector;
use ring::aead::{
    AES_128_GCM, AES_256_GCM, Aad, CHACHA20_POLY1305, LessSafeKey, Nonce, UnboundKey,
};
use ring::{aead, digest, hmac};

/// Decrypts the records of a server up to its Finished.
pub struct ServerKeys {
    key: LessSafeKey,
    iv: [u8; 12],
    sequence: u64,
}

/// The functions of a suite.
struct Functions {
    hash: &'static digest::Algorithm,
    mac: hmac::Algorithm,
    cipher: &'static aead::Algorithm,
}

impl ServerKeys {
    /// `transcript`: `ClientHello` and `ServerHello`. `None`: the suite is not supported here.
    pub fn derive(suite: Suite, shared: &[u8], transcript: &[u8]) -> Option<Self> {
        let functions = Functions::of(suite)?;
        let zero = vec![0; functions.hash.output_len()];
        let early = functions.extract(&[], &zero);
        let nothing = digest::digest(functions.hash, &[]);
        let derived = functions.expand(&early, "derived", nothing.as_ref(), zero.len());
        let secret = functions.extract(&derived, shared);
        let hash = digest::digest(functions.hash, transcript);
        let traffic = functions.expand(&secret, "s hs traffic", hash.as_ref(), zero.len());
        let key = functions.expand(&traffic, "key", &[], functions.cipher.key_len());
        let iv = functions.expand(&traffic, "iv", &[], 12);
        Some(Self {
            key: LessSafeKey::new(UnboundKey::new(functions.cipher, &key).ok()?),
            iv: iv.try_into().ok()?,
            sequence: 0,
        })
    }

    /// The content type and the content of a record. `None`: it cannot be decrypted.
    pub fn open(&mut self, header: [u8; 5], mut content: Vec<u8>) -> Option<(u8, Vec<u8>)> {
        let mut nonce = self.iv;
        for (octet, count) in nonce[4..].iter_mut().zip(self.sequence.to_be_bytes()) {
            *octet ^= count;
        }
        self.sequence += 1;
        let nonce = Nonce::assume_unique_for_key(nonce);
        let length = self
            .key
            .open_in_place(nonce, Aad::from(header), &mut content)
            .ok()?
            .len();
        content.truncate(length);
        // The type is followed by padding (RFC 8446 §5.4).
        let end = content.iter().rposition(|octet| *octet != 0)?;
        let kind = content[end];
        content.truncate(end);
        Some((kind, content))
    }
}

impl Functions {
    fn of(suite: Suite) -> Option<Self> {
        let (hash, mac, cipher) = match suite.0 {
            0x1301 => (&digest::SHA256, hmac::HMAC_SHA256, &AES_128_GCM),
            0x1302 => (&digest::SHA384, hmac::HMAC_SHA384, &AES_256_GCM),
            0x1303 => (&digest::SHA256, hmac::HMAC_SHA256, &CHACHA20_POLY1305),
            _ => return None,
        };
        Some(Self { hash, mac, cipher })
    }

    /// HKDF-Extract (RFC 5869 §2.2).
    fn extract(&self, salt: &[u8], input: &[u8]) -> Vec<u8> {
        hmac::sign(&hmac::Key::new(self.mac, salt), input)
            .as_ref()
            .to_vec()
    }

    /// HKDF-Expand-Label (RFC 8446 §7.1), of at most the length of the hash.
    fn expand(&self, secret: &[u8], label: &str, context: &[u8], length: usize) -> Vec<u8> {
        let mut info = Vec::new();
        info.extend(u16::try_from(length).unwrap_or_default().to_be_bytes());
        vector(&mut info, 1, format!("tls13 {label}").as_bytes());
        vector(&mut info, 1, context);
        // The counter of the first and only block.
        info.push(1);
        let mut out = self.extract(secret, &info);
        out.truncate(length);
        out
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn octets(hex: &str) -> Vec<u8> {
        let hex: String = hex.split_whitespace().collect();
        let pair = |at| u8::from_str_radix(&hex[at..at + 2], 16).unwrap();
        (0..hex.len()).step_by(2).map(pair).collect()
    }

    /// RFC 8448 §3, "Simple 1-RTT Handshake".
    #[test]
    fn keys_are_those_of_rfc_8448() {
        let functions = Functions::of(Suite(0x1301)).unwrap();
        let early = functions.extract(&[], &[0; 32]);
        let nothing = digest::digest(functions.hash, &[]);
        let derived = functions.expand(&early, "derived", nothing.as_ref(), 32);
        assert_eq!(
            derived,
            octets("6f2615a108c702c5678f54fc9dbab69716c076189c48250cebeac3576c3611ba")
        );
        let shared = octets("8bd4054fb55b9d63fdfbacf9f04b9f0d35e6d63f537563efd46272900f89492d");
        let secret = functions.extract(&derived, &shared);
        let hash = octets("860c06edc07858ee8e78f0e7428c58edd6b43f2ca3e6e95f02ed063cf0e1cad8");
        assert_eq!(
            secret,
            octets("1dc826e93606aa6fdc0aadc12f741b01046aa6b99f691ed221a9f0ca043fbeac")
        );
        let traffic = functions.expand(&secret, "s hs traffic", &hash, 32);
        assert_eq!(
            traffic,
            octets("b67b7d690cc16c4e75e54213cb2d37b4e9c912bcded9105d42befd59d391ad38")
        );
        let key = functions.expand(&traffic, "key", &[], 16);
        assert_eq!(key, octets("3fce516009c21727d0f2e4e86ee403bc"));
        let iv = functions.expand(&traffic, "iv", &[], 12);
        assert_eq!(iv, octets("5d313eb2671276ee13000b30"));
    }

    #[test]
    fn unsupported_suite_has_no_keys() {
        assert!(ServerKeys::derive(Suite(0x1304), &[1; 32], b"").is_none());
    }
}
