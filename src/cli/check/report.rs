//! The report about a domain, as text and as JSON.

use crate::cli::terminal::wrapped;
use crate::probe::check::DomainReport;
use crate::probe::{ExpectationResult, Finding, Status};
use crate::system::exit::Exit;
use crate::system::text::shown;
use serde_json::{Value, json};

/// Widths of the columns, in characters.
const STATUS: usize = 9;
const ID: usize = 20;

/// Wrapped at this width.
pub fn text(report: &DomainReport, width: Option<usize>) -> String {
    let mut text = format!("{}:\n\n", shown(&report.domain));
    text.push_str(&findings(&report.findings, width));
    for one in &report.expected {
        let met = if one.met { "yes" } else { missed(one) };
        let line = format!(
            "{:<STATUS$}{}: {met} ({})\n",
            "expected",
            one.text,
            shown(&one.found)
        );
        text.push_str(&wrapped(&line, width, STATUS));
    }
    text
}

fn missed(one: &ExpectationResult) -> &'static str {
    if one.is_unknown() { "?" } else { "NO" }
}

/// A line for each finding, and one for its remedy.
pub fn findings(findings: &[Finding], width: Option<usize>) -> String {
    findings
        .iter()
        .map(|finding| wrapped(&lines(finding), width, STATUS + ID))
        .collect()
}

fn lines(finding: &Finding) -> String {
    let found = shown(&finding.text);
    let section = finding.section.map(|section| format!(" ({section})"));
    let section = section.unwrap_or_default();
    let mut lines = format!(
        "{:<STATUS$}{:<ID$}{found}{section}\n",
        finding.status.name(),
        finding.id
    );
    let shows_remedy = finding.status > Status::Note;
    if let Some(remedy) = finding.remedy_text().filter(|_| shows_remedy) {
        lines.push_str(&format!(
            "{}fix: {}\n",
            " ".repeat(STATUS + ID),
            shown(remedy)
        ));
    }
    lines
}

pub fn object(report: &DomainReport, exit: Exit) -> Value {
    let findings: Vec<Value> = report.findings.iter().map(finding_object).collect();
    let expected: Vec<Value> = report
        .expected
        .iter()
        .map(|one| json!({"expected": one.text, "met": one.met, "found": one.found}))
        .collect();
    json!({
        "domain": report.domain,
        "status": Status::of(report.health()).name(),
        "exit": exit.code(),
        "findings": findings,
        "expected": expected,
    })
}

fn finding_object(finding: &Finding) -> Value {
    let remedy = finding.remedy.as_ref();
    json!({
        "id": finding.id.0,
        "group": finding.id.group(),
        "status": finding.status.name(),
        "text": finding.text,
        "section": finding.section,
        "remedy": remedy.map(|remedy| json!({"kind": remedy.kind(), "text": remedy.text()})),
    })
}
