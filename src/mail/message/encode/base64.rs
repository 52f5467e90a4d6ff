//! Base64 in lines of 76 (RFC 2045 §6.8): the SIMD engine encodes whole blocks, then one copy breaks the
//! lines. An order of magnitude faster than encoding line by line.

use crate::mail::message::encode::Encoder;
use base64::engine::{Engine, Simd, general_purpose::PAD};

/// Bytes in a line of 76 characters.
const LINE_INPUT: usize = 57;

/// Characters in a line.
const LINE: usize = 76;

/// The best input size for one call.
pub const INPUT_BLOCK: usize = LINE_INPUT * 2048;

/// An encoding in progress. Bytes that do not fill a line wait for the next block.
pub struct Base64 {
    engine: Simd,
    waiting: Vec<u8>,
    characters: Vec<u8>,
}

impl Default for Base64 {
    fn default() -> Self {
        Self {
            engine: Simd::standard(PAD),
            waiting: Vec::new(),
            characters: Vec::new(),
        }
    }
}

/// Encoded size of `bytes` bytes in octets, with a line end after the last line.
pub fn encoded_len(bytes: u64) -> u64 {
    let characters = bytes.div_ceil(3) * 4;
    characters + 2 * characters.div_ceil(LINE as u64)
}

impl Base64 {
    /// Encodes and breaks into lines. Only the last call may have bytes that do not fill a line.
    fn lines(&mut self, bytes: &[u8], out: &mut Vec<u8>) {
        let characters = bytes.len().div_ceil(3) * 4;
        if self.characters.len() < characters {
            self.characters.resize(characters, 0);
        }
        let encoded = self.engine.encode_slice(bytes, &mut self.characters);
        // The buffer has space for exactly this many characters.
        let count = encoded.unwrap_or(0);
        debug_assert_eq!(count, characters);
        let start = out.len();
        let whole = count / LINE;
        out.resize(start + whole * (LINE + 2), 0);
        let (full, tail) = self.characters[..count].split_at(whole * LINE);
        let into = out[start..].chunks_exact_mut(LINE + 2);
        for (line, into) in full.chunks_exact(LINE).zip(into) {
            into[..LINE].copy_from_slice(line);
            into[LINE..].copy_from_slice(b"\r\n");
        }
        if !tail.is_empty() {
            out.extend_from_slice(tail);
            out.extend_from_slice(b"\r\n");
        }
    }
}

impl Encoder for Base64 {
    fn push(&mut self, bytes: &[u8], out: &mut Vec<u8>) {
        if self.waiting.is_empty() {
            let whole = bytes.len() - bytes.len() % LINE_INPUT;
            self.lines(&bytes[..whole], out);
            self.waiting.extend_from_slice(&bytes[whole..]);
            return;
        }
        let mut waiting = std::mem::take(&mut self.waiting);
        waiting.extend_from_slice(bytes);
        let whole = waiting.len() - waiting.len() % LINE_INPUT;
        self.lines(&waiting[..whole], out);
        waiting.drain(..whole);
        self.waiting = waiting;
    }

    fn finish(&mut self, out: &mut Vec<u8>) {
        let waiting = std::mem::take(&mut self.waiting);
        self.lines(&waiting, out);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::mail::message::encode::{Encoding, encoded};

    #[test]
    fn lines_have_76_characters_and_the_computed_size() {
        for length in [0, 1, 2, 3, 56, 57, 58, 114, 1000, 58_368, 58_369] {
            let bytes: Vec<u8> = (0..length)
                .map(|n: usize| (n * 7).to_le_bytes()[0])
                .collect();
            let out = encoded(Encoding::Base64, &bytes, length / 2);
            assert_eq!(out.len() as u64, encoded_len(length as u64), "{length}");
            let text = String::from_utf8(out).unwrap();
            assert!(text.split("\r\n").all(|line| line.len() <= 76));
            let joined = text.replace("\r\n", "");
            let back = base64::engine::general_purpose::STANDARD.decode(joined);
            assert_eq!(back.unwrap(), bytes);
        }
    }
}
