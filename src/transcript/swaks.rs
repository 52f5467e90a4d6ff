//! A transcript in the format of swaks, the Swiss Army Knife for SMTP, for its users and for programs that
//! parse it.

use crate::client::events::{ClosedBy, ConnectionClose, Event, Interests, Observer, TlsSummary};
use crate::client::peer::PeerAddress;
use crate::smtp::stage::Stage;
use crate::system::certificate::one_line;
use crate::system::text::shown;
use crate::transcript::dump::{Dump, DumpStyle};
use crate::transcript::lines::{MessageLines, Tone, TranscriptWriter};
use crate::transcript::{NumberedMessage, Transcript, TranscriptOptions, summary, text};
use std::io::{self, Write};

/// The other end of a connection.
#[derive(Clone, Copy)]
enum Other {
    Host,
    Socket,
    Child,
}

/// A transcript in the format of swaks.
pub struct Swaks<W> {
    lines: TranscriptWriter<W>,
    options: TranscriptOptions,
    /// The current host, without the brackets of an address literal.
    host: String,
    /// The kind of server at the other end.
    other: Other,
    /// True once the end of this connection has been shown.
    is_over: bool,
    /// True if the session is encrypted.
    tls: bool,
    /// Lines of an incomplete reply.
    reply: Vec<String>,
    message_lines: MessageLines,
    dump: Dump,
}

impl<W: Write> Swaks<W> {
    pub fn new(out: W, options: TranscriptOptions) -> Self {
        Self {
            lines: TranscriptWriter::with(out, options),
            options,
            host: String::new(),
            other: Other::Host,
            is_over: false,
            tls: false,
            reply: Vec::new(),
            message_lines: MessageLines::default(),
            dump: Dump::new(DumpStyle::Swaks),
        }
    }

    fn put(&mut self, tone: Tone, mark: &str, text: &str) {
        self.lines.write(tone, &format!("{mark} {text}\n"));
    }

    fn remark(&mut self, text: &str) {
        self.put(Tone::Remark, "===", &shown(text));
    }

    fn failure(&mut self, text: &str) {
        self.put(Tone::Failure, "***", &shown(text));
    }

    fn client_line(&mut self, line: &str) {
        let mark = if self.tls { " ~>" } else { " ->" };
        self.put(Tone::Client, mark, line);
    }

    /// A complete reply, marked as expected or unexpected as swaks does.
    fn replied(&mut self, code: u16, stage: Stage) {
        if is_expected(code, stage) {
            let mark = if self.tls { "<~ " } else { "<- " };
            self.server_lines(Tone::Server, mark);
        } else {
            self.not_expected();
        }
    }

    fn not_expected(&mut self) {
        let mark = if self.tls { "<~*" } else { "<**" };
        self.server_lines(Tone::Failure, mark);
    }

    fn server_lines(&mut self, tone: Tone, mark: &str) {
        for line in std::mem::take(&mut self.reply) {
            self.put(tone, mark, &line);
        }
    }

    fn carried(&mut self, part: &[u8]) {
        for line in self.message_lines.push(part) {
            self.client_line(&line);
        }
        if self.options.hex {
            let rows = self.dump.push(part);
            self.rows(Tone::Client, "  >", rows);
        }
    }

    fn end_of_message(&mut self) {
        if let Some(line) = self.message_lines.end() {
            self.client_line(&line);
        }
        let row = self.dump.end();
        self.rows(Tone::Client, "  >", row);
    }

    fn rows(&mut self, tone: Tone, mark: &str, rows: impl IntoIterator<Item = String>) {
        for row in rows {
            self.put(tone, mark, &row);
        }
    }

    fn octets(&mut self, from: ClosedBy, bytes: &[u8]) {
        let rows = self.dump.whole(bytes);
        match from {
            ClosedBy::Client => self.rows(Tone::Client, "  >", rows),
            ClosedBy::Server => self.rows(Tone::Server, "<  ", rows),
        }
    }

    fn falls_back(&mut self, profile: &str, error: Option<&str>) {
        match error {
            None => self.remark(&format!("trying profile {profile}")),
            Some(why) => self.failure(&format!("cannot use profile {profile}: {why}")),
        }
    }

    fn tries(&mut self, peer: &PeerAddress) {
        self.tls = false;
        self.is_over = false;
        self.other = match peer {
            PeerAddress::Tcp(_) | PeerAddress::Proxied(_) => Other::Host,
            PeerAddress::Unix(_) => Other::Socket,
            PeerAddress::Pipe(_) => Other::Child,
        };
        let place = self.place(peer);
        let text = match peer {
            PeerAddress::Pipe(_) => format!("Trying pipe to {place}..."),
            PeerAddress::Proxied(peer) => {
                format!("Trying {place} through {}...", peer.proxy_url())
            }
            _ => format!("Trying {place}..."),
        };
        self.remark(&text);
    }

    /// The host as it was given, with its port.
    fn place(&self, peer: &PeerAddress) -> String {
        match peer.port() {
            Some(port) => format!("{}:{port}", self.host),
            None => self.host.clone(),
        }
    }

    fn not_connected(&mut self, peer: &PeerAddress, why: &str) {
        self.failure(&format!("Error connecting to {peer}:"));
        self.put(Tone::Failure, "***", &format!("\t{}", shown(why)));
    }

    fn secured(&mut self, secured: &TlsSummary<'_>) {
        self.tls = true;
        let (cipher, bits) = cipher(secured.cipher);
        let version = secured.version;
        self.remark(&format!(
            "TLS started with cipher {version}:{cipher}:{bits}"
        ));
        match secured.own {
            Some(own) => self.remark(&format!("TLS local DN=\"{}\"", name(own))),
            None => self.remark("TLS no local certificate set"),
        }
        let peer = secured.chain.first().map(|own| name(own));
        self.remark(&format!("TLS peer DN=\"{}\"", peer.unwrap_or_default()));
        if self.options.verbose {
            let judgement = secured.judgement;
            self.remark(&format!("certificate of {} {judgement}", secured.name));
        }
    }

    fn failed(&mut self, why: &str, hung_up: bool) {
        self.not_expected();
        if hung_up {
            self.hung_up();
        } else {
            self.failure(why);
        }
    }

    /// swaks exits at once, and prints nothing about closing the connection itself.
    fn hung_up(&mut self) {
        let other = match self.other {
            Other::Host => "Remote host",
            Other::Socket => "Socket",
            Other::Child => "Child process",
        };
        self.failure(&format!("{other} closed connection unexpectedly."));
        self.is_over = true;
    }

    fn parts(&mut self, parting: ConnectionClose<'_>) {
        match parting {
            ConnectionClose::Dropped => {
                self.end_of_message();
                self.remark("Dropping connection");
                self.is_over = true;
            }
            ConnectionClose::HungUp => self.hung_up(),
            ConnectionClose::Command(words) if self.options.verbose => self.remark(words),
            ConnectionClose::Command(_) => {}
        }
    }

    fn closed(&mut self) {
        self.not_expected();
        self.end_of_message();
        let peer = match self.other {
            Other::Host | Other::Socket => "remote host",
            Other::Child => "child process",
        };
        if !self.is_over {
            self.remark(&format!("Connection closed with {peer}."));
        }
    }

    /// Additional lines for `--verbose`.
    fn detail(&mut self, what: Event<'_>) {
        if !self.options.verbose {
            return;
        }
        match what {
            Event::Detail(text) => self.remark(text),
            Event::Lookup { kind, name } => {
                self.remark(&format!("looking up {kind} of {name}"));
            }
            Event::Answer(answer) => self.remark(&text::dns_answer(&answer)),
            Event::Settled {
                recipient,
                queue_id: Some(id),
                ..
            } => self.remark(&format!("queue id of {recipient}: {id}")),
            _ => {}
        }
    }
}

impl<W: Write> Observer for Swaks<W> {
    fn on_event(&mut self, what: Event<'_>) {
        match what {
            Event::Note(text) => self.remark(text),
            Event::Queued { id } => self.remark(&format!("queued as {id}")),
            Event::Fallback { profile, error } => self.falls_back(profile, error),
            Event::Host { name, .. } => {
                name.trim_matches(['[', ']']).clone_into(&mut self.host);
            }
            Event::Reused { host, .. } => {
                self.remark(&format!("Using the connection to {}.", shown(host)));
            }
            Event::Connect(peer) => self.tries(peer),
            Event::Connected(_) => self.remark(&format!("Connected to {}.", self.host)),
            Event::NotConnected { peer, why } => self.not_connected(peer, why),
            Event::Secured(secured) => self.secured(&secured),
            Event::Distrusted { name, why, .. } => self.failure(&format!(
                "TLS startup failed (certificate of {name} not trusted: it {why})"
            )),
            Event::Sent { line, .. } => {
                self.end_of_message();
                self.client_line(line);
            }
            Event::Carried(part) => self.carried(part),
            Event::Octets { from, bytes } => self.octets(from, bytes),
            Event::Line(line) => self.reply.push(line.to_owned()),
            Event::Received { code, stage, .. } => self.replied(code, stage),
            Event::Data { .. } => self.end_of_message(),
            Event::Failed { why, hung_up, .. } => self.failed(why, hung_up),
            Event::Parting(parting) => self.parts(parting),
            Event::Closed => self.closed(),
            Event::Summary(one) => self.remark(&summary::line(one)),
            Event::Detail(_) | Event::Lookup { .. } | Event::Answer(_) | Event::Settled { .. } => {
                self.detail(what);
            }
            Event::Progress { .. } => {}
        }
    }

    fn is_closed(&self) -> bool {
        self.lines.failure().is_some()
    }

    /// swaks shows the message.
    fn interests(&self) -> Interests {
        Interests {
            message: true,
            octets: self.options.hex,
        }
    }
}

impl<W: Write> Transcript for Swaks<W> {
    fn failure(&self) -> Option<&io::Error> {
        self.lines.failure()
    }

    fn begin(&mut self, message: &NumberedMessage) {
        self.remark(&message.to_string());
    }
}

/// True if swaks expects this reply. For commands that it does not know, any 2yz is expected.
fn is_expected(code: u16, stage: Stage) -> bool {
    match stage {
        Stage::Banner | Stage::Starttls | Stage::Xclient => code == 220,
        Stage::Ehlo | Stage::Lhlo | Stage::Helo | Stage::Mail | Stage::Rcpt => code == 250,
        Stage::Auth => matches!(code, 235 | 334),
        Stage::Data => code == 354,
        // With PRDR, a reply for each recipient follows.
        Stage::Dot => matches!(code, 250 | 353),
        Stage::Quit => code == 221,
        _ => (200..300).contains(&code),
    }
}

fn name(der: &[u8]) -> String {
    one_line(der).unwrap_or_default()
}

/// Cipher suites, as OpenSSL names them, and their key lengths in bits.
pub fn cipher(name: &str) -> (&str, u32) {
    let known = match name {
        "TLS13_AES_256_GCM_SHA384" => "TLS_AES_256_GCM_SHA384",
        "TLS13_AES_128_GCM_SHA256" => "TLS_AES_128_GCM_SHA256",
        "TLS13_CHACHA20_POLY1305_SHA256" => "TLS_CHACHA20_POLY1305_SHA256",
        "TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384" => "ECDHE-ECDSA-AES256-GCM-SHA384",
        "TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256" => "ECDHE-ECDSA-AES128-GCM-SHA256",
        "TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256" => "ECDHE-ECDSA-CHACHA20-POLY1305",
        "TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384" => "ECDHE-RSA-AES256-GCM-SHA384",
        "TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256" => "ECDHE-RSA-AES128-GCM-SHA256",
        "TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256" => "ECDHE-RSA-CHACHA20-POLY1305",
        other => other,
    };
    let bits = if name.contains("_128_") { 128 } else { 256 };
    (known, bits)
}

#[cfg(test)]
mod tests;
