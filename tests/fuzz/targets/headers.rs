//! The header writer: whatever subject and name it is given, the lines are short, nothing starts a
//! new field, and the reader sees what was meant.

#![no_main]

use ehlo::mail::address::{Mailbox, parse_list};
use ehlo::mail::message::{
    Content, Input, Message, MessageDraft, MessageOptions, TextAlternatives,
};
use ehlo::smtp::blocks::{Block, BodyType, Replay};
use libfuzzer_sys::fuzz_target;
use mail_parser::MessageParser;
use std::time::SystemTime;

fuzz_target!(|text: &str| {
    if ehlo::system::text::forbidden(text).is_some() {
        return;
    }
    let wire = wire(text);
    let wire = std::str::from_utf8(&wire).unwrap();
    assert!(wire.is_ascii());
    for line in wire.split("\r\n") {
        assert!(
            line.len() <= 998 && !line.contains(['\r', '\n']),
            "{line:?}"
        );
    }
    let fields = wire.split_once("\r\n\r\n").unwrap().0;
    let names = fields
        .split("\r\n")
        .filter(|line| !line.starts_with([' ', '\t']));
    assert_eq!(names.count(), 8, "{fields}");
    let parsed = MessageParser::default().parse(wire).unwrap();
    let subject = parsed.subject().unwrap_or_default();
    assert_eq!(subject.trim(), text.trim());
});

fn wire(text: &str) -> Vec<u8> {
    let draft = MessageDraft {
        from: Mailbox {
            name: Some(text.to_owned()).filter(|name| !name.is_empty()),
            address: ehlo::mail::address::Address::parse("alice@crepes.fr").unwrap(),
        },
        to: parse_list("bob@hamburger.edu").unwrap(),
        cc: Vec::new(),
        bcc: Vec::new(),
        reply_to: Vec::new(),
        subject: Some(text.to_owned()),
        headers: Vec::new(),
        text: TextAlternatives {
            body: Some(Input::Text("hi\n".to_owned())),
            ..TextAlternatives::default()
        },
        inline: Vec::new(),
        attachments: Vec::new(),
        messages: Vec::new(),
        no_date: false,
        no_message_id: false,
    };
    let options = MessageOptions::of(Content::Draft(Box::new(draft)));
    let message = Message::build(options, SystemTime::UNIX_EPOCH).unwrap();
    let shape = message.shape(BodyType::SevenBit.with_utf8()).unwrap();
    let mut out = Vec::new();
    let mut blocks = message.blocks(shape);
    while blocks.append(&mut out).unwrap() != Block::End {}
    out
}
