//! The binary: parse, run, exit.

use std::process::ExitCode;

fn main() -> ExitCode {
    let exit = match ehlo::args::parse(std::env::args_os()) {
        Ok(plan) => ehlo::verbs::run(plan),
        Err(said) => ehlo::verbs::say(&said),
    };
    ExitCode::from(exit.code())
}
