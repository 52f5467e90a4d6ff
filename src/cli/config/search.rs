//! The search for the mail server of an address.

use crate::config::Provider;
use crate::mail::address::{Domain, Mailbox};
use crate::probe::discover::{
    Candidate, Discovery, FoundServer, Internet, SearchOptions, discover,
};

/// Searches for the server of an address.
pub fn search(address: &str, with_database: bool, options: &SearchOptions) -> Discovery {
    let Some((local, domain)) = parts(address) else {
        return Discovery::default();
    };
    let provider = |exchanger: &str| server_of(Provider::of_exchanger(exchanger)?);
    let mut internet = Internet::new(options, &provider);
    discover((&local, &domain), with_database, &mut internet)
}

/// The server of a provider.
fn server_of(provider: &Provider) -> Option<Candidate> {
    let (host, port) = provider.relay.split_once(':')?;
    let port = port.parse().ok()?;
    Some(Candidate::new(host, port, port == 465))
}

/// The server as `HOST:PORT`.
pub fn relay(found: &FoundServer) -> String {
    format!("{}:{}", found.candidate.host, found.candidate.port)
}

/// The value of `tls` for it.
pub fn tls(found: &FoundServer) -> &'static str {
    if found.candidate.is_implicit {
        "implicit"
    } else {
        "starttls"
    }
}

/// The user name for an address; `None`: no login.
pub fn user(address: &str, found: &FoundServer) -> Option<String> {
    let (local, domain) = parts(address)?;
    found.candidate.user.of(&local, &domain)
}

/// The local part, and the domain in A-labels.
fn parts(address: &str) -> Option<(String, String)> {
    let address = Mailbox::parse(address).ok()?.address;
    match address.domain() {
        Domain::Name(name) => Some((address.local().to_owned(), name.to_ascii_lowercase())),
        _ => None,
    }
}
