//! The receiver.

use super::value;
use crate::plan::{Keep, Sink};
use crate::sink::{Limits, Options};
use std::net::SocketAddr;
use std::path::PathBuf;

/// Receive mail on loopback, for demos, tests and scripts.
///
/// A small SMTP server that takes every message: EHLO, PIPELINING, SIZE, 8BITMIME, SMTPUTF8, CHUNKING.
/// Without --maildir or --print, a line for each message is all that is kept of it.
#[derive(Debug, clap::Args)]
#[group(skip)]
pub struct Args {
    /// Where to listen; port 0 takes a free one, which is said on stderr.
    #[arg(long, value_name = "IP:PORT", default_value = "127.0.0.1:2525")]
    listen: SocketAddr,

    /// Put each message into this Maildir, which is made if need be.
    #[arg(long, value_name = "DIR", conflicts_with = "print")]
    maildir: Option<PathBuf>,

    /// Write each message to stdout.
    #[arg(long)]
    print: bool,

    /// Leave after this many messages.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    count: Option<u64>,

    /// The largest message that is taken, in bytes.
    #[arg(long, value_name = "BYTES", value_parser = clap::value_parser!(u64).range(1..))]
    max_size: Option<u64>,

    /// The name in the greeting.
    #[arg(long, value_name = "NAME", default_value = "localhost", value_parser = value::helo)]
    name: String,

    /// Listen on an address that other hosts can reach.
    #[arg(long)]
    allow_remote: bool,
}

impl Args {
    /// The receiver that is meant.
    pub fn plan(self) -> Sink {
        let mut limits = Limits::default();
        if let Some(size) = self.max_size {
            limits.max_message_bytes = size;
        }
        let keep = match self.maildir {
            Some(directory) => Keep::Maildir(directory),
            None if self.print => Keep::Print,
            None => Keep::Nothing,
        };
        Sink {
            server: Options {
                allow_remote: self.allow_remote,
                count: self.count,
                name: self.name,
                limits,
                ..Options::new(self.listen)
            },
            keep,
        }
    }
}
