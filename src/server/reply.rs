//! The fixed replies of the server. None of them quotes input of the client.

/// A negative reply, without its line end.
pub type Refusal = &'static str;

pub const OK: &str = "250 2.0.0 ok";
pub const SENDER_OK: &str = "250 2.1.0 sender ok";
pub const RECIPIENT_OK: &str = "250 2.1.5 recipient ok";
pub const GO_AHEAD: &str = "354 end data with <CRLF>.<CRLF>";
pub const READY_FOR_TLS: &str = "220 2.0.0 ready to start TLS";
pub const LOGGED_IN: &str = "235 2.7.0 welcome";
pub const PRDR_REPLIES: &str = "353 one reply per recipient follows";
pub const BYE: &str = "221 2.0.0 bye";
pub const CANNOT_VERIFY: &str = "252 2.5.0 cannot verify, but will accept the message";
pub const HELP: &str =
    "214 2.0.0 EHLO HELO MAIL RCPT DATA BDAT RSET NOOP VRFY HELP QUIT, see RFC 5321 and RFC 3030";

pub const TOO_MANY_CONNECTIONS: &str = "421 4.3.2 too many connections, try again later";
pub const STORE_FAILED: Refusal = "451 4.3.0 cannot store the message";
pub const STORE_FULL: Refusal = "452 4.3.1 insufficient storage";
pub const TOO_MANY_RECIPIENTS: Refusal = "452 4.5.3 too many recipients";

pub const UNKNOWN: Refusal = "500 5.5.1 command not recognized";
pub const LINE_TOO_LONG: Refusal = "500 5.5.2 line too long";
pub const NO_ARGUMENT: Refusal = "501 5.5.4 this command takes no argument";
pub const BAD_NAME: Refusal = "501 5.5.4 syntax: EHLO hostname";
pub const BAD_SIZE: Refusal = "501 5.5.4 SIZE needs a number of bytes";
pub const BAD_CHUNK: Refusal = "501 5.5.4 syntax: BDAT size [LAST]";
pub const VRFY_NEEDS_ADDRESS: Refusal = "501 5.5.4 VRFY needs an address";
pub const BAD_SENDER: Refusal = "501 5.1.7 syntax: MAIL FROM:<address>";
pub const BAD_RECIPIENT: Refusal = "501 5.1.3 syntax: RCPT TO:<address>";
pub const BAD_PARAMETER: Refusal = "501 5.5.4 malformed parameter value";
pub const DUPLICATE_PARAMETER: Refusal = "501 5.5.4 duplicate parameter";
pub const BAD_AUTH: Refusal = "501 5.5.4 syntax: AUTH mechanism [initial-response]";
pub const BAD_RESPONSE: Refusal = "501 5.5.2 malformed response";
pub const CANCELLED: Refusal = "501 5.7.0 cancelled";
pub const RESPONSE_TOO_LONG: Refusal = "500 5.5.6 response too long";
pub const BAD_XCLIENT: Refusal = "501 5.5.4 syntax: XCLIENT attribute=value...";
pub const NOT_IMPLEMENTED: Refusal = "502 5.5.1 command not implemented";
pub const EHLO_FIRST: Refusal = "503 5.5.1 EHLO or HELO first";
pub const LHLO_REQUIRED: Refusal = "500 5.5.1 this is LMTP, use LHLO";
pub const NO_SERVICE: Refusal = "503 5.5.1 no service here, use QUIT";
pub const TLS_ACTIVE: Refusal = "503 5.5.1 TLS already active";
pub const ALREADY_LOGGED_IN: Refusal = "503 5.5.1 already authenticated";
pub const IN_TRANSACTION: Refusal = "503 5.5.1 not permitted during a mail transaction";
pub const BINARY_NEEDS_BDAT: Refusal = "503 5.5.1 BODY=BINARYMIME requires BDAT";
pub const NO_MECHANISM: Refusal = "504 5.5.4 unknown mechanism";
pub const TLS_FIRST: Refusal = "530 5.7.0 STARTTLS first";
pub const AUTH_FIRST: Refusal = "530 5.7.0 AUTH first";
pub const WRONG_LOGIN: Refusal = "535 5.7.8 invalid user or password";
pub const AUTH_NEEDS_TLS: Refusal = "538 5.7.11 encryption required";
pub const NESTED_MAIL: Refusal = "503 5.5.1 a transaction is open, RSET first";
pub const MAIL_FIRST: Refusal = "503 5.5.1 MAIL first";
pub const CHUNKS_BEGUN: Refusal = "503 5.5.1 only BDAT or RSET after BDAT";
pub const TRANSACTION_FAILED: Refusal = "503 5.5.1 this transaction has failed, RSET first";
pub const TOO_LARGE: Refusal = "552 5.3.4 message too large";
pub const NEEDS_SMTPUTF8: Refusal = "553 5.6.7 a non-ASCII address needs SMTPUTF8 and valid UTF-8";
pub const NO_RECIPIENTS: Refusal = "554 5.5.1 no valid recipients";
pub const NO_RECIPIENTS_OF_LMTP: Refusal = "503 5.5.1 no valid recipients";
pub const ALL_RECIPIENTS_REFUSED: Refusal = "550 5.7.1 refused for every recipient";
pub const UNKNOWN_PARAMETER: Refusal = "555 5.5.4 parameter not recognized";

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

/// True if the reply means that the client sent a command that a correct client does not send.
pub fn counts_as_error(reply: &str) -> bool {
    reply.starts_with("50") || reply.starts_with("555")
}

#[cfg(test)]
mod tests {
    use super::*;

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
    fn protocol_error_counts_and_refused_message_does_not() {
        assert!(
            counts_as_error(UNKNOWN)
                && counts_as_error(MAIL_FIRST)
                && counts_as_error(UNKNOWN_PARAMETER)
        );
        assert!(
            !counts_as_error(OK) && !counts_as_error(TOO_LARGE) && !counts_as_error(NO_RECIPIENTS)
        );
    }
}
