//! What `ehlo unit` does.

use crate::cron::alert::options::Alert;
use crate::cron::mail::Notification;

/// A unit of systemd, and a mail about it.
#[derive(Debug)]
pub struct Unit {
    /// Its name, with what it is: `backup.service`.
    pub name: String,
    /// Whether it is one of the user's own manager.
    pub user: bool,
    /// So many lines of its journal.
    pub lines: u32,
    /// What is told of it, and when.
    pub alert: Alert,
    /// From whom to whom, and how.
    pub mail: Notification,
}
