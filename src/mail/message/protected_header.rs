//! Header fields for encryption: those that are encrypted with the content (RFC 9788), and Autocrypt.

use crate::mail::address::Address;
use crate::mail::message::header_reader::RawField;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

/// Characters of a key in a line.
const KEY_LINE: usize = 76;

/// Fields of the transport, or of the structure of the message, which the author does not write.
const NOT_PROTECTED: [&str; 9] = [
    "mime-version",
    "received",
    "return-path",
    "delivered-to",
    "dkim-signature",
    "authentication-results",
    "autocrypt",
    "bcc",
    "tls-required",
];

/// Copies the fields of the header to those of the content, and hides the subject in the header (RFC 9788 §3.2.1,
/// `hcp_baseline`). Keywords and Comments are removed from the header.
pub fn hidden(fields: &mut Vec<RawField>, mut content: Vec<RawField>) -> Vec<RawField> {
    let is_protected = |field: &RawField| {
        let name = field.name.as_str();
        let is_trace = name.starts_with("resent-") || name.starts_with("arc-");
        !is_trace && !NOT_PROTECTED.contains(&name)
    };
    let mut all: Vec<RawField> = fields
        .iter()
        .filter(|field| is_protected(field))
        .cloned()
        .collect();
    fields.retain(|field| !matches!(field.name.as_str(), "keywords" | "comments"));
    for field in fields.iter_mut().filter(|field| field.name == "subject") {
        field.raw = b"Subject: [...]\r\n".to_vec();
    }
    let outer: Vec<RawField> = fields
        .iter()
        .filter(|field| is_protected(field))
        .map(|field| RawField {
            name: "hp-outer".to_owned(),
            raw: [b"HP-Outer: ", field.raw.as_slice()].concat(),
        })
        .collect();
    for field in content
        .iter_mut()
        .filter(|field| field.name == "content-type")
    {
        let text = field.raw.trim_ascii_end();
        field.raw = [text, b";\r\n hp=\"cipher\"\r\n"].concat();
    }
    all.extend(outer);
    all.append(&mut content);
    all
}

/// The Autocrypt field (level 1 §2.1.1) with a key.
pub fn announced(author: &Address, key: &[u8]) -> RawField {
    let mut text = format!("Autocrypt: addr={author}; keydata=\r\n");
    let characters = STANDARD.encode(key);
    let mut rest = characters.as_str();
    while !rest.is_empty() {
        let (line, more) = rest.split_at(rest.len().min(KEY_LINE));
        text.push_str(&format!(" {line}\r\n"));
        rest = more;
    }
    RawField::made("Autocrypt", text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_are_copied_and_the_subject_is_hidden() {
        let mut fields = RawField::split(
            "Received: by x\r\nFrom: a@x.org\r\nSubject: secret\r\n plan\r\nKeywords: k\r\nMIME-Version: 1.0\r\n",
        );
        let content =
            RawField::split("Content-Type: text/plain;\r\n charset=utf-8\r\nContent-ID: <x>\r\n");
        let content = hidden(&mut fields, content);
        let text = |fields: &[RawField]| {
            let all: Vec<u8> = fields.iter().flat_map(|field| field.raw.clone()).collect();
            String::from_utf8(all).unwrap()
        };
        assert_eq!(
            text(&fields),
            "Received: by x\r\nFrom: a@x.org\r\nSubject: [...]\r\nMIME-Version: 1.0\r\n"
        );
        assert_eq!(
            text(&content),
            "From: a@x.org\r\nSubject: secret\r\n plan\r\nKeywords: k\r\n\
             HP-Outer: From: a@x.org\r\nHP-Outer: Subject: [...]\r\n\
             Content-Type: text/plain;\r\n charset=utf-8;\r\n hp=\"cipher\"\r\nContent-ID: <x>\r\n"
        );
    }

    #[test]
    fn announced_key_is_folded() {
        let author = Address::parse("alice@crepes.fr").unwrap();
        let field = announced(&author, &[b'x'; 100]);
        let text = String::from_utf8(field.raw).unwrap();
        let lines: Vec<&str> = text.split("\r\n").collect();
        assert_eq!(lines[0], "Autocrypt: addr=alice@crepes.fr; keydata=");
        assert_eq!((lines[1].len(), lines.len()), (77, 4));
    }
}
