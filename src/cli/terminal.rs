//! Standard output and standard error.

use crate::system::exit::Exit;
use crate::system::text::{reason, shown};
use crate::transcript;
use crate::transcript::{Color, Transcript, TranscriptOptions};
use std::env;
use std::io::{self, BufWriter, IsTerminal as _, Write};

/// Size of the output buffer.
const BUFFER: usize = 64 * 1024;

/// Unbuffered standard output: every write is visible at once, and every write error is noticed, even EBADF
/// on an output that is open for reading only, which the standard library ignores.
pub struct Stdout;

impl Write for Stdout {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        Ok(rustix::io::retry_on_intr(|| {
            rustix::io::write(rustix::stdio::stdout(), bytes)
        })?)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// A transcript on the standard output. `None`: nothing is shown.
pub fn open(mut options: TranscriptOptions) -> Option<Box<dyn Transcript>> {
    if options.color == Color::Auto && shows_colors() {
        options.color = Color::Always;
    }
    transcript::open(options, Stdout)
}

/// True if stdout is a terminal with colours, and `NO_COLOR` is not set (no-color.org).
fn shows_colors() -> bool {
    let is_set = |name| env::var_os(name).is_some_and(|value| !value.is_empty());
    let is_dumb = || env::var_os("TERM").is_some_and(|term| term == "dumb");
    io::stdout().is_terminal() && !is_set("NO_COLOR") && !is_dumb()
}

/// Writes to stdout through a buffer. A closed pipe is not an error.
pub fn print(write: impl FnOnce(&mut dyn Write) -> io::Result<()>) -> Exit {
    let mut out = BufWriter::with_capacity(BUFFER, Stdout);
    match write(&mut out).and_then(|()| out.flush()) {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => {
            complain(&format!(
                "cannot write to the standard output: {}",
                reason(&error)
            ));
            Exit::Io
        }
        _ => Exit::Ok,
    }
}

/// Writes one line to stderr, with control characters escaped. Errors are ignored.
pub fn complain(text: &str) {
    complain_as_it_is(&format!("ehlo: {}\n", shown(text)));
}

/// Text that is made harmless already.
pub fn complain_as_it_is(text: &str) {
    let _ = io::stderr().write_all(text.as_bytes());
}
