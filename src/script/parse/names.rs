//! Detection of variables that are never set, before anything is sent.

use crate::script::mistake::Mistake;
use crate::script::statement::{Act, Count, Saying, ScriptPosition, Statement, Time};
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

/// A mistake for each variable that is used and never set.
pub fn unknown(statements: &[Statement], known: &[&str]) -> Vec<Mistake> {
    let mut names = Names::default();
    names
        .set
        .extend(known.iter().chain(&BUILT_IN).map(|&name| name.to_owned()));
    names.walk(statements);
    let Names { set, used } = names;
    let unset = used.into_iter().filter(|(_, name)| !set.contains(name));
    unset
        .map(|(at, name)| Mistake::Line {
            what: format!(
                "expected a variable that something sets, not ${name}{}",
                meant(&name, &set)
            ),
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
            self.look_at(&statement.at, &statement.act);
        }
    }

    fn look_at(&mut self, at: &ScriptPosition, act: &Act) {
        match act {
            Act::Connect { target, .. } => self.uses(at, target),
            Act::Say(said) => self.says(at, said),
            Act::SayTogether(all) => all.iter().for_each(|said| self.says(at, said)),
            Act::Expect(wanted) => self.set.extend(wanted.names().map(str::to_owned)),
            Act::ExpectSilence(time) | Act::Pause(time) | Act::Timeout(time) => {
                self.waits(at, time);
            }
            Act::ExpectClose(time) => time.iter().for_each(|time| self.waits(at, time)),
            Act::Set { name, value, .. } => {
                self.set.insert(name.clone());
                self.uses(at, Some(value));
            }
            Act::Print(text) => self.uses(at, Some(text)),
            Act::For { name, values, body } => {
                self.set.insert(name.clone());
                self.uses(at, values);
                self.walk(body);
            }
            Act::Repeat(count, body) | Act::Parallel(count, body) => {
                if let Count::Of(text, _) = count {
                    self.uses(at, Some(text));
                }
                self.walk(body);
            }
            Act::Test { name, body } => {
                self.uses(at, Some(name));
                self.walk(body);
            }
            Act::Secure { .. } | Act::Auth(_) | Act::Leave(_) | Act::Judge(_) => {}
        }
    }

    fn says(&mut self, at: &ScriptPosition, said: &Saying) {
        match said {
            Saying::Line(text, _) | Saying::Raw(text) => self.uses(at, Some(text)),
            Saying::Slowly(text, time) => {
                self.uses(at, Some(text));
                self.waits(at, time);
            }
            Saying::File(..) | Saying::Message(_) => {}
        }
    }

    fn waits(&mut self, at: &ScriptPosition, time: &Time) {
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
