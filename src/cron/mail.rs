//! Where a mail from a job goes, and how it is sent.

use crate::client::transport::Transport;
use crate::mail::message::HeaderField;
use crate::mail::rewrite;
use crate::queue::options::QueueUse;
use crate::system::exit::Exit;

/// A mail that is yet to be written.
#[derive(Debug)]
pub struct Notification {
    /// From whom to whom.
    pub head: Addressing,
    /// How it gets there, or why nobody knows.
    pub dispatch: Result<DeliveryOptions, SetupError>,
}

/// From whom to whom a mail goes, as people say it: names without a domain are welcome.
#[derive(Clone, Debug, Default)]
pub struct Addressing {
    pub recipients: NotificationRecipients,
    /// The author; `None` is the user who runs us.
    pub from: Option<String>,
    /// The envelope's sender; empty is the null sender, `None` the author.
    pub envelope_from: Option<String>,
    /// Where answers go: lists of addresses.
    pub reply_to: Vec<String>,
    /// The subject that was asked for.
    pub subject: Option<String>,
    /// Header fields that were asked for.
    pub headers: Vec<HeaderField>,
}

/// Who gets a mail: lists of addresses, as they were said.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum NotificationRecipients {
    /// The user who runs us.
    #[default]
    User,
    /// Nobody: MAILTO is empty, and nothing is mailed.
    Nobody,
    These {
        to: Vec<String>,
        cc: Vec<String>,
        bcc: Vec<String>,
    },
}

/// How a mail leaves.
#[derive(Debug)]
pub struct DeliveryOptions {
    /// Where to, and how.
    pub way: Transport,
    /// What to try in this order when the way cannot be gone for now.
    pub fallbacks: Vec<Transport>,
    /// How it is kept until it can be sent; `None` keeps nothing.
    pub queueing: Option<QueueUse>,
    /// What becomes of addresses.
    pub rewrite: rewrite::RewriteOptions,
}

/// Why nothing can be mailed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SetupError {
    /// What is wrong, and what mends it.
    pub text: String,
    /// The exit status that it makes.
    pub exit: Exit,
}
