//! Configurations of other programs, converted to profiles. Nothing in these files is run, and no password leaves
//! them except as a [`Secret`].
//!
//! One file a format; each has a function `read`, which adds to an [`Imported`]. What has no equivalent becomes a
//! [`Note`].

mod dma;
mod mailrc;
pub mod msmtp_accounts;
mod msmtprc;
mod muttrc;
mod nullmailer;
mod ssmtp;
mod swaksrc;
mod words;

use crate::config::keys::PROFILE_NAMES;
use crate::config::{Value, name, value};
use crate::smtp::mechanism::Mechanism;
use crate::system::figures::counted;
use crate::system::quote::toml_string;
use crate::system::secret::Secret;
use crate::system::text::{percent_decoded, reason, shown, shown_path};
use crate::system::user::{expanded, path_variable};
use std::collections::BTreeMap;
use std::fmt;
use std::fs::File;
use std::io::Read as _;
use std::path::{Path, PathBuf};

/// Maximum size of a file, in bytes.
const MAX_SIZE: u64 = 1 << 20;

/// Maximum length of a line in a comment, in characters.
const MAX_SHOWN: usize = 120;

/// A program whose configuration can be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ForeignFormat {
    Msmtprc,
    Ssmtp,
    Nullmailer,
    Dma,
    Muttrc,
    Mailrc,
    Swaksrc,
}

impl ForeignFormat {
    pub const ALL: [Self; 7] = [
        Self::Msmtprc,
        Self::Ssmtp,
        Self::Nullmailer,
        Self::Dma,
        Self::Muttrc,
        Self::Mailrc,
        Self::Swaksrc,
    ];

    /// The name on the command line.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Msmtprc => "msmtprc",
            Self::Ssmtp => "ssmtp",
            Self::Nullmailer => "nullmailer",
            Self::Dma => "dma",
            Self::Muttrc => "muttrc",
            Self::Mailrc => "mailrc",
            Self::Swaksrc => "swaksrc",
        }
    }

    /// The name of the program.
    #[must_use]
    pub fn program(self) -> &'static str {
        match self {
            Self::Msmtprc => "msmtp",
            Self::Muttrc => "mutt",
            Self::Mailrc => "mail",
            Self::Swaksrc => "swaks",
            Self::Ssmtp | Self::Nullmailer | Self::Dma => self.name(),
        }
    }

    /// The places where the program looks for its configuration, in order. That of nullmailer is a directory.
    #[must_use]
    pub fn places(self) -> Vec<PathBuf> {
        let texts: &[&str] = match self {
            Self::Msmtprc => &["~/.msmtprc", "~/.config/msmtp/config", "/etc/msmtprc"],
            Self::Ssmtp => &["/etc/ssmtp/ssmtp.conf"],
            Self::Nullmailer => &["/etc/nullmailer"],
            Self::Dma => &["/etc/dma/dma.conf"],
            Self::Muttrc => &[
                "~/.neomuttrc",
                "~/.neomutt/neomuttrc",
                "~/.config/neomutt/neomuttrc",
                "~/.muttrc",
                "~/.mutt/muttrc",
                "~/.config/mutt/muttrc",
            ],
            Self::Mailrc => &["~/.mailrc"],
            Self::Swaksrc => &["~/.swaksrc"],
        };
        let variable = match self {
            Self::Mailrc => path_variable("MAILRC"),
            Self::Swaksrc => path_variable("SWAKS_HOME").map(|home| home.join(".swaksrc")),
            Self::Msmtprc => path_variable("XDG_CONFIG_HOME").map(|home| home.join("msmtp/config")),
            _ => None,
        };
        let usual = texts.iter().map(|text| expanded(text));
        variable.into_iter().chain(usual).collect()
    }

    /// Reads the configuration at this place.
    ///
    /// # Errors
    /// A file cannot be read, or a line has an error that the program would report.
    pub fn read(self, path: &Path) -> Result<Imported, Vec<ImportError>> {
        let mut imported = Imported::default();
        let read = match self {
            Self::Msmtprc => msmtprc::read,
            Self::Ssmtp => ssmtp::read,
            Self::Nullmailer => nullmailer::read,
            Self::Dma => dma::read,
            Self::Muttrc => muttrc::read,
            Self::Mailrc => mailrc::read,
            Self::Swaksrc => swaksrc::read,
        };
        if let Err(error) = read(path, &mut imported) {
            imported.errors.push(error);
        }
        if imported.errors.is_empty() {
            Ok(imported)
        } else {
            Err(imported.errors)
        }
    }
}

/// What the configuration of a mail program and its command line set for a message.
#[derive(Debug, Default)]
pub struct MailSettings {
    /// The variables with their last values.
    pub variables: BTreeMap<String, String>,
    /// Header fields to add.
    pub fields: Vec<String>,
    /// The server to use; `None`: mail is passed to sendmail.
    pub server: Option<ImportedProfile>,
    /// Names, and the addresses or names that each stands for.
    pub aliases: Vec<(String, Vec<String>)>,
}

/// The settings of a `.mailrc`, which may be missing, and of the options `-A` and `-S` of mailx. `None`: there is no
/// such account.
///
/// # Errors
/// The file cannot be read, or the server is invalid.
pub fn mailrc_settings(
    path: Option<&Path>,
    account: Option<&str>,
    options: &[String],
) -> Result<Option<MailSettings>, ImportError> {
    mailrc::settings(path, account, options)
}

/// The settings of these configurations of mutt, and of the commands of its option `-e`.
///
/// # Errors
/// A file cannot be read, or the server is invalid.
pub fn muttrc_settings(
    paths: &[PathBuf],
    commands: &[String],
) -> Result<MailSettings, ImportError> {
    muttrc::settings(paths, commands)
}

/// The options of ehlo that an account of msmtp with these words corresponds to. `None`: the words name no server.
#[must_use]
pub fn msmtp_options(words: &msmtp_accounts::Arguments) -> Option<ImportedProfile> {
    msmtprc::profile("msmtp", words, false, &mut Imported::default())
}

/// A line of a file.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct LinePlace {
    pub path: PathBuf,
    /// From 1.
    pub line: usize,
}

/// `/etc/msmtprc:12`
impl fmt::Display for LinePlace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", shown_path(&self.path), self.line)
    }
}

/// An error in a foreign configuration.
#[derive(Debug, thiserror::Error)]
pub enum ImportError {
    #[error("cannot read {}: {}", shown_path(path), reason(.error))]
    Unreadable {
        path: PathBuf,
        error: std::io::Error,
    },
    #[error("{}: the file has more than {MAX_SIZE} bytes", shown_path(.0))]
    Large(PathBuf),
    #[error("{0}: {1}")]
    Line(LinePlace, String),
}

/// A remark about what was left out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Note {
    /// `None`: about the whole file.
    pub place: Option<LinePlace>,
    pub text: String,
}

/// The configuration that was read.
#[derive(Debug, Default)]
pub struct Imported {
    pub default: Option<String>,
    pub profiles: Vec<ImportedProfile>,
    /// The tables besides the profiles, with their keys.
    tables: Vec<(&'static str, Vec<(String, Value)>)>,
    notes: Vec<Note>,
    errors: Vec<ImportError>,
}

/// A profile with its password.
#[derive(Debug, Default)]
pub struct ImportedProfile {
    pub name: String,
    pub settings: Vec<(String, Value)>,
    pub password: Option<ImportedPassword>,
}

#[derive(Debug)]
pub struct ImportedPassword {
    pub secret: Secret,
    /// Its current place.
    pub place: LinePlace,
}

/// The use of TLS by a program.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum TlsUse {
    Off,
    IfOffered,
    Starttls,
    Implicit,
}

impl Imported {
    /// Puts a text before the names of all profiles.
    pub fn add_prefix(&mut self, prefix: &str) {
        let prefixed = |name: &mut String| name.insert_str(0, prefix);
        self.default.iter_mut().for_each(prefixed);
        for profile in &mut self.profiles {
            prefixed(&mut profile.name);
            let others = profile.settings.iter_mut();
            let others = others.filter(|(key, _)| PROFILE_NAMES.contains(&key.as_str()));
            others.for_each(|(_, value)| value.for_each_text(&prefixed));
        }
    }

    fn note(&mut self, place: &LinePlace, text: impl Into<String>) {
        let note = Note {
            place: Some(place.clone()),
            text: text.into(),
        };
        if !self.notes.contains(&note) {
            self.notes.push(note);
        }
    }

    /// A line without an equivalent.
    fn unmatched(&mut self, place: &LinePlace, line: &str, why: &str) {
        self.note(place, format!("{}: {why}", excerpt(line)));
    }

    /// Reports the number of settings that do not concern sending.
    fn others(&mut self, count: u64) {
        if count > 0 {
            self.remark(format!(
                "left out: {} unrelated to sending",
                counted(count, "setting")
            ));
        }
    }

    fn remark(&mut self, text: impl Into<String>) {
        self.notes.push(Note {
            place: None,
            text: text.into(),
        });
    }

    fn error(&mut self, place: &LinePlace, why: impl Into<String>) {
        self.errors
            .push(ImportError::Line(place.clone(), why.into()));
    }

    /// Sets a key of a table, unless it is set.
    fn set(&mut self, table: &'static str, key: &str, value: Value) {
        let at = self.tables.iter().position(|(name, _)| *name == table);
        let at = at.unwrap_or_else(|| {
            self.tables.push((table, Vec::new()));
            self.tables.len() - 1
        });
        let keys = &mut self.tables[at].1;
        if keys.iter().all(|(other, _)| other != key) {
            keys.push((key.to_owned(), value));
        }
    }

    fn set_text(&mut self, table: &'static str, key: &str, text: &str) {
        self.set(table, key, Value::Text(text.to_owned()));
    }

    /// A name that no profile has.
    fn free_name(&self, wanted: &str) -> String {
        let is_free = |name: &str| self.profiles.iter().all(|profile| profile.name != name);
        let numbered = (2..).map(|number| format!("{wanted}-{number}"));
        let mut names = std::iter::once(wanted.to_owned()).chain(numbered);
        names.find(|name| is_free(name)).unwrap_or_default()
    }

    /// The configuration. Each line that is not a comment or the header of a table has one key. Text that is
    /// inserted by others is escaped, so that it cannot end a comment.
    #[must_use]
    pub fn to_toml(&self) -> String {
        let mut text = String::new();
        for note in &self.notes {
            text.push_str(&match &note.place {
                Some(place) => format!("# {place}: {}\n", shown(&note.text)),
                None => format!("# {}\n", shown(&note.text)),
            });
        }
        if let Some(default) = &self.default {
            text.push_str(&format!("\ndefault = {}\n", toml_string(default)));
        }
        for profile in &self.profiles {
            text.push_str(&format!("\n[profile.{}]\n", name(&profile.name)));
            push_keys(&mut text, &profile.settings);
            if let Some(password) = &profile.password {
                text.push_str(&format!(
                    "# {}: the password; run again with --secrets DIR to copy it to a file\n",
                    password.place
                ));
            }
        }
        for (table, keys) in &self.tables {
            text.push_str(&format!("\n[{table}]\n"));
            push_keys(&mut text, keys);
        }
        text.trim_start().to_owned()
    }
}

fn push_options(options: &mut Vec<String>, key: &str, value: &Value) {
    match value {
        Value::Flag(true) => options.push(format!("--{key}")),
        Value::Flag(false) => {}
        Value::Text(text) | Value::Number(text) => options.push(format!("--{key}={text}")),
        Value::List(items) => {
            for item in items {
                push_options(options, key, item);
            }
        }
    }
}

fn push_keys(text: &mut String, keys: &[(String, Value)]) {
    for (key, one) in keys {
        text.push_str(&format!("{} = {}\n", name(key), value(one)));
    }
}

impl ImportedProfile {
    /// The file that has the password.
    pub fn set_password_file(&mut self, path: &str) {
        self.text("password-file", path);
    }

    /// The text of a key.
    #[must_use]
    pub fn text_of(&self, key: &str) -> Option<String> {
        let (_, value) = self.settings.iter().find(|(other, _)| other == key)?;
        value.texts().first().map(|&text| text.to_owned())
    }

    /// The settings as options of the command line, except these.
    #[must_use]
    pub fn as_options(&self, except: &[&str]) -> Vec<String> {
        let mut options = Vec::new();
        for (key, value) in &self.settings {
            if !except.contains(&key.as_str()) {
                push_options(&mut options, key, value);
            }
        }
        options
    }

    fn named(name: String) -> Self {
        Self {
            name,
            ..Self::default()
        }
    }

    /// Sets a key; an empty text unsets nothing and sets nothing.
    fn text(&mut self, key: &str, text: impl Into<String>) {
        let text = text.into();
        if !text.is_empty() {
            self.value(key, Value::Text(text));
        }
    }

    fn flag(&mut self, key: &str) {
        self.value(key, Value::Flag(true));
    }

    /// Sets a key, or replaces its value.
    fn value(&mut self, key: &str, value: Value) {
        match self.settings.iter_mut().find(|(other, _)| other == key) {
            Some((_, old)) => *old = value,
            None => self.settings.push((key.to_owned(), value)),
        }
    }

    fn list(&mut self, key: &str, items: impl IntoIterator<Item = String>) {
        let items: Vec<Value> = items.into_iter().map(Value::Text).collect();
        if !items.is_empty() {
            self.value(key, Value::List(items));
        }
    }

    fn has(&self, key: &str) -> bool {
        self.settings.iter().any(|(other, _)| other == key)
    }

    /// The server, always with its port: the default port of ehlo is not that of every program.
    fn relay(&mut self, host: &str, port: u16) {
        let host = host.trim_matches(['[', ']']);
        self.text(
            "relay",
            if host.contains(':') {
                format!("[{host}]:{port}")
            } else {
                format!("{host}:{port}")
            },
        );
    }

    fn tls(&mut self, tls: TlsUse) {
        let word = match tls {
            TlsUse::Off => "off",
            TlsUse::IfOffered => "auto",
            TlsUse::Starttls => "starttls",
            TlsUse::Implicit => "implicit",
        };
        self.text("tls", word);
    }

    /// The user. Without TLS, ehlo sends a password only if that is allowed.
    fn user(&mut self, user: &str, tls: TlsUse) {
        self.text("user", user);
        if tls == TlsUse::Off && !user.is_empty() {
            self.flag("allow-cleartext-password");
        }
    }

    fn password(&mut self, secret: &str, place: &LinePlace) {
        self.password = Some(ImportedPassword {
            secret: Secret::new(secret.as_bytes().to_vec()),
            place: place.clone(),
        });
    }
}

/// The mechanism of this name.
fn mechanism(word: &str) -> Option<&'static str> {
    Mechanism::parse(word).map(Mechanism::name)
}

/// A line for a comment, without a secret: what follows a word that names one is left out.
fn excerpt(line: &str) -> String {
    const SECRET: [&str; 6] = ["pass", "token", "secret", "key", "auth", "eval"];
    let line = line.trim();
    let end = line.find(['=', ' ', '\t', ':']).unwrap_or(line.len());
    let words = line.to_ascii_lowercase();
    let cut = SECRET.iter().any(|word| words.contains(word)) || words.contains("://");
    let shown: String = line.chars().take(MAX_SHOWN).collect();
    match (cut, line.char_indices().nth(MAX_SHOWN)) {
        (true, _) if end < line.len() => format!("{} ...", &line[..end]),
        (_, Some(_)) => format!("{shown}..."),
        _ => shown,
    }
}

/// The lines of a file with their places.
fn lines(path: &Path) -> Result<Vec<(LinePlace, String)>, ImportError> {
    let text = text(path)?;
    let place = |at: usize| LinePlace {
        path: path.to_owned(),
        line: at + 1,
    };
    let lines = text.split('\n').enumerate();
    let lines = lines.map(|(at, line)| {
        let line = line.strip_suffix('\r').unwrap_or(line);
        (place(at), line.to_owned())
    });
    Ok(lines.collect())
}

fn text(path: &Path) -> Result<String, ImportError> {
    let unreadable = |error| ImportError::Unreadable {
        path: path.to_owned(),
        error,
    };
    let file = File::open(path).map_err(unreadable)?;
    let mut bytes = Vec::new();
    file.take(MAX_SIZE + 1)
        .read_to_end(&mut bytes)
        .map_err(unreadable)?;
    if bytes.len() as u64 > MAX_SIZE {
        return Err(ImportError::Large(path.to_owned()));
    }
    // Some editors write a byte order mark before UTF-8.
    if bytes.starts_with(b"\xef\xbb\xbf") {
        bytes.drain(..3);
    }
    String::from_utf8(bytes).map_err(|error| {
        let valid = &error.as_bytes()[..error.utf8_error().valid_up_to()];
        let place = LinePlace {
            path: path.to_owned(),
            line: memchr::memchr_iter(b'\n', valid).count() + 1,
        };
        let why = "the line is not valid UTF-8; convert the file, as in: iconv -f latin1 -t utf8";
        ImportError::Line(place, why.to_owned())
    })
}

/// The parts of `scheme://user:password@host:port/path`.
#[derive(Debug, Default, PartialEq, Eq)]
struct ServerUrl {
    /// In lower case; empty if there is none.
    scheme: String,
    user: Option<String>,
    password: Option<String>,
    host: String,
    port: Option<u16>,
}

impl ServerUrl {
    /// Parses a URL, with or without a scheme. `None`: it has no host, or an invalid port.
    fn parse(text: &str) -> Option<Self> {
        let (scheme, rest) = text.split_once("://").unwrap_or(("", text));
        // A user name may contain an @, as in mutt.
        let (login, rest) = match rest.rsplit_once('@') {
            Some((login, rest)) => (Some(login), rest),
            None => (None, rest),
        };
        let host = rest.split('/').next().unwrap_or_default();
        let (host, port) = match host.strip_prefix('[').and_then(|rest| rest.split_once(']')) {
            Some((host, rest)) => (host, rest.strip_prefix(':')),
            None => match host.split_once(':') {
                Some((host, port)) => (host, Some(port)),
                None => (host, None),
            },
        };
        let (user, password) = match login.map(|login| login.split_once(':').ok_or(login)) {
            Some(Ok((user, password))) => (Some(user), Some(password)),
            Some(Err(user)) => (Some(user), None),
            None => (None, None),
        };
        let decoded = |part: &str| percent_decoded(part.as_bytes());
        Some(Self {
            scheme: scheme.to_ascii_lowercase(),
            user: user.filter(|user| !user.is_empty()).map(decoded),
            password: password.map(decoded),
            host: Some(host).filter(|host| !host.is_empty())?.to_owned(),
            port: port.map(str::parse).transpose().ok()?,
        })
    }
}

#[cfg(test)]
mod tests;
