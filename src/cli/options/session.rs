//! How the conversation is held.

use crate::cli::options::value;
use crate::client::session::Options;
use clap::ValueEnum;
use std::num::NonZeroU64;
use std::time::Duration;

/// Options under the heading "Session".
#[derive(Debug, clap::Args)]
#[group(skip)]
#[command(next_help_heading = "Session")]
pub struct Args {
    /// Our name in EHLO [default: this host's full name].
    ///
    /// Where this host has no full name, it is its address in brackets. --ehlo is the same.
    #[arg(long, visible_alias = "ehlo", value_name = "NAME", value_parser = value::helo)]
    helo: Option<String>,

    /// Commands in groups where the server offers it.
    ///
    /// `off` sends them one by one, although the server offers PIPELINING.
    #[arg(long, value_name = "WHEN", value_enum, default_value_t = Switch::Auto)]
    pipelining: Switch,

    /// BDAT instead of DATA where the server offers it.
    ///
    /// `off` uses DATA, although the server offers CHUNKING.
    #[arg(long, value_name = "WHEN", value_enum, default_value_t = Switch::Auto)]
    chunking: Switch,

    /// One time limit for every step, like 30s.
    ///
    /// It stands instead of the limits of RFC 5321: five minutes for most replies, ten for the one to the
    /// end of data; and thirty seconds for a connection.
    #[arg(long, value_name = "TIME", value_parser = value::duration)]
    timeout: Option<Duration>,

    /// Send no faster than this many bytes a second, like 500K or 2M.
    #[arg(long, value_name = "BYTES", value_parser = value::size)]
    limit_rate: Option<NonZeroU64>,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum Switch {
    Auto,
    Off,
}

impl Args {
    /// The session that is meant.
    pub fn options(self) -> Options {
        Options {
            helo: self.helo,
            no_pipelining: matches!(self.pipelining, Switch::Off),
            no_chunking: matches!(self.chunking, Switch::Off),
            timeout: self.timeout,
            rate: self.limit_rate,
            ..Options::default()
        }
    }
}
