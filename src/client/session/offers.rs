//! Extensions in a server's reply to EHLO (RFC 5321 §4.1.1.1).

use crate::smtp::reply::Reply;

/// The offered extensions that the client uses.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ServerOffers {
    /// True if the SIZE parameter may be sent (RFC 1870).
    pub size: bool,
    /// Size limit for a message, in octets; `None` if the server gives none or an invalid one.
    pub size_limit: Option<u64>,
    /// PIPELINING (RFC 2920).
    pub pipelining: bool,
    /// 8BITMIME (RFC 6152).
    pub eight_bit_mime: bool,
    /// SMTPUTF8 (RFC 6531).
    pub smtputf8: bool,
    /// CHUNKING (RFC 3030).
    pub chunking: bool,
    /// BINARYMIME, with CHUNKING (RFC 3030 §3).
    pub binary_mime: bool,
    /// STARTTLS (RFC 3207).
    pub starttls: bool,
    /// DSN (RFC 3461).
    pub dsn: bool,
    /// The mechanisms of AUTH, in the server's spelling (RFC 4954).
    pub auth: Vec<String>,
    /// REQUIRETLS (RFC 8689).
    pub require_tls: bool,
    /// FUTURERELEASE, with the longest hold in seconds if the server gives one (RFC 4865).
    pub future_release: Option<Option<u64>>,
    /// DELIVERBY, with the shortest time in seconds if the server gives one (RFC 2852).
    pub deliver_by: Option<Option<u64>>,
    /// MT-PRIORITY (RFC 6710).
    pub mt_priority: bool,
    /// PRDR: a reply for each recipient after the end of data.
    pub prdr: bool,
    /// XCLIENT, with the names of its attributes.
    pub xclient: Option<Vec<String>>,
    /// XFORWARD, with the names of its attributes.
    pub xforward: Option<Vec<String>>,
    /// Limits on transactions and recipients (RFC 9422).
    pub limits: ServerLimits,
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

impl ServerLimits {
    /// Parses `RCPTMAX=100`; unknown or invalid limits are ignored.
    fn add(&mut self, word: &str) {
        let Some((name, value)) = word.split_once('=') else {
            return;
        };
        let value = value.parse().ok().filter(|&value: &usize| value > 0);
        match name.to_ascii_uppercase().as_str() {
            "MAILMAX" => self.mails = value,
            "RCPTMAX" => self.recipients = value,
            "RCPTDOMAINMAX" => self.domains = value,
            _ => {}
        }
    }
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
        let (keyword, mut words) = keyword(line);
        let mut number = || words.next().and_then(|word| word.parse().ok());
        match keyword.to_ascii_uppercase().as_str() {
            "SIZE" => {
                self.size = true;
                // RFC 1870 §4: 0 means no limit.
                self.size_limit = number().filter(|&limit| limit > 0);
            }
            "PIPELINING" => self.pipelining = true,
            "8BITMIME" => self.eight_bit_mime = true,
            "SMTPUTF8" => self.smtputf8 = true,
            "CHUNKING" => self.chunking = true,
            "BINARYMIME" => self.binary_mime = true,
            "STARTTLS" => self.starttls = true,
            "DSN" => self.dsn = true,
            "AUTH" => add_words(&mut self.auth, words),
            "REQUIRETLS" => self.require_tls = true,
            "FUTURERELEASE" => self.future_release = Some(number()),
            "DELIVERBY" => self.deliver_by = Some(number()),
            "MT-PRIORITY" => self.mt_priority = true,
            "PRDR" => self.prdr = true,
            "XCLIENT" => add_words(self.xclient.get_or_insert_default(), words),
            "XFORWARD" => add_words(self.xforward.get_or_insert_default(), words),
            "LIMITS" => words.for_each(|word| self.limits.add(word)),
            _ => {}
        }
    }
}

fn add_words<'w>(list: &mut Vec<String>, words: impl Iterator<Item = &'w str>) {
    for word in words {
        if !has_parameter(list, word) {
            list.push(word.to_owned());
        }
    }
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
    fn keywords_in_any_case_among_unknown_ones() {
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
        assert_eq!(
            offers,
            ServerOffers {
                size: true,
                size_limit: Some(1000),
                pipelining: true,
                eight_bit_mime: true,
                smtputf8: true,
                chunking: true,
                binary_mime: true,
                starttls: true,
                auth: ["Plain", "LOGIN"].map(str::to_owned).to_vec(),
                ..ServerOffers::default()
            }
        );
    }

    #[test]
    fn mechanisms_of_all_auth_lines_are_read_however_they_are_written() {
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
            assert_eq!(offers(lines).auth, ["LOGIN", "PLAIN"], "{lines:?}");
            let lines: Vec<String> = lines.iter().map(|&line| line.to_owned()).collect();
            assert_eq!(
                parameters(&lines, "auth"),
                Some(vec!["LOGIN", "PLAIN"]),
                "{lines:?}"
            );
        }
        for line in ["AUTHX LOGIN", "X-AUTH=LOGIN", "X AUTH=LOGIN"] {
            assert!(offers(&[line]).auth.is_empty(), "{line}");
        }
    }

    #[test]
    fn an_absurd_limit_is_none() {
        for line in [
            "SIZE",
            "SIZE 0",
            "SIZE -5",
            "SIZE 99999999999999999999999999",
            "SIZE x",
        ] {
            let offers = offers(&[line]);
            assert!(offers.size && offers.size_limit.is_none(), "{line}");
        }
    }

    #[test]
    fn limits_and_the_bounds_of_extensions_are_read() {
        let offers = offers(&[
            "LIMITS MAILMAX=5 RCPTMAX=20 rcptdomainmax=1 X=3 RCPTMAX",
            "FUTURERELEASE 86400 2026-01-01T00:00:00Z",
            "DELIVERBY",
        ]);
        assert_eq!(
            (
                offers.limits.mails,
                offers.limits.recipients,
                offers.limits.domains
            ),
            (Some(5), Some(20), Some(1))
        );
        assert_eq!(offers.future_release, Some(Some(86400)));
        assert_eq!(offers.deliver_by, Some(None));
    }

    #[test]
    fn the_first_line_is_a_greeting_and_offers_nothing() {
        let reply = Reply {
            code: 250,
            lines: vec!["PIPELINING".to_owned()],
        };
        assert_eq!(ServerOffers::from_reply(&reply), ServerOffers::default());
    }
}
