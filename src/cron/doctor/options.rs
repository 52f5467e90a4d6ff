//! Options of the diagnosis of mail from cron.

use crate::cron::Notification;
use crate::probe::FindingId;
use crate::system::remedy::ErrorText;
use std::ffi::OsString;
use std::path::PathBuf;
use std::time::Duration;

#[derive(Debug)]
pub struct Doctor {
    pub view: View,
    /// Recipients. `None`: those of mail from cron.
    pub mailto: Option<String>,
    pub configuration: Configuration,
    pub front: Front,
    /// Addressing unless cron overrides it, and delivery options.
    pub mail: Notification,
    /// Time limit for each step.
    pub limit: Duration,
    /// True if servers are contacted.
    pub online: bool,
    /// True if the session includes a login.
    pub logs_in: bool,
    /// Steps that are not reported, and not done unless another step needs them.
    pub skip: Vec<CheckStep>,
    pub shown: DoctorFormat,
    /// Recipient of a test message. `None`: none is sent.
    pub test: Option<Test>,
}

/// The environment in which a host is examined.
#[derive(Debug, PartialEq, Eq)]
pub enum View {
    /// The environment of this process.
    Here,
    /// The environment of cron, in which this program is started again with these arguments.
    Cron(Vec<OsString>),
    /// The environment of cron, which this process has by now. These variables of the caller matter to ehlo,
    /// and cron does not set them.
    ByCron(Vec<String>),
}

/// The command that mail from cron passes through.
#[derive(Debug, PartialEq, Eq)]
pub enum Front {
    /// sendmail, which cron calls. `ehlo run` and `ehlo notify` use this profile if it is a different one.
    Sendmail { run_profile: Option<String> },
    /// `ehlo run` and `ehlo notify` with a profile that was named.
    Run,
}

impl Front {
    /// The mail that is diagnosed, as the subject of a sentence.
    pub(crate) fn mail(&self) -> &'static str {
        match self {
            Self::Sendmail { .. } => "Mail from cron",
            Self::Run => "Mail from ehlo run",
        }
    }
}

/// The search for the configuration, and its result.
#[derive(Debug, Default)]
pub struct Configuration {
    /// Paths that were tried, in order.
    pub searched: Vec<PathBuf>,
    /// `None`: there is no configuration.
    pub path: Option<PathBuf>,
    pub profiles: usize,
    pub faults: Vec<ErrorText>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Test {
    /// The recipient of mail from cron.
    Found,
    To(String),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DoctorFormat {
    Text,
    /// Text with the sessions.
    Sessions,
    Json,
}

/// A step of a mail from cron.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CheckStep {
    /// The program that cron passes its mail to.
    Sendmail,
    /// The configuration, and the profile that is chosen.
    Config,
    Recipient,
    Sender,
    Host,
    Password,
    Route,
    Server,
    Tls,
    Login,
    /// The replies to MAIL and RCPT.
    Answer,
    Fallback,
    /// SPF, DKIM and DMARC of the domain of the sender, and the name of the address of this host.
    Domain,
    Queue,
    /// The submission socket.
    Submit,
    /// The process that delivers queued mail.
    Runner,
    /// The daemon, and its tables.
    Cron,
    /// The last resort for mail that can be neither sent nor queued.
    LastResort,
}

impl CheckStep {
    /// All steps, in the order of a mail.
    pub const ALL: [Self; 18] = [
        Self::Sendmail,
        Self::Config,
        Self::Recipient,
        Self::Sender,
        Self::Host,
        Self::Password,
        Self::Route,
        Self::Server,
        Self::Tls,
        Self::Login,
        Self::Answer,
        Self::Fallback,
        Self::Domain,
        Self::Queue,
        Self::Submit,
        Self::Runner,
        Self::Cron,
        Self::LastResort,
    ];

    /// The name, as shown and as used in options.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Sendmail => "sendmail",
            Self::Config => "config",
            Self::Recipient => "recipient",
            Self::Sender => "sender",
            Self::Host => "host",
            Self::Password => "password",
            Self::Route => "route",
            Self::Server => "server",
            Self::Tls => "tls",
            Self::Login => "login",
            Self::Answer => "answer",
            Self::Fallback => "fallback",
            Self::Domain => "domain",
            Self::Queue => "queue",
            Self::Submit => "submit",
            Self::Runner => "runner",
            Self::Cron => "cron",
            Self::LastResort => "last-resort",
        }
    }

    pub(crate) fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|step| step.name() == name)
    }
}

impl From<CheckStep> for FindingId {
    fn from(step: CheckStep) -> Self {
        Self(step.name())
    }
}

impl PartialEq<CheckStep> for FindingId {
    fn eq(&self, step: &CheckStep) -> bool {
        self.0 == step.name()
    }
}

#[cfg(test)]
mod tests {
    use super::CheckStep;

    #[test]
    fn step_names_are_unique() {
        for step in CheckStep::ALL {
            assert_eq!(CheckStep::named(step.name()), Some(step));
        }
        assert_eq!(CheckStep::named("nothing"), None);
    }
}
