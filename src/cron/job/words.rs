//! Times, endings and command lines as text for people.

use crate::cron::job::masked::masked;
use crate::cron::job::{FinishedJob, JobEnding};
use crate::system::figures::counted;
use crate::system::text::shown;
use crate::system::time::brief;
use signal_hook::low_level::signal_name;
use std::ffi::OsString;
use std::os::unix::ffi::OsStrExt as _;
use std::path::Path;

/// The most bytes of a word that a mail shows.
const LONGEST_WORD: usize = 1000;

/// After this many bytes of a command line, a mail does not show further words.
const LONGEST_LINE: usize = 4000;

/// `SIGSEGV`, or the number of a signal without a name.
#[must_use]
pub fn signal(number: i32) -> String {
    signal_name(number).map_or_else(|| number.to_string(), str::to_owned)
}

/// A command line as a shell accepts it, without passwords.
#[must_use]
pub fn quoted(words: &[OsString]) -> String {
    let words = plain_words(words);
    let words = words.iter().enumerate();
    let words: Vec<String> = words.map(|(at, word)| quoted_word(at, word)).collect();
    words.join(" ")
}

/// The same for a mail: long words, and the last ones of very many, are cut.
#[must_use]
pub fn shortened(words: &[OsString]) -> String {
    let words = plain_words(words);
    let mut line = String::new();
    for (at, word) in words.iter().enumerate() {
        if line.len() > LONGEST_LINE {
            let more = counted((words.len() - at) as u64, "argument");
            return format!("{line}... and {more} more");
        }
        let mut most = word.len().min(LONGEST_WORD);
        // Not within a character.
        while most < word.len() && word[most] & 0xc0 == 0x80 {
            most -= 1;
        }
        line.push_str(&quoted_word(at, &word[..most]));
        if most < word.len() {
            let more = counted((word.len() - most) as u64, "byte");
            line.push_str(&format!("... ({more} more)"));
        }
        line.push(' ');
    }
    line.trim_end().to_owned()
}

/// The bytes of each word, without passwords.
fn plain_words(words: &[OsString]) -> Vec<Vec<u8>> {
    let texts: Vec<String> = words
        .iter()
        .map(|word| word.to_string_lossy().into())
        .collect();
    let all = masked(&texts).into_iter().zip(&texts).zip(words);
    let plain = all.map(|((masked, text), word)| {
        if masked == *text {
            word.as_bytes().to_vec()
        } else {
            masked.into_bytes()
        }
    });
    plain.collect()
}

/// A first word with an equals sign would be an assignment.
fn quoted_word(at: usize, word: &[u8]) -> String {
    let is_plain = |c: char| c.is_alphanumeric() || "_-./:,@%+".contains(c) || c == '=' && at > 0;
    match std::str::from_utf8(word) {
        Ok(text) if !text.is_empty() && text.chars().all(is_plain) => text.to_owned(),
        Ok(text) if shown(text) == text => format!("'{}'", text.replace('\'', r"'\''")),
        _ => escaped(word),
    }
}

/// With dollar-single-quotes (POSIX.1-2024, 2.2.4): invisible characters become `\n`, `\t` or octal.
fn escaped(word: &[u8]) -> String {
    let mut text = "$'".to_owned();
    for chunk in word.utf8_chunks() {
        for c in chunk.valid().chars() {
            match c {
                '\n' => text.push_str("\\n"),
                '\t' => text.push_str("\\t"),
                '\'' | '\\' => text.extend(['\\', c]),
                c if shown(c.encode_utf8(&mut [0; 4])).chars().eq([c]) => text.push(c),
                c => text.push_str(&octal(c.encode_utf8(&mut [0; 4]).as_bytes())),
            }
        }
        text.push_str(&octal(chunk.invalid()));
    }
    text + "'"
}

fn octal(bytes: &[u8]) -> String {
    bytes
        .iter()
        .fold(String::new(), |text, byte| text + &format!("\\{byte:03o}"))
}

/// The program, without its directory.
#[must_use]
pub fn program(command: &[OsString]) -> String {
    let program = command.first().map(OsString::as_os_str).unwrap_or_default();
    let name = Path::new(program).file_name().unwrap_or(program);
    shown(&name.to_string_lossy())
}

impl JobEnding {
    /// `FAILED(3)`, for a subject.
    #[must_use]
    pub fn word(&self) -> String {
        match self {
            Self::Exited(0) => "OK".to_owned(),
            Self::Exited(status) => format!("FAILED({status})"),
            Self::Signalled(number) => format!("KILLED({})", signal(*number)),
            Self::TimedOut { .. } => "TIMEOUT".to_owned(),
            Self::NotStarted { .. } => "NOT STARTED".to_owned(),
            Self::Locked(_) => "LOCKED".to_owned(),
        }
    }
}

impl FinishedJob {
    /// The ending of the job, as a sentence without its subject.
    #[must_use]
    pub fn sentence(&self) -> String {
        let took = brief(self.took);
        match &self.ending {
            JobEnding::Exited(0) => format!("ended well after {took}"),
            JobEnding::Exited(status) => format!("failed with status {status} after {took}"),
            JobEnding::Signalled(number) => {
                let how = if self.handed_on == Some(*number) {
                    ", which was handed on to it,"
                } else {
                    ""
                };
                let core = if self.dumped_core {
                    " and dumped core"
                } else {
                    ""
                };
                format!("was ended by {}{how}{core} after {took}", signal(*number))
            }
            JobEnding::TimedOut { limit, killed } => {
                let how = if *killed {
                    "did not end when it was told to, and was killed"
                } else {
                    "was told to end"
                };
                format!("took longer than {} and {how}", brief(*limit))
            }
            JobEnding::NotStarted { why, .. } => format!("was not started: {why}"),
            JobEnding::Locked(holder) => format!("was not started: {holder}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::ffi::OsStr;
    use std::os::unix::ffi::OsStringExt as _;

    #[test]
    fn a_command_line_can_be_given_to_a_shell_again() {
        let words = ["/bin/sh", "-c", "echo 'a b'; x", "", "é=1"].map(OsString::from);
        assert_eq!(quoted(&words), r"/bin/sh -c 'echo '\''a b'\''; x' '' é=1");
        assert_eq!(program(&words), "sh");
    }

    #[test]
    fn what_could_steer_a_terminal_does_not() {
        assert_eq!(quoted(&["a\x1b[2J".into()]), r"$'a\033[2J'");
        assert_eq!(quoted(&["a\u{202e}b".into()]), r"$'a\342\200\256b'");
    }

    #[test]
    fn a_shell_gives_the_quoted_words_back() {
        let words: [&[u8]; 6] = [
            b"A=1",
            b"two\nlines\t'x' \\n \x01",
            b"\xff\xfe1 \xc3\xa9",
            b"",
            b"~/$HOME `x` *",
            "\u{202e}'".as_bytes(),
        ];
        let words = words.map(|word| OsStr::from_bytes(word).to_owned());
        let script = format!(
            "for word in {}; do printf '%s\\0' \"$word\"; done",
            quoted(&words)
        );
        let bash = std::process::Command::new("bash")
            .args(["-c", &script])
            .output();
        let said = bash.unwrap().stdout;
        assert_eq!(
            said,
            [words.map(OsString::into_vec).join(&0), vec![0]].concat()
        );
    }

    #[test]
    fn a_long_command_line_is_cut_for_a_mail() {
        let short = ["sh", "-c", "echo 'a b'"].map(OsString::from);
        assert_eq!(shortened(&short), quoted(&short));
        let long = ["x".into(), "é ".repeat(50_000).into(), "last".into()];
        let line = shortened(&long);
        assert!(line.starts_with("x 'é é ") && line.len() < 1100, "{line}");
        assert!(line.ends_with("'... (149001 bytes more) last"), "{line}");
        let many = vec![OsString::from("word"); 10_000];
        let line = shortened(&many);
        assert!(
            line.len() < 4100 && line.ends_with(" arguments more"),
            "{line}"
        );
    }

    #[test]
    fn an_ending_is_a_word_in_a_subject() {
        assert_eq!(JobEnding::Exited(3).word(), "FAILED(3)");
        assert_eq!(JobEnding::Signalled(11).word(), "KILLED(SIGSEGV)");
        assert_eq!(JobEnding::Signalled(40).word(), "KILLED(40)");
    }
}
