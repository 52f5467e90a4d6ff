//! Transfer encodings, block by block. The output has CRLF line ends.

mod flowed;
mod repair;
mod transfer;

pub use flowed::Flowed;
pub use repair::{AsciiOnly, Base64Repair, Chain, QuotedPrintableRepair, valid_lines};
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

/// CR, LF and CRLF all become CRLF, so that no bare CR or LF leaves the program (RFC 5321 §2.3.8).
#[derive(Default)]
pub struct LineEnds {
    after_cr: bool,
}

impl Encoder for LineEnds {
    fn push(&mut self, bytes: &[u8], out: &mut Vec<u8>) {
        let mut rest = bytes;
        if std::mem::take(&mut self.after_cr) && rest.first() == Some(&b'\n') {
            rest = &rest[1..];
        }
        if has_only_crlf(rest) {
            out.extend_from_slice(rest);
            return;
        }
        out.reserve(bytes.len() + bytes.len() / 16);
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

/// True if every CR and every LF belongs to a CRLF. It is a loop that the compiler can vectorize.
fn has_only_crlf(bytes: &[u8]) -> bool {
    let pairs = bytes.iter().zip(bytes.get(1..).unwrap_or_default());
    // No CR without LF, no LF without CR.
    let is_bare = |(one, next): (&u8, &u8)| (*one == b'\r') != (*next == b'\n');
    !pairs.fold(false, |any, pair| any | is_bare(pair))
        && bytes.first() != Some(&b'\n')
        && bytes.last() != Some(&b'\r')
}

/// True if there are controls other than tab and line ends, or a CR without LF, or one at the end.
#[expect(
    clippy::needless_bitwise_bool,
    reason = "the compiler can vectorize the loops"
)]
fn has_unusual_controls(bytes: &[u8]) -> bool {
    let is_unusual = |byte: &u8| {
        (*byte < b' ') & (*byte != b'\t') & (*byte != b'\n') & (*byte != b'\r') | (*byte == 127)
    };
    let pairs = bytes.iter().zip(bytes.get(1..).unwrap_or_default());
    let is_bare = |(one, next): (&u8, &u8)| (*one == b'\r') & (*next != b'\n');
    bytes.iter().fold(false, |any, byte| any | is_unusual(byte))
        || pairs.fold(false, |any, pair| any | is_bare(pair))
        || bytes.last() == Some(&b'\r')
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

/// Properties of a content.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ContentScan {
    /// Octets, with every line end counted as CRLF.
    pub wire_len: u64,
    pub eight_bit: u64,
    /// Offset of the first byte that is not UTF-8.
    pub not_utf8_at: Option<u64>,
    pub has_nul: bool,
    /// True if there are control characters other than tab and line ends.
    pub has_controls: bool,
    /// The first line over 998 octets, counted from 1.
    pub long_line: Option<u64>,
    /// True if a line ends in a blank, which some servers remove.
    pub has_blank_at_end: bool,
    /// True if a line begins with `From `, which mailboxes change.
    pub has_from_line: bool,
    pub ends_with_line_end: bool,
}

impl ContentScan {
    /// True for content without long lines and NULs, which no server has to accept.
    pub fn is_valid(&self) -> bool {
        self.long_line.is_none() && !self.has_nul
    }

    /// True for lines that servers and mailboxes are known to change.
    pub fn is_fragile(&self) -> bool {
        self.has_blank_at_end || self.has_from_line
    }
}

/// A scan in progress.
#[derive(Default)]
pub struct ContentScanner {
    scan: ContentScan,
    bytes: u64,
    lines: u64,
    line_len: u64,
    /// The first five bytes of the line.
    start: [u8; 5],
    last: u8,
    /// Bytes of a UTF-8 sequence that continues in the next block.
    partial: Vec<u8>,
}

impl ContentScanner {
    /// Scans the next bytes of the content.
    pub fn push(&mut self, block: &[u8]) {
        self.utf8(block);
        let is_plain = block.is_ascii() && !has_unusual_controls(block);
        let mut rest = block;
        loop {
            if is_plain && self.line_len == 0 && self.last != b'\r' {
                rest = self.plain_lines(rest);
            }
            let Some(at) = memchr::memchr2(b'\r', b'\n', rest) else {
                break;
            };
            self.text(&rest[..at]);
            let is_lf_of_crlf = rest[at] == b'\n' && at == 0 && self.last == b'\r';
            if !is_lf_of_crlf {
                self.line_end();
            }
            self.last = rest[at];
            rest = &rest[at + 1..];
        }
        self.text(rest);
        self.bytes += block.len() as u64;
    }

    /// Scans the lines of ASCII without unusual controls that end in the block. Returns the rest. It is several times
    /// as fast as the general way.
    fn plain_lines<'b>(&mut self, block: &'b [u8]) -> &'b [u8] {
        let mut rest = block;
        while let Some(at) = memchr::memchr(b'\n', rest) {
            let line = &rest[..at];
            let line = line.strip_suffix(b"\r").unwrap_or(line);
            self.line_len = line.len() as u64;
            self.scan.wire_len += self.line_len;
            self.scan.has_from_line |= line.starts_with(b"From ");
            self.last = line.last().copied().unwrap_or(b'\n');
            self.line_end();
            self.last = b'\n';
            rest = &rest[at + 1..];
        }
        rest
    }

    /// Scans a part of a line. Each check is done for all of it at once, which the compiler can vectorize.
    fn text(&mut self, text: &[u8]) {
        let Some(&last) = text.last() else { return };
        for (at, &byte) in (self.line_len..5).zip(text) {
            self.start[usize::try_from(at).unwrap_or(0)] = byte;
        }
        let len = text.len() as u64;
        self.scan.has_from_line |=
            self.line_len < 5 && self.line_len + len >= 5 && self.start == *b"From ";
        self.line_len += len;
        self.scan.wire_len += len;
        if !text.is_ascii() {
            let eight_bit = text.iter().filter(|&&byte| byte > 127).count();
            self.scan.eight_bit += eight_bit as u64;
        }
        let is_control = |byte: &u8| (*byte < b' ' && *byte != b'\t') || *byte == 127;
        if text.iter().fold(false, |any, byte| any | is_control(byte)) {
            self.scan.has_controls = true;
            self.scan.has_nul |= text.contains(&0);
        }
        self.last = last;
    }

    fn line_end(&mut self) {
        self.measure_line();
        self.scan.has_blank_at_end |= self.ends_in_blank();
        self.scan.wire_len += 2;
        self.line_len = 0;
    }

    fn ends_in_blank(&self) -> bool {
        self.line_len > 0 && matches!(self.last, b' ' | b'\t')
    }

    fn measure_line(&mut self) {
        self.lines += 1;
        if self.line_len > MAX_LINE as u64 {
            self.scan.long_line.get_or_insert(self.lines);
        }
    }

    fn utf8(&mut self, block: &[u8]) {
        if self.scan.not_utf8_at.is_some() {
            return;
        }
        let mut rest = block;
        while !self.partial.is_empty() && !rest.is_empty() {
            self.partial.push(rest[0]);
            rest = &rest[1..];
            match std::str::from_utf8(&self.partial) {
                Ok(_) => self.partial.clear(),
                Err(error) if error.error_len().is_none() => {}
                Err(_) => {
                    self.scan.not_utf8_at = Some(self.bytes.saturating_sub(1));
                    return;
                }
            }
        }
        if let Err(error) = std::str::from_utf8(rest) {
            let valid = error.valid_up_to();
            if error.error_len().is_some() {
                let skipped = block.len() - rest.len();
                self.scan.not_utf8_at = Some(self.bytes + (skipped + valid) as u64);
            } else {
                self.partial = rest[valid..].to_vec();
            }
        }
    }

    /// Ends the content.
    pub fn finish(mut self) -> ContentScan {
        if self.line_len > 0 {
            self.measure_line();
            self.scan.has_blank_at_end |= self.ends_in_blank();
        }
        if !self.partial.is_empty() {
            let at = self.bytes - self.partial.len() as u64;
            self.scan.not_utf8_at.get_or_insert(at);
        }
        self.scan.ends_with_line_end = matches!(self.last, b'\r' | b'\n');
        self.scan
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_line_end_becomes_crlf_across_blocks() {
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

    fn scanned(text: &[u8]) -> ContentScan {
        let mut whole = ContentScanner::default();
        whole.push(text);
        let whole = whole.finish();
        for cut in 0..text.len() {
            let mut parts = ContentScanner::default();
            parts.push(&text[..cut]);
            parts.push(&text[cut..]);
            let parts = ContentScan {
                not_utf8_at: whole.not_utf8_at,
                ..parts.finish()
            };
            assert_eq!(parts, whole, "cut at {cut}");
        }
        whole
    }

    #[test]
    fn plain_text_is_plain() {
        let scan = scanned(b"one\ntwo\r\nthree\r");
        assert_eq!(scan.wire_len, 17);
        assert!(scan.ends_with_line_end && !scan.has_controls);
        assert!(!scan.has_blank_at_end && !scan.has_from_line);
        assert_eq!((scan.eight_bit, scan.long_line), (0, None));
    }

    #[test]
    fn every_line_end_counts_once() {
        assert_eq!(scanned(b"\r\n\n\r\r\n").wire_len, 8);
        assert_eq!(scanned(b"a\r\n\nb").wire_len, 6);
    }

    #[test]
    fn blanks_at_line_ends_and_from_lines_are_noticed() {
        for text in [&b"a \nb"[..], b"a\n\t\n", b"end "] {
            assert!(scanned(text).has_blank_at_end, "{text:?}");
        }
        for text in [&b"From x\n"[..], b"a\nFrom "] {
            assert!(scanned(text).has_from_line, "{text:?}");
        }
        for text in [&b"From: x\nFromage\n\n"[..], b"From\n x\n"] {
            let scan = scanned(text);
            assert!(!scan.has_blank_at_end && !scan.has_from_line, "{text:?}");
        }
    }

    #[test]
    fn invalid_utf8_is_found_with_its_offset() {
        assert_eq!(scanned("gr\u{fc}n \u{1f600}".as_bytes()).not_utf8_at, None);
        assert_eq!(scanned(b"gr\xfcn").not_utf8_at, Some(2));
        assert_eq!(scanned(b"abc\xc3").not_utf8_at, Some(3));
    }

    #[test]
    fn controls_and_nuls_are_seen() {
        let scan = scanned(b"a\x07b");
        assert!(scan.has_controls && !scan.has_nul);
        assert!(scanned(b"a\0b").has_nul && !scanned(b"a\tb").has_controls);
    }

    #[test]
    fn a_line_over_998_octets_is_named() {
        let text = [b"short\n".as_slice(), &[b'x'; 999], b"\n"].concat();
        assert_eq!(scanned(&text).long_line, Some(2));
        assert_eq!(scanned(&[b'x'; 998]).long_line, None);
        assert_eq!(scanned(&[b'x'; 999]).long_line, Some(1));
    }
}
