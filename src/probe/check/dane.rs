//! DNSSEC of the mail exchangers, and their TLSA records (RFC 7672).

use crate::client::dns::{Answer, DnsError, Tlsa};
use crate::client::wire::tls::{Dane, authenticating_record, is_usable};
use crate::probe::Finding;
use crate::probe::check::facts::{Exchanger, Facts};
use crate::probe::check::tls::offers_starttls;

pub fn dnssec(facts: &Facts) -> Vec<Finding> {
    if let Some(resolver) = &facts.untrusted_resolver {
        return vec![untrusted("dnssec.resolver", resolver)];
    }
    let mut findings = Vec::new();
    if let Ok(answer) = &facts.mx {
        findings.push(signed(
            answer,
            &format!("the MX records of {}", facts.domain),
        ));
    }
    for exchanger in &facts.exchangers {
        if let Ok(answer) = &exchanger.addresses {
            findings.push(signed(
                answer,
                &format!("the addresses of {}", exchanger.name),
            ));
        }
    }
    findings
}

fn untrusted(id: &'static str, resolver: &str) -> Finding {
    let text = format!("the resolver {resolver} is not trusted to validate DNSSEC");
    Finding::unknown(id, text)
        .with_remedy("use a validating resolver on this host with --dns 127.0.0.1, or set trust-ad in the configuration")
}

fn signed<T>(answer: &Answer<T>, what: &str) -> Finding {
    if answer.secure {
        return Finding::ok("dnssec.signed", format!("{what} are signed")).with_section("RFC 4033");
    }
    let text = format!("{what} are not signed, or the resolver does not validate");
    Finding::note("dnssec.unsigned", text).with_section("RFC 4033")
}

pub fn findings(facts: &Facts, port: u16) -> Vec<Finding> {
    if let Some(resolver) = &facts.untrusted_resolver {
        return vec![untrusted("dane.resolver", resolver)];
    }
    let is_mx_secure = facts.mx.as_ref().is_ok_and(|answer| answer.secure);
    let of_one = |one| of_exchanger(one, facts, (port, is_mx_secure));
    facts.exchangers.iter().flat_map(of_one).collect()
}

fn of_exchanger(
    exchanger: &Exchanger,
    facts: &Facts,
    (port, is_mx_secure): (u16, bool),
) -> Vec<Finding> {
    let owner = format!("_{port}._tcp.{}", exchanger.tlsa_base);
    let answer = match &exchanger.tlsa {
        Ok(answer) => answer,
        Err(DnsError::Failed(why)) => {
            let text = format!("cannot find {owner}: {why}; senders that use DANE defer mail");
            return vec![
                Finding::unknown("dane.unanswered", text).with_section("RFC 7672 section 2.1.2"),
            ];
        }
        Err(_) => {
            let text = format!("there are no TLSA records at {owner}");
            return vec![Finding::note("dane.missing", text).with_section("RFC 7672")];
        }
    };
    let is_host_secure = exchanger
        .addresses
        .as_ref()
        .is_ok_and(|addresses| addresses.secure);
    if !answer.secure || !is_host_secure {
        let text = format!(
            "the TLSA records at {owner} have no effect, because they are not signed (DNSSEC)"
        );
        return vec![
            Finding::warning("dane.unsigned", text)
                .with_section("RFC 7672 section 2.2")
                .with_remedy("sign the zone, or remove the records"),
        ];
    }
    let mut findings = Vec::new();
    if !is_mx_secure && facts.mx.is_ok() {
        let text = format!(
            "{owner} is signed, but the MX records of {} are not",
            facts.domain
        );
        findings.push(Finding::warning("dane.mx", text).with_section("RFC 7672 section 2.2.1"));
    }
    let (usable, others): (Vec<Tlsa>, Vec<Tlsa>) =
        answer.records.iter().cloned().partition(is_usable);
    for record in &others {
        findings.push(unusable(record, &owner));
    }
    if usable.is_empty() {
        let text = format!("no record at {owner} is usable: servers are not authenticated");
        findings.push(Finding::failed("dane.unusable", text).with_section("RFC 7672 section 2.2"));
        return findings;
    }
    findings.extend(rollover(&usable, &owner));
    findings.extend(matches(exchanger, facts, (usable, port)));
    findings
}

fn unusable(record: &Tlsa, owner: &str) -> Finding {
    let parameters = record.parameters();
    let text = match record.usage {
        0 | 1 => format!(
            "usage {} ({parameters} at {owner}) is not used for SMTP",
            record.usage
        ),
        _ => format!("the record {parameters} at {owner} is not valid"),
    };
    Finding::warning("dane.usage", text)
        .with_section("RFC 7672 section 3.1.3")
        .with_remedy("publish a record 3 1 1, the SHA-256 of the public key")
}

/// A single record breaks when the key is replaced.
fn rollover(usable: &[Tlsa], owner: &str) -> Option<Finding> {
    let is_single = usable.len() == 1 && usable[0].usage == 3;
    is_single.then(|| {
        let text = format!(
            "{owner} has one record: publish that of the next key before the key is replaced"
        );
        Finding::note("dane.rollover", text).with_section("RFC 7671 section 8.1")
    })
}

fn matches(
    exchanger: &Exchanger,
    facts: &Facts,
    (records, port): (Vec<Tlsa>, u16),
) -> Vec<Finding> {
    let name = &exchanger.name;
    let mut names = vec![
        exchanger.tlsa_base.clone(),
        name.clone(),
        facts.domain.clone(),
    ];
    names.dedup();
    let dane = Dane {
        records,
        base: exchanger.tlsa_base.clone(),
        port,
        names,
        is_mx_secure: true,
    };
    let mut findings = Vec::new();
    for (session, probe) in exchanger.answered() {
        let server = format!("{name} [{}]", session.ip);
        let chain = probe.tls.as_ref().map(|tls| tls.chain.as_slice());
        findings.push(match chain {
            Some(chain) if !chain.is_empty() => match authenticating_record(&dane, chain) {
                Ok(record) => {
                    let text = format!("the certificate of {server} matches {record}");
                    Finding::ok("dane.match", text).with_section("RFC 7672 section 3")
                }
                Err(why) => {
                    Finding::failed("dane.match", format!("the certificate of {server} {why}"))
                        .with_section("RFC 7672 section 3")
                        .with_remedy("publish the record of the certificate that is in use")
                }
            },
            _ if probe.in_clear.is_some() && !offers_starttls(probe) => {
                let text = format!("{server} has TLSA records, but does not offer STARTTLS");
                Finding::failed("dane.starttls", text).with_section("RFC 7672 section 2.2")
            }
            _ => Finding::unknown(
                "dane.unchecked",
                format!("{server} has shown no certificate"),
            ),
        });
    }
    if findings.is_empty() {
        let text = format!("{name} does not answer, so that its certificate is not known");
        findings.push(Finding::unknown("dane.unchecked", text));
    }
    findings
}
