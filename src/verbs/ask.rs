//! `ehlo ask`: what a server answers to commands.

use super::terminal::{Stdout, complain};
use crate::check::{self, Answers};
use crate::exit::Exit;
use crate::outcome::Report;
use crate::plan;
use crate::ready::Ready;
use crate::transcript;
use crate::watch::Nobody;
use std::io;

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
    let way = ready.way(&router, None);
    let Some(mut transcript) = transcript::open(plan.output, Stdout) else {
        return told(&check::ask(&way, place, &plan.commands, &mut Nobody), None);
    };
    let answers = check::ask(&way, place, &plan.commands, &mut *transcript);
    transcript.result(&Report::unasked(&[]), answers.exit);
    told(&answers, transcript.failure())
}

/// What went wrong is a line on stderr.
fn told(answers: &Answers, unwritten: Option<&io::Error>) -> Exit {
    if let Some(error) = unwritten {
        complain(&format!(
            "cannot write the transcript to the standard output: {error}"
        ));
        return Exit::Io;
    }
    if let Some(failure) = &answers.failure {
        complain(failure);
    }
    answers.exit
}
