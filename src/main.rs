//! The binary: parse, run, exit.

use std::process::ExitCode;

fn main() -> ExitCode {
    if let Err(error) = ehlo::process::prepare() {
        ehlo::verbs::warn(&format!("cannot handle signals: {error}"));
    }
    let mut warnings = Vec::new();
    let parsed = ehlo::args::parse(std::env::args_os(), &mut warnings);
    for text in &warnings {
        ehlo::verbs::warn(text);
    }
    let exit = match parsed {
        Ok(plan) => ehlo::verbs::run(plan),
        Err(said) => ehlo::verbs::say(&said),
    };
    ExitCode::from(exit.code())
}
