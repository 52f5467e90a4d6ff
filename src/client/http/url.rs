//! URLs of HTTP requests.

use std::fmt;
use std::net::IpAddr;
use std::str::FromStr;
use ureq_proto::http::Uri;

/// An `https` URL, or an `http` URL of a loopback address.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Url {
    pub(super) uri: Uri,
    host: String,
    port: u16,
    is_encrypted: bool,
}

/// Reason for which a text is not a URL for a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum UrlError {
    #[error("it is not a URL such as https://example.org/path")]
    Syntax,
    #[error("the host name of a URL is written in ASCII (xn--...)")]
    NotAscii,
    #[error("its scheme is not https")]
    Scheme,
    #[error("http is possible for a loopback address only; use https")]
    InClear,
    #[error("a URL must not contain a user name or a password")]
    Login,
    #[error("its port is not a number from 1 to 65535")]
    Port,
}

impl FromStr for Url {
    type Err = UrlError;

    fn from_str(text: &str) -> Result<Self, UrlError> {
        if !text.is_ascii() {
            return Err(UrlError::NotAscii);
        }
        let uri: Uri = text.parse().map_err(|_| UrlError::Syntax)?;
        let (Some(scheme), Some(authority)) = (uri.scheme_str(), uri.authority()) else {
            return Err(UrlError::Syntax);
        };
        let is_encrypted = match scheme {
            "https" => true,
            "http" => false,
            _ => return Err(UrlError::Scheme),
        };
        if authority.as_str().contains('@') {
            return Err(UrlError::Login);
        }
        let port = match authority.as_str().strip_prefix(authority.host()) {
            Some("") => {
                if is_encrypted {
                    443
                } else {
                    80
                }
            }
            _ => authority
                .port_u16()
                .filter(|port| *port > 0)
                .ok_or(UrlError::Port)?,
        };
        let host = authority
            .host()
            .trim_matches(['[', ']'])
            .to_ascii_lowercase();
        let host = host.strip_suffix('.').unwrap_or(&host).to_owned();
        if host.is_empty() {
            return Err(UrlError::Syntax);
        }
        let url = Self {
            uri,
            host,
            port,
            is_encrypted,
        };
        if !url.is_encrypted && !url.is_loopback() {
            return Err(UrlError::InClear);
        }
        Ok(url)
    }
}

impl Url {
    /// The host in lower case, without brackets and without a dot at the end.
    pub fn host(&self) -> &str {
        &self.host
    }

    pub fn port(&self) -> u16 {
        self.port
    }

    /// The address, if the host is one.
    pub fn ip(&self) -> Option<IpAddr> {
        self.host.parse().ok()
    }

    /// True for `https`.
    pub fn is_encrypted(&self) -> bool {
        self.is_encrypted
    }

    /// The URL with this word, which must need no quoting, as another part of its path; the query stays.
    pub fn below(&self, word: &str) -> Self {
        let path = self.uri.path().trim_end_matches('/');
        let query = self.uri.query().map(|query| format!("?{query}"));
        let target = format!("{path}/{word}{}", query.unwrap_or_default());
        let mut parts = self.uri.clone().into_parts();
        parts.path_and_query = target.parse().ok().or(parts.path_and_query);
        let uri = Uri::from_parts(parts).unwrap_or_else(|_| self.uri.clone());
        Self {
            uri,
            ..self.clone()
        }
    }

    fn is_loopback(&self) -> bool {
        self.host == "localhost" || self.ip().is_some_and(|ip| ip.is_loopback())
    }
}

/// Without the query, which may contain secrets.
impl fmt::Display for Url {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let scheme = if self.is_encrypted { "https" } else { "http" };
        let authority = self
            .uri
            .authority()
            .map_or("", |authority| authority.as_str());
        write!(f, "{scheme}://{authority}{}", self.uri.path())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn url_has_host_port_and_path() {
        for (text, host, port, shown) in [
            (
                "https://example.org",
                "example.org",
                443,
                "https://example.org/",
            ),
            (
                "https://Example.org./a?b=c",
                "example.org",
                443,
                "https://Example.org./a",
            ),
            (
                "https://example.org:8443/a/b#c",
                "example.org",
                8443,
                "https://example.org:8443/a/b",
            ),
            (
                "https://[2001:db8::1]/",
                "2001:db8::1",
                443,
                "https://[2001:db8::1]/",
            ),
            (
                "https://[2001:db8::1]:1/",
                "2001:db8::1",
                1,
                "https://[2001:db8::1]:1/",
            ),
            (
                "http://127.0.0.9:80/",
                "127.0.0.9",
                80,
                "http://127.0.0.9:80/",
            ),
            ("http://[::1]:8080/", "::1", 8080, "http://[::1]:8080/"),
            ("http://localhost/x", "localhost", 80, "http://localhost/x"),
        ] {
            let url: Url = text.parse().unwrap();
            assert_eq!((url.host(), url.port()), (host, port), "{text}");
            assert_eq!(url.to_string(), shown);
        }
    }

    #[test]
    fn word_is_added_to_the_path() {
        for (text, below) in [
            ("https://example.org", "/start"),
            ("https://example.org/", "/start"),
            ("https://example.org/a/b", "/a/b/start"),
            ("https://example.org/a/b/?c=d", "/a/b/start?c=d"),
        ] {
            let url: Url = text.parse().unwrap();
            let below_it = url.below("start");
            assert_eq!(below_it.uri.path_and_query().unwrap(), below);
            assert_eq!(below_it.host(), url.host());
        }
    }

    #[test]
    fn url_that_cannot_be_requested_safely_is_an_error() {
        for (text, error) in [
            ("", UrlError::Syntax),
            ("example.org", UrlError::Syntax),
            ("/path", UrlError::Syntax),
            ("https://", UrlError::Syntax),
            ("https:///path", UrlError::Syntax),
            ("https://example.org/a b", UrlError::Syntax),
            ("https://example.org/\r\nX: y", UrlError::Syntax),
            ("https://m\u{fc}nchen.example/", UrlError::NotAscii),
            ("ftp://example.org/", UrlError::Scheme),
            ("http://example.org/", UrlError::InClear),
            ("http://192.0.2.1/", UrlError::InClear),
            ("http://localhost.example.org/", UrlError::InClear),
            ("https://alice:secret@example.org/", UrlError::Login),
            ("https://example.org:0/", UrlError::Port),
            ("https://example.org:99999/", UrlError::Port),
            ("https://example.org:/", UrlError::Port),
        ] {
            assert_eq!(text.parse::<Url>(), Err(error), "{text}");
        }
    }
}
