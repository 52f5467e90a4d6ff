//! The first pass: decides the encoding of each part, because its header precedes its content.

use crate::mail::message::convert::PartConversion;
use crate::mail::message::convert::entity::{Coding, Entity, Kind, LeafPart, Place};
use crate::mail::message::convert::fields::converted;
use crate::mail::message::convert::walk::Visit;
use crate::mail::message::convert::{Target, Unconvertible};
use crate::mail::message::encode::{Encoding, Survey, Surveyor};

/// Maximum number of parts of a message that is converted.
const MAX_PARTS: usize = 1 << 20;

/// A visitor that makes a plan.
pub struct Planner {
    target: Target,
    /// One for each content, in their order.
    pub hows: Vec<PartConversion>,
    pub failure: Option<Unconvertible>,
    current: Option<(Option<LeafPart>, Surveyor)>,
}

impl Planner {
    pub fn new(target: Target) -> Self {
        Self {
            target,
            hows: Vec::new(),
            failure: None,
            current: None,
        }
    }

    fn fail(&mut self, why: Unconvertible) {
        self.failure.get_or_insert(why);
    }

    fn choose(
        &self,
        leaf: Option<LeafPart>,
        survey: &Survey,
    ) -> Result<PartConversion, Unconvertible> {
        let is_too_wide = self.target.seven_bit && survey.eight_bit > 0;
        let is_unfit = survey.long_line.is_some() || survey.has_nul;
        if !is_too_wide && !is_unfit {
            return Ok(PartConversion::AsIs);
        }
        let Some(leaf) = leaf else {
            return Err(Unconvertible::Frozen);
        };
        match leaf.coding {
            Coding::QuotedPrintable => Ok(PartConversion::TidyQuoted),
            Coding::Base64 => Ok(PartConversion::TidyBase64),
            Coding::Other if is_too_wide => Err(Unconvertible::Frozen),
            Coding::Other => Ok(PartConversion::Broken),
            Coding::None | Coding::Binary => Ok(PartConversion::Encoded(
                encoding(leaf, survey),
                charset(survey),
            )),
        }
    }
}

/// Quoted-printable is readable; base64 is shorter if most octets are not ASCII, and keeps line ends.
fn encoding(leaf: LeafPart, survey: &Survey) -> Encoding {
    let is_labelled = leaf.coding == Coding::Binary;
    let is_binary = if leaf.is_text {
        // UTF-16, for example.
        is_labelled && survey.has_nul
    } else {
        is_labelled || survey.has_nul
    };
    if is_binary {
        Encoding::Base64
    } else if survey.eight_bit * 3 > survey.wire_len * 2 {
        Encoding::Base64Text
    } else {
        Encoding::QuotedPrintable
    }
}

fn charset(survey: &Survey) -> &'static str {
    match survey.not_utf8_at {
        _ if survey.eight_bit == 0 => "",
        None => "utf-8",
        // RFC 1428 §2.
        Some(_) => "unknown-8bit",
    }
}

impl Visit for Planner {
    fn header(&mut self, entity: &Entity) {
        let leaf = match entity.kind {
            Kind::Leaf(leaf) => Some(leaf),
            _ => None,
        };
        if matches!(entity.kind, Kind::Leaf(_) | Kind::Frozen) {
            self.current = Some((leaf, Surveyor::default()));
        }
        if entity.place == Place::Top && self.target.ascii_header {
            let fields = converted(entity, PartConversion::AsIs, self.target);
            if !fields.iter().all(|field| field.raw.is_ascii()) {
                self.fail(Unconvertible::Address);
            }
        }
    }

    fn content(&mut self, bytes: &[u8]) {
        if let Some((_, surveyor)) = &mut self.current {
            surveyor.push(bytes);
        }
    }

    fn end_of_content(&mut self) {
        let Some((leaf, surveyor)) = self.current.take() else {
            return;
        };
        if self.hows.len() >= MAX_PARTS {
            self.fail(Unconvertible::TooLarge);
            return;
        }
        match self.choose(leaf, &surveyor.finish()) {
            Ok(how) => self.hows.push(how),
            Err(why) => self.fail(why),
        }
    }

    fn aside(&mut self, _: &[u8]) {}

    fn delimiter(&mut self, _: &[u8], _: bool) {}

    fn endless_header(&mut self) {
        self.fail(Unconvertible::TooLarge);
    }
}
