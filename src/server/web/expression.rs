//! Regular expressions on texts of messages.

use regex::bytes::{Regex, RegexBuilder};

/// Largest compiled regular expression in bytes.
const MAX_SIZE: usize = 2 * 1024 * 1024;

/// A regular expression. Classes such as `\w`, and upper and lower case, are those of ASCII.
#[derive(Clone, Debug)]
pub enum Expression {
    Fast(FastExpression),
    /// A hundred times as slow, for what cannot be translated.
    Whole(regex_lite::Regex),
}

impl Expression {
    pub fn new(text: &str) -> Result<Self, String> {
        let whole = whole(text);
        let whole =
            whole.map_err(|error| format!("{text:?} is not a regular expression: {error}"))?;
        Ok(FastExpression::new(text).map_or(Self::Whole(whole), Self::Fast))
    }

    pub fn is_match(&self, text: &str) -> bool {
        match self {
            Self::Fast(fast) => fast.is_match(text),
            Self::Whole(whole) => whole.is_match(text),
        }
    }
}

fn whole(text: &str) -> Result<regex_lite::Regex, regex_lite::Error> {
    regex_lite::RegexBuilder::new(text)
        .case_insensitive(true)
        .size_limit(MAX_SIZE)
        .build()
}

/// An expression for texts in which each character is one byte. The engine does not need tables of Unicode then, which
/// every start of the program would pay for.
#[derive(Clone, Debug)]
pub struct FastExpression {
    regex: Regex,
    alphabet: Alphabet,
}

impl FastExpression {
    fn new(text: &str) -> Option<Self> {
        if has_numeric_escape(text) || has_flags(text) {
            return None;
        }
        let alphabet = Alphabet::of(text)?;
        let mut translated = String::with_capacity(text.len());
        for c in text.chars() {
            if c.is_ascii() {
                translated.push(c);
            } else {
                translated.push_str(&format!("\\x{:02x}", alphabet.byte(c)));
            }
        }
        let regex = RegexBuilder::new(&translated)
            .unicode(false)
            .case_insensitive(true)
            .size_limit(MAX_SIZE)
            .build();
        Some(Self {
            regex: regex.ok()?,
            alphabet,
        })
    }

    fn is_match(&self, text: &str) -> bool {
        if text.is_ascii() {
            return self.regex.is_match(text.as_bytes());
        }
        let bytes: Vec<u8> = text.chars().map(|c| self.alphabet.byte(c)).collect();
        self.regex.is_match(&bytes)
    }
}

/// Escapes of characters by their number are not translated.
fn has_numeric_escape(text: &str) -> bool {
    ["\\x", "\\u", "\\U"]
        .iter()
        .any(|escape| text.contains(escape))
}

/// True for flags that the engines understand differently: `u`, and `x` with blanks that are not ASCII.
fn has_flags(text: &str) -> bool {
    let groups = text.split("(?").skip(1);
    groups.into_iter().any(|group| {
        let end = group.find(|c: char| !c.is_ascii_alphabetic());
        group[..end.unwrap_or(group.len())].contains(['u', 'x'])
    })
}

/// Bytes for characters, in the same order. An expression can tell those characters apart that it has, and those
/// before, between and after them: each of these groups is one byte from 128 on.
#[derive(Clone, Debug)]
struct Alphabet {
    /// The characters of the expression that are not ASCII, in order.
    chars: Vec<char>,
}

impl Alphabet {
    /// `None`: too many characters.
    fn of(expression: &str) -> Option<Self> {
        let mut chars: Vec<char> = expression.chars().filter(|c| !c.is_ascii()).collect();
        chars.sort_unstable();
        chars.dedup();
        (chars.len() < 64).then_some(Self { chars })
    }

    fn byte(&self, c: char) -> u8 {
        if let Ok(ascii) = u8::try_from(c)
            && ascii.is_ascii()
        {
            return ascii;
        }
        let place = match self.chars.binary_search(&c) {
            Ok(at) => 2 * at + 1,
            Err(at) => 2 * at,
        };
        u8::try_from(128 + place).unwrap_or(u8::MAX)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn characters_of_an_expression_are_found_in_texts_of_any_language() {
        for (expression, text) in [
            ("^ren. crepes$", "Ren\u{e9} Crepes"),
            ("^caf[\u{e8}\u{e9}]$", "CAF\u{e9}"),
            (
                "^[\u{430}-\u{44f}]+$",
                "\u{43f}\u{440}\u{438}\u{432}\u{435}\u{442}",
            ),
            ("^[^\u{430}-\u{44f}]$", "\u{451}"),
            ("^[a-\u{e9}]{3}$", "z\u{e1}\u{e9}"),
            ("\\bmen. ", "le men\u{fc} x"),
            ("\u{65e5}\u{672c}|x", "\u{4eca}\u{65e5}\u{65e5}\u{672c}"),
        ] {
            let expression = Expression::new(expression).unwrap();
            assert!(matches!(expression, Expression::Fast(_)), "{expression:?}");
            assert!(expression.is_match(text), "{expression:?} {text}");
        }
        for expression in ["\\x{e9}", "(?u:.)", "(?sx)a \u{e9}"] {
            let expression = Expression::new(expression).unwrap();
            assert!(matches!(expression, Expression::Whole(_)), "{expression:?}");
            assert!(expression.is_match("a\u{e9}"), "{expression:?}");
        }
    }

    /// The other engine is the reference.
    #[test]
    fn translated_expressions_match_the_same_texts() {
        const PIECES: [&str; 32] = [
            "a",
            "B",
            "\u{e9}",
            "\u{c9}",
            "\u{444}",
            "\u{1f600}",
            "\u{85}",
            " ",
            "\n",
            "1",
            ".",
            "\\w",
            "\\W",
            "\\s",
            "\\S",
            "\\d",
            "\\b",
            "\\B",
            "^",
            "$",
            "*",
            "+?",
            "{1,2}",
            "|",
            "(",
            ")",
            "[a\u{e9}-\u{444}]",
            "[^\u{e9}b]",
            "[^\\w]",
            "(?i:",
            "(?-s:",
            "[[:alpha:]\u{444}-]",
        ];
        let mut random = fastrand::Rng::with_seed(21);
        let mut some = |pieces: &[&str], most: usize| -> String {
            let count = random.usize(1..=most);
            (0..count)
                .map(|_| pieces[random.usize(..pieces.len())])
                .collect()
        };
        let mut translated = 0;
        for _ in 0..20_000 {
            let expression = some(&PIECES, 6);
            let Ok(Expression::Fast(fast)) = Expression::new(&expression) else {
                continue;
            };
            let reference = whole(&expression).unwrap();
            translated += 1;
            for _ in 0..5 {
                let text = some(&PIECES[..10], 8);
                let expected = reference.is_match(&text);
                assert_eq!(fast.is_match(&text), expected, "{expression:?} {text:?}");
            }
        }
        assert!(translated > 5000, "{translated}");
    }
}
