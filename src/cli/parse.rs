//! What was said on the command line: the only room that knows clap. Arguments are checked here and
//! become a plan; nothing is done.

pub use crate::cli::examples::EXAMPLES;

use crate::cli::ask;
use crate::cli::ask::options::Ask;
use crate::cli::config;
use crate::cli::digest;
use crate::cli::doctor;
use crate::cli::notify;
use crate::cli::options::auth;
use crate::cli::options::extensions;
use crate::cli::options::message;
use crate::cli::options::output;
use crate::cli::options::profile::CommandLineArgs;
use crate::cli::options::route;
use crate::cli::options::session;
use crate::cli::options::testing as bench;
use crate::cli::options::tls;
use crate::cli::options::transport::{TransportArgs, fallbacks, name, way_of_options};
use crate::cli::options::usage_error::{UsageError, first, said, wrong};
use crate::cli::options::value;
use crate::cli::options::words;
use crate::cli::plan::{EarlyExit, Invocation};
use crate::cli::probe;
use crate::cli::queue;
use crate::cli::run;
use crate::cli::script;
use crate::cli::send::options::Send;
use crate::cli::sendmail;
use crate::cli::sink;
use crate::cli::unit;
use crate::config::{Config, Places, Profile};
use crate::cron::job::drain::DRAIN;
use crate::system::exit::Exit;
use clap::error::ErrorKind;
use clap::{ArgMatches, Args as _, CommandFactory, FromArgMatches, Parser, Subcommand};
use std::ffi::OsString;
use std::io::{self, IsTerminal as _};
use std::mem;

/// Builds a mail, finds the server that takes it, delivers it and shows the conversation.
///
/// The mail exchangers of the recipients' domains are looked up and tried in their order, unless --relay
/// names a server that takes everything. The exit status tells what became of the recipients; whatever
/// failed is one line each on stderr.
#[derive(Debug, Parser)]
#[command(
    name = "ehlo",
    version,
    args_conflicts_with_subcommands = true,
    disable_help_subcommand = true,
    max_term_width = 100,
    after_help = "More with --help, and in ehlo(1).",
    after_long_help = format!("Examples:\n\n{EXAMPLES}"),
)]
pub(crate) struct Cli {
    #[command(flatten)]
    message: message::Args,
    #[command(flatten)]
    own: message::Sending,
    #[command(flatten)]
    pub(crate) route: route::Args,
    #[command(flatten)]
    pub(crate) session: session::Args,
    #[command(flatten)]
    pub(crate) tls: tls::Args,
    #[command(flatten)]
    pub(crate) auth: auth::Args,
    #[command(flatten)]
    output: output::Args,
    #[command(flatten)]
    pub(crate) queue: queue::Args,
    #[command(flatten)]
    config: config::Args,
    #[command(subcommand)]
    verb: Option<Subcommands>,
    #[arg(skip)]
    pub(crate) rare: Rare,
}

/// Options that few runs have. They are built when one of them is there, or any can be: in a profile, in
/// help and in errors.
#[derive(Debug, Default, clap::Args)]
#[group(skip)]
pub(crate) struct Rare {
    #[command(flatten)]
    pub(crate) extensions: extensions::Args,
    #[command(flatten)]
    pub(crate) bench: bench::Args,
}

impl Cli {
    /// What was said, with the rare options if the command had them.
    pub(crate) fn of(matches: &ArgMatches) -> Result<Self, clap::Error> {
        let mut cli = Self::from_arg_matches(matches)?;
        // A flag has a value wherever there is such a flag. To ask clap whether it knows an option is of no use:
        // a release build does not say.
        if matches.ids().any(|id| id == "raw") {
            cli.rare = Rare::from_arg_matches(matches)?;
        }
        Ok(cli)
    }
}

// What belongs to a verb is built only when the verb is used.
#[derive(Debug, Subcommand)]
#[command(defer = true)]
enum Subcommands {
    /// Receive mail on loopback, for demos, tests and scripts.
    Sink(Box<sink::Args>),
    /// Send a message with an attachment to a receiver inside, and show both sides.
    Demo,
    /// Say what a server says of itself, without sending mail.
    Probe(Box<probe::Args>),
    /// Say commands to a server, and show what it answers.
    Ask(Box<ask::Args>),
    /// Hold a conversation that a script says, and check it.
    Script(Box<script::Args>),
    /// Look at the configuration.
    Config(config::CommandArgs),
    /// Look at the queue, and deliver what is in it.
    Queue(queue::CommandArgs),
    /// Run a command, and mail what happened.
    Run(Box<run::Args>),
    /// Mail a line or a text from a script.
    Notify(Box<notify::Args>),
    /// Mail what jobs gathered.
    Digest(Box<digest::Args>),
    /// Mail what became of a unit of systemd.
    Unit(Box<unit::Args>),
    /// Say what this host would do with a mail from cron, without sending one.
    Doctor(Box<doctor::Args>),
    /// Do what sendmail does, with its options.
    Sendmail(sendmail::SendmailWords),
    /// Show the queue, as sendmail does.
    Mailq(sendmail::SendmailWords),
}

/// The whole command line for those who generate manuals and completions from it.
#[must_use]
pub fn command() -> clap::Command {
    let command = Cli::command();
    let about = command.get_about().cloned().unwrap_or_default();
    let long_about = command.get_long_about().cloned().unwrap_or_default();
    // What is added brings what it is about along.
    Rare::augment_args(command)
        .about(about)
        .long_about(long_about)
}

/// Reads the command line, and the configuration that it may use.
///
/// # Errors
/// Help or the version was asked for, or something is wrong with the arguments or the configuration. What is
/// odd, but no reason not to run, is a warning.
pub fn parse(
    arguments: impl IntoIterator<Item = OsString>,
    warnings: &mut Vec<String>,
) -> Result<Invocation, EarlyExit> {
    let words: Vec<OsString> = arguments.into_iter().collect();
    parse_in(&Places::of_this_process(), &words, warnings)
}

/// As clap would say it, but without making a command for it first.
pub(crate) fn version() -> EarlyExit {
    EarlyExit {
        text: concat!("ehlo ", env!("CARGO_PKG_VERSION"), "\n").to_owned(),
        exit: Exit::Ok,
    }
}

pub(crate) fn parse_in(
    places: &Places,
    words: &[OsString],
    warnings: &mut Vec<String>,
) -> Result<Invocation, EarlyExit> {
    // Before anything else: `sendmail -V` is about something else than a version.
    if let Some(call) = sendmail::SendmailCall::of(words) {
        return call.plan(places);
    }
    if let Some(recording) = script::Recording::of(words) {
        return recording.plan(places, warnings);
    }
    if words.len() == 3 && words[1] == "run" && words[2] == DRAIN {
        return Ok(Invocation::Drain);
    }
    match words.get(1) {
        Some(word) if words.len() == 2 && (word == "--version" || word == "-V") => {
            return Err(version());
        }
        _ if places.are_fixed() => return Err(wrong(more_rights())),
        _ => {}
    }
    let words = &*words::in_utf8(words, warnings).map_err(wrong)?;
    // Taking it apart again would cost a small run a twentieth of its time, and it is made once.
    let command = Box::leak(Box::new(Cli::command()));
    let read = read(command, words).map_err(|error| said(&error))?;
    let MatchedWords { matches, missing } = read;
    words::check_texts(&matches, warnings).map_err(wrong)?;
    let mut cli = Cli::of(&matches).map_err(|error| said(&error))?;
    let mut typed = CommandLineArgs::new(command, words, &matches).part_of(whole);
    match cli.verb.take() {
        Some(verb) => verb.plan(typed, words, places),
        None => send(cli, &mut typed, places, missing),
    }
}

impl Subcommands {
    fn plan(
        self,
        typed: CommandLineArgs<'_>,
        words: &[OsString],
        places: &Places,
    ) -> Result<Invocation, EarlyExit> {
        match self {
            Self::Sink(arguments) => planned(arguments.plan(), Invocation::Sink),
            Self::Demo => Ok(Invocation::Demo),
            Self::Probe(arguments) => planned(arguments.plan(typed, places), Invocation::Probe),
            Self::Ask(arguments) => planned(arguments.plan(), Invocation::Ask),
            Self::Script(arguments) => planned(arguments.plan(&typed), Invocation::Script),
            Self::Config(arguments) => arguments
                .plan(&mut typed.of_sending(), places)
                .map(Invocation::Config),
            Self::Queue(arguments) => planned(arguments.plan(&typed, places), Invocation::Queue),
            Self::Run(arguments) => planned(arguments.plan(&typed, places), Invocation::Job),
            Self::Notify(arguments) => planned(arguments.plan(&typed, places), Invocation::Notify),
            Self::Digest(arguments) => planned(arguments.plan(&typed, places), Invocation::Digest),
            Self::Unit(arguments) => planned(arguments.plan(&typed, places), Invocation::Unit),
            Self::Doctor(arguments) => {
                planned(Ok(arguments.plan(typed, words, places)), Invocation::Doctor)
            }
            Self::Sendmail(_) | Self::Mailq(_) => Err(wrong(sendmail::misplaced())),
        }
    }
}

fn planned<T>(
    plan: Result<T, UsageError>,
    make: impl FnOnce(Box<T>) -> Invocation,
) -> Result<Invocation, EarlyExit> {
    plan.map(|plan| make(Box::new(plan))).map_err(wrong)
}

/// What sendmail does is all that is done with rights that the caller does not have: any file could be
/// read, and many could be written to.
fn more_rights() -> UsageError {
    UsageError {
        text:
            "it runs with more rights than its caller, which it never needs; take them away with \
               chmod ug-s"
                .to_owned(),
        exit: Exit::Policy,
    }
}

/// A command line as clap has it.
pub(crate) struct MatchedWords {
    pub(crate) matches: ArgMatches,
    /// What is missing in it, and a profile may add: to the sending verb, and no other.
    pub(crate) missing: Option<clap::Error>,
}

/// Reads the words with the everyday options. If that fails, it may be one of the rare ones that is there,
/// and help has all of them.
pub(crate) fn read(
    command: &mut clap::Command,
    words: &[OsString],
) -> Result<MatchedWords, clap::Error> {
    read_with(command, words).or_else(|_| {
        *command = whole(words);
        read_with(command, words)
    })
}

/// The rare options by themselves.
pub(crate) fn rare_command() -> clap::Command {
    Rare::augment_args(clap::Command::new("ehlo"))
}

/// The command with all options. With --raw, the name for EHLO may be anything, and addresses need no
/// domain.
pub(crate) fn whole(words: &[OsString]) -> clap::Command {
    let command = command();
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

fn read_with(command: &mut clap::Command, words: &[OsString]) -> Result<MatchedWords, clap::Error> {
    let error = match command.try_get_matches_from_mut(words) {
        Ok(matches) => {
            return Ok(MatchedWords {
                matches,
                missing: None,
            });
        }
        Err(error) => error,
    };
    if error.kind() != ErrorKind::MissingRequiredArgument {
        return Err(error);
    }
    let lenient = command.clone().ignore_errors(true);
    match lenient.try_get_matches_from(words) {
        Ok(matches) if matches.subcommand_name().is_none() => Ok(MatchedWords {
            matches,
            missing: Some(error),
        }),
        _ => Err(error),
    }
}

/// The sending verb, with the profile that is chosen for it.
fn send(
    cli: Cli,
    typed: &mut CommandLineArgs<'_>,
    places: &Places,
    missing: Option<clap::Error>,
) -> Result<Invocation, EarlyExit> {
    let config = configuration(&cli.config, typed, places).map_err(wrong)?;
    let chosen = config
        .as_ref()
        .map(|config| config.choose(cli.config.profile.as_deref(), cli.message.sender()));
    let chosen = chosen.transpose().map_err(|error| wrong(error.into()))?;
    match (&config, chosen.flatten(), missing) {
        (Some(config), Some(profile), _) => send_with(config, profile, typed).map_err(wrong),
        (_, _, Some(error)) => Err(said(&error)),
        _ => send_alone(cli, config.as_ref(), typed).map_err(wrong),
    }
}

/// The configuration, if there is one.
pub(crate) fn configuration(
    arguments: &config::Args,
    typed: &CommandLineArgs<'_>,
    places: &Places,
) -> Result<Option<Config>, UsageError> {
    let found = arguments.find(places)?;
    let read = found.map(|found| found.read(&typed.keys()));
    read.transpose().map_err(|errors| first(&errors))
}

/// Without a profile.
fn send_alone(
    mut cli: Cli,
    config: Option<&Config>,
    typed: &CommandLineArgs<'_>,
) -> Result<Invocation, UsageError> {
    let queue = mem::take(&mut cli.queue);
    let mut plan = sending(cli)?;
    if let Invocation::Send(send) = &mut plan {
        let route_spec = || typed.route_spec(None);
        send.queueing = queue.of_sending(typed, config, route_spec)?;
    }
    Ok(plan)
}

fn send_with(
    config: &Config,
    profile: &Profile,
    typed: &mut CommandLineArgs<'_>,
) -> Result<Invocation, UsageError> {
    let added = typed.with(config, profile)?;
    let mut cli = added.cli(typed)?;
    let queue = mem::take(&mut cli.queue);
    let mut plan = sending(cli).map_err(|wrong| added.blame(wrong, config))?;
    match &mut plan {
        Invocation::Send(send) => {
            name(&mut send.transport, profile);
            send.fallbacks = fallbacks(config, profile, typed, &send.transport)?;
            let route_spec = || typed.route_spec(Some((config, profile)));
            send.queueing = queue.of_sending(typed, Some(config), route_spec)?;
            if send.queueing.is_none() {
                config::check_access(config, &typed.files_of(&added.used))?;
            }
        }
        Invocation::Ask(ask) => name(&mut ask.transport, profile),
        _ => {}
    }
    Ok(plan)
}

pub(crate) fn sending(cli: Cli) -> Result<Invocation, UsageError> {
    if cli.rare.bench.ends_before_mail() && cli.message.names_no_recipient(&cli.own) {
        return beginning(cli);
    }
    let only_print = cli.own.print;
    let relay = cli.route.names_server();
    let mut message = cli.message.options(cli.own, relay)?;
    if !cli.rare.bench.ends_before_data() && io::stdin().is_terminal() {
        message.type_text();
    }
    message.dsn = cli.rare.extensions.dsn();
    message.add(cli.rare.extensions.field());
    let output = cli.output.options()?;
    let repeat = cli.rare.bench.repeat();
    let transport = TransportArgs {
        route: cli.route,
        session: cli.session,
        tls: cli.tls,
        auth: cli.auth,
        rare: cli.rare,
    };
    let transport = transport.transport()?;
    if only_print {
        return Ok(Invocation::Print(Box::new(message), output));
    }
    auth::check_relay(transport.credentials.as_ref(), &transport.route)?;
    Ok(Invocation::Send(Box::new(Send {
        message,
        transport,
        fallbacks: Vec::new(),
        output,
        queueing: None,
        repeat,
    })))
}

/// The beginning of a conversation, for which nobody need get anything.
fn beginning(cli: Cli) -> Result<Invocation, UsageError> {
    let output = cli.output.options()?;
    let transport = way_of_options(cli)?;
    if transport.route.relay.is_none() {
        return Err(UsageError::usage(
            "no recipient, and no server: name one of them, as in --relay HOST",
        ));
    }
    Ok(Invocation::Ask(Box::new(Ask {
        transport,
        commands: Vec::new(),
        output,
    })))
}

#[cfg(test)]
mod tests;
