//! The pieces of a message, and the stream of blocks that they make.

use crate::mail::message::Message;
use crate::mail::message::encode::{BASE64_BLOCK, Encoder, Encoding};
use crate::mail::message::source::Source;
use crate::smtp::blocks::{Accepts, Block, Blocks, BodyType, Replay, Shape, fitting};
use std::io;
use std::sync::Arc;

/// One form of a message.
#[derive(Debug)]
pub struct MessageForm {
    shape: Shape,
    pieces: Vec<MessagePiece>,
}

/// A piece of a message.
#[derive(Debug)]
pub enum MessagePiece {
    /// Header fields, boundaries, blank lines, as they are sent.
    Lines(Vec<u8>),
    /// Content of a source, encoded while it is read.
    Part {
        source: Arc<Source>,
        /// Offset of the content in the source.
        offset: u64,
        way: EncodedPart,
    },
}

/// Encoding of a part, and its encoded size in octets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct EncodedPart {
    pub encoding: Encoding,
    /// Size as sent, in octets.
    pub len: u64,
}

impl MessagePiece {
    /// Text in the form that is sent.
    pub fn lines(text: &str) -> Self {
        Self::Lines(text.as_bytes().to_vec())
    }

    /// Size as sent, in octets.
    fn len(&self) -> u64 {
        match self {
            Self::Lines(lines) => lines.len() as u64,
            Self::Part { way, .. } => way.len,
        }
    }
}

impl MessageForm {
    /// A message of these pieces, which requires this of a server.
    pub fn new(transport: BodyType, pieces: Vec<MessagePiece>) -> Self {
        let size = pieces.iter().map(MessagePiece::len).sum();
        Self {
            shape: Shape {
                transport,
                utf8: false,
                size,
            },
            pieces,
        }
    }
}

impl Replay for Message {
    fn shape(&self, able: Accepts) -> Option<Shape> {
        let shapes = self.forms.iter().map(|form| Shape {
            utf8: self.utf8_header,
            ..form.shape
        });
        fitting(shapes, able)
    }

    fn blocks(&self, shape: Shape) -> Box<dyn Blocks + '_> {
        let mut forms = self.forms.iter();
        let form = forms.find(|form| form.shape.transport == shape.transport);
        Box::new(MessageReader {
            pieces: form.map_or(&[][..], |form| &form.pieces).iter(),
            part: None,
            read: 0,
            announced: shape.size,
        })
    }
}

/// A message being read.
struct MessageReader<'m> {
    pieces: std::slice::Iter<'m, MessagePiece>,
    part: Option<Part<'m>>,
    read: u64,
    announced: u64,
}

/// A part being encoded.
struct Part<'m> {
    source: &'m Source,
    offset: u64,
    encoding: Encoding,
    encoder: Box<dyn Encoder>,
    block: Vec<u8>,
}

impl Blocks for MessageReader<'_> {
    fn append(&mut self, out: &mut Vec<u8>) -> io::Result<Block> {
        let start = out.len();
        let block = self.next(out)?;
        self.read += (out.len() - start) as u64;
        if block == Block::End && self.read != self.announced {
            return Err(io::Error::other(format!(
                "the message has {} octets, and {} were announced",
                self.read, self.announced
            )));
        }
        Ok(block)
    }
}

impl MessageReader<'_> {
    fn next(&mut self, out: &mut Vec<u8>) -> io::Result<Block> {
        loop {
            if let Some(part) = &mut self.part {
                if part.next(out)? {
                    return Ok(part.kind());
                }
                self.part = None;
            }
            match self.pieces.next() {
                None => return Ok(Block::End),
                Some(MessagePiece::Lines(lines)) => {
                    out.extend_from_slice(lines);
                    return Ok(Block::Lines);
                }
                Some(MessagePiece::Part {
                    source,
                    offset,
                    way,
                }) => self.part = Some(Part::new(source, *offset, way.encoding)),
            }
        }
    }
}

impl<'m> Part<'m> {
    fn new(source: &'m Source, offset: u64, encoding: Encoding) -> Self {
        Self {
            source,
            offset,
            encoding,
            encoder: encoding.encoder(),
            block: source.block(BASE64_BLOCK),
        }
    }

    /// Encodes the next block; false when the part has ended and nothing was appended.
    fn next(&mut self, out: &mut Vec<u8>) -> io::Result<bool> {
        let start = out.len();
        let count = self.source.read_at(&mut self.block, self.offset)?;
        self.offset += count as u64;
        self.encoder.push(&self.block[..count], out);
        if count == 0 {
            self.encoder.finish(out);
        }
        Ok(count > 0 || out.len() > start)
    }

    fn kind(&self) -> Block {
        match self.encoding {
            Encoding::Base64 | Encoding::Base64Text => Block::DotFree,
            _ => Block::Lines,
        }
    }
}

/// Encoded size of a source from `offset` on, in octets.
pub fn encoded_len(source: &Source, offset: u64, encoding: Encoding) -> io::Result<u64> {
    let mut part = Part::new(source, offset, encoding);
    let (mut out, mut len) = (Vec::new(), 0);
    while part.next(&mut out)? {
        len += out.len() as u64;
        out.clear();
    }
    Ok(len)
}
