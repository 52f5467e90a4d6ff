//! Dialogues as text: `S:` lines come from the server, `C:` lines are expected from the client.
//! `C: <message>` is the message with its end. Consecutive `C:` lines are expected in one write. `tls` is the
//! handshake, `N:` a note. The lines after `sent` were sent with the end of the message before.

pub(crate) mod testing;

mod ahead;
mod login;
mod requests;
mod rest;

use crate::client::session::AfterTransaction;
use crate::client::session::dialogue::*;
use crate::mail::address::Address;
use crate::smtp::blocks::{Accepts, Block, Blocks, BodyType, Replay, Shape};

/// A message of a given size and body type.
struct Fake(Shape);

impl Blocks for Fake {
    fn append(&mut self, _: &mut Vec<u8>) -> std::io::Result<Block> {
        Ok(Block::End)
    }
}

impl Replay for Fake {
    fn shape(&self, able: Accepts) -> Option<Shape> {
        self.0.suits(able).then_some(self.0)
    }

    fn blocks(&self, _: Shape) -> Box<dyn Blocks + '_> {
        Box::new(Self(self.0))
    }
}

struct Play {
    sender: &'static str,
    recipients: &'static [&'static str],
    helo: &'static str,
    size: u64,
    transport: BodyType,
    login: Option<Login>,
    options: Options,
}

impl Default for Play {
    fn default() -> Self {
        Self {
            sender: "alice@crepes.fr",
            recipients: &["bob@hamburger.edu"],
            helo: "crepes.fr",
            size: 100,
            transport: BodyType::SevenBit,
            login: None,
            options: Options::default(),
        }
    }
}

impl Play {
    /// Runs the script and returns a line for each recipient: `accepted`, `550 at rcpt`, `unsuitable`, `nothing`.
    fn play(&self, script: &str) -> Vec<String> {
        let address = |text: &&str| Address::parse(text).unwrap();
        let sender = Some(self.sender)
            .filter(|s| !s.is_empty())
            .map(|s| address(&s));
        let recipients: Vec<Address> = self.recipients.iter().map(address).collect();
        let message = Fake(Shape {
            utf8: false,
            transport: self.transport,
            size: self.size,
        });
        let transaction = Transaction::new(sender.as_ref(), recipients.iter().collect(), &message);
        let helo = self.helo.to_owned();
        let mut dialogue = Dialogue::new(
            &transaction,
            helo,
            self.options.clone(),
            self.login.as_ref(),
        );
        act(&mut dialogue, script);
        dialogue
            .into_answers()
            .iter()
            .map(|answer| word(answer.as_ref()))
            .collect()
    }
}

fn act(dialogue: &mut Dialogue<'_>, script: &str) {
    act_from(WireEvent::Started, dialogue, script);
}

fn act_from(first: WireEvent, dialogue: &mut Dialogue<'_>, script: &str) {
    let mut lines = script
        .lines()
        .map(str::trim)
        .filter(|line| !line.is_empty())
        .peekable();
    let mut event = first;
    loop {
        let said = match dialogue.step(event) {
            Action::Finish | Action::Rest => break,
            Action::Abort(_, what) => {
                assert_eq!(lines.next(), Some("abort"), "{what}");
                break;
            }
            Action::Read => Vec::new(),
            Action::Send(said) => said,
            Action::Sent(said) => {
                assert_eq!(lines.next(), Some("sent"));
                said
            }
            Action::Secure => {
                assert_eq!(lines.next(), Some("tls"));
                event = WireEvent::Secured(Privacy::default());
                continue;
            }
            Action::Drop => {
                assert_eq!(lines.next(), Some("drop"));
                break;
            }
            Action::SendAndDrop(said) => {
                assert_said(said, &mut lines);
                assert_eq!(lines.next(), Some("drop"));
                break;
            }
            Action::QuitOutOfSequence => {
                assert_eq!(lines.next(), Some("quit at once"));
                break;
            }
        };
        assert_said(said, &mut lines);
        let more = lines.peek().is_some_and(|line| line.starts_with("C: "));
        assert!(!more, "{:?} was not said in the same write", lines.peek());
        event = WireEvent::Replied(reply(&mut lines));
    }
    assert_eq!(lines.next(), None, "the script was not played to its end");
}

fn assert_said<'a>(said: Vec<Output>, lines: &mut impl Iterator<Item = &'a str>) {
    let mut after_message = false;
    for item in said {
        let ours = match item {
            Output::Message(_) => {
                after_message = true;
                "C: <message>".to_owned()
            }
            // The end of the message is implied.
            Output::Line(line) if line.step == Step::Dot && after_message => continue,
            Output::Line(line) | Output::Ahead(line) => format!("C: {}", line.shown),
            Output::Chunk(_, octets) => format!("C: <{octets} octets>"),
            Output::Note(note) => format!("N: {note}"),
            Output::Detail(_) => continue,
        };
        assert_eq!(lines.next(), Some(ours.trim_end()));
    }
}

fn reply<'a>(lines: &mut impl Iterator<Item = &'a str>) -> Reply {
    let mut texts = Vec::new();
    loop {
        let line = lines
            .next()
            .expect("a reply is waited for, and the script is over");
        let line = line
            .strip_prefix("S: ")
            .unwrap_or_else(|| panic!("{line} is not said"));
        texts.push(line.get(4..).unwrap_or_default().to_owned());
        if line.as_bytes().get(3) != Some(&b'-') {
            let code = line[..3].parse().unwrap();
            return Reply { code, lines: texts };
        }
    }
}

fn word(answer: Option<&RecipientReply>) -> String {
    match answer {
        None => "nothing".to_owned(),
        Some(RecipientReply::Accepted(_)) => "accepted".to_owned(),
        Some(RecipientReply::Replied(step, reply)) => {
            format!("{} at {}", reply.code, step.stage().name())
        }
        Some(RecipientReply::TooMany(reply)) => format!("{} too many", reply.code),
        Some(RecipientReply::Withheld) => "withheld".to_owned(),
        Some(RecipientReply::Unsuitable(unsuitable)) => format!("unfit {}", unsuitable.enhanced()),
        Some(RecipientReply::Unmet(unmet)) => format!("unmet {unmet:?}"),
        Some(RecipientReply::Uncertain) => "in doubt".to_owned(),
        Some(RecipientReply::Stopped(stop)) => format!("stopped behind {}", stop.after.name()),
    }
}

const KUROSE: &str = "
    S: 220 hamburger.edu
    C: EHLO crepes.fr
    S: 500 what?
    C: HELO crepes.fr
    S: 250 Hello crepes.fr, pleased to meet you
    C: MAIL FROM:<alice@crepes.fr>
    S: 250 alice@crepes.fr... Sender ok
    C: RCPT TO:<bob@hamburger.edu>
    S: 250 bob@hamburger.edu ... Recipient ok
";

const KUROSE_END: &str = "
    C: DATA
    S: 354 Enter mail, end with '.' on a line by itself
    C: <message>
    S: 250 Message accepted for delivery
    C: QUIT
    S: 221 hamburger.edu closing connection
";

#[test]
fn alice_asks_bob_whether_he_likes_ketchup() {
    let answers = Play::default().play(&[KUROSE, KUROSE_END].concat());
    assert_eq!(answers, ["accepted"]);
}

#[test]
fn alice_asks_two_with_one_message() {
    let play = Play {
        recipients: &["bob@hamburger.edu", "carol@hamburger.edu"],
        ..Play::default()
    };
    let second = "C: RCPT TO:<carol@hamburger.edu>\nS: 250 carol@hamburger.edu ... Recipient ok\n";
    let answers = play.play(&[KUROSE, second, KUROSE_END].concat());
    assert_eq!(answers, ["accepted", "accepted"]);
}

/// RFC 5321 appendix D.1, with the parameters and the grouping that the offers allow.
#[test]
fn green_is_unknown_and_jones_and_brown_get_it_all_the_same() {
    let play = Play {
        sender: "Smith@bar.com",
        recipients: &["Jones@foo.com", "Green@foo.com", "Brown@foo.com"],
        helo: "bar.com",
        ..Play::default()
    };
    let answers = play.play(
        "S: 220 foo.com Simple Mail Transfer Service Ready
         C: EHLO bar.com
         S: 250-foo.com greets bar.com
         S: 250-8BITMIME
         S: 250-SIZE
         S: 250-DSN
         S: 250 HELP
         C: MAIL FROM:<Smith@bar.com> SIZE=100
         S: 250 OK
         C: RCPT TO:<Jones@foo.com>
         S: 250 OK
         C: RCPT TO:<Green@foo.com>
         S: 550 No such user here
         C: RCPT TO:<Brown@foo.com>
         S: 250 OK
         C: DATA
         S: 354 Start mail input; end with <CRLF>.<CRLF>
         C: <message>
         S: 250 OK
         C: QUIT
         S: 221 foo.com Service closing transmission channel",
    );
    assert_eq!(answers, ["accepted", "550 at rcpt", "accepted"]);
}

/// TCP/IP Illustrated, chapter 28.2.
#[test]
fn where_ehlo_is_refused_helo_follows() {
    let play = Play {
        sender: "rstevens@sun.tuc.noao.edu",
        recipients: &["rstevens@noao.edu"],
        helo: "sun.tuc.noao.edu",
        ..Play::default()
    };
    let answers = play.play(
        "S: 220 noao.edu Sendmail 4.1 ready at Mon, 19 Jul 93 12:47:34 MST
         C: EHLO sun.tuc.noao.edu
         S: 500 Command unrecognized
         C: HELO sun.tuc.noao.edu
         S: 250 noao.edu Hello sun.tuc.noao.edu., pleased to meet you
         C: MAIL FROM:<rstevens@sun.tuc.noao.edu>
         S: 250 <rstevens@sun.tuc.noao.edu>... Sender ok
         C: RCPT TO:<rstevens@noao.edu>
         S: 250 <rstevens@noao.edu>... Recipient ok
         C: DATA
         S: 354 Enter mail, end with \".\" on a line by itself
         C: <message>
         S: 250 Mail accepted
         C: QUIT
         S: 221 noao.edu delivering mail",
    );
    assert_eq!(answers, ["accepted"]);
}

const PIPELINING: &str = "
    S: 220 hi
    C: EHLO crepes.fr
    S: 250-hamburger.edu
    S: 250-PIPELINING
    S: 250 SIZE 1000
";

#[test]
fn where_pipelining_is_offered_groups_go_out_in_one_write() {
    let script = "
        C: MAIL FROM:<alice@crepes.fr> SIZE=100
        C: RCPT TO:<bob@hamburger.edu>
        C: DATA
        S: 250 ok
        S: 250 ok
        S: 354 go
        C: <message>
        C: QUIT
        S: 250 taken
        S: 221 bye";
    let answers = Play::default().play(&[PIPELINING, script].concat());
    assert_eq!(answers, ["accepted"]);
}

#[test]
fn a_pipelined_data_that_nobody_is_to_get_ends_with_a_lone_dot() {
    // RFC 2920 §3.1
    let script = "
        C: MAIL FROM:<alice@crepes.fr> SIZE=100
        C: RCPT TO:<bob@hamburger.edu>
        C: DATA
        S: 250 ok
        S: 550 5.1.1 unknown
        S: 354 go
        C: .
        S: 554 5.5.1 no valid recipients
        C: QUIT
        S: 221 bye";
    let answers = Play::default().play(&[PIPELINING, script].concat());
    assert_eq!(answers, ["550 at rcpt"]);
}

#[test]
fn a_refused_sender_is_the_answer_for_everybody() {
    let script = "
        C: MAIL FROM:<alice@crepes.fr> SIZE=100
        C: RCPT TO:<bob@hamburger.edu>
        C: DATA
        S: 550 5.7.1 not you
        S: 503 5.5.1 need MAIL
        S: 503 5.5.1 need RCPT
        C: QUIT
        S: 221 bye";
    let answers = Play::default().play(&[PIPELINING, script].concat());
    assert_eq!(answers, ["550 at mail"]);
}

#[test]
fn those_that_are_too_many_come_with_the_next_transaction() {
    // RFC 5321 §4.5.3.1.10: 452 after the first; the full mailbox is not among them.
    let play = Play {
        recipients: &["a@x.org", "b@x.org", "c@x.org"],
        ..Play::default()
    };
    let script = "
        C: MAIL FROM:<alice@crepes.fr> SIZE=100
        C: RCPT TO:<a@x.org>
        C: RCPT TO:<b@x.org>
        C: RCPT TO:<c@x.org>
        C: DATA
        S: 250 ok
        S: 250 ok
        S: 452 4.5.3 too many
        S: 452 4.2.2 full
        S: 354 go
        C: <message>
        S: 250 taken
        C: MAIL FROM:<alice@crepes.fr> SIZE=100
        C: RCPT TO:<b@x.org>
        C: DATA
        S: 250 ok
        S: 250 ok
        S: 354 go
        C: <message>
        C: QUIT
        S: 250 taken
        S: 221 bye";
    let answers = play.play(&[PIPELINING, script].concat());
    assert_eq!(answers, ["accepted", "accepted", "452 at rcpt"]);
}

#[test]
fn message_is_withheld_if_every_recipient_is_required_and_one_is_refused() {
    for reply in ["550 no such user", "452 too many recipients"] {
        let play = Play {
            recipients: &["a@x.org", "b@x.org", "c@x.org"],
            options: Options {
                all_recipients: true,
                ..Options::default()
            },
            ..Play::default()
        };
        let script = format!(
            "{PIPELINING}
             C: MAIL FROM:<alice@crepes.fr> SIZE=100
             C: RCPT TO:<a@x.org>
             C: RCPT TO:<b@x.org>
             C: RCPT TO:<c@x.org>
             S: 250 ok
             S: 250 ok
             S: {reply}
             S: 250 ok
             C: QUIT
             S: 221 bye"
        );
        let words = play.play(&script);
        let refused = if reply.starts_with("452") {
            "452 too many"
        } else {
            "550 at rcpt"
        };
        assert_eq!(words, ["withheld", refused, "withheld"]);
    }
}

#[test]
fn recipients_that_were_too_many_come_again_after_a_transaction_that_failed() {
    let play = Play {
        recipients: &["a@x.org", "b@x.org"],
        ..Play::default()
    };
    let script = "
        C: MAIL FROM:<alice@crepes.fr> SIZE=100
        C: RCPT TO:<a@x.org>
        C: RCPT TO:<b@x.org>
        C: DATA
        S: 250 ok
        S: 250 ok
        S: 552 too many
        S: 354 go
        C: <message>
        S: 554 no
        C: MAIL FROM:<alice@crepes.fr> SIZE=100
        C: RCPT TO:<b@x.org>
        C: DATA
        S: 250 ok
        S: 250 ok
        S: 354 go
        C: <message>
        C: QUIT
        S: 250 taken
        S: 221 bye";
    let answers = play.play(&[PIPELINING, script].concat());
    assert_eq!(answers, ["554 at dot", "accepted"]);
}

#[test]
fn a_greeting_that_refuses_is_answered_with_quit() {
    // RFC 5321 §3.1
    let answers = Play::default().play("S: 554 no SMTP here\nC: QUIT\nS: 221 bye");
    assert_eq!(answers, ["554 at banner"]);
}

#[test]
fn a_421_ends_the_session_wherever_it_comes() {
    // RFC 5321 §3.8
    let script = "
        C: MAIL FROM:<alice@crepes.fr> SIZE=100
        C: RCPT TO:<bob@hamburger.edu>
        C: DATA
        S: 250 ok
        S: 421 shutting down
        C: QUIT
        S: 221 bye";
    let answers = Play::default().play(&[PIPELINING, script].concat());
    assert_eq!(answers, ["421 at rcpt"]);
}

#[test]
fn a_421_to_the_end_of_data_is_a_refusal_for_now() {
    let script = "
        C: MAIL FROM:<alice@crepes.fr> SIZE=100
        C: RCPT TO:<bob@hamburger.edu>
        C: DATA
        S: 250 ok
        S: 250 ok
        S: 354 go
        C: <message>
        C: QUIT
        S: 421 shutting down
        S: 221 bye";
    let answers = Play::default().play(&[PIPELINING, script].concat());
    assert_eq!(answers, ["421 at dot"]);
}

#[test]
fn success_where_leave_to_send_was_due_is_no_leave() {
    // RFC 5321 §3.3
    let script = "
        C: MAIL FROM:<alice@crepes.fr> SIZE=100
        C: RCPT TO:<bob@hamburger.edu>
        C: DATA
        S: 250 ok
        S: 250 ok
        S: 250 ok
        abort";
    let answers = Play::default().play(&[PIPELINING, script].concat());
    assert_eq!(answers, ["nothing"]);
}

#[test]
fn a_message_over_the_limit_is_not_even_announced() {
    // RFC 1870 §6
    let play = Play {
        size: 1001,
        ..Play::default()
    };
    let answers = play.play(&[PIPELINING, "C: QUIT\nS: 221 bye"].concat());
    assert_eq!(answers, ["unfit 5.3.4"]);
}

#[test]
fn octets_above_127_go_only_where_they_are_welcome() {
    // RFC 6152 §3
    let play = Play {
        transport: BodyType::EightBit,
        ..Play::default()
    };
    let answers = play.play(&[PIPELINING, "C: QUIT\nS: 221 bye"].concat());
    assert_eq!(answers, ["unfit 5.6.3"]);
}

#[test]
fn only_the_recipient_that_needs_utf8_is_left_out() {
    // RFC 6531 §3.2
    let play = Play {
        sender: "",
        recipients: &["用户@x.org", "b@x.org"],
        ..Play::default()
    };
    let script = "
        C: MAIL FROM:<> SIZE=100
        C: RCPT TO:<b@x.org>
        C: DATA
        S: 250 ok
        S: 250 ok
        S: 354 go
        C: <message>
        C: QUIT
        S: 250 taken
        S: 221 bye";
    let answers = play.play(&[PIPELINING, script].concat());
    assert_eq!(answers, ["unfit 5.6.7", "accepted"]);
}

#[test]
fn more_than_a_hundred_recipients_go_in_several_transactions() {
    let names: Vec<String> = (0..150).map(|n| format!("u{n}@x.org")).collect();
    let addresses: Vec<Address> = names.iter().map(|n| Address::parse(n).unwrap()).collect();
    let message = Fake(Shape {
        utf8: false,
        transport: BodyType::SevenBit,
        size: 100,
    });
    let transaction = Transaction::new(None, addresses.iter().collect(), &message);
    let group = |names: &[String]| {
        let rcpts = names.join(">\nC: RCPT TO:<");
        let oks = "S: 250 ok\n".repeat(names.len() + 1);
        format!(
            "C: MAIL FROM:<> SIZE=100\nC: RCPT TO:<{rcpts}>\nC: DATA\n{oks}S: 354 go\nC: <message>\n"
        )
    };
    let end = "C: QUIT\nS: 250 taken\nS: 221 bye";
    let script = [
        PIPELINING,
        &group(&names[..100]),
        "S: 250 taken\n",
        &group(&names[100..]),
        end,
    ]
    .concat();
    let mut dialogue = Dialogue::new(
        &transaction,
        "crepes.fr".to_owned(),
        Options::default(),
        None,
    );
    act(&mut dialogue, &script);
    assert!(
        dialogue
            .into_answers()
            .iter()
            .all(|answer| word(answer.as_ref()) == "accepted")
    );
}

const CHUNKING: &str = "
    S: 220 hi
    C: EHLO crepes.fr
    S: 250-hamburger.edu
    S: 250-PIPELINING
    S: 250-BINARYMIME
    S: 250 CHUNKING
";

#[test]
fn the_last_chunk_waits_until_sender_and_recipient_are_accepted() {
    let script = "
        C: MAIL FROM:<alice@crepes.fr>
        C: RCPT TO:<bob@hamburger.edu>
        S: 250 ok
        S: 250 ok
        C: BDAT 100 LAST
        C: <100 octets>
        C: QUIT
        S: 250 taken
        S: 221 bye";
    let answers = Play::default().play(&[CHUNKING, script].concat());
    assert_eq!(answers, ["accepted"]);
}

#[test]
fn no_chunk_is_sent_without_an_accepted_recipient() {
    let script = "
        C: MAIL FROM:<alice@crepes.fr>
        C: RCPT TO:<bob@hamburger.edu>
        S: 250 ok
        S: 550 unknown
        C: QUIT
        S: 221 bye";
    let answers = Play::default().play(&[CHUNKING, script].concat());
    assert_eq!(answers, ["550 at rcpt"]);
}

#[test]
fn a_large_message_waits_for_its_recipients_and_goes_in_chunks() {
    let play = Play {
        size: 40 * 1024 * 1024,
        transport: BodyType::Binary,
        recipients: &["a@x.org", "b@x.org"],
        ..Play::default()
    };
    let script = "
        C: MAIL FROM:<alice@crepes.fr> BODY=BINARYMIME
        C: RCPT TO:<a@x.org>
        C: RCPT TO:<b@x.org>
        S: 250 ok
        S: 550 unknown
        S: 250 ok
        C: BDAT 16777216
        C: <16777216 octets>
        C: BDAT 16777216
        C: <16777216 octets>
        C: BDAT 8388608 LAST
        C: <8388608 octets>
        C: QUIT
        S: 250 ok
        S: 250 ok
        S: 250 taken
        S: 221 bye";
    let answers = play.play(&[CHUNKING, script].concat());
    assert_eq!(answers, ["550 at rcpt", "accepted"]);
}

#[test]
fn a_refused_chunk_is_the_answer_and_what_follows_it_is_not() {
    let play = Play {
        size: 20 * 1024 * 1024,
        ..Play::default()
    };
    let script = "
        C: MAIL FROM:<alice@crepes.fr>
        C: RCPT TO:<bob@hamburger.edu>
        S: 250 ok
        S: 250 ok
        C: BDAT 16777216
        C: <16777216 octets>
        C: BDAT 4194304 LAST
        C: <4194304 octets>
        C: QUIT
        S: 552 too large
        S: 503 no transaction
        S: 221 bye";
    let answers = play.play(&[CHUNKING, script].concat());
    assert_eq!(answers, ["552 at bdat"]);
}
