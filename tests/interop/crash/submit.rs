//! Submission by socket, when either side is killed or its disk fails at every single step: what the client said was
//! accepted arrives once, and nothing arrives twice in silence.

use super::RECIPIENTS;
use super::steps::{self, Step};
use super::world::{Likely, Ran, World, ended};
use std::fs;
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixListener;
use std::process::{Command, Stdio};
use std::thread;

/// Who is under strace.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Side {
    Client,
    Server,
}

/// One submission: a client, and a process that serves its connection and then runs the queue.
fn submit(world: &World, (side, options): (Side, &[&str])) -> Ran {
    let socket = world.path("submit.sock");
    let listener = UnixListener::bind(&socket).unwrap();
    let strace = |of: Side| {
        let mut command = Command::new("strace");
        command.args(["-f", "-qq"]).args(options);
        (of == side).then_some(command)
    };
    let server = under(strace(Side::Server), &world.serve());
    let serving = thread::spawn(move || {
        let (connection, _) = listener.accept().unwrap();
        // A second attempt of the client is refused.
        drop(listener);
        let mut server = server;
        let output = connection.try_clone().unwrap();
        let status = server
            .env_clear()
            .stdin(OwnedFd::from(connection))
            .stdout(OwnedFd::from(output))
            .stderr(Stdio::null())
            .status();
        status.unwrap()
    });
    let ran = ended(under(strace(Side::Client), &world.client()));
    // A client that was killed before it connected leaves the server waiting.
    let _ = std::os::unix::net::UnixStream::connect(&socket);
    serving.join().unwrap();
    fs::remove_file(&socket).unwrap();
    ran
}

fn under(other: Option<Command>, command: &Command) -> Command {
    let mut all = other.unwrap_or_else(|| Command::new("/usr/bin/env"));
    all.arg(command.get_program()).args(command.get_args());
    all
}

fn steps_of(side: Side) -> Vec<Step> {
    let world = World::new();
    let file = world.path("trace");
    let calls = format!("trace={}", steps::CALLS.join(","));
    let file_name = file.to_str().unwrap();
    let options = [
        "-y",
        "-s",
        "2000",
        "-e",
        &calls,
        "-e",
        "signal=none",
        "-o",
        file_name,
    ];
    let ran = submit(&world, (side, &options));
    assert_eq!(ran.code, Some(0), "{ran:?}");
    let text = fs::read_to_string(file).unwrap();
    let lines: Vec<String> = text.lines().map(str::to_owned).collect();
    let begin = match side {
        Side::Server => world.path("queue"),
        Side::Client => world.path("submit.sock"),
    };
    steps::among(&lines, begin.to_str().unwrap())
}

/// The next runs of both queues end whatever was begun.
fn comes_to_an_end(world: &World, step: &(Side, &Step), ran: &Ran) {
    let mut said = String::new();
    if !world.names_of("own", "items").is_empty() {
        let socket = world.path("submit.sock");
        let listener = UnixListener::bind(&socket).unwrap();
        let server = world.serve();
        let serving = thread::spawn(move || {
            let mut server = server;
            let (connection, _) = listener.accept().unwrap();
            let output = connection.try_clone().unwrap();
            server
                .env_clear()
                .stdin(OwnedFd::from(connection))
                .stdout(OwnedFd::from(output))
                .stderr(Stdio::null())
                .status()
                .unwrap()
        });
        let again = ended(world.run_own());
        assert_eq!(again.code, Some(0), "{step:?}: {again:?}");
        said.push_str(&again.said);
        serving.join().unwrap();
    }
    assert!(
        world.names_of("own", "items").is_empty(),
        "{step:?}: {ran:?}"
    );
    assert!(world.names_of("own", "tmp").is_empty(), "{step:?}");
    said.push_str(&world.run_until_empty(step));
    world.assert_that_nothing_is_left(step);
    let likely = if ran.code == Some(0) {
        Likely::Once
    } else {
        Likely::AtMostOnce
    };
    world.assert_arrival(step, RECIPIENTS[0], likely, &said);
    // A client that was not killed knows that it does not know.
    if ran.code.is_some() && ran.code != Some(0) && world.arrived(RECIPIENTS[0]) > 0 {
        assert!(ran.said.contains("may"), "{step:?}: {ran:?}");
    }
}

#[test]
fn submission_survives_a_kill_of_either_side_at_any_step() {
    if !steps::can_be_seen() {
        return;
    }
    for side in [Side::Server, Side::Client] {
        for step in steps_of(side) {
            let world = World::new();
            let ran = submit(&world, (side, &["-o", "/dev/null", "-e", &step.kill()]));
            comes_to_an_end(&world, &(side, &step), &ran);
        }
    }
}

#[test]
fn submission_is_accepted_only_if_the_disk_of_the_host_has_it() {
    if !steps::can_be_seen() {
        return;
    }
    for step in steps_of(Side::Server) {
        if !step.may_fail_with("ENOSPC") {
            continue;
        }
        let world = World::new();
        let change = step.refuse("ENOSPC");
        let ran = submit(&world, (Side::Server, &["-o", "/dev/null", "-e", &change]));
        comes_to_an_end(&world, &(Side::Server, &step), &ran);
    }
}
