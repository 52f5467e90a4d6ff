//! A merge that is killed, or whose disk fails, at each step from the creation of its journal: the next run continues it, no row
//! is lost, and none arrives twice. A row whose end of data has no recorded reply is reported as uncertain.

use super::receiver::Receiver;
use super::steps::{self, Step};
use super::world::{Ran, World, ended};
use serde_json::Value;
use std::fs;
use std::process::Command;
use tempfile::TempDir;

const ROWS: [&str; 3] = [
    "bob@hamburger.edu",
    "nobody@hamburger.edu",
    "carol@hamburger.edu",
];

/// A list, and a receiver that refuses one of its rows.
struct Merge {
    directory: TempDir,
    receiver: Receiver,
}

impl Merge {
    fn new() -> Self {
        let directory = tempfile::tempdir().unwrap();
        let list = ROWS.map(|row| format!("{row}\n")).concat();
        fs::write(directory.path().join("list.csv"), format!("email\n{list}")).unwrap();
        let template =
            "TO: {{email}}\nFROM: alice@crepes.fr\nSUBJECT: Ketchup\n\nDo you like it?\n";
        fs::write(directory.path().join("letter.txt"), template).unwrap();
        Self {
            directory,
            receiver: Receiver::start(),
        }
    }

    fn path(&self, name: &str) -> String {
        let path = self.directory.path().join(name);
        path.to_str().unwrap().to_owned()
    }

    fn command(&self) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_ehlo"));
        let relay = format!("127.0.0.1:{}", self.receiver.port);
        command.args(["merge", &self.path("list.csv")]);
        command.args(["--template", &self.path("letter.txt")]);
        command.args(["--relay", &relay, "--tls", "off", "--helo", "crepes.fr"]);
        command.args(["--connections", "1", "--back-off", "10ms"]);
        command
    }

    /// The IDs of the uncertain rows.
    fn uncertain(&self) -> Vec<String> {
        let mut command = Command::new(env!("CARGO_BIN_EXE_ehlo"));
        command.args(["merge", "status", "--json", &self.path("list.csv.merge")]);
        let output = command.output().unwrap();
        let status: Value = serde_json::from_slice(&output.stdout).unwrap();
        let rows = status["uncertain_rows"].as_array().unwrap().iter();
        rows.map(|row| row["id"].as_str().unwrap().to_owned())
            .collect()
    }

    /// Continues the run, which must then be complete.
    #[track_caller]
    fn continues(&self, step: &Step) {
        let ran = ended(self.command());
        assert_eq!(ran.code, Some(79), "{step:?}: {ran:?}");
        let uncertain = self.uncertain();
        for row in ROWS {
            let count = self.receiver.count(row);
            let is_right = match count {
                0 => row.starts_with("nobody") || uncertain.contains(&row.to_owned()),
                1 => true,
                _ => false,
            };
            assert!(
                is_right,
                "{step:?}: {row} {count} times, {uncertain:?}, {ran:?}"
            );
        }
        assert!(uncertain.len() <= 1, "{step:?}: {uncertain:?}");
    }
}

/// The steps from the creation of the journal.
fn steps_of_a_merge() -> Vec<Step> {
    let merge = Merge::new();
    let trace = merge.directory.path().join("trace");
    let mut traced = Command::new("strace");
    let calls = format!("trace={}", steps::CALLS.join(","));
    traced.args([
        "-f",
        "-y",
        "-qq",
        "-s",
        "200",
        "-e",
        &calls,
        "-e",
        "signal=none",
        "-o",
    ]);
    let ran = World::under(
        {
            traced.arg(&trace);
            traced
        },
        &merge.command(),
    );
    assert_eq!(ran.code, Some(79), "{ran:?}");
    let text = fs::read_to_string(trace).unwrap();
    let lines: Vec<String> = text.lines().map(str::to_owned).collect();
    steps::among(&lines, "list.csv.merge")
}

#[test]
fn merge_that_is_killed_at_any_step_goes_on_and_no_row_is_lost_or_doubled() {
    if !steps::can_be_seen() {
        return;
    }
    for step in steps_of_a_merge() {
        let merge = Merge::new();
        World::strace(&step.kill(), &merge.command());
        merge.continues(&step);
    }
}

#[test]
fn merge_whose_disk_fails_at_any_step_says_so_and_goes_on_later() {
    if !steps::can_be_seen() {
        return;
    }
    for step in steps_of_a_merge() {
        for error in ["ENOSPC", "EIO"] {
            if !step.may_fail_with(error) {
                continue;
            }
            let merge = Merge::new();
            let Ran { code, said, .. } = World::strace(&step.refuse(error), &merge.command());
            // 73, 74: the journal; 66: the list; 71: the system; 75: the server; 79: a record of a reply is missing.
            let is_known = matches!(code, Some(66 | 71 | 73 | 74 | 75 | 77 | 79));
            assert!(is_known, "{step:?} {error}: {code:?} {said}");
            merge.continues(&step);
        }
    }
}
