//! Splits a message that arrives in pieces into lines for display.

use crate::system::text::{printable, shown_with_tabs};

/// Maximum octets of an incomplete line that are buffered; a longer line is shown in parts.
const LONGEST: usize = 4096;

/// The incomplete line received so far.
#[derive(Default)]
pub struct MessageLines {
    rest: Vec<u8>,
}

impl MessageLines {
    /// Adds the next part of the message, and returns the completed lines.
    pub fn pass(&mut self, part: &[u8]) -> Vec<String> {
        let mut lines = Vec::new();
        for piece in part.split_inclusive(|&byte| byte == b'\n') {
            self.rest.extend_from_slice(piece);
            if piece.ends_with(b"\n") || self.rest.len() >= LONGEST {
                lines.extend(self.end());
            }
        }
        lines
    }

    /// The incomplete line at the end of the message.
    pub fn end(&mut self) -> Option<String> {
        if self.rest.is_empty() {
            return None;
        }
        let line = std::mem::take(&mut self.rest);
        let line = line.strip_suffix(b"\n").unwrap_or(&line);
        Some(readable(line.strip_suffix(b"\r").unwrap_or(line)))
    }
}

/// The printable form of a line: tabs stay; a line that is not UTF-8 has its octets escaped.
fn readable(line: &[u8]) -> String {
    match std::str::from_utf8(line) {
        Ok(text) => shown_with_tabs(text),
        Err(_) => printable(line),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_a_line_wherever_it_was_cut() {
        let mut letter = MessageLines::default();
        assert_eq!(letter.pass(b"Subject: "), [""; 0]);
        assert_eq!(letter.pass(b"hi\r\n\r\nt\r"), ["Subject: hi", ""]);
        assert_eq!(letter.pass(b"\n..x"), ["t"]);
        assert_eq!(letter.end().as_deref(), Some("..x"));
        assert_eq!(letter.end(), None);
    }

    #[test]
    fn what_could_steer_a_terminal_is_escaped_and_letters_are_not() {
        let mut letter = MessageLines::default();
        let lines = letter.pass("Grüße\tan\x1b[2J\r\n".as_bytes());
        assert_eq!(lines, ["Grüße\tan\\u{1b}[2J"]);
        assert_eq!(letter.pass(b"\xff\x1b\n"), ["\\xff\\x1b"]);
    }

    #[test]
    fn a_line_without_end_is_shown_in_parts() {
        let mut letter = MessageLines::default();
        let lines = letter.pass(&[b'x'; LONGEST]);
        assert_eq!(lines.len(), 1);
        assert_eq!(letter.end(), None);
    }
}
