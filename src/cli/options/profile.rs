//! The options of a profile, and a command line with those that a profile adds.

use crate::cli::options::command_line::{CommandLineArgs, is_about_trust};
use crate::cli::options::usage_error::{UsageError, one_line};
use crate::cli::options::value::{HostPort, field};
use crate::cli::options::{crypt, dkim, message};
use crate::cli::send::args::SendArgs;
use crate::config::{Config, ConfigError, ConfigFault, ConfigKey, Profile, Value};
use crate::mail::message::{HeaderField, Input};
use crate::system::user;
use clap::error::{ContextKind, ContextValue, ErrorKind};
use clap::{Arg, ArgAction, ArgMatches};
use std::any::TypeId;
use std::error::Error as _;
use std::ffi::OsString;
use std::path::{Path, PathBuf};

/// Options that add to those of a profile, instead of replacing them.
const ADDING: [&str; 1] = ["header"];

/// Options that name recipients.
const RECIPIENTS: [&str; 3] = ["to", "cc", "bcc"];

/// Options whose files are written, or made if they are missing.
const WRITTEN: [&str; 2] = ["save-certs", "queue-dir"];

/// A command line with the options of a profile.
pub struct MergedArgs {
    pub matches: ArgMatches,
    /// The settings of the profile that are used.
    pub used: Vec<ConfigKey>,
}

impl MergedArgs {
    pub fn send_args(&self, command_line: &CommandLineArgs<'_>) -> Result<SendArgs, UsageError> {
        let mut args = SendArgs::of(&self.matches).map_err(|error| UsageError::clap(&error))?;
        args.transport.route.port_wins = command_line.has("port") && !command_line.has("relay");
        Ok(args)
    }

    /// The error with its position in the configuration, if it is about an option of the profile.
    pub fn locate(&self, error: UsageError, config: &Config) -> UsageError {
        located(&error, config, &self.used).map_or(error, UsageError::from)
    }
}

impl CommandLineArgs<'_> {
    /// Adds the options of a profile before those of the command line. An option of the profile is left out if
    /// the command line has the same option, or one that conflicts with it.
    pub fn merge(&mut self, config: &Config, profile: &Profile) -> Result<MergedArgs, UsageError> {
        self.add_rare();
        self.check(config, profile)?;
        let (mut used, mut words) = (Vec::new(), Vec::new());
        for setting in profile.options() {
            let Some(arg) = self.option(&setting.key) else {
                continue;
            };
            if self.overrides(arg, profile) {
                continue;
            }
            let added = to_words(arg, &self.without_replaced_fields(&setting));
            words.extend(added.map_err(|fault| config.fault(&setting, fault))?);
            used.push(setting);
        }
        let own = self.words.get(self.first_option()..).unwrap_or_default();
        let matches = self
            .parse(words, own)
            .map_err(|error| UsageError::clap(&error))?;
        Ok(MergedArgs { matches, used })
    }

    /// The value of a setting, without header fields that a message has once and the command line gives.
    fn without_replaced_fields(&self, setting: &ConfigKey) -> Value {
        let is_present = setting.key == "header" && self.has("header");
        let own = self.own_matches().filter(|_| is_present);
        let own = own.and_then(|own| own.get_many::<HeaderField>("header"));
        let own: Vec<HeaderField> = own.into_iter().flatten().cloned().collect();
        if own.is_empty() {
            return setting.value.clone();
        }
        let stays = |text: &&str| !field(text).is_ok_and(|field| field.is_overruled(&own));
        let texts = setting.value.texts().into_iter().filter(stays);
        Value::List(texts.map(|text| Value::Text(text.to_owned())).collect())
    }

    /// The options of a profile by themselves, for any recipient.
    pub fn profile_alone(
        &mut self,
        config: &Config,
        profile: &Profile,
    ) -> Result<MergedArgs, UsageError> {
        self.add_rare();
        self.check(config, profile)?;
        let used = profile.options();
        let matches = self
            .parse_profile(&used)
            .map_err(|error| UsageError::clap(&error))?;
        Ok(MergedArgs { matches, used })
    }

    fn check(&mut self, config: &Config, profile: &Profile) -> Result<(), UsageError> {
        let mut errors = self.option_errors(config, profile).into_iter();
        errors.next().map_or(Ok(()), |error| Err(error.into()))
    }

    /// The errors of clap in a profile by itself. A missing option may be on the command line.
    fn option_errors(&mut self, config: &Config, profile: &Profile) -> Vec<ConfigError> {
        let options = profile.options();
        let Err(error) = self.try_options(&options) else {
            return Vec::new();
        };
        let mut errors = Vec::new();
        for setting in &options {
            if let Err(error) = self.try_options(std::slice::from_ref(setting)) {
                errors.push(config.fault(setting, error.fault));
            }
        }
        if errors.is_empty() {
            // Two options that conflict.
            let is_named = |setting: &&ConfigKey| error.key.as_deref() == Some(&setting.key);
            let setting = options.iter().find(is_named).or(options.first());
            errors.extend(setting.map(|setting| config.fault(setting, error.fault)));
        }
        errors
    }

    /// All errors in a profile by itself. The command line must be that of the sending command.
    pub fn profile_errors(&mut self, config: &Config, profile: &Profile) -> Vec<ConfigError> {
        self.add_rare();
        let errors = self.option_errors(config, profile);
        if !errors.is_empty() {
            return errors;
        }
        let used = profile.options();
        let Ok(matches) = self.parse_profile(&used) else {
            // An option is missing, which the command line can add.
            return Vec::new();
        };
        let args = SendArgs::of(&matches).map_err(|error| UsageError::clap(&error));
        let task = args.and_then(SendArgs::plan);
        let error = task.err().and_then(|error| located(&error, config, &used));
        error.into_iter().collect()
    }

    /// The files that the options of a profile read, each with the setting that names it.
    pub fn files(&mut self, profile: &Profile) -> Vec<(ConfigKey, PathBuf)> {
        self.add_rare();
        self.files_of(&profile.options())
    }

    /// The files that these options read.
    pub fn files_of(&self, options: &[ConfigKey]) -> Vec<(ConfigKey, PathBuf)> {
        let files = options.iter().flat_map(|setting| {
            let option = self.option(&setting.key);
            let texts = setting.value.texts().into_iter();
            let files = texts.filter_map(move |text| file(option?, text));
            files.map(|file| (setting.clone(), file))
        });
        files.collect()
    }

    fn try_options(&mut self, settings: &[ConfigKey]) -> Result<(), OptionError> {
        let mut words = Vec::new();
        for setting in settings {
            if let Some(arg) = self.option(&setting.key) {
                let added = to_words(arg, &setting.value).map_err(|fault| OptionError {
                    key: Some(setting.key.clone()),
                    fault,
                })?;
                words.extend(added);
            }
        }
        match self.parse(words, &[]) {
            Err(error) if error.kind() != ErrorKind::MissingRequiredArgument => {
                Err(OptionError::of(&error))
            }
            _ => Ok(()),
        }
    }

    /// Parses all settings that can be written as options, with a recipient.
    fn parse_profile(&mut self, settings: &[ConfigKey]) -> Result<ArgMatches, clap::Error> {
        let words = settings.iter().filter_map(|setting| {
            let arg = self.option(&setting.key)?;
            to_words(arg, &setting.value).ok()
        });
        let words = words.flatten().collect();
        self.parse(words, &["postmaster@localhost".into()])
    }

    /// Parses the program's name and the subcommand, the words of a profile, and then others.
    fn parse(
        &mut self,
        words: Vec<OsString>,
        others: &[OsString],
    ) -> Result<ArgMatches, clap::Error> {
        let start = self.words.iter().take(self.first_option()).cloned();
        let all: Vec<OsString> = start.chain(words).chain(others.iter().cloned()).collect();
        self.command.try_get_matches_from_mut(all)
    }

    fn option(&self, key: &str) -> Option<&Arg> {
        let mut options = self.own_command().get_arguments();
        options.find(|option| option.get_long() == Some(key))
    }

    /// True if the command line replaces an option of a profile.
    fn overrides(&self, option: &Arg, profile: &Profile) -> bool {
        let id = option.get_id().as_str();
        let present = self.present();
        let is_present = |id: &str| present.iter().any(|arg| arg.get_id() == id);
        if is_present(id) && !ADDING.contains(&id) {
            return true;
        }
        let conflicts = |one: &Arg, other: &Arg| {
            let conflicts = self.own_command().get_arg_conflicts_with(one);
            conflicts.iter().any(|arg| arg.get_id() == other.get_id())
        };
        if present
            .iter()
            .any(|arg| conflicts(arg, option) || conflicts(option, arg))
        {
            return true;
        }
        // The password is for the proxy of the profile.
        if id == "proxy_password_file" && is_present("proxy") {
            return true;
        }
        // Operands are recipients of To. A message without recipients on the command line is sent to those in its
        // header.
        let is_to_operands = id == "to" && is_present("recipients");
        let has_recipients = present.iter().any(|arg| names_recipients(arg));
        let has_ready = ["message", "mbox", "maildir"].into_iter().any(is_present);
        // A profile for mail exchangers is used with another server.
        if matches!(id, "dane" | "mta_sts") && self.names_server() {
            return true;
        }
        let is_to_header = RECIPIENTS.contains(&id) && has_ready && !has_recipients;
        is_to_operands
            || is_to_header
            || (self.names_server() && is_for_relay(option, profile)) && !is_present("profile")
    }
}

/// True for the port, --connect-to, trust and credentials of a profile with a relay. Another relay gets them only
/// if the profile is named: a server under test must not receive the credentials, and must not be trusted because
/// the other one is.
fn is_for_relay(option: &Arg, profile: &Profile) -> bool {
    let names_server = profile.has("relay") || profile.has("pipe");
    let is_address = matches!(option.get_id().as_str(), "port" | "connect_to");
    names_server && (is_address || is_about_trust(option))
}

fn names_recipients(arg: &Arg) -> bool {
    let id = arg.get_id().as_str();
    arg.is_positional() || RECIPIENTS.contains(&id)
}

/// A setting as words of a command line.
pub fn to_words(option: &Arg, value: &Value) -> Result<Vec<OsString>, ConfigFault> {
    let takes_value = option.get_action().takes_values();
    let needs_value = takes_value && option.get_num_args().is_none_or(|n| n.min_values() > 0);
    let long = option.get_long().unwrap_or_default();
    let mismatch = |wanted, found| {
        Err(ConfigFault::Kind {
            expected: wanted,
            found,
        })
    };
    match value {
        Value::Flag(false) => Ok(Vec::new()),
        Value::Flag(true) if needs_value => mismatch("a value, or false", "true"),
        Value::Flag(true) => Ok(vec![format!("--{long}").into()]),
        _ if !takes_value => mismatch("true or false", "something else"),
        Value::Text(text) | Value::Number(text) => {
            let mut word = OsString::from(format!("--{long}="));
            word.push(expanded(option, text));
            Ok(vec![word])
        }
        Value::List(_) if !matches!(option.get_action(), ArgAction::Append) => {
            mismatch("one value", "an array")
        }
        Value::List(items) => {
            let words: Result<Vec<_>, _> =
                items.iter().map(|item| to_words(option, item)).collect();
            Ok(words?.concat())
        }
    }
}

/// An error of clap in the options of a profile, and the key that it names.
pub struct OptionError {
    key: Option<String>,
    pub fault: ConfigFault,
}

impl OptionError {
    pub fn of(error: &clap::Error) -> Self {
        let named = match error.get(ContextKind::InvalidArg) {
            Some(ContextValue::String(named)) => named.strip_prefix("--"),
            _ => None,
        };
        let key = named.and_then(|named| named.split([' ', '=', '[']).next());
        let why = error.source().map(ToString::to_string);
        Self {
            key: key.map(str::to_owned),
            fault: ConfigFault::Value(why.unwrap_or_else(|| one_line(error))),
        }
    }
}

/// The error at the setting that it is about; `None`: it is not about the profile.
fn located(error: &UsageError, config: &Config, used: &[ConfigKey]) -> Option<ConfigError> {
    let option = error.option.as_deref()?;
    let setting = used.iter().find(|setting| setting.key == option)?;
    let fault = ConfigFault::Value(error.without_option().to_owned());
    Some(config.fault(setting, fault))
}

/// A value of a profile with the home directory in its path. No shell has expanded it.
fn expanded(option: &Arg, text: &str) -> OsString {
    let prefix = path_prefix(option, text);
    match prefix.and_then(|prefix| Some((prefix, text.strip_prefix(prefix)?))) {
        Some((prefix, path)) => {
            let mut value = OsString::from(prefix);
            value.push(user::expanded(path));
            value
        }
        None => OsString::from(text),
    }
}

/// The prefix of the path in a value of this option; `None` if it takes no path.
fn path_prefix(option: &Arg, text: &str) -> Option<&'static str> {
    let kind = option.get_value_parser().type_id();
    if kind == TypeId::of::<Input>() {
        return Some(if takes_only_files(option) { "" } else { "@" });
    }
    if kind == TypeId::of::<HostPort>() {
        let has_scheme = text.starts_with("unix:");
        return Some(if has_scheme { "unix:" } else { "" });
    }
    (kind == TypeId::of::<PathBuf>()).then_some("")
}

fn takes_only_files(option: &Arg) -> bool {
    let names = option.get_value_names().unwrap_or_default();
    names.iter().any(|name| name.starts_with("FILE"))
}

/// The file that an option with this value reads, if it reads one.
fn file(option: &Arg, text: &str) -> Option<PathBuf> {
    let kind = option.get_value_parser().type_id();
    let key = option.get_long()?;
    let has_file = kind == TypeId::of::<PathBuf>() || kind == TypeId::of::<Input>();
    if !has_file || WRITTEN.contains(&key) {
        return None;
    }
    let path = user::expanded(text.strip_prefix(path_prefix(option, text)?)?);
    let input = match key {
        "attach" => message::attachment(path, None).ok()?.input,
        "inline" => message::inline(path, None).ok()?.file.input,
        "encrypt-key" => Input::File(crypt::encrypt_key(path).ok()?.path),
        "dkim-key" => Input::File(dkim::named_key(path).ok()?.path),
        _ => Input::File(path),
    };
    match input {
        Input::File(path) => is_named(&path).then_some(path),
        _ => None,
    }
}

/// False for the standard input, and for the rest of a text that begins with `@@`.
fn is_named(path: &Path) -> bool {
    let path = path.as_os_str().as_encoded_bytes();
    path != b"-" && !path.starts_with(b"@")
}

#[cfg(test)]
mod tests;
