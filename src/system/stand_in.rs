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

    /// The name, and the paths of the links in the packages, the usual one first: where other programs expect
    /// sendmail, and a directory of ehlo for the programs whose own packages may be installed as well.
    pub const fn row(self) -> (&'static str, &'static [&'static str]) {
        match self {
            // The second is built into older programs.
            Self::Sendmail => ("sendmail", &["/usr/sbin/sendmail", "/usr/lib/sendmail"]),
            Self::Mailq => ("mailq", &["/usr/bin/mailq"]),
            Self::Newaliases => ("newaliases", &["/usr/bin/newaliases"]),
            Self::Msmtp => ("msmtp", &["/usr/lib/ehlo/bin/msmtp"]),
            Self::Mail => ("mail", &["/usr/lib/ehlo/bin/mail"]),
            Self::Mailx => ("mailx", &["/usr/lib/ehlo/bin/mailx"]),
            Self::SNail => ("s-nail", &["/usr/lib/ehlo/bin/s-nail"]),
            Self::Nail => ("nail", &["/usr/lib/ehlo/bin/nail"]),
            Self::Mutt => ("mutt", &["/usr/lib/ehlo/bin/mutt"]),
            Self::Swaks => ("swaks", &["/usr/lib/ehlo/bin/swaks"]),
        }
    }

    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|one| one.row().0 == name)
    }
}
