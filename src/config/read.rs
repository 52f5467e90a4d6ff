//! Conversion of TOML to profiles and sections.

use crate::config::keys::{Keys, NON_OPTIONS, SECTIONS, SectionKeys, is_misspelled, nearest};
use crate::config::syntax;
use crate::config::{ConfigFault, ConfigKey, ConfigPosition, Profile, Sections, TableKind, Value};
use crate::mail::address::Mailbox;
use crate::system::text::is_pattern;
use std::collections::BTreeMap;
use toml::Spanned;
use toml::de::{DeInteger, DeString, DeTable, DeValue};

/// The keys outside of all tables, besides the names of sections.
const TOP: [&str; 2] = ["default", "profile"];

/// Contents of a file, and the errors in it.
#[derive(Debug, Default)]
pub(super) struct ReadConfig {
    pub(super) default: Option<String>,
    pub(super) profiles: Vec<Profile>,
    pub(super) sections: Sections,
    pub(super) faults: Faults,
}

/// Errors with their positions.
pub(super) type Faults = Vec<(ConfigPosition, ConfigFault)>;

/// A profile before inheritance is resolved.
#[derive(Debug)]
pub(super) struct UnresolvedProfile {
    pub(super) name: String,
    pub(super) settings: Vec<ConfigKey>,
    /// Value and line of its `inherit` key.
    pub(super) parents: Option<ConfigKey>,
}

/// Parses the text of a file.
pub(super) fn read(text: &str, keys: &Keys) -> ReadConfig {
    let lines = LineStarts::new(text);
    let reader = ConfigReader {
        lines: &lines,
        keys,
        faults: Vec::new(),
    };
    match DeTable::parse(text) {
        Ok(table) => reader.top(table.get_ref()),
        Err(error) => ReadConfig {
            faults: vec![syntax_error(text, &error)],
            ..ReadConfig::default()
        },
    }
}

/// An error of the TOML parser, with the line that it is about.
pub(super) fn syntax_error(text: &str, error: &toml::de::Error) -> (ConfigPosition, ConfigFault) {
    // An error at the end of a line may be reported at the beginning of the next one.
    let at = error.span().map(|span| span.start.min(text.len()));
    let line = at.map(|at| LineStarts::new(text).line(at));
    let position = ConfigPosition {
        line,
        ..ConfigPosition::default()
    };
    let line = line.and_then(|line| text.lines().nth(line - 1));
    let fault = syntax::fault(line.unwrap_or_default(), error.message());
    (position, fault)
}

/// Offsets of the line starts.
struct LineStarts(Vec<usize>);

impl LineStarts {
    fn new(text: &str) -> Self {
        Self(memchr::memchr_iter(b'\n', text.as_bytes()).collect())
    }

    /// The number of the line that contains this octet, from 1.
    fn line(&self, at: usize) -> usize {
        self.0.partition_point(|&end| end < at) + 1
    }
}

type Key<'t> = Spanned<DeString<'t>>;
type TomlValue<'t> = Spanned<DeValue<'t>>;

struct ConfigReader<'r> {
    lines: &'r LineStarts,
    keys: &'r Keys,
    faults: Faults,
}

impl ConfigReader<'_> {
    fn top(mut self, table: &DeTable<'_>) -> ReadConfig {
        let mut default = None;
        let mut profiles_read = Vec::new();
        let mut sections = Sections::new();
        for (key, value) in table {
            let position = self.position(None, key);
            match (key.get_ref().as_ref(), value.get_ref()) {
                ("default", DeValue::String(name)) => default = Some((name.to_string(), position)),
                ("default", other) => self.fault(position, wrong_type("a string", other)),
                ("profile", DeValue::Table(table)) => profiles_read = self.profiles(table),
                ("profile", other) => {
                    self.fault(position, wrong_type("tables [profile.NAME]", other));
                }
                (name, value) => match (SectionKeys::of(name), value) {
                    (Some(keys), DeValue::Table(table)) => {
                        sections.insert(name.to_owned(), self.section(name, keys, table));
                    }
                    (Some(_), other) => self.fault(position, wrong_type("a table", other)),
                    (None, value) => self.unknown(key, value),
                },
            }
        }
        let names: Vec<&str> = profiles_read.iter().map(|one| one.name.as_str()).collect();
        if let Some((name, position)) = &default
            && !names.contains(&name.as_str())
        {
            let fault = ConfigFault::no_profile(name, names.into_iter());
            self.fault(position.clone(), fault);
        }
        self.fallbacks(&profiles_read);
        self.profile_of_sendmail(&sections, &profiles_read);
        let profiles = resolve(&profiles_read, &mut self.faults);
        ReadConfig {
            default: default.map(|(name, _)| name),
            profiles,
            sections,
            faults: self.faults,
        }
    }

    /// Reports a key outside of all known tables.
    fn unknown(&mut self, key: &Key<'_>, value: &DeValue<'_>) {
        let name = key.get_ref().as_ref();
        let names = || TOP.into_iter().chain(SECTIONS.map(|(name, _)| name));
        let mut position = self.position(None, key);
        let fault = match (value, self.keys.first_name(name)) {
            // The name of a profile may be similar to that of a section by chance.
            (DeValue::Table(_), _) if !is_misspelled(name, names()) => {
                position.key = None;
                ConfigFault::Table(name.to_owned())
            }
            (DeValue::Table(_), _) => ConfigFault::Key(nearest(name, names()).map(str::to_owned)),
            (_, Ok(_)) => ConfigFault::Outside,
            (_, Err(fault)) => match nearest(name, names()) {
                Some(meant) => ConfigFault::Key(Some(meant.to_owned())),
                None => fault,
            },
        };
        self.fault(position, fault);
    }

    /// Reads a table that is not a profile. A key set to false is treated as absent, as in profiles.
    fn section(&mut self, name: &str, keys: SectionKeys, table: &DeTable<'_>) -> Vec<ConfigKey> {
        let mut settings = Vec::new();
        let at = TableKind::Section(name.to_owned());
        for (key, value) in table {
            let read = match keys {
                SectionKeys::These(_) => option_value(value.get_ref()),
                SectionKeys::Any => text(value.get_ref()),
                SectionKeys::AnyList => texts(value.get_ref()),
            };
            let read = keys.check(key.get_ref()).and(read);
            match read {
                Ok(Value::Flag(false)) => {}
                Ok(value) => settings.push(ConfigKey {
                    key: key.get_ref().to_string(),
                    value,
                    line: self.lines.line(key.span().start),
                    table: at.clone(),
                }),
                Err(fault) => self.fault(self.position(Some(&at), key), fault),
            }
        }
        settings
    }

    fn profiles(&mut self, table: &DeTable<'_>) -> Vec<UnresolvedProfile> {
        let mut all = Vec::new();
        for (name, value) in table {
            match value.get_ref() {
                DeValue::Table(table) => all.push(self.profile(name.get_ref(), table)),
                other => {
                    let table = TableKind::Profile(name.get_ref().to_string());
                    let position = ConfigPosition {
                        key: None,
                        ..self.position(Some(&table), name)
                    };
                    let fault = if self.keys.has(name.get_ref()) {
                        ConfigFault::Nameless
                    } else {
                        wrong_type("a table", other)
                    };
                    self.fault(position, fault);
                }
            }
        }
        all
    }

    fn profile(&mut self, name: &str, table: &DeTable<'_>) -> UnresolvedProfile {
        let mut settings: BTreeMap<String, ConfigKey> = BTreeMap::new();
        let mut order = Vec::new();
        let at = TableKind::Profile(name.to_owned());
        for (key, value) in table {
            match self.setting(&at, key, value) {
                Ok(setting) if settings.contains_key(&setting.key) => {
                    self.fault(self.position(Some(&at), key), ConfigFault::Twice);
                }
                Ok(setting) => {
                    order.push(setting.key.clone());
                    settings.insert(setting.key.clone(), setting);
                }
                Err(fault) => self.fault(self.position(Some(&at), key), fault),
            }
        }
        let parents = settings.remove("inherit");
        UnresolvedProfile {
            name: name.to_owned(),
            parents,
            settings: order
                .iter()
                .filter_map(|key| settings.remove(key))
                .collect(),
        }
    }

    fn setting(
        &self,
        table: &TableKind,
        key: &Key<'_>,
        value: &TomlValue<'_>,
    ) -> Result<ConfigKey, ConfigFault> {
        let first_name = self.keys.first_name(key.get_ref())?;
        let setting = ConfigKey {
            value: option_value(value.get_ref())?,
            line: self.lines.line(key.span().start),
            table: table.clone(),
            key: first_name,
        };
        let is_names = NON_OPTIONS.contains(&setting.key.as_str());
        if setting.key == "from" || is_names {
            check_texts(&setting.value)?;
        }
        if setting.key == "from" {
            check_addresses(&setting.value)?;
        }
        Ok(setting)
    }

    /// Checks that every fallback is another existing profile.
    fn fallbacks(&mut self, profiles_read: &[UnresolvedProfile]) {
        for one in profiles_read {
            let fallback = one.settings.iter().find(|one| one.key == "fallback");
            let Some(fallback) = fallback else { continue };
            for name in fallback.value.texts() {
                let mut names = profiles_read.iter().map(|one| one.name.as_str());
                if name == one.name {
                    self.fault(ConfigPosition::of(fallback), ConfigFault::Itself);
                } else if !names.any(|other| other == name) {
                    let names = profiles_read.iter().map(|one| one.name.as_str());
                    self.fault(
                        ConfigPosition::of(fallback),
                        ConfigFault::no_profile(name, names),
                    );
                }
            }
        }
    }

    /// Checks that the profile of sendmail exists.
    fn profile_of_sendmail(&mut self, sections: &Sections, profiles_read: &[UnresolvedProfile]) {
        let settings = sections.get("sendmail").into_iter().flatten();
        for setting in settings.filter(|setting| setting.key == "profile") {
            let names = profiles_read.iter().map(|one| one.name.as_str());
            let fault = match &setting.value {
                Value::Text(name) if names.clone().any(|other| other == name) => continue,
                Value::Text(name) => ConfigFault::no_profile(name, names),
                _ => ConfigFault::Kind {
                    expected: "the name of a profile",
                    found: "something else",
                },
            };
            self.fault(ConfigPosition::of(setting), fault);
        }
    }

    fn position(&self, table: Option<&TableKind>, key: &Key<'_>) -> ConfigPosition {
        ConfigPosition {
            table: table.cloned(),
            key: Some(key.get_ref().to_string()),
            line: Some(self.lines.line(key.span().start)),
        }
    }

    fn fault(&mut self, position: ConfigPosition, fault: ConfigFault) {
        self.faults.push((position, fault));
    }
}

fn text(value: &DeValue<'_>) -> Result<Value, ConfigFault> {
    match value {
        DeValue::String(_) => option_value(value),
        other => Err(wrong_type("a string", other)),
    }
}

/// Converts a string or an array of strings.
fn texts(value: &DeValue<'_>) -> Result<Value, ConfigFault> {
    let value = option_value(value)?;
    check_texts(&value).map(|()| value)
}

/// Converts a value of a type that options accept.
fn option_value(value: &DeValue<'_>) -> Result<Value, ConfigFault> {
    match value {
        DeValue::Boolean(flag) => Ok(Value::Flag(*flag)),
        DeValue::Array(items) => {
            let items = items.iter().map(|item| item_of(item.get_ref()));
            items.collect::<Result<_, _>>().map(Value::List)
        }
        other => scalar(other, "a string, a number, true, false or an array"),
    }
}

fn item_of(value: &DeValue<'_>) -> Result<Value, ConfigFault> {
    scalar(value, "strings or numbers in its array")
}

fn scalar(value: &DeValue<'_>, expected: &'static str) -> Result<Value, ConfigFault> {
    match value {
        DeValue::String(text) if text.contains('\0') => Err(ConfigFault::Nul),
        DeValue::String(text) => Ok(Value::Text(text.to_string())),
        DeValue::Integer(number) => decimal(number),
        DeValue::Float(number) => Ok(Value::Number(number.as_str().to_owned())),
        other => Err(wrong_type(expected, other)),
    }
}

/// Converts an integer. Options accept decimal numbers only.
fn decimal(number: &DeInteger<'_>) -> Result<Value, ConfigFault> {
    let parsed = i64::from_str_radix(number.as_str(), number.radix());
    let parsed = parsed.map_err(|_| ConfigFault::Kind {
        expected: "an integer of 64 bits",
        found: "a larger one",
    })?;
    Ok(Value::Number(parsed.to_string()))
}

fn check_texts(value: &Value) -> Result<(), ConfigFault> {
    let is_text = |value: &Value| matches!(value, Value::Text(_));
    let is_right = match value {
        Value::List(items) => items.iter().all(is_text),
        other => is_text(other) || *other == Value::Flag(false),
    };
    if is_right {
        return Ok(());
    }
    Err(ConfigFault::Kind {
        expected: "a string or an array of strings",
        found: "something else",
    })
}

/// Checks that an item that is not a pattern is an address.
fn check_addresses(value: &Value) -> Result<(), ConfigFault> {
    let items = value.texts().into_iter();
    for item in items.filter(|item| !is_pattern(item)) {
        Mailbox::parse(item)?;
    }
    Ok(())
}

fn wrong_type(expected: &'static str, found: &DeValue<'_>) -> ConfigFault {
    let found = match found {
        DeValue::String(_) => "a string",
        DeValue::Integer(_) => "an integer",
        DeValue::Float(_) => "a float",
        DeValue::Boolean(_) => "true or false",
        DeValue::Datetime(_) => "a date",
        DeValue::Array(_) => "an array",
        DeValue::Table(_) => "a table",
    };
    ConfigFault::Kind { expected, found }
}

/// Maximum depth of inheritance.
const MAX_DEPTH: usize = 32;

/// Resolves inheritance. A profile's own keys override those of its parents, and earlier parents override
/// later ones. `false` removes an inherited key.
pub(super) fn resolve(profiles_read: &[UnresolvedProfile], faults: &mut Faults) -> Vec<Profile> {
    let mut inheritance = Inheritance {
        profiles_read,
        done: BTreeMap::new(),
        path: Vec::new(),
        faults,
    };
    let profiles = profiles_read.iter().map(|one| Profile {
        name: one.name.clone(),
        settings: without_false(inheritance.settings(one)),
    });
    profiles.collect()
}

fn without_false(mut settings: Vec<ConfigKey>) -> Vec<ConfigKey> {
    settings.retain(|setting| setting.value != Value::Flag(false));
    settings
}

struct Inheritance<'w> {
    profiles_read: &'w [UnresolvedProfile],
    done: BTreeMap<&'w str, Vec<ConfigKey>>,
    /// The profiles from a child to this parent, to detect a circle.
    path: Vec<&'w str>,
    faults: &'w mut Faults,
}

impl<'w> Inheritance<'w> {
    fn settings(&mut self, one: &'w UnresolvedProfile) -> Vec<ConfigKey> {
        if let Some(done) = self.done.get(one.name.as_str()) {
            return done.clone();
        }
        self.path.push(&one.name);
        let mut all = one.settings.clone();
        let parents = one.parents.as_ref();
        for name in parents.map_or(Vec::new(), |parents| parents.value.texts()) {
            match self.parent(name) {
                Ok(inherited) => add(&mut all, inherited),
                Err(fault) => {
                    let position = parents.map(ConfigPosition::of).unwrap_or_default();
                    self.faults.push((position, fault));
                }
            }
        }
        self.path.pop();
        self.done.insert(&one.name, all.clone());
        all
    }

    fn parent(&mut self, name: &str) -> Result<Vec<ConfigKey>, ConfigFault> {
        if let Some(start) = self.path.iter().position(|&path| path == name) {
            let circle = self.path[start..].iter().copied().chain([name]);
            return Err(ConfigFault::Circle(circle.map(str::to_owned).collect()));
        }
        if self.path.len() > MAX_DEPTH {
            return Err(ConfigFault::Deep(MAX_DEPTH));
        }
        let profiles_read = self.profiles_read;
        let parent = profiles_read.iter().find(|one| one.name == name);
        let parent = parent.ok_or_else(|| {
            ConfigFault::no_profile(name, profiles_read.iter().map(|one| one.name.as_str()))
        })?;
        Ok(self.settings(parent))
    }
}

/// Adds the keys that are not there yet.
fn add(all: &mut Vec<ConfigKey>, inherited: Vec<ConfigKey>) {
    for setting in inherited {
        if all.iter().all(|own| own.key != setting.key) {
            all.push(setting);
        }
    }
}
