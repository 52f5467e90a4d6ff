//! The transport of an account.

use crate::cli::options::config::{self, settings};
use crate::cli::options::route_plan::{ResolvedRoute, RouteArgs, with_options};
use crate::cli::options::usage_error::UsageError;
use crate::cli::standins::msmtp::account::{Account, MsmtpError};
use crate::client::credentials::SecretSource;
use crate::config::Places;
use crate::system::exit::Exit;
use crate::system::host;

/// The transport, with the settings of the queue.
pub fn resolve(account: &Account, places: &Places) -> Result<ResolvedRoute, MsmtpError> {
    check(account)?;
    let options = options(account);
    let resolved = with_options(&options, |route| with_settings(route, places));
    let mut route = resolved.map_err(|error| MsmtpError::new(error.exit, error.text))?;
    let transport = &mut route.plan.transport;
    // The queue stores the options and reads the password again.
    if let (Some(login), Some(secret)) = (&mut transport.credentials, &account.password) {
        login.source = match account.mechanism().as_deref() {
            Some("OAUTHBEARER" | "XOAUTH2") => SecretSource::Token(secret.clone()),
            _ => SecretSource::Password(secret.clone()),
        };
    }
    // The dialogue of msmtp.
    transport.session.no_chunking = true;
    Ok(route)
}

fn with_settings(route: RouteArgs<'_>, places: &Places) -> Result<ResolvedRoute, UsageError> {
    let arguments = config::Args::default();
    let config = arguments.read(|| route.command_line.keys(), places)?;
    let settings = settings(config.as_ref())?;
    route.resolve(None, settings)
}

fn options(account: &Account) -> Vec<String> {
    let mut options = account.options();
    let domain = account.text("domain").unwrap_or_default();
    if !host::is_host_name(domain) {
        options.push("--raw".to_owned());
    }
    if wants_tls13(account.text("tls_priorities").unwrap_or_default()) {
        options.push("--tls-min=1.3".to_owned());
    }
    let is_token = matches!(
        account.mechanism().as_deref(),
        Some("OAUTHBEARER" | "XOAUTH2")
    );
    if is_token && account.text("passwordeval").is_none() {
        // A source is needed here; the token of the file replaces it.
        options.push("--oauth-token-command=false".to_owned());
    }
    options
}

/// True for a priority string of `GnuTLS` that allows TLS 1.3 alone.
fn wants_tls13(priorities: &str) -> bool {
    let parts: Vec<&str> = priorities.split(':').collect();
    parts.contains(&"-VERS-ALL")
        && parts.contains(&"+VERS-TLS1.3")
        && !parts.contains(&"+VERS-TLS1.2")
}

/// Priority strings without an effect here: the suites of TLS 1.2 and 1.3 that remain meet them.
fn is_met(priorities: &str) -> bool {
    let mut parts = priorities.split(':');
    let base = parts.next().unwrap_or_default();
    let is_base = [
        "NORMAL",
        "SECURE128",
        "SECURE192",
        "SECURE256",
        "PFS",
        "@SYSTEM",
    ]
    .contains(&base);
    let is_old_version = |part: &str| {
        [
            "-VERS-SSL3.0",
            "-VERS-TLS1.0",
            "-VERS-TLS1.1",
            "%SAFE_RENEGOTIATION",
        ]
        .contains(&part)
    };
    is_base && parts.all(is_old_version)
}

/// Refuses what cannot be done.
fn check(account: &Account) -> Result<(), MsmtpError> {
    let unavailable = |text: String| Err(MsmtpError::new(Exit::Refused, text));
    if let Some(mechanism) = account.mechanism()
        && matches!(mechanism.as_str(), "NTLM" | "GSSAPI" | "DIGEST-MD5")
    {
        return unavailable(format!(
            "support for authentication method {mechanism} is not compiled in"
        ));
    }
    if !account.is_on("tls", false) {
        return Ok(());
    }
    if account.text("tls_crl_file").is_some() {
        return unavailable(
            "tls_crl_file: revocation lists are not supported; remove it from the account"
                .to_owned(),
        );
    }
    let fingerprint = account.text("tls_fingerprint");
    if fingerprint.is_some_and(|fingerprint| fingerprint.len() < 95) {
        return unavailable(
            "tls_fingerprint: only SHA-256 is supported; msmtp --serverinfo shows it".to_owned(),
        );
    }
    let priorities = account.text("tls_priorities").unwrap_or("NORMAL");
    if !is_met(priorities) && !wants_tls13(priorities) {
        return unavailable(format!(
            "tls_priorities {priorities} is not supported: TLS 1.2 and 1.3 are used, without CBC and RC4"
        ));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn priorities_are_met_or_refused() {
        for (priorities, met, tls13) in [
            ("NORMAL", true, false),
            ("SECURE256:-VERS-TLS1.0:-VERS-TLS1.1", true, false),
            ("NORMAL:-VERS-ALL:+VERS-TLS1.3", false, true),
            ("NORMAL:-VERS-ALL:+VERS-TLS1.3:+VERS-TLS1.2", false, false),
            ("NORMAL:+RSA", false, false),
        ] {
            assert_eq!((is_met(priorities), wants_tls13(priorities)), (met, tls13));
        }
    }
}
