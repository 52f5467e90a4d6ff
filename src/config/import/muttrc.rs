//! mutt and neomutt: the variables that concern sending. Files that are sourced are read, commands are not run.

use crate::config::import::words::{Word, commands};
use crate::config::import::{
    ImportError, Imported, ImportedProfile, LinePlace, MailSettings, ServerUrl, TlsUse, lines,
    mechanism,
};
use crate::system::user::expanded;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

const PROFILE: &str = "mutt";

/// Maximum depth of files that are sourced.
const MAX_DEPTH: usize = 8;

/// Variables that concern sending, and why they have no equivalent.
const WITHOUT: [(&str, &str); 10] = [
    ("certificate_file", "set ca-file or pin for a private CA"),
    (
        "ssl_verify_host",
        "ehlo verifies the certificate; --insecure turns that off",
    ),
    ("ssl_verify_dates", "ehlo verifies the certificate"),
    ("ssl_min_dh_prime_bits", "ehlo uses elliptic curves"),
    ("ssl_ciphers", "ehlo uses TLS 1.2 and 1.3"),
    ("ssl_use_sslv3", "ehlo uses TLS 1.2 and 1.3"),
    ("ssl_use_tlsv1", "ehlo uses TLS 1.2 and 1.3"),
    ("ssl_use_tlsv1_1", "ehlo uses TLS 1.2 and 1.3"),
    ("use_8bitmime", "ehlo uses 8BITMIME if it is offered"),
    ("write_bcc", "ehlo removes Bcc"),
];

/// Variables that are converted.
const KNOWN: [&str; 18] = [
    "smtp_url",
    "smtp_pass",
    "smtp_user",
    "smtp_authenticators",
    "smtp_oauth_refresh_command",
    "ssl_starttls",
    "ssl_force_tls",
    "ssl_ca_certificates_file",
    "ssl_client_cert",
    "from",
    "realname",
    "real_name",
    "use_envelope_from",
    "envelope_from",
    "envelope_from_address",
    "hostname",
    "sendmail",
    "dsn_notify",
];

/// Switches that are on by default.
const SWITCHES: [&str; 2] = ["ssl_starttls", "ssl_force_tls"];

#[derive(Clone)]
struct Variable {
    text: String,
    /// The command in backticks whose output is the value.
    command: Option<String>,
    place: LinePlace,
}

#[derive(Default)]
struct Variables {
    all: BTreeMap<String, Variable>,
    /// The fields of `my_hdr`.
    fields: Vec<String>,
    aliases: Vec<(String, Vec<String>)>,
    /// The number of lines that do not concern sending.
    others: u64,
}

/// The settings of these files and commands, in their order.
pub(super) fn settings(
    paths: &[PathBuf],
    commands: &[String],
) -> Result<MailSettings, ImportError> {
    let mut imported = Imported::default();
    let mut variables = Variables::default();
    for path in paths {
        variables.read(path, 0, &mut imported)?;
    }
    let place = LinePlace {
        path: "-e".into(),
        line: 1,
    };
    for command in commands {
        variables.add_line(&place, command, 0, &mut imported);
    }
    Converter {
        variables: &variables,
        imported: &mut imported,
    }
    .convert();
    if let Some(error) = imported.errors.pop() {
        return Err(error);
    }
    let texts = variables.all.iter();
    let texts = texts.filter(|(_, variable)| variable.command.is_none());
    let server = imported.profiles.pop();
    Ok(MailSettings {
        variables: texts
            .map(|(name, variable)| (name.clone(), variable.text.clone()))
            .collect(),
        fields: variables.fields,
        aliases: variables.aliases,
        server: server.filter(|profile| profile.has("relay")),
    })
}

pub(super) fn read(path: &Path, imported: &mut Imported) -> Result<(), ImportError> {
    let mut variables = Variables::default();
    variables.read(path, 0, imported)?;
    imported.others(variables.others);
    Converter {
        variables: &variables,
        imported,
    }
    .convert();
    Ok(())
}

impl Variables {
    fn read(
        &mut self,
        path: &Path,
        depth: usize,
        imported: &mut Imported,
    ) -> Result<(), ImportError> {
        let mut pending: Option<(LinePlace, String)> = None;
        for (place, line) in lines(path)? {
            // A backslash at the end continues the line.
            let (place, mut text) = match pending.take() {
                Some((first, start)) => (first, start + &line),
                None => (place, line),
            };
            if text.ends_with('\\') && !text.trim_start().starts_with('#') {
                text.pop();
                pending = Some((place, text));
                continue;
            }
            self.add_line(&place, &text, depth, imported);
        }
        Ok(())
    }

    fn add_line(&mut self, place: &LinePlace, line: &str, depth: usize, imported: &mut Imported) {
        let Some(all) = commands(line) else {
            self.others += 1;
            return;
        };
        for words in &all {
            if let Some((command, rest)) = words.split_first() {
                self.add_command((place, line), (command, rest), depth, imported);
            }
        }
    }

    fn add_command(
        &mut self,
        (place, line): (&LinePlace, &str),
        (command, rest): (&Word, &[Word]),
        depth: usize,
        imported: &mut Imported,
    ) {
        match command.text.as_str() {
            "set" => self.set(place, rest, imported),
            "unset" => rest.iter().for_each(|word| self.unset(place, &word.text)),
            "reset" => rest.iter().for_each(|word| {
                self.all.remove(&word.text);
            }),
            "source" => self.source(place, rest, depth, imported),
            "alias" => {
                if let [name, others @ ..] = rest {
                    let others = others.iter().map(|word| word.text.clone());
                    let list = others.collect::<Vec<_>>().join(" ");
                    self.aliases.push((name.text.clone(), vec![list]));
                }
                self.others += 1;
            }
            "my_hdr" => {
                let field = line.trim().strip_prefix("my_hdr");
                self.fields
                    .extend(field.map(|field| field.trim().to_owned()));
                self.others += 1;
            }
            _ if line.contains("smtp_") => {
                imported.unmatched(place, line, "hooks and macros are not converted");
            }
            _ => self.others += 1,
        }
    }

    /// `set a=b c nod`, with blanks around the equals sign.
    fn set(&mut self, place: &LinePlace, rest: &[Word], imported: &mut Imported) {
        let mut rest = rest.iter().peekable();
        while let Some(word) = rest.next() {
            let (name, value) = match word.text.split_once('=') {
                Some((name, "")) if word.command.is_none() && !word.is_quoted => {
                    (name, rest.next().cloned_parts())
                }
                Some((name, text)) => (name, Some((text.to_owned(), word.command.clone()))),
                None => match rest.next_if(|next| next.text.starts_with('=')) {
                    Some(next) if next.text == "=" && next.command.is_none() => {
                        (word.text.as_str(), rest.next().cloned_parts())
                    }
                    Some(next) => {
                        let text = next.text[1..].to_owned();
                        (word.text.as_str(), Some((text, next.command.clone())))
                    }
                    None => (word.text.as_str(), None),
                },
            };
            self.assign(place, name.trim(), value, imported);
        }
    }

    fn assign(
        &mut self,
        place: &LinePlace,
        name: &str,
        value: Option<(String, Option<String>)>,
        imported: &mut Imported,
    ) {
        let Some((text, command)) = value else {
            // A boolean variable: `name` or `noname`.
            match name.strip_prefix("no").filter(|rest| KNOWN.contains(rest)) {
                Some(rest) => self.insert(rest, "no", None, place),
                None => self.insert(name, "yes", None, place),
            }
            return;
        };
        if let Some((_, why)) = WITHOUT.iter().find(|(other, _)| *other == name) {
            imported.unmatched(place, &format!("{name}={text}"), why);
            return;
        }
        let text = self.with_variables(&text);
        self.insert(
            name,
            &text,
            command.or_else(|| self.command_of(&text)),
            place,
        );
    }

    fn insert(&mut self, name: &str, text: &str, command: Option<String>, place: &LinePlace) {
        let is_own = name.starts_with("my_");
        if !KNOWN.contains(&name) && !is_own {
            self.others += 1;
        }
        let variable = Variable {
            text: text.to_owned(),
            command,
            place: place.clone(),
        };
        self.all.insert(name.to_owned(), variable);
    }

    /// A switch is off then, also one that is on by default.
    fn unset(&mut self, place: &LinePlace, name: &str) {
        if SWITCHES.contains(&name) {
            self.insert(name, "no", None, place);
        } else {
            self.all.remove(name);
        }
    }

    /// The text with `$name` and `${name}` replaced by variables that are set above. One that is the output of a
    /// command stays.
    fn with_variables(&self, text: &str) -> String {
        let mut result = String::new();
        let mut rest = text;
        while let Some(at) = rest.find('$') {
            result.push_str(&rest[..at]);
            let after = &rest[at + 1..];
            let (name, end) = variable_name(after);
            let value = self.all.get(name).filter(|found| found.command.is_none());
            match value {
                Some(found) if !name.is_empty() => result.push_str(&found.text),
                _ => result.push_str(&rest[at..=at + end]),
            }
            rest = &after[end..];
        }
        result + rest
    }

    /// The command whose output a text like `$my_pass` is.
    fn command_of(&self, text: &str) -> Option<String> {
        let (name, end) = variable_name(text.strip_prefix('$')?);
        let found = self.all.get(name).filter(|_| end + 1 == text.len())?;
        found.command.clone()
    }

    fn source(&mut self, place: &LinePlace, rest: &[Word], depth: usize, imported: &mut Imported) {
        let Some(word) = rest.first() else {
            return;
        };
        let text = self.with_variables(&word.text);
        if word.command.is_some() || text.ends_with('|') {
            imported.unmatched(place, "source", "the command was not run");
            return;
        }
        let path = expanded(&text);
        let path = place.path.parent().map_or(path.clone(), |directory| {
            let beside = directory.join(&path);
            if path.exists() { path } else { beside }
        });
        if path.exists() && !path.is_file() {
            imported.unmatched(place, &format!("source {text}"), "it is not a regular file");
        } else if depth >= MAX_DEPTH {
            imported.unmatched(place, &format!("source {text}"), "too many levels");
        } else if let Err(error) = self.read(&path, depth + 1, imported) {
            imported.note(place, format!("source: {error}"));
        }
    }
}

trait ClonedParts {
    fn cloned_parts(self) -> Option<(String, Option<String>)>;
}

impl ClonedParts for Option<&Word> {
    fn cloned_parts(self) -> Option<(String, Option<String>)> {
        self.map(|word| (word.text.clone(), word.command.clone()))
    }
}

/// The name of a variable after `$`, and the number of bytes that it takes.
fn variable_name(after: &str) -> (&str, usize) {
    if let Some((name, _)) = after
        .strip_prefix('{')
        .and_then(|inside| inside.split_once('}'))
    {
        return (name, name.len() + 2);
    }
    let is_name = |c: char| c.is_ascii_alphanumeric() || c == '_';
    let end = after.find(|c| !is_name(c)).unwrap_or(after.len());
    (&after[..end], end)
}

struct Converter<'a> {
    variables: &'a Variables,
    imported: &'a mut Imported,
}

impl<'a> Converter<'a> {
    fn variable(&self, name: &str) -> Option<&'a Variable> {
        self.variables.all.get(name)
    }

    fn text(&self, name: &str) -> Option<&'a str> {
        let found = self
            .variable(name)
            .filter(|found| found.command.is_none())?;
        Some(found.text.as_str()).filter(|text| !text.is_empty())
    }

    /// True for `yes` and the like.
    fn is_on(&self, name: &str, default: bool) -> bool {
        self.text(name)
            .map_or(default, |text| ["yes", "ask-yes", "ask-no"].contains(&text))
    }

    fn convert(mut self) {
        let mut profile = ImportedProfile::named(PROFILE.to_owned());
        let url = self.text("smtp_url").map(str::to_owned);
        let Some(url) = url else {
            if let Some(found) = self.variable("smtp_url") {
                let why = "its value is the output of a command, which was not run";
                self.imported.note(&found.place, format!("smtp_url: {why}"));
            }
            self.sendmail();
            return;
        };
        let place = self.variable("smtp_url").map(|found| found.place.clone());
        let Some((server, place)) = ServerUrl::parse(&url).zip(place) else {
            self.imported.remark("smtp_url is not a valid URL");
            return;
        };
        let tls = match (
            server.scheme == "smtps",
            self.is_on("ssl_starttls", true),
            self.is_on("ssl_force_tls", true),
        ) {
            (true, ..) => TlsUse::Implicit,
            (_, _, true) => TlsUse::Starttls,
            (_, true, false) => TlsUse::IfOffered,
            (_, false, false) => TlsUse::Off,
        };
        let default = if tls == TlsUse::Implicit { 465 } else { 25 };
        profile.relay(&server.host, server.port.unwrap_or(default));
        profile.tls(tls);
        self.sender(&mut profile);
        self.login(&server, tls, &place, &mut profile);
        if let Some(file) = self.text("ssl_ca_certificates_file") {
            profile.text("ca-file", file);
        }
        if let Some(file) = self.text("ssl_client_cert") {
            profile.text("cert", file);
            profile.text("key", file);
        }
        if let Some(when) = self.text("dsn_notify") {
            profile.text("notify", format!("{when}?"));
        }
        self.imported.default = Some(PROFILE.to_owned());
        self.imported.profiles.push(profile);
    }

    /// mutt gives the message to a program.
    fn sendmail(&mut self) {
        match self.variable("sendmail") {
            Some(found) if found.text.contains("msmtp") => {
                let why = "mutt sends with msmtp; run: ehlo config import msmtprc";
                self.imported.note(&found.place, format!("sendmail: {why}"));
            }
            Some(found) => {
                let why = "mutt sends with a program; set sendmail=\"ehlo sendmail\" in mutt";
                self.imported.note(&found.place, format!("sendmail: {why}"));
            }
            None => self
                .imported
                .remark("smtp_url is not set; mutt sends with /usr/sbin/sendmail"),
        }
    }

    fn sender(&mut self, profile: &mut ImportedProfile) {
        let name = self.text("realname").or(self.text("real_name"));
        if let Some(from) = self.text("from") {
            profile.text(
                "from",
                match name {
                    Some(name) if !from.contains('<') => {
                        format!("\"{}\" <{from}>", name.replace(['"', '\\'], ""))
                    }
                    _ => from.to_owned(),
                },
            );
        }
        if let Some(address) = self.text("envelope_from_address") {
            profile.text("envelope-from", address);
        }
    }

    fn login(
        &mut self,
        server: &ServerUrl,
        tls: TlsUse,
        place: &LinePlace,
        profile: &mut ImportedProfile,
    ) {
        let user = server.user.as_deref().or(self.text("smtp_user"));
        let Some(user) = user.map(str::to_owned) else {
            return;
        };
        profile.user(&user, tls);
        self.mechanisms(profile);
        let token = self.variable("smtp_oauth_refresh_command");
        if let Some(found) = token.filter(|found| !found.text.is_empty()) {
            profile.text("oauth-token-command", found.text.as_str());
            return;
        }
        match self.variable("smtp_pass") {
            Some(found) if found.text.contains('$') && found.command.is_none() => {
                let why = "smtp_pass: the variable is not set in the files that were read";
                self.imported.note(&found.place, why);
            }
            Some(found) => match &found.command {
                Some(command) => profile.text("password-command", command.as_str()),
                None => profile.password(&found.text, &found.place),
            },
            None => {
                if let Some(password) = &server.password {
                    profile.password(password, place);
                }
            }
        }
    }

    fn mechanisms(&mut self, profile: &mut ImportedProfile) {
        let Some(list) = self.text("smtp_authenticators").map(str::to_owned) else {
            return;
        };
        let known = list.split(':').filter_map(mechanism).map(str::to_owned);
        profile.list("auth", known);
        let unknown: Vec<&str> = list
            .split(':')
            .filter(|word| mechanism(word).is_none())
            .collect();
        if let Some(found) = self.variable("smtp_authenticators")
            && !unknown.is_empty()
        {
            let text = format!("smtp_authenticators: ehlo has no {}", unknown.join(", "));
            self.imported.note(&found.place, text);
        }
    }
}
