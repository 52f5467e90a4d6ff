//! Checks of DKIM signatures and list fields that need no DNS.

use crate::mail::dkim::BodyHash;
use crate::mail::message::Source;
use crate::mail::view::MessageView;
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use ring::digest::{Context, SHA256};
use std::io;

const BLOCK: usize = 64 * 1024;

/// Signatures that are checked.
const MAX_SIGNATURES: usize = 20;

/// The result of a check.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FieldCheck {
    pub field: &'static str,
    /// `None`: it cannot be decided.
    pub is_ok: Option<bool>,
    pub text: String,
}

/// Checks the body hash of each DKIM signature (RFC 6376), and the fields of lists (RFC 2369, RFC 2919, RFC 8058). The
/// signatures themselves are not verified, because that needs the public keys.
pub fn check_fields(view: &MessageView, message: &Source) -> io::Result<Vec<FieldCheck>> {
    let signatures: Vec<Signature> = view
        .values("dkim-signature")
        .take(MAX_SIGNATURES)
        .map(Signature::parse)
        .collect();
    let mut all = Vec::new();
    for signature in &signatures {
        let (is_ok, text) = signature.check(view, message)?;
        all.push(FieldCheck {
            field: "DKIM-Signature",
            is_ok,
            text: format!("{}: {text}", signature.name()),
        });
    }
    let mut add = |field, problem: Option<&str>, right: &str| {
        all.push(FieldCheck {
            field,
            is_ok: Some(problem.is_none()),
            text: problem.unwrap_or(right).to_owned(),
        });
    };
    if let Some(value) = view.value("list-id") {
        let problem = (!value.contains('<')).then_some("no identifier in angle brackets");
        add("List-ID", problem, "valid");
    }
    if let Some(value) = view.value("list-unsubscribe") {
        let has_address = value.contains("<http") || value.contains("<mailto:");
        let problem = (!has_address).then_some("no https or mailto address in angle brackets");
        add("List-Unsubscribe", problem, "valid");
    }
    if let Some(value) = view.value("list-unsubscribe-post") {
        let problem = one_click_problem(view, value, &signatures);
        add("List-Unsubscribe-Post", problem, "one-click is possible");
    }
    Ok(all)
}

/// RFC 8058 §3.1, §4.
fn one_click_problem(
    view: &MessageView,
    value: &str,
    signatures: &[Signature],
) -> Option<&'static str> {
    let unsubscribe = view.value("list-unsubscribe").unwrap_or_default();
    let covers = |signature: &Signature| {
        signature.signs("list-unsubscribe") && signature.signs("list-unsubscribe-post")
    };
    if !value
        .trim()
        .eq_ignore_ascii_case("List-Unsubscribe=One-Click")
    {
        return Some("the value is not List-Unsubscribe=One-Click");
    }
    if !unsubscribe.contains("<https://") {
        return Some("List-Unsubscribe has no https address");
    }
    (!signatures.iter().any(covers))
        .then_some("no DKIM signature covers List-Unsubscribe and List-Unsubscribe-Post")
}

/// The tags of a signature.
struct Signature(Vec<(String, String)>);

impl Signature {
    fn parse(value: &str) -> Signature {
        let tags = value.split(';').filter_map(|tag| tag.split_once('='));
        let plain = |text: &str| text.split_whitespace().collect::<String>();
        Signature(
            tags.map(|(name, value)| (plain(name), plain(value)))
                .collect(),
        )
    }

    fn tag(&self, name: &str) -> Option<&str> {
        let mut tags = self.0.iter();
        tags.find_map(|(known, value)| (known == name).then_some(value.as_str()))
    }

    fn name(&self) -> String {
        let tag = |name| self.tag(name).unwrap_or("?");
        format!("d={} s={} a={}", tag("d"), tag("s"), tag("a"))
    }

    fn signs(&self, field: &str) -> bool {
        let mut names = self.tag("h").unwrap_or_default().split(':');
        names.any(|name| name.eq_ignore_ascii_case(field))
    }

    fn check(&self, view: &MessageView, message: &Source) -> io::Result<(Option<bool>, String)> {
        for name in ["v", "a", "b", "bh", "d", "h", "s"] {
            if self.tag(name).is_none_or(str::is_empty) {
                return Ok((Some(false), format!("the tag {name}= is missing")));
            }
        }
        if !self.tag("a").is_some_and(|name| name.ends_with("-sha256")) {
            return Ok((
                Some(false),
                "the algorithm is not valid (RFC 8301)".to_owned(),
            ));
        }
        if !self.signs("from") {
            return Ok((Some(false), "From is not signed".to_owned()));
        }
        if self.tag("l").is_some() {
            let text = "signs only a part of the body (l=); not checked";
            return Ok((None, text.to_owned()));
        }
        let canonical = self.tag("c").unwrap_or("simple/simple");
        let is_relaxed = canonical.ends_with("/relaxed");
        let start = view
            .parts
            .first()
            .map_or(message.len, |root| root.octets.start);
        let hash = BASE64_STANDARD.encode(body_hash(message, start, is_relaxed)?);
        Ok(if self.tag("bh") == Some(&hash) {
            (Some(true), "the body is unchanged".to_owned())
        } else {
            (
                Some(false),
                "the body was changed after it was signed".to_owned(),
            )
        })
    }
}

/// The hash of the body, with CRLF as line ends.
fn body_hash(message: &Source, start: u64, is_relaxed: bool) -> io::Result<[u8; 32]> {
    let mut relaxed = BodyHash::default();
    let mut simple = SimpleHash::default();
    let mut block = message.block(BLOCK);
    let mut at = start;
    let mut last = 0;
    loop {
        let count = message.read_at(&mut block, at)?;
        if count == 0 {
            return Ok(if is_relaxed {
                relaxed.finish()
            } else {
                simple.finish()
            });
        }
        at += count as u64;
        let lines = with_crlf(&block[..count], &mut last);
        if is_relaxed {
            relaxed.push(&lines);
        } else {
            simple.push(&lines);
        }
    }
}

/// A block with CRLF as line ends. `last` is the last octet of the block before.
pub fn with_crlf(block: &[u8], last: &mut u8) -> Vec<u8> {
    let mut lines = Vec::with_capacity(block.len() + block.len() / 32);
    for &byte in block {
        if byte == b'\n' && *last != b'\r' {
            lines.push(b'\r');
        }
        lines.push(byte);
        *last = byte;
    }
    lines
}

/// The hash of a body in its simple form (RFC 6376 §3.4.3): without empty lines at its end.
struct SimpleHash {
    context: Context,
    /// Line ends that are hashed if text follows.
    held: Vec<u8>,
}

impl Default for SimpleHash {
    fn default() -> Self {
        Self {
            context: Context::new(&SHA256),
            held: Vec::new(),
        }
    }
}

impl SimpleHash {
    fn push(&mut self, block: &[u8]) {
        let is_end = |byte: &u8| matches!(byte, b'\r' | b'\n');
        let text = block.iter().rposition(|byte| !is_end(byte));
        let end = text.map_or(0, |last| last + 1);
        if end > 0 {
            self.context.update(&self.held);
            self.held.clear();
            self.context.update(&block[..end]);
        }
        self.held.extend_from_slice(&block[end..]);
        // A body of line ends only: as many as a message may have must not be kept.
        if self.held.len() > BLOCK {
            self.context.update(&self.held);
            self.held.clear();
        }
    }

    fn finish(mut self) -> [u8; 32] {
        self.context.update(b"\r\n");
        let mut hash = [0; 32];
        hash.copy_from_slice(self.context.finish().as_ref());
        hash
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::mail::view::{Limits, Parser};

    fn checks(message: &str) -> Vec<(&'static str, Option<bool>)> {
        let source = Source::memory("m".to_owned(), message.as_bytes().to_vec());
        let view = Parser::view(&source, Limits::Whole).unwrap();
        let checks = check_fields(&view, &source).unwrap();
        checks
            .iter()
            .map(|check| (check.field, check.is_ok))
            .collect()
    }

    /// The hash of the empty body in the simple form is known (RFC 6376 §3.4.3).
    const EMPTY: &str = "frcCV1k9oG9oKj3dpUqdJg1PxRT2RSN/XKdLCPjaYaY=";

    fn signed(canonical: &str, hash: &str, rest: &str) -> String {
        format!(
            "DKIM-Signature: v=1; a=rsa-sha256; c={canonical}; d=crepes.fr; s=m;\r\n h=from:list-unsubscribe:\r\n \
             list-unsubscribe-post; bh={hash}; b=eA==\r\nFrom: a@crepes.fr\r\n{rest}"
        )
    }

    #[test]
    fn body_hash_of_simple_and_relaxed_signatures_is_compared() {
        let ok = [("DKIM-Signature", Some(true))];
        let changed = [("DKIM-Signature", Some(false))];
        assert_eq!(checks(&signed("relaxed/simple", EMPTY, "\r\n\r\n\r\n")), ok);
        assert_eq!(
            checks(&signed("relaxed/simple", EMPTY, "\r\nx\r\n")),
            changed
        );
        let hash = BASE64_STANDARD.encode(BodyHash::default().finish());
        assert_eq!(checks(&signed("relaxed/relaxed", &hash, "\n \n\n")), ok);
        assert_eq!(checks("DKIM-Signature: v=1\r\n\r\n"), changed);
    }

    #[test]
    fn one_click_needs_https_and_a_signature() {
        let list = "List-Unsubscribe: <https://crepes.fr/u>\r\nList-Unsubscribe-Post: List-Unsubscribe=One-Click\r\n\r\n";
        let unsigned = [
            ("List-Unsubscribe", Some(true)),
            ("List-Unsubscribe-Post", Some(false)),
        ];
        assert_eq!(checks(list), unsigned);
        let signed = checks(&signed("simple", EMPTY, list));
        assert_eq!(signed[2], ("List-Unsubscribe-Post", Some(true)));
        assert_eq!(
            checks("List-Unsubscribe: none\r\n\r\n"),
            [("List-Unsubscribe", Some(false))]
        );
    }
}
