//! The leases of a process: a claim lasts as long as its lease is renewed. A thread renews them at a third of their
//! time, all with one statement, so that a process that has stopped loses its claims, and one that waits long for a
//! server does not. It also releases the items that were enqueued, those of ten milliseconds with one statement.

use crate::queue::store::postgres::connection::Failure;
use crate::queue::store::postgres::item::StoredItem;
use crate::queue::store::postgres::pool::Pool;
use crate::queue::store::{Id, QueueError};
use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};
use tokio_postgres::types::Type;

/// Time for which items that were enqueued are collected before they are released.
const COLLECTION: Duration = Duration::from_millis(10);

/// Time for which the release of items is tried. If the store is closed meanwhile, their claims end with their lease.
const RELEASE: Duration = Duration::from_secs(2);

/// The items, roles and connections that this process has claimed.
pub struct Leases {
    pool: Arc<Pool>,
    /// The number of this process in the database.
    pub worker: i64,
    state: Mutex<State>,
    changed: Condvar,
    /// Held while enqueued items are released. The time at which that failed; `None`: it did not.
    releasing: Mutex<Option<Instant>>,
}

#[derive(Default)]
struct State {
    /// The claimed items, with the numbers of the claims.
    items: HashMap<Id, i64>,
    /// Reserved items that were not claimed yet, and when they were reserved or renewed.
    reserved: HashMap<Id, (StoredItem, Instant)>,
    /// Enqueued items that are to be released, with the numbers of their claims.
    enqueued: Vec<(String, i64)>,
    roles: HashSet<&'static str>,
    slots: HashSet<(String, i32)>,
    is_running: bool,
    is_closed: bool,
}

impl Leases {
    pub fn new(pool: &Arc<Pool>) -> Self {
        Self {
            pool: Arc::clone(pool),
            worker: number(),
            state: Mutex::default(),
            changed: Condvar::new(),
            releasing: Mutex::default(),
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Renews the lease of a claim from now on.
    pub fn add(self: &Arc<Self>, id: &Id, epoch: i64) {
        self.lock().items.insert(id.clone(), epoch);
        self.start();
    }

    /// Ends the renewal of a claim.
    pub fn remove(&self, id: &Id, epoch: i64) {
        let mut state = self.lock();
        if state.items.get(id) == Some(&epoch) {
            state.items.remove(id);
        }
    }

    /// Releases an item that was enqueued, a moment later together with others.
    pub fn release_soon(self: &Arc<Self>, id: &Id, epoch: i64) {
        let mut state = self.lock();
        state.enqueued.push((id.to_string(), epoch));
        let is_first = state.enqueued.len() == 1;
        drop(state);
        if !self.start() {
            self.release_enqueued();
        } else if is_first {
            self.changed.notify_all();
        }
    }

    /// Releases the items that were enqueued. When this returns, those that another thread has begun to release are
    /// released as well. Returns false if the database cannot be reached.
    pub fn release_enqueued(&self) -> bool {
        let mut failed = self
            .releasing
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        // The clients of other threads may be waiting for the replies to messages that are safe.
        if failed.is_some_and(|at| at.elapsed() < RELEASE) && !self.lock().is_closed {
            return false;
        }
        let enqueued = std::mem::take(&mut self.lock().enqueued);
        let is_released = self.release(enqueued.iter().cloned().unzip(), RELEASE);
        *failed = (!is_released).then(Instant::now);
        if !is_released {
            let mut state = self.lock();
            if !state.is_closed {
                state.enqueued.extend(enqueued);
            }
        }
        is_released
    }

    /// Keeps reserved items until they are claimed.
    pub fn reserve(self: &Arc<Self>, items: &[StoredItem], epoch: i64) {
        let now = Instant::now();
        let mut state = self.lock();
        for stored in items {
            let id = &stored.item.id;
            state.items.insert(id.clone(), epoch);
            state.reserved.insert(id.clone(), (stored.clone(), now));
        }
        drop(state);
        self.start();
    }

    /// Takes a reserved item, and the number of its claim; `None`: not reserved, or too long ago.
    pub fn take(&self, id: &Id) -> Option<(StoredItem, i64)> {
        let mut state = self.lock();
        let (stored, since) = state.reserved.remove(id)?;
        let epoch = *state.items.get(id)?;
        if since.elapsed() < self.pool.settings.lease {
            return Some((stored, epoch));
        }
        state.items.remove(id);
        None
    }

    /// Forgets reserved items that are given back, and returns the numbers of their claims, 0 for other items.
    pub fn forget(&self, ids: &[Id]) -> Vec<i64> {
        let mut state = self.lock();
        let epochs = ids.iter().map(|id| match state.reserved.remove(id) {
            Some(_) => state.items.remove(id).unwrap_or_default(),
            None => 0,
        });
        epochs.collect()
    }

    /// Takes all reserved items, with the numbers of their claims.
    fn take_all(&self) -> (Vec<String>, Vec<i64>) {
        let mut state = self.lock();
        let reserved = std::mem::take(&mut state.reserved).into_keys();
        let taken = reserved.filter_map(|id| Some((id.to_string(), state.items.remove(&id)?)));
        taken.unzip()
    }

    /// Renews the lease of a role until it is removed.
    pub fn add_role(self: &Arc<Self>, role: &'static str) {
        self.lock().roles.insert(role);
        self.start();
    }

    pub fn remove_role(&self, role: &'static str) {
        self.lock().roles.remove(role);
    }

    /// Renews the lease of a connection to a destination until it is removed.
    pub fn add_slot(self: &Arc<Self>, destination: &str, slot: i32) {
        self.lock().slots.insert((destination.to_owned(), slot));
        self.start();
    }

    pub fn remove_slot(&self, destination: &str, slot: i32) {
        self.lock().slots.remove(&(destination.to_owned(), slot));
    }

    /// Starts the thread, if it is not running. Returns false if there is none: then claims end when their lease has
    /// expired.
    fn start(self: &Arc<Self>) -> bool {
        let mut state = self.lock();
        if state.is_running || state.is_closed {
            return state.is_running;
        }
        state.is_running = true;
        drop(state);
        let leases = Arc::clone(self);
        let started = thread::Builder::new()
            .name("leases".to_owned())
            .spawn(move || leases.run());
        if started.is_err() {
            self.lock().is_running = false;
        }
        started.is_ok()
    }

    fn run(&self) {
        let interval = self.pool.settings.lease / 3;
        let mut renewed = Instant::now();
        loop {
            let left = interval.saturating_sub(renewed.elapsed());
            let has_enqueued = self.wait(left, |state| !state.enqueued.is_empty());
            if has_enqueued {
                self.wait(COLLECTION, |_| false);
            }
            if self.lock().is_closed {
                return;
            }
            if has_enqueued {
                self.release_enqueued();
            }
            if renewed.elapsed() >= interval {
                renewed = Instant::now();
                // An error is noticed by the next record.
                let _ = self.renew(interval);
            }
        }
    }

    /// Waits until this is true, for this time at most, or until the store is closed. Returns true if it is.
    fn wait(&self, time: Duration, is_over: impl Fn(&State) -> bool) -> bool {
        let goes_on = |state: &mut State| !state.is_closed && !is_over(state);
        let waited = self.changed.wait_timeout_while(self.lock(), time, goes_on);
        let (state, _) = waited.unwrap_or_else(PoisonError::into_inner);
        is_over(&state)
    }

    fn renew(&self, interval: Duration) -> Result<(), QueueError> {
        let begun = Instant::now();
        let state = self.lock();
        let (ids, epochs): (Vec<String>, Vec<i64>) = state
            .items
            .iter()
            .map(|(id, epoch)| (id.to_string(), *epoch))
            .unzip();
        let has_role = !state.roles.is_empty();
        let has_slot = !state.slots.is_empty();
        drop(state);
        let (worker, lease) = (self.worker, self.pool.lease_milliseconds());
        let run = |sql: &str, parameters: &[_]| {
            let sql = self.pool.schema.sql(sql);
            let done = self
                .pool
                .run_within(interval, |connection| connection.query(&sql, parameters));
            done.map_err(|failure| self.pool.error(failure))
        };
        if !ids.is_empty() {
            let renewed = run(
                "update ehlo.item i set lease = now() + $3 * interval '1 ms' \
                 from unnest($1, $2) as h(id, epoch) where i.id = h.id and i.epoch = h.epoch returning i.id",
                &[
                    (&ids, Type::TEXT_ARRAY),
                    (&epochs, Type::INT8_ARRAY),
                    (&lease, Type::INT8),
                ],
            )?;
            let mut state = self.lock();
            for row in &renewed {
                let id = Id::parse(row.get(0));
                if let Some((_, since)) = id.and_then(|id| state.reserved.get_mut(&id)) {
                    *since = begun;
                }
            }
        }
        let own: [(&(dyn tokio_postgres::types::ToSql + Sync), Type); 2] =
            [(&worker, Type::INT8), (&lease, Type::INT8)];
        if has_role {
            run(
                "update ehlo.worker set lease = now() + $2 * interval '1 ms' where worker = $1",
                &own,
            )?;
        }
        if has_slot {
            run(
                "update ehlo.slot set lease = now() + $2 * interval '1 ms' where worker = $1",
                &own,
            )?;
        }
        Ok(())
    }

    /// Ends the thread, releases enqueued items and gives reserved ones back.
    pub fn close(&self) {
        self.lock().is_closed = true;
        self.changed.notify_all();
        self.release_enqueued();
        self.release(self.take_all(), Duration::ZERO);
    }

    /// Gives up the claims of these numbers on these items. Returns false if the database cannot be reached.
    fn release(&self, (ids, epochs): (Vec<String>, Vec<i64>), patience: Duration) -> bool {
        if ids.is_empty() {
            return true;
        }
        let sql = self.pool.schema.sql(
            "with durable as (select set_config('synchronous_commit', 'off', true)), \
             given as (update ehlo.item i set worker = null, epoch = null, lease = null \
               from durable, unnest($1, $2) as h(id, epoch) where i.id = h.id and i.epoch = h.epoch \
               returning i.id) \
             select pg_notify($3, min(id)) from given having count(*) > 0",
        );
        let channel = self.pool.schema.channel();
        let released = self.pool.run_within(patience, |connection| {
            connection.query(
                &sql,
                &[
                    (&ids, Type::TEXT_ARRAY),
                    (&epochs, Type::INT8_ARRAY),
                    (&channel, Type::TEXT),
                ],
            )
        });
        !matches!(released, Err(Failure::Lost(_) | Failure::Busy(_)))
    }
}

/// A random number for a process or a claim. It is not counted: a number that was counted could be given twice, if the
/// database loses its last transactions in a crash.
pub fn number() -> i64 {
    fastrand::i64(1..)
}
