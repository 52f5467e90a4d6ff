//! Adding an item. It is committed when the database has confirmed the commit. If the connection is lost before that,
//! another attempt with the same ID finds out if the first one has succeeded: the ID is chosen here. A message of one
//! part is inserted by [`insert`](super::insert).

use crate::queue::store::postgres::connection::{Connection, Failure, Parameter};
use crate::queue::store::postgres::insert::{Inserted, Inserts, NewRow};
use crate::queue::store::postgres::item::{Body, PART, StoredItem};
use crate::queue::store::postgres::lease::{Leases, number};
use crate::queue::store::postgres::pool::Pool;
use crate::queue::store::spool::metadata;
use crate::queue::store::{DatabaseFault, History, Id, Item, Metadata, QueueError};
use crate::smtp::blocks::{Block, Blocks, Replay, Shape};
use crc32fast::Hasher;
use std::cell::Cell;
use std::io;
use std::time::SystemTime;
use tokio_postgres::types::Type;

/// Attempts to find an unused ID.
const TRIES: usize = 16;

/// A message to add.
pub struct NewItem<'m> {
    pub metadata: &'m Metadata,
    pub message: &'m dyn Replay,
    pub shape: Shape,
}

/// The result of adding an item.
enum Added {
    Committed(Body),
    /// The message cannot be read.
    Unreadable(io::Error),
    /// Another item has this ID.
    Taken,
    /// The lease of an earlier attempt may have ended, so that its item may have been delivered.
    Unknown,
}

/// The parts of the store that adding an item needs.
#[derive(Clone, Copy)]
pub struct Adding<'a> {
    pub pool: &'a Pool,
    pub leases: &'a Leases,
    pub inserts: &'a Inserts,
}

/// Commits an item with this ID, or with a new one, and claims it. Returns the number of the claim as well.
pub fn add(
    adding: Adding<'_>,
    new: &NewItem<'_>,
    id: Option<&Id>,
) -> Result<(StoredItem, i64), QueueError> {
    let pool = adding.pool;
    // All hosts have the same configuration, at places of their own.
    let mut metadata = new.metadata.clone();
    metadata.route_spec.config = None;
    let json = metadata::write(&metadata, new.shape.transport).map_err(unwritable)?;
    let metadata = metadata::read(&json).map_err(unwritable)?.metadata;
    let json = String::from_utf8(json).map_err(|error| unwritable(error.to_string()))?;
    for _ in 0..TRIES {
        let attempt = Attempt {
            adding,
            new,
            json: &json,
            id: id.cloned().unwrap_or_else(|| Id::new(pool.now())),
            epoch: number(),
            committing: Cell::new(None),
        };
        match attempt.run()? {
            Added::Committed(body) => {
                let item = Item {
                    id: attempt.id,
                    history: History::new(metadata.envelope.recipients.len()),
                    metadata,
                    size: body.size,
                    failed: None,
                };
                let records = Vec::new();
                return Ok((
                    StoredItem {
                        item,
                        records,
                        body,
                        first: None,
                    },
                    attempt.epoch,
                ));
            }
            Added::Unreadable(error) => return Err(QueueError::Message(error)),
            Added::Unknown => {
                return Err(unknown(pool));
            }
            Added::Taken if id.is_none() => {}
            Added::Taken => break,
        }
    }
    Err(QueueError::Io {
        doing: "create",
        path: id.map_or_else(|| "an item".into(), |id| id.as_str().into()),
        error: io::ErrorKind::AlreadyExists.into(),
    })
}

fn unknown(pool: &Pool) -> QueueError {
    QueueError::Database {
        location: pool.settings.shown.clone(),
        why: "was lost during the commit: it is not known if the message was queued".into(),
        fault: DatabaseFault::Statement,
    }
}

fn unwritable(why: String) -> QueueError {
    QueueError::Message(io::Error::new(io::ErrorKind::InvalidInput, why))
}

struct Attempt<'a> {
    adding: Adding<'a>,
    new: &'a NewItem<'a>,
    /// The metadata.
    json: &'a str,
    id: Id,
    epoch: i64,
    /// The time of the database before the first commit was sent.
    committing: Cell<Option<SystemTime>>,
}

impl Attempt<'_> {
    fn run(&self) -> Result<Added, QueueError> {
        let mut parts = Parts::new(self.new);
        let first = match parts.next() {
            Ok(first) => first,
            Err(error) => return Ok(Added::Unreadable(error)),
        };
        if !parts.is_over {
            return self
                .adding
                .pool
                .run(|connection| self.add_in_parts(connection));
        }
        let body = match parts.end() {
            Ok(body) => body,
            Err(error) => return Ok(Added::Unreadable(error)),
        };
        let row = self.row(body, first);
        let Adding { pool, inserts, .. } = self.adding;
        let inserted = inserts.insert(pool, row);
        match inserted.map_err(|failure| pool.error(failure))? {
            Inserted::Committed => Ok(Added::Committed(body)),
            Inserted::Taken => Ok(Added::Taken),
            Inserted::Unknown => Ok(Added::Unknown),
        }
    }

    /// The item with a message of one part.
    fn row(&self, body: Body, octets: Vec<u8>) -> NewRow {
        NewRow {
            id: self.id.to_string(),
            metadata: self.json.to_owned(),
            body,
            octets,
            worker: self.adding.leases.worker,
            epoch: self.epoch,
        }
    }

    fn add_in_parts(&self, connection: &Connection) -> Result<Added, Failure> {
        let added = self.try_in_parts(connection);
        // After a commit, this does nothing.
        if !matches!(added, Ok(Added::Committed(_))) {
            connection.execute("rollback")?;
        }
        match added {
            // The first attempt has succeeded although its connection was lost.
            Err(Failure::Exists) => Ok(self
                .committed(connection)?
                .map_or(Added::Taken, Added::Committed)),
            added => added,
        }
    }

    /// Records that an attempt may have been committed since this time.
    fn begin_commit(&self, begun: SystemTime) {
        self.committing.set(self.committing.get().or(Some(begun)));
    }

    /// Inserts the item without its message. Returns false if that is too late.
    fn insert(&self, connection: &Connection, body: Body) -> Result<bool, Failure> {
        let sql = self.adding.pool.schema.sql(
            "insert into ehlo.item(id, metadata, size, checksum, worker, epoch, lease) \
             select $1, $2, $3, $4, $5, $6, now() + $7 * interval '1 ms' \
             where $8 is null or clock_timestamp() < $8 returning id",
        );
        let (size, checksum) = body.columns();
        let pool = self.adding.pool;
        let deadline = pool.insert_deadline(self.committing.get());
        let lease = pool.lease_milliseconds();
        let inserted = connection.count(
            &sql,
            &[
                (&self.id.as_str(), Type::TEXT),
                (&self.json, Type::TEXT),
                (&size, Type::INT8),
                (&checksum, Type::INT8),
                (&self.adding.leases.worker, Type::INT8),
                (&self.epoch, Type::INT8),
                (&lease, Type::INT8),
                (&deadline, Type::TIMESTAMPTZ),
            ],
        )?;
        Ok(inserted > 0)
    }

    /// A message of several parts, in one transaction and in constant memory.
    fn try_in_parts(&self, connection: &Connection) -> Result<Added, Failure> {
        let mut parts = Parts::new(self.new);
        connection.execute("begin; set local synchronous_commit = on")?;
        if !self.insert(connection, parts.body())? {
            return Ok(Added::Unknown);
        }
        let sql = self
            .adding
            .pool
            .schema
            .sql("insert into ehlo.body(id, part, octets) values ($1, $2, $3)");
        for number in 0_i32.. {
            let part = match parts.next() {
                Ok(part) => part,
                Err(error) => return Ok(Added::Unreadable(error)),
            };
            if part.is_empty() {
                break;
            }
            let parameters: [Parameter<'_>; 3] = [
                (&self.id.as_str(), Type::TEXT),
                (&number, Type::INT4),
                (&part, Type::BYTEA),
            ];
            connection.query(&sql, &parameters)?;
        }
        match parts.end() {
            Ok(body) => self.commit(connection, body),
            Err(error) => Ok(Added::Unreadable(error)),
        }
    }

    fn commit(&self, connection: &Connection, body: Body) -> Result<Added, Failure> {
        let sql = self.adding.pool.schema.sql(
            "update ehlo.item set checksum = $2, lease = clock_timestamp() + $3 * interval '1 ms' where id = $1",
        );
        let (_, checksum) = body.columns();
        let parameters: [Parameter<'_>; 3] = [
            (&self.id.as_str(), Type::TEXT),
            (&checksum, Type::INT8),
            (&self.adding.pool.lease_milliseconds(), Type::INT8),
        ];
        connection.query(&sql, &parameters)?;
        self.begin_commit(self.adding.pool.now());
        connection.execute("commit")?;
        Ok(Added::Committed(body))
    }

    /// The message of the item that an earlier attempt has committed; `None`: the item is another one.
    fn committed(&self, connection: &Connection) -> Result<Option<Body>, Failure> {
        let sql = self
            .adding
            .pool
            .schema
            .sql("select size, checksum from ehlo.item where id = $1 and epoch = $2");
        let parameters: [Parameter<'_>; 2] =
            [(&self.id.as_str(), Type::TEXT), (&self.epoch, Type::INT8)];
        let rows = connection.query(&sql, &parameters)?;
        Ok(rows.first().map(|row| Body {
            body_type: self.new.shape.transport,
            size: u64::try_from(row.get::<_, i64>(0)).unwrap_or_default(),
            checksum: u32::try_from(row.get::<_, i64>(1)).unwrap_or_default(),
        }))
    }
}

/// The parts of a message, read one after the other.
struct Parts<'m> {
    new: &'m NewItem<'m>,
    blocks: Box<dyn Blocks + 'm>,
    /// Octets that were read and not returned yet.
    rest: Vec<u8>,
    checksum: Hasher,
    size: u64,
    /// True if the message was read to its end.
    is_over: bool,
}

impl<'m> Parts<'m> {
    fn new(new: &'m NewItem<'m>) -> Self {
        Self {
            new,
            blocks: new.message.blocks(new.shape),
            rest: Vec::new(),
            checksum: Hasher::new(),
            size: 0,
            is_over: false,
        }
    }

    /// The next part; empty at the end. All but the last one have the full length.
    fn next(&mut self) -> io::Result<Vec<u8>> {
        while self.rest.len() < PART && !self.is_over {
            let start = self.rest.len();
            self.is_over = self.blocks.append(&mut self.rest)? == Block::End;
            self.checksum.update(&self.rest[start..]);
            self.size += (self.rest.len() - start) as u64;
        }
        let rest = self.rest.split_off(self.rest.len().min(PART));
        // More octets make another part.
        self.is_over &= rest.is_empty();
        Ok(std::mem::replace(&mut self.rest, rest))
    }

    fn body(&self) -> Body {
        Body {
            body_type: self.new.shape.transport,
            size: self.new.shape.size,
            checksum: self.checksum.clone().finalize(),
        }
    }

    /// The properties of the whole message, which must have the announced size.
    fn end(&self) -> io::Result<Body> {
        let (size, announced) = (self.size, self.new.shape.size);
        if size == announced {
            return Ok(self.body());
        }
        let why = format!(
            "the message has {size} octets instead of {announced}: it changed while it was being read"
        );
        Err(io::Error::new(io::ErrorKind::InvalidData, why))
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use crate::queue::store::postgres::insert::insert_all;

    /// Makes attempts to add an item, as if the connection was lost after each. Returns for each if it has found the
    /// item committed. `sent`: the time of a commit before.
    pub fn attempts(adding: Adding<'_>, new: &NewItem<'_>, sent: Option<SystemTime>) -> [bool; 2] {
        let json = metadata::write(new.metadata, new.shape.transport).unwrap();
        let pool = adding.pool;
        let attempt = Attempt {
            adding,
            new,
            json: std::str::from_utf8(&json).unwrap(),
            id: Id::new(pool.now()),
            epoch: number(),
            committing: Cell::new(sent),
        };
        let mut parts = Parts::new(new);
        let first = parts.next().unwrap();
        let is_small = parts.is_over;
        let row = attempt.row(parts.body(), first);
        let begun = pool.now();
        [sent, sent.or(Some(begun))].map(|sent| {
            if is_small {
                let results = insert_all(pool, &[&row], sent);
                return matches!(results[..], [Ok(Inserted::Committed)]);
            }
            let added = pool.run(|connection| attempt.add_in_parts(connection));
            matches!(added.unwrap(), Added::Committed(_))
        })
    }
}
