//! What lies in `man/` is what clap makes of the command line today, and the
//! sections that people have written: a file for each page of the manual.
//! `UPDATE=1 cargo test --test generated` rewrites the files.

mod ask;
mod bench;
mod check;
mod config;
mod cron;
mod digest;
mod dkim;
mod doctor;
mod ehlo;
mod fetch;
mod guide;
mod jobs;
mod json;
mod login;
mod mail;
mod merge;
mod msmtp;
mod notify;
mod page;
mod policy;
mod probe;
mod queue;
mod roundtrip;
mod run;
mod script;
mod sendmail;
mod show;
mod sink;
mod swaks;
mod unit;
mod verify;

use ::ehlo::cli::parse::command;
use ::ehlo::system::exit::Exit;
use std::fs;
use std::path::Path;
use std::process::Command;

type Page = fn() -> String;

/// The pages of commands and formats.
const PAGES: &[(&str, Page)] = &[
    ("ehlo.1", ehlo::page),
    ("ehlo-sink.1", sink::page),
    ("ehlo-show.1", show::page),
    ("ehlo-probe.1", probe::page),
    ("ehlo-ask.1", ask::page),
    ("ehlo-bench.1", bench::page),
    ("ehlo-check.1", check::page),
    ("ehlo-fetch.1", fetch::page),
    ("ehlo-roundtrip.1", roundtrip::page),
    ("ehlo-config.1", config::page),
    ("ehlo-login.1", login::page),
    ("ehlo-doctor.1", doctor::page),
    ("ehlo-queue.1", queue::page),
    ("ehlo-policy.1", policy::page),
    ("ehlo-script.1", script::page),
    ("ehlo-sendmail.1", sendmail::page),
    ("ehlo-swaks.1", swaks::page),
    ("ehlo-msmtp.1", msmtp::page),
    ("ehlo-mail.1", mail::page),
    ("ehlo-run.1", run::page),
    ("ehlo-merge.1", merge::page),
    ("ehlo-notify.1", notify::page),
    ("ehlo-digest.1", digest::page),
    ("ehlo-cron.1", cron::page),
    ("ehlo-jobs.1", jobs::page),
    ("ehlo-dkim.1", dkim::page),
    ("ehlo-unit.1", unit::page),
    ("ehlo-verify.1", verify::page),
    ("ehlo-json.5", json::page),
];

#[test]
fn the_manual_is_that_of_todays_command_line() {
    for (name, page) in PAGES {
        check(&Path::new("man").join(name), &page::finished(&page()));
    }
}

/// The pages of section 7 and their sources.
const GUIDES: [(&str, &str); 3] = [
    ("tutorial", include_str!("guides/tutorial.md")),
    ("providers", include_str!("guides/providers.md")),
    ("migrate", include_str!("guides/migrate.md")),
];

#[test]
fn the_guides_are_those_of_their_sources() {
    for (name, source) in GUIDES {
        check(
            Path::new(&format!("man/ehlo-{name}.7")),
            &guide::page(source),
        );
    }
}

/// The names of all pages.
fn names() -> Vec<String> {
    let pages = PAGES.iter().map(|(name, _)| (*name).to_owned());
    let guides = GUIDES.iter().map(|(name, _)| format!("ehlo-{name}.7"));
    pages.chain(guides).collect()
}

/// What a program that reads the manual writes; `None`: it is not installed.
fn output(command: &mut Command) -> Option<String> {
    let Ok(output) = command.output() else {
        let name = command.get_program().display().to_string();
        let required = std::env::var("EHLO_INTEROP").is_ok_and(|value| value == "required");
        assert!(
            !required,
            "EHLO_INTEROP=required, but {name} is not installed"
        );
        println!("skipped: {name} is not installed");
        return None;
    };
    let text = [output.stdout, output.stderr].concat();
    Some(String::from_utf8_lossy(&text).into_owned())
}

/// A copy of the pages that no other test is writing.
fn copy() -> tempfile::TempDir {
    let directory = tempfile::tempdir().unwrap();
    for (name, page) in PAGES {
        fs::write(directory.path().join(name), page::finished(&page())).unwrap();
    }
    for (name, source) in GUIDES {
        let path = directory.path().join(format!("ehlo-{name}.7"));
        fs::write(path, guide::page(source)).unwrap();
    }
    directory
}

#[test]
fn mandoc_finds_nothing_to_correct() {
    let directory = copy();
    let mut lint = Command::new("mandoc");
    lint.args(["-T", "lint"])
        .args(names())
        .current_dir(directory.path());
    let found = output(&mut lint).unwrap_or_default();
    assert!(found.is_empty(), "{found}");
}

/// In 80 columns, no line is longer, and none ends in the middle of a word.
#[test]
fn pages_fit_in_eighty_columns() {
    let directory = copy();
    for name in names() {
        let in_columns = |columns: &str| {
            let mut man = Command::new("man");
            man.env("MANWIDTH", columns).env("LC_ALL", "C.UTF-8");
            output(man.arg("-l").arg(&name).current_dir(directory.path()))
        };
        let (Some(narrow), Some(wide)) = (in_columns("80"), in_columns("400")) else {
            return;
        };
        let words: std::collections::HashSet<&str> = wide.split_whitespace().collect();
        for line in narrow.lines() {
            assert!(line.chars().count() <= 80, "{name}: {line}");
            for word in line.split_whitespace() {
                assert!(words.contains(word), "{name}: {word} in {line}");
            }
        }
    }
}

#[test]
fn the_manual_names_every_exit_status_and_every_option() {
    let page = ehlo::page().replace('\\', "");
    for exit in Exit::ALL {
        assert!(page.contains(&format!("fB{}fR", exit.code())), "{exit:?}");
    }
    for option in command()
        .get_arguments()
        .filter_map(|argument| argument.get_long())
    {
        assert!(page.contains(&format!("--{option}")), "--{option}");
    }
}

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// Compares a file with what it should be, or writes it.
fn check(path: &Path, right: &str) {
    let full = root().join(path);
    if std::env::var_os("UPDATE").is_some() {
        fs::create_dir_all(full.parent().unwrap()).unwrap();
        fs::write(&full, right).unwrap();
        return;
    }
    let there = fs::read_to_string(&full).unwrap_or_default();
    assert!(
        there == right,
        "{} is not what clap makes of the command line today; UPDATE=1 cargo test --test generated \
         rewrites it",
        path.display()
    );
}
