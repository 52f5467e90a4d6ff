//! The configuration and the queue: options, and settings outside the profiles.

use crate::cli::options::usage_error::{UsageError, first};
use crate::cli::options::{auth, dkim, value};
use crate::client::credentials::SecretSource;
use crate::client::dns;
use crate::client::mail_log::LogOptions;
use crate::config::{
    Config, ConfigError, ConfigFault, ConfigKey, FoundFile, Keys, Places, SYSTEM, Value, find,
};
use crate::mail::address::Address;
use crate::mail::dkim::{KeyDomain, NamedKey};
use crate::mail::rewrite;
use crate::mail::rewrite::{OriginalAddress, Rule};
use crate::queue::Location;
use crate::queue::store as queue;
use crate::queue::store::OnUncertain;
use crate::queue::submit::{SenderRule, SubmitOptions};
use crate::system::text::is_pattern;
use clap::ValueEnum;
use std::path::{Path, PathBuf};

/// Options under the heading "Config".
#[derive(Clone, Debug, Default, clap::Args)]
#[group(skip)]
#[command(next_help_heading = "Config")]
pub struct Args {
    /// Use the options of this profile.
    ///
    /// By default, the first profile whose `from` matches the sender on the command line is used, or else the
    /// one named by `default`. Options on the command line override those of the profile.
    #[arg(long, value_name = "NAME")]
    pub profile: Option<String>,

    /// Configuration file.
    ///
    /// Default: the file named by `$EHLO_CONFIG`, else `~/.config/ehlo/config.toml`, else
    /// `/etc/ehlo/config.toml`. Use /dev/null to ignore all configuration files.
    #[arg(long, value_name = "FILE")]
    pub config: Option<PathBuf>,
}

impl Args {
    /// The file, if there is one. A profile that is asked for must be in one.
    fn find(&self, places: &Places) -> Result<Option<FoundFile>, ConfigError> {
        let named = self.config.as_deref();
        let found = find(named, places)?;
        if found.is_none() && self.profile.is_some() {
            return Err(ConfigError::Nowhere(places.candidates(named)));
        }
        Ok(found)
    }

    /// True if the file sets this key in any profile, even if the file is not valid.
    pub fn sets(&self, key: &str, places: &Places) -> bool {
        let found = self.find(places).ok().flatten();
        found.is_some_and(|found| found.sets(key))
    }

    /// The configuration, if there is one. The keys are not needed without one.
    pub fn read(
        &self,
        keys: impl FnOnce() -> Keys,
        places: &Places,
    ) -> Result<Option<Config>, UsageError> {
        let found = self.find(places)?;
        let read = found.map(|found| found.read(&keys()));
        let config = read.transpose().map_err(|errors| first(&errors))?;
        if let Some(config) = &config {
            trust_resolvers(config)?;
        }
        Ok(config)
    }
}

/// Options under the heading "Queue".
#[derive(Debug, Default, clap::Args)]
#[group(skip)]
#[command(next_help_heading = "Queue")]
pub struct QueueArgs {
    /// Queue the message if it cannot be delivered now.
    ///
    /// It is written to disk before the first attempt; undelivered recipients stay queued until `ehlo queue
    /// run` delivers them.
    #[arg(long)]
    pub queue: bool,

    /// Only queue the message; `ehlo queue run` sends it.
    #[arg(long, conflicts_with = "queue")]
    pub queue_only: bool,

    /// Queue directory [default: ~/.local/state/ehlo/queue, and /var/spool/ehlo for root].
    #[arg(long, value_name = "DIR")]
    pub queue_dir: Option<PathBuf>,

    /// Action if a recipient may already have received the message.
    ///
    /// This is unknown if the connection is lost after the end of the message but before the reply. `retry` sends
    /// the message again, so it may arrive twice; `hold` waits for `ehlo queue release`.
    #[arg(long, value_name = "HOW", value_enum)]
    pub on_uncertain: Option<Uncertain>,

    /// Shell command to run when delivery is abandoned.
    ///
    /// It receives a JSON object on standard input. After 60 seconds it is killed together with its child
    /// processes.
    #[arg(long, value_name = "CMD", value_parser = auth::command)]
    pub on_failure: Option<String>,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
pub enum Uncertain {
    Retry,
    Hold,
}

/// Settings with their defaults.
#[derive(Debug, Default)]
pub struct DeliverySettings {
    /// Rules for retries in the queue.
    pub queue: queue::RetrySettings,
    /// The directory or the URL of the queue. `None`: the default directory.
    pub directory: Option<PathBuf>,
    /// The source of the password of a queue in a database.
    pub database_password: Option<SecretSource>,
    /// The treatment of a recipient that may already have received the message.
    pub on_uncertain: OnUncertain,
    /// A shell command that is run after a permanent failure.
    pub on_failure: Option<String>,
    pub rewrite: rewrite::RewriteOptions,
    /// The profile of sendmail. The configuration has it.
    pub profile: Option<String>,
    pub log: LogOptions,
    pub submit: SubmitOptions,
    /// True if the configuration is that of the host, or there is none.
    pub is_of_host: bool,
    /// True if the resolvers of resolv.conf are trusted to validate DNSSEC.
    pub trust_ad: bool,
    /// The DKIM keys of `[dkim]`.
    pub dkim: Vec<NamedKey>,
    /// True if messages that are sent as msmtp does are queued.
    pub msmtp_queue: bool,
}

/// Reads the settings. Without a configuration, they are the defaults.
pub fn settings(config: Option<&Config>) -> Result<DeliverySettings, UsageError> {
    let (mut settings, errors) = config.map_or_else(Default::default, read);
    settings.is_of_host = config.is_none_or(|config| config.path() == Path::new(SYSTEM));
    let domain = &mut settings.submit.senders.domain;
    domain.clone_from(&settings.rewrite.domain);
    match errors.into_iter().next() {
        None => Ok(settings),
        Some(error) => Err(error.into()),
    }
}

/// The mail log of the configuration.
pub fn log(config: Option<&Config>) -> Result<LogOptions, UsageError> {
    let mut settings = DeliverySettings::default();
    if let Some(config) = config {
        for setting in config.section("log") {
            let added = settings.add_log(setting);
            added.map_err(|fault| config.fault(setting, fault))?;
        }
    }
    Ok(settings.log)
}

/// Trusts the resolvers of the system, if the configuration does.
pub fn trust_resolvers(config: &Config) -> Result<(), UsageError> {
    let mut settings = DeliverySettings::default();
    for setting in config.section("dns") {
        let added = settings.add_dns(setting);
        added.map_err(|fault| config.fault(setting, fault))?;
    }
    if settings.trust_ad {
        dns::trust_ad();
    }
    Ok(())
}

/// The DKIM keys of the configuration.
pub fn dkim_keys(config: Option<&Config>) -> Result<Vec<NamedKey>, UsageError> {
    let mut settings = DeliverySettings::default();
    if let Some(config) = config {
        for setting in config.section("dkim") {
            let added = settings.add_dkim(setting);
            added.map_err(|fault| config.fault(setting, fault))?;
        }
    }
    Ok(settings.dkim)
}

/// Errors in the tables other than profiles.
pub fn settings_errors(config: &Config) -> Vec<ConfigError> {
    read(config).1
}

type Add = fn(&mut DeliverySettings, &ConfigKey) -> Result<(), ConfigFault>;

fn read(config: &Config) -> (DeliverySettings, Vec<ConfigError>) {
    let sections: [(&str, Add); 9] = [
        ("queue", DeliverySettings::add_queue),
        ("sendmail", DeliverySettings::add_sendmail),
        ("rewrite", DeliverySettings::add_rule),
        ("log", DeliverySettings::add_log),
        ("submit", DeliverySettings::add_submit),
        ("senders", DeliverySettings::add_senders),
        ("dns", DeliverySettings::add_dns),
        ("dkim", DeliverySettings::add_dkim),
        ("msmtp", DeliverySettings::add_msmtp),
    ];
    let mut settings = DeliverySettings::default();
    let mut errors = Vec::new();
    for (name, add) in sections {
        for setting in config.section(name) {
            if let Err(error) = add(&mut settings, setting) {
                errors.push(config.fault(setting, error));
            }
        }
    }
    (settings, errors)
}

impl DeliverySettings {
    fn add_queue(&mut self, setting: &ConfigKey) -> Result<(), ConfigFault> {
        let value = &setting.value;
        let queue = &mut self.queue;
        match setting.key.as_str() {
            "retry" => queue.gaps = intervals(value)?,
            "spread" => queue.spread = number(value, 0, 100)?,
            "give-up" => queue.give_up = parsed(value, value::wait)?,
            "warn-after" => queue.warn_after = Some(parsed(value, value::wait)?),
            "host-down" => queue.host_down = parsed(value, value::wait)?,
            "connections" => queue.connections = number(value, 1, 1000)?,
            "per-host" => queue.per_host = number(value, 1, 1000)?,
            "bounce-size" => queue.bounce_size = parsed(value, size)?,
            "dir" => self.directory = Some(parsed(value, queue_location)?),
            "password-file" => {
                self.database_password = Some(SecretSource::File(parsed(value, path)?));
            }
            "password-command" => {
                self.database_password = Some(SecretSource::Command(parsed(value, command)?));
            }
            "on-uncertain" => self.on_uncertain = parsed(value, on_uncertain)?,
            "on-failure" => self.on_failure = Some(parsed(value, command)?),
            _ => return Err(ConfigFault::Key(None)),
        }
        Ok(())
    }

    fn add_sendmail(&mut self, setting: &ConfigKey) -> Result<(), ConfigFault> {
        let value = &setting.value;
        let rewrite = &mut self.rewrite;
        match setting.key.as_str() {
            "aliases" => rewrite.aliases = Some(parsed(value, path)?),
            "domain" => rewrite.domain = Some(parsed(value, domain)?),
            "postmaster" => rewrite.postmaster = Some(Address::parse(scalar(value)?)?),
            "original" => rewrite.original = parsed(value, original)?,
            "profile" => self.profile = Some(scalar(value)?.to_owned()),
            _ => return Err(ConfigFault::Key(None)),
        }
        Ok(())
    }

    fn add_log(&mut self, setting: &ConfigKey) -> Result<(), ConfigFault> {
        match setting.key.as_str() {
            "file" => self.log.file = Some(parsed(&setting.value, path)?),
            "syslog" => self.log.syslog = flag(&setting.value)?,
            "tlsrpt" => self.log.tls_reports = Some(parsed(&setting.value, path)?),
            _ => return Err(ConfigFault::Key(None)),
        }
        Ok(())
    }

    fn add_submit(&mut self, setting: &ConfigKey) -> Result<(), ConfigFault> {
        let value = &setting.value;
        let limits = &mut self.submit.limits;
        match setting.key.as_str() {
            "socket" => self.submit.socket = Some(parsed(value, path)?),
            "messages" => limits.messages = parsed(value, value::number::<u64>(1, None))?,
            "bytes" => limits.bytes = parsed(value, value::size)?.into(),
            "size" => limits.size = parsed(value, value::size)?.into(),
            "connections" => limits.connections = number(value, 1, 1000)?,
            _ => return Err(ConfigFault::Key(None)),
        }
        Ok(())
    }

    fn add_dns(&mut self, setting: &ConfigKey) -> Result<(), ConfigFault> {
        match setting.key.as_str() {
            "trust-ad" => self.trust_ad = flag(&setting.value)?,
            _ => return Err(ConfigFault::Key(None)),
        }
        Ok(())
    }

    fn add_msmtp(&mut self, setting: &ConfigKey) -> Result<(), ConfigFault> {
        match setting.key.as_str() {
            "queue" => self.msmtp_queue = flag(&setting.value)?,
            _ => return Err(ConfigFault::Key(None)),
        }
        Ok(())
    }

    fn add_senders(&mut self, setting: &ConfigKey) -> Result<(), ConfigFault> {
        let items = match &setting.value {
            Value::List(items) => items.iter().map(scalar).collect(),
            one => scalar(one).map(|one| vec![one]),
        };
        let senders = items?.into_iter().map(|item| {
            if !is_pattern(item) {
                Address::parse(item)?;
            }
            Ok(item.to_owned())
        });
        self.submit.senders.rules.push(SenderRule {
            user: setting.key.clone(),
            senders: senders.collect::<Result<_, ConfigFault>>()?,
        });
        Ok(())
    }

    fn add_dkim(&mut self, setting: &ConfigKey) -> Result<(), ConfigFault> {
        self.dkim.extend(dkim_keys_of(setting)?);
        Ok(())
    }

    fn add_rule(&mut self, setting: &ConfigKey) -> Result<(), ConfigFault> {
        let rule = Rule {
            from: setting.key.clone(),
            to: scalar(&setting.value)?.to_owned(),
        };
        rule.check().map_err(ConfigFault::Value)?;
        self.rewrite.rules.push(rule);
        Ok(())
    }
}

/// The keys for a domain: `SELECTOR:FILE`.
pub fn dkim_keys_of(setting: &ConfigKey) -> Result<Vec<NamedKey>, ConfigFault> {
    let domain = dkim::domain(&setting.key).map_err(ConfigFault::Value)?;
    let keys = setting.value.texts().into_iter().map(|text| {
        let (selector, file) = text
            .split_once(':')
            .ok_or("expected SELECTOR:FILE, such as s2026:/etc/ehlo/dkim/s2026.pem")?;
        Ok(NamedKey {
            path: path(file)?,
            selector: dkim::selector(selector)?,
            domain: KeyDomain::Below(domain.clone()),
        })
    });
    let keys: Result<Vec<NamedKey>, String> = keys.collect();
    keys.map_err(ConfigFault::Value)
}

/// A string, or a number as text.
fn scalar(value: &Value) -> Result<&str, ConfigFault> {
    let found = match value {
        Value::Text(text) | Value::Number(text) => return Ok(text),
        Value::Flag(_) => "true or false",
        Value::List(_) => "an array",
    };
    Err(ConfigFault::Kind {
        expected: "a string or a number",
        found,
    })
}

fn flag(value: &Value) -> Result<bool, ConfigFault> {
    let found = match value {
        Value::Flag(flag) => return Ok(*flag),
        Value::Text(_) | Value::Number(_) => "a string or a number",
        Value::List(_) => "an array",
    };
    Err(ConfigFault::Kind {
        expected: "true or false",
        found,
    })
}

fn parsed<T>(value: &Value, parse: impl Fn(&str) -> Result<T, String>) -> Result<T, ConfigFault> {
    parse(scalar(value)?).map_err(ConfigFault::Value)
}

fn number<T: TryFrom<u16>>(value: &Value, least: u16, most: u16) -> Result<T, ConfigFault> {
    let number = scalar(value)?
        .parse::<u16>()
        .ok()
        .filter(|number| (least..=most).contains(number));
    number
        .and_then(|number| T::try_from(number).ok())
        .ok_or_else(|| ConfigFault::Value(format!("expected a number from {least} to {most}")))
}

/// One time, or an array of them.
fn intervals(value: &Value) -> Result<Vec<std::time::Duration>, ConfigFault> {
    match value {
        Value::List(items) if items.is_empty() => Err(ConfigFault::Value(
            "expected at least one interval; the last one is used for all further attempts"
                .to_owned(),
        )),
        Value::List(items) => items.iter().map(|item| parsed(item, value::wait)).collect(),
        other => Ok(vec![parsed(other, value::wait)?]),
    }
}

/// Zero octets: the header alone.
fn size(text: &str) -> Result<u64, String> {
    match text {
        "0" => Ok(0),
        _ => value::size(text).map(u64::from),
    }
}

/// The path must be absolute: the working directory under cron is unknown.
fn path(text: &str) -> Result<PathBuf, String> {
    let path = crate::system::user::expanded(text);
    if path.is_absolute() {
        return Ok(path);
    }
    Err("expected an absolute path such as /var/spool/ehlo, or one that starts with ~/".to_owned())
}

/// A directory, or the URL of a database.
fn queue_location(text: &str) -> Result<PathBuf, String> {
    match Location::from(PathBuf::from(text)) {
        Location::Directory(_) => path(text),
        Location::Database(_) => Ok(text.into()),
    }
}

/// The domain in A-labels.
fn domain(text: &str) -> Result<String, String> {
    let address =
        Address::of("postmaster", text).map_err(|_| "expected a domain such as example.org")?;
    Ok(address.domain().to_string())
}

fn command(text: &str) -> Result<String, String> {
    if text.trim().is_empty() {
        return Err("expected a shell command".to_owned());
    }
    Ok(text.to_owned())
}

fn on_uncertain(text: &str) -> Result<OnUncertain, String> {
    match text {
        "retry" => Ok(OnUncertain::Retry),
        "hold" => Ok(OnUncertain::Hold),
        _ => Err("expected retry or hold".to_owned()),
    }
}

fn original(text: &str) -> Result<OriginalAddress, String> {
    match text {
        "header" => Ok(OriginalAddress::Header),
        "reply-to" => Ok(OriginalAddress::ReplyTo),
        "nowhere" => Ok(OriginalAddress::Nowhere),
        _ => Err("expected reply-to, header or nowhere".to_owned()),
    }
}

#[cfg(test)]
mod tests;
