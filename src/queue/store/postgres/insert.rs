//! Insertion of items with small messages. While threads wait for a commit, the items of other threads are collected,
//! and inserted by one statement then: a disk commits few statements a second.

use crate::queue::store::postgres::connection::{Connection, Failure, Parameter};
use crate::queue::store::postgres::item::Body;
use crate::queue::store::postgres::pool::{PATIENCE, Pool};
use std::cell::Cell;
use std::collections::HashSet;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Instant, SystemTime};
use tokio_postgres::types::Type;

/// Statements at one time. While one waits for the disk, the next can be executed.
const STATEMENTS: usize = 2;

/// Maximum number of items of a statement.
const MAX_ROWS: usize = 64;

/// Octets of messages above which a statement gets no further item.
const FULL: usize = 1 << 20;

/// An item with a message of one part.
pub struct NewRow {
    pub id: String,
    pub metadata: String,
    pub body: Body,
    pub octets: Vec<u8>,
    pub worker: i64,
    /// The number of its claim.
    pub epoch: i64,
}

/// The result for an item.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Inserted {
    Committed,
    /// Another item has this ID.
    Taken,
    /// An earlier attempt may have been successful.
    Unknown,
}

type InsertResult = Result<Inserted, Failure>;

/// The items that threads of this process wait for.
#[derive(Default)]
pub struct Inserts {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Default)]
struct State {
    /// Items that are in no statement yet.
    waiting: Vec<Arc<Waiting>>,
    statements: usize,
}

struct Waiting {
    row: NewRow,
    result: Mutex<Option<InsertResult>>,
}

impl Inserts {
    /// Commits an item, together with those of other threads.
    pub fn insert(&self, pool: &Pool, row: NewRow) -> InsertResult {
        let own = Arc::new(Waiting {
            row,
            result: Mutex::default(),
        });
        let mut state = self.lock();
        state.waiting.push(Arc::clone(&own));
        loop {
            if let Some(result) = own.result().take() {
                return result;
            }
            let is_waiting = state.waiting.iter().any(|other| Arc::ptr_eq(other, &own));
            if !is_waiting || state.statements >= STATEMENTS {
                let waited = self.changed.wait(state);
                state = waited.unwrap_or_else(PoisonError::into_inner);
                continue;
            }
            let batch = state.next_batch();
            state.statements += 1;
            drop(state);
            let rows: Vec<&NewRow> = batch.iter().map(|waiting| &waiting.row).collect();
            let results = insert_all(pool, &rows, None);
            state = self.lock();
            state.statements -= 1;
            for (waiting, result) in batch.iter().zip(results) {
                *waiting.result() = Some(result);
            }
            self.changed.notify_all();
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn next_batch(&mut self) -> Vec<Arc<Waiting>> {
        let mut octets = 0;
        let lengths = self.waiting.iter().map(|waiting| waiting.row.octets.len());
        let fitting = lengths.take_while(|length| {
            let is_full = octets >= FULL;
            octets += length;
            !is_full
        });
        let count = fitting.count().min(MAX_ROWS);
        self.waiting.drain(..count).collect()
    }
}

impl Waiting {
    fn result(&self) -> MutexGuard<'_, Option<InsertResult>> {
        self.result.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Commits items by one statement, and returns their results in the same order. An item that the database refuses does
/// not prevent the others. `sent`: the time of the database before an earlier attempt was sent.
pub fn insert_all(pool: &Pool, rows: &[&NewRow], sent: Option<SystemTime>) -> Vec<InsertResult> {
    insert_until(pool, rows, sent, Instant::now() + PATIENCE)
}

fn insert_until(
    pool: &Pool,
    rows: &[&NewRow],
    sent: Option<SystemTime>,
    limit: Instant,
) -> Vec<InsertResult> {
    let sent = Cell::new(sent);
    let patience = limit.saturating_duration_since(Instant::now());
    let inserted = pool.run_within(patience, |connection| {
        let attempt = Attempt {
            pool,
            rows,
            earlier: sent.get(),
        };
        let begun = pool.now();
        let inserted = attempt.run(connection);
        if matches!(inserted, Err(Failure::Lost(_) | Failure::Busy(_))) {
            sent.set(sent.get().or(Some(begun)));
        }
        inserted
    });
    match inserted {
        Ok(results) => results.into_iter().map(Ok).collect(),
        Err(Failure::Refused(_)) if rows.len() > 1 => {
            let alone = rows.iter();
            let alone = alone.map(|row| insert_until(pool, &[row], sent.get(), limit));
            alone.flatten().collect()
        }
        Err(failure) => rows.iter().map(|_| Err(failure.clone())).collect(),
    }
}

/// An attempt to commit items.
struct Attempt<'a> {
    pool: &'a Pool,
    rows: &'a [&'a NewRow],
    /// The time of the database before the first attempt was sent; `None`: this is the first one.
    earlier: Option<SystemTime>,
}

impl Attempt<'_> {
    fn run(&self, connection: &Connection) -> Result<Vec<Inserted>, Failure> {
        let inserted = self.insert(connection)?;
        let results = self.rows.iter().map(|row| {
            if inserted.contains(&row.epoch) || self.is_committed(connection, row)? {
                return Ok(Inserted::Committed);
            }
            // After an attempt that may have been successful, the item may have been claimed by another process.
            Ok(if self.earlier.is_some() {
                Inserted::Unknown
            } else {
                Inserted::Taken
            })
        });
        results.collect()
    }

    /// Inserts the items whose ID is not used, and returns the numbers of their claims. Those of an earlier attempt
    /// must still exist, so that its items are found.
    fn insert(&self, connection: &Connection) -> Result<HashSet<i64>, Failure> {
        let sql = self.pool.schema.sql(
            "with durable as (select set_config('synchronous_commit', 'on', true)), \
             given as (select * from unnest($1, $2, $3, $4, $5, $6, $7) \
               as g(id, metadata, size, checksum, worker, epoch, octets)), \
             new as (insert into ehlo.item(id, metadata, size, checksum, worker, epoch, lease) \
               select g.id, g.metadata, g.size, g.checksum, g.worker, g.epoch, now() + $8 * interval '1 ms' \
               from durable, given g where $9 is null or clock_timestamp() < $9 \
               on conflict (id) do nothing returning id, epoch), \
             part as (insert into ehlo.body(id, part, octets) \
               select g.id, 0, g.octets from new join given g using (id, epoch) where octet_length(g.octets) > 0) \
             select epoch from new",
        );
        let deadline = self.pool.insert_deadline(self.earlier);
        let texts = |text: fn(&NewRow) -> &str| -> Vec<&str> {
            self.rows.iter().map(|row| text(row)).collect()
        };
        let numbers = |number: fn(&NewRow) -> i64| -> Vec<i64> {
            self.rows.iter().map(|row| number(row)).collect()
        };
        let octets: Vec<&[u8]> = self.rows.iter().map(|row| &row.octets[..]).collect();
        let parameters: [Parameter<'_>; 9] = [
            (&texts(|row| &row.id), Type::TEXT_ARRAY),
            (&texts(|row| &row.metadata), Type::TEXT_ARRAY),
            (&numbers(|row| row.body.columns().0), Type::INT8_ARRAY),
            (&numbers(|row| row.body.columns().1), Type::INT8_ARRAY),
            (&numbers(|row| row.worker), Type::INT8_ARRAY),
            (&numbers(|row| row.epoch), Type::INT8_ARRAY),
            (&octets, Type::BYTEA_ARRAY),
            (&self.pool.lease_milliseconds(), Type::INT8),
            (&deadline, Type::TIMESTAMPTZ),
        ];
        let inserted = connection.query(&sql, &parameters)?;
        Ok(inserted.iter().map(|row| row.get(0)).collect())
    }

    /// True if an earlier attempt has committed the item.
    fn is_committed(&self, connection: &Connection, row: &NewRow) -> Result<bool, Failure> {
        let sql = "select 1 from ehlo.item where id = $1 and epoch = $2";
        let sql = self.pool.schema.sql(sql);
        let parameters: [Parameter<'_>; 2] = [(&row.id, Type::TEXT), (&row.epoch, Type::INT8)];
        Ok(connection.count(&sql, &parameters)? > 0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::smtp::blocks::BodyType;

    fn waiting(length: usize) -> Arc<Waiting> {
        let row = NewRow {
            id: String::new(),
            metadata: String::new(),
            body: Body {
                body_type: BodyType::SevenBit,
                size: 0,
                checksum: 0,
            },
            octets: vec![b'x'; length],
            worker: 1,
            epoch: 1,
        };
        Arc::new(Waiting {
            row,
            result: Mutex::default(),
        })
    }

    #[test]
    fn a_statement_has_limits_and_at_least_one_item() {
        let mut state = State::default();
        let mut batches = |lengths: &[usize]| {
            state.waiting = lengths.iter().map(|&length| waiting(length)).collect();
            let mut counts = Vec::new();
            while !state.waiting.is_empty() {
                counts.push(state.next_batch().len());
            }
            counts
        };
        assert_eq!(batches(&[10; MAX_ROWS + 1]), [MAX_ROWS, 1]);
        assert_eq!(batches(&[FULL, 10]), [1, 1]);
        assert_eq!(batches(&[FULL - 1, 10, 10]), [2, 1]);
    }
}
