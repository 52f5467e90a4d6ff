//! Options of `ehlo doctor`.

use crate::cli::config::faults;
use crate::cli::options::command_line::CommandLineArgs;
use crate::cli::options::{config, mail, value};
use crate::cli::sendmail::args as sendmail;
use crate::config::{ConfigError, Places, find};
use crate::cron::alert::AlertRules;
use crate::cron::doctor::options::{
    CheckStep, Configuration, Doctor, DoctorFormat, Front, Test, View,
};
use crate::cron::{Addressing, DeliveryOptions, Notification, SetupError};
use crate::queue::FirstTry;
use crate::system::remedy::Correctable;
use std::ffi::OsString;
use std::path::PathBuf;
use std::time::Duration;

/// Diagnose how mail from cron would leave this host.
///
/// The check runs in the environment of cron: with HOME, LOGNAME, SHELL and PATH=/usr/bin:/bin, and without a
/// terminal. No message is sent. Each step is reported as ok, warning or failed, with a suggested fix. The exit status
/// is 0, 1 after a warning, or 2 after a failure.
#[derive(Debug, clap::Args)]
#[group(skip)]
pub struct Args {
    /// Use the current environment instead of that of cron.
    #[arg(long)]
    here: bool,

    /// Recipients of the mail [default: MAILTO of your crontab, else you].
    #[arg(long, value_name = "LIST", value_parser = value::line)]
    mailto: Option<String>,

    /// Do not contact any server, including DNS servers.
    #[arg(long)]
    offline: bool,

    /// Do not log in to the relay.
    #[arg(long)]
    no_login: bool,

    /// Time limit for each step, like 5s.
    #[arg(long, value_name = "TIME", value_parser = value::duration, default_value = "10s")]
    timeout: Duration,

    /// Skip the steps with these names, like cron,runner.
    ///
    /// If server is skipped, no server is contacted; if password or login is skipped, no login is attempted.
    #[arg(long, value_name = "STEP", value_delimiter = ',', value_parser = step)]
    skip: Vec<CheckStep>,

    /// Finally, send a short message to ADDR, or to the recipient of mail from cron.
    #[arg(long, value_name = "ADDR", num_args = 0..=1,
        default_missing_value = "", value_parser = value::line,
          conflicts_with_all = ["offline", "no_login", "json"])]
    send_test: Option<String>,

    /// Print the result as a JSON object.
    #[arg(long, conflicts_with = "verbose")]
    json: bool,

    /// Also show the SMTP sessions.
    #[arg(short, long)]
    verbose: bool,

    /// This process has the environment of cron; these variables were removed.
    #[arg(
        long,
        hide = true,
        value_name = "LIST",
        value_delimiter = ',',
        conflicts_with = "here"
    )]
    by_cron: Option<Vec<String>>,

    /// Check mail from `ehlo run` and `ehlo notify` with this profile, instead of mail from cron.
    #[arg(long, value_name = "NAME")]
    profile: Option<String>,

    /// Configuration file.
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
}

fn step(name: &str) -> Result<CheckStep, String> {
    let names = || CheckStep::ALL.map(CheckStep::name).join(", ");
    CheckStep::named(name).ok_or_else(|| format!("expected one of {}", names()))
}

impl Args {
    /// Errors in the configuration are findings of the diagnosis.
    pub fn plan(self, typed: CommandLineArgs<'_>, words: &[OsString], places: &Places) -> Doctor {
        let by_run = mail::default_notification(self.config(), &typed, places);
        let (front, mut mail) = self.front(by_run, places);
        let configuration = self.configuration(&mut typed.of_sending(), places);
        if let Ok(delivery) = &mut mail.delivery {
            hurry(delivery, self.timeout);
        }
        Doctor {
            front,
            mail,
            configuration,
            limit: self.timeout,
            online: !self.offline && !self.skips(CheckStep::Server),
            logs_in: !self.no_login
                && !self.skips(CheckStep::Login)
                && !self.skips(CheckStep::Password),
            shown: self.shown(),
            view: self.view(words),
            mailto: self.mailto,
            skip: self.skip,
            test: self.send_test.map(|to| match to.as_str() {
                "" => Test::Found,
                _ => Test::To(to),
            }),
        }
    }

    fn skips(&self, step: CheckStep) -> bool {
        self.skip.contains(&step)
    }

    fn shown(&self) -> DoctorFormat {
        match (self.json, self.verbose) {
            (true, _) => DoctorFormat::Json,
            (_, true) => DoctorFormat::Sessions,
            _ => DoctorFormat::Text,
        }
    }

    fn view(&self, words: &[OsString]) -> View {
        match &self.by_cron {
            Some(unknown) => {
                let unknown = unknown.iter().filter(|name| !name.is_empty());
                View::ByCron(unknown.cloned().collect())
            }
            None if self.here => View::Here,
            None => View::Cron(words.iter().skip(1).cloned().collect()),
        }
    }

    /// sendmail, which cron calls; or, if a profile is named, the commands that accept one.
    fn front(&self, by_run: Notification, places: &Places) -> (Front, Notification) {
        if self.profile.is_some() {
            return (Front::Run, by_run);
        }
        let delivery = sendmail::of_cron(self.config.clone(), places);
        let mail = Notification {
            head: Addressing::default(),
            rules: AlertRules::default(),
            delivery: delivery.map_err(SetupError::from),
            is_secret: false,
        };
        let own = profile(&mail);
        let run_profile = profile(&by_run).filter(|name| own.as_ref() != Some(name));
        (Front::Sendmail { run_profile }, mail)
    }

    fn config(&self) -> config::Args {
        config::Args {
            profile: self.profile.clone(),
            config: self.config.clone(),
        }
    }

    /// The file and all errors in it.
    fn configuration(&self, typed: &mut CommandLineArgs<'_>, places: &Places) -> Configuration {
        let named = self.config.as_deref();
        let mut configuration = Configuration {
            searched: places.candidates(named),
            ..Configuration::default()
        };
        match find(named, places) {
            Ok(None) => {}
            Ok(Some(found)) => {
                configuration.path = Some(found.path().to_owned());
                let read = found.read(&typed.keys());
                let faults = read.map(|config| {
                    configuration.profiles = config.profiles().len();
                    faults(&config, typed)
                });
                let faults = faults.unwrap_or_else(|faults| faults);
                configuration.faults = faults.iter().map(ConfigError::error_text).collect();
            }
            Err(error) => configuration.faults = vec![error.error_text()],
        }
        configuration
    }
}

fn profile(mail: &Notification) -> Option<String> {
    mail.delivery.as_ref().ok()?.transport.profile.clone()
}

/// Sets the time limits of the diagnosis, and sends the test message without delay.
fn hurry(delivery: &mut DeliveryOptions, limit: Duration) {
    let transports = std::iter::once(&mut delivery.transport).chain(&mut delivery.fallbacks);
    transports.for_each(|transport| transport.session.timeout = Some(limit));
    if let Some(queueing) = &mut delivery.queueing {
        queueing.first = FirstTry::Now;
    }
}
