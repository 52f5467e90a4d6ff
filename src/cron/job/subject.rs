//! The subject of a job's mail.

use crate::cron::job::words::{program, quoted};
use crate::cron::job::{FinishedJob, JobEnding};
use crate::system::host;
use crate::system::text::without_controls;
use crate::system::time::brief;

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
            Self::User => host::login(),
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
}
