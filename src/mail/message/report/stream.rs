//! The stream of a report: its own octets, and between them those of the returned message.

use crate::mail::message::report::ReportMessage;
use crate::smtp::blocks::{Accepts, Block, Blocks, BodyType, Nothing, Replay, Shape, fitting};
use std::io;

/// One form of a report.
pub struct DsnForm<'m> {
    /// Size and requirements of this form.
    pub shape: Shape,
    /// The octets before the original.
    before: Vec<u8>,
    original: Option<ReturnedMessage<'m>>,
    /// The end of the report.
    after: Vec<u8>,
}

/// The returned message, in one of its forms.
#[derive(Clone, Copy)]
pub struct ReturnedMessage<'m> {
    pub message: &'m dyn Replay,
    pub shape: Shape,
}

impl<'m> DsnForm<'m> {
    /// A report that requires this of a server.
    pub fn new(
        transport: BodyType,
        before: Vec<u8>,
        original: Option<ReturnedMessage<'m>>,
        after: Vec<u8>,
    ) -> Self {
        let returned = original.map_or(0, |original| original.shape.size);
        let size = (before.len() + after.len()) as u64 + returned;
        Self {
            shape: Shape {
                transport,
                utf8: false,
                size,
            },
            before,
            original,
            after,
        }
    }
}

impl Replay for ReportMessage<'_> {
    fn shape(&self, able: Accepts) -> Option<Shape> {
        let shapes = self.forms.iter().map(|form| Shape {
            utf8: self.utf8_header,
            ..form.shape
        });
        fitting(shapes, able)
    }

    fn blocks(&self, shape: Shape) -> Box<dyn Blocks + '_> {
        let mut forms = self.forms.iter();
        match forms.find(|form| form.shape.transport == shape.transport) {
            Some(form) => form.blocks(shape),
            None => Box::new(Nothing),
        }
    }
}

impl Replay for DsnForm<'_> {
    fn shape(&self, able: Accepts) -> Option<Shape> {
        fitting([self.shape].into_iter(), able)
    }

    fn blocks(&self, _: Shape) -> Box<dyn Blocks + '_> {
        let original = self.original;
        Box::new(DsnReader {
            before: Some(self.before.as_slice()),
            original: original.map(|original| original.message.blocks(original.shape)),
            left: original.map_or(0, |original| original.shape.size),
            after: Some(self.after.as_slice()),
        })
    }
}

/// A report being read.
struct DsnReader<'m> {
    before: Option<&'m [u8]>,
    original: Option<Box<dyn Blocks + 'm>>,
    /// Number of octets of the original that must follow.
    left: u64,
    after: Option<&'m [u8]>,
}

impl Blocks for DsnReader<'_> {
    fn append(&mut self, out: &mut Vec<u8>) -> io::Result<Block> {
        if let Some(before) = self.before.take() {
            out.extend_from_slice(before);
            return Ok(Block::Lines);
        }
        let start = out.len();
        if let Some(original) = &mut self.original {
            let block = original.append(out)?;
            let read = (out.len() - start) as u64;
            let left = self.left.checked_sub(read);
            match (block, left) {
                (Block::End, Some(0)) => self.original = None,
                (Block::End, _) | (_, None) => {
                    return Err(io::Error::other("the message has not the size that it had"));
                }
                (block, Some(left)) => {
                    self.left = left;
                    return Ok(block);
                }
            }
        }
        match self.after.take() {
            Some(after) => {
                out.extend_from_slice(after);
                Ok(Block::Lines)
            }
            None => Ok(Block::End),
        }
    }
}
