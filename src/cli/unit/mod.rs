//! `ehlo unit`: mails the status of a systemd unit.

mod systemctl;

use crate::cli::notification::alert::{RunReport, recovered};
use crate::cli::notification::{NotificationText, list_id};
use crate::cli::options::command_line::CommandLineArgs;
use crate::cli::options::usage_error::UsageError;
use crate::cli::options::{alert, mail, value};
use crate::config::Places;
use crate::cron::Notification;
use crate::cron::alert::{AlertOptions, Decision, Fingerprint, JobRun, OutputSample};
use crate::system::exit::Exit;
use crate::system::host;
use crate::system::text::shown;
use std::time::{Duration, SystemTime};
use systemctl::{PROPERTIES, SystemctlOutput, UnitFacts, query};

#[derive(Debug)]
pub struct Unit {
    /// Full name of the unit: `backup.service`.
    pub name: String,
    /// True for a unit of the user's own manager.
    pub user: bool,
    /// Number of lines of its journal in the mail.
    pub lines: u32,
    pub alert: AlertOptions,
    pub mail: Notification,
}

/// Maximum length of the name of a unit, in octets.
const LONGEST: usize = 255;

/// Mail the status of a systemd unit.
///
/// The mail contains the status and the end of the journal. It is meant for `OnFailure=`: `ehlo queue systemd` prints
/// a service for this purpose. A unit that did not fail is mailed as well; with --recovered, only when it succeeds
/// again after a failure, so that `OnSuccess=` can start the same service.
#[derive(Debug, clap::Args)]
#[group(skip)]
pub struct Args {
    /// Name of the unit; %i in a template.
    #[arg(value_name = "NAME", help_heading = "Arguments", value_parser = name)]
    name: String,

    /// Number of journal lines of the last run to include.
    #[arg(long, value_name = "N", default_value_t = 100, value_parser = value::number::<u32>(0, Some(10_000)))]
    lines: u32,

    /// A unit of the user manager instead of the system manager.
    #[arg(long)]
    user_unit: bool,

    #[command(flatten)]
    alert: alert::AlertArgs,
    #[command(flatten)]
    mail: mail::Args,
}

impl Args {
    pub fn plan(self, typed: &CommandLineArgs<'_>, places: &Places) -> Result<Unit, UsageError> {
        let mail = self.mail.plan(typed, places)?;
        let mut alert = self.alert.plan();
        alert.rules = alert.rules.or(&mail.rules);
        Ok(Unit {
            name: self.name,
            user: self.user_unit,
            lines: self.lines,
            alert,
            mail,
        })
    }
}

/// The name of a unit (systemd.unit(5)); without a suffix, that of a service.
fn name(text: &str) -> Result<String, String> {
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b":-_.\\@".contains(&byte);
    if text.is_empty() || text.len() > LONGEST || !text.bytes().all(is_plain) {
        return Err(
            "not the name of a unit, such as backup.service; systemd-escape creates valid names"
                .to_owned(),
        );
    }
    Ok(if text.contains('.') {
        text.to_owned()
    } else {
        format!("{text}.service")
    })
}

/// Time limit for systemctl and for journalctl.
const LIMIT: Duration = Duration::from_secs(10);

/// Queries systemd about the unit, and mails the result.
pub fn run(mut plan: Unit) -> Exit {
    let given = plan.mail.head.subject.take();
    let plan = &plan;
    let facts = facts(plan);
    let status = systemctl(plan, &["status", "--full", "--lines=0"]);
    let journal = journal(plan, &facts);
    let mut sample = OutputSample::default();
    sample.update(&journal.output);
    let failed = facts.failed();
    let run = JobRun {
        at: SystemTime::now(),
        failed,
        // With --recovered, a success is reported only after a failure.
        reportable: failed || !plan.alert.rules.recovered,
        fingerprint: Fingerprint::of(&facts.ending(), &sample),
    };
    let report = RunReport {
        job: &format!("unit:{}", plan.name),
        run: &run,
        alert: &plan.alert,
    };
    let sent = report.mail(&plan.mail, |decision| NotificationText {
        subject: match (decision, given) {
            (Decision::Recovered(recovery), None) => recovered(&plan.name, recovery),
            (Decision::Recovered(_), Some(given)) => format!("RECOVERED: {given}"),
            (_, given) => given.unwrap_or_else(|| subject(plan, &facts)),
        },
        headers: vec![list_id(&plan.name)],
        body: body(plan, &facts) + &status.text() + "\n" + &journal.text(),
        ..NotificationText::default()
    });
    sent.map_or(Exit::Ok, |sent| sent.exit())
}

fn facts(plan: &Unit) -> UnitFacts {
    let property = format!("--property={PROPERTIES}");
    let answer = systemctl(plan, &["show", &property]);
    let variable = |name: &str| std::env::var(name).ok();
    UnitFacts::read(&String::from_utf8_lossy(&answer.output)).corrected(&plan.name, variable)
}

fn systemctl(plan: &Unit, text: &[&str]) -> SystemctlOutput {
    let manager: &[&str] = if plan.user { &["--user"] } else { &[] };
    let text = [manager, &["--no-pager"], text, &["--", &plan.name]].concat();
    query("systemctl", &text, LIMIT)
}

/// The journal of the last run, including messages of the manager. If the invocation ID is unknown, the last
/// lines of the unit.
fn journal(plan: &Unit, facts: &UnitFacts) -> SystemctlOutput {
    let lines = plan.lines.to_string();
    let usual = [
        "--no-pager",
        "--quiet",
        "--output=short-iso",
        "--lines",
        &lines,
    ];
    let (manager, unit, prefix): (&[&str], _, _) = if plan.user {
        (&["--user"], "--user-unit", "USER_")
    } else {
        (&[], "--unit", "")
    };
    if let Some(id) = &facts.invocation {
        let own = format!("_SYSTEMD_INVOCATION_ID={id}");
        let managers = format!("{prefix}INVOCATION_ID={id}");
        let text = [manager, &usual, &[&own, "+", &managers]].concat();
        let answer = query("journalctl", &text, LIMIT);
        if !answer.is_empty() {
            return answer;
        }
    }
    let unit = format!("{unit}={}", plan.name);
    query("journalctl", &[manager, &usual, &[&unit]].concat(), LIMIT)
}

/// `[host] FAILED(exit-code 3): backup.service`.
fn subject(plan: &Unit, facts: &UnitFacts) -> String {
    let short = host::short_name();
    format!("[{short}] {}: {}", facts.status(), plan.name)
}

fn body(plan: &Unit, facts: &UnitFacts) -> String {
    let description = match &facts.description {
        Some(description) => format!(" ({})", shown(description)),
        None => String::new(),
    };
    let (name, host, ending) = (&plan.name, host::node_name(), facts.ending());
    format!("{name}{description} on {host}: {ending}.\n\n")
}
