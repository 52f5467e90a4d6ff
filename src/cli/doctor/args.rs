//! How a host is looked at.

use crate::cli::config::args::faults;
use crate::cli::options::command_line::CommandLineArgs;
use crate::cli::options::{config, mail, value};
use crate::cli::sendmail::args as sendmail;
use crate::config::{Places, find};
use crate::cron::doctor::options::{
    CheckStep, Configuration, Doctor, DoctorFormat, Front, Test, View,
};
use crate::cron::{Addressing, DeliveryOptions, Notification, SetupError};
use crate::queue::FirstTry;
use std::ffi::OsString;
use std::path::PathBuf;
use std::time::Duration;

/// Say what this host would do with a mail from cron, without sending one.
///
/// It is looked at with cron's eyes: with HOME, LOGNAME, SHELL and PATH=/usr/bin:/bin, and without a
/// terminal. Each step is ok, or a warning, or failed, with what mends it. The exit status is 0, 1 for a warning, or 2.
#[derive(Debug, clap::Args)]
#[group(skip)]
pub struct Args {
    /// Look with this environment and not with cron's.
    #[arg(long)]
    here: bool,

    /// Who gets the mail [default: MAILTO of your crontab, else you].
    #[arg(long, value_name = "LIST", value_parser = value::line)]
    mailto: Option<String>,

    /// Ask no server and no DNS.
    #[arg(long)]
    offline: bool,

    /// Do not log in at the relay.
    #[arg(long)]
    no_login: bool,

    /// The time limit for every step, like 5s.
    #[arg(long, value_name = "TIME", value_parser = value::duration, default_value = "10s")]
    timeout: Duration,

    /// Leave steps out, by their names, like cron,runner.
    ///
    /// Without server, nobody is asked; without password or login, nobody logs in.
    #[arg(long, value_name = "STEP", value_delimiter = ',', value_parser = step)]
    skip: Vec<CheckStep>,

    /// Send a short message in the end, to ADDR or to whoever gets the mail of cron.
    #[arg(long, value_name = "ADDR", num_args = 0..=1,
        default_missing_value = "", value_parser = value::line,
          conflicts_with_all = ["offline", "no_login", "json"])]
    send_test: Option<String>,

    /// One JSON object.
    #[arg(long, conflicts_with = "verbose")]
    json: bool,

    /// Show the conversations, too.
    #[arg(short, long)]
    verbose: bool,

    /// We have cron's environment by now; these variables were taken away for it.
    #[arg(
        long,
        hide = true,
        value_name = "LIST",
        value_delimiter = ',',
        conflicts_with = "here"
    )]
    by_cron: Option<Vec<String>>,

    /// Look at what `ehlo run` and `ehlo notify` do with this profile, instead of sendmail.
    #[arg(long, value_name = "NAME")]
    profile: Option<String>,

    /// The file with the profiles.
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
}

fn step(name: &str) -> Result<CheckStep, String> {
    let names = || CheckStep::ALL.map(CheckStep::name).join(", ");
    CheckStep::named(name).ok_or_else(|| format!("it wants one of {}", names()))
}

impl Args {
    /// The look that is meant. What is wrong with the configuration is a part of it.
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

    /// sendmail, which cron calls; or, where a profile is named, the verbs that can be told one.
    fn front(&self, by_run: Notification, places: &Places) -> (Front, Notification) {
        if self.profile.is_some() {
            return (Front::Run, by_run);
        }
        let delivery = sendmail::of_cron(self.config.clone(), places);
        let mail = Notification {
            head: Addressing::default(),
            delivery: delivery.map_err(SetupError::from),
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

    /// The file, and everything that is wrong with it.
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
                configuration.faults = faults.iter().map(ToString::to_string).collect();
            }
            Err(error) => configuration.faults = vec![error.to_string()],
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
