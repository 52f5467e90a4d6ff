//! MTA-STS (RFC 8461) and TLS reports (RFC 8460).

use crate::client::dns::DnsError;
use crate::client::policy::{Mode, PolicyText, StsRecord};
use crate::mail::tag_list::TagList;
use crate::probe::Finding;
use crate::probe::check::facts::{Facts, of_version};
use std::time::Duration;

const DAY: Duration = Duration::from_secs(86_400);

pub fn findings(facts: &Facts) -> Vec<Finding> {
    let domain = &facts.domain;
    let texts = match &facts.sts {
        Ok(answer) => &answer.records,
        Err(DnsError::Failed(why)) => {
            let text = format!("cannot find the TXT record of _mta-sts.{domain}: {why}");
            return vec![Finding::unknown("sts.unanswered", text)];
        }
        Err(_) => &Vec::new(),
    };
    let records = of_version(texts, "STSv1");
    let section = "RFC 8461 section 3.1";
    match (records.len(), StsRecord::of(&facts.sts)) {
        (0, _) => {
            let text = format!("{domain} has no MTA-STS policy");
            vec![Finding::note("sts.missing", text).with_section("RFC 8461 section 3.1")]
        }
        (1, StsRecord::Id(id)) => {
            let text = format!("_mta-sts.{domain} has the id {id}");
            let mut findings = vec![Finding::ok("sts.record", text).with_section(section)];
            findings.extend(of_policy(facts));
            findings
        }
        (1, _) => {
            let text = format!(
                "the record of _mta-sts.{domain} is not valid: \"{}\"",
                records[0]
            );
            let record = format!("_mta-sts.{domain}. IN TXT \"v=STSv1; id=1\"");
            vec![
                Finding::failed("sts.record", text)
                    .with_section(section)
                    .with_record(record),
            ]
        }
        (several, _) => {
            let text =
                format!("_mta-sts.{domain} has {several} records, so that there is no policy");
            let finding = Finding::failed("sts.several", text).with_section(section);
            vec![finding.with_remedy("remove all records but one")]
        }
    }
}

fn of_policy(facts: &Facts) -> Vec<Finding> {
    let policy = match &facts.sts_policy {
        None => {
            let text = "the policy was not fetched within the time limit";
            return vec![Finding::unknown("sts.fetch", text)];
        }
        Some(Err(why)) => {
            let text = format!("the policy cannot be fetched: {why}");
            return vec![Finding::failed("sts.fetch", text).with_section("RFC 8461 section 3.3")];
        }
        Some(Ok(policy)) => policy,
    };
    let mut findings = vec![mode(policy)];
    if policy.max_age < DAY {
        let text = format!(
            "max_age is {} seconds, less than a day",
            policy.max_age.as_secs()
        );
        findings.push(Finding::note("sts.max-age", text).with_section("RFC 8461 section 3.2"));
    }
    if policy.mode != Mode::None {
        findings.extend(exchangers(facts, policy));
    }
    findings
}

fn mode(policy: &PolicyText) -> Finding {
    let section = "RFC 8461 section 5";
    match policy.mode {
        Mode::Enforce => Finding::ok("sts.mode", "the policy is enforced").with_section(section),
        Mode::Testing => Finding::note(
            "sts.mode",
            "the policy is in mode testing: failures are only reported",
        )
        .with_section(section),
        Mode::None => {
            Finding::note("sts.mode", "the mode of the policy is none").with_section(section)
        }
    }
}

fn exchangers(facts: &Facts, policy: &PolicyText) -> Vec<Finding> {
    let mut findings = Vec::new();
    let severe = |id, text| match policy.mode {
        Mode::Enforce => Finding::failed(id, text),
        _ => Finding::warning(id, text),
    };
    for exchanger in &facts.exchangers {
        let name = &exchanger.name;
        if !policy.allows(name) {
            let text = format!(
                "{name} matches none of the patterns of the policy: {}",
                policy.patterns.join(", ")
            );
            let finding = severe("sts.mx", text).with_section("RFC 8461 section 4.1");
            findings.push(finding.with_remedy(format!("add the line mx: {name} to the policy")));
            continue;
        }
        for (session, probe) in exchanger.answered() {
            let server = format!("{name} [{}]", session.ip);
            let trouble = match &probe.tls {
                Some(tls) if tls.verified => None,
                Some(tls) => Some(format!("the certificate of {server} is {}", tls.judgement)),
                None if probe.in_clear.is_some() && !probe.offers_starttls() => {
                    Some(format!("{server} does not offer STARTTLS"))
                }
                None => None,
            };
            let finding =
                trouble.map(|text| severe("sts.tls", text).with_section("RFC 8461 section 4.2"));
            findings.extend(finding);
        }
    }
    if findings.is_empty() && !facts.exchangers.is_empty() {
        findings.push(
            Finding::ok("sts.mx", "all exchangers match the policy")
                .with_section("RFC 8461 section 4.1"),
        );
    }
    findings
}

/// The record for TLS reports.
pub fn tlsrpt(facts: &Facts) -> Vec<Finding> {
    let owner = format!("_smtp._tls.{}", facts.domain);
    let texts = match &facts.tlsrpt {
        Ok(answer) => &answer.records,
        Err(DnsError::Failed(why)) => {
            return vec![Finding::unknown(
                "tlsrpt.unanswered",
                format!("cannot find the TXT record of {owner}: {why}"),
            )];
        }
        Err(_) => &Vec::new(),
    };
    let section = "RFC 8460 section 3";
    let records = of_version(texts, "TLSRPTv1");
    let record = match records.as_slice() {
        [] => {
            let text =
                format!("there is no record at {owner}: TLS failures of senders are not reported");
            return vec![Finding::note("tlsrpt.missing", text).with_section(section)];
        }
        [one] => one,
        several => {
            let text = format!(
                "{owner} has {} records, so that no reports are sent",
                several.len()
            );
            return vec![Finding::failed("tlsrpt.several", text).with_section(section)];
        }
    };
    let finding = match report_addresses(record) {
        Ok(addresses) => Finding::ok("tlsrpt.record", format!("reports go to {addresses}")),
        Err(why) => Finding::failed(
            "tlsrpt.record",
            format!("the record of {owner} {why}: \"{record}\""),
        ),
    };
    vec![finding.with_section(section)]
}

fn report_addresses(record: &str) -> Result<String, &'static str> {
    let tags = TagList::parse(record).map_err(|_| "is not a list of tags")?;
    let rua = tags.get("rua").ok_or("has no rua=")?;
    let is_uri = |uri: &str| {
        let uri = uri.trim().to_ascii_lowercase();
        let is_address = |address: &str| address.contains('@');
        let is_known = uri.strip_prefix("mailto:").is_some_and(is_address)
            || uri
                .strip_prefix("https://")
                .is_some_and(|rest| !rest.is_empty());
        // It must be encoded (RFC 8460 §3); in DMARC it once began a limit of the size.
        is_known && !uri.contains('!')
    };
    if rua.split(',').all(is_uri) {
        Ok(rua.to_owned())
    } else {
        Err("has a rua= that is not a list of mailto: and https: URIs")
    }
}
