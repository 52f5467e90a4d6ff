//! NTLM, version 1 (MS-NLMP): the messages of `Authen::NTLM`, which swaks uses. The responses can be broken by an
//! attacker who sees them; servers that still accept them are to be found with this.

use des::Des;
use des::cipher::{BlockEncrypt as _, KeyInit as _};
use md4::{Digest as _, Md4};

/// The beginning of each message.
const SIGNATURE: [u8; 8] = *b"NTLMSSP\0";

/// The flags of the first message: Unicode, OEM, request target, NTLM, workstation supplied, always sign.
const FLAGS: u32 = 0xa207;

/// Length of the fixed part of the last message.
const HEADER: usize = 64;

/// The text that the LAN Manager hash encrypts.
const MAGIC: [u8; 8] = *b"KGS!@#$%";

/// The first message. It names neither domain nor workstation.
pub fn negotiate() -> Vec<u8> {
    let mut message = SIGNATURE.to_vec();
    message.extend(1_u32.to_le_bytes());
    message.extend(FLAGS.to_le_bytes());
    message.extend([0; 16]);
    message
}

/// The last message: the responses to a challenge. What the challenge lacks is zero.
pub fn authenticate(challenge: &[u8], user: &[u8], password: &[u8]) -> Vec<u8> {
    let nonce: [u8; 8] = field(challenge, 24);
    let flags: [u8; 4] = field(challenge, 20);
    let domain = domain(challenge);
    let user = utf16(user);
    let parts: [&[u8]; 6] = [
        &response(&lm_hash(password), nonce),
        &response(&nt_hash(password), nonce),
        domain,
        &user,
        // As the workstation, the user is sent.
        &user,
        &[],
    ];
    let mut message = SIGNATURE.to_vec();
    message.extend(3_u32.to_le_bytes());
    let mut offset = HEADER;
    for part in parts {
        let start = if part.is_empty() {
            offset - HEADER
        } else {
            offset
        };
        let length = u16::try_from(part.len()).unwrap_or(u16::MAX).to_le_bytes();
        message.extend([length, length].concat());
        message.extend(u32::try_from(start).unwrap_or(u32::MAX).to_le_bytes());
        offset += part.len();
    }
    message.extend(flags);
    for part in parts {
        message.extend(part);
    }
    message
}

/// Octets at an offset, zeros if the message is too short.
fn field<const N: usize>(message: &[u8], at: usize) -> [u8; N] {
    let field = message.get(at..at + N);
    field
        .and_then(|field| field.try_into().ok())
        .unwrap_or([0; N])
}

/// The name of the target in the challenge.
fn domain(challenge: &[u8]) -> &[u8] {
    let length = usize::from(u16::from_le_bytes(field(challenge, 12)));
    let offset = u32::from_le_bytes(field(challenge, 16)) as usize;
    challenge.get(offset..offset + length).unwrap_or_default()
}

/// Each octet is one character, as in `Authen::NTLM`.
fn utf16(text: &[u8]) -> Vec<u8> {
    text.iter().flat_map(|&byte| [byte, 0]).collect()
}

fn lm_hash(password: &[u8]) -> [u8; 16] {
    let mut key = [0; 14];
    for (place, byte) in key.iter_mut().zip(password) {
        *place = byte.to_ascii_uppercase();
    }
    let mut hash = [0; 16];
    let (first, second) = key.split_at(7);
    hash[..8].copy_from_slice(&encrypted(first, MAGIC));
    hash[8..].copy_from_slice(&encrypted(second, MAGIC));
    hash
}

fn nt_hash(password: &[u8]) -> [u8; 16] {
    Md4::digest(utf16(password)).into()
}

/// The nonce, encrypted with the three parts of the hash.
fn response(hash: &[u8; 16], nonce: [u8; 8]) -> Vec<u8> {
    let mut key = [0; 21];
    key[..16].copy_from_slice(hash);
    let parts = key.chunks(7).map(|part| encrypted(part, nonce));
    parts.flatten().collect()
}

/// DES with a key of 56 bits.
fn encrypted(key: &[u8], block: [u8; 8]) -> [u8; 8] {
    let bits = key
        .iter()
        .fold(0_u64, |bits, &byte| bits << 8 | u64::from(byte));
    let mut spread = [0; 8];
    for (place, byte) in spread.iter_mut().enumerate() {
        let seven = bits >> (7 * (7 - place)) & 0x7f;
        *byte = u8::try_from(seven << 1).unwrap_or_default();
    }
    let mut block = block.into();
    Des::new(&spread.into()).encrypt_block(&mut block);
    block.into()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::system::certificate::hex;

    #[test]
    fn hashes_and_responses_are_those_of_ms_nlmp() {
        // MS-NLMP §4.2.2: the password is "Password".
        assert_eq!(
            hex(&lm_hash(b"Password")),
            "e52cac67419a9a224a3b108f3fa6cb6d"
        );
        assert_eq!(
            hex(&nt_hash(b"Password")),
            "a4f49c406510bdcab6824ee7c30fd852"
        );
        let nonce = [0x01, 0x23, 0x45, 0x67, 0x89, 0xab, 0xcd, 0xef];
        assert_eq!(
            hex(&response(&nt_hash(b"Password"), nonce)),
            "67c43011f30298a2ad35ece64f16331c44bdbed927841f94"
        );
    }

    #[test]
    fn a_short_challenge_is_not_read_beyond_its_end() {
        let message = authenticate(b"NTLMSSP\0\x02", b"alice", b"x");
        assert_eq!(&message[..12], b"NTLMSSP\0\x03\0\0\0");
        assert_eq!(negotiate().len(), 32);
    }
}
