//! Lists of messages and mailboxes, as text and as JSON.

use crate::cli::terminal;
use crate::mail::address::decoded;
use crate::mailbox::{Folder, FolderStatus, MessageSummary, fields};
use crate::system::exit::Exit;
use crate::system::figures::size;
use crate::system::text::shown;
use crate::system::time::{local, rfc3339};
use chrono::DateTime;
use serde_json::{Map, Value, json};
use std::time::SystemTime;

/// Longest author in a list, in characters.
const MAX_AUTHOR: usize = 30;

/// Prints a message in a list. The width of the columns does not depend on other messages, which have not arrived.
pub fn message(summary: &MessageSummary, json: bool) -> Result<(), Exit> {
    let text = if json {
        format!("{}\n", Value::Object(object(summary)))
    } else {
        line(summary)
    };
    terminal::write(text.as_bytes())
}

fn line(summary: &MessageSummary) -> String {
    let date = date(summary).map(local);
    let date = date.as_deref().and_then(|date| date.get(..16));
    let flags: String = summary
        .flags
        .iter()
        .flatten()
        .filter_map(|flag| letter(flag))
        .collect();
    let author: String = field(summary, "from")
        .unwrap_or_default()
        .chars()
        .take(MAX_AUTHOR)
        .collect();
    let text = format!(
        "{:>7}  {:16}  {:>5}  {:4}  {:MAX_AUTHOR$}  {}",
        summary.number,
        date.unwrap_or_default(),
        summary.size.map(size).unwrap_or_default(),
        flags,
        shown(&author),
        shown(&field(summary, "subject").unwrap_or_default()),
    );
    format!("{}\n", text.trim_end())
}

/// The letter of a flag, as mutt and Maildir have it.
fn letter(flag: &str) -> Option<char> {
    match flag.to_ascii_lowercase().as_str() {
        "\\seen" => Some('S'),
        "\\answered" => Some('R'),
        "\\flagged" => Some('F'),
        "\\deleted" => Some('T'),
        "\\draft" => Some('D'),
        _ => None,
    }
}

/// The fields of a message in JSON.
pub fn object(summary: &MessageSummary) -> Map<String, Value> {
    let mut object = Map::new();
    let mut put = |name: &str, value: Value| {
        object.insert(name.to_owned(), value);
    };
    match summary.flags {
        Some(_) => put("uid", summary.number.into()),
        None => put("number", summary.number.into()),
    }
    if let Some(id) = &summary.unique_id {
        put("uidl", id.as_str().into());
    }
    put("size", summary.size.into());
    if let Some(flags) = &summary.flags {
        put("flags", flags.as_slice().into());
    }
    put("received", received(summary).map(rfc3339).into());
    for name in ["date", "from", "to", "cc", "subject", "message-id"] {
        put(&name.replace('-', "_"), field(summary, name).into());
    }
    object
}

/// A field of the header, decoded; the first if there are several.
fn field(summary: &MessageSummary, name: &str) -> Option<String> {
    let mut fields = fields(&summary.header);
    let (_, value) = fields.find(|(key, _)| key.eq_ignore_ascii_case(name))?;
    Some(decoded(&value))
}

/// The time of arrival, else the date of the message.
fn date(summary: &MessageSummary) -> Option<SystemTime> {
    received(summary).or_else(|| {
        let date = field(summary, "date")?;
        Some(DateTime::parse_from_rfc2822(&date).ok()?.into())
    })
}

fn received(summary: &MessageSummary) -> Option<SystemTime> {
    let text = summary.received.as_deref()?.trim();
    let date = DateTime::parse_from_str(text, "%d-%b-%Y %H:%M:%S %z");
    Some(date.ok()?.into())
}

/// Prints a mailbox in a list.
pub fn folder(folder: &Folder, status: Option<FolderStatus>, json: bool) -> Result<(), Exit> {
    let status = status.unwrap_or_default();
    let text = if json {
        let object = json!({
            "mailbox": folder.name,
            "attributes": folder.attributes,
            "messages": status.messages,
            "unseen": status.unseen,
            "uid_next": status.uid_next,
            "uid_validity": status.uid_validity,
        });
        format!("{object}\n")
    } else {
        let number = |number: Option<u32>| number.map_or_else(|| "-".to_owned(), |n| n.to_string());
        let uses: Vec<String> = folder
            .attributes
            .iter()
            .filter(|name| is_use(name))
            .map(|name| shown(name))
            .collect();
        let text = format!(
            "{:>7}  {:>7}  {}  {}",
            number(status.messages),
            number(status.unseen),
            shown(&folder.name),
            uses.join(" ")
        );
        format!("{}\n", text.trim_end())
    };
    terminal::write(text.as_bytes())
}

/// False for attributes about the hierarchy.
fn is_use(attribute: &str) -> bool {
    const USES: [&str; 8] = [
        "\\all",
        "\\archive",
        "\\drafts",
        "\\flagged",
        "\\junk",
        "\\sent",
        "\\trash",
        "\\important",
    ];
    USES.contains(&attribute.to_ascii_lowercase().as_str())
}
