//! The findings as JSON.

use crate::cli::layers::as_json;
use crate::cli::verify::Findings;
use crate::probe::dmarc::Disposition;
use crate::probe::verify::{ArcSet, SignatureReport};
use crate::system::exit::Exit;
use crate::system::text::json_for_terminal;
use serde_json::{Value, json};

/// One line. No character in it can control a terminal.
pub fn object(findings: &Findings, authentication_results: &str, exit: Exit) -> String {
    let report = &findings.report;
    let spf = report.spf.as_ref().map(|spf| {
        json!({
            "result": spf.verdict.result.name(),
            "ip": spf.ip.to_string(),
            "identity": if spf.is_of_sender { "mailfrom" } else { "helo" },
            "domain": spf.domain,
            "aligned": spf.is_aligned,
            "why": spf.verdict.why,
        })
    });
    let object = json!({
        "authentication_results": authentication_results,
        "dkim": report.signatures.iter().map(signature).collect::<Vec<_>>(),
        "spf": spf,
        "dmarc": {
            "result": report.dmarc.result.name(),
            "domain": report.author.as_ref().ok(),
            "policy": report.dmarc.policy.map(Disposition::name),
            "why": report.dmarc.why,
        },
        "arc": report.arc.iter().map(arc).collect::<Vec<_>>(),
        "layers": findings.layers.iter().map(as_json).collect::<Vec<_>>(),
        "exit": exit.code(),
    });
    json_for_terminal(&object.to_string())
}

fn signature(report: &SignatureReport) -> Value {
    let signature = report.signature.as_ref();
    json!({
        "result": report.verdict.result.name(),
        "domain": signature.map(|signature| &signature.domain),
        "selector": signature.map(|signature| &signature.selector),
        "algorithm": signature.map(|signature| &signature.algorithm),
        "aligned": report.is_aligned,
        "why": report.verdict.why,
    })
}

fn arc(set: &ArcSet) -> Value {
    json!({"instance": set.instance, "domain": set.domain, "cv": set.chain})
}
