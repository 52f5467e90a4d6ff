//! Statements of one line.

use crate::script::parse::lines::ScriptLines;
use crate::script::parse::words::LineWords;
use crate::script::parse::words::time;
use crate::script::parse::{ScriptText, reply, send as saying};
use crate::script::statement::{Act, Count, Handshake, Leaving, TestResult, TestVerdict};
use crate::script::target;
use crate::smtp::mechanism::Mechanism;

/// Maximum number of iterations of `repeat`.
pub const MAX_TURNS: usize = 1_000_000;

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

pub fn parse(line: &str, lines: &ScriptLines<'_>) -> Result<Act, String> {
    if let Some(behind) = line.strip_prefix('>') {
        return saying::parse(behind, lines).map(Act::Say);
    }
    if let Some(behind) = line.strip_prefix('<') {
        return reply::parse(behind).map(Act::Expect);
    }
    let mut words = LineWords::new(line);
    let word = words.bare().unwrap_or_default();
    let act = match word {
        "connect" => connect(&mut words)?,
        "starttls" | "tls" => Act::Secure {
            starttls: word == "starttls",
            wanted: if words.takes("verified") {
                Handshake::Verified
            } else {
                Handshake::Usual
            },
        },
        "try-tls" => Act::Secure {
            starttls: false,
            wanted: Handshake::Perhaps,
        },
        "auth" => Act::Auth(words.bare().map(mechanism).transpose()?),
        "pause" => Act::Pause(time(&mut words, "a time like 2s or 500ms")?),
        "timeout" => Act::Timeout(time(&mut words, "a time like 5s")?),
        "expect-close" => Act::ExpectClose(match words.peek() {
            None => None,
            Some(_) => Some(time(&mut words, "a time like 5s")?),
        }),
        "expect-silence" => Act::ExpectSilence(time(&mut words, "a time like 1s")?),
        "close" => Act::Leave(Leaving::Close),
        "reset" => Act::Leave(Leaving::Reset),
        "half-close" => Act::Leave(Leaving::HalfClose),
        "set" | "default" => Act::Set {
            name: words.name()?,
            value: words.text("the value of the variable")?,
            default: word == "default",
        },
        "print" => return ScriptText::parse(words.rest()).map(Act::Print),
        _ => return judgement(word, words.rest()).unwrap_or_else(|| Err(unknown(word))),
    };
    words.end()?;
    Ok(act)
}

fn connect(words: &mut LineWords<'_>) -> Result<Act, String> {
    let mut tls = words.takes("tls");
    let target = match words.peek() {
        None => None,
        Some(_) => Some(words.text(target::EXPECTED)?),
    };
    tls |= words.takes("tls");
    if let Some(text) = target.as_ref().and_then(ScriptText::constant) {
        target::parse(&text)?;
    }
    Ok(Act::Connect { target, tls })
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
fn judgement(word: &str, rest: &str) -> Option<Result<Act, String>> {
    let (verdict, when) = word.split_once('-')?;
    let verdict = match verdict {
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
    Some(reply::parse(rest).map(|condition| {
        Act::Judge(TestVerdict {
            verdict,
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
        || "lines begin with >, <, #, connect, test and so on, see ehlo-script(1)".to_owned(),
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
    let number = text.parse().ok();
    let number = number.filter(|number| (1..=most).contains(number));
    number
        .map(Count::Fixed)
        .ok_or_else(|| format!("expected {what}"))
}

/// `NAME in VALUE...`
pub fn for_each(words: &mut LineWords<'_>) -> Result<(String, Vec<ScriptText>), String> {
    let name = words.name()?;
    if !words.takes("in") {
        return Err("expected `in` behind the name of the variable".to_owned());
    }
    let mut values = Vec::new();
    while words.peek().is_some() {
        values.push(words.text("a value")?);
    }
    if values.is_empty() {
        return Err("expected values behind `in`".to_owned());
    }
    Ok((name, values))
}
