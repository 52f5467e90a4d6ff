//! The location of the spool.

use crate::queue::store::QueueError;
use crate::system::trust::DirectoryError;
use crate::system::user::StateDirectory;
use std::path::{Path, PathBuf};

const USUAL: StateDirectory = StateDirectory {
    system: "/var/spool/ehlo",
    own: "ehlo/queue",
};

/// The given directory, or the default directory of the current user.
pub fn directory(named: Option<&Path>) -> Result<PathBuf, QueueError> {
    let named = named.map(Path::to_owned);
    named.or_else(|| USUAL.path()).ok_or(QueueError::Homeless)
}

impl From<DirectoryError> for QueueError {
    fn from(unfit: DirectoryError) -> Self {
        match unfit {
            DirectoryError::Foreign { path, owner, user } => Self::Place {
                path,
                why: format!(
                    "belongs to user {owner}, and this is user {user}; name another with --queue-dir"
                ),
            },
            DirectoryError::Unsafe { path, why } => Self::Place { path, why },
            DirectoryError::Io { doing, path, error } => Self::Io { doing, path, error },
        }
    }
}
