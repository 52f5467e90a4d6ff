//! DANE: when TLSA records are looked up, and what they mean where the server has no TLS. Certificates are compared in
//! `client/wire/tls/dane.rs`, and against Postfix in `tests/interop/dane.rs`.

use crate::authority::Authority;
use crate::exchangers::Exchangers;
use crate::run::{Ran, send};

/// A domain whose records are signed, with a host that has these TLSA records.
fn signed(records: &[&str]) -> Vec<String> {
    let base = [
        "SECURE example.test",
        "example.test MX 0 mx.example.test",
        "mx.example.test A 127.0.0.2",
    ];
    let base = base.map(str::to_owned).into_iter();
    let own = |record: &&str| format!("_{{port}}._tcp.mx.example.test TLSA {record}");
    base.chain(records.iter().map(own)).collect()
}

/// Sends by an authority in whose records `{port}` is the port of the exchangers.
fn by(lines: &[impl AsRef<str>], mx: &Exchangers, arguments: &[&str]) -> (Authority, Ran) {
    let port = mx.port.to_string();
    let lines = lines
        .iter()
        .map(|line| line.as_ref().replace("{port}", &port));
    let dns = Authority::serve(&lines.collect::<Vec<_>>());
    let ran = send(&dns, mx, arguments);
    (dns, ran)
}

fn usable() -> String {
    format!("3 1 1 {}", "ab".repeat(32))
}

#[test]
fn nothing_is_sent_in_clear_where_there_are_records() {
    let unusable = format!("1 1 1 {}", "ab".repeat(32));
    for record in [usable(), unusable] {
        let mx = Exchangers::willing(&["127.0.0.2"]);
        let (_, ran) = by(&signed(&[&record]), &mx, &["bob@example.test"]);
        ran.ends_with(75)
            .complains("does not offer STARTTLS, which the TLSA records of _")
            .complains("mx.example.test require (DANE, RFC 7672)")
            .complains("--dane off")
            .shows("bob@example.test... Deferred (");
        assert_eq!(mx.takers(), [""; 0]);
    }
}

#[test]
fn the_next_exchanger_is_tried_where_one_does_not_meet_its_records() {
    let mut zone = signed(&[&usable()]);
    zone.push("example.test MX 10 second.test".to_owned());
    zone.push("second.test A 127.0.0.3".to_owned());
    let mx = Exchangers::willing(&["127.0.0.2", "127.0.0.3"]);
    let (_, ran) = by(&zone, &mx, &["bob@example.test"]);
    ran.ends_with(0);
    assert_eq!(mx.takers(), ["127.0.0.3"]);
}

#[test]
fn dane_off_ignores_the_records_and_does_not_look_for_them() {
    let mx = Exchangers::willing(&["127.0.0.2"]);
    let (dns, ran) = by(
        &signed(&[&usable()]),
        &mx,
        &["--dane", "off", "bob@example.test"],
    );
    ran.ends_with(0);
    assert_eq!(dns.count("TLSA"), 0);
}

#[test]
fn records_without_ad_count_for_nothing() {
    // An unsigned zone, or a resolver that does not validate.
    let zone = signed(&[&usable()]);
    let mx = Exchangers::willing(&["127.0.0.2"]);
    let (dns, ran) = by(&zone[1..], &mx, &["bob@example.test"]);
    ran.ends_with(0);
    assert_eq!(dns.count("TLSA"), 0, "{:?}", dns.asked());
}

#[test]
fn a_signed_host_without_records_is_sent_to_as_before() {
    let mx = Exchangers::willing(&["127.0.0.2"]);
    let (dns, ran) = by(&signed(&[]), &mx, &["bob@example.test"]);
    ran.ends_with(0);
    assert_eq!(dns.count("TLSA"), 1, "{:?}", dns.asked());
}

#[test]
fn a_failed_lookup_of_records_defers_the_host() {
    // RFC 7672 §2.1.2: it may be an attacker who stops the answer.
    for failure in ["SERVFAIL", "REFUSED", "SILENCE"] {
        let mut zone = signed(&[]);
        zone.push(format!("_{{port}}._tcp.mx.example.test TLSA {failure}"));
        let mx = Exchangers::willing(&["127.0.0.2"]);
        let (_, ran) = by(&zone, &mx, &["bob@example.test"]);
        ran.ends_with(75)
            .complains("cannot find the TLSA records of _")
            .complains("mx.example.test");
        assert_eq!(mx.connections(), [""; 0], "{failure}");
        assert!(ran.took.as_secs() < 12, "{ran:#?}");
        if failure != "SILENCE" {
            zone.push("example.test MX 10 second.test".to_owned());
            zone.push("second.test A 127.0.0.3".to_owned());
            let mx = Exchangers::willing(&["127.0.0.2", "127.0.0.3"]);
            by(&zone, &mx, &["bob@example.test"]).1.ends_with(0);
            assert_eq!(mx.takers(), ["127.0.0.3"], "{failure}");
        }
    }
}

#[test]
fn records_of_other_names_in_an_answer_are_ignored_and_loops_end() {
    let mut zone = signed(&[]);
    zone.push("_{port}._tcp.mx.example.test CNAME one.example.test".to_owned());
    zone.push("one.example.test CNAME two.example.test".to_owned());
    zone.push("two.example.test CNAME one.example.test".to_owned());
    let mx = Exchangers::willing(&["127.0.0.2"]);
    let (dns, ran) = by(&zone, &mx, &["bob@example.test"]);
    ran.ends_with(75).complains("CNAME loop");
    assert_eq!(mx.connections(), [""; 0]);
    assert!(dns.asked().len() < 40, "{}", dns.asked().len());
}

#[test]
fn records_are_those_of_the_end_of_the_aliases_else_of_the_host() {
    // RFC 7672 §2.2.2
    for (owner, code) in [("real", 75), ("mx", 75), ("other", 0)] {
        let zone = [
            "SECURE example.test".to_owned(),
            "example.test MX 0 mx.example.test".to_owned(),
            "mx.example.test CNAME real.example.test".to_owned(),
            "real.example.test A 127.0.0.2".to_owned(),
            format!("_{{port}}._tcp.{owner}.example.test TLSA {}", usable()),
        ];
        let mx = Exchangers::willing(&["127.0.0.2"]);
        by(&zone, &mx, &["bob@example.test"]).1.ends_with(code);
    }
}

#[test]
fn a_signed_alias_of_an_unsigned_host_may_have_records() {
    // RFC 7672 §2.2.2
    let zone = |signed: &str| {
        [
            format!("SECURE {signed}"),
            "example.test MX 0 mx.example.test".to_owned(),
            "mx.example.test CNAME real.plain.test".to_owned(),
            "real.plain.test A 127.0.0.2".to_owned(),
            format!("_{{port}}._tcp.mx.example.test TLSA {}", usable()),
        ]
    };
    for (signed, code) in [("example.test", 75), ("other.test", 0)] {
        let mx = Exchangers::willing(&["127.0.0.2"]);
        by(&zone(signed), &mx, &["bob@example.test"])
            .1
            .ends_with(code);
    }
}

#[test]
fn required_dane_sends_nothing_without_usable_records() {
    let unusable = format!("1 1 1 {}", "ab".repeat(32));
    let unsigned: Vec<String> = signed(&[&usable()])[1..].to_vec();
    let mx_unsigned = vec![
        "SECURE mx.example.test".to_owned(),
        "example.test MX 0 mx.example.test".to_owned(),
        "mx.example.test A 127.0.0.2".to_owned(),
        format!("_{{port}}._tcp.mx.example.test TLSA {}", usable()),
    ];
    for (zone, words) in [
        (signed(&[]), "it has no TLSA records for port"),
        (signed(&[&unusable]), "has usage 2 or 3"),
        (
            unsigned,
            "its addresses are not signed (DNSSEC), or the resolver 127.0.0.1 does not validate",
        ),
        (mx_unsigned, "the MX records of example.test are not signed"),
    ] {
        let mx = Exchangers::willing(&["127.0.0.2"]);
        let (_, ran) = by(&zone, &mx, &["--dane", "require", "bob@example.test"]);
        ran.ends_with(77)
            .complains("cannot be authenticated by DANE, which --dane requires")
            .complains(words);
        assert_eq!(mx.connections(), [""; 0], "{words}");
    }
}

#[test]
fn required_dane_contradicts_options_that_decide_about_certificates() {
    let mx = Exchangers::willing(&[]);
    for option in [&["--tls", "off"][..], &["-k"], &["--relay", "127.0.0.2"]] {
        let arguments = [&["--dane", "require", "bob@example.test"], option].concat();
        let (_, ran) = by(&signed(&[]), &mx, &arguments);
        ran.ends_with(64)
            .complains("--dane require has no effect with");
    }
}

#[test]
fn a_message_that_waives_tls_is_sent_in_clear() {
    // RFC 8689 §3
    let mx = Exchangers::willing(&["127.0.0.2"]);
    let waived = ["--require-tls=no", "bob@example.test"];
    let (_, ran) = by(&signed(&[&usable()]), &mx, &waived);
    ran.ends_with(0).shows("TLS-Required: No in the message");
    assert_eq!(mx.takers(), ["127.0.0.2"]);
    // The option of this run is about this message, and takes precedence.
    let mx = Exchangers::willing(&["127.0.0.2"]);
    let both = ["--dane", "require", "--require-tls=no", "bob@example.test"];
    by(&signed(&[&usable()]), &mx, &both).1.ends_with(75);
    assert_eq!(mx.takers(), [""; 0]);
}

#[test]
fn requiretls_is_not_for_a_host_that_nothing_verifies() {
    // RFC 8689 §4.2.1
    let mx = Exchangers::willing(&["127.0.0.2"]);
    let (_, ran) = by(&signed(&[]), &mx, &["--require-tls", "bob@example.test"]);
    ran.ends_with(77).complains("--require-tls");
    assert_eq!(mx.takers(), [""; 0]);
}

#[test]
fn domains_with_one_host_share_a_transaction_unless_their_policies_differ() {
    let zone = [
        "SECURE example.test",
        "one.example.test MX 0 mx.example.test",
        "two.example.test MX 0 mx.example.test",
        "mx.example.test A 127.0.0.2",
    ];
    let to = ["bob@one.example.test", "carol@two.example.test"];
    let mx = Exchangers::willing(&["127.0.0.2"]);
    by(&zone, &mx, &to).1.ends_with(0);
    assert_eq!((mx.connections().len(), mx.taken().len()), (1, 1));
    // With usage 2, the certificate may have the name of the domain, so that each has a session of its own.
    for (usage, sessions) in [(3, 1), (2, 2)] {
        let record = format!(
            "_{{port}}._tcp.mx.example.test TLSA {usage} 1 1 {}",
            "ab".repeat(32)
        );
        let zone = [&zone[..], &[record.as_str()]].concat();
        let mx = Exchangers::willing(&["127.0.0.2"]);
        by(&zone, &mx, &to).1.ends_with(75);
        assert_eq!(mx.connections().len(), sessions, "usage {usage}");
    }
}

#[test]
fn each_session_is_in_the_report_log() {
    let home = tempfile::tempdir().unwrap();
    let log = home.path().join("tlsrpt");
    let log = log.to_str().unwrap();
    let mut zone = signed(&[&usable()]);
    zone.push("example.test MX 10 second.test".to_owned());
    zone.push("second.test A 127.0.0.3".to_owned());
    let mx = Exchangers::willing(&["127.0.0.2", "127.0.0.3"]);
    by(&zone, &mx, &["--tlsrpt-log", log, "bob@example.test"])
        .1
        .ends_with(0);
    let lines = std::fs::read_to_string(log).unwrap();
    let lines: Vec<serde_json::Value> = lines
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    let field = |name: &str| -> Vec<serde_json::Value> {
        lines.iter().map(|line| line[name].clone()).collect()
    };
    assert_eq!(field("policy-type"), ["tlsa", "no-policy-found"]);
    assert_eq!(field("policy-string")[0], serde_json::json!([usable()]));
    assert_eq!(
        field("receiving-mx-hostname"),
        ["mx.example.test", "second.test"]
    );
    assert_eq!(field("receiving-ip"), ["127.0.0.2", "127.0.0.3"]);
    assert_eq!(
        field("recipient-domains")[0],
        serde_json::json!(["example.test"])
    );
    let failure = "starttls-not-supported";
    assert_eq!(field("result-type"), [failure, failure]);
}
