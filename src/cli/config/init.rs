//! `ehlo config init`: adds a profile to the configuration.

use crate::cli::config::account::{Account, Init, SecretPlace, bare};
use crate::cli::config::{questions, write};
use crate::cli::options::usage_error::UsageError;
use crate::cli::terminal;
use crate::config::{Outline, Provider};
use crate::system::exit::Exit;
use crate::system::quote::shell_word;
use crate::system::text::{shown, shown_path};
use std::io::{self, IsTerminal as _};
use std::path::Path;

/// Writes the profile, checks it, and logs in if requested.
pub fn run(init: &Init) -> Exit {
    added(init).unwrap_or_else(|error| {
        terminal::complain(&error.text);
        error.exit
    })
}

fn added(init: &Init) -> Result<Exit, UsageError> {
    let args = &init.args;
    let is_asking = !args.yes && io::stdin().is_terminal() && io::stderr().is_terminal();
    let outline = write::outline(&init.path)?;
    if let Some(name) = &args.profile {
        check_name(name, &outline, &init.path)?;
    }
    let account = if is_asking {
        questions::account(args, &outline)?
    } else {
        args.account(&outline)?
    };
    check_name(&account.name, &outline, &init.path)?;
    let profile = account.profile(args.ca_file.as_deref())?;
    if is_asking && !questions::is_confirmed(&profile, &init.path)? {
        return Err(UsageError::new(Exit::Usage, "nothing was written"));
    }
    write::add(&init.path, &profile, account.is_default)?;
    let default = if account.is_default {
        ", the default"
    } else {
        ""
    };
    let path = shown_path(&init.path);
    let written = format!(
        "{path}: profile \"{}\" added{default}\n",
        shown(&account.name)
    );
    terminal::write(written.as_bytes()).map_err(|exit| UsageError::new(exit, "stopped"))?;
    if let Some(other) = &init.replaced {
        terminal::warn(&format!(
            "{} is no longer used by you; only the first file found is read",
            shown_path(other)
        ));
    }
    let provider = Provider::of_relay(&account.relay).filter(|one| one.discourages_passwords());
    if let Some(provider) = provider.filter(|_| !is_asking && !account.secret.is_token()) {
        terminal::warn(provider.note);
    }
    verify(init, &account, is_asking)
}

/// The login and the test mail.
fn verify(init: &Init, account: &Account, is_asking: bool) -> Result<Exit, UsageError> {
    let name = shell_word(account.name.as_bytes(), false);
    let next = match account.secret {
        SecretPlace::OAuth(_) => format!("Log in: ehlo login --profile {name}\n"),
        _ => format!(
            "Test it: ehlo --profile {name} -s test -b test {}\n",
            shell_word(bare(&account.address).as_bytes(), false),
        ),
    };
    let is_online =
        init.args.online || is_asking && questions::yes("Log in now to test the profile?", true)?;
    if is_online {
        let exit = write::log_in(&init.path, account)?;
        if exit != Exit::Ok {
            return Ok(exit);
        }
    }
    let question = format!("Send a test mail to {}?", shown(&bare(&account.address)));
    if is_asking && is_online && questions::yes(&question, false)? {
        return write::send_test(&init.path, account);
    }
    let _ = terminal::write(next.as_bytes());
    Ok(Exit::Ok)
}

fn check_name(name: &str, outline: &Outline, path: &Path) -> Result<(), UsageError> {
    if name.is_empty() {
        return Err(UsageError::usage(
            "config init: the profile has no name; use --profile NAME",
        ));
    }
    if outline.profiles.iter().any(|one| one == name) {
        return Err(UsageError::new(
            Exit::CantCreate,
            format!(
                "{} already has a profile \"{}\"; choose another name with --profile, or change it with: ehlo config edit",
                shown_path(path),
                shown(name)
            ),
        ));
    }
    Ok(())
}
