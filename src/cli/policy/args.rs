//! Options of `ehlo policy`.

use crate::cli::options::route::DirectRouteArgs;
use crate::cli::options::usage_error::UsageError;
use crate::cli::options::value;
use crate::cli::policy::{Policy, RefreshOptions};

/// Show, fetch and remove the MTA-STS policies of recipient domains.
///
/// A domain publishes by such a policy which servers receive its mail, and that they have valid certificates (RFC
/// 8461). ehlo fetches it before it sends mail to the domain, and keeps it in a cache.
#[derive(Debug, clap::Args)]
#[command(arg_required_else_help = true)]
pub struct PolicyCommandArgs {
    #[command(subcommand)]
    command: PolicyCommand,
}

#[derive(Debug, clap::Subcommand)]
enum PolicyCommand {
    /// List the policies in the cache.
    List {
        /// Print one JSON object per line.
        #[arg(long)]
        json: bool,
    },
    /// Show the policy of a domain, as it is in the cache.
    Show {
        /// Recipient domain.
        #[arg(value_name = "DOMAIN", value_parser = value::domain)]
        domain: String,
        /// Print one JSON object.
        #[arg(long)]
        json: bool,
    },
    /// Fetch the policies of these domains, or all that are in the cache.
    ///
    /// Run it from cron once a day to learn of changes before the next message, and to keep the policies of domains
    /// that rarely receive mail from you. Without DOMAIN, expired policies of domains that have no TXT record any more
    /// are removed.
    Refresh(Box<RefreshArgs>),
    /// Remove the policies of these domains from the cache.
    ///
    /// The next message to the domain fetches its policy again. A domain that has changed its policy without changing
    /// the id of its TXT record needs this.
    Forget {
        /// Recipient domain.
        #[arg(value_name = "DOMAIN", required = true, value_parser = value::domain)]
        domains: Vec<String>,
    },
}

#[derive(Debug, clap::Args)]
#[group(skip)]
struct RefreshArgs {
    /// Recipient domain.
    #[arg(value_name = "DOMAIN", value_parser = value::domain)]
    domains: Vec<String>,

    /// Print one JSON object per domain.
    #[arg(long, conflicts_with = "verbose")]
    json: bool,

    /// Show the lookups and the requests.
    #[arg(short, long)]
    verbose: bool,

    #[command(flatten)]
    route: DirectRouteArgs,
}

impl PolicyCommandArgs {
    pub fn plan(self) -> Result<Policy, UsageError> {
        Ok(match self.command {
            PolicyCommand::List { json } => Policy::List { json },
            PolicyCommand::Show { domain, json } => Policy::Show { domain, json },
            PolicyCommand::Refresh(arguments) => Policy::Refresh(Box::new(arguments.options()?)),
            PolicyCommand::Forget { domains } => Policy::Forget { domains },
        })
    }
}

impl RefreshArgs {
    fn options(self) -> Result<RefreshOptions, UsageError> {
        let (route, tls) = self.route.options()?;
        Ok(RefreshOptions {
            domains: self.domains,
            json: self.json,
            verbose: self.verbose,
            route,
            tls,
        })
    }
}
