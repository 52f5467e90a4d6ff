//! Repair of content that must not be encoded again, but has octets or lines that a server does not accept: a
//! multipart, or content that is encoded already.

use crate::mail::message::encode::{Encoder, LineEnds, MAX_LINE};

/// Breaks lines over 998 octets and removes NULs. Line ends are not changed.
///
/// Long lines are broken as Postfix breaks them, with a blank at the start of the next line, so that it
/// cannot be a boundary or a header field of a part.
#[derive(Default)]
struct LineBreaker {
    column: usize,
}

impl LineBreaker {
    fn break_line(&mut self, next: u8, out: &mut Vec<u8>) {
        let start = out.len() - incomplete(out, next);
        let next_line = out.split_off(start);
        out.extend_from_slice(b"\r\n ");
        out.extend_from_slice(&next_line);
        self.column = 1 + next_line.len();
    }
}

/// Number of bytes at the end that belong to a character that continues with `next`.
fn incomplete(bytes: &[u8], next: u8) -> usize {
    let continues = |byte: u8| byte & 0xc0 == 0x80;
    if !continues(next) {
        return 0;
    }
    let start = bytes
        .iter()
        .rev()
        .take(3)
        .position(|&byte| !continues(byte));
    start.map_or(0, |before| before + 1)
}

impl Encoder for LineBreaker {
    fn push(&mut self, bytes: &[u8], out: &mut Vec<u8>) {
        for &byte in bytes {
            match byte {
                0 => continue,
                b'\r' | b'\n' => self.column = 0,
                _ => {
                    if self.column == MAX_LINE {
                        self.break_line(byte, out);
                    }
                    self.column += 1;
                }
            }
            out.push(byte);
        }
    }

    fn finish(&mut self, _: &mut Vec<u8>) {}
}

/// Two encoders, one after the other.
pub struct Chain<A, B> {
    first: A,
    second: B,
    between: Vec<u8>,
}

impl<A: Encoder, B: Encoder> Chain<A, B> {
    pub fn new(first: A, second: B) -> Self {
        Self {
            first,
            second,
            between: Vec::new(),
        }
    }
}

impl<A: Encoder, B: Encoder> Encoder for Chain<A, B> {
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
pub fn valid_lines() -> impl Encoder {
    Chain::new(LineBreaker::default(), LineEnds::default())
}

/// Text with `?` in place of non-ASCII octets, for text that mail programs do not show.
#[derive(Default)]
pub struct AsciiOnly;

impl Encoder for AsciiOnly {
    fn push(&mut self, bytes: &[u8], out: &mut Vec<u8>) {
        let plain = |&byte: &u8| if byte.is_ascii() { byte } else { b'?' };
        out.extend(bytes.iter().map(plain));
    }

    fn finish(&mut self, _: &mut Vec<u8>) {}
}

/// Repairs quoted-printable with raw octets or long lines: the octets are encoded, and the lines broken with
/// soft line breaks.
#[derive(Default)]
pub struct QuotedPrintableRepair {
    column: usize,
    /// Number of octets that the last `=` still needs.
    escape_left: u8,
}

/// Column at which a line of quoted-printable is broken. RFC 2045 §6.7 allows 76 octets, but a line that
/// another program wrote within 998 is not changed.
const BREAK_AT: usize = 990;

impl Encoder for QuotedPrintableRepair {
    fn push(&mut self, bytes: &[u8], out: &mut Vec<u8>) {
        for &byte in bytes {
            if matches!(byte, b'\r' | b'\n') {
                out.push(byte);
                (self.column, self.escape_left) = (0, 0);
                continue;
            }
            if self.column >= BREAK_AT && self.escape_left == 0 {
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
            self.escape_left = match byte {
                b'=' => 2,
                _ => self.escape_left.saturating_sub(1),
            };
        }
    }

    fn finish(&mut self, _: &mut Vec<u8>) {}
}

/// Repairs base64 with other octets or long lines. Decoders ignore octets outside the alphabet (RFC 2045 §6.8).
#[derive(Default)]
pub struct Base64Repair {
    column: usize,
}

impl Encoder for Base64Repair {
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

#[cfg(test)]
mod tests {
    use super::*;

    fn broken(text: &[u8]) -> Vec<u8> {
        let mut breaker = LineBreaker::default();
        let mut out = Vec::new();
        breaker.push(text, &mut out);
        breaker.finish(&mut out);
        out
    }

    #[test]
    fn long_lines_continue_after_a_blank_and_others_are_kept() {
        let fits = [&[b'x'; 998][..], b"\r\n.\n"].concat();
        assert_eq!(broken(&fits), fits);
        let out = broken(&[b'x'; 2500]);
        let lines: Vec<&[u8]> = out.split(|&byte| byte == b'\n').collect();
        assert_eq!(lines.len(), 3);
        assert!(lines.iter().all(|line| line.len() <= 999));
        assert!(lines[1..].iter().all(|line| line[0] == b' '));
        assert_eq!(memchr::memchr_iter(b'x', &out).count(), 2500);
    }

    #[test]
    fn no_character_is_split_and_nuls_are_removed() {
        for offset in 0..4 {
            let text = format!("{}{}", "x".repeat(offset), "😀".repeat(300));
            let out = String::from_utf8(broken(text.as_bytes())).unwrap();
            assert_eq!(out.replace("\r\n ", ""), text);
        }
        assert_eq!(broken(b"a\0b\0"), b"ab");
    }
}
