//! DNSSEC of the mail exchangers, and their TLSA records (RFC 7672).

use crate::client::dns::{Answer, DnsError, Tlsa};
use crate::client::wire::tls::{Dane, is_usable};
use crate::probe::Finding;
use crate::probe::check::facts::{Exchanger, Facts};
use crate::probe::dane::{
    Presented, comparison, none_usable, rollover, unanswered, unsigned_mx, untrusted, unusable,
};

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

fn signed<T>(answer: &Answer<T>, what: &str) -> Finding {
    if answer.secure {
        return Finding::ok("dnssec.signed", format!("{what} are signed"))
            .with_section("RFC 4035 section 3.2.3");
    }
    let text = format!("{what} are not signed, or the resolver does not validate");
    Finding::note("dnssec.unsigned", text).with_section("RFC 4035 section 3.2.3")
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
            return vec![unanswered(&owner, why)];
        }
        Err(_) => {
            let text = format!("there are no TLSA records at {owner}");
            return vec![Finding::note("dane.missing", text).with_section("RFC 7672 section 2.2")];
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
        findings.push(unsigned_mx(&owner, &facts.domain));
    }
    let (usable, others): (Vec<Tlsa>, Vec<Tlsa>) =
        answer.records.iter().cloned().partition(is_usable);
    for record in &others {
        findings.push(unusable(record, &owner));
    }
    if usable.is_empty() {
        findings.push(none_usable(&owner));
        return findings;
    }
    findings.extend(rollover(&usable, &owner));
    findings.extend(matches(exchanger, facts, (usable, port)));
    findings
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
        findings.push(comparison(&server, &dane, Presented::of(probe)));
    }
    if findings.is_empty() {
        let text = format!("{name} does not answer, so that its certificate is not known");
        findings.push(Finding::unknown("dane.unchecked", text));
    }
    findings
}
