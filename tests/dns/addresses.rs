//! Addresses of hosts: both families, literals, and ways that need no DNS.

use crate::authority::Authority;
use crate::exchangers::Exchangers;
use crate::run::{ehlo, send};
use socket2::{Domain, Socket, Type};
use std::net::{SocketAddr, TcpListener, TcpStream};

const BOTH: [&str; 3] = [
    "example.test MX 0 mx.test",
    "mx.test A 127.0.0.2",
    "mx.test AAAA ::1",
];

#[test]
fn a_failure_for_aaaa_does_not_harm_a() {
    let dns = Authority::serve(&[
        "example.test MX 0 mx.test",
        "mx.test A 127.0.0.2",
        "mx.test AAAA SERVFAIL",
    ]);
    let mx = Exchangers::willing(&["127.0.0.2"]);
    send(&dns, &mx, &["bob@example.test"]).ends_with(0);
    assert_eq!(mx.takers(), ["127.0.0.2"]);
}

#[test]
fn a_failure_for_a_does_not_harm_aaaa() {
    let dns = Authority::serve(&[
        "example.test MX 0 mx.test",
        "mx.test A SERVFAIL",
        "mx.test AAAA ::1",
    ]);
    let mx = Exchangers::willing(&["::1"]);
    send(&dns, &mx, &["bob@example.test"]).ends_with(0);
    assert_eq!(mx.takers(), ["::1"]);
}

#[test]
fn silence_for_aaaa_does_not_harm_a() {
    let dns = Authority::serve(&[
        "example.test MX 0 mx.test",
        "mx.test A 127.0.0.2",
        "mx.test AAAA SILENCE",
    ]);
    let mx = Exchangers::willing(&["127.0.0.2"]);
    let ran = send(&dns, &mx, &["bob@example.test"]);
    ran.ends_with(0).shows("waiting for");
    assert!(ran.took.as_secs() < 10, "{ran:#?}");
}

#[test]
fn both_families_are_tried() {
    // RFC 5321 §5.1
    let dns = Authority::serve(&BOTH);
    let mx = Exchangers::willing(&[]);
    let mut tried = send(&dns, &mx, &["bob@example.test"]).tried();
    tried.sort();
    assert_eq!(tried, ["127.0.0.2", "::1"]);
}

#[test]
fn minus_4_uses_only_ipv4() {
    let dns = Authority::serve(&BOTH);
    let mx = Exchangers::willing(&["::1", "127.0.0.2"]);
    send(&dns, &mx, &["-4", "bob@example.test"]).ends_with(0);
    assert_eq!(mx.connections(), ["127.0.0.2"]);
    assert_eq!(dns.count("AAAA"), 0);
}

#[test]
fn minus_6_uses_only_ipv6() {
    let dns = Authority::serve(&BOTH);
    let mx = Exchangers::willing(&["::1", "127.0.0.2"]);
    send(&dns, &mx, &["-6", "bob@example.test"]).ends_with(0);
    assert_eq!(mx.connections(), ["::1"]);
}

#[test]
fn minus_6_where_there_is_only_ipv4_connects_to_nobody() {
    let dns = Authority::serve(&["example.test MX 0 mx.test", "mx.test A 127.0.0.2"]);
    let mx = Exchangers::willing(&["127.0.0.2"]);
    let ran = send(&dns, &mx, &["-6", "bob@example.test"]);
    assert!(ran.code != 0, "{ran:#?}");
    ran.complains("mx.test");
    assert_eq!(mx.connections(), [""; 0]);
}

#[test]
fn an_exchanger_written_as_an_address_does_no_harm() {
    // RFC 5321 §5.1: follow or skip. The next one is there in any case.
    let dns = Authority::serve(&[
        "example.test MX 0 127.0.0.2",
        "example.test MX 10 mx.test",
        "mx.test A 127.0.0.3",
    ]);
    for host in ["127.0.0.2", "127.0.0.3"] {
        let mx = Exchangers::willing(&[host]);
        let ran = send(&dns, &mx, &["bob@example.test"]);
        if host == "127.0.0.3" || ran.tried().contains(&"127.0.0.2".to_owned()) {
            ran.ends_with(0);
            assert_eq!(mx.takers(), [host]);
        }
    }
}

#[test]
fn a_recipient_at_an_address_needs_no_dns() {
    let dns = Authority::serve(&["example.test MX REFUSED"]);
    let mx = Exchangers::willing(&["127.0.0.5"]);
    send(&dns, &mx, &["user@[127.0.0.5]"])
        .ends_with(0)
        .shows("user@[127.0.0.5]... Sent (");
    assert_eq!(mx.taken()[0].recipients, ["<user@[127.0.0.5]>"]);
    assert_eq!(dns.asked(), [""; 0]);
}

#[test]
fn a_recipient_at_an_ipv6_address_is_reached_there() {
    let dns = Authority::serve(&["example.test MX REFUSED"]);
    let mx = Exchangers::willing(&["::1"]);
    send(&dns, &mx, &["user@[IPv6:::1]"]).ends_with(0);
    assert_eq!(mx.taken()[0].recipients, ["<user@[IPv6:::1]>"]);
    assert_eq!(dns.asked(), [""; 0]);
}

#[test]
fn a_relay_by_address_needs_no_dns() {
    let dns = Authority::serve(&["example.test MX SILENCE"]);
    let mx = Exchangers::willing(&["127.0.0.2"]);
    send(&dns, &mx, &["--relay", "127.0.0.2", "bob@example.test"]).ends_with(0);
    assert_eq!(mx.takers(), ["127.0.0.2"]);
    assert_eq!(dns.asked(), [""; 0]);
}

#[test]
fn a_relay_takes_all_domains_in_one_transaction() {
    let mx = Exchangers::willing(&["127.0.0.2"]);
    let relay = format!("127.0.0.2:{}", mx.port);
    let from = ["-r", &relay, "-f", "alice@sender.test", "-b", "text"];
    let to = ["bob@one.test", "carol@two.test", "dan@null.test"];
    ehlo(&[&from[..], &to[..]].concat()).ends_with(0);
    assert_eq!(mx.connections().len(), 1);
    let all = ["<bob@one.test>", "<carol@two.test>", "<dan@null.test>"];
    assert_eq!(mx.taken()[0].recipients, all);
}

#[test]
fn a_relay_by_name_is_found_with_the_resolver_that_was_named_and_its_mx_is_not_asked() {
    let dns = Authority::serve(&[
        "relay.test A 127.0.0.2",
        "relay.test MX 0 other.test",
        "other.test A 127.0.0.3",
    ]);
    let mx = Exchangers::willing(&["127.0.0.2", "127.0.0.3"]);
    send(&dns, &mx, &["-r", "relay.test", "bob@example.test"]).ends_with(0);
    assert_eq!(mx.connections(), ["127.0.0.2"]);
    assert_eq!(dns.count("MX"), 0);
}

/// A listener that answers nobody, because its queue is full; and what fills it.
fn deaf(host: &str, port: u16) -> (TcpListener, TcpStream) {
    let address = SocketAddr::new(host.parse().unwrap(), port);
    let socket = Socket::new(Domain::for_address(address), Type::STREAM, None).unwrap();
    socket.bind(&address.into()).unwrap();
    socket.listen(0).unwrap();
    let filling = TcpStream::connect(address).unwrap();
    (socket.into(), filling)
}

#[test]
fn a_family_that_does_not_answer_is_not_waited_for() {
    // RFC 8305 §5
    let dns = Authority::serve(&BOTH);
    let mx = Exchangers::willing(&["127.0.0.2"]);
    let _deaf = deaf("::1", mx.port);
    let ran = send(&dns, &mx, &["bob@example.test"]);
    let port = mx.port;
    ran.ends_with(0).shows(&format!(
        "Trying [::1]:{port}... \nTrying 127.0.0.2:{port}... Connected.\n220 "
    ));
    assert_eq!(ran.stderr, "");
    assert!(ran.took.as_secs() < 10, "{ran:#?}");
    assert_eq!(mx.takers(), ["127.0.0.2"]);
}

#[test]
fn who_says_not_now_leaves_the_mail_to_an_address_that_did_not_answer_in_time() {
    let dns = Authority::serve(&BOTH);
    let mx = Exchangers::start(&[("127.0.0.2", &[("MAIL", "451 4.3.0 later")])]);
    let _deaf = deaf("::1", mx.port);
    let ran = send(&dns, &mx, &["--timeout", "2s", "bob@example.test"]);
    ran.ends_with(75).complains("[::1]").complains("timed out");
    assert_eq!(ran.tried(), ["::1", "127.0.0.2", "::1"]);
}

#[test]
fn a_detour_leaves_the_mx_its_name() {
    let dns = Authority::serve(&["example.test MX 0 mx.test", "mx.test A SERVFAIL"]);
    let mx = Exchangers::willing(&["127.0.0.3"]);
    send(
        &dns,
        &mx,
        &["--connect-to", "127.0.0.3", "bob@example.test"],
    )
    .ends_with(0)
    .shows("Connecting to mx.test. (")
    .shows(&format!("Trying 127.0.0.3:{}... Connected.\n", mx.port));
    assert_eq!((dns.count("MX"), dns.count("A")), (1, 0));
}
