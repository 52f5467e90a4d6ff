//! The account for which tokens are obtained, and the ways to obtain them.

use crate::client::http::Url;
use serde::{Deserialize, Serialize};
use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;

/// Everything that identifies a login, without any secret.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Account {
    pub provider: Provider,
    pub user: String,
    pub grant: Grant,
    /// `None` for a service account, whose key names it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub client_id: Option<String>,
    /// Only of Microsoft: a domain, an id, `common`, `organizations` or `consumers`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tenant: Option<String>,
    /// `None`: the scope for sending mail.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub scope: Option<String>,
    /// `None`: a public client, which has no secret.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub client_secret: Option<ClientSecret>,
    /// The key of a service account (JSON).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub key_file: Option<PathBuf>,
}

impl Account {
    /// The first difference to another account for which tokens cannot be used here.
    pub fn difference(&self, other: &Self) -> Option<&'static str> {
        let differs = [
            (self.provider != other.provider, "provider"),
            (self.user != other.user, "user"),
            (self.grant != other.grant, "grant"),
            (self.client_id != other.client_id, "client id"),
            (self.tenant != other.tenant, "tenant"),
            (self.scope != other.scope, "scope"),
        ];
        let first = differs.into_iter().find(|(differs, _)| *differs);
        first.map(|(_, name)| name)
    }

    /// The scope of the request: the one that was chosen, else the one for sending mail.
    pub fn scope(&self) -> String {
        let usual = match (&self.provider, self.grant) {
            (Provider::Google, _) => "https://mail.google.com/",
            (Provider::Microsoft, Grant::ClientCredentials) => {
                "https://outlook.office365.com/.default"
            }
            (Provider::Microsoft, _) => "https://outlook.office.com/SMTP.Send offline_access",
            (Provider::Other(_), Grant::User) => "openid offline_access",
            (Provider::Other(_), _) => "",
        };
        self.scope.clone().unwrap_or_else(|| usual.to_owned())
    }
}

/// `alice@example.org at google`
impl fmt::Display for Account {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} at {}", self.user, self.provider)
    }
}

/// An authorization server.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub enum Provider {
    Google,
    Microsoft,
    /// The issuer, whose endpoints are looked up (RFC 8414).
    Other(Url),
}

impl FromStr for Provider {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "google" => Ok(Self::Google),
            "microsoft" => Ok(Self::Microsoft),
            url if url.contains("://") => {
                if url.contains(['?', '#']) {
                    return Err("the URL of a provider has no query".to_owned());
                }
                url.parse()
                    .map(Self::Other)
                    .map_err(|error: crate::client::http::UrlError| error.to_string())
            }
            _ => Err("expected google, microsoft, or the URL of a provider".to_owned()),
        }
    }
}

impl TryFrom<String> for Provider {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        text.parse()
    }
}

impl From<Provider> for String {
    fn from(provider: Provider) -> Self {
        provider.to_string()
    }
}

impl fmt::Display for Provider {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Google => f.write_str("google"),
            Self::Microsoft => f.write_str("microsoft"),
            Self::Other(url) => write!(f, "{url}"),
        }
    }
}

/// The way in which a token is obtained.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Grant {
    /// A person logs in once, and the refresh token is kept (RFC 6749 §4.1, RFC 8628).
    #[default]
    User,
    /// The program has a login of its own (RFC 6749 §4.4).
    ClientCredentials,
    /// The program signs a request with the key of a service account (RFC 7523).
    ServiceAccount,
}

/// The place of the client's secret. `Debug` does not show the command, because it may contain the secret.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ClientSecret {
    /// The first line of this file.
    File(PathBuf),
    /// The first line that this shell command prints.
    Command(String),
}

impl fmt::Debug for ClientSecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File(path) => f.debug_tuple("File").field(path).finish(),
            Self::Command(_) => f.write_str("Command(redacted)"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn provider_is_a_name_or_a_url() {
        for (text, shown) in [
            ("google", "google"),
            ("microsoft", "microsoft"),
            (
                "https://id.example.org/realms/mail",
                "https://id.example.org/realms/mail",
            ),
            ("http://127.0.0.1:8080", "http://127.0.0.1:8080/"),
        ] {
            let provider: Provider = text.parse().unwrap();
            assert_eq!(provider.to_string(), shown);
            assert_eq!(provider.to_string().parse(), Ok(provider));
        }
        for text in [
            "",
            "gmail",
            "id.example.org",
            "http://id.example.org",
            "https://a.org/?b=c",
        ] {
            assert!(text.parse::<Provider>().is_err(), "{text}");
        }
    }

    #[test]
    fn scope_is_that_for_sending_mail() {
        let account = |provider: &str, grant| Account {
            provider: provider.parse().unwrap(),
            user: "alice@example.org".to_owned(),
            grant,
            client_id: None,
            tenant: None,
            scope: None,
            client_secret: None,
            key_file: None,
        };
        for (provider, grant, scope) in [
            ("google", Grant::User, "https://mail.google.com/"),
            ("google", Grant::ServiceAccount, "https://mail.google.com/"),
            (
                "microsoft",
                Grant::User,
                "https://outlook.office.com/SMTP.Send offline_access",
            ),
            (
                "microsoft",
                Grant::ClientCredentials,
                "https://outlook.office365.com/.default",
            ),
            (
                "https://id.example.org",
                Grant::User,
                "openid offline_access",
            ),
            ("https://id.example.org", Grant::ClientCredentials, ""),
        ] {
            assert_eq!(account(provider, grant).scope(), scope);
        }
    }
}
