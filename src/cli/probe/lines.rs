//! A report for people: a label and a value on each line, and marks in colour.

use crate::cli::terminal::{Display, color_of, wrapped};
use crate::probe::{Finding, Status};
use crate::system::text::{in_color, shown};

/// Width of the column of labels.
pub const LABEL: usize = 12;

/// Collects lines.
#[derive(Default)]
pub struct Lines {
    lines: Vec<(&'static str, String, Option<Status>)>,
}

impl Lines {
    /// Adds a line. The label is printed once for consecutive lines.
    pub fn line(&mut self, label: &'static str, value: &str) {
        self.lines.push((label, shown(value), None));
    }

    /// Adds a line in the colour of a status.
    pub fn marked(&mut self, label: &'static str, value: &str, status: Status) {
        self.lines.push((label, shown(value), Some(status)));
    }

    /// Adds a line for each finding that deserves attention, the worst first.
    pub fn findings(&mut self, findings: &[Finding]) {
        let order = [
            Status::Failed,
            Status::Warning,
            Status::Unknown,
            Status::Note,
        ];
        for status in order {
            let label = match status {
                Status::Failed => "FAILED",
                other => other.name(),
            };
            for finding in findings.iter().filter(|finding| finding.status == status) {
                let section = finding.section.map(|section| format!(" ({section})"));
                let text = format!("{}{}", finding.text, section.unwrap_or_default());
                self.marked(label, &text, status);
            }
        }
    }

    /// The text. Control characters of values are escaped.
    pub fn text(&self, display: Display) -> String {
        let mut text = String::new();
        let mut last = "";
        for (label, value, status) in &self.lines {
            let printed = if last == *label { "" } else { label };
            last = label;
            let line = format!("{printed:<LABEL$}{value}");
            // A detail of the line above is indented, and the rest of a wrapped line twice as much.
            let depth = value.len() - value.trim_start().len();
            let line = wrapped(line.trim_end(), display.width, LABEL + 2 * depth);
            match status.and_then(color_of).filter(|_| display.colors) {
                Some(color) => text.push_str(&in_color(color, &line)),
                None => text.push_str(&line),
            }
            text.push('\n');
        }
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn findings_are_coloured_and_the_worst_is_first() {
        let mut lines = Lines::default();
        lines.line("server", "mx\x1b[2J");
        lines.findings(&[
            Finding::note("a", "small"),
            Finding::failed("b", "bad").with_section("RFC 1 section 2"),
            Finding::failed("b", "worse"),
        ]);
        let plain = "server      mx\\u{1b}[2J\nFAILED      bad (RFC 1 section 2)\n            worse\nnote        small\n";
        assert_eq!(lines.text(Display::default()), plain);
        let display = Display {
            width: None,
            colors: true,
        };
        let colored = lines.text(display);
        assert!(
            colored.contains("\x1b[31mFAILED      bad (RFC 1 section 2)\x1b[0m\n"),
            "{colored}"
        );
        assert!(colored.contains("\nnote        small\n"), "{colored}");
    }
}
