//! What msmtp shows of a session (`-d`), and what its errors and reports need to know of it.

use crate::cli::terminal;
use crate::client::events::{Event, Interests, Observer, TlsSummary};
use crate::smtp::stage::Stage;
use crate::system::certificate::Certificate;
use std::fmt::Write as _;

/// Records a session, and prints it on request.
#[derive(Default)]
pub struct SessionLog {
    prints: bool,
    /// The server's greeting, without its code.
    pub greeting: Option<String>,
    /// The name and address of the server.
    pub address: Option<String>,
    /// The lines of the last reply to EHLO after the first.
    pub offers: Vec<String>,
    /// The last SASL mechanism that was tried.
    pub mechanism: Option<String>,
    /// The reason for which the last connection attempt failed.
    pub not_connected: Option<String>,
    /// The reason for which the address of the server was not found.
    pub not_found: Option<String>,
    /// The description of the TLS session and the certificate.
    pub tls: Option<String>,
    /// The reason for which the server's certificate was not accepted.
    pub distrusted: Option<String>,
    /// True if the server closed the connection.
    pub hung_up: bool,
    /// Octets of the message.
    pub sent: Option<u64>,
    /// True within a line of the message.
    in_line: bool,
}

impl SessionLog {
    pub fn new(prints: bool) -> Self {
        Self {
            prints,
            ..Self::default()
        }
    }

    /// True if the server offers an extension.
    pub fn offers(&self, keyword: &str) -> bool {
        self.parameters(keyword).is_some()
    }

    /// The parameters of an extension. `None`: the server does not offer it.
    pub fn parameters(&self, keyword: &str) -> Option<&str> {
        self.offers.iter().find_map(|offer| {
            let (word, rest) = offer.split_once(' ').unwrap_or((offer, ""));
            word.eq_ignore_ascii_case(keyword).then_some(rest)
        })
    }

    fn print(&self, text: &str) {
        if self.prints {
            let _ = terminal::write(text.as_bytes());
        }
    }

    fn received(&mut self, code: u16, lines: &[String], stage: Stage) {
        match stage {
            Stage::Banner => self.greeting = lines.first().cloned(),
            Stage::Ehlo | Stage::Lhlo | Stage::Helo => {
                self.offers = lines.iter().skip(1).cloned().collect();
            }
            _ => {}
        }
        let mut text = String::new();
        for (at, line) in lines.iter().enumerate() {
            let mark = if at + 1 < lines.len() { '-' } else { ' ' };
            let _ = writeln!(text, "<-- {code}{mark}{line}");
        }
        self.print(&text);
    }

    fn carried(&mut self, piece: &[u8]) {
        let piece = String::from_utf8_lossy(piece).replace("\r\n", "\n");
        let mut text = String::new();
        for line in piece.split_inclusive('\n') {
            if !self.in_line {
                text.push_str("--> ");
            }
            text.push_str(line);
            self.in_line = !line.ends_with('\n');
        }
        self.print(&text);
    }
}

impl Observer for SessionLog {
    fn on_event(&mut self, what: Event<'_>) {
        match what {
            Event::Connected(peer) => self.address = Some(peer.to_string()),
            Event::Answer(answer) => self.not_found = answer.error.map(str::to_owned),
            Event::NotConnected { why, .. } => self.not_connected = Some(why.to_owned()),
            Event::Secured(summary) => {
                let text = tls_text(&summary);
                self.print(&text);
                self.tls = Some(text);
            }
            Event::Distrusted { why, .. } => self.distrusted = Some(why.to_owned()),
            Event::Sent { line, stage } => {
                if stage == Stage::Auth
                    && let Some(rest) = line.strip_prefix("AUTH ")
                {
                    self.mechanism = rest.split(' ').next().map(str::to_owned);
                }
                self.print(&format!("--> {line}\n"));
            }
            Event::Received {
                code, lines, stage, ..
            } => self.received(code, lines, stage),
            Event::Carried(piece) => self.carried(piece),
            Event::Data { bytes } => self.sent = Some(bytes),
            Event::Failed { hung_up, .. } => self.hung_up |= hung_up,
            _ => {}
        }
    }

    fn interests(&self) -> Interests {
        Interests {
            message: self.prints,
            octets: false,
        }
    }
}

/// The session and the certificate, as msmtp prints them.
fn tls_text(summary: &TlsSummary<'_>) -> String {
    let version = summary.version.replace("TLSv", "TLS");
    let mut text = "TLS session parameters:\n".to_owned();
    let group = summary.group.map(|group| format!("({group})-"));
    let _ = writeln!(
        text,
        "    ({version})-{}({})",
        group.unwrap_or_default(),
        summary.cipher
    );
    let certificate = summary.chain.first().and_then(|der| Certificate::read(der));
    let Some(certificate) = certificate else {
        return text;
    };
    let _ = write!(
        text,
        "TLS certificate information:\n    Subject:\n        {}\n    Issuer:\n        {}\n    Validity:\n        \
         Activation time: {}\n        Expiration time: {}\n    Fingerprints:\n        SHA256: {}\n",
        certificate.subject.replace(", ", ","),
        certificate.issuer.replace(", ", ","),
        time(certificate.not_before),
        time(certificate.not_after),
        colons(&certificate.sha256),
    );
    text
}

/// The form of asctime(3), in the local time zone.
fn time(seconds: i64) -> String {
    let time = chrono::DateTime::from_timestamp(seconds, 0).unwrap_or_default();
    let time = time.with_timezone(&chrono::Local);
    time.format("%a %b %e %H:%M:%S %Y").to_string()
}

/// Hexadecimal digits in upper case, with colons between the octets.
fn colons(digits: &str) -> String {
    let digits: Vec<char> = digits.to_ascii_uppercase().chars().collect();
    let octets: Vec<String> = digits
        .chunks(2)
        .map(|octet| octet.iter().collect())
        .collect();
    octets.join(":")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn offers_are_those_of_the_last_ehlo() {
        let mut log = SessionLog::new(false);
        let lines =
            |texts: &[&str]| -> Vec<String> { texts.iter().map(|&text| text.to_owned()).collect() };
        log.received(250, &lines(&["h", "STARTTLS"]), Stage::Ehlo);
        log.received(250, &lines(&["h", "SIZE 100", "auth PLAIN"]), Stage::Ehlo);
        assert!(!log.offers("STARTTLS"));
        assert_eq!(log.parameters("SIZE"), Some("100"));
        assert_eq!(log.parameters("AUTH"), Some("PLAIN"));
    }

    #[test]
    fn fingerprint_has_colons() {
        assert_eq!(colons("7ad3b5"), "7A:D3:B5");
    }
}
