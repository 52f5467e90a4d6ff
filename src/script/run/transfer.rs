//! Sending the data of a script, including deliberate errors, and receiving replies.

use crate::client::events::Event;
use crate::client::wire::{Deadline, WireError};
use crate::script::expectation::{Code, ReplyExpectation};
use crate::script::run::{Interpreter, LastReply, StopReason};
use crate::script::statement::{LineEnd, MessageSource, SendItem};
use crate::script::text::{ScriptText, escaped};
use crate::smtp::blocks::Block;
use crate::smtp::dot_stuffing::DotStuffer;
use crate::smtp::reply::{Reply, ReplyError, ReplyReader};
use crate::smtp::stage::Stage;
use crate::system::exit::Exit;
use crate::system::text::{printable, reason};
use std::fs::File;
use std::io;
use std::io::Read;
use std::path::Path;
use std::time::Duration;

/// Number of buffered octets at which a block is written.
const BLOCK: usize = 64 * 1024;

/// Maximum number of octets shown of raw data.
const SHOWN: usize = 400;

impl Interpreter<'_, '_> {
    /// Sends all of these in as few packets as possible.
    pub(super) fn send(&mut self, all: &[SendItem]) -> Result<(), StopReason> {
        self.wire()?;
        for item in all {
            match item {
                SendItem::Line(text, end) => self.add_line(text, *end)?,
                SendItem::Raw(text) => self.add_raw(text)?,
                SendItem::Slowly(text, interval) => {
                    let interval = self.time(interval)?;
                    self.add_line(text, LineEnd::CrLf)?;
                    self.send_slowly(interval)?;
                }
                SendItem::File(path, form) => self.add_file(path, *form)?,
                SendItem::Message(form) => self.add_message(*form)?,
            }
        }
        self.flush()
    }

    /// Sends a line that is not in the script.
    pub(super) fn send_line(&mut self, line: &str) -> Result<(), StopReason> {
        self.add_line(&ScriptText::literal(line), LineEnd::CrLf)?;
        self.flush()
    }

    fn add_line(&mut self, text: &ScriptText, end: LineEnd) -> Result<(), StopReason> {
        let mut octets = text.octets(&self.variables)?;
        let verb = octets.get(..4).unwrap_or_default();
        self.sent_ehlo = verb.eq_ignore_ascii_case(b"EHLO") || verb.eq_ignore_ascii_case(b"LHLO");
        let mut shown = shown(&octets);
        match end {
            LineEnd::CrLf => {}
            LineEnd::Lf => shown.push_str("\\n"),
            LineEnd::Cr => shown.push_str("\\r"),
        }
        octets.extend_from_slice(end.octets());
        self.add(&octets, &shown)
    }

    fn add_raw(&mut self, text: &ScriptText) -> Result<(), StopReason> {
        let octets = text.octets(&self.variables)?;
        let shown = shown(&octets);
        self.add(&octets, &shown)
    }

    fn add(&mut self, octets: &[u8], shown: &str) -> Result<(), StopReason> {
        self.wire()?.outbox.extend_from_slice(octets);
        self.observer.on_event(Event::Sent {
            line: shown,
            stage: Stage::Script,
        });
        self.flush_if_full()
    }

    fn flush_if_full(&mut self) -> Result<(), StopReason> {
        if self.wire()?.outbox.len() < BLOCK {
            return Ok(());
        }
        self.flush()
    }

    /// Writes the buffered data. If the server has closed, this is not an error yet: its last reply is more
    /// useful, and a later statement that expects a reply detects the end.
    pub(super) fn flush(&mut self) -> Result<(), StopReason> {
        let limit = self.limit;
        let wire = self.wire()?;
        match wire.flush(limit) {
            Err(WireError::Closed) => {
                wire.outbox.clear();
                let note = "the server no longer accepts data";
                self.observer.on_event(Event::Note(note));
                Ok(())
            }
            Err(error) => Err(StopReason::differs(
                "the server to accept data",
                error.to_string(),
            )),
            Ok(()) => Ok(()),
        }
    }

    /// Writes the buffered data, one octet after the other.
    fn send_slowly(&mut self, interval: std::time::Duration) -> Result<(), StopReason> {
        let octets = std::mem::take(&mut self.wire()?.outbox);
        for (at, octet) in octets.into_iter().enumerate() {
            if at > 0 {
                std::thread::sleep(interval);
            }
            self.wire()?.outbox.push(octet);
            self.flush()?;
        }
        Ok(())
    }

    fn add_file(&mut self, path: &Path, form: MessageSource) -> Result<(), StopReason> {
        let failed = |error: io::Error| {
            let why = format!("cannot read {}: {}", path.display(), reason(&error));
            StopReason::Fails(why, Exit::NoInput)
        };
        let mut file = File::open(path).map_err(failed)?;
        let mut blocks = |out: &mut Vec<u8>| -> io::Result<bool> {
            Ok(io::Read::by_ref(&mut file)
                .take(BLOCK as u64)
                .read_to_end(out)?
                > 0)
        };
        let count = self
            .stream(form, &mut blocks)
            .map_err(|end| end.into_stop(failed))?;
        self.note_sent(&format!("{count} octets of {}", path.display()), form);
        Ok(())
    }

    fn add_message(&mut self, form: MessageSource) -> Result<(), StopReason> {
        let failed = |error: io::Error| StopReason::Fails(reason(&error), Exit::NoInput);
        let why = "no message; use --to, --subject, --body and so on";
        let missing = || StopReason::Fails(why.to_owned(), Exit::Usage);
        let message = self.context.message.ok_or_else(missing)?;
        let shape = message.simplest().ok_or_else(missing)?;
        let mut blocks = message.blocks(shape);
        let mut next = |out: &mut Vec<u8>| Ok(blocks.append(out)? != Block::End);
        let count = self
            .stream(form, &mut next)
            .map_err(|end| end.into_stop(failed))?;
        self.note_sent(&format!("the message, {count} octets"), form);
        Ok(())
    }

    /// Sends blocks as they are read, with the end that the form requires. Returns their size in octets.
    fn stream(
        &mut self,
        form: MessageSource,
        next: &mut dyn FnMut(&mut Vec<u8>) -> io::Result<bool>,
    ) -> Result<usize, StreamError> {
        let mut dots = DotStuffer::new();
        let (mut block, mut count) = (Vec::new(), 0);
        while next(&mut block).map_err(StreamError::Reading)? {
            count += block.len();
            if form == MessageSource::Dots {
                dots.stuff(&mut block, 0);
            }
            self.wire()?.outbox.append(&mut block);
            self.flush_if_full()?;
        }
        if form == MessageSource::Dots {
            let end: &[u8] = if dots.at_line_start() {
                b".\r\n"
            } else {
                b"\r\n.\r\n"
            };
            self.wire()?.outbox.extend_from_slice(end);
        }
        Ok(count)
    }

    fn note_sent(&mut self, what: &str, form: MessageSource) {
        let end = match form {
            MessageSource::Dots => " and the final dot",
            MessageSource::Raw => "",
        };
        let note = format!("sent {what}{end}");
        self.observer.on_event(Event::Note(&note));
    }
}

/// The reason why a stream was not completed.
enum StreamError {
    Reading(io::Error),
    Stopped(StopReason),
}

impl From<StopReason> for StreamError {
    fn from(stop: StopReason) -> Self {
        Self::Stopped(stop)
    }
}

impl StreamError {
    fn into_stop(self, failed: impl Fn(io::Error) -> StopReason) -> StopReason {
        match self {
            Self::Reading(error) => failed(error),
            Self::Stopped(stop) => stop,
        }
    }
}

/// Octets as they are shown: a line without its CRLF.
fn shown(octets: &[u8]) -> String {
    let line = octets.strip_suffix(b"\r\n").unwrap_or(octets);
    if line.len() <= SHOWN {
        return plain(line);
    }
    let beginning = plain(&line[..SHOWN]);
    format!("{beginning}... ({} octets)", octets.len())
}

/// A line of printable ASCII unchanged; any other with its octets escaped.
fn plain(line: &[u8]) -> String {
    if line.iter().all(|octet| matches!(octet, b' '..=b'~')) {
        return String::from_utf8_lossy(line).into_owned();
    }
    escaped(line)
}

/// Maximum number of characters of a reply that an error quotes.
const MAX_QUOTED: usize = 300;

/// The reason why there is no reply.
enum NoReply {
    Wire(WireError),
    Syntax(ReplyError),
    Stopped(StopReason),
}

impl Interpreter<'_, '_> {
    /// Waits for a reply, and checks it.
    pub(super) fn expect(&mut self, wanted: &ReplyExpectation) -> Result<(), StopReason> {
        let reply = match self.read_reply() {
            Ok(reply) => reply,
            Err(NoReply::Wire(WireError::Closed)) if wanted.allows_close() => {
                self.wire = None;
                self.last = Some(LastReply::Close);
                return Ok(());
            }
            Err(no_reply) => return Err(self.no_reply(no_reply, &wanted.to_string())),
        };
        if let Some(expected) = wanted.differs(&reply, &reply) {
            return Err(StopReason::differs(expected, self.quoted(&reply)));
        }
        for (name, value) in wanted.captures(&reply) {
            self.variables.insert(name, value.into_bytes());
        }
        Ok(())
    }

    /// The next reply; `expected` describes it for the error.
    pub(super) fn reply(&mut self, expected: &str) -> Result<Reply, StopReason> {
        self.read_reply()
            .map_err(|no_reply| self.no_reply(no_reply, expected))
    }

    /// Reads one reply, showing each of its lines as it comes.
    fn read_reply(&mut self) -> Result<Reply, NoReply> {
        let deadline = Deadline::after(self.limit);
        let mut reader = ReplyReader::default();
        loop {
            let wire = self.wire().map_err(NoReply::Stopped)?;
            let line = wire.line(deadline).map_err(NoReply::Wire)?.to_vec();
            let shown = self.mask.apply(printable(&line));
            self.observer.on_event(Event::Line(&shown));
            let Some(reply) = reader.add(&line).map_err(NoReply::Syntax)? else {
                continue;
            };
            self.received(&reply);
            return Ok(reply);
        }
    }

    fn received(&mut self, reply: &Reply) {
        let shown = self.mask.reply(reply.clone());
        self.observer.on_event(Event::Received {
            code: shown.code,
            enhanced: shown.enhanced(),
            lines: &shown.lines,
            stage: Stage::Script,
        });
        if std::mem::take(&mut self.sent_ehlo) {
            self.offers = Some(reply.clone()).filter(|reply| reply.code / 100 == 2);
        }
        self.last = Some(LastReply::Reply(reply.clone()));
    }

    fn no_reply(&self, no_reply: NoReply, expected: &str) -> StopReason {
        let actual = match no_reply {
            NoReply::Wire(WireError::Closed) => "the server closed the connection".to_owned(),
            NoReply::Wire(WireError::Timeout(limit)) => {
                format!("no reply within {} s", limit.as_secs_f32())
            }
            NoReply::Wire(error @ WireError::LongLine) => format!("the server sent {error}"),
            NoReply::Wire(error) => error.to_string(),
            NoReply::Syntax(error) => format!("the server {}", self.shortened(error.to_string())),
            NoReply::Stopped(stop) => return stop,
        };
        StopReason::differs(expected, actual)
    }

    /// The text of a reply, for an error.
    pub(super) fn quoted(&self, reply: &Reply) -> String {
        let reply = self.mask.reply(reply.clone());
        let text = self.shortened(reply.lines.join(" / "));
        format!("the server sent \"{} {text}\"", reply.code)
    }

    fn shortened(&self, text: String) -> String {
        let text = self.mask.apply(text);
        if text.chars().count() <= MAX_QUOTED {
            return text;
        }
        let beginning: String = text.chars().take(MAX_QUOTED).collect();
        format!("{beginning}...")
    }

    /// The server sent this instead of what is expected.
    fn sent_instead(&self, expected: impl Into<String>, words: String) -> StopReason {
        let words = self.shortened(words);
        StopReason::differs(expected, format!("the server sent \"{words}\""))
    }

    /// Checks that nothing is received and that the server does not close.
    pub(super) fn expect_silence(&mut self, time: Duration) -> Result<(), StopReason> {
        let expected = format!("silence for {} s", time.as_secs_f32());
        match self.wire()?.heard(Deadline::after(time)) {
            Err(WireError::Timeout(_)) => Ok(()),
            Err(WireError::Closed) => Err(StopReason::differs(
                expected,
                "the server closed the connection",
            )),
            Err(error) => Err(StopReason::differs(expected, error.to_string())),
            Ok(octets) => {
                let words = printable(&octets[..octets.len().min(MAX_QUOTED)]);
                Err(self.sent_instead(expected, words))
            }
        }
    }

    /// Checks that the server closes and sends nothing more.
    pub(super) fn expect_close(&mut self, limit: Duration) -> Result<(), StopReason> {
        let expected = "the connection to close";
        match self.wire()?.heard(Deadline::after(limit)) {
            Err(WireError::Closed) => {
                self.wire = None;
                self.last = Some(LastReply::Close);
                self.observer.on_event(Event::Closed);
                Ok(())
            }
            Err(WireError::Timeout(_)) => {
                let actual = format!(
                    "the server kept the connection open for {} s",
                    limit.as_secs_f32()
                );
                Err(StopReason::differs(expected, actual))
            }
            Err(error) => Err(StopReason::differs(expected, error.to_string())),
            Ok(octets) => {
                let words = printable(&octets[..octets.len().min(MAX_QUOTED)]);
                Err(self.sent_instead(expected, words))
            }
        }
    }

    /// True if the last reply meets a condition.
    pub(super) fn is_met(&self, condition: &ReplyExpectation) -> bool {
        let nothing = Reply {
            code: 0,
            lines: Vec::new(),
        };
        let offers = self.offers.as_ref().unwrap_or(&nothing);
        match &self.last {
            Some(LastReply::Close) => condition.codes.contains(&Code::Close),
            Some(LastReply::Reply(reply)) => condition.differs(reply, offers).is_none(),
            None => condition.differs(&nothing, offers).is_none(),
        }
    }
}
