//! Messages composed at random and read back: every part byte for byte, every header text character
//! for character, in every shape that a server may ask for.

use ehlo::mail::address::{ListEntry, Mailbox, decoded, parse_list};
use ehlo::mail::message::{
    Attachment, Content, HeaderField, Input, Message, MessageDraft, MessageOptions,
    TextAlternatives,
};
use ehlo::smtp::blocks::{Block, BodyType, Replay};
use mail_parser::{MessageParser, MimeHeaders};
use proptest::prelude::*;
use std::fs;
use std::path::Path;
use std::time::SystemTime;

/// What is composed.
#[derive(Clone, Debug)]
struct Letter {
    subject: String,
    name: String,
    body: String,
    files: Vec<(String, Vec<u8>)>,
}

/// Words that have led writers of headers astray, and any characters that may stand on a line.
fn words() -> impl Strategy<Value = String> {
    let word = prop_oneof![
        "[a-zA-Z0-9]{1,12}",
        "[ -~]{0,10}",
        Just("=?utf-8?q?a?=".to_owned()),
        Just("=?".to_owned()),
        Just("\"quoted\" \\".to_owned()),
        Just("e\u{301}\u{323}".to_owned()),
        Just("👩‍👩‍👧🏳️‍🌈".to_owned()),
        Just("日本語の名前".to_owned()),
        Just("   ".to_owned()),
        Just(String::new()),
        "[a-z]{100,400}",
        "[^\\p{C}\\p{Z}]{1,40}",
    ];
    prop::collection::vec(word, 1..8).prop_map(|words| words.join(" "))
}

/// A name of a person or a file, which begins and ends with no blank.
fn name() -> impl Strategy<Value = String> {
    words().prop_filter_map("a name has a character", |words| {
        let name = words.trim().replace('/', "");
        let name = name.trim();
        (!name.is_empty() && name != "." && name != "..").then(|| name.to_owned())
    })
}

fn body() -> impl Strategy<Value = String> {
    let piece = prop_oneof![
        Just("\n".to_owned()),
        Just("\r\n".to_owned()),
        Just("\r".to_owned()),
        Just(".".to_owned()),
        Just("From ".to_owned()),
        Just(" ".to_owned()),
        Just("\t".to_owned()),
        Just("=\0".to_owned()),
        Just("x".repeat(997)),
        "[ -~]{0,90}",
        "\\PC{0,40}",
    ];
    prop::collection::vec(piece, 0..30).prop_map(|pieces| pieces.concat())
}

fn bytes() -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![
        prop::collection::vec(any::<u8>(), 0..300),
        body().prop_map(String::into_bytes),
        (any::<u8>(), 16_000_usize..60_000).prop_map(|(byte, count)| vec![byte; count]),
    ]
}

fn letter() -> impl Strategy<Value = Letter> {
    let files = prop::collection::vec((name(), bytes()), 0..4);
    (words(), name(), body(), files).prop_map(|(subject, name, body, files)| Letter {
        subject,
        name,
        body,
        files,
    })
}

impl Letter {
    fn options(&self, directory: &Path) -> MessageOptions {
        let attach = |(at, (name, content)): (usize, &(String, Vec<u8>))| {
            let path = directory.join(at.to_string());
            fs::write(&path, content).unwrap();
            Attachment {
                name: Some(name.clone()),
                media_type: Some("application/x-test".to_owned()),
                ..Attachment::new(Input::File(path))
            }
        };
        let person = Mailbox {
            name: Some(self.name.clone()),
            ..Mailbox::parse("alice@crepes.fr").unwrap()
        };
        MessageOptions::of(Content::Draft(Box::new(MessageDraft {
            to: vec![ListEntry::Mailbox(person.clone())],
            from: person,
            cc: parse_list("Team: c@x.test, d@x.test;").unwrap(),
            bcc: Vec::new(),
            reply_to: Vec::new(),
            subject: Some(self.subject.clone()),
            headers: vec![HeaderField {
                name: "Comments".to_owned(),
                value: self.subject.clone(),
            }],
            text: TextAlternatives {
                body: Some(Input::Text(self.body.clone())),
                ..TextAlternatives::default()
            },
            inline: Vec::new(),
            attachments: self.files.iter().enumerate().map(attach).collect(),
            messages: Vec::new(),
            no_date: false,
            no_message_id: false,
        })))
    }

    fn build(&self) -> Message {
        let directory = tempfile::tempdir().unwrap();
        let options = self.options(directory.path());
        let built = Message::build(options, SystemTime::UNIX_EPOCH).unwrap();
        // Large files are read again from what was opened.
        drop(directory);
        built
    }

    /// The text as it is to arrive: every line end is CRLF.
    fn text(&self) -> String {
        let plain = self.body.replace("\r\n", "\n").replace('\r', "\n");
        plain.replace('\n', "\r\n")
    }

    fn check(&self, wire: &[u8]) {
        let parsed = MessageParser::default().parse(wire).unwrap();
        let subject = parsed.subject().unwrap_or_default();
        // Blanks around a text are no part of it.
        assert_eq!(subject.trim(), self.subject.trim());
        let remark = parsed.header("Comments").and_then(|value| value.as_text());
        // A field is given as it is written, so that an encoded word in it is one.
        let given = decoded(&self.subject);
        assert_eq!(remark.unwrap_or_default().trim(), given.trim());
        for people in [parsed.from(), parsed.to()] {
            assert_eq!(people.unwrap().first().unwrap().name(), Some(&*self.name));
        }
        let body = parsed.body_text(0).unwrap_or_default().into_owned();
        let has_own_text = self.files.is_empty() || !self.body.is_empty();
        if has_own_text {
            let is_alone = self.files.is_empty();
            let line_end = if is_alone && !self.text().ends_with('\n') {
                "\r\n"
            } else {
                ""
            };
            let whole = self.text() + line_end;
            assert!(
                body == self.text() || body == whole,
                "{body:?} for {:?}",
                self.body
            );
        }
        assert_eq!(parsed.attachment_count(), self.files.len());
        for (part, (name, content)) in parsed.attachments().zip(&self.files) {
            assert_eq!(part.attachment_name(), Some(&**name));
            assert_eq!(part.contents(), content, "{name}");
        }
    }
}

/// The message for a server of these abilities, whose size was known before.
fn wire(message: &Message, able: BodyType) -> (BodyType, Vec<u8>) {
    let shape = message.shape(able.with_utf8()).unwrap();
    let mut out = Vec::new();
    let mut blocks = message.blocks(shape);
    while blocks.append(&mut out).unwrap() != Block::End {}
    assert_eq!(out.len() as u64, shape.size, "the announced size is wrong");
    (shape.transport, out)
}

fn check_lines(wire: &[u8], transport: BodyType) {
    let header = wire
        .windows(4)
        .position(|four| four == b"\r\n\r\n")
        .unwrap();
    assert!(wire[..header].is_ascii(), "the header is not ASCII");
    let lines = if transport == BodyType::Binary {
        &wire[..header + 2]
    } else {
        wire
    };
    assert!(lines.ends_with(b"\r\n"), "the last line has no end");
    for line in lines.split(|&byte| byte == b'\n') {
        let inner = line.strip_suffix(b"\r").unwrap_or(line);
        assert!(inner.len() == line.len().saturating_sub(1), "a bare LF");
        assert!(!inner.contains(&b'\r'), "a bare CR");
        assert!(inner.len() <= 998, "a line of {} octets", inner.len());
    }
    if transport == BodyType::SevenBit {
        assert!(wire.is_ascii() && !wire.contains(&0));
    }
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: 300,
        max_shrink_time: 4_000,
        failure_persistence: None,
        ..ProptestConfig::default()
    })]

    #[test]
    fn what_was_composed_comes_back(letter in letter()) {
        let message = letter.build();
        for able in [BodyType::SevenBit, BodyType::EightBit, BodyType::Binary] {
            let (transport, wire) = wire(&message, able);
            prop_assert!(transport <= able);
            check_lines(&wire, transport);
            letter.check(&wire);
        }
    }

    #[test]
    fn a_control_character_in_an_address_list_makes_no_line(
        before in "[a-z ]{0,9}",
        control in "[\\x00-\\x08\\x0a-\\x1f\\x7f]",
        after in "[a-z: ]{0,9}",
    ) {
        let list = format!("\"{before}{control}{after}\" <bob@example.org>");
        prop_assert!(parse_list(&list).is_err());
    }
}
