//! Changes of the configuration file, and the programs that `ehlo config init` runs: secret-tool, and ehlo itself for
//! the check, the login and the test mail.

use crate::cli::ExitStatus;
use crate::cli::config::account::{Account, SecretPlace, bare};
use crate::cli::options::usage_error::UsageError;
use crate::cli::options::value;
use crate::cli::terminal;
use crate::client::credentials;
use crate::config::{ConfigError, NewProfile, Outline, SYSTEM};
use crate::system::exit::Exit;
use crate::system::secret::Secret;
use crate::system::text::{reason, shown, shown_path};
use std::fs::{self, DirBuilder, File, OpenOptions, Permissions};
use std::io::{self, ErrorKind, Write as _};
use std::os::unix::fs::{
    DirBuilderExt as _, MetadataExt as _, OpenOptionsExt as _, PermissionsExt as _,
};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// The profiles of this file. An absent file has none.
pub fn outline(path: &Path) -> Result<Outline, UsageError> {
    let text = text(path)?;
    crate::config::outline(&text).map_err(|error| {
        let (position, fault) = *error;
        let path = path.to_owned();
        let position = Box::new(position);
        ConfigError::Fault {
            path,
            position,
            fault,
        }
        .into()
    })
}

/// Adds a profile. The new text is checked before it takes the place of the old one.
///
/// # Errors
/// The file cannot be written, or the check has failed. The old file is unchanged then.
pub fn add(path: &Path, profile: &NewProfile, is_default: bool) -> Result<(), UsageError> {
    // A symbolic link stays one.
    let path = fs::canonicalize(path).unwrap_or_else(|_| path.to_owned());
    let cannot = |error: io::Error| {
        let why = format!("cannot write {}: {}", shown_path(&path), reason(&error));
        UsageError::new(Exit::CantCreate, why)
    };
    let new = profile.add_to(&text(&path)?, is_default).map_err(|error| {
        UsageError::new(Exit::Config, format!("{}: {}", shown_path(&path), error.1))
    })?;
    let old = fs::metadata(&path).ok();
    let temporary = temporary(&path).map_err(cannot)?;
    let replaced = write_private(&temporary, new.as_bytes()).map_err(cannot);
    let replaced = replaced.and_then(|file| {
        check(&temporary, &path)?;
        if let Some(old) = old {
            let is_system = path == Path::new(SYSTEM);
            keep_access(&file, &old, profile.may_hold_secret() && !is_system).map_err(cannot)?;
        }
        fs::rename(&temporary, &path).map_err(cannot)
    });
    replaced.inspect_err(|_| {
        let _ = fs::remove_file(&temporary);
    })
}

/// Asks for a password, and writes it to a new file with mode 0600.
pub fn new_password(path: &Path, account: &Account) -> Result<(), UsageError> {
    let secret = credentials::ask(&account_name(account))
        .map_err(|error| UsageError::new(error.exit(), error.to_string()))?;
    password_file(path, &secret)
}

/// Writes a password to a new file with mode 0600.
pub fn password_file(path: &Path, secret: &Secret) -> Result<(), UsageError> {
    let cannot = |error: io::Error| {
        let why = format!("cannot create {}: {}", shown_path(path), reason(&error));
        UsageError::new(Exit::CantCreate, why)
    };
    create_parent(path).map_err(cannot)?;
    let mut file = OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(path)
        .map_err(cannot)?;
    let written = file
        .write_all(secret.expose())
        .and_then(|()| file.write_all(b"\n"));
    written.map_err(cannot)
}

/// Has secret-tool ask for the password and store it, under the attributes by which it is looked up.
pub fn store_in_keyring(account: &Account) -> Result<(), UsageError> {
    let host = value::server(&account.relay).map(|server| server.host.name());
    let host = host.unwrap_or_default();
    let user = account.user.clone().unwrap_or_default();
    let label = format!("--label=ehlo: {user} at {host}");
    let status = Command::new("secret-tool")
        .args([
            "store", &label, "host", &host, "service", "smtp", "user", &user,
        ])
        .stdout(Stdio::null())
        .status();
    let why = match status {
        Ok(status) if status.success() => return Ok(()),
        Ok(_) => "secret-tool did not store the password".to_owned(),
        Err(error) if error.kind() == ErrorKind::NotFound => {
            "secret-tool is not installed (package libsecret-tools)".to_owned()
        }
        Err(error) => format!("cannot run secret-tool: {}", reason(&error)),
    };
    Err(UsageError::new(Exit::CantCreate, why))
}

/// Logs in with the profile, without sending mail.
pub fn log_in(path: &Path, account: &Account) -> Result<Exit, UsageError> {
    if let SecretPlace::OAuth(_) = account.secret {
        let mut login = ehlo()?;
        login.args(["login", "--config"]).arg(path);
        let exit = status(login.arg("--profile").arg(&account.name))?;
        if exit != Exit::Ok {
            return Ok(exit);
        }
    }
    let mut probe = ehlo()?;
    probe
        .arg("probe")
        .arg("--config")
        .arg(path)
        .arg("--profile")
        .arg(&account.name);
    let exit = status(probe.stdout(Stdio::null()))?;
    if exit == Exit::Ok {
        let what = match account.user {
            Some(_) => "logged in as",
            None => "connected to",
        };
        let text = format!("{what} {}\n", account_name(account));
        terminal::write(text.as_bytes()).map_err(|exit| UsageError::new(exit, "stopped"))?;
    }
    Ok(exit)
}

/// Sends a short message from the account to itself.
pub fn send_test(path: &Path, account: &Account) -> Result<Exit, UsageError> {
    let mut send = ehlo()?;
    send.arg("--config")
        .arg(path)
        .arg("--profile")
        .arg(&account.name);
    send.args(["-q", "-s", "Test message from ehlo"]);
    send.args(["-b", "The profile works.", "--", &bare(&account.address)]);
    let exit = status(&mut send)?;
    if exit == Exit::Ok {
        let _ = terminal::write(b"test mail sent\n");
    }
    Ok(exit)
}

fn text(path: &Path) -> Result<String, UsageError> {
    match fs::read_to_string(path) {
        Ok(text) => Ok(text),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(String::new()),
        Err(error) => Err(UsageError::new(
            Exit::NoInput,
            format!("cannot read {}: {}", shown_path(path), reason(&error)),
        )),
    }
}

/// A new name in the directory of the file, which is created if it does not exist.
fn temporary(path: &Path) -> io::Result<PathBuf> {
    create_parent(path)?;
    let name = format!(".config.toml.{}", std::process::id());
    Ok(path.with_file_name(name))
}

fn create_parent(path: &Path) -> io::Result<()> {
    match path
        .parent()
        .filter(|parent| !parent.as_os_str().is_empty())
    {
        Some(parent) => DirBuilder::new().recursive(true).mode(0o700).create(parent),
        None => Ok(()),
    }
}

fn write_private(path: &Path, bytes: &[u8]) -> io::Result<File> {
    let mut options = OpenOptions::new();
    let mut file = options
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(path)?;
    file.write_all(bytes)?;
    file.sync_all()?;
    Ok(file)
}

/// Gives the new file the owner of the old one, and its mode. A shared file becomes private if the profile may hold a
/// secret, except the configuration of the whole system.
fn keep_access(file: &File, old: &fs::Metadata, may_become_private: bool) -> io::Result<()> {
    let new = file.metadata()?;
    if (new.uid(), new.gid()) != (old.uid(), old.gid()) {
        std::os::unix::fs::fchown(file, Some(old.uid()), Some(old.gid()))?;
    }
    if may_become_private {
        return Ok(());
    }
    file.set_permissions(Permissions::from_mode(old.mode() & 0o7777))
}

/// Checks the file by `ehlo config check`, which reports its errors.
pub fn checked(path: &Path) -> Result<Exit, UsageError> {
    status(ehlo()?.args(["config", "check", "--config"]).arg(path))
}

/// Checks a file by `ehlo config check`. Errors name the file that it is to become.
fn check(file: &Path, becomes: &Path) -> Result<(), UsageError> {
    let output = ehlo()?
        .args(["config", "check", "--config"])
        .arg(file)
        .stdin(Stdio::null())
        .output()
        .map_err(|error| cannot_run(&error))?;
    if output.status.success() {
        return Ok(());
    }
    let text = String::from_utf8_lossy(&output.stderr);
    let text = text.replace(&shown_path(file), &shown_path(becomes));
    terminal::complain_escaped(&text);
    Err(UsageError::new(
        exit_of(output.status),
        format!("{} was not changed", shown_path(becomes)),
    ))
}

fn ehlo() -> Result<Command, UsageError> {
    std::env::current_exe()
        .map(Command::new)
        .map_err(|error| cannot_run(&error))
}

fn status(command: &mut Command) -> Result<Exit, UsageError> {
    command
        .status()
        .map(exit_of)
        .map_err(|error| cannot_run(&error))
}

fn exit_of(status: std::process::ExitStatus) -> Exit {
    let code = status.code().and_then(|code| u8::try_from(code).ok());
    match code {
        Some(0) => Exit::Ok,
        code => Exit::Command(code.unwrap_or(70)),
    }
}

fn cannot_run(error: &io::Error) -> UsageError {
    UsageError::new(
        Exit::Software,
        format!("cannot run ehlo: {}", reason(error)),
    )
}

/// `alice at mail.example.org:587`, or the server alone.
fn account_name(account: &Account) -> String {
    match &account.user {
        Some(user) => format!("{} at {}", shown(user), shown(&account.relay)),
        None => shown(&account.relay),
    }
}
