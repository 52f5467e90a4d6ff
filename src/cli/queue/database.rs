//! `ehlo queue database`: the tables of a queue in a database.

#[cfg(feature = "postgres")]
use crate::cli::queue::tables;
use crate::cli::queue::{DatabaseWork, failed};
use crate::cli::terminal::complain;
#[cfg(not(feature = "postgres"))]
use crate::queue;
use crate::queue::store::QueueError;
use crate::queue::{Database, Location, QueueOptions};
use crate::system::exit::Exit;

pub fn run(options: &QueueOptions, work: DatabaseWork) -> Exit {
    let Some(Location::Database(database)) = &options.location else {
        complain(
            "the queue is not in a database; name one with --queue-dir postgres://HOST/DATABASE, or dir in [queue] \
             of the configuration",
        );
        return Exit::Usage;
    };
    administer(database, work).unwrap_or_else(|error| failed(&error))
}

#[cfg(not(feature = "postgres"))]
fn administer(database: &Database, _: DatabaseWork) -> Result<Exit, QueueError> {
    queue::open(Some(&Location::Database(database.clone())), true).map(|_| Exit::Ok)
}

#[cfg(feature = "postgres")]
fn administer(database: &Database, work: DatabaseWork) -> Result<Exit, QueueError> {
    tables::change(database, work)
}
