//! Options of the page, the API and the expectations of a test.

use crate::cli::options::value;
use crate::cli::sink::{Expectation, WebOptions};
use crate::server::Listen;
use crate::server::web::{Query, Retention};
use std::time::Duration;

/// Options under the heading "Page and API".
#[derive(Debug, clap::Args)]
#[group(skip)]
#[command(next_help_heading = "Page and API")]
pub struct Args {
    /// Serve a page and an HTTP API with the messages at this address, as IP:PORT; repeatable.
    ///
    /// The page shows new messages at once. Messages are kept in a temporary file until the sink ends, or in the
    /// --maildir, whose messages are shown, too. The API is described in ehlo-sink(1).
    #[arg(long, value_name = "ADDR", value_parser = http_address, conflicts_with_all = ["mbox", "print"])]
    http: Vec<Listen>,

    /// Accept HTTP requests for this host name, besides IP addresses and localhost; repeatable.
    #[arg(long, value_name = "NAME", value_parser = value::domain, requires = "http")]
    http_name: Vec<String>,

    /// Keep at most N messages; the oldest are deleted, also from the --maildir.
    ///
    /// Without this option, the page shows at most 10000, and older ones stay in the --maildir.
    #[arg(long, value_name = "N", value_parser = value::number::<u32>(1, None), requires = "http")]
    max: Option<u32>,

    /// Delete messages of the page that are older than this, also from the --maildir.
    #[arg(long, value_name = "TIME", value_parser = value::duration, requires = "http")]
    max_age: Option<Duration>,

    /// Exit as soon as a message meets this condition, with status 1 if none did; repeatable.
    ///
    /// A condition has one or more terms, such as 'to=bob@example.org subject~"order [0-9]+"', and one message must
    /// meet all of them. FIELD:TEXT is part of the field, FIELD=TEXT is all of it, FIELD~REGEX matches it; - before a
    /// term negates it. With several conditions, each must be met by a message. With --count, the sink exits after
    /// that number of messages.
    #[arg(long, value_name = "CONDITION", value_parser = expectation)]
    expect: Vec<Expectation>,
}

impl Args {
    /// The page, if it is requested, and the expectations.
    pub fn plan(self) -> (Option<WebOptions>, Vec<Expectation>) {
        let web = WebOptions {
            listen: self.http,
            names: self.http_name,
            retention: Retention {
                max: self.max.and_then(|max| usize::try_from(max).ok()),
                max_age: self.max_age,
            },
        };
        ((!web.listen.is_empty()).then_some(web), self.expect)
    }
}

fn http_address(text: &str) -> Result<Listen, String> {
    match Listen::parse(text) {
        Ok(address @ Listen::Tcp(_)) => Ok(address),
        _ => Err("expected an address and a port, such as 127.0.0.1:8025".to_owned()),
    }
}

fn expectation(text: &str) -> Result<Expectation, String> {
    let query = Query::parse(text)?;
    if text.trim().is_empty() {
        return Err("expected a condition, such as to=bob@example.org".to_owned());
    }
    Ok(Expectation {
        text: text.to_owned(),
        query,
    })
}
