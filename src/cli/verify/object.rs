//! The results as JSON.

use crate::probe::dmarc::Disposition;
use crate::probe::verify::{ArcSet, MessageReport, SignatureReport, SpfReport};
use crate::system::exit::Exit;
use serde_json::{Value, json};

/// The object of a message. `field`: `Authentication-Results`.
pub fn object(report: &MessageReport, field: &str, exit: Exit) -> Value {
    let dmarc = &report.dmarc;
    json!({
        "author": report.author.as_ref().ok(),
        "dkim": report.signatures.iter().map(dkim).collect::<Vec<_>>(),
        "spf": report.spf.as_ref().map(spf),
        "dmarc": {
            "result": dmarc.result.name(),
            "reason": dmarc.why,
            "policy": dmarc.policy.map(Disposition::name),
            "domain": dmarc.owner,
        },
        "arc": report.arc.iter().map(arc).collect::<Vec<_>>(),
        "field": field,
        "exit": exit.code(),
    })
}

fn dkim(report: &SignatureReport) -> Value {
    let signature = report.signature.as_ref();
    json!({
        "result": report.verdict.result.name(),
        "reason": report.verdict.why,
        "aligned": report.is_aligned,
        "domain": signature.map(|signature| &signature.domain),
        "selector": signature.map(|signature| &signature.selector),
        "algorithm": signature.map(|signature| &signature.algorithm),
        "tag": signature.map(|signature| &signature.tag),
    })
}

fn spf(report: &SpfReport) -> Value {
    json!({
        "result": report.verdict.result.name(),
        "reason": report.verdict.why,
        "aligned": report.is_aligned,
        "ip": report.ip.to_string(),
        "domain": report.domain,
        "identity": if report.is_of_sender { "mailfrom" } else { "helo" },
    })
}

fn arc(set: &ArcSet) -> Value {
    json!({"instance": set.instance, "domain": set.domain, "cv": set.chain})
}
