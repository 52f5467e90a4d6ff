//! Lines that begin with `>`: data to send.

use crate::script::parse::lines::ScriptLines;
use crate::script::parse::words::LineWords;
use crate::script::parse::words::time;
use crate::script::statement::{LineEnd, MessageSource, Saying};
use crate::script::text::ScriptText;

/// The words that can follow `>` directly.
const KINDS: [&str; 6] = ["raw", "lf", "cr", "slow", "file", "message"];

/// Parses the text after `>`; files are in the directory of the script.
pub fn parse(behind: &str, lines: &ScriptLines<'_>) -> Result<Saying, String> {
    let kind = behind
        .split(|c: char| c.is_whitespace() || c == '"')
        .next()
        .unwrap_or_default();
    let rest = &behind[kind.len()..];
    let text = || ScriptText::parse(rest.trim());
    match kind {
        "raw" => raw(rest),
        "lf" => Ok(Saying::Line(text()?, LineEnd::Lf)),
        "cr" => Ok(Saying::Line(text()?, LineEnd::Cr)),
        "slow" => slowly(rest),
        "file" => file(rest, lines),
        "message" => message(rest),
        word if is_small(word) => Err(format!(
            "expected >{}, or a blank behind the > of a line",
            KINDS.join(", >")
        )),
        _ => Ok(Saying::Line(
            ScriptText::parse(behind.trim())?,
            LineEnd::CrLf,
        )),
    }
}

/// True if a word is in lower case: probably a misspelled script word and not an SMTP command.
fn is_small(word: &str) -> bool {
    !word.is_empty() && word.bytes().all(|byte| byte.is_ascii_lowercase())
}

fn raw(rest: &str) -> Result<Saying, String> {
    let mut words = LineWords::new(rest);
    let mut all = words.quoted()?;
    while words.peek().is_some() {
        all.push(words.quoted()?);
    }
    Ok(Saying::Raw(all))
}

fn slowly(rest: &str) -> Result<Saying, String> {
    let mut words = LineWords::new(rest);
    let gap = time(&mut words, "the time between two octets, like 10ms")?;
    Ok(Saying::Slowly(ScriptText::parse(words.rest())?, gap))
}

fn file(rest: &str, lines: &ScriptLines<'_>) -> Result<Saying, String> {
    let mut words = LineWords::new(rest);
    let named = words.text("the name of a file")?;
    let name = named.constant();
    let name = name.ok_or("expected the name of a file, without variables")?;
    let path = lines.path(&name);
    if !path.is_file() {
        return Err(format!("expected a file; {} is none", path.display()));
    }
    let form = if words.takes("dots") {
        MessageSource::Dots
    } else {
        MessageSource::Raw
    };
    words.end()?;
    Ok(Saying::File(path, form))
}

fn message(rest: &str) -> Result<Saying, String> {
    let mut words = LineWords::new(rest);
    let form = if words.takes("raw") {
        MessageSource::Raw
    } else {
        MessageSource::Dots
    };
    words.end()?;
    Ok(Saying::Message(form))
}
