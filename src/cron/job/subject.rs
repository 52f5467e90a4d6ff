//! Subjects of mail from jobs, and times, endings and command lines as text.

use crate::cron::job::masked::masked;
use crate::cron::job::{FinishedJob, JobEnding};
use crate::system::figures::counted;
use crate::system::quote::shell_word;
use crate::system::text::{shown, shown_path, without_controls};
use crate::system::time::brief;
use crate::system::{host, user};
use signal_hook::low_level::signal_name;
use std::ffi::OsString;
use std::os::unix::ffi::OsStrExt as _;
use std::path::Path;

/// The longest command line that a subject shows, in characters.
const MAX_COMMAND: usize = 60;

/// A subject with placeholders that are filled in after the run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Template(Vec<TemplatePart>);

#[derive(Clone, Debug, PartialEq, Eq)]
enum TemplatePart {
    Text(String),
    Field(Placeholder),
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

const PLACEHOLDERS: [(&str, Placeholder); 6] = [
    ("host", Placeholder::Host),
    ("command", Placeholder::Command),
    ("status", Placeholder::Status),
    ("duration", Placeholder::Duration),
    ("name", Placeholder::Name),
    ("user", Placeholder::User),
];

impl Template {
    /// Parses `[{host}] {status}: {name}`; `{{` and `}}` are braces.
    pub fn parse(text: &str) -> Result<Self, String> {
        let mut parts = Vec::new();
        let mut rest = text;
        while let Some(at) = rest.find(['{', '}']) {
            let (before, from) = rest.split_at(at);
            parts.push(TemplatePart::Text(before.to_owned()));
            let brace = &from[..1];
            if let Some(after) = from[1..].strip_prefix(brace) {
                parts.push(TemplatePart::Text(brace.to_owned()));
                rest = after;
                continue;
            }
            let Some((name, after)) = from[1..].split_once('}').filter(|_| brace == "{") else {
                return Err("unbalanced brace; write {{ or }} for a literal brace".to_owned());
            };
            parts.push(TemplatePart::Field(placeholder(name)?));
            rest = after;
        }
        parts.push(TemplatePart::Text(rest.to_owned()));
        Ok(Self(parts))
    }

    /// `[host] FAILED(3): backup.sh after 4m12s`.
    pub fn default_for(ending: &JobEnding) -> Self {
        let text = |text: &str| TemplatePart::Text(text.to_owned());
        let mut parts = vec![
            text("["),
            TemplatePart::Field(Placeholder::Host),
            text("] "),
            TemplatePart::Field(Placeholder::Status),
            text(": "),
            TemplatePart::Field(Placeholder::Name),
        ];
        if !matches!(ending, JobEnding::NotStarted { .. } | JobEnding::Locked(_)) {
            parts.extend([text(" after "), TemplatePart::Field(Placeholder::Duration)]);
        }
        Self(parts)
    }

    /// The subject of this job, in one line.
    pub fn fill(&self, job: &FinishedJob) -> String {
        let parts = self.0.iter().map(|part| match part {
            TemplatePart::Text(text) => text.clone(),
            TemplatePart::Field(placeholder) => placeholder.value(job),
        });
        without_controls(&parts.collect::<String>())
    }
}

fn placeholder(name: &str) -> Result<Placeholder, String> {
    let known = PLACEHOLDERS.iter().find(|(known, _)| *known == name);
    known.map(|(_, placeholder)| *placeholder).ok_or_else(|| {
        let all: Vec<String> = PLACEHOLDERS
            .iter()
            .map(|(name, _)| format!("{{{name}}}"))
            .collect();
        let name = shown(name);
        format!(
            "unknown placeholder {{{name}}}; use one of {}",
            all.join(" ")
        )
    })
}

impl Placeholder {
    fn value(self, job: &FinishedJob) -> String {
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
    let all = quoted(&job.command);
    let first = quoted(job.command.get(..1).unwrap_or_default());
    let arguments = all.strip_prefix(&first).unwrap_or_default();
    let line = format!("{}{arguments}", program(&job.command));
    if line.chars().count() <= MAX_COMMAND {
        return line;
    }
    line.chars().take(MAX_COMMAND - 1).chain(['…']).collect()
}

/// The most bytes of a word that a mail shows.
const MAX_WORD: usize = 1000;

/// After this many bytes of a command line, a mail does not show further words.
const MAX_LINE: usize = 4000;

/// `SIGSEGV`, or the number of a signal without a name.
pub fn signal(number: i32) -> String {
    signal_name(number).map_or_else(|| number.to_string(), str::to_owned)
}

/// A command line as a shell accepts it, without passwords.
pub fn quoted(words: &[OsString]) -> String {
    let words = masked_words(words).into_iter().enumerate();
    let words: Vec<String> = words.map(|(at, word)| shell_word(&word, at == 0)).collect();
    words.join(" ")
}

/// A command line for a mail: long words are cut, and words beyond a limit are omitted.
pub fn shortened(words: &[OsString]) -> String {
    let words = masked_words(words);
    let mut line = String::new();
    for (at, word) in words.iter().enumerate() {
        if line.len() > MAX_LINE {
            let more = counted((words.len() - at) as u64, "argument");
            return format!("{line}... and {more} more");
        }
        let mut length = word.len().min(MAX_WORD);
        // Not within a character.
        while length < word.len() && word[length] & 0xc0 == 0x80 {
            length -= 1;
        }
        line.push_str(&shell_word(&word[..length], at == 0));
        if length < word.len() {
            let more = counted((word.len() - length) as u64, "byte");
            line.push_str(&format!("... ({more} more)"));
        }
        line.push(' ');
    }
    line.trim_end().to_owned()
}

/// The bytes of each word, without passwords.
fn masked_words(words: &[OsString]) -> Vec<Vec<u8>> {
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
pub fn program(command: &[OsString]) -> String {
    let program = command.first().map(OsString::as_os_str).unwrap_or_default();
    let name = Path::new(program).file_name().unwrap_or(program);
    shown_path(name)
}

impl JobEnding {
    /// `FAILED(3)`, for a subject.
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
    pub fn sentence(&self) -> String {
        let took = brief(self.took);
        match &self.ending {
            JobEnding::Exited(0) => format!("succeeded after {took}"),
            JobEnding::Exited(status) => format!("failed with status {status} after {took}"),
            JobEnding::Signalled(number) => {
                let is_forwarded = self.forwarded == Some(*number);
                let forwarded = if is_forwarded { " (forwarded)" } else { "" };
                let core = if self.dumped_core {
                    " (core dumped)"
                } else {
                    ""
                };
                let signal = signal(*number);
                format!("was terminated by {signal}{forwarded}{core} after {took}")
            }
            JobEnding::TimedOut { limit, killed } => {
                let end = if *killed {
                    ", did not react to SIGTERM, and was killed"
                } else {
                    " and was terminated"
                };
                format!("timed out after {}{end}", brief(*limit))
            }
            JobEnding::NotStarted { why, .. } => format!("was not started: {why}"),
            JobEnding::Locked(holder) => format!("was not started: {holder}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cron::job::CommandSpec;
    use std::time::Duration;

    fn job() -> FinishedJob {
        let spec = CommandSpec {
            name: "nightly".to_owned(),
            command: ["/opt/backup.sh", "--full", "a b"].map(Into::into).to_vec(),
            timeout: None,
            kill_after: Duration::ZERO,
            log_limit: 0,
            mark_stderr: false,
        };
        FinishedJob {
            took: Duration::from_secs(252),
            ..FinishedJob::not_run(&spec, JobEnding::Exited(3))
        }
    }

    #[test]
    fn placeholders_are_replaced_and_doubled_braces_are_literal() {
        let template = Template::parse("{name}: {status} {{{duration}}} {command}").unwrap();
        let subject = template.fill(&job());
        assert_eq!(subject, "nightly: FAILED(3) {4m12s} backup.sh --full 'a b'");
    }

    #[test]
    fn default_subject_has_host_status_name_and_duration() {
        let job = job();
        let subject = Template::default_for(&job.ending).fill(&job);
        let host = host::short_name();
        assert_eq!(subject, format!("[{host}] FAILED(3): nightly after 4m12s"));
    }

    #[test]
    fn unknown_placeholder_error_lists_the_known_ones() {
        let error = Template::parse("{hots}").unwrap_err();
        assert!(
            error.contains("{hots}") && error.contains("{host}"),
            "{error}"
        );
        assert!(Template::parse("a } b").is_err());
        assert!(Template::parse("{host").is_err());
    }

    #[test]
    fn passwords_are_masked_according_to_the_program() {
        let mut job = job();
        job.command = ["/usr/bin/mysql", "-pSECRET", "db"]
            .map(Into::into)
            .to_vec();
        let subject = Template::parse("{command}").unwrap().fill(&job);
        assert_eq!(subject, "mysql '-p********' db");
    }

    #[test]
    fn long_command_line_is_cut() {
        let mut job = job();
        job.command.push("x".repeat(100).into());
        let subject = Template::parse("{command}").unwrap().fill(&job);
        assert_eq!(subject.chars().count(), MAX_COMMAND);
    }

    #[test]
    fn command_line_can_be_pasted_into_a_shell() {
        let words = ["/bin/sh", "-c", "echo 'a b'; x", "", "é=1"].map(OsString::from);
        assert_eq!(quoted(&words), r"/bin/sh -c 'echo '\''a b'\''; x' '' é=1");
        assert_eq!(program(&words), "sh");
    }

    #[test]
    fn control_characters_are_escaped() {
        assert_eq!(quoted(&["a\x1b[2J".into()]), r"$'a\033[2J'");
        assert_eq!(quoted(&["a\u{202e}b".into()]), r"$'a\342\200\256b'");
    }

    #[test]
    fn long_command_line_is_shortened_for_a_mail() {
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
    fn ending_is_one_word_in_a_subject() {
        assert_eq!(JobEnding::Exited(3).word(), "FAILED(3)");
        assert_eq!(JobEnding::Signalled(11).word(), "KILLED(SIGSEGV)");
        assert_eq!(JobEnding::Signalled(40).word(), "KILLED(40)");
    }
}
