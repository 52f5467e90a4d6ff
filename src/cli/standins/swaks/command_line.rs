//! The options as one command line, and the names of the parts of `--dump`.

use crate::cli::standins::swaks::given::Given;
use crate::cli::standins::swaks::octets;
use crate::cli::standins::swaks::options::{Group, Key, Missing, TABLE};

/// The parts to show.
#[derive(Clone, Debug)]
pub struct DumpParts(Vec<String>);

impl DumpParts {
    /// A list of names; an empty one stands for all.
    pub fn parse(list: &str) -> Self {
        let names = octets::parts(list, ",").into_iter();
        let names = names.map(|name| name.trim_ascii().to_ascii_uppercase());
        let mut names: Vec<String> = names.collect();
        if names.is_empty() {
            names.push("ALL".to_owned());
        }
        Self(names)
    }

    pub fn has(&self, name: &str) -> bool {
        self.0.iter().any(|one| one == name || one == "ALL")
    }
}

/// The options as a command line, in the order of the table. Each use of a list has the first value, as in swaks.
pub fn text(given: &Given) -> String {
    let mut words = Vec::new();
    let mut add = |key: Key| {
        words.push(format!("--{}", key.name()));
        let value = given.raw(key).unwrap_or_default();
        if value.is_empty() || key.row().missing == Missing::Flag {
            return;
        }
        words.push(match key {
            Key::AuthPassword => PASSWORD_PLACE.to_owned(),
            _ => quoted(value),
        });
    };
    let mut seen: Vec<Group> = Vec::new();
    for row in TABLE {
        match row.group {
            None => (0..given.count(row.key)).for_each(|_| add(row.key)),
            Some(group) if !seen.contains(&group) => {
                seen.push(group);
                given.order(group).iter().copied().for_each(&mut add);
            }
            Some(_) => {}
        }
    }
    words.join(" ")
}

/// Stands for the quoted password until it is known what is shown.
pub const PASSWORD_PLACE: &str = "'%RAW_PASSWORD_STRING%'";

/// In single quotes for the shell.
pub fn quoted(text: &str) -> String {
    format!("'{}'", text.replace('\'', "'\\''"))
}
