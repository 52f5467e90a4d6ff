//! The options of `ehlo check`.

use crate::cli::check::CheckTask;
use crate::cli::options::command_line::CommandLineArgs;
use crate::cli::options::config::{Args as ConfigArgs, dkim_keys};
use crate::cli::options::dkim::selector;
use crate::cli::options::route::DirectRouteArgs;
use crate::cli::options::usage_error::UsageError;
use crate::cli::options::value;
use crate::cli::options::value::HostPort;
use crate::client::route::{ConnectTo, RouteOptions};
use crate::config::Places;
use crate::mail::dkim::{KeyDomain, NamedKey};
use crate::probe::check::{CheckOptions, DomainExpectation, Group};
use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// Check the DNS records and the mail servers of a domain.
///
/// The report has one line for each finding: mail exchangers and their TLS, DNSSEC, DANE, MTA-STS, TLS reports, SPF,
/// DKIM, DMARC, BIMI and names of addresses, each with the standard and a remedy. Nothing is sent. The exit status
/// is that of monitoring plugins: 0, 1 after a warning, 2 after a failure, 3 if something did not answer. With
/// --expect, it is 77 if an expectation is not met.
#[derive(Debug, clap::Args)]
#[group(skip)]
pub struct Args {
    /// Domain, the part of an address after @.
    #[arg(value_name = "DOMAIN", value_parser = value::domain, required_unless_present = "list")]
    domains: Vec<String>,

    /// Check the domains in this file, one a line; `-` is standard input.
    #[arg(long, value_name = "FILE")]
    list: Option<PathBuf>,

    /// Check only these groups, as in mx,sts,dane.
    ///
    /// The groups are mx, tls, dnssec, dane, sts, tlsrpt, spf, dkim, dmarc, bimi, ptr and dnsbl.
    #[arg(long, value_name = "GROUP", value_delimiter = ',', value_parser = group, conflicts_with = "parked")]
    only: Vec<Group>,

    /// Selectors of DKIM keys, besides those in [dkim] of the configuration.
    #[arg(long, value_name = "SELECTOR", value_delimiter = ',', value_parser = selector)]
    selector: Vec<String>,

    /// Take the selectors from the signatures of this message.
    #[arg(long, value_name = "FILE")]
    message: Option<PathBuf>,

    /// Required properties, as in dmarc:reject,spf,sts:enforce,cert-days:14.
    ///
    /// A group is met if it has an ok, and no warning or failure. The exit status is 0 if all are met, 77 if one is
    /// not, and 75 if one is unknown because of a missing answer.
    #[arg(long, value_name = "LIST", value_delimiter = ',', value_parser = DomainExpectation::parse, conflicts_with = "parked")]
    expect: Vec<DomainExpectation>,

    /// Show the SPF result for a client with this address, and check its name.
    #[arg(long, value_name = "IP")]
    from_ip: Option<IpAddr>,

    /// Client name for EHLO, and of the client in --from-ip.
    #[arg(long, visible_alias = "ehlo", value_name = "NAME", value_parser = value::helo)]
    helo: Option<String>,

    /// Ask this DNS block list about the addresses. Repeatable.
    ///
    /// Most lists require a resolver of your own, and forbid bulk queries.
    #[arg(long, value_name = "ZONE", value_parser = value::domain)]
    dnsbl: Vec<String>,

    /// Check that the domain neither sends nor receives mail.
    ///
    /// It must have a null MX, v=spf1 -all, a DMARC policy of reject, and no DKIM keys.
    #[arg(long)]
    parked: bool,

    /// Print one JSON object per domain.
    #[arg(long, conflicts_with = "verbose")]
    json: bool,

    /// Show the lookups and the sessions, one after the other.
    #[arg(short, long)]
    verbose: bool,

    /// Time limit for a domain, like 20s.
    #[arg(long, value_name = "TIME", value_parser = value::duration, default_value = "30s")]
    timeout: Duration,

    /// Port of the mail exchangers.
    #[arg(long, value_parser = value::port, default_value = "25")]
    port: u16,

    /// Open the sessions with this host instead of the exchangers.
    #[arg(long, value_name = "HOST[:PORT]|PATH", value_parser = value::server)]
    connect_to: Option<HostPort>,

    #[command(flatten)]
    route: DirectRouteArgs,

    /// Configuration file [default: the first that exists, see ehlo(1)].
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
}

fn group(name: &str) -> Result<Group, String> {
    let names = || Group::ALL.map(Group::name).join(", ");
    Group::named(name).ok_or_else(|| format!("expected one of {}", names()))
}

impl Args {
    pub fn plan(
        self,
        command_line: CommandLineArgs<'_>,
        places: &Places,
    ) -> Result<CheckTask, UsageError> {
        let config = ConfigArgs {
            profile: None,
            config: self.config.clone(),
        };
        let command_line = command_line.of_sending();
        let config = config.read(|| command_line.keys(), places)?;
        let keys = dkim_keys(config.as_ref())?;
        let own = self
            .selector
            .iter()
            .map(|selector| selector.to_ascii_lowercase());
        let expected = self
            .expect
            .iter()
            .filter_map(|one| one.selector().map(str::to_owned));
        let mut selectors: Vec<String> = own.chain(expected).collect();
        selectors.sort();
        selectors.dedup();
        let groups = self.groups();
        let (route, tls) = self.route.options()?;
        Ok(CheckTask {
            domains: self.domains.clone(),
            list: self.list.clone(),
            message: self.message.clone(),
            expected: self.expect.clone(),
            keys: keys.iter().filter_map(selector_of).collect(),
            json: self.json,
            verbose: self.verbose,
            options: CheckOptions {
                groups,
                selectors,
                client: self.from_ip,
                helo: self.helo.clone(),
                lists: self.dnsbl.clone(),
                is_parked: self.parked,
                tls,
                own_name: self.helo.clone(),
                limit: self.timeout,
                is_serial: self.verbose,
                route: RouteOptions {
                    port: self.port,
                    connect_to: self.connect_to.map(|target| ConnectTo {
                        host: target.host,
                        port: target.port,
                    }),
                    ..route
                },
            },
        })
    }

    /// The groups that are asked for, and those of the expectations.
    fn groups(&self) -> Vec<Group> {
        if self.only.is_empty() {
            return Group::ALL.to_vec();
        }
        let expected = self.expect.iter().map(DomainExpectation::group);
        self.only.iter().copied().chain(expected).collect()
    }
}

/// The domain and the selector of a key of the configuration.
fn selector_of(key: &NamedKey) -> Option<(String, String)> {
    match &key.domain {
        KeyDomain::Below(domain) | KeyDomain::Fixed(domain) => {
            Some((domain.clone(), key.selector.to_ascii_lowercase()))
        }
        KeyDomain::OfAuthor => None,
    }
}

/// True if a path means standard input.
pub fn is_stdin(path: &Path) -> bool {
    path == Path::new("-")
}
