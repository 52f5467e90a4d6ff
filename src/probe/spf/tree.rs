//! All records that a record uses, and the lookups that they need, whatever the client. Records are read level by
//! level, so that the time is that of the deepest chain of includes.

use crate::client::dns::{Answer, Dns, DnsError, Question, Record, RecordType};
use crate::client::events::Observer;
use crate::probe::spf::macros::DomainSpec;
use crate::probe::spf::record::{Mechanism, SpfRecord, spf_records};
use crate::probe::spf::{MAX_LOOKUPS, MAX_NAMES};

/// Maximum number of records that are read; a record that uses more is wrong anyway.
const MAX_NODES: usize = 5 * MAX_LOOKUPS;

/// The records that a domain uses.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SpfTree {
    /// The record of the domain is the first; the others are after the records that use them.
    pub nodes: Vec<SpfNode>,
    /// Terms that need the DNS, in the worst case (RFC 7208 §4.6.4).
    pub lookups: usize,
    /// Names without an answer.
    pub voids: Vec<String>,
    /// Names with too many exchangers for `mx`.
    pub crowded: Vec<String>,
    /// Names of `a`, `mx` and `exists` whose lookup failed, with the reason.
    pub unanswered: Vec<(String, String)>,
    /// Terms whose names depend on the client, so that what they find is not known.
    pub variable: Vec<String>,
    /// True if not all records were read.
    pub is_cut: bool,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SpfNode {
    pub domain: String,
    pub used_by: SpfUse,
    /// The text of the record; empty without one.
    pub text: String,
    pub record: Result<SpfRecord, SpfFault>,
}

/// How a record is used: the number of the node that uses it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SpfUse {
    Start,
    Include(usize),
    Redirect(usize),
}

/// Reason for which a domain has no record that can be used.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SpfFault {
    Missing,
    Several(usize),
    Syntax(String),
    /// The record is used by itself.
    Loop,
    /// The DNS did not answer.
    Unanswered(String),
}

impl SpfTree {
    /// The record of the domain.
    pub fn root(&self) -> Option<&SpfNode> {
        self.nodes.first()
    }

    /// The domains from the first one to this one.
    pub fn path(&self, mut at: usize) -> Vec<&str> {
        let mut path = Vec::new();
        while let Some(node) = self.nodes.get(at) {
            path.push(node.domain.as_str());
            match node.used_by {
                SpfUse::Start => break,
                SpfUse::Include(user) | SpfUse::Redirect(user) => at = user,
            }
        }
        path.reverse();
        path
    }
}

/// Reads the record of a domain and all that it uses. `texts`: the answer for its TXT records, if that is known.
pub fn explore(
    dns: &dyn Dns,
    domain: &str,
    texts: Option<Result<Answer, DnsError>>,
    observer: &mut dyn Observer,
) -> SpfTree {
    let mut tree = SpfTree::default();
    let mut level = vec![(domain.to_ascii_lowercase(), SpfUse::Start)];
    let mut known = texts.map(|texts| vec![texts]);
    let mut names: Vec<Question> = Vec::new();
    while !level.is_empty() {
        let room = MAX_NODES.saturating_sub(tree.nodes.len());
        tree.is_cut |= level.len() > room;
        level.truncate(room);
        let answers = known.take().unwrap_or_else(|| {
            let questions = level.iter();
            let questions = questions.map(|(name, _)| Question::new(name, RecordType::Txt));
            dns.ask(&questions.collect::<Vec<_>>(), observer)
        });
        let mut next = Vec::new();
        for ((name, used_by), answer) in level.into_iter().zip(answers) {
            let is_included = used_by != SpfUse::Start;
            if is_included && matches!(answer, Err(DnsError::NoSuchName | DnsError::NoData)) {
                tree.voids.push(name.clone());
            }
            let at = tree.add(name, used_by, answer);
            next.extend(tree.uses(at, &mut names));
        }
        level = next;
    }
    names.truncate(4 * MAX_LOOKUPS);
    tree.read_names(dns, &names, observer);
    tree
}

impl SpfTree {
    fn add(&mut self, domain: String, used_by: SpfUse, answer: Result<Answer, DnsError>) -> usize {
        let (text, record) = read(answer);
        let at = self.nodes.len();
        self.nodes.push(SpfNode {
            domain,
            used_by,
            text,
            record,
        });
        let path = self.path(at);
        let is_loop = path[..path.len() - 1].contains(&path[path.len() - 1]);
        if is_loop {
            self.nodes[at].record = Err(SpfFault::Loop);
        }
        at
    }

    /// Counts the terms of a record. Returns the records that it uses, and adds the names that it looks up.
    fn uses(&mut self, at: usize, names: &mut Vec<Question>) -> Vec<(String, SpfUse)> {
        let Ok(record) = self.nodes[at].record.clone() else {
            return Vec::new();
        };
        let domain = self.nodes[at].domain.clone();
        let mut uses = Vec::new();
        for term in record.reachable() {
            self.lookups += usize::from(term.mechanism.is_lookup());
            let (spec, kind) = match &term.mechanism {
                Mechanism::Include(spec) => {
                    match spec.fixed() {
                        Some(name) => uses.push((name, SpfUse::Include(at))),
                        None => self.variable.push(term.text.clone()),
                    }
                    continue;
                }
                Mechanism::A(spec, _) => (spec.as_ref(), RecordType::A),
                Mechanism::Mx(spec, _) => (spec.as_ref(), RecordType::Mx),
                Mechanism::Exists(spec) => (Some(spec), RecordType::A),
                _ => continue,
            };
            match spec.map_or(Some(domain.clone()), DomainSpec::fixed) {
                Some(name) => names.push(Question { name, kind }),
                None => self.variable.push(term.text.clone()),
            }
        }
        if let Some(redirect) = record.effective_redirect() {
            self.lookups += 1;
            match redirect.fixed() {
                Some(name) => uses.push((name, SpfUse::Redirect(at))),
                None => self.variable.push(format!("redirect={}", redirect.text())),
            }
        }
        uses
    }

    /// Looks for names without records, and for too many exchangers. A host may have IPv6 addresses only.
    fn read_names(&mut self, dns: &dyn Dns, names: &[Question], observer: &mut dyn Observer) {
        let of_hosts = names
            .iter()
            .filter(|question| question.kind == RecordType::A);
        let six = of_hosts.map(|question| Question::new(&question.name, RecordType::Aaaa));
        let questions: Vec<Question> = names.iter().cloned().chain(six).collect();
        let answers = dns.ask(&questions, observer);
        let has_six = |name: &str| {
            let mut all = questions[names.len()..].iter().zip(&answers[names.len()..]);
            all.any(|(question, answer)| question.name == name && answer.is_ok())
        };
        for (question, answer) in names.iter().zip(&answers) {
            match answer {
                Ok(found) => {
                    let hosts = found.records.iter();
                    let hosts = hosts.filter(|record| matches!(record, Record::Mx(_)));
                    if hosts.count() > MAX_NAMES {
                        self.crowded.push(question.name.clone());
                    }
                }
                Err(DnsError::Failed(why)) => {
                    self.unanswered.push((question.name.clone(), why.clone()));
                }
                Err(_) if question.kind == RecordType::A && has_six(&question.name) => {}
                Err(_) => self.voids.push(question.name.clone()),
            }
        }
    }
}

fn read(answer: Result<Answer, DnsError>) -> (String, Result<SpfRecord, SpfFault>) {
    let texts = match answer {
        Ok(answer) => answer.records,
        Err(DnsError::Failed(why)) => return (String::new(), Err(SpfFault::Unanswered(why))),
        Err(_) => return (String::new(), Err(SpfFault::Missing)),
    };
    let texts: Vec<Vec<u8>> = texts
        .into_iter()
        .filter_map(|record| match record {
            Record::Txt(text) => Some(text),
            _ => None,
        })
        .collect();
    let mut records = spf_records(&texts);
    match records.len() {
        0 => (String::new(), Err(SpfFault::Missing)),
        1 => {
            let text = records.remove(0);
            let record = SpfRecord::parse(&text).map_err(SpfFault::Syntax);
            (text, record)
        }
        several => (String::new(), Err(SpfFault::Several(several))),
    }
}
