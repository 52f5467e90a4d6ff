//! The command line: its options as clap parsed them, those that describe the transport, and what the queue stores of
//! it.

use crate::cli::options::auth;
use crate::cli::options::oauth;
use crate::cli::options::stored_value::{absolute, stored_value};
use crate::cli::options::tls;
use crate::cli::options::transport;
use crate::cli::options::transport::TransportArgs;
use crate::cli::options::usage_error::UsageError;
use crate::cli::send::args;
use crate::config::{Config, Keys, Profile};
use crate::queue::store::RouteSpec;
use clap::parser::ValueSource;
use clap::{Arg, ArgMatches, Args, Command, Id};
use std::collections::BTreeSet;
use std::ffi::OsString;
use std::path::PathBuf;

/// A command line, to which profiles may add options.
pub struct CommandLineArgs<'a> {
    pub(super) command: &'a mut Command,
    pub(super) words: &'a [OsString],
    matches: &'a ArgMatches,
    /// The subcommand. `None`: the sending command.
    pub(super) verb: Option<&'a str>,
    /// True if the command has the rare options.
    pub(super) has_rare: bool,
}

impl<'a> CommandLineArgs<'a> {
    /// The words as the command parsed them, perhaps without the rare options.
    pub fn new(command: &'a mut Command, words: &'a [OsString], matches: &'a ArgMatches) -> Self {
        Self {
            verb: matches.subcommand_name(),
            command,
            words,
            matches,
            has_rare: false,
        }
    }

    /// The options of the sending command instead of those of the subcommand.
    pub fn of_sending(self) -> Self {
        Self { verb: None, ..self }
    }

    /// The options that a profile may have.
    pub fn keys(&self) -> Keys {
        let rare = (!self.has_rare).then(|| args::RareArgs::augment_args(Command::new("ehlo")));
        keys([Some(&*self.command), rare.as_ref()].into_iter().flatten())
    }

    /// Adds the rare options to the sending command, because a profile may have any of them.
    pub(super) fn add_rare(&mut self) {
        if !self.has_rare && self.verb.is_none() {
            self.has_rare = true;
            *self.command = args::with_rare(args::command(), self.words);
        }
    }

    /// The first option on the command line besides these.
    pub fn other_than(&self, allowed: &[&str]) -> Option<String> {
        let present = self.present();
        let is_other = |arg: &&&Arg| !allowed.contains(&arg.get_id().as_str());
        let other = present.iter().find(is_other)?;
        let long = other.get_long().map(|long| format!("--{long}"));
        Some(long.unwrap_or_else(|| other.get_id().to_string().to_uppercase()))
    }

    /// The first of the options of `A` on the command line except these.
    pub fn first_of<A: Args>(&self, except: &[&str]) -> Option<String> {
        let ids = ids::<A>();
        let present = self.present().into_iter();
        let mut present = present.filter(|arg| !except.contains(&arg.get_id().as_str()));
        let long = present.find(|arg| ids.contains(arg.get_id()))?.get_long()?;
        Some(format!("--{long}"))
    }

    /// True if this option is on the command line.
    pub fn has(&self, option: &str) -> bool {
        self.present().iter().any(|arg| arg.get_id() == option)
    }

    /// True if the command line names the server that receives all messages.
    pub fn names_server(&self) -> bool {
        self.has("relay") || self.has("pipe")
    }

    /// The configuration named on the command line.
    pub fn config(&self) -> Option<PathBuf> {
        self.own_matches()?.get_one("config").cloned()
    }

    /// The route of this command line of the sending command, as the queue stores it.
    pub fn route_spec(&self, chosen: Option<(&Config, &Profile)>) -> Result<RouteSpec, UsageError> {
        let config = chosen.map(|(config, _)| absolute("--config", config.path()));
        let mut ids = ids::<TransportArgs>();
        ids.extend(self::ids::<transport::RareArgs>());
        Ok(RouteSpec {
            config: config.transpose()?.map(PathBuf::from),
            profile: chosen.map(|(_, profile)| profile.name().to_owned()),
            options: self.stored(&ids)?,
        })
    }

    /// The options of a transport on the command line, of those in `A`, as the queue stores them.
    pub fn transport_options<A: Args>(&self) -> Result<Vec<String>, UsageError> {
        self.stored(&ids::<A>())
    }

    /// These options, and --profile: only a profile that is named gives its credentials to another relay.
    fn stored(&self, ids: &BTreeSet<Id>) -> Result<Vec<String>, UsageError> {
        let is_stored = |arg: &&Arg| ids.contains(arg.get_id()) || arg.get_id() == "profile";
        let mut options = Vec::new();
        for arg in self.present().into_iter().filter(is_stored) {
            let option = format!("--{}", arg.get_long().unwrap_or_default());
            if !arg.get_action().takes_values() {
                options.push(option);
                continue;
            }
            let matches = self.own_matches();
            let values = matches.and_then(|matches| matches.get_raw(arg.get_id().as_str()));
            for value in values.into_iter().flatten() {
                options.push(format!("{option}={}", stored_value(&option, arg, value)?));
            }
        }
        Ok(options)
    }

    /// The number of words before the first option.
    pub(super) fn first_option(&self) -> usize {
        1 + usize::from(self.verb.is_some())
    }

    /// The command or subcommand that has the options.
    pub(super) fn own_command(&self) -> &Command {
        let mut command = &*self.command;
        let mut matches = self.verb.map(|_| self.matches);
        // Down to a subcommand of the subcommand, as in `ehlo jobs check`.
        while let Some((name, inner)) = matches.and_then(ArgMatches::subcommand) {
            let Some(found) = command.find_subcommand(name) else {
                break;
            };
            (command, matches) = (found, Some(inner));
        }
        command
    }

    pub(super) fn own_matches(&self) -> Option<&ArgMatches> {
        let verb = match self.verb {
            Some(verb) => self.matches.subcommand_matches(verb)?,
            None => return Some(self.matches),
        };
        let inner = verb.subcommand().map(|(_, matches)| matches);
        Some(inner.unwrap_or(verb))
    }

    /// The options on the command line.
    pub(super) fn present(&self) -> Vec<&Arg> {
        let matches = self.own_matches();
        matches.map_or_else(Vec::new, |matches| present(self.own_command(), matches))
    }
}

/// The options of a command that are on the command line.
pub(super) fn present<'c>(command: &'c Command, matches: &ArgMatches) -> Vec<&'c Arg> {
    let on_command_line =
        |id: &&Id| matches.value_source(id.as_str()) == Some(ValueSource::CommandLine);
    let ids: Vec<&Id> = matches.ids().filter(on_command_line).collect();
    let arguments = command.get_arguments();
    arguments
        .filter(|arg| ids.contains(&arg.get_id()))
        .collect()
}

/// The options that `A` defines.
fn ids<A: Args>() -> BTreeSet<Id> {
    let command = A::augment_args(Command::new("ehlo"));
    command
        .get_arguments()
        .map(|arg| arg.get_id().clone())
        .collect()
}

/// The options that decide who is trusted, and with which credentials.
pub(super) fn is_about_trust(option: &Arg) -> bool {
    let id = option.get_id();
    ids::<tls::Args>().contains(id)
        || ids::<auth::Args>().contains(id)
        || ids::<oauth::Args>().contains(id)
}

/// The source of a value; `None` for an option that the command does not have, where clap panics.
pub(crate) fn source(matches: &ArgMatches, id: &str) -> Option<ValueSource> {
    let is_known = matches.ids().any(|known| known == id);
    is_known.then(|| matches.value_source(id)).flatten()
}

/// The names of all long options.
pub(crate) fn keys<'c>(commands: impl Iterator<Item = &'c Command>) -> Keys {
    let options = commands.flat_map(Command::get_arguments);
    // --raw accepts invalid names, so it must be given each time.
    let options = options.filter(|option| option.get_id() != "raw");
    let names = options.filter_map(|option| {
        let first = option.get_long()?;
        let others = option.get_visible_aliases().unwrap_or_default();
        let all = others.into_iter().chain([first]);
        Some(all.map(|name| (name.to_owned(), first.to_owned())))
    });
    Keys::new(names.flatten())
}
