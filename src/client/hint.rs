//! What the user can do about an error.

/// The remedy for an error, as data: errors carry it, and the place that shows the error puts it into words.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Hint {
    TryAgain,
    /// Nothing helps.
    NothingToTry,
    /// The domain may be misspelled.
    CheckSpelling,
    NameRelay,
    /// The DNS did not answer.
    OtherResolver,
    /// The port may be one for TLS from the first byte.
    ImplicitTls,
    TrustCertificate,
    /// The certificate is expected to have another name.
    CertificateName,
    /// The server needs no login.
    NoLogin,
}

impl Hint {
    /// The remedy as options of the command line.
    #[must_use]
    pub fn as_options(self) -> &'static str {
        match self {
            Self::TryAgain => "try again later",
            Self::NothingToTry => "nothing to try",
            Self::CheckSpelling => "check the spelling",
            Self::NameRelay => "name a server that accepts it with --relay",
            Self::OtherResolver => "try again later, or name a resolver with --dns",
            Self::ImplicitTls => "try again later, or use --tls implicit if this port expects TLS",
            Self::TrustCertificate => {
                "trust another CA with --ca-file FILE, or accept any certificate with -k (--insecure)"
            }
            Self::CertificateName => "give the name in the certificate with --tls-name",
            Self::NoLogin => "omit --user to send without a login",
        }
    }
}

/// A sentence and its hint, as the user of a command line sees them.
#[must_use]
pub fn with_hint(sentence: &str, hint: Option<Hint>) -> String {
    match hint {
        Some(hint) => format!("{sentence}; {}", hint.as_options()),
        None => sentence.to_owned(),
    }
}
