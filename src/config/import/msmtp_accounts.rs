//! The accounts in a configuration of msmtp: words with arguments, checked as msmtp checks them.

use crate::config::import::{ImportError, LinePlace, lines};
use std::collections::BTreeMap;
use std::path::Path;

/// The arguments that a word accepts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WordKind {
    /// A text that is not empty.
    Needed,
    /// A text; an empty one unsets the word.
    Text,
    /// Like `Text`; a file name, in which a tilde is expanded.
    Path,
    Port,
    /// A port, or empty.
    PortOrNone,
    /// Seconds, or `off`.
    Seconds,
    /// `on`, `off`, or empty for `on`.
    Switch,
    /// `on` or `off`.
    OnOff,
    /// `auto`, `on`, `off`, or empty for `auto`.
    AutoOnOff,
    /// `auto`, `off`, or empty for `auto`.
    AutoOff,
    Protocol,
    DsnReturn,
    DsnNotify,
    Auth,
    Fingerprint,
    /// A number, or empty.
    Bits,
    Syslog,
    /// No argument.
    Alone,
    /// Any argument: the word has no effect.
    Ignored,
}

/// The words of an account.
const WORDS: [(&str, WordKind); 50] = [
    ("host", WordKind::Needed),
    ("port", WordKind::Port),
    ("timeout", WordKind::Seconds),
    ("connect_timeout", WordKind::Seconds),
    ("protocol", WordKind::Protocol),
    ("domain", WordKind::Text),
    ("from", WordKind::Text),
    ("from_full_name", WordKind::Text),
    ("allow_from_override", WordKind::OnOff),
    ("auth", WordKind::Auth),
    ("user", WordKind::Text),
    ("password", WordKind::Text),
    ("passwordeval", WordKind::Text),
    ("ntlmdomain", WordKind::Text),
    ("tls", WordKind::Switch),
    ("tls_starttls", WordKind::Switch),
    ("tls_nostarttls", WordKind::Alone),
    ("tls_key_file", WordKind::Path),
    ("tls_cert_file", WordKind::Path),
    ("tls_trust_file", WordKind::Path),
    ("tls_crl_file", WordKind::Path),
    ("tls_fingerprint", WordKind::Fingerprint),
    ("tls_certcheck", WordKind::Switch),
    ("tls_nocertcheck", WordKind::Alone),
    ("tls_min_dh_prime_bits", WordKind::Bits),
    ("tls_priorities", WordKind::Text),
    ("tls_host_override", WordKind::Text),
    ("tls_force_sslv3", WordKind::Ignored),
    ("dsn_return", WordKind::DsnReturn),
    ("dsn_notify", WordKind::DsnNotify),
    ("logfile", WordKind::Path),
    ("logfile_time_format", WordKind::Text),
    ("syslog", WordKind::Syslog),
    ("aliases", WordKind::Path),
    ("proxy_host", WordKind::Text),
    ("proxy_port", WordKind::PortOrNone),
    ("set_from_header", WordKind::AutoOnOff),
    ("set_date_header", WordKind::AutoOff),
    ("set_msgid_header", WordKind::AutoOff),
    ("set_to_header", WordKind::AutoOnOff),
    ("remove_bcc_headers", WordKind::Switch),
    ("undisclosed_recipients", WordKind::Switch),
    ("source_ip", WordKind::Text),
    ("socket", WordKind::Path),
    ("add_missing_from_header", WordKind::Switch),
    ("add_missing_date_header", WordKind::Switch),
    ("auto_from", WordKind::Switch),
    ("maildomain", WordKind::Text),
    ("keepbcc", WordKind::Switch),
    ("eval", WordKind::Needed),
];

/// The argument of a word and its place.
pub type Arguments = BTreeMap<String, (String, LinePlace)>;

/// An account.
#[derive(Clone, Debug)]
pub struct MsmtpAccount {
    pub name: String,
    /// Its words, with the defaults.
    pub words: Arguments,
    /// Those of the account and of the accounts that it copies.
    own: Arguments,
    /// The only account that it copies.
    pub copy_of: Option<String>,
    pub is_changed: bool,
}

/// Use of a line that is not the start of an account.
pub enum LineUse {
    /// The word belongs to the account.
    Keep,
    /// The line has no effect.
    Skip,
    /// This line is read instead.
    Replace(String),
}

/// Decides about the lines of a file, or reports an error.
pub type OnLine<'a> = &'a mut dyn FnMut(&LinePlace, &str, &str) -> Result<LineUse, String>;

#[derive(Default)]
struct Reader {
    defaults: Arguments,
    all: Vec<MsmtpAccount>,
    in_defaults: bool,
}

/// Reads the accounts of a file, in their order.
///
/// # Errors
/// The file cannot be read, or lines have errors.
pub fn read(path: &Path, on_line: OnLine<'_>) -> Result<Vec<MsmtpAccount>, Vec<ImportError>> {
    let mut reader = Reader::default();
    let mut errors = Vec::new();
    for (place, line) in lines(path).map_err(|error| vec![error])? {
        if let Err(why) = reader.line(&line, &place, on_line) {
            errors.push(ImportError::Line(place, why));
        }
    }
    if errors.is_empty() {
        Ok(reader.all)
    } else {
        Err(errors)
    }
}

/// The argument without blanks and the quotes around it.
fn unquoted(argument: &str) -> &str {
    let argument = argument.trim();
    let inside = argument.strip_prefix('"');
    inside
        .and_then(|inside| inside.strip_suffix('"'))
        .unwrap_or(argument)
}

/// The word of a line and its argument; `None` for a comment and an empty line.
fn parts(line: &str) -> Option<(&str, &str)> {
    let line = line.trim();
    if line.is_empty() || line.starts_with('#') {
        return None;
    }
    let (word, argument) = line.split_once([' ', '\t']).unwrap_or((line, ""));
    Some((word, unquoted(argument)))
}

impl Reader {
    fn line(&mut self, line: &str, place: &LinePlace, on_line: OnLine<'_>) -> Result<(), String> {
        let Some((word, argument)) = parts(line) else {
            return Ok(());
        };
        match word {
            "defaults" if !argument.is_empty() => {
                return Err("command defaults does not take an argument".to_owned());
            }
            "defaults" => {
                self.in_defaults = true;
                return Ok(());
            }
            "account" => return self.begin(argument),
            _ => {}
        }
        match on_line(place, word, argument)? {
            LineUse::Skip => Ok(()),
            LineUse::Keep => self.add(word, argument, place),
            LineUse::Replace(other) => match parts(&other) {
                Some(("account" | "defaults" | "eval", _)) => {
                    Err("the output of eval must be a word of an account".to_owned())
                }
                Some((word, argument)) => self.add(word, argument, place),
                None => Ok(()),
            },
        }
    }

    fn add(&mut self, word: &str, argument: &str, place: &LinePlace) -> Result<(), String> {
        check(word, argument)?;
        if !self.in_defaults && self.all.is_empty() {
            self.begin("default")?;
        }
        let (word, argument) = normal(word, argument);
        let value = (argument.to_owned(), place.clone());
        if self.in_defaults {
            self.defaults.insert(word.to_owned(), value);
        } else if let Some(account) = self.all.last_mut() {
            account.is_changed = true;
            account.words.insert(word.to_owned(), value.clone());
            account.own.insert(word.to_owned(), value);
        }
        Ok(())
    }

    /// `NAME [: OTHER[,OTHER]]`; the later one takes precedence.
    fn begin(&mut self, argument: &str) -> Result<(), String> {
        self.in_defaults = false;
        let (name, others) = argument.split_once(':').unwrap_or((argument, ""));
        let name = unquoted(name);
        if name.is_empty() {
            return Err("missing account name".to_owned());
        }
        if name.contains(',') {
            return Err("an account name must not contain colons or commas".to_owned());
        }
        if self.all.iter().any(|account| account.name == name) {
            return Err(format!("account {name} was already defined"));
        }
        let has_others = argument.contains(':');
        let others: Vec<&str> = others
            .split(',')
            .map(unquoted)
            .filter(|other| has_others || !other.is_empty())
            .collect();
        let mut account = MsmtpAccount {
            name: name.to_owned(),
            words: self.defaults.clone(),
            own: Arguments::new(),
            copy_of: match others[..] {
                [one] => Some(one.to_owned()),
                _ => None,
            },
            is_changed: false,
        };
        for other in others {
            self.copy(other, &mut account)?;
        }
        self.all.push(account);
        Ok(())
    }

    fn copy(&self, other: &str, account: &mut MsmtpAccount) -> Result<(), String> {
        if other.is_empty() {
            return Err("missing account name".to_owned());
        }
        let copied = self.all.iter().find(|account| account.name == other);
        let copied = copied.ok_or_else(|| format!("account {other} not (yet) defined"))?;
        account.words.extend(copied.own.clone());
        account.own.extend(copied.own.clone());
        Ok(())
    }
}

/// The arguments that a word accepts. `None`: msmtp has no such word.
pub fn kind(word: &str) -> Option<WordKind> {
    let found = WORDS.iter().find(|(other, _)| *other == word);
    found.map(|&(_, kind)| kind)
}

/// Reports the errors that msmtp reports.
fn check(word: &str, argument: &str) -> Result<(), String> {
    let kind = kind(word).ok_or_else(|| format!("unknown command {word}"))?;
    let needs_argument = matches!(
        kind,
        WordKind::Needed
            | WordKind::Port
            | WordKind::Seconds
            | WordKind::Protocol
            | WordKind::DsnReturn
            | WordKind::DsnNotify
    );
    if argument.is_empty() && needs_argument {
        return Err(format!("command {word} needs an argument"));
    }
    if kind == WordKind::Alone && !argument.is_empty() {
        return Err(format!("command {word} does not take an argument"));
    }
    if accepts(kind, argument) {
        Ok(())
    } else {
        Err(format!("invalid argument {argument} for command {word}"))
    }
}

/// True if an argument is valid for a word of this kind.
pub fn accepts(kind: WordKind, argument: &str) -> bool {
    let is_any = |words: &[&str]| words.contains(&argument);
    match kind {
        WordKind::Needed | WordKind::Text | WordKind::Path | WordKind::Ignored => true,
        WordKind::Alone => argument.is_empty(),
        WordKind::Port => is_port(argument),
        WordKind::PortOrNone => argument.is_empty() || is_port(argument),
        WordKind::Seconds => argument == "off" || is_positive(argument),
        WordKind::Bits => argument.is_empty() || is_positive(argument),
        WordKind::Switch => is_any(&["", "on", "off"]),
        WordKind::OnOff => is_any(&["on", "off"]),
        WordKind::AutoOnOff => is_any(&["", "auto", "on", "off"]),
        WordKind::AutoOff => is_any(&["", "auto", "off"]),
        WordKind::Protocol => is_any(&["smtp", "lmtp"]),
        WordKind::DsnReturn => is_any(&["off", "headers", "full"]),
        WordKind::DsnNotify => is_any(&["off", "never"]) || is_notify(argument),
        WordKind::Auth => is_any(&["", "on", "off"]) || AUTH.contains(&argument),
        WordKind::Fingerprint => argument.is_empty() || is_fingerprint(argument),
        WordKind::Syslog => is_any(&["", "on", "off"]) || is_facility(argument),
    }
}

/// The names of the SASL mechanisms of msmtp.
const AUTH: [&str; 11] = [
    "plain",
    "cram-md5",
    "digest-md5",
    "scram-sha-1",
    "scram-sha-256",
    "gssapi",
    "external",
    "login",
    "ntlm",
    "oauthbearer",
    "xoauth2",
];

fn is_positive(text: &str) -> bool {
    text.parse::<i32>().is_ok_and(|number| number > 0)
}

fn is_port(text: &str) -> bool {
    text.parse::<u16>().is_ok_and(|port| port > 0)
}

fn is_notify(text: &str) -> bool {
    let mut words: Vec<&str> = text.split(',').collect();
    let count = words.len();
    words.sort_unstable();
    words.dedup();
    let is_event = |word: &&str| ["failure", "delay", "success"].contains(word);
    words.len() == count && words.iter().all(is_event)
}

/// SHA-256, SHA-1 or MD5, with colons.
fn is_fingerprint(text: &str) -> bool {
    let octets: Vec<&str> = text.split(':').collect();
    let is_octet =
        |octet: &&str| octet.len() == 2 && octet.bytes().all(|byte| byte.is_ascii_hexdigit());
    matches!(octets.len(), 32 | 20 | 16) && octets.iter().all(is_octet)
}

fn is_facility(text: &str) -> bool {
    let local = text.strip_prefix("LOG_LOCAL");
    let is_local = local.is_some_and(|local| matches!(local.as_bytes(), [b'0'..=b'7']));
    is_local || ["LOG_USER", "LOG_MAIL"].contains(&text)
}

/// A word and its argument in their current form, for old words and for arguments that may be left out.
pub fn normal<'a>(word: &'a str, argument: &'a str) -> (&'a str, &'a str) {
    let auto = |argument| if argument == "off" { "off" } else { "auto" };
    match (word, argument) {
        ("connect_timeout", argument) => ("timeout", argument),
        ("tls_nostarttls", _) => ("tls_starttls", "off"),
        ("tls_nocertcheck", _) => ("tls_certcheck", "off"),
        ("add_missing_from_header", argument) => ("set_from_header", auto(argument)),
        ("add_missing_date_header", argument) => ("set_date_header", auto(argument)),
        ("keepbcc", "off") => ("remove_bcc_headers", "on"),
        ("keepbcc", _) => ("remove_bcc_headers", "off"),
        (word, "") => match kind(word) {
            Some(WordKind::Switch) => (word, "on"),
            Some(WordKind::AutoOnOff | WordKind::AutoOff) => (word, "auto"),
            _ => (word, ""),
        },
        same => same,
    }
}
