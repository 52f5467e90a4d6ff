//! What prevents signing or encryption. Nothing was sent by then.

use crate::mail::crypt::options::Method;
use crate::system::text::{reason, shown_path};
use std::io;
use std::path::PathBuf;
use std::time::Duration;

#[derive(Debug, thiserror::Error)]
pub enum CryptError {
    /// A recipient has no key, or one that cannot be used.
    #[error("--encrypt {method}: {why} for <{recipient}>{remedy}")]
    Recipient {
        method: Method,
        /// Safe to show.
        recipient: String,
        /// As in `there is no key`.
        why: String,
        /// As in `; give it with --encrypt-key FILE`.
        remedy: &'static str,
    },
    /// A file with keys, certificates or revocation lists cannot be used.
    #[error("{option} {}: {why}", shown_path(.path))]
    KeyFile {
        option: &'static str,
        path: PathBuf,
        why: String,
    },
    /// A key file cannot be read.
    #[error("{option} {}: cannot read the file: {}", shown_path(.path), reason(.error))]
    Unreadable {
        option: &'static str,
        path: PathBuf,
        error: io::Error,
    },
    /// There is no key to sign with, or it cannot be used.
    #[error("--sign {method}: {why}")]
    SigningKey { method: Method, why: String },
    /// Programs that cannot be started.
    #[error("{option}: cannot run {program}: {}; install it", reason(.error))]
    Start {
        option: String,
        program: &'static str,
        error: io::Error,
    },
    /// A program was killed because it made no progress.
    #[error(
        "{option}: {program} did nothing for {} seconds and was killed; if its key has a passphrase, use one without",
        .idle.as_secs()
    )]
    Idle {
        option: String,
        program: &'static str,
        idle: Duration,
    },
    /// A program failed.
    #[error("{option}: {program} failed: {why}")]
    Program {
        option: String,
        program: &'static str,
        why: String,
    },
    /// The content of the message cannot be read, or its encrypted form cannot be stored.
    #[error("{}", reason(.0))]
    Content(io::Error),
    /// The Web Key Directory cannot be asked.
    #[error("--wkd: no key for <{recipient}>: {why}")]
    Directory {
        /// Safe to show.
        recipient: String,
        why: String,
    },
    /// The message cannot have the form that is signed or encrypted.
    #[error("--{option} {method}: the message {why}")]
    Form {
        option: &'static str,
        method: Method,
        why: &'static str,
    },
    /// The key for the Autocrypt field cannot be used.
    #[error("--autocrypt: {0}")]
    Autocrypt(String),
}
