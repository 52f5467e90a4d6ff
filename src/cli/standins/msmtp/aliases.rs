//! The alias file of msmtp: `NAME: ADDRESS[, ADDRESS]...`, and `default` for all other names without a domain.

use crate::system::text::reason;
use std::fs;
use std::path::Path;

/// Maximum depth of aliases that refer to others.
const MAX_DEPTH: usize = 9;

/// Maximum number of addresses after all replacements.
const MAX_ADDRESSES: usize = 10_000;

/// Replaces the recipients without a domain. The file is read only if there are any.
///
/// # Errors
/// The text of msmtp for a file that cannot be read or has an error, without the file's name.
pub fn replaced(path: &Path, recipients: Vec<String>) -> Result<Vec<String>, String> {
    if !recipients.iter().any(|recipient| is_alias(recipient)) {
        return Ok(recipients);
    }
    let text = fs::read(path).map_err(|error| reason(&error))?;
    let text = String::from_utf8_lossy(&text);
    let aliases = parse(&text)?;
    let mut found = Vec::new();
    for recipient in recipients {
        if is_alias(&recipient) {
            expand(&recipient, &aliases, 0, &mut found)
                .map_err(|()| format!("Too many redirects when expanding alias {recipient}."))?;
        } else {
            found.push(recipient);
        }
    }
    Ok(found)
}

type Aliases<'t> = Vec<(&'t str, Vec<&'t str>)>;

fn is_alias(name: &str) -> bool {
    !name.is_empty() && !name.contains('@')
}

fn parse(text: &str) -> Result<Aliases<'_>, String> {
    let mut aliases: Aliases<'_> = Vec::new();
    for (at, line) in text.lines().enumerate() {
        let number = at + 1;
        let line = line.split('#').next().unwrap_or_default().trim();
        if line.is_empty() {
            continue;
        }
        let parts: Vec<&str> = line.split(':').map(str::trim).collect();
        let [name, addresses] = parts[..] else {
            return Err(format!("line {number}: single ':' delimiter expected"));
        };
        if !is_alias(name) {
            return Err(format!("line {number}: invalid alias '{name}'"));
        }
        if aliases.iter().any(|(other, _)| *other == name) {
            return Err(format!("line {number}: duplicate alias '{name}'"));
        }
        aliases.push((name, addresses.split(',').map(str::trim).collect()));
    }
    Ok(aliases)
}

fn expand(
    name: &str,
    aliases: &Aliases<'_>,
    depth: usize,
    found: &mut Vec<String>,
) -> Result<(), ()> {
    if depth > MAX_DEPTH || found.len() > MAX_ADDRESSES {
        return Err(());
    }
    let named = |name: &str| aliases.iter().find(|(other, _)| *other == name);
    let Some((_, addresses)) = named(name).or_else(|| named("default")) else {
        found.push(name.to_owned());
        return Ok(());
    };
    for address in addresses {
        if is_alias(address) {
            expand(address, aliases, depth + 1, found)?;
        } else {
            found.push((*address).to_owned());
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(text: &str, name: &str) -> Result<Vec<String>, String> {
        let file = tempfile::NamedTempFile::new().unwrap();
        fs::write(file.path(), text).unwrap();
        replaced(file.path(), vec![name.to_owned(), "c@x.org".to_owned()])
    }

    #[test]
    fn names_are_replaced_by_their_addresses_or_the_default() {
        let text = "# all\nroot: ann, b@x.org # two\nann: ann@x.org\ndefault: d@x.org\n";
        assert_eq!(
            of(text, "root").unwrap(),
            ["ann@x.org", "b@x.org", "c@x.org"]
        );
        assert_eq!(of(text, "www").unwrap(), ["d@x.org", "c@x.org"]);
        assert_eq!(of("", "www").unwrap(), ["www", "c@x.org"]);
    }

    #[test]
    fn errors_are_those_of_msmtp() {
        for (text, right) in [
            ("a b\n", "line 1: single ':' delimiter expected"),
            ("\na@b: c\n", "line 2: invalid alias 'a@b'"),
            ("a: b@x\na: c@x\n", "line 2: duplicate alias 'a'"),
            ("a: b\nb: a\n", "Too many redirects when expanding alias a."),
        ] {
            assert_eq!(of(text, "a").unwrap_err(), right);
        }
    }
}
