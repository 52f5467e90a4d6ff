//! Verifies a message as a receiver does: DKIM, SPF, and DMARC on both. The body is read once, and not kept.
//!
//! - `results.rs`: `Authentication-Results` (RFC 8601).

mod results;

pub use results::authentication_results;

use crate::client::dns::{Answer, Dns, DnsError, Question, Record, RecordType};
use crate::client::events::Observer;
use crate::mail::address::{Domain, ListEntry, parse_list};
use crate::mail::dkim::{
    DkimResult, DkimVerdict, HashedMessage, ParsedSignatures, ReceivedField, Signature,
    Verification, read_header,
};
use crate::mail::tag_list::TagList;
use crate::probe::dmarc::{Disposition, DmarcRecord, DmarcWalk};
use crate::probe::spf::{SpfClient, SpfResult, SpfVerdict, check_host};
use std::collections::BTreeMap;
use std::io::{self, Read};
use std::net::IpAddr;

/// The client that sent the message.
#[derive(Clone, Debug)]
pub struct MessageClient {
    pub ip: IpAddr,
    /// The name in EHLO; empty: not known.
    pub helo: String,
    pub sender: EnvelopeSender,
}

/// The address in MAIL FROM.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum EnvelopeSender {
    /// That of `Return-Path`, or the null sender.
    ReturnPath,
    Null,
    Address {
        local: String,
        domain: String,
    },
}

#[derive(Debug)]
pub struct MessageReport {
    /// The domain of `From`, or the reason for which there is none.
    pub author: Result<String, String>,
    pub signatures: Vec<SignatureReport>,
    /// `None`: the client is not known.
    pub spf: Option<SpfReport>,
    pub dmarc: DmarcReport,
    pub arc: Vec<ArcSet>,
}

#[derive(Debug)]
pub struct SignatureReport {
    /// The signature, or its fault.
    pub signature: Option<Signature>,
    pub verdict: DkimVerdict,
    /// True if its domain is that of the author, as DMARC compares them.
    pub is_aligned: bool,
}

#[derive(Debug)]
pub struct SpfReport {
    pub ip: IpAddr,
    /// The domain that was evaluated.
    pub domain: String,
    /// True if it is that of MAIL FROM, and not of EHLO.
    pub is_of_sender: bool,
    pub verdict: SpfVerdict,
    pub is_aligned: bool,
}

/// RFC 9989 §5.3.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DmarcResult {
    None,
    Pass,
    Fail,
    TempError,
    PermError,
}

impl DmarcResult {
    /// The word in `Authentication-Results`.
    pub fn name(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Pass => "pass",
            Self::Fail => "fail",
            Self::TempError => "temperror",
            Self::PermError => "permerror",
        }
    }
}

#[derive(Debug)]
pub struct DmarcReport {
    pub result: DmarcResult,
    pub why: String,
    /// The treatment that the domain asks for.
    pub policy: Option<Disposition>,
    /// The domain whose record applies.
    pub owner: Option<String>,
}

/// An instance of ARC (RFC 8617). It is not verified.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ArcSet {
    pub instance: u32,
    /// The domain of the seal.
    pub domain: String,
    /// `cv=`: what the sealer found.
    pub chain: String,
}

/// Reads a message and verifies it. `now`: seconds since 1970.
pub fn verify_message(
    input: impl Read,
    client: Option<&MessageClient>,
    (dns, now): (&dyn Dns, u64),
    observer: &mut dyn Observer,
) -> io::Result<MessageReport> {
    let (fields, body) = read_header(input)?;
    let mut verification = Verification::new(&fields);
    body.read(&mut |block| verification.push(block))?;
    let (signatures, hashed) = verification.finish();
    let author = author_domain(&fields);
    let keys = keys(dns, &signatures, observer);
    let mut organizations = Organizations {
        dns,
        known: BTreeMap::new(),
    };
    let policy = author
        .as_ref()
        .ok()
        .map(|author| AuthorPolicy::find(author, &mut organizations, observer));
    let mut report = MessageReport {
        signatures: verdicts((signatures, &hashed), keys, now),
        spf: client.map(|client| spf(client, &fields, dns, observer)),
        dmarc: DmarcReport {
            result: DmarcResult::PermError,
            why: author.as_ref().err().cloned().unwrap_or_default(),
            policy: None,
            owner: None,
        },
        arc: arc_sets(&fields),
        author,
    };
    if let Some(policy) = policy {
        align(&mut report, &policy, &mut organizations, observer);
        report.dmarc = dmarc(&report, &policy);
    }
    Ok(report)
}

/// Reads a message and verifies its DKIM signatures only. `now`: seconds since 1970.
pub fn verify_signatures(
    input: impl Read,
    (dns, now): (&dyn Dns, u64),
    observer: &mut dyn Observer,
) -> io::Result<Vec<SignatureReport>> {
    let (fields, body) = read_header(input)?;
    let mut verification = Verification::new(&fields);
    body.read(&mut |block| verification.push(block))?;
    let (signatures, hashed) = verification.finish();
    let keys = keys(dns, &signatures, observer);
    Ok(verdicts((signatures, &hashed), keys, now))
}

/// The one domain of all addresses in the one field `From` (RFC 9989 §5.3.1).
fn author_domain(fields: &[ReceivedField]) -> Result<String, String> {
    let mut all = fields.iter().filter(|field| field.name == "from");
    let field = match (all.next(), all.next()) {
        (Some(field), None) => field,
        (None, _) => return Err("the message has no From".to_owned()),
        _ => return Err("the message has more than one From".to_owned()),
    };
    let value: String = field
        .value()
        .chars()
        .filter(|c| !matches!(c, '\r' | '\n'))
        .collect();
    let entries =
        parse_list(value.trim()).map_err(|error| format!("From cannot be parsed: {error}"))?;
    let mailboxes = entries.iter().flat_map(ListEntry::mailboxes);
    let domains = mailboxes.map(|mailbox| match mailbox.address.domain() {
        Domain::Name(name) => Some(name.trim_end_matches('.').to_ascii_lowercase()),
        _ => None,
    });
    let mut domains: Vec<Option<String>> = domains.collect();
    domains.dedup();
    match domains.as_slice() {
        [Some(domain)] => Ok(domain.clone()),
        [None] => Err("the address in From has no domain name".to_owned()),
        [] => Err("From has no address".to_owned()),
        _ => Err("the addresses in From have several domains".to_owned()),
    }
}

/// The records of the keys, in the order of the signatures that can be parsed.
fn keys(
    dns: &dyn Dns,
    signatures: &ParsedSignatures,
    observer: &mut dyn Observer,
) -> Vec<Result<Answer, DnsError>> {
    let parsed = signatures
        .iter()
        .filter_map(|(_, signature)| signature.as_ref().ok());
    let questions =
        parsed.map(|signature| Question::new(&signature.record_name(), RecordType::Txt));
    let questions: Vec<Question> = questions.collect();
    if questions.is_empty() {
        return Vec::new();
    }
    dns.ask(&questions, observer)
}

fn verdicts(
    (signatures, hashed): (ParsedSignatures, &HashedMessage<'_>),
    keys: Vec<Result<Answer, DnsError>>,
    now: u64,
) -> Vec<SignatureReport> {
    let mut keys = keys.into_iter();
    let verdict_of = |(at, signature): (usize, Result<Signature, String>)| {
        let (signature, verdict) = match signature {
            Err(why) => (None, DkimVerdict::permanent(&why)),
            Ok(signature) => {
                let verdict = match keys.next() {
                    Some(Err(DnsError::Failed(why))) => DkimVerdict::temporary(&why),
                    Some(Ok(answer)) => hashed.verify((at, &signature), &texts(answer), now),
                    _ => hashed.verify((at, &signature), &[], now),
                };
                (Some(signature), verdict)
            }
        };
        SignatureReport {
            signature,
            verdict,
            is_aligned: false,
        }
    };
    signatures.into_iter().map(verdict_of).collect()
}

fn texts(answer: Answer) -> Vec<Vec<u8>> {
    let texts = answer
        .records
        .into_iter()
        .filter_map(|record| match record {
            Record::Txt(text) => Some(text),
            _ => None,
        });
    texts.collect()
}

fn spf(
    client: &MessageClient,
    fields: &[ReceivedField],
    dns: &dyn Dns,
    observer: &mut dyn Observer,
) -> SpfReport {
    let sender = match &client.sender {
        EnvelopeSender::ReturnPath => return_path(fields),
        EnvelopeSender::Null => None,
        EnvelopeSender::Address { local, domain } => Some((local.clone(), domain.clone())),
    };
    let spf_client = SpfClient {
        ip: client.ip,
        sender: sender
            .as_ref()
            .map(|(local, domain)| (local.as_str(), domain.as_str())),
        helo: &client.helo,
    };
    SpfReport {
        ip: client.ip,
        domain: spf_client
            .domain()
            .trim_end_matches('.')
            .to_ascii_lowercase(),
        is_of_sender: sender.is_some(),
        verdict: check_host(dns, &spf_client, observer),
        is_aligned: false,
    }
}

/// Local part and domain in the first `Return-Path`.
fn return_path(fields: &[ReceivedField]) -> Option<(String, String)> {
    let field = fields.iter().find(|field| field.name == "return-path")?;
    let value = field.value();
    let address = value.trim().trim_start_matches('<').trim_end_matches('>');
    let (local, domain) = address.rsplit_once('@')?;
    Some((local.to_owned(), domain.to_owned()))
}

/// Organizational domains, each looked up once.
struct Organizations<'d> {
    dns: &'d dyn Dns,
    known: BTreeMap<String, String>,
}

impl Organizations<'_> {
    fn of(&mut self, domain: &str, observer: &mut dyn Observer) -> String {
        if let Some(known) = self.known.get(domain) {
            return known.clone();
        }
        let organization = DmarcWalk::look_up(self.dns, domain, observer).organizational_domain();
        self.known.insert(domain.to_owned(), organization.clone());
        organization
    }
}

/// The record that applies to the author.
struct AuthorPolicy {
    domain: String,
    walk: DmarcWalk,
    organization: String,
    exists: bool,
}

impl AuthorPolicy {
    fn find(
        domain: &str,
        organizations: &mut Organizations<'_>,
        observer: &mut dyn Observer,
    ) -> Self {
        let walk = DmarcWalk::look_up(organizations.dns, domain, observer);
        let organization = walk.organizational_domain();
        organizations
            .known
            .insert(domain.to_owned(), organization.clone());
        let exists = organizations.dns.ask_one(domain, RecordType::Mx, observer)
            != Err(DnsError::NoSuchName);
        Self {
            domain: domain.to_owned(),
            walk,
            organization,
            exists,
        }
    }

    fn record(&self) -> Option<&DmarcRecord> {
        self.walk.policy().map(|(_, record, _)| record)
    }

    /// RFC 9989 §4.4.
    fn is_aligned(
        &self,
        (domain, is_strict): (&str, bool),
        organizations: &mut Organizations<'_>,
        observer: &mut dyn Observer,
    ) -> bool {
        if domain == self.domain {
            return true;
        }
        !is_strict && organizations.of(domain, observer) == self.organization
    }
}

fn align(
    report: &mut MessageReport,
    policy: &AuthorPolicy,
    organizations: &mut Organizations<'_>,
    observer: &mut dyn Observer,
) {
    let dkim_strict = policy.record().is_some_and(|record| record.adkim_strict);
    let spf_strict = policy.record().is_some_and(|record| record.aspf_strict);
    for one in &mut report.signatures {
        if let Some(signature) = &one.signature {
            one.is_aligned =
                policy.is_aligned((&signature.domain, dkim_strict), organizations, observer);
        }
    }
    if let Some(spf) = &mut report.spf {
        spf.is_aligned = policy.is_aligned((&spf.domain, spf_strict), organizations, observer);
    }
}

fn dmarc(report: &MessageReport, policy: &AuthorPolicy) -> DmarcReport {
    let walk = &policy.walk;
    let owner = walk.policy().map(|(owner, ..)| owner.to_owned());
    let disposition = walk.disposition(policy.exists);
    let (result, why) = match (&owner, walk.unanswered()) {
        (None, Some((name, why))) => (
            DmarcResult::TempError,
            format!("cannot find the record of _dmarc.{name}: {why}"),
        ),
        (None, None) => (
            DmarcResult::None,
            format!("{} has no DMARC record", policy.domain),
        ),
        (Some(owner), _) if disposition.is_none() => (
            DmarcResult::PermError,
            format!("the record of _dmarc.{owner} is not a policy"),
        ),
        (Some(_), _) => aligned_result(report),
    };
    DmarcReport {
        result,
        why,
        policy: disposition,
        owner,
    }
}

/// Pass if a signature or SPF passes for a domain that is aligned.
fn aligned_result(report: &MessageReport) -> (DmarcResult, String) {
    let signatures = report.signatures.iter().filter(|one| one.is_aligned);
    let aligned: Vec<&SignatureReport> = signatures.collect();
    let spf = report.spf.as_ref().filter(|spf| spf.is_aligned);
    let passed = aligned
        .iter()
        .find(|one| one.verdict.result == DkimResult::Pass);
    if let Some(signature) = passed.and_then(|one| one.signature.as_ref()) {
        return (DmarcResult::Pass, format!("signed by {}", signature.domain));
    }
    if let Some(spf) = spf.filter(|spf| spf.verdict.result == SpfResult::Pass) {
        return (
            DmarcResult::Pass,
            format!("{} may send mail of {}", spf.ip, spf.domain),
        );
    }
    let is_temporary = aligned
        .iter()
        .any(|one| one.verdict.result == DkimResult::TempError)
        || spf.is_some_and(|spf| spf.verdict.result == SpfResult::TempError);
    if is_temporary {
        return (DmarcResult::TempError, "the DNS did not answer".to_owned());
    }
    let known = if report.spf.is_some() {
        "neither a signature nor SPF passes"
    } else {
        "no signature passes"
    };
    (DmarcResult::Fail, format!("{known} for the domain of From"))
}

fn arc_sets(fields: &[ReceivedField]) -> Vec<ArcSet> {
    let seals = fields
        .iter()
        .filter(|field| field.name == "arc-seal")
        .take(100);
    let mut sets: Vec<ArcSet> = seals
        .filter_map(|field| {
            let value: String = field
                .value()
                .chars()
                .filter(|c| !matches!(c, '\r' | '\n'))
                .collect();
            let tags = TagList::parse(&value).ok()?;
            Some(ArcSet {
                instance: tags.get("i")?.parse().ok()?,
                domain: tags.get("d")?.to_ascii_lowercase(),
                chain: tags.get("cv")?.to_ascii_lowercase(),
            })
        })
        .collect();
    sets.sort_by_key(|set| set.instance);
    sets
}
