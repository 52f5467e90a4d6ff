//! When the next host is tried, and when it is not.

use crate::authority::Authority;
use crate::exchangers::{Exchangers, Manners, WILLING};
use crate::run::{Ran, send};

const TWO_HOSTS: [&str; 4] = [
    "example.test MX 0 first.test",
    "example.test MX 10 second.test",
    "first.test A 127.0.0.2",
    "second.test A 127.0.0.3",
];

/// Sends to bob, and to carol where `both`; the first host has these manners, the second takes all.
fn try_first(manners: Manners, recipients: &[&str]) -> (Ran, Exchangers) {
    let dns = Authority::serve(&TWO_HOSTS);
    let mx = Exchangers::start(&[("127.0.0.2", manners), ("127.0.0.3", WILLING)]);
    let ran = send(&dns, &mx, recipients);
    (ran, mx)
}

#[track_caller]
fn the_second_takes_it(manners: Manners) -> Ran {
    let (ran, mx) = try_first(manners, &["bob@example.test"]);
    ran.ends_with(0).shows("bob@example.test... Sent (");
    assert_eq!(ran.stderr, "");
    assert_eq!(mx.connections(), ["127.0.0.2", "127.0.0.3"]);
    assert_eq!(mx.takers(), ["127.0.0.3"]);
    ran
}

#[track_caller]
fn the_second_is_left_alone(manners: Manners, code: i32) -> Ran {
    let (ran, mx) = try_first(manners, &["bob@example.test"]);
    ran.ends_with(code).complains("bob@example.test");
    assert_eq!(mx.connections(), ["127.0.0.2"]);
    assert_eq!(mx.takers(), [""; 0]);
    ran
}

#[test]
fn stevens_host_that_is_down_leaves_the_mail_to_the_next() {
    let dns = Authority::serve(&TWO_HOSTS);
    let mx = Exchangers::willing(&["127.0.0.3"]);
    let ran = send(&dns, &mx, &["bob@example.test"]);
    ran.ends_with(0)
        .shows(&format!(
            "Trying 127.0.0.2:{}... Connection refused.\n",
            mx.port
        ))
        .shows(&format!("Trying 127.0.0.3:{}... Connected.\n", mx.port))
        .shows("Connecting to first.test. (")
        .shows("Connecting to second.test. (")
        .shows("bob@example.test... Sent (");
    assert_eq!(mx.takers(), ["127.0.0.3"]);
}

#[test]
fn when_all_are_down_the_verdict_is_for_now() {
    let dns = Authority::serve(&TWO_HOSTS);
    let mx = Exchangers::willing(&[]);
    let ran = send(&dns, &mx, &["bob@example.test"]);
    ran.ends_with(75)
        .shows("bob@example.test... Deferred (")
        .complains("second.test")
        .complains("Connection refused");
    assert_eq!(ran.tried(), ["127.0.0.2", "127.0.0.3"]);
}

#[test]
fn every_address_of_a_host_is_tried_before_the_next_host() {
    let dns = Authority::serve(&[
        "example.test MX 0 first.test",
        "example.test MX 10 second.test",
        "first.test A 127.0.0.2",
        "first.test A 127.0.0.3",
        "first.test A 127.0.0.4",
        "second.test A 127.0.0.5",
    ]);
    let mx = Exchangers::willing(&["127.0.0.5"]);
    let ran = send(&dns, &mx, &["bob@example.test"]);
    ran.ends_with(0);
    let mut tried = ran.tried();
    assert_eq!(tried.pop().as_deref(), Some("127.0.0.5"));
    tried.sort();
    assert_eq!(tried, ["127.0.0.2", "127.0.0.3", "127.0.0.4"]);
}

#[test]
fn the_last_address_of_a_host_takes_what_the_others_are_too_dead_for() {
    let dns = Authority::serve(&[
        "example.test MX 0 first.test",
        "first.test A 127.0.0.2",
        "first.test A 127.0.0.3",
    ]);
    for alive in ["127.0.0.2", "127.0.0.3"] {
        let mx = Exchangers::willing(&[alive]);
        send(&dns, &mx, &["bob@example.test"]).ends_with(0);
        assert_eq!(mx.takers(), [alive]);
    }
}

#[test]
fn a_greeting_of_not_now_leads_to_the_next_host() {
    the_second_takes_it(&[("CONNECT", "450 4.3.2 busy")]);
}

#[test]
fn a_greeting_of_421_leads_to_the_next_host() {
    the_second_takes_it(&[("CONNECT", "421 4.3.2 shutting down")]).shows("421 4.3.2");
}

#[test]
fn not_now_to_ehlo_leads_to_the_next_host() {
    the_second_takes_it(&[("EHLO", "451 4.3.0 later")]);
}

#[test]
fn not_now_to_mail_leads_to_the_next_host() {
    the_second_takes_it(&[("MAIL", "451 4.3.0 later")]);
}

#[test]
fn not_now_to_rcpt_leads_to_the_next_host() {
    the_second_takes_it(&[("RCPT", "450 4.2.0 greylisted")]).shows("450 4.2.0 greylisted");
}

#[test]
fn not_now_to_data_leads_to_the_next_host() {
    the_second_takes_it(&[("DATA", "451 4.3.0 later")]);
}

#[test]
fn not_now_to_the_end_of_data_leads_to_the_next_host() {
    the_second_takes_it(&[(".", "452 4.3.1 disk full")]);
}

#[test]
fn a_goodbye_at_any_command_leads_to_the_next_host() {
    the_second_takes_it(&[("EHLO", "421 4.3.2 shutting down")]);
    the_second_takes_it(&[("MAIL", "421 4.3.2 shutting down")]);
    the_second_takes_it(&[("RCPT", "421 4.3.2 shutting down")]);
    the_second_takes_it(&[("DATA", "421 4.3.2 shutting down")]);
    the_second_takes_it(&[(".", "421 4.3.2 shutting down")]);
}

#[test]
fn a_connection_that_is_closed_before_the_message_leads_to_the_next_host() {
    the_second_takes_it(&[("CONNECT", "")]);
    the_second_takes_it(&[("EHLO", "")]);
    the_second_takes_it(&[("RCPT", "")]);
}

#[test]
fn no_for_good_to_rcpt_is_final() {
    the_second_is_left_alone(&[("RCPT", "550 5.1.1 no such user")], 69)
        .shows("bob@example.test... Refused (550 5.1.1 no such user)")
        .complains("first.test [127.0.0.2]")
        .complains("550 5.1.1 no such user (in reply to RCPT TO)");
}

#[test]
fn no_for_good_to_mail_is_final() {
    the_second_is_left_alone(&[("MAIL", "550 5.7.1 not you")], 69)
        .complains("550 5.7.1 not you (in reply to MAIL FROM)");
}

#[test]
fn no_for_good_to_the_end_of_data_is_final() {
    the_second_is_left_alone(&[(".", "554 5.6.0 spam")], 69).complains("554 5.6.0 spam");
}

#[test]
fn a_connection_lost_at_the_end_of_data_ends_it_for_fear_of_a_duplicate() {
    let ran = the_second_is_left_alone(&[(".", "")], 79);
    ran.shows("bob@example.test... Uncertain (")
        .complains("may arrive twice");
}

#[test]
fn once_a_host_took_it_for_one_nobody_else_is_asked_for_the_other() {
    let manners: Manners = &[("RCPT TO:<carol", "450 4.2.2 mailbox full")];
    let (ran, mx) = try_first(manners, &["bob@example.test", "carol@example.test"]);
    ran.ends_with(79)
        .shows("bob@example.test... Sent (")
        .shows("carol@example.test... Deferred (450 4.2.2 mailbox full)")
        .complains("carol@example.test");
    assert_eq!(mx.connections(), ["127.0.0.2"]);
    assert_eq!(mx.taken()[0].recipients, ["<bob@example.test>"]);
}

#[test]
fn the_next_host_is_asked_only_for_those_who_were_not_refused_for_good() {
    let manners: Manners = &[
        ("RCPT TO:<carol", "550 5.1.1 no such user"),
        ("RCPT TO:<bob", "450 4.2.0 greylisted"),
    ];
    let (ran, mx) = try_first(manners, &["bob@example.test", "carol@example.test"]);
    ran.ends_with(79)
        .shows("bob@example.test... Sent (")
        .shows("carol@example.test... Refused (550 5.1.1 no such user)");
    assert_eq!(mx.taken()[0].recipients, ["<bob@example.test>"]);
    assert_eq!(mx.takers(), ["127.0.0.3"]);
}

#[test]
fn not_now_from_every_host_is_for_now_with_the_last_ones_words() {
    let dns = Authority::serve(&TWO_HOSTS);
    let mx = Exchangers::start(&[
        ("127.0.0.2", &[("RCPT", "450 4.2.0 one")]),
        ("127.0.0.3", &[("RCPT", "451 4.2.0 two")]),
    ]);
    let ran = send(&dns, &mx, &["bob@example.test"]);
    ran.ends_with(75)
        .complains("second.test [127.0.0.3]")
        .complains("451 4.2.0 two");
    assert_eq!(mx.connections(), ["127.0.0.2", "127.0.0.3"]);
}

/// Two hosts with these manners; `None` is a host that is down.
fn outcome_of(first: Option<Manners>, second: Option<Manners>) -> Ran {
    let dns = Authority::serve(&TWO_HOSTS);
    let hosts = [("127.0.0.2", first), ("127.0.0.3", second)];
    let alive = hosts
        .into_iter()
        .filter_map(|(host, manners)| manners.map(|manners| (host, manners)));
    let mx = Exchangers::start(&alive.collect::<Vec<_>>());
    send(&dns, &mx, &["bob@example.test"])
}

const NO_MAIL_HERE: Manners = &[("CONNECT", "554 5.3.2 no mail here")];

#[test]
fn a_host_that_takes_no_mail_is_no_reason_to_give_up_while_another_is_down() {
    const BUSY: Manners = &[("CONNECT", "421 4.3.2 busy")];
    const GONE: Manners = &[("CONNECT", "")];
    const LATER: Manners = &[("RCPT", "451 4.7.1 greylisted")];
    const NO_EHLO: Manners = &[("EHLO", "550 no"), ("HELO", "550 no")];
    for host in [None, Some(BUSY), Some(GONE), Some(LATER)] {
        for refusing in [NO_MAIL_HERE, NO_EHLO] {
            outcome_of(host, Some(refusing)).ends_with(75);
        }
    }
    for host in [None, Some(BUSY), Some(GONE)] {
        outcome_of(Some(NO_MAIL_HERE), host).ends_with(75);
    }
}

#[test]
fn the_refusal_is_permanent_if_every_host_takes_no_mail() {
    outcome_of(Some(NO_MAIL_HERE), Some(NO_MAIL_HERE)).ends_with(69);
}

#[test]
fn what_a_host_says_of_the_recipient_counts_whatever_the_other_is() {
    const NO_SUCH_USER: Manners = &[("RCPT", "550 5.1.1 no such user")];
    outcome_of(None, Some(NO_SUCH_USER)).ends_with(69);
}

#[test]
fn a_host_whose_address_is_not_known_just_now_is_one_that_is_down() {
    let dns = Authority::serve(&[
        "example.test MX 0 first.test",
        "example.test MX 10 second.test",
        "first.test A 127.0.0.2",
        "second.test A SERVFAIL",
    ]);
    let mx = Exchangers::start(&[("127.0.0.2", NO_MAIL_HERE)]);
    send(&dns, &mx, &["bob@example.test"]).ends_with(75);
}

#[test]
fn a_server_with_chunking_that_hangs_up_at_mail_or_rcpt_leaves_the_mail_to_the_next() {
    const CHUNKING: &str = "250-mx.test\r\n250-PIPELINING\r\n250 CHUNKING";
    for verb in ["MAIL", "RCPT"] {
        the_second_takes_it(vec![("EHLO", CHUNKING), (verb, "")].leak());
    }
}
