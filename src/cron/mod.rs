//! Mail from jobs: running a command and reporting it, notifications, digests, and the check of a host.

pub(crate) mod alert;
pub(crate) mod calendar;
pub(crate) mod crontab;
pub mod doctor;
pub(crate) mod job;
pub(crate) mod ping;

use crate::client::mail_log::LogOptions;
use crate::client::transport::Transport;
use crate::cron::alert::AlertRules;
use crate::mail::crypt::CryptOptions;
use crate::mail::dkim::Signer;
use crate::mail::message::HeaderField;
use crate::mail::rewrite;
use crate::queue::QueueUse;
use crate::system::exit::Exit;

/// Options of a mail that is yet to be written.
#[derive(Debug)]
pub struct Notification {
    pub head: Addressing,
    /// The rules for alerts in the profile.
    pub rules: AlertRules,
    /// Delivery options, or the reason that there are none.
    pub delivery: Result<DeliveryOptions, SetupError>,
    /// True if it is to be encrypted, even if there are no delivery options: its text is neither stored nor shown.
    pub is_secret: bool,
}

/// Sender and recipients as given by the user: names without a domain are allowed.
#[derive(Clone, Debug, Default)]
pub struct Addressing {
    pub recipients: NotificationRecipients,
    /// The author. `None`: the current user.
    pub from: Option<String>,
    /// The envelope's sender; empty is the null sender, `None` the author.
    pub envelope_from: Option<String>,
    /// Reply-To: lists of addresses.
    pub reply_to: Vec<String>,
    pub subject: Option<String>,
    pub headers: Vec<HeaderField>,
}

/// Recipients: lists of addresses, as given.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum NotificationRecipients {
    /// The current user.
    #[default]
    User,
    /// MAILTO is empty, and nothing is mailed.
    None,
    These {
        to: Vec<String>,
        cc: Vec<String>,
        bcc: Vec<String>,
    },
}

#[derive(Debug)]
pub struct DeliveryOptions {
    pub transport: Transport,
    /// Fallback transports, tried in order on temporary failure.
    pub fallbacks: Vec<Transport>,
    /// Queue for messages that cannot be sent yet. `None`: nothing is queued.
    pub queueing: Option<QueueUse>,
    pub rewrite: rewrite::RewriteOptions,
    /// The DKIM keys.
    pub signer: Signer,
    /// End-to-end signature and encryption.
    pub crypt: CryptOptions,
    pub log: LogOptions,
}

/// The reason that nothing can be mailed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SetupError {
    /// The error and its remedy.
    pub text: String,
    pub exit: Exit,
}
