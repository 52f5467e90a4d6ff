//! A message that was caught, and where it is stored.

use crate::mail::message::{Source, SourceError};
use crate::mail::view::{Limits, Measure, Parser, PartView};
use crate::server::store::ReceivedEnvelope;
use crate::server::web::query::{Candidate, Query};
use crate::server::web::session_log::SessionLog;
use crate::server::web::spool::SpoolPlace;
use crate::server::web::summary::Summary;
use std::collections::HashMap;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, LazyLock, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::{SystemTime, UNIX_EPOCH};

/// Parts of a message whose measures are kept.
const MAX_MEASURES: usize = 20;

/// Digits of an identifier after its number, so that it cannot be guessed.
const RANDOM_DIGITS: usize = 10;

/// What is known about a message when it is stored.
pub struct NewMessage {
    pub envelope: ReceivedEnvelope,
    /// `None`: received in an earlier run.
    pub session: Option<Arc<SessionLog>>,
    pub received: SystemTime,
    /// Octets, without the lines that a Maildir adds.
    pub size: u64,
    pub place: MessagePlace,
    pub is_read: bool,
    /// False if its header is known to have no tags, so that lists do not need the summaries of all messages.
    pub may_have_tags: bool,
}

/// Where a message is stored.
#[derive(Clone, Debug)]
pub enum MessagePlace {
    Spool(SpoolPlace),
    /// In a file of a Maildir, after the lines that the store has added.
    File {
        path: PathBuf,
        skip: u64,
    },
    /// Another program has removed the file.
    Missing,
}

impl MessagePlace {
    fn open(&self) -> io::Result<Source> {
        match self {
            MessagePlace::Spool(place) => place.open(),
            MessagePlace::File { path, skip } => in_file(path, *skip),
            MessagePlace::Missing => Err(io::ErrorKind::NotFound.into()),
        }
    }

    /// The place of a file that a mail reader has moved to `cur`, or has given other flags.
    fn moved(&self) -> io::Result<MessagePlace> {
        let MessagePlace::File { path, skip } = self else {
            return Ok(self.clone());
        };
        let found = in_cur(path)?.map(|path| MessagePlace::File { path, skip: *skip });
        Ok(found.unwrap_or(MessagePlace::Missing))
    }
}

pub struct CaughtMessage {
    pub id: String,
    /// Counted from 1 since the start.
    pub number: u64,
    /// Made when it is first needed: most of the work for a message, while its client waits for the reply.
    summary: OnceLock<Summary>,
    pub envelope: ReceivedEnvelope,
    pub session: Option<Arc<SessionLog>>,
    pub received: SystemTime,
    pub size: u64,
    place: Mutex<MessagePlace>,
    is_read: AtomicBool,
    /// `None`: those of the summary.
    tags: Mutex<Option<Vec<String>>>,
    /// Size and hash of parts that were asked for, by their number.
    measures: Mutex<HashMap<String, Measure>>,
    weight: Weight,
}

impl CaughtMessage {
    /// `total`: the memory of all messages.
    pub fn new(number: u64, new: NewMessage, total: &Arc<AtomicUsize>) -> CaughtMessage {
        let random = fastrand::u64(..) & 0xff_ffff_ffff;
        let id = format!("{number:06x}{random:0RANDOM_DIGITS$x}");
        CaughtMessage {
            id,
            number,
            weight: Weight::new(total, weight(&new.envelope)),
            summary: OnceLock::new(),
            tags: Mutex::new((!new.may_have_tags).then(Vec::new)),
            measures: Mutex::default(),
            envelope: new.envelope,
            session: new.session,
            received: new.received,
            size: new.size,
            place: Mutex::new(new.place),
            is_read: AtomicBool::new(new.is_read),
        }
    }

    /// The number in an identifier.
    pub fn number_of(id: &str) -> Option<u64> {
        let digits = id.get(..id.len().checked_sub(RANDOM_DIGITS)?)?;
        u64::from_str_radix(digits, 16).ok()
    }

    /// The data for lists and searches. Empty if the message cannot be read; the next call tries again.
    pub fn summary(&self) -> &Summary {
        static UNREADABLE: LazyLock<Summary> = LazyLock::new(Summary::default);
        if let Some(summary) = self.summary.get() {
            return summary;
        }
        let view = self.source();
        let view = view.and_then(|source| Parser::view(&source, Limits::Summary));
        let Ok(view) = view else {
            return &UNREADABLE;
        };
        self.summary.get_or_init(|| {
            let summary = Summary::of(&view);
            self.weight.add(summary.weight());
            summary
        })
    }

    pub fn source(&self) -> io::Result<Source> {
        // With the lock, so that the file is not renamed before it is opened.
        let mut place = self.locked_place();
        match place.open() {
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                *place = place.moved()?;
                place.open()
            }
            opened => opened,
        }
    }

    /// Removes the message from its storage and from the sum of memory. `deletes_file`: also the file of a Maildir.
    pub fn forget(&self, deletes_file: bool) {
        self.weight.end();
        match &*self.locked_place() {
            MessagePlace::Spool(place) => place.free(),
            MessagePlace::File { path, .. } if deletes_file => {
                // It may have been removed by another program.
                let _ = fs::remove_file(path);
            }
            MessagePlace::File { .. } | MessagePlace::Missing => {}
        }
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
        let tags = self.locked_tags().clone();
        tags.unwrap_or_else(|| self.summary().tags.clone())
    }

    pub fn set_tags(&self, tags: Vec<String>) {
        *self.locked_tags() = Some(tags);
    }

    /// Seconds since 1970.
    pub fn received_seconds(&self) -> i64 {
        let since = self.received.duration_since(UNIX_EPOCH).unwrap_or_default();
        i64::try_from(since.as_secs()).unwrap_or(i64::MAX)
    }

    pub fn matches(&self, query: &Query) -> bool {
        query.matches(self.candidate(&self.tags()))
    }

    pub fn candidate<'c>(&'c self, tags: &'c [String]) -> Candidate<'c> {
        Candidate {
            summary: self.summary(),
            envelope: &self.envelope,
            is_read: self.is_read(),
            tags,
            received: self.received_seconds(),
            size: self.size,
        }
    }

    fn locked_place(&self) -> MutexGuard<'_, MessagePlace> {
        self.place.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn locked_tags(&self) -> MutexGuard<'_, Option<Vec<String>>> {
        self.tags.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Octets in memory, roughly, without transcript and summary.
fn weight(envelope: &ReceivedEnvelope) -> usize {
    let parameters = envelope.rcpt_parameters.iter().flatten();
    let words = envelope.recipients.iter().chain(parameters);
    let words: usize = words.map(|word| word.len() + 24).sum();
    words + envelope.helo.len() + envelope.sender.len() + 500
}

/// The memory of a message as a part of that of all messages.
struct Weight {
    total: Arc<AtomicUsize>,
    /// `None`: the message was deleted.
    own: Mutex<Option<usize>>,
}

impl Weight {
    fn new(total: &Arc<AtomicUsize>, octets: usize) -> Weight {
        total.fetch_add(octets, Ordering::Relaxed);
        Weight {
            total: Arc::clone(total),
            own: Mutex::new(Some(octets)),
        }
    }

    fn add(&self, octets: usize) {
        if let Some(own) = &mut *self.own() {
            *own += octets;
            self.total.fetch_add(octets, Ordering::Relaxed);
        }
    }

    fn end(&self) {
        let octets = self.own().take().unwrap_or(0);
        self.total.fetch_sub(octets, Ordering::Relaxed);
    }

    fn own(&self) -> MutexGuard<'_, Option<usize>> {
        self.own.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The path in `cur` with or without the flag S.
fn flagged(path: &Path, is_read: bool) -> Option<PathBuf> {
    let (base, flags) = name(path)?;
    let mut flags: Vec<char> = flags.chars().filter(|&flag| flag != 'S').collect();
    if is_read {
        flags.push('S');
    }
    // In the order of ASCII, as the format demands.
    flags.sort_unstable();
    let flags: String = flags.into_iter().collect();
    Some(cur(path)?.join(format!("{base}:2,{flags}")))
}

/// The file in `cur` that has this name, with any flags.
fn in_cur(path: &Path) -> io::Result<Option<PathBuf>> {
    let (Some((base, _)), Some(cur)) = (name(path), cur(path)) else {
        return Ok(None);
    };
    for entry in fs::read_dir(cur)? {
        let path = entry?.path();
        if name(&path).is_some_and(|(other, _)| other == base) {
            return Ok(Some(path));
        }
    }
    Ok(None)
}

/// The name of a file of a Maildir without its flags, and these.
fn name(path: &Path) -> Option<(&str, &str)> {
    let name = path.file_name()?.to_str()?;
    Some(name.split_once(":2,").unwrap_or((name, "")))
}

/// The folder `cur` of the Maildir of a file.
fn cur(path: &Path) -> Option<PathBuf> {
    Some(path.parent()?.parent()?.join("cur"))
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

    /// An unread message whose file is to be at this path.
    fn in_maildir(path: PathBuf) -> CaughtMessage {
        let new = NewMessage {
            envelope: ReceivedEnvelope::default(),
            session: None,
            received: UNIX_EPOCH,
            size: 14,
            place: MessagePlace::File { path, skip: 0 },
            is_read: false,
            may_have_tags: true,
        };
        CaughtMessage::new(1, new, &Arc::default())
    }

    #[test]
    fn summary_is_made_when_the_message_can_be_read_again() {
        let home = tempfile::tempdir().unwrap();
        let new = home.path().join("new/1.host");
        let message = in_maildir(new.clone());
        assert_eq!(message.summary().subject, "");
        fs::create_dir(new.parent().unwrap()).unwrap();
        fs::write(&new, "Subject: x\n\n").unwrap();
        assert_eq!(message.summary().subject, "x");
    }

    #[test]
    fn message_that_another_program_has_moved_is_found() {
        let home = tempfile::tempdir().unwrap();
        let [new, cur] = ["new", "cur"].map(|folder| home.path().join(folder));
        fs::create_dir(&new).unwrap();
        fs::create_dir(&cur).unwrap();
        fs::write(cur.join("10.host:2,S"), "Subject: other\n\n").unwrap();
        fs::write(cur.join("1.host:2,RS"), "Subject: x\n\n").unwrap();
        let message = in_maildir(new.join("1.host"));
        assert_eq!(message.summary().subject, "x");
        fs::rename(cur.join("1.host:2,RS"), cur.join("1.host:2,FRS")).unwrap();
        assert!(message.source().is_ok());
        message.forget(true);
        assert!(!cur.join("1.host:2,FRS").exists());
        assert!(message.source().is_err());
        // It is not searched twice: with many such files, a list would take minutes.
        fs::write(cur.join("1.host:2,"), "Subject: x\n\n").unwrap();
        assert!(message.source().is_err());
    }

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
