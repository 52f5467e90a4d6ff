//! The last step for a message that was built elsewhere: its body is sent unchanged unless it contains
//! something that servers need not accept.

use crate::mail::envelope::Envelope;
use crate::mail::message::convert::{Signed, Unconvertible, made_fit};
use crate::mail::message::encode::{Encoding, Survey, survey};
use crate::mail::message::head::{HeaderMode, MessageHeader};
use crate::mail::message::source::Source;
use crate::mail::message::stream::{EncodedPart, MessageForm, MessagePiece};
use crate::mail::message::{Message, MessageError};
use crate::smtp::blocks::BodyType;
use std::sync::Arc;

/// A body that begins at this offset of a source.
pub struct Body {
    pub source: Source,
    pub at: u64,
}

impl Body {
    /// The message with this header, which lacks the empty line at its end. From then on, it is only
    /// converted to the server's capabilities.
    pub fn finish(
        self,
        envelope: Envelope,
        mut header: Vec<u8>,
        signed: Signed,
    ) -> Result<Message, MessageError> {
        let utf8_header = !header.is_ascii();
        header.extend_from_slice(b"\r\n");
        let survey = survey(&self.source, self.at)?;
        let (form, remark) = if is_fit(&survey) {
            let remark = format!(
                "{}: sent as it is, {}",
                self.source.name,
                wide(&survey).1.name()
            );
            (self.unchanged(header, &survey), remark)
        } else {
            let why = "encoded where it has a NUL or a line over 998 octets";
            let remark = format!("{}: {why}", self.source.name);
            (self.made_fit(&header, signed)?, remark)
        };
        Ok(Message {
            envelope,
            utf8_header,
            remarks: vec![remark],
            warnings: Vec::new(),
            unusable: Vec::new(),
            forms: vec![form],
        })
    }

    fn unchanged(self, header: Vec<u8>, survey: &Survey) -> MessageForm {
        let mut pieces = vec![MessagePiece::Lines(header)];
        let transport = wide(survey).0;
        pieces.extend(pieces_of(self.source, self.at, survey));
        MessageForm::new(transport, pieces)
    }

    fn made_fit(self, header: &[u8], signed: Signed) -> Result<MessageForm, MessageError> {
        let name = self.source.name.clone();
        let whole = made_fit(header, &self.source, self.at, signed)?;
        let whole = whole.map_err(|why| unfit(name, why))?;
        let head = MessageHeader::read(&whole, HeaderMode::Lenient)?;
        let transport = wide(&survey(&whole, head.body_at)?).0;
        let survey = survey(&whole, 0)?;
        Ok(MessageForm::new(
            transport,
            pieces_of(whole, 0, &survey).into(),
        ))
    }
}

/// True for content without long lines and NULs, which no server has to accept.
pub fn is_fit(survey: &Survey) -> bool {
    survey.long_line.is_none() && !survey.has_nul
}

/// The error for a message that cannot be made valid.
pub fn unfit(name: String, why: Unconvertible) -> MessageError {
    let what = match why {
        Unconvertible::Address | Unconvertible::Frozen => {
            "has a NUL or a line over 998 octets (RFC 5321 §4.5.3.1.6) in a part that must not be encoded \
             anew, such as one that is signed"
        }
        Unconvertible::TooLarge => {
            "has a NUL or a line over 998 octets (RFC 5321 §4.5.3.1.6), and too many parts or too large a \
             header to encode it anew"
        }
    };
    MessageError::Text {
        name,
        what: what.to_owned(),
    }
}

fn wide(survey: &Survey) -> (BodyType, Encoding) {
    if survey.eight_bit > 0 {
        (BodyType::EightBit, Encoding::EightBit)
    } else {
        (BodyType::SevenBit, Encoding::SevenBit)
    }
}

/// The rest of a source, and a line end if its last line has none (R9).
fn pieces_of(source: Source, offset: u64, survey: &Survey) -> [MessagePiece; 2] {
    let is_whole = survey.wire_len == 0 || survey.ends_with_line_end;
    let way = EncodedPart {
        encoding: wide(survey).1,
        len: survey.wire_len,
    };
    let text = MessagePiece::Part {
        source: Arc::new(source),
        offset,
        way,
    };
    [
        text,
        MessagePiece::lines(if is_whole { "" } else { "\r\n" }),
    ]
}
