//! Texts of octets, and base64. swaks handles its arguments and files as octets, whatever their charset. Here such a
//! text is a
//! `String` of which each character, U+0000 to U+00FF, is one octet, so that it can be searched and formatted.

use base64::prelude::{BASE64_STANDARD, Engine};
use base64::{alphabet, engine};
use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::{OsStrExt as _, OsStringExt as _};
use std::path::PathBuf;

pub fn of_bytes(bytes: &[u8]) -> String {
    match std::str::from_utf8(bytes) {
        Ok(text) if text.is_ascii() => text.to_owned(),
        _ => bytes.iter().map(|&byte| char::from(byte)).collect(),
    }
}

pub fn of_os(text: &OsStr) -> String {
    of_bytes(text.as_bytes())
}

/// The octets of a text. A character above U+00FF, which no such text has, is a question mark.
pub fn bytes(text: &str) -> Vec<u8> {
    if text.is_ascii() {
        return text.as_bytes().to_vec();
    }
    let octet = |character: char| u8::try_from(u32::from(character)).unwrap_or(b'?');
    text.chars().map(octet).collect()
}

pub fn path(text: &str) -> PathBuf {
    PathBuf::from(OsString::from_vec(bytes(text)))
}

/// The same text in UTF-8, for functions that need it.
pub fn utf8(text: &str) -> String {
    String::from_utf8_lossy(&bytes(text)).into_owned()
}

/// True unless the text is empty or `0`, which Perl treats as false.
pub fn is_true(text: &str) -> bool {
    !text.is_empty() && text != "0"
}

/// The text, if it is one and true as in Perl.
pub fn true_or_none(text: Option<String>) -> Option<String> {
    text.filter(|text| is_true(text))
}

/// The parts between commas, without the empty ones at the end.
pub fn parts<'t>(text: &'t str, separator: &str) -> Vec<&'t str> {
    let mut parts: Vec<&str> = text.split(separator).collect();
    while parts.last().is_some_and(|part| part.is_empty()) {
        parts.pop();
    }
    parts
}

/// Decodes base64 as Perl does: other characters are skipped, and padding may be missing.
pub fn decoded(text: &str) -> Vec<u8> {
    let is_padding = |character: char| character == '=';
    let text = text.split(is_padding).next().unwrap_or_default();
    let kept = text
        .chars()
        .filter(|character| character.is_ascii_alphanumeric() || matches!(character, '+' | '/'));
    let mut kept: String = kept.collect();
    if kept.len() % 4 == 1 {
        kept.pop();
    }
    let config = engine::GeneralPurposeConfig::new()
        .with_decode_allow_trailing_bits(true)
        .with_decode_padding_mode(engine::DecodePaddingMode::Indifferent);
    let lenient = engine::GeneralPurpose::new(&alphabet::STANDARD, config);
    lenient.decode(kept).unwrap_or_default()
}

/// The octets in base64, on one line.
pub fn encoded(bytes: &[u8]) -> String {
    BASE64_STANDARD.encode(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn octets_stay_as_they_are() {
        let all: Vec<u8> = (0..=255).collect();
        assert_eq!(bytes(&of_bytes(&all)), all);
        assert_eq!(of_bytes("ü".as_bytes()), "\u{c3}\u{bc}");
        assert_eq!(utf8("\u{c3}\u{bc}"), "ü");
    }

    #[test]
    fn empty_parts_at_the_end_are_dropped() {
        assert_eq!(parts("a,,b,,", ","), ["a", "", "b"]);
        assert!(parts("", ",").is_empty());
    }

    #[test]
    fn padding_and_other_characters_do_not_matter() {
        assert_eq!(decoded("YWxp Y2U"), b"alice");
        assert_eq!(decoded("YWxpY2U=\n"), b"alice");
        assert_eq!(decoded("Y"), b"");
    }
}
