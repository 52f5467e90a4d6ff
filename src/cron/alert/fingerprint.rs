//! Fingerprints, by which two runs of a job are compared.

use crate::cron::alert::fold::folded;
use memchr::memchr_iter;
use ring::digest::{Context, SHA256, digest};
use std::collections::BTreeSet;

/// Number of lines at the beginning and at the end of an output that make its fingerprint, so that the cost
/// is bounded.
const MAX_LINES: usize = 100;

/// Octets of the beginning and of the end that are kept.
const SAMPLE: usize = 64 * 1024;

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Fingerprint {
    /// Equal for failures of one kind: the ending and the output, without times, process IDs, temporary names
    /// and the like.
    pub kind: String,
    /// Equal only for runs with the same ending and the same output, to the last octet. `None`: not
    /// requested.
    pub exact: Option<String>,
}

impl Fingerprint {
    /// The fingerprint of an ending (`exit 3`, `signal 9`) and an output.
    pub fn of(ending: &str, output: &OutputSample) -> Self {
        let mut kind = Context::new(&SHA256);
        kind.update(ending.as_bytes());
        for line in output.lines() {
            kind.update(&line);
        }
        Self {
            kind: half_hex(kind),
            exact: None,
        }
    }

    /// Adds the exact fingerprint, which depends on every octet of the outputs.
    pub fn with_exact(self, ending: &str, outputs: impl IntoIterator<Item = Checksum>) -> Self {
        let mut exact = Context::new(&SHA256);
        exact.update(ending.as_bytes());
        for output in outputs {
            exact.update(output.0.finish().as_ref());
        }
        Self {
            exact: Some(half_hex(exact)),
            ..self
        }
    }
}

#[derive(Clone)]
pub struct Checksum(Context);

impl Default for Checksum {
    fn default() -> Self {
        Self(Context::new(&SHA256))
    }
}

impl Checksum {
    pub fn update(&mut self, bytes: &[u8]) {
        self.0.update(bytes);
    }
}

/// A summary of an output stream, in constant memory.
#[derive(Default)]
pub struct OutputSample {
    head: Vec<u8>,
    /// The last octets after the head.
    tail: Vec<u8>,
    /// True if there was more between the two.
    is_cut: bool,
}

impl OutputSample {
    pub fn update(&mut self, bytes: &[u8]) {
        let capacity = if self.is_cut {
            0
        } else {
            SAMPLE - self.head.len()
        };
        let (head, rest) = bytes.split_at(bytes.len().min(capacity));
        self.head.extend_from_slice(head);
        let end = &rest[rest.len().saturating_sub(SAMPLE)..];
        self.is_cut |= end.len() < rest.len();
        self.tail.extend_from_slice(end);
        if self.tail.len() > 2 * SAMPLE {
            self.tail.drain(..self.tail.len() - SAMPLE);
            self.is_cut = true;
        }
    }

    /// Notes that output is missing here.
    pub fn skip(&mut self) {
        self.is_cut = true;
        self.tail.clear();
    }

    /// The folded lines as a set: repetitions and the order of two processes are ignored.
    fn lines(&self) -> BTreeSet<[u8; 32]> {
        let (mut first, mut last) = (self.head.as_slice(), self.tail.as_slice());
        let joined;
        if self.is_cut {
            first = without_partial_line(first);
            let start = memchr::memchr(b'\n', last).map_or(0, |at| at + 1);
            last = &last[start..];
        } else {
            joined = [first, last].concat();
            (first, last) = (&joined, &joined);
        }
        let from_end = last.rsplit(|&byte| byte == b'\n').take(MAX_LINES + 1);
        let lines = first.split(|&byte| byte == b'\n').take(MAX_LINES);
        let lines = lines.chain(from_end).map(folded);
        lines
            .filter(|line| !line.is_empty())
            .map(|line| hash(&line))
            .collect()
    }
}

/// The text up to its last line end.
fn without_partial_line(bytes: &[u8]) -> &[u8] {
    let end = memchr_iter(b'\n', bytes).next_back();
    &bytes[..end.unwrap_or(bytes.len())]
}

fn hash(bytes: &[u8]) -> [u8; 32] {
    let digest = digest(&SHA256, bytes);
    // SHA-256 has as many octets.
    digest.as_ref().try_into().unwrap_or([0; 32])
}

/// The first half of the digest, in hexadecimal.
fn half_hex(context: Context) -> String {
    hex(&context.finish().as_ref()[..16])
}

pub fn hex(octets: &[u8]) -> String {
    octets.iter().fold(String::new(), |mut text, octet| {
        text.push_str(&format!("{octet:02x}"));
        text
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fingerprint_of(ending: &str, output: &str) -> Fingerprint {
        let (mut sample, mut checksum) = (OutputSample::default(), Checksum::default());
        // In pieces that end anywhere.
        for piece in output.as_bytes().chunks(7) {
            sample.update(piece);
            checksum.update(piece);
        }
        Fingerprint::of(ending, &sample).with_exact(ending, [checksum])
    }

    const RSYNC: &str = "\
2026/11/23 02:00:01 [4711] building file list
2026/11/23 02:00:09 [4711] rsync: write failed on \"/backup/a\": No space left on device (28)
rsync error: error in file IO (code 11) at receiver.c(393) [receiver=3.2.7]
sent 1.23M bytes  received 88 bytes  50.12K bytes/sec
";

    #[test]
    fn repeated_failure_has_the_same_kind() {
        let later = RSYNC
            .replace("11/23 02:00", "12/01 14:31")
            .replace("4711", "99")
            .replace("1.23M", "900K")
            .replace("50.12K", "3.1M");
        let (one, other) = (
            fingerprint_of("exit 11", RSYNC),
            fingerprint_of("exit 11", &later),
        );
        assert_eq!(one.kind, other.kind);
        assert_ne!(one.exact, other.exact);
    }

    #[test]
    fn different_ending_or_error_has_another_kind() {
        let full = fingerprint_of("exit 11", RSYNC);
        assert_ne!(full.kind, fingerprint_of("exit 12", RSYNC).kind);
        let denied = RSYNC.replace("No space left on device (28)", "Permission denied (13)");
        assert_ne!(full.kind, fingerprint_of("exit 11", &denied).kind);
        assert_ne!(full.kind, fingerprint_of("exit 11", "").kind);
    }

    #[test]
    fn order_and_repetition_of_lines_are_ignored() {
        let one = fingerprint_of("exit 1", "took 1 s\ntook 2 s\nfailed\n");
        let other = fingerprint_of("exit 1", "failed\ntook 9 s\n");
        assert_eq!(one.kind, other.kind);
    }

    #[test]
    fn long_output_is_compared_at_both_ends() {
        let middle = "line 1 of many\n".repeat(20_000);
        let long = |word: &str, end: &str| {
            fingerprint_of("exit 1", &format!("begin\n{word}{middle}{end}\n"))
        };
        assert_eq!(long("", "full").kind, long("", "full").kind);
        assert_ne!(long("", "full").kind, long("", "denied").kind);
        assert_ne!(long("", "full").kind, long("odd\n", "full").kind);
        // With an offset of one octet, the kept parts cut other lines.
        assert_eq!(long("line 1 of many\n", "full").kind, long("", "full").kind);
    }

    #[test]
    fn discarded_output_is_ignored() {
        let fingerprint_of = |middle: &str| {
            let mut sample = OutputSample::default();
            sample.update(b"begin\nmid");
            sample.skip();
            sample.update(middle.as_bytes());
            sample.update(b"\nfull\n");
            Fingerprint::of("exit 1", &sample)
        };
        assert_eq!(fingerprint_of("dle"), fingerprint_of("way"));
    }

    #[test]
    fn overlong_line_takes_bounded_memory() {
        let mut sample = OutputSample::default();
        for _ in 0..100 {
            sample.update(&b"x".repeat(50_000));
        }
        assert!(sample.head.len() + sample.tail.len() <= 3 * SAMPLE);
        let fingerprint_of = Fingerprint::of("exit 1", &sample);
        assert!(fingerprint_of.exact.is_none() && fingerprint_of.kind.len() == 32);
    }

    #[test]
    fn exact_fingerprint_depends_on_every_octet() {
        let one = fingerprint_of("exit 0", "5 users\n");
        assert_ne!(one.exact, fingerprint_of("exit 0", "6 users\n").exact);
        assert_ne!(one.exact, fingerprint_of("exit 1", "5 users\n").exact);
        assert_eq!(one, fingerprint_of("exit 0", "5 users\n"));
    }
}
