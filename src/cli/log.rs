//! `sendmail -X`: appends the transcript to a file, in addition to other output.

use crate::cli::terminal::complain;
use crate::client::events::{Event, Interests, Observer};
use crate::system::text::reason;
use crate::transcript::{Stevens, TranscriptOptions};
use std::fs::{File, OpenOptions};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;

/// Passes events on, and writes them to a log file.
pub struct Logged<'w> {
    next: &'w mut dyn Observer,
    /// `None`: it cannot be written. The message is more important.
    log: Option<Stevens<File>>,
}

impl<'w> Logged<'w> {
    /// Appends to this file. A new file is readable only by its owner.
    pub fn open(path: &Path, next: &'w mut dyn Observer) -> Self {
        let file = OpenOptions::new()
            .append(true)
            .create(true)
            .mode(0o600)
            .open(path);
        let file = file.map_err(|error| {
            complain(&format!(
                "-X: cannot write {}: {}",
                path.display(),
                reason(&error)
            ));
        });
        Self {
            next,
            log: file
                .ok()
                .map(|file| Stevens::new(file, TranscriptOptions::verbose())),
        }
    }
}

impl Observer for Logged<'_> {
    fn on_event(&mut self, what: Event<'_>) {
        if let Some(log) = &mut self.log {
            log.on_event(what);
        }
        self.next.on_event(what);
    }

    fn is_closed(&self) -> bool {
        self.next.is_closed()
    }

    fn interests(&self) -> Interests {
        self.next.interests()
    }
}
