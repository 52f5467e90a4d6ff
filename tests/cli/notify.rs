//! A line or a text from a script: who gets it, what it says, and where it is when nobody can get it.

use crate::message::Message;
use crate::program::{Ehlo, Run};
use crate::server::{Server, Talk};
use crate::spool::{Queue, closed};
use std::fs;
use std::os::unix::fs::PermissionsExt as _;

const TO_BOB: [&str; 4] = ["-f", "alice@crepes.fr", "--to", "bob@hamburger.edu"];

/// The verb, by way of this port, in a queue of the test's own.
fn by(queue: &Queue, port: u16) -> Ehlo {
    let relay = format!("127.0.0.1:{port}");
    queue.ehlo(&["notify", "--helo", "me.example", "-r", &relay])
}

/// What arrives, and a run about which there is nothing to say.
#[track_caller]
fn arrives(prepare: impl FnOnce(Ehlo) -> Ehlo) -> String {
    let (queue, server) = (Queue::new(), Server::start(Talk::take));
    prepare(by(&queue, server.port)).run().exits(0).is_silent();
    assert!(queue.items().is_empty());
    text(&server.finish())
}

fn text(message: &Message) -> String {
    let stored = String::from_utf8(message.stored()).unwrap();
    stored.replace("\r\n", "\n")
}

/// What stands in the dead.letter of a run that could not mail.
#[track_caller]
fn dead_letter(ehlo: Ehlo, exit: i32, words: &[&str]) -> String {
    let outside = tempfile::tempdir().unwrap();
    let ehlo = ehlo.env("HOME", outside.path());
    let run: Run = ehlo.run();
    run.exits(exit).says(words);
    let letter = outside.path().join("dead.letter");
    assert!(run.stderr.contains(letter.to_str().unwrap()), "{run:#?}");
    let mode = fs::metadata(&letter).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    fs::read_to_string(letter).unwrap()
}

#[test]
fn a_line_is_a_short_mail_that_nothing_answers() {
    let mail = arrives(|ehlo| {
        let ehlo = ehlo.args(TO_BOB).args(["-s", "disk", "--level", "error"]);
        ehlo.input("/ is at 97%\n")
    });
    for words in [
        "] ERROR: disk\n",
        "To: bob@hamburger.edu\n",
        "Auto-Submitted: auto-generated\n",
        "Importance: high\n",
        "\n\n/ is at 97%\n",
    ] {
        assert!(mail.contains(words), "{words:?} is not in {mail}");
    }
}

#[test]
fn words_are_the_text_and_its_first_line_the_subject() {
    let mail = arrives(|ehlo| ehlo.args(TO_BOB).args(["raid", "is", "degraded"]));
    assert!(mail.contains("] raid is degraded\n"), "{mail}");
    assert!(mail.ends_with("\n\nraid is degraded\n"), "{mail}");
}

#[test]
fn an_address_in_place_of_the_text_is_a_warning() {
    let (queue, server) = (Queue::new(), Server::start(Talk::take));
    let ehlo = by(&queue, server.port).env("MAILTO", "bob@hamburger.edu");
    let ehlo = ehlo.args(["-f", "alice@crepes.fr", "ops@example.org", "disk full"]);
    let run = ehlo.run();
    run.exits(0).complains(1).says(&[
        "ops@example.org is part of the text",
        "--to ops@example.org",
    ]);
    server.finish();
    let (queue, server) = (Queue::new(), Server::start(Talk::take));
    let ehlo = by(&queue, server.port).args(TO_BOB);
    ehlo.args(["ops@example.org logged in"]).run().is_silent();
    server.finish();
}

#[test]
fn mailto_and_mailfrom_count_where_no_option_does() {
    let mail = arrives(|ehlo| {
        let ehlo = ehlo.env("MAILTO", "bob@hamburger.edu");
        ehlo.env("MAILFROM", "alice@crepes.fr").args(["hi"])
    });
    assert!(mail.contains("From: alice@crepes.fr\n"), "{mail}");
}

#[test]
fn an_empty_mailto_mails_nothing() {
    let (queue, server) = (Queue::new(), Server::untouched());
    let ehlo = by(&queue, server.port).env("MAILTO", "").args(["hi"]);
    ehlo.run().exits(0).is_silent();
    server.finish();
}

#[test]
fn no_text_is_no_mail_where_that_is_wanted() {
    let (queue, server) = (Queue::new(), Server::untouched());
    let ehlo = by(&queue, server.port)
        .args(TO_BOB)
        .args(["-E", "-s", "hi"]);
    ehlo.input("\n").run().exits(0).is_silent();
    server.finish();
}

#[test]
fn what_cannot_be_sent_now_is_kept() {
    let queue = Queue::new();
    let ehlo = by(&queue, closed()).args(TO_BOB).args(["hi"]);
    ehlo.run().exits(0).is_silent();
    assert_eq!(queue.items().len(), 1);
}

#[test]
fn without_a_place_for_a_queue_it_is_sent_at_once() {
    let mail = arrives(|ehlo| ehlo.args(TO_BOB).args(["--queue-dir", "/proc/none", "hi"]));
    assert!(mail.contains("] hi\n"), "{mail}");
}

#[test]
fn what_can_neither_be_sent_nor_kept_is_in_the_dead_letter() {
    let queue = Queue::new();
    let ehlo = by(&queue, closed()).args(TO_BOB);
    let letter = dead_letter(ehlo.args(["--no-queue", "disk"]), 75, &["cannot connect"]);
    assert!(letter.starts_with("From "), "{letter}");
    assert!(letter.contains("To: bob@hamburger.edu\n"), "{letter}");
    assert!(letter.ends_with("\n\ndisk\n\n"), "{letter}");
}

#[test]
fn a_broken_configuration_or_address_loses_nothing() {
    let queue = Queue::new();
    fs::write(queue.config(), "[queue]\nretry = \"never\"\n").unwrap();
    let broken = queue.ehlo(&["notify", "--to", "bob@hamburger.edu", "disk"]);
    let letter = dead_letter(broken, 78, &["retry"]);
    assert!(letter.ends_with("\n\ndisk\n\n"), "{letter}");
    let queue = Queue::new();
    let nobody = by(&queue, closed()).args(["--to", "nobody-here-9", "disk"]);
    let letter = dead_letter(nobody, 67, &["nobody-here-9"]);
    assert!(letter.ends_with("\n\ndisk\n\n"), "{letter}");
}

#[test]
fn a_refusal_loses_nothing_either() {
    let queue = Queue::new();
    let server = Server::start(|talk| {
        talk.greet(&[]);
        talk.expect("MAIL FROM:<alice@crepes.fr>");
        talk.say("250 ok");
        talk.expect("RCPT TO:<bob@hamburger.edu>");
        talk.say("550 5.1.1 no");
        talk.quit();
    });
    let ehlo = by(&queue, server.port).args(TO_BOB).args(["disk"]);
    let letter = dead_letter(ehlo, 69, &["550 5.1.1 no"]);
    assert!(letter.ends_with("\n\ndisk\n\n"), "{letter}");
    server.finish();
}

#[test]
fn the_profile_says_to_whom_and_how() {
    let (queue, server) = (Queue::new(), Server::start(Talk::take));
    let config = fs::read_to_string(queue.config()).unwrap();
    let profile = format!(
        "default = \"ops\"\n{config}\n[profile.ops]\nrelay = \"127.0.0.1:{}\"\nhelo = \"me.example\"\n\
         from = \"alice@crepes.fr\"\nto = \"bob@hamburger.edu\"\nattach = \"nowhere\"\n",
        server.port
    );
    fs::write(queue.config(), profile).unwrap();
    queue.ehlo(&["notify", "hi"]).run().exits(0).is_silent();
    let mail = text(&server.finish());
    assert!(mail.contains("To: bob@hamburger.edu\n"), "{mail}");
}
