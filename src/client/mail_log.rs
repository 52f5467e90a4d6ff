//! The mail log: lines in the form that Postfix writes, in a file and in the system log, for pflogsumm, logwatch
//! and people. It never has a subject, content or a secret.
//!
//! As with syslog(3), a process has one log, which is chosen before its first delivery. The file is opened for
//! each line, so that it can be rotated, and a line is one write at the end of it: many processes may use it at
//! once.

use crate::mail::address::Address;
use crate::system::host::short_name;
use crate::system::log_file::append;
use crate::system::syslog::{self, SyslogPriority};
use crate::system::text::{reason, shown};
use crate::system::time::of_log;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::SystemTime;

static LOG: OnceLock<MailLog> = OnceLock::new();

/// The places that the log is written to.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LogOptions {
    /// `None`: no file.
    pub file: Option<PathBuf>,
    pub syslog: bool,
    /// The log for reports about TLS (`tls_report.rs`); `None`: no such log.
    pub tls_reports: Option<PathBuf>,
}

struct MailLog {
    options: LogOptions,
    host: String,
    warn: fn(&str),
    /// True after the first warning.
    has_warned: AtomicBool,
}

/// Chooses the log of this process. `warn` is called at most once, if a line cannot be written.
pub fn start(options: &LogOptions, warn: fn(&str)) {
    if options.file.is_none() && !options.syslog {
        return;
    }
    let _ = LOG.set(MailLog {
        options: options.clone(),
        host: short_name(),
        warn,
        has_warned: AtomicBool::new(false),
    });
}

/// True if a log was chosen.
pub fn is_on() -> bool {
    LOG.get().is_some()
}

/// The file of the log, for a process that continues the work of this one.
pub fn file() -> Option<&'static Path> {
    LOG.get()?.options.file.as_deref()
}

/// A message was accepted from a local user. pflogsumm counts it as received.
pub fn received(id: &str, sender: Option<&Address>) {
    if is_on() {
        let user = rustix::process::getuid().as_raw();
        write("pickup", id, &format!("uid={user} {}", from(sender)));
    }
}

/// An attempt at this number of recipients begins.
pub fn active(id: &str, sender: Option<&Address>, size: u64, recipients: usize) {
    let from = from(sender);
    let text = format!("{from}, size={size}, nrcpt={recipients} (queue active)");
    write("qmgr", id, &text);
}

/// The message was tried for the full period.
pub fn expired(id: &str, sender: Option<&Address>) {
    if is_on() {
        let from = from(sender);
        write(
            "qmgr",
            id,
            &format!("{from}, status=expired, returned to sender"),
        );
    }
}

/// A report about failed recipients was queued as another message.
pub fn bounced(id: &str, report: &str) {
    let report = report.to_ascii_uppercase();
    let text = format!("sender non-delivery notification: {report}");
    write("bounce", id, &text);
}

/// The message was set aside: it is not delivered without a decision of the operator.
pub fn set_aside(id: &str, reason: &str) {
    write("qmgr", id, &format!("set aside: {reason}"));
}

/// The operator removed the message from the queue.
pub fn deleted(id: &str) {
    write("postsuper", id, "removed");
}

/// The message is finished.
pub fn removed(id: &str) {
    write("qmgr", id, "removed");
}

fn from(sender: Option<&Address>) -> String {
    let sender = sender.map(ToString::to_string).unwrap_or_default();
    format!("from=<{sender}>")
}

/// Writes a line about a message, as a service of Postfix does. The identifier is in upper case, because logwatch
/// does not recognize others.
pub fn write(service: &str, id: &str, text: &str) {
    let Some(log) = LOG.get() else {
        return;
    };
    let tag = format!("ehlo/{service}");
    let text = format!("{}: {text}", id.to_ascii_uppercase());
    if let Some(path) = &log.options.file {
        let line = log.line(&tag, &text);
        if let Err(error) = append(path, line.as_bytes()) {
            log.warn_once(&format!("{}", path.display()), &error);
        }
    }
    if log.options.syslog
        && let Err(error) = syslog::send(SyslogPriority::MAIL_INFO, &tag, &text)
    {
        log.warn_once("the system log", &error);
    }
}

impl MailLog {
    fn line(&self, tag: &str, text: &str) -> String {
        let (time, host) = (of_log(SystemTime::now()), &self.host);
        let pid = std::process::id();
        format!("{time} {host} {tag}[{pid}]: {}\n", shown(text))
    }

    fn warn_once(&self, place: &str, error: &io::Error) {
        if !self.has_warned.swap(true, Ordering::Relaxed) {
            let why = reason(error);
            (self.warn)(&format!(
                "cannot write the mail log to {}: {why}",
                shown(place)
            ));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_has_no_control_characters() {
        let log = MailLog {
            options: LogOptions::default(),
            host: "host".to_owned(),
            warn: |_| {},
            has_warned: AtomicBool::new(false),
        };
        let line = log.line("ehlo/smtp", "a\nb\x1b");
        let (_, text) = line.split_once(" host ehlo/smtp[").unwrap();
        assert!(text.ends_with("]: a\\u{a}b\\u{1b}\n"), "{text}");
    }
}
