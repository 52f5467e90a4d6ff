//! Delivery status notifications (RFC 3464): the result of a delivery, for the sender of the message and
//! for programs. A report is a stream as every message is: the returned original is never in memory as a
//! whole.

mod parts;
#[cfg(test)]
mod tests;

use crate::mail::address::{Address, ListEntry, Mailbox};
use crate::mail::crypt::CryptOptions;
use crate::mail::dkim::Signer;
use crate::mail::envelope::{Dsn, Envelope};
use crate::mail::message::BuildNotes;
use crate::mail::message::encode::{Encoder, MAX_LINE, QuotedPrintable};
use crate::mail::message::entity::composite_encoding;
use crate::mail::message::fields::{message_id, token};
use crate::mail::message::finish::{UnfinishedBody, UnfinishedMessage};
use crate::mail::message::header_block::{header_of, header_of_lines};
use crate::mail::message::header_reader::{HeaderMode, MessageHeader, RawField};
use crate::mail::message::header_writer::addresses;
use crate::mail::message::source::Source;
use crate::mail::message::stream::{BodyVariant, Message, Segment};
use crate::smtp::blocks::{Block, BodyType, Replay};
use crate::system::host;
use crate::system::time::header_date;
use memchr::memmem::find;
use parts::{HEADER_FOLLOWS, MESSAGE_FOLLOWS};
use std::io;
use std::time::SystemTime;

/// Maximum size of a returned header. The rest of a larger one is of no use.
const MAX_RETURNED_HEADER: usize = 64 * 1024;

/// A report about a message.
#[derive(Clone, Debug)]
pub struct DeliveryStatusReport<'a> {
    /// The queue ID of the message.
    pub id: &'a str,
    /// The name of this host.
    pub reporting_mta: &'a str,
    /// The sender of the message. The report is sent to this address.
    pub sender: &'a Address,
    /// Time at which the message was committed to the queue.
    pub arrived: SystemTime,
    /// The sender's envelope identifier (RFC 3461 §4.4), before xtext encoding.
    pub envid: Option<&'a str>,
    pub kind: ReportKind,
    /// The recipients reported about; at least one.
    pub recipients: Vec<Reported<'a>>,
    /// The part of the message that is returned.
    pub returned: Returned,
}

/// The event that is reported.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ReportKind {
    /// Delivery failed permanently.
    Failed,
    /// Delivery is delayed.
    Delayed {
        /// Time after which delivery is given up.
        retry_until: SystemTime,
    },
    /// A server that sends no reports accepted it.
    Relayed,
}

/// The result for one recipient. All of it may come from a server, and is sanitized here.
#[derive(Clone, Debug)]
pub struct Reported<'a> {
    pub address: &'a Address,
    /// The sender's name for the recipient (ORCPT): a type, a semicolon and an address (RFC 3461 §4.2).
    pub original: Option<&'a str>,
    /// The result, as a sentence.
    pub words: &'a str,
    /// The server's reply. `None`: the result does not come from a server.
    pub diagnostic: Option<&'a str>,
    /// The enhanced status code (RFC 3463). `None`: there is none.
    pub status: Option<&'a str>,
    /// The server's name, possibly with its address.
    pub remote_mta: Option<&'a str>,
    /// Time of the last attempt.
    pub last_attempt: Option<SystemTime>,
}

/// The part of a message that is returned (RFC 3461 §4.3).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Returned {
    /// All of it, or the header for a server that cannot accept the whole.
    Whole,
    Header,
}

impl DeliveryStatusReport<'_> {
    /// Builds the report with the returned part of the original. It is from the null sender to the sender of the
    /// message, so that no report is sent about a report (RFC 5321 §6.1).
    ///
    /// # Errors
    /// The original cannot be read.
    pub fn write<'m>(
        &self,
        original: &'m dyn Replay,
        signer: &Signer,
        now: SystemTime,
    ) -> io::Result<Message<&'m dyn Replay>> {
        let author = daemon(self.reporting_mta)?;
        let writer = DsnWriter {
            report: self,
            boundary: token(),
            header: header_of(original, MAX_RETURNED_HEADER)?,
        };
        let variants = match self.returned {
            Returned::Whole => writer.with_message(original),
            Returned::Header => vec![writer.with_header()],
        };
        let envelope = Envelope {
            sender: None,
            recipients: vec![self.sender.clone()],
            dsn: Dsn::default(),
        };
        let message = unfinished(envelope, fields(self, &author, now), variants);
        let finished = message.finish(None, &signer.lenient(), now);
        finished.map_err(io::Error::other)
    }
}

fn unfinished<E>(
    envelope: Envelope,
    fields: Vec<RawField>,
    variants: Vec<BodyVariant<E>>,
) -> UnfinishedMessage<E> {
    UnfinishedMessage {
        envelope,
        fields,
        body: UnfinishedBody::Variants(variants),
        utf8: true,
        missing: None,
        crypt: CryptOptions::default(),
        keeps_bcc: false,
        notes: BuildNotes::default(),
    }
}

fn daemon(reporting_mta: &str) -> io::Result<Address> {
    let names = [&host::mail_domain(), reporting_mta, "localhost"];
    let mut all = names
        .iter()
        .filter_map(|name| Address::of("MAILER-DAEMON", name).ok());
    all.next()
        .ok_or_else(|| io::Error::other("this host has no name to use as the origin of mail"))
}

/// The header fields of the report, except for those of its variants.
fn fields(report: &DeliveryStatusReport, author: &Address, now: SystemTime) -> Vec<RawField> {
    let mailbox = |name: Option<&str>, address: &Address| {
        [ListEntry::Mailbox(Mailbox {
            name: name.map(str::to_owned),
            address: address.clone(),
        })]
    };
    let from = mailbox(Some("Mail Delivery System"), author);
    let line = |name: &str, value: &str| RawField::made(name, format!("{name}: {value}\r\n"));
    vec![
        line("Date", &header_date(now)),
        RawField::made("From", addresses("From", &from)),
        RawField::made("To", addresses("To", &mailbox(None, report.sender))),
        line("Subject", parts::subject(report.kind)),
        line("Message-ID", &message_id(author, now)),
        line("Auto-Submitted", "auto-replied"),
        line("MIME-Version", "1.0"),
    ]
}

/// A report being written.
struct DsnWriter<'r> {
    report: &'r DeliveryStatusReport<'r>,
    boundary: String,
    /// The header of the original.
    header: Vec<u8>,
}

impl DsnWriter<'_> {
    /// One variant for each of the original, and one with the header only for servers that accept none of
    /// them.
    fn with_message<'m>(&self, original: &'m dyn Replay) -> Vec<BodyVariant<&'m dyn Replay>> {
        let mut variants: Vec<BodyVariant<&dyn Replay>> = Vec::new();
        for accepts in [BodyType::SevenBit, BodyType::EightBit, BodyType::Binary] {
            let Some(shape) = original.shape(accepts.with_utf8()) else {
                continue;
            };
            let needed = if self.header.is_ascii() {
                shape.transport
            } else {
                shape.transport.max(BodyType::EightBit)
            };
            if needed == accepts {
                variants.push(self.variant_with(needed, Segment::Enclosed(original, shape)));
            }
        }
        let mut types = variants.iter().map(|variant| variant.body_type);
        if !types.any(|body_type| body_type == BodyType::SevenBit) {
            variants.push(self.with_header());
        }
        variants
    }

    fn variant_with<'m>(
        &self,
        body_type: BodyType,
        original: Segment<&'m dyn Replay>,
    ) -> BodyVariant<&'m dyn Replay> {
        let encoding = composite_encoding(body_type);
        // RFC 6532 §3.7: a message with raw UTF-8 in its header is not a message/rfc822.
        let kind = if self.header.is_ascii() {
            "message/rfc822"
        } else {
            "message/global"
        };
        let mut parts = self.first_parts(Returned::Whole);
        let header =
            format!("Content-Description: Message\r\nContent-Type: {kind}\r\n{encoding}\r\n");
        parts.extend_from_slice(header.as_bytes());
        BodyVariant {
            body_type,
            fields: self.content_type() + encoding,
            segments: vec![
                Segment::Lines(parts),
                original,
                Segment::lines(last_boundary(&self.boundary)),
            ],
        }
    }

    fn with_header<E>(&self) -> BodyVariant<E> {
        let mut parts = self.first_parts(Returned::Header);
        let content = TextPart {
            description: "Header of the message",
            kind: "text/rfc822-headers",
            text: &self.header,
        };
        content.write(&mut parts);
        BodyVariant {
            body_type: BodyType::SevenBit,
            fields: self.content_type(),
            segments: vec![
                Segment::Lines(parts),
                Segment::lines(last_boundary(&self.boundary)),
            ],
        }
    }

    fn content_type(&self) -> String {
        let boundary = &self.boundary;
        format!(
            "Content-Type: multipart/report; report-type=delivery-status;\r\n boundary={boundary}\r\n"
        )
    }

    /// The body up to the header of the third part.
    fn first_parts(&self, returned: Returned) -> Vec<u8> {
        let boundary = &self.boundary;
        let mut out = format!("--{boundary}\r\n").into_bytes();
        let text = parts::notification(self.report, returned, &self.header);
        let notification = TextPart {
            description: "Notification",
            kind: "text/plain; charset=utf-8",
            text: text.as_bytes(),
        };
        notification.write(&mut out);
        let status = parts::delivery_status(self.report);
        let part = format!(
            "\r\n--{boundary}\r\nContent-Description: Delivery report\r\n\
             Content-Type: message/delivery-status\r\n\r\n{status}\r\n--{boundary}\r\n"
        );
        out.extend_from_slice(part.as_bytes());
        out
    }
}

fn last_boundary(boundary: &str) -> String {
    format!("\r\n--{boundary}--\r\n")
}

/// The empty line after a header, with the end of the line before it.
const EMPTY_LINE: &[u8] = b"\r\n\r\n";

/// A report that was built before, with the header of the enclosed message only. `None`: it does not enclose a whole
/// message.
///
/// # Errors
/// The report cannot be read.
pub fn without_body(
    report: &dyn Replay,
    signer: &Signer,
    now: SystemTime,
) -> io::Result<Option<Message>> {
    let Some(read) = beginning_of(report)? else {
        return Ok(None);
    };
    let Beginning {
        octets,
        boundary,
        part,
        message,
    } = read;
    let own = String::from_utf8_lossy(&octets[..part]);
    let own = own.replacen(MESSAGE_FOLLOWS, HEADER_FOLLOWS, 1);
    let (header, body) = own.split_once("\r\n\r\n").unwrap_or((&own, ""));
    let header = Source::memory("the report".to_owned(), header.as_bytes().to_vec());
    let header = MessageHeader::read(&header, HeaderMode::Lenient).map_err(io::Error::other)?;
    let mut fields = header.fields;
    // The signature is invalid without the message.
    let is_kept = |field: &RawField| {
        field.name != "content-transfer-encoding" && field.name != "dkim-signature"
    };
    fields.retain(is_kept);
    let mut out = format!("{body}\r\n--{boundary}\r\n").into_bytes();
    TextPart {
        description: "Header of the message",
        kind: "text/rfc822-headers",
        text: &header_of_lines(octets[message..].to_vec(), MAX_RETURNED_HEADER),
    }
    .write(&mut out);
    out.extend_from_slice(last_boundary(&boundary).as_bytes());
    let variant = BodyVariant {
        body_type: BodyType::SevenBit,
        fields: String::new(),
        segments: vec![Segment::Lines(out)],
    };
    let message = unfinished(Envelope::default(), fields, vec![variant]);
    let finished = message.finish(None, &signer.lenient(), now);
    finished.map(Some).map_err(io::Error::other)
}

/// A report up to the end of the header of the message in it.
struct Beginning {
    octets: Vec<u8>,
    boundary: String,
    /// Offset of the part that encloses the message, with the CRLF before its boundary.
    part: usize,
    /// Offset of the message.
    message: usize,
}

fn beginning_of(report: &dyn Replay) -> io::Result<Option<Beginning>> {
    let shape = report.shape(BodyType::Binary.with_utf8());
    let shape = shape.ok_or_else(|| io::Error::other("the report cannot be parsed"))?;
    let mut blocks = report.blocks(shape);
    let mut octets = Vec::new();
    let mut is_over = false;
    loop {
        if let Some((boundary, part, message)) = offsets(&octets) {
            let enclosed = &octets[message..];
            let is_whole = enclosed.starts_with(b"\r\n") || find(enclosed, EMPTY_LINE).is_some();
            if is_over || is_whole || enclosed.len() > MAX_RETURNED_HEADER {
                return Ok(Some(Beginning {
                    octets,
                    boundary,
                    part,
                    message,
                }));
            }
        }
        if is_over {
            return Ok(None);
        }
        is_over = blocks.append(&mut octets)? == Block::End;
    }
}

/// The boundary of a report, and the offsets of its last part and of the message in that part.
fn offsets(octets: &[u8]) -> Option<(String, usize, usize)> {
    let head = &octets[..find(octets, EMPTY_LINE)?];
    let name = b"\r\n boundary=";
    let boundary = &head[find(head, name)? + name.len()..];
    let boundary = boundary.split(|&octet| octet == b'\r').next()?;
    let boundary = String::from_utf8(boundary.to_vec()).ok()?;
    let begin =
        format!("\r\n--{boundary}\r\nContent-Description: Message\r\nContent-Type: message/");
    let part = find(octets, begin.as_bytes())?;
    let content = part + begin.len();
    let message = content + find(&octets[content..], EMPTY_LINE)? + EMPTY_LINE.len();
    Some((boundary, part, message))
}

/// A part of text with CRLF line ends: unencoded if every server accepts it, else quoted-printable.
struct TextPart<'t> {
    description: &'t str,
    kind: &'t str,
    text: &'t [u8],
}

impl TextPart<'_> {
    fn write(&self, out: &mut Vec<u8>) {
        let Self {
            description,
            kind,
            text,
        } = self;
        let mut lines = text.split(|&byte| byte == b'\n');
        let is_plain = text.is_ascii() && lines.all(|line| line.len() <= MAX_LINE + 1);
        let encoding = if is_plain { "7bit" } else { "quoted-printable" };
        let header = format!(
            "Content-Description: {description}\r\nContent-Type: {kind}\r\n\
             Content-Transfer-Encoding: {encoding}\r\n\r\n"
        );
        out.extend_from_slice(header.as_bytes());
        if is_plain {
            out.extend_from_slice(text);
            return;
        }
        let mut encoder = QuotedPrintable::default();
        encoder.push(text, out);
        encoder.finish(out);
    }
}
