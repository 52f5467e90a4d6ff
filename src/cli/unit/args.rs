//! Options of `ehlo unit`.

use crate::cli::options::command_line::CommandLineArgs;
use crate::cli::options::usage_error::UsageError;
use crate::cli::options::{mail, value};
use crate::cli::unit::Unit;
use crate::config::Places;

/// Maximum length of the name of a unit, in octets.
const LONGEST: usize = 255;

/// Mail the status of a systemd unit.
///
/// The mail contains the status and the end of the journal. It is meant for `OnFailure=`: `ehlo queue systemd` prints
/// a service for this purpose. A unit that did not fail is mailed as well; with --recovered, only when it succeeds
/// again after a failure, so that `OnSuccess=` can start the same service.
#[derive(Debug, clap::Args)]
#[group(skip)]
pub struct Args {
    /// Name of the unit; %i in a template.
    #[arg(value_name = "NAME", help_heading = "Arguments", value_parser = name)]
    name: String,

    /// Number of journal lines of the last run to include.
    #[arg(long, value_name = "N", default_value_t = 100, value_parser = value::number::<u32>(0, Some(10_000)))]
    lines: u32,

    /// A unit of the user manager instead of the system manager.
    #[arg(long)]
    user_unit: bool,

    #[command(flatten)]
    alert: mail::AlertArgs,
    #[command(flatten)]
    mail: mail::Args,
}

impl Args {
    pub fn plan(self, typed: &CommandLineArgs<'_>, places: &Places) -> Result<Unit, UsageError> {
        Ok(Unit {
            name: self.name,
            user: self.user_unit,
            lines: self.lines,
            alert: self.alert.plan(),
            mail: self.mail.plan(typed, places)?,
        })
    }
}

/// The name of a unit (systemd.unit(5)); without a suffix, that of a service.
fn name(text: &str) -> Result<String, String> {
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b":-_.\\@".contains(&byte);
    if text.is_empty() || text.len() > LONGEST || !text.bytes().all(is_plain) {
        return Err(
            "not the name of a unit, such as backup.service; systemd-escape creates valid names"
                .to_owned(),
        );
    }
    Ok(if text.contains('.') {
        text.to_owned()
    } else {
        format!("{text}.service")
    })
}
