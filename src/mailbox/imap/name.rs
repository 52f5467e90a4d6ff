//! Names of mailboxes in modified UTF-7 (RFC 3501 §5.1.3).

use base64::Engine;
use base64::alphabet::IMAP_MUTF7;
use base64::engine::general_purpose::{GeneralPurpose, NO_PAD};

const BASE64: GeneralPurpose = GeneralPurpose::new(&IMAP_MUTF7, NO_PAD);

/// Encodes a name.
pub fn encoded(name: &str) -> String {
    let mut out = String::with_capacity(name.len());
    let mut rest = name;
    while let Some(first) = rest.chars().next() {
        if is_direct(first) {
            out.push(first);
            if first == '&' {
                out.push('-');
            }
            rest = &rest[first.len_utf8()..];
            continue;
        }
        let end = rest.find(is_direct).unwrap_or(rest.len());
        let units: Vec<u8> = rest[..end]
            .encode_utf16()
            .flat_map(u16::to_be_bytes)
            .collect();
        out.push('&');
        BASE64.encode_string(units, &mut out);
        out.push('-');
        rest = &rest[end..];
    }
    out
}

/// Decodes a name. One that is not valid is returned unchanged.
pub fn decoded(name: &str) -> String {
    decode(name).unwrap_or_else(|| name.to_owned())
}

fn decode(name: &str) -> Option<String> {
    let mut out = String::with_capacity(name.len());
    let mut rest = name;
    while let Some((before, after)) = rest.split_once('&') {
        out.push_str(before);
        let (word, next) = after.split_once('-')?;
        rest = next;
        if word.is_empty() {
            out.push('&');
            continue;
        }
        let bytes = BASE64.decode(word).ok()?;
        let (pairs, odd) = bytes.as_chunks::<2>();
        if !odd.is_empty() {
            return None;
        }
        let units = pairs.iter().map(|&pair| u16::from_be_bytes(pair));
        for character in char::decode_utf16(units) {
            out.push(character.ok()?);
        }
    }
    out.push_str(rest);
    Some(out)
}

/// True for printable ASCII, which represents itself.
fn is_direct(character: char) -> bool {
    (' '..='~').contains(&character)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_encoded_as_in_the_rfc() {
        for (name, wire) in [
            ("INBOX", "INBOX"),
            ("~peter/mail/台北/日本語", "~peter/mail/&U,BTFw-/&ZeVnLIqe-"),
            ("Entwürfe", "Entw&APw-rfe"),
            ("R&D", "R&-D"),
            ("😀", "&2D3eAA-"),
            ("", ""),
        ] {
            assert_eq!(encoded(name), wire);
            assert_eq!(decoded(wire), name);
        }
    }

    #[test]
    fn an_invalid_name_is_kept() {
        for name in ["a&b", "&AAA", "&!!!!-", "&2D0-", "&AP-", "Grüße&"] {
            assert_eq!(decoded(name), name);
        }
    }
}
