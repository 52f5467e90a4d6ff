//! Address lists in options and headers (RFC 5322 §3.4, with its obsolete comments; UTF-8 as in RFC 6532).

use crate::mail::address::{Address, AddressError, MAX_LOCAL, decoded, is_atom_char};
use crate::system::text;

/// An address with its display name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mailbox<A = Address> {
    /// The display name, without quotes, or with its encoded words decoded. `None`: there is none.
    pub name: Option<String>,
    pub address: A,
}

/// One entry of an address list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ListEntry<A = Address> {
    Mailbox(Mailbox<A>),
    /// A group, `Team: a@example.org, b@example.org;`, which may be empty.
    Group {
        name: String,
        members: Vec<Mailbox<A>>,
    },
}

/// An address as local programs give it, possibly without a domain.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum LocalName {
    Full(Address),
    /// Without a domain and without quotes: `root`, `john doe`.
    Local(String),
}

/// One entry of a list in which domains may be missing.
pub type LooseEntry = ListEntry<LocalName>;

impl Mailbox {
    /// Parses exactly one mailbox.
    pub fn parse(text: &str) -> Result<Self, AddressError> {
        Self::parse_with(parse_list, text)
    }

    /// Parses exactly one mailbox by the rules of a list: [`parse_recipients`] or [`parse_raw`].
    pub fn parse_with(
        parse_list: fn(&str) -> Result<Vec<ListEntry>, AddressError>,
        text: &str,
    ) -> Result<Self, AddressError> {
        let mut entries = parse_list(text)?;
        match (entries.pop(), entries.is_empty()) {
            (Some(ListEntry::Mailbox(mailbox)), true) => Ok(mailbox),
            _ => Err(AddressError::NotOne(text.to_owned())),
        }
    }
}

impl<A> ListEntry<A> {
    /// The mailboxes of the entry: itself, or the group's members.
    pub fn mailboxes(&self) -> &[Mailbox<A>] {
        match self {
            Self::Mailbox(mailbox) => std::slice::from_ref(mailbox),
            Self::Group { members, .. } => members,
        }
    }
}

/// Parses a comma-separated list of mailboxes and groups. An empty list is valid.
pub fn parse_list(list: &str) -> Result<Vec<ListEntry>, AddressError> {
    parse(list, address)
}

/// Parses a list of recipients, in which `postmaster` needs no domain (RFC 5321 §4.1.1.3).
pub fn parse_recipients(list: &str) -> Result<Vec<ListEntry>, AddressError> {
    parse(list, recipient)
}

/// Parses a list in which no address needs a domain.
pub fn parse_raw(list: &str) -> Result<Vec<ListEntry>, AddressError> {
    parse(list, any)
}

/// Parses a list as [`parse_list`] does, and also accepts names without a domain.
pub fn parse_loose(list: &str) -> Result<Vec<LooseEntry>, AddressError> {
    parse(list, name)
}

/// Parses each address by itself, for a list that cannot be parsed as a whole. Names may have no domain. A
/// semicolon is treated as a comma; a comma may be missing after `>`, and so may the last `>`. The names of
/// groups are ignored.
pub fn parse_each(list: &str) -> Vec<Result<Vec<LooseEntry>, AddressError>> {
    let pieces = pieces(list);
    let parsed = pieces.into_iter().map(|piece| {
        parse_loose(piece).or_else(|error| {
            let repaired = match piece.split_once(':') {
                _ if piece.contains('<') && !piece.contains('>') => format!("{piece}>"),
                Some((_, members)) => members.to_owned(),
                None => return Err(error),
            };
            parse_loose(&repaired).map_err(|_| error)
        })
    });
    parsed.collect()
}

/// Splits a list at commas and semicolons and after each `>`, except within terminated quotes and comments.
fn pieces(list: &str) -> Vec<&str> {
    let mut pieces = Vec::new();
    let (mut start, mut at) = (0, 0);
    while let Some(first) = list[at..].chars().next() {
        let rest = &list[at..];
        let skipped = match first {
            '"' => until(rest, '"', list, "").ok().map(|(_, length)| length),
            '(' => comment(rest, list).ok().map(|(_, length)| length),
            _ => None,
        };
        at += skipped.unwrap_or(first.len_utf8());
        match first {
            ',' | ';' => pieces.push(&list[start..at - 1]),
            '>' => pieces.push(&list[start..at]),
            _ => continue,
        }
        start = at;
    }
    pieces.push(&list[start..]);
    pieces
}

/// Makes an address of its tokens. The list is for the error.
type AddressReader<A> = fn(&[Token], &str) -> Result<A, AddressError>;

fn parse<A>(list: &str, read: AddressReader<A>) -> Result<Vec<ListEntry<A>>, AddressError> {
    if let Some(bad) = text::forbidden(list) {
        return Err(AddressError::Forbidden(list.to_owned(), bad));
    }
    let tokens = tokens(list)?;
    let mut parser = ListParser {
        list,
        read,
        tokens: tokens.into_iter().peekable(),
    };
    parser.entries()
}

/// A piece of an address list.
#[derive(Clone, Debug, PartialEq)]
enum Token {
    /// Atoms and dots without a space between them.
    Word(String),
    /// A quoted string, without its quotes.
    Quoted(String),
    /// A comment, without its outer parentheses.
    Comment(String),
    /// An address literal, with its brackets.
    Literal(String),
    Space,
    /// One of `<>,;:@`.
    Mark(char),
}

/// Splits a list into tokens.
fn tokens(list: &str) -> Result<Vec<Token>, AddressError> {
    let mut tokens = Vec::new();
    let mut rest = list;
    while let Some(first) = rest.chars().next() {
        let (token, length) = match first {
            ' ' | '\t' => (Token::Space, 1),
            '"' => until(rest, '"', list, "missing closing quote")
                .map(|(text, length)| (Token::Quoted(text), length))?,
            '(' => comment(rest, list)?,
            '[' => match rest.find(']') {
                Some(end) => (Token::Literal(rest[..=end].to_owned()), end + 1),
                None => return Err(syntax("missing ]", list)),
            },
            '<' | '>' | ',' | ';' | ':' | '@' => (Token::Mark(first), 1),
            _ => word(rest, list)?,
        };
        tokens.push(token);
        rest = &rest[length..];
    }
    Ok(tokens)
}

/// Atoms and dots up to the next special. Obsolete dots in names (`John Q. Public`) are included.
fn word(rest: &str, list: &str) -> Result<(Token, usize), AddressError> {
    let end = rest
        .find(|c: char| c != '.' && !is_atom_char(c))
        .unwrap_or(rest.len());
    if end == 0 {
        return Err(syntax("unquoted special character", list));
    }
    Ok((Token::Word(rest[..end].to_owned()), end))
}

/// A quoted string with its escapes removed, and its length with the quotes.
fn until(
    rest: &str,
    close: char,
    list: &str,
    missing: &'static str,
) -> Result<(String, usize), AddressError> {
    let mut text = String::new();
    let mut characters = rest.char_indices().skip(1);
    while let Some((at, character)) = characters.next() {
        if character == close {
            return Ok((text, at + close.len_utf8()));
        }
        let escaped = (character == '\\').then(|| characters.next()).flatten();
        text.push(escaped.map_or(character, |(_, c)| c));
    }
    Err(syntax(missing, list))
}

/// A comment, which may contain others.
fn comment(rest: &str, list: &str) -> Result<(Token, usize), AddressError> {
    let mut depth = 0_u32;
    let mut text = String::new();
    let mut characters = rest.char_indices();
    while let Some((at, character)) = characters.next() {
        match character {
            '(' => depth += 1,
            ')' => depth -= 1,
            _ => {}
        }
        if depth == 0 {
            return Ok((Token::Comment(text), at + 1));
        }
        match character {
            '\\' => text.extend(characters.next().map(|(_, c)| c)),
            _ if at > 0 => text.push(character),
            _ => {}
        }
    }
    Err(syntax("missing closing parenthesis", list))
}

fn syntax(what: &'static str, list: &str) -> AddressError {
    AddressError::Syntax {
        what,
        list: list.to_owned(),
    }
}

struct ListParser<'a, A> {
    list: &'a str,
    read: AddressReader<A>,
    tokens: std::iter::Peekable<std::vec::IntoIter<Token>>,
}

impl<A> ListParser<'_, A> {
    fn entries(&mut self) -> Result<Vec<ListEntry<A>>, AddressError> {
        let mut entries = Vec::new();
        while self.tokens.peek().is_some() {
            let run = self.run();
            match self.tokens.next() {
                Some(Token::Mark(':')) => entries.push(self.group(&run)?),
                Some(Token::Mark('<')) => entries.push(ListEntry::Mailbox(self.bracketed(&run)?)),
                None | Some(Token::Mark(',')) if is_blank(&run) => {}
                None | Some(Token::Mark(',')) => {
                    entries.push(ListEntry::Mailbox(self.plain(&run)?));
                }
                Some(Token::Mark(';')) => {
                    let what = "addresses are separated by commas; unexpected ;";
                    return Err(syntax(what, self.list));
                }
                _ => return Err(syntax("unexpected >", self.list)),
            }
        }
        Ok(entries)
    }

    /// Everything up to the next mark that ends a phrase or an address.
    fn run(&mut self) -> Vec<Token> {
        let ends = |token: &Token| matches!(token, Token::Mark('<' | '>' | ',' | ';' | ':'));
        let mut run = Vec::new();
        while let Some(token) = self.tokens.next_if(|token| !ends(token)) {
            run.push(token);
        }
        run
    }

    /// The members of a group up to its `;`.
    fn group(&mut self, name: &[Token]) -> Result<ListEntry<A>, AddressError> {
        let mut members = Vec::new();
        loop {
            let run = self.run();
            let end = self.tokens.next();
            match end {
                Some(Token::Mark('<')) => members.push(self.bracketed(&run)?),
                Some(Token::Mark(',' | ';')) if is_blank(&run) => {}
                Some(Token::Mark(',' | ';')) => members.push(self.plain(&run)?),
                _ => return Err(syntax("missing ; at the end of a group", self.list)),
            }
            if end == Some(Token::Mark(';')) {
                break;
            }
        }
        self.end_of_entry()?;
        let name = phrase(name).ok_or_else(|| syntax("group without a name", self.list))?;
        Ok(ListEntry::Group { name, members })
    }

    /// Parses `Name <address>` after the `<`.
    fn bracketed(&mut self, name: &[Token]) -> Result<Mailbox<A>, AddressError> {
        let inside = self.without_route()?;
        if self.tokens.next() != Some(Token::Mark('>')) {
            return Err(syntax("missing >", self.list));
        }
        let address = (self.read)(&inside, self.list)?;
        let comment = self.end_of_entry()?;
        Ok(Mailbox {
            name: phrase(name).or(comment),
            address,
        })
    }

    /// The address between `<` and `>`. A source route before it, such as `@a,@b:`, is ignored as RFC 5322
    /// §4.4 requires.
    fn without_route(&mut self) -> Result<Vec<Token>, AddressError> {
        let mut run = self.run();
        let mut has_domain = false;
        loop {
            let is_domain = is_route_domain(&run);
            has_domain |= is_domain;
            let is_separator = |token: &Token| match token {
                Token::Mark(',') => is_domain || is_blank(&run),
                Token::Mark(':') => has_domain && (is_domain || is_blank(&run)),
                _ => false,
            };
            match self.tokens.next_if(is_separator) {
                None => return Ok(run),
                Some(Token::Mark(':')) => return Ok(self.run()),
                Some(_) => run = self.run(),
            }
            if !is_blank(&run) && !is_route_domain(&run) {
                return Err(syntax("missing : after a source route", self.list));
            }
        }
    }

    /// `address` or `address (Name)`.
    fn plain(&self, run: &[Token]) -> Result<Mailbox<A>, AddressError> {
        Ok(Mailbox {
            name: last_comment(run),
            address: (self.read)(run, self.list)?,
        })
    }

    /// Parses the rest of an entry after a `>` or a group's `;`: a comment, and then a comma, a `;` or the
    /// end.
    fn end_of_entry(&mut self) -> Result<Option<String>, AddressError> {
        let tail = self.run();
        if !is_blank(&tail) {
            return Err(syntax("missing comma", self.list));
        }
        if !matches!(self.tokens.peek(), Some(Token::Mark(';'))) {
            match self.tokens.next() {
                None | Some(Token::Mark(',')) => {}
                _ => return Err(syntax("missing comma", self.list)),
            }
        }
        Ok(last_comment(&tail))
    }
}

/// True if there is only white space and comments.
fn is_blank(run: &[Token]) -> bool {
    run.iter()
        .all(|token| matches!(token, Token::Space | Token::Comment(_)))
}

/// True for `@domain`, an element of a source route (RFC 5322 §4.4).
fn is_route_domain(run: &[Token]) -> bool {
    let mut rest = run.iter().filter(|token| !is_blank_token(token));
    rest.next() == Some(&Token::Mark('@')) && rest.next().is_some()
}

fn last_comment(run: &[Token]) -> Option<String> {
    run.iter().rev().find_map(|token| match token {
        Token::Comment(text) if !text.trim().is_empty() => Some(decoded(text.trim())),
        _ => None,
    })
}

/// A display name: words and quoted strings, with one space in place of any white space.
fn phrase(run: &[Token]) -> Option<String> {
    let mut name = String::new();
    for token in run {
        match token {
            Token::Word(text) | Token::Quoted(text) | Token::Literal(text) => name.push_str(text),
            Token::Mark(mark) => name.push(*mark),
            Token::Space | Token::Comment(_) if name.ends_with(' ') => {}
            Token::Space | Token::Comment(_) => name.push(' '),
        }
    }
    let trimmed = name.trim();
    // RFC 2047 §5: text in a quoted string is not an encoded word.
    let is_quoted = run.iter().any(|token| matches!(token, Token::Quoted(_)));
    let name = || {
        if is_quoted {
            trimmed.to_owned()
        } else {
            decoded(trimmed)
        }
    };
    (!trimmed.is_empty()).then(name)
}

/// An addr-spec: local part, `@`, domain, with comments and space around it but not within.
fn address(run: &[Token], list: &str) -> Result<Address, AddressError> {
    address_of(core(run, list)?, list)
}

/// An addr-spec, or a local part alone.
fn name(run: &[Token], list: &str) -> Result<LocalName, AddressError> {
    let core = core(run, list)?;
    match core {
        [Token::Word(text) | Token::Quoted(text)] if text.is_empty() || text.contains('\t') => {
            Err(AddressError::Local(text.clone()))
        }
        [Token::Word(text) | Token::Quoted(text)] if text.len() > MAX_LOCAL => {
            Err(AddressError::LongLocal(text.clone()))
        }
        [Token::Word(text) | Token::Quoted(text)] => Ok(LocalName::Local(text.clone())),
        _ => address_of(core, list).map(LocalName::Full),
    }
}

/// An addr-spec, or `postmaster`.
fn recipient(run: &[Token], list: &str) -> Result<Address, AddressError> {
    match core(run, list)? {
        [Token::Word(text) | Token::Quoted(text)] if text.eq_ignore_ascii_case("postmaster") => {
            Address::without_domain(text)
        }
        core => address_of(core, list),
    }
}

/// An addr-spec, or any local part.
fn any(run: &[Token], list: &str) -> Result<Address, AddressError> {
    match name(run, list)? {
        LocalName::Full(address) => Ok(address),
        LocalName::Local(local) => Address::without_domain(&local),
    }
}

/// The tokens without comments and space around them.
fn core<'t>(run: &'t [Token], list: &str) -> Result<&'t [Token], AddressError> {
    let start = run.iter().position(|token| !is_blank_token(token));
    let end = run.iter().rposition(|token| !is_blank_token(token));
    let core = match (start, end) {
        (Some(start), Some(end)) => &run[start..=end],
        _ => return Err(no_domain(list.trim().to_owned(), list)),
    };
    if core.iter().any(is_blank_token) {
        return Err(syntax("missing comma or unexpected space", list));
    }
    Ok(core)
}

fn address_of(core: &[Token], list: &str) -> Result<Address, AddressError> {
    let at = core.iter().rposition(|token| *token == Token::Mark('@'));
    let (local, domain) = match at {
        Some(at) if at + 1 < core.len() => (&core[..at], &core[at + 1..]),
        _ => return Err(no_domain(joined(core), list)),
    };
    let quoted = local.iter().any(|token| matches!(token, Token::Quoted(_)));
    if local.len() > 1 && !quoted || local.contains(&Token::Mark('@')) {
        return Err(AddressError::Local(joined(core)));
    }
    Address::of(&joined(local), &joined(domain))
}

/// The error for a missing domain. A comma in the list may be a part of a name.
fn no_domain(text: String, list: &str) -> AddressError {
    let hint = if list.contains(',') {
        "; quote a name that contains a comma: \"Doe, John\" <john@example.org>"
    } else {
        ""
    };
    AddressError::NoDomain(text, hint)
}

fn is_blank_token(token: &Token) -> bool {
    matches!(token, Token::Space | Token::Comment(_))
}

fn joined(run: &[Token]) -> String {
    run.iter()
        .map(|token| match token {
            Token::Word(text) | Token::Quoted(text) | Token::Literal(text) => text.clone(),
            Token::Mark(mark) => mark.to_string(),
            Token::Space | Token::Comment(_) => String::new(),
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn encoded_words_in_names_are_decoded() {
        for list in [
            "=?utf-8?q?J=C3=BCrgen?= =?utf-8?q?_M?= <j@x.org>",
            "j@x.org (=?utf-8?b?SsO8cmdlbiBN?=)",
        ] {
            assert_eq!(one(list), pair("Jürgen M", "j@x.org"));
        }
        let quoted = "\"=?utf-8?q?a?=\" <j@x.org>";
        assert_eq!(one(quoted), pair("=?utf-8?q?a?=", "j@x.org"));
    }

    fn one(text: &str) -> (Option<String>, String) {
        let mailbox = Mailbox::parse(text).unwrap();
        (mailbox.name, mailbox.address.to_string())
    }

    fn pair(name: &str, address: &str) -> (Option<String>, String) {
        (
            (!name.is_empty()).then(|| name.to_owned()),
            address.to_owned(),
        )
    }

    #[test]
    fn names_come_from_phrases_quotes_and_comments() {
        assert_eq!(one("Bob Smith <b@x.org>"), pair("Bob Smith", "b@x.org"));
        assert_eq!(one("\"Doe, John\" <j@x.org>"), pair("Doe, John", "j@x.org"));
        assert_eq!(
            one("j@x.org (John (the) Doe)"),
            pair("John (the) Doe", "j@x.org")
        );
        assert_eq!(
            one("John Q. Public <j@x.org>"),
            pair("John Q. Public", "j@x.org")
        );
        assert_eq!(one("Jürgen 😀 <j@x.org>"), pair("Jürgen 😀", "j@x.org"));
        assert_eq!(
            one("\"say \\\"hi\\\"\" <j@x.org>"),
            pair("say \"hi\"", "j@x.org")
        );
        assert_eq!(one("a@b.c <a@b.c>"), pair("a@b.c", "a@b.c"));
        assert_eq!(one(" <j@x.org> "), pair("", "j@x.org"));
    }

    #[test]
    fn a_list_has_commas_groups_and_holes() {
        let list = "a@x.org,, \"b c\"@x.org , Team: d@x.org, E <e@x.org>;, none:;";
        let entries = parse_list(list).unwrap();
        let all: Vec<String> = entries
            .iter()
            .flat_map(ListEntry::mailboxes)
            .map(|mailbox| mailbox.address.to_string())
            .collect();
        assert_eq!(all, ["a@x.org", "\"b c\"@x.org", "d@x.org", "e@x.org"]);
        assert_eq!(entries.len(), 4);
        assert!(parse_list("").unwrap().is_empty());
    }

    fn loose(list: &str) -> Vec<(Option<String>, String)> {
        let all = parse_loose(list).unwrap();
        let all = all.iter().flat_map(ListEntry::mailboxes);
        let pairs = all.map(|mailbox| match &mailbox.address {
            LocalName::Full(address) => (mailbox.name.clone(), address.to_string()),
            LocalName::Local(name) => (mailbox.name.clone(), name.clone()),
        });
        pairs.collect()
    }

    #[test]
    fn a_loose_list_has_names_without_a_domain() {
        assert_eq!(
            loose("root (Cron Daemon), \"john doe\", A <bob>, b@x.org, t: c, <d>;, <\"e f\">"),
            [
                pair("Cron Daemon", "root"),
                pair("", "john doe"),
                pair("A", "bob"),
                pair("", "b@x.org"),
                pair("", "c"),
                pair("", "d"),
                pair("", "e f"),
            ]
        );
        for bad in [
            "john doe", "\"\"", "a@", "@b", "\"a\"b", "[::1]", "<>", "a\nb", "a;",
        ] {
            assert!(parse_loose(bad).is_err(), "{bad:?}");
        }
    }

    #[test]
    fn an_error_shows_only_the_beginning_of_a_long_list() {
        for list in ["é".repeat(500_000) + " x", "a\n".repeat(500_000)] {
            let error = parse_loose(&list).unwrap_err().to_string();
            assert!(error.len() < 1000, "{}", error.len());
        }
    }

    proptest::proptest! {
        #[test]
        fn valid_lists_are_parsed_alike_without_domains_required(list in "[a-c@<>,:;\"\\\\() .\\[\\]é\t]{0,24}") {
            let strict = parse_list(&list);
            let loose = parse_loose(&list);
            if let Ok(strict) = strict {
                let full = |entry: &ListEntry| entry.mailboxes().iter().map(|m| LocalName::Full(m.address.clone())).collect::<Vec<_>>();
                let strict: Vec<LocalName> = strict.iter().flat_map(full).collect();
                let loose = loose.unwrap();
                let loose: Vec<LocalName> = loose.iter().flat_map(ListEntry::mailboxes).map(|m| m.address.clone()).collect();
                proptest::prop_assert_eq!(strict, loose);
            }
        }
    }

    #[test]
    fn valid_addresses_of_an_invalid_list_are_read() {
        for (list, right, wrong) in [
            ("a@x; c@x", &["a@x", "c@x"][..], 0),
            ("g: a@x, b@x; c@x", &["a@x", "b@x", "c@x"], 0),
            ("g: <a@x>; c d@x", &["a@x"], 1),
            ("<a@x> \"D, E\" <c@x>", &["a@x", "c@x"], 0),
            ("A <a@x, c@x (d, e)", &["a@x", "c@x"], 0),
            ("a@x, b@@x, root, c@x", &["a@x", "root", "c@x"], 1),
            ("a@x, \"Doe <b@x>, c@x", &["a@x", "c@x"], 1),
            ("a@x, (b@x, c@x", &["a@x", "c@x"], 1),
            ("a b@x,,;", &[], 1),
        ] {
            let each = parse_each(list);
            let found = each
                .iter()
                .flatten()
                .flatten()
                .flat_map(ListEntry::mailboxes);
            let found: Vec<String> = found
                .map(|mailbox| match &mailbox.address {
                    LocalName::Full(address) => address.to_string(),
                    LocalName::Local(name) => name.clone(),
                })
                .collect();
            assert_eq!(found, right, "{list}");
            assert_eq!(
                each.iter().filter(|piece| piece.is_err()).count(),
                wrong,
                "{list}"
            );
        }
    }

    #[test]
    fn a_source_route_is_ignored() {
        assert_eq!(one("<@r.x:bob@x.org>"), pair("", "bob@x.org"));
        assert_eq!(one("Bob <@a.x,@b.x : bob@x.org>"), pair("Bob", "bob@x.org"));
        assert_eq!(one("<, @[192.0.2.1], ,@b.x:b@x.org>"), pair("", "b@x.org"));
        let group = "t: <@r.x:a@x.org>, b@x.org;, <@r.x:c>";
        let all = [pair("", "a@x.org"), pair("", "b@x.org"), pair("", "c")];
        assert_eq!(loose(group), all);
        for bad in [
            "<@r.x:>",
            "<:b@x.org>",
            "<,b@x.org>",
            "<@r.x,b@x.org>",
            "<r.x:b@x.org>",
            "<@r.x>",
            "<>",
            "<@r.x;b@x.org>",
            "<@:b@x.org>",
            "<@r.x",
            "@r.x:b@x.org",
        ] {
            assert!(parse_list(bad).is_err(), "{bad:?}");
        }
    }

    #[test]
    fn an_unquoted_comma_in_a_name_is_named() {
        let error = parse_list("Doe, John <j@x.org>").unwrap_err().to_string();
        assert!(error.starts_with("\"Doe\" has no @domain"), "{error}");
    }

    #[test]
    fn invalid_lists_are_refused() {
        for bad in [
            "\"a@x.org",
            "a@x.org (",
            "<a@x.org",
            "a@x.org>",
            "a@x.org b@x.org",
            "a@b@x.org",
            "Team: a@x.org",
            "<a@x.org> b",
            ":;",
            "a@x.org;",
            "a;b@x.org",
            "\\a@x.org",
            "a@[1.2.3.4",
        ] {
            assert!(parse_list(bad).is_err(), "{bad}");
        }
    }
}
