//! The options of `ehlo ask`.

use crate::cli::ask::Ask;
use crate::cli::options::output;
use crate::cli::options::testing::ClientIdentity;
use crate::cli::options::transport::ProbeTransportArgs;
use crate::cli::options::usage_error::UsageError;
use crate::cli::options::value;
use crate::cli::options::value::HostPort;
use crate::client::session::Protocol;
use crate::system::text::shown;

/// Send SMTP commands to a server and show its replies.
///
/// The session is opened as for a message (EHLO, STARTTLS, AUTH); then each command is sent after the reply to
/// the previous one, followed by QUIT. The exit status is 0 if every reply is 2xx, 69 if one is 5xx, and
/// otherwise 75.
#[derive(Debug, clap::Args)]
#[group(skip)]
#[command(
    mut_arg("tls", |arg| arg.long_help(TLS)),
    mut_arg("verbose", |arg| arg.help("Also show each address tried, and certificates")),
)]
pub struct Args {
    /// Server, or the path of a Unix socket.
    #[arg(value_name = "HOST[:PORT]|PATH", value_parser = value::relay)]
    host: HostPort,

    /// SMTP command, such as 'VRFY smith', 'EXPN list', HELP, NOOP or 'ETRN example.org'.
    ///
    /// It is sent verbatim. Append SMTPUTF8 if a name is not ASCII (RFC 6531).
    #[arg(value_name = "COMMAND", required = true, value_parser = command)]
    commands: Vec<String>,

    #[command(flatten)]
    transport: ProbeTransportArgs,
    #[command(flatten)]
    identity: ClientIdentity,
    #[command(flatten)]
    output: output::OutputArgs,
}

const TLS: &str = "\
When to use TLS.

`auto`: use STARTTLS if offered; on port 465, use implicit TLS; on a Unix socket, no TLS. The certificate must be \
valid unless -k is given. `starttls`, `implicit`: require TLS. `off`: never use TLS.";

/// Commands that change the state of the session, and the option or command that replaces each.
const REFUSED: [(&str, &str); 7] = [
    ("AUTH", "use --user"),
    ("BDAT", "use ehlo without a subcommand to send a message"),
    ("DATA", "use ehlo without a subcommand to send a message"),
    ("EHLO", "use --helo to set the name"),
    ("QUIT", "it is sent at the end"),
    ("STARTTLS", "use --tls starttls"),
    ("XCLIENT", "use --xclient"),
];

impl Args {
    pub fn plan(self) -> Result<Ask, UsageError> {
        check_order(&self.host, &self.commands)?;
        let protocol = if self.identity.is_lmtp() {
            Protocol::Lmtp
        } else {
            Protocol::Smtp
        };
        let mut transport = self.transport.transport(self.host, protocol)?;
        self.identity.apply(&mut transport.session)?;
        Ok(Ask {
            transport,
            commands: self.commands,
            output: self.output.options()?,
        })
    }
}

/// Commands of SMTP that are probably not the name of a host.
const VERBS: [&str; 9] = [
    "ETRN", "EXPN", "HELP", "MAIL", "NOOP", "RCPT", "RSET", "VRFY", "LHLO",
];

/// Commands that have an argument, which must be in the same word.
const WITH_ARGUMENT: [&str; 5] = ["ETRN", "EXPN", "MAIL", "RCPT", "VRFY"];

/// Refuses a command in the place of the server, and one whose argument is a word of its own.
fn check_order(host: &HostPort, commands: &[String]) -> Result<(), UsageError> {
    let is_any =
        |verbs: &[&str], word: &str| verbs.iter().any(|verb| verb.eq_ignore_ascii_case(word));
    let host = host.host.name();
    let is_command = |text: &String| {
        let word = text.split_ascii_whitespace().next();
        word.is_some_and(|word| is_any(&VERBS, word))
    };
    // A host may have such a name, and is then followed by a command.
    if is_any(&VERBS, &host) && !commands.iter().any(is_command) {
        return Err(UsageError::usage(format!(
            "\"{host}\" is in the place of the server; write ehlo ask HOST '{host} ...'; see ehlo ask --help"
        )));
    }
    for pair in commands.windows(2) {
        if let [verb, argument] = pair
            && is_any(&WITH_ARGUMENT, verb)
        {
            let (verb, argument) = (shown(verb), shown(argument));
            return Err(UsageError::usage(format!(
                "a command and its argument are one word: '{verb} {argument}'; see ehlo ask --help"
            )));
        }
    }
    Ok(())
}

/// One command that does not change the state of the session.
fn command(text: &str) -> Result<String, String> {
    let text = text.trim();
    if text.is_empty() || text.contains(char::is_control) {
        return Err("expected one line without control characters".to_owned());
    }
    let verb = text.split(' ').next().unwrap_or_default();
    let refused = REFUSED
        .iter()
        .find(|(name, _)| name.eq_ignore_ascii_case(verb));
    match refused {
        Some((name, instead)) => Err(format!(
            "{name} is not allowed here: {instead}; to send anything else, use ehlo script"
        )),
        None => Ok(text.to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::command;

    #[test]
    fn a_command_is_one_line_and_does_not_end_the_session() {
        assert_eq!(
            command(" VRFY Gr\u{fc}n SMTPUTF8 ").as_deref(),
            Ok("VRFY Gr\u{fc}n SMTPUTF8")
        );
        for text in ["", " ", "A\r\nRSET", "a\0", "data", "Quit now"] {
            assert!(command(text).is_err(), "{text:?}");
        }
    }
}
