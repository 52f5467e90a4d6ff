//! The options of `ehlo probe`.

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

/// Report a server's extensions, TLS, certificate and timing without sending mail.
///
/// The report lists the greeting, the EHLO replies before and after TLS, the certificate and whether it is
/// valid, the authentication mechanisms, the maximum message size, and the duration of each step. With
/// --expect, the exit status is 77 if an expectation is not met. With --user, ehlo also logs in; the
/// certificate must then be valid.
#[derive(Debug, clap::Args)]
#[group(skip)]
#[command(
    mut_arg("tls", |arg| arg.long_help(TLS)),
    mut_arg("profile", |arg| arg.help("Probe the relay of this profile").long_help(None)),
)]
pub struct Args {
    /// Server, or the path of a Unix socket.
    #[arg(value_name = "HOST[:PORT]|PATH", value_parser = value::relay,
          required_unless_present_any = ["profile", "pipe"])]
    host: Option<HostPort>,

    /// Inspect this command, which speaks SMTP on standard input and output.
    #[arg(long, value_name = "CMD", value_parser = value::command,
          conflicts_with_all = ["host", "port", "bind", "ipv4", "ipv6", "dns", "connect_to", "proxy"])]
    pipe: Option<HostPort>,

    /// Required properties, as in starttls,pipelining,auth=PLAIN,size:10M,cert-days:14.
    ///
    /// EHLO keywords (as last offered), with = and one parameter; also starttls (offered before TLS), tls,
    /// tls:1.3, verified (certificate), cert-days:DAYS and size:OCTETS (K, M and G are powers of 1000, Ki, Mi
    /// and Gi of 1024). NAME:N means "at least N"; 'NAME>=N' (quoted) is the same.
    #[arg(long, value_name = "LIST", value_delimiter = ',', value_parser = Expectation::parse)]
    expect: Vec<Expectation>,

    /// Print the report as one JSON object.
    #[arg(long, conflicts_with = "verbose")]
    json: bool,

    /// Also show the SMTP session.
    #[arg(short, long)]
    verbose: bool,

    #[command(flatten)]
    transport: ProbeTransportArgs,
    #[command(flatten)]
    config: config::Args,
}

const TLS: &str = "\
When to use TLS.

`auto`: use STARTTLS if offered; on port 465, use implicit TLS; on a Unix socket, no TLS. Any certificate is accepted \
and checked in the report; with --user it must be valid. `starttls`, `implicit`: require TLS. `off`: never use TLS.";

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
                    "specify a host, --pipe, or a --profile with a relay",
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
            "{option} conflicts with --profile, which defines the whole route; omit one of them"
        )));
    }
    let mut command_line = command_line.of_sending();
    let read = config.read(|| command_line.keys(), places)?;
    let chosen = read
        .as_ref()
        .map(|read| read.choose(config.profile.as_deref(), None));
    let Some((read, profile)) = read.as_ref().zip(chosen.transpose()?.flatten()) else {
        return Err(UsageError::usage("unknown profile"));
    };
    let transport = profile_transport(read, profile, &mut command_line)?;
    if transport.route.relay.is_none() {
        return Err(UsageError::usage(
            "the profile has no relay; specify a host",
        ));
    }
    Ok(transport)
}
