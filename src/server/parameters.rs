//! The parameters of MAIL and RCPT. Each requires an offered extension, and has a syntax.

use crate::server::offers::{OfferList, ServerKeyword};
use crate::server::reply;
use crate::server::reply::Refusal;

/// A parameter: its keyword, the extension that it requires, and the syntax of its value.
type ParameterRow = (&'static str, ServerKeyword, fn(Option<&[u8]>) -> bool);

const OF_MAIL: [ParameterRow; 12] = [
    ("SIZE", ServerKeyword::Size, is_size),
    ("BODY", ServerKeyword::EightBitMime, is_body),
    ("SMTPUTF8", ServerKeyword::SmtpUtf8, is_absent),
    ("AUTH", ServerKeyword::Auth, is_xtext),
    ("RET", ServerKeyword::Dsn, is_ret),
    ("ENVID", ServerKeyword::Dsn, is_xtext),
    ("REQUIRETLS", ServerKeyword::RequireTls, is_absent),
    ("HOLDFOR", ServerKeyword::FutureRelease, is_number),
    ("HOLDUNTIL", ServerKeyword::FutureRelease, is_date),
    ("BY", ServerKeyword::DeliverBy, is_by),
    ("MT-PRIORITY", ServerKeyword::MtPriority, is_priority),
    ("PRDR", ServerKeyword::Prdr, is_absent),
];

const OF_RCPT: [ParameterRow; 2] = [
    ("NOTIFY", ServerKeyword::Dsn, is_notify),
    ("ORCPT", ServerKeyword::Dsn, is_orcpt),
];

/// Maximum length of a value, in bytes (RFC 3461 §4.2 has the longest).
const LONGEST: usize = 500;

/// Checks the parameters of MAIL, and returns them as received.
pub fn of_mail(words: &[u8], offers: &OfferList) -> Result<Vec<String>, Refusal> {
    read(words, &OF_MAIL, offers)
}

/// Checks the parameters of RCPT, and returns them as received.
pub fn of_rcpt(words: &[u8], offers: &OfferList) -> Result<Vec<String>, Refusal> {
    read(words, &OF_RCPT, offers)
}

/// The value of the parameter of this name.
pub fn value<'a>(parameters: &'a [String], name: &str) -> Option<&'a str> {
    let mut split = parameters
        .iter()
        .map(|one| one.split_once('=').unwrap_or((one, "")));
    let found = split.find(|(keyword, _)| keyword.eq_ignore_ascii_case(name));
    found.map(|(_, value)| value)
}

fn read(words: &[u8], rows: &[ParameterRow], offers: &OfferList) -> Result<Vec<String>, Refusal> {
    let mut parameters: Vec<String> = Vec::new();
    for word in words
        .split(|&byte| byte == b' ')
        .filter(|word| !word.is_empty())
    {
        let parameter = checked(word, rows, offers)?;
        let (name, _) = parameter.split_once('=').unwrap_or((&parameter, ""));
        if value(&parameters, name).is_some() {
            return Err(reply::TWICE);
        }
        parameters.push(parameter);
    }
    Ok(parameters)
}

fn checked(word: &[u8], rows: &[ParameterRow], offers: &OfferList) -> Result<String, Refusal> {
    let (name, value) = match memchr::memchr(b'=', word) {
        Some(at) => (&word[..at], Some(&word[at + 1..])),
        None => (word, None),
    };
    let mut rows = rows.iter();
    let row = rows.find(|(known, _, _)| known.as_bytes().eq_ignore_ascii_case(name));
    let (known, keyword, fits) = row.ok_or(reply::UNKNOWN_PARAMETER)?;
    if !is_offered(*keyword, offers) {
        return Err(reply::UNKNOWN_PARAMETER);
    }
    if *known == "BODY" && value.is_some_and(is_binary) && !offers.has(ServerKeyword::BinaryMime) {
        return Err(reply::UNKNOWN_PARAMETER);
    }
    let is_short = value.is_none_or(|value| value.len() <= LONGEST);
    if !is_short || !fits(value) {
        return Err(if *known == "SIZE" && value.is_some() {
            reply::BAD_SIZE
        } else if value.is_none() || *keyword == ServerKeyword::SmtpUtf8 {
            reply::UNKNOWN_PARAMETER
        } else {
            reply::BAD_PARAMETER
        });
    }
    // All valid values are printable ASCII, except addresses in ORCPT.
    String::from_utf8(word.to_vec()).map_err(|_| reply::BAD_PARAMETER)
}

// RFC 3030 §3: BODY=BINARYMIME comes with BINARYMIME, and the other values with 8BITMIME.
fn is_offered(keyword: ServerKeyword, offers: &OfferList) -> bool {
    let binary = keyword == ServerKeyword::EightBitMime && offers.has(ServerKeyword::BinaryMime);
    offers.has(keyword) || binary
}

fn is_binary(value: &[u8]) -> bool {
    value.eq_ignore_ascii_case(b"BINARYMIME")
}

fn is_absent(value: Option<&[u8]>) -> bool {
    value.is_none()
}

fn one_of(value: Option<&[u8]>, words: &[&str]) -> bool {
    let is = |value: &[u8], word: &str| value.eq_ignore_ascii_case(word.as_bytes());
    value.is_some_and(|value| words.iter().any(|word| is(value, word)))
}

fn is_body(value: Option<&[u8]>) -> bool {
    one_of(value, &["7BIT", "8BITMIME", "BINARYMIME"])
}

fn is_ret(value: Option<&[u8]>) -> bool {
    one_of(value, &["FULL", "HDRS"])
}

fn is_size(value: Option<&[u8]>) -> bool {
    value.is_some_and(|digits| (1..=20).contains(&digits.len()) && all_digits(digits))
}

// RFC 4865 §4: nine digits at most.
fn is_number(value: Option<&[u8]>) -> bool {
    value.is_some_and(|digits| (1..=9).contains(&digits.len()) && all_digits(digits))
}

fn all_digits(text: &[u8]) -> bool {
    text.iter().all(u8::is_ascii_digit)
}

// RFC 3339, syntax only.
fn is_date(value: Option<&[u8]>) -> bool {
    let form = b"0000-00-00T00:00:00";
    value.is_some_and(|date| {
        let fits = |(byte, form): (&u8, &u8)| match form {
            b'0' => byte.is_ascii_digit(),
            other => byte.eq_ignore_ascii_case(other),
        };
        date.len() > form.len()
            && date.iter().zip(form).all(fits)
            && date.iter().all(|byte| b"0123456789-+:.TZtz".contains(byte))
    })
}

// RFC 2852 §4: seconds, a semicolon, R or N, and an optional T.
fn is_by(value: Option<&[u8]>) -> bool {
    let split = value.and_then(|value| str::from_utf8(value).ok()?.split_once(';'));
    split.is_some_and(|(seconds, mode)| {
        let digits = seconds.strip_prefix('-').unwrap_or(seconds);
        is_number(Some(digits.as_bytes())) && one_of(Some(mode.as_bytes()), &["R", "N", "RT", "NT"])
    })
}

// RFC 6710 §4: from -9 to 9.
fn is_priority(value: Option<&[u8]>) -> bool {
    let number = value.and_then(|value| str::from_utf8(value).ok()?.parse::<i8>().ok());
    number.is_some_and(|number| (-9..=9).contains(&number))
}

fn is_notify(value: Option<&[u8]>) -> bool {
    let is_word = |word: &[u8]| one_of(Some(word), &["SUCCESS", "FAILURE", "DELAY"]);
    let mut words = value.map(|value| value.split(|&byte| byte == b','));
    one_of(value, &["NEVER"]) || words.as_mut().is_some_and(|words| words.all(is_word))
}

// RFC 3461 §4.2: a type, a semicolon, and xtext; RFC 6533 §3 has UTF-8 there as well.
fn is_orcpt(value: Option<&[u8]>) -> bool {
    let at = value.and_then(|value| Some((value, memchr::memchr(b';', value)?)));
    at.is_some_and(|(value, at)| {
        let plain = |byte: &u8| byte.is_ascii_graphic() || !byte.is_ascii();
        at > 0 && at + 1 < value.len() && value.iter().all(plain)
    })
}

// RFC 3461 §4; also `<>`, which is valid for AUTH=.
fn is_xtext(value: Option<&[u8]>) -> bool {
    value.is_some_and(|value| {
        let parts = value.split(|&byte| byte == b'+').skip(1);
        let is_upper_hex = |byte: &u8| byte.is_ascii_digit() || (b'A'..=b'F').contains(byte);
        let is_code = |part: &[u8]| part.len() >= 2 && part[..2].iter().all(is_upper_hex);
        let plain = value
            .iter()
            .all(|byte| byte.is_ascii_graphic() && *byte != b'=');
        !value.is_empty() && plain && parts.into_iter().all(is_code)
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::server::offers::Offer;

    fn offers(list: &[&str]) -> OfferList {
        let mut offers = OfferList::default();
        for text in list {
            offers.add(Offer::parse(text).unwrap());
        }
        offers
    }

    fn mail(words: &str, list: &[&str]) -> Result<Vec<String>, Refusal> {
        of_mail(words.as_bytes(), &offers(list))
    }

    #[test]
    fn each_parameter_needs_its_offer() {
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
    fn a_value_that_has_not_its_form_is_refused() {
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
        let long = format!("ENVID={}", "a".repeat(LONGEST + 1));
        assert_eq!(mail(&long, &all), Err(reply::BAD_PARAMETER));
    }

    #[test]
    fn no_parameter_comes_twice() {
        assert_eq!(mail("SIZE=1 size=2", &[]), Err(reply::TWICE));
    }

    #[test]
    fn recipients_have_their_own() {
        let offers = offers(&["DSN"]);
        let rcpt = |words: &str| of_rcpt(words.as_bytes(), &offers);
        assert!(rcpt("NOTIFY=SUCCESS,delay ORCPT=rfc822;bob@x").is_ok());
        assert!(rcpt("ORCPT=utf-8;b\u{e9}b@x").is_ok());
        for word in ["NOTIFY=NEVER,DELAY", "NOTIFY=", "ORCPT=rfc822", "ORCPT=;x"] {
            assert_eq!(rcpt(word), Err(reply::BAD_PARAMETER), "{word}");
        }
        assert_eq!(rcpt("SIZE=1"), Err(reply::UNKNOWN_PARAMETER));
    }
}
