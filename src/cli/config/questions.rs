//! The questions of `ehlo config init` at a terminal. Questions go to stderr, answers come from stdin.

use crate::cli::config::account::{
    Account, InitArgs, KnownServer, SecretPlace, address, bare, provider, relay, user_name,
};
use crate::cli::config::oauth::{OAuthKeys, keys};
use crate::cli::config::{search, write};
use crate::cli::options::usage_error::UsageError;
use crate::cli::options::{auth, oauth, value};
use crate::cli::terminal::{complain_escaped, wrapped};
use crate::client::credentials::oauth::Provider as OAuthProvider;
use crate::config::{NewProfile, Outline, Provider};
use crate::probe::discover::FoundServer;
use crate::system::certificate::some_of;
use crate::system::exit::Exit;
use crate::system::text::{shown, shown_path};
use crate::system::user::expanded;
use std::io::{self, BufRead as _};
use std::path::{Path, PathBuf};

/// The account, from options and answers.
pub fn account(args: &InitArgs, outline: &Outline) -> Result<Account, UsageError> {
    print(
        "Create a profile for sending mail.\n\
         Enter accepts the value in brackets; Ctrl-C quits.\n\n",
    );
    let address = match &args.address {
        Some(address) => address.clone(),
        None => ask("Your email address", None, self::address)?,
    };
    let ChosenServer {
        provider,
        relay,
        found,
    } = server(args, &address)?;
    let found = found.filter(|found| search::relay(found) == relay);
    let default = match (provider, &found) {
        (Some(provider), _) => user_name(provider, &address),
        (None, Some(found)) => search::user(&address, found),
        (None, None) => Some(bare(&address)),
    };
    let user = user(args, default.as_deref())?;
    let name = args.profile_name(&address, provider);
    let name = match &args.profile {
        Some(name) => name.clone(),
        None => ask("Name of the profile", Some(&name), |name| {
            if outline.profiles.iter().any(|one| one == name) {
                return Err("a profile of this name exists already".to_owned());
            }
            Ok(name.to_owned())
        })?,
    };
    let is_default = args.default
        || outline.profiles.is_empty()
        || yes("Use it as the default profile?", outline.default.is_none())?;
    let mut account = Account {
        address,
        tls: found.as_ref().map(search::tls),
        relay,
        user,
        secret: args.secret().unwrap_or(SecretPlace::Found),
        name,
        is_default,
    };
    if account.user.is_some() {
        account.secret = secret(args, &account)?;
    }
    Ok(account)
}

/// Shows the profile, and asks whether it is written.
pub fn is_confirmed(profile: &NewProfile, path: &Path) -> Result<bool, UsageError> {
    print(&format!("\n{}\n", profile.to_toml()));
    yes(
        &format!("Write this profile to {}?", shown_path(path)),
        true,
    )
}

/// Asks a question that is answered with yes or no.
pub fn yes(question: &str, default: bool) -> Result<bool, UsageError> {
    loop {
        let choice = if default { "Y/n" } else { "y/N" };
        let answer = line(&format!("{question} [{choice}] "))?;
        match answer.to_ascii_lowercase().as_str() {
            "" => return Ok(default),
            "y" | "yes" => return Ok(true),
            "n" | "no" => return Ok(false),
            _ => print("Please answer y or n.\n"),
        }
    }
}

/// The server for a profile.
struct ChosenServer {
    provider: Option<&'static Provider>,
    relay: String,
    /// The server that a search has found.
    found: Option<FoundServer>,
}

fn server(args: &InitArgs, address: &str) -> Result<ChosenServer, UsageError> {
    let KnownServer {
        mut provider,
        found,
    } = args.server_of(address);
    if provider.is_none() && args.relay.is_none() {
        introduce_search(found.as_ref());
    }
    if let Some(provider) = provider {
        introduce(provider);
    }
    if let Some(relay) = &args.relay {
        return Ok(ChosenServer {
            provider,
            relay: relay.clone(),
            found,
        });
    }
    let default = provider.map(|provider| provider.relay.to_owned());
    let default = default.or(found.as_ref().map(search::relay));
    let answer = ask("Mail server", default.as_deref(), |text| {
        if let Ok(provider) = self::provider(text) {
            return Ok((Some(provider), provider.relay.to_owned()));
        }
        relay(text).map(|relay| (None, relay))
    })?;
    if let Some(named) = answer.0.filter(|_| provider.is_none()) {
        introduce(named);
        provider = Some(named);
    }
    Ok(ChosenServer {
        provider,
        relay: answer.1,
        found,
    })
}

/// Says what the search has found. The name may come from the DNS without protection (RFC 6186 §6).
fn introduce_search(found: Option<&FoundServer>) {
    print(&match found {
        Some(found) => wrapped(
            &format!(
                "Found by {}; its certificate is for {}. Compare it with what your provider says.\n",
                shown(&found.origin),
                shown(&some_of(&found.names))
            ),
            Some(78),
            0,
        ),
        None => "The provider of this address is not known. Enter its server for outgoing\n\
                 mail (SMTP), or the name of a provider, such as gmail or sendgrid.\n"
            .to_owned(),
    });
}

fn introduce(provider: &Provider) {
    print(&format!("Provider: {}\n", provider.title));
    if !provider.note.is_empty() {
        print(&wrapped(&format!("Note: {}\n", provider.note), Some(78), 2));
    }
}

fn user(args: &InitArgs, default: Option<&str>) -> Result<Option<String>, UsageError> {
    if let Some(user) = &args.user {
        return Ok(Some(user.clone()));
    }
    let user = ask(
        "User name (- if the server requires no login)",
        default,
        |text| Ok(text.to_owned()),
    )?;
    Ok(Some(user).filter(|user| user != "-"))
}

/// The place of the secret. A password file that does not exist is created.
fn secret(args: &InitArgs, account: &Account) -> Result<SecretPlace, UsageError> {
    let place = match args.secret() {
        Some(place) => place,
        None => chosen(account)?,
    };
    if let SecretPlace::File(path) = &place {
        let path = expanded(&path.to_string_lossy());
        if !path.exists() {
            write::new_password(&path, account)?;
        }
    }
    Ok(place)
}

fn chosen(account: &Account) -> Result<SecretPlace, UsageError> {
    print(
        "Where is the password kept?\n  \
           1  a command prints it, such as: pass show smtp\n  \
           2  in a file that only you can read\n  \
           3  in the keyring of the desktop (secret-tool)\n  \
           4  nowhere; ehlo asks for it each time, or finds it in ~/.netrc\n  \
           5  a command prints an OAuth 2.0 token instead of a password\n  \
           6  no password; log in with OAuth 2.0 (Microsoft, Google)\n",
    );
    let provider = Provider::of_relay(&account.relay);
    let is_refused = provider.is_some_and(Provider::refuses_passwords);
    let is_discouraged = provider.is_some_and(Provider::discourages_passwords);
    let usual = if is_refused || is_discouraged {
        "6"
    } else {
        "1"
    };
    let choice = ask("Choice", Some(usual), |text| match text {
        "1" | "2" | "3" | "4" if is_refused => {
            Err("this provider accepts no passwords; choose 5 or 6".to_owned())
        }
        "1" | "2" | "3" | "4" | "5" | "6" => Ok(text.to_owned()),
        _ => Err("expected a number from 1 to 6".to_owned()),
    })?;
    Ok(match choice.as_str() {
        "1" => SecretPlace::Command(ask(
            "Command that prints the password",
            None,
            auth::command,
        )?),
        "2" => {
            let file = format!("~/.config/ehlo/{}.password", account.name.replace('/', "-"));
            SecretPlace::File(ask("File", Some(&file), |text| Ok(PathBuf::from(text)))?)
        }
        "3" => {
            write::store_in_keyring(account)?;
            SecretPlace::Found
        }
        "5" => {
            SecretPlace::TokenCommand(ask("Command that prints the token", None, auth::command)?)
        }
        "6" => SecretPlace::OAuth(oauth_keys(account)?),
        _ => SecretPlace::Found,
    })
}

/// Asks for the application that is registered at the OAuth provider.
fn oauth_keys(account: &Account) -> Result<OAuthKeys, UsageError> {
    print("The application must be registered at the provider, see ehlo-providers(7).\n");
    let relay = account.relay.as_str();
    let known = if relay.contains("gmail") || relay.contains("google") {
        Some("google")
    } else {
        Some("microsoft").filter(|_| relay.contains("office") || relay.contains("outlook"))
    };
    let provider = ask(
        "OAuth provider (google, microsoft or a URL)",
        known,
        oauth::provider,
    )?;
    let id = ask("Client ID", None, value::line)?;
    let optional = |text: &str| Ok(Some(text.to_owned()).filter(|text| text != "-"));
    let secret = match provider {
        OAuthProvider::Google => ask("File with the client secret", None, |text| {
            Ok(Some(text.to_owned()))
        })?,
        _ => ask(
            "File with the client secret (- for none)",
            Some("-"),
            optional,
        )?,
    };
    let is_personal = Provider::of_relay(relay).is_some_and(Provider::refuses_passwords);
    let tenant = if is_personal { "consumers" } else { "common" };
    let tenant = match provider {
        OAuthProvider::Microsoft => Some(ask("Tenant", Some(tenant), oauth::tenant)?),
        _ => None,
    };
    Ok(keys(&provider, [Some(id), secret, tenant]))
}

/// Asks until the answer is valid. Enter is the default, if there is one.
fn ask<T>(
    question: &str,
    default: Option<&str>,
    parse: impl Fn(&str) -> Result<T, String>,
) -> Result<T, UsageError> {
    loop {
        let hint = default.map(|text| format!(" [{}]", shown(text)));
        let typed = line(&format!("{question}{}: ", hint.unwrap_or_default()))?;
        let answer = match (typed.as_str(), default) {
            ("", Some(default)) => default,
            ("", None) => continue,
            (typed, _) => typed,
        };
        match parse(answer) {
            Ok(value) => return Ok(value),
            Err(why) => print(&format!("{}\n", shown(&why))),
        }
    }
}

fn line(question: &str) -> Result<String, UsageError> {
    print(question);
    let mut line = String::new();
    match io::stdin().lock().read_line(&mut line) {
        Ok(0) | Err(_) => {
            print("\n");
            Err(UsageError::new(
                Exit::NoInput,
                "config init: the input ended before the last question",
            ))
        }
        Ok(_) => Ok(line.trim().to_owned()),
    }
}

fn print(text: &str) {
    complain_escaped(text);
}
