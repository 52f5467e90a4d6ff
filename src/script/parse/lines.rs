//! The lines of one script, without blank ones and comments, and the words of a line.

use crate::script::source::ScriptSource;
use crate::script::statement::{ScriptPosition, Time};
use crate::script::text::{MAX_TEXT, ScriptText, is_name};
use std::borrow::Cow;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

/// The lines, one after the other.
pub struct ScriptLines<'s> {
    file: Arc<str>,
    source: &'s ScriptSource,
    rest: std::iter::Peekable<std::iter::Enumerate<std::str::Lines<'s>>>,
}

/// One line, without blanks around it.
#[derive(Clone)]
pub struct ScriptLine<'s> {
    pub at: ScriptPosition,
    pub text: Cow<'s, str>,
}

impl<'s> ScriptLines<'s> {
    pub fn of(source: &'s ScriptSource) -> Self {
        Self {
            file: source.name.as_str().into(),
            source,
            rest: source.text.lines().enumerate().peekable(),
        }
    }

    /// The directory of the files that the script names.
    pub fn directory(&self) -> Option<&'s Path> {
        self.source.directory.as_deref()
    }

    /// The path of a file that the script names.
    pub fn path(&self, name: &str) -> PathBuf {
        self.directory().unwrap_or(Path::new("")).join(name)
    }

    /// The first word of the next line.
    pub fn peek_word(&mut self) -> Option<&'s str> {
        self.skip_empty();
        let (_, line) = self.rest.peek()?;
        line.split_whitespace().next()
    }

    pub fn next(&mut self) -> Option<ScriptLine<'s>> {
        self.skip_empty();
        let (number, text) = self.rest.next()?;
        let mut text = Cow::Borrowed(text.trim());
        while let Some(whole) = continued(&text) {
            let next = self.rest.next().map_or("", |(_, next)| next.trim());
            text = Cow::Owned(format!("{whole} {next}"));
        }
        Some(ScriptLine {
            at: ScriptPosition {
                file: self.file.clone(),
                line: number + 1,
            },
            text,
        })
    }

    /// Skips the rest of a block, up to its `end`.
    pub fn skip_block(&mut self) {
        let mut open = 1_usize;
        while open > 0 {
            let Some(line) = self.next() else { return };
            match line.split().0 {
                "for" | "repeat" | "parallel" => open += 1,
                "end" => open -= 1,
                _ => {}
            }
        }
    }

    fn skip_empty(&mut self) {
        let is_empty = |line: &str| line.trim().is_empty() || line.trim().starts_with('#');
        while self.rest.next_if(|(_, line)| is_empty(line)).is_some() {}
    }
}

/// The line without a backslash at its end that continues it; `None`: not continued. In a line that is sent
/// verbatim the backslash is content.
fn continued(line: &str) -> Option<&str> {
    let is_verbatim = line.starts_with('>') && !line.starts_with(">raw");
    line.strip_suffix(" \\").filter(|_| !is_verbatim)
}

impl ScriptLine<'_> {
    /// The first word, and the text after it.
    pub fn split(&self) -> (&str, &str) {
        match self.text.split_once(char::is_whitespace) {
            Some((word, rest)) => (word, rest.trim_start()),
            None => (&self.text, ""),
        }
    }
}

/// Maximum time in a script.
const MAX_TIME: Duration = Duration::from_secs(24 * 60 * 60);

/// The rest of a line.
pub struct LineWords<'l> {
    rest: &'l str,
}

impl<'l> LineWords<'l> {
    pub fn new(line: &'l str) -> Self {
        Self { rest: line.trim() }
    }

    /// The rest, without blanks around it.
    pub fn rest(self) -> &'l str {
        self.rest.trim()
    }

    /// The next character that is not a blank; `None`: at the end or before a comment.
    pub fn peek(&self) -> Option<char> {
        self.rest.trim_start().chars().next().filter(|&c| c != '#')
    }

    /// The next word, unparsed, up to a blank.
    pub fn word(&mut self) -> Option<&'l str> {
        self.peek()?;
        let rest = self.rest.trim_start();
        let end = rest.find(char::is_whitespace).unwrap_or(rest.len());
        self.rest = &rest[end..];
        Some(&rest[..end])
    }

    /// The next word, which stays the next.
    pub fn peek_word(&self) -> Option<&'l str> {
        LineWords { rest: self.rest }.word()
    }

    /// Takes this word, if it is the next.
    pub fn accept(&mut self, word: &str) -> bool {
        let is_next = self.peek_word() == Some(word);
        if is_next {
            self.word();
        }
        is_next
    }

    /// The next word, with or without quotes; `what` describes it for the error.
    pub fn text(&mut self, what: &str) -> Result<ScriptText, String> {
        match self.peek() {
            None => Err(format!("expected {what}")),
            Some('"') => self.quoted(),
            Some(_) => ScriptText::parse(self.word().unwrap_or_default()),
        }
    }

    /// A text in quotes, with its repetitions.
    pub fn quoted(&mut self) -> Result<ScriptText, String> {
        let rest = self.rest.trim_start();
        let inside = rest.strip_prefix('"').ok_or("expected a text in quotes")?;
        let end = end_of_quote(inside).ok_or("expected a quote at the end of the text")?;
        let text = unescaped(&inside[..end])?;
        self.rest = &inside[end + 1..];
        match self.times()? {
            None => Ok(text),
            Some(count) => Ok(text.times(count)),
        }
    }

    /// `*N` after a quoted text.
    fn times(&mut self) -> Result<Option<usize>, String> {
        let Some(after) = self.rest.trim_start().strip_prefix('*') else {
            return match self.rest.chars().next() {
                Some(c) if !c.is_whitespace() => Err(format!(
                    "expected a blank or *NUMBER after the quote, not {c}"
                )),
                _ => Ok(None),
            };
        };
        let mut number = LineWords { rest: after };
        let count = number
            .word()
            .and_then(|word| word.parse().ok())
            .filter(|count| (1..=MAX_TEXT).contains(count));
        self.rest = number.rest;
        count
            .map(Some)
            .ok_or_else(|| "expected a repeat count after *".to_owned())
    }

    /// A regular expression between slashes, with an optional `i` that ignores case.
    pub fn regex(&mut self) -> Result<regex_lite::Regex, String> {
        let inside = self.rest.trim_start().strip_prefix('/').unwrap_or_default();
        let end = end_of(inside, '/').ok_or("expected a / at the end of the regular expression")?;
        let pattern = inside[..end].replace("\\/", "/");
        self.rest = &inside[end + 1..];
        let any_case = match self.rest.chars().next() {
            None => false,
            Some(c) if c.is_whitespace() => false,
            Some('i') => {
                self.rest = &self.rest[1..];
                true
            }
            Some(c) => return Err(format!("expected i or a blank after the /, not {c}")),
        };
        let mut builder = regex_lite::RegexBuilder::new(&pattern);
        builder.case_insensitive(any_case).multi_line(true);
        let built = builder.build();
        built.map_err(|error| format!("expected a regular expression: {error}"))
    }

    /// The name of a variable.
    pub fn name(&mut self) -> Result<String, String> {
        let name = self.word().unwrap_or_default();
        if is_name(name) {
            return Ok(name.to_owned());
        }
        Err("expected the name of a variable: a letter, then letters, digits and _".to_owned())
    }

    /// Checks that nothing is left.
    pub fn end(mut self) -> Result<(), String> {
        match self.word() {
            None => Ok(()),
            Some(word) => Err(format!("expected the end of the line, not `{word}`")),
        }
    }
}

/// The position of the first closing character that is not escaped with a backslash.
fn end_of(text: &str, closing: char) -> Option<usize> {
    let mut is_escaped = false;
    for (at, c) in text.char_indices() {
        if c == closing && !is_escaped {
            return Some(at);
        }
        is_escaped = c == '\\' && !is_escaped;
    }
    None
}

fn end_of_quote(text: &str) -> Option<usize> {
    end_of(text, '"')
}

/// A quoted text: `\r`, `\n`, `\t`, `\0`, `\xNN`, `\\`, `\"`, and variables.
fn unescaped(text: &str) -> Result<ScriptText, String> {
    let mut made = ScriptText::default();
    let mut rest = text;
    while let Some((before, after)) = rest.split_once('\\') {
        made.push(ScriptText::parse(before)?);
        let mut characters = after.chars();
        let octet = match characters.next() {
            Some('r') => b'\r',
            Some('n') => b'\n',
            Some('t') => b'\t',
            Some('0') => 0,
            Some('\\') => b'\\',
            Some('"') => b'"',
            Some('x') => {
                let digits = characters.as_str().get(..2);
                characters = characters.as_str().get(2..).unwrap_or_default().chars();
                let octet = digits.and_then(|digits| u8::from_str_radix(digits, 16).ok());
                octet.ok_or("expected two hexadecimal digits after \\x")?
            }
            _ => return Err("expected \\r, \\n, \\t, \\0, \\xNN, \\\\ or \\\"".to_owned()),
        };
        made.push_octets(&[octet]);
        rest = characters.as_str();
    }
    made.push(ScriptText::parse(rest)?);
    Ok(made)
}

/// A time; `what` describes it for the error.
pub fn time(words: &mut LineWords<'_>, what: &str) -> Result<Time, String> {
    let text = words.text(what)?;
    let Some(text) = text.constant() else {
        return Ok(Time::Of(text));
    };
    let time = duration(&text).ok_or_else(|| format!("expected {what}"))?;
    Ok(Time::Fixed(time))
}

/// A time of a script; a day at most.
pub fn duration(text: &str) -> Option<Duration> {
    crate::system::time::parsed(text).filter(|&time| time <= MAX_TIME)
}
