//! Writing of header fields: folded at 78 characters if possible, at 76 if they contain an encoded word,
//! never over 998 (RFC 5322 §2.1.1, RFC 2047 §2). Text that is not ASCII becomes encoded words (RFC 2047),
//! a parameter that is not ASCII is written as in RFC 2231.
//!
//! lettre's header writer is not used: it loses blanks between encoded words, overwrites repeated fields,
//! allows lines of any length, and cannot write a parameter that is not ASCII.

use crate::mail::address::{ListEntry, Mailbox, decoded};
use crate::mail::message::encode::MAX_LINE;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

/// The length of a line that can be folded (RFC 5322 §2.1.1).
const LINE: usize = 78;

/// The same for a line with an encoded word (RFC 2047 §2).
const LINE_WITH_ENCODED_WORD: usize = 76;

/// The longest word that is not encoded. Longer ones are encoded, so that they can be folded.
const MAX_WORD: usize = 900;

/// The longest encoded word (RFC 2047 §2).
const MAX_ENCODED_WORD: usize = 75;

/// The longest display name that is written as one word.
const MAX_PHRASE: usize = 60;

/// A field being written.
struct Folder {
    text: String,
    /// Length of the field's name and its colon.
    name_len: usize,
    /// Start of the current line in `text`.
    line_at: usize,
}

impl Folder {
    fn new(name: &str) -> Self {
        Self {
            text: format!("{name}:"),
            name_len: name.len() + 1,
            line_at: 0,
        }
    }

    /// Writes a blank and a word, on the next line if it does not fit on this one.
    fn word(&mut self, word: &str) {
        self.word_after(" ", word);
    }

    /// Writes these blanks, which are kept if the line is folded before them, and a word.
    fn word_after(&mut self, blanks: &str, word: &str) {
        if self.column() + blanks.len() + word.len() > self.limit(word) {
            self.fold();
        }
        self.text.push_str(blanks);
        self.text.push_str(word);
    }

    /// Maximum length of the current line with this word.
    fn limit(&self, word: &str) -> usize {
        let holds_encoded_word = |text: &str| text.contains("=?") && text.contains("?=");
        if holds_encoded_word(&self.text[self.line_at..]) || holds_encoded_word(word) {
            LINE_WITH_ENCODED_WORD
        } else if self.text.len() == self.name_len {
            // Some programs treat a field that is folded right after its name as empty.
            MAX_LINE
        } else {
            LINE
        }
    }

    fn column(&self) -> usize {
        self.text.len() - self.line_at
    }

    fn fold(&mut self) {
        self.text.push_str("\r\n");
        self.line_at = self.text.len();
    }

    /// The longest encoded word that fits into the line after a blank.
    fn space_left(&self) -> usize {
        MAX_ENCODED_WORD.min(LINE_WITH_ENCODED_WORD.saturating_sub(self.column() + 1))
    }

    fn finish(mut self) -> String {
        self.text.push_str("\r\n");
        self.text
    }
}

/// A field with free text: `Subject`, `Comments`, and all that are not known to be structured.
pub fn unstructured(name: &str, value: &str) -> String {
    let mut folder = Folder::new(name);
    let words: Vec<&str> = value.split(' ').collect();
    // Everything from the first to the last special word is encoded together: blanks between encoded words
    // would vanish (RFC 2047 §6.2). Several blanks in a row make empty words, which need their neighbours
    // to be encoded with.
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

/// True if a word must be encoded: other scripts, tabs, text that looks encoded, very long words, and the
/// empty words that several blanks in a row make.
fn is_special(word: &str) -> bool {
    word.is_empty()
        || word.len() > MAX_WORD
        || word.contains("=?")
        || !word.bytes().all(|byte| byte.is_ascii_graphic())
}

/// A field of identifiers or dates, which may be folded but not encoded.
pub fn structured(name: &str, value: &str) -> String {
    let mut folder = Folder::new(name);
    value
        .split(' ')
        .filter(|word| !word.is_empty())
        .for_each(|word| folder.word(word));
    folder.finish()
}

/// A field folded at its blanks, which are kept. `None`: a line would be too long.
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
        folder.word_after(blanks, &rest[word_at..word_at + end]);
        rest = &rest[word_at + end..];
    }
    Some(folder.finish())
}

/// A field that may not be encoded. Words that are too long for a line are cut.
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
pub fn addresses(name: &str, entries: &[ListEntry]) -> String {
    let mut folder = Folder::new(name);
    for (at, entry) in entries.iter().enumerate() {
        let end = if at + 1 < entries.len() { "," } else { "" };
        match entry {
            ListEntry::Mailbox(mailbox) => write_mailbox(&mut folder, mailbox, end),
            ListEntry::Group { name, members } => write_group(&mut folder, name, members, end),
        }
    }
    folder.finish()
}

fn write_group(folder: &mut Folder, name: &str, members: &[Mailbox], end: &str) {
    let Some((last, others)) = members.split_last() else {
        return phrase(folder, name, &format!(":;{end}"));
    };
    phrase(folder, name, ":");
    for member in others {
        write_mailbox(folder, member, ",");
    }
    write_mailbox(folder, last, &format!(";{end}"));
}

fn write_mailbox(folder: &mut Folder, mailbox: &Mailbox, end: &str) {
    let Mailbox { name, address } = mailbox;
    match name {
        None => folder.word(&format!("{address}{end}")),
        Some(name) => {
            phrase(folder, name, "");
            folder.word(&format!("<{address}>{end}"));
        }
    }
}

/// A display name as atoms, a quoted string or encoded words, and the specials that follow it.
fn phrase(folder: &mut Folder, name: &str, end: &str) {
    let is_atom = |word: &str| {
        !word.is_empty()
            && word
                .bytes()
                .all(|byte| byte.is_ascii_alphanumeric() || b"!#$%&'*+-/=?^_`{|}~".contains(&byte))
    };
    let plain = name.bytes().all(|byte| matches!(byte, b' '..=b'~'));
    if !plain || name.contains("=?") || name.len() > MAX_PHRASE {
        encoded_words(folder, name);
        // RFC 2047 §5 (3): white space separates an encoded word from a special.
        if !end.is_empty() {
            folder.word(end);
        }
    } else if name.split(' ').all(is_atom) {
        format!("{name}{end}")
            .split(' ')
            .for_each(|word| folder.word(word));
    } else {
        folder.word(&format!("{}{end}", quoted(name)));
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

/// A text as encoded words.
fn encoded_words(folder: &mut Folder, text: &str) {
    let is_q = is_better_as_q(text);
    let mut rest = text;
    while !rest.is_empty() {
        let mut count = fitting(rest, is_q, folder.space_left());
        if count == 0 {
            folder.fold();
            count = fitting(rest, is_q, folder.space_left());
        }
        let (now, later) = rest.split_at(count);
        folder.word(&encoded_word(now, is_q));
        rest = later;
    }
}

/// True if Q is better, for text that is still readable in it; else B is shorter.
fn is_better_as_q(text: &str) -> bool {
    let q_len: usize = text.chars().map(q_width).sum();
    q_len <= text.len() * 5 / 3 + 2
}

/// Number of bytes of the text, in whole characters, that fit in an encoded word of this length.
fn fitting(text: &str, is_q: bool, space: usize) -> usize {
    let payload = space.saturating_sub("=?utf-8?q??=".len());
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

/// True if an octet needs no encoding, even in a phrase (RFC 2047 §5 (3)).
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
    let mut words = vec![value.to_owned()];
    for (key, value) in parameters {
        if let Some(before) = words.last_mut() {
            before.push(';');
        }
        words.extend(parameter_words(key, value));
    }
    let mut folder = Folder::new(name);
    for word in &words {
        folder.word(word);
    }
    folder.finish()
}

/// The same for a field that was written elsewhere. Its parameters are kept except for those that are not
/// ASCII.
pub fn with_encoded_parameters(name: &str, value: &str) -> String {
    let mut parameters = split_parameters(value).into_iter();
    let mut words: Vec<String> = parameters.next().map(str::to_owned).into_iter().collect();
    for parameter in parameters.filter(|parameter| !parameter.is_empty()) {
        if let Some(before) = words.last_mut() {
            before.push(';');
        }
        match parameter.split_once('=') {
            Some((key, value)) if key.trim().is_ascii() && !parameter.is_ascii() => {
                words.extend(parameter_words(
                    key.trim(),
                    &decoded(&unquoted(value.trim())),
                ));
            }
            _ => words.push(parameter.to_owned()),
        }
    }
    cut(name, &words.join(" "))
}

/// The parameters of such a value: names in lower case, values without quotes.
pub fn parameters_of(value: &str) -> Vec<(String, String)> {
    let parameters = split_parameters(value);
    let pairs = parameters
        .iter()
        .skip(1)
        .filter_map(|parameter| parameter.split_once('='));
    pairs
        .map(|(key, value)| (key.trim().to_ascii_lowercase(), unquoted(value.trim())))
        .collect()
}

/// Splits a value at semicolons outside quotes.
fn split_parameters(value: &str) -> Vec<&str> {
    let (mut in_quotes, mut is_escaped) = (false, false);
    let parameters = value.split(|character| {
        let was_escaped = std::mem::take(&mut is_escaped);
        match character {
            '"' if !was_escaped => in_quotes = !in_quotes,
            '\\' if in_quotes && !was_escaped => is_escaped = true,
            _ => {}
        }
        character == ';' && !in_quotes
    });
    parameters.map(str::trim).collect()
}

/// A quoted string without its quotes, or a token without the comment after it.
fn unquoted(value: &str) -> String {
    let Some(inside) = value.strip_prefix('"') else {
        let end = value.find([' ', '\t', '(']);
        return value[..end.unwrap_or(value.len())].to_owned();
    };
    let mut text = String::new();
    let mut characters = inside.chars();
    while let Some(character) = characters.next() {
        match character {
            '"' => break,
            '\\' => text.extend(characters.next()),
            _ => text.push(character),
        }
    }
    text
}

/// A parameter, as words between which a line can be folded.
fn parameter_words(key: &str, value: &str) -> Vec<String> {
    if is_plain_parameter(value) {
        let token = !value.is_empty() && value.bytes().all(is_token);
        let value = if token {
            value.to_owned()
        } else {
            quoted(value)
        };
        return vec![format!("{key}={value}")];
    }
    // Content-Type had this parameter before RFC 2231, and many mail programs expect the old form.
    if key == "name" {
        return encoded_parameter(key, value);
    }
    let sections = percent_sections(value, LINE - key.len() - "*99*=utf-8'';  ".len());
    let single = sections.len() == 1;
    let last = sections.len() - 1;
    let word = |(at, text): (usize, &String)| {
        // RFC 2231 §4: charset and language are named in the first section only.
        let charset = if at == 0 { "utf-8''" } else { "" };
        let number = if single {
            String::new()
        } else {
            format!("*{at}")
        };
        let end = if at < last { ";" } else { "" };
        format!("{key}{number}*={charset}{text}{end}")
    };
    sections.iter().enumerate().map(word).collect()
}

/// A parameter as encoded words in a quoted string. RFC 2047 §5 (3) does not allow this; Thunderbird, Gmail
/// and Apple Mail write it, and Outlook and others read a name in no other form.
fn encoded_parameter(key: &str, value: &str) -> Vec<String> {
    let start = format!("{key}=\"");
    let space = LINE_WITH_ENCODED_WORD - start.len() - " \";".len();
    let is_q = is_better_as_q(value);
    let mut words = Vec::new();
    let mut rest = value;
    while !rest.is_empty() {
        let (now, later) = rest.split_at(fitting(rest, is_q, space));
        let start = if words.is_empty() { &start } else { "" };
        let end = if later.is_empty() { "\"" } else { "" };
        words.push(format!("{start}{}{end}", encoded_word(now, is_q)));
        rest = later;
    }
    words
}

/// True for a value that all mail programs read alike as a token or in quotes: without quotes and
/// backslashes, without blanks at its ends, and not similar to an encoded one.
fn is_plain_parameter(value: &str) -> bool {
    let is_plain = |byte| matches!(byte, b' '..=b'~') && !matches!(byte, b'"' | b'\\');
    value.len() <= MAX_WORD
        && value.bytes().all(is_plain)
        && value.trim() == value
        && !value.contains("=?")
        && value.matches('\'').count() < 2
}

/// Less than RFC 2045 §5.1 allows: some mail programs treat `'`, `*` and `%` as RFC 2231.
fn is_token(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"._+-".contains(&byte)
}

/// Percent-encoded text (RFC 2231 §7), in sections of whole characters.
fn percent_sections(value: &str, space: usize) -> Vec<String> {
    let mut sections = vec![String::new()];
    let mut buffer = [0; 4];
    for character in value.chars() {
        let encoded: String = character
            .encode_utf8(&mut buffer)
            .bytes()
            .map(percent)
            .collect();
        match sections.last_mut() {
            Some(section) if section.len() + encoded.len() <= space => section.push_str(&encoded),
            _ => sections.push(encoded),
        }
    }
    sections
}

fn percent(byte: u8) -> String {
    if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
        char::from(byte).to_string()
    } else {
        format!("%{byte:02X}")
    }
}

#[cfg(test)]
mod tests;
