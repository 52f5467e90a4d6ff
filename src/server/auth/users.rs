//! The users that may log in, their passwords, and the mechanisms.

use crate::smtp::mechanism::Mechanism;
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

/// The mechanisms of the server, the safer ones first.
pub const MECHANISMS: [Mechanism; 7] = [
    Mechanism::ScramSha256,
    Mechanism::ScramSha1,
    Mechanism::CramMd5,
    Mechanism::Plain,
    Mechanism::Login,
    Mechanism::OAuthBearer,
    Mechanism::XOAuth2,
];

#[derive(Debug)]
pub struct Auth {
    pub users: UserDatabase,
    /// The mechanisms offered; `None`: all that are possible.
    pub only: Option<Vec<Mechanism>>,
    /// True if logins are accepted without TLS, too.
    pub in_clear: bool,
}

impl Auth {
    pub fn mechanisms(&self) -> Vec<Mechanism> {
        let is_possible = |mechanism: &Mechanism| {
            // In SCRAM the server also has to prove that it knows the password.
            self.users.has_passwords() || !mechanism.is_scram()
        };
        let is_allowed = |mechanism: &Mechanism| {
            let only = self.only.as_ref();
            only.is_none_or(|only| only.contains(mechanism))
        };
        let all = MECHANISMS.into_iter();
        all.filter(is_possible).filter(is_allowed).collect()
    }
}

#[derive(Debug)]
pub enum UserDatabase {
    /// Any user, with any password or token.
    AnyUser,
    Users(HashMap<String, Secret>),
}

/// The reason why a file of users is not usable.
#[derive(Debug, thiserror::Error)]
pub enum UsersError {
    #[error("cannot read {} (--auth): {}", path.display(), reason(.source))]
    Unread { path: PathBuf, source: io::Error },
    #[error(
        "{path} (--auth) is accessible to others: its mode is {mode:04o}; run: chmod 600 {path}"
    )]
    Exposed { path: String, mode: u32 },
    #[error("{}:{line} (--auth) is not user:password", path.display())]
    Line { path: PathBuf, line: usize },
}

impl UserDatabase {
    /// Reads lines of `user:password`; empty lines and those that begin with `#` are ignored.
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
    pub(super) fn accepts(&self, user: &str, password: &[u8]) -> bool {
        match self {
            UserDatabase::AnyUser => true,
            UserDatabase::Users(users) => users
                .get(user)
                .is_some_and(|known| known.expose() == password),
        }
    }

    /// The password, for mechanisms that compute with it.
    pub(super) fn password(&self, user: &str) -> Option<&Secret> {
        match self {
            UserDatabase::AnyUser => None,
            UserDatabase::Users(users) => users.get(user),
        }
    }

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
    fn passwords_may_contain_colons_and_comments_are_ignored() {
        let users = users("\u{feff}# who\n\nalice:a:b\nbob:c d\n").unwrap();
        assert!(users.accepts("alice", b"a:b") && users.accepts("bob", b"c d"));
        assert!(!users.accepts("alice", b"a") && !users.accepts("eve", b""));
    }

    #[test]
    fn error_has_the_number_of_the_malformed_line() {
        for text in ["a:b\nalice\n", "a:b\n:x\n", "a:b\nalice:\n"] {
            assert_eq!(users(text).err(), Some(2), "{text}");
        }
    }

    #[test]
    fn file_readable_by_others_is_refused_with_advice() {
        let home = tempfile::tempdir().unwrap();
        let path = home.path().join("users");
        fs::write(&path, "alice:secret\n").unwrap();
        fs::set_permissions(&path, Permissions::from_mode(0o604)).unwrap();
        let error = UserDatabase::read(&path).unwrap_err().to_string();
        assert!(error.contains("0604; run: chmod 600 "), "{error}");
        fs::set_permissions(&path, Permissions::from_mode(0o600)).unwrap();
        assert!(
            UserDatabase::read(&path)
                .unwrap()
                .accepts("alice", b"secret")
        );
    }
}
