//! Subjects of mail from jobs, and times, endings and command lines as text.

use crate::cron::job::masked::masked;
use crate::cron::job::{FinishedJob, JobEnding};
use crate::system::figures::counted;
use crate::system::quote::shell_word;
use crate::system::text::{shown, without_controls};
use crate::system::time::brief;
use crate::system::{host, user};
use signal_hook::low_level::signal_name;
use std::ffi::OsString;
use std::os::unix::ffi::OsStrExt as _;
use std::path::Path;

/// The longest command line that a subject shows, in characters.
const LONGEST: usize = 60;

/// A subject with placeholders that are filled in after the run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Template(Vec<SubjectPiece>);

#[derive(Clone, Debug, PartialEq, Eq)]
enum SubjectPiece {
    Text(String),
    Place(Placeholder),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Placeholder {
    Host,
    Command,
    Status,
    Duration,
    Name,
    User,
}

const PLACES: [(&str, Placeholder); 6] = [
    ("host", Placeholder::Host),
    ("command", Placeholder::Command),
    ("status", Placeholder::Status),
    ("duration", Placeholder::Duration),
    ("name", Placeholder::Name),
    ("user", Placeholder::User),
];

impl Template {
    /// Parses `[{host}] {status}: {name}`; `{{` and `}}` are braces.
    ///
    /// # Errors
    /// An unknown placeholder, or an unmatched brace.
    pub fn parse(text: &str) -> Result<Self, String> {
        let mut pieces = Vec::new();
        let mut rest = text;
        while let Some(at) = rest.find(['{', '}']) {
            let (before, from) = rest.split_at(at);
            pieces.push(SubjectPiece::Text(before.to_owned()));
            let brace = &from[..1];
            if let Some(after) = from[1..].strip_prefix(brace) {
                pieces.push(SubjectPiece::Text(brace.to_owned()));
                rest = after;
                continue;
            }
            let Some((name, after)) = from[1..].split_once('}').filter(|_| brace == "{") else {
                return Err("a brace stands alone; a brace as such is written {{ or }}".to_owned());
            };
            pieces.push(SubjectPiece::Place(place(name)?));
            rest = after;
        }
        pieces.push(SubjectPiece::Text(rest.to_owned()));
        Ok(Self(pieces))
    }

    /// `[host] FAILED(3): backup.sh after 4m12s`.
    #[must_use]
    pub fn usual(ending: &JobEnding) -> Self {
        let text = |text: &str| SubjectPiece::Text(text.to_owned());
        let mut pieces = vec![
            text("["),
            SubjectPiece::Place(Placeholder::Host),
            text("] "),
            SubjectPiece::Place(Placeholder::Status),
            text(": "),
            SubjectPiece::Place(Placeholder::Name),
        ];
        if !matches!(ending, JobEnding::NotStarted { .. } | JobEnding::Locked(_)) {
            pieces.extend([text(" after "), SubjectPiece::Place(Placeholder::Duration)]);
        }
        Self(pieces)
    }

    /// The subject of this job, in one line.
    #[must_use]
    pub fn filled(&self, job: &FinishedJob) -> String {
        let pieces = self.0.iter().map(|piece| match piece {
            SubjectPiece::Text(text) => text.clone(),
            SubjectPiece::Place(place) => place.of(job),
        });
        without_controls(&pieces.collect::<String>())
    }
}

fn place(name: &str) -> Result<Placeholder, String> {
    let known = PLACES.iter().find(|(known, _)| *known == name);
    known.map(|(_, place)| *place).ok_or_else(|| {
        let all: Vec<String> = PLACES
            .iter()
            .map(|(name, _)| format!("{{{name}}}"))
            .collect();
        let name = crate::system::text::shown(name);
        format!("there is no {{{name}}}; there are {}", all.join(" "))
    })
}

impl Placeholder {
    fn of(self, job: &FinishedJob) -> String {
        match self {
            Self::Host => host::short_name(),
            Self::Command => command(job),
            Self::Status => job.ending.word(),
            Self::Duration => brief(job.took),
            Self::Name => job.name.clone(),
            Self::User => user::login(),
        }
    }
}

/// The program without its directory, and its arguments, as far as they fit.
fn command(job: &FinishedJob) -> String {
    // Masked as a whole: what an option means depends on the program.
    let whole = quoted(&job.command);
    let first = quoted(job.command.get(..1).unwrap_or_default());
    let arguments = whole.strip_prefix(&first).unwrap_or_default();
    let line = format!("{}{arguments}", program(&job.command));
    if line.chars().count() <= LONGEST {
        return line;
    }
    line.chars().take(LONGEST - 1).chain(['…']).collect()
}

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
    let words: Vec<String> = words.map(|(at, word)| shell_word(word, at == 0)).collect();
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
        line.push_str(&shell_word(&word[..most], at == 0));
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
    use crate::cron::job::Order;
    use std::time::Duration;

    fn job() -> FinishedJob {
        let order = Order {
            name: "nightly".to_owned(),
            command: ["/opt/backup.sh", "--full", "a b"].map(Into::into).to_vec(),
            timeout: None,
            kill_after: Duration::ZERO,
            log_limit: 0,
            mark_stderr: false,
        };
        FinishedJob {
            took: Duration::from_secs(252),
            ..FinishedJob::without_run(&order, JobEnding::Exited(3))
        }
    }

    #[test]
    fn places_are_filled_and_doubled_braces_are_braces() {
        let template = Template::parse("{name}: {status} {{{duration}}} {command}").unwrap();
        let subject = template.filled(&job());
        assert_eq!(subject, "nightly: FAILED(3) {4m12s} backup.sh --full 'a b'");
    }

    #[test]
    fn the_usual_subject_says_where_what_and_how_long() {
        let job = job();
        let subject = Template::usual(&job.ending).filled(&job);
        let host = host::short_name();
        assert_eq!(subject, format!("[{host}] FAILED(3): nightly after 4m12s"));
    }

    #[test]
    fn an_unknown_place_is_an_error_that_names_the_known_ones() {
        let error = Template::parse("{hots}").unwrap_err();
        assert!(
            error.contains("{hots}") && error.contains("{host}"),
            "{error}"
        );
        assert!(Template::parse("a } b").is_err());
        assert!(Template::parse("{host").is_err());
    }

    #[test]
    fn passwords_are_masked_by_what_the_program_is() {
        let mut job = job();
        job.command = ["/usr/bin/mysql", "-pSECRET", "db"]
            .map(Into::into)
            .to_vec();
        let subject = Template::parse("{command}").unwrap().filled(&job);
        assert_eq!(subject, "mysql '-p********' db");
    }

    #[test]
    fn a_long_command_line_is_cut() {
        let mut job = job();
        job.command.push("x".repeat(100).into());
        let subject = Template::parse("{command}").unwrap().filled(&job);
        assert_eq!(subject.chars().count(), LONGEST);
    }

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
