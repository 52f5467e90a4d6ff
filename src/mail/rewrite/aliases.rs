//! An alias file in the format of aliases(5). A line is parsed when its alias is needed, so that an invalid
//! one does not affect the others.

use crate::mail::address::{LocalName, LooseEntry, parse_loose};
use crate::mail::rewrite::RewriteError;
use crate::system::remedy::ErrorText;
use crate::system::text::{reason, without_mark};
use crate::system::trust::{Danger, open_file, write_danger};
use std::collections::HashMap;
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};

/// Default path of the alias file.
pub(super) const DEFAULT_PATH: &str = "/etc/aliases";

/// Explicit path that turns aliases off.
pub(super) const NONE: &str = "/dev/null";

/// The aliases of a file.
#[derive(Debug, Default)]
pub(super) struct Aliases {
    path: PathBuf,
    lines: HashMap<String, AliasLine>,
    /// The first line that has no name and colon.
    broken: Option<usize>,
}

/// The value of an alias, or a line of a list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct AliasLine {
    pub(super) number: usize,
    pub(super) text: String,
}

/// The target of an alias.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum AliasTarget {
    /// An address, or another alias.
    Name(LocalName),
    /// A local name that is not expanded again: `\name`.
    Unexpanded(LocalName),
    /// The addresses in a file.
    Include(PathBuf),
}

impl Aliases {
    /// Reads the file that was named, or the default one, which need not exist.
    pub(super) fn read(named: Option<&Path>) -> Result<Self, RewriteError> {
        let path = named.unwrap_or(Path::new(DEFAULT_PATH));
        if path == Path::new(NONE) {
            return Ok(Self::default());
        }
        match (read_file(path)?, named) {
            (Some(text), _) => Ok(Self::parse(path, &text)),
            (None, None) => Ok(Self::default()),
            (None, Some(_)) => Err(RewriteError::Aliases {
                path: path.to_owned(),
                line: None,
                why: ErrorText::new("the file does not exist")
                    .with_advice("it is set by aliases in [sendmail] of the configuration"),
            }),
        }
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// The first of two lines for one name is used.
    fn parse(path: &Path, text: &str) -> Self {
        let mut read = Self {
            path: path.to_owned(),
            ..Self::default()
        };
        for line in logical_lines(text) {
            match name_and_targets(&line.text) {
                Some((name, targets)) => {
                    let number = line.number;
                    let text = targets.to_owned();
                    let key = name.to_lowercase();
                    read.lines.entry(key).or_insert(AliasLine { number, text });
                }
                None => read.broken = read.broken.or(Some(line.number)),
            }
        }
        read
    }

    /// The value of an alias, by its name in lower case. If the name is not found and a line cannot be
    /// parsed, the result is an error, because that line may define it.
    pub(super) fn find(&self, name: &str) -> Result<Option<&AliasLine>, RewriteError> {
        let found = self.lines.get(name);
        match self.broken {
            Some(number) if found.is_none() => Err(RewriteError::Aliases {
                path: self.path.clone(),
                line: Some(number),
                why: ErrorText::new("not an alias")
                    .with_advice("expected NAME: ADDRESS, as in root: ann@example.org"),
            }),
            _ => Ok(found),
        }
    }

    /// The catch-all alias for local names without an alias.
    pub(super) fn catch_all(&self) -> Option<(&'static str, &AliasLine)> {
        let found = CATCH_ALL.iter().map(|name| (*name, self.lines.get(*name)));
        found
            .into_iter()
            .find_map(|(name, line)| Some((name, line?)))
    }
}

/// Names of the catch-all alias: dma uses the one, msmtp the other.
const CATCH_ALL: [&str; 2] = ["*", "default"];

/// The non-empty lines of a list of addresses.
pub(super) fn list_lines(text: &str) -> Vec<AliasLine> {
    let lines = text.lines().zip(1..).map(|(line, number)| AliasLine {
        number,
        text: without_comment(line).trim().to_owned(),
    });
    lines.filter(|line| !line.text.is_empty()).collect()
}

/// Joins lines with their continuations, which begin with white space.
fn logical_lines(text: &str) -> Vec<AliasLine> {
    let mut lines: Vec<AliasLine> = Vec::new();
    for (line, number) in text.lines().zip(1..) {
        let rest = without_comment(line).trim_end();
        if rest.trim().is_empty() {
            continue;
        }
        match lines.last_mut() {
            Some(last) if rest.starts_with([' ', '\t']) => last.text.push_str(rest),
            _ => lines.push(AliasLine {
                number,
                text: rest.to_owned(),
            }),
        }
    }
    lines
}

/// A `#` begins a comment at the beginning of a word, but not in quotes.
fn without_comment(line: &str) -> &str {
    let mut scanner = ListScanner::default();
    let mut before = ' ';
    for (at, character) in line.char_indices() {
        if character == '#' && before.is_whitespace() && !scanner.is_quoted {
            return &line[..at];
        }
        scanner.step(character);
        before = character;
    }
    line
}

fn name_and_targets(line: &str) -> Option<(String, &str)> {
    let mut scanner = ListScanner::default();
    let colon = line.char_indices().find(|&(_, character)| {
        scanner.step(character);
        character == ':' && !scanner.is_quoted
    });
    let (name, rest) = line.split_at(colon?.0);
    let mut entries = parse_loose(name).ok()?;
    let name = match (entries.pop()?, entries.is_empty()) {
        (LooseEntry::Mailbox(mailbox), true) => match mailbox.address {
            LocalName::Local(name) => name,
            LocalName::Full(address) => address.to_string(),
        },
        _ => return None,
    };
    Some((name, &rest[1..]))
}

/// The targets of a line, or the reason that one of them cannot be followed.
pub(super) fn targets(text: &str) -> Result<Vec<AliasTarget>, String> {
    let mut all = Vec::new();
    for entry in split_list(text) {
        all.extend(target(entry)?);
    }
    Ok(all)
}

fn target(entry: &str) -> Result<Vec<AliasTarget>, String> {
    let inside = entry.strip_prefix('"').unwrap_or(entry).trim_start();
    let shown = truncated(entry);
    if entry.contains(char::REPLACEMENT_CHARACTER) {
        return Err(format!("{shown} is not UTF-8"));
    }
    if inside.starts_with('|') {
        return Err(format!(
            "{shown} is a program, and ehlo does not deliver to programs; use an address instead"
        ));
    }
    if inside.starts_with('/') {
        return Err(format!(
            "{shown} is a file, and ehlo does not deliver to files; use an address instead"
        ));
    }
    if inside.starts_with(':') {
        return include(entry, inside).map(|include| vec![include]);
    }
    let (entry, is_unexpanded) = match entry.strip_prefix('\\') {
        Some(rest) => (rest, true),
        None => (entry, false),
    };
    let parsed = parse_loose(entry).map_err(|error| error.to_string())?;
    let mailboxes = parsed.iter().flat_map(LooseEntry::mailboxes);
    let names = mailboxes.map(|mailbox| mailbox.address.clone());
    let wrap = if is_unexpanded {
        AliasTarget::Unexpanded
    } else {
        AliasTarget::Name
    };
    Ok(names.map(wrap).collect())
}

fn include(entry: &str, inside: &str) -> Result<AliasTarget, String> {
    const TAG: &str = ":include:";
    let path = match inside.get(..TAG.len()) {
        Some(tag) if tag.eq_ignore_ascii_case(TAG) => &inside[TAG.len()..],
        _ => {
            return Err(format!(
                "{} is not supported; only :include: is",
                truncated(entry)
            ));
        }
    };
    let path = path.trim().trim_end_matches('"');
    if !path.starts_with('/') || path.contains('\0') {
        return Err(format!(
            "{} needs an absolute path: :include:/etc/mail/list",
            truncated(entry)
        ));
    }
    Ok(AliasTarget::Include(PathBuf::from(path)))
}

/// Splits a list at commas outside quotes, comments and brackets.
fn split_list(text: &str) -> Vec<&str> {
    let mut scanner = ListScanner::default();
    let mut entries = Vec::new();
    let mut start = 0;
    for (at, character) in text.char_indices() {
        scanner.step(character);
        if character == ',' && scanner.is_outside() {
            entries.push(&text[start..at]);
            start = at + 1;
        }
    }
    entries.push(&text[start..]);
    let trimmed = entries.into_iter().map(str::trim);
    trimmed.filter(|entry| !entry.is_empty()).collect()
}

/// State of a scan of an address list.
#[derive(Debug, Default)]
struct ListScanner {
    is_quoted: bool,
    is_escaped: bool,
    is_bracketed: bool,
    comments: usize,
}

impl ListScanner {
    fn step(&mut self, character: char) {
        if std::mem::take(&mut self.is_escaped) {
            return;
        }
        match character {
            '\\' => self.is_escaped = true,
            '"' if self.comments == 0 => self.is_quoted = !self.is_quoted,
            _ if self.is_quoted => {}
            '(' => self.comments += 1,
            ')' => self.comments = self.comments.saturating_sub(1),
            '<' => self.is_bracketed = true,
            '>' => self.is_bracketed = false,
            _ => {}
        }
    }

    fn is_outside(&self) -> bool {
        !self.is_quoted && !self.is_bracketed && self.comments == 0
    }
}

/// A target, truncated for an error.
fn truncated(entry: &str) -> String {
    let mut text: String = entry.chars().take(80).collect();
    if text.len() < entry.len() {
        text.push_str("...");
    }
    text
}

/// Maximum size of an alias file.
const LARGEST: u64 = 16 << 20;

/// Content of a file. `None`: the file does not exist.
pub(super) fn read_file(path: &Path) -> Result<Option<String>, RewriteError> {
    let wrong = |why: ErrorText| RewriteError::Aliases {
        path: path.to_owned(),
        line: None,
        why,
    };
    let unreadable = |error: io::Error| wrong(format!("cannot be read: {}", reason(&error)).into());
    let file = match open_file(path).map_err(io::Error::from) {
        Ok(file) => file,
        Err(error) if is_missing(&error) => return Ok(None),
        Err(error) => return Err(unreadable(error)),
    };
    if let Some(danger) = write_danger(&file.metadata().map_err(unreadable)?) {
        return Err(wrong(text(danger)));
    }
    let mut bytes = Vec::new();
    let mut limited = file.take(LARGEST + 1);
    limited.read_to_end(&mut bytes).map_err(unreadable)?;
    if bytes.len() as u64 > LARGEST {
        return Err(wrong(format!("is larger than {LARGEST} bytes").into()));
    }
    // A comment in another charset does no harm. An address that is not UTF-8 is refused later.
    Ok(Some(
        String::from_utf8_lossy(without_mark(&bytes)).into_owned(),
    ))
}

fn is_missing(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::NotFound | io::ErrorKind::NotADirectory
    )
}

fn text(danger: Danger) -> ErrorText {
    match danger {
        Danger::NotAFile => "is not a regular file".into(),
        Danger::Foreign { owner, user } => ErrorText::new(format!(
            "belongs to user {owner}, but must belong to root or to user {user}, who runs ehlo"
        ))
        .with_advice("change the owner with chown"),
        Danger::Writable | Danger::Readable => {
            ErrorText::new("others can write to it and so redirect mail")
                .with_advice("remove write access with chmod go-w")
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn local(name: &str) -> AliasTarget {
        AliasTarget::Name(LocalName::Local(name.to_owned()))
    }

    fn targets_of(text: &str, name: &str) -> Option<AliasLine> {
        let aliases = Aliases::parse(Path::new("aliases"), text);
        aliases.find(name).unwrap().cloned()
    }

    #[test]
    fn lines_go_on_and_comments_do_not() {
        let text = "# who gets what\n\nroot: ann,   # the boss\n# between\n\tbob\r\n\n  ,carl\n\
                    \"John # Doe\" : a@x.org\nROOT: nobody\n";
        assert_eq!(
            targets_of(text, "root"),
            Some(AliasLine {
                number: 3,
                text: " ann,\tbob  ,carl".to_owned()
            })
        );
        assert_eq!(targets_of(text, "john # doe").unwrap().text, " a@x.org");
        assert_eq!(targets_of(text, "nobody"), None);
    }

    #[test]
    fn invalid_line_is_an_error_only_if_a_name_is_not_found() {
        let text = "root: ann\nwhat is this\na b: c\n";
        let aliases = Aliases::parse(Path::new("/x/aliases"), text);
        assert!(aliases.find("root").unwrap().is_some());
        let error = aliases.find("ann").unwrap_err().to_string();
        assert!(
            error.starts_with("/x/aliases line 2: not an alias"),
            "{error}"
        );
    }

    #[test]
    fn targets_are_names_addresses_and_lists() {
        let text = " ann, \"john doe\" ,,\"Doe, J.\" <j@x.org>, x (a, b), \\root, :Include:/a/b, \
                    \":include: /c,d\"";
        assert_eq!(
            targets(text).unwrap(),
            [
                local("ann"),
                local("john doe"),
                AliasTarget::Name(LocalName::Full("j@x.org".parse_full())),
                local("x"),
                AliasTarget::Unexpanded(LocalName::Local("root".to_owned())),
                AliasTarget::Include("/a/b".into()),
                AliasTarget::Include("/c,d".into()),
            ]
        );
    }

    trait ParseFull {
        fn parse_full(&self) -> crate::mail::address::Address;
    }

    impl ParseFull for str {
        fn parse_full(&self) -> crate::mail::address::Address {
            crate::mail::address::Address::parse(self).unwrap()
        }
    }

    #[test]
    fn programs_and_files_are_refused_with_advice() {
        for (text, words) in [
            ("|/bin/x -a", "|/bin/x -a is a program"),
            ("\"| /bin/x, y\"", "\"| /bin/x, y\" is a program"),
            ("/dev/null", "/dev/null is a file"),
            ("\"/var/x y\"", "is a file"),
            (":include:list", "needs an absolute path"),
            (":fail: gone", ":fail: gone is not supported"),
            ("ann bob", "missing comma"),
            ("a\u{fffd}", "not UTF-8"),
            ("a\0", "contains a NUL"),
            ("\"x", "closing quote"),
        ] {
            let error = targets(text).unwrap_err();
            assert!(error.contains(words), "{text}: {error}");
        }
    }

    proptest::proptest! {
        #[test]
        fn any_alias_file_can_be_parsed(text in "[a-c:,#\"\\\\<>()@./| \t\r\n\0é]{0,60}") {
            let aliases = Aliases::parse(Path::new("x"), &text);
            for line in aliases.lines.values() {
                let _ = targets(&line.text);
            }
            for line in list_lines(&text) {
                let _ = targets(&line.text);
            }
        }
    }
}
