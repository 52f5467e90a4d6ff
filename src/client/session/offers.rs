//! Extensions in a server's reply to EHLO (RFC 5321 §4.1.1.1), and requests to use them.

use crate::smtp::extension::Extension;
use crate::smtp::reply::Reply;

/// The offered extensions that have a row in [`Extension`], each with its parameters.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ServerOffers {
    list: Vec<(Extension, Vec<String>)>,
}

impl ServerOffers {
    /// Reads the lines after the first. Keywords are case-insensitive; unknown keywords and invalid
    /// parameters are ignored (RFC 5321 §4.1.1.1).
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
    pub fn has(&self, extension: Extension) -> bool {
        self.parameters(extension).is_some()
            && extension.requires().is_none_or(|other| self.has(other))
    }

    /// The parameters of an extension; `None`: not offered.
    pub fn parameters(&self, extension: Extension) -> Option<&[String]> {
        let found = self.list.iter().find(|(offered, _)| *offered == extension);
        found.map(|(_, parameters)| parameters.as_slice())
    }

    /// The mechanisms of AUTH, in the server's spelling (RFC 4954).
    pub fn mechanisms(&self) -> &[String] {
        self.parameters(Extension::Auth).unwrap_or_default()
    }

    /// The number after the keyword: the maximum hold of FUTURERELEASE, the minimum time of DELIVERBY.
    pub fn number(&self, extension: Extension) -> Option<u64> {
        self.parameters(extension)?.first()?.parse().ok()
    }

    /// Size limit for a message, in octets; `None` if the server gives none or an invalid one.
    pub fn size_limit(&self) -> Option<u64> {
        // RFC 1870 §4: 0 means no limit.
        self.number(Extension::Size).filter(|&limit| limit > 0)
    }

    /// Limits on transactions and recipients.
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
pub fn has_parameter(list: &[impl AsRef<str>], parameter: &str) -> bool {
    list.iter().any(|one| {
        let (whole, name) = (one.as_ref(), one.as_ref().split('=').next());
        whole.eq_ignore_ascii_case(parameter)
            || name.is_some_and(|name| name.eq_ignore_ascii_case(parameter))
    })
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Request {
    pub extension: Extension,
    /// The parameter of MAIL, without a leading space; may be empty.
    pub parameter: String,
    /// The requested time, which the server may limit in its EHLO reply (FUTURERELEASE, DELIVERBY).
    pub seconds: Option<u64>,
    /// The command-line option that requests it.
    pub option: &'static str,
    /// True if the message must not be sent without it; else it is omitted if the server does not offer it.
    pub is_required: bool,
}

/// The state of the session that decides if a request can be met.
pub struct Conditions<'a> {
    pub offers: &'a ServerOffers,
    /// True if the connection is encrypted and the server's certificate is verified.
    pub verified: bool,
    /// True if messages are sent by BDAT, not by DATA.
    pub uses_bdat: bool,
}

impl Request {
    /// A request without a time limit that must be met.
    pub fn new(extension: Extension, parameter: String) -> Self {
        Self {
            extension,
            parameter,
            seconds: None,
            option: "",
            is_required: true,
        }
    }

    /// Returns the reason for which it cannot be used, and the option that requests it.
    pub fn unmet(&self, conditions: &Conditions<'_>) -> Option<Unsupported> {
        let why = self.lacks(conditions)?;
        Some(Unsupported {
            why,
            option: self.option,
        })
    }

    /// Returns the reason for which it cannot be used in this session, to follow the server's name; `None` if
    /// it can.
    fn lacks(&self, conditions: &Conditions<'_>) -> Option<String> {
        let (extension, offers) = (self.extension, conditions.offers);
        if !offers.has(extension) {
            return Some(format!("does not offer {extension}"));
        }
        let times = offers.number(extension).zip(self.seconds);
        match (extension, times) {
            // RFC 8689 §4.2.1: only if the server is authenticated.
            (Extension::RequireTls, _) if !conditions.verified => {
                Some("has no TLS connection with a verified certificate".to_owned())
            }
            (Extension::BinaryMime, _) if !conditions.uses_bdat => Some(
                "receives the message via DATA (--chunking off or --lmtp), not via BDAT with BINARYMIME (RFC 3030)"
                    .to_owned(),
            ),
            (Extension::FutureRelease, Some((most, seconds))) if seconds > most => Some(format!(
                "holds messages for at most {most} seconds (FUTURERELEASE, RFC 4865)"
            )),
            (Extension::DeliverBy, Some((least, seconds))) if seconds < least => Some(format!(
                "requires a delivery time of at least {least} seconds (DELIVERBY, RFC 2852)"
            )),
            _ => None,
        }
    }
}

/// Returns the reason for which XCLIENT or XFORWARD cannot be sent with these attributes; `None` if it can.
/// If EHLO lists no names of attributes, all are allowed.
pub(super) fn attribute_lack(
    offers: &ServerOffers,
    extension: Extension,
    option: &'static str,
    attributes: &str,
) -> Option<Unsupported> {
    let lack = |why| Some(Unsupported { why, option });
    let command = extension.keyword();
    let Some(offered) = offers.parameters(extension) else {
        return lack(format!("does not offer {command}"));
    };
    let names = attributes
        .split(' ')
        .filter_map(|word| word.split('=').next());
    let is_missing = |name: &&str| !offered.is_empty() && !has_parameter(offered, name);
    let missing = names.into_iter().find(is_missing)?;
    lack(format!(
        "does not offer the attribute {missing} of {command}"
    ))
}

/// A request that cannot be met.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unsupported {
    /// The reason, to follow the server's name.
    pub why: String,
    /// The command-line option that requests it.
    pub option: &'static str,
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
