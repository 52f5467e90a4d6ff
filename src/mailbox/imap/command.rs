//! Commands to an IMAP server: words, and strings as quoted strings or literals (RFC 3501 §4.3, RFC 7888).

use crate::client::session::auth::STARS;
use zeroize::Zeroizing;

/// Longest string that is quoted.
const MAX_QUOTED: usize = 1000;

/// Longest literal that LITERAL- allows without a wait (RFC 7888 §5).
const MAX_SHORT_LITERAL: usize = 4096;

/// Literals that are sent without waiting for the server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NonSynchronizing {
    None,
    /// LITERAL-.
    Short,
    /// LITERAL+.
    All,
}

/// A command without its tag, in the pieces between literals.
pub struct Command {
    verb: String,
    pieces: Vec<Piece>,
    literals: NonSynchronizing,
    /// True if quoted strings may have UTF-8 (RFC 6855 §3).
    utf8: bool,
}

/// A line of a command.
pub struct Piece {
    pub octets: Zeroizing<Vec<u8>>,
    /// The line with secrets masked.
    pub shown: String,
    /// True if the server must ask for the next line.
    pub waits: bool,
}

impl Command {
    /// A command that begins with these words.
    pub fn new(words: &str) -> Self {
        let count = if words.starts_with("UID ") { 2 } else { 1 };
        let verb: Vec<&str> = words.split(' ').take(count).collect();
        let mut command = Self {
            verb: verb.join(" "),
            pieces: vec![Piece::empty()],
            literals: NonSynchronizing::None,
            utf8: false,
        };
        command.put(words.as_bytes(), words);
        command
    }

    /// Allows literals without a wait, and UTF-8 in quoted strings.
    pub fn with(mut self, literals: NonSynchronizing, utf8: bool) -> Self {
        self.literals = literals;
        self.utf8 = utf8;
        self
    }

    /// The name of the command, for errors.
    pub fn verb(&self) -> &str {
        &self.verb
    }

    /// Adds words.
    pub fn words(mut self, words: &str) -> Self {
        self.put(b" ", " ");
        self.put(words.as_bytes(), words);
        self
    }

    /// Adds a string.
    pub fn string(self, text: &str) -> Self {
        self.octets(text.as_bytes(), text)
    }

    /// Adds a secret string.
    pub fn secret(self, secret: &[u8]) -> Self {
        self.octets(secret, STARS)
    }

    fn octets(mut self, octets: &[u8], shown: &str) -> Self {
        self.put(b" ", " ");
        if self.may_be_quoted(octets) {
            let mut quoted = Zeroizing::new(Vec::with_capacity(2 * octets.len() + 2));
            quoted.push(b'"');
            for &octet in octets {
                if matches!(octet, b'"' | b'\\') {
                    quoted.push(b'\\');
                }
                quoted.push(octet);
            }
            quoted.push(b'"');
            let shown = if shown == STARS {
                STARS.to_owned()
            } else {
                String::from_utf8_lossy(&quoted).into_owned()
            };
            self.put(&quoted, &shown);
            return self;
        }
        let is_free = match self.literals {
            NonSynchronizing::None => false,
            NonSynchronizing::Short => octets.len() <= MAX_SHORT_LITERAL,
            NonSynchronizing::All => true,
        };
        let announced = format!("{{{}{}}}", octets.len(), if is_free { "+" } else { "" });
        self.put(announced.as_bytes(), &announced);
        if let Some(last) = self.pieces.last_mut() {
            last.waits = !is_free;
        }
        self.pieces.push(Piece::empty());
        self.put(octets, &crate::system::text::shown(shown));
        self
    }

    fn may_be_quoted(&self, octets: &[u8]) -> bool {
        let is_plain = |&octet: &u8| matches!(octet, b' '..=b'~') || self.utf8 && octet >= 0x80;
        octets.len() <= MAX_QUOTED && octets.iter().all(is_plain)
    }

    /// Appends to the last line. A new buffer takes the place of one that is too small, which is wiped.
    fn put(&mut self, octets: &[u8], shown: &str) {
        if let Some(last) = self.pieces.last_mut() {
            let mut longer = Zeroizing::new(Vec::with_capacity(last.octets.len() + octets.len()));
            longer.extend_from_slice(&last.octets);
            longer.extend_from_slice(octets);
            last.octets = longer;
            last.shown.push_str(shown);
        }
    }

    /// The lines with this tag.
    pub fn lines(mut self, tag: &str) -> Vec<Piece> {
        if let Some(first) = self.pieces.first_mut() {
            let mut tagged = Zeroizing::new(Vec::with_capacity(tag.len() + 1 + first.octets.len()));
            tagged.extend_from_slice(tag.as_bytes());
            tagged.push(b' ');
            tagged.extend_from_slice(&first.octets);
            first.octets = tagged;
            first.shown.insert_str(0, &format!("{tag} "));
        }
        self.pieces
    }
}

impl Piece {
    fn empty() -> Self {
        Self {
            octets: Zeroizing::default(),
            shown: String::new(),
            waits: false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines(command: Command) -> Vec<(String, String, bool)> {
        let lines = command.lines("a1").into_iter();
        lines
            .map(|line| {
                let octets = String::from_utf8(line.octets.to_vec()).unwrap();
                (octets, line.shown, line.waits)
            })
            .collect()
    }

    fn line(octets: &str, shown: &str, waits: bool) -> (String, String, bool) {
        (octets.to_owned(), shown.to_owned(), waits)
    }

    #[test]
    fn strings_are_quoted_and_secrets_are_masked() {
        let command = Command::new("LOGIN")
            .string(r#"al"ice\"#)
            .secret(b"hunter 2");
        assert_eq!(
            lines(command),
            [line(
                r#"a1 LOGIN "al\"ice\\" "hunter 2""#,
                &format!(r#"a1 LOGIN "al\"ice\\" {STARS}"#),
                false
            )]
        );
    }

    #[test]
    fn other_strings_are_literals() {
        let login = || Command::new("LOGIN");
        let command = login().string("émile").secret("é".as_bytes());
        assert_eq!(
            lines(command),
            [
                line("a1 LOGIN {6}", "a1 LOGIN {6}", true),
                line("émile {2}", "émile {2}", true),
                line("é", STARS, false)
            ]
        );
        let command = login().with(NonSynchronizing::All, false).string("é");
        assert_eq!(
            lines(command)[0],
            line("a1 LOGIN {2+}", "a1 LOGIN {2+}", false)
        );
        let long = "é".repeat(5000);
        let command = login().with(NonSynchronizing::Short, false).string(&long);
        assert!(lines(command)[0].2);
        let command = login().with(NonSynchronizing::None, true).string("é");
        assert_eq!(lines(command).len(), 1);
    }

    #[test]
    fn a_command_is_named_by_its_verb() {
        assert_eq!(Command::new("UID FETCH 1 (UID)").verb(), "UID FETCH");
        assert_eq!(Command::new("LIST").string("").verb(), "LIST");
    }
}
