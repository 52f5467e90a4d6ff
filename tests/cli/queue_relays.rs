//! Relays that are down, busy or offended: nothing is lost, and they are not pestered for each item.

use crate::relay::{Do, Relay};
use crate::spool::Queue;
use serde_json::Value;
use std::sync::atomic::{AtomicUsize, Ordering};

/// More than workers.
const ITEMS: usize = 20;

/// So many connections may be made at once.
const WORKERS: usize = 4;

fn filled(relay: &Relay, options: &[&str]) -> Queue {
    let queue = Queue::new();
    for _ in 0..ITEMS {
        queue.put(relay.port, options);
    }
    queue
}

#[test]
fn a_relay_that_allows_one_connection_gets_all_in_one_run() {
    let relay = Relay::start(|moment| {
        if moment.line.is_empty() && moment.guests > 1 {
            return Do::Say("421 4.7.0 one connection is enough");
        }
        Do::Usual
    });
    let queue = filled(&relay, &[]);
    let run = queue.verb(&["run"]);
    assert_eq!(relay.taken().len(), ITEMS, "{}", run.stderr);
    run.exits(0).complains(0);
    assert!(queue.items().is_empty());
}

/// What a relay says before it knows what we want is about us.
#[test]
fn a_relay_that_does_not_even_greet_us_loses_nothing_and_is_not_asked_for_each_item() {
    for greeting in [
        "421 4.3.2 back soon",
        "450 4.7.1 not now",
        "554 5.7.1 not you",
    ] {
        let relay = Relay::start(move |moment| match moment.line {
            "" => Do::Say(greeting),
            _ => Do::Usual,
        });
        let queue = filled(&relay, &[]);
        let run = queue.verb(&["run"]);
        run.exits(0).complains(1).says(&[greeting]);
        assert!(relay.heard("") <= 2 * WORKERS, "{greeting}");
        let items = queue.items();
        assert_eq!(items.len(), ITEMS);
        let is_kept = |item: &Value| item["state"] != "dead";
        assert!(items.iter().all(is_kept), "{items:#?}");
    }
}

#[test]
fn a_refused_login_is_not_tried_for_each_item_whoever_is_in_a_hurry() {
    let relay = Relay::start(|moment| match moment.line.get(..4) {
        Some("EHLO") => Do::Say("250-relay.example\r\n250 AUTH PLAIN"),
        Some("AUTH") => Do::Say("535 5.7.8 who are you?"),
        _ => Do::Usual,
    });
    let login = [
        "-u",
        "alice",
        "--password-command",
        "echo secret",
        "--allow-cleartext-password",
    ];
    let queue = filled(&relay, &login);
    for (runs, options) in [(1, &["run"][..]), (2, &["run", "--now"])] {
        queue.verb(options).exits(0);
        assert!(relay.heard("AUTH") <= runs * WORKERS, "{options:?}");
    }
    assert_eq!(queue.items().len(), ITEMS);
    assert_eq!(relay.taken(), []);
}

#[test]
fn a_relay_that_takes_few_messages_on_a_connection_gets_all() {
    for goodbye in ["MAIL", "RSET"] {
        let count = AtomicUsize::new(0);
        let relay = Relay::start(move |moment| {
            let is_goodbye = moment.line.starts_with(goodbye);
            if is_goodbye && count.fetch_add(1, Ordering::SeqCst) % 3 == 2 {
                return Do::Say("421 4.7.0 enough");
            }
            Do::Usual
        });
        let queue = filled(&relay, &[]);
        for _ in 0..3 {
            queue.verb(&["run", "--now"]).exits(0);
        }
        assert_eq!(relay.taken().len(), ITEMS, "{goodbye}");
        assert!(queue.items().is_empty());
    }
}
