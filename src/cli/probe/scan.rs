//! The report of a TLS scan for people.

use crate::cli::probe::lines::Lines;
use crate::cli::probe::report::certificate;
use crate::cli::probe::target::ProbeTarget;
use crate::cli::terminal::Display;
use crate::probe::scan::{Alpn, Order, Scan, ServerScan, Support, VersionSurvey};
use crate::probe::{Finding, Status};
use crate::system::exit::Exit;
use std::fmt::Display as Show;

/// The result of the scan of one server.
#[derive(Debug)]
pub struct ScanReport<'t> {
    pub target: &'t ProbeTarget<'t>,
    pub server: ServerScan,
    pub findings: Vec<Finding>,
}

impl ScanReport<'_> {
    /// 77 if there is something that must not be used.
    pub fn exit(&self) -> Exit {
        let has_failed = self
            .findings
            .iter()
            .any(|finding| finding.status == Status::Failed);
        match (&self.server.scan, self.server.probe.exit) {
            (None, Exit::Ok) => Exit::Policy,
            (None, exit) => exit,
            (Some(scan), _) if scan.is_unknown() => Exit::Temporary,
            (Some(_), _) if has_failed => Exit::Policy,
            (Some(_), _) => Exit::Ok,
        }
    }
}

/// The report.
pub fn scan_report(report: &ScanReport<'_>, display: Display) -> String {
    let probe = &report.server.probe;
    let mut lines = Lines::default();
    lines.line("server", &report.target.server(probe));
    for line in &probe.banner {
        lines.line("greeting", line);
    }
    if let Some(scan) = &report.server.scan {
        for survey in &scan.versions {
            version(&mut lines, survey);
        }
        for chain in scan.chains() {
            for der in chain {
                certificate(&mut lines, der);
            }
        }
        properties(&mut lines, &report.server, scan);
    }
    lines.findings(&report.findings);
    if let Some(scan) = &report.server.scan {
        let (connections, took) = (scan.connections, scan.took.as_secs_f64());
        lines.line("scan", &format!("{connections} connections in {took:.1} s"));
    }
    lines.text(display)
}

fn version(lines: &mut Lines, survey: &VersionSurvey) {
    let label = survey.version.name();
    match &survey.support {
        Support::No => return lines.line(label, "no"),
        Support::Unknown(why) => {
            return lines.marked(label, &format!("unknown: {why}"), Status::Unknown);
        }
        Support::Yes => {}
    }
    let is_outdated = survey.version < crate::probe::scan::Version::Tls12;
    let status = if is_outdated {
        Status::Failed
    } else {
        Status::Ok
    };
    let order = match survey.order {
        Some(Order::Server) => ", in the order of the server",
        Some(Order::Client) => ", in the order of the client",
        None => "",
    };
    lines.marked(label, &format!("yes{order}"), status);
    for suite in &survey.suites {
        let name = suite.to_string();
        let openssl = suite.openssl_name().filter(|openssl| *openssl != name);
        let openssl = openssl.map_or_else(String::new, |openssl| format!(" ({openssl})"));
        match suite.weakness() {
            Some(weakness) => {
                let text = format!("  {name}{openssl}: {}", weakness.words());
                lines.marked(label, &text, crate::probe::scan::status_of(weakness));
            }
            None => lines.line(label, &format!("  {name}{openssl}")),
        }
    }
    list(lines, (label, "groups"), &survey.groups);
    if let Some(bits) = survey.prime_bits {
        lines.line(label, &format!("  Diffie-Hellman with {bits} bits"));
    }
    list(lines, (label, "signatures"), &survey.schemes);
}

fn list<T: Show>(lines: &mut Lines, (label, what): (&'static str, &str), all: &[T]) {
    if !all.is_empty() {
        let all: Vec<String> = all.iter().map(ToString::to_string).collect();
        lines.line(label, &format!("  {what}: {}", all.join(", ")));
    }
}

fn properties(lines: &mut Lines, server: &ServerScan, scan: &Scan) {
    if scan.supported().next().is_none() {
        return;
    }
    if let Some(tls) = &server.probe.tls {
        let status = if tls.verified {
            Status::Ok
        } else {
            Status::Warning
        };
        lines.marked(
            "trust",
            &format!("certificate of {}: {}", tls.name, tls.judgement),
            status,
        );
    }
    let is_stapled = scan.flights().any(|flight| flight.staple.is_some());
    lines.line("OCSP staple", if is_stapled { "yes" } else { "no" });
    let known = |value: Option<bool>| match value {
        Some(true) => "yes",
        Some(false) => "no",
        None => "unknown",
    };
    let tickets = match scan.has_tickets() {
        Some(tickets) => format!(", tickets before TLSv1.3: {}", known(Some(tickets))),
        None => String::new(),
    };
    lines.line("resumption", &format!("{}{tickets}", known(server.resumes)));
    let alpn = match &scan.alpn {
        Alpn::Ignored => "ignored".to_owned(),
        Alpn::Accepted(names) => names.join(", "),
        Alpn::Refused => "no protocol is accepted".to_owned(),
        Alpn::Unknown(why) => format!("unknown: {why}"),
    };
    lines.line("ALPN", &alpn);
    if let Some(compresses) = scan.compresses {
        lines.line("compression", known(Some(compresses)));
    }
    if let Some(refuses) = scan.refuses_fallback {
        let text = format!("downgrade is refused (RFC 7507): {}", known(Some(refuses)));
        lines.line("fallback", &text);
    }
    if let Some(is_secure) = scan.has_secure_renegotiation() {
        let text = format!(
            "secure (RFC 5746): {}; renegotiation itself is not tried",
            known(Some(is_secure))
        );
        lines.line("renegotiate", &text);
    }
}
