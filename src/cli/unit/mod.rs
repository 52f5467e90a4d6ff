//! `ehlo unit`: mails the result of a systemd unit.

pub(crate) mod args;
pub(crate) mod run;
mod systemctl;

pub(crate) use args::Args;
pub(crate) use run::run;

use crate::cron::Notification;
use crate::cron::alert::AlertOptions;

#[derive(Debug)]
pub struct Unit {
    /// Full name of the unit: `backup.service`.
    pub name: String,
    /// True for a unit of the user's own manager.
    pub user: bool,
    /// Number of lines of its journal in the mail.
    pub lines: u32,
    pub alert: AlertOptions,
    pub mail: Notification,
}
