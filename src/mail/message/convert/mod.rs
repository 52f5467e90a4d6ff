//! Conversion of a finished message: for a server without 8BITMIME its parts become quoted-printable or
//! base64 (RFC 6152 §3), for one without SMTPUTF8 its header is encoded (RFC 2047, RFC 2231), and lines
//! over 998 octets and NULs are replaced by content that every server accepts. The recipient sees the same
//! message. A message is stored in one form, and converted when the server's extensions are known.
//!
//! The message is read as a stream and never held in memory. The first pass makes the plan, because the header
//! of a part comes before its content.

mod entity;
mod fields;
mod plan;
#[cfg(test)]
mod tests;
mod tidy;
mod walk;
mod write;

use crate::mail::message::MessageError;
use crate::mail::message::encode::Encoder;
use crate::mail::message::encode::Encoding;
use crate::mail::message::source::{Source, SourceError};
use crate::smtp::blocks::{Accepts, Block, Blocks, BodyType, Replay, Shape};
use plan::Planner;
use std::io;
use std::sync::OnceLock;
use walk::Walker;
use write::Writer;

/// Conversion of the content of a part.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PartConversion {
    AsIs,
    /// Encoded. The charset is for a text with octets above 127 that does not name one.
    Encoded(Encoding, &'static str),
    /// Invalid quoted-printable, corrected.
    TidyQuoted,
    /// Invalid base64, corrected.
    TidyBase64,
    /// With lines broken, and without NULs.
    Broken,
}

/// Treatment of signed or encrypted content. A conversion would invalidate its signature.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Signed {
    /// It is not changed. If that is impossible, the message is not sent.
    Kept,
    /// It is converted like any other.
    Converted,
}

/// The limits that a message is converted to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Target {
    /// For servers without 8BITMIME.
    seven_bit: bool,
    /// For servers without SMTPUTF8.
    ascii_header: bool,
    signed: Signed,
}

/// Reasons for which a message cannot be converted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unconvertible {
    /// An address in the header is not ASCII.
    Address,
    /// A part must not change.
    Frozen,
    /// It has too many parts, or a header that is too large.
    TooLarge,
}

/// The conversion of each part of a message.
#[derive(Debug)]
struct Plan {
    target: Target,
    hows: Vec<PartConversion>,
}

impl Plan {
    fn walker(&self) -> Walker<Writer<'_>> {
        let writer = Writer::new(&self.hows, self.target);
        Walker::new(writer, self.target.signed == Signed::Converted)
    }
}

/// Makes the plan for a message that `read` passes on block by block.
fn plan<E>(
    target: Target,
    read: impl FnOnce(&mut dyn FnMut(&[u8])) -> Result<(), E>,
) -> Result<Result<Plan, Unconvertible>, E> {
    let mut walker = Walker::new(Planner::new(target), target.signed == Signed::Converted);
    read(&mut |block| walker.walk(block))?;
    walker.end();
    let Planner { hows, failure, .. } = walker.visitor;
    Ok(match failure {
        None => Ok(Plan { target, hows }),
        Some(why) => Err(why),
    })
}

/// The message with this header, which includes its empty line, and the source from `body_at` on, with
/// lines of at most 998 octets and without NULs.
pub fn made_valid(
    header: &[u8],
    source: &Source,
    body_at: u64,
    signed: Signed,
) -> Result<Source, MessageError> {
    let target = Target {
        seven_bit: false,
        ascii_header: false,
        signed,
    };
    let planned = plan(target, |pass| {
        pass(header);
        let mut block = source.block(64 * 1024);
        let mut at = body_at;
        loop {
            let count = source.read(&mut block, at)?;
            if count == 0 {
                return Ok::<_, SourceError>(());
            }
            pass(&block[..count]);
            at += count as u64;
        }
    })?;
    let plan = planned.map_err(|why| MessageError::Text {
        name: source.name.clone(),
        what: why.sentence().to_owned(),
    })?;
    let mut walker = plan.walker();
    walker.walk(header);
    Ok(source.rewritten(body_at, &mut walker)?)
}

impl Unconvertible {
    /// The error for a message that cannot be made valid.
    fn sentence(self) -> &'static str {
        match self {
            Self::Address | Self::Frozen => {
                "has a NUL or a line over 998 octets (RFC 5321 §4.5.3.1.6) in a part that must not be encoded \
                 anew, such as one that is signed"
            }
            Self::TooLarge => {
                "has a NUL or a line over 998 octets (RFC 5321 §4.5.3.1.6), and too many parts or too large a \
                 header to encode it anew"
            }
        }
    }
}

/// A message in the forms that it has, and in those that it can be converted to.
pub struct Convertible<'m> {
    original: &'m dyn Replay,
    signed: Signed,
    /// Indexed by [`Target::place`].
    made: [OnceLock<Made>; 4],
}

/// Result of building a form.
enum Made {
    Form(Plan, Shape),
    /// The form does not exist.
    Nothing,
    /// The message cannot be read.
    Unread(io::ErrorKind, String),
}

impl Target {
    fn place(self) -> usize {
        usize::from(self.seven_bit) * 2 + usize::from(self.ascii_header)
    }
}

impl<'m> Convertible<'m> {
    /// A message that is stored in one form or more.
    #[must_use]
    pub fn new(original: &'m dyn Replay, signed: Signed) -> Self {
        Self {
            original,
            signed,
            made: Default::default(),
        }
    }

    /// The form from which others are made.
    fn base(&self) -> Option<Shape> {
        self.original.shape(BodyType::EightBit.with_utf8())
    }

    fn target(&self, base: Shape, able: Accepts) -> Target {
        Target {
            seven_bit: base.transport > able.transport,
            ascii_header: base.utf8 && !able.utf8,
            signed: self.signed,
        }
    }

    fn made(&self, base: Shape, target: Target) -> &Made {
        self.made[target.place()].get_or_init(|| {
            self.make(base, target)
                .unwrap_or_else(|error| Made::Unread(error.kind(), error.to_string()))
        })
    }

    fn make(&self, base: Shape, target: Target) -> io::Result<Made> {
        let planned = plan(target, |pass| {
            let mut blocks = self.original.blocks(base);
            let mut block = Vec::new();
            while blocks.append(&mut block)? != Block::End {
                pass(&block);
                block.clear();
            }
            Ok::<_, io::Error>(())
        })?;
        let Ok(plan) = planned else {
            return Ok(Made::Nothing);
        };
        let size = size_of(&mut Reader::new(self.original.blocks(base), &plan))?;
        let shape = converted_shape(base, target, size);
        Ok(Made::Form(plan, shape))
    }
}

fn size_of(reader: &mut Reader<'_>) -> io::Result<u64> {
    let (mut size, mut block) = (0, Vec::new());
    while reader.append(&mut block)? != Block::End {
        size += block.len() as u64;
        block.clear();
    }
    Ok(size)
}

fn converted_shape(base: Shape, target: Target, size: u64) -> Shape {
    Shape {
        transport: if target.seven_bit {
            BodyType::SevenBit
        } else {
            base.transport
        },
        utf8: base.utf8 && !target.ascii_header,
        size,
    }
}

impl Replay for Convertible<'_> {
    fn shape(&self, able: Accepts) -> Option<Shape> {
        if let Some(shape) = self.original.shape(able) {
            return Some(shape);
        }
        let base = self.base()?;
        let target = self.target(base, able);
        match self.made(base, target) {
            Made::Form(_, shape) => Some(*shape),
            Made::Nothing => None,
            // The error is reported when the message is read for sending.
            Made::Unread(..) => Some(converted_shape(base, target, base.size)),
        }
    }

    fn blocks(&self, shape: Shape) -> Box<dyn Blocks + '_> {
        let able = Accepts {
            transport: shape.transport,
            utf8: shape.utf8,
        };
        let Some(base) = self.base().filter(|_| self.original.shape(able).is_none()) else {
            return self.original.blocks(shape);
        };
        match self.made(base, self.target(base, able)) {
            Made::Form(plan, _) => Box::new(Reader::new(self.original.blocks(base), plan)),
            Made::Nothing => self.original.blocks(shape),
            Made::Unread(kind, text) => Box::new(Unread(*kind, text)),
        }
    }
}

/// A message that is converted while it is read.
struct Reader<'m> {
    original: Box<dyn Blocks + 'm>,
    walker: Walker<Writer<'m>>,
    block: Vec<u8>,
    is_over: bool,
}

impl<'m> Reader<'m> {
    fn new(original: Box<dyn Blocks + 'm>, plan: &'m Plan) -> Self {
        Self {
            original,
            walker: plan.walker(),
            block: Vec::new(),
            is_over: false,
        }
    }
}

impl Blocks for Reader<'_> {
    fn append(&mut self, out: &mut Vec<u8>) -> io::Result<Block> {
        let start = out.len();
        while !self.is_over {
            self.block.clear();
            if self.original.append(&mut self.block)? == Block::End {
                self.is_over = true;
                self.walker.finish(out);
            } else {
                self.walker.push(&self.block, out);
            }
            if out.len() > start {
                return Ok(Block::Lines);
            }
        }
        Ok(Block::End)
    }
}

/// A message that cannot be read.
struct Unread<'e>(io::ErrorKind, &'e str);

impl Blocks for Unread<'_> {
    fn append(&mut self, _: &mut Vec<u8>) -> io::Result<Block> {
        Err(io::Error::new(self.0, self.1))
    }
}
