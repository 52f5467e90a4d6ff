//! `ehlo fetch`: lists, searches, prints, saves and deletes messages in a mailbox at an IMAP or POP3 server.

pub(crate) mod args;

mod list;
mod run;
mod save;

pub(crate) use args::Args;
pub(crate) use run::{run, sentence};

use crate::cli::options::mailbox::MailboxRoute;
use crate::mail::layers::SmimeFiles;
use crate::mailbox::Selection;
use std::path::PathBuf;
use std::time::Duration;

/// What is done with a mailbox.
#[derive(Debug)]
pub struct Fetch {
    pub route: MailboxRoute,
    /// Time limit of each step.
    pub timeout: Duration,
    pub task: FetchTask,
    pub json: bool,
    /// True if the session is shown on stderr.
    pub verbose: bool,
}

#[derive(Debug)]
pub enum FetchTask {
    /// List the mailboxes of the server.
    Folders,
    /// List messages, or do something with them.
    Messages(Box<MessageTask>),
}

#[derive(Debug)]
pub struct MessageTask {
    pub selection: Selection,
    /// True if the messages are named, so that one that does not exist is an error.
    pub is_named: bool,
    pub print: Option<Part>,
    pub save: Option<Destination>,
    /// Mark the messages as seen.
    pub seen: bool,
    pub delete: bool,
    /// Maximum size of a message in octets.
    pub max_size: u64,
}

impl MessageTask {
    /// True if the messages are only listed.
    pub fn only_lists(&self) -> bool {
        self.print.is_none() && self.save.is_none() && !self.seen && !self.delete
    }
}

/// A part of a message to print.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Part {
    Header,
    /// Decoded, as `ehlo show` shows it. `None`: it is not decrypted, and signatures are not checked.
    Readable(Option<SmimeFiles>),
    /// As it is.
    Raw,
}

/// The place where messages are saved.
#[derive(Clone, Debug)]
pub enum Destination {
    /// One message in a file.
    File(PathBuf),
    Maildir(PathBuf),
    Mbox(PathBuf),
}
