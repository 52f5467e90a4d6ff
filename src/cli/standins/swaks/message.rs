//! The message: its body with attachments, header fields, tokens, and the form for the wire.

use crate::cli::standins::swaks::given::Given;
use crate::cli::standins::swaks::identity::{Identity, VERSION};
use crate::cli::standins::swaks::mime::body;
use crate::cli::standins::swaks::octets;
use crate::cli::standins::swaks::options::Key;
use crate::cli::standins::swaks::printer::Stop;

/// Sender and recipients.
#[derive(Clone, Debug, Default)]
pub struct Envelope {
    pub from: String,
    pub to: Option<String>,
    pub cc: Option<String>,
    pub bcc: Option<String>,
}

impl Envelope {
    /// All recipients, separated by commas.
    pub fn recipients(&self) -> String {
        let all = [&self.to, &self.cc, &self.bcc].into_iter().flatten();
        let all: Vec<&str> = all
            .map(String::as_str)
            .filter(|one| !one.is_empty())
            .collect();
        all.join(",")
    }
}

/// The text that `--dump-as-body` replaces when all options were processed.
pub const DUMP_PLACE: &str = "DUMP_AS_BODY_HAS_BEEN_SET";

const DEFAULT_BODY: &str = "This is a test mailing";

/// Builds the data, with the final dot unless the data must stay as they are.
pub fn data(
    envelope: &Envelope,
    is_dump: bool,
    identity: &Identity,
    given: &mut Given,
) -> Result<String, Stop> {
    let text = if is_dump { DUMP_PLACE } else { DEFAULT_BODY };
    let text = given.take(Key::Body)?.unwrap_or_else(|| text.to_owned());
    let body = body(text, given)?;
    let data = match given.take_true(Key::Data)? {
        Some(data) => data,
        None => template(envelope, body.media_type.as_deref()),
    };
    if given.flag(Key::NoDataFixup) {
        return Ok(data);
    }
    let data = replace_token(&data, "BODY", &body.text).replace("\\n", "\r\n");
    let data = with_header_options(&data, given)?;
    let data = with_values(&data, envelope, identity);
    Ok(for_the_wire(data, given.flag(Key::NoStripFrom)))
}

fn template(envelope: &Envelope, media_type: Option<&str>) -> String {
    let cc = match &envelope.cc {
        Some(cc) if octets::is_true(cc) => "Cc: %CC_ADDRESS%\\n",
        _ => "",
    };
    let mime = media_type.map_or_else(String::new, |media_type| {
        format!("MIME-Version: 1.0\\nContent-Type: {media_type}\\n")
    });
    format!(
        "Date: %DATE%\\nTo: %TO_ADDRESS%\\n{cc}From: %FROM_ADDRESS%\\nSubject: test %DATE%\\n\
         Message-Id: <%MESSAGEID%>\n\
         X-Mailer: swaks v%SWAKS_VERSION% jetmore.org/john/code/swaks/\\n{mime}%NEW_HEADERS%\\n%BODY%\\n"
    )
}

/// A field with its continuation lines, or a line that is not a field.
struct Field {
    name: String,
    lines: Vec<String>,
}

/// Replaces and adds the fields of `--header` and `--add-header`. As in swaks, the header ends at the first empty
/// line, which is in the body if the data have none before it.
fn with_header_options(data: &str, given: &mut Given) -> Result<String, Stop> {
    let (header, rest) = split_header(data);
    let mut fields = fields(header);
    let mut added = Vec::new();
    for _ in 0..given.count(Key::AddHeader) {
        added.extend(given.take(Key::AddHeader)?);
    }
    for _ in 0..given.count(Key::Header) {
        let value = given.take(Key::Header)?.unwrap_or_default();
        for line in octets::parts(&value, "\\n") {
            let name = line.split_once(':').map(|(name, _)| name);
            let name = name.filter(|name| !name.is_empty());
            match fields
                .iter_mut()
                .rfind(|field| Some(field.name.as_str()) == name)
            {
                Some(field) => field.lines = vec![line.to_owned()],
                None => added.push(line.to_owned()),
            }
        }
    }
    let lines = fields.iter().flat_map(|field| &field.lines);
    let mut header: String = lines.flat_map(|line| [line.as_str(), "\r\n"]).collect();
    let added: String = added
        .iter()
        .flat_map(|line| [line.as_str(), "\r\n"])
        .collect();
    if has_token(&header, "NEW_HEADERS") {
        header = replace_token(&header, "NEW_HEADERS", &added);
    } else {
        header.push_str(&added);
    }
    Ok(format!("{header}\r\n{rest}"))
}

/// The part before the first empty line, and the part after it.
fn split_header(data: &str) -> (&str, &str) {
    for (at, _) in data.match_indices('\n') {
        let after = &data[at + 1..];
        let rest = after
            .strip_prefix("\r\n")
            .or_else(|| after.strip_prefix('\n'));
        if let Some(rest) = rest {
            let header = &data[..at];
            return (header.strip_suffix('\r').unwrap_or(header), rest);
        }
    }
    (data, "")
}

fn fields(header: &str) -> Vec<Field> {
    let mut fields: Vec<Field> = Vec::new();
    let lines = octets::parts(header, "\n").into_iter();
    let mut lines: Vec<&str> = lines
        .map(|line| line.strip_suffix('\r').unwrap_or(line))
        .collect();
    while lines.last().is_some_and(|line| line.is_empty()) {
        lines.pop();
    }
    for line in lines {
        let is_continued = line.starts_with([' ', '\t', '\r', '\u{b}', '\u{c}']);
        match fields.last_mut() {
            Some(last) if is_continued => last.lines.push(line.to_owned()),
            _ => fields.push(Field {
                name: field_name(line).to_owned(),
                lines: vec![line.to_owned()],
            }),
        }
    }
    fields
}

/// The name, of at least two characters; else the whole line.
fn field_name(line: &str) -> &str {
    match line.find(':') {
        Some(0) => {
            let second = line[1..].find(':').map(|at| at + 1);
            second.filter(|&at| at > 1).map_or(line, |at| &line[..at])
        }
        Some(1) | None => line,
        Some(at) => &line[..at],
    }
}

fn with_values(data: &str, envelope: &Envelope, identity: &Identity) -> String {
    let data = replace_token(&data.replace("\\n", "\r\n"), "NEWLINE", "\r\n");
    let text = |value: &Option<String>| value.clone().unwrap_or_default();
    let values = [
        ("FROM_ADDRESS", envelope.from.clone()),
        ("TO_ADDRESS", text(&envelope.to)),
        ("CC_ADDRESS", text(&envelope.cc)),
        ("BCC_ADDRESS", text(&envelope.bcc)),
        ("MESSAGEID", identity.message_id()),
        ("SWAKS_VERSION", VERSION.to_owned()),
        ("DATE", identity.date()),
    ];
    values.iter().fold(data, |data, (name, value)| {
        replace_token(&data, name, value)
    })
}

/// Replaces a token in both spellings. The replacement is not searched again.
fn replace_token(text: &str, name: &str, with: &str) -> String {
    let spellings = [format!("%{name}%"), format!("..{name}..")];
    let mut replaced = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((at, length)) = first(rest, &spellings) {
        replaced.push_str(&rest[..at]);
        replaced.push_str(with);
        rest = &rest[at + length..];
    }
    replaced + rest
}

fn has_token(text: &str, name: &str) -> bool {
    let spellings = [format!("%{name}%"), format!("..{name}..")];
    first(text, &spellings).is_some()
}

/// Offset and length of the first of these words.
fn first(text: &str, words: &[String]) -> Option<(usize, usize)> {
    let found = words.iter();
    found
        .filter_map(|word| Some((text.find(word.as_str())?, word.len())))
        .min()
}

/// Removes the line of an mbox and a final dot, doubles dots, completes line ends, and adds the final dot.
fn for_the_wire(mut data: String, keeps_from: bool) -> String {
    if data.starts_with("From ") && !keeps_from {
        data = match data.split_once('\n') {
            Some((_, rest)) => rest.to_owned(),
            None => data,
        };
    }
    let data = without_final_dot(&data).replace("\n.", "\n..");
    let mut wire = String::with_capacity(data.len() + data.len() / 40 + 3);
    let mut last = None;
    for character in data.chars() {
        // A line feed at the very beginning stays, as in swaks.
        if character == '\n' && last.is_some_and(|last| last != '\r') {
            wire.push('\r');
        }
        wire.push(character);
        last = Some(character);
    }
    wire + "\r\n."
}

/// The data without a line with a dot at the end, and without the line end before it.
fn without_final_dot(data: &str) -> String {
    // At most one line feed may follow the line.
    let (data, rest) = match data.strip_suffix("\n\n") {
        Some(_) => data.split_at(data.len() - 1),
        None => (data, ""),
    };
    let end = data.strip_suffix('\n').unwrap_or(data);
    let end = end.strip_suffix('\r').unwrap_or(end);
    match end.strip_suffix("\n.") {
        Some(kept) => kept.strip_suffix('\r').unwrap_or(kept).to_owned() + rest,
        None => data.to_owned() + rest,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn line_ends_are_completed_and_dots_doubled() {
        let wire = |data: &str| for_the_wire(data.to_owned(), false);
        assert_eq!(wire("a\n\n.b\r\nc"), "a\r\n\r\n..b\r\nc\r\n.");
        assert_eq!(wire(".a\n.\n"), ".a\r\n.");
        assert_eq!(wire("a\r\n."), "a\r\n.");
        assert_eq!(wire("\n\na"), "\n\r\na\r\n.");
        assert_eq!(wire("From x\na"), "a\r\n.");
        assert_eq!(wire("a\n.\n\n"), "a\r\n\r\n.");
    }

    #[test]
    fn a_field_has_a_name_of_two_characters() {
        assert_eq!(field_name("To: x"), "To");
        assert_eq!(field_name("X: y"), "X: y");
        assert_eq!(field_name("::a"), "::a");
        assert_eq!(field_name(":ab:c"), ":ab");
    }

    #[test]
    fn the_header_ends_at_the_first_empty_line() {
        assert_eq!(split_header("a: b\r\n\r\nc\n\nd"), ("a: b", "c\n\nd"));
        assert_eq!(split_header("a: b\n\nc"), ("a: b", "c"));
        assert_eq!(split_header("a"), ("a", ""));
    }

    #[test]
    fn both_spellings_are_replaced_once() {
        let text = "%BODY%..BODY...%BODY.. %DATE%";
        assert_eq!(
            replace_token(text, "BODY", "%BODY%"),
            "%BODY%%BODY%.%BODY.. %DATE%"
        );
    }
}
