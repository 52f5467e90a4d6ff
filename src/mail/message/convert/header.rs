//! The header of an entity (RFC 2045, RFC 2046): the properties of the body that it gives, and its fields after a
//! conversion of the body.

use crate::mail::address::{ListEntry, Mailbox, parse_list};
use crate::mail::message::convert::{PartConversion, Target};
use crate::mail::message::fields::{FieldRepair, is_address_field};
use crate::mail::message::header_reader::RawField;
use crate::mail::message::header_writer::{addresses, cut, parameters_of};

/// Position of an entity in its message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Position {
    Top,
    /// A message in a message/rfc822.
    Enclosed,
    /// A part of a multipart.
    Part,
}

/// The header of an entity, as it was read.
pub struct EntityHeader {
    pub position: Position,
    /// Its octets, with the empty line that ends it if there is one.
    pub raw: Vec<u8>,
    pub fields: Vec<RawField>,
    pub kind: BodyKind,
}

/// The structure of a body.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum BodyKind {
    /// Parts between lines of this boundary. In a digest, the default type of a part is message/rfc822.
    Multipart {
        boundary: Vec<u8>,
        is_digest: bool,
    },
    Message,
    Part(PartBody),
    /// Content that must not change: it is signed or encrypted, or is a fragment.
    Frozen,
}

/// Properties of a body without parts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PartBody {
    pub is_text: bool,
    pub encoding: DeclaredEncoding,
}

/// Existing encoding of a body.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DeclaredEncoding {
    Unencoded,
    Binary,
    QuotedPrintable,
    Base64,
    /// An encoding of which only the name is known.
    Unknown,
}

impl BodyKind {
    /// The kind of a body with this header. Signed or encrypted content is treated like any other if it may
    /// be changed.
    pub fn of(fields: &[RawField], in_digest: bool, may_change_signed: bool) -> Self {
        let encoding = DeclaredEncoding::of(fields);
        let field = content_type(fields);
        let given = field.and_then(media_type);
        let default = if in_digest && field.is_none() {
            "message/rfc822"
        } else {
            "text/plain"
        };
        let media_type = given.unwrap_or_else(|| default.to_owned());
        let is_encoded = !matches!(
            encoding,
            DeclaredEncoding::Unencoded | DeclaredEncoding::Binary
        );
        let part = Self::Part(PartBody {
            is_text: media_type.starts_with("text/"),
            encoding,
        });
        match media_type.as_str() {
            "multipart/signed" | "multipart/encrypted" if !may_change_signed => Self::Frozen,
            _ if is_encoded => part,
            "message/rfc822" | "message/global" | "message/news" => Self::Message,
            "message/partial" | "message/external-body" => Self::Frozen,
            kind if kind.starts_with("multipart/") => match field.and_then(boundary) {
                None => Self::Part(PartBody {
                    is_text: true,
                    encoding,
                }),
                Some(boundary) => Self::Multipart {
                    boundary,
                    is_digest: kind == "multipart/digest",
                },
            },
            _ => part,
        }
    }
}

impl DeclaredEncoding {
    fn of(fields: &[RawField]) -> Self {
        let mut all = fields.iter();
        let field = all.find(|field| field.name == "content-transfer-encoding");
        let value = field.map(RawField::readable).unwrap_or_default();
        let word = value.split(['(', ';']).next().unwrap_or_default().trim();
        match word.to_ascii_lowercase().as_str() {
            "binary" => Self::Binary,
            "quoted-printable" => Self::QuotedPrintable,
            "base64" => Self::Base64,
            "uuencode" => Self::Unknown,
            word if word.starts_with("x-") => Self::Unknown,
            // Mail programs treat the content as not encoded if the word is unknown, such as `8-bit` or
            // `utf-8`.
            _ => Self::Unencoded,
        }
    }
}

/// The field that names the type: the first that is valid, else the first.
fn content_type(fields: &[RawField]) -> Option<&RawField> {
    let all = || fields.iter().filter(|field| field.name == "content-type");
    all()
        .find(|field| media_type(field).is_some())
        .or(all().next())
}

/// The type of a Content-Type, `type/subtype` in lower case. `None`: it is not valid, which means plain
/// text (RFC 2045 §5.2). A multipart without a usable boundary is not valid.
pub fn media_type(field: &RawField) -> Option<String> {
    let value = field.readable().to_ascii_lowercase();
    let essence = value.split([';', '(']).next().unwrap_or_default().trim();
    let (kind, subtype) = essence.split_once('/')?;
    let is_token = |part: &str| !part.is_empty() && part.bytes().all(|b| b.is_ascii_graphic());
    (is_token(kind) && is_token(subtype)).then(|| essence.to_owned())
}

/// True if the field names a multipart that has no boundary, so that it has no parts.
pub fn lacks_boundary(field: &RawField) -> bool {
    media_type(field).is_some_and(|media_type| media_type.starts_with("multipart/"))
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

/// The fields of an entity after its content was converted.
pub fn converted_fields(
    entity: &EntityHeader,
    conversion: PartConversion,
    target: Target,
) -> Vec<RawField> {
    let fields = match conversion {
        PartConversion::Encoded(encoding, charset) => {
            encoded_fields(entity, encoding.name(), charset)
        }
        _ if target.seven_bit => relabelled_fields(entity),
        _ => entity.fields.clone(),
    };
    let is_top = entity.position == Position::Top;
    let keeps_utf8 = if is_top {
        !target.ascii_header
    } else {
        !target.seven_bit
    };
    let mut repair = FieldRepair::new(keeps_utf8);
    let fields = fields.into_iter().map(|field| {
        let valid = repair.valid(field.clone());
        if is_top || keeps_utf8 || valid.raw.is_ascii() {
            valid
        } else {
            shown_only(&field, &valid)
        }
    });
    fields.collect()
}

/// The header of content that is encoded now.
fn encoded_fields(entity: &EntityHeader, encoding: &str, charset: &str) -> Vec<RawField> {
    let mut fields = entity.fields.clone();
    fields.retain(|field| field.name != "content-transfer-encoding");
    let is_invalid = |field: &RawField| {
        field.name == "content-type" && (media_type(field).is_none() || lacks_boundary(field))
    };
    fields.retain(|field| !is_invalid(field));
    let has = |fields: &[RawField], name: &str| fields.iter().any(|field| field.name == name);
    if entity.position != Position::Part && !has(&fields, "mime-version") {
        let version = "MIME-Version: 1.0\r\n".to_owned();
        fields.push(RawField::made("MIME-Version", version));
    }
    if !has(&fields, "content-type") {
        let charset = if charset.is_empty() {
            "us-ascii"
        } else {
            charset
        };
        let text = format!("Content-Type: text/plain; charset={charset}\r\n");
        fields.push(RawField::made("Content-Type", text));
    } else if !charset.is_empty() {
        let mut types = fields
            .iter_mut()
            .filter(|field| field.name == "content-type");
        types
            .next()
            .into_iter()
            .for_each(|field| name_charset(field, charset));
    }
    fields.iter_mut().for_each(rename_status);
    fields.push(encoding_field(encoding));
    fields
}

fn encoding_field(encoding: &str) -> RawField {
    let text = format!("Content-Transfer-Encoding: {encoding}\r\n");
    RawField::made("Content-Transfer-Encoding", text)
}

/// Adds the charset to a text that has none.
fn name_charset(field: &mut RawField, charset: &str) {
    let value = field.readable();
    let is_text = media_type(field).is_some_and(|media_type| media_type.starts_with("text/"));
    if !is_text || value.to_ascii_lowercase().contains("charset") {
        return;
    }
    let value = value.trim_end_matches([';', ' ']);
    let name = field.spelling();
    let text = cut(&name, &format!("{value}; charset={charset}"));
    *field = RawField::made(&name, text);
}

/// RFC 6533 §3: only these types of a report may be encoded.
fn rename_status(field: &mut RawField) {
    for kind in [
        "message/delivery-status",
        "message/disposition-notification",
    ] {
        let global = kind.replace('/', "/global-");
        rename(field, kind, &global);
    }
}

/// Replaces one type by another.
fn rename(field: &mut RawField, from: &str, to: &str) {
    if field.name != "content-type" || media_type(field).as_deref() != Some(from) {
        return;
    }
    let value = field.readable();
    let value = value.trim_start();
    let name = field.spelling();
    let text = cut(
        &name,
        &format!("{to}{}", value.get(from.len()..).unwrap_or_default()),
    );
    *field = RawField::made(&name, text);
}

/// The header of content that is 7bit now, regardless of its former label.
fn relabelled_fields(entity: &EntityHeader) -> Vec<RawField> {
    let mut fields = entity.fields.clone();
    for field in &mut fields {
        if field.name == "content-transfer-encoding" {
            let value = field.readable();
            let word = value.split('(').next().unwrap_or_default().trim();
            if ["8bit", "binary"]
                .iter()
                .any(|wide| word.eq_ignore_ascii_case(wide))
            {
                *field = encoding_field("7bit");
            }
        }
        // RFC 6532 §3.7: with a header in ASCII, it is a message of the standard type.
        if entity.kind == BodyKind::Message {
            rename(field, "message/global", "message/rfc822");
        }
    }
    fields
}

/// A field of an attached message with addresses that are not ASCII. They become names of empty groups,
/// which can be read but not replied to (RFC 6857 §3.1.4).
fn shown_only(field: &RawField, valid: &RawField) -> RawField {
    let name = field.spelling();
    let value = field.readable();
    if is_address_field(&name)
        && let Ok(entries) = parse_list(&value)
    {
        let entries: Vec<ListEntry> = entries.into_iter().flat_map(in_ascii).collect();
        return RawField::made(&name, addresses(&name, &entries));
    }
    let plain = |&byte: &u8| if byte.is_ascii() { byte } else { b'?' };
    RawField {
        name: field.name.clone(),
        raw: valid.raw.iter().map(plain).collect(),
    }
}

fn in_ascii(entry: ListEntry) -> Vec<ListEntry> {
    let (hidden, shown): (Vec<Mailbox>, Vec<Mailbox>) = match &entry {
        ListEntry::Mailbox(mailbox) => vec![mailbox.clone()],
        ListEntry::Group { members, .. } => members.clone(),
    }
    .into_iter()
    .partition(|mailbox| mailbox.address.needs_utf8());
    let mut entries = match entry {
        ListEntry::Group { name, .. } => vec![ListEntry::Group {
            name,
            members: shown,
        }],
        ListEntry::Mailbox(_) => shown.into_iter().map(ListEntry::Mailbox).collect(),
    };
    entries.extend(hidden.into_iter().map(|mailbox| {
        ListEntry::Group {
            name: format!("{} {}", mailbox.name.unwrap_or_default(), mailbox.address)
                .trim()
                .to_owned(),
            members: Vec::new(),
        }
    }));
    entries
}
