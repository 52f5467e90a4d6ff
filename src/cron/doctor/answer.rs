//! The session with the servers of a mail: from MX lookup to the replies to MAIL and RCPT. No message is
//! sent.

use crate::client::deliver::{ConnectionPool, Outgoing, deliver};
use crate::client::events::Observer;
use crate::client::outcome::{Cause, RecipientResult, RecipientStatus};
use crate::client::route;
use crate::client::route::{Destination, Host, RouteError, Router, Routes};
use crate::client::session::Purpose;
use crate::client::transport::{LoadedTransport, Transport, TransportError, Transports};
use crate::cron::DeliveryOptions;
use crate::cron::doctor::configuration::{PasswordCheck, check_password};
use crate::cron::doctor::options::CheckStep;
use crate::cron::doctor::recipients::Addresses;
use crate::cron::doctor::server::{HostReply, ask};
use crate::cron::doctor::{of_error, options};
use crate::mail::envelope::{Dsn, Envelope};
use crate::probe::{Finding, Status};
use crate::smtp::blocks::Nothing;
use crate::smtp::stage::Stage;
use crate::system::host;
use crate::system::text::shown;

pub struct SessionCheck<'a> {
    pub plan: &'a options::Doctor,
    pub delivery: &'a DeliveryOptions,
    pub addresses: &'a Addresses,
}

impl SessionCheck<'_> {
    /// Tries all transports, as far as possible without a message.
    pub fn ask(&self, observer: &mut dyn Observer) -> Vec<Finding> {
        let mut findings = Vec::from_iter(self.sender(&self.delivery.transport, observer));
        findings.extend(self.check_transport(&self.delivery.transport, observer));
        let fallbacks = self.delivery.fallbacks.iter();
        for fallback in fallbacks.filter(|_| !self.skips(CheckStep::Fallback)) {
            let found = self.check_transport(fallback, observer);
            findings.push(fallback_result(fallback, &found));
        }
        findings
    }

    fn skips(&self, step: CheckStep) -> bool {
        self.plan.skip.contains(&step)
    }

    fn check_transport(&self, transport: &Transport, observer: &mut dyn Observer) -> Vec<Finding> {
        let found = if self.skips(CheckStep::Password) {
            Ok(PasswordCheck::default())
        } else {
            check_password(self.plan, transport)
        };
        let found = match found {
            Ok(found) => found,
            Err(finding) => return vec![finding],
        };
        let mut findings = Vec::from_iter(found.finding);
        if !self.plan.online {
            findings.push(Finding::unknown(
                CheckStep::Server,
                format!("{} was not contacted", server_text(transport)),
            ));
            return findings;
        }
        let login = found.login.filter(|_| self.plan.logs_in);
        match LoadedTransport::unattended(transport, login, self.plan.limit) {
            Ok(loaded) => findings.extend(self.check_routes(loaded, observer)),
            Err(TransportError::Credentials(error)) => {
                findings.push(of_error(CheckStep::Password, &error));
            }
            Err(TransportError::Tls(error)) => findings.push(of_error(CheckStep::Tls, &error)),
        }
        findings
    }

    fn check_routes(
        &self,
        loaded: LoadedTransport<'_>,
        observer: &mut dyn Observer,
    ) -> Vec<Finding> {
        let options = loaded.options;
        let transport = loaded.open();
        let routes = transport
            .router
            .routes(&self.addresses.recipients, observer);
        let mut findings: Vec<Finding> = self.unreachable(&routes).collect();
        let mut succeeded = !routes.destinations.is_empty();
        for destination in &routes.destinations {
            let replies = ask(options, &transport, destination, observer);
            let found = destination_findings(&replies);
            if found.iter().all(|finding| finding.id != CheckStep::Route) {
                findings.push(Finding::ok(
                    CheckStep::Route,
                    route_text(destination, options),
                ));
            }
            findings.extend(found);
            succeeded &= replies.last().is_some_and(HostReply::succeeded);
        }
        if succeeded && !self.addresses.recipients.is_empty() && !self.skips(CheckStep::Answer) {
            findings.extend(self.answers(loaded, observer));
        }
        findings
    }

    /// Checks the route to the sender: many servers refuse a sender that cannot receive mail.
    fn sender(&self, transport: &Transport, observer: &mut dyn Observer) -> Option<Finding> {
        let sender = self.addresses.sender.as_ref()?;
        // An unqualified domain is reported already.
        let is_full = host::is_qualified(&sender.domain().to_string());
        if !is_full || !self.plan.online || self.skips(CheckStep::Sender) {
            return None;
        }
        let options = route::RouteOptions {
            relay: None,
            ..transport.route.clone()
        };
        let routes = Router::new(&options).routes(std::slice::from_ref(sender), observer);
        let (_, error) = routes.unreachable.first()?;
        let is_certain = !error.may_pass() && !matches!(error, RouteError::Loop(_));
        is_certain.then(|| {
            let found = format!("{sender}: {error}; many servers refuse such a sender");
            Finding::warning(CheckStep::Sender, found).with_remedy(
                "set domain in [sendmail], or add a rule to [rewrite] of the configuration",
            )
        })
    }

    fn unreachable(&self, routes: &Routes) -> impl Iterator<Item = Finding> {
        routes.unreachable.iter().map(|(index, error)| {
            let recipient = &self.addresses.recipients[*index];
            let words = format!("<{recipient}>: {error}");
            let failed = |step| Finding::failed(step, &words);
            match error {
                RouteError::Loop(_) => failed(CheckStep::Route)
                    .with_remedy("set relay = \"HOST\" in the default profile"),
                error if error.may_pass() => failed(CheckStep::Route).with_remedy(
                    "correct /etc/resolv.conf, or set dns = \"ADDRESS\" in the profile",
                ),
                _ => failed(CheckStep::Recipient)
                    .with_remedy("choose another recipient with MAILTO or an alias"),
            }
        })
    }

    fn answers(&self, loaded: LoadedTransport<'_>, observer: &mut dyn Observer) -> Vec<Finding> {
        let options = loaded.options;
        if options.credentials.is_some() && !self.plan.logs_in {
            let why = "recipients are not checked without a login (--no-login)";
            return vec![Finding::unknown(CheckStep::Answer, why)];
        }
        let envelope = Envelope {
            sender: self.addresses.sender.clone(),
            recipients: self.addresses.recipients.clone(),
            dsn: Dsn::default(),
        };
        let outgoing = Outgoing {
            envelope: &envelope,
            message: &Nothing,
            purpose: Purpose::Question,
            item: None,
            log: None,
            next: None,
        };
        let transports = Transports::of(loaded);
        let pool = ConnectionPool::for_one_message(&transports);
        let report = deliver(&outgoing, &pool, observer);
        let results = report.results.iter();
        results.map(|result| self.answer(result, options)).collect()
    }

    fn answer(&self, result: &RecipientResult, transport: &Transport) -> Finding {
        let sender = self.addresses.sender.as_ref();
        let sender = sender.map_or_else(|| "<>".to_owned(), ToString::to_string);
        match result.verdict {
            RecipientStatus::Accepted => {
                let found = format!("{sender} to {}: {}", result.recipient, result.words());
                Finding::ok(CheckStep::Answer, found)
            }
            RecipientStatus::Refused => {
                let finding = Finding::failed(CheckStep::Answer, result.lasting_reason());
                match remedy(result, transport) {
                    Some(remedy) => finding.with_remedy(remedy),
                    None => finding,
                }
            }
            _ => Finding::warning(CheckStep::Answer, result.lasting_reason()),
        }
    }
}

/// The advice on a refusal by the server; `None` if there is none.
fn remedy(result: &RecipientResult, transport: &Transport) -> Option<String> {
    match result.stage.filter(|_| result.cause == Cause::Server)? {
        Stage::Mail => Some(
            "use a sender that the server accepts: set \"*\" = \"you@example.org\" in [rewrite] of the configuration"
                .to_owned(),
        ),
        Stage::Rcpt if transport.route.relay.is_some() && transport.credentials.is_none() => Some(
            "if the server requires a login, set user and password-command in the profile; otherwise choose another \
             recipient with MAILTO or an alias"
                .to_owned(),
        ),
        Stage::Rcpt => Some("choose another recipient with MAILTO or an alias".to_owned()),
        _ => None,
    }
}

/// The results for the hosts of one destination. A host that does not answer is not a failure if the next one
/// does.
fn destination_findings(replies: &[HostReply<'_>]) -> Vec<Finding> {
    let (last, others) = match replies.split_last() {
        Some((last, others)) => (last.findings(), others),
        None => return Vec::new(),
    };
    let is_answered = last.iter().any(|finding| finding.id == CheckStep::Server);
    let others = others.iter().flat_map(HostReply::findings).map(|finding| {
        if is_answered && finding.status == Status::Failed {
            return Finding {
                status: Status::Warning,
                ..finding
            };
        }
        finding
    });
    others.chain(last).collect()
}

/// The result for a fallback transport, in one line.
fn fallback_result(transport: &Transport, found: &[Finding]) -> Finding {
    let profile = shown(transport.profile.as_deref().unwrap_or_default());
    let worst = found.iter().max_by_key(|finding| finding.status);
    match worst {
        Some(bad) if matches!(bad.status, Status::Warning | Status::Failed) => Finding {
            id: CheckStep::Fallback.into(),
            status: Status::Warning,
            section: None,
            text: format!("profile {profile}: {}", bad.text),
            remedy: bad.remedy.clone(),
        },
        _ => Finding::ok(
            CheckStep::Fallback,
            format!("profile {profile}: {}", server_text(transport)),
        ),
    }
}

fn route_text(destination: &Destination, transport: &Transport) -> String {
    let profile = transport.profile.as_deref();
    let suffix = profile.map_or_else(String::new, |name| format!(" (profile {})", shown(name)));
    if transport.route.relay.is_some() {
        return format!("via {}{suffix}", server_text(transport));
    }
    let hosts: Vec<String> = destination.hosts.iter().map(Host::to_string).collect();
    format!(
        "via {}, port {}{suffix}",
        hosts.join(", "),
        destination.port
    )
}

/// The server of a transport, for display.
pub fn server_text(transport: &Transport) -> String {
    match &transport.route.relay {
        Some(endpoint) => match &endpoint.host {
            host @ (Host::Unix(_) | Host::Pipe(_)) => host.to_string(),
            host => format!("{host}:{}", endpoint.port),
        },
        None => "the mail exchanger of the recipient".to_owned(),
    }
}
