//! The destinations of the output of a job: stdout and stderr, the log, and a process that discards the rest.

use crate::cron::job::OutputStream;
use crate::cron::job::log::{JobLog, Recorder};
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::fs::{FileType, Mode, OFlags};
use rustix::io::Errno;
use std::io;
use std::os::fd::{AsFd as _, AsRawFd as _, BorrowedFd, OwnedFd};
use std::os::unix::process::CommandExt as _;
use std::process::{Command, Stdio};

/// With this many bytes not shown yet, the job is not read any further.
const MAX_UNWRITTEN: usize = 64 * 1024;

/// Octets that a writable pipe accepts without blocking (`PIPE_BUF`).
const PIPE_BUF: usize = 4096;

/// Time limit for a reader to accept the next bytes after the end of the job. The rest is then discarded.
const READER_LIMIT: Timespec = Timespec {
    tv_sec: 5,
    tv_nsec: 0,
};

pub struct Tee([TeeOutput; 2]);

struct TeeOutput {
    descriptor: BorrowedFd<'static>,
    /// The file, opened again so that a write to it never waits. `None`: not possible.
    reopened: Option<OwnedFd>,
    is_file: bool,
    identity: Option<(u64, u64)>,
    pending: Vec<u8>,
}

impl Tee {
    /// Copies the output to these descriptors.
    pub fn new(out: BorrowedFd<'static>, err: BorrowedFd<'static>) -> Self {
        Self([TeeOutput::new(out), TeeOutput::new(err)])
    }

    pub(super) fn push(&mut self, to: OutputStream, bytes: &[u8]) {
        let output = &mut self.0[to as usize];
        output.pending.extend_from_slice(bytes);
        output.write();
    }

    /// True if stdout and stderr are different files.
    pub(super) fn are_separate(&self) -> bool {
        let [out, err] = &self.0;
        out.identity.is_none() || out.identity != err.identity
    }

    pub(super) fn is_full(&self) -> bool {
        self.0
            .iter()
            .any(|output| output.pending.len() >= MAX_UNWRITTEN)
    }

    /// Descriptors to poll for `OUT`.
    pub(super) fn descriptors(&self) -> impl Iterator<Item = BorrowedFd<'_>> {
        let unwritten = self.0.iter().filter(|output| !output.pending.is_empty());
        unwritten.map(TeeOutput::descriptor)
    }

    /// Writes as much as is possible without waiting.
    pub(super) fn write(&mut self) {
        self.0.iter_mut().for_each(TeeOutput::write);
    }

    /// Writes the rest, as long as the reader keeps reading.
    pub fn finish(mut self) {
        loop {
            let mut unwritten: Vec<PollFd<'_>> = self
                .descriptors()
                .map(|descriptor| PollFd::from_borrowed_fd(descriptor, PollFlags::OUT))
                .collect();
            if unwritten.is_empty() {
                return;
            }
            match poll(&mut unwritten, Some(&READER_LIMIT)) {
                Ok(1..) | Err(Errno::INTR) => self.write(),
                Ok(0) | Err(_) => return,
            }
        }
    }
}

impl TeeOutput {
    fn new(descriptor: BorrowedFd<'static>) -> Self {
        let path = format!("/proc/self/fd/{}", descriptor.as_raw_fd());
        let facts = rustix::fs::fstat(descriptor).ok();
        let kind = facts.map(|facts| FileType::from_raw_mode(facts.st_mode));
        // Not O_NONBLOCK on the descriptor itself: other programs have it, too.
        let flags = OFlags::WRONLY | OFlags::NONBLOCK | OFlags::NOCTTY | OFlags::CLOEXEC;
        let reopen = || rustix::fs::open(&path, flags, Mode::empty()).ok();
        let is_terminal = facts.is_some_and(|facts| is_pseudoterminal(facts.st_rdev));
        let reopened = match kind {
            Some(FileType::Fifo) => reopen(),
            Some(FileType::CharacterDevice) if is_terminal => reopen(),
            _ => None,
        };
        Self {
            descriptor,
            reopened,
            identity: facts.map(|facts| (facts.st_dev, facts.st_ino)),
            is_file: kind == Some(FileType::RegularFile),
            pending: Vec::new(),
        }
    }

    fn descriptor(&self) -> BorrowedFd<'_> {
        match &self.reopened {
            Some(reopened) => reopened.as_fd(),
            None => self.descriptor,
        }
    }

    /// A reader that is gone, or a full disk, is not a reason for the job to stop.
    fn write(&mut self) {
        while !self.pending.is_empty() {
            let most = if self.reopened.is_some() || self.is_file {
                usize::MAX
            } else if self.has_room() {
                PIPE_BUF
            } else {
                return;
            };
            let piece = &self.pending[..most.min(self.pending.len())];
            match rustix::io::write(self.descriptor(), piece) {
                Ok(0) => self.pending.clear(),
                Ok(count) => drop(self.pending.drain(..count)),
                Err(Errno::INTR) => {}
                Err(Errno::AGAIN) => return,
                Err(_) => self.pending.clear(),
            }
        }
    }

    fn has_room(&self) -> bool {
        let mut poll_fds = [PollFd::from_borrowed_fd(self.descriptor(), PollFlags::OUT)];
        let no_wait = Timespec::default();
        matches!(poll(&mut poll_fds, Some(&no_wait)), Ok(1..))
    }
}

/// The slave of a pseudoterminal: its major number is 136 to 143 (Linux `admin-guide/devices.txt`). The master
/// must not be opened again, because that makes a new terminal.
fn is_pseudoterminal(device: u64) -> bool {
    (136..=143).contains(&rustix::fs::major(device))
}

/// The internal option of `ehlo run` that makes it read and discard the output of background processes.
/// Without a reader they would get SIGPIPE at their next line.
pub const DRAIN: &str = "--drain";

/// Starts a process that reads this pipe until the last writer has closed it. It has a process group of its
/// own, so that a signal for the job or for `ehlo run` does not end it.
pub fn start_drain(pipe: OwnedFd) -> io::Result<()> {
    // Still this program if its file was replaced in the meantime.
    Command::new("/proc/self/exe")
        .arg0("ehlo")
        .args(["run", DRAIN])
        .env_clear()
        .current_dir("/")
        .process_group(0)
        .stdin(pipe)
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .map(drop)
}

/// Reads stdin to its end.
pub fn drain() -> io::Result<()> {
    io::copy(&mut io::stdin().lock(), &mut io::sink()).map(drop)
}

/// Prefix of lines from standard error.
pub const MARK: &str = "! ";

/// A longer line is passed on before its end has been read.
const MAX_LINE: usize = 8 * 1024;

/// Merges the two streams of a command line by line, in the order in which they were read.
pub struct Interleaver {
    recorder: Recorder,
    /// Beginnings of lines, for each stream.
    pending: [Vec<u8>; 2],
    /// The stream that has a line begun in the log.
    open: Option<OutputStream>,
    used: [bool; 2],
    marked: Vec<u8>,
}

impl Interleaver {
    pub fn new(recorder: Recorder) -> Self {
        Self {
            recorder,
            pending: [Vec::new(), Vec::new()],
            open: None,
            used: [false; 2],
            marked: Vec::new(),
        }
    }

    /// Adds octets of one stream. Only whole lines are passed on, so that no line mixes both streams.
    pub fn push(&mut self, from: OutputStream, bytes: &[u8]) {
        self.used[from as usize] |= !bytes.is_empty();
        let end = memchr::memrchr(b'\n', bytes).map_or(0, |at| at + 1);
        let (whole, rest) = bytes.split_at(end);
        if !whole.is_empty() {
            self.release(from);
            self.write(from, whole);
        }
        self.pending[from as usize].extend_from_slice(rest);
        if self.pending[from as usize].len() > MAX_LINE {
            self.release(from);
        }
    }

    pub fn finish(mut self) -> JobLog {
        self.release(OutputStream::Out);
        self.release(OutputStream::Err);
        self.recorder.finish(self.used)
    }

    fn release(&mut self, from: OutputStream) {
        let mut pending = std::mem::take(&mut self.pending[from as usize]);
        self.write(from, &pending);
        pending.clear();
        self.pending[from as usize] = pending;
    }

    fn write(&mut self, from: OutputStream, bytes: &[u8]) {
        if bytes.is_empty() {
            return;
        }
        let has_background = self.open == Some(from);
        if self.open.is_some() && !has_background {
            self.recorder.push(b"\n");
        }
        match from {
            OutputStream::Out => self.recorder.push(bytes),
            OutputStream::Err => self.write_marked(bytes, has_background),
        }
        self.open = (!bytes.ends_with(b"\n")).then_some(from);
    }

    fn write_marked(&mut self, bytes: &[u8], mut has_background: bool) {
        self.marked.clear();
        for line in bytes.split_inclusive(|&byte| byte == b'\n') {
            if !std::mem::take(&mut has_background) {
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
    fn lines_keep_their_order_and_stderr_is_marked() {
        let text = together(&[
            (OutputStream::Out, "one\ntwo\n"),
            (OutputStream::Err, "bad\nworse\n"),
            (OutputStream::Out, "three\n"),
        ]);
        assert_eq!(text, "one\ntwo\n! bad\n! worse\nthree\n");
    }

    #[test]
    fn incomplete_line_is_held_until_its_end() {
        let text = together(&[
            (OutputStream::Out, "work"),
            (OutputStream::Err, "oops\n"),
            (OutputStream::Out, "ing\n"),
            (OutputStream::Err, "la"),
        ]);
        assert_eq!(text, "! oops\nworking\n! la");
    }

    #[test]
    fn unterminated_lines_of_two_streams_are_separated() {
        let text = together(&[
            (OutputStream::Err, "no end"),
            (OutputStream::Out, "nor here"),
        ]);
        assert_eq!(text, "nor here\n! no end");
    }

    #[test]
    fn overlong_line_is_passed_on_before_its_end() {
        let long = "x".repeat(MAX_LINE + 1);
        let text = together(&[
            (OutputStream::Err, &long),
            (OutputStream::Out, "one\n"),
            (OutputStream::Err, "y\n"),
        ]);
        assert_eq!(text, format!("! {long}\none\n! y\n"));
    }
}
