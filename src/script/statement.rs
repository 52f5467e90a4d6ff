//! What a script consists of.

use crate::script::expectation::ReplyExpectation;
use crate::script::text::ScriptText;
use crate::smtp::mechanism::Mechanism;
use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

/// A script that has no mistake.
#[derive(Clone, Debug)]
pub struct Script {
    /// The file, or the name of one that comes with the program.
    pub name: String,
    /// What it says, with all that it includes.
    pub statements: Vec<Statement>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ScriptPosition {
    /// The file as it was named.
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
    /// What is to be done.
    pub act: Act,
}

/// What is to be done.
#[derive(Clone, Debug)]
pub enum Act {
    /// Opens a connection; `None` is the server of the command line.
    Connect {
        target: Option<ScriptText>,
        /// With TLS from the first byte on.
        tls: bool,
    },
    /// The TLS handshake, with STARTTLS before it or without.
    Secure {
        /// Says STARTTLS and waits for its 220.
        starttls: bool,
        /// What must come of it.
        wanted: Handshake,
    },
    /// Logs in as the command line says.
    Auth(Option<Mechanism>),
    Say(Saying),
    /// Says all of these in one packet.
    SayTogether(Vec<Saying>),
    /// Waits for a reply.
    Expect(ReplyExpectation),
    /// Nothing may come for so long.
    ExpectSilence(Time),
    /// The server must close, within this time.
    ExpectClose(Option<Time>),
    /// Does nothing for so long.
    Pause(Time),
    /// How long every step that follows may take.
    Timeout(Time),
    Leave(Leaving),
    /// Gives a variable its value.
    Set {
        name: String,
        value: ScriptText,
        /// Only where nobody has set it.
        default: bool,
    },
    /// A remark for whoever looks on.
    Print(ScriptText),
    /// Ends the test, if it is so.
    Judge(TestVerdict),
    /// Does the same for each value.
    For {
        name: String,
        values: Vec<ScriptText>,
        body: Vec<Statement>,
    },
    /// Does the same so many times.
    Repeat(Count, Vec<Statement>),
    /// Does the same on so many connections at once.
    Parallel(Count, Vec<Statement>),
    /// A test of its own.
    Test {
        name: ScriptText,
        body: Vec<Statement>,
    },
}

/// What must come of a TLS handshake.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Handshake {
    /// It succeeds as far as the command line wants it.
    Usual,
    /// The certificate is right, whatever the command line says.
    Verified,
    /// It may fail as well, which ends the connection.
    Perhaps,
}

/// A time that is known, or that a variable holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Time {
    Fixed(Duration),
    /// As long as the text says.
    Of(ScriptText),
}

/// A number that is known, or that a variable holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Count {
    Fixed(usize),
    /// As many as the text says, but not more than this.
    Of(ScriptText, usize),
}

/// Something that is said.
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

/// What a line ends with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LineEnd {
    /// As it should be.
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

/// How a message goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MessageSource {
    /// Its octets, as for BDAT.
    Raw,
    /// With dots doubled, and the final dot, as for DATA.
    Dots,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Leaving {
    /// In an orderly way.
    Close,
    Reset,
    /// We say nothing more, but listen.
    HalfClose,
}

/// When a test ends, and how.
#[derive(Clone, Debug)]
pub struct TestVerdict {
    pub verdict: TestResult,
    /// Whether it ends when the condition is met, or when it is not.
    pub when: bool,
    /// What the last reply must be; of `has` and `lacks`, the last reply to EHLO.
    pub condition: ReplyExpectation,
}

/// How a test ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TestResult {
    Pass,
    /// The server cannot do what it is about.
    Skip,
    /// The server is not as it should be.
    Fail,
}
