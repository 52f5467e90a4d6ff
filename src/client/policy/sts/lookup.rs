//! Which policy applies to a domain now (RFC 8461 §3.3, §5.1).

use crate::client::dns::{Answer, DnsError};
use crate::client::events::{Event, Observer};
use crate::client::http::{HttpClient, HttpError, Request, Response, Url, tls_options};
use crate::client::policy::sts::StsPolicy;
use crate::client::policy::sts::cache::{
    CacheError, Entry, Failure, FetchedPolicy, StsCache, is_policy_domain,
};
use crate::client::policy::sts::record::id_of;
use crate::client::policy::sts::text::{Mode, PolicyText};
use crate::client::route::{Router, sts_record};
use crate::client::wire::tls::{Tls, TlsOptions, TrustStore};
use crate::system::secret::Login;
use crate::system::text::shown;
use crate::system::time::SKEW;
use std::cell::{Cell, OnceCell, RefCell};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

/// Maximum time limit of a request for a policy: RFC 8461 §3.3.
const LIMIT: Duration = Duration::from_secs(60);

/// Maximum size of a policy: RFC 8461 §3.2.
const MAX_SIZE: usize = 64 * 1024;

/// Time after a failed request in which no other is made for the same id: RFC 8461 §3.3.
const PAUSE: Duration = Duration::from_secs(5 * 60);

/// The TXT record of `_mta-sts.DOMAIN`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum StsRecord {
    Id(String),
    /// There is none, or it is not valid.
    Missing,
    /// The DNS does not answer, for this reason.
    Failed(String),
}

impl StsRecord {
    /// Reads the answer of the DNS.
    pub fn of(answer: &Result<Answer<Vec<u8>>, DnsError>) -> Self {
        match answer {
            Ok(answer) => id_of(&answer.records).map_or(Self::Missing, Self::Id),
            Err(DnsError::NoSuchName | DnsError::NoData) => Self::Missing,
            Err(DnsError::Failed(why)) => Self::Failed(why.clone()),
        }
    }

    fn look_up(domain: &str, router: &Router<'_>, observer: &mut dyn Observer) -> Self {
        match router.dns() {
            Ok(dns) => Self::of(&dns.txt(&sts_record(domain), observer)),
            Err(why) => Self::Failed(why),
        }
    }
}

/// The state of the policy of a domain.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum StsStatus {
    /// A policy in mode `enforce` or `testing`.
    Policy(Arc<StsPolicy>),
    /// No policy, for this reason.
    None {
        why: String,
        /// True if a later lookup may find one.
        may_pass: bool,
    },
}

/// Reason for which no policy was fetched.
#[derive(Debug, thiserror::Error)]
pub enum RefreshError {
    /// The domain has no policy.
    #[error("{0}")]
    NoRecord(String),
    /// The DNS or the server does not answer, or not as it should.
    #[error("{0}")]
    Failed(String),
}

impl RefreshError {
    fn of(record: &StsRecord, domain: &str) -> Self {
        let why = record.words(domain);
        match record {
            StsRecord::Failed(_) => Self::Failed(why),
            _ => Self::NoRecord(why),
        }
    }
}

/// Finds policies. They are kept in the cache of the user, and in memory.
pub struct StsLookup<'a> {
    /// The options for mail servers, of which some apply to HTTPS.
    tls: &'a TlsOptions,
    proxy_login: Option<&'a Login>,
    limit: Duration,
    https: OnceCell<Result<Tls, String>>,
    trust: TrustStore,
    known: RefCell<BTreeMap<String, Entry>>,
    /// True after an error with the cache was reported.
    is_cache_reported: Cell<bool>,
}

impl<'a> StsLookup<'a> {
    /// `limit`: the time limit of a step of the session, if that is shorter than the usual one.
    pub fn new(
        tls: &'a TlsOptions,
        proxy_login: Option<&'a Login>,
        limit: Option<Duration>,
    ) -> Self {
        Self {
            tls,
            proxy_login,
            limit: limit.map_or(LIMIT, |limit| limit.min(LIMIT)),
            https: OnceCell::new(),
            trust: TrustStore::default(),
            known: RefCell::default(),
            is_cache_reported: Cell::new(false),
        }
    }

    /// With the CAs of another that has the same options.
    pub fn with_trust(self, trust: &TrustStore) -> Self {
        Self {
            trust: trust.clone(),
            ..self
        }
    }

    /// The policy of a domain. It is fetched if it is not known, or if the record has another id.
    pub fn find(
        &self,
        domain: &str,
        record: &StsRecord,
        router: &Router<'_>,
        observer: &mut dyn Observer,
    ) -> StsStatus {
        if !is_policy_domain(domain) {
            return StsStatus::missing(record, domain);
        }
        let now = SystemTime::now();
        let mut entry = self.entry(domain, observer);
        if let Some(id) = entry.id_to_fetch(record, now)
            && let Some(fetched) = self.fetch(&entry.domain, router, observer)
        {
            entry = entry.after(id.to_owned(), fetched, now);
            self.keep(&entry, observer);
            if let Some(failure) = &entry.failure {
                observer.on_event(Event::Note(&failure.sentence(&entry, now)));
            }
        }
        entry.status(record, now)
    }

    /// Looks up the record of a domain and fetches its policy, whatever is known about it.
    pub fn refresh(
        &self,
        domain: &str,
        router: &Router<'_>,
        observer: &mut dyn Observer,
    ) -> Result<Entry, RefreshError> {
        let record = StsRecord::look_up(domain, router, observer);
        let StsRecord::Id(id) = record else {
            return Err(RefreshError::of(&record, domain));
        };
        if !is_policy_domain(domain) {
            return Err(RefreshError::NoRecord(
                "it is not the name of a host".to_owned(),
            ));
        }
        let entry = self.entry(domain, observer);
        let given_up = || RefreshError::Failed(HttpError::GivenUp.to_string());
        let fetched = self.fetch(&entry.domain, router, observer);
        let fetched = fetched.ok_or_else(given_up)?;
        let error = fetched.as_ref().err().cloned();
        let entry = entry.after(id, fetched, SystemTime::now());
        self.keep(&entry, observer);
        match error {
            None => Ok(entry),
            Some(why) => Err(RefreshError::Failed(format!(
                "cannot fetch the policy: {why}"
            ))),
        }
    }

    /// Fetches the policy of a domain, and does not use the cache.
    pub fn download(
        &self,
        domain: &str,
        router: &Router<'_>,
        observer: &mut dyn Observer,
    ) -> Result<PolicyText, String> {
        let response = self.request(domain, router, observer)?;
        read(&response.map_err(|error| error.to_string())?)
    }

    fn entry(&self, domain: &str, observer: &mut dyn Observer) -> Entry {
        let domain = domain.to_ascii_lowercase();
        if let Some(entry) = self.known.borrow().get(&domain) {
            return entry.clone();
        }
        let found = StsCache::open(false).and_then(|cache| match cache {
            Some(cache) => cache.read(&domain),
            None => Ok(None),
        });
        let found = found.unwrap_or_else(|error| {
            self.report(&error, observer);
            None
        });
        found.unwrap_or_else(|| Entry::new(&domain))
    }

    fn keep(&self, entry: &Entry, observer: &mut dyn Observer) {
        let written = StsCache::open(true).and_then(|cache| match cache {
            Some(cache) => cache.write(entry),
            None => Ok(()),
        });
        if let Err(error) = written {
            self.report(&error, observer);
        }
        self.known
            .borrow_mut()
            .insert(entry.domain.clone(), entry.clone());
    }

    /// Without a cache, policies are fetched by each run.
    fn report(&self, error: &CacheError, observer: &mut dyn Observer) {
        if !self.is_cache_reported.replace(true) {
            observer.on_event(Event::Detail(&format!(
                "MTA-STS policies are not cached: {error}"
            )));
        }
    }

    /// Fetches a policy. `None`: the program is to end, and nothing is known about the server.
    fn fetch(
        &self,
        domain: &str,
        router: &Router<'_>,
        observer: &mut dyn Observer,
    ) -> Option<Result<PolicyText, String>> {
        let note = format!("fetching the MTA-STS policy of {domain}");
        observer.on_event(Event::Note(&note));
        match self.request(domain, router, observer) {
            Ok(Err(HttpError::GivenUp)) => None,
            Ok(response) => Some(
                response
                    .map_err(|error| error.to_string())
                    .and_then(|response| read(&response)),
            ),
            Err(why) => Some(Err(why)),
        }
    }

    fn request(
        &self,
        domain: &str,
        router: &Router<'_>,
        observer: &mut dyn Observer,
    ) -> Result<Result<Response, HttpError>, String> {
        let made = || {
            let mut tls = Tls::new(&tls_options(self.tls)).map_err(|error| error.to_string())?;
            tls.share_trust(&self.trust);
            Ok(tls)
        };
        let tls = self
            .https
            .get_or_init(made)
            .as_ref()
            .map_err(Clone::clone)?;
        let client = HttpClient {
            router,
            proxy_login: self.proxy_login,
            tls,
            limit: self.limit,
            max_body: MAX_SIZE,
        };
        let url = url(domain)?;
        Ok(client.send(&Request::get(&url), observer))
    }
}

/// The policy in a response.
fn read(response: &Response) -> Result<PolicyText, String> {
    if response.status != 200 {
        return Err(format!("the server returned status {}", response.status));
    }
    let media_type = response.media_type().unwrap_or_default();
    if media_type != "text/plain" {
        let media_type = shown(&media_type);
        return Err(format!("it is not text/plain, but \"{media_type}\""));
    }
    PolicyText::parse(response.body.expose()).map_err(|error| format!("it {error}"))
}

/// RFC 8461 §3.2, §3.3.
fn url(domain: &str) -> Result<Url, String> {
    let url = format!("https://mta-sts.{domain}/.well-known/mta-sts.txt");
    url.parse().map_err(|_| format!("{url} is not a URL"))
}

impl StsRecord {
    /// The reason for which there is no policy.
    fn words(&self, domain: &str) -> String {
        let name = sts_record(domain);
        match self {
            Self::Failed(why) => format!("cannot find the TXT record of {name}: {why}"),
            _ => format!("there is no valid TXT record of {name}"),
        }
    }
}

impl Entry {
    /// The id of the policy to fetch; `None`: nothing is to be fetched. A policy from the future was fetched while the
    /// clock was wrong.
    fn id_to_fetch<'r>(&self, record: &'r StsRecord, now: SystemTime) -> Option<&'r str> {
        let StsRecord::Id(id) = record else {
            return None;
        };
        let is_known = |policy: &FetchedPolicy| {
            policy.id == *id && policy.at <= now + SKEW && policy.is_usable(now)
        };
        let has_failed = |failure: &Failure| failure.id == *id && is_within(failure.at, PAUSE, now);
        let is_waiting = self.failure.as_ref().is_some_and(has_failed);
        (!is_waiting && !self.policy.as_ref().is_some_and(is_known)).then_some(id)
    }

    /// The entry after a request. A policy stays until the end of its lifetime if no other can be fetched.
    fn after(self, id: String, fetched: Result<PolicyText, String>, at: SystemTime) -> Self {
        match fetched {
            Ok(text) => Self {
                policy: Some(FetchedPolicy { id, at, text }),
                failure: None,
                ..self
            },
            Err(why) => Self {
                policy: self.policy.filter(|policy| policy.is_usable(at)),
                failure: Some(Failure { id, at, why }),
                ..self
            },
        }
    }

    fn status(&self, record: &StsRecord, now: SystemTime) -> StsStatus {
        let usable = |policy: &&FetchedPolicy| policy.at == now || policy.is_usable(now);
        let Some(policy) = self.policy.as_ref().filter(usable) else {
            let StsRecord::Id(id) = record else {
                return StsStatus::missing(record, &self.domain);
            };
            let why = self.failure.as_ref().map_or("", |failure| &failure.why);
            return StsStatus::None {
                why: format!("cannot fetch it (id {id}): {why}"),
                may_pass: true,
            };
        };
        if policy.text.mode == Mode::None {
            return StsStatus::None {
                why: format!("its mode is none (id {})", policy.id),
                may_pass: false,
            };
        }
        StsStatus::Policy(Arc::new(StsPolicy {
            domain: self.domain.clone(),
            id: policy.id.clone(),
            text: policy.text.clone(),
        }))
    }
}

impl StsStatus {
    fn missing(record: &StsRecord, domain: &str) -> Self {
        Self::None {
            why: record.words(domain),
            may_pass: matches!(record, StsRecord::Failed(_)),
        }
    }
}

impl FetchedPolicy {
    /// The end of its lifetime.
    pub fn expires(&self) -> SystemTime {
        self.at.checked_add(self.text.max_age).unwrap_or(self.at)
    }

    /// True until the end of its lifetime.
    pub fn is_usable(&self, now: SystemTime) -> bool {
        now < self.expires()
    }
}

impl Failure {
    /// The consequence, in a sentence.
    fn sentence(&self, entry: &Entry, now: SystemTime) -> String {
        let domain = &entry.domain;
        let instead = match &entry.policy {
            Some(policy) if policy.is_usable(now) => format!("using that with id {}", policy.id),
            _ => "no policy applies".to_owned(),
        };
        format!(
            "cannot fetch the MTA-STS policy of {domain} (id {}): {}; {instead}",
            self.id, self.why
        )
    }
}

/// True for this long after `then`. A time in the future was written while the clock was wrong.
fn is_within(then: SystemTime, period: Duration, now: SystemTime) -> bool {
    now.duration_since(then).is_ok_and(|age| age < period)
}

#[cfg(test)]
mod tests {
    use super::*;

    const DAY: u64 = 86_400;

    fn at(seconds: u64) -> SystemTime {
        SystemTime::UNIX_EPOCH + Duration::from_secs(1_790_000_000 + seconds)
    }

    fn text(mode: &str, max_age: u64) -> PolicyText {
        let text = format!("version: STSv1\nmode: {mode}\nmx: *.example.net\nmax_age: {max_age}");
        PolicyText::parse(text.as_bytes()).unwrap()
    }

    /// An entry with a policy that was fetched at second 0 and is valid for a day.
    fn fetched(id: &str, mode: &str) -> Entry {
        Entry::new("example.org").after(id.to_owned(), Ok(text(mode, DAY)), at(0))
    }

    fn id(id: &str) -> StsRecord {
        StsRecord::Id(id.to_owned())
    }

    fn failed() -> StsRecord {
        StsRecord::Failed("timeout".to_owned())
    }

    /// The mode and id of the policy, or why there is none.
    fn shown(status: &StsStatus) -> String {
        match status {
            StsStatus::Policy(policy) => format!("{} {}", policy.text.mode.name(), policy.id),
            StsStatus::None { why, may_pass } => format!("{why} ({may_pass})"),
        }
    }

    #[test]
    fn policy_is_fetched_when_it_is_unknown_outdated_or_another() {
        let none = Entry::new("example.org");
        let known = fetched("1", "enforce");
        for (entry, record, now, expected) in [
            (&none, id("1"), 0, Some("1")),
            (&none, StsRecord::Missing, 0, None),
            (&none, failed(), 0, None),
            (&known, id("1"), 0, None),
            (&known, id("1"), DAY - 1, None),
            (&known, id("1"), DAY, Some("1")),
            (&known, id("2"), 1, Some("2")),
            (&known, StsRecord::Missing, 1, None),
            (&known, failed(), 1, None),
            (&known, failed(), DAY, None),
        ] {
            assert_eq!(
                entry.id_to_fetch(&record, at(now)),
                expected,
                "{record:?} at {now}"
            );
        }
        let yesterday = at(0) - Duration::from_secs(DAY);
        assert_eq!(
            known.id_to_fetch(&id("1"), yesterday),
            Some("1"),
            "the clock was set back"
        );
        assert_eq!(shown(&known.status(&id("1"), yesterday)), "enforce 1");
    }

    #[test]
    fn request_that_failed_is_repeated_after_five_minutes_or_for_another_id() {
        let why = || Err("status 404".to_owned());
        let none = Entry::new("example.org").after("1".to_owned(), why(), at(0));
        let known = fetched("1", "enforce").after("2".to_owned(), why(), at(10));
        for (entry, record, now, expected) in [
            (&none, id("1"), 0, None),
            (&none, id("1"), 299, None),
            (&none, id("1"), 300, Some("1")),
            (&none, id("2"), 1, Some("2")),
            (&known, id("2"), 309, None),
            (&known, id("2"), 310, Some("2")),
            (&known, id("1"), 11, None),
            (&known, id("3"), 11, Some("3")),
        ] {
            assert_eq!(
                entry.id_to_fetch(&record, at(now)),
                expected,
                "{record:?} at {now}"
            );
        }
        let yesterday = at(0) - Duration::from_secs(DAY);
        assert_eq!(
            none.id_to_fetch(&id("1"), yesterday),
            Some("1"),
            "the clock was set back"
        );
        assert_eq!(
            shown(&none.status(&id("1"), at(1))),
            "cannot fetch it (id 1): status 404 (true)"
        );
        assert_eq!(shown(&known.status(&id("2"), at(11))), "enforce 1");
        assert_eq!(
            shown(&known.status(&id("2"), at(DAY))),
            "cannot fetch it (id 2): status 404 (true)"
        );
    }

    #[test]
    fn policy_ends_with_its_lifetime_or_with_mode_none_and_not_with_its_record() {
        let known = fetched("1", "enforce");
        for (record, now, expected) in [
            (id("1"), 0, "enforce 1"),
            (StsRecord::Missing, DAY - 1, "enforce 1"),
            (failed(), DAY - 1, "enforce 1"),
            (
                StsRecord::Missing,
                DAY,
                "there is no valid TXT record of _mta-sts.example.org (false)",
            ),
            (
                failed(),
                DAY,
                "cannot find the TXT record of _mta-sts.example.org: timeout (true)",
            ),
        ] {
            assert_eq!(shown(&known.status(&record, at(now))), expected);
        }
        let none = known.after("2".to_owned(), Ok(text("none", DAY)), at(1));
        assert_eq!(
            shown(&none.status(&id("2"), at(1))),
            "its mode is none (id 2) (false)"
        );
        let testing = none.after("3".to_owned(), Ok(text("testing", DAY)), at(2));
        assert_eq!(shown(&testing.status(&id("3"), at(2))), "testing 3");
    }

    #[test]
    fn policy_without_a_lifetime_applies_once() {
        let entry = Entry::new("example.org").after("1".to_owned(), Ok(text("enforce", 0)), at(0));
        assert_eq!(shown(&entry.status(&id("1"), at(0))), "enforce 1");
        assert_eq!(entry.id_to_fetch(&id("1"), at(1)), Some("1"));
        let entry = entry.after("1".to_owned(), Err("status 404".to_owned()), at(1));
        assert_eq!(
            shown(&entry.status(&id("1"), at(1))),
            "cannot fetch it (id 1): status 404 (true)"
        );
    }

    #[test]
    fn failure_says_what_is_done_instead() {
        let failed = |entry: Entry| {
            let entry = entry.after("2".to_owned(), Err("status 404".to_owned()), at(1));
            entry.failure.as_ref().unwrap().sentence(&entry, at(1))
        };
        assert_eq!(
            failed(Entry::new("example.org")),
            "cannot fetch the MTA-STS policy of example.org (id 2): status 404; no policy applies"
        );
        assert_eq!(
            failed(fetched("1", "enforce")),
            "cannot fetch the MTA-STS policy of example.org (id 2): status 404; using that with id 1"
        );
    }

    #[test]
    fn url_is_that_of_the_domain() {
        let url = super::url("example.org").unwrap().to_string();
        assert_eq!(url, "https://mta-sts.example.org/.well-known/mta-sts.txt");
    }
}
