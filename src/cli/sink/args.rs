//! Options of `ehlo sink`.

use crate::cli::options::usage_error::UsageError;
use crate::cli::options::value;
use crate::cli::sink::behavior;
use crate::cli::sink::{AuthOptions, MessageOutput, SinkOptions};
use crate::server::{
    Listen, MECHANISMS, OfferList, ServerOptions, ServerTlsOptions, SessionLimits,
};
use crate::smtp::extension::Extension;
use crate::smtp::mechanism::Mechanism;
use clap::ValueEnum;
use std::path::PathBuf;
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
    output: OutputArgs,
    #[command(flatten)]
    tls: TlsArgs,
    #[command(flatten)]
    auth: AuthArgs,
    #[command(flatten)]
    behavior: behavior::Args,
}

impl Args {
    /// Combines the options of all headings.
    pub fn plan(self) -> Result<SinkOptions, UsageError> {
        let tls = self.tls.plan(&self.name)?;
        let is_starttls = tls.as_ref().is_some_and(|tls| !tls.is_implicit);
        let offers = self.behavior.offers()?;
        let setting = behavior::DecidedSettings {
            lmtp: self.lmtp,
            tls: tls.is_some(),
            starttls: is_starttls,
            auth: self.auth.is_given(),
        };
        setting.check(&offers, self.behavior.faults())?;
        let auth = self.auth.plan(&offers, tls.is_some())?;
        let mut limits = SessionLimits::default();
        behavior::apply(&offers, &mut limits)?;
        if let Some(size) = self.max_size {
            limits.max_message_bytes = size;
        }
        limits.max_connections = self.max_connections;
        let mut behavior = self.behavior.plan(offers, &setting);
        behavior.lmtp = self.lmtp;
        behavior.proxy_protocol = self.proxy_protocol;
        behavior.require_tls = self.tls.require_tls;
        behavior.require_auth = self.auth.require_auth;
        Ok(SinkOptions {
            server: ServerOptions {
                listen: self.listen,
                allow_remote: self.allow_remote,
                count: self.count,
                time_limit: self.time_limit,
                name: self.name,
                limits,
                behavior,
            },
            tls,
            save_ca: self.tls.save_ca,
            auth,
            json: self.output.json,
            output: self.output.plan(),
        })
    }
}

/// Options under the heading "Messages".
#[derive(Debug, clap::Args)]
#[group(skip)]
#[command(next_help_heading = "Messages")]
struct OutputArgs {
    /// Put each message into this Maildir, which is made if need be.
    #[arg(long, value_name = "DIR", conflicts_with_all = ["mbox", "print"])]
    maildir: Option<PathBuf>,

    /// Append each message to this file (mboxrd), which is made if need be.
    #[arg(long, value_name = "FILE", conflicts_with = "print")]
    mbox: Option<PathBuf>,

    /// Write each message to stdout.
    #[arg(long)]
    print: bool,

    /// Tell on stdout all that happens, one JSON object a line.
    #[arg(long, conflicts_with = "print")]
    json: bool,
}

impl OutputArgs {
    fn plan(self) -> MessageOutput {
        match (self.maildir, self.mbox) {
            (Some(directory), _) => MessageOutput::Maildir(directory),
            (None, Some(file)) => MessageOutput::Mbox(file),
            (None, None) if self.print => MessageOutput::Print,
            (None, None) => MessageOutput::Nothing,
        }
    }
}

/// Options under the heading "TLS".
#[derive(Debug, clap::Args)]
#[group(skip)]
#[command(next_help_heading = "TLS")]
struct TlsArgs {
    /// When to encrypt: never, when the client says STARTTLS, or from the first byte on.
    ///
    /// The certificate is made at the start, for localhost, the loopback addresses and --name, by an authority that
    /// is made as well; so no client trusts it unless it is told to, see --save-ca.
    #[arg(long, value_name = "MODE", value_enum, default_value_t = SinkTlsMode::Off)]
    tls: SinkTlsMode,

    /// Take no mail without TLS.
    #[arg(long)]
    require_tls: bool,

    /// Write the authority to this file (PEM), for a client to trust.
    #[arg(long, value_name = "FILE", conflicts_with = "cert")]
    save_ca: Option<PathBuf>,

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

impl TlsArgs {
    /// `None`: no TLS.
    fn plan(&self, name: &str) -> Result<Option<ServerTlsOptions>, UsageError> {
        if self.require_tls && self.tls != SinkTlsMode::Starttls {
            return Err(UsageError::usage("--require-tls needs --tls starttls"));
        }
        if self.tls == SinkTlsMode::Off {
            return match self.without_effect() {
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

    /// An option that has no effect without TLS.
    fn without_effect(&self) -> Option<&'static str> {
        [
            ("--save-ca", self.save_ca.is_some()),
            ("--cert", self.cert.is_some()),
            ("--client-ca", self.client_ca.is_some()),
        ]
        .into_iter()
        .find_map(|(option, is_given)| is_given.then_some(option))
    }
}

/// Options under the heading "Auth".
#[derive(Debug, clap::Args)]
#[group(skip)]
#[command(next_help_heading = "Auth")]
struct AuthArgs {
    /// Offer AUTH: to anybody with any password or token, or to the users of a file.
    ///
    /// The file has lines of user:password, and is for nobody else to read. The mechanisms are PLAIN, LOGIN,
    /// CRAM-MD5, OAUTHBEARER and XOAUTH2, with a file SCRAM-SHA-1 and SCRAM-SHA-256, too; --offer 'AUTH PLAIN LOGIN'
    /// takes only those. A token of OAUTHBEARER or XOAUTH2 is compared with the password.
    #[arg(long, value_name = "any|FILE")]
    auth: Option<PathBuf>,

    /// Take no mail from those who are not logged in.
    #[arg(long, requires = "auth")]
    require_auth: bool,

    /// Let people log in without TLS as well.
    #[arg(long, requires = "auth")]
    auth_in_clear: bool,
}

impl AuthArgs {
    fn is_given(&self) -> bool {
        self.auth.is_some()
    }

    /// The accounts, with the mechanisms that --offer names.
    fn plan(&self, offers: &OfferList, has_tls: bool) -> Result<Option<AuthOptions>, UsageError> {
        let Some(users) = &self.auth else {
            return Ok(None);
        };
        if !has_tls && !self.auth_in_clear {
            return Err(UsageError::usage(
                "--auth needs --tls starttls or --tls implicit, or --auth-in-clear",
            ));
        }
        Ok(Some(AuthOptions {
            users: (users.as_os_str() != "any").then(|| users.clone()),
            only: mechanisms(offers, users.as_os_str() == "any")?,
            in_clear: self.auth_in_clear,
        }))
    }
}

/// The mechanisms of --offer AUTH; `None`: no restriction.
fn mechanisms(offers: &OfferList, is_anybody: bool) -> Result<Option<Vec<Mechanism>>, UsageError> {
    let Some(offer) = offers.offer(Extension::Auth) else {
        return Ok(None);
    };
    let mut only = Vec::new();
    for name in offer.parameters() {
        let known = Mechanism::parse(name).filter(|known| MECHANISMS.contains(known));
        let known = known.ok_or_else(|| {
            let names = MECHANISMS.map(Mechanism::name).join(", ");
            UsageError::usage(format!(
                "--offer AUTH: there is no mechanism {name}; there are {names}"
            ))
        })?;
        if is_anybody && known.is_scram() {
            return Err(UsageError::usage(format!(
                "--offer AUTH: {} needs --auth FILE, as the server must know the password",
                known.name()
            )));
        }
        only.push(known);
    }
    Ok((!only.is_empty()).then_some(only))
}

/// Each connection has a thread and a file descriptor.
fn connections(text: &str) -> Result<usize, String> {
    match text.parse() {
        Ok(number @ 1..=10_000) => Ok(number),
        _ => Err("it wants a number from 1 to 10000".to_owned()),
    }
}
