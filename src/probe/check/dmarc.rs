//! DMARC records (RFC 9989) and the permission for their reports (RFC 9990).

use crate::client::dns::DnsError;
use crate::probe::Finding;
use crate::probe::check::facts::{Facts, Texts};
use crate::probe::dmarc::{Disposition, DmarcRecord, DmarcWalk, Found, PolicyRole, ReportUri};

pub fn findings(facts: &Facts) -> Vec<Finding> {
    let walk = &facts.dmarc;
    let mut findings = errors(walk);
    let Some((owner, record, role)) = walk.policy() else {
        if findings.is_empty() {
            findings.push(missing(&facts.domain));
        }
        return findings;
    };
    let found = match role {
        PolicyRole::Own => format!("_dmarc.{owner}: {}", record.text),
        PolicyRole::Organizational => format!(
            "from the organizational domain, _dmarc.{owner}: {}",
            record.text
        ),
        PolicyRole::PublicSuffix => {
            format!("from the public suffix, _dmarc.{owner}: {}", record.text)
        }
    };
    findings.push(Finding::ok("dmarc.record", found).with_section("RFC 9989 section 4.10.1"));
    findings.push(policy(facts, record, owner));
    findings.extend(remarks(record));
    if role == PolicyRole::Own {
        findings.extend(reports(facts));
    }
    findings
}

/// The policy that applies to the domain of the check, as receivers apply it.
pub fn applied(facts: &Facts) -> Option<Disposition> {
    let exists = !matches!(facts.mx, Err(DnsError::NoSuchName));
    facts.dmarc.disposition(exists)
}

fn missing(domain: &str) -> Finding {
    Finding::warning(
        "dmarc.missing",
        format!("neither {domain} nor a domain above it has a DMARC record"),
    )
    .with_section("RFC 9989 section 4.10")
    .with_record(format!(
        "_dmarc.{domain}. IN TXT \"v=DMARC1; p=none; rua=mailto:postmaster@{domain}\""
    ))
}

/// Errors at the names that were needed to find the record.
fn errors(walk: &DmarcWalk) -> Vec<Finding> {
    let needed = match walk.policy() {
        Some((owner, _, PolicyRole::Own)) => walk.steps.iter().position(|(name, _)| name == owner),
        _ => None,
    };
    let needed = needed.map_or(walk.steps.len(), |at| at + 1);
    let finding = |(name, found): &(String, Found)| match found {
        Found::Several(count) => Some(
            Finding::failed(
                "dmarc.several",
                format!("_dmarc.{name} has {count} records, which are all ignored"),
            )
            .with_section("RFC 9989 section 4.10")
            .with_remedy("remove all records but one"),
        ),
        Found::Unanswered(why) => {
            let text = format!("cannot find the TXT record of _dmarc.{name}: {why}");
            Some(Finding::unknown("dmarc.unanswered", text).with_section("RFC 9989 section 4.10"))
        }
        Found::Nothing | Found::Record(_) => None,
    };
    walk.steps[..needed].iter().filter_map(finding).collect()
}

fn policy(facts: &Facts, record: &DmarcRecord, owner: &str) -> Finding {
    let section = "RFC 9989 section 4.7";
    let Some(policy) = applied(facts) else {
        let text = format!(
            "the record of _dmarc.{owner} has neither a valid p nor a valid rua, and is ignored"
        );
        return Finding::failed("dmarc.policy", text).with_section("RFC 9989 section 4.10.1");
    };
    let test = if record.is_testing {
        " (one step less, because of t=y)"
    } else {
        ""
    };
    let text = format!("the policy for {} is {}{test}", facts.domain, policy.name());
    match policy {
        Disposition::None => Finding::note(
            "dmarc.policy",
            format!("{text}: forged mail is not stopped"),
        ),
        _ => Finding::ok("dmarc.policy", text),
    }
    .with_section(section)
}

fn remarks(record: &DmarcRecord) -> Vec<Finding> {
    let section = "RFC 9989 section 4.7";
    let mut findings = Vec::new();
    for problem in &record.problems {
        let finding = Finding::failed("dmarc.syntax", format!("its {problem}"));
        findings.push(finding.with_section("RFC 9989 section 4.8"));
    }
    if record.p.is_none() && record.is_policy() {
        findings.push(
            Finding::note(
                "dmarc.p",
                "its p is missing, or p, sp or np is not valid: it is read as p=none",
            )
            .with_section("RFC 9989 section 4.10.1"),
        );
    }
    for tag in &record.historic {
        let text = format!("{tag} is not used any more, and is ignored");
        findings
            .push(Finding::note("dmarc.historic", text).with_section("RFC 9989 appendix C.5.2"));
    }
    if !record.unknown.is_empty() {
        let text = format!("unknown tags are ignored: {}", record.unknown.join(", "));
        findings.push(Finding::warning("dmarc.unknown", text).with_section("RFC 9989 section 4.8"));
    }
    let uris = || record.rua.iter().chain(&record.ruf);
    for uri in uris().filter(|uri| uri.is_uri && uri.domain.is_none()) {
        let text = format!("receivers send reports by mail, and ignore {}", uri.text);
        findings.push(Finding::warning("dmarc.uri", text).with_section("RFC 9990 section 3.5"));
    }
    if uris().any(ReportUri::has_limit) {
        let text = "the limit of the size of reports (!) is not used any more";
        findings.push(Finding::note("dmarc.historic", text).with_section("RFC 9989 section 4.8"));
    }
    if record.is_testing {
        let text = "t=y: the policy is tested, and receivers apply one step less";
        findings.push(Finding::note("dmarc.testing", text).with_section(section));
    }
    if record.rua.is_empty() {
        findings.push(
            Finding::note("dmarc.reports", "it has no rua: there are no reports")
                .with_section(section),
        );
    }
    findings
}

/// Domains of reports that are not those of the organization, and must allow them (RFC 9990 §4).
pub fn external_domains(walk: &DmarcWalk) -> Vec<String> {
    let organization = walk.organizational_domain();
    let Some((_, record, PolicyRole::Own)) = walk.policy() else {
        return Vec::new();
    };
    let is_own =
        |domain: &str| domain == organization || domain.ends_with(&format!(".{organization}"));
    let domains = record
        .rua
        .iter()
        .chain(&record.ruf)
        .filter_map(|uri| uri.domain.clone());
    let mut domains: Vec<String> = domains.filter(|domain| !is_own(domain)).collect();
    domains.sort();
    domains.dedup();
    domains.truncate(10);
    domains
}

fn reports(facts: &Facts) -> Vec<Finding> {
    let section = "RFC 9990 section 4";
    let finding = |(domain, answer): &(String, Texts)| {
        let owner = format!("{}._report._dmarc.{domain}", facts.domain);
        match answer {
            Ok(answer)
                if answer
                    .records
                    .iter()
                    .any(|text| DmarcRecord::parse(&String::from_utf8_lossy(text)).is_some()) =>
            {
                Finding::ok(
                    "dmarc.report-domain",
                    format!("{domain} accepts reports about {}", facts.domain),
                )
            }
            Err(DnsError::Failed(why)) => {
                Finding::unknown("dmarc.unanswered", format!("cannot find {owner}: {why}"))
            }
            _ => Finding::warning(
                "dmarc.report-domain",
                format!("{domain} has not agreed to receive reports"),
            )
            .with_record(format!("{owner}. IN TXT \"v=DMARC1\"")),
        }
        .with_section(section)
    };
    facts.report_domains.iter().map(finding).collect()
}
