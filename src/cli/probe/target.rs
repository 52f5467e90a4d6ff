//! The servers to probe.

use crate::cli::probe::{ProbeOptions, Subject};
use crate::client::events::Silent;
use crate::client::peer::PeerAddress;
use crate::client::route::{Endpoint, Host, RouteError, Router};
use crate::probe::fleet::{Exchanger, exchangers};
use crate::probe::{Origin, ProbeResult};

/// One server to probe.
#[derive(Debug)]
pub struct ProbeTarget<'p> {
    pub subject: &'p Subject,
    /// The domain whose exchanger it is.
    pub domain: Option<&'p str>,
    pub endpoint: Endpoint,
    /// Its preference, if it was found by an MX.
    pub preference: Option<u16>,
    /// True if the MX records are signed, or there are none.
    pub is_mx_secure: bool,
    /// `None`: the first of its addresses that answers.
    pub peer: Option<Result<PeerAddress, RouteError>>,
}

impl ProbeTarget<'_> {
    /// The server that was contacted, else its name.
    pub fn server(&self, probe: &ProbeResult) -> String {
        let server = probe.server.as_ref().map(ToString::to_string);
        server.unwrap_or_else(|| self.endpoint.host.to_string())
    }

    /// The way in which it was found.
    pub fn origin(&self) -> Origin<'_> {
        match self.domain {
            Some(domain) => Origin::Exchanger {
                domain,
                is_secure: self.is_mx_secure,
            },
            None => Origin::Named,
        }
    }

    /// The server and its address.
    pub fn place(&self) -> (&Endpoint, Option<&PeerAddress>) {
        let peer = self.peer.as_ref().and_then(|peer| peer.as_ref().ok());
        (&self.endpoint, peer)
    }
}

/// The servers of the command line. Exchangers are looked up.
pub fn targets(options: &ProbeOptions) -> Vec<ProbeTarget<'_>> {
    options.subjects.iter().flat_map(of_subject).collect()
}

fn of_subject(subject: &Subject) -> Vec<ProbeTarget<'_>> {
    let route = &subject.transport.route;
    let Some(domain) = subject.mx.as_deref() else {
        let target = |endpoint: &Endpoint| ProbeTarget {
            subject,
            domain: None,
            endpoint: endpoint.clone(),
            preference: None,
            is_mx_secure: true,
            peer: None,
        };
        return route.relay.as_ref().map(target).into_iter().collect();
    };
    let port = route.relay.as_ref().map_or(route.port, |relay| relay.port);
    let target = |one: Exchanger| ProbeTarget {
        subject,
        domain: Some(domain),
        endpoint: one.endpoint,
        preference: one.preference,
        is_mx_secure: one.is_mx_secure,
        peer: Some(one.peer),
    };
    match exchangers(&Router::new(route), (domain, port), &mut Silent) {
        Ok(found) => found.into_iter().map(target).collect(),
        Err(error) => {
            let host = Host::Exchanger(domain.to_owned());
            vec![target(Exchanger {
                endpoint: Endpoint { host, port },
                preference: None,
                is_mx_secure: false,
                peer: Err(error),
            })]
        }
    }
}
