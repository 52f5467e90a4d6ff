//! The options of `ehlo probe`.

use crate::cli::options::command_line::CommandLineArgs;
use crate::cli::options::config;
use crate::cli::options::route_plan::of_whole_profile;
use crate::cli::options::transport::{ProbeTransportArgs, report_certificate};
use crate::cli::options::usage_error::UsageError;
use crate::cli::options::value;
use crate::cli::options::value::HostPort;
use crate::cli::probe::{Format, ProbeOptions, Subject, Thresholds};
use crate::client::route::Host;
use crate::client::session::{Protocol, TlsDemand};
use crate::client::transport::Transport;
use crate::config::{Config, Places, Profile};
use crate::probe::Expectation;
use std::num::NonZeroUsize;
use std::time::Duration;

/// Report a server's extensions, TLS, certificate and timing without sending mail.
///
/// The report lists the greeting, the EHLO replies before and after TLS, the certificate and whether it is
/// valid, the authentication mechanisms, the maximum message size, and the duration of each step. With
/// --expect, the exit status is 77 if an expectation is not met. With --user, ehlo also logs in; the
/// certificate must then be valid. Several servers are probed in parallel, and reported in the order in which
/// they are named.
#[derive(Debug, clap::Args)]
#[group(skip)]
#[command(
    mut_arg("tls", |arg| arg.long_help(TLS)),
    mut_arg("profile", |arg| arg.help("Probe the relay of this profile").long_help(None)),
)]
pub struct Args {
    /// Server, or the path of a Unix socket.
    #[arg(value_name = "HOST[:PORT]|PATH", value_parser = value::relay,
          required_unless_present_any = ["profile", "pipe", "mx"])]
    hosts: Vec<HostPort>,

    /// Probe all mail exchangers of this domain, at all their addresses.
    ///
    /// IPv4 and IPv6 addresses are probed unless -4 or -6 is given.
    #[arg(long, value_name = "DOMAIN", value_parser = domain)]
    mx: Vec<String>,

    /// Inspect this command, which speaks SMTP on standard input and output.
    #[arg(long, value_name = "CMD", value_parser = value::command,
          conflicts_with_all = ["hosts", "mx", "port", "bind", "ipv4", "ipv6", "dns", "connect_to", "proxy"])]
    pipe: Option<HostPort>,

    /// Scan the versions of TLS, cipher suites, groups and signature algorithms that the server accepts.
    ///
    /// Each is tried on a connection of its own, about a hundred in total, with STARTTLS or, with --tls implicit
    /// and on port 465, without. No handshake is completed except two ordinary ones. Weak values are marked; the exit
    /// status is 77 if the server accepts something that must not be used.
    #[arg(long, conflicts_with_all = ["count", "expect", "nagios", "pipe", "user"])]
    tls_scan: bool,

    /// Compare the TLSA records of the server (DANE) with its certificate.
    ///
    /// The resolver must be trusted to validate DNSSEC, such as one on this host. The exit status is 77 if a sender
    /// that uses DANE would not deliver to the server: no record matches, or STARTTLS is not offered.
    #[arg(long, conflicts_with_all = ["tls_scan", "pipe"])]
    dane: bool,

    /// Maximum number of connections to a server at a time, in a scan.
    #[arg(
        long,
        value_name = "NUMBER",
        default_value = "8",
        requires = "tls_scan"
    )]
    connections: NonZeroUsize,

    /// Required properties, as in starttls,pipelining,auth=PLAIN,size:10M,cert-days:14.
    ///
    /// EHLO keywords (as last offered), with = and one parameter; also starttls (offered before TLS), tls,
    /// tls:1.3, verified (certificate), cert-days:DAYS and size:OCTETS (K, M and G are powers of 1000, Ki, Mi
    /// and Gi of 1024). NAME:N means "at least N"; 'NAME>=N' (quoted) is the same. banner~REGEX and ehlo~REGEX
    /// are regular expressions for a line of the greeting or of the EHLO reply; they extend to the end of the
    /// list, and case is ignored.
    #[arg(long, value_name = "LIST", value_parser = expectations)]
    expect: Vec<Expectations>,

    /// Probe each server this many times in succession, and report minimum, median and maximum.
    #[arg(long, value_name = "N", default_value = "1")]
    count: NonZeroUsize,

    /// Maximum number of servers that are probed at a time.
    #[arg(long, value_name = "NUMBER", default_value = "8")]
    parallel: NonZeroUsize,

    /// Use LMTP, on port 24 by default.
    #[arg(long)]
    lmtp: bool,

    /// Print one line with performance data, and exit with 0 to 3, as a monitoring plugin.
    ///
    /// CRITICAL: a server does not answer properly, an expectation is not met, or a certificate has expired. WARNING:
    /// it expires within 14 days. UNKNOWN: the DNS gives no answer.
    #[arg(long, conflicts_with_all = ["json", "verbose"])]
    nagios: bool,

    /// Duration of a session from which the state is WARNING.
    #[arg(long, value_name = "TIME", value_parser = value::duration, requires = "nagios")]
    warning: Option<Duration>,

    /// Duration of a session from which the state is CRITICAL.
    #[arg(long, value_name = "TIME", value_parser = value::duration, requires = "nagios")]
    critical: Option<Duration>,

    /// Print the report as JSON, one object per line for each server.
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

/// The entries of one --expect.
#[derive(Clone, Debug)]
struct Expectations(Vec<Expectation>);

fn expectations(text: &str) -> Result<Expectations, String> {
    Expectation::parse_list(text).map(Expectations)
}

/// A domain for --mx, as the DNS has it.
fn domain(text: &str) -> Result<String, String> {
    match value::target(text)? {
        HostPort {
            host: Host::Relay(name),
            port: None,
            ..
        } => Ok(name),
        _ => Err("expected a domain, as in example.org".to_owned()),
    }
}

const TLS: &str = "\
When to use TLS.

`auto`: use STARTTLS if offered; on port 465, use implicit TLS; on a Unix socket, no TLS. Any certificate is accepted \
and checked in the report; with --user it must be valid. `starttls`, `implicit`: require TLS. `off`: never use TLS.";

/// Options that can be used with a profile, which has all options of the transport.
const WITH_PROFILE: [&str; 14] = [
    "profile",
    "config",
    "expect",
    "json",
    "verbose",
    "timeout",
    "tls_scan",
    "dane",
    "connections",
    "count",
    "parallel",
    "nagios",
    "warning",
    "critical",
];

impl Args {
    pub fn plan(
        mut self,
        command_line: CommandLineArgs<'_>,
        places: &Places,
    ) -> Result<ProbeOptions, UsageError> {
        let mut subjects = self.subjects(command_line, places)?;
        for subject in &mut subjects {
            self.adapt(&mut subject.transport)?;
        }
        let is_several = subjects.len() > 1 || subjects.iter().any(|subject| subject.mx.is_some());
        if is_several {
            check_several(&subjects)?;
        }
        Ok(ProbeOptions {
            subjects,
            expect: self.expect.into_iter().flat_map(|list| list.0).collect(),
            count: self.count.get(),
            // Transcripts do not mix.
            parallel: if self.verbose { 1 } else { self.parallel.get() },
            dane: self.dane,
            connections: self.tls_scan.then_some(self.connections.get()),
            format: match (self.json, self.nagios) {
                (true, _) => Format::Json,
                (_, true) => Format::Nagios(Thresholds {
                    warning: self.warning,
                    critical: self.critical,
                }),
                _ => Format::Text,
            },
            verbose: self.verbose,
        })
    }

    /// The servers and domains, in the order of the command line: servers first.
    fn subjects(
        &mut self,
        command_line: CommandLineArgs<'_>,
        places: &Places,
    ) -> Result<Vec<Subject>, UsageError> {
        if self.config.profile.is_some() {
            let beside = (command_line, WITH_PROFILE.as_slice());
            let read = |_: &Config, _: &Profile, transport: Transport| match transport.route.relay {
                Some(_) => Ok(transport),
                None => Err(UsageError::usage(
                    "the profile has no relay; specify a host",
                )),
            };
            let transport = of_whole_profile(&self.config, beside, places, read)?;
            return Ok(vec![Subject {
                transport,
                mx: None,
            }]);
        }
        let protocol = if self.lmtp {
            Protocol::Lmtp
        } else {
            Protocol::Smtp
        };
        let mut subjects = Vec::new();
        let servers = self
            .pipe
            .take()
            .into_iter()
            .chain(std::mem::take(&mut self.hosts));
        for host in servers {
            let transport = self.transport.clone().transport(host, protocol)?;
            subjects.push(Subject {
                transport,
                mx: None,
            });
        }
        for domain in std::mem::take(&mut self.mx) {
            // The options are those of a server, and not those of a delivery.
            let host = HostPort {
                host: Host::Exchanger(domain.clone()),
                port: None,
                is_implicit: false,
            };
            let transport = self.transport.clone().transport(host, protocol)?;
            subjects.push(Subject {
                transport,
                mx: Some(domain),
            });
        }
        if subjects.is_empty() {
            let what = "specify a host, --mx, --pipe, or a --profile with a relay";
            return Err(UsageError::usage(what));
        }
        Ok(subjects)
    }

    fn adapt(&self, transport: &mut Transport) -> Result<(), UsageError> {
        transport.session.timeout = Some(self.transport.timeout);
        report_certificate(transport);
        if self.tls_scan && transport.session.tls == TlsDemand::Off {
            let what =
                "--tls-scan requires TLS; omit --tls off, or add --tls starttls for a Unix socket";
            return Err(UsageError::usage(what).about("--tls-scan"));
        }
        if self.dane {
            check_dane(transport)?;
        }
        if self.tls_scan && transport.credentials.is_some() {
            let what = "--tls-scan does not log in; use a server without a login";
            return Err(UsageError::usage(what).about("--tls-scan"));
        }
        Ok(())
    }
}

/// TLSA records belong to a name, and to TLS.
fn check_dane(transport: &Transport) -> Result<(), UsageError> {
    let host = transport.route.relay.as_ref().map(|relay| &relay.host);
    let has_name = |host: &Host| matches!(host, Host::Relay(_) | Host::Exchanger(_));
    let what = match transport.session.tls {
        TlsDemand::Off => "--dane requires TLS; omit --tls off",
        _ if !host.is_some_and(has_name) => "--dane requires a server with a host name",
        _ => return Ok(()),
    };
    Err(UsageError::usage(what).about("--dane"))
}

/// Options that make sense for one server only.
fn check_several(subjects: &[Subject]) -> Result<(), UsageError> {
    for Subject { transport, .. } in subjects {
        let option = match transport {
            transport if transport.credentials.is_some() => "--user",
            transport if transport.tls.save_certs.is_some() => "--save-certs",
            _ => continue,
        };
        let what = format!("{option} requires a single server; name one host");
        return Err(UsageError::usage(what).about(option));
    }
    Ok(())
}
