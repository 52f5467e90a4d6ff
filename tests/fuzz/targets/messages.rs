//! ReadyMessage messages, by --message and by sendmail: what comes out has CRLF alone, no line that is too long, the
//! announced size, and the same content when it is read again. sendmail's has the fields that every message needs,
//! and hides Bcc.

#![no_main]

use ehlo::mail::crypt::CryptOptions;
use ehlo::mail::dkim::Signer;
use ehlo::mail::address::{Address, Mailbox};
use ehlo::mail::envelope::Dsn;
use ehlo::mail::message::{
    Content, HeldBytes, Input, Message, MessageOptions, ReadyMessage, Submission,
    SubmissionFields,
};
use ehlo::mail::rewrite::{self, HostNames, Rewriter};
use ehlo::smtp::blocks::{Block, BodyType, Replay};
use libfuzzer_sys::fuzz_target;
use std::time::SystemTime;

/// The longest line without its CRLF (RFC 5322 §2.1.1).
const LONGEST: usize = 998;

fuzz_target!(|data: &[u8]| {
    if let Some(message) = ready(data) {
        check(&message);
        is_the_same_again(&message);
    }
    for of_header in [false, true] {
        if let Some(message) = submitted(data, of_header) {
            let Some(wire) = check(&message) else {
                continue;
            };
            has_what_it_needs(&wire);
        }
    }
});

fn input(data: &[u8]) -> Input {
    Input::Held(HeldBytes::bytes("the input", data.to_vec()))
}

fn alice() -> Address {
    Address::parse("alice@crepes.fr").unwrap()
}

/// The message of --message, if it is one, to those whom it names.
fn ready(data: &[u8]) -> Option<Message> {
    let ready = ReadyMessage {
        input: input(data),
        from: Mailbox {
            name: None,
            address: alice(),
        },
        headers: Vec::new(),
        recipients: Vec::new(),
        sender_is_known: false,
        no_date: false,
        no_message_id: false,
    };
    let options = MessageOptions::of(Content::Ready(ready));
    Message::build(options, SystemTime::UNIX_EPOCH).ok()
}

/// The message of sendmail, to bob or, as with -t, to those whom it names.
fn submitted(data: &[u8], of_header: bool) -> Option<Message> {
    let bob = (!of_header).then(|| "bob@hamburger.edu".to_owned());
    let submission = Submission {
        input: input(data),
        dot_ends: false,
        recipients: bob.into_iter().collect(),
        recipients_of_header: of_header,
        sender: Some(alice().to_string()),
        full_name: None,
        dsn: Dsn::default(),
        utf8: false,
        trace: None,
        signer: Signer::default(),
        crypt: CryptOptions::default(),
        fields: SubmissionFields::default(),
    };
    let names = HostNames {
        node: "sun".to_owned(),
        fqdn: "sun.crepes.fr".to_owned(),
        mail: "crepes.fr".to_owned(),
    };
    let options = rewrite::RewriteOptions {
        aliases: Some("/dev/null".into()),
        ..rewrite::RewriteOptions::default()
    };
    let rewriter = Rewriter::with_names(&options, names);
    Message::submit(&submission, &rewriter, SystemTime::UNIX_EPOCH).ok()
}

/// Checks the message in every form that it has, and returns the simplest.
fn check(message: &Message) -> Option<Vec<u8>> {
    assert!(!message.envelope.recipients.is_empty());
    let mut simplest = None;
    for able in [BodyType::SevenBit, BodyType::EightBit, BodyType::Binary] {
        let Some(wire) = wire(message, able) else {
            continue;
        };
        let lines = lines(&wire);
        if able != BodyType::Binary {
            assert!(lines.iter().all(|line| line.len() <= LONGEST));
        }
        // A header in UTF-8 asks for SMTPUTF8, whatever the body is.
        let from = if message.utf8_header {
            header_len(&wire)
        } else {
            0
        };
        assert!(able != BodyType::SevenBit || wire[from..].is_ascii());
        simplest.get_or_insert(wire);
    }
    simplest
}

/// A message that was made ready is sent as it is, unless Bcc was all that named recipients.
fn is_the_same_again(message: &Message) {
    let wire = wire(message, BodyType::Binary).unwrap();
    if let Some(again) = ready(&wire) {
        let again = self::wire(&again, BodyType::Binary).unwrap();
        assert_eq!(
            again.escape_ascii().to_string(),
            wire.escape_ascii().to_string()
        );
    }
}

fn wire(message: &Message, able: BodyType) -> Option<Vec<u8>> {
    let shape = message.shape(able.with_utf8())?;
    let mut out = Vec::new();
    let mut blocks = message.blocks(shape);
    while blocks.append(&mut out).unwrap() != Block::End {}
    assert_eq!(out.len() as u64, shape.size);
    Some(out)
}

/// The lines of a message, none of which has a CR or LF.
fn lines(wire: &[u8]) -> Vec<&[u8]> {
    let mut lines = Vec::new();
    let mut rest = wire;
    while let Some(at) = rest.windows(2).position(|two| two == b"\r\n") {
        lines.push(&rest[..at]);
        rest = &rest[at + 2..];
    }
    lines.push(rest);
    for line in &lines {
        assert!(!line.contains(&b'\r') && !line.contains(&b'\n'), "{line:?}");
    }
    lines
}

/// Date, From and Message-ID, no Bcc; and handed to sendmail again, the text stays.
fn has_what_it_needs(wire: &[u8]) {
    let header = header(wire);
    for name in ["date", "from", "message-id"] {
        assert!(count(&header, name) >= 1, "{name}: {}", wire.escape_ascii());
    }
    assert_eq!(count(&header, "bcc"), 0, "{}", wire.escape_ascii());
    // Addresses that are none are changed at each turn, the text is not.
    let again = submitted(wire, false).expect("what was submitted can be submitted");
    let again = self::wire(&again, BodyType::Binary).unwrap();
    let body = |wire: &[u8]| wire[header_len(wire)..].escape_ascii().to_string();
    assert_eq!(body(&again), body(wire));
}

fn header_len(wire: &[u8]) -> usize {
    header(wire).iter().map(|line| line.len() + 2).sum()
}

fn header(wire: &[u8]) -> Vec<&[u8]> {
    lines(wire)
        .into_iter()
        .take_while(|line| !line.is_empty())
        .collect()
}

/// How many fields have this name.
fn count(header: &[&[u8]], name: &str) -> usize {
    let named = header.iter().filter(|line| {
        let colon = line.iter().position(|&byte| byte == b':');
        let found = colon.map(|at| line[..at].trim_ascii_end());
        found.is_some_and(|found| found.eq_ignore_ascii_case(name.as_bytes()))
    });
    named.count()
}
