//! `ehlo login --status`.

use crate::cli::ExitStatus;
use crate::cli::login::{Selected, StoredAccount};
use crate::cli::terminal;
use crate::cli::terminal::complain;
use crate::client::credentials::oauth::{
    Account, CacheFile, Grant, OAuthError, StoredLogin, TokenFile, login_command, stored_logins,
};
use crate::system::exit::Exit;
use crate::system::text::{shown, shown_path};
use crate::system::time::{local, now_in_seconds, rfc3339, spoken};
use serde_json::{Value, json};
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

/// A login, and its file.
struct Row {
    path: PathBuf,
    login: StoredLogin,
    /// The profile that selected it.
    profile: Option<String>,
}

/// Prints the selected logins. The exit status is 77 if that of a profile is missing or a file cannot be used.
pub fn run(selected: &Selected, is_json: bool) -> Exit {
    let files = match stored_logins() {
        Ok(files) => files,
        Err(error) => {
            complain(&error.to_string());
            return error.exit();
        }
    };
    let mut exit = Exit::Ok;
    let mut rows = Vec::new();
    for TokenFile { path, content } in files {
        match content {
            Ok(CacheFile::Login(login)) if is_selected(selected, &login.account) => {
                rows.push(Row {
                    path,
                    login: *login,
                    profile: profile_of(selected),
                });
            }
            Ok(CacheFile::Login(_) | CacheFile::Missing) => {}
            Ok(CacheFile::Damaged) => {
                complain(&format!(
                    "{} is damaged; run: ehlo login",
                    shown_path(&path)
                ));
                exit = Exit::Policy;
            }
            Err(error) => {
                complain(&error.to_string());
                exit = error.exit();
            }
        }
    }
    if let Selected::Profile(stored) = selected
        && rows.is_empty()
        && exit == Exit::Ok
    {
        exit = report_none(stored);
    }
    let now = now_in_seconds();
    let text = if is_json {
        let rows: Vec<Value> = rows.iter().map(|row| object(row, now)).collect();
        format!("{}\n", json!({"logins": rows}))
    } else if rows.is_empty() && exit == Exit::Ok {
        "There is no OAuth login.\n".to_owned()
    } else {
        let rows: Vec<String> = rows.iter().map(|row| described(row, now)).collect();
        rows.join("\n")
    };
    match terminal::write(text.as_bytes()) {
        Ok(()) => exit,
        Err(exit) => exit,
    }
}

fn profile_of(selected: &Selected) -> Option<String> {
    match selected {
        Selected::Profile(stored) => stored.profile.clone(),
        Selected::Stored { .. } => None,
    }
}

fn is_selected(selected: &Selected, account: &Account) -> bool {
    match selected {
        Selected::Profile(stored) => stored.account.difference(account).is_none(),
        Selected::Stored { provider, user } => {
            provider.as_ref().is_none_or(|one| account.provider == *one)
                && user.as_ref().is_none_or(|one| account.user == *one)
        }
    }
}

fn report_none(stored: &StoredAccount) -> Exit {
    let error = OAuthError::LoginRequired {
        why: format!("there is no OAuth login of {}", stored.account),
        command: login_command(stored.profile.as_deref(), &stored.account),
    };
    complain(&error.to_string());
    error.exit()
}

fn described(row: &Row, now: i64) -> String {
    let Row {
        path,
        login,
        profile,
    } = row;
    let account = &login.account;
    let ago = |then: i64| spoken(Duration::from_secs((now - then).max(0).unsigned_abs()));
    let mut lines = vec![shown(&account.to_string())];
    let mut add = |label: &str, text: &str| lines.push(format!("  {label:<14}{text}"));
    match account.grant {
        Grant::User => {
            let date = local(at(login.logged_in));
            add("login", &format!("{date} ({} ago)", ago(login.logged_in)));
        }
        Grant::ClientCredentials => add("grant", "client-credentials"),
        Grant::ServiceAccount => add("grant", "service-account"),
    }
    if let Some(end) = login.login_expires {
        add("login ends", &local(at(end)));
    }
    let left = login.expires - now;
    let validity = if left > 0 {
        format!(
            "valid for {}",
            spoken(Duration::from_secs(left.unsigned_abs()))
        )
    } else {
        "expired".to_owned()
    };
    let refreshed = ago(login.refreshed);
    add(
        "access token",
        &format!("{validity}, obtained {refreshed} ago"),
    );
    add("file", &shown_path(path));
    if let Some(warning) = login.warning(now) {
        let command = login_command(profile.as_deref(), account);
        add("warning", &format!("{warning}; run: {command}"));
    }
    lines.push(String::new());
    lines.join("\n")
}

fn object(row: &Row, now: i64) -> Value {
    let login = &row.login;
    let account = &login.account;
    let time = |seconds: i64| rfc3339(at(seconds));
    json!({
        "provider": account.provider.to_string(),
        "user": account.user,
        "grant": account.grant,
        "client_id": account.client_id,
        "tenant": account.tenant,
        "scope": account.scope(),
        "logged_in": time(login.logged_in),
        "login_expires": login.login_expires.map(time),
        "refreshed": time(login.refreshed),
        "expires": time(login.expires),
        "warning": login.warning(now),
        "file": file_text(&row.path),
    })
}

fn file_text(path: &Path) -> String {
    path.to_string_lossy().into_owned()
}

fn at(seconds: i64) -> SystemTime {
    SystemTime::UNIX_EPOCH + Duration::from_secs(seconds.max(0).unsigned_abs())
}
