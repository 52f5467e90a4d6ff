use crate::mail::dkim::Signer;
use crate::mail::message::report::*;
use crate::smtp::blocks::{Accepts, Blocks, Shape};
use mail_parser::{Message as Parsed, MessageParser, MimeHeaders as _, PartType};
use proptest::prelude::*;
use std::time::Duration;

/// A message that is read a few octets at a time.
struct Given {
    octets: Vec<u8>,
    transport: BodyType,
    announced: u64,
}

struct Slow<'m>(&'m [u8]);

impl Replay for Given {
    fn shape(&self, accepts: Accepts) -> Option<Shape> {
        (self.transport <= accepts.transport).then_some(Shape {
            utf8: false,
            transport: self.transport,
            size: self.announced,
        })
    }

    fn blocks(&self, _: Shape) -> Box<dyn Blocks + '_> {
        Box::new(Slow(&self.octets))
    }
}

impl Blocks for Slow<'_> {
    fn append(&mut self, out: &mut Vec<u8>) -> io::Result<Block> {
        let (now, later) = self.0.split_at(self.0.len().min(7));
        out.extend_from_slice(now);
        self.0 = later;
        Ok(if now.is_empty() {
            Block::End
        } else {
            Block::Lines
        })
    }
}

fn given(text: &str) -> Given {
    let octets = text.replace('\n', "\r\n").into_bytes();
    Given {
        announced: octets.len() as u64,
        octets,
        transport: if text.is_ascii() {
            BodyType::SevenBit
        } else {
            BodyType::EightBit
        },
    }
}

const MESSAGE: &str = "From: me@x.org\nTo: bob@y.org\nSubject: Lunch\n\nAt noon?\n";

fn sender() -> Address {
    Address::parse("me@x.org").unwrap()
}

fn bob() -> Address {
    Address::parse("bob@y.org").unwrap()
}

fn refused(address: &Address) -> Reported<'_> {
    Reported {
        address,
        original: None,
        words: "550 5.1.1 no such user (in reply to RCPT TO)",
        diagnostic: Some("550 5.1.1 no such user"),
        status: Some("5.1.1"),
        remote_mta: Some("mx1.y.org [192.0.2.7]:25"),
        last_attempt: Some(SystemTime::UNIX_EPOCH + Duration::from_secs(5 * 86400)),
    }
}

fn report<'a>(sender: &'a Address, recipients: Vec<Reported<'a>>) -> DeliveryStatusReport<'a> {
    DeliveryStatusReport {
        id: "20260101x",
        reporting_mta: "sun.x.org",
        sender,
        arrived: SystemTime::UNIX_EPOCH,
        envid: None,
        kind: ReportKind::Failed,
        recipients,
        returned: Returned::Whole,
    }
}

fn octets(message: &dyn Replay, accepts: BodyType) -> Vec<u8> {
    let shape = message.shape(accepts.with_utf8()).unwrap();
    let mut out = Vec::new();
    let mut blocks = message.blocks(shape);
    while blocks.append(&mut out).unwrap() != Block::End {}
    assert_eq!(out.len() as u64, shape.size);
    out
}

fn written(report: &DeliveryStatusReport, original: &Given) -> String {
    let message = report
        .write(original, &Signer::default(), SystemTime::UNIX_EPOCH)
        .unwrap();
    String::from_utf8(octets(&message, BodyType::EightBit)).unwrap()
}

fn parsed(text: &str) -> Parsed<'_> {
    MessageParser::default().parse(text).unwrap()
}

/// A text with its lines joined.
fn flat(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// The text of a part: 1 is for people, 2 for programs, 3 is the returned message.
fn part<'p>(message: &'p Parsed, number: usize) -> &'p str {
    match &message.parts[number].body {
        PartType::Text(text) => text,
        PartType::Message(inner) => std::str::from_utf8(inner.raw_message()).unwrap(),
        PartType::Binary(bytes) | PartType::InlineBinary(bytes) => {
            std::str::from_utf8(bytes).unwrap()
        }
        other => panic!("{other:?}"),
    }
}

#[test]
fn failure_report_has_text_status_and_the_message() {
    let (sender, bob) = (sender(), bob());
    let report = DeliveryStatusReport {
        envid: Some("order 17"),
        ..report(&sender, vec![refused(&bob)])
    };
    let original = given(MESSAGE);
    let message = report
        .write(&original, &Signer::default(), SystemTime::UNIX_EPOCH)
        .unwrap();
    assert_eq!(message.envelope.sender, None);
    assert_eq!(message.envelope.recipients, std::slice::from_ref(&sender));
    assert!(!message.utf8_header);
    let text = String::from_utf8(octets(&message, BodyType::SevenBit)).unwrap();
    for field in [
        "\r\nFrom: Mail Delivery System <MAILER-DAEMON@",
        "\r\nTo: me@x.org\r\n",
        "\r\nSubject: Undelivered mail returned to sender\r\n",
        "\r\nAuto-Submitted: auto-replied\r\n",
        "\r\nMIME-Version: 1.0\r\n",
        "\r\nContent-Type: multipart/report; report-type=delivery-status;\r\n",
    ] {
        assert!(text.contains(field), "{field} in {text}");
    }
    assert!(text.starts_with("Date: ") && text.contains("\r\nMessage-ID: <"));
    let parsed = parsed(&text);
    assert_eq!(parsed.parts.len(), 4);
    let people = flat(part(&parsed, 1));
    for words in [
        "sun.x.org",
        "no further attempts will be made",
        "Subject: Lunch",
        "<bob@y.org>: 550 5.1.1 no such user (in reply to RCPT TO) The server was mx1.y.org",
        "20260101x",
    ] {
        assert!(people.contains(words), "{words} in {people}");
    }
    let date = header_date(SystemTime::UNIX_EPOCH);
    let last = header_date(SystemTime::UNIX_EPOCH + Duration::from_secs(5 * 86400));
    let programs = part(&parsed, 2).replace("\r\n", "\n");
    assert_eq!(
        programs.trim_end(),
        format!(
            "Original-Envelope-Id: order 17\nReporting-MTA: dns; sun.x.org\nArrival-Date: {date}\n\
             X-Ehlo-Queue-Id: 20260101x\n\nFinal-Recipient: rfc822; bob@y.org\nAction: failed\n\
             Status: 5.1.1\nRemote-MTA: dns; mx1.y.org\n\
             Diagnostic-Code: smtp; 550 5.1.1 no such user\nLast-Attempt-Date: {last}"
        )
    );
    let kind = parsed.parts[3].content_type().unwrap();
    assert_eq!((kind.ctype(), kind.subtype()), ("message", Some("rfc822")));
    assert_eq!(part(&parsed, 3).as_bytes(), original.octets);
}

#[test]
fn delay_report_names_the_end_of_the_retries() {
    let (sender, bob) = (sender(), bob());
    let retry_until = SystemTime::UNIX_EPOCH + Duration::from_secs(4 * 86400);
    let report = DeliveryStatusReport {
        kind: ReportKind::Delayed { retry_until },
        returned: Returned::Header,
        ..report(&sender, vec![refused(&bob)])
    };
    let text = written(&report, &given(MESSAGE));
    assert!(text.contains("\r\nSubject: Delayed mail (still being retried)\r\n"));
    let until = header_date(retry_until);
    for words in [
        "\r\nAction: delayed\r\nStatus: 4.0.0\r\n",
        &format!("\r\nWill-Retry-Until: {until}\r\n"),
        "Content-Type: text/rfc822-headers\r\n",
    ] {
        assert!(text.contains(words), "{words} in {text}");
    }
    let words = format!("need to do anything: delivery will be attempted until {until}");
    assert!(flat(&text).contains(&words), "{text}");
    assert!(!text.contains("At noon"));
}

#[test]
fn relayed_message_is_reported_as_relayed() {
    let (sender, bob) = (sender(), bob());
    let taken = Reported {
        words: "250 2.1.5 queued",
        diagnostic: Some("smtp; 250 2.1.5 queued"),
        status: None,
        ..refused(&bob)
    };
    let report = DeliveryStatusReport {
        kind: ReportKind::Relayed,
        ..report(&sender, vec![taken])
    };
    let text = written(&report, &given(MESSAGE));
    assert!(
        text.contains("\r\nAction: relayed\r\nStatus: 2.0.0\r\n"),
        "{text}"
    );
    assert!(text.contains("\r\nDiagnostic-Code: smtp; 250 2.1.5 queued\r\n"));
}

#[test]
fn a_code_fits_the_kind_of_report() {
    let bob = bob();
    let retry_until = SystemTime::UNIX_EPOCH;
    let delayed = ReportKind::Delayed { retry_until };
    for (kind, given, reply, right) in [
        (ReportKind::Failed, Some("5.1.1"), None, "5.1.1"),
        (ReportKind::Failed, None, None, "5.0.0"),
        (ReportKind::Failed, Some("4.4.1"), None, "5.4.7"),
        (ReportKind::Failed, None, Some("smtp; 451 later"), "5.4.7"),
        (ReportKind::Failed, None, Some("550 no"), "5.0.0"),
        (ReportKind::Failed, Some("5.1.1\r\nX: y"), None, "5.0.0"),
        (ReportKind::Failed, Some("2.0.0"), None, "5.0.0"),
        (delayed, Some("4.2.2"), None, "4.2.2"),
        (delayed, Some("5.0.0"), None, "4.0.0"),
        (ReportKind::Relayed, Some("2.1.5"), None, "2.1.5"),
    ] {
        let reported = Reported {
            status: given,
            diagnostic: reply,
            ..refused(&bob)
        };
        assert_eq!(parts::status(kind, &reported), right, "{kind:?} {given:?}");
    }
}

#[test]
fn expired_delivery_is_reported_with_the_last_reply() {
    let (sender, bob) = (sender(), bob());
    let expired = Reported {
        words: "451 4.3.0 come back later",
        diagnostic: Some("451 4.3.0 come back later"),
        status: Some("4.3.0"),
        ..refused(&bob)
    };
    let text = written(&report(&sender, vec![expired]), &given(MESSAGE));
    assert!(text.contains("\r\nStatus: 5.4.7\r\n"), "{text}");
    assert!(text.contains("\r\nDiagnostic-Code: smtp; 451 4.3.0 come back later\r\n"));
    assert!(text.contains("abandoned after 5 days (delivery time expired)"));
    assert!(text.contains("    451 4.3.0 come back later\r\n"));
}

#[test]
fn server_text_cannot_start_a_field_or_a_part() {
    let (sender, bob) = (sender(), bob());
    let evil =
        "550 no\r\nX-Evil: 1\r\n\r\n--b\r\nContent-Type: text/html\r\n\r\n\u{1b}[2J\u{2028}x";
    let reported = Reported {
        address: &bob,
        original: Some(evil),
        words: evil,
        diagnostic: Some(evil),
        status: Some(evil),
        remote_mta: Some(evil),
        last_attempt: None,
    };
    let report = DeliveryStatusReport {
        id: evil,
        reporting_mta: evil,
        envid: Some(evil),
        ..report(&sender, vec![reported])
    };
    let text = written(&report, &given(MESSAGE));
    let starts = |start: &str| text.split("\r\n").any(|line| line.starts_with(start));
    for start in ["X-Evil", "Content-Type: text/html", "\u{1b}"] {
        assert!(!starts(start), "{start} in {text}");
    }
    assert!(!text.split("\r\n").any(|line| line == "--b"), "{text}");
    assert!(text.is_ascii() && !text.contains('\u{1b}'));
    assert_eq!(parsed(&text).parts.len(), 4);
}

#[test]
fn non_ascii_addresses_and_headers_are_reported_by_rfc_6533() {
    let sender = Address::parse("用户@x.org").unwrap();
    let bob = Address::parse("jürgen@y.org").unwrap();
    let original = given(&MESSAGE.replace("Lunch", "Grüße"));
    let report = report(&sender, vec![refused(&bob)]);
    let message = report
        .write(&original, &Signer::default(), SystemTime::UNIX_EPOCH)
        .unwrap();
    assert!(message.utf8_header);
    let eight = String::from_utf8(octets(&message, BodyType::EightBit)).unwrap();
    assert!(
        eight.contains("\r\nFinal-Recipient: utf-8; j\\x{FC}rgen@y.org\r\n"),
        "{eight}"
    );
    assert!(eight.contains("\r\nContent-Type: message/global\r\n"));
    assert!(part(&parsed(&eight), 1).contains("<jürgen@y.org>"));
    let seven = String::from_utf8(octets(&message, BodyType::SevenBit)).unwrap();
    assert!(seven.replace("To: 用户@x.org", "").is_ascii());
    assert!(
        part(&parsed(&seven), 3).contains("Subject: Grüße"),
        "{seven}"
    );
}

#[test]
fn eight_bit_message_is_returned_whole_if_the_server_accepts_it() {
    let (sender, bob) = (sender(), bob());
    let original = given(&MESSAGE.replace("noon", "zwölf"));
    let report = report(&sender, vec![refused(&bob)]);
    let message = report
        .write(&original, &Signer::default(), SystemTime::UNIX_EPOCH)
        .unwrap();
    let eight = String::from_utf8(octets(&message, BodyType::EightBit)).unwrap();
    assert_eq!(
        eight
            .matches("\r\nContent-Transfer-Encoding: 8bit\r\n")
            .count(),
        2
    );
    assert_eq!(part(&parsed(&eight), 3).as_bytes(), original.octets);
    let seven = octets(&message, BodyType::SevenBit);
    assert!(seven.is_ascii());
    let seven = String::from_utf8(seven).unwrap();
    assert_eq!(
        part(&parsed(&seven), 3).trim_end(),
        MESSAGE.split("\n\n").next().unwrap().replace('\n', "\r\n")
    );
}

#[test]
fn large_header_is_returned_up_to_a_limit_in_whole_lines() {
    let (sender, bob) = (sender(), bob());
    let original = given(&(format!("{}\n", "X-Long: line\n".repeat(100_000))));
    let report = DeliveryStatusReport {
        returned: Returned::Header,
        ..report(&sender, vec![refused(&bob)])
    };
    let text = written(&report, &original);
    assert!(text.len() < 80 * 1024);
    let text = parsed(&text);
    assert!(
        part(&text, 3)
            .lines()
            .all(|line| line.is_empty() || line == "X-Long: line")
    );
}

#[test]
fn a_message_without_a_header_and_one_without_anything_can_come_back() {
    let (sender, bob) = (sender(), bob());
    for text in ["\nhi\n", ""] {
        for returned in [Returned::Whole, Returned::Header] {
            let report = DeliveryStatusReport {
                returned,
                ..report(&sender, vec![refused(&bob)])
            };
            let text = written(&report, &given(text));
            assert_eq!(parsed(&text).parts.len(), 4, "{text}");
        }
    }
}

#[test]
fn report_fails_if_the_message_has_changed() {
    let (sender, bob) = (sender(), bob());
    for announced in [MESSAGE.len() as u64 * 2, 5] {
        let original = Given {
            announced,
            ..given(MESSAGE)
        };
        let report = report(&sender, vec![refused(&bob)]);
        let message = report
            .write(&original, &Signer::default(), SystemTime::UNIX_EPOCH)
            .unwrap();
        let shape = message.shape(BodyType::SevenBit.with_utf8()).unwrap();
        let mut blocks = message.blocks(shape);
        let mut out = Vec::new();
        let end = loop {
            match blocks.append(&mut out) {
                Ok(Block::End) => break None,
                Ok(_) => {}
                Err(error) => break Some(error),
            }
        };
        assert!(end.is_some());
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    #[test]
    fn report_is_valid_for_any_server_text(words in ".{0,2000}", id in ".{0,100}", body in "[ -~\n]{0,300}") {
        let (sender, bob) = (sender(), bob());
        let reported = Reported {
            address: &bob,
            original: Some(&words),
            words: &words,
            diagnostic: Some(&words),
            status: Some(&id),
            remote_mta: Some(&words),
            last_attempt: None,
        };
        let report = DeliveryStatusReport {
            id: &id,
            reporting_mta: &id,
            envid: Some(&id),
            ..report(&sender, vec![reported])
        };
        let original = given(&format!("Subject: x\n\n{body}\n"));
        let text = written(&report, &original);
        prop_assert!(text.is_ascii());
        prop_assert!(text.replace("\r\n", "").bytes().all(|byte| matches!(byte, b' '..=b'~')));
        prop_assert!(text.split("\r\n").all(|line| line.len() <= 998));
        let parsed = parsed(&text);
        prop_assert_eq!(parsed.parts.len(), 4);
        prop_assert_eq!(part(&parsed, 3).as_bytes(), original.octets.as_slice());
    }
}

#[test]
fn report_without_body_keeps_the_header_of_the_message() {
    let original = given("From: me@x.org\nX-A: 1\n two\nSubject: Lunch\n\nAt noon?\n");
    let (sender, bob) = (sender(), bob());
    let report = report(&sender, vec![refused(&bob)]);
    let now = SystemTime::UNIX_EPOCH;
    let whole = report.write(&original, &Signer::default(), now).unwrap();
    let short = without_body(&whole, &Signer::default(), SystemTime::UNIX_EPOCH)
        .unwrap()
        .unwrap();
    let header = DeliveryStatusReport {
        returned: Returned::Header,
        ..report
    };
    let usual = header.write(&original, &Signer::default(), now).unwrap();
    let [short, usual] = [&short as &dyn Replay, &usual].map(|report| {
        let octets = octets(report, BodyType::SevenBit);
        let text = String::from_utf8(octets).unwrap();
        let boundary = text.split("boundary=").nth(1).unwrap();
        let boundary = boundary.split('\r').next().unwrap().to_owned();
        let id = text.split("Message-ID: ").nth(1).unwrap();
        let id = id.split('\r').next().unwrap().to_owned();
        text.replace(&boundary, "B").replace(&id, "ID")
    });
    assert_eq!(short, usual);
    assert!(
        without_body(&given(MESSAGE), &Signer::default(), SystemTime::UNIX_EPOCH)
            .unwrap()
            .is_none()
    );
}
