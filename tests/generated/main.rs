//! What lies in `man/` and `completions/` is what clap makes of the command line today, and the
//! sections that people have written: a file for each page of the manual.
//! `UPDATE=1 cargo test --test generated` rewrites the files.

mod ask;
mod completions;
mod config;
mod digest;
mod doctor;
mod ehlo;
mod json;
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
    check(Path::new("man/ehlo-json.5"), &json::page());
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
