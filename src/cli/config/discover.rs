//! `ehlo config discover`: finds the mail server of an address, and prints a profile for it.

use crate::cli::ExitStatus;
use crate::cli::config::account;
use crate::cli::config::account::{Account, SecretPlace, domain_of};
use crate::cli::config::search;
use crate::cli::config::search::{relay, user};
use crate::cli::options::route;
use crate::cli::options::route::ProxyArg;
use crate::cli::options::usage_error::UsageError;
use crate::cli::options::value;
use crate::cli::terminal;
use crate::client::credentials;
use crate::client::route::Proxy;
use crate::probe::discover::{Discovery, FoundServer, SearchOptions};
use crate::system::certificate::some_of;
use crate::system::exit::Exit;
use crate::system::text::shown;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

/// Find the mail server of an address, and print a profile for it.
///
/// The search uses SRV records (RFC 6186, RFC 8314), the autoconfiguration files for mail programs, Mozilla's
/// database of providers, the mail exchangers of the domain and usual names, in this order. A server is accepted if it
/// has TLS and a valid certificate. Nothing is changed, and no password is sent.
#[derive(Debug, clap::Args)]
#[group(skip)]
pub struct DiscoverArgs {
    /// Your email address, optionally with a name.
    #[arg(value_name = "ADDR", value_parser = account::address)]
    address: String,

    /// Do not ask Mozilla's database, which learns the domain.
    #[arg(long)]
    no_database: bool,

    /// Time limit for each request, and for each step of a session.
    #[arg(long, value_name = "TIME", value_parser = value::duration, default_value = "10s")]
    timeout: Duration,

    /// DNS resolver.
    #[arg(long, value_name = "IP[:PORT]", value_parser = account::resolver)]
    dns: Option<SocketAddr>,

    /// File with the CA certificates (PEM) to trust instead of those of the system.
    #[arg(long, value_name = "FILE")]
    ca_file: Option<PathBuf>,

    /// Open connections through this proxy: `socks5://[USER@]HOST[:PORT]` or `http://[USER@]HOST[:PORT]`.
    ///
    /// The proxy resolves the names of servers. SRV and MX records are looked up without it; --dns is therefore
    /// required.
    #[arg(long, value_name = "URL", value_parser = route::proxy, requires = "dns")]
    proxy: Option<ProxyArg>,

    /// File with the password for the user in --proxy.
    #[arg(long, value_name = "FILE", requires = "proxy")]
    proxy_password_file: Option<PathBuf>,

    /// Report on standard error what was tried.
    #[arg(short, long)]
    verbose: bool,
}

impl DiscoverArgs {
    /// The settings of the search, with the password for the proxy.
    fn options(&self) -> Result<SearchOptions, UsageError> {
        let file = self.proxy_password_file.clone();
        let proxy = ProxyArg::with_file(self.proxy.clone(), file)?;
        let account = proxy.as_ref().and_then(Proxy::account);
        let login = account.map(|account| credentials::find_for_proxy(&account, None));
        let login = login
            .transpose()
            .map_err(|error| UsageError::new(error.exit(), error.to_string()))?;
        Ok(SearchOptions {
            dns: self.dns,
            ca_file: self.ca_file.clone(),
            limit: self.timeout,
            proxy_login: login,
            // The password is not searched for again.
            proxy: proxy.map(|proxy| Proxy {
                user: None,
                password_file: None,
                ..proxy
            }),
        })
    }
}

/// Searches, and prints the profile.
pub fn run(args: &DiscoverArgs) -> Exit {
    let options = match args.options() {
        Ok(options) => options,
        Err(error) => {
            terminal::complain(&error.text);
            return error.exit;
        }
    };
    let Discovery {
        found,
        steps,
        is_temporary,
    } = search::search(&args.address, !args.no_database, &options);
    if args.verbose {
        for step in &steps {
            terminal::complain(step);
        }
    }
    let Some(found) = found else {
        let more = if args.verbose {
            ""
        } else {
            "; -v shows what was tried"
        };
        let proxy = options.proxy.as_ref();
        let through = proxy.map_or_else(String::new, |proxy| format!(" through {proxy}"));
        let domain = domain_of(&args.address).unwrap_or_default();
        terminal::complain(&format!(
            "no mail server with TLS and a valid certificate was found for {}{through}{more}",
            shown(&domain)
        ));
        return if is_temporary {
            Exit::Temporary
        } else {
            Exit::NoHost
        };
    };
    match profile(&args.address, &found) {
        Ok(text) => terminal::write(text.as_bytes()).err().unwrap_or(Exit::Ok),
        Err(error) => {
            terminal::complain(&error.text);
            error.exit
        }
    }
}

fn profile(address: &str, found: &FoundServer) -> Result<String, UsageError> {
    let domain = domain_of(address).unwrap_or_default();
    let account = Account {
        address: address.to_owned(),
        relay: relay(found),
        tls: Some(search::tls(found)),
        user: user(address, found),
        secret: SecretPlace::Found,
        name: domain.clone(),
        is_default: false,
    };
    let profile = account.profile(None)?;
    let mut text = format!(
        "# {}: found by {}; its certificate is for {}\n",
        shown(&account.relay),
        shown(&found.origin),
        shown(&some_of(&found.names))
    );
    let host = found.candidate.host.to_ascii_lowercase();
    if host != domain && !host.ends_with(&format!(".{domain}")) {
        text.push_str(&format!(
            "# The server is not in {}. Before you send a password, compare it with what your provider says.\n",
            shown(&domain)
        ));
    }
    if found.candidate.needs_oauth {
        text.push_str("# It accepts no password: use OAuth, see ehlo-login(1).\n");
    }
    Ok(text + &profile.to_toml())
}
