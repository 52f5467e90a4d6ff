//! The finishing point. Every message passes [`UnfinishedMessage::finish`], however it came in: composed, `--message`,
//! the sendmail front, `-bs`, mail from jobs, delivery reports. Nothing changes its content after that, except for
//! the conversion to what a server accepts (`convert`).

use crate::mail::address::{Address, ListEntry, Mailbox, parse_list};
use crate::mail::crypt::CryptOptions;
use crate::mail::dkim::Signer;
use crate::mail::envelope::Envelope;
use crate::mail::message::convert::{Signed, made_valid};
use crate::mail::message::fields::{FieldRepair, is_removed, message_id, undisclosed};
use crate::mail::message::header_reader::{HeaderMode, MessageHeader, RawField, last_resent};
use crate::mail::message::header_writer::addresses;
use crate::mail::message::protect::{HiddenRecipients, Unprotected, protect};
use crate::mail::message::signing::sign;
use crate::mail::message::source::Source;
use crate::mail::message::stream::{BodyVariant, EMPTY_LINE, Message, PartEncoding, Segment};
use crate::mail::message::{BuildNotes, MessageError};
use crate::mail::rewrite::{OriginalAddress, Rewriter};
use crate::smtp::blocks::{Nothing, Replay};
use crate::system::text::without_controls;
use crate::system::time::header_date;
use std::sync::Arc;
use std::time::SystemTime;

/// A message before its last step.
pub struct UnfinishedMessage<E = Nothing> {
    pub envelope: Envelope,
    /// The header fields, except for those of the body's variants.
    pub fields: Vec<RawField>,
    pub body: UnfinishedBody<E>,
    /// True if raw UTF-8 in the header is kept; else it is encoded.
    pub utf8: bool,
    /// Handling of missing header fields. `None`: nothing is added.
    pub missing: Option<MissingFields>,
    /// End-to-end signature and encryption.
    pub crypt: CryptOptions,
    /// True if Bcc is not removed.
    pub keeps_bcc: bool,
    pub notes: BuildNotes,
}

pub enum UnfinishedBody<E> {
    /// Variants that are valid, the one with the lowest requirements first.
    Variants(Vec<BodyVariant<E>>),
    /// A body that was built elsewhere. It is not changed unless it contains something that servers need not
    /// accept.
    Existing(ExistingBody),
}

pub struct ExistingBody {
    pub source: Source,
    /// Offset of the body in the source.
    pub offset: u64,
    pub signed: Signed,
}

/// The fields that RFC 5322 §3.6 requires, to be added if they are missing.
pub struct MissingFields {
    pub date: bool,
    pub message_id: bool,
    pub from: bool,
    /// To without an address, if there is no Cc either.
    pub to: bool,
    pub author: Author,
}

/// The author of a message that does not name one.
pub enum Author {
    Entry(ListEntry),
    /// The envelope sender, or the user if that is the null sender, with this display name. It is also the
    /// author of the fields that a resent message lacks (RFC 5322 §3.6.6).
    Sender(Option<String>),
}

impl<E: Replay> UnfinishedMessage<E> {
    /// Makes the message final: removes and adds header fields, rewrites addresses, makes header and body valid,
    /// signs and encrypts the content (`protect`), and signs the result with DKIM (`signing`).
    pub fn finish(
        self,
        rewriter: Option<&Rewriter>,
        signer: &Signer,
        now: SystemTime,
    ) -> Result<Message<E>, MessageError> {
        let messages = self.finish_for(HiddenRecipients::Refused, rewriter, signer, now)?;
        messages.into_iter().next().ok_or(MessageError::NoRecipient)
    }

    /// Makes the message final, as `finish`, but handles hidden recipients in this way: there may be several messages,
    /// each for other recipients.
    pub fn finish_for(
        self,
        hidden: HiddenRecipients,
        rewriter: Option<&Rewriter>,
        signer: &Signer,
        now: SystemTime,
    ) -> Result<Vec<Message<E>>, MessageError> {
        let resent = last_resent(&self.fields).into_iter();
        let resent: Vec<String> = resent.map(|field| field.name.clone()).collect();
        let mut header = FinalHeader {
            envelope: &self.envelope,
            rewriter,
            repair: FieldRepair::new(self.utf8),
            keeps_bcc: self.keeps_bcc,
            fields: Vec::new(),
        };
        header.add_given(self.fields)?;
        if let Some(missing) = &self.missing {
            header.add_all_missing(missing, &resent, now)?;
        }
        let FinalHeader {
            repair, mut fields, ..
        } = header;
        let mut notes = self.notes;
        // Only a submission reports the fields that were repaired.
        if rewriter.is_some() {
            notes.remarks.extend(repair.remarks);
            notes.warnings.extend(repair.warnings);
        }
        let variants = match self.body {
            UnfinishedBody::Variants(variants) => variants,
            UnfinishedBody::Existing(body) => {
                vec![body.variant(&mut fields, &mut notes.remarks)?]
            }
        };
        let unprotected = Unprotected {
            fields: &mut fields,
            variants,
            notes: &mut notes,
        };
        let messages = protect(&self.crypt, &self.envelope, unprotected, hidden)?;
        let messages = messages.into_iter().map(|message| {
            let (mut fields, mut variants) = (fields.clone(), message.variants);
            let mut notes = notes.clone();
            let signatures = sign(signer, (&mut fields, &mut variants), &mut notes, now)?;
            let header = octets(&fields);
            Ok(Message {
                envelope: self.envelope.only(message.recipients),
                utf8_header: !header.is_ascii(),
                remarks: notes.remarks,
                warnings: notes.warnings,
                unusable: notes.unusable,
                header,
                header_end: EMPTY_LINE,
                variants,
                signatures,
            })
        });
        messages.collect()
    }
}

fn octets(fields: &[RawField]) -> Vec<u8> {
    let fields: Vec<&[u8]> = fields.iter().map(|field| field.raw.as_slice()).collect();
    fields.concat()
}

impl ExistingBody {
    /// The body with valid lines. If it was encoded for that, the fields are changed to those of the encoded body.
    fn variant<E>(
        self,
        fields: &mut Vec<RawField>,
        remarks: &mut Vec<String>,
    ) -> Result<BodyVariant<E>, MessageError> {
        let Self {
            mut source,
            mut offset,
            signed,
        } = self;
        let mut body_scan = source.scan(offset)?;
        let name = &source.name;
        if body_scan.is_valid() {
            let encoding = PartEncoding::unencoded(&body_scan).encoding.name();
            remarks.push(format!("{name}: sent unchanged, {encoding}"));
        } else {
            let why = "encoded, because it has a NUL or a line over 998 bytes";
            remarks.push(format!("{name}: {why}"));
            let header = [octets(fields), b"\r\n".to_vec()].concat();
            source = made_valid(&header, &source, offset, signed)?;
            let header = MessageHeader::read(&source, HeaderMode::Lenient)?;
            *fields = header.fields;
            offset = header.body_at;
            body_scan = source.scan(offset)?;
        }
        let PartEncoding {
            body_type,
            encoding,
            len,
        } = PartEncoding::unencoded(&body_scan);
        let mut segments = vec![Segment::Content {
            source: Arc::new(source),
            offset,
            encoding,
            len,
        }];
        // A message must end with a line end (RFC 5321 §4.1.1.4).
        if len > 0 && !body_scan.ends_with_line_end {
            segments.push(Segment::lines("\r\n"));
        }
        Ok(BodyVariant {
            body_type,
            fields: String::new(),
            segments,
        })
    }
}

/// The header being made final.
struct FinalHeader<'f> {
    envelope: &'f Envelope,
    rewriter: Option<&'f Rewriter>,
    repair: FieldRepair,
    keeps_bcc: bool,
    fields: Vec<RawField>,
}

impl FinalHeader<'_> {
    /// Adds the given fields, except for those that are removed from every message.
    fn add_given(&mut self, given: Vec<RawField>) -> Result<(), MessageError> {
        let has_reply_to = given.iter().any(|field| field.name == "reply-to");
        let keeps_bcc = self.keeps_bcc;
        let is_kept =
            |field: &RawField| !is_removed(field) || keeps_bcc && field.name.ends_with("bcc");
        let given = given.into_iter().filter(is_kept);
        let Some(rewriter) = self.rewriter else {
            self.fields = given.map(|field| self.repair.valid(field)).collect();
            return Ok(());
        };
        for field in given {
            let name = field.spelling();
            let rewritten = rewriter.header(&name, &field.readable());
            let Some(rewritten) = rewritten.map_err(MessageError::in_place(&name))? else {
                self.fields.push(self.repair.valid(field));
                continue;
            };
            self.push(&name, addresses(&name, &rewritten.entries));
            let original = rewritten.original.into_iter().map(ListEntry::Mailbox);
            let original: Vec<ListEntry> = original.collect();
            let name = match rewriter.original() {
                OriginalAddress::Header => Some("X-Original-From"),
                OriginalAddress::ReplyTo if !has_reply_to => Some("Reply-To"),
                OriginalAddress::ReplyTo | OriginalAddress::Nowhere => None,
            };
            if let Some(name) = name.filter(|_| !original.is_empty()) {
                self.push(name, addresses(name, &original));
            }
        }
        Ok(())
    }

    fn push(&mut self, name: &str, text: String) {
        self.fields.push(RawField::made(name, text));
    }

    fn lacks(&self, name: &str) -> bool {
        !self.fields.iter().any(|field| field.name == name)
    }

    /// Adds what is missing to the header, and to the block of Resent fields with these names.
    fn add_all_missing(
        &mut self,
        missing: &MissingFields,
        resent: &[String],
        now: SystemTime,
    ) -> Result<(), MessageError> {
        self.add_missing(missing, now)?;
        if let Author::Sender(name) = &missing.author {
            self.add_missing_resent(resent, name.as_deref(), now)?;
        }
        Ok(())
    }

    fn add_missing(
        &mut self,
        missing: &MissingFields,
        now: SystemTime,
    ) -> Result<(), MessageError> {
        if missing.date && self.lacks("date") {
            self.push("Date", format!("Date: {}\r\n", header_date(now)));
        }
        // The domain of the Message-ID is that of the author, which From may have to name first.
        if let Author::Entry(_) = missing.author {
            self.add_missing_id(missing, now)?;
        }
        if missing.from && self.lacks("from") {
            let from = match &missing.author {
                Author::Entry(entry) => entry.clone(),
                Author::Sender(name) => ListEntry::Mailbox(self.sender(name.as_deref())?),
            };
            self.push("From", addresses("From", &[from]));
        }
        self.add_missing_id(missing, now)?;
        if missing.to && self.lacks("to") && self.lacks("cc") {
            self.push("To", undisclosed());
        }
        Ok(())
    }

    fn add_missing_id(
        &mut self,
        missing: &MissingFields,
        now: SystemTime,
    ) -> Result<(), MessageError> {
        if missing.message_id
            && self.lacks("message-id")
            && let Some(author) = self.first_author(&missing.author)?
        {
            let id = message_id(&author, now);
            self.push("Message-ID", format!("Message-ID: {id}\r\n"));
        }
        Ok(())
    }

    /// Adds the missing fields of a message that was resent, before its other Resent fields.
    fn add_missing_resent(
        &mut self,
        resent: &[String],
        name: Option<&str>,
        now: SystemTime,
    ) -> Result<(), MessageError> {
        if resent.is_empty() {
            return Ok(());
        }
        let lacks = |name: &str| !resent.iter().any(|field| field == name);
        let author = self.sender(name)?;
        let mut added = Vec::new();
        if lacks("resent-date") {
            let text = format!("Resent-Date: {}\r\n", header_date(now));
            added.push(RawField::made("Resent-Date", text));
        }
        if lacks("resent-message-id") {
            let id = message_id(&author.address, now);
            let text = format!("Resent-Message-ID: {id}\r\n");
            added.push(RawField::made("Resent-Message-ID", text));
        }
        if lacks("resent-from") {
            let text = addresses("Resent-From", &[ListEntry::Mailbox(author)]);
            added.push(RawField::made("Resent-From", text));
        }
        let is_resent = |field: &RawField| field.name.starts_with("resent-");
        let at = self.fields.iter().position(is_resent).unwrap_or(0);
        self.fields.splice(at..at, added);
        Ok(())
    }

    /// The envelope sender as an author, or the user if that is the null sender.
    fn sender(&self, name: Option<&str>) -> Result<Mailbox, MessageError> {
        let address = match &self.envelope.sender {
            Some(sender) => sender.clone(),
            None => self.login()?,
        };
        let name = name.map(without_controls);
        Ok(Mailbox {
            name: name.filter(|name| !name.is_empty()),
            address,
        })
    }

    fn login(&self) -> Result<Address, MessageError> {
        let login = self
            .rewriter
            .map(|rewriter| rewriter.sender(&crate::system::user::login()));
        let login = login.transpose().map_err(MessageError::in_place("From"))?;
        login.flatten().ok_or_else(|| MessageError::Field {
            name: "From".to_owned(),
            why: "is missing, and the current user has no name; set the author with -f",
        })
    }

    /// The address that determines the domain of a new Message-ID. `None`: the author is an empty group.
    fn first_author(&self, author: &Author) -> Result<Option<Address>, MessageError> {
        let first = |entries: &[ListEntry]| {
            let mut mailboxes = entries.iter().flat_map(ListEntry::mailboxes);
            mailboxes.next().map(|mailbox| mailbox.address.clone())
        };
        let name = match author {
            Author::Entry(entry) => return Ok(first(std::slice::from_ref(entry))),
            Author::Sender(name) => name.as_deref(),
        };
        let from = self.fields.iter().find(|field| field.name == "from");
        let from = from.and_then(|field| parse_list(&field.readable()).ok());
        match first(&from.unwrap_or_default()) {
            Some(address) => Ok(Some(address)),
            None => Ok(Some(self.sender(name)?.address)),
        }
    }
}
