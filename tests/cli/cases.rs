//! The golden cases of `tests/cases/`: a command line, what is said on the wire, and what the caller
//! sees.
//!
//! ```text
//! # What this case is about.
//! $ ehlo -r 127.0.0.1:{port} -b 'hi' bob@x.org
//! --- stdin                     what comes through a pipe (optional)
//! --- file NAME                 a file in the directory of the run (optional)
//! --- dialogue
//! S: 220 hello                  the server's lines; neighbours go in one packet
//! C: EHLO me.example            the client's lines, with holes like {id}
//! S! close                      or reset, or hang
//! --- stdout
//! --- stderr
//! --- exit 0
//! ```
//!
//! Before the server speaks, the client must have said everything above, and nothing more.

use crate::pattern::fits;
use crate::program::{Ehlo, Run};
use crate::server::{Server, Talk};
use std::fs;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;

#[test]
fn every_golden_case_goes_as_it_is_written() {
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/cases");
    let mut failed = Vec::new();
    let mut played = 0;
    for entry in fs::read_dir(directory).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        if path.extension() != Some("case".as_ref()) {
            continue;
        }
        let case = Case::parse(&fs::read_to_string(&path).unwrap());
        if catch_unwind(AssertUnwindSafe(|| case.play())).is_err() {
            failed.push(name);
        }
        played += 1;
    }
    assert!(played > 0 && failed.is_empty(), "failed: {failed:?}");
}

/// What stands in a file.
#[derive(Debug, Default)]
struct Case {
    arguments: Vec<String>,
    stdin: Option<String>,
    files: Vec<(String, String)>,
    dialogue: Vec<Step>,
    stdout: Vec<String>,
    stderr: Vec<String>,
    exit: i32,
}

/// A step of the dialogue.
#[derive(Clone, Debug)]
enum Step {
    /// The server says these lines in one packet.
    Server(String),
    /// The client says a line that fits.
    Client(String),
    Close,
    Reset,
    Hang,
}

impl Case {
    fn parse(text: &str) -> Self {
        let mut case = Self::default();
        let mut sections = text.split("\n--- ");
        let command = sections.next().unwrap();
        let command = command
            .lines()
            .find_map(|line| line.strip_prefix("$ ehlo "));
        case.arguments = words(command.expect("a line with \"$ ehlo\""));
        for section in sections {
            let (title, content) = section.split_once('\n').unwrap_or((section, ""));
            let content = format!("{}\n", content.trim_end_matches('\n'));
            let lines = || content.trim_end().lines().map(str::to_owned).collect();
            match title.split_once(' ').unwrap_or((title, "")) {
                ("stdin", _) => case.stdin = Some(content),
                ("file", name) => case.files.push((name.to_owned(), content)),
                ("dialogue", _) => case.dialogue = dialogue(&content),
                ("stdout", _) => case.stdout = lines(),
                ("stderr", _) => case.stderr = lines(),
                ("exit", code) => case.exit = code.trim().parse().unwrap(),
                _ => panic!("what is \"--- {title}\"?"),
            }
        }
        case
    }

    fn play(&self) {
        let steps = self.dialogue.clone();
        let server = Server::start(move |talk| steps.iter().for_each(|step| step.play(talk)));
        let port = server.port.to_string();
        let filled = |text: &str| text.replace("{port}", &port);
        let mut program = Ehlo::new().args(self.arguments.iter().map(|word| filled(word)));
        for (name, content) in &self.files {
            program.file(name, content);
        }
        if let Some(text) = &self.stdin {
            program = program.input(text.as_str());
        }
        let run = program.run();
        server.finish();
        compare(&self.stdout, &run.stdout, &run, filled);
        compare(&self.stderr, &run.stderr, &run, filled);
        run.exits(self.exit);
    }
}

impl Step {
    fn play(&self, talk: &mut Talk) {
        match self {
            Self::Server(lines) => talk.say(lines),
            Self::Client(pattern) => {
                let line = talk.line();
                assert!(fits(pattern, &line), "C: {line}\nis not: {pattern}");
            }
            Self::Close => talk.close(),
            Self::Reset => talk.reset(),
            Self::Hang => talk.hang(),
        }
    }
}

fn compare(expected: &[String], got: &str, run: &Run, filled: impl Fn(&str) -> String) {
    let expected: Vec<String> = expected.iter().map(|line| filled(line)).collect();
    let got: Vec<&str> = got.lines().collect();
    for (at, (pattern, line)) in expected.iter().zip(&got).enumerate() {
        let number = at + 1;
        assert!(
            fits(pattern, line),
            "line {number}: {line}\nis not: {pattern}\n{run:#?}"
        );
    }
    assert_eq!(expected.len(), got.len(), "lines: {expected:#?}\n{run:#?}");
}

fn dialogue(text: &str) -> Vec<Step> {
    let mut steps: Vec<Step> = Vec::new();
    for line in text.lines().filter(|line| !line.is_empty()) {
        let (who, what) = line.split_once(' ').unwrap_or((line, ""));
        match (who, what, steps.last_mut()) {
            ("S:", line, Some(Step::Server(lines))) => lines.push_str(&format!("\n{line}")),
            ("S:", line, _) => steps.push(Step::Server(line.to_owned())),
            ("C:", line, _) => steps.push(Step::Client(line.to_owned())),
            ("S!", "close", _) => steps.push(Step::Close),
            ("S!", "reset", _) => steps.push(Step::Reset),
            ("S!", "hang", _) => steps.push(Step::Hang),
            _ => panic!("what is \"{line}\"?"),
        }
    }
    steps
}

/// A command line in words: blanks divide, '...' holds together.
fn words(line: &str) -> Vec<String> {
    let mut words = Vec::new();
    let mut word: Option<String> = None;
    let mut is_quoted = false;
    for character in line.chars() {
        match character {
            '\'' => {
                is_quoted = !is_quoted;
                word.get_or_insert_default();
            }
            ' ' if !is_quoted => words.extend(word.take()),
            other => word.get_or_insert_default().push(other),
        }
    }
    words.extend(word);
    words
}
