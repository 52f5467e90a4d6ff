//! The binary: parse, run, exit.

use std::process::ExitCode;

fn main() -> ExitCode {
    if let Err(error) = ehlo::system::process::prepare() {
        ehlo::cli::run_command::warn(&format!("cannot handle signals: {error}"));
    }
    let mut warnings = Vec::new();
    let parsed = ehlo::cli::parse::parse(std::env::args_os(), &mut warnings);
    for text in &warnings {
        ehlo::cli::run_command::warn(text);
    }
    let exit = match parsed {
        Ok(plan) => ehlo::cli::run_command::run(plan),
        Err(said) => ehlo::cli::run_command::say(&said),
    };
    ExitCode::from(exit.code())
}
