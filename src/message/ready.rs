//! A ready message: sent as it is, but for line ends, Bcc, Return-Path and what is missing.

use super::encode::{self, Encoding};
use super::fields::{is_once, written};
use super::source::Source;
use super::stream::{Form, Piece, Way};
use super::{Field, Message, MessageError, Ready};
use super::{header::addresses, message_id, recipients};
use crate::address::{Entry, parse_list};
use crate::blocks::Transport;
use crate::envelope::{Dsn, Envelope};
use crate::time::header_date;
use std::sync::Arc;
use std::time::SystemTime;

/// The largest header that is taken, in bytes; it is the one part that is held in memory.
const MAX_HEADER: usize = 8 * 1024 * 1024;

/// The longest line that may be sent, in octets without its CRLF.
const MAX_LINE: usize = 998;

/// Fields that no message may carry when it leaves: R44, R28.
const REMOVED: [&str; 3] = ["bcc", "resent-bcc", "return-path"];

/// Prepares the message. The envelope's sender is the message's author, if it names one.
pub fn prepare(ready: Ready, now: SystemTime) -> Result<Message, MessageError> {
    let source = Source::open(ready.input)?;
    if source.len == 0 {
        return Err(MessageError::Text {
            name: source.name,
            what: "it is empty, and no message".to_owned(),
        });
    }
    let mut head = Head::read(&source)?;
    head.put_before(&ready.headers)?;
    let recipients = if ready.recipients.is_empty() {
        head.recipients()?
    } else {
        recipients(&ready.recipients)
    };
    let author = head.author()?;
    let sender = author.iter().flat_map(Entry::mailboxes);
    let sender = sender.map(|mailbox| mailbox.address.clone()).next();
    let mut header = Vec::new();
    for field in head.fields.iter().filter(|field| !field.is_removed()) {
        header.extend_from_slice(&field.raw);
    }
    let utf8_header = !header.is_ascii();
    let from = author.unwrap_or(Entry::Mailbox(ready.from));
    header.extend_from_slice(missing(&head, from, now).as_bytes());
    header.extend_from_slice(b"\r\n");
    let survey = encode::survey(&source, head.body_at)?;
    let wrong = |what: String| MessageError::Text {
        name: source.name.clone(),
        what,
    };
    if let Some(line) = survey.long_line {
        let line = line + head.lines;
        return Err(wrong(format!(
            "line {line} is longer than {MAX_LINE} octets, which no server need take (RFC 5321 \
             §4.5.3.1.6); break it, or encode that part as quoted-printable"
        )));
    }
    if survey.has_nul {
        return Err(wrong("holds a NUL; encode that part as base64".to_owned()));
    }
    let (transport, encoding) = if survey.eight_bit > 0 {
        (Transport::EightBit, Encoding::EightBit)
    } else {
        (Transport::SevenBit, Encoding::SevenBit)
    };
    let last_line_end = match survey.wire_len {
        0 => "",
        _ if survey.ends_with_line_end => "",
        _ => "\r\n",
    };
    let remarks = vec![format!(
        "{}: sent as it is, {}",
        source.name,
        encoding.name()
    )];
    let way = Way {
        encoding,
        len: survey.wire_len,
    };
    let pieces = vec![
        Piece::Lines(header),
        Piece::Part {
            offset: head.body_at,
            source: Arc::new(source),
            way,
        },
        Piece::lines(last_line_end),
    ];
    Ok(Message {
        envelope: Envelope {
            sender,
            recipients,
            dsn: Dsn::default(),
        },
        utf8_header,
        remarks,
        warnings: Vec::new(),
        forms: vec![Form::new(transport, pieces)],
    })
}

/// Whether a source begins as a message does: with a header.
pub fn is_message(source: &Source) -> Result<(), MessageError> {
    Head::read(source).map(|_| ())
}

/// What RFC 5322 §3.6 demands and the message lacks.
fn missing(head: &Head, from: Entry, now: SystemTime) -> String {
    let mut fields = String::new();
    if head.find("date").is_none() {
        fields.push_str(&format!("Date: {}\r\n", header_date(now)));
    }
    if let (None, Some(mailbox)) = (head.find("message-id"), from.mailboxes().first()) {
        let id = message_id(&mailbox.address, now);
        fields.push_str(&format!("Message-ID: {id}\r\n"));
    }
    if head.find("from").is_none() {
        fields.push_str(&addresses("From", &[from]));
    }
    fields
}

/// The header of a ready message.
struct Head {
    fields: Vec<RawField>,
    /// Where in the source the body begins.
    body_at: u64,
    /// Lines before the body.
    lines: u64,
}

/// A field as it stands in the message.
struct RawField {
    /// In lower case.
    name: String,
    /// With its name, its folding and its line ends, which are CRLF.
    raw: Vec<u8>,
}

impl RawField {
    fn is_removed(&self) -> bool {
        REMOVED.contains(&self.name.as_str())
    }

    /// The value, unfolded.
    fn value(&self) -> Result<String, MessageError> {
        let text = std::str::from_utf8(&self.raw).map_err(|_| MessageError::Field {
            name: self.name.clone(),
            why: "is neither ASCII nor UTF-8",
        })?;
        let value = text.split_once(':').map_or("", |(_, value)| value);
        Ok(value.replace("\r\n", "").trim().to_owned())
    }
}

impl Head {
    /// Reads up to the empty line, or to the end.
    fn read(source: &Source) -> Result<Self, MessageError> {
        let mut raw = Vec::new();
        let mut size = 64 * 1024;
        loop {
            let start = raw.len();
            let left = usize::try_from(source.len).unwrap_or(size);
            raw.resize(size.min(left.max(1)), 0);
            let count = source.read(&mut raw[start..], start as u64)?;
            raw.truncate(start + count);
            let is_whole = raw.len() as u64 == source.len;
            if let Some(head) = Self::parse(&raw, is_whole, &source.name)? {
                return Ok(head);
            }
            if size > MAX_HEADER {
                return Err(MessageError::Text {
                    name: source.name.clone(),
                    what: format!("the header has more than {MAX_HEADER} bytes"),
                });
            }
            size *= 2;
        }
    }

    /// The header, if these bytes hold all of it.
    fn parse(raw: &[u8], is_whole: bool, name: &str) -> Result<Option<Self>, MessageError> {
        let mut head = Self {
            fields: Vec::new(),
            body_at: 0,
            lines: 0,
        };
        let mut at = 0;
        while at < raw.len() {
            let (line, length) = first_line(&raw[at..]);
            if at + length == raw.len() && !is_whole {
                return Ok(None);
            }
            at += length;
            head.lines += 1;
            if line.is_empty() {
                head.body_at = at as u64;
                return Ok(Some(head));
            }
            head.add(line, name)?;
        }
        head.body_at = at as u64;
        Ok(is_whole.then_some(head))
    }

    fn add(&mut self, line: &[u8], name: &str) -> Result<(), MessageError> {
        // An mbox separator is no field.
        if self.fields.is_empty() && line.starts_with(b"From ") {
            return Ok(());
        }
        let wrong = |what: &str| MessageError::Text {
            name: name.to_owned(),
            what: format!("line {} {what}", self.lines),
        };
        if line.len() > MAX_LINE {
            return Err(wrong("of the header is longer than 998 octets"));
        }
        if line.ends_with(b"\r") {
            return Err(wrong(
                "of the header ends in CR CR LF; mend the line ends first",
            ));
        }
        if std::str::from_utf8(line).is_err() {
            return Err(wrong(
                "of the header is neither ASCII nor UTF-8; encode it (RFC 2047)",
            ));
        }
        if line.contains(&0) {
            return Err(wrong("of the header holds a NUL"));
        }
        if matches!(line[0], b' ' | b'\t') {
            let field = self.fields.last_mut();
            let field = field
                .ok_or_else(|| wrong("continues a header field, and none stands before it"))?;
            field.raw.extend_from_slice(line);
            field.raw.extend_from_slice(b"\r\n");
            return Ok(());
        }
        let no_field = "is no header field (a name and a colon); an empty line must stand between header and text";
        let colon = memchr::memchr(b':', line).ok_or_else(|| wrong(no_field))?;
        let field_name = line[..colon].trim_ascii_end();
        if field_name.is_empty() || !field_name.iter().all(u8::is_ascii_graphic) {
            return Err(wrong(no_field));
        }
        self.fields.push(RawField {
            name: String::from_utf8_lossy(field_name).to_ascii_lowercase(),
            raw: [line, b"\r\n"].concat(),
        });
        Ok(())
    }

    /// Puts fields before those of the message, as one does who resends it (RFC 5322 §3.6.6).
    fn put_before(&mut self, fields: &[Field]) -> Result<(), MessageError> {
        let mut before = Vec::new();
        for field in fields {
            if is_once(&field.name) && self.find(&field.name.to_ascii_lowercase()).is_some() {
                return Err(MessageError::Field {
                    name: field.name.clone(),
                    why: "stands in the message already, which is sent as it is",
                });
            }
            before.push(RawField {
                name: field.name.to_ascii_lowercase(),
                raw: written(field)?.into_bytes(),
            });
        }
        self.fields.splice(0..0, before);
        Ok(())
    }

    fn find(&self, name: &str) -> Option<&RawField> {
        self.fields.iter().find(|field| field.name == name)
    }

    /// The first author that the message names, or the one who sent it.
    fn author(&self) -> Result<Option<Entry>, MessageError> {
        let resent = self.find("resent-to").or(self.find("resent-from"));
        let names: &[&str] = match resent {
            Some(_) => &["resent-sender", "resent-from", "sender", "from"],
            None => &["sender", "from"],
        };
        for name in names {
            if let Some(field) = self.find(name) {
                return Ok(entries(field)?.into_iter().next());
            }
        }
        Ok(None)
    }

    /// Those whom the message names, or whom it was resent to (RFC 5322 §3.6.6).
    fn recipients(&self) -> Result<Vec<crate::address::Address>, MessageError> {
        let of = |names: [&str; 3]| {
            let mut all = Vec::new();
            for field in &self.fields {
                if names.contains(&field.name.as_str()) {
                    all.extend(entries(field)?);
                }
            }
            Ok::<_, MessageError>(recipients(&all))
        };
        let resent = of(["resent-to", "resent-cc", "resent-bcc"])?;
        if resent.is_empty() {
            return of(["to", "cc", "bcc"]);
        }
        Ok(resent)
    }
}

fn entries(field: &RawField) -> Result<Vec<Entry>, MessageError> {
    parse_list(&field.value()?).map_err(|error| MessageError::Address {
        field: field.name.clone(),
        error,
    })
}

/// The first line without its line end, and its length with it.
fn first_line(bytes: &[u8]) -> (&[u8], usize) {
    match memchr::memchr2(b'\r', b'\n', bytes) {
        None => (bytes, bytes.len()),
        Some(at) => {
            // CR CR LF is kept for the complaint about it.
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::address::Mailbox;
    use crate::blocks::{Block, Replay};
    use crate::message::Input;

    fn prepared(text: &str, recipients: &str) -> Result<Message, MessageError> {
        let ready = Ready {
            input: Input::Text(text.to_owned()),
            from: Mailbox::parse("login@here.example").unwrap(),
            headers: Vec::new(),
            recipients: parse_list(recipients).unwrap(),
        };
        prepare(ready, SystemTime::UNIX_EPOCH)
    }

    fn wire(message: &Message) -> String {
        let mut out = Vec::new();
        let shape = message.shape(Transport::EightBit).unwrap();
        let mut blocks = message.blocks(shape);
        while blocks.append(&mut out).unwrap() != Block::End {}
        assert_eq!(out.len() as u64, shape.size);
        String::from_utf8(out).unwrap()
    }

    const FULL: &str =
        "From: a@x.org\nDate: Thu, 1 Jan 1970 00:00:00 +0000\nMessage-ID: <1@x.org>\n";

    #[test]
    fn a_whole_message_is_changed_in_its_line_ends_only() {
        let text = format!("{FULL}Subject: a\n\tfolded   one\nTo: b@x.org\n\nhi\n.\n..x\r\nlast");
        let message = prepared(&text, "").unwrap();
        let right = text.replace("\r\n", "\n").replace('\n', "\r\n") + "\r\n";
        assert_eq!(wire(&message), right);
        assert_eq!(message.envelope.recipients.len(), 1);
        assert_eq!(message.envelope.sender.unwrap().to_string(), "a@x.org");
    }

    #[test]
    fn bcc_goes_in_all_its_spellings_and_its_addresses_get_the_message() {
        // R44, B6
        let bcc =
            "Bcc: a1@x.org,\n a2@x.org\nbcc: a3@x.org\nBCC : a4@x.org\nReturn-Path: <r@x.org>\n";
        let message = prepared(&format!("{FULL}{bcc}To: b@x.org\n\nhi\n"), "").unwrap();
        assert!(!wire(&message).to_lowercase().contains("\nbcc"));
        assert!(!wire(&message).contains("a2@x.org") && !wire(&message).contains("Return-Path"));
        let all: Vec<String> = message
            .envelope
            .recipients
            .iter()
            .map(ToString::to_string)
            .collect();
        assert_eq!(
            all,
            ["a1@x.org", "a2@x.org", "a3@x.org", "a4@x.org", "b@x.org"]
        );
    }

    #[test]
    fn recipients_that_were_named_are_the_only_ones() {
        let message = prepared(
            &format!("{FULL}To: b@x.org\nBcc: c@x.org\n\nhi\n"),
            "d@x.org",
        )
        .unwrap();
        assert_eq!(message.envelope.recipients[0].to_string(), "d@x.org");
        assert_eq!(message.envelope.recipients.len(), 1);
        assert!(!wire(&message).contains("c@x.org"));
    }

    #[test]
    fn a_message_can_be_resent() {
        let field = |name: &str, value: &str| Field {
            name: name.to_owned(),
            value: value.to_owned(),
        };
        let ready = Ready {
            input: Input::Text(format!("{FULL}To: b@x.org\n\nhi\n")),
            from: Mailbox::parse("login@here.example").unwrap(),
            headers: vec![
                field("Resent-To", "Jürgen <c@x.org>"),
                field("Resent-Bcc", "d@x.org"),
            ],
            recipients: Vec::new(),
        };
        let message = prepare(ready, SystemTime::UNIX_EPOCH).unwrap();
        let all: Vec<String> = message
            .envelope
            .recipients
            .iter()
            .map(ToString::to_string)
            .collect();
        assert_eq!(all, ["c@x.org", "d@x.org"]);
        let wire = wire(&message);
        assert!(
            wire.starts_with("Resent-To: =?utf-8?q?J=C3=BCrgen?= <c@x.org>\r\nFrom: a@x.org\r\n")
        );
        assert!(!wire.contains("d@x.org"));
    }

    #[test]
    fn what_is_missing_is_added_at_the_end_of_the_header() {
        let message = prepared("To: b@x.org\nSubject: hi\n\ntext\n", "").unwrap();
        let wire = wire(&message);
        let (head, body) = wire.split_once("\r\n\r\n").unwrap();
        assert_eq!(body, "text\r\n");
        for field in [
            "\r\nDate: ",
            "\r\nMessage-ID: <",
            "\r\nFrom: login@here.example",
        ] {
            assert!(head.contains(field), "{head}");
        }
    }

    #[test]
    fn a_header_without_text_and_an_mbox_separator_are_understood() {
        let message = prepared(
            &format!("From a@x.org Thu Jan  1 00:00:00 1970\n{FULL}To: b@x.org"),
            "",
        );
        let wire = wire(&message.unwrap());
        assert!(
            wire.starts_with("From: a@x.org\r\n") && wire.ends_with("b@x.org\r\n\r\n"),
            "{wire}"
        );
    }

    #[test]
    fn what_is_no_message_is_refused_with_the_line() {
        let long = format!("{FULL}To: b@x.org\n\n{}\n", "x".repeat(999));
        for (text, reason) in [
            ("hello\n", "line 1 is no header field"),
            (" x\n", "line 1 continues"),
            ("To: b@x.org\nhello there\n\n", "line 2 is no header field"),
            ("To: b@x.org\n\na\0b", "holds a NUL"),
            (long.as_str(), "line 6 is longer than 998"),
            ("To: b\n\nhi", "has no @domain"),
        ] {
            let error = prepared(text, "").unwrap_err().to_string();
            assert!(error.contains(reason), "{text:?}: {error}");
        }
    }

    #[test]
    fn octets_above_127_are_noticed_in_header_and_text() {
        let message = prepared(&format!("{FULL}To: b@x.org\nSubject: ü\n\nü\n"), "").unwrap();
        assert!(message.utf8_header && message.shape(Transport::SevenBit).is_none());
    }
}
