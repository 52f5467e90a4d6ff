//! Output of transcript lines, optionally with time stamps and colours; the lines of a message.

use crate::system::text::{in_color, printable, shown_with_tabs};
use crate::transcript::{Color, TranscriptOptions};
use std::io::{self, Write};
use std::time::Instant;

/// An output that ignores a closed pipe, and remembers any other write error.
pub struct TranscriptWriter<W> {
    out: W,
    state: WriterState,
    /// Reference of the time stamps; `None`: no time stamps.
    start: Option<Instant>,
    colored: bool,
    /// True if the last line is terminated.
    is_whole: bool,
}

enum WriterState {
    Open,
    /// Not an error.
    ClosedPipe,
    Failed(io::Error),
}

/// Origin of a line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tone {
    Plain,
    Client,
    Server,
    /// A failure, of either side.
    Failure,
    Remark,
}

impl Tone {
    /// The tone of a server's line or reply with this code.
    pub fn of_code(code: u16) -> Self {
        if code < 400 {
            Self::Server
        } else {
            Self::Failure
        }
    }

    /// SGR colours (ECMA-48) that are readable on black and on white.
    fn color(self) -> Option<&'static str> {
        match self {
            Self::Plain => None,
            Self::Client => Some("36"),
            Self::Server => Some("32"),
            Self::Failure => Some("31"),
            Self::Remark => Some("2"),
        }
    }
}

impl<W: Write> TranscriptWriter<W> {
    pub fn new(out: W) -> Self {
        Self::with(out, TranscriptOptions::default())
    }

    /// A writer with the time stamps and colours that the options request.
    pub fn with(out: W, options: TranscriptOptions) -> Self {
        Self {
            out,
            state: WriterState::Open,
            start: options.timing.then(Instant::now),
            colored: options.color == Color::Always,
            is_whole: true,
        }
    }

    /// Writes complete or partial lines in one call.
    pub fn write(&mut self, tone: Tone, text: &str) {
        if !matches!(self.state, WriterState::Open) {
            return;
        }
        let color = tone.color().filter(|_| self.colored);
        if self.start.is_none() && color.is_none() {
            return self.put(text);
        }
        let mut all = String::with_capacity(text.len() + 32);
        for line in text.split_inclusive('\n') {
            if let Some(start) = self.start.filter(|_| self.is_whole) {
                all.push_str(&format!("{:>7.3} ", start.elapsed().as_secs_f64()));
            }
            let text = line.strip_suffix('\n').unwrap_or(line);
            self.is_whole = text.len() < line.len();
            match color.filter(|_| !text.is_empty()) {
                Some(color) => all.push_str(&in_color(color, text)),
                None => all.push_str(text),
            }
            if self.is_whole {
                all.push('\n');
            }
        }
        self.put(&all);
    }

    fn put(&mut self, text: &str) {
        let written = self
            .out
            .write_all(text.as_bytes())
            .and_then(|()| self.out.flush());
        self.state = match written {
            Ok(()) => WriterState::Open,
            Err(error) if error.kind() == io::ErrorKind::BrokenPipe => WriterState::ClosedPipe,
            Err(error) => WriterState::Failed(error),
        };
    }

    /// The error of a failed write.
    pub fn failure(&self) -> Option<&io::Error> {
        match &self.state {
            WriterState::Failed(error) => Some(error),
            WriterState::Open | WriterState::ClosedPipe => None,
        }
    }
}

/// Maximum octets of an incomplete line that are buffered; a longer line is shown in parts.
const MAX_LINE: usize = 4096;

/// Splits a message that arrives in parts into lines for display.
#[derive(Default)]
pub struct MessageLines {
    /// The incomplete line received so far.
    rest: Vec<u8>,
}

impl MessageLines {
    /// Adds the next part of the message, and returns the completed lines.
    pub fn push(&mut self, part: &[u8]) -> Vec<String> {
        let mut lines = Vec::new();
        for line in part.split_inclusive(|&byte| byte == b'\n') {
            self.rest.extend_from_slice(line);
            if line.ends_with(b"\n") || self.rest.len() >= MAX_LINE {
                lines.extend(self.end());
            }
        }
        lines
    }

    /// The incomplete line at the end of the message.
    pub fn end(&mut self) -> Option<String> {
        if self.rest.is_empty() {
            return None;
        }
        let line = std::mem::take(&mut self.rest);
        let line = line.strip_suffix(b"\n").unwrap_or(&line);
        Some(readable(line.strip_suffix(b"\r").unwrap_or(line)))
    }
}

/// The printable form of a line: tabs stay; a line that is not UTF-8 has its octets escaped.
fn readable(line: &[u8]) -> String {
    match std::str::from_utf8(line) {
        Ok(text) => shown_with_tabs(text),
        Err(_) => printable(line),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(options: TranscriptOptions, parts: &[(Tone, &str)]) -> String {
        let mut out = Vec::new();
        let mut lines = TranscriptWriter::with(&mut out, options);
        for &(tone, text) in parts {
            lines.write(tone, text);
        }
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn each_line_has_one_time_stamp() {
        let timing = TranscriptOptions {
            timing: true,
            ..TranscriptOptions::default()
        };
        let text = written(
            timing,
            &[
                (Tone::Plain, "Trying... "),
                (Tone::Plain, "Connected.\n"),
                (Tone::Plain, "one\ntwo\n"),
            ],
        );
        let lines: Vec<&str> = text.lines().collect();
        let is_time = |text: &str| text.trim().parse::<f64>().is_ok_and(|time| time < 60.0);
        assert_eq!(lines.len(), 3, "{text}");
        for (line, words) in lines.iter().zip(["Trying... Connected.", "one", "two"]) {
            let (time, rest) = line.split_at(8);
            assert!(is_time(time) && time.ends_with(' '), "{line}");
            assert_eq!(rest, words);
        }
    }

    #[test]
    fn a_color_ends_before_the_line_does() {
        let colored = TranscriptOptions {
            color: Color::Always,
            ..TranscriptOptions::default()
        };
        let parts = [
            (Tone::Client, ">>> QUIT\n"),
            (Tone::Failure, "550 no\n"),
            (Tone::Plain, "x\n"),
        ];
        let wanted = "\x1b[36m>>> QUIT\x1b[0m\n\x1b[31m550 no\x1b[0m\nx\n";
        assert_eq!(written(colored, &parts), wanted);
        let plain = written(TranscriptOptions::default(), &parts);
        assert_eq!(plain, ">>> QUIT\n550 no\nx\n");
    }

    #[test]
    fn lines_are_joined_across_blocks() {
        let mut lines = MessageLines::default();
        assert_eq!(lines.push(b"Subject: "), [""; 0]);
        assert_eq!(lines.push(b"hi\r\n\r\nt\r"), ["Subject: hi", ""]);
        assert_eq!(lines.push(b"\n..x"), ["t"]);
        assert_eq!(lines.end().as_deref(), Some("..x"));
        assert_eq!(lines.end(), None);
    }

    #[test]
    fn control_characters_are_escaped_and_letters_are_not() {
        let mut lines = MessageLines::default();
        let shown = lines.push("Grüße\tan\x1b[2J\r\n".as_bytes());
        assert_eq!(shown, ["Grüße\tan\\u{1b}[2J"]);
        assert_eq!(lines.push(b"\xff\x1b\n"), ["\\xff\\x1b"]);
    }

    #[test]
    fn a_line_without_end_is_shown_in_parts() {
        let mut lines = MessageLines::default();
        let shown = lines.push(&[b'x'; MAX_LINE]);
        assert_eq!(shown.len(), 1);
        assert_eq!(lines.end(), None);
    }
}
