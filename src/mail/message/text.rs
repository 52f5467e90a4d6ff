//! The text of a message, and its alternative versions.

use crate::mail::message::charset::{decoded, utf8};
use crate::mail::message::encode::{ContentScan, Encoding, Flowed};
use crate::mail::message::entity::Part;
use crate::mail::message::header_writer::structured;
use crate::mail::message::source::{Input, Source, Waiting, waiting};
use crate::mail::message::stream::{PartEncoding, encoded_len};
use crate::mail::message::{BuildNotes, MessageError, TextAlternatives, WithoutText};
use crate::smtp::blocks::BodyType;
use mime_guess::mime::{self, Mime};
use std::sync::Arc;

/// Maximum size of a text that must be parsed as a whole: Markdown, calendars.
const MAX_WHOLE: u64 = 64 * 1024 * 1024;

/// Warning about a standard input that is open and silent.
const SILENCE: &str = "nothing arrived on standard input, so it is ignored; use --body - to wait for a \
                       text, or </dev/null if there is none";

/// The type of plain text.
const PLAIN: &str = "text/plain; charset=utf-8";

/// Alternative versions of the text, the plainest first (RFC 2046 §5.1.4).
pub struct Alternatives {
    /// At least one, unless the text is empty and there is something else to send.
    pub parts: Vec<Part>,
    /// The HTML among them.
    pub html: Option<Arc<Source>>,
}

/// Opens the texts. An empty plain text is left out if there are attachments.
pub fn alternatives(
    text: &TextAlternatives,
    content_type: Option<&str>,
    attached: bool,
    notes: &mut BuildNotes,
) -> Result<Alternatives, MessageError> {
    content_type.map_or(Ok(()), check_type)?;
    let mut sources: Vec<(Source, String)> = Vec::new();
    let mut html = open(text.html.as_ref(), text, notes)?;
    let mut body = open(text.body.as_ref(), text, notes)?;
    if let Some(markdown) = open(text.markdown.as_ref(), text, notes)? {
        if body.is_some() {
            return Err(MessageError::TwoTexts);
        }
        html = Some(html_of(&markdown)?);
        body = Some(markdown);
    }
    check_text([&body, &html], text)?;
    let is_alone = !attached && html.is_none() && text.calendar.is_none();
    if body.is_none() && is_alone {
        body = Some(Source::memory("the body".to_owned(), Vec::new()));
    }
    if let Some(mut body) = body.filter(|body| body.len > 0 || is_alone) {
        let mut kind = content_type.unwrap_or(PLAIN).to_owned();
        if text.flowed {
            body = body.rewritten(0, &mut Flowed::default())?;
            kind.push_str("; format=flowed");
        }
        sources.push((body, kind));
    }
    let has_html = html.is_some();
    if let Some(html) = html {
        sources.push((html, "text/html; charset=utf-8".to_owned()));
    }
    let html_at = sources.len().saturating_sub(1);
    if let Some(path) = &text.calendar {
        // --charset does not apply: a calendar is UTF-8 (RFC 5545 §3.1.4).
        let (file, guess) = utf8(Source::file(path)?)?;
        notes.warnings.extend(guess);
        sources.push(invitation(file)?);
    }
    let mut alternatives = Alternatives {
        parts: Vec::new(),
        html: None,
    };
    for (at, (source, kind)) in sources.into_iter().enumerate() {
        let part = part(source, &kind, &mut notes.remarks)?;
        if has_html && at == html_at {
            alternatives.html = Some(Arc::clone(&part.source));
        }
        alternatives.parts.push(part);
    }
    Ok(alternatives)
}

/// Refuses an empty message unless it was requested.
fn check_text(texts: [&Option<Source>; 2], text: &TextAlternatives) -> Result<(), MessageError> {
    if text.without_text == WithoutText::Send {
        return Ok(());
    }
    for source in texts.into_iter().flatten() {
        if !source.is_blank()? {
            return Ok(());
        }
    }
    Err(match text.without_text {
        WithoutText::Refuse => MessageError::NoText,
        _ => MessageError::NothingToSend,
    })
}

fn wrong_type(why: &'static str) -> MessageError {
    MessageError::Field {
        name: "Content-Type".to_owned(),
        why,
    }
}

/// Checks that a type given by an option is possible for a text in UTF-8.
fn check_type(given: &str) -> Result<(), MessageError> {
    let parsed: Mime = given
        .parse()
        .map_err(|_| wrong_type("is not a media type like text/html; charset=utf-8"))?;
    if parsed.type_() == mime::MULTIPART || parsed.type_() == "message" {
        return Err(wrong_type("is not possible for a text"));
    }
    let charset = parsed.get_param(mime::CHARSET);
    let is_utf8 = |charset| charset == "utf-8" || charset == "us-ascii";
    if charset.is_some_and(|charset| !is_utf8(charset)) {
        return Err(wrong_type(
            "has another charset, but text is sent as UTF-8; use --charset for the charset of the input",
        ));
    }
    Ok(())
}

/// Opens a text and converts it to UTF-8.
fn open(
    input: Option<&Input>,
    text: &TextAlternatives,
    notes: &mut BuildNotes,
) -> Result<Option<Source>, MessageError> {
    let source = match input {
        None => return Ok(None),
        Some(Input::Waiting) => match waiting()? {
            Waiting::Text(source) => source,
            Waiting::Nothing => return Ok(None),
            Waiting::Silence => {
                notes.warnings.push(SILENCE.to_owned());
                return Ok(None);
            }
        },
        Some(input) => Source::open(input.clone())?,
    };
    match (&text.charset, input) {
        // An argument is UTF-8 already.
        (None, _) | (_, Some(Input::Text(_))) => read_as_utf8(source, notes).map(Some),
        (Some(label), _) => decoded(&source, label).map(Some),
    }
}

fn read_as_utf8(source: Source, notes: &mut BuildNotes) -> Result<Source, MessageError> {
    let (source, guess) = utf8(source)?;
    let hint = "use --charset to name the encoding";
    let warning = guess.map(|guess| format!("{guess}; {hint}"));
    notes.warnings.extend(warning);
    Ok(source)
}

/// Markdown as HTML (`CommonMark`, with tables, strikethrough and footnotes).
fn html_of(markdown: &Source) -> Result<Source, MessageError> {
    use pulldown_cmark::{Options, Parser, html};
    let bytes = markdown.whole(MAX_WHOLE)?;
    let text = String::from_utf8(bytes).map_err(|error| {
        let at = error.utf8_error().valid_up_to() as u64;
        not_text(markdown, at)
    })?;
    let more = Options::ENABLE_TABLES | Options::ENABLE_STRIKETHROUGH | Options::ENABLE_FOOTNOTES;
    let mut page =
        String::from("<!DOCTYPE html>\n<html><head><meta charset=\"utf-8\"></head><body>\n");
    html::push_html(&mut page, Parser::new_ext(&text, more));
    page.push_str("</body></html>\n");
    let name = format!("{} as HTML", markdown.name);
    Ok(Source::memory(name, page.into_bytes()))
}

/// A calendar file and its type, which names its method (RFC 6047 §2.4).
fn invitation(file: Source) -> Result<(Source, String), MessageError> {
    let bytes = file.whole(MAX_WHOLE)?;
    let found = examine(&bytes).map_err(|why| MessageError::Text {
        name: file.name.clone(),
        what: format!("not a valid calendar: {why}"),
    })?;
    let method = found.method.map(|method| format!("; method={method}"));
    let kind = format!("text/calendar; charset=utf-8{}", method.unwrap_or_default());
    Ok((Source::memory(file.name, bytes), kind))
}

/// A text part with its possible encodings.
fn part(
    source: Source,
    content_type: &str,
    remarks: &mut Vec<String>,
) -> Result<Part, MessageError> {
    let scan = source.scan(0)?;
    if let Some(at) = scan.not_utf8_at {
        return Err(not_text(&source, at));
    }
    let kind = TextKind::of(content_type, &scan)?;
    let (encoding, why) = choose(&scan, &kind);
    let mut encodings = vec![PartEncoding {
        body_type: BodyType::SevenBit,
        encoding,
        len: match encoding {
            Encoding::SevenBit => scan.wire_len,
            _ => encoded_len(&source, encoding)?,
        },
    }];
    let mut remark = format!("{}: {}, {why}", source.name, encoding.name());
    if can_be_8bit(&scan, &kind) {
        encodings.push(PartEncoding::unencoded(&scan));
        remark.push_str("; 8bit if the server offers 8BITMIME");
    }
    remarks.push(remark);
    let media_type = content_type.split(';').next().unwrap_or_default();
    Ok(Part {
        media_type: media_type.trim().to_ascii_lowercase(),
        header: structured("Content-Type", &kind.text),
        source: Arc::new(source),
        encodings,
    })
}

fn not_text(source: &Source, at: u64) -> MessageError {
    MessageError::Text {
        name: source.name.clone(),
        what: format!(
            "it contains NULs, and byte {at} is not valid UTF-8; use --charset to name the encoding of a \
             text, or --attach for binary data"
        ),
    }
}

/// The type of a text.
struct TextKind {
    /// The value of Content-Type.
    text: String,
    /// True if a blank at the end of a line has a meaning (RFC 3676).
    is_flowed: bool,
}

impl TextKind {
    /// A type with a charset if this text needs one: without it, text is US-ASCII (RFC 2046 §4.1.2).
    fn of(content_type: &str, scan: &ContentScan) -> Result<Self, MessageError> {
        let mut text = content_type.to_owned();
        let parsed: Mime = text
            .parse()
            .map_err(|_| wrong_type("is not a media type"))?;
        let charset = parsed.get_param(mime::CHARSET);
        if scan.eight_bit > 0 {
            match charset {
                None if parsed.type_() == mime::TEXT => {
                    text.truncate(text.trim_end_matches([';', ' ']).len());
                    text.push_str("; charset=utf-8");
                }
                Some(charset) if charset == "us-ascii" => {
                    return Err(wrong_type(
                        "specifies us-ascii, but the text is not ASCII; omit the charset, or use utf-8",
                    ));
                }
                _ => {}
            }
        }
        Ok(Self {
            is_flowed: parsed
                .get_param("format")
                .is_some_and(|format| format == "flowed"),
            text,
        })
    }
}

/// An encoding of the text that every server accepts, and the reason for it.
fn choose(scan: &ContentScan, kind: &TextKind) -> (Encoding, &'static str) {
    if scan.has_controls {
        (
            Encoding::Base64Text,
            "because it contains control characters",
        )
    } else if scan.eight_bit * 3 > scan.wire_len {
        (Encoding::Base64Text, "because most of it is not ASCII")
    } else if scan.eight_bit > 0 {
        (Encoding::QuotedPrintable, "because not all of it is ASCII")
    } else if scan.long_line.is_some() {
        (
            Encoding::QuotedPrintable,
            "because a line exceeds 998 bytes",
        )
    } else if is_delicate(scan, kind) {
        let why = "because a line ends in a blank or begins with From";
        (Encoding::QuotedPrintable, why)
    } else {
        (Encoding::SevenBit, "because it is ASCII")
    }
}

/// True if a server or mailbox on the way may change the unencoded text. Flowed text is not encoded for the
/// blanks at its line ends (RFC 3676 §4.2).
fn is_delicate(scan: &ContentScan, kind: &TextKind) -> bool {
    scan.has_from_line || scan.has_blank_at_end && !kind.is_flowed
}

/// True if octets above 127 are the only reason to encode a text.
fn can_be_8bit(scan: &ContentScan, kind: &TextKind) -> bool {
    scan.eight_bit > 0 && !scan.has_controls && !is_delicate(scan, kind) && scan.long_line.is_none()
}

/// The method of a calendar file.
#[derive(Debug, PartialEq, Eq)]
pub struct Calendar {
    /// The value of METHOD, in upper case. `None`: no method.
    pub method: Option<String>,
}

/// Checks a calendar file and finds its method.
///
/// # Errors
/// In words, what is wrong with it, with the line.
pub fn examine(bytes: &[u8]) -> Result<Calendar, String> {
    let text = std::str::from_utf8(bytes).map_err(|_| "it is not UTF-8".to_owned())?;
    let mut open: Vec<String> = Vec::new();
    let mut method = None;
    let mut seen_version = false;
    let mut closed = false;
    for (number, line) in logical_lines(text) {
        let wrong = |what: &str| format!("line {number}: {what}");
        let (name, value) = property(&line).ok_or_else(|| wrong("expected NAME:value"))?;
        match name.as_str() {
            "BEGIN" if open.is_empty() && (closed || value != "VCALENDAR") => {
                return Err(wrong(
                    "BEGIN:VCALENDAR must be the first line and must not be repeated",
                ));
            }
            "BEGIN" => open.push(value),
            "END" if open.pop() != Some(value.clone()) => {
                return Err(wrong("END without BEGIN"));
            }
            "END" => closed |= open.is_empty(),
            _ if open.is_empty() => return Err(wrong("is outside VCALENDAR")),
            "METHOD" if open.len() == 1 => {
                method = Some(token(&value).ok_or_else(|| wrong("METHOD"))?);
            }
            "VERSION" if open.len() == 1 => seen_version = true,
            _ => {}
        }
    }
    if !open.is_empty() || !closed {
        return Err("END:VCALENDAR is missing".to_owned());
    }
    if !seen_version {
        return Err("VERSION:2.0 is missing".to_owned());
    }
    Ok(Calendar { method })
}

/// Lines with their continuations (RFC 5545 §3.1), each with the number of its first.
fn logical_lines(text: &str) -> Vec<(usize, String)> {
    let mut lines: Vec<(usize, String)> = Vec::new();
    for (at, line) in text.lines().enumerate() {
        match (line.strip_prefix([' ', '\t']), lines.last_mut()) {
            (Some(more), Some((_, last))) => last.push_str(more),
            _ if line.is_empty() => {}
            _ => lines.push((at + 1, line.trim_end_matches('\r').to_owned())),
        }
    }
    lines
}

/// The name, in upper case and without parameters, and the value.
fn property(line: &str) -> Option<(String, String)> {
    let end = line.find([':', ';'])?;
    let name = line[..end].to_ascii_uppercase();
    let is_name = !name.is_empty() && name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-');
    // A colon within a quoted parameter does not end the parameters.
    let mut quoted = false;
    let colon = line[end..].find(|c: char| {
        quoted ^= c == '"';
        c == ':' && !quoted
    })?;
    let value = line[end + colon + 1..].trim().to_owned();
    let value = if matches!(name.as_str(), "BEGIN" | "END") {
        value.to_ascii_uppercase()
    } else {
        value
    };
    is_name.then_some((name, value))
}

fn token(value: &str) -> Option<String> {
    let plain = (1..=60).contains(&value.len())
        && value
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || b == b'-');
    plain.then(|| value.to_ascii_uppercase())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn calendar(inside: &str) -> String {
        format!("BEGIN:VCALENDAR\r\nVERSION:2.0\r\nPRODID:x\r\n{inside}END:VCALENDAR\r\n")
    }

    #[test]
    fn the_method_is_that_of_the_file() {
        let event = "METHOD:request\r\nBEGIN:VEVENT\r\nSUMMARY;X=\"a:b\":Ketchup\r\n  tasting\r\nEND:VEVENT\r\n";
        let found = examine(calendar(event).as_bytes()).unwrap();
        assert_eq!(found.method.as_deref(), Some("REQUEST"));
        assert_eq!(examine(calendar("").as_bytes()).unwrap().method, None);
    }

    #[test]
    fn invalid_calendar_is_refused_with_the_line() {
        for (text, reason) in [
            ("hello\n".to_owned(), "line 1: expected NAME"),
            (calendar("BEGIN:VEVENT\r\n"), "line 5: END without BEGIN"),
            (calendar("METHOD:a b\r\n"), "line 4: METHOD"),
            (
                "BEGIN:VCALENDAR\nVERSION:2.0\n".to_owned(),
                "END:VCALENDAR is missing",
            ),
            ("BEGIN:VCALENDAR\nEND:VCALENDAR\n".to_owned(), "VERSION"),
            ("X:y\n".to_owned(), "outside"),
            (String::new(), "END:VCALENDAR is missing"),
        ] {
            let error = examine(text.as_bytes()).unwrap_err();
            assert!(error.contains(reason), "{text}: {error}");
        }
        assert!(examine(b"\xff").is_err());
    }
}
