//! What was said on the command line: the only room that knows clap. Arguments are checked here and
//! become a plan; nothing is done.

mod auth;
mod config;
mod message;
mod output;
mod probe;
mod profile;
mod route;
mod session;
mod settings;
mod sink;
mod tls;
mod value;

use crate::config::{Config, ConfigError, Places, Profile};
use crate::credentials;
use crate::exit::Exit;
use crate::plan::{Plan, Said, Send, Way};
use crate::text::shown;
use clap::error::{ContextKind, ContextValue, ErrorKind};
use clap::{ArgMatches, CommandFactory, FromArgMatches, Parser, Subcommand};
use profile::{Added, Typed, blamed, keys};
use std::ffi::OsString;

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
    config: config::Args,
    #[command(subcommand)]
    verb: Option<Verb>,
}

// What belongs to a verb is built only when the verb is used.
#[derive(Debug, Subcommand)]
#[command(defer = true)]
enum Verb {
    /// Receive mail on loopback, for demos, tests and scripts.
    Sink(sink::Args),
    /// Send a message with an attachment to a receiver inside, and show both sides.
    Demo,
    /// Say what a server says of itself, without sending mail.
    Probe(Box<probe::Args>),
    /// Look at the configuration.
    Config(config::VerbArgs),
}

/// The whole command line for those who generate manuals and completions from it.
#[must_use]
pub fn command() -> clap::Command {
    Cli::command()
}

/// Reads the command line, and the configuration that it may use.
///
/// # Errors
/// Help or the version was asked for, or something is wrong with the arguments or the configuration.
pub fn parse(arguments: impl IntoIterator<Item = OsString>) -> Result<Plan, Said> {
    let words: Vec<OsString> = arguments.into_iter().collect();
    match words.get(1) {
        Some(word) if words.len() == 2 && (word == "--version" || word == "-V") => Err(version()),
        _ => parse_in(&Places::of_this_process(), &words),
    }
}

/// As clap would say it, but without making a command for it first.
fn version() -> Said {
    Said {
        text: concat!("ehlo ", env!("CARGO_PKG_VERSION"), "\n").to_owned(),
        exit: Exit::Ok,
    }
}

fn parse_in(places: &Places, words: &[OsString]) -> Result<Plan, Said> {
    // Taking it apart again would cost a small run a twentieth of its time, and it is made once.
    let command = Box::leak(Box::new(Cli::command()));
    let read = command.try_get_matches_from_mut(words);
    let (matches, missing) = match read {
        Ok(matches) => (matches, None),
        Err(error) => (
            without_what_is_missing(command, words, &error)?,
            Some(error),
        ),
    };
    let mut cli = Cli::from_arg_matches(&matches).map_err(|error| said(&error))?;
    let mut typed = Typed::new(command, words, &matches);
    match (cli.verb.take(), missing) {
        (Some(_), Some(error)) => Err(said(&error)),
        (Some(Verb::Sink(arguments)), _) => Ok(Plan::Sink(arguments.plan())),
        (Some(Verb::Demo), _) => Ok(Plan::Demo),
        (Some(Verb::Probe(arguments)), _) => {
            let plan = arguments.plan(typed, places).map_err(wrong)?;
            Ok(Plan::Probe(Box::new(plan)))
        }
        (Some(Verb::Config(arguments)), _) => arguments
            .plan(&mut typed.of_sending(), places)
            .map(Plan::Config),
        (None, missing) => send(cli, &mut typed, places, missing),
    }
}

/// Reads a command line that lacks an option, which a profile may add.
fn without_what_is_missing(
    command: &clap::Command,
    words: &[OsString],
    error: &clap::Error,
) -> Result<ArgMatches, Said> {
    if error.kind() != ErrorKind::MissingRequiredArgument {
        return Err(said(error));
    }
    let lenient = command.clone().ignore_errors(true);
    lenient.try_get_matches_from(words).map_err(|_| said(error))
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
        _ => sending(cli).map_err(wrong),
    }
}

/// The configuration, if there is one.
fn configuration(
    arguments: &config::Args,
    typed: &Typed<'_>,
    places: &Places,
) -> Result<Option<Config>, Wrong> {
    let found = arguments.find(places)?;
    let read = found.map(|found| found.read(&keys(typed.command())));
    read.transpose().map_err(|errors| first(&errors))
}

fn send_with(config: &Config, profile: &Profile, typed: &mut Typed<'_>) -> Result<Plan, Wrong> {
    let port_wins = typed.has("port") && !typed.has("relay");
    let added = typed.with(config, profile)?;
    let mut plan = sending_as(config, profile, added, port_wins)?;
    if let Plan::Send(send) = &mut plan
        && !typed.has("relay")
    {
        for other in config.fallbacks(profile) {
            let own = typed.alone(config, other)?;
            let with_all = typed.with(config, other)?;
            let own = sending_as(config, other, own, false)?;
            let with_all = sending_as(config, other, with_all, port_wins)?;
            if let (Plan::Send(own), Plan::Send(with_all)) = (own, with_all) {
                let way = fallback(own.way, with_all.way, send.way.credentials.as_ref());
                send.fallbacks.push(way);
            }
        }
    }
    Ok(plan)
}

/// The way that a profile says by itself.
fn way_of(arguments: &config::Args, typed: &mut Typed<'_>, places: &Places) -> Result<Way, Wrong> {
    let config = configuration(arguments, typed, places)?;
    let chosen = config
        .as_ref()
        .map(|config| config.choose(arguments.profile.as_deref(), None))
        .transpose()?;
    let Some((config, profile)) = config.as_ref().zip(chosen.flatten()) else {
        return Err(Wrong::usage("there is no such profile"));
    };
    let own = typed.alone(config, profile)?;
    match sending_as(config, profile, own, false)? {
        Plan::Send(send) => Ok(send.way),
        _ => Err(Wrong::usage("the profile says nothing of a way")),
    }
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

/// The plan of arguments that come from a profile.
fn sending_as(
    config: &Config,
    profile: &Profile,
    added: Added,
    port_wins: bool,
) -> Result<Plan, Wrong> {
    let Added { matches, used } = added;
    let mut cli = Cli::from_arg_matches(&matches).map_err(|error| Wrong::clap(&error))?;
    cli.route.port_wins = port_wins;
    let mut plan =
        sending(cli).map_err(|wrong| blamed(&wrong, config, &used).map_or(wrong, Wrong::from))?;
    if let Plan::Send(send) = &mut plan {
        let name = profile.name().to_owned();
        if let Some(credentials) = &mut send.way.credentials {
            credentials.profile = Some(name.clone());
        }
        send.way.profile = Some(name);
    }
    Ok(plan)
}

fn sending(cli: Cli) -> Result<Plan, Wrong> {
    let only_print = cli.message.print;
    let message = cli.message.options()?;
    let output = cli.output.options();
    let way = way(cli.route, cli.session.options(), cli.tls, cli.auth)?;
    if only_print {
        return Ok(Plan::Print(message, output));
    }
    auth::check_relay(way.credentials.as_ref(), &way.route)?;
    Ok(Plan::Send(Box::new(Send {
        message,
        way,
        fallbacks: Vec::new(),
        output,
        queueing: None,
    })))
}

/// Route, session, encryption and login, as far as they hang together.
fn way(
    route: route::Args,
    mut session: crate::session::Options,
    tls: tls::Args,
    auth: auth::Args,
) -> Result<Way, Wrong> {
    let route = route.options(&session, tls.usual_port())?;
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
        ErrorKind::DisplayHelp | ErrorKind::DisplayVersion => Said {
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
