//! DKIM keys (RFC 6376, RFC 8301, RFC 8463).

use crate::client::dns::DnsError;
use crate::mail::dkim::{KeyRecord, KeyRecordFault, PublicKey};
use crate::probe::Finding;
use crate::probe::check::facts::{Facts, Texts};

pub fn findings(facts: &Facts) -> Vec<Finding> {
    if facts.selectors.is_empty() {
        return vec![without_selectors(facts)];
    }
    let of_one = |(selector, texts): &(String, Texts)| {
        of_selector(&format!("{selector}._domainkey.{}", facts.domain), texts)
    };
    facts.selectors.iter().flat_map(of_one).collect()
}

/// RFC 8020: a name below which there are names does exist.
fn without_selectors(facts: &Facts) -> Finding {
    let owner = format!("_domainkey.{}", facts.domain);
    match &facts.domainkey {
        Err(DnsError::Failed(why)) => {
            Finding::unknown("dkim.unanswered", format!("cannot find {owner}: {why}"))
        }
        Err(DnsError::NoSuchName) => Finding::warning(
            "dkim.missing",
            format!("there are no DKIM keys: {owner} does not exist"),
        )
        .with_section("RFC 6376 section 3.6.2.1")
        .with_command(format!(
            "ehlo dkim new SELECTOR --domain {} --out FILE",
            facts.domain
        )),
        _ => Finding::ok(
            "dkim.domainkey",
            format!("{owner} exists, so that there may be keys"),
        )
        .with_section("RFC 8020 section 2")
        .with_remedy("name the selectors with --selector, or a signed message with --message"),
    }
}

fn of_selector(owner: &str, texts: &Texts) -> Vec<Finding> {
    let section = "RFC 6376 section 3.6.1";
    let texts = match texts {
        Ok(answer) => answer
            .records
            .iter()
            .map(|text| String::from_utf8_lossy(text)),
        Err(DnsError::Failed(why)) => {
            return vec![Finding::unknown(
                "dkim.unanswered",
                format!("cannot find {owner}: {why}"),
            )];
        }
        Err(_) => {
            let text = format!("there is no key at {owner}");
            return vec![Finding::failed("dkim.key", text).with_section(section)];
        }
    };
    let records: Vec<_> = texts.map(|text| KeyRecord::parse(&text)).collect();
    let records: Vec<_> = records
        .into_iter()
        .filter(|record| *record != Err(KeyRecordFault::Other))
        .collect();
    match records.as_slice() {
        [] => {
            let text = format!("{owner} has a TXT record, but not a DKIM key");
            vec![Finding::failed("dkim.key", text).with_section(section)]
        }
        [Ok(record)] => of_record(owner, record),
        [Err(KeyRecordFault::Revoked)] => {
            let text = format!("the key at {owner} is revoked: its p= is empty");
            vec![Finding::note("dkim.revoked", text).with_section(section)]
        }
        [Err(fault)] => {
            vec![
                Finding::failed("dkim.key", format!("the record at {owner} {fault}"))
                    .with_section(section),
            ]
        }
        several => {
            let text = format!(
                "{owner} has {} DKIM records, and receivers use any of them",
                several.len()
            );
            let finding =
                Finding::failed("dkim.several", text).with_section("RFC 6376 section 3.6.2.2");
            vec![finding.with_remedy("remove all records but one")]
        }
    }
}

fn of_record(owner: &str, record: &KeyRecord) -> Vec<Finding> {
    let mut findings = Vec::new();
    let key = format!("{owner}: {}", record.key);
    let new = "make a key of 2048 bits under another selector: ehlo dkim new SELECTOR --domain DOMAIN --out FILE";
    findings.push(match record.key {
        PublicKey::Rsa { bits, .. } if bits < 1024 => {
            Finding::failed("dkim.bits", format!("{key}, which receivers do not accept"))
                .with_section("RFC 8301 section 3.2")
                .with_remedy(new)
        }
        PublicKey::Rsa { bits, .. } if bits < 2048 => {
            Finding::warning("dkim.bits", format!("{key}, less than 2048"))
                .with_section("RFC 8301 section 3.2")
                .with_remedy(new)
        }
        _ => Finding::ok("dkim.key", key).with_section("RFC 6376 section 3.6.1"),
    });
    if !record.allows_sha256() {
        let text = format!("{owner} does not allow SHA-256, and receivers do not accept SHA-1");
        findings.push(Finding::failed("dkim.hash", text).with_section("RFC 8301 section 3.1"));
    }
    if !record.is_for_mail {
        let text = format!("{owner} is not for mail (s=)");
        findings.push(Finding::failed("dkim.service", text).with_section("RFC 6376 section 3.6.1"));
    }
    if record.is_testing {
        let text =
            format!("{owner} is marked as a test (t=y), so that receivers may ignore signatures");
        let finding = Finding::warning("dkim.testing", text).with_section("RFC 6376 section 3.6.1");
        findings.push(finding.with_remedy("remove t=y when mail is signed as expected"));
    }
    if !record.has_version {
        let text = format!("{owner} does not begin with v=DKIM1");
        findings.push(Finding::note("dkim.version", text).with_section("RFC 6376 section 3.6.1"));
    }
    findings
}
