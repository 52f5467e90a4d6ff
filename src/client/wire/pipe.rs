//! A command that acts as the server: it speaks SMTP on its standard input and output
//! (`exim -bh`, `sendmail -bs`).

use crate::client::wire::{LastWords, Stream, Wire};
use crate::system::text::{printable, reason};
use crate::system::{process, subprocess};
use socket2::{Domain, Socket, Type};
use std::io::{self, Read, Write};
use std::net::{Shutdown, SocketAddr};
use std::os::fd::{AsFd as _, BorrowedFd, OwnedFd};
use std::os::unix::process::{CommandExt as _, ExitStatusExt as _};
use std::process::{Child, ExitStatus, Stdio};
use std::time::Duration;

/// Time limit for a command to exit after its input is closed.
const PATIENCE: Duration = Duration::from_secs(5);

/// Starts the command in a shell. Its standard error is inherited.
pub fn connect(line: &str) -> io::Result<Wire> {
    connect_with(line, Asides::default())
}

/// The same, but all that the command writes is part of the session.
pub fn connect_unsorted(line: &str) -> io::Result<Wire> {
    connect_with(line, Asides::none())
}

fn connect_with(line: &str, asides: Asides) -> io::Result<Wire> {
    let (ours, theirs) = Socket::pair(Domain::UNIX, Type::STREAM, None)?;
    let input = OwnedFd::from(theirs);
    let output = input.try_clone()?;
    process::expect_children()?;
    let child = subprocess::shell(line)
        // Own process group, so that the command can be killed with all its children.
        .process_group(0)
        .stdin(Stdio::from(input))
        .stdout(Stdio::from(output))
        .spawn()?;
    Ok(Wire::new(Box::new(Piped {
        socket: ours,
        child,
        asides,
        unread: Vec::new(),
        has_spoken: false,
        end: None,
    })))
}

/// This end of the socket pair, and the process at the other end.
struct Piped {
    socket: Socket,
    child: Child,
    asides: Asides,
    /// Data received from the command and not consumed yet.
    unread: Vec<u8>,
    has_spoken: bool,
    end: Option<ProcessExit>,
}

#[derive(Clone, Copy)]
enum ProcessExit {
    By(ExitStatus),
    /// It did not exit in time.
    Killed,
}

impl Piped {
    /// Closes this end, waits for the command, and kills it after the time limit.
    fn finish(&mut self) -> io::Result<ProcessExit> {
        if let Some(end) = self.end {
            return Ok(end);
        }
        let _ = self.socket.shutdown(Shutdown::Both);
        let end = match subprocess::wait(&mut self.child, PATIENCE)? {
            Some(status) => ProcessExit::By(status),
            None => ProcessExit::Killed,
        };
        self.end = Some(end);
        Ok(end)
    }

    /// Records the data that was read; returns false at the end. A command that exits without output has
    /// failed to start, and its exit status gives the reason.
    fn heard(&mut self, bytes: &[u8]) -> io::Result<bool> {
        if bytes.is_empty() && !self.has_spoken {
            let words = words(self.finish()?);
            return Err(io::Error::other(format!(
                "{words} before sending a greeting"
            )));
        }
        self.asides.sort(bytes, &mut self.unread);
        self.has_spoken |= !self.unread.is_empty();
        Ok(!bytes.is_empty())
    }

    /// Copies received data of the session to `buffer`.
    fn hand_out(&mut self, buffer: &mut [u8]) -> usize {
        let count = buffer.len().min(self.unread.len());
        let handed = self.unread.drain(..count);
        for (place, byte) in buffer.iter_mut().zip(handed) {
            *place = byte;
        }
        count
    }
}

fn words(end: ProcessExit) -> String {
    let ProcessExit::By(status) = end else {
        let seconds = PATIENCE.as_secs();
        return format!("the command did not exit within {seconds} seconds and was killed");
    };
    match (status.code(), status.signal()) {
        (Some(code), _) => format!("the command exited with status {code}"),
        (None, Some(signal)) => format!("the command was killed by signal {signal}"),
        (None, None) => "the command exited with an unknown status".to_owned(),
    }
}

impl Drop for Piped {
    fn drop(&mut self) {
        let _ = self.finish();
    }
}

impl Read for Piped {
    /// `Interrupted`: data arrived, but none that belongs to the session.
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.unread.is_empty() {
            let count = self.socket.read(buffer)?;
            if !self.heard(&buffer[..count])? {
                return Ok(0);
            }
        }
        match self.hand_out(buffer) {
            0 => Err(io::ErrorKind::Interrupted.into()),
            count => Ok(count),
        }
    }
}

impl Write for Piped {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.socket.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Stream for Piped {
    fn read_now(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        while self.unread.is_empty() {
            let count = self.socket.read_now(buffer)?;
            if !self.heard(&buffer[..count])? {
                return Ok(0);
            }
        }
        Ok(self.hand_out(buffer))
    }

    fn write_now(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.socket.write_now(bytes)
    }

    fn ends(&self) -> Option<(SocketAddr, SocketAddr)> {
        None
    }

    fn socket(&self) -> Option<BorrowedFd<'_>> {
        Some(self.socket.as_fd())
    }

    fn set_read_timeout(&mut self, limit: Duration) -> io::Result<()> {
        Stream::set_read_timeout(&mut self.socket, limit)
    }

    fn set_write_timeout(&mut self, limit: Duration) -> io::Result<()> {
        Stream::set_write_timeout(&mut self.socket, limit)
    }

    fn half_close(&mut self) -> io::Result<()> {
        self.socket.shutdown(Shutdown::Write)
    }

    fn end(&mut self) -> LastWords {
        let asides = self.asides.take().into_iter();
        let asides = asides.map(|line| format!("output of the command: {line}"));
        let ended = self.finish();
        LastWords {
            asides: asides.collect(),
            ended: Some(ended.map_or_else(|error| reason(&error), words)),
        }
    }
}

/// Prefix of a line for people.
const STARS: &[u8] = b"****";

/// Maximum number of lines kept.
const MOST: usize = 32;

/// Maximum number of octets kept of a line.
const LONGEST: usize = 500;

/// Separates lines for people from the replies of a command.
#[derive(Default)]
pub struct Asides {
    state: AsideState,
    kept: Vec<String>,
}

enum AsideState {
    /// At the beginning of a line; contains all of it that was received.
    Start(Vec<u8>),
    /// In a line of the session.
    Reply,
    /// In a line for people.
    Aside(Vec<u8>),
    /// In TLS, which has no lines.
    Encrypted,
}

impl Default for AsideState {
    fn default() -> Self {
        Self::Start(Vec::new())
    }
}

impl Asides {
    /// Takes every line as part of the session.
    fn none() -> Self {
        Self {
            state: AsideState::Encrypted,
            kept: Vec::new(),
        }
    }

    /// Appends the bytes of the session to `conversation`.
    pub fn sort(&mut self, bytes: &[u8], conversation: &mut Vec<u8>) {
        for &byte in bytes {
            let state = std::mem::take(&mut self.state);
            self.state = self.after(state, byte, conversation);
        }
    }

    pub fn take(&mut self) -> Vec<String> {
        std::mem::take(&mut self.kept)
    }

    fn after(&mut self, state: AsideState, byte: u8, conversation: &mut Vec<u8>) -> AsideState {
        let ends = byte == b'\n';
        match state {
            AsideState::Start(mut line) => {
                line.push(byte);
                begun(line, conversation)
            }
            AsideState::Aside(line) if ends => {
                self.keep(&line);
                AsideState::default()
            }
            AsideState::Aside(mut line) => {
                if line.len() < LONGEST {
                    line.push(byte);
                }
                AsideState::Aside(line)
            }
            AsideState::Reply | AsideState::Encrypted => {
                conversation.push(byte);
                match state {
                    AsideState::Reply if ends => AsideState::default(),
                    other => other,
                }
            }
        }
    }

    fn keep(&mut self, line: &[u8]) {
        if self.kept.len() < MOST {
            self.kept.push(printable(line.trim_ascii_end()));
        }
    }
}

/// Classifies a line by its beginning.
fn begun(line: Vec<u8>, conversation: &mut Vec<u8>) -> AsideState {
    // RFC 8446 §5.1: TLS record types are 20 to 23.
    if let [20..=23] = *line {
        conversation.extend(line);
        return AsideState::Encrypted;
    }
    if line == b"\n" || line == b"\r\n" {
        return AsideState::default();
    }
    if line == STARS {
        return AsideState::Aside(line);
    }
    if STARS.starts_with(&line) || line == b"\r" {
        return AsideState::Start(line);
    }
    let ends = line.ends_with(b"\n");
    conversation.extend(line);
    if ends {
        AsideState::default()
    } else {
        AsideState::Reply
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::client::wire::{Deadline, Early, WireError};

    const SOON: Duration = Duration::from_secs(5);

    fn line(wire: &mut Wire) -> Result<String, WireError> {
        let line = wire.line(Deadline::after(SOON))?;
        Ok(String::from_utf8_lossy(line).into_owned())
    }

    #[test]
    fn a_command_is_talked_to_and_its_status_is_told() {
        let mut wire = connect("echo 220 hi; read line; echo \"250 $line\"; exit 3").unwrap();
        assert_eq!(line(&mut wire).unwrap(), "220 hi");
        wire.outbox.extend_from_slice(b"EHLO me\n");
        wire.flush(SOON).unwrap();
        assert_eq!(line(&mut wire).unwrap(), "250 EHLO me");
        let ended = wire.end().ended;
        assert_eq!(ended.as_deref(), Some("the command exited with status 3"));
    }

    #[test]
    fn a_command_that_says_nothing_has_not_come_about() {
        let mut wire = connect("exit 7").unwrap();
        let why = line(&mut wire).unwrap_err().to_string();
        assert_eq!(
            why,
            "the command exited with status 7 before sending a greeting"
        );
    }

    #[test]
    fn what_it_says_to_people_is_no_reply() {
        let mut wire = connect("printf '\\n**** a test\\n220 hi\\n\\n**** done\\n'").unwrap();
        assert_eq!(line(&mut wire).unwrap(), "220 hi");
        assert!(matches!(line(&mut wire), Err(WireError::Closed)));
        assert_eq!(
            wire.end().asides,
            [
                "output of the command: **** a test",
                "output of the command: **** done"
            ]
        );
    }

    #[test]
    fn the_end_of_a_command_that_has_spoken_is_the_end_of_the_connection() {
        let mut wire = connect("echo 220 hi").unwrap();
        line(&mut wire).unwrap();
        assert!(matches!(line(&mut wire), Err(WireError::Closed)));
        assert!(matches!(wire.early(), Early::Closed));
    }

    #[test]
    fn whatever_it_has_started_does_not_outlive_the_signal() {
        let mut wire = connect("kill -9 $$").unwrap();
        let why = line(&mut wire).unwrap_err().to_string();
        assert!(
            why.starts_with("the command was killed by signal 9"),
            "{why}"
        );
    }

    const EXIM: &[u8] = b"\n**** SMTP testing session as if from host 192.0.2.1\n\n\
                          220 mx ****\r\n250 OK\r\n\n**** not real!\n\n221 bye\r\n";

    #[test]
    fn replies_and_asides_are_told_apart_wherever_they_are_cut() {
        for size in 1..EXIM.len() {
            let (mut asides, mut conversation) = (Asides::default(), Vec::new());
            for piece in EXIM.chunks(size) {
                asides.sort(piece, &mut conversation);
            }
            assert_eq!(conversation, b"220 mx ****\r\n250 OK\r\n221 bye\r\n");
            assert_eq!(
                asides.take(),
                [
                    "**** SMTP testing session as if from host 192.0.2.1",
                    "**** not real!"
                ]
            );
        }
    }

    #[test]
    fn nonsense_stays_nonsense_and_tls_stays_as_it_is() {
        for bytes in [
            b"***\r\nhello\n\x80".as_slice(),
            b"220 x\r\n\x16\x03\x03\n\n****\n",
        ] {
            let (mut asides, mut conversation) = (Asides::default(), Vec::new());
            asides.sort(bytes, &mut conversation);
            assert_eq!(conversation, bytes);
        }
    }

    #[test]
    fn endless_asides_are_not_kept() {
        let (mut asides, mut conversation) = (Asides::default(), Vec::new());
        let line = [STARS, &[b'x'; 10_000], b"\n"].concat();
        for _ in 0..100 {
            asides.sort(&line, &mut conversation);
        }
        let kept = asides.take();
        assert_eq!((kept.len(), kept[0].len()), (MOST, LONGEST));
        assert!(conversation.is_empty());
    }
}
