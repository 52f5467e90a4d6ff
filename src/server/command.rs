//! The parser of a command line. Pure: the meaning of a line, without regard to the state of the session.

use crate::server::arguments;
use crate::server::offers::OfferList;
use crate::server::reply;
use crate::server::reply::Refusal;
use crate::smtp::blocks::BodyType;
use crate::smtp::extension::Extension;
use crate::system::text::printable;

/// A command of the client.
#[derive(Debug, PartialEq, Eq)]
pub enum Command {
    Ehlo(String),
    Helo(String),
    Lhlo(String),
    StartTls,
    Auth(AuthCommand),
    /// Another address of the client, as `NAME=value` words.
    Xclient(Vec<Attribute>),
    Mail(MailCommand),
    Rcpt(RcptCommand),
    Data,
    Bdat(Chunk),
    Rset,
    Noop,
    Vrfy,
    Help,
    Quit,
}

/// MAIL with its parameters.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct MailCommand {
    /// Without angle brackets; empty for the null sender.
    pub sender: String,
    /// The announced length in bytes (RFC 1870); 0 when none was announced.
    pub size: u64,
    pub body_8bit: bool,
    pub smtputf8: bool,
    /// All words after the address.
    pub parameters: Vec<String>,
}

/// RCPT with its parameters.
#[derive(Debug, PartialEq, Eq)]
pub struct RcptCommand {
    pub address: String,
    pub parameters: Vec<String>,
}

/// AUTH (RFC 4954 §4).
#[derive(Debug, PartialEq, Eq)]
pub struct AuthCommand {
    pub mechanism: String,
    /// In base64, or `=` for an empty one.
    pub initial: Option<Vec<u8>>,
}

/// An attribute of XCLIENT; its value as xtext.
#[derive(Debug, PartialEq, Eq)]
pub struct Attribute {
    pub name: String,
    pub value: String,
}

/// BDAT (RFC 3030 §2).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Chunk {
    /// Number of bytes that follow the line.
    pub size: u64,
    pub last: bool,
}

/// Parses a line without its line end. Commands that are not offered are not recognized. The error is the
/// reply.
pub fn parse(line: &[u8], offers: &OfferList) -> Result<Command, Refusal> {
    let line = line.trim_ascii_end();
    let end = memchr::memchr(b' ', line).unwrap_or(line.len());
    let (verb, argument) = (&line[..end], line[end..].trim_ascii_start());
    match verb.to_ascii_uppercase().as_slice() {
        b"EHLO" => host_name(argument).map(Command::Ehlo),
        b"HELO" => host_name(argument).map(Command::Helo),
        b"LHLO" => host_name(argument).map(Command::Lhlo),
        b"STARTTLS" if offers.has(Extension::Starttls) => alone(argument, Command::StartTls),
        b"AUTH" if offers.has(Extension::Auth) => login(argument).map(Command::Auth),
        b"XCLIENT" if offers.has(Extension::Xclient) => attributes(argument).map(Command::Xclient),
        b"MAIL" => mail(argument, offers).map(Command::Mail),
        b"RCPT" => recipient(argument, offers).map(Command::Rcpt),
        b"DATA" => alone(argument, Command::Data),
        b"BDAT" => chunk(argument).map(Command::Bdat),
        b"RSET" => alone(argument, Command::Rset),
        b"QUIT" => alone(argument, Command::Quit),
        b"NOOP" => Ok(Command::Noop),
        b"HELP" if offers.recognizes(Extension::Help) => Ok(Command::Help),
        b"VRFY" if !offers.recognizes(Extension::Vrfy) => Err(reply::NOT_IMPLEMENTED),
        b"VRFY" if argument.is_empty() => Err(reply::VRFY_NEEDS_ADDRESS),
        b"VRFY" => Ok(Command::Vrfy),
        b"AUTH" | b"ETRN" | b"EXPN" | b"HELP" | b"SAML" | b"SEND" | b"SOML" | b"STARTTLS"
        | b"TURN" | b"XCLIENT" | b"XFORWARD" => Err(reply::NOT_IMPLEMENTED),
        _ => Err(reply::UNKNOWN),
    }
}

fn alone(argument: &[u8], command: Command) -> Result<Command, Refusal> {
    match argument {
        [] => Ok(command),
        _ => Err(reply::NO_ARGUMENT),
    }
}

fn host_name(argument: &[u8]) -> Result<String, Refusal> {
    let plain = !argument.is_empty() && argument.iter().all(u8::is_ascii_graphic);
    let name = str::from_utf8(argument).ok().filter(|_| plain);
    name.map(str::to_owned).ok_or(reply::BAD_NAME)
}

fn mail(argument: &[u8], offers: &OfferList) -> Result<MailCommand, Refusal> {
    let path = arguments::parse_path(argument, "FROM:", reply::BAD_SENDER)?;
    let parameters = arguments::mail_parameters(path.parameters, offers)?;
    let value = |name| arguments::value(&parameters, name);
    let size = value("SIZE").map(|digits| announced(digits.as_bytes()));
    let body = value("BODY").and_then(BodyType::parse);
    Ok(MailCommand {
        sender: path.address,
        size: size.transpose()?.unwrap_or(0),
        body_8bit: body.is_some_and(|body| body != BodyType::SevenBit),
        smtputf8: value("SMTPUTF8").is_some(),
        parameters,
    })
}

// RFC 1870 §3 allows twenty digits, which is more than a u64 holds: all of that is too large.
fn announced(digits: &[u8]) -> Result<u64, Refusal> {
    match number(digits) {
        None if digits.len() == 20 && digits.iter().all(u8::is_ascii_digit) => Ok(u64::MAX),
        size => size.ok_or(reply::BAD_SIZE),
    }
}

fn recipient(argument: &[u8], offers: &OfferList) -> Result<RcptCommand, Refusal> {
    let path = arguments::parse_path(argument, "TO:", reply::BAD_RECIPIENT)?;
    if path.address.is_empty() {
        return Err(reply::BAD_RECIPIENT);
    }
    Ok(RcptCommand {
        address: path.address,
        parameters: arguments::rcpt_parameters(path.parameters, offers)?,
    })
}

fn login(argument: &[u8]) -> Result<AuthCommand, Refusal> {
    let mut words = words(argument);
    let mechanism = words.next().map(printable).ok_or(reply::BAD_AUTH)?;
    let initial = words.next().map(<[u8]>::to_vec);
    match words.next() {
        None => Ok(AuthCommand { mechanism, initial }),
        Some(_) => Err(reply::BAD_AUTH),
    }
}

fn attributes(argument: &[u8]) -> Result<Vec<Attribute>, Refusal> {
    let attribute = |word: &[u8]| {
        let (name, value) = str::from_utf8(word).ok()?.split_once('=')?;
        let is_plain = !name.is_empty() && word.iter().all(u8::is_ascii_graphic);
        is_plain.then(|| Attribute {
            name: name.to_ascii_uppercase(),
            value: value.to_owned(),
        })
    };
    let all: Option<Vec<Attribute>> = words(argument).map(attribute).collect();
    all.filter(|all| !all.is_empty()).ok_or(reply::BAD_XCLIENT)
}

fn chunk(argument: &[u8]) -> Result<Chunk, Refusal> {
    let mut words = words(argument);
    let size = words.next().and_then(number).ok_or(reply::BAD_CHUNK)?;
    let last = words.next().map(|word| word.eq_ignore_ascii_case(b"LAST"));
    match (last, words.next()) {
        (None, _) => Ok(Chunk { size, last: false }),
        (Some(true), None) => Ok(Chunk { size, last: true }),
        _ => Err(reply::BAD_CHUNK),
    }
}

/// A decimal number of at most twenty digits, without a sign.
fn number(digits: &[u8]) -> Option<u64> {
    let plain = (1..=20).contains(&digits.len()) && digits.iter().all(u8::is_ascii_digit);
    let digits = str::from_utf8(digits).ok().filter(|_| plain)?;
    digits.parse().ok()
}

fn words(text: &[u8]) -> impl Iterator<Item = &[u8]> {
    text.split(|&byte| byte == b' ')
        .filter(|word| !word.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::server::offers::Offer;

    fn parse(line: &[u8]) -> Result<Command, Refusal> {
        super::parse(line, &OfferList::default())
    }

    fn mail(line: &str) -> MailCommand {
        match parse(line.as_bytes()) {
            Ok(Command::Mail(mail)) => mail,
            other => panic!("{line}: {other:?}"),
        }
    }

    fn refusal(line: &str) -> Refusal {
        parse(line.as_bytes()).expect_err(line)
    }

    #[test]
    fn verbs_are_parsed_in_any_case_and_trailing_space_is_dropped() {
        assert_eq!(parse(b"qUiT"), Ok(Command::Quit));
        assert_eq!(parse(b"data \t "), Ok(Command::Data));
        assert_eq!(parse(b"ehlo  me.x"), Ok(Command::Ehlo("me.x".into())));
        assert_eq!(parse(b"HELO [::1]"), Ok(Command::Helo("[::1]".into())));
        assert_eq!(parse(b"noop whatever"), Ok(Command::Noop));
        assert_eq!(parse(b"VRFY bob"), Ok(Command::Vrfy));
    }

    #[test]
    fn unknown_and_unimplemented_verbs_differ() {
        for line in [
            "",
            " ",
            "FOO",
            "MAILFROM:<a@x>",
            " QUIT",
            "Q\0IT",
            "GET / HTTP/1.1",
        ] {
            assert_eq!(refusal(line), reply::UNKNOWN, "{line:?}");
        }
        for line in ["EXPN x", "STARTTLS", "AUTH PLAIN", "turn"] {
            assert_eq!(refusal(line), reply::NOT_IMPLEMENTED, "{line}");
        }
    }

    #[test]
    fn ehlo_needs_one_host_name() {
        for line in ["EHLO", "HELO ", "EHLO a b", "EHLO a\x01", "HELO é"] {
            assert_eq!(refusal(line), reply::BAD_NAME, "{line:?}");
        }
    }

    #[test]
    fn argument_of_a_command_without_one_is_refused() {
        for line in ["DATA x", "RSET x", "QUIT now"] {
            assert_eq!(refusal(line), reply::NO_ARGUMENT, "{line}");
        }
        assert_eq!(refusal("VRFY"), reply::VRFY_NEEDS_ADDRESS);
    }

    #[test]
    fn mail_parameters_are_parsed_in_any_case_and_order() {
        let all = mail("MAIL FROM:<a@x> smtputf8 Body=8bitMIME SIZE=12");
        assert_eq!(all.sender, "a@x");
        assert_eq!(all.size, 12);
        assert!(all.body_8bit && all.smtputf8);
        assert_eq!(mail("MAIL FROM:<>"), MailCommand::default());
        assert!(!mail("MAIL FROM:<> BODY=7BIT").body_8bit);
    }

    #[test]
    fn unknown_parameters_are_refused() {
        for line in [
            "MAIL FROM:<a@x> RET=FULL",
            "MAIL FROM:<a@x> BODY=BINARYMIME",
            "MAIL FROM:<a@x> SMTPUTF8=1",
            "MAIL FROM:<a@x> SIZE",
            "RCPT TO:<a@x> NOTIFY=NEVER",
        ] {
            assert_eq!(refusal(line), reply::UNKNOWN_PARAMETER, "{line}");
        }
    }

    #[test]
    fn huge_size_is_too_large_and_malformed_size_is_refused() {
        assert_eq!(
            mail("MAIL FROM:<> SIZE=99999999999999999999").size,
            u64::MAX
        );
        for size in ["", "-5", "+5", "1x", "999999999999999999999"] {
            assert_eq!(
                refusal(&format!("MAIL FROM:<> SIZE={size}")),
                reply::BAD_SIZE
            );
        }
    }

    #[test]
    fn only_the_sender_may_be_null() {
        assert_eq!(refusal("RCPT TO:<>"), reply::BAD_RECIPIENT);
        assert_eq!(refusal("MAIL FROM:a@x"), reply::BAD_SENDER);
        let bob = RcptCommand {
            address: "b@x".into(),
            parameters: Vec::new(),
        };
        assert_eq!(parse(b"rcpt to:<b@x>"), Ok(Command::Rcpt(bob)));
    }

    #[test]
    fn only_offered_commands_are_recognized() {
        let mut offers = OfferList::default();
        for text in ["STARTTLS", "AUTH PLAIN", "XCLIENT"] {
            offers.add(Offer::parse(text).unwrap());
        }
        offers.remove("VRFY");
        let parse = |line: &str| super::parse(line.as_bytes(), &offers);
        assert_eq!(parse("starttls"), Ok(Command::StartTls));
        assert_eq!(parse("STARTTLS now"), Err(reply::NO_ARGUMENT));
        let login = |initial: Option<&str>| {
            Ok(Command::Auth(AuthCommand {
                mechanism: "PLAIN".into(),
                initial: initial.map(Into::into),
            }))
        };
        assert_eq!(parse("AUTH PLAIN"), login(None));
        assert_eq!(parse("AUTH PLAIN ="), login(Some("=")));
        assert_eq!(parse("AUTH"), Err(reply::BAD_AUTH));
        assert_eq!(parse("AUTH PLAIN a b"), Err(reply::BAD_AUTH));
        assert_eq!(parse("XCLIENT ADDR"), Err(reply::BAD_XCLIENT));
        assert!(parse("XCLIENT addr=192.0.2.1 PORT=7").is_ok());
        assert_eq!(parse("VRFY bob"), Err(reply::NOT_IMPLEMENTED));
    }

    proptest::proptest! {
        #[test]
        fn no_line_causes_a_panic(line: Vec<u8>, verb in "(MAIL FROM:<|RCPT TO:<|AUTH |BDAT |XCLIENT |EHLO )") {
            let mut offers = OfferList::default();
            offers.add(Offer::parse("AUTH PLAIN").unwrap());
            offers.add(Offer::parse("DSN").unwrap());
            offers.add(Offer::parse("XCLIENT").unwrap());
            let _ = super::parse(&line, &offers);
            let _ = super::parse(&[verb.as_bytes(), &line].concat(), &offers);
        }
    }

    #[test]
    fn bdat_has_a_size_and_optional_last() {
        let chunk = |size, last| Ok(Command::Bdat(Chunk { size, last }));
        assert_eq!(parse(b"BDAT 10"), chunk(10, false));
        assert_eq!(parse(b"bdat 0 last"), chunk(0, true));
        for line in [
            "BDAT",
            "BDAT LAST",
            "BDAT -1",
            "BDAT 1 FIRST",
            "BDAT 1 LAST x",
        ] {
            assert_eq!(refusal(line), reply::BAD_CHUNK, "{line}");
        }
    }
}
