//! RFC 5321 §5.1: where we are an exchanger of the domain ourselves, mail must not go round in circles.

use crate::authority::Authority;
use crate::exchangers::Exchangers;
use crate::network;
use crate::run::send;
use std::net::{IpAddr, UdpSocket};

#[test]
fn only_hosts_better_than_ourselves_are_tried() {
    let dns = Authority::serve(&[
        "example.test MX 10 a.test",
        "example.test MX 20 Client.test",
        "example.test MX 20 b.test",
        "example.test MX 30 c.test",
        "a.test A 127.0.0.2",
        "b.test A 127.0.0.3",
        "c.test A 127.0.0.4",
        "client.test A 127.0.0.5",
    ]);
    let mx = Exchangers::willing(&["127.0.0.3", "127.0.0.4", "127.0.0.5"]);
    let ran = send(&dns, &mx, &["bob@example.test"]);
    ran.ends_with(75).shows("lient.test is this host");
    assert_eq!(ran.tried(), ["127.0.0.2"]);
    assert_eq!(mx.connections(), [""; 0]);
}

#[test]
fn where_we_are_the_best_the_mail_would_loop() {
    let dns = Authority::serve(&[
        "example.test MX 10 client.test",
        "example.test MX 20 b.test",
        "client.test A 127.0.0.2",
        "b.test A 127.0.0.3",
    ]);
    let mx = Exchangers::willing(&["127.0.0.2", "127.0.0.3"]);
    send(&dns, &mx, &["bob@example.test"])
        .ends_with(69)
        .complains("loop")
        .complains("--relay");
    assert_eq!(mx.connections(), [""; 0]);
}

#[test]
fn an_exchanger_called_localhost_is_ourselves() {
    let dns = Authority::serve(&["example.test MX 10 localhost", "localhost A 127.0.0.2"]);
    let mx = Exchangers::willing(&["127.0.0.2"]);
    send(&dns, &mx, &["bob@example.test"])
        .ends_with(69)
        .complains("loop");
    assert_eq!(mx.connections(), [""; 0]);
}

/// An address of this host that is not loopback; asking the routing table sends nothing.
fn own_address() -> Option<IpAddr> {
    let socket = UdpSocket::bind("0.0.0.0:0").ok()?;
    socket.connect("192.0.2.99:9").ok()?;
    let ip = socket.local_addr().ok()?.ip();
    (!ip.is_loopback() && !ip.is_unspecified()).then_some(ip)
}

#[test]
fn a_host_that_has_our_address_is_ourselves_under_another_name() {
    let Some(own) = own_address() else {
        return eprintln!("skipped: this host has no address but loopback");
    };
    let dns = Authority::serve(&[
        "example.test MX 10 other.test".to_owned(),
        format!("other.test A {own}"),
    ]);
    let mx = Exchangers::willing(&[]);
    let ran = send(&dns, &mx, &["bob@example.test"]);
    ran.ends_with(69).complains("loop");
    assert_eq!(ran.tried(), [""; 0]);
}

#[test]
fn hosts_worse_than_one_that_has_our_address_are_not_tried() {
    let Some(own) = own_address() else {
        return eprintln!("skipped: this host has no address but loopback");
    };
    let dns = Authority::serve(&[
        "example.test MX 10 other.test".to_owned(),
        "example.test MX 20 worse.test".to_owned(),
        format!("other.test A {own}"),
        "worse.test A 127.0.0.3".to_owned(),
    ]);
    let mx = Exchangers::willing(&["127.0.0.3"]);
    let ran = send(&dns, &mx, &["bob@example.test"]);
    ran.ends_with(69).complains("loop");
    assert_eq!(mx.connections(), [""; 0]);
}

#[test]
fn an_address_that_can_only_be_bound_to_is_not_ourselves() {
    // `ip_nonlocal_bind` is usual on hosts that share an address (VRRP), where every address can be bound.
    for switch in ["0", "1"] {
        if !network::enter() {
            return;
        }
        std::fs::write("/proc/sys/net/ipv4/ip_nonlocal_bind", switch).unwrap();
        let dns = Authority::serve(&["example.test MX 10 other.test", "other.test A 192.0.2.7"]);
        let mx = Exchangers::willing(&[]);
        let ran = send(&dns, &mx, &["bob@example.test"]);
        ran.ends_with(75).complains("192.0.2.7");
    }
}
