//! Line ends: CR, LF and CRLF all become CRLF, so that no bare CR or LF leaves the program (R11).

use crate::mail::message::encode::Encoder;

/// Turns every line end into CRLF.
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
mod tests {
    use crate::mail::message::encode::{Encoding, encoded};

    #[test]
    fn every_line_end_becomes_crlf_wherever_the_block_is_cut() {
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
