//! The extensions offered in the reply to EHLO. An extension that is not offered is not recognized either.

/// The keywords with a meaning to the server; others are offered unchanged.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ServerKeyword {
    /// RFC 2920.
    Pipelining,
    /// RFC 1870.
    Size,
    /// RFC 6152.
    EightBitMime,
    /// RFC 6531.
    SmtpUtf8,
    /// RFC 3030.
    Chunking,
    /// RFC 3030.
    BinaryMime,
    /// RFC 2034.
    EnhancedStatusCodes,
    /// RFC 3461.
    Dsn,
    /// RFC 3207.
    StartTls,
    /// RFC 4954.
    Auth,
    /// RFC 9422.
    Limits,
    /// RFC 8689.
    RequireTls,
    /// RFC 4865.
    FutureRelease,
    /// RFC 2852.
    DeliverBy,
    /// RFC 6710.
    MtPriority,
    Prdr,
    /// Postfix: sets another client address.
    Xclient,
    /// RFC 5321 §3.5; recognized unless it is disabled, offered only if requested.
    Vrfy,
    /// RFC 5321 §4.1.1.8; as VRFY.
    Help,
}

const NAMES: [(&str, ServerKeyword); 19] = [
    ("PIPELINING", ServerKeyword::Pipelining),
    ("SIZE", ServerKeyword::Size),
    ("8BITMIME", ServerKeyword::EightBitMime),
    ("SMTPUTF8", ServerKeyword::SmtpUtf8),
    ("CHUNKING", ServerKeyword::Chunking),
    ("BINARYMIME", ServerKeyword::BinaryMime),
    ("ENHANCEDSTATUSCODES", ServerKeyword::EnhancedStatusCodes),
    ("DSN", ServerKeyword::Dsn),
    ("STARTTLS", ServerKeyword::StartTls),
    ("AUTH", ServerKeyword::Auth),
    ("LIMITS", ServerKeyword::Limits),
    ("REQUIRETLS", ServerKeyword::RequireTls),
    ("FUTURERELEASE", ServerKeyword::FutureRelease),
    ("DELIVERBY", ServerKeyword::DeliverBy),
    ("MT-PRIORITY", ServerKeyword::MtPriority),
    ("PRDR", ServerKeyword::Prdr),
    ("XCLIENT", ServerKeyword::Xclient),
    ("VRFY", ServerKeyword::Vrfy),
    ("HELP", ServerKeyword::Help),
];

/// One line of the reply to EHLO.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Offer {
    /// The text as given.
    text: String,
    keyword: Option<ServerKeyword>,
}

impl Offer {
    /// Reads a keyword with its parameters, like `SIZE 1000` or `SIZE=1000`.
    ///
    /// # Errors
    /// It is not a valid line of a reply to EHLO.
    pub fn parse(text: &str) -> Result<Offer, String> {
        let text = text.trim();
        let is_line = text
            .bytes()
            .all(|byte| byte.is_ascii_graphic() || byte == b' ');
        let begins = text.starts_with(|c: char| c.is_ascii_alphanumeric());
        if !is_line || !begins || text.len() > 500 {
            return Err("it wants keywords of EHLO, like DSN,SIZE=1000,X-OTHER".to_owned());
        }
        let mut offer = Offer {
            text: text.to_owned(),
            keyword: known(text),
        };
        offer.complete()?;
        Ok(offer)
    }

    fn of(keyword: ServerKeyword) -> Offer {
        let name = NAMES.iter().find(|(_, known)| *known == keyword);
        Offer {
            text: name.map_or("", |(name, _)| name).to_owned(),
            keyword: Some(keyword),
        }
    }

    /// Adds the parameters that a keyword must have, and checks those of SIZE.
    fn complete(&mut self) -> Result<(), String> {
        let has_none = self.parameters().next().is_none();
        match self.keyword {
            Some(ServerKeyword::Xclient) if has_none => {
                self.text
                    .push_str(" NAME ADDR PORT PROTO HELO LOGIN DESTADDR DESTPORT");
            }
            Some(ServerKeyword::FutureRelease) if has_none => {
                return Err(
                    "FUTURERELEASE wants the longest time in seconds and the last date, like \
                     'FUTURERELEASE 86400 2030-01-01T00:00:00Z'"
                        .to_owned(),
                );
            }
            Some(ServerKeyword::Size) if !has_none => {
                let size = self
                    .size()
                    .ok_or("SIZE wants a number of bytes, like SIZE=1000")?;
                self.text = format!("SIZE {size}");
            }
            _ => {}
        }
        Ok(())
    }

    #[must_use]
    pub fn name(&self) -> &str {
        self.text.split([' ', '=']).next().unwrap_or_default()
    }

    /// The known keyword; `None`: without a meaning to this server.
    #[must_use]
    pub fn keyword(&self) -> Option<ServerKeyword> {
        self.keyword
    }

    /// The words after the keyword.
    pub fn parameters(&self) -> impl Iterator<Item = &str> {
        let words = self.text[self.name().len()..].split([' ', '=']);
        words.filter(|word| !word.is_empty())
    }

    /// The number after SIZE.
    #[must_use]
    pub fn size(&self) -> Option<u64> {
        let mut words = self.parameters();
        words
            .next()?
            .parse()
            .ok()
            .filter(|_| words.next().is_none())
    }
}

fn known(text: &str) -> Option<ServerKeyword> {
    let name = text.split([' ', '=']).next()?;
    let mut names = NAMES.iter();
    let found = names.find(|(known, _)| known.eq_ignore_ascii_case(name));
    found.map(|(_, keyword)| *keyword)
}

/// The offered extensions.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OfferList {
    list: Vec<Offer>,
    /// Names that were disabled.
    refused: Vec<String>,
}

impl Default for OfferList {
    fn default() -> OfferList {
        let usual = [
            ServerKeyword::Pipelining,
            ServerKeyword::Size,
            ServerKeyword::EightBitMime,
            ServerKeyword::SmtpUtf8,
            ServerKeyword::Chunking,
            ServerKeyword::EnhancedStatusCodes,
        ];
        OfferList {
            list: usual.map(Offer::of).into(),
            refused: Vec::new(),
        }
    }
}

impl OfferList {
    /// Adds an offer. It replaces an earlier offer of the same keyword.
    pub fn add(&mut self, offer: Offer) {
        let same = |one: &Offer| one.name().eq_ignore_ascii_case(offer.name());
        match self.list.iter_mut().find(|one| same(one)) {
            Some(place) => *place = offer,
            None => self.list.push(offer),
        }
    }

    /// Adds an offer of this keyword, unless it is already offered or was disabled.
    pub fn add_plain(&mut self, keyword: ServerKeyword) {
        let offer = Offer::of(keyword);
        let is_refused = self.is_refused(offer.name());
        if !is_refused && !self.has(keyword) {
            self.list.push(offer);
        }
    }

    /// Disables a keyword or command: it is neither offered nor recognized.
    pub fn remove(&mut self, name: &str) {
        self.list
            .retain(|offer| !offer.name().eq_ignore_ascii_case(name));
        self.refused.push(name.to_owned());
    }

    /// True if it is offered.
    #[must_use]
    pub fn has(&self, keyword: ServerKeyword) -> bool {
        self.offer(keyword).is_some()
    }

    /// The offer of this keyword.
    #[must_use]
    pub fn offer(&self, keyword: ServerKeyword) -> Option<&Offer> {
        self.list
            .iter()
            .find(|offer| offer.keyword == Some(keyword))
    }

    /// True unless this command, which every server has, was disabled.
    pub(super) fn understands(&self, verb: &str) -> bool {
        !self.is_refused(verb)
    }

    fn is_refused(&self, name: &str) -> bool {
        self.refused
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
    fn a_keyword_is_known_in_any_case_and_any_other_text_is_offered_as_it_is() {
        assert_eq!(offer("dsn").keyword(), Some(ServerKeyword::Dsn));
        assert_eq!(
            offer("LIMITS RCPTMAX=5").keyword(),
            Some(ServerKeyword::Limits)
        );
        assert_eq!(offer("X-OTHER one two").keyword(), None);
        assert_eq!(offer("X-OTHER one two").to_string(), "X-OTHER one two");
    }

    #[test]
    fn size_is_written_with_a_space_or_an_equals_sign() {
        for text in ["SIZE=1000", "size 1000"] {
            assert_eq!(offer(text).to_string(), "SIZE 1000");
            assert_eq!(offer(text).size(), Some(1000));
        }
        assert!(Offer::parse("SIZE=big").is_err());
    }

    #[test]
    fn what_would_break_the_reply_is_refused() {
        for text in ["", " ", "a\r\nb", "\u{e9}", "=1", "-x"] {
            assert!(Offer::parse(text).is_err(), "{text:?}");
        }
    }

    #[test]
    fn what_is_offered_can_be_added_to_replaced_and_taken_away() {
        let mut offers = OfferList::default();
        offers.add(offer("DSN"));
        offers.add(offer("SIZE=5"));
        offers.remove("smtputf8");
        offers.remove("vrfy");
        assert!(offers.has(ServerKeyword::Dsn) && !offers.has(ServerKeyword::SmtpUtf8));
        assert!(!offers.understands("VRFY") && offers.understands("HELP"));
        let said = [
            "PIPELINING",
            "SIZE 5",
            "8BITMIME",
            "CHUNKING",
            "ENHANCEDSTATUSCODES",
            "DSN",
        ];
        assert_eq!(lines(&offers), said);
    }

    #[test]
    fn what_was_taken_away_does_not_come_back_by_itself() {
        let mut offers = OfferList::default();
        offers.remove("STARTTLS");
        offers.add_plain(ServerKeyword::StartTls);
        offers.add_plain(ServerKeyword::Auth);
        offers.add_plain(ServerKeyword::Auth);
        assert!(!offers.has(ServerKeyword::StartTls));
        assert_eq!(
            lines(&offers).iter().filter(|line| *line == "AUTH").count(),
            1
        );
    }
}
