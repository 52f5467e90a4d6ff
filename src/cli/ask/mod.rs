//! `ehlo ask`: sends SMTP commands to a server and shows the replies.

pub(crate) mod args;

pub(crate) use args::Args;

use crate::cli::terminal;
use crate::cli::terminal::{complain, load};
use crate::client::events::{Observer, Silent};
use crate::client::outcome::DeliveryReport;
use crate::client::transport::Transport;
use crate::probe;
use crate::probe::AskResult;
use crate::system::exit::Exit;
use crate::system::text::reason;
use crate::transcript::{Format, Stopwatch, TranscriptOptions};
use std::io;

/// Commands for a server.
#[derive(Debug)]
pub struct Ask {
    pub transport: Transport,
    pub commands: Vec<String>,
    pub output: TranscriptOptions,
}

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
            return probe::ask(&transport, endpoint, &options.commands, observer);
        }
        let mut stopwatch = Stopwatch::new(observer);
        let answers = probe::ask(&transport, endpoint, &options.commands, &mut stopwatch);
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
            "cannot write the transcript to standard output: {}",
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
