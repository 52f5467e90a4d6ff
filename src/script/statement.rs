//! The statements of a script.

use crate::script::expectation::ReplyExpectation;
use crate::script::text::ScriptText;
use crate::smtp::mechanism::Mechanism;
use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

/// A script without mistakes.
#[derive(Clone, Debug)]
pub struct Script {
    /// The file, or the name of a built-in script.
    pub name: String,
    /// Its statements, including those of included scripts.
    pub statements: Vec<Statement>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ScriptPosition {
    /// The file name as given.
    pub file: Arc<str>,
    /// The line, from 1.
    pub line: usize,
}

/// `smuggling.ehlo:12`
impl fmt::Display for ScriptPosition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{}:{}",
            crate::system::text::shown(&self.file),
            self.line
        )
    }
}

/// One line of a script, or several that make a block.
#[derive(Clone, Debug)]
pub struct Statement {
    pub at: ScriptPosition,
    pub act: Act,
}

/// The action of a statement.
#[derive(Clone, Debug)]
pub enum Act {
    /// Opens a connection; `None`: to the server of the command line.
    Connect {
        target: Option<ScriptText>,
        /// With TLS from the first byte on.
        tls: bool,
    },
    /// The TLS handshake, with STARTTLS before it or without.
    Secure {
        /// True: sends STARTTLS first, and waits for its 220.
        starttls: bool,
        wanted: Handshake,
    },
    /// Logs in with the options of the command line.
    Auth(Option<Mechanism>),
    Say(Saying),
    /// Sends all of these in one packet.
    SayTogether(Vec<Saying>),
    /// Waits for a reply.
    Expect(ReplyExpectation),
    /// Nothing may be received for this time.
    ExpectSilence(Time),
    /// The server must close, within this time.
    ExpectClose(Option<Time>),
    /// Sleeps for this time.
    Pause(Time),
    /// Sets the time limit of all steps that follow.
    Timeout(Time),
    Leave(Leaving),
    /// Gives a variable its value.
    Set {
        name: String,
        value: ScriptText,
        /// True: only if it is not set yet.
        default: bool,
    },
    /// Shows a text in the transcript.
    Print(ScriptText),
    /// Ends the test if a condition is met.
    Judge(TestVerdict),
    /// Repeats the block for each value.
    For {
        name: String,
        values: Vec<ScriptText>,
        body: Vec<Statement>,
    },
    /// Repeats the block this many times.
    Repeat(Count, Vec<Statement>),
    /// Runs the block on this many connections at once.
    Parallel(Count, Vec<Statement>),
    /// A test of its own.
    Test {
        name: ScriptText,
        body: Vec<Statement>,
    },
}

/// The required result of a TLS handshake.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Handshake {
    /// It succeeds, with the checks set on the command line.
    Usual,
    /// The certificate is valid, regardless of the command line.
    Verified,
    /// It may also fail, which ends the connection.
    Perhaps,
}

/// A time, fixed or with variables.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Time {
    Fixed(Duration),
    /// The time given by the text.
    Of(ScriptText),
}

/// A number, fixed or with variables.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Count {
    Fixed(usize),
    /// The number given by the text, up to this maximum.
    Of(ScriptText, usize),
}

/// Data to send.
#[derive(Clone, Debug)]
pub enum Saying {
    Line(ScriptText, LineEnd),
    /// A line, one octet after the other.
    Slowly(ScriptText, Time),
    Raw(ScriptText),
    /// The octets of a file.
    File(PathBuf, MessageSource),
    /// The message that the command line describes.
    Message(MessageSource),
}

/// The end of a line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LineEnd {
    /// The correct line end.
    CrLf,
    Lf,
    Cr,
}

impl LineEnd {
    /// The octets.
    #[must_use]
    pub fn octets(self) -> &'static [u8] {
        match self {
            Self::CrLf => b"\r\n",
            Self::Lf => b"\n",
            Self::Cr => b"\r",
        }
    }
}

/// The form in which a message is sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MessageSource {
    /// Its octets, as for BDAT.
    Raw,
    /// With dots doubled, and the final dot, as for DATA.
    Dots,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Leaving {
    /// Closes it in an orderly way.
    Close,
    Reset,
    /// Closes the sending side only.
    HalfClose,
}

/// A statement that ends a test.
#[derive(Clone, Debug)]
pub struct TestVerdict {
    pub verdict: TestResult,
    /// True: ends the test if the condition is met; false: if it is not.
    pub when: bool,
    /// The condition on the last reply; for `has` and `lacks`, on the last reply to EHLO.
    pub condition: ReplyExpectation,
}

/// The result of a test.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TestResult {
    Pass,
    /// The server does not support the subject of the test.
    Skip,
    /// The server does not behave as expected.
    Fail,
}
