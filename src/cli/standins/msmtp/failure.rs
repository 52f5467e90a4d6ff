//! The errors of a session in the words and exit statuses of msmtp.

use crate::cli::standins::msmtp::account::{Account, MsmtpError};
use crate::cli::standins::msmtp::session::SessionLog;
use crate::client::outcome::{Cause, RecipientResult, SessionEnd};
use crate::client::status::RecipientStatus;
use crate::smtp::reply::{Class, Reply};
use crate::smtp::stage::Stage;
use crate::system::exit::Exit;

/// The end of a session, for a recipient or for all of them.
pub struct Failure {
    recipient: Option<String>,
    stage: Option<Stage>,
    cause: Cause,
    verdict: RecipientStatus,
    reply: Option<Reply>,
    words: String,
}

impl From<&RecipientResult> for Failure {
    fn from(result: &RecipientResult) -> Self {
        Self {
            recipient: Some(result.recipient.to_string()),
            stage: result.stage,
            cause: result.cause,
            verdict: result.verdict,
            reply: result.reply.clone(),
            words: result.explanation(),
        }
    }
}

impl From<SessionEnd> for Failure {
    fn from(end: SessionEnd) -> Self {
        Self {
            recipient: None,
            stage: end.stage,
            cause: end.cause,
            verdict: end.verdict,
            words: end.explanation(),
            reply: end.reply,
        }
    }
}

/// The error that msmtp reports.
pub fn error_of(result: &Failure, account: &Account, log: &SessionLog) -> MsmtpError {
    match (result.stage, &result.reply) {
        (None, _) => unreached(result, account, log),
        (Some(stage), Some(reply)) => refused((stage, reply), result, account, log),
        (Some(stage), None) => broken(stage, result, account, log),
    }
}

/// The lines of a reply with their codes.
pub fn lines(reply: &Reply) -> impl Iterator<Item = String> {
    let last = reply.lines.len().saturating_sub(1);
    let lines = reply.lines.iter().enumerate();
    lines.map(move |(at, line)| {
        let mark = if at < last { '-' } else { ' ' };
        format!("{}{mark}{line}", reply.code)
    })
}

/// There is no connection.
fn unreached(result: &Failure, account: &Account, log: &SessionLog) -> MsmtpError {
    let server = account.text("host").or(account.text("socket"));
    let (server, port) = (server.unwrap_or_default(), account.port());
    match (result.cause, &log.not_connected) {
        (_, Some(why)) if account.text("socket").is_some() => MsmtpError::new(
            Exit::Temporary,
            format!(
                "cannot connect to {}: {why}",
                account.text("socket").unwrap_or_default()
            ),
        ),
        (_, Some(why)) => MsmtpError::new(
            Exit::Temporary,
            format!("cannot connect to {server}, port {port}: {why}"),
        ),
        (Cause::Domain | Cause::Network, None) if log.not_found.is_some() => MsmtpError::new(
            Exit::NoHost,
            format!("cannot locate host {server}: Name or service not known"),
        ),
        (Cause::Network, None) => MsmtpError::new(Exit::Temporary, result.words.clone()),
        _ => MsmtpError::new(Exit::Refused, result.words.clone()),
    }
}

/// The server has refused a command.
fn refused(
    (stage, reply): (Stage, &Reply),
    result: &Failure,
    account: &Account,
    log: &SessionLog,
) -> MsmtpError {
    let by_class = match reply.class() {
        Class::Permanent => Exit::Data,
        _ => Exit::Refused,
    };
    let (exit, text) = match stage {
        Stage::Banner => (
            Exit::Protocol,
            "cannot get initial OK message from server".to_owned(),
        ),
        Stage::Ehlo | Stage::Helo => (
            Exit::Protocol,
            "SMTP server does not accept EHLO or HELO commands".to_owned(),
        ),
        Stage::Lhlo => (Exit::Protocol, "command LHLO failed".to_owned()),
        Stage::Starttls => (Exit::Protocol, "command STARTTLS failed".to_owned()),
        Stage::Auth => (Exit::Policy, authentication_failed(log)),
        Stage::Mail => (
            by_class,
            format!(
                "envelope from address {} not accepted by the server",
                account.sender().unwrap_or_default()
            ),
        ),
        Stage::Rcpt => (
            by_class,
            format!(
                "recipient address {} not accepted by the server",
                result.recipient.as_deref().unwrap_or_default()
            ),
        ),
        Stage::Data => (by_class, "the server does not accept mail data".to_owned()),
        _ => (
            Exit::Refused,
            "the server did not accept the mail".to_owned(),
        ),
    };
    MsmtpError::new(exit, text)
}

fn authentication_failed(log: &SessionLog) -> String {
    let method = log.mechanism.as_deref().unwrap_or_default();
    format!("authentication failed (method {method})")
}

/// The session ended without a reply, or could not begin.
fn broken(stage: Stage, result: &Failure, account: &Account, log: &SessionLog) -> MsmtpError {
    let (exit, text) = match (stage, result.cause) {
        (Stage::Starttls, Cause::Policy) if !log.offers("STARTTLS") => (
            Exit::Refused,
            "the server does not support TLS via the STARTTLS command".to_owned(),
        ),
        (Stage::Starttls, Cause::Policy | Cause::Server) => {
            (Exit::Protocol, "command STARTTLS failed".to_owned())
        }
        (Stage::Tls, Cause::Policy) => {
            let why = log.distrusted.as_deref();
            let why = why.map_or_else(
                || result.words.clone(),
                |why| format!("the certificate {why}"),
            );
            (
                Exit::Refused,
                format!("TLS certificate verification failed: {why}"),
            )
        }
        (Stage::Tls, _) => (
            Exit::Protocol,
            format!("TLS handshake failed: {}", result.words.clone()),
        ),
        (Stage::Auth, Cause::Policy) => return no_login(account, log),
        (_, Cause::Policy) if wants_dsn(account) && !log.offers("DSN") => {
            (Exit::Refused, "the server does not support DSN".to_owned())
        }
        (_, Cause::Network) if log.hung_up => {
            (Exit::Protocol, "the server sent an empty reply".to_owned())
        }
        (_, Cause::Network | Cause::Message) => (Exit::Io, result.words.clone()),
        (_, Cause::Protocol) => (
            Exit::Protocol,
            "the server sent an invalid reply".to_owned(),
        ),
        _ if result.verdict == RecipientStatus::Deferred => (Exit::Temporary, result.words.clone()),
        _ => (Exit::Refused, result.words.clone()),
    };
    MsmtpError::new(exit, text)
}

fn wants_dsn(account: &Account) -> bool {
    ["dsn_notify", "dsn_return"]
        .iter()
        .any(|word| account.text(word).is_some_and(|argument| argument != "off"))
}

/// AUTH is not possible.
fn no_login(account: &Account, log: &SessionLog) -> MsmtpError {
    let mechanism = account.mechanism().unwrap_or_default();
    let offered = log.parameters("AUTH");
    let is_offered = |name: &str| {
        let mut offered = offered.unwrap_or_default().split(' ');
        offered.any(|other| other.eq_ignore_ascii_case(name))
    };
    let text = if offered.is_none() {
        "the server does not support authentication".to_owned()
    } else if !mechanism.is_empty() && !is_offered(&mechanism) {
        format!("the server does not support authentication method {mechanism}")
    } else if log.mechanism.is_some() {
        return MsmtpError::new(Exit::Policy, authentication_failed(log));
    } else if account.is_on("tls", false) {
        "cannot find a usable authentication method".to_owned()
    } else {
        "cannot use a secure authentication method".to_owned()
    };
    MsmtpError::new(Exit::Refused, text)
}
