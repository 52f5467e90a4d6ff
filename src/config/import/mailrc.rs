//! The `.mailrc` of s-nail and heirloom mailx: the variables that concern sending, and `account` blocks.

use crate::config::Value;
use crate::config::import::words::texts;
use crate::config::import::{
    ImportError, Imported, ImportedProfile, LinePlace, MailSettings, ServerUrl, TlsUse, lines,
    mechanism,
};
use crate::system::user::expanded;
use std::collections::BTreeMap;
use std::path::Path;

/// The profile of the variables outside of accounts.
const PROFILE: &str = "mailrc";

const MAX_DEPTH: usize = 8;

/// Variables that concern sending, and why they have no equivalent.
const WITHOUT: [(&str, &str); 7] = [
    (
        "nss-config-dir",
        "ehlo uses the CAs of the system; set ca-file for others",
    ),
    ("ssl-method", "ehlo uses TLS 1.2 and 1.3"),
    ("ssl-ca-dir", "set ca-file"),
    ("tls-ca-dir", "set ca-file"),
    ("sendmail-arguments", "use ehlo sendmail"),
    ("smtp-config", "set tls and auth in the profile"),
    ("smtp-from", "set envelope-from"),
];

/// Variables that are converted.
const KNOWN: [&str; 23] = [
    "smtp-hostname",
    "smtp",
    "mta",
    "sendmail",
    "from",
    "sender",
    "hostname",
    "smtp-auth",
    "smtp-auth-user",
    "smtp-auth-password",
    "smtp-use-starttls",
    "user",
    "password",
    "ssl-verify",
    "tls-verify",
    "ssl-ca-file",
    "tls-ca-file",
    "ssl-cert",
    "ssl-key",
    "tls-config-pairs",
    "ssl-no-default-ca",
    "v15-compat",
    "socks-proxy",
];

type Variables = BTreeMap<String, (String, LinePlace)>;

#[derive(Default)]
struct Reader {
    /// All variables outside of accounts, also those that are not converted.
    all: BTreeMap<String, String>,
    global: Variables,
    accounts: Vec<(String, Variables)>,
    aliases: Vec<(String, Vec<String>)>,
    /// True between the braces of an account.
    in_account: bool,
    others: u64,
}

pub(super) fn read(path: &Path, imported: &mut Imported) -> Result<(), ImportError> {
    let mut reader = Reader::default();
    reader.read(path, 0, imported)?;
    imported.others(reader.others);
    let global = Converter {
        variables: &reader.global,
        imported,
    };
    let has_global = global.add(PROFILE);
    if has_global {
        imported.default = Some(PROFILE.to_owned());
    }
    for (name, own) in &reader.accounts {
        // An account is activated after the variables of the file are set.
        let mut all = reader.global.clone();
        all.extend(own.clone());
        let account = Converter {
            variables: &all,
            imported,
        };
        account.add(name);
    }
    if !has_global && let Some(profile) = imported.profiles.first() {
        imported.default = None;
        let why = format!(
            "mailx uses no account without -A; set default = \"{}\"",
            profile.name
        );
        imported.remark(why);
    }
    Ok(())
}

/// The settings of this file and of the options `-S` and `-A`. `None`: there is no such account.
pub(super) fn settings(
    path: Option<&Path>,
    account: Option<&str>,
    options: &[String],
) -> Result<Option<MailSettings>, ImportError> {
    let mut imported = Imported::default();
    let mut reader = Reader::default();
    if let Some(path) = path {
        reader.read(path, 0, &mut imported)?;
    }
    let mut variables = reader.global.clone();
    if let Some(account) = account {
        let mut accounts = reader.accounts.iter();
        let Some((_, own)) = accounts.find(|(name, _)| name == account) else {
            return Ok(None);
        };
        let texts = own
            .iter()
            .map(|(name, (text, _))| (name.clone(), text.clone()));
        reader.all.extend(texts);
        variables.extend(own.clone());
    }
    // Options take precedence over the account.
    reader.global = variables;
    reader.in_account = false;
    let place = LinePlace {
        path: "-S".into(),
        line: 1,
    };
    for option in options {
        match option
            .strip_prefix("no")
            .filter(|name| reader.all.contains_key(*name))
        {
            Some(name) => {
                reader.global.remove(name);
                reader.all.remove(name);
            }
            None => reader.set(option, &place, &mut imported),
        }
    }
    let converter = Converter {
        variables: &reader.global,
        imported: &mut imported,
    };
    converter.add(PROFILE);
    if let Some(error) = imported.errors.pop() {
        return Err(error);
    }
    Ok(Some(MailSettings {
        variables: reader.all,
        fields: Vec::new(),
        server: imported.profiles.pop(),
        aliases: reader.aliases,
    }))
}

impl Reader {
    fn read(
        &mut self,
        path: &Path,
        depth: usize,
        imported: &mut Imported,
    ) -> Result<(), ImportError> {
        for (place, line) in lines(path)? {
            let Some(words) = texts(&line) else {
                self.others += 1;
                continue;
            };
            let words: Vec<&str> = words.iter().map(String::as_str).collect();
            match words[..] {
                [] => {}
                ["account", name, "{"] => self.begin(name),
                ["account", name] if name.ends_with('{') => self.begin(name.trim_end_matches('{')),
                ["}"] => self.in_account = false,
                ["set" | "se", ref rest @ ..] => {
                    for word in rest {
                        self.set(word, &place, imported);
                    }
                }
                ["unset", ref rest @ ..] => {
                    for name in rest {
                        self.variables().remove(*name);
                    }
                }
                ["source", file] if depth < MAX_DEPTH && expanded(file).is_file() => {
                    if let Err(error) = self.read(&expanded(file), depth + 1, imported) {
                        imported.note(&place, format!("source: {error}"));
                    }
                }
                ["source", ..] => imported.unmatched(&place, "source", "it was not read"),
                ["alias" | "group", ref rest @ ..] => {
                    if let Some((name, others)) = rest.split_first() {
                        let others = others.iter().map(|&other| other.to_owned()).collect();
                        self.aliases.push(((*name).to_owned(), others));
                    }
                    imported.unmatched(
                        &place,
                        &line,
                        "use a file of aliases, see ehlo-sendmail(1)",
                    );
                }
                _ => self.others += 1,
            }
        }
        Ok(())
    }

    fn begin(&mut self, name: &str) {
        self.accounts
            .push((name.trim().to_owned(), Variables::new()));
        self.in_account = true;
    }

    fn variables(&mut self) -> &mut Variables {
        match self.accounts.last_mut() {
            Some((_, variables)) if self.in_account => variables,
            _ => &mut self.global,
        }
    }

    fn set(&mut self, word: &str, place: &LinePlace, imported: &mut Imported) {
        let (name, value) = word.split_once('=').unwrap_or((word, "yes"));
        if !self.in_account {
            self.all.insert(name.to_owned(), value.to_owned());
        }
        if let Some((_, why)) = WITHOUT.iter().find(|(other, _)| *other == name) {
            imported.unmatched(place, word, why);
            return;
        }
        // `smtp-auth-user-USER@HOST` and the like name a login in their end.
        let is_chained = ["password-", "smtp-auth-", "user-", "smtp-use-starttls-"]
            .iter()
            .any(|start| name.starts_with(start));
        if !KNOWN.contains(&name) && !is_chained {
            self.others += 1;
            return;
        }
        let value = (value.to_owned(), place.clone());
        self.variables().insert(name.to_owned(), value);
    }
}

struct Converter<'a> {
    variables: &'a Variables,
    imported: &'a mut Imported,
}

impl Converter<'_> {
    fn text(&self, name: &str) -> Option<&str> {
        let (text, _) = self.variables.get(name)?;
        Some(text.as_str()).filter(|text| !text.is_empty())
    }

    /// Adds a profile, if the variables name a server.
    fn add(mut self, name: &str) -> bool {
        let Some((key, url)) = self.server() else {
            return false;
        };
        let Some(server) = ServerUrl::parse(&url) else {
            if let Some((_, place)) = self.variables.get(key) {
                self.imported
                    .error(place, format!("{key} has no valid server"));
            }
            return false;
        };
        let login = server.user.as_deref().or(self.text("smtp-auth-user"));
        let login = login.or(self.text("user")).map(str::to_owned);
        let uses_starttls = self.option("smtp-use-starttls", login.as_deref(), &server.host);
        let tls = match server.scheme.as_str() {
            "smtps" | "submissions" => TlsUse::Implicit,
            _ if uses_starttls.is_some() => TlsUse::Starttls,
            _ => TlsUse::Off,
        };
        let mut profile = ImportedProfile::named(self.imported.free_name(name));
        let default = match server.scheme.as_str() {
            "smtps" | "submissions" => 465,
            "submission" => 587,
            _ => 25,
        };
        profile.relay(&server.host, server.port.unwrap_or(default));
        profile.tls(tls);
        self.sender(&mut profile);
        self.trust(&mut profile, tls);
        // With the user of the URL, it is the sender.
        if let Some((host, user)) = self.text("smtp-hostname").zip(server.user.as_deref()) {
            profile.text("envelope-from", format!("{user}@{host}"));
        }
        if let Some(host) = self.text("socks-proxy") {
            profile.text("proxy", format!("socks5://{host}"));
        }
        if let Some(user) = login {
            self.login(&user, &server, tls, &mut profile);
        }
        self.imported.profiles.push(profile);
        true
    }

    /// The variable with the server, and its value.
    fn server(&mut self) -> Option<(&'static str, String)> {
        for key in ["smtp", "mta", "sendmail"] {
            let Some((text, place)) = self.variables.get(key) else {
                continue;
            };
            if key == "smtp" || text.contains("://") {
                return Some((key, text.clone()));
            }
            let why = if text.contains("msmtp") {
                "mailx sends with msmtp; run: ehlo config import msmtprc"
            } else {
                "mailx sends with a program; set it to ehlo sendmail"
            };
            self.imported.note(place, format!("{key}: {why}"));
        }
        None
    }

    /// A variable for this login, as `NAME-USER@HOST`, `NAME-HOST` or `NAME`.
    fn option(&self, name: &str, user: Option<&str>, host: &str) -> Option<&(String, LinePlace)> {
        let user = user.unwrap_or_default();
        let names = [
            format!("{name}-{user}@{host}"),
            format!("{name}-{user}"),
            format!("{name}-{host}"),
            name.to_owned(),
        ];
        names.iter().find_map(|name| self.variables.get(name))
    }

    fn sender(&mut self, profile: &mut ImportedProfile) {
        if let Some(from) = self.text("from") {
            profile.text("from", from.split(',').next().unwrap_or_default().trim());
        }
        if let Some(address) = self.text("sender") {
            profile.text("envelope-from", address);
        }
    }

    fn trust(&mut self, profile: &mut ImportedProfile, tls: TlsUse) {
        if let Some(file) = self.text("tls-ca-file").or(self.text("ssl-ca-file")) {
            profile.text("ca-file", file);
        }
        if let Some(file) = self.text("ssl-cert") {
            profile.text("cert", file);
            profile.text("key", self.text("ssl-key").unwrap_or(file));
        }
        let verify = self.text("tls-verify").or(self.text("ssl-verify"));
        if verify == Some("ignore") && tls != TlsUse::Off && !profile.has("ca-file") {
            profile.flag("insecure");
        }
    }

    fn login(
        &mut self,
        user: &str,
        server: &ServerUrl,
        tls: TlsUse,
        profile: &mut ImportedProfile,
    ) {
        let auth = self.option("smtp-auth", Some(user), &server.host);
        let auth = auth.map(|(text, place)| (text.clone(), place.clone()));
        if auth.as_ref().is_some_and(|(text, _)| text == "none") {
            return;
        }
        profile.user(user, tls);
        let auth = auth.filter(|(text, _)| text != "yes");
        if let Some((text, place)) = auth {
            match mechanism(&text) {
                Some(mechanism) => {
                    let list = vec![Value::Text(mechanism.to_owned())];
                    profile.value("auth", Value::List(list));
                }
                None => self.imported.note(
                    &place,
                    format!("smtp-auth {text}: ehlo has no such mechanism"),
                ),
            }
        }
        let password = self
            .option("smtp-auth-password", Some(user), &server.host)
            .or_else(|| self.option("password", Some(user), &server.host));
        let of_url = server.password.as_ref().and_then(|password| {
            let key = ["smtp", "mta", "sendmail"].iter();
            let mut places = key.filter_map(|key| self.variables.get(*key));
            Some((password, &places.next()?.1))
        });
        let password = of_url.or(password.map(|(text, place)| (text, place)));
        if let Some((password, place)) = password {
            profile.password(password, place);
        }
    }
}
