//! Variants of a message for servers with increasing capabilities, and the stream of blocks of each.

use crate::mail::dkim::{BodyHash, Signatures};
use crate::mail::envelope::Envelope;
use crate::mail::message::encode::{BASE64_BLOCK, ContentScan, Encoder, Encoding};
use crate::mail::message::source::{Source, SourceError};
use crate::smtp::blocks::{Accepts, Block, Blocks, BodyType, Nothing, Replay, Shape, fitting};
use std::io;
use std::sync::Arc;
use std::thread;

/// The end of a header.
pub(super) const EMPTY_LINE: &[u8] = b"\r\n";

/// A message with its final content. A server that accepts no variant of it gets a converted one (`convert`). It may
/// enclose a message of another type.
#[derive(Debug)]
pub struct Message<E = Nothing> {
    /// Sender and recipients.
    pub envelope: Envelope,
    /// True if the header contains raw UTF-8 (RFC 6532).
    pub utf8_header: bool,
    /// The encoding of each part, and the reason for it.
    pub remarks: Vec<String>,
    /// Problems that do not prevent sending.
    pub warnings: Vec<String>,
    /// Errors of header addresses that cannot be used as recipients.
    pub unusable: Vec<String>,
    /// The header without the fields of the variants.
    pub(super) header: Vec<u8>,
    /// The empty line after it. Empty for octets without a known header.
    pub(super) header_end: &'static [u8],
    pub(super) variants: Vec<BodyVariant<E>>,
    /// The signatures of each variant. Empty: the message is not signed.
    pub(super) signatures: Vec<Signatures>,
}

/// One variant of a body.
#[derive(Debug)]
pub struct BodyVariant<E = Nothing> {
    /// Required of the server.
    pub body_type: BodyType,
    /// Header fields that depend on the variant: Content-Type, Content-Transfer-Encoding.
    pub fields: String,
    pub segments: Vec<Segment<E>>,
}

/// A segment of a message.
#[derive(Debug)]
pub enum Segment<E = Nothing> {
    /// Header fields, boundaries, blank lines, as they are sent.
    Lines(Vec<u8>),
    /// Content of a source, encoded while it is read.
    Content {
        source: Arc<Source>,
        /// Offset of the content in the source.
        offset: u64,
        encoding: Encoding,
        /// Size as sent, in octets.
        len: u64,
    },
    /// A message in a message/rfc822 part, as it would be sent by itself.
    Enclosed(E, Shape),
}

/// A possible encoding of a content.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PartEncoding {
    /// Required of the server.
    pub body_type: BodyType,
    pub encoding: Encoding,
    /// Size as sent, in octets.
    pub len: u64,
}

impl PartEncoding {
    /// 7bit or 8bit, for content with valid lines.
    pub fn unencoded(scan: &ContentScan) -> Self {
        let (body_type, encoding) = if scan.eight_bit > 0 {
            (BodyType::EightBit, Encoding::EightBit)
        } else {
            (BodyType::SevenBit, Encoding::SevenBit)
        };
        let len = scan.wire_len;
        Self {
            body_type,
            encoding,
            len,
        }
    }
}

impl<E> Segment<E> {
    pub fn lines(text: impl Into<Vec<u8>>) -> Self {
        Self::Lines(text.into())
    }

    /// Size as sent, in octets.
    fn len(&self) -> u64 {
        match self {
            Self::Lines(lines) => lines.len() as u64,
            Self::Content { len, .. } => *len,
            Self::Enclosed(_, shape) => shape.size,
        }
    }
}

impl<E> Message<E> {
    fn shape_of(&self, index: usize) -> Shape {
        let variant = &self.variants[index];
        let header = self.header.len() + variant.fields.len() + self.header_end.len();
        let signatures = self.signatures.get(index).map_or(0, Signatures::octets);
        Shape {
            transport: variant.body_type,
            utf8: self.utf8_header,
            size: signatures + header as u64 + variant.body_len(),
        }
    }
}

impl<E: Replay> Replay for Message<E> {
    fn shape(&self, accepts: Accepts) -> Option<Shape> {
        let shapes = (0..self.variants.len()).map(|index| self.shape_of(index));
        fitting(shapes, accepts)
    }

    fn blocks(&self, shape: Shape) -> Box<dyn Blocks + '_> {
        let mut variants = self.variants.iter();
        let Some(index) = variants.position(|variant| variant.body_type == shape.transport) else {
            return Box::new(Nothing);
        };
        let signatures = match self.signed_fields(index) {
            Ok(fields) => fields,
            Err(error) => return Box::new(Unreadable(error.kind(), error.to_string())),
        };
        let variant = &self.variants[index];
        let header = [
            signatures,
            &self.header,
            variant.fields.as_bytes(),
            self.header_end,
        ];
        Box::new(MessageReader {
            header: Some(header),
            announced: shape.size,
            ..variant.body()
        })
    }
}

impl<E: Replay> Message<E> {
    /// The signatures of a variant. At the first call, its body is hashed.
    fn signed_fields(&self, index: usize) -> io::Result<&[u8]> {
        match self.signatures.get(index) {
            None => Ok(&[]),
            Some(signatures) => signatures.fields(|| self.variants[index].body_hash()),
        }
    }
}

/// Size from which a body is hashed by a thread of its own, which takes a millisecond.
const HASHED_AHEAD: u64 = 1024 * 1024;

impl Message {
    /// Calls `deliver`, while a thread hashes the body for the signatures. Without a thread, it is hashed when the
    /// message is first read.
    pub fn hashed_during<T>(&self, deliver: impl FnOnce() -> T) -> T {
        let variant = self.variants.first();
        let is_large = variant.is_some_and(|variant| variant.body_len() >= HASHED_AHEAD);
        if self.signatures.is_empty() || !is_large {
            return deliver();
        }
        thread::scope(|scope| {
            // An error is reported when the message is read.
            let hash = || self.signed_fields(0).is_ok();
            let _ = thread::Builder::new().spawn_scoped(scope, hash);
            deliver()
        })
    }
}

impl<E> BodyVariant<E> {
    /// Size as sent, in octets.
    fn body_len(&self) -> u64 {
        self.segments.iter().map(Segment::len).sum()
    }

    fn body(&self) -> MessageReader<'_, E> {
        MessageReader {
            header: None,
            segments: self.segments.iter(),
            current: None,
            read: 0,
            announced: self.body_len(),
        }
    }
}

impl<E: Replay> BodyVariant<E> {
    fn body_hash(&self) -> io::Result<[u8; 32]> {
        let (mut hash, mut body, mut block) = (BodyHash::default(), self.body(), Vec::new());
        while body.append(&mut block)? != Block::End {
            hash.push(&block);
            block.clear();
        }
        Ok(hash.finish())
    }
}

/// A message that cannot be read.
pub struct Unreadable(pub io::ErrorKind, pub String);

impl Blocks for Unreadable {
    fn append(&mut self, _: &mut Vec<u8>) -> io::Result<Block> {
        Err(io::Error::new(self.0, self.1.clone()))
    }
}

impl Replay for &dyn Replay {
    fn shape(&self, accepts: Accepts) -> Option<Shape> {
        (**self).shape(accepts)
    }

    fn blocks(&self, shape: Shape) -> Box<dyn Blocks + '_> {
        (**self).blocks(shape)
    }
}

/// A message being read.
struct MessageReader<'m, E> {
    header: Option<[&'m [u8]; 4]>,
    segments: std::slice::Iter<'m, Segment<E>>,
    current: Option<SegmentReader<'m>>,
    read: u64,
    announced: u64,
}

enum SegmentReader<'m> {
    Content(ContentReader<'m>),
    Enclosed(Box<dyn Blocks + 'm>),
}

/// Content being encoded.
struct ContentReader<'m> {
    source: &'m Source,
    offset: u64,
    encoding: Encoding,
    encoder: Box<dyn Encoder>,
    block: Vec<u8>,
}

impl<E: Replay> Blocks for MessageReader<'_, E> {
    fn append(&mut self, out: &mut Vec<u8>) -> io::Result<Block> {
        let start = out.len();
        let block = self.next(out)?;
        self.read += (out.len() - start) as u64;
        let is_short = block == Block::End && self.read < self.announced;
        if is_short || self.read > self.announced {
            return Err(io::Error::other(format!(
                "the message has {} bytes, but {} were announced",
                self.read, self.announced
            )));
        }
        Ok(block)
    }
}

impl<E: Replay> MessageReader<'_, E> {
    fn next(&mut self, out: &mut Vec<u8>) -> io::Result<Block> {
        if let Some(header) = self.header.take() {
            out.reserve(header.iter().map(|lines| lines.len()).sum());
            for lines in header {
                out.extend_from_slice(lines);
            }
            return Ok(Block::Lines);
        }
        loop {
            let block = match &mut self.current {
                None => Block::End,
                Some(SegmentReader::Content(content)) => content.next(out)?,
                Some(SegmentReader::Enclosed(blocks)) => blocks.append(out)?,
            };
            if block != Block::End {
                return Ok(block);
            }
            self.current = match self.segments.next() {
                None => return Ok(Block::End),
                Some(Segment::Lines(lines)) => {
                    self.current = None;
                    out.extend_from_slice(lines);
                    return Ok(Block::Lines);
                }
                Some(Segment::Content {
                    source,
                    offset,
                    encoding,
                    ..
                }) => Some(SegmentReader::Content(ContentReader::new(
                    source, *offset, *encoding,
                ))),
                Some(Segment::Enclosed(message, shape)) => {
                    Some(SegmentReader::Enclosed(message.blocks(*shape)))
                }
            };
        }
    }
}

impl<'m> ContentReader<'m> {
    fn new(source: &'m Source, offset: u64, encoding: Encoding) -> Self {
        Self {
            source,
            offset,
            encoding,
            encoder: encoding.encoder(),
            block: source.block(BASE64_BLOCK),
        }
    }

    /// Encodes the next block. At the end, nothing is appended.
    fn next(&mut self, out: &mut Vec<u8>) -> io::Result<Block> {
        let start = out.len();
        let count = self.source.read_at(&mut self.block, self.offset)?;
        self.offset += count as u64;
        self.encoder.push(&self.block[..count], out);
        if count == 0 {
            self.encoder.finish(out);
        }
        Ok(match self.encoding {
            _ if count == 0 && out.len() == start => Block::End,
            Encoding::Base64 | Encoding::Base64Text => Block::DotFree,
            _ => Block::Lines,
        })
    }
}

/// Encoded size of a source, in octets.
pub fn encoded_len(source: &Source, encoding: Encoding) -> Result<u64, SourceError> {
    let mut content = ContentReader::new(source, 0, encoding);
    let (mut out, mut len) = (Vec::new(), 0);
    let read_error = |error| SourceError::Read {
        name: source.name.clone(),
        error,
    };
    while content.next(&mut out).map_err(read_error)? != Block::End {
        len += out.len() as u64;
        out.clear();
    }
    Ok(len)
}
