//! The signing step of the finishing point.

use crate::mail::address::{Domain, ListEntry, parse_list};
use crate::mail::dkim::{Signatures, Signer, SigningError};
use crate::mail::message::header_reader::RawField;
use crate::mail::message::stream::BodyVariant;
use crate::mail::message::{BuildNotes, MessageError};
use crate::smtp::blocks::BodyType;
use std::time::SystemTime;

/// Prepares the signatures of each variant, and drops the variants that are not sent if the message is signed.
/// Without a key for it, nothing is changed.
pub fn sign<E>(
    signer: &Signer,
    (fields, variants): (&[RawField], &mut Vec<BodyVariant<E>>),
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
    notes.remarks.extend(chosen.remarks());
    notes.remarks.extend(fragile(fields, variants[0].body_type));
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

/// A remark about a message that is converted for some servers.
fn fragile(fields: &[RawField], body_type: BodyType) -> Option<String> {
    let is_utf8 = fields.iter().any(|field| !field.raw.is_ascii());
    let needed = match (body_type > BodyType::SevenBit, is_utf8) {
        (false, false) => return None,
        (true, false) => "8BITMIME",
        (false, true) => "SMTPUTF8",
        (true, true) => "8BITMIME and SMTPUTF8",
    };
    Some(format!(
        "for a server without {needed}, it is converted, which invalidates the signature"
    ))
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
    use crate::smtp::blocks::{Block, Nothing, Replay as _, Shape};
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
    fn message_without_a_7bit_variant_is_signed_as_it_is() {
        let message = finished("a@x.org", &[EightBit, Binary], SigningMode::Require).unwrap();
        assert!(message.shape(SevenBit.with_utf8()).is_none());
        assert!(sent(&message, Binary).unwrap().ends_with("8BITMIME\r\n"));
        assert!(message.remarks[1].contains("without 8BITMIME,"));
        let message = finished("\u{fc} <a@x.org>", &[SevenBit], SigningMode::Auto).unwrap();
        assert!(message.remarks[1].contains("without SMTPUTF8,"));
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
        assert_eq!(error.exit().code(), 65);
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
