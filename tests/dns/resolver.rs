//! Resolvers that do not answer, or not in one packet.

use crate::authority::Authority;
use crate::exchangers::Exchangers;
use crate::run::{Ran, send, send_by};
use std::net::{SocketAddr, TcpListener, UdpSocket};

#[track_caller]
fn gives_up_in_time(ran: &Ran) {
    ran.ends_with(75)
        .shows("waiting for")
        .shows("example.test")
        .shows("bob@example.test... Deferred (")
        .complains("cannot find the mail exchanger of example.test");
    assert!(ran.took.as_secs() < 9, "{ran:#?}");
}

fn send_to_a_dead_resolver(resolver: SocketAddr) -> Ran {
    let mx = Exchangers::willing(&[]);
    let ran = send_by(resolver, &mx, &["bob@example.test"]);
    assert_eq!(ran.tried(), [""; 0]);
    ran
}

#[test]
fn a_resolver_that_never_answers_ends_within_nine_seconds() {
    let udp = UdpSocket::bind("127.0.0.1:0").unwrap();
    let ran = send_to_a_dead_resolver(udp.local_addr().unwrap());
    gives_up_in_time(&ran);
    ran.shows("127.0.0.1");
}

#[test]
fn a_resolver_that_never_answers_over_tcp_either_ends_within_nine_seconds() {
    let tcp = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = tcp.local_addr().unwrap();
    let _udp = UdpSocket::bind(address).unwrap();
    gives_up_in_time(&send_to_a_dead_resolver(address));
}

#[test]
fn a_port_where_no_resolver_is_ends_within_nine_seconds() {
    let address = UdpSocket::bind("127.0.0.1:0").unwrap().local_addr();
    let ran = send_to_a_dead_resolver(address.unwrap());
    ran.ends_with(75)
        .complains("cannot find the mail exchanger of example.test");
    assert!(ran.took.as_secs() < 9, "{ran:#?}");
}

#[test]
fn silence_about_one_domain_does_not_harm_another() {
    let dns = Authority::serve(&[
        "slow.test MX SILENCE",
        "good.test MX 0 mx.test",
        "mx.test A 127.0.0.2",
    ]);
    let mx = Exchangers::willing(&["127.0.0.2"]);
    let ran = send(&dns, &mx, &["bob@slow.test", "carol@good.test"]);
    ran.ends_with(79)
        .shows("waiting for")
        .shows("carol@good.test... Sent (")
        .complains("slow.test");
    assert!(ran.took.as_secs() < 10, "{ran:#?}");
}

#[test]
fn silence_about_a_host_leaves_the_mail_to_the_next() {
    let dns = Authority::serve(&[
        "example.test MX 0 slow.test",
        "example.test MX 10 mx.test",
        "slow.test A SILENCE",
        "slow.test AAAA SILENCE",
        "mx.test A 127.0.0.2",
    ]);
    let mx = Exchangers::willing(&["127.0.0.2"]);
    let ran = send(&dns, &mx, &["bob@example.test"]);
    ran.ends_with(0).shows("waiting for").shows("slow.test");
    assert!(ran.took.as_secs() < 10, "{ran:#?}");
}

#[test]
fn resolver_that_does_not_know_edns_is_asked_without() {
    let zone = [
        "example.test MX 0 mx.test",
        "mx.test A 127.0.0.2",
        "mx.test AAAA ::1",
    ];
    for answer in ["FORMERR", "NOTIMP", "SERVFAIL", "SILENCE"] {
        let dns = Authority::without_edns(answer, &zone);
        let mx = Exchangers::willing(&["127.0.0.2"]);
        send(&dns, &mx, &["-4", "bob@example.test"])
            .ends_with(0)
            .hides("waiting for");
        assert_eq!(dns.count("MX example.test"), 1, "{:?}", dns.asked());
    }
}

#[test]
fn an_answer_too_large_for_a_packet_is_fetched_over_tcp() {
    let mut zone: Vec<String> = Vec::new();
    for n in 0..40 {
        let host = format!("mail-exchanger-number-{n}.a-rather-long-name-for-a-host.test");
        zone.push(format!("example.test MX {} {host}", 40 - n));
        zone.push(format!("{host} A 127.0.0.{}", 200 - n));
    }
    let dns = Authority::serve(&zone);
    let mx = Exchangers::willing(&["127.0.0.161"]);
    send(&dns, &mx, &["bob@example.test"])
        .ends_with(0)
        .shows("and 35 more");
    assert_eq!(
        dns.count("MX example.test over TCP"),
        1,
        "{:?}",
        dns.asked()
    );
    assert_eq!(mx.takers(), ["127.0.0.161"], "the best of the forty");
}

#[test]
fn without_delay_nobody_is_told_to_wait() {
    let dns = Authority::serve(&["example.test MX 0 mx.test", "mx.test A 127.0.0.2"]);
    let mx = Exchangers::willing(&["127.0.0.2"]);
    send(&dns, &mx, &["bob@example.test"])
        .ends_with(0)
        .hides("waiting for");
}
