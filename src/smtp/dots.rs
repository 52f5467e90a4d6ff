//! Dot-stuffing (RFC 5321 §4.5.2) of a message in blocks.

use memchr::memmem;

/// Doubles the dots at line starts, across block boundaries.
pub struct Dots {
    /// The last two octets before the block; a message begins at the start of a line.
    before: [u8; 2],
}

impl Default for Dots {
    fn default() -> Self {
        Self::new()
    }
}

impl Dots {
    /// A new state, for the beginning of a message.
    #[must_use]
    pub fn new() -> Self {
        Self { before: *b"\r\n" }
    }

    /// True if the data so far ends with CRLF.
    #[must_use]
    pub fn at_line_start(&self) -> bool {
        self.before == *b"\r\n"
    }

    /// Stuffs `buffer[start..]` in place.
    pub fn stuff(&mut self, buffer: &mut Vec<u8>, start: usize) {
        let first = self.at_line_start() && buffer.get(start) == Some(&b'.');
        self.passed(&buffer[start..]);
        // Lines end in CRLF only, so that a dot at the start of a line follows an LF.
        let found = memmem::find(&buffer[start..], b"\n.");
        if !first && found.is_none() {
            return;
        }
        let block = buffer.split_off(start);
        if first {
            buffer.push(b'.');
        }
        let mut done = 0;
        for at in memmem::find_iter(&block, b"\n.") {
            buffer.extend_from_slice(&block[done..=at]);
            buffer.push(b'.');
            done = at + 1;
        }
        buffer.extend_from_slice(&block[done..]);
    }

    /// Records octets that need no stuffing.
    pub fn passed(&mut self, block: &[u8]) {
        match *block {
            [] => {}
            [last] => self.before = [self.before[1], last],
            [.., one, two] => self.before = [one, two],
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stuffed(message: &[u8], cut: usize) -> Vec<u8> {
        let mut dots = Dots::new();
        let mut out = message[..cut].to_vec();
        dots.stuff(&mut out, 0);
        let start = out.len();
        out.extend_from_slice(&message[cut..]);
        dots.stuff(&mut out, start);
        out
    }

    #[test]
    fn dots_at_line_starts_are_doubled_wherever_the_block_is_cut() {
        // R10, B2
        let message = b".\r\n..a\r\nb.c\r\n\r\n.\r\n.end\r\n";
        let right = b"..\r\n...a\r\nb.c\r\n\r\n..\r\n..end\r\n";
        for cut in 0..=message.len() {
            assert_eq!(stuffed(message, cut), right, "cut at {cut}");
        }
    }
}
