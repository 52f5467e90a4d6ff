//! The verbs of the queue, and `sendmail -bs`: what they print, what they leave in the queue, and how
//! they end.

use crate::program::{Ehlo, Run};
use crate::server::{PATIENCE, Server};
use crate::spool::{Queue, closed};
use crate::systemd::complaints;
use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;
use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

#[test]
fn a_queue_that_was_never_made_is_empty_and_stays_unmade() {
    let queue = Queue::new();
    let run = queue.verb(&["list"]);
    run.exits(0).complains(0);
    assert_eq!(run.stdout, "The queue is empty.\n");
    queue.verb(&["list", "--json"]).exits(0).is_silent();
    let mailq = queue.ehlo(&["mailq"]).run();
    assert_eq!(mailq.exits(0).stdout, "The queue is empty.\n");
    queue
        .verb(&["status"])
        .exits(0)
        .shows(&["OK: 0 items, 0 held, 0 set aside | items=0"]);
    assert!(!fs::exists(queue.dir()).unwrap());
}

#[test]
fn an_item_is_listed_with_what_it_waits_for() {
    let queue = Queue::new();
    let id = queue.keep(closed());
    let run = queue.verb(&["list"]);
    let line = run.stdout.lines().nth(1).unwrap();
    assert!(
        line.starts_with(&id) && line.ends_with("now         alice@crepes.fr"),
        "{line}"
    );
    run.shows(&["\n    bob@hamburger.edu: not tried yet\n", "\n1 item\n"]);
    let run = queue.verb(&["run"]);
    run.exits(0).complains(1).says(&[&id, "Connection refused"]);
    queue.verb(&["run"]).exits(0).is_silent();
    let run = queue.verb(&["list"]);
    run.shows(&[
        "in 1",
        "    bob@hamburger.edu: cannot connect",
        "Connection refused",
    ]);
    let item = &queue.items()[0];
    assert_eq!(item["state"], "waiting");
    assert_eq!(item["attempts"], 1);
    assert_eq!(item["recipients"][0]["verdict"], "deferred");
    assert!(item["next"].as_str().unwrap() > item["queued"].as_str().unwrap());
}

#[test]
fn what_is_delivered_is_gone() {
    let queue = Queue::new();
    let server = Server::start(|talk| talk.take());
    queue.keep(server.port);
    queue.verb(&["run"]).exits(0).is_silent();
    server.finish();
    assert!(queue.items().is_empty());
}

#[test]
fn an_item_is_shown_with_its_journal_and_its_message() {
    let queue = Queue::new();
    let server = Server::start(|talk| {
        talk.greet(&[]);
        talk.expect("MAIL FROM:<alice@crepes.fr>");
        talk.say("451 4.7.1 come back \x1b[2J later");
        talk.quit();
    });
    let id = queue.keep(server.port);
    queue.verb(&["run"]).exits(0);
    server.finish();
    let run = queue.verb(&["show", &id]);
    run.exits(0).has_nothing_raw().shows(&[
        &format!("id           {id}\n"),
        "state        waiting: next attempt in 1",
        "sender       alice@crepes.fr\n",
        "options      --relay=127.0.0.1:",
        "  queued\n",
        "attempt started for bob@hamburger.edu\n",
        "451 4.7.1 come back \\x1b[2J later",
        "attempt finished\n",
    ]);
    let run = queue.verb(&["show", &id, "--json"]);
    let object: Value = serde_json::from_str(&run.stdout).unwrap();
    assert_eq!(object["events"][1]["enhanced"], "4.7.1");
    assert_eq!(object["way"]["options"][1], "--helo=me.example");
    let run = queue.verb(&["show", &id, "--message"]);
    run.exits(0)
        .shows(&["From: alice@crepes.fr\r\n", "\r\n\r\nhi\r\n"]);
    let size = queue.items()[0]["size"].as_u64().unwrap();
    assert_eq!(run.stdout.len() as u64, size);
}

#[test]
fn a_beginning_of_a_name_is_enough_and_an_unknown_one_is_66() {
    let queue = Queue::new();
    let id = queue.keep(closed());
    queue.verb(&["show", &id[..4]]).exits(0).shows(&[&id]);
    queue
        .verb(&["show", "zzz"])
        .exits(66)
        .complains(1)
        .says(&["there is no item zzz in the queue (see ehlo queue list)"]);
    queue.keep(closed());
    queue
        .verb(&["show", &id[..4]])
        .exits(64)
        .complains(1)
        .says(&["is ambiguous", &id]);
}

#[test]
fn what_is_held_is_not_tried_until_it_is_released() {
    let queue = Queue::new();
    let server = Server::start(|talk| talk.take());
    let id = queue.keep(server.port);
    queue
        .verb(&["hold", &id])
        .exits(0)
        .shows(&[&format!("{id}: held;")]);
    queue.verb(&["hold", &id]).exits(0).shows(&["already held"]);
    assert_eq!(queue.state(), "held");
    queue
        .verb(&["list"])
        .shows(&["  held  ", "1 item, 1 held\n"]);
    queue.verb(&["run"]).exits(0).is_silent();
    queue
        .verb(&["run", &id])
        .exits(64)
        .says(&["ehlo queue release"]);
    queue
        .verb(&["release", "all"])
        .exits(0)
        .shows(&["released"]);
    assert_eq!(queue.state(), "due");
    queue.verb(&["run"]).exits(0).is_silent();
    server.finish();
    assert!(queue.items().is_empty());
}

#[test]
fn what_is_removed_is_gone_and_all_is_no_name_for_it() {
    let queue = Queue::new();
    let (one, other) = (queue.keep(closed()), queue.keep(closed()));
    queue.verb(&["remove", "all"]).exits(64).complains(1);
    let run = queue.verb(&["remove", "zzz", &one]);
    run.exits(66)
        .complains(1)
        .shows(&[&format!("{one}: removed\n")]);
    assert_eq!(queue.ids(), [other]);
}

#[test]
fn what_cannot_be_reported_is_set_aside_and_can_be_brought_back() {
    let queue = Queue::new();
    let server = Server::with_door(|door| {
        let refuse = |reply: &str| {
            let mut talk = door.open();
            talk.greet(&[]);
            talk.expect("MAIL FROM:<>");
            talk.say("250 ok");
            talk.expect("RCPT TO:<bob@hamburger.edu>");
            talk.say(reply);
            talk.quit();
            talk.end();
        };
        refuse("550 5.1.1 no such user");
        refuse("550 5.1.1 still no such user");
    });
    let id = queue.keep_with(server.port, &["--envelope-from", ""]);
    queue
        .verb(&["run"])
        .exits(0)
        .says(&[&id, "was set aside", "no such user"]);
    assert_eq!(queue.state(), "dead");
    let run = queue.verb(&["list"]);
    run.shows(&["Set aside (dead)", "  never       <>\n", "no such user"]);
    run.shows(&["0 items, 1 set aside (dead)\n"]);
    queue
        .verb(&["status"])
        .exits(1)
        .shows(&["WARNING: 0 items", "dead=1"]);
    queue
        .verb(&["hold", &id])
        .exits(64)
        .says(&["ehlo queue requeue"]);
    queue
        .verb(&["run", &id])
        .exits(64)
        .says(&["ehlo queue requeue"]);
    queue
        .verb(&["requeue", &id])
        .exits(0)
        .shows(&["back in the queue"]);
    queue.verb(&["requeue", &id]).exits(64).complains(1);
    assert_eq!(queue.state(), "due");
    queue.verb(&["run"]).exits(0);
    server.finish();
    assert_eq!(queue.state(), "dead");
    queue.verb(&["remove", &id]).exits(0).complains(0);
    assert!(queue.items().is_empty());
}

/// Puts something into the middle of a file.
fn damage(path: &str) {
    let mut bytes = fs::read(path).unwrap();
    bytes[10] ^= 0x15;
    fs::write(path, bytes).unwrap();
}

#[test]
fn a_damaged_item_is_a_line_and_hides_no_other() {
    let queue = Queue::new();
    let (bad, good) = (queue.keep(closed()), queue.keep(closed()));
    damage(&format!("{}/items/{bad}", queue.dir()));
    let run = queue.verb(&["list"]);
    run.exits(0).complains(0);
    run.shows(&[&format!("{bad}  damaged: "), &good, "2 items, 1 damaged\n"]);
    let states: Vec<String> = queue
        .items()
        .iter()
        .map(|item| item["state"].to_string())
        .collect();
    assert_eq!(states, ["\"damaged\"", "\"due\""]);
    queue.verb(&["show", &bad]).exits(65).complains(1);
    queue.verb(&["status"]).exits(1).shows(&["1 damaged"]);
    queue.verb(&["remove", &bad]).exits(0).complains(0);
    assert_eq!(queue.ids(), [good]);
}

#[test]
fn the_status_knows_its_thresholds_and_what_it_cannot_know() {
    let queue = Queue::new();
    queue.keep(closed());
    queue
        .verb(&["status", "--warn-items", "2"])
        .exits(0)
        .shows(&["items=1;2 "]);
    queue
        .verb(&["status", "--warn-items", "1"])
        .exits(1)
        .shows(&["WARNING: 1 item, oldest "]);
    queue
        .verb(&["status", "--critical-items", "1", "--critical-age", "2d"])
        .exits(2)
        .shows(&["CRITICAL: ", "items=1;;1 ", "s;;172800 "]);
    let run = queue.verb(&["status", "--critical-items", "1", "--json"]);
    let object: Value = serde_json::from_str(&run.exits(2).stdout).unwrap();
    assert_eq!(
        (&object["status"], &object["items"]),
        (&"critical".into(), &1.into())
    );
    fs::set_permissions(queue.dir(), fs::Permissions::from_mode(0o777)).unwrap();
    let run = queue.verb(&["status"]);
    run.exits(3).complains(0).shows(&["UNKNOWN: ", "chmod 700"]);
}

#[test]
fn somebody_who_has_read_enough_is_no_error() {
    let queue = Queue::new();
    queue.keep(closed());
    for verb in ["list", "status", "systemd", "cron"] {
        let (reader, writer) = std::io::pipe().unwrap();
        drop(reader);
        let run = queue.ehlo(&["queue", verb]).stdout(writer).run();
        run.exits(0).complains(0);
    }
}

#[test]
fn programs_hear_the_name_in_the_queue_and_no_advice_to_try_again() {
    let queue = Queue::new();
    let server = Server::start(|talk| {
        talk.greet(&[]);
        talk.expect("MAIL FROM:<alice@crepes.fr>");
        talk.say("451 4.7.1 later");
        talk.quit();
    });
    let run = queue
        .ehlo(&["--queue", "--json", "--helo", "me.example", "-r"])
        .args([format!("127.0.0.1:{}", server.port)])
        .args(["-f", "alice@crepes.fr"])
        .text_to_bob()
        .run();
    server.finish();
    run.exits(0).complains(0).all_are("queued");
    assert_eq!(run.events("queued")[0]["id"], queue.ids()[0].as_str());
    let words = &queue.items()[0]["recipients"][0]["words"];
    for text in [words, &run.result()["recipients"][0]["reason"]] {
        let text = text.as_str().unwrap();
        assert!(
            text.ends_with("451 4.7.1 later (in reply to MAIL FROM)"),
            "{text}"
        );
    }
}

#[test]
fn a_run_that_cannot_be_shown_begins_nothing() {
    let queue = Queue::new();
    queue.keep(closed());
    queue.verb(&["run"]).exits(0).complains(1);
    let before = queue.items();
    for format in ["-v", "--json"] {
        let full = fs::OpenOptions::new().write(true).open("/dev/full");
        let run = queue.ehlo(&["queue", "run", "--now", format]);
        let run = run.stdout(full.unwrap()).run();
        run.exits(74)
            .complains(1)
            .says(&["cannot write the transcript to standard output"]);
    }
    let words = |items: &[Value]| items[0]["recipients"][0]["words"].clone();
    assert_eq!(words(&queue.items()), words(&before));
}

#[test]
fn what_was_given_up_is_reported_once_and_as_expired() {
    let queue = Queue::new();
    let settings = fs::read_to_string(queue.config()).unwrap() + "give-up = \"1s\"\n";
    fs::write(queue.config(), settings).unwrap();
    queue.keep(closed());
    queue.verb(&["run"]).exits(0).complains(1);
    thread::sleep(Duration::from_millis(1100));
    let run = queue.verb(&["run", "--now"]);
    run.exits(0).says(&[
        "<bob@hamburger.edu>: delivery abandoned after ",
        " second",
        ": cannot connect to ",
    ]);
    let report = &queue.ids()[0];
    let run = queue.verb(&["show", report, "--message"]);
    run.exits(0).shows(&[
        "<bob@hamburger.edu>:\r\n    delivery abandoned after ",
        ": cannot connect to\r\n",
        "\r\nStatus: 5.4.7\r\n",
    ]);
    // In the text and in Diagnostic-Code.
    assert_eq!(
        run.stdout.matches("delivery abandoned").count(),
        2,
        "{}",
        run.stdout
    );
}

#[test]
fn units_and_crontab_name_the_program_and_the_queue() {
    let program = env!("CARGO_BIN_EXE_ehlo");
    let run = Ehlo::new()
        .args(["queue", "cron", "--queue-dir", "/a b"])
        .run();
    run.exits(0).shows(&[&format!(
        "\n*/5 * * * * {program} queue run --queue-dir '/a b'\n"
    )]);
    let run = Ehlo::new()
        .args(["queue", "systemd", "--queue-dir", "/50%"])
        .run();
    run.exits(0).shows(&[
        &format!("ExecStart={program} queue run --queue-dir /50%%\n"),
        &format!("ExecStart={program} queue run --queue-dir /50%% --watch\n"),
    ]);
    let queue = Queue::new();
    let cron = queue.verb(&["cron"]);
    cron.shows(&[&format!("--config {}\n", queue.config())]);
}

#[test]
fn systemd_understands_the_units() {
    let home = tempfile::tempdir().unwrap();
    let run = Ehlo::new()
        .args(["queue", "systemd", "--queue-dir", "/a \"b\" 50% $c\\"])
        .run();
    let mut paths = Vec::new();
    for unit in run.stdout.split("# --- ").skip(1) {
        let (path, text) = unit.split_once(" ---\n").unwrap();
        let path = home.path().join(path.rsplit('/').next().unwrap());
        fs::write(&path, text).unwrap();
        paths.push(path);
    }
    assert_eq!(paths.len(), 4);
    let Some(said) = complaints(&paths) else {
        return;
    };
    // Whether there is a manager that could be asked is up to the host.
    let is_about_units = said
        .lines()
        .filter(|line| line.contains("ehlo-queue") || line.contains("ehlo@"));
    assert_eq!(is_about_units.count(), 0, "{said}");
}

/// A conversation on the standard input and output; -odq so that nothing is tried behind our back.
#[track_caller]
fn converse(queue: &Queue, input: &str) -> Run {
    let input = input.replace('\n', "\r\n");
    queue.ehlo(&["sendmail", "-odq", "-bs"]).input(input).run()
}

#[test]
fn a_conversation_ends_with_the_message_in_the_queue() {
    let queue = Queue::new();
    let run = converse(
        &queue,
        "EHLO me.example\nMAIL FROM:<alice@crepes.fr>\nRCPT TO:<bob@hamburger.edu>\n\
         RCPT TO:<nosuchlocal>\nDATA\nSubject: hello\n\nhi\n..dot\n.\nQUIT\n",
    );
    assert_eq!(run.exits(0).stderr, "");
    let replies: Vec<&str> = run.stdout.lines().collect();
    assert!(
        replies[0].starts_with("220 ") && replies[0].ends_with(" ESMTP"),
        "{replies:#?}"
    );
    let from_mail = replies
        .iter()
        .position(|reply| *reply == "250 2.1.0 sender ok")
        .unwrap();
    let codes: Vec<&str> = replies[from_mail..]
        .iter()
        .map(|reply| &reply[..9])
        .collect();
    let right = [
        "250 2.1.0",
        "250 2.1.5",
        "550 5.1.1",
        "354 end d",
        "250 2.0.0",
        "221 2.0.0",
    ];
    assert_eq!(codes, right, "{replies:#?}");
    let item = &queue.items()[0];
    assert_eq!(item["sender"], "alice@crepes.fr");
    assert_eq!(item["recipients"].as_array().unwrap().len(), 1);
    let message = queue.verb(&["show", "--message", item["id"].as_str().unwrap()]);
    message.shows(&["Subject: hello\r\n", "\r\n\r\nhi\r\n.dot\r\n"]);
}

#[test]
fn a_conversation_that_breaks_off_leaves_nothing() {
    let queue = Queue::new();
    let run = converse(
        &queue,
        "EHLO a\nMAIL FROM:<>\nRCPT TO:<bob@hamburger.edu>\nDATA\nhi\n",
    );
    assert_eq!(run.exits(0).stderr, "");
    assert!(queue.items().is_empty());
}

#[test]
fn a_message_that_cannot_be_kept_is_refused_for_now() {
    let queue = Queue::new();
    fs::write(queue.dir(), "in the way").unwrap();
    let run = converse(
        &queue,
        "EHLO a\nMAIL FROM:<>\nRCPT TO:<bob@hamburger.edu>\nDATA\nhi\n.\nQUIT\n",
    );
    run.exits(0).shows(&["\n451 4.3.0 the queue "]);
}

/// The program while it watches a queue.
struct Watch(Child);

impl Watch {
    fn start(queue: &Queue) -> Self {
        let child = Command::new(env!("CARGO_BIN_EXE_ehlo"))
            .args(["queue", "run", "--watch", "--queue-dir", &queue.dir()])
            .env_clear()
            .env("HOME", queue.home.path())
            .stdin(Stdio::null())
            .spawn()
            .unwrap();
        Self(child)
    }

    /// Asks it to end, and says with which status it does.
    fn end(mut self) -> Option<i32> {
        let start = Instant::now();
        kill_process(Pid::from_child(&self.0), Signal::TERM).unwrap();
        while start.elapsed() < PATIENCE {
            if let Some(status) = self.0.try_wait().unwrap() {
                return status.code();
            }
            thread::sleep(Duration::from_millis(5));
        }
        self.0.kill().unwrap();
        panic!("it goes on");
    }
}

/// Waits until the queue is empty.
#[track_caller]
pub fn empties(queue: &Queue) {
    let start = Instant::now();
    while !queue.items().is_empty() {
        assert!(start.elapsed() < PATIENCE, "{:#?}", queue.items());
        thread::sleep(Duration::from_millis(20));
    }
}

#[test]
fn a_watch_takes_what_comes_and_what_is_released() {
    let queue = Queue::new();
    let server = Server::with_door(|door| {
        for _ in 0..3 {
            let mut talk = door.open();
            talk.take();
            talk.end();
        }
    });
    let held = queue.keep(server.port);
    queue.verb(&["hold", &held]).exits(0);
    queue.keep(server.port);
    let watch = Watch::start(&queue);
    while queue.ids() != [held.clone()] {
        thread::sleep(Duration::from_millis(20));
    }
    queue.verb(&["release", &held]).exits(0);
    empties(&queue);
    queue
        .ehlo(&[
            "--queue-only",
            "--helo",
            "me.example",
            "-f",
            "alice@crepes.fr",
            "-r",
        ])
        .args([format!("127.0.0.1:{}", server.port)])
        .text_to_bob()
        .run()
        .exits(0);
    empties(&queue);
    assert_eq!(watch.end(), Some(0));
    server.finish();
}

#[test]
fn a_second_watch_is_refused() {
    let queue = Queue::new();
    let server = Server::start(|talk| talk.take());
    queue.keep(server.port);
    let watch = Watch::start(&queue);
    empties(&queue);
    queue
        .verb(&["run", "--watch"])
        .exits(75)
        .complains(1)
        .says(&["is already watched"]);
    assert_eq!(watch.end(), Some(0));
    server.finish();
}

#[test]
fn who_names_an_item_waits_for_no_other() {
    let queue = Queue::new();
    let server = Server::start(|talk| talk.take());
    let named = queue.keep(server.port);
    let other = queue.keep(closed());
    queue.verb(&["run", &named]).exits(0).is_silent();
    server.finish();
    assert_eq!(queue.ids(), [other]);
}
