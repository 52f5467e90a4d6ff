//! The envelope: who sends to whom (RFC 5321 §2.3.1), and which reports are wanted of it (RFC 3461).

use crate::mail::address::Address;

/// Who sends to whom.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Envelope {
    /// The reverse-path; `None` is the null sender.
    pub sender: Option<Address>,
    /// The forward-paths, each once.
    pub recipients: Vec<Address>,
    /// Which reports are wanted.
    pub dsn: Dsn,
}

/// Which delivery status notifications the sender wants (RFC 3461). What is `None` was not said.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Dsn {
    /// When, for every recipient (RFC 3461 §4.1).
    pub notify: Option<NotifyOn>,
    /// How much of the message comes back with a report of failure (RFC 3461 §4.3).
    pub ret: Option<Return>,
    /// What a report is to call the envelope, before it is xtext: up to 100 printable characters
    /// (RFC 3461 §4.4).
    pub envid: Option<String>,
    /// What is otherwise for single recipients.
    pub each: Vec<RecipientDsn>,
}

/// What is wanted for one recipient.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RecipientDsn {
    pub recipient: Address,
    /// When a report is wanted, if not as for all.
    pub notify: Option<NotifyOn>,
    /// What a report is to call the recipient: a type and an address like `rfc822;bob@example.org`, before
    /// the address is xtext (RFC 3461 §4.2). `None` is the recipient itself.
    pub original: Option<String>,
}

impl Dsn {
    /// When a report about this recipient is wanted.
    #[must_use]
    pub fn notify_of(&self, recipient: &Address) -> Option<NotifyOn> {
        let of_each = self.of(recipient).find_map(|wanted| wanted.notify);
        of_each.or(self.notify)
    }

    /// What a report is to call this recipient.
    #[must_use]
    pub fn original_of<'d>(&'d self, recipient: &'d Address) -> Option<&'d str> {
        self.of(recipient)
            .find_map(|wanted| wanted.original.as_deref())
    }

    fn of<'d>(&'d self, recipient: &'d Address) -> impl Iterator<Item = &'d RecipientDsn> {
        let each = self.each.iter();
        each.filter(move |wanted| wanted.recipient == *recipient)
    }
}

/// When a report is wanted; none of them is NEVER.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct NotifyOn {
    /// When the message was delivered.
    pub success: bool,
    /// When it cannot be delivered.
    pub failure: bool,
    /// When it takes long.
    pub delay: bool,
}

/// How much of a message comes back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Return {
    Full,
    Headers,
}
