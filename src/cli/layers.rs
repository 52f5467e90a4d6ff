//! End-to-end signatures and encryption of received messages: options and reports.

use crate::cli::options::crypt::SmimeArgs;
use crate::cli::options::usage_error::UsageError;
use crate::mail::layers::{Layer, Signer, SmimeFiles};
use serde_json::{Value, json};
use std::path::PathBuf;

/// Options of commands that show messages.
#[derive(Clone, Debug, Default, clap::Args)]
#[group(skip)]
#[command(
    mut_arg("smime_ca", |arg| arg.conflicts_with("no_decrypt")),
    mut_arg("smime_crl", |arg| arg.conflicts_with("no_decrypt")),
)]
pub struct Args {
    /// Show the message as it was received: decrypt nothing, and check no signature of OpenPGP or S/MIME.
    #[arg(long)]
    no_decrypt: bool,

    /// PEM file with key and certificate that decrypts S/MIME.
    #[arg(long, value_name = "FILE.pem", conflicts_with = "no_decrypt")]
    decrypt_key: Option<PathBuf>,

    #[command(flatten)]
    smime: SmimeArgs,
}

impl Args {
    /// `None`: messages are shown as they were received.
    pub fn files(self) -> Result<Option<SmimeFiles>, UsageError> {
        let files = SmimeFiles {
            decrypt_key: self.decrypt_key,
            authorities: self.smime.authorities()?,
        };
        Ok((!self.no_decrypt).then_some(files))
    }
}

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
