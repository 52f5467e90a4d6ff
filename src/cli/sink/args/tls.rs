//! The receiver's side of TLS.

use crate::cli::sink::args::UsageError;
use crate::server::ServerTlsOptions;
use clap::ValueEnum;
use std::path::PathBuf;

/// Options under the heading "TLS".
#[derive(Debug, clap::Args)]
#[group(skip)]
#[command(next_help_heading = "TLS")]
pub struct Args {
    /// When to encrypt: never, when the client says STARTTLS, or from the first byte on.
    ///
    /// The certificate is made at the start, for localhost, the loopback addresses and --name, by an authority that
    /// is made as well; so no client trusts it unless it is told to, see --save-ca.
    #[arg(long, value_name = "MODE", value_enum, default_value_t = SinkTlsMode::Off)]
    tls: SinkTlsMode,

    /// Take no mail without TLS.
    #[arg(long)]
    pub require_tls: bool,

    /// Write the authority to this file (PEM), for a client to trust.
    #[arg(long, value_name = "FILE", conflicts_with = "cert")]
    pub save_ca: Option<PathBuf>,

    /// Show this certificate (PEM, with its chain) instead of one that is made.
    #[arg(long, value_name = "FILE", requires = "key")]
    cert: Option<PathBuf>,

    /// The key of --cert (PEM).
    #[arg(long, value_name = "FILE", requires = "cert")]
    key: Option<PathBuf>,

    /// Want a certificate of the client that a CA in this file (PEM) has signed.
    #[arg(long, value_name = "FILE")]
    client_ca: Option<PathBuf>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum SinkTlsMode {
    Off,
    Starttls,
    Implicit,
}

impl Args {
    /// What is meant; `None` is no TLS.
    pub fn plan(&self, name: &str) -> Result<Option<ServerTlsOptions>, UsageError> {
        if self.require_tls && self.tls != SinkTlsMode::Starttls {
            return Err(UsageError::usage("--require-tls needs --tls starttls"));
        }
        if self.tls == SinkTlsMode::Off {
            return match self.idle() {
                None => Ok(None),
                Some(option) => Err(UsageError::usage(format!(
                    "{option} needs --tls starttls or --tls implicit"
                ))),
            };
        }
        Ok(Some(ServerTlsOptions {
            is_implicit: self.tls == SinkTlsMode::Implicit,
            files: self.cert.clone().zip(self.key.clone()),
            names: vec![name.to_owned()],
            client_ca: self.client_ca.clone(),
        }))
    }

    /// An option that means nothing without TLS.
    fn idle(&self) -> Option<&'static str> {
        [
            ("--save-ca", self.save_ca.is_some()),
            ("--cert", self.cert.is_some()),
            ("--client-ca", self.client_ca.is_some()),
        ]
        .into_iter()
        .find_map(|(option, is_there)| is_there.then_some(option))
    }
}
