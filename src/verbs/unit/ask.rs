//! What another program says, in bounded time and memory.

use crate::text::shown_with_tabs;
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use std::io::{self, PipeReader, Read as _};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

/// So much of the end of what it says is kept.
const KEPT: usize = 256 * 1024;

/// What a program said.
pub struct Answer {
    /// The command, as a person would type it.
    command: String,
    /// The end of its output.
    pub output: Vec<u8>,
    /// Why there is no more of it.
    flaw: Option<String>,
}

/// Runs a program, and takes what it says to its end or until it has taken too long.
pub fn ask(program: &str, words: &[&str], limit: Duration) -> Answer {
    let mut output = Vec::new();
    let heard = hear(program, words, limit, &mut output);
    let flaw = heard.err().map(|error| match error.kind() {
        io::ErrorKind::NotFound => format!("{program} is not there"),
        io::ErrorKind::TimedOut => format!("no more came within {} seconds", limit.as_secs()),
        _ => format!("{program} cannot be run: {error}"),
    });
    Answer {
        command: format!("{program} {}", words.join(" ")),
        output,
        flaw,
    }
}

fn hear(program: &str, words: &[&str], limit: Duration, output: &mut Vec<u8>) -> io::Result<()> {
    let (mut reader, writer) = io::pipe()?;
    let mut command = Command::new(program);
    command
        .args(words)
        .env("SYSTEMD_COLORS", "0")
        .env("SYSTEMD_URLIFY", "0")
        .stdin(Stdio::null())
        .stderr(writer.try_clone()?)
        .stdout(writer);
    let mut child = command.spawn()?;
    // Or the pipe would never end.
    drop(command);
    let heard = drain(&mut reader, Instant::now() + limit, output);
    // At the end of its output, it ends anyway.
    child.kill()?;
    child.wait()?;
    heard
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

impl Answer {
    /// Whether it said nothing.
    pub fn is_empty(&self) -> bool {
        self.output.iter().all(u8::is_ascii_whitespace)
    }

    /// The command and what it said, for a person to read.
    pub fn text(&self) -> String {
        let mut text = format!("$ {}\n", self.command);
        for line in String::from_utf8_lossy(&self.output).lines() {
            // Tables are made of tabs.
            text.push_str(&shown_with_tabs(line));
            text.push('\n');
        }
        match &self.flaw {
            Some(flaw) => text.push_str(&format!("({flaw})\n")),
            None if self.is_empty() => text.push_str("(it said nothing)\n"),
            None => {}
        }
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LONG: Duration = Duration::from_secs(20);

    fn shell(script: &str, limit: Duration) -> Answer {
        ask("sh", &["-c", script], limit)
    }

    #[test]
    fn both_outputs_are_heard_and_made_harmless() {
        let answer = shell("printf 'a\\tb\\033[2J\\n'; echo c >&2; exit 3", LONG);
        let text = answer.text();
        assert!(text.ends_with("\na\tb\\u{1b}[2J\nc\n"), "{text}");
    }

    #[test]
    fn who_says_nothing_or_is_not_there_is_told_of() {
        assert!(shell("", LONG).text().ends_with("\n(it said nothing)\n"));
        let answer = ask("ehlo-no-such-program", &["x"], LONG);
        let text = answer.text();
        assert_eq!(
            text,
            "$ ehlo-no-such-program x\n(ehlo-no-such-program is not there)\n"
        );
    }

    #[test]
    fn who_takes_too_long_is_ended_and_what_it_said_stays() {
        let begun = Instant::now();
        let text = shell("echo a; exec sleep 30", Duration::from_millis(300)).text();
        assert!(
            text.ends_with("\na\n(no more came within 0 seconds)\n"),
            "{text}"
        );
        assert!(begun.elapsed() < Duration::from_secs(10));
    }

    #[test]
    fn of_too_much_the_end_is_kept() {
        let answer = shell("head -c 2000000 /dev/zero | tr '\\0' x; echo end", LONG);
        assert!(answer.output.len() <= 2 * KEPT && answer.output.ends_with(b"xend\n"));
    }
}
