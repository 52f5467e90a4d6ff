//! TLS policies of recipient domains.

use crate::cli::options::usage_error::UsageError;
use crate::client::policy::{PolicyMode, PolicyOptions};
use crate::client::route::RouteOptions;
use clap::ValueEnum;

/// Options under the heading "TLS" that are for mail exchangers only.
#[derive(Debug, clap::Args)]
#[group(skip)]
#[command(next_help_heading = "TLS")]
pub struct Args {
    /// When to authenticate mail exchangers by DANE (RFC 7672).
    ///
    /// `auto`: an MX host that has TLSA records signed with DNSSEC must offer STARTTLS and match them; else the
    /// message is deferred, and never sent unencrypted. A resolver that validates is needed: on this host, or trusted by
    /// `trust-ad` in `[dns]` of the configuration. `require`: nothing is sent to a host without such records. `off`: TLSA
    /// records are ignored. With --relay, --connect-to, --proxy, and options that decide which certificates are valid,
    /// `auto` is off.
    #[arg(long, value_name = "MODE", value_enum, default_value_t = Mode::Auto)]
    dane: Mode,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Mode {
    Auto,
    Require,
    Off,
}

impl Args {
    /// The policies of a route. `contrary` is an option that decides instead of them.
    pub fn options(
        &self,
        route: &RouteOptions,
        contrary: Option<&'static str>,
    ) -> Result<PolicyOptions, UsageError> {
        let relay = route.relay.as_ref().map(|_| "--relay");
        let contrary = relay.or(contrary);
        let dane = match (self.dane, contrary) {
            (Mode::Require, Some(contrary)) => {
                let text =
                    format!("--dane require has no effect with {contrary}; omit one of them");
                return Err(UsageError::usage(text).about("--dane"));
            }
            (Mode::Off, _) | (_, Some(_)) => PolicyMode::Off,
            (Mode::Require, None) => PolicyMode::Require,
            // A tunnel or a proxy leads to a host that the DNS need not know here.
            (Mode::Auto, None) if route.connect_to.is_some() || route.proxy.is_some() => {
                PolicyMode::Off
            }
            (Mode::Auto, None) => PolicyMode::Auto,
        };
        Ok(PolicyOptions {
            dane,
            ..PolicyOptions::default()
        })
    }
}
