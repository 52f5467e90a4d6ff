//! The authorization code grant with PKCE (RFC 6749 §4.1, RFC 7636) over a loopback redirect (RFC 8252).

use crate::client::credentials::oauth::account::{Account, Provider};
use crate::client::credentials::oauth::error::OAuthError;
use crate::client::credentials::oauth::provider::Endpoints;
use crate::system::secret::Secret;
use crate::system::text::shown;
use crate::system::time::spoken;
use base64::prelude::{BASE64_URL_SAFE_NO_PAD, Engine as _};
use ring::digest::{SHA256, digest};
use ring::rand::{SecureRandom as _, SystemRandom};
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use std::io::{self, ErrorKind, Read as _, Write as _};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::time::{Duration, Instant};
use zeroize::Zeroizing;

/// Time limit for the person at the browser.
const LOGIN_LIMIT: Duration = Duration::from_secs(600);

/// Time limit for a connection to send its request.
const REQUEST_LIMIT: Duration = Duration::from_secs(5);

/// Maximum size of a request of the browser.
const MAX_REQUEST: usize = 16 * 1024;

/// A login that has begun.
pub struct Authorization {
    /// The URL for the browser.
    pub url: String,
    pub verifier: Secret,
    pub redirect: String,
    state: Secret,
    issuer: Option<String>,
}

/// A listener for the redirect of the browser.
pub struct RedirectListener {
    listener: TcpListener,
    port: u16,
}

/// The content of a URL or of a request that came back.
#[derive(Debug, PartialEq, Eq)]
pub enum Redirect {
    Code(Secret),
    /// The provider refused, with a sentence.
    Denied(String),
    /// It does not belong to this login.
    Other(&'static str),
}

impl Authorization {
    /// Makes the URL, and the secrets that its answer and the request for tokens must match.
    pub fn new(account: &Account, endpoints: &Endpoints, port: u16) -> Result<Self, OAuthError> {
        let Some(base) = &endpoints.authorization else {
            return Err(OAuthError::Options(format!(
                "{} has no login by browser; use --device",
                account.provider
            )));
        };
        let (verifier, state) = (random()?, random()?);
        let challenge = BASE64_URL_SAFE_NO_PAD.encode(digest(&SHA256, verifier.expose()));
        let redirect = redirect(&account.provider, port);
        let mut query = form_urlencoded::Serializer::new(String::new());
        query
            .append_pair("response_type", "code")
            .append_pair(
                "client_id",
                account.client_id.as_deref().unwrap_or_default(),
            )
            .append_pair("redirect_uri", &redirect)
            .append_pair("scope", &account.scope())
            .append_pair("state", &String::from_utf8_lossy(state.expose()))
            .append_pair("code_challenge", &challenge)
            .append_pair("code_challenge_method", "S256")
            .append_pair("login_hint", &account.user);
        if account.provider == Provider::Google {
            // A refresh token is returned only after the person has agreed again.
            query
                .append_pair("access_type", "offline")
                .append_pair("prompt", "consent");
        }
        let separator = if base.contains('?') { '&' } else { '?' };
        Ok(Self {
            url: format!("{base}{separator}{}", query.finish()),
            verifier,
            redirect,
            state,
            issuer: endpoints.issuer.clone(),
        })
    }

    /// Reads the query of a redirect, or a whole URL that was pasted.
    pub fn read(&self, text: &str) -> Redirect {
        let query = text.split_once('?').map_or(text, |(_, query)| query);
        let query = query.split('#').next().unwrap_or_default();
        let value = |wanted: &str| {
            let mut pairs = form_urlencoded::parse(query.as_bytes());
            let found = pairs.find(|(name, _)| name == wanted)?;
            Some(Zeroizing::new(found.1.into_owned()))
        };
        // RFC 6749 §10.12: another page may have sent the browser here.
        let state = value("state");
        if state.as_ref().map(|state| state.as_bytes()) != Some(self.state.expose()) {
            return Redirect::Other("it does not belong to this login");
        }
        // RFC 9207 §2.4.
        if let (Some(issuer), Some(found)) = (&self.issuer, value("iss"))
            && issuer != found.as_str()
        {
            return Redirect::Other("it comes from another provider");
        }
        if let Some(error) = value("error") {
            let description = value("error_description");
            let description = description.map(|text| format!(": {}", text.as_str()));
            let text = format!("{}{}", error.as_str(), description.unwrap_or_default());
            return Redirect::Denied(shown(&text.chars().take(300).collect::<String>()));
        }
        match value("code") {
            Some(code) if !code.is_empty() => Redirect::Code(Secret::new(code.as_bytes().to_vec())),
            _ => Redirect::Other("it has no code"),
        }
    }
}

/// The address to which the provider sends the browser. Microsoft permits any port of `localhost`, and Google of
/// 127.0.0.1, as RFC 8252 §7.3 has it.
fn redirect(provider: &Provider, port: u16) -> String {
    match provider {
        Provider::Microsoft => format!("http://localhost:{port}"),
        Provider::Google => format!("http://127.0.0.1:{port}"),
        Provider::Other(_) => format!("http://127.0.0.1:{port}/"),
    }
}

/// 256 random bits as text.
fn random() -> Result<Secret, OAuthError> {
    let mut bytes = Zeroizing::new([0; 32]);
    SystemRandom::new().fill(&mut *bytes).map_err(|_| {
        OAuthError::Listener(io::Error::other("the system returned no random bytes"))
    })?;
    Ok(Secret::new(
        BASE64_URL_SAFE_NO_PAD.encode(*bytes).into_bytes(),
    ))
}

impl RedirectListener {
    pub fn bind() -> io::Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
        listener.set_nonblocking(true)?;
        let port = listener.local_addr()?.port();
        Ok(Self { listener, port })
    }

    pub fn port(&self) -> u16 {
        self.port
    }

    /// Waits for the request with the code. Other requests, such as those for an icon, are refused.
    pub fn wait(self, authorization: &Authorization) -> Result<Redirect, OAuthError> {
        let end = Instant::now() + LOGIN_LIMIT;
        loop {
            if !is_ready(&self.listener, end).map_err(OAuthError::Listener)? {
                return Err(OAuthError::Expired(spoken(LOGIN_LIMIT)));
            }
            let stream = match self.listener.accept() {
                Ok((stream, _)) => stream,
                Err(error) if is_transient(&error) => continue,
                Err(error) => return Err(OAuthError::Listener(error)),
            };
            let Some(query) = request_query(&stream) else {
                respond(&stream, "404 Not Found", "Not found.");
                continue;
            };
            match authorization.read(&query) {
                Redirect::Other(_) => {
                    respond(
                        &stream,
                        "400 Bad Request",
                        "This page does not belong to the login.",
                    );
                }
                Redirect::Denied(why) => {
                    respond(
                        &stream,
                        "200 OK",
                        "The login was refused. You can close this page.",
                    );
                    return Ok(Redirect::Denied(why));
                }
                code @ Redirect::Code(_) => {
                    let text = "The login is complete. You can close this page.";
                    respond(&stream, "200 OK", text);
                    return Ok(code);
                }
            }
        }
    }
}

/// Waits for a connection until the end. Returns false at the end.
fn is_ready(listener: &TcpListener, end: Instant) -> io::Result<bool> {
    let left = end.saturating_duration_since(Instant::now());
    let limit = Timespec::try_from(left).map_err(io::Error::other)?;
    let mut fds = [PollFd::new(listener, PollFlags::IN)];
    Ok(rustix::io::retry_on_intr(|| poll(&mut fds, Some(&limit)))? > 0)
}

fn is_transient(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        ErrorKind::WouldBlock | ErrorKind::Interrupted | ErrorKind::ConnectionAborted
    )
}

/// The query of a GET request for the root. `None`: another request, or none in time.
fn request_query(mut stream: &TcpStream) -> Option<Zeroizing<String>> {
    stream.set_nonblocking(false).ok()?;
    stream.set_write_timeout(Some(REQUEST_LIMIT)).ok()?;
    let end = Instant::now() + REQUEST_LIMIT;
    let mut request = Zeroizing::new(vec![0; MAX_REQUEST]);
    let mut length = 0;
    // The whole header is read, because closing a socket with unread data resets the connection.
    while !request[..length].windows(4).any(|end| end == b"\r\n\r\n") {
        let left = end
            .checked_duration_since(Instant::now())
            .filter(|left| !left.is_zero())?;
        stream.set_read_timeout(Some(left)).ok()?;
        match stream.read(&mut request[length..]) {
            Ok(0) | Err(_) => return None,
            Ok(count) => length += count,
        }
    }
    let line = std::str::from_utf8(&request[..length])
        .ok()?
        .lines()
        .next()?;
    let target = line.strip_prefix("GET /?")?;
    let (query, version) = target.split_once(' ')?;
    version
        .starts_with("HTTP/1.")
        .then(|| Zeroizing::new(query.to_owned()))
}

fn respond(mut stream: &TcpStream, status: &str, text: &str) {
    let page = format!(
        "<!DOCTYPE html><html lang=\"en\"><head><meta charset=\"utf-8\"><title>ehlo</title></head>\
         <body><p>{text}</p></body></html>\n"
    );
    // The address has the code: nothing may store or pass it on.
    let response = format!(
        "HTTP/1.1 {status}\r\nContent-Type: text/html; charset=utf-8\r\nContent-Length: {}\r\n\
         Cache-Control: no-store\r\nReferrer-Policy: no-referrer\r\n\
         Content-Security-Policy: default-src 'none'\r\nConnection: close\r\n\r\n{page}",
        page.len()
    );
    let _ = stream.write_all(response.as_bytes());
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::client::credentials::oauth::account::Grant;
    use std::thread;

    fn account(provider: &str) -> Account {
        Account {
            provider: provider.parse().unwrap(),
            user: "alice@example.org".to_owned(),
            grant: Grant::User,
            client_id: Some("id 1".to_owned()),
            tenant: None,
            scope: None,
            client_secret: None,
            key_file: None,
        }
    }

    fn endpoints(issuer: Option<&str>) -> Endpoints {
        Endpoints {
            authorization: Some("https://id.example.org/a".to_owned()),
            token: "https://id.example.org/t".parse().unwrap(),
            device: None,
            revocation: None,
            issuer: issuer.map(str::to_owned),
            has_secret_in_form: false,
        }
    }

    fn begun(provider: &str, issuer: Option<&str>) -> Authorization {
        Authorization::new(&account(provider), &endpoints(issuer), 4321).unwrap()
    }

    fn state(authorization: &Authorization) -> String {
        String::from_utf8(authorization.state.expose().to_vec()).unwrap()
    }

    #[test]
    fn url_has_the_challenge_and_not_the_verifier() {
        let authorization = begun("google", None);
        let (base, query) = authorization.url.split_once('?').unwrap();
        assert_eq!(base, "https://id.example.org/a");
        let pairs: Vec<(String, String)> = form_urlencoded::parse(query.as_bytes())
            .into_owned()
            .collect();
        let value = |name: &str| {
            let found = pairs.iter().find(|(one, _)| one == name);
            found.map(|(_, value)| value.as_str())
        };
        assert_eq!(value("client_id"), Some("id 1"));
        assert_eq!(value("redirect_uri"), Some("http://127.0.0.1:4321"));
        assert_eq!(value("access_type"), Some("offline"));
        assert_eq!(value("code_challenge_method"), Some("S256"));
        let verifier = authorization.verifier.expose();
        // RFC 7636 §4.1: from 43 to 128 characters.
        assert_eq!(verifier.len(), 43);
        let challenge = BASE64_URL_SAFE_NO_PAD.encode(digest(&SHA256, verifier));
        assert_eq!(value("code_challenge"), Some(challenge.as_str()));
        let verifier = String::from_utf8(verifier.to_vec()).unwrap();
        assert!(!authorization.url.contains(&verifier));
        assert_eq!(begun("microsoft", None).redirect, "http://localhost:4321");
    }

    #[test]
    fn example_of_the_standard_has_the_right_challenge() {
        // RFC 7636, appendix B.
        let verifier = b"dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";
        assert_eq!(
            BASE64_URL_SAFE_NO_PAD.encode(digest(&SHA256, verifier)),
            "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM"
        );
    }

    #[test]
    fn redirect_must_belong_to_the_login() {
        let authorization = begun("google", Some("https://id.example.org"));
        let state = state(&authorization);
        let code = |text: &str| Redirect::Code(Secret::new(text.as_bytes().to_vec()));
        for (text, right) in [
            (format!("code=4%2Fx&state={state}"), code("4/x")),
            (
                format!("http://127.0.0.1:4321/?state={state}&code=y&scope=z#f"),
                code("y"),
            ),
            (
                format!("state={state}&code=y&iss=https%3A%2F%2Fid.example.org"),
                code("y"),
            ),
            (
                format!("state={state}&error=access_denied&error_description=no%1B"),
                Redirect::Denied("access_denied: no\\u{1b}".to_owned()),
            ),
        ] {
            assert_eq!(authorization.read(&text), right, "{text}");
        }
        for text in [
            "code=x".to_owned(),
            "code=x&state=".to_owned(),
            format!("code=x&state={state}x"),
            format!("code=&state={state}"),
            format!("state={state}"),
            format!("code=x&state={state}&iss=https://evil.example"),
            String::new(),
        ] {
            assert!(
                matches!(authorization.read(&text), Redirect::Other(_)),
                "{text}"
            );
        }
    }

    fn asked(port: u16, request: &[u8]) -> String {
        let mut stream = TcpStream::connect((Ipv4Addr::LOCALHOST, port)).unwrap();
        stream.write_all(request).unwrap();
        stream.shutdown(std::net::Shutdown::Write).unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        answer
    }

    #[test]
    fn listener_waits_for_the_request_of_its_login() {
        let listener = RedirectListener::bind().unwrap();
        let port = listener.port();
        let authorization = begun("google", None);
        let right = format!(
            "GET /?code=c0de&state={} HTTP/1.1\r\n\r\n",
            state(&authorization)
        );
        let browser = thread::spawn(move || {
            for (request, status) in [
                ("GET /favicon.ico HTTP/1.1\r\n\r\n", "404"),
                ("POST /?code=x HTTP/1.1\r\n\r\n", "404"),
                ("GET /?code=x&state=y HTTP/1.1\r\n\r\n", "400"),
                ("\r\n\r\n", "404"),
                ("GET /?x", "404"),
            ] {
                let answer = asked(port, request.as_bytes());
                assert!(
                    answer.starts_with(&format!("HTTP/1.1 {status} ")),
                    "{answer}"
                );
            }
            asked(port, right.as_bytes())
        });
        let redirect = listener.wait(&authorization).unwrap();
        assert_eq!(redirect, Redirect::Code(Secret::new(b"c0de".to_vec())));
        let answer = browser.join().unwrap();
        assert!(answer.starts_with("HTTP/1.1 200 ") && answer.contains("close this page"));
        assert!(!answer.contains("c0de"), "{answer}");
    }
}
