//! Building of messages: a draft or a ready message becomes an envelope and a stream of blocks that can be
//! read more than once. No attachment is ever completely in memory.

mod attachment;
mod charset;
mod collection;
mod compose;
mod convert;
mod encode;
mod entity;
mod fields;
mod finish;
mod header_block;
mod header_reader;
mod header_writer;
mod multipart_signed;
mod protect;
mod protected_header;
mod raw;
mod ready;
mod report;
mod signing;
mod source;
mod stream;
mod submission;
mod text;

pub use attachment::{Attachment, Disposition, Inline};
pub use charset::Utf8;
pub(crate) use collection::StoredMessages;
pub use collection::{CollectedMessage, CollectionError, MessageCollection, MessageSource};
pub use convert::{Convertible, Signed};
pub use fields::new_message_id;
pub use header_block::is_tls_waived;
pub(in crate::mail) use header_reader::{HeaderMode, MessageHeader, RawField};
pub use report::{DeliveryStatusReport, ReportKind, Reported, Returned, without_body};
pub use source::{HeldBytes, Input, Source, SourceError, SourceWriter};
pub use stream::Message;
pub use submission::{Addressees, addressees};

use crate::mail::address::{Address, AddressError, ListEntry, Mailbox};
use crate::mail::crypt::{CryptError, CryptOptions};
use crate::mail::dkim::{Signer, SigningError};
use crate::mail::envelope::{Dsn, Envelope};
use crate::mail::message::protect::HiddenRecipients;
use crate::mail::rewrite::{RewriteError, Rewriter};
use std::path::PathBuf;
use std::time::SystemTime;

/// A message to be built.
#[derive(Clone, Debug)]
pub struct MessageDraft {
    pub from: Mailbox,
    pub to: Vec<ListEntry>,
    pub cc: Vec<ListEntry>,
    /// Recipients that are not named in the header.
    pub bcc: Vec<ListEntry>,
    pub reply_to: Vec<ListEntry>,
    pub subject: Option<String>,
    /// Header fields added to the generated ones, or replacing them.
    pub headers: Vec<HeaderField>,
    /// The text and its alternative versions.
    pub text: TextAlternatives,
    /// Images and other files that the HTML refers to.
    pub inline: Vec<Inline>,
    pub attachments: Vec<Attachment>,
    /// Messages that are attached unchanged.
    pub messages: Vec<PathBuf>,
    /// No `Date`, for tests.
    pub no_date: bool,
    /// No `Message-ID`, for tests.
    pub no_message_id: bool,
}

/// The text in up to four versions. A mail program shows the best that it supports.
#[derive(Clone, Debug, Default)]
pub struct TextAlternatives {
    pub body: Option<Input>,
    pub html: Option<Input>,
    /// Markdown, from which plain text and HTML are made.
    pub markdown: Option<Input>,
    /// A calendar invitation (RFC 5545).
    pub calendar: Option<PathBuf>,
    /// The charset of the input, a WHATWG label. `None`: UTF-8.
    pub charset: Option<String>,
    /// Plain text as format=flowed (RFC 3676).
    pub flowed: bool,
    /// Handling of a message without a text.
    pub without_text: WithoutText,
}

/// Handling of a message with a text that is empty or only white space.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum WithoutText {
    #[default]
    Send,
    /// Nothing is sent, and this is not an error.
    Skip,
    /// It is an error.
    Refuse,
}

/// A header field given by an option.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HeaderField {
    /// The name, printable ASCII without a colon.
    pub name: String,
    /// The text, on one line.
    pub value: String,
}

impl HeaderField {
    /// A field with a name and a value that need no check.
    pub fn new(name: &str, value: impl Into<String>) -> Self {
        Self {
            name: name.to_owned(),
            value: value.into(),
        }
    }

    /// True if one of `others` replaces this field, because a message may contain it only once.
    pub fn is_overruled(&self, others: &[Self]) -> bool {
        let is_same = |other: &Self| other.name.eq_ignore_ascii_case(&self.name);
        fields::is_once(&self.name) && others.iter().any(is_same)
    }
}

/// A ready message and its recipients.
#[derive(Clone, Debug)]
pub struct ReadyMessage {
    /// The message (RFC 5322), with any line ends.
    pub input: Input,
    /// The author, if the message does not name one.
    pub from: Mailbox,
    /// Header fields placed before those of the message, such as `Resent-To`.
    pub headers: Vec<HeaderField>,
    /// Recipients. If empty, they are read from `To`, `Cc` and `Bcc`.
    pub recipients: Vec<ListEntry>,
    /// True if the envelope sender is known without reading the message. The author in the message may then
    /// be invalid.
    pub sender_is_known: bool,
    /// No `Date` is added, for tests.
    pub no_date: bool,
    /// No `Message-ID` is added, for tests.
    pub no_message_id: bool,
}

/// A message as programs pass it to sendmail: possibly without a header, with addresses without a domain,
/// with lines of any length. As much as possible of it is accepted.
#[derive(Clone, Debug)]
pub struct Submission {
    pub input: Input,
    /// True if a line with a single dot ends the input (no `-i`).
    pub dot_ends: bool,
    /// Recipients on the command line.
    pub recipients: Vec<String>,
    /// True if the recipients in the header are added (`-t`).
    pub recipients_of_header: bool,
    /// The reverse-path (`-f`). `Some("")` is the null sender, `None` the user who runs the program.
    pub sender: Option<String>,
    /// The user's full name (`-F`), for a generated From.
    pub full_name: Option<String>,
    /// Requested delivery status notifications (`-N`, `-R`, `-V`).
    pub dsn: Dsn,
    /// A field to put before all others, of the form of Received (RFC 5321 §4.4).
    pub trace: Option<HeaderField>,
    /// True if raw UTF-8 in the header is kept (`-U`, `-O smtputf8=yes`); else it is encoded.
    pub utf8: bool,
    /// The DKIM keys.
    pub signer: Signer,
    /// End-to-end signature and encryption.
    pub crypt: CryptOptions,
    pub fields: SubmissionFields,
}

/// The header fields that are added to a submission or removed from it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SubmissionFields {
    pub from: FromField,
    /// Adds Date if it is missing.
    pub date: bool,
    /// Adds Message-ID if it is missing.
    pub message_id: bool,
    /// Adds To without an address if there are neither To nor Cc.
    pub to: bool,
    /// Replaces To and Cc by To without an address.
    pub hides_recipients: bool,
    pub keeps_bcc: bool,
}

/// The treatment of From.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FromField {
    /// It is added if it is missing.
    IfMissing,
    /// That of the message is replaced.
    Replaced,
    /// It is not added.
    Kept,
}

/// As sendmail does.
impl Default for SubmissionFields {
    fn default() -> Self {
        Self {
            from: FromField::IfMissing,
            date: true,
            message_id: true,
            to: true,
            hides_recipients: false,
            keeps_bcc: false,
        }
    }
}

/// Octets that are sent as they are, without a header field or a signature being added.
#[derive(Clone, Debug)]
pub struct RawMessage {
    pub input: Input,
    pub recipients: Vec<ListEntry>,
    /// The reverse-path; `None` is the null sender.
    pub sender: Option<Address>,
}

/// Source of the message.
#[derive(Clone, Debug)]
pub enum Content {
    Draft(Box<MessageDraft>),
    Ready(ReadyMessage),
    Raw(RawMessage),
}

/// Content and envelope options of a message.
#[derive(Clone, Debug)]
pub struct MessageOptions {
    pub content: Content,
    /// The reverse-path if it differs from the author. `Some(None)` is the null sender.
    pub envelope_from: Option<Option<Address>>,
    /// Requested delivery status notifications.
    pub dsn: Dsn,
    /// The DKIM keys.
    pub signer: Signer,
    /// End-to-end signature and encryption.
    pub crypt: CryptOptions,
}

impl MessageOptions {
    /// A message from its author, without delivery status notifications, signatures and encryption.
    pub fn of(content: Content) -> Self {
        Self {
            content,
            envelope_from: None,
            dsn: Dsn::default(),
            signer: Signer::default(),
            crypt: CryptOptions::default(),
        }
    }

    /// Reads the standard input, so that the message can be built more than once.
    pub fn hold_stdin(&mut self) -> Result<(), SourceError> {
        match &mut self.content {
            Content::Ready(ready) => ready.input.hold()?,
            Content::Raw(raw) => raw.input.hold()?,
            Content::Draft(draft) => {
                let text = &mut draft.text;
                let texts = [&mut text.body, &mut text.html, &mut text.markdown];
                for input in texts.into_iter().flatten() {
                    input.hold()?;
                }
                for attachment in &mut draft.attachments {
                    attachment.hold()?;
                }
            }
        }
        Ok(())
    }

    /// Reads the text from the terminal if there is no other content.
    pub fn type_text(&mut self) {
        let Content::Draft(draft) = &mut self.content else {
            return;
        };
        let text = &draft.text;
        let has_text = text.body.is_some() || text.html.is_some() || text.markdown.is_some();
        let has_more =
            text.calendar.is_some() || !draft.attachments.is_empty() || !draft.messages.is_empty();
        if !has_text && !has_more {
            draft.text.body = Some(Input::Stdin);
            if draft.text.without_text == WithoutText::Send {
                draft.text.without_text = WithoutText::Refuse;
            }
        }
    }

    /// True if building the message reads the standard input.
    pub fn reads_stdin(&self) -> bool {
        match &self.content {
            Content::Ready(ready) => ready.input.is_stdin(),
            Content::Raw(raw) => raw.input.is_stdin(),
            Content::Draft(draft) => {
                let text = &draft.text;
                let texts = [&text.body, &text.html, &text.markdown];
                let files = draft.attachments.iter().map(|file| &file.input);
                texts
                    .into_iter()
                    .flatten()
                    .chain(files)
                    .any(Input::is_stdin)
            }
        }
    }

    /// Adds a header field; a raw message has none.
    pub fn add(&mut self, field: Option<HeaderField>) {
        match &mut self.content {
            Content::Draft(draft) => draft.headers.extend(field),
            Content::Ready(ready) => ready.headers.extend(field),
            Content::Raw(_) => {}
        }
    }
}

/// Notes on the message that are collected while it is built: see [`Message`].
#[derive(Clone, Default)]
struct BuildNotes {
    remarks: Vec<String>,
    warnings: Vec<String>,
    unusable: Vec<String>,
}

#[derive(Debug, thiserror::Error)]
pub enum MessageError {
    #[error(transparent)]
    Source(#[from] SourceError),
    #[error("{field}: {error}")]
    Address { field: String, error: AddressError },
    #[error("header {name}: {why}")]
    Field {
        name: String,
        /// The reason, without the name of the field.
        why: &'static str,
    },
    #[error("attachment {name}: type \"{given}\" {why}")]
    Type {
        name: String,
        given: String,
        why: &'static str,
    },
    /// The text or a ready message contains something that cannot be sent.
    #[error("{name}: {what}")]
    Text {
        name: String,
        /// The problem, without the name of the source.
        what: String,
    },
    /// The HTML refers to a part that does not exist.
    #[error(
        "the HTML refers to cid:{0}, which no --inline file has; add it with --inline 'FILE;cid={0}'"
    )]
    MissingInline(String),
    #[error("no text was entered; nothing was sent; use --body '' for a message without text")]
    NoText,
    #[error("there is no text; nothing was sent")]
    NothingToSend,
    /// The standard input has a text in addition to the Markdown.
    #[error(
        "both standard input and --markdown have a text; use only one of them (</dev/null with --markdown)"
    )]
    TwoTexts,
    /// An address of the envelope or the header cannot be rewritten.
    #[error("{place}: {error}")]
    Rewrite {
        place: String,
        error: Box<RewriteError>,
    },
    /// The message is to name its recipients itself (`-t`), and names none.
    #[error(
        "no recipient: there is none on the command line or in To, Cc and Bcc of the message (-t)"
    )]
    NoRecipientInHeader,
    /// An option names a recipient who is not a recipient of the message.
    #[error("<{0}> of --notify or --orcpt is not a recipient of the message")]
    NotARecipient(Address),
    #[error("no recipient: name one on the command line or in To, Cc or Bcc")]
    NoRecipient,
    /// The message cannot be signed.
    #[error(transparent)]
    Signing(#[from] SigningError),
    /// The message cannot be signed or encrypted end to end.
    #[error(transparent)]
    Crypt(#[from] CryptError),
}

impl MessageError {
    /// Converts an error about an address in this place.
    fn in_place(place: &str) -> impl Fn(RewriteError) -> Self {
        move |error| Self::Rewrite {
            place: place.to_owned(),
            error: Box::new(error),
        }
    }
}

impl Message {
    /// Builds the message. Every file is opened and examined, and none is kept in memory.
    pub fn build(options: MessageOptions, now: SystemTime) -> Result<Self, MessageError> {
        Self::build_for(None, options, now)
    }

    /// Builds the message for these recipients instead of those that it names, as aliases expand them.
    pub fn build_for(
        recipients: Option<Vec<Address>>,
        options: MessageOptions,
        now: SystemTime,
    ) -> Result<Self, MessageError> {
        let built = built(recipients, options, now, HiddenRecipients::Refused)?;
        built.into_iter().next().ok_or(MessageError::NoRecipient)
    }

    /// Builds the message for these recipients, or one per hidden recipient if S/MIME would name it to the others.
    /// Errors: as [`Message::build`].
    pub fn build_each(
        recipients: Option<Vec<Address>>,
        options: MessageOptions,
        now: SystemTime,
    ) -> Result<Vec<Self>, MessageError> {
        built(recipients, options, now, HiddenRecipients::Apart)
    }

    /// Accepts a message from a program that calls sendmail. All input is read, even after an error.
    pub fn submit(
        submission: &Submission,
        rewriter: &Rewriter,
        now: SystemTime,
    ) -> Result<Self, MessageError> {
        let message = submission::read(submission, rewriter)?;
        message.finish(Some(rewriter), &submission.signer, now)
    }

    /// Accepts a message from a program that calls sendmail, as one per hidden recipient if S/MIME would name it to
    /// the others. Errors: as [`Message::submit`].
    pub fn submit_each(
        submission: &Submission,
        rewriter: &Rewriter,
        now: SystemTime,
    ) -> Result<Vec<Self>, MessageError> {
        let message = submission::read(submission, rewriter)?;
        message.finish_for(
            HiddenRecipients::Apart,
            Some(rewriter),
            &submission.signer,
            now,
        )
    }
}

fn built(
    recipients: Option<Vec<Address>>,
    options: MessageOptions,
    now: SystemTime,
    hidden: HiddenRecipients,
) -> Result<Vec<Message>, MessageError> {
    let (author, mut message) = match options.content {
        Content::Draft(draft) => (draft.from.address.clone(), compose::compose(*draft, now)?),
        Content::Ready(ready) => (ready.from.address.clone(), ready::read(&ready)?),
        Content::Raw(raw) => {
            let named = || self::recipients(&raw.recipients);
            let recipients = recipients.unwrap_or_else(named);
            let envelope = Envelope {
                sender: raw.sender,
                dsn: of_recipients(options.dsn, &recipients)?,
                recipients,
            };
            return Ok(vec![raw::message(envelope, raw.input)?]);
        }
    };
    if let Some(sender) = options.envelope_from {
        message.envelope.sender = sender;
    } else if message.envelope.sender.is_none() {
        message.envelope.sender = Some(author);
    }
    if let Some(recipients) = recipients {
        message.envelope.recipients = recipients;
    }
    if message.envelope.recipients.is_empty() {
        return Err(MessageError::NoRecipient);
    }
    message.crypt = options.crypt;
    message.envelope.dsn = of_recipients(options.dsn, &message.envelope.recipients)?;
    message.finish_for(hidden, None, &options.signer, now)
}

/// The options for single recipients, with each address spelled as in the envelope.
fn of_recipients(mut dsn: Dsn, recipients: &[Address]) -> Result<Dsn, MessageError> {
    for wanted in &mut dsn.each {
        let meant = wanted.recipient.key();
        let found = recipients.iter().find(|other| other.key() == meant);
        let Some(recipient) = found else {
            return Err(MessageError::NotARecipient(wanted.recipient.clone()));
        };
        wanted.recipient = recipient.clone();
    }
    Ok(dsn)
}

/// The addresses of these entries, each once, in order.
fn recipients<'a>(entries: impl IntoIterator<Item = &'a ListEntry>) -> Vec<Address> {
    let mut seen = std::collections::BTreeSet::new();
    entries
        .into_iter()
        .flat_map(ListEntry::mailboxes)
        .map(|mailbox| mailbox.address.clone())
        .filter(|address| seen.insert(address.key()))
        .collect()
}
