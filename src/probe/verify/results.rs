//! The header field `Authentication-Results` (RFC 8601).

use crate::mail::dkim::DkimResult;
use crate::probe::verify::{MessageReport, SignatureReport, SpfReport};

/// The field, with the name of the host that has verified the message.
pub fn authentication_results(report: &MessageReport, host: &str) -> String {
    let mut results = Vec::new();
    results.extend(report.signatures.iter().map(dkim));
    if report.signatures.is_empty() {
        results.push("dkim=none".to_owned());
    }
    results.extend(report.spf.iter().map(spf));
    let dmarc = &report.dmarc;
    let policy = dmarc.policy.map(|policy| format!(" (p={})", policy.name()));
    let from = report
        .author
        .as_ref()
        .ok()
        .map(|author| format!(" header.from={}", value(author)));
    results.push(format!(
        "dmarc={}{}{}",
        dmarc.result.name(),
        policy.unwrap_or_default(),
        from.unwrap_or_default()
    ));
    format!(
        "Authentication-Results: {};\n    {}",
        value(host),
        results.join(";\n    ")
    )
}

fn dkim(report: &SignatureReport) -> String {
    let mut text = format!("dkim={}", report.verdict.result.name());
    if report.verdict.result != DkimResult::Pass {
        text.push_str(&format!(" reason={}", quoted(&report.verdict.why)));
    }
    if let Some(signature) = &report.signature {
        text.push_str(&format!(
            " header.d={} header.s={} header.a={} header.b={}",
            value(&signature.domain),
            value(&signature.selector),
            value(&signature.algorithm),
            value(&signature.tag)
        ));
    }
    text
}

fn spf(report: &SpfReport) -> String {
    let property = if report.is_of_sender {
        "smtp.mailfrom"
    } else {
        "smtp.helo"
    };
    let result = report.verdict.result.name();
    format!("spf={result} {property}={}", value(&report.domain))
}

/// A token (RFC 2045 §5.1), or a quoted string.
fn value(text: &str) -> String {
    let is_token = |byte: u8| byte.is_ascii_graphic() && !b"()<>@,;:\\\"/[]?=".contains(&byte);
    if !text.is_empty() && text.bytes().all(is_token) {
        return text.to_owned();
    }
    quoted(text)
}

/// What is not printable is replaced.
fn quoted(text: &str) -> String {
    let mut out = String::from("\"");
    for character in text.chars() {
        match character {
            '"' | '\\' => out.extend(['\\', character]),
            ' '..='~' => out.push(character),
            _ => out.push('?'),
        }
    }
    out + "\""
}

#[cfg(test)]
mod unit {
    use super::*;

    #[test]
    fn values_that_are_not_tokens_are_quoted() {
        assert_eq!(value("example.org"), "example.org");
        assert_eq!(value("a/b=="), "\"a/b==\"");
        assert_eq!(value("a\"b\\\r\n\u{1b}[31m"), "\"a\\\"b\\\\???[31m\"");
        assert_eq!(value(""), "\"\"");
    }
}
