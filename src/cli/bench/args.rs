//! The options of `ehlo bench`.

use crate::cli::bench::{Bench, BenchOutput};
use crate::cli::options::command_line::CommandLineArgs;
use crate::cli::options::route_plan::of_whole_profile;
use crate::cli::options::testing::stop_point;
use crate::cli::options::transport::{SessionArgs, transport};
use crate::cli::options::usage_error::UsageError;
use crate::cli::options::value::HostPort;
use crate::cli::options::{auth, config, route, tls, value};
use crate::client::session::{EarlyStop, Options, Protocol, StopMethod, TlsDemand};
use crate::client::transport::Transport;
use crate::config::{Config, Places, Profile};
use crate::mail::address::{Address, AddressError, Domain, Mailbox, parse_list};
use crate::mail::message::{Content, Input, MessageOptions, ReadyMessage};
use crate::probe::load::{
    LoadEnd, LoadExpectation, LoadPlan, MessageTemplate, Mix, Pace, RecipientTemplate, Sizes,
    is_reserved,
};
use crate::smtp::stage::Stage;
use crate::system::exit::Exit;
use std::num::NonZeroU64;
use std::path::PathBuf;
use std::time::Duration;

/// Largest number of connections.
const MAX_CONNECTIONS: u64 = 10_000;

/// Connections of the closed loop.
const CONNECTIONS: usize = 10;

/// Largest number of connections of the open loop.
const OPEN_CONNECTIONS: usize = 100;

/// Duration of a run without an end.
const DURATION: Duration = Duration::from_secs(10);

/// Time limit of each step.
const TIMEOUT: Duration = Duration::from_secs(30);

const SENDER: &str = "bench@example.com";

const RECIPIENT: &str = "sink@example.com";

/// Put load on an SMTP server, and report how long each step takes.
///
/// In the closed loop, each connection sends its next message as soon as the server has answered the previous one.
/// With --rate (the open loop), messages are due at fixed times, and the time of a message counts from when it was
/// due, so that stalls of the server are fully counted. The report has percentiles for each step, replies and errors
/// by kind. The server must be yours: public addresses require --i-own-this-server, and recipients outside the
/// reserved domains --allow-recipients.
#[derive(Debug, clap::Args)]
#[group(skip)]
#[command(
    mut_arg("timeout", |arg| arg.help("Time limit for each step [default: 30s]").long_help(None)),
    mut_arg("limit_rate", |arg| arg.hide_short_help(true)),
    mut_arg("pipelining", |arg| arg.default_value("eager")),
    mut_arg("tls", |arg| arg.long_help(TLS)),
    mut_arg("profile", |arg| arg.help("Use the relay of this profile, with its TLS and login").long_help(None).hide_short_help(true)),
    mut_arg("config", |arg| arg.hide_short_help(true)),
)]
pub struct Args {
    /// Server, or the path of a Unix socket.
    #[arg(value_name = "HOST[:PORT]|PATH", help_heading = "Arguments", value_parser = value::relay,
          required_unless_present = "profile")]
    host: Option<HostPort>,

    #[command(flatten)]
    load: LoadArgs,
    #[command(flatten)]
    message: MessageArgs,
    #[command(flatten)]
    result: ResultArgs,
    #[command(flatten)]
    safety: SafetyArgs,

    /// Port: a number, or smtp, submission or submissions [default: 25, and 465 with --tls implicit].
    #[arg(short, long, value_parser = value::port, help_heading = "Route")]
    port: Option<u16>,
    #[command(flatten)]
    reach: route::Reach,
    #[command(flatten)]
    session: SessionArgs,
    #[command(flatten)]
    tls: tls::Args,
    #[command(flatten)]
    auth: auth::Args,
    #[command(flatten)]
    config: config::Args,
}

/// Options that can be used with a profile, which has all options of the transport.
const WITH_PROFILE: [&str; 28] = [
    "profile",
    "config",
    "timeout",
    "connections",
    "rate",
    "messages",
    "duration",
    "warm_up",
    "ramp",
    "per_connection",
    "think",
    "mix",
    "quit_after",
    "keep_going",
    "size",
    "message",
    "from",
    "to",
    "recipients",
    "seed",
    "expect",
    "json",
    "html",
    "histogram",
    "interval",
    "quiet",
    "i_own_this_server",
    "allow_recipients",
];

const TLS: &str = "\
When to use TLS.

`auto`: use STARTTLS if offered; on port 465, use implicit TLS; on a Unix socket, no TLS. The certificate must be valid \
unless -k is given. `starttls`, `implicit`: require TLS. `off`: never use TLS. Each handshake is a full one: sessions \
are not resumed.";

/// Options under the heading "Load".
#[derive(Debug, clap::Args)]
#[group(skip)]
#[command(next_help_heading = "Load")]
struct LoadArgs {
    /// Number of connections, or with --rate, the largest number [default: 10, or 100].
    #[arg(short, long, value_name = "N", value_parser = value::number::<usize>(1, Some(MAX_CONNECTIONS)))]
    connections: Option<usize>,

    /// Send messages at this rate (open loop), as in 200/s or 6000/m.
    #[arg(long, value_name = "N/UNIT", value_parser = value::rate)]
    rate: Option<value::Rate>,

    /// End the run after this number of messages.
    #[arg(short = 'n', long, value_name = "N", value_parser = value::number::<u64>(1, None))]
    messages: Option<u64>,

    /// End the run after this time, the warm-up not included [default: 10s, unless --messages is given].
    ///
    /// Messages that have begun are completed.
    #[arg(short, long, value_name = "TIME", value_parser = value::duration)]
    duration: Option<Duration>,

    /// Do not measure the messages of the first TIME.
    #[arg(long, value_name = "TIME", value_parser = value::duration)]
    warm_up: Option<Duration>,

    /// Reach the rate, or the number of connections, evenly over this time.
    #[arg(long, value_name = "TIME", value_parser = value::duration)]
    ramp: Option<Duration>,

    /// Number of messages on a connection; 0: as many as the server accepts.
    #[arg(long, value_name = "N", default_value_t = 1)]
    per_connection: u64,

    /// Pause of a connection between two messages, in the closed loop.
    #[arg(long, value_name = "TIME", value_parser = value::duration, conflicts_with = "rate")]
    think: Option<Duration>,

    /// Percentage of the sessions that use TLS and that log in, as in tls=80,auth=50.
    ///
    /// The other sessions do not. The default for each is 100.
    #[arg(long, value_name = "LIST", value_parser = mix)]
    mix: Option<Mix>,

    /// End each session after the reply to this stage, to measure connections without messages.
    ///
    /// As in ehlo(1): connect, banner, ehlo, starttls, auth, mail, rcpt, data.
    #[arg(long, value_name = "STAGE", value_parser = stop_point, hide_short_help = true)]
    quit_after: Option<Stage>,

    /// Go on although the server refuses most messages.
    ///
    /// Without this option, the run ends if the server has refused more than half of the messages in five intervals
    /// (see --interval).
    #[arg(long, hide_short_help = true)]
    keep_going: bool,

    /// Use LMTP, on port 24 by default.
    #[arg(long, hide_short_help = true)]
    lmtp: bool,
}

/// Options under the heading "Message".
#[derive(Debug, clap::Args)]
#[group(skip)]
#[command(next_help_heading = "Message")]
struct MessageArgs {
    /// Size of the messages: one, a range, or several with weights, as in 4K, 1K-1M or 1K:70,100K:25,5M:5.
    ///
    /// The size includes the header; K and M are powers of 1024. A size within a range is chosen at random.
    #[arg(long, value_name = "LIST", value_parser = sizes, default_value = "1K")]
    size: Sizes,

    /// Send this message instead of generated ones.
    ///
    /// The field X-Ehlo-Bench is put before its header.
    #[arg(long, value_name = "FILE", conflicts_with = "size")]
    message: Option<PathBuf>,

    /// Envelope sender [default: bench@example.com]; '' for the null sender.
    #[arg(short, long, value_name = "ADDR", allow_hyphen_values = true)]
    from: Option<String>,

    /// Recipient, in which {n} is replaced by a number [default: sink@example.com].
    #[arg(long, value_name = "ADDR", value_parser = recipient)]
    to: Option<RecipientTemplate>,

    /// Number of recipients of each message.
    #[arg(long, value_name = "N", value_parser = value::number::<u64>(1, Some(1000)), default_value_t = 1)]
    recipients: u64,

    /// Seed for sizes and texts, to repeat a run.
    #[arg(long, value_name = "N", hide_short_help = true, default_value_t = 1)]
    seed: u64,
}

/// Options under the heading "Result".
#[derive(Debug, clap::Args)]
#[group(skip)]
#[command(next_help_heading = "Result")]
struct ResultArgs {
    /// Required results, as in p99:200ms,errors:0.1%,rate:500,tls.p50:20ms.
    ///
    /// If one is not met, the exit status is 77. pN, mean and max are times of a message, which must not be exceeded;
    /// with the name of a step before them, of that step. errors is the largest number or percentage of messages that
    /// are not accepted. rate is the smallest number of accepted messages per second.
    #[arg(long, value_name = "LIST", value_delimiter = ',', value_parser = LoadExpectation::parse)]
    expect: Vec<LoadExpectation>,

    /// Print one JSON object for each interval, and one for the result.
    #[arg(long)]
    json: bool,

    /// Write a page with charts to this file.
    ///
    /// It is one file without scripts that loads nothing.
    #[arg(long, value_name = "FILE")]
    html: Option<PathBuf>,

    /// Write the distribution of the time of a message to this file.
    ///
    /// In the text form of `HdrHistogram` (percentiles, in milliseconds).
    #[arg(long, value_name = "FILE", hide_short_help = true)]
    histogram: Option<PathBuf>,

    /// Time between two interim results.
    #[arg(long, value_name = "TIME", value_parser = value::duration, default_value = "1s")]
    interval: Duration,

    /// No interim results on standard error.
    #[arg(short, long)]
    quiet: bool,
}

/// Options under the heading "Safety".
#[derive(Debug, clap::Args)]
#[group(skip)]
#[command(next_help_heading = "Safety")]
struct SafetyArgs {
    /// Allow a server with a public address.
    ///
    /// Without this option, only loopback, private and link-local addresses, and Unix sockets, are used.
    #[arg(long)]
    i_own_this_server: bool,

    /// Allow recipients in this domain; repeatable.
    ///
    /// Without this option, recipients must be in a reserved domain such as example.com, *.test or *.example, or in the
    /// domain named as HOST.
    #[arg(long, value_name = "DOMAIN", value_parser = value::domain)]
    allow_recipients: Vec<String>,
}

fn sizes(text: &str) -> Result<Sizes, String> {
    Sizes::parse(text, |text| value::size(text).map(NonZeroU64::get))
}

fn recipient(text: &str) -> Result<RecipientTemplate, String> {
    RecipientTemplate::parse(text).map_err(|error| error.to_string())
}

fn mix(text: &str) -> Result<Mix, String> {
    let mut mix = Mix::ALL;
    for entry in text.split(',') {
        let wrong = || "expected percentages, as in tls=80,auth=50".to_owned();
        let (name, percent) = entry.split_once('=').ok_or_else(wrong)?;
        let percent = percent.strip_suffix('%').unwrap_or(percent);
        let percent: u8 = percent.parse().map_err(|_| wrong())?;
        if percent > 100 {
            return Err(wrong());
        }
        match name {
            "tls" => mix.tls = percent,
            "auth" => mix.auth = percent,
            _ => return Err(wrong()),
        }
    }
    Ok(mix)
}

impl Args {
    pub fn plan(
        mut self,
        command_line: CommandLineArgs<'_>,
        places: &Places,
    ) -> Result<Bench, UsageError> {
        let transport = self.transport(command_line, places)?;
        let sender = self.message.sender()?;
        let to = match self.message.to.take() {
            Some(to) => to,
            None => recipient(RECIPIENT).map_err(UsageError::usage)?,
        };
        self.check_recipient(&to.example, &transport)?;
        let template = (to.clone(), self.message.recipients);
        let sizes = self.message.size.clone();
        let message = MessageTemplate::new(sender, template, sizes, self.message.seed);
        let ready = self.message.message.take();
        let ready = ready.map(|file| ready_message(file, &to)).transpose()?;
        let connections = match self.load.rate {
            None => self.load.connections.unwrap_or(CONNECTIONS),
            Some(_) => self.load.connections.unwrap_or(OPEN_CONNECTIONS),
        };
        let mix = self.load.mix;
        let plan = LoadPlan {
            pace: self.load.pace(),
            connections: self.load.messages.map_or(connections, |messages| {
                connections.min(usize::try_from(messages).unwrap_or(usize::MAX))
            }),
            end: self.load.end(),
            warm_up: self.load.warm_up.unwrap_or_default(),
            ramp: self.load.ramp.unwrap_or_default(),
            per_connection: NonZeroU64::new(self.load.per_connection),
            mix: mix.unwrap_or(Mix::ALL),
            message,
            interval: self.result.interval,
            keeps_going: self.load.keep_going,
        };
        if let Some(mix) = mix {
            check_mix(mix, &transport)?;
        }
        Ok(Bench {
            plan,
            ready,
            transport,
            allows_public: self.safety.i_own_this_server,
            expect: self.result.expect,
            output: BenchOutput {
                json: self.result.json,
                html: self.result.html,
                histogram: self.result.histogram,
                quiet: self.result.quiet,
            },
        })
    }

    /// The transport to the server, or to the relay of the profile.
    fn transport(
        &mut self,
        command_line: CommandLineArgs<'_>,
        places: &Places,
    ) -> Result<Transport, UsageError> {
        let mut transport = if let Some(host) = self.host.take() {
            if self.config.profile.is_some() {
                return Err(UsageError::usage(
                    "--profile names the server; omit the host, or the profile",
                ));
            }
            let (reach, session) = (self.reach.clone(), self.session.clone().options());
            let route = route::Args::to(host, self.port, reach);
            transport(route, session, self.tls.clone(), self.auth.clone())?
        } else {
            let timeout = self.session.clone().options().timeout;
            let read = |_: &Config, _: &Profile, mut transport: Transport| {
                if transport.route.relay.is_none() {
                    let what = "the profile has no relay; specify a host";
                    return Err(UsageError::usage(what));
                }
                transport.session.timeout = timeout;
                Ok(transport)
            };
            of_whole_profile(&self.config, (command_line, &WITH_PROFILE), places, read)?
        };
        self.load.adapt(&mut transport.session);
        Ok(transport)
    }

    /// A relay would pass the messages on to others.
    fn check_recipient(&self, to: &Address, transport: &Transport) -> Result<(), UsageError> {
        let domain = to.domain().to_string();
        let is_named = |name: &str| name.eq_ignore_ascii_case(&domain);
        let relay = transport.route.relay.as_ref();
        let is_allowed = is_reserved(to.domain())
            || relay.is_some_and(|relay| is_named(&relay.host.name()))
            || self
                .safety
                .allow_recipients
                .iter()
                .any(|name| is_named(name));
        if is_allowed {
            return Ok(());
        }
        let allow = match to.domain() {
            Domain::Name(_) => format!("--allow-recipients {domain}"),
            _ => "another recipient".to_owned(),
        };
        Err(UsageError::usage(format!(
            "--to {to}: the messages could leave the server; if their recipients are yours, use {allow}"
        ))
        .about("--to"))
    }
}

impl LoadArgs {
    fn pace(&self) -> Pace {
        match self.rate {
            Some(rate) => Pace::Open {
                rate: rate.per_second(),
            },
            None => Pace::Closed {
                think: self.think.unwrap_or_default(),
            },
        }
    }

    fn end(&self) -> LoadEnd {
        let default = self.messages.is_none().then_some(DURATION);
        LoadEnd {
            messages: self.messages,
            duration: self.duration.or(default),
        }
    }

    /// The options of the sessions.
    fn adapt(&self, session: &mut Options) {
        session.timeout.get_or_insert(TIMEOUT);
        if self.lmtp {
            session.protocol = Protocol::Lmtp;
        }
        session.testing.stop = self.quit_after.map(|after| EarlyStop {
            after,
            method: StopMethod::Quit,
        });
    }
}

impl MessageArgs {
    fn sender(&self) -> Result<Option<Address>, UsageError> {
        match self.from.as_deref() {
            Some("" | "<>") => Ok(None),
            from => Address::parse(from.unwrap_or(SENDER))
                .map(Some)
                .map_err(|error| UsageError::of_value(Exit::Data, "--from", error.to_string())),
        }
    }
}

/// The message in a file, whose addresses are not used.
fn ready_message(file: PathBuf, to: &RecipientTemplate) -> Result<MessageOptions, UsageError> {
    let invalid = |error: AddressError| UsageError::data(error.to_string());
    Ok(MessageOptions::of(Content::Ready(ReadyMessage {
        input: Input::File(file),
        from: Mailbox::parse(SENDER).map_err(invalid)?,
        headers: Vec::new(),
        recipients: parse_list(&to.example.to_string()).map_err(invalid)?,
        sender_is_known: true,
        no_date: false,
        no_message_id: false,
    })))
}

/// A password is not sent without TLS unless that is allowed, and the port of implicit TLS has no other sessions.
fn check_mix(mix: Mix, transport: &Transport) -> Result<(), UsageError> {
    let what = match transport.session.tls {
        TlsDemand::Implicit if mix.tls < 100 => {
            "--mix tls requires a port with STARTTLS; sessions without TLS are not possible with --tls implicit".to_owned()
        }
        TlsDemand::Off if mix.tls < 100 => "--mix tls conflicts with --tls off; omit one of them".to_owned(),
        _ if transport.credentials.is_none() && mix.auth < 100 => {
            "--mix auth requires --user".to_owned()
        }
        _ if transport.credentials.is_some()
            && mix.auth > mix.tls
            && !transport.session.password_in_clear =>
        {
            format!(
                "--mix: {}% of the sessions would send the password without TLS; lower auth to {}, or add \
                 --allow-cleartext-password",
                mix.auth - mix.tls,
                mix.tls
            )
        }
        _ => return Ok(()),
    };
    Err(UsageError::usage(what).about("--mix"))
}
