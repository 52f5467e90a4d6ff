//! The structure of a MIME entity that is signed or encrypted.

use crate::mail::crypt::{CryptError, Method};
use crate::mail::layers::{Layer, LayerKind, unread};
use crate::mail::message::{HeaderMode, MessageError, MessageHeader, RawField, Source};
use crate::mail::view::{DecodedBlocks, TransferEncoding};
use mail_parser::{MessageParser, MimeHeaders as _};
use memchr::memmem;
use std::io::{self, Write as _};
use std::ops::Range;
use std::sync::Arc;
use tempfile::NamedTempFile;

const BLOCK: usize = 64 * 1024;

/// Maximum length of a boundary, in octets. RFC 2046 §5.1.1 allows 70.
const MAX_BOUNDARY: usize = 200;

/// Maximum size of a signature that is checked, in octets.
const MAX_SIGNATURE: u64 = 1024 * 1024;

/// The type of a structure of CMS (RFC 5652), in DER.
const SIGNED_DATA: &[u8] = b"\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x07\x02";
const ENVELOPED_DATA: &[u8] = b"\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x07\x03";
const AUTH_ENVELOPED_DATA: &[u8] = b"\x06\x0b\x2a\x86\x48\x86\xf7\x0d\x01\x09\x10\x01\x17";

/// A message, or the content of one of its layers.
pub struct Entity {
    pub source: Arc<Source>,
    pub fields: Vec<RawField>,
    /// Offset of the body.
    pub body_at: u64,
    /// Like `text/plain`, in lower case.
    kind: String,
    boundary: String,
    protocol: String,
    /// The parameter `hp` (RFC 9788): its header fields are those of the message.
    pub has_header: bool,
    encoding: TransferEncoding,
}

/// Layers that are known.
pub enum Structure {
    Plain,
    /// It claims to be signed or encrypted, and does not have the parts for it.
    Malformed(Layer),
    /// RFC 3156 §5.
    PgpSigned(SignedParts),
    /// RFC 3156 §4: the part that is encrypted.
    PgpEncrypted(Encoded),
    /// RFC 8551 §3.5.3.
    SmimeSigned(SignedParts),
    /// RFC 8551 §3.5.2: the content is in the structure.
    SmimeOpaque(Encoded),
    /// RFC 8551 §3.3, §3.4.
    SmimeEncrypted(Encoded),
}

/// The parts of multipart/signed.
pub struct SignedParts {
    /// The part that is signed, with its header.
    pub content: Arc<Source>,
    /// Decoded.
    pub signature: Vec<u8>,
}

impl SignedParts {
    /// The signature as a file, which the programs need.
    pub fn signature_file(&self) -> Result<NamedTempFile, CryptError> {
        let mut file = NamedTempFile::new().map_err(CryptError::Content)?;
        let written = file.write_all(&self.signature);
        written.map_err(CryptError::Content)?;
        Ok(file)
    }
}

/// A content in a transfer encoding.
pub struct Encoded {
    pub source: Arc<Source>,
    octets: Range<u64>,
    encoding: TransferEncoding,
}

impl Encoded {
    pub fn blocks(&self) -> DecodedBlocks<'_> {
        DecodedBlocks::new(&self.source, (self.octets.clone(), self.encoding))
    }

    /// All of it, if it is not longer than a signature.
    fn whole(&self) -> io::Result<Vec<u8>> {
        let mut all = Vec::new();
        if self.octets.end - self.octets.start <= MAX_SIGNATURE {
            let mut blocks = self.blocks();
            while blocks.append(&mut all)? {}
        }
        Ok(all)
    }

    /// Its first octets.
    fn beginning(&self) -> io::Result<Vec<u8>> {
        let end = self.octets.end.min(self.octets.start + 256);
        let start = Self {
            source: Arc::clone(&self.source),
            octets: self.octets.start..end,
            encoding: self.encoding,
        };
        start.whole()
    }
}

impl Entity {
    pub fn read(source: &Arc<Source>) -> Result<Self, MessageError> {
        let header = MessageHeader::read(source, HeaderMode::Lenient)?;
        let mut raw: Vec<u8> = Vec::new();
        for field in &header.fields {
            if field.name.starts_with("content-") {
                raw.extend_from_slice(&field.raw);
            }
        }
        raw.extend_from_slice(b"\r\n");
        let parsed = MessageParser::new().with_mime_headers().parse_headers(&raw);
        let kind = parsed.as_ref().and_then(|message| message.content_type());
        let named = |name: &str| {
            let value = kind.and_then(|kind| kind.attribute(name));
            value.unwrap_or_default().to_owned()
        };
        let encoding = parsed
            .as_ref()
            .and_then(|message| message.content_transfer_encoding());
        Ok(Self {
            source: Arc::clone(source),
            body_at: header.body_at,
            kind: kind.map_or_else(String::new, |kind| {
                let subtype = kind.subtype().unwrap_or_default();
                format!("{}/{subtype}", kind.ctype()).to_ascii_lowercase()
            }),
            boundary: named("boundary"),
            protocol: named("protocol").to_ascii_lowercase(),
            has_header: !named("hp").is_empty(),
            encoding: TransferEncoding::named(encoding.unwrap_or_default()),
            fields: header.fields,
        })
    }

    pub fn structure(&self) -> Result<Structure, MessageError> {
        let malformed =
            |standard, kind| move || Structure::Malformed(Layer::malformed(standard, kind));
        let unsigned = |standard| malformed(standard, LayerKind::Signature);
        Ok(match (self.kind.as_str(), self.protocol.as_str()) {
            ("multipart/signed", "application/pgp-signature") => self
                .signed_parts()?
                .map_or_else(unsigned(Method::Pgp), Structure::PgpSigned),
            (
                "multipart/signed",
                "application/pkcs7-signature" | "application/x-pkcs7-signature",
            ) => self
                .signed_parts()?
                .map_or_else(unsigned(Method::Smime), Structure::SmimeSigned),
            ("multipart/encrypted", "application/pgp-encrypted") => {
                self.second_part()?.map_or_else(
                    malformed(Method::Pgp, LayerKind::Encryption),
                    Structure::PgpEncrypted,
                )
            }
            ("application/pkcs7-mime" | "application/x-pkcs7-mime", _) => self.cms()?,
            _ => Structure::Plain,
        })
    }

    fn cms(&self) -> Result<Structure, MessageError> {
        let body = self.body();
        let beginning = body
            .beginning()
            .map_err(|error| unread(&self.source, error))?;
        let has = |object: &[u8]| memmem::find(&beginning, object).is_some_and(|at| at < 20);
        Ok(if has(SIGNED_DATA) {
            Structure::SmimeOpaque(body)
        } else if has(ENVELOPED_DATA) || has(AUTH_ENVELOPED_DATA) {
            Structure::SmimeEncrypted(body)
        } else {
            Structure::Plain
        })
    }

    fn body(&self) -> Encoded {
        Encoded {
            source: Arc::clone(&self.source),
            octets: self.body_at..self.source.len,
            encoding: self.encoding,
        }
    }

    fn signed_parts(&self) -> Result<Option<SignedParts>, MessageError> {
        let Some([content, signature]) = self.two_parts()? else {
            return Ok(None);
        };
        let signature = Self::read(&signature)?;
        let signature = signature.body().whole();
        Ok(Some(SignedParts {
            content,
            signature: signature.map_err(|error| unread(&self.source, error))?,
        }))
    }

    fn second_part(&self) -> Result<Option<Encoded>, MessageError> {
        let Some([_, part]) = self.two_parts()? else {
            return Ok(None);
        };
        Ok(Some(Self::read(&part)?.body()))
    }

    /// The parts of a multipart with two of them.
    fn two_parts(&self) -> Result<Option<[Arc<Source>; 2]>, MessageError> {
        Ok(<[Arc<Source>; 2]>::try_from(self.parts(3)?).ok())
    }

    /// The first parts of a multipart. Empty: it is none.
    pub fn parts(&self, most: usize) -> Result<Vec<Arc<Source>>, MessageError> {
        let is_usable = !self.boundary.is_empty() && self.boundary.len() <= MAX_BOUNDARY;
        if !is_usable || !self.kind.starts_with("multipart/") {
            return Ok(Vec::new());
        }
        let delimiters = self
            .delimiters(most + 1)
            .map_err(|error| unread(&self.source, error))?;
        let part = |octets: Range<u64>| {
            let octets = octets.start..octets.end.max(octets.start);
            Arc::new(Source::part(self.source.name.clone(), &self.source, octets))
        };
        let begins = delimiters.iter().filter(|delimiter| !delimiter.is_last);
        let ends = delimiters.iter().skip(1).map(|delimiter| delimiter.start);
        let ends = ends.chain([self.source.len]);
        let parts = begins.take(most).zip(ends);
        Ok(parts.map(|(begin, end)| part(begin.end..end)).collect())
    }

    /// The message in a message/rfc822 part.
    pub fn enclosed(&self) -> Option<Arc<Source>> {
        let is_message = matches!(self.kind.as_str(), "message/rfc822" | "message/global");
        let is_plain = matches!(self.encoding, TransferEncoding::None);
        (is_message && is_plain).then(|| {
            let octets = self.body_at..self.source.len;
            Arc::new(Source::part(self.source.name.clone(), &self.source, octets))
        })
    }

    /// True if its parts are messages (RFC 2046 §5.1.5).
    pub fn is_digest(&self) -> bool {
        self.kind == "multipart/digest"
    }

    /// A part of a digest.
    pub fn be_message_by_default(&mut self) {
        if self.kind.is_empty() {
            "message/rfc822".clone_into(&mut self.kind);
        }
    }

    /// The first delimiters of a multipart.
    fn delimiters(&self, most: usize) -> io::Result<Vec<Delimiter>> {
        let needle = format!("\n--{}", self.boundary).into_bytes();
        let finder = memmem::Finder::new(&needle);
        let mut found = Vec::new();
        let mut block = vec![0; BLOCK];
        // The line before the body ends with LF.
        let mut at = self.body_at.saturating_sub(1);
        while at < self.source.len {
            let count = self.source.read_at(&mut block, at)?;
            let is_last = at + count as u64 >= self.source.len;
            for hit in finder.find_iter(&block[..count]) {
                let line = at + hit as u64;
                if let Some(delimiter) = self.delimiter(line, needle.len())? {
                    let ends = delimiter.is_last;
                    found.push(delimiter);
                    if ends || found.len() == most {
                        return Ok(found);
                    }
                }
            }
            if is_last {
                break;
            }
            at += (count - (needle.len() - 1)) as u64;
        }
        Ok(found)
    }

    /// The delimiter whose line end before it is at this offset, unless it is the beginning of a longer line.
    fn delimiter(&self, line: u64, length: usize) -> io::Result<Option<Delimiter>> {
        let mut rest = [0; 128];
        let after = line + length as u64;
        let count = self.source.read_at(&mut rest, after)?;
        let rest = &rest[..count];
        let is_last = rest.starts_with(b"--");
        let skipped = if is_last { 2 } else { 0 };
        let line_end = memchr::memchr(b'\n', rest);
        let blank = &rest[skipped..line_end.unwrap_or(rest.len()).max(skipped)];
        let is_line = line_end.is_some() || after + count as u64 == self.source.len;
        if !is_line || !blank.iter().all(u8::is_ascii_whitespace) {
            return Ok(None);
        }
        let mut before = [0];
        let has_cr =
            line > 0 && self.source.read_at(&mut before, line - 1)? == 1 && before == *b"\r";
        Ok(Some(Delimiter {
            start: line - u64::from(has_cr),
            end: after + line_end.map_or(count, |end| end + 1) as u64,
            is_last,
        }))
    }
}

/// A delimiter of a multipart.
struct Delimiter {
    /// Offset of the line end before it, which belongs to it.
    start: u64,
    /// Offset of the next line.
    end: u64,
    is_last: bool,
}
