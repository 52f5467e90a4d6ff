//! Diagnoses how mail from cron would leave this host, step by step and without sending it. Checks and
//! judges; prints nothing.
//!
//! Each step is checked by the code that would do it: the options of sendmail, the rules for addresses, the
//! transport with its password, the session, the queue. This folder checks only what no other code does.

pub mod options;

mod answer;
mod configuration;
mod cron;
mod finding;
mod jobs;
mod last_resort;
mod password;
mod people;
mod prognosis;
mod runner;
mod sendmail;
mod server;
mod spool;
mod surroundings;

pub use finding::{CheckResult, worst};
pub use surroundings::HostSystem;

use crate::client::events::Observer;
use crate::cron::doctor::options::{CheckStep, Front};
use crate::mail::address::Address;
use crate::system::exit::Health;
use answer::Question;
use people::People;
use prognosis::Known;

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
    let jobs = jobs::found(host);
    let mut findings = Vec::new();
    if plan.front != Front::Run {
        findings.extend(sendmail::look(host));
    }
    findings.extend(configuration::look(plan));
    let mut people = People::default();
    if let Ok(course) = &plan.mail.dispatch {
        people = people::found(plan, course, host, &jobs);
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
    findings.extend(last_resort::look(host));
    findings.retain(|finding| !plan.skip.contains(&finding.step));
    let known = Known {
        findings: &findings,
        people: &people,
        online: plan.online,
        rival: sendmail::rival(host).filter(|_| !plan.skip.contains(&CheckStep::Sendmail)),
    };
    Diagnosis {
        prognosis: prognosis::of(plan, &known),
        recipients: people.recipients,
        findings,
    }
}
