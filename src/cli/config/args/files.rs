//! Checks the files that a configuration names.

use crate::cli::options::command_line::CommandLineArgs;
use crate::cli::options::config::dkim_keys_of;
use crate::client::credentials;
use crate::client::credentials::oauth;
use crate::client::wire::Tls;
use crate::client::wire::tls;
use crate::config::{Config, ConfigError, ConfigFault, ConfigKey};
use crate::mail::dkim::SigningKey;
use crate::mail::rewrite;
use crate::system::certificate::{certificates, private_key};
use crate::system::text::{reason, shown_path};
use rustix::fs::{Mode, OFlags};
use std::collections::BTreeSet;
use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};

type Named = (ConfigKey, PathBuf);

/// Errors in the files that the profiles, `[sendmail]` and `[dkim]` name. An inherited file is reported once.
pub fn faults(config: &Config, typed: &mut CommandLineArgs<'_>) -> Vec<ConfigError> {
    let mut faults = Vec::new();
    for profile in config.profiles() {
        let files = typed.files(profile);
        for named in &files {
            let fault =
                fault(named, &files).map(|why| config.fault(&named.0, ConfigFault::Value(why)));
            faults.extend(fault);
        }
    }
    let aliases = config.section("sendmail").iter();
    for setting in aliases.filter(|setting| setting.key == "aliases") {
        let paths = setting
            .value
            .texts()
            .into_iter()
            .map(crate::system::user::expanded);
        let errors = paths.filter_map(|path| rewrite::check_aliases(&path).err());
        faults.extend(
            errors.map(|error| config.fault(setting, ConfigFault::Value(error.to_string()))),
        );
    }
    for setting in config.section("dkim") {
        // An error in the setting itself is reported elsewhere.
        let keys = dkim_keys_of(setting).unwrap_or_default();
        let errors = keys
            .iter()
            .filter_map(|key| SigningKey::read(&key.path).err());
        faults.extend(
            errors.map(|error| config.fault(setting, ConfigFault::Value(error.to_string()))),
        );
    }
    let mut seen = BTreeSet::new();
    faults.retain(|fault| seen.insert(fault.to_string()));
    faults
}

/// The error in a file, if it does not suit its option. A pipe is not opened: it can be read only once.
fn fault((setting, path): &Named, all: &[Named]) -> Option<String> {
    let kind = std::fs::metadata(path).map(|facts| facts.file_type());
    if kind.is_ok_and(|kind| !kind.is_file() && !kind.is_dir()) {
        return None;
    }
    match setting.key.as_str() {
        "password-file" | "proxy-password-file" | "oauth-client-secret-file" => {
            let option = format!("--{}", setting.key);
            let checked = credentials::check_file(&option, path);
            checked.err().map(|error| error.to_string())
        }
        "oauth-key-file" => oauth::check_key(path).err().map(|e| e.to_string()),
        "ca-file" => certificates("--ca-file", path).err().map(|e| e.to_string()),
        "cert" => certificates("--cert", path).err().map(|e| e.to_string()),
        "key" => identity(path, all),
        "dkim-key" => SigningKey::read(path).err().map(|e| e.to_string()),
        _ => open(path)
            .err()
            .map(|error| format!("cannot read {}: {}", shown_path(path), reason(&error))),
    }
}

/// The error in a key, by itself or together with its certificate.
fn identity(key: &Path, all: &[Named]) -> Option<String> {
    if let Err(error) = private_key(key) {
        return Some(error.to_string());
    }
    let (_, certificate) = all.iter().find(|(setting, _)| setting.key == "cert")?;
    certificates("--cert", certificate).ok()?;
    let options = tls::TlsOptions {
        identity: Some((certificate.clone(), key.to_owned())),
        ..tls::TlsOptions::default()
    };
    Tls::new(&options).err().map(|error| error.to_string())
}

fn open(path: &Path) -> io::Result<()> {
    let flags = OFlags::RDONLY | OFlags::NONBLOCK | OFlags::NOCTTY | OFlags::CLOEXEC;
    let file = File::from(rustix::fs::open(path, flags, Mode::empty())?);
    if file.metadata()?.is_dir() {
        return Err(io::ErrorKind::IsADirectory.into());
    }
    Ok(())
}
