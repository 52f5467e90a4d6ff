//! The one loop that drives a dialogue over a wire. What is said and heard passes here, above TLS and
//! below the dialogue, so that nothing is said unseen.

use super::auth::{Bindings, Mask};
use super::carried::Carried;
use super::reply::Gathering;
use super::{
    Acquaintance, Action, Answer, Class, Dialogue, Encryption, Ended, Errand, Event, Failure, Item,
    Line, Means, Privacy, Proxy, Reply, ReplyError, Stage, Unmet,
};
use crate::blocks::Nothing;
use crate::text::printable;
use crate::watch::{self, End, Happening, Wants, Watch};
use crate::wire::{Deadline, Early, Secured, TlsError, Wire, WireError, without_end};
use std::net::IpAddr;
use std::time::Duration;
use zeroize::{Zeroize, Zeroizing};

/// A block is written when so much has gathered: few system calls, and no more memory than that.
const WRITE_SIZE: usize = 64 * 1024;

/// Holds one session over a wire and says what became of every recipient. The wire is closed after it,
/// unless the session is to rest and can.
pub fn run(wire: Wire, errand: &Errand<'_>, means: &Means<'_>, watch: &mut dyn Watch) -> Ended {
    let options = means.options;
    let helo = options.helo.clone().unwrap_or_else(|| own_name(&wire));
    let dialogue = Dialogue::new(errand, helo, options, means.login);
    let mask = Mask::of(means.login);
    Session::new((wire, mask), dialogue, (errand, means), watch).hold(Event::Started)
}

/// Goes on with a session that has rested.
pub fn resume(rest: Rest, errand: &Errand<'_>, means: &Means<'_>, watch: &mut dyn Watch) -> Ended {
    let dialogue = Dialogue::resumed(errand, rest.server);
    let ends = (rest.wire, rest.mask);
    Session::new(ends, dialogue, (errand, means), watch).hold(Event::Resumed)
}

/// A session between two errands.
pub struct Rest {
    wire: Wire,
    mask: Mask,
    server: Acquaintance,
}

impl std::fmt::Debug for Rest {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Rest").finish_non_exhaustive()
    }
}

impl Rest {
    /// QUIT.
    pub fn quit(self, means: &Means<'_>, watch: &mut dyn Watch) {
        resume(self, &Errand::new(None, Vec::new(), &Nothing), means, watch);
    }
}

/// Whether there is something to go on with.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Conversation {
    Over,
    Resting,
}

/// What leaves the session has no secret that the server may have said.
fn masked(answer: Answer, mask: &Mask) -> Answer {
    match answer {
        Answer::Accepted(reply) => Answer::Accepted(mask.reply(reply)),
        Answer::Said(stage, reply) => Answer::Said(stage, mask.reply(reply)),
        Answer::Unmet(Unmet::StarttlsRefused(reply)) => {
            Answer::Unmet(Unmet::StarttlsRefused(mask.reply(reply)))
        }
        Answer::Unmet(Unmet::NoMechanism(offered)) => {
            Answer::Unmet(Unmet::NoMechanism(mask.apply(offered)))
        }
        Answer::Unmet(Unmet::Auth(why)) => Answer::Unmet(Unmet::Auth(mask.apply(why))),
        other => other,
    }
}

fn masked_failure(failure: Failure, mask: &Mask) -> Failure {
    match failure {
        Failure::Protocol(stage, what) => Failure::Protocol(stage, mask.apply(what)),
        other => other,
    }
}

/// R3: the qualified name of this host, else the address of this end of the connection.
fn own_name(wire: &Wire) -> String {
    crate::host::fqdn().unwrap_or_else(|| match wire.local_ip() {
        Some(IpAddr::V6(ip)) => format!("[IPv6:{ip}]"),
        Some(IpAddr::V4(ip)) => format!("[{ip}]"),
        None => "localhost".to_owned(),
    })
}

/// The end of data, or the last chunk of a message.
fn ends_message(item: &Item, message: Option<&Carried<'_>>) -> bool {
    match item {
        Item::Line(line) => line.stage == Stage::Dot,
        Item::Chunk(shape, _) => message.is_some_and(|carried| carried.octets == shape.size),
        Item::Message(_) | Item::Note(_) | Item::Detail(_) => false,
    }
}

struct Session<'a, 'w> {
    wire: Wire,
    errand: &'a Errand<'a>,
    means: &'a Means<'a>,
    dialogue: Dialogue<'a>,
    /// What must not be seen, not even when the server says it.
    mask: Mask,
    watch: &'w mut dyn Watch,
    /// What it asked for.
    wants: Wants,
    /// Whether the outbox has something to be wiped.
    holds_secret: bool,
    /// Whether an end of data went out whose reply has not come.
    in_doubt: bool,
    /// Chunks whose octets are in the outbox.
    gathered: u32,
    /// Chunks that were sent and have no reply yet.
    owed: u32,
    /// What QUIT was answered with.
    quit_code: Option<u16>,
    /// For whom the end of data went out, as it stands in the books.
    ending: Vec<usize>,
    /// The reply to it, until it is in the books.
    end_reply: Option<Reply>,
    /// Where in the outbox a message ends.
    end_at: Option<usize>,
}

/// Tells of a handshake.
pub fn tell(secured: &Secured, watch: &mut dyn Watch) {
    if std::env::var_os("SSLKEYLOGFILE").is_some() {
        let note = "the keys of this session go to SSLKEYLOGFILE; whoever has them can read it";
        watch.happened(Happening::Note(note));
    }
    if let Some(why) = &secured.unsaved {
        let note = format!("--save-certs: cannot write the certificates: {why}");
        watch.happened(Happening::Note(&note));
    }
    watch.happened(Happening::Secured(watch::Secured {
        version: secured.version,
        cipher: secured.cipher,
        group: secured.group,
        resumed: secured.resumed,
        name: &secured.name,
        verified: secured.judgement.is_good(),
        judgement: &secured.judgement.words(),
        chain: &secured.chain,
        own: secured.own.as_deref(),
    }));
}

/// The most of a server's words, in characters, that an error repeats.
const EXCERPT: usize = 80;

/// The beginning of what a server sent, printable and without secrets.
fn excerpt(mask: &Mask, bytes: &[u8]) -> String {
    beginning(&mask.apply(printable(bytes)))
}

fn beginning(text: &str) -> String {
    text.chars().take(EXCERPT).collect()
}

impl<'a, 'w> Session<'a, 'w> {
    fn new(
        (wire, mask): (Wire, Mask),
        dialogue: Dialogue<'a>,
        (errand, means): (&'a Errand<'a>, &'a Means<'a>),
        watch: &'w mut dyn Watch,
    ) -> Self {
        Self {
            wire,
            errand,
            means,
            dialogue,
            mask,
            wants: watch.wants(),
            watch,
            holds_secret: false,
            in_doubt: false,
            gathered: 0,
            owed: 0,
            quit_code: None,
            ending: Vec::new(),
            end_reply: None,
            end_at: None,
        }
    }
}

impl Session<'_, '_> {
    /// From the first event to the end, or to a rest.
    fn hold(mut self, first: Event) -> Ended {
        let (failure, rests) = match self.converse(first) {
            Ok(Conversation::Resting) => (None, true),
            Ok(Conversation::Over) => (None, false),
            Err(failure) => (Some(failure), false),
        };
        if failure.is_some() && self.in_doubt {
            self.dialogue.doubt();
        }
        if !rests {
            self.say_the_end(failure.as_ref());
        }
        let mask = self.mask;
        let masked = |answer: Answer| masked(answer, &mask);
        let refusal = self.dialogue.refusal().cloned().map(masked);
        let server = rests.then(|| self.dialogue.acquaintance());
        let replies = self.dialogue.take_replies().into_iter();
        let replies = replies.map(|reply| mask.reply(reply)).collect();
        let answers = self.dialogue.into_answers().into_iter();
        Ended {
            answers: answers.map(|answer| answer.map(masked)).collect(),
            failure: failure.map(|failure| masked_failure(failure, &mask)),
            refusal,
            replies,
            rest: server.map(|server| Rest {
                wire: self.wire,
                mask,
                server,
            }),
        }
    }

    /// What there is to say when the wire is no longer needed.
    fn say_the_end(&mut self, failure: Option<&Failure>) {
        if let Some(failure) = failure {
            self.watch.happened(Happening::Failed {
                stage: failure.stage().name(),
                why: &self.mask.apply(failure.to_string()),
                hung_up: failure.is_hang_up(),
            });
        }
        for words in self.wire.end() {
            self.watch.happened(Happening::Note(&words));
        }
        self.watch.happened(Happening::Closed);
    }

    fn converse(&mut self, first: Event) -> Result<Conversation, Failure> {
        if let (Event::Started, Some(proxy)) = (&first, self.means.options.bench.proxy) {
            self.say_proxy(&proxy)?;
        }
        let mut event = first;
        loop {
            let action = self.dialogue.step(event);
            self.in_doubt &= self.dialogue.awaits_end();
            self.write_down();
            event = match action {
                Action::Read => Event::Replied(self.reply()?),
                Action::Say(items) if self.dialogue.is_leaving() => {
                    return self.farewell(&items).map(|()| Conversation::Over);
                }
                Action::Say(items) => self.say(&items)?,
                Action::Secure => self.secure()?,
                Action::Rest => return self.rest(),
                Action::Finish => return self.check_the_end().map(|()| Conversation::Over),
                Action::Drop => {
                    // The end of a TLS handshake may still have to go out.
                    let _ = self.wire.flush(self.limit(Stage::Tls));
                    return Ok(Conversation::Over);
                }
                Action::SayAndDrop(items) => return self.say_and_drop(&items),
                Action::BlurtQuit => {
                    self.blurt_quit();
                    return Ok(Conversation::Over);
                }
                Action::Abort(stage, what) => return Err(Failure::Protocol(stage, what)),
            };
        }
    }

    /// What a proxy says of itself, before anything else and outside TLS.
    fn say_proxy(&mut self, proxy: &Proxy) -> Result<(), Failure> {
        let header = proxy.header(self.wire.ends());
        self.wire.outbox.extend_from_slice(&header.wire);
        self.watch.happened(Happening::Sent {
            line: &header.shown,
            stage: "proxy",
        });
        if self.wants.octets {
            self.watch.happened(Happening::Octets {
                from: End::Client,
                bytes: &header.wire,
            });
        }
        let written = self.wire.flush(self.limit(Stage::Banner));
        written.map_err(|error| Failure::Wire(Stage::Banner, error))
    }

    /// The last words, whose reply nobody waits for.
    fn say_and_drop(&mut self, items: &[Item]) -> Result<Conversation, Failure> {
        if self.gather(items)?.is_some() {
            return Ok(Conversation::Over);
        }
        let written = self.wire.flush(self.limit(Stage::Body));
        self.wipe();
        let stage = self.dialogue.awaited();
        written.map_err(|error| Failure::Wire(stage, error))?;
        Ok(Conversation::Over)
    }

    /// QUIT where it is out of place, and what the server makes of it, as far as it comes soon.
    fn blurt_quit(&mut self) {
        self.put(&Line {
            stage: Stage::Quit,
            wire: Zeroizing::new(b"QUIT".to_vec()),
            shown: "QUIT".to_owned(),
            hides: false,
        });
        let limit = self.limit(Stage::Quit);
        if self.wire.flush(limit).is_ok() {
            let deadline = Deadline::after(limit);
            while self.reply_by(deadline, Stage::Quit).is_ok() {}
        }
    }

    /// Whoever has said too much, or has gone, is not kept.
    fn rest(&mut self) -> Result<Conversation, Failure> {
        match self.wire.early() {
            Early::Quiet => Ok(Conversation::Resting),
            Early::Closed | Early::Broken(_) => Ok(Conversation::Over),
            Early::Bytes(bytes) if bytes.starts_with(b"421") => Ok(Conversation::Over),
            Early::Bytes(bytes) => {
                let words = excerpt(&self.mask, bytes);
                Err(self.out_of_step(&words))
            }
        }
    }

    /// The reply to the end of data goes into the books before anything else is said.
    fn write_down(&mut self) {
        let Some((reply, ledger)) = self.end_reply.take().zip(self.errand.ledger) else {
            return;
        };
        let all = std::mem::take(&mut self.ending).into_iter();
        let (taken, others): (Vec<usize>, Vec<usize>) =
            all.partition(|&recipient| self.dialogue.is_accepted(recipient));
        if !taken.is_empty() {
            ledger.taken(&taken, &self.mask.reply(reply));
        }
        // With a reply for each, those of others are still to come.
        if self.in_doubt {
            self.ending = others;
        }
    }

    /// The TLS handshake. Whatever came in clear behind the reply to STARTTLS was put there by somebody
    /// who cannot speak TLS (CVE-2011-0411).
    fn secure(&mut self) -> Result<Event, Failure> {
        if self.means.options.tls != Encryption::Implicit {
            match self.wire.early() {
                Early::Quiet => {}
                Early::Closed => return Err(Failure::Tls(TlsError::Wire(WireError::Closed))),
                Early::Broken(error) => return Err(Failure::Tls(TlsError::Wire(error))),
                Early::Bytes(bytes) => {
                    let words = excerpt(&self.mask, bytes);
                    let what = format!("sent \"{words}\" in clear behind its reply to STARTTLS");
                    return Err(Failure::Protocol(Stage::Tls, what));
                }
            }
        }
        let limit = self.limit(Stage::Tls);
        let secured = self.wire.secure(self.means.tls, self.means.host, limit);
        let secured = match secured {
            Ok(secured) => secured,
            Err(error) => {
                if let TlsError::Certificate { why, chain } = &error {
                    self.watch.happened(Happening::Distrusted {
                        name: self.means.tls.name(self.means.host),
                        why,
                        chain,
                    });
                }
                return Err(Failure::Tls(error));
            }
        };
        tell(&secured, self.watch);
        Ok(Event::Secured(Privacy {
            verified: secured.judgement.is_good(),
            bindings: Bindings {
                exporter: secured.exporter,
                end_point: secured.end_point,
            },
        }))
    }

    /// QUIT, which may fail in any way: it un-sends nothing (R24).
    fn farewell(&mut self, items: &[Item]) -> Result<(), Failure> {
        match self.wire.early() {
            Early::Closed | Early::Broken(_) => return Ok(()),
            Early::Bytes(bytes) if !bytes.starts_with(b"421") => {
                let words = excerpt(&self.mask, bytes);
                return Err(self.out_of_step(&words));
            }
            Early::Bytes(_) | Early::Quiet => {}
        }
        for item in items {
            match item {
                Item::Line(line) => self.put(line),
                Item::Note(_) => self.remark(item),
                // Where nothing is to be sent, nobody needs to know the details.
                Item::Detail(_) | Item::Message(_) | Item::Chunk(..) => {}
            }
        }
        if self.wire.flush(self.limit(Stage::Body)).is_ok() && self.reply().is_ok() {
            return self.check_the_end();
        }
        Ok(())
    }

    /// One reply too many means that an earlier one was not the answer to what it seemed to answer
    /// (R15): then nothing was delivered for sure. A refusal where a goodbye was due is suspicious
    /// enough to wait for what follows it.
    fn check_the_end(&mut self) -> Result<(), Failure> {
        let is_goodbye = |code| matches!(code, 421 | 200..=299);
        let words = if self.quit_code.is_none_or(is_goodbye) {
            match self.wire.early() {
                Early::Bytes(bytes) if !bytes.starts_with(b"421") => excerpt(&self.mask, bytes),
                _ => return Ok(()),
            }
        } else {
            match self.wire.line(Deadline::after(self.limit(Stage::Quit))) {
                Ok(line) if !line.starts_with(b"421") => excerpt(&self.mask, line),
                _ => return Ok(()),
            }
        };
        Err(self.out_of_step(&words))
    }

    fn out_of_step(&mut self, words: &str) -> Failure {
        self.dialogue.distrust();
        let what = format!("sent one reply too many, \"{words}\"");
        Failure::Protocol(Stage::Quit, what)
    }

    /// Writes a group and reads the reply to its first line.
    fn say(&mut self, items: &[Item]) -> Result<Event, Failure> {
        match self.gather(items)? {
            Some(event) => Ok(event),
            None => self.finish_group(),
        }
    }

    /// Puts a group into the outbox, and writes what does not fit; gives what happened instead, if
    /// something did.
    fn gather(&mut self, items: &[Item]) -> Result<Option<Event>, Failure> {
        if let Some(event) = self.unasked()? {
            return Ok(Some(event));
        }
        let mut message = None;
        self.end_at = None;
        for item in items {
            let stopped = match item {
                Item::Line(line) => {
                    let stopped = match line.stage {
                        Stage::Dot => self.last_look()?,
                        Stage::Bdat { .. } => self.replies_to_chunks()?,
                        _ => None,
                    };
                    if stopped.is_none() {
                        self.put(line);
                    }
                    stopped
                }
                Item::Note(_) | Item::Detail(_) => {
                    self.remark(item);
                    None
                }
                Item::Message(shape) => {
                    self.carry(message.insert(Carried::new(self.errand, *shape)), None)?
                }
                Item::Chunk(shape, octets) => {
                    let carried = message.get_or_insert_with(|| Carried::new(self.errand, *shape));
                    self.carry(carried, Some(*octets))?
                }
            };
            if stopped.is_some() {
                return Ok(stopped);
            }
            if ends_message(item, message.as_ref()) {
                self.end_at = Some(self.wire.outbox.len());
            }
        }
        Ok(None)
    }

    /// Writes what has gathered. With the end of a message in it, there is doubt from now on until
    /// its reply has come.
    fn finish_group(&mut self) -> Result<Event, Failure> {
        let behind_end = self.end_at.map(|end| self.wire.outbox.len() - end);
        if let (Some(_), Some(ledger)) = (self.end_at, self.errand.ledger) {
            let at_stake = self.dialogue.at_stake();
            if !at_stake.is_empty() {
                ledger.ending(&at_stake).map_err(Failure::Ledger)?;
            }
            self.ending = at_stake;
        }
        let stage = self.dialogue.awaited();
        let written = self.write_block(self.limit(Stage::Body));
        let unsent = self.wire.outbox.len();
        self.wipe();
        self.in_doubt |= behind_end.is_some_and(|behind| unsent <= behind);
        match written {
            // The server may have said why it closed before we wrote.
            Ok(()) | Err(WireError::Closed) => Ok(Event::Replied(self.reply()?)),
            Err(_) if self.in_doubt => Ok(Event::Replied(self.reply()?)),
            Err(error) => Err(Failure::Wire(stage, error)),
        }
    }

    /// Nothing is left of what was not written.
    fn wipe(&mut self) {
        let mut rest = std::mem::take(&mut self.wire.outbox);
        if std::mem::take(&mut self.holds_secret) {
            rest.zeroize();
        }
    }

    /// Last look before the point of no return: a refusal that is already there counts, and an early
    /// 250 is a lie.
    fn last_look(&mut self) -> Result<Option<Event>, Failure> {
        if matches!(self.wire.early(), Early::Quiet) {
            return Ok(None);
        }
        self.broken_off().map(Some)
    }

    /// Reads the replies to chunks that have come while others were sent, so that a refusal is not
    /// talked over. Only a chunk that was sent can be answered.
    fn replies_to_chunks(&mut self) -> Result<Option<Event>, Failure> {
        loop {
            let awaits = self.awaits_chunk();
            match self.wire.early() {
                Early::Quiet => return Ok(None),
                Early::Bytes(_) if awaits => {}
                Early::Bytes(_) | Early::Closed | Early::Broken(_) => {
                    return self.broken_off().map(Some);
                }
            }
            let reply = self.reply()?;
            match reply.class() {
                Class::ForNow | Class::ForGood => return Ok(Some(Event::BrokenOff(reply))),
                Class::Success | Class::GoOn => self.chunk_taken(reply)?,
            }
        }
    }

    /// Whether a chunk that was sent, and not the last, has no reply yet.
    fn awaits_chunk(&self) -> bool {
        self.owed > 0 && self.dialogue.awaited() == Stage::Bdat { last: false }
    }

    /// A chunk was taken, in the middle of sending others.
    fn chunk_taken(&mut self, reply: Reply) -> Result<(), Failure> {
        self.owed -= 1;
        let stage = self.dialogue.awaited();
        match self.dialogue.step(Event::Replied(reply)) {
            Action::Abort(_, what) => Err(Failure::Protocol(stage, what)),
            _ => Ok(()),
        }
    }

    /// What is for those who look on, without secrets that the server may have said.
    fn remark(&mut self, item: &Item) {
        match item {
            Item::Note(text) => {
                let text = self.mask.apply(text.clone());
                self.watch.happened(Happening::Note(&text));
            }
            Item::Detail(text) => {
                let text = self.mask.apply(text.clone());
                self.watch.happened(Happening::Detail(&text));
            }
            Item::Line(_) | Item::Message(_) | Item::Chunk(..) => {}
        }
    }

    fn put(&mut self, line: &Line) {
        if line.hides {
            // With room for all of it, so that no part of it is left behind by growing.
            self.wire.outbox.reserve_exact(line.wire.len() + 2);
            let words = line.wire.rsplit(|&byte| byte == b' ').next();
            self.mask
                .add(String::from_utf8_lossy(words.unwrap_or_default()));
            self.holds_secret = true;
        }
        self.wire.outbox.extend_from_slice(&line.wire);
        self.wire.outbox.extend_from_slice(b"\r\n");
        self.watch.happened(Happening::Sent {
            line: &line.shown,
            stage: line.stage.name(),
        });
        if self.wants.octets {
            let said = if line.hides {
                line.shown.as_bytes()
            } else {
                &line.wire
            };
            self.watch.happened(Happening::Octets {
                from: End::Client,
                bytes: &[said, b"\r\n"].concat(),
            });
        }
    }

    /// The rule of faults.md: nothing may be unread before we speak. An unasked 421 is a goodbye.
    fn unasked(&mut self) -> Result<Option<Event>, Failure> {
        let stage = self.dialogue.next_stage();
        match self.wire.early() {
            Early::Quiet => Ok(None),
            Early::Closed => Err(Failure::Wire(stage, WireError::Closed)),
            Early::Broken(error) => Err(Failure::Wire(stage, error)),
            Early::Bytes(bytes) if bytes.starts_with(b"421") => {
                Ok(Some(Event::Unasked(self.reply()?)))
            }
            Early::Bytes(bytes) => {
                let words = excerpt(&self.mask, bytes);
                let what = format!("sent \"{words}\" before it was asked");
                Err(Failure::Protocol(stage, what))
            }
        }
    }

    /// Puts the message, or the next octets of it, into the outbox, and writes what does not fit. The
    /// rest waits for what belongs behind it.
    fn carry(
        &mut self,
        carried: &mut Carried<'_>,
        octets: Option<u64>,
    ) -> Result<Option<Event>, Failure> {
        let limit = self.limit(Stage::Body);
        let mut left = octets.unwrap_or(u64::MAX);
        while left > 0 {
            if self.wire.outbox.len() >= WRITE_SIZE {
                match self.write_block(limit) {
                    Ok(()) => self.watch.happened(Happening::Progress {
                        octets: carried.octets,
                        of: carried.shape.size,
                    }),
                    Err(WireError::Closed) => return self.broken_off().map(Some),
                    Err(error) => return Err(Failure::Wire(Stage::Body, error)),
                }
            }
            let start = self.wire.outbox.len();
            let more = carried.append(&mut self.wire.outbox, &mut left, octets.is_none());
            if self.wants.message {
                let part = &self.wire.outbox[start..];
                self.watch.happened(Happening::Carried(part));
            }
            if !more.map_err(Failure::Message)? {
                break;
            }
        }
        self.gathered += u32::from(octets.is_some());
        if carried.octets < carried.shape.size {
            return Ok(None);
        }
        if octets.is_some() {
            carried.end().map_err(Failure::Message)?;
        }
        self.watch.happened(Happening::Data {
            bytes: carried.octets,
        });
        match octets {
            Some(_) => self.replies_to_chunks(),
            None => Ok(None),
        }
    }

    /// Writes what has gathered, as fast as may be.
    fn write_block(&mut self, limit: Duration) -> Result<(), WireError> {
        match self.means.options.rate {
            None => self.wire.flush(limit)?,
            Some(rate) => self.write_slowly(rate.get(), limit)?,
        }
        self.owed += std::mem::take(&mut self.gathered);
        Ok(())
    }

    /// Ten pieces a second, so that the flow is even and the server never waits for long.
    fn write_slowly(&mut self, rate: u64, limit: Duration) -> Result<(), WireError> {
        let most = usize::try_from(rate / 10).unwrap_or(usize::MAX).max(1);
        while !self.wire.outbox.is_empty() {
            let octets = self.wire.outbox.len().min(most);
            self.wire.flush_some(most, limit)?;
            let nanos = octets as u64 * 1_000_000_000 / rate;
            std::thread::sleep(Duration::from_nanos(nanos));
        }
        Ok(())
    }

    /// The server has spoken in the middle of the message, or closed. Only a refusal counts; the end
    /// of data was not sent, so the message cannot have been taken.
    fn broken_off(&mut self) -> Result<Event, Failure> {
        self.wire.outbox.clear();
        loop {
            let deadline = Deadline::after(self.limit(Stage::Quit));
            let reply = self.reply_by(deadline, Stage::Body)?;
            match reply.class() {
                Class::ForNow | Class::ForGood => return Ok(Event::BrokenOff(reply)),
                Class::Success if self.awaits_chunk() => self.chunk_taken(reply)?,
                Class::Success | Class::GoOn => {
                    let what = format!("said {} before the message had ended", reply.whole());
                    return Err(Failure::Protocol(Stage::Body, what));
                }
            }
        }
    }

    fn reply(&mut self) -> Result<Reply, Failure> {
        let stage = self.dialogue.awaited();
        let reply = self.reply_by(Deadline::after(self.limit(stage)), stage)?;
        match stage {
            Stage::Dot | Stage::DotFor(_) | Stage::Bdat { last: true } => {
                self.end_reply = Some(reply.clone());
            }
            Stage::Quit => self.quit_code = Some(reply.code),
            _ => {}
        }
        Ok(reply)
    }

    /// Reads one reply, showing each of its lines as it comes.
    fn reply_by(&mut self, deadline: Deadline, stage: Stage) -> Result<Reply, Failure> {
        let mut gathering = Gathering::default();
        loop {
            let octets = match self.wire.line_as_it_is(deadline) {
                Ok(octets) => octets,
                Err(WireError::LongLine) => {
                    let what = format!("sent {}", WireError::LongLine);
                    return Err(Failure::Protocol(stage, what));
                }
                Err(error) => return Err(Failure::Wire(stage, error)),
            };
            let line = without_end(octets);
            let shown = self.mask.apply(printable(line));
            if self.wants.octets {
                let hides = shown != printable(line);
                let masked = hides.then(|| format!("{shown}\r\n").into_bytes());
                self.watch.happened(Happening::Octets {
                    from: End::Server,
                    bytes: masked.as_deref().unwrap_or(octets),
                });
            }
            self.watch.happened(Happening::Line(&shown));
            let reply = gathering.add(line);
            let reply = reply.map_err(|error| Failure::Protocol(stage, self.shown(&error)))?;
            if let Some(reply) = reply {
                let shown = self.mask.reply(reply.clone());
                self.watch.happened(Happening::Received {
                    code: shown.code,
                    enhanced: shown.enhanced(),
                    lines: &shown.lines,
                    stage: stage.name(),
                });
                return Ok(reply);
            }
        }
    }

    /// What is wrong with a reply; of the server's words only the beginning.
    fn shown(&self, error: &ReplyError) -> String {
        match error {
            ReplyError::NoReply(line) => {
                let line = beginning(&self.mask.apply(line.clone()));
                ReplyError::NoReply(line).to_string()
            }
            other => other.to_string(),
        }
    }

    fn limit(&self, stage: Stage) -> Duration {
        let own = stage.timeout();
        match self.means.options.timeout {
            Some(timeout) if stage == Stage::Quit => timeout.min(own),
            Some(timeout) => timeout,
            None => own,
        }
    }
}
