//! Extensions in a server's reply to EHLO (RFC 5321 §4.1.1.1).

use crate::smtp::extension::Extension;
use crate::smtp::reply::Reply;

/// The offered extensions that have a row in [`Extension`], each with its parameters.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ServerOffers {
    list: Vec<(Extension, Vec<String>)>,
}

impl ServerOffers {
    /// Reads the lines after the first. Keywords are case-insensitive; unknown keywords and invalid
    /// parameters are ignored (R4).
    #[must_use]
    pub fn from_reply(reply: &Reply) -> Self {
        let mut offers = Self::default();
        for line in reply.lines.iter().skip(1) {
            offers.add(line);
        }
        offers
    }

    /// Adds one line of an EHLO reply.
    pub fn add(&mut self, line: &str) {
        let (keyword, words) = keyword(line);
        let Some(extension) = Extension::parse(keyword) else {
            return;
        };
        let known = self.list.iter().position(|(known, _)| *known == extension);
        let at = known.unwrap_or_else(|| {
            self.list.push((extension, Vec::new()));
            self.list.len() - 1
        });
        let parameters = &mut self.list[at].1;
        if !extension.is_list() {
            parameters.clear();
        }
        for word in words {
            if !has_parameter(parameters, word) {
                parameters.push(word.to_owned());
            }
        }
        // Without a mechanism, AUTH cannot be used.
        if extension == Extension::Auth && parameters.is_empty() {
            self.remove(extension);
        }
    }

    /// Ignores the offer of an extension.
    pub fn remove(&mut self, extension: Extension) {
        self.list.retain(|(offered, _)| *offered != extension);
    }

    /// True if it is offered, with the extension that it requires.
    #[must_use]
    pub fn has(&self, extension: Extension) -> bool {
        self.parameters(extension).is_some()
            && extension.requires().is_none_or(|other| self.has(other))
    }

    /// The parameters of an extension; `None`: not offered.
    #[must_use]
    pub fn parameters(&self, extension: Extension) -> Option<&[String]> {
        let found = self.list.iter().find(|(offered, _)| *offered == extension);
        found.map(|(_, parameters)| parameters.as_slice())
    }

    /// The mechanisms of AUTH, in the server's spelling (RFC 4954).
    #[must_use]
    pub fn mechanisms(&self) -> &[String] {
        self.parameters(Extension::Auth).unwrap_or_default()
    }

    /// The number after the keyword: the maximum hold of FUTURERELEASE, the minimum time of DELIVERBY.
    #[must_use]
    pub fn number(&self, extension: Extension) -> Option<u64> {
        self.parameters(extension)?.first()?.parse().ok()
    }

    /// Size limit for a message, in octets; `None` if the server gives none or an invalid one.
    #[must_use]
    pub fn size_limit(&self) -> Option<u64> {
        // RFC 1870 §4: 0 means no limit.
        self.number(Extension::Size).filter(|&limit| limit > 0)
    }

    /// Limits on transactions and recipients.
    #[must_use]
    pub fn limits(&self) -> ServerLimits {
        ServerLimits {
            mails: self.limit("MAILMAX"),
            recipients: self.limit("RCPTMAX"),
            domains: self.limit("RCPTDOMAINMAX"),
        }
    }

    /// The last value of a limit; invalid ones count as no limit.
    fn limit(&self, name: &str) -> Option<usize> {
        let words = self.parameters(Extension::Limits)?.iter().rev();
        let mut pairs = words.filter_map(|word| word.split_once('='));
        let (_, value) = pairs.find(|(known, _)| known.eq_ignore_ascii_case(name))?;
        value.parse().ok().filter(|&limit| limit > 0)
    }
}

/// Limits of a server (RFC 9422); `None`: no limit.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ServerLimits {
    /// Transactions in a session.
    pub mails: Option<usize>,
    /// Recipients in a transaction.
    pub recipients: Option<usize>,
    /// Domains of recipients in a transaction.
    pub domains: Option<usize>,
}

/// The keyword of a line in an EHLO reply, and its parameters. Servers older than RFC 2554 write an equals
/// sign after AUTH, as in `AUTH=LOGIN`.
fn keyword(line: &str) -> (&str, impl Iterator<Item = &str>) {
    let line = line.trim_ascii_start();
    let split_at =
        |is_end: fn(char) -> bool| line.split_at(line.find(is_end).unwrap_or(line.len()));
    let is_separator = |c: char| c.is_ascii_whitespace() || c == '=';
    let (keyword, parameters) = match split_at(is_separator) {
        (auth, rest) if auth.eq_ignore_ascii_case("AUTH") => {
            (auth, rest.trim_start_matches(is_separator))
        }
        _ => split_at(|c| c.is_ascii_whitespace()),
    };
    (keyword, parameters.split_ascii_whitespace())
}

/// The parameters of a keyword in all lines that offer it, each once; `None` if no line does.
/// `offered` has no greeting line.
#[must_use]
pub fn parameters<'o>(offered: &'o [String], name: &str) -> Option<Vec<&'o str>> {
    let mut found = None;
    for line in offered {
        let (keyword, parameters) = keyword(line);
        if !keyword.eq_ignore_ascii_case(name) {
            continue;
        }
        let found = found.get_or_insert_with(Vec::new);
        for parameter in parameters {
            if !has_parameter(found, parameter) {
                found.push(parameter);
            }
        }
    }
    found
}

/// True if a parameter is in a list, in any case. `RCPTMAX` matches `RCPTMAX=100`.
#[must_use]
pub fn has_parameter(list: &[impl AsRef<str>], parameter: &str) -> bool {
    list.iter().any(|one| {
        let (whole, name) = (one.as_ref(), one.as_ref().split('=').next());
        whole.eq_ignore_ascii_case(parameter)
            || name.is_some_and(|name| name.eq_ignore_ascii_case(parameter))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn offers(lines: &[&str]) -> ServerOffers {
        let lines = std::iter::once(&"mx.example.org hello").chain(lines);
        ServerOffers::from_reply(&Reply {
            code: 250,
            lines: lines.map(|&line| line.to_owned()).collect(),
        })
    }

    #[test]
    fn keywords_are_recognized_in_any_case_among_unknown_ones() {
        let offers = offers(&[
            "X-FOO a b",
            "size 1000",
            "Pipelining",
            "8bitmime",
            "SMTPUTF8",
            "chunking",
            "BinaryMIME",
            "StartTLS",
            "auth Plain LOGIN",
            "AUTH=LOGIN",
            "",
        ]);
        for extension in [
            Extension::Pipelining,
            Extension::EightBitMime,
            Extension::SmtpUtf8,
            Extension::BinaryMime,
            Extension::Starttls,
        ] {
            assert!(offers.has(extension), "{extension}");
        }
        assert_eq!(offers.size_limit(), Some(1000));
        assert_eq!(offers.mechanisms(), ["Plain", "LOGIN"]);
        assert!(!offers.has(Extension::Dsn));
    }

    #[test]
    fn mechanisms_of_all_forms_of_auth_lines_are_read() {
        for lines in [
            &["AUTH LOGIN PLAIN"][..],
            &["auth=LOGIN PLAIN"],
            &["Auth= LOGIN PLAIN"],
            &["AUTH =LOGIN PLAIN"],
            &["AUTH = LOGIN  PLAIN "],
            &["AUTH LOGIN", "SIZE", "auth=PLAIN"],
            &["AUTH LOGIN PLAIN", "AUTH=login plain"],
            &["AUTH", "AUTH=LOGIN", "AUTH PLAIN"],
        ] {
            assert_eq!(offers(lines).mechanisms(), ["LOGIN", "PLAIN"], "{lines:?}");
            let lines: Vec<String> = lines.iter().map(|&line| line.to_owned()).collect();
            assert_eq!(
                parameters(&lines, "auth"),
                Some(vec!["LOGIN", "PLAIN"]),
                "{lines:?}"
            );
        }
        for line in ["AUTH", "AUTHX LOGIN", "X-AUTH=LOGIN", "X AUTH=LOGIN"] {
            assert!(!offers(&[line]).has(Extension::Auth), "{line}");
        }
    }

    #[test]
    fn invalid_size_limit_is_ignored() {
        for line in [
            "SIZE",
            "SIZE 0",
            "SIZE -5",
            "SIZE 99999999999999999999999999",
            "SIZE x",
        ] {
            let offers = offers(&[line]);
            assert!(
                offers.has(Extension::Size) && offers.size_limit().is_none(),
                "{line}"
            );
        }
    }

    #[test]
    fn limits_and_the_bounds_of_extensions_are_read() {
        let offers = offers(&[
            "LIMITS MAILMAX=5 RCPTMAX=20 rcptdomainmax=1 X=3 RCPTMAX",
            "FUTURERELEASE 86400 2026-01-01T00:00:00Z",
            "DELIVERBY",
        ]);
        let limits = ServerLimits {
            mails: Some(5),
            recipients: Some(20),
            domains: Some(1),
        };
        assert_eq!(offers.limits(), limits);
        assert_eq!(offers.number(Extension::FutureRelease), Some(86400));
        assert!(offers.has(Extension::DeliverBy));
        assert_eq!(offers.number(Extension::DeliverBy), None);
    }

    #[test]
    fn binarymime_requires_chunking() {
        assert!(!offers(&["BINARYMIME"]).has(Extension::BinaryMime));
    }

    #[test]
    fn first_line_offers_nothing() {
        let reply = Reply {
            code: 250,
            lines: vec!["PIPELINING".to_owned()],
        };
        assert_eq!(ServerOffers::from_reply(&reply), ServerOffers::default());
    }
}
