//! Dot-stuffing (RFC 5321 §4.5.2) of a message in blocks of any size, and its removal.
//!
//! Only CRLF ends a line: a dot after a bare LF or a bare CR is content. A server that accepts other
//! line ends can be made to see two messages in one (CVE-2023-51764).

use memchr::memmem::{self, Finder};

/// Doubles the dots at line starts, across block boundaries.
pub struct DotStuffer {
    /// The last two octets before the block; a message begins at the start of a line.
    before: [u8; 2],
}

impl Default for DotStuffer {
    fn default() -> Self {
        Self::new()
    }
}

impl DotStuffer {
    /// A new state, for the beginning of a message.
    pub fn new() -> Self {
        Self { before: *b"\r\n" }
    }

    /// True if the data so far ends with CRLF.
    pub fn at_line_start(&self) -> bool {
        self.before == *b"\r\n"
    }

    /// Stuffs `buffer[start..]` in place.
    pub fn stuff(&mut self, buffer: &mut Vec<u8>, start: usize) {
        // The offset of a dot that begins a line which ended in the block before.
        let first = match (&self.before, &buffer[start..]) {
            (b"\r\n", [b'.', ..]) => Some(0),
            ([_, b'\r'], [b'\n', b'.', ..]) => Some(1),
            _ => None,
        };
        self.passed(&buffer[start..]);
        let found = memmem::find(&buffer[start..], b"\r\n.");
        if first.is_none() && found.is_none() {
            return;
        }
        let block = buffer.split_off(start);
        let others = memmem::find_iter(&block, b"\r\n.").map(|at| at + 2);
        let mut done = 0;
        for at in first.into_iter().chain(others) {
            buffer.extend_from_slice(&block[done..at]);
            buffer.push(b'.');
            done = at;
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

/// The position of the next byte in the data.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum At {
    LineStart,
    Text,
    /// After a CR, which was already passed on.
    Cr,
    /// After the dot that begins a line, which is never content.
    Dot,
    /// After that dot and a CR, which is content unless LF follows.
    DotCr,
}

/// The result of reading the beginning of a block.
#[derive(Debug, PartialEq, Eq)]
pub struct UnstuffedBlock<'a> {
    /// Content to keep; may be empty.
    pub content: &'a [u8],
    /// Number of bytes of the block that were processed.
    pub used: usize,
    /// True if the message ends here. The bytes after `used` are the next command.
    pub ended: bool,
}

/// Finds the end of the data and drops the stuffed dots on the way.
pub struct DotUnstuffer {
    at: At,
    line_with_dot: Finder<'static>,
}

impl Default for DotUnstuffer {
    fn default() -> DotUnstuffer {
        DotUnstuffer {
            at: At::LineStart,
            line_with_dot: Finder::new(b"\r\n."),
        }
    }
}

impl DotUnstuffer {
    /// Looks at the beginning of `block`, which must not be empty. Call again with what is left.
    pub fn next<'a>(&mut self, block: &'a [u8]) -> UnstuffedBlock<'a> {
        match (self.at, block[0]) {
            (At::Text, _) => self.text(block),
            (At::Cr, b'\n') => self.go(At::LineStart, &block[..1], 1),
            (At::LineStart, b'.') => self.go(At::Dot, b"", 1),
            (At::Dot, b'\r') => self.go(At::DotCr, b"", 1),
            (At::DotCr, b'\n') => UnstuffedBlock {
                ended: true,
                ..self.go(At::LineStart, b"", 1)
            },
            (At::DotCr, _) => self.go(At::Cr, b"\r", 0),
            (At::Cr | At::LineStart | At::Dot, _) => self.go(At::Text, b"", 0),
        }
    }

    fn text<'a>(&mut self, block: &'a [u8]) -> UnstuffedBlock<'a> {
        if let Some(found) = self.line_with_dot.find(block) {
            return self.go(At::Dot, &block[..found + 2], found + 3);
        }
        let at = match block {
            [.., b'\r', b'\n'] => At::LineStart,
            [.., b'\r'] => At::Cr,
            _ => At::Text,
        };
        self.go(at, block, block.len())
    }

    fn go<'a>(&mut self, at: At, content: &'a [u8], used: usize) -> UnstuffedBlock<'a> {
        self.at = at;
        UnstuffedBlock {
            content,
            used,
            ended: false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stuffed(message: &[u8], cut: usize) -> Vec<u8> {
        let mut dots = DotStuffer::new();
        let mut out = message[..cut].to_vec();
        dots.stuff(&mut out, 0);
        let start = out.len();
        out.extend_from_slice(&message[cut..]);
        dots.stuff(&mut out, start);
        out
    }

    #[test]
    fn dots_at_line_starts_are_doubled_across_blocks() {
        // RFC 5321 §4.5.2
        let message = b".\r\n..a\r\nb.c\r\n\r\n.\r\n.end\r\n";
        let right = b"..\r\n...a\r\nb.c\r\n\r\n..\r\n..end\r\n";
        for cut in 0..=message.len() {
            assert_eq!(stuffed(message, cut), right, "cut at {cut}");
        }
    }

    /// The content, and the bytes after the end; `None`: the end was not found.
    fn unstuff(blocks: &[&[u8]]) -> Option<(Vec<u8>, Vec<u8>)> {
        let mut unstuffer = DotUnstuffer::default();
        let (mut content, mut rest, mut ended) = (Vec::new(), Vec::new(), false);
        for block in blocks {
            let mut block = *block;
            while !block.is_empty() && !ended {
                let piece = unstuffer.next(block);
                content.extend_from_slice(piece.content);
                block = &block[piece.used..];
                ended = piece.ended;
            }
            rest.extend_from_slice(block);
        }
        ended.then_some((content, rest))
    }

    /// The content of the data, which must not depend on its division into blocks.
    fn content(data: &[u8]) -> Option<Vec<u8>> {
        let whole = unstuff(&[data]);
        for at in 0..=data.len() {
            assert_eq!(unstuff(&[&data[..at], &data[at..]]), whole, "split at {at}");
        }
        assert_eq!(unstuff(&data.chunks(1).collect::<Vec<_>>()), whole);
        whole.map(|(content, _)| content)
    }

    fn assert_content(data: &[u8], expected: &[u8]) {
        assert_eq!(content(data).as_deref(), Some(expected), "{data:?}");
    }

    #[test]
    fn the_message_ends_at_a_lone_dot_between_crlfs() {
        assert_content(b"a\r\nb\r\n.\r\n", b"a\r\nb\r\n");
        assert_content(b"\r\n.\r\n", b"\r\n");
    }

    #[test]
    fn dot_at_the_start_is_an_empty_message() {
        assert_content(b".\r\n", b"");
    }

    #[test]
    fn input_after_the_end_is_not_consumed() {
        let (content, rest) = unstuff(&[b"a\r\n.\r\nQUIT\r\n.\r\n"]).unwrap();
        assert_eq!(content, b"a\r\n");
        assert_eq!(rest, b"QUIT\r\n.\r\n");
    }

    #[test]
    fn one_leading_dot_is_removed_from_each_line() {
        assert_content(
            b"..\r\n...a\r\n.b\r\na.\r\n..\r\n.\r\n",
            b".\r\n..a\r\nb\r\na.\r\n.\r\n",
        );
    }

    #[test]
    fn dots_between_bare_line_ends_are_content() {
        assert_content(b"a\n.\nb\r\n.\r\n", b"a\n.\nb\r\n");
        assert_content(b"a\n.\r\nb\r\n.\r\n", b"a\n.\r\nb\r\n");
        assert_content(b"a\r.\rb\r\n.\r\n", b"a\r.\rb\r\n");
        assert_content(b"a\r.\r\nb\r\n.\r\n", b"a\r.\r\nb\r\n");
        // These lines do begin after CRLF: the dot is stuffing, the rest is content.
        assert_content(b"a\r\n.\rb\r\n.\r\n", b"a\r\n\rb\r\n");
        assert_content(b"a\r\n.\nb\r\n.\r\n", b"a\r\n\nb\r\n");
        assert_content(b"a\r\n.\r\r\n.\r\n", b"a\r\n\r\r\n");
        assert_content(b".\r.\r\n\r\n.\r\n", b"\r.\r\n\r\n");
    }

    #[test]
    fn bare_line_ends_never_end_the_message() {
        for data in [
            &b"a\n.\n"[..],
            b"a\n.\r\n",
            b"a\r.\r",
            b"a\r.\r\n",
            b"a\r\n.\n",
            b"a\r\n.\r",
            b"a\r\n..\r\n",
            b"a\r\n.\r.\r\n",
            b"a\r\r\n.\0\r\n",
        ] {
            assert_eq!(content(data), None, "{data:?}");
        }
    }

    #[test]
    fn all_short_inputs_agree_with_the_definition() {
        for number in 0..4_u32.pow(8) {
            let data: Vec<u8> = (0..8)
                .map(|place| b"\r\n.a"[(number >> (2 * place)) as usize & 3])
                .collect();
            let found = unstuff(&[&data]).map(|(content, _)| content);
            assert_eq!(found, by_definition(&data), "{data:?}");
        }
    }

    /// The same, slowly: lines that end with CRLF, up to the one that is a dot.
    fn by_definition(data: &[u8]) -> Option<Vec<u8>> {
        let mut rest = data;
        let mut content = Vec::new();
        while let Some(end) = rest.windows(2).position(|pair| pair == b"\r\n") {
            let line = &rest[..end + 2];
            if line == b".\r\n" {
                return Some(content);
            }
            content.extend_from_slice(line.strip_prefix(b".").unwrap_or(line));
            rest = &rest[end + 2..];
        }
        None
    }
}
