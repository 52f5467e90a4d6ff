//! The messages that were caught, in a bounded number, with what the page and the API show of them.

use crate::mail::message::Source;
use crate::mail::view::{Limits, MessageView, Parser, TAGS};
use crate::server::maildir::{self, Maildir};
use crate::server::store::{Incoming, MessageStore, ReceivedEnvelope, StoreRefusal, StoredAt};
use crate::server::stream::within;
use crate::server::web::caught::{CaughtMessage, MessagePlace, NewMessage};
use crate::server::web::maildir_files;
use crate::server::web::query::Query;
use crate::server::web::session_log::SessionLogs;
use crate::server::web::spool::{Draft, Spool};
use std::collections::VecDeque;
use std::io;
use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant, SystemTime};

/// Octets of memory for all messages, roughly; beyond it, the oldest are deleted.
const MAX_WEIGHT: usize = 64 * 1024 * 1024;

/// Time without a new message after which summaries are made.
const QUIET: Duration = Duration::from_millis(100);

/// How long messages are kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Retention {
    /// Number of messages; of more, the oldest are deleted. `None`: [`DEFAULT_MAX`] are shown, and files of a Maildir
    /// are not deleted.
    pub max: Option<usize>,
    /// `None`: no limit.
    pub max_age: Option<Duration>,
}

/// Messages that are kept without an option.
pub const DEFAULT_MAX: usize = 10_000;

/// A store that keeps messages for the page and the API.
pub struct Catcher<'o> {
    /// The transcripts of open sessions.
    pub sessions: SessionLogs<'o>,
    retention: Retention,
    storage: Storage,
    state: Mutex<State>,
    /// Octets in memory of all messages, without the transcripts.
    weight: Arc<AtomicUsize>,
    changed: Condvar,
    /// The server ends.
    closing: Condvar,
    /// One large message is parsed at a time.
    parsing: Mutex<()>,
}

enum Storage {
    Spool(Spool),
    Maildir(Maildir),
}

#[derive(Default)]
struct State {
    /// In the order of arrival.
    messages: VecDeque<Arc<CaughtMessage>>,
    last_number: u64,
    /// Number of deletions and changes of marks.
    revision: u64,
    is_closing: bool,
}

/// A point in time, to wait for changes after it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Position {
    /// Number of the last message.
    pub number: u64,
    pub revision: u64,
    /// True if the server ends.
    pub is_closing: bool,
}

impl<'o> Catcher<'o> {
    /// A store in a temporary file.
    pub fn in_memory(retention: Retention, sessions: SessionLogs<'o>) -> io::Result<Catcher<'o>> {
        let storage = Storage::Spool(Spool::new()?);
        Ok(Catcher::new(retention, sessions, storage))
    }

    /// A store in a Maildir. The messages that it has are caught, too.
    pub fn in_maildir(
        path: &Path,
        retention: Retention,
        sessions: SessionLogs<'o>,
    ) -> io::Result<Catcher<'o>> {
        let storage = Storage::Maildir(Maildir::open(path)?);
        let catcher = Catcher::new(retention, sessions, storage);
        for new in maildir_files::messages(path)? {
            catcher.add(new);
        }
        Ok(catcher)
    }

    fn new(retention: Retention, sessions: SessionLogs<'o>, storage: Storage) -> Catcher<'o> {
        Catcher {
            sessions,
            retention,
            storage,
            state: Mutex::default(),
            weight: Arc::default(),
            changed: Condvar::new(),
            closing: Condvar::new(),
            parsing: Mutex::default(),
        }
    }

    /// The messages, the newest first.
    pub fn messages(&self) -> Vec<Arc<CaughtMessage>> {
        let mut state = self.state();
        self.expire(&mut state);
        state.messages.iter().rev().cloned().collect()
    }

    /// The messages that meet a condition, the newest first.
    pub fn search(&self, query: &Query) -> Vec<Arc<CaughtMessage>> {
        let mut found = self.messages();
        found.retain(|message| message.matches(query));
        found
    }

    /// The messages that arrived after the one with this number, in the order of arrival.
    pub fn after(&self, number: u64) -> Vec<Arc<CaughtMessage>> {
        let mut state = self.state();
        self.expire(&mut state);
        let newer = state.messages.iter().rev();
        let newer = newer.take_while(|message| message.number > number);
        let mut newer: Vec<_> = newer.cloned().collect();
        newer.reverse();
        newer
    }

    /// The message with this identifier; the newest for `latest`.
    pub fn find(&self, id: &str) -> Option<Arc<CaughtMessage>> {
        let mut state = self.state();
        self.expire(&mut state);
        if id == "latest" {
            return state.messages.back().cloned();
        }
        let number = CaughtMessage::number_of(id)?;
        let at = state
            .messages
            .binary_search_by_key(&number, |message| message.number);
        let message = state.messages.get(at.ok()?)?;
        (message.id == id).then(|| Arc::clone(message))
    }

    pub fn view(&self, source: &Source) -> io::Result<MessageView> {
        let lock = self.parsing.lock();
        let _turn = lock.unwrap_or_else(PoisonError::into_inner);
        Parser::view(source, Limits::Whole)
    }

    /// Number of messages, and of those that are not read.
    pub fn counts(&self) -> (usize, usize) {
        let mut state = self.state();
        self.expire(&mut state);
        let unread = state.messages.iter().filter(|message| !message.is_read());
        (state.messages.len(), unread.count())
    }

    /// Deletes the messages that are selected.
    pub fn delete(&self, is_selected: impl Fn(&CaughtMessage) -> bool) {
        let mut state = self.state();
        let (deleted, kept): (Vec<_>, Vec<_>) = state
            .messages
            .drain(..)
            .partition(|message| is_selected(message));
        state.messages = kept.into();
        for message in &deleted {
            message.forget(true);
        }
        self.announce(state);
    }

    pub fn set_read(&self, messages: &[Arc<CaughtMessage>], is_read: bool) {
        let mut is_changed = false;
        for message in messages {
            is_changed |= message.set_read(is_read);
        }
        if is_changed {
            self.announce(self.state());
        }
    }

    pub fn set_tags(&self, messages: &[Arc<CaughtMessage>], tags: &[String]) {
        for message in messages {
            message.set_tags(tags.to_vec());
        }
        self.announce(self.state());
    }

    pub fn position(&self) -> Position {
        self.state().position()
    }

    /// Waits for a change after a position, until the deadline. Returns the new position.
    pub fn wait(&self, since: Position, deadline: Instant) -> Position {
        let mut state = self.state();
        loop {
            let position = state.position();
            let left = deadline.saturating_duration_since(Instant::now());
            if position != since || left.is_zero() {
                return position;
            }
            let waited = self.changed.wait_timeout(state, left);
            (state, _) = waited.unwrap_or_else(PoisonError::into_inner);
        }
    }

    /// Makes the summaries of the messages whenever no more arrive. A request that comes first makes those that it
    /// needs. Returns when the server ends, without the summaries that remain.
    pub fn summarize(&self) {
        let mut last = 0;
        let mut position = Position::default();
        while !position.is_closing {
            position = self.when_quiet(position);
            for message in self.after(last) {
                let now = self.position();
                if now.is_closing || now.number != position.number {
                    break;
                }
                message.summary();
                last = message.number;
            }
        }
    }

    /// Waits for a message after a position, and then until no more arrive.
    fn when_quiet(&self, since: Position) -> Position {
        let mut position = self.wait(since, within(Duration::MAX));
        loop {
            // Not woken by messages: each would cost its client the time of a system call.
            let next = self.pause(QUIET);
            if next.number == position.number || next.is_closing {
                return next;
            }
            position = next;
        }
    }

    /// Waits for this time, or until the server ends.
    pub fn pause(&self, time: Duration) -> Position {
        let is_open = |state: &mut State| !state.is_closing;
        let state = self.state();
        let waited = self.closing.wait_timeout_while(state, time, is_open);
        let (state, _) = waited.unwrap_or_else(PoisonError::into_inner);
        state.position()
    }

    /// Ends all waiting.
    pub fn close(&self) {
        self.state().is_closing = true;
        self.changed.notify_all();
        self.closing.notify_all();
    }

    fn add(&self, new: NewMessage) {
        let mut state = self.state();
        state.last_number += 1;
        let message = CaughtMessage::new(state.last_number, new, &self.weight);
        state.messages.push_back(Arc::new(message));
        self.expire(&mut state);
        drop(state);
        self.changed.notify_all();
    }

    /// Deletes what is beyond the limits.
    fn expire(&self, state: &mut State) {
        let oldest = self.retention.max_age.map(|age| SystemTime::now() - age);
        let max = self.retention.max.unwrap_or(DEFAULT_MAX);
        while let Some(first) = state.messages.front() {
            let is_old = oldest.is_some_and(|oldest| first.received < oldest);
            let is_over = state.messages.len() > max;
            let weight = self.weight.load(Ordering::Relaxed) + self.sessions.weight();
            if !is_old && !is_over && weight <= MAX_WEIGHT {
                return;
            }
            let is_requested = is_old || is_over && self.retention.max.is_some();
            if let Some(message) = state.messages.pop_front() {
                message.forget(is_requested);
                state.revision += 1;
            }
        }
    }

    fn announce(&self, mut state: MutexGuard<'_, State>) {
        state.revision += 1;
        drop(state);
        self.changed.notify_all();
    }

    // A thread that panicked has left a list of whole messages.
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn position(&self) -> Position {
        Position {
            number: self.last_number,
            revision: self.revision,
            is_closing: self.is_closing,
        }
    }
}

impl MessageStore for Catcher<'_> {
    fn begin(&self, envelope: &ReceivedEnvelope) -> io::Result<Box<dyn Incoming + '_>> {
        let draft = match &self.storage {
            Storage::Spool(spool) => StoredDraft::Spool(spool, Draft::default()),
            Storage::Maildir(maildir) => StoredDraft::File {
                file: maildir.begin(envelope)?,
                skip: maildir::head(envelope).len() as u64,
            },
        };
        Ok(Box::new(IncomingCatch {
            catcher: self,
            envelope: envelope.clone(),
            size: 0,
            draft,
        }))
    }
}

/// A message while it is received.
struct IncomingCatch<'c> {
    catcher: &'c Catcher<'c>,
    envelope: ReceivedEnvelope,
    size: u64,
    draft: StoredDraft<'c>,
}

enum StoredDraft<'c> {
    Spool(&'c Spool, Draft),
    File {
        file: Box<dyn Incoming + 'c>,
        skip: u64,
    },
}

impl Incoming for IncomingCatch<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.size += bytes.len() as u64;
        match &mut self.draft {
            StoredDraft::Spool(_, draft) => draft.write(bytes),
            StoredDraft::File { file, .. } => file.write(bytes),
        }
    }

    fn commit(self: Box<Self>) -> Result<StoredAt, StoreRefusal> {
        let mut may_have_tags = true;
        let (place, stored) = match self.draft {
            StoredDraft::Spool(spool, draft) => {
                may_have_tags = draft.may_have_field(TAGS);
                let place = spool.append(&draft)?;
                (MessagePlace::Spool(place), StoredAt::Elsewhere)
            }
            StoredDraft::File { file, skip } => match file.commit()? {
                StoredAt::File(path) => {
                    let stored = StoredAt::File(path.clone());
                    (MessagePlace::File { path, skip }, stored)
                }
                other => return Ok(other),
            },
        };
        let session = self.catcher.sessions.of(self.envelope.connection);
        self.catcher.add(NewMessage {
            envelope: self.envelope,
            session: Some(session),
            received: SystemTime::now(),
            size: self.size,
            place,
            is_read: false,
            may_have_tags,
        });
        Ok(stored)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::server::events::{ServerEvent, ServerObserver as _};

    const UNLIMITED: Retention = Retention {
        max: None,
        max_age: None,
    };

    fn catch(catcher: &Catcher<'_>, envelope: &ReceivedEnvelope) {
        let mut message = catcher.begin(envelope).unwrap();
        message.write(b"Subject: x\r\n\r\n").unwrap();
        message.commit().unwrap();
    }

    #[test]
    fn the_end_does_not_wait_for_summaries() {
        let catcher = Catcher::in_memory(UNLIMITED, SessionLogs::new(&())).unwrap();
        catch(&catcher, &ReceivedEnvelope::default());
        let weight = || catcher.weight.load(Ordering::Relaxed);
        let without = weight();
        catcher.close();
        catcher.summarize();
        assert_eq!(weight(), without);
        catcher.messages()[0].summary();
        assert!(weight() > without);
    }

    /// The transcript of a session belongs to all its messages, and counts once.
    #[test]
    fn a_long_session_does_not_displace_its_messages() {
        let catcher = Catcher::in_memory(UNLIMITED, SessionLogs::new(&())).unwrap();
        let command = ServerEvent::Command { line: &[b'x'; 300] };
        for _ in 0..100 {
            catcher.sessions.on_event(7, &command);
        }
        let envelope = ReceivedEnvelope {
            connection: 7,
            ..ReceivedEnvelope::default()
        };
        let count = MAX_WEIGHT / catcher.sessions.weight() + 1000;
        for _ in 0..count {
            catch(&catcher, &envelope);
        }
        assert_eq!(catcher.messages().len(), count);
        catcher.delete(|_| true);
        assert_eq!(catcher.weight.load(Ordering::Relaxed), 0);
    }
}
