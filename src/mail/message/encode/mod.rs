//! Transfer encodings, block by block. The output has CRLF line ends.

mod flowed;
mod repair;
mod scan;
mod transfer;

pub use flowed::Flowed;
pub use repair::{AsciiOnly, Base64Repair, Chain, QuotedPrintableRepair, valid_lines};
pub use scan::{ContentScan, ContentScanner, scan};
pub use transfer::{BASE64_BLOCK, Base64, QuotedPrintable, base64_len};

/// The longest line that may be sent (RFC 5322 §2.1.1), in octets without its CRLF.
pub const MAX_LINE: usize = 998;

/// Content-Transfer-Encoding of a part (RFC 2045 §6).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Encoding {
    /// Unencoded lines of ASCII.
    SevenBit,
    /// Unencoded lines.
    EightBit,
    /// Unencoded octets (RFC 3030).
    Binary,
    QuotedPrintable,
    /// Base64 of the unchanged bytes.
    Base64,
    /// Base64 of text. Line ends become CRLF first (RFC 2049 §4).
    Base64Text,
}

impl Encoding {
    /// The word in `Content-Transfer-Encoding`.
    pub fn name(self) -> &'static str {
        match self {
            Self::SevenBit => "7bit",
            Self::EightBit => "8bit",
            Self::Binary => "binary",
            Self::QuotedPrintable => "quoted-printable",
            Self::Base64 | Self::Base64Text => "base64",
        }
    }

    /// True if its last line has a line end that is not a part of the content.
    pub fn ends_with_line_end(self) -> bool {
        matches!(self, Self::Base64 | Self::Base64Text)
    }

    /// An encoder at the beginning of a part.
    pub fn encoder(self) -> Box<dyn Encoder> {
        match self {
            Self::SevenBit | Self::EightBit => Box::new(LineEnds::default()),
            Self::Binary => Box::new(Unencoded),
            Self::QuotedPrintable => Box::new(QuotedPrintable::default()),
            Self::Base64 => Box::new(Base64::default()),
            Self::Base64Text => Box::new(Chain::new(LineEnds::default(), Base64::default())),
        }
    }
}

/// An encoding in progress.
pub trait Encoder {
    /// Encodes the next bytes of the part.
    fn push(&mut self, bytes: &[u8], out: &mut Vec<u8>);
    /// The part has ended.
    fn finish(&mut self, out: &mut Vec<u8>);
}

/// No encoding.
struct Unencoded;

impl Encoder for Unencoded {
    fn push(&mut self, bytes: &[u8], out: &mut Vec<u8>) {
        out.extend_from_slice(bytes);
    }

    fn finish(&mut self, _: &mut Vec<u8>) {}
}

/// CR, LF and CRLF all become CRLF, so that no bare CR or LF leaves the program (R11).
#[derive(Default)]
pub struct LineEnds {
    after_cr: bool,
}

impl Encoder for LineEnds {
    fn push(&mut self, bytes: &[u8], out: &mut Vec<u8>) {
        out.reserve(bytes.len() + bytes.len() / 16);
        let mut rest = bytes;
        if std::mem::take(&mut self.after_cr) && rest.first() == Some(&b'\n') {
            rest = &rest[1..];
        }
        while let Some(at) = memchr::memchr2(b'\r', b'\n', rest) {
            out.extend_from_slice(&rest[..at]);
            out.extend_from_slice(b"\r\n");
            let is_cr = rest[at] == b'\r';
            rest = &rest[at + 1..];
            match rest.first() {
                Some(b'\n') if is_cr => rest = &rest[1..],
                None => self.after_cr = is_cr,
                Some(_) => {}
            }
        }
        out.extend_from_slice(rest);
    }

    fn finish(&mut self, _: &mut Vec<u8>) {}
}

#[cfg(test)]
fn encoded(encoding: Encoding, bytes: &[u8], split: usize) -> Vec<u8> {
    let mut encoder = encoding.encoder();
    let mut out = Vec::new();
    encoder.push(&bytes[..split], &mut out);
    encoder.push(&bytes[split..], &mut out);
    encoder.finish(&mut out);
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_line_end_becomes_crlf_across_blocks() {
        // B3
        for (given, right) in [
            ("a\nb\r\nc\rd", "a\r\nb\r\nc\r\nd"),
            ("\n.\n", "\r\n.\r\n"),
            ("\n.\r\n", "\r\n.\r\n"),
            ("\r.\r", "\r\n.\r\n"),
            ("\r\n.\r", "\r\n.\r\n"),
            ("\r\r\n\n", "\r\n\r\n\r\n"),
            ("", ""),
        ] {
            for cut in 0..=given.len() {
                let out = encoded(Encoding::SevenBit, given.as_bytes(), cut);
                assert_eq!(out, right.as_bytes(), "{given:?} cut at {cut}");
            }
        }
    }
}
