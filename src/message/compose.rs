//! Building a message from a draft.

use super::encode::{self, Encoding, Survey};
use super::header::{addresses, structured, unstructured, with_parameters};
use super::source::Source;
use super::stream::{Piece, encoded_len};
use super::{Draft, Envelope, Field, Message, MessageError, SourceError};
use super::{message_id, recipients, token};
use crate::address::{Entry, parse_list};
use crate::time::header_date;
use std::time::SystemTime;

/// Fields of addresses, which are parsed and written anew when an option gives them.
const ADDRESS_FIELDS: [&str; 6] = [
    "From",
    "Sender",
    "To",
    "Cc",
    "Reply-To",
    "Disposition-Notification-To",
];

/// Fields whose value is not text, so that nothing in it may be encoded.
const STRUCTURED_FIELDS: [&str; 14] = [
    "Date",
    "Message-ID",
    "In-Reply-To",
    "References",
    "MIME-Version",
    "Content-Type",
    "Content-ID",
    "List-Unsubscribe",
    "List-Unsubscribe-Post",
    "List-Id",
    "Auto-Submitted",
    "Received",
    "DKIM-Signature",
    "Content-Language",
];

/// Builds the message. The envelope's sender is left to the caller.
pub fn compose(mut draft: Draft, now: SystemTime) -> Result<Message, MessageError> {
    let body = draft.body.take().map(Source::open).transpose()?;
    let bcc = take_bcc(&mut draft)?;
    let mut remarks = Vec::new();
    let mut header = own_fields(&draft, now);
    let replaced = given_fields(&draft, &mut header)?;
    let entity = entity(body, &draft, replaced.as_deref(), &mut remarks)?;
    let head: String = header.into_iter().map(|(_, text)| text).collect();
    let utf8_header = !head.is_ascii();
    let mut pieces = vec![Piece::Lines(head.into_bytes())];
    pieces.extend(entity);
    Ok(Message {
        envelope: Envelope {
            sender: None,
            recipients: recipients(
                draft
                    .to
                    .iter()
                    .chain(&draft.cc)
                    .chain(&draft.bcc)
                    .chain(&bcc),
            ),
        },
        size: pieces.iter().map(Piece::len).sum(),
        eight_bit: false,
        utf8_header,
        remarks,
        pieces,
    })
}

/// A name and the whole field.
type Written = (&'static str, String);

/// The fields that we make, in their order.
fn own_fields(draft: &Draft, now: SystemTime) -> Vec<Written> {
    let mut fields = vec![
        ("Date", structured("Date", &header_date(now))),
        (
            "From",
            addresses("From", &[Entry::Mailbox(draft.from.clone())]),
        ),
    ];
    // Without To and Cc, some servers put one in that names nobody; better ours.
    let nobody = [Entry::Group {
        name: "undisclosed-recipients".to_owned(),
        members: Vec::new(),
    }];
    let hidden = draft.to.is_empty() && draft.cc.is_empty();
    let to = if hidden { &nobody } else { draft.to.as_slice() };
    for (name, entries) in [("To", to), ("Cc", &draft.cc), ("Reply-To", &draft.reply_to)] {
        if !entries.is_empty() {
            fields.push((name, addresses(name, entries)));
        }
    }
    if let Some(subject) = &draft.subject {
        fields.push(("Subject", unstructured("Subject", subject)));
    }
    let id = message_id(&draft.from.address, now);
    fields.push(("Message-ID", format!("Message-ID: {id}\r\n")));
    fields.push(("MIME-Version", "MIME-Version: 1.0\r\n".to_owned()));
    fields
}

/// `Bcc` given as a header field is meant as `--bcc`.
fn take_bcc(draft: &mut Draft) -> Result<Vec<Entry>, MessageError> {
    let mut bcc = Vec::new();
    for field in &draft.headers {
        if is_bcc(&field.name) {
            bcc.extend(parse(field)?);
        }
    }
    draft.headers.retain(|field| !is_bcc(&field.name));
    Ok(bcc)
}

fn is_bcc(name: &str) -> bool {
    name.eq_ignore_ascii_case("Bcc") || name.eq_ignore_ascii_case("Resent-Bcc")
}

fn parse(field: &Field) -> Result<Vec<Entry>, MessageError> {
    parse_list(&field.value).map_err(|error| MessageError::Address {
        field: field.name.clone(),
        error,
    })
}

/// Puts the fields of `--header` among ours: what we would have made is replaced once, what comes
/// again is added. Gives the value of `Content-Type`, which belongs to the body.
fn given_fields(draft: &Draft, fields: &mut Vec<Written>) -> Result<Option<String>, MessageError> {
    let mut content_type = None;
    let mut replaced: Vec<&str> = Vec::new();
    for field in &draft.headers {
        if field.name.eq_ignore_ascii_case("Content-Type") {
            content_type = Some(field.value.clone());
            continue;
        }
        let text = written(field)?;
        let own = fields
            .iter()
            .position(|(name, _)| name.eq_ignore_ascii_case(&field.name));
        match own {
            Some(at) if !replaced.contains(&fields[at].0) => {
                replaced.push(fields[at].0);
                fields[at].1 = text;
            }
            Some(at) => {
                return Err(MessageError::Field {
                    name: fields[at].0.to_owned(),
                    why: "may stand in a message only once (RFC 5322 §3.6)",
                });
            }
            None => fields.push(("", text)),
        }
    }
    Ok(content_type)
}

/// A field as it goes over the wire.
fn written(field: &Field) -> Result<String, MessageError> {
    let is = |name: &&&str| name.eq_ignore_ascii_case(&field.name);
    let wrong = |why| MessageError::Field {
        name: field.name.clone(),
        why,
    };
    if field.name.eq_ignore_ascii_case("Content-Transfer-Encoding") {
        return Err(wrong("is chosen by ehlo, by what the text needs"));
    }
    if let Some(name) = ADDRESS_FIELDS.iter().find(is) {
        let entries = parse(field)?;
        if entries.is_empty() {
            return Err(wrong("has no address"));
        }
        return Ok(addresses(name, &entries));
    }
    let given = field.name.as_str();
    if STRUCTURED_FIELDS.iter().find(is).is_some() {
        if !field.value.is_ascii() {
            return Err(wrong("cannot hold characters other than ASCII"));
        }
        if field.value.split(' ').any(|word| word.len() > 900) {
            return Err(wrong("has a word of more than 900 characters"));
        }
        return Ok(structured(given, &field.value));
    }
    Ok(unstructured(given, &field.value))
}

/// Everything below the header: the text alone, or text and attachments.
fn entity(
    body: Option<Source>,
    draft: &Draft,
    content_type: Option<&str>,
    remarks: &mut Vec<String>,
) -> Result<Vec<Piece>, MessageError> {
    if draft.attachments.is_empty() {
        let body = body.unwrap_or_else(|| Source::memory("the body".to_owned(), Vec::new()));
        let mut pieces = text(body, content_type, remarks)?;
        finish_last_line(&mut pieces);
        return Ok(pieces);
    }
    if content_type.is_some() {
        return Err(MessageError::Field {
            name: "Content-Type".to_owned(),
            why: "belongs to ehlo in a message with attachments; give their types with ;type=",
        });
    }
    let boundary = token();
    let kind = [("boundary", boundary.as_str())];
    let opening = with_parameters("Content-Type", "multipart/mixed", &kind);
    let mut pieces = vec![Piece::Lines(opening.into_bytes())];
    if let Some(body) = body.filter(|body| body.len > 0) {
        pieces.push(lines(&format!("\r\n--{boundary}\r\n")));
        pieces.extend(text(body, None, remarks)?);
        pieces.push(lines("\r\n"));
    } else {
        pieces.push(lines("\r\n"));
    }
    for attachment in &draft.attachments {
        pieces.push(lines(&format!("--{boundary}\r\n")));
        pieces.extend(attachment.pieces(remarks)?);
    }
    pieces.push(lines(&format!("--{boundary}--\r\n")));
    Ok(pieces)
}

fn lines(text: &str) -> Piece {
    Piece::Lines(text.as_bytes().to_vec())
}

/// A text part: its header and its content, whose last line end is that of the text.
fn text(
    source: Source,
    content_type: Option<&str>,
    remarks: &mut Vec<String>,
) -> Result<Vec<Piece>, MessageError> {
    let failed = |error| SourceError::Read {
        name: source.name.clone(),
        error,
    };
    let survey = encode::survey(&source, 0).map_err(failed)?;
    if let Some(at) = survey.not_utf8_at {
        return Err(MessageError::Text {
            name: source.name,
            what: format!("not UTF-8: the byte at offset {at} is no part of a character"),
        });
    }
    let (encoding, why) = choose(&survey);
    let len = match encoding {
        Encoding::SevenBit | Encoding::EightBit => survey.wire_len,
        _ => encoded_len(&source, encoding).map_err(failed)?,
    };
    remarks.push(format!("{}: {}, {why}", source.name, encoding.name()));
    let kind = structured(
        "Content-Type",
        content_type.unwrap_or("text/plain; charset=utf-8"),
    );
    let header = format!(
        "{kind}Content-Transfer-Encoding: {}\r\n\r\n",
        encoding.name()
    );
    Ok(vec![
        Piece::Lines(header.into_bytes()),
        Piece::Part {
            source,
            offset: 0,
            encoding,
            len,
        },
    ])
}

/// The encoding of a text, and why.
fn choose(survey: &Survey) -> (Encoding, &'static str) {
    if survey.has_nul || survey.has_controls {
        (Encoding::Base64Text, "because of its control characters")
    } else if survey.eight_bit * 3 > survey.wire_len {
        (Encoding::Base64Text, "because most of it is not ASCII")
    } else if survey.eight_bit > 0 {
        (Encoding::QuotedPrintable, "because not all of it is ASCII")
    } else if survey.long_line.is_some() {
        (
            Encoding::QuotedPrintable,
            "because a line is over 998 octets",
        )
    } else if survey.is_delicate {
        let why = "because a line ends in a blank or begins with From";
        (Encoding::QuotedPrintable, why)
    } else {
        (Encoding::SevenBit, "because it is ASCII")
    }
}

/// A message ends with a line end (R9); base64 has one, other text may not.
fn finish_last_line(pieces: &mut Vec<Piece>) {
    if let Some(Piece::Part {
        source,
        encoding,
        len,
        ..
    }) = pieces.last()
    {
        let mut last = [0];
        let ended = source.len > 0
            && source.read_at(&mut last, source.len - 1).is_ok()
            && matches!(last[0], b'\r' | b'\n');
        if *len > 0 && *encoding != Encoding::Base64Text && !ended {
            pieces.push(lines("\r\n"));
        }
    }
}

#[cfg(test)]
mod tests;
