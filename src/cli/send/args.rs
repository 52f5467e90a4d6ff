//! The arguments of the sending command, which has no name. Profiles and stored routes consist of its options.

use crate::cli::ask::Ask;
use crate::cli::options::transport;
use crate::cli::options::transport::TransportArgs;
use crate::cli::options::usage_error::UsageError;
use crate::cli::options::{auth, config, message, output, value};
use crate::cli::send::{Send, SendTask};
use crate::client::mail_log::LogOptions;
use crate::client::transport::Transport;
use clap::error::ErrorKind;
use clap::{ArgMatches, Args as _, Command, FromArgMatches as _};
use std::ffi::OsString;
use std::io::{self, IsTerminal as _};

// A doc comment would be the help of the program.
#[derive(Debug, clap::Args)]
#[group(skip)]
pub(crate) struct SendArgs {
    #[command(flatten)]
    pub(crate) message: message::Args,
    #[command(flatten)]
    own: message::Sending,
    #[command(flatten)]
    pub(crate) transport: TransportArgs,
    #[command(flatten)]
    output: output::Args,
    #[arg(skip)]
    pub(crate) log: output::LogArgs,
    #[command(flatten)]
    pub(crate) queue: config::QueueArgs,
    #[command(flatten)]
    pub(crate) config: config::Args,
}

/// Options that are rarely used, for which clap builds arguments only if one is there, or may be: in a profile, in help
/// and in errors.
#[derive(Debug, clap::Args)]
#[group(skip)]
pub(crate) struct RareArgs {
    #[command(flatten)]
    message: message::RareArgs,
    #[command(flatten)]
    sending: message::RareSending,
    #[command(flatten)]
    transport: transport::RareArgs,
    #[command(flatten)]
    log: output::LogArgs,
}

impl SendArgs {
    /// The arguments, with the rare options if the command has them.
    pub(crate) fn of(matches: &ArgMatches) -> Result<Self, clap::Error> {
        let mut args = Self::from_arg_matches(matches)?;
        args.read_rare(matches)?;
        Ok(args)
    }

    /// Reads the rare options, if the command has them.
    pub(crate) fn read_rare(&mut self, matches: &ArgMatches) -> Result<(), clap::Error> {
        // A flag of the command always has a value. In a release build, clap does not report unknown options.
        if matches.ids().any(|id| id == "raw") {
            let rare = RareArgs::from_arg_matches(matches)?;
            self.message.rare = rare.message;
            self.own.rare = rare.sending;
            self.transport.rare = rare.transport;
            self.log = rare.log;
        }
        Ok(())
    }

    /// Builds the task, without a queue and fallbacks.
    pub(crate) fn plan(mut self) -> Result<SendTask, UsageError> {
        let testing = &self.transport.rare.testing;
        if testing.ends_before_mail() && self.message.names_no_recipient(&self.own) {
            return self.session_only();
        }
        let (only_print, is_raw) = (self.own.print, self.own.is_raw());
        let relay = self.transport.route.names_server();
        let sources = self.message.sources(&mut self.own)?;
        if only_print && !sources.is_empty() {
            let why = "--print shows one message: give one --message, and no --mbox or --maildir";
            return Err(UsageError::usage(why));
        }
        let crypt = self.message.take_crypt();
        let mut message = self.message.options(self.own, relay)?;
        if !testing.ends_before_data() && io::stdin().is_terminal() {
            message.type_text();
        }
        let extensions = &self.transport.rare.extensions;
        if is_raw && extensions.field().is_some() {
            let why = "--require-tls=no adds a header field, which --message-raw does not allow";
            return Err(UsageError::usage(why).about("--require-tls"));
        }
        message.dsn = extensions.dsn();
        message.add(extensions.field());
        let output = self.output.options()?;
        let repeat = testing.repeat();
        let transport = self.transport.transport()?;
        message.crypt = crypt.options(&transport)?;
        if only_print {
            return Ok(SendTask::Print(Box::new(message), output));
        }
        auth::check_relay(transport.credentials.as_ref(), &transport.route)?;
        Ok(SendTask::Send(Box::new(Send {
            message,
            sources,
            transport,
            fallbacks: Vec::new(),
            output,
            queueing: None,
            repeat,
            log: LogOptions::default(),
        })))
    }

    /// A session that ends before MAIL, which needs no recipient.
    fn session_only(self) -> Result<SendTask, UsageError> {
        let output = self.output.options()?;
        let transport = self.transport()?;
        if transport.route.relay.is_none() {
            return Err(UsageError::usage(
                "specify a recipient, or a server with --relay HOST",
            ));
        }
        Ok(SendTask::Ask(Box::new(Ask {
            transport,
            commands: Vec::new(),
            output,
        })))
    }

    /// The transport that the options describe, regardless of the message.
    pub(crate) fn transport(self) -> Result<Transport, UsageError> {
        let transport = self.transport.transport()?;
        auth::check_relay(transport.credentials.as_ref(), &transport.route)?;
        Ok(transport)
    }
}

/// The sending command, without the rare options.
pub(crate) fn command() -> Command {
    SendArgs::augment_args(Command::new("ehlo"))
}

/// The command with the rare options too. With --raw, the name for EHLO may be anything, and addresses need no
/// domain.
pub(crate) fn with_rare(command: Command, words: &[OsString]) -> Command {
    let about = command.get_about().cloned().unwrap_or_default();
    let long_about = command.get_long_about().cloned().unwrap_or_default();
    // The doc comments of the added options replace these.
    let command = RareArgs::augment_args(command)
        .about(about)
        .long_about(long_about);
    if !words.iter().any(|word| word == "--raw") {
        return command;
    }
    let lists = ["recipients", "to", "cc", "bcc"].into_iter();
    let command = lists.fold(command, |command, list| {
        command.mut_arg(list, |arg| arg.value_parser(value::raw_recipients))
    });
    command
        .mut_arg("helo", |arg| arg.value_parser(value::any_helo))
        .mut_arg("from", |arg| arg.value_parser(value::raw_mailbox))
        .mut_arg("envelope_from", |arg| arg.value_parser(value::raw_sender))
}

/// A command line as clap parses it.
pub(crate) struct ParsedWords {
    pub(crate) command: Command,
    pub(crate) matches: ArgMatches,
    /// A required argument is missing. A profile may add it to the sending command, and to no other.
    pub(crate) missing: Option<clap::Error>,
}

/// Parses the words with the quick form of a command. If that fails, they may contain a rare option, and help and
/// errors need the whole command.
pub(crate) fn parse(
    quick: fn() -> Command,
    whole: fn() -> Command,
    words: &[OsString],
) -> Result<ParsedWords, clap::Error> {
    parse_by(quick(), words).or_else(|_| parse_by(with_rare(whole(), words), words))
}

fn parse_by(mut command: Command, words: &[OsString]) -> Result<ParsedWords, clap::Error> {
    let (matches, missing) = match command.try_get_matches_from_mut(words) {
        Ok(matches) => (matches, None),
        Err(error) if error.kind() == ErrorKind::MissingRequiredArgument => {
            let lenient = command.clone().ignore_errors(true);
            match lenient.try_get_matches_from(words) {
                Ok(matches) if matches.subcommand_name().is_none() => (matches, Some(error)),
                _ => return Err(error),
            }
        }
        Err(error) => return Err(error),
    };
    Ok(ParsedWords {
        command,
        matches,
        missing,
    })
}
