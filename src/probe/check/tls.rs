//! TLS of the mail exchangers.

use crate::probe::certificate::{CERTIFICATE, certificate_findings, not_verified};
use crate::probe::check::facts::{Exchanger, Facts};
use crate::probe::{Finding, ProbeResult, TlsReport};
use crate::smtp::stage::Stage;
use crate::system::certificate::{Certificate, date};

pub fn findings(facts: &Facts) -> Vec<Finding> {
    let exchangers = facts
        .exchangers
        .iter()
        .filter(|one| !one.sessions.is_empty());
    exchangers.flat_map(of_exchanger).collect()
}

fn of_exchanger(exchanger: &Exchanger) -> Vec<Finding> {
    let name = &exchanger.name;
    if exchanger.answered().next().is_none() {
        let text = format!("{name} was not checked, because it does not answer");
        return vec![Finding::unknown("tls.unanswered", text)];
    }
    let mut findings = Vec::new();
    for (session, probe) in exchanger.answered() {
        let server = match exchanger.sessions.len() {
            1 => name.clone(),
            _ => format!("{name} [{}]", session.ip),
        };
        findings.extend(of_session(&server, probe));
    }
    findings.extend(differences(exchanger));
    findings
}

fn of_session(server: &str, probe: &ProbeResult) -> Vec<Finding> {
    let Some(tls) = &probe.tls else {
        return vec![without_tls(server, probe)];
    };
    let mut findings = Vec::new();
    match tls.version.as_deref() {
        Some(version) => {
            let suite = tls.suite();
            let suite = suite.map_or_else(|| tls.cipher.clone(), |suite| suite.to_string());
            let text = format!("{server}: {version}, {suite}");
            findings.push(Finding::ok("tls.version", text).with_section("RFC 9325 section 3.1.1"));
        }
        None => findings.push(handshake(
            server,
            probe.failure.as_deref().unwrap_or_default(),
        )),
    }
    findings.extend(certificate(server, tls));
    findings
}

fn without_tls(server: &str, probe: &ProbeResult) -> Finding {
    let last = probe
        .steps
        .iter()
        .map(|step| step.stage)
        .rfind(|stage| *stage != Stage::Quit);
    if probe.in_clear.is_none() {
        return Finding::unknown(
            "tls.unanswered",
            format!("{server} was not checked, because there was no session"),
        );
    }
    if !probe.offers_starttls() {
        return Finding::warning("tls.starttls", format!("{server} does not offer STARTTLS"))
            .with_section("RFC 3207 section 4")
            .with_remedy("enable STARTTLS with a certificate in the configuration of the server");
    }
    match (&probe.failure, last) {
        (Some(why), Some(Stage::Starttls)) => handshake(server, why),
        (why, _) => {
            let why = why.as_deref().unwrap_or("the session ended early");
            Finding::unknown("tls.unanswered", format!("{server} was not checked: {why}"))
        }
    }
}

fn handshake(server: &str, why: &str) -> Finding {
    Finding::failed(
        "tls.handshake",
        format!("{server} offers STARTTLS, but TLS fails: {why}"),
    )
    .with_section("RFC 3207 section 4.1")
}

fn certificate(server: &str, tls: &TlsReport) -> Vec<Finding> {
    let Some(own) = tls.chain.first() else {
        return Vec::new();
    };
    let mut findings = certificate_findings(&tls.chain);
    for finding in &mut findings {
        finding.text = format!("{server}: {}", finding.text);
    }
    findings.push(not_verified(server, tls).unwrap_or_else(|| {
        let end = Certificate::read(own).map_or_else(String::new, |read| date(read.not_after));
        let text = format!("the certificate of {server} is verified, and valid until {end}");
        Finding::ok(CERTIFICATE, text).with_section("RFC 9525 section 6")
    }));
    findings
}

/// Addresses of one host that do not show the same.
fn differences(exchanger: &Exchanger) -> Option<Finding> {
    let mut seen = exchanger.answered().map(|(_, probe)| {
        let tls = probe.tls.as_ref();
        let own = tls.and_then(|tls| tls.chain.first().cloned());
        (tls.and_then(|tls| tls.version.clone()), own)
    });
    let first = seen.next()?;
    let differs = seen.any(|other| other != first);
    differs.then(|| {
        let text = format!(
            "the addresses of {} show different TLS versions or certificates",
            exchanger.name
        );
        Finding::note("tls.differs", text)
    })
}
