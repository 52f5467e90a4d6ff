//! The DNS: questions, and answers as records with a flag that tells if they were validated with DNSSEC.
//!
//! - `record.rs`: the records that the program reads.
//! - `resolver.rs`: the resolvers of the system. hickory and its runtime are used there only.

mod record;
mod resolver;

pub use record::{Mx, Record, RecordType, Srv, Tlsa};
pub use resolver::{Resolver, trust_ad};

use crate::client::events::Observer;
use std::fmt::Display;
use std::net::IpAddr;

/// A name and the type of its records.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Question {
    /// In A-labels, without a dot at the end.
    pub name: String,
    pub kind: RecordType,
}

impl Question {
    pub fn new(name: &str, kind: RecordType) -> Self {
        Self {
            name: name.to_owned(),
            kind,
        }
    }
}

/// The answer to a question; it has at least one record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answer<T = Record> {
    pub records: Vec<T>,
    /// The name that has the records: the one that was asked for, or the end of its aliases (CNAME). In lower
    /// case, without a dot at the end.
    pub owner: String,
    /// True if a trusted resolver has validated all of it with DNSSEC, aliases included (RFC 4035 §3.2.3).
    pub secure: bool,
    /// The smallest time to live, in seconds.
    pub ttl: Option<u32>,
}

impl Answer {
    /// The records that `pick` returns.
    pub fn of<T>(self, pick: impl Fn(Record) -> Option<T>) -> Answer<T> {
        Answer {
            records: self.records.into_iter().filter_map(pick).collect(),
            owner: self.owner,
            secure: self.secure,
            ttl: self.ttl,
        }
    }
}

/// Reason for which the DNS gives no answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum DnsError {
    /// NXDOMAIN: the name does not exist.
    NoSuchName,
    /// The name exists, but has no such record.
    NoData,
    /// SERVFAIL, which is also the answer to a failed validation, REFUSED or a timeout: temporary. With the reason.
    Failed(String),
}

impl DnsError {
    /// The reason in words.
    pub fn words(&self) -> &str {
        match self {
            Self::NoSuchName => "it does not exist (NXDOMAIN)",
            Self::NoData => "it has none",
            Self::Failed(why) => why,
        }
    }
}

pub type MxAnswers = Vec<Result<Answer<Mx>, DnsError>>;

pub type TextAnswers = Vec<Result<Answer<Vec<u8>>, DnsError>>;

/// DNS queries.
pub trait Dns {
    /// Asks all questions at the same time. The answers are in the order of the questions.
    fn ask(
        &self,
        questions: &[Question],
        observer: &mut dyn Observer,
    ) -> Vec<Result<Answer, DnsError>>;

    /// True if answers can be secure: the resolver is trusted to validate them.
    fn is_trusted(&self) -> bool;

    /// The resolver, for texts.
    fn servers(&self) -> &str;

    /// The mail exchangers of each of these domains, in any order.
    fn mx(&self, domains: &[String], observer: &mut dyn Observer) -> MxAnswers {
        let questions = domains.iter();
        let questions = questions.map(|domain| Question::new(domain, RecordType::Mx));
        let answers = self
            .ask(&questions.collect::<Vec<_>>(), observer)
            .into_iter();
        answers.map(|answer| Ok(answer?.of(mx))).collect()
    }

    /// The same, and at the same time the texts of the name that belongs to each domain.
    fn mx_and_texts(
        &self,
        domains: &[String],
        name: &dyn Fn(&str) -> String,
        observer: &mut dyn Observer,
    ) -> (MxAnswers, TextAnswers) {
        let exchangers = domains
            .iter()
            .map(|domain| Question::new(domain, RecordType::Mx));
        let texts = domains
            .iter()
            .map(|domain| Question::new(&name(domain), RecordType::Txt));
        let questions: Vec<Question> = exchangers.chain(texts).collect();
        let mut answers = self.ask(&questions, observer).into_iter();
        let exchangers = answers.by_ref().take(domains.len());
        let exchangers = exchangers.map(|answer| Ok(answer?.of(mx))).collect();
        (
            exchangers,
            answers.map(|answer| Ok(answer?.of(text))).collect(),
        )
    }

    /// The addresses of a host by these types of records, in their order.
    fn addresses(
        &self,
        host: &str,
        kinds: &[RecordType],
        observer: &mut dyn Observer,
    ) -> Result<Answer<IpAddr>, DnsError> {
        let questions = kinds.iter().map(|&kind| Question::new(host, kind));
        let answers = self.ask(&questions.collect::<Vec<_>>(), observer);
        merge(
            answers
                .into_iter()
                .map(|answer| Ok(answer?.of(|record| address(&record)))),
        )
    }

    /// The texts of a name, each in one piece.
    fn txt(&self, name: &str, observer: &mut dyn Observer) -> Result<Answer<Vec<u8>>, DnsError> {
        Ok(self.ask_one(name, RecordType::Txt, observer)?.of(text))
    }

    /// The TLSA records of a name such as `_25._tcp.mx.example.org`.
    fn tlsa(&self, name: &str, observer: &mut dyn Observer) -> Result<Answer<Tlsa>, DnsError> {
        Ok(self.ask_one(name, RecordType::Tlsa, observer)?.of(tlsa))
    }

    /// The name that this one is an alias of, by its own CNAME record.
    fn alias(&self, name: &str, observer: &mut dyn Observer) -> Result<Answer<String>, DnsError> {
        Ok(self.ask_one(name, RecordType::Cname, observer)?.of(alias))
    }

    /// Asks one question.
    fn ask_one(
        &self,
        name: &str,
        kind: RecordType,
        observer: &mut dyn Observer,
    ) -> Result<Answer, DnsError> {
        let answers = self.ask(&[Question::new(name, kind)], observer);
        answers.into_iter().next().unwrap_or(Err(DnsError::NoData))
    }
}

fn mx(record: Record) -> Option<Mx> {
    match record {
        Record::Mx(mx) => Some(mx),
        _ => None,
    }
}

fn address(record: &Record) -> Option<IpAddr> {
    match record {
        Record::Address(ip) => Some(*ip),
        _ => None,
    }
}

fn text(record: Record) -> Option<Vec<u8>> {
    match record {
        Record::Txt(text) => Some(text),
        _ => None,
    }
}

fn tlsa(record: Record) -> Option<Tlsa> {
    match record {
        Record::Tlsa(tlsa) => Some(tlsa),
        _ => None,
    }
}

fn alias(record: Record) -> Option<String> {
    match record {
        Record::Alias(name) => Some(name),
        _ => None,
    }
}

/// One family's failure does not affect the other's success; without success, a temporary error takes
/// precedence over a permanent one. Secure if all that was found is.
fn merge(
    answers: impl Iterator<Item = Result<Answer<IpAddr>, DnsError>>,
) -> Result<Answer<IpAddr>, DnsError> {
    let mut found: Option<Answer<IpAddr>> = None;
    let mut worst = DnsError::NoData;
    for answer in answers {
        match (answer, &mut found) {
            (Ok(answer), None) => found = Some(answer),
            (Ok(answer), Some(found)) => {
                found.records.extend(answer.records);
                // Families that disagree about the aliases have no one owner that could have TLSA records.
                found.secure &= answer.secure && answer.owner == found.owner;
                found.ttl = found.ttl.min(answer.ttl);
            }
            (Err(error @ DnsError::Failed(_)), _) => worst = error,
            (Err(DnsError::NoSuchName), _) if worst == DnsError::NoData => {
                worst = DnsError::NoSuchName;
            }
            (Err(_), _) => {}
        }
    }
    found.ok_or(worst)
}

/// The addresses in the answers for both families.
pub fn merged(answers: [Result<Answer, DnsError>; 2]) -> Result<Answer<IpAddr>, DnsError> {
    let answers = answers.into_iter();
    merge(answers.map(|answer| Ok(answer?.of(|record| address(&record)))))
}

/// The name that has the names of an address (RFC 1035 §3.5, RFC 3596 §2.5).
pub fn reverse_name(ip: IpAddr) -> String {
    let (mut labels, end): (Vec<String>, &str) = match ip {
        IpAddr::V4(ip) => (
            ip.octets().map(|octet| octet.to_string()).to_vec(),
            "in-addr.arpa",
        ),
        IpAddr::V6(ip) => {
            let nibbles = ip.octets();
            let nibbles = nibbles.iter().flat_map(|octet| [octet >> 4, octet & 15]);
            (
                nibbles.map(|nibble| format!("{nibble:x}")).collect(),
                "ip6.arpa",
            )
        }
    };
    labels.reverse();
    format!("{}.{end}", labels.join("."))
}

fn texts<T: Display>(records: &[T]) -> Vec<String> {
    records.iter().map(ToString::to_string).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(ip: &str, secure: bool) -> Answer<IpAddr> {
        Answer {
            records: vec![ip.parse().unwrap()],
            owner: "mx.example.org".to_owned(),
            secure,
            ttl: Some(60),
        }
    }

    #[test]
    fn name_of_an_address_is_its_labels_reversed() {
        let name = |ip: &str| reverse_name(ip.parse().unwrap());
        assert_eq!(name("192.0.2.7"), "7.2.0.192.in-addr.arpa");
        assert_eq!(
            name("2001:db8::7"),
            "7.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.8.b.d.0.1.0.0.2.ip6.arpa"
        );
    }

    #[test]
    fn one_family_that_fails_does_not_harm_the_other() {
        let failed = || Err(DnsError::Failed("SERVFAIL".to_owned()));
        let four = || Ok(found("192.0.2.1", true));
        assert_eq!(merge([failed(), four()].into_iter()), four());
        assert_eq!(merge([four(), Err(DnsError::NoData)].into_iter()), four());
        let missing = [Err(DnsError::NoData), Err(DnsError::NoSuchName)];
        assert_eq!(merge(missing.into_iter()), Err(DnsError::NoSuchName));
        let errors = [failed(), Err(DnsError::NoSuchName)];
        assert_eq!(merge(errors.into_iter()), failed());
    }

    #[test]
    fn a_host_is_secure_if_both_families_are() {
        for (four, six) in [(true, true), (true, false), (false, true)] {
            let both = [found("2001:db8::1", six), found("192.0.2.1", four)];
            let both = merge(both.into_iter().map(Ok)).unwrap();
            assert_eq!(both.secure, four && six);
            assert_eq!(both.records.len(), 2);
        }
    }
}
