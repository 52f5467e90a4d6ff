//! A line of output without what differs from one run to the next: numbers, times, sizes, identifiers,
//! temporary names.

/// As much of a line is looked at.
const LONGEST: usize = 1024;

/// What a number, with its unit, becomes.
const NUMBER: u8 = b'0';

/// What names of days, months and time zones become.
const CALENDAR: u8 = b'@';

/// What a word of chance becomes.
const CHANCE: u8 = b'?';

/// They belong to the number before them: `3 seconds` may be `1 second` or `2 minutes` another time.
const UNITS: &[&str] = &[
    "ns", "us", "ms", "s", "sec", "secs", "second", "seconds", "m", "min", "mins", "minute",
    "minutes", "h", "hr", "hrs", "hour", "hours", "d", "day", "days", "week", "weeks", "month",
    "months", "year", "years", "b", "k", "kb", "kib", "mb", "mib", "g", "gb", "gib", "t", "tb",
    "tib", "byte", "bytes", "bit", "bits", "kbit", "mbit", "kbps", "mbps", "am", "pm",
];

const DATES: &[&str] = &[
    "Mon",
    "Tue",
    "Wed",
    "Thu",
    "Fri",
    "Sat",
    "Sun",
    "Monday",
    "Tuesday",
    "Wednesday",
    "Thursday",
    "Friday",
    "Saturday",
    "Sunday",
    "Jan",
    "Feb",
    "Mar",
    "Apr",
    "May",
    "Jun",
    "Jul",
    "Aug",
    "Sep",
    "Oct",
    "Nov",
    "Dec",
    "January",
    "February",
    "March",
    "April",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
    "UTC",
    "GMT",
    "WET",
    "WEST",
    "CET",
    "CEST",
    "EET",
    "EEST",
    "BST",
    "EST",
    "EDT",
    "CST",
    "CDT",
    "MST",
    "MDT",
    "PST",
    "PDT",
];

/// A small number behind one of these is the error itself: 404 is another one than 503.
const CODES: &[&str] = &[
    "code", "errno", "error", "exit", "http", "rc", "signal", "status",
];

/// A text in one line as it is compared: the same for texts that differ in numbers and the like.
#[must_use]
pub fn alike(text: &str) -> String {
    String::from_utf8_lossy(&folded(text.as_bytes())).into_owned()
}

/// The line as it is compared; empty where it says nothing.
pub fn folded(line: &[u8]) -> Vec<u8> {
    let text = shown_last(&line[..line.len().min(LONGEST)]);
    let mut fold = Fold::default();
    for word in text.split(u8::is_ascii_whitespace) {
        if !word.is_empty() {
            fold.word(word);
        }
    }
    fold.out
}

/// What a terminal shows of it in the end: without escape sequences, and of what was written over, the
/// last.
fn shown_last(line: &[u8]) -> Vec<u8> {
    let mut shown = Vec::with_capacity(line.len());
    let mut rest = line.strip_suffix(b"\r").unwrap_or(line);
    while let Some((&byte, behind)) = rest.split_first() {
        rest = behind;
        match byte {
            b'\r' => shown.clear(),
            b'\x1b' => rest = behind_escape(behind),
            b'\t' => shown.push(b' '),
            0..b' ' | 0x7f => {}
            _ => shown.push(byte),
        }
    }
    shown
}

/// Behind a sequence of ECMA-48, of which the escape is read.
fn behind_escape(bytes: &[u8]) -> &[u8] {
    let end = match bytes.first() {
        Some(b'[') => bytes[1..]
            .iter()
            .position(|byte| matches!(byte, 0x40..=0x7e))
            .map(|at| at + 2),
        Some(b']') => memchr::memchr2(b'\x07', b'\x1b', bytes).map(|at| at + 1),
        _ => Some(1),
    };
    &bytes[end.unwrap_or(bytes.len()).min(bytes.len())..]
}

/// A line that grows word by word.
#[derive(Default)]
struct Fold {
    out: Vec<u8>,
    /// Where the last word begins in it.
    start: usize,
    /// Whether a word like "error" came last, so that a small number says which.
    names_code: bool,
}

impl Fold {
    fn word(&mut self, word: &[u8]) {
        let follows_number = self.out.last() == Some(&NUMBER);
        if follows_number && is_unit(letters(word)) {
            // `3 seconds,` becomes `0,`.
            self.out.extend_from_slice(&word[letters(word).len()..]);
            return;
        }
        let before = self.start;
        if !self.out.is_empty() {
            self.out.push(b' ');
        }
        let start = self.out.len();
        self.pieces(word);
        self.start = start;
        // `1 hour 3 minutes` is one number, like `59 minutes`.
        if follows_number && &self.out[start..] == b"0" {
            self.out.truncate(start - 1);
            self.start = before;
        } else if follows_number && self.out.len() > start + 2 && self.out.ends_with(b"s") {
            self.out.pop();
        }
    }

    fn pieces(&mut self, word: &[u8]) {
        let is_temporary = word.windows(3).any(|part| part == b"tmp")
            || word.windows(4).any(|part| part == b"temp");
        let mut at = 0;
        while at < word.len() {
            let rest = &word[at..];
            let length = if is_uuid(rest) {
                self.number();
                36
            } else if is_temporary && is_temporary_name(name(rest)) {
                self.out.push(CHANCE);
                name(rest).len()
            } else if rest[0].is_ascii_alphanumeric() {
                self.chunk(rest)
            } else {
                if !b":=#(/-\"'".contains(&rest[0]) {
                    self.names_code = false;
                }
                self.out.push(rest[0]);
                1
            };
            at += length;
        }
    }

    /// Takes a run of letters and digits, and says how much of the rest that was.
    fn chunk(&mut self, rest: &[u8]) -> usize {
        let chunk = run(rest, u8::is_ascii_alphanumeric);
        if is_hex(chunk) {
            self.number();
        } else if is_chance(chunk) {
            self.out.push(CHANCE);
        } else if chunk[0].is_ascii_digit() {
            return self.digits(rest);
        } else if is_one_of(chunk, DATES) {
            self.out.push(CALENDAR);
        } else {
            let letters = letters(chunk);
            self.out.extend_from_slice(letters);
            self.names_code = is_one_of(&letters.to_ascii_lowercase(), CODES);
            return letters.len();
        }
        chunk.len()
    }

    /// A number with all that belongs to it: fractions, the rest of a time, its unit.
    fn digits(&mut self, rest: &[u8]) -> usize {
        let mut length = run(rest, u8::is_ascii_digit).len();
        let follows = |at: usize| rest.get(at).copied().unwrap_or(b' ');
        let is_joined = |at| b".,:".contains(&follows(at)) && follows(at + 1).is_ascii_digit();
        let is_alone = !is_joined(length) && !follows(length).is_ascii_alphabetic();
        if self.names_code && length <= 3 && is_alone && follows(length) != b'%' {
            self.out.extend_from_slice(&rest[..length]);
            self.names_code = false;
            // Something that is not taken for a number that ends here.
            self.out.push(b'.');
            return length;
        }
        while is_joined(length) {
            length += 1 + run(&rest[length + 1..], u8::is_ascii_digit).len();
        }
        self.number();
        if rest[length..].starts_with("µs".as_bytes()) {
            return length + "µs".len();
        }
        let unit = letters(&rest[length..]);
        if is_unit(unit) {
            length += unit.len();
        }
        length
    }

    fn number(&mut self) {
        if self.out.last() != Some(&NUMBER) {
            self.out.push(NUMBER);
        }
    }
}

fn run(bytes: &[u8], is_in: impl Fn(&u8) -> bool) -> &[u8] {
    let end = bytes.iter().position(|byte| !is_in(byte));
    &bytes[..end.unwrap_or(bytes.len())]
}

fn letters(bytes: &[u8]) -> &[u8] {
    run(bytes, u8::is_ascii_alphabetic)
}

fn name(bytes: &[u8]) -> &[u8] {
    run(bytes, |&byte| byte.is_ascii_alphanumeric() || byte == b'_')
}

fn is_one_of(word: &[u8], words: &[&str]) -> bool {
    words.iter().any(|known| known.as_bytes() == word)
}

fn is_unit(letters: &[u8]) -> bool {
    is_one_of(&letters.to_ascii_lowercase(), UNITS)
}

fn is_uuid(bytes: &[u8]) -> bool {
    let is_right = |(at, &byte): (usize, &u8)| match at {
        8 | 13 | 18 | 23 => byte == b'-',
        _ => byte.is_ascii_hexdigit(),
    };
    bytes.len() >= 36 && bytes[..36].iter().enumerate().all(is_right)
}

/// An address, or as much of a hash as people write down.
fn is_hex(chunk: &[u8]) -> bool {
    let digits = chunk.strip_prefix(b"0x").unwrap_or(chunk);
    let is_marked = digits.len() < chunk.len() && !digits.is_empty();
    let is_mixed = digits.iter().any(u8::is_ascii_digit)
        && digits.iter().any(u8::is_ascii_alphabetic)
        && digits.len() >= 7;
    digits.iter().all(u8::is_ascii_hexdigit) && (is_marked || is_mixed)
}

/// An identifier that nobody made up: letters and digits that take turns.
fn is_chance(chunk: &[u8]) -> bool {
    chunk.len() >= 10 && switches(chunk, |byte| u8::from(byte.is_ascii_digit())) >= 4
}

/// A name as mktemp(1) and its kin make it.
fn is_temporary_name(name: &[u8]) -> bool {
    let class = |byte: u8| match byte {
        b'0'..=b'9' => 0,
        b'A'..=b'Z' => 1,
        _ => 2,
    };
    match name.strip_prefix(b"tmp") {
        Some(rest) if rest.len() == 8 => true,
        _ => name.len() >= 6 && switches(&name[1..], class) >= 2,
    }
}

fn switches(bytes: &[u8], class: impl Fn(u8) -> u8) -> usize {
    let pairs = bytes.windows(2);
    pairs
        .filter(|pair| class(pair[0]) != class(pair[1]))
        .count()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::collection::vec;
    use proptest::prelude::*;

    fn text(line: &str) -> String {
        String::from_utf8(folded(line.as_bytes())).unwrap()
    }

    #[track_caller]
    fn alike(one: &str, other: &str) {
        assert_eq!(text(one), text(other), "{one:?} and {other:?}");
        assert!(!text(one).is_empty());
    }

    #[track_caller]
    fn unlike(one: &str, other: &str) {
        assert_ne!(text(one), text(other), "{one:?} and {other:?}");
    }

    #[test]
    fn times_and_dates_make_no_difference() {
        for (one, other) in [
            (
                "2026-11-23T07:28:42.123Z ERROR",
                "2026-12-01T23:01:00.9Z ERROR",
            ),
            (
                "Mon Nov 23 07:28:42 UTC 2026",
                "Tue Dec  1 17:00:01 UTC 2026",
            ),
            (
                "Sun Mar 29 01:59:59 AM CET 2026",
                "Sun Oct 25 03:00:00 PM CEST 2026",
            ),
            (
                "[23/Nov/2026:07:28:42 +0100] no",
                "[01/Jan/2027:00:00:00 +0100] no",
            ),
            (
                "Nov 23 07:28:42 host cron[812]: x",
                "Dec  3 17:28:42 host cron[31812]: x",
            ),
        ] {
            alike(one, other);
        }
    }

    #[test]
    fn durations_and_sizes_make_no_difference_whatever_their_unit() {
        for (one, other) in [
            ("failed after 4m12s", "failed after 850ms"),
            ("failed after 4.5 s", "failed after 12 seconds"),
            ("took 1 hour 3 minutes, gave up", "took 1 minute, gave up"),
            ("sent 12.3 MiB", "sent 900 KiB"),
            ("sent 1.2G of 3T", "sent 900M of 3T"),
            ("done in 12µs", "done in 3 ms"),
            ("1 file missing", "3 files missing"),
            ("ETA 00:12 [#####] 97%", "ETA 01:10:12 [#####] 3%"),
        ] {
            alike(one, other);
        }
    }

    #[test]
    fn identifiers_make_no_difference() {
        for (one, other) in [
            (
                "segfault at 0x7ffd3c02 ip 00007f3a9c2d1e00",
                "segfault at 0x0 ip 0000abcdef123400",
            ),
            (
                "job 6f9619ff-8b86-d011-b42d-00c04fc964ff",
                "job 11111111-2222-3333-4444-555555555555",
            ),
            ("commit a1b2c3d: broken", "commit 99ef01a: broken"),
            ("container 3f4e5d6c7b8a died", "container 0123456789ab died"),
            ("queued as 4bXz12abY9Kw3", "queued as 9c0Rt7Lm22ZzQ"),
            ("worker pid=991", "worker pid=12"),
        ] {
            alike(one, other);
        }
    }

    #[test]
    fn temporary_names_make_no_difference_and_others_do() {
        for (one, other) in [
            (
                "rm: /tmp/tmp.Xk3jd9sPq2: busy",
                "rm: /tmp/tmp.a0BBc1Dd3E: busy",
            ),
            (
                "cannot open /tmp/tmpk3j_x9ab/f",
                "cannot open /tmp/tmpabcdefgh/f",
            ),
            ("no /var/tmp/backup.aB3dEf", "no /var/tmp/backup.Zz9yXw"),
        ] {
            alike(one, other);
        }
        unlike("/tmp/backup.lock exists", "/tmp/restore.lock exists");
    }

    #[test]
    fn another_error_is_another() {
        for (one, other) in [
            ("No space left on device", "Permission denied"),
            ("HTTP/1.1 404", "HTTP/1.1 503"),
            ("curl: HTTP error 404", "curl: HTTP error 500"),
            ("failed with exit code 1", "failed with exit code 2"),
            ("errno=13", "errno=28"),
            ("cannot open /etc/a.conf", "cannot open /etc/b.conf"),
            ("host alpha is down", "host beta is down"),
        ] {
            unlike(one, other);
        }
    }

    #[test]
    fn colours_and_what_was_written_over_make_no_difference() {
        alike("\x1b[31mfailed\x1b[0m", "failed");
        alike("\x1b]0;title\x07failed", "failed\r");
        alike(" 10%\r 50%\rfailed", " 99%\rfailed");
        assert_eq!(text("\x1b["), "");
        assert_eq!(text(" \t "), "");
    }

    proptest! {
        #[test]
        fn whatever_a_line_is_it_becomes_no_longer(line in vec(any::<u8>(), 0..2000)) {
            prop_assert!(folded(&line).len() <= LONGEST);
        }

        #[test]
        fn numbers_are_as_good_as_others(one in 0_u32..100_000, other in 0_u32..100_000) {
            let line = |number: u32| text(&format!("(took {number}.5 s, pid {number}) at x:{number}"));
            prop_assert_eq!(line(one), line(other));
        }
    }
}
