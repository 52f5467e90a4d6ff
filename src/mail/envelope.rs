//! The envelope: sender and recipients (RFC 5321 §2.3.1), and the requested reports (RFC 3461).

use crate::mail::address::Address;
use serde::{Deserialize, Serialize};
use std::ops::{Index, IndexMut};

/// Sender and recipients of a message.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Envelope {
    /// The reverse-path; `None` is the null sender.
    pub sender: Option<Address>,
    /// The forward-paths, each once.
    pub recipients: Vec<Address>,
    /// Requested delivery status notifications.
    pub dsn: Dsn,
}

/// The place of a recipient in an envelope, and in a list with an element for each recipient of one.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct RecipientIndex(pub usize);

impl<T> Index<RecipientIndex> for Vec<T> {
    type Output = T;

    fn index(&self, index: RecipientIndex) -> &T {
        &self[index.0]
    }
}

impl<T> IndexMut<RecipientIndex> for Vec<T> {
    fn index_mut(&mut self, index: RecipientIndex) -> &mut T {
        &mut self[index.0]
    }
}

impl<T> Index<RecipientIndex> for [T] {
    type Output = T;

    fn index(&self, index: RecipientIndex) -> &T {
        &self[index.0]
    }
}

impl<T> IndexMut<RecipientIndex> for [T] {
    fn index_mut(&mut self, index: RecipientIndex) -> &mut T {
        &mut self[index.0]
    }
}

/// For the tests, which write lists of places as numbers.
#[cfg(test)]
impl PartialEq<usize> for RecipientIndex {
    fn eq(&self, other: &usize) -> bool {
        self.0 == *other
    }
}

impl Envelope {
    /// The places of all recipients.
    pub fn indices(&self) -> impl Iterator<Item = RecipientIndex> + use<> {
        (0..self.recipients.len()).map(RecipientIndex)
    }

    /// The envelope for these recipients only.
    pub fn only(&self, recipients: Vec<Address>) -> Self {
        let mut dsn = self.dsn.clone();
        dsn.each.retain(|each| {
            let key = each.recipient.key();
            recipients.iter().any(|recipient| recipient.key() == key)
        });
        Self {
            sender: self.sender.clone(),
            recipients,
            dsn,
        }
    }
}

/// The delivery status notifications that the sender requests (RFC 3461). `None`: not requested.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Dsn {
    /// The NOTIFY parameter for every recipient (RFC 3461 §4.1).
    pub notify: Option<NotifyOn>,
    /// The part of the message to return with a report of failure (RFC 3461 §4.3).
    pub ret: Option<Return>,
    /// Envelope identifier to use in a report, before xtext encoding: up to 100 printable characters (RFC
    /// 3461 §4.4).
    pub envid: Option<String>,
    /// Settings that differ for single recipients.
    pub each: Vec<RecipientDsn>,
}

/// Requests for one recipient.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RecipientDsn {
    pub recipient: Address,
    /// Overrides the setting for all recipients.
    pub notify: Option<NotifyOn>,
    /// Original recipient to use in a report: a type and an address such as `rfc822;bob@example.org`,
    /// before the address is encoded as xtext (RFC 3461 §4.2). `None`: the recipient itself.
    pub original: Option<String>,
}

impl Dsn {
    /// The NOTIFY parameter of this recipient.
    pub fn notify_of(&self, recipient: &Address) -> Option<NotifyOn> {
        let of_each = self.of(recipient).find_map(|wanted| wanted.notify);
        of_each.or(self.notify)
    }

    /// The original recipient to use in a report about this recipient.
    pub fn original_of<'d>(&'d self, recipient: &'d Address) -> Option<&'d str> {
        self.of(recipient)
            .find_map(|wanted| wanted.original.as_deref())
    }

    fn of<'d>(&'d self, recipient: &'d Address) -> impl Iterator<Item = &'d RecipientDsn> {
        let each = self.each.iter();
        each.filter(move |wanted| wanted.recipient == *recipient)
    }
}

/// Events that cause a report. All false is NEVER.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct NotifyOn {
    /// The message was delivered.
    pub success: bool,
    /// It cannot be delivered.
    pub failure: bool,
    /// Its delivery is delayed.
    pub delay: bool,
}

/// The part of a message to return.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Return {
    Full,
    Headers,
}
