//! The locks of the processes that work on the spool, and notification about changes.

use crate::queue::store::spool::Spool;
use crate::queue::store::{Id, QueueError};
use crate::system::lock::{lock_within, try_lock_shared};
use rustix::fs::OFlags;
use rustix::fs::inotify::{self, CreateFlags, ReadFlags, WatchFlags};
use rustix::io::Errno;
use std::collections::HashSet;
use std::fs::File;
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::time::Duration;

/// Locked by a process that runs the whole queue.
pub const RUNNER: &str = "runner.lock";

pub const WATCH: &str = "watch.lock";

/// A probe of a lock holds the lock for a moment. A lock that is held for longer than this counts as held.
const PROBE: Duration = Duration::from_millis(10);

/// Interval between two attempts in that time.
const INTERVAL: Duration = Duration::from_millis(5);

/// An exclusive lock, released on drop.
pub struct RunnerLock {
    _file: File,
}

impl Spool {
    /// Becomes the runner of the queue; `None`: another process is.
    pub fn lock_runner(&self) -> Result<Option<RunnerLock>, QueueError> {
        self.lock_file(RUNNER)
    }

    /// Becomes the process that stays and waits for items; `None`: another process is.
    pub fn lock_watch(&self) -> Result<Option<RunnerLock>, QueueError> {
        self.lock_file(WATCH)
    }

    /// True if a process runs the queue right now.
    #[must_use]
    pub fn runner_is_there(&self) -> bool {
        self.is_locked(RUNNER)
    }

    /// True if a process stays and waits for items.
    #[must_use]
    pub fn watch_is_there(&self) -> bool {
        self.is_locked(WATCH)
    }

    fn lock_file(&self, name: &str) -> Result<Option<RunnerLock>, QueueError> {
        let root = &self.rooms()?.root;
        // create() sets the mode after the creation: a umask could lock out all users, including this one.
        let file = match root.create(name, OFlags::RDWR) {
            Err(Errno::EXIST) => root.open(name, OFlags::RDWR),
            created => created,
        };
        let file = file.map_err(|error| root.error("open", name, error))?;
        let is_locked = lock_within(&file, PROBE, INTERVAL);
        let is_locked = is_locked.map_err(|error| root.error("lock", name, error))?;
        Ok(is_locked.then_some(RunnerLock { _file: file }))
    }

    fn is_locked(&self, name: &str) -> bool {
        let rooms = self.rooms.as_ref();
        let file = rooms.and_then(|rooms| rooms.root.open(name, OFlags::RDWR).ok());
        // A shared lock, because concurrent probes do not count.
        file.is_some_and(|file| try_lock_shared(&file).is_ok_and(|is_free| !is_free))
    }

    /// A watcher that reports items that were added or released.
    pub fn watcher(&self) -> Result<Watcher, QueueError> {
        let items = self.rooms()?.items.path("");
        let failed = |error: Errno| QueueError::io("watch", &items, error);
        let fd = inotify::init(CreateFlags::CLOEXEC | CreateFlags::NONBLOCK).map_err(failed)?;
        // Not a rename, because the writer still has the lock then, but the closing of the file by the
        // writer; and creation, because without rename support a file gets its name by a link.
        let events = WatchFlags::CLOSE_WRITE | WatchFlags::CREATE | WatchFlags::ONLYDIR;
        inotify::add_watch(&fd, &items, events).map_err(failed)?;
        Ok(Watcher { fd })
    }
}

/// Becomes readable, in the sense of `poll()`, when an item is released: a new one, or one that was tried.
pub struct Watcher {
    fd: OwnedFd,
}

/// The changes in a queue since the last call.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Changed {
    /// These items were released; empty if the change does not matter, such as a note in a journal.
    These(HashSet<Id>),
    /// Too many changes to list.
    Anything,
}

impl Watcher {
    /// Returns and clears the pending changes.
    #[must_use]
    pub fn drain(&self) -> Changed {
        let mut buffer = [MaybeUninit::uninit(); 4096];
        let mut events = inotify::Reader::new(&self.fd, &mut buffer);
        let mut changed = HashSet::new();
        let mut is_uncounted = false;
        while let Ok(event) = events.next() {
            let name = event.file_name().and_then(|name| name.to_str().ok());
            changed.extend(name.and_then(Id::parse));
            is_uncounted |= event.events().contains(ReadFlags::QUEUE_OVERFLOW);
        }
        if is_uncounted {
            return Changed::Anything;
        }
        Changed::These(changed)
    }
}

impl AsFd for Watcher {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.fd.as_fd()
    }
}
