//! `msmtp --serverinfo` and `--rmqs`: sessions without a message.

use crate::cli::ExitStatus;
use crate::cli::standins::msmtp::account::{Account, MsmtpError};
use crate::cli::standins::msmtp::args::{MsmtpArgs, MsmtpTask};
use crate::cli::standins::msmtp::failure::error_of;
use crate::cli::standins::msmtp::session::SessionLog;
use crate::cli::standins::msmtp::{print, route};
use crate::cli::terminal;
use crate::client::outcome::SessionEnd;
use crate::client::transport::LoadedTransport;
use crate::config::Places;
use crate::probe::run_session;
use crate::system::exit::Exit;
use crate::system::text::shown;
use std::fmt::Write as _;

pub fn run(args: &MsmtpArgs, places: &Places) -> Result<Exit, MsmtpError> {
    if !args.recipients.is_empty() {
        return Err(MsmtpError::new(Exit::Usage, "too many arguments"));
    }
    let account = Account::of(args)?;
    if args.pretend || args.debug {
        let _ = terminal::write(print::settings(&account, args).as_bytes());
    }
    if args.pretend {
        return Ok(Exit::Ok);
    }
    let mut transport = route::resolve(&account, places)?.plan.transport;
    let commands = if let MsmtpTask::Rmqs(argument) = &args.task {
        vec![format!("ETRN {argument}")]
    } else {
        transport.credentials = None;
        Vec::new()
    };
    let loaded = LoadedTransport::of(&transport, None)
        .map_err(|error| MsmtpError::new(error.exit(), error.to_string()))?;
    let mut log = SessionLog::new(args.debug);
    let open = loaded.open();
    let Some(endpoint) = &transport.route.relay else {
        return Err(MsmtpError::new(Exit::Config, "host not set"));
    };
    let session = run_session(&open, endpoint, &commands, &mut log);
    let (server, ended) = session.map_err(|error| {
        let exit = error.exit();
        let why = log.not_connected.clone().unwrap_or(error.why);
        let server = account.text("host").unwrap_or_default();
        let text = format!("cannot connect to {server}, port {}: {why}", account.port());
        MsmtpError::new(exit, text)
    })?;
    if let Some(end) = SessionEnd::of(&server, &ended) {
        return Err(error_of(&end.into(), &account, &log));
    }
    match &args.task {
        MsmtpTask::Rmqs(_) => remote_queue(&log, ended.replies.first()),
        _ => Ok(match terminal::write(report(&account, &log).as_bytes()) {
            Ok(()) => Exit::Ok,
            Err(exit) => exit,
        }),
    }
}

fn remote_queue(
    log: &SessionLog,
    reply: Option<&crate::smtp::reply::Reply>,
) -> Result<Exit, MsmtpError> {
    let refused = |text: &str| Err(MsmtpError::new(Exit::Refused, text));
    if !log.offers("ETRN") {
        return refused("the server does not support Remote Message Queue Starting");
    }
    match reply.map(|reply| reply.code) {
        Some(250..=253) => Ok(Exit::Ok),
        Some(458 | 459) => refused("the server is unable to fulfill the request"),
        Some(501) => Err(MsmtpError::new(
            Exit::Data,
            "invalid argument for Remote Message Queue Starting",
        )),
        _ => Err(MsmtpError::new(Exit::Protocol, "command ETRN failed")),
    }
}

/// The extensions that msmtp describes.
const DESCRIBED: [(&str, &str); 3] = [
    (
        "PIPELINING",
        "Support for command grouping for faster transmission",
    ),
    ("ETRN", "Support for RMQS (Remote Message Queue Starting)"),
    ("DSN", "Support for Delivery Status Notifications"),
];

fn report(account: &Account, log: &SessionLog) -> String {
    let tls = account.is_on("tls", false);
    let starttls = log.offers("STARTTLS") || tls && account.is_on("tls_starttls", true);
    let protocol = account
        .text("protocol")
        .unwrap_or("smtp")
        .to_ascii_uppercase();
    let server = account
        .text("host")
        .or(account.text("socket"))
        .unwrap_or_default();
    let address = log.address.as_deref().unwrap_or_default();
    let address = address.rsplit_once(':').map_or(address, |(ip, _)| ip);
    let address = address.trim_matches(['[', ']']);
    let mut text = format!(
        "{protocol} server at {server} ({server} [{address}]), port {}:\n",
        account.port()
    );
    if let Some(greeting) = &log.greeting {
        let _ = writeln!(text, "    {}", shown(greeting));
    }
    text.push_str(log.tls.as_deref().unwrap_or_default());
    if log.offers.is_empty() && !starttls {
        text.push_str("No special capabilities.\n");
        return text;
    }
    text.push_str("Capabilities:\n");
    if let Some(limit) = log.parameters("SIZE") {
        size(limit.parse().unwrap_or(0), &mut text);
    }
    for (keyword, words) in DESCRIBED {
        if log.offers(keyword) {
            let _ = writeln!(text, "    {keyword}:\n        {words}");
        }
    }
    if starttls {
        text.push_str(
            "    STARTTLS:\n        Support for TLS encryption via the STARTTLS command\n",
        );
    }
    if let Some(offered) = log.parameters("AUTH") {
        mechanisms(offered, &mut text);
    }
    if log.offers("STARTTLS") && !tls {
        text.push_str(
            "This server might advertise more or other capabilities when TLS is active.\n",
        );
    }
    text
}

#[allow(clippy::cast_precision_loss)]
fn size(limit: u64, text: &mut String) {
    let _ = write!(text, "    SIZE {limit}:\n        Maximum message size is ");
    let amount = match limit {
        0 => "unlimited".to_owned(),
        1..=1024 => format!("{limit} bytes"),
        1025..=1_048_576 => format!("{limit} bytes = {:.2} KiB", limit as f64 / 1024.0),
        _ => format!("{limit} bytes = {:.2} MiB", limit as f64 / 1_048_576.0),
    };
    let _ = writeln!(text, "{amount}");
}

/// The mechanisms that msmtp knows, in its order.
const MECHANISMS: [&str; 11] = [
    "PLAIN",
    "SCRAM-SHA-1",
    "SCRAM-SHA-256",
    "EXTERNAL",
    "GSSAPI",
    "CRAM-MD5",
    "DIGEST-MD5",
    "LOGIN",
    "NTLM",
    "OAUTHBEARER",
    "XOAUTH2",
];

fn mechanisms(offered: &str, text: &mut String) {
    text.push_str("    AUTH:\n        Supported authentication methods:\n        ");
    let offered: Vec<String> = offered.split(' ').map(str::to_ascii_uppercase).collect();
    for name in MECHANISMS {
        if offered.iter().any(|other| other == name) {
            let _ = write!(text, "{name} ");
        }
    }
    text.push('\n');
}
