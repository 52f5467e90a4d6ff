//! Command lines of other programs, which this program understands when it is called by their names. The names are in
//! `system/stand_in.rs`.

pub(crate) mod getopt;
pub(crate) mod mail;
pub(crate) mod msmtp;
pub mod swaks;

use crate::cli::options::usage_error::UsageError;
use crate::system::stand_in::StandIn;
use std::ffi::OsString;
use std::path::Path;

/// A call under the name of another program.
#[derive(Debug)]
pub struct Call<'a> {
    pub program: StandIn,
    /// How it was called: the file of this program, and the first word if that is the name.
    pub name: OsString,
    /// The words after the name.
    pub words: &'a [OsString],
}

impl<'a> Call<'a> {
    /// The call, if the program's file name or the first word is a name of the table.
    pub fn of(words: &'a [OsString]) -> Option<Self> {
        let (name, rest) = words.split_first()?;
        let file = Path::new(name).file_name()?.to_str()?;
        if let Some(program) = StandIn::named(file) {
            return Some(Self {
                program,
                name: name.clone(),
                words: rest,
            });
        }
        let (verb, words) = rest.split_first()?;
        let program = StandIn::named(verb.to_str()?)?;
        let mut name = name.clone();
        name.push(" ");
        name.push(verb);
        Some(Self {
            program,
            name,
            words,
        })
    }
}

// For help and completions; a doc comment would be the help of the command.
#[derive(Debug, clap::Args)]
#[group(skip)]
pub struct StandInWords {
    /// Options and recipients as in the program of this name; see its page of the manual.
    #[arg(
        value_name = "OPTION|RECIPIENT",
        trailing_var_arg = true,
        allow_hyphen_values = true
    )]
    _words: Vec<OsString>,
}

/// The error for a name of another program after an option; before clap is called, the first word is compared.
pub(crate) fn misplaced(program: StandIn) -> UsageError {
    let name = program.row().0;
    UsageError::usage(format!(
        "{name} must be the first argument: ehlo {name} [OPTION|RECIPIENT]..."
    ))
}
