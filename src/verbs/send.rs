//! Sending: the verb that needs no name.

use super::build;
use super::progress::Progress;
use super::terminal::{Stdout, complain};
use crate::deliver::{Parcel, deliver};
use crate::exit::Exit;
use crate::message::Message;
use crate::outcome::{Cause, Report, Verdict};
use crate::plan::{self, Send};
use crate::ready::Ready;
use crate::transcript::{Format, Json, Stevens};
use crate::watch::{Happening, Nobody, Watch};
use std::io;

/// Builds the message, delivers it, and says what failed.
pub fn run(plan: Send) -> Exit {
    let message = match build(plan.message) {
        Ok(message) => message,
        Err(exit) => return exit,
    };
    let first = match Ready::of(&plan.way) {
        Ok(first) => first,
        Err(error) => {
            complain(&error.to_string());
            return error.exit();
        }
    };
    let go = |watch: &mut dyn Watch| {
        if let Some(profile) = &plan.way.profile {
            watch.happened(Happening::Detail(&format!("using the profile {profile}")));
        }
        for remark in &message.remarks {
            watch.happened(Happening::Detail(remark));
        }
        if plan.output.progress {
            return deliver_by(&first, &plan.fallbacks, &message, &mut Progress::new(watch));
        }
        deliver_by(&first, &plan.fallbacks, &message, watch)
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

/// Delivers by one way, and by others for those who have no answer that lasts.
fn deliver_by(
    first: &Ready<'_>,
    fallbacks: &[plan::Way],
    message: &Message,
    watch: &mut dyn Watch,
) -> Report {
    let mut report = Report::unasked(&message.envelope.recipients);
    let parcel = Parcel::of(message);
    let router = first.router();
    deliver(&parcel, &first.way(&router, None), &mut report, watch);
    for fallback in fallbacks {
        if report.open().is_empty() || watch.refuses() {
            break;
        }
        let profile = fallback.profile.as_deref().unwrap_or_default();
        match Ready::of(fallback) {
            Ok(next) => {
                let error = None;
                watch.happened(Happening::Fallback { profile, error });
                let router = next.router();
                deliver(&parcel, &next.way(&router, None), &mut report, watch);
            }
            Err(error) => {
                let error = error.to_string();
                complain(&format!("cannot try the profile {profile}: {error}"));
                let error = Some(error.as_str());
                watch.happened(Happening::Fallback { profile, error });
            }
        }
    }
    report
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
