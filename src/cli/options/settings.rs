//! Settings of the configuration outside its profiles: queue, sendmail and rewriting.

use crate::cli::options::usage_error::UsageError;
use crate::cli::options::value;
use crate::config::{Config, ConfigError, ConfigFault, ConfigKey, Value};
use crate::mail::address::Address;
use crate::mail::rewrite;
use crate::mail::rewrite::{OriginalAddress, Rule};
use crate::queue::store as queue;
use crate::queue::store::OnUncertain;
use std::path::PathBuf;

/// Settings, with defaults for what is not set.
#[derive(Debug, Default)]
pub struct ProfileSettings {
    /// Rules for retries in the queue.
    pub queue: queue::RetrySettings,
    /// The queue's directory; `None` is the usual one.
    pub directory: Option<PathBuf>,
    /// The treatment of a recipient that may already have received the message.
    pub on_uncertain: OnUncertain,
    /// A shell command that is run after a permanent failure.
    pub on_failure: Option<String>,
    pub rewrite: rewrite::RewriteOptions,
    /// The profile of sendmail, which exists.
    pub profile: Option<String>,
}

/// Reads the settings. Without a configuration, they are the defaults.
pub fn settings(config: Option<&Config>) -> Result<ProfileSettings, UsageError> {
    let (settings, faults) = config.map_or_else(Default::default, read);
    match faults.into_iter().next() {
        None => Ok(settings),
        Some(fault) => Err(fault.into()),
    }
}

/// Errors in the tables other than profiles.
pub fn faults(config: &Config) -> Vec<ConfigError> {
    read(config).1
}

type Add = fn(&mut ProfileSettings, &ConfigKey) -> Result<(), ConfigFault>;

fn read(config: &Config) -> (ProfileSettings, Vec<ConfigError>) {
    let sections: [(&str, Add); 3] = [
        ("queue", ProfileSettings::add_queue),
        ("sendmail", ProfileSettings::add_sendmail),
        ("rewrite", ProfileSettings::add_rule),
    ];
    let mut settings = ProfileSettings::default();
    let mut faults = Vec::new();
    for (name, add) in sections {
        for setting in config.section(name) {
            if let Err(fault) = add(&mut settings, setting) {
                faults.push(config.fault(setting, fault));
            }
        }
    }
    (settings, faults)
}

impl ProfileSettings {
    fn add_queue(&mut self, setting: &ConfigKey) -> Result<(), ConfigFault> {
        let value = &setting.value;
        let queue = &mut self.queue;
        match setting.key.as_str() {
            "retry" => queue.gaps = gaps(value)?,
            "spread" => queue.spread = number(value, 0, 100)?,
            "give-up" => queue.give_up = with(value, value::wait)?,
            "warn-after" => queue.warn_after = Some(with(value, value::wait)?),
            "host-down" => queue.host_down = with(value, value::wait)?,
            "connections" => queue.connections = number(value, 1, 1000)?,
            "per-host" => queue.per_host = number(value, 1, 1000)?,
            "bounce-size" => queue.bounce_size = with(value, size)?,
            "dir" => self.directory = Some(with(value, path)?),
            "on-uncertain" => self.on_uncertain = with(value, on_uncertain)?,
            "on-failure" => self.on_failure = Some(with(value, command)?),
            _ => return Err(ConfigFault::Key(None)),
        }
        Ok(())
    }

    fn add_sendmail(&mut self, setting: &ConfigKey) -> Result<(), ConfigFault> {
        let value = &setting.value;
        let rewrite = &mut self.rewrite;
        match setting.key.as_str() {
            "aliases" => rewrite.aliases = Some(with(value, path)?),
            "domain" => rewrite.domain = Some(with(value, domain)?),
            "postmaster" => rewrite.postmaster = Some(Address::parse(one(value)?)?),
            "original" => rewrite.original = with(value, original)?,
            "profile" => self.profile = Some(one(value)?.to_owned()),
            _ => return Err(ConfigFault::Key(None)),
        }
        Ok(())
    }

    fn add_rule(&mut self, setting: &ConfigKey) -> Result<(), ConfigFault> {
        let rule = Rule {
            from: setting.key.clone(),
            to: one(&setting.value)?.to_owned(),
        };
        rule.check().map_err(ConfigFault::Value)?;
        self.rewrite.rules.push(rule);
        Ok(())
    }
}

/// A string, or a number as text.
fn one(value: &Value) -> Result<&str, ConfigFault> {
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

fn with<T>(value: &Value, parse: impl Fn(&str) -> Result<T, String>) -> Result<T, ConfigFault> {
    parse(one(value)?).map_err(ConfigFault::Value)
}

fn number<T: TryFrom<u16>>(value: &Value, least: u16, most: u16) -> Result<T, ConfigFault> {
    let number = one(value)?.parse::<u16>().ok();
    let number = number.filter(|number| (least..=most).contains(number));
    number
        .and_then(|number| T::try_from(number).ok())
        .ok_or_else(|| ConfigFault::Value(format!("it wants a number from {least} to {most}")))
}

/// One time, or an array of them.
fn gaps(value: &Value) -> Result<Vec<std::time::Duration>, ConfigFault> {
    match value {
        Value::List(items) if items.is_empty() => Err(ConfigFault::Value(
            "it wants at least one time between attempts; the last is for all that follow"
                .to_owned(),
        )),
        Value::List(items) => items.iter().map(|item| with(item, value::wait)).collect(),
        other => Ok(vec![with(other, value::wait)?]),
    }
}

/// Zero octets are the header alone.
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
    Err("it wants a path from the root, like /var/spool/ehlo, or from ~/".to_owned())
}

/// In A-labels.
fn domain(text: &str) -> Result<String, String> {
    let address =
        Address::of("postmaster", text).map_err(|_| "it wants a domain like example.org")?;
    Ok(address.domain().to_string())
}

fn command(text: &str) -> Result<String, String> {
    if text.trim().is_empty() {
        return Err("it wants a command for the shell".to_owned());
    }
    Ok(text.to_owned())
}

fn on_uncertain(text: &str) -> Result<OnUncertain, String> {
    match text {
        "retry" => Ok(OnUncertain::Retry),
        "hold" => Ok(OnUncertain::Hold),
        _ => Err("it wants retry or hold".to_owned()),
    }
}

fn original(text: &str) -> Result<OriginalAddress, String> {
    match text {
        "header" => Ok(OriginalAddress::Header),
        "reply-to" => Ok(OriginalAddress::ReplyTo),
        "nowhere" => Ok(OriginalAddress::Nowhere),
        _ => Err("it wants reply-to, header or nowhere".to_owned()),
    }
}

#[cfg(test)]
mod tests;
