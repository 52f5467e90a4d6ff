//! The users and their passwords.

use crate::system::secret::Secret;
use crate::system::text::reason;
use crate::system::trust::keeps_secret;
use std::collections::HashMap;
use std::fs::File;
use std::io::{self, Read as _};
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use zeroize::Zeroizing;

/// Maximum size of a file of users, in bytes.
const MAX_FILE: u64 = 16 * 1024 * 1024;

/// The users that may log in.
#[derive(Debug)]
pub enum UserDatabase {
    /// Any user, with any password or token.
    Anybody,
    /// Those of a file.
    Users(HashMap<String, Secret>),
}

/// The reason why a file of users is not usable.
#[derive(Debug, thiserror::Error)]
pub enum UsersError {
    /// It cannot be read.
    #[error("cannot read {} of --auth: {}", path.display(), reason(.source))]
    Unread {
        path: PathBuf,
        /// The error of the system.
        source: io::Error,
    },
    /// Others can read it.
    #[error("{path} of --auth is open to others: its mode is {mode:04o}; do: chmod 600 {path}")]
    Exposed {
        /// The file, in printable form.
        path: String,
        mode: u32,
    },
    /// A line is wrong.
    #[error("{}:{line} of --auth is no user:password", path.display())]
    Line {
        path: PathBuf,
        /// Its line, counted from 1.
        line: usize,
    },
}

impl UserDatabase {
    /// Reads lines of `user:password`; those that are empty or begin with `#` are passed over.
    ///
    /// # Errors
    /// The file cannot be read, is open to others, or has a line that is none of these.
    pub fn read(path: &Path) -> Result<UserDatabase, UsersError> {
        let unread = |source| UsersError::Unread {
            path: path.to_owned(),
            source,
        };
        let file = File::open(path).map_err(unread)?;
        let facts = file.metadata().map_err(unread)?;
        if facts.is_file() && !keeps_secret(&file).map_err(unread)? {
            return Err(UsersError::Exposed {
                path: path.display().to_string(),
                mode: facts.mode() & 0o7777,
            });
        }
        let mut text = Zeroizing::new(String::new());
        file.take(MAX_FILE)
            .read_to_string(&mut text)
            .map_err(unread)?;
        users(&text).map_err(|line| UsersError::Line {
            path: path.to_owned(),
            line,
        })
    }

    /// True if this is the password or token of the user.
    pub(super) fn admits(&self, user: &str, password: &[u8]) -> bool {
        match self {
            UserDatabase::Anybody => true,
            UserDatabase::Users(users) => users
                .get(user)
                .is_some_and(|known| known.expose() == password),
        }
    }

    /// The password, for those mechanisms that compute with it.
    pub(super) fn password(&self, user: &str) -> Option<&Secret> {
        match self {
            UserDatabase::Anybody => None,
            UserDatabase::Users(users) => users.get(user),
        }
    }

    /// True if the passwords are known.
    pub(super) fn has_passwords(&self) -> bool {
        matches!(self, UserDatabase::Users(_))
    }
}

/// The users of a file; the error is the number of the wrong line.
fn users(text: &str) -> Result<UserDatabase, usize> {
    let mut users = HashMap::new();
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    for (place, line) in text.lines().enumerate() {
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        let split = line.split_once(':');
        let (user, password) = split
            .filter(|(user, password)| !user.is_empty() && !password.is_empty())
            .ok_or(place + 1)?;
        users.insert(user.to_owned(), Secret::new(password.into()));
    }
    Ok(UserDatabase::Users(users))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs::{self, Permissions};
    use std::os::unix::fs::PermissionsExt;

    #[test]
    fn a_password_may_have_colons_and_comments_are_passed_over() {
        let keeper = users("\u{feff}# who\n\nalice:a:b\nbob:c d\n").unwrap();
        assert!(keeper.admits("alice", b"a:b") && keeper.admits("bob", b"c d"));
        assert!(!keeper.admits("alice", b"a") && !keeper.admits("eve", b""));
    }

    #[test]
    fn a_line_that_is_no_user_is_named() {
        for text in ["a:b\nalice\n", "a:b\n:x\n", "a:b\nalice:\n"] {
            assert_eq!(users(text).err(), Some(2), "{text}");
        }
    }

    #[test]
    fn a_file_that_others_can_read_is_refused_with_what_mends_it() {
        let home = tempfile::tempdir().unwrap();
        let path = home.path().join("users");
        fs::write(&path, "alice:secret\n").unwrap();
        fs::set_permissions(&path, Permissions::from_mode(0o604)).unwrap();
        let error = UserDatabase::read(&path).unwrap_err().to_string();
        assert!(error.contains("0604; do: chmod 600 "), "{error}");
        fs::set_permissions(&path, Permissions::from_mode(0o600)).unwrap();
        assert!(
            UserDatabase::read(&path)
                .unwrap()
                .admits("alice", b"secret")
        );
    }
}
