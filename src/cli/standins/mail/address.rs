//! Addresses as the operands and options of mail programs give them.

use crate::mail::address::{Address, AddressError, ListEntry, Mailbox, parse_raw};

/// The addresses of a word: a list with commas; or, if that is no list, words with blanks or commas between them. Names
/// need no domain.
pub fn entries(text: &str) -> Result<Vec<ListEntry>, AddressError> {
    parse_raw(text).or_else(|error| {
        if text.contains(['<', '"', '(']) {
            return Err(error);
        }
        let mut all = Vec::new();
        for word in text
            .split([' ', '\t', ',', '\n'])
            .filter(|word| !word.is_empty())
        {
            all.extend(parse_raw(word)?);
        }
        Ok(all)
    })
}

/// One address with its name.
pub fn mailbox(text: &str) -> Result<Mailbox, AddressError> {
    Mailbox::parse_with(parse_raw, text)
}

/// The address as text for the envelope.
pub fn plain(address: &Address) -> String {
    address.to_string()
}

/// The words with the aliases of the program replaced. An alias may contain others.
pub fn expanded(words: &[String], aliases: &[(String, Vec<String>)], depth: usize) -> Vec<String> {
    const MAX_DEPTH: usize = 8;
    let mut all = Vec::new();
    for word in words {
        let mut named = aliases.iter().rev();
        match named.find(|(name, _)| name == word.trim()) {
            Some((_, others)) if depth < MAX_DEPTH => {
                // An alias that contains its own name means the user.
                let (own, others): (Vec<String>, Vec<String>) = others
                    .iter()
                    .cloned()
                    .partition(|other| other == word.trim());
                all.extend(own);
                all.extend(expanded(&others, aliases, depth + 1));
            }
            _ => all.push(word.clone()),
        }
    }
    all
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn blanks_and_commas_separate_addresses() {
        for (text, count) in [
            ("bob", 1),
            ("bob@x.org, ann", 2),
            ("bob ann@x.org", 2),
            ("Bob B <bob@x.org>", 1),
            ("a,b c", 3),
        ] {
            assert_eq!(entries(text).unwrap().len(), count, "{text}");
        }
    }

    #[test]
    fn aliases_are_replaced_to_a_limited_depth() {
        let alias = |name: &str, others: &[&str]| {
            let others = others.iter().map(|&other| other.to_owned()).collect();
            (name.to_owned(), others)
        };
        let aliases = [
            alias("ops", &["ann", "team"]),
            alias("team", &["bob@x", "team"]),
        ];
        let words = ["ops".to_owned(), "eve".to_owned()];
        assert_eq!(
            expanded(&words, &aliases, 0),
            ["ann", "team", "bob@x", "eve"]
        );
        let circle = [alias("a", &["b"]), alias("b", &["a"])];
        assert_eq!(expanded(&["a".to_owned()], &circle, 0).len(), 1);
    }
}
