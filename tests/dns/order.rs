//! In which order mail exchangers are tried.

use crate::authority::Authority;
use crate::exchangers::Exchangers;
use crate::run::send;
use std::collections::BTreeSet;

#[test]
fn the_best_preference_is_tried_first_in_whatever_order_the_records_come() {
    let dns = Authority::serve(&[
        "example.test MX 30 c.test",
        "example.test MX 5 a.test",
        "example.test MX 20 b.test",
        "a.test A 127.0.0.2",
        "b.test A 127.0.0.3",
        "c.test A 127.0.0.4",
    ]);
    let mx = Exchangers::willing(&["127.0.0.4", "127.0.0.2", "127.0.0.3"]);
    let ran = send(&dns, &mx, &["bob@example.test"]);
    ran.ends_with(0).shows("bob@example.test... Sent (");
    assert_eq!(mx.connections(), ["127.0.0.2"]);
    assert_eq!(mx.takers(), ["127.0.0.2"]);
}

#[test]
fn all_of_them_are_tried_from_best_to_worst() {
    let dns = Authority::serve(&[
        "example.test MX 300 c.test",
        "example.test MX 0 a.test",
        "example.test MX 20 b.test",
        "a.test A 127.0.0.2",
        "b.test A 127.0.0.3",
        "c.test A 127.0.0.4",
    ]);
    let mx = Exchangers::willing(&[]);
    let ran = send(&dns, &mx, &["bob@example.test"]);
    ran.ends_with(75).shows("bob@example.test... Deferred (");
    assert_eq!(ran.tried(), ["127.0.0.2", "127.0.0.3", "127.0.0.4"]);
}

#[test]
fn equal_preferences_share_the_load() {
    let dns = Authority::serve(&[
        "example.test MX 10 a.test",
        "example.test MX 10 b.test",
        "example.test MX 20 c.test",
        "a.test A 127.0.0.2",
        "b.test A 127.0.0.3",
        "c.test A 127.0.0.4",
    ]);
    let mx = Exchangers::willing(&[]);
    let mut firsts = BTreeSet::new();
    // By chance, one in a billion of good programs would fail here.
    for _ in 0..30 {
        let tried = send(&dns, &mx, &["bob@example.test"]).tried();
        assert_eq!(tried.len(), 3);
        assert_eq!(tried[2], "127.0.0.4", "the worse one comes last");
        firsts.insert(tried[0].clone());
        if firsts.len() == 2 {
            return;
        }
    }
    panic!("always {firsts:?} first");
}

#[test]
fn a_host_that_is_named_twice_is_tried_once() {
    let dns = Authority::serve(&[
        "example.test MX 10 a.test",
        "example.test MX 20 b.test",
        "example.test MX 30 A.test",
        "a.test A 127.0.0.2",
        "b.test A 127.0.0.3",
    ]);
    let mx = Exchangers::willing(&[]);
    let ran = send(&dns, &mx, &["bob@example.test"]);
    ran.ends_with(75);
    assert_eq!(ran.tried(), ["127.0.0.2", "127.0.0.3"]);
}

#[test]
fn of_three_hundred_exchangers_some_are_tried_and_the_transcript_says_so() {
    let mut zone: Vec<String> = Vec::new();
    for n in 0..300 {
        zone.push(format!("example.test MX {n} mx{n}.test"));
        zone.push(format!("mx{n}.test A 127.0.1.{}", n % 250 + 1));
    }
    let dns = Authority::serve(&zone);
    let mx = Exchangers::willing(&[]);
    let ran = send(&dns, &mx, &["bob@example.test"]);
    ran.ends_with(75).shows("*** 300 mail exchangers");
    let tried = ran.tried();
    assert!((2..=100).contains(&tried.len()), "{}", tried.len());
    assert_eq!(
        tried[..2],
        ["127.0.1.1", "127.0.1.2"],
        "the best come first"
    );
}
