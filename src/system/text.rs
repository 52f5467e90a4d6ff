//! Text from outside, made safe for a terminal, a log line or a JSON string, and patterns for text.

use encoding_rs::{Encoding, WINDOWS_1252};
use std::borrow::Cow;
use std::ffi::OsStr;
use std::fmt::{Display, Write as _};

/// U+FEFF in UTF-8, which Windows editors write before a text. It is a signature and not text (RFC 3629 §6).
pub const BYTE_ORDER_MARK: &[u8; 3] = b"\xef\xbb\xbf";

/// The contents of a file without a byte order mark.
pub fn without_mark(bytes: &[u8]) -> &[u8] {
    bytes.strip_prefix(BYTE_ORDER_MARK).unwrap_or(bytes)
}

/// A name or a line in UTF-8, else in this charset. `None`: windows-1252, the most common charset of text
/// that is not UTF-8.
pub fn in_charset<'t>(bytes: &'t [u8], charset: Option<&str>) -> Cow<'t, str> {
    if let Ok(text) = std::str::from_utf8(bytes) {
        return Cow::Borrowed(text);
    }
    match charset.and_then(|label| Encoding::for_label(label.as_bytes())) {
        Some(charset) => charset.decode_without_bom_handling(bytes).0,
        None => Cow::Owned(windows_1252(bytes)),
    }
}

/// Text in windows-1252. The five undefined bytes become U+FFFD.
pub fn windows_1252(bytes: &[u8]) -> String {
    let (text, _) = WINDOWS_1252.decode_without_bom_handling(bytes);
    let is_none = |c: char| matches!(c, '\u{80}'..='\u{9f}');
    text.replace(is_none, "\u{fffd}")
}

/// Bytes from a server as printable ASCII: everything else becomes `\xNN`.
pub fn printable(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(bytes.len());
    for &byte in bytes {
        if matches!(byte, b' '..=b'~') {
            text.push(char::from(byte));
        } else {
            let _ = write!(text, "\\x{byte:02x}");
        }
    }
    text
}

/// A part of a URL without its percent-encoding (RFC 3986 §2.1). An invalid code is kept.
pub fn percent_decoded(text: &[u8]) -> String {
    let mut bytes = Vec::with_capacity(text.len());
    let mut at = 0;
    while at < text.len() {
        let code = (text[at] == b'%')
            .then(|| text.get(at + 1..at + 3))
            .flatten()
            .and_then(|digits| std::str::from_utf8(digits).ok())
            .and_then(|digits| u8::from_str_radix(digits, 16).ok());
        bytes.push(code.unwrap_or(text[at]));
        at += if code.is_some() { 3 } else { 1 };
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

/// Text of local origin (addresses, file names), safe for a terminal: control and bidirectional characters
/// and other invisible ones become `\u{NNNN}`. Letters of all scripts are kept.
pub fn shown(text: &str) -> String {
    let mut safe = String::with_capacity(text.len());
    for character in text.chars() {
        if controls_terminal(character) {
            safe.extend(character.escape_unicode());
        } else {
            safe.push(character);
        }
    }
    safe
}

/// A path or another name of the system, safe for a terminal.
pub fn shown_path(path: impl AsRef<OsStr>) -> String {
    shown(&path.as_ref().to_string_lossy())
}

/// As [`shown`], but tabs are kept: for output of other programs.
pub fn shown_with_tabs(text: &str) -> String {
    text.split('\t').map(shown).collect::<Vec<_>>().join("\t")
}

/// True for controls, line separators, bidirectional marks and other format characters.
pub fn controls_terminal(character: char) -> bool {
    character.is_control()
        || matches!(character,
            '\u{ad}' | '\u{61c}' | '\u{180e}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}'
            | '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{fff9}'..='\u{fffb}' | '\u{e0000}'..='\u{e007f}')
}

/// JSON whose characters cannot control a terminal.
pub fn json_for_terminal(json: &str) -> String {
    let mut line = String::with_capacity(json.len());
    for character in json.chars() {
        if controls_terminal(character) {
            let mut units = [0; 2];
            for unit in character.encode_utf16(&mut units) {
                line.push_str(&format!("\\u{unit:04x}"));
            }
        } else {
            line.push(character);
        }
    }
    line
}

/// Escapes the characters that are markup.
pub fn html_escaped(text: &str) -> String {
    let mut safe = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '&' => safe.push_str("&amp;"),
            '<' => safe.push_str("&lt;"),
            '>' => safe.push_str("&gt;"),
            '"' => safe.push_str("&quot;"),
            _ => safe.push(character),
        }
    }
    safe
}

/// A text in a color of the terminal, given as its ANSI code.
pub fn in_color(color: &str, text: &str) -> String {
    format!("\x1b[{color}m{text}\x1b[0m")
}

/// The first character that is not allowed in a header, an address or a command: CR, LF, NUL and every
/// other control except TAB, and the Unicode line separators.
pub fn forbidden(text: &str) -> Option<char> {
    text.chars().find(|&character| {
        (character.is_control() && character != '\t')
            || matches!(character, '\u{2028}' | '\u{2029}')
    })
}

/// A text that is allowed in a header: without control characters, and with a blank in place of one that
/// was white space.
pub fn without_controls(text: &str) -> String {
    let is_space = |c| matches!(c, '\t'..='\r' | '\u{85}' | '\u{2028}' | '\u{2029}');
    let plain = |c: char| match c {
        _ if is_space(c) => Some(' '),
        _ if c.is_control() => None,
        _ => Some(c),
    };
    let text: String = text.chars().filter_map(plain).collect();
    text.trim().to_owned()
}

/// The beginning of a text, in at most this many octets and whole characters.
pub fn beginning(text: &str, octets: usize) -> &str {
    let mut end = octets.min(text.len());
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    &text[..end]
}

/// The system's description of an error, without the number that the standard library adds.
pub fn reason(error: &impl Display) -> String {
    let text = error.to_string();
    match text.split_once(" (os error ") {
        Some((words, _)) => words.to_owned(),
        None => text,
    }
}

/// Length of the control sequence of ECMA-48 at the beginning of a text. `None`: it is incomplete or unknown.
pub fn escape_length(text: &[u8]) -> Option<usize> {
    match text.get(1)? {
        b'[' => {
            let is_final = |byte: &u8| (0x40..=0x7e).contains(byte);
            text[2..].iter().position(is_final).map(|at| at + 3)
        }
        // A title or a link, up to BEL or ST.
        b']' => {
            let bell = memchr::memchr(7, text).map(|at| at + 1);
            let terminator = memchr::memmem::find(text, b"\x1b\\").map(|at| at + 2);
            bell.into_iter().chain(terminator).min()
        }
        // Designates a character set, which the third byte names.
        b'(' | b')' => (text.len() > 2).then_some(3),
        0x30..=0x7e => Some(2),
        _ => None,
    }
}

/// Description of a forbidden character, for an error text.
pub fn name_of(character: char) -> String {
    match character {
        '\r' => "a carriage return".to_owned(),
        '\n' => "a line feed".to_owned(),
        '\0' => "a NUL".to_owned(),
        other => format!("the control character {}", other.escape_unicode()),
    }
}

/// True if a text is a pattern.
pub fn is_pattern(text: &str) -> bool {
    text.contains(['*', '?'])
}

/// True if a pattern matches the whole text, without regard to case.
pub fn matches_pattern(pattern: &str, text: &str) -> bool {
    let lower = |text: &str| text.to_lowercase().chars().collect::<Vec<char>>();
    glob(&lower(pattern), &lower(text))
}

/// `*` matches any text, `?` any character. Only the last `*` is backtracked to, so that the time is
/// bounded by the product of both lengths.
fn glob(pattern: &[char], text: &[char]) -> bool {
    let (mut at, mut from) = (0, 0);
    let mut star = None;
    while from < text.len() {
        match pattern.get(at) {
            Some('*') => {
                star = Some((at, from));
                at += 1;
            }
            Some(&wanted) if wanted == '?' || wanted == text[from] => {
                at += 1;
                from += 1;
            }
            _ => {
                let Some((back, skipped)) = star else {
                    return false;
                };
                star = Some((back, skipped + 1));
                at = back + 1;
                from = skipped + 1;
            }
        }
    }
    pattern[at..].iter().all(|&rest| rest == '*')
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io;

    #[test]
    fn system_error_is_shown_without_its_number() {
        let missing = io::Error::from_raw_os_error(2);
        assert_eq!(reason(&missing), "No such file or directory");
        assert_eq!(reason(&io::Error::other("x (y)")), "x (y)");
    }

    #[test]
    fn reply_is_shown_without_escape_codes() {
        assert_eq!(
            printable(b"hi\x1b[2J\xe4\x7f\ttab"),
            "hi\\x1b[2J\\xe4\\x7f\\x09tab"
        );
    }

    #[test]
    fn name_is_decoded_as_utf8_or_the_charset_or_windows_1252() {
        assert_eq!(in_charset("Jürgen".as_bytes(), Some("koi8-r")), "Jürgen");
        assert_eq!(in_charset(b"J\xfcrgen \x80\x81", None), "Jürgen €\u{fffd}");
        assert_eq!(in_charset(b"\xed\xc5\xce\xc0", Some("koi8-r")), "Меню");
    }

    #[test]
    fn bidirectional_controls_are_escaped_and_letters_are_kept() {
        assert_eq!(shown("Jürgen 用户"), "Jürgen 用户");
        assert_eq!(shown("a\u{202e}b\x1b\u{85}"), "a\\u{202e}b\\u{1b}\\u{85}");
    }

    #[test]
    fn text_without_controls_is_one_line() {
        let text = "\u{1b}a\0b\r\nc\td\u{2028}e\u{85}f é\u{7f}\n";
        assert_eq!(without_controls(text), "ab  c d e f é");
    }

    #[test]
    fn line_breaks_are_forbidden_and_tab_is_allowed() {
        for bad in ["a\rb", "a\nb", "a\0b", "a\u{85}b", "a\u{2028}b", "a\u{b}b"] {
            assert!(forbidden(bad).is_some(), "{bad:?}");
        }
        assert_eq!(forbidden("a\tb é"), None);
    }

    #[test]
    fn pattern_without_wildcards_matches_itself_in_any_case() {
        for (pattern, text, is_fit) in [
            ("Root", "rOOT", true),
            ("root", "roo", false),
            ("r??t", "root", true),
            ("*", "", true),
            ("", "", true),
            ("?", "", false),
        ] {
            assert_eq!(matches_pattern(pattern, text), is_fit, "{pattern} {text}");
        }
    }

    #[test]
    fn pattern_of_many_wildcards_is_matched_quickly() {
        let pattern: Vec<char> = "*a".repeat(500).chars().chain(['b']).collect();
        let text: Vec<char> = "a".repeat(5000).chars().collect();
        assert!(!glob(&pattern, &text));
    }
}
