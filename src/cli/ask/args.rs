//! Commands that are put to a server.

use crate::cli::ask::Ask;
use crate::cli::options::output;
use crate::cli::options::testing::ClientIdentity;
use crate::cli::options::transport::ProbeTransportArgs;
use crate::cli::options::usage_error::UsageError;
use crate::cli::options::value;
use crate::cli::options::value::HostPort;
use crate::client::session::Protocol;

/// Say commands to a server, and show what it answers.
///
/// Greeting, EHLO, STARTTLS and AUTH are held as for a message; then each command is said behind the reply
/// to the one before, and QUIT at the end. The exit status is 0 when every reply is 2yz, 69 when one is 5yz,
/// else 75.
#[derive(Debug, clap::Args)]
#[group(skip)]
#[command(
    mut_arg("tls", |arg| arg.long_help(TLS)),
    mut_arg("verbose", |arg| arg.help("Show every address considered, and certificates")),
)]
pub struct Args {
    /// The server, or a unix socket.
    #[arg(value_name = "HOST[:PORT]|PATH", value_parser = value::relay)]
    host: HostPort,

    /// What is said, like 'VRFY smith', 'EXPN list', HELP, NOOP or 'ETRN example.org'.
    ///
    /// It goes out as it stands here. A name that is not ASCII wants SMTPUTF8 behind it (RFC 6531).
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
When to encrypt.

`auto`: STARTTLS where it is offered; on port 465, TLS from the first byte on; none through a unix socket. The \
certificate must be right, unless -k says otherwise. `starttls` and `implicit`: no command without it.";

/// Commands that change the state of the session, and the option or command that replaces each.
const REFUSED: [(&str, &str); 7] = [
    ("AUTH", "--user logs in"),
    ("BDAT", "ehlo without a verb sends messages"),
    ("DATA", "ehlo without a verb sends messages"),
    ("EHLO", "--helo says the name"),
    ("QUIT", "it is said at the end"),
    ("STARTTLS", "--tls starttls begins it"),
    ("XCLIENT", "--xclient says it"),
];

impl Args {
    pub fn plan(self) -> Result<Ask, UsageError> {
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

/// One command that does not change the state of the session.
fn command(text: &str) -> Result<String, String> {
    let text = text.trim();
    if text.is_empty() || text.contains(char::is_control) {
        return Err("it wants one line without control characters".to_owned());
    }
    let verb = text.split(' ').next().unwrap_or_default();
    let refused = REFUSED
        .iter()
        .find(|(name, _)| name.eq_ignore_ascii_case(verb));
    match refused {
        Some((name, instead)) => Err(format!(
            "{name} cannot be asked: {instead}; ehlo script says anything"
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
