//! Delivery reports, read by programs that act on them: each finds the recipient, the status and the reason.

use crate::parts;
use crate::reader::Reader;
use ehlo::mail::address::Address;
use ehlo::mail::dkim::Signer;
use ehlo::mail::message::{DeliveryStatusReport, ReportKind, Reported, Returned};
use ehlo::smtp::blocks::{Accepts, Block, Blocks, BodyType, Replay, Shape};
use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

const PYTHON: Reader = Reader {
    interpreter: "python3",
    script: "reports.py",
    probe: &["python3", "-c", "import email"],
    package: "python3",
};

const PERL: Reader = Reader {
    interpreter: "perl",
    script: "reports.pl",
    probe: &["perl", "-MMail::DeliveryStatus::BounceParser", "-e", "1"],
    package: "libmail-deliverystatus-bounceparser-perl",
};

const ORIGINAL: &str = "From: me@x.org\r\nTo: bob@y.org\r\nSubject: delayed warning\r\n\
                        Message-ID: <original@x.org>\r\n\r\nvacation auto reply\r\n";

const DELAYED: ReportKind = ReportKind::Delayed {
    retry_until: SystemTime::UNIX_EPOCH,
};

/// What happened to one recipient, and what readers find in the report of it.
struct Case {
    kind: ReportKind,
    recipient: &'static str,
    original: Option<&'static str>,
    words: &'static str,
    diagnostic: Option<&'static str>,
    status: Option<&'static str>,
    /// The fields Original-Recipient to Diagnostic-Code.
    python: &'static str,
    /// Address, status, reason as a word, reply code and reason as a text; empty if it is not a bounce.
    perl: &'static str,
}

const USUAL: Case = Case {
    kind: ReportKind::Failed,
    recipient: "bob@y.org",
    original: None,
    words: "550 5.1.1 no such user",
    diagnostic: Some("550 5.1.1 no such user"),
    status: Some("5.1.1"),
    python: "-\trfc822; bob@y.org\tfailed\t5.1.1\tsmtp; 550 5.1.1 no such user",
    perl: "bob@y.org\t5.1.1\tuser_unknown\t550\t550 5.1.1 no such user",
};

const CASES: [Case; 10] = [
    USUAL,
    Case {
        diagnostic: Some("552 5.2.2 mailbox full"),
        status: Some("5.2.2"),
        python: "-\trfc822; bob@y.org\tfailed\t5.2.2\tsmtp; 552 5.2.2 mailbox full",
        perl: "bob@y.org\t5.2.2\tover_quota\t552\t552 5.2.2 mailbox full",
        ..USUAL
    },
    Case {
        diagnostic: Some("550 Relaying denied"),
        status: None,
        python: "-\trfc822; bob@y.org\tfailed\t5.0.0\tsmtp; 550 Relaying denied",
        perl: "bob@y.org\t5.0.0\tdomain_error\t550\t550 Relaying denied",
        ..USUAL
    },
    // A server says nothing: the reason is ours.
    Case {
        words: "y.org does not exist (NXDOMAIN)",
        diagnostic: None,
        status: Some("5.1.2"),
        python: "-\trfc822; bob@y.org\tfailed\t5.1.2\tX-Ehlo; y.org does not exist (NXDOMAIN)",
        perl: "bob@y.org\t5.1.2\tdomain_error\t512\ty.org does not exist (NXDOMAIN)",
        ..USUAL
    },
    Case {
        words: "cannot connect to mx.y.org [192.0.2.7]:25 for <bob@y.org>: Connection refused",
        diagnostic: None,
        status: Some("4.4.1"),
        python: "-\trfc822; bob@y.org\tfailed\t5.4.7\tX-Ehlo; cannot connect to mx.y.org \
                 [192.0.2.7]:25 for <bob@y.org>: Connection refused",
        perl: "bob@y.org\t5.4.7\tdomain_error\t547\tcannot connect to mx.y.org [192.0.2.7]:25 for \
               <bob@y.org>: Connection refused",
        ..USUAL
    },
    // Given up after days of a reply that was temporary.
    Case {
        diagnostic: Some("451 4.3.0 come back later"),
        status: Some("4.3.0"),
        python: "-\trfc822; bob@y.org\tfailed\t5.4.7\tsmtp; 451 4.3.0 come back later",
        perl: "bob@y.org\t5.4.7\tunknown\t451\t451 4.3.0 come back later",
        ..USUAL
    },
    // A field that is folded, and the address that the sender knows.
    Case {
        original: Some("rfc822; info@y.org"),
        diagnostic: Some(
            "550 5.7.1 this message was not accepted because of a rule of this site that takes many words \
             to explain, and so the field that has it is folded at one of its blanks",
        ),
        status: Some("5.7.1"),
        python: "rfc822; info@y.org\trfc822; bob@y.org\tfailed\t5.7.1\tsmtp; 550 5.7.1 this message was \
                 not accepted because of a rule of this site that takes many words to explain, and so the \
                 field that has it is folded at one of its blanks",
        perl: "info@y.org\t5.7.1\tunknown\t550\t550 5.7.1 this message was not accepted because of a rule of \
               this site that takes many words to explain, and so the field that has it is folded at one \
               of its blanks",
        ..USUAL
    },
    Case {
        recipient: "bücher@y.org",
        python: "-\tutf-8; b\\x{FC}cher@y.org\tfailed\t5.1.1\tsmtp; 550 5.1.1 no such user",
        perl: "b\\x{FC}cher@y.org\t5.1.1\tuser_unknown\t550\t550 5.1.1 no such user",
        ..USUAL
    },
    Case {
        kind: DELAYED,
        diagnostic: Some("451 4.3.0 come back later"),
        status: Some("4.3.0"),
        python: "-\trfc822; bob@y.org\tdelayed\t4.3.0\tsmtp; 451 4.3.0 come back later",
        perl: "",
        ..USUAL
    },
    Case {
        kind: ReportKind::Relayed,
        diagnostic: Some("250 2.1.5 ok"),
        status: Some("2.1.5"),
        python: "-\trfc822; bob@y.org\trelayed\t2.1.5\tsmtp; 250 2.1.5 ok",
        perl: "",
        ..USUAL
    },
];

impl Case {
    /// Writes the report, and returns its file.
    fn write(&self, directory: &Path, name: &str, returned: Returned) -> PathBuf {
        let sender = Address::parse("me@x.org").unwrap();
        let recipient = Address::parse(self.recipient).unwrap();
        let reported = Reported {
            address: &recipient,
            original: self.original,
            words: self.words,
            diagnostic: self.diagnostic,
            status: self.status,
            remote_mta: None,
            last_attempt: Some(SystemTime::UNIX_EPOCH + Duration::from_secs(86400)),
        };
        let report = DeliveryStatusReport {
            id: "20260101x",
            reporting_mta: "sun.x.org",
            sender: &sender,
            arrived: SystemTime::UNIX_EPOCH,
            envid: None,
            kind: self.kind,
            recipients: vec![reported],
            returned,
        };
        let message = report
            .write(&Original, &Signer::default(), SystemTime::UNIX_EPOCH)
            .unwrap();
        let path = directory.join(name);
        fs::write(&path, octets(&message)).unwrap();
        path
    }
}

/// A message that is in memory.
struct Original;

impl Replay for Original {
    fn shape(&self, _: Accepts) -> Option<Shape> {
        Some(Shape {
            transport: BodyType::SevenBit,
            utf8: false,
            size: ORIGINAL.len() as u64,
        })
    }

    fn blocks(&self, _: Shape) -> Box<dyn Blocks + '_> {
        Box::new(Once(ORIGINAL.as_bytes()))
    }
}

struct Once(&'static [u8]);

impl Blocks for Once {
    fn append(&mut self, out: &mut Vec<u8>) -> std::io::Result<Block> {
        let all = std::mem::take(&mut self.0);
        out.extend_from_slice(all);
        Ok(if all.is_empty() {
            Block::End
        } else {
            Block::Lines
        })
    }
}

fn octets(message: &dyn Replay) -> Vec<u8> {
    let shape = message.shape(BodyType::SevenBit.with_utf8()).unwrap();
    let mut out = Vec::new();
    let mut blocks = message.blocks(shape);
    while blocks.append(&mut out).unwrap() != Block::End {}
    out
}

/// What a reader says of each case, with the whole message and with its header.
fn said(reader: &Reader) -> Option<Vec<(&'static Case, String)>> {
    if !parts::works(&mut Reader::command(reader.probe), reader.package) {
        return None;
    }
    let directory = tempfile::tempdir().unwrap();
    let all = [Returned::Whole, Returned::Header].into_iter().enumerate();
    let all = all.flat_map(|(kind, returned)| {
        let cases = CASES.iter().enumerate();
        cases.map(move |(number, case)| (case, format!("{kind}-{number}"), returned))
    });
    let (cases, files): (Vec<&Case>, Vec<PathBuf>) = all
        .map(|(case, name, returned)| (case, case.write(directory.path(), &name, returned)))
        .unzip();
    let said = reader.read(&files);
    Some(cases.into_iter().zip(said).collect())
}

#[test]
fn python_finds_the_fields_of_every_report() {
    for (case, said) in said(&PYTHON).unwrap_or_default() {
        assert_eq!(said, format!("{}\n", case.python));
    }
}

#[test]
fn a_bounce_parser_finds_recipient_status_and_reason_of_failures_alone() {
    for (case, said) in said(&PERL).unwrap_or_default() {
        let (kind, reports) = match case.kind {
            ReportKind::Failed => ("bounce\t<original@x.org>", format!("{}\n", case.perl)),
            // It stops at the first field Action that is not "failed".
            _ => ("no bounce\t<original@x.org>", String::new()),
        };
        assert_eq!(said, format!("{kind}\n{reports}"));
    }
}
