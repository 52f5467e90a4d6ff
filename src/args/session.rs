//! How the conversation is held.

use super::{Wrong, value};
use crate::session::Options;
use crate::text::shown;
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
    #[arg(long, visible_alias = "ehlo", value_name = "NAME", value_parser = value::any_helo)]
    helo: Option<String>,

    /// Commands in groups where the server offers it.
    ///
    /// `off` sends them one by one, although the server offers PIPELINING.
    #[arg(long, value_name = "WHEN", value_enum, default_value_t = When::Auto)]
    pipelining: When,

    /// BDAT instead of DATA where the server offers it.
    ///
    /// `off` uses DATA, although the server offers CHUNKING.
    #[arg(long, value_name = "WHEN", value_enum, default_value_t = When::Auto)]
    chunking: When,

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
enum When {
    Auto,
    Off,
}

impl Args {
    /// The session that is meant; a name for EHLO may be anything where that was said.
    pub fn options(self, is_raw: bool) -> Result<Options, Wrong> {
        if let (Some(name), false) = (&self.helo, is_raw) {
            value::helo(name).map_err(|why| {
                let name = shown(name);
                Wrong::usage(format!("--helo {name}: {why}; --raw takes it as it is"))
            })?;
        }
        Ok(Options {
            helo: self.helo,
            no_pipelining: matches!(self.pipelining, When::Off),
            no_chunking: matches!(self.chunking, When::Off),
            timeout: self.timeout,
            rate: self.limit_rate,
            ..Options::default()
        })
    }
}
