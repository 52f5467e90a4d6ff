//! Diagnoses how mail from cron would leave this host, step by step and without sending it. Prints nothing.
//!
//! Each step is checked by the code that would do it: the options of sendmail, the rules for addresses, the
//! transport with its password, the session, the queue. This folder checks only what no other code does.

pub mod options;

mod answer;
mod configuration;
mod cron;
mod host;
mod recipients;
mod runner;
mod sendmail;
mod server;
mod spool;

pub use host::HostSystem;

use crate::client::events::Observer;
use crate::cron::doctor::answer::where_to;
use crate::cron::doctor::options::{CheckStep, Front};
use crate::cron::doctor::recipients::People;
use crate::mail::address::Address;
use crate::system::exit::Health;
use answer::Question;

#[derive(Debug)]
pub struct Diagnosis {
    /// The results, in the order of the steps of a mail.
    pub findings: Vec<CheckResult>,
    /// Recipients of mail from cron, after aliases and rewrite rules.
    pub recipients: Vec<Address>,
    /// The expected outcome for a mail sent now.
    pub prognosis: String,
}

impl Diagnosis {
    /// The worst of the findings.
    #[must_use]
    pub fn health(&self) -> Health {
        worst(&self.findings)
    }
}

/// Checks all steps that are not skipped. `watch` receives the events of the sessions.
pub fn examine(
    plan: &options::Doctor,
    host: &HostSystem,
    observer: &mut dyn Observer,
) -> Diagnosis {
    let jobs = cron::crontab_lines(host);
    let mut findings = Vec::new();
    if plan.front != Front::Run {
        findings.extend(sendmail::look(host));
    }
    findings.extend(configuration::look(plan));
    let mut people = People::default();
    if let Ok(course) = &plan.mail.dispatch {
        people = recipients::found(plan, course, host, &jobs);
        findings.append(&mut people.findings);
        let question = Question {
            plan,
            course,
            people: &people,
        };
        findings.extend(question.ask(observer));
        if let Some(queueing) = &course.queueing {
            findings.extend(spool::look(queueing));
            findings.push(runner::look(host, queueing, &jobs));
        }
    }
    findings.extend(cron::look(host, &jobs));
    findings.extend(recipients::look(host));
    findings.retain(|finding| !plan.skip.contains(&finding.step));
    let known = Known {
        findings: &findings,
        people: &people,
        online: plan.online,
        rival: sendmail::rival(host).filter(|_| !plan.skip.contains(&CheckStep::Sendmail)),
    };
    Diagnosis {
        prognosis: prognosis(plan, &known),
        recipients: people.recipients,
        findings,
    }
}

/// The result of one step, with a remedy.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CheckResult {
    pub step: CheckStep,
    /// `Unknown`: not checked.
    pub health: Health,
    pub found: String,
    /// The remedy: a command, lines of a file or a sentence. `None`: none is needed, or none is possible on
    /// this host.
    pub mend: Option<String>,
}

impl CheckResult {
    pub fn ok(step: CheckStep, found: impl Into<String>) -> Self {
        Self::new(step, Health::Ok, found.into())
    }

    /// A result that deserves attention.
    pub fn warning(step: CheckStep, found: impl Into<String>) -> Self {
        Self::new(step, Health::Warning, found.into())
    }

    /// No mail gets past it.
    pub fn failed(step: CheckStep, found: impl Into<String>) -> Self {
        Self::new(step, Health::Critical, found.into())
    }

    /// The step was not checked.
    pub fn unknown(step: CheckStep, why: impl Into<String>) -> Self {
        Self::new(step, Health::Unknown, why.into())
    }

    /// An error from elsewhere in the program: the failure, and after the last semicolon the remedy.
    #[must_use]
    pub fn of_error(step: CheckStep, error: &str) -> Self {
        match error.rsplit_once("; ") {
            Some((found, mend)) => {
                let mend = mend.strip_prefix("do: ").unwrap_or(mend);
                Self::failed(step, found).mended_by(mend)
            }
            None => Self::failed(step, error),
        }
    }

    #[must_use]
    pub fn mended_by(self, mend: impl Into<String>) -> Self {
        Self {
            mend: Some(mend.into()),
            ..self
        }
    }

    fn new(step: CheckStep, health: Health, found: String) -> Self {
        Self {
            step,
            health,
            found,
            mend: None,
        }
    }
}

/// The worst of them, without steps that were not checked.
#[must_use]
pub fn worst(findings: &[CheckResult]) -> Health {
    let known = findings.iter().map(|finding| finding.health);
    let known = known.filter(|health| *health != Health::Unknown);
    known.max().unwrap_or(Health::Ok)
}

/// Steps that are needed for a message.
const BEFORE: [CheckStep; 3] = [CheckStep::Config, CheckStep::Recipient, CheckStep::Sender];

/// Steps that are needed to reach a server.
const ON_THE_WAY: [CheckStep; 6] = [
    CheckStep::Password,
    CheckStep::Route,
    CheckStep::Server,
    CheckStep::Tls,
    CheckStep::Login,
    CheckStep::Answer,
];

/// Facts for the prognosis.
pub struct Known<'k> {
    pub findings: &'k [CheckResult],
    pub people: &'k People,
    /// True if servers were contacted.
    pub online: bool,
    /// Name prognosis the program that cron calls as sendmail, if it is not ehlo.
    pub rival: Option<String>,
}

pub fn prognosis(plan: &options::Doctor, known: &Known<'_>) -> String {
    let whose = match plan.front {
        Front::Sendmail { .. } => "A mail from cron",
        Front::Run => "A mail from ehlo run",
    };
    let by = plan.mail.dispatch.as_ref();
    let by = by.map_or_else(|_| String::new(), |course| where_to(&course.transport));
    let is_of_cron = plan.front != Front::Run;
    format!("{whose} {}.", known.result(is_of_cron, &by))
}

impl Known<'_> {
    fn result(&self, is_of_cron: bool, by: &str) -> String {
        if is_of_cron && let Some(result) = self.before_us() {
            return result;
        }
        if let Some(finding) = self.first(&BEFORE, Health::Critical) {
            return format!("would not get out: {}", finding.found);
        }
        if let Some(finding) = self.first(&ON_THE_WAY, Health::Critical) {
            return self.held_up(finding);
        }
        let to: Vec<String> = self
            .people
            .recipients
            .iter()
            .map(ToString::to_string)
            .collect();
        let to = to.join(", ");
        match self.first(&ON_THE_WAY, Health::Unknown) {
            None if self.online => format!("would go to {to} by {by}"),
            _ => format!("would go to {to} by {by}, as far as could be seen"),
        }
    }

    /// The outcome if the mail does not reach ehlo at all.
    fn before_us(&self) -> Option<String> {
        if let Some(rival) = &self.rival {
            return Some(format!("would go to {rival}, and not to ehlo"));
        }
        let finding = self.first(&[CheckStep::Sendmail], Health::Critical)?;
        Some(format!("would be lost: {}", finding.found))
    }

    /// The outcome if a step fails: refused, sent through the fallback, queued, or returned.
    fn held_up(&self, finding: &CheckResult) -> String {
        let found = &finding.found;
        if finding.step == CheckStep::Answer {
            return format!("would be refused: {found}");
        }
        if self.has(CheckStep::Fallback, Health::Ok) {
            return format!("would go by the fallback: {found}");
        }
        if self.has(CheckStep::Queue, Health::Critical) {
            return format!("would be neither sent nor kept: {found}");
        }
        let end = if self.has(CheckStep::Runner, Health::Warning) {
            ", where nobody tries it again"
        } else {
            ""
        };
        format!("would wait in the queue{end}: {found}")
    }

    fn first(&self, steps: &[CheckStep], health: Health) -> Option<&CheckResult> {
        let mut all = self.findings.iter();
        all.find(|finding| steps.contains(&finding.step) && finding.health == health)
    }

    fn has(&self, step: CheckStep, health: Health) -> bool {
        self.first(&[step], health).is_some()
    }
}

#[cfg(test)]
mod tests;
