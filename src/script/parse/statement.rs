//! Statements of one line.

use crate::script::expectation::{Code, ExpectedKeyword, ReplyExpectation};
use crate::script::parse::lines::ScriptLines;
use crate::script::parse::lines::{LineWords, time};
use crate::script::statement::{
    Count, Handshake, LineEnd, MessageSource, ScriptedClose, SendItem, StatementKind, TARGET,
    TestResult, TestVerdict, parse_target,
};
use crate::script::text::ScriptText;
use crate::smtp::mechanism::Mechanism;

/// Maximum number of iterations of `repeat`.
pub const MAX_ITERATIONS: usize = 1_000_000;

/// Maximum number of connections of `parallel`.
pub const MAX_CONNECTIONS: usize = 1000;

/// Every word that a line may begin with.
const WORDS: [&str; 31] = [
    "connect",
    "starttls",
    "tls",
    "try-tls",
    "auth",
    "pause",
    "timeout",
    "expect-close",
    "expect-silence",
    "close",
    "reset",
    "half-close",
    "set",
    "default",
    "print",
    "include",
    "for",
    "repeat",
    "parallel",
    "test",
    "end",
    "pass-if",
    "pass-unless",
    "skip-if",
    "skip-unless",
    "fail-if",
    "fail-unless",
    ">",
    "<",
    "{",
    "}",
];

pub fn parse(line: &str, lines: &ScriptLines<'_>) -> Result<StatementKind, String> {
    if let Some(after) = line.strip_prefix('>') {
        return data(after, lines).map(StatementKind::Send);
    }
    if let Some(after) = line.strip_prefix('<') {
        return condition(after).map(StatementKind::Expect);
    }
    let mut words = LineWords::new(line);
    let word = words.word().unwrap_or_default();
    let kind = match word {
        "connect" => connect(&mut words)?,
        "starttls" | "tls" => StatementKind::Tls {
            starttls: word == "starttls",
            wanted: if words.accept("verified") {
                Handshake::Verified
            } else {
                Handshake::Default
            },
        },
        "try-tls" => StatementKind::Tls {
            starttls: false,
            wanted: Handshake::Optional,
        },
        "auth" => StatementKind::Auth(words.word().map(mechanism).transpose()?),
        "pause" => StatementKind::Pause(time(&mut words, "a time such as 2s or 500ms")?),
        "timeout" => StatementKind::Timeout(time(&mut words, "a time such as 5s")?),
        "expect-close" => StatementKind::ExpectClose(match words.peek() {
            None => None,
            Some(_) => Some(time(&mut words, "a time such as 5s")?),
        }),
        "expect-silence" => StatementKind::ExpectSilence(time(&mut words, "a time such as 1s")?),
        "close" => StatementKind::Close(ScriptedClose::Close),
        "reset" => StatementKind::Close(ScriptedClose::Reset),
        "half-close" => StatementKind::Close(ScriptedClose::HalfClose),
        "set" | "default" => StatementKind::Set {
            name: words.name()?,
            value: words.text("the value of the variable")?,
            default: word == "default",
        },
        "print" => return ScriptText::parse(words.rest()).map(StatementKind::Print),
        _ => return verdict(word, words.rest()).unwrap_or_else(|| Err(unknown(word))),
    };
    words.end()?;
    Ok(kind)
}

fn connect(words: &mut LineWords<'_>) -> Result<StatementKind, String> {
    let mut tls = words.accept("tls");
    let target = match words.peek() {
        None => None,
        Some(_) => Some(words.text(TARGET)?),
    };
    tls |= words.accept("tls");
    if let Some(text) = target.as_ref().and_then(ScriptText::constant) {
        parse_target(&text)?;
    }
    Ok(StatementKind::Connect { target, tls })
}

fn mechanism(word: &str) -> Result<Mechanism, String> {
    let mut all = Mechanism::ALL.into_iter();
    let found = all.find(|mechanism| mechanism.name().eq_ignore_ascii_case(word));
    found.ok_or_else(|| {
        let names = Mechanism::ALL.map(Mechanism::name).join(", ");
        format!("expected one of {names}")
    })
}

/// `pass-if`, `skip-unless` and so on; `None` for any other word.
fn verdict(word: &str, rest: &str) -> Option<Result<StatementKind, String>> {
    let (result, when) = word.split_once('-')?;
    let result = match result {
        "pass" => TestResult::Pass,
        "skip" => TestResult::Skip,
        "fail" => TestResult::Fail,
        _ => return None,
    };
    let when = match when {
        "if" => true,
        "unless" => false,
        _ => return None,
    };
    Some(condition(rest).map(|condition| {
        StatementKind::Verdict(TestVerdict {
            result,
            when,
            condition,
        })
    }))
}

fn unknown(word: &str) -> String {
    let near = |known: &&&str| strsim::damerau_levenshtein(word, known);
    let nearest = WORDS.iter().min_by_key(near);
    let nearest =
        nearest.filter(|known| strsim::damerau_levenshtein(word, known) <= 2 && word.len() > 2);
    let meant = nearest.map_or_else(
        || "lines start with >, <, #, connect, test and so on; see ehlo-script(1)".to_owned(),
        |meant| format!("did you mean `{meant}`?"),
    );
    format!(
        "expected a statement, not `{}`; {meant}",
        crate::system::text::shown(word)
    )
}

/// A number and nothing else, up to `most`.
pub fn count(mut words: LineWords<'_>, most: usize) -> Result<Count, String> {
    let what = format!("a number from 1 to {most}");
    let text = words.text(&what)?;
    words.end()?;
    let Some(text) = text.constant() else {
        return Ok(Count::Of(text, most));
    };
    let number = text
        .parse()
        .ok()
        .filter(|number| (1..=most).contains(number));
    number
        .map(Count::Fixed)
        .ok_or_else(|| format!("expected {what}"))
}

/// `NAME in VALUE...`
pub fn for_each(words: &mut LineWords<'_>) -> Result<(String, Vec<ScriptText>), String> {
    let name = words.name()?;
    if !words.accept("in") {
        return Err("expected `in` after the variable name".to_owned());
    }
    let mut values = Vec::new();
    while words.peek().is_some() {
        values.push(words.text("a value")?);
    }
    if values.is_empty() {
        return Err("expected values after `in`".to_owned());
    }
    Ok((name, values))
}

/// The words that can follow `>` directly.
const KINDS: [&str; 6] = ["raw", "lf", "cr", "slow", "file", "message"];

/// Parses the text after `>`; files are in the directory of the script.
pub fn data(after: &str, lines: &ScriptLines<'_>) -> Result<SendItem, String> {
    let kind = after
        .split(|c: char| c.is_whitespace() || c == '"')
        .next()
        .unwrap_or_default();
    let rest = &after[kind.len()..];
    let text = || ScriptText::parse(rest.trim());
    match kind {
        "raw" => raw(rest),
        "lf" => Ok(SendItem::Line(text()?, LineEnd::Lf)),
        "cr" => Ok(SendItem::Line(text()?, LineEnd::Cr)),
        "slow" => slow_line(rest),
        "file" => file(rest, lines),
        "message" => message(rest),
        word if is_small(word) => Err(format!(
            "expected >{}, or a blank after >",
            KINDS.join(", >")
        )),
        _ => Ok(SendItem::Line(
            ScriptText::parse(after.trim())?,
            LineEnd::CrLf,
        )),
    }
}

/// True if a word is in lower case: probably a misspelled script word and not an SMTP command.
fn is_small(word: &str) -> bool {
    !word.is_empty() && word.bytes().all(|byte| byte.is_ascii_lowercase())
}

fn raw(rest: &str) -> Result<SendItem, String> {
    let mut words = LineWords::new(rest);
    let mut all = words.quoted()?;
    while words.peek().is_some() {
        all.push(words.quoted()?);
    }
    Ok(SendItem::Raw(all))
}

fn slow_line(rest: &str) -> Result<SendItem, String> {
    let mut words = LineWords::new(rest);
    let interval = time(&mut words, "the time between two octets, such as 10ms")?;
    Ok(SendItem::Slowly(ScriptText::parse(words.rest())?, interval))
}

fn file(rest: &str, lines: &ScriptLines<'_>) -> Result<SendItem, String> {
    let mut words = LineWords::new(rest);
    let named = words.text("the name of a file")?;
    let name = named
        .constant()
        .ok_or("expected the name of a file, without variables")?;
    let path = lines.path(&name);
    if !path.is_file() {
        return Err(format!("{} is not a file", path.display()));
    }
    let form = if words.accept("dots") {
        MessageSource::Dots
    } else {
        MessageSource::Raw
    };
    words.end()?;
    Ok(SendItem::File(path, form))
}

fn message(rest: &str) -> Result<SendItem, String> {
    let mut words = LineWords::new(rest);
    let form = if words.accept("raw") {
        MessageSource::Raw
    } else {
        MessageSource::Dots
    };
    words.end()?;
    Ok(SendItem::Message(form))
}

const WANTED: &str = "expected a code such as 250, 2xx or 250|251, any, close, /REGEX/, has KEYWORD or lacks KEYWORD";

pub fn condition(after: &str) -> Result<ReplyExpectation, String> {
    let mut words = LineWords::new(after);
    let mut wanted = ReplyExpectation::default();
    let begins_with_code = words.peek().is_some_and(|c| c.is_ascii_digit());
    if begins_with_code || words.peek().is_some_and(|c| c == 'a' || c == 'c') {
        codes(&mut words, &mut wanted)?;
    }
    if words.peek() == Some('/') {
        wanted.regex = Some(words.regex()?);
    }
    while words.peek().is_some() {
        if words.accept("has") {
            let keyword = keyword(&mut words)?;
            wanted.has.push(keyword);
        } else if words.accept("lacks") {
            let keyword = keyword(&mut words)?;
            wanted.lacks.push(keyword);
        } else {
            return Err(WANTED.to_owned());
        }
    }
    let is_empty = wanted.codes.is_empty()
        && wanted.regex.is_none()
        && wanted.has.is_empty()
        && wanted.lacks.is_empty();
    if is_empty {
        return Err(WANTED.to_owned());
    }
    Ok(wanted)
}

/// `250|251`, also with blanks around the bar, and perhaps with a hyphen at the end.
fn codes(words: &mut LineWords<'_>, wanted: &mut ReplyExpectation) -> Result<(), String> {
    loop {
        let word = words.word().ok_or(WANTED)?;
        let continued = word.ends_with('|');
        let word = word.trim_end_matches('|');
        let plain = word.strip_suffix('-').unwrap_or(word);
        wanted.many |= plain.len() < word.len();
        for one in plain.split('|') {
            wanted.codes.push(code(one)?);
        }
        if words.accept("|") || continued {
            continue;
        }
        return Ok(());
    }
}

fn code(word: &str) -> Result<Code, String> {
    match word {
        "any" => return Ok(Code::Any),
        "close" => return Ok(Code::Close),
        _ => {}
    }
    let lower = word.to_ascii_lowercase();
    let digits = lower.trim_end_matches(['x', 'y', 'z']);
    let number: u16 = digits.parse().map_err(|_| WANTED)?;
    match (digits.len(), lower.len()) {
        (1, 1 | 3) if (2..=5).contains(&number) => Ok(Code::Class(number)),
        (3, 3) if (200..600).contains(&number) => Ok(Code::Exactly(number)),
        _ => Err("expected a code from 200 to 599, or a class from 2xx to 5xx".to_owned()),
    }
}

fn keyword(words: &mut LineWords<'_>) -> Result<ExpectedKeyword, String> {
    let name = words
        .word()
        .ok_or("expected an EHLO keyword such as SIZE")?;
    let mut parameters = Vec::new();
    while let Some(word) = words
        .peek_word()
        .filter(|word| !["has", "lacks"].contains(word))
    {
        parameters.push(word.to_owned());
        words.word();
    }
    Ok(ExpectedKeyword {
        name: name.to_owned(),
        parameters,
    })
}
