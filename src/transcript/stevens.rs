//! The transcript of `mail -v` in TCP/IP Illustrated, chapter 28: server lines bare, client lines with the
//! prefix `>>> `, remarks with `*** `.

use crate::client::events::{ClosedBy, ConnectionClose, Event, Interests, Observer};
use crate::client::outcome::RecipientStatus;
use crate::client::peer::PeerAddress;
use crate::system::text::shown;
use crate::transcript::dump::{Dump, DumpStyle};
use crate::transcript::lines::{MessageLines, Tone, TranscriptWriter};
use crate::transcript::{NumberedMessage, Transcript, TranscriptOptions, text};
use std::io::{self, Write};

/// Maximum number of recipients named before the rest is counted.
const NAMED: usize = 3;

/// The transcript in the format of `mail -v`.
pub struct Stevens<W> {
    lines: TranscriptWriter<W>,
    options: TranscriptOptions,
    /// The attempt with an unterminated line, because its result is pending.
    trying: Option<PeerAddress>,
    message_lines: MessageLines,
    /// Dumps of the client's and the server's octets.
    dumps: [Dump; 2],
}

impl<W: Write> Stevens<W> {
    pub fn new(out: W, options: TranscriptOptions) -> Self {
        Self {
            lines: TranscriptWriter::with(out, options),
            options,
            trying: None,
            message_lines: MessageLines::default(),
            dumps: [(); 2].map(|()| Dump::new(DumpStyle::Hexdump)),
        }
    }

    /// Events of finding and connecting to the server.
    fn connection_event(&mut self, what: Event<'_>) {
        let (tone, text) = match what {
            Event::Host {
                name,
                port,
                recipients,
            } => (Tone::Plain, connecting(name, port, recipients)),
            Event::Reused { host, .. } => {
                let text = format!("Using the connection to {}...\n", shown(host));
                (Tone::Plain, text)
            }
            Event::Connect(peer) => (Tone::Plain, self.tries(peer)),
            Event::Connected(peer) => {
                let text = self.decided(peer, "Connected", &format!("Connected to {peer}"));
                (Tone::Plain, text)
            }
            Event::NotConnected { peer, why } => {
                let why = shown(why.trim_end_matches('.'));
                let text = self.decided(peer, &why, &format!("{peer}: {why}"));
                (Tone::Failure, text)
            }
            _ => return,
        };
        self.lines.write(tone, &text);
    }

    /// Begins the line of a new attempt; ends the line of a pending one.
    fn tries(&mut self, peer: &PeerAddress) -> String {
        let end = self.end_of_line();
        self.trying = Some(peer.clone());
        format!("{end}Trying {peer}... ")
    }

    /// The result of an attempt: on its own line if that is still open, else on another one that names it.
    fn decided(&mut self, peer: &PeerAddress, here: &str, elsewhere: &str) -> String {
        if self.trying.as_ref() == Some(peer) {
            self.trying = None;
            return format!("{here}.\n");
        }
        format!("{}{elsewhere}.\n", self.end_of_line())
    }

    fn end_of_line(&mut self) -> &'static str {
        match self.trying.take() {
            Some(_) => "\n",
            None => "",
        }
    }

    /// Lines of the SMTP session.
    fn session_event(&mut self, what: Event<'_>) {
        if self.options.hex {
            return self.dump(what);
        }
        match what {
            Event::Sent { line, .. } => {
                self.end_of_message_line();
                self.lines.write(Tone::Client, &format!(">>> {line}\n"));
            }
            Event::Line(line) => {
                let code = line.get(..3).and_then(|code| code.parse().ok());
                let tone = code.map_or(Tone::Server, Tone::of_code);
                self.lines.write(tone, &format!("{line}\n"));
            }
            Event::Carried(part) if self.options.data => {
                for line in self.message_lines.push(part) {
                    self.lines.write(Tone::Client, &format!(">>> {line}\n"));
                }
            }
            _ => {}
        }
    }

    fn end_of_message_line(&mut self) {
        if let Some(line) = self.message_lines.end() {
            self.lines.write(Tone::Client, &format!(">>> {line}\n"));
        }
    }

    /// Octets of the SMTP session.
    fn dump(&mut self, what: Event<'_>) {
        let [client, server] = &mut self.dumps;
        let (tone, mark, rows) = match what {
            Event::Carried(part) => (Tone::Client, ">>>", client.push(part)),
            Event::Octets {
                from: ClosedBy::Client,
                bytes,
            } => {
                let mut rows: Vec<String> = client.end().into_iter().collect();
                rows.extend(client.whole(bytes));
                (Tone::Client, ">>>", rows)
            }
            Event::Octets {
                from: ClosedBy::Server,
                bytes,
            } => (Tone::Server, "<<<", server.whole(bytes)),
            _ => return,
        };
        for row in rows {
            self.lines.write(tone, &format!("{mark} {row}\n"));
        }
    }

    /// Ends the message; its last line may have no line end.
    fn end_of_data(&mut self) {
        self.end_of_message_line();
        if let Some(row) = self.dumps[0].end() {
            self.lines.write(Tone::Client, &format!(">>> {row}\n"));
        }
    }
}

impl<W: Write> Observer for Stevens<W> {
    fn on_event(&mut self, what: Event<'_>) {
        let verbose = self.options.verbose;
        if let Some((tone, text)) = remark(what, verbose) {
            return self.lines.write(tone, &text);
        }
        let (tone, text) = match what {
            Event::Host { .. }
            | Event::Reused { .. }
            | Event::Connect(_)
            | Event::Connected(_)
            | Event::NotConnected { .. } => return self.connection_event(what),
            Event::Secured(secured) => (Tone::Remark, text::handshake(&secured, verbose)),
            Event::Distrusted { name, why, chain } => {
                let text = text::distrusted(name, why, chain, verbose);
                (Tone::Failure, text)
            }
            Event::Sent { .. } | Event::Line(_) | Event::Octets { .. } | Event::Carried(_) => {
                return self.session_event(what);
            }
            Event::Data { .. } | Event::Closed => return self.end_of_data(),
            Event::Settled {
                recipient,
                status,
                words,
                queue_id,
                ..
            } => {
                let id = queue_id.filter(|_| verbose);
                (tone_of(status), settled((recipient, status, words), id))
            }
            Event::Summary(summary) => (
                Tone::Plain,
                format!("{}\n", crate::transcript::summary::line(summary)),
            ),
            _ => return,
        };
        self.lines.write(tone, &text);
    }

    fn is_closed(&self) -> bool {
        self.failure().is_some()
    }

    fn interests(&self) -> Interests {
        Interests {
            message: self.options.data || self.options.hex,
            octets: self.options.hex,
        }
    }
}

impl<W: Write> Transcript for Stevens<W> {
    fn failure(&self) -> Option<&io::Error> {
        self.lines.failure()
    }

    fn begin(&mut self, message: &NumberedMessage) {
        self.lines.write(Tone::Remark, &format!("*** {message}\n"));
    }
}

/// A remark by the program, if it is to be shown.
fn remark(what: Event<'_>, verbose: bool) -> Option<(Tone, String)> {
    let text = match what {
        Event::Fallback { profile, error } => return Some(fallback(profile, error)),
        Event::Note(text) | Event::Parting(ConnectionClose::Command(text)) => shown(text),
        Event::Queued { id } => format!("queued as {id}"),
        Event::Detail(text) if verbose => shown(text),
        Event::Lookup { kind, name } if verbose => {
            format!("looking up {kind} of {}", shown(name))
        }
        // MX lookups are reported by a note in any case.
        Event::Answer(answer) if verbose && answer.kind != "MX" => text::dns_answer(&answer),
        _ => return None,
    };
    Some((Tone::Remark, format!("*** {text}\n")))
}

/// The line for the next profile, or the reason for which it cannot be used.
fn fallback(profile: &str, error: Option<&str>) -> (Tone, String) {
    let profile = shown(profile);
    match error {
        None => (Tone::Remark, format!("*** trying profile {profile}\n")),
        Some(why) => {
            let why = shown(why);
            let text = format!("*** cannot use profile {profile}: {why}\n");
            (Tone::Failure, text)
        }
    }
}

fn connecting(name: &str, port: Option<u16>, recipients: &[String]) -> String {
    let place = place(name, port);
    if recipients.is_empty() {
        return format!("Connecting to {place}...\n");
    }
    format!(
        "{}... Connecting to {place}...\n",
        shown(&named_recipients(recipients))
    )
}

fn tone_of(status: RecipientStatus) -> Tone {
    match status {
        RecipientStatus::Accepted | RecipientStatus::Queued => Tone::Plain,
        _ => Tone::Failure,
    }
}

fn settled(
    (recipient, status, words): (&str, RecipientStatus, &str),
    queue_id: Option<&str>,
) -> String {
    let mut text = format!("{}... {}", shown(recipient), status.word());
    if !words.is_empty() {
        text.push_str(&format!(" ({})", shown(words)));
    }
    if let Some(id) = queue_id {
        text.push_str(&format!(", queue id {id}"));
    }
    text + "\n"
}

fn named_recipients(recipients: &[String]) -> String {
    let named = recipients[..recipients.len().min(NAMED)].join(",");
    match recipients.len().saturating_sub(NAMED) {
        0 => named,
        more => format!("{named} and {more} more"),
    }
}

/// A host with its service; a unix socket has none.
fn place(name: &str, port: Option<u16>) -> String {
    match port {
        Some(port) => format!("{} ({})", rooted(name), service(port)),
        None => name.to_owned(),
    }
}

/// A name with the trailing dot that marks it as absolute.
fn rooted(name: &str) -> String {
    let is_address = name.starts_with('[');
    if is_address || !name.contains('.') {
        return name.to_owned();
    }
    format!("{name}.")
}

fn service(port: u16) -> String {
    match port {
        25 => "smtp".to_owned(),
        465 => "submissions".to_owned(),
        587 => "submission".to_owned(),
        other => format!("port {other}"),
    }
}

#[cfg(test)]
mod tests;
