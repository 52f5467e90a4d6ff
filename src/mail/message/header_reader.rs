//! Reading the header of a message that was built elsewhere: its fields as written, and the start of its body.

use crate::mail::message::MessageError;
use crate::mail::message::source::Source;
use crate::system::text::{in_charset, without_controls};

/// Maximum size of a header in bytes. It is the only part that is held in memory.
pub const MAX_HEADER: usize = 8 * 1024 * 1024;

/// The longest field name in lenient mode. With a colon, it must fit into a line together with the longest
/// word that is not cut.
const MAX_NAME: usize = 900;

/// Strictness in reading a header.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum HeaderMode {
    /// A line that is not a header field, or cannot be sent unchanged, is an error.
    Strict,
    /// The first line that is not a header field begins the body, as for Postfix. Any content of a field is
    /// accepted.
    Lenient,
}

/// The header of a ready message.
pub struct MessageHeader {
    /// Its fields, in their order.
    pub fields: Vec<RawField>,
    /// Offset of the body in the source.
    pub body_at: u64,
    /// Lines before the body.
    pub lines: u64,
    /// Length of the line of an mbox before the first field, `From ` and what follows it; 0 without one.
    pub separator: u64,
}

/// A field as found in the message.
#[derive(Clone, Debug)]
pub struct RawField {
    pub name: String,
    /// The whole field with its name, its folding and its line ends, which are CRLF.
    pub raw: Vec<u8>,
}

impl RawField {
    /// A generated field, with its line ends.
    pub fn made(name: &str, text: String) -> Self {
        Self {
            name: name.to_ascii_lowercase(),
            raw: text.into_bytes(),
        }
    }

    /// The fields in a text with CRLF as line ends.
    pub fn split(text: &str) -> Vec<Self> {
        let mut fields: Vec<Self> = Vec::new();
        for line in text.split_inclusive("\r\n") {
            match fields.last_mut() {
                Some(field) if line.starts_with([' ', '\t']) => {
                    field.raw.extend_from_slice(line.as_bytes());
                }
                _ => {
                    let name = line.split(':').next().unwrap_or_default();
                    fields.push(Self::made(name, line.to_owned()));
                }
            }
        }
        fields
    }

    pub fn value(&self) -> Result<String, MessageError> {
        let text = std::str::from_utf8(&self.raw).map_err(|_| MessageError::Field {
            name: self.name.clone(),
            why: "is neither ASCII nor UTF-8",
        })?;
        let value = text.split_once(':').map_or("", |(_, value)| value);
        Ok(value.replace("\r\n", "").trim().to_owned())
    }

    /// The name as spelled in the message.
    pub fn spelling(&self) -> String {
        let end = memchr::memchr(b':', &self.raw).unwrap_or(self.raw.len());
        String::from_utf8_lossy(self.raw[..end].trim_ascii_end()).into_owned()
    }

    /// The value in one line: unfolded, decoded to UTF-8, without control characters.
    pub fn readable(&self) -> String {
        let start = memchr::memchr(b':', &self.raw).map_or(self.raw.len(), |colon| colon + 1);
        let text = in_charset(&self.raw[start..], None);
        let mut lines = text.split("\r\n");
        let mut line = lines.next().unwrap_or_default().to_owned();
        for continuation in lines.map(str::trim_ascii_start) {
            if !continuation.is_empty() && !line.ends_with(' ') {
                line.push(' ');
            }
            line.push_str(continuation);
        }
        without_controls(&line)
    }
}

/// Classification of a line.
enum HeaderLine {
    /// A field, or a continuation of one.
    Field,
    /// The line that separates messages in an mbox.
    Separator,
    /// The first line of the body.
    Text,
    /// The line that ends the header.
    Empty,
}

impl MessageHeader {
    /// Reads up to the empty line, or to the end.
    pub fn read(source: &Source, mode: HeaderMode) -> Result<Self, MessageError> {
        let mut raw = Vec::new();
        let mut size = 64 * 1024;
        loop {
            let start = raw.len();
            let left = usize::try_from(source.len).unwrap_or(size);
            raw.resize(size.min(left.max(1)), 0);
            let count = source.read(&mut raw[start..], start as u64)?;
            raw.truncate(start + count);
            let is_whole = raw.len() as u64 == source.len;
            if let Some(header) = Self::parse(&raw, is_whole, mode, &source.name)? {
                return Ok(header);
            }
            if size >= MAX_HEADER {
                return Err(MessageError::Text {
                    name: source.name.clone(),
                    what: format!("the header has more than {MAX_HEADER} bytes"),
                });
            }
            size *= 2;
        }
    }

    /// The header, if these bytes hold all of it.
    fn parse(
        raw: &[u8],
        is_whole: bool,
        mode: HeaderMode,
        name: &str,
    ) -> Result<Option<Self>, MessageError> {
        let mut header = Self {
            fields: Vec::new(),
            body_at: 0,
            lines: 0,
            separator: 0,
        };
        let split_line = mode.line_splitter(raw);
        let mut has_separator = false;
        let mut at = 0;
        while at < raw.len() {
            let (line, length) = split_line(&raw[at..]);
            let is_partial = at + length == raw.len() && !is_whole;
            if is_partial && !(mode == HeaderMode::Lenient && is_text(line)) {
                return Ok(None);
            }
            header.lines += 1;
            let kind = match mode {
                _ if line.is_empty() => HeaderLine::Empty,
                HeaderMode::Strict => header.add_strict(line, name)?,
                HeaderMode::Lenient => header.add_lenient(line),
            };
            match kind {
                HeaderLine::Field => {}
                HeaderLine::Separator => {
                    has_separator = mode == HeaderMode::Lenient;
                    header.separator = (at + length) as u64;
                }
                HeaderLine::Empty => {
                    return Ok(Some(header.with_body_at(at + length, has_separator)));
                }
                HeaderLine::Text => return Ok(Some(header.with_body_at(at, has_separator))),
            }
            at += length;
        }
        Ok(is_whole.then(|| header.with_body_at(at, has_separator)))
    }

    /// The header, with its body from this offset on.
    fn with_body_at(mut self, at: usize, has_separator: bool) -> Self {
        // `From here on, all is well` is not a separator unless a header follows.
        let is_all_text = has_separator && self.fields.is_empty();
        self.body_at = if is_all_text { 0 } else { at as u64 };
        self
    }

    /// Adds a line of a header that is to be sent unchanged.
    fn add_strict(&mut self, line: &[u8], name: &str) -> Result<HeaderLine, MessageError> {
        if self.fields.is_empty() && line.starts_with(b"From ") {
            return Ok(HeaderLine::Separator);
        }
        let at = self.lines;
        let wrong = |what: &str| MessageError::Text {
            name: name.to_owned(),
            what: format!("line {at} {what}"),
        };
        if line.ends_with(b"\r") {
            return Err(wrong(
                "of the header ends in CR CR LF; fix the line endings first",
            ));
        }
        if std::str::from_utf8(line).is_err() {
            return Err(wrong(
                "of the header is neither ASCII nor UTF-8; encode it (RFC 2047)",
            ));
        }
        if line.contains(&0) {
            return Err(wrong("of the header contains a NUL"));
        }
        if is_continuation(line) && self.fields.is_empty() {
            return Err(wrong(
                "continues a header field, but there is none before it",
            ));
        }
        let no_field =
            "is not a header field (NAME: VALUE); an empty line must separate header and body";
        let is_field = self.push(line);
        is_field
            .then_some(HeaderLine::Field)
            .ok_or_else(|| wrong(no_field))
    }

    /// Adds a line of a header without restrictions on its content.
    fn add_lenient(&mut self, line: &[u8]) -> HeaderLine {
        if self.push(line) {
            return HeaderLine::Field;
        }
        let quotes = line.iter().take_while(|&&byte| byte == b'>').count();
        if self.fields.is_empty() && line[quotes..].starts_with(b"From ") {
            return HeaderLine::Separator;
        }
        HeaderLine::Text
    }

    /// Adds a field, or a continuation of the last one. Returns false if the line is neither.
    fn push(&mut self, line: &[u8]) -> bool {
        let raw = [line, b"\r\n"].concat();
        if is_continuation(line) {
            let Some(field) = self.fields.last_mut() else {
                return false;
            };
            field.raw.extend_from_slice(&raw);
            return true;
        }
        let Some(name) = field_name(line) else {
            return false;
        };
        self.fields.push(RawField {
            name: String::from_utf8_lossy(name).to_ascii_lowercase(),
            raw,
        });
        true
    }

    /// The first field of this name, which is in lower case.
    pub fn find(&self, name: &str) -> Option<&RawField> {
        self.fields.iter().find(|field| field.name == name)
    }
}

impl HeaderMode {
    /// The function that splits off the first line, and returns its length with its line end.
    fn line_splitter(self, raw: &[u8]) -> fn(&[u8]) -> (&[u8], usize) {
        match self {
            // A CR within a line does not start a new field: the line was written as one.
            Self::Lenient if raw.contains(&b'\n') => line_to_lf,
            _ => first_line,
        }
    }
}

fn is_continuation(line: &[u8]) -> bool {
    matches!(line.first(), Some(b' ' | b'\t'))
}

/// The name of the field that this line begins.
pub fn field_name(line: &[u8]) -> Option<&[u8]> {
    let start = &line[..line.len().min(MAX_NAME)];
    let colon = memchr::memchr(b':', start)?;
    let name = line[..colon].trim_ascii_end();
    let is_name = !name.is_empty() && name.iter().all(u8::is_ascii_graphic);
    is_name.then_some(name)
}

/// True if a line is text, regardless of its continuation.
fn is_text(start: &[u8]) -> bool {
    start.len() > MAX_NAME && !is_continuation(start) && field_name(start).is_none()
}

/// The first line without its line end, and its length with it.
fn first_line(bytes: &[u8]) -> (&[u8], usize) {
    match memchr::memchr2(b'\r', b'\n', bytes) {
        None => (bytes, bytes.len()),
        Some(at) => {
            // CR CR LF is kept for the error about it.
            let at = if bytes[at..].starts_with(b"\r\r\n") {
                at + 1
            } else {
                at
            };
            let is_crlf = bytes[at..].starts_with(b"\r\n");
            (&bytes[..at], at + 1 + usize::from(is_crlf))
        }
    }
}

/// The first line up to its LF, without the CRs before that, and its length with all of them.
fn line_to_lf(bytes: &[u8]) -> (&[u8], usize) {
    let end = memchr::memchr(b'\n', bytes);
    let mut line = &bytes[..end.unwrap_or(bytes.len())];
    while let Some(shorter) = line.strip_suffix(b"\r") {
        line = shorter;
    }
    (line, end.map_or(bytes.len(), |at| at + 1))
}

/// The fields of the last resending. They precede those of earlier ones, which begin at a repeated field or
/// after the trace of a server (RFC 5322 §3.6.6). A Bcc field cannot be from an earlier one.
pub fn last_resent(fields: &[RawField]) -> Vec<&RawField> {
    let mut block: Vec<&RawField> = Vec::new();
    let mut is_over = false;
    for field in fields {
        let is_bcc = field.name == "resent-bcc";
        let is_resent = field.name.starts_with("resent-");
        let is_next = match field.name.as_str() {
            "received" => !block.is_empty(),
            name if is_resent && !is_bcc => block.iter().any(|earlier| earlier.name == name),
            _ => false,
        };
        is_over |= is_next;
        if is_bcc || is_resent && !is_over {
            block.push(field);
        }
    }
    block
}
