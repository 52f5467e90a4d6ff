//! Findings about a probe: what is expired, soon to expire, weak or mismatched.

use crate::client::session::parameters;
use crate::probe::certificate::{certificate_findings, not_verified};
use crate::probe::finding::Finding;
use crate::probe::inspect::ProbeResult;
use crate::probe::series::ProbeSeries;

/// Mechanisms that show the password to whoever reads the connection.
const CLEAR: [&str; 2] = ["PLAIN", "LOGIN"];

/// What deserves attention in a series of probes, apart from a failure.
pub fn findings(series: &ProbeSeries) -> Vec<Finding> {
    let probe = &series.probe;
    let mut all = Vec::new();
    if let Some(tls) = &probe.tls {
        all.extend(certificate_findings(&tls.chain));
        let weakness = tls
            .suite()
            .and_then(|suite| Some((suite, suite.weakness()?)));
        if let Some((suite, weakness)) = weakness {
            let text = format!("the cipher suite {suite} is weak: {}", weakness.words());
            all.push(Finding::warning("tls.cipher", text).with_section("RFC 9325 section 4.1"));
        }
        all.extend(not_verified(&tls.name, tls));
    }
    all.extend(clear_passwords(probe));
    all.extend(difference(probe));
    if series.differs {
        let text = "the EHLO replies of the probes differ";
        all.push(Finding::note("ehlo.changes", text));
    }
    all
}

fn clear_passwords(probe: &ProbeResult) -> Option<Finding> {
    let words = parameters(probe.in_clear.as_ref()?, "auth")?;
    let shown: Vec<&str> = CLEAR
        .into_iter()
        .filter(|name| words.iter().any(|word| word.eq_ignore_ascii_case(name)))
        .collect();
    let text = format!("AUTH {} is offered without TLS", shown.join(" "));
    let finding = Finding::warning("auth.plaintext", text).with_section("RFC 4954 section 4");
    (!shown.is_empty()).then_some(finding)
}

/// Apart from AUTH, a server should offer the same with and without TLS.
fn difference(probe: &ProbeResult) -> Option<Finding> {
    let is_expected = |line: &&str| {
        line.to_ascii_uppercase().starts_with("AUTH") || line.eq_ignore_ascii_case("REQUIRETLS")
    };
    let (clear, tls) = probe.differences();
    let clear: Vec<&str> = clear
        .into_iter()
        .filter(|line| !is_expected(line))
        .collect();
    let tls: Vec<&str> = tls.into_iter().filter(|line| !is_expected(line)).collect();
    let list = |lines: Vec<&str>, only: &str| {
        (!lines.is_empty()).then(|| format!("{} {only}", lines.join(", ")))
    };
    let parts = [list(clear, "only in plaintext"), list(tls, "only over TLS")];
    let parts: Vec<String> = parts.into_iter().flatten().collect();
    let text = format!("the server offers {}", parts.join("; "));
    (!parts.is_empty()).then(|| Finding::note("ehlo.difference", text))
}
