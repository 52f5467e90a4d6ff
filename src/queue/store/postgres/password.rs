//! The password of the database: that of the configuration, else the sources that libpq has, in its order:
//! `PGPASSWORD`, and the file `PGPASSFILE` or `~/.pgpass`.

use crate::client::credentials::{CredentialsError, passwords_in, secret_of};
use crate::queue::store::postgres::url::Settings;
use crate::system::secret::Secret;
use crate::system::user::{home, path_variable};
use std::path::PathBuf;

/// The password; `None`: there is none, and the server may require none.
pub fn find(settings: &Settings) -> Result<Option<Secret>, CredentialsError> {
    if let Some(source) = &settings.password {
        return secret_of(source);
    }
    let variable = std::env::var_os("PGPASSWORD").filter(|value| !value.is_empty());
    if let Some(value) = variable {
        return Ok(Some(Secret::new(value.into_encoded_bytes())));
    }
    let named = settings
        .passfile
        .clone()
        .or_else(|| path_variable("PGPASSFILE"));
    let Some(path) = named.or_else(usual_file) else {
        return Ok(None);
    };
    let origin = format!("the password file {}", path.display());
    let text = passwords_in(&path, &origin)?;
    let found = text.and_then(|text| {
        let text = String::from_utf8_lossy(text.expose());
        in_file(&text, &Wanted::of(settings))
    });
    Ok(found.map(|password| Secret::new(password.into_bytes())))
}

/// `~/.pgpass`, if it exists.
fn usual_file() -> Option<PathBuf> {
    let home = path_variable("HOME").or_else(home)?;
    Some(home.join(".pgpass")).filter(|path| path.exists())
}

/// The fields of a line that must match.
struct Wanted([String; 4]);

impl Wanted {
    fn of(settings: &Settings) -> Self {
        let config = &settings.config;
        let user = config.get_user().unwrap_or_default();
        let port = config.get_ports().first().copied().unwrap_or(5432);
        Self([
            settings.host(),
            port.to_string(),
            config.get_dbname().unwrap_or(user).to_owned(),
            user.to_owned(),
        ])
    }
}

/// The password of the first line that matches: `HOST:PORT:DATABASE:USER:PASSWORD`, with `*` for any, and `\` before
/// `:` and `\` in a field.
fn in_file(text: &str, wanted: &Wanted) -> Option<String> {
    let mut lines = text.lines().filter(|line| !line.starts_with('#'));
    lines.find_map(|line| {
        let fields = fields(line);
        let (password, keys) = fields.split_last()?;
        let is_match = keys.len() == wanted.0.len()
            && keys
                .iter()
                .zip(&wanted.0)
                .all(|(key, value)| key == "*" || key == value);
        is_match.then(|| password.clone())
    })
}

fn fields(line: &str) -> Vec<String> {
    let mut fields = vec![String::new()];
    let mut characters = line.chars();
    while let Some(character) = characters.next() {
        let is_next = character == ':' && fields.len() < 5;
        let last = fields.len() - 1;
        match character {
            ':' if is_next => fields.push(String::new()),
            '\\' => fields[last].extend(characters.next()),
            other => fields[last].push(other),
        }
    }
    fields
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_line_that_matches_has_the_password() {
        let wanted = Wanted(["db", "5432", "ehlo", "mail"].map(str::to_owned));
        let found = |text: &str| in_file(text, &wanted);
        assert_eq!(found("db:5432:ehlo:mail:secret").as_deref(), Some("secret"));
        assert_eq!(
            found("#db:5432:ehlo:mail:no\n*:*:*:mail:a\\:b\\\\c:d").as_deref(),
            Some("a:b\\c:d")
        );
        assert_eq!(
            found("db:5433:ehlo:mail:no\ndb:*:ehlo:*:yes\n*:*:*:*:no").as_deref(),
            Some("yes")
        );
        for text in ["", "db", "db:5432:ehlo:mail", "other:*:*:*:no"] {
            assert_eq!(found(text), None, "{text}");
        }
    }
}
