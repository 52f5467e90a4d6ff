//! Endpoints of the providers: known ones, and those that a provider publishes (RFC 8414, `OpenID` Connect Discovery).

use crate::client::credentials::oauth::account::{Account, Provider};
use crate::client::credentials::oauth::error::OAuthError;
use crate::client::credentials::oauth::network::Network;
use crate::client::http::{Request, Url};
use crate::system::text::shown;
use serde::Deserialize;

/// The endpoints of a provider.
#[derive(Clone, Debug)]
pub struct Endpoints {
    /// The URL for the browser.
    pub authorization: Option<String>,
    pub token: Url,
    /// `None`: the provider has no device grant.
    pub device: Option<Url>,
    /// `None`: tokens cannot be revoked by a request (RFC 7009).
    pub revocation: Option<Url>,
    /// The value of `iss` in the response of the browser (RFC 9207).
    pub issuer: Option<String>,
    /// True if the secret of the client is a field of the form, else it is in the header (RFC 6749 §2.3.1).
    pub has_secret_in_form: bool,
}

impl Endpoints {
    /// The endpoints for an account. Those of an unknown provider are requested from it.
    pub fn of(account: &Account, network: &Network<'_>) -> Result<Self, OAuthError> {
        match &account.provider {
            Provider::Google => Self::known([
                "https://accounts.google.com/o/oauth2/v2/auth",
                "https://oauth2.googleapis.com/token",
                "https://oauth2.googleapis.com/device/code",
                "https://oauth2.googleapis.com/revoke",
            ]),
            Provider::Microsoft => {
                let tenant = account.tenant.as_deref().unwrap_or("common");
                let base = format!("https://login.microsoftonline.com/{tenant}/oauth2/v2.0");
                let all = ["authorize", "token", "devicecode"].map(|end| format!("{base}/{end}"));
                Self::known([&all[0], &all[1], &all[2], ""])
            }
            Provider::Other(issuer) => discovered(issuer, network),
        }
    }

    /// Endpoints of a service account, which needs no other.
    pub fn only_token(token: Url) -> Self {
        Self {
            authorization: None,
            token,
            device: None,
            revocation: None,
            issuer: None,
            has_secret_in_form: true,
        }
    }

    fn known([authorization, token, device, revocation]: [&str; 4]) -> Result<Self, OAuthError> {
        let parsed = |text: &str| {
            text.parse()
                .map_err(|error| OAuthError::Options(format!("{}: {error}", shown(text))))
        };
        let optional = |text: &str| (!text.is_empty()).then(|| parsed(text)).transpose();
        Ok(Self {
            authorization: Some(authorization.to_owned()),
            device: optional(device)?,
            revocation: optional(revocation)?,
            ..Self::only_token(parsed(token)?)
        })
    }
}

/// The metadata of an authorization server (RFC 8414 §2), as far as it is used.
#[derive(Deserialize)]
struct Metadata {
    issuer: String,
    authorization_endpoint: Option<String>,
    token_endpoint: String,
    device_authorization_endpoint: Option<String>,
    revocation_endpoint: Option<String>,
    token_endpoint_auth_methods_supported: Option<Vec<String>>,
}

/// Locations of the metadata: that of `OpenID` Connect is appended, that of RFC 8414 precedes the path.
fn locations(issuer: &str) -> Vec<String> {
    if issuer.contains("/.well-known/") {
        return vec![issuer.to_owned()];
    }
    let issuer = issuer.trim_end_matches('/');
    let start = issuer.find("://").map_or(0, |at| at + 3);
    let host = issuer[start..]
        .find('/')
        .map_or(issuer.len(), |at| start + at);
    let (host, path) = issuer.split_at(host);
    vec![
        format!("{issuer}/.well-known/openid-configuration"),
        format!("{host}/.well-known/oauth-authorization-server{path}"),
    ]
}

fn discovered(issuer: &Url, network: &Network<'_>) -> Result<Endpoints, OAuthError> {
    let name = issuer.to_string();
    let mut missing = String::new();
    for location in locations(&name) {
        let url: Url = location
            .parse()
            .map_err(|error| OAuthError::Options(format!("{}: {error}", shown(&location))))?;
        let response =
            network
                .send(&Request::get(&url))
                .map_err(|why| OAuthError::Unavailable {
                    provider: name.clone(),
                    why,
                })?;
        match response.status {
            200 => return endpoints(&name, response.body.expose()),
            400..=499 => missing = format!("{url} has status {}", response.status),
            status => {
                return Err(OAuthError::Unavailable {
                    provider: name,
                    why: format!("{url} has status {status}"),
                });
            }
        }
    }
    Err(OAuthError::Options(format!(
        "{name} publishes no endpoints: {missing}; name the issuer as its documentation does"
    )))
}

fn endpoints(name: &str, body: &[u8]) -> Result<Endpoints, OAuthError> {
    let invalid = |what: String| OAuthError::Invalid {
        provider: name.to_owned(),
        what,
    };
    let metadata: Metadata = serde_json::from_slice(body)
        .map_err(|error| invalid(format!("its metadata: {}", shown(&error.to_string()))))?;
    // RFC 8414 §3.3: the metadata of another issuer must not be used.
    let is_same = |one: &str| one.trim_end_matches('/') == name.trim_end_matches('/');
    if !is_same(&metadata.issuer) && !name.contains("/.well-known/") {
        return Err(invalid(format!(
            "its metadata is that of {}",
            shown(&metadata.issuer)
        )));
    }
    let url = |text: &str| -> Result<Url, OAuthError> {
        let parsed = text.parse();
        parsed.map_err(|error| invalid(format!("its endpoint {}: {error}", shown(text))))
    };
    let optional = |text: &Option<String>| text.as_deref().map(url).transpose();
    optional(&metadata.authorization_endpoint)?;
    let methods = metadata.token_endpoint_auth_methods_supported.as_ref();
    Ok(Endpoints {
        token: url(&metadata.token_endpoint)?,
        device: optional(&metadata.device_authorization_endpoint)?,
        revocation: optional(&metadata.revocation_endpoint)?,
        // The default is the header (RFC 8414 §2).
        has_secret_in_form: methods
            .is_some_and(|methods| methods.iter().any(|one| one == "client_secret_post")),
        authorization: metadata.authorization_endpoint,
        issuer: Some(metadata.issuer),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn metadata_is_below_the_issuer_or_before_its_path() {
        assert_eq!(
            locations("https://id.example.org/realms/mail/"),
            [
                "https://id.example.org/realms/mail/.well-known/openid-configuration",
                "https://id.example.org/.well-known/oauth-authorization-server/realms/mail",
            ]
        );
        assert_eq!(
            locations("https://id.example.org/")[1],
            "https://id.example.org/.well-known/oauth-authorization-server"
        );
        let exact = "https://id.example.org/.well-known/x";
        assert_eq!(locations(exact), [exact]);
    }

    fn read(json: &str) -> Result<Endpoints, String> {
        endpoints("https://id.example.org/", json.as_bytes()).map_err(|error| error.to_string())
    }

    #[test]
    fn endpoints_are_those_of_the_metadata() {
        let found = read(
            r#"{"issuer": "https://id.example.org", "token_endpoint": "https://id.example.org/t",
                "authorization_endpoint": "https://id.example.org/a?x=y", "other": [1]}"#,
        );
        let found = found.unwrap();
        assert_eq!(found.token.to_string(), "https://id.example.org/t");
        assert_eq!(found.authorization.unwrap(), "https://id.example.org/a?x=y");
        assert!(found.device.is_none() && found.revocation.is_none());
        assert!(!found.has_secret_in_form);
        let post = r#"{"issuer": "https://id.example.org/", "token_endpoint": "https://id.example.org/t",
                "token_endpoint_auth_methods_supported": ["none", "client_secret_post"]}"#;
        assert!(read(post).unwrap().has_secret_in_form);
    }

    #[test]
    fn metadata_of_another_issuer_or_without_tls_is_refused() {
        for (json, word) in [
            (
                r#"{"issuer": "https://evil.example", "token_endpoint": "https://evil.example/t"}"#,
                "that of https://evil.example",
            ),
            (
                r#"{"issuer": "https://id.example.org", "token_endpoint": "http://id.example.org/t"}"#,
                "use https",
            ),
            (
                r#"{"issuer": "https://id.example.org", "token_endpoint": "https://id.example.org/t",
                    "authorization_endpoint": "javascript:alert(1)"}"#,
                "its endpoint",
            ),
            (r#"{"issuer": "https://id.example.org"}"#, "token_endpoint"),
            ("<html>", "its metadata"),
        ] {
            let text = read(json).unwrap_err();
            assert!(text.contains(word), "{text}");
        }
    }

    #[test]
    fn known_providers_need_no_request() {
        let found = Endpoints::known(["https://a.org/a", "https://a.org/t", "", ""]).unwrap();
        assert!(found.has_secret_in_form && found.device.is_none() && found.revocation.is_none());
    }
}
