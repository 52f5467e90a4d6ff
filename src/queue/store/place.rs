//! Where the spool is.

use crate::queue::store::QueueError;
use crate::system::place::{Place, Unfit};
use std::path::{Path, PathBuf};

const USUAL: Place = Place {
    system: "/var/spool/ehlo",
    own: "ehlo/queue",
};

/// The directory that was named, else the usual one of whoever runs us.
pub fn directory(named: Option<&Path>) -> Result<PathBuf, QueueError> {
    let named = named.map(Path::to_owned);
    named.or_else(|| USUAL.usual()).ok_or(QueueError::Homeless)
}

impl From<Unfit> for QueueError {
    fn from(unfit: Unfit) -> Self {
        match unfit {
            Unfit::Theirs { path, owner, user } => Self::Place {
                path,
                why: format!(
                    "belongs to user {owner}, and this is user {user}; name another with --queue-dir"
                ),
            },
            Unfit::Unsafe { path, why } => Self::Place { path, why },
            Unfit::Io { doing, path, error } => Self::Io { doing, path, error },
        }
    }
}
