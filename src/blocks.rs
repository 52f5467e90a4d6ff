//! The seam between a message and the session that carries it.

use std::io;

/// A message as it goes over the wire, before dot-stuffing: lines end in CRLF and nowhere stands a
/// bare CR or LF.
pub trait Blocks {
    /// Appends the next block to `out` and says what it is.
    ///
    /// # Errors
    /// What was to be read changed or cannot be read any more; the message must not be ended as if
    /// it were whole.
    fn append(&mut self, out: &mut Vec<u8>) -> io::Result<Block>;
}

/// A message that can be read from its beginning as often as it is needed: another host, another
/// transaction.
pub trait Replay {
    /// The blocks of the message, from the first.
    fn blocks(&self) -> Box<dyn Blocks + '_>;
}

/// What [`Blocks::append`] appended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Block {
    /// Lines, or a part of one, of which any may begin with a dot.
    Lines,
    /// Whole lines of which none begins with a dot (base64).
    DotFree,
    /// Nothing: the message has ended.
    End,
}
