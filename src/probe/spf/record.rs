//! The text of a record (RFC 7208 §4.5, §4.6, §5, §6).

use crate::probe::spf::macros::DomainSpec;
use crate::system::text::shown;
use std::net::{Ipv4Addr, Ipv6Addr};

const VERSION: &str = "v=spf1";

/// Maximum number of terms that are read.
const MAX_TERMS: usize = 1000;

/// A record that is valid.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SpfRecord {
    pub terms: Vec<Term>,
    pub redirect: Option<DomainSpec>,
}

/// A mechanism with its qualifier.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Term {
    pub qualifier: Qualifier,
    pub mechanism: Mechanism,
    /// The term as it was written.
    pub text: String,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Qualifier {
    Pass,
    Fail,
    SoftFail,
    Neutral,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Mechanism {
    All,
    Include(DomainSpec),
    /// `None`: the domain of the record.
    A(Option<DomainSpec>, Prefix),
    Mx(Option<DomainSpec>, Prefix),
    Ptr(Option<DomainSpec>),
    Ip4(Ipv4Addr, u8),
    Ip6(Ipv6Addr, u8),
    Exists(DomainSpec),
}

/// Lengths of the network prefixes of addresses.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Prefix {
    pub v4: u8,
    pub v6: u8,
}

impl Mechanism {
    /// True if it counts as a lookup (RFC 7208 §4.6.4).
    pub fn is_lookup(&self) -> bool {
        !matches!(self, Self::All | Self::Ip4(..) | Self::Ip6(..))
    }
}

/// The SPF records among the texts of a name, without those of other kinds.
pub fn spf_records(texts: &[Vec<u8>]) -> Vec<String> {
    let texts = texts.iter().map(|text| String::from_utf8_lossy(text));
    let texts = texts.filter(|text| is_spf(text));
    texts.map(std::borrow::Cow::into_owned).collect()
}

fn is_spf(text: &str) -> bool {
    let version = text.get(..VERSION.len());
    let is_version = version.is_some_and(|version| version.eq_ignore_ascii_case(VERSION));
    is_version && (text.len() == VERSION.len() || text[VERSION.len()..].starts_with(' '))
}

impl SpfRecord {
    /// Parses a record with its version. An error anywhere makes the whole record unusable (RFC 7208 §4.6).
    ///
    /// # Errors
    /// A clause about the first term that is not valid.
    pub fn parse(text: &str) -> Result<Self, String> {
        let mut record = Self {
            terms: Vec::new(),
            redirect: None,
        };
        let mut has_explanation = false;
        let terms = text.split(' ').skip(1).filter(|term| !term.is_empty());
        for (at, term) in terms.enumerate() {
            if at >= MAX_TERMS {
                return Err(format!("it has more than {MAX_TERMS} terms"));
            }
            let wrong = |why: &str| format!("the term \"{}\" has {why}", shown(term));
            let Some((name, value)) = modifier(term) else {
                record.terms.push(Term::parse(term).map_err(wrong)?);
                continue;
            };
            match name.to_ascii_lowercase().as_str() {
                "redirect" if record.redirect.is_some() => {
                    return Err("redirect is there twice".to_owned());
                }
                "redirect" => record.redirect = Some(DomainSpec::parse(value).map_err(wrong)?),
                "exp" if has_explanation => return Err("exp is there twice".to_owned()),
                "exp" => {
                    DomainSpec::parse(value).map_err(wrong)?;
                    has_explanation = true;
                }
                // RFC 7208 §6: unknown modifiers are ignored, but have the syntax of a macro-string (§12).
                _ => DomainSpec::check_macros(value).map_err(wrong)?,
            }
        }
        Ok(record)
    }

    /// The terms up to `all`, which always matches (RFC 7208 §5.1).
    pub fn reachable(&self) -> &[Term] {
        let all = self
            .terms
            .iter()
            .position(|term| term.mechanism == Mechanism::All);
        &self.terms[..all.map_or(self.terms.len(), |at| at + 1)]
    }

    /// The term `all`.
    pub fn all(&self) -> Option<&Term> {
        self.reachable()
            .last()
            .filter(|term| term.mechanism == Mechanism::All)
    }

    /// The redirect, which `all` makes ineffective (RFC 7208 §6.1).
    pub fn effective_redirect(&self) -> Option<&DomainSpec> {
        self.redirect.as_ref().filter(|_| self.all().is_none())
    }
}

/// The name and the value of a modifier. `None`: it is a mechanism.
fn modifier(term: &str) -> Option<(&str, &str)> {
    let (name, value) = term.split_once('=')?;
    let is_inner = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte);
    let is_name = name.starts_with(|c: char| c.is_ascii_alphabetic()) && name.bytes().all(is_inner);
    is_name.then_some((name, value))
}

impl Term {
    fn parse(text: &str) -> Result<Self, &'static str> {
        let (qualifier, rest) = match text.as_bytes().first() {
            Some(b'+') => (Qualifier::Pass, &text[1..]),
            Some(b'-') => (Qualifier::Fail, &text[1..]),
            Some(b'~') => (Qualifier::SoftFail, &text[1..]),
            Some(b'?') => (Qualifier::Neutral, &text[1..]),
            _ => (Qualifier::Pass, text),
        };
        let end = rest.find([':', '/']).unwrap_or(rest.len());
        let (name, argument) = rest.split_at(end);
        Ok(Self {
            qualifier,
            mechanism: mechanism(&name.to_ascii_lowercase(), argument)?,
            text: text.to_owned(),
        })
    }
}

/// `argument`: empty, or begins with a colon or a slash.
fn mechanism(name: &str, argument: &str) -> Result<Mechanism, &'static str> {
    let value = argument.strip_prefix(':');
    let required = || value.ok_or("no domain");
    match name {
        "all" if argument.is_empty() => Ok(Mechanism::All),
        "all" => Err("an argument, but all has none"),
        "include" => Ok(Mechanism::Include(DomainSpec::parse(required()?)?)),
        "exists" => Ok(Mechanism::Exists(DomainSpec::parse(required()?)?)),
        "ptr" if argument.is_empty() => Ok(Mechanism::Ptr(None)),
        "ptr" => Ok(Mechanism::Ptr(Some(DomainSpec::parse(required()?)?))),
        "a" | "mx" => {
            let (domain, prefix) = prefixes(argument)?;
            let domain = match domain.strip_prefix(':') {
                Some(domain) => Some(DomainSpec::parse(domain)?),
                None if domain.is_empty() => None,
                None => return Err("a prefix length that is not valid"),
            };
            Ok(match name {
                "a" => Mechanism::A(domain, prefix),
                _ => Mechanism::Mx(domain, prefix),
            })
        }
        "ip4" => {
            let (ip, length) = network(value, 32)?;
            let ip = ip.parse().map_err(|_| "an address that is not IPv4")?;
            Ok(Mechanism::Ip4(ip, length))
        }
        "ip6" => {
            let (ip, length) = network(value, 128)?;
            let ip = ip.parse().map_err(|_| "an address that is not IPv6")?;
            Ok(Mechanism::Ip6(ip, length))
        }
        _ => Err("an unknown mechanism"),
    }
}

/// The argument without its lengths, as in `:example.org/24//64`.
fn prefixes(argument: &str) -> Result<(&str, Prefix), &'static str> {
    let mut prefix = Prefix { v4: 32, v6: 128 };
    let mut rest = argument;
    if let Some((before, length)) = rest.rsplit_once("//").filter(|(_, text)| is_number(text)) {
        prefix.v6 = length_of(length, 128)?;
        rest = before;
    }
    if let Some((before, length)) = rest.rsplit_once('/').filter(|(_, text)| is_number(text)) {
        prefix.v4 = length_of(length, 32)?;
        rest = before;
    }
    Ok((rest, prefix))
}

fn is_number(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit())
}

fn network(value: Option<&str>, max: u8) -> Result<(&str, u8), &'static str> {
    let value = value.ok_or("no address")?;
    match value.split_once('/') {
        Some((ip, length)) if is_number(length) => Ok((ip, length_of(length, max)?)),
        Some(_) => Err("a prefix length that is not valid"),
        None => Ok((value, max)),
    }
}

/// No leading zeros (RFC 7208 §5.6).
fn length_of(digits: &str, max: u8) -> Result<u8, &'static str> {
    let has_zero = digits.len() > 1 && digits.starts_with('0');
    let length = digits
        .parse()
        .ok()
        .filter(|&length| length <= max && !has_zero);
    length.ok_or("a prefix length that is not valid")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn valid_records_are_parsed() {
        for text in [
            "v=spf1",
            "v=spf1 -all",
            "V=SPF1 ~ALL",
            "v=spf1  a   mx  -all ",
            "v=spf1 a/24 a//64 a/24//64 a:example.org/24 mx:example.org//64 ?all",
            "v=spf1 ip4:192.0.2.0/24 ip4:192.0.2.1 ip6:2001:db8::/32 ip6:::1 ip4:0.0.0.0/0 -all",
            "v=spf1 include:_spf.example.org exists:%{i}._spf.example.org ptr ptr:example.org -all",
            "v=spf1 redirect=_spf.example.org exp=explain.example.org unknown=x%{d} x-y.z=",
            "v=spf1 include:%{d}",
            "v=spf1 a:%{l/}.example.org/24 -all",
            "v=spf1 note=%{t}%_%{r} -all",
        ] {
            assert!(
                SpfRecord::parse(text).is_ok(),
                "{text}: {:?}",
                SpfRecord::parse(text)
            );
        }
    }

    #[test]
    fn syntax_errors_name_the_term() {
        for (text, why) in [
            (
                "v=spf1 foo -all",
                "the term \"foo\" has an unknown mechanism",
            ),
            (
                "v=spf1 -all:x",
                "the term \"-all:x\" has an argument, but all has none",
            ),
            ("v=spf1 include -all", "the term \"include\" has no domain"),
            (
                "v=spf1 include: -all",
                "the term \"include:\" has a name that is not a domain name",
            ),
            (
                "v=spf1 ip4:192.0.2 -all",
                "the term \"ip4:192.0.2\" has an address that is not IPv4",
            ),
            (
                "v=spf1 ip4:192.0.2.1/33",
                "the term \"ip4:192.0.2.1/33\" has a prefix length that is not valid",
            ),
            (
                "v=spf1 ip4:192.0.2.1/08",
                "the term \"ip4:192.0.2.1/08\" has a prefix length that is not valid",
            ),
            (
                "v=spf1 ip6:192.0.2.1",
                "the term \"ip6:192.0.2.1\" has an address that is not IPv6",
            ),
            ("v=spf1 ip4", "the term \"ip4\" has no address"),
            (
                "v=spf1 a/x",
                "the term \"a/x\" has a prefix length that is not valid",
            ),
            (
                "v=spf1 a/33",
                "the term \"a/33\" has a prefix length that is not valid",
            ),
            (
                "v=spf1 redirect=a.example redirect=b.example",
                "redirect is there twice",
            ),
            ("v=spf1 exp=a.example exp=b.example", "exp is there twice"),
            (
                "v=spf1 a\t-all",
                "the term \"a\\u{9}-all\" has an unknown mechanism",
            ),
            (
                "v=spf1 include:localhost",
                "the term \"include:localhost\" has a name that is not a domain name",
            ),
            ("v=spf1 =x", "the term \"=x\" has an unknown mechanism"),
        ] {
            assert_eq!(SpfRecord::parse(text).unwrap_err(), why, "{text}");
        }
    }

    #[test]
    fn other_texts_are_no_spf_records() {
        let texts = [
            "v=spf10 -all",
            "v=spf1",
            "v=spf1 a",
            "v=spf1\t-all",
            "spf2.0/pra -all",
            "V=SPF1 a",
            "",
        ];
        let texts: Vec<Vec<u8>> = texts.map(|text| text.as_bytes().to_vec()).to_vec();
        assert_eq!(spf_records(&texts), ["v=spf1", "v=spf1 a", "V=SPF1 a"]);
    }

    #[test]
    fn nothing_after_all_counts() {
        let record = SpfRecord::parse("v=spf1 a -all mx redirect=x.example").unwrap();
        assert_eq!(record.reachable().len(), 2);
        assert_eq!(record.effective_redirect(), None);
        assert_eq!(record.all().unwrap().qualifier, Qualifier::Fail);
    }
}
