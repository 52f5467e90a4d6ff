//! swaks: one option a line, with or without its hyphens.

use crate::config::Value;
use crate::config::import::{
    ImportError, Imported, ImportedProfile, LinePlace, TlsUse, lines, mechanism,
};
use std::path::Path;

const PROFILE: &str = "swaks";

pub(super) fn read(path: &Path, imported: &mut Imported) -> Result<(), ImportError> {
    let mut options = Options::default();
    let mut profile = ImportedProfile::named(PROFILE.to_owned());
    for (place, line) in lines(path)? {
        if line.starts_with('#') || line.trim().is_empty() {
            continue;
        }
        let (name, value) = line.split_once([' ', '\t']).unwrap_or((&line, ""));
        let (name, value) = match name.split_once('=') {
            Some((name, start)) if value.is_empty() => (name, start),
            Some((name, start)) => (name, &line[line.len() - value.len() - start.len() - 1..]),
            None => (name, value),
        };
        let name = name.trim_start_matches('-');
        if !options.add(name, value, &place) && !add(name, value, &mut profile) {
            imported.unmatched(&place, &format!("{name} {value}"), "no equivalent");
        }
    }
    options.finish(profile, imported);
    Ok(())
}

/// Options that depend on each other.
#[derive(Default)]
struct Options {
    server: Option<String>,
    port: Option<u16>,
    tls: Option<TlsUse>,
    user: Option<String>,
    password: Option<(String, LinePlace)>,
    verifies: bool,
    headers: Vec<String>,
}

impl Options {
    /// False for another option.
    fn add(&mut self, name: &str, value: &str, place: &LinePlace) -> bool {
        let text = || Some(value.to_owned());
        match name {
            "server" | "s" => self.server = text(),
            "socket" => self.server = Some(format!("unix:{value}")),
            "port" | "p" => {
                self.port = match value {
                    "smtp" => Some(25),
                    "smtps" => Some(465),
                    "submission" => Some(587),
                    _ => value.parse().ok(),
                };
                return self.port.is_some();
            }
            "tls" => self.tls = Some(TlsUse::Starttls),
            "tls-optional" | "tlso" => self.tls = Some(TlsUse::IfOffered),
            "tls-on-connect" | "tlsc" => self.tls = Some(TlsUse::Implicit),
            "tls-verify" => self.verifies = true,
            "auth-user" | "au" => self.user = text(),
            "auth-password" | "ap" => self.password = Some((value.to_owned(), place.clone())),
            "add-header" | "ah" | "header" | "h" => self.headers.push(value.to_owned()),
            _ => match name.strip_prefix("header-").or(name.strip_prefix("h-")) {
                Some(field) if field != "Subject" => {
                    let field = field.trim_end_matches(':');
                    self.headers.push(format!("{field}: {value}"));
                }
                _ => return false,
            },
        }
        true
    }

    fn finish(self, mut profile: ImportedProfile, imported: &mut Imported) {
        let tls = self.tls.unwrap_or(TlsUse::Off);
        if let Some(server) = &self.server {
            let default = if tls == TlsUse::Implicit { 465 } else { 25 };
            match server.split_once(':') {
                _ if server.starts_with("unix:") => profile.text("relay", server.as_str()),
                Some((host, port)) if self.port.is_none() && port.parse::<u16>().is_ok() => {
                    profile.relay(host, port.parse().unwrap_or(default));
                }
                _ => profile.relay(server, self.port.unwrap_or(default)),
            }
        } else if let Some(port) = self.port {
            profile.value("port", Value::Number(port.to_string()));
        }
        profile.tls(tls);
        if tls != TlsUse::Off && !self.verifies {
            imported.remark(
                "swaks accepts any certificate without --tls-verify; ehlo verifies it. For a test server, set \
                 insecure = true.",
            );
        }
        if let Some(user) = &self.user {
            profile.user(user, tls);
        }
        if let Some((password, place)) = &self.password {
            profile.password(password, place);
        }
        profile.list("header", self.headers);
        profile
            .settings
            .sort_by_key(|(key, _)| key != "relay" && key != "tls");
        imported.default = Some(PROFILE.to_owned());
        imported.profiles.push(profile);
    }
}

/// Adds an option that stands for one key. False if there is no such key.
fn add(name: &str, value: &str, profile: &mut ImportedProfile) -> bool {
    match name {
        "from" | "f" => {
            profile.text("envelope-from", value);
            if !profile.has("from") && value.contains('@') {
                profile.text("from", value);
            }
        }
        "to" | "t" => profile.list("to", value.split(',').map(|to| to.trim().to_owned())),
        "helo" | "ehlo" | "lhlo" => profile.text("helo", value),
        "header-Subject" | "h-Subject" => profile.text("subject", value),
        "body" => profile.text("body", value),
        "timeout" => match value.trim_end_matches('s').parse::<u32>() {
            Ok(0) => {}
            Ok(seconds) => profile.text("timeout", format!("{seconds}s")),
            Err(_) => profile.text("timeout", value),
        },
        "local-interface" | "li" => profile.text("bind", value),
        "pipe" => profile.text("pipe", value),
        "tls-cert" => profile.text("cert", value),
        "tls-key" => profile.text("key", value),
        "tls-ca-path" => profile.text("ca-file", value),
        "ipv4" | "4" => profile.flag("ipv4"),
        "ipv6" | "6" => profile.flag("ipv6"),
        "auth" | "a" => {
            let known = value.split([',', ' ']).filter_map(mechanism);
            profile.list("auth", known.map(str::to_owned));
        }
        "protocol" if value.eq_ignore_ascii_case("lmtp") => profile.flag("lmtp"),
        "protocol" => return ["SMTP", "ESMTP"].contains(&value.to_ascii_uppercase().as_str()),
        "quit-after" | "quit" | "q" => profile.text("quit-after", value.to_ascii_lowercase()),
        "quiet" | "silent" => profile.flag("quiet"),
        "attach" => profile.list("attach", [value.trim_start_matches('@').to_owned()]),
        _ => return false,
    }
    true
}
