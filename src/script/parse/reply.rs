//! The conditions on a reply, after `<`, `pass-if` and similar words.

use crate::script::expectation::{Code, ExpectedKeyword, ReplyExpectation};
use crate::script::parse::words::LineWords;

const WANTED: &str =
    "expected a code like 250, 2xx or 250|251, any, close, /REGEX/, has KEYWORD or lacks KEYWORD";

/// Reads the whole of it.
pub fn parse(behind: &str) -> Result<ReplyExpectation, String> {
    let mut words = LineWords::new(behind);
    let mut wanted = ReplyExpectation::default();
    let begins_with_code = words.peek().is_some_and(|c| c.is_ascii_digit());
    if begins_with_code || words.peek().is_some_and(|c| c == 'a' || c == 'c') {
        codes(&mut words, &mut wanted)?;
    }
    if words.peek() == Some('/') {
        wanted.regex = Some(words.regex()?);
    }
    while words.peek().is_some() {
        if words.takes("has") {
            let keyword = keyword(&mut words)?;
            wanted.has.push(keyword);
        } else if words.takes("lacks") {
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
        let word = words.bare().ok_or(WANTED)?;
        let goes_on = word.ends_with('|');
        let word = word.trim_end_matches('|');
        let plain = word.strip_suffix('-').unwrap_or(word);
        wanted.many |= plain.len() < word.len();
        for one in plain.split('|') {
            wanted.codes.push(code(one)?);
        }
        if words.takes("|") || goes_on {
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
        .bare()
        .ok_or("expected a keyword of EHLO, like SIZE")?;
    let mut parameters = Vec::new();
    while let Some(word) = words
        .ahead()
        .filter(|word| !["has", "lacks"].contains(word))
    {
        parameters.push(word.to_owned());
        words.bare();
    }
    Ok(ExpectedKeyword {
        name: name.to_owned(),
        parameters,
    })
}
