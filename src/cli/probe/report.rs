//! The report of a probe for people.

use crate::cli::probe::ProbeReport;
use crate::cli::probe::lines::Lines;
use crate::cli::terminal::Display;
use crate::client::session;
use crate::probe::{
    DaneReport, ProbeResult, ProbeSeries, RecordReport, RecordState, Spread, Status, TlsReport,
};
use crate::system::certificate::{Certificate, date, key_kind, some_of};
use std::time::Duration;

/// The report.
pub fn report(report: &ProbeReport<'_>, display: Display) -> String {
    let probe = &report.series.probe;
    let mut lines = Lines::default();
    lines.line("server", &report.server());
    for line in &probe.banner {
        lines.line("greeting", line);
    }
    if let Some(offered) = &probe.in_clear {
        lines.line("plaintext", &offered.join(", "));
    }
    if let Some(tls) = &probe.tls {
        tls_lines(&mut lines, tls);
    }
    if let Some(offered) = &probe.in_tls {
        lines.line("over TLS", &offered.join(", "));
    }
    let is_known = probe.in_tls.is_some() || probe.in_clear.is_some() && probe.tls.is_none();
    if is_known {
        lines.line("AUTH", &mechanisms(probe));
        lines.line("SIZE", &size(probe));
    }
    if let Some(dane) = &report.dane {
        dane_lines(&mut lines, dane);
    }
    if let Some(login) = &probe.login {
        lines.line("login", login);
    }
    times(&mut lines, &report.series);
    expected(&mut lines, report);
    lines.findings(&report.findings);
    lines.text(display)
}

fn times(lines: &mut Lines, series: &ProbeSeries) {
    let times = series.phases.iter().map(|phase| {
        let time = match series.count {
            1 => milliseconds(phase.spread.median),
            _ => spread(phase.spread),
        };
        format!("{} {time}", phase.stage.name())
    });
    let times: Vec<String> = times.collect();
    if times.is_empty() {
        return;
    }
    lines.line("times", &times.join(", "));
    if series.count > 1 {
        if let Some(total) = series.total {
            lines.line("times", &format!("total {}", spread(total)));
        }
        let failed = match series.failed {
            0 => String::new(),
            failed => format!(", {failed} failed"),
        };
        let text = format!("minimum/median/maximum of {} probes{failed}", series.count);
        lines.line("times", &text);
    }
}

fn expected(lines: &mut Lines, report: &ProbeReport<'_>) {
    for result in &report.expected {
        let (met, status) = match result.met {
            true => ("yes", Status::Ok),
            false if report.series.probe.is_complete() => ("NO", Status::Failed),
            false => ("?", Status::Unknown),
        };
        let found = match result.found.as_str() {
            "" => String::new(),
            found => format!(" ({found})"),
        };
        lines.marked(
            "expected",
            &format!("{}: {met}{found}", result.text),
            status,
        );
    }
}

fn tls_lines(lines: &mut Lines, tls: &TlsReport) {
    if let Some(version) = &tls.version {
        let all = [version.as_str(), &suite(tls), &tls.group];
        let all: Vec<&str> = all.into_iter().filter(|word| !word.is_empty()).collect();
        lines.line("TLS", &all.join(" "));
    }
    let status = if tls.verified {
        Status::Ok
    } else {
        Status::Warning
    };
    lines.marked(
        "certificate",
        &format!("of {}: {}", tls.name, tls.judgement),
        status,
    );
    for der in &tls.chain {
        certificate(lines, der);
    }
    if let Some(days) = tls.days_left() {
        let status = match days {
            ..0 => Status::Failed,
            0..crate::probe::SOON => Status::Warning,
            _ => Status::Ok,
        };
        lines.marked("certificate", &format!("{days} days left"), status);
    }
}

fn dane_lines(lines: &mut Lines, dane: &DaneReport) {
    let none = if dane.records.is_empty() {
        ": no records"
    } else {
        ""
    };
    lines.line("DANE", &format!("{}{none}", dane.owner));
    for RecordReport { record, state } in &dane.records {
        let status = match state {
            RecordState::Matches => Status::Ok,
            RecordState::Differs | RecordState::Unusable => Status::Warning,
            RecordState::Unknown => Status::Unknown,
        };
        lines.marked("DANE", &format!("  {record}: {}", state.name()), status);
    }
    if let Some(record) = &dane.missing {
        lines.line("DANE", &format!("  {record} would match"));
    }
}

/// The name at IANA, and the one in OpenSSL if it is another.
fn suite(tls: &TlsReport) -> String {
    let Some(suite) = tls.suite() else {
        return tls.cipher.clone();
    };
    let name = suite.to_string();
    match suite.openssl_name() {
        Some(openssl) if openssl != name => format!("{name} ({openssl})"),
        _ => name,
    }
}

/// The lines of one certificate. Its sums are those of `--pin`.
pub fn certificate(lines: &mut Lines, der: &[u8]) {
    let Some(read) = Certificate::read(der) else {
        lines.line("certificate", "unreadable");
        return;
    };
    let names = format!("{}, issued by {}", read.subject, read.issuer);
    lines.line("certificate", &names);
    if !read.names.is_empty() {
        lines.line("certificate", &format!("  for {}", some_of(&read.names)));
    }
    let dates = format!(
        "  from {} to {}",
        date(read.not_before),
        date(read.not_after)
    );
    lines.line("certificate", &dates);
    let key = key_kind(der).unwrap_or_default();
    lines.line("certificate", &format!("  key {key}"));
    // On lines of less than 80 columns.
    lines.line("sha256", &read.sha256);
    lines.line("key sha256", &read.key_sha256);
}

fn mechanisms(probe: &ProbeResult) -> String {
    let of = |offered: &Option<Vec<String>>| {
        let words = session::parameters(offered.as_ref()?, "auth");
        words.map(|words| words.join(" "))
    };
    match (of(&probe.in_clear), of(&probe.in_tls)) {
        (None, None) => "none".to_owned(),
        (Some(clear), None) => format!("{clear} (plaintext)"),
        (None, Some(tls)) => format!("{tls} (TLS only)"),
        (Some(clear), Some(tls)) => format!("{tls} (over TLS), {clear} (plaintext)"),
    }
}

fn size(probe: &ProbeResult) -> String {
    let words = session::parameters(probe.offered(), "size");
    let limit = words.map(|words| words.first().and_then(|word| word.parse::<u64>().ok()));
    match limit {
        None => "not offered".to_owned(),
        Some(None | Some(0)) => "no limit".to_owned(),
        #[allow(clippy::cast_precision_loss)] // One decimal is shown.
        Some(Some(limit)) => format!("{limit} ({:.1} MB)", limit as f64 / 1e6),
    }
}

fn milliseconds(took: Duration) -> String {
    format!("{:.1} ms", took.as_secs_f64() * 1000.0)
}

fn spread(spread: Spread) -> String {
    let ms = |took: Duration| format!("{:.1}", took.as_secs_f64() * 1000.0);
    let (min, median, max) = (ms(spread.min), ms(spread.median), ms(spread.max));
    format!("{min}/{median}/{max} ms")
}
