//! The run of `ehlo doctor`: the report of all steps.

mod test;

use crate::cli::notification::dead_letter;
use crate::cli::terminal::{Stdout, print, stdout_width, wrapped};
use crate::client::events::Silent;
use crate::cron::doctor::options::{Doctor, DoctorFormat, View};
use crate::cron::doctor::{Diagnosis, HostSystem, examine};
use crate::probe::{Finding, Status};
use crate::system::exit::Exit;
use crate::system::text::shown;
use crate::transcript::{Stevens, TranscriptOptions};
use serde_json::{Value, json};

/// Examines the host, in the environment of cron by default, and prints the results.
pub fn run(plan: &Doctor) -> Exit {
    if let View::Cron(arguments) = &plan.view {
        return test::inside_cron(arguments);
    }
    if matches!(plan.view, View::ByCron(_)) {
        test::leave_the_terminal();
    }
    let host = HostSystem::of_this_process(dead_letter::paths());
    let diagnosis = seen(plan, &host);
    let exit = Exit::Health(diagnosis.health());
    let text = text(plan, &host, &diagnosis, stdout_width());
    let written = print(|out| out.write_all(text.as_bytes()));
    match (written, &plan.test) {
        (Exit::Ok, None) => exit,
        (Exit::Ok, Some(to)) => test::send(plan, &diagnosis, to),
        (unwritten, _) => unwritten,
    }
}

/// The sessions are printed before the results.
fn seen(plan: &Doctor, host: &HostSystem) -> Diagnosis {
    if plan.shown != DoctorFormat::Sessions {
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

/// Widths of the columns, in characters.
const HEALTH: usize = 9;
const STEP: usize = 13;

/// The report, wrapped at this width.
pub fn text(
    plan: &Doctor,
    host: &HostSystem,
    diagnosis: &Diagnosis,
    width: Option<usize>,
) -> String {
    if plan.shown == DoctorFormat::Json {
        return format!("{}\n", object(plan, host, diagnosis));
    }
    let mut text = wrapped(&format!("{}\n\n", heading(plan, host)), width, 0);
    for finding in &diagnosis.findings {
        text.push_str(&wrapped(&lines(finding), width, HEALTH + STEP));
    }
    let prognosis = format!("\n{}\n", shown(&diagnosis.prognosis));
    text.push_str(&wrapped(&prognosis, width, 0));
    text
}

fn heading(plan: &Doctor, host: &HostSystem) -> String {
    let user = shown(&host.login);
    let source = plan.front.mail();
    if plan.view == View::Here {
        return format!("{source} for {user}, in the current environment:");
    }
    let home = host.home.as_ref().map(|home| home.to_string_lossy());
    let home = shown(&home.unwrap_or_default());
    format!(
        "{source} for {user}, in the environment of cron (HOME={home}, PATH=/usr/bin:/bin, no terminal):"
    )
}

/// A line for the result, and one for the remedy.
fn lines(finding: &Finding) -> String {
    let (health, step) = (finding.status.name(), finding.id);
    let found = shown(&finding.text);
    let mut lines = format!("{health:<HEALTH$}{step:<STEP$}{found}\n");
    if let Some(remedy) = finding.remedy_text() {
        let blank = " ".repeat(HEALTH + STEP);
        lines.push_str(&format!("{blank}fix: {}\n", shown(remedy)));
    }
    lines
}

fn object(plan: &Doctor, host: &HostSystem, diagnosis: &Diagnosis) -> Value {
    let findings: Vec<Value> = diagnosis
        .findings
        .iter()
        .map(|finding| {
            json!({
                "step": finding.id.0,
                "health": finding.status.name(),
                "found": finding.text,
                "mend": finding.remedy_text(),
            })
        })
        .collect();
    let recipients = diagnosis.recipients.iter();
    let recipients: Vec<String> = recipients.map(ToString::to_string).collect();
    json!({
        "health": Status::of(diagnosis.health()).name(),
        "exit": Exit::Health(diagnosis.health()).code(),
        "user": host.login,
        "by_cron": plan.view != View::Here,
        "findings": findings,
        "recipients": recipients,
        "prognosis": diagnosis.prognosis,
    })
}
