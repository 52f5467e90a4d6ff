//! The system log.

use crate::system::text::printable;
use std::io;
use std::os::unix::net::UnixDatagram;
use std::path::Path;

/// Its socket.
const SOCKET: &str = "/dev/log";

/// Maximum length of a line that every log daemon accepts.
const MAX_TEXT: usize = 900;

/// Facility and severity of a line (RFC 5424 §6.2.1).
#[derive(Clone, Copy, Debug)]
pub struct SyslogPriority(u8);

impl SyslogPriority {
    /// Facility user (1), severity error (3).
    pub const USER_ERROR: Self = Self::of(1, true);
    /// Facility mail (2), severity informational (6).
    pub const MAIL_INFO: Self = Self::of(2, false);

    /// A facility, with severity error or informational.
    pub const fn of(facility: u8, is_error: bool) -> Self {
        Self(facility * 8 + if is_error { 3 } else { 6 })
    }
}

/// Sends a line. Never blocks.
///
/// # Errors
/// There is no log daemon, or it does not keep up.
pub fn send(priority: SyslogPriority, tag: &str, text: &str) -> io::Result<()> {
    send_to(Path::new(SOCKET), &line(priority, tag, text))
}

fn send_to(socket: &Path, line: &str) -> io::Result<()> {
    let log = UnixDatagram::unbound()?;
    log.set_nonblocking(true)?;
    log.connect(socket)?;
    log.send(line.as_bytes()).map(drop)
}

fn line(priority: SyslogPriority, tag: &str, text: &str) -> String {
    let mut text = printable(text.as_bytes());
    text.truncate(MAX_TEXT);
    let (priority, pid) = (priority.0, std::process::id());
    format!("<{priority}>{tag}[{pid}]: {text}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn line_is_escaped() {
        let home = tempfile::tempdir().unwrap();
        let path = home.path().join("log");
        let log = UnixDatagram::bind(&path).unwrap();
        let sent = line(
            SyslogPriority::USER_ERROR,
            "ehlo",
            "cannot mail \"a\nb\x1b\"",
        );
        send_to(&path, &sent).unwrap();
        let mut bytes = [0; 2000];
        let count = log.recv(&mut bytes).unwrap();
        let pid = std::process::id();
        let whole = format!("<11>ehlo[{pid}]: cannot mail \"a\\x0ab\\x1b\"");
        assert_eq!(std::str::from_utf8(&bytes[..count]).unwrap(), whole);
    }

    #[test]
    fn long_text_is_cut() {
        let line = line(
            SyslogPriority::MAIL_INFO,
            "ehlo/smtp",
            &"é".repeat(MAX_TEXT),
        );
        let (head, text) = line.split_once(": ").unwrap();
        assert!(head.starts_with("<22>ehlo/smtp["), "{head}");
        assert_eq!(text.len(), MAX_TEXT);
    }

    #[test]
    fn missing_log_is_an_error() {
        assert!(send_to(Path::new("/nonexistent/log"), "text").is_err());
    }
}
