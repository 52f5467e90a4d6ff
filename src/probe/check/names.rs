//! Names of addresses, DNS block lists and BIMI.

use crate::client::dns::DnsError;
use crate::mail::tag_list::TagList;
use crate::probe::Finding;
use crate::probe::check::dmarc::applied;
use crate::probe::check::facts::{AddressFacts, Facts, of_version};
use crate::probe::dmarc::Disposition;
use std::net::IpAddr;

/// Names of addresses. That of a sending host is required by many receivers; that of an exchanger is not.
pub fn ptr(facts: &Facts, client: Option<IpAddr>) -> Vec<Finding> {
    let of_one = |address: &AddressFacts| of_address(address, client == Some(address.ip));
    facts.addresses.iter().map(of_one).collect()
}

fn of_address(address: &AddressFacts, is_client: bool) -> Finding {
    let section = "RFC 1912 section 2.1";
    let AddressFacts { ip, host, .. } = address;
    let severe = |id, text: String| {
        if is_client {
            Finding::failed(id, text)
        } else {
            Finding::note(id, text)
        }
    };
    let names = match &address.names {
        Ok(answer) => answer.records.join(", "),
        Err(DnsError::Failed(why)) => {
            return Finding::unknown(
                "ptr.unanswered",
                format!("cannot find the name of {ip}: {why}"),
            );
        }
        Err(_) => {
            let text = format!("{ip} ({host}) has no name (PTR)");
            let finding = severe("ptr.missing", text).with_section(section);
            return finding
                .with_remedy("ask the operator of the network to set the name of the address");
        }
    };
    match address.confirmed.first() {
        Some(name) => Finding::ok(
            "ptr.confirmed",
            format!("{ip} is {name}, which has that address"),
        ),
        None => severe(
            "ptr.unconfirmed",
            format!("{ip} ({host}) has the name {names}, which does not have that address"),
        )
        .with_remedy(format!(
            "add an address record: {}. IN {} {ip}",
            names.split(',').next().unwrap_or_default(),
            if ip.is_ipv4() { "A" } else { "AAAA" }
        )),
    }
    .with_section(section)
}

pub fn dnsbl(facts: &Facts) -> Vec<Finding> {
    let lists = facts
        .addresses
        .iter()
        .flat_map(|address| address.lists.iter().map(move |list| (address, list)));
    lists
        .map(|(address, (zone, answer))| {
            let ip = address.ip;
            match answer {
                Ok(answer) => listed(ip, zone, &answer.records),
                Err(DnsError::Failed(why)) => Finding::unknown(
                    "dnsbl.unanswered",
                    format!("cannot ask {zone} about {ip}: {why}"),
                ),
                Err(_) => Finding::ok("dnsbl.clear", format!("{ip} is not in {zone}")),
            }
            .with_section("RFC 5782 section 2")
        })
        .collect()
}

fn listed(ip: IpAddr, zone: &str, codes: &[IpAddr]) -> Finding {
    let is_refusal =
        |code: &IpAddr| matches!(code, IpAddr::V4(code) if code.octets()[..3] == [127, 255, 255]);
    let is_code = |code: &IpAddr| matches!(code, IpAddr::V4(code) if code.octets()[0] == 127);
    let shown: Vec<String> = codes.iter().map(ToString::to_string).collect();
    let shown = shown.join(", ");
    if codes.iter().any(is_refusal) {
        let text =
            format!("{zone} refuses the question ({shown}), as it does for public resolvers");
        return Finding::unknown("dnsbl.refused", text);
    }
    if !codes.iter().any(is_code) {
        let text = format!("{zone} answered with {shown}, which is not a code of a list");
        return Finding::unknown("dnsbl.invalid", text);
    }
    Finding::failed("dnsbl.listed", format!("{ip} is in {zone} ({shown})")).with_remedy(format!(
        "ask the operator of {zone} for the reason and the removal"
    ))
}

pub fn bimi(facts: &Facts) -> Vec<Finding> {
    let owner = format!("default._bimi.{}", facts.domain);
    let section = "draft-brand-indicators-for-message-identification";
    let texts = match &facts.bimi {
        Ok(answer) => &answer.records,
        Err(DnsError::Failed(why)) => {
            return vec![Finding::unknown(
                "bimi.unanswered",
                format!("cannot find the TXT record of {owner}: {why}"),
            )];
        }
        Err(_) => &Vec::new(),
    };
    let records = of_version(texts, "BIMI1");
    let record = match records.as_slice() {
        [] => {
            return vec![
                Finding::note("bimi.missing", format!("there is no record at {owner}"))
                    .with_section(section),
            ];
        }
        [one] => one,
        several => {
            let text = format!("{owner} has {} records", several.len());
            return vec![Finding::failed("bimi.several", text).with_section(section)];
        }
    };
    let mut findings = vec![bimi_record(record).with_section(section)];
    if applied(facts).is_none_or(|policy| policy == Disposition::None) {
        let text = "the logo is not shown, because the DMARC policy is not quarantine or reject";
        findings.push(Finding::warning("bimi.dmarc", text).with_section(section));
    }
    findings
}

/// Nothing is fetched.
fn bimi_record(record: &str) -> Finding {
    let Ok(tags) = TagList::parse(record) else {
        return Finding::failed(
            "bimi.record",
            format!("the record is not a list of tags: \"{record}\""),
        );
    };
    let is_https = |uri: &str| uri.to_ascii_lowercase().starts_with("https://");
    let authority = tags.get("a").filter(|uri| !uri.is_empty());
    match tags.get("l") {
        None => Finding::failed("bimi.record", format!("the record has no l=: \"{record}\"")),
        Some("") if authority.is_none() => {
            Finding::note("bimi.record", "the domain has no logo (l= is empty)")
        }
        Some(uri) if !uri.is_empty() && !is_https(uri) => {
            Finding::failed("bimi.record", format!("its l= is not an https: URI: {uri}"))
        }
        _ if authority.is_some_and(|uri| !is_https(uri)) => Finding::failed(
            "bimi.record",
            format!(
                "its a= is not an https: URI: {}",
                authority.unwrap_or_default()
            ),
        ),
        Some(_) if authority.is_none() => Finding::note(
            "bimi.record",
            "the record has no certificate (a=), which many receivers require",
        ),
        Some(uri) => Finding::ok("bimi.record", format!("the logo is {uri}")),
    }
}
