//! The part of a report that programs read (RFC 3464 §2).

use crate::mail::address::Address;
use crate::mail::message::header_writer::{cut, folded};
use crate::mail::message::report::{DeliveryStatusReport, ReportKind, Reported};
use crate::system::host::is_host_name;
use crate::system::text::printable;
use crate::system::time::header_date;

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
    add("Final-Recipient", Some(typed(reported.address)));
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
fn typed(address: &Address) -> String {
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
pub fn is_expired(kind: ReportKind, reported: &Reported) -> bool {
    let said = reported.status.or(reported.diagnostic.map(reply));
    kind == ReportKind::Failed && said.is_some_and(|said| said.starts_with('4'))
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
    format!("smtp; {}", reply(given))
}

/// The reason, if no server replied. Programs read it from Diagnostic-Code alone. Its type is a private
/// name (RFC 3464 §2.3.6), as X-Postfix is for Postfix.
fn own_reason(reported: &Reported) -> Option<String> {
    let name = format!("<{}>: ", reported.address);
    let words = reported.words.trim();
    let words = words.strip_prefix(&name).unwrap_or(words);
    (!words.is_empty()).then(|| format!("X-Ehlo; {words}"))
}

/// A reply without its type.
pub fn reply(diagnostic: &str) -> &str {
    let bare = diagnostic.strip_prefix("smtp;");
    bare.unwrap_or(diagnostic).trim_start()
}
