//! `ehlo fetch`: what is said to IMAP and POP3 servers, and what it does with servers that lie, flood, hang and inject.

use crate::mailbox::{PASSWORD, clear, fetch_imap, fetch_pop3, fetch_secured};
use crate::program::{Ehlo, MEMORY_KIB, Run};
use crate::server::{Server, Talk};
use serde_json::Value;
use std::fs;
use std::thread;
use std::time::Duration;

const ITEMS: &str = "(UID FLAGS RFC822.SIZE INTERNALDATE BODY.PEEK[HEADER.FIELDS (DATE FROM TO CC SUBJECT MESSAGE-ID \
                     RETURN-PATH)])";

const HEADER: &str =
    "From: =?utf-8?q?Gr=C3=BCn?= <g@crepes.fr>\r\nSubject: Lunch\r\n at noon\r\n\r\n";

/// A FETCH response with a header.
fn listed(number: u32, uid: u32, flags: &str) -> String {
    format!(
        "* {number} FETCH (UID {uid} FLAGS ({flags}) RFC822.SIZE 1234 INTERNALDATE \" 1-Dec-2026 05:44:00 +0000\" \
         BODY[HEADER.FIELDS (DATE FROM)] {{{}}}\r\n{HEADER})\r\n",
        HEADER.len()
    )
}

#[track_caller]
fn complains_of(run: &Run, code: i32, words: &str) {
    run.exits(code).complains(1);
    assert!(run.stderr.contains(words), "{run:#?}");
    assert!(!run.stderr.contains(PASSWORD), "{run:#?}");
    assert!(run.peak_kib < MEMORY_KIB, "{run:#?}");
}

#[test]
fn messages_are_listed_without_being_marked() {
    let run = fetch_imap(&[], |talk| {
        talk.select("a2", "EXAMINE", 2);
        talk.expect(&format!("a3 UID FETCH 1:* {ITEMS}"));
        talk.send(listed(1, 7, "\\Seen \\Answered").as_bytes());
        talk.send(b"* 3 EXISTS\r\n* 1 FETCH (FLAGS (\\Seen))\r\n");
        talk.send(listed(2, 9, "").as_bytes());
        talk.say("a3 OK done");
        talk.log_out("a4");
    });
    run.exits(0).complains(0);
    assert_eq!(
        run.stdout,
        "      7  2026-12-01 05:44   1.2K  SR    Grün <g@crepes.fr>              Lunch at noon\n      \
         9  2026-12-01 05:44   1.2K        Grün <g@crepes.fr>              Lunch at noon\n"
    );
}

#[test]
fn a_list_is_json_on_request() {
    let run = fetch_imap(&["--json", "--last", "1"], |talk| {
        talk.select("a2", "EXAMINE", 2);
        talk.expect(&format!("a3 FETCH 2:* {ITEMS}"));
        talk.send(listed(2, 9, "\\Seen").as_bytes());
        talk.say("a3 OK done");
        talk.log_out("a4");
    });
    run.exits(0).complains(0);
    let message: Value = serde_json::from_str(&run.stdout).unwrap();
    assert_eq!(message["uid"], 9);
    assert_eq!(message["subject"], "Lunch at noon");
    assert_eq!(message["flags"][0], "\\Seen");
    assert_eq!(message["received"], "2026-12-01T05:44:00Z");
}

#[test]
fn an_imap_server_searches_itself() {
    let search = ["--search", "from=grün", "--search", "unseen", "-n", "2"];
    let run = fetch_imap(&search, |talk| {
        talk.select("a2", "EXAMINE", 9);
        talk.expect("a3 UID SEARCH CHARSET UTF-8 UID 1:* FROM {5}");
        talk.say("+ go on");
        talk.expect("grün UNSEEN");
        talk.say("* SEARCH 3 8 5 6\na3 OK done");
        talk.expect(&format!("a4 UID FETCH 6,8 {ITEMS}"));
        talk.send((listed(2, 6, "") + &listed(3, 8, "")).as_bytes());
        talk.say("a4 OK done");
        talk.log_out("a5");
    });
    run.exits(0).complains(0);
    assert_eq!(run.stdout.lines().count(), 2, "{run:#?}");
}

#[test]
fn a_message_is_printed_as_it_is() {
    let run = fetch_imap(&["7", "--raw"], |talk| {
        talk.select("a2", "EXAMINE", 2);
        talk.expect(&format!("a3 UID FETCH 7 {ITEMS}"));
        talk.send(listed(1, 7, "").as_bytes());
        talk.say("a3 OK done");
        talk.expect("a4 UID FETCH 7 (UID BODY.PEEK[])");
        talk.send(b"* 1 FETCH (BODY[] {14}\r\na: b\r\n\r\n.{3}\r\n UID 7)\r\n");
        talk.say("a4 OK done");
        talk.log_out("a5");
    });
    run.exits(0);
    assert_eq!(run.stdout, "a: b\r\n\r\n.{3}\r\n");
    assert_eq!(run.stderr, "");
}

/// A signature with three parts is wrong, which no program is needed for.
#[test]
fn signatures_of_a_printed_message_are_checked() {
    let part = "--b\r\nContent-Type: text/plain\r\n\r\nhello\r\n";
    let message = format!(
        "From: a@crepes.fr\r\nContent-Type: multipart/signed; boundary=b; protocol=\"application/pgp-signature\"\r\n\r\n\
         {part}{part}{part}--b--\r\n"
    );
    for (options, is_checked) in [(&[][..], true), (&["--no-decrypt"], false)] {
        let message = message.clone();
        let run = fetch_imap(&[&["7", "--print"], options].concat(), move |talk| {
            talk.select("a2", "EXAMINE", 2);
            talk.expect(&format!("a3 UID FETCH 7 {ITEMS}"));
            talk.send(listed(1, 7, "").as_bytes());
            talk.say("a3 OK done");
            talk.expect("a4 UID FETCH 7 (UID BODY.PEEK[])");
            let fetched = format!(
                "* 1 FETCH (UID 7 BODY[] {{{}}}\r\n{message})\r\n",
                message.len()
            );
            talk.send(fetched.as_bytes());
            talk.say("a4 OK done");
            talk.log_out("a5");
        });
        run.exits(0).complains(0);
        let words =
            "failed  OpenPGP signature: failed: multipart/signed must have exactly two parts";
        let line = run.stdout.replace('\n', " ");
        assert_eq!(line.contains(words), is_checked, "{run:#?}");
    }
}

/// As `ehlo show` shows it: no character of the message controls the terminal.
#[test]
fn a_message_is_printed_decoded() {
    let message = "Subject: =?utf-8?q?Gr=C3=BC=C3=9Fe?=\r\nFrom: \u{1b}[31m <a@crepes.fr>\r\nMIME-Version: 1.0\r\n\
                   Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\nContent-Transfer-Encoding: base64\r\n\r\n\
                   aGVsbG8gGw==\r\n--b\r\nContent-Disposition: attachment; filename=a.txt\r\n\r\nhello\r\n--b--\r\n";
    let run = fetch_imap(&["7:9", "--print"], move |talk| {
        talk.select("a2", "EXAMINE", 2);
        talk.expect(&format!("a3 UID FETCH 7:9 {ITEMS}"));
        talk.send((listed(1, 7, "") + &listed(2, 9, "")).as_bytes());
        talk.say("a3 OK done");
        for (tag, number, uid) in [("a4", 1, 7), ("a5", 2, 9)] {
            talk.expect(&format!("{tag} UID FETCH {uid} (UID BODY.PEEK[])"));
            let fetched = format!(
                "* {number} FETCH (UID {uid} BODY[] {{{}}}\r\n{message})\r\n",
                message.len()
            );
            talk.send(fetched.as_bytes());
            talk.say(&format!("{tag} OK done"));
        }
        talk.log_out("a6");
    });
    run.exits(0).complains(0).has_nothing_raw();
    let shown =
        "\nFrom:     \\u{1b}[31m <a@crepes.fr>\nSubject:  Grüße\n\nhello \\u{1b}\n\nParts:\n";
    assert!(run.stdout.starts_with(&format!("=== 7{shown}")), "{run:#?}");
    assert!(
        run.stdout.contains(&format!("\n\n=== 9{shown}")),
        "{run:#?}"
    );
    assert!(run.stdout.contains("a.txt, SHA-256 2cf24dba"), "{run:#?}");
}

#[test]
fn saved_messages_are_deleted_by_uid() {
    let server = Server::start(|talk| {
        talk.log_in_imap("UIDPLUS LITERAL+");
        talk.select("a2", "SELECT", 2);
        talk.expect(&format!("a3 UID FETCH 7:9 {ITEMS}"));
        talk.send((listed(1, 7, "") + &listed(2, 9, "")).as_bytes());
        talk.say("a3 OK done");
        for (tag, number, uid) in [("a4", 1, 7), ("a5", 2, 9)] {
            talk.expect(&format!("{tag} UID FETCH {uid} (UID BODY.PEEK[])"));
            talk.send(
                format!("* {number} FETCH (UID {uid} BODY[] {{4}}\r\na\r\nb)\r\n").as_bytes(),
            );
            talk.say(&format!("{tag} OK done"));
        }
        talk.expect("a6 UID STORE 7,9 +FLAGS.SILENT (\\Deleted)");
        talk.say("a6 OK done");
        talk.expect("a7 UID EXPUNGE 7,9");
        talk.say("* 1 EXPUNGE\n* 1 EXPUNGE\na7 OK done");
        talk.log_out("a8");
    });
    let directory = tempfile::tempdir().unwrap();
    let mbox = directory.path().join("box");
    let run = clear("imap", server.port)
        .args(["7:9", "--delete", "--mbox", mbox.to_str().unwrap()])
        .run();
    server.finish();
    run.exits(0).complains(0);
    let text = fs::read_to_string(mbox).unwrap();
    assert_eq!(text.matches("From MAILER-DAEMON ").count(), 2, "{text}");
    assert_eq!(text.matches("\na\nb\n").count(), 2, "{text}");
}

#[test]
fn a_change_of_all_messages_must_be_asked_for() {
    for option in ["--delete", "--seen"] {
        let run = Ehlo::new()
            .args(["fetch", "imap://h.example", option])
            .run();
        complains_of(&run, 64, "--all");
    }
}

#[test]
fn mailboxes_are_listed_with_their_use() {
    let run = fetch_imap(&["--folders"], |talk| {
        talk.expect("a2 LIST \"\" \"*\"");
        talk.send(b"* LIST (\\HasNoChildren) \"/\" INBOX\r\n");
        talk.send(b"* LIST (\\Junk) \"/\" {12}\r\nEntw&APw-rfe\r\n");
        talk.send(b"* LIST (\\Noselect) NIL \"a \\\"b\\\\\"\r\n");
        talk.say("a2 OK done");
        talk.expect("a3 STATUS \"INBOX\" (MESSAGES UNSEEN UIDNEXT UIDVALIDITY)");
        talk.say("* STATUS INBOX (MESSAGES 3 UNSEEN 1 UIDNEXT 9 UIDVALIDITY 7)\na3 OK done");
        talk.expect("a4 STATUS \"Entw&APw-rfe\" (MESSAGES UNSEEN UIDNEXT UIDVALIDITY)");
        talk.say("a4 NO no");
        talk.log_out("a5");
    });
    run.exits(0).complains(0);
    assert_eq!(
        run.stdout,
        "      3        1  INBOX\n      -        -  Entwürfe  \\Junk\n      -        -  a \"b\\\n"
    );
}

#[test]
fn a_name_is_sent_as_the_server_can_read_it() {
    for (capabilities, name) in [("", "\"Entw&APw-rfe\""), ("UTF8=ACCEPT", "\"Entwürfe\"")] {
        let server = Server::start(move |talk| {
            talk.log_in_imap(capabilities);
            let mut tag = "a2";
            if !capabilities.is_empty() {
                talk.expect("a2 ENABLE UTF8=ACCEPT");
                talk.say("* ENABLED UTF8=ACCEPT\na2 OK done");
                tag = "a3";
            }
            talk.expect(&format!("{tag} EXAMINE {name}"));
            talk.say(&format!("{tag} NO [NONEXISTENT] no such mailbox"));
        });
        let url = format!("imap://alice@127.0.0.1:{}/Entw%C3%BCrfe", server.port);
        let run = Ehlo::new()
            .args(["fetch", &url, "--allow-cleartext-password"])
            .env("EHLO_PASSWORD", PASSWORD)
            .run();
        server.finish();
        complains_of(&run, 69, "refused EXAMINE: [NONEXISTENT] no such mailbox");
    }
}

#[test]
fn the_session_is_shown_on_stderr_without_the_password() {
    let run = fetch_imap(&["--verbose"], |talk| {
        talk.expect("a2 EXAMINE \"INBOX\"");
        talk.say(&format!("* OK {PASSWORD} is yours\n* 0 EXISTS\na2 OK done"));
        talk.log_out("a3");
    });
    run.exits(0);
    assert_eq!(run.stdout, "");
    assert!(
        run.stderr.contains(">>> a1 LOGIN \"alice\" ********\n"),
        "{run:#?}"
    );
    assert!(
        run.stderr.contains(">>> a2 EXAMINE \"INBOX\"\n"),
        "{run:#?}"
    );
    assert!(run.stderr.contains("* 0 EXISTS\n"), "{run:#?}");
    assert!(!run.stderr.contains(PASSWORD), "{run:#?}");
}

#[test]
fn pop3_messages_are_listed_by_their_headers() {
    let run = fetch_pop3(&["--json", "--search", "subject=lunch"], |talk| {
        talk.expect("LIST");
        talk.say("+OK\n1 120\n3 340\n.");
        talk.expect("UIDL");
        talk.say("+OK\n1 abc\n3 def\n.");
        talk.expect("TOP 3 0");
        talk.send(b"+OK\r\nSubject: dinner\r\n\r\n.\r\n");
        talk.expect("TOP 1 0");
        talk.send(format!("+OK\r\n{HEADER}.\r\n").as_bytes());
        talk.expect("TOP 1 0");
        talk.send(format!("+OK\r\n{HEADER}.\r\n").as_bytes());
        talk.expect("QUIT");
        talk.say("+OK");
    });
    run.exits(0).complains(0);
    let message: Value = serde_json::from_str(&run.stdout).unwrap();
    assert_eq!(message["number"], 1);
    assert_eq!(message["uidl"], "abc");
    assert_eq!(message["size"], 120);
    assert_eq!(message["from"], "Grün <g@crepes.fr>");
}

#[test]
fn pop3_messages_are_saved_unstuffed_and_deleted_at_the_end() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("x.eml");
    let run = fetch_pop3(&["2", "--delete", "-o", file.to_str().unwrap()], |talk| {
        talk.expect("LIST");
        talk.say("+OK\n1 120\n2 340\n.");
        talk.expect("UIDL");
        talk.say("-ERR not here");
        talk.expect("TOP 2 0");
        talk.send(b"+OK\r\na: b\r\n\r\n.\r\n");
        talk.expect("RETR 2");
        talk.send(b"+OK 9\r\na: b\r\n\r\n..x\r\n...\r\n\r\n.");
        talk.send(b"\r\n");
        talk.expect("DELE 2");
        talk.say("+OK");
        talk.expect("QUIT");
        talk.say("-ERR some deleted messages not removed");
    });
    complains_of(&run, 69, "refused QUIT");
    assert_eq!(fs::read(file).unwrap(), b"a: b\r\n\r\n.x\r\n..\r\n\r\n");
}

/// Nothing of a message is left if the server lies about it.
#[test]
fn messages_that_are_not_complete_are_not_saved() {
    let rows: [(&[u8], i32, &str); 6] = [
        (
            b"* 1 FETCH (UID 8 BODY[] {4}\r\na\r\nb)\r\na4 OK\r\n",
            76,
            "another message",
        ),
        (
            b"* 1 FETCH (UID 7 BODY[] {2147483648}\r\na\r\n",
            76,
            "announced a message of 2147483648 bytes",
        ),
        (
            b"* 1 FETCH (UID 7 BODY[] {99999999999999999999}\r\na\r\n",
            76,
            "announced a message",
        ),
        (
            b"* 1 FETCH (UID 7 BODY[] {1}\r\na BODY[] {1}\r\nb)\r\n",
            76,
            "twice",
        ),
        (
            b"* 1 FETCH (UID 7 FLAGS ())\r\na4 OK\r\n",
            66,
            "there is no message 7",
        ),
        (
            b"* 1 FETCH (UID 7 BODY[] {400}\r\na: b\r\n",
            75,
            "connection was closed",
        ),
    ];
    for (lie, code, words) in rows {
        let directory = tempfile::tempdir().unwrap();
        let maildir = directory.path().join("mail");
        let save = ["7", "--delete", "--maildir", maildir.to_str().unwrap()];
        let run = fetch_imap(&save, move |talk| {
            talk.select("a2", "SELECT", 2);
            talk.expect(&format!("a3 UID FETCH 7 {ITEMS}"));
            talk.send(listed(1, 7, "").as_bytes());
            talk.say("a3 OK done");
            talk.expect("a4 UID FETCH 7 (UID BODY.PEEK[])");
            talk.last_words(lie);
        });
        complains_of(&run, code, words);
        for name in ["new", "tmp"] {
            let count = fs::read_dir(maildir.join(name)).unwrap().count();
            assert_eq!(count, 0, "{words}");
        }
    }
}

/// What an IMAP server may say instead of the reply to EXAMINE.
#[test]
fn a_lying_imap_server_ends_the_session_with_one_error() {
    let deep = format!("* 1 FETCH (BODYSTRUCTURE {}", "(".repeat(50_000));
    let long = format!("* SEARCH {}", "1 ".repeat(5_000_000));
    let rows: Vec<(Vec<u8>, i32, &str)> = vec![
        (
            b"a9 OK done\r\n".to_vec(),
            76,
            "sent the tag a9 instead of a2",
        ),
        (
            b"* BYE shutting down\r\n".to_vec(),
            75,
            "ended the session: shutting down",
        ),
        (
            b"* BYE x\r\na2 NO y\r\n".to_vec(),
            75,
            "ended the session: x",
        ),
        (b"+ more\r\n".to_vec(), 76, "asked for more data"),
        (b"* PREAUTH hello\r\n".to_vec(), 76, "PREAUTH"),
        (b"hello\r\n".to_vec(), 76, "cannot be read"),
        (
            b"* 1 FETCH (INTERNALDATE NIL)\r\n".to_vec(),
            76,
            "cannot be read",
        ),
        (
            b"* LIST () \"/\" {3000000000}\r\n".to_vec(),
            76,
            "announced a literal of 3000000000",
        ),
        (deep.into_bytes(), 76, "nested too deeply"),
        (long.into_bytes(), 76, "a line of more than"),
        (b"a2 BAD what?\r\n".to_vec(), 69, "refused EXAMINE: what?"),
        (b"a2 NO [UNAVAILABLE] later\r\n".to_vec(), 75, "later"),
        (b"* LIST (\\Junk \"/\" x\r\n".to_vec(), 76, "cannot be read"),
    ];
    for (lie, code, words) in rows {
        let run = fetch_imap(&[], move |talk| {
            talk.expect("a2 EXAMINE \"INBOX\"");
            let end: &[u8] = if lie.ends_with(b"\n") { b"" } else { b"\r\n" };
            let _ = talk.last_words(&[&lie[..], end].concat());
        });
        complains_of(&run, code, words);
    }
}

#[test]
fn unknown_responses_are_ignored() {
    let run = fetch_imap(&[], |talk| {
        talk.expect("a2 EXAMINE \"INBOX\"");
        talk.send(b"* METADATA \"INBOX\" (/bad x)\r\n* ID (\"a\" NIL)\r\n* XYZ\r\n");
        talk.send(b"* OK [ALERT] text that ends in {12}\r\n* FLAGS (\\Seen)\r\n* 0 EXISTS\r\n");
        talk.say("a2 OK [READ-ONLY] done");
        talk.log_out("a3");
    });
    run.exits(0).complains(0);
}

#[test]
fn a_flood_ends_the_session() {
    for (scheme, flood) in [
        ("imap", &b"* 1 EXISTS\r\n"[..]),
        ("imap", b"* OK x\r\n"),
        ("imap", b"xxxxxxxxxxxxxxxx"),
        ("pop3", b"1 1\r\n"),
        ("pop3", b"yyyyyyyyyyyyyyyy"),
    ] {
        let script = move |talk: &mut Talk| {
            if scheme == "imap" {
                talk.expect("a2 EXAMINE \"INBOX\"");
            } else {
                talk.expect("LIST");
                talk.send(b"+OK\r\n");
            }
            talk.flood(&flood.repeat(1000));
        };
        let run = if scheme == "imap" {
            fetch_imap(&[], script)
        } else {
            fetch_pop3(&[], script)
        };
        complains_of(&run, 76, "sent");
    }
}

/// What a POP3 server may send instead of the replies to these commands.
#[test]
fn a_lying_pop3_server_ends_the_session_with_one_error() {
    let long = format!("+OK\r\n1 {}\r\n", "9".repeat(100_000));
    let many = format!("+OK\r\n{}", "1 120\r\n".repeat(600_000));
    let endless = format!("+OK\r\n{}", "X: a\r\n".repeat(300_000));
    let listed = [
        "LIST",
        "+OK\r\n1 9\r\n.\r\n",
        "UIDL",
        "+OK\r\n1 a\r\n9 b\r\n1 c d\r\n.\r\n",
    ];
    let read = [
        &listed[..],
        &["TOP 1 0", "+OK\r\na: b\r\n\r\n.\r\n", "RETR 1"],
    ]
    .concat();
    let rows: Vec<(Vec<&str>, i32, &str)> = vec![
        (
            vec!["LIST", "+OK\r\n1 99999999999999999999999\r\n.\r\n"],
            76,
            "LIST",
        ),
        (vec!["LIST", "+OK\r\n-1 120\r\n.\r\n"], 76, "LIST"),
        (vec!["LIST", "+OK\r\n4294967296 120\r\n.\r\n"], 76, "LIST"),
        (vec!["LIST", "250 ok\r\n"], 76, "instead of +OK or -ERR"),
        (vec!["LIST", &long], 76, "a line of more than 8192 bytes"),
        (vec!["LIST", &many], 76, "more than 500000 lines"),
        (
            [&listed[..], &["TOP 1 0", &endless]].concat(),
            76,
            "more than 1048576 bytes in reply to TOP",
        ),
        (
            [&listed[..], &["TOP 1 0", "+OK\r\nSubject: x\r\n"]].concat(),
            75,
            "closed",
        ),
        ([&read[..], &["+OK 9\r\na: b\r\n"]].concat(), 75, "closed"),
        (
            [&read[..], &["-ERR no such message\r\n"]].concat(),
            66,
            "there is no message 1",
        ),
        (
            vec![
                "LIST",
                "+OK\r\n1 4294967296\r\n.\r\n",
                "UIDL",
                "-ERR no\r\n",
                "TOP 1 0",
                "+OK\r\n\r\n.\r\n",
                "QUIT",
                "+OK\r\n",
            ],
            65,
            "more than --max-size",
        ),
        (
            [&read[..], &[&endless]].concat(),
            76,
            "more than 1000000 bytes in reply to RETR",
        ),
    ];
    for (lines, code, words) in rows {
        let directory = tempfile::tempdir().unwrap();
        let maildir = directory.path().join("mail");
        let lines: Vec<String> = lines.into_iter().map(str::to_owned).collect();
        let options = [
            "1",
            "--delete",
            "--max-size",
            "1000000",
            "--maildir",
            maildir.to_str().unwrap(),
        ];
        let run = fetch_pop3(&options, move |talk| {
            for pair in lines.chunks(2) {
                talk.expect(&pair[0]);
                if pair[0] == lines[lines.len() - 2] {
                    talk.last_words(pair[1].as_bytes());
                } else {
                    talk.send(pair[1].as_bytes());
                }
            }
        });
        complains_of(&run, code, words);
        for name in ["new", "tmp"] {
            let count = fs::read_dir(maildir.join(name)).unwrap().count();
            assert_eq!(count, 0, "{words}");
        }
    }
}

/// Each byte arrives in time, and the reply as a whole never does.
#[test]
fn a_server_that_drips_is_given_up() {
    thread::scope(|scope| {
        scope.spawn(|| {
            let run = fetch_imap(&["--timeout", "300ms"], |talk| {
                talk.expect("a2 EXAMINE \"INBOX\"");
                talk.drip(std::iter::repeat(b'x'), Duration::from_millis(10));
            });
            complains_of(&run, 75, "no answer within 0.3 seconds");
        });
        scope.spawn(|| {
            let run = fetch_pop3(&["--timeout", "300ms"], |talk| {
                talk.expect("LIST");
                talk.drip(
                    b"+OK\r\n".iter().copied().chain(std::iter::repeat(b'1')),
                    Duration::from_millis(10),
                );
            });
            complains_of(&run, 75, "no answer within 0.3 seconds");
        });
    });
}

#[test]
fn a_server_that_hangs_is_given_up() {
    thread::scope(|scope| {
        scope.spawn(|| {
            let run = fetch_imap(&["--timeout", "300ms"], |talk| {
                talk.expect("a2 EXAMINE \"INBOX\"");
                talk.hang();
            });
            complains_of(&run, 75, "no answer within 0.3 seconds");
        });
        scope.spawn(|| {
            let run = fetch_pop3(&["--timeout", "300ms"], |talk| {
                talk.expect("LIST");
                talk.hang();
            });
            complains_of(&run, 75, "no answer within 0.3 seconds");
        });
    });
}

#[test]
fn bytes_in_clear_after_the_reply_to_starttls_end_the_session() {
    for injected in [
        &b"* OK injected\r\n"[..],
        b"a2 OK [CAPABILITY IMAP4rev1] x\r\n",
        b"x",
        b"\r\n",
    ] {
        let run = fetch_secured("imap", &[], move |talk, _| {
            talk.say("* OK [CAPABILITY IMAP4rev1 STARTTLS AUTH=PLAIN] ready");
            talk.expect("a1 STARTTLS");
            talk.send(&[b"a1 OK go ahead\r\n", injected].concat());
            let said = talk.rest();
            assert!(said.is_empty(), "said: {}", said.escape_ascii());
        });
        complains_of(&run, 76, "in plaintext after its reply to STARTTLS");
    }
    for injected in [&b"+OK injected\r\n"[..], b"x"] {
        let run = fetch_secured("pop3", &[], move |talk, _| {
            talk.say("+OK ready");
            talk.expect("CAPA");
            talk.say("+OK\nSTLS\nUSER\n.");
            talk.expect("STLS");
            talk.send(&[b"+OK go ahead\r\n", injected].concat());
            let said = talk.rest();
            assert!(said.is_empty(), "said: {}", said.escape_ascii());
        });
        complains_of(&run, 76, "in plaintext after its reply to STLS");
    }
}

#[test]
fn capabilities_from_before_tls_are_forgotten() {
    let run = fetch_secured("imap", &[], |talk, config| {
        talk.say("* OK [CAPABILITY IMAP4rev1 STARTTLS AUTH=CRAM-MD5] ready");
        talk.expect("a1 STARTTLS");
        talk.say("a1 OK [CAPABILITY IMAP4rev1 AUTH=CRAM-MD5] go ahead");
        talk.secure(config);
        talk.expect("a2 CAPABILITY");
        talk.say("* CAPABILITY IMAP4rev1 LOGINDISABLED\na2 OK done");
    });
    complains_of(&run, 77, "LOGINDISABLED");
    let run = fetch_secured("pop3", &[], |talk, config| {
        talk.say("+OK ready");
        talk.expect("CAPA");
        talk.say("+OK\nSTLS\nSASL CRAM-MD5\n.");
        talk.expect("STLS");
        talk.say("+OK");
        talk.secure(config);
        talk.expect("CAPA");
        talk.say("+OK\nSASL PLAIN\n.");
        talk.expect(&format!(
            "AUTH PLAIN {}",
            crate::sasl::encode(format!("\0alice\0{PASSWORD}"))
        ));
        talk.say("-ERR [AUTH] no");
    });
    complains_of(&run, 77, "rejected the login: [AUTH] no");
}

#[test]
fn no_password_is_sent_without_tls() {
    for stripped in [
        "* OK [CAPABILITY IMAP4rev1 AUTH=PLAIN] ready",
        "* OK [CAPABILITY IMAP4rev1] x",
    ] {
        let run = fetch_secured("imap", &[], move |talk, _| talk.say(stripped));
        complains_of(&run, 77, "the password was not sent");
        let required = ["--tls", "starttls"];
        let run = fetch_secured("imap", &required, move |talk, _| talk.say(stripped));
        complains_of(&run, 77, "does not offer STARTTLS");
    }
    let run = fetch_secured("pop3", &[], |talk, _| {
        talk.say("+OK ready");
        talk.expect("CAPA");
        talk.say("-ERR unknown");
    });
    complains_of(&run, 77, "the password was not sent");
    let run = fetch_secured("imap", &[], |talk, _| {
        talk.say("* OK [CAPABILITY IMAP4rev1 STARTTLS] ready");
        talk.expect("a1 STARTTLS");
        talk.say("a1 NO not now");
    });
    complains_of(&run, 77, "refused STARTTLS: not now");
}

/// CVE-2020-12398, CVE-2020-15685: PREAUTH would skip STARTTLS.
#[test]
fn preauth_does_not_skip_tls_or_the_login() {
    let greeting = "* PREAUTH [CAPABILITY IMAP4rev1] welcome";
    for options in [&[][..], &["--tls", "starttls"]] {
        let run = fetch_secured("imap", options, move |talk, _| talk.say(greeting));
        complains_of(&run, 77, "PREAUTH");
    }
    let run = fetch_secured("imaps", &[], move |talk, config| {
        talk.secure(config);
        talk.say(greeting);
    });
    complains_of(&run, 77, "PREAUTH");
    let server = Server::start(move |talk| {
        talk.say(greeting);
        talk.select("a1", "EXAMINE", 0);
        talk.log_out("a2");
    });
    let url = format!("imap://127.0.0.1:{}", server.port);
    let run = Ehlo::new().args(["fetch", &url, "--tls", "off"]).run();
    server.finish();
    run.exits(0).complains(0);
}

#[test]
fn mechanisms_are_those_of_smtp() {
    let plain = crate::sasl::encode(format!("\0alice\0{PASSWORD}"));
    let run = fetch_secured("imaps", &[], move |talk, config| {
        talk.secure(config);
        talk.say("* OK [CAPABILITY IMAP4rev1 AUTH=PLAIN AUTH=LOGIN] ready");
        talk.expect("a1 AUTHENTICATE PLAIN");
        talk.say("+ ");
        talk.expect(&plain);
        talk.say("a1 NO [AUTHENTICATIONFAILED] no");
    });
    complains_of(&run, 77, "rejected the login: [AUTHENTICATIONFAILED] no");
    let run = fetch_secured("imaps", &["--auth", "PLAIN"], |talk, config| {
        talk.secure(config);
        talk.say("* OK [CAPABILITY IMAP4rev1 SASL-IR AUTH=PLAIN AUTH=SCRAM-SHA-256] ready");
        let plain = crate::sasl::encode(format!("\0alice\0{PASSWORD}"));
        talk.expect(&format!("a1 AUTHENTICATE PLAIN {plain}"));
        talk.say("* CAPABILITY IMAP4rev1\na1 OK done");
        talk.expect("a2 CAPABILITY");
        talk.say("* CAPABILITY IMAP4rev1\na2 OK done");
        talk.select("a3", "EXAMINE", 0);
        talk.log_out("a4");
    });
    run.exits(0).complains(0);
    let run = fetch_secured("imaps", &[], |talk, config| {
        talk.secure(config);
        talk.say("* OK [CAPABILITY IMAP4rev1 SASL-IR AUTH=SCRAM-SHA-256] ready");
        assert!(talk.line().starts_with("a1 AUTHENTICATE SCRAM-SHA-256 "));
        talk.say("a1 OK welcome");
    });
    complains_of(&run, 77, "before proving that it knows the password");
}

#[test]
fn a_token_is_sent_as_by_smtp() {
    let server = Server::start(|talk| {
        talk.say("* OK [CAPABILITY IMAP4rev1 SASL-IR AUTH=XOAUTH2] ready");
        assert!(talk.line().starts_with("a1 AUTHENTICATE XOAUTH2 "));
        talk.say("+ eyJzdGF0dXMiOiI0MDEifQ==");
        talk.expect("");
        talk.say("a1 NO invalid");
    });
    let run = clear("imap", server.port)
        .args(["--oauth-token-command", "echo t0ken-Gr8"])
        .run();
    server.finish();
    complains_of(&run, 77, "about the token: {\"status\":\"401\"}");
}

#[test]
fn the_mailbox_of_a_profile_is_used_with_its_login() {
    let server = Server::start(|talk| {
        talk.log_in_imap("");
        talk.select("a2", "EXAMINE", 0);
        talk.log_out("a3");
    });
    let ehlo = Ehlo::new().args(["fetch", "--profile", "work", "--config", "c.toml"]);
    let read = format!("imap://127.0.0.1:{}", server.port);
    ehlo.private("pw", PASSWORD);
    let home = ehlo.path("pw");
    ehlo.private(
        "c.toml",
        format!(
            "[profile.work]\nrelay = \"127.0.0.1:1\"\nuser = \"alice\"\npassword-file = \"{}\"\n\
             allow-cleartext-password = true\nread = \"{read}\"\n",
            home.display()
        ),
    );
    let run = ehlo.run();
    server.finish();
    run.exits(0).complains(0);
}
