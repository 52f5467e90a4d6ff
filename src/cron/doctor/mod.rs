//! Diagnoses how mail from cron would leave this host, step by step and without sending it. Prints nothing.
//!
//! Each step is checked by the code that would do it: the options of sendmail, the rules for addresses, the
//! transport with its password, the session, the queue. This folder checks only what no other code does.

pub mod options;

mod answer;
mod configuration;
mod cron;
mod domain;
mod host;
mod recipients;
mod runner;
mod sendmail;
mod server;
mod spool;
mod submit;

pub(crate) use host::HostSystem;

use crate::client::events::Observer;
use crate::cron::doctor::answer::server_text;
use crate::cron::doctor::options::{CheckStep, Front};
use crate::cron::doctor::recipients::Addresses;
use crate::mail::address::Address;
use crate::probe::{Finding, Status, worst};
use crate::system::exit::Health;
use crate::system::remedy::{Correctable, ErrorText};
use answer::SessionCheck;

#[derive(Debug)]
pub(crate) struct Diagnosis {
    /// The results, in the order of the steps of a mail.
    pub findings: Vec<Finding>,
    /// Recipients of mail from cron, after aliases and rewrite rules.
    pub recipients: Vec<Address>,
    /// The expected outcome for a mail sent now.
    pub prognosis: String,
}

impl Diagnosis {
    pub(crate) fn health(&self) -> Health {
        worst(&self.findings)
    }
}

/// Checks all steps that are not skipped. `observer` receives the events of the sessions.
pub(crate) fn examine(
    plan: &options::Doctor,
    host: &HostSystem,
    observer: &mut dyn Observer,
) -> Diagnosis {
    let jobs = cron::crontab_lines(host);
    let mut findings = Vec::new();
    if plan.front != Front::Run {
        findings.extend(sendmail::check(host));
    }
    findings.extend(configuration::check(plan));
    let mut addresses = Addresses::default();
    if let Ok(delivery) = &plan.mail.delivery {
        addresses = recipients::find(plan, delivery, host, &jobs);
        findings.append(&mut addresses.findings);
        let session = SessionCheck {
            plan,
            delivery,
            addresses: &addresses,
        };
        findings.extend(session.ask(observer));
        let sender = addresses.sender.as_ref();
        findings.extend(domain::check(plan, delivery, sender, observer));
        if let Some(queueing) = &delivery.queueing {
            findings.extend(submit::check(host, queueing));
            let without_socket = submit::without_socket(queueing);
            let has_own_queue = queueing.socket.is_none() && without_socket.is_none();
            findings.extend(without_socket);
            if has_own_queue {
                findings.extend(spool::check(queueing));
                findings.push(runner::check(host, queueing, &jobs));
            }
        }
    }
    findings.extend(cron::check(host, &jobs));
    findings.extend(recipients::check(host));
    findings.retain(|finding| !plan.skip.iter().any(|step| finding.id == *step));
    let input = PrognosisInput {
        findings: &findings,
        addresses: &addresses,
        online: plan.online,
        other_sendmail: sendmail::other_sendmail(host)
            .filter(|_| !plan.skip.contains(&CheckStep::Sendmail)),
    };
    Diagnosis {
        prognosis: prognosis(plan, &input),
        recipients: addresses.recipients,
        findings,
    }
}

/// A finding about an error from elsewhere in the program.
fn of_error(step: CheckStep, error: &impl Correctable) -> Finding {
    let ErrorText { text, remedy } = error.error_text();
    Finding {
        remedy,
        ..Finding::failed(step, text)
    }
}

/// Steps that are needed for a message.
const MESSAGE_STEPS: [CheckStep; 3] = [CheckStep::Config, CheckStep::Recipient, CheckStep::Sender];

/// Steps that are needed to reach a server.
const DELIVERY_STEPS: [CheckStep; 6] = [
    CheckStep::Password,
    CheckStep::Route,
    CheckStep::Server,
    CheckStep::Tls,
    CheckStep::Login,
    CheckStep::Answer,
];

pub(crate) struct PrognosisInput<'k> {
    pub findings: &'k [Finding],
    pub addresses: &'k Addresses,
    /// True if servers were contacted.
    pub online: bool,
    /// Name of the program that cron calls as sendmail, if it is not ehlo.
    pub other_sendmail: Option<String>,
}

pub(crate) fn prognosis(plan: &options::Doctor, input: &PrognosisInput<'_>) -> String {
    let delivery = plan.mail.delivery.as_ref().ok();
    let server = delivery.map(|delivery| server_text(&delivery.transport));
    let is_of_cron = plan.front != Front::Run;
    let result = input.result(is_of_cron, &server.unwrap_or_default());
    format!("{} {result}.", plan.front.mail())
}

impl PrognosisInput<'_> {
    fn result(&self, is_of_cron: bool, server: &str) -> String {
        if is_of_cron && let Some(result) = self.before_ehlo() {
            return result;
        }
        if let Some(finding) = self.first(&MESSAGE_STEPS, Status::Failed) {
            return format!("would not be sent: {}", finding.text);
        }
        if let Some(finding) = self.first(&DELIVERY_STEPS, Status::Failed) {
            return self.failure_text(finding);
        }
        let to: Vec<String> = self
            .addresses
            .recipients
            .iter()
            .map(ToString::to_string)
            .collect();
        let to = to.join(", ");
        match self.first(&DELIVERY_STEPS, Status::Unknown) {
            None if self.online => format!("would be sent to {to} via {server}"),
            _ => format!("would be sent to {to} via {server}, but not all steps were checked"),
        }
    }

    /// The outcome if the mail does not reach ehlo at all.
    fn before_ehlo(&self) -> Option<String> {
        if let Some(other_sendmail) = &self.other_sendmail {
            return Some(format!(
                "would be passed to {other_sendmail} instead of ehlo"
            ));
        }
        let finding = self.first(&[CheckStep::Sendmail], Status::Failed)?;
        Some(format!("would be lost: {}", finding.text))
    }

    /// The outcome if a step fails: refused, sent through the fallback, queued, or returned.
    fn failure_text(&self, finding: &Finding) -> String {
        let found = &finding.text;
        if finding.id == CheckStep::Answer {
            return format!("would be refused: {found}");
        }
        if self.has(CheckStep::Fallback, Status::Ok) {
            return format!("would be sent via the fallback: {found}");
        }
        if self.has(CheckStep::Queue, Status::Failed) {
            return format!("would be neither sent nor queued: {found}");
        }
        let end = if self.has(CheckStep::Runner, Status::Warning) {
            ", but nothing runs the queue"
        } else {
            ""
        };
        format!("would be queued{end}: {found}")
    }

    fn first(&self, steps: &[CheckStep], status: Status) -> Option<&Finding> {
        let mut all = self.findings.iter();
        all.find(|finding| finding.status == status && steps.iter().any(|step| finding.id == *step))
    }

    fn has(&self, step: CheckStep, status: Status) -> bool {
        self.first(&[step], status).is_some()
    }
}

#[cfg(test)]
mod tests;
