//! The output: lines with marks, on standard output, standard error or in files; and the end of a run.

use crate::cli::standins::swaks::octets;
use crate::cli::terminal;
use crate::cli::terminal::Stdout;
use crate::system::exit::Exit;
use crate::system::text::shown_with_tabs;
use std::borrow::Cow;
use std::fs::File;
use std::io::{self, IsTerminal as _, Write};
use std::sync::Arc;

/// The run ends with this exit status; the reason was printed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stop(pub u8);

impl Stop {
    /// The exit status when the output cannot be written. A closed pipe is not reported.
    pub fn output_failed(error: &io::Error) -> Self {
        if error.kind() != io::ErrorKind::BrokenPipe {
            terminal::output_failed(error);
        }
        Self(Exit::Io.code())
    }
}

/// What a line is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    Info,
    Error,
    Sent,
    SentDump,
    Received,
    /// A reply that was not expected.
    Unexpected,
    ReceivedDump,
}

impl Kind {
    fn is_error(self) -> bool {
        matches!(self, Self::Error | Self::Unexpected)
    }
}

/// Options of the output.
#[derive(Clone, Debug, Default)]
pub struct PrintOptions {
    pub no_hints_send: bool,
    pub no_hints_receive: bool,
    pub no_hints_info: bool,
    pub hide_send: bool,
    pub hide_receive: bool,
    pub hide_informational: bool,
    pub hide_all: bool,
    /// 0: everything is shown; 1: nothing before the first error; 2: only errors; 3: nothing.
    pub silent: u8,
}

/// Where lines are written.
#[derive(Clone, Debug)]
pub enum Target {
    Stdout,
    Stderr,
    File(Arc<File>),
}

impl Target {
    fn is_terminal(&self) -> bool {
        matches!(self, Self::Stdout) && io::stdout().is_terminal()
    }

    fn write(&self, bytes: &[u8]) -> io::Result<()> {
        match self {
            Self::Stdout => Stdout.write_all(bytes),
            Self::Stderr => io::stderr().write_all(bytes),
            Self::File(file) => (&**file).write_all(bytes),
        }
    }
}

pub struct Printer {
    pub options: PrintOptions,
    pub out: Target,
    pub err: Target,
    /// True within TLS.
    pub is_tls: bool,
    has_seen_error: bool,
    failure: Option<io::Error>,
}

impl Printer {
    pub fn new() -> Self {
        Self {
            options: PrintOptions::default(),
            out: Target::Stdout,
            err: Target::Stderr,
            is_tls: false,
            has_seen_error: false,
            failure: None,
        }
    }

    pub fn info(&mut self, text: &str) {
        self.print(Kind::Info, text);
    }

    pub fn error(&mut self, text: &str) {
        self.print(Kind::Error, text);
    }

    /// Prints an error, and returns the end of the run with this exit status.
    pub fn stop(&mut self, status: u8, text: &str) -> Stop {
        self.error(text);
        Stop(status)
    }

    /// Prints a text with a mark in front of each line.
    pub fn print(&mut self, kind: Kind, text: &str) {
        if !self.shows(kind) {
            return;
        }
        let target = if kind == Kind::Error {
            &self.err
        } else {
            &self.out
        };
        let is_foreign = matches!(kind, Kind::Received | Kind::Unexpected);
        let text = if is_foreign && target.is_terminal() {
            Cow::Owned(without_controls(text))
        } else {
            Cow::Borrowed(text)
        };
        let lines = self.marked(kind, &text) + "\n";
        let written = target.write(&octets::bytes(&lines));
        self.keep_failure(written);
    }

    /// Prints a text as it is.
    pub fn plain(&mut self, text: &str) {
        let written = self.out.write(&octets::bytes(text));
        self.keep_failure(written);
    }

    /// Prints a question to the user, whatever file the output is written to.
    pub fn question(&mut self, text: &str) {
        let written = Target::Stdout.write(text.as_bytes());
        self.keep_failure(written);
    }

    /// Ends the run if the output could not be written.
    pub fn check(&self) -> Result<(), Stop> {
        match &self.failure {
            None => Ok(()),
            Some(error) => Err(Stop::output_failed(error)),
        }
    }

    /// The text with a mark in front of each line.
    pub fn marked(&self, kind: Kind, text: &str) -> String {
        let mark = self.mark(kind);
        if mark.is_empty() {
            return text.to_owned();
        }
        format!("{mark} {}", text.replace('\n', &format!("\n{mark} ")))
    }

    fn keep_failure(&mut self, written: io::Result<()>) {
        if let Err(error) = written {
            self.failure.get_or_insert(error);
        }
    }

    fn shows(&mut self, kind: Kind) -> bool {
        let options = &self.options;
        let is_hidden = match kind {
            Kind::Sent | Kind::SentDump => options.hide_send,
            Kind::Received | Kind::Unexpected | Kind::ReceivedDump => options.hide_receive,
            Kind::Info => options.hide_informational,
            Kind::Error => false,
        };
        if is_hidden || options.hide_all {
            return false;
        }
        match options.silent {
            0 => true,
            1 => {
                self.has_seen_error |= kind.is_error();
                self.has_seen_error
            }
            2 => kind.is_error(),
            _ => false,
        }
    }

    fn mark(&self, kind: Kind) -> &'static str {
        let options = &self.options;
        match kind {
            Kind::Info | Kind::Error if options.no_hints_info => "",
            Kind::Sent | Kind::SentDump if options.no_hints_send => "",
            Kind::Received | Kind::Unexpected | Kind::ReceivedDump if options.no_hints_receive => {
                ""
            }
            Kind::Info => "===",
            Kind::Error => "***",
            Kind::Sent if self.is_tls => " ~>",
            Kind::Sent => " ->",
            Kind::SentDump => "  >",
            Kind::Received if self.is_tls => "<~ ",
            Kind::Received => "<- ",
            Kind::Unexpected if self.is_tls => "<~*",
            Kind::Unexpected => "<**",
            Kind::ReceivedDump => "<  ",
        }
    }
}

/// The lines with control characters escaped, so that a server does not control the terminal.
fn without_controls(text: &str) -> String {
    let lines = text.split('\n');
    let lines = lines.map(|line| {
        let line = shown_with_tabs(&octets::utf8(line));
        octets::of_bytes(line.as_bytes())
    });
    lines.collect::<Vec<_>>().join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_line_has_the_mark_of_its_kind() {
        let mut printer = Printer::new();
        assert_eq!(
            printer.marked(Kind::Received, "250-a\n250 b"),
            "<-  250-a\n<-  250 b"
        );
        printer.is_tls = true;
        assert_eq!(printer.marked(Kind::Sent, "QUIT"), " ~> QUIT");
        assert_eq!(printer.marked(Kind::Unexpected, "500"), "<~* 500");
        printer.options.no_hints_send = true;
        assert_eq!(printer.marked(Kind::Sent, "QUIT"), "QUIT");
    }

    #[test]
    fn replies_do_not_control_a_terminal() {
        assert_eq!(
            without_controls("250-\x1b[2J\n250 \u{c3}\u{bc}"),
            "250-\\u{1b}[2J\n250 \u{c3}\u{bc}"
        );
    }

    #[test]
    fn silence_ends_with_the_first_error() {
        let mut printer = Printer::new();
        printer.options.silent = 1;
        assert!(!printer.shows(Kind::Sent));
        assert!(printer.shows(Kind::Unexpected));
        assert!(printer.shows(Kind::Sent));
        printer.options.silent = 2;
        assert!(!printer.shows(Kind::Sent));
        assert!(printer.shows(Kind::Error));
        printer.options.silent = 3;
        assert!(!printer.shows(Kind::Error));
    }
}
