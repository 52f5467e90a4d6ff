//! Several transactions on one connection, verification of recipients, and delivery reports.

use crate::client::session::Purpose;
use crate::client::session::dialogue::tests::*;
use crate::mail::envelope::{Dsn, NotifyOn};

const MESSAGE: Fake = Fake(Shape {
    utf8: false,
    transport: BodyType::SevenBit,
    size: 100,
});

fn bob() -> Address {
    Address::parse("bob@hamburger.edu").unwrap()
}

fn idle(recipient: &Address) -> Transaction<'_> {
    Transaction {
        then: AfterTransaction::Rest,
        ..Transaction::new(None, vec![recipient], &MESSAGE)
    }
}

/// Runs two transactions in one session; returns the result of each.
fn play(first: &Transaction<'_>, one: &str, second: &Transaction<'_>, other: &str) -> [String; 2] {
    let mut dialogue = Dialogue::new(first, "crepes.fr".to_owned(), Options::default(), None);
    act(&mut dialogue, one);
    let server_state = dialogue.take_server_state();
    let first = word(dialogue.into_answers()[TransactionIndex::default()].as_ref());
    let mut dialogue = Dialogue::resumed(second, server_state);
    act_from(WireEvent::Resumed, &mut dialogue, other);
    [
        first,
        word(dialogue.into_answers()[TransactionIndex::default()].as_ref()),
    ]
}

#[test]
fn a_second_message_goes_without_a_second_greeting() {
    let bob = bob();
    let one = "
        C: MAIL FROM:<>
        C: RCPT TO:<bob@hamburger.edu>
        S: 250 ok
        S: 250 ok
        C: BDAT 100 LAST
        C: <100 octets>
        S: 250 taken";
    let last = Transaction::new(None, vec![&bob], &MESSAGE);
    let other = "
        C: MAIL FROM:<>
        C: RCPT TO:<bob@hamburger.edu>
        S: 250 ok
        S: 250 ok
        C: BDAT 100 LAST
        C: <100 octets>
        C: QUIT
        S: 250 taken too
        S: 221 bye";
    let one = [CHUNKING, one].concat();
    assert_eq!(
        play(&idle(&bob), &one, &last, other),
        ["accepted", "accepted"]
    );
}

#[test]
fn behind_a_refused_recipient_the_next_message_begins_with_rset_command_by_command() {
    let bob = bob();
    let one = "
        C: RCPT TO:<bob@hamburger.edu>
        S: 550 no such user";
    let hello = KUROSE.replace("alice@crepes.fr", "");
    let one = [hello.split("    C: RCPT").next().unwrap(), one].concat();
    let other = "
        C: RSET
        S: 250 ok
        C: MAIL FROM:<>
        S: 250 ok
        C: RCPT TO:<bob@hamburger.edu>
        S: 250 ok
        C: DATA
        S: 354 go
        C: <message>
        S: 250 taken";
    let second = idle(&bob);
    assert_eq!(
        play(&idle(&bob), &one, &second, other),
        ["550 at rcpt", "accepted"]
    );
}

#[test]
fn after_a_chunk_that_failed_the_next_message_begins_with_rset() {
    let bob = bob();
    let one = "
        C: MAIL FROM:<>
        C: RCPT TO:<bob@hamburger.edu>
        S: 250 ok
        S: 250 ok
        C: BDAT 100 LAST
        C: <100 octets>
        S: 451 not now";
    let other = "
        C: RSET
        C: MAIL FROM:<>
        C: RCPT TO:<bob@hamburger.edu>
        S: 250 ok
        S: 250 ok
        S: 250 ok
        C: BDAT 100 LAST
        C: <100 octets>
        S: 250 taken";
    let one = [CHUNKING, one].concat();
    assert_eq!(
        play(&idle(&bob), &one, &idle(&bob), other),
        ["451 at bdat", "accepted"]
    );
}

#[test]
fn a_server_that_says_goodbye_is_not_kept() {
    let bob = bob();
    let transaction = idle(&bob);
    let one = "
        C: MAIL FROM:<>
        C: RCPT TO:<bob@hamburger.edu>
        S: 421 too many
        C: QUIT
        S: 221 bye";
    let mut dialogue = Dialogue::new(
        &transaction,
        "crepes.fr".to_owned(),
        Options::default(),
        None,
    );
    act(&mut dialogue, &[CHUNKING, one].concat());
    assert!(dialogue.is_quitting());
    assert_eq!(
        word(dialogue.into_answers()[TransactionIndex::default()].as_ref()),
        "421 at mail"
    );
}

#[test]
fn who_only_asks_sends_nothing() {
    let bob = bob();
    let transaction = Transaction {
        purpose: Purpose::Question,
        ..Transaction::new(None, vec![&bob], &MESSAGE)
    };
    let script = "
        C: MAIL FROM:<>
        C: RCPT TO:<bob@hamburger.edu>
        S: 250 ok
        S: 250 she would
        C: QUIT
        S: 221 bye";
    let mut dialogue = Dialogue::new(
        &transaction,
        "crepes.fr".to_owned(),
        Options::default(),
        None,
    );
    // The size is not announced, because there is no message.
    let hello = CHUNKING.replace(
        "S: 250 CHUNKING",
        "S: 250-SIZE 1000\n        S: 250 CHUNKING",
    );
    act(&mut dialogue, &[&hello, script].concat());
    assert_eq!(
        word(dialogue.into_answers()[TransactionIndex::default()].as_ref()),
        "accepted"
    );
}

#[test]
fn reports_are_asked_for_where_they_are_made() {
    let bob = bob();
    let dsn = Dsn {
        notify: Some(NotifyOn {
            failure: true,
            delay: true,
            success: false,
        }),
        ret: Some(crate::mail::envelope::Return::Full),
        envid: Some("a b".to_owned()),
        each: Vec::new(),
    };
    let transaction = Transaction {
        dsn: Some(&dsn),
        purpose: Purpose::Question,
        ..Transaction::new(None, vec![&bob], &MESSAGE)
    };
    let script = "
        S: 220 hi
        C: EHLO crepes.fr
        S: 250-hamburger.edu
        S: 250-PIPELINING
        S: 250 DSN
        C: MAIL FROM:<> RET=FULL ENVID=a+20b
        C: RCPT TO:<bob@hamburger.edu> NOTIFY=FAILURE,DELAY ORCPT=rfc822;bob@hamburger.edu
        S: 250 ok
        S: 250 ok
        C: QUIT
        S: 221 bye";
    let mut dialogue = Dialogue::new(
        &transaction,
        "crepes.fr".to_owned(),
        Options::default(),
        None,
    );
    act(&mut dialogue, script);
}

#[test]
fn eager_message_follows_its_envelope_and_a_refused_one_needs_rset() {
    let bob = bob();
    let options = Options {
        eager: true,
        ..Options::default()
    };
    let transaction = idle(&bob);
    let mut dialogue = Dialogue::new(&transaction, "crepes.fr".to_owned(), options, None);
    let script = "
        S: 220 hi
        C: EHLO crepes.fr
        S: 250-hamburger.edu
        S: 250-PIPELINING
        S: 250 CHUNKING
        C: MAIL FROM:<>
        C: RCPT TO:<bob@hamburger.edu>
        C: BDAT 100 LAST
        C: <100 octets>
        S: 250 ok
        S: 550 no
        S: 503 no recipient";
    act(&mut dialogue, script);
    let server = dialogue.take_server_state();
    assert_eq!(
        word(dialogue.into_answers()[TransactionIndex::default()].as_ref()),
        "550 at rcpt"
    );
    let mut dialogue = Dialogue::resumed(&transaction, server);
    let script = "
        C: RSET
        C: MAIL FROM:<>
        C: RCPT TO:<bob@hamburger.edu>
        C: BDAT 100 LAST
        C: <100 octets>
        S: 250 ok
        S: 250 ok
        S: 250 ok
        S: 250 taken";
    act_from(WireEvent::Resumed, &mut dialogue, script);
    assert_eq!(
        word(dialogue.into_answers()[TransactionIndex::default()].as_ref()),
        "accepted"
    );
}
