//! LMTP, PRDR, limits, and requested extensions.

use crate::client::session::dialogue::tests::*;
use crate::client::session::{Protocol, Request};
use crate::smtp::extension::Extension;

const THREE: &[&str] = &["a@x.org", "b@x.org", "c@y.org"];

fn lmtp(recipients: &'static [&'static str]) -> Play {
    Play {
        recipients,
        options: Options {
            protocol: Protocol::Lmtp,
            ..Options::default()
        },
        ..Play::default()
    }
}

const LHLO: &str = "
    S: 220 hi
    C: LHLO crepes.fr
    S: 250-hi
    S: 250-CHUNKING
    S: 250 PIPELINING
    C: MAIL FROM:<alice@crepes.fr>
    C: RCPT TO:<a@x.org>
    C: RCPT TO:<b@x.org>
    C: RCPT TO:<c@y.org>
    S: 250 ok
";

#[test]
fn lmtp_has_a_reply_for_each_accepted_recipient_after_the_dot() {
    let script = "
        S: 250 ok
        S: 550 nobody
        S: 250 ok
        C: DATA
        S: 354 go
        C: <message>
        C: QUIT
        S: 250 saved
        S: 452 full
        S: 221 bye";
    let words = lmtp(THREE).play(&[LHLO, script].concat());
    assert_eq!(words, ["accepted", "550 at rcpt", "452 at dot"]);
}

#[test]
fn reply_421_after_the_message_is_not_acceptance() {
    let script = "
        S: 250 ok
        S: 250 ok
        S: 250 ok
        C: DATA
        S: 354 go
        C: <message>
        C: QUIT
        S: 250 saved
        S: 221 bye
        abort";
    let words = lmtp(THREE).play(&[LHLO, script].concat());
    assert_eq!(words, ["accepted", "in doubt", "in doubt"]);
}

#[test]
fn lmtp_sends_no_message_without_recipients_and_no_helo() {
    let script = "
        S: 550 no
        S: 550 no
        S: 550 no
        C: QUIT
        S: 221 bye";
    let words = lmtp(THREE).play(&[LHLO, script].concat());
    assert_eq!(words, ["550 at rcpt"; 3]);
    let script = "S: 220 hi\nC: LHLO crepes.fr\nS: 500 what?\nC: QUIT\nS: 221 bye";
    assert_eq!(lmtp(&["a@x.org"]).play(script), ["500 at lhlo"]);
}

fn request(extension: Extension, parameter: &str, is_required: bool) -> Request {
    Request {
        option: "--x",
        is_required,
        ..Request::new(extension, parameter.to_owned())
    }
}

fn hold(is_required: bool) -> Request {
    Request {
        seconds: Some(60),
        ..request(Extension::FutureRelease, "HOLDFOR=60", is_required)
    }
}

fn requesting(requests: Vec<Request>) -> Play {
    Play {
        recipients: &["a@x.org", "b@x.org"],
        options: Options {
            requests,
            ..Options::default()
        },
        ..Play::default()
    }
}

const PRDR: &str = "
    S: 220 hi
    C: EHLO crepes.fr
    S: 250-hi
    S: 250 PRDR
    C: MAIL FROM:<alice@crepes.fr> PRDR
    S: 250 ok
    C: RCPT TO:<a@x.org>
    S: 250 ok
    C: RCPT TO:<b@x.org>
    S: 250 ok
    C: DATA
    S: 354 go
    C: <message>
    S: 353 here they come
";

#[test]
fn with_prdr_one_recipient_may_be_refused_and_the_last_reply_counts_for_the_others() {
    let play = requesting(vec![request(Extension::Prdr, "PRDR", true)]);
    let one = "S: 250 a ok\nS: 550 not for b\nS: 250 taken\nC: QUIT\nS: 221 bye";
    let words = play.play(&[PRDR, one].concat());
    assert_eq!(words, ["accepted", "550 at dot"]);
    let none = "S: 250 a ok\nS: 250 b ok\nS: 451 later\nC: QUIT\nS: 221 bye";
    let words = play.play(&[PRDR, none].concat());
    assert_eq!(words, ["451 at dot"; 2]);
}

#[test]
fn nothing_is_sent_without_a_required_extension() {
    let play = requesting(vec![hold(true)]);
    for offer in ["SIZE", "FUTURERELEASE 59 2030-01-01T00:00:00Z"] {
        let words = play.play(&format!(
            "S: 220 hi\nC: EHLO crepes.fr\nS: 250-hi\nS: 250 {offer}\nC: QUIT\nS: 221 bye"
        ));
        assert!(words[0].contains("FUTURERELEASE"), "{words:?}");
    }
}

#[test]
fn optional_parameter_is_sent_only_if_offered() {
    let mut play = requesting(vec![
        request(Extension::MtPriority, "MT-PRIORITY=3", false),
        hold(false),
    ]);
    play.recipients = &["a@x.org"];
    let words = play.play(
        "S: 220 hi
         C: EHLO crepes.fr
         S: 250-hi
         S: 250 FUTURERELEASE 60
         C: MAIL FROM:<alice@crepes.fr> HOLDFOR=60
         S: 550 no
         C: QUIT
         S: 221 bye",
    );
    assert_eq!(words, ["550 at mail"]);
}

#[test]
fn requiretls_needs_a_verified_certificate() {
    let mut play = requesting(vec![request(Extension::RequireTls, "REQUIRETLS", true)]);
    play.options.tls = TlsDemand::Implicit;
    let words = play.play(
        "tls
         S: 220 hi
         C: EHLO crepes.fr
         S: 250-hi
         S: 250 REQUIRETLS
         C: QUIT
         S: 221 bye",
    );
    assert!(words[0].contains("a verified certificate"), "{words:?}");
}

#[test]
fn requested_size_and_body_replace_the_computed_ones() {
    let mut play = requesting(vec![
        request(Extension::Size, "SIZE=7", true),
        request(Extension::EightBitMime, "BODY=8BITMIME", true),
    ]);
    play.recipients = &["a@x.org"];
    play.options.body = Some(BodyType::EightBit);
    let words = play.play(
        "S: 220 hi
         C: EHLO crepes.fr
         S: 250-hi
         S: 250-SIZE
         S: 250 8BITMIME
         C: MAIL FROM:<alice@crepes.fr> SIZE=7 BODY=8BITMIME
         S: 552 no
         C: QUIT
         S: 221 bye",
    );
    assert_eq!(words, ["552 at mail"]);
}

#[test]
fn limits_of_recipients_and_domains_make_more_transactions() {
    let play = Play {
        recipients: THREE,
        ..Play::default()
    };
    let words = play.play(
        "S: 220 hi
         C: EHLO crepes.fr
         S: 250-hi
         S: 250 LIMITS RCPTMAX=2 RCPTDOMAINMAX=1
         C: MAIL FROM:<alice@crepes.fr>
         S: 250 ok
         C: RCPT TO:<a@x.org>
         S: 250 ok
         C: RCPT TO:<b@x.org>
         S: 250 ok
         C: DATA
         S: 354 go
         C: <message>
         S: 250 taken
         C: MAIL FROM:<alice@crepes.fr>
         S: 250 ok
         C: RCPT TO:<c@y.org>
         S: 250 ok
         C: DATA
         S: 354 go
         C: <message>
         S: 250 taken
         C: QUIT
         S: 221 bye",
    );
    assert_eq!(words, ["accepted"; 3]);
}

#[test]
fn mailmax_leaves_the_other_recipients() {
    let play = Play {
        recipients: &["a@x.org", "b@x.org"],
        ..Play::default()
    };
    let words = play.play(
        "S: 220 hi
         C: EHLO crepes.fr
         S: 250-hi
         S: 250 LIMITS MAILMAX=1 RCPTMAX=1
         C: MAIL FROM:<alice@crepes.fr>
         S: 250 ok
         C: RCPT TO:<a@x.org>
         S: 250 ok
         C: DATA
         S: 354 go
         C: <message>
         S: 250 taken
         C: QUIT
         S: 221 bye",
    );
    assert_eq!(words, ["accepted", "nothing"]);
}
