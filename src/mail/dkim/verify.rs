//! Verification of the signatures of a message (RFC 6376 §6). The message is read once: the header first, then the body
//! in blocks.

use crate::mail::dkim::canonical::{BodyHash, relaxed};
use crate::mail::dkim::public::{KeyRecord, KeyRecordFault, MIN_VERIFIED_BITS, PublicKey};
use crate::mail::dkim::received::ReceivedField;
use crate::mail::dkim::signature::{Form, Signature, without_signature};
use std::collections::BTreeMap;

/// Maximum number of signatures that are verified; others are not looked at.
pub const MAX_SIGNATURES: usize = 20;

/// The result of one signature (RFC 8601 §2.7.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DkimResult {
    Pass,
    Fail,
    /// The signature is of a kind that is not accepted.
    Policy,
    TempError,
    PermError,
}

impl DkimResult {
    /// The word in `Authentication-Results`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Pass => "pass",
            Self::Fail => "fail",
            Self::Policy => "policy",
            Self::TempError => "temperror",
            Self::PermError => "permerror",
        }
    }
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DkimVerdict {
    pub result: DkimResult,
    /// The reason in a clause; for a pass, remarks about it, or empty.
    pub why: String,
}

impl DkimVerdict {
    fn new(result: DkimResult, why: impl Into<String>) -> Self {
        Self {
            result,
            why: why.into(),
        }
    }

    /// A signature that cannot be verified, for this reason.
    pub fn permanent(why: &str) -> Self {
        Self::new(DkimResult::PermError, why)
    }

    /// The key could not be looked up, for this reason.
    pub fn temporary(why: &str) -> Self {
        Self::new(
            DkimResult::TempError,
            format!("the key cannot be looked up: {why}"),
        )
    }
}

/// The number of the field of each signature, and the signature or its fault.
pub type ParsedSignatures = Vec<(usize, Result<Signature, String>)>;

/// The form of a body, and the number of octets that are signed (`l=`).
type SignedBody = (Form, Option<u64>);

/// The signatures of a message, while its body is read.
pub struct Verification<'h> {
    fields: &'h [ReceivedField],
    pub signatures: ParsedSignatures,
    /// One hash for each canonical form and length.
    hashes: Vec<(SignedBody, BodyHash)>,
}

/// The signatures of a message, with the hashes of its body.
pub struct HashedMessage<'h> {
    fields: &'h [ReceivedField],
    hashes: Vec<(SignedBody, Option<[u8; 32]>)>,
}

impl<'h> Verification<'h> {
    pub fn new(fields: &'h [ReceivedField]) -> Self {
        let all = fields
            .iter()
            .enumerate()
            .filter(|(_, field)| field.name == "dkim-signature");
        let signatures: Vec<_> = all
            .take(MAX_SIGNATURES)
            .map(|(at, field)| (at, Signature::parse(&field.value())))
            .collect();
        let mut hashes: Vec<(SignedBody, BodyHash)> = Vec::new();
        for signature in signatures
            .iter()
            .filter_map(|(_, signature)| signature.as_ref().ok())
        {
            let kind = (signature.body_form, signature.length);
            if hashes.iter().all(|(known, _)| *known != kind) {
                hashes.push((kind, BodyHash::new(kind.0, kind.1)));
            }
        }
        Self {
            fields,
            signatures,
            hashes,
        }
    }

    /// Adds the next octets of the body.
    pub fn push(&mut self, block: &[u8]) {
        for (_, hash) in &mut self.hashes {
            hash.push(block);
        }
    }

    /// The message after the last block.
    pub fn finish(self) -> (ParsedSignatures, HashedMessage<'h>) {
        let hashes = self.hashes.into_iter();
        let hashed = HashedMessage {
            fields: self.fields,
            hashes: hashes
                .map(|(kind, hash)| (kind, hash.finish_limited()))
                .collect(),
        };
        (self.signatures, hashed)
    }
}

impl HashedMessage<'_> {
    /// Verifies one signature, which is in this field, with the records of its key. `now`: seconds since 1970.
    pub fn verify(
        &self,
        (at, signature): (usize, &Signature),
        texts: &[Vec<u8>],
        now: u64,
    ) -> DkimVerdict {
        let kind = match signature.key_kind() {
            Ok(kind) => kind,
            Err(why) => return DkimVerdict::new(DkimResult::Policy, why),
        };
        if signature.expires.is_some_and(|expires| expires < now) {
            return DkimVerdict::new(DkimResult::Policy, "it has expired");
        }
        let texts = texts.iter().map(|text| String::from_utf8_lossy(text));
        let records: Vec<_> = texts.map(|text| KeyRecord::parse(&text)).collect();
        let records = records
            .into_iter()
            .filter(|record| *record != Err(KeyRecordFault::Other));
        let verdicts = records.map(|record| match record {
            Err(fault) => DkimVerdict::new(DkimResult::PermError, format!("the record {fault}")),
            Ok(record) => self.with_key((at, signature), &record, kind),
        });
        // Receivers may use any of several records.
        let best = verdicts.min_by_key(|verdict| verdict.result != DkimResult::Pass);
        best.unwrap_or_else(|| {
            let name = signature.record_name();
            DkimVerdict::new(DkimResult::PermError, format!("there is no key at {name}"))
        })
    }

    /// The verdict if the body does not have the hash or the length of the signature. `None`: it does. The key is not
    /// needed.
    pub fn body_fault(&self, signature: &Signature) -> Option<DkimVerdict> {
        let hash = self
            .hashes
            .iter()
            .find(|(kind, _)| *kind == (signature.body_form, signature.length));
        match hash.and_then(|(_, hash)| *hash) {
            None => Some(DkimVerdict::permanent("its l= is greater than the body")),
            Some(hash) if hash[..] != signature.body_hash => Some(DkimVerdict::new(
                DkimResult::Fail,
                "the body was changed after it was signed",
            )),
            Some(_) => None,
        }
    }

    fn with_key(
        &self,
        (at, signature): (usize, &Signature),
        record: &KeyRecord,
        kind: &str,
    ) -> DkimVerdict {
        let permanent = DkimVerdict::permanent;
        if record.key.kind() != kind {
            return permanent("the key is of another kind than the algorithm of the signature");
        }
        if !record.allows_sha256() {
            return permanent("the record of the key does not allow SHA-256");
        }
        if !record.is_for_mail {
            return permanent("the record of the key is not for mail");
        }
        if record.is_strict && signature.identity != signature.domain {
            return permanent("the record of the key does not allow subdomains in i=");
        }
        if let PublicKey::Rsa { bits, .. } = record.key
            && bits < MIN_VERIFIED_BITS
        {
            let why = format!("the RSA key has only {bits} bits");
            return DkimVerdict::new(DkimResult::Policy, why);
        }
        if let Some(fault) = self.body_fault(signature) {
            return fault;
        }
        if !record
            .key
            .verifies(&self.signed_header(at, signature), &signature.signature)
        {
            let why =
                "a signed header field was changed, or the signature was made with another key";
            return DkimVerdict::new(DkimResult::Fail, why);
        }
        let mut remarks = vec![record.key.to_string()];
        remarks.extend(
            record
                .is_testing
                .then(|| "the key is marked as a test (t=y)".to_owned()),
        );
        let partial = signature
            .length
            .map(|length| format!("only the first {length} octets of the body are signed"));
        remarks.extend(partial);
        DkimVerdict::new(DkimResult::Pass, remarks.join("; "))
    }

    /// The octets that are signed (RFC 6376 §3.7).
    fn signed_header(&self, at: usize, signature: &Signature) -> Vec<u8> {
        let mut data = Vec::new();
        let mut used: BTreeMap<&str, usize> = BTreeMap::new();
        for name in &signature.names {
            // Fields of one name are signed from the bottom up (§5.4.2).
            let skip = used.entry(name).or_default();
            let mut fields = self.fields.iter().rev().filter(|field| field.name == *name);
            if let Some(field) = fields.nth(*skip) {
                data.extend(canonical(&field.raw, signature.header_form));
                data.extend_from_slice(b"\r\n");
                *skip += 1;
            }
        }
        let own = without_signature(&self.fields[at].raw);
        data.extend(canonical(&own, signature.header_form));
        data
    }
}

fn canonical(field: &[u8], form: Form) -> Vec<u8> {
    match form {
        Form::Simple => field.to_vec(),
        Form::Relaxed => relaxed(field),
    }
}
