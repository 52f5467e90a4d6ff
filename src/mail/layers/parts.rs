//! Layers of single parts: a message that a mailing list has put beside a footer, or one that is forwarded. Their
//! signatures are checked, but say nothing about the rest of the message. Parts are not decrypted: what is beside
//! them could send their text away when it is shown (EFAIL).

use crate::mail::crypt::Method;
use crate::mail::layers::entity::{Entity, Structure};
use crate::mail::layers::inner::authors;
use crate::mail::layers::{Layer, LayerKind, Removed, SmimeTrust, pgp, smime};
use crate::mail::message::{MessageError, Source, SourceError};
use std::sync::Arc;

/// Maximum depth of parts that are searched.
const MAX_DEPTH: usize = 8;

/// Maximum number of parts that are searched.
const MAX_PARTS: usize = 300;

/// Maximum number of parts with a layer that are reported.
const MAX_LAYERED: usize = 5;

/// The layers of the parts of a message that has none itself.
///
/// # Errors
/// The message cannot be read, or a file for a program cannot be stored.
pub fn layers_of_parts(
    message: &Entity,
    authors: &[String],
    trust: &SmimeTrust<'_>,
) -> Result<Vec<Layer>, MessageError> {
    let mut search = Search {
        layers: Vec::new(),
        layered: 0,
        visited: 0,
        trust,
    };
    search.descend(message, &Place::root(authors))?;
    Ok(search.layers)
}

/// A part in its message.
struct Place<'a> {
    /// Its number as `ehlo show` has it. Empty: the message.
    id: String,
    depth: usize,
    /// The authors of the message that it is in.
    authors: &'a [String],
}

impl<'a> Place<'a> {
    fn root(authors: &'a [String]) -> Self {
        Self {
            id: String::new(),
            depth: 0,
            authors,
        }
    }

    fn part(&self, number: usize) -> Self {
        Self {
            id: if self.id.is_empty() {
                number.to_string()
            } else {
                format!("{}.{number}", self.id)
            },
            depth: self.depth + 1,
            authors: self.authors,
        }
    }
}

struct Search<'t> {
    layers: Vec<Layer>,
    /// Number of parts with a layer.
    layered: usize,
    visited: usize,
    trust: &'t SmimeTrust<'t>,
}

impl Search<'_> {
    /// Searches the parts of an entity without a layer.
    fn descend(&mut self, entity: &Entity, place: &Place<'_>) -> Result<(), MessageError> {
        if place.depth >= MAX_DEPTH {
            return Ok(());
        }
        if let Some(message) = entity.enclosed() {
            return self.enclosed(&message, place);
        }
        for (index, part) in entity.parts(MAX_PARTS)?.iter().enumerate() {
            self.visited += 1;
            if self.visited > MAX_PARTS || self.layered == MAX_LAYERED {
                break;
            }
            self.part(part, entity.is_digest(), &place.part(index + 1))?;
        }
        Ok(())
    }

    /// `is_message`: the part is a message if it does not say what it is.
    fn part(
        &mut self,
        source: &Arc<Source>,
        is_message: bool,
        place: &Place<'_>,
    ) -> Result<(), MessageError> {
        let Some(mut part) = readable(source)? else {
            return Ok(());
        };
        if is_message {
            part.be_message_by_default();
        }
        let removed = match part.structure()? {
            Structure::Plain => return self.descend(&part, place),
            Structure::Malformed(layer) => Removed::closed(layer),
            Structure::PgpSigned(parts) => pgp::verify(&parts, place.authors)?,
            Structure::SmimeSigned(parts) => smime::verify(&parts, place.authors, self.trust)?,
            Structure::SmimeOpaque(der) => smime::verify_opaque(&der, place.authors, self.trust)?,
            Structure::PgpEncrypted(_) => Removed::closed(sealed(Method::Pgp)),
            Structure::SmimeEncrypted(_) => Removed::closed(sealed(Method::Smime)),
        };
        self.layered += 1;
        let layers = removed.layers.into_iter();
        self.layers
            .extend(layers.map(|layer| layer.of_part(&place.id)));
        Ok(())
    }

    /// A message in the message, with authors of its own.
    fn enclosed(&mut self, source: &Arc<Source>, place: &Place<'_>) -> Result<(), MessageError> {
        let Some(message) = readable(source)? else {
            return Ok(());
        };
        let authors = authors(&message);
        let within = Place {
            id: if place.id.is_empty() {
                "1".to_owned()
            } else {
                place.id.clone()
            },
            depth: place.depth + 1,
            authors: &authors,
        };
        self.part(source, false, &within)
    }
}

/// The entity; `None`: its header is not one.
fn readable(source: &Arc<Source>) -> Result<Option<Entity>, MessageError> {
    match Entity::read(source) {
        Ok(entity) => Ok(Some(entity)),
        Err(MessageError::Source(error @ SourceError::Read { .. })) => Err(error.into()),
        Err(_) => Ok(None),
    }
}

fn sealed(standard: Method) -> Layer {
    let text = "not decrypted, because the message has other parts; use --part to extract it";
    Layer::new(standard, LayerKind::Encryption, None, text.to_owned())
}
