//! What is looked at on the way of a mail from cron.

use crate::cron::mail::Notification;
use std::ffi::OsString;
use std::path::PathBuf;
use std::time::Duration;

/// A look at what this host would do with a mail from cron.
#[derive(Debug)]
pub struct Doctor {
    pub view: View,
    /// Who gets the mail; `None` is whoever gets that of cron.
    pub mailto: Option<String>,
    pub configuration: Configuration,
    /// Whose mail it is.
    pub front: Front,
    /// From whom to whom it goes unless cron says otherwise, and how it leaves.
    pub mail: Notification,
    /// How long each step may take.
    pub limit: Duration,
    /// Whether to talk to servers.
    pub online: bool,
    /// Whether to log in at them.
    pub logs_in: bool,
    /// What is left out, and not done where nothing else needs it.
    pub skip: Vec<CheckStep>,
    /// What is seen of it.
    pub shown: DoctorFormat,
    /// To whom a message is sent in the end; `None` sends none.
    pub test: Option<Test>,
}

/// With whose eyes a host is looked at.
#[derive(Debug, PartialEq, Eq)]
pub enum View {
    /// In the environment that we have.
    Here,
    /// In that of cron, which this program is to be called in again, with these arguments.
    Cron(Vec<OsString>),
    /// In that of cron, which we have by now. These variables of the caller's mean something to us, and
    /// cron does not know them.
    ByCron(Vec<String>),
}

/// What a mail from cron comes through.
#[derive(Debug, PartialEq, Eq)]
pub enum Front {
    /// sendmail, which cron calls. `ehlo run` and `ehlo notify` go by this profile, where it is another.
    Sendmail { run_goes_by: Option<String> },
    /// `ehlo run` and `ehlo notify` with a profile that was named.
    Run,
}

/// How the configuration was found.
#[derive(Debug, Default)]
pub struct Configuration {
    /// Where it was looked for, in this order.
    pub looked_at: Vec<PathBuf>,
    /// Which it is; `None` where there is none.
    pub path: Option<PathBuf>,
    /// How many profiles it has.
    pub profiles: usize,
    /// Everything that is wrong with it.
    pub faults: Vec<String>,
}

/// Who gets a message that shows whether it works.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Test {
    /// Whoever gets the mail of cron.
    Found,
    To(String),
}

/// What is seen of a look at a host.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DoctorFormat {
    /// What was found, for people.
    Findings,
    /// The conversations as well.
    Conversations,
    /// What was found, for a program.
    Object,
}

/// A step on the way of a mail from cron.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CheckStep {
    /// The program that cron hands its mail to.
    Sendmail,
    /// The configuration, and the profile that is chosen.
    Config,
    /// Who gets the mail.
    Recipient,
    Sender,
    /// The name of this host.
    Host,
    /// Where the password comes from.
    Password,
    /// Which servers take the mail.
    Route,
    /// Whether one of them answers.
    Server,
    /// How the conversation is encrypted.
    Tls,
    /// Whether it lets us log in.
    Login,
    /// What it says to sender and recipient.
    Answer,
    /// The way that is tried when the first cannot be gone.
    Fallback,
    Queue,
    /// Who delivers what waits.
    Runner,
    /// The daemon, and its tables.
    Cron,
    /// What becomes of mail that can be neither sent nor kept.
    LastResort,
}

impl CheckStep {
    /// All of them, in the order in which a mail comes by them.
    pub const ALL: [Self; 16] = [
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
        Self::Queue,
        Self::Runner,
        Self::Cron,
        Self::LastResort,
    ];

    /// Its word, on the screen and on the command line.
    #[must_use]
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
            Self::Queue => "queue",
            Self::Runner => "runner",
            Self::Cron => "cron",
            Self::LastResort => "last-resort",
        }
    }

    /// The step of this name.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|step| step.name() == name)
    }
}

#[cfg(test)]
mod tests {
    use super::CheckStep;

    #[test]
    fn every_step_is_found_by_its_name() {
        for step in CheckStep::ALL {
            assert_eq!(CheckStep::named(step.name()), Some(step));
        }
        assert_eq!(CheckStep::named("nothing"), None);
    }
}
