//! Options of `ehlo notify`.

use crate::cli::notify::{Level, NotifyOptions};
use crate::cli::options::command_line::CommandLineArgs;
use crate::cli::options::usage_error::UsageError;
use crate::cli::options::{alert, mail, message, output, value};
use crate::config::Places;
use crate::mail::address::Address;
use crate::mail::message::Input;
use std::path::PathBuf;

/// Send a notification from a script.
///
/// The text is taken from the command line, otherwise from standard input; at a terminal, Ctrl-D ends the input.
/// The default recipients are those of MAILTO, otherwise those of the profile, otherwise you. A mail that cannot be
/// sent now is queued and retried. A mail that can be neither sent nor queued is saved to dead.letter, which is
/// reported on standard error and in syslog; one that cannot be encrypted is not saved.
#[derive(Debug, clap::Args)]
#[group(skip)]
pub struct Args {
    /// Text, as one or more words [default: standard input].
    #[arg(value_name = "TEXT", help_heading = "Arguments")]
    text: Vec<String>,

    /// Severity, shown at the start of the subject; error and critical are marked urgent.
    #[arg(short, long, value_name = "LEVEL", value_enum)]
    level: Option<Level>,

    /// Attach a file, optionally with `;type=T` and `;name=N`; repeatable.
    #[arg(
        short,
        long,
        value_name = "FILE[;type=T][;name=N]",
        allow_hyphen_values = true
    )]
    attach: Vec<PathBuf>,

    /// Send nothing if the text is empty.
    #[arg(short = 'E', long)]
    only_if_input: bool,

    /// Key used by --dedupe and --every [default: the subject, ignoring times and the like].
    #[arg(long, value_name = "NAME", value_parser = value::line, help_heading = "Alerts")]
    name: Option<String>,

    #[command(flatten)]
    alert: alert::RepeatedAlertArgs,

    #[command(flatten)]
    log: output::LogArgs,

    #[command(flatten)]
    mail: mail::Args,
}

impl Args {
    pub fn plan(
        self,
        typed: &CommandLineArgs<'_>,
        places: &Places,
    ) -> Result<NotifyOptions, UsageError> {
        let attachments: Result<Vec<_>, UsageError> = self
            .attach
            .into_iter()
            .map(|given| message::attachment(given, None))
            .collect();
        let attachments = attachments?;
        let alert = self.alert.plan();
        if self.name.is_some() && !alert.rules.are_set() {
            return Err(UsageError::usage(
                "--name is only used by --dedupe and --every; add one of them, or omit --name",
            ));
        }
        let first = self.text.first().filter(|_| !typed.has("to"));
        let address = first.filter(|word| Address::parse(word).is_ok()).cloned();
        let text = (!self.text.is_empty()).then(|| self.text.join(" "));
        let is_stdin = |input: &Input| matches!(input, Input::Stdin);
        if text.is_none() && attachments.iter().any(|one| is_stdin(&one.input)) {
            return Err(UsageError::usage(
                "--attach -: standard input is already used for the text; give the text as an argument",
            ));
        }
        let mut mail = self.mail.plan(typed, places)?;
        if let Ok(delivery) = &mut mail.delivery {
            delivery.log = self.log.options(std::mem::take(&mut delivery.log));
        }
        Ok(NotifyOptions {
            mail,
            text,
            address,
            level: self.level,
            attachments,
            only_if_input: self.only_if_input,
            name: self.name,
            alert,
        })
    }
}
