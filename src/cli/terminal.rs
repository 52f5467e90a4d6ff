//! Standard output and standard error, and steps of several commands whose errors are written there.

use crate::cli::ExitStatus;
use crate::client::transport::{LoadedTransport, Transport, Transports};
use crate::mail::message::{Message, MessageError, MessageOptions};
use crate::probe::Status;
use crate::system::exit::Exit;
use crate::system::text::{in_color, reason, shown};
use crate::transcript;
use crate::transcript::{Color, Transcript, TranscriptOptions};
use std::env;
use std::io::{self, BufWriter, IsTerminal, Write};
use std::os::fd::AsFd;
use std::time::SystemTime;

/// Size of the output buffer.
const BUFFER: usize = 64 * 1024;

/// The narrowest terminal for which lines are wrapped.
const MIN_WIDTH: usize = 40;

/// Unbuffered standard output: every write is visible at once, and every write error is noticed, even EBADF
/// on an output that is open for reading only, which the standard library ignores.
pub struct Stdout;

impl Write for Stdout {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        Ok(rustix::io::retry_on_intr(|| {
            rustix::io::write(rustix::stdio::stdout(), bytes)
        })?)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// A transcript on the standard output. `None`: nothing is shown.
pub fn open(mut options: TranscriptOptions) -> Option<Box<dyn Transcript>> {
    if options.color == Color::Auto && shows_colors(&io::stdout()) {
        options.color = Color::Always;
    }
    transcript::open(options, Stdout)
}

/// The standard output: its width if it is a terminal, and whether it shows colours.
#[derive(Clone, Copy, Debug, Default)]
pub struct Display {
    pub width: Option<usize>,
    pub colors: bool,
}

impl Display {
    pub fn of_stdout() -> Self {
        Self {
            width: stdout_width(),
            colors: stdout_shows_colors(),
        }
    }
}

/// True if stdout shows colours.
pub fn stdout_shows_colors() -> bool {
    shows_colors(&io::stdout())
}

/// The ANSI code of a status that deserves attention.
pub fn color_of(status: Status) -> Option<&'static str> {
    match status {
        Status::Failed => Some("31"),
        Status::Warning => Some("33"),
        Status::Unknown => Some("35"),
        Status::Ok | Status::Note => None,
    }
}

/// True if the output is a terminal with colours, and `NO_COLOR` is not set (no-color.org).
fn shows_colors(output: &impl IsTerminal) -> bool {
    let is_set = |name| env::var_os(name).is_some_and(|value| !value.is_empty());
    let is_dumb = || env::var_os("TERM").is_some_and(|term| term == "dumb");
    output.is_terminal() && !is_set("NO_COLOR") && !is_dumb()
}

/// Writes to stdout through a buffer. A closed pipe is not an error.
pub fn print(write: impl FnOnce(&mut dyn Write) -> io::Result<()>) -> Exit {
    let mut out = BufWriter::with_capacity(BUFFER, Stdout);
    match checked(write(&mut out).and_then(|()| out.flush())) {
        Ok(()) => Exit::Ok,
        Err(exit) => exit,
    }
}

/// Writes to stdout. A closed pipe is not an error.
pub fn write(bytes: &[u8]) -> Result<(), Exit> {
    checked(Stdout.write_all(bytes))
}

fn checked(written: io::Result<()>) -> Result<(), Exit> {
    match written {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => Err(output_failed(&error)),
        _ => Ok(()),
    }
}

/// Reports that stdout cannot be written.
pub fn output_failed(error: &io::Error) -> Exit {
    complain(&format!(
        "cannot write to standard output: {}",
        reason(error)
    ));
    Exit::Io
}

/// Writes one line to stderr, with control characters escaped, wrapped at a terminal. Errors are ignored.
pub fn complain(text: &str) {
    complain_wrapped(&format!("ehlo: {}\n", shown(text)));
}

/// The same, in a color given as its ANSI code, if stderr shows colors.
pub fn complain_in(color: &str, text: &str) {
    if !shows_colors(&io::stderr()) {
        return complain(text);
    }
    let line = format!("ehlo: {}", shown(text));
    let line = wrapped(&line, width(io::stderr()), "ehlo: ".len());
    complain_escaped(&(in_color(color, &line) + "\n"));
}

/// Writes a line to stderr that begins with `ehlo: ` and has no control characters, wrapped at a terminal.
pub fn complain_wrapped(line: &str) {
    complain_escaped(&wrapped(line, width(io::stderr()), "ehlo: ".len()));
}

/// Writes text to stderr that has no control characters.
pub fn complain_escaped(text: &str) {
    let _ = io::stderr().write_all(text.as_bytes());
}

/// The width of the terminal to which stdout goes. `None`: it is not a terminal, or its width is not known.
pub(crate) fn stdout_width() -> Option<usize> {
    width(io::stdout())
}

fn width(output: impl AsFd) -> Option<usize> {
    let size = rustix::termios::tcgetwinsize(output).ok()?;
    Some(usize::from(size.ws_col)).filter(|&width| width >= MIN_WIDTH)
}

/// The text with lines of at most this width, broken at blanks. Each continuation begins with `indent` blanks.
/// A word that is longer than a line is not broken. `None`: the text is returned unchanged.
pub(crate) fn wrapped(text: &str, width: Option<usize>, indent: usize) -> String {
    let Some(width) = width else {
        return text.to_owned();
    };
    let mut out = String::with_capacity(text.len() + 64);
    for line in text.split_inclusive('\n') {
        let (mut column, mut has_word) = (0, false);
        for word in line.split_inclusive(' ') {
            let length = word.trim_end().chars().count();
            if has_word && length > 0 && column + length > width {
                out.truncate(out.trim_end_matches(' ').len());
                out.push('\n');
                out.push_str(&" ".repeat(indent));
                column = indent;
            }
            has_word |= length > 0;
            out.push_str(word);
            column += word.trim_end_matches('\n').chars().count();
        }
    }
    out
}

/// Loads the first of these transports, or reports the error.
pub fn load_first(transports: &Transports<'_>) -> Result<(), Exit> {
    transports.load(0, None).map(drop).map_err(|error| {
        complain(&error.to_string());
        error.exit()
    })
}

/// Prints a warning.
pub fn warn(text: &str) {
    complain(&format!("warning: {text}"));
}

/// Builds the message, or reports the error.
pub fn build(options: MessageOptions) -> Result<Message, Exit> {
    let message = reported(Message::build(options, SystemTime::now()))?;
    message.warnings.iter().for_each(|warning| warn(warning));
    Ok(message)
}

/// Prints the warnings of messages that were made of one and share them.
pub fn warn_of_first<'m>(messages: impl IntoIterator<Item = &'m Message>) {
    let first = messages.into_iter().take(1);
    first
        .flat_map(|message| &message.warnings)
        .for_each(|warning| warn(warning));
}

/// Reports the error of a message that cannot be built, unless there is nothing to send.
pub fn reported<T>(built: Result<T, MessageError>) -> Result<T, Exit> {
    built.map_err(|error| {
        if error.exit() != Exit::Ok {
            complain(&error.to_string());
        }
        error.exit()
    })
}

/// Tells a user at a terminal that the text is read from it.
pub fn prompt_for_text() {
    complain("type the text; end it with Ctrl-D at the start of a line");
}

/// The same, if a part of the message is read from there.
pub fn prompt_for(options: &MessageOptions) {
    if options.reads_stdin() && io::stdin().is_terminal() {
        prompt_for_text();
    }
}

/// Loads a transport, or reports the error.
pub fn load(transport: &Transport) -> Result<LoadedTransport<'_>, Exit> {
    LoadedTransport::of(transport, None).map_err(|error| {
        complain(&error.to_string());
        error.exit()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_wrapped_at_blanks_with_a_hanging_indent() {
        let line = "ehlo: one two three four\n";
        assert_eq!(
            wrapped(line, Some(14), 6),
            "ehlo: one two\n      three\n      four\n"
        );
        assert_eq!(wrapped(line, Some(80), 6), line);
        assert_eq!(wrapped(line, None, 6), line);
        assert_eq!(wrapped("a  b\n\n   c\n", Some(4), 2), "a  b\n\n   c\n");
        assert_eq!(
            wrapped("ab averylongword cd\n", Some(6), 2),
            "ab\n  averylongword\n  cd\n"
        );
        assert_eq!(wrapped("ääää ää", Some(7), 0), "ääää ää");
    }
}
