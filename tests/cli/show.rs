//! `ehlo show`: messages, mboxes and Maildirs; attachments; hostile content.

use crate::dns::Authority;
use crate::program::{Ehlo, MEMORY_KIB, Run};
use crate::verify::Key;
use serde_json::Value;
use std::fs;
use std::os::unix::fs::symlink;
use tempfile::TempDir;

const MESSAGE: &str = "\
From: =?utf-8?q?Ren=C3=A9?= <alice@crepes.fr>\r
To: bob@hamburger.edu\r
Date: Tue, 1 Dec 2026 08:00:00 +0100\r
Subject: =?utf-8?b?S2V0Y2h1cCDwn42F?=\r
Message-ID: <1@crepes.fr>\r
MIME-Version: 1.0\r
Content-Type: multipart/mixed; boundary=b1\r
\r
preamble\r
--b1\r
Content-Type: multipart/alternative; boundary=b2\r
\r
--b2\r
Content-Type: text/plain; charset=iso-8859-1\r
Content-Transfer-Encoding: quoted-printable\r
\r
Do you like ketch=FCp? https://crepes.fr/menu\r
--b2\r
Content-Type: text/html; charset=utf-8\r
\r
<p>Do you like <b>ketch\u{fc}p</b>? <a href=\"https://crepes.fr/html\">menu</a></p>\r
--b2--\r
--b1\r
Content-Type: application/pdf\r
Content-Disposition: attachment; filename=\"../menu.pdf\"\r
Content-Transfer-Encoding: base64\r
\r
aGVsbG8=\r
--b1\r
Content-Type: message/rfc822\r
\r
Subject: inner\r
\r
inner text\r
--b1--\r
";

/// SHA-256 of `hello`.
const HELLO: &str = "2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824";

/// Runs `ehlo show` on a file of this directory.
fn show(directory: &TempDir, name: &str, arguments: &[&str]) -> Run {
    let path = directory.path().join(name);
    Ehlo::new()
        .args(["show"])
        .args([path])
        .args(arguments)
        .run()
}

fn show_stdin(message: impl Into<Vec<u8>>, arguments: &[&str]) -> Run {
    Ehlo::new()
        .args(["show", "-"])
        .args(arguments)
        .input(message)
        .run()
}

fn with_file(name: &str, content: impl AsRef<[u8]>) -> TempDir {
    let directory = tempfile::tempdir().unwrap();
    fs::write(directory.path().join(name), content).unwrap();
    directory
}

#[test]
fn message_is_shown_decoded_with_its_parts() {
    let run = show(&with_file("m.eml", MESSAGE), "m.eml", &[]);
    run.exits(0);
    let expected = format!(
        "From:     Ren\u{e9} <alice@crepes.fr>\n\
         To:       bob@hamburger.edu\n\
         Date:     Tue, 1 Dec 2026 08:00:00 +0100\n\
         Subject:  Ketchup \u{1f345}\n\
         \n\
         Do you like ketch\u{fc}p? https://crepes.fr/menu\n\
         \n\
         Parts:\n\
         \x20 0        multipart/mixed\n\
         \x20 1          multipart/alternative\n\
         \x20 1.1          text/plain; iso-8859-1  body, 43 bytes\n\
         \x20 1.2          text/html; utf-8  body, 77 bytes\n\
         \x20 2          application/pdf  attachment, 5 bytes\n\
         \x20            menu.pdf, SHA-256 {HELLO}\n\
         \x20 3          message/rfc822  message, 28 bytes\n"
    );
    assert!(
        run.stdout.starts_with(&expected),
        "{}\n{expected}",
        run.stdout
    );
    run.shows(&["  3.1          text/plain  body, 10 bytes\n"]);
}

#[test]
fn json_has_text_html_links_and_hashes() {
    let run = show_stdin(MESSAGE, &["--json"]);
    run.exits(0);
    let object: Value = serde_json::from_str(&run.stdout).unwrap();
    assert_eq!(object["subject"], "Ketchup \u{1f345}");
    assert_eq!(object["from"][0]["name"], "Ren\u{e9}");
    assert_eq!(object["date"], "2026-12-01T07:00:00Z");
    assert_eq!(object["links"][0], "https://crepes.fr/html");
    assert_eq!(object["links"][1], "https://crepes.fr/menu");
    assert_eq!(object["attachments"][0]["sha256"], HELLO);
    assert_eq!(object["attachments"][0]["name"], "menu.pdf");
    assert_eq!(object["truncated"], false);
    assert_eq!(object["parts"].as_array().unwrap().len(), 7);
    let field = &object["headers"][0];
    assert_eq!(field["value"], "Ren\u{e9} <alice@crepes.fr>");
}

#[test]
fn attachments_are_saved_and_nothing_is_overwritten() {
    let place = with_file("m.eml", MESSAGE);
    let directory = place.path().join("out");
    fs::create_dir(&directory).unwrap();
    fs::write(directory.join("menu.pdf"), "precious").unwrap();
    symlink("elsewhere", directory.join("menu-1.pdf")).unwrap();
    let run = show(&place, "m.eml", &["--extract", directory.to_str().unwrap()]);
    run.exits(0).shows(&["saved ", "/out/menu-2.pdf\n"]);
    assert_eq!(fs::read(directory.join("menu-2.pdf")).unwrap(), b"hello");
    assert_eq!(fs::read(directory.join("menu.pdf")).unwrap(), b"precious");
    assert!(!directory.join("elsewhere").exists());
    let inner = fs::read_to_string(directory.join("part-3.eml")).unwrap();
    assert_eq!(inner, "Subject: inner\r\n\r\ninner text");
}

#[test]
fn mbox_and_maildir_are_listed_and_a_number_selects() {
    let separator = "From alice@crepes.fr Tue Dec  1 08:00:00 2026";
    let place = with_file(
        "box",
        format!("{separator}\nSubject: one\n\n>From here\n\n{separator}\nSubject: two\n\nsecond\n"),
    );
    let run = show(&place, "box", &[]);
    let lines: Vec<&str> = run.exits(0).stdout.lines().collect();
    assert!(lines.len() == 2 && lines[1].ends_with("  two"), "{lines:?}");
    let run = show(&place, "box", &["-n", "1"]);
    assert_eq!(run.exits(0).stdout, "Subject:  one\n\nFrom here\n");
    show(&place, "box", &["-n", "3"])
        .exits(66)
        .says(&["there is no message 3; there are 2"]);
    let maildir = place.path().join("md");
    for folder in ["cur", "new", "tmp"] {
        fs::create_dir_all(maildir.join(folder)).unwrap();
    }
    show(&place, "md", &[])
        .exits(66)
        .says(&["md has no message"]);
    fs::write(maildir.join("new/1.host"), MESSAGE).unwrap();
    fs::write(maildir.join("cur/2.host:2,S"), "Subject: seen\n\nx\n").unwrap();
    show(&place, "md", &["--all"])
        .exits(0)
        .shows(&["=== 2: ", "md/cur/2.host:2,S\nSubject:  seen\n"]);
    let run = show(&place, "md", &["-n", "1", "--part", "2"]);
    assert_eq!(run.exits(0).stdout, "hello");
    show(&place, "md", &["--part", "2"]).exits(64);
    show(&place, "md", &["-n", "1", "--part", "9"])
        .exits(66)
        .says(&["has no part 9"]);
}

#[test]
fn escape_sequences_do_not_reach_the_terminal() {
    let message = "From: =?utf-8?q?=1B]0;x=07?= <a@x>\nSubject: a\u{202e}b\u{9b}31m\n\
                   Content-Type: text/plain; name=\"\u{1b}[2J\"\n\n\u{1b}[31mred\u{7}\r\rx\u{8}\n";
    for options in [&[][..], &["-H"], &["--all"], &["--json"]] {
        show_stdin(message, options).exits(0).has_nothing_raw();
    }
    show_stdin(message, &[]).shows(&["\\u{1b}[31mred\\u{7}"]);
}

#[test]
fn dkim_and_list_fields_are_checked() {
    let message = "DKIM-Signature: v=1; a=rsa-sha256; c=relaxed/simple; d=crepes.fr; s=m; h=from; b=eA==;\r\n \
                   bh=frcCV1k9oG9oKj3dpUqdJg1PxRT2RSN/XKdLCPjaYaY=\r\nFrom: a@crepes.fr\r\n\
                   List-Unsubscribe: <https://crepes.fr/u>\r\nList-Unsubscribe-Post: List-Unsubscribe=One-Click\r\n\r\n";
    show_stdin(message, &[]).exits(0).shows(&[
        "  ok      DKIM-Signature: d=crepes.fr s=m a=rsa-sha256: the body is unchanged\n",
        "  ok      List-Unsubscribe: https://crepes.fr/u\n",
        "  failed  List-Unsubscribe-Post: no valid DKIM signature covers",
    ]);
    show_stdin(format!("{message}changed\r\n"), &[])
        .shows(&["the body was changed after it was signed"]);
}

#[test]
fn signatures_are_verified_with_keys_from_the_dns_on_request() {
    let key = Key::new();
    let list = [
        "-H",
        "List-Unsubscribe: <https://crepes.fr/u>",
        "-H",
        "List-Unsubscribe-Post: List-Unsubscribe=One-Click",
    ];
    let message = key.message(&[&["-b", "hi"], &list[..]].concat());
    let changed = message.replace("To: bob", "To: Bob");
    let dns = key.dns("v=DMARC1; p=none");
    let address = dns.address.to_string();
    let verify = ["--dkim", "--dns", &address];
    let name = "DKIM-Signature: d=crepes.fr s=s1 a=ed25519-sha256: ";
    show_stdin(message.as_str(), &verify).exits(0).shows(&[
        &format!("  ok      {name}valid; Ed25519\n"),
        "  ok      List-Unsubscribe-Post: one-click, signed by crepes.fr\n",
    ]);
    // Without the key, a changed header field is not noticed.
    show_stdin(changed.as_str(), &[]).shows(&[&format!("  ok      {name}the body is unchanged\n")]);
    let run = show_stdin(changed.as_str(), &verify);
    run.exits(0).shows(&[
        &format!("  failed  {name}a signed header field was changed"),
        "  failed  List-Unsubscribe-Post: no valid DKIM signature covers",
    ]);
    let run = show_stdin(message.as_str(), &[&verify[..], &["--json"]].concat());
    let object: Value = serde_json::from_str(&run.exits(0).stdout).unwrap();
    assert_eq!(object["checks"][0]["ok"], true);
    let none = Authority::serve(&["crepes.fr A 192.0.2.1"]);
    let address = none.address.to_string();
    show_stdin(message, &["--dkim", "--dns", &address]).shows(&[
        "  failed  DKIM-Signature: ",
        "there is no key at s1._domainkey.crepes.fr",
    ]);
    show_stdin("a: b\n\n", &["--dns", "127.0.0.1"]).exits(64);
}

#[test]
fn message_without_a_header_is_text() {
    show_stdin("no header here\n", &[])
        .exits(0)
        .shows(&["no header here"]);
    show_stdin("", &[]).exits(0);
    Ehlo::new()
        .args(["show", "missing"])
        .run()
        .exits(66)
        .complains(1);
}

#[test]
fn hostile_structures_are_shown_in_bounded_memory() {
    let parts = |count: usize| "--b\nContent-Type: image/png\n\nx\n".repeat(count);
    let head = "Subject: x\nContent-Type: multipart/mixed; boundary=b\n\n";
    let nested = "Content-Type: message/rfc822\n\n".repeat(30_000);
    let mut deep = String::new();
    for n in 0..2000 {
        deep.push_str(&format!(
            "Content-Type: multipart/mixed; boundary=b{n}\n\n--b{n}\n"
        ));
    }
    for message in [format!("{head}{}", parts(2_000)), nested, deep] {
        let run = show_stdin(message, &["--json"]);
        run.exits(0);
        let object: Value = serde_json::from_str(&run.stdout).unwrap();
        assert!(object["parts"].is_array());
    }
    let run = show_stdin(format!("{head}{}", parts(10_200)), &[]);
    run.exits(0).shows(&["too large to be shown completely"]);
}

#[test]
fn attachment_of_many_megabytes_is_streamed() {
    let lines = format!("{}\r\n", "x".repeat(998)).repeat(50_000);
    let head = "Subject: x\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\n\r\ntext\r\n--b\r\n\
                Content-Disposition: attachment; filename=big\r\n\r\n";
    let last = "--b\r\nContent-Type: text/plain; name=last\r\n\r\nlast\r\n--b--\r\n";
    let place = with_file("big.eml", format!("{head}{lines}{last}"));
    let directory = place.path().join("out");
    let run = show(
        &place,
        "big.eml",
        &["--extract", directory.to_str().unwrap()],
    );
    run.exits(0);
    assert!(run.peak_kib < MEMORY_KIB, "{} KiB", run.peak_kib);
    let big = fs::metadata(directory.join("big")).unwrap();
    assert_eq!(big.len(), lines.len() as u64 - 2);
    assert_eq!(fs::read(directory.join("last")).unwrap(), b"last");
}
