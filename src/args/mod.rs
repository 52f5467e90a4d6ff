//! What was said on the command line: the only room that knows clap. Arguments are checked here and
//! become a plan; nothing is done.

mod alert;
mod ask;
mod auth;
mod bench;
mod config;
mod digest;
mod doctor;
mod extensions;
mod mail;
mod message;
mod notify;
mod output;
mod probe;
mod profile;
mod queue;
mod route;
mod run;
mod script;
mod sendmail;
mod session;
mod settings;
mod sink;
mod tls;
mod unit;
mod value;
mod ways;

use crate::config::{Config, ConfigError, Places, Profile};
use crate::credentials;
use crate::exit::Exit;
use crate::plan::{Plan, Said, Send, Way};
use crate::session::Protocol;
use crate::text::shown;
use clap::error::{ContextKind, ContextValue, ErrorKind};
use clap::{ArgMatches, Args as _, CommandFactory, FromArgMatches, Parser, Subcommand};
use profile::{Added, Typed};
use std::ffi::OsString;
use std::mem;

/// Examples for the three kinds of people who live by this program.
pub const EXAMPLES: &str = "\
From a script, to wherever the domain's mail exchanger is:
  ehlo --from alice@crepes.fr --subject Ketchup --body 'Do you like ketchup?' \\
       --attach menu.pdf bob@hamburger.edu

Through a relay, with the text from a pipe, and only failures shown:
  df -h | ehlo -q -r mail.example.org -s 'disks' ops@example.org

Through a provider, with a password from a password manager, or a token, or a profile:
  ehlo -r smtp.example.org:587 --tls starttls -u alice --password-command 'pass show smtp' \\
       -s hello -b hello bob@example.net
  ehlo -r smtp.example.org:465 -u alice@example.org --oauth-token-command mytoken -s hi -b hi bob@example.net
  ehlo --profile work -s hello -b hello bob@example.net

What a server can do, and whether it is what a monitor expects:
  ehlo probe mail.example.org:587
  ehlo probe mail.example.org --expect starttls,verified,cert-days:14,size:10M

Test a server: under another name, without a sender, commands one by one:
  ehlo -r '[2001:db8::25]:2525' --helo client.example.org --envelope-from '' \
       --pipelining off -b test postmaster@example.org

Every octet and its time; how long each step takes; what Exim would do if we came from elsewhere:
  ehlo --hex --timing -r mail.example.org -b test postmaster@example.org
  ehlo -q --summary -r mail.example.org -b test postmaster@example.org
  ehlo --pipe 'exim -bh 192.0.2.1' -b test postmaster@example.org

A letter in Markdown, with a picture in it, and its plain text beside:
  ehlo -r mail.example.org -s 'Trip' --markdown @trip.md --inline map.png ann@example.org

An invitation, and a log that comes through a pipe:
  ehlo -s 'Review' -b 'See you' --calendar review.ics bob@example.org
  journalctl -b | ehlo -s 'log' -b 'attached' -a '-;name=boot.log' ops@example.org

A ready message to those whom it names, and to those whom you name instead:
  ehlo --message draft.eml
  ehlo --message draft.eml archive@example.org

Look at the message without sending it:
  ehlo --print -s 'Grüße' -b @letter.txt -a photo.jpg bob@example.org

From cron, which mails what stands on stderr, so that nothing is said as long as all is well:
  15 3 * * *  backup 2>&1 | ehlo -q -r mail.example.org -s 'backup' ops@example.org

Kept until it can be delivered, by a run of the queue from cron:
  ehlo --queue -s 'report' -b @report.txt ops@example.org
  ehlo queue list
  (crontab -l; ehlo queue cron) | crontab -

One line of JSON a step for a program to read, and a receiver to try it on:
  ehlo sink --count 1 --print &
  ehlo --json -r 127.0.0.1:2525 -s test -b hello bob@example.org
";

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
struct Cli {
    #[command(flatten)]
    message: message::Args,
    #[command(flatten)]
    own: message::Sending,
    #[command(flatten)]
    route: route::Args,
    #[command(flatten)]
    session: session::Args,
    #[command(flatten)]
    tls: tls::Args,
    #[command(flatten)]
    auth: auth::Args,
    #[command(flatten)]
    output: output::Args,
    #[command(flatten)]
    queue: queue::Args,
    #[command(flatten)]
    config: config::Args,
    #[command(subcommand)]
    verb: Option<Verb>,
    #[arg(skip)]
    rare: Rare,
}

/// Options that few runs have. They are built when one of them is there, or any can be: in a profile, in
/// help and in errors.
#[derive(Debug, Default, clap::Args)]
#[group(skip)]
struct Rare {
    #[command(flatten)]
    extensions: extensions::Args,
    #[command(flatten)]
    bench: bench::Args,
}

impl Cli {
    /// What was said, with the rare options if the command had them.
    fn of(matches: &ArgMatches) -> Result<Self, clap::Error> {
        let mut cli = Self::from_arg_matches(matches)?;
        // A flag is there where it can be, said or not. Only debug builds of clap know which others can be.
        if matches.ids().any(|known| known == "raw") {
            cli.rare = Rare::from_arg_matches(matches)?;
        }
        Ok(cli)
    }
}

// What belongs to a verb is built only when the verb is used.
#[derive(Debug, Subcommand)]
#[command(defer = true)]
enum Verb {
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
    Config(config::VerbArgs),
    /// Look at the queue, and deliver what is in it.
    Queue(queue::VerbArgs),
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
    Sendmail(sendmail::Words),
    /// Show the queue, as sendmail does.
    Mailq(sendmail::Words),
}

/// The whole command line for those who generate manuals and completions from it.
#[must_use]
pub fn command() -> clap::Command {
    Rare::augment_args(Cli::command())
}

/// Reads the command line, and the configuration that it may use.
///
/// # Errors
/// Help or the version was asked for, or something is wrong with the arguments or the configuration.
pub fn parse(arguments: impl IntoIterator<Item = OsString>) -> Result<Plan, Said> {
    let words: Vec<OsString> = arguments.into_iter().collect();
    parse_in(&Places::of_this_process(), &words)
}

/// As clap would say it, but without making a command for it first.
fn version() -> Said {
    Said {
        text: concat!("ehlo ", env!("CARGO_PKG_VERSION"), "\n").to_owned(),
        exit: Exit::Ok,
    }
}

fn parse_in(places: &Places, words: &[OsString]) -> Result<Plan, Said> {
    // Before anything else: `sendmail -V` is about something else than a version.
    if let Some(call) = sendmail::Call::of(words) {
        return call.plan(places);
    }
    if let Some(recording) = script::Recording::of(words) {
        return recording.plan(places);
    }
    match words.get(1) {
        Some(word) if words.len() == 2 && (word == "--version" || word == "-V") => {
            return Err(version());
        }
        _ if places.are_fixed() => return Err(wrong(more_rights())),
        _ => {}
    }
    // Taking it apart again would cost a small run a twentieth of its time, and it is made once.
    let command = Box::leak(Box::new(Cli::command()));
    let read = read(command, words).map_err(|error| said(&error))?;
    let Words { matches, missing } = read;
    let mut cli = Cli::of(&matches).map_err(|error| said(&error))?;
    let mut typed = Typed::new(command, words, &matches).part_of(whole);
    match cli.verb.take() {
        Some(Verb::Sink(arguments)) => {
            let plan = arguments.plan().map_err(wrong)?;
            Ok(Plan::Sink(Box::new(plan)))
        }
        Some(Verb::Demo) => Ok(Plan::Demo),
        Some(Verb::Probe(arguments)) => {
            let plan = arguments.plan(typed, places).map_err(wrong)?;
            Ok(Plan::Probe(Box::new(plan)))
        }
        Some(Verb::Ask(arguments)) => {
            let plan = arguments.plan().map_err(wrong)?;
            Ok(Plan::Ask(Box::new(plan)))
        }
        Some(Verb::Script(arguments)) => {
            let plan = arguments.plan(&typed).map_err(wrong)?;
            Ok(Plan::Script(Box::new(plan)))
        }
        Some(Verb::Config(arguments)) => arguments
            .plan(&mut typed.of_sending(), places)
            .map(Plan::Config),
        Some(Verb::Queue(arguments)) => {
            let plan = arguments.plan(&typed, places).map_err(wrong)?;
            Ok(Plan::Queue(Box::new(plan)))
        }
        Some(Verb::Run(arguments)) => {
            let plan = arguments.plan(&typed, places).map_err(wrong)?;
            Ok(Plan::Job(Box::new(plan)))
        }
        Some(Verb::Notify(arguments)) => {
            let plan = arguments.plan(&typed, places).map_err(wrong)?;
            Ok(Plan::Notify(Box::new(plan)))
        }
        Some(Verb::Digest(arguments)) => {
            let plan = arguments.plan(&typed, places).map_err(wrong)?;
            Ok(Plan::Digest(Box::new(plan)))
        }
        Some(Verb::Unit(arguments)) => {
            let plan = arguments.plan(&typed, places).map_err(wrong)?;
            Ok(Plan::Unit(Box::new(plan)))
        }
        Some(Verb::Doctor(arguments)) => {
            let plan = arguments.plan(typed, words, places);
            Ok(Plan::Doctor(Box::new(plan)))
        }
        Some(Verb::Sendmail(_) | Verb::Mailq(_)) => Err(wrong(sendmail::misplaced())),
        None => send(cli, &mut typed, places, missing),
    }
}

/// What sendmail does is all that is done with rights that the caller does not have: any file could be
/// read, and many could be written to.
fn more_rights() -> Wrong {
    Wrong {
        text:
            "it runs with more rights than its caller, which it never needs; take them away with \
               chmod ug-s"
                .to_owned(),
        exit: Exit::Policy,
    }
}

/// A command line as clap has it.
struct Words {
    matches: ArgMatches,
    /// What is missing in it, and a profile may add: to the sending verb, and no other.
    missing: Option<clap::Error>,
}

/// Reads the words with the everyday options. If that fails, it may be one of the rare ones that is there,
/// and help has all of them.
fn read(command: &mut clap::Command, words: &[OsString]) -> Result<Words, clap::Error> {
    read_with(command, words).or_else(|_| {
        *command = whole(words);
        read_with(command, words)
    })
}

/// The rare options by themselves.
fn rare_command() -> clap::Command {
    Rare::augment_args(clap::Command::new("ehlo"))
}

/// The command with all options. A name for EHLO may be anything where --raw says so.
fn whole(words: &[OsString]) -> clap::Command {
    if !words.iter().any(|word| word == "--raw") {
        return command();
    }
    command().mut_arg("helo", |arg| arg.value_parser(value::any_helo))
}

fn read_with(command: &mut clap::Command, words: &[OsString]) -> Result<Words, clap::Error> {
    let error = match command.try_get_matches_from_mut(words) {
        Ok(matches) => {
            return Ok(Words {
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
        Ok(matches) if matches.subcommand_name().is_none() => Ok(Words {
            matches,
            missing: Some(error),
        }),
        _ => Err(error),
    }
}

/// The sending verb, with the profile that is chosen for it.
fn send(
    cli: Cli,
    typed: &mut Typed<'_>,
    places: &Places,
    missing: Option<clap::Error>,
) -> Result<Plan, Said> {
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
fn configuration(
    arguments: &config::Args,
    typed: &Typed<'_>,
    places: &Places,
) -> Result<Option<Config>, Wrong> {
    let found = arguments.find(places)?;
    let read = found.map(|found| found.read(&typed.keys()));
    read.transpose().map_err(|errors| first(&errors))
}

/// Without a profile.
fn send_alone(mut cli: Cli, config: Option<&Config>, typed: &Typed<'_>) -> Result<Plan, Wrong> {
    let queue = mem::take(&mut cli.queue);
    let mut plan = sending(cli)?;
    if let Plan::Send(send) = &mut plan {
        let waybill = || typed.waybill(None);
        send.queueing = queue.of_sending(typed, config, waybill)?;
    }
    Ok(plan)
}

fn send_with(config: &Config, profile: &Profile, typed: &mut Typed<'_>) -> Result<Plan, Wrong> {
    let added = typed.with(config, profile)?;
    let mut cli = added.cli(typed)?;
    let queue = mem::take(&mut cli.queue);
    let mut plan = sending(cli).map_err(|wrong| added.blame(wrong, config))?;
    if let Plan::Send(send) = &mut plan {
        name(&mut send.way, profile);
        send.fallbacks = fallbacks(config, profile, typed, &send.way)?;
        let waybill = || typed.waybill(Some((config, profile)));
        send.queueing = queue.of_sending(typed, Some(config), waybill)?;
    }
    Ok(plan)
}

/// A way, and those to fall back to.
pub struct Itinerary {
    way: Way,
    fallbacks: Vec<Way>,
}

impl From<Way> for Itinerary {
    fn from(way: Way) -> Self {
        Self {
            way,
            fallbacks: Vec::new(),
        }
    }
}

/// The way of a profile and of what else is said, without a message.
fn itinerary(
    config: &Config,
    profile: &Profile,
    typed: &mut Typed<'_>,
) -> Result<Itinerary, Wrong> {
    let added = typed.with(config, profile)?;
    let cli = added.cli(typed)?;
    let way = way_as(config, profile, cli, &added)?;
    let fallbacks = fallbacks(config, profile, typed, &way)?;
    Ok(Itinerary { way, fallbacks })
}

/// What to try in this order when the way of a profile cannot be gone for now.
fn fallbacks(
    config: &Config,
    profile: &Profile,
    typed: &mut Typed<'_>,
    first: &Way,
) -> Result<Vec<Way>, Wrong> {
    if typed.names_server() {
        return Ok(Vec::new());
    }
    let others = config.fallbacks(profile).into_iter().map(|other| {
        let own = way_alone(config, other, typed)?;
        let added = typed.with(config, other)?;
        let with_all = way_as(config, other, added.cli(typed)?, &added)?;
        Ok(fallback(own, with_all, first.credentials.as_ref()))
    });
    others.collect()
}

/// The way that a profile says by itself, for a verb that is not the sending one.
fn way_of(arguments: &config::Args, typed: &mut Typed<'_>, places: &Places) -> Result<Way, Wrong> {
    let config = configuration(arguments, typed, places)?;
    let chosen = config
        .as_ref()
        .map(|config| config.choose(arguments.profile.as_deref(), None))
        .transpose()?;
    let Some((config, profile)) = config.as_ref().zip(chosen.flatten()) else {
        return Err(Wrong::usage("there is no such profile"));
    };
    way_alone(config, profile, typed)
}

fn way_alone(config: &Config, profile: &Profile, typed: &mut Typed<'_>) -> Result<Way, Wrong> {
    let own = typed.alone(config, profile)?;
    let cli = Cli::of(&own.matches).map_err(|error| Wrong::clap(&error))?;
    way_as(config, profile, cli, &own)
}

/// The way of arguments that come from a profile.
fn way_as(config: &Config, profile: &Profile, cli: Cli, added: &Added) -> Result<Way, Wrong> {
    let mut way = way_of_options(cli).map_err(|wrong| added.blame(wrong, config))?;
    name(&mut way, profile);
    Ok(way)
}

/// Says whose way it is.
fn name(way: &mut Way, profile: &Profile) {
    let name = profile.name().to_owned();
    if let Some(credentials) = &mut way.credentials {
        credentials.profile = Some(name.clone());
    }
    way.profile = Some(name);
}

/// A way instead of the first. Where it leads to, whom it trusts and as whom it logs in is said by its
/// own profile alone: what the command line says of that was meant for the first.
fn fallback(own: Way, with_all: Way, first: Option<&credentials::Options>) -> Way {
    let mut route = own.route;
    route.family = with_all.route.family;
    route.bind = with_all.route.bind;
    route.dns = with_all.route.dns;
    let session = crate::session::Options {
        tls: own.session.tls,
        mechanisms: own.session.mechanisms,
        password_in_clear: own.session.password_in_clear,
        ..with_all.session
    };
    let first_user = first.map(|login| &login.user);
    let credentials = own.credentials.map(|login| credentials::Options {
        // A password that names nobody is that of the first.
        nameless: first_user == Some(&login.user),
        ..login
    });
    Way {
        route,
        session,
        credentials,
        ..own
    }
}

fn sending(cli: Cli) -> Result<Plan, Wrong> {
    let only_print = cli.own.print;
    let mut message = cli.message.options(cli.own)?;
    message.dsn = cli.rare.extensions.dsn();
    message.add(cli.rare.extensions.field());
    let output = cli.output.options()?;
    let repeat = cli.rare.bench.repeat();
    let way = Road {
        route: cli.route,
        session: cli.session,
        tls: cli.tls,
        auth: cli.auth,
        rare: cli.rare,
    };
    let way = way.way()?;
    if only_print {
        return Ok(Plan::Print(Box::new(message), output));
    }
    auth::check_relay(way.credentials.as_ref(), &way.route)?;
    Ok(Plan::Send(Box::new(Send {
        message,
        way,
        fallbacks: Vec::new(),
        output,
        queueing: None,
        repeat,
    })))
}

/// Where to and how, whatever the message is.
fn way_of_options(cli: Cli) -> Result<Way, Wrong> {
    let road = Road {
        route: cli.route,
        session: cli.session,
        tls: cli.tls,
        auth: cli.auth,
        rare: cli.rare,
    };
    let way = road.way()?;
    auth::check_relay(way.credentials.as_ref(), &way.route)?;
    Ok(way)
}

/// All that was said about a way.
struct Road {
    route: route::Args,
    session: session::Args,
    tls: tls::Args,
    auth: auth::Args,
    rare: Rare,
}

impl Road {
    fn way(self) -> Result<Way, Wrong> {
        let Rare { extensions, bench } = self.rare;
        let mut options = self.session.options();
        if bench.is_lmtp() {
            options.protocol = Protocol::Lmtp;
        }
        let mut way = way(self.route, options, self.tls, self.auth)?;
        extensions.apply(&mut way.session)?;
        bench.apply(&mut way.session)?;
        check_ends(&way, &extensions)?;
        Ok(way)
    }
}

/// What wants a server that was named.
fn check_ends(way: &Way, extensions: &extensions::Args) -> Result<(), Wrong> {
    if way.route.relay.is_some() {
        return Ok(());
    }
    if way.session.protocol == Protocol::Lmtp {
        return Err(Wrong::usage(
            "--lmtp is no protocol between hosts of different people (RFC 2033); name the server with --relay",
        ));
    }
    if extensions.demands_tls() {
        return Err(Wrong::usage(
            "--require-tls wants a server whose name is known for sure, and an MX record is not; name it \
             with --relay, or say --require-tls=?",
        ));
    }
    Ok(())
}

/// Route, session, encryption and login, as far as they hang together.
fn way(
    route: route::Args,
    mut session: crate::session::Options,
    tls: tls::Args,
    auth: auth::Args,
) -> Result<Way, Wrong> {
    let usual = match session.protocol {
        // RFC 2033 §5: LMTP must not be spoken where SMTP is.
        Protocol::Lmtp => bench::LMTP_PORT,
        Protocol::Smtp => tls.usual_port(),
    };
    let route = route.options(&session, usual)?;
    let (encryption, tls) = tls.options(&route)?;
    session.tls = encryption;
    let credentials = auth.options(&mut session)?;
    Ok(Way {
        profile: None,
        route,
        session,
        tls,
        credentials,
    })
}

/// What is wrong with an argument, and with which exit status.
#[derive(Clone)]
struct Wrong {
    text: String,
    exit: Exit,
}

impl Wrong {
    fn usage(text: impl Into<String>) -> Self {
        Self {
            text: text.into(),
            exit: Exit::Usage,
        }
    }

    fn data(text: impl Into<String>) -> Self {
        Self {
            text: text.into(),
            exit: Exit::Data,
        }
    }
}

impl Wrong {
    fn clap(error: &clap::Error) -> Self {
        Self::usage(format!("{}; see ehlo --help", shown(&one_line(error))))
    }
}

impl From<ConfigError> for Wrong {
    fn from(error: ConfigError) -> Self {
        Self {
            text: error.to_string(),
            exit: error.exit(),
        }
    }
}

/// Of many errors the first.
fn first(errors: &[ConfigError]) -> Wrong {
    let text = errors.first().map(ToString::to_string).unwrap_or_default();
    let more = match errors.len() {
        0 | 1 => "",
        _ => "; ehlo config check shows all that is wrong",
    };
    Wrong {
        text: format!("{text}{more}"),
        exit: errors.first().map_or(Exit::Config, ConfigError::exit),
    }
}

#[allow(clippy::needless_pass_by_value)] // For map_err.
fn wrong(wrong: Wrong) -> Said {
    Said {
        text: format!("ehlo: {}\n", wrong.text),
        exit: wrong.exit,
    }
}

/// clap's words: help as it is, errors in one line.
fn said(error: &clap::Error) -> Said {
    match error.kind() {
        ErrorKind::DisplayHelp
        | ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand
        | ErrorKind::DisplayVersion => Said {
            text: error.render().to_string(),
            exit: Exit::Ok,
        },
        _ => Said {
            text: format!(
                "ehlo: {}; see {} --help\n",
                shown(&one_line(error)),
                whose_help(error)
            ),
            exit: Exit::Usage,
        },
    }
}

/// The command whose help says more: with the verb, if there is one.
fn whose_help(error: &clap::Error) -> String {
    let text = error.render().to_string();
    let usage = text.lines().find_map(|line| line.strip_prefix("Usage: "));
    let is_word = |word: &&str| word.bytes().all(|byte| byte.is_ascii_lowercase());
    let words: Vec<&str> = usage
        .unwrap_or("ehlo")
        .split(' ')
        .take_while(is_word)
        .collect();
    words.join(" ")
}

/// The first paragraph of clap's error, and the option that was perhaps meant.
fn one_line(error: &clap::Error) -> String {
    let text = error.render().to_string();
    let first = text.split("\n\n").next().unwrap_or_default();
    let first = first.strip_prefix("error: ").unwrap_or(first);
    let words: Vec<&str> = first.split_whitespace().collect();
    let mut line = words.join(" ");
    let meant = error
        .get(ContextKind::SuggestedArg)
        .or(error.get(ContextKind::SuggestedValue));
    match meant {
        Some(ContextValue::String(meant)) => line.push_str(&format!("; did you mean {meant}?")),
        Some(ContextValue::Strings(all)) if !all.is_empty() => {
            line.push_str(&format!("; did you mean {}?", all.join(" or ")));
        }
        _ => {}
    }
    line
}

#[cfg(test)]
mod tests;
