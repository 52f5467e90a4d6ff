//! Options of `ehlo unit`.

use crate::cron::alert::options::Alert;
use crate::cron::mail::Notification;

/// A unit of systemd, and a mail about it.
#[derive(Debug)]
pub struct Unit {
    /// Full name of the unit: `backup.service`.
    pub name: String,
    /// True for a unit of the user's own manager.
    pub user: bool,
    /// Number of lines of its journal in the mail.
    pub lines: u32,
    pub alert: Alert,
    pub mail: Notification,
}
