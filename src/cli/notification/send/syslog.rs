//! Writes a line to the system log, if there is one (RFC 3164, in the form for /dev/log).

use crate::system::text::printable;
use std::os::unix::net::UnixDatagram;
use std::path::Path;

/// Socket of the system log.
const SOCKET: &str = "/dev/log";

/// Facility user (1), severity error (3).
const PRIORITY: u8 = 8 + 3;

/// The longest line that every log daemon accepts.
const LONGEST: usize = 900;

/// Sends a line to the log if there is one. Never blocks.
pub fn error(text: &str) {
    let _ = send(Path::new(SOCKET), text);
}

fn send(socket: &Path, text: &str) -> std::io::Result<()> {
    let log = UnixDatagram::unbound()?;
    log.set_nonblocking(true)?;
    log.connect(socket)?;
    log.send(line(text).as_bytes()).map(drop)
}

fn line(text: &str) -> String {
    let mut text = printable(text.as_bytes());
    text.truncate(LONGEST);
    format!("<{PRIORITY}>ehlo[{}]: {text}", std::process::id())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_log_gets_one_harmless_line() {
        let home = tempfile::tempdir().unwrap();
        let path = home.path().join("log");
        let log = UnixDatagram::bind(&path).unwrap();
        send(&path, "cannot mail \"a\nb\x1b\"").unwrap();
        let mut bytes = [0; 2000];
        let count = log.recv(&mut bytes).unwrap();
        let said = std::str::from_utf8(&bytes[..count]).unwrap();
        let whole = format!(
            "<11>ehlo[{}]: cannot mail \"a\\x0ab\\x1b\"",
            std::process::id()
        );
        assert_eq!(said, whole);
    }

    #[test]
    fn without_a_log_nothing_happens() {
        assert!(send(Path::new("/nonexistent/log"), "text").is_err());
    }
}
