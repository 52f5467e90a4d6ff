//! The part of a log that is shown in a mail: all of it if it is short, else its beginning and its end.

use crate::cron::job::FinishedJob;
use crate::cron::job::ansi::{AnsiReader, StyledRun};
use crate::cron::job::log::JobLog;
use crate::cron::job::tee::MARK;
use std::borrow::Cow;

/// Up to this size, all of it is shown.
const SHORT_LOG: Limits = Limits {
    lines: 500,
    bytes: 32 * 1024,
};

/// Size of the beginning of a longer log.
const BEGINNING: Limits = Limits {
    lines: 20,
    bytes: 8 * 1024,
};

/// Size of the end of a longer log, which often has the reason of a failure.
const END: Limits = Limits {
    lines: 80,
    bytes: 24 * 1024,
};

/// Size of the last lines in a mail that is reduced.
const LAST_LINES: Limits = Limits {
    lines: 20,
    bytes: 4 * 1024,
};

/// The longest line that is shown whole, in octets.
const MAX_LINE: usize = 2000;

struct Limits {
    lines: usize,
    bytes: usize,
}

pub type StyledLines = Vec<Vec<StyledRun>>;

pub struct Excerpt {
    /// All, or the beginning.
    pub begin: StyledLines,
    /// The omitted middle and the end. `None`: nothing is omitted.
    pub rest: Option<ExcerptTail>,
}

/// The end, and the size of the omitted part before it.
pub struct ExcerptTail {
    /// Number of omitted lines.
    pub lines: u64,
    /// Number of omitted octets.
    pub bytes: u64,
    pub end: StyledLines,
}

impl Excerpt {
    /// All lines that are shown.
    pub fn lines(&self) -> impl Iterator<Item = &Vec<StyledRun>> {
        let end = self.rest.iter().flat_map(|rest| &rest.end);
        self.begin.iter().chain(end)
    }

    pub fn of(log: &JobLog) -> Self {
        let mark = mark(log);
        let is_short =
            log.bytes() <= SHORT_LOG.bytes as u64 && log.lines() <= SHORT_LOG.lines as u64;
        if is_short {
            return Self {
                begin: styled(lines(log.head()), mark),
                rest: None,
            };
        }
        let begin = first(log.head(), &BEGINNING);
        let shown = begin.iter().map(|line| line.len()).sum::<usize>();
        let after_begin: Cow<'_, [u8]> = if log.is_in_memory() {
            Cow::Owned([&log.head()[shown..], log.tail()].concat())
        } else {
            Cow::Borrowed(log.tail())
        };
        let end = last(&after_begin, &END);
        let shown = shown + end.iter().map(|line| line.len()).sum::<usize>();
        let count = (begin.len() + end.len()) as u64;
        Self {
            rest: Some(ExcerptTail {
                lines: log.lines().saturating_sub(count),
                bytes: log.bytes() - shown as u64,
                end: styled(end, mark),
            }),
            begin: styled(begin, mark),
        }
    }
}

impl FinishedJob {
    /// The last lines of the output, for a mail of limited size.
    pub fn last_lines(&self) -> String {
        let log = &self.log;
        let end = if log.tail().is_empty() {
            log.head()
        } else {
            log.tail()
        };
        let mark = mark(log);
        let mut text = String::new();
        // In a log that fits, the first line is whole.
        let is_short = log.is_in_memory() && end.len() <= LAST_LINES.bytes;
        let end = match lines(end) {
            all if is_short && all.len() <= LAST_LINES.lines => all,
            _ => last(end, &LAST_LINES),
        };
        for line in styled(end, mark) {
            text.extend(line.iter().map(|run| run.text.as_str()));
            text.push('\n');
        }
        text
    }
}

/// The mark to remove from lines: with a single stream, none is needed.
fn mark(log: &JobLog) -> &'static str {
    if log.streams == [false, true] {
        MARK
    } else {
        ""
    }
}

fn lines(bytes: &[u8]) -> Vec<&[u8]> {
    bytes.split_inclusive(|&byte| byte == b'\n').collect()
}

/// The first lines, within the limits; of a line that is too long, its beginning.
fn first<'l>(bytes: &'l [u8], limits: &Limits) -> Vec<&'l [u8]> {
    let mut remaining = limits.bytes;
    let mut all = Vec::new();
    for line in lines(bytes).into_iter().take(limits.lines) {
        let count = line.len().min(remaining);
        all.push(&line[..count]);
        remaining -= count;
        if remaining == 0 {
            break;
        }
    }
    all
}

/// The last lines, within the limits; of a line that is too long, its end.
fn last<'l>(bytes: &'l [u8], limits: &Limits) -> Vec<&'l [u8]> {
    let all = lines(bytes);
    let mut remaining = limits.bytes;
    let mut end: Vec<&[u8]> = Vec::new();
    for line in all.into_iter().rev().take(limits.lines) {
        let count = line.len().min(remaining);
        end.push(&line[line.len() - count..]);
        remaining -= count;
        if remaining == 0 {
            break;
        }
    }
    // The first of them may have begun earlier.
    if end.len() > 1 {
        end.pop();
    }
    end.reverse();
    end
}

fn styled(lines: Vec<&[u8]>, mark: &str) -> StyledLines {
    let mut reader = AnsiReader::default();
    let style_line = |line: &[u8]| {
        let line = line.strip_suffix(b"\n").unwrap_or(line);
        let line = line.strip_prefix(mark.as_bytes()).unwrap_or(line);
        if line.len() <= MAX_LINE {
            return reader.line(line);
        }
        let mut runs = reader.line(&line[..MAX_LINE]);
        runs.push(StyledRun {
            style: crate::cron::job::ansi::TextStyle::default(),
            text: format!(" ... and {} more bytes in this line", line.len() - MAX_LINE),
        });
        runs
    };
    lines.into_iter().map(style_line).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cron::job::log::Recorder;

    fn log(text: &str, streams: [bool; 2]) -> JobLog {
        let mut recorder = Recorder::new(1 << 20);
        recorder.push(text.as_bytes());
        recorder.finish(streams)
    }

    fn text(lines: &StyledLines) -> Vec<String> {
        let line = |runs: &Vec<StyledRun>| runs.iter().map(|run| run.text.as_str()).collect();
        lines.iter().map(line).collect()
    }

    fn numbered(count: std::ops::RangeInclusive<u64>) -> String {
        count.fold(String::new(), |text, n| text + &format!("line {n}\n"))
    }

    #[test]
    fn short_log_is_shown_completely() {
        let excerpt = Excerpt::of(&log("one\n! two\n", [true, true]));
        assert_eq!(text(&excerpt.begin), ["one", "! two"]);
        assert!(excerpt.rest.is_none());
    }

    #[test]
    fn stderr_alone_is_not_marked() {
        let excerpt = Excerpt::of(&log("! one\n! ! two\n", [false, true]));
        assert_eq!(text(&excerpt.begin), ["one", "! two"]);
    }

    #[test]
    fn long_log_shows_beginning_end_and_omitted_size() {
        for count in [600, 50_000] {
            let whole = numbered(1..=count);
            let excerpt = Excerpt::of(&log(&whole, [true, false]));
            let rest = excerpt.rest.unwrap();
            let (begin, end) = (text(&excerpt.begin), text(&rest.end));
            assert_eq!(begin.first().unwrap(), "line 1");
            assert_eq!(end.last().unwrap(), &format!("line {count}"));
            assert_eq!(begin.len() as u64 + rest.lines + end.len() as u64, count);
            let shown: usize = begin.iter().chain(&end).map(|line| line.len() + 1).sum();
            assert_eq!(rest.bytes, (whole.len() - shown) as u64);
        }
    }

    #[test]
    fn last_lines_are_complete_lines() {
        let spec = crate::cron::job::CommandSpec {
            name: "x".to_owned(),
            command: vec!["x".into()],
            timeout: None,
            kill_after: std::time::Duration::ZERO,
            log_limit: 0,
            mark_stderr: false,
        };
        let words = |text: &str| {
            let mut finished = FinishedJob::not_run(&spec, crate::cron::job::JobEnding::Exited(1));
            finished.log = log(text, [true, false]);
            finished.last_lines()
        };
        assert_eq!(words("one\n\x1b[1mtwo\x1b[0m\nthree"), "one\ntwo\nthree\n");
        for count in [30, 600, 50_000] {
            let all = words(&numbered(1..=count));
            assert!(all.ends_with(&format!("line {count}\n")) && all.starts_with("line "));
            assert!((15..=20).contains(&all.lines().count()), "{all}");
        }
        assert_eq!(words(""), "");
    }

    #[test]
    fn overlong_line_is_shortened() {
        let excerpt = Excerpt::of(&log(&"x".repeat(1 << 20), [true, false]));
        let begin = text(&excerpt.begin);
        assert_eq!(begin.len(), 1);
        assert!(begin[0].ends_with("more bytes in this line"), "{begin:?}");
        assert!(begin[0].len() < MAX_LINE + 100);
        let rest = excerpt.rest.unwrap();
        assert_eq!((rest.lines, rest.end.len()), (0, 1));
    }
}
