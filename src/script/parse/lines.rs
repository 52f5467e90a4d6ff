//! The lines of one script, without blank ones and comments.

use crate::script::source::ScriptSource;
use crate::script::statement::ScriptPosition;
use std::borrow::Cow;
use std::path::{Path, PathBuf};
use std::sync::Arc;

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
    pub fn ahead(&mut self) -> Option<&'s str> {
        self.skip_empty();
        let (_, line) = self.rest.peek()?;
        line.split_whitespace().next()
    }

    pub fn next(&mut self) -> Option<ScriptLine<'s>> {
        self.skip_empty();
        let (number, text) = self.rest.next()?;
        let mut text = Cow::Borrowed(text.trim());
        while let Some(whole) = goes_on(&text) {
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
fn goes_on(line: &str) -> Option<&str> {
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
