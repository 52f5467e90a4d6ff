//! A finding: what a check found, how serious it is, and what corrects it.

use crate::system::exit::Health;
use crate::system::remedy::Remedy;
use std::fmt;

/// One finding of a check, about one subject.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    pub id: FindingId,
    pub status: Status,
    /// The rule that the finding is about, as in `RFC 7208 section 4.6.4`. `None`: it is not about a standard.
    pub section: Option<&'static str>,
    /// One sentence, without a full stop. May contain data of others: escape it for display.
    pub text: String,
    /// `None`: nothing to correct, or nothing that the reader could do.
    pub remedy: Option<Remedy>,
}

/// The identifier of a kind of finding. It does not change between versions, because scripts compare it.
///
/// Either a group, or a group and a name, as in `spf.lookups`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct FindingId(pub &'static str);

/// How serious a finding is; the order is that in which a reader should see them, the last one first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Status {
    Ok,
    /// Not wrong, but worth knowing.
    Note,
    /// Not checked, or not answered.
    Unknown,
    /// May need attention.
    Warning,
    /// An error: mail is lost, refused, or not protected as intended.
    Failed,
}

impl Finding {
    pub fn new(id: impl Into<FindingId>, status: Status, text: impl Into<String>) -> Self {
        Self {
            id: id.into(),
            status,
            section: None,
            text: text.into(),
            remedy: None,
        }
    }

    pub fn ok(id: impl Into<FindingId>, text: impl Into<String>) -> Self {
        Self::new(id, Status::Ok, text)
    }

    pub fn note(id: impl Into<FindingId>, text: impl Into<String>) -> Self {
        Self::new(id, Status::Note, text)
    }

    pub fn warning(id: impl Into<FindingId>, text: impl Into<String>) -> Self {
        Self::new(id, Status::Warning, text)
    }

    pub fn failed(id: impl Into<FindingId>, text: impl Into<String>) -> Self {
        Self::new(id, Status::Failed, text)
    }

    pub fn unknown(id: impl Into<FindingId>, why: impl Into<String>) -> Self {
        Self::new(id, Status::Unknown, why)
    }

    pub fn with_section(self, section: &'static str) -> Self {
        Self {
            section: Some(section),
            ..self
        }
    }

    pub fn with_remedy(self, remedy: impl Into<Remedy>) -> Self {
        Self {
            remedy: Some(remedy.into()),
            ..self
        }
    }

    /// Adds a command line that corrects it.
    pub fn with_command(self, command: impl Into<String>) -> Self {
        self.with_remedy(Remedy::Command(command.into()))
    }

    /// Adds a DNS record that corrects it.
    pub fn with_record(self, record: impl Into<String>) -> Self {
        self.with_remedy(Remedy::Record(record.into()))
    }

    /// The remedy as text.
    pub fn remedy_text(&self) -> Option<&str> {
        self.remedy.as_ref().map(Remedy::text)
    }
}

impl FindingId {
    /// The part before the full stop.
    pub fn group(self) -> &'static str {
        self.0.split('.').next().unwrap_or(self.0)
    }
}

impl From<&'static str> for FindingId {
    fn from(name: &'static str) -> Self {
        Self(name)
    }
}

impl fmt::Display for FindingId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.0)
    }
}

impl Status {
    /// The word in reports and in JSON.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Note => "note",
            Self::Warning => "warning",
            Self::Failed => "failed",
            Self::Unknown => "unknown",
        }
    }

    /// The status for a health.
    pub const fn of(health: Health) -> Self {
        match health {
            Health::Ok => Self::Ok,
            Health::Warning => Self::Warning,
            Health::Critical => Self::Failed,
            Health::Unknown => Self::Unknown,
        }
    }

    /// The status as a monitor expects it: a note is OK.
    pub const fn health(self) -> Health {
        match self {
            Self::Ok | Self::Note => Health::Ok,
            Self::Warning => Health::Warning,
            Self::Failed => Health::Critical,
            Self::Unknown => Health::Unknown,
        }
    }
}

/// The worst health of these findings. Findings of unknown status do not count.
pub fn worst<'f>(findings: impl IntoIterator<Item = &'f Finding>) -> Health {
    let known = findings.into_iter().map(|finding| finding.status.health());
    let known = known.filter(|health| *health != Health::Unknown);
    known.max().unwrap_or(Health::Ok)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn findings_of_unknown_status_do_not_change_the_health() {
        let ok = Finding::ok("host", "a name");
        let note = Finding::note("sts.testing", "mode is testing");
        let unknown = Finding::unknown("server", "--offline");
        let warning = Finding::warning("cron", "it is not there");
        let failed = Finding::failed("spf.syntax", "broken");
        assert_eq!(worst(&[]), Health::Ok);
        assert_eq!(worst([&ok, &unknown, &note]), Health::Ok);
        assert_eq!(worst([&warning, &unknown, &ok]), Health::Warning);
        assert_eq!(worst([&warning, &failed, &ok]), Health::Critical);
    }

    #[test]
    fn identifier_begins_with_its_group() {
        assert_eq!(FindingId("spf.lookups").group(), "spf");
        assert_eq!(FindingId("server").group(), "server");
    }

    #[test]
    fn remedy_keeps_its_kind() {
        let finding = Finding::failed("queue", "not writable").with_command("chmod 700 /q");
        assert_eq!(finding.remedy_text(), Some("chmod 700 /q"));
        assert_eq!(finding.remedy.unwrap().kind(), "command");
        let finding = Finding::warning("cron", "none").with_remedy("start cron");
        assert_eq!(
            finding.remedy,
            Some(Remedy::Advice("start cron".to_owned()))
        );
    }
}
