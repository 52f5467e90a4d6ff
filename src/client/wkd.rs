//! OpenPGP keys of recipients from the Web Key Directory of their domains (draft-koch-openpgp-webkey-service).

use crate::client::events::Silent;
use crate::client::http::{self, HttpClient, HttpError, Request, Response, Url};
use crate::client::route::{RouteError, RouteOptions, Router};
use crate::client::status::with_hint;
use crate::client::transport::Transport;
use crate::client::wire::Tls;
use crate::client::wire::tls::TlsOptions;
use crate::mail::address::{Address, Domain};
use crate::mail::crypt::KeyDirectory;
use ring::digest::{SHA1_FOR_LEGACY_USE_ONLY, digest};
use std::time::Duration;

/// Time limit of a request with its response.
const LIMIT: Duration = Duration::from_secs(30);

/// Maximum size of a key, in octets.
const MAX_KEY: usize = 256 * 1024;

/// The characters of z-base32.
const Z_BASE32: &[u8; 32] = b"ybndrfg8ejkmcpqxot1uwisza345h769";

/// Looks up keys by HTTPS. Hosts are looked up as for the transport; certificates are always verified.
#[derive(Clone, Debug)]
pub struct WebKeyDirectory {
    route: RouteOptions,
    tls: TlsOptions,
}

impl WebKeyDirectory {
    pub fn new(transport: &Transport) -> Self {
        Self {
            route: transport.route.clone(),
            tls: transport.tls.clone(),
        }
    }

    fn get(&self, url: &str) -> Result<Result<Response, HttpError>, String> {
        let url: Url = url.parse().map_err(|error| format!("{url}: {error}"))?;
        let tls = Tls::new(&http::tls_options(&self.tls)).map_err(|error| error.to_string())?;
        let client = HttpClient {
            router: &Router::new(&self.route),
            proxy_login: None,
            tls: &tls,
            limit: LIMIT,
            max_body: MAX_KEY,
        };
        Ok(client.send(&Request::get(&url), &mut Silent))
    }
}

impl KeyDirectory for WebKeyDirectory {
    fn find(&self, recipient: &Address) -> Result<Option<Vec<u8>>, String> {
        let Domain::Name(domain) = recipient.domain() else {
            return Ok(None);
        };
        let urls = DirectoryUrls::new(&recipient.unquoted_local(), &domain.to_ascii_lowercase());
        let mut url = urls.advanced;
        let mut response = self.get(&url)?;
        // §3.1: the direct method is for domains without the host of the advanced one.
        if matches!(&response, Err(HttpError::Route(error)) if is_absent(error)) {
            url = urls.direct;
            response = self.get(&url)?;
        }
        match response {
            Ok(response) if response.status == 200 => Ok(Some(response.body.expose().to_vec())),
            Ok(response) if matches!(response.status, 404 | 410) => Ok(None),
            Ok(response) => Err(format!(
                "{url}: the server returned status {}",
                response.status
            )),
            Err(HttpError::Route(error)) if is_absent(&error) => Ok(None),
            Err(error) => Err(format!(
                "{url}: {}",
                with_hint(&error.to_string(), error.hint())
            )),
        }
    }
}

/// True if the host does not exist.
fn is_absent(error: &RouteError) -> bool {
    matches!(
        error,
        RouteError::Address {
            may_pass: false,
            ..
        }
    )
}

/// Where the key of an address may be.
struct DirectoryUrls {
    advanced: String,
    direct: String,
}

impl DirectoryUrls {
    fn new(local: &str, domain: &str) -> Self {
        let hash = digest(
            &SHA1_FOR_LEGACY_USE_ONLY,
            local.to_ascii_lowercase().as_bytes(),
        );
        let key = format!("hu/{}?l={}", z_base32(hash.as_ref()), quoted(local));
        let path = ".well-known/openpgpkey";
        Self {
            advanced: format!("https://openpgpkey.{domain}/{path}/{domain}/{key}"),
            direct: format!("https://{domain}/{path}/{key}"),
        }
    }
}

/// z-base32 of octets whose number is a multiple of five.
fn z_base32(octets: &[u8]) -> String {
    let mut text = String::with_capacity(octets.len() / 5 * 8);
    for five in octets.chunks(5) {
        let bits = five
            .iter()
            .fold(0_u64, |bits, octet| (bits << 8) | u64::from(*octet));
        for group in (0..8).rev() {
            let index = usize::try_from((bits >> (group * 5)) & 31).unwrap_or(0);
            text.push(char::from(Z_BASE32[index]));
        }
    }
    text
}

/// A text in a query (RFC 3986 §2.1).
fn quoted(text: &str) -> String {
    let mut quoted = String::new();
    for octet in text.bytes() {
        match octet {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => {
                quoted.push(char::from(octet));
            }
            _ => quoted.push_str(&format!("%{octet:02X}")),
        }
    }
    quoted
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn urls_are_those_of_the_specification() {
        let urls = DirectoryUrls::new("Joe.Doe", "example.org");
        assert_eq!(
            urls.advanced,
            "https://openpgpkey.example.org/.well-known/openpgpkey/example.org/hu/\
             iy9q119eutrkn8s1mk4r39qejnbu3n5q?l=Joe.Doe"
        );
        assert_eq!(
            urls.direct,
            "https://example.org/.well-known/openpgpkey/hu/\
             iy9q119eutrkn8s1mk4r39qejnbu3n5q?l=Joe.Doe"
        );
    }

    #[test]
    fn local_part_is_quoted_in_the_query() {
        let urls = DirectoryUrls::new("a b+c&d\u{fc}", "example.org");
        assert!(
            urls.direct.ends_with("?l=a%20b%2Bc%26d%C3%BC"),
            "{}",
            urls.direct
        );
        assert!(urls.direct.parse::<Url>().is_ok());
    }
}
