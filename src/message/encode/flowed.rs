//! Text that flows (RFC 3676): long paragraphs become lines that end in a blank and are joined again
//! by the reader.

use super::Encoder;

/// Where lines are broken, in characters (RFC 3676 §4.2 wants at most 78).
const WIDTH: usize = 72;

/// A longer paragraph is cut here, whatever it is.
const MAX_PARAGRAPH: usize = 1024 * 1024;

/// A text on its way to flowed lines. Line ends come out as LF.
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
    // RFC 3676 §4.3: the line before a signature is no flowed one.
    if line == b"-- " {
        out.extend_from_slice(line);
        return;
    }
    // A blank at the end would make the next paragraph flow into this one.
    let mut rest = line.trim_ascii_end();
    loop {
        stuff(rest, out);
        let Some(end) = break_at(rest) else {
            out.extend_from_slice(rest);
            return;
        };
        out.extend_from_slice(&rest[..end]);
        out.push(b'\n');
        rest = &rest[end..];
    }
}

/// RFC 3676 §4.4: a line that begins with a blank, a `>` or `From ` gets a blank more.
fn stuff(line: &[u8], out: &mut Vec<u8>) {
    if line.starts_with(b" ") || line.starts_with(b">") || line.starts_with(b"From ") {
        out.push(b' ');
    }
}

/// Where to break: behind the last blank within the width, else behind the first one after it.
fn break_at(line: &[u8]) -> Option<usize> {
    let mut width = 0;
    let mut found = None;
    for (at, &byte) in line.iter().enumerate() {
        // Bytes within a character have no width.
        width += usize::from(byte & 0xc0 != 0x80);
        if width > WIDTH && found.is_some() {
            return found;
        }
        let next = line.get(at + 1);
        if byte == b' ' && next.is_some_and(|&next| next != b' ') {
            found = Some(at + 1);
        }
    }
    found.filter(|_| width > WIDTH)
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

    /// What a reader makes of it (RFC 3676 §4).
    fn joined(text: &str) -> String {
        let mut out = String::new();
        for line in text.split_inclusive('\n') {
            let ended = line.ends_with('\n');
            let line = line.trim_end_matches('\n');
            let line = line.strip_prefix(' ').unwrap_or(line);
            out.push_str(line);
            let flows = line.ends_with(' ') && line != "-- ";
            if ended && !flows {
                out.push('\n');
            }
        }
        out
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
