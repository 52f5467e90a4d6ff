//! TLS: when it is used, and which certificates are valid.

use crate::cli::options::usage_error::UsageError;
use crate::cli::options::value;
use crate::client::route;
use crate::client::route::Host;
use crate::client::session::TlsDemand;
use crate::client::wire::tls::{Pin, Sni, TlsOptions, TlsVersions, Trust};
use clap::ValueEnum;
use std::net::IpAddr;
use std::path::PathBuf;

/// The port of implicit TLS (RFC 8314 §7.3).
const SUBMISSIONS: u16 = 465;

/// Options under the heading "TLS".
#[derive(Clone, Debug, clap::Args)]
#[group(skip)]
#[command(next_help_heading = "TLS")]
pub struct Args {
    /// When to use TLS.
    ///
    /// `auto`: to an MX, use STARTTLS if offered, accept any certificate, and fall back to plaintext. To a
    /// relay, use STARTTLS if offered and require a valid certificate; on port 465, use implicit TLS; on a Unix
    /// socket, no TLS. A command (--pipe) is treated like an MX, or like a relay with --tls-name, --ca-file or
    /// --pin. `starttls`, `implicit`: require TLS and a valid certificate. `off`: never use TLS.
    #[arg(long, value_name = "MODE", value_enum, default_value_t = TlsMode::Auto)]
    tls: TlsMode,

    /// Accept any certificate.
    #[arg(short = 'k', long, conflicts_with_all = ["ca_file", "pin"])]
    insecure: bool,

    /// Trust the CAs in this file (PEM) instead of those of the system.
    ///
    /// Self-signed certificates in the file are trusted as well.
    #[arg(long, value_name = "FILE")]
    ca_file: Option<PathBuf>,

    /// Client certificate with its chain (PEM).
    #[arg(long, value_name = "FILE", requires = "key")]
    cert: Option<PathBuf>,

    /// Private key of the client certificate (PEM, unencrypted).
    #[arg(long, value_name = "FILE", requires = "cert")]
    key: Option<PathBuf>,

    /// Name expected in the certificate, instead of the server name.
    #[arg(long, value_name = "NAME", value_parser = value::tls_name)]
    tls_name: Option<String>,

    /// Expected certificate or public key of the server, as sha256:SUM; implies that TLS is required.
    ///
    /// SUM is the SHA-256 of the certificate or of its public key, in hexadecimal or base64, as shown by
    /// --verbose and --json. It replaces the CA check unless --ca-file is also given. Repeat the option for a
    /// key rollover.
    #[arg(long, value_name = "SUM", value_parser = value::pin)]
    pin: Vec<Pin>,

    /// Minimum TLS version; implies that TLS is required.
    #[arg(long, value_name = "VERSION", value_enum)]
    tls_min: Option<Version>,

    /// Maximum TLS version, to test a server.
    #[arg(long, value_name = "VERSION", value_enum)]
    tls_max: Option<Version>,

    /// Server name sent in the TLS handshake (SNI); `none` sends no name.
    ///
    /// The default is the name expected in the certificate, which this option does not change.
    #[arg(long, value_name = "NAME|none", value_parser = sni)]
    sni: Option<Sni>,

    /// Save the server's certificate chain (PEM), whether or not it is valid.
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

    /// TLS from the first byte, as a URL demands it: `smtps:// in --relay`.
    pub fn use_implicit(&mut self, url: &str) -> Result<(), UsageError> {
        let other = match self.tls {
            TlsMode::Auto | TlsMode::Implicit => {
                self.tls = TlsMode::Implicit;
                return Ok(());
            }
            TlsMode::Off => "off",
            TlsMode::Starttls => "starttls",
        };
        Err(UsageError::usage(format!(
            "--tls {other} conflicts with {url}; omit one of them"
        ))
        .about("--tls"))
    }

    /// An option that decides about TLS or certificates, so that a policy in the DNS does not.
    pub fn replaces_policies(&self) -> Option<&'static str> {
        let present = [
            ("--tls off", self.tls == TlsMode::Off),
            ("--insecure", self.insecure),
            ("--ca-file", self.ca_file.is_some()),
            ("--pin", !self.pin.is_empty()),
            ("--tls-name", self.tls_name.is_some()),
        ];
        let mut present = present.into_iter();
        present.find_map(|(option, present)| present.then_some(option))
    }

    pub fn options(
        self,
        route: &route::RouteOptions,
    ) -> Result<(TlsDemand, TlsOptions), UsageError> {
        let encryption = self.encryption(route);
        let versions = self.versions()?;
        match (encryption, self.requirement()) {
            (TlsDemand::Off, Some(option)) => {
                return Err(UsageError::usage(format!(
                    "{option} has no effect with --tls off; omit one of them"
                ))
                .about(option));
            }
            (TlsDemand::Opportunistic, Some(option)) => {
                return Err(UsageError::usage(format!(
                    "{option} has no effect with an MX, for which TLS is optional and any certificate is accepted; \
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
            sni: self.sni.unwrap_or_default(),
            versions,
            save_certs: self.save_certs,
        };
        Ok((encryption, options))
    }

    fn versions(&self) -> Result<TlsVersions, UsageError> {
        match (self.tls_min, self.tls_max) {
            (Some(Version::Tls13), Some(Version::Tls12)) => Err(UsageError::usage(
                "--tls-min 1.3 conflicts with --tls-max 1.2; omit one of them",
            )
            .about("--tls-max")),
            (Some(Version::Tls13), _) => Ok(TlsVersions::Only13),
            (_, Some(Version::Tls12)) => Ok(TlsVersions::Only12),
            _ => Ok(TlsVersions::All),
        }
    }

    fn encryption(&self, route: &route::RouteOptions) -> TlsDemand {
        let port = route.relay.as_ref().map_or(route.port, |relay| relay.port);
        let is_required = !self.pin.is_empty() || self.tls_min.is_some();
        match (self.tls, route.relay.as_ref().map(|relay| &relay.host)) {
            // Data on a Unix socket does not leave this host.
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
                "--tls-max",
                self.tls_max.is_some() && self.tls == TlsMode::Off,
            ),
            ("--sni", self.sni.is_some() && self.tls == TlsMode::Off),
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

/// A host name, or `none`.
fn sni(text: &str) -> Result<Sni, String> {
    match text {
        "none" => Ok(Sni::Absent),
        _ if text.parse::<IpAddr>().is_ok() => {
            Err("an IP address is not sent as a server name (RFC 6066)".to_owned())
        }
        _ => value::tls_name(text).map(Sni::Name),
    }
}
