//! What several workers need: batches of items, connections to a destination, and the tables themselves.

use crate::queue::Database;
use crate::queue::store::postgres::connection::Parameter;
use crate::queue::store::postgres::item::{COLUMNS, SMALL_BODY, StoredItem};
use crate::queue::store::postgres::lease::{Leases, number};
use crate::queue::store::postgres::pool::Pool;
use crate::queue::store::postgres::schema::Version;
use crate::queue::store::postgres::{PostgresStore, open_pool};
use crate::queue::store::{Counts, Id, Item, QueueError, RunnerLock, RunnerRole, SharedStore};
use crate::system::host::node_name;
use crate::system::time::since;
use std::sync::Arc;
use std::time::{Duration, SystemTime};
use tokio_postgres::types::Type;

/// Items of a batch.
const BATCH: i64 = 100;

/// Attempts to find a free number for a connection, which another process may find at the same time.
const TRIES: usize = 3;

/// The name of a role in the database.
pub fn name_of(role: RunnerRole) -> &'static str {
    match role {
        RunnerRole::Runner => "run",
        RunnerRole::Watcher => "watch",
    }
}

/// A row that is removed on drop.
struct Row {
    pool: Arc<Pool>,
    leases: Arc<Leases>,
    kind: Kind,
}

enum Kind {
    Role(&'static str),
    Slot(String, i32),
}

impl Drop for Row {
    fn drop(&mut self) {
        let worker = self.leases.worker;
        let run = |sql: &str, parameters: &[Parameter<'_>]| {
            let sql = self.pool.schema.sql(sql);
            let _ = self.pool.run_within(Duration::ZERO, |connection| {
                connection.query(&sql, parameters)
            });
        };
        match &self.kind {
            Kind::Role(role) => {
                self.leases.remove_role(role);
                run(
                    "with durable as (select set_config('synchronous_commit', 'off', true)) \
                     delete from ehlo.worker using durable where worker = $1 and role = $2",
                    &[(&worker, Type::INT8), (role, Type::TEXT)],
                );
            }
            Kind::Slot(destination, number) => {
                self.leases.remove_slot(destination, *number);
                run(
                    "with durable as (select set_config('synchronous_commit', 'off', true)) \
                     delete from ehlo.slot using durable \
                     where worker = $1 and destination = $2 and number = $3",
                    &[
                        (&worker, Type::INT8),
                        (destination, Type::TEXT),
                        (number, Type::INT4),
                    ],
                );
            }
        }
    }
}

impl PostgresStore {
    /// Records that this process has a role. Others may have it too.
    pub(super) fn register(&self, role: RunnerRole) -> Result<RunnerLock, QueueError> {
        let role = name_of(role);
        let name = format!("{}:{}", node_name(), std::process::id());
        let lease = self.pool.lease_milliseconds();
        self.query(
            "with durable as (select set_config('synchronous_commit', 'off', true)) \
             insert into ehlo.worker(worker, role, name, lease) \
             select $1, $2, $3, now() + $4 * interval '1 ms' from durable \
             on conflict (worker, role) do update set lease = excluded.lease",
            &[
                (&self.leases.worker, Type::INT8),
                (&role, Type::TEXT),
                (&name, Type::TEXT),
                (&lease, Type::INT8),
            ],
        )?;
        self.leases.add_role(role);
        Ok(Box::new(self.row(Kind::Role(role))))
    }

    fn row(&self, kind: Kind) -> Row {
        Row {
            pool: Arc::clone(&self.pool),
            leases: Arc::clone(&self.leases),
            kind,
        }
    }

    /// Counts the current items. The number of damaged ones is not known without reading them.
    pub(super) fn count(&self, now: SystemTime) -> Result<Counts, QueueError> {
        let rows = self.query(
            "select count(*) filter (where failed is null), \
               count(*) filter (where failed is null and held), \
               count(*) filter (where failed is not null), \
               min((metadata::json->>'queued')::int8) filter (where failed is null) from ehlo.item",
            &[],
        )?;
        let row = &rows[0];
        let number = |column| usize::try_from(row.get::<_, i64>(column)).unwrap_or_default();
        let oldest: Option<i64> = row.get(3);
        let oldest = oldest.and_then(|oldest| u64::try_from(oldest).ok());
        let oldest = oldest.map(crate::queue::store::item::from_milliseconds);
        Ok(Counts {
            items: number(0),
            held: number(1),
            failed: number(2),
            oldest: oldest.map_or(Duration::ZERO, |oldest| since(oldest, now)),
            damaged: 0,
        })
    }
}

impl SharedStore for PostgresStore {
    fn reserve(&self) -> Result<Vec<Item>, QueueError> {
        let (epoch, lease) = (number(), self.pool.lease_milliseconds());
        let sql = format!(
            "with durable as (select set_config('synchronous_commit', 'off', true)), \
             picked as (select id from ehlo.item where failed is null and not held and due <= now() \
               and (lease is null or lease < now() or epoch = $2) order by due limit $4 for update skip locked) \
             update ehlo.item i set worker = $1, epoch = $2, lease = now() + $3 * interval '1 ms' \
             from picked, durable where i.id = picked.id returning {COLUMNS}, {SMALL_BODY}, clock_timestamp()"
        );
        let rows = self.query(
            &sql,
            &[
                (&self.leases.worker, Type::INT8),
                (&epoch, Type::INT8),
                (&lease, Type::INT8),
                (&BATCH, Type::INT8),
            ],
        )?;
        // By this time, all of them are due.
        if let Some(row) = rows.last() {
            self.pool.set_clock(row.get(8));
        }
        let (mut items, mut damaged) = (Vec::new(), Vec::new());
        for row in &rows {
            match StoredItem::of(row) {
                Ok(stored) => items.push(stored),
                Err(error) => damaged.push((row.get::<_, String>(0), error.to_string())),
            }
        }
        for (id, why) in damaged {
            let sql = "update ehlo.item set failed = $2, worker = null, epoch = null, lease = null \
                 where id = $1 and epoch = $3";
            self.query(
                sql,
                &[(&id, Type::TEXT), (&why, Type::TEXT), (&epoch, Type::INT8)],
            )?;
        }
        items.sort_by(|one, other| one.item.id.cmp(&other.item.id));
        self.leases.reserve(&items, epoch);
        Ok(items.into_iter().map(|stored| stored.item).collect())
    }

    fn postpone(&self, ids: &[Id], until: Option<SystemTime>) {
        if ids.is_empty() {
            return;
        }
        let epochs = self.leases.forget(ids);
        let names: Vec<&str> = ids.iter().map(Id::as_str).collect();
        let sql = self.pool.schema.sql(
            "with durable as (select set_config('synchronous_commit', 'off', true)), \
             given as (update ehlo.item i \
               set worker = null, epoch = null, lease = null, due = coalesce($3, 'infinity') \
               from durable, unnest($1, $2) as h(id, epoch) \
               where i.id = h.id and (i.lease is null or i.lease < now() or i.epoch = h.epoch) \
               returning i.id, i.due) \
             select pg_notify($4, min(id)) from given where due <= now() having count(*) > 0",
        );
        let parameters: [Parameter<'_>; 4] = [
            (&names, Type::TEXT_ARRAY),
            (&epochs, Type::INT8_ARRAY),
            (&until, Type::TIMESTAMPTZ),
            (&self.pool.schema.channel(), Type::TEXT),
        ];
        // Without it, the items are examined again when their lease has ended.
        let _ = self.pool.run_within(Duration::ZERO, |connection| {
            connection.query(&sql, &parameters)
        });
    }

    fn next_due(&self) -> Result<Option<Duration>, QueueError> {
        let rows = self.query(
            "select ceil(extract(epoch from min(greatest(due, coalesce(lease, due))) - now()) * 1000)::int8 \
             from ehlo.item where failed is null and not held and due < 'infinity'",
            &[],
        )?;
        let left: Option<i64> = rows.first().and_then(|row| row.get(0));
        Ok(left.map(|left| Duration::from_millis(u64::try_from(left).unwrap_or(0))))
    }

    fn connection(&self, destination: &str, max: usize) -> Result<Option<RunnerLock>, QueueError> {
        let max = i32::try_from(max).unwrap_or(i32::MAX);
        let lease = self.pool.lease_milliseconds();
        let sql = "with durable as (select set_config('synchronous_commit', 'off', true)), \
             free as (select n from generate_series(1, $2) n where not exists ( \
               select 1 from ehlo.slot s where s.destination = $1 and s.number = n and s.lease > now()) limit 1) \
             insert into ehlo.slot as s(destination, number, worker, lease) \
             select $1, n, $3, now() + $4 * interval '1 ms' from free, durable \
             on conflict (destination, number) do update set worker = excluded.worker, lease = excluded.lease \
             where s.lease < now() returning number";
        for _ in 0..TRIES {
            let rows = self.query(
                sql,
                &[
                    (&destination, Type::TEXT),
                    (&max, Type::INT4),
                    (&self.leases.worker, Type::INT8),
                    (&lease, Type::INT8),
                ],
            )?;
            if let Some(row) = rows.first() {
                let number = row.get(0);
                self.leases.add_slot(destination, number);
                let slot = self.row(Kind::Slot(destination.to_owned(), number));
                return Ok(Some(Box::new(slot)));
            }
        }
        Ok(None)
    }

    fn worker_of(&self, id: &Id) -> Result<Option<String>, QueueError> {
        let sql = "select coalesce((select min(w.name) from ehlo.worker w where w.worker = i.worker), \
               'process ' || i.worker) \
             from ehlo.item i where i.id = $1 and i.lease > now()";
        let rows = self.query(sql, &[(&id.as_str(), Type::TEXT)])?;
        Ok(rows.first().and_then(|row| row.get(0)))
    }
}

/// The tables of a queue, and who works on them.
pub struct Administration {
    pool: Arc<Pool>,
}

/// A worker.
pub struct WorkerState {
    /// HOST:PID
    pub name: String,
    pub role: String,
    pub since: SystemTime,
}

/// The state of a database.
pub struct DatabaseState {
    /// The version of the server.
    pub server: String,
    pub database: String,
    pub is_read_only: bool,
    /// The version of the tables. The text follows the location.
    pub tables: String,
    /// True if this program can use the tables.
    pub is_usable: bool,
    /// The time of the database, and that of this host at the same moment.
    pub times: (SystemTime, SystemTime),
    pub workers: Vec<WorkerState>,
}

impl Administration {
    /// Makes no connection yet.
    pub fn of(database: &Database) -> Result<Self, QueueError> {
        let pool = open_pool(database)?;
        Ok(Self { pool })
    }

    /// Creates the tables. Returns false if there are some.
    pub fn create(&self) -> Result<bool, QueueError> {
        let before = self.upgrade_if(|version| version == Version::Missing)?;
        Ok(before == Version::Missing)
    }

    /// Leads the tables to the current version. Returns false if they have it.
    pub fn upgrade(&self) -> Result<bool, QueueError> {
        let before = self.upgrade_if(|version| matches!(version, Version::Older(_)))?;
        match before {
            Version::Older(_) => Ok(true),
            Version::Current => Ok(false),
            Version::Missing | Version::Newer(_) => {
                Err(self
                    .pool
                    .error(crate::queue::store::postgres::connection::Failure::Schema(
                        before.to_text(),
                    )))
            }
        }
    }

    /// Upgrades the tables if their version is such a one. Returns the version before.
    fn upgrade_if(&self, is_to_do: fn(Version) -> bool) -> Result<Version, QueueError> {
        let upgraded = self.pool.log_in(None).and_then(|connection| {
            let (version, _) = self.pool.schema.version(&connection)?;
            if is_to_do(version) {
                return self.pool.schema.upgrade(&connection);
            }
            Ok(version)
        });
        upgraded.map_err(|failure| self.pool.error(failure))
    }

    pub fn state(&self) -> Result<DatabaseState, QueueError> {
        let state = self.pool.log_in(None).and_then(|connection| {
            let (version, time) = self.pool.schema.version(&connection)?;
            let times = (time, SystemTime::now());
            let rows = connection.query(
                "select current_setting('server_version'), current_database()::text, \
                 pg_is_in_recovery() or current_setting('transaction_read_only')::bool",
                &[],
            )?;
            let workers = if version == Version::Current {
                connection.query(
                    &self.pool.schema.sql(
                        "select name, role, since from ehlo.worker where lease > now() order by name, role",
                    ),
                    &[],
                )?
            } else {
                Vec::new()
            };
            let row = &rows[0];
            Ok(DatabaseState {
                server: row.get(0),
                database: row.get(1),
                is_read_only: row.get(2),
                tables: version.to_text().to_string(),
                is_usable: version == Version::Current,
                times,
                workers: workers
                    .iter()
                    .map(|row| WorkerState {
                        name: row.get(0),
                        role: row.get(1),
                        since: row.get(2),
                    })
                    .collect(),
            })
        });
        state.map_err(|failure| self.pool.error(failure))
    }
}
