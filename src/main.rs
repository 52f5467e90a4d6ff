//! The binary: parse, run, exit.

use std::process::ExitCode;

fn main() -> ExitCode {
    if let Err(error) = ehlo::system::process::prepare() {
        ehlo::cli::terminal::warn(&format!("cannot handle signals: {error}"));
    }
    let mut warnings = Vec::new();
    let parsed = ehlo::cli::parse::parse(std::env::args_os(), &mut warnings);
    for text in &warnings {
        ehlo::cli::terminal::warn(text);
    }
    let exit = match parsed {
        Ok(invocation) => invocation.run(),
        Err(early) => ehlo::cli::invocation::exit_early(&early),
    };
    ExitCode::from(exit.code())
}
