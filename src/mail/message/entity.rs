//! The MIME entities of a composed message (RFC 2045 §2.4), and their variants for servers with increasing
//! capabilities.

use crate::mail::message::fields::token;
use crate::mail::message::header_writer::with_parameters;
use crate::mail::message::source::Source;
use crate::mail::message::stream::{BodyVariant, PartEncoding, Segment};
use crate::smtp::blocks::BodyType;
use std::sync::Arc;

/// Attachments beside the text.
pub const MIXED: &str = "multipart/mixed";
/// Versions of the same content, the best one last.
pub const ALTERNATIVE: &str = "multipart/alternative";
/// A part and the parts that it refers to.
pub const RELATED: &str = "multipart/related";

/// A MIME entity.
#[derive(Debug)]
pub enum Entity {
    Part(Part),
    Multipart {
        /// `multipart/mixed` and so on.
        media_type: &'static str,
        /// The type of the first part, if the standard requires it (RFC 2387).
        start_type: Option<String>,
        boundary: String,
        parts: Vec<Entity>,
    },
}

/// An entity without parts.
#[derive(Debug)]
pub struct Part {
    /// `type/subtype`.
    pub media_type: String,
    /// Header fields except for Content-Transfer-Encoding.
    pub header: String,
    pub source: Arc<Source>,
    /// Possible encodings of the content, the one with the lowest requirements first.
    pub encodings: Vec<PartEncoding>,
}

impl Part {
    /// The encoding that uses the server's capabilities best.
    fn encoding(&self, accepts: BodyType) -> Option<PartEncoding> {
        let fitting = self.encodings.iter();
        let fitting = fitting.filter(|encoding| encoding.body_type <= accepts);
        fitting.copied().max_by_key(|encoding| encoding.body_type)
    }

    fn ends_with_line_end(&self) -> bool {
        let mut last = [0];
        let source = &self.source;
        source.len > 0
            && source.read_at(&mut last, source.len - 1).is_ok()
            && matches!(last[0], b'\r' | b'\n')
    }
}

impl Entity {
    /// Groups parts in a multipart. A single part needs none, unless it is to be attached.
    pub fn group(media_type: &'static str, mut parts: Vec<Self>) -> Option<Self> {
        if parts.len() < 2 && media_type != MIXED {
            return parts.pop();
        }
        let start_type = match parts.first()? {
            first if media_type == RELATED => Some(first.media_type().to_owned()),
            _ => None,
        };
        Some(Self::Multipart {
            media_type,
            start_type,
            boundary: token(),
            parts,
        })
    }

    fn media_type(&self) -> &str {
        match self {
            Self::Part(part) => &part.media_type,
            Self::Multipart { media_type, .. } => media_type,
        }
    }

    /// The variants as the body of a message, the one with the lowest requirements first.
    pub fn variants(&self) -> Vec<BodyVariant> {
        let all = [BodyType::SevenBit, BodyType::EightBit, BodyType::Binary];
        let all = all.into_iter();
        all.filter(|&accepts| self.body_type(accepts) == Some(accepts))
            .filter_map(|accepts| self.variant(accepts))
            .collect()
    }

    fn variant(&self, body_type: BodyType) -> Option<BodyVariant> {
        let mut segments = Vec::new();
        self.body(body_type, &mut segments)?;
        // A message must end with a line end (RFC 5321 §4.1.1.4).
        if let Self::Part(part) = self
            && let Some(PartEncoding { encoding, len, .. }) = part.encoding(body_type)
            && len > 0
            && !encoding.ends_with_line_end()
            && !part.ends_with_line_end()
        {
            segments.push(Segment::lines("\r\n"));
        }
        Some(BodyVariant {
            body_type,
            fields: self.header(body_type)?,
            segments,
        })
    }

    /// The body type that the part with the highest requirements needs.
    fn body_type(&self, accepts: BodyType) -> Option<BodyType> {
        match self {
            Self::Part(part) => part.encoding(accepts).map(|encoding| encoding.body_type),
            Self::Multipart { parts, .. } => {
                let all: Option<Vec<BodyType>> =
                    parts.iter().map(|part| part.body_type(accepts)).collect();
                all?.into_iter().max()
            }
        }
    }

    /// The header fields of the entity.
    fn header(&self, accepts: BodyType) -> Option<String> {
        match self {
            Self::Part(part) => {
                let encoding = part.encoding(accepts)?.encoding.name();
                let header = &part.header;
                Some(format!("{header}Content-Transfer-Encoding: {encoding}\r\n"))
            }
            Self::Multipart {
                media_type,
                start_type,
                boundary,
                ..
            } => {
                let mut parameters = vec![("boundary", boundary.as_str())];
                parameters.extend(start_type.iter().map(|kind| ("type", kind.as_str())));
                let header = with_parameters("Content-Type", media_type, &parameters);
                Some(header + composite_encoding(self.body_type(accepts)?))
            }
        }
    }

    fn body(&self, accepts: BodyType, segments: &mut Vec<Segment>) -> Option<()> {
        match self {
            Self::Part(part) => {
                let PartEncoding { encoding, len, .. } = part.encoding(accepts)?;
                segments.push(Segment::Content {
                    source: Arc::clone(&part.source),
                    offset: 0,
                    encoding,
                    len,
                });
            }
            Self::Multipart {
                boundary, parts, ..
            } => {
                let mut line_end = "";
                for part in parts {
                    let header = part.header(accepts)?;
                    segments.push(Segment::lines(format!(
                        "{line_end}--{boundary}\r\n{header}\r\n"
                    )));
                    part.body(accepts, segments)?;
                    line_end = part.missing_line_end(accepts);
                }
                segments.push(Segment::lines(format!("{line_end}--{boundary}--\r\n")));
            }
        }
        Some(())
    }

    /// The line end before a boundary belongs to the boundary; base64 and an inner multipart have
    /// written one.
    fn missing_line_end(&self, accepts: BodyType) -> &'static str {
        let is_written = match self {
            Self::Part(part) => part
                .encoding(accepts)
                .is_some_and(|part| part.len > 0 && part.encoding.ends_with_line_end()),
            Self::Multipart { .. } => true,
        };
        if is_written { "" } else { "\r\n" }
    }
}

/// The field of an entity with parts. RFC 2045 §6.4 requires it if a part is not 7bit.
pub fn composite_encoding(body_type: BodyType) -> &'static str {
    match body_type {
        BodyType::SevenBit => "",
        BodyType::EightBit => "Content-Transfer-Encoding: 8bit\r\n",
        BodyType::Binary => "Content-Transfer-Encoding: binary\r\n",
    }
}
