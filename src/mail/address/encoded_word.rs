//! Encoded words (RFC 2047) in text that is given in the form of a header.

use crate::system::text::forbidden;
use base64::prelude::{BASE64_STANDARD, Engine as _};
use encoding_rs::Encoding;

/// The longest encoded word (RFC 2047 §2).
const MAX_LENGTH: usize = 75;

/// Decodes the encoded words of a display name or an unstructured field. A word that cannot be decoded is
/// kept. So is the whole text if the result would contain a character that is not allowed in a field.
#[must_use]
pub fn decoded(text: &str) -> String {
    if !text.contains("=?") {
        return text.to_owned();
    }
    let mut plain = String::with_capacity(text.len());
    let (mut blanks, mut was_encoded) = (0, false);
    for (at, word) in text.split(' ').enumerate() {
        blanks += usize::from(at > 0);
        if word.is_empty() {
            continue;
        }
        let encoded = decoded_word(word);
        // RFC 2047 §6.2: white space between two encoded words is not displayed.
        if !(was_encoded && encoded.is_some()) {
            plain.push_str(&" ".repeat(blanks));
        }
        blanks = 0;
        was_encoded = encoded.is_some();
        plain.push_str(encoded.as_deref().unwrap_or(word));
    }
    plain.push_str(&" ".repeat(blanks));
    match forbidden(&plain) {
        None => plain,
        Some(_) => text.to_owned(),
    }
}

/// True for an encoded word that RFC 2047 §2 allows, in any charset.
#[must_use]
pub fn is_encoded_word(word: &str) -> bool {
    let is_text = |text: &str| text.bytes().all(|byte| byte.is_ascii_graphic());
    word.len() <= MAX_LENGTH
        && parts(word).is_some_and(|[charset, encoding, text]| {
            let is_encoding = matches!(encoding, "b" | "B" | "q" | "Q");
            !charset.is_empty() && is_encoding && is_text(word) && !text.contains('?')
        })
}

/// Charset, encoding and encoded text.
fn parts(word: &str) -> Option<[&str; 3]> {
    let inside = word.strip_prefix("=?")?.strip_suffix("?=")?;
    let mut parts = inside.splitn(3, '?');
    Some([parts.next()?, parts.next()?, parts.next()?])
}

fn decoded_word(word: &str) -> Option<String> {
    let [charset, encoding, text] = parts(word)?;
    // RFC 2231 §5: a language may follow the charset.
    let charset = charset.split('*').next().unwrap_or(charset);
    let bytes = match encoding {
        "b" | "B" => BASE64_STANDARD.decode(text).ok()?,
        "q" | "Q" => q_decoded(text)?,
        _ => return None,
    };
    let charset = Encoding::for_label(charset.as_bytes())?;
    let text = charset.decode_without_bom_handling_and_without_replacement(&bytes)?;
    Some(text.into_owned())
}

fn q_decoded(text: &str) -> Option<Vec<u8>> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        bytes.push(match byte {
            b'_' => b' ',
            b'=' => hex_digit(rest.next()?)? << 4 | hex_digit(rest.next()?)?,
            other => other,
        });
    }
    Some(bytes)
}

fn hex_digit(digit: u8) -> Option<u8> {
    let value = char::from(digit).to_digit(16)?;
    u8::try_from(value).ok()
}

#[cfg(test)]
mod tests {
    use super::{decoded, is_encoded_word};

    #[test]
    fn names_come_back_in_every_charset() {
        for (name, text) in [
            ("=?utf-8?q?J=C3=BCrgen_M?=", "Jürgen M"),
            ("=?UTF-8*de?B?SsO8cmdlbg==?=", "Jürgen"),
            ("=?iso-8859-1?Q?J=FCr?= =?utf-8?q?gen?= Cron", "Jürgen Cron"),
            ("a  b", "a  b"),
            (" =?utf-8?q?a?=  =?utf-8?q?b?=  c ", " ab  c "),
            ("Cron =?utf-8?q?D?=", "Cron D"),
        ] {
            assert_eq!(decoded(name), text);
        }
    }

    #[test]
    fn an_encoded_word_has_a_charset_an_encoding_and_at_most_75_characters() {
        let longest = format!("=?utf-8?q?{}?=", "a".repeat(63));
        for good in [
            "=?utf-8?q?a?=",
            "=?X-unknown*de?B?YQ==?=",
            "=?a?Q??=",
            &longest,
        ] {
            assert!(is_encoded_word(good), "{good}");
        }
        let long = format!("=?utf-8?q?{}?=", "a".repeat(64));
        for bad in [
            "=?utf-8?q?a b?=",
            "=??q?a?=",
            "=?utf-8?x?a?=",
            "=?a?q?b?c?=",
            "a",
            &long,
        ] {
            assert!(!is_encoded_word(bad), "{bad}");
        }
    }

    #[test]
    fn invalid_encoded_words_are_kept() {
        for name in [
            "=?utf-8?q?=FF?=",
            "=?x?q?a?=",
            "=?utf-8?b?*?=",
            "=?utf-8?x?a?=",
            "=?utf-8?q?a=?=",
            "=?utf-8?q?a=0D=0ABcc:_x?=",
            "=?",
            "=??=",
        ] {
            assert_eq!(decoded(name), name);
        }
    }
}
