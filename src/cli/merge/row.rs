//! A row with its message, its key and the recipients that are open.

use crate::cli::ExitStatus;
use crate::cli::merge::journal::{MAX_RECIPIENTS, RowKey, RowState, bits, key_hash};
use crate::cli::merge::letter::{LetterContext, message, normal, set_message_id};
use crate::cli::merge::{ChangedRows, MergeOptions, Retry};
use crate::mail::address::Address;
use crate::mail::merge::{Letter, Row};
use crate::mail::message::{Content, Message, MessageError, MessageOptions};
use crate::system::exit::Exit;
use crate::system::text::{shown, shown_path};
use crc32fast::Hasher;
use std::time::SystemTime;

/// A row that was filled in.
pub(super) struct PreparedRow {
    pub number: u64,
    pub key: RowKey,
    /// Of what the message is made of, without its Message-ID; not 0.
    pub digest: u32,
    /// The recipients, each once; domains are in lower case.
    pub recipients: Vec<String>,
    pub has_unsubscribe: bool,
}

/// The message of a row before it is built. Its recipients are in the order of those of the row.
pub(super) struct UnbuiltMessage {
    /// The line of the row in the list.
    line: u64,
    options: MessageOptions,
}

/// A message of a row, for some of its recipients.
pub(super) struct RowCopy {
    pub message: Message,
    /// Its recipients as indices into those of the row.
    pub recipients: Vec<usize>,
}

/// An error in a row, in one line that names its place.
#[derive(Debug)]
pub(super) struct RowFault {
    pub text: String,
    pub exit: Exit,
}

impl PreparedRow {
    /// Fills the template. `journal` is the name of the journal.
    pub fn of(
        row: &Row,
        options: &MergeOptions,
        journal: &str,
    ) -> Result<(Self, UnbuiltMessage), RowFault> {
        let fault = |what: String| RowFault {
            text: at(options, row.line, &what),
            exit: Exit::Data,
        };
        let letter = options.template.fill(row);
        let letter = letter.map_err(|error| fault(error.to_string()))?;
        let mut digest = digest_of(&letter, &options.context);
        let mut made = message(letter, &options.context).map_err(fault)?;
        if made.recipients.is_empty() {
            return Err(fault(
                "no recipient: the message has no To, Cc or Bcc; name the field of the list with the address, as in \
                 --to '{{email}}'"
                    .to_owned(),
            ));
        }
        if made.recipients.len() > MAX_RECIPIENTS {
            return Err(fault(format!("more than {MAX_RECIPIENTS} recipients")));
        }
        let key = match &options.description.id_field {
            None => made.key,
            Some(field) => {
                let id = row.text(field).filter(|id| !id.trim().is_empty());
                let id = id.ok_or_else(|| {
                    let field = shown(field);
                    fault(format!(
                        "the row has no {field}, which identifies it (--id)"
                    ))
                })?;
                id.trim().to_owned()
            }
        };
        if let Content::Draft(draft) = &made.options.content {
            // An optional file may be there or not.
            digest.update(&draft.attachments.len().to_le_bytes());
        }
        let key = RowKey::new(key);
        let name = format!(
            "{:016x}{:016x}",
            key_hash(&format!("{journal} {}", key.text)),
            key.hash
        );
        set_message_id(&mut made.options, &name);
        let prepared = Self {
            number: row.number,
            key,
            digest: digest.finalize().max(1),
            recipients: made.recipients,
            has_unsubscribe: made.has_unsubscribe,
        };
        let message = UnbuiltMessage {
            line: row.line,
            options: made.options,
        };
        Ok((prepared, message))
    }

    fn index(&self, recipient: &Address) -> Option<usize> {
        let address = normal(recipient);
        self.recipients.iter().position(|other| *other == address)
    }

    /// The recipients that the message is sent to, as bits.
    pub fn open(&self, state: RowState, options: &MergeOptions) -> u32 {
        let all = bits(0..self.recipients.len());
        let selection = &options.rows;
        if !selection.only.is_empty() && !selection.only.contains(&self.key.text) {
            return 0;
        }
        if !state.was_sent() && state.digest != self.digest {
            return all;
        }
        if self.is_changed(state) && selection.changed == Some(ChangedRows::Send) {
            let is_again = selection.retry.contains(&Retry::Uncertain);
            return if is_again {
                all
            } else {
                all & !state.uncertain
            };
        }
        let mut done = state.taken | state.queued;
        if !selection.retry.contains(&Retry::Refused) {
            done |= state.refused;
        }
        if !selection.retry.contains(&Retry::Uncertain) {
            done |= state.uncertain;
        }
        all & !done
    }

    /// True if another message was sent before.
    pub fn is_changed(&self, state: RowState) -> bool {
        state.was_sent() && state.digest != self.digest
    }

    /// The domain of the first of these recipients.
    pub fn domain(&self, open: u32) -> &str {
        let index = open.trailing_zeros() as usize;
        let recipient = self.recipients.get(index).map_or("", String::as_str);
        recipient.rsplit_once('@').map_or("", |(_, domain)| domain)
    }
}

impl UnbuiltMessage {
    /// Builds the message, or one per hidden recipient if S/MIME would name it to the others.
    pub fn build(
        self,
        row: &PreparedRow,
        options: &MergeOptions,
    ) -> Result<Vec<RowCopy>, RowFault> {
        let line = self.line;
        let built = Message::build_each(None, self.options, SystemTime::now());
        let messages = built.map_err(|error| unbuilt(options, line, &error))?;
        let copies = messages.into_iter().map(|message| {
            let recipients = message.envelope.recipients.iter();
            let recipients: Option<Vec<usize>> = recipients.map(|one| row.index(one)).collect();
            let recipients = recipients.ok_or_else(|| RowFault {
                text: at(options, line, "its recipients are not those of the row"),
                exit: Exit::Software,
            })?;
            Ok(RowCopy {
                message,
                recipients,
            })
        });
        copies.collect()
    }
}

fn unbuilt(options: &MergeOptions, line: u64, error: &MessageError) -> RowFault {
    RowFault {
        text: at(options, line, &error.to_string()),
        exit: error.exit(),
    }
}

/// The digest of a letter with its default author.
fn digest_of(letter: &Letter, context: &LetterContext) -> Hasher {
    let mut digest = Hasher::new();
    let mut add = |text: &str| {
        digest.update(&text.len().to_le_bytes());
        digest.update(text.as_bytes());
    };
    add(&format!("{:?}", context.from));
    for (name, value) in &letter.fields {
        add(name);
        add(value);
    }
    for text in [&letter.body, &letter.text, &letter.html, &letter.markdown] {
        add(if text.is_some() { "text" } else { "" });
        add(text.as_deref().unwrap_or_default());
    }
    digest
}

/// A fault of the row at this line of the list.
pub(super) fn at(options: &MergeOptions, line: u64, what: &str) -> String {
    format!("{}, line {line}: {what}", shown_path(&options.list.path))
}
