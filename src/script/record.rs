//! Recording of a session as a script that repeats it.

use crate::client::events::{Event, Observer};
use crate::client::peer::PeerAddress;
use crate::script::text::escaped;
use crate::smtp::stage::Stage;
use std::fmt::Write as _;

/// An [`Observer`] that records a session as a script, and passes the events to another one. A login is
/// recorded without its data.
pub struct Scribe<'w> {
    observer: &'w mut dyn Observer,
    /// The file with the message, as the script names it.
    message: String,
    /// True if connections go to one server, named on the command line of the script.
    to_server: bool,
    text: String,
    /// Commands without a reply so far.
    said: Vec<String>,
    /// A connection that may still begin with TLS.
    connected: Option<String>,
    in_login: bool,
    octets: Option<u64>,
}

impl<'w> Scribe<'w> {
    /// Starts a recording. `message` is the file of the message, in the directory of the script.
    pub fn new(observer: &'w mut dyn Observer, message: &str, to_server: bool) -> Self {
        Self {
            observer,
            message: message.to_owned(),
            to_server,
            text: String::from(
                "# A session of ehlo. Against the same server:\n#   ehlo script --server HOST[:PORT] FILE\n",
            ),
            said: Vec::new(),
            connected: None,
            in_login: false,
            octets: None,
        }
    }

    /// Size in octets of the message that was sent; `None`: no message.
    #[must_use]
    pub fn octets(&self) -> Option<u64> {
        self.octets
    }

    #[must_use]
    pub fn into_script(mut self) -> String {
        self.end_saying();
        self.text
    }

    fn line(&mut self, line: &str) {
        self.text.push_str(line);
        self.text.push('\n');
    }

    fn connected(&mut self, peer: &PeerAddress) {
        self.end_saying();
        let _ = writeln!(self.text, "\n# {peer}");
        let target = match peer {
            _ if self.to_server => String::new(),
            PeerAddress::Tcp(address) => format!(" {address}"),
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
    fn begin(&mut self, tls: &str) {
        if let Some(target) = self.connected.take() {
            self.line(&format!("connect{tls}{target}"));
        }
    }

    fn sent(&mut self, line: &str, stage: Stage) {
        match stage {
            // One statement replaces the whole login.
            Stage::Auth if !self.in_login => {
                self.in_login = true;
                self.said.push("auth".to_owned());
            }
            // It goes with the message.
            Stage::Auth | Stage::Dot => {}
            _ => self.said.push(format!("> {}", line.replace('$', "$$"))),
        }
    }

    fn received(&mut self, code: u16, stage: Stage) {
        self.begin("");
        let is_login = self.in_login && stage == Stage::Auth;
        self.end_saying();
        if !is_login {
            self.line(&format!("< {code}"));
        } else if code >= 400 {
            self.line(&format!("# the login was refused with {code}"));
        }
        self.in_login &= is_login && code == 334;
    }

    /// Writes the commands without a reply so far, which were sent together.
    fn end_saying(&mut self) {
        let said = std::mem::take(&mut self.said);
        match said.as_slice() {
            [] => {}
            [one] => self.line(one),
            all => {
                let all = all.join("\n  ");
                self.line(&format!("{{\n  {all}\n}}"));
            }
        }
    }
}

impl Observer for Scribe<'_> {
    fn on_event(&mut self, what: Event<'_>) {
        match what {
            Event::Connected(peer) => self.connected(peer),
            Event::Secured(_) if self.connected.is_some() => self.begin(" tls"),
            Event::Secured(_) => self.line("tls"),
            Event::Sent { line, stage } => self.sent(line, stage),
            Event::Data { bytes } => {
                self.octets = Some(bytes);
                let message = escaped(self.message.as_bytes()).replace('$', "$$");
                self.said.push(format!(">file \"{message}\" dots"));
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

    fn recorded(happenings: &[Event<'_>]) -> String {
        let mut nobody = Silent;
        let mut scribe = Scribe::new(&mut nobody, "x.eml", true);
        for &what in happenings {
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
    fn what_went_together_stands_together_and_a_login_is_one_word() {
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
