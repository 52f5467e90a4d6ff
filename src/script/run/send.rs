//! Sending the data of a script, including deliberate errors.

use crate::client::events::Event;
use crate::client::wire::WireError;
use crate::script::run::{Interpreter, StopReason};
use crate::script::statement::{LineEnd, MessageSource, Saying};
use crate::script::text::{ScriptText, escaped};
use crate::smtp::blocks::Block;
use crate::smtp::dot_stuffing::DotStuffer;
use crate::smtp::stage::Stage;
use crate::system::exit::Exit;
use crate::system::text::reason;
use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

/// Number of buffered octets at which a block is written.
const BLOCK: usize = 64 * 1024;

/// Maximum number of octets shown of raw data.
const SHOWN: usize = 400;

impl Interpreter<'_, '_> {
    /// Sends all of these in as few packets as possible.
    pub(super) fn say(&mut self, all: &[Saying]) -> Result<(), StopReason> {
        self.wire()?;
        for said in all {
            match said {
                Saying::Line(text, end) => self.add_line(text, *end)?,
                Saying::Raw(text) => self.add_raw(text)?,
                Saying::Slowly(text, gap) => {
                    let gap = self.time(gap)?;
                    self.add_line(text, LineEnd::CrLf)?;
                    self.slowly(gap)?;
                }
                Saying::File(path, form) => self.add_file(path, *form)?,
                Saying::Message(form) => self.add_message(*form)?,
            }
        }
        self.flush()
    }

    /// Sends a line that is not in the script.
    pub(super) fn say_line(&mut self, line: &str) -> Result<(), StopReason> {
        self.add_line(&ScriptText::literal(line), LineEnd::CrLf)?;
        self.flush()
    }

    fn add_line(&mut self, text: &ScriptText, end: LineEnd) -> Result<(), StopReason> {
        let mut octets = text.octets(&self.variables)?;
        let verb = octets.get(..4).unwrap_or_default();
        self.said_ehlo = verb.eq_ignore_ascii_case(b"EHLO") || verb.eq_ignore_ascii_case(b"LHLO");
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
                let note = "the server takes nothing more";
                self.observer.on_event(Event::Note(note));
                Ok(())
            }
            Err(error) => Err(StopReason::differs(
                "the server to take what is said",
                error.to_string(),
            )),
            Ok(()) => Ok(()),
        }
    }

    /// Writes the buffered data, one octet after the other.
    fn slowly(&mut self, gap: std::time::Duration) -> Result<(), StopReason> {
        let octets = std::mem::take(&mut self.wire()?.outbox);
        for (at, octet) in octets.into_iter().enumerate() {
            if at > 0 {
                std::thread::sleep(gap);
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
        self.remark(&format!("{count} octets of {}", path.display()), form);
        Ok(())
    }

    fn add_message(&mut self, form: MessageSource) -> Result<(), StopReason> {
        let failed = |error: io::Error| StopReason::Fails(reason(&error), Exit::NoInput);
        let why = "there is no message; describe one on the command line";
        let missing = || StopReason::Fails(why.to_owned(), Exit::Usage);
        let message = self.context.message.ok_or_else(missing)?;
        let shape = message.simplest().ok_or_else(missing)?;
        let mut blocks = message.blocks(shape);
        let mut next = |out: &mut Vec<u8>| Ok(blocks.append(out)? != Block::End);
        let count = self
            .stream(form, &mut next)
            .map_err(|end| end.into_stop(failed))?;
        self.remark(&format!("the message, {count} octets"), form);
        Ok(())
    }

    /// Sends blocks as they are read, with the end that the form requires. Returns their size in octets.
    fn stream(
        &mut self,
        form: MessageSource,
        next: &mut dyn FnMut(&mut Vec<u8>) -> io::Result<bool>,
    ) -> Result<usize, Broken> {
        let mut dots = DotStuffer::new();
        let (mut block, mut count) = (Vec::new(), 0);
        while next(&mut block).map_err(Broken::Reading)? {
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

    fn remark(&mut self, what: &str, form: MessageSource) {
        let end = match form {
            MessageSource::Dots => " and the final dot",
            MessageSource::Raw => "",
        };
        let note = format!("sent {what}{end}");
        self.observer.on_event(Event::Note(&note));
    }
}

/// The reason why a stream was not completed.
enum Broken {
    Reading(io::Error),
    Stopped(StopReason),
}

impl From<StopReason> for Broken {
    fn from(stop: StopReason) -> Self {
        Self::Stopped(stop)
    }
}

impl Broken {
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
