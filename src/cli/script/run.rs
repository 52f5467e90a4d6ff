//! `ehlo script`: runs scripted sessions.

mod record;
mod trial;

use crate::cli::script::options::{ScriptTask, Trial};
use crate::cli::terminal::{complain, print};
use crate::script;
use crate::script::{Mistake, library};
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
        let mut all = library::ALL.iter();
        all.try_for_each(|shipped| writeln!(out, "{:<12} {}", shipped.name, shipped.about()))
    })
}

fn show(name: &str) -> Exit {
    let Some(shipped) = library::find(name) else {
        complain(&format!(
            "no script called {name} comes with ehlo; see ehlo script --list"
        ));
        return Exit::NoInput;
    };
    print(|out| out.write_all(shipped.text.as_bytes()))
}

/// Reads all scripts, or reports their errors.
fn read(trial: &Trial) -> Result<Vec<script::Script>, Exit> {
    let known: Vec<&str> = trial.variables.keys().map(String::as_str).collect();
    let mut scripts = Vec::new();
    let mut exit = Exit::Ok;
    for name in &trial.names {
        match script::parse(name, &known) {
            Ok(script) => scripts.push(script),
            Err(mistakes) => {
                for mistake in &mistakes {
                    complain(&mistake.to_string());
                }
                let first = mistakes.first().map_or(Exit::Data, Mistake::exit);
                exit = if exit == Exit::Ok { first } else { exit };
            }
        }
    }
    if exit == Exit::Ok {
        return Ok(scripts);
    }
    Err(exit)
}
