//! The second pass: writes the converted message.

use crate::mail::message::convert::PartConversion;
use crate::mail::message::convert::Target;
use crate::mail::message::convert::entity::{Entity, Kind};
use crate::mail::message::convert::fields::converted;
use crate::mail::message::convert::tidy::{Ascii, Then, TidyBase64, TidyQuoted, broken};
use crate::mail::message::convert::walk::{Visit, Walker};
use crate::mail::message::encode::{Encoder, LineEnds};

/// A visitor that writes the converted message.
pub struct Writer<'p> {
    target: Target,
    /// Conversions of the contents that follow.
    hows: std::slice::Iter<'p, PartConversion>,
    /// Octets that are written and not yet read.
    out: Vec<u8>,
    encoder: Box<dyn Encoder>,
    how: PartConversion,
    has_content: bool,
    aside: Box<dyn Encoder>,
    /// The last two octets.
    end: [u8; 2],
}

impl<'p> Writer<'p> {
    pub fn new(hows: &'p [PartConversion], target: Target) -> Self {
        Self {
            target,
            hows: hows.iter(),
            out: Vec::new(),
            encoder: Box::new(LineEnds::default()),
            how: PartConversion::AsIs,
            has_content: false,
            aside: aside(target),
            end: *b"\r\n",
        }
    }

    /// Moves what is written to the end of `out`.
    fn take(&mut self, out: &mut Vec<u8>) {
        for &byte in self.out.iter().rev().take(2).rev() {
            self.end = [self.end[1], byte];
        }
        out.append(&mut self.out);
    }

    fn end_of_aside(&mut self) {
        let mut encoder = std::mem::replace(&mut self.aside, aside(self.target));
        encoder.finish(&mut self.out);
    }
}

fn aside(target: Target) -> Box<dyn Encoder> {
    if target.seven_bit {
        Box::new(Then::new(Ascii, broken()))
    } else {
        Box::new(broken())
    }
}

impl Visit for Writer<'_> {
    fn header(&mut self, entity: &Entity) {
        let mut how = PartConversion::AsIs;
        if matches!(entity.kind, Kind::Leaf(_) | Kind::Frozen) {
            how = self.hows.next().copied().unwrap_or(how);
        }
        let fields = converted(entity, how, self.target);
        let raw = |fields: &[crate::mail::message::head::RawField]| -> Vec<u8> {
            fields.iter().flat_map(|field| field.raw.clone()).collect()
        };
        let new = raw(&fields);
        if new == raw(&entity.fields) {
            LineEnds::default().push(&entity.raw, &mut self.out);
        } else {
            self.out.extend_from_slice(&new);
            self.out.extend_from_slice(b"\r\n");
        }
        self.how = how;
        self.has_content = false;
        self.encoder = match how {
            PartConversion::AsIs => Box::new(LineEnds::default()),
            PartConversion::Encoded(encoding, _) => encoding.encoder(),
            PartConversion::TidyQuoted => {
                Box::new(Then::new(TidyQuoted::default(), LineEnds::default()))
            }
            PartConversion::TidyBase64 => {
                Box::new(Then::new(TidyBase64::default(), LineEnds::default()))
            }
            PartConversion::Broken => Box::new(broken()),
        };
    }

    fn content(&mut self, bytes: &[u8]) {
        self.has_content |= !bytes.is_empty();
        self.encoder.push(bytes, &mut self.out);
    }

    fn end_of_content(&mut self) {
        self.encoder.finish(&mut self.out);
    }

    fn aside(&mut self, bytes: &[u8]) {
        self.how = PartConversion::AsIs;
        self.aside.push(bytes, &mut self.out);
    }

    fn delimiter(&mut self, line: &[u8], after: bool) {
        self.end_of_aside();
        let is_ended = match self.how {
            PartConversion::Encoded(encoding, _) => {
                encoding.ends_with_line_end() && self.has_content
            }
            _ => false,
        };
        if after && !is_ended {
            self.out.extend_from_slice(b"\r\n");
        }
        self.out.extend_from_slice(line);
        self.out.extend_from_slice(b"\r\n");
    }

    fn endless_header(&mut self) {}
}

impl Encoder for Walker<Writer<'_>> {
    fn push(&mut self, bytes: &[u8], out: &mut Vec<u8>) {
        self.walk(bytes);
        self.visitor.take(out);
    }

    /// Adds the line end that a message must end with.
    fn finish(&mut self, out: &mut Vec<u8>) {
        self.end();
        self.visitor.end_of_aside();
        self.visitor.take(out);
        if self.visitor.end != *b"\r\n" {
            out.extend_from_slice(b"\r\n");
        }
    }
}
