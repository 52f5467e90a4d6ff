//! Runs of a queue, one beside the other, and what ends them too early.

use crate::queue::empties;
use crate::relay::{Do, Relay};
use crate::server::{PATIENCE, Server, Talk};
use crate::spool::{Queue, closed};
use crate::terminal::at_terminal;
use rustix::process::{Pid, Signal, kill_process_group};
use std::fs;
use std::io::Write as _;
use std::os::unix::process::CommandExt as _;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

/// The program, with nothing but this queue.
fn command(queue: &Queue, arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_ehlo"));
    command
        .args(arguments)
        .env_clear()
        .env("EHLO_CONFIG", queue.config())
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null());
    command
}

/// Everything that sendmail takes goes to this relay.
fn relays_to(queue: &Queue, port: u16) {
    let config = format!(
        "default = \"relay\"\n[queue]\ndir = \"{}\"\nretry = \"1s\"\nspread = 0\n\
         [profile.relay]\nrelay = \"127.0.0.1:{port}\"\nhelo = \"me.example\"\n\
         [sendmail]\ndomain = \"crepes.fr\"\n",
        queue.dir()
    );
    fs::write(queue.config(), config).unwrap();
}

#[track_caller]
fn until(what: &str, is_so: impl Fn() -> bool) {
    let start = Instant::now();
    while !is_so() {
        assert!(start.elapsed() < PATIENCE, "{what}: never");
        thread::sleep(Duration::from_millis(5));
    }
}

fn send(queue: &Queue, recipient: &str) -> Child {
    let mut child = command(queue, &["sendmail", "-f", "alice@crepes.fr", recipient])
        .process_group(0)
        .stdin(Stdio::piped())
        .spawn()
        .unwrap();
    let stdin = child.stdin.take();
    stdin.unwrap().write_all(b"Subject: hi\n\nhi\n").unwrap();
    child
}

/// A terminal goes as soon as the last command in it has ended: `ssh -t host 'date | mail alice'`.
#[test]
fn the_terminal_of_sendmail_does_not_take_the_run_behind_along() {
    let relay = Relay::start(|_| Do::Usual);
    for count in 1..=5 {
        let queue = Queue::new();
        relays_to(&queue, relay.port);
        let mut child = send(&queue, "bob@hamburger.edu");
        let group = Pid::from_child(&child);
        assert_eq!(child.wait().unwrap().code(), Some(0));
        // With sendmail waited for, there is a group only as long as something else is in it.
        let _ = kill_process_group(group, Signal::HUP);
        until("delivered behind", || relay.taken().len() == count);
        empties(&queue);
    }
}

#[test]
fn a_run_of_a_part_is_not_taken_for_one_of_all() {
    let relay = Relay::start(|moment| match moment.line {
        line if line.starts_with("RCPT TO:<bob@slow.example>") => Do::Hang,
        _ => Do::Usual,
    });
    let queue = Queue::new();
    relays_to(&queue, relay.port);
    let put = [
        "sendmail",
        "-odq",
        "-f",
        "alice@crepes.fr",
        "bob@slow.example",
    ];
    assert!(command(&queue, &put).status().unwrap().success());
    let run = ["queue", "run", "--to", "slow.example"];
    let mut run = command(&queue, &run).spawn().unwrap();
    until("slow", || relay.heard("RCPT") == 1);
    send(&queue, "bob@hamburger.edu").wait().unwrap();
    until("delivered meanwhile", || relay.taken().len() == 1);
    run.kill().unwrap();
    run.wait().unwrap();
}

/// Whoever is tried together dies together. Only who dies alone is set aside.
#[test]
fn what_kills_the_program_is_set_aside_and_what_was_tried_beside_it_is_not() {
    let is_slow = Arc::new(AtomicBool::new(true));
    let slow = Arc::clone(&is_slow);
    let relay = Relay::start(move |moment| {
        let is_poison = moment.line.starts_with("MAIL FROM:<poison@");
        let is_mail = moment.line.starts_with("MAIL");
        if is_poison || is_mail && slow.load(Ordering::SeqCst) {
            return Do::Hang;
        }
        Do::Usual
    });
    let queue = Queue::new();
    relays_to(&queue, relay.port);
    let senders = ["alice", "poison", "carol", "dave"];
    for sender in senders {
        let sender = format!("{sender}@crepes.fr");
        let put = ["sendmail", "-odq", "-f", &sender, "bob@hamburger.edu"];
        assert!(command(&queue, &put).status().unwrap().success());
    }
    let killed_at = |line: &str, count: usize| {
        let mut run = command(&queue, &["queue", "run"]).spawn().unwrap();
        until("at it", || relay.heard(line) >= count);
        run.kill().unwrap();
        run.wait().unwrap();
    };
    killed_at("MAIL", senders.len());
    killed_at("MAIL", 2 * senders.len());
    is_slow.store(false, Ordering::SeqCst);
    killed_at("MAIL FROM:<poison@", 3);
    let run = queue.verb(&["run"]);
    run.exits(0)
        .complains(1)
        .says(&["was set aside: 3 attempts"]);
    assert_eq!(queue.state(), "dead");
    assert_eq!(relay.taken().len(), senders.len() - 1);
    assert_eq!(relay.heard("MAIL FROM:<poison@"), 3);
}

#[test]
fn who_was_never_tried_is_not_given_up() {
    let relay = Relay::start(|moment| match moment.line {
        line if line.starts_with("RCPT TO:<bob@busy.example>") => Do::Say("450 4.2.0 later"),
        _ => Do::Usual,
    });
    let queue = Queue::new();
    relays_to(&queue, relay.port);
    let config = fs::read_to_string(queue.config()).unwrap();
    fs::write(
        queue.config(),
        config.replace("retry", "give-up = \"1s\"\nretry"),
    )
    .unwrap();
    let to = ["bob@busy.example", "bob@hamburger.edu"];
    let put = ["sendmail", "-odq", "-f", "alice@crepes.fr", to[0], to[1]];
    assert!(command(&queue, &put).status().unwrap().success());
    until("given up", || {
        let run = queue.verb(&["run", "--to", "busy.example"]);
        run.stderr.contains("given up")
    });
    queue.verb(&["run", "--now"]).exits(0).complains(0);
    let taken = relay.taken();
    let rcpt = |to: &str| format!("RCPT TO:<{to}>");
    assert!(
        taken.iter().any(|mail| mail.to == [rcpt(to[1])]),
        "{taken:#?}"
    );
    assert!(queue.items().is_empty());
}

/// Who calls sendmail hears of a disk that is full, instead of dying while it still writes.
#[test]
fn what_cannot_be_kept_for_now_is_read_to_its_end_and_75() {
    let queue = Queue::new();
    let mut child = command(&queue, &["sendmail", "bob@hamburger.edu"])
        .env("TMPDIR", "/dev/null")
        .stdin(Stdio::piped())
        .spawn()
        .unwrap();
    let mut stdin = child.stdin.take().unwrap();
    for _ in 0..3000 {
        stdin.write_all(&[b'x'; 1000]).unwrap();
    }
    drop(stdin);
    assert_eq!(child.wait().unwrap().code(), Some(75));
}

#[test]
fn a_person_at_a_terminal_is_told_what_a_run_did() {
    let queue = Queue::new();
    let seen = |words: &[&str]| {
        let words: Vec<String> = words.iter().map(|&word| word.to_owned()).collect();
        let dir = queue.dir();
        let told = at_terminal("in the queue", "\n", |ehlo| {
            ehlo.args(words).args(["--queue-dir", &dir])
        });
        told.map(|told| told["seen"].as_str().unwrap().to_owned())
    };
    let Some(nothing) = seen(&["queue", "run"]) else {
        return;
    };
    assert!(
        nothing.contains("ehlo: nothing was tried; 0 items in the queue"),
        "{nothing}"
    );
    let server = Server::start(Talk::take);
    queue.keep(server.port);
    let told = seen(&["queue", "run", "--now"]).unwrap();
    server.finish();
    assert!(
        told.contains(": <bob@hamburger.edu> got the message"),
        "{told}"
    );
    assert!(
        told.contains("ehlo: 1 delivered; 0 items in the queue"),
        "{told}"
    );
    queue.keep(closed());
    let told = seen(&["queue", "run", "--now"]).unwrap();
    assert!(told.contains("cannot connect"), "{told}");
    assert!(
        told.contains("ehlo: 1 deferred; 1 item in the queue"),
        "{told}"
    );
}
