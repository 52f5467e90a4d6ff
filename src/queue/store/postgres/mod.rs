//! A store in a PostgreSQL database, which any number of hosts share.
//!
//! * `url`, `password`, `tls`: how the database is reached
//! * `connection`, `pool`: statements, which are executed again if their connection is lost
//! * `schema`: the tables
//! * `item`, `add`, `insert`, `claim`: an item, its commit, and what is done by its claim
//! * `lease`: a claim ends when its process no longer renews it
//! * `watch`, `share`: what several workers need
//!
//! # Invariants
//!
//! *A claim is a lease with a random number, its epoch.* Every change by a claim names the epoch, and changes nothing
//! if the item has another one: a worker that was stopped for longer than its lease cannot record the end of data, and
//! thus does not send it.
//!
//! *An item is committed when the database has confirmed it.* If the connection is lost during the commit, its ID and
//! epoch tell later if it was.
//!
//! *A record that must survive a power failure is committed synchronously*, whatever the database is set to; the others
//! are committed in order, so that none of them survives without those before it.
//!
//! Time is that of the database. Statements need no session: a pooler may execute each of them on another connection.

mod add;
mod claim;
mod connection;
mod insert;
mod item;
mod lease;
mod password;
mod pool;
mod schema;
mod share;
#[cfg(test)]
mod tests;
mod tls;
mod url;
mod watch;

use crate::queue::store::{
    ClaimResult, ClaimedItem, Counts, DatabaseFault, Id, Item, ItemEvent, Metadata, QueueError,
    QueueStore, Record, RunnerLock, RunnerRole, SharedStore, Watcher,
};
use crate::queue::{Database, Location};
use crate::smtp::blocks::{Replay, Shape};
use add::{Adding, NewItem, add};
use claim::{Claim, PostgresClaim};
use connection::{Failure, Parameter};
use insert::Inserts;
use item::{COLUMNS, StoredItem, StoredMessage};
use lease::{Leases, number};
use pool::{PATIENCE, Pool};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant, SystemTime};
use tokio_postgres::Row;
use tokio_postgres::types::Type;
use url::Settings;
use watch::PostgresWatcher;

pub(crate) use share::{Administration, DatabaseState};

/// Time for which it is remembered whether there is a watcher.
const REMEMBERED: Duration = Duration::from_secs(1);

/// A store in a database.
pub struct PostgresStore {
    database: Database,
    pool: Arc<Pool>,
    leases: Arc<Leases>,
    /// The items that threads are inserting.
    inserts: Inserts,
    /// The time of the last look for a watcher, and true if there was one.
    watched: Mutex<Option<(Instant, bool)>>,
}

impl PostgresStore {
    /// Connects, so that a database that cannot be used is noticed at once.
    pub fn open(database: &Database) -> Result<Self, QueueError> {
        let pool = open_pool(database)?;
        pool.check()?;
        Ok(Self {
            database: database.clone(),
            leases: Arc::new(Leases::new(&pool)),
            inserts: Inserts::default(),
            watched: Mutex::default(),
            pool,
        })
    }

    /// Commits an item, which this process has claimed then. Returns it with the number of the claim.
    fn insert(
        &self,
        metadata: &Metadata,
        message: &dyn Replay,
        shape: Shape,
        id: Option<&Id>,
    ) -> Result<(StoredItem, i64), QueueError> {
        let new = NewItem {
            metadata,
            message,
            shape,
        };
        add(self.adding(), &new, id)
    }

    fn adding(&self) -> Adding<'_> {
        Adding {
            pool: &self.pool,
            leases: &self.leases,
            inserts: &self.inserts,
        }
    }

    /// Executes a statement. Tables are written as those of the schema `ehlo`.
    fn query(&self, sql: &str, parameters: &[Parameter<'_>]) -> Result<Vec<Row>, QueueError> {
        let sql = self.pool.schema.sql(sql);
        self.pool
            .run(|connection| connection.query(&sql, parameters))
    }

    /// True if a process has this role. With a patience of zero, the database is asked once.
    fn has_worker(&self, role: RunnerRole, patience: Duration) -> bool {
        let sql = "select 1 from ehlo.worker where role = $1 and lease > now() limit 1";
        let sql = self.pool.schema.sql(sql);
        let found = self.pool.run_within(patience, |connection| {
            connection.count(&sql, &[(&share::name_of(role), Type::TEXT)])
        });
        found.is_ok_and(|found| found > 0)
    }

    /// The same for a watcher, as of a moment ago.
    fn has_watcher(&self) -> bool {
        // Other threads wait for this answer, or for its failure, instead of one query each.
        let mut known = self.watched.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((asked, is_watched)) = *known
            && asked.elapsed() < REMEMBERED
        {
            return is_watched;
        }
        let is_watched = self.has_worker(RunnerRole::Watcher, Duration::ZERO);
        *known = Some((Instant::now(), is_watched));
        is_watched
    }

    fn ids_where(&self, condition: &str) -> Result<Vec<Id>, QueueError> {
        let sql = format!("select id from ehlo.item where {condition} order by id");
        let rows = self.query(&sql, &[])?;
        Ok(rows
            .iter()
            .filter_map(|row| Id::parse(row.get(0)))
            .collect())
    }

    fn stored(&self, id: &Id) -> Result<Option<StoredItem>, QueueError> {
        let sql = format!("select {COLUMNS} from ehlo.item i where i.id = $1");
        let rows = self.query(&sql, &[(&id.as_str(), Type::TEXT)])?;
        rows.first().map(StoredItem::of).transpose()
    }

    fn claimed(&self, stored: StoredItem, epoch: i64) -> Box<dyn ClaimedItem> {
        let id = stored.item.id.clone();
        self.leases.add(&id, epoch);
        let claim = Claim {
            pool: Arc::clone(&self.pool),
            leases: Arc::clone(&self.leases),
            id,
            epoch,
        };
        Box::new(PostgresClaim::new(claim, stored))
    }

    /// Claims an item that is active, or one that has failed.
    fn claim_where(&self, id: &Id, has_failed: bool) -> Result<ClaimResult, QueueError> {
        let (epoch, lease) = (number(), self.pool.lease_milliseconds());
        let sql = format!(
            "update ehlo.item i set worker = $3, epoch = $4, lease = now() + $5 * interval '1 ms' \
             where i.id = $1 and (i.failed is not null) = $2 \
               and (i.lease is null or i.lease < now() or i.epoch = $4) returning {COLUMNS}"
        );
        let rows = self.query(
            &sql,
            &[
                (&id.as_str(), Type::TEXT),
                (&has_failed, Type::BOOL),
                (&self.leases.worker, Type::INT8),
                (&epoch, Type::INT8),
                (&lease, Type::INT8),
            ],
        )?;
        let Some(row) = rows.first() else {
            let sql = "select 1 from ehlo.item where id = $1 and (failed is not null) = $2";
            let parameters: [Parameter<'_>; 2] =
                [(&id.as_str(), Type::TEXT), (&has_failed, Type::BOOL)];
            let exists = !self.query(sql, &parameters)?.is_empty();
            return Ok(if exists {
                ClaimResult::Busy
            } else {
                ClaimResult::NotFound
            });
        };
        match StoredItem::of(row) {
            Ok(stored) => Ok(ClaimResult::Claimed(self.claimed(stored, epoch))),
            Err(error) => {
                let free = "update ehlo.item set worker = null, epoch = null, lease = null \
                     where id = $1 and epoch = $2";
                self.query(free, &[(&id.as_str(), Type::TEXT), (&epoch, Type::INT8)])?;
                Err(error)
            }
        }
    }

    /// An error about an item that is not there, or claimed.
    fn refused(&self, doing: &str, id: &Id) -> QueueError {
        QueueError::Database {
            location: self.pool.settings.shown.clone(),
            why: format!("cannot {doing} {id}: it does not exist, or is claimed").into(),
            fault: DatabaseFault::Statement,
        }
    }
}

/// The connections of this process, which opens the same queue for each message.
static POOLS: Mutex<Vec<(Database, Arc<Pool>)>> = Mutex::new(Vec::new());

fn open_pool(database: &Database) -> Result<Arc<Pool>, QueueError> {
    let mut pools = POOLS.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some((_, pool)) = pools.iter().find(|(known, _)| known == database) {
        return Ok(Arc::clone(pool));
    }
    let settings = Settings::of(database).map_err(|why| QueueError::Database {
        location: database.to_string(),
        why,
        fault: DatabaseFault::Setup,
    })?;
    let pool = Arc::new(Pool::new(settings)?);
    pools.push((database.clone(), Arc::clone(&pool)));
    Ok(pool)
}

/// Releases enqueued items and gives reserved ones back.
impl Drop for PostgresStore {
    fn drop(&mut self) {
        self.leases.close();
    }
}

impl QueueStore for PostgresStore {
    fn location(&self) -> Location {
        Location::Database(self.database.clone())
    }

    fn shared(&self) -> Option<&dyn SharedStore> {
        Some(self)
    }

    fn now(&self) -> SystemTime {
        self.pool.now()
    }

    fn add(
        &self,
        metadata: &Metadata,
        message: &dyn Replay,
        shape: Shape,
        id: Option<&Id>,
    ) -> Result<Box<dyn ClaimedItem>, QueueError> {
        let (stored, epoch) = self.insert(metadata, message, shape, id)?;
        Ok(self.claimed(stored, epoch))
    }

    /// The item stays claimed until the commit is confirmed, so that it is found if the connection is lost.
    fn enqueue(
        &self,
        metadata: &Metadata,
        message: &dyn Replay,
        shape: Shape,
    ) -> Result<Id, QueueError> {
        let (stored, epoch) = self.insert(metadata, message, shape, None)?;
        self.leases.release_soon(&stored.item.id, epoch);
        Ok(stored.item.id)
    }

    fn ids(&self) -> Result<Vec<Id>, QueueError> {
        self.ids_where("failed is null")
    }

    fn failed_ids(&self) -> Result<Vec<Id>, QueueError> {
        self.ids_where("failed is not null")
    }

    fn new_id(&self) -> Id {
        Id::new(self.now())
    }

    fn item(&self, id: &Id) -> Result<Option<Item>, QueueError> {
        Ok(self.stored(id)?.map(|stored| stored.item))
    }

    fn journal(&self, id: &Id) -> Result<Option<Vec<Record>>, QueueError> {
        Ok(self.stored(id)?.map(|stored| stored.records))
    }

    fn message(&self, id: &Id) -> Result<Option<Box<dyn Replay>>, QueueError> {
        let stored = self.stored(id)?;
        Ok(stored.map(|mut stored| -> Box<dyn Replay> {
            Box::new(StoredMessage::new(&self.pool, &mut stored))
        }))
    }

    fn failure_reason(&self, id: &Id) -> Option<String> {
        let sql = "select failed from ehlo.item where id = $1";
        let rows = self.query(sql, &[(&id.as_str(), Type::TEXT)]).ok()?;
        rows.first()?.get(0)
    }

    fn claim(&self, id: &Id) -> Result<ClaimResult, QueueError> {
        if let Some((stored, epoch)) = self.leases.take(id) {
            return Ok(ClaimResult::Claimed(self.claimed(stored, epoch)));
        }
        // It may be one that was just enqueued here.
        self.leases.release_enqueued();
        self.claim_where(id, false)
    }

    fn claim_failed(&self, id: &Id) -> Result<ClaimResult, QueueError> {
        self.claim_where(id, true)
    }

    fn fail(&self, id: &Id, reason: &str) -> Result<(), QueueError> {
        let reason = crate::system::text::shown(reason);
        let sql = "update ehlo.item set failed = $2 \
             where id = $1 and failed is null and (lease is null or lease < now())";
        self.query(sql, &[(&id.as_str(), Type::TEXT), (&reason, Type::TEXT)])
            .map(drop)
    }

    fn requeue(&self, id: &Id) -> Result<(), QueueError> {
        let entry = serde_json::to_string(&ItemEvent::Requeued).unwrap_or_default();
        let channel = self.pool.schema.channel();
        let sql = "with durable as (select set_config('synchronous_commit', 'on', true)), \
             free as (update ehlo.item set failed = null, held = false, due = now(), epoch = $2 \
               from durable where id = $1 and failed is not null and (lease is null or lease < now()) \
               returning id), \
             noted as (insert into ehlo.note(id, seq, epoch, entry) \
               select id, (select coalesce(max(seq) + 1, 0) from ehlo.note n where n.id = free.id), $2, $3 \
               from free returning id) \
             select pg_notify($4, id) from noted";
        let epoch = number();
        let requeue = self.pool.schema.sql(sql);
        let find = self
            .pool
            .schema
            .sql("select 1 from ehlo.item where id = $1 and epoch = $2");
        let name = id.as_str();
        let key: [Parameter<'_>; 2] = [(&name, Type::TEXT), (&epoch, Type::INT8)];
        let is_done = self.pool.run(|connection| {
            let mut parameters = key.to_vec();
            parameters.push((&entry, Type::TEXT));
            parameters.push((&channel, Type::TEXT));
            let requeued = connection.count(&requeue, &parameters)?;
            // An earlier attempt may have succeeded although the connection was lost.
            Ok(requeued > 0 || connection.count(&find, &key)? > 0)
        })?;
        if is_done {
            Ok(())
        } else {
            Err(self.refused("requeue", id))
        }
    }

    fn purge(&self, id: &Id) -> Result<bool, QueueError> {
        let sql = "with gone as (delete from ehlo.item where id = $1 and failed is not null \
               and (lease is null or lease < now()) returning id), \
             part as (delete from ehlo.body b using gone where b.id = gone.id), \
             noted as (delete from ehlo.note n using gone where n.id = gone.id) \
             select id from gone";
        Ok(!self.query(sql, &[(&id.as_str(), Type::TEXT)])?.is_empty())
    }

    /// Removals are on disk within a second, and a removal that is lost leaves an item with its records.
    fn flush(&self) -> Result<(), QueueError> {
        self.leases.release_enqueued();
        Ok(())
    }

    fn clean(&self) -> Result<(), QueueError> {
        self.query(
            "with worker as (delete from ehlo.worker where lease < now()), \
             slot as (delete from ehlo.slot where lease < now()) \
             delete from ehlo.host where since < now() - interval '1 day'",
            &[],
        )
        .map(drop)
    }

    fn lock(&self, role: RunnerRole) -> Result<Option<RunnerLock>, QueueError> {
        self.register(role).map(Some)
    }

    fn is_locked(&self, role: RunnerRole) -> bool {
        self.has_worker(role, PATIENCE)
    }

    fn is_served(&self) -> bool {
        // A client may be waiting for the reply to a message that is already safe, so this has no patience. The release
        // of an item wakes a watcher.
        if self.has_watcher() {
            return true;
        }
        // A run looks for released items once more after it has given up its role. If the database cannot be reached, a
        // new run could not reach it either.
        !self.leases.release_enqueued() || self.has_worker(RunnerRole::Runner, Duration::ZERO)
    }

    fn watch(&self) -> Result<Box<dyn Watcher>, QueueError> {
        let watcher = PostgresWatcher::start(&self.pool).map_err(|error| {
            let why = error.to_string();
            self.pool.error(Failure::Busy(why))
        })?;
        Ok(Box::new(watcher))
    }

    fn host_down(&self, host: &str, port: u16, max_age: Duration) -> Option<String> {
        let age = i64::try_from(max_age.as_secs()).unwrap_or(i64::MAX / 2_000_000);
        let sql = "select why from ehlo.host where name = $1 and port = $2 \
             and since between now() - $3 * interval '1 s' and now() + interval '1 min'";
        let parameters: [Parameter<'_>; 3] = [
            (&host, Type::TEXT),
            (&i32::from(port), Type::INT4),
            (&age, Type::INT8),
        ];
        let rows = self.query(sql, &parameters).ok()?;
        Some(crate::system::text::shown(rows.first()?.get(0)))
    }

    fn set_host_down(&self, host: &str, port: u16, reason: &str) {
        let sql = "with durable as (select set_config('synchronous_commit', 'off', true)) \
             insert into ehlo.host(name, port, why) select $1, $2, $3 from durable \
             on conflict (name, port) do update set why = excluded.why, since = now()";
        let _ = self.query(
            sql,
            &[
                (&host, Type::TEXT),
                (&i32::from(port), Type::INT4),
                (&reason.replace('\0', ""), Type::TEXT),
            ],
        );
    }

    fn set_host_up(&self, host: &str, port: u16) {
        let sql = "delete from ehlo.host where name = $1 and port = $2";
        let parameters: [Parameter<'_>; 2] = [(&host, Type::TEXT), (&i32::from(port), Type::INT4)];
        let _ = self.query(sql, &parameters);
    }

    fn counts(&self, now: SystemTime) -> Result<Counts, QueueError> {
        self.count(now)
    }
}
