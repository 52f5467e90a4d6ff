//! End-to-end signatures and encryption in reports.

use crate::mail::layers::{Layer, Signer};
use serde_json::{Value, json};

/// The result in a word: `ok`, `failed`, or `-` if it is not decided.
pub fn word(is_ok: Option<bool>) -> &'static str {
    match is_ok {
        Some(true) => "ok",
        Some(false) => "failed",
        None => "-",
    }
}

pub fn as_json(layer: &Layer) -> Value {
    json!({
        "kind": layer.kind.name(),
        "standard": layer.standard.to_string(),
        "ok": layer.is_ok(),
        "valid": layer.is_valid,
        "part": layer.part,
        "signer": layer.signer.as_ref().map(signer),
        "text": layer.text,
    })
}

fn signer(signer: &Signer) -> Value {
    json!({
        "name": signer.name,
        "key": signer.key,
        "addresses": signer.addresses,
        "trusted": signer.is_trusted,
        "author": signer.is_author,
    })
}
