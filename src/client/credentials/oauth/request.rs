//! Requests to the token endpoint and their responses (RFC 6749 §5).

use crate::client::credentials::oauth::account::Account;
use crate::client::credentials::oauth::error::OAuthError;
use crate::client::credentials::oauth::network::Network;
use crate::client::credentials::oauth::provider::Endpoints;
use crate::client::http::{Request, Response, Url};
use crate::system::secret::Secret;
use crate::system::text::shown;
use crate::system::time::spoken;
use base64::prelude::{BASE64_STANDARD, Engine as _};
use chrono::DateTime;
use serde::Deserialize;
use std::time::Duration;
use zeroize::Zeroizing;

/// Largest difference between the clocks that is not reported.
const MAX_SKEW: Duration = Duration::from_secs(300);

/// Longest text of a provider that is quoted, in characters.
const MAX_QUOTED: usize = 300;

/// Validity of an access token if the response does not say, in seconds.
const USUAL_VALIDITY: i64 = 300;

/// A field of a form.
pub enum Field<'a> {
    Text(&'a str),
    Secret(&'a Secret),
}

impl Field<'_> {
    fn text(&self) -> &str {
        match self {
            Self::Text(text) => text,
            // Secrets are texts: they come from JSON, from a file of text or from this program.
            Self::Secret(secret) => std::str::from_utf8(secret.expose()).unwrap_or_default(),
        }
    }
}

/// Tokens that a provider returned.
#[derive(Debug, PartialEq, Eq)]
pub struct Tokens {
    pub access: Secret,
    /// `None`: the old one remains valid.
    pub refresh: Option<Secret>,
    /// Validity of the access token, in seconds.
    pub expires_in: i64,
    /// Validity of the refresh token, in seconds, if the provider names it.
    pub refresh_expires_in: Option<i64>,
}

/// Reason for which a provider returned no tokens.
#[derive(Debug, PartialEq, Eq)]
pub enum Failure {
    /// It answered with an error code.
    Code {
        /// The code (RFC 6749 §5.2).
        code: String,
        /// A sentence with the code, safe to show.
        why: String,
    },
    /// No response, or one that says that the provider is in trouble.
    Unavailable(String),
    /// The response is not one of OAuth.
    Invalid(String),
}

impl Failure {
    /// The error, if no special meaning of the code applies.
    pub fn error(self, account: &Account) -> OAuthError {
        let provider = account.provider.to_string();
        match self {
            Self::Code { why, .. } => OAuthError::Refused { provider, why },
            Self::Unavailable(why) => OAuthError::Unavailable { provider, why },
            Self::Invalid(what) => OAuthError::Invalid { provider, what },
        }
    }

    pub fn has_code(&self, wanted: &str) -> bool {
        matches!(self, Self::Code { code, .. } if code == wanted)
    }
}

/// A client as it identifies itself to the provider.
pub struct TokenClient<'a> {
    pub endpoints: &'a Endpoints,
    pub client_id: Option<&'a str>,
    /// `None`: a public client.
    pub secret: Option<&'a Secret>,
    pub network: &'a Network<'a>,
}

impl TokenClient<'_> {
    /// Sends a form to the token endpoint.
    pub fn tokens(&self, fields: &[(&str, Field<'_>)]) -> Result<Tokens, Failure> {
        let response = self.post(&self.endpoints.token, fields)?;
        tokens(response.status, response.body.expose()).map_err(|failure| {
            let failure = masked(failure, fields, self.secret);
            with_skew(failure, &response)
        })
    }

    /// Sends a form with the identity of the client.
    pub fn post(&self, url: &Url, fields: &[(&str, Field<'_>)]) -> Result<Response, Failure> {
        let mut form: Vec<(&str, &str)> = fields
            .iter()
            .map(|(name, field)| (*name, field.text()))
            .collect();
        let header = match (self.client_id, self.secret) {
            (Some(id), Some(secret)) if !self.endpoints.has_secret_in_form => {
                Some(basic(id, secret))
            }
            (id, secret) => {
                form.extend(id.map(|id| ("client_id", id)));
                let secret = secret.and_then(|secret| std::str::from_utf8(secret.expose()).ok());
                form.extend(secret.map(|secret| ("client_secret", secret)));
                None
            }
        };
        let mut request = Request::post_form(url, &form);
        if let Some(header) = header {
            request = request.header("authorization", header);
        }
        self.send(request)
    }

    fn send(&self, request: Request<'_>) -> Result<Response, Failure> {
        let accept = Secret::new(b"application/json".to_vec());
        let request = request.header("accept", accept);
        self.network.send(&request).map_err(Failure::Unavailable)
    }
}

/// The identity of a client in a header (RFC 6749 §2.3.1): both parts are encoded as in a form.
fn basic(id: &str, secret: &Secret) -> Secret {
    let encoded = |text: &[u8]| form_urlencoded::byte_serialize(text).collect::<String>();
    let pair = Zeroizing::new(format!(
        "{}:{}",
        encoded(id.as_bytes()),
        encoded(secret.expose())
    ));
    let mut header = String::with_capacity(8 + pair.len().div_ceil(3) * 4);
    header.push_str("Basic ");
    BASE64_STANDARD.encode_string(pair.as_bytes(), &mut header);
    Secret::new(header.into_bytes())
}

#[derive(Deserialize)]
struct TokenResponse {
    #[serde(default, deserialize_with = "secret")]
    access_token: Option<Secret>,
    #[serde(default, deserialize_with = "secret")]
    refresh_token: Option<Secret>,
    token_type: Option<String>,
    #[serde(default, deserialize_with = "seconds")]
    expires_in: Option<i64>,
    #[serde(default, deserialize_with = "seconds")]
    refresh_token_expires_in: Option<i64>,
}

#[derive(Deserialize)]
struct ErrorResponse {
    error: String,
    #[serde(default)]
    error_description: Option<String>,
}

pub fn secret<'de, D: serde::Deserializer<'de>>(from: D) -> Result<Option<Secret>, D::Error> {
    let text = Option::<String>::deserialize(from)?;
    Ok(text.map(|text| Secret::new(text.into_bytes())))
}

/// A number of seconds, which some providers write as a string.
pub fn seconds<'de, D: serde::Deserializer<'de>>(from: D) -> Result<Option<i64>, D::Error> {
    let value = Option::<serde_json::Value>::deserialize(from)?;
    Ok(match value {
        Some(serde_json::Value::Number(number)) => number.as_i64(),
        Some(serde_json::Value::String(text)) => text.parse().ok(),
        _ => None,
    })
}

fn tokens(status: u16, body: &[u8]) -> Result<Tokens, Failure> {
    if let Some(failure) = failure(status, body) {
        return Err(failure);
    }
    let invalid = |what: &str| Failure::Invalid(what.to_owned());
    // The error of the parser would quote a token.
    let response: TokenResponse =
        serde_json::from_slice(body).map_err(|_| invalid("it is not a JSON object of tokens"))?;
    let access = response
        .access_token
        .ok_or_else(|| invalid("it has no access_token"))?;
    let is_text = |secret: &Secret| {
        secret
            .expose()
            .iter()
            .all(|byte| (b' '..=b'~').contains(byte))
    };
    // RFC 6749, appendix A.12. In XOAUTH2, a control character ends the token.
    if access.expose().is_empty() || !is_text(&access) {
        return Err(invalid("its access_token is not a line of ASCII text"));
    }
    let is_bearer = |kind: &String| kind.eq_ignore_ascii_case("bearer");
    if !response.token_type.as_ref().is_none_or(is_bearer) {
        return Err(invalid("its token_type is not Bearer"));
    }
    let refresh = response
        .refresh_token
        .filter(|secret| !secret.expose().is_empty());
    if !refresh.as_ref().is_none_or(is_text) {
        return Err(invalid("its refresh_token is not a line of ASCII text"));
    }
    Ok(Tokens {
        access,
        refresh,
        expires_in: response
            .expires_in
            .unwrap_or(USUAL_VALIDITY)
            .clamp(0, 366 * 86_400),
        refresh_expires_in: response
            .refresh_token_expires_in
            .filter(|seconds| *seconds > 0),
    })
}

/// The failure that a response reports. `None`: it reports none.
pub fn failure(status: u16, body: &[u8]) -> Option<Failure> {
    let error: Option<ErrorResponse> = serde_json::from_slice(body).ok();
    let is_trouble = |error: &ErrorResponse| {
        matches!(
            error.error.as_str(),
            "temporarily_unavailable" | "server_error"
        )
    };
    let is_unavailable =
        matches!(status, 408 | 429 | 500..) || error.as_ref().is_some_and(is_trouble);
    match error {
        Some(error) if is_unavailable => Some(Failure::Unavailable(format!(
            "it answered with status {status} ({})",
            sentence(&error)
        ))),
        Some(error) => Some(Failure::Code {
            why: sentence(&error),
            code: error.error,
        }),
        None if is_unavailable => Some(Failure::Unavailable(format!(
            "it answered with status {status}"
        ))),
        None if (200..300).contains(&status) => None,
        None => Some(Failure::Invalid(format!(
            "it answered with status {status}"
        ))),
    }
}

/// The code and its description. The first line is enough: Microsoft appends identifiers of the request.
fn sentence(error: &ErrorResponse) -> String {
    let description = error.error_description.as_deref().unwrap_or_default();
    let description = description.lines().next().unwrap_or_default().trim();
    let short = |text: &str| shown(&text.chars().take(MAX_QUOTED).collect::<String>());
    match description {
        "" => short(&error.error),
        text => format!("{}: {}", short(&error.error), short(text)),
    }
}

/// A provider may quote the request in its error.
pub fn masked(failure: Failure, fields: &[(&str, Field<'_>)], secret: Option<&Secret>) -> Failure {
    let of_fields = fields.iter().filter_map(|(_, field)| match field {
        Field::Secret(secret) => Some(*secret),
        Field::Text(_) => None,
    });
    let mut texts: Vec<&str> = of_fields
        .chain(secret)
        .filter_map(|secret| std::str::from_utf8(secret.expose()).ok())
        .filter(|text| text.len() > 3)
        .collect();
    texts.sort_by_key(|text| std::cmp::Reverse(text.len()));
    let mask = |text: String| {
        let masked = texts
            .iter()
            .fold(text, |text, secret| text.replace(secret, "********"));
        // A part of a secret may be at the end of the text that was cut.
        let is_part = |secret: &&&str| {
            let parts = (8..secret.len()).filter(|at| secret.is_char_boundary(*at));
            parts
                .map(|at| &secret[..at])
                .any(|part| masked.ends_with(part))
        };
        if texts.iter().any(|secret| is_part(&secret)) {
            return "an error that quotes a secret".to_owned();
        }
        masked
    };
    match failure {
        Failure::Code { code, why } => Failure::Code {
            code: mask(code),
            why: mask(why),
        },
        Failure::Unavailable(why) => Failure::Unavailable(mask(why)),
        Failure::Invalid(what) => Failure::Invalid(mask(what)),
    }
}

/// Adds the difference of the clocks, which makes signed requests fail.
fn with_skew(failure: Failure, response: &Response) -> Failure {
    let theirs = response
        .header("date")
        .and_then(|date| DateTime::parse_from_rfc2822(date).ok());
    let skew = theirs.and_then(|theirs| skew(theirs.timestamp(), chrono::Utc::now().timestamp()));
    match (failure, skew) {
        (Failure::Code { code, why }, Some(skew)) => Failure::Code {
            code,
            why: format!("{why} ({skew})"),
        },
        (failure, _) => failure,
    }
}

fn skew(theirs: i64, ours: i64) -> Option<String> {
    let difference = Duration::from_secs(theirs.abs_diff(ours));
    let side = if ours > theirs { "ahead of" } else { "behind" };
    (difference > MAX_SKEW).then(|| {
        format!(
            "the clock of this host is {} {side} that of the provider",
            spoken(difference)
        )
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn response_has_tokens() {
        let found = tokens(
            200,
            br#"{"access_token": "ya29.x", "token_type": "bearer", "expires_in": "3599",
                 "refresh_token": "1//y", "refresh_token_expires_in": 604799, "scope": "x"}"#,
        );
        let found = found.unwrap();
        assert_eq!(found.access.expose(), b"ya29.x");
        assert_eq!(found.refresh.unwrap().expose(), b"1//y");
        assert_eq!(
            (found.expires_in, found.refresh_expires_in),
            (3599, Some(604_799))
        );
        let short = tokens(200, br#"{"access_token": "x", "refresh_token": ""}"#).unwrap();
        assert_eq!((short.refresh, short.expires_in), (None, USUAL_VALIDITY));
    }

    #[test]
    fn response_without_a_usable_token_is_invalid() {
        for body in [
            &b"<html>ya29.x</html>"[..],
            b"{}",
            b"[]",
            br#"{"access_token": ""}"#,
            br#"{"access_token": "a\u0001auth=b"}"#,
            br#"{"access_token": "a\r\nb"}"#,
            br#"{"access_token": "a", "token_type": "mac"}"#,
            br#"{"access_token": "a", "refresh_token": "a\nb"}"#,
            br#"{"access_token": ["ya29.x"]}"#,
        ] {
            let Err(Failure::Invalid(text)) = tokens(200, body) else {
                panic!("{body:?}")
            };
            assert!(!text.contains("ya29"), "{text}");
        }
    }

    #[test]
    fn failure_is_an_error_code_or_a_status() {
        let code = |code: &str, why: &str| Failure::Code {
            code: code.to_owned(),
            why: why.to_owned(),
        };
        for (status, body, right) in [
            (
                400,
                r#"{"error": "invalid_grant"}"#,
                code("invalid_grant", "invalid_grant"),
            ),
            (
                401,
                r#"{"error": "invalid_client", "error_description": "AADSTS1: no\r\nTrace ID: 1"}"#,
                code("invalid_client", "invalid_client: AADSTS1: no"),
            ),
            (
                200,
                r#"{"error": "access_denied"}"#,
                code("access_denied", "access_denied"),
            ),
            (
                400,
                r#"{"error": "a\u001b[2J"}"#,
                code("a\u{1b}[2J", "a\\u{1b}[2J"),
            ),
            (
                503,
                "busy",
                Failure::Unavailable("it answered with status 503".to_owned()),
            ),
            (
                400,
                r#"{"error": "temporarily_unavailable"}"#,
                Failure::Unavailable(
                    "it answered with status 400 (temporarily_unavailable)".to_owned(),
                ),
            ),
            (
                429,
                r#"{"error": "slow_down"}"#,
                Failure::Unavailable("it answered with status 429 (slow_down)".to_owned()),
            ),
            (
                404,
                "",
                Failure::Invalid("it answered with status 404".to_owned()),
            ),
            (
                302,
                "",
                Failure::Invalid("it answered with status 302".to_owned()),
            ),
        ] {
            assert_eq!(
                failure(status, body.as_bytes()),
                Some(right),
                "{status} {body}"
            );
        }
        assert_eq!(failure(200, b"{}"), None);
    }

    #[test]
    fn secret_that_a_provider_quotes_is_masked() {
        let secret = Secret::new(b"1//refresh".to_vec());
        let fields = [("refresh_token", Field::Secret(&secret))];
        let failure = Failure::Code {
            code: "invalid_grant".to_owned(),
            why: "invalid_grant: 1//refresh is not known".to_owned(),
        };
        let Failure::Code { why, .. } = masked(failure, &fields, None) else {
            panic!()
        };
        assert_eq!(why, "invalid_grant: ******** is not known");
        let cut = Failure::Unavailable("the token 1//refres".to_owned());
        let cut = masked(cut, &fields, None);
        assert!(!format!("{cut:?}").contains("1//ref"), "{cut:?}");
    }

    #[test]
    fn header_has_the_encoded_identity() {
        let header = basic("a b", &Secret::new(b"x:y".to_vec()));
        assert_eq!(header.expose(), b"Basic YStiOnglM0F5");
    }

    #[test]
    fn difference_of_the_clocks_is_reported() {
        assert_eq!(skew(1000, 1200), None);
        assert_eq!(
            skew(1000, 8200).unwrap(),
            "the clock of this host is 2 hours ahead of that of the provider"
        );
        assert!(skew(8200, 1000).unwrap().contains("behind"));
    }
}
