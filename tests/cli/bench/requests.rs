//! Options under the heading "Extensions", and LIMITS (RFC 9422).

use super::{play, play_secured, play_to, refuses};
use crate::encrypted::Way;
use crate::program::Ehlo;
use crate::server::Server;
use crate::spool::Queue;

/// An option, the keyword that it wants, and what it says behind MAIL.
const OPTIONS: [(&[&str], &str, &str); 9] = [
    (&["--hold-for", "2h"], "FUTURERELEASE 86400", "HOLDFOR=7200"),
    (
        &["--hold-until", "2099-01-31T08:00:00Z"],
        "FUTURERELEASE",
        "HOLDUNTIL=2099-01-31T08:00:00Z",
    ),
    (&["--deliver-by", "1h;nt"], "DELIVERBY 60", "BY=3600;NT"),
    (&["--mt-priority", "-4"], "MT-PRIORITY", "MT-PRIORITY=-4"),
    (&["--smtputf8", "always"], "SMTPUTF8", "SMTPUTF8"),
    (&["--body-type", "8bitmime"], "8BITMIME", "BODY=8BITMIME"),
    (&["--announce-size", "17"], "SIZE 1000000", "SIZE=17"),
    (
        &["--mail-auth", "a+b@x.example"],
        "AUTH PLAIN",
        "AUTH=a+2Bb@x.example",
    ),
    (
        &["--ret", "hdrs", "--envid", "a=b c"],
        "DSN",
        "RET=HDRS ENVID=a+3Db+20c",
    ),
];

#[test]
fn what_is_offered_is_said_behind_mail() {
    for (option, keyword, words) in OPTIONS {
        let run = play(option, move |talk| {
            talk.greet(&[keyword]);
            talk.expect(&format!("MAIL FROM:<alice@crepes.fr> {words}"));
            talk.say("250 ok");
            talk.expect("RCPT TO:<bob@hamburger.edu>");
            talk.say("250 ok");
            talk.data();
            talk.say("250 taken");
            talk.quit();
        });
        run.exits(0).all_are("accepted");
    }
}

#[test]
fn nothing_is_sent_where_it_is_not_offered() {
    for (option, keyword, _) in OPTIONS {
        let run = play(option, |talk| {
            talk.greet(&[]);
            talk.quit();
        });
        run.exits(77).complains(1).all_are("refused");
        let keyword = keyword.split(' ').next().unwrap();
        run.says(&[&format!("does not offer {keyword} "), option[0]]);
    }
}

#[test]
fn a_question_mark_leaves_it_out_where_it_is_not_offered() {
    let all = [
        ["--notify", "success?"],
        ["--hold-for", "2h?"],
        ["--deliver-by", "1h?"],
        ["--mt-priority", "4?"],
        ["--body-type", "8bitmime?"],
        ["--announce-size", "17?"],
        ["--mail-auth", "<>?"],
        ["--ret", "full?"],
    ];
    let mut options = all.concat();
    options.extend(["--require-tls=?"]);
    let run = play(&options, |talk| {
        talk.take();
    });
    run.exits(0).all_are("accepted");
}

#[test]
fn a_body_type_that_is_left_out_leaves_the_message_as_it_must_be() {
    for body in ["8bitmime?", "binarymime?"] {
        let server = Server::start(|talk| talk.take());
        let run = Ehlo::to(&server)
            .args(["--body-type", body, "-b", "Grüße", "bob@hamburger.edu"])
            .run();
        assert_eq!(server.finish().body(), "R3LDvMOfZQ==\r\n", "{body}");
        run.exits(0);
    }
}

/// The extensions that BINARYMIME needs.
const BINARY: [&str; 3] = ["CHUNKING", "BINARYMIME", "8BITMIME"];

#[test]
fn binarymime_is_refused_where_the_message_goes_by_data() {
    let run = play(
        &["--body-type", "binarymime", "--chunking", "off"],
        |talk| {
            talk.greet(&BINARY);
            talk.quit();
        },
    );
    run.exits(77)
        .all_are("refused")
        .says(&["via DATA", "--chunking off", "--body-type"]);

    let run = play(&["--body-type", "binarymime", "--lmtp"], |talk| {
        talk.say("220 mx.example LMTP");
        talk.expect("LHLO me.example");
        talk.say(&format!(
            "250-mx.example\n250-{}\n250 8BITMIME",
            BINARY[..2].join("\n250-")
        ));
        talk.quit();
    });
    run.exits(77).says(&["via DATA", "--lmtp"]);
}

#[test]
fn binarymime_that_may_be_left_out_is_not_sent_by_data() {
    let run = play(
        &["--body-type", "binarymime?", "--chunking", "off"],
        |talk| {
            talk.greet(&BINARY);
            assert_eq!(talk.line(), "MAIL FROM:<alice@crepes.fr>");
            talk.say("250 ok");
            talk.expect("RCPT TO:<bob@hamburger.edu>");
            talk.say("250 ok");
            talk.data();
            talk.say("250 taken");
            talk.quit();
        },
    );
    run.exits(0).all_are("accepted");
}

#[test]
fn bounds_that_the_server_names_are_kept() {
    for (option, keyword, words) in [
        (
            ["--hold-for", "2h"],
            "FUTURERELEASE 60",
            "at most 60 seconds",
        ),
        (
            ["--deliver-by", "1m"],
            "DELIVERBY 3600",
            "at least 3600 seconds",
        ),
    ] {
        let run = play(&option, move |talk| {
            talk.greet(&[keyword]);
            talk.quit();
        });
        run.exits(77).says(&[words, option[0]]);
    }
}

#[test]
fn values_that_make_no_sense_are_refused() {
    for option in [
        ["--notify", "sometimes"],
        ["--notify", "never,success"],
        ["--ret", "half"],
        ["--envid", "a\tb"],
        ["--orcpt", "bob@hamburger.edu"],
        ["--hold-until", "2001-01-01T00:00:00Z"],
        ["--deliver-by", "1h;x"],
        ["--mt-priority", "10"],
        ["--body-type", "8bit"],
        ["--announce-size", "much"],
        ["--mail-auth", "nobody"],
    ] {
        refuses(&option, &[option[0]]);
    }
    let both = ["--hold-for", "1h", "--hold-until", "2099-01-31T08:00:00Z"];
    refuses(&both, &["--hold-for", "--hold-until"]);
    refuses(
        &["--notify", "eve@x.example=never"],
        &["<eve@x.example>", "--notify"],
    );
}

#[test]
fn each_recipient_asks_for_its_own_reports() {
    let options = [
        "--notify",
        "failure,delay",
        "--notify",
        "ann@hamburger.edu=success",
        "--orcpt",
        "bob@hamburger.edu=rfc822;b+b@x.example",
    ];
    let recipients = ["bob@hamburger.edu", "ann@hamburger.edu"];
    let run = play_to(&recipients, &options, |talk| {
        talk.greet(&["DSN"]);
        talk.expect("MAIL FROM:<alice@crepes.fr>");
        talk.say("250 ok");
        talk.expect(
            "RCPT TO:<bob@hamburger.edu> NOTIFY=FAILURE,DELAY ORCPT=rfc822;b+2Bb@x.example",
        );
        talk.say("250 ok");
        talk.expect("RCPT TO:<ann@hamburger.edu> NOTIFY=SUCCESS ORCPT=rfc822;ann@hamburger.edu");
        talk.say("250 ok");
        talk.data();
        talk.say("250 taken");
        talk.quit();
    });
    run.exits(0).all_are("accepted");
}

#[test]
fn the_queue_remembers_which_reports_were_asked_for() {
    let queue = Queue::new();
    let server = Server::start(|talk| {
        talk.greet(&["DSN"]);
        talk.expect("MAIL FROM:<alice@crepes.fr> RET=FULL ENVID=x");
        talk.say("250 ok");
        talk.expect("RCPT TO:<bob@hamburger.edu> NOTIFY=DELAY ORCPT=rfc822;bob@hamburger.edu");
        talk.say("250 ok");
        talk.data();
        talk.say("250 taken");
        talk.quit();
    });
    let reports = ["--ret", "full", "--envid", "x"];
    let bob = ["--notify", "bob@hamburger.edu=delay"];
    queue.keep_with(server.port, &[&reports[..], &bob].concat());
    queue.verb(&["run"]).exits(0);
    server.finish();
}

#[test]
fn who_never_wants_to_hear_of_a_failure_is_in_no_report_of_ours() {
    let queue = Queue::new();
    let server = Server::with_door(|door| {
        let mut talk = door.open();
        talk.greet(&["DSN"]);
        talk.expect("MAIL FROM:<alice@crepes.fr>");
        talk.say("250 ok");
        let ann = "ann@hamburger.edu";
        talk.expect(&format!("RCPT TO:<{ann}> NOTIFY=NEVER ORCPT=rfc822;{ann}"));
        talk.say("550 5.1.1 no ann");
        talk.expect("RCPT TO:<bob@hamburger.edu> ORCPT=rfc822;robert@x.example");
        talk.say("550 5.1.1 no bob");
        talk.quit();
        talk.end();
        let mut talk = door.open();
        talk.greet(&[]);
        talk.expect("MAIL FROM:<>");
        talk.say("250 ok");
        talk.expect("RCPT TO:<alice@crepes.fr>");
        talk.say("250 ok");
        let report = talk.data().text();
        talk.say("250 taken");
        talk.quit();
        talk.end();
        report
    });
    let ann = ["--notify", "ann@hamburger.edu=never", "ann@hamburger.edu"];
    let bob = ["--orcpt", "bob@hamburger.edu=rfc822;robert@x.example"];
    queue.keep_with(server.port, &[&ann[..], &bob].concat());
    queue.verb(&["run"]).exits(0);
    queue.verb(&["run"]);
    let report = server.finish();
    let about = |who: &str| report.contains(&format!("Final-Recipient: rfc822; {who}@"));
    assert!(about("bob") && !about("ann"), "{report}");
    let original = "Original-Recipient: rfc822;robert@x.example\r\n";
    assert!(report.contains(original), "{report}");
}

#[test]
fn requiretls_goes_to_a_server_that_is_known_and_no_other() {
    let run = play_secured(Way::Starttls, &["--require-tls"], |talk| {
        talk.offer(&["REQUIRETLS"]);
        talk.expect("MAIL FROM:<alice@crepes.fr> REQUIRETLS");
        talk.say("250 ok");
        talk.expect("RCPT TO:<bob@hamburger.edu>");
        talk.say("250 ok");
        talk.data();
        talk.say("250 taken");
        talk.quit();
    });
    run.exits(0).all_are("accepted");
    let run = play_secured(Way::Starttls, &["--require-tls"], |talk| {
        talk.offer(&[]);
        talk.quit();
    });
    run.exits(77).says(&["REQUIRETLS", "--require-tls"]);
    let run = play(&["--require-tls=?"], |talk| {
        talk.greet(&["REQUIRETLS"]);
        talk.envelope(&["bob@hamburger.edu"]);
        talk.data();
        talk.say("250 taken");
        talk.quit();
    });
    run.exits(0);
}

#[test]
fn requiretls_wants_a_relay_and_a_certificate() {
    refuses(&["--require-tls", "-k"], &["--require-tls", "--insecure"]);
    refuses(
        &["--require-tls", "--tls", "off"],
        &["--require-tls", "--tls off"],
    );
    let run = Ehlo::new()
        .args(["--require-tls", "-f", "a@b.example"])
        .args(["--dane", "off", "--mta-sts", "off"])
        .text_to_bob();
    run.run().exits(64).says(&["--require-tls", "--relay"]);
}

#[test]
fn a_message_that_may_go_in_clear_says_so_in_its_header() {
    let server = Server::start(|talk| talk.take());
    let run = Ehlo::to(&server)
        .args(["--require-tls=no"])
        .text_to_bob()
        .run();
    let message = server.finish();
    run.exits(0);
    let header = message.header();
    assert!(header.contains("TLS-Required: No"), "{header}");
}

#[test]
fn smtputf8_that_is_forbidden_is_not_used_where_it_is_needed() {
    let options = ["--smtputf8", "never"];
    let run = play_to(&["用户@hamburger.edu"], &options, |talk| {
        talk.greet(&["SMTPUTF8"]);
        talk.quit();
    });
    run.exits(69).all_are("refused").says(&["SMTPUTF8"]);
}

#[test]
fn no_more_recipients_and_domains_than_the_server_takes_at_once() {
    let recipients: &'static [&str] = &[
        "a@one.example",
        "b@two.example",
        "c@one.example",
        "d@one.example",
    ];
    for (limits, groups) in [
        ("LIMITS RCPTMAX=3", [&recipients[..3], &recipients[3..]]),
        (
            "LIMITS RCPTDOMAINMAX=1",
            [
                &["a@one.example", "c@one.example", "d@one.example"][..],
                &recipients[1..2],
            ],
        ),
    ] {
        let run = play_to(recipients, &[], move |talk| {
            talk.greet(&[limits]);
            for group in groups {
                talk.envelope(group);
                talk.data();
                talk.say("250 taken");
            }
            talk.quit();
        });
        run.exits(0).all_are("accepted");
    }
}

#[test]
fn another_connection_is_made_where_the_server_takes_so_many_messages_on_one() {
    let recipients = ["a@one.example", "b@two.example", "c@three.example"];
    let server = Server::with_door(move |door| {
        for group in [&recipients[..2], &recipients[2..]] {
            let mut talk = door.open();
            talk.greet(&["LIMITS MAILMAX=2 RCPTMAX=1"]);
            for recipient in group {
                talk.envelope(&[recipient]);
                talk.data();
                talk.say("250 taken");
            }
            talk.quit();
            talk.end();
        }
    });
    let run = Ehlo::to(&server)
        .args(["--json", "-b", "hi"])
        .args(recipients)
        .run();
    server.finish();
    run.exits(0).all_are("accepted");
}
