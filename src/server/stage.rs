//! Where in a conversation something is to happen.

/// A step of the conversation, named by what the peer has just done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stage {
    /// It has connected; nothing was said yet, and nothing encrypted.
    Connect,
    /// It waits for the greeting.
    Banner,
    /// EHLO or LHLO.
    Ehlo,
    /// HELO.
    Helo,
    /// STARTTLS.
    StartTls,
    /// The first message of the TLS handshake.
    Tls,
    /// The last line of AUTH.
    Auth,
    /// MAIL.
    Mail,
    /// RCPT.
    Rcpt,
    /// DATA.
    Data,
    /// The first part of the message.
    Body,
    /// The end of the message; with LMTP and PRDR once for each recipient.
    Dot,
    /// BDAT, whether LAST or not.
    Bdat,
    /// RSET.
    Rset,
    /// NOOP.
    Noop,
    /// VRFY.
    Vrfy,
    /// QUIT.
    Quit,
}

impl Stage {
    /// All of them, in the order of a conversation.
    pub const ALL: [Stage; 17] = [
        Stage::Connect,
        Stage::Banner,
        Stage::Ehlo,
        Stage::Helo,
        Stage::StartTls,
        Stage::Tls,
        Stage::Auth,
        Stage::Mail,
        Stage::Rcpt,
        Stage::Data,
        Stage::Body,
        Stage::Dot,
        Stage::Bdat,
        Stage::Rset,
        Stage::Noop,
        Stage::Vrfy,
        Stage::Quit,
    ];

    /// Its name in options and events.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Stage::Connect => "connect",
            Stage::Banner => "banner",
            Stage::Ehlo => "ehlo",
            Stage::Helo => "helo",
            Stage::StartTls => "starttls",
            Stage::Tls => "tls",
            Stage::Auth => "auth",
            Stage::Mail => "mail",
            Stage::Rcpt => "rcpt",
            Stage::Data => "data",
            Stage::Body => "body",
            Stage::Dot => "dot",
            Stage::Bdat => "bdat",
            Stage::Rset => "rset",
            Stage::Noop => "noop",
            Stage::Vrfy => "vrfy",
            Stage::Quit => "quit",
        }
    }

    /// The stage of this name.
    ///
    /// # Errors
    /// There is none; the text names those that there are.
    pub fn parse(name: &str) -> Result<Stage, String> {
        let mut all = Stage::ALL.into_iter();
        all.find(|stage| stage.name().eq_ignore_ascii_case(name))
            .ok_or_else(|| {
                let names = Stage::ALL.map(Stage::name).join(", ");
                format!("there is no stage {name:?}; there are {names}")
            })
    }

    /// Whether the sink has a reply to give here, and not only something to read.
    pub(super) fn has_reply(self) -> bool {
        !matches!(self, Stage::Connect | Stage::Tls | Stage::Body)
    }
}
