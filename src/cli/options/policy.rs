//! TLS policies of recipient domains.

use crate::cli::options::usage_error::UsageError;
use crate::client::policy::{PolicyMode, PolicyOptions};
use crate::client::route::RouteOptions;
use clap::ValueEnum;

/// Options under the heading "TLS" that are for mail exchangers only.
#[derive(Debug, Default, clap::Args)]
#[group(skip)]
#[command(next_help_heading = "TLS")]
pub struct Args {
    /// When to authenticate mail exchangers by DANE (RFC 7672).
    ///
    /// `auto`: an MX host that has TLSA records signed with DNSSEC must offer STARTTLS and match them; else the
    /// message is deferred, and never sent unencrypted. This requires a validating resolver on this host, or one
    /// marked `trust-ad` in `[dns]`. `require`: nothing is sent to a host without such records. `off`: TLSA records
    /// are ignored. With --relay, --connect-to, --proxy, and options that decide which certificates are valid, `auto`
    /// is off.
    #[arg(long, value_name = "MODE", value_enum, default_value_t = Mode::Auto)]
    dane: Mode,

    /// When to obey the MTA-STS policies of recipient domains (RFC 8461).
    ///
    /// `auto`: with a policy in mode enforce, only MX hosts that match it are used, and they must offer STARTTLS and
    /// have a valid certificate; else the message is deferred, and never sent unencrypted. Policies are fetched by
    /// HTTPS and kept; see ehlo-policy(1). A host that DANE applies to is authenticated by DANE. `require`: nothing is
    /// sent to a domain without such a policy. `off`: policies are not looked up. With --relay, --connect-to, and
    /// options that decide which certificates are valid, `auto` is off.
    #[arg(long, value_name = "MODE", value_enum, default_value_t = Mode::Auto)]
    mta_sts: Mode,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
enum Mode {
    #[default]
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
        let is_elsewhere = route.connect_to.is_some();
        Ok(PolicyOptions {
            // A tunnel or a proxy leads to a host that the DNS need not know here.
            dane: self
                .dane
                .decided("--dane", contrary, is_elsewhere || route.proxy.is_some())?,
            sts: self.mta_sts.decided("--mta-sts", contrary, is_elsewhere)?,
        })
    }
}

impl Mode {
    /// The use of a policy. `contrary` is an option that decides instead of it; with `is_optional`, it is not worth
    /// looking for.
    fn decided(
        self,
        option: &'static str,
        contrary: Option<&str>,
        is_optional: bool,
    ) -> Result<PolicyMode, UsageError> {
        match (self, contrary) {
            (Self::Require, Some(contrary)) => {
                let text =
                    format!("{option} require has no effect with {contrary}; omit one of them");
                Err(UsageError::usage(text).about(option))
            }
            (Self::Require, None) => Ok(PolicyMode::Require),
            (Self::Auto, None) if !is_optional => Ok(PolicyMode::Auto),
            _ => Ok(PolicyMode::Off),
        }
    }
}
