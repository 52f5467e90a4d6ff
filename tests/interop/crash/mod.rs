//! What a queue promises, when the program is killed or the disk fails at every single step of it:
//! nothing is lost that was said to be safe, nobody gets a part of it, nothing arrives twice in silence,
//! and nothing is left lying about. strace kills and refuses.

mod disk;
mod limits;
mod merge;
mod receiver;
mod soak;
mod steps;
mod submit;
mod world;

use crate::parts;
use std::fmt::Debug;
use std::process::Command;
use world::{Likely, World};

/// A message for one who takes it and one who is not known, so that its sender is told.
const RECIPIENTS: [&str; 2] = ["bob@hamburger.edu", "nobody@hamburger.edu"];

/// Everything that a queue can be in afterwards goes on from here: the next runs end it.
fn comes_to_an_end(world: &World, step: &impl Debug, was_safe: bool) {
    let said = world.run_until_empty(step);
    world.assert_that_nothing_is_left(step);
    let likely = if was_safe {
        Likely::Once
    } else {
        Likely::AtMostOnce
    };
    world.assert_arrival(step, "bob@hamburger.edu", likely, &said);
    // Who was told of the failure need not be told again.
    if was_safe {
        world.assert_arrival(step, "alice@crepes.fr", Likely::Once, &said);
    }
}

#[test]
fn killed_at_any_step_of_putting_a_message_into_the_queue_it_is_there_or_it_is_not() {
    if !steps::can_be_seen() {
        return;
    }
    for step in steps::of(&World::new(), &World::enqueue) {
        let world = World::new();
        let ran = World::strace(&step.kill(), &world.enqueue());
        comes_to_an_end(&world, &step, ran.was_safe);
    }
}

#[test]
fn killed_at_any_step_of_running_the_queue_nothing_is_lost_and_nothing_is_silent() {
    if !steps::can_be_seen() {
        return;
    }
    let first = World::new();
    first.put();
    for step in steps::of(&first, &World::run) {
        let world = World::new();
        world.put();
        World::strace(&step.kill(), &world.run());
        comes_to_an_end(&world, &step, true);
    }
}

#[test]
fn killed_at_any_step_of_sending_by_way_of_the_queue_nothing_is_lost() {
    if !steps::can_be_seen() {
        return;
    }
    for step in steps::of(&World::new(), &World::send) {
        let world = World::new();
        let ran = World::strace(&step.kill(), &world.send());
        // The caller of a program that was killed has heard nothing, but for what it had said before.
        let said = world.run_until_empty(&step);
        world.assert_that_nothing_is_left(&step);
        let likely = if ran.was_safe {
            Likely::Once
        } else {
            Likely::AtMostOnce
        };
        world.assert_arrival(&step, RECIPIENTS[0], likely, &said);
    }
}

#[test]
fn where_the_disk_refuses_a_step_the_caller_knows_whether_the_message_is_safe() {
    if !steps::can_be_seen() {
        return;
    }
    for error in ["ENOSPC", "EIO", "EMFILE"] {
        for step in steps::of(&World::new(), &World::enqueue) {
            if !step.may_fail_with(error) {
                continue;
            }
            let world = World::new();
            let ran = World::strace(&step.refuse(error), &world.enqueue());
            assert!(
                ran.was_safe || ran.code == Some(75),
                "{step:?} {error}: {ran:?}"
            );
            comes_to_an_end(&world, &step, ran.was_safe);
        }
    }
}

#[test]
fn where_the_disk_refuses_a_step_of_a_run_another_run_ends_it() {
    if !steps::can_be_seen() {
        return;
    }
    for error in ["ENOSPC", "EIO"] {
        let first = World::new();
        first.put();
        for step in steps::of(&first, &World::run) {
            if !step.may_fail_with(error) {
                continue;
            }
            let world = World::new();
            world.put();
            World::strace(&step.refuse(error), &world.run());
            comes_to_an_end(&world, &step, true);
        }
    }
}

#[test]
fn what_is_said_to_be_safe_is_on_the_disk_with_its_name() {
    if !steps::can_be_seen() {
        return;
    }
    let world = World::new();
    let lines = steps::trace(&world, &World::enqueue);
    let at = |words: &[&str]| {
        let found = lines
            .iter()
            .position(|line| words.iter().all(|word| line.contains(word)));
        found.unwrap_or_else(|| panic!("no {words:?} in\n{}", lines.join("\n")))
    };
    // The descriptor of the message, and that of the directory that it is put into.
    let order = [
        at(&["openat(", "O_CREAT", "O_EXCL"]),
        at(&["write(", "/tmp/", "ehlo-queue 1"]),
        at(&["fsync(", "queue/tmp/"]),
        at(&["renameat2("]),
        at(&["fsync(", "queue/items>"]),
        at(&["write(1", "queued as"]),
    ];
    assert!(order.is_sorted(), "{order:?} in\n{}", lines.join("\n"));
}

#[test]
fn the_dot_is_in_the_journal_on_disk_before_it_is_sent() {
    if !steps::can_be_seen() {
        return;
    }
    let world = World::new();
    world.put();
    let lines = steps::trace(&world, &World::run);
    let all = lines.join("\n");
    let at = |word: &str| {
        let found = lines.iter().position(|line| line.contains(word));
        found.unwrap_or_else(|| panic!("no {word} in\n{all}"))
    };
    let (attempt, connected) = (at("attempt"), at("connect("));
    assert!(attempt < connected, "{all}");
    let dot = at("\\\"dot\\\"");
    let journal = ["fsync(", "fdatasync("];
    let synced = |line: &String| journal.iter().any(|call| line.contains(call));
    let synced = dot + lines[dot..].iter().position(synced).unwrap();
    let sent = lines
        .iter()
        .position(|line| line.contains("write(") && line.contains("\\r\\n.\\r\\n"));
    let sent = sent.or_else(|| {
        lines
            .iter()
            .position(|line| line.contains("sendto(") && line.contains("\\r\\n.\\r\\n"))
    });
    assert!(
        synced < sent.unwrap_or_else(|| panic!("no dot in\n{all}")),
        "{all}"
    );
}

#[test]
fn what_the_loss_of_power_leaves_is_enough_to_go_on_from() {
    let python = "/usr/bin/python3";
    if !parts::has(python) || !steps::can_be_seen() {
        return;
    }
    let home = tempfile::tempdir().unwrap();
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/interop/crash/power.py");
    let ran = Command::new(python)
        .args([script, env!("CARGO_BIN_EXE_ehlo")])
        .arg(home.path())
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&ran.stderr);
    assert!(ran.status.success(), "{said}");
}
