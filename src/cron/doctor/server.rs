//! Checks that the servers of a transport can be found, answer, negotiate TLS and accept the login.

use crate::client::events::Observer;
use crate::client::route::{Destination, Endpoint};
use crate::client::session;
use crate::client::session::TlsDemand;
use crate::client::transport::OpenTransport;
use crate::client::transport::Transport;
use crate::cron::doctor::options::CheckStep;
use crate::probe as check;
use crate::probe::{Finding, ProbeResult, TlsReport};
use crate::smtp::stage::Stage;
use crate::system::text::shown;

/// Days that a certificate should be valid at least, so that its owner has time to renew it.
const MIN_DAYS: i64 = 14;

/// Maximum number of hosts of one destination that are tried until one answers.
const MAX_HOSTS: usize = 3;

pub struct HostReply<'w> {
    transport: &'w Transport,
    probe: ProbeResult,
}

/// Tries the hosts of a destination until one answers.
pub fn ask<'w>(
    options: &'w Transport,
    transport: &OpenTransport<'_>,
    destination: &Destination,
    observer: &mut dyn Observer,
) -> Vec<HostReply<'w>> {
    let mut all = Vec::new();
    for host in destination.hosts.iter().take(MAX_HOSTS) {
        let endpoint = Endpoint {
            host: host.clone(),
            port: destination.port,
        };
        let probe = check::probe(transport, &endpoint, observer);
        let has_answered = !probe.banner.is_empty();
        all.push(HostReply {
            transport: options,
            probe,
        });
        if has_answered {
            break;
        }
    }
    all
}

impl HostReply<'_> {
    /// True if nothing failed, as far as that shows without a sender and a recipient.
    pub fn succeeded(&self) -> bool {
        self.probe.is_complete()
    }

    pub fn findings(&self) -> Vec<Finding> {
        let probe = &self.probe;
        let mut findings = Vec::new();
        if let Some(server) = &probe.server
            && let Some(greeting) = probe.banner.first()
        {
            let text = format!("{server}: {}", shown(greeting));
            findings.push(Finding::ok(CheckStep::Server, text));
            if self.failed_step() != Some(CheckStep::Tls) {
                findings.push(self.encryption());
            }
        }
        if let (Some(login), true) = (&probe.login, self.succeeded()) {
            findings.push(Finding::ok(CheckStep::Login, shown(login)));
        }
        findings.extend(self.failure());
        findings
    }

    fn failure(&self) -> Option<Finding> {
        let step = self.failed_step()?;
        let failure = self.probe.failure.as_deref()?;
        let finding = Finding::failed(step, failure);
        Some(match self.remedy(step) {
            Some(remedy) => finding.with_remedy(remedy),
            None => finding,
        })
    }

    /// The step that failed, derived from the progress of the session.
    fn failed_step(&self) -> Option<CheckStep> {
        let probe = &self.probe;
        probe.failure.as_ref()?;
        let encryption = self.transport.session.tls;
        let is_encrypted = probe.tls.as_ref().is_some_and(|tls| tls.version.is_some());
        let mut steps = probe.steps.iter().rev().map(|step| step.stage);
        let last = steps.find(|stage| *stage != Stage::Quit);
        let logs_in = self.transport.credentials.is_some();
        Some(match last {
            None | Some(Stage::Lookup) if probe.server.is_none() => CheckStep::Route,
            Some(Stage::Connect) if encryption == TlsDemand::Implicit => CheckStep::Tls,
            Some(Stage::Starttls) => CheckStep::Tls,
            Some(Stage::Ehlo) if encryption == TlsDemand::Starttls && !is_encrypted => {
                CheckStep::Tls
            }
            Some(Stage::Ehlo | Stage::Auth) if logs_in => CheckStep::Login,
            _ => CheckStep::Server,
        })
    }

    fn remedy(&self, step: CheckStep) -> Option<String> {
        let in_profile = self.in_profile();
        let is_distrusted = self.probe.tls.as_ref().is_some_and(|tls| !tls.verified);
        match step {
            CheckStep::Route => Some(format!("check the name of the relay{in_profile}")),
            CheckStep::Server if self.transport.route.relay.is_none() => Some(
                "many networks block outgoing port 25; set relay = \"smtp.example.org:587\" in the default profile"
                    .to_owned(),
            ),
            CheckStep::Server => Some(format!(
                "check host and port of the relay{in_profile}, and the firewalls on the way to it"
            )),
            CheckStep::Tls if is_distrusted => Some(format!(
                "if this is the right server, set ca-file, tls-name or pin{in_profile}; otherwise do not use it"
            )),
            CheckStep::Login => Some(format!(
                "check user and password{in_profile}; ehlo probe --profile NAME -v shows the session"
            )),
            _ => None,
        }
    }

    fn in_profile(&self) -> String {
        let profile = self.transport.profile.as_deref();
        profile.map_or_else(String::new, |name| {
            format!(" in the profile {}", shown(name))
        })
    }

    fn encryption(&self) -> Finding {
        match &self.probe.tls {
            Some(tls) => self.encrypted(tls),
            None => self.unencrypted(),
        }
    }

    fn encrypted(&self, tls: &TlsReport) -> Finding {
        let version = tls.version.as_deref().unwrap_or("TLS");
        let days = tls.days_left();
        let left = days.map_or_else(String::new, |days| format!(", {days} days left"));
        let (name, judgement) = (shown(&tls.name), shown(&tls.judgement));
        let found = format!("{version}, certificate of {name} {judgement}{left}");
        let is_relay = self.transport.route.relay.is_some();
        if is_relay && !tls.verified {
            let in_profile = self.in_profile();
            return Finding::warning(
                CheckStep::Tls,
                format!("{found}, but accepted because of insecure"),
            )
            .with_remedy(format!("replace insecure by ca-file or pin{in_profile}"));
        }
        if tls.verified && days.is_some_and(|days| days < MIN_DAYS) {
            return Finding::warning(CheckStep::Tls, found)
                .with_remedy("the operator of the server must renew the certificate");
        }
        Finding::ok(CheckStep::Tls, found)
    }

    fn unencrypted(&self) -> Finding {
        let can_be_created = self.probe.server.as_ref().is_some_and(|server| {
            let ip = server.address.ip();
            ip.is_none_or(|ip| ip.is_loopback())
        });
        let offered = self.probe.offered();
        let is_offered = session::parameters(offered, "starttls").is_some();
        match (can_be_created, self.transport.route.relay.is_some()) {
            (true, _) => Finding::ok(CheckStep::Tls, "not encrypted, but local to this host"),
            (false, false) => Finding::ok(CheckStep::Tls, "not encrypted: STARTTLS is not offered"),
            (false, true) if is_offered => Finding::warning(
                CheckStep::Tls,
                "not encrypted, although STARTTLS is offered",
            )
            .with_remedy(format!("set tls = \"starttls\"{}", self.in_profile())),
            (false, true) => {
                Finding::warning(CheckStep::Tls, "not encrypted: STARTTLS is not offered")
                    .with_remedy(
                        "try port 465, or ask the operator of the server to enable STARTTLS",
                    )
            }
        }
    }
}
