//! msmtp: accounts of words and arguments.

use crate::config::import::msmtp_accounts::{self, Arguments, LineUse, MsmtpAccount};
use crate::config::import::{ImportError, Imported, ImportedProfile, LinePlace, TlsUse, mechanism};
use std::path::Path;

/// Words whose effect ehlo has by itself, if the argument is one of these.
const SAME: [(&str, &[&str]); 8] = [
    ("set_from_header", &["", "auto", "on"]),
    ("set_date_header", &["", "auto"]),
    ("set_msgid_header", &["", "auto"]),
    ("add_missing_from_header", &["", "on"]),
    ("add_missing_date_header", &["", "on"]),
    ("remove_bcc_headers", &["", "on"]),
    ("allow_from_override", &["on"]),
    ("auto_from", &["off"]),
];

/// Words that have another meaning than the name in the table suggests, or none in ehlo.
const WITHOUT: [(&str, &str); 20] = [
    ("ntlmdomain", "ehlo has no NTLM"),
    ("tls_crl_file", "ehlo reads no revocation lists"),
    ("tls_min_dh_prime_bits", "ehlo uses elliptic curves"),
    (
        "tls_priorities",
        "ehlo uses TLS 1.2 and 1.3; --tls-min sets the minimum",
    ),
    ("tls_force_sslv3", "ehlo uses TLS 1.2 and 1.3"),
    ("logfile", "ehlo logs as Postfix does, with a table [log]"),
    (
        "logfile_time_format",
        "the mail log has the format of Postfix",
    ),
    (
        "syslog",
        "ehlo logs to the system log with syslog = true in [log]",
    ),
    (
        "auto_from",
        "sendmail of ehlo completes the name of the user with domain in [sendmail]",
    ),
    ("set_from_header", "ehlo keeps the header of a message"),
    (
        "set_date_header",
        "sendmail of ehlo adds Date if it is missing",
    ),
    (
        "set_msgid_header",
        "sendmail of ehlo adds Message-ID if it is missing",
    ),
    (
        "add_missing_from_header",
        "sendmail of ehlo adds From if it is missing",
    ),
    (
        "add_missing_date_header",
        "sendmail of ehlo adds Date if it is missing",
    ),
    (
        "set_to_header",
        "sendmail of ehlo adds To if there are no recipients in the header",
    ),
    ("undisclosed_recipients", "ehlo keeps To and Cc"),
    ("remove_bcc_headers", "ehlo removes Bcc"),
    ("keepbcc", "ehlo removes Bcc"),
    (
        "allow_from_override",
        "ehlo lets programs choose the sender",
    ),
    (
        "eval",
        "the command was not run; write its result into the profile",
    ),
];

/// Converts the accounts of a file.
///
/// # Errors
/// The file cannot be read, or lines have errors.
pub(super) fn read(path: &Path, imported: &mut Imported) -> Result<(), ImportError> {
    let mut noted = Imported::default();
    let read = msmtp_accounts::read(path, &mut |place, word, argument| {
        Ok(line_use(place, word, argument, &mut noted))
    });
    imported.notes.append(&mut noted.notes);
    match read {
        Ok(accounts) => finish(&accounts, imported),
        Err(mut errors) => {
            // The last one is returned, and the caller adds it.
            let last = errors.pop();
            imported.errors.extend(errors);
            return last.map_or(Ok(()), Err);
        }
    }
    Ok(())
}

/// Notes the words without an equivalent.
fn line_use(place: &LinePlace, word: &str, argument: &str, imported: &mut Imported) -> LineUse {
    let is_same =
        |(other, arguments): &(&str, &[&str])| *other == word && arguments.contains(&argument);
    if SAME.iter().any(is_same) {
        return LineUse::Skip;
    }
    if let Some((_, why)) = WITHOUT.iter().find(|(other, _)| *other == word) {
        imported.unmatched(place, &format!("{word} {argument}"), why);
        return LineUse::Skip;
    }
    if msmtp_accounts::kind(word).is_none() {
        imported.unmatched(place, word, "msmtp has no such command");
        return LineUse::Skip;
    }
    LineUse::Keep
}

fn finish(accounts: &[MsmtpAccount], imported: &mut Imported) {
    let default = accounts.iter().find(|account| account.name == "default");
    let default = default.map(|account| match &account.copy_of {
        Some(other) if !account.is_changed => other.clone(),
        _ => account.name.clone(),
    });
    for account in accounts {
        if account.name == "default" && default.as_ref() != Some(&account.name) {
            continue;
        }
        let is_default = default.as_ref() == Some(&account.name);
        let profile = profile(&account.name, &account.words, is_default, imported);
        imported.profiles.extend(profile);
    }
    imported.default = default.filter(|name| {
        let mut profiles = imported.profiles.iter();
        profiles.any(|profile| profile.name == *name)
    });
}

/// The profile with the words of an account. `None`: they name no server.
pub(super) fn profile(
    name: &str,
    words: &Arguments,
    is_default: bool,
    imported: &mut Imported,
) -> Option<ImportedProfile> {
    let converter = Converter {
        words,
        is_default,
        profile: ImportedProfile::named(name.to_owned()),
        imported,
    };
    converter.convert()
}

/// Converts one account.
struct Converter<'a> {
    words: &'a Arguments,
    /// True if the account is used when no other is chosen.
    is_default: bool,
    profile: ImportedProfile,
    imported: &'a mut Imported,
}

impl Converter<'_> {
    fn word(&self, word: &str) -> Option<(&str, &LinePlace)> {
        let (argument, place) = self.words.get(word)?;
        Some((argument, place))
    }

    fn text(&self, word: &str) -> Option<String> {
        let (argument, _) = self.word(word)?;
        Some(argument.to_owned()).filter(|text| !text.is_empty())
    }

    /// True for `on` and an empty argument.
    fn is_on(&self, word: &str, default: bool) -> bool {
        self.word(word)
            .map_or(default, |(argument, _)| argument != "off")
    }

    fn convert(mut self) -> Option<ImportedProfile> {
        let tls = match (self.is_on("tls", false), self.is_on("tls_starttls", true)) {
            (false, _) => TlsUse::Off,
            (true, true) => TlsUse::Starttls,
            (true, false) => TlsUse::Implicit,
        };
        self.server(tls)?;
        self.profile.tls(tls);
        if tls != TlsUse::Off {
            self.trust();
        }
        self.sender();
        self.session();
        self.login(tls);
        self.system();
        Some(self.profile)
    }

    /// `None`: the account has no server.
    fn server(&mut self, tls: TlsUse) -> Option<()> {
        let is_lmtp = self.text("protocol").is_some_and(|text| text == "lmtp");
        if is_lmtp {
            self.profile.flag("lmtp");
        }
        if let Some(path) = self.text("socket") {
            self.profile.text("relay", format!("unix:{path}"));
            return Some(());
        }
        let Some(host) = self.text("host") else {
            let name = self.profile.name.clone();
            self.imported
                .remark(format!("account {name} has no host; it was left out"));
            return None;
        };
        let default = match (is_lmtp, tls) {
            (true, _) => 24,
            (false, TlsUse::Implicit) => 465,
            (false, _) => 25,
        };
        let port = self.text("port").and_then(|port| port.parse().ok());
        self.profile.relay(&host, port.unwrap_or(default));
        Some(())
    }

    fn trust(&mut self) {
        if let Some((argument, place)) = self.words.get("tls_fingerprint") {
            let digits = argument.chars().filter(|&c| c != ':');
            let digits: String = digits.collect();
            match digits.len() {
                0 => {}
                64 => self.profile.text("pin", format!("sha256:{digits}")),
                _ => self.imported.unmatched(
                    place,
                    "tls_fingerprint",
                    "only SHA-256 is accepted; ehlo probe HOST shows it",
                ),
            }
        }
        if !self.is_on("tls_certcheck", true) {
            self.profile.flag("insecure");
        } else if let Some(path) = self.text("tls_trust_file").filter(|path| path != "system")
            && !self.profile.has("pin")
        {
            self.profile.text("ca-file", path);
        }
        for (word, key) in [("tls_cert_file", "cert"), ("tls_key_file", "key")] {
            if let Some(path) = self.text(word) {
                self.profile.text(key, path);
            }
        }
        if let Some(name) = self.text("tls_host_override") {
            self.profile.text("tls-name", name);
        }
    }

    fn sender(&mut self) {
        let Some((from, place)) = self.words.get("from").filter(|(from, _)| !from.is_empty())
        else {
            return;
        };
        if from.contains('%') {
            let why = "ehlo has no such variables; [rewrite] replaces senders";
            self.imported.unmatched(place, &format!("from {from}"), why);
            return;
        }
        let from = match self.text("from_full_name") {
            Some(name) if !from.contains('*') => {
                format!("\"{}\" <{from}>", name.replace(['"', '\\'], ""))
            }
            _ => from.clone(),
        };
        self.profile.text("from", from);
    }

    fn session(&mut self) {
        match self.words.get("domain") {
            // The name of this host, which is the default here.
            Some((name, _)) if name == "%H" || name == "%C" => {}
            Some((name, place)) if name.contains('%') => {
                let why = "ehlo has no such variables";
                self.imported
                    .unmatched(place, &format!("domain {name}"), why);
            }
            Some((name, _)) if !name.is_empty() => self.profile.text("helo", name.clone()),
            // Without it, msmtp gives the name localhost.
            _ => self.profile.text("helo", "localhost"),
        }
        if let Some(limit) = self.text("timeout").filter(|limit| limit != "off") {
            self.profile.text("timeout", format!("{limit}s"));
        }
        if let Some(ip) = self.text("source_ip") {
            self.profile.text("bind", ip);
        }
        if let Some(host) = self.text("proxy_host") {
            let port = self.text("proxy_port").unwrap_or_else(|| "1080".to_owned());
            self.profile
                .text("proxy", format!("socks5://{host}:{port}"));
        }
        for word in ["dsn_notify", "dsn_return"] {
            if let Some((_, place)) = self.words.get(word) {
                let why = "ehlo sendmail uses -N and -R instead of the profile";
                self.imported.note(place, format!("{word}: {why}"));
            }
        }
        if let Some(when) = self.text("dsn_notify").filter(|when| when != "off") {
            self.profile.text("notify", when);
        }
        if let Some(what) = self.text("dsn_return").filter(|what| what != "off") {
            let what = if what == "full" { "full" } else { "hdrs" };
            self.profile.text("ret", what);
        }
    }

    fn login(&mut self, tls: TlsUse) {
        let auth = self.word("auth");
        let Some((auth, place)) = auth.filter(|(auth, _)| *auth != "off") else {
            if let Some((_, place)) = self.words.get("user") {
                self.imported
                    .note(place, "user: not used, because auth is off");
            }
            return;
        };
        let (auth, place) = (auth.to_owned(), place.clone());
        let mechanism = mechanism(&auth);
        if !["", "on"].contains(&auth.as_str()) && mechanism.is_none() {
            let why = "ehlo has no such mechanism; it uses the strongest that the server offers";
            self.imported
                .unmatched(&place, &format!("auth: {auth}"), why);
        }
        let Some(user) = self.text("user").or(mechanism
            .filter(|name| *name == "EXTERNAL")
            .map(|_| String::new()))
        else {
            let why = format!("account {}: not used without a user", self.profile.name);
            self.imported.note(&place, format!("auth: {why}"));
            return;
        };
        self.profile.user(&user, tls);
        match mechanism {
            Some(mechanism) => self.profile.list("auth", [mechanism.to_owned()]),
            // msmtp chooses none that sends the password without TLS.
            None if tls == TlsUse::Off => self.profile.list(
                "auth",
                ["SCRAM-SHA-256", "SCRAM-SHA-1", "CRAM-MD5"].map(str::to_owned),
            ),
            None => {}
        }
        let is_token = matches!(mechanism, Some("OAUTHBEARER" | "XOAUTH2"));
        if let Some((password, place)) = self.words.get("password")
            && !password.is_empty()
        {
            self.profile.password(password, place);
            if is_token {
                let why = "a token expires; use oauth-token-command";
                self.imported.note(place, format!("password: {why}"));
            }
        } else if let Some(command) = self.text("passwordeval") {
            let key = if is_token {
                "oauth-token-command"
            } else {
                "password-command"
            };
            self.profile.text(key, command);
        }
    }

    /// Settings that are not those of a profile.
    fn system(&mut self) {
        // Without -f, the sender is that of the default account. With a domain, a rule would also replace senders in
        // it.
        let from = self.text("from").filter(|from| !from.contains(['%', '*']));
        let has_domain = self.words.contains_key("maildomain");
        if let Some(from) = from.filter(|_| self.is_default && !has_domain) {
            self.imported.set_text("rewrite", "*", &from);
        }
        if let Some(path) = self.text("aliases") {
            self.imported.set_text("sendmail", "aliases", &path);
        }
        if let Some(domain) = self.text("maildomain") {
            self.imported.set_text("sendmail", "domain", &domain);
        }
    }
}
