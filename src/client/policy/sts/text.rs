//! The text of a policy (RFC 8461 §3.2).

use crate::system::host::is_host_name;
use crate::system::text::{shown, without_mark};
use std::fmt;
use std::time::Duration;

/// The longest lifetime of a policy: RFC 8461 §3.2.
const MAX_AGE: Duration = Duration::from_secs(31_557_600);

/// The demands of a policy.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// Nothing is sent to a host that does not meet the policy.
    Enforce,
    /// Failures are noted.
    Testing,
    /// The domain has no policy any more.
    None,
}

impl Mode {
    /// The word in a policy.
    pub fn name(self) -> &'static str {
        match self {
            Self::Enforce => "enforce",
            Self::Testing => "testing",
            Self::None => "none",
        }
    }
}

/// A policy as the domain publishes it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PolicyText {
    pub mode: Mode,
    /// Lifetime after it was fetched; at most a year.
    pub max_age: Duration,
    /// The patterns of its `mx` fields, in lower case; at least one, unless the mode is `none`.
    pub patterns: Vec<String>,
}

/// Reason for which a text is not a policy. The texts follow "the policy".
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TextError {
    #[error("has no {0}")]
    Missing(&'static str),
    #[error("has version {}, not STSv1", shown(.0))]
    Version(String),
    #[error("has mode {}, not enforce, testing or none", shown(.0))]
    Mode(String),
    #[error("has max_age {}, which is not a number of seconds", shown(.0))]
    MaxAge(String),
    #[error("has no valid mx")]
    NoPattern,
}

impl PolicyText {
    /// Reads the text. Keys and the mode may be in any case, lines may end in LF, and unknown keys are ignored; of a
    /// key that is repeated the first counts, except for `mx`. A pattern that is not valid never matches.
    ///
    /// # Errors
    /// It is not a policy.
    pub fn parse(text: &[u8]) -> Result<Self, TextError> {
        let fields = Fields::of(text);
        let version = fields
            .first("version")
            .ok_or(TextError::Missing("version"))?;
        if version != "STSv1" {
            return Err(TextError::Version(version));
        }
        let mode = fields.first("mode").ok_or(TextError::Missing("mode"))?;
        let mode = match mode.to_ascii_lowercase().as_str() {
            "enforce" => Mode::Enforce,
            "testing" => Mode::Testing,
            "none" => Mode::None,
            _ => return Err(TextError::Mode(mode)),
        };
        let max_age = fields
            .first("max_age")
            .ok_or(TextError::Missing("max_age"))?;
        let max_age = seconds(&max_age).ok_or(TextError::MaxAge(max_age))?;
        let patterns: Vec<String> = fields.all("mx").filter_map(|text| pattern(&text)).collect();
        if patterns.is_empty() && mode != Mode::None {
            let is_missing = fields.first("mx").is_none();
            return Err(if is_missing {
                TextError::Missing("mx")
            } else {
                TextError::NoPattern
            });
        }
        Ok(Self {
            mode,
            max_age: max_age.min(MAX_AGE),
            patterns,
        })
    }

    /// True if a host matches one of the patterns (RFC 8461 §4.1). `*.` stands for exactly one label.
    pub fn allows(&self, host: &str) -> bool {
        let host = host.strip_suffix('.').unwrap_or(host).to_ascii_lowercase();
        let matches = |pattern: &String| match pattern.strip_prefix("*.") {
            Some(rest) => host
                .split_once('.')
                .is_some_and(|(first, others)| !first.is_empty() && others == rest),
            None => *pattern == host,
        };
        self.patterns.iter().any(matches)
    }
}

/// The normal form.
impl fmt::Display for PolicyText {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "version: STSv1\nmode: {}", self.mode.name())?;
        for pattern in &self.patterns {
            writeln!(f, "mx: {pattern}")?;
        }
        writeln!(f, "max_age: {}", self.max_age.as_secs())
    }
}

/// The lines `key: value` of a text.
pub struct Fields(Vec<(String, String)>);

impl Fields {
    pub fn of(text: &[u8]) -> Self {
        let lines = without_mark(text).split(|byte| *byte == b'\n');
        let field = |line: &[u8]| {
            let line = String::from_utf8_lossy(line);
            let (key, value) = line.split_once(':')?;
            Some((key.trim().to_ascii_lowercase(), value.trim().to_owned()))
        };
        Self(lines.filter_map(field).collect())
    }

    /// The values of a key.
    pub fn all(&self, key: &str) -> impl Iterator<Item = String> {
        let fields = self.0.iter().filter(move |(name, _)| name == key);
        fields.map(|(_, value)| value.clone())
    }

    /// The value of a key that may be there once.
    pub fn first(&self, key: &str) -> Option<String> {
        self.all(key).next()
    }
}

/// `1*10DIGIT`.
fn seconds(text: &str) -> Option<Duration> {
    let is_number =
        (1..=10).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_digit());
    is_number.then(|| text.parse().map(Duration::from_secs).ok())?
}

/// A host name, possibly after `*.`, in lower case.
fn pattern(text: &str) -> Option<String> {
    let text = text.strip_suffix('.').unwrap_or(text).to_ascii_lowercase();
    is_host_name(text.strip_prefix("*.").unwrap_or(&text)).then_some(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Mode, lifetime in seconds and patterns, or the error.
    fn read(text: &[u8]) -> String {
        match PolicyText::parse(text) {
            Ok(policy) => {
                let patterns = policy.patterns.join(" ");
                let text = format!(
                    "{} {} {patterns}",
                    policy.mode.name(),
                    policy.max_age.as_secs()
                );
                text.trim_end().to_owned()
            }
            Err(error) => error.to_string(),
        }
    }

    /// Valid policies, and what is read from them. The first is that of RFC 8461 §3.2.
    const VALID: &[(&[u8], &str)] = &[
        (b"version: STSv1\r\nmode: enforce\r\nmx: mail.example.com\r\nmx: *.example.net\r\nmx: backupmx.example.com\r\nmax_age: 604800\r\n",
            "enforce 604800 mail.example.com *.example.net backupmx.example.com"),
        (b"version: STSv1\nmode: enforce\nmx: a.example\nmax_age: 86400\n", "enforce 86400 a.example"),
        (b"version: STSv1\nmode: enforce\nmx: a.example\nmax_age: 86400", "enforce 86400 a.example"),
        (b"version: STSv1\r\nmode: enforce\nmx: a.example\r\nmax_age: 86400", "enforce 86400 a.example"),
        (b"version:STSv1\nmode:enforce\nmx:a.example\nmax_age:1\n", "enforce 1 a.example"),
        (b"version:  STSv1 \nmode: \t enforce\t\nmx:\ta.example \nmax_age: 1  \n", "enforce 1 a.example"),
        (b"max_age: 1\nmx: a.example\nmode: enforce\nversion: STSv1\n", "enforce 1 a.example"),
        (b"Version: STSv1\nMODE: Enforce\nMX: A.Example\nMax_Age: 1\n", "enforce 1 a.example"),
        (b"version: STSv1\nmode: testing\nmx: a.example\nmax_age: 1\n", "testing 1 a.example"),
        (b"version: STSv1\nmode: none\nmax_age: 1\n", "none 1"),
        (b"version: STSv1\nmode: none\nmx: a.example\nmax_age: 1\n", "none 1 a.example"),
        (b"version: STSv1\nmode: none\nmx:\nmax_age: 1\n", "none 1"),
        (b"version: STSv1\nmode: enforce\nmx: a.example\nmax_age: 0\n", "enforce 0 a.example"),
        (b"version: STSv1\nmode: enforce\nmx: a.example\nmax_age: 0000000001\n", "enforce 1 a.example"),
        (b"version: STSv1\nmode: enforce\nmx: a.example\nmax_age: 31557600\n", "enforce 31557600 a.example"),
        (b"version: STSv1\nmode: enforce\nmx: a.example\nmax_age: 31557601\n", "enforce 31557600 a.example"),
        (b"version: STSv1\nmode: enforce\nmx: a.example\nmax_age: 9999999999\n", "enforce 31557600 a.example"),
        (b"version: STSv1\nmode: enforce\nmode: none\nmx: a.example\nmax_age: 1\n", "enforce 1 a.example"),
        (b"version: STSv1\nmode: enforce\nmx: a.example\nmax_age: 1\nmax_age: 2\n", "enforce 1 a.example"),
        (b"version: STSv1\nversion: STSv2\nmode: enforce\nmx: a.example\nmax_age: 1\n", "enforce 1 a.example"),
        (b"version: STSv1\nmode: enforce\nmx: a.example\nmx: a.example\nmax_age: 1\n", "enforce 1 a.example a.example"),
        (b"version: STSv1\nmode: enforce\nmx: a.example.\nmax_age: 1\n", "enforce 1 a.example"),
        (b"version: STSv1\nmode: enforce\nmx: *.a.example\nmax_age: 1\n", "enforce 1 *.a.example"),
        (b"version: STSv1\nmode: enforce\nmx: localhost\nmax_age: 1\n", "enforce 1 localhost"),
        (b"version: STSv1\nmode: enforce\nmx: 192.0.2.1\nmax_age: 1\n", "enforce 1 192.0.2.1"),
        (b"version: STSv1\nmode: enforce\nmx: *.*.example\nmx: a.example\nmax_age: 1\n", "enforce 1 a.example"),
        (b"version: STSv1\nmode: enforce\nmx: b\xfcro.example\nmx: a.example\nmax_age: 1\n", "enforce 1 a.example"),
        (b"version: STSv1\nmode: enforce\nmx: a.example\nmax_age: 1\nx-future.key_1: any: value\n", "enforce 1 a.example"),
        (b"version: STSv1\nmode: enforce\nmx: a.example\nmax_age: 1\nno colon here\n\n\n", "enforce 1 a.example"),
        (b"\xef\xbb\xbfversion: STSv1\nmode: enforce\nmx: a.example\nmax_age: 1\n", "enforce 1 a.example"),
        (b"\n\nversion: STSv1\nmode: enforce\n\nmx: a.example\nmax_age: 1\n", "enforce 1 a.example"),
        (b"version: STSv1\nmode: enforce\nmx: xn--bro-hoa.example\nmax_age: 1\n", "enforce 1 xn--bro-hoa.example"),
    ];

    /// Texts that are not policies, and the errors.
    const INVALID: &[(&[u8], &str)] = &[
        (b"", "has no version"),
        (b"\n", "has no version"),
        (
            b"<!DOCTYPE html>\n<html><body>Not found: mta-sts</body></html>",
            "has no version",
        ),
        (
            b"mode: enforce\nmx: a.example\nmax_age: 1\n",
            "has no version",
        ),
        (
            b"version: STSv1\nmx: a.example\nmax_age: 1\n",
            "has no mode",
        ),
        (
            b"version: STSv1\nmode: enforce\nmx: a.example\n",
            "has no max_age",
        ),
        (b"version: STSv1\nmode: enforce\nmax_age: 1\n", "has no mx"),
        (b"version: STSv1\nmode: testing\nmax_age: 1\n", "has no mx"),
        (b"version: STSv1\nmode: none\n", "has no max_age"),
        (
            b"version: STSv1\nmode: enforce\nmx:\nmax_age: 1\n",
            "has no valid mx",
        ),
        (
            b"version: STSv1\nmode: enforce\nmx: *\nmax_age: 1\n",
            "has no valid mx",
        ),
        (
            b"version: STSv1\nmode: enforce\nmx: *.\nmax_age: 1\n",
            "has no valid mx",
        ),
        (
            b"version: STSv1\nmode: enforce\nmx: .example.org\nmax_age: 1\n",
            "has no valid mx",
        ),
        (
            b"version: STSv1\nmode: enforce\nmx: mx*.example.org\nmax_age: 1\n",
            "has no valid mx",
        ),
        (
            b"version: STSv1\nmode: enforce\nmx: mail.*.org\nmax_age: 1\n",
            "has no valid mx",
        ),
        (
            b"version: STSv1\nmode: enforce\nmx: a b\nmax_age: 1\n",
            "has no valid mx",
        ),
        (
            b"version: STSv1\nmode: enforce\nmx: a.example, b.example\nmax_age: 1\n",
            "has no valid mx",
        ),
        (
            b"version: STSv1\nmode: enforce\nmx: b\xc3\xbcro.example\nmax_age: 1\n",
            "has no valid mx",
        ),
        (
            b"version: STSv1\nmode: enforce\nmx: [192.0.2.1]\nmax_age: 1\n",
            "has no valid mx",
        ),
        (
            b"version: STSv2\nmode: enforce\nmx: a.example\nmax_age: 1\n",
            "has version STSv2, not STSv1",
        ),
        (
            b"version: stsv1\nmode: enforce\nmx: a.example\nmax_age: 1\n",
            "has version stsv1, not STSv1",
        ),
        (
            b"version:\nmode: enforce\nmx: a.example\nmax_age: 1\n",
            "has version , not STSv1",
        ),
        (
            b"version: STSv1\rmode: enforce\rmx: a.example\rmax_age: 1\r",
            "has version STSv1\\u{d}mode: enforce\\u{d}mx: a.example\\u{d}max_age: 1, not STSv1",
        ),
        (
            b"version: STSv1;\nmode: enforce\nmx: a.example\nmax_age: 1\n",
            "has version STSv1;, not STSv1",
        ),
        (
            b"version: STSv1\nmode: report\nmx: a.example\nmax_age: 1\n",
            "has mode report, not enforce, testing or none",
        ),
        (
            b"version: STSv1\nmode: enforce\0\nmx: a.example\nmax_age: 1\n",
            "has mode enforce\\u{0}, not enforce, testing or none",
        ),
        (
            b"version: STSv1\nmode: \x1b[2J\nmx: a.example\nmax_age: 1\n",
            "has mode \\u{1b}[2J, not enforce, testing or none",
        ),
        (
            b"version: STSv1\nmode: enforce\nmx: a.example\nmax_age: -1\n",
            "has max_age -1, which is not a number of seconds",
        ),
        (
            b"version: STSv1\nmode: enforce\nmx: a.example\nmax_age: +1\n",
            "has max_age +1, which is not a number of seconds",
        ),
        (
            b"version: STSv1\nmode: enforce\nmx: a.example\nmax_age: 1d\n",
            "has max_age 1d, which is not a number of seconds",
        ),
        (
            b"version: STSv1\nmode: enforce\nmx: a.example\nmax_age: 1.5\n",
            "has max_age 1.5, which is not a number of seconds",
        ),
        (
            b"version: STSv1\nmode: enforce\nmx: a.example\nmax_age:\n",
            "has max_age , which is not a number of seconds",
        ),
        (
            b"version: STSv1\nmode: enforce\nmx: a.example\nmax_age: 12345678901\n",
            "has max_age 12345678901, which is not a number of seconds",
        ),
        (
            b"\xff\xfev\0e\0r\0s\0i\0o\0n\0:\0 \0S\0T\0S\0v\x001\0",
            "has no version",
        ),
        (
            b"{\"version\": \"STSv1\", \"mode\": \"enforce\"}",
            "has no version",
        ),
    ];

    #[test]
    fn policies_are_read_as_the_rfc_says() {
        for (text, expected) in VALID.iter().chain(INVALID) {
            assert_eq!(read(text), *expected, "{}", String::from_utf8_lossy(text));
        }
        assert!(VALID.len() + INVALID.len() >= 60);
    }

    #[test]
    fn normal_form_is_read_again() {
        for (text, _) in VALID {
            let policy = PolicyText::parse(text).unwrap();
            assert_eq!(PolicyText::parse(policy.to_string().as_bytes()), Ok(policy));
        }
    }

    #[test]
    fn wildcard_is_one_label() {
        let text =
            b"version: STSv1\nmode: enforce\nmx: mx.example.org\nmx: *.Example.net\nmax_age: 1";
        let policy = PolicyText::parse(text).unwrap();
        for host in [
            "mx.example.org",
            "MX.Example.org.",
            "a.example.net",
            "A-B.EXAMPLE.NET",
        ] {
            assert!(policy.allows(host), "{host}");
        }
        for host in [
            "",
            ".",
            "example.org",
            "x.mx.example.org",
            "mx2.example.org",
            "example.net",
            ".example.net",
            "a.b.example.net",
            "aexample.net",
            "*.example.org",
            "[192.0.2.1]",
            "mx.example.org..",
        ] {
            assert!(!policy.allows(host), "{host}");
        }
    }

    #[test]
    fn no_text_makes_the_parser_panic() {
        let mut random = fastrand::Rng::with_seed(8461);
        let parts = [
            "version", "mode", "mx", "max_age", ":", " ", "\n", "\r\n", "STSv1", "enforce", "*.",
            "a.b", "9", "\u{fc}", "\0",
        ];
        for _ in 0..20_000 {
            let length = random.usize(..20);
            let text: String = (0..length)
                .map(|_| parts[random.usize(..parts.len())])
                .collect();
            let _ = PolicyText::parse(text.as_bytes());
        }
    }
}
