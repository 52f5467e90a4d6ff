//! SCRAM (RFC 5802, RFC 7677), without channel binding.

use crate::server::auth::UserDatabase;
use crate::smtp::mechanism::Mechanism;
use base64::prelude::{BASE64_STANDARD, Engine as _};
use ring::digest::{self, digest};
use ring::{hmac, pbkdf2};
use std::borrow::Cow;
use std::num::NonZeroU32;

/// The minimum of RFC 7677 §4. A value of 0 would not compile.
const ROUNDS: NonZeroU32 = NonZeroU32::new(4096).unwrap();

/// The headers of a client without channel binding, with or without support for it.
const HEADERS: [&str; 2] = ["n,", "y,"];

/// The hash that a mechanism is built on.
#[derive(Clone, Copy)]
struct Hash {
    mac: hmac::Algorithm,
    digest: &'static digest::Algorithm,
    stretch: pbkdf2::Algorithm,
}

impl Hash {
    fn of(mechanism: Mechanism) -> Hash {
        match mechanism {
            Mechanism::ScramSha1 => Hash {
                mac: hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY,
                digest: &digest::SHA1_FOR_LEGACY_USE_ONLY,
                stretch: pbkdf2::PBKDF2_HMAC_SHA1,
            },
            _ => Hash {
                mac: hmac::HMAC_SHA256,
                digest: &digest::SHA256,
                stretch: pbkdf2::PBKDF2_HMAC_SHA256,
            },
        }
    }

    fn keyed(self, key: &[u8], text: &str) -> hmac::Tag {
        hmac::sign(&hmac::Key::new(self.mac, key), text.as_bytes())
    }
}

/// A login that waits for the client's proof.
pub struct Scram {
    pub user: String,
    hash: Hash,
    /// `None`: unknown user, who is rejected in the same step as one with a wrong password.
    salted: Option<Vec<u8>>,
    /// The header of the first message, in base64.
    binding: String,
    /// The first message without its header.
    bare: String,
    nonce: String,
    challenge: String,
}

impl Scram {
    /// Parses the first message; `None`: malformed.
    pub fn begin(
        mechanism: Mechanism,
        users: &UserDatabase,
        first: &str,
        fresh: &str,
    ) -> Option<Scram> {
        let header = HEADERS.iter().find(|header| first.starts_with(**header))?;
        let (authzid, bare) = first[header.len()..].split_once(',')?;
        let mut fields = bare.split(',');
        let user = name(fields.next()?.strip_prefix("n=")?)?;
        let theirs = fields.next()?.strip_prefix("r=")?;
        let hash = Hash::of(mechanism);
        let nonce = format!("{theirs}{fresh}");
        let salted = users.password(&user).map(|password| {
            let mut salted = vec![0; hash.digest.output_len()];
            let password = prepared(password.expose());
            // The nonce can serve as the salt: it is sent to the client, and is never repeated.
            pbkdf2::derive(
                hash.stretch,
                ROUNDS,
                fresh.as_bytes(),
                &password,
                &mut salted,
            );
            salted
        });
        let salt = BASE64_STANDARD.encode(fresh);
        Some(Scram {
            user,
            hash,
            salted,
            binding: BASE64_STANDARD.encode(format!("{header}{authzid},")),
            bare: bare.to_owned(),
            challenge: format!("r={nonce},s={salt},i={ROUNDS}"),
            nonce,
        })
    }

    /// The first message of the server.
    pub fn challenge(&self) -> &str {
        &self.challenge
    }

    /// The server's signature; `None`: the proof in the last message is wrong.
    pub fn verify(&self, last: &str) -> Option<String> {
        let salted = self.salted.as_ref()?;
        let (without_proof, proof) = last.rsplit_once(",p=")?;
        if without_proof != format!("c={},r={}", self.binding, self.nonce) {
            return None;
        }
        let sent = format!("{},{},{without_proof}", self.bare, self.challenge);
        let key = self.hash.keyed(salted, "Client Key");
        let stored = digest(self.hash.digest, key.as_ref());
        let signature = self.hash.keyed(stored.as_ref(), &sent);
        let proof = BASE64_STANDARD.decode(proof).ok()?;
        let pairs = key.as_ref().iter().zip(signature.as_ref());
        if !pairs.map(|(key, mask)| key ^ mask).eq(proof) {
            return None;
        }
        let key = self.hash.keyed(salted, "Server Key");
        let signature = self.hash.keyed(key.as_ref(), &sent);
        Some(format!("v={}", BASE64_STANDARD.encode(signature)))
    }
}

/// RFC 5802 §5.1: `=2C` is a comma and `=3D` an equals sign.
fn name(escaped: &str) -> Option<String> {
    let is_sound = escaped
        .match_indices('=')
        .all(|(at, _)| matches!(escaped.get(at + 1..at + 3), Some("2C" | "3D")));
    (is_sound && !escaped.is_empty()).then(|| escaped.replace("=2C", ",").replace("=3D", "="))
}

/// The password in the form that both sides hash (RFC 4013); unchanged if it cannot be prepared.
fn prepared(password: &[u8]) -> Cow<'_, [u8]> {
    let prepared = str::from_utf8(password).ok().map(stringprep::saslprep);
    match prepared {
        Some(Ok(Cow::Owned(text))) => Cow::Owned(text.into_bytes()),
        _ => Cow::Borrowed(password),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::system::secret::Secret;
    use std::collections::HashMap;

    fn users() -> UserDatabase {
        let user = ("a=b,c".to_owned(), Secret::new(b"pencil".into()));
        UserDatabase::Users(HashMap::from([user]))
    }

    fn begun(mechanism: Mechanism) -> Scram {
        Scram::begin(mechanism, &users(), "n,,n=a=3Db=2Cc,r=abc", "xyz").unwrap()
    }

    /// The last message of a client that has this password.
    fn last(scram: &Scram, password: &[u8]) -> String {
        let hash = scram.hash;
        let mut salted = vec![0; hash.digest.output_len()];
        pbkdf2::derive(hash.stretch, ROUNDS, b"xyz", password, &mut salted);
        let without_proof = "c=biws,r=abcxyz";
        let sent = format!("n=a=3Db=2Cc,r=abc,{},{without_proof}", scram.challenge);
        let key = hash.keyed(&salted, "Client Key");
        let stored = digest(hash.digest, key.as_ref());
        let signature = hash.keyed(stored.as_ref(), &sent);
        let pairs = key.as_ref().iter().zip(signature.as_ref());
        let proof: Vec<u8> = pairs.map(|(key, mask)| key ^ mask).collect();
        format!("{without_proof},p={}", BASE64_STANDARD.encode(proof))
    }

    #[test]
    fn right_password_gets_the_servers_signature() {
        for mechanism in [Mechanism::ScramSha1, Mechanism::ScramSha256] {
            let scram = begun(mechanism);
            assert_eq!(scram.user, "a=b,c");
            assert_eq!(scram.challenge(), "r=abcxyz,s=eHl6,i=4096");
            let signature = scram.verify(&last(&scram, b"pencil")).unwrap();
            assert!(signature.starts_with("v="));
        }
    }

    #[test]
    fn wrong_proof_is_rejected() {
        let scram = begun(Mechanism::ScramSha256);
        assert_eq!(scram.verify(&last(&scram, b"pen")), None);
        let right = last(&scram, b"pencil");
        for wrong in [
            right.replace("c=biws", "c=eSws"),
            right.replace("r=abcxyz", "r=abcxyy"),
            right.replace(",p=", ",p=="),
            right.replace(",p=", ""),
        ] {
            assert_eq!(scram.verify(&wrong), None, "{wrong}");
        }
    }

    #[test]
    fn unknown_user_gets_a_challenge_too() {
        let begin = |first| Scram::begin(Mechanism::ScramSha1, &users(), first, "xyz");
        let scram = begin("n,,n=eve,r=abc").unwrap();
        assert_eq!(scram.challenge(), "r=abcxyz,s=eHl6,i=4096");
        assert_eq!(scram.verify(&last(&scram, b"pencil")), None);
    }

    #[test]
    fn malformed_first_message_is_refused() {
        for first in [
            "",
            "n,,",
            "p=tls-unique,,n=a,r=b",
            "n,,n=a=2,r=b",
            "n,,n=,r=b",
            "n,,m=x,n=a,r=b",
        ] {
            let begun = Scram::begin(Mechanism::ScramSha1, &users(), first, "x");
            assert!(begun.is_none(), "{first}");
        }
    }
}
