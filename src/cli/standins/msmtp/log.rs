//! The log of msmtp: a line for each message, in a file and in the system log.

use crate::cli::standins::msmtp::account::{Account, MsmtpError};
use crate::cli::standins::msmtp::complain;
use crate::cli::terminal;
use crate::smtp::reply::Reply;
use crate::system::exit::Exit;
use crate::system::log_file::append;
use crate::system::syslog::{self, SyslogPriority};
use crate::system::text::{reason, shown};
use std::fmt::Write as _;
use std::path::Path;

/// What became of a message.
pub struct LogEntry<'a> {
    pub recipients: &'a [String],
    /// The size of the message in octets, if it was sent.
    pub bytes: u64,
    pub reply: Option<&'a Reply>,
    /// `None`: it was sent.
    pub error: Option<&'a MsmtpError>,
}

/// Writes the line, if the account has a log.
pub fn write(account: &Account, entry: &LogEntry<'_>) {
    let line = line(account, entry);
    if let Some(path) = account.text("logfile")
        && let Err(why) = to_file(account, path, &line)
    {
        complain(&format!("cannot log to {path}: {why}"));
        complain(&format!("log info was: {line}"));
    }
    if let Some(facility) = account.text("syslog").and_then(facility) {
        let priority = SyslogPriority::of(facility, entry.error.is_some());
        if let Err(error) = syslog::send(priority, "msmtp", &line) {
            complain(&format!("cannot log to the system log: {}", reason(&error)));
        }
    }
}

fn to_file(account: &Account, path: &str, line: &str) -> Result<(), String> {
    let format = account.text("logfile_time_format");
    let mut text = String::new();
    let time = chrono::Local::now();
    write!(text, "{}", time.format(format.unwrap_or("%b %d %H:%M:%S")))
        .map_err(|_| "invalid logfile_time_format".to_owned())?;
    let text = format!("{text} {line}\n");
    if path == "-" {
        return terminal::write(text.as_bytes()).map_err(|_| "output error".to_owned());
    }
    append(Path::new(path), text.as_bytes())
        .map_err(|error| format!("cannot open: {}", reason(&error)))
}

/// The number of a facility of syslog. `None`: off.
fn facility(name: &str) -> Option<u8> {
    match name {
        "off" => None,
        "on" | "LOG_USER" => Some(1),
        "LOG_MAIL" => Some(2),
        local => {
            let digit = local.strip_prefix("LOG_LOCAL")?.parse::<u8>().ok()?;
            Some(16 + digit)
        }
    }
}

fn line(account: &Account, entry: &LogEntry<'_>) -> String {
    let on = |is_on| if is_on { "on" } else { "off" };
    let login = account.mechanism().is_some();
    let mut line = match account.text("host") {
        Some(host) => format!("host={host}"),
        None => format!("socket={}", account.text("socket").unwrap_or_default()),
    };
    let _ = write!(
        line,
        " tls={} auth={}",
        on(account.is_on("tls", false)),
        on(login)
    );
    if let Some(user) = account.text("user").filter(|_| login) {
        let _ = write!(line, " user={user}");
    }
    let sender = account.sender().unwrap_or_default();
    let recipients = entry.recipients.join(",");
    let _ = write!(line, " from={sender} recipients={recipients}");
    if entry.error.is_none() {
        let _ = write!(line, " mailsize={}", entry.bytes);
    }
    if let Some(reply) = entry.reply.filter(|_| entry.error.is_some()) {
        let lines: Vec<String> = crate::cli::standins::msmtp::failure::lines(reply).collect();
        let _ = write!(
            line,
            " smtpstatus={} smtpmsg='{}'",
            reply.code,
            lines.join("\\n").replace('\'', "?")
        );
    }
    if let Some(error) = entry.error {
        let _ = write!(line, " errormsg='{}'", error.text.replace('\'', "?"));
    }
    let exit = entry.error.map_or(Exit::Ok, |error| error.exit);
    let _ = write!(line, " exitcode={}", name(exit));
    shown(&line)
}

/// The name of an exit status in sysexits.h.
fn name(exit: Exit) -> &'static str {
    match exit {
        Exit::Ok => "EX_OK",
        Exit::Usage => "EX_USAGE",
        Exit::Data => "EX_DATAERR",
        Exit::NoInput => "EX_NOINPUT",
        Exit::NoUser => "EX_NOUSER",
        Exit::NoHost => "EX_NOHOST",
        Exit::Refused => "EX_UNAVAILABLE",
        Exit::CantCreate => "EX_CANTCREAT",
        Exit::Io => "EX_IOERR",
        Exit::Temporary => "EX_TEMPFAIL",
        Exit::Protocol => "EX_PROTOCOL",
        Exit::Policy => "EX_NOPERM",
        Exit::Config => "EX_CONFIG",
        _ => "EX_SOFTWARE",
    }
}
