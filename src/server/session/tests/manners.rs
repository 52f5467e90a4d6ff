//! Sessions with various offers, requirements and faults.

use crate::server::session::tests::*;
use crate::server::{
    Auth, FaultPlan, InjectedFault, OfferList, ServerEvent, ServerObserver, UserDatabase,
};
use std::time::Duration;

/// A behavior with these offers and faults.
fn manner(offers: &[&str], faults: &[&str]) -> Manner {
    let mut all = OfferList::default();
    for text in offers {
        match text.strip_prefix('-') {
            Some(name) => all.remove(name),
            None => all.add(Offer::parse(text).unwrap()),
        }
    }
    let clock = |_: &str| Ok(Duration::from_millis(1));
    let faults = faults
        .iter()
        .map(|text| InjectedFault::parse(text, clock).unwrap());
    Manner {
        offers: all,
        mischief: FaultPlan::new(faults.collect(), Vec::new(), Some(1)),
        hang_time: Duration::from_millis(1),
        ..Manner::default()
    }
}

fn lmtp(faults: &[&str]) -> Manner {
    Manner {
        lmtp: true,
        ..manner(&[], faults)
    }
}

fn with_auth() -> Manner {
    Manner {
        auth: Some(Auth {
            users: UserDatabase::Anybody,
            only: None,
            in_clear: true,
        }),
        require_auth: true,
        ..manner(&["AUTH"], &[])
    }
}

fn talk(manner: &Manner, packets: &[&[u8]]) -> Outcome {
    play_with(manner, Shelf::default(), None, packets)
}

const TO_TWO: &[u8] = b"EHLO me\r\nMAIL FROM:<a@x>\r\nRCPT TO:<b@x>\r\nRCPT TO:<c@x>\r\nDATA\r\n";
const BODY: &[u8] = b"hi\r\n.\r\n";

/// The codes after the reply to EHLO.
fn after_hello(outcome: &Outcome) -> Vec<String> {
    let codes = outcome.codes();
    let hello = codes.iter().position(|code| code.starts_with("250 "));
    codes[hello.unwrap() + 1..].to_vec()
}

#[test]
fn lmtp_has_its_own_greeting_and_a_reply_for_each_recipient() {
    let hello = talk(&lmtp(&[]), &[b"EHLO me\r\nHELO me\r\nLHLO me\r\n"]);
    assert_eq!(hello.codes()[..2], ["500 5.5.1", "500 5.5.1"]);
    let to_two = lhlo();
    let outcome = talk(&lmtp(&[]), &[&to_two, BODY, b"NOOP\r\n"]);
    assert_eq!(
        after_hello(&outcome)[3..],
        ["354 end", "250 2.0.0", "250 2.0.0", "250 2.0.0"]
    );
    assert_eq!(outcome.messages.len(), 1);
}

/// Replaces EHLO with LHLO.
fn lhlo() -> Vec<u8> {
    [&b"L"[..], &TO_TWO[1..]].concat()
}

#[test]
fn one_recipient_of_lmtp_can_be_refused_at_the_end() {
    let to_two = lhlo();
    let manner = lmtp(&["dot=452 4.2.2 full@2"]);
    let outcome = talk(&manner, &[&to_two, BODY]);
    assert_eq!(after_hello(&outcome)[4..], ["250 2.0.0", "452 4.2.2"]);
    assert_eq!(outcome.accepted, 1);
    let outcome = talk(&lmtp(&["dot=550 5.1.1 no"]), &[&to_two, BODY]);
    assert_eq!(after_hello(&outcome)[4..], ["550 5.1.1", "550 5.1.1"]);
    assert_eq!(outcome.accepted, 0);
}

#[test]
fn nobody_can_be_written_to_in_lmtp_without_recipients() {
    let outcome = talk(&lmtp(&[]), &[b"LHLO me\r\nMAIL FROM:<>\r\nDATA\r\n"]);
    assert_eq!(after_hello(&outcome)[1..], ["503 5.5.1"]);
}

#[test]
fn prdr_has_a_reply_for_each_recipient_and_one_for_all() {
    let manner = manner(&["PRDR"], &["dot=550 5.7.1 not for me@1"]);
    let text = String::from_utf8(TO_TWO.to_vec()).unwrap();
    let text = text.replace("<a@x>", "<a@x> PRDR");
    let outcome = talk(&manner, &[text.as_bytes(), BODY]);
    assert_eq!(
        after_hello(&outcome)[4..],
        ["353 the", "550 5.7.1", "250 2.0.0", "250 2.0.0"]
    );
}

#[test]
fn a_made_up_reply_is_said_and_the_command_is_not_done() {
    for (fault, codes) in [
        (
            "mail=451 4.3.0 busy",
            ["451 4.3.0", "503 5.5.1", "503 5.5.1", "503 5.5.1"],
        ),
        (
            "rcpt=550 5.1.1 no@2",
            ["250 2.1.0", "250 2.1.5", "550 5.1.1", "354 end"],
        ),
        (
            "data=554 5.7.1 no",
            ["250 2.1.0", "250 2.1.5", "250 2.1.5", "554 5.7.1"],
        ),
        (
            "rcpt=250 2.1.5 hi",
            ["250 2.1.0", "250 2.1.5", "250 2.1.5", "354 end"],
        ),
    ] {
        let outcome = talk(&manner(&[], &[fault]), &[TO_TWO]);
        assert_eq!(after_hello(&outcome)[..4], codes, "{fault}");
    }
}

#[test]
fn a_message_that_is_refused_on_purpose_is_not_kept() {
    for fault in ["dot=451 4.3.0 later", "body=552 5.3.4 too large"] {
        let outcome = talk(&manner(&[], &[fault]), &[TO_TWO, BODY, b"NOOP\r\n"]);
        let codes = after_hello(&outcome);
        assert_eq!(codes[3..].len(), 3, "{fault}: {codes:?}");
        assert_eq!(codes[5], "250 2.0.0", "{fault}");
        assert_eq!(outcome.accepted, 0, "{fault}");
    }
    let chunk = b"EHLO me\r\nMAIL FROM:<>\r\nRCPT TO:<b@x>\r\nBDAT 2 LAST\r\nhiNOOP\r\n";
    for fault in ["bdat=451 no", "dot=451 no"] {
        let outcome = talk(&manner(&[], &[fault]), &[chunk]);
        assert_eq!(
            after_hello(&outcome)[2..],
            ["451 no", "250 2.0.0"],
            "{fault}"
        );
        assert_eq!(outcome.accepted, 0, "{fault}");
    }
}

#[test]
fn a_message_whose_connection_breaks_at_its_end_is_kept() {
    for fault in ["dot=close", "dot=reset", "dot=hang", "dot=flood"] {
        let outcome = talk(&manner(&[], &[fault]), &[TO_TWO, BODY]);
        assert_eq!(outcome.accepted, 1, "{fault}");
    }
    let outcome = talk(&manner(&[], &["body=close"]), &[TO_TWO, BODY]);
    assert_eq!(outcome.accepted, 0);
}

#[test]
fn after_a_421_the_connection_is_closed() {
    let outcome = talk(&manner(&[], &["mail=421 4.3.2 bye"]), &[TO_TWO]);
    assert_eq!(after_hello(&outcome), ["421 4.3.2"]);
}

#[test]
fn a_greeting_that_refuses_leaves_only_quit() {
    let manner = manner(&[], &["banner=554 5.3.2 nobody here"]);
    let outcome = talk(&manner, &[b"EHLO me\r\nNOOP\r\nQUIT\r\n"]);
    assert!(outcome.writes[0].starts_with("554 5.3.2 nobody here\r\n"));
    assert_eq!(outcome.codes(), ["503 5.5.1", "503 5.5.1", "221 2.0.0"]);
}

#[test]
fn a_reply_can_come_twice_or_byte_for_byte() {
    let outcome = talk(&manner(&[], &["noop=double"]), &[b"NOOP\r\n"]);
    assert_eq!(outcome.codes(), ["250 2.0.0", "250 2.0.0"]);
    let outcome = talk(&manner(&[], &["noop=drip:1ms"]), &[b"NOOP\r\n"]);
    assert_eq!(outcome.writes.len(), 1 + "250 2.0.0 ok\r\n".len());
    assert_eq!(outcome.codes(), ["250 2.0.0"]);
}

#[test]
fn a_fault_happens_when_it_is_due_and_else_not() {
    let manner = manner(&[], &["noop=500 5.0.0 no@2"]);
    let outcome = talk(&manner, &[b"NOOP\r\nNOOP\r\nNOOP\r\n"]);
    assert_eq!(outcome.codes(), ["250 2.0.0", "500 5.0.0", "250 2.0.0"]);
}

#[test]
fn without_enhanced_codes_there_are_none() {
    let manner = manner(&["-ENHANCEDSTATUSCODES", "-CHUNKING"], &[]);
    let outcome = talk(
        &manner,
        &[b"EHLO me\r\nMAIL FROM:<>\r\nRCPT TO:<b@x>\r\nBDAT 4 LAST\r\nNOOP\r\nNOOP\r\n"],
    );
    let said = outcome.writes.concat();
    assert!(
        said.contains("250 sender ok\r\n250 recipient ok\r\n502 command not"),
        "{said}"
    );
    assert!(!said.contains("CHUNKING"), "{said}");
}

#[test]
fn parameters_that_are_offered_are_recorded() {
    let manner = manner(&["DSN", "BINARYMIME"], &[]);
    let outcome = talk(
        &manner,
        &[
            b"EHLO me\r\nMAIL FROM:<> RET=HDRS BODY=BINARYMIME\r\nRCPT TO:<b@x> NOTIFY=NEVER\r\n\
            DATA\r\nBDAT 1 LAST\r\nx",
        ],
    );
    let (envelope, _) = &outcome.messages[0];
    assert_eq!(envelope.mail_parameters, ["RET=HDRS", "BODY=BINARYMIME"]);
    assert_eq!(envelope.rcpt_parameters, [["NOTIFY=NEVER"]]);
    assert_eq!(after_hello(&outcome)[2], "503 5.5.1");
}

#[test]
fn whoever_must_log_in_can_do_so_once_and_not_in_a_transaction() {
    let outcome = talk(
        &with_auth(),
        &[b"MAIL FROM:<>\r\nAUTH PLAIN AGEAYg==\r\nEHLO me\r\nMAIL FROM:<>\r\nAUTH PLAIN AGEAYg==\r\n\
            AUTH PLAIN AGEAYg==\r\nMAIL FROM:<>\r\n"],
    );
    let codes = outcome.codes();
    assert_eq!(codes[..2], ["503 5.5.1", "503 5.5.1"]);
    assert!(
        outcome
            .writes
            .concat()
            .contains("AUTH CRAM-MD5 PLAIN LOGIN")
    );
    assert_eq!(
        after_hello(&outcome),
        ["530 5.7.0", "235 2.7.0", "503 5.5.1", "250 2.1.0"]
    );
}

#[test]
fn a_login_can_be_cancelled_and_one_that_is_no_base64_is_refused() {
    let outcome = talk(
        &with_auth(),
        &[b"EHLO me\r\nAUTH LOGIN\r\n*\r\nAUTH LOGIN\r\n!\r\nAUTH SCRAM-SHA-1\r\n"],
    );
    let codes = after_hello(&outcome);
    assert_eq!(
        codes,
        [
            "334 VXNlcm5hbWU6",
            "501 5.7.0",
            "334 VXNlcm5hbWU6",
            "501 5.5.2",
            "504 5.5.4"
        ]
    );
    let outcome = talk(
        &with_auth(),
        &[b"EHLO me\r\nAUTH PLAIN =\r\nAUTH PLAIN !\r\nAUTH NONE\r\n"],
    );
    assert_eq!(after_hello(&outcome)[0], "501 5.5.2");
}

#[test]
fn xclient_begins_the_session_anew_from_another_place() {
    let outcome = talk(
        &manner(&["XCLIENT"], &[]),
        &[
            b"EHLO me\r\nXCLIENT ADDR=IPV6:2001:db8::1 PORT=7\r\nMAIL FROM:<>\r\nHELO me\r\n\
            MAIL FROM:<>\r\nRCPT TO:<b@x>\r\nXCLIENT ADDR=192.0.2.1\r\nBDAT 1 LAST\r\nx",
        ],
    );
    assert_eq!(
        outcome.messages[0].0.peer,
        "[2001:db8::1]:7".parse().unwrap()
    );
    assert_eq!(after_hello(&outcome)[..2], ["220 sink.x", "503 5.5.1"]);
    assert_eq!(after_hello(&outcome)[5], "503 5.5.1");
}

#[test]
fn a_proxy_header_tells_the_client_and_without_one_nobody_is_greeted() {
    let manner = Manner {
        proxy_protocol: true,
        ..manner(&[], &[])
    };
    let outcome = talk(
        &manner,
        &[
            b"PROXY TCP4 192.0.2.1 192.0.2.2 5",
            b"67 25\r\nHELO me\r\nMAIL FROM:<>\r\nRCPT TO:<b@x>\r\nBDAT 1 LAST\r\nx",
        ],
    );
    assert_eq!(outcome.messages[0].0.peer, "192.0.2.1:567".parse().unwrap());
    assert!(talk(&manner, &[b"EHLO me\r\n"]).writes.is_empty());
}

/// Records the events.
#[derive(Default)]
struct Notes(Mutex<Vec<String>>);

impl ServerObserver for Notes {
    fn saw(&self, _: u64, seen: &ServerEvent<'_>) {
        let note = match seen {
            ServerEvent::Command { line } => String::from_utf8_lossy(line).into_owned(),
            ServerEvent::Reply { text } => text[..3].to_owned(),
            ServerEvent::Auth { user, is_right, .. } => format!("{user} {is_right}"),
            ServerEvent::Fault { stage, what } => format!("{} {}", stage.name(), what.name()),
            ServerEvent::Message { bytes, number, .. } => format!("{number}: {bytes}"),
            ServerEvent::Trouble { why } => format!("trouble: {why}"),
            ServerEvent::Closed { reason } => format!("closed: {reason}"),
            _ => return,
        };
        self.0.lock().unwrap().push(note);
    }
}

#[test]
fn whoever_watches_sees_it_all_but_no_password() {
    let notes = Notes::default();
    let auth = with_auth();
    let limits = limits();
    let shelf = Shelf::default();
    let gate = ConnectionLimiter::new(None, 1, None);
    let house = ServerContext {
        introduction: Introduction {
            name: "sink.x",
            what: "ESMTP",
        },
        limits: &limits,
        manner: &auth,
        store: &shelf,
        gate: &gate,
        witness: &notes,
    };
    let visitor = Client {
        number: 1,
        from: None,
    };
    let talk = b"EHLO me\r\nAUTH NTLM\r\nAGEAYg==\r\nAUTH PLAIN AGEAYg==\r\nMAIL FROM:<>\r\nRCPT TO:<b@x>\r\nBDAT 1 LAST\r\nxQUIT\r\n";
    let mut script = ScriptedPeer::new([&talk[..]]);
    ServerSession::new(house, &mut script, visitor).converse();
    let notes = notes.0.into_inner().unwrap();
    assert_eq!(
        notes,
        [
            "220",
            "EHLO me",
            "250",
            "AUTH NTLM",
            "504",
            "********",
            "500",
            "AUTH PLAIN",
            "a true",
            "235",
            "MAIL FROM:<>",
            "250",
            "RCPT TO:<b@x>",
            "250",
            "BDAT 1 LAST",
            "1: 1",
            "250",
            "QUIT",
            "221",
            "closed: quit"
        ]
    );
}

proptest::proptest! {
    #![proptest_config(proptest::test_runner::Config::with_cases(32))]

    #[test]
    fn nothing_that_is_said_makes_it_panic_or_accept_what_it_should_not(
        lines in proptest::collection::vec(
            "(EHLO|LHLO|HELO|MAIL FROM:<a@x>|RCPT TO:<b@x>|DATA|BDAT 3|BDAT 2 LAST|AUTH|XCLIENT|RSET|\\.|.{0,9})\
             ( me| PLAIN| =| PRDR|)\r\n",
            0..20,
        ),
        cut in 0..200_usize,
    ) {
        let manner = Manner {
            require_auth: false,
            ..with_auth()
        };
        let all = lines.concat().into_bytes();
        let (first, rest) = all.split_at(cut.min(all.len()));
        let outcome = talk(&manner, &[first, rest]);
        assert!(outcome.writes[0].starts_with("220 "));
        assert_eq!(usize::try_from(outcome.accepted).unwrap(), outcome.messages.len());
    }
}
