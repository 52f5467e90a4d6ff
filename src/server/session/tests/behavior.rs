//! Sessions with various offers, requirements and faults.

use crate::server::auth::{Auth, UserDatabase};
use crate::server::events::{ServerEvent, ServerObserver};
use crate::server::fault::InjectedFault;
use crate::server::fault_plan::FaultPlan;
use crate::server::offers::OfferList;
use crate::server::session::tests::*;
use std::time::Duration;

/// A behavior with these offers and faults.
fn behavior(offers: &[&str], faults: &[&str]) -> ServerBehavior {
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
    ServerBehavior {
        offers: all,
        faults: std::sync::Arc::new(FaultPlan::new(faults.collect(), Vec::new(), Some(1))),
        hang_time: Duration::from_millis(1),
        ..ServerBehavior::default()
    }
}

fn lmtp(faults: &[&str]) -> ServerBehavior {
    ServerBehavior {
        lmtp: true,
        ..behavior(&[], faults)
    }
}

fn with_auth() -> ServerBehavior {
    ServerBehavior {
        auth: Some(Auth {
            users: UserDatabase::AnyUser,
            only: None,
            in_clear: true,
        }),
        require_auth: true,
        ..behavior(&["AUTH"], &[])
    }
}

fn run_commands(behavior: &ServerBehavior, packets: &[&[u8]]) -> Outcome {
    play_with(behavior, TestStore::default(), None, packets)
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
fn lmtp_has_lhlo_and_a_reply_for_each_recipient() {
    let hello = run_commands(&lmtp(&[]), &[b"EHLO me\r\nHELO me\r\nLHLO me\r\n"]);
    assert_eq!(hello.codes()[..2], ["500 5.5.1", "500 5.5.1"]);
    let to_two = lhlo();
    let outcome = run_commands(&lmtp(&[]), &[&to_two, BODY, b"NOOP\r\n"]);
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
fn one_lmtp_recipient_can_be_refused_after_the_message() {
    let to_two = lhlo();
    let behavior = lmtp(&["dot=452 4.2.2 full@2"]);
    let outcome = run_commands(&behavior, &[&to_two, BODY]);
    assert_eq!(after_hello(&outcome)[4..], ["250 2.0.0", "452 4.2.2"]);
    assert_eq!(outcome.accepted, 1);
    let outcome = run_commands(&lmtp(&["dot=550 5.1.1 no"]), &[&to_two, BODY]);
    assert_eq!(after_hello(&outcome)[4..], ["550 5.1.1", "550 5.1.1"]);
    assert_eq!(outcome.accepted, 0);
}

#[test]
fn data_without_recipients_is_503_in_lmtp() {
    let outcome = run_commands(&lmtp(&[]), &[b"LHLO me\r\nMAIL FROM:<>\r\nDATA\r\n"]);
    assert_eq!(after_hello(&outcome)[1..], ["503 5.5.1"]);
}

#[test]
fn prdr_has_a_reply_for_each_recipient_and_one_for_all() {
    let behavior = behavior(&["PRDR"], &["dot=550 5.7.1 not for me@1"]);
    let text = String::from_utf8(TO_TWO.to_vec()).unwrap();
    let text = text.replace("<a@x>", "<a@x> PRDR");
    let outcome = run_commands(&behavior, &[text.as_bytes(), BODY]);
    assert_eq!(
        after_hello(&outcome)[4..],
        ["353 one", "550 5.7.1", "250 2.0.0", "250 2.0.0"]
    );
}

#[test]
fn command_with_an_injected_refusal_is_not_executed() {
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
        let outcome = run_commands(&behavior(&[], &[fault]), &[TO_TWO]);
        assert_eq!(after_hello(&outcome)[..4], codes, "{fault}");
    }
}

#[test]
fn message_with_an_injected_refusal_is_not_stored() {
    for fault in ["dot=451 4.3.0 later", "body=552 5.3.4 too large"] {
        let outcome = run_commands(&behavior(&[], &[fault]), &[TO_TWO, BODY, b"NOOP\r\n"]);
        let codes = after_hello(&outcome);
        assert_eq!(codes[3..].len(), 3, "{fault}: {codes:?}");
        assert_eq!(codes[5], "250 2.0.0", "{fault}");
        assert_eq!(outcome.accepted, 0, "{fault}");
    }
    let chunk = b"EHLO me\r\nMAIL FROM:<>\r\nRCPT TO:<b@x>\r\nBDAT 2 LAST\r\nhiNOOP\r\n";
    for fault in ["bdat=451 no", "dot=451 no"] {
        let outcome = run_commands(&behavior(&[], &[fault]), &[chunk]);
        assert_eq!(
            after_hello(&outcome)[2..],
            ["451 no", "250 2.0.0"],
            "{fault}"
        );
        assert_eq!(outcome.accepted, 0, "{fault}");
    }
}

#[test]
fn message_is_stored_if_the_connection_is_closed_at_its_end() {
    for fault in ["dot=close", "dot=reset", "dot=hang", "dot=flood"] {
        let outcome = run_commands(&behavior(&[], &[fault]), &[TO_TWO, BODY]);
        assert_eq!(outcome.accepted, 1, "{fault}");
    }
    let outcome = run_commands(&behavior(&[], &["body=close"]), &[TO_TWO, BODY]);
    assert_eq!(outcome.accepted, 0);
}

#[test]
fn after_a_421_the_connection_is_closed() {
    let outcome = run_commands(&behavior(&[], &["mail=421 4.3.2 bye"]), &[TO_TWO]);
    assert_eq!(after_hello(&outcome), ["421 4.3.2"]);
}

#[test]
fn only_quit_is_accepted_after_a_refusing_greeting() {
    let behavior = behavior(&[], &["banner=554 5.3.2 nobody here"]);
    let outcome = run_commands(&behavior, &[b"EHLO me\r\nNOOP\r\nQUIT\r\n"]);
    assert!(outcome.writes[0].starts_with("554 5.3.2 nobody here\r\n"));
    assert_eq!(outcome.codes(), ["503 5.5.1", "503 5.5.1", "221 2.0.0"]);
}

#[test]
fn reply_can_be_sent_twice_or_byte_by_byte() {
    let outcome = run_commands(&behavior(&[], &["noop=double"]), &[b"NOOP\r\n"]);
    assert_eq!(outcome.codes(), ["250 2.0.0", "250 2.0.0"]);
    let outcome = run_commands(&behavior(&[], &["noop=drip:1ms"]), &[b"NOOP\r\n"]);
    assert_eq!(outcome.writes.len(), 1 + "250 2.0.0 ok\r\n".len());
    assert_eq!(outcome.codes(), ["250 2.0.0"]);
}

#[test]
fn fault_occurs_only_when_its_condition_is_met() {
    let behavior = behavior(&[], &["noop=500 5.0.0 no@2"]);
    let outcome = run_commands(&behavior, &[b"NOOP\r\nNOOP\r\nNOOP\r\n"]);
    assert_eq!(outcome.codes(), ["250 2.0.0", "500 5.0.0", "250 2.0.0"]);
}

#[test]
fn no_enhanced_codes_without_their_offer() {
    let behavior = behavior(&["-ENHANCEDSTATUSCODES", "-CHUNKING"], &[]);
    let outcome = run_commands(
        &behavior,
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
fn accepted_parameters_are_recorded() {
    let behavior = behavior(&["DSN", "BINARYMIME"], &[]);
    let outcome = run_commands(
        &behavior,
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
fn login_is_possible_once_and_not_in_a_transaction() {
    let outcome = run_commands(
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
fn login_can_be_cancelled_and_invalid_base64_is_refused() {
    let outcome = run_commands(
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
    let outcome = run_commands(
        &with_auth(),
        &[b"EHLO me\r\nAUTH PLAIN =\r\nAUTH PLAIN !\r\nAUTH NONE\r\n"],
    );
    assert_eq!(after_hello(&outcome)[0], "501 5.5.2");
}

#[test]
fn xclient_restarts_the_session_with_another_client() {
    let outcome = run_commands(
        &behavior(&["XCLIENT"], &[]),
        &[
            b"EHLO me\r\nXCLIENT ADDR=IPV6:2001:db8::1 PORT=7\r\nMAIL FROM:<>\r\nHELO me\r\n\
            MAIL FROM:<>\r\nRCPT TO:<b@x>\r\nXCLIENT ADDR=192.0.2.1\r\nBDAT 1 LAST\r\nx",
        ],
    );
    assert_eq!(outcome.messages[0].0.peer, "[2001:db8::1]:7".parse().ok());
    assert_eq!(after_hello(&outcome)[..2], ["220 sink.x", "503 5.5.1"]);
    assert_eq!(after_hello(&outcome)[5], "503 5.5.1");
}

#[test]
fn proxy_header_sets_the_client_and_is_required() {
    let behavior = ServerBehavior {
        proxy_protocol: true,
        ..behavior(&[], &[])
    };
    let outcome = run_commands(
        &behavior,
        &[
            b"PROXY TCP4 192.0.2.1 192.0.2.2 5",
            b"67 25\r\nHELO me\r\nMAIL FROM:<>\r\nRCPT TO:<b@x>\r\nBDAT 1 LAST\r\nx",
        ],
    );
    assert_eq!(outcome.messages[0].0.peer, "192.0.2.1:567".parse().ok());
    assert!(run_commands(&behavior, &[b"EHLO me\r\n"]).writes.is_empty());
}

/// Records the events.
#[derive(Default)]
struct Notes(Mutex<Vec<String>>);

impl ServerObserver for Notes {
    fn on_event(&self, _: u64, event: &ServerEvent<'_>) {
        let note = match event {
            ServerEvent::Command { line } => String::from_utf8_lossy(line).into_owned(),
            ServerEvent::Reply { text } => text[..3].to_owned(),
            ServerEvent::Auth { user, accepted, .. } => format!("{user} {accepted}"),
            ServerEvent::Fault { stage, what } => format!("{} {}", stage.name(), what.name()),
            ServerEvent::Message { bytes, number, .. } => format!("{number}: {bytes}"),
            ServerEvent::Failed { why } => format!("trouble: {why}"),
            ServerEvent::Closed { reason } => format!("closed: {reason}"),
            _ => return,
        };
        self.0.lock().unwrap().push(note);
    }
}

#[test]
fn events_have_everything_but_passwords() {
    let notes = Notes::default();
    let auth = with_auth();
    let limits = limits();
    let store = TestStore::default();
    let limiter = ConnectionLimiter::new(None, 1, None);
    let context = ServerContext {
        introduction: Introduction {
            name: "sink.x",
            what: "ESMTP",
        },
        limits: &limits,
        behavior: &auth,
        store: &store,
        limiter: &limiter,
        observer: &notes,
    };
    let client = Client {
        uid: None,
        number: 1,
        from: None,
    };
    let run_commands = b"EHLO me\r\nAUTH NTLM\r\nAGEAYg==\r\nAUTH PLAIN AGEAYg==\r\nMAIL FROM:<>\r\nRCPT TO:<b@x>\r\nBDAT 1 LAST\r\nxQUIT\r\n";
    let mut script = ScriptedPeer::new([&run_commands[..]]);
    ServerSession::new(context, &mut script, client).run();
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
    fn random_input_neither_panics_nor_is_accepted_wrongly(
        lines in proptest::collection::vec(
            "(EHLO|LHLO|HELO|MAIL FROM:<a@x>|RCPT TO:<b@x>|DATA|BDAT 3|BDAT 2 LAST|AUTH|XCLIENT|RSET|\\.|.{0,9})\
             ( me| PLAIN| =| PRDR|)\r\n",
            0..20,
        ),
        cut in 0..200_usize,
    ) {
        let behavior = ServerBehavior {
            require_auth: false,
            ..with_auth()
        };
        let all = lines.concat().into_bytes();
        let (first, rest) = all.split_at(cut.min(all.len()));
        let outcome = run_commands(&behavior, &[first, rest]);
        assert!(outcome.writes[0].starts_with("220 "));
        assert_eq!(usize::try_from(outcome.accepted).unwrap(), outcome.messages.len());
    }
}
