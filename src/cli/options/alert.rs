//! What of a job is told, and when.

use crate::cli::options::value;
use crate::cron::alert::AlertOptions;
use crate::cron::alert::AlertRules;
use std::num::NonZeroU64;
use std::path::PathBuf;
use std::time::Duration;

/// Options under the heading "Alerts", for what may work again.
#[derive(Debug, Default, clap::Args)]
#[group(skip)]
#[command(next_help_heading = "Alerts")]
pub struct Args {
    #[command(flatten)]
    holding: Holding,

    /// Mail once when it works again after a failure that was mailed.
    #[arg(long)]
    recovered: bool,
}

/// Options under the heading "Alerts", for what is only ever told.
#[derive(Debug, Default, clap::Args)]
#[group(skip)]
#[command(next_help_heading = "Alerts")]
pub struct Holding {
    /// Do not mail the same failure again within this time, like 6h or 2d, but count it.
    ///
    /// The same is what ends the same and says the same, but for times, dates, durations, process IDs and temporary
    /// names. Other numbers count: web01 is not web02. Another failure is mailed at once. The next mail says how many were held back, and when.
    #[arg(long, value_name = "TIME", value_parser = value::wait)]
    dedupe: Option<Duration>,

    /// Of failures in a row, mail the first, and then only each Nth.
    ///
    /// With --dedupe, this is about the same failure: another one is mailed at once.
    #[arg(long, value_name = "N", value_parser = value::number::<NonZeroU64>(1, None))]
    every: Option<NonZeroU64>,

    /// What is remembered is here [default: `$EHLO_STATE_DIR`, else ~/.local/state/ehlo, and for root
    /// /var/lib/ehlo].
    #[arg(long, value_name = "DIR")]
    state_dir: Option<PathBuf>,
}

impl Args {
    /// The rules that are meant.
    pub fn plan(self) -> AlertOptions {
        let mut alert = self.holding.plan();
        alert.rules.recovered = self.recovered;
        alert
    }
}

impl Holding {
    /// The rules that are meant.
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
