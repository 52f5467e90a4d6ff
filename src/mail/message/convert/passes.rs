//! The two passes of a conversion. The first one selects the conversion of each part, because the header of a part
//! precedes its content; the second one writes the message.

use crate::mail::message::convert::header::{
    BodyKind, DeclaredEncoding, EntityHeader, PartBody, Position, converted_fields,
};
use crate::mail::message::convert::parser::{EntityParser, EntityVisitor};
use crate::mail::message::convert::{PartConversion, Target, Unconvertible};
use crate::mail::message::encode::{
    AsciiOnly, Base64Repair, Chain, ContentScan, ContentScanner, Encoder, Encoding, LineEnds,
    QuotedPrintableRepair, valid_lines,
};
use crate::mail::message::header_reader::RawField;

/// Maximum number of parts of a message that is converted.
const MAX_PARTS: usize = 1 << 20;

/// The first pass.
pub struct ConversionSelector {
    target: Target,
    /// One for each part, in their order.
    pub conversions: Vec<PartConversion>,
    pub failure: Option<Unconvertible>,
    current: Option<(Option<PartBody>, ContentScanner)>,
}

impl ConversionSelector {
    pub fn new(target: Target) -> Self {
        Self {
            target,
            conversions: Vec::new(),
            failure: None,
            current: None,
        }
    }

    fn fail(&mut self, why: Unconvertible) {
        self.failure.get_or_insert(why);
    }

    fn select(
        &self,
        part: Option<PartBody>,
        scan: &ContentScan,
    ) -> Result<PartConversion, Unconvertible> {
        let is_8bit = self.target.seven_bit && scan.eight_bit > 0;
        let is_fragile = self.target.is_robust && scan.is_fragile();
        if !is_8bit && scan.is_valid() && !is_fragile {
            return Ok(PartConversion::Unchanged);
        }
        let Some(part) = part else {
            if is_8bit || !scan.is_valid() {
                return Err(Unconvertible::Frozen);
            }
            return Ok(PartConversion::Unchanged);
        };
        match part.encoding {
            DeclaredEncoding::QuotedPrintable => Ok(PartConversion::RepairedQuotedPrintable),
            DeclaredEncoding::Base64 => Ok(PartConversion::RepairedBase64),
            DeclaredEncoding::Unknown if is_8bit => Err(Unconvertible::Frozen),
            DeclaredEncoding::Unknown if scan.is_valid() => Ok(PartConversion::Unchanged),
            DeclaredEncoding::Unknown => Ok(PartConversion::LinesBroken),
            DeclaredEncoding::Unencoded | DeclaredEncoding::Binary => Ok(PartConversion::Encoded(
                encoding_of(part, scan),
                charset(scan),
            )),
        }
    }
}

/// Quoted-printable is readable; base64 is shorter if most octets are not ASCII, and keeps line ends.
fn encoding_of(part: PartBody, scan: &ContentScan) -> Encoding {
    let is_declared = part.encoding == DeclaredEncoding::Binary;
    let is_binary = if part.is_text {
        // UTF-16, for example.
        is_declared && scan.has_nul
    } else {
        is_declared || scan.has_nul
    };
    if is_binary {
        Encoding::Base64
    } else if scan.eight_bit * 3 > scan.wire_len * 2 {
        Encoding::Base64Text
    } else {
        Encoding::QuotedPrintable
    }
}

fn charset(scan: &ContentScan) -> &'static str {
    match scan.not_utf8_at {
        _ if scan.eight_bit == 0 => "",
        None => "utf-8",
        // RFC 1428 §2.
        Some(_) => "unknown-8bit",
    }
}

impl EntityVisitor for ConversionSelector {
    fn header(&mut self, entity: &EntityHeader) {
        let part = match entity.kind {
            BodyKind::Part(part) => Some(part),
            _ => None,
        };
        if matches!(entity.kind, BodyKind::Part(_) | BodyKind::Frozen) {
            self.current = Some((part, ContentScanner::default()));
        }
        if entity.position == Position::Top && self.target.ascii_header {
            let fields = converted_fields(entity, PartConversion::Unchanged, self.target);
            if !fields.iter().all(|field| field.raw.is_ascii()) {
                self.fail(Unconvertible::Address);
            }
        }
    }

    fn content(&mut self, bytes: &[u8]) {
        if let Some((_, scanner)) = &mut self.current {
            scanner.push(bytes);
        }
    }

    fn end_of_content(&mut self) {
        let Some((part, scanner)) = self.current.take() else {
            return;
        };
        if self.conversions.len() >= MAX_PARTS {
            self.fail(Unconvertible::TooLarge);
            return;
        }
        match self.select(part, &scanner.finish()) {
            Ok(conversion) => self.conversions.push(conversion),
            Err(why) => self.fail(why),
        }
    }

    fn preamble(&mut self, _: &[u8]) {}

    fn delimiter(&mut self, _: &[u8], _: bool) {}

    fn oversized_header(&mut self) {
        self.fail(Unconvertible::TooLarge);
    }
}

/// The second pass.
pub struct ConversionWriter<'p> {
    target: Target,
    /// Conversions of the parts that follow.
    conversions: std::slice::Iter<'p, PartConversion>,
    /// Octets that are written and not yet read.
    out: Vec<u8>,
    encoder: Box<dyn Encoder>,
    conversion: PartConversion,
    has_content: bool,
    preamble: Box<dyn Encoder>,
    /// The last two octets.
    end: [u8; 2],
}

impl<'p> ConversionWriter<'p> {
    pub fn new(conversions: &'p [PartConversion], target: Target) -> Self {
        Self {
            target,
            conversions: conversions.iter(),
            out: Vec::new(),
            encoder: Box::new(LineEnds::default()),
            conversion: PartConversion::Unchanged,
            has_content: false,
            preamble: preamble_encoder(target),
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

    fn end_of_preamble(&mut self) {
        let mut encoder = std::mem::replace(&mut self.preamble, preamble_encoder(self.target));
        encoder.finish(&mut self.out);
    }
}

fn preamble_encoder(target: Target) -> Box<dyn Encoder> {
    if target.seven_bit {
        Box::new(Chain::new(AsciiOnly, valid_lines()))
    } else {
        Box::new(valid_lines())
    }
}

impl EntityVisitor for ConversionWriter<'_> {
    fn header(&mut self, entity: &EntityHeader) {
        let mut conversion = PartConversion::Unchanged;
        if matches!(entity.kind, BodyKind::Part(_) | BodyKind::Frozen) {
            conversion = self.conversions.next().copied().unwrap_or(conversion);
        }
        let fields = converted_fields(entity, conversion, self.target);
        let raw = |fields: &[RawField]| -> Vec<u8> {
            fields.iter().flat_map(|field| field.raw.clone()).collect()
        };
        let new = raw(&fields);
        if new == raw(&entity.fields) {
            LineEnds::default().push(&entity.raw, &mut self.out);
        } else {
            self.out.extend_from_slice(&new);
            self.out.extend_from_slice(b"\r\n");
        }
        self.conversion = conversion;
        self.has_content = false;
        self.encoder = match conversion {
            PartConversion::Unchanged => Box::new(LineEnds::default()),
            PartConversion::Encoded(encoding, _) => encoding.encoder(),
            PartConversion::RepairedQuotedPrintable => Box::new(Chain::new(
                QuotedPrintableRepair::default(),
                LineEnds::default(),
            )),
            PartConversion::RepairedBase64 => {
                Box::new(Chain::new(Base64Repair::default(), LineEnds::default()))
            }
            PartConversion::LinesBroken => Box::new(valid_lines()),
        };
    }

    fn content(&mut self, bytes: &[u8]) {
        self.has_content |= !bytes.is_empty();
        self.encoder.push(bytes, &mut self.out);
    }

    fn end_of_content(&mut self) {
        self.encoder.finish(&mut self.out);
    }

    fn preamble(&mut self, bytes: &[u8]) {
        self.conversion = PartConversion::Unchanged;
        self.preamble.push(bytes, &mut self.out);
    }

    fn delimiter(&mut self, line: &[u8], has_line_end: bool) {
        self.end_of_preamble();
        let is_ended = match self.conversion {
            PartConversion::Encoded(encoding, _) => {
                encoding.ends_with_line_end() && self.has_content
            }
            _ => false,
        };
        if has_line_end && !is_ended {
            self.out.extend_from_slice(b"\r\n");
        }
        self.out.extend_from_slice(line);
        self.out.extend_from_slice(b"\r\n");
    }

    fn oversized_header(&mut self) {}
}

impl Encoder for EntityParser<ConversionWriter<'_>> {
    fn push(&mut self, bytes: &[u8], out: &mut Vec<u8>) {
        self.parse(bytes);
        self.visitor.take(out);
    }

    /// Adds the line end that a message must end with.
    fn finish(&mut self, out: &mut Vec<u8>) {
        self.end();
        self.visitor.end_of_preamble();
        self.visitor.take(out);
        if self.visitor.end != *b"\r\n" {
            out.extend_from_slice(b"\r\n");
        }
    }
}
