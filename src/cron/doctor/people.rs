//! Who sends the mail, and who gets it, after aliases and rules.

use crate::cron::doctor::jobs::Job;
use crate::cron::doctor::options;
use crate::cron::doctor::options::Step;
use crate::cron::doctor::{Finding, Surroundings};
use crate::cron::mail::{Dispatch, Letterhead, Recipients};
use crate::mail::address::{Address, Domain};
use crate::mail::rewrite::{HostNames, RewriteError, Rewriter};
use crate::system::host;
use crate::system::text::shown;

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

/// Finds them as those do who send it.
pub fn found(
    plan: &options::Doctor,
    course: &Dispatch,
    host: &Surroundings,
    jobs: &[Job],
) -> People {
    let rewriter = Rewriter::with_names(&course.rewrite, host.names.clone());
    let head = &plan.mail.head;
    let mut people = People::default();
    let asked = plan
        .mailto
        .as_ref()
        .map(|list| Wanted::new(list, "--mailto"));
    let all = asked.map_or_else(|| wanted(&usual(head, host), host, jobs), |one| vec![one]);
    for wanted in all {
        let finding = people.add(rewriter.recipients(&wanted.list), &wanted);
        people.findings.push(finding);
    }
    let given = head.envelope_from.as_ref().or(head.from.as_ref());
    let given = given.unwrap_or(&host.login);
    let sender = rewriter.sender(given);
    people.findings.push(judged(&sender, given, &host.login));
    people.sender = sender.ok().flatten();
    let helo = course.way.session.helo.as_deref();
    people.findings.push(name(helo, &host.names));
    people
}

/// A list of recipients as somebody wrote it.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Wanted {
    list: String,
    /// Who says so.
    place: String,
}

impl Wanted {
    fn new(list: &str, place: &str) -> Self {
        Self {
            list: list.to_owned(),
            place: place.to_owned(),
        }
    }
}

/// Whoever gets what has no MAILTO.
fn usual(head: &Letterhead, host: &Surroundings) -> Wanted {
    match &head.recipients {
        Recipients::These { to, cc, bcc } => {
            let all = [&to[..], cc, bcc].concat().join(", ");
            Wanted::new(&all, "as the profile or the environment says")
        }
        Recipients::User | Recipients::Nobody => Wanted::new(&host.login, "the user"),
    }
}

/// Whoever gets mail of this user's jobs, each list once.
fn wanted(usual: &Wanted, host: &Surroundings, jobs: &[Job]) -> Vec<Wanted> {
    let mut all: Vec<Wanted> = Vec::new();
    for job in jobs.iter().filter(|job| job.user == host.login) {
        let one = match job.mailto.as_deref() {
            Some("") => continue,
            Some(list) => Wanted::new(list, &format!("MAILTO in {}", job.place)),
            None => Wanted::new(&usual.list, &format!("no MAILTO in {}", job.place)),
        };
        if all.iter().all(|other| other.list != one.list) {
            all.push(one);
        }
    }
    if all.is_empty() {
        all.push(usual.clone());
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

fn judged(sender: &Result<Option<Address>, RewriteError>, given: &str, login: &str) -> Finding {
    let sender = match sender {
        Ok(Some(sender)) => sender,
        Ok(None) => return Finding::ok(Step::Sender, "nobody (the null sender)"),
        Err(error) => return Finding::of_error(Step::Sender, &error.to_string()),
    };
    let found = if given == sender.to_string() {
        sender.to_string()
    } else {
        format!("{} -> {sender}", shown(given))
    };
    if let Domain::Name(domain) = sender.domain()
        && !host::is_qualified(domain)
    {
        return Finding::warning(
            Step::Sender,
            format!("{found}, and most servers refuse a domain that only this host knows"),
        )
        .mended_by(format!(
            "domain = \"example.org\" in [sendmail] of the configuration, or {} = \
             \"you@example.org\" in [rewrite]",
            shown(login)
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
    if host::is_qualified(&names.fqdn) {
        return Finding::ok(Step::Host, format!("{} in EHLO", shown(&names.fqdn)));
    }
    Finding::warning(
        Step::Host,
        format!("{node} has no full name, so EHLO has an address, which some servers refuse"),
    )
    .mended_by(format!(
        "127.0.1.1 {}.example.org {node} as a line of /etc/hosts, or helo in the profile",
        node.split('.').next().unwrap_or_default()
    ))
}

#[cfg(test)]
mod tests;
