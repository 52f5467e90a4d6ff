//! Runs a program as a filter: its input is made while it runs, and its output is taken piece by piece. Memory is
//! bounded by one piece of each.
//!
//! Programs such as `openssl` read and write 4 KiB at a time. Waking up for each of them costs as much as what they
//! do, so the pipes are large, and an exchange that fills the input waits until there is something to do at both
//! ends.

use crate::system::process;
use crate::system::subprocess::{END_POLL_INTERVAL, OUTPUT_GRACE, POLL_INTERVAL, would_block};
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::process::{Pid, Signal, kill_process_group};
use std::fs::File;
use std::io::{self, ErrorKind, Read as _, Write as _};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::process::CommandExt as _;
use std::process::{Child, ChildStdin, Command, ExitStatus, Stdio};
use std::thread;
use std::time::{Duration, Instant};

/// Maximum that is kept of the standard error, in octets: its beginning.
const MAX_MESSAGES: usize = 64 * 1024;

/// Octets that are read at once.
const BLOCK: usize = 64 * 1024;

/// Requested size of the pipes, in octets: what a user without privileges may have (`/proc/sys/fs/pipe-max-size`).
const PIPE: usize = 1024 * 1024;

/// Pause after the input pipe was filled, if it has the requested size. A fast program reads a half of it meanwhile.
const PAUSE: Duration = Duration::from_micros(300);

/// A program that is to be run as a filter. It has a process group of its own, and no terminal.
pub struct Filter<'a> {
    pub command: Command,
    /// Time without input and output after which the program is killed with its process group.
    pub idle: Duration,
    /// Appends the next piece of the input, or nothing at its end.
    pub feed: &'a mut dyn FnMut(&mut Vec<u8>) -> io::Result<()>,
    /// Takes a piece of the output.
    pub consume: &'a mut dyn FnMut(&[u8]) -> io::Result<()>,
}

/// The end of a filter.
#[derive(Debug)]
pub struct Filtered {
    pub status: ExitStatus,
    /// The standard error, up to 64 KiB.
    pub messages: Vec<u8>,
    /// True if the program was given its whole input: it did not close it before.
    pub was_given_all: bool,
}

/// The step that failed. The program has ended by then, and its output is incomplete.
#[derive(Debug)]
pub enum FilterError {
    /// The program cannot be started.
    Start(io::Error),
    /// The input cannot be made.
    Feed(io::Error),
    /// The output was refused by its consumer.
    Consume(io::Error),
    /// Nothing was read or written for this time.
    Idle(Duration),
    /// An error of the operating system.
    System(io::Error),
}

impl Filter<'_> {
    /// Runs the program to its end.
    pub fn run(mut self) -> Result<Filtered, FilterError> {
        self.command
            .process_group(0)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        process::expect_children().map_err(FilterError::System)?;
        let mut child = self.command.spawn().map_err(FilterError::Start)?;
        let now = Instant::now();
        let mut running = Running {
            input: child.stdin.take(),
            pending: Vec::new(),
            written: 0,
            was_given_all: false,
            output: child.stdout.take().map(OwnedFd::from).map(File::from),
            errors: child.stderr.take().map(OwnedFd::from).map(File::from),
            messages: Vec::new(),
            block: vec![0; BLOCK],
            pause: Duration::ZERO,
            last_progress: now,
            last_check: now,
            ended: None,
            child,
        };
        let end = running.exchange(&mut self);
        if end.is_err() {
            running.kill();
        }
        let status = end?;
        Ok(Filtered {
            status,
            messages: running.messages,
            was_given_all: running.was_given_all,
        })
    }
}

/// A filter that was started.
struct Running {
    child: Child,
    input: Option<ChildStdin>,
    /// The current piece of the input, and the number of its octets that are written.
    pending: Vec<u8>,
    written: usize,
    was_given_all: bool,
    output: Option<File>,
    errors: Option<File>,
    messages: Vec<u8>,
    block: Vec<u8>,
    /// Pause after the input pipe was filled.
    pause: Duration,
    last_progress: Instant,
    /// Time of the last check if the program has ended.
    last_check: Instant,
    /// The end of the program, and the time at which it was noticed.
    ended: Option<(ExitStatus, Instant)>,
}

impl Running {
    fn exchange(&mut self, filter: &mut Filter<'_>) -> Result<ExitStatus, FilterError> {
        self.prepare_pipes().map_err(FilterError::System)?;
        loop {
            let ready = self.wait().map_err(FilterError::System)?;
            let mut is_full = false;
            if ready.input {
                is_full = self.write(filter.feed).map_err(FilterError::Feed)?;
            }
            if ready.output {
                self.read_output(filter.consume)?;
            }
            if ready.errors {
                self.read_errors().map_err(FilterError::System)?;
            }
            if !ready.any() || self.output.is_none() || self.last_check.elapsed() > POLL_INTERVAL {
                self.check_end().map_err(FilterError::System)?;
            }
            if let Some((status, since)) = self.ended {
                let is_open = self.output.is_some() || self.errors.is_some();
                if !is_open || since.elapsed() > OUTPUT_GRACE {
                    return Ok(status);
                }
            } else if self.last_progress.elapsed() > filter.idle {
                return Err(FilterError::Idle(filter.idle));
            }
            if is_full && !self.pause.is_zero() {
                thread::sleep(self.pause);
            }
        }
    }

    fn prepare_pipes(&mut self) -> io::Result<()> {
        let input = self.input.as_ref().map(AsFd::as_fd);
        for end in input.into_iter().chain(self.outputs()) {
            rustix::io::ioctl_fionbio(end, true)?;
        }
        if let (Some(input), Some(output)) = (&self.input, &self.output)
            && enlarge(input.as_fd())
            && enlarge(output.as_fd())
        {
            self.pause = PAUSE;
        }
        Ok(())
    }

    fn outputs(&self) -> impl Iterator<Item = BorrowedFd<'_>> {
        [&self.output, &self.errors]
            .into_iter()
            .flatten()
            .map(AsFd::as_fd)
    }

    /// Waits until something can be read or written, or the next check is due.
    fn wait(&self) -> io::Result<Ready> {
        let interval = if self.output.is_some() {
            POLL_INTERVAL
        } else {
            END_POLL_INTERVAL
        };
        let limit = Timespec::try_from(interval).map_err(|_| ErrorKind::InvalidInput)?;
        let input = self.input.as_ref().map(AsFd::as_fd);
        let input = input.map(|end| PollFd::from_borrowed_fd(end, PollFlags::OUT));
        let outputs = self
            .outputs()
            .map(|end| PollFd::from_borrowed_fd(end, PollFlags::IN));
        let mut ends: Vec<PollFd<'_>> = input.into_iter().chain(outputs).collect();
        rustix::io::retry_on_intr(|| poll(&mut ends, Some(&limit)))?;
        let mut ends = ends.iter().map(|end| !end.revents().is_empty());
        let mut is_ready = |is_open: bool| is_open && ends.next().unwrap_or(false);
        Ok(Ready {
            input: is_ready(self.input.is_some()),
            output: is_ready(self.output.is_some()),
            errors: is_ready(self.errors.is_some()),
        })
    }

    /// Writes as much as the pipe accepts; true if that is less than there is. A program that closes its input is not
    /// an error here: its status is.
    fn write(&mut self, feed: &mut dyn FnMut(&mut Vec<u8>) -> io::Result<()>) -> io::Result<bool> {
        while let Some(input) = &mut self.input {
            if self.written == self.pending.len() {
                self.pending.clear();
                self.written = 0;
                feed(&mut self.pending)?;
                if self.pending.is_empty() {
                    self.was_given_all = true;
                    self.input = None;
                    return Ok(false);
                }
            }
            match input.write(&self.pending[self.written..]) {
                Ok(count) if count > 0 => {
                    self.written += count;
                    self.last_progress = Instant::now();
                }
                Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(true),
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Ok(_) | Err(_) => self.input = None,
            }
        }
        Ok(false)
    }

    /// Reads what is in the pipe.
    fn read_output(
        &mut self,
        consume: &mut dyn FnMut(&[u8]) -> io::Result<()>,
    ) -> Result<(), FilterError> {
        for _ in 0..PIPE / BLOCK {
            let Some(output) = &mut self.output else {
                break;
            };
            match output.read(&mut self.block) {
                Ok(0) => self.output = None,
                Ok(count) => {
                    self.last_progress = Instant::now();
                    consume(&self.block[..count]).map_err(FilterError::Consume)?;
                }
                Err(error) if would_block(&error) => break,
                Err(error) => return Err(FilterError::System(error)),
            }
        }
        Ok(())
    }

    fn read_errors(&mut self) -> io::Result<()> {
        let Some(errors) = &mut self.errors else {
            return Ok(());
        };
        match errors.read(&mut self.block) {
            Ok(0) => self.errors = None,
            Ok(count) => {
                let space = MAX_MESSAGES - self.messages.len();
                let kept = &self.block[..count.min(space)];
                self.messages.extend_from_slice(kept);
            }
            Err(error) if would_block(&error) => {}
            Err(error) => return Err(error),
        }
        Ok(())
    }

    fn check_end(&mut self) -> io::Result<()> {
        self.last_check = Instant::now();
        if self.ended.is_none()
            && let Some(status) = self.child.try_wait()?
        {
            self.input = None;
            self.ended = Some((status, Instant::now()));
        }
        Ok(())
    }

    fn kill(&mut self) {
        if self.ended.is_none() {
            let _ = kill_process_group(Pid::from_child(&self.child), Signal::KILL);
            let _ = self.child.kill();
            let _ = self.child.wait();
        }
    }
}

/// The ends of the pipes at which something is to be done.
#[derive(Clone, Copy)]
struct Ready {
    input: bool,
    output: bool,
    errors: bool,
}

impl Ready {
    fn any(self) -> bool {
        self.input || self.output || self.errors
    }
}

/// Gives a pipe the requested size; false if it keeps its own.
fn enlarge(end: BorrowedFd<'_>) -> bool {
    rustix::pipe::fcntl_setpipe_size(end, PIPE).is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn run(
        script: &str,
        idle: Duration,
        mut pieces: usize,
    ) -> (Result<Filtered, FilterError>, Vec<u8>) {
        let mut command = Command::new("sh");
        command.args(["-c", script]);
        let mut output = Vec::new();
        let filter = Filter {
            command,
            idle,
            feed: &mut |piece| {
                if pieces > 0 {
                    pieces -= 1;
                    piece.resize(100_000, b'x');
                }
                Ok(())
            },
            consume: &mut |piece| {
                output.extend_from_slice(piece);
                Ok(())
            },
        };
        (filter.run(), output)
    }

    const LONG: Duration = Duration::from_secs(60);

    #[test]
    fn long_input_passes_while_the_output_is_read() {
        let (end, output) = run("cat; echo done >&2", LONG, 30);
        let end = end.unwrap();
        assert_eq!(output.len(), 3_000_000);
        assert!(end.status.success() && end.was_given_all);
        assert_eq!(end.messages, b"done\n");
    }

    #[test]
    fn program_that_does_not_read_its_input_is_noticed() {
        let (end, _) = run("exit 0", LONG, 30);
        assert!(!end.unwrap().was_given_all);
        let (end, _) = run("exec <&-; echo no >&2; exit 3", LONG, 30);
        let end = end.unwrap();
        assert_eq!(end.status.code(), Some(3));
        assert_eq!(end.messages, b"no\n");
    }

    #[test]
    fn idle_program_is_killed() {
        let idle = Duration::from_millis(200);
        let (end, _) = run("exec sleep 600", idle, 30);
        assert!(matches!(end, Err(FilterError::Idle(_))), "{end:?}");
    }

    #[test]
    fn failed_input_ends_the_program() {
        let mut command = Command::new("cat");
        command.arg("-");
        let filter = Filter {
            command,
            idle: LONG,
            feed: &mut |_| Err(io::Error::other("gone")),
            consume: &mut |_| Ok(()),
        };
        assert!(matches!(filter.run(), Err(FilterError::Feed(_))));
    }

    #[test]
    fn much_on_standard_error_is_cut() {
        let (end, _) = run("cat >/dev/null; head -c 500000 /dev/zero >&2", LONG, 1);
        assert_eq!(end.unwrap().messages.len(), MAX_MESSAGES);
    }
}
