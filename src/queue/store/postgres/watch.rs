//! Notifications about items that were released. A thread waits for them on a connection of its own, and tells the
//! watcher. It also does so in intervals, because a pooler such as PgBouncer does not pass notifications on, and
//! because nothing is notified when a lease ends.

use crate::queue::store::postgres::connection::Connection;
use crate::queue::store::postgres::pool::Pool;
use crate::queue::store::{Changes, Id, Watcher};
use std::collections::HashSet;
use std::io::{self, Read as _, Write as _};
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::net::UnixStream;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

/// Interval of the search for items without a notification.
const SEARCH: Duration = Duration::from_secs(5);

/// Interval at which the thread looks if it is still needed.
const TICK: Duration = Duration::from_millis(500);

/// The end of the thread that is polled.
pub struct PostgresWatcher {
    stream: UnixStream,
    pending: Arc<Pending>,
}

/// The changes since the last call, and the end that makes the other one readable. The thread ends when the watcher is
/// the only one that knows it.
struct Pending {
    changes: Mutex<Option<Changes>>,
    stream: UnixStream,
}

impl Pending {
    fn add(&self, change: Changes) {
        let mut changes = self.changes.lock().unwrap_or_else(PoisonError::into_inner);
        *changes = Some(match (changes.take(), change) {
            (Some(Changes::Items(mut all)), Changes::Items(new)) => {
                all.extend(new);
                Changes::Items(all)
            }
            (None, new) => new,
            _ => Changes::Unknown,
        });
        drop(changes);
        // If it is full, the watcher is readable already.
        let _ = (&self.stream).write(&[0]);
    }
}

impl PostgresWatcher {
    /// Starts the thread.
    pub fn start(pool: &Arc<Pool>) -> io::Result<Self> {
        let (stream, other) = UnixStream::pair()?;
        stream.set_nonblocking(true)?;
        other.set_nonblocking(true)?;
        let pending = Arc::new(Pending {
            changes: Mutex::default(),
            stream: other,
        });
        let listener = Listener {
            pool: Arc::clone(pool),
            pending: Arc::downgrade(&pending),
        };
        thread::Builder::new()
            .name("listen".to_owned())
            .spawn(move || listener.run())?;
        Ok(Self { stream, pending })
    }
}

impl Watcher for PostgresWatcher {
    fn drain(&self) -> Changes {
        let mut octets = [0; 4096];
        while (&self.stream)
            .read(&mut octets)
            .is_ok_and(|count| count == octets.len())
        {}
        let pending = &self.pending.changes;
        let changes = pending
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .take();
        changes.unwrap_or_else(|| Changes::Items(HashSet::new()))
    }
}

impl AsFd for PostgresWatcher {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.stream.as_fd()
    }
}

struct Listener {
    pool: Arc<Pool>,
    pending: std::sync::Weak<Pending>,
}

impl Listener {
    fn run(&self) {
        let mut last = Instant::now();
        let mut connection = None;
        while let Some(pending) = self.pending.upgrade() {
            if last.elapsed() >= SEARCH {
                pending.add(Changes::Unknown);
                last = Instant::now();
            }
            drop(pending);
            if connection.is_none() {
                connection = self.listen();
            }
            match &connection {
                Some(open) if open.wait(TICK) => {}
                Some(_) => connection = None,
                None => thread::sleep(TICK),
            }
        }
    }

    /// `None`: not now. The search in intervals goes on.
    fn listen(&self) -> Option<Connection> {
        let pending = self.pending.clone();
        let notify = move |payload: &str| {
            if let (Some(pending), Some(id)) = (pending.upgrade(), Id::parse(payload)) {
                pending.add(Changes::Items(HashSet::from([id])));
            }
        };
        let connection = self.pool.connect(Some(Box::new(notify))).ok()?;
        let channel = self.pool.schema.channel();
        connection.execute(&format!("listen \"{channel}\"")).ok()?;
        // Items may have been released before.
        self.pending.upgrade()?.add(Changes::Unknown);
        Some(connection)
    }
}
