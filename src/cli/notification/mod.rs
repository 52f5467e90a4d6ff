//! Notifications from jobs: they are queued durably before they are sent. A notification that can be neither
//! queued nor sent is saved in a dead letter file.

mod address;
pub mod alert;
pub mod dead_letter;
pub mod interrupt;
mod reduced;

use crate::cli::ExitStatus;
use crate::cli::send::deliver as send;
use crate::cli::send::deliver::ShownResult;
use crate::cli::send::keep::{KeepResult, QueuedMessage};
use crate::cli::terminal::{complain, complain_escaped, warn_of_first};
use crate::client::outcome::{DeliveryReport, RecipientResult};
use crate::cron::job::{Attached, AttachmentContents};
use crate::cron::{Addressing, DeliveryOptions, Notification, NotificationRecipients, SetupError};
use crate::mail::address::{Address, ListEntry, Mailbox};
use crate::mail::crypt::CryptOptions;
use crate::mail::dkim::Signer;
use crate::mail::envelope::Dsn;
use crate::mail::message::{
    Attachment, Content, HeaderField, HeldBytes, Input, Message, MessageDraft, MessageError,
    MessageOptions, TextAlternatives,
};
use crate::mail::rewrite::Rewriter;
use crate::queue::FirstTry;
use crate::queue::delivery::SenderNotice;
use crate::system::exit::Exit;
use crate::system::host;
use crate::system::text::shown_with_tabs;
use crate::transcript;
use crate::transcript::Format;
use address::Addressed;
use std::time::{Duration, SystemTime};

/// Time limit for each step of a session while a job waits for it. The message is in the queue by then.
const PATIENCE: Duration = Duration::from_secs(5);

/// Contents of a notification. The user may have given another subject and additional fields.
#[derive(Clone, Debug, Default)]
pub struct NotificationText {
    pub subject: String,
    /// Header fields in addition to the usual ones.
    pub headers: Vec<HeaderField>,
    pub body: String,
    /// The text for a mail without the attachments. `None`: the same text.
    pub body_alone: Option<String>,
    pub html: Option<String>,
    pub attachments: Vec<Attachment>,
}

pub enum SendOutcome {
    /// MAILTO is empty: no mail is sent.
    NotSent,
    /// Every recipient has it, or it is in the queue.
    Accepted,
    /// At least one recipient does not get it; stderr has the reason.
    Failed(Exit),
}

impl SendOutcome {
    pub fn exit(&self) -> Exit {
        match self {
            Self::NotSent | Self::Accepted => Exit::Ok,
            Self::Failed(exit) => *exit,
        }
    }
}

/// Mails it. Prints nothing on success.
pub fn send_notification(mail: &Notification, notification: &NotificationText) -> SendOutcome {
    if mail.head.recipients == NotificationRecipients::None {
        return SendOutcome::NotSent;
    }
    match compose(mail, notification) {
        Ok((delivery, messages)) => {
            let mut outcome = SendOutcome::Accepted;
            for message in &messages {
                let sent = send_or_save(delivery, message, notification, mail);
                if matches!(outcome, SendOutcome::Accepted) {
                    outcome = sent;
                }
            }
            outcome
        }
        Err(error) => {
            complain(&error.text);
            let message = if mail.is_secret {
                None
            } else {
                fallback_message(notification)
            };
            let dead_letter = DeadLetter {
                message: message.as_ref(),
                notification,
                is_secret: mail.is_secret,
            };
            dead_letter.write(&error.text);
            SendOutcome::Failed(error.exit)
        }
    }
}

/// Builds the message, or one per hidden recipient if S/MIME would name it to the others.
fn compose<'m>(
    mail: &'m Notification,
    notification: &NotificationText,
) -> Result<(&'m DeliveryOptions, Vec<Message>), SetupError> {
    let delivery = mail.delivery.as_ref().map_err(SetupError::clone)?;
    let built = build_each(&mail.head, delivery, notification);
    let messages = built.map_err(|error| SetupError {
        text: error.to_string(),
        exit: error.exit(),
    })?;
    warn_of_first(&messages);
    Ok((delivery, messages))
}

fn send_or_save(
    delivery: &DeliveryOptions,
    message: &Message,
    notification: &NotificationText,
    mail: &Notification,
) -> SendOutcome {
    let dead_letter = DeadLetter {
        message: Some(message),
        notification,
        is_secret: mail.is_secret,
    };
    let interrupted = || dead_letter.write("interrupted by a signal");
    let ShownResult {
        mut exit,
        mut report,
    } = send_silently(delivery, message, SenderNotice::ByReport, &interrupted);
    if send_reduced(delivery, notification, mail, &mut report) {
        exit = report.exit();
    }
    send::complain_of_failures(&report, "");
    if exit == Exit::Ok {
        return SendOutcome::Accepted;
    }
    let is_done = |result: &RecipientResult| result.verdict.is_done();
    if !report.results.iter().any(is_done) {
        let first = report.results.first().map(RecipientResult::explanation);
        dead_letter.write(&first.unwrap_or_default());
    }
    SendOutcome::Failed(exit)
}

/// Sends smaller versions to recipients that were refused because of the content, and updates the report.
/// Returns true if anything was sent.
fn send_reduced(
    delivery: &DeliveryOptions,
    notification: &NotificationText,
    mail: &Notification,
    report: &mut DeliveryReport,
) -> bool {
    let refused = |report: &DeliveryReport| {
        let results = report.results.iter().enumerate();
        let refused = results.filter(|(_, result)| reduced::is_refused_content(result));
        refused.map(|(index, _)| index).collect::<Vec<usize>>()
    };
    let Some(&first) = refused(report).first() else {
        return false;
    };
    let mut is_sent = false;
    for version in reduced::versions(notification, &report.results[first].words()) {
        let indices = refused(report);
        if indices.is_empty() {
            break;
        }
        let recipients = indices
            .iter()
            .map(|&index| report.results[index].recipient.clone());
        // It is encrypted for them alone.
        let built = build_for(recipients.collect(), &mail.head, delivery, &version);
        let message = match built {
            Ok(message) => message,
            Err(error) => {
                complain(&format!(
                    "a smaller version of the mail is not sent: {error}"
                ));
                break;
            }
        };
        let dead_letter = DeadLetter {
            message: Some(&message),
            notification,
            is_secret: mail.is_secret,
        };
        let interrupted = || dead_letter.write("interrupted by a signal");
        let again = send_silently(delivery, &message, SenderNotice::ByReport, &interrupted).report;
        for (index, result) in indices.into_iter().zip(again.results) {
            report.results[index] = result;
        }
        is_sent = true;
    }
    is_sent
}

fn send_silently(
    delivery: &DeliveryOptions,
    message: &Message,
    notice: SenderNotice,
    interrupted: &(dyn Fn() + Sync),
) -> ShownResult {
    let no_output = transcript::TranscriptOptions {
        format: Format::None,
        ..transcript::TranscriptOptions::default()
    };
    send_with(delivery, message, no_output, notice, interrupted)
}

/// Sends through the queue, or directly if there is none. If a signal interrupts that, `interrupted` is called.
pub fn send_with(
    delivery: &DeliveryOptions,
    message: &Message,
    output: transcript::TranscriptOptions,
    notice: SenderNotice,
    interrupted: &(dyn Fn() + Sync),
) -> ShownResult {
    let (transport, fallbacks) = (&delivery.transport, &delivery.fallbacks[..]);
    let send = || send::at_once(message, (transport, fallbacks), output, notice);
    let at_once = || interrupt::guarded(interrupted, send);
    let Some(queueing) = &delivery.queueing else {
        return at_once();
    };
    let kept = QueuedMessage {
        message,
        queueing,
        transport,
        fallbacks,
        output,
        notice,
        patience: Some(PATIENCE),
        log: None,
        as_given: false,
    };
    let error = match kept.send() {
        KeepResult::Safe(shown) => return shown,
        KeepResult::NoQueue(error) | KeepResult::Lost(error) => error,
    };
    let shown = if queueing.first == FirstTry::Later {
        ShownResult {
            exit: Exit::Temporary,
            report: DeliveryReport::not_attempted(&[]),
        }
    } else {
        at_once()
    };
    if shown.exit != Exit::Ok {
        complain(&error.to_string());
    }
    shown
}

/// The message, signed, in the envelope that aliases and rules make; or one per hidden recipient if S/MIME would name
/// it to the others.
pub fn build_each(
    head: &Addressing,
    delivery: &DeliveryOptions,
    notification: &NotificationText,
) -> Result<Vec<Message>, MessageError> {
    let Prepared {
        sender,
        recipients,
        options,
    } = prepared(head, delivery, notification)?;
    let mut messages = Message::build_each(Some(recipients), options, SystemTime::now())?;
    for message in &mut messages {
        message.envelope.sender.clone_from(&sender);
    }
    Ok(messages)
}

/// The message for these recipients, who are those of one of the messages.
fn build_for(
    recipients: Vec<Address>,
    head: &Addressing,
    delivery: &DeliveryOptions,
    notification: &NotificationText,
) -> Result<Message, MessageError> {
    let Prepared {
        sender, options, ..
    } = prepared(head, delivery, notification)?;
    let mut message = Message::build_for(Some(recipients), options, SystemTime::now())?;
    message.envelope.sender = sender;
    Ok(message)
}

/// A message that can be built.
struct Prepared {
    sender: Option<Address>,
    recipients: Vec<Address>,
    options: MessageOptions,
}

fn prepared(
    head: &Addressing,
    delivery: &DeliveryOptions,
    notification: &NotificationText,
) -> Result<Prepared, MessageError> {
    let addressed = Addressed::of(head, &Rewriter::new(&delivery.rewrite))?;
    let made = notification
        .headers
        .iter()
        .cloned()
        .chain(addressed.headers)
        .chain([auto_submitted()]);
    let is_asked_for = |field: &HeaderField| {
        let mut asked = head.headers.iter();
        asked.any(|other| other.name.eq_ignore_ascii_case(&field.name))
    };
    let mut headers: Vec<HeaderField> = made.filter(|field| !is_asked_for(field)).collect();
    headers.extend(head.headers.iter().cloned());
    let draft = MessageDraft {
        to: addressed.to,
        cc: addressed.cc,
        bcc: addressed.bcc,
        reply_to: addressed.reply_to,
        subject: Some(
            head.subject
                .as_ref()
                .unwrap_or(&notification.subject)
                .clone(),
        ),
        headers,
        ..draft(notification, addressed.from)
    };
    let options = MessageOptions {
        crypt: delivery.crypt.clone(),
        ..options(draft, delivery.signer.clone())
    };
    Ok(Prepared {
        sender: addressed.sender,
        recipients: addressed.recipients,
        options,
    })
}

/// RFC 3834 §5: the message must not be answered automatically.
fn auto_submitted() -> HeaderField {
    HeaderField::new("Auto-Submitted", "auto-generated")
}

/// Groups the mails about a job (RFC 2919 §2).
pub fn list_id(name: &str) -> HeaderField {
    let job = match label(name) {
        empty if empty.is_empty() => "job".to_owned(),
        label => label,
    };
    let host = label(&host::short_name());
    HeaderField::new("List-Id", format!("<{job}.ehlo.{host}>"))
}

/// A text as a part of a domain name.
fn label(text: &str) -> String {
    let plain = |c: char| if c.is_ascii_alphanumeric() { c } else { '-' };
    let text: String = text.chars().map(plain).collect();
    text.trim_matches('-').to_ascii_lowercase()
}

fn options(draft: MessageDraft, signer: Signer) -> MessageOptions {
    MessageOptions {
        content: Content::Draft(Box::new(draft)),
        envelope_from: None,
        dsn: Dsn::default(),
        signer,
        crypt: CryptOptions::default(),
    }
}

pub fn attachment(attached: Attached) -> Attachment {
    let held = match attached.contents {
        AttachmentContents::Bytes(bytes) => HeldBytes::bytes("the log", bytes),
        AttachmentContents::File(file) => HeldBytes::file("the log", file),
    };
    Attachment {
        media_type: Some(attached.media_type.to_owned()),
        name: Some(attached.name),
        ..Attachment::new(Input::Held(held))
    }
}

/// A message of this author, without recipients.
fn draft(notification: &NotificationText, from: Mailbox) -> MessageDraft {
    MessageDraft {
        from,
        to: Vec::new(),
        cc: Vec::new(),
        bcc: Vec::new(),
        reply_to: Vec::new(),
        subject: Some(notification.subject.clone()),
        headers: Vec::new(),
        text: TextAlternatives {
            body: Some(Input::Text(notification.body.clone())),
            html: notification.html.clone().map(Input::Text),
            ..TextAlternatives::default()
        },
        inline: Vec::new(),
        attachments: notification.attachments.clone(),
        messages: Vec::new(),
        no_date: false,
        no_message_id: false,
    }
}

/// The message with this user's address and no additional fields, if the given ones are faulty; without
/// attachments if they are faulty as well.
fn fallback_message(notification: &NotificationText) -> Option<Message> {
    let user = address::user_here()?;
    let draft = MessageDraft {
        bcc: vec![ListEntry::Mailbox(user.clone())],
        ..draft(notification, user)
    };
    let plain = MessageDraft {
        attachments: Vec::new(),
        ..draft.clone()
    };
    let unsigned = |draft| Message::build(options(draft, Signer::default()), SystemTime::now());
    unsigned(draft).or_else(|_| unsigned(plain)).ok()
}

/// Octets of the text that are printed to stderr if the mail is in a dead.letter.
const MAX_PRINTED: usize = 8 * 1024;

/// A mail that is not sent.
struct DeadLetter<'a> {
    /// `None`: it cannot be made, or not encrypted.
    message: Option<&'a Message>,
    notification: &'a NotificationText,
    /// True if its text must not be mailed in clear, by cron or anyone else.
    is_secret: bool,
}

impl DeadLetter<'_> {
    /// Appends the mail to a dead.letter. Prints its path to stderr, which cron mails, and its text unless that is
    /// secret.
    fn write(&self, reason: &str) {
        let notification = self.notification;
        let index = self.message.and_then(dead_letter::add);
        let location = match &index {
            Some(path) => format!("was saved to {}", path.display()),
            None if self.is_secret && self.message.is_none() => {
                "was not saved, because it cannot be encrypted".to_owned()
            }
            None => "could not be saved to a dead.letter file".to_owned(),
        };
        let subject = &notification.subject;
        if self.is_secret {
            complain(&format!(
                "the mail {location}; its subject and its text are not shown, because they are to be encrypted"
            ));
        } else {
            show(notification, &location, index.is_some());
        }
        let named = if self.is_secret {
            "a mail that is to be encrypted".to_owned()
        } else {
            format!("\"{subject}\"")
        };
        dead_letter::log(&format!(
            "cannot mail {named}: {reason}; the mail {location}"
        ));
    }
}

/// Prints a mail to stderr: its beginning if it is in a dead.letter.
fn show(notification: &NotificationText, location: &str, is_saved: bool) {
    let most = if is_saved { MAX_PRINTED } else { usize::MAX };
    let subject = &notification.subject;
    let body = notification
        .body_alone
        .as_ref()
        .unwrap_or(&notification.body);
    let text = reduced::beginning(body, most);
    let intro = if text.trim().is_empty() {
        ""
    } else {
        "; its text:"
    };
    complain(&format!("the mail \"{subject}\" {location}{intro}"));
    let lines = text.trim_end().lines().map(shown_with_tabs);
    lines.for_each(|line| complain_escaped(&format!("{line}\n")));
    if text.len() < body.len() {
        complain_escaped("...\n");
    }
}
