//! The stages at which a session may end before the message is sent.

use crate::cli::standins::swaks::given::Given;
use crate::cli::standins::swaks::octets::is_true;
use crate::cli::standins::swaks::options::Key;
use crate::cli::standins::swaks::printer::Stop;
use std::fmt;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stage {
    Proxy,
    Connect,
    FirstHelo,
    Xclient,
    XclientHelo,
    Tls,
    Helo,
    Auth,
    Mail,
    Rcpt,
    Data,
    Dot,
}

impl Stage {
    fn parse(text: &str) -> Option<Self> {
        Some(match text {
            "proxy" => Self::Proxy,
            "connect" | "banner" => Self::Connect,
            "xclient" => Self::Xclient,
            "xclient-helo" => Self::XclientHelo,
            "tls" | "starttls" => Self::Tls,
            "helo" | "ehlo" | "lhlo" => Self::Helo,
            "auth" => Self::Auth,
            "mail" | "from" => Self::Mail,
            "rcpt" | "to" => Self::Rcpt,
            "data" => Self::Data,
            "dot" => Self::Dot,
            "first-helo" => Self::FirstHelo,
            // Unanchored in swaks.
            text if text.contains("first-ehlo") || text.contains("first-lhlo") => Self::FirstHelo,
            _ => return None,
        })
    }

    fn name(self) -> &'static str {
        match self {
            Self::Proxy => "proxy",
            Self::Connect => "connect",
            Self::FirstHelo => "first-helo",
            Self::Xclient => "xclient",
            Self::XclientHelo => "xclient-helo",
            Self::Tls => "tls",
            Self::Helo => "helo",
            Self::Auth => "auth",
            Self::Mail => "mail",
            Self::Rcpt => "rcpt",
            Self::Data => "data",
            Self::Dot => "dot",
        }
    }

    /// True if a session that ends here needs a recipient.
    fn needs_recipient(self) -> bool {
        matches!(self, Self::Rcpt | Self::Data | Self::Dot)
    }
}

impl fmt::Display for Stage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// Where the session ends early, and how.
#[derive(Clone, Copy, Debug, Default)]
pub struct Stages {
    pub quit_after: Option<Stage>,
    pub drop_after: Option<Stage>,
    /// The connection is closed before the reply.
    pub drop_after_send: Option<Stage>,
    /// True if an early end needs no recipient.
    pub server_only: bool,
}

impl Stages {
    pub fn read(given: &mut Given) -> Result<Self, Stop> {
        let quit_after = stage(Key::QuitAfter, given)?;
        let drop_after = stage(Key::DropAfter, given)?;
        let drop_after_send = stage(Key::DropAfterSend, given)?;
        let all = [quit_after, drop_after, drop_after_send];
        let mut ends = all.iter().flatten();
        Ok(Self {
            quit_after,
            drop_after,
            drop_after_send,
            server_only: ends.any(|stage| !stage.needs_recipient()),
        })
    }

    /// True if one of the options names this stage.
    pub fn has(self, stage: Stage) -> bool {
        let all = [self.quit_after, self.drop_after, self.drop_after_send];
        all.contains(&Some(stage))
    }

    pub fn drops_after(self, stage: Stage) -> bool {
        self.drop_after == Some(stage)
    }

    pub fn drops_after_send(self, stage: Stage) -> bool {
        self.drop_after_send == Some(stage)
    }

    pub fn quits_after(self, stage: Stage) -> bool {
        self.quit_after == Some(stage)
    }
}

fn stage(key: Key, given: &mut Given) -> Result<Option<Stage>, Stop> {
    let Some(text) = given.raw(key).filter(|text| is_true(text)) else {
        return Ok(None);
    };
    let text = text.to_ascii_lowercase();
    let stage = Stage::parse(&text);
    let is_possible = key != Key::QuitAfter || !matches!(stage, Some(Stage::Data | Stage::Dot));
    if stage.is_some() && is_possible {
        return Ok(stage);
    }
    let option = key.name().replace('-', "_");
    let error = format!("Unknown {option} value {text}, exiting");
    Err(given.printer.stop(1, &error))
}
