//! Commands and replies over the connection, and their display.

use crate::cli::standins::swaks::link::LinkKind;
use crate::cli::standins::swaks::octets;
use crate::cli::standins::swaks::plan::{Plan, TimeLapse};
use crate::cli::standins::swaks::printer::{Kind, Printer, Stop};
use crate::client::session::auth::Mask;
use crate::client::wire::{Deadline, Wire, WireError};
use crate::transcript::dump::{Dump, DumpStyle};
use std::time::{Duration, Instant};
use zeroize::Zeroizing;

/// The longest time limit; also that without one.
const FOREVER: u64 = 365 * 24 * 3600;

/// Maximum length of a reply, in octets.
const MAX_REPLY: usize = 8 * 1024 * 1024;

/// The exit status when the connection is lost.
const LOST: u8 = 6;

/// What follows if the reply is not the expected one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OnFailure {
    /// The caller decides.
    Return,
    /// MAIL was refused: the session ends.
    Mail,
    /// A recipient was refused: the session ends if all were.
    Recipient,
}

/// A command and its reply, one of them optional.
#[derive(Clone, Debug)]
pub struct Step {
    /// The text to send; `None`: only a reply is read.
    pub text: Option<String>,
    /// Shown instead of the text.
    pub shown: Option<String>,
    /// The codes that are expected.
    pub expected: &'static [&'static str],
    /// True if the command may wait for others (PIPELINING).
    pub is_deferred: bool,
    /// True if only the number of lines is shown.
    pub is_brief: bool,
    /// True if no line end is added.
    pub is_as_it_is: bool,
    /// False: no reply is read.
    pub has_reply: bool,
    /// True if the reply is shown decoded from base64.
    pub is_decoded: bool,
    pub on_failure: OnFailure,
}

impl Step {
    pub fn new(text: impl Into<String>, expected: &'static [&'static str]) -> Self {
        Self {
            text: Some(text.into()),
            ..Self::reply(expected)
        }
    }

    /// A reply without a command.
    pub fn reply(expected: &'static [&'static str]) -> Self {
        Self {
            text: None,
            shown: None,
            expected,
            is_deferred: false,
            is_brief: false,
            is_as_it_is: false,
            has_reply: true,
            is_decoded: false,
            on_failure: OnFailure::Return,
        }
    }
}

/// A reply.
#[derive(Clone, Debug, Default)]
pub struct Reply {
    pub is_expected: bool,
    /// All lines, with line feeds between them.
    pub text: String,
}

impl Reply {
    /// The text of the first line after the code.
    pub fn argument(&self) -> &str {
        let at = self.text.char_indices().nth(4);
        at.map_or("", |(at, _)| &self.text[at..])
    }
}

/// A session.
pub struct Talk<'a> {
    pub plan: &'a Plan,
    pub printer: &'a mut Printer,
    pub wire: Wire,
    /// Received and not used yet.
    received: Vec<u8>,
    waiting: Vec<Step>,
    /// What secrets the replies must not show; `None`: they are shown.
    pub mask: Option<Mask>,
    pub is_tls: bool,
    /// True if the server has offered PIPELINING.
    pub pipelines: bool,
    /// True if the connection is dropped before the next reply.
    pub drops_before_reply: bool,
    is_quit_sent: bool,
    is_lost: bool,
    pub recipients: usize,
    pub refused_recipients: usize,
}

impl<'a> Talk<'a> {
    pub fn new(plan: &'a Plan, printer: &'a mut Printer, wire: Wire) -> Self {
        Self {
            plan,
            printer,
            wire,
            received: Vec::new(),
            waiting: Vec::new(),
            mask: None,
            is_tls: false,
            pipelines: false,
            drops_before_reply: false,
            is_quit_sent: false,
            is_lost: false,
            recipients: 0,
            refused_recipients: 0,
        }
    }

    /// The time limit of a step.
    pub fn limit(&self) -> Duration {
        let seconds = match self.plan.link.timeout {
            0 => FOREVER,
            seconds => seconds.min(FOREVER),
        };
        Duration::from_secs(seconds)
    }

    /// Octets that were received and not used, which must not become part of a TLS session.
    pub fn has_unread(&self) -> bool {
        !self.received.is_empty()
    }

    pub fn command(
        &mut self,
        text: impl Into<String>,
        expected: &'static [&'static str],
    ) -> Result<Reply, Stop> {
        self.perform(Step::new(text, expected))
    }

    /// Sends all waiting commands and reads their replies, unless this one may wait as well. Returns the last reply.
    pub fn perform(&mut self, step: Step) -> Result<Reply, Stop> {
        let may_wait = step.is_deferred && self.plan.pipelines && self.pipelines;
        self.waiting.push(step);
        if may_wait {
            return Ok(Reply::default());
        }
        self.printer.check()?;
        let mut clock = Clock::new(self.plan.time_lapse);
        let steps = std::mem::take(&mut self.waiting);
        self.send(&steps);
        if self.drops_before_reply {
            return Err(self.drop_connection());
        }
        let mut last = Reply::default();
        let mut failures = Vec::new();
        for step in steps.iter().filter(|step| step.has_reply) {
            last = self.read_reply(step, &mut clock);
            if self.is_lost {
                if self.is_quit_sent {
                    return Ok(last);
                }
                return Err(self.disconnected(LOST));
            }
            if !last.is_expected {
                failures.push(step.on_failure);
            }
        }
        for failure in failures {
            self.fail(failure)?;
        }
        Ok(last)
    }

    fn fail(&mut self, failure: OnFailure) -> Result<(), Stop> {
        match failure {
            OnFailure::Return => Ok(()),
            OnFailure::Mail => self.quit(23),
            OnFailure::Recipient => {
                self.refused_recipients += 1;
                if self.refused_recipients == self.recipients {
                    return self.quit(24);
                }
                Ok(())
            }
        }
    }

    fn send(&mut self, steps: &[Step]) {
        // Without secrets, for the dump.
        let mut dumped = String::new();
        let mut outbox = Zeroizing::new(Vec::new());
        for step in steps {
            let Some(text) = &step.text else {
                continue;
            };
            let shown = step.shown.as_ref().filter(|shown| octets::is_true(shown));
            let shown = shown.unwrap_or(text);
            if step.is_brief {
                let lines = octets::parts(shown, "\n").len();
                self.printer
                    .print(Kind::Sent, &format!("{lines} lines sent"));
            } else {
                self.printer.print(Kind::Sent, shown);
            }
            let end = if step.is_as_it_is { "" } else { "\r\n" };
            outbox.extend(octets::bytes(text));
            outbox.extend(end.as_bytes());
            if self.plan.shows_raw_text {
                let hides = self.mask.is_some() && !step.is_as_it_is;
                dumped.push_str(if hides { shown } else { text });
                dumped.push_str(end);
            }
        }
        self.wire.outbox.extend_from_slice(&outbox);
        // If nothing can be written, the next reply is missing, and that is reported.
        let _ = self.wire.flush(self.limit());
        self.wire.outbox.clear();
        if !dumped.is_empty() {
            self.dump(Kind::SentDump, &octets::bytes(&dumped));
        }
    }

    fn dump(&mut self, kind: Kind, bytes: &[u8]) {
        let rows = Dump::new(DumpStyle::Swaks).whole(bytes);
        self.printer.print(kind, &rows.join("\n"));
    }

    fn read_reply(&mut self, step: &Step, clock: &mut Clock) -> Reply {
        let text = self.reply_text();
        if let Some(line) = clock.lapse() {
            self.printer.info(&line);
        }
        let decoded = if step.is_decoded {
            decoded(&text)
        } else {
            text.clone()
        };
        let is_expected = is_expected(&decoded, step.expected);
        if octets::is_true(&decoded) {
            let kind = if is_expected {
                Kind::Received
            } else {
                Kind::Unexpected
            };
            let shown = match &self.mask {
                Some(mask) => mask.apply(decoded),
                None => decoded,
            };
            self.printer.print(kind, &shown);
        }
        Reply { is_expected, text }
    }

    /// The lines up to one with a code and a space, or what came before the end of the connection.
    fn reply_text(&mut self) -> String {
        let deadline = Deadline::after(self.limit());
        let mut text = String::new();
        loop {
            match self.line(deadline) {
                Ok(line) => text.push_str(&octets::of_bytes(&line).replace('\r', "")),
                Err(WireError::Timeout(_)) => {
                    let seconds = self.plan.link.timeout;
                    return format!("Timeout ({seconds} secs) waiting for server response");
                }
                Err(_) => {
                    self.is_lost = true;
                    break;
                }
            }
            if text.lines().next_back().is_some_and(ends_reply) || text.len() > MAX_REPLY {
                break;
            }
        }
        text.strip_suffix('\n').unwrap_or(&text).to_owned()
    }

    /// A line with its end.
    fn line(&mut self, deadline: Deadline) -> Result<Vec<u8>, WireError> {
        if matches!(self.plan.link.kind, LinkKind::Pipe(_)) && !self.is_tls {
            // A pipe is read by lines, which a dump shows.
            let line = self.wire.line_as_it_is(deadline)?.to_vec();
            self.dump_received(&line);
            return Ok(line);
        }
        loop {
            if let Some(at) = memchr::memchr(b'\n', &self.received) {
                return Ok(self.received.drain(..=at).collect());
            }
            if self.received.len() > MAX_REPLY {
                return Err(WireError::LongLine);
            }
            let before = self.received.len();
            if !self.wire.receive(&mut self.received, deadline)? {
                return Err(WireError::Closed);
            }
            let piece = self.received[before..].to_vec();
            self.dump_received(&piece);
        }
    }

    fn dump_received(&mut self, piece: &[u8]) {
        if !self.plan.shows_raw_text {
            return;
        }
        match &self.mask {
            Some(mask) => {
                let masked = mask.apply(octets::of_bytes(piece));
                self.dump(Kind::ReceivedDump, &octets::bytes(&masked));
            }
            None => self.dump(Kind::ReceivedDump, piece),
        }
    }

    /// Sends QUIT and ends the run with this status, or that of a lost connection. Does nothing if QUIT was sent.
    pub fn quit(&mut self, status: u8) -> Result<(), Stop> {
        if self.is_quit_sent {
            return Ok(());
        }
        self.send_quit(status)?;
        self.close();
        Err(Stop(status))
    }

    /// Sends QUIT at the end of a session.
    pub fn send_quit(&mut self, status: u8) -> Result<(), Stop> {
        self.is_quit_sent = true;
        // A refusal changes nothing: QUIT is not sent again.
        self.command("QUIT", &["221"])?;
        if self.is_lost {
            let status = if status == 0 { LOST } else { status };
            return Err(self.disconnected(status));
        }
        Ok(())
    }

    pub fn close(&mut self) {
        let peer = match self.plan.link.kind {
            LinkKind::Inet | LinkKind::Unix(_) => "remote host",
            LinkKind::Pipe(_) => "child process",
        };
        self.printer
            .info(&format!("Connection closed with {peer}."));
    }

    pub fn drop_connection(&mut self) -> Stop {
        self.printer.info("Dropping connection");
        Stop(0)
    }

    fn disconnected(&mut self, status: u8) -> Stop {
        let peer = match self.plan.link.kind {
            LinkKind::Inet => "Remote host",
            LinkKind::Unix(_) => "Socket",
            LinkKind::Pipe(_) => "Child process",
        };
        let error = format!("{peer} closed connection unexpectedly.");
        self.printer.stop(status, &error)
    }
}

/// The time between replies.
struct Clock {
    style: TimeLapse,
    since: Instant,
}

impl Clock {
    fn new(style: TimeLapse) -> Self {
        Self {
            style,
            since: Instant::now(),
        }
    }

    /// A line with the time since the last one.
    fn lapse(&mut self) -> Option<String> {
        let lapse = self.since.elapsed();
        self.since = Instant::now();
        match self.style {
            TimeLapse::None => None,
            TimeLapse::Seconds => Some(format!("response in {}s", lapse.as_secs())),
            TimeLapse::Milliseconds => Some(format!("response in {:.3}s", lapse.as_secs_f64())),
        }
    }
}

/// True for a line with three digits and a space.
fn ends_reply(line: &str) -> bool {
    let bytes = line.as_bytes();
    bytes.len() > 3 && bytes[..3].iter().all(u8::is_ascii_digit) && bytes[3] == b' '
}

/// True if a line has one of these codes and a space.
fn is_expected(text: &str, codes: &[&str]) -> bool {
    let mut lines = text.split('\n');
    lines.any(|line| {
        let rest = codes.iter().find_map(|code| line.strip_prefix(code));
        rest.is_some_and(|rest| rest.starts_with(' '))
    })
}

/// The code, and the decoded text after it unless that has several words.
fn decoded(text: &str) -> String {
    let (code, rest) = text.split_once(' ').unwrap_or((text, ""));
    let rest = rest.trim_ascii_start();
    if rest.contains(|character: char| character.is_ascii_whitespace()) {
        return text.to_owned();
    }
    let bytes = octets::decoded(rest);
    format!("{code} {}", octets::of_bytes(&bytes))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_code_and_a_space_end_a_reply() {
        assert!(ends_reply("250 OK"));
        assert!(!ends_reply("250-OK"));
        assert!(!ends_reply("250"));
        assert!(is_expected("250-a\n250 b", &["250"]));
        assert!(!is_expected("250-a", &["250"]));
    }

    #[test]
    fn challenges_are_shown_decoded() {
        assert_eq!(decoded("334 VXNlcm5hbWU6"), "334 Username:");
        assert_eq!(decoded("535 not accepted"), "535 not accepted");
    }
}
