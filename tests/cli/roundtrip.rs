//! `ehlo roundtrip`: the message is sent by SMTP, and read in a mailbox by IMAP or POP3.

use crate::mailbox::PASSWORD;
use crate::program::{Ehlo, Run};
use crate::server::{Server, Talk};
use crate::verify::Key;
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use serde_json::Value;
use std::sync::mpsc::{Receiver, Sender, channel};

/// Header fields that the receiving side adds.
const ADDED: &str = "Authentication-Results: mx.example; spf=pass smtp.mailfrom=crepes.fr; dkim=fail\r\n\
    Received: from me.example by mx.example with ESMTPS id 4F2; Tue, 1 Dec 2026 05:44:03 +0000\r\n\
    Received: from client by me.example with ESMTP; Tue, 1 Dec 2026 05:44:00 +0000\r\n";

/// Accepts a message, and hands it on.
fn relay(sent: Sender<Vec<u8>>) -> Server<()> {
    Server::start(move |talk| {
        talk.greet(&[]);
        talk.envelope(&["bob@hamburger.edu"]);
        let message = talk.data();
        talk.say("250 2.0.0 Ok: queued as 4F2AB");
        sent.send(message.raw).unwrap();
        talk.quit();
    })
}

/// The same with BINARYMIME, so that the message is sent in another form.
fn binary_relay(sent: Sender<Vec<u8>>) -> Server<()> {
    Server::start(move |talk| {
        talk.greet(&["8BITMIME", "CHUNKING", "BINARYMIME"]);
        talk.expect("MAIL FROM:<alice@crepes.fr> BODY=BINARYMIME");
        talk.say("250 ok");
        talk.expect("RCPT TO:<bob@hamburger.edu>");
        talk.say("250 ok");
        let line = talk.line();
        let size = line
            .strip_prefix("BDAT ")
            .and_then(|rest| rest.strip_suffix(" LAST"));
        let message = talk.octets(size.unwrap().parse().unwrap());
        talk.say("250 2.0.0 Ok: queued as 4F2AB");
        sent.send(message).unwrap();
        talk.quit();
    })
}

/// A round trip over these two servers.
fn round_trip<T>(relay: &Server<T>, scheme: &str, port: u16, options: &[&str]) -> Run {
    let read = format!("{scheme}://alice@127.0.0.1:{port}");
    let relay = format!("127.0.0.1:{}", relay.port);
    Ehlo::new()
        .args([
            "roundtrip",
            "-r",
            &relay,
            "--helo",
            "me.example",
            "-f",
            "alice@crepes.fr",
        ])
        .args([
            "--read",
            &read,
            "--tls",
            "off",
            "--read-allow-cleartext-password",
            "bob@hamburger.edu",
        ])
        .args(options)
        .env("EHLO_PASSWORD", PASSWORD)
        .run()
}

/// The mailbox up to the first look, with a mailbox for spam.
fn watched(talk: &mut Talk) {
    talk.log_in_imap("UIDPLUS");
    talk.expect("a2 LIST \"\" \"*\"");
    talk.say("* LIST () \"/\" INBOX\n* LIST (\\Junk) \"/\" Spam\na2 OK done");
    status(talk, "a3", "INBOX", 10);
    status(talk, "a4", "Spam", 3);
    // Late messages of earlier round trips are searched for in mailboxes that have messages.
    for (tag, folder) in [("a5", "INBOX"), ("a6", "Spam")] {
        talk.expect(&format!("{tag} SELECT \"{folder}\""));
        talk.say(&format!("* 0 EXISTS\n{tag} OK done"));
    }
}

fn status(talk: &mut Talk, tag: &str, folder: &str, next: u32) {
    talk.expect(&format!(
        "{tag} STATUS \"{folder}\" (MESSAGES UNSEEN UIDNEXT UIDVALIDITY)"
    ));
    talk.say(&format!(
        "* STATUS {folder} (MESSAGES 1 UNSEEN 0 UIDNEXT {next} UIDVALIDITY 7)\n{tag} OK done"
    ));
}

/// The message as the mailbox has it.
fn received(sent: &Receiver<Vec<u8>>, change: impl Fn(Vec<u8>) -> Vec<u8>) -> Vec<u8> {
    let message = sent.recv().unwrap();
    [ADDED.as_bytes(), &change(message)].concat()
}

/// Finds the message in a mailbox at the first look after it was sent, reads it and deletes it.
fn finds(talk: &mut Talk, folder: &str, message: &[u8]) {
    finds_from(talk, 7, folder, message);
}

/// The same with this number of the first command.
fn finds_from(talk: &mut Talk, tag: u32, folder: &str, message: &[u8]) {
    // A mailbox is open, whose status may be an old one without this.
    talk.expect(&format!("a{tag} NOOP"));
    talk.say(&format!("* 1 EXISTS\na{tag} OK done"));
    let tag = tag + 1;
    let header = message
        .windows(4)
        .position(|end| end == b"\r\n\r\n")
        .unwrap()
        + 4;
    status(
        talk,
        &format!("a{tag}"),
        "INBOX",
        if folder == "INBOX" { 12 } else { 10 },
    );
    let mut tag = tag + 1;
    if folder != "INBOX" {
        status(talk, &format!("a{tag}"), folder, 12);
        tag += 1;
    }
    talk.expect(&format!("a{tag} SELECT \"{folder}\""));
    talk.say(&format!("* 2 EXISTS\na{tag} OK done"));
    let from = if folder == "INBOX" { 10 } else { 3 };
    talk.expect(&format!(
        "a{} UID FETCH {from}:* (UID INTERNALDATE BODY.PEEK[HEADER]<0.1048576>)",
        tag + 1
    ));
    // An older message, another new one, and the right one.
    talk.send(b"* 1 FETCH (UID 2 BODY[HEADER]<0> {12}\r\nSubject: x\r\n)\r\n");
    talk.send(b"* 2 FETCH (UID 10 BODY[HEADER]<0> {14}\r\nSubject: x\r\n\r\n)\r\n");
    talk.send(format!("* 3 FETCH (UID 11 BODY[HEADER]<0> {{{header}}}\r\n").as_bytes());
    talk.send(&message[..header]);
    talk.say(&format!(")\na{} OK done", tag + 1));
    talk.expect(&format!("a{} UID FETCH 11 (UID BODY.PEEK[])", tag + 2));
    talk.send(format!("* 3 FETCH (UID 11 BODY[] {{{}}}\r\n", message.len()).as_bytes());
    talk.send(message);
    talk.say(&format!(")\na{} OK done", tag + 2));
    talk.expect(&format!(
        "a{} UID STORE 11 +FLAGS.SILENT (\\Deleted)",
        tag + 3
    ));
    talk.say(&format!("a{} OK done", tag + 3));
    talk.expect(&format!("a{} UID EXPUNGE 11", tag + 4));
    talk.say(&format!("a{} OK done", tag + 4));
    talk.log_out(&format!("a{}", tag + 5));
}

/// A round trip to this mailbox, where the message is changed.
fn travelled(
    folder: &'static str,
    options: &[&str],
    change: impl Fn(Vec<u8>) -> Vec<u8> + Send + 'static,
) -> Run {
    let (sender, sent) = channel();
    travelled_by((relay(sender), sent), folder, options, change)
}

/// The same with this relay.
fn travelled_by(
    (relay, sent): (Server<()>, Receiver<Vec<u8>>),
    folder: &'static str,
    options: &[&str],
    change: impl Fn(Vec<u8>) -> Vec<u8> + Send + 'static,
) -> Run {
    let mailbox = Server::start(move |talk| {
        watched(talk);
        let message = received(&sent, change);
        finds(talk, folder, &message);
    });
    let run = round_trip(&relay, "imap", mailbox.port, options);
    relay.finish();
    mailbox.finish();
    assert!(!run.stderr.contains(PASSWORD), "{run:#?}");
    run
}

#[test]
fn the_report_has_times_hops_results_and_changes() {
    let run = travelled("INBOX", &[], |message| message);
    run.exits(0).complains(0);
    for words in [
        "accepted    after ",
        " as 4F2AB\n",
        "arrived     after ",
        " in INBOX\n",
        "hop              - from client by me.example with ESMTP\n",
        "hop           +3 s from me.example by mx.example with ESMTPS id 4F2\n",
        "results     spf pass, dkim fail, dmarc no result, by mx.example\n",
        "body        unchanged, attachment unchanged\n",
        "added       Authentication-Results, Received\n",
        "deleted\n",
    ] {
        assert!(run.stdout.contains(words), "{words}: {run:#?}");
    }
}

#[test]
fn spam_is_found_and_may_be_unexpected() {
    let run = travelled(
        "Spam",
        &["--json", "--expect", "inbox,spf,dkim,dmarc,tls,unchanged"],
        |message| message,
    );
    run.exits(77).complains(4);
    let report: Value = serde_json::from_str(&run.stdout).unwrap();
    assert_eq!(report["exit"], 77);
    assert_eq!(report["arrived"]["folder"], "Spam");
    assert_eq!(report["arrived"]["junk"], true);
    assert_eq!(report["arrived"]["hops"][1]["tls"], true);
    assert_eq!(report["arrived"]["hops"][1]["seconds"], 3);
    assert_eq!(report["arrived"]["body"]["same"], true);
    assert_eq!(report["arrived"]["attachment_same"], true);
    assert_eq!(report["accepted"]["queue_id"], "4F2AB");
    let failures = report["failures"].to_string();
    for words in ["spam", "dkim is fail", "no result for dmarc", "had no TLS"] {
        assert!(failures.contains(words), "{words}: {failures}");
    }
}

#[test]
fn changes_on_the_way_are_named() {
    let run = travelled("INBOX", &["--expect", "unchanged"], |message| {
        let text = String::from_utf8(message).unwrap();
        let text = text.replace("Subject: ehlo", "Subject: [LIST] ehlo");
        text.replace("two dots", "two dots, changed").into_bytes()
    });
    run.exits(77).complains(1);
    assert!(
        run.stdout
            .contains("body        CHANGED, attachment unchanged\n"),
        "{run:#?}"
    );
    assert!(
        run.stdout.contains("changed     Subject: ehlo roundtrip "),
        "{run:#?}"
    );
    assert!(
        run.stderr.contains("it was changed: the body, Subject"),
        "{run:#?}"
    );
}

/// The message with its attachment in another encoding, and with one octet changed if `is_damaged`.
fn recoded(message: Vec<u8>, is_damaged: bool) -> Vec<u8> {
    let text = String::from_utf8(message).unwrap();
    let start = text.find("Content-Disposition: attachment").unwrap();
    let start = start + text[start..].find("\r\n\r\n").unwrap() + 4;
    let end = start + text[start..].find("\r\n--").unwrap();
    let encoded: String = text[start..end].split_whitespace().collect();
    let mut octets = BASE64_STANDARD.decode(encoded).unwrap();
    octets[7] ^= u8::from(is_damaged);
    let quoted: Vec<String> = octets
        .iter()
        .map(|octet| format!("={octet:02X}=\r\n"))
        .collect();
    let head = text[..start].replace("base64", "quoted-printable");
    [&head, &quoted.concat(), &text[end..]]
        .concat()
        .into_bytes()
}

#[test]
fn an_attachment_is_compared_by_its_content() {
    let run = travelled("INBOX", &[], |message| recoded(message, false));
    run.exits(0);
    assert!(
        run.stdout
            .contains("body        CHANGED, attachment unchanged\n"),
        "{run:#?}"
    );
    let run = travelled("INBOX", &["--expect", "unchanged"], |message| {
        recoded(message, true)
    });
    run.exits(77);
    assert!(
        run.stdout
            .contains("body        CHANGED, attachment CHANGED\n"),
        "{run:#?}"
    );
    assert!(run.stderr.contains("the body, the attachment"), "{run:#?}");
    let run = travelled("INBOX", &["--json"], |message| {
        let text = String::from_utf8(message).unwrap();
        text.replace("octets.bin", "removed.txt").into_bytes()
    });
    let report: Value = serde_json::from_str(&run.exits(0).stdout).unwrap();
    assert_eq!(report["arrived"]["attachment_same"], Value::Null);
    assert_eq!(report["arrived"]["body"]["same"], false);
}

#[test]
fn a_message_in_binary_form_is_unchanged() {
    let (sender, sent) = channel();
    let relay = (binary_relay(sender), sent);
    let run = travelled_by(relay, "INBOX", &["--expect", "unchanged"], |message| {
        message
    });
    run.exits(0).complains(0);
    assert!(
        run.stdout
            .contains("body        unchanged, attachment unchanged\n"),
        "{run:#?}"
    );
}

#[test]
fn the_signature_of_the_message_is_verified_as_it_arrived() {
    let key = Key::new();
    let authority = key.dns("v=DMARC1; p=none");
    let dns = authority.address.to_string();
    let sign = ["--dkim-key", &key.option(), "--dns", &dns];
    let run = travelled("INBOX", &sign, |message| message);
    run.exits(0);
    let words = "signature   pass of crepes.fr with selector s1: Ed25519\n";
    assert!(run.stdout.contains(words), "{run:#?}");
    let run = travelled("INBOX", &[&sign[..], &["--json"]].concat(), |message| {
        let text = String::from_utf8(message).unwrap();
        text.replace("Subject: ehlo", "Subject: [LIST] ehlo")
            .into_bytes()
    });
    let report: Value = serde_json::from_str(&run.exits(0).stdout).unwrap();
    let signature = &report["arrived"]["signatures"][0];
    assert_eq!(signature["domain"], "crepes.fr");
    assert_eq!(signature["result"], "fail");
}

#[test]
fn a_monitor_gets_a_line_and_a_state() {
    let run = travelled(
        "INBOX",
        &["--warning", "10m", "--critical", "20m"],
        |message| message,
    );
    run.exits(0).complains(0);
    assert!(
        run.stdout
            .starts_with("ROUNDTRIP OK - arrived in INBOX after "),
        "{run:#?}"
    );
    assert!(
        run.stdout.contains("s;600.000;1200.000;0; hops=2;;;0;\n"),
        "{run:#?}"
    );
    let run = travelled("Spam", &["--nagios"], |message| message);
    run.exits(1);
    assert!(
        run.stdout
            .starts_with("ROUNDTRIP WARNING - arrived in Spam (spam) after "),
        "{run:#?}"
    );
    let run = travelled("INBOX", &["--critical", "1ms"], |message| message);
    run.exits(2);
}

#[test]
fn a_message_that_does_not_arrive_is_reported_at_the_deadline() {
    let (sender, _sent) = channel();
    let relay = relay(sender);
    let mailbox = Server::start(|talk| {
        watched(talk);
        // Until the client has enough of it.
        talk.answer_all(b"* OK nothing new\r\n");
    });
    let run = round_trip(&relay, "imap", mailbox.port, &["--within", "2s"]);
    relay.finish();
    mailbox.finish();
    run.exits(75).complains(1);
    assert!(run.stdout.contains("accepted    after "), "{run:#?}");
    assert!(
        run.stderr.contains("is not in the mailbox of imap://"),
        "{run:#?}"
    );
}

#[test]
fn nothing_is_sent_if_the_mailbox_cannot_be_read() {
    for (options, code) in [(&[][..], 77), (&["--nagios"], 3)] {
        let relay = Server::untouched();
        let mailbox = Server::start(|talk| {
            talk.say("* OK [CAPABILITY IMAP4rev1] ready");
            talk.expect(&format!("a1 LOGIN \"alice\" \"{PASSWORD}\""));
            talk.say("a1 NO [AUTHENTICATIONFAILED] no");
        });
        let run = round_trip(&relay, "imap", mailbox.port, options);
        relay.finish();
        mailbox.finish();
        run.exits(code);
        let all = format!("{}{}", run.stdout, run.stderr);
        assert!(all.contains("rejected the login"), "{run:#?}");
    }
}

#[test]
fn a_refused_message_is_not_waited_for() {
    let relay = Server::start(|talk| {
        talk.greet(&[]);
        talk.refuse_bob("550 5.1.1 no such user");
        talk.quit();
    });
    let mailbox = Server::start(watched);
    let run = round_trip(&relay, "imap", mailbox.port, &[]);
    relay.finish();
    mailbox.finish();
    run.exits(69).complains(1);
    assert!(run.stderr.contains("no such user"), "{run:#?}");
}

#[test]
fn a_pop3_mailbox_is_looked_at_again_and_again() {
    let (sender, sent) = channel();
    let relay = relay(sender);
    let mailbox = Server::with_door(move |door| {
        let list = |talk: &mut Talk, ids: &[&str]| {
            talk.log_in_pop3("TOP\nUIDL");
            talk.expect("LIST");
            let lines: Vec<String> = (1..=ids.len()).map(|n| format!("{n} 100\n")).collect();
            talk.say(&format!("+OK\n{}.", lines.concat()));
            talk.expect("UIDL");
            let lines: Vec<String> = ids
                .iter()
                .zip(1..)
                .map(|(id, n)| format!("{n} {id}\n"))
                .collect();
            talk.say(&format!("+OK\n{}.", lines.concat()));
        };
        let quit = |talk: &mut Talk| {
            talk.expect("QUIT");
            talk.say("+OK");
            talk.end();
        };
        for _ in 0..2 {
            let talk = &mut door.open();
            list(talk, &["old"]);
            quit(talk);
        }
        let message = received(&sent, |message| message);
        let stuffed = String::from_utf8(message.clone())
            .unwrap()
            .replace("\r\n.", "\r\n..");
        let header = message
            .windows(4)
            .position(|end| end == b"\r\n\r\n")
            .unwrap()
            + 4;
        let talk = &mut door.open();
        list(talk, &["old", "new"]);
        talk.expect("TOP 2 0");
        talk.send(b"+OK\r\n");
        talk.send(&message[..header]);
        talk.send(b".\r\n");
        talk.expect("RETR 2");
        talk.send(b"+OK\r\n");
        talk.send(stuffed.as_bytes());
        talk.send(b".\r\n");
        talk.expect("DELE 2");
        talk.say("+OK");
        quit(talk);
    });
    let run = round_trip(&relay, "pop3", mailbox.port, &[]);
    relay.finish();
    mailbox.finish();
    run.exits(0).complains(0);
    assert!(run.stdout.contains(" in the mailbox\n"), "{run:#?}");
    assert!(
        run.stdout
            .contains("body        unchanged, attachment unchanged\n"),
        "{run:#?}"
    );
}

/// The header of a message of another round trip, whose time limit was at this second.
fn other_probe(until: u64) -> String {
    format!(
        "Subject: ehlo roundtrip 00112233\r\n\
         X-Ehlo-Probe: 00112233445566778899aabbccddeeff; until={until}\r\n\r\n"
    )
}

/// A time limit that no clock of a test has reached.
const FUTURE: u64 = 9_000_000_000;

#[test]
fn late_messages_of_earlier_round_trips_are_deleted_and_no_others() {
    let relay = Server::start(|talk| {
        talk.greet(&[]);
        talk.refuse_bob("550 5.1.1 no such user");
        talk.quit();
    });
    let mailbox = Server::start(|talk| {
        talk.log_in_imap("UIDPLUS");
        talk.expect("a2 LIST \"\" \"*\"");
        talk.say("* LIST () \"/\" INBOX\na2 OK done");
        status(talk, "a3", "INBOX", 10);
        talk.expect("a4 SELECT \"INBOX\"");
        talk.say("* 4 EXISTS\na4 OK done");
        let search = talk.line();
        let keys = search
            .strip_prefix("a5 UID SEARCH UNDELETED SINCE ")
            .unwrap();
        let keys = keys.split_once(' ').unwrap().1;
        assert_eq!(
            keys,
            "LARGER 1500 SMALLER 32768 HEADER X-Ehlo-Probe \"until=\""
        );
        talk.say("* SEARCH 4 5 6\na5 OK done");
        // One that is still waited for, an old one, and one that only has the words in its subject.
        let headers = [
            (6, other_probe(FUTURE)),
            (5, other_probe(1_000_000_000)),
            (
                4,
                "Subject: X-Ehlo-Probe until=1000000000\r\n\r\n".to_owned(),
            ),
        ];
        for ((uid, header), tag) in headers.iter().zip(6..) {
            talk.expect(&format!(
                "a{tag} UID FETCH {uid} (UID BODY.PEEK[HEADER]<0.1048576>)"
            ));
            let length = header.len();
            talk.send(format!("* 1 FETCH (UID {uid} BODY[HEADER]<0> {{{length}}}\r\n").as_bytes());
            talk.send(header.as_bytes());
            talk.say(&format!(")\na{tag} OK done"));
        }
        talk.expect("a9 UID STORE 5 +FLAGS.SILENT (\\Deleted)");
        talk.say("a9 OK done");
        talk.expect("a10 UID EXPUNGE 5");
        talk.say("a10 OK done");
    });
    let run = round_trip(&relay, "imap", mailbox.port, &[]);
    relay.finish();
    mailbox.finish();
    run.exits(69);
    assert!(
        run.stdout
            .starts_with("earlier     1 late message from earlier round trips was deleted\n"),
        "{run:#?}"
    );
}

#[test]
fn a_server_that_cannot_search_does_not_end_the_round_trip() {
    let (sender, sent) = channel();
    let relay = relay(sender);
    let mailbox = Server::start(move |talk| {
        talk.log_in_imap("UIDPLUS");
        talk.expect("a2 LIST \"\" \"*\"");
        talk.say("* LIST () \"/\" INBOX\na2 OK done");
        status(talk, "a3", "INBOX", 10);
        talk.expect("a4 SELECT \"INBOX\"");
        talk.say("* 1 EXISTS\na4 OK done");
        talk.line();
        talk.say("a5 NO [CANNOT] no search");
        let message = received(&sent, |message| message);
        finds_from(talk, 6, "INBOX", &message);
    });
    let run = round_trip(&relay, "imap", mailbox.port, &[]);
    relay.finish();
    mailbox.finish();
    run.exits(0).complains(0);
}

#[test]
fn late_messages_at_a_pop3_server_are_deleted_if_they_are_small_and_new() {
    for (options, is_deleted) in [(&[][..], true), (&["--keep"][..], false)] {
        let relay = Server::start(|talk| {
            talk.greet(&[]);
            talk.expect("MAIL FROM:<alice@crepes.fr>");
            talk.say("550 5.7.1 no");
            talk.quit();
        });
        let mailbox = Server::start(move |talk| {
            talk.log_in_pop3("TOP\nUIDL");
            talk.expect("LIST");
            talk.say("+OK\n1 3000\n2 100000\n3 4000\n.");
            talk.expect("UIDL");
            talk.say("+OK\n1 a\n2 b\n3 c\n.");
            if is_deleted {
                for (number, until) in [(3, FUTURE), (1, 1_000_000_000)] {
                    talk.expect(&format!("TOP {number} 0"));
                    talk.say(&format!("+OK\n{}.", other_probe(until).replace('\r', "")));
                }
                talk.expect("DELE 1");
                talk.say("+OK");
            }
            talk.expect("QUIT");
            talk.say("+OK");
        });
        let run = round_trip(&relay, "pop3", mailbox.port, options);
        relay.finish();
        mailbox.finish();
        run.exits(69);
        assert_eq!(run.stdout.contains("earlier "), is_deleted, "{run:#?}");
    }
}
