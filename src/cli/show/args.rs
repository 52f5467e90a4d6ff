//! The options of `ehlo show`.

use crate::cli::layers;
use crate::cli::options::route::resolver;
use crate::cli::options::usage_error::UsageError;
use crate::cli::options::value;
use crate::cli::options::value::HostPort;
use crate::cli::show::{KeyLookup, ShowOptions, ShowOutput};
use std::ffi::OsString;
use std::path::PathBuf;

/// Show messages: decoded header fields, text, parts and attachments.
///
/// A single message is shown completely; several are listed, and -n selects one from the list. Control characters and
/// other characters that could affect the terminal are shown as escapes. A message that is shown completely is
/// decrypted, and its signatures are checked, by gpg and openssl.
#[derive(Debug, clap::Args)]
#[group(skip)]
pub struct Args {
    /// Message, mbox, Maildir, or directory of messages; - for standard input; repeatable.
    ///
    /// A file that begins with a line "From " of an mbox is read as one. In a Maildir, the messages in new and cur are
    /// shown, except those marked as trashed.
    #[arg(value_name = "FILE|DIR|-", required = true)]
    paths: Vec<OsString>,

    /// Show only message N, counted from 1.
    #[arg(short, long, value_name = "N", value_parser = value::number::<u64>(1, None))]
    number: Option<u64>,

    /// Show each message completely instead of a list.
    #[arg(long, conflicts_with_all = ["number", "part"])]
    all: bool,

    /// Show all header fields.
    #[arg(short = 'H', long)]
    headers: bool,

    /// Show the HTML as it is, instead of the text.
    #[arg(long, conflicts_with = "json")]
    html: bool,

    /// Save the attachments in this directory, which is created if necessary.
    ///
    /// A file that exists is not overwritten: a number is added to the name. The names are those that the sender chose,
    /// without directories and without characters that are not safe in a file name.
    #[arg(long, value_name = "DIR")]
    extract: Option<PathBuf>,

    /// Write the decoded content of one part to standard output, such as 2 or 1.2.
    ///
    /// The number is the one in the list of parts.
    #[arg(long, value_name = "PART", conflicts_with_all = ["headers", "html", "extract", "json"])]
    part: Option<String>,

    /// Verify DKIM signatures with their keys, which are looked up in the DNS.
    ///
    /// Without this, only the tags and the hash of the body are checked, and nothing is looked up.
    #[arg(long, conflicts_with = "part")]
    dkim: bool,

    /// Use this DNS resolver instead of those in /etc/resolv.conf.
    #[arg(long, value_name = "IP[:PORT]", value_parser = value::target, requires = "dkim")]
    dns: Option<HostPort>,

    #[command(flatten)]
    layers: layers::Args,

    /// Print one JSON object per message.
    #[arg(long)]
    json: bool,
}

impl Args {
    pub fn plan(self) -> Result<ShowOptions, UsageError> {
        let output = match self.part {
            Some(part) => ShowOutput::Part(part),
            None if self.json => ShowOutput::Json,
            None => ShowOutput::Text {
                all_messages: self.all,
                all_fields: self.headers,
                html: self.html,
            },
        };
        let dns = self.dns.map(resolver).transpose()?;
        Ok(ShowOptions {
            paths: self.paths,
            number: self.number,
            extract: self.extract,
            keys: self.dkim.then_some(KeyLookup { dns }),
            layers: self.layers.files()?,
            output,
        })
    }
}
