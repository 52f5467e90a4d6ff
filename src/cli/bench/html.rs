//! The report as a page with charts: one file, without scripts, that loads nothing.

use crate::cli::bench::report::error_words;
use crate::cli::bench::timeline::Point;
use crate::cli::bench::{BenchReport, chart, milliseconds, number, time};
use crate::probe::load::{Latencies, Phase, per_second};
use crate::system::text::{html_escaped, shown};
use std::fmt::Write as _;
use std::time::Duration;

/// Size of a chart, and the space for its labels on the left and below.
const WIDTH: f64 = 720.0;
const HEIGHT: f64 = 240.0;
const LEFT: f64 = 64.0;
const BOTTOM: f64 = 28.0;

/// Percentiles that the first chart names.
const PERCENTILES: [f64; 6] = [0.0, 50.0, 90.0, 99.0, 99.9, 99.99];

const STYLE: &str = "\
:root{color-scheme:light dark}body{font:15px/1.45 system-ui,sans-serif;max-width:780px;margin:2em auto;padding:0 1em}\
h1{font-size:1.4em}h2{font-size:1.1em;margin:1.6em 0 .4em}table{border-collapse:collapse}\
td,th{padding:.15em .7em;text-align:right;font-variant-numeric:tabular-nums}td:first-child,th:first-child{text-align:left}\
.f td{text-align:left}th{font-weight:600}tr+tr td{border-top:1px solid #8884}svg{width:100%;height:auto}text{font:11px system-ui,sans-serif;fill:currentColor}\
.grid{stroke:#8886;stroke-width:1}.a{stroke:#1f77b4;fill:none;stroke-width:2}.b{stroke:#d95f02;fill:none;stroke-width:2}\
.bar{fill:#1f77b4}.a-text{fill:#1f77b4}.b-text{fill:#d95f02}.no{color:#c22;font-weight:600}";

/// The page.
pub fn page(report: &BenchReport<'_>) -> String {
    let load = &report.load;
    let shown = load.latencies(load.shown);
    let mut out = format!(
        "<!DOCTYPE html>\n<html lang=\"en\"><head><meta charset=\"utf-8\"><meta name=\"viewport\" \
         content=\"width=device-width\"><title>ehlo bench: {server}</title><style>{STYLE}</style></head><body>\n\
         <h1>ehlo bench: {server}</h1>\n",
        server = escaped(&report.server)
    );
    out.push_str(&facts(report));
    out.push_str(&expected(report));
    let what = match load.shown {
        Phase::Response => "Time of a message from when it was due",
        _ => "Time of a message",
    };
    chart_section(
        &mut out,
        &format!("{what}, by percentile"),
        &by_percentile(shown),
    );
    chart_section(&mut out, "Distribution", &distribution(shown));
    if report.timeline.points.len() > 1 {
        chart_section(
            &mut out,
            "Messages per second",
            &rates(&report.timeline.points),
        );
        chart_section(
            &mut out,
            "Time of a message during the run",
            &times(&report.timeline.points),
        );
    }
    out.push_str(&steps(report));
    out.push_str(&errors(report));
    out.push_str("</body></html>\n");
    out
}

fn chart_section(out: &mut String, title: &str, svg: &str) {
    if !svg.is_empty() {
        let _ = write!(out, "<h2>{title}</h2>\n{svg}\n");
    }
}

fn facts(report: &BenchReport<'_>) -> String {
    let load = &report.load;
    let counts = load.counts;
    let mut rows = vec![
        ("Load", report.plan_in_words()),
        ("Accepted", counts.accepted.to_string()),
        ("Failed", counts.failed.to_string()),
        ("Duration", time(load.elapsed)),
        ("Rate", format!("{} messages/s", number(load.rate()))),
        ("Connections", counts.connections.to_string()),
    ];
    if load.shown == Phase::Response {
        rows.push(("Late", counts.late.to_string()));
    }
    if load.interrupted {
        rows.push(("Interrupted", "by a signal".to_owned()));
    }
    let row = |(name, value): (&str, String)| {
        format!("<tr><th>{name}</th><td>{}</td></tr>", escaped(&value))
    };
    format!(
        "<table class=\"f\">{}</table>\n",
        rows.into_iter().map(row).collect::<String>()
    )
}

fn expected(report: &BenchReport<'_>) -> String {
    if report.expected.is_empty() {
        return String::new();
    }
    let rows = report.expected.iter().map(|result| {
        let met = if result.met {
            "<td>yes"
        } else {
            "<td class=\"no\">NO"
        };
        let (text, found) = (escaped(&result.text), escaped(&result.found));
        format!("<tr><td>{text}</td><td>{found}</td>{met}</td></tr>")
    });
    let head = "<tr><th>expected</th><th>found</th><th>met</th></tr>";
    format!(
        "<h2>Expectations</h2><table>{head}{}</table>\n",
        rows.collect::<String>()
    )
}

fn steps(report: &BenchReport<'_>) -> String {
    let head = [
        "step", "count", "min", "mean", "p50", "p90", "p99", "p99.9", "max",
    ];
    let head = head.map(|name| format!("<th>{name}</th>")).concat();
    let mut out = format!("<h2>Steps, in milliseconds</h2>\n<table><tr>{head}</tr>\n");
    for phase in Phase::ALL {
        let latencies = report.load.latencies(phase);
        if latencies.count() == 0 {
            continue;
        }
        let percentile = |percentile| latencies.percentile(percentile);
        let times = [
            latencies.min(),
            latencies.mean(),
            percentile(50.0),
            percentile(90.0),
            percentile(99.0),
            percentile(99.9),
            latencies.max(),
        ];
        let cells = times
            .map(|time| format!("<td>{}</td>", milliseconds(time)))
            .concat();
        let _ = writeln!(
            out,
            "<tr><td>{}</td><td>{}</td>{cells}</tr>",
            phase.name(),
            latencies.count()
        );
    }
    out + "</table>\n"
}

fn errors(report: &BenchReport<'_>) -> String {
    if report.load.errors.is_empty() {
        return String::new();
    }
    let rows = report.load.errors.iter().map(|error| {
        format!(
            "<tr><td>{}</td><td>{}</td></tr>",
            escaped(&error_words(error)),
            error.count
        )
    });
    format!(
        "<h2>Errors</h2><table>{}</table>\n",
        rows.collect::<String>()
    )
}

/// The times against the percentile, whose axis has the same distance from 90 to 99 as from 99 to 99.9.
fn by_percentile(latencies: &Latencies) -> String {
    if latencies.count() == 0 {
        return String::new();
    }
    let nines = (latencies.count() as f64).log10().clamp(1.0, 5.0);
    let at = |nine: f64| 100.0 - 100.0 / 10_f64.powf(nine);
    let top = milliseconds_of(latencies.max());
    let plot = Plot::new((0.0, nines), top);
    let points = (0..=200).map(|step| {
        let nine = nines * f64::from(step) / 200.0;
        (nine, milliseconds_of(latencies.percentile(at(nine))))
    });
    let mut svg = plot.begin("Time of a message by percentile", "ms");
    for percentile in PERCENTILES {
        let nine = -(1.0 - percentile / 100.0).log10();
        if nine <= nines {
            svg.push_str(&plot.x_label(nine, &format!("p{percentile}")));
        }
    }
    svg + &plot.line(points, "a") + "</svg>"
}

fn distribution(latencies: &Latencies) -> String {
    let ranges = chart::ranges(latencies);
    let Some(most) = ranges.iter().map(|(.., count)| *count).max() else {
        return String::new();
    };
    let plot = Plot::new((0.0, ranges.len() as f64), most as f64);
    let mut svg = plot.begin("Number of messages by time", "messages");
    for (place, (_, high, count)) in ranges.iter().enumerate() {
        let (left, right) = (plot.x(place as f64 + 0.1), plot.x(place as f64 + 0.9));
        let (y, bottom) = (plot.y(*count as f64), plot.y(0.0));
        let _ = write!(
            svg,
            "<rect class=\"bar\" x=\"{left:.1}\" y=\"{y:.1}\" width=\"{:.1}\" height=\"{:.1}\"><title>up to {}: {count}</title></rect>",
            right - left,
            bottom - y,
            time(*high)
        );
        svg.push_str(&plot.x_label(place as f64 + 0.5, &time(*high)));
    }
    svg + "</svg>"
}

fn rates(points: &[Point]) -> String {
    let top = points.iter().map(Point::rate).fold(0.0, f64::max);
    let failed = |point: &Point| per_second(point.failed, point.length);
    let top = points.iter().map(failed).fold(top, f64::max);
    let plot = Plot::over(points, top);
    let accepted = points.iter().map(|point| (seconds(point), point.rate()));
    let mut svg = plot.begin("Messages per second", "/s") + &plot.line(accepted, "a");
    if points.iter().any(|point| point.failed > 0) {
        let failed = points.iter().map(|point| (seconds(point), failed(point)));
        svg.push_str(&plot.line(failed, "b"));
        svg.push_str(&legend("accepted", "failed"));
    }
    svg + &plot.seconds() + "</svg>"
}

fn times(points: &[Point]) -> String {
    let of = |time: fn(&Point) -> Duration| {
        let measured = points.iter().filter(|point| point.accepted > 0);
        measured.map(move |point| (seconds(point), milliseconds_of(time(point))))
    };
    let top = of(|point| point.p99)
        .map(|(_, time)| time)
        .fold(0.0, f64::max);
    let plot = Plot::over(points, top);
    plot.begin("Time of a message during the run", "ms")
        + &plot.line(of(|point| point.p50), "a")
        + &plot.line(of(|point| point.p99), "b")
        + &legend("p50", "p99")
        + &plot.seconds()
        + "</svg>"
}

fn seconds(point: &Point) -> f64 {
    point.at.as_secs_f64()
}

fn milliseconds_of(time: Duration) -> f64 {
    time.as_secs_f64() * 1e3
}

fn legend(one: &str, other: &str) -> String {
    let x = WIDTH - 130.0;
    format!(
        "<text class=\"a-text\" x=\"{x}\" y=\"12\">{one}</text><text class=\"b-text\" x=\"{}\" y=\"12\">{other}</text>",
        x + 70.0
    )
}

/// The coordinates of a chart.
struct Plot {
    from: f64,
    to: f64,
    top: f64,
}

impl Plot {
    fn new((from, to): (f64, f64), top: f64) -> Self {
        Self {
            from,
            to: to.max(from + 1e-9),
            top: rounded_up(top),
        }
    }

    fn over(points: &[Point], top: f64) -> Self {
        let first = points
            .first()
            .map_or(0.0, |point| seconds(point) - point.length.as_secs_f64());
        Self::new((first, points.last().map_or(0.0, seconds)), top)
    }

    fn x(&self, value: f64) -> f64 {
        LEFT + (value - self.from) / (self.to - self.from) * (WIDTH - LEFT - 10.0)
    }

    fn y(&self, value: f64) -> f64 {
        let height = HEIGHT - BOTTOM - 20.0;
        20.0 + height * (1.0 - value / self.top)
    }

    /// The frame with the vertical axis.
    fn begin(&self, title: &str, unit: &str) -> String {
        let mut svg = format!(
            "<svg role=\"img\" viewBox=\"0 0 {WIDTH} {HEIGHT}\"><title>{title}</title><text x=\"0\" y=\"9\">{unit}</text>"
        );
        for part in [0.0, 0.25, 0.5, 0.75, 1.0] {
            let (value, y) = (self.top * part, self.y(self.top * part));
            let _ = write!(
                svg,
                "<line class=\"grid\" x1=\"{LEFT}\" x2=\"{}\" y1=\"{y:.1}\" y2=\"{y:.1}\"/>\
                 <text x=\"{}\" y=\"{:.1}\" text-anchor=\"end\">{}</text>",
                WIDTH - 10.0,
                LEFT - 6.0,
                y + 4.0,
                number(value)
            );
        }
        svg
    }

    fn x_label(&self, value: f64, label: &str) -> String {
        let (x, y) = (self.x(value), HEIGHT - 10.0);
        format!(
            "<text x=\"{x:.1}\" y=\"{y}\" text-anchor=\"middle\">{}</text>",
            escaped(label)
        )
    }

    /// The horizontal axis of a time in seconds.
    fn seconds(&self) -> String {
        let parts = [0.25, 0.5, 0.75];
        let ends = parts.map(|part| self.from + (self.to - self.from) * part);
        ends.map(|value| self.x_label(value, &format!("{}s", number(value))))
            .concat()
    }

    fn line(&self, points: impl Iterator<Item = (f64, f64)>, class: &str) -> String {
        let mut path = String::new();
        for (x, y) in points {
            let _ = write!(path, "{:.1},{:.1} ", self.x(x), self.y(y));
        }
        format!(
            "<polyline class=\"{class}\" points=\"{}\"/>",
            path.trim_end()
        )
    }
}

/// The end of an axis whose quarters are short numbers.
fn rounded_up(top: f64) -> f64 {
    let top = top.max(1e-6);
    let decade = 10_f64.powf(top.log10().floor());
    let ends = [1.0, 1.2, 1.6, 2.0, 3.0, 4.0, 6.0, 8.0, 10.0];
    let end = ends.into_iter().find(|end| end * decade >= top);
    end.unwrap_or(10.0) * decade
}

fn escaped(text: &str) -> String {
    html_escaped(&shown(text))
}

#[cfg(test)]
mod tests {
    use super::{escaped, rounded_up};

    #[test]
    fn axis_ends_at_a_short_number() {
        for (top, end) in [
            (0.011, 0.012),
            (348.0, 400.0),
            (999.0, 1000.0),
            (6866.0, 8000.0),
        ] {
            assert!((rounded_up(top) / end - 1.0).abs() < 1e-9, "{top}");
        }
    }

    #[test]
    fn text_of_a_server_is_not_markup() {
        assert_eq!(escaped("<b a=\"1\">&"), "&lt;b a=&quot;1&quot;&gt;&amp;");
    }
}
