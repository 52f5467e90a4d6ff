//! A message that was caught, and where it is stored.

use crate::mail::message::{Source, SourceError};
use crate::mail::view::{Measure, PartView};
use crate::server::store::ReceivedEnvelope;
use crate::server::web::query::{Candidate, Query};
use crate::server::web::session_log::SessionLog;
use crate::server::web::summary::Summary;
use std::collections::HashMap;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{SystemTime, UNIX_EPOCH};

/// Parts of a message whose measures are kept.
const MAX_MEASURES: usize = 20;

/// What is known about a message when it is stored.
pub struct NewMessage {
    pub summary: Summary,
    pub envelope: ReceivedEnvelope,
    /// `None`: received in an earlier run.
    pub session: Option<Arc<SessionLog>>,
    pub received: SystemTime,
    /// Octets, without the lines that a Maildir adds.
    pub size: u64,
    pub place: MessagePlace,
    pub is_read: bool,
}

/// Where a message is stored.
#[derive(Clone, Debug)]
pub enum MessagePlace {
    /// From this offset of the spool file.
    Spool(u64),
    /// In a file of a Maildir, after the lines that the store has added.
    File { path: PathBuf, skip: u64 },
}

pub struct CaughtMessage {
    pub id: String,
    /// Counted from 1 since the start.
    pub number: u64,
    pub summary: Summary,
    pub envelope: ReceivedEnvelope,
    pub session: Option<Arc<SessionLog>>,
    pub received: SystemTime,
    pub size: u64,
    place: Mutex<MessagePlace>,
    is_read: AtomicBool,
    tags: Mutex<Vec<String>>,
    /// Size and hash of parts that were asked for, by their number.
    measures: Mutex<HashMap<String, Measure>>,
}

impl CaughtMessage {
    pub fn new(number: u64, new: NewMessage) -> CaughtMessage {
        let id = format!("{number:06x}{:010x}", fastrand::u64(..) & 0xff_ffff_ffff);
        CaughtMessage {
            id,
            number,
            tags: Mutex::new(new.summary.tags.clone()),
            measures: Mutex::default(),
            summary: new.summary,
            envelope: new.envelope,
            session: new.session,
            received: new.received,
            size: new.size,
            place: Mutex::new(new.place),
            is_read: AtomicBool::new(new.is_read),
        }
    }

    pub fn place(&self) -> MessagePlace {
        self.locked_place().clone()
    }

    pub fn is_read(&self) -> bool {
        self.is_read.load(Ordering::Relaxed)
    }

    /// Marks the message. Returns false if it was marked before. In a Maildir, the file gets the flag S.
    pub fn set_read(&self, is_read: bool) -> bool {
        let is_changed = self.is_read.swap(is_read, Ordering::Relaxed) != is_read;
        if is_changed && let MessagePlace::File { path, .. } = &mut *self.locked_place() {
            // The flag is a convenience for other programs: without it, the message is unread at the next start.
            if let Some(new) = flagged(path, is_read)
                && fs::rename(&*path, &new).is_ok()
            {
                *path = new;
            }
        }
        is_changed
    }

    /// Size and hash of a part. They are computed once.
    pub fn measure(&self, part: &PartView, source: &Source) -> io::Result<Measure> {
        let known = || self.measures.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(measure) = known().get(&part.id) {
            return Ok(measure.clone());
        }
        let measure = part.measure(source)?;
        let mut known = known();
        if known.len() < MAX_MEASURES {
            known.insert(part.id.clone(), measure.clone());
        }
        Ok(measure)
    }

    pub fn tags(&self) -> Vec<String> {
        self.locked_tags().clone()
    }

    pub fn set_tags(&self, tags: Vec<String>) {
        *self.locked_tags() = tags;
    }

    /// Seconds since 1970.
    pub fn received_seconds(&self) -> i64 {
        let since = self.received.duration_since(UNIX_EPOCH).unwrap_or_default();
        i64::try_from(since.as_secs()).unwrap_or(i64::MAX)
    }

    pub fn matches(&self, query: &Query) -> bool {
        let tags = self.locked_tags();
        query.matches(self.candidate(&tags))
    }

    pub fn candidate<'c>(&'c self, tags: &'c [String]) -> Candidate<'c> {
        Candidate {
            summary: &self.summary,
            envelope: &self.envelope,
            is_read: self.is_read(),
            tags,
            received: self.received_seconds(),
            size: self.size,
        }
    }

    /// Octets in memory, roughly, without the transcript.
    pub fn weight(&self) -> usize {
        let envelope = &self.envelope;
        let parameters = envelope.rcpt_parameters.iter().flatten();
        let words = envelope.recipients.iter().chain(parameters);
        let words: usize = words.map(|word| word.len() + 24).sum();
        self.summary.weight() + words + envelope.helo.len() + envelope.sender.len() + 500
    }

    fn locked_place(&self) -> MutexGuard<'_, MessagePlace> {
        self.place.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn locked_tags(&self) -> MutexGuard<'_, Vec<String>> {
        self.tags.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The path in `cur` with or without the flag S.
fn flagged(path: &Path, is_read: bool) -> Option<PathBuf> {
    let name = path.file_name()?.to_str()?;
    let (base, flags) = name.split_once(":2,").unwrap_or((name, ""));
    let mut flags: Vec<char> = flags.chars().filter(|&flag| flag != 'S').collect();
    if is_read {
        flags.push('S');
    }
    // In the order of ASCII, as the format demands.
    flags.sort_unstable();
    let flags: String = flags.into_iter().collect();
    let maildir = path.parent()?.parent()?;
    Some(maildir.join("cur").join(format!("{base}:2,{flags}")))
}

/// The message in a file of a Maildir.
pub fn in_file(path: &Path, skip: u64) -> io::Result<Source> {
    let source = Source::file(path).map_err(|error| match error {
        SourceError::Read { error, .. } => error,
        other => io::Error::other(other),
    })?;
    Ok(source.skipping(skip))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn read_messages_have_the_flag_s() {
        let flag = |path: &str, is_read| flagged(Path::new(path), is_read).unwrap();
        assert_eq!(flag("m/new/1.host", true), Path::new("m/cur/1.host:2,S"));
        assert_eq!(
            flag("m/cur/1.host:2,RT", true),
            Path::new("m/cur/1.host:2,RST")
        );
        assert_eq!(
            flag("m/cur/1.host:2,FS", false),
            Path::new("m/cur/1.host:2,F")
        );
    }
}
