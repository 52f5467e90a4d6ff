//! The steps of a run: system calls that change something, or tell somebody.

use super::world::World;
use crate::parts;
use std::collections::BTreeMap;
use std::process::Command;

/// The calls that a step can be.
pub const CALLS: [&str; 17] = [
    "openat",
    "mkdirat",
    "mkdir",
    "write",
    "pwrite64",
    "sendto",
    "sendmsg",
    "connect",
    "renameat2",
    "renameat",
    "linkat",
    "unlinkat",
    "unlink",
    "ftruncate",
    "fsync",
    "fdatasync",
    "flock",
];

/// The so-many-th call of its kind.
#[derive(Debug)]
pub struct Step {
    call: String,
    number: usize,
}

impl Step {
    /// Killed before it is done.
    pub fn kill(&self) -> String {
        format!("inject={}:signal=KILL:when={}", self.call, self.number)
    }

    /// It is not done, for this reason.
    pub fn refuse(&self, error: &str) -> String {
        format!("inject={}:error={error}:when={}", self.call, self.number)
    }

    /// Whether a disk, or a full table of files, can refuse this call with this reason.
    pub fn may_fail_with(&self, error: &str) -> bool {
        match error {
            "EMFILE" => self.call == "openat",
            _ => matches!(
                self.call.as_str(),
                "openat"
                    | "mkdirat"
                    | "mkdir"
                    | "write"
                    | "pwrite64"
                    | "renameat2"
                    | "fsync"
                    | "fdatasync"
            ),
        }
    }
}

/// Whether strace is there and may be used.
pub fn can_be_seen() -> bool {
    parts::works(
        Command::new("strace").args(["-o", "/dev/null", "true"]),
        "strace",
    )
}

/// All calls of a run from the first that has to do with the queue, in their order.
pub fn trace<'w>(world: &'w World, what: &dyn Fn(&'w World) -> Command) -> Vec<String> {
    let file = world.path("trace");
    let calls = format!("trace={}", CALLS.join(","));
    let mut traced = Command::new("strace");
    traced.args([
        "-f",
        "-y",
        "-qq",
        "-s",
        "2000",
        "-e",
        &calls,
        "-e",
        "signal=none",
        "-o",
    ]);
    traced.arg(&file);
    let ran = World::under(traced, &what(world));
    // One of the recipients is refused.
    assert!(matches!(ran.code, Some(0 | 79)), "{ran:?}");
    let text = std::fs::read_to_string(file).unwrap();
    text.lines().map(str::to_owned).collect()
}

/// The steps from the first that has to do with the queue.
pub fn of<'w>(world: &'w World, what: &dyn Fn(&'w World) -> Command) -> Vec<Step> {
    let queue = world.path("queue");
    among(&trace(world, what), queue.to_str().unwrap())
}

/// The steps of a trace from the first line that has this path.
pub fn among(trace: &[String], begin: &str) -> Vec<Step> {
    let mut counts: BTreeMap<(String, String), usize> = BTreeMap::new();
    let mut steps: BTreeMap<(String, usize), bool> = BTreeMap::new();
    let mut begun = false;
    for line in trace {
        begun |= line.contains(begin);
        let mut words = line.split_whitespace();
        let (thread, rest) = (
            words.next().unwrap_or_default(),
            words.next().unwrap_or_default(),
        );
        // A call that another thread has interrupted is counted where it began.
        let Some((call, _)) = rest.split_once('(') else {
            continue;
        };
        let count = counts
            .entry((thread.to_owned(), call.to_owned()))
            .or_default();
        *count += 1;
        if begun {
            steps.insert((call.to_owned(), *count), true);
        }
    }
    let steps: Vec<Step> = steps
        .into_keys()
        .map(|(call, number)| Step { call, number })
        .collect();
    assert!(steps.len() > 5, "{steps:?}");
    steps
}
