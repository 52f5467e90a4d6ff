//! `ehlo login`, `ehlo logout` and `ehlo token`: logins at providers of OAuth 2.0.

pub(crate) mod args;
mod prompt;
mod status;

pub(crate) use args::{LoginArgs, LogoutArgs, Selected, TokenArgs};

use crate::cli::ExitStatus;
use crate::cli::terminal;
use crate::cli::terminal::{complain, warn};
use crate::client::credentials;
use crate::client::credentials::oauth::{
    Account, CacheFile, Grant, LoginMethod, Network, OAuthError, StoredLogin, TokenFile,
    TokenSource, stored_logins,
};
use crate::client::route::{Proxy, RouteOptions};
use crate::client::transport::Transport;
use crate::client::wire::tls::TlsOptions;
use crate::system::exit::Exit;
use crate::system::quote::toml_string;
use crate::system::secret::Login;
use crate::system::text::shown;
use crate::system::time::{now_in_seconds, spoken};
use prompt::Terminal;
use std::time::Duration;
use zeroize::Zeroizing;

/// The tasks of `ehlo login`.
#[derive(Debug)]
pub enum LoginTask {
    LogIn(Box<NewLogin>),
    Status { selected: Selected, json: bool },
}

/// A login that is to be made.
#[derive(Debug)]
pub struct NewLogin {
    pub stored: StoredAccount,
    pub method: LoginMethod,
    /// True if the profile has the same account.
    pub is_configured: bool,
}

#[derive(Debug)]
pub struct LogoutTask {
    pub selected: Selected,
    pub revoke: bool,
}

#[derive(Debug)]
pub struct TokenTask {
    pub selected: Selected,
}

/// An account with the way to its provider.
#[derive(Debug)]
pub struct StoredAccount {
    pub account: Account,
    /// The profile that has it.
    pub profile: Option<String>,
    /// Its transport; `None`: connections have no options.
    pub transport: Option<Transport>,
}

impl StoredAccount {
    /// Does something with the tokens of the account.
    fn with<T>(
        &self,
        act: impl FnOnce(&TokenSource<'_>) -> Result<T, OAuthError>,
    ) -> Result<T, OAuthError> {
        credentials::harden();
        let (route, tls) = (RouteOptions::direct(), TlsOptions::default());
        let proxy_login = self.proxy_login()?;
        let network = match &self.transport {
            Some(transport) => transport.network(proxy_login.as_ref(), None),
            None => Network {
                route: &route,
                proxy_login: None,
                tls: &tls,
                stop: None,
            },
        };
        act(&TokenSource {
            account: &self.account,
            profile: self.profile.as_deref(),
            network,
            limit: credentials::command_limit(),
        })
    }

    fn proxy_login(&self) -> Result<Option<Login>, OAuthError> {
        let proxy = self
            .transport
            .as_ref()
            .and_then(|one| one.route.proxy.as_ref());
        let account = proxy.and_then(Proxy::account);
        let login = account.map(|account| credentials::find_for_proxy(&account, None));
        login
            .transpose()
            .map_err(|error| OAuthError::Secret(Box::new(error)))
    }
}

/// True if a browser can be started here.
pub(crate) fn has_display() -> bool {
    let is_set = |name| std::env::var_os(name).is_some_and(|value| !value.is_empty());
    is_set("DISPLAY") || is_set("WAYLAND_DISPLAY")
}

/// Logs in, or shows the logins.
pub fn log_in(task: &LoginTask) -> Exit {
    let new = match task {
        LoginTask::Status { selected, json } => return status::run(selected, *json),
        LoginTask::LogIn(new) => new,
    };
    let mut prompt = Terminal::new(&new.stored.account);
    let login = new
        .stored
        .with(|source| source.log_in(new.method, &mut prompt));
    match login {
        Err(error) => fail(&error),
        Ok(login) => report(&login, new),
    }
}

fn report(login: &StoredLogin, new: &NewLogin) -> Exit {
    let account = &new.stored.account;
    let validity = Duration::from_secs((login.expires - now_in_seconds()).max(0).unsigned_abs());
    let done = match account.grant {
        Grant::User => "logged in",
        Grant::ClientCredentials | Grant::ServiceAccount => "a token was obtained",
    };
    let mut text = format!(
        "{}: {done}; the access token is valid for {}\n",
        shown(&account.to_string()),
        spoken(validity)
    );
    if !new.is_configured {
        let profile = new.stored.profile.as_deref().unwrap_or("NAME");
        text.push_str(&format!(
            "\nTo send with it, add to [profile.{profile}]:\n{}",
            keys(account)
        ));
    }
    match terminal::write(text.as_bytes()) {
        Ok(()) => Exit::Ok,
        Err(exit) => exit,
    }
}

/// The account as keys of a profile.
fn keys(account: &Account) -> String {
    use crate::client::credentials::oauth::ClientSecret;
    let path = |path: &std::path::Path| {
        let full = std::path::absolute(path).unwrap_or_else(|_| path.to_owned());
        full.to_string_lossy().into_owned()
    };
    let secret = account.client_secret.as_ref().map(|secret| match secret {
        ClientSecret::File(file) => ("oauth-client-secret-file", path(file)),
        ClientSecret::Command(line) => ("oauth-client-secret-command", line.clone()),
    });
    let grant = match account.grant {
        Grant::User => None,
        Grant::ClientCredentials => Some(("oauth-grant", "client-credentials".to_owned())),
        Grant::ServiceAccount => Some(("oauth-grant", "service-account".to_owned())),
    };
    let optional = |key, value: &Option<String>| value.clone().map(|value| (key, value));
    let all = [
        Some(("user", account.user.clone())),
        Some(("oauth", account.provider.to_string())),
        grant,
        optional("oauth-client-id", &account.client_id),
        secret,
        account
            .key_file
            .as_ref()
            .map(|file| ("oauth-key-file", path(file))),
        optional("oauth-tenant", &account.tenant),
        optional("oauth-scope", &account.scope),
    ];
    let mut lines = String::new();
    for (key, value) in all.into_iter().flatten() {
        lines.push_str(&format!("  {key} = {}\n", toml_string(&value)));
    }
    lines
}

/// Removes the tokens of an account.
pub fn log_out(task: &LogoutTask) -> Exit {
    let removed = find(&task.selected).and_then(|stored| {
        let is_removed = stored.with(|source| source.log_out(task.revoke))?;
        Ok((stored, is_removed))
    });
    let (stored, is_removed) = match removed {
        Ok(removed) => removed,
        Err(error) => return fail(&error),
    };
    let account = shown(&stored.account.to_string());
    if !is_removed {
        complain(&format!("there is no OAuth login of {account}"));
        return Exit::Policy;
    }
    let done = if task.revoke {
        "revoked and removed"
    } else {
        "removed"
    };
    match terminal::write(format!("{account}: the tokens were {done}\n").as_bytes()) {
        Ok(()) => Exit::Ok,
        Err(exit) => exit,
    }
}

/// Prints an access token.
pub fn print_token(task: &TokenTask) -> Exit {
    let token =
        find(&task.selected).and_then(|stored| stored.with(|source| source.access_token(None)));
    match token {
        Err(error) => fail(&error),
        Ok(token) => {
            let mut line = Zeroizing::new(Vec::with_capacity(token.expose().len() + 1));
            line.extend_from_slice(token.expose());
            line.push(b'\n');
            match terminal::write(&line) {
                Ok(()) => Exit::Ok,
                Err(exit) => exit,
            }
        }
    }
}

fn fail(error: &OAuthError) -> Exit {
    complain(&error.to_string());
    error.exit()
}

/// The selected account.
fn find(selected: &Selected) -> Result<StoredAccount, OAuthError> {
    let (provider, user) = match selected {
        Selected::Profile(stored) => {
            return Ok(StoredAccount {
                account: stored.account.clone(),
                profile: stored.profile.clone(),
                transport: stored.transport.clone(),
            });
        }
        Selected::Stored { provider, user } => (provider, user),
    };
    let mut accounts = Vec::new();
    for TokenFile { path, content } in stored_logins()? {
        match content {
            Ok(CacheFile::Login(login)) => accounts.push(login.account),
            Ok(CacheFile::Damaged) => warn(&format!("{} is damaged", path.display())),
            Ok(CacheFile::Missing) => {}
            Err(error) => warn(&error.to_string()),
        }
    }
    accounts.retain(|account| {
        provider
            .as_ref()
            .is_none_or(|provider| account.provider == *provider)
            && user.as_ref().is_none_or(|user| account.user == *user)
    });
    let names: Vec<String> = accounts.iter().map(ToString::to_string).collect();
    let mut accounts = accounts.into_iter();
    match (accounts.next(), accounts.next()) {
        (Some(account), None) => Ok(StoredAccount {
            account,
            profile: None,
            transport: None,
        }),
        (None, _) => Err(OAuthError::LoginRequired {
            why: "there is no such OAuth login".to_owned(),
            command: "ehlo login".to_owned(),
        }),
        (Some(_), Some(_)) => Err(OAuthError::Options(format!(
            "there are several OAuth logins ({}); name one with --profile, --provider or --user",
            names.join(", ")
        ))),
    }
}
