//! Commands that are put to a server.

use super::bench::Guise;
use super::value::{self, Target};
use super::{Wrong, auth, output, route, tls};
use crate::plan::Ask;
use crate::session::{self, Protocol};
use std::time::Duration;

/// Say commands to a server, and show what it answers.
///
/// Greeting, EHLO, STARTTLS and AUTH are held as for a message; then each command is said behind the reply
/// to the one before, and QUIT at the end. The exit status is 0 when every reply is 2yz, 69 when one is 5yz,
/// else 75.
#[derive(Debug, clap::Args)]
#[group(skip)]
pub struct Args {
    /// The server, or a unix socket.
    #[arg(value_name = "HOST[:PORT]|PATH", value_parser = value::server)]
    host: Target,

    /// What is said, like 'VRFY smith', 'EXPN list', HELP, NOOP or 'ETRN example.org'.
    ///
    /// It goes out as it stands here. A name that is not ASCII wants SMTPUTF8 behind it (RFC 6531).
    #[arg(value_name = "COMMAND", required = true, value_parser = command)]
    commands: Vec<String>,

    /// The port [default: 25, and 465 with --tls implicit].
    #[arg(short, long, value_parser = value::port)]
    port: Option<u16>,

    /// Our name in EHLO [default: this host's full name].
    #[arg(long, visible_alias = "ehlo", value_name = "NAME", value_parser = value::helo)]
    helo: Option<String>,

    /// The time limit for every step, like 5s.
    #[arg(long, value_name = "TIME", value_parser = value::duration, default_value = "30s")]
    timeout: Duration,

    #[command(flatten)]
    reach: route::Reach,
    #[command(flatten)]
    tls: tls::Args,
    #[command(flatten)]
    auth: auth::Args,
    #[command(flatten)]
    guise: Guise,
    #[command(flatten)]
    output: output::Conversation,
}

/// Commands that change what the conversation is, and which option or verb is for them.
const OTHERS: [(&str, &str); 7] = [
    ("AUTH", "--user logs in"),
    ("BDAT", "ehlo without a verb sends messages"),
    ("DATA", "ehlo without a verb sends messages"),
    ("EHLO", "--helo says the name"),
    ("QUIT", "it is said at the end"),
    ("STARTTLS", "--tls starttls begins it"),
    ("XCLIENT", "--xclient says it"),
];

impl Args {
    /// What is asked, and where.
    pub fn plan(self) -> Result<Ask, Wrong> {
        let mut session = session::Options {
            helo: self.helo,
            timeout: Some(self.timeout),
            ..session::Options::default()
        };
        if self.guise.is_lmtp() {
            session.protocol = Protocol::Lmtp;
        }
        let route = route::Args::to(self.host, self.port, self.reach);
        let mut way = super::way(route, session, self.tls, self.auth)?;
        self.guise.apply(&mut way.session)?;
        Ok(Ask {
            way,
            commands: self.commands,
            output: self.output.options()?,
        })
    }
}

/// One line that leaves the conversation what it is.
fn command(text: &str) -> Result<String, String> {
    let text = text.trim();
    if text.is_empty() || text.contains(char::is_control) {
        return Err("it wants one line without control characters".to_owned());
    }
    let verb = text.split(' ').next().unwrap_or_default();
    let other = OTHERS
        .iter()
        .find(|(name, _)| name.eq_ignore_ascii_case(verb));
    match other {
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
    fn one_line_in_any_script_is_asked_and_nothing_that_ends_it() {
        assert_eq!(
            command(" VRFY Gr\u{fc}n SMTPUTF8 ").as_deref(),
            Ok("VRFY Gr\u{fc}n SMTPUTF8")
        );
        for text in ["", " ", "A\r\nRSET", "a\0", "data", "Quit now"] {
            assert!(command(text).is_err(), "{text:?}");
        }
    }
}
