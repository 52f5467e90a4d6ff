//! Findings about a scan: what RFC 9325, which replaced RFC 7525, RFC 8996 and others say.

use crate::client::wire::tls::{Suite, Weakness};
use crate::probe::certificate::{certificate_findings, not_verified};
use crate::probe::finding::{Finding, Status};
use crate::probe::scan::{Alpn, Scan, ServerScan, Support, Version};

/// The minimum length of primes for Diffie-Hellman (RFC 9325 §4.5).
const MIN_PRIME: usize = 2048;

/// Everything that is weak or unknown.
pub fn findings(server: &ServerScan) -> Vec<Finding> {
    let Some(scan) = &server.scan else {
        let why = server.failure().unwrap_or_default();
        return vec![Finding::unknown("tls.scan", why)];
    };
    let mut all = Vec::new();
    versions(scan, &mut all);
    suites(scan, &mut all);
    keys(scan, &mut all);
    extensions(scan, &mut all);
    for chain in scan.chains() {
        all.extend(certificate_findings(chain));
    }
    if let Some(tls) = &server.probe.tls {
        all.extend(not_verified(&tls.name, tls));
    }
    let unknown = scan
        .gaps()
        .into_iter()
        .map(|why| Finding::unknown("tls.scan", why));
    all.extend(unknown);
    all
}

fn versions(scan: &Scan, all: &mut Vec<Finding>) {
    for survey in scan.supported() {
        let version = survey.version;
        let (section, finding) = match version {
            Version::Ssl3 => (
                "RFC 7568 section 3",
                Finding::failed("tls.version", "SSLv3 is accepted"),
            ),
            Version::Tls10 => (
                "RFC 8996 section 4",
                Finding::failed("tls.version", "TLSv1.0 is accepted"),
            ),
            Version::Tls11 => (
                "RFC 8996 section 5",
                Finding::failed("tls.version", "TLSv1.1 is accepted"),
            ),
            Version::Tls12 | Version::Tls13 => continue,
        };
        all.push(finding.with_section(section));
    }
    let lacks = |version| {
        scan.versions
            .iter()
            .any(|survey| survey.version == version && survey.support == Support::No)
    };
    if scan.supported().next().is_none() {
        if scan
            .versions
            .iter()
            .all(|survey| survey.support == Support::No)
        {
            all.push(Finding::failed(
                "tls.version",
                "no version of TLS is accepted",
            ));
        }
        return;
    }
    if lacks(Version::Tls12) && lacks(Version::Tls13) {
        let finding = Finding::failed("tls.version", "neither TLSv1.2 nor TLSv1.3 is accepted");
        all.push(finding.with_section("RFC 9325 section 3.1.1"));
    } else if lacks(Version::Tls13) {
        let finding = Finding::note("tls.version", "TLSv1.3 is not accepted");
        all.push(finding.with_section("RFC 9325 section 3.1.1"));
    }
}

/// One finding for each weakness, with all suites that have it.
fn suites(scan: &Scan, all: &mut Vec<Finding>) {
    let mut found: Vec<(Weakness, Vec<Suite>)> = Vec::new();
    for suite in scan.supported().flat_map(|survey| &survey.suites) {
        let Some(weakness) = suite.weakness() else {
            continue;
        };
        match found.iter_mut().find(|(other, _)| *other == weakness) {
            Some((_, suites)) if suites.contains(suite) => {}
            Some((_, suites)) => suites.push(*suite),
            None => found.push((weakness, vec![*suite])),
        }
    }
    found.sort();
    for (weakness, suites) in found {
        let names: Vec<String> = suites.iter().map(Suite::to_string).collect();
        let (section, status) = severity(weakness);
        let text = format!("{}: {}", weakness.words(), names.join(", "));
        all.push(Finding::new("tls.cipher", status, text).with_section(section));
    }
}

/// How serious the weakness of a cipher suite is.
pub fn status_of(weakness: Weakness) -> Status {
    severity(weakness).1
}

fn severity(weakness: Weakness) -> (&'static str, Status) {
    use Status::{Failed, Note, Warning};
    match weakness {
        Weakness::Null | Weakness::Export | Weakness::ShortKey => ("RFC 9325 section 4.1", Failed),
        Weakness::Rc4 => ("RFC 7465 section 2", Failed),
        Weakness::SmallBlocks | Weakness::NoForwardSecrecy => ("RFC 9325 section 4.1", Warning),
        Weakness::Md5 => ("RFC 6151 section 2", Warning),
        // Opportunistic TLS does not authenticate the server anyway.
        Weakness::Anonymous => ("RFC 5246 appendix F.1.1.1", Note),
        Weakness::Cbc => ("RFC 9325 section 4.2", Note),
    }
}

fn keys(scan: &Scan, all: &mut Vec<Finding>) {
    let primes = scan.supported().filter_map(|survey| survey.prime_bits);
    if let Some(bits) = primes.min().filter(|bits| *bits < MIN_PRIME) {
        let text = format!("the prime for Diffie-Hellman has {bits} bits");
        let finding = if bits < 1024 {
            Finding::failed("tls.dh", text)
        } else {
            Finding::warning("tls.dh", text)
        };
        all.push(finding.with_section("RFC 9325 section 4.5"));
    }
    for survey in scan.supported() {
        let version = survey.version.name();
        let weak: Vec<String> = survey
            .groups
            .iter()
            .filter(|group| group.is_weak())
            .map(ToString::to_string)
            .collect();
        if !weak.is_empty() {
            let text = format!("outdated groups in {version}: {}", weak.join(", "));
            all.push(Finding::warning("tls.group", text).with_section("RFC 8422 section 5.1.1"));
        }
        let weak: Vec<String> = survey
            .schemes
            .iter()
            .filter(|scheme| scheme.is_weak())
            .map(ToString::to_string)
            .collect();
        if !weak.is_empty() {
            let text = format!(
                "signatures with MD5 or SHA-1 in {version}: {}",
                weak.join(", ")
            );
            all.push(Finding::warning("tls.signature", text).with_section("RFC 9155 section 4"));
        }
    }
}

fn extensions(scan: &Scan, all: &mut Vec<Finding>) {
    if scan.compresses == Some(true) {
        let finding = Finding::failed("tls.compression", "TLS compression is accepted");
        all.push(finding.with_section("RFC 9325 section 3.3"));
    }
    if scan.has_secure_renegotiation() == Some(false) {
        let finding = Finding::failed("tls.renegotiation", "secure renegotiation is not supported");
        all.push(finding.with_section("RFC 5746 section 3.6"));
    }
    let is_old = scan
        .supported()
        .any(|survey| survey.version < Version::Tls12);
    if is_old && scan.refuses_fallback == Some(false) {
        let text = "a downgrade to an earlier version is not detected";
        all.push(Finding::warning("tls.fallback", text).with_section("RFC 7507 section 3"));
    }
    if let Alpn::Unknown(why) = &scan.alpn
        && scan.supported().next().is_some()
    {
        all.push(Finding::unknown("tls.alpn", format!("ALPN: {why}")));
    }
}
