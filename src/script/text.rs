//! Texts with variables that are replaced when the script is run.

use std::collections::BTreeMap;
use std::fmt;

/// Maximum size of a text after replacement, in octets.
pub const MAX_TEXT: usize = 16 * 1024 * 1024;

/// The only name with a dot that does not need braces.
const SIZE: &str = "message.size";

/// The values of the variables: any octets.
pub type Variables = BTreeMap<String, Vec<u8>>;

/// A text of octets and variables.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ScriptText {
    pieces: Vec<TextPiece>,
}

/// A part of a text.
#[derive(Clone, Debug, PartialEq, Eq)]
enum TextPiece {
    Octets(Vec<u8>),
    Variable(String),
    /// A repeated text.
    Times(ScriptText, usize),
}

/// The reason why a text cannot be produced.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TextError {
    /// The variable was not set, or its capture has not happened.
    #[error("${0} is not set yet")]
    Unset(String),
    #[error("text exceeds {MAX_TEXT} octets")]
    TooLong,
}

impl ScriptText {
    /// A text without variables.
    pub fn literal(octets: impl Into<Vec<u8>>) -> Self {
        Self {
            pieces: vec![TextPiece::Octets(octets.into())],
        }
    }

    /// Reads `$name`, `${name}` and `$$`. A `$` before anything else is itself.
    pub fn parse(source: &str) -> Result<Self, String> {
        let mut text = Self::default();
        let mut rest = source;
        while let Some((before, after)) = rest.split_once('$') {
            text.push_octets(before.as_bytes());
            rest = text.variable(after)?;
        }
        text.push_octets(rest.as_bytes());
        Ok(text)
    }

    /// Parses the text after a `$`; returns the rest.
    fn variable<'t>(&mut self, after: &'t str) -> Result<&'t str, String> {
        if let Some(rest) = after.strip_prefix('$') {
            self.push_octets(b"$");
            return Ok(rest);
        }
        if let Some(inside) = after.strip_prefix('{') {
            let (name, rest) = inside
                .split_once('}')
                .filter(|(name, _)| is_name(name))
                .ok_or("expected ${name}; write $$ for a dollar sign")?;
            self.pieces.push(TextPiece::Variable(name.to_owned()));
            return Ok(rest);
        }
        let end = after.find(|c: char| !(c.is_ascii_alphanumeric() || c == '_'));
        let name = if after.starts_with(SIZE) {
            SIZE
        } else {
            &after[..end.unwrap_or(after.len())]
        };
        if is_name(name) {
            self.pieces.push(TextPiece::Variable(name.to_owned()));
        } else {
            self.push_octets(b"$");
            self.push_octets(name.as_bytes());
        }
        Ok(&after[name.len()..])
    }

    /// Adds octets at the end.
    pub fn push_octets(&mut self, octets: &[u8]) {
        if octets.is_empty() {
            return;
        }
        match self.pieces.last_mut() {
            Some(TextPiece::Octets(last)) => last.extend_from_slice(octets),
            _ => self.pieces.push(TextPiece::Octets(octets.to_vec())),
        }
    }

    /// Adds another text at the end.
    pub fn push(&mut self, other: Self) {
        self.pieces.extend(other.pieces);
    }

    /// Repeats this text.
    pub fn times(self, count: usize) -> Self {
        Self {
            pieces: vec![TextPiece::Times(self, count)],
        }
    }

    /// The text; `None`: it has variables.
    pub fn constant(&self) -> Option<String> {
        let is_constant = self.variables().is_empty();
        is_constant.then(|| self.string(&Variables::new()).unwrap_or_default())
    }

    /// The names of its variables.
    pub fn variables(&self) -> Vec<&str> {
        let names = |piece| match piece {
            &TextPiece::Octets(_) => Vec::new(),
            TextPiece::Variable(name) => vec![name.as_str()],
            TextPiece::Times(text, _) => text.variables(),
        };
        self.pieces.iter().flat_map(names).collect()
    }

    /// The octets, with the current values of the variables.
    pub fn octets(&self, variables: &Variables) -> Result<Vec<u8>, TextError> {
        let mut octets = Vec::new();
        for piece in &self.pieces {
            match piece {
                TextPiece::Octets(own) => octets.extend_from_slice(own),
                TextPiece::Variable(name) => {
                    let value = variables.get(name);
                    octets.extend(value.ok_or_else(|| TextError::Unset(name.clone()))?);
                }
                TextPiece::Times(text, count) => {
                    let once = text.octets(variables)?;
                    if once.len().saturating_mul(*count) > MAX_TEXT {
                        return Err(TextError::TooLong);
                    }
                    octets.extend(once.repeat(*count));
                }
            }
            if octets.len() > MAX_TEXT {
                return Err(TextError::TooLong);
            }
        }
        Ok(octets)
    }

    /// The same as text.
    pub fn string(&self, variables: &Variables) -> Result<String, TextError> {
        let octets = self.octets(variables)?;
        Ok(String::from_utf8_lossy(&octets).into_owned())
    }
}

/// True if this is a valid variable name.
pub fn is_name(text: &str) -> bool {
    let first = text.chars().next();
    first.is_some_and(|c| c.is_ascii_alphabetic() || c == '_')
        && text
            .chars()
            .all(|c| c.is_ascii_alphanumeric() || matches!(c, '_' | '.' | '-'))
}

/// Octets as a script would write them between quotes.
pub fn escaped(octets: &[u8]) -> String {
    let mut text = String::with_capacity(octets.len());
    for &octet in octets {
        match octet {
            b'\r' => text.push_str("\\r"),
            b'\n' => text.push_str("\\n"),
            b'\t' => text.push_str("\\t"),
            b'\\' => text.push_str("\\\\"),
            b'"' => text.push_str("\\\""),
            b' '..=b'~' => text.push(char::from(octet)),
            _ => text.push_str(&format!("\\x{octet:02x}")),
        }
    }
    text
}

/// The form in a script, for error texts.
impl fmt::Display for ScriptText {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for piece in &self.pieces {
            match piece {
                TextPiece::Octets(octets) => f.write_str(&escaped(octets))?,
                TextPiece::Variable(name) => write!(f, "${{{name}}}")?,
                TextPiece::Times(text, count) => write!(f, "\"{text}\"*{count}")?,
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn expanded(text: &str) -> String {
        let variables = [("to", "bob@x.org"), ("n", "3"), ("message.size", "42")]
            .map(|(name, value)| (name.to_owned(), value.as_bytes().to_vec()));
        let text = ScriptText::parse(text).unwrap();
        text.string(&variables.into()).unwrap()
    }

    #[test]
    fn a_dollar_sign_begins_a_variable() {
        assert_eq!(expanded("RCPT TO:<$to>"), "RCPT TO:<bob@x.org>");
        assert_eq!(expanded("${n}rd for $to."), "3rd for bob@x.org.");
        assert_eq!(expanded("BDAT $message.size LAST"), "BDAT 42 LAST");
        assert_eq!(expanded("$$n costs 5$ or $5"), "$n costs 5$ or $5");
    }

    #[test]
    fn an_unset_variable_is_named_in_the_error() {
        let text = ScriptText::parse("x $id").unwrap();
        assert_eq!(text.variables(), ["id"]);
        let error = text.octets(&Variables::new()).unwrap_err();
        assert_eq!(error.to_string(), "$id is not set yet");
    }

    #[test]
    fn the_size_of_a_text_is_limited() {
        let text = ScriptText::literal("0123456789abcdef").times(usize::MAX);
        assert_eq!(text.octets(&Variables::new()), Err(TextError::TooLong));
        let text = ScriptText::literal("ab").times(3);
        assert_eq!(text.octets(&Variables::new()).unwrap(), b"ababab");
    }

    #[test]
    fn octets_are_escaped_as_in_quoted_text() {
        assert_eq!(escaped(b"\r\n.\x00\"\\\xff"), r#"\r\n.\x00\"\\\xff"#);
    }
}
