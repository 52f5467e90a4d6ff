//! Mailing what became of a unit of systemd.

use crate::cli::options::command_line::CommandLineArgs;
use crate::cli::options::usage_error::UsageError;
use crate::cli::options::{mail, value};
use crate::cli::unit::Unit;
use crate::config::Places;

/// So many octets may the name of a unit have.
const LONGEST: usize = 255;

/// Mail what became of a unit of systemd: its state, and the end of its journal.
///
/// It is for `OnFailure=`: `ehlo queue systemd` prints a service for that. A unit that did not fail is mailed as
/// well; with --recovered only when it works again, so that `OnSuccess=` may start it, too.
#[derive(Debug, clap::Args)]
#[group(skip)]
pub struct Args {
    /// Which, as %i of a template gives it.
    #[arg(value_name = "NAME", help_heading = "Arguments", value_parser = name)]
    name: String,

    /// So many lines of the journal of its last run.
    #[arg(long, value_name = "N", default_value_t = 100, value_parser = value::number::<u32>(0, Some(10_000)))]
    lines: u32,

    /// A unit of your own manager, and not of the system's.
    #[arg(long)]
    user_unit: bool,

    #[command(flatten)]
    alert: mail::AlertArgs,
    #[command(flatten)]
    mail: mail::Args,
}

impl Args {
    /// The mail that is meant.
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

/// The name of a unit (systemd.unit(5)), of a service where it does not say of what.
fn name(text: &str) -> Result<String, String> {
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b":-_.\\@".contains(&byte);
    if text.is_empty() || text.len() > LONGEST || !text.bytes().all(is_plain) {
        return Err(
            "it is not the name of a unit, like backup.service; systemd-escape makes one"
                .to_owned(),
        );
    }
    Ok(if text.contains('.') {
        text.to_owned()
    } else {
        format!("{text}.service")
    })
}
