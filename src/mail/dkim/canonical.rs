//! The canonical forms (RFC 6376 §3.4). Signatures are made with the relaxed ones.

use crate::mail::dkim::signature::Form;
use memchr::memmem;
use ring::digest::{Context, SHA256};

/// Octets that are collected before they are hashed.
const BUFFER: usize = 64 * 1024;

/// Runs of text of this length are hashed without being copied.
const UNCOPIED: usize = 4096;

/// The hash of a body in a canonical form. It is fed in blocks of any size.
pub struct BodyHash {
    form: Form,
    context: Context,
    /// Number of canonical octets so far.
    total: u64,
    /// Number of octets that are hashed (`l=`). `None`: all.
    limit: Option<u64>,
    /// Canonical octets that are not hashed yet.
    buffer: Vec<u8>,
    /// Line ends that are hashed if text follows: those at the end of the body are ignored.
    line_ends: u64,
    /// True after white space that is hashed as one space if text follows in its line.
    is_blank: bool,
    /// True if the last block ended in CR.
    after_cr: bool,
    has_text: bool,
}

impl Default for BodyHash {
    fn default() -> Self {
        Self::new(Form::Relaxed, None)
    }
}

impl BodyHash {
    /// A hash of the first octets. `None` for `limit`: of all.
    pub fn new(form: Form, limit: Option<u64>) -> Self {
        Self {
            form,
            context: Context::new(&SHA256),
            total: 0,
            limit,
            buffer: Vec::new(),
            line_ends: 0,
            is_blank: false,
            after_cr: false,
            has_text: false,
        }
    }

    /// Adds the next octets of the body.
    pub fn push(&mut self, block: &[u8]) {
        let mut rest = block;
        if self.after_cr && !rest.is_empty() {
            self.after_cr = false;
            match rest.strip_prefix(b"\n") {
                Some(after) => {
                    self.end_line();
                    rest = after;
                }
                None => self.text(b"\r"),
            }
        }
        if !self.is_blank && is_canonical(rest) {
            self.lines(rest);
        } else {
            self.general(rest);
        }
        self.hash_buffer();
    }

    /// The hash, after the last block.
    pub fn finish(mut self) -> [u8; 32] {
        self.end()
    }

    /// The same; `None`: the body is shorter than the limit.
    pub fn finish_limited(mut self) -> Option<[u8; 32]> {
        let hash = self.end();
        self.limit
            .is_none_or(|limit| limit <= self.total)
            .then_some(hash)
    }

    fn end(&mut self) -> [u8; 32] {
        if self.after_cr {
            self.text(b"\r");
        }
        self.hash_buffer();
        // Without text, the canonical body is empty, or one line end in the simple form.
        if self.has_text || self.form == Form::Simple {
            self.update(b"\r\n");
        }
        let mut hash = [0; 32];
        hash.copy_from_slice(self.context.clone().finish().as_ref());
        hash
    }

    /// Adds lines that are canonical.
    fn lines(&mut self, lines: &[u8]) {
        self.begin_text();
        self.hash_buffer();
        self.update(&lines[..lines.len() - 2]);
        self.line_ends = 1;
    }

    fn general(&mut self, mut rest: &[u8]) {
        while !rest.is_empty() {
            let end = match self.form {
                Form::Simple => memchr::memchr(b'\r', rest),
                Form::Relaxed => memchr::memchr3(b' ', b'\t', b'\r', rest),
            };
            let end = end.unwrap_or(rest.len());
            let (text, from) = rest.split_at(end);
            if !text.is_empty() {
                self.text(text);
            }
            rest = match from {
                [] => return,
                [b'\r', b'\n', after @ ..] => {
                    self.end_line();
                    after
                }
                [b'\r'] => {
                    self.after_cr = true;
                    return;
                }
                [b'\r', after @ ..] => {
                    self.text(b"\r");
                    after
                }
                [_, after @ ..] => {
                    self.is_blank = true;
                    after
                }
            };
        }
    }

    fn end_line(&mut self) {
        self.is_blank = false;
        self.line_ends += 1;
    }

    fn text(&mut self, text: &[u8]) {
        self.begin_text();
        if text.len() >= UNCOPIED {
            self.hash_buffer();
            self.update(text);
            return;
        }
        self.buffer.extend_from_slice(text);
        if self.buffer.len() >= BUFFER {
            self.hash_buffer();
        }
    }

    /// Adds the line ends and the white space before a text.
    fn begin_text(&mut self) {
        self.has_text = true;
        while self.line_ends > 0 {
            self.buffer.extend_from_slice(b"\r\n");
            self.line_ends -= 1;
            if self.buffer.len() >= BUFFER {
                self.hash_buffer();
            }
        }
        if std::mem::take(&mut self.is_blank) {
            self.buffer.push(b' ');
        }
    }

    fn hash_buffer(&mut self) {
        let mut buffer = std::mem::take(&mut self.buffer);
        self.update(&buffer);
        buffer.clear();
        self.buffer = buffer;
    }

    fn update(&mut self, octets: &[u8]) {
        let left = self
            .limit
            .map_or(u64::MAX, |limit| limit.saturating_sub(self.total));
        let counted = usize::try_from(left).map_or(octets.len(), |left| left.min(octets.len()));
        self.context.update(&octets[..counted]);
        self.total += octets.len() as u64;
    }
}

/// True for whole lines, none of which is empty or has white space, as those of base64.
fn is_canonical(lines: &[u8]) -> bool {
    lines.ends_with(b"\r\n")
        && !lines.starts_with(b"\r")
        && memchr::memchr2(b' ', b'\t', lines).is_none()
        && memmem::find(lines, b"\r\n\r\n").is_none()
}

/// A header field in its relaxed form, without its line end.
pub(super) fn relaxed(field: &[u8]) -> Vec<u8> {
    let colon = memchr::memchr(b':', field).unwrap_or(field.len());
    let mut out = field[..colon].trim_ascii_end().to_ascii_lowercase();
    out.push(b':');
    let start = out.len();
    let mut is_blank = false;
    for &octet in field.get(colon + 1..).unwrap_or_default() {
        match octet {
            b' ' | b'\t' => is_blank = true,
            b'\r' | b'\n' => {}
            _ => {
                if std::mem::take(&mut is_blank) && out.len() > start {
                    out.push(b' ');
                }
                out.push(octet);
            }
        }
    }
    out
}
