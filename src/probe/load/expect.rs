//! Expectations of the result of a run.

use crate::probe::load::{LoadReport, Phase};
use crate::system::time::parsed;
use std::time::Duration;

/// One expectation, as in `p99:200ms`, `tls.max:1s`, `errors:0.1%` or `rate:500`.
#[derive(Clone, Debug, PartialEq)]
pub struct LoadExpectation {
    /// As it was written.
    pub text: String,
    what: Expected,
}

#[derive(Clone, Debug, PartialEq)]
enum Expected {
    /// A time of at most this. `None`: the time of a message.
    Time(Option<Phase>, Measure, Duration),
    /// At most this share of messages that were not accepted, from 0 to 1.
    ErrorShare(f64),
    /// At most this number of messages that were not accepted.
    Errors(u64),
    /// At least this number of accepted messages in a second.
    Rate(f64),
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Measure {
    Percentile(f64),
    Mean,
    Max,
}

/// An expectation and what was found.
#[derive(Clone, Debug)]
pub struct LoadExpectationResult {
    /// The expectation as it was written.
    pub text: String,
    pub met: bool,
    pub found: String,
}

impl LoadExpectation {
    /// Parses one entry of a list.
    pub fn parse(text: &str) -> Result<Self, String> {
        let wrong = || {
            format!(
                "\"{text}\" is not an expectation; expected one such as p99:200ms, connect.max:1s, errors:0.1% or rate:500"
            )
        };
        let (name, value) = ["<=", ">=", ":"]
            .into_iter()
            .find_map(|sign| text.split_once(sign))
            .ok_or_else(wrong)?;
        let is_least = text.contains(">=");
        let what = match name {
            "rate" if !text.contains("<=") => {
                let rate = value.strip_suffix("/s").unwrap_or(value).parse();
                Expected::Rate(
                    rate.ok()
                        .filter(|rate: &f64| *rate > 0.0)
                        .ok_or_else(wrong)?,
                )
            }
            _ if is_least => return Err(wrong()),
            "errors" => match value.strip_suffix('%') {
                Some(percent) => {
                    let percent: f64 = percent.parse().map_err(|_| wrong())?;
                    let is_share = (0.0..=100.0).contains(&percent);
                    Expected::ErrorShare(is_share.then_some(percent / 100.0).ok_or_else(wrong)?)
                }
                None => Expected::Errors(value.parse().map_err(|_| wrong())?),
            },
            _ => {
                let (phase, measure) = measure(name).ok_or_else(wrong)?;
                Expected::Time(phase, measure, parsed(value).ok_or_else(wrong)?)
            }
        };
        Ok(Self {
            text: text.to_owned(),
            what,
        })
    }

    pub fn check(&self, report: &LoadReport) -> LoadExpectationResult {
        let counts = report.counts;
        let all = counts.accepted + counts.failed;
        let (met, found) = match &self.what {
            Expected::Time(phase, measure, most) => {
                let latencies = report.latencies(phase.unwrap_or(report.shown));
                let time = match measure {
                    Measure::Percentile(percentile) => latencies.percentile(*percentile),
                    Measure::Mean => latencies.mean(),
                    Measure::Max => latencies.max(),
                };
                let met = latencies.count() > 0 && time <= *most;
                let found = match latencies.count() {
                    0 => "not measured".to_owned(),
                    _ => format!("{:.3}ms", time.as_secs_f64() * 1e3),
                };
                (met, found)
            }
            Expected::ErrorShare(most) => {
                let share = counts.failed as f64 / all.max(1) as f64;
                (all > 0 && share <= *most, format!("{:.3}%", share * 100.0))
            }
            Expected::Errors(most) => {
                (all > 0 && counts.failed <= *most, counts.failed.to_string())
            }
            Expected::Rate(least) => {
                let rate = report.rate();
                (rate >= *least, format!("{rate:.1}/s"))
            }
        };
        LoadExpectationResult {
            text: self.text.clone(),
            met,
            found,
        }
    }
}

/// The phase and the measure of `p99.9`, `max` or `connect.p50`.
fn measure(name: &str) -> Option<(Option<Phase>, Measure)> {
    let of = |name: &str| match name {
        "mean" => Some(Measure::Mean),
        "max" => Some(Measure::Max),
        _ => {
            let percentile: f64 = name.strip_prefix('p')?.parse().ok()?;
            let is_percentile = (0.0..=100.0).contains(&percentile);
            is_percentile.then_some(Measure::Percentile(percentile))
        }
    };
    if let Some(measure) = of(name) {
        return Some((None, measure));
    }
    let (phase, measure) = name.split_once('.')?;
    let phase = Phase::ALL.into_iter().find(|known| known.name() == phase)?;
    Some((Some(phase), of(measure)?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn expectations_name_a_measure_and_a_limit() {
        let what = |text| LoadExpectation::parse(text).map(|parsed| parsed.what);
        let ms = Duration::from_millis;
        let percentile = |percentile| Measure::Percentile(percentile);
        assert_eq!(
            what("p99:200ms"),
            Ok(Expected::Time(None, percentile(99.0), ms(200)))
        );
        assert_eq!(
            what("p99.9<=1s"),
            Ok(Expected::Time(None, percentile(99.9), ms(1000)))
        );
        let of_tls = Expected::Time(Some(Phase::Tls), Measure::Max, ms(500));
        assert_eq!(what("tls.max:0.5s"), Ok(of_tls));
        assert_eq!(what("errors:0.1%"), Ok(Expected::ErrorShare(0.001)));
        assert_eq!(what("errors:3"), Ok(Expected::Errors(3)));
        assert_eq!(what("rate>=500"), Ok(Expected::Rate(500.0)));
        assert_eq!(what("rate:2.5/s"), Ok(Expected::Rate(2.5)));
        for text in [
            "",
            "p99",
            "p101:1s",
            "p99:5",
            "p99>=5ms",
            "rate<=5",
            "errors:-1",
            "errors:101%",
            "nope.p5:1s",
        ] {
            assert!(LoadExpectation::parse(text).is_err(), "{text}");
        }
    }
}
