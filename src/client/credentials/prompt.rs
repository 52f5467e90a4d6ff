//! A password prompt on the terminal, without echo.
//!
//! `rpassword` is not used: it raises SIGINT at Ctrl-C before it has set the terminal right again, so
//! that the shell comes back without echo, and its string grows as one types and leaves copies.

use crate::client::credentials::CredentialsError;
use crate::client::credentials::buffer;
use crate::client::credentials::buffer::Buffer;
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
use std::path::Path;
use std::thread;
use zeroize::Zeroizing;

/// The longest line that a terminal returns.
const LINE: usize = 4096;

/// Asks for a password. Fails under cron, in a service and in the background, where no terminal can be read.
pub fn secret(terminal: &Path, whose: &str) -> Result<Secret, CredentialsError> {
    let Some(terminal) = attended(terminal) else {
        return Err(CredentialsError::Nowhere(whose.to_owned()));
    };
    let failed = |error| CredentialsError::Terminal {
        whose: whose.to_owned(),
        error,
    };
    match ask(&terminal, &format!("password for {whose}: ")).map_err(failed)? {
        TypedLine::Line(line) if line.is_empty() => {
            Err(CredentialsError::Untyped(whose.to_owned()))
        }
        TypedLine::Line(line) => buffer::fit(Secret::new(line.to_vec()), "the prompt"),
        TypedLine::Interrupt => {
            // The terminal is restored, and the parent process sees the signal that ended this one.
            let _ = kill_process(getpid(), Signal::INT);
            Err(CredentialsError::Untyped(whose.to_owned()))
        }
    }
}

/// True if a person can be asked at this terminal.
pub fn is_attended(terminal: &Path) -> bool {
    attended(terminal).is_some()
}

/// The terminal, if this process is in its foreground.
fn attended(path: &Path) -> Option<File> {
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
    mend_when_killed(terminal)?;
    let silence = Silence::on(terminal)?;
    terminal.write_all(question.as_bytes())?;
    let typed = line(terminal, silence.interrupts());
    // The end of the line was not echoed either.
    let _ = terminal.write_all(b"\n");
    typed
}

/// Restores the terminal if a signal ends the process during the prompt. Ctrl-C is a key here, and is read
/// with the line.
fn mend_when_killed(terminal: &File) -> io::Result<()> {
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
    let mut buffer: Buffer = Zeroizing::new(vec![0; LINE]);
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
struct Silence<'a> {
    terminal: &'a File,
    before: Termios,
}

impl<'a> Silence<'a> {
    fn on(terminal: &'a File) -> io::Result<Self> {
        let before = tcgetattr(terminal)?;
        let silence = Self { terminal, before };
        let mut silent = silence.before.clone();
        silent.local_modes -= LocalModes::ECHO | LocalModes::ECHONL | LocalModes::ISIG;
        silent.local_modes |= LocalModes::ICANON | LocalModes::IEXTEN;
        let [interrupt, quit] = silence.interrupts();
        silent.special_codes[SpecialCodeIndex::VEOL] = interrupt;
        silent.special_codes[SpecialCodeIndex::VEOL2] = quit;
        tcsetattr(terminal, OptionalActions::Flush, &silent)?;
        Ok(silence)
    }

    /// The keys for interrupt and quit, by default Ctrl-C and Ctrl-\; 0 if disabled.
    fn interrupts(&self) -> [u8; 2] {
        [SpecialCodeIndex::VINTR, SpecialCodeIndex::VQUIT].map(|key| self.before.special_codes[key])
    }
}

impl Drop for Silence<'_> {
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
        typed: TypedLine,
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
        let typed = ask(&terminal, "password for alice: ").unwrap();
        let has_echo = |modes: LocalModes| modes.contains(LocalModes::ECHO | LocalModes::ISIG);
        let has_echo = has_echo(tcgetattr(&terminal).unwrap().local_modes);
        let (_person, seen) = typing.join().unwrap();
        Played {
            typed,
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
    fn what_is_typed_is_read_and_not_shown() {
        for (keys, right) in [
            (&b"hunter2\n"[..], &b"hunter2"[..]),
            (b"hunter2\r", b"hunter2"),
            (b"hunter\x7f\x7fer2\n", b"hunter2"),
            (b"wrong\x15hunter2\n", b"hunter2"),
            (b"\n", b""),
            (b"\x04", b""),
        ] {
            let played = played(keys);
            let TypedLine::Line(line) = played.typed else {
                panic!("interrupted by {keys:?}")
            };
            assert_eq!(line.as_slice(), right, "{keys:?}");
            assert_eq!(played.seen, b"password for alice: \r\n");
            assert!(played.has_echo);
        }
    }

    #[test]
    fn an_interrupt_leaves_the_terminal_as_it_was() {
        for keys in [&b"\x03"[..], b"hunt\x03", b"hunt\x1c"] {
            let played = played(keys);
            assert!(matches!(played.typed, TypedLine::Interrupt), "{keys:?}");
            assert!(played.has_echo);
            assert_eq!(played.seen, b"password for alice: \r\n");
        }
    }

    #[test]
    fn without_a_terminal_nobody_is_asked() {
        for path in ["/nonexistent/tty", "/dev/null"] {
            if path == "/dev/null" && stdin().is_terminal() {
                continue;
            }
            let said = secret(Path::new(path), "alice at mail.example.org");
            let said = said.unwrap_err();
            assert_eq!(said.exit().code(), 77);
        }
    }
}
