//! `ehlo doctor`: diagnoses how mail from cron would leave this host.

mod cron;
mod report;
mod test;

use crate::cli::notification::send::dead_letter;
use crate::cli::terminal::{Stdout, print};
use crate::client::events::Silent;
use crate::cron::doctor::options::{Doctor, DoctorFormat, View};
use crate::cron::doctor::{Diagnosis, HostSystem, examine};
use crate::system::exit::Exit;
use crate::transcript::{Stevens, TranscriptOptions};

/// Examines the host, in the environment of cron by default, and prints the results.
pub fn run(plan: &Doctor) -> Exit {
    if let View::Cron(arguments) = &plan.view {
        return cron::look(arguments);
    }
    if matches!(plan.view, View::ByCron(_)) {
        cron::leave_the_terminal();
    }
    let host = HostSystem::of_this_process(dead_letter::places());
    let diagnosis = seen(plan, &host);
    let exit = Exit::Health(diagnosis.health());
    let written = print(|out| out.write_all(report::text(plan, &host, &diagnosis).as_bytes()));
    match (written, &plan.test) {
        (Exit::Ok, None) => exit,
        (Exit::Ok, Some(to)) => test::send(plan, &diagnosis, to),
        (unwritten, _) => unwritten,
    }
}

/// The sessions are printed before the results.
fn seen(plan: &Doctor, host: &HostSystem) -> Diagnosis {
    if plan.shown != DoctorFormat::Conversations {
        return examine(plan, host, &mut Silent);
    }
    let diagnosis = examine(
        plan,
        host,
        &mut Stevens::new(Stdout, TranscriptOptions::verbose()),
    );
    print(|out| out.write_all(b"\n"));
    diagnosis
}
