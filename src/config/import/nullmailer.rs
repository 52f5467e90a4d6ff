//! nullmailer: a directory with one file for each setting. `remotes` has a server in each line, with its options.

use crate::config::Value;
use crate::config::import::words::texts;
use crate::config::import::{ImportError, Imported, ImportedProfile, LinePlace, TlsUse, lines};
use std::path::Path;
use std::time::Duration;

/// Files without an equivalent.
const WITHOUT: [(&str, &str); 5] = [
    ("sendtimeout", "timeout in a profile limits each step"),
    ("doublebounceto", "ehlo reports to the sender only"),
    ("bounceto", "ehlo reports to the sender only"),
    ("idhost", "the Message-ID has the domain of the sender"),
    (
        "defaulthost",
        "addresses are completed with domain in [sendmail]",
    ),
];

pub(super) fn read(path: &Path, imported: &mut Imported) -> Result<(), ImportError> {
    let (directory, remotes) = if path.is_dir() {
        (path, path.join("remotes"))
    } else {
        (path.parent().unwrap_or(path), path.to_owned())
    };
    let setting = |name: &str| setting(&directory.join(name));
    let helo = match setting("helohost")? {
        Some(found) => Some(found),
        None => setting("me")?,
    };
    let sender = setting("allmailfrom")?;
    for (place, line) in lines(&remotes)? {
        if line.trim().is_empty() || line.starts_with('#') {
            continue;
        }
        let Some(words) = texts(&line) else {
            imported.error(&place, "a quotation mark is not closed");
            continue;
        };
        if let Some(mut profile) = remote(&words, &place, imported) {
            if let Some((name, _)) = &helo {
                profile.text("helo", name);
            }
            if let Some((address, _)) = &sender {
                profile.text("envelope-from", address);
            }
            imported.profiles.push(profile);
        }
    }
    set_fallbacks(imported);
    read_settings(directory, imported)
}

/// The first line of a file, which may not exist.
fn setting(path: &Path) -> Result<Option<(String, LinePlace)>, ImportError> {
    if !path.exists() {
        return Ok(None);
    }
    let first = lines(path)?.into_iter().next();
    let first = first.map(|(place, line)| (line.trim().to_owned(), place));
    Ok(first.filter(|(line, _)| !line.is_empty()))
}

/// `HOST [PROTOCOL [OPTION...]]`
fn remote(words: &[String], place: &LinePlace, imported: &mut Imported) -> Option<ImportedProfile> {
    let (host, rest) = words.split_first()?;
    match rest.first().map(String::as_str) {
        None | Some("smtp") => {}
        Some(other) => {
            let why = format!("{host} {other}: ehlo has no such protocol");
            imported.note(place, why);
            return None;
        }
    }
    let name = imported.free_name(host.trim_matches(['[', ']']));
    let mut remote = Remote::default();
    let mut profile = ImportedProfile::named(name);
    for option in rest.iter().skip(1) {
        let option = option.trim_start_matches('-');
        let (name, value) = option.split_once('=').unwrap_or((option, ""));
        if !remote.add(name, value, &mut profile) {
            imported.unmatched(place, &format!("option {name}"), "no equivalent");
        }
        if name == "port" && remote.port.is_none() {
            imported.error(place, format!("{value} is not a port"));
        }
    }
    let tls = match (remote.tls, remote.starttls) {
        (true, _) => TlsUse::Implicit,
        (_, true) => TlsUse::Starttls,
        _ => TlsUse::Off,
    };
    let default = if remote.tls { 465 } else { 25 };
    profile.relay(host, remote.port.unwrap_or(default));
    profile.tls(tls);
    profile.user(&remote.user, tls);
    // The key is in the file of the certificate by default.
    if let Some(Value::Text(cert)) = value_of(&profile, "cert")
        && !profile.has("key")
    {
        profile.text("key", cert);
    }
    if !remote.pass.is_empty() {
        profile.password(&remote.pass, place);
    }
    // Relay and TLS first.
    profile
        .settings
        .sort_by_key(|(key, _)| key != "relay" && key != "tls");
    Some(profile)
}

fn value_of(profile: &ImportedProfile, key: &str) -> Option<Value> {
    let found = profile.settings.iter().find(|(other, _)| other == key);
    found.map(|(_, value)| value.clone())
}

#[derive(Default)]
struct Remote {
    port: Option<u16>,
    user: String,
    pass: String,
    tls: bool,
    starttls: bool,
}

impl Remote {
    /// False for an option without an equivalent.
    fn add(&mut self, name: &str, value: &str, profile: &mut ImportedProfile) -> bool {
        match name {
            "port" | "p" => self.port = value.parse().ok().filter(|&port| port > 0),
            "user" => value.clone_into(&mut self.user),
            "pass" => value.clone_into(&mut self.pass),
            "tls" | "ssl" => self.tls = true,
            "starttls" => self.starttls = true,
            "auth-login" => profile.list("auth", ["LOGIN".to_owned()]),
            "auth-external" => profile.list("auth", ["EXTERNAL".to_owned()]),
            "source" => profile.text("bind", value),
            "insecure" => profile.flag("insecure"),
            "x509certfile" => profile.text("cert", value),
            "x509keyfile" => profile.text("key", value),
            "x509cafile" => profile.text("ca-file", value),
            _ => return false,
        }
        true
    }
}

/// The servers are tried in the order of the file.
fn set_fallbacks(imported: &mut Imported) {
    let names: Vec<String> = imported
        .profiles
        .iter()
        .map(|profile| profile.name.clone())
        .collect();
    if let Some((first, others)) = names.split_first() {
        imported.default = Some(first.clone());
        imported.profiles[0].list("fallback", others.to_vec());
    }
}

fn read_settings(directory: &Path, imported: &mut Imported) -> Result<(), ImportError> {
    let setting = |name: &str| setting(&directory.join(name));
    if let Some((text, place)) = setting("adminaddr")? {
        let mut addresses = text.split(',').map(str::trim);
        imported.set_text(
            "sendmail",
            "postmaster",
            addresses.next().unwrap_or_default(),
        );
        if addresses.next().is_some() {
            imported.note(
                &place,
                "adminaddr: [sendmail] has one postmaster; add an alias for more",
            );
        }
    }
    let domain = match setting("defaultdomain")? {
        Some(found) => Some(found),
        None => setting("me")?,
    };
    if let Some((domain, _)) = domain {
        imported.set_text("sendmail", "domain", &domain);
    }
    let seconds = |name| {
        let found = setting(name)?;
        Ok::<_, ImportError>(found.and_then(|(text, _)| text.parse::<u64>().ok()))
    };
    let (pause, longest) = (seconds("pausetime")?, seconds("maxpause")?);
    if pause.is_some() || longest.is_some() {
        let gaps = gaps(pause.unwrap_or(60), longest.unwrap_or(24 * 3600));
        let gaps = gaps.into_iter().map(|gap| Value::Text(format!("{gap}s")));
        imported.set("queue", "retry", Value::List(gaps.collect()));
    }
    if let Some(life) = seconds("queuelifetime")? {
        imported.set_text("queue", "give-up", &format!("{life}s"));
    }
    for (name, why) in WITHOUT {
        if let Some((_, place)) = setting(name)? {
            imported.note(&place, format!("{name}: {why}"));
        }
    }
    Ok(())
}

/// Each pause is twice as long as the one before.
fn gaps(first: u64, longest: u64) -> Vec<u64> {
    let longest = longest.clamp(1, Duration::from_secs(365 * 24 * 3600).as_secs());
    let mut gaps = vec![first.clamp(1, longest)];
    while let Some(&last) = gaps.last()
        && last < longest
    {
        gaps.push((last * 2).min(longest));
    }
    gaps
}
