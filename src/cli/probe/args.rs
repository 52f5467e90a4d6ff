//! What is asked about a server.

use crate::cli::options::command_line::CommandLineArgs;
use crate::cli::options::config;
use crate::cli::options::route_plan::profile_transport;
use crate::cli::options::transport::{ProbeTransportArgs, report_certificate};
use crate::cli::options::usage_error::UsageError;
use crate::cli::options::value;
use crate::cli::options::value::HostPort;
use crate::cli::probe::ProbeOptions;
use crate::client::session::Protocol;
use crate::client::transport::Transport;
use crate::config::Places;
use crate::probe::Expectation;

/// Say what a server says of itself, without sending mail.
///
/// Greeting, EHLO before and after TLS, the certificate and how it is judged, the mechanisms of AUTH, the
/// largest message, and how long each step took. With --expect, the exit status is 0 when all of it is
/// there, and 77 when not. With --user, it logs in as well; then the certificate must be right.
#[derive(Debug, clap::Args)]
#[group(skip)]
#[command(
    mut_arg("tls", |arg| arg.long_help(TLS)),
    mut_arg("profile", |arg| arg.help("Probe the relay of this profile").long_help(None)),
)]
pub struct Args {
    /// The server, or a unix socket.
    #[arg(value_name = "HOST[:PORT]|PATH", value_parser = value::relay,
          required_unless_present_any = ["profile", "pipe"])]
    host: Option<HostPort>,

    /// Ask this command, which speaks SMTP on its stdin and stdout.
    #[arg(long, value_name = "CMD", value_parser = value::command,
          conflicts_with_all = ["host", "port", "bind", "ipv4", "ipv6", "dns", "connect_to"])]
    pipe: Option<HostPort>,

    /// What must be there, like starttls,pipelining,auth=PLAIN,size:10M,cert-days:14.
    ///
    /// A keyword of EHLO, as it is offered last; with = and one of its parameters. Besides, starttls (offered
    /// in clear), tls, tls:1.3, verified (the certificate), cert-days:DAYS and size:OCTETS (K, M and G of 1000,
    /// Ki, Mi and Gi of 1024). The colon is at least; it may be written >= as well, but not without quotes.
    #[arg(long, value_name = "LIST", value_delimiter = ',', value_parser = Expectation::parse)]
    expect: Vec<Expectation>,

    /// One JSON object.
    #[arg(long, conflicts_with = "verbose")]
    json: bool,

    /// Show the conversation, too.
    #[arg(short, long)]
    verbose: bool,

    #[command(flatten)]
    transport: ProbeTransportArgs,
    #[command(flatten)]
    config: config::Args,
}

const TLS: &str = "\
When to encrypt.

`auto`: STARTTLS where it is offered; on port 465, TLS from the first byte on; none through a unix socket. Any \
certificate will do and is judged in the report; with --user it must be right.";

/// Options that can be used with a profile, which has all options of the transport.
const WITH_PROFILE: [&str; 6] = ["profile", "config", "expect", "json", "verbose", "timeout"];

impl Args {
    pub fn plan(
        self,
        command_line: CommandLineArgs<'_>,
        places: &Places,
    ) -> Result<ProbeOptions, UsageError> {
        let timeout = self.transport.timeout;
        let mut transport = match (self.config.profile.is_some(), self.pipe.or(self.host)) {
            (true, _) => of_profile(&self.config, command_line, places)?,
            (false, Some(host)) => self.transport.transport(host, Protocol::Smtp)?,
            (false, None) => {
                return Err(UsageError::usage(
                    "name a host, a --pipe, or a --profile with a relay",
                ));
            }
        };
        transport.session.timeout = Some(timeout);
        report_certificate(&mut transport);
        Ok(ProbeOptions {
            transport,
            expect: self.expect,
            json: self.json,
            verbose: self.verbose,
        })
    }
}

/// The transport of a profile that has a relay.
fn of_profile(
    config: &config::Args,
    command_line: CommandLineArgs<'_>,
    places: &Places,
) -> Result<Transport, UsageError> {
    if let Some(option) = command_line.other_than(&WITH_PROFILE) {
        return Err(UsageError::usage(format!(
            "{option} contradicts --profile, which says all about the way; leave one of them out"
        )));
    }
    let mut command_line = command_line.of_sending();
    let read = config.read(&command_line.keys(), places)?;
    let chosen = read
        .as_ref()
        .map(|read| read.choose(config.profile.as_deref(), None));
    let Some((read, profile)) = read.as_ref().zip(chosen.transpose()?.flatten()) else {
        return Err(UsageError::usage("there is no such profile"));
    };
    let transport = profile_transport(read, profile, &mut command_line)?;
    if transport.route.relay.is_none() {
        return Err(UsageError::usage("the --profile has no relay; name a host"));
    }
    Ok(transport)
}
