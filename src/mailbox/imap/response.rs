//! Responses of an IMAP server (RFC 3501 §7). Literals are read here: that of a whole message goes to its destination,
//! and never into memory. The rest is parsed by imap-proto, which only sees responses of known kinds, without a
//! deeper nesting than theirs: its parsers recurse without a limit, and some panic on responses of extensions.

use crate::mailbox::channel::Channel;
use crate::mailbox::error::MailboxError;
use imap_proto::{
    AttributeValue, Capability, MailboxDatum, NameAttribute, ResponseCode, SectionPath, Status,
    StatusAttribute,
};
use std::io::Write;

/// Maximum size of a response without the message: the answer to SEARCH has every UID.
const MAX_RESPONSE: usize = 8 * 1024 * 1024;

/// Maximum size of a literal that is kept in memory: a header.
pub const MAX_LITERAL: u64 = 1024 * 1024;

/// Maximum depth of parentheses. What this program requests has two levels.
const MAX_DEPTH: usize = 4;

/// A response.
#[derive(Debug, PartialEq, Eq)]
pub enum Response {
    /// `+`, with its text.
    Continue(String),
    /// The end of a command.
    Done {
        tag: String,
        outcome: Outcome,
    },
    Data(Data),
}

/// A status with its text.
#[derive(Debug, PartialEq, Eq)]
pub struct Outcome {
    pub status: OutcomeStatus,
    pub code: Option<Code>,
    /// The text with an unknown code, printable.
    pub text: String,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OutcomeStatus {
    Ok,
    No,
    Bad,
    Preauth,
    Bye,
}

/// A response code that is used here.
#[derive(Debug, PartialEq, Eq)]
pub enum Code {
    Capabilities(Vec<String>),
    UidNext(u32),
    UidValidity(u32),
}

/// An untagged response.
#[derive(Debug, PartialEq, Eq)]
pub enum Data {
    Status(Outcome),
    Capabilities(Vec<String>),
    /// ENABLED (RFC 5161), in upper case.
    Enabled(Vec<String>),
    Exists(u32),
    Search(Vec<u32>),
    List {
        /// As the server writes it.
        name: String,
        attributes: Vec<String>,
    },
    FolderStatus(FolderStatus),
    Fetch(Box<FetchData>),
    /// Not used here.
    Other,
}

/// STATUS of a mailbox (RFC 3501 §7.2.4).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct FolderStatus {
    pub messages: Option<u32>,
    pub unseen: Option<u32>,
    pub uid_next: Option<u32>,
    pub uid_validity: Option<u32>,
}

/// FETCH (RFC 3501 §7.4.2).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct FetchData {
    pub uid: Option<u32>,
    pub flags: Vec<String>,
    pub size: Option<u64>,
    /// INTERNALDATE as the server writes it.
    pub received: Option<String>,
    /// A part of the header.
    pub header: Option<Vec<u8>>,
    /// The message, if it was not a literal.
    pub body: Option<Vec<u8>>,
}

/// The destination of the literal with a message.
pub struct BodySink<'s> {
    pub into: &'s mut dyn Write,
    /// Maximum size of the message.
    pub limit: u64,
    /// Octets of the message; `None`: it has not arrived.
    pub written: Option<u64>,
}

/// Reads a response, and writes the literal with a message to the sink.
pub fn read(
    channel: &mut Channel<'_>,
    mut sink: Option<&mut BodySink<'_>>,
) -> Result<Response, MailboxError> {
    let mut buffer = Vec::new();
    let mut depth = Depth::default();
    let mut kind = None;
    loop {
        let line = channel.line(MAX_RESPONSE.saturating_sub(buffer.len()))?;
        let start = buffer.len();
        buffer.extend_from_slice(&line);
        if depth.add(&line) > MAX_DEPTH {
            return Err(MailboxError::Protocol(format!(
                "sent a response that is nested too deeply: {}",
                channel.excerpt(&line)
            )));
        }
        let kind = *kind.get_or_insert_with(|| Kind::of(&line));
        let literal = if kind == Kind::Data {
            literal(&line)
        } else {
            None
        };
        let Some((length, header)) = literal else {
            buffer.extend_from_slice(b"\r\n");
            return parse(&buffer, kind)
                .ok_or_else(|| malformed(channel, &buffer[..buffer.len() - 2]));
        };
        buffer.truncate(start + line.len() - header);
        match &mut sink {
            Some(sink) if is_message(&buffer) => {
                transfer(channel, length, sink)?;
                buffer.extend_from_slice(b"NIL");
            }
            _ => append_literal(channel, length, &mut buffer)?,
        }
    }
}

/// The kinds of responses that have different grammars.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Continue,
    /// A line of text: the end of a command, or an untagged status.
    Text,
    /// Data that may contain literals.
    Data,
    /// Of an extension.
    Unknown,
}

impl Kind {
    fn of(line: &[u8]) -> Self {
        let text = String::from_utf8_lossy(&line[..line.len().min(80)]).to_ascii_uppercase();
        let mut words = text.split(' ');
        let first = words.next().unwrap_or_default();
        let is = |word: Option<&str>, of: &[&str]| word.is_some_and(|word| of.contains(&word));
        match first {
            "+" => return Self::Continue,
            "*" => {}
            _ => return Self::Text,
        }
        let word = words.next();
        if is(word, &["OK", "NO", "BAD", "BYE", "PREAUTH"]) {
            return Self::Text;
        }
        let is_number = word.is_some_and(|word| word.parse::<u32>().is_ok());
        let is_known = if is_number {
            is(words.next(), &["FETCH", "EXISTS", "EXPUNGE", "RECENT"])
        } else {
            is(
                word,
                &["CAPABILITY", "ENABLED", "FLAGS", "LIST", "SEARCH", "STATUS"],
            )
        };
        if is_known { Self::Data } else { Self::Unknown }
    }
}

/// The depth of parentheses outside of quoted strings.
#[derive(Default)]
struct Depth {
    now: usize,
    most: usize,
}

impl Depth {
    /// Adds a part between literals. Returns the greatest depth.
    fn add(&mut self, part: &[u8]) -> usize {
        let (mut is_quoted, mut is_escaped) = (false, false);
        for &byte in part {
            match byte {
                _ if is_escaped => is_escaped = false,
                b'\\' if is_quoted => is_escaped = true,
                b'"' => is_quoted = !is_quoted,
                b'(' if !is_quoted => self.now += 1,
                b')' if !is_quoted => self.now = self.now.saturating_sub(1),
                _ => {}
            }
            self.most = self.most.max(self.now);
        }
        self.most
    }
}

/// The length of the literal that follows a line, and the length of its announcement.
fn literal(line: &[u8]) -> Option<(u64, usize)> {
    let inside = line.strip_suffix(b"}")?;
    let start = memchr::memrchr(b'{', inside)?;
    let digits = std::str::from_utf8(&inside[start + 1..]).ok()?;
    let is_number = !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit());
    // More digits than those of any number are a number that is too large.
    let length = is_number.then(|| digits.parse().unwrap_or(u64::MAX))?;
    Some((length, line.len() - start))
}

/// True if the literal after this beginning of a response is a whole message.
fn is_message(beginning: &[u8]) -> bool {
    let end = &beginning[beginning.len().saturating_sub(16)..];
    end.to_ascii_uppercase().ends_with(b"BODY[] ")
}

/// Writes a message to its destination.
fn transfer(
    channel: &mut Channel<'_>,
    length: u64,
    sink: &mut BodySink<'_>,
) -> Result<(), MailboxError> {
    if length > sink.limit {
        return Err(MailboxError::Protocol(format!(
            "announced a message of {length} bytes, more than --max-size {}",
            sink.limit
        )));
    }
    if sink.written.is_some() {
        return Err(MailboxError::Protocol("sent a message twice".to_owned()));
    }
    let mut left = length;
    while left > 0 {
        let heard = channel.heard(left)?;
        sink.into.write_all(heard).map_err(MailboxError::Output)?;
        let count = heard.len();
        channel.consume_transferred(count)?;
        left -= count as u64;
    }
    sink.written = Some(length);
    Ok(())
}

/// Appends a literal. One without line ends becomes a quoted string, so that every string without them is quoted.
fn append_literal(
    channel: &mut Channel<'_>,
    length: u64,
    buffer: &mut Vec<u8>,
) -> Result<(), MailboxError> {
    if length > MAX_LITERAL || buffer.len() as u64 + length > MAX_RESPONSE as u64 {
        return Err(MailboxError::Protocol(format!(
            "announced a literal of {length} bytes that was not requested"
        )));
    }
    let mut content = Vec::new();
    let mut left = length;
    while left > 0 {
        let heard = channel.heard(left)?;
        content.extend_from_slice(heard);
        let count = heard.len();
        channel.consume_transferred(count)?;
        left -= count as u64;
    }
    if memchr::memchr3(b'\r', b'\n', 0, &content).is_none() {
        buffer.push(b'"');
        for byte in content {
            if matches!(byte, b'"' | b'\\') {
                buffer.push(b'\\');
            }
            buffer.push(byte);
        }
        buffer.push(b'"');
        return Ok(());
    }
    buffer.extend_from_slice(format!("{{{length}}}\r\n").as_bytes());
    buffer.extend_from_slice(&content);
    Ok(())
}

fn malformed(channel: &Channel<'_>, response: &[u8]) -> MailboxError {
    MailboxError::Protocol(format!(
        "sent a response that cannot be read: {}",
        channel.excerpt(response)
    ))
}

/// Parses a response with its CRLF. `None`: it is malformed.
fn parse(response: &[u8], kind: Kind) -> Option<Response> {
    match kind {
        Kind::Unknown => return Some(Response::Data(Data::Other)),
        Kind::Continue => {
            let text = String::from_utf8_lossy(response.strip_prefix(b"+")?);
            return Some(Response::Continue(text.trim().to_owned()));
        }
        Kind::Data if contains(&response[..response.len().min(12)], b"* ENABLED") => {
            let text = String::from_utf8_lossy(response).to_ascii_uppercase();
            let names = text.split_ascii_whitespace().skip(2).map(str::to_owned);
            return Some(Response::Data(Data::Enabled(names.collect())));
        }
        // Some servers have blanks that the grammar does not.
        Kind::Data if contains(&response[..response.len().min(13)], b"* CAPABILITY") => {
            let text = String::from_utf8_lossy(response).to_ascii_uppercase();
            let names = text.split_ascii_whitespace().skip(2).map(str::to_owned);
            return Some(Response::Data(Data::Capabilities(names.collect())));
        }
        // imap-proto panics on it.
        Kind::Data if contains(response, b"INTERNALDATE NIL") => return None,
        Kind::Data | Kind::Text => {}
    }
    let (rest, parsed) = imap_proto::Response::parse(response).ok()?;
    if !rest.is_empty() {
        return None;
    }
    Some(match parsed {
        imap_proto::Response::Done {
            tag,
            status,
            outcome,
        } => Response::Done {
            tag: tag.0,
            outcome: outcome_of(&status, outcome.code, outcome.information.as_deref()),
        },
        imap_proto::Response::Data { status, outcome } => Response::Data(Data::Status(outcome_of(
            &status,
            outcome.code,
            outcome.information.as_deref(),
        ))),
        imap_proto::Response::Fetch(_, attributes) => {
            Response::Data(Data::Fetch(Box::new(fetched(attributes))))
        }
        imap_proto::Response::MailboxData(datum) => Response::Data(mailbox_data(datum)),
        _ => Response::Data(Data::Other),
    })
}

fn contains(text: &[u8], words: &[u8]) -> bool {
    text.windows(words.len())
        .any(|window| window.eq_ignore_ascii_case(words))
}

fn outcome_of(status: &Status, code: Option<ResponseCode<'_>>, text: Option<&str>) -> Outcome {
    Outcome {
        status: match status {
            Status::Ok => OutcomeStatus::Ok,
            Status::No => OutcomeStatus::No,
            Status::Bad => OutcomeStatus::Bad,
            Status::PreAuth => OutcomeStatus::Preauth,
            Status::Bye => OutcomeStatus::Bye,
        },
        code: match code {
            Some(ResponseCode::Capabilities(all)) => Some(Code::Capabilities(capabilities(all))),
            Some(ResponseCode::UidNext(uid)) => Some(Code::UidNext(uid)),
            Some(ResponseCode::UidValidity(number)) => Some(Code::UidValidity(number)),
            _ => None,
        },
        text: text.unwrap_or_default().to_owned(),
    }
}

fn capabilities(all: Vec<Capability<'_>>) -> Vec<String> {
    let names = all.into_iter().map(|capability| match capability {
        Capability::Imap4rev1 => "IMAP4REV1".to_owned(),
        Capability::Auth(name) => format!("AUTH={}", name.to_ascii_uppercase()),
        Capability::Atom(name) => name.to_ascii_uppercase(),
    });
    names.collect()
}

fn mailbox_data(datum: MailboxDatum<'_>) -> Data {
    match datum {
        MailboxDatum::Exists(count) => Data::Exists(count),
        MailboxDatum::Search(uids) => Data::Search(uids),
        MailboxDatum::List(list) => Data::List {
            name: unquoted(&list.name),
            attributes: list.name_attributes.iter().map(attribute).collect(),
        },
        MailboxDatum::Status { status, .. } => Data::FolderStatus(folder_status(&status)),
        _ => Data::Other,
    }
}

fn folder_status(all: &[StatusAttribute]) -> FolderStatus {
    let mut status = FolderStatus::default();
    for attribute in all {
        match *attribute {
            StatusAttribute::Messages(count) => status.messages = Some(count),
            StatusAttribute::Unseen(count) => status.unseen = Some(count),
            StatusAttribute::UidNext(uid) => status.uid_next = Some(uid),
            StatusAttribute::UidValidity(number) => status.uid_validity = Some(number),
            _ => {}
        }
    }
    status
}

/// The attribute with its backslash.
fn attribute(attribute: &NameAttribute<'_>) -> String {
    let name = match attribute {
        NameAttribute::NoInferiors => "\\Noinferiors",
        NameAttribute::NoSelect => "\\Noselect",
        NameAttribute::Marked => "\\Marked",
        NameAttribute::Unmarked => "\\Unmarked",
        NameAttribute::All => "\\All",
        NameAttribute::Archive => "\\Archive",
        NameAttribute::Drafts => "\\Drafts",
        NameAttribute::Flagged => "\\Flagged",
        NameAttribute::Junk => "\\Junk",
        NameAttribute::Sent => "\\Sent",
        NameAttribute::Trash => "\\Trash",
        NameAttribute::Extension(name) => name,
        _ => "",
    };
    name.to_owned()
}

fn fetched(attributes: Vec<AttributeValue<'_>>) -> FetchData {
    let mut data = FetchData::default();
    for attribute in attributes {
        match attribute {
            AttributeValue::Uid(uid) => data.uid = Some(uid),
            AttributeValue::Flags(flags) => {
                data.flags = flags.into_iter().map(String::from).collect();
            }
            AttributeValue::Rfc822Size(size) => data.size = Some(size.into()),
            AttributeValue::InternalDate(date) => data.received = Some(unquoted(&date)),
            AttributeValue::BodySection {
                section: Some(SectionPath::Full(_)),
                data: Some(header),
                ..
            } => data.header = Some(unquoted_octets(&header)),
            AttributeValue::BodySection {
                section: None,
                data: Some(body),
                ..
            } => data.body = Some(unquoted_octets(&body)),
            _ => {}
        }
    }
    data
}

/// The content of a string. One with line ends is a literal, in which nothing is escaped.
fn unquoted_octets(text: &[u8]) -> Vec<u8> {
    if text.contains(&b'\n') || text.contains(&b'\r') {
        return text.to_vec();
    }
    let mut plain = Vec::with_capacity(text.len());
    let mut octets = text.iter();
    while let Some(&octet) = octets.next() {
        let octet = if octet == b'\\' {
            octets.next().copied()
        } else {
            Some(octet)
        };
        plain.extend(octet);
    }
    plain
}

fn unquoted(text: &str) -> String {
    String::from_utf8_lossy(&unquoted_octets(text.as_bytes())).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn data(line: &str) -> Option<Data> {
        let kind = Kind::of(line.as_bytes());
        match parse(format!("{line}\r\n").as_bytes(), kind)? {
            Response::Data(data) => Some(data),
            other => panic!("{line}: {other:?}"),
        }
    }

    #[test]
    fn fetch_has_the_attributes_in_any_order() {
        let line = r#"* 12 FETCH (FLAGS (\Seen $x) UID 7 RFC822.SIZE 44 INTERNALDATE " 1-Dec-2026 05:44:00 +0000" MODSEQ (9) BODY[HEADER] "a: \"b\\" BODY[] NIL)"#;
        let Some(Data::Fetch(fetched)) = data(line) else {
            panic!("no FETCH");
        };
        assert_eq!(fetched.uid, Some(7));
        assert_eq!(fetched.flags, ["\\Seen", "$x"]);
        assert_eq!(fetched.size, Some(44));
        assert_eq!(fetched.header.as_deref(), Some(&b"a: \"b\\"[..]));
        assert_eq!(fetched.body, None);
    }

    #[test]
    fn responses_on_which_the_parser_panics_do_not_reach_it() {
        assert_eq!(data("* 1 FETCH (internaldate nil)"), None);
        for line in [
            "* METADATA \"INBOX\" (/bad)",
            "* METADATA \"INBOX\" (\"\" NIL)",
            "* ID (\"a\" NIL)",
            "* NAMESPACE NIL NIL NIL",
            "* X",
            "*",
        ] {
            assert_eq!(data(line), Some(Data::Other), "{line}");
        }
    }

    #[test]
    fn names_are_unquoted() {
        let Some(Data::List { name, attributes }) =
            data(r#"* LIST (\HasNoChildren \Junk) "/" "a \"b\" \\c""#)
        else {
            panic!("no LIST");
        };
        assert_eq!(name, r#"a "b" \c"#);
        assert_eq!(attributes, ["\\HasNoChildren", "\\Junk"]);
    }

    #[test]
    fn a_literal_is_announced_at_the_end_of_a_line() {
        assert_eq!(literal(b"* 1 FETCH (BODY[] {12}"), Some((12, 4)));
        assert_eq!(literal(b"{99999999999999999999999}"), Some((u64::MAX, 25)));
        for line in ["", "{}", "{a}", "{1", "1}", "{-1}", "{+1}"] {
            assert_eq!(literal(line.as_bytes()), None, "{line}");
        }
    }

    #[test]
    fn depth_is_counted_outside_of_quoted_strings() {
        for (text, depth) in [("((a) (b))", 2), (r#"("(((" "\"(((")"#, 1), (")))(", 1)] {
            assert_eq!(Depth::default().add(text.as_bytes()), depth, "{text}");
        }
    }

    #[test]
    fn text_may_end_like_a_literal() {
        for line in ["* OK hello {12}", "a1 NO {3}", "* BYE {1}"] {
            assert_eq!(Kind::of(line.as_bytes()), Kind::Text, "{line}");
        }
    }
}
