//! Timing: one line for each server that was tried.

use crate::client::events::{Event, Interests, Observer, Summary};
use crate::client::outcome::queue_id;
use crate::client::peer::PeerAddress;
use crate::smtp::stage::Stage;
use crate::system::text::shown;
use crate::transcript::Transcript;
use crate::transcript::lines::{Tone, TranscriptWriter};
use std::io::{self, Write};
use std::time::{Duration, Instant};

/// An [`Observer`] that measures times and forwards all events. It reports the times at the end.
pub struct Stopwatch<'w> {
    next: &'w mut dyn Observer,
    host: String,
    /// Pending connection attempts.
    pending: Vec<(PeerAddress, Instant)>,
    /// The current session.
    running: Option<SessionTimes>,
    done: Vec<Summary>,
}

/// A session, with the start times of its parts.
struct SessionTimes {
    summary: Summary,
    start: Instant,
    last: Instant,
    /// Time spent on MAIL, RCPT and the message so far.
    mail: Duration,
}

impl SessionTimes {
    /// Ends a step, and returns its duration.
    fn lap(&mut self) -> Duration {
        let now = Instant::now();
        now - std::mem::replace(&mut self.last, now)
    }

    fn replied(&mut self, code: u16, stage: Stage) {
        let took = self.lap();
        let summary = &mut self.summary;
        match stage {
            Stage::Banner => summary.banner = Some(took),
            Stage::Ehlo | Stage::Helo | Stage::Lhlo => add(&mut summary.ehlo, took),
            Stage::Starttls => add(&mut summary.tls, took),
            Stage::Auth => add(&mut summary.auth, took),
            Stage::Quit => {}
            _ => self.mail += took,
        }
        // With chunks, the reply to the last one is decisive.
        if matches!(stage, Stage::Dot | Stage::Bdat) {
            summary.accepted = (code / 100 == 2).then_some(self.mail);
        }
    }

    /// Records the decisive reply so far: the last refusal, or the acceptance of the message.
    fn decided(&mut self, code: u16, stage: Stage, lines: &[String]) {
        let has_refused = code >= 400 && stage != Stage::Quit;
        let has_taken = matches!(stage, Stage::Dot | Stage::Bdat);
        if !has_refused && !has_taken {
            return;
        }
        let words: Vec<&str> = lines.iter().map(|line| line.trim()).collect();
        let text = words.join(" ");
        let words = format!("{code} {text}");
        words.trim_end().clone_into(&mut self.summary.words);
        let (_, plain) = text.split_once(' ').unwrap_or(("", &text));
        let id = queue_id(plain).or_else(|| queue_id(&text));
        self.summary.queue_id = id.filter(|_| has_taken && !has_refused).map(str::to_owned);
    }
}

fn add(sum: &mut Option<Duration>, took: Duration) {
    *sum = Some(sum.unwrap_or_default() + took);
}

impl<'w> Stopwatch<'w> {
    /// A stopwatch that forwards events to `next`.
    pub fn new(next: &'w mut dyn Observer) -> Self {
        Self {
            next,
            host: String::new(),
            pending: Vec::new(),
            running: None,
            done: Vec::new(),
        }
    }

    /// Reports the times.
    pub fn report(mut self) {
        self.finish();
        for summary in &self.done {
            self.next.on_event(Event::Summary(summary));
        }
    }

    /// Start time of an attempt that has just succeeded or failed.
    fn start_of(&mut self, peer: &PeerAddress) -> Instant {
        let place = self.pending.iter().position(|(pending, _)| pending == peer);
        place.map_or_else(Instant::now, |place| self.pending.swap_remove(place).1)
    }

    fn connected(&mut self, peer: &PeerAddress) {
        let start = self.start_of(peer);
        self.pending.clear();
        let last = Instant::now();
        self.running = Some(SessionTimes {
            summary: Summary {
                host: self.host.clone(),
                peer: Some(peer.clone()),
                connect: Some(last - start),
                ..Summary::default()
            },
            start,
            last,
            mail: Duration::ZERO,
        });
    }

    /// The next message on a connection that was kept has no time of its own before MAIL.
    fn reused(&mut self, host: &str, peer: &PeerAddress) {
        self.finish();
        let start = Instant::now();
        self.running = Some(SessionTimes {
            summary: Summary {
                host: host.to_owned(),
                peer: Some(peer.clone()),
                ..Summary::default()
            },
            start,
            last: start,
            mail: Duration::ZERO,
        });
    }

    fn not_connected(&mut self, peer: &PeerAddress, why: &str) {
        let start = self.start_of(peer);
        self.done.push(Summary {
            host: self.host.clone(),
            peer: Some(peer.clone()),
            total: start.elapsed(),
            words: why.to_owned(),
            ..Summary::default()
        });
    }

    fn finish(&mut self) {
        if let Some(mut running) = self.running.take() {
            running.summary.total = running.start.elapsed();
            self.done.push(running.summary);
        }
    }

    fn note(&mut self, what: &Event<'_>) {
        match (what, &mut self.running) {
            (Event::Host { name, .. }, _) => (*name).clone_into(&mut self.host),
            (Event::Connect(peer), _) => self.pending.push(((*peer).clone(), Instant::now())),
            (Event::Connected(peer), _) => self.connected(peer),
            (Event::Reused { host, peer }, _) => self.reused(host, peer),
            (Event::NotConnected { peer, why }, _) => self.not_connected(peer, why),
            (Event::Secured(_), Some(running)) => {
                let took = running.lap();
                add(&mut running.summary.tls, took);
            }
            (
                Event::Received {
                    code, stage, lines, ..
                },
                Some(running),
            ) => {
                running.replied(*code, *stage);
                running.decided(*code, *stage, lines);
            }
            (Event::Failed { why, .. }, Some(running)) => {
                (*why).clone_into(&mut running.summary.words);
            }
            (Event::Closed, _) => self.finish(),
            _ => {}
        }
    }
}

impl Observer for Stopwatch<'_> {
    fn on_event(&mut self, what: Event<'_>) {
        self.note(&what);
        self.next.on_event(what);
    }

    fn is_closed(&self) -> bool {
        self.next.is_closed()
    }

    fn interests(&self) -> Interests {
        self.next.interests()
    }
}

/// A transcript of summary lines only.
pub struct SummaryLines<W>(TranscriptWriter<W>);

impl<W: Write> SummaryLines<W> {
    pub fn new(out: W) -> Self {
        Self(TranscriptWriter::new(out))
    }
}

impl<W: Write> Observer for SummaryLines<W> {
    fn on_event(&mut self, what: Event<'_>) {
        if let Event::Summary(summary) = what {
            self.0.write(Tone::Plain, &format!("{}\n", line(summary)));
        }
    }

    fn is_closed(&self) -> bool {
        self.failure().is_some()
    }
}

impl<W: Write> Transcript for SummaryLines<W> {
    fn failure(&self) -> Option<&io::Error> {
        self.0.failure()
    }
}

/// `mx1.example.org [192.0.2.7]:25 connect 1.0 ms, banner 12.1 ms, EHLO 3.0 ms, TLS 24.4 ms, AUTH -,
/// accepted 41.0 ms; total 93.2 ms; 250 2.0.0 Ok: queued as 4F2`.
pub fn line(summary: &Summary) -> String {
    let steps = steps(summary).map(|(name, _, took)| match took {
        Some(took) => format!("{name} {}", milliseconds(took)),
        None => format!("{name} -"),
    });
    let place = place(summary);
    let total = milliseconds(summary.total);
    let mut line = format!("{place} {}; total {total}", steps.join(", "));
    if !summary.words.is_empty() {
        line.push_str(&format!("; {}", shown(&summary.words)));
    }
    if let Some(id) = &summary.queue_id
        && !summary.words.ends_with(id)
    {
        line.push_str(&format!("; queue id {id}"));
    }
    line
}

/// The steps in order, with their names in text and in JSON.
pub fn steps(summary: &Summary) -> [(&'static str, &'static str, Option<Duration>); 6] {
    [
        ("connect", "connect_ms", summary.connect),
        ("banner", "banner_ms", summary.banner),
        ("EHLO", "ehlo_ms", summary.ehlo),
        ("TLS", "tls_ms", summary.tls),
        ("AUTH", "auth_ms", summary.auth),
        ("accepted", "accepted_ms", summary.accepted),
    ]
}

fn place(summary: &Summary) -> String {
    let host = shown(&summary.host);
    match &summary.peer {
        Some(PeerAddress::Tcp(address)) if host == format!("[{}]", address.ip()) => {
            format!("{host}:{}", address.port())
        }
        Some(PeerAddress::Tcp(address)) => format!("{host} [{}]:{}", address.ip(), address.port()),
        Some(PeerAddress::Proxied(peer)) => {
            format!("{host}:{} through {}", peer.port, peer.proxy_url())
        }
        Some(_) | None => host,
    }
}

fn milliseconds(took: Duration) -> String {
    format!("{:.1} ms", took.as_secs_f64() * 1000.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Default)]
    struct KeptLines(Vec<String>);

    impl Observer for KeptLines {
        fn on_event(&mut self, what: Event<'_>) {
            if let Event::Summary(summary) = what {
                self.0.push(line(summary));
            }
        }
    }

    fn received(code: u16, stage: Stage, lines: &[String]) -> Event<'_> {
        Event::Received {
            code,
            enhanced: None,
            lines,
            stage,
        }
    }

    /// Removes the time before each `ms`.
    fn without_times(line: &str) -> String {
        let words: Vec<&str> = line.split(' ').collect();
        let is_time = |at: usize| words.get(at + 1).is_some_and(|next| next.starts_with("ms"));
        let left = (0..words.len()).filter(|&at| !is_time(at));
        left.map(|at| words[at]).collect::<Vec<_>>().join(" ")
    }

    fn reported(events: &[Event<'_>]) -> Vec<String> {
        let mut kept = KeptLines::default();
        let mut stopwatch = Stopwatch::new(&mut kept);
        for &what in events {
            stopwatch.on_event(what);
        }
        stopwatch.report();
        kept.0.iter().map(|line| without_times(line)).collect()
    }

    #[test]
    fn each_server_has_a_line_with_times_and_decisive_reply() {
        let [refused, accepted] = ["[2001:db8::1]:25", "192.0.2.7:25"];
        let (refused, accepted) = (
            PeerAddress::Tcp(refused.parse().unwrap()),
            PeerAddress::Tcp(accepted.parse().unwrap()),
        );
        let none = [String::new()];
        let taken = ["2.0.0 Ok: queued as 4F2".to_owned()];
        let lines = reported(&[
            Event::Host {
                name: "mx1.example.org",
                port: Some(25),
                recipients: &[],
            },
            Event::Connect(&refused),
            Event::Connect(&accepted),
            Event::NotConnected {
                peer: &refused,
                why: "Connection refused",
            },
            Event::Connected(&accepted),
            received(220, Stage::Banner, &none),
            received(250, Stage::Ehlo, &none),
            received(250, Stage::Mail, &none),
            received(250, Stage::Rcpt, &none),
            received(354, Stage::Data, &none),
            received(250, Stage::Dot, &taken),
            received(221, Stage::Quit, &none),
            Event::Closed,
        ]);
        assert_eq!(
            lines,
            [
                "mx1.example.org [2001:db8::1]:25 connect -, banner -, EHLO -, TLS -, AUTH -, accepted -; \
                 total ms; Connection refused",
                "mx1.example.org [192.0.2.7]:25 connect ms, banner ms, EHLO ms, TLS -, AUTH -, accepted ms; \
                 total ms; 250 2.0.0 Ok: queued as 4F2",
            ]
        );
    }

    #[test]
    fn refusal_is_the_decisive_reply() {
        let peer = PeerAddress::Unix("/run/x.sock".into());
        let no = ["5.1.1 no such user".to_owned()];
        let bye = ["bye".to_owned()];
        let lines = reported(&[
            Event::Host {
                name: "/run/x.sock",
                port: None,
                recipients: &[],
            },
            Event::Connect(&peer),
            Event::Connected(&peer),
            received(550, Stage::Rcpt, &no),
            received(221, Stage::Quit, &bye),
            Event::Closed,
        ]);
        assert_eq!(
            lines,
            [
                "/run/x.sock connect ms, banner -, EHLO -, TLS -, AUTH -, accepted -; total ms; \
                 550 5.1.1 no such user"
            ]
        );
    }

    #[test]
    fn queue_id_is_shown_unless_the_reply_ends_with_it() {
        let summary = Summary {
            host: "mx".to_owned(),
            words: "250 OK 1 x1 - gsmtp".to_owned(),
            queue_id: Some("x1".to_owned()),
            ..Summary::default()
        };
        assert!(line(&summary).ends_with("; 250 OK 1 x1 - gsmtp; queue id x1"));
    }
}
