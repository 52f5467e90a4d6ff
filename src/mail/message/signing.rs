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
    if variants[0].body_type > BodyType::SevenBit {
        let remark = "signed as 8bit: for a server without 8BITMIME it is converted, which invalidates the signature";
        notes.remarks.push(remark.to_owned());
    }
    let signatures = variants.iter().map(|variant| {
        let own = split(&variant.fields);
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

/// The fields of a variant.
fn split(text: &str) -> Vec<RawField> {
    let mut fields: Vec<RawField> = Vec::new();
    for line in text.split_inclusive("\r\n") {
        match fields.last_mut() {
            Some(field) if line.starts_with([' ', '\t']) => {
                field.raw.extend_from_slice(line.as_bytes());
            }
            _ => {
                let name = line.split(':').next().unwrap_or_default();
                fields.push(RawField::made(name, line.to_owned()));
            }
        }
    }
    fields
}
