//! The reader of replies, and what it makes of the reply to EHLO: what is accepted is printable, of bounded
//! size, and the same when it is written and read again. A whole dialogue with such replies ends, and says
//! nothing but single lines.

#![no_main]

use ehlo::client::session::{
    Action, Dialogue, Options, Output, Reply, ReplyReader, ServerOffers, Transaction, WireEvent,
    parameters,
};
use ehlo::mail::address::Address;
use ehlo::smtp::blocks::{Accepts, Block, Blocks, BodyType, Replay, Shape};
use ehlo::smtp::extension::Extension;
use libfuzzer_sys::fuzz_target;
use std::io;

/// The most that a reply may hold after escaping, which makes four octets of one.
const MAX_TEXT: usize = 4 * 1024 * 1024;

fuzz_target!(|data: &[u8]| {
    let replies = replies(data);
    for reply in &replies {
        check(reply);
    }
    converse(replies);
});

/// The replies up to the first mistake.
fn replies(data: &[u8]) -> Vec<Reply> {
    let mut gathering = ReplyReader::default();
    let mut replies = Vec::new();
    for line in data.split(|&byte| byte == b'\n') {
        match gathering.add(line.strip_suffix(b"\r").unwrap_or(line)) {
            Ok(Some(reply)) => {
                replies.push(reply);
                gathering = ReplyReader::default();
            }
            Ok(None) => {}
            Err(error) => {
                assert!(is_printable(&error.to_string()), "{error}");
                break;
            }
        }
    }
    replies
}

fn is_printable(text: &str) -> bool {
    text.bytes().all(|byte| (b' '..=b'~').contains(&byte))
}

fn check(reply: &Reply) {
    assert!((200..600).contains(&reply.code) && !reply.lines.is_empty());
    assert!(reply.lines.iter().map(String::len).sum::<usize>() <= MAX_TEXT);
    assert!(reply.lines.iter().all(|line| is_printable(line)));
    let whole = reply.whole();
    assert!(is_printable(&whole) && whole.starts_with(&reply.code.to_string()));
    assert_eq!(
        replies(&written(reply)).as_slice(),
        std::slice::from_ref(reply)
    );

    let offers = ServerOffers::from_reply(reply);
    let mut one_by_one = ServerOffers::default();
    for line in &reply.lines[1..] {
        one_by_one.add(line);
    }
    assert_eq!(offers, one_by_one);
    let offered = |name: &str| parameters(&reply.lines[1..], name);
    assert_eq!(offers.has(Extension::Size), offered("size").is_some());
    assert_eq!(
        offers.has(Extension::Pipelining),
        offered("PIPELINING").is_some()
    );
    assert_eq!(
        offers.has(Extension::Starttls),
        offered("StartTLS").is_some()
    );
    assert_ne!(offers.size_limit(), Some(0));
    let mut mechanisms = offers.mechanisms().iter();
    assert!(mechanisms.all(|name| !name.contains([' ', '='])) || offered("AUTH").is_some());
    let limits = offers.limits();
    let limits = [limits.mails, limits.recipients, limits.domains];
    assert!(!limits.contains(&Some(0)));
}

fn written(reply: &Reply) -> Vec<u8> {
    let last = reply.lines.len() - 1;
    let lines = reply.lines.iter().enumerate().map(|(number, line)| {
        let sign = if number == last { ' ' } else { '-' };
        format!("{}{sign}{line}\r\n", reply.code)
    });
    let text: String = lines.collect();
    text.trim_end_matches("\r\n").as_bytes().to_vec()
}

/// A message of one line.
struct Hi;

impl Replay for Hi {
    fn shape(&self, _: Accepts) -> Option<Shape> {
        Some(Shape {
            transport: BodyType::SevenBit,
            utf8: false,
            size: 4,
        })
    }

    fn blocks(&self, _: Shape) -> Box<dyn Blocks + '_> {
        Box::new(Nothing)
    }
}

struct Nothing;

impl Blocks for Nothing {
    fn append(&mut self, _: &mut Vec<u8>) -> io::Result<Block> {
        Ok(Block::End)
    }
}

/// Gives a dialogue these replies, whatever it says.
fn converse(replies: Vec<Reply>) {
    let to = ["bob@hamburger.edu", "carol@x.org"].map(|text| Address::parse(text).unwrap());
    let errand = Transaction::new(None, to.iter().collect(), &Hi);
    let mut dialogue = Dialogue::new(&errand, "crepes.fr".to_owned(), Options::default(), None);
    let mut action = dialogue.step(WireEvent::Started);
    for reply in replies {
        match &action {
            Action::Send(items) => items.iter().for_each(is_one_line),
            Action::Read => {}
            Action::Abort(_, words) => {
                assert!(is_printable(words), "{words}");
                break;
            }
            _ => break,
        }
        action = dialogue.step(WireEvent::Replied(reply));
    }
    assert_eq!(dialogue.into_answers().iter().count(), to.len());
}

fn is_one_line(item: &Output) {
    if let Output::Line(line) = item {
        assert!(line.wire.len() <= 1000 && !line.wire.iter().any(|byte| b"\r\n\0".contains(byte)));
    }
}
