//! Holding one test: its statements, one after the other, until the first thing that differs.

pub(crate) mod receive;
pub(crate) mod send;

mod auth;
mod connect;
mod parallel;

use crate::client::events::{Event, Observer};
use crate::client::route;
use crate::client::session;
use crate::client::session::auth::{Bindings, Mask};
use crate::client::wire::{Tls, Wire};
use crate::script::cases::Case;
use crate::script::session_log::{Heard, Tape};
use crate::script::statement::{
    Act, Count, Leaving, ScriptPosition, Statement, TestResult, TestVerdict, Time,
};
use crate::script::text::{ScriptText, TextError, Variables};
use crate::smtp::blocks::Replay;
use crate::smtp::reply::Reply;
use crate::system::exit::Exit;
use crate::system::secret::Login;
use crate::system::text::reason;
use std::time::{Duration, Instant};

/// The stage of all that a script says, in a transcript for programs.
pub const STAGE: &str = "script";

/// How long a step may take, where nothing else is said.
const LIMIT: Duration = Duration::from_secs(30);

/// What tests are held with.
pub struct TestContext<'a> {
    /// Where `connect` goes, and how servers are reached.
    pub route: &'a route::RouteOptions,
    /// Time limit, our name, and whether TLS begins with the first byte.
    pub session: &'a session::Options,
    /// The keys and the trust.
    pub tls: &'a Tls,
    pub login: Option<&'a Login>,
    /// The message of `>message`.
    pub message: Option<&'a (dyn Replay + Sync)>,
}

/// How a test ended.
#[derive(Debug)]
pub struct FinishedTest {
    pub file: String,
    pub name: String,
    pub ending: TestEnding,
    /// How long it took.
    pub took: Duration,
    /// The last lines of what was said.
    pub lines: Vec<Heard>,
}

/// The end of a test.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TestEnding {
    /// The server is as it should be.
    Passed,
    /// The server cannot do what the test is about, and where that showed.
    Skipped(ScriptPosition, String),
    /// The server did something else.
    Differed(ScriptPosition, Difference),
    /// The test could not be held.
    Failed {
        at: ScriptPosition,
        why: String,
        /// The exit status for it.
        exit: Exit,
    },
}

/// What should have been, and what was.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Difference {
    pub expected: String,
    /// What came instead, a sentence without its end.
    pub came: String,
}

impl std::fmt::Display for Difference {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "expected {}, but {}", self.expected, self.came)
    }
}

impl TestEnding {
    /// Where and why; `None` where all is well.
    #[must_use]
    pub fn words(&self) -> Option<String> {
        match self {
            Self::Passed => None,
            Self::Skipped(at, why) | Self::Failed { at, why, .. } => Some(format!("{at}: {why}")),
            Self::Differed(at, difference) => Some(format!("{at}: {difference}")),
        }
    }

    /// The exit status for it.
    #[must_use]
    pub fn exit(&self) -> Exit {
        match self {
            Self::Passed | Self::Skipped(..) => Exit::Ok,
            Self::Differed(..) => Exit::ExpectationFailed,
            Self::Failed { exit, .. } => *exit,
        }
    }
}

pub fn run(case: &Case, means: &TestContext<'_>, watch: &mut dyn Observer) -> FinishedTest {
    let begun = Instant::now();
    let mut tape = Tape::new(watch);
    let mut interpreter = Interpreter::new(means, case.variables.clone(), &mut tape);
    let ending = match interpreter.all(&case.statements) {
        Ok(()) => TestEnding::Passed,
        Err(ending) => ending,
    };
    drop(interpreter);
    FinishedTest {
        file: case.file.clone(),
        name: case.name.clone(),
        ending,
        took: begun.elapsed(),
        lines: tape.into_lines(),
    }
}

/// Why a step is the last.
enum StopReason {
    Verdict(TestResult, String),
    Differs(Difference),
    Fails(String, Exit),
}

impl StopReason {
    fn differs(expected: impl Into<String>, came: impl Into<String>) -> Self {
        Self::Differs(Difference {
            expected: expected.into(),
            came: came.into(),
        })
    }

    fn at(self, at: &ScriptPosition) -> TestEnding {
        let at = at.clone();
        match self {
            Self::Differs(difference) => TestEnding::Differed(at, difference),
            Self::Fails(why, exit) => TestEnding::Failed { at, why, exit },
            Self::Verdict(TestResult::Pass, _) => TestEnding::Passed,
            Self::Verdict(TestResult::Skip, why) => TestEnding::Skipped(at, why),
            Self::Verdict(TestResult::Fail, what) => {
                let (expected, came) = (what, "it is not so".to_owned());
                TestEnding::Differed(at, Difference { expected, came })
            }
        }
    }
}

/// A variable that is not set is a mistake of the script.
impl From<TextError> for StopReason {
    fn from(error: TextError) -> Self {
        Self::Fails(error.to_string(), Exit::Data)
    }
}

/// A test while it is held: one connection at a time.
struct Interpreter<'m, 'w> {
    means: &'m TestContext<'m>,
    watch: &'w mut dyn Observer,
    variables: Variables,
    limit: Duration,
    wire: Option<Wire>,
    /// The name that the certificate must have.
    host: String,
    /// What the TLS connection gives to bind a login to; `None` in clear.
    secured: Option<Bindings>,
    /// What must not be seen.
    mask: Mask,
    heard: Option<LastHeard>,
    /// The last reply to EHLO.
    offers: Option<Reply>,
    /// Whether the last line that was said is EHLO.
    said_ehlo: bool,
}

enum LastHeard {
    Reply(Reply),
    Close,
}

impl<'m, 'w> Interpreter<'m, 'w> {
    fn new(means: &'m TestContext<'m>, variables: Variables, watch: &'w mut dyn Observer) -> Self {
        Self {
            means,
            watch,
            variables,
            limit: means.session.timeout.unwrap_or(LIMIT),
            wire: None,
            host: String::new(),
            secured: None,
            mask: Mask::of(means.login),
            heard: None,
            offers: None,
            said_ehlo: false,
        }
    }

    fn all(&mut self, statements: &[Statement]) -> Result<(), TestEnding> {
        for statement in statements {
            let at = &statement.at;
            match &statement.act {
                Act::For { name, values, body } => {
                    for value in values {
                        let value = value.octets(&self.variables);
                        let value = value.map_err(|error| StopReason::from(error).at(at))?;
                        self.variables.insert(name.clone(), value);
                        self.all(body)?;
                    }
                }
                Act::Repeat(count, body) => {
                    let count = self.count(count).map_err(|stop| stop.at(at))?;
                    for turn in 1..=count {
                        self.number(turn);
                        self.all(body)?;
                    }
                }
                Act::Parallel(count, body) => {
                    let count = self.count(count).map_err(|stop| stop.at(at))?;
                    self.parallel(at, count, body)?;
                }
                act => self.step(act).map_err(|stop| stop.at(at))?,
            }
        }
        Ok(())
    }

    fn step(&mut self, act: &Act) -> Result<(), StopReason> {
        match act {
            Act::Connect { target, tls } => self.connect(target.as_ref(), *tls),
            Act::Secure { starttls, wanted } => self.secure(*starttls, *wanted),
            Act::Auth(mechanism) => self.log_in(*mechanism),
            Act::Say(said) => self.say(std::slice::from_ref(said)),
            Act::SayTogether(all) => self.say(all),
            Act::Expect(wanted) => self.expect(wanted),
            Act::ExpectSilence(time) => {
                let time = self.time(time)?;
                self.expect_silence(time)
            }
            Act::ExpectClose(time) => {
                let time = time.as_ref().map(|time| self.time(time)).transpose()?;
                self.expect_close(time.unwrap_or(self.limit))
            }
            Act::Pause(time) => {
                std::thread::sleep(self.time(time)?);
                Ok(())
            }
            Act::Timeout(time) => {
                self.limit = self.time(time)?.max(Duration::from_millis(1));
                Ok(())
            }
            Act::Leave(leaving) => self.leave(*leaving),
            Act::Set {
                name,
                value,
                default,
            } => self.set(name, value, *default),
            Act::Print(text) => {
                let text = text.string(&self.variables)?;
                self.watch.happened(Event::Note(&text));
                Ok(())
            }
            Act::Judge(judgement) => self.judge(judgement),
            // What has a body is done elsewhere, and a test stands in none.
            Act::For { .. } | Act::Repeat(..) | Act::Parallel(..) | Act::Test { .. } => Ok(()),
        }
    }

    fn set(&mut self, name: &str, value: &ScriptText, default: bool) -> Result<(), StopReason> {
        if !(default && self.variables.contains_key(name)) {
            let value = value.octets(&self.variables)?;
            self.variables.insert(name.to_owned(), value);
        }
        Ok(())
    }

    /// Which turn it is, or which connection.
    fn number(&mut self, turn: usize) {
        let turn = turn.to_string().into_bytes();
        self.variables.insert("n".to_owned(), turn);
    }

    fn judge(&mut self, judgement: &TestVerdict) -> Result<(), StopReason> {
        let condition = &judgement.condition;
        if self.is_so(condition) != judgement.when {
            return Ok(());
        }
        let words = if judgement.when { "" } else { "not " };
        let reason = format!("{words}{condition}");
        Err(match judgement.verdict {
            TestResult::Fail if judgement.when => {
                StopReason::differs(format!("anything but {condition}"), "it is so")
            }
            TestResult::Fail => StopReason::Verdict(TestResult::Fail, condition.to_string()),
            verdict => StopReason::Verdict(verdict, reason),
        })
    }

    fn time(&self, time: &Time) -> Result<Duration, StopReason> {
        match time {
            Time::Fixed(time) => Ok(*time),
            Time::Of(text) => {
                let text = text.string(&self.variables)?;
                let wrong =
                    || StopReason::Fails(format!("expected a time, not \"{text}\""), Exit::Data);
                crate::system::time::parsed(&text).ok_or_else(wrong)
            }
        }
    }

    fn count(&self, count: &Count) -> Result<usize, StopReason> {
        match count {
            Count::Fixed(count) => Ok(*count),
            Count::Of(text, most) => {
                let text = text.string(&self.variables)?;
                let count = text
                    .parse()
                    .ok()
                    .filter(|count| (1..=*most).contains(count));
                let wrong = || {
                    let why = format!("expected a number from 1 to {most}, not \"{text}\"");
                    StopReason::Fails(why, Exit::Data)
                };
                count.ok_or_else(wrong)
            }
        }
    }

    fn leave(&mut self, leaving: Leaving) -> Result<(), StopReason> {
        let failed = |error: std::io::Error| StopReason::Fails(reason(&error), Exit::Temporary);
        match leaving {
            Leaving::Close => drop(self.wire.take()),
            Leaving::HalfClose => self.wire()?.half_close().map_err(failed)?,
            Leaving::Reset => {
                self.wire()?;
                if let Some(wire) = self.wire.take() {
                    wire.reset().map_err(failed)?;
                }
            }
        }
        Ok(())
    }

    fn wire(&mut self) -> Result<&mut Wire, StopReason> {
        let why = "there is no connection; `connect` comes first";
        let missing = || StopReason::Fails(why.to_owned(), Exit::Data);
        self.wire.as_mut().ok_or_else(missing)
    }
}

#[cfg(test)]
mod tests;
