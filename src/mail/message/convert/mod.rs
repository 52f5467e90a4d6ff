//! Conversion of a finished message: for a server without 8BITMIME its parts become quoted-printable or
//! base64 (RFC 6152 §3), for one without SMTPUTF8 its header is encoded (RFC 2047, RFC 2231), and lines
//! over 998 octets and NULs are replaced by content that every server accepts. The recipient sees the same
//! message. A message is stored in one variant, and converted when the server's extensions are known.
//!
//! The message is read as a stream and never held in memory, in two passes (`passes`).

mod header;
mod parser;
mod passes;
#[cfg(test)]
mod tests;

use crate::mail::message::MessageError;
use crate::mail::message::encode::{Encoder, Encoding};
use crate::mail::message::header_reader::{HeaderMode, MessageHeader, RawField};
use crate::mail::message::source::{Source, SourceError};
use crate::mail::message::stream::{Segment, Unreadable};
use crate::smtp::blocks::{Accepts, Block, Blocks, BodyType, Replay, Shape};
use parser::EntityParser;
use passes::{ConversionSelector, ConversionWriter};
use std::io;
use std::sync::{Arc, OnceLock};

/// Conversion of the content of a part.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PartConversion {
    Unchanged,
    /// Encoded. The charset is for a text with octets above 127 that does not name one.
    Encoded(Encoding, &'static str),
    /// Invalid quoted-printable, corrected.
    RepairedQuotedPrintable,
    /// Invalid base64, corrected.
    RepairedBase64,
    /// With lines broken, and without NULs.
    LinesBroken,
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
    /// For content that is signed: no blank at the end of a line, and no `From ` at its beginning (RFC 3156 §3).
    is_robust: bool,
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

#[derive(Debug)]
struct Conversion {
    target: Target,
    /// In their order.
    parts: Vec<PartConversion>,
}

impl Conversion {
    fn parser(&self) -> EntityParser<ConversionWriter<'_>> {
        let writer = ConversionWriter::new(&self.parts, self.target);
        EntityParser::new(writer, self.target.signed == Signed::Converted)
    }
}

/// The header fields and the body of a message that is stored in its 7bit form.
pub fn seven_bit_parts<E>(source: Source) -> Result<(Vec<RawField>, Segment<E>), MessageError> {
    let header = MessageHeader::read(&source, HeaderMode::Lenient)?;
    let body = Segment::Content {
        len: source.len - header.body_at,
        source: Arc::new(source),
        offset: header.body_at,
        encoding: Encoding::SevenBit,
    };
    Ok((header.fields, body))
}

/// Selects the conversion of a message that `read` passes on block by block.
fn select<E>(
    target: Target,
    read: impl FnOnce(&mut dyn FnMut(&[u8])) -> Result<(), E>,
) -> Result<Result<Conversion, Unconvertible>, E> {
    let mut parser = EntityParser::new(
        ConversionSelector::new(target),
        target.signed == Signed::Converted,
    );
    read(&mut |block| parser.parse(block))?;
    parser.end();
    let ConversionSelector {
        conversions,
        failure,
        ..
    } = parser.visitor;
    Ok(match failure {
        None => Ok(Conversion {
            target,
            parts: conversions,
        }),
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
        is_robust: false,
        signed,
    };
    let selected = select(target, |push| {
        push(header);
        let mut block = source.block(64 * 1024);
        let mut at = body_at;
        loop {
            let count = source.read(&mut block, at)?;
            if count == 0 {
                return Ok::<_, SourceError>(());
            }
            push(&block[..count]);
            at += count as u64;
        }
    })?;
    let conversion = selected.map_err(|why| MessageError::Text {
        name: source.name.clone(),
        what: why.sentence().to_owned(),
    })?;
    let mut parser = conversion.parser();
    parser.parse(header);
    Ok(source.rewritten(body_at, &mut parser)?)
}

/// The message with content that no server and no mail program changes, so that it can be signed. It is stored under
/// this name. The inner error is the reason for which it cannot have that form.
///
/// # Errors
/// The message cannot be read, or not be stored.
pub fn made_robust(original: &dyn Replay, name: &str) -> io::Result<Result<Source, Unconvertible>> {
    made_seven_bit(original, name, true)
}

/// The message in its 7bit form, which no server has to convert; if `is_robust`, also with content that no server and
/// no mail program changes. It is stored under this name. Errors: as [`made_robust`].
pub fn made_seven_bit(
    original: &dyn Replay,
    name: &str,
    is_robust: bool,
) -> io::Result<Result<Source, Unconvertible>> {
    let Some(shape) = original.shape(BodyType::Binary.with_utf8()) else {
        return Ok(Err(Unconvertible::Frozen));
    };
    let target = Target {
        seven_bit: true,
        ascii_header: true,
        is_robust,
        signed: Signed::Kept,
    };
    let selected = select(target, |push| {
        let (mut blocks, mut block) = (original.blocks(shape), Vec::new());
        while blocks.append(&mut block)? != Block::End {
            push(&block);
            block.clear();
        }
        Ok::<_, io::Error>(())
    })?;
    let conversion = match selected {
        Ok(conversion) => conversion,
        Err(why) => return Ok(Err(why)),
    };
    let mut reader = ConvertedReader::new(original.blocks(shape), &conversion);
    let stored = Source::written(name, |out| Ok(reader.append(out)? != Block::End))?;
    Ok(Ok(stored))
}

impl Unconvertible {
    /// The reason for which a message cannot be signed or encrypted. It completes "the message".
    pub fn obstacle(self) -> &'static str {
        match self {
            Self::Address => {
                "has an address in its header that is not ASCII, and no 7-bit form (RFC 6532)"
            }
            Self::Frozen => {
                "has a part that is not ASCII and must not be changed, such as a signed one, and so no 7-bit form"
            }
            Self::TooLarge => "has too many parts or too large a header to convert it to 7 bit",
        }
    }

    /// The error of [`made_valid`].
    fn sentence(self) -> &'static str {
        match self {
            Self::Address | Self::Frozen => {
                "has a NUL or a line over 998 bytes (RFC 5321 §4.5.3.1.6) in a part that must not be \
                 re-encoded, such as a signed one"
            }
            Self::TooLarge => {
                "has a NUL or a line over 998 bytes (RFC 5321 §4.5.3.1.6), and too many parts or too large \
                 a header to re-encode it"
            }
        }
    }
}

/// A message in the variants that it has, and in those that it can be converted to.
pub struct Convertible<'m> {
    original: &'m dyn Replay,
    signed: Signed,
    /// Indexed by [`Target::index`].
    converted: [OnceLock<Converted>; 4],
}

/// Result of a conversion.
enum Converted {
    Message(Conversion, Shape),
    Impossible,
    /// The message cannot be read.
    Unreadable(io::ErrorKind, String),
}

impl Target {
    fn index(self) -> usize {
        usize::from(self.seven_bit) * 2 + usize::from(self.ascii_header)
    }
}

impl<'m> Convertible<'m> {
    /// A message that is stored in one variant or more.
    pub fn new(original: &'m dyn Replay, signed: Signed) -> Self {
        Self {
            original,
            signed,
            converted: Default::default(),
        }
    }

    /// The shape that is converted.
    fn widest(&self) -> Option<Shape> {
        self.original.shape(BodyType::EightBit.with_utf8())
    }

    fn target(&self, original: Shape, accepts: Accepts) -> Target {
        Target {
            seven_bit: original.transport > accepts.transport,
            ascii_header: original.utf8 && !accepts.utf8,
            is_robust: false,
            signed: self.signed,
        }
    }

    fn converted(&self, original: Shape, target: Target) -> &Converted {
        self.converted[target.index()].get_or_init(|| {
            self.convert(original, target)
                .unwrap_or_else(|error| Converted::Unreadable(error.kind(), error.to_string()))
        })
    }

    fn convert(&self, original: Shape, target: Target) -> io::Result<Converted> {
        let selected = select(target, |push| {
            let mut blocks = self.original.blocks(original);
            let mut block = Vec::new();
            while blocks.append(&mut block)? != Block::End {
                push(&block);
                block.clear();
            }
            Ok::<_, io::Error>(())
        })?;
        let Ok(conversion) = selected else {
            return Ok(Converted::Impossible);
        };
        let size = size_of(&mut ConvertedReader::new(
            self.original.blocks(original),
            &conversion,
        ))?;
        let shape = converted_shape(original, target, size);
        Ok(Converted::Message(conversion, shape))
    }
}

fn size_of(reader: &mut ConvertedReader<'_>) -> io::Result<u64> {
    let (mut size, mut block) = (0, Vec::new());
    while reader.append(&mut block)? != Block::End {
        size += block.len() as u64;
        block.clear();
    }
    Ok(size)
}

fn converted_shape(original: Shape, target: Target, size: u64) -> Shape {
    Shape {
        transport: if target.seven_bit {
            BodyType::SevenBit
        } else {
            original.transport
        },
        utf8: original.utf8 && !target.ascii_header,
        size,
    }
}

impl Replay for Convertible<'_> {
    fn shape(&self, accepts: Accepts) -> Option<Shape> {
        if let Some(shape) = self.original.shape(accepts) {
            return Some(shape);
        }
        let original = self.widest()?;
        let target = self.target(original, accepts);
        match self.converted(original, target) {
            Converted::Message(_, shape) => Some(*shape),
            Converted::Impossible => None,
            // The error is reported when the message is read for sending.
            Converted::Unreadable(..) => Some(converted_shape(original, target, original.size)),
        }
    }

    fn blocks(&self, shape: Shape) -> Box<dyn Blocks + '_> {
        let accepts = Accepts {
            transport: shape.transport,
            utf8: shape.utf8,
        };
        let Some(original) = self
            .widest()
            .filter(|_| self.original.shape(accepts).is_none())
        else {
            return self.original.blocks(shape);
        };
        match self.converted(original, self.target(original, accepts)) {
            Converted::Message(conversion, _) => Box::new(ConvertedReader::new(
                self.original.blocks(original),
                conversion,
            )),
            Converted::Impossible => self.original.blocks(shape),
            Converted::Unreadable(kind, text) => Box::new(Unreadable(*kind, text.clone())),
        }
    }
}

/// A message that is converted while it is read.
struct ConvertedReader<'m> {
    original: Box<dyn Blocks + 'm>,
    parser: EntityParser<ConversionWriter<'m>>,
    block: Vec<u8>,
    is_ended: bool,
}

impl<'m> ConvertedReader<'m> {
    fn new(original: Box<dyn Blocks + 'm>, conversion: &'m Conversion) -> Self {
        Self {
            original,
            parser: conversion.parser(),
            block: Vec::new(),
            is_ended: false,
        }
    }
}

impl Blocks for ConvertedReader<'_> {
    fn append(&mut self, out: &mut Vec<u8>) -> io::Result<Block> {
        let start = out.len();
        while !self.is_ended {
            self.block.clear();
            if self.original.append(&mut self.block)? == Block::End {
                self.is_ended = true;
                self.parser.finish(out);
            } else {
                self.parser.push(&self.block, out);
            }
            if out.len() > start {
                return Ok(Block::Lines);
            }
        }
        Ok(Block::End)
    }
}
