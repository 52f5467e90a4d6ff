//! The names of other programs that this program can be called by. The command line, `doctor`, the Debian packages and
//! their tests read this table.

/// A program that this one stands in for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StandIn {
    Sendmail,
    Mailq,
    Newaliases,
    Swaks,
}

impl StandIn {
    pub const ALL: &[Self] = &[Self::Sendmail, Self::Mailq, Self::Newaliases, Self::Swaks];

    /// The name, and the paths at which other programs expect it, the usual one first.
    pub const fn row(self) -> (&'static str, &'static [&'static str]) {
        match self {
            // The second is built into older programs.
            Self::Sendmail => ("sendmail", &["/usr/sbin/sendmail", "/usr/lib/sendmail"]),
            Self::Mailq => ("mailq", &["/usr/bin/mailq"]),
            Self::Newaliases => ("newaliases", &["/usr/bin/newaliases"]),
            // No package replaces the file of another one; who wants the name makes a link.
            Self::Swaks => ("swaks", &[]),
        }
    }

    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|one| one.row().0 == name)
    }
}
