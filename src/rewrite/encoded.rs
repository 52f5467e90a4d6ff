//! Encoded words in display names (RFC 2047): who writes a name anew encodes it again.

use crate::text::forbidden;
use base64::prelude::{BASE64_STANDARD, Engine as _};
use encoding_rs::Encoding;

/// A display name with its encoded words decoded; as it is where they cannot be, or where they hold what
/// may stand in no field.
pub(super) fn decoded(name: &str) -> String {
    if !name.contains("=?") {
        return name.to_owned();
    }
    let mut text = String::with_capacity(name.len());
    let mut was_encoded = false;
    for word in name.split(' ') {
        let plain = word_of(word);
        // RFC 2047 §6.2: the space between two encoded words is none.
        let joins = was_encoded && plain.is_some();
        if !text.is_empty() && !joins {
            text.push(' ');
        }
        was_encoded = plain.is_some();
        text.push_str(plain.as_deref().unwrap_or(word));
    }
    match forbidden(&text) {
        None => text,
        Some(_) => name.to_owned(),
    }
}

/// One encoded word.
fn word_of(word: &str) -> Option<String> {
    let inside = word.strip_prefix("=?")?.strip_suffix("?=")?;
    let mut parts = inside.splitn(3, '?');
    let (charset, kind, text) = (parts.next()?, parts.next()?, parts.next()?);
    // RFC 2231 §5: a language may stand behind the charset.
    let charset = charset.split('*').next().unwrap_or(charset);
    let bytes = match kind {
        "b" | "B" => BASE64_STANDARD.decode(text).ok()?,
        "q" | "Q" => q(text)?,
        _ => return None,
    };
    let charset = Encoding::for_label(charset.as_bytes())?;
    let text = charset.decode_without_bom_handling_and_without_replacement(&bytes)?;
    Some(text.into_owned())
}

fn q(text: &str) -> Option<Vec<u8>> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        bytes.push(match byte {
            b'_' => b' ',
            b'=' => hex(rest.next()?)? << 4 | hex(rest.next()?)?,
            other => other,
        });
    }
    Some(bytes)
}

fn hex(digit: u8) -> Option<u8> {
    let value = char::from(digit).to_digit(16)?;
    u8::try_from(value).ok()
}

#[cfg(test)]
mod tests {
    use super::decoded;

    #[test]
    fn names_come_back_in_every_charset() {
        for (name, text) in [
            ("=?utf-8?q?J=C3=BCrgen_M?=", "Jürgen M"),
            ("=?UTF-8*de?B?SsO8cmdlbg==?=", "Jürgen"),
            ("=?iso-8859-1?Q?J=FCr?= =?utf-8?q?gen?= Cron", "Jürgen Cron"),
            ("a  b", "a  b"),
            ("Cron =?utf-8?q?D?=", "Cron D"),
        ] {
            assert_eq!(decoded(name), text);
        }
    }

    #[test]
    fn what_cannot_be_decoded_stays() {
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
