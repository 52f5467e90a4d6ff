//! Login at a server: user, mechanisms, and the source of the secret.

use crate::cli::options::usage_error::UsageError;
use crate::cli::options::value;
use crate::client::credentials::oauth::Account;
use crate::client::credentials::{CredentialsOptions, SecretSource};
use crate::client::route;
use crate::client::session;
use crate::client::session::TlsDemand;
use crate::smtp::mechanism::Mechanism;
use clap::ValueEnum;
use clap::builder::{PossibleValue, PossibleValuesParser, TypedValueParser};
use std::ffi::OsStr;
use std::path::PathBuf;

/// Options under the heading "Auth".
#[derive(Clone, Debug, clap::Args)]
#[group(skip)]
#[command(next_help_heading = "Auth")]
pub struct Args {
    /// Log in to the server as this user.
    ///
    /// There is no option for the password itself, because other users could see it in the process list. Unless
    /// one of the options below is given, ehlo looks in the variable `EHLO_PASSWORD`, in systemd's credentials
    /// (`ehlo.password` in `$CREDENTIALS_DIRECTORY`), in `~/.netrc` (or the file named by `$NETRC`) and, with
    /// secret-tool, in the desktop's keyring, and finally prompts if a terminal is available. Passwords are
    /// never sent to a server found by MX lookup.
    #[arg(short, long, value_name = "NAME", value_parser = user)]
    user: Option<String>,

    /// Restrict the authentication mechanisms, as in SCRAM-SHA-256,PLAIN.
    ///
    /// By default the strongest mechanism offered for which a credential is available is used. EXTERNAL needs
    /// no password; the client certificate identifies you. With a question mark, as in `--auth=?` or
    /// `--auth='PLAIN,LOGIN?'`, the message is sent without a login if the server offers none of them.
    #[arg(
        long,
        value_name = "MECH[,MECH][?]",
        value_delimiter = ',',
        ignore_case = true,
        value_parser = MechanismParser,
    )]
    auth: Vec<MechanismArg>,

    /// Act as this identity at the server, after the login as the user (SASL authorization identity).
    ///
    /// This works with EXTERNAL, SCRAM, PLAIN and OAUTHBEARER; no other mechanism is used. The server must allow it.
    #[arg(long, value_name = "NAME", value_parser = user)]
    authzid: Option<String>,

    /// Shell command that prints the password on its first line.
    ///
    /// For example `pass show smtp`. It must exit with status 0 and may prompt on the terminal. Without a
    /// terminal, as under cron and systemd, it is killed after 60 seconds, and the failure counts as temporary.
    #[arg(long, value_name = "CMD", value_parser = command, conflicts_with_all = ["password_file", "oauth_token_command"])]
    password_command: Option<String>,

    /// File with the password on its first line.
    ///
    /// The file must not be accessible to others (chmod 600). A file owned by root may be readable by its group
    /// (0640), and by everyone on a read-only tmpfs, as Docker and Kubernetes mount secrets. It may be a pipe,
    /// as in `<(pass show smtp)`.
    #[arg(long, value_name = "FILE", conflicts_with = "oauth_token_command")]
    password_file: Option<PathBuf>,

    /// Shell command that prints an OAuth token on its first line.
    ///
    /// For OAUTHBEARER and XOAUTH2; no password is used. Without a terminal, the command is killed after 60
    /// seconds.
    #[arg(long, value_name = "CMD", value_parser = command)]
    oauth_token_command: Option<String>,

    /// Take the password from the credential helpers of git.
    ///
    /// It must be stored for the protocol smtp, the host with or without its port, and the user, as git send-email
    /// stores it. git is not allowed to prompt, and nothing is stored or erased. git is not used without this option,
    /// because some helpers open a dialog or a browser, or are slow.
    #[arg(long, value_name = "HELPER", value_enum,
          conflicts_with_all = ["password_command", "password_file", "oauth_token_command"])]
    password_helper: Option<Helper>,

    /// Allow the password to be sent without TLS.
    ///
    /// Anyone on the network path can then read it. Without this option, passwords and tokens are sent only
    /// over TLS.
    #[arg(long)]
    allow_cleartext_password: bool,

    /// The account whose tokens the program obtains.
    #[arg(skip)]
    account: Option<Box<Account>>,
}

/// An element of --auth.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct MechanismArg {
    /// `None`: a question mark alone.
    mechanism: Option<Mechanism>,
    /// True with a question mark before or after it.
    is_optional: bool,
}

impl From<Mechanism> for MechanismArg {
    fn from(mechanism: Mechanism) -> Self {
        Self {
            mechanism: Some(mechanism),
            is_optional: false,
        }
    }
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum Helper {
    Git,
}

impl Args {
    pub fn user(&self) -> Option<&str> {
        self.user.as_deref()
    }

    /// Adds the user and the only mechanism that a URL names.
    pub(crate) fn add_user(
        &mut self,
        user: Option<String>,
        mechanism: Option<Mechanism>,
    ) -> Result<(), UsageError> {
        if let (Some(own), Some(other)) = (&self.user, &user)
            && own != other
        {
            return Err(UsageError::usage(
                "--user conflicts with the user in the URL; omit one of them",
            ));
        }
        self.user = self.user.take().or(user);
        if self.auth.is_empty() {
            self.auth.extend(mechanism.map(MechanismArg::from));
        }
        Ok(())
    }

    /// Sets the account whose tokens the program obtains.
    pub(super) fn set_account(&mut self, account: Account) {
        self.account = Some(Box::new(account));
    }

    /// The user and the source of the secret; `None`: no login. Mechanisms and the use of cleartext are set in the
    /// options of the session.
    pub fn options(
        self,
        session: &mut session::Options,
    ) -> Result<Option<CredentialsOptions>, UsageError> {
        self.check_user()?;
        self.check_mechanisms()?;
        if self.user.is_none() && self.auth.is_empty() {
            return Ok(None);
        }
        let may_be_clear = self.allow_cleartext_password || self.is_external();
        if session.tls == TlsDemand::Off && !may_be_clear {
            return Err(UsageError::usage(
                "--user with --tls off: the password would be sent unencrypted; use --tls starttls or implicit, \
                 or --allow-cleartext-password",
            )
            .about("--user"));
        }
        session.mechanisms = self.mechanisms();
        session.login_if_offered = self.auth.iter().any(|one| one.is_optional);
        session.password_in_clear = self.allow_cleartext_password;
        Ok(Some(CredentialsOptions {
            source: self.source(),
            user: self.user,
            authzid: self.authzid,
            profile: None,
            nameless: true,
            port: None,
        }))
    }

    /// The mechanisms of --auth.
    fn mechanisms(&self) -> Vec<Mechanism> {
        self.auth.iter().filter_map(|one| one.mechanism).collect()
    }

    fn source(&self) -> SecretSource {
        let file = || self.password_file.clone().map(SecretSource::File);
        let command = self.password_command.clone().map(SecretSource::Command);
        let token = || {
            self.oauth_token_command
                .clone()
                .map(SecretSource::TokenCommand)
        };
        let helper = || self.password_helper.map(|Helper::Git| SecretSource::Git);
        let account = || self.account.clone().map(SecretSource::OAuth);
        let nothing = || self.is_external().then_some(SecretSource::Nothing);
        let source = command.or_else(file).or_else(token).or_else(account);
        let source = source.or_else(helper).or_else(nothing);
        source.unwrap_or(SecretSource::Found)
    }

    /// The option that names the source of the secret.
    fn secret(&self) -> Option<&'static str> {
        let options = [
            (self.password_command.is_some(), "--password-command"),
            (self.password_file.is_some(), "--password-file"),
            (self.oauth_token_command.is_some(), "--oauth-token-command"),
            (self.password_helper.is_some(), "--password-helper"),
            (self.account.is_some(), "--oauth"),
        ];
        let present = options.into_iter().find(|(is_given, _)| *is_given);
        present.map(|(_, option)| option)
    }

    /// True if the client certificate is the only credential.
    fn is_external(&self) -> bool {
        self.mechanisms() == [Mechanism::External]
    }

    /// Options of a secret need a user.
    fn check_user(&self) -> Result<(), UsageError> {
        if self.user.is_some() {
            return Ok(());
        }
        let (is_external, has_auth) = (self.is_external(), !self.auth.is_empty());
        let auth = (has_auth && !is_external).then_some("--auth");
        let cleartext = self.allow_cleartext_password && !is_external;
        let cleartext = cleartext.then_some("--allow-cleartext-password");
        let authzid = self.authzid.is_some() && !is_external;
        let authzid = authzid.then_some("--authzid");
        match self.secret().or(auth).or(cleartext).or(authzid) {
            None => Ok(()),
            Some(option) => {
                Err(UsageError::usage(format!("{option} requires --user NAME")).about(option))
            }
        }
    }

    /// Tokens and passwords are for different mechanisms, and EXTERNAL uses neither.
    fn check_mechanisms(&self) -> Result<(), UsageError> {
        let mechanisms = self.mechanisms();
        let takes_token = mechanisms.iter().any(|mechanism| mechanism.uses_token());
        let is_for_password =
            |mechanism: &Mechanism| !mechanism.uses_token() && *mechanism != Mechanism::External;
        let takes_password = mechanisms.iter().any(is_for_password);
        let takes_authzid = mechanisms.iter().any(|mechanism| mechanism.has_authzid());
        let (option, text) = match self.secret() {
            _ if mechanisms.is_empty() => return Ok(()),
            _ if self.authzid.is_some() && !takes_authzid => (
                "--authzid",
                "no mechanism of --auth has an authorization identity; omit --authzid, or add PLAIN or another one \
                 to --auth"
                    .to_owned(),
            ),
            Some(option) if self.is_external() => (
                "--auth",
                format!("--auth EXTERNAL needs no password; omit {option}, or choose another mechanism"),
            ),
            Some(option @ ("--oauth-token-command" | "--oauth")) if !takes_token => (
                option,
                format!(
                    "no mechanism of --auth uses the token of {option}; add OAUTHBEARER or XOAUTH2 to --auth"
                ),
            ),
            None | Some("--password-command" | "--password-file" | "--password-helper")
                if takes_token && !takes_password =>
            (
                "--auth",
                "--auth allows only mechanisms that need an OAuth token; use --oauth or --oauth-token-command"
                    .to_owned(),
            ),
            _ => return Ok(()),
        };
        Err(UsageError::usage(text).about(option))
    }
}

/// A password is sent only to a server that is named.
pub fn check_relay(
    login: Option<&CredentialsOptions>,
    route: &route::RouteOptions,
) -> Result<(), UsageError> {
    let option = match login {
        Some(login) if login.user.is_some() => "--user",
        Some(_) => "--auth",
        None => return Ok(()),
    };
    if route.relay.is_some() {
        return Ok(());
    }
    Err(UsageError::usage(format!(
        "{option} requires --relay: a password is sent only to a server that you name, not to one found in the DNS"
    ))
    .about(option))
}

/// A user name: one line of text that is not empty.
fn user(text: &str) -> Result<String, String> {
    if text.is_empty() {
        return Err("expected a user name".to_owned());
    }
    if text.contains('\t') {
        return Err("a tab is not allowed; expected one line of text".to_owned());
    }
    value::line(text)
}

/// A shell command. The error does not contain it, because it may contain a password.
pub fn command(text: &str) -> Result<String, String> {
    if text.trim().is_empty() {
        return Err("expected a shell command".to_owned());
    }
    Ok(text.to_owned())
}

/// Parses an element of --auth. Completions and errors list the mechanisms.
#[derive(Clone)]
struct MechanismParser;

impl MechanismParser {
    fn names() -> PossibleValuesParser {
        PossibleValuesParser::new(Mechanism::ALL.map(Mechanism::name))
    }
}

impl TypedValueParser for MechanismParser {
    type Value = MechanismArg;

    fn parse_ref(
        &self,
        command: &clap::Command,
        arg: Option<&clap::Arg>,
        value: &OsStr,
    ) -> Result<Self::Value, clap::Error> {
        let text = value.to_str().unwrap_or_default();
        let name = text.strip_prefix('?').or(text.strip_suffix('?'));
        let is_optional = name.is_some();
        if name == Some("") {
            return Ok(MechanismArg {
                mechanism: None,
                is_optional,
            });
        }
        let name = name.map_or(value, OsStr::new);
        let name = Self::names().parse_ref(command, arg, name)?;
        Ok(MechanismArg {
            mechanism: Mechanism::parse(&name),
            is_optional,
        })
    }

    fn possible_values(&self) -> Option<Box<dyn Iterator<Item = PossibleValue> + '_>> {
        let values: Vec<PossibleValue> = Self::names().possible_values()?.collect();
        Some(Box::new(values.into_iter()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::parse::parse;
    use clap::{Args as _, FromArgMatches};
    use std::ffi::OsString;

    fn args(arguments: &[&str]) -> Args {
        let command = Args::augment_args(clap::Command::new("ehlo").no_binary_name(true));
        let matches = command.try_get_matches_from(arguments).unwrap();
        Args::from_arg_matches(&matches).unwrap()
    }

    fn options(arguments: &[&str]) -> Option<CredentialsOptions> {
        let mut session = session::Options {
            tls: TlsDemand::IfOffered,
            ..session::Options::default()
        };
        let result = args(arguments)
            .options(&mut session)
            .map_err(|error| error.text);
        result.unwrap_or_else(|text| panic!("{arguments:?}: {text}"))
    }

    /// The error for a whole command line.
    fn refused(arguments: &[&str]) -> String {
        let rest = ["-r", "mail.example.org", "-b", "", "b@x.org"];
        let all = ["ehlo"].iter().chain(arguments).chain(&rest);
        let result = parse(all.map(OsString::from), &mut Vec::new()).expect_err("nothing is wrong");
        assert_eq!(result.exit.code(), 64, "{}", result.text);
        assert_eq!(result.text.matches('\n').count(), 1, "{}", result.text);
        assert!(!result.text.contains("hunter2"), "{}", result.text);
        result.text
    }

    #[test]
    fn the_source_of_the_secret_is_selected_by_options() {
        let source = |rest: &[&str]| {
            let options = options(&[&["-u", "alice"], rest].concat()).unwrap();
            assert_eq!(options.user.as_deref(), Some("alice"));
            options.source
        };
        let command = || "pass show smtp".to_owned();
        assert_eq!(source(&[]), SecretSource::Found);
        assert_eq!(source(&["--auth", "plain,login"]), SecretSource::Found);
        assert_eq!(source(&["--auth", "EXTERNAL,PLAIN"]), SecretSource::Found);
        assert_eq!(source(&["--auth", "EXTERNAL"]), SecretSource::Nothing);
        let result = source(&["--password-command", "pass show smtp"]);
        assert_eq!(result, SecretSource::Command(command()));
        let result = source(&["--password-file", "x", "--allow-cleartext-password"]);
        assert_eq!(result, SecretSource::File("x".into()));
        let result = source(&["--oauth-token-command", "pass show smtp"]);
        assert_eq!(result, SecretSource::TokenCommand(command()));
        let list = [
            "--auth",
            "XOAuth2,PLAIN",
            "--oauth-token-command",
            "pass show smtp",
        ];
        assert_eq!(source(&list), SecretSource::TokenCommand(command()));
    }

    #[test]
    fn there_is_no_login_without_a_user() {
        assert_eq!(options(&[]), None);
        let external = options(&["--auth", "external"]).unwrap();
        assert_eq!(
            (external.user, external.source),
            (None, SecretSource::Nothing)
        );
    }

    #[test]
    fn external_sends_no_secret_and_needs_no_encryption() {
        for arguments in [
            &["--auth", "EXTERNAL"][..],
            &["--auth", "EXTERNAL", "--user", "alice"],
            &["--auth", "EXTERNAL", "--allow-cleartext-password"],
        ] {
            let mut clear = session::Options::default();
            let result = args(arguments).options(&mut clear);
            let result = result.map_err(|error| error.text).unwrap();
            assert_eq!(
                result.map(|login| login.source),
                Some(SecretSource::Nothing)
            );
        }
    }

    #[test]
    fn mechanisms_are_a_case_insensitive_list() {
        let result = args(&["--auth", "scram-sha-256,Plain", "--auth", "XOAUTH2"]);
        let right = [Mechanism::ScramSha256, Mechanism::Plain, Mechanism::XOAuth2];
        assert_eq!(result.mechanisms(), right);
    }

    #[test]
    fn options_of_a_secret_require_a_user() {
        for arguments in [
            &["--password-command", "echo hunter2"][..],
            &["--password-file", "x"],
            &["--oauth-token-command", "echo hunter2"],
            &["--auth", "PLAIN"],
            &["--auth", "EXTERNAL,PLAIN"],
            &["--allow-cleartext-password"],
        ] {
            let text = refused(arguments);
            assert!(text.contains("--user") && text.contains("--"), "{text}");
        }
        assert!(refused(&["--password-file", "x"]).contains("--password-file requires"));
    }

    #[test]
    fn the_source_of_the_secret_must_suit_the_mechanisms() {
        let token = ["--oauth-token-command", "echo hunter2"];
        for (arguments, word) in [
            (&["--auth", "PLAIN", token[0], token[1]][..], "OAUTHBEARER"),
            (&["--auth", "XOAUTH2"], "--oauth-token-command"),
            (&["--auth", "EXTERNAL,XOAUTH2"], "--oauth-token-command"),
            (
                &["--auth", "OAUTHBEARER,XOAUTH2", "--password-file", "x"],
                "--oauth-token-command",
            ),
            (
                &["--auth", "EXTERNAL", "--password-file", "x"],
                "--password-file",
            ),
            (&["--auth", "EXTERNAL", token[0], token[1]], token[0]),
        ] {
            let text = refused(&[&["-u", "alice"], arguments].concat());
            assert!(text.contains(word), "{text}");
        }
    }

    #[test]
    fn sources_of_the_secret_conflict_and_commands_are_not_shown() {
        let command = ["--password-command", "echo hunter2"];
        let token = ["--oauth-token-command", "echo hunter2"];
        let file = ["--password-file", "x"];
        for (one, other) in [(command, token), (command, file), (file, token)] {
            let text = refused(&[&["-u", "alice"], &one[..], &other].concat());
            assert!(text.contains(one[0]) && text.contains(other[0]), "{text}");
        }
        let twice = [&["-u", "alice"], &command[..], &command].concat();
        assert!(refused(&twice).contains("--password-command"));
    }

    #[test]
    fn invalid_values_are_reported_with_the_option() {
        for (arguments, word) in [
            (["--user", "al\r\nice"], "--user"),
            (["--user", "al\0ice"], "--user"),
            (["--user", "al\tice"], "a tab"),
            (["--user", ""], "--user"),
            (["--auth", "PLAN"], "PLAIN"),
            (["--auth", "PLAIN,"], "--auth"),
            (["--password-command", " "], "--password-command"),
        ] {
            let text = refused(&arguments);
            assert!(text.contains(word), "{text}");
        }
    }

    #[test]
    fn a_password_on_the_command_line_is_refused() {
        for arguments in [&["--password", "hunter2"][..], &["--password=hunter2"]] {
            let text = refused(arguments);
            assert!(text.contains("--password-"), "{text}");
        }
    }

    #[test]
    fn a_login_requires_a_relay() {
        for (arguments, option) in [
            (["-u", "alice"], "--user"),
            (["--auth", "EXTERNAL"], "--auth"),
        ] {
            let all = ["ehlo"]
                .iter()
                .chain(&arguments)
                .chain(&["-b", "", "b@x.org"]);
            let result = parse(all.map(OsString::from), &mut Vec::new()).expect_err("no relay");
            let right = format!("ehlo: {option} requires --relay: a password is sent only to");
            assert!(result.text.starts_with(&right), "{}", result.text);
            assert_eq!(result.exit.code(), 64);
        }
    }
}
