//! Options of alerts, on the command line and in profiles.

use crate::cli::options::profile::{OptionError, to_words};
use crate::cli::options::value;
use crate::config::{Config, ConfigError, ConfigKey, Profile};
use crate::cron::alert::{AlertOptions, AlertRules};
use clap::{Args as _, Command, FromArgMatches as _};
use std::num::NonZeroU64;
use std::path::PathBuf;
use std::time::Duration;

/// Options under the heading "Alerts", for jobs that can recover.
#[derive(Debug, Default, clap::Args)]
#[group(skip)]
#[command(next_help_heading = "Alerts")]
pub struct AlertArgs {
    #[command(flatten)]
    repeated: RepeatedAlertArgs,

    /// Mail once when the job succeeds again after a reported failure.
    #[arg(long)]
    recovered: bool,

    /// Number of successes in a row after which the job counts as recovered [default: 1].
    ///
    /// Until then, a failure continues the series of those before it: a job that fails now and then causes no mail
    /// about its recovery, and with --every, no mail about a new failure.
    #[arg(long, value_name = "N", value_parser = value::number::<NonZeroU64>(1, None))]
    recovered_after: Option<NonZeroU64>,
}

/// Options under the heading "Alerts", for jobs that only report.
#[derive(Debug, Default, clap::Args)]
#[group(skip)]
#[command(next_help_heading = "Alerts")]
pub struct RepeatedAlertArgs {
    /// Do not mail an identical failure again within this time, as in 6h or 2d; only count it.
    ///
    /// Failures are identical if result and output match, ignoring times, dates, durations, process IDs and
    /// temporary names. Other numbers matter: web01 is not web02. A different failure is mailed immediately.
    /// The next mail reports how many were suppressed, and when.
    #[arg(long, value_name = "TIME", value_parser = value::wait)]
    dedupe: Option<Duration>,

    /// Mail only the first and then every Nth consecutive failure.
    ///
    /// With --dedupe, only identical failures are counted; a different one is mailed immediately.
    #[arg(long, value_name = "N", value_parser = value::number::<NonZeroU64>(1, None))]
    every: Option<NonZeroU64>,

    /// State directory [default: `$EHLO_STATE_DIR`, else ~/.local/state/ehlo, and /var/lib/ehlo for root].
    #[arg(long, value_name = "DIR")]
    state_dir: Option<PathBuf>,
}

impl AlertArgs {
    pub fn plan(self) -> AlertOptions {
        let mut alert = self.repeated.plan();
        alert.rules.recovered = self.recovered;
        alert.rules.recovered_after = self.recovered_after;
        alert
    }

    /// The rules of a profile. They are no options of sending, so that they are parsed apart from the others.
    pub fn of_profile(config: &Config, profile: &Profile) -> Result<AlertRules, ConfigError> {
        let settings: Vec<&ConfigKey> = profile.alerts().collect();
        if settings.is_empty() {
            return Ok(AlertRules::default());
        }
        let command = Self::augment_args(Command::new("ehlo").no_binary_name(true));
        let mut all = Vec::new();
        for setting in settings {
            let mut known = command.get_arguments();
            let Some(arg) = known.find(|arg| arg.get_long() == Some(&setting.key)) else {
                continue;
            };
            let words = to_words(arg, &setting.value);
            let words = words.map_err(|fault| config.fault(setting, fault))?;
            if let Err(error) = command.clone().try_get_matches_from(&words) {
                return Err(config.fault(setting, OptionError::of(&error).fault));
            }
            all.extend(words);
        }
        let matches = command.try_get_matches_from(all);
        let args = matches.and_then(|matches| Self::from_arg_matches(&matches));
        Ok(args.map_or_else(|_| AlertRules::default(), |args| args.plan().rules))
    }
}

impl RepeatedAlertArgs {
    pub fn plan(self) -> AlertOptions {
        AlertOptions {
            rules: AlertRules {
                dedupe: self.dedupe,
                every: self.every,
                ..AlertRules::default()
            },
            state: self.state_dir,
        }
    }
}
