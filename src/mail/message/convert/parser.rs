//! Incremental parser for the structure of a message: headers, contents of parts, and delimiter lines.
//! Memory is bounded: one header, one line up to a limit, and the boundaries of the enclosing multiparts.

use crate::mail::message::convert::header::{BodyKind, EntityHeader, Position};
use crate::mail::message::header_reader::{MAX_HEADER, RawField, field_name};
use std::mem::take;

/// Maximum depth of nested multiparts. The content of a deeper one is treated as a fragment.
const MAX_DEPTH: usize = 100;

/// A line that is longer is not a boundary.
const MAX_DELIMITER: usize = 1024;

/// Receives the elements of a message.
pub trait EntityVisitor {
    /// The header of an entity is complete.
    fn header(&mut self, entity: &EntityHeader);
    /// More of the content of a part, or of an entity that must not change.
    fn content(&mut self, bytes: &[u8]);
    /// That content is complete.
    fn end_of_content(&mut self);
    /// Preamble or epilogue: text before the first part or after the last, which mail programs do not show.
    fn preamble(&mut self, bytes: &[u8]);
    /// A delimiter line (RFC 2046 §5.1.1), and true if a line end precedes it, which is a part of it.
    fn delimiter(&mut self, line: &[u8], has_line_end: bool);
    /// The header of an entity is larger than the limit.
    fn oversized_header(&mut self);
}

/// Parses a message for a visitor.
pub struct EntityParser<V> {
    pub visitor: V,
    may_change_signed: bool,
    open: Vec<OpenMultipart>,
    state: State,
    /// The beginning of a line that continues in the next block.
    line: Vec<u8>,
    /// True inside a line that was too long to keep.
    in_long_line: bool,
    /// A line end that belongs to the content unless a delimiter follows.
    line_end: Vec<u8>,
}

struct OpenMultipart {
    boundary: Vec<u8>,
    is_digest: bool,
}

enum State {
    Header { position: Position, raw: Vec<u8> },
    Content,
    Preamble,
}

impl<V: EntityVisitor> EntityParser<V> {
    /// Starts at the beginning of a message.
    pub fn new(visitor: V, may_change_signed: bool) -> Self {
        Self {
            visitor,
            may_change_signed,
            open: Vec::new(),
            state: State::Header {
                position: Position::Top,
                raw: Vec::new(),
            },
            line: Vec::new(),
            in_long_line: false,
            line_end: Vec::new(),
        }
    }

    /// Parses the next octets of the message.
    pub fn parse(&mut self, bytes: &[u8]) {
        let mut rest = bytes;
        while let Some(at) = memchr::memchr(b'\n', rest) {
            let (now, later) = rest.split_at(at + 1);
            if self.line.is_empty() {
                self.whole_line(now);
            } else {
                let mut line = take(&mut self.line);
                line.extend_from_slice(now);
                self.whole_line(&line);
            }
            rest = later;
        }
        self.line.extend_from_slice(rest);
        self.long_line();
    }

    /// The message has ended.
    pub fn end(&mut self) {
        let line = take(&mut self.line);
        if !line.is_empty() {
            self.whole_line(&line);
        }
        while let State::Header { .. } = self.state {
            self.end_of_header();
        }
        let line_end = take(&mut self.line_end);
        if let State::Preamble = self.state {
            self.visitor.preamble(&line_end);
        } else {
            self.visitor.content(&line_end);
            self.visitor.end_of_content();
        }
    }

    /// Passes on the beginning of a line that is too long to be a delimiter. One octet is held back,
    /// because a CR may belong to the line end.
    fn long_line(&mut self) {
        let is_header = matches!(self.state, State::Header { .. });
        let limit = if is_header { MAX_HEADER } else { MAX_DELIMITER };
        if self.line.len() <= limit {
            return;
        }
        if let State::Header { raw, .. } = &self.state {
            if is_of_header(&self.line, raw.is_empty()) {
                self.visitor.oversized_header();
                self.line.clear();
                return;
            }
            self.end_of_header();
            self.long_line();
            return;
        }
        self.in_long_line = true;
        let mut line = take(&mut self.line);
        let last = line.pop();
        self.pass(&line);
        self.line.extend(last);
    }

    /// A line with its end, or the rest of a long one.
    fn whole_line(&mut self, line: &[u8]) {
        let text = without_end(line);
        if !take(&mut self.in_long_line)
            && let Some((level, is_last)) = self.delimits(text)
        {
            self.delimiter(text, level, is_last);
            return;
        }
        let State::Header { raw, .. } = &mut self.state else {
            self.pass(text);
            self.line_end.extend_from_slice(&line[text.len()..]);
            return;
        };
        if text.is_empty() {
            raw.extend_from_slice(line);
            self.end_of_header();
        } else if is_of_header(text, raw.is_empty()) {
            raw.extend_from_slice(line);
            if raw.len() > MAX_HEADER {
                raw.clear();
                self.visitor.oversized_header();
            }
        } else {
            self.end_of_header();
            self.whole_line(line);
        }
    }

    /// Text of a body.
    fn pass(&mut self, text: &[u8]) {
        let line_end = take(&mut self.line_end);
        for bytes in [&line_end[..], text] {
            if let State::Preamble = self.state {
                self.visitor.preamble(bytes);
            } else {
                self.visitor.content(bytes);
            }
        }
    }

    /// The level of the boundary that this line contains, and true if it is the last delimiter.
    fn delimits(&self, text: &[u8]) -> Option<(usize, bool)> {
        let text = text.strip_prefix(b"--")?;
        self.open.iter().enumerate().rev().find_map(|(at, level)| {
            let rest = text.strip_prefix(level.boundary.as_slice())?;
            if rest.trim_ascii().is_empty() {
                return Some((at, false));
            }
            let rest = rest.strip_prefix(b"--")?;
            rest.trim_ascii().is_empty().then_some((at, true))
        })
    }

    fn delimiter(&mut self, text: &[u8], level: usize, is_last: bool) {
        while let State::Header { .. } = self.state {
            self.end_of_header();
        }
        if let State::Content = self.state {
            self.visitor.end_of_content();
        }
        let has_line_end = !take(&mut self.line_end).is_empty();
        self.visitor.delimiter(text, has_line_end);
        self.open.truncate(if is_last { level } else { level + 1 });
        self.state = if is_last {
            State::Preamble
        } else {
            State::Header {
                position: Position::Part,
                raw: Vec::new(),
            }
        };
    }

    fn end_of_header(&mut self) {
        let state = std::mem::replace(&mut self.state, State::Content);
        let State::Header { position, raw } = state else {
            return;
        };
        let fields = fields_of(&raw);
        let in_digest = position == Position::Part
            && self
                .open
                .last()
                .is_some_and(|multipart| multipart.is_digest);
        let mut kind = BodyKind::of(&fields, in_digest, self.may_change_signed);
        if matches!(kind, BodyKind::Multipart { .. }) && self.open.len() >= MAX_DEPTH {
            kind = BodyKind::Frozen;
        }
        let entity = EntityHeader {
            position,
            raw,
            fields,
            kind,
        };
        self.visitor.header(&entity);
        self.state = match entity.kind {
            BodyKind::Multipart {
                boundary,
                is_digest,
            } => {
                self.open.push(OpenMultipart {
                    boundary,
                    is_digest,
                });
                State::Preamble
            }
            BodyKind::Message => State::Header {
                position: Position::Enclosed,
                raw: Vec::new(),
            },
            BodyKind::Part(_) | BodyKind::Frozen => State::Content,
        };
    }
}

/// True for a line that begins a header field, or continues one.
fn is_of_header(text: &[u8], is_first: bool) -> bool {
    let is_continuation = matches!(text.first(), Some(b' ' | b'\t'));
    is_continuation && !is_first || !is_continuation && field_name(text).is_some()
}

fn fields_of(raw: &[u8]) -> Vec<RawField> {
    let mut fields: Vec<RawField> = Vec::new();
    for line in raw.split_inclusive(|&byte| byte == b'\n') {
        let text = without_end(line);
        let line = [text, b"\r\n"].concat();
        match (fields.last_mut(), field_name(text)) {
            (Some(field), _) if matches!(text.first(), Some(b' ' | b'\t')) => {
                field.raw.extend_from_slice(&line);
            }
            (_, Some(name)) => fields.push(RawField {
                name: String::from_utf8_lossy(name).to_ascii_lowercase(),
                raw: line,
            }),
            _ => {}
        }
    }
    fields
}

/// A line without its LF and the CRs before that.
fn without_end(line: &[u8]) -> &[u8] {
    let Some(mut text) = line.strip_suffix(b"\n") else {
        return line;
    };
    while let Some(shorter) = text.strip_suffix(b"\r") {
        text = shorter;
    }
    text
}
