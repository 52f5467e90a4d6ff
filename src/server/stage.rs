//! The stages of a session.

/// A step of the session, named after the last action of the peer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ServerStage {
    /// It has connected; no data was sent yet, and no TLS started.
    Connect,
    /// It waits for the greeting.
    Banner,
    Ehlo,
    Helo,
    StartTls,
    /// The first message of the TLS handshake.
    Tls,
    /// The last line of AUTH.
    Auth,
    Mail,
    Rcpt,
    Data,
    /// The first part of the message.
    Body,
    /// The end of the message; with LMTP and PRDR once for each recipient.
    Dot,
    /// BDAT, whether LAST or not.
    Bdat,
    Rset,
    Noop,
    Vrfy,
    Quit,
}

impl ServerStage {
    /// All of them, in the order of a conversation.
    pub const ALL: [ServerStage; 17] = [
        ServerStage::Connect,
        ServerStage::Banner,
        ServerStage::Ehlo,
        ServerStage::Helo,
        ServerStage::StartTls,
        ServerStage::Tls,
        ServerStage::Auth,
        ServerStage::Mail,
        ServerStage::Rcpt,
        ServerStage::Data,
        ServerStage::Body,
        ServerStage::Dot,
        ServerStage::Bdat,
        ServerStage::Rset,
        ServerStage::Noop,
        ServerStage::Vrfy,
        ServerStage::Quit,
    ];

    /// Its name in options and events.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            ServerStage::Connect => "connect",
            ServerStage::Banner => "banner",
            ServerStage::Ehlo => "ehlo",
            ServerStage::Helo => "helo",
            ServerStage::StartTls => "starttls",
            ServerStage::Tls => "tls",
            ServerStage::Auth => "auth",
            ServerStage::Mail => "mail",
            ServerStage::Rcpt => "rcpt",
            ServerStage::Data => "data",
            ServerStage::Body => "body",
            ServerStage::Dot => "dot",
            ServerStage::Bdat => "bdat",
            ServerStage::Rset => "rset",
            ServerStage::Noop => "noop",
            ServerStage::Vrfy => "vrfy",
            ServerStage::Quit => "quit",
        }
    }

    /// The stage of this name.
    ///
    /// # Errors
    /// There is none; the text names those that there are.
    pub fn parse(name: &str) -> Result<ServerStage, String> {
        let mut all = ServerStage::ALL.into_iter();
        all.find(|stage| stage.name().eq_ignore_ascii_case(name))
            .ok_or_else(|| {
                let names = ServerStage::ALL.map(ServerStage::name).join(", ");
                format!("there is no stage {name:?}; there are {names}")
            })
    }

    /// True if the server sends a reply at this stage.
    pub(super) fn has_reply(self) -> bool {
        !matches!(
            self,
            ServerStage::Connect | ServerStage::Tls | ServerStage::Body
        )
    }
}
