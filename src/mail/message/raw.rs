//! A message that is sent as it is: octets, which need not be a message.

use crate::mail::envelope::Envelope;
use crate::mail::message::encode::Encoding;
use crate::mail::message::source::Source;
use crate::mail::message::stream::{BodyVariant, Message, Segment};
use crate::mail::message::{Input, MessageError};
use crate::smtp::blocks::BodyType;
use std::sync::Arc;

/// The octets of the input for these recipients. Any server gets them, whatever it offers.
pub fn message(envelope: Envelope, input: Input) -> Result<Message, MessageError> {
    let source = Source::open(input)?;
    let remark = format!("{}: sent as it is", source.name);
    let len = source.len;
    Ok(Message {
        envelope,
        utf8_header: false,
        remarks: vec![remark],
        warnings: Vec::new(),
        unusable: Vec::new(),
        header: Vec::new(),
        header_end: b"",
        variants: vec![BodyVariant {
            body_type: BodyType::SevenBit,
            fields: String::new(),
            segments: vec![Segment::Content {
                source: Arc::new(source),
                offset: 0,
                encoding: Encoding::Binary,
                len,
            }],
        }],
        signatures: Vec::new(),
    })
}
