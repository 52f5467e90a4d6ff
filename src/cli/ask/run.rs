//! `ehlo ask`: sends SMTP commands and shows the replies.

use crate::cli::ask::options;
use crate::cli::run_command::ready;
use crate::cli::terminal;
use crate::cli::terminal::complain;
use crate::client::events::{Observer, Silent};
use crate::client::outcome::DeliveryReport;
use crate::probe as check;
use crate::probe::AskResult;
use crate::system::exit::Exit;
use crate::system::text::reason;
use crate::transcript::{Format, Stopwatch};
use std::io;

/// Sends the commands, shows the session and reports errors.
pub fn run(plan: &options::Ask) -> Exit {
    let ready = match ready(&plan.transport) {
        Ok(ready) => ready,
        Err(exit) => return exit,
    };
    let router = ready.router();
    let Some(place) = &plan.transport.route.relay else {
        return Exit::Software;
    };
    let transport = ready.transport(&router, None);
    let ask = |observer: &mut dyn Observer| {
        if !plan.output.summary {
            return check::ask(&transport, place, &plan.commands, observer);
        }
        let mut stopwatch = Stopwatch::new(observer);
        let answers = check::ask(&transport, place, &plan.commands, &mut stopwatch);
        stopwatch.report();
        answers
    };
    let is_hidden = plan.output.format == Format::None;
    let Some(mut transcript) = terminal::open(plan.output) else {
        return told(&ask(&mut Silent), is_hidden, None);
    };
    let answers = ask(&mut *transcript);
    transcript.result(&DeliveryReport::not_attempted(&[]), answers.exit);
    told(&answers, is_hidden, transcript.failure())
}

/// Writes errors to stderr; refused commands too, if no transcript shows them.
fn told(answers: &AskResult, is_hidden: bool, unwritten: Option<&io::Error>) -> Exit {
    if let Some(error) = unwritten {
        complain(&format!(
            "cannot write the transcript to the standard output: {}",
            reason(error)
        ));
        return Exit::Io;
    }
    for sentence in answers.refused.iter().filter(|_| is_hidden) {
        complain(sentence);
    }
    if let Some(failure) = &answers.failure {
        complain(failure);
    }
    answers.exit
}
