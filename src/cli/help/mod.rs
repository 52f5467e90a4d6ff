//! `ehlo help`, the overview of `ehlo` without arguments, and suggestions for mistyped commands and options.

pub(crate) mod habits;
pub(crate) mod misread;
pub mod overview;
pub(crate) mod suggestions;
pub(crate) mod topics;

/// All commands.
pub(crate) const COMMANDS: &[&str] = &[
    "sink",
    "show",
    "demo",
    "probe",
    "ask",
    "bench",
    "check",
    "verify",
    "fetch",
    "roundtrip",
    "script",
    "config",
    "login",
    "logout",
    "token",
    "dkim",
    "merge",
    "queue",
    "policy",
    "run",
    "notify",
    "digest",
    "jobs",
    "cron",
    "unit",
    "doctor",
    "sendmail",
    "mailq",
    "swaks",
    "msmtp",
    "mail",
    "mutt",
    "completions",
    "manual",
    "help",
];

/// The least likeness of a suggestion, from 0 to 1.
const MIN_LIKENESS: f64 = 0.65;

/// The least length of a name whose beginning is suggested for a longer word, as --attach for --attachment.
const MIN_PREFIX: usize = 4;

/// Show help for a command, a group of options, an option or a topic.
///
/// Groups: message, route, session, tls, auth, output, queue, config, extensions, testing. Topics: exit-status,
/// examples.
#[derive(Debug, clap::Args)]
#[group(skip)]
pub(crate) struct HelpArgs {
    /// A command with its subcommand, a group, an option or a topic.
    #[arg(value_name = "TOPIC", allow_hyphen_values = true)]
    pub(crate) topic: Vec<String>,
}

/// The name that is most like the word, if it is like enough.
pub(crate) fn nearest<'n>(word: &str, names: impl Iterator<Item = &'n str>) -> Option<&'n str> {
    let scored = names.map(|name| (likeness(word, name), name));
    let best = scored.max_by(|one, other| one.0.total_cmp(&other.0))?;
    (best.0 >= MIN_LIKENESS).then_some(best.1)
}

fn likeness(word: &str, name: &str) -> f64 {
    let begins = |long: &str, short: &str| short.len() >= MIN_PREFIX && long.starts_with(short);
    let least = if begins(word, name) || begins(name, word) {
        MIN_LIKENESS
    } else {
        0.0
    };
    strsim::normalized_damerau_levenshtein(word, name).max(least)
}
