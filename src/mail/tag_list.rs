//! Lists of `name=value` with semicolons, as in the records of DKIM, DMARC, BIMI and TLSRPT (RFC 6376 §3.2).

use std::collections::BTreeSet;

/// The tags of a record, in their order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TagList<'t>(Vec<(&'t str, &'t str)>);

impl<'t> TagList<'t> {
    /// Reads a list. White space around names and values is not part of them.
    ///
    /// # Errors
    /// The first part that is not a tag.
    pub fn parse(text: &'t str) -> Result<Self, &'t str> {
        let parts = text.split(';').map(trimmed).filter(|part| !part.is_empty());
        let tags = parts.map(|part| {
            let (name, value) = part.split_once('=').ok_or(part)?;
            let name = trimmed(name);
            is_name(name).then_some((name, trimmed(value))).ok_or(part)
        });
        tags.collect::<Result<_, _>>().map(Self)
    }

    /// The value of the first tag with this name.
    pub fn get(&self, name: &str) -> Option<&'t str> {
        let mut tags = self.0.iter();
        tags.find(|(tag, _)| *tag == name).map(|(_, value)| *value)
    }

    /// The first tag, which has the version.
    pub fn first(&self) -> Option<(&'t str, &'t str)> {
        self.0.first().copied()
    }

    pub fn names(&self) -> impl Iterator<Item = &'t str> {
        self.0.iter().map(|(name, _)| *name)
    }

    /// A name that is there more than once.
    pub fn repeated(&self) -> Option<&'t str> {
        let mut seen = BTreeSet::new();
        self.names().find(|name| !seen.insert(*name))
    }

    /// The items of a value that are separated by colons.
    pub fn items(&self, name: &str) -> Option<impl Iterator<Item = &'t str>> {
        Some(self.get(name)?.split(':').map(trimmed))
    }
}

fn trimmed(text: &str) -> &str {
    text.trim_matches([' ', '\t', '\r', '\n'])
}

fn is_name(name: &str) -> bool {
    name.starts_with(|first: char| first.is_ascii_alphabetic())
        && name
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_trimmed_and_the_first_of_a_name_counts() {
        let list = TagList::parse("v=DKIM1 ; h = sha1 : sha256;p=a=b;; p=c;\r\n\tt=y").unwrap();
        assert_eq!(list.get("p"), Some("a=b"));
        assert_eq!(list.get("t"), Some("y"));
        assert_eq!(list.get("x"), None);
        assert_eq!(list.first(), Some(("v", "DKIM1")));
        assert_eq!(list.repeated(), Some("p"));
        assert_eq!(
            list.items("h").unwrap().collect::<Vec<_>>(),
            ["sha1", "sha256"]
        );
    }

    #[test]
    fn what_is_not_a_tag_is_an_error() {
        for (text, part) in [
            ("v=1; x", "x"),
            ("=1", "=1"),
            ("a b=1", "a b=1"),
            ("1=a", "1=a"),
        ] {
            assert_eq!(TagList::parse(text), Err(part));
        }
        assert_eq!(TagList::parse(" ; "), Ok(TagList(Vec::new())));
    }
}
