//! Where the password comes from, when nobody is there to be asked.

use super::Finding;
use crate::credentials::{self, CredentialsError, Source};
use crate::plan::{self, Step, View, Way};
use crate::secret::Login;
use crate::text::shown;
use std::sync::mpsc::channel;
use std::thread;
use std::time::Duration;

/// A password that is there, or need not be.
#[derive(Default)]
pub struct Found {
    /// What logs in; `None` where nobody does.
    pub login: Option<Login>,
    /// What there is to say about it.
    pub finding: Option<Finding>,
}

/// Finds what a way logs in with. The password itself is not judged: that is for the server to do.
pub fn look(plan: &plan::Doctor, way: &Way) -> Result<Found, Finding> {
    let Some(options) = &way.credentials else {
        return Ok(Found::default());
    };
    let relay = way.route.relay.as_ref();
    let host = relay.map_or_else(String::new, |relay| relay.host.name());
    match in_time(options, &host, plan.limit) {
        None => Err(Finding::failed(
            Step::Password,
            format!(
                "{} gives no password within {} seconds",
                source(options),
                plan.limit.as_secs()
            ),
        )
        .mended_by("see to it that it asks nobody: cron has no terminal and no desktop")),
        Some(Err(error)) => Err(Finding::of_error(Step::Password, &error.to_string())),
        Some(Ok(login)) => Ok(Found {
            login: Some(login),
            finding: Some(good(options, &plan.view)),
        }),
    }
}

/// A command may wait for somebody; `None` where it does for too long.
fn in_time(
    options: &credentials::Options,
    host: &str,
    limit: Duration,
) -> Option<Result<Login, CredentialsError>> {
    let (sender, receiver) = channel();
    let (options, host) = (options.clone(), host.to_owned());
    thread::spawn(move || sender.send(credentials::find_unattended(&options, &host)));
    receiver.recv_timeout(limit).ok()
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
        Source::File(path) => format!("password-file {}", shown(&path.to_string_lossy())),
        Source::Found => "the password of EHLO_PASSWORD, ~/.netrc or the keyring".to_owned(),
        Source::Nothing => "the certificate".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::path::PathBuf;

    fn found(source: Source) -> Option<Result<Login, CredentialsError>> {
        let options = credentials::Options {
            user: Some("alice".to_owned()),
            source,
            profile: None,
            nameless: false,
        };
        in_time(&options, "mail.example.org", Duration::from_millis(300))
    }

    #[test]
    fn a_command_that_waits_for_somebody_is_not_waited_for() {
        assert!(found(Source::Command("exec sleep 2".to_owned())).is_none());
    }

    #[test]
    fn a_command_that_answers_is_heard_and_a_file_that_is_not_there_is_told() {
        let login = found(Source::Command("echo hunter2".to_owned())).unwrap();
        assert_eq!(login.unwrap().user.as_deref(), Some("alice"));
        let error = found(Source::File(PathBuf::from("/nowhere/at/all"))).unwrap();
        let error = error.unwrap_err().to_string();
        assert!(error.contains("/nowhere/at/all"), "{error}");
    }
}
