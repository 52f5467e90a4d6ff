//! Inspects a server: greeting, EHLO before and after TLS, certificate, time of each step.

use crate::client::connect::ConnectError;
use crate::client::events::{Event, Interests, Observer};
use crate::client::outcome::{ContactedServer, SessionEnd};
use crate::client::peer::PeerAddress;
use crate::client::route::{Endpoint, RouteError};
use crate::client::session::parameters;
use crate::client::status::{Hint, with_hint};
use crate::client::transport::OpenTransport;
use crate::client::wire::tls::Suite;
use crate::probe::session::{run_session, run_session_at};
use crate::smtp::stage::Stage;
use crate::system::certificate::Certificate;
use crate::system::exit::Exit;
use crate::system::stop::Stop;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

#[derive(Debug)]
pub struct ProbeResult {
    /// Server that was contacted last. `None`: no server was found.
    pub server: Option<ContactedServer>,
    /// The lines of the greeting.
    pub banner: Vec<String>,
    /// EHLO reply lines before TLS. `None`: EHLO was not sent or not answered.
    pub in_clear: Option<Vec<String>>,
    pub tls: Option<TlsReport>,
    /// EHLO reply lines inside TLS.
    pub in_tls: Option<Vec<String>>,
    /// The reply to AUTH, if there was a login.
    pub login: Option<String>,
    /// Duration of each step, in order.
    pub steps: Vec<TimedStep>,
    /// The error, in a sentence.
    pub failure: Option<String>,
    /// The remedy, if there is one.
    pub hint: Option<Hint>,
    /// Part of the result, because monitors compare it; by `client/outcome/mod.rs`.
    pub exit: Exit,
}

/// A TLS connection as it was found.
#[derive(Debug)]
pub struct TlsReport {
    /// `TLSv1.3` or `TLSv1.2`. `None`: the handshake did not get beyond the certificate.
    pub version: Option<String>,
    pub cipher: String,
    pub group: String,
    /// The expected name.
    pub name: String,
    /// True if an earlier TLS session was resumed.
    pub resumed: bool,
    /// True if the certificate was verified.
    pub verified: bool,
    /// The verdict, worded to follow "certificate of NAME".
    pub judgement: String,
    /// The certificates in DER, the server's own first.
    pub chain: Vec<Vec<u8>>,
}

/// One step and the time until its answer.
#[derive(Debug, PartialEq, Eq)]
pub struct TimedStep {
    pub stage: Stage,
    pub took: Duration,
}

impl TlsReport {
    /// The cipher suite. `None`: the handshake did not get that far.
    pub fn suite(&self) -> Option<Suite> {
        Suite::of_rustls(&self.cipher)
    }

    /// Whole days until the server's own certificate expires; negative if it has expired.
    pub fn days_left(&self) -> Option<i64> {
        let own = Certificate::read(self.chain.first()?)?;
        let now = crate::system::time::now_in_seconds();
        Some((own.not_after - now).div_euclid(24 * 60 * 60))
    }
}

impl Default for ProbeResult {
    fn default() -> Self {
        Self {
            server: None,
            banner: Vec::new(),
            in_clear: None,
            tls: None,
            in_tls: None,
            login: None,
            steps: Vec::new(),
            failure: None,
            hint: None,
            exit: Exit::Ok,
        }
    }
}

impl ProbeResult {
    /// The error with its hint.
    pub fn explanation(&self) -> Option<String> {
        let failure = self.failure.as_ref()?;
        Some(with_hint(failure, self.hint))
    }

    /// True if no step failed.
    pub fn is_complete(&self) -> bool {
        self.failure.is_none()
    }

    /// A failure without a contact to a server.
    pub fn unreached(error: &RouteError) -> Self {
        let error = ConnectError::from(error);
        Self {
            hint: error.hint,
            exit: error.exit(),
            failure: Some(error.why),
            ..Self::default()
        }
    }

    /// The EHLO lines that are offered only in clear, and those only inside TLS, without STARTTLS. Empty if there
    /// was one EHLO.
    pub fn differences(&self) -> (Vec<&str>, Vec<&str>) {
        let (Some(clear), Some(tls)) = (&self.in_clear, &self.in_tls) else {
            return (Vec::new(), Vec::new());
        };
        (only_in(clear, tls), only_in(tls, clear))
    }

    /// True if STARTTLS is offered before TLS.
    pub fn offers_starttls(&self) -> bool {
        let offered = self.in_clear.as_deref().unwrap_or_default();
        parameters(offered, "starttls").is_some()
    }

    /// The last EHLO reply lines: those inside TLS if TLS was negotiated.
    pub fn offered(&self) -> &[String] {
        let last = self.in_tls.as_ref().or(self.in_clear.as_ref());
        last.map_or(&[], Vec::as_slice)
    }
}

/// Runs a session up to QUIT without sending mail. `watch` receives the events.
pub fn probe(
    transport: &OpenTransport<'_>,
    endpoint: &Endpoint,
    observer: &mut dyn Observer,
) -> ProbeResult {
    probe_at(transport, (endpoint, None), observer)
}

/// The same at one address of the server. `None`: any of them.
pub fn probe_at(
    transport: &OpenTransport<'_>,
    (endpoint, peer): (&Endpoint, Option<&PeerAddress>),
    observer: &mut dyn Observer,
) -> ProbeResult {
    let mut recorder = StepRecorder::new(observer);
    let outcome = match peer {
        Some(peer) => run_session_at(transport, (endpoint, peer), &mut recorder),
        None => run_session(transport, endpoint, &[], &mut recorder),
    };
    let mut probe = recorder.probe;
    match outcome {
        Ok((server, ended)) => {
            let ending = SessionEnd::of(&server, &ended);
            probe.server = Some(server);
            probe.exit = ending.as_ref().map_or(Exit::Ok, SessionEnd::exit);
            probe.hint = ending.as_ref().and_then(|ending| ending.hint);
            probe.failure = ending.map(|ending| ending.words);
        }
        Err(error) => {
            probe.exit = error.exit();
            probe.server = error.server;
            probe.hint = error.hint;
            probe.failure = Some(error.why);
        }
    }
    probe
}

/// Records events, and passes them on to another observer.
struct StepRecorder<'w> {
    probe: ProbeResult,
    observer: &'w mut dyn Observer,
    last: Instant,
}

impl<'w> StepRecorder<'w> {
    fn new(observer: &'w mut dyn Observer) -> Self {
        Self {
            probe: ProbeResult::default(),
            observer,
            last: Instant::now(),
        }
    }

    /// Records the end of a step.
    fn step(&mut self, stage: Stage) {
        let now = Instant::now();
        self.probe.steps.push(TimedStep {
            stage,
            took: now - self.last,
        });
        self.last = now;
    }

    fn replied(&mut self, code: u16, stage: Stage, lines: &[String]) {
        self.step(stage);
        let is_yes = (200..300).contains(&code);
        match stage {
            Stage::Banner => self.probe.banner = lines.to_vec(),
            Stage::Ehlo | Stage::Lhlo if is_yes => {
                let offered = Some(lines.iter().skip(1).cloned().collect());
                if self.probe.tls.is_some() {
                    self.probe.in_tls = offered;
                } else {
                    self.probe.in_clear = offered;
                }
            }
            Stage::Auth => self.probe.login = Some(format!("{code} {}", lines.join(" "))),
            _ => {}
        }
    }
}

fn only_in<'l>(lines: &'l [String], others: &[String]) -> Vec<&'l str> {
    let is_other = |line: &&String| others.iter().all(|other| !other.eq_ignore_ascii_case(line));
    let lines = lines
        .iter()
        .filter(|line| !line.eq_ignore_ascii_case("starttls"));
    lines.filter(is_other).map(String::as_str).collect()
}

fn is_address(name: &str) -> bool {
    let bare = name.trim_start_matches('[').trim_end_matches(']');
    bare.parse::<IpAddr>().is_ok()
}

impl Observer for StepRecorder<'_> {
    fn on_event(&mut self, what: Event<'_>) {
        match what {
            // Addresses and Unix sockets are not looked up.
            Event::Host { name, port, .. } => {
                if !self.probe.steps.is_empty() {
                    // The server refused a token, and this is the session with another one.
                    self.probe = ProbeResult::default();
                    self.last = Instant::now();
                } else if port.is_some() && !is_address(name) {
                    self.step(Stage::Lookup);
                }
            }
            Event::Connected(_) => self.step(Stage::Connect),
            Event::Secured(secured) => {
                self.step(Stage::Tls);
                self.probe.tls = Some(TlsReport {
                    version: Some(secured.version.to_owned()),
                    cipher: secured.cipher.to_owned(),
                    group: secured.group.unwrap_or_default().to_owned(),
                    name: secured.name.to_owned(),
                    resumed: secured.resumed,
                    verified: secured.verified,
                    judgement: secured.judgement.to_owned(),
                    chain: secured.chain.to_vec(),
                });
            }
            Event::Distrusted { name, why, chain } => {
                self.probe.tls = Some(TlsReport {
                    version: None,
                    cipher: String::new(),
                    group: String::new(),
                    name: name.to_owned(),
                    resumed: false,
                    verified: false,
                    judgement: format!("not trusted: it {why}"),
                    chain: chain.to_vec(),
                });
            }
            Event::Received {
                code, stage, lines, ..
            } => self.replied(code, stage, lines),
            _ => {}
        }
        self.observer.on_event(what);
    }

    fn is_closed(&self) -> bool {
        self.observer.is_closed()
    }

    fn interests(&self) -> Interests {
        self.observer.interests()
    }

    fn stop(&self) -> Option<Arc<Stop>> {
        self.observer.stop()
    }
}
