//! The stages of a session.

/// A stage of an SMTP session, as options and events name it. In chronological order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Stage {
    /// The lookup of the server's name.
    Lookup,
    /// The connection is established; nothing was sent yet.
    Connect,
    /// The header of the PROXY protocol.
    Proxy,
    Banner,
    /// EHLO; for the server also LHLO.
    Ehlo,
    /// LHLO, the greeting command of LMTP (RFC 2033 §4.1).
    Lhlo,
    /// HELO, if the server does not know EHLO.
    Helo,
    /// STARTTLS (RFC 3207).
    Starttls,
    /// The TLS handshake.
    Tls,
    /// XCLIENT, which makes the server treat this client as another one.
    Xclient,
    /// AUTH, and the responses to its challenges (RFC 4954).
    Auth,
    /// XFORWARD, which tells the server the origin of the message.
    Xforward,
    /// A command of `ehlo ask`.
    Ask,
    Mail,
    Rcpt,
    Data,
    /// The message after DATA or BDAT.
    Body,
    /// The end of data; with LMTP and PRDR once for each recipient.
    Dot,
    /// BDAT (RFC 3030).
    Bdat,
    Rset,
    Noop,
    Vrfy,
    Quit,
    /// Any part of a scripted session.
    Script,
}

const NAMES: [(Stage, &str); Stage::COUNT] = [
    (Stage::Lookup, "lookup"),
    (Stage::Connect, "connect"),
    (Stage::Proxy, "proxy"),
    (Stage::Banner, "banner"),
    (Stage::Ehlo, "ehlo"),
    (Stage::Lhlo, "lhlo"),
    (Stage::Helo, "helo"),
    (Stage::Starttls, "starttls"),
    (Stage::Tls, "tls"),
    (Stage::Xclient, "xclient"),
    (Stage::Auth, "auth"),
    (Stage::Xforward, "xforward"),
    (Stage::Ask, "ask"),
    (Stage::Mail, "mail"),
    (Stage::Rcpt, "rcpt"),
    (Stage::Data, "data"),
    (Stage::Body, "body"),
    (Stage::Dot, "dot"),
    (Stage::Bdat, "bdat"),
    (Stage::Rset, "rset"),
    (Stage::Noop, "noop"),
    (Stage::Vrfy, "vrfy"),
    (Stage::Quit, "quit"),
    (Stage::Script, "script"),
];

impl Stage {
    pub const COUNT: usize = Self::Script as usize + 1;

    /// All stages, in chronological order.
    pub fn all() -> impl Iterator<Item = Self> {
        NAMES.into_iter().map(|(stage, _)| stage)
    }

    /// Its name in options and in JSON.
    pub fn name(self) -> &'static str {
        NAMES[self as usize].1
    }

    /// True if a reply to it is about the client itself and not about a login or a message: the greeting,
    /// EHLO, XCLIENT and their like.
    pub fn is_introduction(self) -> bool {
        matches!(
            self,
            Self::Banner | Self::Ehlo | Self::Lhlo | Self::Helo | Self::Xclient | Self::Xforward
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_in_the_order_of_the_stages() {
        for (index, (stage, name)) in NAMES.iter().enumerate() {
            assert_eq!(*stage as usize, index, "{name}");
        }
    }
}
