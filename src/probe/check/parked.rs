//! Domains that neither send nor receive mail.

use crate::client::dns::DnsError;
use crate::mail::dkim::{KeyRecord, KeyRecordFault};
use crate::probe::Finding;
use crate::probe::check::dmarc::applied;
use crate::probe::check::facts::Facts;
use crate::probe::dmarc::Disposition;
use crate::probe::spf::{Mechanism, Qualifier, SpfFault, SpfRecord, Term};

pub fn findings(facts: &Facts) -> Vec<Finding> {
    vec![mx(facts), spf(facts), dmarc(facts), dkim(facts)]
}

fn mx(facts: &Facts) -> Finding {
    let domain = &facts.domain;
    let record = format!("{domain}. IN MX 0 .");
    let section = "RFC 7505 section 3";
    match &facts.mx {
        Ok(answer) if answer.records.len() == 1 && answer.records[0].host.is_empty() => {
            Finding::ok("parked.mx", format!("{domain} has a null MX"))
        }
        Ok(_) => Finding::failed("parked.mx", format!("{domain} has mail exchangers"))
            .with_record(record),
        Err(DnsError::Failed(why)) => Finding::unknown(
            "parked.mx",
            format!("cannot find the MX records of {domain}: {why}"),
        ),
        Err(_) => Finding::warning(
            "parked.mx",
            format!("{domain} has no MX record, so that its address may receive mail"),
        )
        .with_record(record),
    }
    .with_section(section)
}

fn spf(facts: &Facts) -> Finding {
    let domain = &facts.domain;
    let root = facts.spf.as_ref().and_then(|tree| tree.root());
    let denies_all = |record: &SpfRecord| {
        let is_fail =
            |term: &Term| term.qualifier == Qualifier::Fail && term.mechanism == Mechanism::All;
        record.terms.first().is_some_and(is_fail)
    };
    match root.map(|root| &root.record) {
        Some(Ok(record)) if denies_all(record) => {
            Finding::ok("parked.spf", "no host may send mail (v=spf1 -all)")
        }
        Some(Err(SpfFault::Unanswered(why))) => Finding::unknown(
            "parked.spf",
            format!("cannot find the TXT records of {domain}: {why}"),
        ),
        None => Finding::unknown(
            "parked.spf",
            "the record was not read within the time limit",
        ),
        Some(_) => Finding::failed("parked.spf", "the SPF record does not forbid all mail")
            .with_record(format!("{domain}. IN TXT \"v=spf1 -all\"")),
    }
    .with_section("RFC 7208 section 10.1.2")
}

fn dmarc(facts: &Facts) -> Finding {
    match (applied(facts), facts.dmarc.unanswered()) {
        (Some(Disposition::Reject), _) => Finding::ok("parked.dmarc", "the DMARC policy is reject"),
        (_, Some((name, why))) => {
            Finding::unknown("parked.dmarc", format!("cannot find _dmarc.{name}: {why}"))
        }
        (policy, None) => {
            let policy = policy.map_or("missing", Disposition::name);
            Finding::failed(
                "parked.dmarc",
                format!("the DMARC policy is {policy}, not reject"),
            )
            .with_record(format!(
                "_dmarc.{}. IN TXT \"v=DMARC1; p=reject\"",
                facts.domain
            ))
        }
    }
    .with_section("RFC 9989 section 4.7")
}

/// A wildcard with an empty key revokes all selectors.
fn dkim(facts: &Facts) -> Finding {
    let owner = format!("_domainkey.{}", facts.domain);
    let is_key = |text: &Vec<u8>| KeyRecord::parse(&String::from_utf8_lossy(text)).is_ok();
    let is_revoked = |text: &Vec<u8>| {
        KeyRecord::parse(&String::from_utf8_lossy(text)) == Err(KeyRecordFault::Revoked)
    };
    let named = facts.selectors.iter().filter_map(|(selector, texts)| {
        let texts = texts.as_ref().ok()?;
        texts
            .records
            .iter()
            .any(is_key)
            .then_some(selector.as_str())
    });
    let named: Vec<&str> = named.collect();
    if !named.is_empty() {
        return Finding::failed(
            "parked.dkim",
            format!("there are DKIM keys: {}", named.join(", ")),
        );
    }
    let wildcard = facts
        .selectors
        .iter()
        .find(|(selector, _)| selector == WILDCARD);
    match (wildcard.map(|(_, texts)| texts), &facts.domainkey) {
        (Some(Ok(answer)), _) if answer.records.iter().any(is_revoked) => {
            Finding::ok("parked.dkim", "all DKIM keys are revoked by a wildcard")
        }
        (_, Err(DnsError::NoSuchName)) => Finding::ok("parked.dkim", "there are no DKIM keys"),
        (_, Err(DnsError::Failed(why))) => {
            Finding::unknown("parked.dkim", format!("cannot find {owner}: {why}"))
        }
        _ => Finding::warning(
            "parked.dkim",
            format!("{owner} exists, so that there may be keys"),
        )
        .with_record(format!("*.{owner}. IN TXT \"v=DKIM1; p=\"")),
    }
    .with_section("RFC 6376 section 3.6.1")
}

/// A selector that only a wildcard answers.
pub const WILDCARD: &str = "ehlo-check-no-such-selector";
