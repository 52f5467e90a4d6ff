//! The device grant (RFC 8628): a person enters a code in a browser on any device.

use crate::client::credentials::oauth::account::Account;
use crate::client::credentials::oauth::error::OAuthError;
use crate::client::credentials::oauth::request::{
    Failure, Field, TokenClient, Tokens, failure, masked, seconds, secret,
};
use crate::system::secret::Secret;
use crate::system::time::spoken;
use serde::Deserialize;
use std::thread;
use std::time::{Duration, Instant};

const GRANT: &str = "urn:ietf:params:oauth:grant-type:device_code";

/// RFC 8628 §3.2: the interval if the response has none.
const USUAL_INTERVAL: i64 = 5;

/// RFC 8628 §3.5: the increase of the interval after `slow_down`.
const SLOWER: Duration = Duration::from_secs(5);

/// Largest interval after failures of the network.
const MAX_INTERVAL: Duration = Duration::from_secs(60);

/// A code for a person, and one for this program.
#[derive(Debug, Deserialize)]
pub struct DeviceCode {
    #[serde(rename = "device_code", default, deserialize_with = "secret")]
    secret: Option<Secret>,
    pub user_code: String,
    /// Google names it `verification_url`.
    #[serde(alias = "verification_url")]
    pub verification_uri: String,
    /// The address that contains the code.
    pub verification_uri_complete: Option<String>,
    #[serde(default, deserialize_with = "seconds")]
    expires_in: Option<i64>,
    #[serde(default, deserialize_with = "seconds")]
    interval: Option<i64>,
}

impl DeviceCode {
    /// Requests a code.
    pub fn request(client: &TokenClient<'_>, account: &Account) -> Result<Self, OAuthError> {
        let Some(url) = &client.endpoints.device else {
            return Err(OAuthError::Options(format!(
                "{} has no device login; use --browser or --paste",
                account.provider
            )));
        };
        let scope = account.scope();
        let fields = [("scope", Field::Text(&scope))];
        let code = client.post(url, &fields).and_then(|response| {
            let body = response.body.expose();
            match failure(response.status, body) {
                Some(failure) => Err(masked(failure, &fields, client.secret)),
                None => Self::read(body),
            }
        });
        code.map_err(|failure| failure.error(account))
    }

    fn read(body: &[u8]) -> Result<Self, Failure> {
        let invalid = || Failure::Invalid("it is not a JSON object with a device code".to_owned());
        let code: Self = serde_json::from_slice(body).map_err(|_| invalid())?;
        let has_code = code
            .secret
            .as_ref()
            .is_some_and(|code| !code.expose().is_empty());
        if has_code { Ok(code) } else { Err(invalid()) }
    }

    /// The validity of the code.
    pub fn limit(&self) -> Duration {
        let seconds = self.expires_in.unwrap_or(900).clamp(1, 3600);
        Duration::from_secs(seconds.unsigned_abs())
    }

    /// Waits until the person has entered the code.
    pub fn wait(&self, client: &TokenClient<'_>, account: &Account) -> Result<Tokens, OAuthError> {
        let device_code = self
            .secret
            .clone()
            .unwrap_or_else(|| Secret::new(Vec::new()));
        let mut polling = Polling::new(self.interval, self.limit());
        let end = Instant::now() + self.limit();
        loop {
            thread::sleep(polling.interval);
            let fields = [
                ("grant_type", Field::Text(GRANT)),
                ("device_code", Field::Secret(&device_code)),
            ];
            match client.tokens(&fields) {
                Ok(tokens) => return Ok(tokens),
                Err(failure) => polling.failed(failure, account)?,
            }
            if Instant::now() + polling.interval > end {
                return Err(OAuthError::Expired(spoken(self.limit())));
            }
        }
    }
}

/// The pauses between requests.
struct Polling {
    interval: Duration,
    limit: Duration,
}

impl Polling {
    fn new(interval: Option<i64>, limit: Duration) -> Self {
        let seconds = interval.unwrap_or(USUAL_INTERVAL).clamp(0, 60);
        Self {
            interval: Duration::from_secs(seconds.unsigned_abs()),
            limit,
        }
    }

    /// The consequence of a failure: another pause, or the end.
    fn failed(&mut self, failure: Failure, account: &Account) -> Result<(), OAuthError> {
        let code = match &failure {
            Failure::Code { code, .. } => code.as_str(),
            // RFC 8628 §3.5: exponential backoff if there is no connection.
            Failure::Unavailable(_) => {
                let doubled = (self.interval * 2).max(Duration::from_secs(1));
                self.interval = doubled.min(MAX_INTERVAL);
                return Ok(());
            }
            Failure::Invalid(_) => "",
        };
        match code {
            "authorization_pending" => Ok(()),
            "slow_down" => {
                self.interval += SLOWER;
                Ok(())
            }
            "expired_token" => Err(OAuthError::Expired(spoken(self.limit))),
            "access_denied" => Err(OAuthError::Denied {
                provider: account.provider.to_string(),
                why: match failure {
                    Failure::Code { why, .. } => why,
                    _ => String::new(),
                },
            }),
            _ => Err(failure.error(account)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::client::credentials::oauth::account::Grant;

    fn account() -> Account {
        Account {
            provider: "microsoft".parse().unwrap(),
            user: "alice@example.org".to_owned(),
            grant: Grant::User,
            client_id: None,
            tenant: None,
            scope: None,
            client_secret: None,
            key_file: None,
        }
    }

    fn code(code: &str) -> Failure {
        Failure::Code {
            code: code.to_owned(),
            why: code.to_owned(),
        }
    }

    #[test]
    fn pauses_become_longer_as_the_provider_requests() {
        let mut polling = Polling::new(None, Duration::from_secs(900));
        let mut pauses = Vec::new();
        for failure in [
            code("authorization_pending"),
            code("slow_down"),
            code("authorization_pending"),
            code("slow_down"),
            Failure::Unavailable(String::new()),
            Failure::Unavailable(String::new()),
            Failure::Unavailable(String::new()),
        ] {
            polling.failed(failure, &account()).unwrap();
            pauses.push(polling.interval.as_secs());
        }
        assert_eq!(pauses, [5, 10, 10, 15, 30, 60, 60]);
        assert_eq!(
            Polling::new(Some(0), Duration::ZERO).interval,
            Duration::ZERO
        );
    }

    #[test]
    fn refusals_end_the_login() {
        let is_expired: fn(&OAuthError) -> bool = |error| matches!(error, OAuthError::Expired(_));
        for (failure, is_right) in [
            (code("expired_token"), is_expired),
            (code("access_denied"), |error| {
                matches!(error, OAuthError::Denied { .. })
            }),
            (code("invalid_client"), |error| {
                matches!(error, OAuthError::Refused { .. })
            }),
            (Failure::Invalid(String::new()), |error| {
                matches!(error, OAuthError::Invalid { .. })
            }),
        ] {
            let mut polling = Polling::new(Some(1), Duration::from_secs(900));
            let error = polling.failed(failure, &account()).unwrap_err();
            assert!(is_right(&error), "{error}");
        }
    }

    #[test]
    fn response_has_both_codes() {
        let read = |text: &str| DeviceCode::read(text.as_bytes());
        let code = read(
            r#"{"device_code": "d", "user_code": "AB-CD", "verification_url": "https://a.org/d",
                "expires_in": "900", "interval": 1}"#,
        );
        let code = code.unwrap();
        assert_eq!(code.verification_uri, "https://a.org/d");
        assert_eq!((code.limit().as_secs(), code.interval), (900, Some(1)));
        for text in [
            "{}",
            r#"{"user_code": "AB", "verification_uri": "x"}"#,
            r#"{"device_code": "", "user_code": "AB", "verification_uri": "x"}"#,
        ] {
            assert!(matches!(read(text), Err(Failure::Invalid(_))), "{text}");
        }
    }
}
