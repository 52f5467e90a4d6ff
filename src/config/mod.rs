//! The configuration: its location and permissions, the profiles in it, and its sections `[queue]`,
//! `[sendmail]` and `[rewrite]`. This module knows TOML, and of options only their names.

mod edit;
mod error;
mod import;
mod keys;
mod location;
mod providers;
mod read;
mod syntax;

pub use edit::{NewProfile, Outline, outline};
pub use error::{ConfigError, ConfigFault, ConfigPosition, PERMISSION_ADVICE};
pub use import::msmtp_accounts as msmtp;
pub use import::{
    ForeignFormat, ImportError, Imported, ImportedProfile, LinePlace, MailSettings,
    mailrc_settings, msmtp_options, muttrc_settings,
};
pub use keys::Keys;
pub use location::{FileVersion, FoundFile, Places, SYSTEM, find};
pub use providers::{Provider, UserName};

use crate::mail::address::Address;
use crate::system::quote::toml_string;
use crate::system::text::{is_pattern, shown};
use keys::nearest;
use std::collections::BTreeMap;
use std::fmt;
use std::path::PathBuf;

/// A file that was read and checked: `inherit` is resolved, every key is known.
#[derive(Debug)]
pub struct Config {
    path: PathBuf,
    default: Option<String>,
    profiles: Vec<Profile>,
    sections: Sections,
}

/// Contents of the tables that are not profiles, by name.
type Sections = BTreeMap<String, Vec<ConfigKey>>;

/// A set of options with a name.
#[derive(Clone, Debug)]
pub struct Profile {
    name: String,
    settings: Vec<ConfigKey>,
}

/// A key of a table.
#[derive(Clone, Debug)]
pub struct ConfigKey {
    /// In a profile the long option, by its first name, or `fallback`; in `[rewrite]` an address, a local
    /// name or a pattern.
    pub key: String,
    pub value: Value,
    /// The line in the file, from 1.
    pub line: usize,
    /// The table that contains it: another profile if it is inherited.
    pub table: TableKind,
}

/// A table of the file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TableKind {
    /// `[profile.NAME]`
    Profile(String),
    /// `[NAME]`
    Section(String),
}

impl fmt::Display for TableKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Profile(name) => write!(f, "profile \"{}\"", shown(name)),
            Self::Section(name) => write!(f, "[{}]", shown(name)),
        }
    }
}

/// The value of a key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Value {
    Text(String),
    /// An integer or a float, in decimal digits.
    Number(String),
    /// An option that is turned on or off.
    Flag(bool),
    List(Vec<Value>),
}

impl Config {
    /// Parses a text that is not a file yet. Returns all errors in it.
    pub fn of_text(text: &str, keys: &Keys) -> Result<Self, Vec<ConfigError>> {
        let read = read::read(text, keys);
        let fault = |(position, fault)| ConfigError::Fault {
            path: PathBuf::new(),
            position: Box::new(position),
            fault,
        };
        let errors: Vec<ConfigError> = read.faults.into_iter().map(fault).collect();
        if !errors.is_empty() {
            return Err(errors);
        }
        Ok(Self {
            path: PathBuf::new(),
            default: read.default,
            profiles: read.profiles,
            sections: read.sections,
        })
    }

    #[must_use]
    pub fn path(&self) -> &std::path::Path {
        &self.path
    }

    /// The name of the profile that is used if none is requested.
    #[must_use]
    pub fn default(&self) -> Option<&str> {
        self.default.as_deref()
    }

    /// All profiles, in the order of the file.
    #[must_use]
    pub fn profiles(&self) -> &[Profile] {
        &self.profiles
    }

    /// The settings of `[queue]`, `[sendmail]` or `[rewrite]`, in the order of the file. Empty if there is
    /// no such table.
    #[must_use]
    pub fn section(&self, name: &str) -> &[ConfigKey] {
        self.sections.get(name).map_or(&[], Vec::as_slice)
    }

    /// The profile of this name.
    pub fn profile(&self, name: &str) -> Result<&Profile, ConfigError> {
        let found = self.profiles.iter().find(|profile| profile.name == name);
        found.ok_or_else(|| {
            let names = self.profiles.iter().map(|profile| profile.name.as_str());
            ConfigError::Fault {
                path: self.path.clone(),
                position: Box::default(),
                fault: ConfigFault::no_profile(name, names),
            }
        })
    }

    /// The profile that was requested, else the first that applies to this sender, else the default.
    pub fn choose(
        &self,
        name: Option<&str>,
        sender: Option<&Address>,
    ) -> Result<Option<&Profile>, ConfigError> {
        if let Some(name) = name {
            return self.profile(name).map(Some);
        }
        let is_for = |sender| self.profiles.iter().find(|profile| profile.is_for(sender));
        if let Some(profile) = sender.and_then(is_for) {
            return Ok(Some(profile));
        }
        self.default().map(|name| self.profile(name)).transpose()
    }

    /// Profiles of the fallback relays, tried in order on temporary failure.
    #[must_use]
    pub fn fallbacks(&self, profile: &Profile) -> Vec<&Profile> {
        let names = profile.setting("fallback").map(|setting| &setting.value);
        let names = names.map_or(Vec::new(), Value::texts).into_iter();
        // A profile that inherits its own name from another has one fallback less.
        let others = names.filter(|name| *name != profile.name);
        others.filter_map(|name| self.profile(name).ok()).collect()
    }

    /// An error about a setting, with its position.
    #[must_use]
    pub fn fault(&self, setting: &ConfigKey, fault: ConfigFault) -> ConfigError {
        ConfigError::Fault {
            path: self.path.clone(),
            position: Box::new(ConfigPosition::of(setting)),
            fault,
        }
    }
}

impl Profile {
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The options, without the keys that only choose profiles. Of `from`, the first address that is not a
    /// pattern.
    #[must_use]
    pub fn options(&self) -> Vec<ConfigKey> {
        let options = self
            .settings
            .iter()
            .filter(|setting| !matches!(setting.key.as_str(), "fallback" | "read"))
            .filter(|setting| !keys::ALERTS.contains(&setting.key.as_str()));
        options.filter_map(ConfigKey::as_option).collect()
    }

    /// The rules for alerts.
    pub fn alerts(&self) -> impl Iterator<Item = &ConfigKey> {
        let alerts = self.settings.iter();
        alerts.filter(|setting| keys::ALERTS.contains(&setting.key.as_str()))
    }

    /// The mailbox that receives mail, a URL.
    #[must_use]
    pub fn mailbox(&self) -> Option<&ConfigKey> {
        self.setting("read")
    }

    /// True if the profile has this key.
    #[must_use]
    pub fn has(&self, key: &str) -> bool {
        self.setting(key).is_some()
    }

    fn setting(&self, key: &str) -> Option<&ConfigKey> {
        self.settings.iter().find(|setting| setting.key == key)
    }

    fn is_for(&self, sender: &Address) -> bool {
        let from = self.setting("from").map(|setting| &setting.value);
        let mut items = from.map_or(Vec::new(), Value::texts).into_iter();
        items.any(|item| keys::matches(item, sender))
    }
}

impl ConfigKey {
    fn as_option(&self) -> Option<Self> {
        if self.key != "from" {
            return Some(self.clone());
        }
        let items = self.value.texts();
        let author = items.into_iter().find(|item| !is_pattern(item))?;
        Some(Self {
            value: Value::Text(author.to_owned()),
            ..self.clone()
        })
    }
}

impl Value {
    /// Changes the texts in it.
    fn for_each_text(&mut self, change: &impl Fn(&mut String)) {
        match self {
            Self::Text(text) => change(text),
            Self::List(items) => items.iter_mut().for_each(|item| item.for_each_text(change)),
            Self::Number(_) | Self::Flag(_) => {}
        }
    }

    #[must_use]
    pub fn texts(&self) -> Vec<&str> {
        match self {
            Self::Text(text) => vec![text],
            Self::List(items) => items.iter().flat_map(Self::texts).collect(),
            Self::Number(_) | Self::Flag(_) => Vec::new(),
        }
    }
}

#[cfg(test)]
mod tests;

impl Profile {
    /// The profile with all that it inherits, in a form that can be pasted. A comment names the origin of
    /// each inherited key.
    #[must_use]
    pub fn to_toml(&self) -> String {
        let mut text = format!("[profile.{}]\n", name(&self.name));
        for setting in &self.settings {
            text.push_str(&format!("{} = {}", setting.key, value(&setting.value)));
            if let TableKind::Profile(other) = &setting.table
                && *other != self.name
            {
                text.push_str(&format!("  # from profile {}", toml_string(other)));
            }
            text.push('\n');
        }
        text
    }
}

fn name(name: &str) -> String {
    let is_bare = |byte: u8| byte.is_ascii_alphanumeric() || b"-_".contains(&byte);
    if !name.is_empty() && name.bytes().all(is_bare) {
        return name.to_owned();
    }
    toml_string(name)
}

fn value(value: &Value) -> String {
    match value {
        Value::Text(text) => toml_string(text),
        Value::Number(number) => number.clone(),
        Value::Flag(flag) => flag.to_string(),
        Value::List(items) => {
            let items: Vec<String> = items.iter().map(self::value).collect();
            format!("[{}]", items.join(", "))
        }
    }
}
