//! Expansion of names to the recipients that they denote.

use crate::mail::address::{Address, LocalName};
use crate::mail::rewrite::aliases::{AliasLine, AliasTarget, list_lines, targets};
use crate::mail::rewrite::{RewriteError, Rewriter, file};
use std::collections::HashSet;
use std::path::{Path, PathBuf};

/// Maximum number of addresses that aliases may expand to.
const MOST: usize = 10_000;

/// Maximum depth of nested aliases and lists.
const DEEPEST: usize = 50;

/// Recipients found so far.
pub(super) struct Expansion<'r> {
    rewriter: &'r Rewriter,
    found: Vec<Address>,
    /// The recipients found, with their domains in lower case.
    known: HashSet<String>,
    /// Aliases that were followed.
    followed: HashSet<String>,
    /// Lists that were read.
    read: HashSet<PathBuf>,
    /// The chain of aliases and lists being expanded.
    open: Vec<ExpansionStep>,
    count: usize,
}

/// A step on the way from a name to an address.
#[derive(Clone, Debug, PartialEq, Eq)]
enum ExpansionStep {
    Alias(String),
    List(PathBuf),
}

/// Position of a line that names targets.
struct AliasPlace<'p> {
    path: &'p Path,
    line: usize,
}

impl AliasPlace<'_> {
    fn wrong(&self, why: impl Into<String>) -> RewriteError {
        RewriteError::Aliases {
            path: self.path.to_owned(),
            line: Some(self.line),
            why: why.into(),
        }
    }
}

impl<'r> Expansion<'r> {
    pub(super) fn new(rewriter: &'r Rewriter) -> Self {
        Self {
            rewriter,
            found: Vec::new(),
            known: HashSet::new(),
            followed: HashSet::new(),
            read: HashSet::new(),
            open: Vec::new(),
            count: 0,
        }
    }

    pub(super) fn found(self) -> Vec<Address> {
        self.found
    }

    /// Adds the recipients that a name denotes.
    pub(super) fn add(&mut self, name: &LocalName) -> Result<(), RewriteError> {
        let Some(local) = self.rewriter.local_name(name) else {
            return self.last(name);
        };
        let aliases = self.rewriter.aliases()?;
        let alias = local.to_lowercase();
        // `root: root, ann` means root's own mailbox, and ann.
        if self.innermost_alias() == Some(&alias) {
            return self.last(name);
        }
        let (alias, line) = match aliases.find(&alias)? {
            Some(line) => (alias, line),
            None => match aliases.for_all() {
                Some((for_all, line)) if !self.is_open(for_all) => (for_all.to_owned(), line),
                _ => return self.last(name),
            },
        };
        let place = AliasPlace {
            path: aliases.path(),
            line: line.number,
        };
        let is_new = self.followed.insert(alias.clone());
        self.enter(ExpansionStep::Alias(alias), &place)?;
        if is_new {
            self.line(line, &place)?;
        }
        self.open.pop();
        Ok(())
    }

    fn line(&mut self, line: &AliasLine, place: &AliasPlace<'_>) -> Result<(), RewriteError> {
        let targets = targets(&line.text).map_err(|why| place.wrong(why))?;
        if targets.is_empty() {
            return Err(place.wrong("names nobody, and mail would vanish; name an address"));
        }
        for target in targets {
            self.count += 1;
            if self.count > MOST {
                return Err(place.wrong(format!("more than {MOST} addresses come of aliases here")));
            }
            match target {
                AliasTarget::Name(name) => self.add(&name)?,
                AliasTarget::Last(name) => self.last(&name)?,
                AliasTarget::Include(path) => self.list(&path, place)?,
            }
        }
        Ok(())
    }

    fn list(&mut self, path: &Path, place: &AliasPlace<'_>) -> Result<(), RewriteError> {
        self.enter(ExpansionStep::List(path.to_owned()), place)?;
        if self.read.insert(path.to_owned()) {
            let text = file::read(path)?.ok_or_else(|| {
                place.wrong(format!(
                    "{} is to be included and not there",
                    path.display()
                ))
            })?;
            let lines = list_lines(&text);
            if lines.is_empty() {
                let why = format!("{} names nobody, and mail would vanish", path.display());
                return Err(place.wrong(why));
            }
            for line in lines {
                let place = AliasPlace {
                    path,
                    line: line.number,
                };
                self.line(&line, &place)?;
            }
        }
        self.open.pop();
        Ok(())
    }

    /// A loop is an error even if the alias has other targets: the intent is unknown, and a recipient might
    /// be missed.
    fn enter(&mut self, step: ExpansionStep, place: &AliasPlace<'_>) -> Result<(), RewriteError> {
        if let Some(start) = self.open.iter().position(|open| *open == step) {
            let circle = self.open[start..].iter().chain([&step]);
            let circle: Vec<String> = circle.map(ExpansionStep::name).collect();
            return Err(place.wrong(format!("goes round in a circle: {}", circle.join(", "))));
        }
        if self.open.len() >= DEEPEST {
            return Err(place.wrong(format!(
                "aliases lead to each other more than {DEEPEST} deep here"
            )));
        }
        self.open.push(step);
        Ok(())
    }

    /// True if the alias is being expanded. The catch-all alias is not applied to its own targets.
    fn is_open(&self, alias: &str) -> bool {
        let mut steps = self.open.iter();
        steps.any(|step| matches!(step, ExpansionStep::Alias(name) if name == alias))
    }

    fn innermost_alias(&self) -> Option<&String> {
        self.open.iter().rev().find_map(|step| match step {
            ExpansionStep::Alias(name) => Some(name),
            ExpansionStep::List(_) => None,
        })
    }

    /// Adds a name that is not an alias.
    fn last(&mut self, name: &LocalName) -> Result<(), RewriteError> {
        let address = self.rewriter.settled(name)?;
        let domain = address.domain().to_string().to_lowercase();
        if self.known.insert(format!("{}@{domain}", address.local())) {
            self.found.push(address);
        }
        Ok(())
    }
}

impl ExpansionStep {
    fn name(&self) -> String {
        match self {
            Self::Alias(name) => name.clone(),
            Self::List(path) => format!(":include:{}", path.display()),
        }
    }
}
