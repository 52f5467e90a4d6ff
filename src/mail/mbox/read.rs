//! Finds the messages in an mbox.
//!
//! A message begins after a line with `From `, a sender and a date. The variants of the format do not agree on
//! the quoting of such lines within a message, so that a line which may be either is an error: a message would
//! otherwise be cut in two, or two messages would become one.

use std::ops::Range;

/// Octets of a line that are examined.
const LINE_START: usize = 256;

/// A message in an mbox.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct MboxPart {
    /// Its octets, without the `From ` line before it and the empty line after it.
    pub octets: Range<u64>,
    /// True if it has lines that begin with `>From ` or `>>From `, and so on.
    pub is_quoted: bool,
}

#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum MboxError {
    #[error("it is not an mbox: its first line does not begin with \"From \" and a sender")]
    NoMbox,
    #[error(
        "line {0} begins with \"From \" after an empty line, and has no date: it neither begins a message nor is \
         quoted (>From)"
    )]
    Ambiguous(u64),
}

/// Finds the messages in blocks of any size.
#[derive(Default)]
pub(crate) struct MboxScanner {
    parts: Vec<MboxPart>,
    /// The beginning of the current line.
    line: Vec<u8>,
    line_at: u64,
    line_number: u64,
    /// Offset of the next block.
    at: u64,
    /// Length of the line before with its line end, if it was empty; else 0.
    empty_before: u64,
}

impl MboxScanner {
    pub fn push(&mut self, block: &[u8]) -> Result<(), MboxError> {
        for piece in block.split_inclusive(|&byte| byte == b'\n') {
            let room = LINE_START - self.line.len();
            self.line.extend_from_slice(&piece[..piece.len().min(room)]);
            self.at += piece.len() as u64;
            if piece.ends_with(b"\n") {
                self.line()?;
            }
        }
        Ok(())
    }

    /// The messages, in order.
    pub fn finish(mut self) -> Result<Vec<MboxPart>, MboxError> {
        if self.at > self.line_at {
            self.line()?;
        }
        self.end_part(self.at);
        Ok(self.parts)
    }

    /// Examines the line that ends here.
    fn line(&mut self) -> Result<(), MboxError> {
        self.line_number += 1;
        let mut start = std::mem::take(&mut self.line);
        let line = start.trim_ascii_end();
        let is_separator = is_separator(line);
        if is_separator {
            self.end_part(self.line_at);
            self.parts.push(MboxPart {
                octets: self.at..self.at,
                is_quoted: false,
            });
        } else if self.line_number == 1 {
            return Err(MboxError::NoMbox);
        } else if line.starts_with(b"From ") && self.empty_before > 0 {
            return Err(MboxError::Ambiguous(self.line_number));
        } else if let Some(part) = self.parts.last_mut() {
            part.is_quoted |= is_quoted(line);
        }
        let is_empty = line.is_empty() && !is_separator;
        self.empty_before = if is_empty { self.at - self.line_at } else { 0 };
        start.clear();
        self.line = start;
        self.line_at = self.at;
        Ok(())
    }

    /// Ends the last message at this offset, or before the empty line there.
    fn end_part(&mut self, end: u64) {
        if let Some(part) = self.parts.last_mut() {
            part.octets.end = (end - self.empty_before).max(part.octets.start);
        }
    }
}

/// `From SENDER DATE`, with a time of day and a year in the date.
fn is_separator(line: &[u8]) -> bool {
    let Some(rest) = line.strip_prefix(b"From ") else {
        return false;
    };
    let words = rest.split(u8::is_ascii_whitespace);
    let words: Vec<&[u8]> = words.filter(|word| !word.is_empty()).collect();
    let is_number = |word: &[u8]| word.iter().all(u8::is_ascii_digit);
    let is_time = |word: &&[u8]| {
        let mut numbers = word.split(|&byte| byte == b':');
        word.contains(&b':') && numbers.all(|number| number.len() == 2 && is_number(number))
    };
    let is_year = |word: &&[u8]| word.len() == 4 && is_number(word);
    words.len() >= 5 && words.iter().any(is_time) && words.iter().any(is_year)
}

fn is_quoted(line: &[u8]) -> bool {
    let depth = line.iter().take_while(|&&byte| byte == b'>').count();
    depth > 0 && line[depth..].starts_with(b"From ")
}

/// Removes one `>` before each quoted `From `, in blocks of any size.
#[derive(Default)]
pub(crate) struct Unquoter {
    /// The beginning of a line that may still become `>From `.
    start: Vec<u8>,
    is_inside: bool,
}

impl Unquoter {
    pub fn push(&mut self, block: &[u8], out: &mut Vec<u8>) {
        let mut rest = block;
        while !rest.is_empty() {
            if self.is_inside {
                let end = memchr::memchr(b'\n', rest).map_or(rest.len(), |end| end + 1);
                out.extend_from_slice(&rest[..end]);
                self.is_inside = !rest[..end].ends_with(b"\n");
                rest = &rest[end..];
                continue;
            }
            self.start.push(rest[0]);
            rest = &rest[1..];
            self.decide(out);
        }
    }

    pub fn finish(&mut self, out: &mut Vec<u8>) {
        out.append(&mut self.start);
    }

    /// Writes the beginning of the line as soon as it is known whether it is quoted.
    fn decide(&mut self, out: &mut Vec<u8>) {
        let depth = self.start.iter().take_while(|&&byte| byte == b'>').count();
        let word = &self.start[depth..];
        if b"From ".starts_with(word) && word.len() < 5 && depth < LINE_START {
            return;
        }
        let is_quoted = depth > 0 && word == b"From ";
        self.is_inside = !self.start.ends_with(b"\n");
        out.extend_from_slice(&self.start[usize::from(is_quoted)..]);
        self.start.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const FROM: &str = "From alice@crepes.fr Tue Dec  1 08:00:00 2026";

    fn parts(text: &str) -> Result<Vec<(&str, bool)>, MboxError> {
        let mut scanner = MboxScanner::default();
        for byte in text.as_bytes() {
            scanner.push(&[*byte])?;
        }
        let mut whole = MboxScanner::default();
        whole.push(text.as_bytes())?;
        let parts = scanner.finish()?;
        assert_eq!(whole.finish().as_ref(), Ok(&parts));
        let place = |at: u64| usize::try_from(at).unwrap();
        let text = |part: &MboxPart| &text[place(part.octets.start)..place(part.octets.end)];
        Ok(parts
            .iter()
            .map(|part| (text(part), part.is_quoted))
            .collect())
    }

    #[test]
    fn messages_begin_after_lines_with_a_sender_and_a_date() {
        let text = format!("{FROM}\nA: 1\n\none\n\n{FROM}\r\nA: 2\r\n\r\ntwo\r\n\r\n");
        let all = [("A: 1\n\none\n", false), ("A: 2\r\n\r\ntwo\r\n", false)];
        assert_eq!(parts(&text), Ok(all.to_vec()));
        // Some programs write no empty line before the next message, or a time zone.
        let text = format!("{FROM}\nA: 1\n\none\n{FROM} +0000\nA: 2\n\ntwo");
        assert_eq!(
            parts(&text),
            Ok(vec![("A: 1\n\none\n", false), ("A: 2\n\ntwo", false)])
        );
        assert_eq!(parts(""), Ok(Vec::new()));
    }

    #[test]
    fn a_from_line_in_the_text_is_no_separator_and_an_ambiguous_one_is_an_error() {
        let text = format!("{FROM}\nA: 1\n\none\nFrom here on\n>From x\n");
        assert_eq!(
            parts(&text),
            Ok(vec![("A: 1\n\none\nFrom here on\n>From x\n", true)])
        );
        let text = format!("{FROM}\nA: 1\n\nFrom here on\n");
        assert_eq!(parts(&text), Err(MboxError::Ambiguous(4)));
        assert_eq!(parts("Subject: x\n\ny\n"), Err(MboxError::NoMbox));
        assert_eq!(parts("From here on\n"), Err(MboxError::NoMbox));
    }

    #[test]
    fn one_level_of_quoting_is_removed() {
        let text = ">From a\n>>From b\nx >From c\n> From d\n>Fro\n>\n>From";
        let right = "From a\n>From b\nx >From c\n> From d\n>Fro\n>\n>From";
        for at in 0..=text.len() {
            let (mut unquoter, mut out) = (Unquoter::default(), Vec::new());
            unquoter.push(&text.as_bytes()[..at], &mut out);
            unquoter.push(&text.as_bytes()[at..], &mut out);
            unquoter.finish(&mut out);
            assert_eq!(String::from_utf8(out).unwrap(), right, "split at {at}");
        }
    }
}
