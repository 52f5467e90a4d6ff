//! The report of a probe as JSON.

use crate::cli::probe::ProbeReport;
use crate::cli::probe::target::ProbeTarget;
use crate::client::session;
use crate::probe::{DaneReport, Finding, Phase, ProbeResult, TlsReport};
use crate::transcript::certificate_fields;
use serde_json::{Map, Value, json};
use std::time::Duration;

/// The object of one server.
pub fn object(report: &ProbeReport<'_>) -> Value {
    let probe = &report.series.probe;
    let is_series = report.series.count > 1;
    let steps = report
        .series
        .phases
        .iter()
        .map(|phase| step(phase, is_series));
    let expected = report.expected.iter();
    let expected = expected
        .map(|result| json!({"expected": result.text, "met": result.met, "found": result.found}));
    let (only_in_clear, only_in_tls) = probe.differences();
    let mut object = server(report.target, probe);
    let rest = json!({
        "banner": probe.banner,
        "in_clear": probe.in_clear,
        "tls": probe.tls.as_ref().map(tls_object),
        "in_tls": probe.in_tls,
        "only_in_clear": only_in_clear,
        "only_in_tls": only_in_tls,
        "auth": session::parameters(probe.offered(), "auth"),
        "size": session::parameters(probe.offered(), "size")
            .and_then(|words| words.first().and_then(|word| word.parse::<u64>().ok())),
        "login": probe.login,
        "steps": steps.collect::<Vec<_>>(),
        "count": report.series.count,
        "failed": report.series.failed,
        "expected": expected.collect::<Vec<_>>(),
        "dane": report.dane.as_ref().map(dane_object),
        "findings": findings(&report.findings),
        "failure": probe.explanation(),
        "exit": report.exit().code(),
    });
    if let Value::Object(rest) = rest {
        object.extend(rest);
    }
    Value::Object(object)
}

/// The fields that name a server.
pub fn server(target: &ProbeTarget<'_>, probe: &ProbeResult) -> Map<String, Value> {
    let server = probe.server.as_ref();
    let name = || target.endpoint.host.to_string();
    let ip = server.and_then(|server| server.address.ip());
    let mut fields = Map::new();
    if let Some(domain) = target.domain {
        fields.insert("domain".to_owned(), domain.into());
        fields.insert("preference".to_owned(), target.preference.into());
    }
    let host = server.map_or_else(name, |server| server.host.clone());
    fields.insert("host".to_owned(), host.into());
    fields.insert("ip".to_owned(), ip.map(|ip| ip.to_string()).into());
    fields.insert(
        "port".to_owned(),
        server.and_then(|server| server.address.port()).into(),
    );
    fields
}

fn step(phase: &Phase, is_series: bool) -> Value {
    let ms = |took: Duration| (took.as_secs_f64() * 1e6).round() / 1e3;
    let spread = phase.spread;
    let mut step = json!({"step": phase.stage.name(), "ms": ms(spread.median)});
    if is_series {
        step["min_ms"] = ms(spread.min).into();
        step["max_ms"] = ms(spread.max).into();
    }
    step
}

/// The findings as an array.
pub fn findings(findings: &[Finding]) -> Value {
    let object = |finding: &Finding| {
        json!({
            "id": finding.id.0,
            "status": finding.status.name(),
            "section": finding.section,
            "text": finding.text,
        })
    };
    findings.iter().map(object).collect()
}

fn dane_object(dane: &DaneReport) -> Value {
    let records = dane
        .records
        .iter()
        .map(|one| json!({"record": one.record.to_string(), "state": one.state.name()}));
    json!({
        "owner": dane.owner,
        "records": records.collect::<Vec<_>>(),
        "missing": dane.missing.as_ref().map(ToString::to_string),
    })
}

fn tls_object(tls: &TlsReport) -> Value {
    let chain: Vec<Value> = tls
        .chain
        .iter()
        .map(|der| certificate_fields(der))
        .collect();
    let suite = tls.suite();
    json!({
        "version": tls.version,
        "cipher": suite.map_or_else(|| tls.cipher.clone(), |suite| suite.to_string()),
        "cipher_openssl": suite.and_then(crate::client::wire::tls::Suite::openssl_name),
        "group": tls.group,
        "name": tls.name,
        "verified": tls.verified,
        "judgement": tls.judgement,
        "days_left": tls.days_left(),
        "chain": chain,
    })
}
