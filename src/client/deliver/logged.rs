//! The lines of the mail log about a delivery: the message at its start, and each recipient at its end.

use crate::client::deliver::Outgoing;
use crate::client::events::{Event, Interests, Observer};
use crate::client::mail_log;
use crate::client::outcome::{
    Cause, ContactedServer, DeliveryReport, RecipientResult, RecipientStatus,
};
use crate::client::peer::PeerAddress;
use crate::client::session::{Protocol, Purpose};
use crate::client::transport::Transports;
use crate::mail::envelope::RecipientIndex;
use crate::smtp::blocks::BodyType;
use crate::smtp::stage::Stage;
use crate::system::stop::Stop;
use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

/// Maximum number of characters of the reply or the reason in a line.
const MAX_REASON: usize = 1000;

/// An observer that measures times for the mail log, and passes all events on.
pub struct LoggedDelivery<'a, 'o> {
    next: &'o mut dyn Observer,
    /// `None`: there is no log.
    times: Option<DeliveryTimes<'a>>,
}

struct DeliveryTimes<'a> {
    outgoing: &'a Outgoing<'a>,
    id: String,
    service: &'static str,
    /// Time in the queue.
    queued: Duration,
    begun: Instant,
    /// Start of the current destination.
    destination: Option<Instant>,
    /// Time of its last MAIL command.
    mail: Option<Instant>,
    /// True if results of the current destination were reported.
    has_results: bool,
    done: HashMap<String, Delays>,
}

/// The parts of a delay, as Postfix defines them.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
struct Delays {
    /// Before this attempt.
    queued: Duration,
    /// Waiting for other destinations of the message.
    waiting: Duration,
    /// DNS, connection, TLS and login.
    connection: Duration,
    /// From MAIL to the last reply.
    transmission: Duration,
}

impl<'a, 'o> LoggedDelivery<'a, 'o> {
    /// Logs the start of an attempt.
    pub fn begin(
        recipients: &[RecipientIndex],
        outgoing: &'a Outgoing<'a>,
        transports: &Transports<'_>,
        next: &'o mut dyn Observer,
    ) -> Self {
        let is_mail = outgoing.purpose != Purpose::Question;
        let times = (mail_log::is_on() && is_mail && !recipients.is_empty())
            .then(|| DeliveryTimes::new(outgoing, transports));
        if let Some(times) = &times {
            let sender = outgoing.envelope.sender.as_ref();
            if outgoing.item.is_none() {
                mail_log::received(&times.id, sender);
            }
            let size = size(outgoing);
            mail_log::active(&times.id, sender, size, recipients.len());
        }
        Self { next, times }
    }

    /// Logs the results.
    pub fn end(self, recipients: &[RecipientIndex], report: &DeliveryReport) {
        let Some(times) = self.times else {
            return;
        };
        for &recipient in recipients {
            let result = &report.results[recipient];
            let address = result.recipient.to_string();
            let delays = times.done.get(&address).copied();
            let delays = delays.unwrap_or_else(|| times.delays(Instant::now()));
            if let Some(line) = line(result, delays) {
                mail_log::write(times.service, &times.id, &line);
            }
        }
        if times.outgoing.item.is_none() {
            mail_log::removed(&times.id);
        }
    }
}

impl Observer for LoggedDelivery<'_, '_> {
    fn on_event(&mut self, event: Event<'_>) {
        if let Some(times) = &mut self.times {
            times.on_event(&event);
        }
        self.next.on_event(event);
    }

    fn is_closed(&self) -> bool {
        self.next.is_closed()
    }

    fn stop(&self) -> Option<Arc<Stop>> {
        self.next.stop()
    }

    fn interests(&self) -> Interests {
        self.next.interests()
    }
}

impl<'a> DeliveryTimes<'a> {
    fn new(outgoing: &'a Outgoing<'a>, transports: &Transports<'_>) -> Self {
        let is_lmtp =
            transports.count() > 0 && transports.options(0).session.protocol == Protocol::Lmtp;
        let item = outgoing.item.as_ref();
        Self {
            outgoing,
            id: item.map_or_else(new_id, |item| item.id.to_owned()),
            service: if is_lmtp { "lmtp" } else { "smtp" },
            queued: item
                .and_then(|item| item.since.elapsed().ok())
                .unwrap_or_default(),
            begun: Instant::now(),
            destination: None,
            mail: None,
            has_results: false,
            done: HashMap::new(),
        }
    }

    fn on_event(&mut self, event: &Event<'_>) {
        let now = Instant::now();
        if let Event::Settled { recipient, .. } = event {
            let delays = self.delays(now);
            self.done.insert((*recipient).to_owned(), delays);
            self.has_results = true;
            return;
        }
        if self.has_results {
            self.has_results = false;
            self.destination = None;
            self.mail = None;
        }
        self.destination.get_or_insert(now);
        if let Event::Sent {
            stage: Stage::Mail, ..
        } = event
        {
            self.mail = Some(now);
        }
    }

    /// The delays of a recipient whose delivery ends now.
    fn delays(&self, now: Instant) -> Delays {
        let start = self.destination.unwrap_or(self.begun);
        let mail = self.mail.unwrap_or(now);
        Delays {
            queued: self.queued,
            waiting: start - self.begun,
            connection: mail.saturating_duration_since(start),
            transmission: now - mail,
        }
    }
}

/// A name for a message that is not in the queue.
fn new_id() -> String {
    let time = SystemTime::now().duration_since(UNIX_EPOCH);
    let time = time.unwrap_or_default().as_micros();
    format!("{time:X}{:03X}", fastrand::u16(..0x1000))
}

fn size(outgoing: &Outgoing<'_>) -> u64 {
    let shape = outgoing.message.shape(BodyType::EightBit.with_utf8());
    let shape = shape.or_else(|| outgoing.message.shape(BodyType::Binary.with_utf8()));
    shape.map_or(0, |shape| shape.size)
}

/// The line of a recipient; `None`: nothing was tried.
fn line(result: &RecipientResult, delays: Delays) -> Option<String> {
    let (class, status) = match (result.verdict, result.cause) {
        (RecipientStatus::Accepted, _) => ('2', "sent"),
        (RecipientStatus::Deferred | RecipientStatus::Uncertain, _) => ('4', "deferred"),
        (RecipientStatus::Refused, _) | (RecipientStatus::Skipped, Cause::Message) => {
            ('5', "bounced")
        }
        (RecipientStatus::Skipped | RecipientStatus::Queued, _) => return None,
    };
    let to = &result.recipient;
    let relay = result.server.as_ref();
    let relay = relay.map_or_else(|| "none".to_owned(), |server| relay_name(server, true));
    let dsn = format!("{class}{}", detail(result));
    let (reason, delays) = (reason(result), delays.text());
    Some(format!(
        "to=<{to}>, relay={relay}, {delays}, dsn={dsn}, status={status} ({reason})"
    ))
}

/// `mx.example.org[192.0.2.1]:25`. The command of a pipe is not shown, because it may contain a password.
fn relay_name(server: &ContactedServer, with_port: bool) -> String {
    let host = server.host.trim_matches(['[', ']']);
    match &server.address {
        PeerAddress::Tcp(address) if with_port => {
            format!("{host}[{}]:{}", address.ip(), address.port())
        }
        PeerAddress::Tcp(address) => format!("{host}[{}]", address.ip()),
        // The proxy knows the address.
        PeerAddress::Proxied(peer) if with_port => format!("{host}[unknown]:{}", peer.port),
        PeerAddress::Proxied(_) => format!("{host}[unknown]"),
        // A comma would end the field.
        local @ PeerAddress::Unix(_) => local.to_string().replace(',', "?"),
        PeerAddress::Pipe(_) => "pipe".to_owned(),
    }
}

/// The enhanced status code without its class.
fn detail(result: &RecipientResult) -> &str {
    if let Some(enhanced) = &result.enhanced {
        return &enhanced[1..];
    }
    if result.reply.is_some() {
        return ".0.0";
    }
    match (result.cause, result.stage) {
        (Cause::Network | Cause::Known, None) if result.server.is_some() => ".4.1",
        (Cause::Network, Some(_)) => ".4.2",
        (Cause::Network | Cause::Known, None) => ".4.3",
        (Cause::Domain, _) => ".4.4",
        (Cause::Protocol, _) => ".5.0",
        (Cause::Policy, _) => ".7.0",
        (Cause::Message, _) => ".6.0",
        _ => ".0.0",
    }
}

/// The reply or the reason, in one line.
fn reason(result: &RecipientResult) -> String {
    let host = result.server.as_ref();
    let host = host.map_or_else(String::new, |server| relay_name(server, false));
    let text = match (&result.reply, result.stage) {
        (Some(reply), _) if result.verdict == RecipientStatus::Accepted => reply.whole(),
        (Some(reply), Some(Stage::Banner)) => {
            format!("host {host} refused to talk to me: {}", reply.whole())
        }
        (Some(reply), stage) => {
            let command = stage.map_or("", command);
            format!(
                "host {host} said: {} (in reply to {command})",
                reply.whole()
            )
        }
        (None, _) => without_reply(result),
    };
    text.chars().take(MAX_REASON).collect()
}

fn without_reply(result: &RecipientResult) -> String {
    let text = result.error();
    match &result.server {
        Some(server) => text.replace(&server.to_string(), &relay_name(server, true)),
        None => text.to_owned(),
    }
}

/// The command to which a reply is, as Postfix names it.
fn command(stage: Stage) -> &'static str {
    match stage {
        Stage::Ehlo => "EHLO command",
        Stage::Lhlo => "LHLO command",
        Stage::Helo => "HELO command",
        Stage::Starttls => "STARTTLS command",
        Stage::Auth => "AUTH command",
        Stage::Mail => "MAIL FROM command",
        Stage::Rcpt => "RCPT TO command",
        Stage::Data => "DATA command",
        Stage::Bdat => "BDAT command",
        Stage::Dot => "end of DATA command",
        other => other.name(),
    }
}

impl Delays {
    /// `delay=0.5, delays=0.1/0/0.25/0.15`
    fn text(self) -> String {
        let parts = [
            self.queued,
            self.waiting,
            self.connection,
            self.transmission,
        ];
        let all = seconds(parts.iter().sum());
        let parts = parts.map(seconds).join("/");
        format!("delay={all}, delays={parts}")
    }
}

/// Seconds in two significant digits, in steps of at least 0.01.
fn seconds(time: Duration) -> String {
    let seconds = time.as_secs_f64();
    let digits = match seconds {
        10.0.. => 0,
        1.0.. => 1,
        _ => 2,
    };
    let text = format!("{seconds:.digits$}");
    match text.split_once('.') {
        Some(_) => text.trim_end_matches('0').trim_end_matches('.').to_owned(),
        None => text,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::client::outcome::RecipientResult;
    use crate::mail::address::Address;
    use crate::smtp::reply::Reply;

    fn bob(verdict: RecipientStatus, cause: Cause) -> RecipientResult {
        let bob = Address::parse("bob@example.org").unwrap();
        RecipientResult {
            verdict,
            cause,
            ..RecipientResult::not_attempted(&bob)
        }
    }

    fn server(host: &str) -> ContactedServer {
        ContactedServer {
            host: host.to_owned(),
            address: PeerAddress::Tcp("192.0.2.1:25".parse().unwrap()),
        }
    }

    fn replied(
        verdict: RecipientStatus,
        stage: Option<Stage>,
        reply: (u16, &str),
    ) -> RecipientResult {
        let (code, text) = reply;
        let reply = Reply {
            code,
            lines: vec![text.to_owned()],
        };
        RecipientResult {
            server: Some(server("mx.example.org")),
            stage,
            enhanced: reply.enhanced().map(str::to_owned),
            reply: Some(reply),
            ..bob(verdict, Cause::Server)
        }
    }

    #[test]
    fn results_have_the_form_of_postfix() {
        let delays = Delays {
            queued: Duration::from_millis(100),
            connection: Duration::from_millis(250),
            transmission: Duration::from_millis(1150),
            ..Delays::default()
        };
        let times = "delay=1.5, delays=0.1/0/0.25/1.1";
        let relay = "to=<bob@example.org>, relay=mx.example.org[192.0.2.1]:25";
        for (result, end) in [
            (
                replied(RecipientStatus::Accepted, None, (250, "2.0.0 ok")),
                "dsn=2.0.0, status=sent (250 2.0.0 ok)",
            ),
            (
                replied(RecipientStatus::Deferred, Some(Stage::Rcpt), (450, "later")),
                "dsn=4.0.0, status=deferred (host mx.example.org[192.0.2.1] said: 450 later (in \
                 reply to RCPT TO command))",
            ),
            (
                replied(
                    RecipientStatus::Refused,
                    Some(Stage::Dot),
                    (550, "5.7.1 no"),
                ),
                "dsn=5.7.1, status=bounced (host mx.example.org[192.0.2.1] said: 550 5.7.1 no (in \
                 reply to end of DATA command))",
            ),
            (
                replied(
                    RecipientStatus::Deferred,
                    Some(Stage::Banner),
                    (554, "5.7.1 no"),
                ),
                "dsn=4.7.1, status=deferred (host mx.example.org[192.0.2.1] refused to talk to me: \
                 554 5.7.1 no)",
            ),
        ] {
            let whole = format!("{relay}, {times}, {end}");
            assert_eq!(line(&result, delays).as_deref(), Some(&*whole));
        }
    }

    #[test]
    fn recipient_that_was_not_tried_has_no_line() {
        for cause in [Cause::Output, Cause::Stopped, Cause::Network] {
            let result = bob(RecipientStatus::Skipped, cause);
            assert_eq!(line(&result, Delays::default()), None);
        }
    }

    #[test]
    fn servers_are_named_as_postfix_does() {
        assert_eq!(
            relay_name(&server("[192.0.2.1]"), true),
            "192.0.2.1[192.0.2.1]:25"
        );
        let pipe = ContactedServer {
            host: "ssh -p secret".to_owned(),
            address: PeerAddress::Pipe("ssh -p secret".to_owned()),
        };
        let bob = Address::parse("bob@example.org").unwrap();
        let result = RecipientResult::connect_failed(&bob, pipe, (Cause::Network, "no"));
        let line = line(&result, Delays::default()).unwrap();
        assert!(line.contains("relay=pipe, "), "{line}");
        assert!(!line.contains("secret"), "{line}");
    }

    #[test]
    fn seconds_have_two_digits() {
        for (milliseconds, text) in [
            (0, "0"),
            (4, "0"),
            (50, "0.05"),
            (560, "0.56"),
            (1349, "1.3"),
            (27_077_000, "27077"),
        ] {
            assert_eq!(seconds(Duration::from_millis(milliseconds)), text);
        }
    }
}
