//! Text as format=flowed (RFC 3676): long paragraphs become lines that end in a blank, and the recipient's
//! mail program joins them again.

use crate::mail::message::encode::Encoder;

/// The length at which lines are broken, in characters (RFC 3676 §4.2 allows 78).
const WIDTH: usize = 72;

/// A longer paragraph is cut at the first blank after this many octets.
const MAX_PARAGRAPH: usize = 1024 * 1024;

/// A conversion to flowed lines in progress. Line ends become LF.
#[derive(Default)]
pub struct Flowed {
    line: Vec<u8>,
    after_cr: bool,
}

impl Flowed {
    fn line_end(&mut self, out: &mut Vec<u8>) {
        let line = std::mem::take(&mut self.line);
        paragraph(&line, out);
        out.push(b'\n');
    }
}

impl Encoder for Flowed {
    fn push(&mut self, bytes: &[u8], out: &mut Vec<u8>) {
        for &byte in bytes {
            let after_cr = std::mem::replace(&mut self.after_cr, byte == b'\r');
            match byte {
                b'\n' if after_cr => {}
                b'\r' | b'\n' => self.line_end(out),
                _ => self.line.push(byte),
            }
            if self.line.len() >= MAX_PARAGRAPH && byte == b' ' {
                self.line_end(out);
            }
        }
    }

    fn finish(&mut self, out: &mut Vec<u8>) {
        let line = std::mem::take(&mut self.line);
        if !line.is_empty() {
            paragraph(&line, out);
        }
    }
}

/// One line of the text, as flowed lines.
fn paragraph(line: &[u8], out: &mut Vec<u8>) {
    // RFC 3676 §4.3: the line before a signature is not a flowed one.
    if line == b"-- " {
        out.extend_from_slice(line);
        return;
    }
    // A blank at the end would join the next paragraph to this one.
    let line = line.trim_ascii_end();
    let (marks, text) = line.split_at(quote_marks(line));
    // The blank after the marks is the one that stuffing adds (RFC 3676 §4.5).
    let mut rest = if marks.is_empty() {
        text
    } else {
        text.get(1..).unwrap_or_default()
    };
    let width = WIDTH.saturating_sub(marks.len()).max(WIDTH / 2);
    loop {
        out.extend_from_slice(marks);
        if needs_stuffing(rest) || !marks.is_empty() && !rest.is_empty() {
            out.push(b' ');
        }
        let Some(end) = break_at(rest, width) else {
            out.extend_from_slice(rest);
            return;
        };
        out.extend_from_slice(&rest[..end]);
        out.push(b'\n');
        rest = &rest[end..];
    }
}

/// The number of `>` that quote this line: those before a blank or the end of the line. Others are text.
fn quote_marks(line: &[u8]) -> usize {
    let count = line.iter().take_while(|&&byte| byte == b'>').count();
    match line.get(count) {
        None | Some(b' ') => count,
        Some(_) => 0,
    }
}

/// RFC 3676 §4.4: a blank is put before a line that begins with a blank, a `>` or `From `.
fn needs_stuffing(line: &[u8]) -> bool {
    line.starts_with(b" ") || line.starts_with(b">") || line.starts_with(b"From ")
}

/// The position for a break: after the last blank within the width, else after the first one beyond it.
fn break_at(line: &[u8], limit: usize) -> Option<usize> {
    let mut width = 0;
    let mut found = None;
    for (at, &byte) in line.iter().enumerate() {
        // Bytes within a character have no width.
        width += usize::from(byte & 0xc0 != 0x80);
        if width > limit && found.is_some() {
            return found;
        }
        let next = line.get(at + 1);
        if byte == b' ' && next.is_some_and(|&next| next != b' ') {
            found = Some(at + 1);
        }
    }
    found.filter(|_| width > limit)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn flowed(text: &str) -> String {
        let mut out = Vec::new();
        let mut encoder = Flowed::default();
        encoder.push(text.as_bytes(), &mut out);
        encoder.finish(&mut out);
        String::from_utf8(out).unwrap()
    }

    /// Joins lines as a mail program does (RFC 3676 §4): each paragraph after its quote marks.
    fn joined(text: &str) -> String {
        let mut out = String::new();
        let mut is_flowing = false;
        for line in text.split_inclusive('\n') {
            let ended = line.ends_with('\n');
            let line = line.trim_end_matches('\n');
            let depth = line.len() - line.trim_start_matches('>').len();
            let (marks, line) = line.split_at(depth);
            let line = line.strip_prefix(' ').unwrap_or(line);
            if !is_flowing && depth > 0 {
                out.push_str(marks);
                out.push_str(if line.is_empty() { "" } else { " " });
            }
            out.push_str(line);
            is_flowing = ended && line.ends_with(' ') && line != "-- ";
            if ended && !is_flowing {
                out.push('\n');
            }
        }
        out
    }

    #[test]
    fn quotes_stay_quotes_and_other_angle_brackets_are_text() {
        for (text, lines) in [
            ("> a\n>> b\n>\n", "> a\n>> b\n>\n"),
            (">  a\n", ">  a\n"),
            (">=5 and >a\n", " >=5 and >a\n"),
            ("> From here\n", "> From here\n"),
        ] {
            assert_eq!(flowed(text), lines);
        }
        let quote = format!("> {}\n", "word ".repeat(40).trim_end());
        let lines = flowed(&quote);
        assert!(lines.lines().count() > 2 && lines.lines().all(|line| line.starts_with("> word")));
        assert_eq!(joined(&lines), quote);
    }

    #[test]
    fn paragraphs_come_back_and_lines_are_short() {
        for text in [
            "short\n",
            "word ".repeat(50).trim_end(),
            &format!(
                "{}\n\n> quoted\n From here\nFrom there\n-- \nme\n",
                "é wörd ".repeat(40).trim_end()
            ),
            &"x".repeat(200),
            &format!(">> {}\n> a\n", "é wörd ".repeat(40).trim_end()),
            "a  b\n",
        ] {
            let lines = flowed(text);
            assert_eq!(joined(&lines), *text);
            let longest = lines
                .lines()
                .filter(|l| l.contains(' '))
                .map(|l| l.chars().count())
                .max();
            assert!(longest.unwrap_or(0) <= 78, "{lines}");
        }
    }
}
