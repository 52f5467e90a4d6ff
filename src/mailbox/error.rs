//! Errors of a session with a mailbox.

use crate::client::connect::ConnectError;
use crate::client::credentials::CredentialsError;
use crate::client::status::{Hint, with_hint};
use crate::client::wire::{TlsError, WireError};
use crate::system::text::reason;
use std::io;

/// The reason for which a session with a mailbox cannot continue.
#[derive(Debug, thiserror::Error)]
pub enum MailboxError {
    #[error("{}", with_hint(&.0.why, .0.hint))]
    Connect(ConnectError),
    /// The connection failed during this step.
    #[error("{1}, {0}")]
    Wire(String, WireError),
    /// The server violated the protocol. A verb phrase.
    #[error("the server {0}")]
    Protocol(String),
    #[error("{}", of_tls(.0))]
    Tls(TlsError),
    #[error("it does not offer {0}, which --tls requires")]
    NoStarttls(&'static str),
    /// The command for TLS was refused, with these words.
    #[error("it refused {0}: {1}")]
    StarttlsRefused(&'static str, String),
    /// The session is authenticated before it begins, so that the login, or TLS, would be skipped.
    #[error("it claims that the session is already authenticated (PREAUTH), {0}")]
    Preauth(&'static str),
    #[error(
        "the connection has no TLS, so the password was not sent; use imaps:// or pop3s://, or \
         --allow-cleartext-password"
    )]
    PasswordInClear,
    #[error("it requires a login; name the user in the URL or with --user")]
    NoUser,
    /// The mechanisms that it offers.
    #[error(
        "no usable mechanism for the login: it offers {0}; check --auth, --oauth and --oauth-token-command"
    )]
    NoMechanism(String),
    #[error("it rejected the login: {text}")]
    LoginRefused {
        text: String,
        /// True if the login may succeed later.
        is_temporary: bool,
    },
    /// The login failed without a final reply.
    #[error("cannot log in: {0}")]
    Login(String),
    #[error("{0}")]
    Credentials(CredentialsError),
    /// A command was refused.
    #[error("it refused {command}: {text}")]
    Refused {
        command: String,
        text: String,
        is_temporary: bool,
    },
    /// The server ended the session, with these words.
    #[error("it ended the session: {0}")]
    Bye(String),
    #[error("message {id} has {size} bytes, more than --max-size {limit}")]
    TooLarge { id: String, size: u64, limit: u64 },
    /// It lacks an extension.
    #[error("it does not support {0}")]
    Unsupported(&'static str),
    #[error("there is no message {0}")]
    NoMessage(String),
    /// The copy of a message cannot be written.
    #[error("{}", reason(.0))]
    Output(io::Error),
    /// The deadline of the whole run has passed.
    #[error("the time limit has passed")]
    Deadline,
}

impl MailboxError {
    /// True if the server is not reached, or is the same as before, so that the error does not name it.
    pub fn names_server(&self) -> bool {
        matches!(
            self,
            Self::Connect(_) | Self::Credentials(_) | Self::Deadline
        )
    }
}

/// True if the text of a refusal begins with one of these response codes, in brackets.
pub fn has_code(text: &str, codes: &[&str]) -> bool {
    let code = text.strip_prefix('[').and_then(|rest| rest.split_once(']'));
    let code = code.map(|(code, _)| code.to_ascii_uppercase());
    code.is_some_and(|code| codes.contains(&code.as_str()))
}

fn of_tls(error: &TlsError) -> String {
    match error {
        TlsError::Certificate { why, hint, .. } => {
            with_hint(&format!("the certificate {why}"), *hint)
        }
        TlsError::Wire(WireError::Closed) => with_hint(
            "the connection was closed during the TLS handshake",
            Some(Hint::TryAgain),
        ),
        other => other.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::has_code;

    #[test]
    fn a_response_code_is_in_brackets_at_the_beginning() {
        let codes = ["UNAVAILABLE", "IN-USE"];
        assert!(has_code("[UNAVAILABLE] later", &codes) && has_code("[in-use] locked", &codes));
        for text in ["[AUTH] no", "UNAVAILABLE", "x [IN-USE]", "[", ""] {
            assert!(!has_code(text, &codes), "{text}");
        }
    }
}
