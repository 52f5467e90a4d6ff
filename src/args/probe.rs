//! What is asked about a server.

use super::value::{self, Target};
use super::{Wrong, auth, route, tls};
use crate::check::Expectation;
use crate::plan::Probe;
use crate::session;
use crate::wire::tls::Trust;
use std::time::Duration;

/// Say what a server says of itself, without sending mail.
///
/// Greeting, EHLO before and after TLS, the certificate and how it is judged, the mechanisms of AUTH, the
/// largest message, and how long each step took. With --expect, the exit status is 0 when all of it is
/// there, and 77 when not. With --user, it logs in as well; then the certificate must be right.
#[derive(Debug, clap::Args)]
#[group(skip)]
pub struct Args {
    /// The server, or a unix socket.
    #[arg(value_name = "HOST[:PORT]|PATH", value_parser = value::server)]
    host: Target,

    /// What must be there, like starttls,pipelining,auth=PLAIN,size>=10M,cert-days>=14.
    ///
    /// A keyword of EHLO, as it is offered last; with = and one of its parameters. Besides, starttls (offered
    /// in clear), tls, tls>=1.3, verified (the certificate), cert-days>=DAYS and size>=OCTETS (K, M and G of
    /// 1000, Ki, Mi and Gi of 1024).
    #[arg(long, value_name = "LIST", value_delimiter = ',', value_parser = Expectation::parse)]
    expect: Vec<Expectation>,

    /// One JSON object.
    #[arg(long, conflicts_with = "verbose")]
    json: bool,

    /// Show the conversation, too.
    #[arg(short, long)]
    verbose: bool,

    /// The port [default: 25, and 465 with --tls implicit].
    #[arg(short, long, value_parser = value::port)]
    port: Option<u16>,

    /// Our name in EHLO [default: this host's full name].
    #[arg(long, visible_alias = "ehlo", value_name = "NAME", value_parser = value::helo)]
    helo: Option<String>,

    /// One time limit for every step, like 30s.
    #[arg(long, value_name = "TIME", value_parser = value::duration)]
    timeout: Option<Duration>,

    #[command(flatten)]
    reach: route::Reach,
    #[command(flatten)]
    tls: tls::Args,
    #[command(flatten)]
    auth: auth::Args,
}

impl Args {
    /// The probe that is meant.
    pub fn plan(self) -> Result<Probe, Wrong> {
        let session = session::Options {
            helo: self.helo,
            timeout: self.timeout,
            ..session::Options::default()
        };
        let route = route::Args::to(self.host, self.port, self.reach);
        let mut way = super::way(route, session, self.tls, self.auth)?;
        // What is only looked at may be anything; a password goes to the right server only.
        if way.credentials.is_none() && way.tls.trust == Trust::Verified {
            way.tls.trust = Trust::Reported;
        }
        Ok(Probe {
            way,
            expect: self.expect,
            json: self.json,
            verbose: self.verbose,
        })
    }
}
