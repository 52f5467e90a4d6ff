//! The arguments of MAIL and RCPT (RFC 5321 §4.1.1): the path, as in `FROM:<alice@example.org>`, and the parameters
//! after it. Each parameter belongs to an offered extension, and has a valid value.

use crate::server::offers::OfferList;
use crate::server::reply;
use crate::server::reply::{NEEDS_SMTPUTF8, Refusal};
use crate::smtp::extension::Extension;
use crate::smtp::parameter::Parameter;

/// A path, and the parameters after it.
#[derive(Debug, PartialEq, Eq)]
pub struct Path<'a> {
    /// The address without its angle brackets; empty for the null path `<>`.
    pub address: String,
    /// The text after the closing bracket, not yet split.
    pub parameters: &'a [u8],
}

/// Reads `keyword`, then `<address>`, then parameters. `refusal` is the answer to bad syntax.
pub fn parse_path<'a>(
    argument: &'a [u8],
    keyword: &str,
    refusal: Refusal,
) -> Result<Path<'a>, Refusal> {
    let inner = after_keyword(argument, keyword).and_then(|path| path.strip_prefix(b"<"));
    let inner = inner.ok_or(refusal)?;
    let end = closing_bracket(inner).ok_or(refusal)?;
    let (address, parameters) = (&inner[..end], &inner[end + 1..]);
    if !parameters.is_empty() && !parameters.starts_with(b" ") {
        return Err(refusal);
    }
    let address = str::from_utf8(address).map_err(|_| NEEDS_SMTPUTF8)?;
    let address = mailbox(address).ok_or(refusal)?.to_owned();
    Ok(Path {
        address,
        parameters,
    })
}

// A space after the colon is invalid (RFC 5321 §3.3), but accepted, as by most servers.
fn after_keyword<'a>(argument: &'a [u8], keyword: &str) -> Option<&'a [u8]> {
    let (word, path) = argument.split_at_checked(keyword.len())?;
    word.eq_ignore_ascii_case(keyword.as_bytes())
        .then(|| path.trim_ascii_start())
}

fn closing_bracket(path: &[u8]) -> Option<usize> {
    let mut unquoted = unquoted(path).filter(|&(_, byte)| byte == b'>');
    unquoted.next().map(|(at, _)| at)
}

/// The mailbox of a path, without a source route (RFC 5321 appendix C); `None`: invalid.
fn mailbox(path: &str) -> Option<&str> {
    let mailbox = match path.strip_prefix('@') {
        Some(route) => route.split_once(':')?.1,
        None => path,
    };
    let sound = mailbox.is_empty() && path.is_empty() || is_sound(mailbox);
    sound.then_some(mailbox)
}

// A local part alone is accepted: `<postmaster>` is required, and cron sends `<root>`.
fn is_sound(mailbox: &str) -> bool {
    let mut ats = unquoted(mailbox.as_bytes()).filter(|&(_, byte)| byte == b'@');
    let at = ats.next().map(|(at, _)| at);
    let last_at = mailbox.len().saturating_sub(1);
    !mailbox.is_empty()
        && !mailbox.contains(char::is_control)
        && !unquoted(mailbox.as_bytes()).any(|(_, byte)| matches!(byte, b' ' | b'<'))
        && at.is_none_or(|at| at != 0 && at != last_at)
        && ats.next().is_none()
}

/// The bytes outside quoted strings, with their positions. The quotes themselves are left out.
fn unquoted(text: &[u8]) -> impl Iterator<Item = (usize, u8)> + '_ {
    let (mut quoted, mut escaped) = (false, false);
    let bytes = text.iter().copied().enumerate();
    bytes.filter(move |&(_, byte)| {
        let literal = std::mem::take(&mut escaped);
        match byte {
            _ if literal => false,
            b'\\' if quoted => {
                escaped = true;
                false
            }
            b'"' => {
                quoted = !quoted;
                false
            }
            _ => !quoted,
        }
    })
}

/// Checks the parameters of MAIL, and returns them as received.
pub fn mail_parameters(words: &[u8], offers: &OfferList) -> Result<Vec<String>, Refusal> {
    read(words, Extension::mail_parameters, offers)
}

/// Checks the parameters of RCPT, and returns them as received.
pub fn rcpt_parameters(words: &[u8], offers: &OfferList) -> Result<Vec<String>, Refusal> {
    read(words, Extension::rcpt_parameters, offers)
}

/// The value of the parameter of this name.
pub fn value<'a>(parameters: &'a [String], name: &str) -> Option<&'a str> {
    let mut split = parameters
        .iter()
        .map(|one| one.split_once('=').unwrap_or((one, "")));
    let found = split.find(|(keyword, _)| keyword.eq_ignore_ascii_case(name));
    found.map(|(_, value)| value)
}

/// The parameters that an extension adds to a command.
type ParametersOf = fn(Extension) -> &'static [Parameter];

fn read(
    words: &[u8],
    parameters_of: ParametersOf,
    offers: &OfferList,
) -> Result<Vec<String>, Refusal> {
    let mut parameters: Vec<String> = Vec::new();
    for word in words
        .split(|&byte| byte == b' ')
        .filter(|word| !word.is_empty())
    {
        let parameter = checked(word, parameters_of, offers)?;
        let (name, _) = parameter.split_once('=').unwrap_or((&parameter, ""));
        if value(&parameters, name).is_some() {
            return Err(reply::DUPLICATE_PARAMETER);
        }
        parameters.push(parameter);
    }
    Ok(parameters)
}

fn checked(
    word: &[u8],
    parameters_of: ParametersOf,
    offers: &OfferList,
) -> Result<String, Refusal> {
    let (name, value) = match memchr::memchr(b'=', word) {
        Some(at) => (&word[..at], Some(&word[at + 1..])),
        None => (word, None),
    };
    // Several extensions may define a parameter: BODY comes with 8BITMIME and with BINARYMIME.
    let known = || {
        Extension::all().flat_map(|extension| {
            let parameters = parameters_of(extension).iter();
            let same = parameters.filter(|one| one.name.as_bytes().eq_ignore_ascii_case(name));
            same.map(move |parameter| (extension, parameter))
        })
    };
    let offered = || known().filter(|&(extension, _)| offers.has(extension));
    let (extension, _) = offered().next().ok_or(reply::UNKNOWN_PARAMETER)?;
    if offered().any(|(_, parameter)| parameter.accepts(value)) {
        // All valid values are printable ASCII, except addresses in ORCPT.
        return String::from_utf8(word.to_vec()).map_err(|_| reply::BAD_PARAMETER);
    }
    let needs_another = known().any(|(_, parameter)| parameter.accepts(value));
    Err(if needs_another || value.is_none() {
        reply::UNKNOWN_PARAMETER
    } else {
        match extension {
            Extension::Size => reply::BAD_SIZE,
            Extension::SmtpUtf8 => reply::UNKNOWN_PARAMETER,
            _ => reply::BAD_PARAMETER,
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::server::offers::Offer;
    use crate::smtp::parameter::MAX_VALUE;

    fn offers(list: &[&str]) -> OfferList {
        let mut offers = OfferList::default();
        for text in list {
            offers.add(Offer::parse(text).unwrap());
        }
        offers
    }

    fn mail(words: &str, list: &[&str]) -> Result<Vec<String>, Refusal> {
        mail_parameters(words.as_bytes(), &offers(list))
    }

    #[test]
    fn parameter_requires_its_extension() {
        let date = "FUTURERELEASE 9 2030-01-01T00:00:00Z";
        for (word, offer) in [
            ("RET=HDRS", "DSN"),
            ("ENVID=a+2Bb", "DSN"),
            ("AUTH=<>", "AUTH PLAIN"),
            ("REQUIRETLS", "REQUIRETLS"),
            ("HOLDFOR=60", date),
            ("HOLDUNTIL=2030-01-01T00:00:00Z", date),
            ("BY=-60;RT", "DELIVERBY"),
            ("MT-PRIORITY=-3", "MT-PRIORITY"),
            ("PRDR", "PRDR"),
            ("BODY=BINARYMIME", "BINARYMIME"),
        ] {
            assert_eq!(mail(word, &[]), Err(reply::UNKNOWN_PARAMETER), "{word}");
            assert_eq!(mail(word, &[offer]), Ok(vec![word.to_owned()]), "{word}");
        }
    }

    #[test]
    fn malformed_value_is_refused() {
        let all = [
            "DSN",
            "DELIVERBY",
            "MT-PRIORITY",
            "AUTH PLAIN",
            "FUTURERELEASE 1 2",
        ];
        for word in [
            "RET=ALL",
            "ENVID=a+2b",
            "ENVID=a+",
            "ENVID=",
            "BY=5",
            "BY=5;X",
            "MT-PRIORITY=10",
            "HOLDFOR=-1",
            "HOLDUNTIL=tomorrow",
            "BODY=9BIT",
        ] {
            assert_eq!(mail(word, &all), Err(reply::BAD_PARAMETER), "{word}");
        }
        let long = format!("ENVID={}", "a".repeat(MAX_VALUE + 1));
        assert_eq!(mail(&long, &all), Err(reply::BAD_PARAMETER));
    }

    #[test]
    fn duplicate_parameter_is_refused() {
        assert_eq!(mail("SIZE=1 size=2", &[]), Err(reply::DUPLICATE_PARAMETER));
    }

    #[test]
    fn rcpt_has_its_own_parameters() {
        let offers = offers(&["DSN"]);
        let rcpt = |words: &str| rcpt_parameters(words.as_bytes(), &offers);
        assert!(rcpt("NOTIFY=SUCCESS,delay ORCPT=rfc822;bob@x").is_ok());
        assert!(rcpt("ORCPT=utf-8;b\u{e9}b@x").is_ok());
        for word in ["NOTIFY=NEVER,DELAY", "NOTIFY=", "ORCPT=rfc822", "ORCPT=;x"] {
            assert_eq!(rcpt(word), Err(reply::BAD_PARAMETER), "{word}");
        }
        assert_eq!(rcpt("SIZE=1"), Err(reply::UNKNOWN_PARAMETER));
    }

    const REFUSAL: Refusal = "501 no";

    fn address(path: &str) -> Result<String, Refusal> {
        parse_path(format!("TO:{path}").as_bytes(), "TO:", REFUSAL).map(|path| path.address)
    }

    #[test]
    fn address_has_no_brackets() {
        assert_eq!(address("<bob@example.org>").unwrap(), "bob@example.org");
        assert_eq!(address("<root>").unwrap(), "root");
        assert_eq!(address("<>").unwrap(), "");
        assert_eq!(address("<bob@[IPv6:::1]>").unwrap(), "bob@[IPv6:::1]");
    }

    #[test]
    fn quoted_brackets_and_at_signs_are_part_of_the_address() {
        assert_eq!(address(r#"<"a>b"@x>"#).unwrap(), r#""a>b"@x"#);
        assert_eq!(address(r#"<"a\"> @b"@x>"#).unwrap(), r#""a\"> @b"@x"#);
    }

    #[test]
    fn a_source_route_is_stripped() {
        assert_eq!(address("<@a,@b:bob@x>").unwrap(), "bob@x");
        assert_eq!(address("<@a,@b:>"), Err(REFUSAL));
        assert_eq!(address("<@a>"), Err(REFUSAL));
    }

    #[test]
    fn a_space_after_the_colon_is_taken_as_by_most_servers() {
        assert_eq!(address("  <bob@x>").unwrap(), "bob@x");
    }

    #[test]
    fn bad_syntax_is_refused() {
        for path in [
            "",
            "bob@x",
            "<bob@x",
            "bob@x>",
            "<bob@x>SIZE=1",
            "<@>",
            "<bob@>",
            "<@x>",
            "<a@b@c>",
            "<a b@c>",
            "<<a@b>>",
            "<\"a@b>",
        ] {
            assert_eq!(address(path), Err(REFUSAL), "{path}");
        }
        assert_eq!(parse_path(b"FRO", "FROM:", REFUSAL), Err(REFUSAL));
    }

    #[test]
    fn control_characters_are_refused_quoted_or_not() {
        for path in [
            "<a\rb@x>",
            "<a\0@x>",
            "<\"a\tb\"@x>",
            "<a\x7f@x>",
            "<a\u{85}@x>",
        ] {
            assert_eq!(address(path), Err(REFUSAL), "{path:?}");
        }
    }

    #[test]
    fn invalid_utf8_is_refused_as_non_ascii() {
        assert_eq!(
            parse_path(b"TO:<a\xe9@x>", "TO:", REFUSAL),
            Err(NEEDS_SMTPUTF8)
        );
        assert_eq!(address("<é@x>").unwrap(), "é@x");
    }

    #[test]
    fn parameters_follow_the_bracket() {
        let path = parse_path(b"from:<a@x> SIZE=3 BODY=7BIT", "FROM:", REFUSAL).unwrap();
        assert_eq!(path.parameters, b" SIZE=3 BODY=7BIT");
    }
}
