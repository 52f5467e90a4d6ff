//! Attachments: a file, what it is called and what it is.

use super::encode::{self, Encoding};
use super::header::with_parameters;
use super::source::Source;
use super::stream::Piece;
use super::{MessageError, SourceError};
use mime_guess::mime::{self, Mime};
use std::path::PathBuf;

/// An attachment as an option gives it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Attachment {
    /// The file.
    pub path: PathBuf,
    /// Its media type; `None` goes by the file's name.
    pub media_type: Option<String>,
    /// What the reader sees as its name; `None` is the file's own.
    pub name: Option<String>,
}

impl Attachment {
    /// The name without directories, which no sender has a business to choose (RFC 2183 §2.3).
    fn file_name(&self) -> String {
        let given = self.name.clone();
        let own = || {
            self.path
                .file_name()
                .map(|n| n.to_string_lossy().into_owned())
        };
        let name = given.or_else(own).unwrap_or_default();
        let name = name.rsplit('/').next().unwrap_or_default();
        if name.is_empty() { "attachment" } else { name }.to_owned()
    }

    /// The header of the part, and the part itself.
    pub fn pieces(&self, remarks: &mut Vec<String>) -> Result<[Piece; 2], MessageError> {
        let source = Source::file(&self.path)?;
        let name = self.file_name();
        let media_type = self.media_type(&source, &name)?;
        let (essence, parameters) = split(&media_type);
        let mut parameters: Vec<(&str, &str)> = parameters;
        parameters.push(("name", &name));
        let header = [
            with_parameters("Content-Type", essence, &parameters),
            with_parameters("Content-Disposition", "attachment", &[("filename", &name)]),
            "Content-Transfer-Encoding: base64\r\n\r\n".to_owned(),
        ]
        .concat();
        remarks.push(format!(
            "{}: {essence}, {} bytes, base64, as all attachments are",
            source.name, source.len
        ));
        let part = Piece::Part {
            offset: 0,
            encoding: Encoding::Base64,
            len: encode::base64::encoded_len(source.len),
            source,
        };
        Ok([Piece::Lines(header.into_bytes()), part])
    }

    /// The type that was given, or the one that the name suggests and the content bears out.
    fn media_type(&self, source: &Source, name: &str) -> Result<Mime, MessageError> {
        let Some(given) = &self.media_type else {
            let guess = mime_guess::from_path(name).first_or_octet_stream();
            return borne_out(guess, source);
        };
        let wrong = |why| MessageError::Type {
            name: source.name.clone(),
            given: crate::text::shown(given),
            why,
        };
        let parsed: Mime = given
            .parse()
            .map_err(|_| wrong("is not a media type like application/pdf"))?;
        let is_plain = |text: &str| text.bytes().all(|byte| matches!(byte, b' '..=b'~'));
        if !is_plain(given) {
            return Err(wrong("has characters that a header cannot hold"));
        }
        match parsed.type_() {
            // RFC 2046 §5: these must not be base64.
            mime::MULTIPART => Err(wrong("is a structure, not a file's type")),
            kind if kind == "message" => Err(wrong("cannot be attached as a file")),
            _ => Ok(parsed),
        }
    }
}

/// A guess as far as it can be trusted: text only when its charset is known, and no messages, which
/// must not travel in base64 (RFC 2046 §5.2.1).
fn borne_out(guess: Mime, source: &Source) -> Result<Mime, MessageError> {
    match guess.type_() {
        mime::TEXT => {
            let survey = encode::survey(source, 0).map_err(|error| SourceError::Read {
                name: source.name.clone(),
                error,
            })?;
            if survey.not_utf8_at.is_some() || survey.has_nul {
                return Ok(mime::APPLICATION_OCTET_STREAM);
            }
            let text = format!("{}; charset=utf-8", guess.essence_str());
            Ok(text.parse().unwrap_or(guess))
        }
        kind if kind == "message" || kind == mime::MULTIPART => Ok(mime::APPLICATION_OCTET_STREAM),
        _ => Ok(guess),
    }
}

/// `type/subtype` and the parameters.
fn split(media_type: &Mime) -> (&str, Vec<(&str, &str)>) {
    let parameters = media_type
        .params()
        .map(|(key, value)| (key.as_str(), value.as_str()));
    (media_type.essence_str(), parameters.collect())
}
