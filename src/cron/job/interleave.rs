//! Merges the two streams of a command line by line, in the order in which they were read, with lines of the
//! standard error marked.

use crate::cron::job::OutputStream;
use crate::cron::job::log::{JobLog, Recorder};

/// Prefix of lines from standard error.
pub const MARK: &str = "! ";

/// A longer line is passed on before its end has been read.
const LONGEST: usize = 8 * 1024;

/// Puts the streams together.
pub struct Interleaver {
    recorder: Recorder,
    /// Beginnings of lines, for each stream.
    waiting: [Vec<u8>; 2],
    /// The stream that has a line begun in the log.
    open: Option<OutputStream>,
    seen: [bool; 2],
    marked: Vec<u8>,
}

impl Interleaver {
    pub fn new(recorder: Recorder) -> Self {
        Self {
            recorder,
            waiting: [Vec::new(), Vec::new()],
            open: None,
            seen: [false; 2],
            marked: Vec::new(),
        }
    }

    /// Adds octets of one stream. Only whole lines are passed on, so that no line mixes both streams.
    pub fn push(&mut self, from: OutputStream, bytes: &[u8]) {
        self.seen[from as usize] |= !bytes.is_empty();
        let end = memchr::memrchr(b'\n', bytes).map_or(0, |at| at + 1);
        let (whole, rest) = bytes.split_at(end);
        if !whole.is_empty() {
            self.release(from);
            self.write(from, whole);
        }
        self.waiting[from as usize].extend_from_slice(rest);
        if self.waiting[from as usize].len() > LONGEST {
            self.release(from);
        }
    }

    pub fn finish(mut self) -> JobLog {
        self.release(OutputStream::Out);
        self.release(OutputStream::Err);
        self.recorder.finish(self.seen)
    }

    fn release(&mut self, from: OutputStream) {
        let mut waiting = std::mem::take(&mut self.waiting[from as usize]);
        self.write(from, &waiting);
        waiting.clear();
        self.waiting[from as usize] = waiting;
    }

    fn write(&mut self, from: OutputStream, bytes: &[u8]) {
        if bytes.is_empty() {
            return;
        }
        let goes_on = self.open == Some(from);
        if self.open.is_some() && !goes_on {
            self.recorder.push(b"\n");
        }
        match from {
            OutputStream::Out => self.recorder.push(bytes),
            OutputStream::Err => self.write_marked(bytes, goes_on),
        }
        self.open = (!bytes.ends_with(b"\n")).then_some(from);
    }

    fn write_marked(&mut self, bytes: &[u8], mut goes_on: bool) {
        self.marked.clear();
        for line in bytes.split_inclusive(|&byte| byte == b'\n') {
            if !std::mem::take(&mut goes_on) {
                self.marked.extend_from_slice(MARK.as_bytes());
            }
            self.marked.extend_from_slice(line);
        }
        self.recorder.push(&self.marked);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn together(pieces: &[(OutputStream, &str)]) -> String {
        let mut both = Interleaver::new(Recorder::new(1 << 20));
        for (from, bytes) in pieces {
            both.push(*from, bytes.as_bytes());
        }
        String::from_utf8(both.finish().head().to_vec()).unwrap()
    }

    #[test]
    fn lines_stand_in_their_order_and_those_of_stderr_are_marked() {
        let text = together(&[
            (OutputStream::Out, "one\ntwo\n"),
            (OutputStream::Err, "bad\nworse\n"),
            (OutputStream::Out, "three\n"),
        ]);
        assert_eq!(text, "one\ntwo\n! bad\n! worse\nthree\n");
    }

    #[test]
    fn a_line_that_is_not_whole_waits_for_its_end() {
        let text = together(&[
            (OutputStream::Out, "work"),
            (OutputStream::Err, "oops\n"),
            (OutputStream::Out, "ing\n"),
            (OutputStream::Err, "la"),
        ]);
        assert_eq!(text, "! oops\nworking\n! la");
    }

    #[test]
    fn two_ends_without_a_line_end_do_not_run_into_each_other() {
        let text = together(&[
            (OutputStream::Err, "no end"),
            (OutputStream::Out, "nor here"),
        ]);
        assert_eq!(text, "nor here\n! no end");
    }

    #[test]
    fn a_line_without_end_is_not_held_back_for_ever() {
        let long = "x".repeat(LONGEST + 1);
        let text = together(&[
            (OutputStream::Err, &long),
            (OutputStream::Out, "one\n"),
            (OutputStream::Err, "y\n"),
        ]);
        assert_eq!(text, format!("! {long}\none\n! y\n"));
    }
}
