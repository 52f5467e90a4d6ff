//! What a server accepts in one version of TLS. It is offered everything, and then everything except what it
//! has chosen, until it refuses.

use crate::client::wire::tls::Suite;
use crate::probe::scan::answer::{Answer, Extent, ServerFlight};
use crate::probe::scan::hello::{Hello, OWN_GROUPS};
use crate::probe::scan::names::{Alert, Group, Scheme, Version};
use crate::probe::scan::workers::Questions;

/// Whether a server speaks a version.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Support {
    Yes,
    #[default]
    No,
    /// Not known, for this reason.
    Unknown(String),
}

/// Whose order of cipher suites decides.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Order {
    Server,
    Client,
}

/// The results for one version.
#[derive(Clone, Debug)]
pub struct VersionSurvey {
    pub version: Version,
    pub support: Support,
    /// The suites that were accepted, in the order in which the server chose them.
    pub suites: Vec<Suite>,
    /// `None`: there is only one suite, or it is not known.
    pub order: Option<Order>,
    /// Groups of elliptic curves; for TLS 1.3 all groups.
    pub groups: Vec<Group>,
    /// Bits of the prime for Diffie-Hellman before TLS 1.3.
    pub prime_bits: Option<usize>,
    /// Algorithms with which the server signs.
    pub schemes: Vec<Scheme>,
    /// The answers that have certificates.
    pub flights: Vec<ServerFlight>,
    /// Reasons for which a list may be incomplete.
    pub gaps: Vec<String>,
}

/// The end of a series of questions.
#[derive(Clone, Debug, PartialEq, Eq)]
enum End {
    Refused(Option<Alert>),
    /// The server chose what was not offered, or nothing.
    OtherChoice,
    Unknown(String),
}

/// Accepted values, in the order in which they were chosen.
struct Series<T> {
    accepted: Vec<T>,
    flights: Vec<ServerFlight>,
    /// What was not accepted.
    rest: Vec<T>,
    end: End,
}

/// One kind of question, about values of one kind.
pub struct Inquiry<'q> {
    pub questions: &'q Questions,
    pub extent: Extent,
}

impl Inquiry<'_> {
    /// Offers the values until the server refuses the rest.
    fn series<T: Copy + PartialEq>(
        &self,
        mut offered: Vec<T>,
        hello: impl Fn(&[T]) -> Hello,
        chosen: impl Fn(&ServerFlight) -> Option<T>,
    ) -> Series<T> {
        let (mut accepted, mut flights) = (Vec::new(), Vec::new());
        let end = loop {
            if offered.is_empty() {
                break End::Refused(None);
            }
            let flight = match self.questions.ask(hello(&offered), self.extent) {
                Answer::Accepted(flight) => flight,
                Answer::Refused(alert) => break End::Refused(alert),
                Answer::Unknown(why) | Answer::Silent(why) => break End::Unknown(why),
            };
            let value = chosen(&flight);
            let place = value.and_then(|value| offered.iter().position(|other| *other == value));
            flights.push(*flight);
            match place {
                Some(place) => accepted.push(offered.remove(place)),
                None => break End::OtherChoice,
            }
        };
        Series {
            accepted,
            flights,
            rest: offered,
            end,
        }
    }
}

impl VersionSurvey {
    /// Asks about everything in this version.
    pub fn run(version: Version, questions: &Questions) -> Self {
        let mut survey = Self::empty(version, Support::No);
        let share = survey.find_suites(questions);
        if survey.support == Support::Yes {
            survey.find_order(questions, share);
            if version >= Version::Tls12 {
                survey.find_groups(questions, share);
                survey.find_schemes(questions);
            }
            survey.find_details(questions);
        }
        survey
    }

    /// A version about which nothing could be asked.
    pub fn unknown(version: Version) -> Self {
        Self::empty(
            version,
            Support::Unknown("no thread could be started".to_owned()),
        )
    }

    fn empty(version: Version, support: Support) -> Self {
        Self {
            version,
            support,
            suites: Vec::new(),
            order: None,
            groups: Vec::new(),
            prime_bits: None,
            schemes: Vec::new(),
            flights: Vec::new(),
            gaps: Vec::new(),
        }
    }

    pub fn is_supported(&self) -> bool {
        self.support == Support::Yes
    }

    /// A `ClientHello` with these suites.
    pub fn hello(&self, suites: Vec<Suite>) -> Hello {
        Hello::of(self.version, suites)
    }

    /// The group for which a key is made so that TLS 1.3 can be read.
    pub fn share(&self) -> Option<Group> {
        let is_13 = self.version == Version::Tls13;
        let own = OWN_GROUPS
            .into_iter()
            .find(|group| self.groups.contains(group));
        own.filter(|_| is_13)
    }

    /// Suites of this version that meet a condition.
    fn accepted(&self, condition: impl Fn(Suite) -> bool) -> Vec<Suite> {
        let all = self.suites.iter().copied();
        all.filter(|suite| condition(*suite)).collect()
    }

    /// Returns the group of the key that the server needs in every `ClientHello`; `None`: it needs none.
    fn find_suites(&mut self, questions: &Questions) -> Option<Group> {
        let without = self.series_of_suites(questions, None);
        let is_refused = matches!(without.end, End::Refused(_)) && without.accepted.is_empty();
        let (found, share) = if is_refused && self.version == Version::Tls13 {
            // The server may not know how to request a key.
            let share = Some(Group::X25519);
            (self.series_of_suites(questions, share), share)
        } else {
            (without, None)
        };
        self.suites = found.accepted;
        self.support = match (&found.end, self.suites.is_empty()) {
            (_, false) => Support::Yes,
            (End::Unknown(why), true) => Support::Unknown(why.clone()),
            (End::Refused(_) | End::OtherChoice, true) => Support::No,
        };
        if self.support == Support::Yes {
            self.note(&found.end, "cipher suites");
        }
        share
    }

    /// Offers all suites. A server may choose one that it cannot use, and fail: then the rest is offered in parts.
    fn series_of_suites(&self, questions: &Questions, share: Option<Group>) -> Series<Suite> {
        let mut found = self.series_of(suites_of(self.version), questions, share);
        for part in parts(&found.rest, &found.end) {
            let more = self.series_of(part, questions, share);
            found.accepted.extend(more.accepted);
            found.flights.extend(more.flights);
            found.end = more.end;
            if let End::Unknown(_) = found.end {
                break;
            }
        }
        found
    }

    fn series_of(
        &self,
        suites: Vec<Suite>,
        questions: &Questions,
        share: Option<Group>,
    ) -> Series<Suite> {
        let version = self.version;
        let inquiry = Inquiry {
            questions,
            extent: Extent::Hello,
        };
        inquiry.series(
            suites,
            |suites| Hello {
                share,
                ..Hello::of(version, suites.to_vec())
            },
            |flight| (flight.hello.version == Some(version)).then_some(flight.hello.suite),
        )
    }

    /// Notes why a list may be incomplete.
    fn note(&mut self, end: &End, what: &str) {
        if let End::Unknown(why) = end {
            let version = self.version.name();
            self.gaps.push(format!("{what} of {version}: {why}"));
        }
    }

    /// Offers the suites in the opposite order. Servers may prefer `ChaCha20` if the client does; it is left out.
    fn find_order(&mut self, questions: &Questions, share: Option<Group>) {
        let is_chacha = |suite: Suite| suite.to_string().contains("CHACHA20");
        let suites = self.accepted(|suite| !is_chacha(suite));
        let (Some(first), Some(last)) = (suites.first().copied(), suites.last().copied()) else {
            return;
        };
        if first == last {
            return;
        }
        let hello = Hello {
            share,
            ..self.hello(suites.into_iter().rev().collect())
        };
        if let Answer::Accepted(flight) = questions.ask(hello, Extent::Hello) {
            self.order = match flight.hello.suite {
                suite if suite == first => Some(Order::Server),
                suite if suite == last => Some(Order::Client),
                _ => None,
            };
        }
    }

    /// Finds the groups. Before TLS 1.3 they are those for elliptic curves; the prime of Diffie-Hellman is the
    /// server's own.
    pub fn find_groups(&mut self, questions: &Questions, share: Option<Group>) {
        let is_13 = self.version == Version::Tls13;
        let suites = self.accepted(|suite| is_13 || suite.is_ecdhe());
        if !suites.is_empty() && share.is_none() {
            let offered = self.hello(Vec::new()).groups;
            let inquiry = Inquiry {
                questions,
                extent: if is_13 { Extent::Hello } else { Extent::Flight },
            };
            let hello = |groups: &[Group]| Hello {
                groups: groups.to_vec(),
                ..self.hello(suites.clone())
            };
            let found = inquiry.series(offered, hello, |flight| flight.group);
            self.groups = found.accepted;
            self.flights.extend(found.flights);
            self.note(&found.end, "groups");
        }
        self.groups.extend(share);
        let suites = self.accepted(Suite::is_dhe);
        if !suites.is_empty()
            && let Answer::Accepted(flight) = questions.ask(self.hello(suites), Extent::Flight)
        {
            self.prime_bits = flight.prime_bits;
        }
    }

    fn find_schemes(&mut self, questions: &Questions) {
        let share = self.share();
        let is_13 = self.version == Version::Tls13;
        // Other suites of TLS 1.3 cannot be decrypted here.
        let is_readable = |suite: Suite| matches!(suite.0, 0x1301..=0x1303);
        let suites = self.accepted(|suite| {
            if is_13 {
                is_readable(suite)
            } else {
                suite.is_signed()
            }
        });
        if suites.is_empty() || is_13 && share.is_none() {
            if is_13 {
                let why = "signature algorithms and certificates of TLSv1.3: its groups or cipher suites are not supported here";
                self.gaps.push(why.to_owned());
            }
            return;
        }
        let inquiry = Inquiry {
            questions,
            extent: Extent::Flight,
        };
        let hello = |schemes: &[Scheme]| Hello {
            schemes: schemes.to_vec(),
            share,
            ..self.hello(suites.clone())
        };
        let offered = self.hello(Vec::new()).schemes;
        let found = inquiry.series(offered, hello, |flight| flight.scheme);
        self.schemes = found.accepted;
        self.flights.extend(found.flights);
        self.note(&found.end, "signature algorithms");
    }

    /// The server's first messages, with each kind of key.
    fn find_details(&mut self, questions: &Questions) {
        let share = self.share();
        let kinds = [
            self.accepted(Suite::is_ecdsa),
            self.accepted(|suite| !suite.is_ecdsa()),
        ];
        for suites in kinds.into_iter().filter(|suites| !suites.is_empty()) {
            let hello = Hello {
                share,
                ..self.hello(suites)
            };
            if let Answer::Accepted(flight) = questions.ask(hello, Extent::Flight) {
                // The chain, before the end of the list is cut.
                self.flights.push(*flight);
            }
        }
    }
}

/// The parts in which suites are offered again, because a server may have refused all of them for one that it chose.
/// It may say so by `internal_error`: then each key exchange is a part. Or it closes the connection, as Dovecot does
/// that has no parameters for Diffie-Hellman; many servers refuse everything in this way, so that there are few parts.
fn parts(rest: &[Suite], end: &End) -> Vec<Vec<Suite>> {
    let key: fn(Suite) -> String = match end {
        End::Refused(Some(Alert::INTERNAL_ERROR)) => {
            |suite| suite.exchange().unwrap_or_default().to_owned()
        }
        End::Refused(None) => |suite| format!("{} {}", suite.is_ecdhe(), suite.is_dhe()),
        _ => return Vec::new(),
    };
    let mut parts: Vec<(String, Vec<Suite>)> = Vec::new();
    for suite in rest {
        match parts.iter_mut().find(|(name, _)| *name == key(*suite)) {
            Some((_, part)) => part.push(*suite),
            None => parts.push((key(*suite), vec![*suite])),
        }
    }
    // One part would be the same question again.
    if parts.len() < 2 {
        return Vec::new();
    }
    parts.into_iter().map(|(_, part)| part).collect()
}

/// The suites that a version can have.
fn suites_of(version: Version) -> Vec<Suite> {
    let is_of = |suite: &Suite| match version {
        Version::Tls13 => suite.is_tls13(),
        Version::Tls12 => !suite.is_tls13(),
        _ => !suite.is_tls13() && !suite.is_tls12(),
    };
    let mut suites: Vec<Suite> = Suite::all().filter(is_of).collect();
    // Some servers look only at the first suites.
    suites.sort_by_key(|suite| (suite.weakness().is_some(), !suite.is_ecdhe(), suite.0));
    suites
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_have_their_suites() {
        assert_eq!(suites_of(Version::Tls13).len(), 5);
        let old = suites_of(Version::Ssl3);
        assert!(old.contains(&Suite(0x0005)) && !old.contains(&Suite(0xc02f)));
        assert!(suites_of(Version::Tls12).contains(&Suite(0x0005)));
    }
}
