//! Who may log in at the receiver.

use crate::cli::sink::args::UsageError;
use crate::cli::sink::options::Doorman;
use crate::server::{MECHANISMS, OfferList};
use crate::smtp::extension::Extension;
use crate::smtp::mechanism::Mechanism;
use std::path::PathBuf;

/// Options under the heading "Auth".
#[derive(Debug, clap::Args)]
#[group(skip)]
#[command(next_help_heading = "Auth")]
pub struct Args {
    /// Offer AUTH: to anybody with any password or token, or to the users of a file.
    ///
    /// The file has lines of user:password, and is for nobody else to read. The mechanisms are PLAIN, LOGIN,
    /// CRAM-MD5, OAUTHBEARER and XOAUTH2, with a file SCRAM-SHA-1 and SCRAM-SHA-256, too; --offer 'AUTH PLAIN LOGIN'
    /// takes only those. A token of OAUTHBEARER or XOAUTH2 is compared with the password.
    #[arg(long, value_name = "any|FILE")]
    auth: Option<PathBuf>,

    /// Take no mail from those who are not logged in.
    #[arg(long, requires = "auth")]
    pub require_auth: bool,

    /// Let people log in without TLS as well.
    #[arg(long, requires = "auth")]
    auth_in_clear: bool,
}

impl Args {
    /// Whether anybody may log in.
    pub fn is_wanted(&self) -> bool {
        self.auth.is_some()
    }

    /// Who may, with the mechanisms that --offer names.
    pub fn doorman(
        &self,
        offers: &OfferList,
        has_tls: bool,
    ) -> Result<Option<Doorman>, UsageError> {
        let Some(users) = &self.auth else {
            return Ok(None);
        };
        if !has_tls && !self.auth_in_clear {
            return Err(UsageError::usage(
                "--auth needs --tls starttls or --tls implicit, or --auth-in-clear",
            ));
        }
        Ok(Some(Doorman {
            users: (users.as_os_str() != "any").then(|| users.clone()),
            only: only(offers, users.as_os_str() == "any")?,
            in_clear: self.auth_in_clear,
        }))
    }
}

/// The mechanisms that are named.
fn only(offers: &OfferList, is_anybody: bool) -> Result<Option<Vec<Mechanism>>, UsageError> {
    let Some(offer) = offers.offer(Extension::Auth) else {
        return Ok(None);
    };
    let mut only = Vec::new();
    for name in offer.parameters() {
        let known = Mechanism::parse(name).filter(|known| MECHANISMS.contains(known));
        let known = known.ok_or_else(|| {
            let names = MECHANISMS.map(Mechanism::name).join(", ");
            UsageError::usage(format!(
                "--offer AUTH: there is no mechanism {name}; there are {names}"
            ))
        })?;
        if is_anybody && known.is_scram() {
            return Err(UsageError::usage(format!(
                "--offer AUTH: {} needs --auth FILE, as the server must know the password",
                known.name()
            )));
        }
        only.push(known);
    }
    Ok((!only.is_empty()).then_some(only))
}
