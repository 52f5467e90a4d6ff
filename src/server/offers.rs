//! The extensions offered in the reply to EHLO. An extension that is not offered is not recognized either.

use crate::smtp::extension::Extension;

/// One line of the reply to EHLO.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Offer {
    text: String,
    extension: Option<Extension>,
}

impl Offer {
    /// Reads a keyword with its parameters, like `SIZE 1000` or `SIZE=1000`.
    pub fn parse(text: &str) -> Result<Offer, String> {
        let text = text.trim();
        let is_line = text
            .bytes()
            .all(|byte| byte.is_ascii_graphic() || byte == b' ');
        let begins = text.starts_with(|c: char| c.is_ascii_alphanumeric());
        if !is_line || !begins || text.len() > 500 {
            return Err("expected EHLO keywords, such as DSN,SIZE=1000,X-OTHER".to_owned());
        }
        let mut offer = Offer {
            text: text.to_owned(),
            extension: text.split([' ', '=']).next().and_then(Extension::parse),
        };
        offer.complete()?;
        Ok(offer)
    }

    fn of(extension: Extension) -> Offer {
        Offer {
            text: extension.keyword().to_owned(),
            extension: Some(extension),
        }
    }

    /// Adds the parameters that a keyword must have, and checks those of SIZE.
    fn complete(&mut self) -> Result<(), String> {
        let has_none = self.parameters().next().is_none();
        match self.extension {
            Some(Extension::Xclient) if has_none => {
                self.text
                    .push_str(" NAME ADDR PORT PROTO HELO LOGIN DESTADDR DESTPORT");
            }
            Some(Extension::FutureRelease) if has_none => {
                return Err(
                    "FUTURERELEASE needs the maximum time in seconds and the latest date, such as \
                     'FUTURERELEASE 86400 2030-01-01T00:00:00Z'"
                        .to_owned(),
                );
            }
            Some(Extension::Size) if !has_none => {
                let size = self
                    .size()
                    .ok_or("SIZE needs a number of bytes, such as SIZE=1000")?;
                self.text = format!("SIZE {size}");
            }
            _ => {}
        }
        Ok(())
    }

    pub fn name(&self) -> &str {
        self.text.split([' ', '=']).next().unwrap_or_default()
    }

    /// `None`: the keyword has no meaning to this server.
    pub fn extension(&self) -> Option<Extension> {
        self.extension
    }

    pub fn parameters(&self) -> impl Iterator<Item = &str> {
        let words = self.text[self.name().len()..].split([' ', '=']);
        words.filter(|word| !word.is_empty())
    }

    /// The number after SIZE.
    pub fn size(&self) -> Option<u64> {
        let mut words = self.parameters();
        words
            .next()?
            .parse()
            .ok()
            .filter(|_| words.next().is_none())
    }
}

/// The offered extensions.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OfferList {
    list: Vec<Offer>,
    /// Keywords that are neither offered nor recognized.
    disabled: Vec<String>,
}

impl Default for OfferList {
    fn default() -> OfferList {
        let usual = [
            Extension::Pipelining,
            Extension::Size,
            Extension::EightBitMime,
            Extension::SmtpUtf8,
            Extension::Chunking,
            Extension::EnhancedStatusCodes,
        ];
        OfferList {
            list: usual.map(Offer::of).into(),
            disabled: Vec::new(),
        }
    }
}

impl OfferList {
    /// Adds an offer. It replaces an earlier offer of the same keyword.
    pub fn add(&mut self, offer: Offer) {
        let same = |one: &Offer| one.name().eq_ignore_ascii_case(offer.name());
        match self.list.iter_mut().find(|one| same(one)) {
            Some(earlier) => *earlier = offer,
            None => self.list.push(offer),
        }
    }

    /// Adds an offer without parameters, unless it is already offered or was disabled.
    pub fn add_plain(&mut self, extension: Extension) {
        let offer = Offer::of(extension);
        let is_disabled = self.is_disabled(offer.name());
        if !is_disabled && !self.has(extension) {
            self.list.push(offer);
        }
    }

    /// Disables a keyword or command: it is neither offered nor recognized.
    pub fn remove(&mut self, name: &str) {
        self.list
            .retain(|offer| !offer.name().eq_ignore_ascii_case(name));
        self.disabled.push(name.to_owned());
    }

    pub fn has(&self, extension: Extension) -> bool {
        self.offer(extension).is_some()
    }

    pub fn offer(&self, extension: Extension) -> Option<&Offer> {
        let mut list = self.list.iter();
        list.find(|offer| offer.extension == Some(extension))
    }

    /// True unless this command (VRFY, HELP), which is recognized by default, was disabled.
    pub(super) fn recognizes(&self, command: Extension) -> bool {
        !self.is_disabled(command.keyword())
    }

    fn is_disabled(&self, name: &str) -> bool {
        self.disabled
            .iter()
            .any(|one| one.eq_ignore_ascii_case(name))
    }

    /// All of them, in the order of the reply to EHLO.
    pub(super) fn iter(&self) -> impl Iterator<Item = &Offer> {
        self.list.iter()
    }
}

impl std::fmt::Display for Offer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn offer(text: &str) -> Offer {
        Offer::parse(text).unwrap()
    }

    fn lines(offers: &OfferList) -> Vec<String> {
        offers.iter().map(Offer::to_string).collect()
    }

    #[test]
    fn keyword_is_known_in_any_case_and_other_text_is_unchanged() {
        assert_eq!(offer("dsn").extension(), Some(Extension::Dsn));
        assert_eq!(
            offer("LIMITS RCPTMAX=5").extension(),
            Some(Extension::Limits)
        );
        assert_eq!(offer("X-OTHER one two").extension(), None);
        assert_eq!(offer("X-OTHER one two").to_string(), "X-OTHER one two");
    }

    #[test]
    fn size_is_parsed_with_a_space_or_an_equals_sign() {
        for text in ["SIZE=1000", "size 1000"] {
            assert_eq!(offer(text).to_string(), "SIZE 1000");
            assert_eq!(offer(text).size(), Some(1000));
        }
        assert!(Offer::parse("SIZE=big").is_err());
    }

    #[test]
    fn offer_that_would_break_the_reply_is_refused() {
        for text in ["", " ", "a\r\nb", "\u{e9}", "=1", "-x"] {
            assert!(Offer::parse(text).is_err(), "{text:?}");
        }
    }

    #[test]
    fn offers_can_be_added_replaced_and_removed() {
        let mut offers = OfferList::default();
        offers.add(offer("DSN"));
        offers.add(offer("SIZE=5"));
        offers.remove("smtputf8");
        offers.remove("vrfy");
        assert!(offers.has(Extension::Dsn) && !offers.has(Extension::SmtpUtf8));
        assert!(!offers.recognizes(Extension::Vrfy) && offers.recognizes(Extension::Help));
        let expected = [
            "PIPELINING",
            "SIZE 5",
            "8BITMIME",
            "CHUNKING",
            "ENHANCEDSTATUSCODES",
            "DSN",
        ];
        assert_eq!(lines(&offers), expected);
    }

    #[test]
    fn disabled_keyword_is_not_added_again() {
        let mut offers = OfferList::default();
        offers.remove("STARTTLS");
        offers.add_plain(Extension::Starttls);
        offers.add_plain(Extension::Auth);
        offers.add_plain(Extension::Auth);
        assert!(!offers.has(Extension::Starttls));
        assert_eq!(
            lines(&offers).iter().filter(|line| *line == "AUTH").count(),
            1
        );
    }
}
