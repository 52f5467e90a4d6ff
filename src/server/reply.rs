//! The fixed replies of the server. None of them quotes input of the peer.

use crate::server::Declined;
use crate::system::text::printable;
use std::borrow::Cow;

/// Maximum length of a reply line without its line end (RFC 5321 §4.5.3.1.5: 512 with it).
const LONGEST: usize = 510;

/// A reply that declines what was asked, without its line end.
pub type Refusal = &'static str;

pub const OK: &str = "250 2.0.0 ok";
pub const SENDER_OK: &str = "250 2.1.0 sender ok";
pub const RECIPIENT_OK: &str = "250 2.1.5 recipient ok";
pub const GO_AHEAD: &str = "354 end data with <CRLF>.<CRLF>";
pub const GO_SECURE: &str = "220 2.0.0 ready to start TLS";
pub const LOGGED_IN: &str = "235 2.7.0 welcome";
pub const ANALYSING: &str = "353 the recipients follow one by one";
pub const BYE: &str = "221 2.0.0 bye";
pub const CANNOT_VERIFY: &str = "252 2.5.0 cannot verify, but will take the message";
pub const HELP: &str =
    "214 2.0.0 EHLO HELO MAIL RCPT DATA BDAT RSET NOOP VRFY HELP QUIT, see RFC 5321 and RFC 3030";

pub const TOO_MANY_CONNECTIONS: &str = "421 4.3.2 too many connections, try again later";
pub const STORE_FAILED: Refusal = "451 4.3.0 cannot store the message";
pub const STORE_FULL: Refusal = "452 4.3.1 no room for the message";
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
pub const BAD_PARAMETER: Refusal = "501 5.5.4 the value of a parameter is malformed";
pub const TWICE: Refusal = "501 5.5.4 a parameter is given twice";
pub const BAD_AUTH: Refusal = "501 5.5.4 syntax: AUTH, a mechanism, and perhaps a response";
pub const BAD_RESPONSE: Refusal = "501 5.5.2 this response is not what the mechanism has";
pub const CANCELLED: Refusal = "501 5.7.0 cancelled";
pub const RESPONSE_TOO_LONG: Refusal = "500 5.5.6 the response is too long";
pub const BAD_XCLIENT: Refusal = "501 5.5.4 syntax: XCLIENT, and attributes with values";
pub const NOT_IMPLEMENTED: Refusal = "502 5.5.1 command not implemented";
pub const HELLO_FIRST: Refusal = "503 5.5.1 EHLO or HELO first";
pub const LHLO_HERE: Refusal = "500 5.5.1 this is LMTP, say LHLO";
pub const NO_SERVICE: Refusal = "503 5.5.1 no service here, say QUIT";
pub const SECURED: Refusal = "503 5.5.1 TLS is active already";
pub const KNOWN: Refusal = "503 5.5.1 you are logged in already";
pub const IN_TRANSACTION: Refusal = "503 5.5.1 not while a transaction is open";
pub const BINARY_IS_CHUNKED: Refusal = "503 5.5.1 BODY=BINARYMIME goes with BDAT";
pub const NO_MECHANISM: Refusal = "504 5.5.4 there is no such mechanism";
pub const TLS_FIRST: Refusal = "530 5.7.0 STARTTLS first";
pub const AUTH_FIRST: Refusal = "530 5.7.0 AUTH first";
pub const WRONG_LOGIN: Refusal = "535 5.7.8 the user or the password is wrong";
pub const AUTH_NEEDS_TLS: Refusal = "538 5.7.11 encryption is required for this";
pub const NESTED_MAIL: Refusal = "503 5.5.1 a transaction is open, RSET first";
pub const MAIL_FIRST: Refusal = "503 5.5.1 MAIL first";
pub const CHUNKS_BEGUN: Refusal = "503 5.5.1 only BDAT or RSET after BDAT";
pub const TRANSACTION_DEAD: Refusal = "503 5.5.1 this transaction has failed, RSET first";
pub const TOO_LARGE: Refusal = "552 5.3.4 message too large";
pub const NEEDS_SMTPUTF8: Refusal = "553 5.6.7 a non-ASCII address needs SMTPUTF8 and valid UTF-8";
pub const NO_RECIPIENTS: Refusal = "554 5.5.1 no valid recipients";
pub const NO_RECIPIENTS_OF_LMTP: Refusal = "503 5.5.1 no valid recipients";
pub const NOBODY_TAKES_IT: Refusal = "550 5.7.1 no recipient takes it";
pub const UNKNOWN_PARAMETER: Refusal = "555 5.5.4 parameter not recognized";

/// The reply for a failure of the store.
pub fn failed(error: &std::io::Error) -> Refusal {
    match error.kind() {
        std::io::ErrorKind::StorageFull | std::io::ErrorKind::QuotaExceeded => STORE_FULL,
        _ => STORE_FAILED,
    }
}

/// The reply without its enhanced codes (RFC 2034), for sessions without ENHANCEDSTATUSCODES.
pub fn without_enhanced(reply: &str) -> String {
    let lines: Vec<String> = reply.split("\r\n").map(plain_line).collect();
    lines.join("\r\n")
}

fn plain_line(line: &str) -> String {
    let split = line.split_at_checked(4).and_then(|(code, rest)| {
        let (enhanced, text) = rest.split_once(' ')?;
        let is_code = enhanced.split('.').count() == 3
            && enhanced
                .bytes()
                .all(|byte| byte.is_ascii_digit() || byte == b'.');
        is_code.then(|| format!("{code}{text}"))
    });
    split.unwrap_or_else(|| line.to_owned())
}

/// The reply for a recipient or message that the store declines.
pub fn declined(declined: Declined) -> Cow<'static, str> {
    let (code, why) = match declined {
        Declined::Trouble(error) => return failed(&error).into(),
        Declined::Reason { code, why } => (code, why),
    };
    let mut line = format!("{code} {}", printable(why.as_bytes()));
    line.truncate(LONGEST);
    line.into()
}

/// True if the reply means that the peer sent a command that a correct client does not send.
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
    fn enhanced_codes_can_be_left_out() {
        assert_eq!(
            without_enhanced("250-2.1.0 a\r\n250 2.1.0 b"),
            "250-a\r\n250 b"
        );
        for line in [
            "250-SIZE 20",
            "250 sink.x",
            "354 end data",
            "220 1.2 x",
            "250",
        ] {
            assert_eq!(without_enhanced(line), line);
        }
    }

    #[test]
    fn a_wrong_command_is_a_reproach_and_a_refused_message_is_not() {
        assert!(is_reproach(UNKNOWN) && is_reproach(MAIL_FIRST) && is_reproach(UNKNOWN_PARAMETER));
        assert!(!is_reproach(OK) && !is_reproach(TOO_LARGE) && !is_reproach(NO_RECIPIENTS));
    }
}
