//! Macros in domain names (RFC 7208 §7).

use crate::probe::spf::SpfClient;
use std::net::IpAddr;

/// Maximum length of a domain name; longer results lose labels on the left (RFC 7208 §7.3).
const MAX_NAME: usize = 253;

/// A domain name with macros, `domain-spec` of RFC 7208 §7.1.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DomainSpec {
    text: String,
    parts: Vec<Part>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Part {
    Text(String),
    Macro(Macro),
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct Macro {
    /// In lower case.
    letter: char,
    /// True for an upper-case letter: the value is percent-encoded.
    is_encoded: bool,
    /// Number of labels that are kept, from the right. `None`: all.
    keep: Option<usize>,
    is_reversed: bool,
    delimiters: String,
}

impl DomainSpec {
    /// Parses a name that ends in a label or a macro. The text of the error follows "has".
    pub fn parse(text: &str) -> Result<Self, &'static str> {
        let spec = Self::macro_string(text, "slodiphv")?;
        match spec.parts.last() {
            Some(Part::Macro(_)) => Ok(spec),
            Some(Part::Text(_)) if ends_in_label(text) => Ok(spec),
            _ => Err("a name that is not a domain name"),
        }
    }

    /// Checks the value of a modifier, in which all letters are allowed. The text of the error follows "has".
    pub fn check_macros(text: &str) -> Result<(), &'static str> {
        Self::macro_string(text, "slodiphvcrt").map(drop)
    }

    fn macro_string(text: &str, letters: &str) -> Result<Self, &'static str> {
        let mut parts = Vec::new();
        let mut plain = String::new();
        let mut rest = text;
        while let Some(first) = rest.chars().next() {
            if first != '%' {
                if !first.is_ascii_graphic() {
                    return Err("a character that is not allowed in a name");
                }
                plain.push(first);
                rest = &rest[1..];
                continue;
            }
            rest = match rest.as_bytes().get(1) {
                Some(b'%') => escaped(&mut plain, "%", rest),
                Some(b'_') => escaped(&mut plain, " ", rest),
                Some(b'-') => escaped(&mut plain, "%20", rest),
                Some(b'{') => {
                    let (inner, after) = rest[2..].split_once('}').ok_or("a macro without }")?;
                    let found = Macro::parse(inner).ok_or("a macro that is not valid")?;
                    if !letters.contains(found.letter) {
                        return Err("a macro with an unknown letter");
                    }
                    if !plain.is_empty() {
                        parts.push(Part::Text(std::mem::take(&mut plain)));
                    }
                    parts.push(Part::Macro(found));
                    after
                }
                _ => return Err("a % that does not begin a macro"),
            };
        }
        if !plain.is_empty() {
            parts.push(Part::Text(plain));
        }
        Ok(Self {
            text: text.to_owned(),
            parts,
        })
    }

    /// The text as it was written.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// The name, if it has no macros. In lower case, without a dot at the end.
    pub fn fixed(&self) -> Option<String> {
        let mut name = String::new();
        for part in &self.parts {
            match part {
                Part::Text(text) => name.push_str(text),
                Part::Macro(_) => return None,
            }
        }
        Some(normal(&name))
    }

    /// True if it needs the validated name of the client (`%{p}`).
    pub fn needs_ptr(&self) -> bool {
        let is_p = |part: &Part| matches!(part, Part::Macro(one) if one.letter == 'p');
        self.parts.iter().any(is_p)
    }

    /// The name for a client. `domain`: the domain whose record is evaluated. `validated`: the value of `%{p}`.
    pub fn expand(&self, client: &SpfClient<'_>, domain: &str, validated: &str) -> String {
        let mut name = String::new();
        for part in &self.parts {
            match part {
                Part::Text(text) => name.push_str(text),
                Part::Macro(one) => name.push_str(&one.value(client, domain, validated)),
            }
        }
        let mut name = normal(&name);
        while name.len() > MAX_NAME {
            match name.split_once('.') {
                Some((_, rest)) => name = rest.to_owned(),
                None => name.truncate(0),
            }
        }
        name
    }
}

fn escaped<'t>(plain: &mut String, with: &str, rest: &'t str) -> &'t str {
    plain.push_str(with);
    &rest[2..]
}

fn normal(name: &str) -> String {
    name.strip_suffix('.').unwrap_or(name).to_ascii_lowercase()
}

/// `"." toplabel ["."]` at the end: a top label has a letter or a hyphen inside.
fn ends_in_label(name: &str) -> bool {
    let name = name.strip_suffix('.').unwrap_or(name);
    let Some((_, label)) = name.rsplit_once('.') else {
        return false;
    };
    let is_inner = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-';
    !label.is_empty()
        && label.bytes().all(is_inner)
        && !label.starts_with('-')
        && !label.ends_with('-')
        && !label.bytes().all(|byte| byte.is_ascii_digit())
}

impl Macro {
    /// The text between the braces.
    fn parse(text: &str) -> Option<Self> {
        let letter = text.chars().next().filter(char::is_ascii_alphabetic)?;
        let rest = &text[1..];
        let digits = rest.len() - rest.trim_start_matches(|c: char| c.is_ascii_digit()).len();
        let keep = match &rest[..digits] {
            "" => None,
            digits => Some(digits.parse::<usize>().ok().filter(|&keep| keep > 0)?),
        };
        let rest = &rest[digits..];
        let unreversed = rest.strip_prefix(['r', 'R']);
        let delimiters = unreversed.unwrap_or(rest);
        if !delimiters.chars().all(|c| ".-+,/_=".contains(c)) {
            return None;
        }
        Some(Self {
            letter: letter.to_ascii_lowercase(),
            is_encoded: letter.is_ascii_uppercase(),
            keep,
            is_reversed: unreversed.is_some(),
            delimiters: if delimiters.is_empty() {
                "."
            } else {
                delimiters
            }
            .to_owned(),
        })
    }

    fn value(&self, client: &SpfClient<'_>, domain: &str, validated: &str) -> String {
        let value = match self.letter {
            's' => format!("{}@{}", client.local(), client.domain()),
            'l' => client.local().to_owned(),
            'o' => client.domain().to_owned(),
            'd' => domain.to_owned(),
            'i' => dotted(client.ip),
            'p' => validated.to_owned(),
            'h' => client.helo.to_owned(),
            _ if client.ip.is_ipv4() => "in-addr".to_owned(),
            _ => "ip6".to_owned(),
        };
        let mut labels: Vec<&str> = value.split(|c| self.delimiters.contains(c)).collect();
        if self.is_reversed {
            labels.reverse();
        }
        if let Some(keep) = self.keep {
            labels.drain(..labels.len().saturating_sub(keep));
        }
        let value = labels.join(".");
        if self.is_encoded {
            encoded(&value)
        } else {
            value
        }
    }
}

/// The value of `%{i}`: hexadecimal digits with dots for IPv6.
fn dotted(ip: IpAddr) -> String {
    match ip {
        IpAddr::V4(ip) => ip.to_string(),
        IpAddr::V6(ip) => {
            let nibbles = ip.octets();
            let nibbles = nibbles.iter().flat_map(|octet| [octet >> 4, octet & 15]);
            let digits: Vec<String> = nibbles.map(|nibble| format!("{nibble:x}")).collect();
            digits.join(".")
        }
    }
}

/// Percent-encoding of all but unreserved characters (RFC 3986 §2.3).
fn encoded(text: &str) -> String {
    let mut out = String::new();
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            out.push(char::from(byte));
        } else {
            out.push_str(&format!("%{byte:02X}"));
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    fn expanded(spec: &str, ip: &str) -> String {
        let client = SpfClient {
            ip: ip.parse().unwrap(),
            sender: Some(("strong-bad", "email.example.com")),
            helo: "mx.example.org",
        };
        let spec = DomainSpec::parse(spec).unwrap();
        spec.expand(&client, "email.example.com", "unknown")
    }

    /// The examples of RFC 7208 §7.4.
    #[test]
    fn macros_are_expanded_as_in_the_standard() {
        for (spec, expected) in [
            ("%{s}", "strong-bad@email.example.com"),
            ("%{o}", "email.example.com"),
            ("%{d4}", "email.example.com"),
            ("%{d2}", "example.com"),
            ("%{d1}", "com"),
            ("%{dr}", "com.example.email"),
            ("%{d2r}", "example.email"),
            ("%{l}", "strong-bad"),
            ("%{l-}", "strong.bad"),
            ("%{lr-}", "bad.strong"),
            ("%{l1r-}", "strong"),
            (
                "%{ir}.%{v}._spf.%{d2}",
                "3.2.0.192.in-addr._spf.example.com",
            ),
            ("%{lr-}.lp._spf.%{d2}", "bad.strong.lp._spf.example.com"),
            (
                "%{ir}.%{v}.%{l1r-}.lp._spf.%{d2}",
                "3.2.0.192.in-addr.strong.lp._spf.example.com",
            ),
            (
                "%{d2}.trusted-domains.example.net",
                "example.com.trusted-domains.example.net",
            ),
            ("a%%b%_c%-d.example.net", "a%b c%20d.example.net"),
            (
                "%{S}.example.net",
                "strong-bad%40email.example.com.example.net",
            ),
        ] {
            assert_eq!(
                expanded(spec, "192.0.2.3"),
                expected.to_lowercase(),
                "{spec}"
            );
        }
        assert_eq!(
            expanded("%{ir}.%{v}._spf.%{d2}", "2001:db8::cb01"),
            "1.0.b.c.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.8.b.d.0.1.0.0.2.ip6._spf.example.com"
        );
    }

    #[test]
    fn labels_are_dropped_from_a_name_that_is_too_long() {
        let spec = format!("{}.%{{d}}", "abcdefgh.".repeat(30).trim_end_matches('.'));
        let name = expanded(&spec, "192.0.2.3");
        assert!(name.len() <= MAX_NAME && name.ends_with("email.example.com"));
        assert!(name.starts_with("abcdefgh."));
    }

    #[test]
    fn names_that_are_not_valid_are_refused() {
        for spec in [
            "",
            "localhost",
            "example.1",
            "example.-a",
            "example.a-",
            "a..",
            "%",
            "%x",
            "%{",
            "%{d",
            "%{}",
            "%{d0}",
            "%{z}",
            "%{c}.example.org",
            "%{d2x}",
            "b\u{fc}ro.example",
            "%{dr2}",
        ] {
            assert!(DomainSpec::parse(spec).is_err(), "{spec}");
        }
        for spec in [
            "example.org",
            "example.org.",
            "_spf.%{d}",
            "%{d}",
            "a%%.example.org",
            "x.a1",
        ] {
            assert!(DomainSpec::parse(spec).is_ok(), "{spec}");
        }
    }
}
