//! Mail addresses: those of the envelope, and the lists in headers and options.

mod list;

pub use list::{
    ListEntry, LocalName, LooseEntry, Mailbox, parse_each, parse_list, parse_loose, parse_raw,
    parse_recipients,
};

use crate::system::text;
use crate::system::text::forbidden;
use base64::prelude::{BASE64_STANDARD, Engine as _};
use encoding_rs::Encoding;
use std::borrow::Cow;
use std::fmt;
use std::net::IpAddr;

/// The longest local part in octets (RFC 5321 §4.5.3.1.1).
const MAX_LOCAL: usize = 64;

/// Maximum number of characters of the input that an error shows. A header field may have a megabyte.
const MAX_SHOWN: usize = 200;

/// An address of RFC 5321 §4.1.2 without CR, LF, NUL or other control characters. Its domain is ASCII
/// (A-labels, RFC 5890). Its local part is quoted if necessary, and may be UTF-8 (RFC 6531).
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Address {
    local: String,
    domain: Domain,
}

/// The part after the `@`.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Domain {
    /// No domain and no `@`: `postmaster` (RFC 5321 §4.1.1.3), or a name that only the next server knows.
    Absent,
    /// A name, in ASCII, as it was written.
    Name(String),
    /// An address literal, `[192.0.2.7]` or `[IPv6:2001:db8::7]`.
    Literal(IpAddr),
}

/// An error in an address or a list of addresses.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AddressError {
    /// A character that no address may contain.
    #[error("\"{}\" contains {}", shown(.0), text::name_of(*.1))]
    Forbidden(String, char),
    /// No `@`, or nothing after it.
    #[error("\"{}\" has no @domain{}", shown(.0), .1)]
    NoDomain(String, &'static str),
    /// The part before the `@` is not valid.
    #[error("\"{}\" is not an address: the part before the @ is not valid", shown(.0))]
    Local(String),
    /// The part before the `@` is longer than RFC 5321 §4.5.3.1.1 allows.
    #[error("\"{}\" is not an address: the part before the @ is longer than 64 bytes", shown(.0))]
    LongLocal(String),
    /// The part after the `@` is not a domain.
    #[error("\"{}\" is not an address: the part after the @ is not a domain{}", shown(.0), .1)]
    Domain(String, &'static str),
    /// The list cannot be parsed.
    #[error("{what} in \"{}\"", shown(.list))]
    Syntax { what: &'static str, list: String },
    /// Exactly one address is required, and the text has another number of them.
    #[error("\"{}\" is not one address", shown(.0))]
    NotOne(String),
}

impl Address {
    /// Parses one address: `local@domain`, with or without angle brackets and a name.
    pub fn parse(text: &str) -> Result<Self, AddressError> {
        Mailbox::parse(text).map(|mailbox| mailbox.address)
    }

    /// Makes an address of a local part without its quotes, and a domain as written.
    pub fn of(local: &str, domain: &str) -> Result<Self, AddressError> {
        let whole = format!("{local}@{domain}");
        if let Some(bad) = text::forbidden(domain) {
            return Err(AddressError::Forbidden(whole, bad));
        }
        let local = local_part(local, &whole)?;
        let domain = Domain::parse(domain).map_err(|hint| AddressError::Domain(whole, hint))?;
        Ok(Self { local, domain })
    }

    /// Makes an address without a domain of a local part without its quotes.
    pub fn without_domain(local: &str) -> Result<Self, AddressError> {
        Ok(Self {
            local: local_part(local, local)?,
            domain: Domain::Absent,
        })
    }

    /// The local part as sent, quoted if necessary.
    pub fn local(&self) -> &str {
        &self.local
    }

    /// The local part without its quotes.
    pub fn unquoted_local(&self) -> Cow<'_, str> {
        let inside = self.local.strip_prefix('"');
        let Some(inside) = inside.and_then(|inside| inside.strip_suffix('"')) else {
            return Cow::Borrowed(&self.local);
        };
        let mut text = String::with_capacity(inside.len());
        let mut characters = inside.chars();
        while let Some(character) = characters.next() {
            let escaped = (character == '\\').then(|| characters.next()).flatten();
            text.push(escaped.unwrap_or(character));
        }
        Cow::Owned(text)
    }

    pub fn domain(&self) -> &Domain {
        &self.domain
    }

    /// A key that is the same for equal addresses: domains are compared without regard to case.
    pub fn key(&self) -> (String, String) {
        let domain = self.domain.to_string().to_ascii_lowercase();
        (self.local.clone(), domain)
    }

    /// True if the local part is not ASCII, so that only a server with SMTPUTF8 can accept it.
    pub fn needs_utf8(&self) -> bool {
        !self.local.is_ascii()
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.domain {
            Domain::Absent => f.write_str(&self.local),
            domain => write!(f, "{}@{domain}", self.local),
        }
    }
}

impl Domain {
    /// Parses a name or a literal. The error is a hint for the message, possibly empty.
    fn parse(text: &str) -> Result<Self, &'static str> {
        if let Some(inside) = text.strip_prefix('[') {
            let inside = inside
                .strip_suffix(']')
                .ok_or(" (the ] of its address literal is missing)")?;
            let address = literal(inside).ok_or(" (not an address literal)")?;
            return Ok(Self::Literal(address));
        }
        if text.parse::<IpAddr>().is_ok() {
            return Err(" (enclose an IP address in brackets: user@[192.0.2.7])");
        }
        let name = if text.is_ascii() {
            text.to_owned()
        } else {
            idna::domain_to_ascii_strict(text).map_err(|_| " (not a valid IDN)")?
        };
        match lettre::Address::new("a", &name) {
            Ok(_) if name.len() <= 255 && !name.starts_with('[') => Ok(Self::Name(name)),
            _ => Err(""),
        }
    }
}

impl fmt::Display for Domain {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Absent => Ok(()),
            Self::Name(name) => f.write_str(name),
            Self::Literal(IpAddr::V4(ip)) => write!(f, "[{ip}]"),
            Self::Literal(IpAddr::V6(ip)) => write!(f, "[IPv6:{ip}]"),
        }
    }
}

/// A local part as sent. `whole` is the text that the error names.
fn local_part(local: &str, whole: &str) -> Result<String, AddressError> {
    let whole = || whole.to_owned();
    if let Some(bad) = text::forbidden(local) {
        return Err(AddressError::Forbidden(whole(), bad));
    }
    if local.contains('\t') {
        return Err(AddressError::Forbidden(whole(), '\t'));
    }
    let quoted = quoted_if_needed(local);
    if quoted.len() > MAX_LOCAL {
        return Err(AddressError::LongLocal(whole()));
    }
    // lettre checks the syntax. It does not support a quoted UTF-8 local part.
    let is_wrong = quoted.is_ascii() && lettre::Address::new(&quoted, "example.org").is_err();
    if local.is_empty() || is_wrong {
        return Err(AddressError::Local(whole()));
    }
    Ok(quoted)
}

/// The input, truncated for an error.
fn shown(given: &str) -> String {
    match given.char_indices().nth(MAX_SHOWN) {
        Some((end, _)) => format!("{}...", text::shown(&given[..end])),
        None => text::shown(given),
    }
}

/// Parses the inside of an address literal (RFC 5321 §4.1.3).
fn literal(inside: &str) -> Option<IpAddr> {
    match inside.get(..5) {
        Some(tag) if tag.eq_ignore_ascii_case("IPv6:") => inside[5..].parse().ok().map(IpAddr::V6),
        _ => inside.parse().ok().map(IpAddr::V4),
    }
}

/// The local part, in quotes only if it is not a dot-atom (RFC 5321 §4.1.2: minimum quoting).
fn quoted_if_needed(local: &str) -> String {
    let atom = |part: &str| !part.is_empty() && part.chars().all(is_atom_char);
    if local.split('.').all(atom) {
        return local.to_owned();
    }
    let mut quoted = String::with_capacity(local.len() + 2);
    quoted.push('"');
    for character in local.chars() {
        if matches!(character, '"' | '\\') {
            quoted.push('\\');
        }
        quoted.push(character);
    }
    quoted.push('"');
    quoted
}

/// `atext` of RFC 5322 §3.2.3, with UTF-8 (RFC 6532 §3.2).
fn is_atom_char(character: char) -> bool {
    !character.is_ascii()
        || character.is_ascii_alphanumeric()
        || "!#$%&'*+-/=?^_`{|}~".contains(character)
}

/// The longest encoded word (RFC 2047 §2).
const MAX_LENGTH: usize = 75;

/// Decodes the encoded words of a display name or an unstructured field. A word that cannot be decoded is
/// kept. So is the whole text if the result would contain a character that is not allowed in a field.
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
    use super::*;

    fn parsed(text: &str) -> String {
        Address::parse(text).unwrap().to_string()
    }

    #[test]
    fn valid_addresses_are_kept_as_written() {
        for text in [
            "alice@crepes.fr",
            "o'brien+tag@Example.ORG",
            "root@localhost",
            "\"john doe\"@example.org",
            "\"a@b\"@example.org",
            "bob@[192.0.2.7]",
            "bob@[IPv6:2001:db8::7]",
            "用户@example.org",
            "-oQ/tmp@example.org",
        ] {
            assert_eq!(parsed(text), text);
        }
    }

    #[test]
    fn only_postmaster_has_no_domain_unless_any_name_may() {
        let bare = |list: &str| parse_recipients(list).map(|entries| entries.len());
        for text in [
            "postmaster",
            "<Postmaster>",
            "Post <POSTMASTER>",
            "\"postmaster\"",
        ] {
            assert_eq!(bare(text), Ok(1), "{text}");
        }
        for text in ["postmaster@", "postmasters", "post master", "bob"] {
            assert!(bare(text).is_err(), "{text}");
        }
        for (text, right) in [
            ("bob", "bob"),
            ("<\"john doe\">", "\"john doe\""),
            ("bob@example.org", "bob@example.org"),
        ] {
            let entries = parse_raw(text).unwrap();
            assert_eq!(entries[0].mailboxes()[0].address.to_string(), right);
        }
        for text in ["bob@", "a b", "\"\"", "a..b@", "a\0b"] {
            assert!(parse_raw(text).is_err(), "{text}");
        }
    }

    #[test]
    fn domain_becomes_a_labels_and_needless_quotes_are_removed() {
        assert_eq!(parsed("bob@bücher.example"), "bob@xn--bcher-kva.example");
        assert_eq!(parsed("\"bob\"@example.org"), "bob@example.org");
        assert_eq!(parsed("<bob@example.org>"), "bob@example.org");
    }

    #[test]
    fn a_local_part_has_quotes_only_on_the_wire() {
        for local in ["john doe", "a\"b\\c", "bob", "a@b", "\"", "\\"] {
            let address = Address::of(local, "example.org").unwrap();
            assert_eq!(address.unquoted_local(), local);
        }
    }

    #[test]
    fn nothing_in_an_address_can_start_a_new_line_or_a_parameter() {
        for text in [
            "bob@example.org\r\nRCPT TO:<eve@example.org>",
            "bob\n@example.org",
            "bob\0@example.org",
            "\"bob\u{2028}\"@example.org",
            "bob@example.org> SIZE=1",
            "bob@example.org SIZE=1",
        ] {
            assert!(Address::parse(text).is_err(), "{text:?}");
        }
    }

    #[test]
    fn invalid_address_is_refused_with_the_reason() {
        let long = format!("{}@example.org", "a".repeat(65));
        for (text, reason) in [
            ("bob", "has no @domain"),
            ("@example.org", "before the @"),
            ("bob@", "has no @domain"),
            ("bob@1.2.3.4", "in brackets"),
            ("bob@[1.2.3]", "not an address literal"),
            ("bob@exa mple.org", "in \"bob@exa mple.org\""),
            ("bob@ex..org", "not a domain"),
            (long.as_str(), "64 bytes"),
        ] {
            let error = Address::parse(text).unwrap_err().to_string();
            assert!(error.contains(reason), "{text}: {error}");
        }
    }

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
