//! The text of a record (RFC 9989 §4.7, §4.8).

use crate::mail::tag_list::TagList;
use crate::system::text::shown;

const VERSION: &str = "DMARC1";

/// Maximum number of parts that are not tags that are reported.
const MAX_PROBLEMS: usize = 10;

/// Tags that RFC 9989 has removed from RFC 7489.
const HISTORIC: [&str; 3] = ["pct", "rf", "ri"];

const KNOWN: [&str; 11] = [
    "v", "p", "sp", "np", "t", "psd", "adkim", "aspf", "rua", "ruf", "fo",
];

/// The treatment that a domain asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Disposition {
    None,
    Quarantine,
    Reject,
}

impl Disposition {
    /// The word in records.
    pub fn name(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Quarantine => "quarantine",
            Self::Reject => "reject",
        }
    }

    pub fn named(name: &str) -> Option<Self> {
        let all = [Self::None, Self::Quarantine, Self::Reject];
        all.into_iter()
            .find(|one| name.eq_ignore_ascii_case(one.name()))
    }

    /// The treatment while the policy is tested (`t=y`).
    pub fn weakened(self) -> Self {
        match self {
            Self::Reject => Self::Quarantine,
            Self::Quarantine | Self::None => Self::None,
        }
    }
}

/// What `psd=` says about the domain.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PublicSuffix {
    Yes,
    No,
    Unknown,
}

/// A destination of reports.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReportUri {
    pub text: String,
    /// The domain of a `mailto:` URI in lower case, without a limit of the size. `None`: it is not a `mailto:` URI
    /// with a domain, which receivers ignore.
    pub domain: Option<String>,
    /// True for any URI; receivers ignore those of other schemes, but they make the record a policy.
    pub is_uri: bool,
}

/// A record that applies.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DmarcRecord {
    pub text: String,
    /// `None`: there is none, or `p`, `sp` or `np` is not valid; then `none` applies if `rua` is valid (RFC 9989
    /// §4.10.1).
    pub p: Option<Disposition>,
    pub sp: Option<Disposition>,
    pub np: Option<Disposition>,
    /// `t=y`.
    pub is_testing: bool,
    pub psd: PublicSuffix,
    /// True for strict alignment.
    pub adkim_strict: bool,
    pub aspf_strict: bool,
    pub rua: Vec<ReportUri>,
    pub ruf: Vec<ReportUri>,
    /// Clauses about values that are not valid, after "its".
    pub problems: Vec<String>,
    /// Tags that are not used any more.
    pub historic: Vec<&'static str>,
    /// Tags that are not known, which are ignored.
    pub unknown: Vec<String>,
}

impl DmarcRecord {
    /// `None`: it is another kind of record.
    pub fn parse(text: &str) -> Option<Self> {
        if !is_dmarc(text) {
            return None;
        }
        let (kept, mut problems) = tags_of(text);
        let tags = TagList::parse(&kept).ok()?;
        if let Some(name) = tags.repeated() {
            problems.push(format!("tag {name} is there more than once"));
        }
        let mut reader = Reader {
            tags: &tags,
            problems,
        };
        let unknown = tags
            .names()
            .filter(|name| !KNOWN.contains(name) && !HISTORIC.contains(name));
        let [p, sp, np] = reader.dispositions();
        reader.failure_options();
        Some(Self {
            text: text.to_owned(),
            p,
            sp,
            np,
            is_testing: reader.choice("t", &["n", "y"]) == 1,
            psd: match reader.choice("psd", &["u", "n", "y"]) {
                0 => PublicSuffix::Unknown,
                1 => PublicSuffix::No,
                _ => PublicSuffix::Yes,
            },
            adkim_strict: reader.choice("adkim", &["r", "s"]) == 1,
            aspf_strict: reader.choice("aspf", &["r", "s"]) == 1,
            rua: reader.uris("rua"),
            ruf: reader.uris("ruf"),
            historic: HISTORIC
                .into_iter()
                .filter(|name| tags.get(name).is_some())
                .collect(),
            unknown: unknown.map(str::to_owned).collect(),
            problems: reader.problems,
        })
    }

    /// True if the record is a policy: it has a valid `p`, or an address for reports (RFC 9989 §4.10.1).
    pub fn is_policy(&self) -> bool {
        self.p.is_some() || self.rua.iter().any(|uri| uri.is_uri)
    }

    /// The policy for the domain of the record.
    pub fn own_policy(&self) -> Disposition {
        self.p.unwrap_or(Disposition::None)
    }

    /// The policy for a domain below it.
    pub fn subdomain_policy(&self, exists: bool) -> Disposition {
        let for_missing = self.np.filter(|_| !exists);
        for_missing.or(self.sp).unwrap_or_else(|| self.own_policy())
    }

    /// A policy as it is applied: one step less while it is tested.
    pub fn applied(&self, policy: Disposition) -> Disposition {
        if self.is_testing {
            policy.weakened()
        } else {
            policy
        }
    }
}

/// The record begins with `v=DMARC1`, which is case-sensitive.
fn is_dmarc(text: &str) -> bool {
    let version = text.split(';').next().unwrap_or_default();
    let is_version = |(name, value): (&str, &str)| name.trim() == "v" && value.trim() == VERSION;
    text.starts_with('v') && version.split_once('=').is_some_and(is_version)
}

/// The parts that are tags, and a clause about each of the others, which are ignored.
fn tags_of(text: &str) -> (String, Vec<String>) {
    let is_tag = |part: &&str| TagList::parse(part).is_ok();
    let (tags, others): (Vec<&str>, Vec<&str>) = text.split(';').partition(is_tag);
    let problem = |part: &&str| format!("part \"{}\" is not a tag", shown(part.trim()));
    let problems = others.iter().take(MAX_PROBLEMS).map(problem).collect();
    (tags.join(";"), problems)
}

struct Reader<'t> {
    tags: &'t TagList<'t>,
    problems: Vec<String>,
}

impl Reader<'_> {
    /// Those of `p`, `sp` and `np`. If one of them is not valid, none is used (RFC 9989 §4.10.1).
    fn dispositions(&mut self) -> [Option<Disposition>; 3] {
        let names = ["p", "sp", "np"];
        let found = names.map(|name| self.disposition(name));
        let is_valid = |(name, value): (&str, &Option<Disposition>)| {
            value.is_some() == self.tags.get(name).is_some()
        };
        if names.into_iter().zip(&found).all(is_valid) {
            found
        } else {
            [None; 3]
        }
    }

    fn disposition(&mut self, tag: &str) -> Option<Disposition> {
        let value = self.tags.get(tag)?;
        let found = Disposition::named(value);
        if found.is_none() {
            let value = shown(value);
            self.problems
                .push(format!("{tag}={value} is not none, quarantine or reject"));
        }
        found
    }

    /// The number of the value in this list; 0 without one.
    fn choice(&mut self, tag: &str, values: &[&str]) -> usize {
        let Some(value) = self.tags.get(tag) else {
            return 0;
        };
        let found = values
            .iter()
            .position(|one| value.eq_ignore_ascii_case(one));
        if found.is_none() {
            let (value, values) = (shown(value), values.join(" or "));
            self.problems.push(format!("{tag}={value} is not {values}"));
        }
        found.unwrap_or(0)
    }

    /// `fo`, which selects failure reports (RFC 9989 §4.7).
    fn failure_options(&mut self) {
        let Some(value) = self.tags.get("fo") else {
            return;
        };
        let is_known = |option: &str| {
            let option = option.trim();
            ["0", "1", "d", "s"]
                .iter()
                .any(|one| option.eq_ignore_ascii_case(one))
        };
        if !value.split(':').all(is_known) {
            let value = shown(value);
            self.problems
                .push(format!("fo={value} is not a list of 0, 1, d and s"));
        }
    }

    fn uris(&mut self, tag: &str) -> Vec<ReportUri> {
        let Some(value) = self.tags.get(tag) else {
            return Vec::new();
        };
        let uris: Vec<ReportUri> = value
            .split(',')
            .map(|uri| ReportUri::parse(uri.trim()))
            .collect();
        for uri in uris.iter().filter(|uri| !uri.is_uri) {
            let text = shown(&uri.text);
            self.problems.push(format!(
                "{tag} has \"{text}\", which is not a URI such as mailto:"
            ));
        }
        uris
    }
}

impl ReportUri {
    fn parse(text: &str) -> Self {
        let scheme = text.get(..7);
        let is_mailto = scheme.is_some_and(|scheme| scheme.eq_ignore_ascii_case("mailto:"));
        let address = is_mailto.then(|| {
            let address = text[7..].split('?').next().unwrap_or_default();
            // RFC 9989: a limit of the size is ignored.
            address.split('!').next().unwrap_or_default()
        });
        let domain = address.and_then(|address| {
            let (local, domain) = address.rsplit_once('@')?;
            let is_valid = !local.is_empty() && crate::system::host::is_host_name(domain);
            is_valid.then(|| domain.to_ascii_lowercase())
        });
        Self {
            text: text.to_owned(),
            is_uri: domain.is_some() || !is_mailto && has_scheme(text),
            domain,
        }
    }

    /// True if it has a limit of the size, which RFC 9989 has removed.
    pub fn has_limit(&self) -> bool {
        self.text.contains('!')
    }
}

/// RFC 3986 §3.1.
fn has_scheme(uri: &str) -> bool {
    let Some((scheme, rest)) = uri.split_once(':') else {
        return false;
    };
    let is_part = |byte: u8| byte.is_ascii_alphanumeric() || b"+-.".contains(&byte);
    scheme.starts_with(|first: char| first.is_ascii_alphabetic())
        && scheme.bytes().all(is_part)
        && !rest.is_empty()
        && rest.bytes().all(|byte| byte.is_ascii_graphic())
}

#[cfg(test)]
mod unit {
    use super::*;

    fn parsed(text: &str) -> DmarcRecord {
        DmarcRecord::parse(text).unwrap()
    }

    #[test]
    fn tags_are_read_in_any_order_and_case_of_values() {
        let record = parsed(
            "v=DMARC1; rua=mailto:a@example.org!10m,mailto:b@Example.NET?x=y; P=x; sp=QUARANTINE ;p=Reject; np=reject; t=y; psd=n; adkim=s; aspf=r; fo=1:d:s",
        );
        assert_eq!(
            (record.p, record.sp),
            (Some(Disposition::Reject), Some(Disposition::Quarantine))
        );
        assert!(record.is_testing && record.adkim_strict && !record.aspf_strict);
        assert_eq!(record.psd, PublicSuffix::No);
        let domains: Vec<_> = record.rua.iter().map(|uri| uri.domain.as_deref()).collect();
        assert_eq!(domains, [Some("example.org"), Some("example.net")]);
        assert!(record.rua[0].has_limit());
        assert_eq!(record.unknown, ["P"]);
        assert_eq!(record.applied(record.own_policy()), Disposition::Quarantine);
        assert_eq!(record.subdomain_policy(true), Disposition::Quarantine);
        assert_eq!(record.subdomain_policy(false), Disposition::Reject);
        assert!(record.problems.is_empty(), "{:?}", record.problems);
    }

    #[test]
    fn other_records_are_told_apart() {
        for text in [
            "",
            "v=spf1",
            "v=DMARC10; p=none",
            "v=dmarc1; p=none",
            "p=none; v=DMARC1",
            " v=DMARC1; p=none",
            "V=DMARC1; p=none",
            "v=DMARC1 p=none",
        ] {
            assert_eq!(DmarcRecord::parse(text), None, "{text}");
        }
        for text in [
            "v=DMARC1",
            "v=DMARC1;",
            "v = DMARC1 ; p=none",
            "v=DMARC1; p=none;;",
        ] {
            assert!(DmarcRecord::parse(text).is_some(), "{text}");
        }
    }

    #[test]
    fn values_that_are_not_valid_are_problems() {
        for (text, problem) in [
            (
                "v=DMARC1; p=rejct",
                "p=rejct is not none, quarantine or reject",
            ),
            ("v=DMARC1; p=none; t=x", "t=x is not n or y"),
            ("v=DMARC1; p=none; psd=x", "psd=x is not u or n or y"),
            (
                "v=DMARC1; p=none; rua=a@example.org",
                "rua has \"a@example.org\", which is not a URI such as mailto:",
            ),
            ("v=DMARC1; p=none; reject", "part \"reject\" is not a tag"),
            (
                "v=DMARC1; p=none; p=reject",
                "tag p is there more than once",
            ),
        ] {
            assert_eq!(parsed(text).problems, [problem], "{text}");
        }
        let record = parsed("v=DMARC1; p=none; pct=50; ri=86400; x=y");
        assert_eq!(record.historic, ["pct", "ri"]);
        assert_eq!(record.unknown, ["x"]);
    }

    #[test]
    fn without_p_reports_make_a_policy() {
        assert!(parsed("v=DMARC1; rua=mailto:a@example.org").is_policy());
        assert!(!parsed("v=DMARC1; rua=d@example.org").is_policy());
        assert!(!parsed("v=DMARC1; sp=reject").is_policy());
    }
}
