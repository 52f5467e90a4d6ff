//! Delivery status notifications (RFC 3464): the result of a delivery, for the sender of the message and
//! for programs. A report is a stream as every message is: the returned original is never in memory as a
//! whole.

mod short;
mod status;
mod stream;
#[cfg(test)]
mod tests;
mod text;

use crate::mail::address::{Address, ListEntry, Mailbox};
use crate::mail::envelope::{Dsn, Envelope};
use crate::mail::message::encode::{Encoder, QuotedPrintable};
use crate::mail::message::head::MAX_LINE;
use crate::mail::message::header::addresses;
use crate::mail::message::{message_id, token};
use crate::smtp::blocks::{Block, BodyType, Replay};
use crate::system::host;
use crate::system::time::header_date;
pub use short::without_body;
use std::io;
use std::time::SystemTime;
use stream::{DsnForm, ReturnedMessage};

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

/// A report that is ready to be sent.
pub struct ReportMessage<'m> {
    /// From the null sender to the sender of the message, so that no report is sent about a report (R38).
    pub envelope: Envelope,
    /// True if the header contains raw UTF-8 (RFC 6532).
    pub utf8_header: bool,
    /// Forms of the report for servers with increasing capabilities.
    forms: Vec<DsnForm<'m>>,
}

impl DeliveryStatusReport<'_> {
    /// Builds the report with the returned part of the original.
    ///
    /// # Errors
    /// The original cannot be read.
    pub fn write<'m>(
        &self,
        original: &'m dyn Replay,
        now: SystemTime,
    ) -> io::Result<ReportMessage<'m>> {
        let author = daemon(self.reporting_mta)?;
        let writer = DsnWriter {
            report: self,
            fields: own_fields(self, &author, now),
            boundary: token(),
            header: header_of(original)?,
        };
        let forms = match self.returned {
            Returned::Whole => writer.forms_with_whole(original),
            Returned::Header => vec![writer.form_with_header()],
        };
        Ok(ReportMessage {
            envelope: Envelope {
                sender: None,
                recipients: vec![self.sender.clone()],
                dsn: Dsn::default(),
            },
            utf8_header: self.sender.needs_utf8(),
            forms,
        })
    }
}

fn daemon(reporting_mta: &str) -> io::Result<Address> {
    let names = [&host::mail_domain(), reporting_mta, "localhost"];
    let mut all = names
        .iter()
        .filter_map(|name| Address::of("MAILER-DAEMON", name).ok());
    all.next()
        .ok_or_else(|| io::Error::other("this host has no name that mail could come from"))
}

/// The header of the report, except for the fields that depend on the returned part.
fn own_fields(report: &DeliveryStatusReport, author: &Address, now: SystemTime) -> String {
    let mailbox = |name: Option<&str>, address: &Address| {
        [ListEntry::Mailbox(Mailbox {
            name: name.map(str::to_owned),
            address: address.clone(),
        })]
    };
    let from = addresses("From", &mailbox(Some("Mail Delivery System"), author));
    let to = addresses("To", &mailbox(None, report.sender));
    format!(
        "Date: {}\r\n{from}{to}Subject: {}\r\nMessage-ID: {}\r\n\
         Auto-Submitted: auto-replied\r\nMIME-Version: 1.0\r\n",
        header_date(now),
        text::subject(report.kind),
        message_id(author, now)
    )
}

/// The header of a message up to the size that is returned: whole lines, without the empty line.
fn header_of(original: &dyn Replay) -> io::Result<Vec<u8>> {
    let shape = original.shape(BodyType::Binary.with_utf8());
    let shape = shape.ok_or_else(|| io::Error::other("the message cannot be read in any way"))?;
    let mut blocks = original.blocks(shape);
    let mut read = Vec::new();
    let mut end = None;
    while end.is_none() && read.len() < MAX_RETURNED_HEADER {
        let known = read.len().saturating_sub(3);
        if blocks.append(&mut read)? == Block::End {
            break;
        }
        let empty_line = memchr::memmem::find(&read[known..], b"\r\n\r\n");
        end = empty_line.map(|at| known + at + 2);
    }
    read.truncate(end.unwrap_or(read.len()));
    Ok(header_of_lines(read))
}

/// The header at the beginning of a message.
fn header_of_lines(mut read: Vec<u8>) -> Vec<u8> {
    if read.starts_with(b"\r\n") {
        return Vec::new();
    }
    let end = memchr::memmem::find(&read, b"\r\n\r\n").map(|at| at + 2);
    read.truncate(end.unwrap_or(read.len()).min(MAX_RETURNED_HEADER));
    let last = memchr::memmem::rfind(&read, b"\r\n").map_or(0, |at| at + 2);
    read.truncate(last);
    read
}

/// A report being written.
struct DsnWriter<'r> {
    report: &'r DeliveryStatusReport<'r>,
    fields: String,
    boundary: String,
    header: Vec<u8>,
}

impl DsnWriter<'_> {
    /// One form for each form of the original, and one with the header only for servers that accept none of
    /// them.
    fn forms_with_whole<'m>(&self, original: &'m dyn Replay) -> Vec<DsnForm<'m>> {
        let mut forms: Vec<DsnForm> = Vec::new();
        for able in [BodyType::SevenBit, BodyType::EightBit, BodyType::Binary] {
            let Some(shape) = original.shape(able.with_utf8()) else {
                continue;
            };
            let asked = if self.header.is_ascii() {
                shape.transport
            } else {
                shape.transport.max(BodyType::EightBit)
            };
            if asked == able {
                forms.push(self.form_with_whole(
                    asked,
                    ReturnedMessage {
                        message: original,
                        shape,
                    },
                ));
            }
        }
        if !forms
            .iter()
            .any(|form| form.shape.transport == BodyType::SevenBit)
        {
            forms.push(self.form_with_header());
        }
        forms
    }

    fn form_with_whole<'m>(&self, asked: BodyType, original: ReturnedMessage<'m>) -> DsnForm<'m> {
        let encoding = match asked {
            BodyType::SevenBit => "",
            BodyType::EightBit => "Content-Transfer-Encoding: 8bit\r\n",
            BodyType::Binary => "Content-Transfer-Encoding: binary\r\n",
        };
        // RFC 6532 §3.7: a message with raw UTF-8 in its header is not a message/rfc822.
        let kind = if self.header.is_ascii() {
            "message/rfc822"
        } else {
            "message/global"
        };
        let mut before = self.beginning(encoding, Returned::Whole);
        let part =
            format!("Content-Description: Message\r\nContent-Type: {kind}\r\n{encoding}\r\n");
        before.extend_from_slice(part.as_bytes());
        DsnForm::new(asked, before, Some(original), self.end())
    }

    fn form_with_header(&self) -> DsnForm<'static> {
        let mut out = self.beginning("", Returned::Header);
        let content = TextPart {
            description: "Header of the message",
            kind: "text/rfc822-headers",
            text: &self.header,
        };
        content.write(&mut out);
        DsnForm::new(BodyType::SevenBit, out, None, self.end())
    }

    /// Everything up to the header of the third part.
    fn beginning(&self, encoding: &str, returned: Returned) -> Vec<u8> {
        let Self {
            fields, boundary, ..
        } = self;
        let mut out = format!(
            "{fields}Content-Type: multipart/report; report-type=delivery-status;\r\n \
             boundary={boundary}\r\n{encoding}\r\n--{boundary}\r\n"
        )
        .into_bytes();
        let text = text::notification(self.report, returned, &self.header);
        let notification = TextPart {
            description: "Notification",
            kind: "text/plain; charset=utf-8",
            text: text.as_bytes(),
        };
        notification.write(&mut out);
        let status = status::delivery_status(self.report);
        let part = format!(
            "\r\n--{boundary}\r\nContent-Description: Delivery report\r\n\
             Content-Type: message/delivery-status\r\n\r\n{status}\r\n--{boundary}\r\n"
        );
        out.extend_from_slice(part.as_bytes());
        out
    }

    fn end(&self) -> Vec<u8> {
        format!("\r\n--{}--\r\n", self.boundary).into_bytes()
    }
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
