//! A password prompt on the terminal, without echo.
//!
//! `rpassword` is not used: it raises SIGINT at Ctrl-C before it has set the terminal right again, so
//! that the shell comes back without echo, and its string grows as one types and leaves copies.

use crate::client::credentials::file::Buffer;
use crate::client::credentials::{CredentialsError, file};
use crate::system::secret::Secret;
use rustix::process::{Signal, getpgrp, getpid, kill_process};
use rustix::termios::{
    LocalModes, OptionalActions, SpecialCodeIndex, Termios, tcgetattr, tcgetpgrp, tcsetattr,
};
use signal_hook::consts::{SIGHUP, SIGTERM};
use signal_hook::iterator::Signals;
use signal_hook::low_level::emulate_default_handler;
use std::fs::{File, OpenOptions};
use std::io::{self, ErrorKind, IsTerminal, Read, Write, stdin};
use std::os::fd::AsFd as _;
use std::path::Path;
use std::thread;
use zeroize::Zeroizing;

/// The longest line that a terminal returns.
const MAX_LINE: usize = 4096;

/// Asks for a password. Fails under cron, in a service and in the background, where no terminal can be read.
pub fn secret(terminal: &Path, account: &str) -> Result<Secret, CredentialsError> {
    let Some(terminal) = foreground(terminal) else {
        return Err(CredentialsError::Nowhere(account.to_owned()));
    };
    let failed = |error| CredentialsError::Terminal {
        account: account.to_owned(),
        error,
    };
    match ask(&terminal, &format!("password for {account}: ")).map_err(failed)? {
        TypedLine::Line(line) if line.is_empty() => {
            Err(CredentialsError::EmptyInput(account.to_owned()))
        }
        TypedLine::Line(line) => file::checked(Secret::new(line.to_vec()), "the prompt"),
        TypedLine::Interrupt => {
            // The terminal is restored, and the parent process sees the signal that ended this one.
            let _ = kill_process(getpid(), Signal::INT);
            Err(CredentialsError::EmptyInput(account.to_owned()))
        }
    }
}

/// A line of the standard input without echo; `None`: it is not a terminal, or cannot be read.
pub fn hidden_line() -> Option<Secret> {
    if !stdin().is_terminal() {
        return None;
    }
    let terminal = File::from(stdin().as_fd().try_clone_to_owned().ok()?);
    match ask(&terminal, "").ok()? {
        TypedLine::Line(line) => Some(Secret::new(line.to_vec())),
        TypedLine::Interrupt => {
            let _ = kill_process(getpid(), Signal::INT);
            None
        }
    }
}

/// True if a person can be asked at this terminal.
pub fn is_attended(terminal: &Path) -> bool {
    foreground(terminal).is_some()
}

/// The terminal, if this process is in its foreground.
fn foreground(path: &Path) -> Option<File> {
    let terminal = OpenOptions::new().read(true).write(true).open(path).ok()?;
    let is_attended = match tcgetpgrp(&terminal) {
        // In the background, reading would stop the process until it is brought to the foreground.
        Ok(foreground) => foreground == getpgrp(),
        // The foreground process group is in another PID namespace.
        Err(_) => stdin().is_terminal() || io::stderr().is_terminal(),
    };
    is_attended.then_some(terminal)
}

enum TypedLine {
    /// A line, without its end.
    Line(Buffer),
    Interrupt,
}

fn ask(mut terminal: &File, question: &str) -> io::Result<TypedLine> {
    restore_on_signal(terminal)?;
    let no_echo = NoEcho::on(terminal)?;
    terminal.write_all(question.as_bytes())?;
    let line_read = line(terminal, no_echo.interrupts());
    // The end of the line was not echoed either.
    let _ = terminal.write_all(b"\n");
    line_read
}

/// Restores the terminal if a signal ends the process during the prompt. Ctrl-C is a key here, and is read
/// with the line.
fn restore_on_signal(terminal: &File) -> io::Result<()> {
    let before = tcgetattr(terminal)?;
    let terminal = terminal.try_clone()?;
    let mut signals = Signals::new([SIGHUP, SIGTERM])?;
    thread::Builder::new().spawn(move || {
        if let Some(signal) = signals.forever().next() {
            let _ = tcsetattr(&terminal, OptionalActions::Now, &before);
            let _ = emulate_default_handler(signal);
        }
    })?;
    Ok(())
}

/// Reads a line, up to LF, the end of input, or one of the interrupt keys.
fn line(mut terminal: &File, interrupts: [u8; 2]) -> io::Result<TypedLine> {
    let mut buffer: Buffer = Zeroizing::new(vec![0; MAX_LINE]);
    let mut length = 0;
    while length < buffer.len() {
        match terminal.read(&mut buffer[length..]) {
            Ok(0) => break,
            Ok(more) => length += more,
            Err(error) if error.kind() == ErrorKind::Interrupted => continue,
            Err(error) => return Err(error),
        }
        let last = buffer[length - 1];
        if last != 0 && interrupts.contains(&last) {
            return Ok(TypedLine::Interrupt);
        }
        if last == b'\n' {
            length -= 1;
            break;
        }
    }
    buffer.truncate(length);
    Ok(TypedLine::Line(buffer))
}

/// A terminal without echo, until this is dropped. The keys for interrupt and quit end the line instead of
/// the process, so that the terminal can be restored before the process ends.
struct NoEcho<'a> {
    terminal: &'a File,
    before: Termios,
}

impl<'a> NoEcho<'a> {
    fn on(terminal: &'a File) -> io::Result<Self> {
        let before = tcgetattr(terminal)?;
        let no_echo = Self { terminal, before };
        let mut modes = no_echo.before.clone();
        modes.local_modes -= LocalModes::ECHO | LocalModes::ECHONL | LocalModes::ISIG;
        modes.local_modes |= LocalModes::ICANON | LocalModes::IEXTEN;
        let [interrupt, quit] = no_echo.interrupts();
        modes.special_codes[SpecialCodeIndex::VEOL] = interrupt;
        modes.special_codes[SpecialCodeIndex::VEOL2] = quit;
        tcsetattr(terminal, OptionalActions::Flush, &modes)?;
        Ok(no_echo)
    }

    /// The keys for interrupt and quit, by default Ctrl-C and Ctrl-\; 0 if disabled.
    fn interrupts(&self) -> [u8; 2] {
        [SpecialCodeIndex::VINTR, SpecialCodeIndex::VQUIT].map(|key| self.before.special_codes[key])
    }
}

impl Drop for NoEcho<'_> {
    fn drop(&mut self) {
        let _ = tcsetattr(self.terminal, OptionalActions::Flush, &self.before);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};
    use std::os::unix::ffi::OsStrExt;

    /// A terminal at which the password is typed when the prompt appears: the result, the output, and whether
    /// echo is on again.
    struct Played {
        line_read: TypedLine,
        seen: Vec<u8>,
        has_echo: bool,
    }

    fn played(keys: &'static [u8]) -> Played {
        let flags = OpenptFlags::RDWR | OpenptFlags::NOCTTY;
        let mut person = File::from(openpt(flags).unwrap());
        grantpt(&person).unwrap();
        unlockpt(&person).unwrap();
        let name = ptsname(&person, Vec::new()).unwrap();
        let path = Path::new(std::ffi::OsStr::from_bytes(name.as_bytes()));
        let terminal = OpenOptions::new()
            .read(true)
            .write(true)
            .custom_flags_noctty()
            .open(path)
            .unwrap();
        let typing = thread::spawn(move || {
            let mut seen = Vec::new();
            let mut piece = [0; 256];
            while !seen.ends_with(b": ") {
                let more = person.read(&mut piece).unwrap();
                seen.extend(&piece[..more]);
            }
            person.write_all(keys).unwrap();
            while !seen.ends_with(b"\n") {
                let more = person.read(&mut piece).unwrap();
                seen.extend(&piece[..more]);
            }
            (person, seen)
        });
        let line_read = ask(&terminal, "password for alice: ").unwrap();
        let has_echo = |modes: LocalModes| modes.contains(LocalModes::ECHO | LocalModes::ISIG);
        let has_echo = has_echo(tcgetattr(&terminal).unwrap().local_modes);
        let (_person, seen) = typing.join().unwrap();
        Played {
            line_read,
            seen,
            has_echo,
        }
    }

    trait NoControl {
        fn custom_flags_noctty(&mut self) -> &mut Self;
    }

    impl NoControl for OpenOptions {
        fn custom_flags_noctty(&mut self) -> &mut Self {
            use std::os::unix::fs::OpenOptionsExt;
            let flag = rustix::fs::OFlags::NOCTTY.bits();
            self.custom_flags(i32::try_from(flag).unwrap())
        }
    }

    #[test]
    fn typed_password_is_not_echoed() {
        for (keys, right) in [
            (&b"hunter2\n"[..], &b"hunter2"[..]),
            (b"hunter2\r", b"hunter2"),
            (b"hunter\x7f\x7fer2\n", b"hunter2"),
            (b"wrong\x15hunter2\n", b"hunter2"),
            (b"\n", b""),
            (b"\x04", b""),
        ] {
            let played = played(keys);
            let TypedLine::Line(line) = played.line_read else {
                panic!("interrupted by {keys:?}")
            };
            assert_eq!(line.as_slice(), right, "{keys:?}");
            assert_eq!(played.seen, b"password for alice: \r\n");
            assert!(played.has_echo);
        }
    }

    #[test]
    fn interrupt_restores_the_terminal() {
        for keys in [&b"\x03"[..], b"hunt\x03", b"hunt\x1c"] {
            let played = played(keys);
            assert!(matches!(played.line_read, TypedLine::Interrupt), "{keys:?}");
            assert!(played.has_echo);
            assert_eq!(played.seen, b"password for alice: \r\n");
        }
    }

    #[test]
    fn no_prompt_without_a_terminal() {
        for path in ["/nonexistent/tty", "/dev/null"] {
            if path == "/dev/null" && stdin().is_terminal() {
                continue;
            }
            let error = secret(Path::new(path), "alice at mail.example.org");
            let error = error.unwrap_err();
            assert!(matches!(error, CredentialsError::Nowhere(_)));
        }
    }
}
