//! The configuration that mail from cron uses, and its password.

use crate::client::credentials;
use crate::client::credentials::SecretSource;
use crate::client::credentials::oauth::{Account, Grant, login_command, stored_login};
use crate::client::route::Proxy;
use crate::client::transport::Transport;
use crate::cron::doctor::options::{CheckStep, Front, View};
use crate::cron::doctor::{of_error, options};
use crate::probe::Finding;
use crate::system::figures::counted;
use crate::system::quote::for_shell;
use crate::system::remedy::{ErrorText, Remedy};
use crate::system::secret::Login;
use crate::system::text::{shown, shown_path};
use crate::system::time::{now_in_seconds, spoken};
use std::path::Path;
use std::time::Duration;

const EXAMPLE: &str =
    "default = \"out\" and, under [profile.out], relay = \"smtp.example.org:587\"";

/// Reports the path of the configuration, its errors, and variables that cron does not set.
pub fn check(plan: &options::Doctor) -> Vec<Finding> {
    let configuration = &plan.configuration;
    let mut findings: Vec<Finding> = configuration.faults.iter().map(config_error).collect();
    if findings.is_empty() {
        findings.push(found(plan));
    }
    if let Front::Sendmail {
        run_profile: Some(other),
    } = &plan.front
    {
        let text = format!("ehlo run and ehlo notify use profile {}", shown(other));
        findings.push(Finding::ok(CheckStep::Config, text));
    }
    if let View::ByCron(unknown) = &plan.view
        && !unknown.is_empty()
    {
        findings.push(unset_in_cron(unknown));
    }
    findings
}

fn found(plan: &options::Doctor) -> Finding {
    let configuration = &plan.configuration;
    let delivery = match &plan.mail.delivery {
        Ok(delivery) => delivery,
        Err(error) if configuration.path.is_none() => {
            return Finding::failed(CheckStep::Config, &error.text)
                .with_remedy(format!("write {EXAMPLE} into one of them"));
        }
        Err(error) => return config_error(&error.text.as_str().into()),
    };
    let Some(path) = &configuration.path else {
        return no_configuration(plan);
    };
    let name = shown_path(path);
    let profiles = counted(configuration.profiles as u64, "profile");
    let other_file = other_file(plan, path);
    match &delivery.transport.profile {
        Some(profile) => {
            let text = format!("{name}, profile {}{other_file}", shown(profile));
            Finding::ok(CheckStep::Config, text)
        }
        None if delivery.transport.route.relay.is_some() => {
            Finding::ok(CheckStep::Config, format!("{name}{other_file}"))
        }
        None if configuration.profiles == 0 => {
            let text = format!("{name} has no profile, so there is no relay{other_file}");
            Finding::warning(CheckStep::Config, text).with_remedy(format!("add {EXAMPLE}"))
        }
        None => {
            let text = format!("{name} has {profiles}, but no default{other_file}");
            Finding::warning(CheckStep::Config, text)
                .with_remedy("add default = \"NAME\" above all tables")
        }
    }
}

fn no_configuration(plan: &options::Doctor) -> Finding {
    let searched: Vec<String> = plan.configuration.searched.iter().map(shown_path).collect();
    let found = format!(
        "no configuration file ({}): mail is sent directly to the mail exchangers, without a login",
        searched.join(", ")
    );
    let location = plan.configuration.searched.last();
    let location = location.filter(|path| *path != Path::new("/dev/null"));
    let location = location.map_or("/etc/ehlo/config.toml".to_owned(), |path| for_shell(path));
    Finding::warning(CheckStep::Config, found)
        .with_remedy(format!("to use a relay, write {EXAMPLE} into {location}"))
}

/// An error in the configuration. Wrong ownership and permissions are fixed by a command, other errors in the
/// file.
fn config_error(fault: &ErrorText) -> Finding {
    if let Some(Remedy::Command(command)) = &fault.remedy {
        return Finding::failed(CheckStep::Config, &fault.text).with_command(command);
    }
    Finding::failed(CheckStep::Config, fault.to_string())
        .with_remedy("correct the file, and run ehlo config check")
}

/// A remark about other configuration files, which are not read.
fn other_file(plan: &options::Doctor, path: &Path) -> String {
    let others = plan.configuration.searched.iter();
    let others = others.filter(|other| *other != path && other.is_file());
    let others: Vec<String> = others.map(shown_path).collect();
    match others.as_slice() {
        [] => String::new(),
        all => format!(" ({} exists as well, but is not read)", all.join(", ")),
    }
}

/// Reports variables that are set here, matter to ehlo, and are not set by cron.
fn unset_in_cron(variables: &[String]) -> Finding {
    let (all, are) = match variables {
        [one] => (one.clone(), "is"),
        more => (more.join(", "), "are"),
    };
    let found = format!("{all} {are} set here, but not in cron");
    Finding::warning(CheckStep::Config, found)
        .with_remedy("set required variables in the crontab, as NAME=VALUE")
}

/// A login with an available password, or no login.
#[derive(Default)]
pub struct PasswordCheck {
    /// `None`: the transport has no login.
    pub login: Option<Login>,
    /// The result of this step, if there is one.
    pub finding: Option<Finding>,
}

/// Finds the login of a transport. The password itself is not checked: the server does that.
pub fn check_password(
    plan: &options::Doctor,
    transport: &Transport,
) -> Result<PasswordCheck, Finding> {
    let Some(options) = &transport.credentials else {
        return Ok(PasswordCheck::default());
    };
    let relay = transport.route.relay.as_ref();
    let host = relay.map_or_else(String::new, |relay| relay.host.name());
    if let (SecretSource::OAuth(account), false) = (&options.source, plan.online) {
        return stored_token(options, account);
    }
    let account = match options.source {
        SecretSource::OAuth(_) => transport.route.proxy.as_ref().and_then(Proxy::account),
        _ => None,
    };
    let proxy_login =
        account.map(|account| credentials::find_for_proxy_unattended(&account, plan.limit));
    let login = proxy_login.transpose().and_then(|proxy_login| {
        let network = transport.network(proxy_login.as_ref(), None);
        credentials::find_unattended(options, &host, network, plan.limit)
    });
    match login {
        Err(error) => Err(of_error(CheckStep::Password, &error)),
        Ok(login) => Ok(PasswordCheck {
            login: Some(login),
            finding: Some(match &options.source {
                SecretSource::OAuth(account) => token_found(options, account, "works"),
                _ => password_found(options, &plan.view),
            }),
        }),
    }
}

/// An OAuth login as it is stored. The provider is not contacted.
fn stored_token(
    options: &credentials::CredentialsOptions,
    account: &Account,
) -> Result<PasswordCheck, Finding> {
    let login = stored_login(account).map_err(|error| of_error(CheckStep::Password, &error))?;
    let finding = match login {
        Some(_) => token_found(options, account, "was not used"),
        None if account.grant == Grant::User => {
            let command = login_command(options.profile.as_deref(), account);
            let text = format!("there is no OAuth login of {account}");
            return Err(Finding::failed(CheckStep::Password, text).with_command(command));
        }
        None => Finding::unknown(CheckStep::Password, "no token was requested"),
    };
    Ok(PasswordCheck {
        login: None,
        finding: Some(finding),
    })
}

/// An OAuth login with its age, and a warning before it expires.
fn token_found(
    options: &credentials::CredentialsOptions,
    account: &Account,
    state: &str,
) -> Finding {
    let user = shown(&account.user);
    let found = format!("{} for {user} {state}", source(options));
    let Ok(Some(login)) = stored_login(account) else {
        return Finding::ok(CheckStep::Password, found);
    };
    let now = now_in_seconds();
    let age = spoken(Duration::from_secs(
        (now - login.logged_in).max(0).unsigned_abs(),
    ));
    let found = match account.grant {
        Grant::User => format!("{found}; the login is {age} old"),
        Grant::ClientCredentials | Grant::ServiceAccount => found,
    };
    match login.warning(now) {
        None => Finding::ok(CheckStep::Password, found),
        Some(warning) => Finding::warning(CheckStep::Password, format!("{found}, and {warning}"))
            .with_command(login_command(options.profile.as_deref(), account)),
    }
}

fn password_found(options: &credentials::CredentialsOptions, view: &View) -> Finding {
    let user = options
        .user
        .as_deref()
        .map(|user| format!(" for {}", shown(user)));
    let found = format!("{} works{}", source(options), user.unwrap_or_default());
    if options.source == SecretSource::Found && *view == View::Here {
        return Finding::warning(CheckStep::Password, format!("{found}, in this environment"))
            .with_remedy("run ehlo doctor without --here to check it in the environment of cron");
    }
    Finding::ok(CheckStep::Password, found)
}

fn source(options: &credentials::CredentialsOptions) -> String {
    match &options.source {
        SecretSource::Command(_) => "password-command".to_owned(),
        SecretSource::TokenCommand(_) => "oauth-token-command".to_owned(),
        SecretSource::File(path) => format!("password-file {}", shown_path(path)),
        SecretSource::OAuth(account) => format!("the OAuth login at {}", account.provider),
        SecretSource::Found => "the password of EHLO_PASSWORD, ~/.netrc or the keyring".to_owned(),
        SecretSource::Git => "password-helper git".to_owned(),
        SecretSource::Password(_) | SecretSource::Token(_) => "the given secret".to_owned(),
        SecretSource::Nothing => "the certificate".to_owned(),
    }
}
