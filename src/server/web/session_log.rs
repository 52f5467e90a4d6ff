//! The transcript of each session, for the messages that it delivers.

use crate::server::events::{ServerEvent, ServerObserver};
use crate::system::text::{printable, shown};
use std::borrow::Cow;
use std::collections::HashMap;
use std::iter;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock, RwLockWriteGuard};
use std::time::Instant;

/// Octets of a transcript. The rest of a longer one is left out.
const MAX_LOG: usize = 16 * 1024;

const CLIENT: &str = "C";
const SERVER: &str = "S";
const EVENT: &str = "*";

/// Octets of the transcript of a session with one message.
const USUAL_LOG: usize = 1024;

/// Octets in memory of a transcript without lines, roughly.
const EMPTY_LOG: usize = 200;

/// The transcript of a session up to now.
#[derive(Debug)]
pub struct SessionLog {
    start: Instant,
    text: Mutex<LogText>,
    /// Octets in memory of all transcripts, this one included.
    total: Arc<AtomicUsize>,
}

impl Drop for SessionLog {
    fn drop(&mut self) {
        let octets = self.text().lines.len() + EMPTY_LOG;
        self.total.fetch_sub(octets, Ordering::Relaxed);
    }
}

#[derive(Debug, Default)]
struct LogText {
    /// Lines: milliseconds since the connection, a tab, where the text is from, a tab, text.
    lines: String,
    tls: Option<(String, String)>,
    /// True if a line was left out.
    is_full: bool,
}

impl LogText {
    fn add(&mut self, elapsed: &str, (from, line): (&str, &str)) {
        if self.is_full {
            return;
        }
        self.is_full = self.lines.len() + line.len() > MAX_LOG;
        let (from, line) = if self.is_full {
            (EVENT, "(the rest is left out)")
        } else {
            (from, line)
        };
        for part in [elapsed, "\t", from, "\t", line, "\n"] {
            self.lines.push_str(part);
        }
    }
}

/// A line of a transcript.
#[derive(Debug, PartialEq, Eq)]
pub struct LogLine {
    pub elapsed_ms: u64,
    /// `C`: the client; `S`: the server; `*`: an event.
    pub from: char,
    pub text: String,
}

impl SessionLog {
    fn new(total: Arc<AtomicUsize>) -> SessionLog {
        total.fetch_add(EMPTY_LOG, Ordering::Relaxed);
        SessionLog {
            start: Instant::now(),
            text: Mutex::new(LogText {
                lines: String::with_capacity(USUAL_LOG),
                ..LogText::default()
            }),
            total,
        }
    }

    pub fn lines(&self) -> Vec<LogLine> {
        let text = self.text();
        let lines = text.lines.lines().filter_map(|line| {
            let (elapsed, rest) = line.split_once('\t')?;
            let (from, text) = rest.split_once('\t')?;
            Some(LogLine {
                elapsed_ms: elapsed.parse().ok()?,
                from: from.chars().next()?,
                text: text.to_owned(),
            })
        });
        lines.collect()
    }

    /// Version and cipher suite. `None`: no TLS.
    pub fn tls(&self) -> Option<(String, String)> {
        self.text().tls.clone()
    }

    fn text(&self) -> MutexGuard<'_, LogText> {
        self.text.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn add(&self, from: &str, line: &str) {
        self.add_all(from, iter::once(line.into()));
    }

    fn add_all<'l>(&self, from: &str, lines: impl Iterator<Item = Cow<'l, str>>) {
        let mut text = self.text();
        if text.is_full {
            return;
        }
        let elapsed = self.start.elapsed().as_millis().to_string();
        let before = text.lines.len();
        for line in lines {
            text.add(&elapsed, (from, &line));
        }
        let added = text.lines.len() - before;
        self.total.fetch_add(added, Ordering::Relaxed);
    }

    fn on_event(&self, event: &ServerEvent<'_>) {
        match event {
            ServerEvent::Command { line } => self.add(CLIENT, &readable(line)),
            ServerEvent::Reply { text } => {
                let lines = text.lines();
                self.add_all(SERVER, lines.map(|line| readable(line.as_bytes())));
            }
            ServerEvent::Tls(agreement) => {
                let (version, cipher) = (&agreement.version, &agreement.cipher);
                self.text().tls = Some((version.clone(), cipher.clone()));
                self.add(EVENT, &format!("TLS: {version}, {cipher}"));
            }
            ServerEvent::TlsFailed { why } => {
                self.add(EVENT, &format!("TLS failed: {}", shown(why)));
            }
            ServerEvent::ClientChanged { new_client } => {
                self.add(EVENT, &format!("client: {}", shown(new_client)));
            }
            ServerEvent::Auth {
                mechanism,
                user,
                accepted,
            } => {
                let result = if *accepted { "accepted" } else { "refused" };
                self.add(
                    EVENT,
                    &format!("{mechanism} login of {}: {result}", shown(user)),
                );
            }
            ServerEvent::Fault { stage, what } => {
                self.add(
                    EVENT,
                    &format!("fault at {}: {}", stage.name(), what.name()),
                );
            }
            ServerEvent::Message { bytes, .. } => {
                self.add(EVENT, &format!("message stored, {bytes} bytes"));
            }
            ServerEvent::Failed { why } => self.add(EVENT, &shown(why)),
            ServerEvent::Closed { reason } => self.add(EVENT, &format!("closed: {reason}")),
            ServerEvent::Connected { .. } => {}
        }
    }
}

/// A line as it may be shown. Most need no change.
fn readable(line: &[u8]) -> Cow<'_, str> {
    match str::from_utf8(line) {
        Ok(text) if line.iter().all(|byte| matches!(byte, b' '..=b'~')) => text.into(),
        Ok(text) => shown(text).into(),
        Err(_) => printable(line).into(),
    }
}

/// The transcripts of the open connections. Events are passed on to another observer.
pub struct SessionLogs<'o> {
    open: RwLock<HashMap<u64, Arc<SessionLog>>>,
    /// Octets in memory of all transcripts, also those of sessions that have ended.
    total: Arc<AtomicUsize>,
    next: &'o dyn ServerObserver,
}

impl<'o> SessionLogs<'o> {
    pub fn new(next: &'o dyn ServerObserver) -> SessionLogs<'o> {
        SessionLogs {
            open: RwLock::default(),
            total: Arc::default(),
            next,
        }
    }

    /// Octets in memory of all transcripts, roughly. A transcript belongs to all messages of its session.
    pub fn weight(&self) -> usize {
        self.total.load(Ordering::Relaxed)
    }

    /// The transcript of the connection with this number.
    pub fn of(&self, connection: u64) -> Arc<SessionLog> {
        let open = self.open.read().unwrap_or_else(PoisonError::into_inner);
        if let Some(log) = open.get(&connection) {
            return Arc::clone(log);
        }
        drop(open);
        let log = Arc::new(SessionLog::new(Arc::clone(&self.total)));
        self.open_mut().insert(connection, Arc::clone(&log));
        log
    }

    fn open_mut(&self) -> RwLockWriteGuard<'_, HashMap<u64, Arc<SessionLog>>> {
        self.open.write().unwrap_or_else(PoisonError::into_inner)
    }
}

impl ServerObserver for SessionLogs<'_> {
    fn on_event(&self, connection: u64, event: &ServerEvent<'_>) {
        self.of(connection).on_event(event);
        if let ServerEvent::Closed { .. } = event {
            self.open_mut().remove(&connection);
        }
        self.next.on_event(connection, event);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn transcript_is_limited_and_one_line_each() {
        let logs = SessionLogs::new(&());
        let log = logs.of(7);
        logs.on_event(
            7,
            &ServerEvent::Reply {
                text: "250-a\r\n250 b",
            },
        );
        logs.on_event(
            7,
            &ServerEvent::Command {
                line: b"X \t\x1b\xff",
            },
        );
        let lines = log.lines();
        assert_eq!(lines[1].text, "250 b");
        assert_eq!(
            (lines[2].from, lines[2].text.as_str()),
            ('C', "X \\x09\\x1b\\xff")
        );
        for _ in 0..1000 {
            logs.on_event(7, &ServerEvent::Command { line: &[b'x'; 300] });
        }
        let lines = log.lines();
        assert_eq!(lines.last().unwrap().text, "(the rest is left out)");
        assert!(log.text().lines.len() <= MAX_LOG + 100);
        logs.on_event(7, &ServerEvent::Closed { reason: "quit" });
        assert!(logs.open_mut().is_empty());
        assert_eq!(logs.weight(), log.text().lines.len() + EMPTY_LOG);
        drop(log);
        assert_eq!(logs.weight(), 0);
    }
}
