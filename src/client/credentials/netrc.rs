//! `~/.netrc`: machines, logins and passwords, in the format of ftp(1).
//!
//! The crate `rust-netrc` is not used: it keeps the passwords of all machines in strings that are not wiped,
//! supports one login for each machine, compares host names with case, reports a comment at the end of a line
//! as an error, and depends on shellexpand for the tilde of `$NETRC`.
//!
//! Words are parsed as curl does. In quotes, a backslash quotes the next byte, and `\n`, `\r` and `\t` are
//! control characters. In a word that does not begin with a quote, quotes and backslashes are literal.

use crate::client::credentials::file::Buffer;
use crate::client::credentials::{CredentialsError, file};
use crate::system::secret::Secret;
use crate::system::secret::{Login, Proof};
use crate::system::text::{forbidden, shown_path, without_mark};
use std::path::Path;
use zeroize::Zeroizing;

/// The login for a user at a host, if the file has one. In that case the file must be private to this user.
pub fn find_login(
    path: &Path,
    host: &str,
    user: Option<&str>,
) -> Result<Option<Login>, CredentialsError> {
    let Some(opened) = file::open_if_there(path)? else {
        return Ok(None);
    };
    let origin = shown_path(path);
    let text = file::contents(&opened, &origin)?;
    let Some(entry) = entry(without_mark(&text), host, user) else {
        return Ok(None);
    };
    file::check_access(&opened, path, &origin)?;
    let login = entry.login().map(str::to_owned);
    let secret = file::checked(Secret::new(entry.password.to_vec()), &origin)?;
    Ok(Some(Login {
        user: user.map(str::to_owned).or(login),
        proof: Proof::Password(secret),
        authzid: None,
    }))
}

/// An entry for a machine, or the default entry.
#[derive(Default)]
struct NetrcEntry {
    /// `None`: the default entry.
    machine: Option<Buffer>,
    login: Option<Buffer>,
    password: Buffer,
}

impl NetrcEntry {
    /// The login, if it is one line of text.
    fn login(&self) -> Option<&str> {
        let login = std::str::from_utf8(self.login.as_deref()?).ok();
        login.filter(|login| forbidden(login).is_none())
    }

    fn is_of(&self, host: &str) -> bool {
        let machine = self.machine.as_deref();
        machine.is_some_and(|machine| machine.eq_ignore_ascii_case(host.as_bytes()))
    }

    fn matches_user(&self, user: Option<&str>) -> bool {
        let is_same = match (&self.login, user) {
            (Some(login), Some(user)) => login.as_slice() == user.as_bytes(),
            (Some(_), None) => self.login().is_some(),
            (None, _) => true,
        };
        is_same && !self.password.is_empty()
    }
}

/// The first entry of the host that matches the user, else the default entry that does.
fn entry(text: &[u8], host: &str, user: Option<&str>) -> Option<NetrcEntry> {
    let mut matching: Vec<NetrcEntry> = entries(text);
    matching.retain(|entry| entry.matches_user(user));
    let of_host = matching.iter().position(|entry| entry.is_of(host));
    let at = of_host.or_else(|| matching.iter().position(|entry| entry.machine.is_none()))?;
    Some(matching.swap_remove(at))
}

/// All entries. Unknown words are skipped.
fn entries(text: &[u8]) -> Vec<NetrcEntry> {
    let mut words = NetrcWords { rest: text };
    let mut entries: Vec<NetrcEntry> = Vec::new();
    while let Some(keyword) = words.keyword() {
        match keyword.as_slice() {
            b"machine" => entries.push(NetrcEntry {
                machine: Some(words.word().unwrap_or_default()),
                ..NetrcEntry::default()
            }),
            b"default" => entries.push(NetrcEntry::default()),
            b"macdef" => words.skip_macro(),
            b"account" => drop(words.word()),
            b"login" | b"user" => {
                let login = words.word();
                if let Some(entry) = entries.last_mut() {
                    entry.login = login;
                }
            }
            b"password" | b"passwd" => {
                let password = words.word().unwrap_or_default();
                if let Some(entry) = entries.last_mut() {
                    entry.password = password;
                }
            }
            _ => {}
        }
    }
    entries
}

/// The words of the file, one after the other.
struct NetrcWords<'a> {
    rest: &'a [u8],
}

impl<'a> NetrcWords<'a> {
    /// The next word at a place that allows comments.
    fn keyword(&mut self) -> Option<Buffer> {
        self.rest = self.rest.trim_ascii_start();
        while self.rest.starts_with(b"#") {
            self.skip_line();
            self.rest = self.rest.trim_ascii_start();
        }
        self.word()
    }

    /// The next word, without its quotes and their backslashes.
    fn word(&mut self) -> Option<Buffer> {
        let start = self.rest.trim_ascii_start();
        if start.is_empty() {
            return None;
        }
        if let Some(quoted) = start.strip_prefix(b"\"") {
            return Some(self.unquoted(quoted));
        }
        let end = start.iter().position(u8::is_ascii_whitespace);
        let (word, rest) = start.split_at(end.unwrap_or(start.len()));
        self.rest = rest;
        Some(Zeroizing::new(word.to_vec()))
    }

    /// A quoted word, from the octet after the first quote.
    fn unquoted(&mut self, quoted: &'a [u8]) -> Buffer {
        // Capacity for the complete word, so that it is not copied when it grows.
        let mut word = Zeroizing::new(Vec::with_capacity(quoted.len()));
        let mut bytes = quoted.iter();
        while let Some(&byte) = bytes.next() {
            match byte {
                b'"' => break,
                b'\\' => word.extend(bytes.next().map(|&escaped| match escaped {
                    b'n' => b'\n',
                    b'r' => b'\r',
                    b't' => b'\t',
                    other => other,
                })),
                other => word.push(other),
            }
        }
        self.rest = bytes.as_slice();
        word
    }

    fn skip_line(&mut self) {
        let end = memchr::memchr(b'\n', self.rest);
        self.rest = end.map_or(&[], |end| &self.rest[end + 1..]);
    }

    /// A macro ends at an empty line.
    fn skip_macro(&mut self) {
        self.skip_line();
        while !self.rest.is_empty() {
            let end = memchr::memchr(b'\n', self.rest).unwrap_or(self.rest.len());
            let is_empty = self.rest[..end].trim_ascii().is_empty();
            self.skip_line();
            if is_empty {
                return;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs::{self, Permissions};
    use std::os::unix::fs::PermissionsExt;
    use tempfile::TempDir;

    /// The password for alice at mail.example.org.
    fn password(text: &str) -> Option<String> {
        let entry = entry(text.as_bytes(), "mail.example.org", Some("alice"))?;
        Some(String::from_utf8(entry.password.to_vec()).unwrap())
    }

    #[test]
    fn entry_of_the_host_and_user_is_found() {
        for text in [
            "machine mail.example.org login alice password hunter2",
            "machine mail.example.org\n\tlogin alice\n\tpassword hunter2\n",
            "machine MAIL.Example.ORG password hunter2",
            "machine mail.example.org user alice account login passwd hunter2",
            "machine other login alice password no\nmachine mail.example.org password hunter2",
            "machine mail.example.org login bob password no\n\
             machine mail.example.org login alice password hunter2",
            "machine mail.example.org login alice\ndefault login alice password hunter2",
            "default password hunter2",
            "default password no machine mail.example.org login alice password hunter2",
            "machine mail.example.org port 587 login alice protocol smtp password hunter2",
            "\r\nmachine mail.example.org\r\nlogin alice\r\npassword hunter2\r\n",
        ] {
            assert_eq!(password(text).as_deref(), Some("hunter2"), "{text}");
        }
    }

    #[test]
    fn entry_of_another_host_or_user_is_ignored() {
        for text in [
            "",
            "machine",
            "machine mail.example.org",
            "machine mail.example.org login alice password",
            "machine mail.example.org login alice password \"\"",
            "machine mail.example.org login Alice password hunter2",
            "machine example.org login alice password hunter2",
            "default login bob password hunter2",
            "login alice password hunter2",
        ] {
            assert_eq!(password(text), None, "{text}");
        }
    }

    #[test]
    fn words_are_parsed_as_by_curl() {
        for (word, right) in [
            ("\"hunter 2\"", "hunter 2"),
            (r#""a\"b\\c""#, r#"a"b\c"#),
            (r#""a\tb\xc\'d""#, "a\tbxc'd"),
            (r#""a"b"#, "a"),
            (r"pa\ss", r"pa\ss"),
            (r"a\\b\#", r"a\\b\#"),
            (r"a\ b", r"a\"),
            (r#"\"a"#, r#"\"a"#),
            (r#"a"b"#, r#"a"b"#),
            ("#hunter2", "#hunter2"),
            ("hunter#2", "hunter#2"),
            ("machine", "machine"),
            ("\"öäü\"", "öäü"),
            ("\\", "\\"),
            ("\"\\\\\"", "\\"),
        ] {
            let text = format!("machine mail.example.org login alice password {word}");
            assert_eq!(password(&text).as_deref(), Some(right), "{word}");
        }
    }

    #[test]
    fn backslash_in_an_unquoted_login_is_literal() {
        let text = r"machine mail.example.org login WORK\alice password hunter2";
        assert!(entry(text.as_bytes(), "mail.example.org", Some("alice")).is_none());
        let entry = entry(text.as_bytes(), "mail.example.org", Some(r"WORK\alice"));
        assert!(entry.is_some());
    }

    #[test]
    fn comments_and_macros_are_skipped() {
        for text in [
            "# machine mail.example.org password no\nmachine mail.example.org password hunter2",
            "machine mail.example.org # login bob\n #password no\nlogin alice password hunter2 # end",
            "macdef init\nmachine mail.example.org password no\ncd /\n\n\
             machine mail.example.org password hunter2",
            "machine mail.example.org password hunter2\nmacdef init\npassword no\n",
        ] {
            assert_eq!(password(text).as_deref(), Some("hunter2"), "{text}");
        }
    }

    fn file(text: &str, mode: u32) -> (TempDir, std::path::PathBuf) {
        let directory = TempDir::new().unwrap();
        let path = directory.path().join(".netrc");
        fs::write(&path, text).unwrap();
        fs::set_permissions(&path, Permissions::from_mode(mode)).unwrap();
        (directory, path)
    }

    #[test]
    fn file_open_to_others_is_refused_only_if_used() {
        let (_directory, path) = file("machine a login alice password hunter2", 0o644);
        assert!(matches!(find_login(&path, "b", Some("alice")), Ok(None)));
        let error = find_login(&path, "a", Some("alice")).unwrap_err();
        let text = error.to_string();
        assert!(
            text.ends_with(&format!("chmod 600 {}", path.display())),
            "{text}"
        );
        assert!(
            !text.contains("hunter2") && matches!(error, CredentialsError::Exposed { .. }),
            "{text}"
        );
    }

    #[test]
    fn login_of_the_file_is_used_without_a_user() {
        let (directory, path) = file("machine a login alice password hunter2", 0o600);
        let login = find_login(&path, "a", None).unwrap().unwrap();
        assert_eq!(login.user.as_deref(), Some("alice"));
        assert!(!format!("{login:?}").contains("hunter2"));
        let (_other, bad) = file("machine a login \"al\nice\" password hunter2", 0o600);
        assert!(matches!(find_login(&bad, "a", None), Ok(None)));
        let missing = directory.path().join("missing");
        assert!(matches!(find_login(&missing, "a", None), Ok(None)));
    }

    #[test]
    fn password_with_two_lines_is_refused() {
        for password in ["hunter\n2", "hunter\\n2"] {
            let (_directory, path) = file(&format!("machine a password \"{password}\""), 0o600);
            let text = find_login(&path, "a", None).unwrap_err().to_string();
            assert!(
                text.contains("a line feed") && !text.contains("hunter"),
                "{text}"
            );
        }
    }
}
