//! The changes of a message on its way.

use crate::mailbox::search::fields;
use crate::system::certificate::{hex, sha256};

/// Maximum number of names in a list.
const MAX_NAMES: usize = 100;

/// The differences between a message as it was sent and as it was received.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Changes {
    /// Names of the fields that were added, each once.
    pub added: Vec<String>,
    /// Names of the fields that are missing.
    pub removed: Vec<String>,
    /// Fields with another value: name, sent and received value.
    pub changed: Vec<(String, String, String)>,
    /// SHA-256 of both bodies in hexadecimal, with CRLF as line ends and without empty lines at the end.
    pub body: [String; 2],
}

impl Changes {
    pub fn is_body_same(&self) -> bool {
        self.body[0] == self.body[1]
    }

    /// True if body and fields are as they were sent. Added fields do not count.
    pub fn is_unchanged(&self) -> bool {
        self.is_body_same() && self.removed.is_empty() && self.changed.is_empty()
    }
}

/// Compares two messages. White space in fields is compared as one blank, because servers fold them.
pub fn compare(sent: &[u8], received: &[u8]) -> Changes {
    let (sent_header, sent_body) = divided(sent);
    let (received_header, received_body) = divided(received);
    let mut theirs: Vec<(String, String)> = fields(received_header).map(normalized).collect();
    let mut changes = Changes {
        body: [digest(sent_body), digest(received_body)],
        ..Changes::default()
    };
    let mut missing = Vec::new();
    for (name, value) in fields(sent_header).map(normalized) {
        let same =
            |other: &(String, String)| other.0.eq_ignore_ascii_case(&name) && other.1 == value;
        match theirs.iter().position(same) {
            Some(at) => drop(theirs.remove(at)),
            None => missing.push((name, value)),
        }
    }
    for (name, value) in missing {
        let same = |other: &(String, String)| other.0.eq_ignore_ascii_case(&name);
        // Fields are added above, so that the last one of a name is the one that was sent.
        match theirs.iter().rposition(same) {
            Some(at) => {
                let (_, other) = theirs.remove(at);
                changes.changed.push((name, value, other));
            }
            None => changes.removed.push(name),
        }
    }
    for (name, _) in theirs {
        if !changes.added.contains(&name) && changes.added.len() < MAX_NAMES {
            changes.added.push(name);
        }
    }
    changes
}

fn normalized((name, value): (String, String)) -> (String, String) {
    let words: Vec<&str> = value.split_ascii_whitespace().collect();
    (name, words.join(" "))
}

/// Header and body, without the empty line between them.
pub fn divided(message: &[u8]) -> (&[u8], &[u8]) {
    let end = memchr::memmem::find(message, b"\r\n\r\n").map(|at| (at + 2, at + 4));
    let end = end.or_else(|| memchr::memmem::find(message, b"\n\n").map(|at| (at + 1, at + 2)));
    let (header, body) = end.unwrap_or((message.len(), message.len()));
    (&message[..header], &message[body..])
}

fn digest(body: &[u8]) -> String {
    let mut lines = Vec::with_capacity(body.len());
    for line in body.split_inclusive(|&byte| byte == b'\n') {
        lines.extend_from_slice(crate::client::wire::without_end(line));
        lines.extend_from_slice(b"\r\n");
    }
    while lines.ends_with(b"\r\n\r\n") {
        lines.truncate(lines.len() - 2);
    }
    hex(&sha256(&lines)[..])
}

#[cfg(test)]
mod tests {
    use super::*;

    const SENT: &[u8] = b"From: a@b\r\nSubject: one\r\n two\r\nX-A: 1\r\n\r\nbody\r\n";

    #[test]
    fn added_fields_and_folding_are_no_changes() {
        let received =
            b"Received: x\nReceived: y\nFrom: a@b\nX-A: 1\nSubject: one two\n\nbody\n\n\n";
        let changes = compare(SENT, received);
        assert_eq!(changes.added, ["Received"]);
        assert!(changes.is_unchanged(), "{changes:?}");
    }

    #[test]
    fn changed_and_removed_fields_are_named() {
        let received = b"Subject: [SPAM] one two\r\nFrom: a@b\r\n\r\nbody \r\n";
        let changes = compare(SENT, received);
        assert_eq!(changes.removed, ["X-A"]);
        let (name, sent, received) = &changes.changed[0];
        assert_eq!((name.as_str(), sent.as_str()), ("Subject", "one two"));
        assert_eq!(received, "[SPAM] one two");
        assert!(!changes.is_body_same() && !changes.is_unchanged());
    }

    #[test]
    fn a_message_without_body_has_an_empty_one() {
        assert_eq!(divided(b"a: b\r\n"), (&b"a: b\r\n"[..], &b""[..]));
        assert_eq!(divided(b"a: b\r\n\r\nx"), (&b"a: b\r\n"[..], &b"x"[..]));
        assert_eq!(divided(b""), (&b""[..], &b""[..]));
    }
}
