//! Sources of passwords and tokens: a command, a file, an OAuth login, the environment, systemd, `~/.netrc`, the
//! desktop's keyring, or a person at a terminal. Never the command line.
//!
//! Secrets are wiped from memory after use, go to no child process and into no core file, and appear in no
//! error text. One copy is out of reach: the value of a variable stays in this process's own environment,
//! because nothing can be removed from it while threads may read it. It is removed from the environment of
//! every command that runs here.

mod command;
mod file;
mod git;
mod netrc;
pub(crate) mod oauth;
mod prompt;

pub use file::harden;
pub use netrc::find_login as find_in_netrc;
pub use prompt::hidden_line;

use crate::system::remedy::{Correctable, ErrorText, Remedy};
use crate::system::secret::{Login, Proof, Secret};
use crate::system::stop::Stop;
use crate::system::text::{reason, shown};
use oauth::{Account, Network, OAuthError, TokenSource};
use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::OsStringExt;
use std::path::{Path, PathBuf};
use std::time::Duration;
use std::{env, fmt, io};

/// Time limit of a command that has no terminal to ask a person. `man ehlo` documents it.
const COMMAND_LIMIT: Duration = Duration::from_secs(60);

/// The variable that holds a password.
const PASSWORD: &str = "EHLO_PASSWORD";

/// The user, and the source of the secret.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CredentialsOptions {
    /// The user; `None` if the client certificate or the source of the secret names it.
    pub user: Option<String>,
    /// The identity to act as. `None`: that of the user.
    pub authzid: Option<String>,
    pub source: SecretSource,
    /// The chosen profile, which determines the name of the systemd credential.
    pub profile: Option<String>,
    /// True if a password that names no user, host or profile may be used.
    pub nameless: bool,
    /// The port of the server, if it is named.
    pub port: Option<u16>,
}

/// A source of a secret. `Debug` does not show commands, because they may contain passwords.
#[derive(Clone, PartialEq, Eq)]
pub enum SecretSource {
    /// The first line that this shell command prints is the password.
    Command(String),
    /// The first line of this file is the password.
    File(PathBuf),
    /// The first line that this shell command prints is an OAuth token.
    TokenCommand(String),
    /// The program obtains an OAuth token itself.
    OAuth(Box<Account>),
    /// The password is searched for in `EHLO_PASSWORD`, systemd's credentials, `~/.netrc` and the keyring, in
    /// this order, and prompted for if it is in none of them.
    Found,
    /// git's credential helpers have the password.
    Git,
    /// The password is known.
    Password(Secret),
    /// The OAuth token is known.
    Token(Secret),
    /// No secret: EXTERNAL needs none.
    Nothing,
}

impl fmt::Debug for SecretSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Command(_) => f.write_str("Command(redacted)"),
            Self::File(path) => f.debug_tuple("File").field(path).finish(),
            Self::TokenCommand(_) => f.write_str("TokenCommand(redacted)"),
            Self::OAuth(account) => f.debug_tuple("OAuth").field(account).finish(),
            Self::Found => f.write_str("Found"),
            Self::Git => f.write_str("Git"),
            Self::Password(_) => f.write_str("Password(redacted)"),
            Self::Token(_) => f.write_str("Token(redacted)"),
            Self::Nothing => f.write_str("Nothing"),
        }
    }
}

/// Finds the credentials for a server. May run a command, which is killed when the network is stopped, request a
/// token, and prompt at the terminal.
///
/// # Errors
/// The source that was named gives no secret, or none of the places has one.
pub fn find(
    options: &CredentialsOptions,
    host: &str,
    network: Network<'_>,
) -> Result<Login, CredentialsError> {
    harden();
    let environment = Environment {
        stop: network.stop,
        network: Some(network),
        ..Environment::of_this_process()
    };
    find_in(options, host, &environment)
}

/// Finds another token if the server has refused this one. `None`: the token is not one of an OAuth login.
///
/// # Errors
/// The provider gives no other token.
pub fn renew(
    options: &CredentialsOptions,
    refused: &Login,
    network: Network<'_>,
) -> Option<Result<Login, CredentialsError>> {
    let (SecretSource::OAuth(account), Proof::Token(token)) = (&options.source, &refused.proof)
    else {
        return None;
    };
    let source = TokenSource {
        account,
        profile: options.profile.as_deref(),
        network,
        limit: Some(COMMAND_LIMIT),
    };
    let renewed = source.access_token(Some(token)).map(|token| Login {
        user: options.user.clone(),
        authzid: options.authzid.clone(),
        proof: Proof::Token(token),
    });
    Some(renewed.map_err(CredentialsError::from))
}

/// Finds the credentials without a terminal, as under cron. `limit` is the time limit of a command.
///
/// # Errors
/// The source that was named gives no secret, or none of the places has one.
pub fn find_unattended(
    options: &CredentialsOptions,
    host: &str,
    network: Network<'_>,
    limit: Duration,
) -> Result<Login, CredentialsError> {
    harden();
    let environment = Environment {
        network: Some(network),
        terminal: None,
        limit: Some(limit),
        ..Environment::of_this_process()
    };
    find_in(options, host, &environment)
}

/// The first line that a shell command prints. The command may ask at the terminal.
///
/// # Errors
/// It fails, or prints nothing.
pub fn printed(line: &str) -> Result<Secret, CredentialsError> {
    harden();
    command::secret(command_limit(), "the command", line, None)
}

/// A user at a proxy.
#[derive(Debug)]
pub struct ProxyAccount<'a> {
    pub user: &'a str,
    pub host: String,
    /// The file whose first line is the password; `None`: it is searched for.
    pub file: Option<&'a Path>,
}

/// Finds the password for a proxy: in its file, else in `~/.netrc` and the keyring; else prompts for it.
///
/// # Errors
/// The file gives no secret, or none of the places has one.
pub fn find_for_proxy(
    account: &ProxyAccount<'_>,
    stop: Option<&Stop>,
) -> Result<Login, CredentialsError> {
    harden();
    let environment = Environment {
        stop,
        ..Environment::for_proxy()
    };
    proxy_login(account, &environment)
}

/// As [`find_for_proxy`], without a terminal.
///
/// # Errors
/// The file gives no secret, or none of the places has one.
pub fn find_for_proxy_unattended(
    account: &ProxyAccount<'_>,
    limit: Duration,
) -> Result<Login, CredentialsError> {
    harden();
    let environment = Environment {
        terminal: None,
        limit: Some(limit),
        ..Environment::for_proxy()
    };
    proxy_login(account, &environment)
}

fn proxy_login(
    account: &ProxyAccount<'_>,
    environment: &Environment<'_>,
) -> Result<Login, CredentialsError> {
    let user = Some(account.user.to_owned());
    if let Some(path) = account.file {
        let proof = Proof::Password(file::secret("--proxy-password-file", path)?);
        return Ok(Login {
            user,
            proof,
            authzid: None,
        });
    }
    let options = CredentialsOptions {
        user,
        source: SecretSource::Found,
        profile: None,
        nameless: true,
        port: None,
        authzid: None,
    };
    let found = search(&options, &account.host, environment);
    found.map_err(|error| match error {
        CredentialsError::Nowhere(account) => CredentialsError::NowhereProxy(account),
        other => other,
    })
}

/// The source of the password if a run of the queue does not use it.
pub fn passing_source(options: &CredentialsOptions) -> Option<&'static str> {
    if options.source != SecretSource::Found {
        return None;
    }
    harden();
    let environment = Environment::of_this_process();
    if environment.password.is_some() {
        return Some(PASSWORD);
    }
    let directory = environment.credentials?;
    let is_there = |nameless| {
        let secret = file::service(&directory, options.profile.as_deref(), nameless);
        secret.is_ok_and(|secret| secret.is_some())
    };
    (is_there(true) && !is_there(false)).then_some("systemd's ehlo.password")
}

/// Reads a password file and drops the password.
///
/// # Errors
/// The file cannot be read, is accessible to other users, or contains no password.
pub fn check_file(option: &str, path: &Path) -> Result<(), CredentialsError> {
    harden();
    file::secret(option, path).map(drop)
}

/// The password that a file or a command gives, for a server of another kind. `None`: the source is another one.
///
/// # Errors
/// The source gives no password.
#[cfg(feature = "postgres")]
pub fn secret_of(source: &SecretSource) -> Result<Option<Secret>, CredentialsError> {
    harden();
    Ok(match source {
        SecretSource::Command(line) => {
            let limit = Some(COMMAND_LIMIT);
            Some(command::secret(limit, "password-command", line, None)?)
        }
        SecretSource::File(path) => Some(file::secret("password-file", path)?),
        _ => None,
    })
}

/// The content of a file with passwords of several servers; `None`: no such file.
///
/// # Errors
/// The file cannot be read, or is accessible to other users.
#[cfg(feature = "postgres")]
pub fn passwords_in(path: &Path, origin: &str) -> Result<Option<Secret>, CredentialsError> {
    harden();
    let Some(file) = file::open_if_there(path)? else {
        return Ok(None);
    };
    file::check_access(&file, path, origin)?;
    let contents = file::contents(&file, origin)?;
    Ok(Some(Secret::new(contents.to_vec())))
}

/// Prompts for a password at the terminal.
///
/// # Errors
/// There is no terminal, or nothing was typed.
pub fn ask(account: &str) -> Result<Secret, CredentialsError> {
    harden();
    prompt::secret(Path::new("/dev/tty"), account)
}

/// Settings of the environment that name sources of secrets.
#[derive(Debug)]
struct Environment<'a> {
    /// `$EHLO_PASSWORD`.
    password: Option<Secret>,
    /// `$CREDENTIALS_DIRECTORY`.
    credentials: Option<PathBuf>,
    /// `$NETRC`, else `~/.netrc`.
    netrc: Option<PathBuf>,
    /// The program that reads the keyring, if the session may have one.
    keyring: Option<OsString>,
    /// The controlling terminal.
    terminal: Option<PathBuf>,
    /// Time limit of a command; `None`: no limit, because it may ask a person.
    limit: Option<Duration>,
    /// Ends a command.
    stop: Option<&'a Stop>,
    /// The way to a provider of tokens; `None`: none is asked.
    network: Option<Network<'a>>,
}

impl Environment<'_> {
    /// Without the variable and the directory that have the password for the mail server.
    fn for_proxy() -> Self {
        Self {
            password: None,
            credentials: None,
            ..Self::of_this_process()
        }
    }

    fn of_this_process() -> Self {
        let set = |name: &str| env::var_os(name).filter(|value| !value.is_empty());
        let home = || set("HOME").map(|home| PathBuf::from(home).join(".netrc"));
        let terminal = PathBuf::from("/dev/tty");
        Self {
            password: set(PASSWORD).map(|value| Secret::new(value.into_vec())),
            credentials: set("CREDENTIALS_DIRECTORY").map(PathBuf::from),
            netrc: set("NETRC").map(PathBuf::from).or_else(home),
            keyring: set("DBUS_SESSION_BUS_ADDRESS").map(|_| OsString::from("secret-tool")),
            limit: command_limit(),
            terminal: Some(terminal),
            stop: None,
            network: None,
        }
    }
}

/// Time limit of a command that prints a secret; `None`: no limit, because it may ask a person.
pub fn command_limit() -> Option<Duration> {
    (!prompt::is_attended(Path::new("/dev/tty"))).then_some(COMMAND_LIMIT)
}

fn find_in(
    options: &CredentialsOptions,
    host: &str,
    environment: &Environment<'_>,
) -> Result<Login, CredentialsError> {
    let login = login_of_source(options, host, environment)?;
    Ok(Login {
        authzid: options.authzid.clone(),
        ..login
    })
}

fn login_of_source(
    options: &CredentialsOptions,
    host: &str,
    environment: &Environment<'_>,
) -> Result<Login, CredentialsError> {
    let printed =
        |option, line: &str| command::secret(environment.limit, option, line, environment.stop);
    let proof = match &options.source {
        SecretSource::Command(line) => Proof::Password(printed("--password-command", line)?),
        SecretSource::File(path) => Proof::Password(file::secret("--password-file", path)?),
        SecretSource::TokenCommand(line) => Proof::Token(printed("--oauth-token-command", line)?),
        SecretSource::OAuth(account) => Proof::Token(oauth_token(account, options, environment)?),
        SecretSource::Found => return search(options, host, environment),
        SecretSource::Git => {
            let user = options.user.as_deref().unwrap_or_default();
            let server = (host, options.port);
            Proof::Password(git::secret(
                OsStr::new("git"),
                server,
                user,
                environment.stop,
            )?)
        }
        SecretSource::Password(password) => Proof::Password(password.clone()),
        SecretSource::Token(token) => Proof::Token(token.clone()),
        SecretSource::Nothing => Proof::Elsewhere,
    };
    Ok(Login {
        user: options.user.clone(),
        proof,
        authzid: None,
    })
}

fn oauth_token(
    account: &Account,
    options: &CredentialsOptions,
    environment: &Environment<'_>,
) -> Result<Secret, OAuthError> {
    let network = environment.network.ok_or_else(|| OAuthError::Unavailable {
        provider: account.provider.to_string(),
        why: "requests are not possible here".to_owned(),
    })?;
    let source = TokenSource {
        account,
        profile: options.profile.as_deref(),
        network,
        limit: environment.limit,
    };
    source.access_token(None)
}

/// Searches the sources in order, and returns the first password.
fn search(
    options: &CredentialsOptions,
    host: &str,
    environment: &Environment<'_>,
) -> Result<Login, CredentialsError> {
    let user = options.user.as_deref();
    let login = |secret| Login {
        user: options.user.clone(),
        proof: Proof::Password(secret),
        authzid: None,
    };
    if options.nameless
        && let Some(secret) = &environment.password
    {
        return file::checked(secret.clone(), PASSWORD).map(login);
    }
    if let Some(directory) = &environment.credentials
        && let Some(secret) =
            file::service(directory, options.profile.as_deref(), options.nameless)?
    {
        return Ok(login(secret));
    }
    if let Some(path) = &environment.netrc
        && let Some(found) = netrc::find_login(path, host, user)?
    {
        return Ok(found);
    }
    if let Some(program) = &environment.keyring
        && let Some(secret) = command::keyring(program, host, user)?
    {
        return Ok(login(secret));
    }
    let asked = match &environment.terminal {
        Some(path) => prompt::secret(path, &account(user, host)).map(login),
        None => Err(CredentialsError::Nowhere(account(user, host))),
    };
    match asked {
        Err(CredentialsError::Nowhere(account)) if !options.nameless => {
            Err(CredentialsError::NowhereNamed(account))
        }
        asked => asked,
    }
}

/// `alice at mail.example.org`, safe to show.
fn account(user: Option<&str>, host: &str) -> String {
    match user {
        // As in curl's -u. The password is not repeated.
        Some(user) if user.contains(':') => {
            let name = user.split(':').next().unwrap_or_default();
            format!(
                "{}:... at {} (--user takes a name only, without a password)",
                shown(name),
                shown(host)
            )
        }
        Some(user) => format!("{} at {}", shown(user), shown(host)),
        None => shown(host),
    }
}

/// Reason for which no secret was found.
#[derive(Debug, thiserror::Error)]
#[error("{}", self.error_text())]
pub enum CredentialsError {
    /// A file cannot be opened or read.
    Read {
        /// The option and the file, safe to show.
        origin: String,
        error: io::Error,
    },
    /// The path is a directory.
    Directory {
        /// The option and the path, safe to show.
        origin: String,
    },
    /// The file is readable or writable by other users.
    Exposed {
        /// The option and the file, safe to show.
        origin: String,
        mode: u32,
        /// The command that changes the mode. `None`: this user cannot change it.
        chmod: Option<String>,
    },
    /// The file belongs to another user.
    Foreign {
        /// The option and the file, safe to show.
        origin: String,
        /// The id of its owner.
        owner: u32,
        user: u32,
        /// The file as a shell reads it.
        file: String,
    },
    /// The source exceeds the size limit.
    TooLong(String),
    /// The first line is empty.
    Empty(String),
    /// The secret contains bytes that cannot be sent in a session.
    InvalidCharacter {
        /// The source of the secret.
        origin: String,
        what: String,
    },
    /// The shell cannot be started, or its output cannot be read.
    Shell {
        /// The option with the command.
        option: &'static str,
        error: io::Error,
    },
    /// The command failed.
    Failed {
        /// The option with the command.
        option: &'static str,
        end: String,
    },
    /// The command exceeded its time limit, and has no terminal to ask a person.
    TimedOut {
        /// The option with the command.
        option: &'static str,
        /// The time limit that passed.
        seconds: u64,
    },
    /// The program that reads the keyring cannot be started at the moment.
    Keyring(io::Error),
    /// No source has a password, and there is no terminal to ask at.
    Nowhere(String),
    /// No password for a queued message, for which a password without a name is not used.
    NowhereNamed(String),
    /// No password for a proxy.
    NowhereProxy(String),
    NoGit,
    NotInGit(String),
    /// The user entered an empty password.
    EmptyInput(String),
    /// The terminal cannot be read.
    Terminal {
        account: String,
        error: io::Error,
    },
    OAuth(#[from] OAuthError),
}

impl Correctable for CredentialsError {
    fn error_text(&self) -> ErrorText {
        match self {
            Self::OAuth(error) => error.error_text(),
            _ => ErrorText::new(self.sentence()).with(self.remedy()),
        }
    }
}

impl CredentialsError {
    /// The error without its remedy.
    fn sentence(&self) -> String {
        match self {
            Self::Read { origin, error } => format!("cannot read {origin}: {}", reason(error)),
            Self::Directory { origin } => format!("cannot read {origin}: it is a directory"),
            Self::Exposed {
                origin,
                mode,
                chmod,
            } => {
                let more = match chmod {
                    Some(_) => "",
                    None => "; this user cannot change the mode",
                };
                format!("{origin} is accessible to other users (mode {mode:04o}){more}")
            }
            Self::Foreign { origin, owner, .. } => format!("{origin} belongs to user ID {owner}"),
            Self::TooLong(origin) => format!("{origin} returned more than 64 KiB"),
            Self::Empty(origin) => format!("{origin} returned no secret: its first line is empty"),
            Self::InvalidCharacter { origin, what } => {
                format!("{origin}: the secret contains {what}")
            }
            Self::Shell { option, error } => {
                format!("cannot run {option} with /bin/sh: {}", reason(error))
            }
            Self::Failed { option, end } => format!("{option} failed with {end}"),
            Self::TimedOut { option, seconds } => {
                format!("{option} did not exit within {seconds} seconds and was killed")
            }
            Self::Keyring(error) => format!("cannot query the keyring: {}", reason(error)),
            Self::Nowhere(account) | Self::NowhereNamed(account) => {
                format!("no password for {account}")
            }
            Self::NowhereProxy(account) => format!("no password for the proxy user {account}"),
            Self::NoGit => "--password-helper git: git is not installed, or not in PATH".to_owned(),
            Self::NotInGit(account) => format!("git has no password for {account}"),
            Self::EmptyInput(account) => format!("no password was entered for {account}"),
            Self::Terminal { account, error } => {
                format!(
                    "cannot prompt for the password of {account}: {}",
                    reason(error)
                )
            }
            Self::OAuth(error) => error.to_string(),
        }
    }

    fn remedy(&self) -> Option<Remedy> {
        let advice = match self {
            Self::Exposed {
                chmod: Some(command),
                ..
            } => return Some(Remedy::Command(command.clone())),
            Self::Foreign { user, file, .. } => {
                let command = format!("chown {user} {file}; chmod 600 {file}");
                return Some(Remedy::Command(command));
            }
            Self::Exposed { chmod: None, .. } => {
                "create the file with mode 0400, or use --password-command or EHLO_PASSWORD"
            }
            Self::Directory { .. } => "name a file whose first line is the password",
            Self::TooLong(_) => "its first line must be the secret",
            Self::InvalidCharacter { .. } => "it must be one line of text",
            Self::Failed { .. } => "run the command manually to see why",
            Self::TimedOut { .. } => "without a terminal, the command must not prompt",
            Self::Nowhere(_) => {
                "use --password-command or --password-file, set EHLO_PASSWORD, or add an entry to ~/.netrc"
            }
            Self::NowhereNamed(_) => {
                "use --password-command or --password-file, or add an entry to ~/.netrc; queue runs do not use EHLO_PASSWORD or systemd's ehlo.password"
            }
            Self::NowhereProxy(_) => "use --proxy-password-file, or add an entry to ~/.netrc",
            Self::NotInGit(_) => {
                "store it with: git credential approve, and protocol=smtp, host=, username= and password= on its input"
            }
            Self::EmptyInput(_) => "enter one, or use --password-command or --password-file",
            Self::Terminal { .. } => "use --password-command or --password-file",
            Self::Read { .. }
            | Self::Empty(_)
            | Self::Shell { .. }
            | Self::Keyring(_)
            | Self::NoGit
            | Self::OAuth(_) => return None,
        };
        Some(advice.into())
    }

    /// True if nothing can be sent before a person has logged in.
    pub fn needs_login(&self) -> bool {
        matches!(self, Self::OAuth(error) if error.needs_login())
    }
}

#[cfg(test)]
mod tests;
