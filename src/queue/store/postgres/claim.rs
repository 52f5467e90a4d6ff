//! An item with a lease. Each record is written together with the check that the claim still exists, so that a process
//! whose lease was given to another one can record nothing, and does not send the end of data.

use crate::queue::store::postgres::connection::Parameter;
use crate::queue::store::postgres::item::{StoredItem, StoredMessage};
use crate::queue::store::postgres::lease::Leases;
use crate::queue::store::postgres::pool::Pool;
use crate::queue::store::{
    ClaimedItem, DatabaseFault, Durability, History, Id, Item, ItemEvent, QueueError, Record,
};
use crate::smtp::blocks::{Accepts, Block, Blocks, Replay, Shape};
use std::io;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime};
use tokio_postgres::types::Type;

/// Time for which the release of a claim is tried. If it fails, the claim ends with its lease.
const RELEASE: Duration = Duration::from_secs(2);

/// A claim, which ends on drop.
pub struct Claim {
    pub pool: Arc<Pool>,
    pub leases: Arc<Leases>,
    pub id: Id,
    pub epoch: i64,
}

impl Claim {
    /// Executes a statement about this claim: its first two parameters are the item and the number of the claim.
    /// Without a row as the result, the claim no longer exists.
    fn run(
        &self,
        sql: &str,
        others: &[Parameter<'_>],
    ) -> Result<Vec<tokio_postgres::Row>, QueueError> {
        let sql = self.pool.schema.sql(sql);
        let (id, epoch) = (self.id.as_str(), self.epoch);
        let own: [Parameter<'_>; 2] = [(&id, Type::TEXT), (&epoch, Type::INT8)];
        let all: Vec<Parameter<'_>> = own.into_iter().chain(others.iter().cloned()).collect();
        let rows = self.pool.run(|connection| connection.query(&sql, &all))?;
        if rows.is_empty() {
            return Err(QueueError::LeaseLost(self.id.clone()));
        }
        Ok(rows)
    }
}

/// The value of `synchronous_commit` for a record: without `on`, it survives the end of the process, and perhaps not
/// that of the database.
fn commit(durability: Durability) -> &'static str {
    match durability {
        Durability::Disk => "on",
        Durability::Process | Durability::Later => "off",
    }
}

fn count(events: &[ItemEvent]) -> i32 {
    i32::try_from(events.len()).unwrap_or(i32::MAX)
}

/// A claimed item.
pub struct PostgresClaim {
    claim: Claim,
    item: Item,
    message: StoredMessage,
    state: Mutex<State>,
}

struct State {
    history: History,
    /// The number of the next record to be written.
    next: i32,
    /// Records that are written with the next one.
    later: Vec<ItemEvent>,
    /// The time of the next attempt. The outer `None`: it is not known yet; the inner one: there is none.
    #[expect(clippy::option_option, reason = "unknown, none, or a time")]
    due: Option<Option<SystemTime>>,
    /// True if the item was removed, or has failed.
    is_over: bool,
    /// The error of the database while the message was being read.
    read_error: Option<QueueError>,
}

impl PostgresClaim {
    pub fn new(claim: Claim, mut stored: StoredItem) -> Self {
        let message = StoredMessage::new(&claim.pool, &mut stored);
        Self {
            claim,
            message,
            state: Mutex::new(State {
                history: stored.item.history.clone(),
                next: i32::try_from(stored.records.len()).unwrap_or(i32::MAX),
                later: Vec::new(),
                due: None,
                is_over: false,
                read_error: None,
            }),
            item: stored.item,
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn end(&self) {
        self.state().is_over = true;
        self.claim.leases.remove(&self.claim.id, self.claim.epoch);
    }

    /// Appends records, and renews the lease. A record that is written twice, because the connection was lost, has the
    /// same number. Returns the time of the last one.
    fn write(
        &self,
        first: i32,
        events: &[ItemEvent],
        durability: Durability,
    ) -> Result<SystemTime, QueueError> {
        let entries: Vec<String> = events
            .iter()
            .map(|event| serde_json::to_string(event).unwrap_or_default())
            .collect();
        let numbers: Vec<i32> = (first..).take(events.len()).collect();
        let held = events.iter().rev().find_map(|event| match event {
            ItemEvent::Held => Some(true),
            ItemEvent::Released | ItemEvent::Requeued => Some(false),
            _ => None,
        });
        let lease = self.claim.pool.lease_milliseconds();
        let rows = self.claim.run(
            "with durable as (select set_config('synchronous_commit', $3, true)), \
             mine as (update ehlo.item set lease = now() + $4 * interval '1 ms', held = coalesce($5, held), \
               due = case when $5 = false then now() else due end \
               from durable where id = $1 and epoch = $2 returning id) \
             insert into ehlo.note(id, seq, epoch, entry) \
               select mine.id, e.seq, $2, e.entry from mine, unnest($6, $7) as e(seq, entry) \
             on conflict (id, seq) do update set entry = excluded.entry returning at",
            &[
                (&commit(durability), Type::TEXT),
                (&lease, Type::INT8),
                (&held, Type::BOOL),
                (&numbers, Type::INT4_ARRAY),
                (&entries, Type::TEXT_ARRAY),
            ],
        )?;
        let times = rows.iter().map(|row| row.get(0));
        Ok(times.max().unwrap_or_else(|| self.claim.pool.now()))
    }

    /// Writes the records that were left for later.
    fn write_rest(&self, state: &mut State) -> Result<(), QueueError> {
        if !state.later.is_empty() {
            self.write(state.next, &state.later, Durability::Process)?;
            state.next += count(&state.later);
            state.later.clear();
        }
        Ok(())
    }

    /// Gives the claim back, and tells the workers if the item is due.
    fn release(&self) {
        let mut state = self.state();
        // Without them, its recipients are in doubt.
        let _ = self.write_rest(&mut state);
        let (claim, due) = (&self.claim, state.due);
        drop(state);
        claim.leases.remove(&claim.id, claim.epoch);
        let (is_decided, waits) = (due.is_some(), due == Some(None));
        let time = due.flatten();
        let sql = claim.pool.schema.sql(
            "with durable as (select set_config('synchronous_commit', 'off', true)), \
             released as (update ehlo.item set worker = null, epoch = null, lease = null, \
               due = case when $3 then 'infinity' when $4 then coalesce($5, due) else due end \
               from durable where id = $1 and epoch = $2 returning id, due, held, failed) \
             select pg_notify($6, id) from released where due <= now() and not held and failed is null",
        );
        let (id, channel) = (claim.id.as_str(), claim.pool.schema.channel());
        let _ = claim.pool.run_within(RELEASE, |connection| {
            connection.query(
                &sql,
                &[
                    (&id, Type::TEXT),
                    (&claim.epoch, Type::INT8),
                    (&waits, Type::BOOL),
                    (&is_decided, Type::BOOL),
                    (&time, Type::TIMESTAMPTZ),
                    (&channel, Type::TEXT),
                ],
            )
        });
    }
}

impl Drop for PostgresClaim {
    fn drop(&mut self) {
        if !self.state().is_over {
            self.release();
        }
    }
}

impl Replay for PostgresClaim {
    fn shape(&self, accepts: Accepts) -> Option<Shape> {
        self.message.shape(accepts)
    }

    fn blocks(&self, shape: Shape) -> Box<dyn Blocks + '_> {
        Box::new(ClaimedReader {
            claim: self,
            rest: self.message.blocks(shape),
        })
    }
}

/// Reads the message, and keeps an error of the database: the message is not damaged then.
struct ClaimedReader<'c> {
    claim: &'c PostgresClaim,
    rest: Box<dyn Blocks + 'c>,
}

impl Blocks for ClaimedReader<'_> {
    fn append(&mut self, out: &mut Vec<u8>) -> io::Result<Block> {
        self.rest.append(out).inspect_err(|error| {
            if error.kind() == io::ErrorKind::ConnectionAborted {
                self.claim.state().read_error = Some(QueueError::Database {
                    location: self.claim.claim.pool.settings.shown.clone(),
                    why: "could not be reached while the message was being sent".into(),
                    fault: DatabaseFault::Unavailable,
                });
            }
        })
    }
}

impl ClaimedItem for PostgresClaim {
    fn item(&self) -> &Item {
        &self.item
    }

    fn history(&self) -> History {
        self.state().history.clone()
    }

    fn record(&self, event: ItemEvent, durability: Durability) -> Result<(), QueueError> {
        let mut state = self.state();
        state
            .history
            .check(&event)
            .map_err(|why| QueueError::Damaged {
                id: self.item.id.clone(),
                why,
            })?;
        let at = if durability == Durability::Later {
            state.later.push(event.clone());
            self.claim.pool.now()
        } else {
            state.later.push(event.clone());
            let written = self.write(state.next, &state.later, durability);
            if written.is_err() {
                state.later.pop();
            }
            let at = written?;
            state.next += count(&state.later);
            state.later.clear();
            at
        };
        state.history.apply(&Record { at, event });
        Ok(())
    }

    fn set_due(&self, due: Option<SystemTime>) {
        self.state().due = Some(due);
    }

    fn read_error(&self) -> Option<QueueError> {
        self.state().read_error.take()
    }

    /// A removal that is lost in a crash of the database leaves an item whose records are on disk.
    fn remove(self: Box<Self>) -> Result<(), QueueError> {
        let claim = &self.claim;
        let (id, epoch) = (claim.id.as_str(), claim.epoch);
        let remove = claim.pool.schema.sql(
            "with durable as (select set_config('synchronous_commit', 'off', true)), \
             gone as (delete from ehlo.item using durable where id = $1 and epoch = $2 returning id), \
             part as (delete from ehlo.body b using gone where b.id = gone.id), \
             noted as (delete from ehlo.note n using gone where n.id = gone.id) \
             select id from gone",
        );
        let find = claim
            .pool
            .schema
            .sql("select 1 from ehlo.item where id = $1");
        let is_removed = claim.pool.run(|connection| {
            let removed = connection.count(&remove, &[(&id, Type::TEXT), (&epoch, Type::INT8)])?;
            // The first attempt may have succeeded although the connection was lost.
            Ok(removed > 0 || connection.count(&find, &[(&id, Type::TEXT)])? == 0)
        })?;
        self.end();
        if is_removed {
            Ok(())
        } else {
            Err(QueueError::LeaseLost(self.item.id.clone()))
        }
    }

    fn fail(self: Box<Self>, reason: &str) -> Result<(), QueueError> {
        self.write_rest(&mut self.state())?;
        let reason = crate::system::text::shown(reason);
        self.claim.run(
            "with durable as (select set_config('synchronous_commit', 'on', true)) \
             update ehlo.item set failed = coalesce(failed, $3) \
             from durable where id = $1 and epoch = $2 returning id",
            &[(&reason, Type::TEXT)],
        )?;
        // The release that follows need not be on disk.
        Ok(())
    }
}
