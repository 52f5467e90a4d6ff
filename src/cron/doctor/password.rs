//! Where the password comes from, when nobody is there to be asked.

use crate::client::credentials;
use crate::client::credentials::Source;
use crate::client::transport::Way;
use crate::cron::doctor::Finding;
use crate::cron::doctor::options;
use crate::cron::doctor::options::{Step, View};
use crate::cron::doctor::surroundings::name;
use crate::system::secret::Login;
use crate::system::text::shown;

/// A password that is there, or need not be.
#[derive(Default)]
pub struct Found {
    /// What logs in; `None` where nobody does.
    pub login: Option<Login>,
    /// What there is to say about it.
    pub finding: Option<Finding>,
}

/// Finds what a way logs in with. The password itself is not judged: that is for the server to do.
pub fn look(plan: &options::Doctor, way: &Way) -> Result<Found, Finding> {
    let Some(options) = &way.credentials else {
        return Ok(Found::default());
    };
    let relay = way.route.relay.as_ref();
    let host = relay.map_or_else(String::new, |relay| relay.host.name());
    match credentials::find_unattended(options, &host, plan.limit) {
        Err(error) => Err(Finding::of_error(Step::Password, &error.to_string())),
        Ok(login) => Ok(Found {
            login: Some(login),
            finding: Some(good(options, &plan.view)),
        }),
    }
}

fn good(options: &credentials::Options, view: &View) -> Finding {
    let user = options
        .user
        .as_deref()
        .map(|user| format!(" for {}", shown(user)));
    let found = format!("{} works{}", source(options), user.unwrap_or_default());
    if options.source == Source::Found && *view == View::Here {
        return Finding::warning(Step::Password, format!("{found}, in this environment"))
            .mended_by("ehlo doctor, without --here, looks for it as cron would");
    }
    Finding::ok(Step::Password, found)
}

fn source(options: &credentials::Options) -> String {
    match &options.source {
        Source::Command(_) => "password-command".to_owned(),
        Source::TokenCommand(_) => "oauth-token-command".to_owned(),
        Source::File(path) => format!("password-file {}", name(path)),
        Source::Found => "the password of EHLO_PASSWORD, ~/.netrc or the keyring".to_owned(),
        Source::Nothing => "the certificate".to_owned(),
    }
}
