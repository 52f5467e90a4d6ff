//! Header fields as they go over the wire: folded at 78 where they can be, never over 998
//! (RFC 5322 §2.1.1), other scripts as encoded words (RFC 2047), parameters as RFC 2231 has them.
//!
//! lettre's header writer is not used: it loses blanks between encoded words, overwrites repeated
//! fields, lets a line of any length pass, and cannot write a parameter that is not ASCII.

use crate::address::{Entry, Mailbox};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

/// Where lines are folded, if they can be.
const LINE: usize = 78;

/// The longest line that may be sent (RFC 5322 §2.1.1), in octets without its CRLF.
const MAX_LINE: usize = 998;

/// The longest word that is left as it is; longer ones are encoded, so that they can be folded.
const MAX_WORD: usize = 900;

/// The longest encoded word (RFC 2047 §2).
const MAX_ENCODED_WORD: usize = 75;

/// The longest parameter that stands in one piece.
const MAX_PARAMETER: usize = 60;

/// A field being written.
struct Folder {
    text: String,
    column: usize,
}

impl Folder {
    fn new(name: &str) -> Self {
        Self {
            text: format!("{name}:"),
            column: name.len() + 1,
        }
    }

    /// A word behind a blank, or on the next line if there is no room for it here.
    fn word(&mut self, word: &str) {
        self.blank_and(" ", word);
    }

    /// A word behind these blanks, which stay what they are when the line is folded before them.
    fn blank_and(&mut self, blanks: &str, word: &str) {
        let width = blanks.len() + word.len();
        // Never a fold right behind the name, if there is a way: some programs take it for an empty
        // field.
        let is_first = self.text.ends_with(':') && self.column == self.text.len();
        let is_first = is_first && self.column + width <= MAX_LINE;
        if !is_first && self.column + width > LINE {
            self.text.push_str("\r\n");
            self.column = 0;
        }
        self.text.push_str(blanks);
        self.text.push_str(word);
        self.column += width;
    }

    /// How much room is left in the line for a word and its blank.
    fn room(&self) -> usize {
        MAX_ENCODED_WORD.min(LINE.saturating_sub(self.column + 2))
    }

    fn finish(mut self) -> String {
        self.text.push_str("\r\n");
        self.text
    }
}

/// A field whose value is text: `Subject`, `Comments`, and all that are not known to be otherwise.
pub fn unstructured(name: &str, value: &str) -> String {
    let mut folder = Folder::new(name);
    let words: Vec<&str> = value.split(' ').collect();
    // What stands between the first and the last special word is encoded in one go: blanks between
    // encoded words would vanish (RFC 2047 §6.2). Several blanks in a row make empty words, which
    // need their neighbours to be encoded with.
    let special = |word: &&str| is_special(word);
    let widened = |at: usize, by: usize| if words[at].is_empty() { by } else { 0 };
    let first = words.iter().position(special);
    let first = first.map(|at| at.saturating_sub(widened(at, 1)));
    let last = words.iter().rposition(special);
    let last = last.map(|at| (at + widened(at, 1)).min(words.len() - 1));
    let (Some(first), Some(last)) = (first, last) else {
        for word in words {
            folder.word(word);
        }
        return folder.finish();
    };
    words[..first].iter().for_each(|word| folder.word(word));
    encoded_words(&mut folder, &words[first..=last].join(" "));
    words[last + 1..].iter().for_each(|word| folder.word(word));
    folder.finish()
}

/// What cannot stand as it is: other scripts, tabs, what looks encoded, endless words, and the empty
/// words that several blanks in a row make.
fn is_special(word: &str) -> bool {
    word.is_empty()
        || word.len() > MAX_WORD
        || word.contains("=?")
        || !word.bytes().all(|byte| byte.is_ascii_graphic())
}

/// A field of identifiers, dates and the like, which may be folded but not encoded.
pub fn structured(name: &str, value: &str) -> String {
    let mut folder = Folder::new(name);
    value
        .split(' ')
        .filter(|word| !word.is_empty())
        .for_each(|word| folder.word(word));
    folder.finish()
}

/// A field folded where it has blanks, which stay what they are; `None` where that leaves a line too
/// long.
pub fn folded(name: &str, value: &str) -> Option<String> {
    let mut folder = Folder::new(name);
    let mut rest = value.trim_end_matches(' ');
    while !rest.is_empty() {
        let word_at = rest.find(|c| c != ' ').unwrap_or(rest.len());
        let end = rest[word_at..].find(' ').unwrap_or(rest.len() - word_at);
        if word_at + end > MAX_WORD {
            return None;
        }
        let blanks = if word_at == 0 { " " } else { &rest[..word_at] };
        folder.blank_and(blanks, &rest[word_at..word_at + end]);
        rest = &rest[word_at + end..];
    }
    Some(folder.finish())
}

/// A field that may not be encoded, with its words cut where they are too long for a line.
pub fn cut(name: &str, value: &str) -> String {
    let mut folder = Folder::new(name);
    for word in value.split(' ').filter(|word| !word.is_empty()) {
        let mut rest = word;
        while rest.len() > MAX_WORD {
            let is_boundary = |&at: &usize| rest.is_char_boundary(at);
            let at = (1..=MAX_WORD).rev().find(is_boundary).unwrap_or(1);
            let (now, later) = rest.split_at(at);
            folder.word(now);
            rest = later;
        }
        folder.word(rest);
    }
    folder.finish()
}

/// A field of addresses.
pub fn addresses(name: &str, entries: &[Entry]) -> String {
    let mut folder = Folder::new(name);
    for (at, entry) in entries.iter().enumerate() {
        let end = if at + 1 < entries.len() { "," } else { "" };
        match entry {
            Entry::Mailbox(mailbox) => write_mailbox(&mut folder, mailbox, end),
            Entry::Group { name, members } => write_group(&mut folder, name, members, end),
        }
    }
    folder.finish()
}

fn write_group(folder: &mut Folder, name: &str, members: &[Mailbox], end: &str) {
    phrase(folder, name);
    folder.text.push(':');
    folder.column += 1;
    for (at, member) in members.iter().enumerate() {
        let comma = if at + 1 < members.len() { "," } else { "" };
        write_mailbox(folder, member, comma);
    }
    folder.text.push(';');
    folder.text.push_str(end);
    folder.column += 1 + end.len();
}

fn write_mailbox(folder: &mut Folder, mailbox: &Mailbox, end: &str) {
    let Mailbox { name, address } = mailbox;
    match name {
        None => folder.word(&format!("{address}{end}")),
        Some(name) => {
            phrase(folder, name);
            folder.word(&format!("<{address}>{end}"));
        }
    }
}

/// A display name: atoms, a quoted string, or encoded words.
fn phrase(folder: &mut Folder, name: &str) {
    let is_atom = |word: &str| {
        !word.is_empty()
            && word
                .bytes()
                .all(|byte| byte.is_ascii_alphanumeric() || b"!#$%&'*+-/=?^_`{|}~".contains(&byte))
    };
    let plain = name.bytes().all(|byte| matches!(byte, b' '..=b'~'));
    if !plain || name.contains("=?") || name.len() > MAX_PARAMETER {
        encoded_words(folder, name);
    } else if name.split(' ').all(is_atom) {
        name.split(' ').for_each(|word| folder.word(word));
    } else {
        folder.word(&quoted(name));
    }
}

/// A quoted string (RFC 5322 §3.2.4).
fn quoted(text: &str) -> String {
    let mut quoted = String::with_capacity(text.len() + 2);
    quoted.push('"');
    for character in text.chars() {
        if matches!(character, '"' | '\\') {
            quoted.push('\\');
        }
        quoted.push(character);
    }
    quoted.push('"');
    quoted
}

/// A text as encoded words: Q where it stays readable, else B, which is shorter.
fn encoded_words(folder: &mut Folder, text: &str) {
    let q_len: usize = text.chars().map(q_width).sum();
    let is_q = q_len <= text.len() * 5 / 3 + 2;
    let mut rest = text;
    while !rest.is_empty() {
        let count = fitting(rest, is_q, folder.room());
        // No room for a single character is a reason to fold; then there is room.
        let count = if count == 0 {
            folder.text.push_str("\r\n");
            folder.column = 0;
            fitting(rest, is_q, folder.room())
        } else {
            count
        };
        let (now, later) = rest.split_at(count);
        folder.word(&encoded_word(now, is_q));
        rest = later;
    }
}

/// How many bytes of the text, in whole characters, an encoded word of this length can hold.
fn fitting(text: &str, is_q: bool, room: usize) -> usize {
    let payload = room.saturating_sub("=?utf-8?q??=".len());
    let mut used = 0;
    let mut end = 0;
    for (at, character) in text.char_indices() {
        let next = at + character.len_utf8();
        used += if is_q { q_width(character) } else { 0 };
        let width = if is_q { used } else { next.div_ceil(3) * 4 };
        if width > payload {
            break;
        }
        end = next;
    }
    end
}

fn encoded_word(text: &str, is_q: bool) -> String {
    if !is_q {
        return format!("=?utf-8?b?{}?=", STANDARD.encode(text));
    }
    let mut word = String::from("=?utf-8?q?");
    for byte in text.bytes() {
        match byte {
            b' ' => word.push('_'),
            _ if is_q_plain(byte) => word.push(char::from(byte)),
            _ => word.push_str(&format!("={byte:02X}")),
        }
    }
    word.push_str("?=");
    word
}

/// What may stand as it is in a phrase too (RFC 2047 §5 (3)).
fn is_q_plain(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"!*+-/".contains(&byte)
}

fn q_width(character: char) -> usize {
    match u8::try_from(character) {
        Ok(byte) if byte == b' ' || is_q_plain(byte) => 1,
        _ => character.len_utf8() * 3,
    }
}

/// A field with a value and parameters: `Content-Type`, `Content-Disposition`.
pub fn with_parameters(name: &str, value: &str, parameters: &[(&str, &str)]) -> String {
    let mut folder = Folder::new(name);
    folder.word(value);
    for (key, value) in parameters {
        folder_parameter(&mut folder, key, value);
    }
    folder.finish()
}

fn folder_parameter(folder: &mut Folder, key: &str, value: &str) {
    folder.text.push(';');
    folder.column += 1;
    if is_plain_parameter(value) {
        let token = !value.is_empty() && value.bytes().all(is_token);
        let value = if token {
            value.to_owned()
        } else {
            quoted(value)
        };
        return folder.word(&format!("{key}={value}"));
    }
    let pieces = percent_pieces(value, LINE - key.len() - "*99*=utf-8'';  ".len());
    let single = pieces.len() == 1;
    for (at, piece) in pieces.iter().enumerate() {
        // RFC 2231 §4: charset and language stand before the first piece only.
        let charset = if at == 0 { "utf-8''" } else { "" };
        let section = if single {
            String::new()
        } else {
            format!("*{at}")
        };
        let end = if at + 1 < pieces.len() { ";" } else { "" };
        folder.word(&format!("{key}{section}*={charset}{piece}{end}"));
    }
}

/// What all readers understand alike as a token or in quotes: not quotes and backslashes, nor what
/// looks encoded in one way or the other, nor blanks at the ends.
fn is_plain_parameter(value: &str) -> bool {
    let is_plain = |byte| matches!(byte, b' '..=b'~') && !matches!(byte, b'"' | b'\\');
    value.len() <= MAX_PARAMETER
        && value.bytes().all(is_plain)
        && value.trim() == value
        && !value.contains("=?")
        && value.matches('\'').count() < 2
}

/// Less than RFC 2045 §5.1 allows: some readers take `'`, `*` and `%` for RFC 2231.
fn is_token(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"._+-".contains(&byte)
}

/// Percent-encoded text (RFC 2231 §7), in pieces of whole characters.
fn percent_pieces(value: &str, room: usize) -> Vec<String> {
    let mut pieces = vec![String::new()];
    let mut buffer = [0; 4];
    for character in value.chars() {
        let encoded: String = character
            .encode_utf8(&mut buffer)
            .bytes()
            .map(percent)
            .collect();
        match pieces.last_mut() {
            Some(piece) if piece.len() + encoded.len() <= room => piece.push_str(&encoded),
            _ => pieces.push(encoded),
        }
    }
    pieces
}

fn percent(byte: u8) -> String {
    if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
        char::from(byte).to_string()
    } else {
        format!("%{byte:02X}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::address::parse_list;
    use mail_parser::MessageParser;

    fn check_lines(field: &str) {
        assert!(field.ends_with("\r\n"));
        for line in field.trim_end_matches("\r\n").split("\r\n") {
            assert!(line.len() <= 998 && !line.trim().is_empty(), "{field:?}");
            assert!(line.is_ascii() && !line.contains(['\r', '\n']), "{field:?}");
        }
    }

    fn subject(text: &str) -> String {
        let field = unstructured("Subject", text);
        check_lines(&field);
        let message = format!("{field}\r\n");
        let parsed = MessageParser::default().parse(&message).unwrap();
        parsed.subject().unwrap_or_default().to_owned()
    }

    #[test]
    fn plain_ascii_is_left_alone_and_folded() {
        assert_eq!(unstructured("Subject", "Ketchup"), "Subject: Ketchup\r\n");
        let long = "word ".repeat(40);
        let field = unstructured("Subject", long.trim());
        assert!(
            field.split("\r\n").all(|line| line.len() <= LINE),
            "{field}"
        );
        assert_eq!(
            field.replace("\r\n", ""),
            format!("Subject: {}", long.trim())
        );
    }

    #[test]
    fn subjects_come_back_character_by_character() {
        for text in [
            "Grüße aus Köln",
            "Re: Grüße  mit  zwei   Blanks",
            "=?utf-8?q?hi?= is not hi",
            " leading",
            "日本語の件名がとても長いので折り返さなければなりません。日本語の件名がとても長いので",
            "a 😀 b",
            "tab\there",
            "é é",
            "é  é",
            "plain é plain",
            "two  blanks",
            "a   b  c",
            "?  8",
        ] {
            assert_eq!(subject(text), text, "{text:?}");
        }
    }

    #[test]
    fn an_endless_word_is_cut_into_lines() {
        let text = "x".repeat(1200);
        assert_eq!(subject(&text), text);
    }

    #[test]
    fn encoded_words_keep_their_limits() {
        let text = "é".repeat(200);
        for field in [
            unstructured("Subject", &text),
            unstructured("X", &format!("a {text}")),
        ] {
            for line in field.split("\r\n") {
                assert!(line.len() <= LINE, "{line}");
                for word in line.split(' ').filter(|word| word.starts_with("=?")) {
                    assert!(word.len() <= MAX_ENCODED_WORD, "{word}");
                }
            }
        }
    }

    #[test]
    fn names_are_atoms_quoted_strings_or_encoded_words() {
        let list =
            "Bob Smith <b@x.org>, \"Doe, John\" <j@x.org>, Jürgen <u@x.org>, c@x.org, T: d@x.org;";
        let field = addresses("To", &parse_list(list).unwrap());
        assert_eq!(
            field,
            "To: Bob Smith <b@x.org>, \"Doe, John\" <j@x.org>, =?utf-8?q?J=C3=BCrgen?=\r\n \
             <u@x.org>, c@x.org, T: d@x.org;\r\n"
        );
        let none = parse_list("undisclosed-recipients:;").unwrap();
        assert_eq!(addresses("To", &none), "To: undisclosed-recipients:;\r\n");
    }

    #[test]
    fn a_hundred_addresses_are_folded() {
        let list: Vec<String> = (0..100).map(|n| format!("user{n}@example.org")).collect();
        let field = addresses("To", &parse_list(&list.join(",")).unwrap());
        assert!(field.split("\r\n").all(|line| line.len() <= LINE));
    }

    #[test]
    fn file_names_are_tokens_quoted_strings_or_rfc_2231() {
        let field = |name: &str| {
            with_parameters("Content-Disposition", "attachment", &[("filename", name)])
        };
        assert_eq!(
            field("a.pdf"),
            "Content-Disposition: attachment; filename=a.pdf\r\n"
        );
        assert_eq!(
            field("a \"b\".pdf"),
            "Content-Disposition: attachment; filename*=utf-8''a%20%22b%22.pdf\r\n"
        );
        assert_eq!(
            field("a b.pdf"),
            "Content-Disposition: attachment; filename=\"a b.pdf\"\r\n"
        );
        assert_eq!(
            field("menü.pdf"),
            "Content-Disposition: attachment; filename*=utf-8''men%C3%BC.pdf\r\n"
        );
        assert_eq!(
            field("it's.txt"),
            "Content-Disposition: attachment; filename=\"it's.txt\"\r\n"
        );
        for name in [
            " blank".to_owned(),
            "=?utf-8?q?x?=.bin".to_owned(),
            "utf-8''x.bin".to_owned(),
            "日本語".repeat(20) + ".pdf",
            "x".repeat(300),
            "a\r\nBcc: b".to_owned(),
        ] {
            let field = field(&name);
            check_lines(&field);
            let message = format!("{field}\r\nx");
            let parsed = MessageParser::default().parse(&message).unwrap();
            let disposition = mail_parser::MimeHeaders::content_disposition(&parsed).unwrap();
            assert_eq!(
                disposition.attribute("filename"),
                Some(name.as_str()),
                "{field}"
            );
        }
    }
}
