//! The MIME tree (RFC 2046), and its conversion to the pieces of a message for a server's capabilities.

use crate::mail::message::header::with_parameters;
use crate::mail::message::source::Source;
use crate::mail::message::stream::{EncodedPart, MessageForm, MessagePiece};
use crate::mail::message::token;
use crate::smtp::blocks::BodyType;
use std::sync::Arc;

/// An entity of the tree.
#[derive(Debug)]
pub enum Node {
    /// A part with content.
    Leaf(Leaf),
    /// Parts that belong together.
    Multipart {
        /// The whole type, `multipart/mixed` and so on.
        media_type: &'static str,
        /// The type of the first part, if the standard requires it (RFC 2387).
        start_type: Option<String>,
        boundary: String,
        parts: Vec<Node>,
    },
}

/// A part with content.
#[derive(Debug)]
pub struct Leaf {
    /// `type/subtype`.
    pub essence: String,
    /// The header fields of the part except for its encoding.
    pub header: String,
    pub source: Arc<Source>,
    /// Possible encodings of the content, the least demanding first.
    pub ways: Vec<(BodyType, EncodedPart)>,
}

impl Leaf {
    /// The encoding that uses the server's capabilities best.
    fn way(&self, able: BodyType) -> Option<(BodyType, EncodedPart)> {
        let fitting = self.ways.iter().filter(|(transport, _)| *transport <= able);
        fitting.copied().max_by_key(|(transport, _)| *transport)
    }
}

impl Node {
    /// Groups parts in a multipart. A single part needs none, unless it is to be attached.
    pub fn group(media_type: &'static str, mut parts: Vec<Self>) -> Option<Self> {
        if parts.len() < 2 && media_type != MIXED {
            return parts.pop();
        }
        let start_type = match parts.first()? {
            first if media_type == RELATED => Some(first.essence()),
            _ => None,
        };
        Some(Self::Multipart {
            media_type,
            start_type,
            boundary: token(),
            parts,
        })
    }

    fn essence(&self) -> String {
        match self {
            Self::Leaf(leaf) => leaf.essence.clone(),
            Self::Multipart { media_type, .. } => (*media_type).to_owned(),
        }
    }

    /// The message with this header, for a server that accepts this body type. `None`: not possible.
    pub fn form(&self, header: &str, able: BodyType) -> Option<MessageForm> {
        let asked = self.asked(able)?;
        let mut pieces = vec![MessagePiece::lines(header)];
        self.write(able, &mut pieces)?;
        if let Self::Leaf(leaf) = self {
            finish_last_line(leaf, able, &mut pieces);
        }
        Some(MessageForm::new(asked, pieces))
    }

    /// The body type that the most demanding part requires.
    pub fn asked(&self, able: BodyType) -> Option<BodyType> {
        match self {
            Self::Leaf(leaf) => leaf.way(able).map(|(transport, _)| transport),
            Self::Multipart { parts, .. } => {
                let asked: Option<Vec<BodyType>> =
                    parts.iter().map(|part| part.asked(able)).collect();
                asked?.into_iter().max()
            }
        }
    }

    /// The rest of the entity's header, and its content.
    fn write(&self, able: BodyType, pieces: &mut Vec<MessagePiece>) -> Option<()> {
        match self {
            Self::Leaf(leaf) => {
                let (_, way) = leaf.way(able)?;
                let encoding = way.encoding.name();
                let header = &leaf.header;
                pieces.push(MessagePiece::lines(&format!(
                    "{header}Content-Transfer-Encoding: {encoding}\r\n\r\n"
                )));
                pieces.push(MessagePiece::Part {
                    source: Arc::clone(&leaf.source),
                    offset: 0,
                    way,
                });
            }
            Self::Multipart {
                media_type,
                start_type,
                boundary,
                parts,
            } => {
                let mut parameters = vec![("boundary", boundary.as_str())];
                parameters.extend(start_type.iter().map(|kind| ("type", kind.as_str())));
                let mut header = with_parameters("Content-Type", media_type, &parameters);
                // RFC 2045 §6.4: the field is required on a multipart if a part of it is not 7bit.
                header.push_str(match self.asked(able)? {
                    BodyType::SevenBit => "",
                    BodyType::EightBit => "Content-Transfer-Encoding: 8bit\r\n",
                    BodyType::Binary => "Content-Transfer-Encoding: binary\r\n",
                });
                pieces.push(MessagePiece::lines(&header));
                let mut line_end = "\r\n";
                for part in parts {
                    pieces.push(MessagePiece::lines(&format!("{line_end}--{boundary}\r\n")));
                    part.write(able, pieces)?;
                    line_end = part.missing_line_end(able);
                }
                pieces.push(MessagePiece::lines(&format!(
                    "{line_end}--{boundary}--\r\n"
                )));
            }
        }
        Some(())
    }
}

impl Node {
    /// The line end before a boundary belongs to the boundary; base64 and an inner multipart have
    /// written one.
    fn missing_line_end(&self, able: BodyType) -> &'static str {
        let written = match self {
            Self::Leaf(leaf) => leaf
                .way(able)
                .is_some_and(|(_, way)| way.len > 0 && way.encoding.ends_with_line_end()),
            Self::Multipart { .. } => true,
        };
        if written { "" } else { "\r\n" }
    }
}

/// Attachments beside the text.
pub const MIXED: &str = "multipart/mixed";
/// Versions of the same content, the best one last.
pub const ALTERNATIVE: &str = "multipart/alternative";
/// A part and the parts that it refers to.
pub const RELATED: &str = "multipart/related";

/// Adds the line end that a message must end with (R9). Encoded content has one, other text may not.
fn finish_last_line(leaf: &Leaf, able: BodyType, pieces: &mut Vec<MessagePiece>) {
    let Some((_, way)) = leaf.way(able) else {
        return;
    };
    let source = &leaf.source;
    let mut last = [0];
    let ended = source.len > 0
        && source.read_at(&mut last, source.len - 1).is_ok()
        && matches!(last[0], b'\r' | b'\n');
    if way.len > 0 && !way.encoding.ends_with_line_end() && !ended {
        pieces.push(MessagePiece::lines("\r\n"));
    }
}
