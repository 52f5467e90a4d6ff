use crate::server::connection::tests::ScriptedPeer;
use crate::server::session::*;
use crate::server::store::{Incoming, ReceivedEnvelope, StoreRefusal, StoredAt};
use std::io;
use std::sync::{Mutex, PoisonError};

/// Keeps messages, or fails at a given point.
#[derive(Default)]
struct TestStore {
    messages: Mutex<Vec<(ReceivedEnvelope, Vec<u8>)>>,
    fails_at: &'static str,
}

struct TestMessage<'a> {
    store: &'a TestStore,
    envelope: ReceivedEnvelope,
    bytes: Vec<u8>,
}

impl TestStore {
    fn fail_at(&self, place: &str) -> io::Result<()> {
        if self.fails_at == place {
            return Err(io::Error::other("secret"));
        }
        Ok(())
    }
}

impl MessageStore for TestStore {
    fn begin(&self, envelope: &ReceivedEnvelope) -> io::Result<Box<dyn Incoming + '_>> {
        self.fail_at("begin")?;
        Ok(Box::new(TestMessage {
            store: self,
            envelope: envelope.clone(),
            bytes: Vec::new(),
        }))
    }

    fn check_recipient(&self, recipient: &str) -> Result<(), StoreRefusal> {
        if recipient == "nobody" {
            return Err(reason("550 5.1.1", "no such user"));
        }
        Ok(())
    }
}

fn reason(code: &'static str, why: &str) -> StoreRefusal {
    let why = why.to_owned();
    StoreRefusal::Refused { code, why }
}

impl Incoming for TestMessage<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.store.fail_at("write")?;
        self.bytes.extend_from_slice(bytes);
        Ok(())
    }

    fn commit(self: Box<Self>) -> Result<StoredAt, StoreRefusal> {
        self.store.fail_at("commit")?;
        if self.store.fails_at == "reason" {
            return Err(reason("554 5.6.0", "it is no message"));
        }
        let mut messages = self.store.messages.lock().unwrap();
        messages.push((self.envelope, self.bytes));
        Ok(StoredAt::Elsewhere)
    }
}

fn limits() -> SessionLimits {
    SessionLimits {
        max_message_bytes: 20,
        max_recipients: 2,
        max_line_bytes: 100,
        max_errors: 3,
        ..SessionLimits::default()
    }
}

/// The result of a session.
struct Outcome {
    writes: Vec<String>,
    messages: Vec<(ReceivedEnvelope, Vec<u8>)>,
    accepted: u64,
}

impl Outcome {
    /// The code and enhanced code of each reply line after the greeting.
    fn codes(&self) -> Vec<String> {
        let text = self.writes.concat();
        let code = |line: &str| line.split(' ').take(2).collect::<Vec<_>>().join(" ");
        text.lines().skip(1).map(code).collect()
    }
}

fn play(store: TestStore, count: Option<u64>, packets: &[&[u8]]) -> Outcome {
    play_with(&ServerBehavior::default(), store, count, packets)
}

fn play_with(
    behavior: &ServerBehavior,
    store: TestStore,
    count: Option<u64>,
    packets: &[&[u8]],
) -> Outcome {
    let limits = limits();
    let client = Client {
        uid: None,
        number: 1,
        from: Some(SocketAddr::from(([127, 0, 0, 1], 9))),
    };
    let limiter = ConnectionLimiter::new(count, 1, None);
    let context = ServerContext {
        introduction: Introduction {
            name: "sink.x",
            what: "ESMTP ehlo sink",
        },
        limits: &limits,
        behavior,
        store: &store,
        limiter: &limiter,
        observer: &(),
    };
    let mut script = ScriptedPeer::new(packets.iter().copied());
    ServerSession::new(context, &mut script, client).run();
    let messages = store.messages.into_inner();
    Outcome {
        writes: script.writes,
        messages: messages.unwrap_or_else(PoisonError::into_inner),
        accepted: limiter.accepted(),
    }
}

fn say(packets: &[&[u8]]) -> Outcome {
    play(TestStore::default(), None, packets)
}

#[test]
fn message_is_stored_with_its_envelope() {
    let outcome = say(&[
        b"EHLO me.x\r\n",
        b"MAIL FROM:<a@x> BODY=8BITMIME SIZE=8\r\n",
        b"RCPT TO:<b@x>\r\nRCPT TO:<c@x>\r\nDATA\r\n",
        b"..a\r\nb\n",
        b"\r\n.\r\nQUIT\r\n",
    ]);
    assert_eq!(
        outcome.writes,
        [
            "220 sink.x ESMTP ehlo sink\r\n",
            "250-sink.x\r\n250-PIPELINING\r\n250-SIZE 20\r\n250-8BITMIME\r\n\
             250-SMTPUTF8\r\n250-CHUNKING\r\n250 ENHANCEDSTATUSCODES\r\n",
            "250 2.1.0 sender ok\r\n",
            "250 2.1.5 recipient ok\r\n250 2.1.5 recipient ok\r\n\
             354 end data with <CRLF>.<CRLF>\r\n",
            "250 2.0.0 ok, 8 bytes\r\n221 2.0.0 bye\r\n",
        ]
    );
    let (envelope, bytes) = &outcome.messages[0];
    assert_eq!(bytes, b".a\r\nb\n\r\n");
    assert_eq!(envelope.helo, "me.x");
    assert_eq!(envelope.sender, "a@x");
    assert_eq!(envelope.recipients, ["b@x", "c@x"]);
    assert!(envelope.body_8bit && !envelope.smtputf8);
    assert_eq!(outcome.accepted, 1);
}

#[test]
fn replies_to_a_pipelined_group_are_one_write() {
    let outcome = say(&[
        b"EHLO me\r\nMAIL FROM:<>\r\nRCPT TO:<b@x>\r\nBDAT 3 LAST\r\nabcRSET\r\nQU",
        b"IT\r\n",
    ]);
    let [greeting, group, bye] = outcome.writes.as_slice() else {
        panic!("{:?}", outcome.writes);
    };
    assert!(greeting.starts_with("220 "));
    assert!(group.starts_with("250-") && group.ends_with("ok, 3 bytes\r\n250 2.0.0 ok\r\n"));
    assert!(bye.starts_with("221 "));
    assert_eq!(outcome.messages[0].1, b"abc");
}

#[test]
fn commands_out_of_order_are_refused() {
    let outcome = say(&[b"MAIL FROM:<>\r\nHELO me\r\nRCPT TO:<b@x>\r\nDATA\r\nQUIT\r\n"]);
    assert_eq!(
        outcome.codes(),
        [
            "503 5.5.1",
            "250 sink.x",
            "503 5.5.1",
            "503 5.5.1",
            "221 2.0.0"
        ]
    );
    let outcome = say(&[b"HELO me\r\nMAIL FROM:<>\r\nMAIL FROM:<>\r\nQUIT\r\n"]);
    assert_eq!(
        outcome.codes()[1..],
        ["250 2.1.0", "503 5.5.1", "221 2.0.0"]
    );
}

#[test]
fn data_without_recipients_is_refused_and_the_transaction_continues() {
    let outcome = say(&[
        b"HELO me\r\nMAIL FROM:<>\r\nDATA\r\nRCPT TO:<b@x>\r\nDATA\r\n",
        b".\r\n",
    ]);
    assert_eq!(
        outcome.codes()[2..],
        ["554 5.5.1", "250 2.1.5", "354 end", "250 2.0.0"]
    );
    assert_eq!(outcome.messages[0].1, b"");
}

#[test]
fn rset_and_ehlo_end_the_transaction() {
    for reset in ["RSET", "EHLO me", "HELO me"] {
        let lines = format!("HELO me\r\nMAIL FROM:<>\r\n{reset}\r\nRCPT TO:<b@x>\r\n");
        let codes = say(&[lines.as_bytes()]).codes();
        assert_eq!(codes.last().unwrap(), "503 5.5.1", "{reset}");
    }
}

#[test]
fn recipients_beyond_the_limit_are_refused_temporarily() {
    let rcpt = b"RCPT TO:<b@x>\r\n".repeat(3);
    let outcome = say(&[b"HELO me\r\nMAIL FROM:<>\r\n", &rcpt]);
    assert_eq!(
        outcome.codes()[2..],
        ["250 2.1.5", "250 2.1.5", "452 4.5.3"]
    );
}

#[test]
fn message_announced_too_large_is_refused_at_mail() {
    let outcome = say(&[b"EHLO me\r\nMAIL FROM:<> SIZE=20\r\nRSET\r\nMAIL FROM:<> SIZE=21\r\n"]);
    assert_eq!(
        outcome.codes()[7..],
        ["250 2.1.0", "250 2.0.0", "552 5.3.4"]
    );
}

#[test]
fn message_that_grows_too_large_is_read_to_its_end_and_refused() {
    let body = b"0123456789\r\n".repeat(2);
    let outcome = say(&[
        b"HELO me\r\nMAIL FROM:<>\r\nRCPT TO:<b@x>\r\nDATA\r\n",
        &body,
        &body,
        b".\r\nNOOP\r\n",
    ]);
    assert_eq!(outcome.codes()[3..], ["354 end", "552 5.3.4", "250 2.0.0"]);
    assert!(outcome.messages.is_empty());
    assert_eq!(outcome.accepted, 0);
}

#[test]
fn failure_of_the_store_is_a_temporary_error_without_its_text() {
    for (fails_at, codes) in [
        ("begin", &["451 4.3.0"][..]),
        ("write", &["354 end", "451 4.3.0"]),
        ("commit", &["354 end", "451 4.3.0"]),
    ] {
        let store = TestStore {
            fails_at,
            ..TestStore::default()
        };
        let mut packets = vec![&b"HELO me\r\nMAIL FROM:<>\r\nRCPT TO:<b@x>\r\nDATA\r\n"[..]];
        packets.extend((codes.len() == 2).then_some(&b"a\r\n.\r\n"[..]));
        let outcome = play(store, Some(1), &packets);
        assert_eq!(outcome.codes()[3..], *codes, "{fails_at}");
        assert_eq!(outcome.accepted, 0);
        assert!(!outcome.writes.concat().contains("secret"));
    }
}

#[test]
fn reason_of_the_store_is_sent_to_the_client() {
    let store = TestStore {
        fails_at: "reason",
        ..TestStore::default()
    };
    let outcome = play(
        store,
        Some(1),
        &[
            b"HELO me\r\nMAIL FROM:<>\r\nRCPT TO:<nobody>\r\nRCPT TO:<b@x>\r\nDATA\r\n",
            b"a\r\n.\r\n",
        ],
    );
    let codes = ["550 5.1.1", "250 2.1.5", "354 end", "554 5.6.0"];
    assert_eq!(outcome.codes()[2..], codes);
    let said = outcome.writes.concat();
    assert!(said.contains("550 5.1.1 no such user\r\n"), "{said}");
    assert_eq!(outcome.accepted, 0);
}

#[test]
fn chunks_are_joined_unchanged() {
    let outcome = say(&[
        b"EHLO me\r\nMAIL FROM:<>\r\nRCPT TO:<b@x>\r\nBDAT 5\r\n.\r\n",
        b".\nBDAT 4\r\nQUITBDAT 0 LAST\r\nQUIT\r\n",
    ]);
    assert_eq!(outcome.messages[0].1, b".\r\n.\nQUIT");
    assert!(
        outcome
            .writes
            .concat()
            .ends_with("9 bytes so far\r\n250 2.0.0 ok, 9 bytes\r\n221 2.0.0 bye\r\n")
    );
}

#[test]
fn refused_chunk_is_read_and_the_transaction_fails_until_rset() {
    let outcome = say(&[b"EHLO me\r\nMAIL FROM:<>\r\nBDAT 6\r\nRSET\r\n\
          RCPT TO:<b@x>\r\nBDAT 6 LAST\r\nQUIT\r\n\
          RSET\r\nBDAT 0 LAST\r\nQUIT\r\n"]);
    assert_eq!(
        outcome.codes()[8..],
        [
            "554 5.5.1",
            "503 5.5.1",
            "503 5.5.1",
            "250 2.0.0",
            "503 5.5.1",
            "221 2.0.0"
        ]
    );
    assert!(outcome.messages.is_empty());
}

#[test]
fn chunks_that_get_too_large_are_refused() {
    let outcome = say(&[
        b"EHLO me\r\nMAIL FROM:<>\r\nRCPT TO:<b@x>\r\nBDAT 20\r\n",
        b"01234567890123456789BDAT 1\r\nxBDAT 1 LAST\r\nx",
    ]);
    assert_eq!(
        outcome.codes()[9..],
        ["250 2.0.0", "552 5.3.4", "503 5.5.1"]
    );
    assert!(outcome.messages.is_empty());
}

#[test]
fn data_and_bdat_do_not_mix() {
    let outcome = say(&[b"EHLO me\r\nMAIL FROM:<>\r\nRCPT TO:<b@x>\r\nBDAT 1\r\nx\
          DATA\r\nRCPT TO:<c@x>\r\nBDAT 1 LAST\r\ny"]);
    assert_eq!(
        outcome.codes()[9..],
        ["250 2.0.0", "503 5.5.1", "503 5.5.1", "250 2.0.0"]
    );
    assert_eq!(outcome.messages[0].1, b"xy");
}

#[test]
fn non_ascii_addresses_need_smtputf8() {
    let outcome = say(&[
        "EHLO me\r\nMAIL FROM:<é@x>\r\nMAIL FROM:<>\r\nRCPT TO:<é@x>\r\n\
         RSET\r\nMAIL FROM:<é@x> SMTPUTF8\r\nRCPT TO:<é@x>\r\n"
            .as_bytes(),
    ]);
    assert_eq!(
        outcome.codes()[7..],
        [
            "553 5.6.7",
            "250 2.1.0",
            "553 5.6.7",
            "250 2.0.0",
            "250 2.1.0",
            "250 2.1.5"
        ]
    );
}

#[test]
fn line_after_one_that_is_too_long_is_read() {
    let outcome = say(&[&[b'a'; 1000], &[b'b'; 1000], b"\r\nNOOP\r\n"]);
    assert_eq!(outcome.codes(), ["500 5.5.2", "250 2.0.0"]);
}

#[test]
fn client_is_disconnected_after_too_many_errors() {
    let outcome = say(&[b"FETCH / X\r\nNOOP\r\nA: b\r\n\r\nUser-Agent: x\r\nNOOP\r\n"]);
    assert_eq!(
        outcome.codes(),
        [
            "500 5.5.1",
            "250 2.0.0",
            "500 5.5.1",
            "500 5.5.1",
            "421 4.7.0"
        ]
    );
}

#[test]
fn no_message_beyond_the_count_is_accepted() {
    let message = b"MAIL FROM:<>\r\nRCPT TO:<b@x>\r\nBDAT 1 LAST\r\nx".as_slice();
    let outcome = play(
        TestStore::default(),
        Some(1),
        &[b"HELO me\r\n", message, message],
    );
    assert_eq!(
        outcome.codes(),
        [
            "250 sink.x",
            "250 2.1.0",
            "250 2.1.5",
            "250 2.0.0",
            "421 4.3.2"
        ]
    );
    assert_eq!((outcome.accepted, outcome.messages.len()), (1, 1));
}

#[test]
fn no_reply_echoes_input() {
    let outcome = say(&[b"EHLO \x1b[31m\r\nMAIL FROM:<\x1b@x>\r\n\xff\xfe\r\nHELO m\r\n"]);
    let said = outcome.writes.concat();
    assert!(
        said.bytes()
            .all(|byte| byte.is_ascii_graphic() || b" \r\n".contains(&byte))
    );
    assert_eq!(
        outcome.codes()[..3],
        ["501 5.5.4", "501 5.1.7", "500 5.5.1"]
    );
}

#[test]
fn incomplete_message_is_discarded() {
    let outcome = say(&[
        b"HELO me\r\nMAIL FROM:<>\r\nRCPT TO:<b@x>\r\nDATA\r\n",
        b"a\r\n.\r",
    ]);
    assert_eq!(outcome.codes().last().unwrap(), "354 end");
    assert!(outcome.messages.is_empty());
}

mod behavior;
