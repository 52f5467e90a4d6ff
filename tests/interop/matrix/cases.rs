//! Bodies, attachments and all that can stand in the tree.

use crate::entity::{Entity, alternative, file, html, mixed, plain, related, text};

/// A message to be composed, and what readers are to see.
#[derive(Clone)]
pub struct Case {
    pub title: &'static str,
    pub subject: String,
    pub from: (String, String),
    pub to: Vec<(String, String)>,
    /// Whether `to` is also what goes on the command line.
    pub to_is_made_of_people: bool,
    pub arguments: Vec<String>,
    pub files: Vec<(String, Vec<u8>)>,
    pub stdin: Option<Vec<u8>>,
    pub entity: Entity,
}

pub const BODY: &str = "text\n";

const PAGE: &str = "<p>Grüße <b>an alle</b></p>\n";
const SHOWN: &str = "<p><img src=\"cid:logo@x\"></p>\n";
const PNG: &[u8] = b"\x89PNG\r\n\x1a\n\x00\xff";
const BINARY: &str = "application/octet-stream";

const INVITATION: &str = "BEGIN:VCALENDAR\r\nVERSION:2.0\r\nPRODID:-//x//x//EN\r\nMETHOD:REQUEST\r\n\
    BEGIN:VEVENT\r\nUID:1@x.test\r\nDTSTAMP:20260101T000000Z\r\nDTSTART:20260102T000000Z\r\n\
    SUMMARY:Käse\r\nEND:VEVENT\r\nEND:VCALENDAR\r\n";

const NESTED: &str = "From: in@x.test\nSubject: nested\nMIME-Version: 1.0\n\
    Content-Type: multipart/mixed; boundary=q\n\n--q\nContent-Type: text/plain\n\nhi\n--q\n\
    Content-Type: message/rfc822\n\nFrom: deep@x.test\nSubject: deep\n\n.\ndeep\n\n--q--\n";

pub fn person(name: &str, address: &str) -> (String, String) {
    (name.to_owned(), address.to_owned())
}

impl Case {
    pub fn new(title: &'static str, arguments: &[&str], entity: Entity) -> Self {
        Self {
            title,
            subject: "hello".to_owned(),
            from: person("Alice", "alice@sender.test"),
            to: vec![person("", "bob@example.test")],
            to_is_made_of_people: true,
            arguments: arguments.iter().map(|&word| word.to_owned()).collect(),
            files: Vec::new(),
            stdin: None,
            entity,
        }
    }

    fn file(mut self, name: &str, content: &[u8]) -> Self {
        self.files.push((name.to_owned(), content.to_vec()));
        self
    }

    fn stdin(mut self, bytes: &[u8]) -> Self {
        self.stdin = Some(bytes.to_vec());
        self
    }

    /// Without blanks around the names, which a name does not have.
    pub fn trimmed(mut self) -> Self {
        for (name, _) in self.to.iter_mut().chain([&mut self.from]) {
            *name = name.trim().to_owned();
        }
        self
    }
}

/// A message with one attachment of this name and content.
fn attached(title: &'static str, kind: &'static str, name: &str, content: &[u8]) -> Case {
    let entity = mixed(vec![plain(BODY), file(kind, name, content)]);
    let path = format!("./{name}").replace(';', "\\;");
    Case::new(title, &["-b", BODY, "-a", &path], entity).file(name, content)
}

fn body(title: &'static str, content: &str) -> Case {
    Case::new(title, &["-b", content], plain(content))
}

/// A text in another charset, as a file.
fn foreign(title: &'static str, charset: &str, bytes: &[u8], content: &str) -> Case {
    Case::new(title, &["-b", "@in", "--charset", charset], plain(content)).file("in", bytes)
}

pub fn all() -> Vec<Case> {
    [bodies(), trees(), files(), messages()].concat()
}

fn bodies() -> Vec<Case> {
    let noise: String = (1..2000_u32)
        .filter_map(char::from_u32)
        .filter(|c| *c != '\r')
        .collect();
    let utf16: Vec<u8> = "Grüße 你好\n"
        .encode_utf16()
        .flat_map(u16::to_le_bytes)
        .collect();
    let paragraph = "word ".repeat(40).trim_end().to_owned() + "\n";
    // Fourteen words of five characters stay within 72.
    let flowed: String = (0..40).fold(String::new(), |mut all, at| {
        all.push_str(if at == 39 { "word\n" } else { "word " });
        if at < 39 && (at + 1) % 14 == 0 {
            all.push('\n');
        }
        all
    });
    vec![
        body("ASCII", "plain\n.\n..\nFrom me\n"),
        body("without a line end", "no end"),
        body("empty", ""),
        body("blanks at line ends", "a \nb\t\n \n\t\nc "),
        body(
            "long lines",
            &format!("{}\n{}\n", "x".repeat(998), "é".repeat(3000)),
        ),
        body("every character", &noise),
        body("mostly not ASCII", "日本語\n"),
        Case::new("stdin", &[], plain("Grüße\n")).stdin("Grüße\n".as_bytes()),
        foreign("latin1", "latin1", b"gr\xfc\xdfe\n", "grüße\n"),
        foreign("Shift_JIS", "shift_jis", b"\x93\xfa\x96\x7b\n", "日本\n"),
        foreign("UTF-16", "utf-16le", &utf16, "Grüße 你好\n"),
        Case::new(
            "flowed",
            &["--format-flowed", "-b", &paragraph],
            plain(&flowed).with(";format=flowed"),
        ),
    ]
}

fn trees() -> Vec<Case> {
    let markdown = "# Käse\n\n*now* and `then`\n";
    let rendered = "<!DOCTYPE html>\n<html><head><meta charset=\"utf-8\"></head><body>\n\
        <h1>Käse</h1>\n<p><em>now</em> and <code>then</code></p>\n</body></html>\n";
    let invitation =
        || text("text/calendar", &INVITATION.replace("\r\n", "\n")).with(";method=REQUEST");
    let logo = || file("image/png", "logo.png", PNG).shown_as("logo@x");
    let inline = ["--html", SHOWN, "--inline", "logo.png;cid=logo@x"];
    let more = [
        "-b",
        "x",
        "--calendar",
        "i.ics",
        "-a",
        "m.pdf",
        "--attach-message",
        "n.eml",
    ];
    vec![
        Case::new("HTML", &["--html", PAGE], html(PAGE)),
        Case::new(
            "both",
            &["-b", "no end", "--html", PAGE],
            alternative(vec![plain("no end"), html(PAGE)]),
        ),
        Case::new(
            "Markdown",
            &["--markdown", markdown],
            alternative(vec![plain(markdown), html(rendered)]),
        ),
        Case::new("inline", &inline, related(vec![html(SHOWN), logo()])).file("logo.png", PNG),
        Case::new(
            "everything",
            &[&inline[..], &more].concat(),
            mixed(vec![
                related(vec![
                    alternative(vec![plain("x"), html(SHOWN), invitation()]),
                    logo(),
                ]),
                file("application/pdf", "m.pdf", b"%PDF\n"),
                file("message/rfc822", "n.eml", NESTED.as_bytes()),
            ]),
        )
        .file("logo.png", PNG)
        .file("i.ics", INVITATION.as_bytes())
        .file("m.pdf", b"%PDF\n")
        .file("n.eml", NESTED.as_bytes()),
        Case::new(
            "invitation",
            &["-b", "come\n", "--calendar", "i.ics"],
            alternative(vec![plain("come\n"), invitation()]),
        )
        .file("i.ics", INVITATION.as_bytes()),
        Case::new(
            "an attachment alone",
            &["-b", "", "-a", "m.pdf"],
            mixed(vec![file("application/pdf", "m.pdf", b"%PDF")]),
        )
        .file("m.pdf", b"%PDF"),
    ]
}

fn files() -> Vec<Case> {
    let all: Vec<u8> = (0..=255).cycle().take(70_000).collect();
    let long = format!("{}.bin", "日本語".repeat(25));
    let given = "-;name=from stdin.bin;disposition=inline;description=Ein Überblick, täglich";
    vec![
        attached("an empty file", BINARY, "empty.bin", b""),
        attached("an empty text", "text/plain", "empty.txt", b""),
        attached("every byte", BINARY, "all.bin", &all),
        attached(
            "line ends of all kinds",
            "text/plain",
            "ends.txt",
            "ü\r\nb\nc\rd".as_bytes(),
        ),
        attached("a line of base64", BINARY, "57.bin", &all[..57]),
        attached("a very long name", BINARY, &long, b"x"),
        attached("a semicolon", BINARY, "a;name=b.bin", b"x"),
        attached("quotes", BINARY, "a \"b\" 'c'.bin", b"x"),
        attached("a percent sign", BINARY, "50%20.bin", b"x"),
        attached("emoji", BINARY, "😀 e\u{301}.bin", b"x"),
        attached("what looks encoded", BINARY, "=?utf-8?q?x?=.bin", b"x"),
        attached("what looks like RFC 2231", BINARY, "utf-8''x.bin", b"x"),
        attached("blanks", BINARY, "a  b.bin", b"x"),
        attached("brackets", BINARY, "a (b) [c] <d>, e@f.bin", b"x"),
        Case::new(
            "stdin with all that can be said",
            &["-b", BODY, "-a", given],
            mixed(vec![
                plain(BODY),
                file(BINARY, "from stdin.bin", &all)
                    .inline()
                    .described("Ein Überblick, täglich"),
            ]),
        )
        .stdin(&all),
        Case::new(
            "a type that was given",
            &[
                "-b",
                BODY,
                "-a",
                "x;type=application/vnd.x+json;name=y.json",
            ],
            mixed(vec![
                plain(BODY),
                file("application/vnd.x+json", "y.json", b"{}"),
            ]),
        )
        .file("x", b"{}"),
    ]
}

fn messages() -> Vec<Case> {
    let eml = |name: &str, content: &str| file("message/rfc822", name, content.as_bytes());
    let bare = "Subject: no line end\n\nlast";
    vec![
        Case::new(
            "a nested message",
            &["-b", BODY, "--attach-message", "n.eml"],
            mixed(vec![plain(BODY), eml("n.eml", NESTED)]),
        )
        .file("n.eml", NESTED.as_bytes()),
        Case::new(
            "two messages",
            &[
                "-b",
                BODY,
                "--attach-message",
                "ä.eml",
                "--attach-message",
                "n.eml",
            ],
            mixed(vec![plain(BODY), eml("ä.eml", bare), eml("n.eml", NESTED)]),
        )
        .file("ä.eml", bare.as_bytes())
        .file("n.eml", NESTED.as_bytes()),
    ]
}
