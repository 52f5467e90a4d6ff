//! Asking another program: what it says, in bounded time and memory.

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use std::io::{self, PipeReader, Read as _};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::thread;
use std::time::{Duration, Instant};

/// So much of the end of what it says is kept, and at most twice as much.
const KEPT: usize = 256 * 1024;

/// How often we look whether it has ended, once it says nothing more.
const PAUSE: Duration = Duration::from_millis(1);

/// What of a program is heard.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Streams {
    /// Its standard output.
    Output,
    /// Its standard output and its standard error, as they come.
    Both,
}

/// What a program said.
#[derive(Debug)]
pub struct Answer {
    /// The end of it.
    pub output: Vec<u8>,
    /// How the program ended, or why there is no more of it: `TimedOut` where it took too long.
    pub end: io::Result<ExitStatus>,
}

/// Runs a program that gets nothing to read, and takes what it says to its end. One that takes longer than
/// the limit is killed.
#[must_use]
pub fn ask(command: Command, streams: Streams, limit: Duration) -> Answer {
    let mut output = Vec::new();
    let end = hear(command, streams, Instant::now() + limit, &mut output);
    Answer { output, end }
}

fn hear(
    mut command: Command,
    streams: Streams,
    deadline: Instant,
    output: &mut Vec<u8>,
) -> io::Result<ExitStatus> {
    let (mut reader, writer) = io::pipe()?;
    let errors = match streams {
        Streams::Output => Stdio::null(),
        Streams::Both => Stdio::from(writer.try_clone()?),
    };
    command.stdin(Stdio::null()).stderr(errors).stdout(writer);
    let mut child = command.spawn()?;
    // Or the pipe would never end.
    drop(command);
    let end = drain(&mut reader, deadline, output).and_then(|()| end(&mut child, deadline));
    if end.is_err() {
        child.kill()?;
        child.wait()?;
    }
    end
}

fn drain(reader: &mut PipeReader, deadline: Instant, output: &mut Vec<u8>) -> io::Result<()> {
    let mut piece = vec![0; 16 * 1024];
    loop {
        let left = deadline.saturating_duration_since(Instant::now());
        let left = Timespec::try_from(left).map_err(|_| io::ErrorKind::InvalidInput)?;
        let mut watched = [PollFd::new(reader, PollFlags::IN)];
        if rustix::io::retry_on_intr(|| poll(&mut watched, Some(&left)))? == 0 {
            return Err(io::ErrorKind::TimedOut.into());
        }
        match reader.read(&mut piece)? {
            0 => return Ok(()),
            count => output.extend_from_slice(&piece[..count]),
        }
        if output.len() > 2 * KEPT {
            output.drain(..output.len() - KEPT);
        }
    }
}

/// Who says nothing more ends at once, but for those who closed their output and go on.
fn end(child: &mut Child, deadline: Instant) -> io::Result<ExitStatus> {
    loop {
        if let Some(status) = child.try_wait()? {
            return Ok(status);
        }
        if Instant::now() >= deadline {
            return Err(io::ErrorKind::TimedOut.into());
        }
        thread::sleep(PAUSE);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LONG: Duration = Duration::from_secs(20);
    const SHORT: Duration = Duration::from_millis(300);

    fn shell(script: &str, streams: Streams, limit: Duration) -> Answer {
        let mut command = Command::new("sh");
        command.args(["-c", script]);
        ask(command, streams, limit)
    }

    #[test]
    fn what_is_not_wanted_is_not_heard() {
        let script = "echo a; echo b >&2; exit 3";
        for (streams, said) in [(Streams::Output, "a\n"), (Streams::Both, "a\nb\n")] {
            let answer = shell(script, streams, LONG);
            assert_eq!(answer.output, said.as_bytes());
            assert_eq!(answer.end.unwrap().code(), Some(3));
        }
    }

    #[test]
    fn who_takes_too_long_is_ended_and_what_it_said_stays() {
        let begun = Instant::now();
        for script in ["echo a; exec sleep 30", "echo a; exec sleep 30 >&- 2>&-"] {
            let answer = shell(script, Streams::Both, SHORT);
            assert_eq!(answer.output, b"a\n");
            assert_eq!(answer.end.unwrap_err().kind(), io::ErrorKind::TimedOut);
        }
        assert!(begun.elapsed() < Duration::from_secs(10));
    }

    #[test]
    fn of_too_much_the_end_is_kept() {
        let script = "head -c 2000000 /dev/zero | tr '\\0' x; echo end";
        let answer = shell(script, Streams::Output, LONG);
        assert!(answer.output.len() <= 2 * KEPT && answer.output.ends_with(b"xend\n"));
    }
}
