//! The log for reports about TLS: one JSON object a line for each session, with the policy and the result in the
//! terms of RFC 8460 §4.4, so that a report can be made of it.
//!
//! As the mail log, it is chosen once for a process, and its file is opened for each line.

use crate::client::policy::{Policy, PolicyFailure, PolicySource, StsPolicy};
use crate::client::session::{RecipientReply, SessionFailure, SessionResult, Unmet};
use crate::client::wire::TlsError;
use crate::client::wire::tls::{CertificateFault, ServerCheck};
use crate::system::log_file::append;
use crate::system::text::{reason, shown};
use crate::system::time::rfc3339;
use serde_json::{Map, Value, json};
use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::SystemTime;

static LOG: OnceLock<TlsReportLog> = OnceLock::new();

struct TlsReportLog {
    file: PathBuf,
    warn: fn(&str),
    /// True after the first warning.
    has_warned: AtomicBool,
}

/// Chooses the file of this process. `warn` is called at most once, if a line cannot be written.
pub fn start(file: &Path, warn: fn(&str)) {
    let _ = LOG.set(TlsReportLog {
        file: file.to_owned(),
        warn,
        has_warned: AtomicBool::new(false),
    });
}

/// The file, for a process that continues the work of this one.
pub fn file() -> Option<&'static Path> {
    LOG.get().map(|log| log.file.as_path())
}

/// The two ends of a session, and the recipient domains that it is for.
pub struct SessionEnds {
    pub domains: Vec<String>,
    /// The host by its name.
    pub host: String,
    /// `None`: the host was not connected to.
    pub receiving: Option<IpAddr>,
    pub sending: Option<IpAddr>,
}

/// The result of a session, or of the lookups before it: a result type of RFC 8460 §4.3.
#[derive(Clone, Debug, PartialEq, Eq)]
struct TlsFailure {
    kind: &'static str,
    why: String,
}

/// Writes a line about a session, unless it ended before TLS mattered. `ends` is called if there is a log.
pub fn session(policy: &Policy, result: &SessionResult, ends: impl FnOnce() -> SessionEnds) {
    if let Some(log) = LOG.get()
        && let Some(outcome) = outcome(policy, result)
    {
        log.write(&line(policy_of(policy), outcome.err(), &ends()));
    }
}

/// Writes a line about a host that was not connected to because of a policy.
pub fn excluded(failure: &PolicyFailure, ends: impl FnOnce() -> SessionEnds) {
    if let Some(log) = LOG.get() {
        let (policy, kind) = match failure {
            PolicyFailure::Lookup { owner, .. } => (tlsa(owner, Vec::new()), "dnssec-invalid"),
            PolicyFailure::NoDane { host, .. } => (tlsa(host, Vec::new()), "dane-required"),
            PolicyFailure::NotInSts { policy, .. } => (sts(policy), "validation-failure"),
            PolicyFailure::NoSts { .. } => (no_policy(), "sts-policy-fetch-error"),
        };
        let why = failure.to_string();
        log.write(&line(policy, Some(TlsFailure { kind, why }), &ends()));
    }
}

impl TlsReportLog {
    fn write(&self, line: &Value) {
        let line = format!("{line}\n");
        if let Err(error) = append(&self.file, line.as_bytes())
            && !self.has_warned.swap(true, Ordering::Relaxed)
        {
            let place = shown(&self.file.to_string_lossy());
            let why = reason(&error);
            (self.warn)(&format!(
                "cannot write the TLS report log to {place}: {why}"
            ));
        }
    }
}

fn line(policy: Map<String, Value>, failure: Option<TlsFailure>, ends: &SessionEnds) -> Value {
    let mut line = Map::new();
    line.insert("time".to_owned(), rfc3339(SystemTime::now()).into());
    line.extend(policy);
    let (kind, why) = match failure {
        Some(failure) => (Some(failure.kind), Some(failure.why)),
        None => (None, None),
    };
    let fields = json!({
        "recipient-domains": ends.domains,
        "receiving-mx-hostname": ends.host,
        "receiving-ip": ends.receiving,
        "sending-mta-ip": ends.sending,
        "success": kind.is_none(),
        "result-type": kind,
        "failure-reason-code": why,
    });
    if let Value::Object(fields) = fields {
        line.extend(fields);
    }
    line.into()
}

fn policy_of(policy: &Policy) -> Map<String, Value> {
    match (&policy.source, &policy.check) {
        (PolicySource::Options, _) => no_policy(),
        (PolicySource::Dane(owner), ServerCheck::Dane(dane)) => tlsa(
            owner,
            dane.records.iter().map(ToString::to_string).collect(),
        ),
        (PolicySource::Dane(owner), _) => tlsa(owner, Vec::new()),
        (PolicySource::Sts(policy), _) => sts(policy),
    }
}

fn no_policy() -> Map<String, Value> {
    fields("no-policy-found", Vec::new(), None)
}

fn tlsa(owner: &str, records: Vec<String>) -> Map<String, Value> {
    // RFC 8460 §1.1: the policy domain of DANE is the TLSA base domain.
    let base = owner.split_once("._tcp.").map_or(owner, |(_, base)| base);
    fields("tlsa", records, Some(base))
}

fn sts(policy: &StsPolicy) -> Map<String, Value> {
    let text = &policy.text;
    let mut lines = vec![
        "version: STSv1".to_owned(),
        format!("mode: {}", text.mode.name()),
    ];
    lines.extend(text.patterns.iter().map(|pattern| format!("mx: {pattern}")));
    lines.push(format!("max_age: {}", text.max_age.as_secs()));
    fields("sts", lines, Some(&policy.domain))
}

fn fields(kind: &str, text: Vec<String>, domain: Option<&str>) -> Map<String, Value> {
    let mut policy = Map::new();
    policy.insert("policy-type".to_owned(), kind.into());
    policy.insert("policy-string".to_owned(), text.into());
    policy.insert("policy-domain".to_owned(), domain.into());
    policy
}

/// The result of a session; `None`: it ended before TLS, or for other reasons.
fn outcome(policy: &Policy, result: &SessionResult) -> Option<Result<(), TlsFailure>> {
    let failed = |kind, why: String| Some(Err(TlsFailure { kind, why }));
    match (&result.failure, &result.refusal) {
        (Some(SessionFailure::Tls(error)), _) => failed(of_error(error), error.to_string()),
        (_, Some(RecipientReply::Unmet(Unmet::NoStarttls))) => failed(
            "starttls-not-supported",
            "STARTTLS is not offered".to_owned(),
        ),
        (_, Some(RecipientReply::Unmet(Unmet::StarttlsRefused(reply)))) => {
            failed("starttls-not-supported", reply.whole())
        }
        _ if result.is_encrypted => match (&policy.source, &policy.check) {
            // The message is sent, and the records are of no use (RFC 7672 §2.2).
            (PolicySource::Dane(_), ServerCheck::Options) => {
                failed("tlsa-invalid", "no TLSA record is usable".to_owned())
            }
            _ => Some(Ok(())),
        },
        (None, None) if result.answers.iter().any(Option::is_some) => failed(
            "starttls-not-supported",
            "the session was not encrypted".to_owned(),
        ),
        _ => None,
    }
}

fn of_error(error: &TlsError) -> &'static str {
    match error {
        TlsError::Certificate { fault, .. } => match fault {
            CertificateFault::HostMismatch => "certificate-host-mismatch",
            CertificateFault::Expired => "certificate-expired",
            CertificateFault::NotTrusted => "certificate-not-trusted",
        },
        TlsError::Incompatible(_) | TlsError::Wire(_) => "validation-failure",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::client::dns::Tlsa;
    use crate::client::session::TlsDemand;
    use crate::client::wire::tls::Dane;
    use std::sync::Arc;

    fn result() -> SessionResult {
        SessionResult {
            answers: Vec::new().into(),
            failure: None,
            interrupted: false,
            refusal: None,
            replies: Vec::new(),
            rest: None,
            is_encrypted: false,
        }
    }

    fn dane() -> Policy {
        let dane = Dane {
            records: vec![Tlsa {
                usage: 3,
                selector: 1,
                matching: 1,
                data: vec![0xab; 32],
            }],
            base: "mx.example.org".to_owned(),
            port: 25,
            names: Vec::new(),
            is_mx_secure: true,
        };
        Policy {
            tls: TlsDemand::Starttls,
            source: PolicySource::Dane(dane.owner()),
            check: ServerCheck::Dane(Arc::new(dane)),
        }
    }

    fn kind(policy: &Policy, result: &SessionResult) -> Option<&'static str> {
        outcome(policy, result)?.err().map(|failure| failure.kind)
    }

    #[test]
    fn results_have_the_words_of_rfc_8460() {
        let certificate = |fault| SessionResult {
            failure: Some(SessionFailure::Tls(TlsError::Certificate {
                why: "x".to_owned(),
                chain: Vec::new(),
                hint: None,
                fault,
            })),
            ..result()
        };
        for (fault, words) in [
            (CertificateFault::HostMismatch, "certificate-host-mismatch"),
            (CertificateFault::Expired, "certificate-expired"),
            (CertificateFault::NotTrusted, "certificate-not-trusted"),
        ] {
            assert_eq!(kind(&dane(), &certificate(fault)), Some(words));
        }
        let refused = SessionResult {
            refusal: Some(RecipientReply::Unmet(Unmet::NoStarttls)),
            ..result()
        };
        assert_eq!(kind(&dane(), &refused), Some("starttls-not-supported"));
        let encrypted = SessionResult {
            is_encrypted: true,
            ..result()
        };
        assert_eq!(outcome(&dane(), &encrypted), Some(Ok(())));
        let unusable = Policy {
            check: ServerCheck::Options,
            ..dane()
        };
        assert_eq!(kind(&unusable, &encrypted), Some("tlsa-invalid"));
        assert_eq!(outcome(&dane(), &result()), None);
    }

    #[test]
    fn a_line_has_policy_and_ends() {
        let ends = SessionEnds {
            domains: vec!["example.org".to_owned()],
            host: "mx.example.org".to_owned(),
            receiving: Some([192, 0, 2, 1].into()),
            sending: None,
        };
        let line = line(policy_of(&dane()), None, &ends);
        assert_eq!(line["policy-type"], "tlsa");
        assert_eq!(line["policy-domain"], "mx.example.org");
        let record = format!("3 1 1 {}", "ab".repeat(32));
        assert_eq!(line["policy-string"], json!([record]));
        assert_eq!(line["receiving-ip"], "192.0.2.1");
        assert_eq!(line["success"], true);
        assert_eq!(line["result-type"], Value::Null);
    }
}
