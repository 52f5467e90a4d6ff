//! A received message as it is shown: decoded header fields, text, HTML, the tree of its parts.
//!
//! ```text
//! Source -> Skeleton -> mail-parser -> MessageView { parts: Vec<PartView> }
//! Source + PartView -> decode -> the content of a part
//! ```
//!
//! A message of any size is viewed in bounded memory: what is parsed is its skeleton, in which the bodies of parts are
//! cut. The content of a part is decoded from the message itself.

mod checks;
mod content;
mod file_name;
mod html_text;
mod links;
mod parse;
mod skeleton;

pub use checks::{FieldCheck, SignatureCheck, check_fields, check_signatures};
pub(in crate::mail) use content::with_crlf;
pub use content::{DecodedBlocks, TransferEncoding, decode};
use html_text::html_to_text;
pub use links::links;
pub use parse::{Limits, Parser, TAGS};

use crate::mail::message::Source;
use ring::digest::{Context, SHA256};
use std::borrow::Cow;
use std::io;
use std::ops::Range;

/// A name and an address, as in a header field. Both may be empty.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Person {
    pub name: String,
    pub address: String,
}

/// A decoded header field in one line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ViewedField {
    pub name: String,
    pub value: String,
}

/// A message as it is shown. Texts may have any characters, controls too.
#[derive(Clone, Debug, Default)]
pub struct MessageView {
    pub fields: Vec<ViewedField>,
    pub subject: String,
    pub from: Vec<Person>,
    pub sender: Vec<Person>,
    pub reply_to: Vec<Person>,
    pub to: Vec<Person>,
    pub cc: Vec<Person>,
    pub bcc: Vec<Person>,
    /// Without angle brackets; empty if there is none.
    pub message_id: String,
    /// Seconds since 1970. `None`: no date, or not a valid one.
    pub date: Option<i64>,
    /// The text parts of the body. Empty if there are none; HTML is not converted.
    pub text: String,
    /// The HTML parts of the body. Empty if there are none.
    pub html: String,
    /// All parts, each after the one that contains it. The first is the message.
    pub parts: Vec<PartView>,
    /// Octets of the message.
    pub size: u64,
    /// True if text, HTML or parts are not complete because of a limit.
    pub is_truncated: bool,
}

impl MessageView {
    /// The parts that are not body text and have no parts of their own, and the messages among them.
    pub fn attachments(&self) -> impl Iterator<Item = &PartView> {
        let is_attachment = |part: &&PartView| match part.role {
            Role::Attachment | Role::Inline | Role::Message => true,
            Role::Root | Role::Multipart | Role::Body => false,
        };
        self.parts.iter().filter(is_attachment)
    }

    /// The text. Without one, that of the HTML.
    pub fn readable_text(&self) -> Cow<'_, str> {
        if self.text.trim().is_empty() && !self.html.is_empty() {
            return html_to_text(&self.html).into();
        }
        self.text.as_str().into()
    }

    pub fn part(&self, id: &str) -> Option<&PartView> {
        self.parts.iter().find(|part| part.id == id)
    }

    pub fn values<'v>(&'v self, name: &'v str) -> impl Iterator<Item = &'v str> {
        let same = |field: &&ViewedField| field.name.eq_ignore_ascii_case(name);
        self.fields
            .iter()
            .filter(same)
            .map(|field| field.value.as_str())
    }

    pub fn value<'v>(&'v self, name: &'v str) -> Option<&'v str> {
        self.values(name).next()
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// The message, if it has parts.
    Root,
    Multipart,
    /// Text or HTML of the body.
    Body,
    Attachment,
    /// Has a Content-ID or is marked as inline.
    Inline,
    /// A message within the message.
    Message,
}

impl Role {
    pub fn name(self) -> &'static str {
        match self {
            Self::Root | Self::Multipart => "multipart",
            Self::Body => "body",
            Self::Attachment => "attachment",
            Self::Inline => "inline",
            Self::Message => "message",
        }
    }
}

/// A part of a message.
#[derive(Clone, Debug)]
pub struct PartView {
    /// As in IMAP (RFC 9051 §6.4.5): `1`, `2.1`; the message itself is `0` if it has parts.
    pub id: String,
    /// 0: the message itself.
    pub depth: usize,
    pub role: Role,
    /// In lower case, like `text/plain`.
    pub content_type: String,
    /// Empty if not specified.
    pub charset: String,
    /// The name of the file, as the sender chose it. Empty if there is none.
    pub name: String,
    /// Without angle brackets. Empty if there is none.
    pub content_id: String,
    pub encoding: TransferEncoding,
    /// Its encoded content in the message.
    pub octets: Range<u64>,
}

impl PartView {
    /// Decodes its content.
    pub fn decode(
        &self,
        message: &Source,
        consume: &mut dyn FnMut(&[u8]) -> io::Result<()>,
    ) -> io::Result<()> {
        decode(message, (self.octets.clone(), self.encoding), consume)
    }

    pub fn measure(&self, message: &Source) -> io::Result<Measure> {
        let (mut size, mut hash) = (0, Context::new(&SHA256));
        self.decode(message, &mut |block| {
            size += block.len() as u64;
            hash.update(block);
            Ok(())
        })?;
        let digest = hash.finish();
        let sha256 = digest.as_ref().iter().map(|byte| format!("{byte:02x}"));
        Ok(Measure {
            size,
            sha256: sha256.collect(),
        })
    }

    /// A name for its file: the last component of the name that the sender chose, or one made from its number and
    /// type.
    pub fn file_name(&self) -> String {
        file_name::file_name(self)
    }
}

/// Properties of the decoded content of a part.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Measure {
    pub size: u64,
    /// In hexadecimal.
    pub sha256: String,
}
