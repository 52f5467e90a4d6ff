//! Runs of a queue, one beside the other, and what ends them too early.

use crate::program::Ehlo;
use crate::queue::empties;
use crate::relay::{Do, Relay};
use crate::server::{PATIENCE, Server, Talk};
use crate::spool::{Queue, closed};
use crate::terminal::at_terminal;
use nix::sys::signal::SigSet;
use rustix::event::{PollFd, PollFlags, poll};
use rustix::process::{Pid, Signal, kill_process_group};
use std::fs;
use std::io::Write as _;
use std::os::unix::process::CommandExt as _;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
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

fn put_large(queue: &Queue, relay: &Relay) {
    let file = queue.home.path().join("large.bin");
    fs::write(&file, vec![0; 450_000]).unwrap();
    queue.put(relay.port, &["--attach", &file.display().to_string()]);
}

fn is_one_report(relay: &Relay) {
    let taken = relay.taken();
    assert_eq!(taken.len(), 1);
    assert_eq!(
        taken[0].from.split(' ').take(2).collect::<Vec<_>>(),
        ["MAIL", "FROM:<>"]
    );
}

#[test]
fn the_report_on_a_message_that_is_too_large_fits() {
    let relay = Relay::start(|moment| match moment.line {
        line if line.starts_with("EHLO") => Do::Say("250-relay\r\n250 SIZE 500000"),
        _ => Do::Usual,
    });
    let queue = Queue::new();
    put_large(&queue, &relay);
    queue.verb(&["run"]).exits(0).complains(1);
    is_one_report(&relay);
    assert_eq!(relay.heard("MAIL FROM:<>"), 1);
    assert!(queue.items().is_empty());
}

#[test]
fn a_report_that_does_not_fit_encloses_the_header_only() {
    let relay = Relay::start(|moment| match moment.line {
        line if line.starts_with("EHLO") => Do::Say("250-relay\r\n250 SIZE 616800"),
        line if line.starts_with("RCPT TO:<bob@") => Do::Say("550 5.1.1 who?"),
        _ => Do::Usual,
    });
    let queue = Queue::new();
    put_large(&queue, &relay);
    let size = queue.items()[0]["size"].as_u64().unwrap();
    assert!((615_000..616_800).contains(&size), "{size}");
    queue.verb(&["run"]).exits(0);
    is_one_report(&relay);
    assert!(queue.items().is_empty());
}

#[test]
fn a_report_that_is_refused_for_its_content_is_sent_without_it() {
    let ends = AtomicUsize::new(0);
    let relay = Relay::start(move |moment| match moment.line {
        "." if ends.fetch_add(1, Ordering::SeqCst) < 2 => Do::Say("554 5.7.1 a virus"),
        _ => Do::Usual,
    });
    let queue = Queue::new();
    queue.put(relay.port, &[]);
    queue.verb(&["run"]).exits(0);
    is_one_report(&relay);
    assert_eq!(relay.heard("MAIL FROM:<>"), 2);
    assert!(queue.items().is_empty());
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
    let (reports, mails): (Vec<_>, Vec<_>) = relay
        .taken()
        .into_iter()
        .partition(|taken| taken.from == "MAIL FROM:<>");
    assert_eq!(mails.len(), senders.len() - 1);
    assert_eq!(reports.len(), 1);
    assert_eq!(reports[0].to, ["RCPT TO:<poison@crepes.fr>"]);
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
        run.stderr.contains("delivery abandoned")
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

/// An item whose password-command waits for this pipe.
fn keep_with_password_from(queue: &Queue, port: u16) -> PathBuf {
    let pipe = queue.home.path().join("password");
    let mode = rustix::fs::Mode::from_raw_mode(0o600);
    rustix::fs::mkfifoat(rustix::fs::CWD, &pipe, mode).unwrap();
    let command = format!("cat '{}'", pipe.display());
    let login = ["-u", "alice", "--password-command", &command];
    queue.keep_with(
        port,
        &[&login[..], &["--allow-cleartext-password"]].concat(),
    );
    pipe
}

#[test]
fn a_password_command_that_does_not_end_delays_only_its_own_items() {
    let relay = Relay::start(|_| Do::Usual);
    let queue = Queue::new();
    let pipe = keep_with_password_from(&queue, relay.port);
    queue.put(relay.port, &[]);
    let mut run = command(&queue, &["queue", "run"]).spawn().unwrap();
    // Returns when the command has opened the other end.
    let mut password = fs::OpenOptions::new().write(true).open(&pipe).unwrap();
    until("delivered meanwhile", || relay.taken().len() == 1);
    assert_eq!(relay.heard("AUTH"), 0);
    password.write_all(b"hunter2\n").unwrap();
    drop(password);
    assert!(run.wait().unwrap().success());
    assert_eq!(queue.items()[0]["attempts"], 1);
}

#[test]
fn a_run_that_is_killed_while_it_waits_for_a_password_is_no_attempt() {
    let relay = Relay::start(|_| Do::Usual);
    let queue = Queue::new();
    let pipe = keep_with_password_from(&queue, relay.port);
    let mut run = command(&queue, &["queue", "run"]).spawn().unwrap();
    let password = fs::OpenOptions::new().write(true).open(&pipe).unwrap();
    run.kill().unwrap();
    run.wait().unwrap();
    drop(password);
    assert_eq!(queue.items()[0]["attempts"], 0);
}

#[test]
fn a_signal_ends_a_run_that_waits_for_a_password_and_that_is_no_attempt() {
    let relay = Relay::start(|_| Do::Usual);
    let queue = Queue::new();
    let pipe = keep_with_password_from(&queue, relay.port);
    let mut run = command(&queue, &["queue", "run"]);
    // A process inherits the mask of the thread that starts it.
    let started = thread::spawn(move || {
        SigSet::all().thread_set_mask().unwrap();
        run.spawn().unwrap()
    });
    let mut run = started.join().unwrap();
    let password = fs::OpenOptions::new().write(true).open(&pipe).unwrap();
    rustix::process::kill_process(Pid::from_child(&run), Signal::TERM).unwrap();
    assert!(run.wait().unwrap().success());
    // The command was killed: the reading end of the pipe is closed, perhaps a moment after the end of the run.
    let mut polled = [PollFd::new(&password, PollFlags::empty())];
    poll(&mut polled, None).unwrap();
    assert!(polled[0].revents().contains(PollFlags::ERR));
    assert_eq!(queue.state(), "due");
}

fn ended_by_signal(queue: &Queue, is_at_it: impl Fn() -> bool) {
    let mut run = command(queue, &["queue", "run"]).spawn().unwrap();
    until("at it", is_at_it);
    rustix::process::kill_process(Pid::from_child(&run), Signal::TERM).unwrap();
    assert!(run.wait().unwrap().success());
}

#[test]
fn a_signal_ends_what_has_not_been_sent_and_that_is_no_attempt() {
    let is_slow = Arc::new(AtomicBool::new(true));
    let slow = Arc::clone(&is_slow);
    let relay = Relay::start(move |moment| match moment.line {
        line if line.starts_with("MAIL") && slow.load(Ordering::SeqCst) => Do::Hang,
        _ => Do::Usual,
    });
    let queue = Queue::new();
    let id = queue.keep(relay.port);
    for count in 1..=4 {
        ended_by_signal(&queue, || relay.heard("MAIL") == count);
    }
    let shown = queue.verb(&["show", &id]);
    shown.shows(&["attempt interrupted"]);
    assert_eq!(queue.state(), "due");
    is_slow.store(false, Ordering::SeqCst);
    queue.verb(&["run"]).exits(0).is_silent();
    assert_eq!(relay.taken().len(), 1);
    assert!(queue.items().is_empty());
}

#[test]
fn a_signal_does_not_end_what_has_been_sent() {
    let (asked, answers) = (
        Arc::new(AtomicBool::new(false)),
        Arc::new(AtomicBool::new(false)),
    );
    let (tell, hear) = (Arc::clone(&asked), Arc::clone(&answers));
    let relay = Relay::start(move |moment| {
        if moment.line == "." {
            tell.store(true, Ordering::SeqCst);
            until("the signal", || hear.load(Ordering::SeqCst));
        }
        Do::Usual
    });
    let queue = Queue::new();
    queue.keep(relay.port);
    let mut run = command(&queue, &["queue", "run"]).spawn().unwrap();
    until("sent", || asked.load(Ordering::SeqCst));
    rustix::process::kill_process(Pid::from_child(&run), Signal::TERM).unwrap();
    answers.store(true, Ordering::SeqCst);
    assert!(run.wait().unwrap().success());
    assert_eq!(relay.taken().len(), 1);
    assert!(queue.items().is_empty());
}

#[test]
fn the_sender_is_told_once_of_what_is_set_aside() {
    let relay = Relay::start(|moment| match moment.line {
        line if line.starts_with("MAIL FROM:<alice@") => Do::Hang,
        _ => Do::Usual,
    });
    let queue = Queue::new();
    let told = queue.home.path().join("told");
    let on_failure = format!("cat >>'{}'", told.display());
    queue.put(relay.port, &["--on-failure", &on_failure]);
    for count in 1..=3 {
        let mut run = command(&queue, &["queue", "run"]).spawn().unwrap();
        until("at it", || relay.heard("MAIL FROM:<alice@") == count);
        run.kill().unwrap();
        run.wait().unwrap();
    }
    for _ in 0..2 {
        queue.verb(&["run"]).exits(0);
    }
    let reports = relay.taken();
    assert_eq!(reports.len(), 1);
    assert_eq!(reports[0].to, ["RCPT TO:<alice@crepes.fr>"]);
    assert_eq!(fs::read_to_string(told).unwrap().lines().count(), 1);
    assert_eq!(queue.state(), "dead");
}

/// Some daemons ignore SIGCHLD, and what they start inherits it.
#[test]
fn commands_work_where_the_parent_ignores_the_end_of_children() {
    let relay = Relay::start(|_| Do::Usual);
    let queue = Queue::new();
    let script = format!(
        "exec env --ignore-signal=CHLD {} --queue --queue-dir {} -r 127.0.0.1:{} -f alice@crepes.fr --helo \
         me.example -u alice --password-command 'echo hunter2' -s hi -b hi bob@hamburger.edu",
        env!("CARGO_BIN_EXE_ehlo"),
        queue.dir(),
        relay.port
    );
    let run = Ehlo::through("sh").args(["-c", &script]).run();
    // The password was found; this server has no TLS to protect it.
    run.exits(0)
        .shows(&["Deferred (", "so the password was not sent"]);
    assert!(!run.stdout.contains("Refused"), "{run:#?}");
}

#[test]
fn a_message_that_may_not_be_written_is_an_error_and_leaves_nothing() {
    let queue = Queue::new();
    queue.put(closed(), &[]);
    queue.verb(&["remove", &queue.ids()[0]]).exits(0);
    let files = format!("{}/tmp", queue.dir());
    let large = "x\n".repeat(100_000);
    for front in [
        "--queue-only -r 127.0.0.1:1 -f alice@crepes.fr -b -",
        "sendmail -odq -f alice@crepes.fr",
    ] {
        let script = format!(
            "ulimit -f 8; exec {} {front} bob@hamburger.edu",
            env!("CARGO_BIN_EXE_ehlo")
        );
        let run = Ehlo::through("sh")
            .env("EHLO_CONFIG", queue.config())
            .args(["-c", &script])
            .input(format!("Subject: hi\n\n{large}"))
            .run();
        run.exits(75).says(&["File too large"]);
        assert_eq!(fs::read_dir(&files).unwrap().count(), 0);
    }
    assert!(queue.items().is_empty());
}

#[test]
fn commands_are_run_where_the_message_was_queued() {
    let queue = Queue::new();
    let here = queue.home.path();
    let script = |name: &str, text: &str| {
        let status = Command::new("/bin/sh")
            .args([
                "-c",
                "printf '%s' \"$1\" >\"$2\"; chmod 700 \"$2\"",
                "sh",
                text,
            ])
            .arg(here.join(name))
            .status();
        assert!(status.unwrap().success());
    };
    script("srv", "#!/bin/sh\necho 550 no\npwd >pipe.out\n");
    script("getpw", "#!/bin/sh\npwd >getpw.out\necho hunter2\n");
    for way in [
        &["--pipe", "./srv"][..],
        &[
            "-r",
            "127.0.0.1:1",
            "-u",
            "a",
            "--password-command",
            "./getpw",
        ],
    ] {
        let status = command(
            &queue,
            &["--queue-only", "-f", "alice@crepes.fr", "-b", "hi"],
        )
        .args(way)
        .arg("bob@hamburger.edu")
        .current_dir(here)
        .status();
        assert!(status.unwrap().success());
    }
    let run = command(&queue, &["queue", "run"]).current_dir("/").status();
    assert!(run.unwrap().success());
    for name in ["pipe.out", "getpw.out"] {
        let seen = fs::read_to_string(here.join(name)).unwrap();
        assert_eq!(
            fs::canonicalize(seen.trim()).unwrap(),
            fs::canonicalize(here).unwrap()
        );
    }
}

#[test]
fn a_password_that_a_later_run_does_not_use_is_warned_of() {
    let queue = Queue::new();
    let relay = ["-r", "127.0.0.1:1", "-u", "alice", "-f", "alice@crepes.fr"];
    for kept in ["--queue", "--queue-only"] {
        let run = queue.ehlo(&[kept]).args(relay).text_to_bob();
        let run = run.env("EHLO_PASSWORD", "hunter2").run();
        run.exits(0)
            .complains(1)
            .says(&["EHLO_PASSWORD, which later queue runs do not use"]);
    }
    let directory = queue.home.path().to_str().unwrap();
    fs::write(queue.home.path().join("ehlo.password"), "hunter2\n").unwrap();
    let run = queue.ehlo(&["--queue-only"]).args(relay).text_to_bob();
    let run = run.env("CREDENTIALS_DIRECTORY", directory).run();
    run.exits(0)
        .says(&["systemd's ehlo.password, which later queue runs do not use"]);
    let run = queue.ehlo(&["queue", "run", "--now"]);
    let run = run.env("EHLO_PASSWORD", "hunter2").run();
    run.exits(0)
        .says(&["queue runs do not use EHLO_PASSWORD or"]);
    assert!(!run.stderr.contains("set EHLO_PASSWORD"), "{run:#?}");
}

#[test]
fn a_person_at_a_terminal_is_told_what_a_run_did() {
    let queue = Queue::new();
    let seen_with = |words: &[&str], no_color: &str| {
        let words: Vec<String> = words.iter().map(|&word| word.to_owned()).collect();
        let (dir, no_color) = (queue.dir(), no_color.to_owned());
        let told = at_terminal("in the queue", "\n", |ehlo| {
            let ehlo = ehlo.args(words).args(["--queue-dir", &dir]);
            ehlo.env("TERM", "xterm").env("NO_COLOR", &no_color)
        });
        told.map(|told| told["seen"].as_str().unwrap().to_owned())
    };
    let seen = |words: &[&str]| seen_with(words, "");
    let Some(nothing) = seen(&["queue", "run"]) else {
        return;
    };
    assert!(
        nothing.contains("ehlo: nothing to deliver; 0 items in the queue"),
        "{nothing}"
    );
    let server = Server::start(Talk::take);
    queue.keep(server.port);
    let told = seen(&["queue", "run", "--now"]).unwrap();
    server.finish();
    assert!(
        told.contains(": delivered to <bob@hamburger.edu>\u{1b}[0m"),
        "{told}"
    );
    assert!(told.contains("\u{1b}[32mehlo: "), "{told}");
    assert!(
        told.contains("ehlo: 1 delivered; 0 items in the queue"),
        "{told}"
    );
    queue.keep(closed());
    let told = seen(&["queue", "run", "--now"]).unwrap();
    assert!(told.contains("cannot connect"), "{told}");
    assert!(told.contains("\u{1b}[33mehlo: "), "{told}");
    let plain = seen_with(&["queue", "run", "--now"], "1").unwrap();
    assert!(!plain.contains('\u{1b}'), "{plain}");
    assert!(
        told.contains("ehlo: 1 deferred; 1 item in the queue"),
        "{told}"
    );
}
