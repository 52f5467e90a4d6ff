//! Conditions on messages: `to=bob@example.org subject~"order [0-9]+" -is:read`. Searches, waiting and the option
//! --expect use them.

use crate::mail::view::Person;
use crate::server::store::ReceivedEnvelope;
use crate::server::web::expression::Expression;
use crate::server::web::summary::Summary;
use chrono::NaiveDate;

/// What a condition is applied to.
#[derive(Clone, Copy)]
pub struct Candidate<'c> {
    pub summary: &'c Summary,
    pub envelope: &'c ReceivedEnvelope,
    pub is_read: bool,
    pub tags: &'c [String],
    /// Seconds since 1970.
    pub received: i64,
    pub size: u64,
}

/// All of its terms must be met. Without terms, every message meets it.
#[derive(Clone, Debug)]
pub struct Query {
    terms: Vec<Term>,
}

#[derive(Clone, Debug)]
struct Term {
    is_negated: bool,
    condition: Condition,
}

#[derive(Clone, Debug)]
enum Condition {
    Text(Field, Test),
    Read(bool),
    HasAttachment,
    Tagged,
    Larger(u64),
    Smaller(u64),
    Before(i64),
    After(i64),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Field {
    From,
    To,
    Cc,
    Bcc,
    ReplyTo,
    Addressed,
    Subject,
    MessageId,
    Text,
    Sender,
    Recipient,
    Helo,
    User,
    Tag,
    /// Names of attachments.
    Attachment,
    /// Header fields, text and names of attachments.
    Any,
}

const FIELDS: [(&str, Field); 19] = [
    ("from", Field::From),
    ("to", Field::To),
    ("cc", Field::Cc),
    ("bcc", Field::Bcc),
    ("reply-to", Field::ReplyTo),
    ("addressed", Field::Addressed),
    ("subject", Field::Subject),
    ("message-id", Field::MessageId),
    ("id", Field::MessageId),
    ("text", Field::Text),
    ("body", Field::Text),
    ("sender", Field::Sender),
    ("mail-from", Field::Sender),
    ("recipient", Field::Recipient),
    ("rcpt-to", Field::Recipient),
    ("helo", Field::Helo),
    ("user", Field::User),
    ("tag", Field::Tag),
    ("attachment", Field::Attachment),
];

#[derive(Clone, Debug)]
enum Test {
    /// ASCII in lower case.
    Contains(String),
    /// In the lower case of [`folded`], with other characters than ASCII.
    ContainsWide(String),
    /// In the lower case of [`folded`].
    Equals(String),
    Matches(Box<Expression>),
}

impl Query {
    /// Reads a condition; an unknown field is an error.
    pub fn parse(text: &str) -> Result<Query, String> {
        let tokens = tokens(text)?;
        let terms = tokens.iter().map(Term::strict);
        terms.collect::<Result<_, _>>().map(|terms| Query { terms })
    }

    /// Reads what a person has entered: what is not a condition is text to search for.
    pub fn search(text: &str) -> Result<Query, String> {
        let terms = tokens(text)?.into_iter().map(|token| {
            let is_text = token.name.is_some() && !token.is_condition();
            Term::strict(&if is_text { token.into_text() } else { token })
        });
        terms.collect::<Result<_, _>>().map(|terms| Query { terms })
    }

    /// True if no term has a text, as for an empty text, or for `to:` without an address.
    pub fn is_blank(&self) -> bool {
        let is_blank = |term: &Term| match &term.condition {
            Condition::Text(_, Test::Contains(part)) => part.is_empty(),
            _ => false,
        };
        self.terms.iter().all(is_blank)
    }

    pub fn matches(&self, candidate: Candidate<'_>) -> bool {
        let mut terms = self.terms.iter();
        terms.all(|term| term.condition.matches(candidate) != term.is_negated)
    }
}

/// A word of a condition.
#[derive(Debug, PartialEq, Eq)]
struct Token {
    is_negated: bool,
    /// The field and its operator.
    name: Option<(String, char)>,
    value: String,
}

impl Token {
    fn is_condition(&self) -> bool {
        let Some((name, operator)) = &self.name else {
            return false;
        };
        let flags = ["is", "has", "larger", "smaller", "before", "after"];
        let is_field = FIELDS.iter().any(|(known, _)| known == name);
        is_field || *operator == ':' && flags.contains(&name.as_str())
    }

    fn into_text(self) -> Token {
        let before = self
            .name
            .map(|(name, operator)| format!("{name}{operator}"));
        Token {
            name: None,
            value: before.unwrap_or_default() + &self.value,
            ..self
        }
    }
}

fn tokens(text: &str) -> Result<Vec<Token>, String> {
    let mut tokens = Vec::new();
    let mut rest = text.trim_start();
    while !rest.is_empty() {
        let unsigned = rest.strip_prefix(['-', '!']);
        let unsigned = unsigned.filter(|rest| !rest.is_empty() && !rest.starts_with(' '));
        let is_negated = unsigned.is_some();
        rest = unsigned.unwrap_or(rest);
        let end = rest.find(|c: char| !(c.is_ascii_alphabetic() || c == '-'));
        let (name, after) = rest.split_at(end.unwrap_or(rest.len()));
        let operator = after
            .chars()
            .next()
            .filter(|c| matches!(c, ':' | '=' | '~'));
        let name = operator
            .filter(|_| !name.is_empty())
            .map(|operator| (name.to_ascii_lowercase(), operator));
        if name.is_some() {
            rest = &after[1..];
        }
        let (value, after) = value(rest)?;
        tokens.push(Token {
            is_negated,
            name,
            value,
        });
        rest = after.trim_start();
    }
    Ok(tokens)
}

/// A value, which may be in quotation marks, and the rest.
fn value(text: &str) -> Result<(String, &str), String> {
    for mark in ['"', '\''] {
        if let Some(quoted) = text.strip_prefix(mark) {
            let (value, rest) = quoted
                .split_once(mark)
                .ok_or_else(|| format!("the quotation mark {mark} has no second one"))?;
            return Ok((value.to_owned(), rest));
        }
    }
    let end = text.find(char::is_whitespace).unwrap_or(text.len());
    Ok((text[..end].to_owned(), &text[end..]))
}

impl Term {
    fn strict(token: &Token) -> Result<Term, String> {
        let condition = match &token.name {
            None => Condition::Text(Field::Any, Test::parse(':', &token.value)?),
            Some((name, operator)) => Condition::parse(name, *operator, &token.value)?,
        };
        Ok(Term {
            is_negated: token.is_negated,
            condition,
        })
    }
}

impl Condition {
    fn parse(name: &str, operator: char, value: &str) -> Result<Condition, String> {
        if let Some((_, field)) = FIELDS.iter().find(|(known, _)| *known == name) {
            let id = value.strip_prefix('<').and_then(|id| id.strip_suffix('>'));
            let value = id.filter(|_| *field == Field::MessageId).unwrap_or(value);
            return Test::parse(operator, value).map(|test| Condition::Text(*field, test));
        }
        match (name, operator, value) {
            ("is", ':', "read") => Ok(Condition::Read(true)),
            ("is", ':', "unread") => Ok(Condition::Read(false)),
            ("is", ':', "tagged") => Ok(Condition::Tagged),
            ("has", ':', "attachment" | "attachments") => Ok(Condition::HasAttachment),
            ("larger", ':', size) => bytes(size).map(Condition::Larger),
            ("smaller", ':', size) => bytes(size).map(Condition::Smaller),
            ("before", ':', date) => day(date).map(Condition::Before),
            ("after", ':', date) => day(date).map(Condition::After),
            _ => Err(unknown(name, operator)),
        }
    }

    fn matches(&self, candidate: Candidate<'_>) -> bool {
        match self {
            Condition::Text(field, test) => field.any(candidate, &mut |text| test.accepts(text)),
            Condition::Read(is_read) => candidate.is_read == *is_read,
            Condition::HasAttachment => candidate.summary.attachments > 0,
            Condition::Tagged => !candidate.tags.is_empty(),
            Condition::Larger(size) => candidate.size > *size,
            Condition::Smaller(size) => candidate.size < *size,
            Condition::Before(time) => candidate.received < *time,
            Condition::After(time) => candidate.received >= *time,
        }
    }
}

fn unknown(name: &str, operator: char) -> String {
    let mut names: Vec<&str> = FIELDS.iter().map(|(name, _)| *name).collect();
    names.extend(["is", "has", "larger", "smaller", "before", "after"]);
    format!(
        "{name}{operator} is not a condition; the fields are {}",
        names.join(", ")
    )
}

fn bytes(text: &str) -> Result<u64, String> {
    let lower = text.to_ascii_lowercase();
    let number = lower.trim_end_matches('b');
    let (digits, factor) = match number.strip_suffix(['k', 'm', 'g']) {
        Some(digits) if number.ends_with('k') => (digits, 1024),
        Some(digits) if number.ends_with('m') => (digits, 1024 * 1024),
        Some(digits) => (digits, 1024 * 1024 * 1024),
        None => (number, 1),
    };
    let size = digits.parse::<u64>().ok();
    size.and_then(|size| size.checked_mul(factor))
        .ok_or_else(|| format!("{text:?} is not a size, such as 100k or 2M"))
}

/// Midnight of a day in UTC.
fn day(text: &str) -> Result<i64, String> {
    let day = NaiveDate::parse_from_str(&text.replace('/', "-"), "%Y-%m-%d");
    let midnight = day.ok().and_then(|day| day.and_hms_opt(0, 0, 0));
    let midnight = midnight.ok_or_else(|| format!("{text:?} is not a date, such as 2026-12-01"))?;
    Ok(midnight.and_utc().timestamp())
}

impl Test {
    fn parse(operator: char, value: &str) -> Result<Test, String> {
        match operator {
            '=' => Ok(Test::Equals(value.chars().flat_map(folded).collect())),
            '~' => Ok(Test::Matches(Box::new(Expression::new(value)?))),
            _ if value.is_ascii() => Ok(Test::Contains(value.to_ascii_lowercase())),
            _ => Ok(Test::ContainsWide(value.chars().flat_map(folded).collect())),
        }
    }

    fn accepts(&self, text: &str) -> bool {
        match self {
            Test::Contains(part) => contains_ascii(text.as_bytes(), part),
            Test::Equals(whole) if text.is_ascii() => text.eq_ignore_ascii_case(whole),
            Test::Equals(whole) => text.chars().flat_map(folded).eq(whole.chars()),
            Test::ContainsWide(part) => !text.is_ascii() && contains_wide(text, part),
            Test::Matches(expression) => expression.is_match(text),
        }
    }
}

/// Letters and blanks of which texts have many.
const FREQUENT: &[u8] = b" etaoinsrhldcum";

/// True if a text has a part, which is in lower case. A copy of the text would take most of the time of a search.
fn contains_ascii(text: &[u8], part: &str) -> bool {
    let part = part.as_bytes();
    // The place of a byte that is rare in texts.
    let rare = part.iter().position(|byte| !FREQUENT.contains(byte));
    let rare = rare.unwrap_or(0);
    let Some(&byte) = part.get(rare) else {
        return true;
    };
    let places = memchr::memchr2_iter(byte, byte.to_ascii_uppercase(), text);
    let starts = places.filter_map(|at| at.checked_sub(rare));
    let mut found = starts.filter_map(|start| text.get(start..start + part.len()));
    found.any(|found| found.eq_ignore_ascii_case(part))
}

/// The same for a part with other characters than ASCII. Only what begins like the part is converted to lower case.
fn contains_wide(text: &str, part: &str) -> bool {
    let Some(first) = part.chars().next() else {
        return true;
    };
    // Most characters are in lower case, which is found out faster than their lower case.
    let has_other_form = |c: char| !c.is_lowercase() || c == FINAL_SIGMA;
    let begins = |c| c == first || has_other_form(c) && folded(c).next() == Some(first);
    text.match_indices(begins).any(|(at, _)| {
        let mut lower = text[at..].chars().flat_map(folded);
        part.chars().all(|expected| lower.next() == Some(expected))
    })
}

/// The small sigma at the end of a word, and at other places.
const FINAL_SIGMA: char = '\u{3c2}';
const SIGMA: char = '\u{3c3}';

/// The lower case of a character, the same at all places of a word.
fn folded(c: char) -> impl Iterator<Item = char> {
    let lower = c.to_lowercase();
    lower.map(|c| if c == FINAL_SIGMA { SIGMA } else { c })
}

impl Field {
    /// True if one of the texts of this field is accepted.
    fn any(self, candidate: Candidate<'_>, accepts: &mut dyn FnMut(&str) -> bool) -> bool {
        let Candidate {
            summary, envelope, ..
        } = candidate;
        let mut people = |lists: &[&[Person]]| {
            let mut all = lists.iter().flat_map(|list| list.iter());
            all.any(|person| is_accepted(person, accepts))
        };
        match self {
            Field::From => people(&[&summary.from]) || accepts(&envelope.sender),
            Field::To => {
                people(&[&summary.to]) || envelope.recipients.iter().any(|text| accepts(text))
            }
            Field::Cc => people(&[&summary.cc]),
            Field::Bcc => people(&[&summary.bcc]) || hidden(candidate).any(accepts),
            Field::ReplyTo => people(&[&summary.reply_to]),
            Field::Addressed => {
                let all: [&[Person]; 4] = [&summary.from, &summary.to, &summary.cc, &summary.bcc];
                people(&all) || envelope.recipients.iter().any(|text| accepts(text))
            }
            Field::Subject => accepts(&summary.subject),
            Field::MessageId => accepts(&summary.message_id),
            Field::Text => accepts(&summary.text),
            Field::Sender => accepts(&envelope.sender),
            Field::Recipient => envelope.recipients.iter().any(|text| accepts(text)),
            Field::Helo => accepts(&envelope.helo),
            Field::User => envelope.user.as_deref().is_some_and(accepts),
            Field::Tag => candidate.tags.iter().any(|tag| accepts(tag)),
            Field::Attachment => summary.files.iter().any(|name| accepts(name)),
            Field::Any => [
                Field::Subject,
                Field::Addressed,
                Field::Text,
                Field::Attachment,
                Field::MessageId,
            ]
            .into_iter()
            .any(|field| field.any(candidate, accepts)),
        }
    }
}

/// Tests the name, the address, and both as in a header field.
fn is_accepted(person: &Person, accepts: &mut dyn FnMut(&str) -> bool) -> bool {
    let Person { name, address } = person;
    [name, address]
        .into_iter()
        .any(|text| !text.is_empty() && accepts(text))
        || !name.is_empty() && !address.is_empty() && accepts(&format!("{name} <{address}>"))
}

/// The recipients of the envelope that the header does not name.
pub fn hidden(candidate: Candidate<'_>) -> impl Iterator<Item = &str> {
    let summary = candidate.summary;
    let named = move |recipient: &str| {
        let mut people = summary.to.iter().chain(&summary.cc);
        people.any(|person| person.address.eq_ignore_ascii_case(recipient))
    };
    let recipients = candidate.envelope.recipients.iter().map(String::as_str);
    recipients.filter(move |recipient| !named(recipient))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn matches(query: &str) -> bool {
        let person = |name: &str, address: &str| Person {
            name: name.to_owned(),
            address: address.to_owned(),
        };
        let summary = Summary {
            from: vec![person("Ren\u{e9} Crepes", "alice@crepes.fr")],
            to: vec![person("", "bob@hamburger.edu")],
            message_id: "1@crepes.fr".to_owned(),
            subject: "Your order 4711: Ketchup, gro\u{df}e \u{e4}nderung".to_owned(),
            text: "Do you like ketchup? https://crepes.fr/menu".to_owned(),
            attachments: 1,
            files: vec!["Menu 12.pdf".to_owned()],
            ..Summary::default()
        };
        let envelope = ReceivedEnvelope {
            sender: "bounces@crepes.fr".to_owned(),
            recipients: vec!["bob@hamburger.edu".to_owned(), "eve@example.org".to_owned()],
            helo: "client.example".to_owned(),
            ..ReceivedEnvelope::default()
        };
        let candidate = Candidate {
            summary: &summary,
            envelope: &envelope,
            is_read: false,
            tags: &["shop".to_owned()],
            received: 1_796_083_200,
            size: 3000,
        };
        Query::search(query).unwrap().matches(candidate)
    }

    #[test]
    fn all_terms_must_be_met() {
        for query in [
            "",
            "ketchup",
            "\"order 4711\" ketchup",
            "from:ren\u{c9}",
            "from=\"ren\u{e9} crepes <ALICE@crepes.fr>\"",
            "message-id=<1@crepes.fr> id:1@crepes",
            "to=BOB@hamburger.edu subject~\"order [0-9]+:\"",
            "subject~^your -subject:mustard",
            "text~\\bmenu\\b -text~\\bmen\\b",
            "from~\"^ren. crepes$\"",
            "from:REN\u{c9}",
            "REN\u{c9}",
            "ren\u{c9}",
            "subject:\u{df} subject:\u{c4}nder from:\u{e9}",
            "from~\"ren[\u{e9}\u{e8}] crepes\"",
            "bcc=eve@example.org",
            "sender=bounces@crepes.fr recipient:eve",
            "is:unread has:attachment larger:2k smaller:1M",
            "after:2026-11-30 before:2027-01-01",
            "tag=shop is:tagged helo:client",
            "attachment:menu attachment~\"[0-9]\\.pdf$\" 12.PDF",
            "https://crepes.fr/menu",
            "!from:bob",
            "KETCHUP?",
            "like subject:\"your order\" subject:r",
            "\"\"",
        ] {
            assert!(matches(query), "{query}");
        }
        for query in [
            "ketchup mustard",
            "https://crepes.fr/menus",
            "to=bob@hamburger",
            "subject='Your order'",
            "-ketchup",
            "is:read",
            "from=alice",
            "before:2020-01-01",
            "user:bob",
            "nothing:here",
        ] {
            assert!(!matches(query), "{query}");
        }
    }

    #[test]
    fn letters_with_several_small_or_capital_forms_are_the_same() {
        let capitals = "\u{39f}\u{394}\u{39f}\u{3a3}";
        let [road, odd] = ["\u{3c2}", "\u{3c3}"].map(|end| format!("\u{3bf}\u{3b4}\u{3bf}{end}"));
        for (query, text) in [
            (capitals, capitals),
            (capitals, &road),
            (&road, capitals),
            (&road, &odd),
            (&odd, &road),
            ("\u{3c3}", &road),
            ("\u{3a3}\u{3b1}", "\u{3bf}\u{3c2}\u{3b1}"),
            ("gro\u{df}e", "GRO\u{1e9e}E"),
            ("GRO\u{1e9e}E", "gro\u{df}e"),
            ("\u{df}", "GRO\u{1e9e}E"),
            ("\u{1e9e}", "gro\u{df}e"),
            ("\u{130}zmir", "to \u{130}ZM\u{130}R, \u{130}zmir"),
        ] {
            let contains = Test::parse(':', query).unwrap();
            assert!(contains.accepts(text), "{query} in {text}");
            let equals = Test::parse('=', query).unwrap();
            let is_whole = query.chars().count() == text.chars().count();
            assert_eq!(equals.accepts(text), is_whole, "{query} = {text}");
        }
    }

    #[test]
    fn mistakes_are_named() {
        for (query, part) in [
            ("subjct~x", "subjct~ is not a condition"),
            ("subject~[", "regular expression"),
            ("subject:\"x", "quotation mark"),
            ("larger:x", "size"),
            ("before:today", "date"),
        ] {
            let error = Query::parse(query).unwrap_err();
            assert!(error.contains(part) && !error.contains('\n'), "{error}");
        }
        assert!(Query::search("subjct~x").is_ok());
    }
}
