//! Attachments: content, name and type of a file; parts that the HTML refers to by `cid:` (RFC 2392).

use crate::mail::message::MessageError;
use crate::mail::message::convert::{Signed, made_valid};
use crate::mail::message::encode;
use crate::mail::message::encode::{ContentScan, Encoding};
use crate::mail::message::entity::Part;
use crate::mail::message::header_reader::{HeaderMode, MessageHeader};
use crate::mail::message::header_writer::{unstructured, with_parameters};
use crate::mail::message::source::{Input, Source, SourceError};
use crate::mail::message::stream::PartEncoding;
use crate::smtp::blocks::BodyType;
use crate::system::text::{in_charset, percent_decoded};
use memchr::memmem;
use mime_guess::mime::{self, Mime};
use std::collections::BTreeSet;
use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt as _;
use std::path::Path;
use std::sync::Arc;

/// An attachment as an option gives it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Attachment {
    /// Source of the content.
    pub input: Input,
    /// Media type. `None`: derived from the file's name.
    pub media_type: Option<String>,
    /// Name shown to the recipient. `None`: the file's own.
    pub name: Option<String>,
    /// Shown inline, or offered as a file.
    pub disposition: Disposition,
    /// Content-Description.
    pub description: Option<String>,
}

/// RFC 2183 §2.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Disposition {
    #[default]
    Attachment,
    Inline,
}

/// A part that the HTML refers to by `cid:`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Inline {
    pub file: Attachment,
    /// The name after `cid:`. `None`: the file's.
    pub id: Option<String>,
}

impl Attachment {
    /// A file with default settings.
    pub fn new(input: Input) -> Self {
        Self {
            input,
            media_type: None,
            name: None,
            disposition: Disposition::default(),
            description: None,
        }
    }

    /// Reads input that can be read only once. Its name is kept.
    pub fn hold(&mut self) -> Result<(), SourceError> {
        if self.input.is_read_once() {
            self.name = Some(self.file_name());
            self.input.hold()?;
        }
        Ok(())
    }

    /// The name without directories, which a sender must not choose (RFC 2183 §2.3).
    fn file_name(&self) -> String {
        let given = self.name.clone();
        let own = || match &self.input {
            Input::File(path) => path.file_name().map(readable),
            Input::Text(_) | Input::Stdin | Input::Waiting | Input::Held(_) => None,
        };
        let name = given.or_else(own).unwrap_or_default();
        let name = name.rsplit('/').next().unwrap_or_default();
        if name.is_empty() { "attachment" } else { name }.to_owned()
    }

    pub fn part(&self, remarks: &mut Vec<String>) -> Result<Part, MessageError> {
        let source = Source::open(self.input.clone())?;
        let name = self.file_name();
        let media_type = self.media_type(&source, &name)?;
        let (essence, mut parameters) = split(&media_type);
        parameters.push(("name", &name));
        let disposition = match self.disposition {
            Disposition::Attachment => "attachment",
            Disposition::Inline => "inline",
        };
        let mut header = with_parameters("Content-Type", essence, &parameters);
        header.push_str(&with_parameters(
            "Content-Disposition",
            disposition,
            &[("filename", &name)],
        ));
        if let Some(description) = &self.description {
            header.push_str(&unstructured("Content-Description", description));
        }
        remarks.push(format!(
            "{}: {essence}, {} bytes, base64; binary if the server offers BINARYMIME",
            source.name, source.len
        ));
        let base64 = PartEncoding {
            body_type: BodyType::SevenBit,
            encoding: Encoding::Base64,
            len: encode::base64_len(source.len),
        };
        let binary = PartEncoding {
            body_type: BodyType::Binary,
            encoding: Encoding::Binary,
            len: source.len,
        };
        Ok(Part {
            media_type: essence.to_owned(),
            header,
            source: Arc::new(source),
            encodings: vec![base64, binary],
        })
    }

    /// The type that was given, or the one that the name suggests and the content confirms.
    fn media_type(&self, source: &Source, name: &str) -> Result<Mime, MessageError> {
        let Some(given) = &self.media_type else {
            let guess = mime_guess::from_path(name).first_or_octet_stream();
            return confirmed(guess, source);
        };
        let wrong = |why| MessageError::Type {
            name: source.name.clone(),
            given: crate::system::text::shown(given),
            why,
        };
        let parsed: Mime = given
            .parse()
            .map_err(|_| wrong("is not a media type like application/pdf"))?;
        let is_plain = |text: &str| text.bytes().all(|byte| matches!(byte, b' '..=b'~'));
        if !is_plain(given) {
            return Err(wrong(
                "contains characters that are not allowed in a header",
            ));
        }
        match parsed.type_() {
            // RFC 2046 §5: these must not be base64.
            mime::MULTIPART => Err(wrong("is a multipart type, which a file cannot have")),
            kind if kind == "message" => Err(wrong("is attached with --attach-message")),
            mime::TEXT if parsed.get_param(mime::CHARSET).is_none() => {
                let scan = source.scan(0)?;
                let is_needed = scan.eight_bit > 0 && is_utf8_text(&scan);
                Ok(if is_needed { in_utf8(parsed) } else { parsed })
            }
            _ => Ok(parsed),
        }
    }
}

impl Inline {
    /// The name after `cid:`.
    pub fn content_id(&self) -> String {
        self.id.clone().unwrap_or_else(|| self.file.file_name())
    }

    pub fn part(&self, remarks: &mut Vec<String>) -> Result<Part, MessageError> {
        let id = self.content_id();
        let mut part = self.file.part(remarks)?;
        if !is_content_id(&id) {
            return Err(MessageError::Field {
                name: "Content-ID".to_owned(),
                why: "cannot contain this file name; set another ID: --inline 'FILE;cid=ID'",
            });
        }
        part.header.push_str(&format!("Content-ID: <{id}>\r\n"));
        Ok(part)
    }
}

/// The name of a file as text.
fn readable(name: &OsStr) -> String {
    in_charset(name.as_bytes(), None).into_owned()
}

/// A message that is attached unchanged, because it must not be encoded (RFC 2046 §5.2.1). The `From ` line
/// that begins it in an mbox is not a part of it.
pub fn attached_message(path: &Path, remarks: &mut Vec<String>) -> Result<Part, MessageError> {
    let source = Source::file(path)?.without_byte_order_mark()?;
    let header = MessageHeader::read(&source, HeaderMode::Strict)?;
    let mut source = source.skipping(header.separator);
    let mut scan = source.scan(0)?;
    if !scan.is_valid() {
        source = made_valid(b"", &source, 0, Signed::Kept)?;
        scan = source.scan(0)?;
    }
    let encoding = PartEncoding::unencoded(&scan);
    let name = path.file_name().map(readable);
    let name = name.unwrap_or_else(|| "message.eml".to_owned());
    remarks.push(format!(
        "{}: message/rfc822, {}, unchanged",
        source.name,
        encoding.encoding.name()
    ));
    Ok(Part {
        media_type: "message/rfc822".to_owned(),
        header: [
            with_parameters("Content-Type", "message/rfc822", &[("name", &name)]),
            with_parameters("Content-Disposition", "attachment", &[("filename", &name)]),
        ]
        .concat(),
        source: Arc::new(source),
        encodings: vec![encoding],
    })
}

/// The guess, if it is reliable: text only if its charset is known, and no messages, which must not be
/// encoded as base64 (RFC 2046 §5.2.1).
fn confirmed(guess: Mime, source: &Source) -> Result<Mime, MessageError> {
    match guess.type_() {
        mime::TEXT => {
            if is_utf8_text(&source.scan(0)?) {
                return Ok(in_utf8(guess));
            }
            Ok(mime::APPLICATION_OCTET_STREAM)
        }
        kind if kind == "message" || kind == mime::MULTIPART => Ok(mime::APPLICATION_OCTET_STREAM),
        _ => Ok(guess),
    }
}

fn is_utf8_text(scan: &ContentScan) -> bool {
    scan.not_utf8_at.is_none() && !scan.has_nul
}

/// The type with its charset, without which text is US-ASCII (RFC 2046 §4.1.2).
fn in_utf8(kind: Mime) -> Mime {
    let text = format!("{kind}; charset=utf-8");
    text.parse().unwrap_or(kind)
}

/// `type/subtype` and the parameters.
fn split(media_type: &Mime) -> (&str, Vec<(&str, &str)>) {
    let parameters = media_type
        .params()
        .map(|(key, value)| (key.as_str(), value.as_str()));
    (media_type.essence_str(), parameters.collect())
}

/// The longest name after `cid:` that is recognized.
const MAX_CONTENT_ID: usize = 512;

/// The names after `cid:` in an HTML text, with percent-encoding decoded.
pub fn content_ids(html: &Source) -> Result<BTreeSet<String>, SourceError> {
    let mut names = BTreeSet::new();
    let mut text: Vec<u8> = Vec::new();
    let mut block = html.block(64 * 1024);
    let mut at = 0;
    loop {
        let count = html.read(&mut block, at)?;
        at += count as u64;
        text.extend_from_slice(&block[..count]);
        let is_end = count == 0;
        let done = find_names(&text, is_end, &mut names);
        text.drain(..done);
        if is_end {
            return Ok(names);
        }
    }
}

/// Finds names in a piece of text. Returns the length that need not be searched again.
fn find_names(text: &[u8], is_end: bool, names: &mut BTreeSet<String>) -> usize {
    let lower = text.to_ascii_lowercase();
    for start in memmem::find_iter(&lower, b"cid:") {
        // At a position where no URL can begin, it is only text: "placid:", "call cid:1234".
        let begins = start > 0 && b"\"'(=".contains(&text[start - 1]);
        let rest = &text[start + 4..];
        let end = rest
            .iter()
            .position(|byte| b"\"'<>() \t\r\n&;,".contains(byte));
        match end {
            None if !is_end && rest.len() < MAX_CONTENT_ID => return start.saturating_sub(1),
            _ if !begins => {}
            end => {
                let name = &rest[..end.unwrap_or(rest.len())];
                if !name.is_empty() {
                    names.insert(percent_decoded(name));
                }
            }
        }
    }
    text.len().saturating_sub(if is_end { 0 } else { 5 })
}

/// True if a name can be a Content-ID: printable ASCII without the characters that would end it.
fn is_content_id(name: &str) -> bool {
    !name.is_empty()
        && name.len() <= 200
        && name
            .bytes()
            .all(|byte| byte.is_ascii_graphic() && !b"<>()\"\\,;:[]".contains(&byte))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn in_html(html: &str) -> Vec<String> {
        let source = Source::memory("html".to_owned(), html.as_bytes().to_vec());
        content_ids(&source).unwrap().into_iter().collect()
    }

    #[test]
    fn names_are_found_in_attributes_and_styles() {
        let html = "<img src=\"cid:a.png\"><img src='CID:b%20c.png'><p style=\"x:url(cid:d@e)\">placid:f call cid:g";
        assert_eq!(in_html(html), ["a.png", "b c.png", "d@e"]);
        assert_eq!(in_html("<img src=cid:a.png"), ["a.png"]);
        assert!(in_html("no pictures, cid: nothing").is_empty());
    }

    #[test]
    fn names_are_found_across_the_borders_of_blocks() {
        for shift in 0..20 {
            let padding = " ".repeat(64 * 1024 - 10 + shift);
            assert_eq!(
                in_html(&format!("{padding}<img src=\"cid:logo.png\">")),
                ["logo.png"],
                "{shift}"
            );
        }
    }
}
