//! Options of `ehlo sink`.

use crate::cli::options::usage_error::UsageError;
use crate::cli::options::value;
use crate::cli::sink::behavior;
use crate::cli::sink::web;
use crate::cli::sink::{AuthOptions, MessageOutput, MessagePlan, ServerPlan, SinkOptions};
use crate::server::{
    Grace, Listen, MECHANISMS, OfferList, ServerOptions, ServerTlsOptions, SessionLimits,
};
use crate::smtp::extension::Extension;
use crate::smtp::mechanism::Mechanism;
use clap::ValueEnum;
use std::path::PathBuf;
use std::time::Duration;

/// Run a test mail server on the loopback interface.
///
/// A small SMTP/LMTP server that accepts every message. TLS, AUTH, extensions, delays and faults are
/// configurable. Without --maildir, --mbox, --print or --json, messages are discarded, and one line per message is
/// printed on stdout.
#[derive(Debug, clap::Args)]
#[group(skip)]
pub struct Args {
    /// Address to listen on, as IP:PORT or unix:PATH; repeatable.
    ///
    /// Port 0 selects a free port. Each address is printed on stderr as soon as it accepts connections. A Unix socket
    /// is accessible only to its owner and is removed at exit; a stale socket is replaced.
    #[arg(long, value_name = "ADDR", default_value = "127.0.0.1:2525", value_parser = Listen::parse)]
    listen: Vec<Listen>,

    /// Allow listening on addresses that other hosts can reach.
    #[arg(long)]
    allow_remote: bool,

    /// Host name in the greeting and in a generated certificate.
    #[arg(long, value_name = "NAME", default_value = "localhost", value_parser = value::helo)]
    name: String,

    /// Speak LMTP: LHLO, and one reply per recipient after the message.
    #[arg(long)]
    lmtp: bool,

    /// Require a PROXY protocol header, version 1 or 2, before everything else.
    ///
    /// The address in the header is used as the client's address. Clients that send no header are disconnected.
    #[arg(long)]
    proxy_protocol: bool,

    /// Exit after N messages.
    #[arg(long, value_name = "N", value_parser = value::number::<u64>(1, None))]
    count: Option<u64>,

    /// Exit after this time, such as 30s; with status 1 if fewer than --count messages were received.
    #[arg(long, value_name = "TIME", value_parser = value::duration)]
    time_limit: Option<Duration>,

    /// Maximum message size in bytes.
    #[arg(long, value_name = "BYTES", value_parser = value::number::<u64>(1, None))]
    max_size: Option<u64>,

    /// Maximum number of simultaneous connections; further ones get 421.
    #[arg(long, value_name = "N", default_value = "256", value_parser = connections)]
    max_connections: usize,

    #[command(flatten)]
    output: SinkOutputArgs,
    #[command(flatten)]
    web: web::Args,
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
        let (web, expectations) = self.web.plan();
        Ok(SinkOptions {
            server: ServerPlan {
                options: ServerOptions {
                    software: "ehlo sink",
                    listen: self.listen,
                    allow_remote: self.allow_remote,
                    count: self.count,
                    time_limit: self.time_limit,
                    name: self.name,
                    limits,
                    grace: Grace::default(),
                    behavior,
                },
                tls,
                save_ca: self.tls.save_ca,
                auth,
            },
            messages: MessagePlan {
                web,
                expectations,
                count: self.count,
                json: self.output.json,
                output: self.output.plan(),
            },
        })
    }
}

/// Options under the heading "Messages".
#[derive(Debug, clap::Args)]
#[group(skip)]
#[command(next_help_heading = "Messages")]
struct SinkOutputArgs {
    /// Store each message in this Maildir, which is created if necessary.
    #[arg(long, value_name = "DIR", conflicts_with_all = ["mbox", "print"])]
    maildir: Option<PathBuf>,

    /// Append each message to this file (mboxrd), which is created if necessary.
    #[arg(long, value_name = "FILE", conflicts_with = "print")]
    mbox: Option<PathBuf>,

    /// Print each message on stdout.
    #[arg(long)]
    print: bool,

    /// Log all events to stdout, one JSON object per line.
    #[arg(long, conflicts_with = "print")]
    json: bool,
}

impl SinkOutputArgs {
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
    /// TLS mode: none, after STARTTLS, or from the first byte.
    ///
    /// A certificate for localhost, the loopback addresses and --name, and a CA, are generated at startup; clients
    /// trust them only with --save-ca.
    #[arg(long, value_name = "MODE", value_enum, default_value_t = SinkTlsMode::Off)]
    tls: SinkTlsMode,

    /// Refuse mail without TLS.
    #[arg(long)]
    require_tls: bool,

    /// Save the generated CA certificate to this file (PEM), for clients to trust.
    #[arg(long, value_name = "FILE", conflicts_with = "cert")]
    save_ca: Option<PathBuf>,

    /// Server certificate with its chain (PEM), instead of a generated one.
    #[arg(long, value_name = "FILE", requires = "key")]
    cert: Option<PathBuf>,

    /// Private key for --cert (PEM).
    #[arg(long, value_name = "FILE", requires = "cert")]
    key: Option<PathBuf>,

    /// Require a client certificate signed by a CA in this file (PEM).
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
    /// Offer AUTH and accept any credentials, or those listed in FILE.
    ///
    /// The file has lines of user:password and must be readable only by you. The mechanisms are PLAIN, LOGIN,
    /// CRAM-MD5, OAUTHBEARER and XOAUTH2 and, with a file, SCRAM-SHA-1 and SCRAM-SHA-256; restrict them with
    /// --offer 'AUTH PLAIN LOGIN'. OAUTHBEARER and XOAUTH2 tokens are compared with the password.
    #[arg(long, value_name = "any|FILE")]
    auth: Option<PathBuf>,

    /// Refuse mail without authentication.
    #[arg(long, requires = "auth")]
    require_auth: bool,

    /// Allow authentication without TLS.
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
                "--offer AUTH: unknown mechanism {name}; supported: {names}"
            ))
        })?;
        if is_anybody && known.is_scram() {
            return Err(UsageError::usage(format!(
                "--offer AUTH: {} needs --auth FILE, because the server must know the password",
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
        _ => Err("expected a number from 1 to 10000".to_owned()),
    }
}
