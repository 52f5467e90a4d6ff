//! `ehlo ask`: sends SMTP commands and shows the replies.

use crate::cli::ask::Ask;
use crate::cli::terminal;
use crate::cli::terminal::{complain, load};
use crate::client::events::{Observer, Silent};
use crate::client::outcome::DeliveryReport;
use crate::probe as check;
use crate::probe::AskResult;
use crate::system::exit::Exit;
use crate::system::text::reason;
use crate::transcript::{Format, Stopwatch};
use std::io;

/// Sends the commands, shows the session and reports errors.
pub fn run(options: &Ask) -> Exit {
    let loaded = match load(&options.transport) {
        Ok(loaded) => loaded,
        Err(exit) => return exit,
    };
    let Some(endpoint) = &options.transport.route.relay else {
        return Exit::Software;
    };
    let transport = loaded.open();
    let ask = |observer: &mut dyn Observer| {
        if !options.output.summary {
            return check::ask(&transport, endpoint, &options.commands, observer);
        }
        let mut stopwatch = Stopwatch::new(observer);
        let answers = check::ask(&transport, endpoint, &options.commands, &mut stopwatch);
        stopwatch.report();
        answers
    };
    let is_hidden = options.output.format == Format::None;
    let Some(mut transcript) = terminal::open(options.output) else {
        return report_errors(&ask(&mut Silent), is_hidden, None);
    };
    let answers = ask(&mut *transcript);
    transcript.result(&DeliveryReport::not_attempted(&[]), answers.exit);
    report_errors(&answers, is_hidden, transcript.failure())
}

/// Writes errors to stderr; refused commands too, if no transcript shows them.
fn report_errors(answers: &AskResult, is_hidden: bool, unwritten: Option<&io::Error>) -> Exit {
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
