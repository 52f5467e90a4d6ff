//! Sources of passwords and tokens: a command, a file, the environment, systemd, `~/.netrc`, the desktop's
//! keyring, or a person at a terminal. Never the command line.
//!
//! Secrets are wiped from memory after use, go to no child process and into no core file, and appear in no
//! error text. One copy is out of reach: the value of a variable stays in this process's own environment,
//! because nothing can be removed from it while threads may read it. It is removed from the environment of
//! every command that runs here.

mod buffer;
mod command;
mod error;
mod file;
mod netrc;
mod prompt;

pub use buffer::harden;
pub use error::CredentialsError;

use crate::system::secret::{Login, Proof, Secret};
use crate::system::stop::Stop;
use crate::system::text::shown;
use std::env;
use std::ffi::OsString;
use std::fmt;
use std::os::unix::ffi::OsStringExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// Time limit of a command that has no terminal to ask a person. `man ehlo` documents it.
const COMMAND_LIMIT: Duration = Duration::from_secs(60);

/// The variable that holds a password.
const PASSWORD: &str = "EHLO_PASSWORD";

/// The user, and the source of the secret.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CredentialsOptions {
    /// The user; `None` if the client certificate or the source of the secret names it.
    pub user: Option<String>,
    pub source: SecretSource,
    /// The chosen profile, which determines the name of the systemd credential.
    pub profile: Option<String>,
    /// True if a password that names no user, host or profile may be used.
    pub nameless: bool,
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
    /// The password is searched for in `EHLO_PASSWORD`, systemd's credentials, `~/.netrc` and the keyring, in
    /// this order, and prompted for if it is in none of them.
    Found,
    /// No secret: EXTERNAL needs none.
    Nothing,
}

impl fmt::Debug for SecretSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Command(_) => f.write_str("Command(redacted)"),
            Self::File(path) => f.debug_tuple("File").field(path).finish(),
            Self::TokenCommand(_) => f.write_str("TokenCommand(redacted)"),
            Self::Found => f.write_str("Found"),
            Self::Nothing => f.write_str("Nothing"),
        }
    }
}

/// Finds the credentials for a server. May run a command, which is killed when `stop` is set, and may prompt
/// at the terminal.
///
/// # Errors
/// The source that was named gives no secret, or none of the places has one.
pub fn find(
    options: &CredentialsOptions,
    host: &str,
    stop: Option<&Stop>,
) -> Result<Login, CredentialsError> {
    harden();
    let environment = Environment {
        stop,
        ..Environment::of_this_process()
    };
    find_in(options, host, &environment)
}

/// Finds the credentials without a terminal, as under cron. `limit` is the time limit of a command.
///
/// # Errors
/// The source that was named gives no secret, or none of the places has one.
pub fn find_unattended(
    options: &CredentialsOptions,
    host: &str,
    limit: Duration,
) -> Result<Login, CredentialsError> {
    harden();
    let environment = Environment {
        terminal: None,
        limit: Some(limit),
        ..Environment::of_this_process()
    };
    find_in(options, host, &environment)
}

/// The source of the password if a run of the queue does not use it.
#[must_use]
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
pub fn check_file(path: &Path) -> Result<(), CredentialsError> {
    harden();
    file::secret(path).map(drop)
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
}

impl Environment<'_> {
    fn of_this_process() -> Self {
        let set = |name: &str| env::var_os(name).filter(|value| !value.is_empty());
        let home = || set("HOME").map(|home| PathBuf::from(home).join(".netrc"));
        let terminal = PathBuf::from("/dev/tty");
        Self {
            password: set(PASSWORD).map(|value| Secret::new(value.into_vec())),
            credentials: set("CREDENTIALS_DIRECTORY").map(PathBuf::from),
            netrc: set("NETRC").map(PathBuf::from).or_else(home),
            keyring: set("DBUS_SESSION_BUS_ADDRESS").map(|_| OsString::from("secret-tool")),
            limit: (!prompt::is_attended(&terminal)).then_some(COMMAND_LIMIT),
            terminal: Some(terminal),
            stop: None,
        }
    }
}

fn find_in(
    options: &CredentialsOptions,
    host: &str,
    environment: &Environment<'_>,
) -> Result<Login, CredentialsError> {
    let printed =
        |option, line: &str| command::secret(environment.limit, option, line, environment.stop);
    let proof = match &options.source {
        SecretSource::Command(line) => Proof::Password(printed("--password-command", line)?),
        SecretSource::File(path) => Proof::Password(file::secret(path)?),
        SecretSource::TokenCommand(line) => Proof::Token(printed("--oauth-token-command", line)?),
        SecretSource::Found => return search(options, host, environment),
        SecretSource::Nothing => Proof::Elsewhere,
    };
    Ok(Login {
        user: options.user.clone(),
        proof,
    })
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
    };
    if options.nameless
        && let Some(secret) = &environment.password
    {
        return buffer::checked(secret.clone(), PASSWORD).map(login);
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
        Some(user) => format!("{} at {}", shown(user), shown(host)),
        None => shown(host),
    }
}

#[cfg(test)]
mod tests;
