//! The options of `ehlo config init`, and the account that they describe.

use crate::cli::config::oauth;
use crate::cli::config::oauth::OAuthKeys;
use crate::cli::config::search;
use crate::cli::options::usage_error::UsageError;
use crate::cli::options::{auth, value};
use crate::client::dns::{Dns, DnsError, Resolver};
use crate::client::events::Silent;
use crate::config::{NewProfile, Outline, Places, Provider, SYSTEM, UserName};
use crate::mail::address::{Domain, Mailbox};
use crate::probe::discover::{FoundServer, SearchOptions};
use crate::system::text::{shown, shown_path};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// Time limit of each request of the search for a server.
const SEARCH_LIMIT: Duration = Duration::from_secs(10);

/// Create a profile for your mail account.
///
/// At a terminal, ehlo asks for whatever the options leave open: your address, the server, the user name, and where
/// the password is kept. The server is that of a known provider, found by the domain of the address or by its mail
/// exchangers, else the one that `ehlo config discover` finds. The file is created with mode 0600. In an existing
/// file, the profile is added and everything else stays as it is; a profile of the same name is never replaced. The
/// result is checked before it is written.
#[derive(Debug, clap::Args)]
#[group(skip)]
pub struct InitArgs {
    /// Your email address, optionally with a name, as in 'Alice <alice@gmail.com>'.
    #[arg(long, value_name = "ADDR", value_parser = address)]
    pub address: Option<String>,

    /// Mail provider, if it cannot be found by the address.
    #[arg(long, value_name = "NAME", value_parser = provider)]
    pub provider: Option<&'static Provider>,

    /// Server for outgoing mail [default: that of the provider].
    ///
    /// The profile requires implicit TLS on port 465, and STARTTLS on port 587.
    #[arg(short, long, value_name = "HOST[:PORT]|PATH", value_parser = relay)]
    pub relay: Option<String>,

    /// User name for the login [default: as the provider requires, usually the address].
    #[arg(short, long, value_name = "NAME", value_parser = value::line)]
    pub user: Option<String>,

    /// Shell command that prints the password.
    #[arg(long, value_name = "CMD", value_parser = auth::command,
          conflicts_with_all = ["password_file", "oauth_token_command"])]
    pub password_command: Option<String>,

    /// File that contains the password.
    ///
    /// It must not be accessible to other users (chmod 600). At a terminal, ehlo asks for the password and creates
    /// the file if it does not exist.
    #[arg(long, value_name = "FILE", conflicts_with = "oauth_token_command")]
    pub password_file: Option<PathBuf>,

    /// Shell command that prints an OAuth 2.0 access token.
    #[arg(long, value_name = "CMD", value_parser = auth::command)]
    pub oauth_token_command: Option<String>,

    #[command(flatten)]
    pub oauth: oauth::Args,

    /// File with the CA certificates (PEM) to trust instead of those of the system.
    #[arg(long, value_name = "FILE")]
    pub ca_file: Option<PathBuf>,

    /// Name of the profile [default: that of the provider, else the domain of the address].
    #[arg(long, value_name = "NAME", value_parser = value::line)]
    pub profile: Option<String>,

    /// Make this the default profile. The first profile of a file is always the default.
    #[arg(long)]
    pub default: bool,

    /// Log in to the server after writing the file, without sending mail.
    #[arg(long)]
    pub online: bool,

    /// Ask no questions, even at a terminal.
    #[arg(short, long)]
    pub yes: bool,

    /// Do not ask Mozilla's database of providers, which learns the domain.
    #[arg(long)]
    no_database: bool,

    /// DNS resolver for the search for the server.
    #[arg(long, value_name = "IP[:PORT]", value_parser = resolver)]
    dns: Option<SocketAddr>,

    /// Configuration file to create or extend [default: `$EHLO_CONFIG`, else `~/.config/ehlo/config.toml`].
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
}

/// A profile that is to be added to a file.
#[derive(Debug)]
pub struct Init {
    pub path: PathBuf,
    /// The configuration that has been used so far, and no longer is once the file exists.
    pub replaced: Option<PathBuf>,
    pub args: InitArgs,
}

/// The server of an address, as far as it is known without asking the user.
#[derive(Default)]
pub struct KnownServer {
    pub provider: Option<&'static Provider>,
    /// The server that a search has found.
    pub found: Option<FoundServer>,
}

impl KnownServer {
    fn of(provider: Option<&'static Provider>) -> Self {
        Self {
            provider,
            found: None,
        }
    }
}

/// The values of a new profile.
#[derive(Debug)]
pub struct Account {
    pub address: String,
    pub relay: String,
    /// The use of TLS on a port that does not determine it; `None`: not known.
    pub tls: Option<&'static str>,
    /// `None`: the server requires no login.
    pub user: Option<String>,
    pub secret: SecretPlace,
    pub name: String,
    pub is_default: bool,
}

/// The place of the secret.
#[derive(Clone, Debug)]
pub enum SecretPlace {
    Command(String),
    TokenCommand(String),
    /// `ehlo login` keeps it: the keys of the profile.
    OAuth(OAuthKeys),
    File(PathBuf),
    /// The keyring, `~/.netrc` or the prompt: no key in the profile.
    Found,
}

impl SecretPlace {
    /// True for a token instead of a password.
    pub fn is_token(&self) -> bool {
        matches!(self, Self::OAuth(_) | Self::TokenCommand(_))
    }
}

impl InitArgs {
    pub(crate) fn plan(self, places: &Places) -> Result<Init, UsageError> {
        let candidates = places.candidates(self.config.as_deref());
        let is_named = candidates.len() == 1 || self.config.is_some();
        let path = candidates.first().cloned().unwrap_or_default();
        let is_system = self.config.is_none() && path == Path::new(SYSTEM);
        if is_system || path.as_os_str().is_empty() || path == Path::new("/dev/null") {
            return Err(UsageError::usage(
                "config init: no file to write; name one with --config FILE",
            ));
        }
        let others = candidates.into_iter().skip(1).find(|other| other.exists());
        Ok(Init {
            replaced: others.filter(|_| !is_named && !path.exists()),
            path,
            args: self,
        })
    }

    /// The provider that was named, else that of the domain, else that of the mail exchangers; else what a search
    /// finds. With --relay, only the provider that was named. If the DNS does not answer, there is no search.
    pub fn server_of(&self, address: &str) -> KnownServer {
        if self.provider.is_some() || self.relay.is_some() {
            return KnownServer::of(self.provider);
        }
        let Some(domain) = domain_of(address) else {
            return KnownServer::default();
        };
        let known = Provider::of_domain(&domain);
        if known.is_some() {
            return KnownServer::of(known);
        }
        match self.exchangers(&domain) {
            Ok(hosts) => {
                let provider = hosts.iter().find_map(|host| Provider::of_exchanger(host));
                match provider {
                    Some(_) => KnownServer::of(provider),
                    None => self.found(address),
                }
            }
            Err(DnsError::Failed(_)) => KnownServer::default(),
            Err(_) => self.found(address),
        }
    }

    fn exchangers(&self, domain: &str) -> Result<Vec<String>, DnsError> {
        let dns = Resolver::new(self.dns).map_err(DnsError::Failed)?;
        let answers = dns.mx(&[domain.to_owned()], &mut Silent);
        let answer = answers.into_iter().next();
        let mut hosts = answer.unwrap_or(Err(DnsError::NoData))?.records;
        hosts.sort_by_key(|mx| mx.preference);
        Ok(hosts.into_iter().map(|mx| mx.host).collect())
    }

    fn found(&self, address: &str) -> KnownServer {
        let options = SearchOptions {
            dns: self.dns,
            ca_file: self.ca_file.clone(),
            limit: SEARCH_LIMIT,
            proxy: None,
            proxy_login: None,
        };
        KnownServer {
            provider: None,
            found: search::search(address, !self.no_database, &options).found,
        }
    }

    /// The place of the secret, if an option names it.
    pub fn secret(&self) -> Option<SecretPlace> {
        let command = self.password_command.clone().map(SecretPlace::Command);
        let token = self.oauth_token_command.clone();
        let file = self.password_file.clone().map(SecretPlace::File);
        let oauth = self.oauth.keys().map(SecretPlace::OAuth);
        command
            .or(token.map(SecretPlace::TokenCommand))
            .or(file)
            .or(oauth)
    }

    /// The account without any questions.
    pub(crate) fn account(&self, outline: &Outline) -> Result<Account, UsageError> {
        let address = self.address.clone().ok_or_else(|| {
            UsageError::usage("config init: --address is missing, and there is no terminal to ask")
        })?;
        let KnownServer { provider, found } = self.server_of(&address);
        let relay = self
            .relay
            .clone()
            .or(provider.map(|one| one.relay.to_owned()))
            .or(found.as_ref().map(search::relay));
        let relay = relay.ok_or_else(|| {
            let domain = domain_of(&address).unwrap_or_default();
            UsageError::usage(format!(
                "config init: no provider is known for {}, and ehlo config discover finds no mail server; name it with \
                 --relay HOST:PORT",
                shown(&domain)
            ))
        })?;
        let user = match (&self.user, provider) {
            (Some(user), _) => Some(user.clone()),
            (None, Some(provider)) => Some(user_name(provider, &address).ok_or_else(|| {
                UsageError::usage(format!(
                    "config init: --user is missing; {} assigns the user name",
                    provider.title
                ))
            })?),
            (None, None) => match &found {
                Some(found) => search::user(&address, found),
                None => self.secret().map(|_| bare(&address)),
            },
        };
        self.check_secret(&relay)?;
        Ok(Account {
            name: self.profile_name(&address, provider),
            is_default: self.default || outline.profiles.is_empty(),
            secret: self.secret().unwrap_or(SecretPlace::Found),
            tls: found
                .as_ref()
                .filter(|found| search::relay(found) == relay)
                .map(search::tls),
            address,
            relay,
            user,
        })
    }

    /// Checks that the provider accepts a secret of this kind.
    fn check_secret(&self, relay: &str) -> Result<(), UsageError> {
        let provider = Provider::of_relay(relay).filter(|one| one.refuses_passwords());
        match provider {
            Some(provider) if !self.secret().is_some_and(|secret| secret.is_token()) => {
                Err(UsageError::usage(format!(
                    "config init: {} accepts no passwords; use --oauth microsoft --oauth-tenant consumers with \
                 --oauth-client-id ID (ehlo-providers(7) describes the registration), or --oauth-token-command CMD",
                    provider.title
                )))
            }
            _ => Ok(()),
        }
    }

    pub fn profile_name(&self, address: &str, provider: Option<&Provider>) -> String {
        let name = self
            .profile
            .clone()
            .or(provider.map(|one| one.name.to_owned()));
        name.or_else(|| domain_of(address)).unwrap_or_default()
    }
}

impl Account {
    /// The profile for the file.
    pub(crate) fn profile(&self, ca_file: Option<&Path>) -> Result<NewProfile, UsageError> {
        let mut settings = vec![("relay", self.relay.clone())];
        let port = value::server(&self.relay)
            .ok()
            .and_then(|server| server.port);
        match port {
            Some(465) => settings.push(("tls", "implicit".to_owned())),
            Some(587) => settings.push(("tls", "starttls".to_owned())),
            _ => settings.extend(self.tls.map(|tls| ("tls", tls.to_owned()))),
        }
        settings.push(("from", self.address.clone()));
        if let Some(user) = &self.user {
            settings.push(("user", user.clone()));
        }
        match &self.secret {
            SecretPlace::Command(line) => settings.push(("password-command", line.clone())),
            SecretPlace::TokenCommand(line) => settings.push(("oauth-token-command", line.clone())),
            SecretPlace::File(path) => settings.push(("password-file", text_of(path)?)),
            SecretPlace::OAuth(keys) => settings.extend(keys.iter().cloned()),
            SecretPlace::Found => {}
        }
        if let Some(path) = ca_file {
            settings.push(("ca-file", text_of(path)?));
        }
        Ok(NewProfile {
            name: self.name.clone(),
            settings,
        })
    }
}

/// The path as the file names it. A relative path would depend on the current directory of later runs.
fn text_of(path: &Path) -> Result<String, UsageError> {
    let text = path
        .to_str()
        .ok_or_else(|| UsageError::data(format!("{}: the path is not UTF-8", shown_path(path))))?;
    if text.starts_with(['~', '$', '/']) {
        return Ok(text.to_owned());
    }
    let full = std::path::absolute(path).ok();
    let full = full.and_then(|full| full.into_os_string().into_string().ok());
    Ok(full.unwrap_or_else(|| text.to_owned()))
}

/// The user name that the provider expects. `None`: it assigns one.
pub fn user_name(provider: &Provider, address: &str) -> Option<String> {
    match provider.user {
        UserName::Address => Some(bare(address)),
        UserName::Fixed(name) => Some(name.to_owned()),
        UserName::Assigned => None,
    }
}

/// The address without a display name.
pub fn bare(address: &str) -> String {
    Mailbox::parse(address).map_or_else(|_| address.to_owned(), |one| one.address.to_string())
}

pub fn domain_of(address: &str) -> Option<String> {
    match Mailbox::parse(address).ok()?.address.domain() {
        Domain::Name(name) => Some(name.to_ascii_lowercase()),
        _ => None,
    }
}

pub fn address(text: &str) -> Result<String, String> {
    Mailbox::parse(text).map_err(|error| error.to_string())?;
    Ok(text.to_owned())
}

pub fn relay(text: &str) -> Result<String, String> {
    value::server(text).map(|_| text.to_owned())
}

pub fn provider(text: &str) -> Result<&'static Provider, String> {
    Provider::named(&text.to_ascii_lowercase()).ok_or_else(|| {
        let names: Vec<&str> = Provider::names().collect();
        format!("unknown provider; known are {}", names.join(", "))
    })
}

pub fn resolver(text: &str) -> Result<SocketAddr, String> {
    let address = text.parse::<SocketAddr>().ok();
    let ip = || text.parse().ok().map(|ip| SocketAddr::new(ip, 53));
    address
        .or_else(ip)
        .ok_or_else(|| "expected an IP address, with :PORT if it is not 53".to_owned())
}
