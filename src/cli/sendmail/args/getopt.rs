//! Options in the style of sendmail: single characters, bundled or alone, with values attached or separate,
//! before, between and after the recipients.

use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::OsStrExt as _;

/// A word of the command line, understood.
#[derive(Debug, PartialEq, Eq)]
pub enum Word {
    /// An option without a value.
    Flag(char),
    /// An option with one.
    Option(char, OsString),
    /// An operand: a recipient.
    Operand(OsString),
}

/// An error in the options.
#[derive(Debug, PartialEq, Eq)]
pub enum GetoptError {
    /// The option does not exist.
    Unknown(char),
    /// A value is missing.
    Missing(char),
}

/// Reads all words. Options are recognized after recipients, too, as in glibc's getopt, until `--`.
pub fn parse(words: &[OsString]) -> Result<Vec<Word>, GetoptError> {
    let mut words = words.iter();
    let mut parsed = Vec::new();
    while let Some(word) = words.next() {
        match word.as_bytes() {
            b"--" => parsed.extend(words.by_ref().cloned().map(Word::Operand)),
            [b'-', bundle @ ..] if !bundle.is_empty() => unbundle(bundle, &mut words, &mut parsed)?,
            _ => parsed.push(Word::Operand(word.clone())),
        }
    }
    Ok(parsed)
}

/// Reads options from a bundle until one uses the rest, or the next word, as its value.
fn unbundle<'w>(
    mut bundle: &[u8],
    words: &mut impl Iterator<Item = &'w OsString>,
    parsed: &mut Vec<Word>,
) -> Result<(), GetoptError> {
    while let Some((&letter, rest)) = bundle.split_first() {
        let letter = char::from(letter);
        bundle = match (OptionStyle::of(letter), rest) {
            (None, _) => return Err(GetoptError::Unknown(letter)),
            (Some(OptionStyle::Flag), _) => {
                parsed.push(Word::Flag(letter));
                rest
            }
            (Some(OptionStyle::Value), []) => {
                let value = words.next().ok_or(GetoptError::Missing(letter))?;
                parsed.push(Word::Option(letter, value.clone()));
                rest
            }
            // An incomplete value: `-qI ID` means `-qIID`.
            (Some(OptionStyle::Attached), [b'I' | b'R']) if letter == 'q' => {
                let mut value = OsStr::from_bytes(rest).to_owned();
                value.push(words.next().ok_or(GetoptError::Missing(letter))?);
                parsed.push(Word::Option(letter, value));
                &[]
            }
            (Some(OptionStyle::Value | OptionStyle::Attached), _) => {
                parsed.push(Word::Option(letter, OsStr::from_bytes(rest).to_owned()));
                &[]
            }
        };
    }
    Ok(())
}

/// The kind of value of an option.
enum OptionStyle {
    /// Nothing.
    Flag,
    /// A value, in the same word or the next.
    Value,
    /// A value in the same word, or none.
    Attached,
}

impl OptionStyle {
    /// The options of Postfix's sendmail, further ones of sendmail 8, and those of ehlo.
    fn of(letter: char) -> Option<Self> {
        match letter {
            '4' | '6' | 'c' | 'E' | 'G' | 'I' | 'i' | 'm' | 'n' | 't' | 'U' | 'v' | 'x' => {
                Some(Self::Flag)
            }
            'A' | 'B' | 'b' | 'C' | 'e' | 'F' | 'f' | 'h' | 'L' | 'N' | 'O' | 'o' | 'p' | 'R'
            | 'r' | 'V' | 'X' => Some(Self::Value),
            // A separate value would be read as a recipient, and vice versa.
            'D' | 'd' | 'q' => Some(Self::Attached),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::ffi::OsStringExt as _;

    fn read(words: &[&str]) -> Result<Vec<Word>, GetoptError> {
        let words: Vec<OsString> = words.iter().map(OsString::from).collect();
        parse(&words)
    }

    fn option(letter: char, value: &str) -> Word {
        Word::Option(letter, value.into())
    }

    fn operand(text: &str) -> Word {
        Word::Operand(text.into())
    }

    #[test]
    fn a_value_is_attached_or_the_next_word_and_may_be_empty() {
        assert_eq!(read(&["-fa"]), Ok(vec![option('f', "a")]));
        assert_eq!(read(&["-f", "a"]), Ok(vec![option('f', "a")]));
        assert_eq!(read(&["-f", ""]), Ok(vec![option('f', "")]));
        assert_eq!(read(&["-f", "-t"]), Ok(vec![option('f', "-t")]));
        assert_eq!(
            read(&["-f", "--", "a"]),
            Ok(vec![option('f', "--"), operand("a")])
        );
        assert_eq!(read(&["-f"]), Err(GetoptError::Missing('f')));
    }

    #[test]
    fn flags_can_be_bundled_and_the_last_option_may_have_a_value() {
        use Word::Flag;
        assert_eq!(read(&["-it"]), Ok(vec![Flag('i'), Flag('t')]));
        assert_eq!(
            read(&["-itfa"]),
            Ok(vec![Flag('i'), Flag('t'), option('f', "a")])
        );
        assert_eq!(
            read(&["-iF", "a b"]),
            Ok(vec![Flag('i'), option('F', "a b")])
        );
        assert_eq!(read(&["-oMrvalue"]), Ok(vec![option('o', "Mrvalue")]));
        assert_eq!(read(&["-iZ"]), Err(GetoptError::Unknown('Z')));
    }

    #[test]
    fn options_after_recipients_are_recognized_until_two_hyphens() {
        let right = vec![
            operand("a"),
            Word::Flag('i'),
            operand("-"),
            operand("-t"),
            operand("--"),
        ];
        assert_eq!(read(&["a", "-i", "-", "--", "-t", "--"]), Ok(right));
    }

    #[test]
    fn an_optional_value_is_never_the_next_word() {
        assert_eq!(
            read(&["-q", "30m"]),
            Ok(vec![option('q', ""), operand("30m")])
        );
        assert_eq!(read(&["-q30m"]), Ok(vec![option('q', "30m")]));
        assert_eq!(read(&["-d", "a"]), Ok(vec![option('d', ""), operand("a")]));
    }

    #[test]
    fn the_value_of_a_queue_selection_may_be_the_next_word() {
        assert_eq!(read(&["-qIX1"]), Ok(vec![option('q', "IX1")]));
        assert_eq!(read(&["-qI", "X1"]), Ok(vec![option('q', "IX1")]));
        assert_eq!(read(&["-qR", "x.org"]), Ok(vec![option('q', "Rx.org")]));
        assert_eq!(read(&["-qR"]), Err(GetoptError::Missing('q')));
    }

    #[test]
    fn values_are_bytes() {
        let word = OsString::from_vec(b"-F\xe9".to_vec());
        let value = OsString::from_vec(b"\xe9".to_vec());
        assert_eq!(parse(&[word]), Ok(vec![Word::Option('F', value)]));
        let word = OsString::from_vec(b"-\xe9".to_vec());
        assert_eq!(parse(&[word]), Err(GetoptError::Unknown('é')));
    }
}
