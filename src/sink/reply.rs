//! Every fixed line that the sink says. Nothing of these quotes the peer, so nothing it sent comes back.

use super::Declined;
use crate::text::printable;
use std::borrow::Cow;

/// The most of a line that is said, with its line end (RFC 5321 §4.5.3.1.5).
const LONGEST: usize = 510;

/// A reply that declines what was asked, without its line end.
pub type Refusal = &'static str;

pub const OK: &str = "250 2.0.0 ok";
pub const SENDER_OK: &str = "250 2.1.0 sender ok";
pub const RECIPIENT_OK: &str = "250 2.1.5 recipient ok";
pub const GO_AHEAD: &str = "354 end data with <CRLF>.<CRLF>";
pub const CANNOT_VERIFY: &str = "252 2.5.0 cannot verify, but will take the message";
pub const HELP: &str =
    "214 2.0.0 EHLO HELO MAIL RCPT DATA BDAT RSET NOOP VRFY HELP QUIT, see RFC 5321 and RFC 3030";

pub const TOO_MANY_CONNECTIONS: &str = "421 4.3.2 too many connections, try again later";
pub const STORE_FAILED: Refusal = "452 4.3.0 cannot store the message";
pub const TOO_MANY_RECIPIENTS: Refusal = "452 4.5.3 too many recipients";

pub const UNKNOWN: Refusal = "500 5.5.1 command not recognized";
pub const LINE_TOO_LONG: Refusal = "500 5.5.2 line too long";
pub const NO_ARGUMENT: Refusal = "501 5.5.4 this command takes no argument";
pub const BAD_NAME: Refusal = "501 5.5.4 syntax: EHLO or HELO, and one host name";
pub const BAD_SIZE: Refusal = "501 5.5.4 SIZE takes a number of bytes";
pub const BAD_CHUNK: Refusal = "501 5.5.4 syntax: BDAT, a number of bytes, and perhaps LAST";
pub const VERIFY_WHOM: Refusal = "501 5.5.4 VRFY takes an address";
pub const BAD_SENDER: Refusal = "501 5.1.7 syntax: MAIL FROM:<address>";
pub const BAD_RECIPIENT: Refusal = "501 5.1.3 syntax: RCPT TO:<address>";
pub const NOT_IMPLEMENTED: Refusal = "502 5.5.1 command not implemented";
pub const HELLO_FIRST: Refusal = "503 5.5.1 EHLO or HELO first";
pub const NESTED_MAIL: Refusal = "503 5.5.1 a transaction is open, RSET first";
pub const MAIL_FIRST: Refusal = "503 5.5.1 MAIL first";
pub const CHUNKS_BEGUN: Refusal = "503 5.5.1 only BDAT or RSET after BDAT";
pub const TRANSACTION_DEAD: Refusal = "503 5.5.1 this transaction has failed, RSET first";
pub const TOO_LARGE: Refusal = "552 5.3.4 message too large";
pub const NEEDS_SMTPUTF8: Refusal = "553 5.6.7 a non-ASCII address needs SMTPUTF8 and valid UTF-8";
pub const NO_RECIPIENTS: Refusal = "554 5.5.1 no valid recipients";
pub const UNKNOWN_PARAMETER: Refusal = "555 5.5.4 parameter not recognized";

/// What the peer hears where a store does not take something.
pub fn declined(declined: Declined) -> Cow<'static, str> {
    let Declined::Reason { code, why } = declined else {
        return STORE_FAILED.into();
    };
    let mut line = format!("{code} {}", printable(why.as_bytes()));
    line.truncate(LONGEST);
    line.into()
}

/// Whether a reply blames the peer for a command that no sane client sends.
pub fn is_reproach(reply: &str) -> bool {
    reply.starts_with("50") || reply.starts_with("555")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reason_is_one_line_whatever_is_in_it() {
        let why = format!("no {}\r\n250 ok", "é".repeat(300));
        let line = declined(Declined::Reason {
            code: "550 5.1.1",
            why,
        });
        assert!(line.starts_with("550 5.1.1 no \\xc3\\xa9"), "{line}");
        assert_eq!(line.len(), LONGEST);
        assert!(!line.contains(char::is_control), "{line}");
    }

    #[test]
    fn a_wrong_command_is_a_reproach_and_a_refused_message_is_not() {
        assert!(is_reproach(UNKNOWN) && is_reproach(MAIL_FIRST) && is_reproach(UNKNOWN_PARAMETER));
        assert!(!is_reproach(OK) && !is_reproach(TOO_LARGE) && !is_reproach(NO_RECIPIENTS));
    }
}
