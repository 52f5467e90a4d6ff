//! Commands of the next message that are sent with the end of this one.

use crate::client::session::dialogue::tests::*;

const MESSAGE: Fake = Fake(Shape {
    utf8: false,
    transport: BodyType::SevenBit,
    size: 100,
});

const FIRST: &str = "
    C: MAIL FROM:<>
    C: RCPT TO:<ann@x.org>
    S: 250 ok
    S: 250 ok
    C: BDAT 100 LAST
    C: <100 octets>
    C: MAIL FROM:<>
    C: RCPT TO:<bob@x.org>
";

const SECOND: &str = "
    S: 250 ok
    S: 250 ok
    C: BDAT 100 LAST
    C: <100 octets>
    S: 250 taken
";

/// Plays two messages; the second is for `second` and was announced to be for Bob. Returns the result of each.
fn play(hello: &str, one: &str, second: Option<&str>, other: &str) -> Vec<String> {
    let address = |text: &str| Address::parse(text).unwrap();
    let (ann, bob) = (address("ann@x.org"), address("bob@x.org"));
    let second = second.map(address);
    let message = |to: Vec<_>| Transaction {
        then: AfterTransaction::Rest,
        ..Transaction::new(None, to, &MESSAGE)
    };
    let announced = message(vec![&bob]);
    let first = Transaction {
        next: Some(&announced),
        ..message(vec![&ann])
    };
    let mut dialogue = Dialogue::new(&first, "crepes.fr".to_owned(), Options::default(), None);
    // As after a message.
    dialogue.transactions = 1;
    act(&mut dialogue, &[hello, one].concat());
    let server = dialogue.take_server_state();
    let mut words = vec![word(
        dialogue.into_answers()[TransactionIndex::default()].as_ref(),
    )];
    if other.is_empty() {
        return words;
    }
    let second = match &second {
        Some(to) => message(vec![to]),
        None => Transaction::new(None, Vec::new(), &MESSAGE),
    };
    let mut dialogue = Dialogue::resumed(&second, server);
    act_from(WireEvent::Resumed, &mut dialogue, other);
    let answers = dialogue.into_answers();
    words.extend(answers.iter().map(|answer| word(answer.as_ref())));
    words
}

const BOB: Option<&str> = Some("bob@x.org");

const SENT: &str = "
    sent
    C: MAIL FROM:<>
    C: RCPT TO:<bob@x.org>
";

#[test]
fn next_sender_and_recipients_follow_the_last_chunk() {
    let one = [FIRST, "S: 250 taken"].concat();
    let words = play(CHUNKING, &one, BOB, &[SENT, SECOND].concat());
    assert_eq!(words, ["accepted", "accepted"]);
    let other = [SENT, "S: 250 ok\nS: 550 no"].concat();
    let words = play(CHUNKING, &one, BOB, &other);
    assert_eq!(words, ["accepted", "550 at rcpt"]);
}

#[test]
fn next_commands_with_data_follow_the_dot() {
    let hello = CHUNKING
        .replace("CHUNKING", "SIZE")
        .replace("BINARYMIME", "8BITMIME");
    let one = "
        C: MAIL FROM:<> SIZE=100
        C: RCPT TO:<ann@x.org>
        C: DATA
        S: 250 ok
        S: 250 ok
        S: 354 go
        C: <message>
        C: MAIL FROM:<> SIZE=100
        C: RCPT TO:<bob@x.org>
        C: DATA
        S: 250 taken";
    let other = "
        sent
        C: MAIL FROM:<> SIZE=100
        C: RCPT TO:<bob@x.org>
        C: DATA
        S: 250 ok
        S: 250 ok
        S: 354 go
        C: <message>
        S: 250 taken";
    assert_eq!(play(&hello, one, BOB, other), ["accepted", "accepted"]);
    // DATA cannot be taken back, and an empty message must not be sent.
    assert_eq!(
        play(&hello, one, Some("carol@x.org"), "drop"),
        ["accepted", "nothing"]
    );
    assert_eq!(play(&hello, one, None, "drop"), ["accepted"]);
}

#[test]
fn after_a_refused_chunk_the_commands_are_sent_again_after_rset() {
    let one = [FIRST, "S: 552 too large"].concat();
    let other = "
        S: 503 RSET first
        S: 503 RSET first
        C: RSET
        C: MAIL FROM:<>
        C: RCPT TO:<bob@x.org>
        S: 250 ok
    ";
    let words = play(CHUNKING, &one, BOB, &[SENT, other, SECOND].concat());
    assert_eq!(words, ["552 at bdat", "accepted"]);
}

#[test]
fn another_message_than_the_announced_one_begins_with_rset() {
    let one = [FIRST, "S: 250 taken"].concat();
    let other = "
        S: 250 ok
        S: 550 no
        C: RSET
        C: MAIL FROM:<>
        C: RCPT TO:<carol@x.org>
        S: 250 ok
    ";
    let words = play(
        CHUNKING,
        &one,
        Some("carol@x.org"),
        &[SENT, other, SECOND].concat(),
    );
    assert_eq!(words, ["accepted", "accepted"]);
}

#[test]
fn quit_follows_the_replies_to_commands_that_were_sent_ahead() {
    let one = [FIRST, "S: 250 taken"].concat();
    let other = "
        S: 250 ok
        S: 250 ok
        C: QUIT
        S: 221 bye";
    let other = [SENT, other].concat();
    assert_eq!(play(CHUNKING, &one, None, &other), ["accepted"]);
}

#[test]
fn goodbye_of_the_server_concerns_the_message_whose_reply_it_is() {
    let one = [FIRST, "S: 421 bye\ndrop"].concat();
    assert_eq!(play(CHUNKING, &one, BOB, ""), ["421 at bdat"]);
    let one = [FIRST, "S: 250 taken"].concat();
    let other = [SENT, "S: 421 too many\nC: QUIT\nS: 221 bye"].concat();
    let words = play(CHUNKING, &one, BOB, &other);
    assert_eq!(words, ["accepted", "421 at mail"]);
    let other = [SENT, "S: 421 bye\ndrop"].concat();
    let words = play(CHUNKING, &one, Some("carol@x.org"), &other);
    assert_eq!(words, ["accepted", "421 at mail"]);
}

#[test]
fn nothing_follows_the_first_message_of_a_session() {
    let one = FIRST
        .split("    C: MAIL FROM:<>\n    C: RCPT TO:<bob")
        .next()
        .unwrap();
    let (ann, bob) = (
        Address::parse("ann@x.org").unwrap(),
        Address::parse("bob@x.org").unwrap(),
    );
    let announced = Transaction::new(None, vec![&bob], &MESSAGE);
    let first = Transaction {
        then: AfterTransaction::Rest,
        next: Some(&announced),
        ..Transaction::new(None, vec![&ann], &MESSAGE)
    };
    let mut dialogue = Dialogue::new(&first, "crepes.fr".to_owned(), Options::default(), None);
    act(&mut dialogue, &[CHUNKING, one, "S: 250 taken"].concat());
    assert!(!dialogue.is_ahead());
}

#[test]
fn nothing_is_sent_ahead_to_a_server_that_accepts_no_other_message() {
    let hello = CHUNKING.replace(
        "S: 250 CHUNKING",
        "S: 250-LIMITS MAILMAX=2\n    S: 250 CHUNKING",
    );
    let one = FIRST
        .split("    C: MAIL FROM:<>\n    C: RCPT TO:<bob")
        .next()
        .unwrap();
    assert!(one.contains("RCPT TO:<ann@x.org>"), "{one}");
    let one = [one, "S: 250 taken\nC: QUIT\nS: 221 bye"].concat();
    assert_eq!(play(&hello, &one, BOB, ""), ["accepted"]);
}
