//! Values that depend on the configuration, the queue and the state of jobs. Whatever cannot be read has no candidates.

use crate::cli::completions::line::Line;
use crate::cli::help::{COMMANDS, topics};
use crate::cli::options::command_line::keys;
use crate::cli::options::config::settings;
use crate::client::policy::StsCache;
use crate::config::{Config, FoundFile, Places, find};
use crate::cron::alert::Digests;
use crate::queue;
use crate::queue::Location;
use crate::queue::store::{Id, QueueStore};
use crate::script::BUILT_IN;
use crate::system::text::shown;
use std::path::{Path, PathBuf};

/// The most queue items that are described: each description reads a file.
const MAX_DESCRIBED: usize = 200;

/// A word that may be typed, and its description; empty: none.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Candidate {
    pub(super) value: String,
    pub(super) about: String,
}

impl Candidate {
    pub(super) fn new(value: &str, about: &str) -> Self {
        Self {
            value: value.to_owned(),
            about: about.to_owned(),
        }
    }
}

/// The names of the profiles, even if the configuration has errors.
pub(super) fn profiles(line: &Line<'_>, places: &Places) -> Vec<Candidate> {
    let names = found(line, places).map(FoundFile::profile_names);
    named(names.unwrap_or_default())
}

/// The names of the bundled scripts.
pub(super) fn scripts() -> Vec<Candidate> {
    let scripts = BUILT_IN.iter();
    let candidates = scripts.map(|script| Candidate::new(script.name, script.about()));
    candidates.collect()
}

/// The names of the digests that runs have used.
pub(super) fn digests(line: &Line<'_>) -> Vec<Candidate> {
    let state = line.value("state_dir").map(Path::new);
    let digests = Digests::open(state, false).ok().flatten();
    let names = digests.and_then(|digests| digests.names().ok());
    named(names.unwrap_or_default())
}

/// The IDs of the queue that this subcommand accepts, with a recipient of each.
pub(super) fn ids(line: &Line<'_>, places: &Places) -> Vec<Candidate> {
    let Some(store) = store(line, places) else {
        return Vec::new();
    };
    let command = line.command.get_name();
    let active = store.ids().unwrap_or_default();
    let failed = store.failed_ids().unwrap_or_default();
    let ids = match command {
        "requeue" => failed,
        "run" | "hold" | "release" => active,
        _ => active.into_iter().chain(failed).collect(),
    };
    let ids = ids.iter().enumerate();
    let candidates = ids.map(|(at, id)| {
        let about = (at < MAX_DESCRIBED).then(|| description(&*store, id));
        Candidate::new(id.as_str(), &about.unwrap_or_default())
    });
    candidates.collect()
}

/// The domains whose MTA-STS policies are cached.
pub(super) fn policies() -> Vec<Candidate> {
    let cache = StsCache::open(false).ok().flatten();
    let domains = cache.and_then(|cache| cache.domains().ok());
    named(domains.unwrap_or_default())
}

/// Commands, topics and groups of options; after a command, its subcommands.
pub(super) fn topics(line: &Line<'_>) -> Vec<Candidate> {
    let mut command = line.whole;
    for word in &line.positionals {
        let Some(inner) = command.find_subcommand(word) else {
            return Vec::new();
        };
        command = inner;
    }
    if !line.positionals.is_empty() {
        let names = command.get_subcommands().map(clap::Command::get_name);
        return named(names.map(str::to_owned));
    }
    let groups = topics::headings(line.whole).map(str::to_ascii_lowercase);
    let others = COMMANDS.iter().copied().chain(topics::TOPICS);
    named(others.map(str::to_owned).chain(groups))
}

fn named(names: impl IntoIterator<Item = String>) -> Vec<Candidate> {
    let names = names.into_iter();
    names.map(|name| Candidate::new(&name, "")).collect()
}

fn found(line: &Line<'_>, places: &Places) -> Option<FoundFile> {
    find(line.value("config").map(Path::new), places)
        .ok()
        .flatten()
}

/// The queue of the line: that of --queue-dir, of the configuration, or the default one.
fn store(line: &Line<'_>, places: &Places) -> Option<Box<dyn QueueStore>> {
    let directory = match line.value("queue_dir") {
        Some(directory) => Some(PathBuf::from(directory)),
        None => configured(line, places).ok()?,
    };
    let location = directory.map(Location::from);
    // The network may be slow.
    if let Some(Location::Database(_)) = &location {
        return None;
    }
    queue::open(location.as_ref(), false).ok()
}

/// The queue directory of the configuration. An error: it cannot be read.
fn configured(line: &Line<'_>, places: &Places) -> Result<Option<PathBuf>, ()> {
    let named = line.value("config").map(Path::new);
    let found = find(named, places).map_err(drop)?;
    let keys = keys([line.whole].into_iter());
    let config: Option<Config> = found
        .map(|found| found.read(&keys))
        .transpose()
        .map_err(drop)?;
    settings(config.as_ref())
        .map(|settings| settings.directory)
        .map_err(drop)
}

/// The first recipient of an item, and the number of the others.
fn description(store: &dyn QueueStore, id: &Id) -> String {
    let Ok(Some(item)) = store.item(id) else {
        return String::new();
    };
    let recipients = &item.metadata.envelope.recipients;
    let first = recipients.first().map(ToString::to_string);
    let first = first.unwrap_or_default();
    match recipients.len() {
        0 | 1 => format!("to {}", shown(&first)),
        all => format!("to {} and {} more", shown(&first), all - 1),
    }
}
