//! Makes one header field valid for transmission if it is not. Its meaning is kept as far as possible.

use crate::mail::address::{decoded, parse_list};
use crate::mail::message::fields::{is_address_field, is_structured_field};
use crate::mail::message::head::{MAX_LINE, RawField};
use crate::mail::message::header::{addresses, cut, folded, unstructured, with_encoded_parameters};
use crate::system::text::{forbidden, shown};

pub struct Fitter {
    /// True if raw UTF-8 is kept.
    utf8: bool,
    pub remarks: Vec<String>,
    pub warnings: Vec<String>,
}

impl Fitter {
    /// For a header with or without raw UTF-8.
    pub fn new(utf8: bool) -> Self {
        Self {
            utf8,
            remarks: Vec::new(),
            warnings: Vec::new(),
        }
    }

    /// Formats the field for sending. It is kept byte for byte if possible.
    pub fn fit(&mut self, field: &RawField) -> RawField {
        if self.is_fit(&field.raw) {
            return field.clone();
        }
        let name = field.spelling();
        let text = self.written(&name, &field.readable());
        self.remarks.push(format!(
            "{}: written anew, to be fit to be sent",
            shown(&name)
        ));
        RawField::made(&name, text)
    }

    fn is_fit(&self, raw: &[u8]) -> bool {
        let mut lines = raw.split(|&byte| byte == b'\n');
        let fits = lines.all(|line| line.len() <= MAX_LINE + 1);
        let odd = |&byte: &u8| byte.is_ascii_control() && !matches!(byte, b'\t' | b'\r' | b'\n');
        let has_bare_cr = || {
            let returns = memchr::memchr_iter(b'\r', raw);
            returns.count() > memchr::memchr_iter(b'\n', raw).count()
        };
        fits && !raw.iter().any(odd) && !has_bare_cr() && (raw.is_ascii() || self.is_utf8(raw))
    }

    /// True if non-ASCII octets can be kept: valid UTF-8, and nothing that some program treats as a line
    /// end.
    fn is_utf8(&self, raw: &[u8]) -> bool {
        let text = std::str::from_utf8(raw).unwrap_or("\0");
        let is_line_end = |c: char| matches!(c, '\r' | '\n');
        self.utf8
            && text
                .split(is_line_end)
                .all(|line| forbidden(line).is_none())
    }

    fn written(&mut self, name: &str, value: &str) -> String {
        let is_plain = self.utf8 || value.is_ascii();
        if is_plain && let Some(text) = folded(name, value) {
            return text;
        }
        if is_address_field(name)
            && let Ok(entries) = parse_list(value)
            && !entries.is_empty()
        {
            return addresses(name, &entries);
        }
        if !is_structured_field(name) {
            return unstructured(name, &decoded(value));
        }
        if is_plain {
            return cut(name, value);
        }
        if has_parameters(name) {
            let text = with_encoded_parameters(name, value);
            if text.is_ascii() {
                return text;
            }
        }
        self.warnings.push(format!(
            "{}: what is not ASCII cannot be sent in this field and became ?",
            shown(name)
        ));
        let plain = |c: char| if c.is_ascii() { c } else { '?' };
        cut(name, &value.chars().map(plain).collect::<String>())
    }
}

/// MIME fields with parameters, which have an encoding of their own (RFC 2231).
fn has_parameters(name: &str) -> bool {
    ["Content-Type", "Content-Disposition"]
        .iter()
        .any(|field| field.eq_ignore_ascii_case(name))
}
