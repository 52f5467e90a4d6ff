//! The options of `ehlo script`.

use crate::cli::options::command_line::CommandLineArgs;
use crate::cli::options::transport::report_certificate;
use crate::cli::options::usage_error::UsageError;
use crate::cli::options::value;
use crate::cli::options::value::HostPort;
use crate::cli::options::{auth, message, route, tls};
use crate::cli::script::{ScriptOutput, ScriptRun, ScriptTask};
use crate::client::session;
use crate::client::session::TlsDemand;
use crate::client::transport::Transport;
use crate::script::{Variables, is_name};
use std::path::PathBuf;
use std::time::Duration;

/// Hold a conversation that a script says, and check it.
///
/// A script says line by line what is said to a server, and what must come back: `> EHLO x`, `< 250 has SIZE`. It
/// ends at the first thing that differs, with status 1. All of a script is read before anything is sent. Those
/// that come with ehlo (--list) look for smuggling, open relays and the like: run them against your own server.
#[derive(Debug, clap::Args)]
#[group(skip)]
#[command(mut_arg("tls", |arg| arg.help("Begin TLS with the first byte of `connect`: implicit").long_help(TLS)))]
pub struct Args {
    /// Scripts: files, `-` for stdin, or names of --list.
    #[arg(value_name = "FILE|NAME", required_unless_present_any = ["list", "show", "record"])]
    scripts: Vec<String>,

    /// The server that `connect` connects to, or a unix socket.
    #[arg(short = 'r', long, visible_alias = "relay", value_name = "HOST[:PORT]|PATH", value_parser = value::relay)]
    server: Option<HostPort>,

    /// The port, by number or as smtp, submission or submissions [default: 25, and 465 with --tls implicit].
    #[arg(short, long, value_parser = value::port)]
    port: Option<u16>,

    /// A command that is the server, and speaks SMTP on its stdin and stdout.
    #[arg(long, value_name = "CMD", value_parser = value::command,
          conflicts_with_all = ["server", "port", "bind", "ipv4", "ipv6", "dns", "connect_to"])]
    pipe: Option<HostPort>,

    /// Set a variable; repeatable.
    #[arg(short = 'D', long = "define", value_name = "NAME=VALUE", value_parser = definition)]
    definitions: Vec<(String, String)>,

    /// Our name, as $helo [default: this host's full name].
    #[arg(long, visible_alias = "ehlo", value_name = "NAME", value_parser = value::helo)]
    helo: Option<String>,

    /// The time limit for every step, like 5s.
    #[arg(long, value_name = "TIME", value_parser = value::duration, default_value = "30s")]
    timeout: Duration,

    /// Look for mistakes, and connect to nobody.
    #[arg(long)]
    check: bool,

    /// Name the scripts that come with ehlo.
    #[arg(long, exclusive = true)]
    list: bool,

    /// Print a script that comes with ehlo.
    #[arg(long, value_name = "NAME", exclusive = true)]
    show: Option<String>,

    /// Send a message, and write the session into a script.
    ///
    /// What else stands on the command line is that of sending a message, without a verb. The message is written
    /// beside the script, with .eml behind its name; a password is not written.
    #[arg(long, value_name = "FILE")]
    record: Option<PathBuf>,

    /// Show only what failed, on stderr.
    #[arg(short, long, conflicts_with_all = ["verbose", "tap"])]
    quiet: bool,

    /// Show every address considered, and certificates.
    #[arg(short, long, conflicts_with = "tap")]
    verbose: bool,

    /// Write the results to stdout in TAP, instead of the conversation.
    #[arg(long)]
    tap: bool,

    /// Write the results to this file as XML of `JUnit`'s kind; `-` is stdout.
    #[arg(long, value_name = "FILE|-")]
    junit: Option<PathBuf>,

    #[command(flatten)]
    message: message::Args,
    #[command(flatten)]
    reach: route::Reach,
    #[command(flatten)]
    tls: tls::Args,
    #[command(flatten)]
    auth: auth::Args,
}

const TLS: &str = "\
Begin TLS with the first byte of `connect`: implicit.

Otherwise the script says itself when TLS begins. --port 465 does the same.";

impl Args {
    pub fn plan(self, command_line: &CommandLineArgs<'_>) -> Result<ScriptTask, UsageError> {
        if self.list {
            return Ok(ScriptTask::List);
        }
        if let Some(name) = self.show {
            return Ok(ScriptTask::Show(name));
        }
        let check = self.check;
        let script_run = self.script_run(command_line)?;
        Ok(if check {
            ScriptTask::Check(script_run)
        } else {
            ScriptTask::Run(script_run)
        })
    }

    fn script_run(self, command_line: &CommandLineArgs<'_>) -> Result<ScriptRun, UsageError> {
        let output = self.output()?;
        let message_option =
            command_line.first_of::<message::Args>(&["from", "to", "envelope_from"]);
        let mut variables = Variables::new();
        let mut set = |name: &str, value: Option<String>| {
            variables.extend(value.map(|value| (name.to_owned(), value.into_bytes())));
        };
        set("from", self.message.reverse_path());
        set("to", self.message.first_to());
        for (name, value) in &self.definitions {
            set(name, Some(value.clone()));
        }
        let has_message = message_option.is_some() || command_line.has("to");
        let message = has_message.then(|| self.message.options(message::Sending::default(), true));
        let session = session::Options {
            helo: self.helo,
            timeout: Some(self.timeout),
            ..session::Options::default()
        };
        let has_tls_mode = command_line.has("tls");
        let transport = transport(
            self.server.or(self.pipe),
            self.port,
            (session, self.reach),
            (self.tls, self.auth),
        )?;
        if has_tls_mode && transport.session.tls != TlsDemand::Implicit {
            let why = "--tls: a script says itself when TLS begins; only --tls implicit has a meaning for `connect`";
            return Err(UsageError::usage(why));
        }
        Ok(ScriptRun {
            names: self.scripts,
            transport,
            variables,
            message: message.transpose()?,
            message_option,
            output,
            junit: self.junit,
        })
    }

    fn output(&self) -> Result<ScriptOutput, UsageError> {
        let junit_on_stdout = self.junit.as_deref().is_some_and(|file| file == "-");
        if self.tap && junit_on_stdout {
            return Err(UsageError::usage(
                "--tap contradicts --junit -: both write to stdout; name a file",
            ));
        }
        Ok(match (self.tap, self.quiet || junit_on_stdout) {
            (true, _) => ScriptOutput::Tap,
            (_, true) => ScriptOutput::Quiet,
            _ => ScriptOutput::Session {
                verbose: self.verbose,
            },
        })
    }
}

/// The transport. Without a server, its relay is `None`, and the scripts must name their servers.
fn transport(
    server: Option<HostPort>,
    port: Option<u16>,
    (session, reach): (session::Options, route::Reach),
    (tls, auth): (tls::Args, auth::Args),
) -> Result<Transport, UsageError> {
    let is_named = server.is_some();
    let placeholder = || value::target("localhost").map_err(UsageError::usage);
    let host = server.map_or_else(placeholder, Ok)?;
    let mut transport = crate::cli::options::transport::transport(
        route::Args::to(host, port, reach),
        session,
        tls,
        auth,
    )?;
    if !is_named {
        transport.route.relay = None;
    }
    auth::check_relay(transport.credentials.as_ref(), &transport.route)?;
    report_certificate(&mut transport);
    Ok(transport)
}

fn definition(text: &str) -> Result<(String, String), String> {
    let (name, value) = text.split_once('=').ok_or("it wants NAME=VALUE")?;
    if !is_name(name) {
        return Err("a variable has a name of letters, digits and _".to_owned());
    }
    Ok((name.to_owned(), value.to_owned()))
}
