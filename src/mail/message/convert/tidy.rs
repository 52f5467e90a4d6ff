//! Content that is encoded already, but has octets or lines that a server does not accept.

use crate::mail::message::encode::{Breaks, Encoder, LineEnds};

/// Two encoders, one after the other.
pub struct Then<A, B> {
    first: A,
    second: B,
    between: Vec<u8>,
}

impl<A: Encoder, B: Encoder> Then<A, B> {
    pub fn new(first: A, second: B) -> Self {
        Self {
            first,
            second,
            between: Vec::new(),
        }
    }
}

impl<A: Encoder, B: Encoder> Encoder for Then<A, B> {
    fn push(&mut self, bytes: &[u8], out: &mut Vec<u8>) {
        self.between.clear();
        self.first.push(bytes, &mut self.between);
        self.second.push(&self.between, out);
    }

    fn finish(&mut self, out: &mut Vec<u8>) {
        self.between.clear();
        self.first.finish(&mut self.between);
        self.second.push(&self.between, out);
        self.second.finish(out);
    }
}

/// Lines of at most 998 octets without NULs.
pub fn broken() -> Then<Breaks, LineEnds> {
    Then::new(Breaks::default(), LineEnds::default())
}

/// Text that mail programs do not show, with `?` in place of non-ASCII octets.
#[derive(Default)]
pub struct Ascii;

impl Encoder for Ascii {
    fn push(&mut self, bytes: &[u8], out: &mut Vec<u8>) {
        let plain = |&byte: &u8| if byte.is_ascii() { byte } else { b'?' };
        out.extend(bytes.iter().map(plain));
    }

    fn finish(&mut self, _: &mut Vec<u8>) {}
}

/// Quoted-printable with raw octets or long lines: the octets are encoded, and the lines broken with soft
/// line breaks.
#[derive(Default)]
pub struct TidyQuoted {
    column: usize,
    /// Number of octets to come that belong to a `=` that was read.
    of_escape: u8,
}

/// Column at which a line of quoted-printable is broken. RFC 2045 §6.7 allows 76 octets, but a line that
/// another program wrote within 998 is not changed.
const BREAK_AT: usize = 990;

impl Encoder for TidyQuoted {
    fn push(&mut self, bytes: &[u8], out: &mut Vec<u8>) {
        for &byte in bytes {
            if matches!(byte, b'\r' | b'\n') {
                out.push(byte);
                (self.column, self.of_escape) = (0, 0);
                continue;
            }
            if self.column >= BREAK_AT && self.of_escape == 0 {
                out.extend_from_slice(b"=\r\n");
                self.column = 0;
            }
            let start = out.len();
            if byte.is_ascii() && byte != 0 {
                out.push(byte);
            } else {
                out.extend_from_slice(format!("={byte:02X}").as_bytes());
            }
            self.column += out.len() - start;
            self.of_escape = match byte {
                b'=' => 2,
                _ => self.of_escape.saturating_sub(1),
            };
        }
    }

    fn finish(&mut self, _: &mut Vec<u8>) {}
}

/// Base64 with other octets or long lines. Decoders ignore octets outside the alphabet (RFC 2045 §6.8).
#[derive(Default)]
pub struct TidyBase64 {
    column: usize,
}

impl Encoder for TidyBase64 {
    fn push(&mut self, bytes: &[u8], out: &mut Vec<u8>) {
        for &byte in bytes {
            match byte {
                b'\r' | b'\n' => self.column = 0,
                0 | 128.. => continue,
                _ if self.column == 76 => {
                    out.extend_from_slice(b"\r\n");
                    self.column = 1;
                }
                _ => self.column += 1,
            }
            out.push(byte);
        }
    }

    fn finish(&mut self, _: &mut Vec<u8>) {}
}
