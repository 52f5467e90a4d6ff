//! `ehlo completions`: prints the script that completes command lines in a shell. The scripts call `ehlo` at each TAB
//! with the words of the line, and `answer.rs` finds the candidates.
//!
//! The engine of `clap_complete` is not used: it takes the value of an option for a subcommand (`-s queue`), and its
//! completion of files does not know `~` and the quoting of each shell. Here the shell completes files and commands.

mod answer;
mod candidates;
mod line;

use crate::cli::completions::answer::Answer;
use crate::cli::completions::line::Line;
use crate::cli::terminal;
use crate::config::Places;
use crate::system::exit::Exit;
use clap::{Command, ValueEnum};
use std::ffi::OsString;

/// The option by which a script calls this program. The words of the line follow it, up to the one to complete.
const WORDS: &str = "--words";

/// Print the completion script of a shell.
///
/// The script completes commands, options and their values, profiles, queue IDs, bundled scripts, digests, files
/// after @, and the command of `ehlo run`. Load it from the start-up file of your shell.
///
/// In ~/.bashrc: eval "$(ehlo completions bash)"
///
/// In ~/.zshrc, after compinit: source <(ehlo completions zsh)
///
/// In ~/.config/fish/config.fish: ehlo completions fish | source
///
/// In ~/.config/elvish/rc.elv: eval (ehlo completions elvish | slurp)
#[derive(Debug, clap::Args)]
#[group(skip)]
pub(crate) struct Args {
    /// The shell.
    #[arg(value_name = "SHELL", value_enum, help_heading = "Arguments")]
    pub(crate) shell: Shell,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Shell {
    Bash,
    Zsh,
    Fish,
    Elvish,
}

impl Shell {
    fn script(self) -> &'static str {
        match self {
            Self::Bash => include_str!("../../../completions/ehlo.bash"),
            Self::Zsh => include_str!("../../../completions/_ehlo"),
            Self::Fish => include_str!("../../../completions/ehlo.fish"),
            Self::Elvish => include_str!("../../../completions/ehlo.elv"),
        }
    }
}

/// Prints the script.
pub(crate) fn run(shell: Shell) -> Exit {
    match terminal::write(shell.script().as_bytes()) {
        Ok(()) => Exit::Ok,
        Err(exit) => exit,
    }
}

/// A line to complete, as a script passes it.
#[derive(Debug)]
pub struct Request {
    command: Command,
    words: Vec<String>,
}

impl Request {
    /// `ehlo completions --words ehlo WORD...`; the command is built if that is it.
    pub(crate) fn of(words: &[OsString], command: fn() -> Command) -> Option<Self> {
        if words.len() < 5 || words[1] != "completions" || words[2] != WORDS {
            return None;
        }
        let typed = words.iter().skip(4);
        let mut command = command();
        command.build();
        Some(Self {
            command,
            words: typed
                .map(|word| word.to_string_lossy().into_owned())
                .collect(),
        })
    }

    /// Prints the candidates, and what the shell is to complete itself. Nothing is reported: this runs while a line is
    /// typed.
    pub(crate) fn run(&self) -> Exit {
        if let Some((word, before)) = self.words.split_last() {
            let line = Line::parse(&self.command, before);
            let answer = Answer::new(&line, word, &Places::of_this_process());
            let _ = terminal::write(answer.to_string().as_bytes());
        }
        Exit::Ok
    }
}
