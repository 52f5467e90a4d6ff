//! One line for a monitoring system, as the Monitoring Plugins Development Guidelines have it.

use crate::cli::probe::ProbeReport;
use crate::cli::probe::Thresholds;
use crate::probe::{EXPIRED, EXPIRES, SOON, Status, TlsReport};
use crate::system::exit::{Exit, Health};
use crate::system::text::shown;
use std::time::Duration;

/// The line, and the state of all servers.
pub fn line(reports: &[ProbeReport<'_>], thresholds: Thresholds) -> (String, Health) {
    let states = reports.iter().map(|report| state(report, thresholds));
    let states: Vec<(Health, String)> = states.collect();
    let worst = states
        .iter()
        .map(|(health, _)| *health)
        .max_by_key(|health| rank(*health));
    let worst = worst.unwrap_or(Health::Unknown);
    let bad: Vec<&str> = states
        .iter()
        .filter(|(health, _)| *health != Health::Ok)
        .map(|(_, words)| words.as_str())
        .collect();
    let words = match (bad.as_slice(), states.as_slice()) {
        ([], [(_, words)]) => words.clone(),
        ([], all) => format!("{} servers", all.len()),
        (bad, _) => bad.join("; "),
    };
    let is_several = reports.len() > 1;
    let figures = reports
        .iter()
        .flat_map(|report| figures(report, thresholds, is_several));
    let figures: Vec<String> = figures.collect();
    let mut line = format!("SMTP {}: {}", worst.word(), plain(&words));
    if !figures.is_empty() {
        line.push_str(" | ");
        line.push_str(&figures.join(" "));
    }
    (line, worst)
}

/// UNKNOWN is worse than OK, and better than what is known to be bad.
fn rank(health: Health) -> u8 {
    match health {
        Health::Ok => 0,
        Health::Unknown => 1,
        Health::Warning => 2,
        Health::Critical => 3,
    }
}

/// A vertical bar would begin the performance data.
fn plain(text: &str) -> String {
    shown(text).replace('|', "/")
}

fn state(report: &ProbeReport<'_>, thresholds: Thresholds) -> (Health, String) {
    let server = report.server();
    let probe = &report.series.probe;
    if let Some(failure) = probe.explanation() {
        // Without an address, nothing is known about the server.
        let is_unknown = probe.server.is_none() && probe.exit == Exit::Temporary;
        let health = if is_unknown {
            Health::Unknown
        } else {
            Health::Critical
        };
        return (health, failure);
    }
    let unmet = report.expected.iter().find(|result| !result.met);
    if let Some(result) = unmet {
        let words = format!(
            "{server}: expectation not met: {} ({})",
            result.text, result.found
        );
        return (Health::Critical, words);
    }
    if let Some(finding) = report.dane_failure() {
        return (Health::Critical, format!("{server}: {}", finding.text));
    }
    let dates = report
        .findings
        .iter()
        .filter(|finding| [EXPIRED, EXPIRES].contains(&finding.id));
    if let Some(finding) = dates.max_by_key(|finding| finding.status == Status::Failed) {
        return (
            finding.status.health(),
            format!("{server}: {}", finding.text),
        );
    }
    let total = report
        .series
        .total
        .map(|total| total.median)
        .unwrap_or_default();
    let health = thresholds.health(total);
    let mut words = format!("{server} answered in {} s", seconds(total));
    if let Some(tls) = &probe.tls {
        let version = tls.version.as_deref().unwrap_or("TLS");
        words.push_str(&format!(", {version}"));
        if let Some(days) = tls.days_left() {
            words.push_str(&format!(", certificate valid for {days} days"));
        }
    }
    (health, words)
}

impl Thresholds {
    fn health(self, took: Duration) -> Health {
        let is_over = |limit: Option<Duration>| limit.is_some_and(|limit| took >= limit);
        match (is_over(self.critical), is_over(self.warning)) {
            (true, _) => Health::Critical,
            (_, true) => Health::Warning,
            _ => Health::Ok,
        }
    }
}

fn seconds(took: Duration) -> String {
    format!("{:.3}", took.as_secs_f64())
}

/// Performance data: `'label'=value[unit];warning;critical;minimum`.
fn figures(report: &ProbeReport<'_>, thresholds: Thresholds, is_several: bool) -> Vec<String> {
    // A label must not have these characters.
    let server = plain(&report.server()).replace(['\'', '='], "");
    let label = |name: &str| {
        if is_several {
            format!("'{server} {name}'")
        } else {
            name.to_owned()
        }
    };
    let limit = |limit: Option<Duration>| limit.map_or_else(String::new, seconds);
    let mut all = Vec::new();
    if let Some(total) = report.series.total {
        let (warning, critical) = (limit(thresholds.warning), limit(thresholds.critical));
        let time = seconds(total.median);
        all.push(format!("{}={time}s;{warning};{critical};0", label("time")));
    }
    let mut names: Vec<&str> = Vec::new();
    for phase in &report.series.phases {
        let name = phase.stage.name();
        let nth = names.iter().filter(|other| **other == name).count() + 1;
        names.push(name);
        let name = if nth > 1 {
            format!("{name}{nth}")
        } else {
            name.to_owned()
        };
        all.push(format!(
            "{}={}s;;;0",
            label(&name),
            seconds(phase.spread.median)
        ));
    }
    if let Some(days) = report
        .series
        .probe
        .tls
        .as_ref()
        .and_then(TlsReport::days_left)
    {
        all.push(format!("{}={days};{SOON}:;0:", label("cert_days")));
    }
    all
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn thresholds_are_reached_by_their_own_value() {
        let second = Duration::from_secs;
        let thresholds = Thresholds {
            warning: Some(second(2)),
            critical: Some(second(5)),
        };
        assert_eq!(thresholds.health(second(1)), Health::Ok);
        assert_eq!(thresholds.health(second(2)), Health::Warning);
        assert_eq!(thresholds.health(second(5)), Health::Critical);
        assert_eq!(Thresholds::default().health(second(100)), Health::Ok);
    }

    #[test]
    fn what_is_known_to_be_bad_is_worse_than_unknown() {
        assert!(rank(Health::Ok) < rank(Health::Unknown));
        assert!(rank(Health::Unknown) < rank(Health::Warning));
        assert!(rank(Health::Warning) < rank(Health::Critical));
    }

    #[test]
    fn text_does_not_begin_performance_data() {
        assert_eq!(plain("a|b\x1b"), "a/b\\u{1b}");
    }
}
