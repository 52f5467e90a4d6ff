//! What a server offers in its reply to EHLO (RFC 5321 §4.1.1.1).

use super::Reply;

/// The extensions offered that a sender here makes use of.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Offers {
    /// Whether SIZE may be given (RFC 1870).
    pub size: bool,
    /// Largest message the server takes, in octets; `None` if it did not say, or nothing sensible.
    pub size_limit: Option<u64>,
    /// Commands in groups (RFC 2920).
    pub pipelining: bool,
    /// Octets above 127 in the body (RFC 6152).
    pub eight_bit_mime: bool,
    /// UTF-8 in addresses and headers (RFC 6531).
    pub smtputf8: bool,
    /// BDAT instead of DATA (RFC 3030).
    pub chunking: bool,
    /// Any octets in the body, with CHUNKING (RFC 3030 §3).
    pub binary_mime: bool,
    /// TLS (RFC 3207).
    pub starttls: bool,
    /// Delivery status notifications (RFC 3461).
    pub dsn: bool,
    /// The mechanisms of AUTH, as the server spells them (RFC 4954).
    pub auth: Vec<String>,
}

impl Offers {
    /// Reads the lines behind the first. Keywords are case-insensitive, what is unknown is passed
    /// over, and so is a parameter that makes no sense (R4).
    #[must_use]
    pub fn from_reply(reply: &Reply) -> Self {
        let mut offers = Self::default();
        for line in reply.lines.iter().skip(1) {
            // Servers of before RFC 2554 put an equals sign behind AUTH.
            let is_separator = |c: char| c.is_ascii_whitespace();
            let spelled = line.replacen("AUTH=", "AUTH ", 1);
            let mut words = spelled.split(is_separator).filter(|word| !word.is_empty());
            match words
                .next()
                .unwrap_or_default()
                .to_ascii_uppercase()
                .as_str()
            {
                "SIZE" => {
                    offers.size = true;
                    // RFC 1870 §4: 0 is no limit.
                    let limit = words.next().and_then(|word| word.parse().ok());
                    offers.size_limit = limit.filter(|&limit| limit > 0);
                }
                "PIPELINING" => offers.pipelining = true,
                "8BITMIME" => offers.eight_bit_mime = true,
                "SMTPUTF8" => offers.smtputf8 = true,
                "CHUNKING" => offers.chunking = true,
                "BINARYMIME" => offers.binary_mime = true,
                "STARTTLS" => offers.starttls = true,
                "DSN" => offers.dsn = true,
                "AUTH" => offers.auth.extend(words.map(str::to_owned)),
                _ => {}
            }
        }
        offers
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn offers(lines: &[&str]) -> Offers {
        let lines = std::iter::once(&"mx.example.org hello").chain(lines);
        Offers::from_reply(&Reply {
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
            Offers {
                size: true,
                size_limit: Some(1000),
                pipelining: true,
                eight_bit_mime: true,
                smtputf8: true,
                chunking: true,
                binary_mime: true,
                starttls: true,
                dsn: false,
                auth: ["Plain", "LOGIN", "LOGIN"].map(str::to_owned).to_vec(),
            }
        );
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
    fn the_first_line_is_a_greeting_and_offers_nothing() {
        let reply = Reply {
            code: 250,
            lines: vec!["PIPELINING".to_owned()],
        };
        assert_eq!(Offers::from_reply(&reply), Offers::default());
    }
}
