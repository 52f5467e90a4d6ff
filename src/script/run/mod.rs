//! Running one test: its statements in order, up to the first difference.

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

/// Default time limit of a step.
const LIMIT: Duration = Duration::from_secs(30);

/// The settings of a test run.
pub struct TestContext<'a> {
    /// The default target of `connect`, and the options for reaching servers.
    pub route: &'a route::RouteOptions,
    /// Time limit, client name, and use of TLS from the first byte on.
    pub session: &'a session::Options,
    /// Client keys and trusted certificates.
    pub tls: &'a Tls,
    pub login: Option<&'a Login>,
    /// The message of `>message`.
    pub message: Option<&'a (dyn Replay + Sync)>,
}

/// The result of a test.
#[derive(Debug)]
pub struct FinishedTest {
    pub file: String,
    pub name: String,
    pub ending: TestEnding,
    pub took: Duration,
    /// The last lines of the session.
    pub lines: Vec<Heard>,
}

/// The end of a test.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TestEnding {
    /// The server behaves as expected.
    Passed,
    /// The server does not support the subject of the test; with the position that showed it.
    Skipped(ScriptPosition, String),
    /// The server behaved differently.
    Differed(ScriptPosition, Difference),
    /// The test could not be run.
    Failed {
        at: ScriptPosition,
        why: String,
        /// The exit status for it.
        exit: Exit,
    },
}

/// The expected and the actual behavior of a server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Difference {
    pub expected: String,
    /// The actual behavior, as a sentence without a period.
    pub came: String,
}

impl std::fmt::Display for Difference {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "expected {}, but {}", self.expected, self.came)
    }
}

impl TestEnding {
    /// Position and reason; `None`: passed.
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

pub fn run(case: &Case, context: &TestContext<'_>, observer: &mut dyn Observer) -> FinishedTest {
    let begun = Instant::now();
    let mut tape = Tape::new(observer);
    let mut interpreter = Interpreter::new(context, case.variables.clone(), &mut tape);
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

/// The reason why a test stops at a step.
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

/// A variable that is not set is a mistake in the script.
impl From<TextError> for StopReason {
    fn from(error: TextError) -> Self {
        Self::Fails(error.to_string(), Exit::Data)
    }
}

/// The state of a running test, with one connection at a time.
struct Interpreter<'m, 'w> {
    context: &'m TestContext<'m>,
    observer: &'w mut dyn Observer,
    variables: Variables,
    limit: Duration,
    wire: Option<Wire>,
    /// The name that the certificate must have.
    host: String,
    /// Channel binding data of the TLS connection; `None`: no TLS.
    secured: Option<Bindings>,
    /// Secrets that must not be shown.
    mask: Mask,
    heard: Option<LastHeard>,
    /// The last reply to EHLO.
    offers: Option<Reply>,
    /// True if the last line sent is EHLO.
    said_ehlo: bool,
}

enum LastHeard {
    Reply(Reply),
    Close,
}

impl<'m, 'w> Interpreter<'m, 'w> {
    fn new(
        context: &'m TestContext<'m>,
        variables: Variables,
        observer: &'w mut dyn Observer,
    ) -> Self {
        Self {
            context,
            observer,
            variables,
            limit: context.session.timeout.unwrap_or(LIMIT),
            wire: None,
            host: String::new(),
            secured: None,
            mask: Mask::of(context.login),
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
                self.observer.on_event(Event::Note(&text));
                Ok(())
            }
            Act::Judge(judgement) => self.judge(judgement),
            // Statements with a body are run elsewhere, and a test is not nested.
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

    /// Sets the variable with the number of the iteration or connection.
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
