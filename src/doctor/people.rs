//! Who sends the mail, and who gets it, after aliases and rules.

use super::jobs::Job;
use super::{Finding, Surroundings};
use crate::address::{Address, Domain};
use crate::plan::{self, Dispatch, Step};
use crate::rewrite::{HostNames, RewriteError, Rewriter};
use crate::text::shown;

/// Who sends and who gets a mail of cron.
#[derive(Debug, Default)]
pub struct People {
    /// The reverse-path; `None` where there is none.
    pub sender: Option<Address>,
    /// All who get mail.
    pub recipients: Vec<Address>,
    /// What is to be said of them.
    pub findings: Vec<Finding>,
}

/// Finds them as sendmail does.
pub fn found(plan: &plan::Doctor, course: &Dispatch, host: &Surroundings, jobs: &[Job]) -> People {
    let rewriter = Rewriter::with_names(&course.rewrite, host.names.clone());
    let mut people = People::default();
    for wanted in wanted(plan.mailto.as_deref(), host, jobs) {
        let finding = people.add(rewriter.recipients(&wanted.list), &wanted);
        people.findings.push(finding);
    }
    let sender = rewriter.sender(&host.login);
    let finding = judged(&sender, host);
    people.findings.push(finding);
    people.sender = sender.ok().flatten();
    let helo = course.way.session.helo.as_deref();
    people.findings.push(name(helo, &host.names));
    people
}

/// A list of recipients as somebody wrote it.
#[derive(Debug, PartialEq, Eq)]
struct Wanted {
    list: String,
    /// Who says so.
    place: String,
}

/// Whoever gets mail of this user's jobs, each list once.
fn wanted(mailto: Option<&str>, host: &Surroundings, jobs: &[Job]) -> Vec<Wanted> {
    if let Some(list) = mailto {
        let place = "--mailto".to_owned();
        let list = list.to_owned();
        return vec![Wanted { list, place }];
    }
    let mut all: Vec<Wanted> = Vec::new();
    for job in jobs.iter().filter(|job| job.user == host.login) {
        let (list, place) = match job.mailto.as_deref() {
            Some("") => continue,
            Some(list) => (list, format!("MAILTO in {}", job.place)),
            None => (host.login.as_str(), format!("the user of {}", job.place)),
        };
        if all.iter().all(|wanted| wanted.list != list) {
            let list = list.to_owned();
            all.push(Wanted { list, place });
        }
    }
    if all.is_empty() {
        all.push(Wanted {
            list: host.login.clone(),
            place: "the user".to_owned(),
        });
    }
    all
}

impl People {
    fn add(&mut self, found: Result<Vec<Address>, RewriteError>, wanted: &Wanted) -> Finding {
        let list = shown(&wanted.list);
        match found {
            Ok(addresses) => {
                let names: Vec<String> = addresses.iter().map(Address::to_string).collect();
                for address in addresses {
                    if !self.recipients.contains(&address) {
                        self.recipients.push(address);
                    }
                }
                let names = names.join(", ");
                let way = if names == list {
                    list
                } else {
                    format!("{list} -> {names}")
                };
                Finding::ok(Step::Recipient, format!("{way} ({})", wanted.place))
            }
            Err(error @ RewriteError::NoSuchLocal { .. }) => {
                Finding::of_error(Step::Recipient, &error.to_string()).mended_by(format!(
                    "{list}: you@example.org as a line of /etc/aliases, or postmaster = \
                     \"you@example.org\" in [sendmail] of the configuration"
                ))
            }
            Err(error) => Finding::of_error(Step::Recipient, &error.to_string()),
        }
    }
}

fn judged(sender: &Result<Option<Address>, RewriteError>, host: &Surroundings) -> Finding {
    let sender = match sender {
        Ok(Some(sender)) => sender,
        Ok(None) => return Finding::ok(Step::Sender, "nobody (the null sender)"),
        Err(error) => return Finding::of_error(Step::Sender, &error.to_string()),
    };
    let found = format!("{} -> {sender}", shown(&host.login));
    if let Domain::Name(domain) = sender.domain()
        && !domain.contains('.')
    {
        return Finding::warning(
            Step::Sender,
            format!("{found}, and most servers refuse a domain without a dot"),
        )
        .mended_by(format!(
            "domain = \"example.org\" in [sendmail] of the configuration, or {} = \
             \"you@example.org\" in [rewrite]",
            shown(&host.login)
        ));
    }
    Finding::ok(Step::Sender, found)
}

/// What we call ourselves in EHLO.
fn name(helo: Option<&str>, names: &HostNames) -> Finding {
    if let Some(helo) = helo {
        let found = format!("{} in EHLO, as the profile says", shown(helo));
        return Finding::ok(Step::Host, found);
    }
    let node = shown(&names.node);
    if names.fqdn.contains('.') {
        return Finding::ok(Step::Host, format!("{} in EHLO", shown(&names.fqdn)));
    }
    Finding::warning(
        Step::Host,
        format!("{node} has no full name, so EHLO has an address, which some servers refuse"),
    )
    .mended_by(format!(
        "127.0.1.1 {node}.example.org {node} as a line of /etc/hosts, or helo in the profile"
    ))
}

#[cfg(test)]
mod tests;
