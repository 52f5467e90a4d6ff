//! The report of a TLS scan as JSON.

use crate::cli::probe::object::{findings, server};
use crate::cli::probe::scan::ScanReport;
use crate::client::wire::tls::Suite;
use crate::probe::scan::{Alpn, Order, Scan, Support, VersionSurvey};
use crate::system::certificate::key_kind;
use crate::transcript::certificate_fields;
use serde_json::{Value, json};

/// The object of one server.
pub fn scan_object(report: &ScanReport<'_>) -> Value {
    let probe = &report.server.probe;
    let mut object = server(report.target, probe);
    object.insert("banner".to_owned(), json!(probe.banner));
    if let Some(scan) = &report.server.scan
        && let Value::Object(fields) = scan_fields(scan)
    {
        object.extend(fields);
    }
    let tls = probe.tls.as_ref();
    let rest = json!({
        "resumption": report.server.resumes,
        "verified": tls.map(|tls| tls.verified),
        "judgement": tls.map(|tls| &tls.judgement),
        "findings": findings(&report.findings),
        "failure": report.server.failure(),
        "exit": report.exit().code(),
    });
    if let Value::Object(rest) = rest {
        object.extend(rest);
    }
    Value::Object(object)
}

fn scan_fields(scan: &Scan) -> Value {
    let chains = scan.chains().into_iter().map(|chain| {
        json!({
            "key": chain.first().and_then(|own| key_kind(own)),
            "chain": chain.iter().map(|der| certificate_fields(der)).collect::<Vec<_>>(),
        })
    });
    let (alpn, protocols) = match &scan.alpn {
        Alpn::Ignored => ("ignored", Vec::new()),
        Alpn::Accepted(names) => ("accepted", names.clone()),
        Alpn::Refused => ("refused", Vec::new()),
        Alpn::Unknown(_) => ("unknown", Vec::new()),
    };
    json!({
        "versions": scan.versions.iter().map(version).collect::<Vec<_>>(),
        "certificates": chains.collect::<Vec<_>>(),
        "ocsp_staple": scan.flights().any(|flight| flight.staple.is_some()),
        "requests_client_certificate": scan.flights().any(|flight| flight.requests_certificate),
        "session_tickets": scan.has_tickets(),
        "alpn": alpn,
        "alpn_protocols": protocols,
        "compression": scan.compresses,
        "fallback_refused": scan.refuses_fallback,
        "secure_renegotiation": scan.has_secure_renegotiation(),
        "connections": scan.connections,
        "seconds": (scan.took.as_secs_f64() * 1e3).round() / 1e3,
    })
}

fn version(survey: &VersionSurvey) -> Value {
    let (supported, why) = match &survey.support {
        Support::Yes => (Some(true), None),
        Support::No => (Some(false), None),
        Support::Unknown(why) => (None, Some(why)),
    };
    let order = survey.order.map(|order| match order {
        Order::Server => "server",
        Order::Client => "client",
    });
    let names = |all: Vec<String>| json!(all);
    json!({
        "version": survey.version.name(),
        "supported": supported,
        "why": why,
        "suites": survey.suites.iter().copied().map(suite).collect::<Vec<_>>(),
        "order": order,
        "groups": names(survey.groups.iter().map(ToString::to_string).collect()),
        "dh_bits": survey.prime_bits,
        "signatures": names(survey.schemes.iter().map(ToString::to_string).collect()),
    })
}

fn suite(suite: Suite) -> Value {
    json!({
        "iana": suite.to_string(),
        "openssl": suite.openssl_name(),
        "code": format!("0x{:04x}", suite.0),
        "weakness": suite.weakness().map(crate::client::wire::tls::Weakness::words),
    })
}
