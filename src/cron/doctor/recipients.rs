//! Recipients of mail from cron after aliases and rewrite rules, and the file for mail that cannot be sent.

use crate::cron::doctor::cron::CrontabLine;
use crate::cron::doctor::options::CheckStep;
use crate::cron::doctor::{HostSystem, of_error, options};
use crate::cron::{Addressing, DeliveryOptions, NotificationRecipients};
use crate::mail::address::{Address, Domain};
use crate::mail::dkim::Signer;
use crate::mail::rewrite::{HostNames, RewriteError, Rewriter};
use crate::probe::Finding;
use crate::system::host;
use crate::system::text::{shown, shown_path};
use rustix::fs::{Access, AtFlags, CWD};
use std::path::Path;

/// Sender and recipients of a mail from cron.
#[derive(Debug, Default)]
pub struct Addresses {
    /// The reverse-path, if known.
    pub sender: Option<Address>,
    pub recipients: Vec<Address>,
    pub findings: Vec<Finding>,
}

/// Finds them with the code that sends mail.
pub fn find(
    plan: &options::Doctor,
    delivery: &DeliveryOptions,
    host: &HostSystem,
    jobs: &[CrontabLine],
) -> Addresses {
    let rewriter = Rewriter::with_names(&delivery.rewrite, host.names.clone());
    let head = &plan.mail.head;
    let mut addresses = Addresses::default();
    let named = plan
        .mailto
        .as_ref()
        .map(|list| RecipientList::new(list, "--mailto"));
    let all = named.map_or_else(
        || lists_of_jobs(&default_list(head, host), host, jobs),
        |one| vec![one],
    );
    for lists_of_jobs in all {
        let finding = addresses.add(rewriter.recipients(&lists_of_jobs.list), &lists_of_jobs);
        addresses.findings.push(finding);
    }
    let given = head.envelope_from.as_ref().or(head.from.as_ref());
    let given = given.unwrap_or(&host.login);
    let sender = rewriter.sender(given);
    addresses
        .findings
        .push(check_sender(&sender, given, &host.login));
    addresses.sender = sender.ok().flatten();
    let signatures = addresses
        .sender
        .as_ref()
        .map(|sender| check_signatures(sender, &delivery.signer));
    addresses.findings.extend(signatures.unwrap_or_default());
    let helo = delivery.transport.session.helo.as_deref();
    addresses.findings.push(host_name(helo, &host.names));
    addresses
}

/// Checks the DKIM keys for mail of this sender. Nothing is found if there are no keys at all.
fn check_signatures(sender: &Address, signer: &Signer) -> Vec<Finding> {
    if signer.is_off() {
        return Vec::new();
    }
    let domain = sender.domain().to_string().to_ascii_lowercase();
    let step = CheckStep::Sender;
    let chosen = match signer.choose(std::slice::from_ref(&domain)) {
        Ok(chosen) => chosen,
        Err(error) => return vec![of_error(step, &error)],
    };
    let warnings = chosen.warnings.iter();
    let mut found: Vec<Finding> = warnings.map(|text| Finding::warning(step, text)).collect();
    found.extend(chosen.remarks().map(|text| Finding::ok(step, text)));
    if found.is_empty() {
        let text = format!("there is no DKIM key for {domain}, so that its mail is not signed");
        let remedy = format!("make a key: ehlo dkim new SELECTOR --domain {domain} --out FILE");
        found.push(Finding::warning(step, text).with_remedy(remedy));
    }
    found
}

/// A list of recipients, and the place where it is set.
#[derive(Clone, Debug, PartialEq, Eq)]
struct RecipientList {
    list: String,
    location: String,
}

impl RecipientList {
    fn new(list: &str, location: &str) -> Self {
        Self {
            list: list.to_owned(),
            location: location.to_owned(),
        }
    }
}

/// Recipients of mail from jobs without MAILTO.
fn default_list(head: &Addressing, host: &HostSystem) -> RecipientList {
    match &head.recipients {
        NotificationRecipients::These { to, cc, bcc } => {
            let all = [&to[..], cc, bcc].concat().join(", ");
            RecipientList::new(&all, "from the profile or the environment")
        }
        NotificationRecipients::User | NotificationRecipients::None => {
            RecipientList::new(&host.login, "the user")
        }
    }
}

/// Recipients of mail from this user's jobs, each list once.
fn lists_of_jobs(
    default_list: &RecipientList,
    host: &HostSystem,
    jobs: &[CrontabLine],
) -> Vec<RecipientList> {
    let mut all: Vec<RecipientList> = Vec::new();
    for job in jobs.iter().filter(|job| job.user == host.login) {
        let one = match job.mailto.as_deref() {
            Some("") => continue,
            Some(list) => RecipientList::new(list, &format!("MAILTO in {}", job.location)),
            None => RecipientList::new(
                &default_list.list,
                &format!("no MAILTO in {}", job.location),
            ),
        };
        if all.iter().all(|other| other.list != one.list) {
            all.push(one);
        }
    }
    if all.is_empty() {
        all.push(default_list.clone());
    }
    all
}

impl Addresses {
    fn add(
        &mut self,
        found: Result<Vec<Address>, RewriteError>,
        lists_of_jobs: &RecipientList,
    ) -> Finding {
        let list = shown(&lists_of_jobs.list);
        match found {
            Ok(addresses) => {
                let names: Vec<String> = addresses.iter().map(Address::to_string).collect();
                for address in addresses {
                    if !self.recipients.contains(&address) {
                        self.recipients.push(address);
                    }
                }
                let names = names.join(", ");
                let transport = if names == list {
                    list
                } else {
                    format!("{list} -> {names}")
                };
                Finding::ok(
                    CheckStep::Recipient,
                    format!("{transport} ({})", lists_of_jobs.location),
                )
            }
            Err(error @ RewriteError::NoSuchLocal { .. }) => of_error(CheckStep::Recipient, &error)
                .with_remedy(format!(
                    "add the line {list}: you@example.org to /etc/aliases, or set postmaster = \
                         \"you@example.org\" in [sendmail] of the configuration"
                )),
            Err(error) => of_error(CheckStep::Recipient, &error),
        }
    }
}

fn check_sender(
    sender: &Result<Option<Address>, RewriteError>,
    given: &str,
    login: &str,
) -> Finding {
    let sender = match sender {
        Ok(Some(sender)) => sender,
        Ok(None) => return Finding::ok(CheckStep::Sender, "<> (the null sender)"),
        Err(error) => return of_error(CheckStep::Sender, error),
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
            CheckStep::Sender,
            format!("{found}: most servers refuse a domain that is known only to this host"),
        )
        .with_remedy(format!(
            "set domain = \"example.org\" in [sendmail] of the configuration, or {} = \
             \"you@example.org\" in [rewrite]",
            shown(login)
        ));
    }
    Finding::ok(CheckStep::Sender, found)
}

/// The name in EHLO.
fn host_name(helo: Option<&str>, names: &HostNames) -> Finding {
    if let Some(helo) = helo {
        let found = format!("{} in EHLO, from the profile", shown(helo));
        return Finding::ok(CheckStep::Host, found);
    }
    let node = shown(&names.node);
    if host::is_qualified(&names.fqdn) {
        return Finding::ok(CheckStep::Host, format!("{} in EHLO", shown(&names.fqdn)));
    }
    Finding::warning(
        CheckStep::Host,
        format!("{node} has no fully qualified name, so EHLO contains an address, which some servers refuse"),
    )
    .with_remedy(format!(
        "add the line 127.0.1.1 {}.example.org {node} to /etc/hosts, or set helo in the profile",
        node.split('.').next().unwrap_or_default()
    ))
}

const LOG: &str = "/dev/log";

/// Looks for a writable dead letter file, and for the system log.
pub fn check(host: &HostSystem) -> Vec<Finding> {
    vec![dead_letter(host), log(host)]
}

fn dead_letter(host: &HostSystem) -> Finding {
    let mut places = host.dead_letters.iter();
    match places.find(|path| is_writable(path)) {
        Some(path) => {
            let found = format!(
                "mail that can be neither sent nor queued is saved to {}",
                shown_path(path)
            );
            Finding::ok(CheckStep::LastResort, found)
        }
        None => Finding::warning(
            CheckStep::LastResort,
            "no dead.letter can be written: mail that can be neither sent nor queued goes to stderr",
        )
        .with_remedy("make the home directory or /var/tmp writable"),
    }
}

fn is_writable(path: &Path) -> bool {
    let existing = path
        .ancestors()
        .find(|path| path.symlink_metadata().is_ok());
    let exists = existing == Some(path);
    let is_file = path.symlink_metadata().is_ok_and(|facts| facts.is_file());
    // The program creates only its own directory.
    let can_be_created =
        existing == path.parent() || path.parent().is_some_and(|p| p.ends_with("ehlo"));
    existing.is_some_and(|existing| {
        (exists && is_file || !exists && can_be_created)
            && rustix::fs::accessat(CWD, existing, Access::WRITE_OK, AtFlags::EACCESS).is_ok()
    })
}

fn log(host: &HostSystem) -> Finding {
    if host.has(LOG) {
        return Finding::ok(
            CheckStep::LastResort,
            format!("failures are logged to {LOG}"),
        );
    }
    Finding::warning(
        CheckStep::LastResort,
        format!("{LOG} does not exist: mail that cannot be sent is not logged"),
    )
    .with_remedy("start systemd-journald, rsyslogd or another syslog")
}

#[cfg(test)]
mod tests;
