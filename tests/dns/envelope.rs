//! Which recipients travel together, and what their addresses look like on the way.

use crate::authority::Authority;
use crate::exchangers::{Exchangers, WILLING};
use crate::run::send;

#[test]
fn two_domains_with_the_same_exchangers_share_one_transaction() {
    let dns = Authority::serve(&[
        "one.test MX 10 mx1.test",
        "one.test MX 20 mx2.test",
        "two.test MX 5 MX1.test",
        "two.test MX 7 mx2.test",
        "mx1.test A 127.0.0.2",
        "mx2.test A 127.0.0.3",
    ]);
    let mx = Exchangers::willing(&["127.0.0.2", "127.0.0.3"]);
    send(&dns, &mx, &["bob@one.test", "carol@two.test"])
        .ends_with(0)
        .shows("bob@one.test... Sent (")
        .shows("carol@two.test... Sent (");
    assert_eq!(mx.connections(), ["127.0.0.2"]);
    assert_eq!(mx.taken().len(), 1);
    let both = ["<bob@one.test>", "<carol@two.test>"];
    assert_eq!(mx.taken()[0].recipients, both);
}

#[test]
fn two_domains_with_different_exchangers_are_two_connections() {
    let dns = Authority::serve(&[
        "one.test MX 10 mx1.test",
        "two.test MX 10 mx2.test",
        "mx1.test A 127.0.0.2",
        "mx2.test A 127.0.0.3",
    ]);
    let mx = Exchangers::start(&[
        ("127.0.0.2", WILLING),
        ("127.0.0.3", &[("RCPT", "550 5.1.1 no such user")]),
    ]);
    send(
        &dns,
        &mx,
        &["bob@one.test", "carol@two.test", "dan@one.test"],
    )
    .ends_with(79)
    .shows("carol@two.test... Refused (550 5.1.1 no such user)");
    assert_eq!(mx.connections(), ["127.0.0.2", "127.0.0.3"]);
    let taken = mx.taken();
    assert_eq!(taken.len(), 1);
    assert_eq!(taken[0].recipients, ["<bob@one.test>", "<dan@one.test>"]);
}

#[test]
fn every_domain_is_asked_for_once_however_it_is_spelled() {
    let dns = Authority::serve(&["one.test MX 10 mx1.test", "mx1.test A 127.0.0.2"]);
    let mx = Exchangers::willing(&["127.0.0.2"]);
    send(
        &dns,
        &mx,
        &["bob@One.test", "carol@one.TEST", "dan@one.test"],
    )
    .ends_with(0);
    assert_eq!(dns.count("MX "), 1, "{:?}", dns.asked());
    assert_eq!(mx.taken()[0].recipients.len(), 3);
}

#[test]
fn an_international_domain_is_asked_for_and_addressed_by_its_a_label() {
    let dns = Authority::serve(&["xn--bcher-kva.test MX 0 mx.test", "mx.test A 127.0.0.2"]);
    let mx = Exchangers::willing(&["127.0.0.2"]);
    send(&dns, &mx, &["bob@Bücher.test"]).ends_with(0);
    assert_eq!(dns.count("MX xn--bcher-kva.test"), 1, "{:?}", dns.asked());
    assert_eq!(mx.taken()[0].recipients, ["<bob@xn--bcher-kva.test>"]);
}

#[test]
fn a_domain_with_a_dot_at_its_end_in_the_dns_is_the_same_domain() {
    let dns = Authority::serve(&["example.test. MX 0 mx.test.", "mx.test. A 127.0.0.2"]);
    let mx = Exchangers::willing(&["127.0.0.2"]);
    send(&dns, &mx, &["bob@example.test"])
        .ends_with(0)
        .shows("Connecting to mx.test. (")
        .hides("mx.test..");
    assert_eq!(mx.taken()[0].recipients, ["<bob@example.test>"]);
}

#[test]
fn a_recipient_who_is_named_twice_is_asked_for_once() {
    let dns = Authority::serve(&["example.test MX 0 mx.test", "mx.test A 127.0.0.2"]);
    let mx = Exchangers::willing(&["127.0.0.2"]);
    send(&dns, &mx, &["--cc", "bob@EXAMPLE.test", "bob@example.test"]).ends_with(0);
    let rcpt = |line: &&String| line.starts_with("RCPT");
    assert_eq!(mx.commands().iter().filter(rcpt).count(), 1);
}

#[test]
fn the_verdicts_in_json_name_host_and_address() {
    let dns = Authority::serve(&["example.test MX 0 mx.test", "mx.test A 127.0.0.2"]);
    let mx = Exchangers::willing(&["127.0.0.2"]);
    let ran = send(
        &dns,
        &mx,
        &["--json", "bob@example.test", "carol@nowhere.test"],
    );
    ran.ends_with(79);
    let last = ran.stdout.lines().last().unwrap();
    let result: serde_json::Value = serde_json::from_str(last).unwrap();
    assert_eq!(result["event"], "result");
    assert_eq!(result["exit"], 79);
    let (bob, carol) = (&result["recipients"][0], &result["recipients"][1]);
    assert_eq!(bob["verdict"], "accepted");
    assert_eq!(bob["host"], "mx.test");
    assert_eq!(bob["ip"], "127.0.0.2");
    assert_eq!(bob["port"], mx.port);
    assert_eq!(carol["address"], "carol@nowhere.test");
    assert_eq!(carol["verdict"], "refused");
}
