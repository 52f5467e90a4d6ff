//! What verbs that mail a report have in common: from whom to whom, how, and what is kept.

use crate::cli::config::args as config;
use crate::cli::options::profile::CommandLineArgs;
use crate::cli::options::settings::settings;
use crate::cli::options::stored_route::{ResolvedRoute, with_options};
use crate::cli::options::usage_error::UsageError;
use crate::cli::options::{auth, route, tls, value};
use crate::cli::parse::configuration;
use crate::cli::queue::args::QueuedArgs;
use crate::config::{Config, Places, Profile};
use crate::cron::{Addressing, DeliveryOptions, Notification, NotificationRecipients, SetupError};
use crate::mail::address::{Address, Mailbox};
use crate::mail::message::HeaderField;
use crate::queue::options::FirstTry;
use crate::system::exit::Exit;
use std::path::PathBuf;

/// Options of all verbs that mail a report.
///
/// What says the way is read from the command line again, together with the profile.
#[derive(Debug, clap::Args)]
#[group(skip)]
pub struct Args {
    #[command(flatten)]
    head: MailArgs,
    #[command(flatten)]
    keeping: Keeping,
    #[command(flatten)]
    _route: route::Args,
    #[command(flatten)]
    _session: MailSessionArgs,
    #[command(flatten)]
    _tls: tls::Args,
    #[command(flatten)]
    _auth: auth::Args,
    #[command(flatten)]
    config: config::Args,
}

/// Options under the heading "Mail".
#[derive(Debug, Default, clap::Args)]
#[group(skip)]
#[command(next_help_heading = "Mail")]
struct MailArgs {
    /// Who gets it [default: MAILTO, else `to` of the profile, else you].
    ///
    /// Repeatable; an address, a name on this host, or a list with commas. Names go through the aliases, as
    /// for sendmail. Where MAILTO is set and empty, nothing is mailed.
    #[arg(long, value_name = "ADDR", value_parser = value::line)]
    to: Vec<String>,

    /// Who gets it too, named in Cc.
    #[arg(long, value_name = "ADDR", value_parser = value::line)]
    cc: Vec<String>,

    /// Who gets it and is named nowhere.
    #[arg(long, value_name = "ADDR", value_parser = value::line)]
    bcc: Vec<String>,

    /// The author [default: MAILFROM, else `from` of the profile, else you at this host].
    #[arg(short, long, value_name = "ADDR", value_parser = value::line, allow_hyphen_values = true)]
    from: Option<String>,

    /// Where answers are to go.
    #[arg(long, value_name = "ADDR", value_parser = value::line)]
    reply_to: Vec<String>,

    /// The subject.
    #[arg(short, long, value_name = "TEXT", value_parser = value::line, allow_hyphen_values = true)]
    subject: Option<String>,

    /// Add a header field, or replace one of ours; repeatable.
    #[arg(short = 'H', long, value_name = "'Name: value'", value_parser = value::field, allow_hyphen_values = true)]
    header: Vec<HeaderField>,
}

/// Options under the heading "Session".
#[derive(Debug, clap::Args)]
#[group(skip)]
#[command(next_help_heading = "Session")]
struct MailSessionArgs {
    /// Our name in EHLO [default: this host's full name].
    #[arg(long, visible_alias = "ehlo", value_name = "NAME", value_parser = value::helo)]
    helo: Option<String>,
}

/// Options under the heading "Queue".
#[derive(Debug, Default, clap::Args)]
#[group(skip)]
#[command(next_help_heading = "Queue")]
struct Keeping {
    /// The queue [default: ~/.local/state/ehlo/queue, and /var/spool/ehlo for root].
    ///
    /// The mail is safe there before it is tried, and tried again from there. Where there is no place for a
    /// queue, it is sent at once.
    #[arg(long, value_name = "DIR")]
    queue_dir: Option<PathBuf>,

    /// Keep the mail, and let `ehlo queue run` send it.
    #[arg(long)]
    queue_only: bool,

    /// Keep nothing: send it now or never.
    #[arg(long, conflicts_with_all = ["queue_only", "queue_dir"])]
    no_queue: bool,
}

/// What the environment says, as cron and its like set it.
#[derive(Default)]
struct CronEnvironment {
    mail_to: Option<String>,
    mail_from: Option<String>,
}

impl CronEnvironment {
    fn of_this_process() -> Self {
        let set = |name| std::env::var_os(name).map(|value| value.to_string_lossy().into_owned());
        Self {
            mail_to: set("MAILTO"),
            mail_from: set("MAILFROM").filter(|value| !value.trim().is_empty()),
        }
    }
}

impl Args {
    /// The mail that is meant. What is wrong with the configuration is a part of it, because what there is
    /// to report must be told all the same; what is wrong with the command line is an error.
    pub fn plan(
        self,
        typed: &CommandLineArgs<'_>,
        places: &Places,
    ) -> Result<Notification, UsageError> {
        let parts = Parts {
            head: self.head,
            keeping: self.keeping,
            config: self.config,
        };
        let mail = parts.mail(typed, places);
        match &mail.delivery {
            // No configuration is to blame for this.
            Err(hindrance) if hindrance.exit == Exit::Usage => {
                Err(UsageError::usage(&hindrance.text))
            }
            _ => Ok(mail),
        }
    }
}

/// What a mail is made of, beside the words about its way.
struct Parts {
    head: MailArgs,
    keeping: Keeping,
    config: config::Args,
}

impl Parts {
    fn mail(self, typed: &CommandLineArgs<'_>, places: &Places) -> Notification {
        let read = configuration(&self.config, typed, places);
        let config = read.as_ref().ok().and_then(Option::as_ref);
        let profile = config.map(|config| self.head.chosen(config, &self.config));
        let profile = profile.transpose().map(Option::flatten);
        let known = profile.as_ref().ok().copied().flatten();
        let head = self.head.meant(known, CronEnvironment::of_this_process());
        let path = self.config.config;
        let delivery =
            profile.and_then(|profile| self.keeping.delivery(path, (config, profile), typed));
        let delivery = read.as_ref().err().cloned().map_or(delivery, Err);
        Notification {
            head,
            delivery: delivery.map_err(|UsageError { text, exit }| SetupError { text, exit }),
        }
    }
}

/// The mail of which nothing is said but a profile and a configuration.
pub fn usual(config: config::Args, typed: &CommandLineArgs<'_>, places: &Places) -> Notification {
    let parts = Parts {
        head: MailArgs::default(),
        keeping: Keeping::default(),
        config,
    };
    parts.mail(typed, places)
}

impl MailArgs {
    /// The profile that is asked for, or is for the author, or is the default.
    fn chosen<'c>(
        &self,
        config: &'c Config,
        arguments: &config::Args,
    ) -> Result<Option<&'c Profile>, UsageError> {
        let author = self.from.as_deref().map(Mailbox::<Address>::parse);
        let author = author.and_then(Result::ok).map(|mailbox| mailbox.address);
        Ok(config.choose(arguments.profile.as_deref(), author.as_ref())?)
    }

    /// The command line before the environment, and that before the profile.
    fn meant(self, profile: Option<&Profile>, around: CronEnvironment) -> Addressing {
        let said = ProfileMail::of(profile);
        let recipients = self.recipients(around.mail_to, &said);
        let reply_to = if self.reply_to.is_empty() {
            said.all("reply-to")
        } else {
            self.reply_to
        };
        let headers = said.all("header");
        let headers = headers.iter().filter_map(|text| value::field(text).ok());
        let mut headers: Vec<HeaderField> = headers
            .filter(|field| !field.is_overruled(&self.header))
            .collect();
        headers.extend(self.header);
        Addressing {
            recipients,
            from: self.from.or(around.mail_from).or(said.one("from")),
            envelope_from: said.one("envelope-from"),
            reply_to,
            subject: self.subject.or(said.one("subject")),
            headers,
        }
    }

    fn recipients(&self, mail_to: Option<String>, said: &ProfileMail) -> NotificationRecipients {
        let these = |to: Vec<String>, cc: Vec<String>, bcc: Vec<String>| {
            let is_named = [&to, &cc, &bcc].iter().any(|lists| !lists.is_empty());
            is_named.then_some(NotificationRecipients::These { to, cc, bcc })
        };
        if let Some(typed) = these(self.to.clone(), self.cc.clone(), self.bcc.clone()) {
            return typed;
        }
        match mail_to {
            Some(list) if list.trim().is_empty() => NotificationRecipients::Nobody,
            Some(list) => NotificationRecipients::These {
                to: vec![list],
                cc: Vec::new(),
                bcc: Vec::new(),
            },
            None => these(said.all("to"), said.all("cc"), said.all("bcc")).unwrap_or_default(),
        }
    }
}

/// What a profile says of a message.
struct ProfileMail(Vec<crate::config::ConfigKey>);

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

impl Keeping {
    /// With this configuration, which was named or not, and this profile of it.
    fn delivery(
        self,
        named: Option<PathBuf>,
        (config, profile): (Option<&Config>, Option<&Profile>),
        typed: &CommandLineArgs<'_>,
    ) -> Result<DeliveryOptions, UsageError> {
        let settings = settings(config)?;
        let options = typed.about_the_way()?;
        let chosen = config.zip(profile);
        let mut found = with_options(&options, |bare| bare.found(chosen, settings))?;
        found.queue = found.queue.in_directory(self.queue_dir.clone());
        Ok(self.kept(found, named))
    }

    fn kept(&self, found: ResolvedRoute, config: Option<PathBuf>) -> DeliveryOptions {
        let rewrite = found.settings.rewrite.clone();
        let errand = QueuedArgs {
            route_spec: found.route_spec,
            config,
            first: if self.queue_only {
                FirstTry::Later
            } else {
                FirstTry::Now
            },
        };
        let queueing = found.queue.keeping(found.settings, errand);
        DeliveryOptions {
            transport: found.itinerary.transport,
            fallbacks: found.itinerary.fallbacks,
            queueing: (!self.no_queue).then_some(queueing),
            rewrite,
        }
    }
}

#[cfg(test)]
mod tests;
