//! The signing step of the finishing point.

use crate::mail::address::{Domain, ListEntry, parse_list};
use crate::mail::dkim::{Signatures, Signer, SigningError};
use crate::mail::envelope::Envelope;
use crate::mail::message::convert::{made_seven_bit, seven_bit_parts};
use crate::mail::message::header_reader::RawField;
use crate::mail::message::source::SourceError;
use crate::mail::message::stream::{BodyVariant, EMPTY_LINE, Message};
use crate::mail::message::{BuildNotes, MessageError};
use crate::smtp::blocks::{BodyType, Replay};
use std::time::SystemTime;

/// Fields with signatures of others, which a conversion would invalidate.
const SIGNED: [&str; 3] = ["dkim-signature", "arc-seal", "arc-message-signature"];

/// Prepares the signatures of each variant, and drops the variants that are not sent if the message is signed. If a
/// server could require a conversion, the message is converted first. Without a key for it, nothing is changed.
pub fn sign<E: Replay>(
    signer: &Signer,
    (fields, variants): (&mut Vec<RawField>, &mut Vec<BodyVariant<E>>),
    notes: &mut BuildNotes,
    now: SystemTime,
) -> Result<Vec<Signatures>, MessageError> {
    if signer.is_off() {
        return Ok(Vec::new());
    }
    let chosen = signer.choose(&author_domains(fields))?;
    notes.warnings.extend_from_slice(&chosen.warnings);
    if chosen.is_empty() {
        return Ok(Vec::new());
    }
    if !keep_signable(variants) {
        if signer.requires() {
            return Err(SigningError::Binary.into());
        }
        let warning = "it has to be sent as binary data, and is sent without a DKIM signature";
        notes.warnings.push(warning.to_owned());
        return Ok(Vec::new());
    }
    if is_fragile(fields, variants) {
        let remark = convert_first(fields, variants)?;
        notes.remarks.push(remark.to_owned());
    }
    let fields = &*fields;
    notes.remarks.extend(chosen.remarks());
    let signatures = variants.iter().map(|variant| {
        let own = RawField::split(&variant.fields);
        let all = fields.iter().chain(&own);
        let header: Vec<(&str, &[u8])> = all
            .map(|field| (field.name.as_str(), &field.raw[..]))
            .collect();
        chosen.signatures(&header, now)
    });
    Ok(signatures.collect())
}

/// Keeps the variants that can be signed: the 7bit one alone if it has the whole content, because no server on the
/// way has to convert it (RFC 6376 §5.3). Returns false and keeps all if there is none.
fn keep_signable<E>(variants: &mut Vec<BodyVariant<E>>) -> bool {
    // The canonical form is that of lines.
    let is_binary = |variant: &BodyVariant<E>| variant.body_type == BodyType::Binary;
    if variants.iter().all(is_binary) {
        return false;
    }
    variants.retain(|variant| !is_binary(variant));
    // In a report of which the 7bit variant lacks the message, that variant is the last one.
    if variants[0].body_type == BodyType::SevenBit {
        variants.truncate(1);
    }
    true
}

/// True if a server that lacks 8BITMIME or SMTPUTF8 requires a conversion. A report has a 7bit variant of its own.
fn is_fragile<E>(fields: &[RawField], variants: &[BodyVariant<E>]) -> bool {
    let is_ascii = fields.iter().all(|field| field.raw.is_ascii());
    let has_7bit = |variant: &BodyVariant<E>| variant.body_type == BodyType::SevenBit;
    !is_ascii || !variants.iter().any(has_7bit)
}

/// Converts the message to 7 bit and a header in ASCII before it is signed (RFC 6376 §5.3). If that is impossible, it
/// is impossible as well when it is sent: then only servers that need no conversion get it. Returns a remark.
fn convert_first<E: Replay>(
    fields: &mut Vec<RawField>,
    variants: &mut Vec<BodyVariant<E>>,
) -> Result<&'static str, MessageError> {
    if fields
        .iter()
        .any(|field| SIGNED.contains(&field.name.as_str()))
    {
        return Ok(
            "the message is already signed and is not converted to 7bit; a conversion by a server without \
             8BITMIME would invalidate both signatures",
        );
    }
    let header: Vec<&[u8]> = fields.iter().map(|field| &field.raw[..]).collect();
    let header = header.concat();
    let unsigned = Message {
        envelope: Envelope::default(),
        utf8_header: !header.is_ascii(),
        remarks: Vec::new(),
        warnings: Vec::new(),
        unusable: Vec::new(),
        header,
        header_end: EMPTY_LINE,
        variants: std::mem::take(variants),
        signatures: Vec::new(),
    };
    let converted = made_seven_bit(&unsigned, "the message", false);
    let failed = |error| SourceError::Spool {
        name: "the message".to_owned(),
        error,
    };
    let Ok(source) = converted.map_err(failed)? else {
        *variants = unsigned.variants;
        return Ok(
            "the message cannot be converted to 7bit; only servers with the required extensions receive it",
        );
    };
    let (header, content) = seven_bit_parts(source)?;
    *fields = header;
    variants.push(BodyVariant {
        body_type: BodyType::SevenBit,
        fields: String::new(),
        segments: vec![content],
    });
    Ok("converted to 7bit before it is signed, so that no server has to convert it")
}

/// The domains of the authors, in lower case, each once.
fn author_domains(fields: &[RawField]) -> Vec<String> {
    let mut domains = Vec::new();
    for field in fields.iter().filter(|field| field.name == "from") {
        let entries = parse_list(&field.readable()).unwrap_or_default();
        for mailbox in entries.iter().flat_map(ListEntry::mailboxes) {
            let Domain::Name(name) = mailbox.address.domain() else {
                continue;
            };
            let name = name.to_ascii_lowercase();
            if !domains.contains(&name) {
                domains.push(name);
            }
        }
    }
    domains
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::mail::crypt::CryptOptions;
    use crate::mail::dkim::{KeyDomain, NamedKey, SigningMode, ed25519_pem};
    use crate::mail::envelope::Envelope;
    use crate::mail::message::Message;
    use crate::mail::message::finish::{UnfinishedBody, UnfinishedMessage};
    use crate::mail::message::stream::Segment;
    use crate::smtp::blocks::{Block, Nothing, Shape};
    use std::fs::{self, Permissions};
    use std::os::unix::fs::PermissionsExt as _;

    fn signer(mode: SigningMode) -> (tempfile::TempDir, Signer) {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("key.pem");
        fs::write(&path, ed25519_pem().unwrap().expose()).unwrap();
        fs::set_permissions(&path, Permissions::from_mode(0o600)).unwrap();
        let key = NamedKey {
            path,
            selector: "s".to_owned(),
            domain: KeyDomain::OfAuthor,
        };
        (directory, Signer::new(mode, vec![key]))
    }

    /// A message with a variant of each of these types, of which the body names the type.
    fn finished(
        from: &str,
        body_types: &[BodyType],
        mode: SigningMode,
    ) -> Result<Message, MessageError> {
        let (_directory, signer) = signer(mode);
        let variants = body_types.iter().map(|&body_type| BodyVariant::<Nothing> {
            body_type,
            fields: "Content-Type: text/plain;\r\n charset=utf-8\r\n".to_owned(),
            segments: vec![Segment::lines(format!("{}\r\n", body_type.name()))],
        });
        let message = UnfinishedMessage {
            envelope: Envelope::default(),
            fields: vec![RawField::made("From", format!("From: {from}\r\n"))],
            body: UnfinishedBody::Variants(variants.collect()),
            utf8: true,
            missing: None,
            crypt: CryptOptions::default(),
            keeps_bcc: false,
            notes: BuildNotes::default(),
        };
        message.finish(None, &signer, SystemTime::UNIX_EPOCH)
    }

    fn read(message: &Message, shape: Shape) -> String {
        let (mut blocks, mut out) = (message.blocks(shape), Vec::new());
        while blocks.append(&mut out).unwrap() != Block::End {}
        assert_eq!(out.len() as u64, shape.size);
        String::from_utf8(out).unwrap()
    }

    /// The form for a server with this body type. It must be signed.
    fn sent(message: &Message, body_type: BodyType) -> Option<String> {
        let text = read(message, message.shape(body_type.with_utf8())?);
        assert!(text.starts_with("DKIM-Signature: "), "{text}");
        assert!(text.contains("content-type:content-type"), "{text}");
        Some(text)
    }

    use BodyType::{Binary, EightBit, SevenBit};

    #[test]
    fn seven_bit_variant_alone_is_signed_and_sent() {
        let all = [SevenBit, EightBit, Binary];
        let message = finished("a@x.org", &all, SigningMode::Auto).unwrap();
        for body_type in all {
            assert!(sent(&message, body_type).unwrap().ends_with("7BIT\r\n"));
        }
        assert_eq!(
            message.remarks,
            ["signed for x.org (DKIM, s, ed25519-sha256)"]
        );
        let off = finished("a@x.org", &all, SigningMode::Off).unwrap();
        let shape = off.shape(Binary.with_utf8()).unwrap();
        assert!(read(&off, shape).ends_with("\r\n\r\nBINARYMIME\r\n"));
    }

    #[test]
    fn message_without_a_7bit_variant_is_converted_before_it_is_signed() {
        let message = finished("a@x.org", &[EightBit, Binary], SigningMode::Require).unwrap();
        for body_type in [SevenBit, EightBit, Binary] {
            assert!(sent(&message, body_type).unwrap().ends_with("8BITMIME\r\n"));
        }
        assert!(message.remarks[0].contains("converted to 7bit"));
        let message = finished("\u{fc} <a@x.org>", &[SevenBit], SigningMode::Auto).unwrap();
        let shape = message.shape(SevenBit.without_utf8()).unwrap();
        assert!(read(&message, shape).contains("From: =?utf-8?"));
    }

    #[test]
    fn message_without_a_7bit_form_is_signed_as_it_is() {
        let message = finished("\u{fc}@x.org", &[EightBit], SigningMode::Auto).unwrap();
        assert!(message.shape(SevenBit.with_utf8()).is_none());
        assert!(sent(&message, EightBit).is_some());
        assert!(message.remarks[0].contains("cannot be converted to 7bit"));
    }

    #[test]
    fn reduced_7bit_variant_of_a_report_has_a_signature_of_its_own() {
        let message = finished("a@x.org", &[EightBit, SevenBit], SigningMode::Auto).unwrap();
        let hash = |text: &str| text.split(" bh=").nth(1).unwrap()[..44].to_owned();
        let whole = sent(&message, EightBit).unwrap();
        let reduced = sent(&message, SevenBit).unwrap();
        assert!(hash(&whole) != hash(&reduced));
    }

    #[test]
    fn binary_message_is_not_signed() {
        let message = finished("a@x.org", &[Binary], SigningMode::Auto).unwrap();
        let shape = message.shape(Binary.with_utf8()).unwrap();
        assert!(read(&message, shape).starts_with("From: "));
        assert!(message.warnings[0].contains("without a DKIM signature"));
        let error = finished("a@x.org", &[Binary], SigningMode::Require).unwrap_err();
        assert!(matches!(error, MessageError::Signing(SigningError::Binary)));
    }

    #[test]
    fn authors_have_their_domains_once_and_in_lower_case() {
        let field = |text: &str| RawField::made("From", format!("From: {text}\r\n"));
        for (from, right) in [
            (
                "A <a@X.org>, \"b\" <b@x.ORG>,\r\n c@y.org",
                &["x.org", "y.org"][..],
            ),
            ("Team: a@x.org, b@y.org;", &["x.org", "y.org"]),
            (
                "=?utf-8?q?=C3=BC?= <a@b\u{fc}cher.example>",
                &["xn--bcher-kva.example"],
            ),
            ("undisclosed:;", &[]),
            ("alice", &[]),
            ("a@[192.0.2.1]", &[]),
            ("a@x.org b@y.org", &[]),
            ("", &[]),
        ] {
            assert_eq!(author_domains(&[field(from)]), right, "{from}");
        }
    }
}
