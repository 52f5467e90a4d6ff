//! `ehlo script`: runs scripted sessions.

mod record;
mod trial;

use crate::cli::script::options::{ScriptTask, Trial};
use crate::cli::terminal::{complain, print};
use crate::script;
use crate::script::{BUILT_IN, ScriptError, built_in};
use crate::system::exit::Exit;

/// Runs the task.
pub fn run(plan: ScriptTask) -> Exit {
    match plan {
        ScriptTask::List => list(),
        ScriptTask::Show(name) => show(&name),
        ScriptTask::Check(trial) => match read(&trial) {
            Ok(_) => Exit::Ok,
            Err(exit) => exit,
        },
        ScriptTask::Run(trial) => trial::run(trial),
        ScriptTask::Record(send, file) => record::run(*send, &file),
    }
}

fn list() -> Exit {
    print(|out| {
        let mut all = BUILT_IN.iter();
        all.try_for_each(|script| writeln!(out, "{:<12} {}", script.name, script.about()))
    })
}

fn show(name: &str) -> Exit {
    let Some(script) = built_in(name) else {
        complain(&format!(
            "no script called {name} comes with ehlo; see ehlo script --list"
        ));
        return Exit::NoInput;
    };
    print(|out| out.write_all(script.text.as_bytes()))
}

/// Reads all scripts, or reports their errors.
fn read(trial: &Trial) -> Result<Vec<script::Script>, Exit> {
    let known: Vec<&str> = trial.variables.keys().map(String::as_str).collect();
    let mut scripts = Vec::new();
    let mut exit = Exit::Ok;
    for name in &trial.names {
        match script::parse(name, &known) {
            Ok(script) => scripts.push(script),
            Err(errors) => {
                for error in &errors {
                    complain(&error.to_string());
                }
                let first = errors.first().map_or(Exit::Data, ScriptError::exit);
                exit = if exit == Exit::Ok { first } else { exit };
            }
        }
    }
    if exit == Exit::Ok {
        return Ok(scripts);
    }
    Err(exit)
}
