//! The domain of the sender, as large receivers such as Gmail judge mail of it from this host: SPF, DKIM, DMARC and the
//! name of the address.

use crate::client::events::Observer;
use crate::client::route::RouteOptions;
use crate::client::wire::tls::TlsOptions;
use crate::cron::DeliveryOptions;
use crate::cron::doctor::options;
use crate::cron::doctor::options::{CheckStep, DoctorFormat};
use crate::mail::address::{Address, Domain};
use crate::probe::check::{CheckOptions, DomainReport, Group, check as check_domain, is_public};
use crate::probe::{Finding, Status};
use crate::system::host;
use std::net::{IpAddr, UdpSocket};

/// Checks the records of the domain. Nothing is found without the network, or for a sender without a domain of its own.
pub fn check(
    plan: &options::Doctor,
    delivery: &DeliveryOptions,
    sender: Option<&Address>,
    observer: &mut dyn Observer,
) -> Vec<Finding> {
    let Some(Domain::Name(domain)) = sender.map(Address::domain) else {
        return Vec::new();
    };
    if !plan.online || plan.skip.contains(&CheckStep::Domain) || !host::is_qualified(domain) {
        return Vec::new();
    }
    let options = check_options(plan, delivery, domain);
    let report = check_domain(&options, domain, &[], observer);
    let bad = report
        .findings
        .iter()
        .filter(|finding| finding.status > Status::Unknown);
    let mut findings: Vec<Finding> = bad.map(as_warning).collect();
    findings.push(verdict(&options, &report));
    findings
}

fn check_options(plan: &options::Doctor, delivery: &DeliveryOptions, domain: &str) -> CheckOptions {
    let transport = &delivery.transport;
    let client = match &transport.route.relay {
        // The relay is the client of the receivers, by an address that is not known here.
        Some(_) => None,
        None => transport
            .route
            .bind
            .or_else(own_address)
            .filter(|ip| is_public(*ip)),
    };
    let mut groups = vec![Group::Spf, Group::Dkim, Group::Dmarc];
    groups.extend(client.map(|_| Group::Ptr));
    let chosen = delivery.signer.choose(&[domain.to_ascii_lowercase()]);
    CheckOptions {
        groups,
        selectors: chosen
            .map(|chosen| chosen.selectors_of(domain))
            .unwrap_or_default(),
        client,
        helo: transport.session.helo.clone(),
        lists: Vec::new(),
        is_parked: false,
        route: RouteOptions {
            relay: None,
            ..transport.route.clone()
        },
        tls: TlsOptions::default(),
        own_name: None,
        limit: plan.limit,
        is_serial: plan.shown == DoctorFormat::Sessions,
    }
}

/// The address from which this host reaches the Internet. No packet is sent.
fn own_address() -> Option<IpAddr> {
    let socket = UdpSocket::bind("0.0.0.0:0").ok()?;
    // An address for documentation (RFC 5737).
    socket.connect("192.0.2.1:25").ok()?;
    Some(socket.local_addr().ok()?.ip())
}

/// The finding as one of this step. The records of a domain do not prevent mail from being sent.
fn as_warning(finding: &Finding) -> Finding {
    Finding {
        id: CheckStep::Domain.into(),
        status: Status::Warning,
        text: format!("{}: {}", finding.id, finding.text),
        ..finding.clone()
    }
}

/// Gmail requires SPF or DKIM of every sender (550 5.7.26), and a name of the client's address (550 5.7.25).
fn verdict(options: &CheckOptions, report: &DomainReport) -> Finding {
    let domain = &report.domain;
    let has = |id: &str, status: Status| {
        let mut findings = report.findings.iter();
        findings.any(|finding| finding.id.0 == id && finding.status == status)
    };
    let is_signed = !options.selectors.is_empty() && has("dkim.key", Status::Ok);
    let spf = match options.client {
        Some(_) => has("spf.client", Status::Ok),
        None => has("spf.record", Status::Ok) && !has("spf.lookups", Status::Failed),
    };
    let unanswered = report
        .findings
        .iter()
        .find(|finding| finding.status == Status::Unknown);
    if let Some(unanswered) = unanswered.filter(|_| !spf || !is_signed) {
        let text = format!(
            "whether Gmail would accept mail of {domain} is not known: {}",
            unanswered.text
        );
        return Finding::unknown(CheckStep::Domain, text);
    }
    if !spf && !is_signed {
        let text = format!(
            "Gmail would refuse mail of {domain} from this host: neither SPF nor DKIM passes (550 5.7.26)"
        );
        return Finding::warning(CheckStep::Domain, text).with_remedy(
            "add this host or its relay to the SPF record, or sign mail: see ehlo-dkim(1)",
        );
    }
    if let Some(ip) = options.client.filter(|_| !has("ptr.confirmed", Status::Ok)) {
        let text =
            format!("Gmail would refuse mail from {ip}, which has no confirmed name (550 5.7.25)");
        return Finding::warning(CheckStep::Domain, text).with_remedy(
            "ask the operator of the network to set the name of the address, or use a relay",
        );
    }
    let method = match (spf, is_signed) {
        (true, true) => "SPF and DKIM",
        (true, false) => "SPF",
        _ => "DKIM",
    };
    let condition = match options.client {
        None if !is_signed => ", if the record includes the address that receivers see",
        _ => "",
    };
    Finding::ok(
        CheckStep::Domain,
        format!("Gmail would accept mail of {domain} by {method}{condition}"),
    )
}
