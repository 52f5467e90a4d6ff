//! `ehlo bench`: puts load on a server, and reports how long each step takes.

// Counts are far below 2^52.
#![allow(clippy::cast_precision_loss)]

pub(crate) mod args;

mod chart;
mod histogram;
mod html;
mod object;
mod report;
mod run;
mod timeline;

pub(crate) use args::Args;
pub(crate) use run::run;

use crate::cli::ExitStatus;
use crate::client::transport::Transport;
use crate::mail::message::MessageOptions;
use crate::probe::load::{
    ErrorCount, LoadExpectation, LoadExpectationResult, LoadPlan, LoadReport, Pace,
};
use crate::system::exit::Exit;
use crate::system::figures::counted;
use crate::system::time::brief;
use std::path::PathBuf;
use std::time::Duration;
use timeline::Timeline;

/// A run and its output.
#[derive(Debug)]
pub struct Bench {
    plan: LoadPlan,
    /// The message that is sent instead of generated ones.
    ready: Option<MessageOptions>,
    transport: Transport,
    /// True if the server may have a public address.
    allows_public: bool,
    expect: Vec<LoadExpectation>,
    output: BenchOutput,
}

#[derive(Debug)]
struct BenchOutput {
    json: bool,
    html: Option<PathBuf>,
    histogram: Option<PathBuf>,
    /// True: no interim results for people.
    quiet: bool,
}

/// Everything that is reported about a run.
struct BenchReport<'r> {
    /// The server and its address.
    server: String,
    plan: &'r LoadPlan,
    load: LoadReport,
    timeline: Timeline,
    expected: Vec<LoadExpectationResult>,
}

impl BenchReport<'_> {
    /// With expectations, they decide; otherwise the messages.
    fn exit(&self) -> Exit {
        let counts = self.load.counts;
        if self.expected.iter().any(|result| !result.met) {
            return Exit::Policy;
        }
        match (counts.accepted, counts.failed) {
            (1.., _) if !self.expected.is_empty() => Exit::Ok,
            (1.., 0) => Exit::Ok,
            (1.., _) => Exit::Partial,
            (0, _) => self
                .load
                .errors
                .first()
                .map_or(Exit::Temporary, ErrorCount::exit),
        }
    }

    /// The plan in a sentence.
    fn plan_in_words(&self) -> String {
        let plan = self.plan;
        let connections = counted(plan.connections as u64, "connection");
        let pace = match plan.pace {
            Pace::Closed { think } if think.is_zero() => format!("closed loop, {connections}"),
            Pace::Closed { think } => {
                format!(
                    "closed loop, {connections}, {} between messages",
                    brief(think)
                )
            }
            Pace::Open { rate } => format!("open loop, {}/s, at most {connections}", number(rate)),
        };
        let each = match plan.per_connection {
            None => "kept".to_owned(),
            Some(count) => format!("{} each", counted(count.get(), "message")),
        };
        let ramp = match plan.ramp {
            Duration::ZERO => String::new(),
            ramp => format!(", ramp of {}", brief(ramp)),
        };
        format!("{pace}, {each}{ramp}")
    }
}

/// A number with three digits or more, without needless decimals: `0.125`, `12.5`, `3214`.
fn number(value: f64) -> String {
    let decimals = match value {
        ..0.0005 => 0,
        ..10.0 => 3,
        ..100.0 => 2,
        ..1000.0 => 1,
        _ => 0,
    };
    let text = format!("{value:.decimals$}");
    if text.contains('.') {
        return text.trim_end_matches('0').trim_end_matches('.').to_owned();
    }
    text
}

/// A time in milliseconds, with three digits or more.
fn milliseconds(time: Duration) -> String {
    let ms = time.as_secs_f64() * 1e3;
    let decimals = match ms {
        ..10.0 => 3,
        ..100.0 => 2,
        ..1000.0 => 1,
        _ => 0,
    };
    format!("{ms:.decimals$}")
}

/// A time with its unit: `340us`, `12.3ms`, `2.51s`.
fn time(time: Duration) -> String {
    let seconds = time.as_secs_f64();
    match seconds {
        ..0.001 => format!("{}us", number((seconds * 1e7).round() / 10.0)),
        ..1.0 => format!("{}ms", number(seconds * 1e3)),
        _ => format!("{seconds:.2}s"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_have_three_digits_and_a_unit() {
        let said = |nanos| time(Duration::from_nanos(nanos));
        let all = [700, 340_000, 12_345_678, 123_456_789, 2_512_000_000].map(said);
        assert_eq!(all, ["0.7us", "340us", "12.35ms", "123.5ms", "2.51s"]);
        assert_eq!(
            [0.0, 0.125, 12.5, 3214.4].map(number),
            ["0", "0.125", "12.5", "3214"]
        );
        assert_eq!(milliseconds(Duration::from_micros(20)), "0.020");
    }
}
