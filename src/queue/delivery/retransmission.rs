//! A message that is sent again although it may have arrived. Its Message-ID is the same, and a header
//! field explains the duplicate to the recipient.

use crate::smtp::blocks::{Accepts, Block, Blocks, Replay, Shape};
use std::io;

/// The header field for the recipient of a duplicate.
const LINE: &[u8] =
    b"X-Possible-Duplicate: sent again, as the connection was lost before it was\r\n \
known whether this message had arrived\r\n";

/// The message, preceded by that header field.
pub struct Retransmission<'m>(pub &'m dyn Replay);

impl Replay for Retransmission<'_> {
    fn shape(&self, able: Accepts) -> Option<Shape> {
        let shape = self.0.shape(able)?;
        Some(Shape {
            size: shape.size + LINE.len() as u64,
            ..shape
        })
    }

    fn blocks(&self, shape: Shape) -> Box<dyn Blocks + '_> {
        let inner = Shape {
            size: shape.size - LINE.len() as u64,
            ..shape
        };
        Box::new(RetransmissionReader {
            is_begun: false,
            rest: self.0.blocks(inner),
        })
    }
}

struct RetransmissionReader<'m> {
    is_begun: bool,
    rest: Box<dyn Blocks + 'm>,
}

impl Blocks for RetransmissionReader<'_> {
    fn append(&mut self, out: &mut Vec<u8>) -> io::Result<Block> {
        if std::mem::replace(&mut self.is_begun, true) {
            return self.rest.append(out);
        }
        out.extend_from_slice(LINE);
        Ok(Block::Lines)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::smtp::blocks::{BodyType, Nothing};

    #[test]
    fn the_line_stands_before_the_message_and_is_counted() {
        let again = Retransmission(&Nothing);
        let shape = again.shape(BodyType::SevenBit.with_utf8()).unwrap();
        let mut out = Vec::new();
        let mut blocks = again.blocks(shape);
        while blocks.append(&mut out).unwrap() != Block::End {}
        assert_eq!(out, LINE);
        assert_eq!(shape.size, LINE.len() as u64);
        let lines = String::from_utf8(out).unwrap();
        assert!(lines.lines().all(|line| line.len() < 78), "{lines}");
    }
}
