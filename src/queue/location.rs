//! Where a queue is kept: a directory, or a database that many hosts share.

use crate::client::credentials::SecretSource;
use std::fmt;
use std::path::{Path, PathBuf};

/// The beginnings of the URL of a database.
const SCHEMES: [&str; 2] = ["postgres://", "postgresql://"];

/// The location of a queue, as `--queue-dir` and `dir` in `[queue]` name it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Location {
    Directory(PathBuf),
    Database(Database),
}

/// A PostgreSQL database.
#[derive(Clone, PartialEq, Eq)]
pub struct Database {
    url: String,
    /// The source of the password that the configuration names. `None`: the sources that libpq has too.
    pub password: Option<SecretSource>,
}

impl Location {
    /// The directory; `None`: it is a database.
    pub fn directory(&self) -> Option<&Path> {
        match self {
            Self::Directory(path) => Some(path),
            Self::Database(_) => None,
        }
    }

    /// The value of `--queue-dir` that names it for a process with another current directory. A password in the URL of
    /// a database is left out.
    pub fn absolute(&self) -> std::io::Result<PathBuf> {
        match self {
            Self::Directory(path) => std::path::absolute(path),
            Self::Database(database) => Ok(database.to_string().into()),
        }
    }
}

impl From<PathBuf> for Location {
    fn from(path: PathBuf) -> Self {
        match path.to_str() {
            Some(text) if SCHEMES.iter().any(|scheme| text.starts_with(scheme)) => {
                Self::Database(Database {
                    url: text.to_owned(),
                    password: None,
                })
            }
            _ => Self::Directory(path),
        }
    }
}

impl fmt::Display for Location {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Directory(path) => write!(f, "{}", path.display()),
            Self::Database(database) => write!(f, "{database}"),
        }
    }
}

impl Database {
    /// The URL as it was given. It may contain a password.
    #[cfg(feature = "postgres")]
    pub fn url(&self) -> &str {
        &self.url
    }

    /// Scheme, user with password, and the rest.
    fn parts(&self) -> (&str, Option<&str>, &str) {
        let start = self.url.find("//").map_or(0, |at| at + 2);
        let (scheme, rest) = self.url.split_at(start);
        let end = rest.find(['/', '?']).unwrap_or(rest.len());
        match rest[..end].rfind('@') {
            Some(at) => (scheme, Some(&rest[..at]), &rest[at + 1..]),
            None => (scheme, None, rest),
        }
    }

    /// True if the URL contains a password.
    pub fn has_password(&self) -> bool {
        let (_, user, rest) = self.parts();
        user.is_some_and(|user| user.contains(':')) || parameters(rest).any(is_secret)
    }
}

fn parameters(rest: &str) -> impl Iterator<Item = &str> {
    let query = rest.split_once('?').map_or("", |(_, query)| query);
    query.split('&').filter(|parameter| !parameter.is_empty())
}

fn is_secret(parameter: &str) -> bool {
    parameter.starts_with("password=") || parameter.starts_with("sslpassword=")
}

/// The URL without a password.
impl fmt::Display for Database {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (scheme, user, rest) = self.parts();
        f.write_str(scheme)?;
        if let Some(user) = user {
            write!(f, "{}@", user.split(':').next().unwrap_or_default())?;
        }
        f.write_str(rest.split('?').next().unwrap_or_default())?;
        let mut separator = '?';
        for parameter in parameters(rest).filter(|parameter| !is_secret(parameter)) {
            write!(f, "{separator}{parameter}")?;
            separator = '&';
        }
        Ok(())
    }
}

impl fmt::Debug for Database {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Database")
            .field("url", &self.to_string())
            .field("password", &self.password)
            .finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn location(text: &str) -> Location {
        Location::from(PathBuf::from(text))
    }

    #[test]
    fn a_url_is_a_database_and_everything_else_is_a_directory() {
        for text in [
            "postgres://db/ehlo",
            "postgresql:///ehlo?host=/run/postgresql",
        ] {
            assert_eq!(location(text).directory(), None, "{text}");
            assert_eq!(location(text).absolute().unwrap(), Path::new(text));
        }
        for text in ["/var/spool/ehlo", "postgres:/x", "http://db/ehlo"] {
            assert_eq!(location(text).directory(), Some(Path::new(text)));
        }
        assert!(location("queue").absolute().unwrap().is_absolute());
    }

    #[test]
    fn a_password_is_never_shown() {
        for (text, shown) in [
            ("postgres://mail:secret@db/ehlo", "postgres://mail@db/ehlo"),
            ("postgres://mail:p@secret@db?a=b", "postgres://mail@db?a=b"),
            ("postgres://db/ehlo?password=secret", "postgres://db/ehlo"),
            (
                "postgres://db/?a=b&password=secret&c=d",
                "postgres://db/?a=b&c=d",
            ),
        ] {
            let found = location(text);
            assert_eq!(found.to_string(), shown);
            assert!(!format!("{found:?}").contains("secret"));
            let Location::Database(database) = found else {
                panic!("{text}")
            };
            assert!(database.has_password());
            let Location::Database(database) = location(shown) else {
                panic!("{shown}")
            };
            assert!(!database.has_password());
        }
    }
}
