//! SPF records (RFC 7208).

use crate::probe::check::facts::Facts;
use crate::probe::spf::{
    MAX_LOOKUPS, MAX_NAMES, MAX_VOIDS, Mechanism, Qualifier, SpfFault, SpfNode, SpfRecord,
    SpfResult, SpfTree, SpfUse,
};
use crate::probe::{Finding, Status};
use std::net::IpAddr;

/// Length above which an answer may not fit into a packet together with other TXT records (RFC 7208 §3.4).
const LONG: usize = 450;

pub fn findings(facts: &Facts, client: Option<IpAddr>) -> Vec<Finding> {
    let Some(tree) = &facts.spf else {
        return vec![Finding::unknown(
            "spf.unanswered",
            "the records were not read within the time limit",
        )];
    };
    let mut findings = of_tree(tree, &facts.domain);
    if let Some((ip, verdict)) = client.zip(facts.spf_verdict.as_ref()) {
        let text = format!("{ip} gets {}: {}", verdict.result.name(), verdict.why);
        let status = match verdict.result {
            SpfResult::Pass => Status::Ok,
            SpfResult::TempError => Status::Unknown,
            SpfResult::None | SpfResult::Neutral | SpfResult::SoftFail => Status::Warning,
            SpfResult::Fail | SpfResult::PermError => Status::Failed,
        };
        findings
            .push(Finding::new("spf.client", status, text).with_section("RFC 7208 section 2.6"));
    }
    findings
}

/// Findings about the record of a domain and all that it uses.
pub fn of_tree(tree: &SpfTree, domain: &str) -> Vec<Finding> {
    let Some(root) = tree.root() else {
        return Vec::new();
    };
    let record = match &root.record {
        Ok(record) => record,
        Err(fault) => return vec![of_root(fault, root, domain)],
    };
    let mut findings =
        vec![Finding::ok("spf.record", root.text.clone()).with_section("RFC 7208 section 4.5")];
    for (at, node) in tree.nodes.iter().enumerate().skip(1) {
        if let Err(fault) = &node.record {
            findings.push(of_used(fault, tree, at));
        }
    }
    findings.extend(limits(tree));
    findings.extend(policy(record, tree));
    findings.extend(tree.nodes.iter().flat_map(style));
    findings
}

fn of_root(fault: &SpfFault, root: &SpfNode, domain: &str) -> Finding {
    match fault {
        SpfFault::Missing | SpfFault::Loop => {
            Finding::warning("spf.missing", format!("{domain} has no SPF record"))
                .with_section("RFC 7208 section 3")
                .with_record(format!("{domain}. IN TXT \"v=spf1 mx -all\""))
        }
        SpfFault::Several(count) => Finding::failed(
            "spf.several",
            format!("{domain} has {count} SPF records, which is an error"),
        )
        .with_section("RFC 7208 section 4.5")
        .with_remedy("merge them into one record"),
        SpfFault::Syntax(why) => Finding::failed(
            "spf.syntax",
            format!("the record is not valid: {why}: \"{}\"", root.text),
        )
        .with_section("RFC 7208 section 4.6"),
        SpfFault::Unanswered(why) => Finding::unknown(
            "spf.unanswered",
            format!("cannot find the TXT records of {domain}: {why}"),
        ),
    }
}

fn of_used(fault: &SpfFault, tree: &SpfTree, at: usize) -> Finding {
    let path = tree.path(at).join(" -> ");
    let is_redirect = matches!(tree.nodes[at].used_by, SpfUse::Redirect(_));
    let used = if is_redirect { "redirect" } else { "include" };
    match fault {
        SpfFault::Missing => {
            let section = if is_redirect {
                "RFC 7208 section 6.1"
            } else {
                "RFC 7208 section 5.2"
            };
            Finding::failed(
                "spf.include",
                format!("{used} of a domain without an SPF record: {path}"),
            )
            .with_section(section)
            .with_remedy(format!("remove that {used}"))
        }
        SpfFault::Loop => Finding::failed(
            "spf.loop",
            format!("the records include each other: {path}"),
        )
        .with_section("RFC 7208 section 4.6.4"),
        SpfFault::Several(count) => Finding::failed(
            "spf.include",
            format!("{used} of a domain with {count} SPF records: {path}"),
        )
        .with_section("RFC 7208 section 4.5"),
        SpfFault::Syntax(why) => Finding::failed(
            "spf.include",
            format!("the record at the end of {path} is not valid: {why}"),
        )
        .with_section("RFC 7208 section 4.6"),
        SpfFault::Unanswered(why) => {
            Finding::unknown("spf.unanswered", format!("cannot read {path}: {why}"))
        }
    }
}

fn limits(tree: &SpfTree) -> Vec<Finding> {
    let section = "RFC 7208 section 4.6.4";
    let mut findings = Vec::new();
    let least = if tree.is_cut || !tree.variable.is_empty() {
        "at least "
    } else {
        ""
    };
    let text = format!(
        "it needs {least}{} of {MAX_LOOKUPS} DNS lookups",
        tree.lookups
    );
    findings.push(if tree.lookups > MAX_LOOKUPS {
        Finding::failed("spf.lookups", text)
            .with_section(section)
            .with_remedy("remove includes that are not needed, or replace them by ip4 and ip6")
    } else {
        Finding::ok("spf.lookups", text).with_section(section)
    });
    if !tree.voids.is_empty() {
        let names = some(&tree.voids);
        let text = format!("{} lookups find nothing: {names}", tree.voids.len());
        let finding = if tree.voids.len() > MAX_VOIDS {
            Finding::failed("spf.voids", text)
        } else {
            Finding::warning("spf.voids", text)
        };
        findings.push(
            finding
                .with_section(section)
                .with_remedy("remove the terms with these names"),
        );
    }
    for name in &tree.crowded {
        let text = format!("mx:{name} has more than {MAX_NAMES} exchangers");
        findings.push(Finding::failed("spf.mx", text).with_section(section));
    }
    for (name, why) in &tree.unanswered {
        findings.push(Finding::unknown(
            "spf.unanswered",
            format!("cannot look up {name}: {why}"),
        ));
    }
    if !tree.variable.is_empty() {
        let text = format!(
            "what these terms find depends on the message: {}",
            some(&tree.variable)
        );
        findings.push(Finding::note("spf.macros", text).with_section("RFC 7208 section 7"));
    }
    findings
}

/// The first of many.
fn some(all: &[String]) -> String {
    const SHOWN: usize = 5;
    let first = all[..all.len().min(SHOWN)].join(", ");
    match all.len().saturating_sub(SHOWN) {
        0 => first,
        more => format!("{first} and {more} more"),
    }
}

/// What happens to other clients. A redirect has its own `all`.
fn policy(record: &SpfRecord, tree: &SpfTree) -> Option<Finding> {
    let section = "RFC 7208 section 5.1";
    let mut record = record;
    let mut at = 0;
    while record.effective_redirect().is_some() {
        let is_next = |node: &SpfNode| node.used_by == SpfUse::Redirect(at);
        at = tree.nodes.iter().position(is_next)?;
        record = tree.nodes[at].record.as_ref().ok()?;
    }
    let advice = "end the record with -all, or with ~all while senders are still being found";
    Some(match record.all().map(|term| term.qualifier) {
        Some(Qualifier::Fail) => {
            Finding::ok("spf.all", "other hosts get fail (-all)").with_section(section)
        }
        Some(Qualifier::SoftFail) => {
            Finding::ok("spf.all", "other hosts get softfail (~all)").with_section(section)
        }
        Some(Qualifier::Neutral) => Finding::warning(
            "spf.all",
            "other hosts get neutral (?all), as without a record",
        )
        .with_section(section)
        .with_remedy(advice),
        Some(Qualifier::Pass) => {
            Finding::failed("spf.all", "any host may send mail of the domain (+all)")
                .with_section(section)
                .with_remedy(advice)
        }
        None => Finding::warning(
            "spf.all",
            "the record has no all, so that other hosts get neutral",
        )
        .with_section("RFC 7208 section 4.7")
        .with_remedy(advice),
    })
}

/// What works, but should be done otherwise.
fn style(node: &SpfNode) -> Vec<Finding> {
    let Ok(record) = &node.record else {
        return Vec::new();
    };
    let domain = &node.domain;
    let mut findings = Vec::new();
    if record
        .reachable()
        .iter()
        .any(|term| matches!(term.mechanism, Mechanism::Ptr(_)))
    {
        let text = format!("{domain} uses ptr, which is slow and should not be used");
        findings.push(Finding::warning("spf.ptr", text).with_section("RFC 7208 section 5.5"));
    }
    let unreachable = record.terms.len() - record.reachable().len();
    if unreachable > 0 {
        let text = format!("{domain} has {unreachable} terms after all, which are ignored");
        findings.push(Finding::warning("spf.after-all", text).with_section("RFC 7208 section 5.1"));
    }
    if record.redirect.is_some() && record.effective_redirect().is_none() {
        let text = format!("{domain} has all and redirect, which is ignored");
        findings.push(Finding::warning("spf.redirect", text).with_section("RFC 7208 section 6.1"));
    }
    if node.text.len() > LONG {
        let text = format!(
            "the record of {domain} has {} octets, more than {LONG}",
            node.text.len()
        );
        findings.push(Finding::note("spf.length", text).with_section("RFC 7208 section 3.4"));
    }
    findings
}
