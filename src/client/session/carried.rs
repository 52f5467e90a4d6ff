//! Copies a message to the outbox: complete and dot-stuffed, or in chunks and unchanged.

use crate::client::session::Transaction;
use crate::smtp::blocks::{Block, Blocks, Shape};
use crate::smtp::dot_stuffing::DotStuffer;
use std::io;

/// A message that is being sent.
pub struct Carried<'m> {
    /// Its properties in the form sent to this server.
    pub shape: Shape,
    blocks: Box<dyn Blocks + 'm>,
    dots: DotStuffer,
    /// Octets copied to the outbox.
    pub octets: u64,
    /// Data that was read and belongs to the next chunk.
    rest: Vec<u8>,
}

impl<'m> Carried<'m> {
    pub fn new(transaction: &Transaction<'m>, shape: Shape) -> Self {
        Self {
            shape,
            blocks: transaction.message.blocks(shape),
            dots: DotStuffer::new(),
            octets: 0,
            rest: Vec::new(),
        }
    }

    /// Appends the next block, or as much of it as `left` allows; false at the end of the message.
    pub fn append(&mut self, out: &mut Vec<u8>, left: &mut u64, stuffed: bool) -> io::Result<bool> {
        let start = out.len();
        let block = if self.rest.is_empty() {
            self.blocks.append(out)?
        } else {
            out.append(&mut self.rest);
            Block::Lines
        };
        let allowed = usize::try_from(*left).unwrap_or(usize::MAX);
        if out.len() - start > allowed {
            self.rest = out.split_off(start + allowed);
        }
        let count = (out.len() - start) as u64;
        self.octets += count;
        *left -= count;
        match block {
            Block::End if stuffed && !self.dots.at_line_start() => out.extend_from_slice(b"\r\n"),
            Block::Lines if stuffed => self.dots.stuff(out, start),
            Block::DotFree => self.dots.passed(&out[start..]),
            Block::End | Block::Lines => {}
        }
        Ok(block != Block::End)
    }

    /// Checks that the message has its announced length. A change of the source may be noticed only at its
    /// end, and the last octets of the last chunk complete the message for the server.
    pub fn end(&mut self) -> io::Result<()> {
        let mut more = std::mem::take(&mut self.rest);
        while more.is_empty() {
            if self.blocks.append(&mut more)? == Block::End {
                return Ok(());
            }
        }
        let why = "the message is longer than announced";
        Err(io::Error::new(io::ErrorKind::InvalidData, why))
    }
}
