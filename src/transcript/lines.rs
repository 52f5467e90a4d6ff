//! Output of transcript lines, optionally with time stamps and colours.

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
    /// The reader closed the pipe, which is not an error.
    Unread,
    Failed(io::Error),
}

/// Origin of a line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tone {
    Plain,
    Ours,
    Theirs,
    /// A failure, of either side.
    Failure,
    Remark,
}

impl Tone {
    /// The tone of a server's line or reply with this code.
    pub fn of_code(code: u16) -> Self {
        if code < 400 {
            Self::Theirs
        } else {
            Self::Failure
        }
    }

    /// SGR colours (ECMA-48) that are readable on black and on white.
    fn color(self) -> Option<&'static str> {
        match self {
            Self::Plain => None,
            Self::Ours => Some("36"),
            Self::Theirs => Some("32"),
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
    pub fn say(&mut self, tone: Tone, text: &str) {
        if !matches!(self.state, WriterState::Open) {
            return;
        }
        let color = tone.color().filter(|_| self.colored);
        if self.start.is_none() && color.is_none() {
            return self.put(text);
        }
        let mut all = String::with_capacity(text.len() + 32);
        for piece in text.split_inclusive('\n') {
            if let Some(start) = self.start.filter(|_| self.is_whole) {
                all.push_str(&format!("{:>7.3} ", start.elapsed().as_secs_f64()));
            }
            let words = piece.strip_suffix('\n').unwrap_or(piece);
            self.is_whole = words.len() < piece.len();
            match color.filter(|_| !words.is_empty()) {
                Some(color) => all.push_str(&format!("\x1b[{color}m{words}\x1b[0m")),
                None => all.push_str(words),
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
            Err(error) if error.kind() == io::ErrorKind::BrokenPipe => WriterState::Unread,
            Err(error) => WriterState::Failed(error),
        };
    }

    /// The error of a failed write.
    pub fn failure(&self) -> Option<&io::Error> {
        match &self.state {
            WriterState::Failed(error) => Some(error),
            WriterState::Open | WriterState::Unread => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said(options: TranscriptOptions, pieces: &[(Tone, &str)]) -> String {
        let mut out = Vec::new();
        let mut lines = TranscriptWriter::with(&mut out, options);
        for &(tone, text) in pieces {
            lines.say(tone, text);
        }
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn each_line_has_one_time_however_many_pieces_it_comes_in() {
        let timing = TranscriptOptions {
            timing: true,
            ..TranscriptOptions::default()
        };
        let text = said(
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
            let (time, said) = line.split_at(8);
            assert!(is_time(time) && time.ends_with(' '), "{line}");
            assert_eq!(said, words);
        }
    }

    #[test]
    fn a_color_ends_before_the_line_does() {
        let colored = TranscriptOptions {
            color: Color::Always,
            ..TranscriptOptions::default()
        };
        let pieces = [
            (Tone::Ours, ">>> QUIT\n"),
            (Tone::Failure, "550 no\n"),
            (Tone::Plain, "x\n"),
        ];
        let wanted = "\x1b[36m>>> QUIT\x1b[0m\n\x1b[31m550 no\x1b[0m\nx\n";
        assert_eq!(said(colored, &pieces), wanted);
        let plain = said(TranscriptOptions::default(), &pieces);
        assert_eq!(plain, ">>> QUIT\n550 no\nx\n");
    }
}
