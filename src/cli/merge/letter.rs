//! The message of a row: a filled template becomes a draft, or a ready message if the template is a MIME message.

use crate::cli::options::{message, value};
use crate::mail::address::{Address, AddressError, ListEntry, Mailbox, parse_list};
use crate::mail::crypt::CryptOptions;
use crate::mail::dkim::Signer;
use crate::mail::envelope::Dsn;
use crate::mail::merge::Letter;
use crate::mail::message::{
    Attachment, Content, Disposition, HeaderField, Inline, Input, MessageDraft, MessageOptions,
    ReadyMessage, TextAlternatives, WithoutText,
};
use std::path::{Path, PathBuf};

/// Names of the fields that options make, beside those of a header.
pub(super) const ATTACH: &str = "--attach";
pub(super) const ENVELOPE_FROM: &str = "--envelope-from";
pub(super) const LIST_UNSUBSCRIBE: &str = "--list-unsubscribe";

/// The settings that the messages of all rows share.
pub(super) struct LetterContext {
    /// The directory of the template, which the attachments that it names are relative to.
    pub directory: PathBuf,
    /// The author if the template names none.
    pub from: Mailbox,
    /// The DKIM keys.
    pub signer: Signer,
    /// End-to-end signature and encryption.
    pub crypt: CryptOptions,
}

/// Parts of a message while the fields of the header are read.
#[derive(Default)]
struct LetterParts {
    from: Option<Mailbox>,
    to: Vec<ListEntry>,
    cc: Vec<ListEntry>,
    bcc: Vec<ListEntry>,
    reply_to: Vec<ListEntry>,
    subject: Option<String>,
    headers: Vec<HeaderField>,
    attachments: Vec<Attachment>,
    /// Attachments that the template names, with the path as written.
    named: Vec<(String, Attachment)>,
    unsubscribe: Vec<String>,
    envelope_from: Option<value::Sender>,
    content_type: Option<String>,
}

/// The message of a row, before it is built.
pub(super) struct RowMessage {
    pub options: MessageOptions,
    /// The recipients, each once, in order; domains are in lower case.
    pub recipients: Vec<String>,
    /// The recipients in To, else in Cc, else in Bcc, in lower case: a copy to another recipient does not make another
    /// row.
    pub key: String,
    /// True if it has List-Unsubscribe.
    pub has_unsubscribe: bool,
}

/// The message of a letter. The error is one line.
pub(super) fn message(letter: Letter, context: &LetterContext) -> Result<RowMessage, String> {
    let mut parts = LetterParts::default();
    for (name, text) in &letter.fields {
        parts.add(name, text, context)?;
    }
    let recipients = parts.recipients();
    let key = parts.key();
    let has_unsubscribe = parts.has_unsubscribe();
    let envelope_from = parts.envelope_from.take();
    let envelope_from = envelope_from
        .transpose()
        .map_err(|error| format!("{ENVELOPE_FROM}: {error}"))?;
    let kind = parts.content_type.as_deref().unwrap_or("text/plain");
    let kind = kind.split(';').next().unwrap_or_default().trim();
    let kind = kind.to_ascii_lowercase();
    let content = if kind.starts_with("multipart/") {
        Content::Ready(parts.ready(&letter, context)?)
    } else {
        Content::Draft(Box::new(parts.draft(letter, &kind, context)?))
    };
    Ok(RowMessage {
        options: MessageOptions {
            content,
            envelope_from,
            dsn: Dsn::default(),
            signer: context.signer.clone(),
            crypt: context.crypt.clone(),
        },
        recipients,
        key,
        has_unsubscribe,
    })
}

/// Sets the Message-ID, unless the template has one.
pub(super) fn set_message_id(message: &mut MessageOptions, name: &str) {
    let (headers, domain) = match &mut message.content {
        Content::Draft(draft) => (&mut draft.headers, draft.from.address.domain().to_string()),
        Content::Ready(ready) => (&mut ready.headers, ready.from.address.domain().to_string()),
        Content::Raw(_) => return,
    };
    let is_id = |field: &HeaderField| field.name.eq_ignore_ascii_case("message-id");
    if !headers.iter().any(is_id) {
        headers.push(HeaderField::new("Message-ID", format!("<{name}@{domain}>")));
    }
}

impl LetterParts {
    fn recipients(&self) -> Vec<String> {
        addresses(self.to.iter().chain(&self.cc).chain(&self.bcc))
    }

    fn key(&self) -> String {
        let lists = [&self.to, &self.cc, &self.bcc];
        let named = lists.map(addresses);
        let first = named.iter().find(|named| !named.is_empty());
        first.map_or_else(String::new, |named| named.join(",").to_lowercase())
    }

    fn has_unsubscribe(&self) -> bool {
        let mut names = self.headers.iter().map(|field| &field.name);
        !self.unsubscribe.is_empty()
            || names.any(|name| name.eq_ignore_ascii_case("list-unsubscribe"))
    }

    fn add(&mut self, name: &str, text: &str, context: &LetterContext) -> Result<(), String> {
        let about = |error: AddressError| format!("{name}: {error}");
        let list = || parse_list(text).map_err(about);
        match name.to_ascii_lowercase().as_str() {
            "to" => self.to.extend(list()?),
            "cc" => self.cc.extend(list()?),
            "bcc" => self.bcc.extend(list()?),
            "reply-to" => self.reply_to.extend(list()?),
            "from" => self.from = Some(Mailbox::parse(text).map_err(about)?),
            "subject" => self.subject = Some(line(name, text)?),
            "content-type" => self.content_type = Some(line(name, text)?),
            // They are made for each message.
            "mime-version" | "date" => {}
            "attachment" => {
                let path = path(text, &context.directory)?;
                let attachment = Attachment::new(Input::File(path));
                self.named.push((text.trim().to_owned(), attachment));
            }
            ATTACH => self.attachments.extend(attachment(text)?),
            ENVELOPE_FROM => {
                self.envelope_from = Some(value::sender(text)?);
            }
            LIST_UNSUBSCRIBE => {
                let url = value::url(text).map_err(|why| format!("{LIST_UNSUBSCRIBE}: {why}"))?;
                self.unsubscribe.push(url);
            }
            _ => {
                let field = value::field(&format!("{name}: {text}"));
                self.headers
                    .push(field.map_err(|why| format!("{name}: {why}"))?);
            }
        }
        Ok(())
    }

    fn draft(
        mut self,
        letter: Letter,
        kind: &str,
        context: &LetterContext,
    ) -> Result<MessageDraft, String> {
        let mut text = Texts::of(letter, kind)?;
        let inline = self.inline(&mut text);
        let input = |text: Option<String>| text.map(Input::Text);
        Ok(MessageDraft {
            from: self.from.unwrap_or_else(|| context.from.clone()),
            to: self.to,
            cc: self.cc,
            bcc: self.bcc,
            reply_to: self.reply_to,
            subject: self.subject,
            headers: message::unsubscribe_fields(&self.unsubscribe)
                .into_iter()
                .chain(self.headers)
                .collect(),
            text: TextAlternatives {
                body: input(text.plain),
                html: input(text.html),
                markdown: input(text.markdown),
                without_text: WithoutText::Send,
                ..TextAlternatives::default()
            },
            inline,
            attachments: self.attachments,
            messages: Vec::new(),
            no_date: false,
            no_message_id: false,
        })
    }

    /// The named attachments that the text refers to. The others become ordinary attachments.
    fn inline(&mut self, text: &mut Texts) -> Vec<Inline> {
        let mut inline = Vec::new();
        for (index, (path, attachment)) in self.named.drain(..).enumerate() {
            let id = format!("image{}", index + 1);
            if text.refer(&path, &id) {
                inline.push(Inline {
                    file: Attachment {
                        disposition: Disposition::Inline,
                        ..attachment
                    },
                    id: Some(id),
                });
            } else {
                self.attachments.push(attachment);
            }
        }
        inline
    }

    /// A template with the parts of a MIME message is sent as it is.
    fn ready(self, letter: &Letter, context: &LetterContext) -> Result<ReadyMessage, String> {
        let has_text = letter.text.is_some() || letter.html.is_some() || letter.markdown.is_some();
        if has_text || !self.named.is_empty() || !self.attachments.is_empty() {
            return Err(
                "a template of type multipart/* has its parts in the text; omit other texts and attachments"
                    .to_owned(),
            );
        }
        let fields = letter.fields.iter();
        let fields = fields.filter(|(name, _)| !name.starts_with("--"));
        let mut text = String::new();
        for (name, value) in fields {
            text.push_str(&format!("{name}: {value}\n"));
        }
        text.push('\n');
        let body = letter.body.as_deref().unwrap_or_default();
        if body.is_ascii() {
            text.push_str(body);
        } else {
            // mailmerge sets the charset of each part.
            text.push_str(&body.replace("us-ascii", "utf-8"));
        }
        let from = self.from.unwrap_or_else(|| context.from.clone());
        Ok(ReadyMessage {
            input: Input::Text(text),
            from,
            headers: message::unsubscribe_fields(&self.unsubscribe),
            recipients: Vec::new(),
            sender_is_known: false,
            no_date: false,
            no_message_id: false,
        })
    }
}

/// The addresses of these entries, each once, in order; domains are in lower case.
fn addresses<'a>(entries: impl IntoIterator<Item = &'a ListEntry>) -> Vec<String> {
    let mut all: Vec<String> = Vec::new();
    for mailbox in entries.into_iter().flat_map(ListEntry::mailboxes) {
        let address = normal(&mailbox.address);
        if !all.contains(&address) {
            all.push(address);
        }
    }
    all
}

/// An address with its domain in lower case.
pub(super) fn normal(address: &Address) -> String {
    let (local, domain) = address.key();
    format!("{local}@{domain}")
}

/// The versions of the text.
struct Texts {
    plain: Option<String>,
    html: Option<String>,
    markdown: Option<String>,
}

impl Texts {
    /// The texts of options, and that of the template, which has this media type.
    fn of(letter: Letter, kind: &str) -> Result<Self, String> {
        let mut text = Self {
            plain: letter.text,
            html: letter.html,
            markdown: letter.markdown,
        };
        let place = match kind {
            "text/plain" => &mut text.plain,
            "text/html" => &mut text.html,
            "text/markdown" => &mut text.markdown,
            other => {
                return Err(format!(
                    "Content-Type: {other} is not one of text/plain, text/html, text/markdown and multipart/*"
                ));
            }
        };
        if let Some(body) = letter
            .body
            .filter(|body| !body.trim().is_empty() || place.is_none())
        {
            if place.is_some() {
                return Err("the template has a text, and an option gives another one".to_owned());
            }
            *place = Some(body);
        }
        if text.markdown.is_some() && (text.plain.is_some() || text.html.is_some()) {
            return Err("Markdown makes both versions of the text; omit the other text".to_owned());
        }
        Ok(text)
    }

    /// Replaces references to a file by those to a part with this ID. Returns false if there is none.
    fn refer(&mut self, path: &str, id: &str) -> bool {
        let mut is_found = false;
        let mut replace = |text: &mut Option<String>, start: &str, end: &str| {
            let reference = format!("{start}{path}{end}");
            if let Some(text) = text.as_mut().filter(|text| text.contains(&reference)) {
                *text = text.replace(&reference, &format!("{start}cid:{id}{end}"));
                is_found = true;
            }
        };
        replace(&mut self.html, "src=\"", "\"");
        replace(&mut self.html, "src='", "'");
        replace(&mut self.markdown, "](", ")");
        is_found
    }
}

fn line(name: &str, text: &str) -> Result<String, String> {
    value::line(text).map_err(|why| format!("{name}: {why}"))
}

/// The path of an attachment that the template names.
fn path(text: &str, directory: &Path) -> Result<PathBuf, String> {
    match text.trim() {
        "" => Err("ATTACHMENT: expected a file name".to_owned()),
        text => match text.strip_prefix("~/") {
            Some(rest) => Ok(crate::system::user::home().unwrap_or_default().join(rest)),
            None => Ok(directory.join(text)),
        },
    }
}

/// An attachment of an option. One with a question mark at the end may be missing.
fn attachment(text: &str) -> Result<Option<Attachment>, String> {
    let (text, is_optional) = match text.strip_suffix('?') {
        Some(text) => (text, true),
        None => (text, false),
    };
    if is_optional && text.trim().is_empty() {
        return Ok(None);
    }
    let attachment = message::attachment(PathBuf::from(text), None).map_err(|error| error.text)?;
    let is_missing = match &attachment.input {
        Input::File(path) => !path.exists(),
        _ => {
            return Err(format!(
                "{ATTACH}: standard input cannot be attached to every message"
            ));
        }
    };
    Ok(Some(attachment).filter(|_| !(is_optional && is_missing)))
}
