//! CNAME: of a domain, of an exchanger, in chains and in circles.

use crate::authority::Authority;
use crate::exchangers::Exchangers;
use crate::run::send;

#[test]
fn a_domain_that_is_an_alias_has_the_exchangers_of_what_it_stands_for() {
    let dns = Authority::serve(&[
        "example.test CNAME real.test",
        "real.test MX 0 mx.test",
        "mx.test A 127.0.0.2",
    ]);
    let mx = Exchangers::willing(&["127.0.0.2"]);
    send(&dns, &mx, &["bob@example.test"]).ends_with(0);
    // RFC 5321 §5.1 follows the alias for the way only; the recipient stays who he is.
    assert_eq!(mx.taken()[0].recipients, ["<bob@example.test>"]);
}

#[test]
fn an_alias_without_mx_leads_to_the_address_of_what_it_stands_for() {
    let dns = Authority::serve(&["example.test CNAME real.test", "real.test A 127.0.0.2"]);
    let mx = Exchangers::willing(&["127.0.0.2"]);
    send(&dns, &mx, &["bob@example.test"]).ends_with(0);
    assert_eq!(mx.takers(), ["127.0.0.2"]);
}

#[test]
fn an_alias_of_an_alias_is_followed() {
    let dns = Authority::serve(&[
        "example.test CNAME one.test",
        "one.test CNAME two.test",
        "two.test CNAME three.test",
        "three.test MX 0 mx.test",
        "mx.test A 127.0.0.2",
    ]);
    let mx = Exchangers::willing(&["127.0.0.2"]);
    send(&dns, &mx, &["bob@example.test"]).ends_with(0);
    assert_eq!(mx.takers(), ["127.0.0.2"]);
}

#[test]
fn a_chain_is_followed_when_the_resolver_gives_it_in_one_answer() {
    let dns = Authority::serve(&[
        "example.test MX := example.test CNAME one.test",
        "example.test MX := one.test CNAME two.test",
        "example.test MX := two.test MX 0 mx.test",
        "mx.test A 127.0.0.2",
    ]);
    let mx = Exchangers::willing(&["127.0.0.2"]);
    send(&dns, &mx, &["bob@example.test"]).ends_with(0);
    assert_eq!(mx.takers(), ["127.0.0.2"]);
}

#[test]
fn an_alias_of_a_name_that_does_not_exist_takes_no_mail() {
    let dns = Authority::serve(&["example.test CNAME gone.test"]);
    let mx = Exchangers::willing(&[]);
    send(&dns, &mx, &["bob@example.test"])
        .ends_with(68)
        .complains("example.test");
}

#[test]
fn a_circle_of_aliases_comes_to_an_end() {
    let dns = Authority::serve(&[
        "example.test CNAME one.test",
        "one.test CNAME two.test",
        "two.test CNAME example.test",
    ]);
    let mx = Exchangers::willing(&[]);
    let ran = send(&dns, &mx, &["bob@example.test"]);
    assert!([68, 75].contains(&ran.code), "{ran:#?}");
    ran.complains("bob@example.test");
    assert!(ran.took.as_secs() < 9, "{ran:#?}");
    assert!(dns.asked().len() < 100, "{}", dns.asked().len());
}

#[test]
fn a_circle_of_aliases_in_one_answer_comes_to_an_end() {
    let dns = Authority::serve(&[
        "example.test MX := example.test CNAME one.test",
        "example.test MX := one.test CNAME example.test",
    ]);
    let mx = Exchangers::willing(&[]);
    let ran = send(&dns, &mx, &["bob@example.test"]);
    assert!([68, 75].contains(&ran.code), "{ran:#?}");
    assert!(ran.took.as_secs() < 9, "{ran:#?}");
}

#[test]
fn an_exchanger_that_is_an_alias_is_followed_against_the_rules() {
    // RFC 5321 §5.1: out of spec, follow or skip; postmasters expect it to be followed.
    let dns = Authority::serve(&[
        "example.test MX 0 alias.test",
        "alias.test CNAME mx.test",
        "mx.test A 127.0.0.2",
    ]);
    let mx = Exchangers::willing(&["127.0.0.2"]);
    send(&dns, &mx, &["bob@example.test"]).ends_with(0);
    assert_eq!(mx.takers(), ["127.0.0.2"]);
}

#[test]
fn an_exchanger_that_is_a_circle_of_aliases_is_passed_over() {
    let dns = Authority::serve(&[
        "example.test MX 0 one.test",
        "one.test CNAME two.test",
        "two.test CNAME one.test",
        "example.test MX 10 mx.test",
        "mx.test A 127.0.0.2",
    ]);
    let mx = Exchangers::willing(&["127.0.0.2"]);
    send(&dns, &mx, &["bob@example.test"]).ends_with(0);
    assert_eq!(mx.takers(), ["127.0.0.2"]);
}
