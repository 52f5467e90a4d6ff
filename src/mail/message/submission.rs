//! A message as programs pass it to sendmail: it is converted to one that servers accept. Everything else
//! is kept.

#[cfg(test)]
mod tests;

use crate::mail::address::{Address, ListEntry, Mailbox, parse_list};
use crate::mail::envelope::Envelope;
use crate::mail::message::convert::Signed;
use crate::mail::message::fields::undisclosed;
use crate::mail::message::finish::Body;
use crate::mail::message::fit::Fitter;
use crate::mail::message::head::{HeaderMode, MessageHeader, RawField};
use crate::mail::message::header::addresses;
use crate::mail::message::source::Source;
use crate::mail::message::{Message, MessageError, Submission, is_removed, message_id};
use crate::mail::rewrite::{OriginalAddress, RewriteError, Rewriter};
use crate::system::text::without_controls;
use crate::system::time::header_date;
use crate::system::user;
use std::collections::BTreeSet;
use std::time::SystemTime;

/// A message that more servers have forwarded is in a loop (RFC 5321 §6.3).
const MAX_RECEIVED: usize = 100;

/// Fields that name recipients, and those of a message that was resent.
const RECIPIENTS: [&str; 3] = ["to", "cc", "bcc"];
const RESENT_RECIPIENTS: [&str; 3] = ["resent-to", "resent-cc", "resent-bcc"];

/// Prepares a message. All input is read before any error is returned: a program that writes to the pipe
/// must not find it closed.
pub fn prepare(
    submission: &Submission,
    rewriter: &Rewriter,
    now: SystemTime,
) -> Result<Message, MessageError> {
    let mut source = Source::open(submission.input.clone())?.without_mark()?;
    if submission.dot_ends {
        source = source.up_to_dot()?;
    }
    let mut head = MessageHeader::read(&source, HeaderMode::Lenient)?;
    head.remove_void();
    check_loop(&head, &source)?;
    let (recipients, unusable) = recipients(submission, rewriter, &head)?;
    let envelope = Envelope {
        sender: sender(submission, rewriter)?,
        recipients,
        dsn: submission.dsn.clone(),
    };
    let mut writer = HeaderWriter {
        submission,
        rewriter,
        envelope: &envelope,
        fitter: Fitter::new(submission.utf8),
        fields: Vec::new(),
    };
    writer.given(&head)?;
    writer.missing(now)?;
    writer.missing_of_resending(&head, now)?;
    let HeaderWriter { fitter, fields, .. } = writer;
    let header = fields.into_iter().flat_map(|field| field.raw).collect();
    let at = head.body_at;
    let mut message = Body { source, at }.finish(envelope, header, Signed::Converted)?;
    message.remarks.splice(0..0, fitter.remarks);
    message.warnings = fitter.warnings;
    message.unusable = unusable.iter().map(ToString::to_string).collect();
    Ok(message)
}

fn check_loop(head: &MessageHeader, source: &Source) -> Result<(), MessageError> {
    let is_received = |field: &&RawField| field.name == "received";
    let received = head.fields.iter().filter(is_received).count();
    if received <= MAX_RECEIVED {
        return Ok(());
    }
    Err(MessageError::Text {
        name: source.name.clone(),
        what: format!(
            "{received} servers have handed this message on, which is a mail loop; find out who \
             forwards it to whom"
        ),
    })
}

fn sender(submission: &Submission, rewriter: &Rewriter) -> Result<Option<Address>, MessageError> {
    let given = submission.sender.clone().unwrap_or_else(user::login);
    rewriter.sender(&given).map_err(wrong_in("the sender"))
}

/// Converts an error about an address at this place.
fn wrong_in(place: &str) -> impl Fn(RewriteError) -> MessageError {
    move |error| MessageError::Rewrite {
        place: place.to_owned(),
        error: Box::new(error),
    }
}

/// The recipients on the command line, and with `-t` those of the header, each once; and the errors of
/// header addresses that cannot be used. If no recipient is left, that is an error.
fn recipients(
    submission: &Submission,
    rewriter: &Rewriter,
    head: &MessageHeader,
) -> Result<(Vec<Address>, Vec<MessageError>), MessageError> {
    let (mut all, mut unusable) = (Vec::new(), Vec::new());
    for list in &submission.recipients {
        all.extend(rewriter.recipients(list).map_err(wrong_in("recipient"))?);
    }
    if submission.recipients_of_header {
        for field in naming_recipients(&head.fields) {
            let place = field.spelling();
            let found = rewriter.usable_recipients(&field.readable());
            let (found, errors) = found.map_err(wrong_in(&place))?;
            all.extend(found);
            unusable.extend(errors.into_iter().map(wrong_in(&place)));
        }
    }
    if all.is_empty() {
        let nobody = if submission.recipients_of_header {
            MessageError::NoRecipientInHeader
        } else {
            MessageError::NoRecipient
        };
        return Err(unusable.into_iter().next().unwrap_or(nobody));
    }
    let mut seen = BTreeSet::new();
    all.retain(|address| seen.insert(crate::mail::message::identity(address)));
    Ok((all, unusable))
}

/// The fields that name the recipients: those of the last resending, if there is one.
fn naming_recipients(fields: &[RawField]) -> Vec<&RawField> {
    let mut resent = last_resent(fields);
    resent.retain(|field| RESENT_RECIPIENTS.contains(&field.name.as_str()));
    if !resent.is_empty() {
        return resent;
    }
    let is_named = |field: &&RawField| RECIPIENTS.contains(&field.name.as_str());
    fields.iter().filter(is_named).collect()
}

/// The fields of the last resending. They precede those of earlier ones, which begin at a repeated field or
/// after the trace of a server (RFC 5322 §3.6.6). A Bcc field cannot be from an earlier one.
fn last_resent(fields: &[RawField]) -> Vec<&RawField> {
    let mut block: Vec<&RawField> = Vec::new();
    let mut is_over = false;
    for field in fields {
        let is_bcc = field.name == "resent-bcc";
        let is_resent = field.name.starts_with("resent-");
        let is_next = match field.name.as_str() {
            "received" => !block.is_empty(),
            name if is_resent && !is_bcc => block.iter().any(|earlier| earlier.name == name),
            _ => false,
        };
        is_over |= is_next;
        if is_bcc || is_resent && !is_over {
            block.push(field);
        }
    }
    block
}

/// The header being written.
struct HeaderWriter<'s> {
    submission: &'s Submission,
    rewriter: &'s Rewriter,
    envelope: &'s Envelope,
    fitter: Fitter,
    fields: Vec<RawField>,
}

impl HeaderWriter<'_> {
    /// Adds the given fields, except for those that are removed from every message.
    fn given(&mut self, head: &MessageHeader) -> Result<(), MessageError> {
        for field in &head.fields {
            let is_removed = is_removed(field) || field.name == "content-length";
            if !is_removed {
                self.add(field, head)?;
            }
        }
        Ok(())
    }

    fn add(&mut self, field: &RawField, head: &MessageHeader) -> Result<(), MessageError> {
        let name = field.spelling();
        let rewritten = self.rewriter.header(&name, &field.readable());
        let Some(rewritten) = rewritten.map_err(wrong_in(&name))? else {
            self.fields.push(self.fitter.fit(field));
            return Ok(());
        };
        self.push(&name, addresses(&name, &rewritten.entries));
        let original: Vec<ListEntry> = rewritten
            .original
            .into_iter()
            .map(ListEntry::Mailbox)
            .collect();
        let place = match self.rewriter.original() {
            OriginalAddress::Header => Some("X-Original-From"),
            OriginalAddress::ReplyTo if head.find("reply-to").is_none() => Some("Reply-To"),
            OriginalAddress::ReplyTo | OriginalAddress::Nowhere => None,
        };
        if let Some(place) = place.filter(|_| !original.is_empty()) {
            self.push(place, addresses(place, &original));
        }
        Ok(())
    }

    fn push(&mut self, name: &str, text: String) {
        self.fields.push(RawField::made(name, text));
    }

    fn has(&self, name: &str) -> bool {
        self.fields.iter().any(|field| field.name == name)
    }

    /// Adds fields that RFC 5322 §3.6 requires and that are missing.
    fn missing(&mut self, now: SystemTime) -> Result<(), MessageError> {
        if !self.has("date") {
            self.push("Date", format!("Date: {}\r\n", header_date(now)));
        }
        if !self.has("from") {
            let from = [ListEntry::Mailbox(self.author()?)];
            self.push("From", addresses("From", &from));
        }
        if !self.has("message-id") {
            let id = message_id(&self.first_author()?, now);
            self.push("Message-ID", format!("Message-ID: {id}\r\n"));
        }
        if !self.has("to") && !self.has("cc") {
            self.push("To", undisclosed());
        }
        Ok(())
    }

    /// Adds fields that RFC 5322 §3.6.6 requires of a resent message, before the given ones.
    fn missing_of_resending(
        &mut self,
        head: &MessageHeader,
        now: SystemTime,
    ) -> Result<(), MessageError> {
        let block = last_resent(&head.fields);
        if block.is_empty() {
            return Ok(());
        }
        let lacks = |name: &str| !block.iter().any(|field| field.name == name);
        let mut made = Vec::new();
        if lacks("resent-date") {
            let text = format!("Resent-Date: {}\r\n", header_date(now));
            made.push(RawField::made("Resent-Date", text));
        }
        let author = self.author()?;
        if lacks("resent-message-id") {
            let id = message_id(&author.address, now);
            let text = format!("Resent-Message-ID: {id}\r\n");
            made.push(RawField::made("Resent-Message-ID", text));
        }
        if lacks("resent-from") {
            let text = addresses("Resent-From", &[ListEntry::Mailbox(author)]);
            made.push(RawField::made("Resent-From", text));
        }
        let is_resent = |field: &RawField| field.name.starts_with("resent-");
        let place = self.fields.iter().position(is_resent).unwrap_or(0);
        self.fields.splice(place..place, made);
        Ok(())
    }

    /// The author of a message that does not name one.
    fn author(&self) -> Result<Mailbox, MessageError> {
        let address = match &self.envelope.sender {
            Some(sender) => sender.clone(),
            None => self.login()?,
        };
        let name = self.submission.full_name.as_deref().map(without_controls);
        Ok(Mailbox {
            name: name.filter(|name| !name.is_empty()),
            address,
        })
    }

    fn login(&self) -> Result<Address, MessageError> {
        let login = self.rewriter.sender(&user::login());
        login
            .map_err(wrong_in("From"))?
            .ok_or_else(|| MessageError::Field {
                name: "From".to_owned(),
                why: "is missing, and the user who runs this has no name; name the author with -f",
            })
    }

    /// The first author in the header, else the one that would be generated.
    fn first_author(&self) -> Result<Address, MessageError> {
        let from = self.fields.iter().find(|field| field.name == "from");
        let from = from.and_then(|field| parse_list(&field.readable()).ok());
        let entries = from.unwrap_or_default();
        let first = entries.iter().flat_map(ListEntry::mailboxes).next();
        match first {
            Some(mailbox) => Ok(mailbox.address.clone()),
            None => self.author().map(|author| author.address),
        }
    }
}
