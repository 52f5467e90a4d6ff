//! Expected properties of a server, for monitoring.

use crate::client::session::{has_parameter, parameters};
use crate::probe::{ProbeResult, TlsReport};
use regex_lite::{Regex, RegexBuilder};

/// The beginnings of expectations that are regular expressions.
const PATTERNS: [&str; 2] = ["banner~", "ehlo~"];

/// One expectation, as in `starttls`, `auth=PLAIN` or `size>=10M`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Expectation {
    /// As it was written.
    pub text: String,
    what: Expected,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Expected {
    /// A TLS connection, of this version at least.
    Tls(Option<&'static str>),
    /// A certificate that is good.
    Verified,
    /// A certificate that is valid for at least this number of days.
    Days(i64),
    /// STARTTLS, offered before TLS.
    Starttls,
    /// A message size limit of at least this number of octets, or none.
    Size(u64),
    /// A keyword of EHLO, with this parameter.
    Keyword(String, Option<String>),
    /// A line of the greeting that matches.
    Banner(Pattern),
    /// A line of the EHLO reply that matches.
    Ehlo(Pattern),
}

/// A regular expression, without regard to case.
#[derive(Clone, Debug)]
struct Pattern(Regex);

impl Pattern {
    fn parse(text: &str) -> Result<Self, String> {
        let built = RegexBuilder::new(text).case_insensitive(true).build();
        built
            .map(Self)
            .map_err(|error| format!("invalid regular expression: {error}"))
    }

    /// The first line that matches.
    fn find<'l>(&self, lines: &'l [String]) -> Option<&'l String> {
        lines.iter().find(|line| self.0.is_match(line))
    }
}

impl PartialEq for Pattern {
    fn eq(&self, other: &Self) -> bool {
        self.0.as_str() == other.0.as_str()
    }
}

impl Eq for Pattern {}

/// The result of checking an expectation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ExpectationResult {
    pub text: String,
    pub met: bool,
    /// The observed value.
    pub found: String,
}

impl ExpectationResult {
    /// True if it is not known whether the expectation is met.
    pub fn is_unknown(&self) -> bool {
        !self.met && self.found == "unknown"
    }
}

impl Expectation {
    /// Parses a list with commas. A regular expression extends to the end, because it may contain commas.
    ///
    /// # Errors
    /// What is wrong with an entry.
    pub fn parse_list(text: &str) -> Result<Vec<Self>, String> {
        let mut all = Vec::new();
        let mut rest = Some(text);
        while let Some(list) = rest {
            let entry = list.trim_start();
            let is_pattern = PATTERNS.iter().any(|name| {
                let start = entry.get(..name.len());
                start.is_some_and(|start| start.eq_ignore_ascii_case(name))
            });
            let (first, others) = match list.split_once(',') {
                Some((first, others)) if !is_pattern => (first, Some(others)),
                _ => (list, None),
            };
            all.push(Self::parse(first)?);
            rest = others;
        }
        Ok(all)
    }

    /// Parses an expectation.
    ///
    /// # Errors
    /// The text and what is wrong with it.
    pub fn parse(text: &str) -> Result<Self, String> {
        if let Some((name, pattern)) = text.split_once('~')
            && let Some(what) = matching(name.trim(), pattern)
        {
            return Ok(Self {
                text: text.trim().to_owned(),
                what: what?,
            });
        }
        // A colon is accepted instead of >=, which a shell may take for a redirection.
        let at_least = text.split_once(">=").or(text.split_once(':'));
        let (name, at_least, value) = match (at_least, text.split_once('=')) {
            (Some((name, value)), _) => (name, true, Some(value)),
            (_, Some((name, value))) => (name, false, Some(value)),
            _ => (text, false, None),
        };
        let name = name.trim().to_ascii_lowercase();
        let value = value.map(str::trim);
        let what = match (name.as_str(), at_least, value) {
            ("tls", _, None) => Expected::Tls(None),
            ("tls", true, Some("1.2")) => Expected::Tls(Some("TLSv1.2")),
            ("tls", true, Some("1.3")) => Expected::Tls(Some("TLSv1.3")),
            ("tls", ..) => return Err("expected tls, tls:1.2 or tls:1.3".to_owned()),
            ("verified", false, None) => Expected::Verified,
            ("verified", ..) => return Err("verified takes no value".to_owned()),
            ("cert-days", true, Some(days)) => Expected::Days(
                days.parse()
                    .map_err(|_| "expected a number of days, as in cert-days:14".to_owned())?,
            ),
            ("cert-days", ..) => {
                return Err("expected a number of days, as in cert-days:14".to_owned());
            }
            ("starttls", _, None) => Expected::Starttls,
            ("starttls", ..) => return Err("starttls takes no value".to_owned()),
            ("size", true, Some(size)) => Expected::Size(octets(size)?),
            ("size", false, Some(_)) => return Err("expected a size, as in size:10M".to_owned()),
            (_, true, _) => return Err(format!("{name} cannot be compared with a number")),
            (_, false, Some(value)) if value.contains(char::is_whitespace) => {
                return Err(format!("expected one parameter of {name} at a time"));
            }
            (_, false, value) if is_keyword(&name) => {
                Expected::Keyword(name, value.map(str::to_owned))
            }
            _ => {
                return Err("expected an EHLO keyword, tls, verified or cert-days".to_owned());
            }
        };
        Ok(Self {
            text: text.trim().to_owned(),
            what,
        })
    }

    /// Compares a server with the expectation.
    pub fn check(&self, probe: &ProbeResult) -> ExpectationResult {
        let (met, found) = match self.what.check(probe) {
            (false, _) if !probe.is_complete() => (false, "unknown".to_owned()),
            finding => finding,
        };
        ExpectationResult {
            text: self.text.clone(),
            met,
            found,
        }
    }
}

impl Expected {
    fn check(&self, probe: &ProbeResult) -> (bool, String) {
        let tls = probe.tls.as_ref();
        match self {
            Self::Tls(version) => {
                let found = tls.and_then(|tls| tls.version.as_deref());
                let met = found.is_some_and(|found| version.is_none_or(|least| found >= least));
                (met, found.unwrap_or("no TLS").to_owned())
            }
            Self::Verified => match tls {
                Some(tls) => (tls.verified, tls.judgement.clone()),
                None => (false, "no TLS".to_owned()),
            },
            Self::Days(least) => match tls.and_then(TlsReport::days_left) {
                Some(days) => (days >= *least, format!("{days} days left")),
                None => (false, "no certificate".to_owned()),
            },
            Self::Starttls => {
                let offered = probe.in_clear.as_deref().unwrap_or_default();
                keyword(offered, "starttls", None)
            }
            Self::Banner(pattern) => matched(pattern, &probe.banner, "no greeting"),
            Self::Ehlo(pattern) => matched(pattern, probe.offered(), "nothing offered"),
            Self::Size(least) => size(probe.offered(), *least),
            Self::Keyword(name, value) => keyword(probe.offered(), name, value.as_deref()),
        }
    }
}

/// The expectation of a regular expression. `None`: another kind.
fn matching(name: &str, pattern: &str) -> Option<Result<Expected, String>> {
    let pattern = Pattern::parse(pattern);
    match name.to_ascii_lowercase().as_str() {
        "banner" => Some(pattern.map(Expected::Banner)),
        "ehlo" => Some(pattern.map(Expected::Ehlo)),
        _ => None,
    }
}

fn matched(pattern: &Pattern, lines: &[String], nothing: &str) -> (bool, String) {
    match (pattern.find(lines), lines) {
        (Some(line), _) => (true, line.clone()),
        (None, []) => (false, nothing.to_owned()),
        (None, lines) => (false, lines.join(", ")),
    }
}

fn keyword(offered: &[String], name: &str, wanted: Option<&str>) -> (bool, String) {
    match (parameters(offered, name), wanted) {
        (None, _) => (false, "not offered".to_owned()),
        (Some(words), None) => (true, words.join(" ")),
        (Some(words), Some(wanted)) => (has_parameter(&words, wanted), words.join(" ")),
    }
}

/// RFC 1870 §4: without a number, or with 0, no limit is known.
fn size(offered: &[String], least: u64) -> (bool, String) {
    let Some(words) = parameters(offered, "size") else {
        return (false, "not offered".to_owned());
    };
    match words.first().and_then(|word| word.parse::<u64>().ok()) {
        None | Some(0) => (true, "no limit".to_owned()),
        Some(limit) => (limit >= least, limit.to_string()),
    }
}

fn is_keyword(name: &str) -> bool {
    let is_word = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-';
    !name.is_empty() && !name.starts_with('-') && name.bytes().all(is_word)
}

/// `10M` and the like, of 1000 each as SIZE is often set, or of 1024 with an `i`.
fn octets(text: &str) -> Result<u64, String> {
    let wrong = || "expected a number of octets such as 10240000, 10M or 10Mi".to_owned();
    let digits = text.trim_end_matches(|c: char| c.is_ascii_alphabetic());
    let unit: u64 = match text[digits.len()..].to_ascii_lowercase().as_str() {
        "" | "b" => 1,
        "k" | "kb" => 1000,
        "m" | "mb" => 1_000_000,
        "g" | "gb" => 1_000_000_000,
        "ki" | "kib" => 1 << 10,
        "mi" | "mib" => 1 << 20,
        "gi" | "gib" => 1 << 30,
        _ => return Err(wrong()),
    };
    let number: u64 = digits.parse().map_err(|_| wrong())?;
    number.checked_mul(unit).ok_or_else(wrong)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn server(lines: &[&str]) -> ProbeResult {
        ProbeResult {
            in_clear: Some(lines.iter().map(|&line| line.to_owned()).collect()),
            ..ProbeResult::default()
        }
    }

    fn is_met(text: &str, probe: &ProbeResult) -> bool {
        Expectation::parse(text).unwrap().check(probe).met
    }

    #[test]
    fn offered_keywords_meet_expectations() {
        let probe = server(&[
            "PIPELINING",
            "SIZE 10240000",
            "AUTH PLAIN LOGIN",
            "STARTTLS",
        ]);
        for text in [
            "starttls",
            "pipelining",
            "AUTH",
            "auth=plain",
            "size>=10M",
            "size",
            "size>=1Ki",
            "size:10M",
        ] {
            assert!(is_met(text, &probe), "{text}");
        }
        for text in [
            "chunking",
            "auth=SCRAM-SHA-256",
            "size>=11M",
            "size>=10Mi",
            "tls",
            "tls>=1.2",
            "verified",
            "cert-days>=1",
        ] {
            assert!(!is_met(text, &probe), "{text}");
        }
    }

    #[test]
    fn size_without_a_number_means_no_limit() {
        for line in ["SIZE", "SIZE 0"] {
            assert!(is_met("size>=99G", &server(&[line])), "{line}");
        }
    }

    #[test]
    fn only_starttls_and_offers_inside_tls_count() {
        let probe = ProbeResult {
            in_tls: Some(vec!["AUTH PLAIN".to_owned()]),
            ..server(&["STARTTLS", "PIPELINING"])
        };
        assert!(is_met("starttls", &probe) && is_met("auth=PLAIN", &probe));
        assert!(!is_met("pipelining", &probe));
    }

    #[test]
    fn regular_expressions_extend_to_the_end_of_the_list() {
        let list = Expectation::parse_list("tls,size:10M,banner~^mx[0-9]{1,2}\\.").unwrap();
        let texts: Vec<&str> = list.iter().map(|one| one.text.as_str()).collect();
        assert_eq!(texts, ["tls", "size:10M", "banner~^mx[0-9]{1,2}\\."]);
        let mut probe = server(&["PIPELINING", "SIZE 1000"]);
        probe.banner = vec!["MX12.example ESMTP".to_owned()];
        let check = |text: &str| Expectation::parse(text).unwrap().check(&probe);
        assert!(list[2].check(&probe).met);
        assert_eq!(check("banner~^smtp").found, "MX12.example ESMTP");
        assert!(!check("banner~^smtp").met && check("ehlo~^size [0-9]+$").met);
        assert!(!check("ehlo~^starttls$").met);
        for text in ["banner~(", "tls,,size:1", "x~y"] {
            assert!(Expectation::parse_list(text).is_err(), "{text}");
        }
    }

    #[test]
    fn invalid_expectations_are_refused() {
        for text in [
            "",
            "size=10M",
            "size>=x",
            "size>=10X",
            "tls>=1.1",
            "tls=1.2",
            "cert-days>=soon",
            "cert-days",
            "starttls=x",
            "auth=PLAIN LOGIN",
            "verified=yes",
            "pipelining>=3",
            "a b",
            "-x",
            "size>=99999999999999999999",
        ] {
            assert!(Expectation::parse(text).is_err(), "{text}");
        }
    }
}
