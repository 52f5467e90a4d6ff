//! Runs other programs in bounded time and memory.

use crate::system::process;
use crate::system::stop::Stop;
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::Errno;
use rustix::process::{Pid, Signal, kill_process_group};
use std::fs::File;
use std::io::{self, ErrorKind, Read as _, Write as _};
use std::os::fd::OwnedFd;
use std::os::unix::process::{CommandExt as _, ExitStatusExt as _};
use std::process::{Child, ChildStdin, Command, ExitStatus, Stdio};
use std::thread;
use std::time::{Duration, Instant};
use zeroize::Zeroizing;

/// [`output`] keeps this much of the end of an output, and at most twice as much.
const MAX_KEPT: usize = 256 * 1024;

/// Interval between two checks whether the program has ended.
pub(super) const POLL_INTERVAL: Duration = Duration::from_millis(20);

/// Interval after the output has ended: the program usually ends at once.
pub(super) const END_POLL_INTERVAL: Duration = Duration::from_millis(1);

/// Time for which an output may stay open after the program has ended, because a process that it started
/// has inherited it.
pub(super) const OUTPUT_GRACE: Duration = Duration::from_secs(1);

/// A command line for the shell. The password of the environment is not passed on.
pub fn shell(line: &str) -> Command {
    let mut shell = Command::new("/bin/sh");
    shell.arg("-c").arg(line).env_remove("EHLO_PASSWORD");
    shell
}

/// Waits until a program ends, and kills it with its process group at the limit. `None`: it was killed.
pub fn wait(child: &mut Child, limit: Duration) -> io::Result<Option<ExitStatus>> {
    let deadline = Instant::now() + limit;
    loop {
        if let Some(status) = child.try_wait()? {
            return Ok(Some(status));
        }
        if Instant::now() > deadline {
            let _ = kill_process_group(Pid::from_child(child), Signal::KILL);
            child.wait()?;
            return Ok(None);
        }
        thread::sleep(END_POLL_INTERVAL);
    }
}

/// The end of a program: `exit status 3` or `signal 9`.
pub fn end(status: ExitStatus) -> String {
    match (status.code(), status.signal()) {
        (Some(code), _) => format!("exit status {code}"),
        (None, Some(signal)) => format!("signal {signal}"),
        (None, None) => "an unknown status".to_owned(),
    }
}

/// A program that is to be run.
pub struct Task<'a> {
    /// A piped standard input is written here, and a piped standard output is read.
    pub command: Command,
    /// Written to its standard input. A program that does not read it is not an error.
    pub input: &'a [u8],
    /// With a limit, the program has a process group of its own, which is killed when the limit is
    /// reached. `None`: no limit, and the program can use the terminal.
    pub limit: Option<Duration>,
    /// The program is killed when this is set.
    pub stop: Option<&'a Stop>,
}

impl<'a> Task<'a> {
    /// Runs the program to its end, and passes its output to `consume` piece by piece. An error of `consume` ends
    /// the program.
    ///
    /// # Errors
    /// The program cannot be started; `TimedOut` if it was killed at the limit, `Interrupted` if it was
    /// stopped; the error of `consume`.
    pub fn run(self, consume: &mut dyn FnMut(&[u8]) -> io::Result<()>) -> io::Result<ExitStatus> {
        self.start(None)?.finish(consume)
    }

    /// Starts it; `output` is the pipe to read from if that is not its standard output. The command is
    /// dropped with its copies of the writing end, or that pipe would have no end.
    fn start(mut self, output: Option<OwnedFd>) -> io::Result<Running<'a>> {
        if self.limit.is_some() {
            self.command.process_group(0);
        }
        process::expect_children()?;
        let mut child = self.command.spawn()?;
        let output = output.or_else(|| child.stdout.take().map(OwnedFd::from));
        let mut running = Running {
            input: child.stdin.take(),
            unwritten: self.input,
            output: output.map(File::from),
            deadline: self.limit.map(|limit| Instant::now() + limit),
            has_group: self.limit.is_some(),
            stop: self.stop,
            status: None,
            interval: POLL_INTERVAL,
            child,
        };
        running.prepare().inspect_err(|_| running.kill())?;
        Ok(running)
    }
}

/// A program that was started.
struct Running<'a> {
    child: Child,
    input: Option<ChildStdin>,
    unwritten: &'a [u8],
    output: Option<File>,
    deadline: Option<Instant>,
    has_group: bool,
    stop: Option<&'a Stop>,
    status: Option<ExitStatus>,
    interval: Duration,
}

impl Running<'_> {
    fn prepare(&self) -> io::Result<()> {
        if let Some(input) = &self.input {
            rustix::io::ioctl_fionbio(input, true)?;
        }
        if let Some(output) = &self.output {
            rustix::io::ioctl_fionbio(output, true)?;
        }
        Ok(())
    }

    fn finish(
        mut self,
        consume: &mut dyn FnMut(&[u8]) -> io::Result<()>,
    ) -> io::Result<ExitStatus> {
        let end = self.exchange(consume);
        if end.is_err() {
            self.kill();
        }
        end
    }

    fn exchange(
        &mut self,
        consume: &mut dyn FnMut(&[u8]) -> io::Result<()>,
    ) -> io::Result<ExitStatus> {
        // The output may be a secret.
        let mut block = Zeroizing::new(vec![0; 16 * 1024]);
        loop {
            self.wait()?;
            self.write();
            self.read(&mut block, consume)?;
            self.check_end()?;
            let is_late = self.left().is_some_and(|left| left.is_zero());
            match self.status {
                Some(status) if self.output.is_none() || is_late => return Ok(status),
                None if is_late => return Err(ErrorKind::TimedOut.into()),
                None if self.stop.is_some_and(Stop::is_set) => {
                    return Err(ErrorKind::Interrupted.into());
                }
                _ => {}
            }
        }
    }

    fn left(&self) -> Option<Duration> {
        let deadline = self.deadline?;
        Some(deadline.saturating_duration_since(Instant::now()))
    }

    /// Waits until something can be read or written, or the next check is due.
    fn wait(&self) -> io::Result<()> {
        let limit = self
            .left()
            .map_or(self.interval, |left| left.min(self.interval));
        let limit = Timespec::try_from(limit).map_err(|_| ErrorKind::InvalidInput)?;
        let output = self
            .output
            .as_ref()
            .map(|end| PollFd::new(end, PollFlags::IN));
        let input = self
            .input
            .as_ref()
            .map(|end| PollFd::new(end, PollFlags::OUT));
        let mut ends: Vec<PollFd<'_>> = output.into_iter().chain(input).collect();
        rustix::io::retry_on_intr(|| poll(&mut ends, Some(&limit)))?;
        Ok(())
    }

    /// Writes as much as the pipe accepts. A closed input is ignored.
    fn write(&mut self) {
        while let Some(input) = &mut self.input {
            match input.write(self.unwritten) {
                Ok(count) if count > 0 => self.unwritten = &self.unwritten[count..],
                Err(error) if error.kind() == ErrorKind::WouldBlock => return,
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Ok(_) | Err(_) => self.input = None,
            }
        }
    }

    /// Reads a piece, if there is one.
    fn read(
        &mut self,
        block: &mut [u8],
        consume: &mut dyn FnMut(&[u8]) -> io::Result<()>,
    ) -> io::Result<()> {
        let Some(output) = &mut self.output else {
            return Ok(());
        };
        match output.read(block) {
            Ok(0) => {
                self.output = None;
                self.interval = END_POLL_INTERVAL;
                Ok(())
            }
            Ok(count) => consume(&block[..count]),
            Err(error) if would_block(&error) => Ok(()),
            Err(error) => Err(error),
        }
    }

    fn check_end(&mut self) -> io::Result<()> {
        if self.status.is_none() {
            self.status = self.child.try_wait()?;
            if self.status.is_some() {
                self.input = None;
                let end = Instant::now() + OUTPUT_GRACE;
                self.deadline = Some(self.deadline.map_or(end, |deadline| deadline.min(end)));
            }
        }
        Ok(())
    }

    fn kill(&mut self) {
        if self.status.is_some() {
            return;
        }
        if self.has_group {
            let _ = kill_process_group(Pid::from_child(&self.child), Signal::KILL);
        }
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

pub(super) fn would_block(error: &io::Error) -> bool {
    matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::Interrupted)
}

/// True if the system lacks processes, memory or descriptors, so that a later attempt may succeed.
pub fn is_shortage(error: &io::Error) -> bool {
    let short = [Errno::AGAIN, Errno::NOMEM, Errno::MFILE, Errno::NFILE];
    Errno::from_io_error(error).is_some_and(|error| short.contains(&error))
}

/// The output streams that are read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Streams {
    Output,
    /// Standard output and standard error, interleaved.
    Both,
}

/// Output and end of a program.
#[derive(Debug)]
pub struct ProcessOutput {
    /// The last part of it.
    pub output: Vec<u8>,
    /// The exit status, or the reason for missing output: `TimedOut` if it took too long.
    pub end: io::Result<ExitStatus>,
}

/// Runs a program without input, and collects its output. A program that takes longer than the limit
/// is killed.
pub fn output(command: Command, streams: Streams, limit: Duration) -> ProcessOutput {
    let mut output = Vec::new();
    let end = collect(command, streams, limit, &mut output);
    ProcessOutput { output, end }
}

fn collect(
    mut command: Command,
    streams: Streams,
    limit: Duration,
    output: &mut Vec<u8>,
) -> io::Result<ExitStatus> {
    let (reader, writer) = io::pipe()?;
    let errors = match streams {
        Streams::Output => Stdio::null(),
        Streams::Both => Stdio::from(writer.try_clone()?),
    };
    command.stdin(Stdio::null()).stderr(errors).stdout(writer);
    let task = Task {
        command,
        input: &[],
        limit: Some(limit),
        stop: None,
    };
    let running = task.start(Some(reader.into()))?;
    running.finish(&mut |block| {
        output.extend_from_slice(block);
        if output.len() > 2 * MAX_KEPT {
            output.drain(..output.len() - MAX_KEPT);
        }
        Ok(())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const LONG: Duration = Duration::from_secs(20);
    const SHORT: Duration = Duration::from_millis(300);

    fn shell(script: &str, streams: Streams, limit: Duration) -> ProcessOutput {
        let mut command = Command::new("sh");
        command.args(["-c", script]);
        output(command, streams, limit)
    }

    #[test]
    fn only_the_selected_streams_are_read() {
        let script = "echo a; echo b >&2; exit 3";
        for (streams, expected) in [(Streams::Output, "a\n"), (Streams::Both, "a\nb\n")] {
            let answer = shell(script, streams, LONG);
            assert_eq!(answer.output, expected.as_bytes());
            assert_eq!(answer.end.unwrap().code(), Some(3));
        }
    }

    #[test]
    fn program_is_killed_at_the_limit_and_its_output_is_kept() {
        for script in ["echo a; exec sleep 30", "echo a; exec sleep 30 >&- 2>&-"] {
            let answer = shell(script, Streams::Both, SHORT);
            assert_eq!(answer.output, b"a\n");
            assert_eq!(answer.end.unwrap_err().kind(), io::ErrorKind::TimedOut);
        }
    }

    #[test]
    fn process_group_is_killed_at_the_limit() {
        let mut command = Command::new("sh");
        command.args(["-c", "sleep 60 & echo $!; wait"]);
        let answer = output(command, Streams::Output, SHORT);
        assert_eq!(answer.end.unwrap_err().kind(), io::ErrorKind::TimedOut);
        let started = String::from_utf8(answer.output).unwrap();
        let started = Pid::from_raw(started.trim().parse().unwrap()).unwrap();
        // Its new parent has to reap it.
        while rustix::process::test_kill_process(started).is_ok() {
            let stat = std::fs::read_to_string(format!("/proc/{}/stat", started.as_raw_pid()));
            if stat.is_ok_and(|stat| stat.contains(") Z ")) {
                break;
            }
        }
    }

    #[test]
    fn output_held_open_by_a_background_process_is_not_waited_for() {
        let mut command = Command::new("sh");
        command.args(["-c", "echo a; sleep 60 & exit 3"]);
        command.stdout(Stdio::piped());
        let task = Task {
            command,
            input: &[],
            limit: None,
            stop: None,
        };
        let mut output = Vec::new();
        let end = task.run(&mut |block| {
            output.extend_from_slice(block);
            Ok(())
        });
        assert_eq!(end.unwrap().code(), Some(3));
        assert_eq!(output, b"a\n");
    }

    #[test]
    fn shortage_of_resources_is_temporary() {
        for (error, short) in [
            (Errno::AGAIN, true),
            (Errno::MFILE, true),
            (Errno::NOENT, false),
        ] {
            assert_eq!(is_shortage(&error.into()), short);
        }
    }

    #[test]
    fn end_of_a_long_output_is_kept() {
        let script = "head -c 2000000 /dev/zero | tr '\\0' x; echo end";
        let answer = shell(script, Streams::Output, LONG);
        assert!(answer.output.len() <= 2 * MAX_KEPT && answer.output.ends_with(b"xend\n"));
    }
}
