//! The first two parts of a report: the text for people, who did not request it and may know nothing about mail
//! servers, and the status for programs (RFC 3464 §2).

use crate::mail::address::Address;
use crate::mail::message::header_reader::{HeaderMode, MessageHeader};
use crate::mail::message::header_writer::{cut, folded};
use crate::mail::message::report::{DeliveryStatusReport, ReportKind, Reported, Returned};
use crate::mail::message::source::Source;
use crate::system::host::is_host_name;
use crate::system::text::{printable, shown};
use crate::system::time::{header_date, spoken};

/// Width at which lines are broken if possible.
const LINE: usize = 72;

pub const MESSAGE_FOLLOWS: &str = "The message is returned below.";

pub const HEADER_FOLLOWS: &str = "The header of the message is returned below.";

/// The subject of the report.
pub fn subject(kind: ReportKind) -> &'static str {
    match kind {
        ReportKind::Failed => "Undelivered mail returned to sender",
        ReportKind::Delayed { .. } => "Delayed mail (still being retried)",
        ReportKind::Relayed => "Mail relayed (delivery report)",
    }
}

/// The whole text, with CRLF.
pub fn notification(report: &DeliveryStatusReport, returned: Returned, header: &[u8]) -> String {
    let mut text = WrappedText::default();
    let mta = shown(report.reporting_mta);
    text.paragraph("", &format!("This is the mail system at {mta}."));
    text.paragraph("", &beginning(report));
    if let Some(subject) = subject_of(header) {
        text.paragraph("", &format!("Subject: {subject}"));
    }
    for reported in &report.recipients {
        text.line(&format!("<{}>:", shown(&reported.address.to_string())));
        for words in explanation(report, reported) {
            text.paragraph("    ", &words);
        }
    }
    text.paragraph(
        "",
        match returned {
            Returned::Whole => MESSAGE_FOLLOWS,
            Returned::Header => HEADER_FOLLOWS,
        },
    );
    text.paragraph(
        "",
        &format!(
            "If you ask for help, include this entire mail. The message had the ID {} and was received on {}.",
            shown(report.id),
            header_date(report.arrived)
        ),
    );
    text.0.truncate(text.0.len() - "\r\n".len());
    text.0
}

fn beginning(report: &DeliveryStatusReport) -> String {
    let recipients = match report.recipients.len() {
        1 => "this recipient",
        _ => "these recipients",
    };
    match report.kind {
        ReportKind::Failed => format!(
            "Your message could not be delivered to {recipients}, and no further attempts will be made. The \
             reason is given below each address."
        ),
        ReportKind::Delayed { retry_until } => format!(
            "Your message has not yet been delivered to {recipients}. You do not need to do anything: \
             delivery will be attempted until {}, and you will be notified if it fails.",
            header_date(retry_until)
        ),
        ReportKind::Relayed => format!(
            "Your message was relayed to the next mail server for {recipients}. That server does not send \
             success reports, so you will only be notified if delivery fails."
        ),
    }
}

/// The result, in the server's own words if it sent any.
fn explanation(report: &DeliveryStatusReport, reported: &Reported) -> Vec<String> {
    let mut paragraphs = Vec::new();
    if is_expired(report.kind, reported) {
        let last = reported.last_attempt;
        let tried = last.and_then(|last| last.duration_since(report.arrived).ok());
        let tried = tried.map_or_else(String::new, |tried| format!(" after {}", spoken(tried)));
        paragraphs.push(format!(
            "Delivery was abandoned{tried} (delivery time expired). The last result was:"
        ));
    }
    let words = shown(reported.words.trim());
    let server = reported.remote_mta.map(shown);
    let reply = reported.diagnostic.map(|given| shown(reply_text(given)));
    let reply = reply.filter(|reply| !words.contains(reply));
    let origin = match (&reply, &server) {
        (Some(reply), Some(server)) => Some(format!("{server} replied: {reply}")),
        (Some(reply), None) => Some(format!("The server replied: {reply}")),
        (None, Some(server)) if !words.contains(server) => {
            Some(format!("The server was {server}."))
        }
        (None, _) => None,
    };
    paragraphs.extend((!words.is_empty()).then_some(words));
    paragraphs.extend(origin);
    paragraphs
}

/// The subject of the message, if it has no encoded words.
fn subject_of(header: &[u8]) -> Option<String> {
    let source = Source::memory("the message".to_owned(), header.to_vec());
    let head = MessageHeader::read(&source, HeaderMode::Lenient).ok()?;
    let subject = head.find("subject")?.readable();
    let is_readable = !subject.is_empty() && !subject.contains("=?");
    is_readable.then(|| shown(&subject))
}

/// A text being written, with its lines broken.
#[derive(Default)]
struct WrappedText(String);

impl WrappedText {
    fn line(&mut self, line: &str) {
        self.0.push_str(line);
        self.0.push_str("\r\n");
    }

    /// A paragraph and an empty line.
    fn paragraph(&mut self, indent: &str, text: &str) {
        let mut line = indent.to_owned();
        for word in text.split_whitespace() {
            if line.len() > indent.len() && line.chars().count() + 1 + word.chars().count() > LINE {
                self.line(&line);
                indent.clone_into(&mut line);
            }
            if line.len() > indent.len() {
                line.push(' ');
            }
            line.push_str(word);
        }
        self.line(&line);
        self.line("");
    }
}

/// The part for programs.
pub fn delivery_status(report: &DeliveryStatusReport) -> String {
    let mut text = String::new();
    if let Some(envid) = report.envid {
        text.push_str(&field("Original-Envelope-Id", envid));
    }
    let mta = format!("dns; {}", report.reporting_mta);
    text.push_str(&field("Reporting-MTA", &mta));
    text.push_str(&field("Arrival-Date", &header_date(report.arrived)));
    text.push_str(&field("X-Ehlo-Queue-Id", report.id));
    for reported in &report.recipients {
        text.push_str("\r\n");
        recipient(report.kind, reported, &mut text);
    }
    text
}

fn recipient(kind: ReportKind, reported: &Reported, text: &mut String) {
    let action = match kind {
        ReportKind::Failed => "failed",
        ReportKind::Delayed { .. } => "delayed",
        ReportKind::Relayed => "relayed",
    };
    let mut add = |name: &str, value: Option<String>| {
        text.extend(value.map(|value| field(name, &value)));
    };
    add("Original-Recipient", reported.original.map(str::to_owned));
    add("Final-Recipient", Some(typed_address(reported.address)));
    add("Action", Some(action.to_owned()));
    add("Status", Some(status(kind, reported)));
    add("Remote-MTA", reported.remote_mta.and_then(remote_mta));
    let diagnostic = reported.diagnostic.map(diagnostic);
    add(
        "Diagnostic-Code",
        diagnostic.or_else(|| own_reason(reported)),
    );
    add("Last-Attempt-Date", reported.last_attempt.map(header_date));
    if let ReportKind::Delayed { retry_until } = kind {
        add("Will-Retry-Until", Some(header_date(retry_until)));
    }
}

/// A field of printable ASCII only, regardless of the origin of the value.
fn field(name: &str, value: &str) -> String {
    let value = printable(value.as_bytes());
    let value = value.trim();
    folded(name, value).unwrap_or_else(|| cut(name, value))
}

/// The address with its type: in ASCII, with the escapes of RFC 6533 §3 if necessary.
fn typed_address(address: &Address) -> String {
    if !address.needs_utf8() {
        return format!("rfc822; {address}");
    }
    let mut text = String::from("utf-8; ");
    for character in address.to_string().chars() {
        match character {
            '!'..='~' if !matches!(character, '\\' | '+' | '=') => text.push(character),
            _ => text.push_str(&format!("\\x{{{:02X}}}", u32::from(character))),
        }
    }
    text
}

/// The enhanced status code for the kind of report. After a temporary failure, delivery was given up
/// because its time was over, which is permanent (RFC 3463 §3.5, X.4.7).
pub fn status(kind: ReportKind, reported: &Reported) -> String {
    let given = reported.status.filter(|status| is_status(status));
    let (class, default) = match kind {
        ReportKind::Failed if is_expired(kind, reported) => ('5', "5.4.7"),
        ReportKind::Failed => ('5', "5.0.0"),
        ReportKind::Delayed { .. } => ('4', "4.0.0"),
        ReportKind::Relayed => ('2', "2.0.0"),
    };
    let fitting = given.filter(|status| status.starts_with(class));
    fitting.unwrap_or(default).to_owned()
}

/// True if it failed because the time was over, and not because a server refused it permanently.
fn is_expired(kind: ReportKind, reported: &Reported) -> bool {
    let code = reported.status.or(reported.diagnostic.map(reply_text));
    kind == ReportKind::Failed && code.is_some_and(|code| code.starts_with('4'))
}

/// Class, subject and detail (RFC 3463 §2).
fn is_status(text: &str) -> bool {
    let numbers: Vec<&str> = text.split('.').collect();
    let is_number = |number: &&str| {
        (1..=3).contains(&number.len()) && number.bytes().all(|byte| byte.is_ascii_digit())
    };
    numbers.len() == 3 && numbers[0].len() == 1 && numbers.iter().all(is_number)
}

/// The server's host name in its displayed form: `mx1.example.org [192.0.2.7]:25`.
fn remote_mta(server: &str) -> Option<String> {
    let name = server.split_whitespace().next()?;
    let name = match name.split_once(']') {
        Some((literal, _)) => format!("{literal}]"),
        None => name.to_owned(),
    };
    let is_literal = name.starts_with('[') && name.ends_with(']');
    if is_literal || is_host_name(&name) {
        return Some(format!("dns; {name}"));
    }
    Some(format!("x-local; {name}"))
}

/// A reply with its type, which may precede it already.
fn diagnostic(given: &str) -> String {
    format!("smtp; {}", reply_text(given))
}

/// The reason, if no server replied. Programs read it from Diagnostic-Code alone. Its type is a private
/// name (RFC 3464 §2.3.6), as X-Postfix is for Postfix.
fn own_reason(reported: &Reported) -> Option<String> {
    let words = reported.words.trim();
    (!words.is_empty()).then(|| format!("X-Ehlo; {words}"))
}

/// A reply without its type.
fn reply_text(diagnostic: &str) -> &str {
    let bare = diagnostic.strip_prefix("smtp;");
    bare.unwrap_or(diagnostic).trim_start()
}
