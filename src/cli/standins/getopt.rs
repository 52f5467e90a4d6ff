//! Command lines as `getopt_long` of the GNU C library parses them, with its error texts.

use crate::system::text::shown;
use std::ffi::{OsStr, OsString};

/// The argument of an option.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OptionArgument {
    None,
    Required,
    /// In the same word only.
    Optional,
}

/// A long option.
#[derive(Clone, Copy, Debug)]
pub struct LongOption {
    pub name: &'static str,
    pub argument: OptionArgument,
    /// The name under which it is reported: a short option, or `None` for its own name.
    pub short: Option<char>,
}

impl LongOption {
    /// An option that is reported under its own name.
    pub const fn alone(name: &'static str, argument: OptionArgument) -> Self {
        Self {
            name,
            argument,
            short: None,
        }
    }

    /// Another name of a short option.
    pub const fn of_short(name: &'static str, argument: OptionArgument, short: char) -> Self {
        Self {
            name,
            argument,
            short: Some(short),
        }
    }
}

/// The options of a program.
pub struct OptionTable {
    /// The program in error texts.
    pub program: &'static str,
    /// Short options; `:` after one that needs an argument, `::` after one that may have one. A `+` at the start: the
    /// first operand ends the options.
    pub short: &'static str,
    pub long: &'static [LongOption],
}

/// An option of a command line.
#[derive(Debug, PartialEq, Eq)]
pub struct GivenOption {
    pub name: OptionName,
    pub argument: Option<String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OptionName {
    Short(char),
    Long(&'static str),
}

/// A command line.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct GivenWords {
    pub options: Vec<GivenOption>,
    pub operands: Vec<String>,
}

impl OptionTable {
    /// Parses the words after the name of the program.
    ///
    /// # Errors
    /// The text for the first wrong word, without a line end.
    pub fn parse(&self, words: &[OsString]) -> Result<GivenWords, String> {
        let mut given = GivenWords::default();
        let mut rest = words.iter();
        let ends_at_operand = self.short.starts_with('+');
        while let Some(word) = rest.next() {
            let text = self.text(word)?;
            match text.strip_prefix("--") {
                Some("") => break,
                Some(long) => given.options.push(self.long(long, &mut rest)?),
                None if text.len() > 1 && text.starts_with('-') => {
                    self.shorts(&text[1..], &mut rest, &mut given.options)?;
                }
                None => {
                    given.operands.push(text.to_owned());
                    if ends_at_operand {
                        break;
                    }
                }
            }
        }
        for word in rest {
            given.operands.push(self.text(word)?.to_owned());
        }
        Ok(given)
    }

    fn text<'w>(&self, word: &'w OsStr) -> Result<&'w str, String> {
        let program = self.program;
        word.to_str().ok_or_else(|| {
            let word = shown(&word.to_string_lossy());
            format!("{program}: {word}: the argument is not valid UTF-8")
        })
    }

    fn long<'w>(
        &self,
        text: &str,
        rest: &mut impl Iterator<Item = &'w OsString>,
    ) -> Result<GivenOption, String> {
        let program = self.program;
        let (name, attached) = match text.split_once('=') {
            Some((name, attached)) => (name, Some(attached.to_owned())),
            None => (text, None),
        };
        let option = self.find(name)?;
        let argument = match (option.argument, attached) {
            (OptionArgument::None, Some(_)) => {
                return Err(format!(
                    "{program}: option '--{}' doesn't allow an argument",
                    option.name
                ));
            }
            (OptionArgument::Required, None) => match rest.next() {
                Some(word) => Some(self.text(word)?.to_owned()),
                None => {
                    return Err(format!(
                        "{program}: option '--{}' requires an argument",
                        option.name
                    ));
                }
            },
            (_, attached) => attached,
        };
        Ok(GivenOption {
            name: option
                .short
                .map_or(OptionName::Long(option.name), OptionName::Short),
            argument,
        })
    }

    /// The long option with this name, or the only one that begins with it.
    fn find(&self, name: &str) -> Result<LongOption, String> {
        let program = self.program;
        if let Some(exact) = self.long.iter().find(|option| option.name == name) {
            return Ok(*exact);
        }
        let found: Vec<&LongOption> = self
            .long
            .iter()
            .filter(|option| option.name.starts_with(name))
            .collect();
        match found[..] {
            [] => Err(format!(
                "{program}: unrecognized option '--{}'",
                shown(name)
            )),
            [only] => Ok(*only),
            _ => {
                let names = found.iter().map(|option| format!(" '--{}'", option.name));
                let names: String = names.collect();
                Err(format!(
                    "{program}: option '--{}' is ambiguous; possibilities:{names}",
                    shown(name)
                ))
            }
        }
    }

    fn shorts<'w>(
        &self,
        letters: &str,
        rest: &mut impl Iterator<Item = &'w OsString>,
        options: &mut Vec<GivenOption>,
    ) -> Result<(), String> {
        let program = self.program;
        for (at, letter) in letters.char_indices() {
            let Some(argument) = self.argument_of(letter) else {
                let letter = shown(&letter.to_string());
                return Err(format!("{program}: invalid option -- '{letter}'"));
            };
            let attached = &letters[at + letter.len_utf8()..];
            let attached = Some(attached).filter(|text| !text.is_empty());
            let (argument, ends) = match (argument, attached) {
                (OptionArgument::None, _) => (None, false),
                (_, Some(attached)) => (Some(attached.to_owned()), true),
                (OptionArgument::Optional, None) => (None, true),
                (OptionArgument::Required, None) => match rest.next() {
                    Some(word) => (Some(self.text(word)?.to_owned()), true),
                    None => {
                        return Err(format!(
                            "{program}: option requires an argument -- '{letter}'"
                        ));
                    }
                },
            };
            options.push(GivenOption {
                name: OptionName::Short(letter),
                argument,
            });
            if ends {
                break;
            }
        }
        Ok(())
    }

    /// The argument of a short option. `None`: there is no such option.
    fn argument_of(&self, letter: char) -> Option<OptionArgument> {
        if matches!(letter, ':' | '+') {
            return None;
        }
        let at = self.short.find(letter)?;
        let after = &self.short[at + letter.len_utf8()..];
        Some(match after.as_bytes() {
            [b':', b':', ..] => OptionArgument::Optional,
            [b':', ..] => OptionArgument::Required,
            _ => OptionArgument::None,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TABLE: OptionTable = OptionTable {
        program: "p",
        short: "ab:c::",
        long: &[
            LongOption::of_short("alpha", OptionArgument::None, 'a'),
            LongOption::alone("beta", OptionArgument::Required),
            LongOption::alone("better", OptionArgument::Optional),
        ],
    };

    fn parse(table: &OptionTable, words: &[&str]) -> Result<GivenWords, String> {
        let words: Vec<OsString> = words.iter().map(OsString::from).collect();
        table.parse(&words)
    }

    fn shown_options(words: &[&str]) -> String {
        let given = parse(&TABLE, words).unwrap();
        let options = given.options.iter().map(|option| {
            let name = match option.name {
                OptionName::Short(letter) => letter.to_string(),
                OptionName::Long(name) => name.to_owned(),
            };
            format!("{name}={:?} ", option.argument.as_deref())
        });
        let options: String = options.collect();
        format!("{options}{:?}", given.operands)
    }

    #[test]
    fn options_and_operands_may_be_mixed_until_two_hyphens() {
        for (words, right) in [
            (&["x", "-a", "y"][..], r#"a=None ["x", "y"]"#),
            (&["-ab", "1", "-b2"], r#"a=None b=Some("1") b=Some("2") []"#),
            (&["-c", "x", "-cx"], r#"c=None c=Some("x") ["x"]"#),
            (&["--", "-a", "--"], r#"["-a", "--"]"#),
            (&["-", "--al"], r#"a=None ["-"]"#),
            (
                &["--beta", "-a", "--beta=", "--bett"],
                r#"beta=Some("-a") beta=Some("") better=None []"#,
            ),
        ] {
            assert_eq!(shown_options(words), right, "{words:?}");
        }
    }

    #[test]
    fn first_operand_ends_the_options_with_a_plus() {
        let table = OptionTable {
            short: "+a",
            ..TABLE
        };
        let given = parse(&table, &["-a", "x", "-a"]).unwrap();
        assert_eq!(given.operands, ["x", "-a"]);
    }

    #[test]
    fn errors_are_those_of_the_library() {
        for (words, right) in [
            (&["-z"][..], "p: invalid option -- 'z'"),
            (&["-b"], "p: option requires an argument -- 'b'"),
            (&["--beta"], "p: option '--beta' requires an argument"),
            (
                &["--alpha=1"],
                "p: option '--alpha' doesn't allow an argument",
            ),
            (&["--gamma"], "p: unrecognized option '--gamma'"),
            (
                &["--bet"],
                "p: option '--bet' is ambiguous; possibilities: '--beta' '--better'",
            ),
        ] {
            assert_eq!(parse(&TABLE, words).unwrap_err(), right);
        }
    }
}
