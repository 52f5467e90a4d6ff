//! Scans a server for the versions of TLS that it accepts, with their cipher suites, groups, signature
//! algorithms and certificates. Each `ClientHello` has a connection of its own, and no handshake is completed,
//! because this program could not with most of what it offers. Prints nothing.

mod answer;
mod connection;
mod hello;
mod judge;
mod messages;
mod names;
mod secrets;
mod server;
mod survey;
mod workers;

pub use answer::ServerFlight;
pub use connection::Target;
pub use judge::{findings, status_of};
pub use names::Version;
pub use server::{ServerScan, scan_server};
pub use survey::{Order, Support, VersionSurvey};

use crate::client::wire::Deadline;
use crate::client::wire::tls::Suite;
use answer::{Answer, Extent};
use hello::Hello;
use names::Alert;
use std::thread::{Builder, Scope, ScopedJoinHandle};
use std::time::{Duration, Instant};
use workers::{Questions, Workers};

/// Maximum duration of a scan.
const MAX_SCAN: Duration = Duration::from_secs(300);

/// Protocols that are offered by ALPN. SMTP has no registered name; servers of the Web have.
const PROTOCOLS: [&str; 6] = ["smtp", "lmtp", "imap", "pop3", "http/1.1", "h2"];

/// The result of a scan.
#[derive(Clone, Debug)]
pub struct Scan {
    /// Every version, the oldest first.
    pub versions: Vec<VersionSurvey>,
    pub alpn: Alpn,
    /// True if the server compresses (RFC 3749). `None`: not known.
    pub compresses: Option<bool>,
    /// True if a downgrade is refused (RFC 7507). `None`: not known, or there is only one version.
    pub refuses_fallback: Option<bool>,
    pub connections: usize,
    pub took: Duration,
}

/// The answer to the names of protocols (RFC 7301).
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Alpn {
    /// Ignored; the handshake continues.
    Ignored,
    /// These are accepted.
    Accepted(Vec<&'static str>),
    /// None is accepted, and the handshake ends.
    Refused,
    Unknown(String),
}

impl Scan {
    pub fn supported(&self) -> impl Iterator<Item = &VersionSurvey> {
        self.versions.iter().filter(|survey| survey.is_supported())
    }

    /// The answers that have certificates, of every version.
    pub fn flights(&self) -> impl Iterator<Item = &ServerFlight> {
        self.versions.iter().flat_map(|survey| &survey.flights)
    }

    /// True if renegotiation is secure (RFC 5746). It is not tried. `None`: only TLS 1.3, which has none.
    pub fn has_secure_renegotiation(&self) -> Option<bool> {
        let mut old = self
            .flights()
            .filter(|flight| flight.hello.version < Some(Version::Tls13));
        let first = old.next()?;
        Some(
            first.hello.has_extension(0xff01)
                || old.any(|flight| flight.hello.has_extension(0xff01)),
        )
    }

    /// True if the server gives out tickets before TLS 1.3 (RFC 5077). `None`: only TLS 1.3.
    pub fn has_tickets(&self) -> Option<bool> {
        let mut old = self
            .flights()
            .filter(|flight| flight.hello.version < Some(Version::Tls13))
            .peekable();
        old.peek()?;
        Some(old.any(|flight| flight.hello.has_extension(35)))
    }

    /// The chains with different certificates of the server, in DER.
    pub fn chains(&self) -> Vec<&[Vec<u8>]> {
        let mut chains: Vec<&[Vec<u8>]> = Vec::new();
        // The latest version first.
        let flights = self
            .versions
            .iter()
            .rev()
            .flat_map(|survey| &survey.flights);
        for flight in flights.filter(|flight| !flight.chain.is_empty()) {
            if chains.iter().all(|chain| chain[0] != flight.chain[0]) {
                chains.push(&flight.chain);
            }
        }
        chains
    }

    /// True if no version is known to be accepted, and not all are known to be refused.
    pub fn is_unknown(&self) -> bool {
        let is_unknown = |survey: &VersionSurvey| matches!(survey.support, Support::Unknown(_));
        self.supported().next().is_none() && self.versions.iter().any(is_unknown)
    }

    /// The reasons for which something is not known.
    pub fn gaps(&self) -> Vec<String> {
        let unknown = self
            .versions
            .iter()
            .filter_map(|survey| match &survey.support {
                Support::Unknown(why) => Some(format!("{}: {why}", survey.version.name())),
                _ => None,
            });
        let gaps = self.versions.iter().flat_map(|survey| survey.gaps.clone());
        unknown.chain(gaps).collect()
    }
}

/// Scans a server with at most this number of connections at a time.
pub fn scan(target: Target<'_>, parallel: usize) -> Scan {
    let start = Instant::now();
    let (questions, queue) = Questions::new(Deadline::after(MAX_SCAN));
    let workers = Workers::new(target, queue, parallel.max(1));
    let mut scan = std::thread::scope(|scope| {
        for _ in 0..parallel.max(1) {
            // The others do more if one cannot be started.
            let _ = Builder::new().spawn_scoped(scope, || workers.run());
        }
        let surveys = Version::ALL.map(|version| start_survey(scope, version, questions.clone()));
        let versions = surveys.into_iter().zip(Version::ALL);
        let versions = versions.map(|(survey, version)| {
            let joined = survey.and_then(|survey| survey.join().ok());
            joined.unwrap_or_else(|| VersionSurvey::unknown(version))
        });
        let scan = finished(versions.collect(), &questions);
        // The workers end.
        drop(questions);
        scan
    });
    scan.connections = workers.connections();
    scan.took = start.elapsed();
    scan
}

fn start_survey<'s>(
    scope: &'s Scope<'s, '_>,
    version: Version,
    questions: Questions,
) -> Option<ScopedJoinHandle<'s, VersionSurvey>> {
    let survey = move || VersionSurvey::run(version, &questions);
    Builder::new().spawn_scoped(scope, survey).ok()
}

/// Asks what concerns all versions.
fn finished(mut versions: Vec<VersionSurvey>, questions: &Questions) -> Scan {
    let highest = versions
        .iter_mut()
        .rev()
        .find(|survey| survey.is_supported());
    if let Some(highest) = highest
        && highest.version < Version::Tls12
    {
        highest.find_groups(questions, None);
    }
    Scan {
        alpn: alpn(&versions, questions),
        compresses: compresses(&versions, questions),
        refuses_fallback: refuses_fallback(&versions, questions),
        versions,
        connections: 0,
        took: Duration::ZERO,
    }
}

/// The highest supported version that meets a condition, with a `ClientHello` that it accepts.
fn highest(
    versions: &[VersionSurvey],
    condition: impl Fn(Version) -> bool,
) -> Option<(Version, Hello)> {
    let mut supported = versions.iter().rev().filter(|survey| survey.is_supported());
    let survey = supported.find(|survey| condition(survey.version))?;
    let hello = Hello {
        share: survey.share(),
        ..survey.hello(survey.suites.clone())
    };
    Some((survey.version, hello))
}

fn alpn(versions: &[VersionSurvey], questions: &Questions) -> Alpn {
    let Some((_, mut hello)) = highest(versions, |version| version != Version::Ssl3) else {
        return Alpn::Unknown("no version of TLS".to_owned());
    };
    let mut accepted = Vec::new();
    hello.protocols = PROTOCOLS.to_vec();
    loop {
        match questions.ask(hello.clone(), Extent::Flight) {
            Answer::Unknown(why) | Answer::Silent(why) if accepted.is_empty() => {
                return Alpn::Unknown(why);
            }
            Answer::Refused(Some(Alert::NO_APPLICATION_PROTOCOL)) if accepted.is_empty() => {
                return Alpn::Refused;
            }
            Answer::Accepted(flight) => {
                let chosen = hello
                    .protocols
                    .iter()
                    .position(|name| Some(*name) == flight.protocol.as_deref());
                match chosen {
                    Some(place) => accepted.push(hello.protocols.remove(place)),
                    None if accepted.is_empty() => return Alpn::Ignored,
                    None => return Alpn::Accepted(accepted),
                }
            }
            Answer::Refused(Some(alert)) if accepted.is_empty() => {
                return Alpn::Unknown(alert.to_string());
            }
            _ => return Alpn::Accepted(accepted),
        }
        if hello.protocols.is_empty() {
            return Alpn::Accepted(accepted);
        }
    }
}

fn compresses(versions: &[VersionSurvey], questions: &Questions) -> Option<bool> {
    let (_, hello) = highest(versions, |version| version != Version::Tls13)?;
    let hello = Hello {
        deflate: true,
        ..hello
    };
    match questions.ask(hello, Extent::Hello) {
        Answer::Accepted(flight) => Some(flight.hello.compresses),
        _ => None,
    }
}

/// Offers less than the server supports, and says that a later version has failed.
fn refuses_fallback(versions: &[VersionSurvey], questions: &Questions) -> Option<bool> {
    let (best, _) = highest(versions, |_| true)?;
    let (_, mut hello) = highest(versions, |version| version < best)?;
    hello.suites.push(Suite::FALLBACK);
    match questions.ask(hello, Extent::Hello) {
        Answer::Refused(alert) => Some(alert == Some(Alert::INAPPROPRIATE_FALLBACK)),
        Answer::Accepted(_) => Some(false),
        Answer::Unknown(_) | Answer::Silent(_) => None,
    }
}
