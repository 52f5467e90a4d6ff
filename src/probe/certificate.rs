//! Findings about the certificates of a server. The identifiers are the same in every check.

use crate::probe::finding::{Finding, FindingId};
use crate::probe::inspect::TlsReport;
use crate::system::certificate::{Certificate, broken_hash, date, weakness};
use crate::system::time::now_in_seconds;

/// A certificate that expires within this number of days is reported.
pub const SOON: i64 = 14;

/// The chain and the name of the server were verified, or not, or a certificate cannot be read.
pub const CERTIFICATE: FindingId = FindingId("tls.certificate");

/// Expired, or not valid yet.
pub const EXPIRED: FindingId = FindingId("tls.expired");

/// Expires within [`SOON`] days.
pub const EXPIRES: FindingId = FindingId("tls.expires");

/// The key is too short, or the certificate has no usages that could limit it.
const KEY: FindingId = FindingId("tls.key");

/// Signed with a hash that is broken.
const HASH: FindingId = FindingId("tls.hash");

/// What is expired, expires soon, or is weak in a chain, the server's own certificate first.
pub fn certificate_findings(chain: &[Vec<u8>]) -> Vec<Finding> {
    let mut all = Vec::new();
    for (place, der) in chain.iter().enumerate() {
        let Some(read) = Certificate::read(der) else {
            all.push(Finding::failed(CERTIFICATE, "a certificate cannot be read"));
            continue;
        };
        all.extend(validity(&read));
        let is_root = place > 0 && read.is_self_signed();
        if let Some(hash) = broken_hash(der).filter(|_| !is_root) {
            let text = format!("the certificate {} is signed with {hash}", read.subject);
            all.push(Finding::failed(HASH, text).with_section("RFC 9325 section 4.5"));
        }
        if let Some(why) = weakness(der) {
            let text = format!("the certificate {} {why}", read.subject);
            let finding = Finding::failed(KEY, text).with_section("RFC 9325 section 4.5");
            all.push(finding.with_remedy("renew it with a key of 2048 bits or more"));
        }
    }
    all
}

/// The finding about a server whose certificate was not verified.
pub fn not_verified(server: &str, tls: &TlsReport) -> Option<Finding> {
    if tls.verified {
        return None;
    }
    let text = format!("the certificate of {server} is {}", tls.judgement);
    let remedy = format!("obtain a certificate for {} from a public CA", tls.name);
    Some(
        Finding::warning(CERTIFICATE, text)
            .with_section("RFC 9525 section 6")
            .with_remedy(remedy),
    )
}

fn validity(read: &Certificate) -> Option<Finding> {
    let now = now_in_seconds();
    let days = (read.not_after - now).div_euclid(24 * 60 * 60);
    let (subject, end) = (&read.subject, date(read.not_after));
    if read.not_after < now {
        let text = format!("the certificate {subject} has expired ({end})");
        return Some(Finding::failed(EXPIRED, text));
    }
    if read.not_before > now {
        let text = format!(
            "the certificate {subject} is not valid before {}",
            date(read.not_before)
        );
        return Some(Finding::failed(EXPIRED, text));
    }
    (days < SOON).then(|| {
        let text = format!("the certificate {subject} expires in {days} days ({end})");
        Finding::warning(EXPIRES, text)
            .with_remedy("renew it now, and check why automatic renewal failed")
    })
}
