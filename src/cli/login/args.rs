//! The options of `ehlo login`, `ehlo logout` and `ehlo token`.

use crate::cli::login::{LoginTask, LogoutTask, NewLogin, StoredAccount, TokenTask};
use crate::cli::options::command_line::CommandLineArgs;
use crate::cli::options::config;
use crate::cli::options::oauth;
use crate::cli::options::oauth::{AccountOptions, GrantName};
use crate::cli::options::route_plan::profile_transport;
use crate::cli::options::usage_error::UsageError;
use crate::cli::options::{auth, value};
use crate::client::credentials::SecretSource;
use crate::client::credentials::oauth::{Account, ClientSecret, Grant, LoginMethod, Provider};
use crate::client::transport::Transport;
use crate::config::{Places, Profile};
use std::path::PathBuf;

/// Log in to an OAuth provider, and keep the tokens for later runs.
///
/// The account is that of a profile with the key `oauth`, or is described by the options. You approve the request in a
/// browser; after that, ehlo obtains access tokens by itself. For client credentials and service accounts, no person
/// is needed, and the command only checks that a token can be obtained.
#[derive(Debug, clap::Args)]
#[group(skip)]
pub struct LoginArgs {
    /// Print the address for a browser on this host, open it if there is a display, and wait for the browser.
    #[arg(long, conflicts_with_all = ["device", "paste"])]
    browser: bool,

    /// Print a code that is entered in a browser on any device.
    ///
    /// Google does not permit this for mail.
    #[arg(long, conflicts_with = "paste")]
    device: bool,

    /// Print the address for a browser on any host, and read the address that it shows at the end.
    #[arg(long)]
    paste: bool,

    /// List the logins and their age, without contacting a provider.
    #[arg(long, conflicts_with_all = ["browser", "device", "paste", "client_id", "client_secret_command",
          "client_secret_file", "grant", "key_file", "tenant", "scope"])]
    status: bool,

    /// Print the status as JSON.
    #[arg(long, requires = "status")]
    json: bool,

    /// Client ID of the application that is registered at the provider.
    #[arg(long, value_name = "ID", value_parser = value::line, help_heading = "Account")]
    client_id: Option<String>,

    /// Shell command that prints the client secret on its first line.
    #[arg(long, value_name = "CMD", value_parser = auth::command, help_heading = "Account",
          conflicts_with = "client_secret_file")]
    client_secret_command: Option<String>,

    /// File with the client secret on its first line.
    #[arg(long, value_name = "FILE", help_heading = "Account")]
    client_secret_file: Option<PathBuf>,

    /// Grant by which tokens are obtained: user, client-credentials or service-account [default: user].
    #[arg(long, value_name = "HOW", value_enum, help_heading = "Account")]
    grant: Option<GrantName>,

    /// Key of a service account (JSON).
    #[arg(long, value_name = "FILE", help_heading = "Account")]
    key_file: Option<PathBuf>,

    /// Microsoft's tenant: its domain or ID, common, organizations or consumers [default: common].
    #[arg(long, value_name = "TENANT", value_parser = oauth::tenant, help_heading = "Account")]
    tenant: Option<String>,

    /// Scope of the tokens [default: the one for sending mail].
    #[arg(long, value_name = "SCOPE", value_parser = oauth::scope, help_heading = "Account")]
    scope: Option<String>,

    #[command(flatten)]
    selection: Selection,
}

/// Remove the tokens of an account.
#[derive(Debug, clap::Args)]
#[group(skip)]
pub struct LogoutArgs {
    /// Also tell the provider that the tokens are no longer valid (RFC 7009).
    #[arg(long)]
    revoke: bool,

    #[command(flatten)]
    selection: Selection,
}

/// Print an access token, for other programs.
///
/// The token is requested from the provider if the last one is not valid for another minute.
#[derive(Debug, clap::Args)]
#[group(skip)]
pub struct TokenArgs {
    #[command(flatten)]
    selection: Selection,
}

/// Options that select an account.
#[derive(Debug, clap::Args)]
#[group(skip)]
#[command(mut_arg("profile", |arg| {
    arg.help("Use the account of this profile [default: the default profile]").long_help(None)
}))]
struct Selection {
    /// The provider: google, microsoft, or a URL.
    #[arg(long, value_name = "PROVIDER", value_parser = oauth::provider, help_heading = "Account")]
    provider: Option<Provider>,

    /// The user.
    #[arg(short, long, value_name = "NAME", value_parser = value::line, help_heading = "Account")]
    user: Option<String>,

    #[command(flatten)]
    config: config::Args,
}

/// The transport of a profile, and its name.
struct ProfileTransport {
    transport: Transport,
    name: String,
}

impl ProfileTransport {
    fn account(&self) -> Option<&Account> {
        match &self.transport.credentials.as_ref()?.source {
            SecretSource::OAuth(account) => Some(account),
            _ => None,
        }
    }

    fn user(&self) -> Option<String> {
        self.transport.credentials.as_ref()?.user.clone()
    }
}

impl LoginArgs {
    pub fn plan(
        self,
        command_line: CommandLineArgs<'_>,
        places: &Places,
    ) -> Result<LoginTask, UsageError> {
        if self.status {
            // The default profile does not select a login: all are listed.
            let selected = if self.selection.config.profile.is_some() {
                self.selection.find(command_line, places)?
            } else {
                Selected::Stored {
                    provider: self.selection.provider,
                    user: self.selection.user,
                }
            };
            return Ok(LoginTask::Status {
                selected,
                json: self.json,
            });
        }
        let method = self.method();
        let (own, user, config) = self.account_options();
        // A profile that is only the default does not belong to an account that the options describe.
        let is_described = own.provider.is_some() && config.profile.is_none();
        let profile = if is_described {
            None
        } else {
            profile(&config, command_line, places)?
        };
        let known = profile.as_ref().and_then(ProfileTransport::account);
        let options = own.or(known.cloned().map(AccountOptions::from).unwrap_or_default());
        let user = user.or_else(|| profile.as_ref()?.user());
        let user = user.filter(|_| options.provider.is_some());
        let user = user.ok_or_else(|| UsageError::usage(no_account(profile.as_ref())))?;
        let account = options.account(&user, "--")?;
        check_method(method, &account)?;
        Ok(LoginTask::LogIn(Box::new(NewLogin {
            method: method.unwrap_or_else(|| usual_method(&account)),
            is_configured: known == Some(&account),
            stored: StoredAccount {
                account,
                profile: profile.as_ref().map(|profile| profile.name.clone()),
                transport: profile.map(|profile| profile.transport),
            },
        })))
    }

    /// The account as the options describe it, its user, and the options that select a profile.
    fn account_options(self) -> (AccountOptions, Option<String>, config::Args) {
        let command = self.client_secret_command.map(ClientSecret::Command);
        let options = AccountOptions {
            provider: self.selection.provider,
            client_id: self.client_id,
            client_secret: command.or(self.client_secret_file.map(ClientSecret::File)),
            grant: self.grant.map(Grant::from),
            key_file: self.key_file,
            tenant: self.tenant,
            scope: self.scope,
        };
        (options, self.selection.user, self.selection.config)
    }

    fn method(&self) -> Option<LoginMethod> {
        [
            (self.browser, LoginMethod::Browser),
            (self.device, LoginMethod::Device),
            (self.paste, LoginMethod::Paste),
        ]
        .into_iter()
        .find_map(|(is_given, method)| is_given.then_some(method))
    }
}

/// The text for a command line and a configuration without a complete account.
fn no_account(profile: Option<&ProfileTransport>) -> String {
    let profile = profile.map(|profile| format!("profile \"{}\" has no key oauth; ", profile.name));
    format!(
        "{}name the account with --provider, --user and --client-id, or a profile that has the keys user, oauth and \
         oauth-client-id",
        profile.unwrap_or_default()
    )
}

fn check_method(method: Option<LoginMethod>, account: &Account) -> Result<(), UsageError> {
    let text = match method {
        Some(_) if account.grant != Grant::User => {
            "--browser, --device and --paste are for the login of a person; omit them"
        }
        Some(LoginMethod::Device) if account.provider == Provider::Google => {
            "Google does not permit its device login for mail; use --browser or --paste"
        }
        _ => return Ok(()),
    };
    Err(UsageError::usage(text))
}

/// A browser on this host if there is a display, else one elsewhere.
fn usual_method(account: &Account) -> LoginMethod {
    if super::has_display() {
        LoginMethod::Browser
    } else if account.provider == Provider::Microsoft {
        LoginMethod::Device
    } else {
        LoginMethod::Paste
    }
}

impl LogoutArgs {
    pub fn plan(
        self,
        command_line: CommandLineArgs<'_>,
        places: &Places,
    ) -> Result<LogoutTask, UsageError> {
        Ok(LogoutTask {
            selected: self.selection.find(command_line, places)?,
            revoke: self.revoke,
        })
    }
}

impl TokenArgs {
    pub fn plan(
        self,
        command_line: CommandLineArgs<'_>,
        places: &Places,
    ) -> Result<TokenTask, UsageError> {
        Ok(TokenTask {
            selected: self.selection.find(command_line, places)?,
        })
    }
}

/// The account of a command line.
#[derive(Debug)]
pub enum Selected {
    /// That of a profile.
    Profile(Box<StoredAccount>),
    /// The stored one with these properties.
    Stored {
        provider: Option<Provider>,
        user: Option<String>,
    },
}

impl Selection {
    /// The account of the profile, unless the options name another.
    fn find(
        self,
        command_line: CommandLineArgs<'_>,
        places: &Places,
    ) -> Result<Selected, UsageError> {
        let Self {
            provider,
            user,
            config,
        } = self;
        let is_described = provider.is_some() || user.is_some();
        if is_described && config.profile.is_some() {
            return Err(UsageError::usage(
                "--profile names the account; omit --provider and --user",
            ));
        }
        if !is_described && let Some(profile) = profile(&config, command_line, places)? {
            if let Some(account) = profile.account() {
                return Ok(Selected::Profile(Box::new(StoredAccount {
                    account: account.clone(),
                    profile: Some(profile.name.clone()),
                    transport: Some(profile.transport),
                })));
            }
            if config.profile.is_some() {
                return Err(UsageError::usage(no_account(Some(&profile))));
            }
        }
        Ok(Selected::Stored { provider, user })
    }
}

/// The transport of the profile that is named, else of the default.
fn profile(
    config: &config::Args,
    command_line: CommandLineArgs<'_>,
    places: &Places,
) -> Result<Option<ProfileTransport>, UsageError> {
    let mut command_line = command_line.of_sending();
    let Some(read) = config.read(|| command_line.keys(), places)? else {
        return Ok(None);
    };
    let chosen: Option<&Profile> = read.choose(config.profile.as_deref(), None)?;
    let Some(profile) = chosen else {
        return Ok(None);
    };
    Ok(Some(ProfileTransport {
        name: profile.name().to_owned(),
        transport: profile_transport(&read, profile, &mut command_line)?,
    }))
}
