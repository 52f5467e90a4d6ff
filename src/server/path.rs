//! The path of MAIL and RCPT: `FROM:<alice@example.org>` and what follows it (RFC 5321 §4.1.2).

use crate::server::reply::{NEEDS_SMTPUTF8, Refusal};

/// A path, and the parameters after it.
#[derive(Debug, PartialEq, Eq)]
pub struct Path<'a> {
    /// The address without its angle brackets; empty for the null path `<>`.
    pub address: String,
    /// The text after the closing bracket, not yet split.
    pub parameters: &'a [u8],
}

/// Reads `keyword`, then `<address>`, then parameters. `refusal` is the answer to bad syntax.
pub fn parse<'a>(argument: &'a [u8], keyword: &str, refusal: Refusal) -> Result<Path<'a>, Refusal> {
    let inner = after_keyword(argument, keyword).and_then(|path| path.strip_prefix(b"<"));
    let inner = inner.ok_or(refusal)?;
    let end = closing_bracket(inner).ok_or(refusal)?;
    let (address, parameters) = (&inner[..end], &inner[end + 1..]);
    if !parameters.is_empty() && !parameters.starts_with(b" ") {
        return Err(refusal);
    }
    let address = str::from_utf8(address).map_err(|_| NEEDS_SMTPUTF8)?;
    let address = mailbox(address).ok_or(refusal)?.to_owned();
    Ok(Path {
        address,
        parameters,
    })
}

// A space after the colon is invalid (RFC 5321 §3.3), but accepted, as by most servers.
fn after_keyword<'a>(argument: &'a [u8], keyword: &str) -> Option<&'a [u8]> {
    let (word, path) = argument.split_at_checked(keyword.len())?;
    word.eq_ignore_ascii_case(keyword.as_bytes())
        .then(|| path.trim_ascii_start())
}

fn closing_bracket(path: &[u8]) -> Option<usize> {
    let mut unquoted = unquoted(path).filter(|&(_, byte)| byte == b'>');
    unquoted.next().map(|(at, _)| at)
}

/// The mailbox of a path, without a source route (RFC 5321 appendix C); `None`: invalid.
fn mailbox(path: &str) -> Option<&str> {
    let mailbox = match path.strip_prefix('@') {
        Some(route) => route.split_once(':')?.1,
        None => path,
    };
    let sound = mailbox.is_empty() && path.is_empty() || is_sound(mailbox);
    sound.then_some(mailbox)
}

// A local part alone is accepted: `<postmaster>` is required, and cron sends `<root>`.
fn is_sound(mailbox: &str) -> bool {
    let mut ats = unquoted(mailbox.as_bytes()).filter(|&(_, byte)| byte == b'@');
    let at = ats.next().map(|(at, _)| at);
    let last_at = mailbox.len().saturating_sub(1);
    !mailbox.is_empty()
        && !mailbox.contains(char::is_control)
        && !unquoted(mailbox.as_bytes()).any(|(_, byte)| matches!(byte, b' ' | b'<'))
        && at.is_none_or(|at| at != 0 && at != last_at)
        && ats.next().is_none()
}

/// The bytes outside quoted strings, with their positions. The quotes themselves are left out.
fn unquoted(text: &[u8]) -> impl Iterator<Item = (usize, u8)> + '_ {
    let (mut quoted, mut escaped) = (false, false);
    let bytes = text.iter().copied().enumerate();
    bytes.filter(move |&(_, byte)| {
        let literal = std::mem::take(&mut escaped);
        match byte {
            _ if literal => false,
            b'\\' if quoted => {
                escaped = true;
                false
            }
            b'"' => {
                quoted = !quoted;
                false
            }
            _ => !quoted,
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const REFUSAL: Refusal = "501 no";

    fn address(path: &str) -> Result<String, Refusal> {
        parse(format!("TO:{path}").as_bytes(), "TO:", REFUSAL).map(|path| path.address)
    }

    #[test]
    fn the_address_comes_without_its_brackets() {
        assert_eq!(address("<bob@example.org>").unwrap(), "bob@example.org");
        assert_eq!(address("<root>").unwrap(), "root");
        assert_eq!(address("<>").unwrap(), "");
        assert_eq!(address("<bob@[IPv6:::1]>").unwrap(), "bob@[IPv6:::1]");
    }

    #[test]
    fn brackets_and_ats_inside_quotes_are_part_of_the_address() {
        assert_eq!(address(r#"<"a>b"@x>"#).unwrap(), r#""a>b"@x"#);
        assert_eq!(address(r#"<"a\"> @b"@x>"#).unwrap(), r#""a\"> @b"@x"#);
    }

    #[test]
    fn a_source_route_is_stripped() {
        assert_eq!(address("<@a,@b:bob@x>").unwrap(), "bob@x");
        assert_eq!(address("<@a,@b:>"), Err(REFUSAL));
        assert_eq!(address("<@a>"), Err(REFUSAL));
    }

    #[test]
    fn a_space_after_the_colon_is_taken_as_by_most_servers() {
        assert_eq!(address("  <bob@x>").unwrap(), "bob@x");
    }

    #[test]
    fn bad_syntax_is_refused() {
        for path in [
            "",
            "bob@x",
            "<bob@x",
            "bob@x>",
            "<bob@x>SIZE=1",
            "<@>",
            "<bob@>",
            "<@x>",
            "<a@b@c>",
            "<a b@c>",
            "<<a@b>>",
            "<\"a@b>",
        ] {
            assert_eq!(address(path), Err(REFUSAL), "{path}");
        }
        assert_eq!(parse(b"FRO", "FROM:", REFUSAL), Err(REFUSAL));
    }

    #[test]
    fn control_characters_are_refused_quoted_or_not() {
        for path in [
            "<a\rb@x>",
            "<a\0@x>",
            "<\"a\tb\"@x>",
            "<a\x7f@x>",
            "<a\u{85}@x>",
        ] {
            assert_eq!(address(path), Err(REFUSAL), "{path:?}");
        }
    }

    #[test]
    fn what_is_not_utf8_is_refused_as_non_ascii() {
        assert_eq!(parse(b"TO:<a\xe9@x>", "TO:", REFUSAL), Err(NEEDS_SMTPUTF8));
        assert_eq!(address("<é@x>").unwrap(), "é@x");
    }

    #[test]
    fn parameters_are_what_follows_the_bracket() {
        let path = parse(b"from:<a@x> SIZE=3 BODY=7BIT", "FROM:", REFUSAL).unwrap();
        assert_eq!(path.parameters, b" SIZE=3 BODY=7BIT");
    }
}
