//! The dependency rule of `src/README.md`: folders depend on those below them only, files do not depend on each
//! other in a circle, and no path goes up more than one level by `super::`.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

type Names = BTreeSet<String>;

fn source() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("src")
}

/// The table of `src/README.md`: a folder, and the folders that it may use.
fn table() -> BTreeMap<String, Names> {
    let text = fs::read_to_string(source().join("README.md")).unwrap();
    let rows = text.lines().filter_map(|line| {
        let (folder, used) = line.strip_prefix("    ")?.split_once(" ->")?;
        let folder = folder.trim();
        let is_name = !folder.is_empty() && folder.bytes().all(|byte| byte.is_ascii_lowercase());
        is_name.then(|| (folder.to_owned(), used.to_owned()))
    });
    let names = |used: &str| used.split_whitespace().map(str::to_owned).collect();
    rows.map(|(folder, used)| (folder, names(&used))).collect()
}

fn files(directory: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(directory).unwrap();
    let paths = entries.map(|entry| entry.unwrap().path());
    let all = paths.flat_map(|path| {
        if path.is_dir() {
            files(&path)
        } else {
            vec![path]
        }
    });
    all.filter(|path| path.extension().is_some_and(|end| end == "rs"))
        .collect()
}

/// The code of every module by its path, without its tests.
fn modules() -> BTreeMap<String, String> {
    let mut modules = BTreeMap::new();
    for file in files(&source()) {
        let path = file.strip_prefix(source()).unwrap().with_extension("");
        let mut names: Vec<&str> = path.iter().map(|name| name.to_str().unwrap()).collect();
        names.pop_if(|name| *name == "mod");
        if names.contains(&"tests") || names == ["lib"] || names == ["main"] {
            continue;
        }
        let text = fs::read_to_string(&file).unwrap();
        let code = text.split("mod tests {").next().unwrap_or_default();
        let lines = code
            .lines()
            .filter(|line| !line.trim_start().starts_with("//"));
        modules.insert(names.join("::"), lines.collect::<Vec<_>>().join("\n"));
    }
    modules
}

/// The paths that begin with `crate::`, with every name of a list in braces.
fn paths(code: &str) -> Names {
    let mut all = Names::new();
    for rest in code.split("crate::").skip(1) {
        expand(&mut all, "", rest);
    }
    all
}

/// Adds the paths at the beginning of a text: `a::{b, c::d}` is `a::b` and `a::c::d`.
fn expand<'t>(all: &mut Names, before: &str, text: &'t str) -> &'t str {
    let is_name = |c: char| c.is_alphanumeric() || c == '_' || c == ':';
    let end = text.find(|c| !is_name(c)).unwrap_or(text.len());
    let path = format!("{before}{}", &text[..end]);
    let Some(mut list) = text[end..].strip_prefix('{') else {
        all.insert(path.trim_end_matches(':').to_owned());
        return &text[end..];
    };
    loop {
        list = list.trim_start_matches([',', ' ', '\n']);
        if list.is_empty() || list.starts_with('}') {
            return list.strip_prefix('}').unwrap_or(list);
        }
        let next = expand(all, &path, list);
        // An alias (`a as b`) ends at the next comma.
        let end = next.find([',', '}']).unwrap_or(next.len());
        list = if next.len() < list.len() {
            &next[end..]
        } else {
            ""
        };
    }
}

fn folder(module: &str) -> &str {
    module.split("::").next().unwrap_or_default()
}

/// A path, and the paths of the modules that it leads through, longest first.
fn prefixes(path: &str) -> impl Iterator<Item = &str> {
    let ends = path.rmatch_indices("::").map(|(end, _)| &path[..end]);
    std::iter::once(path).chain(ends)
}

/// The statements of a file that re-export items, and the rest of the file.
fn split_exports(code: &str) -> (Vec<&str>, String) {
    let mut exports = Vec::new();
    let mut rest = String::new();
    for statement in code.split_inclusive(';') {
        let text = statement.trim_start();
        match text.split_once("use ") {
            Some((visibility, list))
                if visibility.starts_with("pub") && !visibility.contains(['{', '\n']) =>
            {
                exports.push(list);
            }
            _ => rest.push_str(statement),
        }
    }
    (exports, rest)
}

/// The code of each file without its re-exports, and the items that are re-exported: the path by that name, and
/// the path in the file that has it.
struct Tree {
    code: BTreeMap<String, String>,
    exports: BTreeMap<String, String>,
}

impl Tree {
    fn read() -> Self {
        let (mut code, mut exports) = (BTreeMap::new(), BTreeMap::new());
        for (module, text) in modules() {
            let (lists, rest) = split_exports(&text);
            let mut all = Names::new();
            for list in lists {
                expand(&mut all, "", list);
            }
            for path in all {
                let name = path.rsplit("::").next().unwrap_or_default();
                let name = format!("{module}::{name}");
                let target = match path.strip_prefix("crate::") {
                    Some(path) => path.to_owned(),
                    None => format!("{module}::{path}"),
                };
                exports.insert(name, target);
            }
            code.insert(module, rest);
        }
        Self { code, exports }
    }

    /// The file that has an item: re-exports are followed, each at most once.
    fn file_of<'t>(&'t self, path: &str) -> Option<&'t str> {
        let mut path = path;
        let mut followed = BTreeSet::new();
        let export = |path| prefixes(path).find_map(|prefix| self.exports.get_key_value(prefix));
        while let Some((name, target)) = export(path)
            && followed.insert(name)
        {
            path = target;
        }
        let file = prefixes(path).find_map(|prefix| self.code.get_key_value(prefix));
        file.map(|(file, _)| file.as_str())
    }

    /// The files that a file depends on, without itself and those in its folder.
    fn uses(&self, module: &str) -> BTreeSet<&str> {
        let code = &self.code[module];
        let mut all = paths(code);
        let parent = module.rsplit_once("::").map_or("", |(parent, _)| parent);
        for rest in code.split("super::").skip(1) {
            expand(&mut all, &format!("{parent}::"), rest);
        }
        let files = all.iter().filter_map(|path| self.file_of(path));
        let is_below = |file: &str| format!("{file}::").starts_with(&format!("{module}::"));
        files.filter(|file| !is_below(file)).collect()
    }
}

#[test]
fn files_do_not_depend_on_each_other_in_a_circle() {
    let tree = Tree::read();
    let uses: BTreeMap<&str, BTreeSet<&str>> = tree
        .code
        .keys()
        .map(|module| (module.as_str(), tree.uses(module)))
        .collect();
    let reached: BTreeMap<&str, BTreeSet<&str>> = uses
        .keys()
        .map(|file| (*file, reach(&uses, file)))
        .collect();
    let circles = uses.iter().flat_map(|(file, used)| {
        let back = used.iter().filter(|other| reached[*other].contains(file));
        back.map(move |other| format!("{file} -> {other}"))
    });
    let circles: Vec<String> = circles.collect();
    assert!(circles.is_empty(), "{circles:#?}");
}

/// All files that a file depends on, by way of others too.
fn reach<'t>(uses: &BTreeMap<&'t str, BTreeSet<&'t str>>, file: &'t str) -> BTreeSet<&'t str> {
    let mut reached = BTreeSet::new();
    let mut next: Vec<&str> = vec![file];
    while let Some(file) = next.pop() {
        next.extend(uses[file].iter().filter(|other| reached.insert(**other)));
    }
    reached
}

#[test]
fn folders_use_only_what_the_table_allows() {
    let table = table();
    assert!(table.len() > 10, "the table cannot be read: {table:?}");
    let mut unused = table.clone();
    let mut wrong = Vec::new();
    for (module, code) in modules() {
        for path in paths(&code) {
            let (own, other) = (folder(&module), folder(&path));
            if own == other || other == "page" {
                continue;
            }
            unused.entry(own.to_owned()).or_default().remove(other);
            if !table.get(own).is_some_and(|used| used.contains(other)) {
                wrong.push(format!("{module} uses {path}"));
            }
        }
    }
    unused.retain(|_, used| !used.is_empty());
    assert!(wrong.is_empty(), "{wrong:#?}");
    assert!(unused.is_empty(), "allowed and not used: {unused:#?}");
}

#[test]
fn the_table_has_every_folder() {
    let folders: Names = modules()
        .keys()
        .map(|module| folder(module).to_owned())
        .collect();
    assert_eq!(table().into_keys().collect::<Names>(), folders);
}

#[test]
fn no_path_goes_up_twice() {
    let modules = modules();
    let detours: Vec<_> = modules
        .iter()
        .filter(|(_, code)| code.contains("super::super::"))
        .map(|(module, _)| module)
        .collect();
    assert!(detours.is_empty(), "{detours:#?}");
}

/// Every file that `src/README.md` and `tests/README.md` name is there.
#[test]
fn the_documents_name_files_that_exist() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut missing = Vec::new();
    for (document, folder) in [("src/README.md", "src"), ("tests/README.md", "tests")] {
        let text = fs::read_to_string(root.join(document)).unwrap();
        for name in text.split('`').skip(1).step_by(2) {
            let is_path = name.contains('/') && !name.contains([' ', '*', '<', ':', '-', '$']);
            let exists = root.join(folder).join(name).exists() || root.join(name).exists();
            if is_path && !name.starts_with('/') && !exists {
                missing.push(format!("{document}: {name}"));
            }
        }
    }
    assert!(missing.is_empty(), "{missing:#?}");
}
