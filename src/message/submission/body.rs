//! The body of a submission: sent as it is, where it can be; else quoted-printable, where that changes
//! nothing for the reader; else with its long lines broken.

use super::super::MessageError;
use super::super::encode::{Breaks, Encoding, Survey, survey};
use super::super::head::RawField;
use super::super::header::cut;
use super::super::source::{Source, SourceError};
use super::super::stream::{Form, Piece, Way, encoded_len};
use crate::blocks::Transport;
use std::sync::Arc;

/// The body, and what is known of it.
pub struct Body {
    source: Arc<Source>,
    offset: u64,
    survey: Survey,
    /// Whether it is a single part that is not encoded yet, so that we may.
    is_simple: bool,
}

impl Body {
    /// The body of a message with this header.
    pub fn open(
        source: Source,
        offset: u64,
        fields: &[RawField],
        warnings: &mut Vec<String>,
    ) -> Result<Self, MessageError> {
        let body = Self {
            survey: survey(&source, offset)?,
            source: Arc::new(source),
            offset,
            is_simple: is_single(fields) && is_unencoded(fields),
        };
        if body.is_simple || body.can_travel() {
            return Ok(body);
        }
        body.broken(warnings)
    }

    /// Whether every server that takes its octets takes it as it is.
    fn can_travel(&self) -> bool {
        self.survey.long_line.is_none() && !self.survey.has_nul
    }

    /// The same with lines that are short enough, and without NULs.
    fn broken(self, warnings: &mut Vec<String>) -> Result<Self, MessageError> {
        let mut breaks = Breaks::default();
        let source = self.source.rewritten(self.offset, &mut breaks)?;
        if breaks.broken > 0 {
            warnings.push(format!(
                "{}: lines over 998 octets were broken, {} times",
                source.name, breaks.broken
            ));
        }
        if breaks.dropped > 0 {
            warnings.push(format!(
                "{}: {} NULs were left out",
                source.name, breaks.dropped
            ));
        }
        Ok(Self {
            survey: survey(&source, 0)?,
            source: Arc::new(source),
            offset: 0,
            is_simple: false,
        })
    }

    /// How it travels, for those who ask.
    pub fn remark(&self) -> String {
        let name = &self.source.name;
        if self.is_simple && !self.can_travel() {
            return format!("{name}: quoted-printable, because of a NUL or a line over 998 octets");
        }
        match self.survey.eight_bit {
            0 => format!("{name}: sent as it is, 7bit"),
            _ if self.is_simple => format!(
                "{name}: sent as it is, 8bit; quoted-printable where the server does not offer \
                 8BITMIME"
            ),
            _ => format!("{name}: sent as it is, 8bit"),
        }
    }

    /// The message in all the ways it can travel.
    pub fn forms(&self, fields: &[RawField]) -> Result<Vec<Form>, MessageError> {
        let mut forms = Vec::new();
        let is_ascii = self.survey.eight_bit == 0;
        if self.is_simple && !(is_ascii && self.can_travel()) {
            forms.push(self.quoted_printable(fields)?);
        }
        if self.can_travel() {
            let (transport, encoding) = if is_ascii {
                (Transport::SevenBit, Encoding::SevenBit)
            } else {
                (Transport::EightBit, Encoding::EightBit)
            };
            let way = Way {
                encoding,
                len: self.survey.wire_len,
            };
            forms.push(self.form(transport, fields, way));
        }
        Ok(forms)
    }

    fn quoted_printable(&self, fields: &[RawField]) -> Result<Form, MessageError> {
        let encoding = Encoding::QuotedPrintable;
        let len = encoded_len(&self.source, self.offset, encoding);
        let len = len.map_err(|error| SourceError::Read {
            name: self.source.name.clone(),
            error,
        })?;
        let fields = mime_fields(fields, &self.survey);
        Ok(self.form(Transport::SevenBit, &fields, Way { encoding, len }))
    }

    fn form(&self, transport: Transport, fields: &[RawField], way: Way) -> Form {
        let mut header: Vec<u8> = Vec::new();
        for field in fields {
            header.extend_from_slice(&field.raw);
        }
        header.extend_from_slice(b"\r\n");
        // A message ends with a line end (R9).
        let is_ended = self.survey.wire_len == 0 || self.survey.ends_with_line_end;
        let pieces = vec![
            Piece::Lines(header),
            Piece::Part {
                source: Arc::clone(&self.source),
                offset: self.offset,
                way,
            },
            Piece::lines(if is_ended { "" } else { "\r\n" }),
        ];
        Form::new(transport, pieces)
    }
}

/// The essence of a Content-Type, `type/subtype` in lower case; `None` where it is none, which is
/// plain text then (RFC 2045 §5.2).
fn essence(field: &RawField) -> Option<String> {
    let value = field.readable().to_ascii_lowercase();
    let essence = value.split([';', '(']).next().unwrap_or_default().trim();
    let (kind, subtype) = essence.split_once('/')?;
    let is_token = |part: &str| !part.is_empty() && part.bytes().all(|b| b.is_ascii_graphic());
    (is_token(kind) && is_token(subtype)).then(|| essence.to_owned())
}

fn find<'f>(fields: &'f [RawField], name: &str) -> Option<&'f RawField> {
    fields.iter().find(|field| field.name == name)
}

/// Whether there are no parts in it whose borders must stay.
fn is_single(fields: &[RawField]) -> bool {
    let types = fields.iter().filter(|field| field.name == "content-type");
    types
        .filter_map(essence)
        .all(|essence| !essence.starts_with("multipart/") && !essence.starts_with("message/"))
}

/// Whether nothing says that it is encoded.
fn is_unencoded(fields: &[RawField]) -> bool {
    let encodings = fields
        .iter()
        .filter(|field| field.name == "content-transfer-encoding");
    encodings.map(RawField::readable).all(|encoding| {
        let encoding = encoding.split('(').next().unwrap_or_default().trim();
        ["", "7bit", "8bit", "binary"]
            .iter()
            .any(|plain| encoding.eq_ignore_ascii_case(plain))
    })
}

/// The header for a body that becomes quoted-printable.
fn mime_fields(given: &[RawField], survey: &Survey) -> Vec<RawField> {
    let mut fields = given.to_vec();
    fields.retain(|field| field.name != "content-transfer-encoding");
    let is_odd = |field: &RawField| field.name == "content-type" && essence(field).is_none();
    fields.retain(|field| !is_odd(field));
    if find(&fields, "mime-version").is_none() {
        let version = "MIME-Version: 1.0\r\n".to_owned();
        fields.push(RawField::made("MIME-Version", version));
    }
    let charset = match survey.not_utf8_at {
        None => "utf-8",
        // RFC 1428 §2: nobody knows it.
        Some(_) => "unknown-8bit",
    };
    let named = fields.iter_mut().find(|field| field.name == "content-type");
    match named {
        None => {
            let text = format!("Content-Type: text/plain; charset={charset}\r\n");
            fields.push(RawField::made("Content-Type", text));
        }
        Some(field) if survey.eight_bit > 0 => name_charset(field, charset),
        Some(_) => {}
    }
    let encoding = "Content-Transfer-Encoding: quoted-printable\r\n".to_owned();
    fields.push(RawField::made("Content-Transfer-Encoding", encoding));
    fields
}

/// Adds the charset to a text that has none.
fn name_charset(field: &mut RawField, charset: &str) {
    let value = field.readable();
    let is_text = essence(field).is_some_and(|essence| essence.starts_with("text/"));
    if !is_text || value.to_ascii_lowercase().contains("charset") {
        return;
    }
    let value = value.trim_end_matches([';', ' ']);
    let name = field.spelling();
    let text = cut(&name, &format!("{value}; charset={charset}"));
    *field = RawField::made(&name, text);
}
