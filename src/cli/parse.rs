//! Parses the command line into a command with all its options. Nothing is done here.

use crate::cli::ask;
use crate::cli::bench;
use crate::cli::check;
use crate::cli::completions;
use crate::cli::config;
use crate::cli::cron;
use crate::cli::digest;
use crate::cli::dkim;
use crate::cli::doctor;
use crate::cli::fetch;
use crate::cli::help::{HelpArgs, misread, suggestions, topics};
use crate::cli::invocation::Invocation;
use crate::cli::jobs;
use crate::cli::login;
use crate::cli::manual;
use crate::cli::merge;
use crate::cli::notify;
use crate::cli::options::command_line::CommandLineArgs;
use crate::cli::options::config::{dkim_keys, log};
use crate::cli::options::route_plan::{fallbacks, set_profile, through_socket};
use crate::cli::options::usage_error::{EarlyExit, UsageError};
use crate::cli::options::words;
use crate::cli::policy;
use crate::cli::probe;
use crate::cli::queue;
use crate::cli::roundtrip;
use crate::cli::run;
use crate::cli::script;
use crate::cli::send::args;
use crate::cli::send::args::{ParsedWords, SendArgs};
use crate::cli::send::{Send, SendTask};
use crate::cli::sendmail;
use crate::cli::show;
use crate::cli::sink;
use crate::cli::standins::mail::{self, MailStyle};
use crate::cli::standins::swaks::Swaks;
use crate::cli::standins::{Call, StandInWords, misplaced, msmtp};
use crate::cli::unit;
use crate::cli::verify;
use crate::config::{Config, Places, Profile};
use crate::cron::job::DRAIN;
use crate::mail::dkim::Signer;
use crate::mail::message::Content;
use crate::system::exit::Exit;
use crate::system::stand_in::StandIn;
use clap::{CommandFactory, FromArgMatches as _, Parser, Subcommand};
use std::ffi::OsString;
use std::mem;

/// Examples for the three main uses.
pub const EXAMPLES: &str = "\
From a script, through the mail exchanger of the recipient's domain:
  ehlo --from alice@crepes.fr --subject Ketchup --attach menu.pdf \\
       --body 'Do you like ketchup?' bob@hamburger.edu

Through a relay, with the text from a pipe, showing only failures:
  df -h | ehlo -q -r mail.example.org -s 'disks' ops@example.org

Through a provider, with a password from a password manager, with an OAuth token, with a profile:
  ehlo -r smtp.example.org:587 --tls starttls -u alice \\
       --password-command 'pass show smtp' -s hi -b hi bob@example.net
  ehlo -r smtp.example.org:465 -u alice@example.org \\
       --oauth-token-command mytoken -s hi -b hi bob@example.net
  ehlo --profile work -s hello -b hello bob@example.net

Inspect a server, and check it from a monitoring system:
  ehlo probe mail.example.org:587
  ehlo probe mail.example.org \\
       --expect starttls,verified,cert-days:14,size:10M

Test a server: another EHLO name, the null sender, commands one by one:
  ehlo -r '[2001:db8::25]:2525' --helo client.example.org -b test \\
       --envelope-from '' --pipelining off postmaster@example.org

A hex dump with times; the duration of each step; Exim's view of another client:
  ehlo --hex --timing -r mail.example.org -b test bob@example.org
  ehlo -q --summary -r mail.example.org -b test postmaster@example.org
  ehlo --pipe 'exim -bh 192.0.2.1' -b test postmaster@example.org

Markdown with an embedded image, sent as HTML and plain text:
  ehlo -r mail.example.org -s 'Trip' --markdown @trip.md \\
       --inline map.png ann@example.org

An invitation, and a log from a pipe as an attachment:
  ehlo -s 'Review' -b 'See you' --calendar review.ics bob@example.org
  journalctl -b | ehlo -s 'log' -b 'attached' -a '-;name=boot.log' \\
       ops@example.org

A complete message, to the recipients in its header or to others:
  ehlo --message draft.eml
  ehlo --message draft.eml archive@example.org

Show the message without sending it:
  ehlo --print -s 'Grüße' -b @letter.txt -a photo.jpg bob@example.org

From cron, the output of a command, if there is any:
  15 3 * * *  backup 2>&1 | /usr/local/bin/ehlo -E -q ops@example.org

Queue the message, and run the queue from cron:
  ehlo --queue -s 'report' -b @report.txt ops@example.org
  ehlo queue list
  (crontab -l; ehlo queue cron) | crontab -

JSON output for a program, with a test server as the receiver:
  ehlo sink --count 1 --print &
  ehlo --json -r 127.0.0.1:2525 -s test -b hello bob@example.org
";

/// Compose a message, find the right mail server, deliver it, and show the SMTP session.
///
/// Unless --relay names a server, ehlo looks up each recipient's mail exchangers and tries them in order of
/// preference. The exit status summarizes the outcome; every failure is reported on one line on standard error.
#[derive(Debug, Parser)]
#[command(
    name = "ehlo",
    version,
    args_conflicts_with_subcommands = true,
    disable_help_subcommand = true,
    max_term_width = 100,
    after_help = "See --help and ehlo(1) for details.",
    after_long_help = format!("Examples:\n\n{EXAMPLES}"),
)]
struct Cli {
    #[command(flatten)]
    send: SendArgs,
    #[command(subcommand)]
    verb: Option<Subcommands>,
}

// The arguments of a subcommand are built only if it is used.
#[derive(Debug, Subcommand)]
#[command(defer = true)]
enum Subcommands {
    /// Run a test mail server on the loopback interface.
    Sink(Box<sink::Args>),
    /// Show messages: decoded header fields, text, parts and attachments.
    Show(Box<show::Args>),
    /// Send a sample message to a built-in server and show both sides.
    Demo,
    /// Report a server's extensions, TLS, certificate and timing without sending mail.
    Probe(Box<probe::Args>),
    /// Send SMTP commands to a server and show its replies.
    Ask(Box<ask::Args>),
    /// Put load on a server, and report how long each step takes.
    Bench(Box<bench::Args>),
    /// Check the DNS records and the mail servers of a domain.
    Check(Box<check::Args>),
    /// Verify the DKIM signatures of a message, SPF and DMARC, as a receiver does.
    Verify(Box<verify::Args>),
    /// List, search, print, save and delete messages in a mailbox (IMAP, POP3).
    Fetch(Box<fetch::Args>),
    /// Send a message, wait for it in the mailbox at the other end, and report its way.
    Roundtrip(Box<roundtrip::Args>),
    /// Run a scripted SMTP session and check the replies.
    Script(Box<script::Args>),
    /// Check and show the configuration.
    Config(config::ConfigArgs),
    /// Log in to an OAuth provider, and keep the tokens for later runs.
    Login(Box<login::LoginArgs>),
    /// Remove the tokens of an account.
    Logout(Box<login::LogoutArgs>),
    /// Print an access token, for other programs.
    Token(Box<login::TokenArgs>),
    /// Make keys for DKIM signatures, and check their records in the DNS.
    Dkim(dkim::DkimArgs),
    /// Send a message to each row of a list.
    Merge(Box<merge::MergeArgs>),
    /// Inspect and run the mail queue.
    Queue(queue::QueueCommandArgs),
    /// Show, fetch and remove the MTA-STS policies of recipient domains.
    Policy(policy::PolicyCommandArgs),
    /// Run a command and mail the result.
    Run(Box<run::Args>),
    /// Send a notification from a script.
    Notify(Box<notify::Args>),
    /// Mail a summary of the runs recorded with --digest.
    Digest(Box<digest::Args>),
    /// Show recorded jobs, and report those that did not run.
    Jobs(Box<jobs::Args>),
    /// Run cron jobs through `ehlo run`.
    Cron(Box<cron::Args>),
    /// Mail the status of a systemd unit.
    Unit(Box<unit::Args>),
    /// Diagnose how mail from cron would leave this host.
    Doctor(Box<doctor::Args>),
    /// Act as sendmail(8), with its options.
    Sendmail(sendmail::SendmailWords),
    /// List the queue, like mailq(1).
    Mailq(sendmail::SendmailWords),
    /// Act as swaks, with its options.
    Swaks(StandInWords),
    /// Act as msmtp, with its options and configuration.
    Msmtp(StandInWords),
    /// Send a message with the options of mail, mailx and s-nail.
    Mail(StandInWords),
    /// Send a message with the options of mutt.
    Mutt(StandInWords),
    /// Print the completion script of a shell.
    Completions(completions::Args),
    /// Print a page of the manual.
    Manual(manual::Args),
    /// Show help for a command, a group of options or a topic.
    Help(HelpArgs),
}

/// The command with all its options, for manuals and completions.
pub fn command() -> clap::Command {
    args::with_rare(Cli::command(), &[])
}

/// Reads the command line, and the configuration that it may use.
///
/// # Errors
/// Help or the version was requested, or the arguments or the configuration have an error. Problems that do not
/// prevent the run are warnings.
pub fn parse(
    arguments: impl IntoIterator<Item = OsString>,
    warnings: &mut Vec<String>,
) -> Result<Invocation, EarlyExit> {
    let words: Vec<OsString> = arguments.into_iter().collect();
    parse_in(&Places::of_this_process(), &words, warnings)
        .map_err(|early| suggestions::overview(&words, early))
}

pub(crate) fn parse_in(
    places: &Places,
    words: &[OsString],
    warnings: &mut Vec<String>,
) -> Result<Invocation, EarlyExit> {
    // First, because `sendmail -V` does not request the version.
    if let Some(call) = Call::of(words) {
        return stand_in(&call, places);
    }
    if let Some(recording) = script::Recording::of(words) {
        let sending = parse_in(places, recording.words(), warnings)?;
        let Invocation::Send(SendTask::Send(send)) = sending else {
            return Err(script::Recording::without_message().into());
        };
        return Ok(Invocation::Script(Box::new(recording.plan(*send)?)));
    }
    if words.len() == 3 && words[1] == "run" && words[2] == DRAIN {
        return Ok(Invocation::Drain);
    }
    match words.get(1) {
        Some(word) if words.len() == 2 && (word == "--version" || word == "-V") => {
            return Err(EarlyExit::version());
        }
        _ if places.are_fixed() => return Err(privileged().into()),
        _ => {}
    }
    if let Some(request) = completions::Request::of(words, command) {
        return Ok(Invocation::Complete(Box::new(request)));
    }
    let words = &*words::in_utf8(words, Cli::command, warnings)?;
    misread::check(words, command)?;
    let ParsedWords {
        command,
        matches,
        missing,
    } = args::parse(quick_command(words), Cli::command, words)
        .map_err(|error| suggestions::explain(error, words, command))?;
    // Freeing them would take seven percent of the time of a small run.
    let (command, matches) = Box::leak(Box::new((command, matches)));
    words::check_texts(matches, warnings)?;
    let mut cli = Cli::from_arg_matches(matches)?;
    cli.send.read_rare(matches)?;
    let mut command_line = CommandLineArgs::new(command, words, matches);
    match cli.verb {
        Some(verb) => verb.plan(command_line, words, places),
        None => send(cli.send, &mut command_line, places, missing),
    }
}

/// The command without its subcommands if no word names one, which is faster to build.
fn quick_command(words: &[OsString]) -> fn() -> clap::Command {
    let is_subcommand = |word: &OsString| word.to_str().is_some_and(Subcommands::has_subcommand);
    if words.iter().skip(1).any(is_subcommand) {
        Cli::command
    } else {
        args::command
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
            Self::Sink(arguments) => invocation(arguments.plan(), Invocation::Sink),
            Self::Show(arguments) => invocation(arguments.plan(), Invocation::Show),
            Self::Demo => Ok(Invocation::Demo),
            Self::Probe(arguments) => invocation(arguments.plan(typed, places), Invocation::Probe),
            Self::Ask(arguments) => invocation(arguments.plan(), Invocation::Ask),
            Self::Bench(arguments) => invocation(arguments.plan(typed, places), Invocation::Bench),
            Self::Check(arguments) => invocation(arguments.plan(typed, places), Invocation::Check),
            Self::Verify(arguments) => invocation(arguments.plan(), Invocation::Verify),
            Self::Fetch(arguments) => invocation(arguments.plan(typed, places), Invocation::Fetch),
            Self::Roundtrip(arguments) => {
                invocation(arguments.plan(&typed, places), Invocation::RoundTrip)
            }
            Self::Script(arguments) => invocation(arguments.plan(&typed), Invocation::Script),
            Self::Config(arguments) => arguments
                .plan(&mut typed.of_sending(), places)
                .map(Invocation::Config),
            Self::Merge(arguments) => invocation(arguments.plan(&typed, places), Invocation::Merge),
            Self::Login(arguments) => invocation(arguments.plan(typed, places), Invocation::Login),
            Self::Logout(arguments) => {
                invocation(arguments.plan(typed, places), Invocation::Logout)
            }
            Self::Token(arguments) => invocation(arguments.plan(typed, places), Invocation::Token),
            Self::Dkim(arguments) => {
                let task = arguments.plan(typed, places)?;
                Ok(Invocation::Dkim(task))
            }
            Self::Queue(arguments) => invocation(arguments.plan(&typed, places), Invocation::Queue),
            Self::Policy(arguments) => invocation(arguments.plan(), Invocation::Policy),
            Self::Run(arguments) => invocation(arguments.plan(&typed, places), Invocation::Job),
            Self::Notify(arguments) => {
                invocation(arguments.plan(&typed, places), Invocation::Notify)
            }
            Self::Digest(arguments) => {
                invocation(arguments.plan(&typed, places), Invocation::Digest)
            }
            Self::Jobs(arguments) => invocation(arguments.plan(&typed, places), Invocation::Jobs),
            Self::Cron(arguments) => invocation(arguments.plan(), Invocation::Cron),
            Self::Unit(arguments) => invocation(arguments.plan(&typed, places), Invocation::Unit),
            Self::Doctor(arguments) => {
                invocation(Ok(arguments.plan(typed, words, places)), Invocation::Doctor)
            }
            Self::Manual(arguments) => Ok(Invocation::Manual(arguments.plan()?)),
            Self::Completions(arguments) => Ok(Invocation::Completions(arguments.shell)),
            Self::Help(arguments) => Err(topics::help(self::command(), &arguments.topic).into()),
            Self::Sendmail(_) => Err(misplaced(StandIn::Sendmail).into()),
            Self::Swaks(_) => Err(misplaced(StandIn::Swaks).into()),
            Self::Mailq(_) => Err(misplaced(StandIn::Mailq).into()),
            Self::Msmtp(_) => Err(misplaced(StandIn::Msmtp).into()),
            Self::Mail(_) => Err(misplaced(StandIn::Mail).into()),
            Self::Mutt(_) => Err(misplaced(StandIn::Mutt).into()),
        }
    }
}

fn stand_in(call: &Call<'_>, places: &Places) -> Result<Invocation, EarlyExit> {
    match call.program {
        StandIn::Sendmail | StandIn::Mailq | StandIn::Newaliases => {
            let sendmail = sendmail::plan(call, places)?;
            Ok(Invocation::Sendmail(Box::new(sendmail)))
        }
        _ if places.are_fixed() => Err(privileged().into()),
        StandIn::Swaks => Ok(Invocation::Swaks(Box::new(Swaks::of(call)))),
        StandIn::Mail | StandIn::Mailx | StandIn::SNail | StandIn::Nail | StandIn::Mutt => {
            mail_program(call)
        }
        StandIn::Msmtp => match msmtp::MsmtpArgs::parse(call.words) {
            Ok(args) => Ok(Invocation::Msmtp(Box::new(args))),
            Err(why) => Err(EarlyExit {
                text: format!("{why}\n"),
                exit: Exit::Usage,
            }),
        },
    }
}

fn mail_program(call: &Call<'_>) -> Result<Invocation, EarlyExit> {
    let style = match call.program {
        StandIn::Mutt => MailStyle::Mutt,
        StandIn::SNail | StandIn::Nail => MailStyle::Nail,
        _ => MailStyle::Any,
    };
    match mail::parse(style, call.program.row().0, call.words) {
        Ok(args) => Ok(Invocation::Mail(Box::new(args))),
        Err(error) => Err(EarlyExit {
            text: format!("{}\n", error.text),
            exit: error.exit,
        }),
    }
}

fn invocation<T>(
    options: Result<T, UsageError>,
    invocation: impl FnOnce(Box<T>) -> Invocation,
) -> Result<Invocation, EarlyExit> {
    Ok(invocation(Box::new(options?)))
}

/// With set-user-ID or set-group-ID, any file could be read, and many could be written. Only the functions of
/// sendmail are safe then.
fn privileged() -> UsageError {
    UsageError::new(
        Exit::Policy,
        "ehlo must not be set-user-ID or set-group-ID; run: chmod ug-s on the program",
    )
}

/// The sending command, with the profile that is chosen for it.
fn send(
    args: SendArgs,
    command_line: &mut CommandLineArgs<'_>,
    places: &Places,
    missing: Option<clap::Error>,
) -> Result<Invocation, EarlyExit> {
    let config = args.config.read(|| command_line.keys(), places)?;
    let chosen = config
        .as_ref()
        .map(|config| config.choose(args.config.profile.as_deref(), args.message.sender()));
    let chosen = chosen.transpose()?.flatten();
    let mut args = args;
    let log = mem::take(&mut args.log).options(log(config.as_ref())?);
    let mut task = match (&config, chosen, missing) {
        (Some(config), Some(profile), _) => send_with(config, profile, command_line)?,
        (_, _, Some(error)) => return Err(error.into()),
        _ => send_without_profile(args, config.as_ref(), command_line)?,
    };
    task.use_keys(&dkim_keys(config.as_ref())?);
    if let SendTask::Send(send) = &mut task {
        send.log = log;
    }
    Ok(Invocation::Send(task))
}

fn send_without_profile(
    mut args: SendArgs,
    config: Option<&Config>,
    command_line: &CommandLineArgs<'_>,
) -> Result<SendTask, UsageError> {
    let queue = mem::take(&mut args.queue);
    let mut task = args.plan()?;
    if let SendTask::Send(send) = &mut task {
        send.queueing = queue.of_sending(command_line, config, None)?;
        check_raw(send)?;
        send_through_socket(send, command_line)?;
    }
    Ok(task)
}

fn send_with(
    config: &Config,
    profile: &Profile,
    command_line: &mut CommandLineArgs<'_>,
) -> Result<SendTask, UsageError> {
    let merged = command_line.merge(config, profile)?;
    let mut args = merged.send_args(command_line)?;
    let queue = mem::take(&mut args.queue);
    let mut task = args.plan().map_err(|error| merged.locate(error, config))?;
    match &mut task {
        SendTask::Send(send) => {
            set_profile(&mut send.transport, profile);
            send.fallbacks = fallbacks(config, profile, command_line, &send.transport)?;
            send.queueing = queue.of_sending(command_line, Some(config), Some(profile))?;
            check_raw(send)?;
            send_through_socket(send, command_line)?;
            if send.queueing.is_none() {
                config::check_access(config, &command_line.files_of(&merged.used))?;
            }
        }
        SendTask::Ask(ask) => set_profile(&mut ask.transport, profile),
        SendTask::Print(..) => {}
    }
    Ok(task)
}

/// The queue stores messages, and a raw one need not be a message.
fn check_raw(send: &Send) -> Result<(), UsageError> {
    if send.queueing.is_some() && matches!(send.message.content, Content::Raw(_)) {
        let why =
            "--message-raw conflicts with the queue of the profile; use a profile without queue";
        return Err(UsageError::usage(why).about("--message-raw"));
    }
    Ok(())
}

fn send_through_socket(
    send: &mut Send,
    command_line: &CommandLineArgs<'_>,
) -> Result<(), UsageError> {
    if send.passes_socket() && !command_line.has("dkim_key") {
        send.message.signer = Signer::default();
    }
    match &mut send.queueing {
        Some(queueing) => through_socket(queueing, &mut send.transport, &mut send.fallbacks),
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests;
