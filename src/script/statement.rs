//! The statements of a script, and the errors in them.

use crate::client::route::Endpoint;
use crate::client::route::target::{command, server};
use crate::script::expectation::ReplyExpectation;
use crate::script::text::ScriptText;
use crate::smtp::mechanism::Mechanism;
use crate::system::text::shown;
use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

/// A script without errors.
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
    pub kind: StatementKind,
}

#[derive(Clone, Debug)]
pub enum StatementKind {
    /// Opens a connection; `None`: to the server of the command line.
    Connect {
        target: Option<ScriptText>,
        /// With TLS from the first byte on.
        tls: bool,
    },
    /// The TLS handshake, with STARTTLS before it or without.
    Tls {
        /// True: sends STARTTLS first, and waits for its 220.
        starttls: bool,
        wanted: Handshake,
    },
    /// Logs in with the options of the command line.
    Auth(Option<Mechanism>),
    Send(SendItem),
    /// Sends all of these in one packet.
    SendTogether(Vec<SendItem>),
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
    Close(ScriptedClose),
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
    Verdict(TestVerdict),
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
    Default,
    /// The certificate is valid, regardless of the command line.
    Verified,
    /// It may also fail, which ends the connection.
    Optional,
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
pub enum SendItem {
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
pub enum ScriptedClose {
    /// Closes it in an orderly way.
    Close,
    Reset,
    /// Closes the sending side only.
    HalfClose,
}

/// A statement that ends a test.
#[derive(Clone, Debug)]
pub struct TestVerdict {
    pub result: TestResult,
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

/// An error in a script, or a script that cannot be read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ScriptError {
    #[error("{at}: {}", shown(.what))]
    Line { at: ScriptPosition, what: String },
    /// The file cannot be read.
    #[error("cannot read the script {}: {why}", shown(.file))]
    Unreadable {
        /// The name as given.
        file: String,
        /// The error of the system.
        why: String,
    },
}

/// The default port.
const SMTP: u16 = 25;

pub const TARGET: &str = "HOST, HOST:PORT, unix:PATH or pipe:COMMAND";

/// Parses a target: a value of --server, or `pipe:COMMAND`.
///
/// # Errors
/// It is neither.
pub fn parse_target(text: &str) -> Result<Endpoint, String> {
    let target = match text.strip_prefix("pipe:") {
        Some(line) => command(line),
        None => server(text),
    };
    let wrong = |_| format!("expected {TARGET}, not \"{}\"", shown(text));
    target.map(|target| target.place(SMTP)).map_err(wrong)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_target_is_a_host_an_address_a_socket_or_a_command() {
        let shown = |text| {
            let endpoint = parse_target(text).ok()?;
            Some((endpoint.host.to_string(), endpoint.port))
        };
        let right = |host: &str, port| Some((host.to_owned(), port));
        assert_eq!(shown("mx.example.org"), right("mx.example.org", 25));
        assert_eq!(shown("mx.example.org:587"), right("mx.example.org", 587));
        assert_eq!(shown("127.0.0.1:2525"), right("[127.0.0.1]", 2525));
        assert_eq!(shown("[2001:db8::1]:26"), right("[2001:db8::1]", 26));
        assert_eq!(shown("2001:db8::1"), right("[2001:db8::1]", 25));
        assert_eq!(shown("unix:lmtp"), right("lmtp", 25));
        assert_eq!(shown("pipe:exim -bh ::1"), right("exim -bh ::1", 25));
        for wrong in [
            "", "unix:", "pipe: ", "a b", "mx:", "mx:0", "mx:99999", "mx:25:26",
        ] {
            assert_eq!(shown(wrong), None, "{wrong}");
        }
    }
}
