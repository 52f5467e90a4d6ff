//! The step of the finishing point that signs and encrypts the content end to end (RFC 1847, RFC 3156, RFC 8551). Its
//! result has one variant, in 7 bit, which nothing converts.

use crate::mail::address::{Address, ListEntry, parse_list};
use crate::mail::crypt::pgp::{self, PgpEncryption};
use crate::mail::crypt::smime::{self, RecipientCertificates};
use crate::mail::crypt::{CryptError, CryptOptions, CryptRecipients, Feed, Method, Pass};
use crate::mail::envelope::Envelope;
use crate::mail::message::convert::{made_robust, seven_bit_parts};
use crate::mail::message::encode::{Encoding, base64_len};
use crate::mail::message::fields::token;
use crate::mail::message::header_reader::RawField;
use crate::mail::message::header_writer::with_parameters;
use crate::mail::message::multipart_signed::{SignedFrame, pgp_lines, smime_lines, while_signed};
use crate::mail::message::protected_header::{announced, hidden};
use crate::mail::message::source::{Source, SourceWriter};
use crate::mail::message::stream::{BodyVariant, EMPTY_LINE, Message, Segment};
use crate::mail::message::{BuildNotes, MessageError};
use crate::smtp::blocks::{Block, BodyType, Replay};
use std::io;
use std::sync::Arc;

/// The content of a message that is protected: a MIME entity with its Content fields, in one variant.
type Content<E> = Message<E>;

/// The parts of a message that this step changes.
pub struct Unprotected<'a, E> {
    /// The header fields without those of the variants.
    pub fields: &'a mut Vec<RawField>,
    pub variants: Vec<BodyVariant<E>>,
    pub notes: &'a mut BuildNotes,
}

/// The handling of hidden recipients if a key list would reveal them to the other recipients.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum HiddenRecipients {
    /// Each gets a message of its own.
    Apart,
    /// They are an error.
    Refused,
}

/// A message for some of the recipients. All have the same header.
pub struct ProtectedMessage<E> {
    pub recipients: Vec<Address>,
    pub variants: Vec<BodyVariant<E>>,
}

/// Signs and encrypts as the options ask for. Without them, nothing is changed.
pub fn protect<E: Replay>(
    options: &CryptOptions,
    envelope: &Envelope,
    message: Unprotected<'_, E>,
    hidden: HiddenRecipients,
) -> Result<Vec<ProtectedMessage<E>>, MessageError> {
    let Unprotected {
        fields,
        mut variants,
        notes,
    } = message;
    let whole = |variants| {
        let recipients = envelope.recipients.clone();
        vec![ProtectedMessage {
            recipients,
            variants,
        }]
    };
    if options.is_off() {
        return Ok(whole(variants));
    }
    let protection = Protection {
        options,
        author: author(fields),
        recipients: CryptRecipients::new(&envelope.recipients, &named_recipients(fields)),
        hidden,
    };
    let announcement = options.autocrypt.then(|| protection.announcement());
    let announcement = announcement.transpose()?;
    let mut protected = protection.messages(fields, &mut variants, notes)?;
    if let [one] = &mut protected[..] {
        one.recipients.clone_from(&envelope.recipients);
    }
    if protected.is_empty() {
        protected = whole(variants);
    } else if !fields.iter().any(|field| field.name == "mime-version") {
        fields.push(RawField::made(
            "MIME-Version",
            "MIME-Version: 1.0\r\n".to_owned(),
        ));
    }
    fields.extend(announcement);
    Ok(protected)
}

/// The first author.
fn author(fields: &[RawField]) -> Option<Address> {
    addresses(fields, &["from"]).into_iter().next()
}

/// The recipients that every reader of the header knows.
fn named_recipients(fields: &[RawField]) -> Vec<Address> {
    addresses(fields, &["to", "cc", "resent-to", "resent-cc"])
}

fn addresses(fields: &[RawField], names: &[&str]) -> Vec<Address> {
    let fields = fields
        .iter()
        .filter(|field| names.contains(&field.name.as_str()));
    let entries = fields.flat_map(|field| parse_list(&field.readable()).unwrap_or_default());
    let entries: Vec<ListEntry> = entries.collect();
    let mailboxes = entries.iter().flat_map(ListEntry::mailboxes);
    mailboxes.map(|mailbox| mailbox.address.clone()).collect()
}

struct Protection<'a> {
    options: &'a CryptOptions,
    author: Option<Address>,
    recipients: CryptRecipients,
    hidden: HiddenRecipients,
}

impl Protection<'_> {
    /// The Autocrypt field.
    fn announcement(&self) -> Result<RawField, MessageError> {
        let Some(author) = &self.author else {
            let why = "From names no address".to_owned();
            return Err(CryptError::Autocrypt(why).into());
        };
        let key = pgp::exported(self.options, author)?;
        Ok(announced(author, &key))
    }

    /// The messages with their protected content. Empty: it stays as it is.
    fn messages<E: Replay>(
        &self,
        fields: &mut Vec<RawField>,
        variants: &mut Vec<BodyVariant<E>>,
        notes: &mut BuildNotes,
    ) -> Result<Vec<ProtectedMessage<E>>, MessageError> {
        let before = Protected::of(fields, variants);
        let sign = self.options.sign.filter(|_| before == Protected::Not);
        let encrypt = self
            .options
            .encrypt
            .filter(|_| before != Protected::Encrypted);
        if before != Protected::Not && (self.options.sign.is_some() || encrypt.is_none()) {
            let remark = "it was signed or encrypted before, and is not signed again";
            notes.remarks.push(remark.to_owned());
        }
        let Some(first) = sign.or(encrypt) else {
            return Ok(Vec::new());
        };
        let option = if sign.is_some() { "sign" } else { "encrypt" };
        let content = self.unprotected(fields, variants);
        let content = robust(content, option, first)?;
        let lists = self.lists(encrypt);
        let contents = self.contents(content, (sign, encrypt), &lists)?;
        notes.remarks.extend(self.remarks(sign, encrypt));
        let messages = lists.iter().zip(contents);
        let messages = messages.map(|(list, content)| {
            let header = String::from_utf8_lossy(&content.header).into_owned();
            let variants = content.variants.into_iter();
            let variants = variants.map(|variant| BodyVariant {
                fields: header.clone() + &variant.fields,
                ..variant
            });
            ProtectedMessage {
                recipients: list.all().map(|(recipient, _)| recipient.clone()).collect(),
                variants: variants.collect(),
            }
        });
        Ok(messages.collect())
    }

    /// The recipients of each message.
    fn lists(&self, encrypt: Option<Method>) -> Vec<CryptRecipients> {
        let has_key_list = encrypt.is_some() && self.options.has_key_list();
        if has_key_list && self.hidden == HiddenRecipients::Apart {
            self.recipients.apart()
        } else {
            vec![self.recipients.clone()]
        }
    }

    /// The protected content for each of the lists.
    fn contents<E: Replay>(
        &self,
        mut content: Content<E>,
        (sign, encrypt): (Option<Method>, Option<Method>),
        lists: &[CryptRecipients],
    ) -> Result<Vec<Content<E>>, MessageError> {
        // gpg does both at once, and S/MIME for one list.
        let is_signed_within = match (sign, encrypt) {
            (Some(Method::Pgp), Some(Method::Pgp)) => true,
            (Some(Method::Smime), Some(_)) => lists.len() == 1,
            _ => false,
        };
        if let Some(method) = sign.filter(|_| !is_signed_within) {
            content = self.signed(content, method)?;
        }
        let encryption = match encrypt {
            None => return Ok(vec![content]),
            Some(Method::Pgp) => Encryption::Pgp,
            Some(Method::Smime) => {
                let certificates = RecipientCertificates::find(self.options, &self.recipients);
                Encryption::Smime(certificates?)
            }
        };
        let within = sign.filter(|_| is_signed_within);
        self.encrypted(&content, (&encryption, within), lists)
    }

    /// Encrypts the content for each of the lists. All of them are in one temporary file: there may be a thousand.
    fn encrypted<E: Replay>(
        &self,
        content: &Content<E>,
        (encryption, sign): (&Encryption, Option<Method>),
        lists: &[CryptRecipients],
    ) -> Result<Vec<Content<E>>, MessageError> {
        let mut stored = SourceWriter::of_ciphertext("the encrypted message");
        let mut ranges = Vec::with_capacity(lists.len());
        for list in lists {
            let start = stored.written();
            read(content, |feed| {
                self.encrypt(feed, (encryption, sign), (list, &mut stored))
            })?;
            ranges.push(start..stored.written());
        }
        let all = Arc::new(stored.finish().map_err(CryptError::Content)?);
        let contents = ranges.into_iter().map(|octets| {
            let source = Source::part(all.name.clone(), &all, octets);
            let variant = match encryption {
                Encryption::Pgp => pgp_encrypted(source),
                Encryption::Smime(_) => enveloped(source),
            };
            entity(Vec::new(), variant)
        });
        Ok(contents.collect())
    }

    /// Encrypts what is fed to it for the recipients of a list, and signs it before by this method.
    fn encrypt(
        &self,
        feed: &mut Feed<'_>,
        (encryption, sign): (&Encryption, Option<Method>),
        (list, stored): (&CryptRecipients, &mut SourceWriter),
    ) -> Result<(), CryptError> {
        let (options, author) = (self.options, self.author.as_ref());
        let mut run = |feed: &mut Feed<'_>| match encryption {
            Encryption::Pgp => {
                let mut armor = Vec::new();
                PgpEncryption {
                    options,
                    recipients: list,
                    author,
                    signs: sign == Some(Method::Pgp),
                }
                .run(Pass {
                    feed,
                    consume: &mut |piece| {
                        armor.clear();
                        pgp::push_armor(piece, &mut armor);
                        stored.push(&armor)
                    },
                })
            }
            Encryption::Smime(certificates) => {
                let consume = &mut |piece: &[u8]| stored.push(piece);
                smime::encrypt(certificates, list, Pass { feed, consume })
            }
        };
        if sign == Some(Method::Smime) {
            let sign = |feed: &mut Feed<'_>| smime::sign(options, author, feed);
            return while_signed(sign, feed, run);
        }
        run(feed)
    }

    fn remarks(&self, sign: Option<Method>, encrypt: Option<Method>) -> Vec<String> {
        let name = |method| match method {
            Method::Pgp => "OpenPGP",
            Method::Smime => "S/MIME",
        };
        let signed = sign.map(|method| format!("signed ({})", name(method)));
        let encrypted = encrypt.map(|method| {
            let count = self.recipients.all().count() as u64;
            let count = crate::system::figures::counted(count, "recipient");
            format!("encrypted ({}) for {count}", name(method))
        });
        signed.into_iter().chain(encrypted).collect()
    }

    /// Moves the Content fields of the message to its content, with the fields that are protected.
    fn unprotected<E>(
        &self,
        fields: &mut Vec<RawField>,
        variants: &mut Vec<BodyVariant<E>>,
    ) -> Content<E> {
        // The one with the lowest requirements.
        let mut variant = variants.swap_remove(0);
        let own = RawField::split(&std::mem::take(&mut variant.fields));
        let is_content = |field: &RawField| field.name.starts_with("content-");
        let mut content: Vec<RawField> = fields.iter().filter(|f| is_content(f)).cloned().collect();
        fields.retain(|field| !is_content(field));
        content.extend(own);
        if !content.iter().any(|field| field.name == "content-type") {
            let default = "Content-Type: text/plain; charset=us-ascii\r\n";
            content.insert(0, RawField::made("Content-Type", default.to_owned()));
        }
        if self.options.hide_subject && self.options.encrypt.is_some() {
            content = hidden(fields, content);
        }
        entity(octets(&content), variant)
    }

    fn signed<E: Replay>(
        &self,
        mut content: Content<E>,
        method: Method,
    ) -> Result<Content<E>, MessageError> {
        let author = self.author.as_ref();
        let (frame, signature) = read(&content, |feed| match method {
            Method::Pgp => pgp::sign(self.options, author, feed)
                .map(|signature| (SignedFrame::pgp(signature.micalg), pgp_lines(&signature))),
            Method::Smime => smime::sign(self.options, author, feed)
                .map(|signature| (SignedFrame::smime(), smime_lines(&signature))),
        })?;
        let mut begin = frame.begin();
        begin.append(&mut content.header);
        begin.extend_from_slice(b"\r\n");
        let mut segments = vec![Segment::Lines(begin)];
        let inner = content.variants.into_iter();
        segments.extend(inner.flat_map(|variant| variant.segments));
        segments.push(Segment::Lines(frame.end(&signature)));
        Ok(entity(Vec::new(), seven_bit(frame.fields(), segments)))
    }
}

/// A way to encrypt, with what all messages need.
enum Encryption {
    Pgp,
    Smime(RecipientCertificates),
}

/// The cryptographic layer that a message has already.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Protected {
    Not,
    Signed,
    Encrypted,
}

impl Protected {
    fn of<E>(fields: &[RawField], variants: &[BodyVariant<E>]) -> Self {
        let own = variants
            .first()
            .map(|variant| RawField::split(&variant.fields));
        let own = own.unwrap_or_default();
        let mut all = fields.iter().chain(&own);
        let kind = all.find(|field| field.name == "content-type");
        let kind = kind.map(RawField::readable).unwrap_or_default();
        let kind = kind.to_ascii_lowercase();
        match kind.split(';').next().unwrap_or_default().trim() {
            "multipart/encrypted" => Self::Encrypted,
            "multipart/signed" => Self::Signed,
            "application/pkcs7-mime" | "application/x-pkcs7-mime" => {
                if kind.contains("signed-data") {
                    Self::Signed
                } else {
                    Self::Encrypted
                }
            }
            _ => Self::Not,
        }
    }
}

/// RFC 3156 §4.
fn pgp_encrypted<E>(armor: Source) -> BodyVariant<E> {
    let boundary = token();
    let protocol = "application/pgp-encrypted";
    let fields = with_parameters(
        "Content-Type",
        "multipart/encrypted",
        &[("boundary", &boundary), ("protocol", protocol)],
    );
    let begin = format!(
        "--{boundary}\r\n\
         Content-Type: {protocol}\r\n\
         Content-Description: PGP/MIME version identification\r\n\
         \r\n\
         Version: 1\r\n\
         \r\n\
         --{boundary}\r\n\
         Content-Type: application/octet-stream; name=encrypted.asc\r\n\
         Content-Description: OpenPGP encrypted message\r\n\
         Content-Disposition: inline; filename=encrypted.asc\r\n\
         \r\n"
    );
    let len = armor.len;
    let segments = vec![
        Segment::lines(begin),
        whole(armor, Encoding::SevenBit, len),
        Segment::lines(format!("\r\n--{boundary}--\r\n")),
    ];
    seven_bit(fields, segments)
}

/// RFC 8551 §3.3.
fn enveloped<E>(der: Source) -> BodyVariant<E> {
    let fields = "Content-Type: application/pkcs7-mime; smime-type=enveloped-data;\r\n \
        name=smime.p7m\r\n\
        Content-Transfer-Encoding: base64\r\n\
        Content-Disposition: attachment; filename=smime.p7m\r\n";
    let len = base64_len(der.len);
    seven_bit(fields.to_owned(), vec![whole(der, Encoding::Base64, len)])
}

fn whole<E>(source: Source, encoding: Encoding, len: u64) -> Segment<E> {
    Segment::Content {
        source: Arc::new(source),
        offset: 0,
        encoding,
        len,
    }
}

fn seven_bit<E>(fields: String, segments: Vec<Segment<E>>) -> BodyVariant<E> {
    BodyVariant {
        body_type: BodyType::SevenBit,
        fields,
        segments,
    }
}

fn entity<E>(header: Vec<u8>, variant: BodyVariant<E>) -> Content<E> {
    Message {
        envelope: Envelope::default(),
        utf8_header: false,
        remarks: Vec::new(),
        warnings: Vec::new(),
        unusable: Vec::new(),
        header,
        header_end: EMPTY_LINE,
        variants: vec![variant],
        signatures: Vec::new(),
    }
}

fn octets(fields: &[RawField]) -> Vec<u8> {
    let fields: Vec<&[u8]> = fields.iter().map(|field| field.raw.as_slice()).collect();
    fields.concat()
}

/// Passes the octets of a content to a program.
fn read<E: Replay, T>(
    content: &Content<E>,
    run: impl FnOnce(&mut Feed<'_>) -> Result<T, CryptError>,
) -> Result<T, CryptError> {
    let shape = content.shape(BodyType::Binary.with_utf8());
    let shape = shape.ok_or_else(|| CryptError::Content(io::Error::other("it has no form")))?;
    let mut blocks = content.blocks(shape);
    run(&mut |piece| {
        while blocks.append(piece)? != Block::End && piece.is_empty() {}
        Ok(())
    })
}

/// The content in a form that nothing on the way changes (RFC 3156 §3, RFC 8551 §3.1.2): 7 bit, without blanks at the
/// end of a line and `From ` at its beginning.
fn robust<E: Replay>(
    content: Content<E>,
    option: &'static str,
    method: Method,
) -> Result<Content<E>, MessageError> {
    if is_robust(&content)? {
        return Ok(content);
    }
    let converted = made_robust(&content, "the message").map_err(CryptError::Content)?;
    let source = converted.map_err(|why| CryptError::Form {
        option,
        method,
        why: why.obstacle(),
    })?;
    let (fields, body) = seven_bit_parts(source)?;
    Ok(entity(
        octets(&fields),
        seven_bit(String::new(), vec![body]),
    ))
}

fn is_robust<E>(content: &Content<E>) -> Result<bool, MessageError> {
    let mut variants = content.variants.iter();
    if !content.header.is_ascii()
        || !variants.all(|variant| variant.body_type == BodyType::SevenBit)
    {
        return Ok(false);
    }
    for segment in content
        .variants
        .iter()
        .flat_map(|variant| &variant.segments)
    {
        match segment {
            Segment::Content {
                source,
                offset,
                encoding: Encoding::SevenBit,
                ..
            } => {
                if source.scan(*offset)?.is_fragile() {
                    return Ok(false);
                }
            }
            Segment::Enclosed(..) => return Ok(false),
            Segment::Lines(_) | Segment::Content { .. } => {}
        }
    }
    Ok(true)
}
