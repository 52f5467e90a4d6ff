//! The names of other programs that this program can be called by. The command line, `doctor`, the Debian packages and
//! their tests read this table.

/// A program that this one stands in for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StandIn {
    Sendmail,
    Mailq,
    Newaliases,
    Msmtp,
    Mail,
    Mailx,
    SNail,
    Nail,
    Mutt,
    Swaks,
}

impl StandIn {
    pub const ALL: &[Self] = &[
        Self::Sendmail,
        Self::Mailq,
        Self::Newaliases,
        Self::Msmtp,
        Self::Mail,
        Self::Mailx,
        Self::SNail,
        Self::Nail,
        Self::Mutt,
        Self::Swaks,
    ];

    /// The name, and the paths at which other programs expect it, the usual one first. The packages have links there.
    pub const fn row(self) -> (&'static str, &'static [&'static str]) {
        match self {
            // The second is built into older programs.
            Self::Sendmail => ("sendmail", &["/usr/sbin/sendmail", "/usr/lib/sendmail"]),
            Self::Mailq => ("mailq", &["/usr/bin/mailq"]),
            Self::Newaliases => ("newaliases", &["/usr/bin/newaliases"]),
            Self::Msmtp => ("msmtp", &[]),
            Self::Mail => ("mail", &[]),
            Self::Mailx => ("mailx", &[]),
            Self::SNail => ("s-nail", &[]),
            Self::Nail => ("nail", &[]),
            Self::Mutt => ("mutt", &[]),
            Self::Swaks => ("swaks", &[]),
        }
    }

    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|one| one.row().0 == name)
    }
}
