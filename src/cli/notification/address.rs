//! The addresses of a mail, after aliases and rewrite rules.

use crate::cron::{Addressing, NotificationRecipients};
use crate::mail::address::{Address, ListEntry, Mailbox, parse_list};
use crate::mail::message::{HeaderField, MessageError};
use crate::mail::rewrite::{OriginalAddress, RewriteError, Rewriter};
use crate::system::host;
use crate::system::user;

pub struct Addressed {
    pub from: Mailbox,
    pub to: Vec<ListEntry>,
    pub cc: Vec<ListEntry>,
    /// Recipients that no header field names.
    pub bcc: Vec<ListEntry>,
    pub reply_to: Vec<ListEntry>,
    /// Fields that name the original author if a rule replaced the address.
    pub headers: Vec<HeaderField>,
    /// The envelope's sender; `None` is the null one.
    pub sender: Option<Address>,
    pub recipients: Vec<Address>,
}

impl Addressed {
    pub fn of(head: &Addressing, rewriter: &Rewriter) -> Result<Self, MessageError> {
        let login = user::login();
        let user = || (vec![login.clone()], Vec::new(), Vec::new());
        let (to, cc, bcc) = match &head.recipients {
            NotificationRecipients::These { to, cc, bcc } => (to.clone(), cc.clone(), bcc.clone()),
            NotificationRecipients::User | NotificationRecipients::None => user(),
        };
        let all = [&to[..], &cc, &bcc].concat().join(", ");
        let recipients = rewriter.recipients(&all).map_err(wrong_in("recipient"))?;
        let from = head.from.as_deref().unwrap_or(&login);
        let mut addressed = Self {
            to: entries(rewriter, "To", &to)?,
            cc: entries(rewriter, "Cc", &cc)?,
            bcc: recipients.iter().cloned().map(unnamed).collect(),
            reply_to: entries(rewriter, "Reply-To", &head.reply_to)?,
            ..author(rewriter, from)?
        };
        if let Some(sender) = &head.envelope_from {
            addressed.sender = rewriter.sender(sender).map_err(wrong_in("sender"))?;
        }
        addressed.recipients = recipients;
        Ok(addressed)
    }
}

/// The author alone, who is also the envelope sender.
fn author(rewriter: &Rewriter, from: &str) -> Result<Addressed, MessageError> {
    let rewritten = rewriter.header("From", from).map_err(wrong_in("From"))?;
    let (entries, original) = match rewritten {
        Some(rewritten) => (rewritten.entries, rewritten.original),
        None => (parse_list(from).map_err(wrong_address("From"))?, Vec::new()),
    };
    let mut mailboxes = entries.iter().flat_map(ListEntry::mailboxes);
    let from = mailboxes.next().ok_or_else(|| MessageError::Field {
        name: "From".to_owned(),
        why: "is missing, and the current user has no login name; specify the author with --from",
    })?;
    let (mut headers, mut reply_to) = (Vec::new(), Vec::new());
    match rewriter.original() {
        OriginalAddress::Header => headers.extend(original.iter().map(original_field)),
        OriginalAddress::ReplyTo => reply_to.extend(original.into_iter().map(ListEntry::Mailbox)),
        OriginalAddress::Nowhere => {}
    }
    Ok(Addressed {
        sender: Some(from.address.clone()),
        from: from.clone(),
        to: Vec::new(),
        cc: Vec::new(),
        bcc: Vec::new(),
        reply_to,
        headers,
        recipients: Vec::new(),
    })
}

fn original_field(mailbox: &Mailbox) -> HeaderField {
    HeaderField::new("X-Original-From", mailbox.address.to_string())
}

/// The addresses of a field, each with a domain.
fn entries(
    rewriter: &Rewriter,
    name: &str,
    lists: &[String],
) -> Result<Vec<ListEntry>, MessageError> {
    let list = lists.join(", ");
    match rewriter.header(name, &list).map_err(wrong_in(name))? {
        Some(rewritten) => Ok(rewritten.entries),
        None => parse_list(&list).map_err(wrong_address(name)),
    }
}

fn unnamed(address: Address) -> ListEntry {
    ListEntry::Mailbox(Mailbox {
        name: None,
        address,
    })
}

fn wrong_in(place: &str) -> impl FnOnce(RewriteError) -> MessageError {
    let place = place.to_owned();
    move |error| MessageError::Rewrite {
        place,
        error: Box::new(error),
    }
}

fn wrong_address(field: &str) -> impl FnOnce(crate::mail::address::AddressError) -> MessageError {
    let field = field.to_owned();
    move |error| MessageError::Address { field, error }
}

/// The current user at this host.
pub fn user_here() -> Option<Mailbox> {
    let (login, domain) = (user::login(), host::mail_domain());
    let address = Address::of(&login, &domain).or_else(|_| Address::of("nobody", "localhost"));
    address.ok().map(|address| Mailbox {
        name: None,
        address,
    })
}

#[cfg(test)]
mod tests;
