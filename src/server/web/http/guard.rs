//! Refuses requests that another site has caused: by a name that was changed to this address (DNS rebinding), or from a
//! page of its own (cross-site request forgery).

use crate::server::web::http::request::{Method, Request};
use std::net::IpAddr;

/// Checks a request. An error is the status and the text of the refusal.
pub fn check(request: &Request, names: &[String]) -> Result<(), (u16, String)> {
    let host = request.field("host").unwrap_or_default();
    if request.has_several("host") || !is_own(host, names) {
        return Err((
            421,
            format!("unknown host {host:?}; add it with --http-name"),
        ));
    }
    let refused = || {
        Err((
            403,
            "refused: the request comes from another site".to_owned(),
        ))
    };
    if let Some(origin) = request.field("origin") {
        let own = origin
            .strip_prefix("http://")
            .or_else(|| origin.strip_prefix("https://"));
        if own.is_none_or(|own| !own.eq_ignore_ascii_case(host)) {
            return refused();
        }
    }
    // A link from elsewhere may lead to the page.
    let is_visit = request.method == Method::Get
        && request.path.is_empty()
        && request.field("sec-fetch-mode") == Some("navigate");
    match request.field("sec-fetch-site") {
        None | Some("same-origin" | "none") => Ok(()),
        Some(_) if is_visit => Ok(()),
        Some(_) => refused(),
    }
}

/// True for addresses, names of this host, and names from the option. A site cannot have an address as its name.
fn is_own(host: &str, names: &[String]) -> bool {
    let name = match host.strip_prefix('[').and_then(|rest| rest.split_once(']')) {
        Some((address, _)) => return address.parse::<IpAddr>().is_ok(),
        None => host.rsplit_once(':').map_or(host, |(name, _)| name),
    };
    let name = name.trim_end_matches('.').to_ascii_lowercase();
    name.parse::<IpAddr>().is_ok()
        || name == "localhost"
        || name.ends_with(".localhost")
        || names.iter().any(|known| known.eq_ignore_ascii_case(&name))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hosts_are_addresses_or_known_names() {
        let names = ["mail".to_owned()];
        for host in [
            "127.0.0.1:8025",
            "[::1]:8025",
            "localhost",
            "MAIL:8025",
            "a.localhost:1",
        ] {
            assert!(is_own(host, &names), "{host}");
        }
        for host in [
            "",
            "evil.example",
            "127.0.0.1.evil.example:8025",
            "[evil]:1",
            "mail.evil",
        ] {
            assert!(!is_own(host, &names), "{host}");
        }
    }
}
