//! The report for people, in 80 columns.

use crate::cli::bench::{BenchReport, chart, milliseconds, number, time};
use crate::probe::load::{
    ErrorCount, ErrorKind, Interval, LoadExpectationResult, Phase, per_second,
};
use crate::system::figures::counted;
use crate::system::text::{beginning, in_color, shown};

/// Width of the column of labels.
const LABEL: usize = 12;

/// Octets of a reply that are shown.
const REPLY: usize = 45;

/// The report.
pub fn text(report: &BenchReport<'_>, colors: bool) -> String {
    let mut out = summary(report);
    out.push('\n');
    out.push_str(&table(report));
    out.push_str(&errors(report, colors));
    let chart = chart::chart(report.load.latencies(report.load.shown), colors);
    if !chart.is_empty() {
        out.push_str(&format!("\n{}\n{chart}", title(report)));
    }
    if !report.expected.is_empty() {
        out.push('\n');
    }
    for result in &report.expected {
        out.push_str(&expected(result, colors));
    }
    out
}

/// A line while the run continues.
pub fn progress(interval: &Interval) -> String {
    let rate = per_second(interval.counts.accepted, interval.length);
    let rate = number(rate.round());
    let p50 = time(interval.latencies.percentile(50.0));
    let p99 = time(interval.latencies.percentile(99.0));
    let failed = match interval.counts.failed {
        0 => String::new(),
        failed => format!("  {failed} failed"),
    };
    let warm_up = if interval.is_warm_up {
        "  (warm-up)"
    } else {
        ""
    };
    let at = interval.at.as_secs_f64();
    format!("{at:7.1}s {rate:>8}/s  p50 {p50:<8} p99 {p99:<8}{failed}{warm_up}\n")
}

fn summary(report: &BenchReport<'_>) -> String {
    let load = &report.load;
    let counts = load.counts;
    let elapsed = time(load.elapsed);
    let megabytes = load.per_second(counts.octets) / 1e6;
    let mut lines = vec![
        ("server", report.server.clone()),
        ("load", report.plan_in_words()),
        (
            "messages",
            format!(
                "{} accepted, {} failed, in {elapsed}",
                counts.accepted, counts.failed
            ),
        ),
        (
            "rate",
            format!(
                "{} messages/s, {} MB/s",
                number(load.rate()),
                number(megabytes)
            ),
        ),
    ];
    let reopened = match counts.reopened {
        0 => String::new(),
        reopened => format!(", {reopened} of them for a connection that the server had closed"),
    };
    let per_second = number(load.per_second(counts.connections));
    lines.push((
        "connections",
        format!("{} opened, {per_second}/s{reopened}", counts.connections),
    ));
    if load.shown == Phase::Response {
        let late = match counts.late {
            0 => "0 messages".to_owned(),
            late => counted(late, "message"),
        };
        let late = format!("{late} began more than 1 ms after they were due");
        lines.push(("late", late));
    }
    lines.push((
        "generator",
        format!(
            "{} of processor time for a message, {:.0}% of this host",
            time(load.processor_per_message()),
            load.processor_share() * 100.0
        ),
    ));
    if load.interrupted {
        lines.push(("interrupted", "the run was ended by a signal".to_owned()));
    }
    if load.stopped {
        let why = "the server refused more than half of the messages";
        lines.push(("stopped", why.to_owned()));
    }
    let line = |(label, value): (&str, String)| format!("{label:<LABEL$}{}\n", shown(&value));
    lines.into_iter().map(line).collect()
}

fn title(report: &BenchReport<'_>) -> &'static str {
    match report.load.shown {
        Phase::Response => "Time of a message, from when it was due:",
        _ => "Time of a message, without the time for which it waited for a connection:",
    }
}

/// A row for each phase that occurred.
fn table(report: &BenchReport<'_>) -> String {
    let head = ["count", "min", "p50", "p90", "p99", "p99.9", "max"];
    let head = head.map(|name| format!("{name:>9}")).concat();
    let mut out = format!("{:<10}{head}  ms\n", "step");
    for phase in Phase::ALL {
        let latencies = report.load.latencies(phase);
        if latencies.count() == 0 {
            continue;
        }
        let at = |percentile| latencies.percentile(percentile);
        let (min, max) = (latencies.min(), latencies.max());
        let times = [min, at(50.0), at(90.0), at(99.0), at(99.9), max];
        let times = times
            .map(|time| format!("{:>9}", milliseconds(time)))
            .concat();
        out.push_str(&format!(
            "{:<10}{:>9}{times}\n",
            phase.name(),
            latencies.count()
        ));
    }
    out
}

fn errors(report: &BenchReport<'_>, colors: bool) -> String {
    if report.load.errors.is_empty() {
        return String::new();
    }
    let mut out = "\nErrors:\n".to_owned();
    for error in &report.load.errors {
        let line = format!("{:>9}  {}", error.count, error_words(error));
        out.push_str(&marked(&line, Some("31").filter(|_| colors)));
    }
    if report.load.other_errors > 0 {
        out.push_str(&format!("{:>9}  others\n", report.load.other_errors));
    }
    out
}

/// An error in words, as in `rcpt: 450 4.2.1 slow down`.
pub fn error_words(error: &ErrorCount) -> String {
    let text = beginning(&error.text, REPLY);
    let stage = error.stage.name();
    match error.kind {
        ErrorKind::Connect => format!("no connection: {}", shown(text)),
        _ => format!("{stage}: {}", shown(text)),
    }
}

fn expected(result: &LoadExpectationResult, colors: bool) -> String {
    let (met, color) = if result.met {
        ("yes", None)
    } else {
        ("NO", Some("31"))
    };
    let line = format!(
        "{:<LABEL$}{}: {met} ({})",
        "expected", result.text, result.found
    );
    marked(&line, color.filter(|_| colors))
}

/// A line in this colour.
fn marked(line: &str, color: Option<&str>) -> String {
    match color {
        Some(color) => in_color(color, line) + "\n",
        None => format!("{line}\n"),
    }
}
