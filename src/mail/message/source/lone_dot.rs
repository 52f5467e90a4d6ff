//! The end of a text at a line with a single dot, as on the standard input of sendmail.

use crate::mail::message::source::{Source, SourceError};

impl Source {
    /// The same up to the first line with a single dot.
    pub fn up_to_dot(mut self) -> Result<Self, SourceError> {
        let mut block = self.block(64 * 1024);
        let (mut at, mut dot) = (0, LoneDot::default());
        loop {
            let count = self.read(&mut block, at)?;
            let is_found = match count {
                0 => dot.is_last(),
                _ => dot.find(&block[..count]),
            };
            if is_found {
                self.cut(dot.line_at);
            }
            if is_found || count == 0 {
                return Ok(self);
            }
            at += count as u64;
        }
    }
}

/// Searches for a line with a single dot, as programs end their input to sendmail. A CR alone is not a line
/// end here: a progress display may well write CR, dot, CR.
#[derive(Default)]
struct LoneDot {
    /// Offset of the current line.
    line_at: u64,
    /// Content of the current line so far.
    line: LineContent,
    /// Number of bytes seen.
    seen: u64,
}

#[derive(Clone, Copy, Default, PartialEq, Eq)]
enum LineContent {
    #[default]
    Empty,
    Dot,
    DotCr,
    Other,
}

impl LoneDot {
    /// True if these bytes contain it. `line_at` is then its offset.
    fn find(&mut self, bytes: &[u8]) -> bool {
        let mut at = 0;
        while at < bytes.len() {
            self.line = match (self.line, bytes[at]) {
                (LineContent::Dot | LineContent::DotCr, b'\n') => return true,
                (_, b'\n') => {
                    self.line_at = self.seen + at as u64 + 1;
                    LineContent::Empty
                }
                (LineContent::Empty, b'.') => LineContent::Dot,
                (LineContent::Dot, b'\r') => LineContent::DotCr,
                _ => LineContent::Other,
            };
            at += match self.line {
                LineContent::Other => {
                    memchr::memchr(b'\n', &bytes[at..]).unwrap_or(bytes.len() - at)
                }
                _ => 1,
            };
        }
        self.seen += bytes.len() as u64;
        false
    }

    /// True if it is the last line, without a line end.
    fn is_last(&self) -> bool {
        matches!(self.line, LineContent::Dot | LineContent::DotCr)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_lone_dot_ends_the_text_and_other_dots_do_not() {
        for (text, kept) in [
            ("a\n.\nb\n", "a\n"),
            ("a\r\n.\r\nb", "a\r\n"),
            (".\nb", ""),
            ("a\n.", "a\n"),
            ("a\n..\n. \n.b\n", "a\n..\n. \n.b\n"),
            ("10%\r.\rb\n", "10%\r.\rb\n"),
            ("a\n.\rb\n.\n", "a\n.\rb\n"),
            ("", ""),
        ] {
            for cut in 0..=text.len() {
                let mut dot = LoneDot::default();
                let (first, second) = text.as_bytes().split_at(cut);
                let is_found = dot.find(first) || dot.find(second) || dot.is_last();
                assert_eq!(is_found, text != kept, "{text:?} cut at {cut}");
            }
            let source = Source::memory("a text".to_owned(), text.as_bytes().to_vec());
            let source = source.up_to_dot().unwrap();
            assert_eq!(source.whole(100).unwrap(), kept.as_bytes(), "{text:?}");
        }
    }
}
