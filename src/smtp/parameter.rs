//! Parameters of MAIL and RCPT (RFC 5321 §4.1.1.11): their names and the grammar of their values.

use crate::smtp::blocks::BodyType;
use std::fmt::Write as _;

/// Maximum length of a value, in bytes (RFC 3461 §4.2 has the longest).
pub const MAX_VALUE: usize = 500;

/// A parameter that an extension adds to MAIL or RCPT.
#[derive(Clone, Copy, Debug)]
pub struct Parameter {
    pub name: &'static str,
    syntax: fn(Option<&[u8]>) -> bool,
}

impl Parameter {
    pub const fn new(name: &'static str, syntax: fn(Option<&[u8]>) -> bool) -> Self {
        Self { name, syntax }
    }

    /// True if the value is valid; `None`: the parameter has no equals sign.
    pub fn accepts(&self, value: Option<&[u8]>) -> bool {
        value.is_none_or(|value| value.len() <= MAX_VALUE) && (self.syntax)(value)
    }
}

/// Encodes `+`, `=` and everything except printable ASCII as `+` and two hexadecimal digits (RFC 3461 §4).
pub fn xtext(text: &str) -> String {
    let mut encoded = String::with_capacity(text.len());
    for byte in text.bytes() {
        match byte {
            b'+' | b'=' | ..=b' ' | b'\x7f'.. => {
                // Writing to a String cannot fail.
                let _ = write!(encoded, "+{byte:02X}");
            }
            b'!'..=b'~' => encoded.push(char::from(byte)),
        }
    }
    encoded
}

/// Decodes xtext that is valid. Octets that are not UTF-8 are replaced.
pub fn decoded_xtext(text: &str) -> String {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((&first, after)) = rest.split_first() {
        rest = after;
        let digits = after.get(..2).filter(|_| first == b'+');
        let digits = digits.and_then(|digits| str::from_utf8(digits).ok());
        match digits.and_then(|digits| u8::from_str_radix(digits, 16).ok()) {
            Some(byte) => {
                bytes.push(byte);
                rest = &after[2..];
            }
            None => bytes.push(first),
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

pub(super) fn is_absent(value: Option<&[u8]>) -> bool {
    value.is_none()
}

fn one_of(value: Option<&[u8]>, words: &[&str]) -> bool {
    let is = |value: &[u8], word: &str| value.eq_ignore_ascii_case(word.as_bytes());
    value.is_some_and(|value| words.iter().any(|word| is(value, word)))
}

// RFC 6152 §3.
pub(super) fn is_body(value: Option<&[u8]>) -> bool {
    matches!(
        body_type(value),
        Some(BodyType::SevenBit | BodyType::EightBit)
    )
}

// RFC 3030 §3.
pub(super) fn is_binary_body(value: Option<&[u8]>) -> bool {
    body_type(value).is_some()
}

fn body_type(value: Option<&[u8]>) -> Option<BodyType> {
    BodyType::parse(str::from_utf8(value?).ok()?)
}

// RFC 3461 §4.3.
pub(super) fn is_ret(value: Option<&[u8]>) -> bool {
    one_of(value, &["FULL", "HDRS"])
}

// RFC 1870 §3.
pub(super) fn is_size(value: Option<&[u8]>) -> bool {
    value.is_some_and(|digits| (1..=20).contains(&digits.len()) && all_digits(digits))
}

// RFC 4865 §4: nine digits at most.
pub(super) fn is_seconds(value: Option<&[u8]>) -> bool {
    value.is_some_and(|digits| (1..=9).contains(&digits.len()) && all_digits(digits))
}

fn all_digits(text: &[u8]) -> bool {
    text.iter().all(u8::is_ascii_digit)
}

// RFC 3339, syntax only.
pub(super) fn is_date(value: Option<&[u8]>) -> bool {
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
pub(super) fn is_by(value: Option<&[u8]>) -> bool {
    let split = value.and_then(|value| str::from_utf8(value).ok()?.split_once(';'));
    split.is_some_and(|(seconds, mode)| {
        let digits = seconds.strip_prefix('-').unwrap_or(seconds);
        is_seconds(Some(digits.as_bytes()))
            && one_of(Some(mode.as_bytes()), &["R", "N", "RT", "NT"])
    })
}

// RFC 6710 §4: from -9 to 9.
pub(super) fn is_priority(value: Option<&[u8]>) -> bool {
    let number = value.and_then(|value| str::from_utf8(value).ok()?.parse::<i8>().ok());
    number.is_some_and(|number| (-9..=9).contains(&number))
}

// RFC 3461 §4.1.
pub(super) fn is_notify(value: Option<&[u8]>) -> bool {
    let is_word = |word: &[u8]| one_of(Some(word), &["SUCCESS", "FAILURE", "DELAY"]);
    let mut words = value.map(|value| value.split(|&byte| byte == b','));
    one_of(value, &["NEVER"]) || words.as_mut().is_some_and(|words| words.all(is_word))
}

// RFC 3461 §4.2: a type, a semicolon, and xtext; RFC 6533 §3 has UTF-8 there as well.
pub(super) fn is_orcpt(value: Option<&[u8]>) -> bool {
    let at = value.and_then(|value| Some((value, memchr::memchr(b';', value)?)));
    at.is_some_and(|(value, at)| {
        let plain = |byte: &u8| byte.is_ascii_graphic() || !byte.is_ascii();
        at > 0 && at + 1 < value.len() && value.iter().all(plain)
    })
}

// RFC 3461 §4; also `<>`, which is valid for AUTH=.
pub(super) fn is_xtext(value: Option<&[u8]>) -> bool {
    value.is_some_and(|value| {
        let mut encoded = value.split(|&byte| byte == b'+').skip(1);
        let is_upper_hex = |byte: &u8| byte.is_ascii_digit() || (b'A'..=b'F').contains(byte);
        let is_code = |part: &[u8]| part.len() >= 2 && part[..2].iter().all(is_upper_hex);
        let plain = value
            .iter()
            .all(|byte| byte.is_ascii_graphic() && *byte != b'=');
        !value.is_empty() && plain && encoded.all(is_code)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn xtext_encodes_octets_that_would_end_a_parameter() {
        assert_eq!(xtext("a+b=c d\u{e9}"), "a+2Bb+3Dc+20d+C3+A9");
        assert!(is_xtext(Some(xtext("a+b=c d\u{e9}").as_bytes())));
        assert_eq!(decoded_xtext("a+2Bb+3Dc+20d+C3+A9+"), "a+b=c d\u{e9}+");
    }

    #[test]
    fn value_has_a_maximum_length() {
        let parameter = Parameter::new("ENVID", is_xtext);
        assert!(parameter.accepts(Some(&[b'a'; MAX_VALUE])));
        assert!(!parameter.accepts(Some(&[b'a'; MAX_VALUE + 1])));
    }
}
