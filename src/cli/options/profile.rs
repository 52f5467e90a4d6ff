//! What a profile adds to a command line.

mod paths;

use crate::cli::options::relative;
use crate::cli::options::usage_error::{UsageError, one_line};
use crate::cli::options::value::{HostPort, field};
use crate::cli::parse::{Cli, sending};
use crate::config::{Config, ConfigError, ConfigFault, ConfigKey, Keys, Profile, Value};
use crate::mail::message::HeaderField;
use crate::queue::store::RouteSpec;
use crate::system::text::{reason, shown};
use clap::error::{ContextKind, ContextValue, ErrorKind};
use clap::parser::ValueSource;
use clap::{Arg, ArgAction, ArgMatches, Command};
use std::any::TypeId;
use std::error::Error as _;
use std::ffi::{OsStr, OsString};
use std::path::{Path, PathBuf};

/// Options that add to those of a profile, instead of taking their place.
const ADDING: [&str; 1] = ["header"];

/// The headings of the options that say how a message gets to its recipients.
const WAY: [&str; 6] = ["Route", "Session", "TLS", "Auth", "Extensions", "Testing"];

/// Options that say who gets the message.
const RECIPIENTS: [&str; 3] = ["to", "cc", "bcc"];

/// A command line, to which profiles may add.
pub struct CommandLineArgs<'a> {
    command: &'a mut Command,
    words: &'a [OsString],
    matches: &'a ArgMatches,
    /// The verb; `None` is the one without a name.
    verb: Option<&'a str>,
    /// Makes the command with all options, where this one may lack some.
    whole: Option<fn(&[OsString]) -> Command>,
}

/// A command line with what a profile adds.
pub struct Added {
    /// What clap makes of it.
    pub matches: ArgMatches,
    /// What comes from the profile.
    pub used: Vec<ConfigKey>,
}

impl Added {
    /// The arguments, of which some were typed.
    pub fn cli(&self, typed: &CommandLineArgs<'_>) -> Result<Cli, UsageError> {
        let mut cli = Cli::of(&self.matches).map_err(|error| UsageError::clap(&error))?;
        cli.route.port_wins = typed.has("port") && !typed.has("relay");
        Ok(cli)
    }

    /// What is wrong, with the place in the configuration that says it, if it is one.
    pub fn blame(&self, wrong: UsageError, config: &Config) -> UsageError {
        blamed(&wrong, config, &self.used).map_or(wrong, UsageError::from)
    }
}

impl<'a> CommandLineArgs<'a> {
    /// The words were read by this command.
    pub fn new(command: &'a mut Command, words: &'a [OsString], matches: &'a ArgMatches) -> Self {
        Self {
            verb: matches.subcommand_name(),
            command,
            words,
            matches,
            whole: None,
        }
    }

    /// The command may lack options that this one has.
    pub fn part_of(self, whole: fn(&[OsString]) -> Command) -> Self {
        Self {
            whole: Some(whole),
            ..self
        }
    }

    /// Without its verb, for the options of the sending one.
    pub fn of_sending(self) -> Self {
        Self { verb: None, ..self }
    }

    /// The options that a profile may have.
    pub fn keys(&self) -> Keys {
        let rare = self.whole.map(|_| crate::cli::parse::rare_command());
        keys([Some(&*self.command), rare.as_ref()].into_iter().flatten())
    }

    /// With all options: a profile may have any of them.
    fn complete(&mut self) {
        if let (Some(whole), None) = (self.whole, self.verb) {
            self.whole = None;
            *self.command = whole(self.words);
        }
    }

    /// The first option on the command line besides these, as it is spelled.
    pub fn other_than(&self, allowed: &[&str]) -> Option<String> {
        let given = self.given();
        let other = given
            .iter()
            .find(|arg| !allowed.contains(&arg.get_id().as_str()))?;
        let long = other.get_long().map(|long| format!("--{long}"));
        Some(long.unwrap_or_else(|| other.get_id().to_string().to_uppercase()))
    }

    /// The first option under this heading but for these that stands on the command line, as it is spelled.
    pub fn first_under(&self, heading: &str, but: &[&str]) -> Option<String> {
        let given = self.given();
        let is_it = |arg: &&&Arg| {
            arg.get_help_heading() == Some(heading) && !but.contains(&arg.get_id().as_str())
        };
        let long = given.iter().find(is_it)?.get_long()?;
        Some(format!("--{long}"))
    }

    /// Whether this option stands on the command line.
    pub fn has(&self, option: &str) -> bool {
        self.given().iter().any(|arg| arg.get_id() == option)
    }

    /// The command line with the options of a profile before its own. An option of the profile stands
    /// back where the command line says it too, or something that contradicts it.
    pub fn with(&mut self, config: &Config, profile: &Profile) -> Result<Added, UsageError> {
        self.complete();
        if let Some(error) = self.faults(config, profile).into_iter().next() {
            return Err(error.into());
        }
        let (mut used, mut words) = (Vec::new(), Vec::new());
        for setting in profile.options() {
            let Some(arg) = self.option(&setting.key) else {
                continue;
            };
            if self.overrules(arg, profile) {
                continue;
            }
            let added = spelled(arg, &self.added(&setting));
            words.extend(added.map_err(|fault| config.fault(&setting, fault))?);
            used.push(setting);
        }
        let matches = self.parse(words, self.words.get(self.head()..).unwrap_or_default());
        let matches = matches.map_err(|error| UsageError::clap(&error))?;
        Ok(Added { matches, used })
    }

    /// The value of a setting, without header fields that a message has once and the command line gives.
    fn added(&self, setting: &ConfigKey) -> Value {
        let is_given = setting.key == "header" && self.has("header");
        let typed = self.own().filter(|_| is_given);
        let typed = typed.and_then(|own| own.get_many::<HeaderField>("header"));
        let typed: Vec<HeaderField> = typed.into_iter().flatten().cloned().collect();
        let stays = |text: &&str| !field(text).is_ok_and(|field| field.is_overruled(&typed));
        if typed.is_empty() {
            return setting.value.clone();
        }
        let texts = setting.value.texts().into_iter().filter(stays);
        Value::List(texts.map(|text| Value::Text(text.to_owned())).collect())
    }

    /// What a profile says by itself, to some recipient.
    pub fn alone(&mut self, config: &Config, profile: &Profile) -> Result<Added, UsageError> {
        self.complete();
        if let Some(error) = self.faults(config, profile).into_iter().next() {
            return Err(error.into());
        }
        let used = profile.options();
        let words = self.spelled(&used);
        let matches = self.parse(words, &["postmaster@localhost".into()]);
        let matches = matches.map_err(|error| UsageError::clap(&error))?;
        Ok(Added { matches, used })
    }

    /// The configuration that was named on the command line.
    pub fn config(&self) -> Option<PathBuf> {
        self.own()?.get_one("config").cloned()
    }

    /// How the way is found again that this command line means with a profile, or without.
    pub fn route_spec(&self, chosen: Option<(&Config, &Profile)>) -> Result<RouteSpec, UsageError> {
        let config = chosen.map(|(config, _)| absolute("--config", config.path()));
        Ok(RouteSpec {
            config: config.transpose()?.map(PathBuf::from),
            profile: chosen.map(|(_, profile)| profile.name().to_owned()),
            options: self.about_the_way()?,
        })
    }

    /// What was typed about the way. Whether the profile was named is a part of it: only then it gives
    /// its credentials to another relay.
    pub fn about_the_way(&self) -> Result<Vec<String>, UsageError> {
        let is_about = |arg: &&Arg| {
            let heading = arg.get_help_heading();
            heading.is_some_and(|heading| WAY.contains(&heading)) || arg.get_id() == "profile"
        };
        let mut options = Vec::new();
        for arg in self.given().into_iter().filter(is_about) {
            let option = format!("--{}", arg.get_long().unwrap_or_default());
            if !arg.get_action().takes_values() {
                options.push(option);
                continue;
            }
            let values = self
                .own()
                .and_then(|own| own.get_raw(arg.get_id().as_str()));
            for value in values.into_iter().flatten() {
                options.push(format!("{option}={}", kept(&option, arg, value)?));
            }
        }
        Ok(options)
    }

    /// What clap finds wrong with a profile by itself. What is only missing may stand on the command line.
    fn faults(&mut self, config: &Config, profile: &Profile) -> Vec<ConfigError> {
        let options = profile.options();
        let Err(error) = self.try_all(&options) else {
            return Vec::new();
        };
        let mut faults = Vec::new();
        for setting in &options {
            if let Err(fault) = self.try_all(std::slice::from_ref(setting)) {
                faults.push(config.fault(setting, fault.fault));
            }
        }
        if faults.is_empty() {
            // Two that cannot stand together.
            let named = |setting: &&ConfigKey| error.key.as_deref() == Some(&setting.key);
            let setting = options.iter().find(named).or(options.first());
            faults.extend(setting.map(|setting| config.fault(setting, error.fault)));
        }
        faults
    }

    /// Everything that is wrong with a profile by itself, with the sending verb.
    pub fn every_fault(&mut self, config: &Config, profile: &Profile) -> Vec<ConfigError> {
        self.complete();
        let faults = self.faults(config, profile);
        if !faults.is_empty() {
            return faults;
        }
        let used = profile.options();
        let Ok(matches) = self.parse(self.spelled(&used), &["postmaster@localhost".into()]) else {
            // Something is missing that a command line can add.
            return Vec::new();
        };
        let meant = Cli::of(&matches).map_err(|error| UsageError::clap(&error));
        let meant = meant.and_then(|cli| sending(cli).map(drop));
        let fault = meant.err().and_then(|wrong| blamed(&wrong, config, &used));
        fault.into_iter().collect()
    }

    /// The files that the options of a profile read, each with the setting that names it.
    pub fn files(&mut self, profile: &Profile) -> Vec<(ConfigKey, PathBuf)> {
        self.complete();
        self.files_of(&profile.options())
    }

    /// The files that these options read.
    pub fn files_of(&self, options: &[ConfigKey]) -> Vec<(ConfigKey, PathBuf)> {
        let files = options.iter().flat_map(|setting| {
            let option = self.option(&setting.key);
            let texts = setting.value.texts().into_iter();
            let files = texts.filter_map(move |text| paths::file(option?, text));
            files.map(|file| (setting.clone(), file))
        });
        files.collect()
    }

    fn try_all(&mut self, settings: &[ConfigKey]) -> Result<(), Complaint> {
        let mut words = Vec::new();
        for setting in settings {
            if let Some(arg) = self.option(&setting.key) {
                let added = spelled(arg, &setting.value).map_err(|fault| Complaint {
                    key: Some(setting.key.clone()),
                    fault,
                })?;
                words.extend(added);
            }
        }
        match self.parse(words, &[]) {
            Err(error) if error.kind() != ErrorKind::MissingRequiredArgument => {
                Err(Complaint::of(&error))
            }
            _ => Ok(()),
        }
    }

    /// All that can be spelled.
    fn spelled(&self, settings: &[ConfigKey]) -> Vec<OsString> {
        let words = settings.iter().filter_map(|setting| {
            let arg = self.option(&setting.key)?;
            spelled(arg, &setting.value).ok()
        });
        words.flatten().collect()
    }

    /// The program's name and the verb, the words of a profile, and then others.
    fn parse(
        &mut self,
        words: Vec<OsString>,
        others: &[OsString],
    ) -> Result<ArgMatches, clap::Error> {
        let head = self.words.iter().take(self.head()).cloned();
        let all: Vec<OsString> = head.chain(words).chain(others.iter().cloned()).collect();
        self.command.try_get_matches_from_mut(all)
    }

    /// How many words stand before the first option.
    fn head(&self) -> usize {
        1 + usize::from(self.verb.is_some())
    }

    /// The command whose options these are.
    fn verb(&self) -> &Command {
        let verb = self
            .verb
            .and_then(|name| self.command.find_subcommand(name));
        verb.unwrap_or(self.command)
    }

    fn option(&self, key: &str) -> Option<&Arg> {
        let mut options = self.verb().get_arguments();
        options.find(|option| option.get_long() == Some(key))
    }

    /// What the verb's own options are.
    fn own(&self) -> Option<&ArgMatches> {
        match self.verb {
            Some(verb) => self.matches.subcommand_matches(verb),
            None => Some(self.matches),
        }
    }

    /// What stands on the command line.
    fn given(&self) -> Vec<&Arg> {
        let Some(matches) = self.own() else {
            return Vec::new();
        };
        let is_given =
            |arg: &&Arg| source(matches, arg.get_id().as_str()) == Some(ValueSource::CommandLine);
        self.verb().get_arguments().filter(is_given).collect()
    }

    /// Whether the command line says which server takes everything.
    pub fn names_server(&self) -> bool {
        self.has("relay") || self.has("pipe")
    }

    /// Whether the command line says otherwise than an option of a profile.
    fn overrules(&self, option: &Arg, profile: &Profile) -> bool {
        let id = option.get_id().as_str();
        let given = self.given();
        let is_given = |id: &str| given.iter().any(|arg| arg.get_id() == id);
        if is_given(id) && !ADDING.contains(&id) {
            return true;
        }
        let contradicts = |one: &Arg, other: &Arg| {
            let conflicts = self.verb().get_arg_conflicts_with(one);
            conflicts.iter().any(|arg| arg.get_id() == other.get_id())
        };
        if given
            .iter()
            .any(|arg| contradicts(arg, option) || contradicts(option, arg))
        {
            return true;
        }
        // Recipients without an option are To; and a message that is to go to those whom it names does.
        let is_to_others = id == "to" && is_given("recipients");
        let names_nobody = !given.iter().any(|arg| names_recipients(arg));
        let is_to_its_own = RECIPIENTS.contains(&id) && is_given("message") && names_nobody;
        is_to_others
            || is_to_its_own
            || (self.names_server() && is_for_its_relay(option, profile)) && !is_given("profile")
    }
}

/// Port, detour, trust and credentials are those of the relay that the profile names. Another relay
/// gets them only if the profile was asked for by its name: who tests a server does not want to log in
/// there, nor to believe it because another one is believed.
fn is_for_its_relay(option: &Arg, profile: &Profile) -> bool {
    let heading = option.get_help_heading();
    let is_trusted = matches!(heading, Some("Auth" | "TLS"));
    let is_its_way = matches!(option.get_id().as_str(), "port" | "connect_to");
    let names_server = profile.has("relay") || profile.has("pipe");
    names_server && (is_trusted || is_its_way)
}

fn names_recipients(arg: &Arg) -> bool {
    let id = arg.get_id().as_str();
    arg.is_positional() || RECIPIENTS.contains(&id)
}

/// Options that are shell commands.
const COMMANDS: [&str; 3] = ["pipe", "password_command", "oauth_token_command"];

/// A value as it can be kept: it must mean the same in another directory.
fn kept(option: &str, arg: &Arg, value: &OsStr) -> Result<String, UsageError> {
    let kind = arg.get_value_parser().type_id();
    if kind == TypeId::of::<PathBuf>() {
        return absolute(option, Path::new(value));
    }
    let text = value.to_str().ok_or_else(|| no_text(option))?;
    if COMMANDS.contains(&arg.get_id().as_str()) {
        return relative::kept(option, text);
    }
    match text.strip_prefix("unix:") {
        Some(path) if kind == TypeId::of::<HostPort>() => {
            Ok(format!("unix:{}", absolute(option, Path::new(path))?))
        }
        _ => Ok(text.to_owned()),
    }
}

pub(crate) fn absolute(option: &str, path: &Path) -> Result<String, UsageError> {
    let whole = std::path::absolute(path).map_err(|error| {
        let path = shown(&path.to_string_lossy());
        UsageError::usage(format!(
            "{option}: cannot find out where {path} is: {}",
            reason(&error)
        ))
    })?;
    let text = whole.into_os_string().into_string();
    text.map_err(|_| no_text(option))
}

/// The queue is text.
fn no_text(option: &str) -> UsageError {
    UsageError::usage(format!(
        "{option}: it is not UTF-8, and so cannot stand in the queue; give it another name"
    ))
}

/// clap panics when it is asked for what it does not know.
pub(crate) fn source(matches: &ArgMatches, id: &str) -> Option<ValueSource> {
    let is_there = matches.ids().any(|known| known == id);
    is_there.then(|| matches.value_source(id)).flatten()
}

/// All names of the long options.
pub fn keys<'c>(commands: impl Iterator<Item = &'c Command>) -> Keys {
    // To take a name as it is, somebody must say so each time.
    let options = commands.flat_map(Command::get_arguments);
    let kept = options.filter(|option| option.get_id() != "raw");
    let names = kept.filter_map(|option| {
        let first = option.get_long()?;
        let others = option.get_visible_aliases().unwrap_or_default();
        let all = others.into_iter().chain([first]);
        Some(all.map(|name| (name.to_owned(), first.to_owned())))
    });
    Keys::new(names.flatten())
}

/// A setting as it would stand on a command line.
fn spelled(option: &Arg, value: &Value) -> Result<Vec<OsString>, ConfigFault> {
    let takes_value = option.get_action().takes_values();
    let needs_value = takes_value && option.get_num_args().is_none_or(|n| n.min_values() > 0);
    let long = option.get_long().unwrap_or_default();
    let wants = |wanted, found| {
        Err(ConfigFault::Kind {
            expected: wanted,
            found,
        })
    };
    match value {
        Value::Flag(false) => Ok(Vec::new()),
        Value::Flag(true) if needs_value => wants("a value, or false", "true"),
        Value::Flag(true) => Ok(vec![format!("--{long}").into()]),
        _ if !takes_value => wants("true or false", "something else"),
        Value::Text(text) | Value::Number(text) => {
            let mut word = OsString::from(format!("--{long}="));
            word.push(paths::expanded(option, text));
            Ok(vec![word])
        }
        Value::List(_) if !matches!(option.get_action(), ArgAction::Append) => {
            wants("one value", "an array")
        }
        Value::List(items) => {
            let words: Result<Vec<_>, _> = items.iter().map(|item| spelled(option, item)).collect();
            Ok(words?.concat())
        }
    }
}

/// What clap says of a profile, and which key it names.
struct Complaint {
    key: Option<String>,
    fault: ConfigFault,
}

impl Complaint {
    fn of(error: &clap::Error) -> Self {
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

/// The setting that an error is about; `None` when it is not about the profile.
fn blamed(wrong: &UsageError, config: &Config, used: &[ConfigKey]) -> Option<ConfigError> {
    used.iter().find_map(|setting| {
        let rest = wrong.text.strip_prefix("--")?.strip_prefix(&setting.key)?;
        let why = match rest.strip_prefix(": ") {
            Some(why) => why,
            None if rest.starts_with([' ', ';', ',']) => &wrong.text,
            None => return None,
        };
        Some(config.fault(setting, ConfigFault::Value(why.to_owned())))
    })
}

#[cfg(test)]
mod tests;
