//! The completions, in the shells that they are for: every line is completed as a person would complete it.

use crate::parts;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use tempfile::TempDir;

/// A line, and what is offered at its end: these words among others, or only these.
const LINES: [(&str, Offer); 17] = [
    (
        "ehlo --tls ",
        Offer::Only(&["auto", "implicit", "off", "starttls"]),
    ),
    ("ehlo --tls st", Offer::Only(&["starttls"])),
    (
        "ehlo -b x -r localhost --priority ",
        Offer::Only(&["high", "low", "normal"]),
    ),
    (
        "ehlo -H 'X-A: b' --transcript s",
        Offer::Only(&["stevens", "swaks"]),
    ),
    ("ehlo --attach-m", Offer::Only(&["--attach-message"])),
    ("ehlo --proxy-proto", Offer::Only(&["--proxy-protocol"])),
    ("ehlo que", Offer::Only(&["queue"])),
    (
        "ehlo ",
        Offer::Among(&["config", "mailq", "probe", "run", "sink"]),
    ),
    (
        "ehlo queue ",
        Offer::Among(&["hold", "list", "release", "run", "show"]),
    ),
    ("ehlo queue list --js", Offer::Only(&["--json"])),
    ("ehlo config ", Offer::Among(&["check", "path", "show"])),
    (
        "ehlo sink --tls ",
        Offer::Only(&["implicit", "off", "starttls"]),
    ),
    ("ehlo bob@example.org --prio", Offer::Only(&["--priority"])),
    ("ehlo bob@example.org --priority l", Offer::Only(&["low"])),
    (
        "ehlo sink --max",
        Offer::Only(&["--max-connections", "--max-size"]),
    ),
    ("ehlo run --log ", Offer::Only(&["always", "auto", "never"])),
    ("ehlo --attach let", Offer::Only(&["letter.txt"])),
];

#[derive(Clone, Copy)]
enum Offer {
    Only(&'static [&'static str]),
    Among(&'static [&'static str]),
}

/// A directory with a file in it, where the shell is.
fn scratch() -> TempDir {
    let directory = tempfile::tempdir().unwrap();
    fs::write(directory.path().join("letter.txt"), "").unwrap();
    directory
}

fn completions() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("completions")
}

/// A shell without the files of any user.
fn shell(words: &[&str], home: &Path) -> Command {
    let mut command = Command::new(words[0]);
    command
        .args(&words[1..])
        .env_clear()
        .env("PATH", "/usr/bin:/bin")
        .env("HOME", home)
        .env("TERM", "dumb")
        .env("LC_ALL", "C.UTF-8")
        .current_dir(home);
    command
}

/// Compares what a shell offers for each line; what else it writes is an offer that is not expected.
fn check(offered: impl Fn(&Path, &str) -> String) {
    let mut wrong = String::new();
    for (line, offer) in LINES {
        let directory = scratch();
        let text = offered(directory.path(), line);
        let mut words: Vec<&str> = text
            .lines()
            .map(str::trim)
            .filter(|word| !word.is_empty())
            .collect();
        words.sort_unstable();
        words.dedup();
        let is_right = match offer {
            Offer::Only(right) => words == right,
            Offer::Among(some) => {
                some.iter().all(|word| words.contains(word)) && !text.contains("ehlo:")
            }
        };
        if !is_right {
            wrong.push_str(&format!("{line:?} is completed by {words:?}\n"));
        }
    }
    assert!(wrong.is_empty(), "{wrong}");
}

fn output(mut command: Command) -> String {
    let output = command.output().unwrap();
    let mut text = String::from_utf8_lossy(&output.stdout).into_owned();
    text.push_str(&String::from_utf8_lossy(&output.stderr));
    text
}

/// What bash does at TAB, with the line as its second argument.
const IN_BASH: &str = "source \"$1\"
    eval \"COMP_WORDS=($2)\"
    [[ $2 == *' ' ]] && COMP_WORDS+=('')
    COMP_CWORD=$(( ${#COMP_WORDS[@]} - 1 ))
    _ehlo ehlo \"${COMP_WORDS[-1]}\" \"${COMP_WORDS[-2]}\"
    printf '%s\\n' \"${COMPREPLY[@]}\"";

#[test]
fn bash_completes_options_values_verbs_and_files() {
    if !parts::works(Command::new("bash").arg("--version"), "bash") {
        return;
    }
    check(|home, line| {
        let mut command = shell(&["bash", "--norc", "-c", IN_BASH, "bash"], home);
        command.arg(completions().join("ehlo.bash")).arg(line);
        output(command)
    });
}

#[test]
fn fish_completes_options_values_verbs_and_files() {
    if !parts::works(Command::new("fish").arg("--version"), "fish") {
        return;
    }
    check(|home, line| {
        let script = "source $argv[1]; complete -C $argv[2] | string replace -r '\\t.*' ''";
        let mut command = shell(&["fish", "--no-config", "-c", script], home);
        command.arg(completions().join("ehlo.fish")).arg(line);
        output(command)
    });
}

#[test]
fn zsh_completes_options_values_verbs_and_files() {
    if !parts::works(
        Command::new("zsh").args(["-fc", "zmodload zsh/zpty"]),
        "zsh",
    ) {
        return;
    }
    let script =
        Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/interop/completions/capture.zsh");
    check(|home, line| {
        let mut command = shell(&["zsh", "-f"], home);
        let own = tempfile::tempdir().unwrap();
        // What compinit and the script leave behind is not to be offered.
        let directory = completions();
        command
            .arg(&script)
            .arg(directory)
            .arg(own.path())
            .arg(line);
        fs::write(own.path().join("letter.txt"), "").unwrap();
        output(command)
    });
}

#[test]
fn the_help_of_completions_is_that_of_the_manual() {
    for name in ["_ehlo", "_ehlo.ps1", "ehlo.elv", "ehlo.fish"] {
        let text = fs::read_to_string(completions().join(name)).unwrap();
        assert!(
            !text.contains("clap"),
            "{name} has a comment of the source as help"
        );
        assert!(
            text.contains("Act as sendmail(8), with its options"),
            "{name}"
        );
    }
}
