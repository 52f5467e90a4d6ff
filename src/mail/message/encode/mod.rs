//! Transfer encodings, block by block. The output has CRLF line ends.

mod base64;
mod breaks;
mod flowed;
mod lines;
mod quoted;
mod survey;

pub use crate::mail::message::encode::base64::{
    Base64, INPUT_BLOCK as BASE64_BLOCK, encoded_len as base64_len,
};
pub use breaks::Breaks;
pub use flowed::Flowed;
pub use lines::LineEnds;
pub use quoted::QuotedPrintable;
pub use survey::{Survey, Surveyor, survey};

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
            Self::Binary => Box::new(AsItIs),
            Self::QuotedPrintable => Box::new(QuotedPrintable::default()),
            Self::Base64 => Box::new(Base64::default()),
            Self::Base64Text => Box::new(Base64Text::default()),
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
struct AsItIs;

impl Encoder for AsItIs {
    fn push(&mut self, bytes: &[u8], out: &mut Vec<u8>) {
        out.extend_from_slice(bytes);
    }

    fn finish(&mut self, _: &mut Vec<u8>) {}
}

#[derive(Default)]
struct Base64Text {
    line_ends: LineEnds,
    base64: Base64,
    lines: Vec<u8>,
}

impl Encoder for Base64Text {
    fn push(&mut self, bytes: &[u8], out: &mut Vec<u8>) {
        self.lines.clear();
        self.line_ends.push(bytes, &mut self.lines);
        self.base64.push(&self.lines, out);
    }

    fn finish(&mut self, out: &mut Vec<u8>) {
        self.base64.finish(out);
    }
}

#[cfg(test)]
fn encoded(encoding: Encoding, bytes: &[u8], cut: usize) -> Vec<u8> {
    let mut encoder = encoding.encoder();
    let mut out = Vec::new();
    encoder.push(&bytes[..cut], &mut out);
    encoder.push(&bytes[cut..], &mut out);
    encoder.finish(&mut out);
    out
}
