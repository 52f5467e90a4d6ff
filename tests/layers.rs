//! The house keeps its order: who may use whom stands in a table at the top of `src/lib.rs`, and the
//! `use crate::` lines keep to it.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

type Names = BTreeSet<String>;

fn source() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("src")
}

/// The table of `src/lib.rs`: a room, and the rooms that it may use.
fn table() -> BTreeMap<String, Names> {
    let map = fs::read_to_string(source().join("lib.rs")).unwrap();
    map.lines()
        .filter_map(|line| line.strip_prefix("//! ")?.split_once(" ->"))
        .filter(|(room, _)| *room != "arguments")
        .filter(|(room, _)| room.trim().bytes().all(|byte| byte.is_ascii_lowercase()))
        .map(|(room, used)| {
            let used = used.split_whitespace().map(str::to_owned).collect();
            (room.trim().to_owned(), used)
        })
        .collect()
}

/// The leaves that `src/lib.rs` names.
fn leaves() -> Names {
    let map = fs::read_to_string(source().join("lib.rs")).unwrap();
    let line = map
        .lines()
        .find(|line| line.contains("Leaves, free to all"))
        .unwrap();
    line.split("[`")
        .skip(1)
        .filter_map(|rest| rest.split_once('`'))
        .map(|(name, _)| name.to_owned())
        .collect()
}

fn files(directory: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(directory)
        .unwrap()
        .map(|entry| entry.unwrap().path());
    entries
        .flat_map(|path| {
            if path.is_dir() {
                files(&path)
            } else {
                vec![path]
            }
        })
        .filter(|path| path.extension().is_some_and(|end| end == "rs"))
        .collect()
}

/// The room that a file belongs to: its folder below `src`, or its own name.
fn room(file: &Path) -> String {
    let inside = file.strip_prefix(source()).unwrap();
    let first = inside
        .components()
        .next()
        .unwrap()
        .as_os_str()
        .to_str()
        .unwrap();
    first.trim_end_matches(".rs").to_owned()
}

/// The rooms that a file uses by `crate::`, in its code and not in its tests.
fn used(text: &str) -> Names {
    let code = text.split("#[cfg(test)]\nmod tests {").next().unwrap();
    let mut names = Names::new();
    for rest in code.split("crate::").skip(1) {
        let list = match rest.strip_prefix('{') {
            Some(inside) => inside.split('}').next().unwrap_or_default(),
            None => rest,
        };
        let items = if rest.starts_with('{') {
            list.split(',')
        } else {
            list.split('\n')
        };
        let take = if rest.starts_with('{') { usize::MAX } else { 1 };
        for item in items.take(take) {
            let name: String = item
                .trim()
                .chars()
                .take_while(|c| c.is_ascii_lowercase() || *c == '_')
                .collect();
            if !name.is_empty() {
                names.insert(name);
            }
        }
    }
    names
}

#[test]
fn every_room_uses_only_those_that_the_map_allows() {
    let (table, leaves) = (table(), leaves());
    assert!(
        table.len() > 8 && leaves.len() > 4,
        "the map cannot be read"
    );
    let mut wrong = Vec::new();
    for file in files(&source()) {
        let name = room(&file);
        if name == "main" || name == "lib" || file.ends_with("tests.rs") {
            continue;
        }
        let text = fs::read_to_string(&file).unwrap();
        for other in used(&text) {
            let is_free = other == name || leaves.contains(&other);
            let is_allowed = table
                .get(&name)
                .is_some_and(|allowed| allowed.contains(&other));
            let is_leaf_use = leaves.contains(&name) && !leaves.contains(&other);
            if is_leaf_use || !(is_free || is_allowed) {
                wrong.push(format!("{} uses {other}", file.display()));
            }
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[test]
fn every_room_stands_in_the_map_and_the_map_names_no_other() {
    let (table, leaves) = (table(), leaves());
    let known: Names = table.keys().chain(&leaves).cloned().collect();
    let built: Names = files(&source())
        .iter()
        .map(|file| room(file))
        .filter(|name| name != "main" && name != "lib")
        .collect();
    assert_eq!(known, built);
}

#[test]
fn the_map_allows_nothing_that_no_room_does() {
    let mut unused = table();
    for file in files(&source()) {
        let text = fs::read_to_string(&file).unwrap();
        if let Some(allowed) = unused.get_mut(&room(&file)) {
            let used = used(&text);
            allowed.retain(|other| !used.contains(other));
        }
    }
    unused.retain(|_, left| !left.is_empty());
    assert!(unused.is_empty(), "{unused:#?}");
}

#[test]
fn no_room_uses_one_that_uses_it() {
    let table = table();
    for (room, used) in &table {
        let mut reached: Names = Names::new();
        let mut next: Vec<&String> = used.iter().collect();
        while let Some(name) = next.pop() {
            assert_ne!(name, room, "{room} is reached from itself");
            if reached.insert(name.clone()) {
                next.extend(table.get(name).into_iter().flatten());
            }
        }
    }
}

#[test]
fn nothing_is_left_open_and_only_verbs_write_to_a_terminal() {
    let mut wrong = Vec::new();
    for file in files(&source()) {
        let text = fs::read_to_string(&file).unwrap();
        for mark in ["todo!", "unimplemented!", "dbg!"] {
            if text.contains(mark) {
                wrong.push(format!("{}: {mark}", file.display()));
            }
        }
        // To ask whether it is a terminal is not to write to it.
        let text = text.replace("stderr().is_terminal()", "");
        let text = text.replace("stdout().is_terminal()", "");
        for word in ["println!", "print!(", "stdout()", "stderr()"] {
            if text.contains(word) && room(&file) != "verbs" {
                wrong.push(format!("{}: {word}", file.display()));
            }
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}
