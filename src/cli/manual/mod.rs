//! `ehlo manual`: prints the pages of the manual as text, for installations without them (`cargo install`).

mod render;

use crate::cli::help::nearest;
use crate::cli::options::usage_error::UsageError;
use crate::cli::terminal::{print, stdout_width};
use crate::system::exit::Exit;

/// Print a page of the manual.
///
/// Without a page, the pages are listed. The text can be paged: ehlo manual queue | less
#[derive(Debug, clap::Args)]
#[group(skip)]
pub(crate) struct Args {
    /// A page: ehlo, or the part of its name after ehlo-, such as queue or tutorial.
    #[arg(value_name = "PAGE", help_heading = "Arguments")]
    page: Option<String>,

    /// Print the source of the page, for man(1): ehlo manual --roff queue | man -l -
    #[arg(long, requires = "page")]
    roff: bool,
}

/// A page, and how it is printed.
#[derive(Debug)]
pub struct Manual {
    /// `None`: the list of pages.
    page: Option<&'static Page>,
    is_source: bool,
}

#[derive(Debug)]
struct Page {
    name: &'static str,
    section: char,
    source: &'static str,
}

macro_rules! pages {
    ($($name:literal $section:literal),* $(,)?) => {
        &[$(Page {
            name: $name,
            section: $section,
            source: include_str!(concat!("../../../man/", $name, ".", $section)),
        }),*]
    };
}

const PAGES: &[Page] = pages![
    "ehlo" '1',
    "ehlo-tutorial" '7',
    "ehlo-providers" '7',
    "ehlo-migrate" '7',
    "ehlo-ask" '1',
    "ehlo-bench" '1',
    "ehlo-check" '1',
    "ehlo-config" '1',
    "ehlo-cron" '1',
    "ehlo-digest" '1',
    "ehlo-dkim" '1',
    "ehlo-policy" '1',
    "ehlo-doctor" '1',
    "ehlo-fetch" '1',
    "ehlo-jobs" '1',
    "ehlo-json" '5',
    "ehlo-login" '1',
    "ehlo-mail" '1',
    "ehlo-merge" '1',
    "ehlo-msmtp" '1',
    "ehlo-notify" '1',
    "ehlo-probe" '1',
    "ehlo-queue" '1',
    "ehlo-roundtrip" '1',
    "ehlo-run" '1',
    "ehlo-script" '1',
    "ehlo-sendmail" '1',
    "ehlo-show" '1',
    "ehlo-sink" '1',
    "ehlo-swaks" '1',
    "ehlo-unit" '1',
    "ehlo-verify" '1',
];

/// Width of the text if the output is not a terminal, and its maximum.
const WIDTH: usize = 80;

impl Args {
    pub(crate) fn plan(self) -> Result<Manual, UsageError> {
        let is_source = self.roff;
        let page = self.page.map(|name| find(&name)).transpose()?;
        Ok(Manual { page, is_source })
    }
}

/// The page of this name: `queue`, `ehlo-queue`, `ehlo-queue.1`.
fn find(name: &str) -> Result<&'static Page, UsageError> {
    let stem = name.split(['.', '(']).next().unwrap_or(name);
    let is_meant = |page: &&Page| page.name == stem || page.short() == stem;
    PAGES.iter().find(is_meant).ok_or_else(|| {
        let near = nearest(stem, PAGES.iter().map(Page::short));
        let hint = near.map_or_else(
            || "ehlo manual lists the pages".to_owned(),
            |near| format!("did you mean ehlo manual {near}?"),
        );
        UsageError::usage(format!(
            "there is no page {}; {hint}",
            crate::system::text::shown(name)
        ))
    })
}

impl Page {
    /// The name without the prefix of all pages but the first.
    fn short(&self) -> &'static str {
        self.name.strip_prefix("ehlo-").unwrap_or(self.name)
    }

    /// The sentence about the page in its section NAME.
    fn about(&self) -> String {
        let mut lines = self.source.lines().skip_while(|line| *line != ".SH NAME");
        let line = lines.nth(1).map(render::plain).unwrap_or_default();
        line.split_once(" - ")
            .map_or(String::new(), |(_, about)| about.to_owned())
    }
}

pub(crate) fn run(manual: &Manual) -> Exit {
    let text = match manual.page {
        None => list(),
        Some(page) if manual.is_source => page.source.to_owned(),
        Some(page) => {
            let width = stdout_width().unwrap_or(WIDTH).min(WIDTH);
            render::text(page.source, width)
        }
    };
    print(|out| out.write_all(text.as_bytes()))
}

/// A line for each page.
fn list() -> String {
    let line = |page: &Page| {
        let name = format!("{}({})", page.name, page.section);
        format!("{:<12}{name:<20}{}\n", page.short(), page.about())
    };
    PAGES.iter().map(line).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;
    use std::fs;
    use std::path::Path;

    #[test]
    fn every_page_is_included() {
        let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("man");
        let files = fs::read_dir(directory).unwrap();
        let names = files.map(|file| file.unwrap().file_name().into_string().unwrap());
        let names: BTreeSet<String> = names.filter(|name| !name.ends_with("json")).collect();
        let included = PAGES
            .iter()
            .map(|page| format!("{}.{}", page.name, page.section));
        assert_eq!(included.collect::<BTreeSet<String>>(), names);
    }

    #[test]
    fn page_is_found_by_each_of_its_names() {
        for name in ["queue", "ehlo-queue", "ehlo-queue.1", "ehlo-queue(1)"] {
            let page = find(name).ok().map(|page| page.name);
            assert_eq!(page, Some("ehlo-queue"), "{name}");
        }
        assert_eq!(find("ehlo").ok().map(|page| page.name), Some("ehlo"));
        let error = find("queues").unwrap_err().text;
        assert!(
            error.ends_with("did you mean ehlo manual queue?"),
            "{error}"
        );
    }

    #[test]
    fn every_page_has_a_description_and_no_markup_is_left() {
        for page in PAGES {
            assert!(!page.about().is_empty(), "{page:?}");
            let text = render::text(page.source, 80);
            for line in text.lines() {
                assert!(!line.starts_with(['.', '\'']), "{}: {line}", page.name);
                assert!(
                    !line.contains("\\f") && !line.contains("\\("),
                    "{}: {line}",
                    page.name
                );
                assert_eq!(line.trim_end(), line, "{}", page.name);
            }
            assert!(text.contains("DESCRIPTION\n       "), "{}", page.name);
            assert!(!text.contains("\n\n\n"), "{}", page.name);
        }
    }
}
