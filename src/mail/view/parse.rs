//! Makes the view of a message from its skeleton.

use crate::mail::message::Source;
use crate::mail::view::content::TransferEncoding;
use crate::mail::view::skeleton::{Skeleton, SkeletonLimits};
use crate::mail::view::{MessageView, PartView, Person, Role, ViewedField};
use mail_parser::{
    Address, ContentType, HeaderName, HeaderValue, Message, MessageParser, MessagePart,
    MimeHeaders as _, PartType,
};
use std::io;
use std::sync::LazyLock;
use std::thread;

const BLOCK: usize = 64 * 1024;

/// Levels of parts that are shown.
const MAX_DEPTH: usize = 50;

/// Stack of the thread that parses: encoded messages within each other are copied recursively.
const STACK: usize = 256 * 1024 * 1024;

/// How much of a message is parsed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Limits {
    /// The fields of the header that a view has a place for, and [`TAGS`]; the beginning of the text, and the parts
    /// near the beginning: for lists.
    Summary,
    /// A mebibyte of each part, 16 MiB and 10,000 parts in total.
    Whole,
}

impl Limits {
    fn of_skeleton(self) -> SkeletonLimits {
        match self {
            Self::Summary => SkeletonLimits {
                part: 16 * 1024,
                total: 128 * 1024,
                parts: 200,
            },
            Self::Whole => SkeletonLimits {
                part: 1024 * 1024,
                total: 16 * 1024 * 1024,
                parts: 10_100,
            },
        }
    }
}

/// Makes a view from the blocks of a message.
pub struct Parser {
    limits: Limits,
    skeleton: Skeleton,
}

impl Parser {
    pub fn new(limits: Limits) -> Self {
        Self {
            limits,
            skeleton: Skeleton::new(limits.of_skeleton()),
        }
    }

    /// The view of a whole message.
    pub fn view(message: &Source, limits: Limits) -> io::Result<MessageView> {
        let mut parser = Self::new(limits);
        let mut block = message.block(BLOCK);
        let mut at = 0;
        loop {
            let count = message.read_at(&mut block, at)?;
            if count == 0 {
                return parser.finish();
            }
            parser.push(&block[..count]);
            at += count as u64;
        }
    }

    pub fn push(&mut self, block: &[u8]) {
        self.skeleton.push(block);
    }

    /// The view, after the last block. An error: no thread is available.
    pub fn finish(self) -> io::Result<MessageView> {
        let skeleton = &self.skeleton;
        match self.limits {
            Limits::Summary => Ok(view(skeleton, self.limits)),
            Limits::Whole => thread::scope(|scope| {
                let thread = thread::Builder::new().stack_size(STACK);
                let parsing = thread.spawn_scoped(scope, || view(skeleton, self.limits))?;
                let failed = |_| io::Error::other("the message cannot be parsed");
                parsing.join().map_err(failed)
            }),
        }
    }
}

/// The field with words for lists.
pub const TAGS: &str = "X-Tags";

static MESSAGE: LazyLock<MessageParser> = LazyLock::new(|| {
    MessageParser::new()
        .with_minimal_headers()
        .with_message_ids()
        .header_address(HeaderName::Sender)
        .header_text(HeaderName::Other(TAGS.into()))
});

/// All fields as text. Without a rule for one field, the default does not apply to those that the parser knows.
static FIELDS: LazyLock<MessageParser> = LazyLock::new(|| {
    MessageParser::new()
        .default_header_text()
        .header_text(HeaderName::Subject)
});

fn view(skeleton: &Skeleton, limits: Limits) -> MessageView {
    let mut view = MessageView {
        size: skeleton.size(),
        is_truncated: skeleton.is_incomplete(),
        ..MessageView::default()
    };
    let Some(message) = MESSAGE.parse(&skeleton.bytes) else {
        without_header(&mut view, skeleton);
        return view;
    };
    view.fields = match limits {
        Limits::Summary => tags(&message),
        Limits::Whole => fields(&skeleton.bytes),
    };
    read_header(&mut view, &message);
    let mut walk = Walk {
        skeleton,
        view: &mut view,
    };
    walk.root(&message);
    dismantle(message);
    view
}

/// Without a header, all of it is text.
fn without_header(view: &mut MessageView, skeleton: &Skeleton) {
    view.text = String::from_utf8_lossy(&skeleton.bytes).into_owned();
    let (octets, is_cut) = skeleton.in_message(0..skeleton.bytes.len());
    view.is_truncated |= is_cut;
    view.parts.push(PartView {
        id: "1".to_owned(),
        depth: 0,
        role: Role::Body,
        content_type: "text/plain".to_owned(),
        charset: String::new(),
        name: String::new(),
        content_id: String::new(),
        encoding: TransferEncoding::None,
        octets,
    });
}

/// The fields with tags.
fn tags(message: &Message<'_>) -> Vec<ViewedField> {
    let values = message.header_values(HeaderName::Other(TAGS.into()));
    let field = |value: &HeaderValue<'_>| ViewedField {
        name: TAGS.to_owned(),
        value: value.as_text().unwrap_or_default().to_owned(),
    };
    values.map(field).collect()
}

/// All fields of the header, decoded as text.
fn fields(bytes: &[u8]) -> Vec<ViewedField> {
    let message = FIELDS.parse_headers(bytes).unwrap_or_default();
    let headers = message.parts.first().map_or(&[][..], MessagePart::headers);
    let field = |header: &mail_parser::Header<'_>| ViewedField {
        name: header.name().to_owned(),
        value: header.value().as_text().unwrap_or_default().to_owned(),
    };
    headers.iter().map(field).collect()
}

fn read_header(view: &mut MessageView, message: &Message<'_>) {
    let people = |name: HeaderName<'static>| {
        let fields = message.header_values(name);
        fields
            .filter_map(|value| value.as_address())
            .flat_map(people)
            .collect()
    };
    let subject = message.subject().unwrap_or_default().trim();
    subject.clone_into(&mut view.subject);
    view.from = people(HeaderName::From);
    view.sender = people(HeaderName::Sender);
    view.reply_to = people(HeaderName::ReplyTo);
    view.to = people(HeaderName::To);
    view.cc = people(HeaderName::Cc);
    view.bcc = people(HeaderName::Bcc);
    let message_id = message.message_id().unwrap_or_default();
    message_id.clone_into(&mut view.message_id);
    let date = message.date().filter(|date| date.is_valid());
    view.date = date.map(mail_parser::DateTime::to_timestamp);
}

fn people(addresses: &Address<'_>) -> Vec<Person> {
    let person = |address: &mail_parser::Addr<'_>| Person {
        name: address.name().unwrap_or_default().to_owned(),
        address: address.address().unwrap_or_default().to_owned(),
    };
    addresses.iter().map(person).collect()
}

/// Adds the parts to the view.
struct Walk<'w> {
    skeleton: &'w Skeleton,
    view: &'w mut MessageView,
}

/// A message, its number, and its depth in the tree.
#[derive(Clone, Copy)]
struct Place<'p> {
    message: &'p Message<'p>,
    /// False for messages within the message.
    is_outer: bool,
    /// False if offsets are not those of the skeleton: in a message that was encoded.
    has_offsets: bool,
    depth: usize,
}

impl Walk<'_> {
    fn root(&mut self, message: &Message<'_>) {
        let place = Place {
            message,
            is_outer: true,
            has_offsets: true,
            depth: 0,
        };
        let Some(root) = message.parts.first() else {
            return;
        };
        if let PartType::Multipart(_) = root.body {
            self.add(place, 0, "0");
        } else {
            self.add(place, 0, "1");
        }
    }

    /// Adds a part and those that it contains.
    fn add(&mut self, place: Place<'_>, index: usize, id: &str) {
        let Some(part) = place.message.parts.get(index) else {
            return;
        };
        if place.depth > MAX_DEPTH {
            self.view.is_truncated = true;
            return;
        }
        if place.has_offsets {
            let viewed = self.part(place, (index, part), id);
            self.view.parts.push(viewed);
        }
        let prefix = if id == "0" {
            String::new()
        } else {
            format!("{id}.")
        };
        match &part.body {
            PartType::Multipart(children) => {
                let below = Place {
                    depth: place.depth + 1,
                    ..place
                };
                for (number, &child) in children.iter().enumerate() {
                    // The parser gives a multipart without parts itself as its part.
                    if child as usize > index {
                        self.add(below, child as usize, &format!("{prefix}{}", number + 1));
                    }
                }
            }
            PartType::Message(inner) if part.encoding == mail_parser::Encoding::None => {
                self.add_message(place, inner, &prefix);
            }
            PartType::Text(text) if place.is_outer => self.add_text(place, index, text),
            PartType::Html(html) if place.is_outer => self.add_html(place, index, html),
            _ => {}
        }
    }

    /// Adds the parts of a message within the message.
    fn add_message(&mut self, place: Place<'_>, inner: &Message<'_>, prefix: &str) {
        let below = Place {
            message: inner,
            is_outer: false,
            has_offsets: place.has_offsets,
            depth: place.depth + 1,
        };
        match inner.parts.first().map(|root| &root.body) {
            Some(PartType::Multipart(children)) => {
                for (number, &child) in children.iter().enumerate() {
                    if child > 0 {
                        self.add(below, child as usize, &format!("{prefix}{}", number + 1));
                    }
                }
            }
            _ => self.add(below, 0, &format!("{prefix}1")),
        }
    }

    fn part(
        &mut self,
        place: Place<'_>,
        (index, part): (usize, &MessagePart<'_>),
        id: &str,
    ) -> PartView {
        let at = |offset: u32| offset as usize;
        let start = at(part.offset_body).min(self.skeleton.bytes.len());
        let end = at(part.offset_end).clamp(start, self.skeleton.bytes.len());
        let (octets, is_cut) = self.skeleton.in_message(start..end);
        let role = role(place, index, part);
        self.view.is_truncated |= is_cut && role == Role::Body;
        let encoding = part.content_transfer_encoding().unwrap_or_default();
        PartView {
            id: id.to_owned(),
            depth: place.depth,
            role,
            content_type: content_type(part),
            charset: attribute(part, "charset").unwrap_or_default(),
            name: name(part),
            content_id: part.content_id().unwrap_or_default().to_owned(),
            encoding: TransferEncoding::named(encoding),
            octets,
        }
    }

    fn add_text(&mut self, place: Place<'_>, index: usize, text: &str) {
        if is_in(&place.message.text_body, index) {
            append(&mut self.view.text, text);
        }
    }

    fn add_html(&mut self, place: Place<'_>, index: usize, html: &str) {
        if is_in(&place.message.html_body, index) {
            append(&mut self.view.html, html);
        }
    }
}

fn append(all: &mut String, text: &str) {
    if !all.is_empty() && !all.ends_with('\n') {
        all.push('\n');
    }
    all.push_str(text);
}

fn is_in(parts: &[u32], index: usize) -> bool {
    parts.iter().any(|&part| part as usize == index)
}

fn role(place: Place<'_>, index: usize, part: &MessagePart<'_>) -> Role {
    let message = place.message;
    let is_body = || {
        matches!(part.body, PartType::Text(_)) && is_in(&message.text_body, index)
            || matches!(part.body, PartType::Html(_)) && is_in(&message.html_body, index)
    };
    let is_inline = || {
        part.content_id().is_some()
            || part
                .content_disposition()
                .is_some_and(ContentType::is_inline)
    };
    match &part.body {
        PartType::Multipart(_) if place.depth == 0 => Role::Root,
        PartType::Multipart(_) => Role::Multipart,
        PartType::Message(_) => Role::Message,
        _ if is_body() => Role::Body,
        _ if is_inline() => Role::Inline,
        _ => Role::Attachment,
    }
}

fn content_type(part: &MessagePart<'_>) -> String {
    let Some(kind) = part.content_type() else {
        return if part.is_message() {
            "message/rfc822"
        } else {
            "text/plain"
        }
        .to_owned();
    };
    let (kind, subtype) = (kind.ctype(), kind.subtype());
    let both = subtype.map_or_else(|| kind.to_owned(), |subtype| format!("{kind}/{subtype}"));
    both.to_ascii_lowercase()
}

fn attribute(part: &MessagePart<'_>, name: &str) -> Option<String> {
    part.content_type()?.attribute(name).map(str::to_owned)
}

fn name(part: &MessagePart<'_>) -> String {
    part.attachment_name().unwrap_or_default().to_owned()
}

/// Frees a message without recursion: messages within each other may be thousands of levels deep.
fn dismantle(message: Message<'_>) {
    let mut messages = vec![message];
    while let Some(mut message) = messages.pop() {
        let bodies = message.parts.drain(..).map(|part| part.body);
        messages.extend(bodies.filter_map(|body| match body {
            PartType::Message(inner) => Some(inner),
            _ => None,
        }));
    }
}
