//! The conditions on a reply.

use crate::client::session::{has_parameter, parameters};
use crate::smtp::reply::Reply;
use regex_lite::Regex;
use std::fmt;

/// The conditions on a reply. All of them must be met.
#[derive(Clone, Debug, Default)]
pub struct ReplyExpectation {
    /// One of these; empty is any.
    pub codes: Vec<Code>,
    /// More than one line.
    pub many: bool,
    /// Matched against the text without the codes, with lines separated by LF.
    pub regex: Option<Regex>,
    /// EHLO keywords that it must have, each with some of its parameters.
    pub has: Vec<ExpectedKeyword>,
    /// EHLO keywords that it must not have.
    pub lacks: Vec<ExpectedKeyword>,
}

/// An accepted reply code.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Code {
    Exactly(u16),
    /// All codes that begin with this digit.
    Class(u16),
    Any,
    /// No reply: the server closes.
    Close,
}

/// A keyword of EHLO with parameters.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ExpectedKeyword {
    pub name: String,
    /// The parameters that it must have, in any order.
    pub parameters: Vec<String>,
}

impl ReplyExpectation {
    /// True if the server may close the connection.
    pub fn allows_close(&self) -> bool {
        self.codes.contains(&Code::Close)
    }

    /// True if a reply code is accepted.
    pub fn fits_code(&self, code: u16) -> bool {
        let fits = |wanted: &Code| match *wanted {
            Code::Exactly(exactly) => exactly == code,
            Code::Class(digit) => digit == code / 100,
            Code::Any => true,
            Code::Close => false,
        };
        self.codes.is_empty() || self.codes.iter().any(fits)
    }

    /// Describes the difference of a reply; `None`: all conditions are met. Keywords are looked up in
    /// `offers`.
    pub fn differs(&self, reply: &Reply, offers: &Reply) -> Option<String> {
        if !self.fits_code(reply.code) || self.many && reply.lines.len() < 2 {
            return Some(self.to_string());
        }
        if let Some(regex) = &self.regex
            && !regex.is_match(&reply.lines.join("\n"))
        {
            return Some(self.to_string());
        }
        let missing = self.has.iter().find(|keyword| !keyword.is_in(offers));
        if let Some(keyword) = missing {
            return Some(format!("a reply that has {keyword}"));
        }
        let there = self.lacks.iter().find(|keyword| keyword.is_in(offers));
        there.map(|keyword| format!("a reply that lacks {keyword}"))
    }

    /// The values of the named groups of the regular expression.
    pub fn captures(&self, reply: &Reply) -> Vec<(String, String)> {
        let Some(regex) = &self.regex else {
            return Vec::new();
        };
        let text = reply.lines.join("\n");
        let Some(caught) = regex.captures(&text) else {
            return Vec::new();
        };
        let names = regex.capture_names().flatten();
        let value = |name: &str| caught.name(name).map(|found| found.as_str().to_owned());
        names
            .filter_map(|name| Some((name.to_owned(), value(name)?)))
            .collect()
    }

    /// The variables that the regular expression sets.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.regex
            .iter()
            .flat_map(|regex| regex.capture_names().flatten())
    }
}

impl ExpectedKeyword {
    /// True if the lines after the first offer it.
    fn is_in(&self, offers: &Reply) -> bool {
        let offered = offers.lines.get(1..).unwrap_or_default();
        parameters(offered, &self.name).is_some_and(|there| {
            let mut wanted = self.parameters.iter();
            wanted.all(|wanted| has_parameter(&there, wanted))
        })
    }
}

impl fmt::Display for ExpectedKeyword {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.name)?;
        let mut parameters = self.parameters.iter();
        parameters.try_for_each(|parameter| write!(f, " {parameter}"))
    }
}

impl fmt::Display for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Exactly(code) => write!(f, "{code}"),
            Self::Class(digit) => write!(f, "{digit}xx"),
            Self::Any => f.write_str("any reply"),
            Self::Close => f.write_str("the connection to close"),
        }
    }
}

/// `250 or 251 with /queued/`
impl fmt::Display for ReplyExpectation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let codes: Vec<String> = self.codes.iter().map(ToString::to_string).collect();
        let mut parts = Vec::new();
        if !codes.is_empty() {
            parts.push(codes.join(" or "));
        }
        if self.many {
            parts.push("on several lines".to_owned());
        }
        if let Some(regex) = &self.regex {
            parts.push(format!(
                "with /{}/",
                crate::system::text::shown(regex.as_str())
            ));
        }
        let has = self.has.iter().map(|keyword| format!("has {keyword}"));
        let lacks = self.lacks.iter().map(|keyword| format!("lacks {keyword}"));
        parts.extend(has.chain(lacks));
        f.write_str(&parts.join(" "))
    }
}
