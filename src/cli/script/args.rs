//! The options of `ehlo script`.

use crate::cli::options::command_line::CommandLineArgs;
use crate::cli::options::transport::report_certificate;
use crate::cli::options::usage_error::UsageError;
use crate::cli::options::value;
use crate::cli::options::value::HostPort;
use crate::cli::options::{auth, message, oauth, route, tls};
use crate::cli::script::{ScriptOutput, ScriptRun, ScriptTask};
use crate::client::session;
use crate::client::session::TlsDemand;
use crate::client::transport::Transport;
use crate::script::{Variables, is_name};
use std::mem::take;
use std::path::PathBuf;
use std::time::Duration;

/// Run a scripted SMTP session and check the replies.
///
/// A script lists, line by line, what to send and what replies to expect: `> EHLO x`, `< 250 has SIZE`. The
/// test fails at the first mismatch, and the exit status is 1. Scripts are checked completely before anything
/// is sent. The bundled scripts (--list) check for SMTP smuggling, open relays and similar problems; run them
/// only against your own servers.
#[derive(Debug, clap::Args)]
#[group(skip)]
#[command(mut_arg("tls", |arg| arg.help("implicit: start TLS at each `connect` to --server").long_help(TLS)))]
pub struct Args {
    /// Scripts: files, `-` for standard input, or names shown by --list.
    #[arg(value_name = "FILE|NAME", required_unless_present_any = ["list", "show", "record"])]
    scripts: Vec<String>,

    /// Server to `connect` to, or the path of a Unix socket.
    #[arg(short = 'r', long, visible_alias = "relay", value_name = "HOST[:PORT]|PATH", value_parser = value::relay)]
    server: Option<HostPort>,

    /// Port: a number, or smtp, submission or submissions [default: 25, and 465 with --tls implicit].
    #[arg(short, long, value_parser = value::port)]
    port: Option<u16>,

    /// Use this command as the server; it speaks SMTP on standard input and output.
    #[arg(long, value_name = "CMD", value_parser = value::command,
          conflicts_with_all = ["server", "port", "bind", "ipv4", "ipv6", "dns", "connect_to", "proxy"])]
    pipe: Option<HostPort>,

    /// Set a variable; repeatable.
    #[arg(short = 'D', long = "define", value_name = "NAME=VALUE", value_parser = definition)]
    definitions: Vec<(String, String)>,

    /// Client name, as $helo [default: the full name of this host].
    #[arg(long, visible_alias = "ehlo", value_name = "NAME", value_parser = value::helo)]
    helo: Option<String>,

    /// Time limit for each step, as in 5s.
    #[arg(long, value_name = "TIME", value_parser = value::duration, default_value = "30s")]
    timeout: Duration,

    /// Check the syntax without connecting.
    #[arg(long)]
    check: bool,

    /// List the bundled scripts.
    #[arg(long, exclusive = true)]
    list: bool,

    /// Print a bundled script.
    #[arg(long, value_name = "NAME", exclusive = true)]
    show: Option<String>,

    /// Send a message, and record the session as a script.
    ///
    /// The other options are those for sending a message, without a subcommand. The message is written next to
    /// the script, with .eml appended to its name; passwords are not recorded.
    #[arg(long, value_name = "FILE")]
    record: Option<PathBuf>,

    /// Show only failures, on standard error.
    #[arg(short, long, conflicts_with_all = ["verbose", "tap"])]
    quiet: bool,

    /// Also show each address tried, and certificates.
    #[arg(short, long, conflicts_with = "tap")]
    verbose: bool,

    /// Print the results in TAP format instead of the session.
    #[arg(long)]
    tap: bool,

    /// Write the results to this file in `JUnit` XML format; `-` for standard output.
    #[arg(long, value_name = "FILE|-")]
    junit: Option<PathBuf>,

    #[command(flatten)]
    message: message::Args,
    #[command(flatten)]
    rare: message::RareArgs,
    #[command(flatten)]
    reach: route::Reach,
    #[command(flatten)]
    tls: tls::Args,
    #[command(flatten)]
    auth: auth::Args,
    #[command(flatten)]
    oauth: oauth::Args,
}

const TLS: &str = "\
implicit: start TLS at each `connect` to --server.

Otherwise the script itself starts TLS. --port 465 implies implicit TLS.";

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

    fn script_run(mut self, command_line: &CommandLineArgs<'_>) -> Result<ScriptRun, UsageError> {
        let output = self.output()?;
        self.message.rare = take(&mut self.rare);
        let message_option = command_line
            .first_of::<message::Args>(&["from", "to", "envelope_from"])
            .or_else(|| command_line.first_of::<message::RareArgs>(&[]));
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
        let own = &mut message::Sending::default();
        if !self.message.sources(own)?.is_empty() {
            return Err(UsageError::usage(
                "a script sends one message: give --message once",
            ));
        }
        let message = has_message.then(|| self.message.options(message::Sending::default(), true));
        let session = session::Options {
            helo: self.helo,
            timeout: Some(self.timeout),
            ..session::Options::default()
        };
        let has_tls_mode = command_line.has("tls");
        let mut auth = self.auth;
        self.oauth.apply(&mut auth)?;
        let transport = transport(
            self.server.or(self.pipe),
            self.port,
            (session, self.reach),
            (self.tls, auth),
        )?;
        if has_tls_mode && transport.session.tls != TlsDemand::Implicit {
            let why = "--tls: only implicit is allowed here, for `connect`; otherwise the script itself starts TLS";
            return Err(UsageError::usage(why));
        }
        if transport.session.login_if_offered {
            let why = "a script decides itself if it logs in; omit the question mark in --auth";
            return Err(UsageError::usage(why).about("--auth"));
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
                "--tap conflicts with --junit -: both write to standard output; give --junit a file",
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
    let (name, value) = text.split_once('=').ok_or("expected NAME=VALUE")?;
    if !is_name(name) {
        return Err("a variable name consists of letters, digits and _".to_owned());
    }
    Ok((name.to_owned(), value.to_owned()))
}
