//! The run of `ehlo check`.

use crate::cli::check::args::is_stdin;
use crate::cli::check::{CheckTask, report};
use crate::cli::options::value;
use crate::cli::terminal::{Display, Stdout, complain, write};
use crate::client::events::Silent;
use crate::mail::dkim::signatures_in;
use crate::probe::check::{CheckOptions, DomainReport, check};
use crate::system::exit::{Exit, Health};
use crate::system::text::{reason, shown, shown_path};
use crate::transcript::{Stevens, TranscriptOptions};
use std::fs::File;
use std::io::{self, BufRead as _, BufReader, Read, Write as _};
use std::path::Path;

/// Maximum number of octets of a line of `--list`.
const MAX_LINE: u64 = 4096;

/// Checks the domains one after the other.
pub fn run(task: &CheckTask) -> Exit {
    let options = match with_selectors_of_message(task) {
        Ok(options) => options,
        Err(exit) => return exit,
    };
    let mut exits = Exits::default();
    for domain in &task.domains {
        if let Err(exit) = exits.add(one(task, &options, domain)) {
            return exit;
        }
    }
    if let Some(list) = &task.list
        && let Err(exit) = each_in_list(list, &mut |domain| exits.add(one(task, &options, domain)))
    {
        return exit;
    }
    exits.worst()
}

/// The exit statuses of all domains.
#[derive(Default)]
struct Exits(Vec<Exit>);

impl Exits {
    /// Fails if the output cannot be written.
    fn add(&mut self, exit: Result<Exit, Exit>) -> Result<(), Exit> {
        self.0.push(exit?);
        Ok(())
    }

    /// A failure precedes what is unknown.
    fn worst(&self) -> Exit {
        let order = [
            Exit::Policy,
            Exit::Temporary,
            Exit::Health(Health::Critical),
            Exit::Health(Health::Warning),
            Exit::Health(Health::Unknown),
        ];
        order
            .into_iter()
            .find(|exit| self.0.contains(exit))
            .unwrap_or(Exit::Ok)
    }
}

fn one(task: &CheckTask, options: &CheckOptions, domain: &str) -> Result<Exit, Exit> {
    let mut options = options.clone();
    let is_of = |of: &str| domain == of || domain.ends_with(&format!(".{of}"));
    let keys = task.keys.iter().filter(|(of, _)| is_of(of));
    options
        .selectors
        .extend(keys.map(|(_, selector)| selector.clone()));
    options.selectors.sort();
    options.selectors.dedup();
    let found = if task.verbose {
        let mut transcript = Stevens::new(Stdout, TranscriptOptions::verbose());
        let found = check(&options, domain, &task.expected, &mut transcript);
        let _ = Stdout.write_all(b"\n");
        found
    } else {
        check(&options, domain, &task.expected, &mut Silent)
    };
    let exit = exit(task, &found);
    let text = if task.json {
        format!("{}\n", report::object(&found, exit))
    } else {
        let several = task.domains.len() > 1 || task.list.is_some();
        report::text(&found, Display::of_stdout()) + if several { "\n" } else { "" }
    };
    write(text.as_bytes())?;
    Ok(exit)
}

fn exit(task: &CheckTask, found: &DomainReport) -> Exit {
    if task.expected.is_empty() {
        return Exit::Health(found.health());
    }
    if found
        .expected
        .iter()
        .any(|one| !one.met && !one.is_unknown())
    {
        return Exit::Policy;
    }
    if found.expected.is_empty() || found.expected.iter().any(|one| !one.met) {
        return Exit::Temporary;
    }
    Exit::Ok
}

fn with_selectors_of_message(task: &CheckTask) -> Result<CheckOptions, Exit> {
    let mut options = task.options.clone();
    let Some(path) = &task.message else {
        return Ok(options);
    };
    let signatures = opened(path)
        .and_then(|file| signatures_in(file).map_err(|error| unreadable(path, &error)))?;
    options
        .selectors
        .extend(signatures.into_iter().map(|signature| signature.selector));
    Ok(options)
}

fn opened(path: &Path) -> Result<Box<dyn Read>, Exit> {
    if is_stdin(path) {
        return Ok(Box::new(io::stdin()));
    }
    match File::open(path) {
        Ok(file) => Ok(Box::new(file)),
        Err(error) => Err(unreadable(path, &error)),
    }
}

fn unreadable(path: &Path, error: &io::Error) -> Exit {
    complain(&format!(
        "cannot read {}: {}",
        shown_path(path),
        reason(error)
    ));
    Exit::NoInput
}

/// Lines that are empty or begin with # are skipped.
fn each_in_list(path: &Path, check: &mut dyn FnMut(&str) -> Result<(), Exit>) -> Result<(), Exit> {
    let mut lines = BufReader::new(opened(path)?);
    for number in 1.. {
        let mut line = Vec::new();
        let read = (&mut lines).take(MAX_LINE).read_until(b'\n', &mut line);
        if read.map_err(|error| unreadable(path, &error))? == 0 {
            break;
        }
        let text = String::from_utf8_lossy(&line);
        let text = text.trim();
        if text.is_empty() || text.starts_with('#') {
            continue;
        }
        match value::domain(text) {
            Ok(domain) => check(&domain)?,
            Err(why) => {
                complain(&format!(
                    "{}, line {number}: {}: {why}",
                    shown_path(path),
                    shown(text)
                ));
                return Err(Exit::Data);
            }
        }
    }
    Ok(())
}
