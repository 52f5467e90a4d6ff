//! Running one test: its statements in order, up to the first difference.

mod connect;
mod transfer;

use crate::client::events::{Event, Observer, Silent};
use crate::client::route;
use crate::client::session;
use crate::client::session::auth::{Bindings, Mask};
use crate::client::transport::LoadedTransport;
use crate::client::wire::{Tls, Wire};
use crate::script::cases::TestCase;
use crate::script::record::{SessionLine, SessionLog};
use crate::script::report::{Difference, FinishedTest, TestEnding};
use crate::script::statement::{
    Count, ScriptPosition, ScriptedClose, Statement, StatementKind, TestResult, TestVerdict, Time,
};
use crate::script::text::{ScriptText, TextError, Variables};
use crate::smtp::blocks::Replay;
use crate::smtp::reply::Reply;
use crate::system::exit::Exit;
use crate::system::secret::Login;
use crate::system::text::reason;
use std::thread::{self, ScopedJoinHandle};
use std::time::{Duration, Instant};

/// Default time limit of a step.
const LIMIT: Duration = Duration::from_secs(30);

/// Stack size of a thread; a script needs little.
const STACK: usize = 512 * 1024;

/// The settings of a test run.
pub struct TestContext<'a> {
    /// The default target of `connect`, and the options for reaching servers.
    pub route: &'a route::RouteOptions,
    /// Time limit, client name, and use of TLS from the first byte on.
    pub session: &'a session::Options,
    /// Client keys and trusted certificates.
    pub tls: &'a Tls,
    /// The login, which is renewed if the server refuses its token; `None`: `auth` is an error.
    pub transport: Option<&'a LoadedTransport<'a>>,
    pub proxy_login: Option<&'a Login>,
    /// The message of `>message`.
    pub message: Option<&'a (dyn Replay + Sync)>,
}

impl<'a> TestContext<'a> {
    fn login(&self) -> Option<&'a Login> {
        self.transport?.login()
    }
}

pub fn run(
    case: &TestCase,
    context: &TestContext<'_>,
    observer: &mut dyn Observer,
) -> FinishedTest {
    let begun = Instant::now();
    let mut log = SessionLog::new(observer);
    let mut interpreter = Interpreter::new(context, case.variables.clone(), &mut log);
    let ending = match interpreter.run_statements(&case.statements) {
        Ok(()) => TestEnding::Passed,
        Err(ending) => ending,
    };
    drop(interpreter);
    FinishedTest {
        file: case.file.clone(),
        name: case.name.clone(),
        ending,
        took: begun.elapsed(),
        lines: log.into_lines(),
    }
}

/// The reason why a test stops at a step.
enum StopReason {
    Verdict(TestResult, String),
    Differs(Difference),
    Fails(String, Exit),
}

impl StopReason {
    fn differs(expected: impl Into<String>, actual: impl Into<String>) -> Self {
        Self::Differs(Difference {
            expected: expected.into(),
            actual: actual.into(),
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
                let (expected, actual) = (what, "the reply does not match".to_owned());
                TestEnding::Differed(at, Difference { expected, actual })
            }
        }
    }
}

/// A variable that is not set is an error in the script.
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
    bindings: Option<Bindings>,
    /// Secrets that must not be shown.
    mask: Mask,
    last: Option<LastReply>,
    /// The last reply to EHLO.
    offers: Option<Reply>,
    /// True if the last line sent is EHLO.
    sent_ehlo: bool,
}

enum LastReply {
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
            bindings: None,
            mask: Mask::of(context.login()),
            last: None,
            offers: None,
            sent_ehlo: false,
        }
    }

    fn run_statements(&mut self, statements: &[Statement]) -> Result<(), TestEnding> {
        for statement in statements {
            let at = &statement.at;
            match &statement.kind {
                StatementKind::For { name, values, body } => {
                    for value in values {
                        let value = value
                            .octets(&self.variables)
                            .map_err(|error| StopReason::from(error).at(at))?;
                        self.variables.insert(name.clone(), value);
                        self.run_statements(body)?;
                    }
                }
                StatementKind::Repeat(count, body) => {
                    let count = self.count(count).map_err(|stop| stop.at(at))?;
                    for number in 1..=count {
                        self.set_number(number);
                        self.run_statements(body)?;
                    }
                }
                StatementKind::Parallel(count, body) => {
                    let count = self.count(count).map_err(|stop| stop.at(at))?;
                    self.parallel(at, count, body)?;
                }
                kind => self.run_statement(kind).map_err(|stop| stop.at(at))?,
            }
        }
        Ok(())
    }

    fn run_statement(&mut self, kind: &StatementKind) -> Result<(), StopReason> {
        match kind {
            StatementKind::Connect { target, tls } => self.connect(target.as_ref(), *tls),
            StatementKind::Tls { starttls, wanted } => self.start_tls(*starttls, *wanted),
            StatementKind::Auth(mechanism) => self.log_in(*mechanism),
            StatementKind::Send(item) => self.send(std::slice::from_ref(item)),
            StatementKind::SendTogether(items) => self.send(items),
            StatementKind::Expect(wanted) => self.expect(wanted),
            StatementKind::ExpectSilence(time) => {
                let time = self.time(time)?;
                self.expect_silence(time)
            }
            StatementKind::ExpectClose(time) => {
                let time = time.as_ref().map(|time| self.time(time)).transpose()?;
                self.expect_close(time.unwrap_or(self.limit))
            }
            StatementKind::Pause(time) => {
                std::thread::sleep(self.time(time)?);
                Ok(())
            }
            StatementKind::Timeout(time) => {
                self.limit = self.time(time)?.max(Duration::from_millis(1));
                Ok(())
            }
            StatementKind::Close(mode) => self.close(*mode),
            StatementKind::Set {
                name,
                value,
                default,
            } => self.set(name, value, *default),
            StatementKind::Print(text) => {
                let text = text.string(&self.variables)?;
                self.observer.on_event(Event::Note(&text));
                Ok(())
            }
            StatementKind::Verdict(verdict) => self.apply_verdict(verdict),
            // Statements with a body are run elsewhere, and a test is not nested.
            StatementKind::For { .. }
            | StatementKind::Repeat(..)
            | StatementKind::Parallel(..)
            | StatementKind::Test { .. } => Ok(()),
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
    fn set_number(&mut self, number: usize) {
        let number = number.to_string().into_bytes();
        self.variables.insert("n".to_owned(), number);
    }

    fn apply_verdict(&mut self, verdict: &TestVerdict) -> Result<(), StopReason> {
        let condition = &verdict.condition;
        if self.is_met(condition) != verdict.when {
            return Ok(());
        }
        let state = if verdict.when { "met" } else { "not met" };
        let reason = format!("condition {state}: {condition}");
        Err(match verdict.result {
            TestResult::Fail if verdict.when => {
                StopReason::differs(format!("anything but {condition}"), "the reply matches")
            }
            TestResult::Fail => StopReason::Verdict(TestResult::Fail, condition.to_string()),
            result => StopReason::Verdict(result, reason),
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

    fn close(&mut self, mode: ScriptedClose) -> Result<(), StopReason> {
        let failed = |error: std::io::Error| StopReason::Fails(reason(&error), Exit::Temporary);
        match mode {
            ScriptedClose::Close => drop(self.wire.take()),
            ScriptedClose::HalfClose => self.wire()?.half_close().map_err(failed)?,
            ScriptedClose::Reset => {
                self.wire()?;
                if let Some(wire) = self.wire.take() {
                    wire.reset().map_err(failed)?;
                }
            }
        }
        Ok(())
    }

    fn wire(&mut self) -> Result<&mut Wire, StopReason> {
        let why = "no connection; use `connect` first";
        let missing = || StopReason::Fails(why.to_owned(), Exit::Data);
        self.wire.as_mut().ok_or_else(missing)
    }
}

/// The result and the lines of one connection.
struct ParallelResult {
    result: Result<(), TestEnding>,
    lines: Vec<SessionLine>,
}

impl Interpreter<'_, '_> {
    /// Runs a block on several connections at once, and shows them one after the other when all have ended.
    /// The first failure is the result.
    pub(super) fn parallel(
        &mut self,
        at: &ScriptPosition,
        count: usize,
        body: &[Statement],
    ) -> Result<(), TestEnding> {
        let (context, variables) = (self.context, &self.variables);
        let results: Vec<ParallelResult> = thread::scope(|scope| {
            let begin = |number| {
                let builder = thread::Builder::new().stack_size(STACK);
                builder.spawn_scoped(scope, move || {
                    run_connection(context, variables.clone(), number, body)
                })
            };
            let threads: Vec<_> = (1..=count).map(begin).collect();
            let ended = threads.into_iter().flatten().map(ScopedJoinHandle::join);
            ended.flatten().collect()
        });
        let mut result = if results.len() == count {
            Ok(())
        } else {
            let why = format!(
                "only {} of {count} connections could be started",
                results.len()
            );
            Err(StopReason::Fails(why, Exit::Temporary).at(at))
        };
        for (at, connection) in results.into_iter().enumerate() {
            let note = format!("connection {} of {count}", at + 1);
            self.observer.on_event(Event::Note(&note));
            for line in &connection.lines {
                line.tell(&mut *self.observer);
            }
            if result.is_ok() {
                result = connection.result;
            }
        }
        result
    }
}

fn run_connection(
    context: &TestContext<'_>,
    variables: Variables,
    number: usize,
    body: &[Statement],
) -> ParallelResult {
    let mut silent = Silent;
    let mut log = SessionLog::new(&mut silent);
    let mut interpreter = Interpreter::new(context, variables, &mut log);
    interpreter.set_number(number);
    let result = interpreter.run_statements(body);
    drop(interpreter);
    ParallelResult {
        result,
        lines: log.into_lines(),
    }
}

#[cfg(test)]
mod tests;
