//! `ehlo show`: shows messages in files, mboxes and Maildirs.

pub(crate) mod args;

mod checks;
mod extract;
mod json;
mod run;
mod text;

pub(crate) use args::Args;
pub(crate) use run::{ShowFailure, readable, run};

use crate::cli::show::checks::KeyLookup;
use crate::cli::show::extract::SavedFile;
use crate::mail::layers::{Layer, SmimeFiles};
use crate::mail::message::Source;
use crate::mail::view::{FieldCheck, MessageView};
use std::ffi::OsString;
use std::path::PathBuf;
use std::sync::Arc;

#[derive(Debug)]
pub struct ShowOptions {
    /// Files and directories; `-`: the standard input.
    pub paths: Vec<OsString>,
    /// The only message to show, counted from 1.
    pub number: Option<u64>,
    /// Directory for attachments.
    pub extract: Option<PathBuf>,
    /// `None`: DKIM signatures are checked without their keys.
    pub keys: Option<KeyLookup>,
    /// `None`: messages are shown as they were received.
    pub layers: Option<SmimeFiles>,
    pub output: ShowOutput,
}

#[derive(Debug)]
pub enum ShowOutput {
    Text {
        /// True if several messages are shown completely.
        all_messages: bool,
        all_fields: bool,
        html: bool,
    },
    Json,
    /// The decoded content of the part with this number.
    Part(String),
}

/// A message without its end-to-end signatures and encryption, and its view.
pub struct ShownMessage {
    pub name: String,
    pub source: Arc<Source>,
    pub view: MessageView,
    /// The signatures and encryption.
    pub layers: Vec<Layer>,
    /// The checks of the message as it was received. Empty in a list.
    pub checks: Vec<FieldCheck>,
    /// Files of attachments that were saved, in the order of [`MessageView::attachments`].
    pub saved: Vec<SavedFile>,
}
