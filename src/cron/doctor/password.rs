//! The source of the password when no person is there to type it.

use crate::client::credentials;
use crate::client::credentials::SecretSource;
use crate::client::transport::Transport;
use crate::cron::doctor::CheckResult;
use crate::cron::doctor::options;
use crate::cron::doctor::options::{CheckStep, View};
use crate::cron::doctor::surroundings::name;
use crate::system::secret::Login;
use crate::system::text::shown;

/// A login with an available password, or no login.
#[derive(Default)]
pub struct PasswordCheck {
    /// `None`: the transport has no login.
    pub login: Option<Login>,
    /// The result of this step, if there is one.
    pub finding: Option<CheckResult>,
}

/// Finds the login of a transport. The password itself is not checked: the server does that.
pub fn look(plan: &options::Doctor, transport: &Transport) -> Result<PasswordCheck, CheckResult> {
    let Some(options) = &transport.credentials else {
        return Ok(PasswordCheck::default());
    };
    let relay = transport.route.relay.as_ref();
    let host = relay.map_or_else(String::new, |relay| relay.host.name());
    match credentials::find_unattended(options, &host, plan.limit) {
        Err(error) => Err(CheckResult::of_error(
            CheckStep::Password,
            &error.to_string(),
        )),
        Ok(login) => Ok(PasswordCheck {
            login: Some(login),
            finding: Some(good(options, &plan.view)),
        }),
    }
}

fn good(options: &credentials::CredentialsOptions, view: &View) -> CheckResult {
    let user = options
        .user
        .as_deref()
        .map(|user| format!(" for {}", shown(user)));
    let found = format!("{} works{}", source(options), user.unwrap_or_default());
    if options.source == SecretSource::Found && *view == View::Here {
        return CheckResult::warning(CheckStep::Password, format!("{found}, in this environment"))
            .mended_by("ehlo doctor, without --here, looks for it as cron would");
    }
    CheckResult::ok(CheckStep::Password, found)
}

fn source(options: &credentials::CredentialsOptions) -> String {
    match &options.source {
        SecretSource::Command(_) => "password-command".to_owned(),
        SecretSource::TokenCommand(_) => "oauth-token-command".to_owned(),
        SecretSource::File(path) => format!("password-file {}", name(path)),
        SecretSource::Found => "the password of EHLO_PASSWORD, ~/.netrc or the keyring".to_owned(),
        SecretSource::Nothing => "the certificate".to_owned(),
    }
}
