//! The plan of a run: its messages, their rate, and the number of connections.

use crate::probe::load::MessageTemplate;
use crate::probe::load::record::Phase;
use std::num::NonZeroU64;
use std::time::Duration;

/// A run.
#[derive(Debug)]
pub struct LoadPlan {
    pub pace: Pace,
    /// Number of connections. In the open loop, the largest one.
    pub connections: usize,
    pub end: LoadEnd,
    /// Messages that are due before this time are sent, and not measured.
    pub warm_up: Duration,
    /// Time until the rate or the number of connections is reached. Zero: from the beginning.
    pub ramp: Duration,
    /// Messages on a connection; `None`: as many as the server accepts.
    pub per_connection: Option<NonZeroU64>,
    pub mix: Mix,
    pub message: MessageTemplate,
    /// Time between two interim results.
    pub interval: Duration,
    /// True if the run goes on although the server refuses most messages.
    pub keeps_going: bool,
}

/// What decides when a message is sent.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Pace {
    /// The reply to the one before, and this pause.
    Closed { think: Duration },
    /// The clock: this number of messages in a second, whether the server keeps up or not.
    Open { rate: f64 },
}

impl Pace {
    /// The step whose distribution is shown: in an open loop, a message is late from when it was due.
    pub fn phase(self) -> Phase {
        match self {
            Self::Closed { .. } => Phase::Service,
            Self::Open { .. } => Phase::Response,
        }
    }
}

/// The end of a run, whichever comes first.
#[derive(Clone, Copy, Debug, Default)]
pub struct LoadEnd {
    /// Number of messages, those before the end of the warm-up included.
    pub messages: Option<u64>,
    /// Time after the warm-up.
    pub duration: Option<Duration>,
}

/// The sessions that use TLS and that log in, in percent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Mix {
    pub tls: u8,
    pub auth: u8,
}

impl Mix {
    pub const ALL: Self = Self {
        tls: 100,
        auth: 100,
    };

    /// True for TLS and login of the session with this number. Of a hundred consecutive sessions, exactly these
    /// percentages have them, evenly distributed; the ones are a subset of the others.
    pub fn of(self, session: u64) -> (bool, bool) {
        // 61 and 100 have no common divisor.
        let place = session % 100 * 61 % 100;
        (place < self.tls.into(), place < self.auth.into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn mix_has_exact_shares_and_logins_are_inside_tls() {
        let mix = Mix { tls: 80, auth: 50 };
        let all: Vec<(bool, bool)> = (700..800).map(|session| mix.of(session)).collect();
        assert_eq!(all.iter().filter(|(tls, _)| *tls).count(), 80);
        assert_eq!(all.iter().filter(|(_, auth)| *auth).count(), 50);
        assert!(all.iter().all(|(tls, auth)| *tls || !auth));
        assert_eq!(Mix::ALL.of(99), (true, true));
    }
}
