//! References of an HTML text by `cid:` (RFC 2392), and the parts that they mean.

use crate::mail::message::source::{Source, SourceError};
use memchr::memmem;
use std::collections::BTreeSet;

/// The longest name after `cid:` that is recognized.
const MAX_NAME: usize = 512;

/// The names after `cid:` in an HTML text, with percent-encoding decoded.
pub fn names(html: &Source) -> Result<BTreeSet<String>, SourceError> {
    let mut names = BTreeSet::new();
    let mut text: Vec<u8> = Vec::new();
    let mut block = html.block(64 * 1024);
    let mut at = 0;
    loop {
        let count = html.read(&mut block, at)?;
        at += count as u64;
        text.extend_from_slice(&block[..count]);
        let is_end = count == 0;
        let done = find(&text, is_end, &mut names);
        text.drain(..done);
        if is_end {
            return Ok(names);
        }
    }
}

/// Finds names in a piece of text. Returns the length that need not be searched again.
fn find(text: &[u8], is_end: bool, names: &mut BTreeSet<String>) -> usize {
    let lower = text.to_ascii_lowercase();
    for start in memmem::find_iter(&lower, b"cid:") {
        // At a position where no URL can begin, it is only text: "placid:", "call cid:1234".
        let begins = start > 0 && b"\"'(=".contains(&text[start - 1]);
        let rest = &text[start + 4..];
        let end = rest
            .iter()
            .position(|byte| b"\"'<>() \t\r\n&;,".contains(byte));
        match end {
            None if !is_end && rest.len() < MAX_NAME => return start.saturating_sub(1),
            _ if !begins => {}
            end => {
                let name = &rest[..end.unwrap_or(rest.len())];
                if !name.is_empty() {
                    names.insert(undone(name));
                }
            }
        }
    }
    text.len().saturating_sub(if is_end { 0 } else { 5 })
}

fn undone(name: &[u8]) -> String {
    let mut bytes = Vec::with_capacity(name.len());
    let mut at = 0;
    while at < name.len() {
        let code = (name[at] == b'%')
            .then(|| name.get(at + 1..at + 3))
            .flatten()
            .and_then(|digits| std::str::from_utf8(digits).ok())
            .and_then(|digits| u8::from_str_radix(digits, 16).ok());
        bytes.push(code.unwrap_or(name[at]));
        at += if code.is_some() { 3 } else { 1 };
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

/// True if a name can be a Content-ID: printable ASCII without the characters that would end it.
pub fn is_content_id(name: &str) -> bool {
    !name.is_empty()
        && name.len() <= 200
        && name
            .bytes()
            .all(|byte| byte.is_ascii_graphic() && !b"<>()\"\\,;:[]".contains(&byte))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn in_html(html: &str) -> Vec<String> {
        let source = Source::memory("html".to_owned(), html.as_bytes().to_vec());
        names(&source).unwrap().into_iter().collect()
    }

    #[test]
    fn names_are_found_in_attributes_and_styles() {
        let html = "<img src=\"cid:a.png\"><img src='CID:b%20c.png'><p style=\"x:url(cid:d@e)\">placid:f call cid:g";
        assert_eq!(in_html(html), ["a.png", "b c.png", "d@e"]);
        assert_eq!(in_html("<img src=cid:a.png"), ["a.png"]);
        assert!(in_html("no pictures, cid: nothing").is_empty());
    }

    #[test]
    fn names_are_found_across_the_borders_of_blocks() {
        for shift in 0..20 {
            let padding = " ".repeat(64 * 1024 - 10 + shift);
            assert_eq!(
                in_html(&format!("{padding}<img src=\"cid:logo.png\">")),
                ["logo.png"],
                "{shift}"
            );
        }
    }
}
