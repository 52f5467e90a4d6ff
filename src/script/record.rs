//! Observers that record a session: as lines for a report, and as a script that repeats it.

use crate::client::events::{Event, Observer};
use crate::client::peer::PeerAddress;
use crate::script::text::escaped;
use crate::smtp::stage::Stage;
use std::collections::VecDeque;
use std::fmt::Write as _;

/// Maximum number of lines kept.
const MAX_LINES: usize = 200;

/// A line of a session.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SessionLine {
    Sent(String),
    Line(String),
    Note(String),
}

/// An observer that keeps the last lines and passes all events to another one.
pub struct SessionLog<'w> {
    lines: VecDeque<SessionLine>,
    observer: &'w mut dyn Observer,
}

impl<'w> SessionLog<'w> {
    pub fn new(observer: &'w mut dyn Observer) -> Self {
        Self {
            lines: VecDeque::new(),
            observer,
        }
    }

    pub fn into_lines(self) -> Vec<SessionLine> {
        self.lines.into()
    }
}

impl Observer for SessionLog<'_> {
    fn on_event(&mut self, what: Event<'_>) {
        let line = match what {
            Event::Sent { line, .. } => Some(SessionLine::Sent(line.to_owned())),
            Event::Line(line) => Some(SessionLine::Line(line.to_owned())),
            Event::Note(text) => Some(SessionLine::Note(text.to_owned())),
            Event::Connected(peer) => Some(SessionLine::Note(format!("connected to {peer}"))),
            Event::Secured(secured) => Some(SessionLine::Note(format!(
                "{} {}, certificate of {} {}",
                secured.version, secured.cipher, secured.name, secured.judgement
            ))),
            _ => None,
        };
        if let Some(line) = line {
            if self.lines.len() == MAX_LINES {
                self.lines.pop_front();
            }
            self.lines.push_back(line);
        }
        self.observer.on_event(what);
    }

    fn is_closed(&self) -> bool {
        self.observer.is_closed()
    }
}

impl SessionLine {
    pub fn tell(&self, observer: &mut dyn Observer) {
        observer.on_event(match self {
            Self::Sent(line) => Event::Sent {
                line,
                stage: Stage::Script,
            },
            Self::Line(line) => Event::Line(line),
            Self::Note(text) => Event::Note(text),
        });
    }
}

/// As a transcript shows it.
impl std::fmt::Display for SessionLine {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Sent(line) => write!(f, ">>> {line}"),
            Self::Line(line) => f.write_str(line),
            Self::Note(text) => write!(f, "*** {text}"),
        }
    }
}

/// An [`Observer`] that records a session as a script, and passes the events to another one. A login is
/// recorded without its data.
pub struct ScriptRecorder<'w> {
    observer: &'w mut dyn Observer,
    /// The file with the message, as the script names it.
    message: String,
    /// True if connections go to one server, named on the command line of the script.
    to_server: bool,
    text: String,
    /// Commands without a reply so far.
    pending: Vec<String>,
    /// A connection that may still begin with TLS.
    connected: Option<String>,
    in_login: bool,
    octets: Option<u64>,
}

impl<'w> ScriptRecorder<'w> {
    /// Starts a recording. `message` is the file of the message, in the directory of the script.
    pub fn new(observer: &'w mut dyn Observer, message: &str, to_server: bool) -> Self {
        Self {
            observer,
            message: message.to_owned(),
            to_server,
            text: String::from(
                "# A session of ehlo. Against the same server:\n#   ehlo script --server HOST[:PORT] FILE\n",
            ),
            pending: Vec::new(),
            connected: None,
            in_login: false,
            octets: None,
        }
    }

    /// Size in octets of the message that was sent; `None`: no message.
    pub fn octets(&self) -> Option<u64> {
        self.octets
    }

    pub fn into_script(mut self) -> String {
        self.write_pending();
        self.text
    }

    fn line(&mut self, line: &str) {
        self.text.push_str(line);
        self.text.push('\n');
    }

    fn connected(&mut self, peer: &PeerAddress) {
        self.write_pending();
        let _ = writeln!(self.text, "\n# {peer}");
        let target = match peer {
            _ if self.to_server => String::new(),
            PeerAddress::Tcp(address) => format!(" {address}"),
            PeerAddress::Proxied(server) => format!(" {}", server.target()),
            PeerAddress::Pipe(line) => {
                format!(" \"pipe:{}\"", escaped(line.as_bytes()).replace('$', "$$"))
            }
            PeerAddress::Unix(path) => {
                let path = path.to_string_lossy();
                format!(" \"unix:{}\"", escaped(path.as_bytes()).replace('$', "$$"))
            }
        };
        self.connected = Some(target);
        self.in_login = false;
    }

    /// Writes the pending `connect` line.
    fn write_connect(&mut self, tls: &str) {
        if let Some(target) = self.connected.take() {
            self.line(&format!("connect{tls}{target}"));
        }
    }

    fn sent(&mut self, line: &str, stage: Stage) {
        match stage {
            // One statement replaces the whole login.
            Stage::Auth if !self.in_login => {
                self.in_login = true;
                self.pending.push("auth".to_owned());
            }
            // Part of the message.
            Stage::Auth | Stage::Dot => {}
            _ => self.pending.push(format!("> {}", line.replace('$', "$$"))),
        }
    }

    fn received(&mut self, code: u16, stage: Stage) {
        self.write_connect("");
        let is_login = self.in_login && stage == Stage::Auth;
        self.write_pending();
        if !is_login {
            self.line(&format!("< {code}"));
        } else if code >= 400 {
            self.line(&format!("# the login was refused with {code}"));
        }
        self.in_login &= is_login && code == 334;
    }

    /// Writes the commands without a reply so far, which were sent together.
    fn write_pending(&mut self) {
        let pending = std::mem::take(&mut self.pending);
        match pending.as_slice() {
            [] => {}
            [one] => self.line(one),
            all => {
                let all = all.join("\n  ");
                self.line(&format!("{{\n  {all}\n}}"));
            }
        }
    }
}

impl Observer for ScriptRecorder<'_> {
    fn on_event(&mut self, what: Event<'_>) {
        match what {
            Event::Connected(peer) => self.connected(peer),
            Event::Secured(_) if self.connected.is_some() => self.write_connect(" tls"),
            Event::Secured(_) => self.line("tls"),
            Event::Sent { line, stage } => self.sent(line, stage),
            Event::Data { bytes } => {
                self.octets = Some(bytes);
                let message = escaped(self.message.as_bytes()).replace('$', "$$");
                self.pending.push(format!(">file \"{message}\" dots"));
            }
            Event::Received { code, stage, .. } => self.received(code, stage),
            _ => {}
        }
        self.observer.on_event(what);
    }

    fn is_closed(&self) -> bool {
        self.observer.is_closed()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::client::events::Silent;

    fn recorded(events: &[Event<'_>]) -> String {
        let mut nobody = Silent;
        let mut scribe = ScriptRecorder::new(&mut nobody, "x.eml", true);
        for &what in events {
            scribe.on_event(what);
        }
        let script = scribe.into_script();
        script
            .lines()
            .filter(|line| !line.starts_with('#') && !line.is_empty())
            .collect::<Vec<_>>()
            .join("\n")
    }

    fn sent(line: &str, stage: Stage) -> Event<'_> {
        Event::Sent { line, stage }
    }

    fn received(code: u16, stage: Stage) -> Event<'static> {
        Event::Received {
            code,
            enhanced: None,
            lines: &[],
            stage,
        }
    }

    #[test]
    fn commands_sent_together_are_one_block_and_a_login_is_one_statement() {
        let peer = PeerAddress::Tcp("192.0.2.1:25".parse().unwrap());
        let script = recorded(&[
            Event::Connected(&peer),
            received(220, Stage::Banner),
            sent("EHLO $me", Stage::Ehlo),
            received(250, Stage::Ehlo),
            sent("AUTH LOGIN", Stage::Auth),
            received(334, Stage::Auth),
            sent("********", Stage::Auth),
            received(334, Stage::Auth),
            sent("********", Stage::Auth),
            received(235, Stage::Auth),
            sent("MAIL FROM:<a@x.org>", Stage::Mail),
            sent("RCPT TO:<b@x.org>", Stage::Rcpt),
            sent("DATA", Stage::Data),
            received(250, Stage::Mail),
            received(250, Stage::Rcpt),
            received(354, Stage::Data),
            Event::Data { bytes: 10 },
            sent(".", Stage::Dot),
            received(250, Stage::Dot),
        ]);
        assert_eq!(
            script,
            "connect\n< 220\n> EHLO $$me\n< 250\nauth\n{\n  > MAIL FROM:<a@x.org>\n  > RCPT TO:<b@x.org>\n  > DATA\n}\n\
             < 250\n< 250\n< 354\n>file \"x.eml\" dots\n< 250"
        );
    }
}
