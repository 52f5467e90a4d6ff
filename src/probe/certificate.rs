//! Findings about the certificates of a server.

use crate::probe::finding::Finding;
use crate::system::certificate::{Certificate, broken_hash, date, weakness};
use crate::system::time::now_in_seconds;

/// A certificate that expires within this number of days is reported.
pub const SOON: i64 = 14;

/// What is expired, expires soon, or is weak in a chain, the server's own certificate first.
pub fn certificate_findings(chain: &[Vec<u8>]) -> Vec<Finding> {
    let mut all = Vec::new();
    for (place, der) in chain.iter().enumerate() {
        let Some(read) = Certificate::read(der) else {
            all.push(Finding::failed(
                "tls.certificate",
                "a certificate cannot be read",
            ));
            continue;
        };
        all.extend(validity(&read));
        let is_root = place > 0 && read.is_self_signed();
        if let Some(hash) = broken_hash(der).filter(|_| !is_root) {
            let text = format!("the certificate {} is signed with {hash}", read.subject);
            all.push(Finding::failed("tls.certificate", text).with_section("RFC 9325 section 4.5"));
        }
        if let Some(why) = weakness(der) {
            let text = format!("the certificate {} {why}", read.subject);
            all.push(Finding::failed("tls.certificate", text).with_section("RFC 9325 section 4.5"));
        }
    }
    all
}

fn validity(read: &Certificate) -> Option<Finding> {
    let now = now_in_seconds();
    let days = (read.not_after - now).div_euclid(24 * 60 * 60);
    let (subject, end) = (&read.subject, date(read.not_after));
    if read.not_after < now {
        let text = format!("the certificate {subject} has expired ({end})");
        return Some(Finding::failed("tls.expired", text));
    }
    if read.not_before > now {
        let text = format!(
            "the certificate {subject} is not valid before {}",
            date(read.not_before)
        );
        return Some(Finding::failed("tls.expired", text));
    }
    (days < SOON).then(|| {
        let text = format!("the certificate {subject} expires in {days} days ({end})");
        Finding::warning("tls.expires", text)
    })
}
