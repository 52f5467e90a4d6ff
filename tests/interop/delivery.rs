//! What goes through a real Postfix arrives as `--print` shows it, byte for byte.

use crate::postfix::Postfix;
use crate::run::ehlo;
use std::fs;
use std::path::Path;
use tempfile::TempDir;

/// What is different in each run, made the same.
const FIXED: [&str; 8] = [
    "-H",
    "Date: Mon, 20 Nov 2023 10:00:00 +0000",
    "-H",
    "Message-ID: <fixed@sender.test>",
    "-f",
    "Alice Ärger <alice@sender.test>",
    "-s",
    "Grüße, 你好, привет",
];

/// Sends with these arguments to bob, and compares with what is printed for the same arguments.
#[track_caller]
fn arrives_as_printed(directory: &Path, arguments: &[&str]) -> Option<Vec<u8>> {
    let postfix = Postfix::start()?;
    let all = [&FIXED[..], arguments, &["bob@example.test"]].concat();
    postfix.send(directory, &all).ends_with(0);
    let came = postfix.receive("bob");
    let printed = ehlo(directory, &[&["--print"], &all[..]].concat());
    printed.ends_with(0);
    assert_same(&came, &printed.stdout);
    Some(came)
}

/// The same but for line ends, which a Maildir has as LF, and the boundary, which is new each time.
#[track_caller]
fn assert_same(came: &[u8], printed: &[u8]) {
    let (came, printed) = (plain(came), plain(printed));
    let differ = came.iter().zip(&printed).position(|(a, b)| a != b);
    let at = differ.unwrap_or(came.len().min(printed.len()));
    let around = |text: &[u8]| {
        let text = &text[at.saturating_sub(60)..text.len().min(at + 60)];
        String::from_utf8_lossy(text).into_owned()
    };
    assert!(
        came == printed,
        "differs at {at} of {} and {}: {:?} should be {:?}",
        came.len(),
        printed.len(),
        around(&came),
        around(&printed)
    );
}

fn plain(message: &[u8]) -> Vec<u8> {
    let mut plain = Vec::with_capacity(message.len());
    for (at, &byte) in message.iter().enumerate() {
        if byte != b'\r' || message.get(at + 1) != Some(&b'\n') {
            plain.push(byte);
        }
    }
    let key = b"boundary=";
    let found = plain.windows(key.len()).position(|window| window == key);
    let Some(start) = found.map(|at| at + key.len()) else {
        return plain;
    };
    let is_end = |byte: &u8| byte.is_ascii_whitespace() || *byte == b';';
    let length = plain[start..].iter().position(is_end).unwrap();
    let boundary = plain[start..start + length].to_vec();
    let mut at = start;
    while at + length <= plain.len() {
        if plain[at..].starts_with(&boundary) {
            plain[at..at + length].fill(b'B');
            at += length;
        } else {
            let next = plain[at + 1..].iter().position(|byte| *byte == boundary[0]);
            at = next.map_or(plain.len(), |next| at + 1 + next);
        }
    }
    plain
}

fn directory_with(name: &str, content: &[u8]) -> TempDir {
    let directory = tempfile::tempdir().unwrap();
    fs::write(directory.path().join(name), content).unwrap();
    directory
}

/// Bytes of every value in no order that compresses.
fn noise(length: usize) -> Vec<u8> {
    let mut state = 0x9e37_79b9_u32;
    let mut next = || {
        state ^= state << 13;
        state ^= state >> 17;
        state ^= state << 5;
        state.to_le_bytes()[1]
    };
    (0..length).map(|_| next()).collect()
}

#[track_caller]
fn text_arrives(text: &[u8]) {
    let directory = directory_with("text", text);
    arrives_as_printed(directory.path(), &["-b", "@text"]);
}

/// Postfix offers 8BITMIME, so that text travels as it is.
#[track_caller]
fn text_arrives_unencoded(text: &str) {
    let Some(postfix) = Postfix::start() else {
        return;
    };
    let directory = directory_with("text", text.as_bytes());
    let all = [&FIXED[..], &["-b", "@text", "bob@example.test"]].concat();
    postfix.send(directory.path(), &all).ends_with(0);
    let came = String::from_utf8(postfix.receive("bob")).unwrap();
    let (header, body) = came.split_once("\n\n").unwrap();
    assert!(
        header.contains("Content-Transfer-Encoding: 8bit"),
        "{header}"
    );
    assert_eq!(body, text);
}

#[test]
fn text_in_several_scripts_arrives() {
    text_arrives_unencoded("Grüße\nпривет\n你好\n😀\n");
    text_arrives_unencoded(&"only one ü in much that is ASCII\n".repeat(50));
}

#[test]
fn lines_of_dots_arrive() {
    text_arrives(b".\n..\n...\n.x\n\n.\n");
    text_arrives(b".");
}

#[test]
fn lines_of_any_length_arrive() {
    let line = |length: usize| "x".repeat(length) + "\n";
    let lines: String = [77, 78, 79, 997, 998, 999, 5000].map(line).concat();
    text_arrives(lines.as_bytes());
    text_arrives(line(998).as_bytes());
    text_arrives((".".repeat(998) + "\n").as_bytes());
}

#[test]
fn text_without_a_final_line_end_arrives() {
    text_arrives(b"no line end");
    text_arrives(b"blank at the end \n\nFrom here\n\n\n");
}

#[test]
fn an_empty_text_arrives() {
    text_arrives(b"");
    text_arrives(b"\n");
}

#[test]
fn an_attachment_of_five_megabytes_arrives() {
    let directory = directory_with("noise.bin", &noise(5_000_000));
    arrives_as_printed(directory.path(), &["-b", "here", "-a", "noise.bin"]);
}

#[test]
fn attachments_with_names_in_several_scripts_arrive() {
    let directory = directory_with("меню.pdf", b"one");
    fs::write(directory.path().join("日本語の長い名前.txt"), "zwei ü\n").unwrap();
    fs::write(directory.path().join("a \"b\"; c.bin"), noise(300)).unwrap();
    let files = [
        "-a",
        "меню.pdf",
        "-a",
        "日本語の長い名前.txt",
        "-a",
        "a \"b\"; c.bin",
    ];
    arrives_as_printed(directory.path(), &[&["-b", "three"], &files[..]].concat());
}

#[test]
fn a_ready_message_of_eight_bits_arrives_as_it_is() {
    let Some(postfix) = Postfix::start() else {
        return;
    };
    let message = "Date: Mon, 20 Nov 2023 10:00:00 +0000\nFrom: alice@sender.test\n\
         To: bob@example.test\nMessage-ID: <eight@sender.test>\nMIME-Version: 1.0\n\
         Content-Type: text/plain; charset=utf-8\nContent-Transfer-Encoding: 8bit\n\n\
         Grüße\n.\nпривет\n";
    let directory = directory_with("ready.eml", message.as_bytes());
    postfix
        .send(directory.path(), &["--message", "ready.eml"])
        .ends_with(0)
        .shows(" BODY=8BITMIME");
    assert_same(&postfix.receive("bob"), message.as_bytes());
}

#[test]
fn an_address_in_chinese_is_reached() {
    let Some(postfix) = Postfix::start() else {
        return;
    };
    let directory = tempfile::tempdir().unwrap();
    let arguments = ["-b", "text", "用户@example.test"];
    postfix
        .send(directory.path(), &[&FIXED[..], &arguments].concat())
        .ends_with(0)
        .shows(" SMTPUTF8");
    let came = postfix.receive("user");
    let printed = ehlo(
        directory.path(),
        &[&["--print"], &FIXED[..], &arguments].concat(),
    );
    assert_same(&came, &printed.stdout);
}

#[test]
fn bcc_gets_the_message_and_is_named_nowhere() {
    let Some(postfix) = Postfix::start() else {
        return;
    };
    let directory = tempfile::tempdir().unwrap();
    let arguments = [
        "-b",
        "text",
        "--bcc",
        "carol@example.test",
        "bob@example.test",
    ];
    postfix
        .send(directory.path(), &[&FIXED[..], &arguments].concat())
        .ends_with(0);
    for mailbox in ["bob", "carol"] {
        let came = String::from_utf8(postfix.receive(mailbox)).unwrap();
        assert!(!came.contains("carol"), "{came}");
        assert!(!came.to_lowercase().contains("\nbcc"), "{came}");
    }
}

#[test]
fn bcc_of_a_ready_message_gets_it_and_is_named_nowhere() {
    let Some(postfix) = Postfix::start() else {
        return;
    };
    let message = "From: alice@sender.test\nTo: bob@example.test\n\
         bcc: Carol\n <carol@example.test>\nSubject: x\n\ntext\n";
    let directory = directory_with("ready.eml", message.as_bytes());
    postfix
        .send(directory.path(), &["--message", "ready.eml"])
        .ends_with(0);
    for mailbox in ["bob", "carol"] {
        let came = String::from_utf8(postfix.receive(mailbox)).unwrap();
        assert!(!came.to_lowercase().contains("carol"), "{came}");
    }
}

#[test]
fn envelopes_that_are_sent_ahead_are_not_unauthorized_pipelining() {
    let strict = "smtpd_data_restrictions = reject_unauth_pipelining\n\
                  smtpd_end_of_data_restrictions = reject_unauth_pipelining\n";
    let Some(postfix) = Postfix::start_with(strict) else {
        return;
    };
    let directory = tempfile::tempdir().unwrap();
    for chunking in ["auto", "off"] {
        let how = ["--repeat", "5", "--reuse", "--chunking", chunking];
        let message = ["-f", "alice@sender.test", "-b", "text", "bob@example.test"];
        postfix
            .send(directory.path(), &[&how[..], &message].concat())
            .ends_with(0);
        for _ in 0..5 {
            postfix.receive("bob");
        }
    }
}
