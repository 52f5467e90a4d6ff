//! The account that msmtp uses: from its configuration files, the environment and the command line.

use crate::cli::standins::msmtp::args::{MsmtpArgs, MsmtpTask};
use crate::cli::terminal;
use crate::client::credentials;
use crate::config::LinePlace;
use crate::config::msmtp::{self, Arguments, LineUse, MsmtpAccount, WordKind};
use crate::config::{ImportError, msmtp_options};
use crate::system::exit::Exit;
use crate::system::host;
use crate::system::secret::Secret;
use crate::system::text::{matches_pattern, reason, shown};
use crate::system::user;
use std::fs;
use std::io;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

/// The configuration of the host.
const SYSTEM: &str = "/etc/msmtprc";

/// The system's name for mail.
const MAIL_NAME: &str = "/etc/mailname";

/// An error of msmtp: the text after its name, and the exit status.
#[derive(Debug)]
pub struct MsmtpError {
    pub text: String,
    pub exit: Exit,
}

impl MsmtpError {
    pub fn new(exit: Exit, text: impl Into<String>) -> Self {
        Self {
            text: text.into(),
            exit,
        }
    }

    fn config(text: impl Into<String>) -> Self {
        Self::new(Exit::Config, text)
    }
}

/// An account with the settings of the command line.
#[derive(Debug)]
pub struct Account {
    /// Its name and its file; `None`: it is not from a file.
    pub origin: Option<(String, PathBuf)>,
    words: Arguments,
    /// The password in the file.
    pub password: Option<Secret>,
}

/// The accounts of the configuration files.
#[derive(Default)]
struct Accounts {
    /// Those of the user precede those of the system.
    all: Vec<(PathBuf, MsmtpAccount)>,
    system: Option<PathBuf>,
    user: Option<PathBuf>,
}

impl Account {
    /// The account for this command line, with everything that msmtp sets by default.
    pub fn of(args: &MsmtpArgs) -> Result<Self, MsmtpError> {
        let mut account = if args.names_server() {
            args.note("using account specified on command line");
            Self::of_command_line()
        } else {
            Self::chosen(args)?
        };
        account.override_with(args);
        account.complete(args)?;
        account.check(args).map_err(|why| match &account.origin {
            Some((name, file)) => {
                MsmtpError::config(format!("account {name} from {}: {why}", file.display()))
            }
            None => MsmtpError::config(why),
        })?;
        Ok(account)
    }

    /// `(account NAME from FILE)`, after a text with a blank; empty for an account without a file.
    pub fn place(&self) -> String {
        let origin = self.origin.as_ref();
        let place = origin.map(|(name, file)| format!(" (account {name} from {})", file.display()));
        place.unwrap_or_default()
    }

    /// A setting that is not empty.
    pub fn text(&self, word: &str) -> Option<&str> {
        let (argument, _) = self.words.get(word)?;
        Some(argument.as_str()).filter(|argument| !argument.is_empty())
    }

    /// True for a setting that is on.
    pub fn is_on(&self, word: &str, default: bool) -> bool {
        self.text(word).map_or(default, |argument| argument == "on")
    }

    /// `auto`, `on` or `off`.
    pub fn mode(&self, word: &str, default: &'static str) -> &str {
        self.text(word).unwrap_or(default)
    }

    /// The envelope sender; empty for the null sender. `None`: it is not known.
    pub fn sender(&self) -> Option<&str> {
        let (sender, _) = self.words.get("from")?;
        Some(sender)
    }

    /// The SASL mechanism in upper case, empty for any. `None`: no login.
    pub fn mechanism(&self) -> Option<String> {
        let (argument, _) = self.words.get("auth")?;
        match argument.as_str() {
            "off" => None,
            "on" | "" => Some(String::new()),
            name => Some(name.to_ascii_uppercase()),
        }
    }

    pub fn port(&self) -> u16 {
        let port = self.text("port").and_then(|port| port.parse().ok());
        port.unwrap_or_default()
    }

    /// The options of ehlo for this account.
    pub fn options(&self) -> Vec<String> {
        let mut words = self.words.clone();
        if self.text("socket").is_some()
            && self.text("tls_host_override").is_none()
            && let (Some(host), true) = (words.get("host").cloned(), self.is_on("tls", false))
        {
            words.insert("tls_host_override".to_owned(), host);
        }
        if self.mechanism().as_deref() == Some("EXTERNAL") {
            words.remove("passwordeval");
        }
        msmtp_options(&words).map_or_else(Vec::new, |profile| profile.as_options(&["from"]))
    }

    fn of_command_line() -> Self {
        Self {
            origin: None,
            words: Arguments::new(),
            password: None,
        }
    }

    /// The account of the configuration, or of the variables `EMAIL` and `SMTPSERVER`.
    fn chosen(args: &MsmtpArgs) -> Result<Self, MsmtpError> {
        let accounts = Accounts::load(args)?;
        let name = match (&args.account, args.word("from")) {
            (Some(name), _) => name.clone(),
            (None, Some(from)) => match accounts.of_sender(from) {
                Some(account) => {
                    let name = &account.name;
                    args.note(&format!(
                        "account chosen by envelope from address {from}: {name}"
                    ));
                    name.clone()
                }
                None => default_account(args),
            },
            (None, None) => default_account(args),
        };
        if let Some(account) = accounts.take(&name) {
            return Ok(account);
        }
        let variables = || Self::of_environment(args);
        match args.account.is_none().then(variables).flatten() {
            Some(account) => {
                args.note("using environment variables EMAIL and SMTPSERVER");
                Ok(account)
            }
            None => Err(accounts.missing(&name)),
        }
    }

    fn of_environment(args: &MsmtpArgs) -> Option<Self> {
        let server = std::env::var("SMTPSERVER").ok()?;
        let sender = std::env::var("EMAIL").ok();
        let mut account = Self::of_command_line();
        if args.task == MsmtpTask::Send && args.word("from").is_none() {
            account.set("from", &sender?);
        }
        account.set("host", &server);
        Some(account)
    }

    fn set(&mut self, word: &str, argument: &str) {
        let place = LinePlace {
            path: PathBuf::new(),
            line: 0,
        };
        self.words
            .insert(word.to_owned(), (argument.to_owned(), place));
    }

    fn override_with(&mut self, args: &MsmtpArgs) {
        let keeps_from = self.mode("allow_from_override", "on") == "off";
        for (word, argument) in &args.words {
            if word != "from" || !keeps_from {
                self.set(word, argument);
            }
        }
        if args.read_envelope_from && args.word("from").is_none() && !keeps_from {
            // The mail has no sender.
            self.words.remove("from");
        }
    }

    fn complete(&mut self, args: &MsmtpArgs) -> Result<(), MsmtpError> {
        for (word, argument) in [
            ("port", self.default_port()),
            ("tls_trust_file", "system"),
            ("domain", "localhost"),
        ] {
            if !self.words.contains_key(word) {
                self.set(word, argument);
            }
        }
        if self.text("proxy_host").is_some() && self.text("proxy_port").is_none() {
            self.set("proxy_port", "1080");
        }
        self.expand_paths();
        self.evaluate_password()?;
        let domain = variables_replaced(self.text("domain").unwrap_or_default(), false)?;
        self.set("domain", &domain);
        if args.task != MsmtpTask::Send {
            return Ok(());
        }
        if let Some(from) = self.sender() {
            let from = variables_replaced(from, true)?;
            self.set("from", &from);
        }
        if self.is_on("auto_from", false) {
            let domain = self.text("maildomain").map(|domain| format!("@{domain}"));
            let from = format!("{}{}", user::login(), domain.unwrap_or_default());
            self.set("from", &from);
        }
        Ok(())
    }

    /// Empty for LMTP, which has none.
    fn default_port(&self) -> &'static str {
        let is_implicit = self.is_on("tls", false) && !self.is_on("tls_starttls", true);
        match (self.text("protocol"), is_implicit) {
            (Some("lmtp"), _) => "",
            (_, true) => "465",
            (_, false) => "25",
        }
    }

    fn expand_paths(&mut self) {
        for (word, (argument, _)) in &mut self.words {
            if msmtp::kind(word) == Some(WordKind::Path) && argument.starts_with('~') {
                *argument = user::expanded(argument).to_string_lossy().into_owned();
            }
        }
    }

    fn evaluate_password(&mut self) -> Result<(), MsmtpError> {
        if self.mechanism().is_none() || self.password.is_some() {
            return Ok(());
        }
        if let Some(command) = self.text("passwordeval") {
            let printed = credentials::printed(command);
            let secret = printed.map_err(|_| {
                MsmtpError::config(format!("cannot read output of '{}'", shown(command)))
            })?;
            self.password = Some(secret);
        }
        Ok(())
    }

    fn check(&self, args: &MsmtpArgs) -> Result<(), &'static str> {
        let has = |word| self.text(word).is_some();
        let is_sending = args.task == MsmtpTask::Send && !args.pretend;
        let tls = self.is_on("tls", false);
        let is_unchecked = !self.is_on("tls_certcheck", true);
        let tests = [
            (!has("host") && !has("socket"), "host not set"),
            (self.port() == 0, "port not set"),
            (
                is_sending && self.sender().is_none(),
                "envelope-from address is missing",
            ),
            (
                tls && !has("host") && !has("tls_host_override"),
                "host not set",
            ),
            (
                has("tls_key_file") && !has("tls_cert_file"),
                "tls_key_file requires tls_cert_file",
            ),
            (
                !has("tls_key_file") && has("tls_cert_file"),
                "tls_cert_file requires tls_key_file",
            ),
            (
                tls && !has("tls_trust_file") && !has("tls_fingerprint") && !is_unchecked,
                "tls requires either tls_trust_file (highly recommended) or tls_fingerprint or a disabled \
                 tls_certcheck",
            ),
            (
                has("tls_crl_file") && !has("tls_trust_file"),
                "tls_crl_file requires tls_trust_file",
            ),
        ];
        match tests.into_iter().find(|(is_wrong, _)| *is_wrong) {
            Some((_, why)) => Err(why),
            None => Ok(()),
        }
    }
}

fn default_account(args: &MsmtpArgs) -> String {
    args.note("falling back to default account");
    "default".to_owned()
}

impl MsmtpArgs {
    /// Prints a line with `-P` and `-d`.
    pub fn note(&self, text: &str) {
        if self.pretend || self.debug {
            let _ = terminal::write(format!("{}\n", shown(text)).as_bytes());
        }
    }
}

/// The configuration of the user.
pub fn user_file(args: &MsmtpArgs) -> PathBuf {
    if let Some(file) = &args.file {
        return file.clone();
    }
    let home = user::expanded("~/.msmtprc");
    let base = user::path_variable("XDG_CONFIG_HOME");
    let base = base.unwrap_or_else(|| user::expanded("~/.config"));
    let other = base.join("msmtp/config");
    if !home.exists() && other.exists() {
        other
    } else {
        home
    }
}

impl Accounts {
    fn load(args: &MsmtpArgs) -> Result<Self, MsmtpError> {
        let mut accounts = Self::default();
        let system = Path::new(SYSTEM);
        let of_system = read(system, "system", args)?;
        let file = user_file(args);
        if let Some(all) = read(&file, "user", args)? {
            accounts.user = Some(file.clone());
            let all = all.into_iter().map(|account| (file.clone(), account));
            accounts.all.extend(all);
        }
        if let Some(all) = of_system {
            accounts.system = Some(system.to_owned());
            for account in all {
                if accounts.all.iter().all(|(_, own)| own.name != account.name) {
                    accounts.all.push((system.to_owned(), account));
                }
            }
        }
        Ok(accounts)
    }

    /// The first account whose `from` matches.
    fn of_sender(&self, from: &str) -> Option<&MsmtpAccount> {
        let mut accounts = self.all.iter().map(|(_, account)| account);
        accounts.find(|account| {
            let own = account.words.get("from");
            own.is_some_and(|(own, _)| is_sender(own, from))
        })
    }

    fn take(&self, name: &str) -> Option<Account> {
        let mut accounts = self.all.iter();
        let (file, account) = accounts.find(|(_, account)| account.name == name)?;
        let mut words = account.words.clone();
        let password = words.remove("password");
        let password = password.filter(|(password, _)| !password.is_empty());
        Some(Account {
            origin: Some((account.name.clone(), file.clone())),
            words,
            password: password.map(|(password, _)| Secret::new(password.into_bytes())),
        })
    }

    fn missing(&self, name: &str) -> MsmtpError {
        let files = [&self.system, &self.user].into_iter().flatten();
        let files: Vec<String> = files.map(|file| file.display().to_string()).collect();
        MsmtpError::config(if files.is_empty() {
            format!("account {name} not found: no configuration file available")
        } else {
            format!("account {name} not found in {}", files.join(" and "))
        })
    }
}

/// True if the account with this `from` is that of a sender: a pattern, or the address with or without a detail.
fn is_sender(own: &str, from: &str) -> bool {
    if let Some((name, rest)) = from.split_once('+')
        && let (Some(at), false) = (rest.find('@'), own.contains('+'))
    {
        return own.eq_ignore_ascii_case(&format!("{name}{}", &rest[at..]));
    }
    if own.contains(['?', '*', '[']) {
        return matches_pattern(own, from);
    }
    own.eq_ignore_ascii_case(from)
}

/// The accounts of a file. `None`: it cannot be opened, and need not exist.
fn read(
    path: &Path,
    kind: &str,
    args: &MsmtpArgs,
) -> Result<Option<Vec<MsmtpAccount>>, MsmtpError> {
    let mut has_secrets = false;
    let accounts = msmtp::read(path, &mut |_, word, argument| {
        has_secrets |= word == "password";
        match word {
            "eval" if argument.is_empty() => Err("command eval needs an argument".to_owned()),
            "eval" => evaluated(argument).map(LineUse::Replace),
            _ => Ok(LineUse::Keep),
        }
    });
    let name = path.display();
    match accounts {
        Ok(accounts) => {
            check_access(path, has_secrets && kind == "user")?;
            args.note(&format!("loaded {kind} configuration file {name}"));
            Ok(Some(accounts))
        }
        Err(errors) => match errors.first() {
            Some(ImportError::Unreadable { error, .. })
                if kind == "user" && args.file.is_some() =>
            {
                Err(MsmtpError::new(
                    Exit::Io,
                    format!("{name}: {}", os_text(error)),
                ))
            }
            Some(ImportError::Unreadable { error, .. }) => {
                let why = os_text(error);
                args.note(&format!("ignoring {kind} configuration file {name}: {why}"));
                Ok(None)
            }
            Some(ImportError::Line(place, why)) => Err(MsmtpError::config(format!(
                "{name}: line {}: {why}",
                place.line
            ))),
            Some(error) => Err(MsmtpError::config(error.to_string())),
            None => Ok(None),
        },
    }
}

/// The line that a command of the configuration prints.
fn evaluated(command: &str) -> Result<String, String> {
    let failed = || format!("cannot read output of '{}'", shown(command));
    let printed = credentials::printed(command).map_err(|_| failed())?;
    String::from_utf8(printed.expose().to_vec()).map_err(|_| failed())
}

/// Refuses a file of the user with a password that others can read.
fn check_access(path: &Path, has_secrets: bool) -> Result<(), MsmtpError> {
    let user = rustix::process::geteuid().as_raw();
    if !has_secrets || user == 0 {
        return Ok(());
    }
    let Ok(metadata) = fs::metadata(path) else {
        return Ok(());
    };
    let why = if metadata.uid() != user {
        "must be owned by you"
    } else if metadata.mode() & 0o077 != 0 {
        "must have no more than user read/write permissions"
    } else {
        return Ok(());
    };
    Err(MsmtpError::config(format!(
        "{}: contains secrets and therefore {why}",
        path.display()
    )))
}

/// The text of the C library for an error.
fn os_text(error: &io::Error) -> String {
    reason(error)
}

/// The text with `%H` (host name), `%C` (its canonical name), `%M` (`/etc/mailname`) and, for a sender, `%U` (user
/// name) replaced.
fn variables_replaced(text: &str, is_sender: bool) -> Result<String, MsmtpError> {
    if !text.contains('%') {
        return Ok(text.to_owned());
    }
    let mut text = text.to_owned();
    if text.contains("%M") {
        let name = fs::read_to_string(MAIL_NAME);
        let name =
            name.map_err(|error| MsmtpError::config(format!("{MAIL_NAME}: {}", os_text(&error))))?;
        let name = name.lines().next().unwrap_or_default();
        if name.is_empty() {
            return Err(MsmtpError::config(format!("{MAIL_NAME}: Invalid argument")));
        }
        text = text.replace("%M", name);
    }
    if is_sender {
        text = text.replace("%U", &user::login());
    }
    text = text.replace("%H", &host::node_name());
    if text.contains("%C") {
        let name = host::fqdn().unwrap_or_else(host::node_name);
        text = text.replace("%C", &name);
    }
    Ok(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn account_of_a_sender_may_be_a_pattern_or_lack_the_detail() {
        for (own, from, right) in [
            ("a@crepes.fr", "A@Crepes.FR", true),
            ("a@crepes.fr", "a+x@crepes.fr", true),
            ("a+y@crepes.fr", "a+x@crepes.fr", false),
            ("*@crepes.fr", "b@crepes.fr", true),
            ("*@crepes.fr", "b@hamburger.edu", false),
            ("b@crepes.fr", "a+b@crepes.fr", false),
        ] {
            assert_eq!(is_sender(own, from), right, "{own} {from}");
        }
    }
}
