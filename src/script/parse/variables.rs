//! Detection of variables that are never set, before anything is sent.

use crate::script::statement::ScriptError;
use crate::script::statement::{Count, ScriptPosition, SendItem, Statement, StatementKind, Time};
use crate::script::text::ScriptText;
use std::collections::BTreeSet;

/// The variables that are always set.
pub const BUILT_IN: [&str; 8] = [
    "server",
    "host",
    "port",
    "helo",
    "from",
    "to",
    "message.size",
    "n",
];

/// An error for each variable that is used and never set.
pub fn unset(statements: &[Statement], known: &[&str]) -> Vec<ScriptError> {
    let mut names = Names::default();
    names
        .set
        .extend(known.iter().chain(&BUILT_IN).map(|&name| name.to_owned()));
    names.walk(statements);
    let Names { set, used } = names;
    let unset = used.into_iter().filter(|(_, name)| !set.contains(name));
    unset
        .map(|(at, name)| ScriptError::Line {
            what: format!("undefined variable ${name}{}", meant(&name, &set)),
            at,
        })
        .collect()
}

fn meant(name: &str, set: &BTreeSet<String>) -> String {
    let distance = |known: &&String| strsim::damerau_levenshtein(name, known);
    let nearest = set.iter().min_by_key(distance);
    match nearest.filter(|known| distance(known) <= 2 && name.len() > 2) {
        Some(known) => format!("; did you mean ${known}?"),
        None => "; set it with `set`, or with -D on the command line".to_owned(),
    }
}

#[derive(Default)]
struct Names {
    set: BTreeSet<String>,
    used: Vec<(ScriptPosition, String)>,
}

impl Names {
    fn walk(&mut self, statements: &[Statement]) {
        for statement in statements {
            self.add_statement(&statement.at, &statement.kind);
        }
    }

    fn add_statement(&mut self, at: &ScriptPosition, kind: &StatementKind) {
        match kind {
            StatementKind::Connect { target, .. } => self.uses(at, target),
            StatementKind::Send(item) => self.add_item(at, item),
            StatementKind::SendTogether(all) => all.iter().for_each(|item| self.add_item(at, item)),
            StatementKind::Expect(wanted) => self.set.extend(wanted.names().map(str::to_owned)),
            StatementKind::ExpectSilence(time)
            | StatementKind::Pause(time)
            | StatementKind::Timeout(time) => {
                self.uses_time(at, time);
            }
            StatementKind::ExpectClose(time) => {
                if let Some(time) = time {
                    self.uses_time(at, time);
                }
            }
            StatementKind::Set { name, value, .. } => {
                self.set.insert(name.clone());
                self.uses(at, Some(value));
            }
            StatementKind::Print(text) => self.uses(at, Some(text)),
            StatementKind::For { name, values, body } => {
                self.set.insert(name.clone());
                self.uses(at, values);
                self.walk(body);
            }
            StatementKind::Repeat(count, body) | StatementKind::Parallel(count, body) => {
                if let Count::Of(text, _) = count {
                    self.uses(at, Some(text));
                }
                self.walk(body);
            }
            StatementKind::Test { name, body } => {
                self.uses(at, Some(name));
                self.walk(body);
            }
            StatementKind::Tls { .. }
            | StatementKind::Auth(_)
            | StatementKind::Close(_)
            | StatementKind::Verdict(_) => {}
        }
    }

    fn add_item(&mut self, at: &ScriptPosition, item: &SendItem) {
        match item {
            SendItem::Line(text, _) | SendItem::Raw(text) => self.uses(at, Some(text)),
            SendItem::Slowly(text, time) => {
                self.uses(at, Some(text));
                self.uses_time(at, time);
            }
            SendItem::File(..) | SendItem::Message(_) => {}
        }
    }

    fn uses_time(&mut self, at: &ScriptPosition, time: &Time) {
        if let Time::Of(text) = time {
            self.uses(at, Some(text));
        }
    }

    fn uses<'t>(&mut self, at: &ScriptPosition, texts: impl IntoIterator<Item = &'t ScriptText>) {
        let names = texts.into_iter().flat_map(ScriptText::variables);
        let used = names.map(|name| (at.clone(), name.to_owned()));
        self.used.extend(used);
    }
}
