//! The parser. A script and its includes are read completely before anything is run.

mod lines;
mod statement;
mod variables;

use crate::script::source;
use crate::script::source::ScriptSource;
use crate::script::statement::{
    Script, ScriptError, ScriptPosition, SendItem, Statement, StatementKind,
};
use lines::{LineWords, ScriptLine, ScriptLines};

/// Maximum depth of includes.
const MAX_DEPTH: usize = 16;

/// Maximum depth of nested blocks.
const MAX_BLOCKS: usize = 32;

/// Maximum number of statements of a script with its includes.
const MAX_STATEMENTS: usize = 100_000;

/// Maximum number of errors; parsing stops there.
const MAX_ERRORS: usize = 20;

/// Reads a script named on the command line. `known` are the variables set there.
///
/// # Errors
/// It cannot be read, or has errors: all of them, up to twenty.
pub fn parse(name: &str, known: &[&str]) -> Result<Script, Vec<ScriptError>> {
    let source = source::open(name).map_err(|error| vec![error])?;
    parse_source(&source, known)
}

/// Reads the text of a script.
///
/// # Errors
/// It has errors: all of them, up to twenty.
pub fn parse_source(source: &ScriptSource, known: &[&str]) -> Result<Script, Vec<ScriptError>> {
    let mut parser = ScriptParser::default();
    let statements = parser.source(source);
    if parser.errors.is_empty() {
        parser.errors = variables::unset(&statements, known);
    }
    parser.errors.truncate(MAX_ERRORS);
    if !parser.errors.is_empty() {
        return Err(parser.errors);
    }
    Ok(Script {
        name: source.name.clone(),
        statements,
    })
}

#[derive(Default)]
struct ScriptParser {
    errors: Vec<ScriptError>,
    /// The scripts being read, the outermost first.
    open: Vec<String>,
    /// The words of the open blocks, the outermost first.
    blocks: Vec<&'static str>,
    statements: usize,
}

/// The end of a block.
#[derive(Clone)]
enum Until {
    File,
    /// Before the next `test`, or at the end of the enclosing block.
    Test,
    /// At the `end` of this word, which is at this position.
    End(&'static str, ScriptPosition),
}

impl Until {
    /// True if the block may contain tests.
    fn has_tests(&self, inside_test: bool) -> bool {
        !inside_test && matches!(self, Self::File | Self::End("for", _))
    }
}

impl ScriptParser {
    fn source(&mut self, source: &ScriptSource) -> Vec<Statement> {
        self.open.push(source.name.clone());
        let statements = self.block(&mut ScriptLines::of(source), &Until::File, false);
        self.open.pop();
        statements
    }

    fn block(
        &mut self,
        lines: &mut ScriptLines<'_>,
        until: &Until,
        in_test: bool,
    ) -> Vec<Statement> {
        let mut block = Vec::new();
        while let Some(word) = lines.peek_word() {
            if matches!(until, Until::Test) && ["test", "end"].contains(&word) {
                return block;
            }
            let Some(line) = lines.next() else {
                break;
            };
            if word == "end" && matches!(until, Until::End(..)) {
                let end = LineWords::new(line.split().1).end();
                self.note(&line.at, end);
                return block;
            }
            let made = match word {
                "end" => Err("unexpected `end`; no block is open".to_owned()),
                "test" if !until.has_tests(in_test) => Err(
                    "unexpected `test`; tests are allowed only at the top level, or in a `for` there"
                        .to_owned(),
                ),
                _ => self.statement(&line, lines, in_test),
            };
            if let Some(made) = self.note(&line.at, made) {
                block.extend(made);
            }
            if self.errors.len() >= MAX_ERRORS {
                return block;
            }
        }
        if let Until::End(word, at) = until {
            self.note::<()>(at, Err(format!("expected `end` for this `{word}`")));
        }
        block
    }

    /// Records an error.
    fn note<T>(&mut self, at: &ScriptPosition, made: Result<T, String>) -> Option<T> {
        let error = |what| ScriptError::Line {
            at: at.clone(),
            what,
        };
        made.map_err(|what| self.errors.push(error(what))).ok()
    }

    /// One statement, with the lines that belong to it; an include yields any number.
    fn statement(
        &mut self,
        line: &ScriptLine<'_>,
        lines: &mut ScriptLines<'_>,
        in_test: bool,
    ) -> Result<Vec<Statement>, String> {
        self.statements += 1;
        if self.statements > MAX_STATEMENTS {
            return Err(format!(
                "expected a script of at most {MAX_STATEMENTS} statements"
            ));
        }
        let (word, rest) = line.split();
        let kind = match word {
            "include" => return self.include(rest, lines),
            "for" | "repeat" | "parallel" | "test" => self.with_body(line, lines, in_test)?,
            "{" => StatementKind::SendTogether(self.together(line, lines)?),
            _ => statement::parse(&line.text, lines)?,
        };
        Ok(vec![Statement {
            at: line.at.clone(),
            kind,
        }])
    }

    fn include(&mut self, rest: &str, lines: &ScriptLines<'_>) -> Result<Vec<Statement>, String> {
        let mut words = LineWords::new(rest);
        let name = words.text("the name of a script")?;
        words.end()?;
        let name = name
            .constant()
            .ok_or("expected the name of a script, without variables")?;
        let source =
            source::open_included(&name, lines.directory()).map_err(|error| error.to_string())?;
        if self.open.contains(&source.name) {
            let loops = [&self.open[..], &[source.name]].concat().join(" -> ");
            return Err(format!("a script includes itself: {loops}"));
        }
        if self.open.len() >= MAX_DEPTH {
            return Err(format!("includes are nested more than {MAX_DEPTH} deep"));
        }
        Ok(self.source(&source))
    }

    fn with_body(
        &mut self,
        line: &ScriptLine<'_>,
        lines: &mut ScriptLines<'_>,
        in_test: bool,
    ) -> Result<StatementKind, String> {
        let (word, rest) = line.split();
        let mut words = LineWords::new(rest);
        // The body is read even if its first line has an error, so that its `end` is not another.
        match word {
            "test" => {
                let name = words
                    .text("the name of the test")
                    .and_then(|name| words.end().map(|()| name));
                let body = self.block(lines, &Until::Test, true);
                Ok(StatementKind::Test { name: name?, body })
            }
            "for" => {
                let head = statement::for_each(&mut words);
                let body = self.body("for", line, lines, in_test)?;
                let (name, values) = head?;
                Ok(StatementKind::For { name, values, body })
            }
            "repeat" => {
                let count = statement::count(words, statement::MAX_ITERATIONS);
                let body = self.body("repeat", line, lines, true)?;
                Ok(StatementKind::Repeat(count?, body))
            }
            _ => {
                let count = statement::count(words, statement::MAX_CONNECTIONS);
                let body = self.body("parallel", line, lines, true)?;
                Ok(StatementKind::Parallel(count?, body))
            }
        }
    }

    /// The statements between this line and its `end`.
    fn body(
        &mut self,
        word: &'static str,
        line: &ScriptLine<'_>,
        lines: &mut ScriptLines<'_>,
        in_test: bool,
    ) -> Result<Vec<Statement>, String> {
        let is_too_deep = self.blocks.len() >= MAX_BLOCKS;
        if is_too_deep || (word == "parallel" && self.blocks.contains(&word)) {
            lines.skip_block();
            return Err(match word {
                "parallel" if !is_too_deep => {
                    "unexpected `parallel` inside another `parallel`".to_owned()
                }
                _ => format!("blocks are nested more than {MAX_BLOCKS} deep"),
            });
        }
        self.blocks.push(word);
        let body = self.block(lines, &Until::End(word, line.at.clone()), in_test);
        self.blocks.pop();
        Ok(body)
    }

    /// `{`, the lines to send in one packet, and `}`.
    fn together(
        &mut self,
        line: &ScriptLine<'_>,
        lines: &mut ScriptLines<'_>,
    ) -> Result<Vec<SendItem>, String> {
        LineWords::new(line.split().1).end()?;
        let mut all = Vec::new();
        while let Some(next) = lines.next() {
            if next.split().0 == "}" {
                LineWords::new(next.split().1).end()?;
                return Ok(all);
            }
            let item = match next.text.strip_prefix('>') {
                Some(after) => statement::data(after, lines),
                None => Err("expected a line that begins with >, or }".to_owned()),
            };
            let item = item.and_then(|item| match item {
                SendItem::Slowly(..) => Err("unexpected >slow between { and }".to_owned()),
                item => Ok(item),
            });
            all.extend(self.note(&next.at, item));
            if self.errors.len() >= MAX_ERRORS {
                return Ok(all);
            }
        }
        Err("expected } for this {".to_owned())
    }
}

#[cfg(test)]
mod tests;
