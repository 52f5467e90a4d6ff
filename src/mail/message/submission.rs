//! A message as programs pass it to sendmail: it is converted to one that servers accept. Everything else
//! is kept.

#[cfg(test)]
mod tests;

use crate::mail::address::{Address, ListEntry, LocalName, parse_loose};
use crate::mail::envelope::Envelope;
use crate::mail::message::convert::Signed;
use crate::mail::message::fields::remove_void;
use crate::mail::message::finish::{
    Author, ExistingBody, MissingFields, UnfinishedBody, UnfinishedMessage,
};
use crate::mail::message::header_reader::{HeaderMode, MessageHeader, RawField, last_resent};
use crate::mail::message::source::Source;
use crate::mail::message::{
    BuildNotes, FromField, Input, MessageError, Submission, SubmissionFields,
};
use crate::mail::rewrite::Rewriter;
use crate::system::user;
use std::collections::BTreeSet;

/// A message that more servers have forwarded is in a loop (RFC 5321 §6.3).
const MAX_RECEIVED: usize = 100;

/// Fields that name recipients, and those of a message that was resent.
const RECIPIENTS: [&str; 3] = ["to", "cc", "bcc"];
const RESENT_RECIPIENTS: [&str; 3] = ["resent-to", "resent-cc", "resent-bcc"];

/// Reads a message and its recipients. All input is read before any error is returned: a program that writes to the
/// pipe must not find it closed.
pub fn read(
    submission: &Submission,
    rewriter: &Rewriter,
) -> Result<UnfinishedMessage, MessageError> {
    let mut source = Source::open(submission.input.clone())?.without_byte_order_mark()?;
    if submission.dot_ends {
        source = source.up_to_dot()?;
    }
    let mut header = MessageHeader::read(&source, HeaderMode::Lenient)?;
    remove_void(&mut header.fields);
    check_loop(&header, &source)?;
    let (recipients, unusable) = recipients(submission, rewriter, &header)?;
    let envelope = Envelope {
        sender: sender(submission, rewriter)?,
        recipients,
        dsn: submission.dsn.clone(),
    };
    header.fields.retain(|field| field.name != "content-length");
    let fields = submission.fields;
    remove_replaced(fields, &mut header.fields);
    if let Some(trace) = &submission.trace {
        let text = format!("{}: {}\r\n", trace.name, trace.value);
        header.fields.insert(0, RawField::made(&trace.name, text));
    }
    Ok(UnfinishedMessage {
        envelope,
        fields: header.fields,
        body: UnfinishedBody::Existing(ExistingBody {
            source,
            offset: header.body_at,
            signed: Signed::Converted,
        }),
        utf8: submission.utf8,
        missing: Some(MissingFields {
            date: fields.date,
            message_id: fields.message_id,
            from: fields.from != FromField::Kept,
            to: fields.to || fields.hides_recipients,
            author: Author::Sender(submission.full_name.clone()),
        }),
        crypt: submission.crypt.clone(),
        keeps_bcc: fields.keeps_bcc,
        notes: BuildNotes {
            unusable: unusable.iter().map(ToString::to_string).collect(),
            ..BuildNotes::default()
        },
    })
}

fn remove_replaced(fields: SubmissionFields, header: &mut Vec<RawField>) {
    if fields.from == FromField::Replaced {
        header.retain(|field| field.name != "from");
    }
    if fields.hides_recipients {
        header.retain(|field| !RECIPIENTS.contains(&field.name.as_str()));
    }
}

/// The addresses that a message names.
#[derive(Debug, Default)]
pub struct Addressees {
    /// The first address of From; `None`: there is none.
    pub author: Option<String>,
    /// The values of the fields that name the recipients.
    pub recipients: Vec<String>,
}

/// Reads the addresses in the header of a message from a program.
///
/// # Errors
/// The input cannot be read.
pub fn addressees(input: &Input) -> Result<Addressees, MessageError> {
    let source = Source::open(input.clone())?.without_byte_order_mark()?;
    let header = MessageHeader::read(&source, HeaderMode::Lenient)?;
    let from = header.fields.iter().find(|field| field.name == "from");
    let from = from.and_then(|field| parse_loose(&field.readable()).ok());
    let from = from.unwrap_or_default();
    let author = from.iter().flat_map(ListEntry::mailboxes).next();
    let author = author.map(|author| match &author.address {
        LocalName::Local(name) => name.clone(),
        LocalName::Full(address) => address.to_string(),
    });
    let named = naming_recipients(&header.fields).into_iter();
    Ok(Addressees {
        author,
        recipients: named.map(RawField::readable).collect(),
    })
}

fn check_loop(header: &MessageHeader, source: &Source) -> Result<(), MessageError> {
    let is_received = |field: &&RawField| field.name == "received";
    let received = header.fields.iter().filter(is_received).count();
    if received <= MAX_RECEIVED {
        return Ok(());
    }
    Err(MessageError::Text {
        name: source.name.clone(),
        what: format!(
            "{received} servers have already relayed this message, which indicates a mail loop; check the \
             forwarding rules"
        ),
    })
}

fn sender(submission: &Submission, rewriter: &Rewriter) -> Result<Option<Address>, MessageError> {
    let given = submission.sender.clone().unwrap_or_else(user::login);
    rewriter
        .sender(&given)
        .map_err(MessageError::in_place("the sender"))
}

/// The recipients on the command line, and with `-t` those of the header, each once; and the errors of
/// header addresses that cannot be used. If no recipient is left, that is an error.
fn recipients(
    submission: &Submission,
    rewriter: &Rewriter,
    header: &MessageHeader,
) -> Result<(Vec<Address>, Vec<MessageError>), MessageError> {
    let (mut all, mut unusable) = (Vec::new(), Vec::new());
    for list in &submission.recipients {
        all.extend(
            rewriter
                .recipients(list)
                .map_err(MessageError::in_place("recipient"))?,
        );
    }
    if submission.recipients_of_header {
        for field in naming_recipients(&header.fields) {
            let place = field.spelling();
            let found = rewriter.usable_recipients(&field.readable());
            let (found, errors) = found.map_err(MessageError::in_place(&place))?;
            all.extend(found);
            unusable.extend(errors.into_iter().map(MessageError::in_place(&place)));
        }
    }
    if all.is_empty() {
        let missing = if submission.recipients_of_header {
            MessageError::NoRecipientInHeader
        } else {
            MessageError::NoRecipient
        };
        return Err(unusable.into_iter().next().unwrap_or(missing));
    }
    let mut seen = BTreeSet::new();
    all.retain(|address| seen.insert(address.key()));
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
