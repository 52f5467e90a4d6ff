use crate::mail::address::Mailbox;
use crate::mail::address::parse_list;
use crate::mail::dkim::Signer;
use crate::mail::message::compose::*;
use crate::mail::message::{Attachment, HeaderField, Input, Message, TextAlternatives};
use crate::smtp::blocks::{Block, BodyType, Replay};
use mail_parser::{MessageParser, MimeHeaders};
use std::io::Write as _;

fn draft(body: &str) -> MessageDraft {
    MessageDraft {
        from: Mailbox::parse("Alice <alice@crepes.fr>").unwrap(),
        to: parse_list("bob@hamburger.edu").unwrap(),
        cc: Vec::new(),
        bcc: Vec::new(),
        reply_to: Vec::new(),
        subject: Some("Ketchup".to_owned()),
        headers: Vec::new(),
        text: TextAlternatives {
            body: Some(Input::Text(body.to_owned())),
            ..TextAlternatives::default()
        },
        inline: Vec::new(),
        attachments: Vec::new(),
        messages: Vec::new(),
        no_date: false,
        no_message_id: false,
    }
}

fn with_header(name: &str, value: &str) -> MessageDraft {
    let mut draft = draft("hi\n");
    draft.headers.push(HeaderField {
        name: name.to_owned(),
        value: value.to_owned(),
    });
    draft
}

fn composed(draft: MessageDraft) -> Result<Message, MessageError> {
    let now = SystemTime::UNIX_EPOCH;
    compose(draft, now)?.finish(None, &Signer::default(), now)
}

fn bytes(message: &Message) -> Vec<u8> {
    bytes_for(message, BodyType::SevenBit)
}

fn bytes_for(message: &Message, accepts: BodyType) -> Vec<u8> {
    let mut out = Vec::new();
    let shape = message.shape(accepts.with_utf8()).unwrap();
    let mut blocks = message.blocks(shape);
    while blocks.append(&mut out).unwrap() != Block::End {}
    assert_eq!(out.len() as u64, shape.size, "the announced size is wrong");
    out
}

fn wire(draft: MessageDraft) -> String {
    let out = String::from_utf8(bytes(&composed(draft).unwrap())).unwrap();
    assert!(
        !out.replace("\r\n", "").contains(['\r', '\n']),
        "bare CR or LF: {out:?}"
    );
    assert!(out.split("\r\n").all(|line| line.len() <= 998));
    out
}

fn body(text: &str) -> (String, String) {
    let wire = wire(draft(text));
    let parsed = MessageParser::default().parse(&wire).unwrap();
    let encoding = parsed
        .content_transfer_encoding()
        .unwrap_or_default()
        .to_owned();
    (
        encoding,
        parsed.body_text(0).unwrap_or_default().into_owned(),
    )
}

fn attached(name: &str, content: &[u8], given: Option<&str>) -> (tempfile::TempDir, Attachment) {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join(name);
    std::fs::File::create(&path)
        .unwrap()
        .write_all(content)
        .unwrap();
    let attachment = Attachment {
        media_type: given.map(str::to_owned),
        ..Attachment::new(Input::File(path.clone()))
    };
    (directory, attachment)
}

#[test]
fn a_short_text_is_a_short_message() {
    let wire = wire(draft("Do you like ketchup?"));
    for field in [
        "From: Alice <alice@crepes.fr>\r\n",
        "To: bob@hamburger.edu\r\n",
        "Subject: Ketchup\r\n",
        "MIME-Version: 1.0\r\n",
        "Content-Type: text/plain; charset=utf-8\r\n",
        "Content-Transfer-Encoding: 7bit\r\n",
    ] {
        assert!(wire.contains(field), "{wire}");
    }
    assert!(wire.ends_with("\r\n\r\nDo you like ketchup?\r\n"));
    let id = wire
        .lines()
        .find(|line| line.starts_with("Message-ID: <"))
        .unwrap();
    assert!(id.ends_with("@crepes.fr>"));
}

#[test]
fn the_encoding_follows_the_text_and_the_text_comes_back() {
    for (text, encoding) in [
        ("plain\n", "7bit"),
        (".\n..dots\n", "7bit"),
        ("Viele liebe Grüße\n", "quoted-printable"),
        ("trailing \nblank\t\n", "quoted-printable"),
        ("From here\n", "quoted-printable"),
        ("日本語日本語\n", "base64"),
        ("bell\x07\n", "base64"),
        ("NUL\0\n", "base64"),
    ] {
        let (how, back) = body(text);
        assert_eq!(how, encoding, "{text:?}");
        assert_eq!(back.replace("\r\n", "\n"), text);
    }
    assert_eq!(body(&"x".repeat(5000)).0, "quoted-printable");
}

#[test]
fn output_has_no_bare_cr_or_lf() {
    // wire() looks at every line end.
    for text in [
        "\n.\n",
        "\n.\r\n",
        "\r.\r",
        "\r\n.\r",
        "a\rb\nc\r\n",
        "\r",
        "\n\n\n",
        "é\r.\rx",
        "",
    ] {
        wire(draft(text));
    }
}

#[test]
fn text_that_is_not_utf8_is_sent_with_a_warning_with_the_offset() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("latin1.txt");
    std::fs::write(&path, b"gr\xfcn").unwrap();
    let mut draft = draft("");
    draft.text.body = Some(Input::File(path));
    let message = composed(draft).unwrap();
    assert!(message.warnings[0].contains("byte 2 is not valid UTF-8"));
    let wire = bytes(&message);
    let parsed = MessageParser::default().parse(&wire).unwrap();
    assert_eq!(parsed.body_text(0).unwrap(), "grün");
}

#[test]
fn attachments_come_back_byte_for_byte_with_name_and_type() {
    let content: Vec<u8> = (0..200_000_u32)
        .map(|n| (n % 251 * (n % 13)).to_le_bytes()[0])
        .collect();
    for (name, media_type) in [
        ("menu.pdf", "application/pdf"),
        ("menü 日本.png", "image/png"),
        ("strange", "application/octet-stream"),
        ("mail.eml", "application/octet-stream"),
        ("latin1.txt", "application/octet-stream"),
    ] {
        let (_directory, attachment) = attached(name, &content, None);
        let mut draft = draft("see there\n");
        draft.attachments = vec![attachment.clone(), attachment];
        let wire = wire(draft);
        let parsed = MessageParser::default().parse(&wire).unwrap();
        assert_eq!(parsed.body_text(0).unwrap(), "see there\r\n");
        assert_eq!(parsed.attachment_count(), 2);
        for part in parsed.attachments() {
            assert_eq!(part.contents(), content, "{name}");
            assert_eq!(part.attachment_name(), Some(name));
            let kind = part.content_type().unwrap();
            let kind = format!("{}/{}", kind.ctype(), kind.subtype().unwrap());
            assert_eq!(kind, media_type);
        }
    }
}

#[test]
fn bytes_that_happen_to_be_ascii_are_base64_all_the_same() {
    // lettre would send them as 7bit, with bare LFs and NULs as they are.
    let (_directory, attachment) = attached("a.bin", b"ascii\nwith\0NUL\n.\n", None);
    let mut draft = draft("");
    draft.attachments = vec![attachment];
    assert!(wire(draft).contains("Content-Transfer-Encoding: base64\r\n"));
}

#[test]
fn a_text_attachment_has_a_charset_and_keeps_its_line_ends() {
    let (_directory, attachment) = attached("a.txt", "ü\r\nb\nc\r".as_bytes(), None);
    let mut draft = draft("");
    draft.attachments = vec![attachment];
    let wire = wire(draft);
    assert!(
        wire.contains("Content-Type: text/plain; charset=utf-8; name=a.txt\r\n"),
        "{wire}"
    );
    let parsed = MessageParser::default().parse(&wire).unwrap();
    let part = parsed.attachment(0).unwrap();
    assert_eq!(part.text_contents().unwrap(), "ü\r\nb\nc\r");
}

#[test]
fn a_type_that_is_none_or_may_not_be_base64_is_refused() {
    for given in [
        "pdf",
        "text/plain\r\nBcc: x",
        "multipart/mixed",
        "message/rfc822",
        "",
        "a/b; c=\u{fc}",
    ] {
        let (_directory, attachment) = attached("a", b"x", Some(given));
        let mut draft = draft("");
        draft.attachments = vec![attachment];
        assert!(composed(draft).is_err(), "{given:?}");
    }
}

#[test]
fn a_changed_attachment_never_makes_a_whole_message() {
    let (directory, attachment) = attached("a", &vec![1; 300_000], None);
    let mut draft = draft("");
    draft.attachments = vec![attachment.clone()];
    let message = composed(draft).unwrap();
    std::fs::File::options()
        .write(true)
        .open(directory.path().join("a"))
        .unwrap()
        .set_len(100_000)
        .unwrap();
    let mut out = Vec::new();
    let mut blocks = message.blocks(message.shape(BodyType::SevenBit.with_utf8()).unwrap());
    let end = std::iter::repeat_with(|| blocks.append(&mut out))
        .find(|b| !matches!(b, Ok(Block::Lines | Block::DotFree)));
    assert!(end.unwrap().is_err());
}

#[test]
fn generated_field_is_replaced_and_other_fields_are_added() {
    let wire = wire(with_header("subject", "Mustard"));
    assert!(wire.contains("subject: Mustard\r\n") && !wire.contains("Ketchup"));
    let mut twice = with_header("X-Foo", "1");
    twice.headers.push(HeaderField {
        name: "X-Foo".to_owned(),
        value: "2".to_owned(),
    });
    let wire = self::wire(twice);
    assert!(wire.contains("X-Foo: 1\r\n") && wire.contains("X-Foo: 2\r\n"));
}

#[test]
fn date_with_another_zone_is_kept() {
    let wire = wire(with_header("Date", "Sun, 22 Nov 2026 22:15:30 +0530"));
    assert!(wire.contains("Date: Sun, 22 Nov 2026 22:15:30 +0530\r\n"));
    assert_eq!(wire.matches("Date: ").count(), 1);
}

#[test]
fn repeated_unique_fields_are_refused() {
    // RFC 5322 §3.6
    let mut twice = with_header("Subject", "1");
    twice.headers.push(HeaderField {
        name: "Subject".to_owned(),
        value: "2".to_owned(),
    });
    assert!(composed(twice).is_err());
}

#[test]
fn content_type_must_be_possible_for_the_text() {
    let wire = wire(with_header("Content-Type", "text/html; charset=UTF-8"));
    assert!(wire.contains("\r\nContent-Type: text/html; charset=UTF-8\r\n"));
    for bad in [
        "text/plain; charset=iso-8859-1",
        "multipart/mixed; boundary=x",
        "html",
    ] {
        assert!(composed(with_header("Content-Type", bad)).is_err(), "{bad}");
    }
}

#[test]
fn an_encoded_word_in_a_given_field_is_sent_as_it_is_written() {
    let word = "=?UTF-8?B?R3LDvMOfZSBhdXMgS8O2bG4=?=";
    for (field, line) in [
        (("Subject", word), format!("\r\nSubject: {word}\r\n")),
        (
            ("To", "=?utf-8?q?J=C3=BCrgen?= <j@x.org>"),
            "\r\nTo: =?utf-8?q?J=C3=BCrgen?= <j@x.org>\r\n".to_owned(),
        ),
    ] {
        let wire = wire(with_header(field.0, field.1));
        assert!(wire.contains(&line), "{wire}");
    }
}

#[test]
fn an_encoded_word_that_cannot_be_sent_as_it_is_written_is_encoded_anew() {
    let long = format!("=?utf-8?q?{}?=", "a".repeat(100));
    for (given, seen) in [
        (long.as_str(), "a".repeat(100)),
        (
            "=?utf-8?q?Gr=C3=BC=C3=9Fe?= für alle",
            "Grüße für alle".to_owned(),
        ),
    ] {
        let wire = wire(with_header("Subject", given));
        let parsed = MessageParser::default().parse(&wire).unwrap();
        assert_eq!(parsed.subject(), Some(&*seen), "{wire}");
        let subject = wire.split("\r\n").filter(|line| line.contains("=?"));
        assert!(subject.map(str::len).all(|len| len <= 76), "{wire}");
    }
}

#[test]
fn a_bcc_header_is_a_recipient_and_no_header() {
    let message = composed(with_header("BCC", "carol@x.org")).unwrap();
    assert_eq!(message.envelope.recipients.len(), 2);
    let wire = String::from_utf8(bytes(&message)).unwrap();
    assert!(!wire.to_lowercase().contains("\nbcc") && !wire.contains("carol"));
}

#[test]
fn message_without_visible_recipients_gets_an_empty_group() {
    let mut hidden = draft("hi");
    hidden.bcc = std::mem::take(&mut hidden.to);
    assert!(wire(hidden).contains("To: undisclosed-recipients:;\r\n"));
}

#[test]
fn everybody_gets_the_message_once() {
    let mut twice = draft("hi");
    twice.cc = parse_list("Bob <bob@HAMBURGER.edu>, carol@x.org, carol@x.org").unwrap();
    let message = composed(twice).unwrap();
    assert_eq!(message.envelope.recipients.len(), 2);
}

#[test]
fn names_and_subjects_of_all_scripts_come_back() {
    for name in [
        "Jürgen Groß",
        "Doe, John",
        "山田 太郎",
        "a \"b\" c",
        "😀 smile",
        "x=?utf-8?q?y?=",
    ] {
        let mut draft = draft("hi");
        draft.from.name = Some(name.to_owned());
        draft.subject = Some(name.to_owned());
        let wire = wire(draft);
        assert!(wire.is_ascii());
        let parsed = MessageParser::default().parse(&wire).unwrap();
        assert_eq!(parsed.from().unwrap().first().unwrap().name(), Some(name));
        assert_eq!(parsed.subject(), Some(name));
    }
}

mod tree;
