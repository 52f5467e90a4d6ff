//! New keys.

use crate::system::secret::Secret;
use base64::prelude::{BASE64_STANDARD, Engine as _};
use ring::rand::{SecureRandom as _, SystemRandom};
use std::process::Command;
use zeroize::Zeroizing;

/// PKCS#8 (RFC 8410 §7) up to the 32 octets of the key. `ring` writes the public key after them, which some
/// versions of OpenSSL do not read.
const ED25519_INFO: [u8; 16] = [
    0x30, 0x2e, 0x02, 0x01, 0x00, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x04, 0x22, 0x04, 0x20,
];

/// A new Ed25519 key in PEM. `None`: the system has no random numbers.
pub fn ed25519_pem() -> Option<Secret> {
    let mut key = Zeroizing::new([0; 48]);
    key[..16].copy_from_slice(&ED25519_INFO);
    SystemRandom::new().fill(&mut key[16..]).ok()?;
    let text = Zeroizing::new(BASE64_STANDARD.encode(*key));
    let mut pem = Vec::with_capacity(128);
    pem.extend_from_slice(b"-----BEGIN PRIVATE KEY-----\n");
    pem.extend_from_slice(text.as_bytes());
    pem.extend_from_slice(b"\n-----END PRIVATE KEY-----\n");
    Some(Secret::new(pem))
}

/// The command that prints a new RSA key in PEM. `ring` makes none.
pub fn rsa_command() -> Command {
    let mut command = Command::new("openssl");
    let size = "rsa_keygen_bits:2048";
    command.args(["genpkey", "-algorithm", "RSA", "-pkeyopt", size]);
    command.env_remove("EHLO_PASSWORD");
    command
}
