//! Messages: what a draft or a ready message becomes, an envelope and a stream of blocks that can be
//! read more than once. No attachment is ever wholly in memory.

mod attachment;
mod calendar;
mod charset;
mod compose;
mod convert;
mod encode;
mod fields;
mod finish;
mod fit;
mod head;
mod header;
mod ready;
mod related;
mod report;
mod source;
mod stream;
mod submission;
mod text;
mod tree;

pub use attachment::{Attachment, Disposition, Inline};
pub use charset::Utf8;
pub use convert::{Convertible, Signed};
pub use report::{
    DeliveryStatusReport, ReportKind, ReportMessage, Reported, Returned, without_body,
};
pub use source::{HeldBytes, Input, SourceError};

use crate::mail::address::{Address, AddressError, Domain, ListEntry, Mailbox};
use crate::mail::envelope::{Dsn, Envelope};
use crate::mail::rewrite::{RewriteError, Rewriter};
use crate::system::exit::Exit;
use head::RawField;
use std::path::PathBuf;
use std::time::SystemTime;
use stream::MessageForm;

/// A message to be built.
#[derive(Clone, Debug)]
pub struct MessageDraft {
    pub from: Mailbox,
    /// `To`.
    pub to: Vec<ListEntry>,
    /// `Cc`.
    pub cc: Vec<ListEntry>,
    /// Recipients that no header names.
    pub bcc: Vec<ListEntry>,
    /// `Reply-To`.
    pub reply_to: Vec<ListEntry>,
    /// `Subject`.
    pub subject: Option<String>,
    /// Header fields that add to ours, or replace them.
    pub headers: Vec<HeaderField>,
    /// The text, and other ways to say the same.
    pub text: TextAlternatives,
    /// Pictures and the like that the HTML shows.
    pub inline: Vec<Inline>,
    pub attachments: Vec<Attachment>,
    /// Messages that are attached as they are.
    pub messages: Vec<PathBuf>,
    /// No `Date`, for testers.
    pub no_date: bool,
    /// No `Message-ID`, for testers.
    pub no_message_id: bool,
}

/// The text in up to four ways, of which a reader shows the best that it can.
#[derive(Clone, Debug, Default)]
pub struct TextAlternatives {
    pub body: Option<Input>,
    pub html: Option<Input>,
    /// Markdown, which makes both.
    pub markdown: Option<Input>,
    /// An invitation, a file of RFC 5545.
    pub calendar: Option<PathBuf>,
    /// The charset of the input, a label of the WHATWG's; `None` is UTF-8.
    pub charset: Option<String>,
    /// Plain text as format=flowed (RFC 3676).
    pub flowed: bool,
    /// What becomes of a message without a text.
    pub without_text: WithoutText,
}

/// What becomes of a message whose text is empty or white space.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum WithoutText {
    #[default]
    Send,
    /// Nothing is sent, and that is what was asked for.
    Skip,
    /// It is an error.
    Refuse,
}

/// A header field as an option gives it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HeaderField {
    /// The name, printable ASCII without a colon.
    pub name: String,
    /// The text, on one line.
    pub value: String,
}

impl HeaderField {
    /// A field of ours: the name and the text need no check.
    #[must_use]
    pub fn new(name: &str, value: impl Into<String>) -> Self {
        Self {
            name: name.to_owned(),
            value: value.into(),
        }
    }

    /// Whether one of these takes its place, because a message has it only once.
    #[must_use]
    pub fn is_overruled(&self, others: &[Self]) -> bool {
        let is_same = |other: &Self| other.name.eq_ignore_ascii_case(&self.name);
        fields::is_once(&self.name) && others.iter().any(is_same)
    }
}

/// A ready message and who is to have it.
#[derive(Clone, Debug)]
pub struct ReadyMessage {
    /// The message, RFC 5322 with any line ends.
    pub input: Input,
    /// The author, should the message not name one.
    pub from: Mailbox,
    /// Header fields that are put before those of the message: `Resent-To` and its kin.
    pub headers: Vec<HeaderField>,
    /// Who is to have it; when empty, those whom `To`, `Cc` and `Bcc` name.
    pub recipients: Vec<ListEntry>,
    /// Whether the envelope's sender is known without looking into the message, whose author may then be
    /// anything.
    pub sender_is_known: bool,
    /// No `Date` is added, for testers.
    pub no_date: bool,
    /// No `Message-ID` is added, for testers.
    pub no_message_id: bool,
}

/// A message as programs hand it to sendmail: perhaps without a header, with addresses that have no
/// domain, with lines of any length. All of it is taken that can be.
#[derive(Clone, Debug)]
pub struct Submission {
    pub input: Input,
    /// Whether a line that is only a dot ends it (no `-i`).
    pub dot_ends: bool,
    /// Who is to have it, as the command line says.
    pub recipients: Vec<String>,
    /// Whether those are to have it, too, whom the header names (`-t`).
    pub recipients_of_header: bool,
    /// The reverse-path (`-f`); `Some("")` is the null sender, `None` the user who runs us.
    pub sender: Option<String>,
    /// The user's full name (`-F`), for a From that we make.
    pub full_name: Option<String>,
    /// Which reports are wanted (`-N`, `-R`, `-V`).
    pub dsn: Dsn,
    /// Whether raw UTF-8 in the header stays as it is (`-U`, `-O smtputf8=yes`); else it is encoded.
    pub utf8: bool,
}

/// Where the message comes from.
#[derive(Clone, Debug)]
pub enum Content {
    Draft(Box<MessageDraft>),
    Ready(ReadyMessage),
}

/// What is to be made into a message.
#[derive(Clone, Debug)]
pub struct MessageOptions {
    pub content: Content,
    /// The reverse-path if it is not the author: `Some(None)` is the null sender.
    pub envelope_from: Option<Option<Address>>,
    /// Which reports are asked for.
    pub dsn: Dsn,
}

impl MessageOptions {
    /// Reads what comes from the standard input, so that the message can be built more than once.
    pub fn hold_stdin(&mut self) -> Result<(), MessageError> {
        match &mut self.content {
            Content::Ready(ready) => ready.input.hold()?,
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

    /// Takes what is typed at the terminal for the text, if nothing else is to be sent.
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

    /// Whether the standard input is read.
    #[must_use]
    pub fn reads_stdin(&self) -> bool {
        match &self.content {
            Content::Ready(ready) => ready.input.is_stdin(),
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

    /// Adds a header field.
    pub fn add(&mut self, field: Option<HeaderField>) {
        match &mut self.content {
            Content::Draft(draft) => draft.headers.extend(field),
            Content::Ready(ready) => ready.headers.extend(field),
        }
    }
}

/// A message that is ready for the wire.
#[derive(Debug)]
pub struct Message {
    /// Who sends to whom.
    pub envelope: Envelope,
    /// Whether the header has raw UTF-8 (RFC 6532).
    pub utf8_header: bool,
    /// How each part was encoded and why, for those who ask.
    pub remarks: Vec<String>,
    /// What is odd, but no reason not to send.
    pub warnings: Vec<String>,
    /// What is wrong with addresses of the header that do not get the message.
    pub unusable: Vec<String>,
    /// The message for servers of growing abilities.
    forms: Vec<MessageForm>,
}

/// What is found out while a message is built.
#[derive(Default)]
struct BuildNotes {
    /// How each part was encoded and why.
    remarks: Vec<String>,
    /// What is odd, but no reason not to send.
    warnings: Vec<String>,
}

/// Why there is no message.
#[derive(Debug, thiserror::Error)]
pub enum MessageError {
    /// A file cannot be read.
    #[error(transparent)]
    Source(#[from] SourceError),
    /// An address in a header field is not valid.
    #[error("{field}: {error}")]
    Address {
        field: String,
        /// What is wrong with it.
        error: AddressError,
    },
    /// A header field cannot be written.
    #[error("header {name}: {why}")]
    Field {
        name: String,
        /// What is wrong with it.
        why: &'static str,
    },
    #[error("attachment {name}: type \"{given}\" {why}")]
    Type {
        name: String,
        /// The type that was given.
        given: String,
        /// What is wrong with it.
        why: &'static str,
    },
    /// The text or a ready message holds what cannot be sent.
    #[error("{name}: {what}")]
    Text {
        name: String,
        /// What is wrong with it.
        what: String,
    },
    /// The HTML shows a part that is not there.
    #[error(
        "the HTML shows cid:{0}, and no --inline has that name; give it with --inline 'FILE;cid={0}'"
    )]
    MissingInline(String),
    /// No text was typed.
    #[error("no text was typed, and nothing is sent; --body '' sends a message without a text")]
    NoText,
    /// There is no text, and then nothing is to be sent.
    #[error("there is no text, and nothing is sent")]
    NothingToSend,
    /// A text beside the Markdown.
    #[error(
        "the standard input has a text, and --markdown is the text; give one of them, or </dev/null with --markdown"
    )]
    TwoTexts,
    /// An address of the envelope or the header cannot be made into one that mail can go to.
    #[error("{place}: {error}")]
    Rewrite {
        place: String,
        /// What is wrong with it.
        error: Box<RewriteError>,
    },
    /// Nobody is to have a message that names its recipients itself.
    #[error(
        "no recipient: neither To, Cc and Bcc of the message (-t) nor the command line names one"
    )]
    NoRecipientInHeader,
    /// Something was asked for somebody who does not get the message.
    #[error("<{0}> of --notify or --orcpt is no recipient of the message; name a recipient")]
    NotARecipient(Address),
    /// Nobody is to have the message.
    #[error("no recipient: name one on the command line, or in To, Cc or Bcc of the message")]
    NoRecipient,
}

impl MessageError {
    /// The exit status that this error makes.
    #[must_use]
    pub fn exit(&self) -> Exit {
        match self {
            Self::Source(error) => error.exit(),
            Self::Rewrite { error, .. } => error.exit(),
            Self::NoRecipient
            | Self::NoRecipientInHeader
            | Self::NotARecipient(_)
            | Self::NoText
            | Self::TwoTexts => Exit::Usage,
            Self::NothingToSend => Exit::Ok,
            _ => Exit::Data,
        }
    }
}

impl Message {
    /// Builds the message; every file is opened and looked at, and none is kept in memory.
    pub fn build(options: MessageOptions, now: SystemTime) -> Result<Self, MessageError> {
        let (author, mut message) = match options.content {
            Content::Draft(draft) => (draft.from.address.clone(), compose::compose(*draft, now)?),
            Content::Ready(ready) => (ready.from.address.clone(), ready::prepare(&ready, now)?),
        };
        if let Some(sender) = options.envelope_from {
            message.envelope.sender = sender;
        } else if message.envelope.sender.is_none() {
            message.envelope.sender = Some(author);
        }
        if message.envelope.recipients.is_empty() {
            return Err(MessageError::NoRecipient);
        }
        message.envelope.dsn = of_recipients(options.dsn, &message.envelope.recipients)?;
        Ok(message)
    }

    /// Takes a message from a program that calls sendmail. All of the input is read, whatever is wrong
    /// with the rest.
    pub fn submit(
        submission: &Submission,
        rewriter: &Rewriter,
        now: SystemTime,
    ) -> Result<Self, MessageError> {
        submission::prepare(submission, rewriter, now)
    }
}

/// What is wanted for single recipients, each as the envelope spells it.
fn of_recipients(mut dsn: Dsn, recipients: &[Address]) -> Result<Dsn, MessageError> {
    for wanted in &mut dsn.each {
        let meant = identity(&wanted.recipient);
        let found = recipients.iter().find(|other| identity(other) == meant);
        let Some(recipient) = found else {
            return Err(MessageError::NotARecipient(wanted.recipient.clone()));
        };
        wanted.recipient = recipient.clone();
    }
    Ok(dsn)
}

/// The addresses of these entries, each once, in their order.
fn recipients<'a>(entries: impl IntoIterator<Item = &'a ListEntry>) -> Vec<Address> {
    let mut seen = std::collections::BTreeSet::new();
    entries
        .into_iter()
        .flat_map(ListEntry::mailboxes)
        .map(|mailbox| mailbox.address.clone())
        .filter(|address| seen.insert(identity(address)))
        .collect()
}

/// What two addresses have in common that are the same: domains are so in any case of letters.
fn identity(address: &Address) -> (String, String) {
    let domain = address.domain().to_string().to_ascii_lowercase();
    (address.local().to_owned(), domain)
}

/// Fields that no message may carry when it leaves: R44, R28.
const REMOVED: [&str; 3] = ["bcc", "resent-bcc", "return-path"];

fn is_removed(field: &RawField) -> bool {
    REMOVED.contains(&field.name.as_str())
}

/// A Message-ID on the domain of the author (R42), or of this host if the author has none.
fn message_id(author: &Address, now: SystemTime) -> String {
    match author.domain() {
        Domain::Absent => new_message_id(&crate::system::host::mail_domain(), now),
        domain => new_message_id(&domain.to_string(), now),
    }
}

/// A Message-ID that nobody has used before, with its angle brackets, on a domain.
#[must_use]
pub fn new_message_id(domain: &str, now: SystemTime) -> String {
    let stamp = crate::system::time::stamp(now);
    format!("<{stamp}.{}@{domain}>", token())
}

/// Twenty-two characters that nobody has used before.
fn token() -> String {
    std::iter::repeat_with(fastrand::alphanumeric)
        .take(22)
        .collect()
}
