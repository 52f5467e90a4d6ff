//! TLS: when it is used, and which certificates are valid.

use crate::cli::options::usage_error::UsageError;
use crate::cli::options::value;
use crate::client::route;
use crate::client::route::Host;
use crate::client::session::TlsDemand;
use crate::client::wire::tls::{Pin, TlsOptions, Trust};
use clap::ValueEnum;
use std::path::PathBuf;

/// The port of implicit TLS (RFC 8314 §7.3).
const SUBMISSIONS: u16 = 465;

/// Options under the heading "TLS".
#[derive(Debug, clap::Args)]
#[group(skip)]
#[command(next_help_heading = "TLS")]
pub struct Args {
    /// When to encrypt.
    ///
    /// `auto` for an MX: STARTTLS if it is offered, with any certificate, and in clear if it does not
    /// work. `auto` for a relay: STARTTLS if it is offered, and then the certificate must be valid; on
    /// port 465, TLS from the first byte on; none through a unix socket. `auto` for a command (--pipe): as
    /// for an MX, because a command has no name; with --tls-name or --ca-file, as for a relay. `starttls`
    /// and `implicit`: no message without TLS, and the certificate must be valid.
    #[arg(long, value_name = "MODE", value_enum, default_value_t = TlsMode::Auto)]
    tls: TlsMode,

    /// Take any certificate.
    #[arg(short = 'k', long, conflicts_with_all = ["ca_file", "pin"])]
    insecure: bool,

    /// Trust the CAs in this file (PEM) instead of the system's.
    ///
    /// A self-signed certificate that stands in it is trusted, too.
    #[arg(long, value_name = "FILE")]
    ca_file: Option<PathBuf>,

    /// Our own certificate (PEM, with its chain).
    #[arg(long, value_name = "FILE", requires = "key")]
    cert: Option<PathBuf>,

    /// The key of our own certificate (PEM, without passphrase).
    #[arg(long, value_name = "FILE", requires = "cert")]
    key: Option<PathBuf>,

    /// The name that the certificate must have, instead of that of the server.
    #[arg(long, value_name = "NAME", value_parser = value::tls_name)]
    tls_name: Option<String>,

    /// The server's certificate or key, as sha256:SUM; TLS is required.
    ///
    /// The sum of the whole certificate or of its public key, in hexadecimal or base64, as --verbose and --json
    /// show it. It stands instead of the CAs, unless --ca-file is given as well. May be repeated, for the key
    /// that comes next.
    #[arg(long, value_name = "SUM", value_parser = value::pin)]
    pin: Vec<Pin>,

    /// The oldest version of TLS that will do; TLS is required.
    #[arg(long, value_name = "VERSION", value_enum)]
    tls_min: Option<Version>,

    /// Write the server's certificates to this file (PEM), good or not.
    #[arg(long, value_name = "FILE")]
    save_certs: Option<PathBuf>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum TlsMode {
    Auto,
    Off,
    Starttls,
    Implicit,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Version {
    #[value(name = "1.2")]
    Tls12,
    #[value(name = "1.3")]
    Tls13,
}

impl Args {
    pub fn default_port(&self) -> u16 {
        match self.tls {
            TlsMode::Implicit => SUBMISSIONS,
            _ => 25,
        }
    }

    /// TLS from the first byte, as the URL of a relay demands it.
    pub fn use_implicit(&mut self) -> Result<(), UsageError> {
        let other = match self.tls {
            TlsMode::Auto | TlsMode::Implicit => {
                self.tls = TlsMode::Implicit;
                return Ok(());
            }
            TlsMode::Off => "off",
            TlsMode::Starttls => "starttls",
        };
        Err(UsageError::usage(format!(
            "--tls {other} contradicts smtps:// in --relay; leave one of them out"
        ))
        .about("--tls"))
    }

    pub fn options(
        self,
        route: &route::RouteOptions,
    ) -> Result<(TlsDemand, TlsOptions), UsageError> {
        let encryption = self.encryption(route);
        match (encryption, self.requirement()) {
            (TlsDemand::Off, Some(option)) => {
                return Err(UsageError::usage(format!(
                    "{option} has no meaning with --tls off; leave one of them out"
                ))
                .about(option));
            }
            (TlsDemand::Opportunistic, Some(option)) => {
                return Err(UsageError::usage(format!(
                    "{option} has no meaning for an MX, where any certificate will do and none as well; \
                     add --tls starttls, or name the server with --relay"
                ))
                .about(option));
            }
            _ => {}
        }
        let accepts_any = self.insecure || encryption == TlsDemand::Opportunistic;
        let options = TlsOptions {
            trust: if accepts_any {
                Trust::Any
            } else {
                Trust::Verified
            },
            ca_file: self.ca_file,
            pins: self.pin,
            identity: self.cert.zip(self.key),
            name: self.tls_name,
            only_tls13: self.tls_min == Some(Version::Tls13),
            save_certs: self.save_certs,
        };
        Ok((encryption, options))
    }

    fn encryption(&self, route: &route::RouteOptions) -> TlsDemand {
        let port = route.relay.as_ref().map_or(route.port, |relay| relay.port);
        let is_required = !self.pin.is_empty() || self.tls_min.is_some();
        match (self.tls, route.relay.as_ref().map(|relay| &relay.host)) {
            // Data on a unix socket does not leave this host.
            (TlsMode::Off, _) | (TlsMode::Auto, Some(Host::Unix(_))) => TlsDemand::Off,
            (TlsMode::Starttls, _) => TlsDemand::Starttls,
            (TlsMode::Implicit, _) => TlsDemand::Implicit,
            (TlsMode::Auto, _) if port == SUBMISSIONS => TlsDemand::Implicit,
            (TlsMode::Auto, None) => TlsDemand::Opportunistic,
            (TlsMode::Auto, _) if is_required => TlsDemand::Starttls,
            (TlsMode::Auto, Some(Host::Pipe(_))) if !self.has_trust_option() => {
                TlsDemand::Opportunistic
            }
            (TlsMode::Auto, _) => TlsDemand::IfOffered,
        }
    }

    /// True if an option decides which certificates are valid, for a server without a name of its own.
    fn has_trust_option(&self) -> bool {
        self.insecure || self.tls_name.is_some() || self.ca_file.is_some()
    }

    /// An option that requires TLS.
    fn requirement(&self) -> Option<&'static str> {
        let present = [
            ("--ca-file", self.ca_file.is_some()),
            ("--pin", !self.pin.is_empty()),
            ("--tls-name", self.tls_name.is_some()),
            ("--tls-min", self.tls_min.is_some()),
            ("--cert", self.cert.is_some() && self.tls == TlsMode::Off),
            (
                "--save-certs",
                self.save_certs.is_some() && self.tls == TlsMode::Off,
            ),
        ];
        present
            .into_iter()
            .find_map(|(option, present)| present.then_some(option))
    }
}
