//! What the queue delivers, seen from the server: connections that several messages share, servers that
//! go away, who is tried again, and what senders are told.

use crate::message::Message;
use crate::sasl::encode;
use crate::server::{Server, Stage, Talk};
use crate::spool::Queue;
use serde_json::Value;
use std::fs;
use std::net::{Ipv4Addr, TcpListener};
use std::thread;
use std::time::Instant;

/// One connection at a time, so that it is known what comes on which.
const ONE: &str = "connections = 1";

impl Talk {
    /// A message to bob, on a connection that goes on.
    #[track_caller]
    fn take_one(&mut self) -> Message {
        self.envelope(&["bob@hamburger.edu"]);
        let message = self.data();
        self.say("250 taken");
        message
    }

    /// A report to alice, and QUIT.
    #[track_caller]
    fn take_report(&mut self) -> Message {
        self.greet(&[]);
        self.expect("MAIL FROM:<>");
        self.say("250 ok");
        self.expect("RCPT TO:<alice@crepes.fr>");
        self.say("250 ok");
        let report = self.data();
        self.say("250 taken");
        self.quit();
        self.end();
        report
    }
}

fn field(message: &Message, name: &str) -> String {
    let header = message.header();
    let begin = format!("{name}: ");
    let line = header.lines().find_map(|line| line.strip_prefix(&begin));
    line.unwrap_or_else(|| panic!("no {name} in {header}"))
        .to_owned()
}

/// All are different messages.
fn are_different(messages: &[Message]) {
    let mut ids: Vec<String> = messages
        .iter()
        .map(|message| field(message, "Message-ID"))
        .collect();
    ids.sort();
    ids.dedup();
    assert_eq!(ids.len(), messages.len(), "one arrived twice");
}

/// So many messages to bob, all of which are delivered by one run.
#[track_caller]
fn delivers<T: Send + 'static>(server: Server<T>, count: usize) -> T {
    let queue = Queue::with(ONE);
    for _ in 0..count {
        queue.keep(server.port);
    }
    queue.verb(&["run"]).exits(0).is_silent();
    assert!(queue.items().is_empty());
    server.finish()
}

#[test]
fn several_messages_share_a_connection() {
    let server = Server::start(|talk| {
        talk.greet(&[]);
        let messages: Vec<Message> = (0..3).map(|_| talk.take_one()).collect();
        talk.quit();
        messages
    });
    are_different(&delivers(server, 3));
}

#[test]
fn a_server_that_closes_the_resting_connection_gets_another() {
    let server = Server::with_door(|door| {
        let mut messages = Vec::new();
        let mut talk = door.open();
        talk.greet(&[]);
        messages.push(talk.take_one());
        talk.close();
        let mut talk = door.open();
        talk.greet(&[]);
        messages.push(talk.take_one());
        talk.expect("MAIL FROM:<alice@crepes.fr>");
        talk.close();
        let mut talk = door.open();
        talk.greet(&[]);
        messages.push(talk.take_one());
        talk.quit();
        talk.end();
        messages
    });
    are_different(&delivers(server, 3));
}

#[test]
fn a_goodbye_at_mail_on_a_resting_connection_is_a_reason_for_another() {
    let server = Server::with_door(|door| {
        let mut talk = door.open();
        talk.greet(&[]);
        let first = talk.take_one();
        talk.expect("MAIL FROM:<alice@crepes.fr>");
        talk.say("421 4.7.0 one is enough");
        talk.quit();
        talk.end();
        let mut talk = door.open();
        talk.greet(&[]);
        let second = talk.take_one();
        talk.quit();
        talk.end();
        [first, second]
    });
    are_different(&delivers(server, 2));
}

#[test]
fn a_timeout_that_is_said_in_other_words_is_a_reason_for_another() {
    let server = Server::with_door(|door| {
        let mut talk = door.open();
        talk.greet(&[]);
        let first = talk.take_one();
        talk.expect("MAIL FROM:<alice@crepes.fr>");
        talk.send(b"timeout (#4.4.2)\r\n");
        talk.close();
        let mut talk = door.open();
        talk.greet(&[]);
        let second = talk.take_one();
        talk.quit();
        talk.end();
        [first, second]
    });
    are_different(&delivers(server, 2));
}

#[test]
fn a_refused_recipient_does_not_hurt_the_next_message_and_its_sender_is_told_once() {
    let server = Server::with_door(|door| {
        let mut talk = door.open();
        talk.greet(&[]);
        talk.refuse_bob("550 5.1.1 no such user");
        talk.expect("RSET");
        talk.say("250 ok");
        let second = talk.take_one();
        talk.quit();
        talk.end();
        (second, door.open().take_report())
    });
    let queue = Queue::with(ONE);
    let refused = queue.keep(server.port);
    queue.keep(server.port);
    let run = queue.verb(&["run"]);
    run.exits(0)
        .complains(1)
        .says(&[&refused, "550 5.1.1 no such user"]);
    assert!(queue.items().is_empty());
    queue.verb(&["run", "--now"]).exits(0).is_silent();
    let (second, report) = server.finish();
    assert_eq!(second.body(), "hi\r\n");
    assert_eq!(field(&report, "To"), "alice@crepes.fr");
    let kind = field(&report, "Content-Type");
    assert!(
        kind.starts_with("multipart/report; report-type=delivery-status;"),
        "{kind}"
    );
    let text = report.text().replace("\r\n ", " ");
    assert_eq!(finally(&text), ["bob@hamburger.edu"]);
    for words in [
        "Action: failed\r\n",
        "Status: 5.1.1\r\n",
        "550 5.1.1 no such user",
    ] {
        assert!(text.contains(words), "{words} is not in {text}");
    }
}

#[test]
fn whoever_wants_no_report_gets_none() {
    let server = Server::start(|talk| {
        talk.greet(&[]);
        talk.refuse_bob("550 5.1.1 no such user");
        talk.quit();
    });
    let queue = Queue::with(&format!(
        "[sendmail]\nprofile = \"x\"\n[profile.x]\nrelay = \"127.0.0.1:{}\"\nhelo = \"me.example\"",
        server.port
    ));
    queue
        .ehlo(&["sendmail", "-odq", "-f", "alice@crepes.fr", "-N", "never"])
        .args(["bob@hamburger.edu"])
        .input("Subject: hello\n\nhi\n")
        .run()
        .exits(0)
        .is_silent();
    queue.verb(&["run"]).exits(0).complains(1);
    server.finish();
    assert!(queue.items().is_empty());
}

#[test]
fn a_host_that_is_down_is_not_tried_for_each_message() {
    let server = Server::with_door(|door| {
        for _ in 0..2 {
            door.open().close();
        }
    });
    let queue = Queue::with(ONE);
    for _ in 0..3 {
        queue.keep(server.port);
    }
    for options in [&["run"][..], &["run"], &["run", "--now"]] {
        queue.verb(options).exits(0);
    }
    server.finish();
    let words: Vec<String> = queue
        .items()
        .iter()
        .map(|item| item["recipients"][0]["words"].to_string())
        .collect();
    let passed_over = words.iter().filter(|words| words.contains("was not tried"));
    assert_eq!((words.len(), passed_over.count()), (3, 2), "{words:#?}");
}

#[test]
fn a_server_that_wants_fewer_connections_gets_all_messages_on_those_it_takes() {
    let server = Server::with_door(|door| {
        let mut talk = door.open();
        let mut other = door.open();
        other.say("421 4.7.0 too many connections");
        other.quit();
        other.end();
        talk.greet(&[]);
        let messages: Vec<Message> = (0..4).map(|_| talk.take_one()).collect();
        talk.quit();
        talk.end();
        messages
    });
    let queue = Queue::with("per-host = 2");
    for _ in 0..4 {
        queue.keep(server.port);
    }
    queue.verb(&["run"]).exits(0);
    are_different(&server.finish());
    assert!(queue.items().is_empty());
}

#[test]
fn only_those_who_were_deferred_are_tried_again() {
    let server = Server::with_door(|door| {
        let mut talk = door.open();
        talk.greet(&[]);
        talk.expect("MAIL FROM:<alice@crepes.fr>");
        talk.say("250 ok");
        for (recipient, reply) in [("carol", "250 ok"), ("bob", "450 4.2.1 later")] {
            talk.expect(&format!("RCPT TO:<{recipient}@hamburger.edu>"));
            talk.say(reply);
        }
        let first = talk.data();
        talk.say("250 taken");
        talk.quit();
        talk.end();
        let mut talk = door.open();
        (first, talk.take())
    });
    let queue = Queue::new();
    queue.keep_with(server.port, &["carol@hamburger.edu"]);
    queue
        .verb(&["run"])
        .exits(0)
        .complains(1)
        .says(&["450 4.2.1"]);
    queue.verb(&["run"]).exits(0).is_silent();
    queue.verb(&["run", "--now"]).exits(0).is_silent();
    let (first, second) = server.finish();
    assert_eq!(first.stored(), second.stored());
    assert!(queue.items().is_empty());
}

/// The connection is lost at the end of the first message; the second is taken.
fn forgetful() -> Server<[Message; 2]> {
    Server::with_door(|door| {
        let mut talk = door.open();
        talk.greet(&[]);
        talk.envelope(&["bob@hamburger.edu"]);
        let first = talk.data();
        talk.close();
        [first, door.open().take()]
    })
}

/// The same message, with a line that says why it is there.
fn is_second(messages: &[Message; 2]) {
    let [first, second] = messages;
    assert!(!first.header().contains("X-Possible-Duplicate"));
    field(second, "X-Possible-Duplicate");
    assert_eq!(field(first, "Message-ID"), field(second, "Message-ID"));
    assert!(second.text().ends_with(&first.text()));
}

#[test]
fn what_may_have_arrived_is_sent_again_and_that_is_said() {
    let server = forgetful();
    let queue = Queue::new();
    let id = queue.keep(server.port);
    queue
        .verb(&["run"])
        .exits(0)
        .complains(1)
        .says(&["may have received the message"]);
    queue.verb(&["run", "--now"]).exits(0).complains(1).says(&[
        &id,
        "<bob@hamburger.edu>",
        "may arrive twice",
    ]);
    is_second(&server.finish());
    assert!(queue.items().is_empty());
}

#[test]
fn what_may_have_arrived_waits_where_it_is_to_be_held() {
    let server = forgetful();
    let queue = Queue::new();
    let id = queue.keep_with(server.port, &["--on-uncertain", "hold"]);
    queue.verb(&["run"]).exits(0).complains(1);
    assert_eq!(queue.state(), "uncertain");
    queue.verb(&["run", "--now"]).exits(0).is_silent();
    assert_eq!(queue.state(), "uncertain");
    queue
        .verb(&["release", &id])
        .exits(0)
        .shows(&["may arrive twice"]);
    queue.verb(&["run"]).exits(0).is_silent();
    is_second(&server.finish());
    assert!(queue.items().is_empty());
}

#[test]
fn a_refusal_of_the_end_is_no_reason_to_speak_of_a_second_copy() {
    let server = Server::with_door(|door| {
        let mut talk = door.open();
        talk.go_to(Stage::Dot);
        talk.say("451 4.3.0 not now");
        talk.quit();
        talk.end();
        door.open().take()
    });
    let queue = Queue::new();
    queue.keep(server.port);
    queue.verb(&["run"]).exits(0).complains(1);
    queue.verb(&["run", "--now"]).exits(0).is_silent();
    let header = server.finish().header();
    assert!(!header.contains("X-Possible-Duplicate"), "{header}");
}

/// A message of this user's, with a password of their own.
fn keep_as(queue: &Queue, port: u16, user: &str) -> String {
    let path = queue.home.path().join(format!("{user}.password"));
    fs::write(&path, format!("{user}-hunter2")).unwrap();
    let mode = std::os::unix::fs::PermissionsExt::from_mode(0o600);
    fs::set_permissions(&path, mode).unwrap();
    let path = path.display().to_string();
    let login = ["-u", user, "--password-file", &path];
    queue.keep_with(
        port,
        &[&login[..], &["--allow-cleartext-password"]].concat(),
    )
}

impl Talk {
    fn hear_login(&mut self, user: &str, reply: &str) {
        self.greet(&["AUTH PLAIN"]);
        let proof = encode(format!("\0{user}\0{user}-hunter2"));
        self.expect(&format!("AUTH PLAIN {proof}"));
        self.say(reply);
    }
}

#[test]
fn who_has_logged_in_once_does_not_do_it_again_for_the_next_message() {
    let server = Server::start(|talk| {
        talk.hear_login("alice", "235 welcome");
        talk.take_one();
        talk.take_one();
        talk.quit();
    });
    let queue = Queue::with(ONE);
    for _ in 0..2 {
        keep_as(&queue, server.port, "alice");
    }
    queue.verb(&["run"]).exits(0).is_silent();
    server.finish();
    assert!(queue.items().is_empty());
}

/// Everything in the spool.
fn spooled(queue: &Queue) -> String {
    let items = fs::read_dir(format!("{}/items", queue.dir())).unwrap();
    let texts = items.map(|item| fs::read(item.unwrap().path()).unwrap());
    texts
        .map(|bytes| String::from_utf8_lossy(&bytes).into_owned())
        .collect()
}

#[test]
fn a_refused_login_keeps_the_message_and_holds_up_nobody_else_at_that_relay() {
    let server = Server::with_door(|door| {
        let mut talk = door.open();
        talk.hear_login("alice", "535 5.7.8 wrong password alice-hunter2");
        talk.quit();
        talk.end();
        let mut talk = door.open();
        talk.hear_login("carol", "235 welcome");
        talk.take_one();
        talk.quit();
        talk.end();
        let mut talk = door.open();
        talk.hear_login("alice", "235 welcome");
        talk.take_one();
        talk.quit();
        talk.end();
    });
    let queue = Queue::new();
    let [one, other] = ["alice", "alice"].map(|user| keep_as(&queue, server.port, user));
    let run = queue.verb(&["run", &one]);
    run.exits(0).complains(1).says(&["535 5.7.8"]);
    // Who has the wrong password is not asked for it again for each message, nor is that said for each.
    queue.verb(&["run"]).exits(0).is_silent();
    let words = queue.items()[1]["recipients"][0]["words"].to_string();
    assert!(words.contains("was not tried"), "{words}");
    let spool = spooled(&queue);
    assert!(!spool.contains("hunter2"), "{spool}");
    keep_as(&queue, server.port, "carol");
    queue.verb(&["run"]).exits(0).is_silent();
    assert_eq!(queue.ids(), [one.clone(), other.clone()]);
    queue.verb(&["remove", &other]).exits(0);
    queue.verb(&["run", &one]).exits(0).is_silent();
    server.finish();
    assert!(queue.items().is_empty());
}

/// Writes the journal of an item anew, as if this had been noted.
fn rewrite(queue: &Queue, id: &str, change: impl Fn(Value) -> Option<Value>) {
    let path = format!("{}/items/{id}.log", queue.dir());
    let journal = fs::read_to_string(&path).unwrap();
    let lines = journal.lines().filter_map(|line| {
        let entry = change(serde_json::from_str(&line[9..]).unwrap())?;
        let json = entry.to_string();
        Some(format!("{:08x} {json}\n", crc32fast::hash(json.as_bytes())))
    });
    fs::write(&path, lines.collect::<String>()).unwrap();
}

/// Makes all that was noted of an item half a day older.
fn age(queue: &Queue, id: &str) {
    rewrite(queue, id, |mut entry| {
        if let Some(at) = entry["at"].as_u64() {
            entry["at"] = (at - 12 * 60 * 60 * 1000).into();
        }
        Some(entry)
    });
}

/// Alice's message to carol and bob: the recipients get these replies, and nobody the message.
fn refuse_both(talk: &mut Talk, replies: &[(&str, &str)]) {
    talk.expect("MAIL FROM:<alice@crepes.fr>");
    talk.say("250 ok");
    for (recipient, reply) in replies {
        talk.expect(&format!("RCPT TO:<{recipient}@hamburger.edu>"));
        talk.say(reply);
    }
}

#[test]
fn a_crash_behind_a_report_makes_no_second_one() {
    let server = Server::with_door(|door| {
        let mut talk = door.open();
        talk.greet(&[]);
        refuse_both(&mut talk, &[("carol", "450 later"), ("bob", "550 no")]);
        talk.quit();
        talk.end();
        let mut talk = door.open();
        talk.greet(&[]);
        talk.expect("MAIL FROM:<>");
        talk.say("450 later");
        talk.quit();
        talk.end();
        let mut talk = door.open();
        talk.greet(&[]);
        refuse_both(&mut talk, &[("carol", "550 no")]);
        talk.expect("RSET");
        talk.say("250 ok");
        talk.expect("MAIL FROM:<>");
        talk.say("250 ok");
        talk.expect("RCPT TO:<alice@crepes.fr>");
        talk.say("250 ok");
        let first = talk.data();
        talk.say("250 taken");
        talk.quit();
        talk.end();
        [first, door.open().take_report()]
    });
    let queue = Queue::with(ONE);
    let id = queue.keep_with(server.port, &["carol@hamburger.edu"]);
    queue.verb(&["run"]).exits(0);
    assert_eq!(queue.ids().len(), 2);
    // As if the writer of the report had died before it noted that it was there.
    rewrite(&queue, &id, |entry| {
        Some(entry).filter(|entry| entry["event"] != "reported")
    });
    queue.verb(&["run", "--now"]).exits(0);
    let reported = server.finish().map(|report| finally(&report.text()));
    assert!(queue.items().is_empty());
    let once = [["bob@hamburger.edu"], ["carol@hamburger.edu"]];
    assert_eq!(reported, once);
}

/// About whom a report is.
fn finally(report: &str) -> Vec<String> {
    let finals = report.lines().filter_map(|line| {
        let recipient = line.strip_prefix("Final-Recipient: rfc822;")?;
        Some(recipient.trim().to_owned())
    });
    finals.collect()
}

#[test]
fn after_long_enough_the_message_is_given_up_and_its_sender_told() {
    let defer = |talk: &mut Talk| {
        talk.greet(&[]);
        talk.refuse_bob("450 4.2.1 mailbox busy");
        talk.quit();
        talk.end();
    };
    let server = Server::with_door(move |door| {
        for _ in 0..3 {
            defer(&mut door.open());
        }
        door.open().take_report()
    });
    let queue = Queue::with("give-up = \"1d\"");
    let id = queue.keep(server.port);
    queue.verb(&["run"]).exits(0).complains(1);
    age(&queue, &id);
    queue.verb(&["run"]).exits(0).is_silent();
    age(&queue, &id);
    queue
        .verb(&["run"])
        .exits(0)
        .complains(1)
        .says(&["delivery abandoned after 24 hours"]);
    let report = server.finish().text();
    assert!(report.contains("mailbox busy"), "{report}");
    assert!(report.contains("Action: failed\r\n"), "{report}");
    assert!(queue.items().is_empty());
}

#[test]
fn a_message_to_many_hosts_does_not_keep_all_of_them_waiting() {
    const HOSTS: u8 = 12;
    let first = TcpListener::bind("127.0.0.2:0").unwrap();
    let port = first.local_addr().unwrap().port();
    let others = 3..2 + HOSTS;
    let others =
        others.map(|host| TcpListener::bind((Ipv4Addr::new(127, 0, 0, host), port)).unwrap());
    let listeners: Vec<TcpListener> = std::iter::once(first).chain(others).collect();
    let addresses = listeners.iter().map(|one| one.local_addr().unwrap().ip());
    let recipients: Vec<String> = addresses.map(|ip| format!("bob@[{ip}]")).collect();
    let servers: Vec<_> = listeners
        .into_iter()
        .zip(recipients.clone())
        .map(|(listener, recipient)| {
            thread::spawn(move || {
                let mut talk = Talk::over(listener.accept().unwrap().0);
                let begun = Instant::now();
                talk.greet(&[]);
                talk.envelope(&[&recipient]);
                talk.data();
                talk.say("250 taken");
                talk.expect("QUIT");
                let ended = Instant::now();
                talk.say("221 bye");
                talk.end();
                (begun, ended)
            })
        })
        .collect();
    let queue = Queue::new();
    let run = queue
        .ehlo(&["--queue", "--helo", "me.example", "-f", "alice@crepes.fr"])
        .args(["--port", &port.to_string(), "-b", "hi"])
        .args(&recipients)
        .run();
    run.exits(0).complains(0);
    let mut times: Vec<(Instant, Instant)> = servers
        .into_iter()
        .map(|server| server.join().unwrap())
        .collect();
    times.sort();
    let waiting = |at: Instant| {
        times
            .iter()
            .filter(move |(begun, ended)| *begun < at && at < *ended)
    };
    let most = times.iter().map(|(begun, _)| waiting(*begun).count()).max();
    assert!(most <= Some(9), "{most:?} connections were open at once");
}

#[test]
fn who_comes_while_a_slow_host_is_waited_for_does_not_wait_for_it() {
    let slow = TcpListener::bind("127.0.0.2:0").unwrap();
    let port = slow.local_addr().unwrap().port();
    let fast = TcpListener::bind((Ipv4Addr::new(127, 0, 0, 3), port)).unwrap();
    let queue = Queue::new();
    let keep = |recipient: &str| {
        queue
            .ehlo(&["--queue-only", "--helo", "me.example", "-b", "hi"])
            .args([
                "-f",
                "alice@crepes.fr",
                "--port",
                &port.to_string(),
                recipient,
            ])
            .run()
            .exits(0);
    };
    keep("bob@[127.0.0.2]");
    thread::scope(|scope| {
        let run = scope.spawn(|| queue.verb(&["run"]));
        // It has us wait for its greeting.
        let silent = slow.accept().unwrap().0;
        keep("carol@[127.0.0.3]");
        let mut talk = Talk::over(fast.accept().unwrap().0);
        talk.greet(&[]);
        talk.envelope(&["carol@[127.0.0.3]"]);
        talk.data();
        talk.say("250 taken");
        talk.expect("QUIT");
        talk.say("221 bye");
        talk.end();
        drop(silent);
        run.join().unwrap().exits(0).complains(1);
    });
    assert_eq!(queue.items().len(), 1);
}
