//! The part of a report for people. They did not request it and may know nothing about mail servers.

use crate::mail::message::header_reader::{HeaderMode, MessageHeader};
use crate::mail::message::report::status::{is_expired, reply};
use crate::mail::message::report::{DeliveryStatusReport, ReportKind, Reported, Returned};
use crate::mail::message::source::Source;
use crate::system::text::shown;
use crate::system::time::{header_date, spoken};

/// Width at which lines are broken if possible.
const LINE: usize = 72;

pub const MESSAGE_FOLLOWS: &str = "The message comes back below.";

pub const HEADER_FOLLOWS: &str = "The header of the message comes back below.";

/// The subject of the report.
pub fn subject(kind: ReportKind) -> &'static str {
    match kind {
        ReportKind::Failed => "Undelivered mail returned to sender",
        ReportKind::Delayed { .. } => "Delayed mail (still being retried)",
        ReportKind::Relayed => "Mail handed on (delivery report)",
    }
}

/// The whole text, with CRLF.
pub fn notification(report: &DeliveryStatusReport, returned: Returned, header: &[u8]) -> String {
    let mut text = WrappedText::default();
    let mta = shown(report.reporting_mta);
    text.paragraph("", &format!("This is the mail system of {mta}."));
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
            "If you ask somebody for help, show them all of this mail. The message had the number \
             {} here, and came on {}.",
            shown(report.id),
            header_date(report.arrived)
        ),
    );
    text.0.truncate(text.0.len() - "\r\n".len());
    text.0
}

fn beginning(report: &DeliveryStatusReport) -> String {
    let whom = match report.recipients.len() {
        1 => "this recipient",
        _ => "these recipients",
    };
    match report.kind {
        ReportKind::Failed => format!(
            "Your message could not be delivered to {whom}, and it will not be tried again. What \
             went wrong stands below each address."
        ),
        ReportKind::Delayed { retry_until } => format!(
            "Your message has not been delivered yet to {whom}. You need not do anything: it will \
             be tried again until {}, and you will be told if it cannot be delivered.",
            header_date(retry_until)
        ),
        ReportKind::Relayed => format!(
            "Your message was handed on to the next mail server for {whom}. That server sends no \
             reports of success, so that you will hear no more of it unless it fails."
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
            "It was given up{tried} (delivery time expired). This is what happened at last:"
        ));
    }
    // The line above contains the address already.
    let name = format!("<{}>: ", reported.address);
    let words = reported.words.trim();
    let words = shown(words.strip_prefix(&name).unwrap_or(words));
    let server = reported.remote_mta.map(shown);
    let said = reported.diagnostic.map(|given| shown(reply(given)));
    let said = said.filter(|said| !words.contains(said));
    let who = match (&said, &server) {
        (Some(said), Some(server)) => Some(format!("{server} said: {said}")),
        (Some(said), None) => Some(format!("The server said: {said}")),
        (None, Some(server)) if !words.contains(server) => {
            Some(format!("The server was {server}."))
        }
        (None, _) => None,
    };
    paragraphs.extend((!words.is_empty()).then_some(words));
    paragraphs.extend(who);
    paragraphs
}

/// The subject of the message, if it can be read in its present form.
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
