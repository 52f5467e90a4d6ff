//! Recipients of one message that need several transactions or sessions with the same server.

use crate::authority::Authority;
use crate::exchangers::{Exchangers, Manners, WILLING};
use crate::run::{ehlo, send};
use tempfile::TempDir;

const TWO_HOSTS: [&str; 4] = [
    "example.test MX 0 first.test",
    "example.test MX 10 second.test",
    "first.test A 127.0.0.2",
    "second.test A 127.0.0.3",
];

/// One recipient in a transaction, and one transaction in a session.
const ONE_OF_EACH: (&str, &str) = ("EHLO", "250-mx.test\r\n250 LIMITS MAILMAX=1 RCPTMAX=1");

/// The same for three transactions in a session.
const THREE_TRANSACTIONS: (&str, &str) = ("EHLO", "250-mx.test\r\n250 LIMITS MAILMAX=3 RCPTMAX=1");

/// A queue of a test's own, delivered by one worker.
struct Queue(TempDir);

impl Queue {
    fn new() -> Self {
        let queue = Self(tempfile::tempdir().unwrap());
        let settings = format!(
            "[queue]\ndir = \"{}\"\nconnections = 1\n",
            queue.path("queue")
        );
        std::fs::write(queue.path("config"), settings).unwrap();
        queue
    }

    fn path(&self, name: &str) -> String {
        self.0.path().join(name).to_str().unwrap().to_owned()
    }

    fn keep(&self, dns: &Authority, mx: &Exchangers, recipients: &[&str]) {
        let config = self.path("config");
        let options = ["--config", &config, "--queue-only", "-q"];
        send(dns, mx, &[&options[..], recipients].concat()).ends_with(0);
    }

    fn run(&self) {
        ehlo(&["queue", "run", "--config", &self.path("config")]);
    }
}

fn names(count: usize) -> Vec<String> {
    (0..count).map(|n| format!("r{n}@example.test")).collect()
}

#[test]
fn a_session_for_each_of_many_recipients_needs_no_more_stack() {
    const MANNERS: Manners = &[ONE_OF_EACH];
    let dns = Authority::serve(&["example.test MX 0 first.test", "first.test A 127.0.0.2"]);
    let mx = Exchangers::start(&[("127.0.0.2", MANNERS)]);
    let names = names(700);
    let recipients: Vec<&str> = names.iter().map(String::as_str).collect();
    let queue = Queue::new();
    queue.keep(&dns, &mx, &recipients);
    queue.run();
    assert_eq!(mx.taken().len(), 700);
}

#[test]
fn a_limit_of_no_transactions_ends_with_a_verdict() {
    const MANNERS: Manners = &[("EHLO", "250-mx.test\r\n250 LIMITS MAILMAX=0")];
    let dns = Authority::serve(&TWO_HOSTS);
    let mx = Exchangers::start(&[("127.0.0.2", MANNERS), ("127.0.0.3", WILLING)]);
    let ran = send(&dns, &mx, &["bob@example.test"]);
    ran.ends_with(0);
    assert_eq!(mx.taken().len(), 1);
}

#[test]
fn a_recipient_of_a_second_session_is_not_offered_to_the_next_host() {
    const MANNERS: Manners = &[THREE_TRANSACTIONS, ("RCPT TO:<r0@", "450 4.2.1 not now")];
    let dns = Authority::serve(&TWO_HOSTS);
    let mx = Exchangers::start(&[("127.0.0.2", MANNERS), ("127.0.0.3", WILLING)]);
    let queue = Queue::new();
    // The first message leaves one transaction of its session to the second one, which needs two.
    for _ in 0..2 {
        queue.keep(&dns, &mx, &["r0@example.test", "r1@example.test"]);
    }
    queue.run();
    let by = |host: &str| {
        let taken = mx.taken().into_iter().filter(|taken| taken.by == host);
        taken.flat_map(|taken| taken.recipients).collect::<Vec<_>>()
    };
    assert_eq!(by("127.0.0.2"), ["<r1@example.test>"; 2]);
    assert_eq!(by("127.0.0.3"), ["<r0@example.test>"]);
}

#[test]
fn a_refused_message_is_offered_for_the_recipients_of_the_next_transaction() {
    const MANNERS: Manners = &[(".", "554 5.7.1 one of these recipients does not want this")];
    let dns = Authority::serve(&["example.test MX 0 first.test", "first.test A 127.0.0.2"]);
    let mx = Exchangers::start(&[("127.0.0.2", MANNERS)]);
    let names = names(150);
    let recipients: Vec<&str> = names.iter().map(String::as_str).collect();
    send(&dns, &mx, &recipients).ends_with(69);
    let commands = mx.commands();
    let count = |verb: &str| {
        commands
            .iter()
            .filter(|line| line.starts_with(verb))
            .count()
    };
    assert_eq!((count("MAIL"), count("RCPT")), (2, 150));
}

#[test]
fn too_many_recipients_is_temporary_with_any_code() {
    for code in ["452", "552"] {
        let reply: &'static str = format!("{code} too many recipients").leak();
        for end in ["451 4.3.0 try later", ""] {
            let manners: Manners = vec![("RCPT TO:<r1@", reply), (".", end)].leak();
            let dns = Authority::serve(&["example.test MX 0 first.test", "first.test A 127.0.0.2"]);
            let mx = Exchangers::start(&[("127.0.0.2", manners)]);
            let ran = send(&dns, &mx, &["r0@example.test", "r1@example.test"]);
            assert!(
                ran.stdout.contains("r1@example.test... Deferred"),
                "{ran:#?}"
            );
        }
    }
}
