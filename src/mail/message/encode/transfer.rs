//! The transfer encodings base64 and quoted-printable (RFC 2045 §6.7, §6.8).

use crate::mail::message::encode::Encoder;
use base64::engine::{Engine, Simd, general_purpose::PAD};

/// Characters in a line. In quoted-printable, the `=` of a soft line break is one of them.
const LINE: usize = 76;

/// Bytes in a line of 76 characters.
const BASE64_LINE_BYTES: usize = 57;

/// The best input size for one call.
pub const BASE64_BLOCK: usize = BASE64_LINE_BYTES * 2048;

/// Base64 (RFC 2045 §6.8). The SIMD engine encodes whole blocks, then one copy breaks the lines: an order of
/// magnitude faster than encoding line by line.
pub struct Base64 {
    engine: Simd,
    /// Bytes that do not fill a line yet.
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
pub fn base64_len(bytes: u64) -> u64 {
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
            let whole = bytes.len() - bytes.len() % BASE64_LINE_BYTES;
            self.lines(&bytes[..whole], out);
            self.waiting.extend_from_slice(&bytes[whole..]);
            return;
        }
        let mut waiting = std::mem::take(&mut self.waiting);
        waiting.extend_from_slice(bytes);
        let whole = waiting.len() - waiting.len() % BASE64_LINE_BYTES;
        self.lines(&waiting[..whole], out);
        waiting.drain(..whole);
        self.waiting = waiting;
    }

    fn finish(&mut self, out: &mut Vec<u8>) {
        let waiting = std::mem::take(&mut self.waiting);
        self.lines(&waiting, out);
    }
}

/// Quoted-printable of text (RFC 2045 §6.7). Line ends are kept; text that mail programs are known to change
/// (trailing blanks, `From `, a dot at the start) is encoded.
#[derive(Default)]
pub struct QuotedPrintable {
    column: usize,
    /// A space or tab that is encoded or not depending on the next byte.
    blank: Option<u8>,
    after_cr: bool,
    /// Number of characters of `From` that the line begins with.
    from: usize,
}

impl QuotedPrintable {
    fn text(&mut self, byte: u8, out: &mut Vec<u8>) {
        if let Some(blank) = self.blank.take() {
            let after_from = blank == b' ' && self.from == 4;
            self.from = 5;
            self.character(blank, after_from, out);
        }
        match byte {
            b' ' | b'\t' => self.blank = Some(byte),
            b'.' if self.column == 0 => self.character(byte, true, out),
            _ => {
                let matches = b"From".get(self.from) == Some(&byte) && self.column == self.from;
                self.from = if matches { self.from + 1 } else { 5 };
                let plain = matches!(byte, b'!'..=b'~') && byte != b'=';
                self.character(byte, !plain, out);
            }
        }
    }

    fn line_end(&mut self, out: &mut Vec<u8>) {
        self.last_blank(out);
        out.extend_from_slice(b"\r\n");
        self.column = 0;
        self.from = 0;
    }

    fn last_blank(&mut self, out: &mut Vec<u8>) {
        if let Some(blank) = self.blank.take() {
            self.character(blank, true, out);
        }
    }

    fn character(&mut self, byte: u8, encode: bool, out: &mut Vec<u8>) {
        let width = if encode { 3 } else { 1 };
        if self.column + width > LINE - 1 {
            out.extend_from_slice(b"=\r\n");
            self.column = 0;
        }
        if encode {
            let digit = |nibble: u8| b"0123456789ABCDEF"[usize::from(nibble)];
            out.extend_from_slice(&[b'=', digit(byte >> 4), digit(byte & 15)]);
        } else {
            out.push(byte);
        }
        self.column += width;
    }
}

impl Encoder for QuotedPrintable {
    fn push(&mut self, bytes: &[u8], out: &mut Vec<u8>) {
        out.reserve(bytes.len() + bytes.len() / 4);
        for &byte in bytes {
            let after_cr = std::mem::replace(&mut self.after_cr, byte == b'\r');
            match byte {
                b'\n' if after_cr => {}
                b'\r' | b'\n' => self.line_end(out),
                _ => self.text(byte, out),
            }
        }
    }

    fn finish(&mut self, out: &mut Vec<u8>) {
        self.last_blank(out);
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
            assert_eq!(out.len() as u64, base64_len(length as u64), "{length}");
            let text = String::from_utf8(out).unwrap();
            assert!(text.split("\r\n").all(|line| line.len() <= 76));
            let joined = text.replace("\r\n", "");
            let back = base64::engine::general_purpose::STANDARD.decode(joined);
            assert_eq!(back.unwrap(), bytes);
        }
    }

    fn quoted(text: &str) -> String {
        let whole = encoded(Encoding::QuotedPrintable, text.as_bytes(), 0);
        for cut in 1..=text.len() {
            assert_eq!(
                encoded(Encoding::QuotedPrintable, text.as_bytes(), cut),
                whole
            );
        }
        String::from_utf8(whole).unwrap()
    }

    #[test]
    fn text_that_mail_programs_change_is_encoded() {
        assert_eq!(quoted("caf\u{e9} = 1\n"), "caf=C3=A9 =3D 1\r\n");
        assert_eq!(quoted("end \nend\t\r\nend "), "end=20\r\nend=09\r\nend=20");
        assert_eq!(
            quoted("From me\nFrom: me\n From me\nFro"),
            "From=20me\r\nFrom: me\r\n From me\r\nFro"
        );
        assert_eq!(quoted(".\n..a\nb.\n"), "=2E\r\n=2E.a\r\nb.\r\n");
        assert_eq!(quoted("a\rb"), "a\r\nb");
    }

    #[test]
    fn long_lines_break_softly_at_76() {
        let out = quoted(&"\u{e9}".repeat(100));
        assert!(
            out.split("\r\n")
                .all(|line| line.len() <= 76 && !line.is_empty())
        );
        let back = out.replace("=\r\n", "");
        assert_eq!(back, "=C3=A9".repeat(100));
    }
}
