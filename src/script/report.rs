//! Test results for programs: TAP and `JUnit`.

use crate::script::record::SessionLine;
use crate::script::statement::ScriptPosition;
use crate::system::exit::Exit;
use crate::system::figures::counted;
use std::fmt::Write as _;
use std::time::Duration;

/// The result of a test.
#[derive(Debug)]
pub struct FinishedTest {
    pub file: String,
    pub name: String,
    pub ending: TestEnding,
    pub took: Duration,
    /// The last lines of the session.
    pub lines: Vec<SessionLine>,
}

/// The end of a test.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TestEnding {
    /// The server behaves as expected.
    Passed,
    /// The server does not support the subject of the test; with the position that showed it.
    Skipped(ScriptPosition, String),
    /// The server behaved differently.
    Differed(ScriptPosition, Difference),
    /// The test could not be run.
    Failed {
        at: ScriptPosition,
        why: String,
        /// The exit status: part of the result, because the first failure of a run decides the one of all tests.
        exit: Exit,
    },
}

/// The expected and the actual behavior of a server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Difference {
    pub expected: String,
    /// The actual behavior, as a sentence without a period.
    pub actual: String,
}

impl std::fmt::Display for Difference {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "expected {}, but {}", self.expected, self.actual)
    }
}

impl TestEnding {
    /// Position and reason; `None`: passed.
    pub fn words(&self) -> Option<String> {
        match self {
            Self::Passed => None,
            Self::Skipped(at, why) | Self::Failed { at, why, .. } => Some(format!("{at}: {why}")),
            Self::Differed(at, difference) => Some(format!("{at}: {difference}")),
        }
    }

    /// The exit status for it.
    pub fn exit(&self) -> Exit {
        match self {
            Self::Passed | Self::Skipped(..) => Exit::Ok,
            Self::Differed(..) => Exit::ExpectationFailed,
            Self::Failed { exit, .. } => *exit,
        }
    }
}

/// The exit status of all tests: a test that failed takes precedence over one that could not be run.
pub fn exit(all: &[FinishedTest]) -> Exit {
    let mut exits = all.iter().map(|finished| finished.ending.exit());
    let first = exits.clone().find(|&exit| exit != Exit::Ok);
    if exits.any(|exit| exit == Exit::ExpectationFailed) {
        return Exit::ExpectationFailed;
    }
    first.unwrap_or(Exit::Ok)
}

/// The number of tests for each result, in words.
pub fn summary(all: &[FinishedTest]) -> String {
    let of = |is: fn(&TestEnding) -> bool| all.iter().filter(|one| is(&one.ending)).count();
    let counts = [
        (of(|ending| matches!(ending, TestEnding::Passed)), "passed"),
        (
            of(|ending| matches!(ending, TestEnding::Differed(..))),
            "failed",
        ),
        (
            of(|ending| matches!(ending, TestEnding::Failed { .. })),
            "not run",
        ),
        (
            of(|ending| matches!(ending, TestEnding::Skipped(..))),
            "skipped",
        ),
    ];
    let parts = counts.iter().filter(|(count, _)| *count > 0);
    let parts: Vec<String> = parts
        .map(|(count, word)| format!("{count} {word}"))
        .collect();
    let tests = counted(all.len() as u64, "test");
    format!("{tests}: {}", parts.join(", "))
}

/// The first lines of TAP.
pub fn tap_plan(count: usize) -> String {
    format!("TAP version 13\n1..{count}\n")
}

/// The lines of one test; `number` is from 1.
pub fn tap(number: usize, finished: &FinishedTest) -> String {
    let name = finished.name.replace('\\', "\\\\").replace('#', "\\#");
    let words = finished.ending.words().unwrap_or_default();
    match &finished.ending {
        TestEnding::Passed => format!("ok {number} - {name}\n"),
        TestEnding::Skipped(..) => format!("ok {number} - {name} # SKIP {words}\n"),
        TestEnding::Differed(..) | TestEnding::Failed { .. } => {
            let message = serde_json::Value::from(words);
            format!("not ok {number} - {name}\n  ---\n  message: {message}\n  ...\n")
        }
    }
}

/// All tests as `JUnit`'s XML.
pub fn junit(all: &[FinishedTest]) -> String {
    let mut xml = String::from("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<testsuites>\n");
    let mut rest = all;
    while let Some(first) = rest.first() {
        let end = rest.iter().position(|one| one.file != first.file);
        let (suite, others) = rest.split_at(end.unwrap_or(rest.len()));
        add_suite(&mut xml, suite);
        rest = others;
    }
    xml.push_str("</testsuites>\n");
    xml
}

fn add_suite(xml: &mut String, suite: &[FinishedTest]) {
    let of = |is: fn(&TestEnding) -> bool| suite.iter().filter(|one| is(&one.ending)).count();
    let time: f64 = suite.iter().map(|one| one.took.as_secs_f64()).sum();
    let file = suite.first().map_or("", |first| &first.file);
    let _ = writeln!(
        xml,
        "  <testsuite name=\"{}\" tests=\"{}\" failures=\"{}\" errors=\"{}\" skipped=\"{}\" time=\"{time:.3}\">",
        attribute(file),
        suite.len(),
        of(|ending| matches!(ending, TestEnding::Differed(..))),
        of(|ending| matches!(ending, TestEnding::Failed { .. })),
        of(|ending| matches!(ending, TestEnding::Skipped(..))),
    );
    for one in suite {
        add_case(xml, one);
    }
    xml.push_str("  </testsuite>\n");
}

fn add_case(xml: &mut String, one: &FinishedTest) {
    let (name, file) = (attribute(&one.name), attribute(&one.file));
    let time = one.took.as_secs_f64();
    let _ = write!(
        xml,
        "    <testcase name=\"{name}\" classname=\"{file}\" time=\"{time:.3}\""
    );
    let words = attribute(&one.ending.words().unwrap_or_default());
    let (element, kind) = match one.ending {
        TestEnding::Passed => return xml.push_str("/>\n"),
        TestEnding::Skipped(..) => {
            let _ = writeln!(xml, "><skipped message=\"{words}\"/></testcase>");
            return;
        }
        TestEnding::Differed(..) => ("failure", "differed"),
        TestEnding::Failed { .. } => ("error", "not run"),
    };
    let lines: Vec<String> = one.lines.iter().map(SessionLine::to_string).collect();
    let _ = writeln!(
        xml,
        ">\n      <{element} message=\"{words}\" type=\"{kind}\">{}</{element}>\n    </testcase>",
        attribute(&lines.join("\n")).replace("&#10;", "\n")
    );
}

/// Escapes a text for an attribute.
fn attribute(text: &str) -> String {
    let mut safe = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => safe.push_str("&amp;"),
            '<' => safe.push_str("&lt;"),
            '>' => safe.push_str("&gt;"),
            '"' => safe.push_str("&quot;"),
            '\n' => safe.push_str("&#10;"),
            // XML cannot represent most of them.
            c if c.is_control() || matches!(c, '\u{fffe}' | '\u{ffff}') => {
                safe.extend(c.escape_unicode());
            }
            c => safe.push(c),
        }
    }
    safe
}

#[cfg(test)]
mod tests {
    use super::*;

    fn finished(name: &str, ending: TestEnding) -> FinishedTest {
        FinishedTest {
            file: "a&b.ehlo".to_owned(),
            name: name.to_owned(),
            ending,
            took: Duration::from_millis(1500),
            lines: vec![
                SessionLine::Sent("MAIL FROM:<>".to_owned()),
                SessionLine::Line("550 \x1b no".to_owned()),
            ],
        }
    }

    fn all() -> Vec<FinishedTest> {
        let at = ScriptPosition {
            file: "a&b.ehlo".into(),
            line: 7,
        };
        let difference = Difference {
            expected: "250".to_owned(),
            actual: "the server sent \"550 <no>\"".to_owned(),
        };
        let why = "cannot connect".to_owned();
        let exit = Exit::Temporary;
        vec![
            finished("good # 1", TestEnding::Passed),
            finished(
                "none",
                TestEnding::Skipped(at.clone(), "condition not met: has DSN".to_owned()),
            ),
            finished(
                "lost",
                TestEnding::Failed {
                    at: at.clone(),
                    why,
                    exit,
                },
            ),
            finished("bad", TestEnding::Differed(at, difference)),
        ]
    }

    #[test]
    fn a_failed_test_takes_precedence_over_one_that_could_not_run() {
        let all = all();
        assert_eq!(exit(&all), Exit::ExpectationFailed);
        assert_eq!(exit(&all[..3]), Exit::Temporary);
        assert_eq!(exit(&all[..2]), Exit::Ok);
        assert_eq!(
            summary(&all),
            "4 tests: 1 passed, 1 failed, 1 not run, 1 skipped"
        );
        assert_eq!(summary(&all[..1]), "1 test: 1 passed");
    }

    #[test]
    fn tap_output_escapes_number_signs_and_reports_skips() {
        let lines: String = all()
            .iter()
            .enumerate()
            .map(|(at, one)| tap(at + 1, one))
            .collect();
        assert_eq!(
            tap_plan(4) + &lines,
            "TAP version 13\n1..4\n\
             ok 1 - good \\# 1\n\
             ok 2 - none # SKIP a&b.ehlo:7: condition not met: has DSN\n\
             not ok 3 - lost\n  ---\n  message: \"a&b.ehlo:7: cannot connect\"\n  ...\n\
             not ok 4 - bad\n  ---\n  message: \"a&b.ehlo:7: expected 250, but the server sent \\\"550 <no>\\\"\"\n  ...\n"
        );
    }

    #[test]
    fn junit_escapes_characters_that_xml_does_not_allow() {
        let xml = junit(&all());
        assert!(xml.contains(
            "  <testsuite name=\"a&amp;b.ehlo\" tests=\"4\" failures=\"1\" errors=\"1\" skipped=\"1\" time=\"6.000\">\n"
        ));
        assert!(
            xml.contains("<testcase name=\"good # 1\" classname=\"a&amp;b.ehlo\" time=\"1.500\"/>")
        );
        assert!(xml.contains(
            "<failure message=\"a&amp;b.ehlo:7: expected 250, but the server sent &quot;550 &lt;no&gt;&quot;\" type=\"differed\">\
             &gt;&gt;&gt; MAIL FROM:&lt;&gt;\n550 \\u{1b} no</failure>"
        ), "{xml}");
    }
}
