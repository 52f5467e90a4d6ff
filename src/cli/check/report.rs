//! The report about a domain, as text and as JSON.

use crate::cli::terminal::{Display, color_of, wrapped};
use crate::probe::check::DomainReport;
use crate::probe::{ExpectationResult, Finding, Status};
use crate::system::exit::Exit;
use crate::system::text::{in_color, shown};
use serde_json::{Value, json};

/// Widths of the columns, in characters.
const STATUS: usize = 9;
const ID: usize = 20;

/// Wrapped at the width of the terminal.
pub fn text(report: &DomainReport, display: Display) -> String {
    let mut text = format!("{}:\n\n", shown(&report.domain));
    text.push_str(&findings(&report.findings, display));
    for one in &report.expected {
        let met = if one.met { "yes" } else { missed(one) };
        let line = format!(
            "{:<STATUS$}{}: {met} ({})\n",
            "expected",
            one.text,
            shown(&one.found)
        );
        text.push_str(&wrapped(&line, display.width, STATUS));
    }
    text
}

fn missed(one: &ExpectationResult) -> &'static str {
    if one.is_unknown() { "?" } else { "NO" }
}

/// A line for each finding, and one for its remedy. The status is in colour if it deserves attention.
fn findings(findings: &[Finding], display: Display) -> String {
    let of_one = |finding: &Finding| {
        let text = wrapped(&lines(finding), display.width, STATUS + ID);
        let name = finding.status.name();
        match color_of(finding.status).filter(|_| display.colors) {
            Some(color) => text.replacen(name, &in_color(color, name), 1),
            None => text,
        }
    };
    findings.iter().map(of_one).collect()
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
