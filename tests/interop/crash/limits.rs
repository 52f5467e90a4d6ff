//! Threads, files, file sizes and memory at their limits, at each step of enqueueing, sending, a queue run
//! and a job: the result is a temporary error or a success, never an abort, and the queue goes on from there.

use super::world::{Likely, Ran, World};
use super::{RECIPIENTS, steps};
use crate::parts;
use std::process::Command;

/// Statuses of a program that was stopped by SIGABRT, SIGSEGV or SIGXFSZ (strace and shells add 128), panicked, or
/// reported a bug (70).
const ABORTS: [i32; 5] = [134, 139, 153, 101, 70];

/// What is done under a limit: enqueue, send by way of the queue, run the queue, run a job.
#[derive(Clone, Copy, Debug)]
enum Task {
    Enqueue,
    Send,
    Run,
    Job,
}

const TASKS: [Task; 4] = [Task::Enqueue, Task::Send, Task::Run, Task::Job];

impl Task {
    /// A world in which the task can be done.
    fn world(self) -> World {
        let world = World::new();
        if matches!(self, Self::Run) {
            world.put();
        }
        world
    }

    fn command(self, world: &World) -> Command {
        match self {
            Self::Enqueue => world.enqueue(),
            Self::Send => world.send(),
            Self::Run => world.run(),
            Self::Job => world.job(),
        }
    }

    /// Checks a run under a limit; what is in the queue afterwards is delivered without the limit.
    #[track_caller]
    fn check(self, world: &World, ran: &Ran, limit: &str) {
        let Some(code) = ran.code else {
            panic!("{self:?} {limit}: {ran:?}");
        };
        assert!(!ABORTS.contains(&code), "{self:?} {limit}: {ran:?}");
        // 79: the first recipient has got it, and the second is refused.
        let is_run = matches!(self, Self::Run) && matches!(code, 0 | 75);
        let is_safe = ran.was_safe || code == 79 || is_run;
        assert!(
            is_safe || self.may_end_with(code),
            "{self:?} {limit}: {ran:?}"
        );
        let said = world.run_until_empty(&limit);
        world.assert_that_nothing_is_left(&limit);
        let is_promised = is_safe && !matches!(self, Self::Job);
        let likely = if is_promised {
            Likely::Once
        } else {
            Likely::AtMostOnce
        };
        world.assert_arrival(&limit, RECIPIENTS[0], likely, &said);
    }

    /// The statuses of a message that is not safe: a temporary failure, or that of the job or of its report.
    fn may_end_with(self, code: i32) -> bool {
        code == 75 || matches!(self, Self::Job) && matches!(code, 3 | 71 | 126 | 127)
    }
}

/// A command with a limit on its resources.
fn limited(limit: &str, command: &Command) -> Ran {
    let mut prlimit = Command::new("prlimit");
    prlimit.arg(limit);
    World::under(prlimit, command)
}

/// Every task under each of these limits.
fn try_all(name: &str, limits: &[u64]) {
    if !parts::works(
        Command::new("prlimit").args(["--nofile=64", "true"]),
        "prlimit",
    ) {
        return;
    }
    for task in TASKS {
        for number in limits {
            let world = task.world();
            let limit = format!("--{name}={number}");
            task.check(&world, &limited(&limit, &task.command(&world)), &limit);
        }
    }
}

#[test]
fn without_file_descriptors_a_run_fails_temporarily() {
    // Fewer than four do not suffice for the dynamic loader.
    try_all("nofile", &[4, 5, 6, 7, 8, 9, 10, 11, 12, 14, 16, 20]);
}

#[test]
fn with_a_limit_on_file_sizes_a_run_fails_temporarily() {
    try_all("fsize", &[0, 1, 100, 300, 500, 700, 1_000, 2_000, 4_000]);
}

#[test]
fn with_a_limit_on_memory_a_run_fails_temporarily() {
    if !parts::works(
        Command::new("prlimit").args(["--nofile=64", "true"]),
        "prlimit",
    ) {
        return;
    }
    // With less, the code of the program cannot be mapped: a debug build has some 50 MiB.
    let starts = |mebibytes: &u64| {
        let limit = format!("--as={}", mebibytes << 20);
        let mut version = Command::new("prlimit");
        version.args([&limit, env!("CARGO_BIN_EXE_ehlo"), "--version"]);
        version
            .output()
            .is_ok_and(|ended| ended.status.success() && !ended.stdout.is_empty())
    };
    let least = (20..1000).find(starts).expect("a limit that suffices");
    let more = [0, 1, 2, 4, 6, 8, 12, 16, 32, 72];
    try_all("as", &more.map(|more| (least + more) << 20));
}

#[test]
fn without_threads_and_processes_a_run_fails_temporarily() {
    if !steps::can_be_seen() {
        return;
    }
    for task in TASKS {
        for when in ["1", "2", "3", "1+"] {
            let world = task.world();
            let change = format!("inject=clone,clone3,vfork,fork:error=EAGAIN:when={when}");
            let ran = World::strace(&change, &task.command(&world));
            task.check(&world, &ran, &change);
        }
    }
}
