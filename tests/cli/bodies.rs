//! What stands in messages: dots, and bare CR and LF, with which one message becomes two.

use crate::message::Message;
use crate::program::Ehlo;
use crate::server::Server;

fn delivered(arguments: &[&str], input: Option<&[u8]>) -> Message {
    let server = Server::start(|talk| talk.take());
    let mut ehlo = Ehlo::to(&server)
        .args(["-q", "bob@hamburger.edu"])
        .args(arguments);
    if let Some(input) = input {
        ehlo = ehlo.input(input);
    }
    let run = ehlo.run();
    let message = server.finish();
    run.exits(0).is_silent();
    message
}

/// Bodies with dots and ends of all kinds, and what must arrive.
const DOTS: [(&str, &str); 9] = [
    (".\n", ".\r\n"),
    ("..\n", "..\r\n"),
    (".a\n.b\n..c\n", ".a\r\n.b\r\n..c\r\n"),
    ("a\n.\nb\n", "a\r\n.\r\nb\r\n"),
    ("a\r\n.\r\nb\r\n", "a\r\n.\r\nb\r\n"),
    ("no line end", "no line end\r\n"),
    ("last is a dot\n.", "last is a dot\r\n.\r\n"),
    ("\n\n\n", "\r\n\r\n\r\n"),
    (".", ".\r\n"),
];

#[test]
fn lines_with_dots_arrive_as_they_were_given() {
    for (text, arrives) in DOTS {
        let message = delivered(&["-b", text], None);
        assert_eq!(message.body(), arrives, "{text:?} as an argument");
        let message = delivered(&["-b", "-"], Some(text.as_bytes()));
        assert_eq!(message.body(), arrives, "{text:?} on stdin");
        let message = delivered(&[], Some(text.as_bytes()));
        assert_eq!(message.body(), arrives, "{text:?} on stdin, unasked");
    }
}

#[test]
fn dots_in_a_ready_message_arrive_as_they_were_given() {
    for (text, arrives) in DOTS {
        let whole = format!("From: alice@crepes.fr\nSubject: x\n\n{text}");
        let message = delivered(&["--message", "-"], Some(whole.as_bytes()));
        assert_eq!(message.body(), arrives, "{text:?}");
    }
}

#[test]
fn an_empty_message_arrives_empty() {
    for (arguments, input) in [
        (&["-b", ""][..], None),
        (&["-b", "-"], Some(&b""[..])),
        (&[], Some(b"")),
        (&["-b", "@/dev/null"], None),
    ] {
        assert_eq!(delivered(arguments, input).body(), "", "{arguments:?}");
    }
}

#[test]
fn dots_on_the_border_of_blocks_arrive_as_they_were_given() {
    // Whatever the size of a block is, some of these lines begin on its border.
    for shift in 0..4 {
        let text = format!("{}\n{}", "x".repeat(shift), ".\n..\n.a\n".repeat(40_000));
        let message = delivered(&["-b", "-"], Some(text.as_bytes()));
        assert!(
            message.body() == text.replace('\n', "\r\n"),
            "shift {shift}"
        );
    }
}

/// Sequences that some server has taken for the end of a message (CVE-2023-51764 and kin), each with a
/// command behind it that must stay text.
const SMUGGLERS: [&str; 14] = [
    "\n.\n",
    "\n.\r\n",
    "\r\n.\n",
    "\r.\r",
    "\r\n.\r",
    "\r.\r\n",
    "\n.\r",
    "\r.\n",
    "\r\n.\r\n",
    "\r\n\x2e\r\r\n",
    "\r\r\n.\r\r\n",
    "\n\r.\n\r",
    "\r",
    "\n\r",
];

const COMMAND: &str = "MAIL FROM:<eve@evil.example>";

fn smuggled(sequence: &str) -> [String; 3] {
    [
        format!("{sequence}{COMMAND}{sequence}text"),
        format!("text{sequence}{COMMAND}{sequence}text"),
        format!("text {COMMAND}{sequence}"),
    ]
}

/// `Message::stored` panics at a bare CR or LF; the server script fails at a second MAIL.
#[track_caller]
fn is_one_message(message: &Message) {
    assert!(!message.stored().is_empty());
}

#[test]
fn no_sequence_in_a_text_is_the_end_of_the_message() {
    for text in SMUGGLERS.iter().flat_map(|sequence| smuggled(sequence)) {
        let message = delivered(&["-b", "-"], Some(text.as_bytes()));
        is_one_message(&message);
        let parsed = message.text();
        let parsed = mail_parser::MessageParser::default()
            .parse(&parsed)
            .unwrap();
        let body = parsed.body_text(0).unwrap();
        assert!(body.contains(COMMAND), "{text:?} became {body:?}");
    }
}

#[test]
fn no_sequence_in_an_argument_is_the_end_of_the_message() {
    for text in SMUGGLERS.iter().flat_map(|sequence| smuggled(sequence)) {
        is_one_message(&delivered(&["-b", &text], None));
    }
}

#[test]
fn no_sequence_in_a_ready_message_is_its_end() {
    for text in SMUGGLERS.iter().flat_map(|sequence| smuggled(sequence)) {
        let whole = format!("From: alice@crepes.fr\r\nSubject: x\r\n\r\n{text}");
        let message = delivered(&["--message", "-"], Some(whole.as_bytes()));
        is_one_message(&message);
        assert!(message.body().contains(COMMAND), "{text:?}");
    }
}

#[test]
fn no_sequence_in_an_attachment_is_the_end_of_the_message() {
    for (n, text) in SMUGGLERS
        .iter()
        .flat_map(|sequence| smuggled(sequence))
        .enumerate()
    {
        let server = Server::start(|talk| talk.take());
        // Text and octets, which may go different ways.
        let name = ["a.txt", "a.bin", "a.eml"][n % 3];
        let ehlo = Ehlo::to(&server).args(["-q", "-a", name]);
        ehlo.file(name, &text);
        let run = ehlo.text_to_bob().run();
        let message = server.finish();
        run.exits(0).is_silent();
        is_one_message(&message);
        let wire = message.text();
        let parsed = mail_parser::MessageParser::default().parse(&wire).unwrap();
        let attachment = parsed.attachment(0).unwrap();
        assert_eq!(attachment.contents(), text.as_bytes(), "{name}");
    }
}

#[test]
fn a_header_that_ends_in_bare_line_ends_goes_with_right_ones() {
    for end in ["\n", "\r", "\r\n"] {
        let whole = [
            "From: alice@crepes.fr",
            "Subject: x",
            " folded",
            "",
            "hi",
            "",
        ]
        .join(end);
        let message = delivered(&["--message", "-"], Some(whole.as_bytes()));
        is_one_message(&message);
        assert!(message.header().contains("Subject: x folded"), "{end:?}");
        assert_eq!(message.body(), "hi\r\n", "{end:?}");
    }
}
