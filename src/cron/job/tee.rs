//! Where the output of a job goes: to stdout and stderr, in the order of its lines, and to a process that reads the
//! rest.

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
const ENOUGH: usize = 64 * 1024;

/// Octets that a writable pipe accepts without blocking (`PIPE_BUF`).
const PIECE: usize = 4096;

/// Time limit for a reader to accept the next bytes after the end of the job. The rest is then discarded.
const PATIENCE: Timespec = Timespec {
    tv_sec: 5,
    tv_nsec: 0,
};

/// Stdout and stderr of this process.
pub struct Tee([TeeOutput; 2]);

struct TeeOutput {
    descriptor: BorrowedFd<'static>,
    /// The same file, opened again so that a write to it never waits; `None` if that is not possible.
    own: Option<OwnedFd>,
    is_file: bool,
    identity: Option<(u64, u64)>,
    waiting: Vec<u8>,
}

impl Tee {
    /// Copies the output to these descriptors.
    #[must_use]
    pub fn new(out: BorrowedFd<'static>, err: BorrowedFd<'static>) -> Self {
        Self([TeeOutput::new(out), TeeOutput::new(err)])
    }

    pub(super) fn push(&mut self, to: OutputStream, bytes: &[u8]) {
        let output = &mut self.0[to as usize];
        output.waiting.extend_from_slice(bytes);
        output.write();
    }

    /// True if stdout and stderr are different files.
    pub(super) fn is_apart(&self) -> bool {
        let [out, err] = &self.0;
        out.identity.is_none() || out.identity != err.identity
    }

    pub(super) fn is_full(&self) -> bool {
        self.0.iter().any(|output| output.waiting.len() >= ENOUGH)
    }

    /// Descriptors to poll for `OUT`.
    pub(super) fn descriptors(&self) -> impl Iterator<Item = BorrowedFd<'_>> {
        let late = self.0.iter().filter(|output| !output.waiting.is_empty());
        late.map(TeeOutput::descriptor)
    }

    /// Writes as much as is possible without waiting.
    pub(super) fn write(&mut self) {
        self.0.iter_mut().for_each(TeeOutput::write);
    }

    /// Writes the rest, as long as the reader goes on reading.
    pub fn finish(mut self) {
        loop {
            let mut late: Vec<PollFd<'_>> = self
                .descriptors()
                .map(|descriptor| PollFd::from_borrowed_fd(descriptor, PollFlags::OUT))
                .collect();
            if late.is_empty() {
                return;
            }
            match poll(&mut late, Some(&PATIENCE)) {
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
        let own = match kind {
            Some(FileType::Fifo) => reopen(),
            Some(FileType::CharacterDevice) if is_terminal => reopen(),
            _ => None,
        };
        Self {
            descriptor,
            own,
            identity: facts.map(|facts| (facts.st_dev, facts.st_ino)),
            is_file: kind == Some(FileType::RegularFile),
            waiting: Vec::new(),
        }
    }

    fn descriptor(&self) -> BorrowedFd<'_> {
        match &self.own {
            Some(own) => own.as_fd(),
            None => self.descriptor,
        }
    }

    /// A reader that is gone, or a full disk, is not a reason for the job to stop.
    fn write(&mut self) {
        while !self.waiting.is_empty() {
            let most = if self.own.is_some() || self.is_file {
                usize::MAX
            } else if self.has_room() {
                PIECE
            } else {
                return;
            };
            let piece = &self.waiting[..most.min(self.waiting.len())];
            match rustix::io::write(self.descriptor(), piece) {
                Ok(0) => self.waiting.clear(),
                Ok(count) => drop(self.waiting.drain(..count)),
                Err(Errno::INTR) => {}
                Err(Errno::AGAIN) => return,
                Err(_) => self.waiting.clear(),
            }
        }
    }

    fn has_room(&self) -> bool {
        let mut polled = [PollFd::from_borrowed_fd(self.descriptor(), PollFlags::OUT)];
        let at_once = Timespec::default();
        matches!(poll(&mut polled, Some(&at_once)), Ok(1..))
    }
}

/// The slave of a pseudoterminal: its major number is 136 to 143 (Linux `admin-guide/devices.txt`). The master
/// must not be opened again, because that makes a new terminal.
fn is_pseudoterminal(device: u64) -> bool {
    (136..=143).contains(&rustix::fs::major(device))
}

/// The option of `ehlo run` that makes it such a reader. It is not for users.
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
///
/// # Errors
/// It cannot be read.
pub fn drain() -> io::Result<()> {
    io::copy(&mut io::stdin().lock(), &mut io::sink()).map(drop)
}

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
