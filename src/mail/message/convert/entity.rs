//! Properties of a body that the header of its entity gives (RFC 2045, RFC 2046).

use crate::mail::message::head::RawField;
use crate::mail::message::header::parameters_of;

/// Position of an entity in its message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    Top,
    /// A message in a message/rfc822.
    Attached,
    /// A part of a multipart.
    Part,
}

/// The header of an entity, as it was read.
pub struct Entity {
    pub place: Place,
    /// Its octets, with the empty line that ends it if there is one.
    pub raw: Vec<u8>,
    pub fields: Vec<RawField>,
    pub kind: Kind,
}

/// The structure of a body.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Parts between lines of this boundary. In a digest, the default type of a part is message/rfc822.
    Multipart {
        boundary: Vec<u8>,
        is_digest: bool,
    },
    Message,
    Leaf(LeafPart),
    /// Content that must not change: it is signed or encrypted, or is a fragment.
    Frozen,
}

/// Properties of a body without parts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LeafPart {
    pub is_text: bool,
    pub coding: Coding,
}

/// Existing encoding of a body.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Coding {
    None,
    Binary,
    QuotedPrintable,
    Base64,
    /// An encoding of which only the name is known.
    Other,
}

impl Kind {
    /// The kind of a body with this header. Signed or encrypted content is treated like any other if it may
    /// be changed.
    pub fn of(fields: &[RawField], in_digest: bool, may_change_signed: bool) -> Self {
        let coding = Coding::of(fields);
        let field = content_type(fields);
        let essence = field.and_then(essence);
        let default = if in_digest && field.is_none() {
            "message/rfc822"
        } else {
            "text/plain"
        };
        let essence = essence.unwrap_or_else(|| default.to_owned());
        let is_encoded = !matches!(coding, Coding::None | Coding::Binary);
        let leaf = Self::Leaf(LeafPart {
            is_text: essence.starts_with("text/"),
            coding,
        });
        match essence.as_str() {
            "multipart/signed" | "multipart/encrypted" if !may_change_signed => Self::Frozen,
            _ if is_encoded => leaf,
            "message/rfc822" | "message/global" | "message/news" => Self::Message,
            "message/partial" | "message/external-body" => Self::Frozen,
            kind if kind.starts_with("multipart/") => match field.and_then(boundary) {
                None => Self::Leaf(LeafPart {
                    is_text: true,
                    coding,
                }),
                Some(boundary) => Self::Multipart {
                    boundary,
                    is_digest: kind == "multipart/digest",
                },
            },
            _ => leaf,
        }
    }
}

impl Coding {
    fn of(fields: &[RawField]) -> Self {
        let mut all = fields.iter();
        let field = all.find(|field| field.name == "content-transfer-encoding");
        let value = field.map(RawField::readable).unwrap_or_default();
        let word = value.split(['(', ';']).next().unwrap_or_default().trim();
        match word.to_ascii_lowercase().as_str() {
            "binary" => Self::Binary,
            "quoted-printable" => Self::QuotedPrintable,
            "base64" => Self::Base64,
            "uuencode" => Self::Other,
            word if word.starts_with("x-") => Self::Other,
            // Mail programs treat the content as not encoded if the word is unknown, such as `8-bit` or
            // `utf-8`.
            _ => Self::None,
        }
    }
}

/// The field that names the type: the first that is valid, else the first.
fn content_type(fields: &[RawField]) -> Option<&RawField> {
    let all = || fields.iter().filter(|field| field.name == "content-type");
    all()
        .find(|field| essence(field).is_some())
        .or(all().next())
}

/// The type of a Content-Type, `type/subtype` in lower case. `None`: it is not valid, which means plain
/// text (RFC 2045 §5.2). A multipart without a usable boundary is not valid.
pub fn essence(field: &RawField) -> Option<String> {
    let value = field.readable().to_ascii_lowercase();
    let essence = value.split([';', '(']).next().unwrap_or_default().trim();
    let (kind, subtype) = essence.split_once('/')?;
    let is_token = |part: &str| !part.is_empty() && part.bytes().all(|b| b.is_ascii_graphic());
    (is_token(kind) && is_token(subtype)).then(|| essence.to_owned())
}

/// True if the field names a multipart that has no boundary, so that it has no parts.
pub fn lacks_boundary(field: &RawField) -> bool {
    essence(field).is_some_and(|essence| essence.starts_with("multipart/"))
        && boundary(field).is_none()
}

fn boundary(field: &RawField) -> Option<Vec<u8>> {
    let parameters = parameters_of(&field.readable());
    let (_, boundary) = parameters.into_iter().find(|(key, _)| key == "boundary")?;
    let boundary = boundary.trim_end();
    let is_usable = !boundary.is_empty() && boundary.len() <= MAX_BOUNDARY && boundary.is_ascii();
    is_usable.then(|| boundary.as_bytes().to_vec())
}

/// The longest boundary that is searched for. RFC 2046 §5.1.1 allows 70.
const MAX_BOUNDARY: usize = 200;
