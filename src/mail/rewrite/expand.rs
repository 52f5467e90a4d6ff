//! Expansion of names to the recipients that they denote.

use crate::mail::address::{Address, LocalName};
use crate::mail::rewrite::aliases::{AliasLine, AliasTarget, list_lines, read_file, targets};
use crate::mail::rewrite::{RewriteError, Rewriter};
use crate::system::remedy::ErrorText;
use std::collections::HashSet;
use std::path::{Path, PathBuf};

/// Maximum number of addresses that aliases may expand to.
const MAX_ADDRESSES: usize = 10_000;

/// Maximum depth of nested aliases and lists.
const MAX_DEPTH: usize = 50;

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

/// The fault of a line or a file without addresses, and its remedy.
const LOST: &str = "has no address, so the mail would be lost";
const ADD_ONE: &str = "add one";

/// A step on the way from a name to an address.
#[derive(Clone, Debug, PartialEq, Eq)]
enum ExpansionStep {
    Alias(String),
    List(PathBuf),
}

/// Position of a line that names targets.
struct AliasPosition<'p> {
    path: &'p Path,
    line: usize,
}

impl AliasPosition<'_> {
    fn wrong(&self, why: impl Into<ErrorText>) -> RewriteError {
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

    pub(super) fn into_recipients(self) -> Vec<Address> {
        self.found
    }

    /// Adds the recipients that a name denotes.
    pub(super) fn add(&mut self, name: &LocalName) -> Result<(), RewriteError> {
        let Some(local) = self.rewriter.local_name(name) else {
            return self.add_recipient(name);
        };
        let aliases = self.rewriter.aliases()?;
        let alias = local.to_lowercase();
        // `root: root, ann` means root's own mailbox, and ann.
        if self.innermost_alias() == Some(&alias) {
            return self.add_recipient(name);
        }
        let (alias, line) = match aliases.find(&alias)? {
            Some(line) => (alias, line),
            None => match aliases.catch_all() {
                Some((catch_all, line)) if !self.is_expanding(catch_all) => {
                    (catch_all.to_owned(), line)
                }
                _ => return self.add_recipient(name),
            },
        };
        let position = AliasPosition {
            path: aliases.path(),
            line: line.number,
        };
        let is_new = self.followed.insert(alias.clone());
        self.enter(ExpansionStep::Alias(alias), &position)?;
        if is_new {
            self.line(line, &position)?;
        }
        self.open.pop();
        Ok(())
    }

    fn line(&mut self, line: &AliasLine, position: &AliasPosition<'_>) -> Result<(), RewriteError> {
        let targets = targets(&line.text).map_err(|why| position.wrong(why))?;
        if targets.is_empty() {
            return Err(position.wrong(ErrorText::from(LOST).with_advice(ADD_ONE)));
        }
        for target in targets {
            self.count += 1;
            if self.count > MAX_ADDRESSES {
                return Err(position.wrong(format!(
                    "aliases expand to more than {MAX_ADDRESSES} addresses"
                )));
            }
            match target {
                AliasTarget::Name(name) => self.add(&name)?,
                AliasTarget::Unexpanded(name) => self.add_recipient(&name)?,
                AliasTarget::Include(path) => self.list(&path, position)?,
            }
        }
        Ok(())
    }

    fn list(&mut self, path: &Path, position: &AliasPosition<'_>) -> Result<(), RewriteError> {
        self.enter(ExpansionStep::List(path.to_owned()), position)?;
        if self.read.insert(path.to_owned()) {
            let text = read_file(path)?.ok_or_else(|| {
                position.wrong(format!(
                    "the included file {} does not exist",
                    path.display()
                ))
            })?;
            let lines = list_lines(&text);
            if lines.is_empty() {
                let why = ErrorText::from(LOST).about(format!("{} ", path.display()));
                return Err(position.wrong(why.with_advice(ADD_ONE)));
            }
            for line in lines {
                let position = AliasPosition {
                    path,
                    line: line.number,
                };
                self.line(&line, &position)?;
            }
        }
        self.open.pop();
        Ok(())
    }

    /// A loop is an error even if the alias has other targets: the intent is unknown, and a recipient might
    /// be missed.
    fn enter(
        &mut self,
        step: ExpansionStep,
        position: &AliasPosition<'_>,
    ) -> Result<(), RewriteError> {
        if let Some(start) = self.open.iter().position(|open| *open == step) {
            let names = self.open[start..].iter().chain([&step]);
            let names: Vec<String> = names.map(ExpansionStep::name).collect();
            return Err(position.wrong(format!("alias loop: {}", names.join(", "))));
        }
        if self.open.len() >= MAX_DEPTH {
            return Err(position.wrong(format!("aliases are nested more than {MAX_DEPTH} deep")));
        }
        self.open.push(step);
        Ok(())
    }

    /// True if the alias is being expanded. The catch-all alias is not applied to its own targets.
    fn is_expanding(&self, alias: &str) -> bool {
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
    fn add_recipient(&mut self, name: &LocalName) -> Result<(), RewriteError> {
        let address = self.rewriter.recipient(name)?;
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
