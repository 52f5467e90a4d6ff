//! `ehlo show`: shows messages in files, mboxes and Maildirs.

pub(crate) mod args;

mod extract;
mod json;
mod run;
mod text;

pub(crate) use args::Args;
pub(crate) use run::run;

use std::ffi::OsString;
use std::path::PathBuf;

#[derive(Debug)]
pub struct ShowOptions {
    /// Files and directories; `-`: the standard input.
    pub paths: Vec<OsString>,
    /// The only message to show, counted from 1.
    pub number: Option<u64>,
    /// Directory for attachments.
    pub extract: Option<PathBuf>,
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
