//! Early ends, added EHLO lines, XCLIENT and XFORWARD.

use crate::client::session::dialogue::tests::*;
use crate::client::session::{EarlyStop, StopMethod, TestOptions};
use crate::smtp::stage::Stage;

fn stopping(after: Stage, method: StopMethod) -> Play {
    Play {
        options: Options {
            testing: TestOptions {
                stop: Some(EarlyStop { after, method }),
                ..TestOptions::default()
            },
            ..Options::default()
        },
        ..Play::default()
    }
}

#[test]
fn quit_follows_the_stop_point() {
    let sender_only = [
        PIPELINING,
        "C: MAIL FROM:<alice@crepes.fr> SIZE=100
         S: 250 ok
         C: QUIT
         S: 221 bye",
    ]
    .concat();
    let recipients = [
        PIPELINING,
        "C: MAIL FROM:<alice@crepes.fr> SIZE=100
         C: RCPT TO:<bob@hamburger.edu>
         S: 250 ok
         S: 250 ok
         C: QUIT
         S: 221 bye",
    ]
    .concat();
    for (behind, script) in [
        (Stage::Banner, "S: 220 hi\nC: QUIT\nS: 221 bye"),
        (
            Stage::Ehlo,
            "S: 220 hi\nC: EHLO crepes.fr\nS: 250 hi\nC: QUIT\nS: 221 bye",
        ),
        (Stage::Mail, &sender_only),
        (Stage::Rcpt, &recipients),
    ] {
        let words = stopping(behind, StopMethod::Quit).play(script);
        assert_eq!(words, [format!("stopped behind {}", behind.name())]);
    }
}

#[test]
fn quit_is_sent_even_where_no_server_expects_it() {
    let play = stopping(Stage::Connect, StopMethod::Quit);
    assert_eq!(play.play("quit at once"), ["stopped behind connect"]);
    let script = [
        CHUNKING,
        "C: MAIL FROM:<alice@crepes.fr>
         C: RCPT TO:<bob@hamburger.edu>
         C: DATA
         S: 250 ok
         S: 250 ok
         S: 354 go
         quit at once",
    ]
    .concat();
    let words = stopping(Stage::Data, StopMethod::Quit).play(&script);
    assert_eq!(words, ["stopped behind data"]);
}

#[test]
fn refusal_before_the_stop_point_is_the_result() {
    let script = [
        PIPELINING,
        "C: MAIL FROM:<alice@crepes.fr> SIZE=100
         C: RCPT TO:<bob@hamburger.edu>
         S: 250 ok
         S: 550 no
         C: QUIT
         S: 221 bye",
    ]
    .concat();
    for how in [StopMethod::Quit, StopMethod::Drop] {
        assert_eq!(stopping(Stage::Rcpt, how).play(&script), ["550 at rcpt"]);
    }
}

#[test]
fn connection_is_dropped_after_the_reply() {
    for (behind, script) in [
        (Stage::Connect, "drop"),
        (Stage::Banner, "S: 220 hi\ndrop"),
        (Stage::Ehlo, "S: 220 hi\nC: EHLO crepes.fr\nS: 250 hi\ndrop"),
    ] {
        let words = stopping(behind, StopMethod::Drop).play(script);
        assert_eq!(words, [format!("stopped behind {}", behind.name())]);
    }
    let script = [
        CHUNKING,
        "C: MAIL FROM:<alice@crepes.fr>
         C: RCPT TO:<bob@hamburger.edu>
         S: 250 ok
         S: 250 ok
         C: BDAT 100 LAST
         C: <100 octets>
         S: 250 taken
         drop",
    ]
    .concat();
    assert_eq!(
        stopping(Stage::Dot, StopMethod::Drop).play(&script),
        ["accepted"]
    );
}

#[test]
fn connection_is_dropped_with_the_reply_unread() {
    for (behind, script) in [
        (Stage::Connect, "drop"),
        (Stage::Banner, "drop"),
        (Stage::Ehlo, "S: 220 hi\nC: EHLO crepes.fr\ndrop"),
    ] {
        let words = stopping(behind, StopMethod::DropUnread).play(script);
        assert_eq!(words, [format!("stopped behind {}", behind.name())]);
    }
    let script = [
        PIPELINING,
        "C: MAIL FROM:<alice@crepes.fr> SIZE=100
         C: RCPT TO:<bob@hamburger.edu>
         C: DATA
         S: 250 ok
         S: 250 ok
         S: 354 go
         C: <message>
         drop",
    ]
    .concat();
    let words = stopping(Stage::Dot, StopMethod::DropUnread).play(&script);
    assert_eq!(words, ["in doubt"]);
}

#[test]
fn stop_after_starttls_precedes_the_second_ehlo() {
    let offer = "S: 220 hi
        C: EHLO crepes.fr
        S: 250-hi
        S: 250 STARTTLS";
    let behind = |behind, tls| {
        let mut play = stopping(behind, StopMethod::Quit);
        play.options.tls = tls;
        play
    };
    let play = behind(Stage::Starttls, TlsDemand::Starttls);
    let script = format!("{offer}\nC: STARTTLS\nS: 220 go\ntls\nC: QUIT\nS: 221 bye");
    assert_eq!(play.play(&script), ["stopped behind starttls"]);
    let play = behind(Stage::Ehlo, TlsDemand::Starttls);
    let script = format!("{offer}\nC: QUIT\nS: 221 bye");
    assert_eq!(play.play(&script), ["stopped behind ehlo"]);
}

#[test]
fn forced_extension_is_used_as_if_offered() {
    let mut play = Play::default();
    play.options.testing.forced = vec!["PIPELINING".to_owned(), "CHUNKING".to_owned()];
    let words = play.play(
        "S: 220 hi
         C: EHLO crepes.fr
         S: 250 hi
         C: MAIL FROM:<alice@crepes.fr>
         C: RCPT TO:<bob@hamburger.edu>
         S: 250 ok
         S: 250 ok
         C: BDAT 100 LAST
         C: <100 octets>
         C: QUIT
         S: 502 what?
         S: 221 bye",
    );
    assert_eq!(words, ["502 at bdat"]);
}

#[test]
fn xclient_restarts_the_session_and_xforward_precedes_mail() {
    let mut play = Play::default();
    play.options.testing.xclient = vec!["NAME=a.example".to_owned()];
    play.options.testing.xforward = vec!["ADDR=192.0.2.1".to_owned(), "HELO=x".to_owned()];
    let offers =
        "C: EHLO crepes.fr\nS: 250-hi\nS: 250-XCLIENT NAME ADDR\nS: 250 XFORWARD ADDR HELO";
    let words = play.play(&format!(
        "S: 220 hi
         {offers}
         C: XCLIENT NAME=a.example
         S: 220 hi again
         {offers}
         C: XFORWARD ADDR=192.0.2.1
         S: 250 ok
         C: XFORWARD HELO=x
         S: 250 ok
         C: MAIL FROM:<alice@crepes.fr>
         S: 550 no
         C: QUIT
         S: 221 bye"
    ));
    assert_eq!(words, ["550 at mail"]);
}

#[test]
fn xclient_that_is_not_offered_is_not_sent() {
    let mut play = Play::default();
    play.options.testing.xclient = vec!["NAME=a.example".to_owned()];
    let words = play.play("S: 220 hi\nC: EHLO crepes.fr\nS: 250 hi\nC: QUIT\nS: 221 bye");
    assert!(words[0].contains("does not offer XCLIENT"), "{words:?}");
}

#[test]
fn commands_are_sent_one_by_one_whatever_the_replies_are() {
    let commands = ["VRFY smith", "EXPN list", "NOOP"].map(str::to_owned);
    let transaction = Transaction {
        commands: &commands,
        ..Transaction::new(
            None,
            Vec::new(),
            &Fake(Shape {
                utf8: false,
                transport: BodyType::SevenBit,
                size: 0,
            }),
        )
    };
    let options = Options::default();
    let mut dialogue = Dialogue::new(&transaction, "crepes.fr".to_owned(), options, None);
    act(
        &mut dialogue,
        "S: 220 hi
         C: EHLO crepes.fr
         S: 250-hi
         S: 250 PIPELINING
         C: VRFY smith
         S: 252 perhaps
         C: EXPN list
         S: 550 no
         C: NOOP
         S: 250 ok
         C: QUIT
         S: 221 bye",
    );
    let codes: Vec<u16> = dialogue
        .take_replies()
        .iter()
        .map(|reply| reply.code)
        .collect();
    assert_eq!(codes, [252, 550, 250]);
}

#[test]
fn ehlo_inside_tls_precedes_the_stop_at_xclient() {
    let mut play = stopping(Stage::Xclient, StopMethod::Quit);
    play.options.tls = TlsDemand::Starttls;
    let words = play.play(
        "S: 220 hi
         C: EHLO crepes.fr
         S: 250-hi
         S: 250 STARTTLS
         C: STARTTLS
         S: 220 go
         tls
         C: EHLO crepes.fr
         S: 250 hi
         C: QUIT
         S: 221 bye",
    );
    assert_eq!(words, ["stopped behind xclient"]);
}
