//! Options of a login with tokens that the program obtains itself (OAuth 2.0).

use crate::cli::options::auth;
use crate::cli::options::usage_error::UsageError;
use crate::cli::options::value;
use crate::client::credentials::oauth::{Account, ClientSecret, Grant, Provider};
use crate::system::exit::Exit;
use clap::ValueEnum;
use std::path::PathBuf;

/// Options that name another source of the secret.
const PASSWORDS: [&str; 3] = ["password_command", "password_file", "oauth_token_command"];

/// The option at which a missing one is reported.
const ABOUT: &str = "--oauth";

/// More options under the heading "Auth", for which clap builds arguments only if one is there.
#[derive(Clone, Debug, Default, clap::Args)]
#[group(skip)]
#[command(next_help_heading = "Auth")]
pub struct Args {
    /// Log in with OAuth tokens of google, microsoft, or the provider with this URL.
    ///
    /// `ehlo login` obtains and keeps them; a new access token is requested when the old one expires. See
    /// ehlo-login(1).
    #[arg(long, value_name = "PROVIDER", value_parser = provider, conflicts_with_all = PASSWORDS)]
    oauth: Option<Provider>,

    /// Client ID of the application that is registered at the provider.
    #[arg(long, value_name = "ID", value_parser = value::line, conflicts_with_all = PASSWORDS)]
    oauth_client_id: Option<String>,

    /// Shell command that prints the client secret on its first line.
    #[arg(long, value_name = "CMD", value_parser = auth::command,
          conflicts_with_all = ["password_command", "password_file", "oauth_token_command",
                                "oauth_client_secret_file"])]
    oauth_client_secret_command: Option<String>,

    /// File with the client secret on its first line.
    ///
    /// Like a password file, it must not be accessible to others.
    #[arg(long, value_name = "FILE", conflicts_with_all = PASSWORDS)]
    oauth_client_secret_file: Option<PathBuf>,

    /// Grant by which tokens are obtained: user, client-credentials or service-account [default: user].
    ///
    /// `user`: a person logs in once. `client-credentials`: the application has a login of its own, with a client
    /// secret. `service-account`: the application signs requests with the key of --oauth-key-file (Google).
    #[arg(long, value_name = "HOW", value_enum, conflicts_with_all = PASSWORDS)]
    oauth_grant: Option<GrantName>,

    /// Key of a service account (JSON).
    #[arg(long, value_name = "FILE", conflicts_with_all = PASSWORDS)]
    oauth_key_file: Option<PathBuf>,

    /// Microsoft's tenant: its domain or ID, common, organizations or consumers [default: common].
    #[arg(long, value_name = "TENANT", value_parser = tenant, conflicts_with_all = PASSWORDS)]
    oauth_tenant: Option<String>,

    /// Scope of the tokens [default: the one for sending mail].
    #[arg(long, value_name = "SCOPE", value_parser = scope, conflicts_with_all = PASSWORDS)]
    oauth_scope: Option<String>,
}

/// The values of [`Grant`] as options name them.
#[derive(Clone, Copy, Debug, ValueEnum)]
pub enum GrantName {
    User,
    ClientCredentials,
    ServiceAccount,
}

impl From<GrantName> for Grant {
    fn from(name: GrantName) -> Self {
        match name {
            GrantName::User => Self::User,
            GrantName::ClientCredentials => Self::ClientCredentials,
            GrantName::ServiceAccount => Self::ServiceAccount,
        }
    }
}

impl Args {
    /// Adds the account that the options describe, if there is one, to those of the login.
    pub fn apply(self, auth: &mut auth::Args) -> Result<(), UsageError> {
        if let Some(account) = self.account(auth.user())? {
            auth.set_account(account);
        }
        Ok(())
    }

    /// The account of this user, if there is one.
    fn account(self, user: Option<&str>) -> Result<Option<Account>, UsageError> {
        let Some(options) = self.options()? else {
            return Ok(None);
        };
        let user =
            user.ok_or_else(|| UsageError::usage("--oauth requires --user NAME").about(ABOUT))?;
        options.account(user, "--oauth-").map(Some)
    }

    fn options(self) -> Result<Option<AccountOptions>, UsageError> {
        let command = self.oauth_client_secret_command.map(ClientSecret::Command);
        let options = AccountOptions {
            client_id: self.oauth_client_id,
            client_secret: command.or(self.oauth_client_secret_file.map(ClientSecret::File)),
            grant: self.oauth_grant.map(Grant::from),
            key_file: self.oauth_key_file,
            tenant: self.oauth_tenant,
            scope: self.oauth_scope,
            provider: self.oauth,
        };
        if options.provider.is_some() {
            return Ok(Some(options));
        }
        match options.first("--oauth-") {
            None => Ok(None),
            Some(option) => {
                Err(UsageError::usage(format!("{option} requires --oauth")).about(&option))
            }
        }
    }
}

/// An account as options describe it, which may be incomplete.
#[derive(Clone, Debug, Default)]
pub struct AccountOptions {
    pub provider: Option<Provider>,
    pub client_id: Option<String>,
    pub client_secret: Option<ClientSecret>,
    pub grant: Option<Grant>,
    pub key_file: Option<PathBuf>,
    pub tenant: Option<String>,
    pub scope: Option<String>,
}

impl AccountOptions {
    /// The first option besides that of the provider.
    pub fn first(&self, prefix: &str) -> Option<String> {
        let secret = match &self.client_secret {
            Some(ClientSecret::Command(_)) => "client-secret-command",
            _ => "client-secret-file",
        };
        let options = [
            (self.client_id.is_some(), "client-id"),
            (self.client_secret.is_some(), secret),
            (self.grant.is_some(), "grant"),
            (self.key_file.is_some(), "key-file"),
            (self.tenant.is_some(), "tenant"),
            (self.scope.is_some(), "scope"),
        ];
        let first = options.into_iter().find(|(is_there, _)| *is_there);
        first.map(|(_, name)| format!("{prefix}{name}"))
    }

    /// The account of this user. `prefix` is that of the options, for errors.
    pub fn account(self, user: &str, prefix: &str) -> Result<Account, UsageError> {
        let grant = self.grant.unwrap_or_default();
        let Some(provider) = self.provider.clone() else {
            return Err(missing(
                &format!("{prefix}provider"),
                "the provider is not known",
            ));
        };
        if self.tenant.is_some() && provider != Provider::Microsoft {
            let option = format!("{prefix}tenant");
            let text = format!("{option} is only for microsoft; omit it");
            return Err(UsageError::usage(text).about(&option));
        }
        self.check_grant(&provider, prefix)?;
        Ok(Account {
            provider,
            user: user.to_owned(),
            grant,
            client_id: self.client_id,
            tenant: self.tenant,
            scope: self.scope,
            client_secret: self.client_secret,
            key_file: self.key_file,
        })
    }

    /// Checks that the options fit the way in which tokens are obtained.
    fn check_grant(&self, provider: &Provider, prefix: &str) -> Result<(), UsageError> {
        let grant = self.grant.unwrap_or_default();
        let is_microsoft = *provider == Provider::Microsoft;
        if grant != Grant::ServiceAccount && self.key_file.is_some() {
            let option = format!("{prefix}key-file");
            let text = format!("{option} requires {prefix}grant service-account");
            return Err(UsageError::usage(text).about(&option));
        }
        match grant {
            Grant::ServiceAccount if is_microsoft => {
                let option = format!("{prefix}grant");
                let why = "microsoft has no service accounts; use client-credentials";
                Err(UsageError::of_value(Exit::Usage, &option, why))
            }
            Grant::ServiceAccount if self.key_file.is_none() => Err(missing(
                &format!("{prefix}key-file"),
                "a service account has a key",
            )),
            Grant::ServiceAccount => Ok(()),
            _ if self.client_id.is_none() => Err(unregistered(
                &format!("{prefix}client-id"),
                "the application must be registered at the provider",
            )),
            Grant::User if *provider == Provider::Google && self.client_secret.is_none() => {
                Err(unregistered(
                    &format!("{prefix}client-secret-file"),
                    "Google requires a client secret, even for desktop applications",
                ))
            }
            Grant::ClientCredentials if self.client_secret.is_none() => Err(missing(
                &format!("{prefix}client-secret-file"),
                "client-credentials have a secret",
            )),
            Grant::ClientCredentials if is_microsoft && !names_tenant(self.tenant.as_deref()) => {
                Err(missing(
                    &format!("{prefix}tenant"),
                    "client-credentials belong to a tenant",
                ))
            }
            Grant::ClientCredentials | Grant::User => Ok(()),
        }
    }

    /// These options, and the others for what they leave open.
    pub fn or(self, others: Self) -> Self {
        Self {
            provider: self.provider.or(others.provider),
            client_id: self.client_id.or(others.client_id),
            client_secret: self.client_secret.or(others.client_secret),
            grant: self.grant.or(others.grant),
            key_file: self.key_file.or(others.key_file),
            tenant: self.tenant.or(others.tenant),
            scope: self.scope.or(others.scope),
        }
    }
}

impl From<Account> for AccountOptions {
    fn from(account: Account) -> Self {
        Self {
            provider: Some(account.provider),
            client_id: account.client_id,
            client_secret: account.client_secret,
            grant: Some(account.grant),
            key_file: account.key_file,
            tenant: account.tenant,
            scope: account.scope,
        }
    }
}

/// The error about an option that is missing.
fn missing(option: &str, why: &str) -> UsageError {
    UsageError::usage(format!("{why}: {option} is missing")).about(ABOUT)
}

/// The error about what the registration of the application provides.
fn unregistered(option: &str, why: &str) -> UsageError {
    let text = format!(
        "{why}: {option} is missing; ehlo-providers(7) describes the registration, and ehlo login logs in afterwards"
    );
    UsageError::usage(text).about(ABOUT)
}

/// True if the tenant is a certain one.
fn names_tenant(tenant: Option<&str>) -> bool {
    tenant.is_some_and(|tenant| !["common", "organizations", "consumers"].contains(&tenant))
}

/// A provider by name or URL.
pub fn provider(text: &str) -> Result<Provider, String> {
    text.parse()
}

/// A tenant, which is a component of a URL.
pub fn tenant(text: &str) -> Result<String, String> {
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-.".contains(&byte);
    if text.is_empty() || text.starts_with('.') || !text.bytes().all(is_plain) {
        return Err("expected a domain, an ID, common, organizations or consumers".to_owned());
    }
    Ok(text.to_ascii_lowercase())
}

/// Scopes, separated by blanks (RFC 6749 §3.3).
pub fn scope(text: &str) -> Result<String, String> {
    let is_valid = |byte: u8| matches!(byte, b' '..=b'~') && byte != b'"' && byte != b'\\';
    if text.trim().is_empty() || !text.bytes().all(is_valid) {
        return Err("expected scopes, separated by blanks".to_owned());
    }
    Ok(text.trim().to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::{Args as _, FromArgMatches};

    fn account(words: &[&str]) -> Result<Account, String> {
        let command = clap::Command::new("ehlo").no_binary_name(true);
        let command = command
            .arg(clap::Arg::new("password_command").long("password-command"))
            .arg(clap::Arg::new("password_file").long("password-file"))
            .arg(clap::Arg::new("oauth_token_command").long("oauth-token-command"));
        let matches = Args::augment_args(command)
            .try_get_matches_from(words)
            .unwrap();
        let args = Args::from_arg_matches(&matches).unwrap();
        let account = args.account(Some("alice@example.org"));
        account
            .map_err(|error| error.text)?
            .ok_or_else(|| "no OAuth".to_owned())
    }

    #[test]
    fn account_is_complete() {
        for words in [
            &[
                "--oauth",
                "google",
                "--oauth-client-id",
                "x",
                "--oauth-client-secret-file",
                "f",
            ][..],
            &[
                "--oauth",
                "microsoft",
                "--oauth-client-id",
                "x",
                "--oauth-tenant",
                "crepes.fr",
            ],
            &[
                "--oauth=google",
                "--oauth-grant=service-account",
                "--oauth-key-file=k.json",
            ],
            &[
                "--oauth=microsoft",
                "--oauth-grant=client-credentials",
                "--oauth-client-id=x",
                "--oauth-client-secret-file=f",
                "--oauth-tenant=crepes.fr",
            ],
        ] {
            account(words).unwrap_or_else(|error| panic!("{words:?}: {error}"));
        }
    }

    #[test]
    fn incomplete_account_is_an_error_that_names_the_option() {
        for (words, option) in [
            (
                &["--oauth-client-id", "x"][..],
                "--oauth-client-id requires --oauth",
            ),
            (&["--oauth", "google"], "--oauth-client-id is missing"),
            (
                &["--oauth=google", "--oauth-client-id=x"],
                "--oauth-client-secret-file is missing",
            ),
            (
                &["--oauth=google", "--oauth-client-id=x", "--oauth-tenant=y"],
                "--oauth-tenant is only for microsoft",
            ),
            (
                &["--oauth=google", "--oauth-grant=service-account"],
                "--oauth-key-file is missing",
            ),
            (
                &[
                    "--oauth=microsoft",
                    "--oauth-grant=service-account",
                    "--oauth-key-file=x",
                ],
                "has no service accounts",
            ),
            (
                &[
                    "--oauth=google",
                    "--oauth-client-id=x",
                    "--oauth-key-file=y",
                ],
                "--oauth-key-file requires --oauth-grant service-account",
            ),
            (
                &[
                    "--oauth=microsoft",
                    "--oauth-client-id=x",
                    "--oauth-grant=client-credentials",
                ],
                "--oauth-client-secret-file is missing",
            ),
            (
                &[
                    "--oauth=microsoft",
                    "--oauth-client-id=x",
                    "--oauth-grant=client-credentials",
                    "--oauth-client-secret-command=echo hunter2",
                    "--oauth-tenant=common",
                ],
                "--oauth-tenant is missing",
            ),
        ] {
            let text = account(words).unwrap_err();
            assert!(text.contains(option) && !text.contains("hunter2"), "{text}");
        }
    }

    #[test]
    fn tenant_is_a_component_of_a_url() {
        assert_eq!(tenant("Crepes.FR").as_deref(), Ok("crepes.fr"));
        for text in ["", "a/b", "..", "a?b", "a b", "\u{e9}"] {
            assert!(tenant(text).is_err(), "{text}");
        }
    }
}
