//! A message on the terminal. No character of it can control the terminal.

use crate::cli::layers::word;
use crate::cli::show::ShownMessage;
use crate::cli::show::extract::SavedFile;
use crate::mail::view::{MessageView, Person, Role};
use crate::system::figures;
use crate::system::text::{shown, shown_path, shown_with_tabs};
use crate::system::time::local;
use std::fmt::Write as _;
use std::io::{self, Write};
use std::time::{Duration, SystemTime};

/// How a message is shown.
pub struct Style {
    pub all_fields: bool,
    /// True if HTML is shown instead of the text.
    pub html: bool,
    /// The line above the message; `None`: it is the only one.
    pub title: Option<String>,
}

/// A line of the list: number, date, sender, subject, attachments.
pub fn list_line(number: u64, view: &MessageView) -> String {
    let date = date(view).unwrap_or_else(|| "-".to_owned());
    let from = view.from.first().map(short_name).unwrap_or_default();
    let attachments = match view.attachments().count() {
        0 => String::new(),
        count => format!("  ({})", figures::counted(count as u64, "attachment")),
    };
    let subject = shown(&view.subject);
    format!("{number:>4}  {date:<25}  {from:<24.24}  {subject}{attachments}")
}

fn short_name(person: &Person) -> String {
    let name = if person.name.is_empty() {
        &person.address
    } else {
        &person.name
    };
    shown(name)
}

fn date(view: &MessageView) -> Option<String> {
    let seconds = u64::try_from(view.date?).ok()?;
    let time = SystemTime::UNIX_EPOCH.checked_add(Duration::from_secs(seconds))?;
    Some(local(time))
}

/// The header, the text, the parts and the attachments.
pub fn message(message: &ShownMessage, style: &Style) -> io::Result<String> {
    let view = &message.view;
    let mut out = String::new();
    if let Some(title) = &style.title {
        let _ = writeln!(out, "=== {}", shown(title));
    }
    header(&mut out, view, style);
    let readable = view.readable_text();
    let text = if style.html {
        view.html.as_str()
    } else {
        &*readable
    };
    if !text.trim().is_empty() {
        out.push('\n');
        for line in text.trim_end().lines() {
            let _ = writeln!(out, "{}", shown_with_tabs(line));
        }
    }
    if view.parts.len() > 1 || view.attachments().next().is_some() {
        parts(&mut out, message)?;
    }
    checks(&mut out, message);
    if view.is_truncated {
        out.push_str("\nThe message is too large to be shown completely.\n");
    }
    let mut saved_lines = Vec::new();
    saved(&mut saved_lines, &message.saved)?;
    out.push_str(&String::from_utf8_lossy(&saved_lines));
    Ok(out)
}

fn header(out: &mut String, view: &MessageView, style: &Style) {
    if style.all_fields {
        for field in &view.fields {
            let _ = writeln!(out, "{}: {}", shown(&field.name), shown(&field.value));
        }
        return;
    }
    let mut row = |name: &str, value: String| {
        if !value.is_empty() {
            let _ = writeln!(out, "{:<9} {value}", format!("{name}:"));
        }
    };
    row("From", people(&view.from));
    row("Sender", people(&view.sender));
    row("Reply-To", people(&view.reply_to));
    row("To", people(&view.to));
    row("Cc", people(&view.cc));
    row("Bcc", people(&view.bcc));
    row("Date", shown(view.value("date").unwrap_or_default()));
    row("Subject", shown(&view.subject));
}

fn people(people: &[Person]) -> String {
    let person = |person: &Person| match (person.name.as_str(), person.address.as_str()) {
        ("", address) => shown(address),
        (name, "") => shown(name),
        (name, address) => format!("{} <{}>", shown(name), shown(address)),
    };
    people.iter().map(person).collect::<Vec<_>>().join(", ")
}

/// The tree of the parts, with size and SHA-256 of attachments.
fn parts(out: &mut String, message: &ShownMessage) -> io::Result<()> {
    out.push_str("\nParts:\n");
    for part in &message.view.parts {
        let indent = "  ".repeat(part.depth);
        let kind = shown(&part.content_type);
        let charset = match part.charset.as_str() {
            "" => String::new(),
            charset => format!("; {}", shown(charset)),
        };
        let _ = write!(out, "  {:<8} {indent}{kind}{charset}", part.id);
        if !matches!(part.role, Role::Root | Role::Multipart) {
            let measure = part.measure(&message.source)?;
            let (role, size) = (part.role.name(), figures::spoken_size(measure.size));
            let _ = write!(out, "  {role}, {size}");
            if part.role != Role::Body {
                let name = part.file_name();
                let _ = write!(
                    out,
                    "\n           {indent}{name}, SHA-256 {}",
                    measure.sha256
                );
            }
        }
        out.push('\n');
    }
    Ok(())
}

/// The results for end-to-end signatures and encryption, DKIM signatures and list fields.
fn checks(out: &mut String, message: &ShownMessage) {
    let layers = message.layers.iter();
    let layers = layers.map(|layer| (layer.is_ok(), layer.name(), layer.text.as_str()));
    let fields = message.checks.iter();
    let fields = fields.map(|check| (check.is_ok, check.field.to_owned(), check.text.as_str()));
    let all: Vec<(Option<bool>, String, &str)> = layers.chain(fields).collect();
    if !all.is_empty() {
        out.push_str("\nChecks:\n");
    }
    for (is_ok, name, text) in all {
        let _ = writeln!(out, "  {:<7} {name}: {}", word(is_ok), shown(text));
    }
}

/// The files of attachments.
pub fn saved(out: &mut dyn Write, files: &[SavedFile]) -> io::Result<()> {
    for file in files {
        writeln!(out, "saved {}", shown_path(&file.path))?;
    }
    Ok(())
}
