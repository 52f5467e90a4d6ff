//! The decoded content of a part, as a stream.

use crate::mail::message::Source;
use base64::Engine as _;
use base64::alphabet::STANDARD;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use std::io;
use std::ops::Range;

const BLOCK: usize = 64 * 1024;

/// Accepts what senders make: bits after the last octet, and no padding.
const LENIENT: GeneralPurpose = GeneralPurpose::new(
    &STANDARD,
    GeneralPurposeConfig::new()
        .with_decode_allow_trailing_bits(true)
        .with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

/// The transfer encoding of a part (RFC 2045 §6). An unknown one is treated as [`TransferEncoding::None`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TransferEncoding {
    None,
    QuotedPrintable,
    Base64,
}

impl TransferEncoding {
    pub fn named(name: &str) -> Self {
        match name.trim() {
            name if name.eq_ignore_ascii_case("base64") => Self::Base64,
            name if name.eq_ignore_ascii_case("quoted-printable") => Self::QuotedPrintable,
            _ => Self::None,
        }
    }
}

/// Decodes these octets of a message, and passes the content on in blocks. What cannot be decoded is left out
/// (base64) or kept as it is (quoted-printable).
pub fn decode(
    message: &Source,
    (octets, encoding): (Range<u64>, TransferEncoding),
    consume: &mut dyn FnMut(&[u8]) -> io::Result<()>,
) -> io::Result<()> {
    let mut blocks = DecodedBlocks::new(message, (octets, encoding));
    let mut block = Vec::new();
    while blocks.append(&mut block)? {
        consume(&block)?;
        block.clear();
    }
    Ok(())
}

/// The decoded content of a part, block by block.
pub struct DecodedBlocks<'m> {
    message: &'m Source,
    octets: Range<u64>,
    decoder: Decoder,
    block: Vec<u8>,
    has_ended: bool,
}

impl<'m> DecodedBlocks<'m> {
    pub fn new(
        message: &'m Source,
        (octets, encoding): (Range<u64>, TransferEncoding),
    ) -> DecodedBlocks<'m> {
        let size = usize::try_from(octets.end.saturating_sub(octets.start)).unwrap_or(BLOCK);
        Self {
            message,
            octets,
            decoder: Decoder::new(encoding),
            block: vec![0; size.min(BLOCK)],
            has_ended: false,
        }
    }

    /// Appends the next octets. Returns false at the end, and else appends at least one.
    pub fn append(&mut self, out: &mut Vec<u8>) -> io::Result<bool> {
        while self.decoder.out.is_empty() && !self.has_ended {
            let left = self.octets.end.saturating_sub(self.octets.start);
            let left = usize::try_from(left).unwrap_or(BLOCK).min(BLOCK);
            let count = self
                .message
                .read_at(&mut self.block[..left], self.octets.start)?;
            self.octets.start += count as u64;
            if count == 0 {
                self.has_ended = true;
                self.decoder.finish();
            } else {
                self.decoder.push(&self.block[..count]);
            }
        }
        let has_more = !self.decoder.out.is_empty();
        out.append(&mut self.decoder.out);
        Ok(has_more)
    }
}

/// A block with CRLF as line ends. `last` is the last octet of the block before.
pub fn with_crlf(block: &[u8], last: &mut u8) -> Vec<u8> {
    let mut lines = Vec::with_capacity(block.len() + block.len() / 32);
    for &byte in block {
        if byte == b'\n' && *last != b'\r' {
            lines.push(b'\r');
        }
        lines.push(byte);
        *last = byte;
    }
    lines
}

struct Decoder {
    encoding: TransferEncoding,
    /// Octets that cannot be decoded until more follow.
    held: Vec<u8>,
    out: Vec<u8>,
}

impl Decoder {
    fn new(encoding: TransferEncoding) -> Self {
        Self {
            encoding,
            held: Vec::new(),
            out: Vec::new(),
        }
    }

    fn push(&mut self, block: &[u8]) {
        match self.encoding {
            TransferEncoding::None => self.out.extend_from_slice(block),
            TransferEncoding::Base64 => self.base64(block),
            TransferEncoding::QuotedPrintable => {
                self.held.extend_from_slice(block);
                self.quoted_printable(false);
            }
        }
    }

    fn finish(&mut self) {
        match self.encoding {
            TransferEncoding::None => {}
            TransferEncoding::Base64 => self.quanta(self.held.len()),
            TransferEncoding::QuotedPrintable => self.quoted_printable(true),
        }
    }

    fn base64(&mut self, block: &[u8]) {
        let is_digit = |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'/');
        for (place, piece) in block.split(|&byte| byte == b'=').enumerate() {
            // The padding ends a quantum, also before more text.
            if place > 0 {
                self.quanta(self.held.len());
            }
            self.held.extend(piece.iter().copied().filter(is_digit));
        }
        self.quanta(self.held.len() / 4 * 4);
    }

    /// Decodes the first digits.
    fn quanta(&mut self, count: usize) {
        // A single digit has no whole octet.
        let whole = count - usize::from(count % 4 == 1);
        let _ = LENIENT.decode_vec(&self.held[..whole], &mut self.out);
        self.held.drain(..count);
    }

    fn quoted_printable(&mut self, is_end: bool) {
        let held = std::mem::take(&mut self.held);
        let mut rest = &held[..];
        while let Some(mark) = memchr::memchr(b'=', rest) {
            self.out.extend_from_slice(&rest[..mark]);
            rest = &rest[mark..];
            match escape(rest) {
                Some((length, octet)) => {
                    self.out.extend(octet);
                    rest = &rest[length..];
                }
                None if !is_end && rest.len() < 80 => {
                    self.held = rest.to_vec();
                    return;
                }
                None => {
                    self.out.push(b'=');
                    rest = &rest[1..];
                }
            }
        }
        self.out.extend_from_slice(rest);
    }
}

/// The escape at the beginning of a text: its length, and its octet, if it is not a soft line break. `None`: it is
/// not valid or not complete.
fn escape(text: &[u8]) -> Option<(usize, Option<u8>)> {
    let digit = |at: usize| text.get(at).and_then(|&byte| char::from(byte).to_digit(16));
    if let (Some(high), Some(low)) = (digit(1), digit(2)) {
        return Some((3, u8::try_from(high * 16 + low).ok()));
    }
    let blanks = text[1..]
        .iter()
        .take_while(|byte| matches!(byte, b' ' | b'\t'));
    let end = 1 + blanks.count();
    match text.get(end..)? {
        [b'\n', ..] => Some((end + 1, None)),
        [b'\r', b'\n', ..] => Some((end + 2, None)),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn decoded(text: &str, encoding: TransferEncoding) -> String {
        let decoded = |size: usize| {
            let mut decoder = Decoder::new(encoding);
            text.as_bytes()
                .chunks(size)
                .for_each(|block| decoder.push(block));
            decoder.finish();
            String::from_utf8(decoder.out).unwrap()
        };
        for size in 1..text.len() {
            assert_eq!(decoded(size), decoded(text.len()), "{size}");
        }
        decoded(text.len())
    }

    #[test]
    fn base64_is_decoded_with_damage() {
        let base64 = |text| decoded(text, TransferEncoding::Base64);
        assert_eq!(base64("aGVsbG8gd29ybGQ=\r\n"), "hello world");
        assert_eq!(base64("aGVs bG8\r\ngd29 y!bGQ"), "hello world");
        assert_eq!(base64("aGVsbG8=\r\nIHdvcmxk\r\n"), "hello world");
        assert_eq!(base64("aGVsbG8gd29ybGQx M"), "hello world1");
        assert_eq!(base64("aGVsbG9="), "hello");
    }

    #[test]
    fn quoted_printable_is_decoded_with_damage() {
        let text = "a=3D=\r\nb= \t\nc=C3=a9=X=\rd==41=";
        let right = "a=bc\u{e9}=X=\rd=A=";
        assert_eq!(decoded(text, TransferEncoding::QuotedPrintable), right);
    }

    #[test]
    fn part_is_decoded_from_its_message() {
        let text = format!("head{}tail", "QUJD\r\n".repeat(50_000));
        let message = Source::memory("m".to_owned(), text.into_bytes());
        let mut length = 0;
        let part = (4..message.len - 4, TransferEncoding::Base64);
        decode(&message, part, &mut |block| {
            length += block.len();
            assert!(block.len() <= BLOCK);
            Ok(())
        })
        .unwrap();
        assert_eq!(length, 150_000);
    }
}
