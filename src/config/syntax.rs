//! Likely meanings of lines that are not valid TOML.

use crate::config::ConfigFault;
use crate::config::keys::{is_password, is_secret};

/// Maximum number of characters of a line that an error shows.
const MAX_SHOWN: usize = 60;

/// The error in a line. `message` is that of the parser.
pub(super) fn fault(line: &str, message: &str) -> ConfigFault {
    let line = line.trim();
    if is_password(key_of(line)) {
        return ConfigFault::Password;
    }
    ConfigFault::Syntax {
        why: likely(line).map_or_else(|| message.to_owned(), str::to_owned),
        line: excerpt(line),
    }
}

fn likely(line: &str) -> Option<&'static str> {
    if line.contains(['\u{201c}', '\u{201d}', '\u{2018}', '\u{2019}']) {
        return Some("typographic quotation marks; use the straight one (\")");
    }
    if let Some(name) = line.strip_prefix('[') {
        return table(name);
    }
    let Some((key, value)) = line.split_once('=') else {
        return match line.split_once(':') {
            Some(_) => Some("a key and its value are separated by =, not by a colon"),
            None => Some("expected KEY = VALUE"),
        };
    };
    let (key, value) = (key.trim(), value.trim());
    let is_bare = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte);
    match (key, value) {
        (_, "") => Some("the value is missing"),
        (key, _) if !key.contains('"') && !key.bytes().all(is_bare) => {
            Some("this key must be enclosed in quotation marks (\")")
        }
        (_, value) if value.starts_with(['"', '\'']) => {
            has_open_quote(value).then_some("the closing quotation mark is missing")
        }
        (_, value) if value.starts_with(['[', '{']) => None,
        (_, value) => unquoted(value),
    }
}

fn unquoted(value: &str) -> Option<&'static str> {
    let is_number = value.bytes().all(|byte| byte.is_ascii_digit());
    match value {
        "yes" | "no" | "on" | "off" | "True" | "False" | "TRUE" | "FALSE" => {
            Some("write true or false, or enclose the value in quotation marks (\")")
        }
        "true" | "false" => None,
        _ if is_number => None,
        _ if value.ends_with(['"', '\'']) => Some("the opening quotation mark is missing"),
        _ => Some("the value must be enclosed in quotation marks (\")"),
    }
}

/// The error in the line of a table, without its first bracket.
fn table(name: &str) -> Option<&'static str> {
    let Some((name, _)) = name.split_once(']') else {
        return Some("the closing bracket ] is missing");
    };
    let is_quoted = name.contains(['"', '\'']);
    (!is_quoted && name.trim().contains([' ', '@']))
        .then_some("this name must be enclosed in quotation marks, as in [profile.\"my mail\"]")
}

fn has_open_quote(value: &str) -> bool {
    let mut open = None;
    let mut characters = value.chars();
    while let Some(character) = characters.next() {
        match (open, character) {
            (Some('"'), '\\') => {
                characters.next();
            }
            (Some(quote), character) if quote == character => open = None,
            (None, '"' | '\'') => open = Some(character),
            (None, '#') => break,
            _ => {}
        }
    }
    open.is_some()
}

/// The line as far as it may be shown: the value of a key that may hold a secret is left out.
fn excerpt(line: &str) -> String {
    let key = key_of(line);
    if is_secret(key) {
        return format!("{key} = ...");
    }
    match line.char_indices().nth(MAX_SHOWN) {
        Some((cut, _)) => format!("{}...", &line[..cut]),
        None => line.to_owned(),
    }
}

/// The first word, without quotes.
fn key_of(line: &str) -> &str {
    let end = line.find(['=', ':', ' ']).unwrap_or(line.len());
    line[..end].trim_matches(['"', '\''])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn mistake_has_its_likely_meaning() {
        for (line, words) in [
            ("relay = \"a.example", "closing quotation mark is missing"),
            (
                "relay = 'a.example # x",
                "closing quotation mark is missing",
            ),
            ("relay = a.example\"", "opening quotation mark is missing"),
            ("relay = a.example", "value must be enclosed"),
            ("relay = \u{201c}a.example\u{201d}", "typographic"),
            ("relay: \"a.example\"", "not by a colon"),
            ("relay \"a.example\"", "expected KEY = VALUE"),
            ("relay =", "the value is missing"),
            ("quiet = yes", "write true or false"),
            ("root@localhost = \"a@x.org\"", "key must be enclosed"),
            ("[profile.a", "closing bracket"),
            ("[profile.my mail]", "[profile.\"my mail\"]"),
            ("a = [1, 2", "the parser"),
        ] {
            let text = fault(line, "the parser").to_string();
            assert!(text.contains(words), "{line}: {text}");
            assert!(text.ends_with(line), "{line}: {text}");
        }
    }

    #[test]
    fn secret_is_not_shown() {
        for line in [
            "password = hunter2",
            "pass: hunter2",
            "\"password\" = \"hunter2",
            "password-command = \"echo hunter2",
            "smtp_password hunter2",
            "api-token = hunter2",
        ] {
            let text = fault(line, "x").to_string();
            assert!(!text.contains("hunter2"), "{text}");
        }
    }
}
