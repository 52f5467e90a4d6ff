//! Words of a line, with the quotes and backslashes of a shell.

/// A word, and the command in backticks that it contains.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Word {
    pub(super) text: String,
    /// The first command in backticks; it was not run, and `text` lacks its output.
    pub(super) command: Option<String>,
    /// True if a part of it is in quotes.
    pub(super) is_quoted: bool,
}

/// The words of a line up to a comment. `None`: a quote is not closed.
pub(super) fn words(line: &str) -> Option<Vec<Word>> {
    let mut rest = line.chars().peekable();
    let mut words = Vec::new();
    loop {
        while rest.next_if(|c| c.is_whitespace()).is_some() {}
        match rest.peek() {
            None | Some('#') => return Some(words),
            Some(_) => words.push(word(&mut rest, "")?),
        }
    }
}

/// The commands of a line of mutt, which semicolons separate. A comment may begin within a word. `None`: a quote is not
/// closed.
pub(super) fn commands(line: &str) -> Option<Vec<Vec<Word>>> {
    let mut rest = line.chars().peekable();
    let mut commands = vec![Vec::new()];
    loop {
        while rest.next_if(|c| c.is_whitespace()).is_some() {}
        match (rest.peek(), commands.last_mut()) {
            (None | Some('#'), _) | (_, None) => return Some(commands),
            (Some(';'), _) => {
                rest.next();
                commands.push(Vec::new());
            }
            (Some(_), Some(words)) => words.push(word(&mut rest, ";#")?),
        }
    }
}

/// The texts of the words.
pub(super) fn texts(line: &str) -> Option<Vec<String>> {
    Some(words(line)?.into_iter().map(|word| word.text).collect())
}

/// Reads a word up to a blank or one of the characters in `ends`.
fn word(rest: &mut std::iter::Peekable<std::str::Chars<'_>>, ends: &str) -> Option<Word> {
    let mut word = Word::default();
    let mut quote = None;
    let is_end = |c: &char| c.is_whitespace() || ends.contains(*c);
    while let Some(c) = rest.next_if(|c| quote.is_some() || !is_end(c)) {
        match (quote, c) {
            (None, '\'' | '"') => {
                quote = Some(c);
                word.is_quoted = true;
            }
            (Some(open), c) if open == c => quote = None,
            (None | Some('"'), '\\') => match rest.next() {
                Some('n') => word.text.push('\n'),
                Some('t') => word.text.push('\t'),
                other => word.text.extend(other),
            },
            (None | Some('"'), '`') => {
                let command: String = rest.by_ref().take_while(|&c| c != '`').collect();
                word.command.get_or_insert(command);
            }
            (_, c) => word.text.push(c),
        }
    }
    quote.is_none().then_some(word)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_those_of_a_shell() {
        for (line, right) in [
            ("a  b\tc", &["a", "b", "c"][..]),
            (
                "set a='b c'd \"e \\\" f\" # g",
                &["set", "a=b cd", "e \" f"],
            ),
            (r"a\ b '\'", &["a b", "\\"]),
            ("a#b", &["a#b"]),
            ("", &[]),
        ] {
            assert_eq!(texts(line).unwrap(), right, "{line}");
        }
        assert_eq!(words("a 'b"), None);
    }

    #[test]
    fn commands_of_mutt_end_at_semicolons() {
        let texts = |line| -> Vec<Vec<String>> {
            let commands = commands(line).unwrap().into_iter();
            let texts = |words: Vec<Word>| words.into_iter().map(|word| word.text).collect();
            commands.map(texts).collect()
        };
        assert_eq!(
            texts("set a='b;c';set d=e\\;f#g ; h"),
            [vec!["set", "a=b;c"], vec!["set", "d=e;f"]]
        );
        assert_eq!(texts("a ;; b"), [vec!["a"], vec![], vec!["b"]]);
        assert_eq!(commands("set a='b; c"), None);
    }

    #[test]
    fn command_in_backticks_is_kept_and_not_run() {
        let all = words("set x=`pass show a` \"y`z`\"").unwrap();
        assert_eq!(all[1].text, "x=");
        assert_eq!(all[1].command.as_deref(), Some("pass show a"));
        assert_eq!(all[2].text, "y");
        assert_eq!(all[2].command.as_deref(), Some("z"));
    }
}
