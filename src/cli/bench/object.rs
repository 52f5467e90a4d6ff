//! Interim results and the result as JSON. The fields are described in `man/ehlo-bench.schema.json`.

use crate::cli::bench::BenchReport;
use crate::probe::load::{ErrorCount, Interval, Latencies, Pace, Phase, per_second};
use serde_json::{Map, Value, json};
use std::time::Duration;

pub fn interval(interval: &Interval) -> Value {
    let counts = interval.counts;
    json!({
        "event": "interval",
        "at": rounded(interval.at.as_secs_f64()),
        "seconds": rounded(interval.length.as_secs_f64()),
        "warm_up": interval.is_warm_up,
        "accepted": counts.accepted,
        "failed": counts.failed,
        "octets": counts.octets,
        "connections": counts.connections,
        "late": counts.late,
        "rate": rounded(per_second(counts.accepted, interval.length)),
        "time": times(&interval.latencies),
    })
}

pub fn summary(report: &BenchReport<'_>) -> Value {
    let load = &report.load;
    let counts = load.counts;
    let plan = report.plan;
    let (pace, rate) = match plan.pace {
        Pace::Closed { .. } => ("closed", None),
        Pace::Open { rate } => ("open", Some(rate)),
    };
    let occurred = Phase::ALL.into_iter();
    let occurred = occurred.filter(|phase| load.latencies(*phase).count() > 0);
    let phases: Map<String, Value> = occurred
        .map(|phase| (phase.name().to_owned(), times(load.latencies(phase))))
        .collect();
    let expected = report.expected.iter();
    let expected = expected
        .map(|result| json!({"expected": result.text, "met": result.met, "found": result.found}));
    json!({
        "event": "summary",
        "server": report.server,
        "run": plan.message.run,
        "loop": pace,
        "wanted_rate": rate,
        "max_connections": plan.connections,
        "per_connection": plan.per_connection.map_or(0, std::num::NonZeroU64::get),
        "seconds": rounded(load.elapsed.as_secs_f64()),
        "accepted": counts.accepted,
        "failed": counts.failed,
        "octets": counts.octets,
        "connections": counts.connections,
        "reopened": counts.reopened,
        "late": counts.late,
        "rate": rounded(load.rate()),
        "octets_per_second": rounded(load.per_second(counts.octets)),
        "connections_per_second": rounded(load.per_second(counts.connections)),
        "time": load.shown.name(),
        "steps": phases,
        "errors": load.errors.iter().map(error).collect::<Vec<_>>(),
        "other_errors": load.other_errors,
        "processor": {
            "us_per_message": rounded(load.processor_per_message().as_secs_f64() * 1e6),
            "share": rounded(load.processor_share()),
        },
        "expected": expected.collect::<Vec<_>>(),
        "interrupted": load.interrupted,
        "stopped": load.stopped,
        "exit": report.exit().code(),
    })
}

fn error(error: &ErrorCount) -> Value {
    json!({
        "kind": error.kind.name(),
        "stage": error.stage.name(),
        "code": error.code,
        "text": error.text,
        "count": error.count,
    })
}

/// A distribution, in milliseconds.
fn times(latencies: &Latencies) -> Value {
    let ms = |time: Duration| rounded(time.as_secs_f64() * 1e3);
    json!({
        "count": latencies.count(),
        "min_ms": ms(latencies.min()),
        "mean_ms": ms(latencies.mean()),
        "p50_ms": ms(latencies.percentile(50.0)),
        "p90_ms": ms(latencies.percentile(90.0)),
        "p99_ms": ms(latencies.percentile(99.0)),
        "p99_9_ms": ms(latencies.percentile(99.9)),
        "max_ms": ms(latencies.max()),
    })
}

/// A number with at most four decimals.
fn rounded(value: f64) -> f64 {
    (value * 1e4).round() / 1e4
}
