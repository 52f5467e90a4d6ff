use crate::mail::crypt::CryptOptions;
use crate::mail::dkim::Signer;
use crate::mail::envelope::{Dsn, Return};
use crate::mail::message::SubmissionFields;
use crate::mail::message::submission::*;
use crate::mail::message::{Convertible, Input, Message, MessageError, Signed};
use crate::mail::rewrite::{HostNames, OriginalAddress, RewriteError, RewriteOptions, Rule};
use crate::smtp::blocks::{Block, BodyType, Replay};
use mail_parser::MessageParser;
use proptest::prelude::*;
use std::io::Write as _;
use std::time::SystemTime;

fn options() -> RewriteOptions {
    RewriteOptions {
        domain: Some("here.example".to_owned()),
        // Without the aliases of the system that runs the test.
        aliases: Some("/dev/null".into()),
        ..RewriteOptions::default()
    }
}

fn submission() -> Submission {
    Submission {
        input: Input::Text(String::new()),
        dot_ends: false,
        recipients: vec!["b@x.org".to_owned()],
        recipients_of_header: false,
        sender: Some("me@x.org".to_owned()),
        full_name: None,
        dsn: Dsn::default(),
        trace: None,
        utf8: false,
        signer: Signer::default(),
        crypt: CryptOptions::default(),
        fields: SubmissionFields::default(),
    }
}

fn submitted(
    text: &[u8],
    submission: Submission,
    options: &RewriteOptions,
) -> Result<Message, MessageError> {
    let mut file = tempfile::NamedTempFile::new().unwrap();
    file.write_all(text).unwrap();
    let submission = Submission {
        input: Input::File(file.path().to_owned()),
        ..submission
    };
    let names = HostNames {
        node: "sun".to_owned(),
        fqdn: "sun.here.example".to_owned(),
        mail: "here.example".to_owned(),
    };
    let rewriter = Rewriter::with_names(options, names);
    Message::submit(&submission, &rewriter, SystemTime::UNIX_EPOCH)
}

fn sent(text: impl AsRef<[u8]>) -> Message {
    submitted(text.as_ref(), submission(), &options()).unwrap()
}

/// The message with `-t`, without recipients on the command line.
fn sent_to_named(text: &str) -> Result<Message, MessageError> {
    let submission = Submission {
        recipients: Vec::new(),
        recipients_of_header: true,
        ..submission()
    };
    submitted(text.as_bytes(), submission, &options())
}

fn octets(message: &Message, accepts: BodyType) -> Vec<u8> {
    converted(message, accepts).unwrap()
}

/// The message for a server that accepts this body type.
fn converted(message: &Message, accepts: BodyType) -> Option<Vec<u8>> {
    let message = Convertible::new(message, Signed::Converted);
    let mut out = Vec::new();
    let shape = message.shape(accepts.with_utf8())?;
    let mut blocks = message.blocks(shape);
    while blocks.append(&mut out).unwrap() != Block::End {}
    assert_eq!(out.len() as u64, shape.size);
    Some(out)
}

fn wire(message: &Message) -> String {
    String::from_utf8(octets(message, BodyType::EightBit)).unwrap()
}

fn wire_7bit(message: &Message) -> String {
    String::from_utf8(octets(message, BodyType::SevenBit)).unwrap()
}

fn head_and_body(wire: &str) -> (&str, &str) {
    wire.split_once("\r\n\r\n").unwrap()
}

fn recipients_of(message: &Message) -> Vec<String> {
    let all = &message.envelope.recipients;
    all.iter().map(ToString::to_string).collect()
}

const FULL: &str = "From: a@x.org\nDate: Thu, 1 Jan 1970 00:00:00 +0000\n\
                    Message-ID: <1@x.org>\nTo: b@x.org\n";

#[test]
fn a_whole_message_is_changed_in_its_line_ends_only() {
    let text =
        format!("{FULL}Subject: a\n\tfolded   one\nX-Odd:\nSubject : b\r\n\nhi\n.\n..x\r\nlast");
    let right = text.replace("\r\n", "\n").replace('\n', "\r\n") + "\r\n";
    let message = sent(&text);
    assert_eq!(wire(&message), right);
    assert_eq!(message.envelope.sender.unwrap().to_string(), "me@x.org");
    assert!(message.warnings.is_empty());
}

#[test]
fn line_ends_of_every_kind_become_crlf() {
    let text = format!("{FULL}\na\rb\nc\r\r\nd\r\n.\r\re\n.\r\n");
    let wire = wire(&sent(&text));
    let (_, body) = head_and_body(&wire);
    assert_eq!(body, "a\r\nb\r\nc\r\n\r\nd\r\n.\r\n\r\ne\r\n.\r\n");
    let windows = text.replace('\n', "\r\n").replace("\r\r\n", "\r\n");
    assert!(!crate::mail::message::submission::tests::wire(&sent(windows)).contains("\r\r"));
}

#[test]
fn a_header_that_windows_wrote_in_text_mode_is_a_header() {
    let text = format!("{FULL}\nhi\n").replace('\n', "\r\r\n");
    let wire = wire(&sent(text));
    assert!(wire.starts_with("From: a@x.org\r\nDate: "), "{wire}");
    assert!(head_and_body(&wire).0.ends_with("To: b@x.org"));
}

#[test]
fn a_carriage_return_in_a_subject_makes_no_new_field() {
    let wire = wire(&sent(format!("{FULL}Subject: a\rBcc: eve@x.org\n\nhi\n")));
    assert!(wire.contains("\r\nSubject: a Bcc: eve@x.org\r\n"), "{wire}");
}

#[test]
fn a_message_with_nothing_but_carriage_returns_has_lines() {
    let wire = wire(&sent(format!("{FULL}\nhi\n").replace('\n', "\r")));
    assert!(wire.ends_with("To: b@x.org\r\n\r\nhi\r\n"), "{wire}");
}

#[test]
fn lone_dot_ends_the_message_unless_disabled() {
    let text = format!("{FULL}\none\n.\ntwo\n");
    let ending = Submission {
        dot_ends: true,
        ..submission()
    };
    let message = submitted(text.as_bytes(), ending, &options()).unwrap();
    assert!(wire(&message).ends_with("\r\n\r\none\r\n"));
    assert!(wire(&sent(text)).ends_with("one\r\n.\r\ntwo\r\n"));
}

#[test]
fn text_without_a_header_is_all_body() {
    for text in [
        "hello\n",
        " To: x\n",
        "From here on\nall is well\n",
        "From here on\n\nall is well\n",
        "no colon\nBcc: c@x.org\n",
        "From here on\n",
    ] {
        let wire = wire(&sent(text));
        let (head, body) = head_and_body(&wire);
        assert_eq!(body, text.replace('\n', "\r\n"), "{text:?}");
        for field in ["Date: ", "From: me@x.org", "Message-ID: <"] {
            let found = head.split("\r\n").any(|line| line.starts_with(field));
            assert!(found, "{field} in {head}");
        }
    }
}

#[test]
fn a_line_that_is_no_field_ends_the_header() {
    let wire = wire(&sent(format!("{FULL}hello there\nX-A: b\n\nmore\n")));
    let (head, body) = head_and_body(&wire);
    assert!(head.ends_with("To: b@x.org"));
    assert_eq!(body, "hello there\r\nX-A: b\r\n\r\nmore\r\n");
}

#[test]
fn mbox_lines_before_the_header_are_removed() {
    for separator in [
        "From a@x.org Thu Jan  1 00:00:00 1970\n",
        ">From x\n>>From y\n",
    ] {
        let wire = wire(&sent(format!("{separator}{FULL}\nFrom me\n")));
        assert!(wire.starts_with("From: a@x.org\r\n"), "{wire}");
        assert!(wire.ends_with("\r\n\r\nFrom me\r\n"), "{wire}");
    }
}

#[test]
fn nothing_at_all_is_an_empty_message() {
    for text in ["", "\n", "\r\n"] {
        let wire = wire(&sent(text));
        assert_eq!(head_and_body(&wire).1, "", "{wire}");
    }
}

#[test]
fn an_endless_line_without_a_colon_is_text() {
    let text = "x".repeat(9 * 1024 * 1024);
    let message = sent(&text);
    let wire = octets(&message, BodyType::SevenBit);
    let parsed = MessageParser::default().parse(&wire).unwrap();
    assert_eq!(parsed.body_text(0).unwrap().trim_end(), text);
}

#[test]
fn a_header_that_does_not_end_is_refused() {
    let text = "X-A: b\n".repeat(2 * 1024 * 1024);
    let error = submitted(text.as_bytes(), submission(), &options()).unwrap_err();
    assert!(matches!(error, MessageError::Text { .. }));
    assert!(
        error
            .to_string()
            .contains("the header has more than 8388608 bytes"),
        "{error}"
    );
}

#[test]
fn recipients_come_from_the_command_line_and_with_t_from_the_header_too() {
    let text = "To: b@x.org, root\nCc: C <c@x.org>\nbcc: d@x.org,\n e@X.ORG\nBCC : e@x.org\n\nhi\n";
    assert_eq!(
        recipients_of(&sent_to_named(text).unwrap()),
        [
            "b@x.org",
            "root@here.example",
            "c@x.org",
            "d@x.org",
            "e@X.ORG"
        ]
    );
    let both = Submission {
        recipients: vec!["z@x.org, b@x.org".to_owned()],
        recipients_of_header: true,
        ..submission()
    };
    let message = submitted(text.as_bytes(), both, &options()).unwrap();
    assert_eq!(
        recipients_of(&message)[..3],
        ["z@x.org", "b@x.org", "root@here.example"]
    );
    assert_eq!(recipients_of(&sent(text)), ["b@x.org"]);
}

#[test]
fn resent_fields_replace_the_other_recipients() {
    let text = "Resent-To: r1@x.org\nResent-Cc: r2@x.org\nReceived: x\nTo: b@x.org\n\
                Resent-Bcc: r3@x.org\nResent-To: old@x.org\nResent-Bcc: r4@x.org\n\nhi\n";
    let message = sent_to_named(text).unwrap();
    assert_eq!(
        recipients_of(&message),
        ["r1@x.org", "r2@x.org", "r3@x.org", "r4@x.org"]
    );
    let repeated = "Resent-From: a@x.org\nResent-To: r1@x.org\nResent-From: b@x.org\n\
                    Resent-To: old@x.org\n\n";
    assert_eq!(
        recipients_of(&sent_to_named(repeated).unwrap()),
        ["r1@x.org"]
    );
}

#[test]
fn nobody_to_send_to_is_an_error_of_the_command_line() {
    for text in ["Subject: x\n\nhi\n", "To: nobody:;\n\nhi\n"] {
        let error = sent_to_named(text).unwrap_err();
        assert!(matches!(error, MessageError::NoRecipientInHeader));
        assert!(error.to_string().contains("(-t)"), "{error}");
    }
    let nobody = Submission {
        recipients: Vec::new(),
        ..submission()
    };
    let error = submitted(b"hi", nobody, &options()).unwrap_err();
    assert!(matches!(error, MessageError::NoRecipient));
}

#[test]
fn an_address_that_cannot_be_used_does_not_keep_the_message_from_the_others() {
    for (to, right) in [
        ("a@x.org; c@x.org", &["a@x.org", "c@x.org"][..]),
        ("a@x.org, Bob <c@@x.org>", &["a@x.org"]),
        ("a@x.org, nobody-here", &["a@x.org"]),
    ] {
        let without_domain = RewriteOptions {
            domain: None,
            ..options()
        };
        let named = Submission {
            recipients: Vec::new(),
            recipients_of_header: true,
            ..submission()
        };
        let text = format!("To: {to}\nFrom: a@x.org\n\nhi\n");
        let message = submitted(text.as_bytes(), named, &without_domain).unwrap();
        assert_eq!(recipients_of(&message), right);
        assert_eq!(
            message.unusable.len(),
            2 - right.len(),
            "{:?}",
            message.unusable
        );
        assert!(message.unusable.iter().all(|why| why.starts_with("To: ")));
    }
}

#[test]
fn an_address_that_is_none_is_named_with_its_field() {
    let error = sent_to_named("To: b c@x.org\n\nhi\n").unwrap_err();
    assert!(matches!(error, MessageError::Rewrite { .. }));
    assert!(error.to_string().starts_with("To: "), "{error}");
    let options = RewriteOptions {
        domain: None,
        ..options()
    };
    let local = Submission {
        recipients: vec!["nosuch".to_owned()],
        ..submission()
    };
    let error = submitted(b"hi", local, &options).unwrap_err();
    let MessageError::Rewrite { error, .. } = error else {
        panic!("{error}");
    };
    assert!(matches!(*error, RewriteError::NoSuchLocal { .. }));
}

#[test]
fn fields_that_no_message_may_carry_go_in_all_their_spellings() {
    // RFC 5322 §3.6.3, RFC 5321 §4.4
    let gone = "Bcc: a1@x.org,\n a2@x.org\nbcc: a3@x.org\nBCC : a4@x.org\nresent-BCC: a5@x.org\n\
                Return-Path: <r@x.org>\nContent-Length: 12345\n";
    let message = sent(format!("{gone}{FULL}Subject: x\n{gone}\nhi\n"));
    let wire = wire(&message).to_lowercase();
    for part in [
        "bcc",
        "a1@",
        "a2@",
        "a3@",
        "a4@",
        "a5@",
        "return-path",
        "12345",
    ] {
        assert!(!wire.contains(part), "{part} in {wire}");
    }
}

#[test]
fn missing_fields_are_added_after_the_given_ones() {
    let named = Submission {
        full_name: Some("Jürgen\nBcc: x".to_owned()),
        ..submission()
    };
    let message = submitted(b"Subject: hi\nFrom: \n\ntext\n", named, &options()).unwrap();
    let wire = wire(&message);
    let (head, body) = head_and_body(&wire);
    assert_eq!(body, "text\r\n");
    assert!(head.starts_with("Subject: hi\r\nDate: "), "{head}");
    assert!(
        head.contains("\r\nFrom: =?utf-8?q?J=C3=BCrgen_Bcc=3A_x?= <me@x.org>\r\n"),
        "{head}"
    );
    assert_eq!(head.matches("From:").count(), 1);
}

#[test]
fn hidden_recipients_only_leave_an_empty_group() {
    // A generated Message-ID has no hyphen, so it cannot end in this address.
    let text = "Bcc: in-secret@x.org\nFrom: a@x.org\n\nhi\n";
    let wire = wire(&sent_to_named(text).unwrap());
    assert!(!wire.contains("in-secret@x.org"), "{wire}");
    assert!(
        wire.contains("\r\nTo: undisclosed-recipients:;\r\n"),
        "{wire}"
    );
}

#[test]
fn address_fields_without_an_address_are_removed() {
    let empty = "To: \nCc:\n ,\nReply-To: (none)\nSender:\nBcc: b@x.org\nSubject:\n\nhi\n";
    let wire = wire(&sent_to_named(empty).unwrap());
    let head = format!("\r\n{}\r\n", head_and_body(&wire).0);
    for name in ["Cc", "Reply-To", "Sender"] {
        assert!(!head.contains(&format!("\r\n{name}:")), "{head}");
    }
    assert!(
        head.contains("\r\nTo: undisclosed-recipients:;\r\n"),
        "{head}"
    );
    assert!(head.contains("\r\nSubject:\r\n"), "{head}");
}

#[test]
fn author_of_the_null_sender_is_the_user() {
    for sender in ["", "<>"] {
        let null = Submission {
            sender: Some(sender.to_owned()),
            ..submission()
        };
        let message = submitted(b"hi\n", null, &options()).unwrap();
        assert_eq!(message.envelope.sender, None);
        let from = format!("\r\nFrom: {}@here.example\r\n", user::login());
        assert!(wire(&message).contains(&from), "{}", wire(&message));
    }
    let user = Submission {
        sender: None,
        ..submission()
    };
    let message = submitted(b"hi\n", user, &options()).unwrap();
    let sender = message.envelope.sender.unwrap().to_string();
    assert_eq!(sender, format!("{}@here.example", user::login()));
}

#[test]
fn resent_message_gets_the_required_resent_fields() {
    let message = sent(format!("X-A: b\nResent-To: r@x.org\n{FULL}\nhi\n"));
    let wire = wire(&message);
    assert!(wire.starts_with("X-A: b\r\nResent-Date: "), "{wire}");
    for field in [
        "\r\nResent-Message-ID: <",
        "\r\nResent-From: me@x.org\r\nResent-To: r@x.org\r\n",
    ] {
        assert!(wire.contains(field), "{field} in {wire}");
    }
    let whole = "Resent-From: a@x.org\nResent-Date: x\nResent-Message-ID: <2@x.org>\n\
                 Resent-To: r@x.org\n";
    let wire = crate::mail::message::submission::tests::wire(&sent(format!("{whole}{FULL}\nhi\n")));
    assert_eq!(wire.matches("Resent-").count(), 4);
}

#[test]
fn names_without_a_domain_get_one_and_the_rest_stays_as_it_is() {
    let cron = "From: root (Cron Daemon)\nTo: root\nCc: \"Smith, Bob\"   <b@x.org>\n\
                Subject: Cron <root@sun> x\nMIME-Version: 1.0\n\
                Content-Type: text/plain; charset=UTF-8\nContent-Transfer-Encoding: 8bit\n\
                X-Cron-Env: <SHELL=/bin/sh>\n\nfertig\n";
    let wire = wire(&sent(cron));
    let (head, _) = head_and_body(&wire);
    assert!(
        head.starts_with(
            "From: Cron Daemon <root@here.example>\r\nTo: root@here.example\r\n\
         Cc: \"Smith, Bob\"   <b@x.org>\r\nSubject: Cron <root@sun> x\r\nMIME-Version: 1.0\r\n\
         Content-Type: text/plain; charset=UTF-8\r\nContent-Transfer-Encoding: 8bit\r\n\
         X-Cron-Env: <SHELL=/bin/sh>\r\nDate: "
        ),
        "{head}"
    );
}

#[test]
fn replaced_author_is_kept_in_the_configured_field() {
    let rule = Rule {
        from: "root".to_owned(),
        to: "alerts@relay.example".to_owned(),
    };
    let of = |original, text: &str| {
        let options = RewriteOptions {
            rules: vec![rule.clone()],
            original,
            ..options()
        };
        wire(&submitted(text.as_bytes(), submission(), &options).unwrap())
    };
    let text = "From: =?utf-8?q?J=C3=BCrgen?= <root>\n\nhi\n";
    let new = "From: =?utf-8?q?J=C3=BCrgen?= <alerts@relay.example>\r\n";
    let old = "=?utf-8?q?J=C3=BCrgen?= <root@here.example>\r\n";
    assert!(of(OriginalAddress::Header, text).starts_with(&format!("{new}X-Original-From: {old}")));
    assert!(of(OriginalAddress::ReplyTo, text).starts_with(&format!("{new}Reply-To: {old}")));
    assert!(of(OriginalAddress::Nowhere, text).starts_with(&format!("{new}Date")));
    let replied = of(
        OriginalAddress::ReplyTo,
        &format!("Reply-To: c@x.org\n{text}"),
    );
    assert!(
        replied.starts_with(&format!("Reply-To: c@x.org\r\n{new}Date")),
        "{replied}"
    );
    assert!(replied.contains("@relay.example>\r\n"), "{replied}");
}

#[test]
fn raw_text_in_the_header_is_encoded() {
    for (subject, utf8) in [
        (&b"Gr\xc3\xbc\xc3\x9fe"[..], false),
        (b"Gr\xfc\xdfe", false),
        (b"Gr\xfc\xdfe", true),
    ] {
        let text = [FULL.as_bytes(), b"Subject: ", subject, b"\n\nhi\n"].concat();
        let submission = Submission {
            utf8,
            ..submission()
        };
        let message = submitted(&text, submission, &options()).unwrap();
        assert_eq!(message.utf8_header, utf8);
        let octets = octets(&message, BodyType::EightBit);
        let parsed = MessageParser::default().parse(&octets).unwrap();
        assert_eq!(parsed.subject(), Some("Grüße"));
    }
    let text = format!("{FULL}Cc: Jürgen <j@x.org>,\n Bob <b@x.org>\n\nhi\n");
    let wire = wire(&sent(text));
    let (head, _) = head_and_body(&wire);
    assert!(
        head.ends_with("\r\nCc: =?utf-8?q?J=C3=BCrgen?= <j@x.org>, Bob <b@x.org>"),
        "{head}"
    );
}

#[test]
fn raw_utf8_in_the_header_is_kept_on_request() {
    let wanted = Submission {
        utf8: true,
        ..submission()
    };
    let text = format!("{FULL}Subject: Grüße\nCc: Jürgen <jürgen@x.org>\n\nhi\n");
    let message = submitted(text.as_bytes(), wanted, &options()).unwrap();
    assert!(message.utf8_header);
    assert_eq!(wire(&message), text.replace('\n', "\r\n"));
}

#[test]
fn unencodable_text_is_replaced_with_a_warning() {
    let message = sent(format!("{FULL}References: <ü@x.org> <2@x.org>\n\nhi\n"));
    assert!(wire(&message).contains("\r\nReferences: <?@x.org> <2@x.org>\r\n"));
    assert!(
        message.warnings[0].starts_with("References: "),
        "{:?}",
        message.warnings
    );
}

#[test]
fn control_characters_in_the_header_are_removed() {
    for odd in [
        "\0",
        "\u{1b}[2J",
        "\u{b}",
        "\u{7f}",
        "\u{85}",
        "\u{2028}",
        "\u{2029}",
        "\r",
    ] {
        let message = sent(format!("{FULL}Subject: a{odd}b\nX-{odd}A: c\n\nhi\n"));
        let wire = wire(&message);
        let (head, _) = head_and_body(&wire);
        let is_clean = |line: &str| line.bytes().all(|byte| matches!(byte, b' '..=b'~'));
        assert!(head.split("\r\n").all(is_clean), "{odd:?}: {head:?}");
    }
}

#[test]
fn long_lines_of_the_header_are_folded_or_encoded() {
    let words = "word ".repeat(400);
    let long = "x".repeat(3000);
    let list: Vec<String> = (0..200).map(|n| format!("user{n}@example.org")).collect();
    let list = list.join(",");
    let text =
        format!("{FULL}Subject: {words}\nX-Long: {long}\nCc: {list}\nReferences: <{long}>\n\nhi\n");
    let wire = wire(&sent(text));
    assert!(wire.split("\r\n").all(|line| line.len() <= 998));
    let parsed = MessageParser::default().parse(&wire).unwrap();
    assert_eq!(parsed.subject(), Some(words.trim()));
    assert_eq!(parsed.cc().unwrap().iter().count(), 200);
    let unfolded = wire.replace("\r\n ", "").replace(' ', "");
    assert!(unfolded.contains(&format!("References:<{long}>")));
}

#[test]
fn eight_bit_text_is_encoded_for_servers_without_8bitmime() {
    let text = format!("{FULL}\nGrüße\n");
    let message = sent(&text);
    assert_eq!(wire(&message), text.replace('\n', "\r\n"));
    let seven = wire_7bit(&message);
    let (head, body) = head_and_body(&seven);
    assert_eq!(body, "Gr=C3=BC=C3=9Fe\r\n");
    assert!(
        head.ends_with(
            "\r\nMIME-Version: 1.0\r\nContent-Type: text/plain; charset=utf-8\r\n\
         Content-Transfer-Encoding: quoted-printable"
        ),
        "{head}"
    );
    let unknown = wire_7bit(&sent([FULL.as_bytes(), b"\nGr\xfc\n"].concat()));
    assert!(unknown.contains("charset=unknown-8bit"), "{unknown}");
}

#[test]
fn the_encoding_of_a_text_is_replaced_and_its_type_kept() {
    let mime = |kind: &str| {
        format!(
            "{FULL}MIME-Version: 1.0\nContent-Type: {kind}\nContent-Transfer-Encoding: 8bit\n\
             X-Last: a\n\nGrüße\n"
        )
    };
    for (kind, right) in [
        ("text/html; charset=UTF-8", "text/html; charset=UTF-8"),
        ("text/html;", "text/html; charset=utf-8"),
        ("text", "text/plain; charset=utf-8"),
        ("application/json", "application/json"),
    ] {
        let message = sent(mime(kind));
        let seven = wire_7bit(&message);
        let (head, body) = head_and_body(&seven);
        assert_eq!(body, "Gr=C3=BC=C3=9Fe\r\n");
        assert!(
            head.contains(&format!("\r\nContent-Type: {right}\r\n")),
            "{head}"
        );
        assert!(head.ends_with("\r\nContent-Transfer-Encoding: quoted-printable"));
        assert_eq!(head.matches("Content-").count(), 2, "{head}");
        assert_eq!(head.matches("MIME-Version").count(), 1);
        assert_eq!(wire(&message), mime(kind).replace('\n', "\r\n"));
    }
}

#[test]
fn long_lines_and_nuls_of_a_text_are_always_encoded() {
    for text in [
        "x".repeat(5000) + "\n",
        "a\0b\n".to_owned(),
        "ü".repeat(600) + "\n\0",
    ] {
        let message = sent(format!("{FULL}\n{text}"));
        let seven = wire_7bit(&message);
        assert_eq!(wire(&message), seven);
        assert!(!seven.contains('\0') && seven.split("\r\n").all(|line| line.len() <= 998));
        let parsed = MessageParser::default().parse(&seven).unwrap();
        let back = parsed.body_text(0).unwrap().replace("\r\n", "\n");
        assert_eq!(back.trim_end(), text.trim_end());
        assert!(message.warnings.is_empty());
    }
}

#[test]
fn long_lines_and_nuls_of_a_part_are_encoded_there() {
    let long = "x".repeat(2500);
    let parts = format!("--b\nContent-Type: text/plain\n\n{long}\0\n--b\n\nshort\n--b--\n");
    for head in [
        "Content-Type: multipart/mixed; boundary=b\n",
        "Content-Type: multipart/signed; boundary=b\n",
        "Content-Type: message/rfc822\n\nContent-Type: multipart/mixed; boundary=b\n",
    ] {
        let wire = wire(&sent(format!("{FULL}MIME-Version: 1.0\n{head}\n{parts}")));
        assert!(!wire.contains('\0') && wire.split("\r\n").all(|line| line.len() <= 998));
        assert!(wire.contains("\r\n--b\r\n\r\nshort\r\n--b--\r\n"), "{wire}");
        assert!(
            wire.replace("=\r\n", "")
                .contains(&format!("\r\n{long}=00\r\n"))
        );
    }
}

#[test]
fn multipart_with_octets_above_127_is_sent_to_every_server() {
    let text = format!(
        "{FULL}Content-Type: multipart/mixed; boundary=b\n\n--b\n\nGr\u{fc}\u{df}e\n--b--\n"
    );
    let message = sent(&text);
    assert_eq!(wire(&message), text.replace('\n', "\r\n"));
    let seven = wire_7bit(&message);
    assert!(
        seven.contains("quoted-printable\r\n\r\nGr=C3=BC=C3=9Fe\r\n--b--"),
        "{seven}"
    );
}

#[test]
fn a_mail_loop_is_refused() {
    let received = |count| "Received: from a by b; Thu, 1 Jan 1970 00:00:00 +0000\n".repeat(count);
    sent(received(100) + FULL);
    let error = submitted((received(101) + FULL).as_bytes(), submission(), &options()).unwrap_err();
    assert!(matches!(error, MessageError::Text { .. }));
    assert!(error.to_string().contains("mail loop"), "{error}");
}

#[test]
fn requested_reports_are_in_the_envelope() {
    let dsn = Dsn {
        ret: Some(Return::Headers),
        envid: Some("x".to_owned()),
        ..Dsn::default()
    };
    let wanted = Submission {
        dsn: dsn.clone(),
        ..submission()
    };
    let message = submitted(b"hi", wanted, &options()).unwrap();
    assert_eq!(message.envelope.dsn, dsn);
}

/// Pieces of a header and a body, more often than chance would produce them.
fn input() -> impl Strategy<Value = Vec<u8>> {
    let fields = [
        "From: a@x.org\n",
        "From: root (x)\n",
        "To: b@x.org,\r\n\tc\r\n",
        "Bcc: s@x.org\n",
        "bcc : t\r\n",
        "Resent-Bcc: u@x.org\n",
        "Resent-To: v\n",
        "Content-Type: text/plain\n",
        "Subject: ü\n",
        "Content-Type: multipart/mixed; boundary=b\n",
        "Content-Transfer-Encoding: base64\n",
        "From here\n",
        "\n",
        "\r\n",
        "\r",
        "\r\r\n",
        ".\n",
        " \n",
        "\0",
        "\u{2028}",
        "X:",
        "--b\n",
    ];
    let piece = prop_oneof![
        4 => proptest::sample::select(fields.to_vec()).prop_map(|text| text.as_bytes().to_vec()),
        2 => proptest::collection::vec(any::<u8>(), 0..40),
        1 => (any::<u8>(), 900_usize..2200).prop_map(|(byte, count)| vec![byte; count]),
        1 => "[ -~]{0,60}\n".prop_map(String::into_bytes),
    ];
    proptest::collection::vec(piece, 0..12).prop_map(|pieces| pieces.concat())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(500))]

    #[test]
    fn any_bytes_become_a_message_that_servers_take(text in input(), utf8 in any::<bool>(), dot_ends in any::<bool>()) {
        let submission = Submission { dot_ends, utf8, ..submission() };
        let message = submitted(&text, submission, &options()).unwrap();
        for accepts in [BodyType::SevenBit, BodyType::EightBit] {
            let octets = octets(&message, accepts);
            prop_assert!(octets.ends_with(b"\r\n") && !octets.contains(&0));
            let lines: Vec<&[u8]> = octets.split(|&byte| byte == b'\n').collect();
            for line in &lines[..lines.len() - 1] {
                let Some(line) = line.strip_suffix(b"\r") else { panic!("a bare LF") };
                prop_assert!(line.len() <= 998 && !line.contains(&b'\r'));
            }
            if accepts == BodyType::SevenBit && !utf8 {
                prop_assert!(octets.is_ascii());
            }
            let end = memchr::memmem::find(&octets, b"\r\n\r\n").unwrap();
            let head = octets[..end].to_ascii_lowercase();
            let head = [b"\n", head.as_slice()].concat();
            for gone in ["\nbcc", "\nresent-bcc", "\nreturn-path", "\ncontent-length"] {
                prop_assert!(memchr::memmem::find(&head, gone.as_bytes()).is_none());
            }
            for wanted in ["\nfrom", "\ndate", "\nmessage-id"] {
                prop_assert!(memchr::memmem::find(&head, wanted.as_bytes()).is_some());
            }
            prop_assert_eq!(message.utf8_header, !head.is_ascii());
        }
    }
}
