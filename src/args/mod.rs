//! What was said on the command line: the only room that knows clap. Arguments are checked here and
//! become a plan; nothing is done.

mod auth;
mod message;
mod output;
mod route;
mod session;
mod sink;
mod tls;
mod value;

use crate::exit::Exit;
use crate::plan::{Plan, Said, Send};
use crate::text::shown;
use clap::error::{ContextKind, ContextValue, ErrorKind};
use clap::{CommandFactory, FromArgMatches, Parser, Subcommand};
use std::ffi::OsString;

/// Examples for the three kinds of people who live by this program.
pub const EXAMPLES: &str = "\
From a script, to wherever the domain's mail exchanger is:
  ehlo --from alice@crepes.fr --subject Ketchup --body 'Do you like ketchup?' \\
       --attach menu.pdf bob@hamburger.edu

Through a relay, with the text from a pipe, and only failures shown:
  df -h | ehlo -q -r mail.example.org -s 'disks' ops@example.org

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
}

/// The whole command line for those who generate manuals and completions from it.
#[must_use]
pub fn command() -> clap::Command {
    Cli::command()
}

/// Reads the command line.
///
/// # Errors
/// Help or the version was asked for, or something is wrong with the arguments.
pub fn parse(arguments: impl IntoIterator<Item = OsString>) -> Result<Plan, Said> {
    let matches = Cli::command()
        .try_get_matches_from(arguments)
        .map_err(|error| said(&error))?;
    let cli = Cli::from_arg_matches(&matches).map_err(|error| said(&error))?;
    plan(cli)
}

fn plan(cli: Cli) -> Result<Plan, Said> {
    match cli.verb {
        Some(Verb::Sink(arguments)) => return Ok(Plan::Sink(arguments.plan())),
        Some(Verb::Demo) => return Ok(Plan::Demo),
        None => {}
    }
    let only_print = cli.message.print;
    let message = cli.message.options().map_err(wrong)?;
    let output = cli.output.options();
    let mut session = cli.session.options();
    let usual = cli.tls.usual_port();
    let route = cli.route.options(&session, usual).map_err(wrong)?;
    let (encryption, tls) = cli.tls.options(&route).map_err(wrong)?;
    session.tls = encryption;
    let credentials = cli.auth.options(&mut session).map_err(wrong)?;
    if only_print {
        return Ok(Plan::Print(message, output));
    }
    auth::check_relay(credentials.as_ref(), &route).map_err(wrong)?;
    Ok(Plan::Send(Box::new(Send {
        message,
        route,
        session,
        tls,
        credentials,
        output,
    })))
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
            text: format!("ehlo: {}; see ehlo --help\n", shown(&one_line(error))),
            exit: Exit::Usage,
        },
    }
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
