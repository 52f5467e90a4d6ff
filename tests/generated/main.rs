//! What lies in `man/` and `completions/` is what clap makes of the command line today, and the
//! sections that people have written: a file for each page of the manual.
//! `UPDATE=1 cargo test --test generated` rewrites the files.

mod ask;
mod completions;
mod config;
mod digest;
mod doctor;
mod ehlo;
mod guide;
mod json;
mod merge;
mod notify;
mod page;
mod probe;
mod queue;
mod run;
mod script;
mod sendmail;
mod sink;
mod unit;

use ::ehlo::cli::parse::command;
use ::ehlo::system::exit::Exit;
use clap_complete::Shell;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

#[test]
fn the_manual_is_that_of_todays_command_line() {
    check(Path::new("man/ehlo.1"), &ehlo::page());
    check(Path::new("man/ehlo-sink.1"), &sink::page());
    check(Path::new("man/ehlo-probe.1"), &probe::page());
    check(Path::new("man/ehlo-ask.1"), &ask::page());
    check(Path::new("man/ehlo-config.1"), &config::page());
    check(Path::new("man/ehlo-doctor.1"), &doctor::page());
    check(Path::new("man/ehlo-queue.1"), &queue::page());
    check(Path::new("man/ehlo-script.1"), &script::page());
    check(Path::new("man/ehlo-sendmail.1"), &sendmail::page());
    check(Path::new("man/ehlo-run.1"), &run::page());
    check(Path::new("man/ehlo-notify.1"), &notify::page());
    check(Path::new("man/ehlo-digest.1"), &digest::page());
    check(Path::new("man/ehlo-unit.1"), &unit::page());
    check(Path::new("man/ehlo-merge.1"), &merge::page());
    check(Path::new("man/ehlo-json.5"), &json::page());
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

#[test]
fn mandoc_finds_nothing_to_correct_in_the_guides() {
    let pages = GUIDES.map(|(name, _)| root().join(format!("man/ehlo-{name}.7")));
    let lint = Command::new("mandoc")
        .args(["-T", "lint"])
        .args(pages)
        .output();
    let Ok(lint) = lint else {
        let required = std::env::var("EHLO_INTEROP").is_ok_and(|value| value == "required");
        assert!(
            !required,
            "EHLO_INTEROP=required, but mandoc is not installed"
        );
        return eprintln!("skipped: mandoc is not installed");
    };
    let found =
        String::from_utf8_lossy(&lint.stdout).into_owned() + &String::from_utf8_lossy(&lint.stderr);
    assert!(found.is_empty(), "{found}");
}

#[test]
fn the_completions_are_those_of_todays_command_line() {
    let shells = [
        (Shell::Bash, "ehlo.bash"),
        (Shell::Zsh, "_ehlo"),
        (Shell::Fish, "ehlo.fish"),
        (Shell::PowerShell, "_ehlo.ps1"),
        (Shell::Elvish, "ehlo.elv"),
    ];
    for (shell, name) in shells {
        let path: PathBuf = ["completions", name].iter().collect();
        check(&path, &completions::script(shell));
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
