//! Composes the message of a command line.

use crate::cli::ExitStatus;
use crate::cli::options::value;
use crate::cli::standins::mail::address::{entries, mailbox};
use crate::cli::standins::mail::args::MailArgs;
use crate::cli::standins::mail::settings::MailPlan;
use crate::cli::standins::mail::{MailError, MailStyle, complain};
use crate::mail::address::{ListEntry, Mailbox};
use crate::mail::message::{
    Attachment, Content, HeaderField, HeldBytes, Input, Message, MessageDraft, MessageOptions,
    TextAlternatives, WithoutText,
};
use crate::smtp::blocks::{Block, Replay as _};
use crate::system::exit::Exit;
use crate::system::sealed_file::SealedWriter;
use crate::system::text::reason;
use crate::system::user;
use std::io::{self, Write as _};
use std::sync::Arc;
use std::time::SystemTime;

/// The recipients of a message.
pub struct Recipients {
    pub to: Vec<ListEntry>,
    pub cc: Vec<ListEntry>,
    pub bcc: Vec<ListEntry>,
    /// True if some were refused, and the others get the message.
    pub is_partial: bool,
}

impl Recipients {
    pub fn of(args: &MailArgs, plan: &MailPlan) -> Result<Self, MailError> {
        let mut is_partial = false;
        let mut list = |words: &[String]| {
            let words = super::address::expanded(words, &plan.aliases, 0);
            let mut all = Vec::new();
            for word in &words {
                match refusal(word, args) {
                    Some(why) => {
                        complain(args.name, &why);
                        is_partial = true;
                    }
                    None => all.extend(entries(word).map_err(|error| {
                        MailError::new(Exit::Data, format!("{}: {error}", args.name))
                    })?),
                }
            }
            Ok::<_, MailError>(all)
        };
        let (to, cc, bcc) = (list(&args.to)?, list(&args.cc)?, list(&args.bcc)?);
        Ok(Self {
            to,
            cc,
            bcc,
            is_partial,
        })
    }

    pub fn is_empty(&self) -> bool {
        self.to.is_empty() && self.cc.is_empty() && self.bcc.is_empty()
    }

    /// The addresses for the envelope.
    pub fn addresses(&self) -> Vec<String> {
        let all = self.to.iter().chain(&self.cc).chain(&self.bcc);
        let mailboxes = all.flat_map(ListEntry::mailboxes);
        mailboxes
            .map(|mailbox| super::address::plain(&mailbox.address))
            .collect()
    }
}

/// The reason for which a word is not a recipient: a file, a command, or a list for s-nail.
fn refusal(word: &str, args: &MailArgs) -> Option<String> {
    let is_file = word.starts_with(['/', '+']) || word.starts_with("./");
    if is_file {
        return Some(format!("{word}: *expandaddr* does not allow file target"));
    }
    if word.starts_with('|') {
        return Some(format!(
            "'{word}': *expandaddr* does not allow command pipe target"
        ));
    }
    let is_list = args.style == MailStyle::Nail
        && !args.reads_header
        && word.contains(',')
        && !word.contains(['<', '"']);
    is_list.then(|| {
        let quoted = if word.contains(' ') {
            format!("'{word}'")
        } else {
            word.to_owned()
        };
        format!("{quoted} contains invalid byte ','")
    })
}

/// Composes the message, as it is passed to the step that completes addresses.
pub fn compose(
    args: &MailArgs,
    plan: &MailPlan,
    recipients: &Recipients,
    text: HeldBytes,
) -> Result<HeldBytes, MailError> {
    let (fields, has_encoding) = fields(args)?;
    let mut draft = draft(args, plan, recipients, fields)?;
    let is_html = |text: &&String| text.to_ascii_lowercase().starts_with("text/html");
    let text = Input::Held(text);
    match &args.text_type {
        Some(_) if has_encoding => {}
        Some(kind) if is_html(&kind) => draft.text.html = Some(text.clone()),
        Some(kind) => {
            draft.headers.push(HeaderField::new("Content-Type", kind));
            draft.text.body = Some(text.clone());
        }
        None => draft.text.body = Some(text.clone()),
    }
    html_with_files(&mut draft);
    if has_encoding {
        return as_encoded(draft, text);
    }
    build(draft, args)
}

fn draft(
    args: &MailArgs,
    plan: &MailPlan,
    recipients: &Recipients,
    headers: Vec<HeaderField>,
) -> Result<MessageDraft, MailError> {
    let data = |error: crate::mail::address::AddressError| {
        MailError::new(Exit::Data, format!("{}: {error}", args.name))
    };
    let from: Mailbox = match &plan.from {
        Some(from) => mailbox(from).map_err(data)?,
        None => mailbox(&user::login()).map_err(data)?,
    };
    let files = args.files.iter().map(|file| Attachment {
        media_type: file.media_type.clone(),
        name: file.name.clone(),
        ..Attachment::new(Input::File(file.path.clone()))
    });
    Ok(MessageDraft {
        from,
        to: recipients.to.clone(),
        cc: recipients.cc.clone(),
        bcc: recipients.bcc.clone(),
        reply_to: Vec::new(),
        subject: args.subject.clone(),
        headers,
        text: TextAlternatives {
            without_text: WithoutText::Send,
            ..TextAlternatives::default()
        },
        inline: Vec::new(),
        attachments: files.collect(),
        messages: Vec::new(),
        no_date: false,
        no_message_id: false,
    })
}

/// The fields of the options; and true if one of them says how the text is encoded already.
fn fields(args: &MailArgs) -> Result<(Vec<HeaderField>, bool), MailError> {
    let mut all = Vec::new();
    let mut has_encoding = false;
    for text in &args.fields {
        for line in unfolded(text) {
            let field = value::field(&line).map_err(|why| {
                MailError::new(Exit::Data, format!("{}: {line}: {why}", args.name))
            })?;
            has_encoding |= field.name.eq_ignore_ascii_case("Content-Transfer-Encoding");
            all.push(field);
        }
    }
    all.retain(|field| !field.name.eq_ignore_ascii_case("MIME-Version"));
    Ok((all, has_encoding))
}

/// The fields of a text of several lines.
fn unfolded(text: &str) -> Vec<String> {
    let mut all: Vec<String> = Vec::new();
    for line in text.split('\n').map(|line| line.trim_end_matches('\r')) {
        match all.last_mut() {
            Some(last) if line.starts_with([' ', '\t']) => {
                last.push(' ');
                last.push_str(line.trim());
            }
            _ if line.trim().is_empty() => {}
            _ => all.push(line.to_owned()),
        }
    }
    all
}

/// The type of a field belongs to the text of a message with files.
fn html_with_files(draft: &mut MessageDraft) {
    let is_type = |field: &HeaderField| field.name.eq_ignore_ascii_case("Content-Type");
    if draft.attachments.is_empty() {
        return;
    }
    let Some(at) = draft.headers.iter().position(is_type) else {
        return;
    };
    let kind = draft.headers.remove(at).value;
    if kind.to_ascii_lowercase().starts_with("text/html") && draft.text.html.is_none() {
        draft.text.html = draft.text.body.take();
    }
}

/// A message whose text is encoded as a field says: it is not composed.
fn as_encoded(draft: MessageDraft, text: Input) -> Result<HeldBytes, MailError> {
    let fields = draft.headers.clone();
    let mut without = draft;
    without
        .headers
        .retain(|field| !field.name.to_ascii_lowercase().starts_with("content-"));
    without.text.body = Some(Input::Text(String::new()));
    without.text.html = None;
    let head = build_options(without);
    let message = Message::build(head, SystemTime::now())
        .map_err(|error| MailError::new(error.exit(), error.to_string()))?;
    let mut bytes = octets(&message)?;
    let end = memchr::memmem::find(&bytes, b"\r\n\r\n").map_or(bytes.len(), |at| at + 2);
    bytes.truncate(end);
    let is_own = |line: &&[u8]| !line.to_ascii_lowercase().starts_with(b"content-");
    let lines: Vec<&[u8]> = bytes
        .split_inclusive(|&byte| byte == b'\n')
        .filter(is_own)
        .collect();
    let mut all = lines.concat();
    for field in fields {
        let line = format!("{}: {}\r\n", field.name, field.value);
        if field.name.to_ascii_lowercase().starts_with("content-") {
            all.extend_from_slice(line.as_bytes());
        }
    }
    all.extend_from_slice(b"\r\n");
    let Input::Held(held) = text else {
        return Ok(HeldBytes::bytes("the message", all));
    };
    all.extend(
        held.read_all()
            .map_err(|error| MailError::new(Exit::Io, reason(&error)))?,
    );
    Ok(HeldBytes::bytes("the message", all))
}

fn build_options(draft: MessageDraft) -> MessageOptions {
    MessageOptions {
        envelope_from: Some(None),
        ..MessageOptions::of(Content::Draft(Box::new(draft)))
    }
}

fn build(draft: MessageDraft, args: &MailArgs) -> Result<HeldBytes, MailError> {
    let message = Message::build(build_options(draft), SystemTime::now())
        .map_err(|error| MailError::new(error.exit(), format!("{}: {error}", args.name)))?;
    for warning in &message.warnings {
        complain(args.name, &format!("warning: {warning}"));
    }
    // Attachments of any size are not held in memory.
    let failed = |error: io::Error| {
        let why = reason(&error);
        MailError::new(
            Exit::Temporary,
            format!("{}: cannot keep the message: {why}", args.name),
        )
    };
    let Some(shape) = message.simplest() else {
        return Err(MailError::new(Exit::Software, "the message has no form"));
    };
    let mut file = SealedWriter::new().map_err(failed)?;
    let (mut blocks, mut block) = (message.blocks(shape), Vec::new());
    while blocks.append(&mut block).map_err(failed)? != Block::End {
        file.write_all(&block).map_err(failed)?;
        block.clear();
    }
    let file = file.finish().map_err(failed)?;
    Ok(HeldBytes::file("the message", Arc::new(file)))
}

fn octets(message: &Message) -> Result<Vec<u8>, MailError> {
    let failed = |error: io::Error| MailError::new(Exit::Io, reason(&error));
    let Some(shape) = message.simplest() else {
        return Ok(Vec::new());
    };
    let (mut blocks, mut bytes) = (message.blocks(shape), Vec::new());
    while blocks.append(&mut bytes).map_err(failed)? != Block::End {}
    Ok(bytes)
}
