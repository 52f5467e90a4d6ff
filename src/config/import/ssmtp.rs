//! ssmtp: `ssmtp.conf`, and `revaliases` beside it.

use crate::config::Value;
use crate::config::import::{
    ImportError, Imported, ImportedProfile, LinePlace, TlsUse, lines, mechanism,
};
use std::collections::BTreeMap;
use std::path::Path;

const PROFILE: &str = "ssmtp";

/// The keys that ssmtp knows, in lower case.
const KNOWN: [&str; 17] = [
    "tlskey",
    "root",
    "mailhub",
    "remoteport",
    "rewritedomain",
    "hostname",
    "fromlineoverride",
    "usetls",
    "usestarttls",
    "usetlscert",
    "tlscert",
    "tls_ca_file",
    "authuser",
    "authpass",
    "authmethod",
    "debug",
    "useoldauth",
];

type Settings = BTreeMap<String, (String, LinePlace)>;

pub(super) fn read(path: &Path, imported: &mut Imported) -> Result<(), ImportError> {
    let mut settings = Settings::new();
    for (place, line) in lines(path)? {
        let line = line.split('#').next().unwrap_or_default().trim();
        let Some((key, value)) = line.split_once('=') else {
            if !line.is_empty() {
                imported.unmatched(&place, line, "ssmtp ignores it, because it has no =");
            }
            continue;
        };
        let key = key.trim().to_ascii_lowercase();
        let value = first_word(value);
        if KNOWN.contains(&key.as_str()) {
            settings.insert(key, (value.to_owned(), place));
        } else {
            imported.unmatched(&place, line, "ssmtp has no such setting");
        }
    }
    let profile = Converter {
        settings: &settings,
        imported,
    }
    .convert();
    imported.default = Some(PROFILE.to_owned());
    imported.profiles.push(profile);
    read_reverse_aliases(&path.with_file_name("revaliases"), imported)
}

/// The value up to a blank.
fn first_word(value: &str) -> &str {
    value.split_whitespace().next().unwrap_or_default()
}

struct Converter<'a> {
    settings: &'a Settings,
    imported: &'a mut Imported,
}

impl Converter<'_> {
    fn text(&self, key: &str) -> Option<&str> {
        let (value, _) = self.settings.get(key)?;
        Some(value.as_str()).filter(|value| !value.is_empty())
    }

    fn is_yes(&self, key: &str) -> bool {
        self.text(key)
            .is_some_and(|value| value.eq_ignore_ascii_case("yes"))
    }

    fn convert(&mut self) -> ImportedProfile {
        let mut profile = ImportedProfile::named(PROFILE.to_owned());
        let (host, port) = host_and_port(self.text("mailhub").unwrap_or("mailhub"));
        let port = port.or_else(|| self.text("remoteport")?.parse().ok());
        profile.relay(host, port.unwrap_or(25));
        let tls = match (self.is_yes("usetls"), self.is_yes("usestarttls")) {
            (_, true) => TlsUse::Starttls,
            (true, false) => TlsUse::Implicit,
            (false, false) => TlsUse::Off,
        };
        profile.tls(tls);
        if tls != TlsUse::Off {
            self.imported.remark(
                "ssmtp accepts any certificate; ehlo verifies it. For a private CA, set ca-file or pin.",
            );
        }
        if let Some(file) = self.text("tls_ca_file") {
            profile.text("ca-file", file);
        }
        if let Some(file) = self.text("tlscert").filter(|_| self.is_yes("usetlscert")) {
            profile.text("cert", file);
            profile.text("key", self.text("tlskey").unwrap_or(file));
        }
        if let Some(name) = self.text("hostname") {
            profile.text("helo", name);
        }
        self.login(&mut profile, tls);
        self.sendmail();
        profile
    }

    fn login(&mut self, profile: &mut ImportedProfile, tls: TlsUse) {
        if let Some(user) = self.text("authuser") {
            profile.user(user, tls);
        } else {
            return;
        }
        if let Some((method, place)) = self.settings.get("authmethod") {
            match mechanism(method) {
                Some(mechanism) => profile.list("auth", [mechanism.to_owned()]),
                None if method.is_empty() => {}
                None => self.imported.note(
                    place,
                    format!("AuthMethod {method}: ehlo has no such mechanism"),
                ),
            }
        }
        if let Some((password, place)) = self.settings.get("authpass")
            && !password.is_empty()
        {
            profile.password(password, place);
        }
    }

    /// The settings for the mail of programs.
    fn sendmail(&mut self) {
        if let Some(root) = self.text("root") {
            let domain = self.text("rewritedomain").or(self.text("hostname"));
            let root = match domain {
                Some(domain) if !root.contains('@') => format!("{root}@{domain}"),
                _ => root.to_owned(),
            };
            self.imported.set_text("sendmail", "postmaster", &root);
        }
        if let Some(domain) = self.text("rewritedomain").map(str::to_owned) {
            self.imported.set_text("sendmail", "domain", &domain);
            if !self.is_yes("fromlineoverride") {
                self.imported
                    .set_text("rewrite", "*", &format!("{{user}}@{domain}"));
            }
        }
        if let Some((_, place)) = self.settings.get("fromlineoverride")
            && self.is_yes("fromlineoverride")
        {
            let why = "ehlo sendmail takes the sender from -f, not from the header";
            self.imported
                .note(place, format!("FromLineOverride=YES: {why}"));
        }
        for (key, why) in [
            ("debug", "use -v, or a table [log]"),
            ("useoldauth", "ehlo uses the standard form of AUTH"),
        ] {
            if let Some((value, place)) = self.settings.get(key)
                && value.eq_ignore_ascii_case("yes")
            {
                self.imported.note(place, format!("{key}={value}: {why}"));
            }
        }
    }
}

/// `local:address[:mailhub[:port]]`
fn read_reverse_aliases(path: &Path, imported: &mut Imported) -> Result<(), ImportError> {
    if !path.exists() {
        return Ok(());
    }
    for (place, line) in lines(path)? {
        let line = line.split('#').next().unwrap_or_default().trim();
        let mut parts = line.splitn(3, ':').map(str::trim);
        let (Some(local), Some(address)) = (parts.next(), parts.next()) else {
            if !line.is_empty() {
                imported.unmatched(&place, line, "expected USER:ADDRESS[:MAILHUB]");
            }
            continue;
        };
        imported.set_text("rewrite", local, address);
        if let Some(hub) = parts.next().filter(|hub| !hub.is_empty()) {
            let (host, port) = host_and_port(hub);
            let mut profile = ImportedProfile::named(imported.free_name(local));
            profile.relay(host, port.unwrap_or(25));
            profile.text("from", address);
            profile.value("inherit", Value::Text(PROFILE.to_owned()));
            imported.profiles.push(profile);
        }
    }
    Ok(())
}

fn host_and_port(text: &str) -> (&str, Option<u16>) {
    match text.split_once(':') {
        Some((host, port)) => (host, port.parse().ok()),
        None => (text, None),
    }
}
