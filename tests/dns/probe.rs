//! `ehlo probe --mx`: every exchanger at every address, in the order of preference.

use crate::authority::Authority;
use crate::exchangers::Exchangers;
use crate::run::{Ran, ehlo};
use serde_json::Value;

const ZONE: [&str; 5] = [
    "example.test MX 20 second.test",
    "example.test MX 10 first.test",
    "first.test A 127.0.0.2",
    "first.test AAAA ::1",
    "second.test A 127.0.0.3",
];

fn probe(dns: &Authority, mx: &Exchangers, arguments: &[&str]) -> Ran {
    let (address, port) = (dns.address.to_string(), mx.port.to_string());
    let fixed = [
        "probe",
        "--dns",
        &address,
        "-p",
        &port,
        "--helo",
        "client.test",
    ];
    ehlo(&[&fixed[..], arguments].concat())
}

fn objects(ran: &Ran) -> Vec<Value> {
    let lines = ran.stdout.lines();
    lines
        .map(|line| serde_json::from_str(line).unwrap())
        .collect()
}

#[test]
fn all_exchangers_are_probed_at_all_addresses_in_order() {
    let dns = Authority::serve(&ZONE);
    let mx = Exchangers::willing(&["127.0.0.2", "::1", "127.0.0.3"]);
    let ran = probe(&dns, &mx, &["--mx", "example.test", "--json"]);
    ran.ends_with(0);
    let told = objects(&ran);
    let places: Vec<_> = told
        .iter()
        .map(|one| {
            (
                one["host"].as_str().unwrap(),
                one["preference"].as_u64().unwrap(),
                one["ip"].as_str().unwrap(),
            )
        })
        .collect();
    let mut first = places[..2].to_vec();
    first.sort_unstable();
    assert_eq!(
        first,
        [("first.test", 10, "127.0.0.2"), ("first.test", 10, "::1")]
    );
    assert_eq!(places[2..], [("second.test", 20, "127.0.0.3")]);
    assert_eq!(told[0]["domain"], "example.test");
    // An option for one family leaves the others out.
    let ran = probe(&dns, &mx, &["--mx", "example.test", "--json", "-6"]);
    let told = objects(&ran);
    assert_eq!(told[0]["ip"], "::1", "{ran:#?}");
    assert!(
        told[1]["failure"].as_str().unwrap().contains("second.test"),
        "{ran:#?}"
    );
}

#[test]
fn an_exchanger_that_is_down_does_not_hide_the_others() {
    let dns = Authority::serve(&ZONE);
    let mx = Exchangers::willing(&["::1", "127.0.0.3"]);
    let ran = probe(
        &dns,
        &mx,
        &["--mx", "example.test", "--json", "--parallel", "1"],
    );
    ran.ends_with(75)
        .complains("cannot connect to first.test [127.0.0.2]");
    let failed = objects(&ran);
    let failed: Vec<bool> = failed.iter().map(|one| !one["failure"].is_null()).collect();
    assert_eq!(failed.iter().filter(|failed| **failed).count(), 1);
    let ran = probe(&dns, &mx, &["--mx", "example.test", "--nagios"]);
    ran.ends_with(2)
        .shows("SMTP CRITICAL: cannot connect to first.test [127.0.0.2]");
    ran.shows(" | '").shows("second.test [127.0.0.3]");
}

#[test]
fn domains_without_exchangers_are_reported() {
    let dns = Authority::serve(&[
        "null.test MX 0 .",
        "plain.test A 127.0.0.2",
        "lost.test MX SERVFAIL",
    ]);
    let mx = Exchangers::willing(&["127.0.0.2"]);
    let ran = probe(
        &dns,
        &mx,
        &[
            "--mx",
            "null.test",
            "--mx",
            "plain.test",
            "--mx",
            "none.test",
            "--json",
        ],
    );
    ran.ends_with(68)
        .complains("null MX")
        .complains("none.test does not exist");
    let told = objects(&ran);
    assert_eq!(told.len(), 3, "{ran:#?}");
    assert_eq!(told[1]["ip"], "127.0.0.2");
    assert_eq!(told[1]["preference"], Value::Null);
    // The DNS says nothing about the server.
    let ran = probe(&dns, &mx, &["--mx", "lost.test", "--nagios"]);
    ran.ends_with(3)
        .shows("SMTP UNKNOWN: cannot find the mail exchanger of lost.test");
}
