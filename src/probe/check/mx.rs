//! Mail exchangers: their records, addresses and greetings.

use crate::client::dns::DnsError;
use crate::probe::Finding;
use crate::probe::check::facts::{Exchanger, Facts};
use crate::smtp::stage::Stage;
use std::net::IpAddr;

pub fn findings(facts: &Facts, port: u16) -> Vec<Finding> {
    let domain = &facts.domain;
    let mut findings = match &facts.mx {
        Err(DnsError::Failed(why)) => {
            let text = format!("cannot find the MX records of {domain}: {why}");
            return vec![Finding::unknown("mx.unanswered", text)];
        }
        Err(DnsError::NoSuchName) => {
            let text = format!("{domain} does not exist (NXDOMAIN)");
            return vec![Finding::failed("mx.domain", text).with_section("RFC 5321 section 5.1")];
        }
        Err(DnsError::NoData) => vec![implicit(facts)],
        Ok(answer) if answer.records.iter().any(|mx| mx.host.is_empty()) => {
            return vec![null(facts, answer.records.len())];
        }
        Ok(_) => duplicates(facts),
    };
    for exchanger in &facts.exchangers {
        findings.extend(of_exchanger(exchanger));
    }
    let has_six = facts
        .exchangers
        .iter()
        .flat_map(Exchanger::ips)
        .any(IpAddr::is_ipv6);
    if !has_six && facts.exchangers.iter().any(|one| one.addresses.is_ok()) {
        findings.push(Finding::note("mx.ipv6", "no exchanger has an IPv6 address"));
    }
    if facts.has_more_exchangers {
        let text = format!("only {} exchangers were looked at", facts.exchangers.len());
        findings.push(Finding::note("mx.many", text));
    }
    findings.extend(greetings(facts, port));
    findings
}

fn null(facts: &Facts, count: usize) -> Finding {
    if count == 1 {
        let text = format!("{} accepts no mail (null MX)", facts.domain);
        return Finding::ok("mx.null", text).with_section("RFC 7505 section 3");
    }
    Finding::failed("mx.null", "there is a null MX, and also other MX records")
        .with_section("RFC 7505 section 3")
        .with_remedy("remove the null MX, or all others")
}

fn implicit(facts: &Facts) -> Finding {
    let domain = &facts.domain;
    let has_address = facts.exchangers.iter().any(|one| one.addresses.is_ok());
    if has_address {
        let text = format!("{domain} has no MX records; mail goes to its own address");
        return Finding::note("mx.implicit", text)
            .with_section("RFC 5321 section 5.1")
            .with_record(format!("{domain}. IN MX 10 {domain}."));
    }
    let text =
        format!("{domain} has neither MX records nor an address, so that it receives no mail");
    Finding::warning("mx.missing", text)
        .with_section("RFC 7505 section 3")
        .with_record(format!("{domain}. IN MX 0 ."))
}

fn duplicates(facts: &Facts) -> Vec<Finding> {
    let names = facts.exchangers.iter().enumerate();
    let repeated = names.filter(|(at, one)| {
        facts.exchangers[..*at]
            .iter()
            .any(|other| other.name == one.name)
    });
    let finding = |(_, one): (usize, &Exchanger)| {
        Finding::warning(
            "mx.duplicate",
            format!("{} is there more than once", one.name),
        )
        .with_remedy("remove one of the records")
    };
    repeated.map(finding).collect()
}

fn of_exchanger(exchanger: &Exchanger) -> Vec<Finding> {
    let name = &exchanger.name;
    if name.parse::<IpAddr>().is_ok() {
        let text = format!("the exchanger {name} is an address, not the name of a host");
        return vec![
            Finding::failed("mx.literal", text)
                .with_section("RFC 5321 section 5.1")
                .with_remedy("publish a name that has this address"),
        ];
    }
    let mut findings = Vec::new();
    match &exchanger.addresses {
        Ok(answer) => {
            let ips: Vec<String> = answer.records.iter().map(ToString::to_string).collect();
            let text = format!("{} {name}: {}", exchanger.preference, ips.join(", "));
            findings.push(Finding::ok("mx.host", text));
        }
        Err(DnsError::Failed(why)) => {
            let text = format!("cannot find the addresses of {name}: {why}");
            findings.push(Finding::unknown("mx.address", text));
        }
        Err(error) => {
            let text = format!("{name} has no address: {}", error.words());
            let finding = Finding::failed("mx.address", text).with_section("RFC 5321 section 5.1");
            findings.push(finding.with_remedy("add an address record, or remove the MX record"));
        }
    }
    if exchanger.is_alias() {
        let target = exchanger
            .addresses
            .as_ref()
            .map_or("", |answer| &answer.owner);
        findings.push(
            Finding::failed(
                "mx.alias",
                format!("{name} is an alias (CNAME) of {target}"),
            )
            .with_section("RFC 2181 section 10.3")
            .with_remedy(format!("name {target} in the MX record")),
        );
    }
    for ip in exchanger.ips().iter().filter(|ip| !is_public(**ip)) {
        let text =
            format!("{name} has the address {ip}, which cannot be reached from the Internet");
        findings.push(Finding::warning("mx.private", text).with_section("RFC 6890 section 2.2"));
    }
    findings
}

/// False for addresses that are not routed (RFC 6890).
pub fn is_public(ip: IpAddr) -> bool {
    match ip.to_canonical() {
        IpAddr::V4(ip) => {
            let [a, b, ..] = ip.octets();
            let is_shared = a == 100 && (64..128).contains(&b);
            !(ip.is_private()
                || ip.is_loopback()
                || ip.is_link_local()
                || ip.is_unspecified()
                || ip.is_multicast()
                || is_shared
                || a >= 240
                || a == 0)
        }
        IpAddr::V6(ip) => {
            !(ip.is_loopback()
                || ip.is_unspecified()
                || ip.is_multicast()
                || ip.is_unique_local()
                || ip.is_unicast_link_local())
        }
    }
}

fn greetings(facts: &Facts, port: u16) -> Vec<Finding> {
    let mut findings = Vec::new();
    let (mut answers, mut silent) = (0, 0);
    for exchanger in &facts.exchangers {
        for session in &exchanger.sessions {
            let (name, ip) = (&exchanger.name, session.ip);
            let Some(probe) = session.answered() else {
                silent += 1;
                let probe = session.probe.as_ref();
                let why = probe.and_then(|probe| probe.failure.clone());
                let why = why.unwrap_or_else(|| "no answer within the time limit".to_owned());
                findings.push(Finding::unknown(
                    "mx.silent",
                    format!("{name} [{ip}] does not answer: {why}"),
                ));
                continue;
            };
            answers += 1;
            let last = probe
                .steps
                .iter()
                .map(|step| step.stage)
                .rfind(|stage| *stage != Stage::Quit);
            match &probe.failure {
                Some(why)
                    if matches!(last, Some(Stage::Banner | Stage::Ehlo))
                        && probe.in_clear.is_none() =>
                {
                    let text = format!("{name} [{ip}] accepts no session: {why}");
                    findings.push(
                        Finding::failed("mx.greeting", text).with_section("RFC 5321 section 3.1"),
                    );
                }
                _ => {
                    let greeting = probe.banner.first().map_or("", String::as_str);
                    findings.push(Finding::ok(
                        "mx.greeting",
                        format!("{name} [{ip}]: {greeting}"),
                    ));
                }
            }
        }
    }
    if answers == 0 && silent > 0 {
        let text =
            format!("nothing answers on port {port} of any exchanger: this network may block it");
        findings.push(Finding::unknown("mx.blocked", text));
    }
    findings
}
