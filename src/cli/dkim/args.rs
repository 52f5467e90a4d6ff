//! The arguments of `ehlo dkim`.

use crate::cli::dkim::{CheckedKey, DkimTask, NewKey};
use crate::cli::options::command_line::CommandLineArgs;
use crate::cli::options::config::{Args as ConfigArgs, dkim_keys};
use crate::cli::options::dkim::{domain, named_key, selector};
use crate::cli::options::route::resolver;
use crate::cli::options::usage_error::UsageError;
use crate::cli::options::value;
use crate::cli::options::value::HostPort;
use crate::config::{Config, Places, Profile};
use crate::mail::address::{Address, Domain};
use crate::mail::dkim::{KeyDomain, NamedKey, is_selector};
use crate::system::exit::Exit;
use crate::system::user::expanded;
use std::path::{Path, PathBuf};

/// Make keys for DKIM signatures, and check their records in the DNS.
#[derive(Debug, clap::Args)]
pub struct DkimArgs {
    #[command(subcommand)]
    command: DkimCommand,
}

#[derive(Debug, clap::Subcommand)]
enum DkimCommand {
    /// Make a key, and print the record to be published.
    ///
    /// An RSA key of 2048 bits is made with openssl(1).
    New {
        /// Name of the key in the DNS: letters, digits and hyphens.
        #[arg(value_name = "SELECTOR", value_parser = selector)]
        selector: String,
        /// Domain of the senders.
        #[arg(long, value_name = "DOMAIN", value_parser = domain)]
        domain: String,
        /// Make an Ed25519 key (RFC 8463), which not all receivers can verify.
        #[arg(long)]
        ed25519: bool,
        /// File for the private key; it must not exist.
        #[arg(long, value_name = "FILE")]
        out: PathBuf,
    },
    /// Print the record of a key: the text of a TXT record.
    Record {
        /// File with the private key.
        #[arg(value_name = "FILE")]
        file: PathBuf,
        /// Print lines for a zone file.
        #[arg(long)]
        zone: bool,
        /// Selector in the lines for a zone file [default: the name of the file without its extension].
        #[arg(long, value_name = "SELECTOR", value_parser = selector, requires = "zone")]
        selector: Option<String>,
    },
    /// Compare the keys of the configuration with their records in the DNS.
    ///
    /// The keys are those of [dkim], and those of profiles whose domain is known. The exit status is that of monitoring
    /// plugins: 0 if all records are right, 1 for a warning, 2 if a signature is invalid, 3 if the DNS does not answer.
    Check {
        /// Check only the keys of this domain.
        #[arg(value_name = "DOMAIN", value_parser = domain)]
        domain: Option<String>,
        /// Use this DNS resolver instead of those in /etc/resolv.conf.
        #[arg(long, value_name = "IP[:PORT]", value_parser = value::target)]
        dns: Option<HostPort>,
        /// Configuration file [default: the first that exists, see ehlo(1)].
        #[arg(long, value_name = "FILE")]
        config: Option<PathBuf>,
    },
}

impl DkimArgs {
    pub fn plan(
        self,
        command_line: CommandLineArgs<'_>,
        places: &Places,
    ) -> Result<DkimTask, UsageError> {
        match self.command {
            DkimCommand::New {
                selector,
                domain,
                ed25519,
                out,
            } => Ok(DkimTask::New(NewKey {
                selector,
                domain,
                is_ed25519: ed25519,
                path: out,
            })),
            DkimCommand::Record {
                file,
                zone,
                selector,
            } => Ok(DkimTask::Record {
                owner: zone.then(|| owner(&file, selector)).transpose()?,
                file,
            }),
            DkimCommand::Check {
                domain,
                dns,
                config,
            } => {
                let profile = None;
                let config = ConfigArgs { profile, config };
                let command_line = command_line.of_sending();
                let config = config.read(|| command_line.keys(), places)?;
                Ok(DkimTask::Check {
                    keys: keys_of(config.as_ref(), domain.as_deref())?,
                    dns: dns.map(resolver).transpose()?,
                })
            }
        }
    }
}

/// The owner of the record, relative to the domain.
fn owner(file: &Path, selector: Option<String>) -> Result<String, UsageError> {
    let stem = || file.file_stem()?.to_str().filter(|stem| is_selector(stem));
    let selector = selector.or_else(|| stem().map(str::to_owned));
    let selector = selector.ok_or_else(|| {
        UsageError::usage("the name of the file cannot be a selector; name it with --selector")
    })?;
    Ok(format!("{selector}._domainkey"))
}

/// The keys of the configuration, each once.
fn keys_of(config: Option<&Config>, only: Option<&str>) -> Result<Vec<CheckedKey>, UsageError> {
    let mut keys = Vec::new();
    for key in dkim_keys(config)? {
        keys.extend(checked(key, None));
    }
    for profile in config.map(Config::profiles).unwrap_or_default() {
        keys.extend(keys_of_profile(profile)?);
    }
    keys.retain(|key| only.is_none_or(|domain| key.domain == domain));
    let mut unique: Vec<CheckedKey> = Vec::new();
    for key in keys {
        if !unique.contains(&key) {
            unique.push(key);
        }
    }
    if unique.is_empty() {
        let of = only.map(|domain| format!(" for {domain}"));
        return Err(UsageError::new(
            Exit::Config,
            format!(
                "the configuration has no DKIM key{}; make one with ehlo dkim new, and add it to [dkim]",
                of.unwrap_or_default()
            ),
        ));
    }
    Ok(unique)
}

/// The keys in `dkim-key` of a profile.
fn keys_of_profile(profile: &Profile) -> Result<Vec<CheckedKey>, UsageError> {
    let options = profile.options();
    let texts = |key: &str| {
        let settings = options.iter().filter(|setting| setting.key == key);
        let texts = settings.flat_map(|setting| setting.value.texts());
        texts.collect::<Vec<&str>>()
    };
    let author = texts("from")
        .first()
        .and_then(|from| match Address::parse(from).ok()?.domain() {
            Domain::Name(name) => Some(name.to_ascii_lowercase()),
            _ => None,
        });
    let mut keys = Vec::new();
    for text in texts("dkim-key") {
        keys.extend(checked(named_key(expanded(text))?, author.clone()));
    }
    Ok(keys)
}

/// The key with its domain, if that is known.
fn checked(key: NamedKey, author: Option<String>) -> Option<CheckedKey> {
    let domain = match key.domain {
        KeyDomain::Below(domain) | KeyDomain::Fixed(domain) => domain,
        KeyDomain::OfAuthor => author?,
    };
    Some(CheckedKey {
        path: key.path,
        selector: key.selector,
        domain,
    })
}
