//! Sending: the verb that needs no name.

use super::build;
use super::progress::Progress;
use super::terminal::{Stdout, complain};
use crate::deliver::deliver;
use crate::exit::Exit;
use crate::outcome::{Cause, Report, Verdict};
use crate::plan::Send;
use crate::route::Router;
use crate::transcript::{Format, Json, Stevens};
use crate::watch::{Happening, Nobody, Watch};
use std::io;

/// Builds the message, delivers it, and says what failed.
pub fn run(plan: Send) -> Exit {
    let message = match build(plan.message) {
        Ok(message) => message,
        Err(exit) => return exit,
    };
    let way = plan.way;
    let router = Router::new(&way.route);
    let go = |watch: &mut dyn Watch| {
        for remark in &message.remarks {
            watch.happened(Happening::Detail(remark));
        }
        if plan.output.progress {
            return deliver(&message, &router, &way.session, &mut Progress::new(watch));
        }
        deliver(&message, &router, &way.session, watch)
    };
    match plan.output.format {
        Format::None => finish(&go(&mut Nobody), None),
        Format::Stevens => {
            let mut transcript = Stevens::new(Stdout, plan.output.verbose);
            let report = go(&mut transcript);
            finish(&report, transcript.failure())
        }
        Format::Json => {
            let mut transcript = Json::new(Stdout);
            let report = go(&mut transcript);
            transcript.result(&report, report.exit());
            finish(&report, transcript.failure())
        }
    }
}

/// Whatever failed is a line on stderr, one for each recipient.
fn finish(report: &Report, unwritten: Option<&io::Error>) -> Exit {
    if let Some(error) = unwritten {
        let unseen = report.fates.iter().all(|fate| fate.cause == Cause::Output);
        let end = if unseen { "; nothing was sent" } else { "" };
        complain(&format!(
            "cannot write the transcript to the standard output: {error}{end}"
        ));
        if unseen {
            return report.exit();
        }
    }
    for fate in &report.fates {
        if fate.verdict != Verdict::Accepted {
            complain(&fate.sentence);
        }
    }
    report.exit()
}
