//! Options of all commands that mail a report: addresses, transport, queue and alerts.

use crate::cli::options::alert::AlertArgs;
use crate::cli::options::command_line::CommandLineArgs;
use crate::cli::options::config::settings;
use crate::cli::options::route_plan::{QueuedMessageOptions, through_socket, with_options};
use crate::cli::options::usage_error::UsageError;
use crate::cli::options::{auth, config, crypt, dkim, route, tls, value};
use crate::config::{Config, ConfigKey, Places, Profile};
use crate::cron::alert::AlertRules;
use crate::cron::{Addressing, DeliveryOptions, Notification, NotificationRecipients, SetupError};
use crate::mail::address::{Address, Mailbox};
use crate::mail::message::HeaderField;
use crate::queue::FirstTry;
use crate::system::exit::Exit;
use std::path::PathBuf;

/// Options of all commands that mail a report.
#[derive(Debug, clap::Args)]
#[group(skip)]
pub struct Args {
    #[command(flatten)]
    mail: MailArgs,
    #[command(flatten, next_help_heading = "Mail")]
    crypt: crypt::Args,
    #[command(flatten, next_help_heading = "Mail")]
    dkim: dkim::Args,
    #[command(flatten)]
    queue: MailQueueArgs,
    #[command(flatten)]
    _transport: MailTransportArgs,
    #[command(flatten)]
    config: config::Args,
}

// The options of the transport; the queue stores these and no others. They are parsed again together with those of the
// profile.
#[derive(Debug, clap::Args)]
#[group(skip)]
struct MailTransportArgs {
    #[command(flatten)]
    _route: route::Args,
    #[command(flatten)]
    _session: MailSessionArgs,
    #[command(flatten)]
    _tls: tls::Args,
    #[command(flatten)]
    _auth: auth::Args,
}

/// Options under the heading "Mail".
#[derive(Debug, Default, clap::Args)]
#[group(skip)]
#[command(next_help_heading = "Mail")]
struct MailArgs {
    /// Recipient [default: MAILTO, else `to` of the profile, else you].
    ///
    /// Repeatable. An address, a local name, or a comma-separated list. Local names are looked up in the
    /// aliases file, as for sendmail. If MAILTO is set but empty, nothing is mailed.
    #[arg(long, value_name = "ADDR", value_parser = value::line)]
    to: Vec<String>,

    /// Additional recipient (Cc).
    #[arg(long, value_name = "ADDR", value_parser = value::line)]
    cc: Vec<String>,

    /// Hidden recipient (Bcc).
    #[arg(long, value_name = "ADDR", value_parser = value::line)]
    bcc: Vec<String>,

    /// Sender address [default: MAILFROM, else `from` of the profile, else your login name at this host].
    #[arg(short, long, value_name = "ADDR", value_parser = value::line, allow_hyphen_values = true)]
    from: Option<String>,

    /// Address for replies.
    #[arg(long, value_name = "ADDR", value_parser = value::line)]
    reply_to: Vec<String>,

    /// Subject.
    #[arg(short, long, value_name = "TEXT", value_parser = value::line, allow_hyphen_values = true)]
    subject: Option<String>,

    /// Add a header field, or replace one that ehlo sets; repeatable.
    #[arg(short = 'H', long, value_name = "'Name: value'", value_parser = value::field, allow_hyphen_values = true)]
    header: Vec<HeaderField>,
}

/// Options under the heading "Session".
#[derive(Debug, clap::Args)]
#[group(skip)]
#[command(next_help_heading = "Session")]
struct MailSessionArgs {
    /// Client name for EHLO [default: the full name of this host].
    #[arg(long, visible_alias = "ehlo", value_name = "NAME", value_parser = value::helo)]
    helo: Option<String>,
}

/// Options under the heading "Queue".
#[derive(Debug, Default, clap::Args)]
#[group(skip)]
#[command(next_help_heading = "Queue")]
struct MailQueueArgs {
    /// Queue directory [default: ~/.local/state/ehlo/queue, and /var/spool/ehlo for root].
    ///
    /// The mail is stored there before the first attempt and retried from there. If no queue can be created, it
    /// is sent immediately.
    #[arg(long, value_name = "DIR")]
    queue_dir: Option<PathBuf>,

    /// Only queue the mail; `ehlo queue run` sends it.
    #[arg(long)]
    queue_only: bool,

    /// Do not queue; make a single delivery attempt.
    #[arg(long, conflicts_with_all = ["queue_only", "queue_dir"])]
    no_queue: bool,
}

/// Addresses in the environment of a cron job.
#[derive(Default)]
struct CronEnvironment {
    mail_to: Option<String>,
    mail_from: Option<String>,
}

impl CronEnvironment {
    fn of_this_process() -> Self {
        let variable =
            |name| std::env::var_os(name).map(|value| value.to_string_lossy().into_owned());
        Self {
            mail_to: variable("MAILTO"),
            mail_from: variable("MAILFROM").filter(|value| !value.trim().is_empty()),
        }
    }
}

impl Args {
    /// Builds the notification. An error in the command line is returned. An error in the configuration is a
    /// part of the notification, because the report must be delivered in another way then.
    pub fn plan(
        self,
        command_line: &CommandLineArgs<'_>,
        places: &Places,
    ) -> Result<Notification, UsageError> {
        let parts = NotificationArgs {
            mail: self.mail,
            delivery: DeliveryArgs {
                crypt: self.crypt,
                dkim: self.dkim,
                queue: self.queue,
            },
            config: self.config,
        };
        let notification = parts.notification(command_line, places);
        match &notification.delivery {
            Err(error) if error.exit == Exit::Usage => Err(UsageError::usage(&error.text)),
            _ => Ok(notification),
        }
    }
}

/// A notification for which only a profile and a configuration are named.
pub fn default_notification(
    config: config::Args,
    command_line: &CommandLineArgs<'_>,
    places: &Places,
) -> Notification {
    let parts = NotificationArgs {
        mail: MailArgs::default(),
        delivery: DeliveryArgs::default(),
        config,
    };
    parts.notification(command_line, places)
}

/// The arguments without those of the transport.
struct NotificationArgs {
    mail: MailArgs,
    delivery: DeliveryArgs,
    config: config::Args,
}

impl NotificationArgs {
    fn notification(self, command_line: &CommandLineArgs<'_>, places: &Places) -> Notification {
        let read = self.config.read(|| command_line.keys(), places);
        let config = read.as_ref().ok().and_then(Option::as_ref);
        let profile = config.map(|config| self.mail.choose_profile(config, &self.config));
        let profile = profile.transpose().map(Option::flatten);
        let known = profile.as_ref().ok().copied().flatten();
        let head = self
            .mail
            .addressing(known, CronEnvironment::of_this_process());
        // Without a profile, the file shows at least if one of them encrypts.
        let by_profile = || match &profile {
            Ok(profile) if read.is_ok() => {
                let standard = ProfileMail::of(*profile).one("encrypt");
                standard.is_some_and(|standard| standard != "off")
            }
            _ => self.config.sets("encrypt", places),
        };
        let is_secret = self.delivery.crypt.encrypts().unwrap_or_else(by_profile);
        let path = self.config.config;
        let rules = config.zip(known);
        let rules = rules.map(|(config, profile)| AlertArgs::of_profile(config, profile));
        let rules = rules.transpose().map(Option::unwrap_or_default);
        let delivery =
            profile.and_then(|profile| self.delivery.plan(path, (config, profile), command_line));
        let delivery = read.as_ref().err().cloned().map_or(delivery, Err);
        let (rules, delivery) = match rules {
            Ok(rules) => (rules, delivery),
            Err(error) => (AlertRules::default(), delivery.and(Err(error.into()))),
        };
        Notification {
            head,
            rules,
            delivery: delivery.map_err(SetupError::from),
            is_secret,
        }
    }
}

impl From<UsageError> for SetupError {
    fn from(UsageError { text, exit, .. }: UsageError) -> Self {
        Self { text, exit }
    }
}

impl MailArgs {
    /// The profile that is named, matches the author, or is the default.
    fn choose_profile<'c>(
        &self,
        config: &'c Config,
        arguments: &config::Args,
    ) -> Result<Option<&'c Profile>, UsageError> {
        let author = self
            .from
            .as_deref()
            .map(Mailbox::<Address>::parse)
            .and_then(Result::ok)
            .map(|mailbox| mailbox.address);
        Ok(config.choose(arguments.profile.as_deref(), author.as_ref())?)
    }

    /// The command line takes precedence over the environment, and that over the profile.
    fn addressing(self, profile: Option<&Profile>, environment: CronEnvironment) -> Addressing {
        let settings = ProfileMail::of(profile);
        let recipients = self.recipients(environment.mail_to, &settings);
        let reply_to = if self.reply_to.is_empty() {
            settings.all("reply-to")
        } else {
            self.reply_to
        };
        let headers = settings.all("header");
        let headers = headers.iter().filter_map(|text| value::field(text).ok());
        let mut headers: Vec<HeaderField> = headers
            .filter(|field| !field.is_overruled(&self.header))
            .collect();
        headers.extend(self.header);
        Addressing {
            recipients,
            from: self.from.or(environment.mail_from).or(settings.one("from")),
            envelope_from: settings.one("envelope-from"),
            reply_to,
            subject: self.subject.or(settings.one("subject")),
            headers,
        }
    }

    fn recipients(
        &self,
        mail_to: Option<String>,
        settings: &ProfileMail,
    ) -> NotificationRecipients {
        let listed = |to: Vec<String>, cc: Vec<String>, bcc: Vec<String>| {
            let is_named = [&to, &cc, &bcc].iter().any(|lists| !lists.is_empty());
            is_named.then_some(NotificationRecipients::These { to, cc, bcc })
        };
        if let Some(recipients) = listed(self.to.clone(), self.cc.clone(), self.bcc.clone()) {
            return recipients;
        }
        match mail_to {
            Some(list) if list.trim().is_empty() => NotificationRecipients::None,
            Some(list) => NotificationRecipients::These {
                to: vec![list],
                cc: Vec::new(),
                bcc: Vec::new(),
            },
            None => listed(settings.all("to"), settings.all("cc"), settings.all("bcc"))
                .unwrap_or_default(),
        }
    }
}

/// The settings of a message in a profile.
struct ProfileMail(Vec<ConfigKey>);

impl ProfileMail {
    fn of(profile: Option<&Profile>) -> Self {
        Self(profile.map(Profile::options).unwrap_or_default())
    }

    fn all(&self, key: &str) -> Vec<String> {
        let values = self.0.iter().filter(|setting| setting.key == key);
        let texts = values.flat_map(|setting| setting.value.texts());
        texts.map(str::to_owned).collect()
    }

    fn one(&self, key: &str) -> Option<String> {
        self.all(key).into_iter().next()
    }
}

/// The arguments that determine the delivery, without those of the transport.
#[derive(Default)]
struct DeliveryArgs {
    crypt: crypt::Args,
    dkim: dkim::Args,
    queue: MailQueueArgs,
}

impl DeliveryArgs {
    /// `path` is the configuration named on the command line.
    fn plan(
        self,
        path: Option<PathBuf>,
        (config, profile): (Option<&Config>, Option<&Profile>),
        command_line: &CommandLineArgs<'_>,
    ) -> Result<DeliveryOptions, UsageError> {
        let settings = settings(config)?;
        let options = command_line.transport_options::<MailTransportArgs>()?;
        let chosen = config.zip(profile);
        let mut route = with_options(&options, |route| route.resolve(chosen, settings))?;
        let queue = self.queue;
        route.queue.queue_dir = queue.queue_dir.or(route.queue.queue_dir);
        let crypt = self.crypt.or(route.crypt).options(&route.plan.transport)?;
        let own_signer = self.dkim.clone().signer()?;
        let signer = self.dkim.or(route.dkim).signer()?;
        let mut signer = signer.or_keys(&route.settings.dkim);
        let mut rewrite = route.settings.rewrite.clone();
        let log = route.settings.log.clone();
        let message = QueuedMessageOptions {
            route_spec: route.route_spec,
            config: path,
            first: if queue.queue_only {
                FirstTry::Later
            } else {
                FirstTry::Now
            },
            names_profile: command_line.has("profile"),
        };
        let (mut transport, mut fallbacks) = (route.plan.transport, route.plan.fallbacks);
        let queueing = route.queue.queue_use(route.settings, message);
        let mut queueing = (!queue.no_queue).then_some(queueing);
        if let Some(queueing) = &mut queueing
            && queueing.socket.is_some()
        {
            through_socket(queueing, &mut transport, &mut fallbacks)?;
            rewrite = rewrite.of_submission();
            // The service signs, with keys that only it can read.
            signer = own_signer;
        }
        Ok(DeliveryOptions {
            transport,
            fallbacks,
            queueing,
            rewrite,
            signer,
            crypt,
            log,
        })
    }
}

#[cfg(test)]
mod tests;
