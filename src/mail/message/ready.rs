//! A ready message: sent unchanged, except for line ends, Bcc, Return-Path and missing fields.

use crate::mail::address::{Address, ListEntry, parse_list};
use crate::mail::crypt::CryptOptions;
use crate::mail::envelope::{Dsn, Envelope};
use crate::mail::message::convert::Signed;
use crate::mail::message::fields::{check_repeats, is_once, remove_void, written};
use crate::mail::message::finish::{
    Author, ExistingBody, MissingFields, UnfinishedBody, UnfinishedMessage,
};
use crate::mail::message::header_reader::{HeaderMode, MessageHeader, RawField};
use crate::mail::message::source::Source;
use crate::mail::message::{
    BuildNotes, HeaderField, Input, MessageError, ReadyMessage, recipients,
};

/// Reads the message. The envelope's sender is the message's author, if it names one.
pub fn read(ready: &ReadyMessage) -> Result<UnfinishedMessage, MessageError> {
    let source = open(&ready.input)?;
    let mut header = MessageHeader::read(&source, HeaderMode::Strict)?;
    remove_void(&mut header.fields);
    put_before(&mut header, &ready.headers)?;
    let recipients = if ready.recipients.is_empty() {
        named_recipients(&header)?
    } else {
        recipients(&ready.recipients)
    };
    let author = match author(&header) {
        Err(_) if ready.sender_is_known => None,
        author => author?,
    };
    let sender = author.iter().flat_map(ListEntry::mailboxes);
    let sender = sender.map(|mailbox| mailbox.address.clone()).next();
    let author = author.unwrap_or_else(|| ListEntry::Mailbox(ready.from.clone()));
    Ok(UnfinishedMessage {
        envelope: Envelope {
            sender,
            recipients,
            dsn: Dsn::default(),
        },
        fields: header.fields,
        body: UnfinishedBody::Existing(ExistingBody {
            source,
            offset: header.body_at,
            signed: Signed::Kept,
        }),
        utf8: true,
        missing: Some(MissingFields {
            date: !ready.no_date,
            message_id: !ready.no_message_id,
            from: true,
            to: true,
            author: Author::Entry(author),
        }),
        crypt: CryptOptions::default(),
        keeps_bcc: false,
        notes: BuildNotes::default(),
    })
}

fn open(input: &Input) -> Result<Source, MessageError> {
    let source = Source::open(input.clone())?.without_byte_order_mark()?;
    if source.len == 0 {
        return Err(MessageError::Text {
            name: source.name,
            what: "it is empty".to_owned(),
        });
    }
    Ok(source)
}

/// Puts fields before those of the message, as for a message that is resent (RFC 5322 §3.6.6).
fn put_before(header: &mut MessageHeader, fields: &[HeaderField]) -> Result<(), MessageError> {
    let mut before = Vec::new();
    check_repeats(fields)?;
    for field in fields {
        if is_once(&field.name) && header.find(&field.name.to_ascii_lowercase()).is_some() {
            return Err(MessageError::Field {
                name: field.name.clone(),
                why: "is already in the message, which is sent unchanged",
            });
        }
        before.push(RawField::made(&field.name, written(field)?));
    }
    header.fields.splice(0..0, before);
    Ok(())
}

/// The first author in the message, or the sender that resent it.
fn author(header: &MessageHeader) -> Result<Option<ListEntry>, MessageError> {
    let resent = header.find("resent-to").or(header.find("resent-from"));
    let names: &[&str] = match resent {
        Some(_) => &["resent-sender", "resent-from", "sender", "from"],
        None => &["sender", "from"],
    };
    for name in names {
        if let Some(field) = header.find(name) {
            return Ok(entries(field)?.into_iter().next());
        }
    }
    Ok(None)
}

/// The recipients in the message, or those it was resent to (RFC 5322 §3.6.6).
fn named_recipients(header: &MessageHeader) -> Result<Vec<Address>, MessageError> {
    let of = |names: [&str; 3]| {
        let mut all = Vec::new();
        for field in &header.fields {
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

fn entries(field: &RawField) -> Result<Vec<ListEntry>, MessageError> {
    parse_list(&field.value()?).map_err(|error| MessageError::Address {
        field: field.name.clone(),
        error,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::mail::address::Mailbox;
    use crate::mail::dkim::Signer;
    use crate::mail::message::Message;
    use crate::smtp::blocks::{Block, BodyType, Replay};
    use std::time::SystemTime;

    fn ready(text: &str, recipients: &str) -> ReadyMessage {
        ReadyMessage {
            input: Input::Text(text.to_owned()),
            from: Mailbox::parse("login@here.example").unwrap(),
            headers: Vec::new(),
            recipients: parse_list(recipients).unwrap(),
            sender_is_known: false,
            no_date: false,
            no_message_id: false,
        }
    }

    fn finished(ready: &ReadyMessage) -> Result<Message, MessageError> {
        read(ready)?.finish(None, &Signer::default(), SystemTime::UNIX_EPOCH)
    }

    fn prepared(text: &str, recipients: &str) -> Result<Message, MessageError> {
        finished(&ready(text, recipients))
    }

    fn wire(message: &Message) -> String {
        let mut out = Vec::new();
        let shape = message.shape(BodyType::EightBit.with_utf8()).unwrap();
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
    fn bcc_is_removed_and_its_addresses_are_recipients() {
        // RFC 5322 §3.6.3
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
        let field = |name: &str, value: &str| HeaderField::new(name, value);
        let resent = ReadyMessage {
            headers: vec![
                field("Resent-To", "Jürgen <c@x.org>"),
                field("Resent-Bcc", "d@x.org"),
            ],
            ..ready(&format!("{FULL}To: b@x.org\n\nhi\n"), "")
        };
        let message = finished(&resent).unwrap();
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
    fn missing_fields_are_added_at_the_end_of_the_header() {
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
    fn header_without_recipients_gets_an_empty_group() {
        let text = format!("{FULL}To: \nCc: (nobody)\nReply-To:\n , \nBcc: b@x.org\n\nhi\n");
        let wire = wire(&prepared(&text, "").unwrap());
        let (head, _) = wire.split_once("\r\n\r\n").unwrap();
        assert!(head.ends_with("\r\nTo: undisclosed-recipients:;"), "{head}");
        assert!(
            !head.contains("Cc:") && !head.contains("Reply-To"),
            "{head}"
        );
        let named = prepared(&format!("{FULL}Cc: b@x.org\n\nhi\n"), "").unwrap();
        assert!(!super::tests::wire(&named).contains("To:"));
    }

    #[test]
    fn raw_utf8_in_a_field_that_is_added_counts() {
        let from = Mailbox::parse("J\u{fc}rgen <j\u{fc}rgen@here.example>").unwrap();
        let given = ReadyMessage {
            from,
            ..ready("To: b@x.org\n\nhi\n", "")
        };
        let message = finished(&given).unwrap();
        assert!(message.utf8_header);
    }

    #[test]
    fn nothing_is_added_that_testers_leave_out_and_any_author_will_do_for_a_known_sender() {
        let text = "From: different\nTo: another\n\nbody\n";
        assert!(prepared(text, "b@x.org").is_err());
        let bare = ReadyMessage {
            sender_is_known: true,
            no_date: true,
            no_message_id: true,
            ..ready(text, "b@x.org")
        };
        let message = finished(&bare).unwrap();
        assert_eq!(wire(&message), text.replace('\n', "\r\n"));
    }

    #[test]
    fn a_byte_order_mark_before_the_header_is_left_out() {
        let text = format!("\u{feff}{FULL}To: b@x.org\n\nhi\n");
        let wire = wire(&prepared(&text, "").unwrap());
        assert!(wire.starts_with("From: a@x.org\r\n"), "{wire}");
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
    fn invalid_message_is_refused_with_the_line() {
        let signed = "MIME-Version: 1.0\nContent-Type: multipart/signed; boundary=b\n";
        let long = "x".repeat(999);
        let signed = format!("{FULL}{signed}\n--b\n\n{long}\n--b--\n");
        for (text, reason) in [
            ("hello\n", "line 1 is not a header field"),
            (" x\n", "line 1 continues"),
            (
                "To: b@x.org\nhello there\n\n",
                "line 2 is not a header field",
            ),
            ("To: b@x.org\nSubject: a\0b\n\n", "contains a NUL"),
            (
                signed.as_str(),
                "over 998 bytes (RFC 5321 §4.5.3.1.6) in a part that must not",
            ),
            ("To: b\n\nhi", "has no @domain"),
        ] {
            let error = prepared(text, "").unwrap_err().to_string();
            assert!(error.contains(reason), "{text:?}: {error}");
        }
    }

    #[test]
    fn lines_over_998_octets_and_nuls_are_encoded() {
        let long = "x ".repeat(600);
        let text = format!("{FULL}To: b@x.org\nSubject: {long}\n\n{long}\n\0\n");
        let wire = wire(&prepared(&text, "").unwrap());
        assert!(wire.split("\r\n").all(|line| line.len() <= 998), "{wire}");
        let (head, body) = wire.split_once("\r\n\r\n").unwrap();
        assert!(
            head.ends_with("\r\nContent-Transfer-Encoding: quoted-printable"),
            "{head}"
        );
        let body = body.replace("=\r\n", "").replace("=20", " ");
        assert_eq!(body, format!("{long}\r\n=00\r\n"));
    }

    #[test]
    fn octets_above_127_are_noticed_in_header_and_text() {
        let message = prepared(&format!("{FULL}To: b@x.org\nSubject: ü\n\nü\n"), "").unwrap();
        assert!(message.utf8_header && message.shape(BodyType::SevenBit.with_utf8()).is_none());
    }
}
