//! The tables, and their versions.

use crate::queue::store::postgres::connection::{Connection, Failure};
use crate::system::remedy::ErrorText;
use std::time::SystemTime;
use tokio_postgres::types::Type;

/// The statements that lead from each version to the next; `ehlo.` is replaced by the name of the schema. The first
/// ones create the tables.
const STEPS: [&str; 1] = ["
create table ehlo.meta(
  single bool primary key default true check (single),
  version int not null);
create table ehlo.item(
  id text primary key collate \"C\",
  -- Envelope and route, as JSON.
  metadata text not null,
  -- Octets and CRC-32 of the message.
  size bigint not null,
  checksum bigint not null,
  -- The time of the next attempt.
  due timestamptz not null default now(),
  held bool not null default false,
  -- Why it failed.
  failed text,
  -- The process that has claimed it, the number of this claim, and the end of the claim if it is not renewed.
  worker bigint,
  epoch bigint,
  lease timestamptz
) with (fillfactor = 70, autovacuum_vacuum_scale_factor = 0.05);
create index item_due on ehlo.item(due) where failed is null and not held;
-- The rows of an item in the following two tables are added and removed together with its own. Foreign keys would make
-- every record slower.
create table ehlo.body(
  id text not null collate \"C\",
  part int not null,
  octets bytea not null,
  primary key(id, part));
alter table ehlo.body alter octets set storage external;
create table ehlo.note(
  id text not null collate \"C\",
  seq int not null,
  -- The claim by which it was written.
  epoch bigint not null,
  at timestamptz not null default clock_timestamp(),
  entry text not null,
  primary key(id, seq));
create table ehlo.host(
  name text not null, port int not null, why text not null,
  since timestamptz not null default now(),
  primary key(name, port));
create table ehlo.worker(
  worker bigint not null, role text not null,
  -- HOST:PID
  name text not null,
  since timestamptz not null default now(),
  lease timestamptz not null,
  primary key(worker, role));
-- Connections to a destination.
create table ehlo.slot(
  destination text not null, number int not null,
  worker bigint not null, lease timestamptz not null,
  primary key(destination, number));
"];

/// The version that this program uses.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_possible_wrap,
    reason = "there are few steps"
)]
const CURRENT: i32 = STEPS.len() as i32;

/// The key of the lock that is held while tables change: "ehlo" in ASCII.
const LOCK: i64 = 0x6568_6c6f;

/// A schema of the database, with the tables of one queue.
pub struct Schema {
    name: String,
}

/// The version of the tables, compared with that of this program.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Version {
    Missing,
    Older(i32),
    Current,
    Newer(i32),
}

impl Version {
    fn of(number: Option<i32>) -> Self {
        match number {
            None => Self::Missing,
            Some(number) if number < CURRENT => Self::Older(number),
            Some(number) if number > CURRENT => Self::Newer(number),
            Some(_) => Self::Current,
        }
    }

    /// The consequence for the queue, as a verb phrase.
    pub fn to_text(self) -> ErrorText {
        match self {
            Self::Missing => ErrorText::new("does not exist in this database")
                .with_advice("create it with: ehlo queue database init"),
            Self::Older(number) => ErrorText::new(format!(
                "has tables of version {number}, and this ehlo needs version {CURRENT}"
            ))
            .with_advice("upgrade them with: ehlo queue database upgrade"),
            Self::Current => format!("has tables of version {CURRENT}").into(),
            Self::Newer(number) => ErrorText::new(format!(
                "has tables of version {number}, and this ehlo knows up to version {CURRENT}"
            ))
            .with_advice("install a newer ehlo"),
        }
    }
}

impl Schema {
    pub fn new(name: &str) -> Self {
        Self {
            name: name.to_owned(),
        }
    }

    /// The channel of notifications.
    pub fn channel(&self) -> &str {
        &self.name
    }

    /// A statement with the tables of this schema, which is written with those of `ehlo`.
    pub fn sql(&self, statement: &str) -> String {
        if self.name == "ehlo" {
            return statement.to_owned();
        }
        statement.replace("ehlo.", &format!("\"{}\".", self.name))
    }

    /// The version of the tables, and the time of the database, by one statement if there are tables. Not within a
    /// transaction, which it may end.
    pub fn version_at_once(
        &self,
        connection: &Connection,
    ) -> Result<(Version, SystemTime), Failure> {
        let sql = self.sql("select version, clock_timestamp() from ehlo.meta");
        match connection.query(&sql, &[]) {
            Ok(rows) if !rows.is_empty() => Ok((Version::of(Some(rows[0].get(0))), rows[0].get(1))),
            Ok(_) | Err(Failure::Schema(_)) => self.version(connection),
            Err(failure) => Err(failure),
        }
    }

    /// The version of the tables, and the time of the database.
    pub fn version(&self, connection: &Connection) -> Result<(Version, SystemTime), Failure> {
        let exists = connection.query(
            "select to_regclass($1) is not null, clock_timestamp()",
            &[(&format!("\"{}\".meta", self.name), Type::TEXT)],
        )?;
        let (exists, time) = exists
            .first()
            .map_or((false, SystemTime::now()), |row| (row.get(0), row.get(1)));
        if !exists {
            return Ok((Version::Missing, time));
        }
        let rows = connection.query(&self.sql("select version from ehlo.meta"), &[])?;
        let number = rows.first().map(|row| row.get(0));
        Ok((Version::of(number), time))
    }

    /// Creates the tables, or leads them to the current version. Returns the version before.
    pub fn upgrade(&self, connection: &Connection) -> Result<Version, Failure> {
        self.upgrade_with(connection, &STEPS)
    }

    fn upgrade_with(&self, connection: &Connection, steps: &[&str]) -> Result<Version, Failure> {
        connection.execute(&format!(
            "begin; set local synchronous_commit = on; select pg_advisory_xact_lock({LOCK}); \
             create schema if not exists \"{}\"",
            self.name
        ))?;
        let (version, _) = self.version(connection)?;
        let done = match version {
            Version::Missing => 0,
            Version::Older(number) => usize::try_from(number).unwrap_or(0),
            Version::Current | Version::Newer(_) => {
                connection.execute("rollback")?;
                return Ok(version);
            }
        };
        for step in steps.get(done..).unwrap_or_default() {
            connection.execute(&self.sql(step))?;
        }
        let number = steps.len();
        connection.execute(&self.sql(&format!(
            "insert into ehlo.meta(version) values ({number}) \
             on conflict (single) do update set version = excluded.version; commit"
        )))?;
        Ok(version)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn statements_are_about_the_tables_of_the_schema() {
        let statement = "select 1 from ehlo.item join ehlo.body using (id)";
        assert_eq!(Schema::new("ehlo").sql(statement), statement);
        assert_eq!(
            Schema::new("mail_2").sql(statement),
            "select 1 from \"mail_2\".item join \"mail_2\".body using (id)"
        );
    }

    #[test]
    fn a_version_is_compared_with_that_of_the_program() {
        assert_eq!(Version::of(None), Version::Missing);
        assert_eq!(Version::of(Some(0)), Version::Older(0));
        assert_eq!(Version::of(Some(CURRENT)), Version::Current);
        assert_eq!(Version::of(Some(CURRENT + 1)), Version::Newer(CURRENT + 1));
    }
}
