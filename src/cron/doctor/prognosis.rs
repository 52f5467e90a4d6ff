//! The expected outcome for a mail from cron, in one sentence.

use crate::cron::doctor::CheckResult;
use crate::cron::doctor::answer::where_to;
use crate::cron::doctor::options;
use crate::cron::doctor::options::{CheckStep, Front};
use crate::cron::doctor::people::People;
use crate::system::exit::Health;

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
    /// Name of the program that cron calls as sendmail, if it is not ehlo.
    pub rival: Option<String>,
}

pub fn of(plan: &options::Doctor, known: &Known<'_>) -> String {
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
