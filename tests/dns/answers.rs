//! What each kind of answer of the DNS means for the recipient.

use crate::authority::Authority;
use crate::exchangers::Exchangers;
use crate::run::send;

#[test]
fn a_domain_without_mx_is_its_own_exchanger() {
    let dns = Authority::serve(&["example.test A 127.0.0.2"]);
    let mx = Exchangers::willing(&["127.0.0.2"]);
    send(&dns, &mx, &["bob@example.test"])
        .ends_with(0)
        .shows("example.test has no MX")
        .shows("bob@example.test... Sent (");
    assert_eq!(mx.takers(), ["127.0.0.2"]);
}

#[test]
fn where_there_is_an_mx_the_domains_own_address_is_never_used() {
    // RFC 5321 §5.1
    let dns = Authority::serve(&[
        "example.test MX 10 mx.test",
        "example.test A 127.0.0.2",
        "mx.test A 127.0.0.3",
    ]);
    let mx = Exchangers::willing(&["127.0.0.2"]);
    let ran = send(&dns, &mx, &["bob@example.test"]);
    ran.ends_with(75);
    assert_eq!(ran.tried(), ["127.0.0.3"]);
    assert_eq!(mx.connections(), [""; 0]);
}

#[test]
fn a_null_mx_is_refused_here_although_the_domain_has_an_address() {
    // RFC 7505 §3
    let dns = Authority::serve(&["example.test MX 0 .", "example.test A 127.0.0.2"]);
    let mx = Exchangers::willing(&["127.0.0.2"]);
    let ran = send(&dns, &mx, &["bob@example.test"]);
    ran.ends_with(68)
        .complains("example.test accepts no mail (null MX, RFC 7505)")
        .complains("bob@example.test")
        .shows("bob@example.test... Refused (");
    assert_eq!(mx.connections(), [""; 0]);
    assert_eq!(dns.count("A "), 0, "{:?}", dns.asked());
}

#[test]
fn a_null_mx_beside_another_counts_for_nothing() {
    let dns = Authority::serve(&[
        "example.test MX 0 .",
        "example.test MX 10 mx.test",
        "mx.test A 127.0.0.2",
    ]);
    let mx = Exchangers::willing(&["127.0.0.2"]);
    send(&dns, &mx, &["bob@example.test"]).ends_with(0);
    assert_eq!(mx.takers(), ["127.0.0.2"]);
}

#[test]
fn a_domain_that_does_not_exist_is_refused_for_good() {
    let dns = Authority::serve(&["other.test A 127.0.0.2"]);
    let mx = Exchangers::willing(&["127.0.0.2"]);
    send(&dns, &mx, &["bob@example.test"])
        .ends_with(68)
        .shows("bob@example.test... Refused (")
        .complains("example.test does not exist (NXDOMAIN)");
    assert_eq!(dns.count("A "), 0, "NXDOMAIN is for all types");
}

#[test]
fn a_resolver_that_fails_is_for_now() {
    let dns = Authority::serve(&["example.test MX SERVFAIL", "example.test A 127.0.0.2"]);
    let mx = Exchangers::willing(&["127.0.0.2"]);
    send(&dns, &mx, &["bob@example.test"])
        .ends_with(75)
        .shows("bob@example.test... Deferred (")
        .complains("cannot find the mail exchanger of example.test");
    assert_eq!(mx.connections(), [""; 0]);
}

#[test]
fn a_resolver_that_refuses_is_for_now() {
    let dns = Authority::serve(&["example.test MX REFUSED", "example.test A 127.0.0.2"]);
    let mx = Exchangers::willing(&["127.0.0.2"]);
    send(&dns, &mx, &["bob@example.test"])
        .ends_with(75)
        .complains("--dns");
    assert_eq!(mx.connections(), [""; 0]);
}

#[test]
fn a_domain_with_neither_mx_nor_address_takes_no_mail() {
    let dns = Authority::serve(&["example.test TXT v=spf1"]);
    let mx = Exchangers::willing(&[]);
    send(&dns, &mx, &["bob@example.test"])
        .ends_with(68)
        .shows("bob@example.test... Refused (")
        .complains("example.test");
}

#[test]
fn an_exchanger_without_an_address_is_passed_over() {
    let dns = Authority::serve(&[
        "example.test MX 0 gone.test",
        "example.test MX 5 empty.test",
        "example.test MX 10 mx.test",
        "empty.test TXT nothing",
        "mx.test A 127.0.0.2",
    ]);
    let mx = Exchangers::willing(&["127.0.0.2"]);
    send(&dns, &mx, &["bob@example.test"])
        .ends_with(0)
        .shows("gone.test")
        .shows("empty.test");
    assert_eq!(mx.takers(), ["127.0.0.2"]);
}

#[test]
fn exchangers_that_all_do_not_exist_are_for_good() {
    let dns = Authority::serve(&[
        "example.test MX 0 gone.test",
        "example.test MX 10 lost.test",
        "example.test A 127.0.0.2",
    ]);
    let mx = Exchangers::willing(&["127.0.0.2"]);
    send(&dns, &mx, &["bob@example.test"])
        .ends_with(68)
        .complains("bob@example.test");
    assert_eq!(mx.connections(), [""; 0]);
}

#[test]
fn an_exchanger_whose_address_cannot_be_found_now_is_for_now() {
    for hosts in [["bad.test", "gone.test"], ["gone.test", "bad.test"]] {
        let dns = Authority::serve(&[
            format!("example.test MX 0 {}", hosts[0]),
            format!("example.test MX 10 {}", hosts[1]),
            "bad.test A SERVFAIL".to_owned(),
            "bad.test AAAA SERVFAIL".to_owned(),
        ]);
        let mx = Exchangers::willing(&[]);
        send(&dns, &mx, &["bob@example.test"])
            .ends_with(75)
            .shows("bob@example.test... Deferred (");
    }
}

#[test]
fn a_refusal_of_one_domain_does_not_stop_the_mail_to_another() {
    let dns = Authority::serve(&["good.test MX 0 mx.test", "mx.test A 127.0.0.2"]);
    let mx = Exchangers::willing(&["127.0.0.2"]);
    send(&dns, &mx, &["bob@nowhere.test", "carol@good.test"])
        .ends_with(79)
        .shows("bob@nowhere.test... Refused (")
        .shows("carol@good.test... Sent (")
        .complains("nowhere.test does not exist");
    assert_eq!(mx.taken()[0].recipients, ["<carol@good.test>"]);
}

#[test]
fn no_domain_for_one_and_no_answer_for_another_is_for_now() {
    let dns = Authority::serve(&["broken.test MX SERVFAIL"]);
    let mx = Exchangers::willing(&[]);
    send(&dns, &mx, &["bob@nowhere.test", "carol@broken.test"])
        .ends_with(75)
        .complains("nowhere.test does not exist")
        .complains("carol@broken.test");
}

#[test]
fn an_mx_for_another_name_in_the_answer_is_not_ours() {
    let dns = Authority::serve(&[
        "example.test MX := evil.test MX 0 evil.test",
        "example.test MX := example.test MX 10 mx.test",
        "mx.test A 127.0.0.2",
        "evil.test A 127.0.0.3",
    ]);
    let mx = Exchangers::willing(&["127.0.0.2", "127.0.0.3"]);
    send(&dns, &mx, &["bob@example.test"]).ends_with(0);
    assert_eq!(mx.connections(), ["127.0.0.2"]);
    assert_eq!(dns.count("A evil.test"), 0);
}

#[test]
fn an_answer_that_is_all_for_another_name_leads_nowhere() {
    let dns = Authority::serve(&[
        "example.test MX := evil.test MX 0 evil.test",
        "evil.test A 127.0.0.3",
        "example.test TXT here",
    ]);
    let mx = Exchangers::willing(&["127.0.0.3"]);
    let ran = send(&dns, &mx, &["bob@example.test"]);
    assert!([68, 75].contains(&ran.code), "{ran:#?}");
    assert_eq!(mx.connections(), [""; 0]);
}

#[test]
fn an_address_of_another_host_in_the_answer_is_not_tried() {
    let dns = Authority::serve(&[
        "example.test MX 0 mx.test",
        "mx.test A := evil.test A 127.0.0.3",
        "mx.test A := mx.test A 127.0.0.2",
    ]);
    let mx = Exchangers::willing(&["127.0.0.2", "127.0.0.3"]);
    send(&dns, &mx, &["bob@example.test"]).ends_with(0);
    assert_eq!(mx.connections(), ["127.0.0.2"]);
}
