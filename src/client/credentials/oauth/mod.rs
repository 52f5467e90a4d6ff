//! OAuth 2.0 (RFC 6749): access tokens that this program obtains, and keeps for the next run.
//!
//! * `account`: who logs in where, and in which way
//! * `provider`: the endpoints of Google, Microsoft and others (RFC 8414)
//! * `network`, `request`: requests to the token endpoint, and their responses
//! * `code`: authorization code with PKCE (RFC 7636, RFC 8252)
//! * `device`: device grant (RFC 8628)
//! * `assertion`: service accounts of Google (RFC 7523)
//! * `cache`: the tokens between runs
//!
//! One process at a time refreshes the tokens of an account, because a provider may accept each refresh token once.
//! The new ones are on disk before they are used.

mod account;
mod assertion;
mod cache;
mod code;
mod device;
mod error;
mod network;
mod provider;
mod request;

pub use account::{Account, ClientSecret, Grant, Provider};
pub use cache::{CacheFile, StoredLogin, TokenFile};
pub use error::OAuthError;
pub use network::Network;

use crate::client::credentials::{command, file};
use crate::system::secret::Secret;
use crate::system::text::shown_path;
use crate::system::time::now_in_seconds;
use assertion::ServiceAccount;
use cache::{LockedLogin, TokenDirectory};
use code::{Authorization, Redirect, RedirectListener};
use device::DeviceCode;
use provider::Endpoints;
use request::{Failure, Field, TokenClient, Tokens};
use std::io;
use std::path::Path;
use std::time::Duration;
use zeroize::Zeroizing;

/// The way in which a person logs in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LoginMethod {
    /// A browser on this host, which is sent to a loopback address.
    Browser,
    /// A browser anywhere, from which the address is pasted.
    Paste,
    /// A browser anywhere, in which a code is entered.
    Device,
}

/// Shows a person what to do.
pub trait LoginPrompt {
    /// Opens a URL in a browser of this host.
    fn open(&mut self, url: &str);

    /// Shows a URL, and reads the address to which the browser was sent.
    fn paste(&mut self, url: &str) -> io::Result<Zeroizing<String>>;

    /// Reports that what was pasted cannot be used.
    fn reject(&mut self, why: &str);

    /// Shows a code, and the URL at which it is entered within the time limit.
    fn show_code(&mut self, url: &str, code: &str, limit: Duration);
}

/// An account, and what is needed to obtain its tokens.
pub struct TokenSource<'a> {
    pub account: &'a Account,
    /// The profile that names the account.
    pub profile: Option<&'a str>,
    pub network: Network<'a>,
    /// Time limit of a command that prints a secret; `None`: no limit.
    pub limit: Option<Duration>,
}

/// The part of a request that proves the right to a token.
enum Proofs<'a> {
    Refresh(&'a Secret),
    Client,
    Assertion(Secret),
    Code(&'a Secret, &'a Authorization),
}

impl Proofs<'_> {
    /// The fields of the request.
    fn fields<'f>(&'f self, scope: &'f str) -> Vec<(&'static str, Field<'f>)> {
        let grant = |name| ("grant_type", Field::Text(name));
        match self {
            Self::Refresh(token) => {
                vec![
                    grant("refresh_token"),
                    ("refresh_token", Field::Secret(token)),
                ]
            }
            Self::Client if scope.is_empty() => vec![grant("client_credentials")],
            Self::Client => vec![grant("client_credentials"), ("scope", Field::Text(scope))],
            Self::Assertion(assertion) => {
                vec![
                    grant(assertion::GRANT),
                    ("assertion", Field::Secret(assertion)),
                ]
            }
            Self::Code(code, authorization) => vec![
                grant("authorization_code"),
                ("code", Field::Secret(code)),
                ("redirect_uri", Field::Text(&authorization.redirect)),
                ("code_verifier", Field::Secret(&authorization.verifier)),
            ],
        }
    }
}

impl TokenSource<'_> {
    /// The access token of the last run if it is still valid, else a new one. `rejected`: a token that the mail
    /// server refused, which is not returned.
    ///
    /// # Errors
    /// A person must log in, the provider refuses or cannot be reached, or the tokens cannot be stored.
    pub fn access_token(&self, rejected: Option<&Secret>) -> Result<Secret, OAuthError> {
        let directory = TokenDirectory::create()?;
        // Without the lock: a refresh of another process may take a while.
        if let CacheFile::Login(login) = directory.read(self.account)?
            && self.account.difference(&login.account).is_none()
            && let Some(token) = login.usable(now_in_seconds(), rejected)
        {
            return Ok(token.clone());
        }
        let locked = directory.lock(self.account)?;
        let old = self.stored(locked.read()?, &directory.path(self.account))?;
        if let Some(token) = old
            .as_ref()
            .and_then(|old| old.usable(now_in_seconds(), rejected))
        {
            return Ok(token.clone());
        }
        let login = self.store(&locked, old.as_ref(), || self.refreshed(old.as_ref()))?;
        login.access_token.ok_or_else(|| self.no_login())
    }

    /// Logs in, and stores the tokens. A program with a login of its own needs no person.
    pub fn log_in(
        &self,
        method: LoginMethod,
        prompt: &mut dyn LoginPrompt,
    ) -> Result<StoredLogin, OAuthError> {
        let directory = TokenDirectory::create()?;
        if self.account.grant != Grant::User {
            let locked = directory.lock(self.account)?;
            return self.store(&locked, None, || self.refreshed(None));
        }
        let endpoints = Endpoints::of(self.account, &self.network)?;
        let secret = self.client_secret()?;
        let client = self.client(&endpoints, secret.as_ref());
        // The person may take long. The lock is taken afterwards, so that other runs can use the old login.
        let tokens = match method {
            LoginMethod::Device => {
                let code = DeviceCode::request(&client, self.account)?;
                let url = code.verification_uri_complete.as_ref();
                let url = url.unwrap_or(&code.verification_uri);
                prompt.show_code(url, &code.user_code, code.limit());
                code.wait(&client, self.account)?
            }
            LoginMethod::Browser | LoginMethod::Paste => {
                self.authorized(&client, method, prompt)?
            }
        };
        if tokens.refresh.is_none() {
            return Err(OAuthError::Denied {
                provider: self.account.provider.to_string(),
                why: "it returned no refresh token; the scope must permit offline access"
                    .to_owned(),
            });
        }
        let locked = directory.lock(self.account)?;
        self.store(&locked, None, || Ok(tokens))
    }

    /// Sends the browser to the provider, and exchanges the code that it returns.
    fn authorized(
        &self,
        client: &TokenClient<'_>,
        method: LoginMethod,
        prompt: &mut dyn LoginPrompt,
    ) -> Result<Tokens, OAuthError> {
        let listener = RedirectListener::bind().map_err(OAuthError::Listener)?;
        let authorization = Authorization::new(self.account, client.endpoints, listener.port())?;
        let redirect = if method == LoginMethod::Browser {
            prompt.open(&authorization.url);
            listener.wait(&authorization)?
        } else {
            // A browser on this host must get an error, too, instead of waiting.
            drop(listener);
            pasted(&authorization, prompt)?
        };
        match redirect {
            Redirect::Code(code) => client
                .tokens(&Proofs::Code(&code, &authorization).fields(""))
                .map_err(|failure| self.failed(failure)),
            Redirect::Denied(why) => Err(self.denied(why)),
            Redirect::Other(what) => Err(self.denied(what.to_owned())),
        }
    }

    fn denied(&self, why: String) -> OAuthError {
        OAuthError::Denied {
            provider: self.account.provider.to_string(),
            why,
        }
    }

    /// The login of a file, if it can be used.
    fn stored(&self, file: CacheFile, path: &Path) -> Result<Option<StoredLogin>, OAuthError> {
        let is_person = self.account.grant == Grant::User;
        match file {
            CacheFile::Login(login) => match self.account.difference(&login.account) {
                None => Ok(Some(*login)),
                Some(what) if is_person => Err(self.login_required(format!(
                    "the OAuth login of {} was made with another {what}",
                    self.account
                ))),
                Some(_) => Ok(None),
            },
            CacheFile::Damaged if is_person => {
                Err(self.login_required(format!("{} is damaged", shown_path(path))))
            }
            CacheFile::Missing if is_person => Err(self.no_login()),
            CacheFile::Damaged | CacheFile::Missing => Ok(None),
        }
    }

    /// Obtains tokens, and stores them. Space for them is reserved first.
    fn store(
        &self,
        locked: &LockedLogin<'_>,
        old: Option<&StoredLogin>,
        obtain: impl FnOnce() -> Result<Tokens, OAuthError>,
    ) -> Result<StoredLogin, OAuthError> {
        let draft = locked.reserve()?;
        let tokens = match obtain() {
            Ok(tokens) => tokens,
            Err(error) => {
                draft.discard();
                return Err(error);
            }
        };
        let now = now_in_seconds();
        let old_token = old.and_then(|old| old.refresh_token.clone());
        let login_expires = tokens.refresh_expires_in.map(|seconds| now + seconds);
        let login = StoredLogin {
            account: self.account.clone(),
            refresh_token: tokens.refresh.or(old_token),
            access_token: Some(tokens.access),
            expires: now + tokens.expires_in,
            login_expires: login_expires.or(old.and_then(|old| old.login_expires)),
            logged_in: old.map_or(now, |old| old.logged_in),
            refreshed: now,
        };
        draft.commit(&login)?;
        Ok(login)
    }

    /// New tokens without a person.
    fn refreshed(&self, old: Option<&StoredLogin>) -> Result<Tokens, OAuthError> {
        let (endpoints, proofs) = match self.account.grant {
            Grant::User => {
                let token = old.and_then(|old| old.refresh_token.as_ref());
                let token = token.ok_or_else(|| self.no_login())?;
                (
                    Endpoints::of(self.account, &self.network)?,
                    Proofs::Refresh(token),
                )
            }
            Grant::ClientCredentials => {
                (Endpoints::of(self.account, &self.network)?, Proofs::Client)
            }
            Grant::ServiceAccount => {
                let key = self.account.key_file.as_deref().ok_or_else(|| {
                    OAuthError::Options("a service account requires --oauth-key-file".to_owned())
                })?;
                let service = ServiceAccount::read(key)?;
                let assertion = service.assertion(self.account, now_in_seconds())?;
                (
                    Endpoints::only_token(service.token),
                    Proofs::Assertion(assertion),
                )
            }
        };
        let secret = self.client_secret()?;
        let client = self.client(&endpoints, secret.as_ref());
        let scope = self.account.scope();
        client
            .tokens(&proofs.fields(&scope))
            .map_err(|failure| self.failed(failure))
    }

    fn client<'c>(
        &'c self,
        endpoints: &'c Endpoints,
        secret: Option<&'c Secret>,
    ) -> TokenClient<'c> {
        TokenClient {
            endpoints,
            client_id: self.account.client_id.as_deref(),
            secret,
            network: &self.network,
        }
    }

    fn client_secret(&self) -> Result<Option<Secret>, OAuthError> {
        let secret = match &self.account.client_secret {
            None => return Ok(None),
            Some(ClientSecret::File(path)) => file::secret("--oauth-client-secret-file", path),
            Some(ClientSecret::Command(line)) => {
                let option = "--oauth-client-secret-command";
                command::secret(self.limit, option, line, self.network.stop)
            }
        };
        secret
            .map(Some)
            .map_err(|error| OAuthError::Secret(Box::new(error)))
    }

    /// The error for a failure. A refresh token that is not accepted any more requires a person.
    fn failed(&self, failure: Failure) -> OAuthError {
        let is_person = self.account.grant == Grant::User;
        let needs_login = [
            "invalid_grant",
            "interaction_required",
            "consent_required",
            "login_required",
        ];
        if is_person && needs_login.iter().any(|code| failure.has_code(code)) {
            let Failure::Code { why, .. } = failure else {
                return self.no_login();
            };
            return self.login_required(format!(
                "{} does not accept the OAuth login of {} any more: {why}",
                self.account.provider, self.account.user
            ));
        }
        failure.error(self.account)
    }

    fn no_login(&self) -> OAuthError {
        self.login_required(format!("there is no OAuth login of {}", self.account))
    }

    fn login_required(&self, why: String) -> OAuthError {
        OAuthError::LoginRequired {
            why,
            command: login_command(self.profile, self.account),
        }
    }
}

/// The command that logs in.
pub fn login_command(profile: Option<&str>, account: &Account) -> String {
    let word = |text: &str| crate::system::quote::shell_word(text.as_bytes(), false);
    match profile {
        Some(profile) => format!("ehlo login --profile {}", word(profile)),
        None => format!(
            "ehlo login --provider {} --user {}",
            word(&account.provider.to_string()),
            word(&account.user)
        ),
    }
}

/// Asks until an address of this login is pasted.
fn pasted(
    authorization: &Authorization,
    prompt: &mut dyn LoginPrompt,
) -> Result<Redirect, OAuthError> {
    loop {
        let line = prompt
            .paste(&authorization.url)
            .map_err(OAuthError::Input)?;
        match authorization.read(line.trim()) {
            Redirect::Other(why) => prompt.reject(why),
            redirect => return Ok(redirect),
        }
    }
}

/// Reads the key of a service account, and drops it.
///
/// # Errors
/// The file cannot be read, is accessible to other users, or contains no usable key.
pub fn check_key(path: &Path) -> Result<(), OAuthError> {
    file::harden();
    ServiceAccount::read(path).map(drop)
}

/// The files with the logins of all accounts.
///
/// # Errors
/// The directory cannot be read.
pub fn stored_logins() -> Result<Vec<TokenFile>, OAuthError> {
    match TokenDirectory::find()? {
        Some(directory) => directory.all(),
        None => Ok(Vec::new()),
    }
}

/// The login of an account, as far as it is stored.
///
/// # Errors
/// The file cannot be read, or another user has access to it.
pub fn stored_login(account: &Account) -> Result<Option<StoredLogin>, OAuthError> {
    let Some(directory) = TokenDirectory::find()? else {
        return Ok(None);
    };
    match directory.read(account)? {
        CacheFile::Login(login) => Ok(Some(*login)),
        CacheFile::Missing | CacheFile::Damaged => Ok(None),
    }
}

impl TokenSource<'_> {
    /// Removes the tokens of the account, after revoking them if requested. Returns false if there are none.
    ///
    /// # Errors
    /// The provider did not revoke the tokens, which are still stored, or the file cannot be removed.
    pub fn log_out(&self, revoke: bool) -> Result<bool, OAuthError> {
        let Some(directory) = TokenDirectory::find()? else {
            return Ok(false);
        };
        let locked = directory.lock(self.account)?;
        let file = locked.read();
        if matches!(file, Ok(CacheFile::Missing)) {
            return Ok(false);
        }
        if revoke && let CacheFile::Login(login) = file? {
            self.revoke(&login)?;
        }
        locked.remove()?;
        Ok(true)
    }

    /// Revokes the refresh token, and with it all access tokens (RFC 7009).
    fn revoke(&self, login: &StoredLogin) -> Result<(), OAuthError> {
        let Some(token) = login.refresh_token.as_ref().or(login.access_token.as_ref()) else {
            return Ok(());
        };
        let endpoints = Endpoints::of(self.account, &self.network)?;
        let Some(url) = &endpoints.revocation else {
            return Err(OAuthError::Options(format!(
                "{} cannot revoke tokens by a request; remove the application in the settings of the account, \
                 and run ehlo logout without --revoke",
                self.account.provider
            )));
        };
        let secret = self.client_secret()?;
        let client = self.client(&endpoints, secret.as_ref());
        let fields = [("token", Field::Secret(token))];
        let answer = client.post(url, &fields).map(|response| {
            let failure = request::failure(response.status, response.body.expose());
            failure.map(|failure| request::masked(failure, &fields, secret.as_ref()))
        });
        match answer {
            Ok(None) => Ok(()),
            // A token that is not known is revoked already.
            Ok(Some(failure)) if failure.has_code("invalid_token") => Ok(()),
            Ok(Some(failure)) | Err(failure) => Err(failure.error(self.account)),
        }
    }
}
