//! The messages of a run. They are the same except for a number, the recipients and the size.

use crate::mail::address::{Address, AddressError};
use crate::mail::message::Message;
use crate::probe::load::Sizes;
use crate::smtp::blocks::{Accepts, Block, Blocks, BodyType, Replay, Shape};
use std::fmt::Write as _;
use std::io;

/// The placeholder for the number of a recipient.
const NUMBER: &str = "{n}";

/// Octets of a line of the text, its end included.
const LINE: usize = 78;

/// Octets of the text that are repeated in a long message: whole lines.
const TEXT: usize = LINE * 512;

/// The common parts of all messages of a run.
#[derive(Debug)]
pub struct MessageTemplate {
    /// The reverse-path; `None`: the null sender.
    sender: Option<Address>,
    to: RecipientTemplate,
    /// Recipients of a message.
    recipients: u64,
    content: Content,
    /// The name of the run in its messages.
    pub run: String,
    /// `Date: ...`, and the other fields that do not change.
    fields: String,
    seed: u64,
}

#[derive(Debug)]
enum Content {
    /// Text of these sizes; TEXT octets of it.
    Text(Sizes, Vec<u8>),
    /// This message.
    Ready(Box<Message>),
}

/// An address in which `{n}` is replaced by a number.
#[derive(Clone, Debug)]
pub struct RecipientTemplate {
    text: String,
    /// The address with 0 instead of `{n}`.
    pub example: Address,
    is_numbered: bool,
}

impl RecipientTemplate {
    pub fn parse(text: &str) -> Result<Self, AddressError> {
        Ok(Self {
            example: Address::parse(&text.replace(NUMBER, "0"))?,
            is_numbered: text.contains(NUMBER),
            text: text.to_owned(),
        })
    }

    /// The recipient with this number. A number that makes the address too long is left out.
    fn address(&self, number: u64) -> Address {
        if !self.is_numbered {
            return self.example.clone();
        }
        let text = self.text.replace(NUMBER, &number.to_string());
        Address::parse(&text).unwrap_or_else(|_| self.example.clone())
    }
}

impl MessageTemplate {
    /// Messages of these sizes, to this number of recipients each.
    pub fn new(
        sender: Option<Address>,
        (to, recipients): (RecipientTemplate, u64),
        sizes: Sizes,
        seed: u64,
    ) -> Self {
        let mut random = fastrand::Rng::with_seed(seed);
        let text = (0..TEXT).map(|place| match place % LINE {
            76 => b'\r',
            77 => b'\n',
            _ => random.alphanumeric() as u8,
        });
        let domain = match &sender {
            Some(sender) => sender.domain().to_string(),
            None => "localhost".to_owned(),
        };
        let from = match &sender {
            Some(sender) => sender.to_string(),
            None => "postmaster@localhost".to_owned(),
        };
        let date = crate::system::time::header_date(std::time::SystemTime::now());
        Self {
            content: Content::Text(sizes, text.collect()),
            run: format!("{:016x}", fastrand::u64(..)),
            fields: format!("@{domain}>\r\nFrom: {from}\r\nDate: {date}\r\n"),
            sender,
            to,
            recipients,
            seed,
        }
    }

    /// Sends this message each time, with a field before it.
    pub fn replace_by(&mut self, message: Message) {
        self.content = Content::Ready(Box::new(message));
    }

    pub fn sender(&self) -> Option<&Address> {
        self.sender.as_ref()
    }

    /// The message with this number.
    pub fn message(&self, number: u64) -> LoadMessage<'_> {
        let first = number * self.recipients;
        let recipients = (first..first + self.recipients).map(|number| self.to.address(number));
        let recipients: Vec<Address> = recipients.collect();
        let mut head = String::with_capacity(400);
        let run = &self.run;
        let body = match &self.content {
            Content::Ready(message) => {
                let _ = write!(head, "X-Ehlo-Bench: {run} {number}\r\n");
                Body::Ready(message)
            }
            Content::Text(sizes, text) => {
                let _ = write!(
                    head,
                    "Message-ID: <{number}.{run}{}To: {}\r\nSubject: ehlo bench {number}\r\nX-Ehlo-Bench: {run} {number}\r\n\r\n",
                    self.fields,
                    recipients
                        .first()
                        .map(ToString::to_string)
                        .unwrap_or_default(),
                );
                let size = sizes.of(number, self.seed);
                let octets = size.saturating_sub(head.len() as u64).max(2);
                Body::Text { text, octets }
            }
        };
        LoadMessage {
            recipients,
            head,
            body,
        }
    }
}

/// One message.
pub struct LoadMessage<'t> {
    pub recipients: Vec<Address>,
    head: String,
    body: Body<'t>,
}

#[derive(Clone, Copy)]
enum Body<'t> {
    /// The lines of `text`, again and again.
    Text {
        text: &'t [u8],
        octets: u64,
    },
    Ready(&'t Message),
}

impl LoadMessage<'_> {
    /// Octets of its simplest form, before dot-stuffing.
    pub fn size(&self) -> u64 {
        self.simplest().map_or(0, |shape| shape.size)
    }
}

impl Replay for LoadMessage<'_> {
    fn shape(&self, accepts: Accepts) -> Option<Shape> {
        let head = self.head.len() as u64;
        match self.body {
            Body::Text { octets, .. } => Some(Shape {
                transport: BodyType::SevenBit,
                utf8: false,
                size: head + octets,
            }),
            Body::Ready(message) => {
                let shape = message.shape(accepts)?;
                Some(Shape {
                    size: head + shape.size,
                    ..shape
                })
            }
        }
    }

    fn blocks(&self, shape: Shape) -> Box<dyn Blocks + '_> {
        let head = Some(self.head.as_str());
        match self.body {
            Body::Text { text, octets } => Box::new(TextBlocks {
                head,
                text,
                left: octets,
            }),
            Body::Ready(message) => {
                let shape = Shape {
                    size: shape.size - self.head.len() as u64,
                    ..shape
                };
                Box::new(ReadyBlocks {
                    head,
                    rest: message.blocks(shape),
                })
            }
        }
    }
}

struct TextBlocks<'m> {
    head: Option<&'m str>,
    text: &'m [u8],
    left: u64,
}

impl Blocks for TextBlocks<'_> {
    fn append(&mut self, out: &mut Vec<u8>) -> io::Result<Block> {
        if self.left == 0 {
            return Ok(Block::End);
        }
        out.extend_from_slice(self.head.take().unwrap_or_default().as_bytes());
        if self.left > self.text.len() as u64 + 2 {
            out.extend_from_slice(self.text);
            self.left -= self.text.len() as u64;
            return Ok(Block::DotFree);
        }
        // The last line may be cut off, between its CR and LF as well.
        let length = usize::try_from(self.left)
            .unwrap_or_default()
            .saturating_sub(2);
        out.extend_from_slice(&self.text[..length]);
        if length > 0
            && let Some(last) = out.last_mut()
            && *last == b'\r'
        {
            *last = b'x';
        }
        out.extend_from_slice(b"\r\n");
        self.left = 0;
        Ok(Block::DotFree)
    }
}

struct ReadyBlocks<'m> {
    head: Option<&'m str>,
    rest: Box<dyn Blocks + 'm>,
}

impl Blocks for ReadyBlocks<'_> {
    fn append(&mut self, out: &mut Vec<u8>) -> io::Result<Block> {
        if let Some(head) = self.head.take() {
            out.extend_from_slice(head.as_bytes());
            return Ok(Block::DotFree);
        }
        self.rest.append(out)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn template(size: &str, to: &str, recipients: u64) -> MessageTemplate {
        let sizes = Sizes::parse(size, |text| text.parse().map_err(|_| text.to_owned())).unwrap();
        let to = RecipientTemplate::parse(to).unwrap();
        let sender = Address::parse("a@example.com").unwrap();
        MessageTemplate::new(Some(sender), (to, recipients), sizes, 1)
    }

    fn read(message: &LoadMessage<'_>) -> Vec<u8> {
        let shape = message.simplest().unwrap();
        let mut blocks = message.blocks(shape);
        let mut out = Vec::new();
        while blocks.append(&mut out).unwrap() != Block::End {}
        assert_eq!(out.len() as u64, shape.size);
        out
    }

    #[test]
    fn messages_have_exactly_their_size_and_no_bare_line_ends() {
        for size in (600..900).chain([TEXT - 1, TEXT, TEXT + 400, 3 * TEXT + 77]) {
            let template = template(&size.to_string(), "b@example.com", 1);
            let text = read(&template.message(7));
            assert_eq!(text.len(), size);
            assert!(text.ends_with(b"\r\n"));
            let text = String::from_utf8(text).unwrap();
            assert!(!text.replace("\r\n", "").contains(['\r', '\n']), "{size}");
            assert!(
                text.lines()
                    .all(|line| line.len() < LINE + 60 && !line.starts_with('.'))
            );
        }
    }

    #[test]
    fn recipients_are_numbered_through_all_messages() {
        let template = template("600", "u{n}@example.com", 3);
        let message = template.message(2);
        let names: Vec<String> = message.recipients.iter().map(ToString::to_string).collect();
        assert_eq!(
            names,
            ["u6@example.com", "u7@example.com", "u8@example.com"]
        );
        let text = String::from_utf8(read(&message)).unwrap();
        assert!(
            text.contains("\r\nTo: u6@example.com\r\nSubject: ehlo bench 2\r\n"),
            "{text}"
        );
        assert!(RecipientTemplate::parse("{n}").is_err());
    }
}
