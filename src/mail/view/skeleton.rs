//! A message without the long bodies of its parts, small enough to be parsed in memory.

use memchr::{memchr, memmem};
use std::ops::Range;

/// The end of a line and the beginning of the next, which may be a boundary (RFC 2046 §5.1.1).
const BOUNDARY: &[u8] = b"\n--";

/// Octets of a line that may be a boundary: at most 70 for the boundary itself, and blanks.
const MAX_BOUNDARY_LINE: usize = 1000;

const CONTENT_TYPE: &[u8] = b"content-type";

/// Limits of a skeleton.
#[derive(Clone, Copy, Debug)]
pub struct SkeletonLimits {
    /// Octets that are kept after a line that may be a boundary.
    pub part: usize,
    /// Octets of the skeleton.
    pub total: usize,
    /// Lines that may be a boundary, and the same number of Content-Type fields.
    pub parts: usize,
}

/// Octets that were left out.
#[derive(Debug)]
struct Cut {
    /// Offset in the skeleton.
    at: usize,
    octets: u64,
}

/// Collects a skeleton from blocks of any size. Every line that may be a boundary is kept, and a limited number of
/// octets after it.
pub struct Skeleton {
    pub bytes: Vec<u8>,
    limits: SkeletonLimits,
    cuts: Vec<Cut>,
    /// Offset in `bytes` of the current line.
    line_at: usize,
    /// Octets kept since the last line that may be a boundary.
    kept: usize,
    boundaries: usize,
    types: usize,
    /// Octets of the message up to now.
    size: u64,
    state: State,
}

enum State {
    Keeping,
    /// Octets are left out until a line that may be a boundary.
    Skipping {
        octets: u64,
        /// Octets of `BOUNDARY` at the end.
        matched: usize,
        /// The octet before them.
        before: u8,
    },
    /// A limit is reached: the rest is left out.
    Full,
}

impl Skeleton {
    pub fn new(limits: SkeletonLimits) -> Self {
        Self {
            bytes: Vec::new(),
            limits,
            cuts: Vec::new(),
            line_at: 0,
            kept: 0,
            boundaries: 0,
            types: 0,
            size: 0,
            state: State::Keeping,
        }
    }

    pub fn push(&mut self, block: &[u8]) {
        self.size += block.len() as u64;
        let mut rest = block;
        while !rest.is_empty() {
            rest = match self.state {
                State::Keeping => self.keep(rest),
                State::Skipping { .. } => self.skip(rest),
                State::Full => return,
            };
        }
    }

    /// Size of the whole message.
    pub fn size(&self) -> u64 {
        self.size
    }

    /// True if parts may be missing, because a limit on their number or their size in total was reached.
    pub fn is_incomplete(&self) -> bool {
        matches!(self.state, State::Full)
    }

    /// The octets of the message for those of the skeleton. The second value is true if some were left out.
    pub fn in_message(&self, octets: Range<usize>) -> (Range<u64>, bool) {
        let (start, end) = (self.offset(octets.start), self.offset(octets.end));
        let is_cut = end - start > (octets.end - octets.start) as u64;
        (start..end, is_cut)
    }

    fn offset(&self, at: usize) -> u64 {
        let before = self.cuts.iter().take_while(|cut| cut.at <= at);
        let omitted: u64 = before.map(|cut| cut.octets).sum();
        let ending = match self.state {
            State::Skipping {
                octets, matched, ..
            } if at == self.bytes.len() => octets + matched as u64,
            _ => 0,
        };
        at as u64 + omitted + ending
    }

    /// Keeps octets up to the end of the line. Returns the rest.
    fn keep<'b>(&mut self, block: &'b [u8]) -> &'b [u8] {
        let line_end = memchr(b'\n', block).map(|end| end + 1);
        let room = self.limits.part.saturating_sub(self.kept).max(1);
        let length = line_end.unwrap_or(block.len()).min(room);
        self.bytes.extend_from_slice(&block[..length]);
        self.kept += length;
        if line_end == Some(length) {
            self.end_line();
        }
        if self.kept >= self.limits.part && !self.may_be_boundary() {
            self.state = State::Skipping {
                octets: 0,
                matched: 0,
                before: 0,
            };
        }
        if self.bytes.len() >= self.limits.total
            || self.boundaries.max(self.types) > self.limits.parts
        {
            self.state = State::Full;
        }
        &block[length..]
    }

    /// True within a line that may be a boundary, which is kept to its end.
    fn may_be_boundary(&self) -> bool {
        let line = &self.bytes[self.line_at..];
        line.len() < MAX_BOUNDARY_LINE && (line == b"-" || line.starts_with(b"--"))
    }

    fn end_line(&mut self) {
        let line = &self.bytes[self.line_at..];
        if line.starts_with(b"--") {
            self.kept = 0;
            self.boundaries += 1;
        }
        let name = line.get(..CONTENT_TYPE.len());
        if name.is_some_and(|name| name.eq_ignore_ascii_case(CONTENT_TYPE)) {
            self.types += 1;
        }
        self.line_at = self.bytes.len();
    }

    /// Leaves octets out, up to a line that may be a boundary. Returns the rest.
    fn skip<'b>(&mut self, block: &'b [u8]) -> &'b [u8] {
        let State::Skipping {
            octets,
            matched,
            before,
        } = &mut self.state
        else {
            return block;
        };
        if *matched > 0 {
            let next = block[0];
            if next == BOUNDARY[*matched] {
                *matched += 1;
                if *matched == BOUNDARY.len() {
                    self.resume();
                }
                return &block[1..];
            }
            *octets += *matched as u64;
            *before = BOUNDARY[*matched - 1];
            *matched = 0;
            return block;
        }
        let found = memmem::find(block, BOUNDARY);
        let suffix = || {
            (1..BOUNDARY.len())
                .rev()
                .find(|&n| block.ends_with(&BOUNDARY[..n]))
        };
        let (end, ending) = if let Some(at) = found {
            (at, BOUNDARY.len())
        } else {
            let ending = suffix().unwrap_or(0);
            (block.len() - ending, ending)
        };
        *octets += end as u64;
        if let Some(&last) = block[..end].last() {
            *before = last;
        }
        *matched = ending;
        if ending == BOUNDARY.len() {
            self.resume();
        }
        &block[end + ending..]
    }

    /// Ends the omission before the line end that precedes a line that may be a boundary.
    fn resume(&mut self) {
        let State::Skipping { octets, before, .. } =
            std::mem::replace(&mut self.state, State::Keeping)
        else {
            return;
        };
        let is_crlf = octets > 0 && before == b'\r';
        let octets = octets - u64::from(is_crlf);
        if octets > 0 {
            let at = self.bytes.len();
            self.cuts.push(Cut { at, octets });
        }
        if is_crlf {
            self.bytes.push(b'\r');
        }
        self.bytes.push(b'\n');
        self.line_at = self.bytes.len();
        self.bytes.extend_from_slice(b"--");
        self.kept = 0;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIMITS: SkeletonLimits = SkeletonLimits {
        part: 8,
        total: 1000,
        parts: 3,
    };

    fn skeleton(text: &str, size: usize) -> Skeleton {
        let mut skeleton = Skeleton::new(LIMITS);
        for block in text.as_bytes().chunks(size) {
            skeleton.push(block);
        }
        skeleton
    }

    #[test]
    fn long_parts_are_cut_and_boundaries_kept_in_blocks_of_any_size() {
        let text = "ab\r\n12345678\r\n9\r\n\n-x\r\n--b\r\nsecond\n--b--\n1234567890\n-";
        for size in 1..text.len() {
            let skeleton = skeleton(text, size);
            let kept = String::from_utf8(skeleton.bytes.clone()).unwrap();
            assert_eq!(
                kept, "ab\r\n1234\r\n--b\r\nsecond\n--b--\n12345678",
                "{size}"
            );
            let of = |part: &str| {
                let at = kept.find(part).unwrap();
                let (octets, is_cut) = skeleton.in_message(at..at + part.len());
                let octets =
                    usize::try_from(octets.start).unwrap()..usize::try_from(octets.end).unwrap();
                (&text[octets], is_cut)
            };
            assert_eq!(of("1234"), ("12345678\r\n9\r\n\n-x", true));
            assert_eq!(of("second"), ("second", false));
            assert_eq!(of("12345678"), ("1234567890\n-", true));
            assert_eq!(skeleton.size(), text.len() as u64);
        }
    }

    #[test]
    fn numbers_of_boundaries_and_types_are_limited() {
        assert!(!skeleton(&"--b\n".repeat(3), 7).is_incomplete());
        assert!(skeleton(&"--b\n".repeat(4), 7).is_incomplete());
        let many = skeleton(&"--\nContent-TYPE:\n".repeat(9000), 500);
        assert!(many.is_incomplete() && many.bytes.len() < 1000);
    }
}
