//! Policy discovery and organizational domains by a walk up the DNS tree (RFC 9989 §4.10). All names are asked for at
//! the same time; the answers are then read in the order of the walk.

use crate::client::dns::{Answer, Dns, DnsError, Question, Record, RecordType};
use crate::client::events::Observer;
use crate::probe::dmarc::record::{Disposition, DmarcRecord, PublicSuffix};

/// Maximum number of questions of a walk.
const MAX_STEPS: usize = 8;

/// A walk from a domain towards the root.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DmarcWalk {
    /// The domain of the start is the first.
    pub steps: Vec<(String, Found)>,
}

/// What a name has.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Found {
    Nothing,
    /// Several records, which are all ignored.
    Several(usize),
    Record(Box<DmarcRecord>),
    /// The DNS did not answer, for this reason.
    Unanswered(String),
}

/// The relation between a domain and the record that applies to it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PolicyRole {
    Own,
    Organizational,
    PublicSuffix,
}

/// The questions of a walk.
pub fn walk_questions(domain: &str) -> Vec<Question> {
    let names = names(domain).into_iter();
    names
        .map(|name| Question::new(&format!("_dmarc.{name}"), RecordType::Txt))
        .collect()
}

/// The names of a walk: the domain, then those with seven labels or fewer.
fn names(domain: &str) -> Vec<String> {
    let domain = domain.trim_end_matches('.').to_ascii_lowercase();
    let labels: Vec<&str> = domain.split('.').collect();
    let above = (labels.len() - 1).min(MAX_STEPS - 1);
    let shorter = (1..=above)
        .rev()
        .map(|count| labels[labels.len() - count..].join("."));
    std::iter::once(domain.clone()).chain(shorter).collect()
}

impl DmarcWalk {
    pub fn look_up(dns: &dyn Dns, domain: &str, observer: &mut dyn Observer) -> Self {
        let answers = dns.ask(&walk_questions(domain), observer);
        Self::of(domain, answers)
    }

    /// Reads the answers to [`walk_questions`]. The walk ends at a record that tells if its domain is a public suffix.
    pub fn of(domain: &str, answers: Vec<Result<Answer, DnsError>>) -> Self {
        let mut steps = Vec::new();
        for (name, answer) in names(domain).into_iter().zip(answers) {
            let found = Found::of(answer);
            let is_end =
                matches!(&found, Found::Record(record) if record.psd != PublicSuffix::Unknown);
            steps.push((name, found));
            if is_end {
                break;
            }
        }
        Self { steps }
    }

    /// The domain of the start.
    pub fn domain(&self) -> &str {
        self.steps.first().map_or("", |(name, _)| name)
    }

    fn records(&self) -> impl DoubleEndedIterator<Item = (usize, &str, &DmarcRecord)> {
        let steps = self.steps.iter().enumerate();
        steps.filter_map(|(at, (name, found))| match found {
            Found::Record(record) => Some((at, name.as_str(), &**record)),
            _ => None,
        })
    }

    /// RFC 9989 §4.10.2.
    pub fn organizational_domain(&self) -> String {
        if let Some((at, name, record)) = self.records().next_back() {
            match record.psd {
                PublicSuffix::Yes if at > 0 => return below(self.domain(), name),
                _ => return name.to_owned(),
            }
        }
        self.domain().to_owned()
    }

    /// The record that applies to the domain of the start (RFC 9989 §4.10.1): its own, that of the organizational
    /// domain, or that of the public suffix above it.
    pub fn policy(&self) -> Option<(&str, &DmarcRecord, PolicyRole)> {
        let own = self.records().next().filter(|(at, ..)| *at == 0);
        if let Some((_, name, record)) = own {
            return Some((name, record, PolicyRole::Own));
        }
        let organization = self.organizational_domain();
        let of_organization = self.records().find(|(_, name, _)| *name == organization);
        if let Some((_, name, record)) = of_organization {
            return Some((name, record, PolicyRole::Organizational));
        }
        let (_, name, record) = self.records().next_back()?;
        Some((name, record, PolicyRole::PublicSuffix))
    }

    /// The treatment that is asked for, tests considered. `exists`: the domain of the start is in the DNS. `None`: no
    /// policy applies.
    pub fn disposition(&self, exists: bool) -> Option<Disposition> {
        let (_, record, role) = self.policy()?;
        if !record.is_policy() {
            return None;
        }
        let asked_for = match role {
            PolicyRole::Own => record.own_policy(),
            PolicyRole::Organizational | PolicyRole::PublicSuffix => {
                record.subdomain_policy(exists)
            }
        };
        Some(record.applied(asked_for))
    }

    /// The first name of the walk that the DNS did not answer for, with the reason.
    pub fn unanswered(&self) -> Option<(&str, &str)> {
        self.steps.iter().find_map(|(name, found)| match found {
            Found::Unanswered(why) => Some((name.as_str(), why.as_str())),
            _ => None,
        })
    }
}

/// The domain one label below a suffix.
fn below(domain: &str, suffix: &str) -> String {
    let inner = domain
        .strip_suffix(suffix)
        .unwrap_or_default()
        .trim_end_matches('.');
    match inner.rsplit('.').next() {
        Some(label) if !label.is_empty() => format!("{label}.{suffix}"),
        _ => domain.to_owned(),
    }
}

impl Found {
    fn of(answer: Result<Answer, DnsError>) -> Self {
        let records = match answer {
            Ok(answer) => answer.records,
            Err(DnsError::Failed(why)) => return Self::Unanswered(why),
            Err(_) => return Self::Nothing,
        };
        let texts = records.iter().filter_map(|record| match record {
            Record::Txt(text) => Some(String::from_utf8_lossy(text)),
            _ => None,
        });
        let mut records: Vec<DmarcRecord> =
            texts.filter_map(|text| DmarcRecord::parse(&text)).collect();
        match records.len() {
            0 => Self::Nothing,
            1 => Self::Record(Box::new(records.remove(0))),
            several => Self::Several(several),
        }
    }
}
