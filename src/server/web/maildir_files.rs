//! The messages that a Maildir has at the start.

use crate::mail::message::Source;
use crate::server::store::ReceivedEnvelope;
use crate::server::web::caught::{MessagePlace, NewMessage, in_file};
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

/// Octets in which the lines that the store has added are searched.
const MAX_HEAD: usize = 512 * 1024;

/// All messages, the oldest first. A file that cannot be read is left out.
pub fn messages(maildir: &Path) -> io::Result<Vec<NewMessage>> {
    let mut files: Vec<(SystemTime, PathBuf)> = Vec::new();
    for folder in ["new", "cur"] {
        for entry in fs::read_dir(maildir.join(folder))? {
            let entry = entry?;
            let is_hidden = entry.file_name().to_string_lossy().starts_with('.');
            let facts = entry.metadata()?;
            if facts.is_file() && !is_hidden {
                let modified = facts.modified().unwrap_or(SystemTime::UNIX_EPOCH);
                files.push((modified, entry.path()));
            }
        }
    }
    files.sort();
    let messages = files.into_iter();
    Ok(messages
        .filter_map(|(received, path)| message(&path, received).ok())
        .collect())
}

fn message(path: &Path, received: SystemTime) -> io::Result<NewMessage> {
    let file = in_file(path, 0)?;
    let (envelope, skip) = added_lines(&file)?;
    let name = path.to_string_lossy();
    let flags = name.rsplit_once(":2,").map_or("", |(_, flags)| flags);
    let is_read = flags.contains('S');
    Ok(NewMessage {
        envelope,
        session: None,
        received,
        size: file.len - skip,
        place: MessagePlace::File {
            path: path.to_owned(),
            skip,
        },
        is_read,
        may_have_tags: true,
    })
}

/// The envelope in the lines Return-Path and Delivered-To at the beginning, and their length.
fn added_lines(file: &Source) -> io::Result<(ReceivedEnvelope, u64)> {
    let mut start = file.block(MAX_HEAD);
    let count = file.read_at(&mut start, 0)?;
    let mut envelope = ReceivedEnvelope::default();
    let mut skip = 0;
    for line in start[..count].split_inclusive(|&byte| byte == b'\n') {
        let text = String::from_utf8_lossy(line);
        let text = text.trim_end();
        if let (0, Some(sender)) = (skip, text.strip_prefix("Return-Path: <")) {
            sender
                .trim_end_matches('>')
                .clone_into(&mut envelope.sender);
        } else if let (1.., Some(recipient)) = (skip, text.strip_prefix("Delivered-To: ")) {
            envelope.recipients.push(recipient.to_owned());
            envelope.rcpt_parameters.push(Vec::new());
        } else {
            break;
        }
        skip += line.len();
    }
    Ok((envelope, skip as u64))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn envelope_is_read_from_the_lines_that_were_added() {
        let read = |text: &str| {
            let source = Source::memory("m".to_owned(), text.as_bytes().to_vec());
            let (envelope, skip) = added_lines(&source).unwrap();
            (envelope.sender, envelope.recipients, skip)
        };
        let added = "Return-Path: <a@x>\r\nDelivered-To: b@x\r\nDelivered-To: c@x\r\n";
        let both = vec!["b@x".to_owned(), "c@x".to_owned()];
        let expected = ("a@x".to_owned(), both, added.len() as u64);
        assert_eq!(read(&format!("{added}Subject: x\r\n")), expected);
        assert_eq!(
            read("Delivered-To: b@x\r\n"),
            (String::new(), Vec::new(), 0)
        );
    }
}
