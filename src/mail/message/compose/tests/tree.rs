//! The tree of MIME parts of a composed message.

use crate::mail::message::compose::tests::*;
use mail_parser::{Message as Parsed, MessagePart, PartType};

/// The tree as text: `mixed(alternative(text/plain, text/html), image/png)`.
fn tree(wire: &[u8]) -> String {
    let parsed = MessageParser::default().parse(wire).unwrap();
    words(&parsed, &parsed.parts[0])
}

fn words(message: &Parsed<'_>, part: &MessagePart<'_>) -> String {
    let kind = part.content_type().unwrap();
    let subtype = kind.subtype().unwrap_or_default();
    match &part.body {
        PartType::Multipart(children) => {
            let children = children
                .iter()
                .map(|&at| words(message, &message.parts[at as usize]));
            format!("{subtype}({})", children.collect::<Vec<_>>().join(", "))
        }
        _ => format!("{}/{subtype}", kind.ctype()),
    }
}

fn file(name: &str, content: &[u8]) -> (tempfile::TempDir, std::path::PathBuf) {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join(name);
    std::fs::write(&path, content).unwrap();
    (directory, path)
}

fn inline(path: &std::path::Path, id: Option<&str>) -> Inline {
    Inline {
        file: Attachment::new(Input::File(path.to_owned())),
        id: id.map(str::to_owned),
    }
}

fn html(text: &str) -> Input {
    Input::Text(text.to_owned())
}

#[test]
fn the_tree_has_the_levels_that_it_needs_and_no_others() {
    let (_png, png) = file("logo.png", b"png");
    let picture = || inline(&png, None);
    let attachment = || Attachment::new(Input::File(png.clone()));
    let shows = || html("<img src=\"cid:logo.png\">");
    let with = |change: &dyn Fn(&mut MessageDraft)| {
        let mut draft = draft("text\n");
        change(&mut draft);
        tree(wire(draft).as_bytes())
    };
    assert_eq!(with(&|_| {}), "text/plain");
    let both = with(&|d| d.text.html = Some(html("<p>")));
    assert_eq!(both, "alternative(text/plain, text/html)");
    let only_html = with(&|d| {
        d.text.body = None;
        d.text.html = Some(html("<p>"));
    });
    assert_eq!(only_html, "text/html");
    let related = with(&|d| {
        d.text.html = Some(shows());
        d.inline = vec![picture()];
    });
    assert_eq!(
        related,
        "related(alternative(text/plain, text/html), image/png)"
    );
    let all = with(&|d| {
        d.text.html = Some(shows());
        d.inline = vec![picture()];
        d.attachments = vec![attachment()];
    });
    let inner = "related(alternative(text/plain, text/html), image/png)";
    assert_eq!(all, format!("mixed({inner}, image/png)"));
    let only_file = with(&|d| {
        d.text.body = None;
        d.attachments = vec![attachment()];
    });
    assert_eq!(only_file, "mixed(image/png)");
}

#[test]
fn markdown_makes_a_text_as_it_was_written_and_html() {
    let mut draft = draft("");
    draft.text.body = None;
    draft.text.markdown = Some(html("# Hi *there*\n\n- a\n"));
    let wire = wire(draft);
    assert_eq!(tree(wire.as_bytes()), "alternative(text/plain, text/html)");
    let parsed = MessageParser::default().parse(&wire).unwrap();
    assert_eq!(parsed.body_text(0).unwrap(), "# Hi *there*\r\n\r\n- a\r\n");
    assert!(
        parsed
            .body_html(0)
            .unwrap()
            .contains("<h1>Hi <em>there</em></h1>")
    );
}

#[test]
fn invitation_is_an_alternative_with_its_method() {
    let ics = b"BEGIN:VCALENDAR\nVERSION:2.0\nMETHOD:REQUEST\nEND:VCALENDAR\n";
    let (_directory, path) = file("party.ics", ics);
    let mut draft = draft("come\n");
    draft.text.calendar = Some(path.clone());
    let wire = wire(draft.clone());
    assert_eq!(
        tree(wire.as_bytes()),
        "alternative(text/plain, text/calendar)"
    );
    assert!(
        wire.contains("text/calendar; charset=utf-8; method=REQUEST\r\n"),
        "{wire}"
    );
    std::fs::write(&path, "hello").unwrap();
    let error = composed(draft).unwrap_err();
    assert!(
        error
            .to_string()
            .contains("party.ics: not a valid calendar: line 1"),
        "{error}"
    );
    assert!(matches!(error, MessageError::Text { .. }));
}

#[test]
fn an_attached_message_is_never_encoded() {
    let content = "From: a@x.org\nSubject: hi\n\nbody \nFrom here\n";
    let (_directory, path) = file("old.eml", content.as_bytes());
    let mut draft = draft("see\n");
    draft.messages = vec![path.clone()];
    let out = wire(draft.clone());
    assert!(out.contains("Content-Type: message/rfc822; name=old.eml\r\n"));
    assert!(out.contains("Content-Transfer-Encoding: 7bit\r\n\r\nFrom: a@x.org\r\n"));
    assert!(out.contains("body \r\nFrom here\r\n\r\n--"));
    std::fs::write(&path, "From: a@x.org\n\nü\n").unwrap();
    let message = composed(draft.clone()).unwrap();
    assert!(message.shape(BodyType::SevenBit.with_utf8()).is_none());
    let bytes = bytes_for(&message, BodyType::EightBit);
    assert_eq!(
        String::from_utf8(bytes)
            .unwrap()
            .matches("Encoding: 8bit\r\n")
            .count(),
        2
    );
    std::fs::write(&path, "no header at all").unwrap();
    assert!(composed(draft).is_err());
}

#[test]
fn a_cid_without_its_part_is_an_error_and_a_part_without_its_cid_a_warning() {
    let (_directory, path) = file("logo.png", b"png");
    let mut draft = draft("");
    draft.text.html = Some(html("<img src='cid:other'>"));
    draft.inline = vec![inline(&path, Some("logo"))];
    let error = composed(draft.clone()).unwrap_err().to_string();
    assert!(
        error.contains("cid:other") && error.contains("--inline"),
        "{error}"
    );
    draft.text.html = Some(html("no picture"));
    let message = composed(draft.clone()).unwrap();
    assert_eq!(
        message.warnings,
        ["--inline: the HTML does not refer to cid:logo"]
    );
    draft.text.html = Some(html("<img src='cid:logo'>"));
    assert!(composed(draft.clone()).unwrap().warnings.is_empty());
    draft.inline[0].id = Some("a b".to_owned());
    draft.text.html = Some(html("<img src='cid:a%20b'>"));
    assert!(composed(draft).unwrap_err().to_string().contains("cid=ID"));
}

#[test]
fn parts_are_encoded_for_the_body_type_of_the_server() {
    let (_directory, path) = file("a.bin", b"\r\n\0.\n");
    let mut draft = draft("Viele liebe Grüße\n");
    draft.attachments = vec![Attachment::new(Input::File(path))];
    let message = composed(draft).unwrap();
    let encodings = |accepts| {
        let bytes = bytes_for(&message, accepts);
        let text = String::from_utf8_lossy(&bytes).into_owned();
        let lines = text
            .lines()
            .filter_map(|l| l.strip_prefix("Content-Transfer-Encoding: "));
        lines.map(str::to_owned).collect::<Vec<_>>()
    };
    assert_eq!(
        encodings(BodyType::SevenBit),
        ["quoted-printable", "base64"]
    );
    assert_eq!(encodings(BodyType::EightBit), ["8bit", "8bit", "base64"]);
    assert_eq!(encodings(BodyType::Binary), ["binary", "8bit", "binary"]);
    let bytes = bytes_for(&message, BodyType::Binary);
    assert!(memchr::memmem::find(&bytes, b"binary\r\n\r\n\r\n\0.\n\r\n--").is_some());
}

#[test]
fn text_in_another_charset_is_sent_as_utf8() {
    let (_directory, path) = file("latin1.txt", b"Viele liebe Gr\xfc\xdfe\n");
    let mut draft = draft("");
    draft.text.body = Some(Input::File(path));
    draft.text.charset = Some("windows-1252".to_owned());
    let wire = wire(draft.clone());
    let parsed = MessageParser::default().parse(&wire).unwrap();
    assert_eq!(parsed.body_text(0).unwrap(), "Viele liebe Grüße\r\n");
    draft.text.charset = Some("shift_jis".to_owned());
    assert!(
        composed(draft)
            .unwrap_err()
            .to_string()
            .contains("not valid Shift_JIS")
    );
}

#[test]
fn flowed_text_has_its_parameter_and_short_lines() {
    let mut draft = draft(&"word ".repeat(100));
    draft.text.flowed = true;
    let wire = wire(draft);
    assert!(wire.contains("text/plain; charset=utf-8; format=flowed\r\n"));
    assert!(wire.lines().all(|line| line.len() <= 78));
}

#[test]
fn testers_may_leave_date_and_message_id_out() {
    let mut draft = draft("hi\n");
    draft.no_date = true;
    draft.no_message_id = true;
    let wire = wire(draft);
    assert!(!wire.contains("Date:") && !wire.contains("Message-ID:"));
}
