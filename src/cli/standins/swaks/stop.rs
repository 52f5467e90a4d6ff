//! The end of a run.

use crate::cli::terminal;
use crate::system::exit::Exit;
use std::io;

/// The run ends with this exit status; the reason was printed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stop(pub u8);

impl Stop {
    /// The exit status when the output cannot be written. A closed pipe is not reported.
    pub fn output_failed(error: &io::Error) -> Self {
        if error.kind() != io::ErrorKind::BrokenPipe {
            terminal::output_failed(error);
        }
        Self(Exit::Io.code())
    }
}
