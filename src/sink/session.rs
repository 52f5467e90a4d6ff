//! One connection's conversation, a function for each verb.

use std::borrow::Cow;
use std::convert::Infallible;
use std::net::SocketAddr;
use std::time::Instant;

use super::channel::{Channel, Line, Peer, within};
use super::command::{self, Chunk, Command, Mail};
use super::end::End;
use super::gate::Gate;
use super::receipt::Receipt;
use super::reply::{self, Refusal};
use super::unstuff::Unstuffer;
use super::{Envelope, Limits, Store};

/// A whole message, or a whole chunk of one, may take this many times what a command may.
const IDLE_TIMES_PER_MESSAGE: u32 = 12;

/// What is the same for all conversations.
#[derive(Clone, Copy)]
pub struct House<'a> {
    pub name: &'a str,
    pub limits: &'a Limits,
    pub store: &'a dyn Store,
    pub gate: &'a Gate,
}

/// A conversation.
pub struct Session<'a, P> {
    house: House<'a>,
    address: SocketAddr,
    channel: Channel<P>,
    /// What the peer called itself; `None` before EHLO or HELO.
    helo: Option<String>,
    transaction: Option<Transaction<'a>>,
    reproaches: u32,
}

/// From MAIL to the end of the message.
struct Transaction<'a> {
    envelope: Envelope,
    chunks: Chunks<'a>,
}

/// How far BDAT has come (RFC 3030 §2).
enum Chunks<'a> {
    None,
    Some(Receipt<'a>),
    /// A chunk was refused; only RSET or EHLO helps.
    Dead,
}

type Turn = Result<(), End>;

impl<'a, P: Peer> Session<'a, P> {
    pub fn new(house: House<'a>, peer: P, address: SocketAddr) -> Session<'a, P> {
        let limits = house.limits;
        Session {
            house,
            address,
            channel: Channel::new(peer, limits.max_line_bytes, limits.idle),
            helo: None,
            transaction: None,
            reproaches: 0,
        }
    }

    /// Talks until one side has had enough. How it ended is nobody's business but the peer's.
    pub fn converse(mut self) {
        let Err(end) = self.talk();
        if let Some(words) = self.reason(end).last_words() {
            self.channel.say(words);
            let _ = self.channel.flush();
        }
    }

    // When everybody is sent home the input ends, too.
    fn reason(&self, end: End) -> End {
        match end {
            End::Gone if self.house.gate.is_full() => End::Full,
            _ => end,
        }
    }

    fn talk(&mut self) -> Result<Infallible, End> {
        self.check_gate()?;
        let greeting = format!("220 {} ESMTP ehlo sink", self.house.name);
        self.answer(&greeting)?;
        loop {
            let command = match self.channel.line()? {
                Line::Whole(line) => command::parse(line),
                Line::TooLong => Err(reply::LINE_TOO_LONG),
            };
            match command {
                Ok(command) => self.obey(command)?,
                Err(refusal) => self.answer(refusal)?,
            }
        }
    }

    fn obey(&mut self, command: Command) -> Turn {
        match command {
            Command::Ehlo(name) => self.ehlo(name),
            Command::Helo(name) => self.helo(name),
            Command::Mail(mail) => self.mail(mail),
            Command::Rcpt(address) => self.rcpt(address),
            Command::Data => self.data(),
            Command::Bdat(chunk) => self.bdat(chunk),
            Command::Rset => self.rset(),
            Command::Noop => self.answer(reply::OK),
            Command::Vrfy => self.answer(reply::CANNOT_VERIFY),
            Command::Help => self.answer(reply::HELP),
            Command::Quit => Err(End::Quit),
        }
    }

    fn answer(&mut self, reply: &str) -> Turn {
        if reply::is_reproach(reply) {
            self.reproaches += 1;
        }
        if self.reproaches > self.house.limits.max_reproaches {
            return Err(End::Reproached);
        }
        self.channel.say(reply);
        Ok(())
    }

    fn check_gate(&self) -> Turn {
        if self.house.gate.is_full() {
            return Err(End::Full);
        }
        Ok(())
    }

    fn ehlo(&mut self, name: String) -> Turn {
        self.meet(name);
        let offers = format!(
            "250-{}\r\n250-PIPELINING\r\n250-SIZE {}\r\n250-8BITMIME\r\n250-SMTPUTF8\r\n\
             250-CHUNKING\r\n250 ENHANCEDSTATUSCODES",
            self.house.name, self.house.limits.max_message_bytes
        );
        self.answer(&offers)
    }

    fn helo(&mut self, name: String) -> Turn {
        self.meet(name);
        let greeting = format!("250 {}", self.house.name);
        self.answer(&greeting)
    }

    // RFC 5321 §4.1.4: a greeting also ends the transaction.
    fn meet(&mut self, name: String) {
        self.helo = Some(name);
        self.transaction = None;
    }

    fn mail(&mut self, mail: Mail) -> Turn {
        self.check_gate()?;
        let reply = match self.open(mail) {
            Ok(transaction) => {
                self.transaction = Some(transaction);
                reply::SENDER_OK
            }
            Err(refusal) => refusal,
        };
        self.answer(reply)
    }

    fn open(&self, mail: Mail) -> Result<Transaction<'a>, Refusal> {
        let helo = self.helo.clone().ok_or(reply::HELLO_FIRST)?;
        if self.transaction.is_some() {
            return Err(reply::NESTED_MAIL);
        }
        if mail.size > self.house.limits.max_message_bytes {
            return Err(reply::TOO_LARGE);
        }
        require_ascii(&mail.sender, mail.smtputf8)?;
        let envelope = Envelope {
            peer: self.address,
            helo,
            sender: mail.sender,
            recipients: Vec::new(),
            smtputf8: mail.smtputf8,
            body_8bit: mail.body_8bit,
        };
        Ok(Transaction {
            envelope,
            chunks: Chunks::None,
        })
    }

    fn rcpt(&mut self, address: String) -> Turn {
        let max = self.house.limits.max_recipients;
        let reply = match &mut self.transaction {
            None => reply::MAIL_FIRST,
            Some(transaction) => transaction
                .add(address, max)
                .err()
                .unwrap_or(reply::RECIPIENT_OK),
        };
        self.answer(reply)
    }

    fn data(&mut self) -> Turn {
        self.check_gate()?;
        match self.receipt_for_data() {
            Ok(receipt) => self.receive_data(receipt),
            Err(refusal) => self.answer(refusal),
        }
    }

    fn receipt_for_data(&self) -> Result<Receipt<'a>, Refusal> {
        let transaction = self.transaction.as_ref().ok_or(reply::MAIL_FIRST)?;
        match transaction.chunks {
            Chunks::None => self.begin(&transaction.envelope),
            Chunks::Some(_) => Err(reply::CHUNKS_BEGUN),
            Chunks::Dead => Err(reply::TRANSACTION_DEAD),
        }
    }

    fn begin(&self, envelope: &Envelope) -> Result<Receipt<'a>, Refusal> {
        if envelope.recipients.is_empty() {
            return Err(reply::NO_RECIPIENTS);
        }
        let max_bytes = self.house.limits.max_message_bytes;
        Receipt::begin(self.house.store, envelope, max_bytes)
    }

    fn receive_data(&mut self, mut receipt: Receipt<'a>) -> Turn {
        let deadline = self.message_deadline();
        let mut unstuffer = Unstuffer::default();
        self.answer(reply::GO_AHEAD)?;
        loop {
            let piece = unstuffer.next(self.channel.block(deadline)?);
            receipt.take(piece.content);
            let (used, ended) = (piece.used, piece.ended);
            self.channel.consume(used);
            if ended {
                return self.finish(receipt);
            }
        }
    }

    fn message_deadline(&self) -> Instant {
        let idle = self.house.limits.idle;
        within(idle.saturating_mul(IDLE_TIMES_PER_MESSAGE))
    }

    fn finish(&mut self, receipt: Receipt<'a>) -> Turn {
        self.transaction = None;
        let reply = receipt.finish(self.house.gate)?;
        self.answer(&reply)
    }

    // The bytes of a chunk come whether we want them or not.
    fn bdat(&mut self, chunk: Chunk) -> Turn {
        self.check_gate()?;
        let mut receipt = self.receipt_for_chunk();
        self.receive_chunk(chunk.size, receipt.as_mut().ok())?;
        match receipt {
            Ok(receipt) if chunk.last => self.finish(receipt),
            Ok(receipt) => self.keep(receipt),
            Err(refusal) => self.answer(refusal),
        }
    }

    /// What earlier chunks have begun, or a new one. The transaction is dead until it is kept.
    fn receipt_for_chunk(&mut self) -> Result<Receipt<'a>, Refusal> {
        let transaction = self.transaction.as_mut().ok_or(reply::MAIL_FIRST)?;
        match std::mem::replace(&mut transaction.chunks, Chunks::Dead) {
            Chunks::None => self.receipt_for_first_chunk(),
            Chunks::Some(receipt) => Ok(receipt),
            Chunks::Dead => Err(reply::TRANSACTION_DEAD),
        }
    }

    fn receipt_for_first_chunk(&self) -> Result<Receipt<'a>, Refusal> {
        let transaction = self.transaction.as_ref().ok_or(reply::MAIL_FIRST)?;
        self.begin(&transaction.envelope)
    }

    fn receive_chunk(&mut self, size: u64, mut receipt: Option<&mut Receipt<'a>>) -> Turn {
        let deadline = self.message_deadline();
        let mut left = size;
        while left > 0 {
            let block = self.channel.block(deadline)?;
            let count = usize::try_from(left).map_or(block.len(), |left| left.min(block.len()));
            if let Some(receipt) = &mut receipt {
                receipt.take(&block[..count]);
            }
            self.channel.consume(count);
            left -= count as u64;
        }
        Ok(())
    }

    fn keep(&mut self, receipt: Receipt<'a>) -> Turn {
        let reply: Cow<'_, str> = match receipt.so_far() {
            Ok(reply) => {
                self.continue_with(Chunks::Some(receipt));
                reply.into()
            }
            Err(refusal) => refusal.into(),
        };
        self.answer(&reply)
    }

    fn continue_with(&mut self, chunks: Chunks<'a>) {
        if let Some(transaction) = &mut self.transaction {
            transaction.chunks = chunks;
        }
    }

    fn rset(&mut self) -> Turn {
        self.transaction = None;
        self.answer(reply::OK)
    }
}

impl Transaction<'_> {
    fn add(&mut self, address: String, max: usize) -> Result<(), Refusal> {
        match self.chunks {
            Chunks::None => {}
            Chunks::Some(_) => return Err(reply::CHUNKS_BEGUN),
            Chunks::Dead => return Err(reply::TRANSACTION_DEAD),
        }
        if self.envelope.recipients.len() >= max {
            return Err(reply::TOO_MANY_RECIPIENTS);
        }
        require_ascii(&address, self.envelope.smtputf8)?;
        self.envelope.recipients.push(address);
        Ok(())
    }
}

fn require_ascii(address: &str, smtputf8: bool) -> Result<(), Refusal> {
    if smtputf8 || address.is_ascii() {
        return Ok(());
    }
    Err(reply::NEEDS_SMTPUTF8)
}

#[cfg(test)]
mod tests {
    use std::io;
    use std::sync::{Mutex, PoisonError};

    use super::super::Incoming;
    use super::super::channel::tests::Script;
    use super::*;

    /// Keeps what it gets, or fails where it is told to.
    #[derive(Default)]
    struct Shelf {
        messages: Mutex<Vec<(Envelope, Vec<u8>)>>,
        fails_at: &'static str,
    }

    struct Parcel<'a> {
        shelf: &'a Shelf,
        envelope: Envelope,
        bytes: Vec<u8>,
    }

    impl Shelf {
        fn fail_at(&self, place: &str) -> io::Result<()> {
            if self.fails_at == place {
                return Err(io::Error::other("secret"));
            }
            Ok(())
        }
    }

    impl Store for Shelf {
        fn begin(&self, envelope: &Envelope) -> io::Result<Box<dyn Incoming + '_>> {
            self.fail_at("begin")?;
            Ok(Box::new(Parcel {
                shelf: self,
                envelope: envelope.clone(),
                bytes: Vec::new(),
            }))
        }
    }

    impl Incoming for Parcel<'_> {
        fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
            self.shelf.fail_at("write")?;
            self.bytes.extend_from_slice(bytes);
            Ok(())
        }

        fn commit(self: Box<Self>) -> io::Result<()> {
            self.shelf.fail_at("commit")?;
            let mut messages = self.shelf.messages.lock().unwrap();
            messages.push((self.envelope, self.bytes));
            Ok(())
        }
    }

    fn limits() -> Limits {
        Limits {
            max_message_bytes: 20,
            max_recipients: 2,
            max_line_bytes: 100,
            max_reproaches: 3,
            ..Limits::default()
        }
    }

    /// What became of a conversation.
    struct Outcome {
        writes: Vec<String>,
        messages: Vec<(Envelope, Vec<u8>)>,
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

    fn play(shelf: Shelf, count: Option<u64>, packets: &[&[u8]]) -> Outcome {
        let limits = limits();
        let address = SocketAddr::from(([127, 0, 0, 1], 9));
        let gate = Gate::new(count, 1, address);
        let house = House {
            name: "sink.x",
            limits: &limits,
            store: &shelf,
            gate: &gate,
        };
        let mut script = Script::new(packets.iter().copied());
        Session::new(house, &mut script, address).converse();
        let messages = shelf.messages.into_inner();
        Outcome {
            writes: script.writes,
            messages: messages.unwrap_or_else(PoisonError::into_inner),
            accepted: gate.accepted(),
        }
    }

    fn say(packets: &[&[u8]]) -> Outcome {
        play(Shelf::default(), None, packets)
    }

    #[test]
    fn a_message_is_taken_with_its_envelope() {
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
    fn a_pipelined_group_is_answered_in_one_write() {
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
    fn data_without_recipients_is_refused_and_the_transaction_goes_on() {
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
    fn rset_and_a_new_greeting_end_the_transaction() {
        for reset in ["RSET", "EHLO me", "HELO me"] {
            let lines = format!("HELO me\r\nMAIL FROM:<>\r\n{reset}\r\nRCPT TO:<b@x>\r\n");
            let codes = say(&[lines.as_bytes()]).codes();
            assert_eq!(codes.last().unwrap(), "503 5.5.1", "{reset}");
        }
    }

    #[test]
    fn too_many_recipients_are_refused_for_now() {
        let rcpt = b"RCPT TO:<b@x>\r\n".repeat(3);
        let outcome = say(&[b"HELO me\r\nMAIL FROM:<>\r\n", &rcpt]);
        assert_eq!(
            outcome.codes()[2..],
            ["250 2.1.5", "250 2.1.5", "452 4.5.3"]
        );
    }

    #[test]
    fn a_message_announced_too_large_is_refused_at_once() {
        let outcome =
            say(&[b"EHLO me\r\nMAIL FROM:<> SIZE=20\r\nRSET\r\nMAIL FROM:<> SIZE=21\r\n"]);
        assert_eq!(
            outcome.codes()[7..],
            ["250 2.1.0", "250 2.0.0", "552 5.3.4"]
        );
    }

    #[test]
    fn a_message_that_gets_too_large_is_read_to_its_end_and_refused() {
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
    fn a_store_that_fails_refuses_for_now_and_does_not_say_why() {
        for (fails_at, codes) in [
            ("begin", &["452 4.3.0"][..]),
            ("write", &["354 end", "452 4.3.0"]),
            ("commit", &["354 end", "452 4.3.0"]),
        ] {
            let shelf = Shelf {
                fails_at,
                ..Shelf::default()
            };
            let mut packets = vec![&b"HELO me\r\nMAIL FROM:<>\r\nRCPT TO:<b@x>\r\nDATA\r\n"[..]];
            packets.extend((codes.len() == 2).then_some(&b"a\r\n.\r\n"[..]));
            let outcome = play(shelf, Some(1), &packets);
            assert_eq!(outcome.codes()[3..], *codes, "{fails_at}");
            assert_eq!(outcome.accepted, 0);
            assert!(!outcome.writes.concat().contains("secret"));
        }
    }

    #[test]
    fn chunks_are_joined_as_they_are() {
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
    fn a_refused_chunk_is_read_and_the_transaction_is_dead_until_reset() {
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
    fn a_line_that_is_too_long_is_refused_and_the_next_is_read() {
        let outcome = say(&[&[b'a'; 1000], &[b'b'; 1000], b"\r\nNOOP\r\n"]);
        assert_eq!(outcome.codes(), ["500 5.5.2", "250 2.0.0"]);
    }

    #[test]
    fn a_peer_that_talks_nonsense_is_sent_away() {
        let outcome = say(&[b"GET / HTTP/1.1\r\nNOOP\r\nA: b\r\n\r\nUser-Agent: x\r\nNOOP\r\n"]);
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
    fn no_message_more_than_wanted_is_accepted() {
        let message = b"MAIL FROM:<>\r\nRCPT TO:<b@x>\r\nBDAT 1 LAST\r\nx".as_slice();
        let outcome = play(
            Shelf::default(),
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
    fn nothing_the_peer_sent_is_echoed() {
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
    fn a_message_that_breaks_off_is_discarded() {
        let outcome = say(&[
            b"HELO me\r\nMAIL FROM:<>\r\nRCPT TO:<b@x>\r\nDATA\r\n",
            b"a\r\n.\r",
        ]);
        assert_eq!(outcome.codes().last().unwrap(), "354 end");
        assert!(outcome.messages.is_empty());
    }
}
