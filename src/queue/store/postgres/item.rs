//! Items as they are stored: the columns that make one, and its message in parts.

use crate::queue::store::postgres::connection::{Failure, Parameter};
use crate::queue::store::postgres::pool::Pool;
use crate::queue::store::spool::metadata;
use crate::queue::store::{History, Id, Item, ItemEvent, QueueError, Record};
use crate::smtp::blocks::{Accepts, Block, Blocks, BodyType, Replay, Shape};
use crc32fast::Hasher;
use std::io;
use std::sync::Arc;
use std::time::SystemTime;
use tokio_postgres::Row;
use tokio_postgres::types::Type;

/// Octets of a part.
pub const PART: usize = 256 << 10;

/// The columns that [`StoredItem::of`] reads, of the item `i`.
pub const COLUMNS: &str = "i.id, i.metadata, i.size, i.checksum, i.failed, \
     array(select n.at from ehlo.note n where n.id = i.id order by n.seq), \
     array(select n.entry from ehlo.note n where n.id = i.id order by n.seq)";

/// A further column: the message, if it is small. Workers reserve many items at a time.
pub const SMALL_BODY: &str = "case when i.size <= 8192 then \
     (select b.octets from ehlo.body b where b.id = i.id and b.part = 0) end";

/// An item, and what is needed to read its message.
#[derive(Clone)]
pub struct StoredItem {
    pub item: Item,
    pub records: Vec<Record>,
    pub body: Body,
    /// The first part of the message, if it is known already.
    pub first: Option<Vec<u8>>,
}

/// The properties of a message.
#[derive(Clone, Copy)]
#[expect(clippy::struct_field_names, reason = "a type of RFC 6152")]
pub struct Body {
    pub body_type: BodyType,
    pub size: u64,
    pub checksum: u32,
}

impl Body {
    /// Size and checksum as they are stored.
    pub fn columns(self) -> (i64, i64) {
        let size = i64::try_from(self.size).unwrap_or(i64::MAX);
        (size, i64::from(self.checksum))
    }
}

impl StoredItem {
    /// The item of a row with [`COLUMNS`], and perhaps [`SMALL_BODY`].
    pub fn of(row: &Row) -> Result<Self, QueueError> {
        let name: &str = row.get(0);
        let damaged = |why: String| QueueError::Damaged {
            id: Id::parse(name).unwrap_or_else(|| Id::new(SystemTime::UNIX_EPOCH)),
            why,
        };
        let id = Id::parse(name).ok_or_else(|| damaged(format!("it has the name {name:?}")))?;
        let json: &str = row.get(1);
        let read = metadata::read(json.as_bytes()).map_err(damaged)?;
        let records = records(row.get(5), &row.get::<_, Vec<String>>(6)).map_err(damaged)?;
        let history = History::replay(read.metadata.envelope.recipients.len(), &records);
        let body = Body {
            body_type: read.body_type,
            size: number(row, 2),
            checksum: u32::try_from(number(row, 3)).unwrap_or_default(),
        };
        Ok(Self {
            item: Item {
                id,
                metadata: read.metadata,
                size: body.size,
                history: history.map_err(damaged)?,
                failed: row.get(4),
            },
            records,
            body,
            first: if row.len() > 7 { row.get(7) } else { None },
        })
    }
}

fn number(row: &Row, column: usize) -> u64 {
    u64::try_from(row.get::<_, i64>(column)).unwrap_or_default()
}

fn records(times: Vec<SystemTime>, entries: &[String]) -> Result<Vec<Record>, String> {
    let pairs = times.into_iter().zip(entries);
    pairs
        .map(|(at, entry)| {
            let event: ItemEvent = serde_json::from_str(entry)
                .map_err(|error| format!("a record of its journal is not understood: {error}"))?;
            Ok(Record { at, event })
        })
        .collect()
}

/// The message of an item, as a stream that can be read again.
pub struct StoredMessage {
    pool: Arc<Pool>,
    id: Id,
    body: Body,
    utf8_header: bool,
    /// The first part, if it is known already.
    first: Option<Vec<u8>>,
}

impl StoredMessage {
    pub fn new(pool: &Arc<Pool>, stored: &mut StoredItem) -> Self {
        Self {
            pool: Arc::clone(pool),
            id: stored.item.id.clone(),
            body: stored.body,
            utf8_header: stored.item.metadata.utf8_header,
            first: stored.first.take(),
        }
    }

    /// A part of the message; `None`: there is none of this number.
    fn part(&self, number: i32) -> Result<Option<Vec<u8>>, QueueError> {
        if let (0, Some(first)) = (number, &self.first) {
            return Ok(Some(first.clone()));
        }
        let sql = self
            .pool
            .schema
            .sql("select octets from ehlo.body where id = $1 and part = $2");
        let parameters: [Parameter<'_>; 2] =
            [(&self.id.as_str(), Type::TEXT), (&number, Type::INT4)];
        self.pool.run(|connection| {
            let rows = connection.query(&sql, &parameters)?;
            Ok::<_, Failure>(rows.first().map(|row| row.get(0)))
        })
    }
}

impl Replay for StoredMessage {
    fn shape(&self, accepts: Accepts) -> Option<Shape> {
        let shape = Shape {
            transport: self.body.body_type,
            utf8: self.utf8_header,
            size: self.body.size,
        };
        shape.suits(accepts).then_some(shape)
    }

    fn blocks(&self, _: Shape) -> Box<dyn Blocks + '_> {
        Box::new(MessageReader {
            message: self,
            next: 0,
            read: 0,
            checksum: Hasher::new(),
        })
    }
}

struct MessageReader<'m> {
    message: &'m StoredMessage,
    /// The number of the next part.
    next: i32,
    read: u64,
    checksum: Hasher,
}

impl Blocks for MessageReader<'_> {
    fn append(&mut self, out: &mut Vec<u8>) -> io::Result<Block> {
        let Body { size, checksum, .. } = self.message.body;
        if self.read == size {
            // A damaged message is never completed.
            return if self.checksum.clone().finalize() == checksum {
                Ok(Block::End)
            } else {
                Err(damaged("its checksum is wrong"))
            };
        }
        let part = self.message.part(self.next).map_err(|error| {
            // The database may be reachable again at the next attempt.
            io::Error::new(io::ErrorKind::ConnectionAborted, error)
        })?;
        let part = part.ok_or_else(|| damaged("a part of it is missing"))?;
        self.read += part.len() as u64;
        if part.is_empty() || self.read > size {
            return Err(damaged("a part of it has the wrong length"));
        }
        self.checksum.update(&part);
        out.extend_from_slice(&part);
        self.next += 1;
        Ok(Block::Lines)
    }
}

fn damaged(why: &str) -> io::Error {
    let text = format!("the message in the queue is damaged: {why}");
    io::Error::new(io::ErrorKind::InvalidData, text)
}
