//! DKIM signatures (RFC 6376): relaxed/relaxed, with RSA and Ed25519 keys (RFC 8301, RFC 8463), several for one
//! message from one hash of its body. `canonical` has the canonical forms, `key` the key files, `field` the header
//! field, `signer` the choice of the keys, `record` the record in the DNS, `generate` new keys. `received`,
//! `signature`,
//! `public` and `verify` are for signatures of others.
//!
//! A signature made here covers the whole body (no `l=`) and does not expire (no `x=`).

mod canonical;
mod field;
mod generate;
mod key;
mod public;
mod received;
mod record;
mod signature;
mod signer;
#[cfg(test)]
mod tests;
mod verify;

pub use canonical::BodyHash;
pub use field::Signatures;
pub use generate::{ed25519_pem, rsa_command};
pub use key::{KeyError, SigningKey};
pub use public::{KeyRecord, KeyRecordFault, PublicKey};
pub use received::{ReceivedField, read_header, signatures_in};
pub use record::{RecordProblem, check_records, record, zone_lines};
pub use signature::Signature;
pub use signer::{ChosenKeys, KeyDomain, NamedKey, Signer, SigningError, SigningMode, is_selector};
pub use verify::{DkimResult, DkimVerdict, HashedMessage, ParsedSignatures, Verification};
