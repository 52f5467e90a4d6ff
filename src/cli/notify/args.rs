//! A line or a text from a script.

use crate::cli::notify::{Level, NotifyOptions};
use crate::cli::options::command_line::CommandLineArgs;
use crate::cli::options::usage_error::UsageError;
use crate::cli::options::{mail, message, output, value};
use crate::config::Places;
use crate::mail::message::Input;
use clap::ValueEnum;
use std::mem;
use std::path::PathBuf;

/// Mail a line or a text from a script.
///
/// The text is that of the command line, else the standard input; at a terminal it is typed, and Ctrl-D ends
/// it. Without recipients it goes to those whom MAILTO names, else to those of the profile, else to you. What
/// cannot be sent now is kept and tried again; what can be neither sent nor kept is put into a dead.letter, and
/// stderr and syslog say so.
#[derive(Debug, clap::Args)]
#[group(skip)]
pub struct Args {
    /// The text, as one or more words [default: the standard input].
    #[arg(value_name = "TEXT", help_heading = "Arguments")]
    text: Vec<String>,

    /// How bad it is: it begins the subject, and error and critical are marked as urgent.
    #[arg(short, long, value_name = "LEVEL", value_enum)]
    level: Option<Grade>,

    /// Attach a file; repeatable, and `;type=T` and `;name=N` may follow.
    #[arg(
        short,
        long,
        value_name = "FILE[;type=T][;name=N]",
        allow_hyphen_values = true
    )]
    attach: Vec<PathBuf>,

    /// Send nothing when there is no text.
    #[arg(short = 'E', long)]
    only_if_input: bool,

    /// Under what --dedupe and --every remember it [default: the subject, without times and the like].
    #[arg(long, value_name = "NAME", value_parser = value::line, help_heading = "Alerts")]
    name: Option<String>,

    #[command(flatten)]
    alert: mail::RepeatedAlertArgs,

    #[command(flatten)]
    log: output::LogArgs,

    #[command(flatten)]
    mail: mail::Args,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum Grade {
    Info,
    Notice,
    #[value(alias = "warn")]
    Warning,
    Error,
    #[value(alias = "crit")]
    Critical,
}

impl Args {
    /// The notice that is meant.
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
                "--name needs --dedupe or --every: without them, nothing is remembered",
            ));
        }
        let text = (!self.text.is_empty()).then(|| self.text.join(" "));
        let is_stdin = |input: &Input| matches!(input, Input::Stdin);
        if text.is_none() && attachments.iter().any(|one| is_stdin(&one.input)) {
            return Err(UsageError::usage(
                "--attach -: the standard input is the text; give the text as TEXT",
            ));
        }
        let mut mail = self.mail.plan(typed, places)?;
        if let Ok(delivery) = &mut mail.delivery {
            delivery.log = self.log.options(mem::take(&mut delivery.log));
        }
        Ok(NotifyOptions {
            mail,
            text,
            level: self.level.map(Level::from),
            attachments,
            only_if_input: self.only_if_input,
            name: self.name,
            alert,
        })
    }
}

impl From<Grade> for Level {
    fn from(grade: Grade) -> Self {
        match grade {
            Grade::Info => Self::Info,
            Grade::Notice => Self::Notice,
            Grade::Warning => Self::Warning,
            Grade::Error => Self::Error,
            Grade::Critical => Self::Critical,
        }
    }
}
