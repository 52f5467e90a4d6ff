//! Lines over 998 octets and NULs in a body that must not be encoded again: a multipart, or content that is
//! encoded already.

use crate::mail::message::encode::Encoder;

/// The longest line that may be sent (RFC 5322 §2.1.1), in octets without its CRLF.
const MAX_LINE: usize = 998;

/// A body on its way to lines that every server accepts. Line ends are not changed.
///
/// Long lines are broken as Postfix breaks them, with a blank at the start of the next line, so that it
/// cannot be a boundary or a header field of a part.
#[derive(Default)]
pub struct Breaks {
    column: usize,
    /// Number of lines that were broken.
    pub broken: u64,
    /// Number of NULs that were left out.
    pub dropped: u64,
}

impl Breaks {
    fn break_line(&mut self, next: u8, out: &mut Vec<u8>) {
        self.broken += 1;
        let start = out.len() - unfinished(out, next);
        let moved = out.split_off(start);
        out.extend_from_slice(b"\r\n ");
        out.extend_from_slice(&moved);
        self.column = 1 + moved.len();
    }
}

/// Number of bytes at the end that belong to a character that continues with `next`.
fn unfinished(bytes: &[u8], next: u8) -> usize {
    let goes_on = |byte: u8| byte & 0xc0 == 0x80;
    if !goes_on(next) {
        return 0;
    }
    let start = bytes.iter().rev().take(3).position(|&byte| !goes_on(byte));
    start.map_or(0, |before| before + 1)
}

impl Encoder for Breaks {
    fn push(&mut self, bytes: &[u8], out: &mut Vec<u8>) {
        for &byte in bytes {
            match byte {
                0 => {
                    self.dropped += 1;
                    continue;
                }
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

#[cfg(test)]
mod tests {
    use super::*;

    fn broken(text: &[u8]) -> (Vec<u8>, Breaks) {
        let mut breaks = Breaks::default();
        let mut out = Vec::new();
        breaks.push(text, &mut out);
        breaks.finish(&mut out);
        (out, breaks)
    }

    #[test]
    fn long_lines_go_on_behind_a_blank_and_the_others_stay() {
        let fits = [&[b'x'; 998][..], b"\r\n.\n"].concat();
        assert_eq!(broken(&fits).0, fits);
        let (out, breaks) = broken(&[b'x'; 2500]);
        assert_eq!(breaks.broken, 2);
        let lines: Vec<&[u8]> = out.split(|&byte| byte == b'\n').collect();
        assert!(lines.iter().all(|line| line.len() <= 999));
        assert!(lines[1..].iter().all(|line| line[0] == b' '));
        assert_eq!(memchr::memchr_iter(b'x', &out).count(), 2500);
    }

    #[test]
    fn no_character_is_torn_apart_and_nuls_go() {
        for offset in 0..4 {
            let text = format!("{}{}", "x".repeat(offset), "😀".repeat(300));
            let out = String::from_utf8(broken(text.as_bytes()).0).unwrap();
            assert_eq!(out.replace("\r\n ", ""), text);
        }
        let (out, breaks) = broken(b"a\0b\0");
        assert_eq!((out.as_slice(), breaks.dropped), (&b"ab"[..], 2));
    }
}
