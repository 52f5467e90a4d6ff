//! Copies the output of a job to stdout and stderr without ever waiting for their readers: a reader that
//! stops reading must not delay a timeout or a signal.

use crate::cron::job::OutputStream;
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::fs::{FileType, Mode, OFlags};
use rustix::io::Errno;
use std::os::fd::{AsFd as _, AsRawFd as _, BorrowedFd, OwnedFd};

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
