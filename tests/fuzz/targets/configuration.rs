//! The configuration file: errors are single lines that cannot steer a terminal, and a profile that is shown as TOML
//! is the same profile when it is read again.

#![no_main]

use ehlo::config::{Config, Keys, Places, Profile, Value, find};
use libfuzzer_sys::fuzz_target;
use std::fs::File;
use std::io::{Seek as _, Write as _};
use std::sync::{LazyLock, Mutex, PoisonError};
use tempfile::NamedTempFile;

static FILE: LazyLock<Mutex<NamedTempFile>> =
    LazyLock::new(|| Mutex::new(NamedTempFile::new().unwrap()));

fuzz_target!(|text: &str| {
    let Some(config) = read(text) else { return };
    for profile in config.profiles() {
        assert_eq!(
            config.profile(profile.name()).unwrap().name(),
            profile.name()
        );
        let fallbacks = config.fallbacks(profile);
        assert!(fallbacks.iter().all(|other| other.name() != profile.name()));
    }
    let names: Vec<&str> = config.profiles().iter().map(Profile::name).collect();
    assert!(
        config
            .default()
            .is_none_or(|default| names.contains(&default))
    );
    let shown: Vec<String> = config.profiles().iter().map(Profile::to_toml).collect();
    let again = read(&shown.concat()).expect("what is shown is a configuration");
    assert_eq!(options(&again), options(&config));
    let shown_again: Vec<String> = again.profiles().iter().map(Profile::to_toml).collect();
    let bare = |texts: &[String]| texts.concat().lines().count();
    assert_eq!(bare(&shown_again), bare(&shown));
});

type Options = Vec<(String, Vec<(String, Value)>)>;

fn options(config: &Config) -> Options {
    let profiles = config.profiles().iter().map(|profile| {
        let options = profile.options().into_iter();
        let mut options: Vec<_> = options.map(|one| (one.key, one.value)).collect();
        options.sort_by(|one, other| one.0.cmp(&other.0));
        (profile.name().to_owned(), options)
    });
    let mut profiles: Options = profiles.collect();
    profiles.sort_by(|one, other| one.0.cmp(&other.0));
    profiles
}

fn keys() -> Keys {
    let names = [
        "relay",
        "user",
        "from",
        "to",
        "header",
        "port",
        "helo",
        "quiet",
        "tls",
        "body",
        "pin",
        "password-file",
        "password-command",
        "subject",
        "attach",
        "no-date",
    ];
    let names = names.map(|name| (name.to_owned(), name.to_owned()));
    Keys::new(
        names
            .into_iter()
            .chain([("server".to_owned(), "relay".to_owned())]),
    )
}

fn read(text: &str) -> Option<Config> {
    let mut file = FILE.lock().unwrap_or_else(PoisonError::into_inner);
    rewrite(file.as_file_mut(), text);
    let found = find(Some(file.path()), &Places::nowhere())
        .unwrap()
        .unwrap();
    match found.read(&keys()) {
        Ok(config) => Some(config),
        Err(errors) => {
            assert!(!errors.is_empty());
            for error in errors {
                let error = error.to_string();
                assert!(!error.chars().any(char::is_control), "{error:?}");
            }
            None
        }
    }
}

fn rewrite(file: &mut File, text: &str) {
    file.set_len(0).unwrap();
    file.rewind().unwrap();
    file.write_all(text.as_bytes()).unwrap();
}
