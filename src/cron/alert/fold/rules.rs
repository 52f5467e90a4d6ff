//! Patterns of text that differs between runs, and the context in which they match.

use regex_lite::{Captures, Regex};
use std::sync::LazyLock;

/// Replaces a time or date. A control character, because the text has none.
const TIME: &str = "\u{1}";

/// Replaces an amount of time or of transferred data.
const AMOUNT: &str = "\u{2}";

const ID: &str = "\u{3}";

/// Words before an identifier of a thing, which is the same in each run.
const STABLE_ID_WORDS: &[&str] = &[
    "account", "array", "bus", "code", "customer", "device", "disk", "domain", "drive", "errno",
    "error", "eui", "host", "hresult", "instance", "label", "mac", "naa", "node", "partuuid",
    "pci", "ratio", "scsi", "serial", "server", "slot", "status", "tenant", "user", "uuid", "vm",
    "volume", "wwid", "wwn",
];

/// Words between the name of a thing and its identifier.
const FILLERS: &[&str] = &["id", "is", "number"];

const WEEKDAY: &str = "(?:Mon(?:day)?|Tue(?:sday)?|Wed(?:nesday)?|Thu(?:rsday)?|Fri(?:day)?|\
                       Sat(?:urday)?|Sun(?:day)?)";
const MONTH: &str = "(?:Jan(?:uary)?|Feb(?:ruary)?|Mar(?:ch)?|Apr(?:il)?|May|June?|July?|\
                     Aug(?:ust)?|Sep(?:tember)?|Oct(?:ober)?|Nov(?:ember)?|Dec(?:ember)?)";
const YEAR: &str = r"(?:19|20)\d\d";
const ZONE: &str = r"(?:(?:Z|UTC|GMT|WES?T|CES?T|EES?T|BST|[ECMP][SD]T)\b|[+-]\d\d:?\d\d\b)";
const UNIT: &str = "(?:ns|us|µs|μs|ms|s|secs?|mins?|m|hrs?|h|d|w)";
const UNIT_WORD: &str = "(?:ns|us|µs|μs|ms|s|h|secs?|mins?|hrs?|(?:milli|micro|nano)?seconds?|\
                         minutes?|hours?|days?|weeks?|months?|years?)";

/// A pattern of text that differs between runs.
pub struct FoldRule {
    /// If it has a group `x`, only that is replaced. `None`: an invalid pattern, which a test reports.
    pattern: Option<Regex>,
    replacement: &'static str,
    /// Characters that make the match a part of a longer name or number: neither they nor letters and digits
    /// may be next to it. Empty: the pattern itself checks that.
    joiners: &'static str,
    /// True if the match may not belong to one of the [`STABLE_ID_WORDS`].
    excludes_stable_ids: bool,
    /// Text that must precede the match in the same word.
    preceded_by: &'static str,
    accepts: fn(&str) -> bool,
}

/// The rules, in the order in which they are applied.
pub static RULES: LazyLock<Vec<FoldRule>> = LazyLock::new(|| {
    let rules = [dates(), times(), amounts(), ids(), processes(), temporary()];
    rules.into_iter().flatten().collect()
});

fn dates() -> Vec<FoldRule> {
    let (month, day) = ("(?:1[0-2]|0?[1-9])", r"(?:[12]\d|3[01]|0?[1-9])");
    let clock = format!(r"\d\d:[0-5]\d(?::[0-5]\d(?:[.,]\d+)?)?(?: ?{ZONE})?");
    let compact = r"[0-2]?\d[-.h]?[0-5]\d(?:[-.m]?[0-5]\d)?Z?";
    let of = |pattern: String| FoldRule::of(&pattern, TIME).joiners("");
    vec![
        // 2026-11-23T07:28:42.123Z, 2026/11/23, 2026-11-23_0728
        of(format!(
            r"{YEAR}[-/]{month}[-/]{day}(?:[T _-]{clock}|[T_-]{compact})?"
        )),
        // 20261123, 20261123T072842Z, 20261123072842
        of(format!(
            r"{YEAR}(?:0[1-9]|1[0-2])(?:0[1-9]|[12]\d|3[01])(?:[T_.-]?[0-2]\d[0-5]\d(?:[0-5]\d)?Z?)?"
        ))
        .excludes_stable_ids(),
        // 23.11.2026, 23-11-2026, 11/23/2026, 11/23/26
        of(format!(
            r"\b(?:{day}\.{month}\.{YEAR}|{day}-{month}-{YEAR}|{day}/{day}/(?:{YEAR}|\d\d))\b"
        ))
        .joiners(".:/"),
        // 2026-11
        of(format!(r"{YEAR}-(?:0[1-9]|1[0-2])")).joiners(".:"),
        // 22 Nov 2026, 23/Nov/2026:07:28:42 +0100
        of(format!(
            r"\b(?:{WEEKDAY},? )?\d{{1,2}}[ /-]{MONTH}[ /-](?:{YEAR}\b(?:[ :]{clock})?|{clock})"
        )),
        // Mon Nov 23, November 23rd, 2026
        of(format!(
            r"\b(?:{WEEKDAY},? )?{MONTH}[ -]\d{{1,2}}(?:st|nd|rd|th)?\b(?:,? {YEAR}\b)?"
        )),
        of(format!(r"\b{WEEKDAY}\b")),
    ]
}

fn times() -> Vec<FoldRule> {
    let end = format!(r"(?: ?[AaPp]\.?[Mm]\b)?(?: ?{ZONE})?");
    let of = |pattern: &str| FoldRule::of(pattern, TIME);
    vec![
        of(&format!(r"\d{{1,3}}:[0-5]\d:[0-5]\d(?:[.,]\d+)?{end}")).joiners(".:"),
        of(&format!(
            r#"(?:^|[ (\[="'@T{TIME}])(?<x>\d\d:[0-5]\d(?:\.\d{{2,3}})?{end})"#
        ))
        .joiners(".:/-")
        .excludes_stable_ids(),
        of(&format!(r"\b(?:at|since|until|before|after) (?<x>\d:[0-5]\d{end})")),
        // A date and its time, perhaps followed by the year.
        of(&format!(r"{TIME}(?:,? ?(?:{TIME}|{YEAR}\b|[AP]M\b|{ZONE}))+")).joiners(""),
        // Seconds since 1970.
        of(r"(?i)\b(?:at|time|timestamp|ts|since|until|date|epoch|[acm]time|started|ended|expires)[ =:]+(?<x>1[4-9]\d{8}(?:\d{3}|\d{6}|\d{9}|\.\d+)?)\b")
            .joiners("."),
        of(r"1[4-9]\d{8}(?:\d{3}|\d{6}|\d{9})\b").excludes_stable_ids(),
        of(r"^\[?(?<x>1[4-9]\d{8}(?:\.\d+)?)(?:\]|:| [A-Z])").joiners(""),
        of(r"[-_.](?<x>1[4-9]\d{8})\.[A-Za-z]").joiners(""),
        // Seconds since the system was started.
        of(r"^\[ ?(?<x>\d+\.\d{6})\]").joiners(""),
    ]
}

fn amounts() -> Vec<FoldRule> {
    let number = r"\d+(?:[.,]\d+)?";
    let of = |pattern: &str| FoldRule::of(pattern, AMOUNT);
    vec![
        of(&format!(r"(?:{number}{UNIT})+\b")),
        of(&format!(
            r"(?i){number} {UNIT_WORD}\b(?:,? (?:and )?{number} ?{UNIT_WORD}\b)*"
        ))
        .excludes_stable_ids(),
        of(r"(?i)\b(?:elapsed|took|duration|runtime|real|user|sys)[ :=]+(?<x>\d+\.\d+)\b"),
        // Rates, and amounts of data.
        of(r"\d[\d.,]* ?(?:[kKMGT]?i? ?(?:B|bytes|bits?)/s(?:ec)?|[kKMG]?bps)\b"),
        of(r"\b(?:sent|received) (?<x>\d[\d.,]*(?: ?[kKMGT]i?B?\b(?: bytes)?| ?B\b| bytes))"),
    ]
}

fn ids() -> Vec<FoldRule> {
    let of = |pattern: &str| FoldRule::of(pattern, ID);
    vec![
        of(r"[0-9a-fA-F]{8}-(?:[0-9a-fA-F]{4}-){3}[0-9a-fA-F]{12}\b").joiners("-").excludes_stable_ids(),
        // Addresses of memory: 48 bits with their sign, because WWNs and GUIDs have 64.
        of(r"0x(?:0{0,4}[0-9a-fA-F]{9,12}|(?i:ffff)[0-9a-fA-F]{12})\b").excludes_stable_ids(),
        of(r"(?i)\b(?:at|address|addr|ptr|pointer|ip|sp|pc|lr|rip|rsp)[ :=@]+(?<x>0x[0-9a-f]{1,16}|[0-9a-f]{8,16})\b")
            .accepts(|text| text.starts_with("0x") || has_letter_and_digit(text)),
        of(r"\[(?<x>[0-9a-f]{6,16}\+[0-9a-f]+)\]").joiners(""),
        of(r"[A-Z]\w*@(?<x>[0-9a-f]{6,8})\b").accepts(has_letter_and_digit),
        // Hashes.
        of(r"\b(?:[0-9a-f]{12,}|[0-9A-F]{12,})\b").joiners("-_:").excludes_stable_ids().accepts(has_letter_and_digit),
        of(r"(?i)\b(?:commit|revision|rev|object|blob|tree|digest|checksum|hash|at)[ :=]+(?<x>[0-9a-f]{7,11})\b")
            .accepts(has_letter_and_digit),
        // Names that a program gives to a message, a request or a session.
        of(r"(?i)\bmessage-id:? ?<(?<x>[^<> ]+)>").joiners(""),
        of(r#"(?i)\b(?:queued as|(?:request|session|transaction|trace|correlation|invocation)[ _-]?(?:id)?)[ :=#"']+(?<x>[\w-]{6,})"#)
            .accepts(has_digit),
    ]
}

fn processes() -> Vec<FoldRule> {
    let separator = r#"(?:[ _-]?id)?[ :=#"'(]*(?:is )?"#;
    let of = |pattern: &str| FoldRule::of(pattern, ID).joiners("");
    vec![
        of(r#"(?i)(?:\b|_)(?:p|pp|t|pg)id[ :=#"'(]*(?:is )?(?<x>\d+)\b"#),
        of(&format!(
            r"(?i)\b(?:process|proc|lwp)\b{separator}(?<x>\d+)\b"
        )),
        of(&format!(
            r"(?i)\b(?:child|thread)\b{separator}(?<x>\d{{3,}})\b"
        )),
        of(r"/proc/(?<x>\d+)\b"),
        // `2026-11-23 07:28:42 host cron[812]:`, `cron[31812]:`, `2026-11-23 [4711]`, `[31812]`
        of(&format!(r"{TIME},?(?: [\w.-]+)? [\w./()-]+\[(?<x>\d+)\]:")),
        of(r"^[A-Za-z][\w./()-]*\[(?<x>\d{3,})\]:"),
        of(&format!(r"{TIME},? ?\[(?<x>\d+)\]")),
        of(r"^\[(?<x>\d{5,})\]"),
        // nginx: `[error] 4711#4711: *12 connect() failed`
        of(r"\] (?<x>\d+#\d+(?:: \*\d+)?)"),
    ]
}

/// Names as made by mktemp(1) and similar functions.
fn temporary() -> Vec<FoldRule> {
    let of = |pattern: &str| FoldRule::of(pattern, ID).joiners("");
    let random = || of(r"[/._-](?<x>[A-Za-z0-9]{6,12})\b").accepts(is_random);
    vec![
        of(r"\btmp(?<x>[a-z0-9_]{8})\b"),
        of(r"\b(?:tmp|temp)[._-](?<x>[A-Za-z0-9]{6,12})\b").accepts(is_random),
        random().preceded_by("/tmp/"),
        of(r"(?:\.(?<x>\d{3,})\b)").preceded_by("/tmp/"),
        of(r"(?:[_-](?<x>\d{4,})\b)").preceded_by("/tmp/"),
        // rsync(1) puts them next to the file: `/backup/.mail.Xa9LkQ`
        of(r"\.(?<x>[A-Za-z0-9]{6})\b")
            .preceded_by("/.")
            .accepts(is_random),
    ]
}

impl FoldRule {
    fn of(pattern: &str, replacement: &'static str) -> Self {
        Self {
            pattern: Regex::new(pattern).ok(),
            replacement,
            joiners: "-_./:",
            excludes_stable_ids: false,
            preceded_by: "",
            accepts: |_| true,
        }
    }

    fn joiners(self, joiners: &'static str) -> Self {
        Self { joiners, ..self }
    }

    fn excludes_stable_ids(self) -> Self {
        Self {
            excludes_stable_ids: true,
            ..self
        }
    }

    fn preceded_by(self, preceded_by: &'static str) -> Self {
        Self {
            preceded_by,
            ..self
        }
    }

    fn accepts(self, accepts: fn(&str) -> bool) -> Self {
        Self { accepts, ..self }
    }

    /// The text with each match replaced.
    pub fn apply(&self, text: String) -> String {
        let Some(pattern) = &self.pattern else {
            return text;
        };
        let (mut out, mut done) = (String::new(), 0);
        for captures in pattern.captures_iter(&text) {
            let Some((start, end)) = self.range(&text, &captures) else {
                continue;
            };
            out.push_str(&text[done..start]);
            out.push_str(self.replacement);
            done = end;
        }
        if done == 0 {
            return text;
        }
        out.push_str(&text[done..]);
        out
    }

    /// The range of the text to replace. `None`: it is a part of something else.
    fn range(&self, text: &str, captures: &Captures<'_>) -> Option<(usize, usize)> {
        let whole = captures.get(0)?;
        let inner = captures.name("x").unwrap_or(whole);
        let (before, after) = (&text[..whole.start()], &text[inner.end()..]);
        let is_digit = |c: char| c.is_ascii_digit();
        let is_cut = before.ends_with(is_digit) && whole.as_str().starts_with(is_digit)
            || after.starts_with(is_digit) && inner.as_str().ends_with(is_digit);
        // Before an inner group, the pattern itself has matched the text.
        let is_joined = self.joins_after(after) || inner == whole && self.joins_before(before);
        let is_part = is_cut || is_joined && !self.joiners.is_empty();
        let word = before.rsplit(' ').next().unwrap_or_default();
        let is_stable =
            self.excludes_stable_ids && (word.contains("/dev/") || is_stable_id(before));
        let word = format!("{word}{}", &text[whole.start()..inner.start()]);
        let accepts = word.contains(self.preceded_by) && (self.accepts)(inner.as_str());
        (accepts && !is_part && !is_stable).then_some((inner.start(), inner.end()))
    }

    fn joins_before(&self, before: &str) -> bool {
        let Some(last) = before.chars().next_back() else {
            return false;
        };
        let run = before[..before.len() - last.len_utf8()]
            .rsplit(|c: char| !c.is_alphanumeric())
            .next()
            .unwrap_or_default();
        is_name(last)
            || self.joiners.contains(last) && is_joined(last, run, run.chars().next_back())
    }

    fn joins_after(&self, after: &str) -> bool {
        let mut chars = after.chars();
        let Some(first) = chars.next() else {
            return false;
        };
        let run = chars.as_str().split(|c: char| !c.is_alphanumeric()).next();
        let run = run.unwrap_or_default();
        is_name(first) || self.joiners.contains(first) && is_joined(first, run, run.chars().next())
    }
}

fn is_name(c: char) -> bool {
    c.is_alphanumeric() || c == '_'
}

/// True if this character joins the text before and after it to one name or number. The run of letters and
/// digits is its neighbour.
fn is_joined(joiner: char, run: &str, nearest: Option<char>) -> bool {
    match joiner {
        '.' => nearest.is_some_and(|c| c.is_ascii_digit()),
        // As in addresses of Ethernet and IPv6.
        ':' => {
            run.len() <= 4 && !run.is_empty() && run.bytes().all(|byte| byte.is_ascii_hexdigit())
        }
        _ => nearest.is_some(),
    }
}

/// True if the last word indicates that an identifier belongs to a thing.
fn is_stable_id(before: &str) -> bool {
    let mut words = before
        .rsplit(|c: char| !c.is_alphanumeric())
        .filter(|word| !word.is_empty())
        .map(str::to_ascii_lowercase)
        .filter(|word| !FILLERS.contains(&word.as_str()));
    words
        .next()
        .is_some_and(|word| STABLE_ID_WORDS.contains(&word.as_str()))
}

fn has_digit(text: &str) -> bool {
    text.bytes().any(|byte| byte.is_ascii_digit())
}

fn has_letter_and_digit(text: &str) -> bool {
    has_digit(text) && text.bytes().any(|byte| byte.is_ascii_alphabetic())
}

/// True if it cannot be made of words and numbers, like `BackupWeb01`.
fn is_random(name: &str) -> bool {
    static WORDS: LazyLock<Option<Regex>> =
        LazyLock::new(|| Regex::new(r"^(?:[A-Z]?[a-z]{2,}|[A-Z]{2,}|\d+)+$").ok());
    WORDS.as_ref().is_some_and(|words| !words.is_match(name))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_pattern_is_valid() {
        for (range, rule) in RULES.iter().enumerate() {
            assert!(rule.pattern.is_some(), "{range}");
        }
    }
}
