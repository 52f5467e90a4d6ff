//! The receiver.

pub(crate) mod behavior;

mod auth;
mod keep;
mod tls;

use crate::cli::options::usage_error::UsageError;
use crate::cli::options::value;
use crate::cli::sink::args::behavior as manner;
use crate::cli::sink::options::SinkOptions;
use crate::server::{Listen, ServerOptions, SinkLimits};
use std::time::Duration;

/// Receive mail on loopback, for demos, tests and scripts.
///
/// A small SMTP or LMTP server that takes every message, and behaves as it is told to: with TLS and AUTH, with
/// more or fewer extensions, slowly, or wrongly. Without --maildir, --mbox, --print or --json, a line for each
/// message on stdout is all that is kept of it.
#[derive(Debug, clap::Args)]
#[group(skip)]
pub struct Args {
    /// Where to listen; may be given more than once.
    ///
    /// Port 0 takes a free one. Each place is said on stderr as soon as it can be connected to. A unix socket is
    /// for its owner alone, and is removed at the end; one that nobody listens at any more is replaced.
    #[arg(long, value_name = "IP:PORT|unix:PATH", default_value = "127.0.0.1:2525", value_parser = Listen::parse)]
    listen: Vec<Listen>,

    /// Listen on an address that other hosts can reach.
    #[arg(long)]
    allow_remote: bool,

    /// The name in the greeting, and in a certificate that is made.
    #[arg(long, value_name = "NAME", default_value = "localhost", value_parser = value::helo)]
    name: String,

    /// Speak LMTP: LHLO, and a reply for each recipient at the end of the message.
    #[arg(long)]
    lmtp: bool,

    /// Want a header of the PROXY protocol, version 1 or 2, before everything else.
    ///
    /// The address in it is the client's from then on. Who sends none is disconnected.
    #[arg(long)]
    proxy_protocol: bool,

    /// End after this many messages.
    #[arg(long, value_name = "N", value_parser = value::number::<u64>(1, None))]
    count: Option<u64>,

    /// End after this time, like 30s; with status 1 if fewer messages than --count have come.
    #[arg(long, value_name = "TIME", value_parser = value::duration)]
    time_limit: Option<Duration>,

    /// The largest message that is taken, in bytes.
    #[arg(long, value_name = "BYTES", value_parser = value::number::<u64>(1, None))]
    max_size: Option<u64>,

    /// How many may be connected at once; those beyond hear 421.
    #[arg(long, value_name = "N", default_value = "256", value_parser = connections)]
    max_connections: usize,

    #[command(flatten)]
    keep: keep::Args,
    #[command(flatten)]
    tls: tls::Args,
    #[command(flatten)]
    auth: auth::Args,
    #[command(flatten)]
    manner: manner::Args,
}

impl Args {
    /// The receiver that is meant.
    pub fn plan(self) -> Result<SinkOptions, UsageError> {
        let tls = self.tls.plan(&self.name)?;
        let is_starttls = tls.as_ref().is_some_and(|tls| !tls.is_implicit);
        let offers = self.manner.offers()?;
        let setting = manner::DecidedSettings {
            lmtp: self.lmtp,
            tls: tls.is_some(),
            starttls: is_starttls,
            auth: self.auth.is_wanted(),
        };
        setting.check(&offers, self.manner.faults())?;
        let auth = self.auth.doorman(&offers, tls.is_some())?;
        let mut limits = SinkLimits::default();
        manner::apply(&offers, &mut limits)?;
        if let Some(size) = self.max_size {
            limits.max_message_bytes = size;
        }
        limits.max_connections = self.max_connections;
        let mut manner = self.manner.plan(offers, &setting);
        manner.lmtp = self.lmtp;
        manner.proxy_protocol = self.proxy_protocol;
        manner.require_tls = self.tls.require_tls;
        manner.require_auth = self.auth.require_auth;
        Ok(SinkOptions {
            server: ServerOptions {
                listen: self.listen,
                allow_remote: self.allow_remote,
                count: self.count,
                time_limit: self.time_limit,
                name: self.name,
                limits,
                manner,
            },
            tls,
            save_ca: self.tls.save_ca,
            auth,
            json: self.keep.json,
            keep: self.keep.plan(),
        })
    }
}

/// A thread and a file descriptor for each, of which there are only so many.
fn connections(text: &str) -> Result<usize, String> {
    match text.parse() {
        Ok(number @ 1..=10_000) => Ok(number),
        _ => Err("it wants a number from 1 to 10000".to_owned()),
    }
}
