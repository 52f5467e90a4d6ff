//! `ehlo ask`: what a server answers to commands.

use super::send::shown;
use super::terminal::complain;
use crate::check;
use crate::courier::Told;
use crate::exit::Exit;
use crate::outcome::Report;
use crate::plan;
use crate::ready::Ready;

/// Says them, shows the conversation, and tells what went wrong.
pub fn run(plan: &plan::Ask) -> Exit {
    let ready = match Ready::of(&plan.way) {
        Ok(ready) => ready,
        Err(error) => {
            complain(&error.to_string());
            return error.exit();
        }
    };
    let router = ready.router();
    let Some(place) = &plan.way.route.relay else {
        return Exit::Bug;
    };
    let mut exit = Exit::Ok;
    let mut failure = None;
    let written = shown(plan.output, Told::Nobody, |watch| {
        let answers = check::ask(&ready.way(&router, None), place, &plan.commands, watch);
        exit = answers.exit;
        failure = answers.failure;
        Report::unasked(&[])
    });
    if let Some(failure) = failure {
        complain(&failure);
    }
    if written == Exit::Ok { exit } else { written }
}
