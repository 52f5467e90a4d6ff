//! Quoted-printable of text (RFC 2045 §6.7). Line ends are kept; text that mail programs on the way are
//! known to change (trailing blanks, `From `, a dot at the start) is encoded.

use crate::mail::message::encode::Encoder;

/// The longest line, with the `=` of a soft line break.
const LINE: usize = 76;

/// An encoding in progress.
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
    use crate::mail::message::encode::{Encoding, encoded};

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
    fn what_is_harmed_on_the_way_is_encoded_and_nothing_else() {
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
