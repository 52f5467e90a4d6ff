//! dma, the `DragonFly` Mail Agent: `dma.conf`, and the file of its `AUTHPATH`.

use crate::config::import::{ImportError, Imported, ImportedProfile, LinePlace, TlsUse, lines};
use std::collections::BTreeMap;
use std::path::Path;

const PROFILE: &str = "dma";

/// Settings without a value.
const FLAGS: [&str; 8] = [
    "STARTTLS",
    "OPPORTUNISTIC_TLS",
    "SECURETRANSFER",
    "DEFER",
    "INSECURE",
    "FULLBOUNCE",
    "NULLCLIENT",
    "VERIFYCERT",
];

const VALUES: [&str; 9] = [
    "SMARTHOST",
    "PORT",
    "ALIASES",
    "SPOOLDIR",
    "AUTHPATH",
    "CERTFILE",
    "MAILNAME",
    "MASQUERADE",
    "FINGERPRINT",
];

type Settings = BTreeMap<String, (String, LinePlace)>;

pub(super) fn read(path: &Path, imported: &mut Imported) -> Result<(), ImportError> {
    let mut settings = Settings::new();
    for (place, line) in lines(path)? {
        let line = line.split('#').next().unwrap_or_default();
        let (key, value) = line.split_once([' ', '\t']).unwrap_or((line, ""));
        let (key, value) = (key.trim(), value.trim());
        let is_flag = FLAGS.contains(&key) && value.is_empty();
        let is_value = VALUES.contains(&key) && !value.is_empty();
        if is_flag || is_value {
            settings.insert(key.to_owned(), (value.to_owned(), place));
        } else if VALUES.contains(&key) {
            imported.note(&place, format!("{key}: it has no value"));
        } else if !key.is_empty() {
            imported.error(
                &place,
                format!("{key} is not a setting of dma, or its value is invalid"),
            );
        }
    }
    let mut converter = Converter {
        settings: &settings,
        imported,
    };
    let profile = converter.convert()?;
    imported.default = Some(PROFILE.to_owned());
    imported.profiles.push(profile);
    Ok(())
}

struct Converter<'a> {
    settings: &'a Settings,
    imported: &'a mut Imported,
}

impl Converter<'_> {
    fn text(&self, key: &str) -> Option<&str> {
        let (value, _) = self.settings.get(key)?;
        Some(value.as_str())
    }

    fn has(&self, key: &str) -> bool {
        self.settings.contains_key(key)
    }

    fn convert(&mut self) -> Result<ImportedProfile, ImportError> {
        let mut profile = ImportedProfile::named(PROFILE.to_owned());
        let has_tls = self.has("SECURETRANSFER");
        let tls = match (has_tls, self.has("STARTTLS"), self.has("OPPORTUNISTIC_TLS")) {
            (false, ..) => TlsUse::Off,
            (true, true, true) => TlsUse::IfOffered,
            (true, true, false) => TlsUse::Starttls,
            (true, false, _) => TlsUse::Implicit,
        };
        match self.text("SMARTHOST") {
            Some(host) => {
                let port = self.text("PORT").and_then(|port| port.parse().ok());
                profile.relay(host, port.unwrap_or(25));
            }
            None => self
                .imported
                .remark("there is no SMARTHOST: mail goes to the mail exchangers"),
        }
        profile.tls(tls);
        self.trust(&mut profile, tls);
        if let Some(host) = self.text("SMARTHOST").map(str::to_owned) {
            self.login(&host, tls, &mut profile)?;
        }
        self.names(&mut profile);
        self.notes();
        Ok(profile)
    }

    fn trust(&mut self, profile: &mut ImportedProfile, tls: TlsUse) {
        if let Some(file) = self.text("CERTFILE").filter(|_| tls != TlsUse::Off) {
            profile.text("cert", file);
            profile.text("key", file);
        }
        if let Some(sum) = self.text("FINGERPRINT").filter(|_| tls != TlsUse::Off) {
            profile.text("pin", format!("sha256:{sum}"));
        }
        let is_verified = self.has("VERIFYCERT") || self.has("FINGERPRINT");
        if tls != TlsUse::Off && !is_verified {
            self.imported.remark(
                "dma accepts any certificate; ehlo verifies it. For a private CA, set ca-file or pin.",
            );
        }
    }

    /// `user|host:password`; the last line for the host is used.
    fn login(
        &mut self,
        host: &str,
        tls: TlsUse,
        profile: &mut ImportedProfile,
    ) -> Result<(), ImportError> {
        let Some(path) = self.text("AUTHPATH").map(Path::new) else {
            return Ok(());
        };
        for (place, line) in lines(path)? {
            if line.is_empty() || line.starts_with('#') {
                continue;
            }
            let parts = line.split_once('|');
            let parts = parts.and_then(|(user, rest)| Some((user, rest.split_once(':')?)));
            let Some((user, (server, password))) = parts else {
                self.imported.error(&place, "expected USER|HOST:PASSWORD");
                continue;
            };
            if server == host {
                profile.user(user, tls);
                profile.password(password, &place);
            } else {
                let why = format!("{user}|{server}: this is not the SMARTHOST");
                self.imported.note(&place, why);
            }
        }
        Ok(())
    }

    /// The names of this host, and the sender.
    fn names(&mut self, profile: &mut ImportedProfile) {
        if let Some((name, place)) = self.settings.get("MAILNAME") {
            if name.starts_with('/') {
                let why = format!("MAILNAME {name}: ehlo reads /etc/mailname");
                self.imported.note(place, why);
            } else {
                profile.text("helo", name);
                self.imported.set_text("sendmail", "domain", name);
            }
        }
        let Some(masquerade) = self.text("MASQUERADE") else {
            return;
        };
        let (user, host) = masquerade
            .rsplit_once('@')
            .map_or(("", masquerade), |(user, host)| (user, host));
        let to = match (user, host) {
            ("", host) => format!("{{user}}@{host}"),
            (user, "") => format!("{user}@{{fqdn}}"),
            (user, host) => format!("{user}@{host}"),
        };
        self.imported.set_text("rewrite", "*", &to);
    }

    fn notes(&mut self) {
        if let Some(path) = self.text("ALIASES").map(str::to_owned) {
            self.imported.set_text("sendmail", "aliases", &path);
        }
        for (key, why) in [
            ("SPOOLDIR", "dir in [queue] sets the queue of ehlo"),
            ("DEFER", "use --queue-only"),
            (
                "FULLBOUNCE",
                "bounce-size in [queue] limits what a report returns",
            ),
        ] {
            if let Some((value, place)) = self.settings.get(key) {
                self.imported.note(place, format!("{key} {value}: {why}"));
            }
        }
        if !self.has("NULLCLIENT") {
            self.imported.remark(
                "dma delivers mail for local users itself; ehlo sends it to their aliases or to postmaster",
            );
        }
    }
}
